"""Logins at the registry, as clients really do them: the traps that other registries fell into, one test each; then the roles at
registry, Git remote and API, limits on failed logins, and the log of every change."""
import base64
import hashlib
import http.client
import json
import os
import pathlib
import re
import shutil
import types
import uuid
from urllib.parse import urlencode

import pytest

from conftest import KILN, SLOW, Kiln, Registry, Service, quote, run, wait_for
from test_clients import AS_ROOT, ctr, podman  # noqa: F401 (fixtures)

PASSWORD = "a good password"
INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
ACCEPT = f"{INDEX}, {MANIFEST}"
ROLES = ["view", "develop", "maintain", "admin"]
PULL, PUSH, DELETE = "pull", "pull,push", "delete"


@pytest.fixture(scope="module")
def service(tmp_path_factory, registry, base):
    """One server for all of these tests; nothing is built."""
    s = Service(tmp_path_factory.mktemp("auth") / "service", registry.host, slots=0, options=["--endpoint-private"])
    yield s
    assert s.close() == 0, s.log.read_text()


@pytest.fixture(scope="module")
def layout(base, registry, tmp_path_factory):
    """An image of two platforms as an OCI layout."""
    d = tmp_path_factory.mktemp("layout")
    (d / "Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /\nCMD [\"/Dockerfile\"]\n")
    out = d / "image.tar"
    Kiln(d / "data", mirror=registry.host).build(d, "-o", f"type=oci,dest={out}", platform="linux/amd64,linux/arm64")
    return out


@pytest.fixture(scope="module")
def world(service, layout):
    """A namespace with a private and a public image; a user per role in it, one with a role in the private repository alone, and
    one without any."""
    w = types.SimpleNamespace(ns="team", private="team/private", public="team/open")
    service.namespace(w.ns)
    service.repository(w.private)
    service.repository(w.public, type="PUBLIC")
    for role in ROLES:
        service.user(f"m-{role}")
        service.grant(w.ns, f"m-{role}", role)
    service.user("stranger")
    service.user("single")
    service.grant(w.ns, "single", "develop", repository="private")
    for full in (w.private, w.public):
        copy_in(service, layout, full, ("admin", service.admin_password))
    r = v2(service, "GET", f"{w.private}/manifests/1", login=("admin", service.admin_password))
    w.digest, w.index = r.headers["Docker-Content-Digest"], r.json
    child = v2(service, "GET", f"{w.private}/manifests/{w.index['manifests'][0]['digest']}",
               login=("admin", service.admin_password))
    w.child, w.blob = child, child.json["config"]["digest"]
    return w


def skopeo(*args, **more):
    return run(["skopeo", *args], timeout=120, **more)


def copy_in(service, layout, full, login, tag="1", code=0):
    return skopeo("copy", "--all", "--dest-tls-verify=false", "--dest-creds", ":".join(login), f"oci-archive:{layout}",
                  f"docker://{service.host}/{full}:{tag}", code=code)


def basic(login):
    return "Basic " + base64.b64encode(":".join(login).encode()).decode()


def send(host, method, path, headers=(), body=None, source=None):
    """One request with exactly these headers (pairs), from the loopback address `source`."""
    c = http.client.HTTPConnection(host, timeout=30 * SLOW, source_address=(source, 0) if source else None)
    try:
        c.putrequest(method, path, skip_host=any(k == "Host" for k, _ in headers), skip_accept_encoding=True)
        for k, v in headers:
            c.putheader(k, v)
        if body is not None:
            c.putheader("Content-Length", str(len(body)))
        c.endheaders(body)
        r = c.getresponse()
        text = r.read()
    finally:
        c.close()
    is_json = "json" in (r.headers.get("Content-Type") or "")
    return types.SimpleNamespace(status=r.status, headers=r.headers, body=text, json=json.loads(text) if is_json and text else None)


def v2(service, method, path, login=None, token=None, headers=(), body=None, source=None):
    """A request below /v2/ by Basic, by a token, or by nobody."""
    sent = [("Accept", ACCEPT), *headers]
    if login:
        sent.append(("Authorization", basic(login)))
    if token:
        sent.append(("Authorization", f"Bearer {token}"))
    return send(service.host, method, f"/v2/{path}", sent, body, source)


def ask_token(service, *scopes, login=None, source=None):
    """GET of the token endpoint; the answer."""
    query = urlencode([("service", "kiln"), *[("scope", s) for s in scopes]])
    return send(service.host, "GET", f"/token?{query}", [("Authorization", basic(login))] if login else [], source=source)


def token(service, *scopes, login=None):
    r = ask_token(service, *scopes, login=login)
    assert r.status == 200, r.body
    return r.json["token"]


def repository_scope(full, actions=PULL):
    return f"repository:{full}:{actions}"


def challenge(r):
    """The parameters of the one challenge of a 401."""
    (text,) = r.headers.get_all("WWW-Authenticate")
    scheme, _, rest = text.partition(" ")
    return scheme, dict(re.findall(r'(\w+)="([^"]*)"', rest))


def put_blob(service, full, bytes_, login):
    digest = f"sha256:{hashlib.sha256(bytes_).hexdigest()}"
    r = v2(service, "POST", f"{full}/blobs/uploads/?digest={digest}", login=login, body=bytes_)
    assert r.status == 201, r.body
    return digest


def manifest(config, size):
    return json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "layers": [],
                       "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": size}}).encode()


def put_manifest(service, full, tag, login=None, token=None, text=None):
    """A manifest without layers: its answer. Its config must be there."""
    return v2(service, "PUT", f"{full}/manifests/{tag}", login=login, token=token, headers=[("Content-Type", MANIFEST)],
              body=text or manifest(f"sha256:{hashlib.sha256(b'{}').hexdigest()}", 2))


class Clock:
    """The time that a server reads: moved by this many seconds."""

    SHIM = """
    #define _GNU_SOURCE
    #include <dlfcn.h>
    #include <fcntl.h>
    #include <stdlib.h>
    #include <sys/mman.h>
    #include <time.h>
    static volatile long *moved;
    int clock_gettime(clockid_t id, struct timespec *t)
    {
    	static int (*real)(clockid_t, struct timespec *);
    	if (!real)
    		real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    	int r = real(id, t);
    	if (moved && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
    		t->tv_sec += *moved;
    	return r;
    }
    __attribute__((constructor)) static void begin(void)
    {
    	int fd = open(getenv("KILN_TEST_CLOCK"), O_RDONLY);
    	void *p = fd < 0 ? MAP_FAILED : mmap(NULL, 8, PROT_READ, MAP_SHARED, fd, 0);
    	moved = p == MAP_FAILED ? NULL : p;
    }
    """

    def __init__(self, at):
        self.file, library = at / "clock", at / "clock.so"
        self.move(0)
        run(["cc", "-shared", "-fPIC", "-O1", "-x", "c", "-", "-o", library, "-ldl"], input=self.SHIM)
        self.env = {"KILN_TEST_CLOCK": str(self.file), "LD_PRELOAD": str(library)}
        if "ASAN_OPTIONS" in os.environ:
            self.env["ASAN_OPTIONS"] = os.environ["ASAN_OPTIONS"] + ":verify_asan_link_order=0"

    def move(self, seconds):
        with open(self.file, "r+b" if self.file.exists() else "wb") as f:
            f.write(seconds.to_bytes(8, "little", signed=True))


