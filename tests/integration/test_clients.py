"""Programs of others with `kiln serve`: what they push and pull keeps its digests, and runs."""
import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import uuid

import pytest

from conftest import ALL, KILN, PLATFORMS, Kiln, Registry, run, start, stop, wait_for

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def skopeo(*args, **more):
    return run(["skopeo", *args], timeout=120, **more)


def copy(source, to, *args):
    return skopeo("copy", "--all", "--preserve-digests", "--src-tls-verify=false", "--dest-tls-verify=false", *args, source,
                  to)


@pytest.fixture(scope="module")
def image(base, registry, tmp_path_factory):
    """A four-platform image in the registry: its name."""
    d = tmp_path_factory.mktemp("image")
    (d / "Dockerfile").write_text("FROM alpine\nRUN uname -m > /machine && mkdir /d && ln -s ../machine /d/link\n"
                                  "ENV WHO=kiln\nWORKDIR /d\nLABEL of=clients\nCMD cat link; echo $WHO; pwd\n")
    name = f"{registry.host}/clients/image:1"
    Kiln(d / "data", mirror=registry.host).build(d, "--push", tag=name, platform=ALL)
    return name


def digest_of(registry, name):
    """As the registry says, and as its bytes say."""
    repository, tag = name[len(registry.host) + 1:].rsplit(":", 1)
    r = registry.request("GET", f"/v2/{repository}/manifests/{tag}", headers={"Accept": f"{INDEX}, {MANIFEST}"})
    assert r.status == 200
    assert r.headers["Docker-Content-Digest"] == f"sha256:{hashlib.sha256(r.body).hexdigest()}"
    return r.headers["Docker-Content-Digest"], json.loads(r.body)


def test_skopeo_copies_the_index_out_and_back(registry, image, tmp_path):
    before, index = digest_of(registry, image)
    assert [m["platform"]["architecture"] for m in index["manifests"]] == ["amd64", "arm64", "arm", "arm"]
    copy(f"docker://{image}", f"oci:{tmp_path}/layout:1")
    out = json.loads((tmp_path / "layout" / "index.json").read_text())
    assert [m["digest"] for m in out["manifests"]] == [before]
    back = f"{registry.host}/clients/{uuid.uuid4().hex}:back"
    copy(f"oci:{tmp_path}/layout:1", f"docker://{back}")
    assert digest_of(registry, back) == (before, index)


def test_skopeo_copies_to_a_new_registry(image, tmp_path):
    """Where no blob is there yet, so all of them are uploaded."""
    other = Registry(tmp_path / "other")
    try:
        copy(f"docker://{image}", f"docker://{other.host}/deep/er/name:tag")
        seen = json.loads(skopeo("inspect", "--raw", "--tls-verify=false", f"docker://{image}").out)
        assert digest_of(other, f"{other.host}/deep/er/name:tag")[1] == seen
        assert json.loads(skopeo("list-tags", "--tls-verify=false",
                                 f"docker://{other.host}/deep/er/name").out)["Tags"] == ["tag"]
    finally:
        assert other.close() == 0


@pytest.mark.parametrize("platform", PLATFORMS)
def test_skopeo_inspects_each_platform(image, platform):
    _, arch, *variant = platform.split("/")
    where = ["--override-os", "linux", "--override-arch", arch, *(["--override-variant", variant[0]] if variant else [])]
    config = json.loads(skopeo(*where, "inspect", "--config", "--tls-verify=false", f"docker://{image}").out)
    assert (config["architecture"], config.get("variant")) == (arch, variant[0] if variant else None)
    assert config["config"]["Labels"] == {"of": "clients"} and "WHO=kiln" in config["config"]["Env"]
    assert config["config"]["WorkingDir"] == "/d"
    assert len(config["rootfs"]["diff_ids"]) == 2
    about = json.loads(skopeo(*where, "inspect", "--tls-verify=false", f"docker://{image}").out)
    assert (about["Architecture"], about["Os"], len(about["Layers"])) == (arch, "linux", 2)


