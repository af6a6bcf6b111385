"""Commit status: the provider of a code source is told what became of a commit.

None of the providers is part of Debian 12, or small enough to run here: the test plays them, by what their documents say of the call. The
repositories are real ones, served by git's own http-backend from the same address, and the builds are real builds."""
import base64
import collections
import json
import re
import threading
import uuid

import pytest

from conftest import SLOW, Service, quote, wait_for
from remotes import GitHttp

PASSWORD = "a good password"
TOKEN = "t0ken-0f-the-source"
COPY = "FROM scratch\nCOPY Dockerfile /\n"
EXTERNAL = "https://kiln.example:8443"
API = ("/api/v", "/2.0/", "/rest/", "/oapi/")

Told = collections.namedtuple("Told", "path headers body")


class Provider(GitHttp):
    """A Git server with the API of them all. It answers `status` with `reply`; while `held` is clear, not at all."""

    def __init__(self, top):
        super().__init__(top)
        self.told, self.status, self.reply, self.headers, self.held = [], 201, b"{}", {}, threading.Event()
        self.held.set()

    def answer(self, h):
        if not h.path.startswith(API):
            self.backend(h)
            return
        body = h.rfile.read(int(h.headers["Content-Length"]))
        status, reply, headers = self.status, self.reply, self.headers
        self.told.append(Told(h.path, h.headers, json.loads(body)))
        self.held.wait(60 * SLOW)
        try:
            h.send_response(status)
            for name, value in headers.items():
                h.send_header(name, value)
            h.send_header("Content-Length", str(len(reply)))
            h.end_headers()
            h.wfile.write(reply)
        except OSError:
            pass  # nobody waits for it any more

    def at(self, place):
        return [t for t in self.told if place.commit in t.path]

    def states(self, place):
        return [t.body["state"] for t in self.at(place)]

    def __exit__(self, *args):
        self.held.set()
        super().__exit__(*args)


@pytest.fixture
def provider(tmp_path):
    with Provider(tmp_path / "provider") as p:
        yield p


@pytest.fixture(scope="module")
def server(tmp_path_factory, registry):
    """What failed is sent again at once."""
    s = Service(tmp_path_factory.mktemp("status") / "service", registry.host, options=["--endpoint-retry", "0", "--external-url", EXTERNAL])
    yield s
    assert s.close() == 0, s.log.read_text()


class Place:
    """A repository that is built from a source at the provider, with commit status switched on."""

    def __init__(self, server, provider, kind="GITHUB", name="o/app", on=True, dockerfile=COPY):
        self.server, self.namespace = server, f"ns{uuid.uuid4().hex[:10]}"
        self.full = f"{self.namespace}/app"
        self.at = f"/api/v1/repositories/{quote(self.full)}/commit-status"
        self.tree = provider.tree(name, {"Dockerfile": dockerfile})
        self.commit = self.tree("rev-parse", "HEAD").out.strip()
        server.namespace(self.namespace)
        self.source = server.ok("POST", "/api/v1/sources", {
            "namespace": self.namespace, "name": "code", "provider": kind, "url": provider.url(name), "secret": TOKEN,
            "pollSeconds": 0, "allowPrivate": True})["id"]
        server.repository(self.full)
        server.bind(self.full, provider=None, sourceId=self.source)
        self.rule = server.rule(self.full)["id"]
        if on:
            self.set(enabled=True)

    def set(self, **change):
        return self.server.ok("PATCH", self.at, change)

    def get(self):
        return self.server.ok("GET", self.at)

    def build(self):
        """By hand, of main as it is there: its id."""
        return self.server.ok("POST", f"/api/v1/repositories/{quote(self.full)}/rules/{self.rule}:build", {})["id"]

    def report(self):
        return self.server.ok("POST", self.at + ":report", {})

    def change(self, dockerfile):
        self.commit = self.tree.commit({"Dockerfile": dockerfile})
        self.tree.push("main")

    def through(self):
        """All is told, or given up: the setting."""
        return wait_for(lambda: (s := self.get())["waiting"] == 0 and s["lastReport"] and s)


def drain(server, on):
    (worker,) = server.ok("GET", "/api/v1/workers")["items"]
    server.ok("POST", f"/api/v1/workers/{worker['id']}:drain", {"on": on})


# ---- what is told -------------------------------------------------------------------------------

