"""Builds that start because a base image moved. No test waits for an interval: it is looked when one asks for it, or when a server starts."""
import base64
import contextlib
import hashlib
import json
import sqlite3
import threading
import uuid

import pytest

from conftest import KILN, SLOW, Registry, Service, http_request, quote, run, wait_for
from test_worker import no_embedded

INDEX = "application/vnd.oci.image.index.v1+json"
OCI = "application/vnd.oci.image.manifest.v1+json"


def at(full, check=False):
    return f"/api/v1/repositories/{quote(full)}/bases" + (":check" if check else "")


class Upstream:
    """An image in a registry whose tag moves: to the same layers, and another label each time."""

    def __init__(self, registry, name=None, alpine=None, headers=None):
        self.host, self.headers = registry.host, headers or {}
        self.repository = name or f"bases/b{uuid.uuid4().hex[:10]}"
        self.name = f"{self.host}/{self.repository}:1"
        self.manifest, self.config = self.copy(alpine or registry)
        self.move()

    def copy(self, alpine):
        """Layers of the stand-in of alpine; its manifest and configuration."""
        def get(what, accept="*/*"):
            r = http_request(alpine.host, "GET", f"/v2/library/alpine/{what}", headers={"Accept": accept})
            assert r.status == 200, (what, r.status, r.body)
            return r.body
        manifest = json.loads(get("manifests/latest", f"{INDEX}, {OCI}"))
        if "manifests" in manifest:
            manifest = json.loads(get(f"manifests/{manifest['manifests'][0]['digest']}", OCI))
        for layer in manifest["layers"]:
            assert self.blob(get(f"blobs/{layer['digest']}")) == layer["digest"]
        return manifest, json.loads(get(f"blobs/{manifest['config']['digest']}"))

    def request(self, method, path, body=None, headers=None):
        return http_request(self.host, method, path, body, {**self.headers, **(headers or {})})

    def blob(self, body):
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        where = self.request("POST", f"/v2/{self.repository}/blobs/uploads/").headers["Location"].replace(f"http://{self.host}", "")
        r = self.request("PUT", f"{where}{'&' if '?' in where else '?'}digest={digest}", body, {"Content-Type": "application/octet-stream"})
        assert r.status == 201, (r.status, r.body)
        return digest

    def move(self):
        """The digest that the tag leads to from now on."""
        config = json.dumps({**self.config, "config": {**self.config.get("config", {}), "Labels": {"turn": uuid.uuid4().hex}}}).encode()
        described = {**self.manifest["config"], "digest": self.blob(config), "size": len(config)}
        body = json.dumps({**self.manifest, "mediaType": OCI, "config": described}).encode()
        r = self.request("PUT", f"/v2/{self.repository}/manifests/1", body, {"Content-Type": OCI})
        assert r.status == 201, (r.status, r.body)
        self.digest = r.headers["Docker-Content-Digest"]
        return self.digest


def make(service, full="ns/app", **rule):
    """A repository with a rule that is built when a base moves."""
    namespace = full.partition("/")[0]
    if service.api("GET", f"/api/v1/namespaces/{namespace}").status == 404:
        service.namespace(namespace)
    service.repository(full)
    service.bind(full)
    return service.rule(full, **{"rebuildOnBaseUpdate": True, **rule})


def push(service, tmp_path, full, *bases):
    """Pushed and built: a stage on each, which takes from the one before."""
    text = "".join(f"FROM {b} AS s{i}\nCOPY Dockerfile /f{i}\n" + (f"COPY --from=s{i - 1} /f{i - 1} /f\n" if i else "") for i, b in enumerate(bases))
    tree = service.git(tmp_path, full, {"Dockerfile": text})
    tree.push("main")
    return tree, service.wait(service.builds(full)[0]["id"], "SUCCESS")


def listed(service, full="ns/app"):
    return service.ok("GET", at(full))["items"]


def check(service, full="ns/app"):
    """The list once all was asked for and what it calls for is started."""
    items = service.ok("POST", at(full, check=True))["items"]
    if any(i["checking"] for i in items):
        wait_for(lambda: not any(i["checking"] for i in listed(service, full)), 60)
        items = listed(service, full)
    return items


def rebuilds(service, full="ns/app"):
    return service.builds(full, trigger="BASE_IMAGE")


