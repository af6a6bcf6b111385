"""Whole builds: the main job, base images from registries of all kinds, big and odd inputs, work side by side."""
import base64
import hashlib
import json
import os
import socket
import threading

import pytest

from conftest import ALL, PLATFORMS, SLOW, Registry, read_tar, run
from proxy import Proxy

HELLO = ("FROM golang:alpine AS builder\nRUN mkdir /app\nADD . /app/\nWORKDIR /app\nRUN go build -o hello hello.go\n"
         "FROM alpine\nRUN mkdir /app\nWORKDIR /app\nCOPY --from=builder /app/hello .\nCMD [\"./hello\"]\n")


@pytest.mark.tsan
def test_the_main_job(kiln, context, name, registry):
    """One Dockerfile, four architectures, one tag in the registry, each run from there. The compiler is a script here;
    `make demo` has the real one."""
    go = "#!/bin/sh\n# go build -o OUT IN\nprintf '#!/bin/sh\\necho \"Hello, %s!\"\\n' $(uname -m) > $3 && chmod +x $3\n"
    golang = context("FROM alpine\nCOPY --chmod=755 go /bin/go\n", {"go": go})
    hello = context(HELLO.replace("golang:alpine", f"{name}-go:alpine"), {"hello.go": "package main\n"})
    r = kiln.build(hello, "--push", tag=f"{name}:v1", platform=ALL, code=1)
    assert f"{name}-go" in r.err, "a base that is not there"
    kiln.build(golang, "--push", tag=f"{name}-go:alpine", platform=ALL)
    kiln.build(hello, "--push", tag=f"{name}:v1", platform=ALL)
    index = json.loads(registry.request("GET", f"/v2/{name.split('/', 1)[1]}/manifests/v1").body)
    assert [m["platform"]["architecture"] for m in index["manifests"]] == ["amd64", "arm64", "arm", "arm"]
    elsewhere = type(kiln)(kiln.data.with_name("elsewhere"))
    said = [elsewhere.run(f"{name}:v1", platform=p).out for p in PLATFORMS]
    assert said == ["Hello, x86_64!\n", "Hello, aarch64!\n", "Hello, armv7l!\n", "Hello, armv6l!\n"]


def test_an_image_of_the_local_store_is_a_base(kiln, context):
    """What was built without --push is found by its name."""
    kiln.build(context("FROM alpine\nRUN echo mine > /mine\n"), tag="my-base:1", platform="linux/amd64,linux/arm/v6")
    kiln.build(context("FROM my-base:1\nRUN cat /mine > /again\n"), tag="child", platform="linux/amd64,linux/arm/v6")
    assert kiln.run("child", "cat", "/again", platform="linux/arm/v6").out == "mine\n"


def test_names_of_docker_hub(kiln, context, base):
    """`alpine`, and every longer way to say it, are one image."""
    seen = set()
    for name in ("alpine", "alpine:latest", "library/alpine", "docker.io/alpine", "docker.io/library/alpine:latest",
                 "index.docker.io/library/alpine"):
        kiln.build(context(f"FROM {name}\nLABEL a=b\n"), tag="i", env={"SOURCE_DATE_EPOCH": "1"})
        seen.add(kiln.inspect("i")["platforms"][0]["layers"][0]["digest"])
    assert len(seen) == 1


def test_mirrors(kiln, context, base):
    """The first mirror that has it answers; one that is down is passed over."""
    with Proxy(base.split("/")[0]) as one:
        k = type(kiln)(kiln.data)
        k.build(context("FROM alpine\nRUN true\n"), "--registry-mirror", "docker.io=http://127.0.0.1:1",
                "--registry-mirror", f"docker.io=http://{one.host}")
        assert any(path.startswith("/v2/library/alpine/manifests/latest") for _, path in one.asked)
    with Proxy(base.split("/")[0]) as other:
        k = type(kiln)(kiln.data.with_name("d2"))
        k.build(context("FROM registry.example.com/library/alpine\nRUN true\n"), "--registry-mirror",
                f"registry.example.com=http://{other.host}")
        assert any("/blobs/" in path for _, path in other.asked)


def login(home, host, user, password):
    (home / ".docker").mkdir(parents=True, exist_ok=True)
    secret = base64.b64encode(f"{user}:{password}".encode()).decode()
    (home / ".docker" / "config.json").write_text(json.dumps({"auths": {host: {"auth": secret}}}))
    return {"HOME": str(home), "DOCKER_CONFIG": str(home / ".docker")}


