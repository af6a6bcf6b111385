"""The files of the console as a browser gets them: straight, and through a real proxy below a path."""
import base64
import contextlib
import gzip
import json
import re
import socket
from urllib.parse import urljoin, urlsplit

import pytest

from conftest import SLOW, Registry, http_request
from nginx import Nginx

POLICY = ("default-src 'none'; script-src 'self'; style-src 'self'{nonce}; img-src 'self' data:; connect-src 'self'; font-src 'self'; "
          "form-action 'self'; base-uri 'self'; frame-ancestors 'none'")
YEAR = "public, max-age=31536000, immutable"


def ask(host, path, method="GET", headers=None, body=None):
    return http_request(host, method, path, body, headers)


@contextlib.contextmanager
def serving(path, *options):
    r = Registry(path, options=("--slots", "0", *options), env={"KILN_ADMIN_PASSWORD": "a good password"})
    try:
        if b"not part of this build" in ask(r.host, "/").body:
            pytest.skip("this build has no console")
        yield r
    finally:
        assert r.close() == 0, r.log.read_text()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("console") / "data") as s:
        yield s


def check_headers(r, nonce=None):
    assert r.headers["Content-Security-Policy"] == POLICY.format(nonce=f" 'nonce-{nonce}'" if nonce else "")
    assert r.headers["X-Content-Type-Options"] == "nosniff"
    assert r.headers["Referrer-Policy"] == "same-origin"
    assert r.headers["X-Frame-Options"] == "DENY"
    assert not r.headers["Set-Cookie"] and not r.headers["Access-Control-Allow-Origin"]


def check_page(r, base="/"):
    """A page: returns its text and its nonce."""
    text = r.body.decode()
    assert r.status == 200 and r.headers["Content-Type"] == "text/html; charset=utf-8"
    assert r.headers["Cache-Control"] == "no-cache" and not r.headers["ETag"]
    assert "__KILN_" not in text and f'<base href="{base}">' in text
    (nonce,) = re.findall(r'<meta name="csp-nonce" content="([A-Za-z0-9]{43})">', text)
    check_headers(r, nonce)
    return text, nonce


def files_of(text, base="/"):
    """What the page needs, as paths."""
    names = re.findall(r'(?:src|href)="(\./[^"]+)"', text)
    assert any(n.endswith(".js") for n in names) and any(n.endswith(".css") for n in names), text
    return [urlsplit(urljoin(f"http://x{base}", n)).path for n in names]


def test_the_page_is_another_one_each_time(server):
    nonces = {check_page(ask(server.host, "/"))[1] for _ in range(5)}
    assert len(nonces) == 5


def test_every_file_of_the_page(server):
    text, _ = check_page(ask(server.host, "/"))
    types_ = {"js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8", "svg": "image/svg+xml"}
    for path in files_of(text):
        plain = ask(server.host, path)
        packed = ask(server.host, path, headers={"Accept-Encoding": "gzip, deflate, br"})
        assert path.startswith("/assets/") and plain.status == packed.status == 200
        assert gzip.decompress(packed.body) == plain.body and len(packed.body) < len(plain.body)
        assert packed.headers["Content-Encoding"] == "gzip" and not plain.headers["Content-Encoding"]
        for r, other in ((plain, packed), (packed, plain)):
            check_headers(r)
            assert r.headers["Content-Type"] == types_[path.rpartition(".")[2]]
            assert r.headers["Cache-Control"] == YEAR and r.headers["Vary"] == "Accept-Encoding"
            assert int(r.headers["Content-Length"]) == len(r.body)
            assert re.fullmatch(r'"[0-9a-f]{32}(-gzip)?"', r.headers["ETag"]) and r.headers["ETag"] != other.headers["ETag"]
            for tag in (r.headers["ETag"], f'"x", W/{r.headers["ETag"]}', "*"):
                same = ask(server.host, path, headers={"If-None-Match": tag, "Accept-Encoding": r.headers["Content-Encoding"] or "identity"})
                assert same.status == 304 and not same.body and same.headers["ETag"] == r.headers["ETag"]
                assert same.headers["Cache-Control"] == YEAR and same.headers["Vary"] == "Accept-Encoding"
                check_headers(same)
        assert ask(server.host, path, headers={"If-None-Match": '"0"'}).status == 200
        assert ask(server.host, path, headers={"Accept-Encoding": "gzip;q=0, br"}).body == plain.body


