"""The build service as its users see it: from an empty server to an image that was pulled."""
import hashlib
import json
import os
import re
import threading
import time
import urllib.parse

import pytest

from conftest import ALL, HOST, KILN, PLATFORMS, quote, run, start, stop

HELLO = "FROM alpine\nARG WHO=world\nRUN echo \"hello $WHO on $(uname -m)\" >/hello\nCMD [\"cat\", \"/hello\"]\n"


class Cli:
    """kiln with a login of its own."""

    def __init__(self, service, tmp_path, user="admin", password=None):
        self.env = {"KILN_CONFIG": str(tmp_path / f"login-{user}.json")}
        self("login", service.host, "--username", user, "--password-stdin", input=password or service.admin_password)

    def __call__(self, *args, **more):
        return run([KILN, *args], env={**self.env, **more.pop("env", {})}, **more)

    def json(self, *args, **more):
        return self(*args, "--json", **more).json()


@pytest.fixture
def cli(service, tmp_path):
    return Cli(service, tmp_path)


@pytest.mark.tsan
def test_a_push_becomes_one_tag_for_every_platform(service, cli, tmp_path):
    """The seed's flow by command line: namespace, repository, rule, push, log, digests, run."""
    cli("namespace", "create", "demo")
    made = cli.json("repo", "create", "demo/hello", "--type", "PUBLIC", "--source", "kiln")
    assert re.fullmatch(r"crr-[a-z0-9]{16}", made["id"]), made
    assert cli.json("repo", "get", "demo/hello")["canBuild"] is True
    rule = cli.json("rule", "create", "demo/hello", "--branch", "main", "--image-tag", "main", "--platform", ALL,
                    "--build-arg", "WHO=kiln")
    assert re.fullmatch(r"crbr-[a-z0-9]{16}", rule["id"]), rule
    tree = service.git(tmp_path, "demo/hello", {"Dockerfile": HELLO})
    commit = tree("rev-parse", "HEAD").out.strip()
    tree.push("main")
    (build,) = cli.json("builds", "list", "--repo", "demo/hello")["items"]
    assert build["commit"] == commit and build["ref"] == "refs/heads/main" and build["tags"] == ["main"], build
    followed = cli("builds", "logs", "-f", build["id"], timeout=180)
    assert "SUCCESS" in followed.out, followed
    tag = cli.json("tag", "get", "demo/hello", "main")
    assert sorted(p["platform"] for p in tag["platforms"]) == sorted(PLATFORMS), tag
    # anybody pulls what is public
    raw = run(["skopeo", "inspect", "--raw", "--tls-verify=false", f"docker://{service.host}/demo/hello:main"]).json()
    assert sorted(m["digest"] for m in raw["manifests"]) == sorted(p["digest"] for p in tag["platforms"])
    for p, machine in [("linux/arm/v6", "armv6l"), (HOST, os.uname().machine)]:
        out = run([KILN, "run", "--data", tmp_path / "pulled", "--platform", p, f"{service.host}/demo/hello:main"], timeout=120)
        assert out.out.strip() == f"hello kiln on {machine}", out


def test_exactly_the_pushed_commit_is_built(service, tmp_path):
    """Two pushes one after the other: each record builds its own commit, though the branch has moved on."""
    service.namespace("ns")
    service.repository("ns/app", type="PUBLIC")
    service.bind("ns/app")
    service.rule("ns/app", tags=["c-${GIT_COMMIT_ID:8}"], newerPush="wait")
    tree = service.git(tmp_path, "ns/app")
    commits = []
    for n in range(2):
        commits.append(tree.commit({"Dockerfile": "FROM alpine\nCOPY n /n\n", "n": str(n)}))
        tree.push("main")
    builds = {b["commit"]: b for b in service.builds("ns/app")}
    assert set(builds) == set(commits)
    for n, c in enumerate(commits):
        b = service.wait(builds[c]["id"], "SUCCESS")
        assert b["tags"] == [f"c-{c[:8]}"]
        out = run([KILN, "run", "--data", tmp_path / "pulled", f"{service.host}/ns/app:c-{c[:8]}", "cat", "/n"], timeout=120)
        assert out.out == str(n), out


