"""Every command that talks to the service, against a real `kiln serve`: with --json and without, and how it ends.

Exit codes: 0 done; 1 the request failed; 2 the command line is wrong, and nothing was asked; 130 canceled.
"""
import contextlib
import json
import os
import pty
import re
import select
import time
import unicodedata
import uuid

import pytest

from conftest import HOST, KILN, SLOW, Service, Tree, quote, run, wait_for
from remotes import GitHttp
from test_webhooks import PUSHES, Hook

NOWHERE = "http://127.0.0.1:1"  # nobody listens: exit code 2 in spite of it means that nothing was asked
PASSWORD = "a good password"


class Cli:
    """kiln with a login of its own. `asked` are the commands that were run; each answer is looked at."""

    def __init__(self, server, directory, user="admin", password=None, json=False):
        self.server, self.user, self.as_json, self.asked = server, user, json, set()
        self.config = directory / f"login-{uuid.uuid4().hex[:8]}.json"
        self.env = {"KILN_CONFIG": str(self.config)}
        if user:
            self("login", f"http://{server.host}", "--username", user, "--password-stdin", input=password or server.admin_password)

    def run(self, *args, **more):
        return run([KILN, *args], env={**self.env, **more.pop("env", {})}, **more)

    def __call__(self, *args, **more):
        """Ends well, with one JSON document or with text to read: the JSON, or the text."""
        r = self.run(*args, *(["--json"] if self.as_json else []), **more)
        self.asked.add(next(c for c in (" ".join(args[:2]), args[0]) if c in COMMANDS))
        if self.as_json:
            return json.loads(r.out)
        check_text(r)
        return r.out

    def stream(self, *args, **more):
        r = self.run(*args, *(["--json"] if self.as_json else []), **more)
        self.asked.add(" ".join(args[:2]))
        if self.as_json:
            return [json.loads(line) for line in r.out.splitlines()]
        check_text(r)
        return r.out

    def refused(self, *args, code=1, **more):
        """What it says when it fails: one line, and nothing on standard output, with --json too."""
        r = self.run(*args, *(["--json"] if self.as_json else []), code=code, **more)
        assert r.out == "" and r.err.startswith("kiln: ") and r.err.count("\n") == 1 and ".." not in r.err, r
        return r.err


def check_text(r):
    assert r.out.strip() and not re.search(r'[{}"]|\[\]|null', r.out), f"this is not for people: {r}"
    assert all(c in "\n" or c.isprintable() for c in r.out), r
    assert not [line for line in r.out.splitlines() if line != line.rstrip()], r


def help_of(words):
    return run([KILN, *words.split(), "--help"]).out


def service_commands():
    """The commands that ask a server, from the program's own help."""
    listed = re.findall(r"^  ([a-z-]+(?: [a-z]+)?) {2,}\S", run([KILN, "--help"]).out.partition("Commands:")[2], re.M)
    return {c: help_of(c) for c in listed if all(f"--{o} " in help_of(c) for o in ("server", "json"))}


COMMANDS = service_commands()


@pytest.fixture(scope="module")
def server(tmp_path_factory, registry):
    s = Service(tmp_path_factory.mktemp("commands") / "service", registry.host, options=["--endpoint-private"])
    yield s
    assert s.close() == 0, s.log.read_text()


@pytest.fixture
def cli(server, tmp_path):
    return Cli(server, tmp_path)


@pytest.fixture
def place(server):
    """A namespace with a repository that is built from kiln's own remote: its full name."""
    full = f"ns{uuid.uuid4().hex[:10]}/app"
    server.namespace(full.partition("/")[0])
    server.repository(full, type="PUBLIC")
    server.bind(full)
    return full


# ---- all of them ------------------------------------------------------------------------------


@pytest.fixture(params=["text", "json"])
def walk(request, server, tmp_path):
    cli = Cli(server, tmp_path, json=request.param == "json")
    cli.name = f"{request.param}{uuid.uuid4().hex[:6]}"
    cli.full = f"{cli.name}/app"
    return cli


def member(cli, answer, name):
    """A member of an answer, JSON or lines."""
    return answer[name] if cli.as_json else re.search(rf"^{name} +(\S.*)$", answer, re.M).group(1)


def rows(cli, answer):
    """A list as dicts, by its JSON names or by its heads."""
    if cli.as_json:
        assert set(answer) >= {"items", "next"}, answer
        return answer["items"]
    head, *lines = answer.splitlines()
    at = [m.start() for m in re.finditer(r"\S+", head)] + [None]
    return [{head[a:b].strip(): line[a:b].strip() for a, b in zip(at, at[1:])} for line in lines]


def told(cli, answer, command, text, *args):
    """What is printed where the API has no answer, or one that says less than a sentence."""
    if not cli.as_json:
        assert answer == text + "\n", answer
    else:
        assert answer == {"done": command, "server": f"http://{cli.server.host}", "arguments": list(args), "text": text}, answer


def namespaces_and_members(cli, server):
    name = cli.name
    made = cli("namespace", "create", name, "--auto-create", "no")
    assert member(cli, made, "name") == name
    assert cli("namespace", "get", name) == made
    assert member(cli, cli("namespace", "update", name, "--default-type", "PUBLIC"), "defaultType") == "PUBLIC"
    assert name in str(cli("namespace", "list"))
    user = f"u{name}"
    cli("user", "create", user, "--password-stdin", input=PASSWORD)
    assert "view" in str(cli("namespace", "grant", name, user, "view"))
    cli("namespace", "grant", name, user, "develop")
    assert [r.get("user", r.get("USER")) for r in rows(cli, cli("namespace", "members", name))] == [user]
    told(cli, cli("namespace", "revoke", name, user), "namespace revoke", f"took the role of {user} in {name} away", name, user)
    cli("namespace", "create", f"{name}-gone")
    told(cli, cli("namespace", "delete", f"{name}-gone"), "namespace delete", f"deleted the namespace {name}-gone", f"{name}-gone")