def test_skopeo_converts_to_docker_types_and_kiln_reads_them(kiln, context, registry, image):
    name = f"{registry.host}/clients/{uuid.uuid4().hex}:v2s2"
    skopeo("copy", "--all", "--format", "v2s2", "--src-tls-verify=false", "--dest-tls-verify=false", f"docker://{image}",
           f"docker://{name}")
    r = registry.request("GET", f"/v2/{name[len(registry.host) + 1:-5]}/manifests/v2s2",
                         headers={"Accept": "application/vnd.docker.distribution.manifest.list.v2+json"})
    assert r.headers["Content-Type"] == "application/vnd.docker.distribution.manifest.list.v2+json"
    kiln.build(context(f"FROM {name}\nRUN uname -m >> /machine\n"), tag="child", platform="linux/arm/v6,linux/arm64")
    assert kiln.run("child", "cat", "/machine", platform="linux/arm/v6").out == "armv6l\narmv6l\n"
    assert kiln.run("child", "cat", "/machine", platform="linux/arm64").out == "aarch64\naarch64\n"


def test_zstd_layers_are_read_by_skopeo_and_kiln(kiln, context, registry, tmp_path):
    name = f"{registry.host}/clients/{uuid.uuid4().hex}:z"
    kiln.build(context("FROM alpine\nRUN echo z > /z\n"), "--compression", "zstd", "--push", tag=name)
    assert digest_of(registry, name)[1]["layers"][1]["mediaType"] == "application/vnd.oci.image.layer.v1.tar+zstd"
    copy(f"docker://{name}", f"dir:{tmp_path}/dir")
    again = type(kiln)(tmp_path / "again", mirror=kiln.mirror)
    again.build(context(f"FROM {name}\nRUN cat /z > /y\n"), tag="y")
    assert again.run("y", "cat", "/y").out == "z\n"


def test_skopeo_deletes(kiln, context, registry, name):
    kiln.build(context("FROM scratch\nLABEL a=b\n"), "--push", tag=f"{name}:gone")
    skopeo("delete", "--tls-verify=false", f"docker://{name}:gone")
    assert registry.request("GET", f"/v2/{name[len(registry.host) + 1:]}/manifests/gone").status == 404


@pytest.fixture
def podman(tmp_path):
    """podman with storage of its own."""
    config = tmp_path / "containers.conf"
    config.write_text('[containers]\ncgroups="disabled"\nnetns="none"\nlog_driver="none"\n'
                      '[engine]\ncgroup_manager="cgroupfs"\nevents_logger="none"\nruntime="crun"\n')
    short = f"/tmp/kiln-podman-{uuid.uuid4().hex[:8]}"  # podman takes at most 50 characters
    os.mkdir(short, 0o700)
    root = ["--root", tmp_path / "podman", "--runroot", f"{short}/run", "--tmpdir", f"{short}/tmp", "--storage-driver",
            "vfs"]

    def call(*args, **more):
        # In a mount and cgroup namespace of its own: crun refuses machines that have cgroups of both versions.
        return run(["unshare", "--mount", "--cgroup", "sh", "-c", 'mount -t cgroup2 cgroup2 /sys/fs/cgroup; exec "$@"',
                    "sh", "podman", *root, *args],
                   timeout=120, env={"CONTAINERS_CONF": str(config)}, **more)

    yield call
    call("rm", "--all", "--force", code=None)
    call("rmi", "--all", "--force", code=None)
    shutil.rmtree(short, ignore_errors=True)


@AS_ROOT
def test_podman_pulls_and_runs(podman, image):
    podman("pull", "--tls-verify=false", image)
    out = podman("run", "--rm", "--network", "none", "--cgroups=disabled", "--ulimit", "nofile=1024:1024", "--ulimit",
                 "nproc=1024:1024", image).out
    assert out == f"{os.uname().machine}\nkiln\n/d\n"


@AS_ROOT
def test_podman_pulls_another_platform(podman, image):
    podman("pull", "-q", "--tls-verify=false", "--platform", "linux/arm/v6", image)
    about = podman("image", "inspect", image)
    (config,) = json.loads(about.out)
    assert (config["Architecture"], config["Os"]) == ("arm", "linux")


@AS_ROOT
def test_podman_pushes_and_kiln_builds_on_it(podman, kiln, context, registry, image):
    name = f"{registry.host}/clients/{uuid.uuid4().hex}:from-podman"
    podman("pull", "-q", "--tls-verify=false", image)
    podman("tag", image, name)
    podman("push", "-q", "--tls-verify=false", name)
    kiln.build(context(f"FROM {name}\nRUN echo more >> /machine\n"), tag="child")
    assert kiln.run("child", "cat", "/machine").out == f"{os.uname().machine}\nmore\n"