BASIC = "Bearer " + TOKEN
CALLS = [
    ("GITHUB", "o/app", "/api/v3/repos/o/app/statuses/{}", ("Authorization", BASIC), "context", "target_url", ["pending", "success"]),
    ("GITLAB", "group/sub/app", "/api/v4/projects/group%2Fsub%2Fapp/statuses/{}", ("PRIVATE-TOKEN", TOKEN), "name", "target_url",
     ["pending", "running", "success"]),
    ("GITEA", "o/app", "/api/v1/repos/o/app/statuses/{}", ("Authorization", "token " + TOKEN), "context", "target_url", ["pending", "success"]),
    ("BITBUCKET", "o/app", "/2.0/repositories/o/app/commit/{}/statuses/build", ("Authorization", BASIC), "key", "url",
     ["INPROGRESS", "SUCCESSFUL"]),
    ("BITBUCKET_SERVER", "scm/prj/app", "/rest/api/latest/projects/prj/repos/app/commits/{}/builds", ("Authorization", BASIC), "key", "url",
     ["INPROGRESS", "SUCCESSFUL"]),
    ("CODEUP", "team/app", "/oapi/v1/codeup/repositories/team%2Fapp/commits/{}/statuses", ("x-yunxiao-token", TOKEN), "context", "targetUrl",
     ["pending", "success"]),
]


@pytest.mark.parametrize("kind, name, path, header, context, link, states", CALLS, ids=[c[0] for c in CALLS])
def test_a_build_that_succeeds(server, provider, kind, name, path, header, context, link, states):
    place = Place(server, provider, kind, name)
    build = place.build()
    done = server.wait(build, "SUCCESS")
    assert done["commit"] == place.commit
    wait_for(lambda: states[-1] in provider.states(place))
    shown = place.through()
    assert shown["lastReport"] == {"at": shown["lastReport"]["at"], "commit": place.commit, "build": build, "state": "success",
                                   "status": 201, "error": None}
    assert provider.told[-1].path.startswith(shown["apiUrl"].removeprefix(f"http://127.0.0.1:{provider.port}"))
    seen = provider.states(place)
    assert [s for i, s in enumerate(seen) if s not in seen[:i]] == [s for s in states if s in seen] and seen[-1] == states[-1], seen
    for t in provider.at(place):
        assert t.path == path.format(place.commit) and t.headers[header[0]] == header[1]
        assert t.body[context] == f"kiln/{place.full}"[:len(t.body[context])] and t.body[link] == f"{EXTERNAL}/b/{build}"
        assert t.headers["Content-Type"] == "application/json"
    assert re.fullmatch(r"Build \d+ succeeded", provider.told[-1].body["description"])
    if kind == "GITLAB":
        assert {t.body["ref"] for t in provider.told} == {"main"}


def test_states_come_in_order_and_each_commit_has_its_own(server, provider):
    """Queued, canceled, failed: told one after the other; the name is the one that was set."""
    place = Place(server, provider)
    place.set(context="ci/{repository}/image")
    drain(server, True)
    try:
        build = place.build()
        wait_for(lambda: provider.states(place) == ["pending"])
        assert provider.told[0].body["description"].endswith("is waiting")
        assert provider.told[0].body["context"] == f"ci/{place.full}/image" == place.get()["contextShown"]
        server.ok("POST", f"/api/v1/builds/{build}:cancel", {})
        wait_for(lambda: provider.states(place) == ["pending", "error"])
        assert provider.told[1].body["description"].endswith("was canceled")
    finally:
        drain(server, False)
    place.change("FROM scratch\nCOPY missing /\n")
    failed = server.wait(place.build(), "FAILED")
    wait_for(lambda: "failure" in provider.states(place))
    shown = place.through()
    assert re.fullmatch(rf"Build \d+ failed \({failed['error']['code']}\)", provider.told[-1].body["description"])
    assert shown["lastReport"]["state"] == "failed" and shown["lastReport"]["commit"] == place.commit and shown["lastReport"]["error"] is None