def repositories(cli, server):
    full = cli.full
    made = cli("repo", "create", full, "--type", "PUBLIC", "--summary", "grüße 日本", "--source", "kiln", "--auto-build", "no")
    url = f"http://{server.host}/git/{full}.git"
    if cli.as_json:
        assert made["canBuild"] is True and made["source"]["url"] == url and made["source"]["autoBuild"] is False, made
    else:
        assert re.search(r"^canBuild +yes$", made, re.M) and re.search(rf"^  url +{re.escape(url)}$", made, re.M), made
    assert member(cli, cli("repo", "get", full), "summary") == "grüße 日本"
    assert member(cli, cli("repo", "update", full, "--immutable", "no", "--description", "# one\ntwo"), "fullName") == full
    assert full in str(cli("repo", "list", "--namespace", cli.name))
    told(cli, cli("repo", "unbind", full), "repo unbind", f"{full} is not built from a code source any more", full)
    assert member(cli, cli("repo", "bind", full, "kiln"), "url") == url
    cli("repo", "create", f"{cli.name}/gone")
    told(cli, cli("repo", "delete", f"{cli.name}/gone"), "repo delete", f"deleted the image repository {cli.name}/gone",
         f"{cli.name}/gone")


def sources(cli, server, tmp_path):
    with GitHttp(tmp_path / "remote") as remote:
        remote.tree("app", {"Dockerfile": "FROM scratch\nCOPY Dockerfile /\n"})
        code = f"{cli.name}/code"
        made = cli("source", "create", code, "--provider", "GITEA", "--url", remote.url("app"), "--allow-private", "yes",
                   "--poll", "0")
        id, secret = member(cli, made, "id"), member(cli, made, "hookSecret")
        assert member(cli, cli("source", "get", code), "id") == member(cli, cli("source", "get", id), "id") == id
        assert code.partition("/")[2] in str(cli("source", "list", "--namespace", cli.name))
        assert member(cli, cli("source", "update", code, "--depth", "5"), "depth") in (5, "5")
        assert [r.get("ref", r.get("REF")) for r in rows(cli, cli("source", "test", code))] == ["refs/heads/main"]
        looked = cli("source", "look", code)
        assert looked == ({"builds": 0} if cli.as_json else f"looked at {code}: builds that it made: 0\n")
        assert len(rows(cli, cli("source", "refs", code))) == 1
        other = f"{cli.name}/other"
        cli("repo", "create", other)
        assert member(cli, cli("repo", "bind", other, code), "source") == code
        assert member(cli, cli("repo", "bind", other, id), "source") == code
        cli("repo", "unbind", other)
        hook = Hook.__new__(Hook)
        hook.service, hook.provider, hook.secret, hook.path = server, "GITEA", secret, f"/hooks/gitea/{id}"
        delivery = hook.post(PUSHES["GITEA"]).json["delivery"]
        assert [r.get("id", r.get("ID")) for r in rows(cli, cli("source", "deliveries", code))] == [delivery]
        replayed = cli("source", "replay", code, delivery)
        assert replayed == ({"delivery": delivery} if cli.as_json else f"delivery {delivery} is taken up again\n")
        assert member(cli, cli("source", "rotate", code), "hookSecret") != secret
        told(cli, cli("source", "delete", code), "source delete", f"deleted the code source {code}", code)


def rules(cli, server):
    rule = cli("rule", "create", cli.full, "--branch", "main", "--image-tag", "latest", "--platform", HOST,
               "--build-arg", "A=b=c", "--priority", "-5")
    id = member(cli, rule, "id")
    assert cli("rule", "get", cli.full, id) == rule
    assert member(cli, cli("rule", "update", cli.full, id, "--priority", "7"), "priority") in (7, "7")
    assert [r.get("id", r.get("ID")) for r in rows(cli, cli("rule", "list", cli.full))] == [id]
    (seen,) = rows(cli, cli("rule", "preview", cli.full, "--ref", "refs/heads/main"))
    assert seen.get("matches", seen.get("MATCHES")) in (True, "yes"), seen
    more = member(cli, cli("rule", "create", cli.full, "--tag", "v1", "--image-tag", "v1"), "id")
    told(cli, cli("rule", "delete", cli.full, more), "rule delete", f"deleted the build rule {more} of {cli.full}", cli.full, more)
    return id


def schedules(cli, rule):
    """Switched off: none is to start a build beside those of this test."""
    schedule = cli("schedule", "create", cli.full, "--rule", rule, "--cron", "30 3 * * 1", "--no-cache", "yes", "--enabled", "no")
    id = member(cli, schedule, "id")
    assert cli("schedule", "get", cli.full, id) == schedule and member(cli, schedule, "ref") == "refs/heads/main"
    assert member(cli, cli("schedule", "update", cli.full, id, "--time-zone", "UTC", "--cron", "@daily"), "cron") == "@daily"
    assert [r.get("id", r.get("ID")) for r in rows(cli, cli("schedule", "list", cli.full))] == [id]
    assert str(cli("schedule", "preview", "@yearly")).count("-01-01T00:00:00.000Z") == 5
    told(cli, cli("schedule", "delete", cli.full, id), "schedule delete", f"deleted the schedule {id} of {cli.full}", cli.full, id)