@pytest.fixture(scope="module")
def clocked(tmp_path_factory):
    """A server whose clock can be moved, with an image repository ns/app that the user admin may push to."""
    at = tmp_path_factory.mktemp("clocked")
    clock = Clock(at)
    s = Registry(at / "data", options=("--slots", "0"), env={"KILN_ADMIN_PASSWORD": Service.admin_password, **clock.env})
    s.clock, s.admin = clock, ("admin", Service.admin_password)
    for path, body in (("namespaces", {"name": "ns"}), ("repositories", {"namespace": "ns", "name": "app", "type": "PRIVATE"})):
        r = send(s.host, "POST", f"/api/v1/{path}", [("Content-Type", "application/json"), ("Authorization", basic(s.admin))],
                 json.dumps(body).encode())
        assert r.status == 201, r.body
    put_blob(s, "ns/app", b"{}", s.admin)
    assert put_manifest(s, "ns/app", "1", login=s.admin).status == 201
    yield s
    assert s.close() == 0, s.log.read_text()


# --- the traps ----------------------------------------------------------------------------------


def test_trap_1_the_ping_asks_for_a_login(service, world, layout):
    """Where GET /v2/ is 200 for everybody, docker and skopeo remember no challenge, and their pushes fail. crane, which then falls to
    Basic, is served by Basic on every route."""
    r = v2(service, "GET", "")
    assert r.status == 401 and challenge(r)[0] == "Bearer"
    assert r.headers["Docker-Distribution-API-Version"] == "registry/2.0"
    login = ("m-develop", PASSWORD)
    copy_in(service, layout, world.private, login, tag="trap-1")
    assert v2(service, "GET", "", token=token(service, login=login)).status == 200
    for method, path in [("GET", ""), ("GET", f"{world.private}/manifests/1"), ("HEAD", f"{world.private}/blobs/{world.blob}"),
                         ("GET", f"{world.private}/tags/list"), ("GET", f"{world.private}/referrers/{world.digest}"),
                         ("GET", "_catalog")]:
        assert v2(service, method, path, login=login).status == 200, path
    assert v2(service, "POST", f"{world.private}/blobs/uploads/", login=login, body=b"").status == 202


def test_trap_2_an_empty_basic_is_no_login(service, world, podman, tmp_path):
    """podman sends "Og==" (no name, no password) when it has no credentials."""
    empty = [("Authorization", "Basic Og==")]
    for _ in range(15):  # it is no failed login either: ten of those close the door
        assert send(service.host, "GET", f"/token?service=kiln&scope={repository_scope(world.public)}", empty).status == 200
        assert v2(service, "GET", f"{world.public}/manifests/1", headers=empty).status == 200
    assert v2(service, "GET", f"{world.private}/manifests/1", headers=empty).status == 401
    (none := tmp_path / "none.json").write_text("{}")
    skopeo("inspect", "--raw", "--tls-verify=false", "--authfile", none, f"docker://{service.host}/{world.public}:1")
    if os.geteuid() == 0:
        podman("pull", "-q", "--tls-verify=false", "--authfile", none, f"{service.host}/{world.public}:1")


def test_trap_3_one_challenge_with_one_scheme(service, world):
    for method, path in [("GET", ""), ("GET", f"{world.private}/manifests/1"), ("HEAD", f"{world.private}/manifests/1"),
                         ("GET", f"{world.private}/blobs/{world.blob}"), ("GET", f"{world.private}/tags/list"),
                         ("POST", f"{world.private}/blobs/uploads/"), ("PUT", f"{world.private}/manifests/2"),
                         ("DELETE", f"{world.private}/manifests/{world.digest}"),
                         ("POST", f"{world.private}/blobs/uploads/?mount={world.blob}&from={world.public}")]:
        for sent in ({}, {"token": "kilnr_nonsense"}, {"login": ("m-develop", "wrong")} if path == "" else {}):
            r = v2(service, method, path, body=b"" if method in ("POST", "PUT") else None, **sent)
            assert r.status == 401, (method, path, r.body)
            scheme, p = challenge(r)
            assert scheme == "Bearer" and p["realm"] == f"http://{service.host}/token" and p["service"] == "kiln", (path, p)
            assert "Basic" not in r.headers["WWW-Authenticate"]
            assert p.get("error") == ("invalid_token" if "token" in sent else None), (path, p)
            assert ("scope" in p) == (path != ""), (path, p)
    assert v2(service, "GET", f"{world.private}/manifests/1", login=("m-view", PASSWORD)).status == 200


@AS_ROOT
def test_trap_4_containerd_posts_to_the_token_endpoint(service, world, ctr):
    """It and BuildKit end their login at any refusal but 400, 401, 404 and 405."""
    kind = ("Content-Type", "application/x-www-form-urlencoded")

    def post(form, headers=(kind,)):
        return send(service.host, "POST", "/token", list(headers), urlencode(form).encode())

    right = {"grant_type": "password", "service": "kiln", "client_id": "containerd-client", "username": "m-develop",
             "password": PASSWORD, "scope": f"{repository_scope(world.private)} {repository_scope(world.public, PUSH)}"}
    r = post(right)
    assert r.status == 200 and r.json["access_token"] == r.json["token"] and "refresh_token" not in r.json
    for full in (world.private, world.public):
        assert v2(service, "GET", f"{full}/manifests/1", token=r.json["access_token"]).status == 200
    assert post({**right, "password": "wrong"}).status == 401
    assert post({**right, "grant_type": "refresh_token", "refresh_token": "x"}).status == 401
    assert post({**right, "grant_type": "magic"}).status == 400
    assert post(right, headers=[("Content-Type", "application/json")]).status == 400
    for method in ("PUT", "DELETE", "PATCH"):
        r = send(service.host, method, "/token", [], b"")
        assert r.status == 405 and r.headers["Allow"] == "GET, POST"
    name, login = f"{service.host}/{world.private}:1", f"m-develop:{PASSWORD}"
    ctr("images", "pull", "--plain-http", "--all-platforms", "--snapshotter", "native", "--user", login, name)
    assert world.digest in ctr("images", "ls").out
    other = f"{service.host}/{world.private}:from-containerd"
    ctr("images", "tag", name, other)
    ctr("images", "push", "--plain-http", "--user", login, other)
    r = v2(service, "HEAD", f"{world.private}/manifests/from-containerd", login=("m-view", PASSWORD))
    assert r.headers["Docker-Content-Digest"] == world.digest
    refused = ctr("images", "pull", "--plain-http", "--snapshotter", "native", "--user", "m-develop:wrong", name, code=None)
    assert refused.code != 0 and "401" in refused.text
    public = f"{service.host}/{world.public}:1"
    ctr("images", "pull", "--plain-http", "--all-platforms", "--snapshotter", "native", public)


def test_trap_5_a_token_that_ends_during_an_upload(clocked):
    """It is looked at when a request begins: the PATCH that runs goes on, the next request needs a new one."""
    scope = repository_scope("ns/app", PUSH)
    r = ask_token(clocked, scope, login=clocked.admin)
    assert 60 <= r.json["expires_in"] <= 900
    old, body = r.json["token"], os.urandom(16 << 20)
    at = v2(clocked, "POST", "ns/app/blobs/uploads/", token=old, body=b"").headers["Location"]
    c = http.client.HTTPConnection(clocked.host, timeout=30 * SLOW)
    c.putrequest("PATCH", at)
    for k, v in [("Authorization", f"Bearer {old}"), ("Content-Length", len(body)), ("Expect", "100-continue")]:
        c.putheader(k, v)
    c.endheaders()
    assert b" 100 " in c.sock.recv(100)
    c.send(body[:8 << 20])
    staged = clocked.data / "uploads"
    wait_for(lambda: any(f.stat().st_size for f in staged.rglob("*") if f.is_file()))  # it was let in
    try:
        clocked.clock.move(r.json["expires_in"] + 120)
        c.send(body[8 << 20:])
        done = c.getresponse()
        assert done.status == 202 and done.headers["Range"] == f"0-{len(body) - 1}", done.read()
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        end = f"{done.headers['Location']}{'&' if '?' in at else '?'}digest={digest}"
        late = send(clocked.host, "PUT", end, [("Authorization", f"Bearer {old}")], b"")
        assert late.status == 401 and challenge(late)[1]["error"] == "invalid_token"
        again = [("Authorization", f"Bearer {token(clocked, scope, login=clocked.admin)}")]
        assert send(clocked.host, "PUT", end, again, b"").status == 201
    finally:
        clocked.clock.move(0)
        c.close()


