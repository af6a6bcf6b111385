"""`kiln serve` under bad conditions and bad clients."""
import json
import os
import random
import signal
import socket
import subprocess
import threading
import time

import pytest

from conftest import KILN, SLOW, Kiln, Registry, run, start, stop, wait_for
from hostile import MANIFEST, digest


@pytest.fixture
def server(tmp_path):
    r = Registry(tmp_path / "served")
    yield r
    assert r.close() == 0, r.log.read_text()


def address(server):
    host, _, port = server.host.rpartition(":")
    return host, int(port)


def alive(server):
    assert server.process.poll() is None
    assert server.request("GET", "/healthz").status == 200


# --- the start ------------------------------------------------------------------------------------------------------


def test_port_in_use(server, tmp_path):
    r = run([KILN, "serve", "--data", tmp_path / "other", "--listen", server.host], code=1)
    assert f"listen on {server.host}: another program does already" in r.err, r


@pytest.mark.parametrize("listen, says", [
    ("192.0.2.1:8080", "listen on 192.0.2.1:8080: this machine does not have that address"),
    ("no-such-host.invalid:8080", "listen on no-such-host.invalid:8080:"),
])
def test_unknown_address(tmp_path, listen, says):
    r = run([KILN, "serve", "--data", tmp_path / "data", "--listen", listen], code=1)
    assert says in r.err and r.err.count("\n") == 1, r


def test_a_port_that_is_not_allowed(user):
    ports = int(open("/proc/sys/net/ipv4/ip_unprivileged_port_start").read())
    if os.geteuid() != 0 or ports <= 80:
        pytest.skip("everybody may take port 80 here")
    r = run(Kiln(f"{user.pw_dir}/data").args("serve", "--listen", "127.0.0.1:80"), user=user, code=1)
    assert "listen on 127.0.0.1:80: Permission denied" in r.err, r


def test_two_servers_of_one_directory(server, tmp_path):
    """State has one home that both may use: what one takes the other gives."""
    second = Registry(server.data)
    try:
        push_small(server, "a", b"one")
        assert pull(second, "a", "1")[1] == [b"one"]
        push_small(second, "b", b"two")
        assert pull(server, "b", "1")[1] == [b"two"]
    finally:
        assert second.close() == 0


# --- clients --------------------------------------------------------------------------------------------------------


def push_blob(server, repository, data):
    at = server.request("POST", f"/v2/{repository}/blobs/uploads/")
    assert at.status == 202, at
    where = at.headers["Location"]
    where = where[where.index("/v2/"):]
    r = server.request("PUT", f"{where}{'&' if '?' in where else '?'}digest={digest(data)}", data, {"Content-Type": "application/octet-stream"})
    assert r.status == 201, r
    return digest(data)


def push_small(server, repository, *layers, tag="1"):
    config = b'{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[]}}'
    described = [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": push_blob(server, repository, l), "size": len(l)} for l in layers]
    manifest = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "layers": described, "config": {
        "mediaType": "application/vnd.oci.image.config.v1+json", "digest": push_blob(server, repository, config), "size": len(config)}}).encode()
    r = server.request("PUT", f"/v2/{repository}/manifests/{tag}", manifest, {"Content-Type": MANIFEST})
    assert r.status == 201, r
    return manifest


def pull(server, repository, tag):
    r = server.request("GET", f"/v2/{repository}/manifests/{tag}")
    if r.status != 200:
        assert r.status == 404, r
        return None, None
    assert r.headers["Docker-Content-Digest"] == digest(r.body)
    blobs = []
    for l in json.loads(r.body)["layers"]:
        b = server.request("GET", f"/v2/{repository}/blobs/{l['digest']}")
        assert b.status == 200 and digest(b.body) == l["digest"], (l, b.status)
        blobs.append(b.body)
    return r.body, blobs