def bases(cli, rule):
    """None is known before a build; test_bases.py has more."""
    changed = cli("rule", "update", cli.full, rule, "--rebuild-on-base-update", "yes")
    assert member(cli, changed, "rebuildOnBaseUpdate") in (True, "yes")
    assert rows(cli, cli("base", "list", cli.full)) == rows(cli, cli("base", "check", cli.full)) == []


def builds(cli, server, tmp_path, rule):
    """All in one repository: one that succeeds, one that waits for a worker and is canceled, one that fails."""
    tree = Tree(tmp_path / f"tree{cli.name}", server.git_url(cli.full), {"Dockerfile": "FROM scratch\nCOPY Dockerfile /\n"})
    tree.push("main")
    (first,) = server.builds(cli.full)
    followed = cli.stream("builds", "logs", "-f", first["id"])
    assert followed[-1]["event"] == "end" if cli.as_json else "SUCCESS" in followed, followed
    assert len(rows(cli, cli("builds", "list", "--repo", cli.full))) == 1
    assert member(cli, cli("builds", "get", first["id"]), "status") == "SUCCESS"
    assert rows(cli, cli("builds", "steps", first["id"]))
    assert len(rows(cli, cli("builds", "history", first["id"], "--step", "1"))) == 1
    for options in ([], ["--tail", "1"], ["--search", "published"], ["--search", "PUB.*d", "--regex", "-i"], ["--times"]):
        assert "published" in str(cli("builds", "logs", first["id"], *options)), options
    started = cli("builds", "start", cli.full)
    server.wait(member(cli, started, "id"), "SUCCESS")
    again = cli.stream("builds", "start", cli.full, rule, "--ref", "main", "--follow")
    assert again[-1]["event"] == "end" if cli.as_json else "SUCCESS" in again, again
    rerun = member(cli, cli("builds", "rerun", first["id"]), "id")
    server.wait(rerun, "SUCCESS")

    (worker,) = [w["id"] for w in server.ok("GET", "/api/v1/workers")["items"] if w["embedded"]]
    told(cli, cli("worker", "drain", worker), "worker drain", f"worker {worker} drains: it ends its builds and takes no others", worker)
    assert [w.get("draining", w.get("DRAINING")) for w in rows(cli, cli("worker", "list"))] == [True if cli.as_json else "yes"]
    waits = member(cli, cli("builds", "start", cli.full), "id")
    assert member(cli, cli("builds", "cancel", waits), "status") == "CANCELED"
    told(cli, cli("worker", "drain", "--off", worker), "worker drain", f"worker {worker} is given builds again", worker)
    assert [w["draining"] for w in server.ok("GET", "/api/v1/workers")["items"]] == [False]

    tree.commit({"Dockerfile": "FROM scratch\nCOPY missing /\n"})
    tree.push("main")
    failing = server.builds(cli.full)[0]["id"]
    server.wait(failing, "FAILED")
    r = cli.run("builds", "logs", "-f", failing, *(["--json"] if cli.as_json else []), code=1)
    assert "FAILED" in r.err and "missing" in r.err, r
    retried = member(cli, cli("builds", "retry", failing), "id")
    server.wait(retried, "FAILED")
    insights(cli)


def insights(cli):
    """Of the builds above: four that succeeded, two that failed, one that was canceled."""
    told = cli("insights", "--days", "2", "--repo", cli.full)
    if cli.as_json:
        assert told["repository"] == cli.full and len(told["days"]) == 2 and told["rules"][0]["failed"] == 2, told
        assert told["builds"] == {"PENDING": 0, "BUILDING": 0, "SUCCESS": 4, "FAILED": 2, "CANCELED": 1}, told
        return
    assert "builds    4 succeeded, 2 failed, 1 canceled, 0 under way\n" in told and "success   66%\n" in told, told
    days, waits = re.search(r"\n\nBuilds by day \(UTC\)\n(DAY .*?)\n\nWait for a worker\n(PLATFORM .*?)\n\n", told, re.S).groups()
    days = rows(cli, days)
    assert len(days) == 2 and sum(int(d["SUCCESS"]) for d in days) == 4, told
    assert [w["JOBS"] for w in rows(cli, waits)] == ["6"] and "RUN" not in told and cli.full in told, told


def endpoints(cli):
    """Nobody listens there: a test fails at once."""
    made = cli("endpoint", "create", cli.full, f"{NOWHERE}/x", "--event", "build.failed,tag.written", "--sign", "yes", "--enabled", "no")
    id, secret = member(cli, made, "id"), member(cli, made, "secret")
    assert secret.startswith("whsec_") and secret not in str(cli("endpoint", "get", cli.full, id))
    (listed,) = rows(cli, cli("endpoint", "list", cli.full))
    assert listed.get("events", listed.get("EVENTS")) in ("build.failed,tag.written", ["build.failed", "tag.written"]), listed
    assert member(cli, cli("endpoint", "update", cli.full, id, "--format", "slack", "--enabled", "yes"), "format") == "slack"
    assert member(cli, cli("endpoint", "rotate", cli.full, id), "secret") != secret
    tested = cli.run("endpoint", "test", cli.full, id, *(["--json"] if cli.as_json else [])).out
    tested = json.loads(tested) if cli.as_json else tested
    assert member(cli, tested, "result") == "failed" and "Connection refused" in str(tested), tested
    notification = member(cli, tested, "id")
    assert [r.get("id", r.get("ID")) for r in rows(cli, cli("endpoint", "log", cli.full, id, "--result", "failed"))] == [notification]
    shown = cli.run("endpoint", "show", cli.full, id, notification, *(["--json"] if cli.as_json else [])).out
    assert (json.loads(shown) if cli.as_json else shown) == tested
    cli.asked |= {"endpoint test", "endpoint show"}
    again = cli("endpoint", "redeliver", cli.full, id, notification)
    assert again["result"] == "waiting" if cli.as_json else again == f"notification {notification} is sent again\n", again
    told(cli, cli("endpoint", "delete", cli.full, id), "endpoint delete", f"deleted the endpoint {id} of {cli.full}", cli.full, id)