@AS_ROOT
def test_podman_loads_the_docker_archive(podman, kiln, context, tmp_path):
    kiln.build(context("FROM alpine\nRUN echo loaded > /f\nCMD [\"cat\", \"/f\"]\n"), "-o",
               f"type=docker,dest={tmp_path}/image.tar", tag="localhost/loaded:1")
    assert "localhost/loaded:1" in podman("load", "-i", tmp_path / "image.tar").out
    assert podman("run", "--rm", "--network", "none", "--cgroups=disabled", "--ulimit", "nofile=1024:1024", "--ulimit",
                  "nproc=1024:1024", "localhost/loaded:1").out == "loaded\n"


@pytest.fixture(scope="module")
def ctr(tmp_path_factory):
    """A containerd of its own: a function that calls ctr."""
    d = tmp_path_factory.mktemp("ctrd")
    short = f"/tmp/kiln-ctr-{uuid.uuid4().hex[:8]}"  # a socket's path has at most 107 bytes
    os.mkdir(short, 0o700)
    (d / "config.toml").write_text(f'version = 2\nroot = "{d}/root"\nstate = "{short}/state"\n'
                                   f'disabled_plugins = ["io.containerd.grpc.v1.cri"]\n[grpc]\naddress = "{short}/sock"\n'
                                   f'[ttrpc]\naddress = "{short}/ttrpc"\n[debug]\naddress = "{short}/debug"\n')
    with open(d / "log", "wb") as log:
        daemon = start(["containerd", "--config", d / "config.toml"], stdout=log, stderr=log)

    def call(*args, **more):
        return run(["ctr", "--address", f"{short}/sock", *args], timeout=120, **more)

    try:
        wait_for(lambda: daemon.poll() is not None or call("version", code=None).code == 0, every=0.1)
        assert daemon.poll() is None, (d / "log").read_text()
        yield call
    finally:
        daemon.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            daemon.wait(20)
        stop(daemon)
        shutil.rmtree(short, ignore_errors=True)


@AS_ROOT
def test_containerd_pulls_every_platform(ctr, registry, image):
    ctr("images", "pull", "--plain-http", "--all-platforms", "--snapshotter", "native", image)
    listed = [l for l in ctr("images", "ls").out.splitlines() if l.startswith(image)]
    assert len(listed) == 1 and digest_of(registry, image)[0] in listed[0]
    for p in PLATFORMS:
        assert p in listed[0]


@AS_ROOT
def test_containerd_pulls_and_runs(ctr, image):
    ctr("images", "pull", "--plain-http", "--snapshotter", "native", image)
    out = ctr("run", "--rm", "--snapshotter", "native", image, f"t-{uuid.uuid4().hex[:8]}").out
    assert out == f"{os.uname().machine}\nkiln\n/d\n"


@AS_ROOT
def test_containerd_pushes(ctr, registry, image):
    name = f"{registry.host}/clients/{uuid.uuid4().hex}:from-containerd"
    ctr("images", "pull", "--plain-http", "--all-platforms", "--snapshotter", "native", image)
    ctr("images", "tag", image, name)
    ctr("images", "push", "--plain-http", name)
    assert digest_of(registry, name) == digest_of(registry, image)


@pytest.mark.skipif(not shutil.which("crane"), reason="crane is not packaged by Debian 12")
def test_crane(registry, image):
    run(["crane", "validate", "--insecure", "--remote", image], timeout=120)
    name = f"{registry.host}/clients/{uuid.uuid4().hex}:from-crane"
    run(["crane", "copy", "--insecure", image, name], timeout=120)
    assert run(["crane", "digest", "--insecure", name]).out.strip() == digest_of(registry, image)[0]


def test_health(registry):
    assert registry.request("GET", "/healthz").status == 200
    assert registry.request("GET", "/v2/").status == 200
    assert registry.request("GET", "/assets/elsewhere").status == 404


def test_state_survives_a_restart(kiln, context, tmp_path):
    """What was answered with 201 is there after a kill."""
    first = Registry(tmp_path / "serve")
    host = first.host
    kiln.build(context("FROM alpine\nLABEL a=b\n"), "--push", tag=f"{host}/keep/me:1", platform=ALL)
    before = digest_of(first, f"{host}/keep/me:1")
    first.process.kill()
    first.process.wait()
    again = Registry(tmp_path / "serve")
    try:
        assert digest_of(again, f"{again.host}/keep/me:1") == before
        copy(f"docker://{again.host}/keep/me:1", f"dir:{tmp_path}/dir")
    finally:
        assert again.close() == 0


def test_serve_says_that_its_port_is_taken(registry, tmp_path):
    (tmp_path / "d").mkdir()
    r = run([KILN, "serve", "--data", tmp_path / "d", "--listen", registry.host], code=1)
    assert registry.host in r.err
