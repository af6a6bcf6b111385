"""Sessions of the console: a cookie in place of a login, and what keeps other sites from using it."""
import base64
import contextlib
import http.client
import http.cookiejar
import http.cookies
import json
import re
import sqlite3
import threading
import urllib.request

import pytest

from conftest import KILN, SLOW, Service, quote, run, wait_for

PASSWORD = "a good password"


def serve(path, *options):
    """A server that builds nothing."""
    return Service(path, "127.0.0.1:1", slots=0, options=options)


@contextlib.contextmanager
def serving(path, *options):
    s = serve(path, *options)
    try:
        yield s
    finally:
        assert s.close() == 0, s.log.read_text()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("sessions") / "data") as s:
        for name in ("ann", "bob"):
            s.user(name, PASSWORD)
        yield s


class Browser:
    """Keeps a cookie and the CSRF token as the console does."""

    def __init__(self, server, user="ann", password=PASSWORD, prefix="", headers=None):
        self.server, self.prefix = server, prefix
        r = server.api("POST", "/api/v1/session", {"user": user, "password": password}, basic=None, headers=headers)
        assert r.status == 200, r.body
        self.answer = r
        (self.morsel,) = http.cookies.SimpleCookie(r.headers["Set-Cookie"]).values()
        self.name = self.morsel.key
        self.cookie, self.csrf = f"{self.name}={self.morsel.value}", r.json["csrfToken"]

    def __call__(self, method, path, body=None, csrf=True, cookie=None, headers=None, **more):
        sent = {"Cookie": cookie or self.cookie, **(headers or {})}
        if csrf and method not in ("GET", "HEAD"):
            sent["X-CSRF-Token"] = self.csrf
        return self.server.api(method, self.prefix + path, body, basic=None, headers=sent, **more)


def attributes(text):
    """Of a Set-Cookie header: the value, and the attributes."""
    pair, *rest = text.split("; ")
    name, _, value = pair.partition("=")
    assert re.fullmatch("(__Host-)?kiln_session_[0-9a-f]{8}", name), name
    return value, rest


def test_a_session_is_started_looked_at_and_ended(server):
    b = Browser(server, headers={"User-Agent": "Browser/1"})
    value, rest = attributes(b.answer.headers["Set-Cookie"])
    assert len(value) == 49 and value.startswith("kilns_")
    assert rest == ["Path=/", "Max-Age=2592000", "HttpOnly", "SameSite=Strict"]
    assert b.answer.headers["Cache-Control"] == "no-store"
    who = b("GET", "/api/v1/whoami").json
    assert who["name"] == "ann" and who["kind"] == "user" and who["tokenId"] is None and not who["admin"]
    assert b.answer.json["user"] == who
    r = b("GET", "/api/v1/session")
    assert r.json == b.answer.json and not r.headers["Set-Cookie"]
    r = b("DELETE", "/api/v1/session")
    assert r.status == 204 and attributes(r.headers["Set-Cookie"])[0] == ""
    assert "Max-Age=0" in r.headers["Set-Cookie"]
    for method, path in (("GET", "/api/v1/whoami"), ("GET", "/api/v1/session"), ("DELETE", "/api/v1/session"), ("GET", "/api/v1/repositories")):
        r = b(method, path)
        if (method, path) == ("GET", "/api/v1/session"):  # who only wants to know gets no error
            assert (r.status, r.body) == (204, b"")
        else:
            assert (r.status, r.json["code"]) == (401, "SESSION_ENDED"), r.body
        assert attributes(r.headers["Set-Cookie"]) == ("", ["Path=/", "Max-Age=0", "HttpOnly", "SameSite=Strict"])


