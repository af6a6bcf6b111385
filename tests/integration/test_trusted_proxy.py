"""Behind a real nginx: whose failed logins are counted, and whose address stands in sessions and in the audit log."""
import base64
import contextlib
import json

from conftest import Service
from nginx import Nginx
from test_registry_auth import send

NGINX = "location / {{ proxy_pass http://{host}; {more} }}"
ADD = "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;"
WRONG = {"Authorization": "Bearer kiln_" + 43 * "x"}


@contextlib.contextmanager
def serving(path, *options):
    s = Service(path, "127.0.0.1:1", slots=0, options=options)
    try:
        yield s
    finally:
        assert s.close() == 0, s.log.read_text()


def ask(host, path, method="GET", headers=None, body=None, source="127.0.0.1"):
    """One request from an address of this machine."""
    kind = [] if body is None else [("Content-Type", "application/json")]
    return send(host, method, path, [*(headers or []), *kind], body, source)


def seen_as(service, host, source, *headers):
    """The address that the server gives to a sign-in, in the session and in the audit log."""
    login = json.dumps({"user": "admin", "password": service.admin_password}).encode()
    r = ask(host, "/api/v1/session", "POST", headers, login, source)
    assert r.status == 200, r.body
    cookie = r.headers["Set-Cookie"].partition(";")[0]
    r = ask(host, "/api/v1/sessions?limit=500", headers=[("Cookie", cookie), *headers], source=source)
    (session,) = [s for s in json.loads(r.body)["items"] if s["current"]]
    entry = service.ok("GET", "/api/v1/audit?action=session.create")["items"][0]
    assert entry["target"] == session["id"] and entry["remote"] == session["address"]
    return session["address"]


def test_the_address_that_a_trusted_proxy_tells(tmp_path):
    with serving(tmp_path / "data", "--trusted-proxy", "127.0.0.1/32", "--trusted-proxy", "10.0.0.0/8") as s:
        with Nginx(tmp_path / "nginx", NGINX.format(host=s.host, more=ADD)) as nginx:
            assert seen_as(s, nginx.host, "127.0.0.2") == "127.0.0.2"
            for made_up in ("203.0.113.9", "203.0.113.9, 10.0.0.1", "127.0.0.1", "unknown", "\"", ",", "<script>", "203.0.113.9:80, [::1]:1"):
                assert seen_as(s, nginx.host, "127.0.0.2", ("X-Forwarded-For", made_up)) == "127.0.0.2", made_up
            both = [("X-Forwarded-For", "203.0.113.9"), ("X-Forwarded-For", "203.0.113.8")]
            assert seen_as(s, nginx.host, "127.0.0.2", *both) == "127.0.0.2"
            # nginx passes this one on as it came: who made it up is counted as the proxy
            assert seen_as(s, nginx.host, "127.0.0.2", ("Forwarded", "for=203.0.113.9")) == "127.0.0.1"
        # Straight from an address that is not trusted: what it says of itself does not count.
        for header in (("X-Forwarded-For", "203.0.113.9"), ("Forwarded", "for=203.0.113.9")):
            assert seen_as(s, s.host, "127.0.0.3", header) == "127.0.0.3"
        # A chain of proxies that are trusted, from the nearest on.
        assert seen_as(s, s.host, "127.0.0.1", ("X-Forwarded-For", "198.51.100.1, 203.0.113.9"), ("X-Forwarded-For", "10.1.2.3, 10.9.9.9")) == "203.0.113.9"
        assert seen_as(s, s.host, "127.0.0.1", ("Forwarded", "for=198.51.100.1, for=\"[2001:db8::1]:80\";proto=https, for=10.1.2.3")) == "2001:db8::1"
        assert seen_as(s, s.host, "127.0.0.1", ("X-Forwarded-For", 1500 * "10.0.0.1, " + "203.0.113.9")) == "203.0.113.9"


def test_nobody_is_trusted_unless_told(tmp_path):
    with serving(tmp_path / "data") as s:
        with Nginx(tmp_path / "nginx", NGINX.format(host=s.host, more=ADD)) as nginx:
            assert seen_as(s, nginx.host, "127.0.0.2") == "127.0.0.1"
        assert seen_as(s, s.host, "127.0.0.1", ("X-Forwarded-For", "203.0.113.9")) == "127.0.0.1"


def test_the_header_forwarded_through_nginx(tmp_path):
    config = tmp_path / "kiln.json"
    config.write_text(json.dumps({"trusted-proxy": ["127.0.0.1", "fd00::/8"]}))
    more = 'proxy_set_header Forwarded "for=$remote_addr;proto=http"; proxy_set_header X-Forwarded-For "";'
    with serving(tmp_path / "data", "--config", config) as s, Nginx(tmp_path / "nginx", NGINX.format(host=s.host, more=more)) as nginx:
        assert seen_as(s, nginx.host, "127.0.0.2") == "127.0.0.2"
        assert seen_as(s, nginx.host, "127.0.0.2", ("X-Forwarded-For", "203.0.113.9"), ("Forwarded", "for=203.0.113.9")) == "127.0.0.2"


def test_one_client_s_failed_logins_do_not_lock_the_others_out(tmp_path):
    with serving(tmp_path / "data", "--trusted-proxy", "127.0.0.1") as s:
        with Nginx(tmp_path / "nginx", NGINX.format(host=s.host, more=ADD)) as nginx:
            def status(source, path="/api/v1/whoami", headers=WRONG):
                # each time another made-up address: no way around the limit
                made_up = ("X-Forwarded-For", f"203.0.113.{status.n % 250}")
                status.n += 1
                return ask(nginx.host, path, headers=[made_up, *headers.items()], source=source).status

            status.n = 0
            for i in range(100):  # as many as an address has for free, by every way in
                assert status("127.0.0.2", ("/api/v1/whoami", "/v2/", "/token")[i % 3]) == 401, i
            assert status("127.0.0.2") == 429
            assert status("127.0.0.2", "/v2/") == 429 and status("127.0.0.2", "/token") == 429
            assert status("127.0.0.4") == 401
            right = {"Authorization": "Basic " + base64.b64encode(f"admin:{s.admin_password}".encode()).decode()}
            assert status("127.0.0.4", headers=right) == 200
            assert s.api("GET", "/api/v1/whoami").status == 200