def test_a_newer_push_cancels_the_older_build(service, tmp_path):
    service.namespace("ns")
    service.repository("ns/app")
    service.bind("ns/app")
    service.rule("ns/app")
    tree = service.git(tmp_path, "ns/app", {"Dockerfile": "FROM alpine\nRUN sleep 100\n"})
    tree.push("main")
    first = service.builds("ns/app")[0]["id"]
    service.wait(first, "BUILDING")
    tree.commit({"Dockerfile": "FROM alpine\nRUN true\n"})
    tree.push("main")
    second = service.builds("ns/app")[0]["id"]
    assert service.wait(second, "SUCCESS")
    old = service.wait(first, "CANCELED", timeout=40)
    assert old["supersededBy"] == second, old


def test_cancel_says_who(service, tmp_path):
    id = service.push_build(tmp_path, "FROM alpine\nRUN sleep 100\n")
    service.wait(id, "BUILDING")
    full = service.build(id)["repository"]
    service.user("mary")
    service.grant(full.split("/")[0], "mary", "develop")
    r = service.api("POST", f"/api/v1/builds/{id}:cancel", {}, basic=("mary", "a good password"))
    assert r.status in (200, 202, 204), r.body
    b = service.wait(id, "CANCELED", timeout=40)
    assert b["canceledBy"] == "mary", b
    assert {j["state"] for j in b["jobs"]} == {"canceled"}, b
    assert "mary" in service.text(id)
    again = service.api("POST", f"/api/v1/builds/{id}:cancel", {})
    assert again.status == 409 and again.json["code"] == "BUILD_ENDED", again.body


def test_a_failing_step_tells_why(service, tmp_path):
    id = service.push_build(tmp_path, "FROM alpine\nRUN echo before; exit 7\n")
    b = service.wait(id, "FAILED")
    assert "7" in json.dumps([b["error"], b["jobs"]]), b
    assert "before" in service.text(id)
    full = b["repository"]
    assert service.api("GET", f"/api/v1/repositories/{quote(full)}/tags/latest").status == 404


def test_no_dockerfile(service, tmp_path):
    id = service.push_build(tmp_path, "FROM alpine\n", {"x/Dockerfile.web": "FROM alpine\n"}, dockerfileName="Nope")
    b = service.wait(id, "FAILED")
    assert "Nope" in json.dumps(b), b


def test_one_platform_fails_and_is_retried_alone(service, tmp_path):
    """The tag does not appear with a part of its platforms; the retry builds the one that failed."""
    gate = tmp_path / "gate"
    dockerfile = "FROM alpine\nARG TARGETARCH\nCOPY . /src\nRUN if [ $TARGETARCH = arm64 ]; then cat /src/flag; fi\n"
    id = service.push_build(tmp_path, dockerfile, platforms=["linux/amd64", "linux/arm64"])
    b = service.wait(id, "FAILED")
    states = {j["platform"]: j["state"] for j in b["jobs"]}
    assert states == {"linux/amd64": "done", "linux/arm64": "failed"}, b
    full = b["repository"]
    assert service.api("GET", f"/api/v1/repositories/{quote(full)}/tags/latest").status == 404
    again = service.ok("POST", f"/api/v1/builds/{id}:retry", {})
    b = service.wait(again["id"], "FAILED")
    states = {j["platform"]: (j["state"], j["digest"] is not None) for j in b["jobs"]}
    assert states == {"linux/amd64": ("done", True), "linux/arm64": ("failed", False)}, b
    assert not gate.exists()