def test_without_a_session(server):
    for basic in (None, ("ann", PASSWORD)):  # a login is no session
        r = server.api("GET", "/api/v1/session", basic=basic)
        assert (r.status, r.body, r.headers["Set-Cookie"]) == (204, b"", None)
        r = server.api("DELETE", "/api/v1/session", basic=basic)
        assert (r.status, r.json["code"]) == (401, "LOGIN_NEEDED"), r.body
    assert server.api("GET", "/api/v1/session", basic=("ann", "wrong one")).json["code"] == "LOGIN_FAILED"
    name = Browser(server).name
    for cookie in (f"{name}=", f"{name}=kilns_" + 43 * "x", f"{name}=\"x\"", f"{name}=" + 5000 * "x"):
        r = server.api("GET", "/api/v1/whoami", basic=None, headers={"Cookie": cookie})
        assert (r.status, r.json["code"]) == (401, "SESSION_ENDED"), r.body
    for cookie in ("", name, f"x{name}=a", f"{name}s=a", f"a={name}; b=c", ";;=", "kiln_session=a", f"__Host-{name}=a"):
        r = server.api("GET", "/api/v1/whoami", basic=None, headers={"Cookie": cookie})
        assert (r.status, r.json["kind"]) == (200, "anonymous"), (cookie, r.body)


def test_the_cookie_is_found_among_others(server):
    b = Browser(server)
    for cookie in (f"a=b; {b.cookie}", f"{b.cookie};a=b", f"  {b.cookie} ", f"theme=dark;{b.cookie}; x=y=z"):
        assert b("GET", "/api/v1/whoami", cookie=cookie).json["name"] == "ann", cookie


def test_what_changes_something_needs_the_csrf_token(server):
    b, other = Browser(server), Browser(server, "bob")
    for method, path, body in (("POST", "/api/v1/tokens", {"name": "t"}), ("PATCH", "/api/v1/users/ann", {}),
                               ("PUT", "/api/v1/namespaces/x/members/ann", {"role": "view"}),
                               ("DELETE", "/api/v1/tokens/tok-x", None), ("DELETE", "/api/v1/session", None)):
        for given in (None, "", "x", b.csrf[:-1], b.csrf + "x", other.csrf):
            headers = {} if given is None else {"X-CSRF-Token": given}
            r = b(method, path, body, csrf=False, headers=headers)
            assert (r.status, r.json["code"]) == (403, "CSRF") and "X-CSRF-Token" in r.json["remedy"], (given, r.body)
        r = b(method, path, body) if path != "/api/v1/session" else None
        assert r is None or r.json is None or r.json.get("code") != "CSRF"
    assert b("HEAD", "/api/v1/whoami", check=False).status == 200
    assert b("POST", "/api/v1/tokens", {"name": "t"}).status == 201


def test_an_authorization_header_goes_before_the_cookie(server):
    b = Browser(server)
    basic = "Basic " + base64.b64encode(f"bob:{PASSWORD}".encode()).decode()
    r = b("GET", "/api/v1/whoami", headers={"Authorization": basic})
    assert r.json["name"] == "bob"
    assert b("POST", "/api/v1/tokens", {"name": "t"}, csrf=False, headers={"Authorization": basic}).json["user"] == "bob"
    assert b("GET", "/api/v1/whoami", headers={"Authorization": "Basic bm8="}).status == 401
    assert b("GET", "/api/v1/whoami", headers={"Authorization": "Bearer " + b.morsel.value}).status == 401
    r = b("GET", "/api/v1/session", headers={"Authorization": basic})
    assert (r.status, r.headers["Set-Cookie"]) == (204, None)  # the cookie was not looked at, and stays


