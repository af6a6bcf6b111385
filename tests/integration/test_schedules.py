"""Builds that start by the clock. No test waits for a minute to go by: what is due is made so in the database while the server is down."""
import contextlib
import datetime
import pathlib
import random
import sqlite3
import time

import pytest

from conftest import KILN, Service, quote, run, wait_for
from test_worker import no_embedded

ZONES = pathlib.Path("/usr/share/zoneinfo/Europe/Berlin")
HOUR = 3600


def at(full, id=""):
    return f"/api/v1/repositories/{quote(full)}/schedules" + (f"/{id}" if id else "")


def seconds(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


@pytest.fixture
def app(service, tmp_path):
    """A repository that no push builds; its code is on main and release-1."""
    service.namespace("ns")
    service.repository("ns/app")
    service.bind("ns/app", autoBuild=False)
    tree = service.git(tmp_path, "ns/app", {"Dockerfile": "FROM alpine\nRUN true\n"})
    tree("branch", "release-1")
    tree.push("main", "release-1")
    return tree


def make(service, rule, cron="@hourly", full="ns/app", **more):
    return service.ok("POST", at(full), {"ruleId": rule["id"], "cron": cron, **more})


def get(service, schedule, full="ns/app"):
    return service.ok("GET", at(full, schedule["id"]))


@contextlib.contextmanager
def stopped(service):
    """The database of a server that was killed, which runs again behind the block."""
    service.kill()
    with contextlib.closing(sqlite3.connect(service.data / "kiln.db")) as db:
        yield db
        db.commit()
    service.restart()


def set_due(db, ago=5 * HOUR):
    db.execute("UPDATE build_schedule SET next_run_ns = ? WHERE next_run_ns IS NOT NULL", (time.time_ns() - ago * 10**9,))


def ran(service, schedule, before=None):
    """The schedule once it has run, or run again."""
    wait_for(lambda: get(service, schedule)["lastRun"] not in (None, before), 30)
    return get(service, schedule)


# --- what is stored -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shared(tmp_path_factory, registry, base):
    s = Service(tmp_path_factory.mktemp("schedules") / "service", registry.host)
    s.namespace("bad")
    s.repository("bad/app")
    s.bind("bad/app")
    rule = s.rule("bad/app")
    # switched off, so that no next run differs from one answer to the next
    yield s, rule, make(s, rule, full="bad/app", enabled=False)
    assert s.close() == 0, s.log.read_text()


def test_a_schedule_is_made_shown_changed_and_deleted(shared):
    service = shared[0]
    service.repository("bad/crud")
    service.bind("bad/crud")
    literal = service.rule("bad/crud")
    expression = service.rule("bad/crud", pattern="release-(?<v>.+)", match="expression", tags=["${v}"])
    made = make(service, literal, "30 3 * * 1", "bad/crud")
    assert made["ref"] == "refs/heads/main" and made["timeZone"] == "UTC" and made["enabled"] and not made["noCache"]
    assert made["lastRun"] is None and made["lastBuild"] is None
    runs = [datetime.datetime.fromisoformat(t.replace("Z", "+00:00")) for t in made["nextRuns"]]
    assert [(t.weekday(), t.hour, t.minute, t.second) for t in runs] == [(0, 3, 30, 0)] * 5
    assert [b - a for a, b in zip(runs, runs[1:])] == [datetime.timedelta(days=7)] * 4
    other = make(service, expression, "@daily", "bad/crud", ref="release-1", noCache=True, enabled=False)
    assert other["ref"] == "refs/heads/release-1" and other["noCache"] and other["nextRuns"] == []
    assert [s["id"] for s in service.ok("GET", at("bad/crud"))["items"]] == [made["id"], other["id"]]
    assert get(service, made, "bad/crud") == made
    changed = service.ok("PATCH", at("bad/crud", other["id"]), {"enabled": True, "cron": "0 12 * * *", "timeZone": "UTC"})
    assert changed["nextRuns"][0].endswith("T12:00:00.000Z") and changed["ref"] == other["ref"] and changed["noCache"]
    # of another rule the ref is another too
    assert service.ok("PATCH", at("bad/crud", other["id"]), {"ruleId": literal["id"]})["ref"] == "refs/heads/main"
    assert service.api("DELETE", at("bad/crud", made["id"])).status == 204
    assert service.api("GET", at("bad/crud", made["id"])).status == 404
    assert service.api("DELETE", f"/api/v1/repositories/bad%2Fcrud/rules/{literal['id']}").status == 204
    assert service.ok("GET", at("bad/crud"))["items"] == []
    audit = service.ok("GET", "/api/v1/audit?action=schedule&target=bad/crud")["items"]
    assert [a["action"] for a in audit] == ["schedule.delete", "schedule.update", "schedule.update", "schedule.create", "schedule.create"]
    assert audit[0]["detail"]["schedule"] == made["id"] and audit[0]["detail"]["cron"] == "30 3 * * 1"


@pytest.mark.parametrize("change, code", [
    ({"cron": "0 25 * * *"}, "SCHEDULE_CRON"), ({"cron": "0 0 30 2 *"}, "SCHEDULE_CRON"), ({"cron": "x" * 300}, "SCHEDULE_CRON"),
    ({"timeZone": "Mars/Base"}, "SCHEDULE_ZONE"), ({"timeZone": "../../../etc/passwd"}, "SCHEDULE_ZONE"), ({"timeZone": ""}, "SCHEDULE_ZONE"),
    ({"timeZone": "A" * 5000}, "SCHEDULE_ZONE"), ({"ref": "other"}, "RULE_NO_MATCH"), ({"ruleId": "crbr-0000000000000000"}, "RULE_UNKNOWN"),
    ({"cron": 5}, "BODY"), ({"enabled": "yes"}, "BODY"), ({"zone": "UTC"}, "BODY")
])
def test_a_wrong_schedule_is_refused(shared, change, code):
    service, rule, schedule = shared
    for method, where, body in [("POST", at("bad/app"), {"ruleId": rule["id"], "cron": "@daily"}), ("PATCH", at("bad/app", schedule["id"]), {})]:
        r = service.api(method, where, {**body, **change})
        assert r.status in (400, 404) and r.json["code"] == code and r.json["remedy"], r.json
    assert service.ok("GET", at("bad/app"))["items"] == [schedule]


def test_a_schedule_needs_its_members_and_its_ref(shared):
    service, rule, _ = shared
    expression = service.rule("bad/app", pattern="v(?<v>.+)", match="expression", tags=["${v}"])
    for body, code in [({}, "BODY"), ({"cron": "@daily"}, "BODY"), ({"ruleId": rule["id"]}, "BODY"),
                       ({"ruleId": expression["id"], "cron": "@daily"}, "SCHEDULE_REF"),
                       ({"ruleId": expression["id"], "cron": "@daily", "ref": "main"}, "RULE_NO_MATCH")]:
        r = service.api("POST", at("bad/app"), body)
        assert (r.status, r.json["code"]) == (400, code), r.json


def test_a_preview_says_when_or_what_is_wrong(shared):
    service = shared[0]

    def preview(cron, **more):
        return service.api("POST", "/api/v1/schedules:preview", {"cron": cron, **more})

    assert [t[4:] for t in preview("@yearly").json["nextRuns"]] == ["-01-01T00:00:00.000Z"] * 5
    if ZONES.exists():
        # by the clocks of Berlin it is always noon, by UTC 10 or 11 o'clock; one year has both
        hours = {t[11:] for t in preview("0 12 1 1,7 *", timeZone="Europe/Berlin").json["nextRuns"]}
        assert hours == {"11:00:00.000Z", "10:00:00.000Z"}
    wrong = preview("0 3 1,32 * *")
    assert wrong.status == 400 and "field 3 (day of the month), character 7" in wrong.json["detail"] and "not 32" in wrong.json["detail"]
    assert preview("@daily", timeZone="Nowhere").json["code"] == "SCHEDULE_ZONE"
    assert service.api("POST", "/api/v1/schedules:preview", {"cron": "@daily"}, basic=None).status == 401


def test_who_may_do_what(shared):
    service, rule, schedule = shared
    for name, role, sees, changes in [("sv", "view", 403, 403), ("sd", "develop", 200, 403), ("sm", "maintain", 200, 200)]:
        service.user(name)
        service.grant("bad", name, role)
        as_them = {"basic": (name, "a good password")}
        assert service.api("GET", at("bad/app"), **as_them).status == sees
        assert service.api("GET", at("bad/app", schedule["id"]), **as_them).status == sees
        assert service.api("PATCH", at("bad/app", schedule["id"]), {"noCache": False}, **as_them).status == changes
        made = service.api("POST", at("bad/app"), {"ruleId": rule["id"], "cron": "@daily"}, **as_them)
        assert made.status == (201 if changes == 200 else changes)
        gone = service.api("DELETE", at("bad/app", (made.json if changes == 200 else schedule)["id"]), **as_them)
        assert gone.status == (204 if changes == 200 else changes)
    assert service.api("GET", at("bad/app"), basic=None).status == 401
    # the schedule of a repository is none of another
    service.repository("bad/other")
    assert service.api("GET", at("bad/other", schedule["id"])).status == 404


# --- runs ---------------------------------------------------------------------------------------


def test_a_run_builds_the_head_of_the_ref(service, app):
    """A rule with the time of a push in its tag, which Build alone would refuse; the server was down for days."""
    rule = service.rule("ns/app", tags=["nightly-${GIT_PUSH_DATE:yyyyMMddHHmm}"], enabled=False)
    schedule = make(service, rule, noCache=True)
    head = app.commit({"Dockerfile": "FROM alpine\nRUN echo newest\n"})
    app.push("main")
    with stopped(service) as db:
        set_due(db, 75 * HOUR)
    now = ran(service, schedule)
    assert now["lastRun"]["state"] == "started" and now["lastRun"]["error"] is None
    (build,) = service.builds("ns/app", trigger="SCHEDULE")
    assert build["id"] == now["lastBuild"]["id"] and build["commit"] == head and build["noCache"]
    assert build["actor"] == "@hourly UTC" and build["pushedAt"] == now["lastRun"]["at"]
    assert 0 < seconds(now["nextRuns"][0]) - time.time() <= HOUR
    build = service.wait(build["id"], "SUCCESS")
    (tag,) = build["tags"]
    assert tag == "nightly-" + time.strftime("%Y%m%d%H%M", time.gmtime(seconds(build["pushedAt"]) + 8 * HOUR))
    assert service.ok("GET", f"/api/v1/repositories/ns%2Fapp/tags/{tag}")["digest"] == build["digest"]
    assert get(service, schedule)["lastBuild"] == {"id": build["id"], "status": "SUCCESS"}
    assert service.builds("ns/app", trigger="PUSH") == [] and len(service.builds("ns/app")) == 1
    assert service.api("GET", "/api/v1/builds?trigger=CLOCK").json["code"] == "QUERY"


def test_a_run_is_skipped_while_the_one_before_is_built_and_fails_without_its_ref(service, app):
    schedule, gone = make(service, service.rule("ns/app")), make(service, service.rule("ns/app", pattern="gone"))
    no_embedded(service)
    with stopped(service) as db:
        set_due(db)
    first = ran(service, schedule)
    assert first["lastBuild"]["status"] == "PENDING"
    failed = ran(service, gone)
    assert failed["lastRun"]["state"] == "failed" and failed["lastRun"]["error"]["code"] == "SRC_REF_GONE"
    assert failed["lastBuild"] is None and failed["nextRuns"]
    with stopped(service) as db:
        set_due(db)
    second = ran(service, schedule, first["lastRun"])
    assert second["lastRun"]["state"] == "skipped" and second["lastRun"]["error"]["code"] == "SCHEDULE_BUSY"
    assert first["lastBuild"]["id"] in second["lastRun"]["error"]["text"] and second["lastBuild"] == first["lastBuild"]
    assert len(service.builds("ns/app")) == 1


def test_a_server_that_is_killed_around_a_start_starts_each_once(service, app):
    """Many are due at once; the server is killed when some have started, again and again."""
    rule = service.rule("ns/app")
    schedules = [make(service, rule) for _ in range(16)]
    no_embedded(service)
    with stopped(service) as db:
        set_due(db)
    for most in range(2, 14, 4):
        def started(most=most):
            with contextlib.closing(sqlite3.connect(f"file:{service.data / 'kiln.db'}?mode=ro", uri=True)) as db:
                return db.execute("SELECT COUNT(*) FROM build_schedule WHERE last_run_ns IS NOT NULL").fetchone()[0] >= most
        wait_for(started, 30, every=0.001)
        time.sleep(random.uniform(0, 0.004))
        service.kill()
        service.restart()
    wait_for(lambda: all(s["lastRun"] for s in service.ok("GET", at("ns/app"))["items"]), 30)
    builds = service.builds("ns/app", trigger="SCHEDULE")
    last = [s["lastBuild"]["id"] for s in service.ok("GET", at("ns/app"))["items"]]
    assert sorted(b["id"] for b in builds) == sorted(last) and len(set(last)) == len(schedules)


# --- commands -----------------------------------------------------------------------------------


def test_a_command_says_where_an_expression_is_wrong(shared, tmp_path):
    service, rule, _ = shared
    env = {"KILN_CONFIG": str(tmp_path / "login.json")}
    run([KILN, "login", f"http://{service.host}", "--username", "admin", "--password-stdin"], env=env, input=service.admin_password)
    for args in (["preview", "0 24 * * *"], ["create", "bad/app", "--rule", rule["id"], "--cron", "0 24 * * *"]):
        said = run([KILN, "schedule", *args], env=env, code=1).err
        assert "field 2 (hour), character 3" in said and "Five fields" in said, said