def test_best_effort_never_loses_a_platform_silently(service, tmp_path):
    full = "ns/app"
    service.namespace("ns")
    service.repository(full, type="PUBLIC")
    service.bind(full)
    service.rule(full, platforms=["linux/amd64", "linux/arm64"], policy="best_effort")
    ok = "FROM alpine\nARG TARGETARCH\nRUN echo $TARGETARCH\n"
    tree = service.git(tmp_path, full, {"Dockerfile": ok})
    tree.push("main")
    service.wait(service.builds(full)[0]["id"], "SUCCESS")
    before = service.ok("GET", f"/api/v1/repositories/{quote(full)}/tags/latest")
    assert len(before["platforms"]) == 2
    tree.commit({"Dockerfile": ok + "RUN [ $TARGETARCH = amd64 ]\n"})
    tree.push("main")
    b = service.wait(service.builds(full)[0]["id"], "FAILED")
    assert b["error"]["code"] == "TAG_WOULD_LOSE_PLATFORM", b
    after = service.ok("GET", f"/api/v1/repositories/{quote(full)}/tags/latest")
    assert after["digest"] == before["digest"]


def test_tags_of_an_immutable_repository(service, tmp_path):
    full = "ns/app"
    service.namespace("ns")
    service.repository(full, immutable=True)
    service.bind(full)
    service.rule(full, tags=["v1", "latest"])
    tree = service.git(tmp_path, full, {"Dockerfile": "FROM alpine\nRUN echo 1\n"})
    tree.push("main")
    service.wait(service.builds(full)[0]["id"], "SUCCESS")
    tree.commit({"Dockerfile": "FROM alpine\nRUN echo 2\n"})
    tree.push("main")
    b = service.wait(service.builds(full)[0]["id"], "FAILED")
    assert b["error"]["code"] == "TAG_IMMUTABLE", b
    preview = service.ok("POST", f"/api/v1/repositories/{quote(full)}/rules:preview", {"refs": ["main"]})
    assert "TAG_IMMUTABLE" in json.dumps(preview), preview


def test_by_hand_and_with_a_ref(service, cli, tmp_path):
    full = "ns/app"
    service.namespace("ns")
    service.repository(full)
    service.bind(full, autoBuild=False)
    tree = service.git(tmp_path, full, {"Dockerfile": "FROM alpine\nRUN true\n"})
    tree("tag", "-a", "v1.2", "-m", "x")
    tree.push("main", "v1.2")
    assert service.builds(full) == []
    plain = service.rule(full)
    timed = service.rule(full, pattern=r"v(?<n>.*)", refType="GIT_TAG", tags=["${n}-${GIT_PUSH_DATE:yyyyMMdd}-${GIT_COMMIT_ID:6}"])
    started = cli.json("builds", "start", full, plain["id"])
    service.wait(started["id"], "SUCCESS")
    refused = cli("builds", "start", full, timed["id"], code=1)
    assert "--ref" in refused.err, refused
    started = cli.json("builds", "start", full, timed["id"], "--ref", "v1.2")
    commit = tree("rev-parse", "v1.2^{commit}").out.strip()
    b = service.wait(started["id"], "SUCCESS")
    assert b["commit"] == commit and re.fullmatch(rf"1\.2-20\d{{6}}-{commit[:6]}", b["tags"][0]), b
    rerun = cli.json("builds", "rerun", b["id"])
    assert rerun["commit"] == commit and rerun["rerunOf"] == b["id"], rerun
    service.wait(rerun["id"], "SUCCESS")


def test_many_refs_in_one_push(service, tmp_path):
    full = "ns/app"
    service.namespace("ns")
    service.repository(full)
    service.bind(full)
    service.rule(full, pattern=r"r-(?<n>\d+)", tags=["${n}"])
    tree = service.git(tmp_path, full, {"Dockerfile": "FROM scratch\nCOPY Dockerfile /\n"})
    for n in range(20):
        tree("branch", f"r-{n}")
    tree.push(*[f"r-{n}" for n in range(20)], "main")
    builds = service.builds(full)
    assert sorted(b["tags"][0] for b in builds) == sorted(str(n) for n in range(20)), builds
    for b in builds:
        service.wait(b["id"], "SUCCESS")
    # deleted, and forced
    tree.push(":r-3")
    tree("commit", "-q", "--amend", "-m", "other")
    tree.push("+main:r-4")
    fresh = [b for b in service.builds(full) if b["id"] not in {x["id"] for x in builds}]
    assert [b["ref"] for b in fresh] == ["refs/heads/r-4"], fresh


