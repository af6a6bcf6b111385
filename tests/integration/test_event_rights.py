"""A stream of events ends once what it was opened with is not valid any more, or the role is gone. No build ends here."""
import base64
import datetime
import http.client
import time

import pytest

from conftest import SLOW, quote
from test_logs import http_basic
from test_sessions import PASSWORD, Browser, serving

FULL = "rights/app"


class Stream:
    """A real stream of the build's events, read to its first event."""

    def __init__(self, server, build, headers):
        self.server, self.path, self.headers = server, f"/api/v1/builds/{build}/events", headers
        self.connection = http.client.HTTPConnection(server.host, timeout=60 * SLOW)
        self.connection.request("GET", self.path, headers=headers)
        self.response = self.connection.getresponse()
        assert self.response.status == 200, self.response.read()
        self.skip_to(b"event: build")
        assert self.response.readline() and self.response.readline() == b"\n"

    def skip_to(self, start):
        while not (line := self.response.readline()).startswith(start):
            assert line, "the stream has ended"

    def ends(self, status):
        """It does, not with the build but with the right to it: who comes again is refused."""
        limit = time.monotonic() + 30 * SLOW  # signs of life keep the connection from its own
        while line := self.response.readline():
            assert line != b"event: end\n"
            assert time.monotonic() < limit, "the stream goes on"
        self.connection.close()
        r = self.server.api("GET", self.path, basic=None, headers=self.headers)
        assert r.status == status, r.body


def waiting_build(s, tmp_path):
    """Of a repository that it makes; no worker takes it."""
    s.namespace("rights")
    s.repository(FULL)
    s.bind(FULL)
    s.rule(FULL)
    s.git(tmp_path, FULL, {"Dockerfile": "FROM scratch\n"}).push("main")
    (build,) = s.builds(FULL)
    return build["id"]


@pytest.fixture
def server(tmp_path):
    with serving(tmp_path / "data") as s:
        s.waiting = waiting_build(s, tmp_path)
        for name in ("ann", "bob"):
            s.user(name, PASSWORD)
            s.grant("rights", name, "view")
        s.other = Stream(s, s.waiting, {"Authorization": http_basic(s)})
        s.bob = Stream(s, s.waiting, {"Authorization": basic("bob")})
        yield s
        # Of all changes that were made none was about these: they go on, to the end of the build.
        s.ok("POST", f"/api/v1/builds/{s.waiting}:cancel")
        for each in (s.other, s.bob):
            each.skip_to(b"event: end")
            each.connection.close()


def basic(name, password=PASSWORD):
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def by_token(server, name="ann", **more):
    t = server.ok("POST", "/api/v1/tokens", {"name": "t", **more}, basic=(name, PASSWORD))
    return t["id"], {"Authorization": f"Bearer {t['secret']}"}


def test_signing_out_and_ending_a_session(server):
    one, two, three = (Browser(server) for _ in range(3))
    streams = [Stream(server, server.waiting, {"Cookie": b.cookie}) for b in (one, two, three)]
    assert one("DELETE", "/api/v1/session").status == 204
    streams[0].ends(401)
    (id,) = [s["id"] for s in two("GET", "/api/v1/sessions").json["items"] if s["current"]]
    assert three("DELETE", f"/api/v1/sessions/{id}").status == 204
    streams[1].ends(401)
    assert three("PATCH", "/api/v1/users/ann", {"password": "another password", "currentPassword": PASSWORD}).status == 200
    streams[2].ends(401)


def test_a_session_that_runs_out(tmp_path):
    with serving(tmp_path / "data", "--session-life", "3", "--session-idle", "3600") as s:
        Stream(s, waiting_build(s, tmp_path), {"Cookie": Browser(s, "admin", s.admin_password).cookie}).ends(401)


def test_a_user_that_is_disabled_or_deleted_or_has_another_password(server):
    for body in ({"disabled": True}, {"password": "another password"}, None):
        server.user("carl", PASSWORD)
        server.grant("rights", "carl", "view")
        session = {"Cookie": Browser(server, "carl").cookie}
        _, token = by_token(server, "carl")
        streams = [Stream(server, server.waiting, h) for h in (session, {"Authorization": basic("carl")})]
        with_token = Stream(server, server.waiting, token)
        if body:
            server.ok("PATCH", "/api/v1/users/carl", body)
        else:
            assert server.api("DELETE", "/api/v1/users/carl").status == 204
        for s in streams:
            s.ends(401)
        if body and "password" in body:  # which tokens outlive
            assert server.api("DELETE", "/api/v1/users/carl").status == 204
        with_token.ends(401)
        if body and "disabled" in body:
            assert server.api("DELETE", "/api/v1/users/carl").status == 204


def test_a_token_that_is_deleted_or_expires(server):
    id, headers = by_token(server)
    kept = Stream(server, server.waiting, by_token(server)[1])
    stream = Stream(server, server.waiting, headers)
    assert server.api("DELETE", f"/api/v1/tokens/{id}", basic=("ann", PASSWORD)).status == 204
    stream.ends(401)
    soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=5 * SLOW)
    _, headers = by_token(server, expiresAt=soon.strftime("%Y-%m-%dT%H:%M:%SZ"))
    Stream(server, server.waiting, headers).ends(401)
    assert server.api("DELETE", "/api/v1/namespaces/rights/members/ann", {}).status == 204
    kept.ends(404)


def test_a_role_that_is_taken_away(server):
    headers = {"Cookie": Browser(server).cookie}
    stream = Stream(server, server.waiting, headers)
    server.grant("rights", "ann", "develop")  # another role is still one
    server.grant("rights", "ann", "view", "app")
    assert server.api("DELETE", "/api/v1/namespaces/rights/members/ann", {}).status == 204
    assert server.api("GET", stream.path.removesuffix("/events"), basic=None, headers=headers).status == 200
    assert server.api("DELETE", "/api/v1/namespaces/rights/members/ann", {"repository": "app"}).status == 204
    stream.ends(404)


def test_an_administrator_that_is_none_any_more(server):
    server.user("carl", PASSWORD, is_admin=True)
    stream = Stream(server, server.waiting, {"Authorization": basic("carl")})
    server.ok("PATCH", "/api/v1/users/carl", {"admin": False})
    stream.ends(404)


def test_a_repository_that_is_made_private(server):
    server.ok("PATCH", f"/api/v1/repositories/{quote(FULL)}", {"type": "PUBLIC"})
    server.user("carl", PASSWORD)
    stream = Stream(server, server.waiting, {"Authorization": basic("carl")})
    server.ok("PATCH", f"/api/v1/repositories/{quote(FULL)}", {"summary": "Still public"})
    assert server.api("GET", f"/api/v1/builds/{server.waiting}", basic=("carl", PASSWORD)).status == 200
    server.ok("PATCH", f"/api/v1/repositories/{quote(FULL)}", {"type": "PRIVATE"})
    stream.ends(404)