def tags(cli):
    assert [r.get("name", r.get("TAG")) for r in rows(cli, cli("tag", "list", cli.full))] == ["latest"]
    digest = member(cli, cli("tag", "get", cli.full, "latest"), "digest")
    assert member(cli, cli("tag", "create", cli.full, "v1", "latest"), "digest") == digest

    def listed(*options):
        return [r.get("name", r.get("TAG")) for r in rows(cli, cli("tag", "list", cli.full, *options))]

    assert listed() == listed("--sort", "name") == ["latest", "v1"] and listed("--sort", "updated") == ["v1", "latest"]
    assert listed("--filter", "at") == ["latest"]
    told(cli, cli("tag", "delete", cli.full, "v1"), "tag delete", f"deleted the tag {cli.full}:v1", cli.full, "v1")


def retention(cli):
    """Of the one tag `latest`, that was pushed just now."""
    assert not member(cli, cli("retention", "get", cli.full), "enabled") in (True, "yes")
    cli("retention", "set", cli.full, "--rule", "v*=10", "--rule", "l(a|b)test=3,30d", "--never", "stable", "--never", "lts-*")
    cli("retention", "set", cli.full, "--untagged-days", "7", "--enabled", "yes")
    stored = cli.server.ok("GET", f"/api/v1/repositories/{quote(cli.full)}/retention")
    assert stored["enabled"] and stored["untaggedDays"] == 7 and [n["match"] for n in stored["never"]] == ["name", "wildcard"], stored
    assert stored["rules"] == [{"pattern": "v*", "match": "wildcard", "keepNewest": 10, "keepDays": 0},
                               {"pattern": "l(a|b)test", "match": "expression", "keepNewest": 3, "keepDays": 30}], stored
    cli("retention", "set", cli.full, "--untagged-days", "0", "--enabled", "no")

    def preview(*options):
        listed = rows(cli, cli("retention", "preview", cli.full, *options))
        return [(r.get("decision", r.get("DECISION")), r.get("reason", r.get("REASON"))) for r in listed]

    assert preview() == [("keep", "newest")]
    said = cli.run("retention", "preview", cli.full).err
    assert said == "0 tags go, 1 stay; only those that go hold 0.0 MB\n", said
    assert preview("--rule", "*=1d") == [("keep", "young")] and preview("--never", "*") == [("keep", "never")]
    assert preview("--decision", "go") == [] and preview("--filter", "x") == []
    ran = cli("retention", "run", cli.full)
    assert ran["lastRun"]["tags"] == 0 if cli.as_json else ran == "removed 0 tags, 0 manifests and 0 layers\n", ran
    told(cli, cli("retention", "delete", cli.full), "retention delete", f"deleted the retention policy of {cli.full}", cli.full)


def commit_status(cli):
    """The newest build is of kiln's own remote, which has nowhere to show it; nobody answers at the source that is there now."""
    name = cli.full.partition("/")[0]
    source = cli.server.ok("POST", "/api/v1/sources", {"namespace": name, "name": "hub", "provider": "GITHUB", "url": f"{NOWHERE}/o/r.git",
                                                       "secret": "t0ken", "pollSeconds": 0})["id"]
    cli.server.ok("PUT", f"/api/v1/repositories/{quote(cli.full)}/source", {"sourceId": source})
    assert member(cli, cli("commit-status", "set", cli.full, "--context", "ci", "--enabled", "yes"), "contextShown") == "ci"
    assert member(cli, cli("commit-status", "report", cli.full), "provider") == "GITHUB"
    wait_for(lambda: cli.server.ok("GET", f"/api/v1/repositories/{quote(cli.full)}/commit-status")["waiting"] == 0)
    assert "STATUS_PROVIDER" in str(cli("commit-status", "get", cli.full))


def workers(cli, server):
    token = cli("worker", "token", f"w{cli.name}", "--pool", cli.name)
    id, secret = member(cli, token, "id"), member(cli, token, "secret")
    assert id in str(cli("worker", "tokens"))
    body = {"name": cli.name, "version": "1", "slots": 1, "platforms": [{"platform": HOST, "native": True}]}
    worker = server.ok("POST", "/api/v1/worker/register", body, token=secret)["workerId"]
    told(cli, cli("worker", "remove", worker), "worker remove", f"removed the worker {worker}", worker)
    told(cli, cli("worker", "revoke", id), "worker revoke", f"deleted the worker token {id}", id)


def users_and_tokens(cli, server, tmp_path):
    name = f"v{cli.name}"
    made = cli("user", "create", name, "--password-stdin", input=PASSWORD + "\n")
    assert cli("user", "get", name) == made and name in str(cli("user", "list", "--limit", "500"))
    assert member(cli, cli("user", "update", name, "--disabled", "no"), "disabled") in (False, "no")
    changed = cli("user", "password", name, "--password-stdin", input="another password")
    assert changed["name"] == name if cli.as_json else changed == f"{name} has a new password\n"
    assert Cli(server, tmp_path, name, "another password")("whoami")
    token = cli("token", "create", "mine", "--role", "view", "--expires", "2099-01-31T00:00:00Z")
    id = member(cli, token, "id")
    assert id in str(cli("token", "list"))
    told(cli, cli("token", "delete", id), "token delete", f"deleted the token {id}", id)
    told(cli, cli("user", "delete", name), "user delete", f"deleted the user {name}", name)
    assert {r.get("actor", r.get("ACTOR")) for r in rows(cli, cli("audit", "--limit", "3"))} == {"admin"}