@pytest.mark.tsan
def test_a_slow_provider_holds_up_nothing_and_hears_the_newest_only(server, provider):
    """Its first request is held while the build ends, with all that came between; others are told meanwhile."""
    place, other = Place(server, provider, name="o/slow"), None
    provider.held.clear()
    try:
        build = place.build()
        wait_for(lambda: provider.at(place))
        server.wait(build, "SUCCESS")
        other = Place(server, provider, name="o/other", dockerfile=COPY + "# other\n")
        server.wait(other.build(), "SUCCESS")
        wait_for(lambda: provider.at(other))
        assert place.get()["waiting"] == 1 and not provider.held.is_set()
    finally:
        provider.held.set()
    wait_for(lambda: provider.states(place)[-1] == "success" and provider.states(other)[-1] == "success")
    assert place.through()["lastReport"]["state"] == "success"
    seen = provider.states(place)
    assert seen[0] == "pending" and "pending" not in seen[seen.index("success"):], seen


def test_only_what_is_switched_on(server, provider):
    place = Place(server, provider, on=False)
    off = place.get()
    assert (off["enabled"], off["context"], off["problem"], off["updatedAt"], off["lastReport"]) == (False, "kiln/{repository}", None, None, None)
    r = server.api("POST", place.at + ":report", {})
    assert (r.status, r.json["code"]) == (409, "NO_BUILD")
    server.wait(place.build(), "SUCCESS")
    r = server.api("POST", place.at + ":report", {})
    assert (r.status, r.json["code"]) == (409, "STATUS_OFF")
    assert place.set(enabled=True)["enabled"] and not provider.told, "what was before is not told by itself"
    place.report()
    wait_for(lambda: provider.states(place) == ["success"])


# ---- what comes of it ---------------------------------------------------------------------------


def test_answers(server, provider):
    """Tried once where it is no use to try again, six times where it may be; the error is kept until the next report. No build fails by it."""
    place = Place(server, provider)
    provider.status = 500
    server.wait(place.build(), "SUCCESS")
    place.through()
    secret = json.dumps({"message": f"Bad\ncredentials\x07 <b>é</b>{'x' * 5000}"}).encode()
    for status, reply, headers, code, text, remedy, tries in [
            (500, b"<html>", {}, "STATUS_UNAVAILABLE", "answered 500", None, 6),
            (403, b"{}", {"X-RateLimit-Remaining": "0"}, "STATUS_UNAVAILABLE", "answered 403", None, 6),
            (401, b'{"message": "Bad credentials"}', {}, "STATUS_AUTH", "(401: Bad credentials)", "a token that is valid", 1),
            (403, b"{}", {}, "STATUS_DENIED", "answered 403", "repo:status", 1),
            (404, b"\xff\xfe", {}, "STATUS_NOT_FOUND", "hides it from the token", "repo:status", 1),
            (422, secret, {}, "STATUS_REFUSED", "answered 422", None, 1),
            (302, b"", {"Location": "/api/v3/elsewhere"}, "STATUS_REFUSED", "redirects are not followed", "may have moved", 1)]:
        provider.status, provider.reply, provider.headers = status, reply, headers
        provider.told.clear()
        place.report()
        last = place.through()["lastReport"]
        assert (last["status"], last["state"], last["error"]["code"]) == (status, "success", code), last
        assert text in last["error"]["text"] and len(last["error"]["text"]) < 400 and (remedy or "") in (last["error"]["remedy"] or ""), last
        assert last["error"]["text"].isprintable() and len(provider.told) == tries, (status, len(provider.told))
    for status, reply in [(200, b"\x00" * (8 << 20)), (201, b"not JSON"), (204, b"")]:
        provider.status, provider.reply, provider.headers = status, reply, {}
        place.report()
        last = place.through()["lastReport"]
        assert (last["status"], last["error"]) == (status, None), last
    told = [json.dumps(place.get()), server.log.read_text(), json.dumps(server.ok("GET", "/api/v1/audit?limit=500")),
            *(p.read_bytes().decode("latin-1") for p in server.data.glob("kiln.db*"))]
    assert not any(TOKEN in text or base64.b64encode(TOKEN.encode()).decode() in text for text in told)


def test_an_address_that_is_closed_is_not_spoken_to(server, provider):
    """The rule is the one of the code source: an administrator may open it for one."""
    place = Place(server, provider)
    server.wait(place.build(), "SUCCESS")
    place.through()
    server.ok("PATCH", f"/api/v1/sources/{place.source}", {"allowPrivate": False})
    provider.told.clear()
    place.report()
    last = place.through()["lastReport"]
    assert last["status"] is None and last["error"]["code"] == "SRC_ADDRESS" and "private addresses" in last["error"]["remedy"], last
    assert not provider.told


