"""Base images from registries that are down, closed, wrong or hostile, and layers that mean harm."""
import gzip
import json
import os
import shutil
import subprocess
import tarfile
import time

import pytest

from conftest import CACHE, HOST, Kiln, start, stop, wait_for
from hostile import CONFIG, INDEX, MANIFEST, Hostile, closed_port, digest, entry, tar

DIR, LINK, HARD = tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE
ARCH = HOST.split("/")[1]


@pytest.fixture
def hostile():
    with Hostile() as r:
        yield r


@pytest.fixture(scope="module")
def shell(base):
    """A layer with a shell."""
    busybox = (CACHE / "root" / f"alpine-{HOST.removeprefix('linux/').replace('/', '')}" / "bin" / "busybox").read_bytes()
    links = [entry(f"bin/{name}", kind=LINK, linkname="busybox") for name in ("sh", "ls", "cat", "stat")]
    return tar(entry("bin/", kind=DIR), entry("bin/busybox", busybox, mode=0o755), *links)


@pytest.fixture
def refused(kiln, context):
    """refused(name, words…): a build on that base ends with 1 and these words, soon, and without a trace in the host's files."""

    def build(name, *says, steps="RUN true", timeout=60, **more):
        r = kiln.build(context(f"FROM {name}\n{steps}\n"), code=1, timeout=timeout, **more)
        assert not [word for word in says if word not in r.err], r
        return r

    return build


# --- who answers ----------------------------------------------------------------------------------------------------


def test_missing_and_down(refused, hostile):
    refused(f"{hostile.host}/nowhere:1", "Dockerfile:1", f"{hostile.host}/nowhere:1 does not exist")
    down = closed_port()
    refused(f"{down}/x:1", "Dockerfile:1", f"registry {down} cannot be reached: Connection refused")
    refused("registry.invalid/x:1", "Dockerfile:1", "registry registry.invalid cannot be reached: its name cannot be resolved")


def test_login(refused, kiln, context, tmp_path, base):
    """docker-registry with a password file, as Debian has it."""
    if not shutil.which("docker-registry") or not shutil.which("htpasswd"):
        pytest.skip("needs Debian's docker-registry and apache2-utils")
    at = closed_port()
    (tmp_path / "htpasswd").write_text(subprocess.run(["htpasswd", "-Bbn", "me", "secret"], check=True, capture_output=True, text=True).stdout)
    (tmp_path / "config.yml").write_text(f"""version: 0.1
storage: {{filesystem: {{rootdirectory: {tmp_path}/registry}}}}
http: {{addr: "{at}"}}
auth: {{htpasswd: {{realm: test, path: {tmp_path}/htpasswd}}}}
""")
    server = start(["docker-registry", "serve", tmp_path / "config.yml"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: subprocess.run(["curl", "-s", "-o", "/dev/null", f"http://{at}/v2/"]).returncode == 0)
        env = {"DOCKER_CONFIG": str(tmp_path / "docker")}
        r = refused(f"{at}/a/b:1", "Dockerfile:1", f"docker login {at}", env=env)
        assert "secret" not in r.text
        config = tmp_path / "docker" / "config.json"
        config.parent.mkdir()
        config.write_text(json.dumps({"auths": {at: {"auth": "bWU6d3Jvbmc="}}}))  # me:wrong
        refused(f"{at}/a/b:1", f"docker login {at}", env=env)
        config.write_text(json.dumps({"auths": {at: {"auth": "bWU6c2VjcmV0"}}}))  # me:secret
        kiln.build(context("FROM alpine\nRUN echo 1 >/x\n"), "--push", tag=f"{at}/a/b:1", env=env)
        kiln.build(context(f"FROM {at}/a/b:1\nRUN cat /x\n"), env=env)
        config.write_text("{ broken")
        refused(f"{at}/a/b:1", "config.json", env=env)
    finally:
        stop(server)


def test_platforms_that_a_base_has(refused, hostile):
    name = hostile.index("p", ["linux/s390x", "windows/amd64", "linux/ppc64le"])
    refused(name, "Dockerfile:1", HOST, "linux/s390x, windows/amd64, linux/ppc64le")
    refused(hostile.image("q", platform="linux/s390x"), "Dockerfile:1", HOST, "linux/s390x")
    refused(hostile.index("v7", ["linux/arm/v7"]), "linux/arm/v6", "linux/arm/v7", platform="linux/arm/v6")


@pytest.mark.parametrize("how, says", [
    (lambda h: h.answer(307, Location=h.path), "redirect"),
    (lambda h: h.answer(307, Location="file:///etc/passwd"), "redirect"),
    (lambda h: h.answer(403, json.dumps({"errors": [{"code": "DENIED", "message": "go\x1b[2J\naway"}]})), "docker login"),
    (lambda h: h.endless(Content_Type=MANIFEST), "longer than 4194304 bytes"),
    (lambda h: h.endless(Content_Type=MANIFEST, Content_Length=str(1 << 62)), "longer than 4194304 bytes"),
], ids=["redirect to itself", "redirect to a file", "denied", "endless", "endless and says so"])
def test_answers(refused, hostile, how, says):
    hostile.spoil("/v2/", how)
    r = refused(f"{hostile.host}/x:1", "Dockerfile:1", hostile.host, says)
    assert "\x1b" not in r.err and hostile.server.sent < 64 << 20


@pytest.mark.parametrize("data", [
    b"\0\1garbage\n\n", b"", b"HTTP/1.1 200 OK\r\nX: " + b"a" * (1 << 20) + b"\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200000 + b"\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\nContent-Length: 20\r\n\r\n{}",
], ids=["garbage", "nothing", "long header", "many headers", "two lengths"])
def test_no_http(refused, hostile, data):
    hostile.spoil("/v2/", lambda h: h.raw(data))
    r = refused(f"{hostile.host}/x:1", "Dockerfile:1", f"registry {hostile.host}")
    assert "memory" not in r.err.lower(), r


# --- documents ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("data, says", [
    (b"{", "JSON line 1"), (b"", "JSON line 1"), (b"[]", "must be a JSON object"), (b"null", "must be a JSON object"),
    (b'{"schemaVersion":2}', '"config" is missing'), (b"\xff\xfe", "JSON"), (b"<html>", "JSON line 1"), (b"[" * 100000, "nested deeper"),
    (b'{"schemaVersion":1,"name":"x"}', "schema 1"),
    (b'{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"a/b","digest":"sha256:zz","size":1},"layers":[]}', "sha256:zz"),
    (b'{"schemaVersion":2,"config":{"mediaType":"a/b","digest":"sha256:' + b"0" * 64 + b'","size":-1},"layers":[]}', "size"),
    (b'{"schemaVersion":2,"schemaVersion":2}', "JSON"),
])
def test_broken_manifests(refused, hostile, data, says):
    refused(hostile.put("x", "1", data), "Dockerfile:1", f"{hostile.host}/x:1", says)


