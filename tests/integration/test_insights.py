"""What the builds of the last days say together, of builds that were really made."""
import datetime

import pytest

from conftest import HOST, quote

NONE = {"PENDING": 0, "BUILDING": 0, "SUCCESS": 0, "FAILED": 0, "CANCELED": 0}


def insights(server, query="", **more):
    return server.ok("GET", f"/api/v1/insights{query}", **more)


def test_known_builds_are_counted(service, tmp_path):
    """Two that succeed, the second from the cache, one that fails and its retry, one that is canceled."""
    before = datetime.datetime.now(datetime.timezone.utc).date()
    service.namespace("ns")
    service.repository("ns/app")
    service.bind("ns/app")
    rule = service.rule("ns/app")
    tree = service.git(tmp_path, "ns/app", {"Dockerfile": "FROM alpine\nRUN sleep 1\nRUN true\n"})
    tree.push("main")
    first = service.builds("ns/app")[0]["id"]
    service.wait(first, "SUCCESS")
    again = service.ok("POST", f"/api/v1/builds/{first}:rerun", {})["id"]
    service.wait(again, "SUCCESS")
    tree.commit({"Dockerfile": "FROM alpine\nRUN exit 3\n"})
    tree.push("main")
    failed = service.builds("ns/app")[0]["id"]
    service.wait(failed, "FAILED")
    tree.commit({"Dockerfile": "FROM alpine\nRUN sleep 100\n"})
    tree.push("main")
    canceled = service.builds("ns/app")[0]["id"]
    service.wait(canceled, "BUILDING")
    service.ok("POST", f"/api/v1/builds/{canceled}:cancel", {})
    service.wait(canceled, "CANCELED", timeout=40)

    got = insights(service, "?days=7&repository=ns/app")
    assert got == insights(service, f"?days=7&repository={service.build(first)['repositoryId']}")
    after = datetime.datetime.now(datetime.timezone.utc).date()
    assert got["repository"] == "ns/app" and got["builds"] == {**NONE, "SUCCESS": 2, "FAILED": 1, "CANCELED": 1}, got
    assert got["successPercent"] == 66 and got["sample"] == {"builds": 4, "since": None}, got
    assert len(got["days"]) == 7 and [d["day"] for d in got["days"]] == sorted(d["day"] for d in got["days"])
    if before == after:  # the test is not at midnight
        assert got["days"][-1]["day"] == str(after) and got["days"][-1]["builds"] == got["builds"], got
        assert all(d["builds"] == NONE and d["duration"] is None for d in got["days"][:-1]), got
    builds = [service.build(id) for id in (first, again)]
    took = sorted(ms(b["endedAt"]) - ms(b["startedAt"]) for b in builds)
    assert got["duration"]["count"] == 2
    assert abs(got["duration"]["medianMs"] - took[0]) <= 2 and abs(got["duration"]["p95Ms"] - took[1]) <= 2, (got, took)
    (queue,) = got["queue"]
    assert queue["platform"] == HOST and queue["wait"]["count"] == 4, got

    # RUN sleep 1 and RUN true twice, the second time cached; RUN sleep 100 was stopped, RUN exit 3 failed
    assert (got["caching"]["ran"], got["caching"]["cached"], got["caching"]["cachedPercent"]) == (2, 2, 50), got
    assert got["caching"]["savedSteps"] == 2 and 900 < got["caching"]["savedMs"] < 60000, got
    assert got["steps"][0]["text"] == "RUN sleep 1" and got["steps"][0]["totalMs"] >= 1000, got
    assert (got["steps"][0]["ran"], got["steps"][0]["cached"]) == (1, 1), got
    (flaky,) = got["rules"]
    assert flaky["id"] == rule["id"] and flaky["pattern"] == "main", got
    assert (flaky["succeeded"], flaky["failed"], flaky["flips"]) == (2, 1, 1), got
    assert got["storage"]["repositories"][0]["repository"] == "ns/app" and got["storage"]["bytes"] > 0, got

    # all of it is one repository's; the same image under another name is held once
    service.repository("ns/copy")
    service.bind("ns/copy")
    service.rule("ns/copy")
    copy = service.git(tmp_path, "ns/copy", {"Dockerfile": "FROM alpine\nRUN sleep 1\nRUN true\n"})
    copy.push("main")
    service.wait(service.builds("ns/copy")[0]["id"], "SUCCESS")
    everything = insights(service)
    assert len(everything["days"]) == 30 and everything["repository"] is None
    assert everything["builds"] == {**NONE, "SUCCESS": 3, "FAILED": 1, "CANCELED": 1}, everything
    assert everything["storage"]["bytes"] > everything["storage"]["onceBytes"] >= got["storage"]["onceBytes"], everything
    assert insights(service, "?repository=ns/app")["builds"] == got["builds"]