def test_trap_6_the_realm_is_not_what_a_client_says(service, tmp_path):
    """Who can choose it has the passwords sent to himself."""
    for headers in ([("Host", "evil.example")], [("Host", "evil.example:5000")], [("Host", "127.0.0.1.evil.example")],
                    [("Host", "localhost.evil.example")], [("Host", "127.0.0.1@evil.example")]):
        r = send(service.host, "GET", "/v2/", headers)
        assert r.status in (400, 401) and "evil" not in str(r.headers), headers
    r = send(service.host, "GET", "/v2/", [("X-Forwarded-Host", "evil.example"), ("X-Forwarded-Proto", "https"),
                                           ("Forwarded", "host=evil.example;proto=https")])
    assert challenge(r)[1]["realm"] == f"http://{service.host}/token"
    named = Registry(tmp_path / "named", options=("--slots", "0", "--external-url", "https://kiln.example"))
    try:
        for host in (named.host, "evil.example", "kiln.example"):
            assert challenge(send(named.host, "GET", "/v2/", [("Host", host)]))[1]["realm"] == "https://kiln.example/token"
    finally:
        assert named.close() == 0


def alike(service, world, other, ask):
    """`ask(full name)` has the same answer for the private repository and for one that is not there."""
    def seen(full):
        r = ask(full)
        headers = sorted((k, v.replace(full, "X")) for k, v in r.headers.items() if k not in ("Date",))
        return r.status, headers, r.body.replace(full.encode(), b"X").replace(quote(full).encode(), b"X")

    there, absent = seen(world.private), seen(other)
    # Lengths differ with the names.
    for found in (there, absent):
        found[1][:] = [(k, v) for k, v in found[1] if k != "Content-Length"]
    assert there == absent
    return there[0]


def asks(service, world, **who):
    """Every way to ask for a repository: a name, and the request."""
    v2_ = lambda method, path, body=None: lambda full: v2(service, method, path.replace("REPO", full), body=body, **who)
    d, b = world.digest, world.blob
    yield "manifest", v2_("GET", "REPO/manifests/1")
    yield "manifest HEAD", v2_("HEAD", "REPO/manifests/1")
    yield "manifest by digest", v2_("GET", f"REPO/manifests/{d}")
    yield "tags", v2_("GET", "REPO/tags/list")
    yield "blob", v2_("GET", f"REPO/blobs/{b}")
    yield "blob HEAD", v2_("HEAD", f"REPO/blobs/{b}")
    yield "referrers", v2_("GET", f"REPO/referrers/{d}")
    yield "upload", v2_("POST", "REPO/blobs/uploads/", b"")
    yield "mount into", v2_("POST", f"REPO/blobs/uploads/?mount={b}&from={world.public}", b"")
    yield "manifest PUT", lambda full: put_manifest(service, full, "new", **who)
    yield "delete", v2_("DELETE", f"REPO/manifests/{d}")
    yield "delete a blob", v2_("DELETE", f"REPO/blobs/{b}")


def test_trap_7_what_may_not_be_seen_looks_as_what_is_not_there(service, world):
    """Status, headers and body, for people without a login, with one, and with a token of the registry."""
    stranger = ("stranger", PASSWORD)
    own = {"token": token(service, repository_scope(world.private, PUSH), repository_scope("team/nothing", PUSH), login=stranger)}
    for who in ({}, {"login": stranger}, own):
        for what, ask in asks(service, world, **who):
            status = alike(service, world, "team/nothing", ask)
            assert status == (403 if "login" in who else 401), (what, who)
    # a scope that is asked for is no hint either
    for login in (None, stranger):
        both = [ask_token(service, repository_scope(full, PUSH), login=login) for full in (world.private, "team/nothing")]
        assert {r.status for r in both} == {200} and {len(r.json["token"]) for r in both} == {len(both[0].json["token"])}
    # the API and the Git remote
    rule, tag, source = "rules/crbr-0123456789abcdef", "tags/1", "source"
    for login in (None, stranger):
        for method, path, body in [("GET", "", None), ("GET", "/tags", None), ("GET", f"/{tag}", None), ("GET", "/rules", None),
                                   ("GET", f"/{rule}", None), ("GET", f"/{source}", None), ("PATCH", "", {"summary": "x"}),
                                   ("DELETE", "", None), ("DELETE", f"/{tag}", None), ("PUT", f"/{source}", {"provider": "KILN"}),
                                   ("POST", "/rules:preview", {"refs": ["main"]}), ("POST", "/rules", {"pattern": "main"}),
                                   ("PUT", f"/{tag}", {"from": "2"})]:
            ask = lambda full: service.api(method, f"/api/v1/repositories/{quote(full)}{path}", body, basic=login)
            assert alike(service, world, "team/nothing", ask) in ((401, 404) if login is None else (404,)), (method, path)
        for what in ("git-upload-pack", "git-receive-pack"):
            ask = lambda full: service.api("GET", f"/git/{full}.git/info/refs?service={what}", basic=login)
            assert alike(service, world, "team/nothing", ask) == (401 if login is None else 404), what
    assert world.private not in [r["fullName"] for r in service.ok("GET", "/api/v1/repositories", basic=stranger)["items"]]
    for who in ({"login": stranger}, {"token": token(service, "registry:catalog:*", login=stranger)}):
        assert v2(service, "GET", "_catalog", **who).json["repositories"] == [world.public]
    # who may push sees 404, or containerd ends there
    for login in (("m-develop", PASSWORD), ("m-admin", PASSWORD)):
        t = token(service, repository_scope("team/not-yet", PUSH), login=login)
        for who in ({"login": login}, {"token": t}):
            assert v2(service, "HEAD", "team/not-yet/manifests/1", **who).status == 404
            assert v2(service, "HEAD", f"team/not-yet/blobs/{world.blob}", **who).status == 404


def test_trap_8_a_mount_from_what_may_not_be_seen_is_an_upload(service, world):
    """The token is often for the target alone. 202 begins an upload; it must not tell that the blob is there."""
    def mount(source, **who):
        return v2(service, "POST", f"team/target/blobs/uploads/?mount={world.blob}&from={source}", body=b"", **who)

    service.repository("team/target")
    service.grant("team", "stranger", "develop", repository="target")
    try:
        for login, sources in ((("m-develop", PASSWORD), [world.private]), (("stranger", PASSWORD), [world.private, "team/nothing"])):
            t = token(service, repository_scope("team/target", PUSH), login=login)
            for source in sources:
                r = mount(source, token=t)
                assert r.status == 202 and r.headers["Location"], (login, source, r.body)
        # no right, whatever was asked for
        t = token(service, repository_scope("team/target", PUSH), repository_scope(world.private), login=("stranger", PASSWORD))
        for who in ({"token": t}, {"login": ("stranger", PASSWORD)}):
            assert mount(world.private, **who).status == mount("team/nothing", **who).status == 202
            assert v2(service, "HEAD", f"team/target/blobs/{world.blob}", **who).status == 404
        # the challenge names both, and a token for both mounts
        r = mount(world.private)
        assert challenge(r)[1]["scope"] == "repository:team/target:pull,push repository:team/private:pull"
        t = token(service, *challenge(r)[1]["scope"].split(), login=("m-develop", PASSWORD))
        assert mount(world.private, token=t).status == 201
        assert v2(service, "HEAD", f"team/target/blobs/{world.blob}", token=t).status == 200
    finally:
        service.ok("DELETE", "/api/v1/repositories/team%2Ftarget")