@contextlib.contextmanager
def database(service):
    with contextlib.closing(sqlite3.connect(service.data / "kiln.db", timeout=60)) as db:
        yield db
        db.commit()


def test_a_base_that_moves_is_built_on_once(service, registry, tmp_path):
    """By a check, and by the server itself; at the commit of the newest build, whatever was pushed since."""
    base = Upstream(registry)
    pinned, old = base.digest, base.move()
    rule = make(service)
    tree, first = push(service, tmp_path, "ns/app", f"{base.host}/{base.repository}@{pinned}", "scratch", base.name)
    assert rule["rebuildOnBaseUpdate"] and service.rule("ns/app", pattern="other")["rebuildOnBaseUpdate"] is False
    (item,) = check(service)
    assert item["name"] == base.name and item["digest"] == item["newestDigest"] == old and not item["moved"]
    assert item["ruleId"] == rule["id"] and item["buildId"] == first["id"] and item["ref"] == "refs/heads/main"
    assert item["checkedAt"] and item["error"] is None and item["rebuild"] is None and item["rebuilds"]
    assert rebuilds(service) == []
    # what is pushed now fails, and the one before is still the newest that succeeded
    tree.commit({"Dockerfile": f"FROM {base.name}\nRUN false\n"})
    tree.push("main")
    service.wait(service.builds("ns/app")[0]["id"], "FAILED")
    base.move()
    (item,) = check(service)
    assert item["moved"] and item["newestDigest"] == base.digest and item["digest"] == old
    (build,) = rebuilds(service)
    assert build["trigger"] == "BASE_IMAGE" and build["commit"] == first["commit"] and build["ref"] == first["ref"]
    assert build["actor"] == f"{base.name} moved from {old[:19]} to {base.digest[:19]}"
    assert item["rebuild"]["build"]["id"] == build["id"] and item["rebuild"]["digest"] == base.digest and item["rebuild"]["error"] is None
    build = service.wait(build["id"], "SUCCESS")
    assert f"started by BASE_IMAGE: {base.name} moved from" in service.text(build["id"])
    assert build["digest"] != first["digest"] and build["tags"] == ["latest"]
    assert service.ok("GET", "/api/v1/repositories/ns%2Fapp/tags/latest")["digest"] == build["digest"]
    steps = service.ok("GET", f"/api/v1/builds/{build['id']}/steps")["items"]
    assert {s["base"] for s in steps if s["base"]} == {pinned, base.digest}
    (item,) = check(service)
    assert not item["moved"] and item["digest"] == base.digest and item["rebuild"]["build"]["status"] == "SUCCESS"
    assert len(rebuilds(service)) == 1
    # a server that comes back finds by itself what moved while it was down
    service.kill()
    base.move()
    with database(service) as db:
        db.execute("UPDATE base_image SET next_ns = 0")
    service.restart()
    wait_for(lambda: len(rebuilds(service)) == 2, 60)
    service.wait(rebuilds(service)[0]["id"], "SUCCESS")
    assert service.api("GET", "/api/v1/builds?trigger=BASE").json["code"] == "QUERY"


def test_none_is_started_beside_another_and_one_that_failed_is_not_repeated(service, registry, tmp_path):
    base = Upstream(registry)
    rule = make(service)
    push(service, tmp_path, "ns/app", base.name)
    no_embedded(service)
    base.move()
    check(service)
    (first,) = rebuilds(service)
    base.move()
    (item,) = check(service)
    assert item["newestDigest"] == base.digest and item["rebuild"]["build"] == {"id": first["id"], "status": "PENDING"}
    assert len(rebuilds(service)) == 1
    service.ok("POST", f"/api/v1/builds/{first['id']}:cancel")
    check(service)
    second, same = rebuilds(service)
    assert same["id"] == first["id"] and second["status"] == "PENDING"
    service.ok("POST", f"/api/v1/builds/{second['id']}:cancel")
    (item,) = check(service)
    assert item["moved"] and item["rebuild"]["build"] == {"id": second["id"], "status": "CANCELED"}
    assert len(rebuilds(service)) == 2
    # of a rule that does not want it, it is only told
    service.ok("PATCH", f"/api/v1/repositories/ns%2Fapp/rules/{rule['id']}", {"rebuildOnBaseUpdate": False})
    base.move()
    (item,) = check(service)
    assert item["moved"] and not item["rebuilds"] and item["newestDigest"] == base.digest and len(rebuilds(service)) == 2