def test_media_types(refused, hostile, shell):
    refused(hostile.image("t", layers=[shell], media_type="application/x-rpm"), "Dockerfile:1", "application/x-rpm", "no file system layer")
    m = json.loads(hostile.manifest(layers=[shell]))
    m["config"] = hostile.descriptor(b"{}", "application/vnd.cncf.helm.config.v1+json")
    refused(hostile.put("helm", "1", json.dumps(m).encode()), "Dockerfile:1", "application/vnd.cncf.helm.config.v1+json")


def test_digest_of_a_manifest(refused, hostile, shell):
    name = hostile.image("m", layers=[shell])
    refused(f"{hostile.host}/m@sha256:{'1' * 64}", "Dockerfile:1")
    hostile.spoil("/manifests/", lambda h: h.answer(200, hostile.manifest(), MANIFEST, Docker_Content_Digest="sha256:" + "1" * 64))
    refused(name, "Dockerfile:1", f"registry {hostile.host} lied", "expected sha256:1111")
    refused(f"{hostile.host}/m@sha256:{'1' * 64}", f"registry {hostile.host} lied", "expected sha256:1111")


@pytest.mark.parametrize("how, says", [
    (lambda h, good: h.answer(200, b"x" * len(good)), ["lied", "content is sha256:", "expected sha256:"]),
    (lambda h, good: h.answer(200, good[:-5]), ["lied", "expected {} bytes"]),
    (lambda h, good: h.answer(200, good + b"more"), ["lied", "expected {} bytes"]),
    (lambda h, good: h.endless(), ["lied", "expected {} bytes, got at least"]),
    (lambda h, good: h.answer(200, gzip.compress(good), Content_Encoding="gzip"), ["lied", "expected {} bytes"]),
    (lambda h, good: h.answer(404), ["does not exist"]),
    (lambda h, good: h.answer(307, Location=f"http://{closed_port()}/x"), ["redirected to 127.0.0.1", "Connection refused"]),
], ids=["other bytes", "short", "long", "endless", "encoded", "absent", "elsewhere"])
@pytest.mark.parametrize("which", ["config", "layer"])
def test_blobs(refused, hostile, shell, which, how, says):
    name = hostile.image("b", layers=[shell])
    m = json.loads(hostile.manifests["b", "latest"][1])
    d = (m["config"] if which == "config" else m["layers"][0])["digest"]
    good = hostile.blobs[d]
    hostile.spoil(d, lambda h: how(h, good))
    r = refused(name, "Dockerfile:1" if which == "config" else "Dockerfile:2", hostile.host, *(s.format(len(good)) for s in says))
    assert hostile.server.sent < 64 << 20, r