def cpu_ticks(service):
    fields = pathlib.Path(f"/proc/{service.process.pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def test_trap_9_a_password_is_hashed_once_for_many_requests(service, world):
    """A pull with Basic is hundreds of requests; a hash of argon2id costs what hundreds of requests cost. All bytes of a password
    count, and a change of it counts at once."""
    service.user("hasher", password=(long := "x" * 80 + "the end"))
    name, login = "hasher", ("hasher", long)
    for secret in ("x" * 80, "x" * 72, long + "1", long[:-1]):
        assert v2(service, "GET", "", login=(name, secret)).status == 401
    before = cpu_ticks(service)
    for n in range(8):  # each with a hash: nobody has this name
        assert v2(service, "GET", "", login=(f"nobody-{n}", PASSWORD)).status == 401
    hashes = cpu_ticks(service) - before
    assert v2(service, "GET", "", login=login).status == 200
    before = cpu_ticks(service)
    for _ in range(100):
        assert v2(service, "GET", "", login=login).status == 200
    assert cpu_ticks(service) - before < hashes * 100 / 8 / 4, "a quarter of what 100 hashes would have cost"
    service.ok("PATCH", f"/api/v1/users/{name}", {"password": "another password"})
    assert v2(service, "GET", "", login=login).status == 401
    assert v2(service, "GET", "", login=(name, "another password")).status == 200


def test_trap_10_locations_have_no_address(service, world):
    """A proxy with TLS in front, on another port: what names the server by its own address leads past it."""
    login = ("m-develop", PASSWORD)
    seen = [v2(service, "POST", f"{world.private}/blobs/uploads/", login=login, body=b"",
               headers=[("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "evil.example")])]
    at = seen[0].headers["Location"]
    seen.append(send(service.host, "PATCH", at, [("Authorization", basic(login))], b"{}"))
    end = seen[1].headers["Location"] + f"?digest=sha256:{hashlib.sha256(b'{}').hexdigest()}"
    seen.append(send(service.host, "PUT", end, [("Authorization", basic(login))], b""))
    seen.append(put_manifest(service, world.private, "trap-10", login=login))
    seen.append(v2(service, "GET", f"{world.private}/tags/list?n=1", login=login))
    assert [r.status for r in seen] == [202, 202, 201, 201, 200]
    for r in seen[:-1]:
        assert re.fullmatch(r"/v2/\S+", r.headers["Location"]), r.headers
    assert re.match(r"</v2/team/private/tags/list\?", seen[-1].headers["Link"]), seen[-1].headers


def test_trap_11_clocks_that_differ(clocked):
    """The token says nothing that a client compares with its own clock, and a server that is set back by less than a minute, or by
    much more, takes the tokens that it gave."""
    scope = repository_scope("ns/app", PUSH)
    r = ask_token(clocked, scope, login=clocked.admin)
    assert r.json["token"].count(".") != 2, "no JWT: nobody reads nbf and iat"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", r.json["issued_at"])
    try:
        for moved in (-1, -59):
            clocked.clock.move(moved)
            assert v2(clocked, "GET", "ns/app/tags/list", token=r.json["token"]).status == 200, moved
        clocked.clock.move(r.json["expires_in"] - 5)
        assert v2(clocked, "GET", "ns/app/tags/list", token=r.json["token"]).status == 200
        clocked.clock.move(r.json["expires_in"] + 61)
        assert challenge(v2(clocked, "GET", "ns/app/tags/list", token=r.json["token"]))[1]["error"] == "invalid_token"
    finally:
        clocked.clock.move(0)


def test_trap_12_names_and_passwords_with_special_characters(service, world, tmp_path):
    """They survive Basic, the form of the token endpoint, and a shell; names that would not are refused."""
    for name in ("robot$x", "a+b", "a:b", "a b", "A", "ü", "a/b", "", "-a", "token", "worker", "x" * 65):
        r = service.api("POST", "/api/v1/users", {"name": name, "password": PASSWORD})
        assert r.status == 400 and r.json["detail"], (name, r.body)
    secret = "a$HOME:b+c%41 d&e=f\"g'h\\ü"
    name = "robot.x-1_2"
    service.user(name, password=secret)
    service.grant(world.ns, name, "view")
    assert v2(service, "GET", f"{world.private}/manifests/1", login=(name, secret)).status == 200
    form = urlencode({"grant_type": "password", "username": name, "password": secret, "scope": repository_scope(world.private)})
    r = send(service.host, "POST", "/token", [("Content-Type", "application/x-www-form-urlencoded")], form.encode())
    assert v2(service, "GET", f"{world.private}/manifests/1", token=r.json["token"]).status == 200
    skopeo("inspect", "--raw", "--tls-verify=false", "--creds", f"{name}:{secret}", f"docker://{service.host}/{world.private}:1")
    auth = tmp_path / "auth.json"
    skopeo("login", "--tls-verify=false", "--authfile", auth, "--username", name, "--password-stdin", service.host, input=secret)
    skopeo("list-tags", "--tls-verify=false", "--authfile", auth, f"docker://{service.host}/{world.private}")
    made = service.ok("POST", "/api/v1/tokens", {"name": "a $name + more:ü"}, basic=(name, secret))
    assert re.fullmatch(r"kiln_[A-Za-z0-9]+", made["secret"])
    service.ok("DELETE", f"/api/v1/users/{name}")


def test_trap_13_two_logins_in_one_request(service, world):
    right, other = basic(("m-view", PASSWORD)), basic(("m-admin", PASSWORD))
    for path in ("/v2/", f"/v2/{world.private}/manifests/1", f"/token?scope={repository_scope(world.private)}", "/api/v1/whoami",
                 f"/git/{world.private}.git/info/refs?service=git-upload-pack"):
        for two in ([right, other], [right, right], [right, "Bearer kiln_x"]):
            r = send(service.host, "GET", path, [("Authorization", a) for a in two])
            assert r.status == 400, (path, two, r.status, r.body)


def kiln_token(service, login, *options, tmp_path):
    """`kiln token create` of a user who is logged in: the token, and its id."""
    env = {"KILN_CONFIG": str(tmp_path / f"login-{login[0]}.json")}
    run([KILN, "login", service.host, "--username", login[0], "--password-stdin"], env=env, input=login[1])
    made = run([KILN, "token", "create", "ci", *options, "--json"], env=env).json()
    return made["secret"], made["id"]


def test_trap_14_a_token_where_a_password_is_asked_for(service, world, podman, tmp_path):
    """For who has no password that a client could send: registry, Git remote and API take `kiln token`."""
    secret, id = kiln_token(service, ("m-develop", PASSWORD), tmp_path=tmp_path)
    image = f"{service.host}/{world.private}:1"
    for name in ("m-develop", "token"):
        skopeo("inspect", "--raw", "--tls-verify=false", "--creds", f"{name}:{secret}", f"docker://{image}")
        auth = tmp_path / f"auth-{name}.json"
        if os.geteuid() == 0:
            podman("login", "--tls-verify=false", "--authfile", auth, "-u", name, "--password-stdin", service.host, input=secret)
            podman("pull", "-q", "--tls-verify=false", "--authfile", auth, image)
    assert ask_token(service, repository_scope(world.private), login=("m-view", secret)).status == 401, "another's name"
    service.bind(world.private, autoBuild=False)
    run(["git", "ls-remote", service.git_url(world.private, ("m-develop", secret))], env={"GIT_TERMINAL_PROMPT": "0"})
    assert service.ok("GET", "/api/v1/whoami", token=secret)["name"] == "m-develop"
    assert v2(service, "GET", f"{world.private}/manifests/1", token=secret).status == 200, "as Bearer too"
    # narrower than its user
    narrow, _ = kiln_token(service, ("m-develop", PASSWORD), "--role", "view", tmp_path=tmp_path)
    t = token(service, repository_scope(world.private, PUSH), login=("token", narrow))
    assert v2(service, "GET", f"{world.private}/manifests/1", token=t).status == 200
    r = v2(service, "POST", f"{world.private}/blobs/uploads/", token=t, body=b"")
    assert r.status == 401 and challenge(r)[1]["error"] == "insufficient_scope"
    assert v2(service, "POST", f"{world.private}/blobs/uploads/", login=("token", narrow), body=b"").status == 403


@pytest.mark.skipif(not shutil.which("docker"), reason="docker is not here")
def test_docker_logs_in(service, world, tmp_path):
    """Its command line alone, without a daemon."""
    secret, _ = kiln_token(service, ("m-view", PASSWORD), tmp_path=tmp_path)
    env = {"DOCKER_CONFIG": str(tmp_path / "docker"), "DOCKER_HOST": f"unix://{tmp_path}/none.sock"}

    def docker(*args, code=0, **more):
        """It tries TLS first, and goes on to HTTP when it is told that there is none."""
        r = run(["docker", *args], env=env, code=None, **more)
        assert code is None or r.code == code, r
        return r

    for word in (PASSWORD, secret):
        r = docker("login", "-u", "m-view", "--password-stdin", service.host, input=word, code=None)
        if r.code and "daemon" in r.err:
            pytest.skip("this docker logs in through its daemon only")
        assert r.code == 0 and "Login Succeeded" in r.out, r
        listed = docker("manifest", "inspect", "--insecure", f"{service.host}/{world.private}:1").json()
        assert [m["digest"] for m in listed["manifests"]] == [m["digest"] for m in world.index["manifests"]]
        docker("logout", service.host)
    assert docker("login", "-u", "m-view", "--password-stdin", service.host, input="wrong", code=None).code != 0
    assert docker("manifest", "inspect", "--insecure", f"{service.host}/{world.private}:1", code=None).code != 0
    docker("manifest", "inspect", "--insecure", f"{service.host}/{world.public}:1")


def test_crane_logs_in(service, world, later, tmp_path):
    """By password and by token: lists, copies where it may, and sees of others what everybody does."""
    crane, env = later("crane"), {"DOCKER_CONFIG": str(tmp_path / "docker")}
    secret, _ = kiln_token(service, ("m-develop", PASSWORD), tmp_path=tmp_path)

    def cr(*args, code=0, **more):
        r = run([crane, *args, "--insecure"], env=env, code=None, **more)
        assert (r.code == 0) == (code == 0), r
        return r

    private, public = (f"{service.host}/{name}" for name in (world.private, world.public))
    assert cr("digest", f"{public}:1").out.strip() == world.digest
    assert "UNAUTHORIZED" in cr("digest", f"{private}:1", code=1).err
    for word in (PASSWORD, secret):
        run([crane, "auth", "login", service.host, "-u", "m-develop", "--password-stdin"], env=env, input=word)
        assert cr("ls", private).out.split()[0] == "1"
        cr("copy", f"{public}:1", f"{private}:by-crane")
        assert cr("digest", f"{private}:by-crane").out.strip() == world.digest
        run([crane, "auth", "logout", service.host], env=env)
    assert "UNAUTHORIZED" in cr("digest", f"{private}:1", code=1).err


def test_a_token_is_limited_to_a_namespace_that_its_user_sees(service, world, tmp_path):
    """One that is not there, and one that is not to be seen, are the same: nothing is made, and nothing is told of it."""
    ann = ("limited-ann", PASSWORD)
    service.user(ann[0])
    service.namespace("limited-hidden")
    made = service.namespace("limited-one")
    service.repository("limited-one/app")
    service.grant("limited-one", ann[0], "view", repository="app")
    new = lambda namespace, basic=ann: service.api("POST", "/api/v1/tokens", {"name": "t", "namespace": namespace}, basic=basic)
    refused = [new("limited-absent"), new("limited-hidden"), new("limited-absent", "admin"), new("Limited-One"), new("a/b")]
    for r in refused:
        assert (r.status, r.json["code"]) == (400, "TOKEN_NAMESPACE") and "kiln namespace list" in r.json["remedy"], r.body
    assert refused[0].json["detail"].replace("absent", "hidden") == refused[1].json["detail"]
    assert service.ok("GET", "/api/v1/tokens", basic=ann)["items"] == []
    # where one has a role, if in one repository; by name or id, empty for no limit
    assert [new(n).json["namespace"] for n in ("limited-one", made["id"], "", None)] == ["limited-one", "limited-one", None, None]
    assert new("limited-hidden", "admin").status == 201
    env = {"KILN_CONFIG": str(tmp_path / "login.json")}
    run([KILN, "login", service.host, "--username", ann[0], "--password-stdin"], env=env, input=PASSWORD)
    r = run([KILN, "token", "create", "t", "--namespace", "limited-absent"], env=env, code=1)
    assert "there is no namespace limited-absent" in r.err and "kiln namespace list" in r.err, r


def test_a_role_is_in_a_repository_that_is_there(service, tmp_path):
    """A role for a name alone would go to whoever makes a repository of it."""
    service.user("early")
    service.namespace("later")
    put = lambda repository: service.api("PUT", "/api/v1/namespaces/later/members/early", {"role": "view", "repository": repository})
    for name in ("app", "later/app", "..", "app/"):
        r = put(name)
        assert (r.status, r.json["code"]) == (404, "REPOSITORY_UNKNOWN") and f"later/{name}" in r.json["detail"] and r.json["remedy"], r.body
    assert service.ok("GET", "/api/v1/namespaces/later/members")["items"] == []
    env = {"KILN_CONFIG": str(tmp_path / "login.json")}
    run([KILN, "login", service.host, "--username", "admin", "--password-stdin"], env=env, input=service.admin_password)
    grant = [KILN, "namespace", "grant", "later", "early", "view", "--repository", "app"]
    r = run(grant, env=env, code=1)
    assert "there is no image repository later/app" in r.err and "Make it first" in r.err, r
    service.repository("later/app")
    run(grant, env=env)
    assert [(m["user"], m["repository"]) for m in service.ok("GET", "/api/v1/namespaces/later/members")["items"]] == [("early", "app")]
    # it goes with the repository, and does not come back with another
    assert service.api("DELETE", "/api/v1/repositories/later%2Fapp").status == 204
    assert service.ok("GET", "/api/v1/namespaces/later/members")["items"] == []


def test_trap_15_a_change_of_rights_is_for_tokens_that_are_out_too(service, world, tmp_path):
    """At once: the roles, the user, the token that a token was got with, and the repository's type."""
    login, scope = ("changed", PASSWORD), repository_scope("team/changing", PUSH)
    service.user("changed")
    service.repository("team/changing")
    digest = put_blob(service, "team/changing", b"{}", ("admin", service.admin_password))
    service.grant("team", "changed", "develop", repository="changing")
    out = token(service, scope, login=login)
    secret, id = kiln_token(service, login, tmp_path=tmp_path)
    by_token = token(service, scope, login=("token", secret))
    ways = {"password": {"login": login}, "registry token": {"token": out}, "token": {"login": ("token", secret)},
            "as Bearer": {"token": secret}, "registry token by token": {"token": by_token}}

    def may(name):
        who = ways[name]
        blob = f"team/changing/blobs/{digest}"
        first = v2(service, "HEAD", blob, **who).status
        assert v2(service, "GET", blob, **who).status == first  # GET may be answered by what is prepared
        pushed = v2(service, "POST", "team/changing/blobs/uploads/", body=b"", **who).status
        return (first == 200, pushed == 202)

    def all_may(*wanted, names=ways):
        assert {n: may(n) for n in names} == {n: wanted for n in names}

    all_may(True, True)
    service.grant("team", "changed", "view", repository="changing")
    all_may(True, False)
    service.ok("DELETE", "/api/v1/namespaces/team/members/changed?repository=changing")
    all_may(False, False)
    service.grant("team", "changed", "develop", repository="changing")
    all_may(True, True)
    service.ok("DELETE", f"/api/v1/tokens/{id}", basic=login)
    assert (may("token"), may("as Bearer"), may("registry token by token")) == ((False, False),) * 3
    all_may(True, True, names=["password", "registry token"])
    service.ok("PATCH", "/api/v1/users/changed", {"disabled": True})
    all_may(False, False)
    assert service.api("GET", "/api/v1/whoami", basic=login).status == 401
    service.ok("PATCH", "/api/v1/users/changed", {"disabled": False})
    all_may(True, True, names=["password", "registry token"])
    service.ok("DELETE", "/api/v1/users/changed")
    service.user("changed")  # another one of that name
    all_may(False, False)
    # everybody's right to a public one goes with it
    public = {"token": token(service, repository_scope("team/changing"))}
    assert v2(service, "HEAD", f"team/changing/blobs/{digest}", **public).status == 401
    service.ok("PATCH", "/api/v1/repositories/team%2Fchanging", {"type": "PUBLIC"})
    for who in (public, {}):
        assert v2(service, "HEAD", f"team/changing/blobs/{digest}", **who).status == 200
    service.ok("PATCH", "/api/v1/repositories/team%2Fchanging", {"type": "PRIVATE"})
    for who in (public, {}):
        assert v2(service, "HEAD", f"team/changing/blobs/{digest}", **who).status == 401
    service.ok("DELETE", "/api/v1/users/changed")
    service.ok("DELETE", "/api/v1/repositories/team%2Fchanging")


# --- roles --------------------------------------------------------------------------------------

# What is done, and the least role that may; each is asked as (service, full, login) and answers whether it was allowed.


def did(r):
    assert r.status < 500 and r.status not in (400, 415), r.body
    return r.status < 300 or r.status in (404, 409) and b"there is no build rule" in r.body


def api(method, path, body=None):
    def act(service, full, login):
        ns = full.partition("/")[0]
        return did(service.api(method, f"/api/v1{path}".replace("REPO", quote(full)).replace("NS", ns), body, basic=login))
    return act


def pull(service, full, login):
    t = token(service, repository_scope(full), login=login)
    found = [did(v2(service, "GET", f"{full}/manifests/1", **who)) for who in ({"login": login}, {"token": t})]
    assert found[0] == found[1]
    return found[0]


def push(service, full, login):
    t = token(service, repository_scope(full, PUSH), login=login)
    found = [did(put_manifest(service, full, f"p-{uuid.uuid4().hex[:6]}", **who)) for who in ({"login": login}, {"token": t})]
    assert found[0] == found[1]
    return found[0]


def delete(service, full, login):
    found = []
    for by_token in (False, True):
        put_manifest(service, full, "gone", login=("admin", service.admin_password))
        who = {"token": token(service, repository_scope(full, DELETE), login=login)} if by_token else {"login": login}
        found.append(did(v2(service, "DELETE", f"{full}/manifests/gone", **who)))
    assert found[0] == found[1]
    return found[0]


def git(service_name):
    def act(service, full, login):
        return did(service.api("GET", f"/git/{full}.git/info/refs?service=git-{service_name}", basic=login))
    return act


ACTS = [
    ("view", "pull", pull), ("develop", "push", push), ("maintain", "delete", delete),
    ("view", "git fetch", git("upload-pack")), ("develop", "git push", git("receive-pack")),
    ("view", "see the repository", api("GET", "/repositories/REPO")), ("view", "list tags", api("GET", "/repositories/REPO/tags")),
    ("view", "list rules", api("GET", "/repositories/REPO/rules")),
    ("view", "preview", api("POST", "/repositories/REPO/rules:preview", {"refs": ["main"]})),
    ("develop", "set a tag", api("PUT", "/repositories/REPO/tags/again", {"from": "1"})),
    ("develop", "build by hand", api("POST", "/repositories/REPO/rules/crbr-0123456789abcdef:build", {})),
    ("maintain", "delete a rule", api("DELETE", "/repositories/REPO/rules/crbr-0123456789abcdef")),
    ("maintain", "make a rule", api("POST", "/repositories/REPO/rules",
                                    {"refType": "GIT_BRANCH", "pattern": "x", "imageTags": ["x"]})),
    ("maintain", "change the repository", api("PATCH", "/repositories/REPO", {"summary": "s"})),
    ("maintain", "bind", api("PUT", "/repositories/REPO/source", {"provider": "KILN", "autoBuild": False})),
]
NAMESPACE_ACTS = [
    ("view", "see the namespace", api("GET", "/namespaces/NS")), ("maintain", "list members", api("GET", "/namespaces/NS/members")),
    ("admin", "give a role", api("PUT", "/namespaces/NS/members/somebody", {"role": "view"})),
    ("admin", "change the namespace", api("PATCH", "/namespaces/NS", {"autoCreate": False})),
]


@pytest.mark.parametrize("where", ["namespace", "repository"])
def test_what_each_role_may_do(service, world, where):
    ns = f"roles-{where}"
    full = f"{ns}/app"
    admin = ("admin", service.admin_password)
    service.namespace(ns)
    service.repository(full)
    service.repository(f"{ns}/other")
    service.bind(full, autoBuild=False)
    if where == "namespace":
        service.user("somebody")
    for n in ("app", "other"):
        put_blob(service, f"{ns}/{n}", b"{}", admin)
        assert put_manifest(service, f"{ns}/{n}", "1", login=admin).status == 201
    for i, role in enumerate([None, *ROLES]):
        name = f"r-{where}-{role or 'none'}"
        login = (name, PASSWORD)
        service.user(name)
        if role:
            service.grant(ns, name, role, repository="app" if where == "repository" else "")
        has = lambda least: i >= ROLES.index(least) + 1
        acts = ACTS + (NAMESPACE_ACTS if where == "namespace" else [])
        assert {what: act(service, full, login) for _, what, act in acts} == {what: has(least) for least, what, _ in acts}, role
        if role:  # and the API tells which it is
            told = lambda path: service.api("GET", f"/api/v1/{path}", basic=login).json["role"]
            assert told(f"repositories/{quote(full)}") == role
            assert told(f"namespaces/{ns}") == (role if where == "namespace" else None)
        if where == "repository":  # it reaches no further
            assert not pull(service, f"{ns}/other", login) and not push(service, f"{ns}/other", login)
            assert not api("PUT", "/namespaces/NS/members/somebody", {"role": "view"})(service, full, login)
        assert did(service.api("DELETE", f"/api/v1/repositories/{quote(ns + '/other')}", basic=login)) == (
            where == "namespace" and has("maintain"))
        if where == "namespace" and has("maintain"):
            service.repository(f"{ns}/other")
    # the greater of two roles counts
    if where == "namespace":
        service.grant(ns, "r-namespace-view", "maintain", repository="app")
        assert delete(service, full, ("r-namespace-view", PASSWORD))
        service.grant(ns, "r-namespace-maintain", "view", repository="app")
        assert delete(service, full, ("r-namespace-maintain", PASSWORD))


def test_a_role_at_the_git_remote(service, world, tmp_path):
    """By git itself: who may not push is told which role it takes; who may not see is told that nothing is there."""
    service.bind(world.private, autoBuild=False)
    tree = service.git(tmp_path, world.private, {"Dockerfile": "FROM scratch\nCOPY Dockerfile /\n"})
    to = lambda name: service.git_url(world.private, (name, PASSWORD))
    tree("push", "-q", "-f", to("m-develop"), "main:roles")
    assert "roles" in tree("ls-remote", to("m-view")).out
    assert "needs the role develop" in tree("push", to("m-view"), "main:roles2", code=None).err
    for refused in (tree("ls-remote", to("stranger"), code=128), tree("push", to("stranger"), "main:x", code=None),
                    tree("ls-remote", service.git_url("team/nothing", ("stranger", PASSWORD)), code=128)):
        assert refused.code and "not found" in refused.err, refused
    assert "Authentication failed" in tree("ls-remote", service.git_url(world.private, ("m-view", "wrong")), code=128).err
    assert tree("ls-remote", f"http://{service.host}/git/{world.private}.git", code=128)


def test_skopeo_and_podman_see_what_their_roles_allow(service, world, layout, podman, tmp_path):
    private, public = f"docker://{service.host}/{world.private}:1", f"docker://{service.host}/{world.public}:1"
    skopeo("inspect", "--raw", "--tls-verify=false", "--no-creds", public)
    assert "unauthorized" in skopeo("inspect", "--raw", "--tls-verify=false", "--no-creds", private, code=None).err
    for login, view, may_push in [("m-view", True, False), ("m-develop", True, True), ("single", True, True), ("stranger", False, False)]:
        r = skopeo("inspect", "--raw", "--tls-verify=false", "--creds", f"{login}:{PASSWORD}", private, code=None)
        assert (r.code == 0) == view, r
        assert (copy_in(service, layout, world.private, (login, PASSWORD), tag="by-role", code=None).code == 0) == may_push, login
        assert (copy_in(service, layout, world.public, (login, PASSWORD), tag="by-role", code=None).code == 0) == (
            login == "m-develop"), login
    skopeo("delete", "--tls-verify=false", "--creds", f"m-maintain:{PASSWORD}", f"docker://{service.host}/{world.public}:by-role")
    if os.geteuid() == 0:
        name = f"{service.host}/{world.private}"
        podman("pull", "-q", "--tls-verify=false", "--creds", f"single:{PASSWORD}", f"{name}:1")
        podman("tag", f"{name}:1", f"{name}:by-podman")
        podman("push", "-q", "--tls-verify=false", "--creds", f"single:{PASSWORD}", f"{name}:by-podman")
        podman("tag", f"{name}:1", f"{name}:by-podman2")
        refused = podman("push", "-q", "--tls-verify=false", "--creds", f"m-view:{PASSWORD}", f"{name}:by-podman2", code=None)
        assert refused.code and ("denied" in refused.err or "unauthorized" in refused.err), refused


# --- failed logins ------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["token", "basic", "api", "git"])
def test_failed_logins_are_limited_by_account(service, world, way):
    """Ten are free. Then the right password waits too, at every door; a token does not, nor do others."""
    name, source = f"guessed-{way}", "127.0.0.2"
    service.user(name)
    secret = service.ok("POST", "/api/v1/tokens", {"name": "t"}, basic=(name, PASSWORD))["secret"]
    path = {"token": "/token?service=kiln", "basic": "/v2/", "api": "/api/v1/whoami",
            "git": f"/git/{world.private}.git/info/refs?service=git-upload-pack"}[way]

    def ask(path, login):
        return send(service.host, "GET", path, [("Authorization", basic(login))], source=source)

    statuses = [ask(path, (name, f"wrong {n}")).status for n in range(12)]
    assert statuses == [401] * 10 + [429] * 2, statuses
    for at in ("/token?service=kiln", "/v2/", "/api/v1/whoami", path):
        r = ask(at, (name, PASSWORD + " "))
        assert r.status == 429 and (at == path and way == "git" or int(r.headers["Retry-After"]) > 0), at
    assert ask("/v2/", (name, secret)).status == 200, "nobody guesses a token"
    assert ask("/v2/", ("m-view", PASSWORD)).status == 200
    assert ask(path, (f"no-such-{way}", "x")).status == 401


def test_failed_logins_are_limited_by_address(service):
    """However many accounts are tried; from other addresses the door is open."""
    statuses = [send(service.host, "GET", "/v2/", [("Authorization", f"Bearer kiln_{n:043d}")], source="127.0.0.3").status
                for n in range(102)]
    assert statuses == [401] * 100 + [429] * 2
    login = [("Authorization", basic(("m-maintain", PASSWORD + "?")))]
    assert send(service.host, "GET", "/v2/", login, source="127.0.0.3").status == 429
    assert send(service.host, "GET", "/v2/", login, source="127.0.0.4").status == 401
    assert send(service.host, "GET", "/v2/", [], source="127.0.0.3").status == 401, "who sends nothing guesses nothing"


# --- the log of changes -------------------------------------------------------------------------


def test_every_kind_of_change_is_in_the_audit_log(service, world, tmp_path):
    """Who, from where, what, of what; without secrets. What was refused changed nothing."""
    admin = ("admin", service.admin_password)
    after = service.ok("GET", "/api/v1/audit?limit=1")["items"][0]["seq"]
    seen = set()

    def changes(*wanted, actor="admin"):
        """The entries since the last call are these: (action, target)."""
        nonlocal after
        new = [e for e in service.ok("GET", "/api/v1/audit?limit=50")["items"] if e["seq"] > after][::-1]
        assert [(e["action"], e["target"]) for e in new] == list(wanted), new
        assert all(e["actor"] == actor and e["remote"] == "127.0.0.1" for e in new), new
        assert "secret word" not in json.dumps(new)
        after = max([after, *[e["seq"] for e in new]])
        seen.update(e["action"] for e in new)

    ok = service.ok
    ok("POST", "/api/v1/namespaces", {"name": "watched"})
    changes(("namespace.create", "watched"))
    ok("PATCH", "/api/v1/namespaces/watched", {"autoCreate": True})
    changes(("namespace.update", "watched"))
    service.user("eve", password="secret word 1")
    changes(("user.create", "eve"))
    ok("PATCH", "/api/v1/users/eve", {"password": "secret word 2"})
    changes(("user.update", "eve"))
    service.grant("watched", "eve", "develop")
    changes(("member.set", "watched"))
    service.repository("watched/part")
    changes(("repository.create", "watched/part"))
    service.grant("watched", "eve", "view", repository="part")
    changes(("member.set", "watched/part"))
    ok("DELETE", "/api/v1/namespaces/watched/members/eve?repository=part")
    changes(("member.remove", "watched/part"))
    assert service.api("DELETE", "/api/v1/repositories/watched%2Fpart").status == 204
    changes(("repository.delete", "watched/part"))
    eve = ("eve", "secret word 2")
    t = ok("POST", "/api/v1/tokens", {"name": "t"}, basic=eve)
    changes(("token.create", t["id"]), actor="eve")
    ok("DELETE", f"/api/v1/tokens/{t['id']}", basic=eve)
    changes(("token.delete", t["id"]), actor="eve")
    t = ok("POST", "/api/v1/worker-tokens", {"name": "arm"})
    changes(("worker-token.create", t["id"]))
    ok("DELETE", f"/api/v1/worker-tokens/{t['id']}")
    changes(("worker-token.delete", t["id"]))
    # by the registry: a push makes the repository and sets the tag
    put_blob(service, "watched/app", b"{}", eve)
    changes(("repository.create", "watched/app"), actor="eve")
    assert put_manifest(service, "watched/app", "1", login=eve).status == 201
    changes(("tag.push", "watched/app:1"), actor="eve")
    t = token(service, repository_scope("watched/app", PUSH), login=eve)
    digest = put_manifest(service, "watched/app", "2", token=t).headers["Docker-Content-Digest"]
    changes(("tag.push", "watched/app:2"), actor="eve")
    assert put_manifest(service, "watched/app", digest, login=eve).status == 201
    changes(("manifest.push", f"watched/app@{digest}"), actor="eve")
    ok("PUT", "/api/v1/repositories/watched%2Fapp/tags/3", {"from": "1"})
    changes(("tag.set", "watched/app:3"))
    ok("DELETE", "/api/v1/repositories/watched%2Fapp/tags/3")
    changes(("tag.delete", "watched/app:3"))
    assert v2(service, "DELETE", "watched/app/manifests/2", login=admin).status == 202
    changes(("tag.delete", "watched/app:2"))
    assert v2(service, "DELETE", f"watched/app/manifests/{digest}", login=admin).status == 202
    changes(("manifest.delete", f"watched/app@{digest}"))
    ok("PATCH", "/api/v1/repositories/watched%2Fapp", {"summary": "s"})
    changes(("repository.update", "watched/app"))
    # whom it is told
    endpoints = "/api/v1/repositories/watched%2Fapp/endpoints"
    e = ok("POST", endpoints, {"url": "http://127.0.0.1:1/secret%20word", "signed": True})["id"]
    changes(("endpoint.create", "watched/app"))
    ok("PATCH", f"{endpoints}/{e}", {"events": ["build.failed"]})
    changes(("endpoint.update", "watched/app"))
    ok("POST", f"{endpoints}/{e}:rotate", {})
    changes(("endpoint.rotate", "watched/app"))
    n = ok("POST", f"{endpoints}/{e}:test", {})["id"]
    changes(("endpoint.test", "watched/app"))
    ok("POST", f"{endpoints}/{e}/notifications/{n}:redeliver", {})
    changes(("endpoint.redeliver", "watched/app"))
    ok("DELETE", f"{endpoints}/{e}")
    changes(("endpoint.delete", "watched/app"))
    # code
    ok("PUT", "/api/v1/repositories/watched%2Fapp/source", {"provider": "KILN"})
    changes(("repository.bind", "watched/app"))
    rule = service.rule("watched/app")["id"]
    changes(("rule.create", "watched/app"))
    ok("PATCH", f"/api/v1/repositories/watched%2Fapp/rules/{rule}", {"priority": 1})
    changes(("rule.update", "watched/app"))
    tree = service.git(tmp_path, "watched/app", {"Dockerfile": "FROM scratch\nCOPY Dockerfile /\n"})
    tree("push", "-q", service.git_url("watched/app", eve), "main")
    changes(("git.push", "watched/app"), actor="eve")
    build = service.builds("watched/app")[0]["id"]
    ok("POST", f"/api/v1/builds/{build}:cancel", {})
    changes(("build.cancel", build))
    again = ok("POST", f"/api/v1/builds/{build}:rerun", {})["id"]
    changes(("build.rerun", build))
    ok("POST", f"/api/v1/builds/{again}:cancel", {})
    retried = ok("POST", f"/api/v1/builds/{again}:retry", {})["id"]
    changes(("build.cancel", again), ("build.retry", again))
    ok("POST", f"/api/v1/builds/{retried}:cancel", {})
    started = ok("POST", f"/api/v1/repositories/watched%2Fapp/rules/{rule}:build", {})["id"]
    ok("POST", f"/api/v1/builds/{started}:cancel", {})
    changes(("build.cancel", retried), ("build.start", "watched/app"), ("build.cancel", started))
    ok("DELETE", f"/api/v1/repositories/watched%2Fapp/rules/{rule}")
    changes(("rule.delete", "watched/app"))
    ok("DELETE", "/api/v1/repositories/watched%2Fapp/source")
    changes(("repository.unbind", "watched/app"))
    s = ok("POST", "/api/v1/sources", {"namespace": "watched", "name": "code", "provider": "GITHUB", "url": "https://code.invalid/a/b",
                                       "username": "u", "secret": "secret word 3", "pollSeconds": 0})
    changes(("source.create", "watched/code"))
    ok("PATCH", f"/api/v1/sources/{s['id']}", {"secret": "secret word 4"})
    changes(("source.update", "watched/code"))
    ok("POST", f"/api/v1/sources/{s['id']}:rotate", {})
    changes(("source.rotate", "watched/code"))
    ok("DELETE", f"/api/v1/sources/{s['id']}")
    changes(("source.delete", "watched/code"))
    # refused, or nothing to change
    for method, path, body in [("DELETE", "/api/v1/repositories/watched%2Fapp", None), ("POST", "/api/v1/users", {"name": "x"}),
                               ("PATCH", "/api/v1/namespaces/watched", {"autoCreate": False})]:
        assert service.api(method, path, body, basic=eve).status in (403, 404)
    assert v2(service, "DELETE", "watched/app/manifests/1", login=eve).status == 403
    assert put_manifest(service, "watched/app", "x", login=eve, text=b"{").status == 400
    changes()
    ok("DELETE", "/api/v1/repositories/watched%2Fapp")
    changes(("repository.delete", "watched/app"))
    ok("DELETE", "/api/v1/users/eve")
    changes(("user.delete", "eve"))
    (own,) = ok("GET", "/api/v1/sources?namespace=watched")["items"]  # the remote keeps its code until it is deleted itself
    ok("DELETE", f"/api/v1/sources/{own['id']}")
    changes(("source.delete", "watched/app"))
    ok("DELETE", "/api/v1/namespaces/watched")
    changes(("namespace.delete", "watched"))
    # by actor, action and target; in pages
    only = lambda **q: service.ok("GET", "/api/v1/audit?" + urlencode({"limit": 500, **q}))["items"]
    assert {e["actor"] for e in only(actor="eve")} == {"eve"}
    assert {e["action"] for e in only(action="tag")} >= {"tag.push", "tag.delete"}
    assert all(e["action"].startswith("tag.") for e in only(action="tag"))
    assert {e["action"] for e in only(target="watched/code")} == {f"source.{w}" for w in ("create", "update", "rotate", "delete")}
    first = service.ok("GET", "/api/v1/audit?limit=5")
    second = service.ok("GET", f"/api/v1/audit?limit=5&cursor={first['next']}")
    numbers = [e["seq"] for e in first["items"] + second["items"]]
    assert numbers == list(range(numbers[0], numbers[0] - 10, -1))
    assert service.api("GET", "/api/v1/audit", basic=("m-admin", PASSWORD)).status == 403