def test_every_command(walk, server, tmp_path):
    cli, host = walk, server.host
    assert member(cli, cli("whoami"), "name") == "admin"
    assert member(cli, cli("instance"), "version")
    namespaces_and_members(cli, server)
    repositories(cli, server)
    sources(cli, server, tmp_path)
    rule = rules(cli, server)
    schedules(cli, rule)
    bases(cli, rule)
    builds(cli, server, tmp_path, rule)
    tags(cli)
    retention(cli)
    endpoints(cli)
    commit_status(cli)
    workers(cli, server)
    users_and_tokens(cli, server, tmp_path)
    told(cli, cli("login", host, "-u", "admin", "--password-stdin", input=server.admin_password), "login",
         f"Logged in to http://{host} as admin.", host)
    told(cli, cli("logout"), "logout", f"Logged out of http://{host}.")
    assert member(cli, cli("whoami"), "kind") == "anonymous"
    assert cli.asked == set(COMMANDS), set(COMMANDS) - cli.asked


# ---- lists ------------------------------------------------------------------------------------


def test_every_list_that_pages_can_be_gone_through(cli, server, place, tmp_path):
    """Page by page it is the whole, and each page tells how to go on."""
    namespace = place.partition("/")[0]
    user = f"u{namespace}"
    server.user(user)
    server.user(f"{user}-2")
    for name in (user, f"{user}-2"):
        server.grant(namespace, name, "view")
    server.repository(f"{namespace}/second")
    server.namespace(f"{namespace}-2")
    server.rule(place)
    for at in (0, 1):
        server.ok("POST", "/api/v1/worker-tokens", {"name": f"w{at}"})
        cli("token", "create", f"t{at}")
    tree = server.git(tmp_path, place, {"Dockerfile": "FROM scratch\nCOPY Dockerfile /\n"})
    tree.push("main", "main:second")
    for n in range(2):
        id = member(cli, cli("builds", "start", place), "id")
        server.wait(id, "SUCCESS")
    cli("tag", "create", place, "v1", "latest")
    hook = Hook(server, "GITEA")
    for n in range(2):
        hook.post(PUSHES["GITEA"])
    endpoint = server.ok("POST", f"/api/v1/repositories/{quote(place)}/endpoints", {"url": NOWHERE})["id"]
    for n in range(2):
        server.ok("POST", f"/api/v1/repositories/{quote(place)}/endpoints/{endpoint}:test", {})
    lists = {"namespace list": [], "namespace members": [namespace], "source list": [], "source refs": [place],
             "source deliveries": [hook.id], "repo list": [], "endpoint log": [place, endpoint], "builds list": ["--repo", place],
             "tag list": [place], "worker tokens": [], "user list": [], "token list": [], "audit": [], "retention preview": [place]}
    assert set(lists) == {c for c, text in COMMANDS.items() if "--cursor" in text}
    for command, args in lists.items():
        words = [*command.split(), *args]
        whole = cli.run(*words, "--limit", "500", "--json").json()
        assert whole["next"] is None and len(whole["items"]) > 1, whole
        seen, cursor = [], []
        while command != "audit" or len(seen) < 5:
            page = cli.run(*words, "--limit", "1", *cursor, "--json").json()
            shown = cli.run(*words, "-n", "1", *cursor)
            assert len(page["items"]) == 1 and len(shown.out.splitlines()) == 2, shown
            seen += page["items"]
            if not page["next"]:
                assert "--cursor" not in shown.err and (shown.err == "" or command == "retention preview"), shown
                break
            assert f"kiln {command} ... --cursor {page['next']}" in shown.err, shown
            cursor = ["--cursor", page["next"]]
        ids = [[i.get(k) for k in ("id", "ref", "name", "seq", "user")] for i in seen]
        assert ids == [[i.get(k) for k in ("id", "ref", "name", "seq", "user")] for i in whole["items"]][:len(ids)], command
        assert command == "audit" or len(seen) == len(whole["items"]), command
    d = server.description
    paged = {path for path, item in d.document["paths"].items()
             for verb in ("get", "post") for p in item.get(verb, {}).get("parameters", []) if d.resolve(p).get("name") == "cursor"}
    assert len(paged - {"/api/v1/users/{user}/tokens", "/api/v1/sessions"}) == len(lists), paged


def test_columns_are_columns_of_the_terminal(cli, server):
    """Wide characters take two, combining ones none; control characters of the server do not reach the terminal."""
    full = f"ns{uuid.uuid4().hex[:8]}/app"
    server.namespace(full.partition("/")[0])
    server.repository(full, description="a\u009b31mb\x1b[0mc\td")
    assert re.search(r"^description +a  31mb \[0mc d$", cli("repo", "get", full), re.M)
    names = ["plain", "grüße", "日本語", "e\u0301te\u0301", "한국 x", "ｆｕｌｌ", "👍"]
    made = {n: server.ok("POST", "/api/v1/worker-tokens", {"name": n, "pool": "POOL"})["id"] for n in names}

    def width(text):
        return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)

    for locale in ({}, {"LC_ALL": "C"}, {"LC_ALL": "C.UTF-8"}):
        head, *lines = cli.run("worker", "tokens", "--limit", "500", env=locale).out.splitlines()
        for name, id in made.items():
            (line,) = [l for l in lines if id in l]
            assert name in line and width(line[:line.index("POOL")]) == head.index("POOL"), line
    for id in made.values():
        cli("worker", "revoke", id)