def test_killed_or_down_between_a_state_and_its_report(registry, provider, tmp_path):
    """First the server is killed while the provider is asked, then the provider is unwell: each time the newest state is told in the end."""
    server = Service(tmp_path / "service", registry.host, slots=0, options=["--endpoint-retry", "1"])
    try:
        place = Place(server, provider)
        provider.held.clear()
        build = place.build()
        wait_for(lambda: provider.states(place) == ["pending"])
        server.ok("POST", f"/api/v1/builds/{build}:cancel", {})
        server.kill()
        provider.held.set()
        server.restart()
        wait_for(lambda: provider.states(place)[-1] == "error")
        assert set(provider.states(place)[1:]) == {"error"}, "the older state is not told again"
        assert "target_url" not in provider.told[-1].body, "the server does not know its address"
        place.through()

        provider.status = 503
        place.change(COPY + "# again\n")
        build = place.build()
        unwell = wait_for(lambda: (s := place.get())["nextAttemptAt"] and s)
        assert unwell["waiting"] == 1 and unwell["lastReport"]["error"]["code"] == "STATUS_UNAVAILABLE"
        provider.status = 201
        wait_for(lambda: (s := place.get())["waiting"] == 0 and s["lastReport"]["error"] is None, timeout=60)
        assert set(provider.states(place)) == {"pending"}
    finally:
        assert server.close() == 0


# ---- what is refused, and who may -----------------------------------------------------------------


def test_what_cannot_be_told_says_why(server, provider):
    full = f"ns{uuid.uuid4().hex[:10]}/app"
    server.namespace(full.partition("/")[0])
    server.repository(full)
    at = f"/api/v1/repositories/{quote(full)}/commit-status"
    shown = server.ok("GET", at)
    assert (shown["source"], shown["provider"], shown["apiUrl"], shown["problem"]["code"]) == (None, None, None, "NO_SOURCE")
    server.bind(full)
    shown = server.ok("GET", at)
    assert shown["provider"] == "KILN" and shown["problem"]["code"] == "STATUS_PROVIDER" and shown["problem"]["remedy"]
    r = server.api("PATCH", at, {"enabled": True})
    assert (r.status, r.json["code"], r.json["remedy"]) == (409, "STATUS_PROVIDER", shown["problem"]["remedy"])
    place = Place(server, provider, on=False)
    server.ok("PATCH", f"/api/v1/sources/{place.source}", {"credential": "none"})
    r = server.api("PATCH", place.at, {"enabled": True})
    assert (r.status, r.json["code"]) == (409, "STATUS_TOKEN") and "access token" in r.json["remedy"]
    for body, code, text in [({"context": ""}, "STATUS_CONTEXT", "name"), ({"context": "a{arch}"}, "STATUS_CONTEXT", "name"),
                             ({"context": "x" * 101}, "BODY", "context"), ({"enabled": "yes"}, "BODY", "enabled"),
                             ({"token": "x"}, "BODY", "unknown member")]:
        r = server.api("PATCH", place.at, body)
        assert (r.status, r.json["code"]) == (400, code) and text in r.json["detail"], r.json


def test_for_who_maintains_the_repository(server, provider):
    place = Place(server, provider)
    server.wait(place.build(), "SUCCESS")
    names = {role: f"{role}-{place.namespace}" for role in ("develop", "maintain")}
    for role, name in names.items():
        server.user(name, PASSWORD)
        server.grant(place.namespace, name, role)
    server.user(f"none-{place.namespace}", PASSWORD)
    for method, path, body in [("GET", place.at, None), ("PATCH", place.at, {"context": "ci"}), ("POST", place.at + ":report", {})]:
        assert server.api(method, path, body, basic=(names["develop"], PASSWORD)).status == 403, path
        assert server.api(method, path, body, basic=(f"none-{place.namespace}", PASSWORD)).status == 404, path
        assert server.api(method, path, body, basic=None).status == 401, path
        assert server.api(method, path, body, basic=(names["maintain"], PASSWORD)).status < 300, path
    actions = {(e["action"], e["actor"]): e for e in server.ok("GET", "/api/v1/audit?limit=500")["items"] if e["target"] == place.full}
    assert actions["commit-status.set", names["maintain"]]["detail"] == {"context": "ci"}
    assert ("commit-status.report", names["maintain"]) in actions and ("commit-status.set", "admin") in actions