def clone(db, build, rule):
    """The build, with its base images, as one of another rule."""
    new = str(uuid.uuid4())
    for table, key in [("build_record", "id"), ("build_step", "record_id")]:
        cursor = db.execute(f"SELECT * FROM {table} WHERE {key} = ?", (build,))
        names = [c[0] for c in cursor.description]
        for row in cursor.fetchall():
            values = dict(zip(names, row), **{key: new})
            if table == "build_record":
                (seq,) = db.execute("SELECT MAX(seq) + 1 FROM build_record").fetchone()
                values |= {"rule_id": rule, "seq": seq}
            db.execute(f"INSERT INTO {table} ({', '.join(values)}) VALUES ({', '.join('?' * len(values))})", tuple(values.values()))


@pytest.mark.tsan
def test_a_server_that_is_killed_around_a_start_starts_each_once(service, registry, tmp_path):
    """Many rules stand on a base that moved; the server is killed when some builds have started, again and again."""
    base = Upstream(registry)
    rules = [make(service)["id"]]
    _, build = push(service, tmp_path, "ns/app", base.name)
    rules += [service.rule("ns/app", rebuildOnBaseUpdate=True, tags=[f"t{i}"])["id"] for i in range(15)]
    no_embedded(service)
    service.kill()
    with database(service) as db:
        for rule in rules[1:]:
            clone(db, build["id"], rule)
    base.move()
    service.restart()

    def asked():
        with contextlib.suppress(OSError, AssertionError):
            service.api("POST", at("ns/app", check=True), check=False)

    def started():
        with contextlib.closing(sqlite3.connect(f"file:{service.data / 'kiln.db'}?mode=ro", uri=True)) as db:
            return db.execute("SELECT COUNT(*) FROM base_rebuild").fetchone()[0]

    for most in range(2, 14, 4):
        caller = threading.Thread(target=asked)
        caller.start()
        wait_for(lambda most=most: started() >= most, 60, every=0.001)
        service.kill()
        caller.join()
        service.restart()
    wait_for(lambda: started() == len(rules), 60)
    items = check(service)
    builds = rebuilds(service)
    assert sorted(b["ruleId"] for b in builds) == sorted(rules)
    assert sorted(i["rebuild"]["build"]["id"] for i in items) == sorted(b["id"] for b in builds)


def test_a_registry_that_is_down_is_told_and_keeps_no_other_from_being_looked_at(service, registry, base, tmp_path):
    mine = Registry(tmp_path / "upstream")
    down, up = Upstream(mine, alpine=registry), Upstream(registry)
    make(service)
    push(service, tmp_path, "ns/app", down.name)
    make(service, "ns/other")
    push(service, tmp_path, "ns/other", up.name, down.name)
    seen = down.digest
    check(service)
    assert mine.close() == 0
    up.move()
    (item,) = check(service)
    assert item["error"]["code"] == "BASE_UNREACHABLE" and down.host in item["error"]["text"] and item["error"]["remedy"]
    assert item["newestDigest"] == seen and not item["moved"] and item["checkedAt"]
    items = {i["name"]: i for i in check(service, "ns/other")}
    assert items[up.name]["moved"] and items[down.name]["error"] and not items[up.name]["error"]
    (build,) = rebuilds(service, "ns/other")
    assert up.name in build["actor"] and down.name not in build["actor"]
    assert rebuilds(service) == []
    with contextlib.closing(sqlite3.connect(service.data / "kiln.db")) as db:
        pauses = dict(db.execute("SELECT name, (next_ns - checked_ns) / 1000000000 FROM base_image"))
        assert pauses[up.name] == 3600 and pauses[down.name] in (4 * 3600, 8 * 3600)  # failed twice, or thrice
    back = Registry(tmp_path / "upstream", listen=down.host)
    try:
        down.move()
        (item,) = check(service)
        assert item["error"] is None and item["moved"] and len(rebuilds(service)) == 1
    finally:
        assert back.close() == 0