def test_head_tells_what_get_does(server):
    text, _ = check_page(ask(server.host, "/"))
    for path in ["/", *files_of(text)]:
        for headers in ({}, {"Accept-Encoding": "gzip"}):
            get, head = ask(server.host, path, headers=headers), ask(server.host, path, "HEAD", headers)
            assert head.status == 200 and not head.body
            drop = ("Date", "Content-Security-Policy")
            assert {k: v for k, v in head.headers.items() if k not in drop} == {k: v for k, v in get.headers.items() if k not in drop}


@pytest.mark.parametrize("path", [
    "/login", "/index.html", "/instances/1/repositories/demo/hello/-/versions/1.2.3", "/instances/1/repositories/a/b.js/-/info",
    "/b/3f0f6c3e", "/?next=%2Fx", "/instances/%2e%2e/x", "/a//b", "//", "/apis/v1", "/v2x", "/assets", "/%00", "/%ff"])
def test_addresses_within_the_console_are_the_page(server, path):
    check_page(ask(server.host, path))


@pytest.mark.parametrize("path", [
    "/x.js", "/favicon.ico", "/assets/", "/assets/nothing.js", "/assets/index.html", "/.well-known/change-password", "/metrics", "/livez",
    "/api", "/git", "/hooks", "/api/", "/hooks/", "/git/", "/token/x"])
def test_what_is_nothing(server, path):
    r = ask(server.host, path)
    assert r.status == 404 and b"<html" not in r.body, r.body