# ---- wrong words ------------------------------------------------------------------------------

WRONG = [
    (["repo", "create", "nonsense"], "NAMESPACE/NAME"),
    (["repo", "create", "/x"], "NAMESPACE/NAME"),
    (["repo", "create", "x/"], "NAMESPACE/NAME"),
    (["repo", "create", "a/b", "--type", "SECRET"], "PUBLIC|PRIVATE"),
    (["repo", "create", "a/b", "--pool", "x"], "--source"),
    (["repo", "create", "a/b", "--source", "kiln", "--overseas", "--pool", "x"], "--pool and --overseas exclude each other"),
    (["repo", "update", "a/b"], "changes nothing"),
    (["repo", "get", ""], "names nothing"),
    (["repo", "get", ".."], "names nothing"),
    (["repo", "get"], "NS/NAME"),
    (["repo", "get", "a", "b"], "what is b?"),
    (["repo", "list", "--limit", "0"], "from 1 to 500"),
    (["repo", "list", "--limit", "501"], "from 1 to 500"),
    (["repo", "list", "--limit", "many"], "from 1 to 500"),
    (["repo", "list", "-n", "1x"], "from 1 to 500"),
    (["repo", "list", "--limit", " 1"], "from 1 to 500"),
    (["repo", "lsit"], "did you mean list?"),
    (["insights", "--days", "0"], "from 1 to 90"),
    (["retention", "set", "a/b"], "changes nothing"),
    (["retention", "set", "a/b", "--rule", "v*"], "PATTERN=KEEP"),
    (["retention", "set", "a/b", "--rule", "v*=0"], "PATTERN=KEEP"),
    (["retention", "set", "a/b", "--rule", "=3"], "PATTERN=KEEP"),
    (["retention", "preview", "a/b", "--rule", "v*=3w"], "PATTERN=KEEP"),
    (["retention", "preview", "a/b", "--rule", "v*=3,99999d"], "PATTERN=KEEP"),
    (["retention", "set", "a/b", "--untagged-days", "-1"], "from 0 to 3650"),
    (["insights", "--days", "91"], "from 1 to 90"),
    (["builds", "history", "x", "--step", "0"], "--step 0"),
    (["source", "create", "nonsense", "--url", "https://x/y"], "NAMESPACE/NAME"),
    (["source", "create", "a/b"], "--url"),
    (["source", "create", "a/b", "--url", "https://x/y", "--depth", "-1"], "--depth -1"),
    (["source", "create", "a/b", "--url", "https://x/y", "--poll", "often"], "--poll often"),
    (["source", "create", "a/b", "--url", "https://x/y", "--secret-stdin"], "standard input is empty"),
    (["source", "create", "a/b", "--provider", "SOURCEFORGE"], "GITHUB|"),
    (["source", "update", "a/b"], "changes nothing"),
    (["endpoint", "create", "a/b"], "NS/NAME URL"),
    (["endpoint", "create", "a/b", "https://x/y", "--format", "teams"], "cloudevents|slack"),
    (["endpoint", "update", "a/b", "e"], "changes nothing"),
    (["commit-status", "set", "a/b"], "changes nothing"),
    (["commit-status", "set", "a/b", "--enabled", "maybe"], "yes|no"),
    (["rule", "create", "a/b", "--image-tag", "x"], "--branch or --tag"),
    (["rule", "create", "a/b", "--branch", "main"], "--image-tag"),
    (["rule", "create", "a/b", "--branch", "x", "--tag", "y", "--image-tag", "z"], "--branch and --tag exclude each other"),
    (["schedule", "create", "a/b", "--cron", "@daily"], "--rule"),
    (["schedule", "create", "a/b", "--rule", "r"], "--cron"),
    (["schedule", "update", "a/b", "s"], "changes nothing"),
    (["schedule", "update", "a/b", "s", "--enabled", "maybe"], "yes|no"),
    (["builds", "list", "--trigger", "CLOCK"], "PUSH|"),
    (["rule", "update", "a/b", "r", "--rebuild-on-base-update", "maybe"], "yes|no"),
    (["base", "check"], "NS/NAME"),
    (["rule", "update", "a/b", "r", "--priority", "high"], "-100 to 100"),
    (["rule", "update", "a/b", "r", "--priority", "101"], "-100 to 100"),
    (["rule", "update", "a/b", "r", "--priority", "-"], "-100 to 100"),
    (["rule", "update", "a/b", "r", "--priority", "99999999999999999999"], "-100 to 100"),
    (["rule", "update", "a/b", "r", "--time-limit", "1h"], "--time-limit 1h"),
    (["rule", "update", "a/b", "r", "--build-arg", "novalue"], "NAME=VALUE"),
    (["rule", "update", "a/b", "r", "--build-arg", "=x"], "NAME=VALUE"),
    (["rule", "update", "a/b", "r", "--platform", "linux/amd64,linux/sparc"], "linux/sparc"),
    (["rule", "update", "a/b", "r", "--platform", "linux/amd64,"], "--platform"),
    (["rule", "update", "a/b", "r", "--required", "windows/amd64"], "supported are"),
    (["rule", "update", "a/b", "r", "--emulation", "perhaps"], "yes|no"),
    (["rule", "update", "a/b", "r"], "changes nothing"),
    (["builds", "list", "--status", "DONE"], "PENDING|"),
    (["builds", "logs", "x", "--tail", "0"], "--tail 0"),
    (["builds", "logs", "x", "--step", "first"], "--step first"),
    (["builds", "logs", "x", "--platform", "linux/"], "--platform linux/"),
    (["builds", "logs", "x", "--search", ""], "--search is empty"),
    (["builds", "logs", "x", "--regex"], "--search"),
    (["builds", "logs", "x", "-i"], "--search"),
    (["builds", "logs", "x", "-f", "--search", "y"], "--follow and --search"),
    (["builds", "logs", "x", "-f", "--tail", "1"], "--follow and --tail"),
    (["builds", "logs", "x", "--search", "y", "--tail", "1"], "--search and --tail"),
    (["builds", "retry", "x", "--platform", "/"], "--platform /"),
    (["namespace", "grant", "a", "b", "owner"], "view, develop, maintain and admin"),
    (["namespace", "update", "a"], "changes nothing"),
    (["token", "create", "t", "--expires", "tomorrow"], "--expires tomorrow"),
    (["token", "create", "t", "--role", "root"], "view|develop|maintain|admin"),
    (["user", "create", "u", "--password-stdin"], "standard input is empty"),
    (["user", "update", "u"], "changes nothing"),
    (["user", "password", "--password-stdin"], "no terminal"),
    (["user", "password", "u"], "--password-stdin"),
    (["user", "password", "--password-stdin", "--current-file", "-"], "both"),
    (["login", "--token-stdin", "--password-stdin"], "exclude each other"),
    (["login", "--token-stdin", "-u", "x"], "exclude each other"),
    (["login", "--password-stdin", "-u", "x"], "standard input is empty"),
    (["login", "--password-stdin", "-u", ""], "--username is empty"),
    (["login", "-u", "x"], "--password-stdin"),
    (["login", "http://127.0.0.1:2"], "two servers"),
    (["logout", "http://127.0.0.1:2"], "two servers"),
    (["whoami", "me"], "what is me?"),
    (["repo", "create", "a/b", "--summary", "caf\udce9"], "--summary: its value is not UTF-8"),
    (["repo", "create", "a/caf\udce9"], "argument 1 is not UTF-8"),
    (["user", "get", "\udcff"], "argument 1 is not UTF-8"),
    (["rule", "update", "a/b", "r", "--build-arg", "A=\udce9"], "--build-arg: its value is not UTF-8"),
    (["audit", "--actor", "\udce9"], "--actor: its value is not UTF-8"),
    (["login", "-u", "\udce9", "--password-stdin"], "--username: its value is not UTF-8"),
]