def test_images_of_kilns_own_registry_are_seen_as_a_build_sees_them(service, registry, tmp_path):
    """Private ones of the same namespace, and public ones of others: until they are public no more."""
    service.namespace("ns")
    service.namespace("far")
    service.repository("ns/base")
    service.repository("far/base", type="PUBLIC")
    login = {"Authorization": "Basic " + base64.b64encode(f"admin:{service.admin_password}".encode()).decode()}
    near, far = [Upstream(service, name, registry, login) for name in ("ns/base", "far/base")]
    make(service)
    push(service, tmp_path, "ns/app", near.name, far.name)
    assert [i["moved"] for i in check(service)] == [False, False]
    near.move()
    far.move()
    service.ok("PATCH", "/api/v1/repositories/far%2Fbase", {"type": "PRIVATE"})
    items = {i["name"]: i for i in check(service)}
    assert items[near.name]["moved"] and items[near.name]["newestDigest"] == near.digest
    assert items[far.name]["error"]["code"] == "BASE_DENIED" and not items[far.name]["moved"]
    (build,) = rebuilds(service)
    assert build["actor"].startswith(f"{near.name} moved") and far.name not in build["actor"]


def test_who_may_do_what(service, registry, tmp_path):
    base = Upstream(registry)
    rule = make(service)
    push(service, tmp_path, "ns/app", base.name)
    no_embedded(service)
    base.move()
    for name, role, checks in [("bv", "view", 403), ("bd", "develop", 200)]:
        service.user(name)
        service.grant("ns", name, role)
        as_them = {"basic": (name, "a good password")}
        (item,) = service.ok("GET", at("ns/app"), **as_them)["items"]
        assert item["rebuild"] is None and item["newestDigest"] is None and item["checkedAt"] is None
        assert service.api("POST", at("ns/app", check=True), **as_them).status == checks
        assert service.api("PATCH", f"/api/v1/repositories/ns%2Fapp/rules/{rule['id']}", {"rebuildOnBaseUpdate": True}, **as_them).status == 403
    assert service.api("GET", at("ns/app"), basic=None).status == 401
    assert service.api("POST", at("ns/app", check=True), basic=None).status == 401
    service.user("stranger")
    assert service.api("GET", at("ns/app"), basic=("stranger", "a good password")).status == 404
    (entry,) = service.ok("GET", "/api/v1/audit?action=base&target=ns/app")["items"]
    assert entry["action"] == "base.check" and entry["actor"] == "bd"
    r = service.api("PATCH", f"/api/v1/repositories/ns%2Fapp/rules/{rule['id']}", {"rebuildOnBaseUpdate": "yes"})
    assert (r.status, r.json["code"]) == (400, "BODY")
    # the same by command
    wait_for(lambda: rebuilds(service), 60)
    env = {"KILN_CONFIG": str(tmp_path / "login.json")}
    run([KILN, "login", f"http://{service.host}", "--username", "admin", "--password-stdin"], env=env, input=service.admin_password)
    for command in ("check", "list"):
        said = run([KILN, "base", command, "ns/app"], env=env).out
        assert base.name in said and base.digest in said and "yes" in said, said
    assert run([KILN, "rule", "update", "ns/app", rule["id"], "--rebuild-on-base-update", "no"], env=env)
    assert listed(service)[0]["rebuilds"] is False


@pytest.mark.parametrize("seconds", ["59", "-1", "hour", "2592001"])
def test_an_interval_that_is_too_short_is_refused(tmp_path, seconds):
    said = run([KILN, "serve", "--data", tmp_path, "--base-interval", seconds], code=2, timeout=60 * SLOW).err
    assert "--base-interval" in said and "60" in said, said


def test_without_an_interval_it_is_looked_only_when_asked_to(registry, base, tmp_path):
    s = Service(tmp_path / "service", registry.host, options=["--base-interval", "0"])
    try:
        upstream = Upstream(registry)
        make(s)
        push(s, tmp_path, "ns/app", upstream.name)
        upstream.move()
        s.kill()
        s.restart()
        assert listed(s)[0]["checkedAt"] is None
        check(s)
        assert len(rebuilds(s)) == 1
        s.wait(rebuilds(s)[0]["id"], "SUCCESS")
    finally:
        assert s.close() == 0