def test_a_lie_leaves_nothing_behind(refused, kiln, context, hostile, shell):
    name = hostile.image("b", layers=[shell])
    d = json.loads(hostile.manifests["b", "latest"][1])["layers"][0]["digest"]
    hostile.spoil(d, lambda h: h.answer(200, b"x" * len(hostile.blobs[d])))
    refused(name, "lied")
    hostile.spoiled.clear()
    kiln.build(context(f"FROM {name}\nRUN true\n"))


def test_config_and_manifest_disagree(refused, hostile, shell):
    refused(hostile.image("few", layers=[shell], diff_ids=[]), "Dockerfile:1", "manifest has 1 layers and its configuration 0")
    refused(hostile.image("none", layers=[shell], config=json.dumps({"os": "linux", "architecture": ARCH}).encode()), "Dockerfile:1")
    other = hostile.image("other", layers=[shell], diff_ids=["sha256:" + "0" * 64])
    for step in ("RUN true", "COPY Dockerfile /bin/"):
        refused(other, "Dockerfile:2", f"its content is {digest(shell)}, the image says diff id sha256:0000", steps=step)
    refused(hostile.image("cut", layers=[shell], config=b'{"os"'), "Dockerfile:1", "image configuration: JSON")
    m = hostile.manifest(layers=[shell], platform="linux/s390x")
    entry_of = {"mediaType": MANIFEST, "digest": digest(m), "size": len(m), "platform": {"os": "linux", "architecture": ARCH}}
    hostile.put("index", digest(m), m)
    index = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry_of]}).encode()
    refused(hostile.put("index", "1", index, INDEX), "Dockerfile:1", HOST, "linux/s390x")


# --- layers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("entries, says", [
    ([entry("../evil", b"x")], "../evil: \"..\" in the name"),
    ([entry("a/../../../../evil", b"x")], "\"..\" in the name"),
    ([entry("out", kind=LINK, linkname="{host}"), entry("out/evil", b"x")], "out/evil: a parent, out, is a symbolic link"),
    ([entry("out", kind=LINK, linkname="../../../../../../../..{host}"), entry("out/evil", b"x")], "out/evil: a parent, out, is a symbolic link"),
    ([entry("evil", kind=HARD, linkname="../../../../../../../..{host}/victim")], "\"..\" in the name"),
    ([entry("evil", kind=HARD, linkname="{host}/victim")], "is not in the layer"),
    ([entry("l", kind=LINK, linkname="{host}"), entry("evil", kind=HARD, linkname="l/victim")], "is not in the layer"),
    ([entry("evil", kind=HARD, linkname="evil")], "is not in the layer"),
    ([entry("a/.wh...", b"")], "a whiteout of no name"),
    ([entry("a/.wh.../x", b"")], "a whiteout has nothing below it"),
    ([entry(".", b"x")], "the root of the layer is no directory"),
    ([entry("", b"x")], "an entry without name"),
    ([entry("a/" * 3000 + "b", b"x")], "the name is too long"),
    ([entry("a" * 300, b"x")], "ile name too long"),
], ids=lambda v: v if isinstance(v, str) else "")
def test_layers_that_leave_the_root(refused, hostile, shell, tmp_path, entries, says):
    victims = tmp_path / "host"
    victims.mkdir()
    (victims / "victim").write_text("untouched")
    for info, _ in entries:
        info.linkname = info.linkname.replace("{host}", str(victims))
    refused(hostile.image("e", layers=[shell, tar(*entries)]), "Dockerfile:2", "unpack layer sha256:", says)
    assert os.listdir(victims) == ["victim"] and (victims / "victim").stat().st_nlink == 1
    assert not list(tmp_path.rglob("evil"))


def test_odd_layers_that_stay_within(kiln, context, hostile, shell, tmp_path):
    """Absolute names, links that lead outside where nobody follows them, files in place of what the runtime mounts on."""
    victims = tmp_path / "host"
    victims.mkdir()
    (victims / "victim").write_text("untouched")
    layer = tar(
        entry(f"{victims}/evil", b"within"), entry("link", kind=LINK, linkname=f"{victims}/victim"), entry("link", b"replaced"),
        entry("d/x", b"1"), entry("d", b"now a file"), entry("etc/", kind=DIR), entry("etc/resolv.conf", kind=LINK, linkname=f"../..{victims}/victim"),
        entry("etc/passwd", kind=LINK, linkname="/../../../etc/passwd"), entry("dev/null", b"x"), entry("dev/sda", kind=tarfile.BLKTYPE, devmajor=8),
        entry("proc/1/environ", b"x"), entry("fifo", kind=tarfile.FIFOTYPE), entry("w", kind=LINK, linkname="/../../tmp"), entry("old", b"x", mtime=-5))
    name = hostile.image("odd", layers=[shell, layer])
    r = kiln.build(context(f"FROM {name}\nWORKDIR /w\nRUN cat {victims}/evil /link /d && echo x >/dev/null && pwd && ls / >y\n"), timeout=60)
    assert "within" in r.err and "replaced" in r.err and "now a file" in r.err and "/tmp" in r.err, r
    assert (victims / "victim").read_text() == "untouched" and os.listdir(victims) == ["victim"]