def test_a_wrong_login_is_answered_as_everywhere(server):
    def post(user, password):
        return server.api("POST", "/api/v1/session", {"user": user, "password": password}, basic=None)

    elsewhere = server.api("GET", "/api/v1/whoami", basic=("ann", "wrong one")).json
    token = server.ok("POST", "/api/v1/tokens", {"name": "t"}, basic=("ann", PASSWORD))["secret"]
    for user, password in (("ann", "wrong one"), ("nobody", "wrong one"), ("ann", token), ("token", token), ("ANN", PASSWORD)):
        r = post(user, password)
        assert r.status == 401 and r.json == elsewhere and not r.headers["Set-Cookie"], r.body
    for body in ({}, {"user": "ann"}, {"user": "ann", "password": ""}, {"user": 1, "password": "x"},
                 {"user": "ann", "password": PASSWORD, "more": 1}, {"user": "ann", "password": 1025 * "x"}):
        r = server.api("POST", "/api/v1/session", body, basic=None)
        assert (r.status, r.json["code"]) == (400, "BODY"), r.body
    r = server.api("POST", "/api/v1/session", raw=b"user=ann", basic=None, headers={"Content-Type": "text/plain"})
    assert r.status == 415  # so another site's form cannot sign anybody in
    # What came along does not matter: a page signs in again with the cookie of a session that ended.
    for headers in ({"Cookie": f"{Browser(server).name}=x"}, {"Authorization": "Basic bm8="}):
        r = server.api("POST", "/api/v1/session", {"user": "ann", "password": PASSWORD}, basic=None, headers=headers)
        assert r.status == 200


def test_failed_ones_count_with_all_other_logins(tmp_path):
    with serving(tmp_path / "data") as s:
        s.user("ann", PASSWORD)
        for i in range(5):
            assert s.api("GET", "/api/v1/whoami", basic=("ann", f"wrong {i}")).status == 401
            r = s.api("POST", "/api/v1/session", {"user": "ann", "password": f"wrong {i}"}, basic=None)
            assert r.status == 401
        r = s.api("POST", "/api/v1/session", {"user": "ann", "password": PASSWORD}, basic=None)
        assert (r.status, r.json["code"]) == (429, "LOGIN_LIMITED") and r.headers["Retry-After"]
        assert s.api("GET", "/api/v1/whoami", basic=("ann", PASSWORD)).status == 429


def test_the_cookie_is_for_the_api_alone(server, tmp_path):
    server.namespace("cookies")
    server.repository("cookies/app")
    server.bind("cookies/app")
    admin = Browser(server, "admin", server.admin_password)
    sent = {"Cookie": admin.cookie, "X-CSRF-Token": admin.csrf}
    for method, path in (("GET", "/v2/"), ("GET", "/v2/cookies/app/tags/list"), ("POST", "/v2/cookies/app/blobs/uploads/"),
                         ("GET", "/git/cookies/app.git/info/refs?service=git-upload-pack")):
        assert server.request(method, path, headers=sent).status == 401, path
    assert admin("GET", "/api/v1/repositories/" + quote("cookies/app")).status == 200
    plain = server.request("GET", "/token?service=kiln&scope=repository:cookies/app:pull")
    with_cookie = server.request("GET", "/token?service=kiln&scope=repository:cookies/app:pull", headers=sent)
    assert plain.status == with_cookie.status
    if with_cookie.status == 200:  # an anonymous one, which does not reach what is private
        token = json.loads(with_cookie.body)["token"]
        r = server.request("GET", "/v2/cookies/app/tags/list", headers={"Authorization": f"Bearer {token}"})
        assert r.status in (401, 403, 404)
    # A hook is signed, whoever sends it.
    assert server.request("POST", "/hooks/generic/crcs-0", b"{}", headers=sent).status == 404