@pytest.mark.parametrize("words, says", WRONG, ids=lambda v: re.sub(r"[^ -~]", "?", " ".join(v)) if isinstance(v, list) else "")
def test_a_wrong_command_line_asks_nothing(words, says, tmp_path):
    for more in ([], ["--json"]):
        r = run([KILN, *words, "--server", NOWHERE, *more], env={"KILN_CONFIG": str(tmp_path / "none.json")}, code=2)
        assert says in r.err and r.out == "" and r.err.startswith("kiln: ") and r.err.count("\n") == 1, r
    assert not (tmp_path / "none.json").exists()


@pytest.mark.parametrize("server_words", [["--server", "ftp://x"], ["--server", "http://"], ["--server", "caf\udce9"]])
def test_a_wrong_server(server_words, tmp_path):
    for words in (["whoami"], ["login", "-u", "x", "--password-stdin"], ["logout"]):
        run([KILN, *words, *server_words], env={"KILN_CONFIG": str(tmp_path / "none.json")}, input="x", code=2)
    if "caf\udce9" not in server_words:
        run([KILN, "whoami"], env={"KILN_SERVER": server_words[1], "KILN_CONFIG": str(tmp_path / "none.json")}, code=2)


# ---- what is refused --------------------------------------------------------------------------


@pytest.mark.parametrize("as_json", [False, True])
def test_what_is_refused(server, place, tmp_path, as_json):
    """Exit code 1, one sentence that ends once, and nothing on standard output."""
    namespace = place.partition("/")[0]
    server.user(f"u{namespace}", PASSWORD)
    cli = Cli(server, tmp_path, json=as_json)
    plain = Cli(server, tmp_path, f"u{namespace}", PASSWORD, json=as_json)
    nobody = Cli(server, tmp_path, user=None, json=as_json)
    nobody.env["KILN_SERVER"] = server.host
    for words in (["namespace", "get", "nowhere"], ["repo", "get", "no/where"], ["source", "get", f"{namespace}/nothing"],
                  ["source", "get", "crcs-0"], ["rule", "get", place, "crbr-0"], ["builds", "get", "0"], ["builds", "logs", "0"],
                  ["builds", "logs", "-f", "0"], ["tag", "get", place, "nothing"], ["tag", "create", place, "x", "nothing"],
                  ["user", "get", "nobody"], ["token", "delete", "tok-0"], ["worker", "remove", "w"], ["worker", "drain", "w"],
                  ["worker", "revoke", "tok-0"], ["namespace", "members", "nowhere"], ["repo", "unbind", "no/where"],
                  ["namespace", "revoke", namespace, "nobody"], ["repo", "bind", place, f"{namespace}/nothing"]):
        assert re.search(r"there is no|has no", cli.refused(*words)), words
    assert "This needs a login. Send" in nobody.refused("namespace", "create", "x")
    assert "administrators" in plain.refused("namespace", "create", "mine")
    assert "there is no user admin" in plain.refused("user", "get", "admin")
    assert "wrong" in nobody.refused("login", server.host, "-u", "admin", "--password-stdin", input="a guess")
    assert "already" in cli.refused("namespace", "create", namespace)
    assert "--server URL" in cli.refused("whoami", "--server", NOWHERE)
    assert "was made, but is not built from no/where" in cli.refused("repo", "create", f"{namespace}/half", "--source", "no/where")
    said = cli.refused("builds", "start", place)
    assert f"{place} has no build rule: add one with kiln rule create {place} " in said, said
    server.rule(place)
    server.rule(place, pattern="other")
    assert "has 2 build rules: say which one" in cli.refused("builds", "start", place)