REQUESTS = [
    b"\0" * 1000, bytes(range(256)) * 10, b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" + bytes(500),
    b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /v2/ HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 50000 + b"\r\n",
    b"GET /v2/%00/manifests/x HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /v2/../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /v2/a/blobs/sha256:%2e%2e%2f HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /v2/a/manifests/" + b"x" * 5000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    b"PUT /v2/a/manifests/1 HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n{}",
    b"PUT /v2/a/manifests/1 HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n{}",
    b"PUT /v2/a/manifests/1 HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n{}",
    b"PUT /v2/a/manifests/1 HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"PUT /v2/a/manifests/1 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzzzz\r\n\r\n",
    b"PUT /v2/a/manifests/1 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n\r\n",
    b"PATCH /v2/a/blobs/uploads/../../../x HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx",
    b"POST /v2/a/blobs/uploads/?mount=sha256:zz&from=../.. HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
    b"DELETE /v2/a/manifests/1 HTTP/1.1\r\nHost: x\r\n\r\n", b"BREW /coffee HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /v2/_catalog?n=-1&last=%ff HTTP/1.1\r\nHost: x\r\n\r\n", b"GET /v2/a/tags/list?n=99999999999999999999 HTTP/1.1\r\nHost: x\r\n\r\n",
]


def test_garbage(server):
    """Every answer is a refusal or nothing, and the next client does not notice."""
    rng = random.Random(1)
    random_ones = [bytes(rng.randrange(256) for _ in range(rng.randrange(1, 400))) for _ in range(100)]
    for request in REQUESTS + random_ones:
        # Half of a request is waited for; nobody here waits for the end of that.
        with socket.create_connection(address(server), timeout=0.3 * SLOW) as s:
            answer = b""
            try:
                s.sendall(request)
                s.shutdown(socket.SHUT_WR)
                while True:
                    piece = s.recv(65536)
                    if not piece:
                        break
                    answer += piece
            except OSError:
                pass
        line = answer.split(b"\r\n")[0]
        status = int(line.split()[1]) if line.startswith(b"HTTP/1.") else 0
        may_be_right = b"_catalog" in request or b"mount=" in request
        assert not answer or 400 <= status < 500 or status == 505 or (may_be_right and status in (200, 202)), (request[:100], line)
        assert b"root:" not in answer
    alive(server)


def test_half_requests_and_disconnects(server):
    push_small(server, "a", os.urandom(1 << 20))
    blob = json.loads(pull(server, "a", "1")[0])["layers"][0]["digest"]
    whole = f"PUT /v2/a/manifests/2 HTTP/1.1\r\nHost: x\r\nContent-Type: {MANIFEST}\r\nContent-Length: 1000\r\n\r\n".encode() + b"{" * 500
    get = f"GET /v2/a/blobs/{blob} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    for i in range(200):
        s = socket.create_connection(address(server))
        s.sendall(whole[:len(whole) * i // 200] if i % 2 else get)
        if i % 3 == 0:  # a reset, not an orderly end
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        s.close()
    alive(server)
    assert pull(server, "a", "2") == (None, None)
    fds = lambda: len(os.listdir(f"/proc/{server.process.pid}/fd"))
    wait_for(lambda: fds() < 60)


def test_slow_clients_do_not_hold_others(server):
    """Two hundred that send a byte now and then, for two seconds: others are answered at once."""
    slow = [socket.create_connection(address(server)) for _ in range(200)]
    end = time.monotonic() + 2
    longest = 0
    while time.monotonic() < end:
        for s in slow:
            s.send(b"G" if s is slow[0] else b"GET /v2/ HTTP/1.1\r\nX-"[:1])
        began = time.monotonic()
        alive(server)
        longest = max(longest, time.monotonic() - began)
        time.sleep(0.1)
    for s in slow:
        s.close()
    assert longest < 0.5 * SLOW, longest
    alive(server)


def test_a_client_that_does_not_read(server):
    push_small(server, "a", os.urandom(32 << 20))
    blob = json.loads(server.request("GET", "/v2/a/manifests/1").body)["layers"][0]["digest"]
    idle = []
    for _ in range(50):
        s = socket.create_connection(address(server))
        s.sendall(f"GET /v2/a/blobs/{blob} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        idle.append(s)
    alive(server)
    assert len(pull(server, "a", "1")[1][0]) == 32 << 20
    with open(f"/proc/{server.process.pid}/status") as f:
        rss = next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))
    assert rss < (150 << 10) * SLOW, rss
    for s in idle:
        s.close()


def test_what_a_push_may_not_say(server):
    blob = push_blob(server, "a", b"blob")
    bad = [
        ("PUT", "/v2/a/manifests/1", b"{", 400), ("PUT", "/v2/a/manifests/1", b"", 400), ("PUT", "/v2/a/manifests/1", b"x" * (5 << 20), 413),
        ("PUT", "/v2/A/manifests/1", b"{}", 400), ("PUT", "/v2/a/manifests/..", b"{}", 400), ("PUT", "/v2/a/manifests/sha256:" + "0" * 64, b"{}", 400),
        ("GET", "/v2/a/blobs/sha256:" + "0" * 64, None, 404), ("GET", "/v2/a/blobs/md5:" + "0" * 32, None, 400), ("GET", "/v2/nowhere/tags/list", None, 404),
        ("PUT", "/v2/a/blobs/uploads/not-there?digest=" + blob, b"blob", 404), ("GET", "/assets/nowhere", None, 404),
    ]
    for method, path, body, status in bad:
        r = server.request(method, path, body, {"Content-Type": MANIFEST})
        assert r.status in (status, 404 if status == 400 else status), (method, path, r.status, r.body[:200])
    missing = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "layers": [], "config": {
        "mediaType": "application/vnd.oci.image.config.v1+json", "digest": "sha256:" + "1" * 64, "size": 1}})
    r = server.request("PUT", "/v2/a/manifests/1", missing, {"Content-Type": MANIFEST})
    assert r.status in (400, 404) and "1111" in r.body.decode(), r
    at = server.request("POST", "/v2/a/blobs/uploads/").headers["Location"]
    r = server.request("PUT", at[at.index("/v2/"):] + ("&" if "?" in at else "?") + "digest=sha256:" + "2" * 64, b"other")
    assert r.status == 400 and "DIGEST_INVALID" in r.body.decode(), r
    assert server.request("GET", "/v2/a/blobs/sha256:" + "2" * 64).status == 404