def test_sessions_are_listed_and_ended(server):
    one = Browser(server, "bob", headers={"User-Agent": "One/1.0 (<b>x</b>)"})
    two = Browser(server, "bob", headers={"User-Agent": "Two"})
    items = two("GET", "/api/v1/sessions?limit=500").json["items"]
    mine = {i["userAgent"]: i for i in items}
    assert mine["One/1.0 (<b>x</b>)"]["address"] == "127.0.0.1"
    assert [i["current"] for i in items].count(True) == 1 and mine["Two"]["current"]
    assert mine["Two"]["createdAt"] <= mine["Two"]["usedAt"] < mine["Two"]["expiresAt"]
    first = two("GET", "/api/v1/sessions?limit=1").json
    assert first["items"] == items[:1]
    second = two("GET", f"/api/v1/sessions?limit=1&cursor={first['next']}").json
    assert second["items"] == items[1:2]
    # Others do not see them, administrators neither.
    for who in (("ann", PASSWORD), ("admin", server.admin_password)):
        there = server.ok("GET", "/api/v1/sessions?limit=500", basic=who)["items"]
        assert not {i["id"] for i in there} & {i["id"] for i in items} and not any(i["current"] for i in there)
        r = server.api("DELETE", f"/api/v1/sessions/{mine['Two']['id']}", basic=who)
        assert r.status == 404
    r = two("DELETE", f"/api/v1/sessions/{mine['One/1.0 (<b>x</b>)']['id']}")
    assert r.status == 204 and not r.headers["Set-Cookie"]
    assert one("GET", "/api/v1/whoami").json["code"] == "SESSION_ENDED"
    assert two("GET", "/api/v1/whoami").status == 200
    r = two("DELETE", f"/api/v1/sessions/{mine['Two']['id']}")
    assert r.status == 204 and "Max-Age=0" in r.headers["Set-Cookie"]
    assert two("GET", "/api/v1/whoami").json["code"] == "SESSION_ENDED"
    narrow = server.ok("POST", "/api/v1/tokens", {"name": "n", "role": "view"}, basic=("bob", PASSWORD))["secret"]
    assert server.api("DELETE", "/api/v1/sessions/ses-x", token=narrow).status == 403
    assert server.api("DELETE", "/api/v1/sessions/ses-x", basic=("bob", PASSWORD)).status == 404


SHORT = ["11-letters!", "口令口令", "é" * 11]  # the last two have 12 bytes and more


def test_a_password_that_is_set_has_12_characters(server, tmp_path):
    """Wherever it is set: by who makes the user, who changes it, oneself, the command line, and the first start."""
    enough = "口令" * 6
    def refused(r):
        assert (r.status, r.json["code"]) == (400, "PASSWORD") and "at least 12 characters" in r.json["detail"] and r.json["remedy"], r.body

    for short in SHORT:
        refused(server.api("POST", "/api/v1/users", {"name": "dora", "password": short}))
        refused(server.api("PATCH", "/api/v1/users/bob", {"password": short}))
        refused(server.api("PATCH", "/api/v1/users/bob", {"password": short, "currentPassword": PASSWORD}, basic=("bob", PASSWORD)))
    assert server.api("GET", "/api/v1/users/dora").status == 404
    server.user("dora", enough)
    assert server.api("GET", "/api/v1/whoami", basic=("dora", enough)).status == 200
    env = {"KILN_CONFIG": str(tmp_path / "login.json")}
    run([KILN, "login", server.host, "--username", "admin", "--password-stdin"], env=env, input=server.admin_password)
    for words in (("user", "create", "fred"), ("user", "update", "bob"), ("user", "password", "bob")):
        r = run([KILN, *words, "--password-stdin"], env=env, input=SHORT[0], code=1)
        assert "at least 12 characters" in r.err and "several words" in r.err, r
    r = run([KILN, "serve", "--data", tmp_path / "data", "--listen", "127.0.0.1:0", "--slots", "0"], env={"KILN_ADMIN_PASSWORD": SHORT[0]}, code=None)
    assert r.code and "at least 12 characters" in r.err, r
    assert server.api("GET", "/api/v1/whoami", basic=("bob", PASSWORD)).status == 200