def test_a_login_file_that_others_may_read(cli):
    cli.config.chmod(0o644)
    assert "chmod 600" in cli.refused("whoami")


# ---- login ------------------------------------------------------------------------------------


@pytest.fixture
def second(tmp_path, registry):
    s = Service(tmp_path / "second", registry.host, slots=0)
    yield s
    assert s.close() == 0, s.log.read_text()


def test_login_and_logout_go_where_they_are_told(server, second, cli):
    """By argument, by --server, by $KILN_SERVER, and else where the last login was."""
    a, b = f"http://{server.host}", f"http://{second.host}"

    def kept():
        return set(json.loads(cli.config.read_text())["servers"])

    def login(*words, **more):
        return cli("login", *words, "-u", "admin", "--password-stdin", input=server.admin_password, **more)

    assert kept() == {a}
    assert b in login("--server", b) and kept() == {a, b}
    assert a in cli("logout", "--server", a) and kept() == {b}
    assert b in login(second.host, "--server", second.host) and kept() == {b}
    assert b in login(), "the current one"
    assert a in login(env={"KILN_SERVER": a}) and kept() == {a, b}
    assert b in cli("logout", b) and kept() == {a}
    assert b in login(second.host) and a in cli("logout", env={"KILN_SERVER": server.host}) and kept() == {b}
    assert cli.run("whoami", "--json").json()["name"] == "admin"
    token = second.ok("POST", "/api/v1/tokens", {"name": "t"})["secret"]
    assert b in cli("login", "--server", b, "--token-stdin", input=token) and kept() == {b}


# ---- passwords --------------------------------------------------------------------------------


@contextlib.contextmanager
def terminal(args, env):
    """kiln at a terminal of its own: (answer, end). answer(prompt, words) types them when the prompt is there; end() gives the exit
    code and all that was on the screen."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(KILN, [str(KILN), *args], {**os.environ, **env})
    screen, code = bytearray(), []

    def read(until):
        end = time.monotonic() + 60 * SLOW
        while until not in screen:
            assert time.monotonic() < end, f"no {until!r} in {bytes(screen)!r}"
            if select.select([fd], [], [], 0.2)[0]:
                try:
                    got = os.read(fd, 4096)
                except OSError:  # the other end is gone
                    return
                if not got:
                    return
                screen.extend(got)

    def answer(prompt, words):
        read(prompt.encode())
        os.write(fd, words.encode())

    def end():
        read(b"\0no such byte")
        code.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        return code[0], screen.decode()

    try:
        yield answer, end
    finally:
        os.close(fd)
        if not code:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)


@pytest.fixture
def mina(server, tmp_path):
    name = f"mina{uuid.uuid4().hex[:6]}"
    server.user(name, PASSWORD)
    return Cli(server, tmp_path, name, PASSWORD)


def can_log_in(cli, password):
    body = {"name": "check"}
    return cli.server.api("POST", "/api/v1/tokens", body, basic=(cli.user, password)).status == 201


def test_a_user_changes_the_password_at_the_terminal(mina):
    with terminal(["user", "password"], mina.env) as (answer, end):
        answer("Present password: ", PASSWORD + "\n")
        answer("New password, at least 12 characters: ", " a new one too \n")
        answer("Once more: ", " a new one too \n")
        code, screen = end()
    assert code == 0 and f"{mina.user} has a new password" in screen, screen
    assert PASSWORD not in screen and "a new one" not in screen, "it was shown"
    assert can_log_in(mina, " a new one too ") and not can_log_in(mina, PASSWORD)


def test_a_password_that_is_not_changed(mina, tmp_path):
    def typed(*answers):
        with terminal(["user", "password"], mina.env) as (answer, end):
            for prompt, words in zip(("Present password: ", "New password, at least 12 characters: ", "Once more: "), answers):
                answer(prompt, words)
            return end()

    code, screen = typed(PASSWORD + "\n", "one password\n", "another one\n")
    assert code == 2 and "not the same" in screen
    code, screen = typed("a guess\n", "one password\n", "one password\n")
    assert code == 1 and "present password is wrong" in screen
    code, screen = typed(PASSWORD + "\n", "one pass\x03")
    assert code == 130 and "one pass" not in screen
    assert "present password is wrong or missing" in mina.refused("user", "update", mina.user, "--password-stdin", input="x" * 12)
    assert "No such file" in mina.refused("user", "password", "--current-file", "nowhere", "--password-stdin", input="x" * 12)
    assert can_log_in(mina, PASSWORD)


def test_a_password_from_a_file(mina, tmp_path):
    (tmp_path / "present").write_text(PASSWORD + "\n")
    mina.refused("user", "password", "--current-file", tmp_path / "present", "--password-stdin", input="\n", code=2)
    mina("user", "password", "--current-file", tmp_path / "present", "--password-stdin", input="a new password\n")
    assert can_log_in(mina, "a new password") and not can_log_in(mina, PASSWORD)
    for bad in (b"\xff\xfe secret", b"nul\0byte"):
        assert "UTF-8" in mina.refused("user", "password", mina.user, "--password-stdin", input=bad, code=2)


def test_login_at_the_terminal(mina, server):
    with terminal(["login", server.host, "--json"], mina.env) as (answer, end):
        answer("User name: ", f" {mina.user}\n")
        answer("Password: ", PASSWORD + "\n")
        code, screen = end()
    assert code == 0 and PASSWORD not in screen, screen
    assert json.loads(screen[screen.index("{"):])["done"] == "login"