def test_links_in_a_circle(kiln, context, hostile, shell):
    layer = tar(entry("etc/", kind=DIR), *(entry(f"etc/{n}", kind=LINK, linkname=t) for n, t in
                [("resolv.conf", "resolv.conf"), ("hosts", "../etc/hosts"), ("passwd", "../../etc/group"), ("group", "passwd")]))
    name = hostile.image("circle", layers=[shell, layer])
    kiln.build(context(f"FROM {name}\nRUN ls /etc\n"), timeout=60)
    r = kiln.build(context(f"FROM {name}\nUSER me\nRUN true\n"), code=1, timeout=60)
    assert "user me is not in the image's /etc/passwd" in r.err, r


@pytest.mark.parametrize("passwd, says", [
    (entry("etc/passwd", kind=DIR), "/etc/passwd of the image"),
    (entry("etc/passwd", b"x" * (16 << 20)), "/etc/passwd of the image"),
    (entry("etc/passwd", kind=tarfile.FIFOTYPE), "user me is not in the image's /etc/passwd"),
    (entry("etc/passwd", b"me:x:99999999999:0::/:/bin/sh\n"), "bad line for user me"),
], ids=["directory", "16 MB", "fifo", "huge id"])
def test_passwd(refused, hostile, shell, passwd, says):
    refused(hostile.image("p", layers=[shell, tar(passwd)]), "Dockerfile:3", says, steps="USER me\nRUN true")


# --- bombs ----------------------------------------------------------------------------------------------------------


def header(name, size):
    t = tarfile.TarInfo(name)
    t.size = size
    return t.tobuf(tarfile.GNU_FORMAT)


def used(k):
    return int(subprocess.run(["du", "-sk", k.data], capture_output=True, text=True, check=True).stdout.split()[0])


def test_a_gzip_bomb(small_disk, context, hostile):
    """A megabyte that unpacks to a gigabyte is refused by what its header announces, before the disk is full of it."""
    packed = gzip.compress(header("big", 1 << 30)) + gzip.compress(bytes(1 << 20), 9) * 1024
    name = hostile.image("bomb", layers=[b""], packed=[packed])
    k = small_disk("size=64m")
    r = k.build(context(f"FROM {name}\nRUN true\n"), code=1, timeout=30)
    assert "Dockerfile:2" in r.err and "big: the layer has more than the" in r.err and "free in the data directory" in r.err, r
    assert used(k) < 8 << 10


def test_a_bomb_behind_the_archive(small_disk, context, hostile, shell):
    """What follows the archive's end is read for the digest only: it takes time, not room."""
    zeros = bytes(1 << 20)
    packed = gzip.compress(shell) + gzip.compress(zeros, 9) * 512
    name = hostile.image("bomb", layers=[shell], packed=[packed])
    k = small_disk("size=64m")
    r = k.build(context(f"FROM {name}\nRUN true\n"), code=1, timeout=60)
    assert "the image says diff id" in r.err, r
    assert used(k) < 8 << 10


def test_more_files_than_there_is_room_for(small_disk, context, hostile):
    layer = b"".join(header(f"{i:06}", 0) for i in range(20000)) + bytes(1024)
    name = hostile.image("many", layers=[layer])
    k = small_disk("size=64m,nr_inodes=3000")
    r = k.build(context(f"FROM {name}\nRUN true\n"), code=1, timeout=60)
    assert "Dockerfile:2" in r.err and ("files in one layer" in r.err or "No space left on device" in r.err), r
    assert len(list(k.data.rglob("*"))) < 100


def test_a_blob_that_does_not_fit(small_disk, context, hostile, shell):
    name = hostile.image("big", layers=[shell], packed=[os.urandom(24 << 20)])
    k = small_disk("size=16m")
    r = k.build(context(f"FROM {name}\nRUN true\n"), code=1, timeout=30)
    assert "No space left on device (free some, or choose another directory with --data)" in r.err, r
    assert used(k) < 8 << 10
    k.build(context(f"FROM {hostile.image('ok', layers=[shell])}\nRUN true\n"))


def test_many_layers(refused, hostile, shell):
    layers = [tar(entry(f"f{i}", b"x")) for i in range(140)]
    refused(hostile.image("deep", layers=[shell, *layers]), "Dockerfile:2", "more than the 127 that can be stacked")