def test_it_ends_with_the_password_and_the_user(server):
    server.user("carl", PASSWORD)
    b, again = Browser(server, "carl"), Browser(server, "carl")
    r = b("PATCH", "/api/v1/users/carl", {"password": "another password", "currentPassword": PASSWORD})
    assert r.status == 200
    for each in (b, again):
        assert each("GET", "/api/v1/whoami").json["code"] == "SESSION_ENDED"
    b = Browser(server, "carl", "another password")
    server.ok("PATCH", "/api/v1/users/carl", {"admin": True})
    assert b("GET", "/api/v1/whoami").json["admin"] is True
    server.ok("PATCH", "/api/v1/users/carl", {"disabled": True})
    assert b("GET", "/api/v1/whoami").json["code"] == "SESSION_ENDED"
    server.ok("PATCH", "/api/v1/users/carl", {"disabled": False})
    assert b("GET", "/api/v1/whoami").json["code"] == "SESSION_ENDED"
    b = Browser(server, "carl", "another password")
    assert server.api("DELETE", "/api/v1/users/carl").status == 204
    assert b("GET", "/api/v1/whoami").json["code"] == "SESSION_ENDED"


def test_sign_in_and_out_are_audited(server):
    b = Browser(server)
    b("POST", "/api/v1/tokens", {"name": "by session"})
    b("DELETE", "/api/v1/session")
    entries = server.ok("GET", "/api/v1/audit?actor=ann")["items"][:3]
    assert [e["action"] for e in entries] == ["session.delete", "token.create", "session.create"]
    assert entries[0]["target"] == entries[2]["target"] and entries[0]["target"].startswith("ses-")
    assert {e["remote"] for e in entries} == {"127.0.0.1"} and b.morsel.value not in repr(entries)


def test_events_come_to_the_console(server, tmp_path):
    """Server-sent events: an EventSource sends the cookie and no header of ours."""
    server.namespace("events")
    server.repository("events/app")
    server.bind("events/app")
    server.rule("events/app")
    server.git(tmp_path, "events/app", {"Dockerfile": "FROM scratch\n"}).push("main")
    (build,) = server.builds("events/app")
    admin = Browser(server, "admin", server.admin_password)
    c = http.client.HTTPConnection(server.host, timeout=60 * SLOW)
    try:
        c.request("GET", f"/api/v1/builds/{build['id']}/events", headers={"Cookie": admin.cookie, "Accept": "text/event-stream"})
        r = c.getresponse()
        assert r.status == 200 and r.headers["Content-Type"].startswith("text/event-stream")
        while not (line := r.readline()).startswith(b"event: build"):
            assert line
    finally:
        c.close()
    stranger = Browser(server, "bob")
    assert stranger("GET", f"/api/v1/builds/{build['id']}/events").status == 404


def test_sessions_survive_a_restart_and_end_unused(tmp_path):
    s = serve(tmp_path / "data")
    try:
        unused, used = Browser(s, "admin", s.admin_password), Browser(s, "admin", s.admin_password)
        for old in (6, 8):  # days
            assert s.close() == 0
            with contextlib.closing(sqlite3.connect(s.data / "kiln.db")) as db:
                (first, *_), = db.execute("SELECT id FROM web_session ORDER BY created_ns, id LIMIT 1").fetchall()
                db.execute("UPDATE web_session SET used_ns = used_ns - ? WHERE id = ?", (old * 86400 * 10**9, first))
                db.commit()
            s.restart()
            assert used("GET", "/api/v1/session").json["csrfToken"] == used.csrf
            if old == 6:
                assert unused("GET", "/api/v1/whoami").status == 200
        assert unused("GET", "/api/v1/whoami").json["code"] == "SESSION_ENDED"
        assert [i["current"] for i in used("GET", "/api/v1/sessions").json["items"]] == [True]
    finally:
        assert s.close() == 0


def test_sessions_last_as_long_as_they_are_set_to(tmp_path):
    with serving(tmp_path / "data", "--session-life", "2", "--session-idle", "3600") as s:
        b = Browser(s, "admin", s.admin_password)
        assert "Max-Age=2;" in b.answer.headers["Set-Cookie"]
        r = wait_for(lambda: (r := b("GET", "/api/v1/whoami")).status == 401 and r, 60)
        assert r.json["code"] == "SESSION_ENDED"