def ms(time):
    return int(datetime.datetime.fromisoformat(time.replace("Z", "+00:00")).timestamp() * 1000)


def test_what_a_retry_took_over_waited_once(service, tmp_path):
    dockerfile = "FROM alpine\nARG TARGETARCH\nRUN if [ $TARGETARCH = arm64 ]; then exit 1; fi\n"
    id = service.push_build(tmp_path, dockerfile, platforms=["linux/amd64", "linux/arm64"])
    failed = service.wait(id, "FAILED")
    service.wait(service.ok("POST", f"/api/v1/builds/{id}:retry", {})["id"], "FAILED")
    got = insights(service, f"?repository={failed['repository']}")
    assert got["builds"]["FAILED"] == 2 and got["successPercent"] == 0 and got["duration"] is None, got
    assert {q["platform"]: q["wait"]["count"] for q in got["queue"]} == {"linux/amd64": 1, "linux/arm64": 2}, got


def test_only_what_one_may_see(service, tmp_path):
    hidden = service.build(service.push_build(tmp_path, "FROM scratch\nCOPY Dockerfile /\n"))
    service.wait(hidden["id"], "SUCCESS")
    shown = service.build(service.push_build(tmp_path, "FROM scratch\nCOPY missing /\n"))
    service.wait(shown["id"], "FAILED")
    service.ok("PATCH", f"/api/v1/repositories/{quote(shown['repository'])}", {"type": "PUBLIC"})
    service.user("mary")
    mary = {"basic": ("mary", "a good password")}
    for who in (mary, {"basic": None}):
        got = insights(service, **who)
        assert got["builds"] == {**NONE, "FAILED": 1} and got["sample"]["builds"] == 1, got
        assert not any(hidden["repository"] in str(part) for part in got.values()), got
        assert insights(service, f"?repository={shown['repository']}", **who)["builds"]["FAILED"] == 1
    absent = service.api("GET", "/api/v1/insights?repository=no/such", **mary)
    refused = service.api("GET", f"/api/v1/insights?repository={hidden['repository']}", **mary)
    assert absent.status == refused.status == 404 and refused.json["code"] == "NOT_FOUND", refused.body
    assert service.api("GET", f"/api/v1/insights?repository={hidden['repository']}", basic=None).status == 401
    service.grant(hidden["repository"].partition("/")[0], "mary", "view")
    assert insights(service, **mary)["builds"] == {**NONE, "SUCCESS": 1, "FAILED": 1}


def test_nothing_was_built(service):
    got = insights(service, "?days=1")
    assert got["builds"] == NONE and len(got["days"]) == 1 and got["sample"] == {"builds": 0, "since": None}, got
    assert got["successPercent"] is None and got["duration"] is None and got["caching"]["savedMs"] is None, got
    assert not (got["queue"] or got["steps"] or got["rules"] or got["storage"]["repositories"]), got


@pytest.mark.parametrize("days", ["0", "91", "-1", "many", "7.5", "99999999999999999999"])
def test_days_out_of_range(service, days):
    r = service.api("GET", f"/api/v1/insights?days={days}")
    assert r.status == 400 and r.json["code"] == "QUERY" and "1 to 90" in r.json["detail"] and r.json["remedy"], r.body