# --- kill -9 --------------------------------------------------------------------------------------------------------


def test_killed_during_pushes(tmp_path):
    """After each kill and restart every tag that was acknowledged is whole, and every tag that is there is whole."""
    data = tmp_path / "served"
    rng = random.Random(3)
    acknowledged = {}
    n = 0
    for round_number in range(5):
        server = Registry(data)
        for tag in acknowledged:
            body, blobs = pull(server, "a", tag)
            assert body == acknowledged[tag], tag
        for tag in json.loads(server.request("GET", "/v2/a/tags/list").body).get("tags") or []:
            assert pull(server, "a", tag)[0] is not None, tag

        def push():
            nonlocal n
            try:
                while True:
                    n += 1
                    tag = f"t{n}"
                    acknowledged_now = push_small(server, "a", os.urandom(200000), os.urandom(100), tag=tag)
                    acknowledged[tag] = acknowledged_now
            except (OSError, AssertionError, ConnectionError, ValueError):
                pass
            except Exception as e:  # http.client's own, when the server dies
                assert type(e).__module__ == "http.client", e

        pushers = [threading.Thread(target=push) for _ in range(3)]
        for p in pushers:
            p.start()
        time.sleep(0.3 + rng.random() * 0.7)
        server.process.kill()
        server.process.wait()
        for p in pushers:
            p.join(30)
    server = Registry(data)
    assert len(acknowledged) >= 5
    for tag in acknowledged:
        assert pull(server, "a", tag)[0] == acknowledged[tag]
    assert server.close() == 0
    left = [p for p in (data / "uploads").rglob("*") if p.is_file() and p.stat().st_size > 0]
    assert sum(p.stat().st_size for p in left) < 20 << 20


def test_terminated_during_a_push(tmp_path):
    server = Registry(tmp_path / "served")
    at = server.request("POST", "/v2/a/blobs/uploads/").headers["Location"]
    s = socket.create_connection(address(server))
    s.sendall(f"PATCH {at[at.index('/v2/'):]} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n".encode() + b"x" * 5000)
    began = time.monotonic()
    assert server.close() == 0
    assert time.monotonic() - began < 15 * SLOW