def test_200_pushes_to_50_rules(service, tmp_path):
    """Nothing is lost and nothing is built twice."""
    full = "ns/app"
    service.namespace("ns")
    service.repository(full)
    service.bind(full)
    for n in range(50):
        service.rule(full, pattern=f"b-{n}", tags=[f"b-{n}-${{GIT_COMMIT_ID:12}}"], newerPush="wait")
    trees = [service.git(tmp_path, full, {"Dockerfile": "FROM scratch\nCOPY n /\n", "n": str(t)}) for t in range(4)]
    pushed, failed = [], []

    def push_some(t):
        tree = trees[t]
        for k in range(50):
            ref = f"b-{(k * 4 + t) % 50}"
            commit = tree.commit({"n": f"{t} {k}"})
            r = tree("push", "-q", "-f", "origin", f"HEAD:refs/heads/{ref}", code=None)
            (pushed if r.code == 0 else failed).append((f"refs/heads/{ref}", commit))

    threads = [threading.Thread(target=push_some, args=(t,)) for t in range(4)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert not failed and len(pushed) == 200
    built = sorted((b["ref"], b["commit"]) for b in service.builds(full))
    assert built == sorted(pushed)
    for b in service.builds(full):
        assert service.wait(b["id"], timeout=300)["status"] == "SUCCESS"


# --- what breaks --------------------------------------------------------------------------------


def test_the_server_is_killed_while_it_builds(service, tmp_path):
    """It goes on where it was: the build is done by the next one."""
    id = service.push_build(tmp_path, "FROM alpine\nRUN sleep 2; echo done-sleeping\n")
    service.wait(id, "BUILDING")
    service.kill()
    service.restart()
    b = service.wait(id, "SUCCESS")
    assert b["jobs"][0]["attempt"] >= 1, b
    assert "done-sleeping" in service.text(id)


@pytest.mark.parametrize("after", [0.0, 0.05, 0.1, 0.2, 0.4, 0.8])
def test_the_server_is_killed_at_any_time(service, tmp_path, after):
    id = service.push_build(tmp_path, "FROM alpine\nRUN echo one\nRUN echo two\n", platforms=["linux/amd64", "linux/arm64"])
    time.sleep(after)
    service.kill()
    service.restart()
    service.wait(id, "SUCCESS")
    full = service.build(id)["repository"]
    assert len(service.ok("GET", f"/api/v1/repositories/{quote(full)}/tags/latest")["platforms"]) == 2
    lines = [l for l in service.text(id).splitlines()]
    assert any("one" in l for l in lines) and any("two" in l for l in lines), lines


def test_a_push_survives_a_kill(service, tmp_path):
    """The record is there once the push has returned, whatever happens then."""
    full = "ns/app"
    service.namespace("ns")
    service.repository(full)
    service.bind(full)
    service.rule(full)
    tree = service.git(tmp_path, full, {"Dockerfile": "FROM alpine\nRUN true\n"})
    tree.push("main")
    service.kill()
    service.restart()
    (b,) = service.builds(full)
    service.wait(b["id"], "SUCCESS")


def test_two_platforms_run_side_by_side(service, tmp_path):
    id = service.push_build(tmp_path, "FROM alpine\nARG TARGETARCH\nRUN echo begin $TARGETARCH; sleep 3; echo end\n",
                            platforms=["linux/amd64", "linux/arm64"])
    service.wait(id, "SUCCESS")
    steps = [s for s in service.ok("GET", f"/api/v1/builds/{id}/steps")["items"] if s["text"].startswith("RUN")]
    assert len(steps) == 2, steps
    (a, b) = steps
    assert max(a["startedAt"], b["startedAt"]) < min(a["endedAt"], b["endedAt"]), steps


def test_time_limit(service, tmp_path):
    id = service.push_build(tmp_path, "FROM alpine\nRUN sleep 300\n", timeLimitSeconds=60)
    assert service.build(id)["timeLimitSeconds"] == 60
    service.ok("POST", f"/api/v1/builds/{id}:cancel", {})
    service.wait(id, "CANCELED", timeout=40)


def test_steps_tell_why_the_cache_missed(service, tmp_path):
    full = "ns/app"
    service.namespace("ns")
    service.repository(full)
    service.bind(full)
    service.rule(full)
    tree = service.git(tmp_path, full, {"Dockerfile": "FROM alpine\nCOPY a /a\nRUN true >/b\n", "a": "1"})
    tree.push("main")
    service.wait(service.builds(full)[0]["id"], "SUCCESS")
    tree.commit({"a": "2"})
    tree.push("main")
    id = service.builds(full)[0]["id"]
    service.wait(id, "SUCCESS")
    steps = service.ok("GET", f"/api/v1/builds/{id}/steps")["items"]
    copy = next(s for s in steps if s["text"].startswith("COPY"))
    assert (copy["cacheReason"], copy["state"]) == ("files changed: a", "done"), steps
    assert copy["digest"] and copy["size"] > 0, steps


def test_a_step_tells_which_image_its_base_was(service, tmp_path, base):
    id = service.push_build(tmp_path, "FROM alpine\nRUN true\n", platforms=["linux/amd64", "linux/arm64"])
    service.wait(id, "SUCCESS")
    steps = service.ok("GET", f"/api/v1/builds/{id}/steps")["items"]
    raw = run(["skopeo", "inspect", "--raw", "--tls-verify=false", f"docker://{base}:latest"]).out.encode()
    index = f"sha256:{hashlib.sha256(raw).hexdigest()}"
    assert {s["base"] for s in steps if s["line"] == 0} == {index}, steps
    assert {s["base"] for s in steps if s["line"] > 0} == {None}, steps


def test_what_builds_of_a_rule_came_to(service, tmp_path):
    full = "ns/app"
    service.namespace("ns")
    service.repository(full)
    service.bind(full)
    service.rule(full)
    other = service.rule(full, pattern="other")
    tree = service.git(tmp_path, full, {"Dockerfile": "FROM alpine\nCOPY a /a\nRUN cat /a >/b\n", "a": "1"})
    ids = []
    for text, status in (("1", "SUCCESS"), ("1", "SUCCESS"), ("2", "SUCCESS")):
        tree.commit({"a": text, "README": str(len(ids))})
        tree.push("main")
        ids.append(service.builds(full)[0]["id"])
        service.wait(ids[-1], status)
    tree.push("main:other")
    beside = next(b["id"] for b in service.builds(full) if b["ruleId"] == other["id"])
    service.wait(beside, "SUCCESS")

    def history(id, **query):
        return service.ok("GET", f"/api/v1/builds/{id}/history" + ("?" + urllib.parse.urlencode(query) if query else ""))["items"]

    builds = history(ids[2])
    assert [b["id"] for b in builds] == ids[::-1]
    assert [b["id"] for b in history(ids[1])] == ids[1::-1]
    assert [b["id"] for b in history(beside)] == [beside]
    assert builds[0]["commit"] == service.build(ids[2])["commit"] and builds[0]["status"] == "SUCCESS"
    assert [(b["steps"], b["cachedSteps"]) for b in builds] == [(2, 0), (2, 2), (2, 0)]
    assert builds[0]["layerBytes"] > 0 and builds[1]["layerBytes"] == builds[2]["layerBytes"]
    assert all(b["tookMs"] >= 0 for b in builds)  # a worker may tell of its start and its end together
    assert [b["step"] for b in builds] == [None, None, None]
    ran = next(s for s in service.ok("GET", f"/api/v1/builds/{ids[2]}/steps")["items"] if s["text"].startswith("RUN"))
    of_step = [b["step"] for b in history(ids[2], step=ran["step"])]
    assert [s["state"] for s in of_step] == ["done", "cached", "done"]
    assert of_step[0]["tookMs"] == ran["tookMs"] and of_step[0]["size"] == ran["size"] and of_step[1]["cacheReason"]


def test_a_history_is_for_who_sees_the_build(service, tmp_path):
    id = service.push_build(tmp_path, "FROM alpine\nRUN true\n")
    at = f"/api/v1/builds/{id}/history"
    assert service.api("GET", at + "?step=99").json["code"] == "NO_STEP"
    assert service.api("GET", at + "?step=0").json["code"] == "QUERY"
    service.user("stranger")
    assert service.api("GET", at, basic=("stranger", "a good password")).status == 404
    assert service.api("GET", at, basic=None).status == 401


def test_the_dockerfile_of_a_build_is_that_of_its_commit(service, tmp_path):
    text = "FROM alpine\n# gr\u00fc\u00dfe\nRUN true\n"
    service.namespace("ns")
    service.repository("ns/app", type="PUBLIC")
    service.bind("ns/app")
    service.rule("ns/app", dockerfileDirectory="/svc", dockerfileName="Dockerfile.x")
    tree = service.git(tmp_path, "ns/app", {"svc/Dockerfile.x": text})
    tree.push("main")
    id = service.builds("ns/app")[0]["id"]
    tree.commit({"svc/Dockerfile.x": "FROM alpine\n"})
    tree.push("main")
    at = f"/api/v1/builds/{id}/dockerfile"
    assert service.ok("GET", at) == {"content": text}
    service.user("viewer")
    assert service.api("GET", at, basic=("viewer", "a good password")).json["code"] == "FORBIDDEN"
    assert service.api("GET", at, basic=None).status == 401
    missing = service.rule("ns/app", pattern="other")
    tree.push("main:other")
    lost = next(b["id"] for b in service.builds("ns/app") if b["ruleId"] == missing["id"])
    assert service.api("GET", f"/api/v1/builds/{lost}/dockerfile").json["code"] == "DF_MISSING"


def test_files_that_changed_are_named(service, tmp_path):
    full = "ns/app"
    service.namespace("ns")
    service.repository(full)
    service.bind(full)
    service.rule(full, platforms=["linux/amd64", "linux/arm64"])
    files = {"Dockerfile": "FROM alpine\nCOPY . /app\n", ".dockerignore": "Dockerfile\n"}
    tree = service.git(tmp_path, full, {**files, "src/a.c": "1", "src/b.c": "1", "go.mod": "1", "same": "1"})

    def reasons():
        tree.push("main")
        id = service.builds(full)[0]["id"]
        service.wait(id, "SUCCESS")
        return {s["cacheReason"] for s in service.ok("GET", f"/api/v1/builds/{id}/steps")["items"] if s["text"].startswith("COPY")}

    assert reasons() == {"instruction changed, or never run"}
    tree("rm", "-q", "src/b.c")
    tree.commit({"src/a.c": "2", "src/c.c": "1"})
    assert reasons() == {"files changed: src/a.c, src/b.c (gone), src/c.c (new)"}
    tree.commit({"go.mod": "2", "x1": "", "x2": "", "x3": ""})
    assert reasons() == {"files changed: go.mod, x1 (new), x2 (new) and 1 more"}


def test_private_images_of_the_same_namespace_are_bases(service, tmp_path):
    service.namespace("ns")
    service.repository("ns/base")
    service.bind("ns/base")
    service.rule("ns/base")
    tree = service.git(tmp_path, "ns/base", {"Dockerfile": "FROM alpine\nRUN echo secret >/secret\n"})
    tree.push("main")
    service.wait(service.builds("ns/base")[0]["id"], "SUCCESS")
    id = service.push_build(tmp_path, f"FROM {service.host}/ns/base\nRUN cat /secret\n", full=None)
    other = service.wait(id)  # another namespace: it looks absent
    assert other["status"] == "FAILED", other
    service.repository("ns/app")
    service.bind("ns/app")
    service.rule("ns/app")
    tree = service.git(tmp_path, "ns/app", {"Dockerfile": f"FROM {service.host}/ns/base\nRUN cat /secret\n"})
    tree.push("main")
    id = service.builds("ns/app")[0]["id"]
    service.wait(id, "SUCCESS")
    assert "secret" in service.text(id)


@pytest.mark.parametrize("text", ["x" * 16384, "é" * 8192, "日" * 5461 + "x", "👍" * 4096], ids=["1", "2", "3", "4"])
def test_a_description_has_at_most_16_kib(service, cli, text):
    """Bytes of UTF-8 count, and what is refused changes nothing."""
    assert len(text.encode()) == 16384
    service.namespace("ns")
    new = {"namespace": "ns", "name": "app", "description": text}
    at = "/api/v1/repositories/ns%2Fapp"
    longer = [text + "x", text + "日", text * 5]
    for long in longer:
        r = service.api("POST", "/api/v1/repositories", {**new, "description": long})
        assert r.status == 400 and r.json["code"] == "TEXT_LONG" and "at most 16384 bytes" in r.json["detail"], r.body
    assert service.api("GET", at).status == 404
    assert service.ok("POST", "/api/v1/repositories", new)["description"] == text
    service.ok("PATCH", at, {"description": "short"})
    for long in longer:
        r = service.api("PATCH", at, {"summary": "taken", "description": long})
        assert r.status == 400 and r.json["code"] == "TEXT_LONG" and "at most 16384 bytes" in r.json["detail"], r.body
    told = cli("repo", "update", "ns/app", "--description", longer[0], code=1)
    assert "at most 16384 bytes" in told.err, told
    before = cli.json("repo", "get", "ns/app")
    assert before["description"] == "short" and before["summary"] == "", before
    assert cli.json("repo", "update", "ns/app", "--description", text)["description"] == text
    assert cli.json("repo", "create", "ns/other", "--description", text)["description"] == text


def test_every_change_is_in_the_audit_log(service, cli):
    cli("namespace", "create", "demo")
    cli("repo", "create", "demo/hello")
    cli("repo", "update", "demo/hello", "--type", "PUBLIC")
    actions = [e["action"] for e in cli.json("audit")["items"]]
    for wanted in ("namespace.create", "repository.create", "repository.update"):
        assert wanted in actions, actions


def test_the_description_is_served(service):
    doc = service.ok("GET", "/api/v1/openapi.json", basic=None)
    assert doc["openapi"].startswith("3.1") and "/api/v1/builds/{build}" in doc["paths"]


def test_the_first_start_makes_up_a_password(tmp_path):
    """It is shown once, works, and a second start neither shows nor changes it."""
    def serve():
        p = start([KILN, "serve", "--data", tmp_path / "data", "--listen", "127.0.0.1:0", "--slots", "0"])
        host = re.search(r"http://(\S+)", p.stdout.readline().decode()).group(1)
        return p, host

    p, host = serve()
    try:
        password = re.search(r"admin, with the password (\S+)", p.stdout.readline().decode()).group(1)
        env = {"KILN_CONFIG": str(tmp_path / "login.json")}
        run([KILN, "login", host, "--username", "admin", "--password-stdin"], env=env, input=password)
        assert run([KILN, "whoami", "--json"], env=env).json()["name"] == "admin"
        wrong = run([KILN, "login", host, "--username", "admin", "--password-stdin"], env=env, input="no such secret", code=1)
        assert "no such secret" not in wrong.text and "Check name and password" in wrong.text
    finally:
        stop(p)
    p, host = serve()
    try:
        run([KILN, "login", host, "--username", "admin", "--password-stdin"], env=env, input=password)
    finally:
        p.terminate()
        assert b"password" not in p.communicate(timeout=30)[0]