def raw(host, target):
    """One request whose target is sent as it is: the status and the whole answer."""
    name, port = host.split(":")
    with socket.create_connection((name, int(port)), 60 * SLOW) as s:
        s.sendall(b"GET " + target + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        answer = b""
        while piece := s.recv(65536):
            answer += piece
    return int(answer.split(b" ", 2)[1]) if answer else 0, answer


@pytest.mark.parametrize("target", [
    b"/assets/../../../../etc/passwd", b"/assets/..%2f..%2f..%2fetc%2fpasswd", b"/assets/%2e%2e/%2e%2e/etc/passwd", b"/../../etc/passwd",
    b"/assets/..\\..\\etc\\passwd", b"/assets/....//....//etc/passwd", b"//etc/passwd", b"/%2fetc%2fpasswd", b"/assets//etc/passwd",
    b"/assets/%c0%ae%c0%ae/etc/passwd", b"/assets/../kiln.db", b"/kiln.db", b"/assets/%00index", b"file:///etc/passwd", b"../kiln.db",
    b"/assets/" + 6000 * b"../" + b"etc/passwd"])
def test_no_path_leads_to_files(server, target):
    status, answer = raw(server.host, target)
    assert status in (0, 200, 400, 404, 414) and b"root:" not in answer and b"SQLite" not in answer
    assert status != 200 or b'<base href="/">' in answer, "the page, and nothing else"


def test_only_reading(server):
    text, _ = check_page(ask(server.host, "/"))
    for path in ("/", "/login", "/index.html", files_of(text)[0]):
        for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"):
            r = ask(server.host, path, method, body=b"x" if method == "POST" else None)
            assert r.status == 405 and r.headers["Allow"] == "GET, HEAD", (method, path, r.status)
            check_headers(r)


def test_the_other_parts_are_there(server):
    assert ask(server.host, "/healthz").body == b"ok"
    assert json.loads(ask(server.host, "/api/v1/whoami").body)["kind"] == "anonymous"
    assert ask(server.host, "/api/v1/nothing").status == 404
    assert ask(server.host, "/v2/").status in (200, 401)
    assert ask(server.host, "/token").headers["Content-Type"] == "application/json"
    assert not ask(server.host, "/v2/").headers["Content-Security-Policy"]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("base", ["/", "/tools/kiln/"])
def test_the_description_of_the_api_is_a_page(tmp_path, base, method):
    """Below /api/ is the API's; the page is the console's, whatever path both are below."""
    with serving(tmp_path / "data", "--external-url", f"http://kiln.example{base}") as s:
        r = ask(s.host, f"{base}api/docs", method)
        assert r.status == 302 and r.headers["Location"] == "../docs/api" and (r.body == b"") == (method == "HEAD")
        page = urljoin(f"http://{s.host}{base}api/docs", r.headers["Location"])
        assert page == f"http://{s.host}{base}docs/api"
        check_page(ask(s.host, urlsplit(page).path), base)
        assert ask(s.host, f"{base}api/docs/x").status == 404
        assert ask(s.host, f"{base}api/docs", "POST").status == 405


@pytest.mark.parametrize("external, base", [("https://kiln.example/tools/kiln", "/tools/kiln/"), ("http://kiln.example/", "/")])
def test_the_external_url_says_where_the_page_is(tmp_path, external, base):
    with serving(tmp_path / "data", "--external-url", external) as s:
        text, _ = check_page(ask(s.host, base), base)
        check_page(ask(s.host, "/"), base)
        check_page(ask(s.host, base[:-1] or "/"), base)
        check_page(ask(s.host, f"{base}login?x=y"), base)
        for path in files_of(text, base):
            assert ask(s.host, path).status == ask(s.host, "/" + path.removeprefix(base)).status == 200
        assert ask(s.host, f"{base}assets/nothing.js").status == 404
        assert ask(s.host, base, "POST").status == 405


@pytest.mark.parametrize("passes_on", [True, False])
def test_behind_nginx_below_a_path(tmp_path, passes_on):
    """The console, its API and its session, where the proxy passes its own path on and where it takes it off."""
    with serving(tmp_path / "data", "--external-url", "http://kiln.example/tools/kiln/") as s:
        to = f"http://{s.host}" + ("" if passes_on else "/")
        with Nginx(tmp_path / "nginx", f"location /tools/kiln/ {{ proxy_pass {to}; }}") as nginx:
            base = "/tools/kiln/"
            text, _ = check_page(ask(nginx.host, base), base)
            check_page(ask(nginx.host, base + "instances/1/x"), base)
            assert ask(nginx.host, "/").body != ask(s.host, "/").body, "nginx's own"
            for path in files_of(text, base):
                r = ask(nginx.host, path, headers={"Accept-Encoding": "gzip"})
                assert r.status == 200 and r.headers["Content-Encoding"] == "gzip" and r.headers["Cache-Control"] == YEAR
                assert gzip.decompress(r.body) == ask(nginx.host, path).body
                assert ask(nginx.host, path, headers={"If-None-Match": r.headers["ETag"]}).status == 304
            r = ask(nginx.host, base + "api/v1/session", "POST", {"Content-Type": "application/json"},
                    json.dumps({"user": "admin", "password": "a good password"}))
            assert r.status == 200, r.body
            assert "; Path=/tools/kiln/; " in r.headers["Set-Cookie"]
            csrf, cookie = json.loads(r.body)["csrfToken"], r.headers["Set-Cookie"].partition(";")[0]
            r = ask(nginx.host, base + "api/v1/whoami", headers={"Cookie": cookie})
            assert json.loads(r.body)["name"] == "admin"
            made = ask(nginx.host, base + "api/v1/namespaces", "POST",
                       {"Cookie": cookie, "X-CSRF-Token": csrf, "Content-Type": "application/json"}, '{"name": "demo"}')
            assert made.status == 201, made.body
            login = {"Authorization": "Basic " + base64.b64encode(b"admin:a good password").decode()}
            token = ask(nginx.host, base + "token?service=kiln.example", headers=login)
            assert token.status == 200, token.body
