"""Tags that go by themselves: pushed by skopeo, made older in the database while the server is stopped."""
import concurrent.futures
import contextlib
import json
import sqlite3
import time

import pytest

from conftest import SLOW, Service, quote, run, wait_for

DAY = 86400 * 10**9
V10 = {"pattern": "v*", "keepNewest": 2}
DEV = {"pattern": "dev-*", "keepDays": 30}


def root(full):
    return f"/api/v1/repositories/{quote(full)}/retention"


def tags(service, full):
    return sorted(t["name"] for t in service.ok("GET", f"/api/v1/repositories/{quote(full)}/tags?limit=500")["items"])


def push(service, context, kiln, full, tag, text):
    """An image of its own with two layers: one of this text, one that all of them share."""
    made = context("FROM scratch\nCOPY shared /\nCOPY own /\n", {"shared": "shared\n" * 1000, "own": f"{text}\n" * 1000})
    out = made.parent / f"{tag}.tar"
    kiln.build(made, "-o", f"type=oci,dest={out}", tag=None)
    copy(service, f"oci-archive:{out}", full, tag)


def copy(service, source, full, tag):
    login = f"admin:{service.admin_password}"
    run(["skopeo", "copy", "--all", "--preserve-digests", "--src-tls-verify=false", "--dest-tls-verify=false", "--dest-creds", login,
         *(["--src-creds", login] if source.startswith("docker:") else []), source, f"docker://{service.host}/{full}:{tag}"])


@contextlib.contextmanager
def database(service):
    """While the server is stopped."""
    assert service.close() == 0
    with contextlib.closing(sqlite3.connect(service.data / "kiln.db")) as db:
        yield db
        db.commit()
    service.restart()


def age(db, full, tag, days):
    at = time.time_ns() - days * DAY
    db.execute("UPDATE tag SET pushed_ns = ?, updated_ns = ? WHERE repository = ? AND name = ?", (at, at, full, tag))


def ran(service, full):
    """Carries the policy out, and says how it went."""
    service.ok("POST", f"{root(full)}:run")
    done = ended(service, full)
    assert done["by"] == "admin"
    return done


def ended(service, full):
    wait_for(lambda: service.ok("GET", root(full))["running"] is None, 60 * SLOW)
    return service.ok("GET", root(full))["lastRun"]


def decisions(service, full, body=None, query=""):
    found = service.ok("POST", f"{root(full)}:preview?limit=500{query}", body)
    return found, {t["name"]: (t["decision"], t["reason"]) for t in found["items"]}