def test_behind_https_and_a_path(tmp_path):
    with serving(tmp_path / "data", "--external-url", "https://kiln.example/tools/kiln/") as s:
        b = Browser(s, "admin", s.admin_password)
        assert not b.name.startswith("__Host-")  # that is for the path / only
        assert attributes(b.answer.headers["Set-Cookie"])[1] == ["Path=/tools/kiln/", "Max-Age=2592000", "HttpOnly", "SameSite=Strict", "Secure"]
        b.prefix = "/tools/kiln"  # a proxy passes it on, or takes it off
        assert b("GET", "/api/v1/whoami").json["name"] == "admin"
        assert b("POST", "/api/v1/tokens", {"name": "t"}).status == 201
        assert b("POST", "/api/v1/tokens", {"name": "t"}, csrf=False).status == 403
        r = b("DELETE", "/api/v1/session")
        assert r.status == 204 and "Path=/tools/kiln/; Max-Age=0; HttpOnly; SameSite=Strict; Secure" in r.headers["Set-Cookie"]
        for path in ("/tools/kilnx/api/v1/whoami", "/tools/api/v1/whoami", "/tools/kiln/tools/kiln/api/v1/whoami"):
            assert s.request("GET", path).headers["Content-Type"] != "application/json", path
        assert s.request("GET", "/tools/kiln/v2/").status == s.request("GET", "/v2/").status


def test_two_on_one_host_keep_their_sessions(tmp_path):
    """Browsers keep cookies by host, whatever the port."""
    jar = http.cookiejar.CookieJar()
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    with serving(tmp_path / "one") as one, serving(tmp_path / "two") as two:
        for s in (one, two):
            login = json.dumps({"user": "admin", "password": s.admin_password}).encode()
            with browser.open(urllib.request.Request(f"http://{s.host}/api/v1/session", login, {"Content-Type": "application/json"})):
                pass
        for _ in range(2):
            for s in (one, two):
                with browser.open(f"http://{s.host}/api/v1/whoami") as r:
                    assert json.load(r)["name"] == "admin"
        assert len({c.name for c in jar}) == 2 and {c.domain for c in jar} == {"127.0.0.1"}
        names = {s: Browser(s, "admin", s.admin_password).name for s in (one, two)}
        assert one.close() == 0
        one.restart()
        assert Browser(one, "admin", one.admin_password).name == names[one]


def test_over_https_the_cookie_is_bound_to_the_host(tmp_path):
    with serving(tmp_path / "data", "--external-url", "https://kiln.example") as s:
        b = Browser(s, "admin", s.admin_password)
        assert b.name.startswith("__Host-kiln_session_")
        # SPEC RFC 6265bis 4.1.3.2: Secure, Path=/, no Domain; else a browser does not take it.
        assert attributes(b.answer.headers["Set-Cookie"])[1] == ["Path=/", "Max-Age=2592000", "HttpOnly", "SameSite=Strict", "Secure"]
        assert b("GET", "/api/v1/whoami").json["name"] == "admin"
        plain = b.cookie.removeprefix("__Host-")
        assert b("GET", "/api/v1/whoami", cookie=plain).json["kind"] == "anonymous"
        assert b("DELETE", "/api/v1/session").headers["Set-Cookie"].startswith(b.name + "=;")


def test_many_at_once(server):
    """One session, many requests: each is its user, and none gets an error."""
    b, wrong = Browser(server), []

    def ask():
        for _ in range(20):
            if (r := b("GET", "/api/v1/whoami")).status != 200 or r.json["name"] != "ann":
                wrong.append(r.body)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for t in threads:
        t.start()
    for _ in range(5):  # and what is remembered is forgotten meanwhile
        server.ok("PATCH", "/api/v1/users/bob", {"disabled": False})
    for t in threads:
        t.join()
    assert not wrong