@pytest.mark.parametrize("token", [False, True])
def test_registries_with_passwords(kiln, context, registry, name, tmp_path, token):
    """Basic and token authentication, with what `docker login` has written: push, pull, build on it, run."""
    with Proxy(registry.host, user="me", password="se:cret", token=token) as proxy:
        name = name.replace(registry.host, proxy.host)
        env = login(tmp_path / "home", proxy.host, "me", "se:cret")
        c = context("FROM alpine\nRUN echo secret > /f\n")
        r = kiln.build(c, "--push", tag=f"{name}:1", code=1, env={"HOME": str(tmp_path), "DOCKER_CONFIG": str(tmp_path)})
        assert proxy.host in r.err and "login" in r.err, r
        wrong = login(tmp_path / "wrong", proxy.host, "me", "wrong")
        r = kiln.build(c, "--push", tag=f"{name}:1", code=1, env=wrong)
        assert proxy.host in r.err and "wrong" not in r.err.replace("/wrong", ""), "a password is not shown"
        kiln.build(c, "--push", tag=f"{name}:1", platform="linux/amd64,linux/arm64", env=env)
        other = type(kiln)(kiln.data.with_name("other"))
        other.build(context(f"FROM {name}:1\nRUN cat /f > /g\n"), tag="g", env=env)
        assert other.run("g", "cat", "/g").out == "secret\n"
        assert type(kiln)(kiln.data.with_name("third")).run(f"{name}:1", "cat", "/f", env=env).out == "secret\n"
        assert "linux/arm64" in other("inspect", f"{name}:1", env=env).out


def test_tokens_for_everybody(kiln, context, base, registry):
    """As Docker Hub gives them without a login."""
    with Proxy(registry.host, token=True) as proxy:
        k = type(kiln)(kiln.data, mirror=proxy.host)
        k.build(context("FROM alpine\nRUN true\n"), platform="linux/amd64,linux/arm64")
        assert any(path.startswith("/token") for _, path in proxy.asked)
        assert all(s == "repository:library/alpine:pull" for scopes in proxy.tokens.values() for s in scopes)


def test_only_what_is_needed_is_fetched(kiln, context, base, registry):
    """No layer of a platform that is not built; none of a base on which nothing runs; each once."""
    with Proxy(registry.host) as proxy:
        k = type(kiln)(kiln.data, mirror=proxy.host)
        k.build(context("FROM alpine\nLABEL a=b\nCOPY f /\n", {"f": "f"}), tag="i", platform=ALL)

        def blobs():
            return [path.rsplit("/", 1)[1] for method, path in proxy.asked if method == "GET" and "/blobs/" in path]

        layers = {p["platform"]: p["layers"][0]["digest"] for p in k.inspect("i")["platforms"]}
        assert len(blobs()) == len(set(blobs()))
        proxy.asked.clear()
        k.build(context("FROM alpine AS unused\nRUN true\nFROM alpine AS twice\nRUN echo 1\nFROM alpine\nRUN echo 2\n"
                        "COPY --from=twice /bin/sh /x\n"), tag="j", platform="linux/arm64")
        got = blobs()
        assert len(got) == len(set(got))
        assert not [d for p, d in layers.items() if p != "linux/arm64" and d in got]