def fill(service, full, n, layers=False):
    """`n` tags v1, v2, ... each with a manifest of its own, one minute apart; v`n` is the newest."""
    now = time.time_ns()
    with database(service) as db:
        db.execute("INSERT INTO repository VALUES (?, 1)", (full,))
        rows = [(full, f"sha256:{i:064x}", now - (n - i) * 60 * 10**9) for i in range(1, n + 1)]
        db.executemany("INSERT INTO manifest (repository, digest, media_type, size, created_ns) VALUES (?, ?, 't', 1000, ?)", rows)
        db.executemany("INSERT INTO tag (repository, name, digest, created_ns, updated_ns) VALUES (?, ?, ?, ?, ?)",
                       [(full, f"v{i}", d, at, at) for i, (_, d, at) in enumerate(rows, 1)])
        if layers:
            db.executemany("INSERT INTO repository_blob VALUES (?, ?, 100000, ?)", [(full, f"sha256:f{i:063x}", 1) for i in range(4 * n)])
            db.executemany("INSERT INTO manifest_reference VALUES (?, ?, ?, 'blob', ?)",
                           [(full, rows[i // 5][1], i % 5, f"sha256:f{(i % 5 and i // 5 * 4 + i % 5 - 1):063x}") for i in range(5 * n)])


@pytest.fixture(scope="module")
def service(tmp_path_factory, registry, base):
    """One for all tests of this file: each has a repository of its own."""
    s = Service(tmp_path_factory.mktemp("retention") / "service", registry.host)
    s.namespace("ns")
    s.user("dev")
    s.grant("ns", "dev", "develop")
    s.user("boss")
    s.grant("ns", "boss", "maintain")
    yield s
    assert s.close() == 0, s.log.read_text()


@pytest.fixture
def app(service, request):
    name = f"ns/{request.node.name.replace('_', '-')}"
    service.repository(name)
    return name


def test_old_tags_go_and_their_bytes_with_them(service, app, kiln, context):
    for tag in ("v1", "v2", "v3", "dev-a", "dev-b", "latest", "other"):
        push(service, context, kiln, app, tag, tag)
    copy(service, f"docker://{service.host}/{app}:v1", app, "v1-too")
    with database(service) as db:
        for tag, days in (("v1", 90), ("v1-too", 80), ("v2", 60), ("v3", 50), ("dev-a", 31), ("dev-b", 29), ("latest", 400), ("other", 400)):
            age(db, app, tag, days)
    policy = {"rules": [V10, DEV, {"pattern": "latest|v1-too", "keepDays": 1}], "never": ["latest"]}
    policy["rules"].insert(0, {"pattern": "v1-too", "match": "name", "keepNewest": 1})
    found, why = decisions(service, app, policy)
    assert why == {"dev-b": ("keep", "young"), "dev-a": ("go", "old"), "v3": ("keep", "newest"), "v2": ("keep", "newest"),
                   "v1-too": ("keep", "newest"), "v1": ("go", "old"), "latest": ("keep", "never"), "other": ("keep", "unmatched")}
    assert (found["go"], found["keep"]) == (2, 6), found
    # v1 has an image that stays: only dev-a's own layer, configuration and manifest are no longer needed
    manifest = service.ok("GET", f"/api/v1/repositories/{quote(app)}/manifests/dev-a")
    assert 0 < found["bytes"] < 3000, (found, manifest)
    assert decisions(service, app, policy, "&decision=go&q=dev")[1] == {"dev-a": ("go", "old")}
    assert tags(service, app) == ["dev-a", "dev-b", "latest", "other", "v1", "v1-too", "v2", "v3"]

    service.ok("PUT", root(app), policy)
    done = ran(service, app)
    assert (done["tags"], done["manifests"], done["error"]) == (2, 0, None), done
    assert tags(service, app) == ["dev-b", "latest", "other", "v1-too", "v2", "v3"]
    said = [(e["actor"], e["target"]) for e in service.ok("GET", "/api/v1/audit?action=tag.delete")["items"] if app in e["target"]]
    assert sorted(said) == [("retention", f"{app}:dev-a"), ("retention", f"{app}:v1")], said
    assert service.ok("GET", "/api/v1/audit?action=retention.run")["items"][0]["actor"] == "admin"
    # the digest under the kept tag can be pulled; what nothing needs stays for the days that are told
    copy(service, f"docker://{service.host}/{app}:v1-too", app, "again")
    service.ok("PUT", root(app), {**policy, "untaggedDays": 7})
    assert ran(service, app)["manifests"] == 0
    digest = manifest["digest"]
    assert service.api("GET", f"/api/v1/repositories/{quote(app)}/manifests/{quote(digest)}").status == 200
    with database(service) as db:
        db.execute("UPDATE manifest SET created_ns = 1, used_ns = used_ns - ? WHERE repository = ?", (8 * DAY, app))
        db.execute("UPDATE repository_blob SET linked_ns = 1 WHERE repository = ?", (app,))
    found, _ = decisions(service, app)
    assert found["go"] == 0 and found["untagged"]["manifests"] == 1 and found["untagged"]["blobs"] == 2, found
    done = ran(service, app)
    assert (done["tags"], done["manifests"], done["blobs"]) == (0, 1, 2), done
    assert service.api("GET", f"/api/v1/repositories/{quote(app)}/manifests/{quote(digest)}").status == 404
    before = stored(service)
    run([kiln.path, "prune", "--data", service.data])
    assert stored(service) == before - 3, "manifest, configuration and layer"
    for tag in tags(service, app):
        copy(service, f"docker://{service.host}/{app}:{tag}", app, "pulled")


def stored(service):
    return sum(1 for f in (service.data / "blobs").rglob("*") if f.is_file())


def test_a_tag_that_is_pushed_again_is_judged_again(service, app, kiln, context):
    for tag in ("v1", "v2"):
        push(service, context, kiln, app, tag, tag)
    with database(service) as db:
        age(db, app, "v1", 10)
        age(db, app, "v2", 5)
    service.ok("PUT", root(app), {"rules": [{"pattern": "v*", "keepNewest": 1}]})
    assert decisions(service, app)[1] == {"v2": ("keep", "newest"), "v1": ("go", "old")}
    copy(service, f"docker://{service.host}/{app}:v1", app, "v1")  # the same image
    assert decisions(service, app)[1] == {"v1": ("keep", "newest"), "v2": ("go", "old")}
    assert ran(service, app)["tags"] == 1 and tags(service, app) == ["v1"]


def test_a_tag_that_a_build_will_write_stays(service, app, tmp_path):
    service.bind(app)
    service.rule(app, tags=("dev-x",))
    tree = service.git(tmp_path, app, {"Dockerfile": "FROM alpine\nRUN true\n"})
    tree.push("main")
    service.wait(service.builds(app)[0]["id"], "SUCCESS")
    tree.commit({"Dockerfile": "FROM alpine\nRUN sleep 1000\n"})
    tree.push("main")
    id = service.builds(app)[0]["id"]
    policy = {"rules": [{"pattern": "*", "keepDays": 1}]}
    service.ok("PUT", root(app), policy)
    with database(service) as db:
        age(db, app, "dev-x", 10)
    assert decisions(service, app)[1] == {"dev-x": ("keep", "build")}
    assert ran(service, app)["tags"] == 0
    service.ok("POST", f"/api/v1/builds/{id}:cancel", {})
    service.wait(id, "CANCELED")
    assert ran(service, app)["tags"] == 1 and tags(service, app) == []


def test_a_run_that_is_killed_ends_after_the_restart(service, app):
    fill(service, app, 3000)
    service.ok("PUT", root(app), {"rules": [{"pattern": "v*", "keepNewest": 10}]})
    service.ok("POST", f"{root(app)}:run")
    wait_for(lambda: (service.ok("GET", root(app))["running"] or {"tags": 1})["tags"] > 0, 60 * SLOW)
    service.kill()
    service.restart()
    done = ended(service, app)
    assert done["tags"] == 2990 and done["error"] is None, done
    assert tags(service, app) == sorted(f"v{i}" for i in range(2991, 3001))
    with database(service) as db:
        said = db.execute("SELECT COUNT(*), COUNT(DISTINCT target) FROM audit_log WHERE actor = 'retention' AND target LIKE ?", (f"{app}:%",))
        assert said.fetchone() == (2990, 2990)


def test_it_is_carried_out_when_it_is_due_and_once(service, app):
    fill(service, app, 20)
    now = service.ok("PUT", root(app), {"enabled": True, "rules": [{"pattern": "v*", "keepNewest": 10}]})
    assert now["enabled"] and now["nextRunAt"] and now["lastRun"] is None, now
    with database(service) as db:
        db.execute("UPDATE retention_policy SET next_ns = 1 WHERE enabled = 1")
    wait_for(lambda: service.ok("GET", root(app))["lastRun"], 60 * SLOW)
    first = service.ok("GET", root(app))
    assert (first["lastRun"]["tags"], first["lastRun"]["by"]) == (10, None) and first["nextRunAt"] > first["lastRun"]["endedAt"], first
    with database(service):
        pass
    assert service.ok("GET", root(app)) == first, "the restart did it again"


def test_ten_thousand_tags(service, app):
    """The preview answers in a part of a second, and pushes get through while they go."""
    fill(service, app, 10000, layers=True)
    policy = {"rules": [{"pattern": "v*", "keepNewest": 100}, {"pattern": "dev-\\d+", "keepDays": 3}], "never": ["latest", "*-keep"]}
    took = []
    for _ in range(3):
        began = time.monotonic()
        found, why = decisions(service, app, policy)
        took.append(time.monotonic() - began)
    print(f"preview of 10,000 tags: {min(took) * 1000:.0f} ms")
    assert (found["go"], found["keep"], len(why)) == (9900, 100, 500), found
    assert found["bytes"] == 9900 * (1000 + 4 * 100000) - 100000, found["bytes"]  # one layer is in all of them
    assert [t["rank"] for t in found["items"]] == list(range(1, 501)) and found["items"][0]["name"] == "v10000"
    names = {t["name"] for t in found["items"]}
    while found["next"]:
        found = service.ok("POST", f"{root(app)}:preview?limit=500&cursor={quote(found['next'])}", policy)
        names |= {t["name"] for t in found["items"]}
        if len(names) >= 2000:
            break
    assert len(names) == 2000
    service.ok("PUT", root(app), policy)
    service.ok("POST", f"{root(app)}:run")
    assert service.api("POST", f"{root(app)}:run").json["code"] == "RETENTION_RUNNING"
    for i in range(20):
        service.ok("PUT", f"/api/v1/repositories/{quote(app)}/tags/latest-{i}", {"from": f"v{10000 - i}"})
    done = ended(service, app)
    assert done["tags"] == 9900, done
    assert len(tags(service, app)) == 120


def test_what_is_refused(service, app):
    dev, boss = {"basic": ("dev", "a good password")}, {"basic": ("boss", "a good password")}
    for method, at in (("GET", ""), ("PUT", ""), ("DELETE", ""), ("POST", ":preview"), ("POST", ":run")):
        body = {"rules": []} if method == "PUT" else None
        assert service.api(method, root(app) + at, body, **dev).status == 403
        assert service.api(method, root(app) + at, body, basic=None).status == 401
        assert service.api(method, root("ns/none") + at, body, **boss).status == 404
    empty = service.ok("GET", root(app), **boss)
    assert empty == {"enabled": False, "rules": [], "never": [], "untaggedDays": None, "nextRunAt": None, "running": None,
                     "lastRun": None, "updatedAt": None}
    assert service.api("POST", f"{root(app)}:run", **boss).json["code"] == "RETENTION_NONE"
    assert service.api("DELETE", root(app), **boss).status == 404
    for body, code, part in (({"rules": [{"pattern": "v*"}]}, "RETENTION_RULE", "keeps nothing"),
                             ({"rules": [{"pattern": "", "keepDays": 1}]}, "RETENTION_RULE", "empty"),
                             ({"rules": [{"pattern": "(", "keepDays": 1}]}, "RULE_REGEX", "offset"),
                             ({"rules": [{"pattern": "a", "keepDays": 99999}]}, "RETENTION_RULE", "3650"),
                             ({"rules": [{"pattern": "a", "keepDays": -1}]}, "BODY", "keepDays"),
                             ({"rules": [{"keepDays": 1}]}, "BODY", "pattern"),
                             ({"rules": [{"pattern": "a", "keepDays": 1, "days": 1}]}, "BODY", "unknown member"),
                             ({"rules": [{"pattern": "a", "match": "glob", "keepDays": 1}]}, "BODY", "wildcard"),
                             ({"rules": [{"pattern": "a", "keepDays": 1}] * 11}, "BODY", "10"),
                             ({"never": ["a"] * 51}, "BODY", "50"),
                             ({"untaggedDays": 0}, "BODY", "1 to 3650"),
                             ({"enabled": True}, "RETENTION_RULE", "no rule"),
                             ({"rulez": []}, "BODY", "did you mean \"rules\"")):
        for method, at in (("PUT", ""), ("POST", ":preview")):
            r = service.api(method, root(app) + at, body, **boss)
            assert r.status == 400 and r.json["code"] == code and part in r.json["detail"], (body, r.body)
    for query in ("decision=maybe", "limit=0", "cursor=x"):
        assert service.api("POST", f"{root(app)}:preview?{query}", **boss).json["code"] == "QUERY"
    kept = service.ok("PUT", root(app), {"enabled": True, "rules": [V10, DEV], "never": ["latest"], "untaggedDays": 30}, **boss)
    assert [r["match"] for r in kept["rules"]] == ["wildcard", "wildcard"] and kept["never"] == [{"pattern": "latest", "match": "name"}]
    assert service.api("DELETE", root(app), **boss).status == 204
    assert service.ok("GET", root(app)) == empty
    entries = [e["action"] for e in service.ok("GET", f"/api/v1/audit?action=retention&target={quote(app)}")["items"]]
    assert entries == ["retention.delete", "retention.set"], entries


def test_patterns_that_never_end_are_stopped(service, app):
    fill(service, app, 2000)
    with database(service) as db:
        db.execute("UPDATE tag SET name = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' || name WHERE repository = ?", (app,))
    rules = [{"pattern": f"(a+)+{i}", "keepDays": 1} for i in range(10)]
    r = service.api("POST", f"{root(app)}:preview", {"rules": rules, "never": [f"(a|aa)+{i}" for i in range(50)]})
    if r.status == 200:
        assert {t["reason"] for t in r.json["items"]} == {"cost"}, r.body[:500]
    else:
        assert r.status == 413 and r.json["code"] == "RETENTION_COST", r.body


def test_two_runs_of_two_repositories_and_pushes_beside_them(service):
    for name in ("ns/a", "ns/b"):
        service.repository(name)
        fill(service, name, 500)
        service.ok("PUT", root(name), {"rules": [{"pattern": "v*", "keepNewest": 5}]})
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda name: ran(service, name), ("ns/a", "ns/b")))
    assert [d["tags"] for d in done] == [495, 495], json.dumps(done)