def test_stages_and_platforms_run_side_by_side(kiln, context):
    """Two stages that each wait for the other, and four platforms that wait for all: through the registry of the network, a socket."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    came, go = [], threading.Event()

    def serve():
        while len(came) < 4:
            c, _ = listener.accept()
            came.append(c)
        go.set()
        for c in came:
            c.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok")
            c.close()

    t = threading.Thread(target=serve, daemon=True)
    t.start()
    wait = f"wget -q -O - http://127.0.0.1:{port}/"
    c = context(f"FROM alpine AS a\nRUN {wait} > /a\nFROM alpine AS b\nRUN {wait} > /b\nFROM alpine\nCOPY --from=a /a /\n"
                f"COPY --from=b /b /\n")
    kiln.build(c, "--jobs", "4", tag="side", platform="linux/amd64,linux/arm64", timeout=60)
    assert go.is_set() and kiln.run("side", "cat", "/a", "/b").out == "okok"


def test_one_job_at_a_time(kiln, context):
    c = context("FROM alpine AS a\nRUN sleep 0.2\nFROM alpine AS b\nRUN sleep 0.2; true\nFROM alpine\n"
                "COPY --from=a /bin/sh /a\nCOPY --from=b /bin/sh /b\n")
    running, most = 0, 0
    for e in kiln.build(c, "--jobs", "1", platform="linux/amd64,linux/arm/v6", progress="json").events():
        running += {"started": 1, "ended": -1 if e.get("outcome") == "done" else 0}.get(e["event"], 0)
        most = max(most, running)
    assert most == 1


@pytest.mark.tsan
def test_many_files_and_a_big_one(kiln, context, tmp_path):
    c = context("FROM alpine\nCOPY . /c\nRUN test $(find /c -type f | wc -l) = 3002 && "
                "sha256sum /c/big > /sum && cp /c/big /copy\nFROM alpine\nCOPY --from=0 /copy /copy\n", {"big": os.urandom(12 << 20)})
    for i in range(3000):
        d = c / f"d{i % 50}"
        d.mkdir(exist_ok=True)
        (d / f"f{i}").write_text(str(i))
    kiln.build(c, tag="many", platform="linux/amd64,linux/arm64")
    want = hashlib.sha256((c / "big").read_bytes()).hexdigest()
    assert kiln.run("many", "sha256sum", "/copy").out.split()[0] == want
    assert hashlib.sha256(kiln.layer("many")["copy"].data).hexdigest() == want


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_layers_are_what_their_digests_say(kiln, context, compression):
    """Blob digest over the bytes, diff id over what other programs unpack from them."""
    kiln.build(context("FROM alpine\nRUN seq 1 200000 > /seq && head -c 3000000 /dev/urandom > /noise\n"
                       "COPY f /\n", {"f": "f"}), "--compression", compression, tag="z")
    (platform,) = kiln.inspect("z")["platforms"]
    diff_ids = kiln.config("z")["rootfs"]["diff_ids"]
    tool = ["gzip", "-dc"] if compression == "gzip" else ["zstd", "-dc"]
    for layer, diff_id in list(zip(platform["layers"], diff_ids))[1:]:
        blob = kiln.blob(layer["digest"])
        assert "sha256:" + hashlib.sha256(blob).hexdigest() == layer["digest"] and len(blob) == layer["size"]
        plain = run(tool, input=blob).raw
        assert "sha256:" + hashlib.sha256(plain).hexdigest() == diff_id
        names = run(["tar", "-tf", "-"], input=plain).out.split()
        assert names == sorted(names)


def test_every_tag_names_the_image(kiln, context):
    kiln.build(context("FROM alpine\nLABEL a=b\n"), tag=["one", "two:2", "example.com/three/four:5"],
               platform="linux/amd64,linux/arm64")
    names = ("one", "one:latest", "two:2", "example.com/three/four:5")
    assert len({kiln.inspect(n)["descriptor"]["digest"] for n in names}) == 1


def test_a_tag_moves(kiln, context):
    for text in ("1", "2"):
        kiln.build(context(f"FROM alpine\nRUN echo {text} > /f\n"), tag="moving")
        assert kiln.run("moving", "cat", "/f").out == text + "\n"


def test_context_with_odd_entries(kiln, context):
    """Sockets are left out, fifos copied, unreadable things named."""
    c = context("FROM alpine\nCOPY . /c\n"
                "RUN test -p /c/fifo -a ! -e /c/sock && test -f '/c/a b' -a -f '/c/$x' -a -f /c/-n\n",
                {"a b": "1", "$x": "2", "-n": "3"})
    os.mkfifo(c / "fifo")
    here = os.getcwd()
    s = socket.socket(socket.AF_UNIX)
    try:
        os.chdir(c)
        s.bind("sock")
    finally:
        os.chdir(here)
        s.close()
    kiln.build(c)


def test_times_survive(kiln, context):
    """Sub-second, before 1970, and far in the future."""
    c = context("FROM alpine\nCOPY --chmod=644 a b c /t/\nFROM alpine\nCOPY --from=0 /t /t\n", {"a": "", "b": "", "c": ""})
    for name, ns in (("a", 1_234_567_890_123_456_789), ("b", -86_400 * 10**9), ("c", 8_000_000_000 * 10**9)):
        os.utime(c / name, ns=(ns, ns))
    kiln.build(c, tag="times")
    layer = kiln.layer("times")
    assert [round(float(layer[f"t/{n}"].mtime), 3) for n in "abc"] == [1234567890.123, -86400.0, 8000000000.0]


def test_nothing_changed_is_fast(kiln, context):
    """Not a measurement: that no step, no base image and no layer is worked on again."""
    c = context("FROM alpine\nCOPY f /\nRUN sleep 1\n", {"f": "f"})
    kiln.build(c, tag="quick", platform=ALL)
    r = kiln.build(c, tag="quick", platform=ALL)
    assert r.seconds < 0.9 * SLOW and "CACHED" in r.err


def test_dockerfile_outside_of_the_context(kiln, context, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "D").write_text("FROM scratch\nCOPY f /\n")
    kiln.build(context(None, {"f": "f"}), "-f", tmp_path / "elsewhere" / "D", tag="i")
    assert set(kiln.layer("i")) - {""} == {"f"}


def test_relative_paths(kiln, context):
    c = context("FROM scratch\nCOPY f /\n", {"f": "f", "sub/x": "x"})
    kiln.build(".", "-f", "Dockerfile", "-o", "type=oci,dest=out.tar", "--metadata-file", "meta.json", cwd=c)
    digest = json.loads((c / "meta.json").read_text())["containerimage.digest"]
    assert digest in read_tar(c / "out.tar")["index.json"].data.decode()
    kiln.build("..", tag="i", cwd=c / "sub")
    assert "f" in kiln.layer("i")


def test_data_directory_is_private_to_kiln(kiln, context):
    """What `kiln serve` and `kiln build` share: an image of the local store is served by name."""
    kiln.build(context("FROM alpine\nLABEL a=b\n"), tag="shared/image:1", platform=ALL)
    r = Registry(kiln.data)
    try:
        answer = r.request("GET", "/v2/shared/image/manifests/1")
        assert answer.status == 200 and answer.headers["Docker-Content-Digest"] == kiln.inspect("shared/image:1")["descriptor"]["digest"]
        kiln.build(context("FROM alpine\nRUN echo while-served > /f\n"), tag="shared/image:2")
        assert kiln.run("shared/image:2", "cat", "/f").out == "while-served\n"
        assert r.request("GET", "/v2/shared/image/manifests/2").status == 200
    finally:
        assert r.close() == 0
