"""Outgoing webhooks: what happens in a repository is told to receivers that are real HTTP servers."""
import base64
import collections
import hashlib
import hmac
import http.server
import json
import os
import re
import subprocess
import threading
import time
import uuid

import pytest

from conftest import Service, quote, run, wait_for

PASSWORD = "a good password"
COPY = "FROM scratch\nCOPY Dockerfile /\n"
EVENTS = ["build.started", "build.succeeded", "build.failed", "build.canceled", "tag.written", "tag.deleted"]
EXTERNAL = "https://kiln.example:8443"

Got = collections.namedtuple("Got", "path headers body")


class Receiver:
    """Keeps what it is sent. What it answers is by the path: /200, /500, …; /held when it is let go."""

    def __init__(self, port=0):
        self.got, self.lock, self.go = [], threading.Condition(), threading.Event()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *args):
                pass

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with receiver.lock:
                    receiver.got.append(Got(self.path, self.headers, body))
                    receiver.lock.notify_all()
                status, answer = 200, b"taken"
                if self.path.startswith("/held"):
                    receiver.go.wait(60)
                elif found := re.match(r"/(\d{3})", self.path):
                    status = int(found.group(1))
                if self.path.startswith("/200/big"):
                    answer = b"\xff\x00" + "é".encode() * 200000
                try:
                    self.send_response(status)
                    self.send_header("Location", "/200/elsewhere")
                    self.send_header("Content-Length", str(len(answer)))
                    self.end_headers()
                    self.wfile.write(answer)
                except OSError:
                    pass  # nobody waits for it any more

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_port
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def at(self, path):
        with self.lock:
            return [g for g in self.got if g.path == path]

    def events(self, path):
        return [json.loads(g.body)["type"].removeprefix("kiln.") for g in self.at(path)]

    def close(self):
        self.go.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def receiver():
    r = Receiver()
    yield r
    r.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory, registry):
    """What failed is sent again at once."""
    s = Service(tmp_path_factory.mktemp("endpoints") / "service", registry.host,
                options=["--endpoint-private", "--endpoint-retry", "0", "--external-url", EXTERNAL])
    yield s
    assert s.close() == 0, s.log.read_text()


def place(server):
    """A repository that is built from kiln's own remote, with a rule for main: its full name."""
    full = f"ns{uuid.uuid4().hex[:10]}/app"
    server.namespace(full.partition("/")[0])
    server.repository(full)
    server.bind(full)
    server.rule(full)
    return full


def at(full, *more):
    return "/".join([f"/api/v1/repositories/{quote(full)}/endpoints", *more])


def endpoint(server, full, url, **more):
    return server.ok("POST", at(full), {"url": url, **more})


def notifications(server, full, e, query=""):
    return server.ok("GET", at(full, e["id"], "notifications") + query)["items"]


def whole(server, full, e, id):
    return server.ok("GET", at(full, e["id"], "notifications", id))


def signature(secret, id, timestamp, body):
    """By openssl, whose bytes are not ours."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = subprocess.run(["openssl", "dgst", "-sha256", "-mac", "HMAC", "-macopt", f"hexkey:{key.hex()}", "-binary"],
                            input=f"{id}.{timestamp}.".encode() + body, stdout=subprocess.PIPE, check=True).stdout
    assert signed == hmac.new(key, f"{id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return "v1," + base64.b64encode(signed).decode()


# ---- what is told -------------------------------------------------------------------------------


def test_builds_are_told(server, receiver, tmp_path):
    """One that succeeds, in both formats and signed, and one that fails."""
    full = place(server)
    e = endpoint(server, full, f"{receiver.url}/200/all", signed=True)
    assert sorted(e["events"]) == sorted(EVENTS) and e["secret"].startswith("whsec_") and e["enabled"]
    endpoint(server, full, f"{receiver.url}/200/chat", format="slack", events=["build.succeeded", "build.failed"])
    first = server.push_build(tmp_path, COPY, full=full)
    build = server.wait(first, "SUCCESS")
    wait_for(lambda: len(receiver.at("/200/all")) == 3 and len(receiver.at("/200/chat")) == 1)
    assert sorted(receiver.events("/200/all")) == ["build.started", "build.succeeded", "tag.written"]

    for got in receiver.at("/200/all"):
        id, when = got.headers["webhook-id"], got.headers["webhook-timestamp"]
        assert got.headers["Content-Type"] == "application/cloudevents+json"
        assert got.headers["webhook-signature"] == signature(e["secret"], id, when, got.body)
        assert abs(int(when) - time.time()) < 300
        event = json.loads(got.body)
        assert event["id"] == id and event["specversion"] == "1.0"
        assert event["source"] == f"{EXTERNAL}/api/v1/repositories/{quote(full)}"
        assert event["data"]["repository"] == full
    by_type = {json.loads(g.body)["type"]: json.loads(g.body) for g in receiver.at("/200/all")}
    data = by_type["kiln.build.succeeded"]["data"]
    assert by_type["kiln.build.succeeded"]["subject"] == first and data["url"] == f"{EXTERNAL}/b/{first}"
    assert data["pull"] == f"kiln.example:8443/{full}@{build['digest']}"
    told = data["build"]
    assert {k: told[k] for k in ("id", "status", "ref", "commit", "tags", "digest")} == {
        k: build[k] for k in ("id", "status", "ref", "commit", "tags", "digest")}
    assert told["platforms"] == [{"platform": j["platform"], "state": j["state"], "digest": j["digest"]} for j in build["jobs"]]
    assert by_type["kiln.build.started"]["data"]["build"]["status"] == "BUILDING"
    assert by_type["kiln.tag.written"]["data"]["tag"] == {"name": "latest", "digest": build["digest"]}

    (chat,) = receiver.at("/200/chat")
    assert chat.headers["Content-Type"] == "application/json" and chat.headers["webhook-signature"] is None
    text = json.loads(chat.body)["text"]
    assert text.startswith(f"{full}: build ") and f"of main ({build['commit'][:12]}) succeeded: latest\n{EXTERNAL}/b/{first}" in text

    tree = server.git(tmp_path, full, {"Dockerfile": "FROM scratch\nCOPY missing /\n"})
    tree("push", "-q", "-f", "origin", "main")
    failed = server.wait(server.builds(full)[0]["id"], "FAILED")
    wait_for(lambda: len(receiver.at("/200/chat")) == 2 and len(receiver.at("/200/all")) == 5)
    assert sorted(receiver.events("/200/all")[3:]) == ["build.failed", "build.started"]
    (event,) = [x for x in (json.loads(g.body) for g in receiver.at("/200/all")) if x["type"] == "kiln.build.failed"]
    assert event["data"]["build"]["error"]["code"] == failed["error"]["code"] and event["data"]["pull"] is None
    assert f"({failed['error']['code']})" in json.loads(receiver.at("/200/chat")[1].body)["text"]
    items = wait_for(lambda: (n := notifications(server, full, e, "?result=delivered")) and len(n) == 5 and n)
    assert [n["subject"] for n in items].count(first) == 2 and all(n["attempts"] == 1 and n["lastStatus"] == 200 for n in items)
    assert [n["id"] for n in items] == [n["id"] for n in notifications(server, full, e)]
    log = whole(server, full, e, items[0]["id"])
    assert log["body"].encode() in [g.body for g in receiver.at("/200/all")] and log["log"][0]["response"] == "taken"


def test_tags_that_are_pushed_and_deleted_are_told(registry, receiver, tmp_path):
    """By a registry client, which logs in where the server says it is, and by whoever deletes the manifest of several tags."""
    server = Service(tmp_path / "service", registry.host, slots=1, options=["--endpoint-private"])
    try:
        tags_are_told(server, receiver, tmp_path)
    finally:
        assert server.close() == 0


def tags_are_told(server, receiver, tmp_path):
    full = place(server)
    endpoint(server, full, f"{receiver.url}/200/tags", events=["tag.written", "tag.deleted"])
    server.wait(server.push_build(tmp_path, COPY, full=full), "SUCCESS")
    login = f"admin:{server.admin_password}"
    image = f"docker://{server.host}/{full}"
    run(["skopeo", "copy", "--src-tls-verify=false", "--dest-tls-verify=false", "--src-creds", login, "--dest-creds", login,
         f"{image}:latest", f"{image}:pushed"])
    wait_for(lambda: len(receiver.at("/200/tags")) == 2)
    digest = server.ok("GET", f"/api/v1/repositories/{quote(full)}/tags/pushed")["digest"]
    told = [json.loads(g.body) for g in receiver.at("/200/tags")]
    assert [(t["type"], t["subject"], t["data"]["tag"]["digest"]) for t in told] == [
        ("kiln.tag.written", "latest", digest), ("kiln.tag.written", "pushed", digest)]
    assert server.api("DELETE", f"/v2/{full}/manifests/{digest}").status == 202
    wait_for(lambda: len(receiver.at("/200/tags")) == 4)
    gone = [json.loads(g.body) for g in receiver.at("/200/tags")[2:]]
    assert sorted((t["type"], t["subject"]) for t in gone) == [("kiln.tag.deleted", "latest"), ("kiln.tag.deleted", "pushed")]
    assert all(t["data"]["pull"] is None and t["data"]["tag"]["digest"] == digest for t in gone)


# ---- what comes of it ---------------------------------------------------------------------------


def test_answers(server, receiver):
    """Only 2xx is success; redirects are not followed; what is long or no text is cut and mended."""
    full = place(server)
    for path, result, error in [("/200/big", "delivered", None), ("/204", "delivered", None), ("/302", "failed", "redirects are not followed"),
                                ("/500", "failed", "it answered 500"), ("/404", "failed", "it answered 404")]:
        e = endpoint(server, full, receiver.url + path)
        n = server.ok("POST", at(full, e["id"] + ":test"), {})
        assert n["event"] == "test" and n["result"] == result and n["attempts"] == 1 and n["nextAttemptAt"] is None, n
        assert error is None and n["lastError"] is None or error in n["lastError"], n
        assert server.ok("GET", at(full, e["id"]))["failures"] == (result == "failed")
        assert n["lastStatus"] == n["log"][0]["status"] == int(path[1:4])
        if path == "/200/big":
            assert n["log"][0]["response"].startswith("\ufffd\ufffdéé") and 4090 < len(n["log"][0]["response"].encode()) <= 4100
    assert not receiver.at("/200/elsewhere")
    assert json.loads(receiver.at("/500")[0].body)["type"] == "kiln.test"


@pytest.mark.tsan
def test_tries_end_and_begin_again(server, receiver, tmp_path):
    """Six tries of a notification; a test is tried once; Redeliver begins anew, with the same id and body."""
    full = place(server)
    e = endpoint(server, full, f"{receiver.url}/500/x", events=["build.canceled"])
    server.ok("POST", "/api/v1/workers/" + worker(server) + ":drain", {})
    build = server.push_build(tmp_path, COPY, full=full)
    server.ok("POST", f"/api/v1/builds/{build}:cancel", {})
    server.ok("POST", "/api/v1/workers/" + worker(server) + ":drain", {"on": False})
    (n,) = wait_for(lambda: notifications(server, full, e, "?result=failed"), timeout=30)
    assert n["attempts"] == 6 and n["endedAt"] and n["subject"] == build and n["event"] == "build.canceled"
    assert len({(g.headers["webhook-id"], g.body) for g in receiver.at("/500/x")}) == 1 and len(receiver.at("/500/x")) == 6
    shown = server.ok("GET", at(full, e["id"]))
    assert (shown["failures"], shown["failing"], shown["enabled"]) == (6, False, True)
    server.ok("PATCH", at(full, e["id"]), {"url": f"{receiver.url}/200/x"})
    again = server.ok("POST", at(full, e["id"], "notifications", n["id"] + ":redeliver"), {})
    assert again["result"] == "waiting" and again["attempts"] == 6
    wait_for(lambda: receiver.at("/200/x"))
    assert receiver.at("/200/x")[0].body == receiver.at("/500/x")[0].body
    done = wait_for(lambda: (x := whole(server, full, e, n["id"]))["result"] == "delivered" and x)
    assert [(a["number"], a["status"]) for a in done["log"]] == [(7, 200)] + [(i, 500) for i in range(6, 0, -1)]
    assert server.ok("GET", at(full, e["id"]))["failures"] == 0
    server.ok("PATCH", at(full, e["id"]), {"enabled": False})
    r = server.api("POST", at(full, e["id"], "notifications", n["id"] + ":redeliver"), {})
    assert (r.status, r.json["code"]) == (409, "ENDPOINT_OFF")


def worker(server):
    return server.ok("GET", "/api/v1/workers")["items"][0]["id"]


def test_gone_switches_off(server, receiver):
    full = place(server)
    e = endpoint(server, full, f"{receiver.url}/410")
    n = server.ok("POST", at(full, e["id"] + ":test"), {})
    assert n["result"] == "failed" and n["lastStatus"] == 410
    off = server.ok("GET", at(full, e["id"]))
    assert off["enabled"] is False and "410 Gone" in off["offReason"]
    entry = server.ok("GET", "/api/v1/audit?action=endpoint.off")["items"][0]
    assert (entry["actor"], entry["target"]) == ("system", e["id"])
    on = server.ok("PATCH", at(full, e["id"]), {"enabled": True})
    assert on["enabled"] and on["offReason"] is None and on["secret"] is None


@pytest.mark.tsan
def test_one_that_is_slow_or_down_holds_up_itself_only(server, receiver, tmp_path):
    full = place(server)
    for n in range(3):
        endpoint(server, full, f"{receiver.url}/held/{n}", events=["build.started"])
        endpoint(server, full, f"http://127.0.0.1:1/{n}", events=["build.started"])
    endpoint(server, full, f"{receiver.url}/200/quick")
    server.wait(server.push_build(tmp_path, COPY, full=full), "SUCCESS")
    wait_for(lambda: len(receiver.at("/200/quick")) == 3)
    assert not receiver.go.is_set() and all(receiver.at(f"/held/{n}") for n in range(3)), "they were spoken to, and are still held"
    receiver.go.set()


def test_receiver_that_comes_back(registry, tmp_path, receiver):
    """It is down when something happens: told a second later."""
    port = receiver.port
    receiver.close()
    server = Service(tmp_path / "service", registry.host, slots=0, options=["--endpoint-private", "--endpoint-retry", "1"])
    try:
        full = place(server)
        e = endpoint(server, full, f"{receiver.url}/200/back", events=["build.canceled"])
        build = server.push_build(tmp_path, COPY, full=full)
        server.ok("POST", f"/api/v1/builds/{build}:cancel", {})
        (n,) = wait_for(lambda: [n for n in notifications(server, full, e) if n["attempts"]])
        assert n["result"] == "waiting" and "Connection refused" in n["lastError"] and n["nextAttemptAt"] and n["lastStatus"] is None
        back = Receiver(port)
        try:
            wait_for(lambda: back.at("/200/back"))
            done = wait_for(lambda: (x := whole(server, full, e, n["id"]))["result"] == "delivered" and x)
            assert done["log"][0]["status"] == 200 and done["log"][-1]["status"] is None
            assert json.loads(back.at("/200/back")[0].body)["data"]["url"] is None, "there is no address to tell"
        finally:
            back.close()
    finally:
        assert server.close() == 0


def test_killed_between_what_happened_and_its_telling(registry, tmp_path, receiver):
    """The first is under way without a result, the second is not begun: both come, the first once more with the same id."""
    server = Service(tmp_path / "service", registry.host, slots=0, options=["--endpoint-private"])
    try:
        full = place(server)
        e = endpoint(server, full, f"{receiver.url}/held", events=["build.canceled", "tag.deleted"])
        build = server.push_build(tmp_path, COPY, full=full)
        server.ok("POST", f"/api/v1/builds/{build}:cancel", {})
        again = server.ok("POST", f"/api/v1/builds/{build}:rerun", {})["id"]
        server.ok("POST", f"/api/v1/builds/{again}:cancel", {})
        wait_for(lambda: receiver.at("/held"))
        server.kill()
        assert len(receiver.at("/held")) == 1, "one at a time"
        receiver.go.set()
        server.restart()
        wait_for(lambda: len(receiver.at("/held")) >= 3)
        ids = [g.headers["webhook-id"] for g in receiver.at("/held")]
        assert len(ids) == 3 and ids[0] == ids[1] != ids[2], ids
        assert wait_for(lambda: [n["attempts"] for n in notifications(server, full, e, "?result=delivered")] == [1, 1])
    finally:
        assert server.close() == 0


# ---- what is refused, and who may -----------------------------------------------------------------


def test_targets(tmp_path, registry):
    """By what they are called, and by what a name turns out to be when it is connected to."""
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.1 localhost inside.example\n169.254.1.1 link.example\n")
    before = ["unshare", "--mount", "sh", "-c", f'mount --bind {hosts} /etc/hosts; exec "$@"', "sh"] if os.geteuid() == 0 else []
    server = Service(tmp_path / "service", registry.host, slots=0, before=before)
    try:
        full = place(server)
        for url, code, text in [("http://127.0.0.1:8080/", "ENDPOINT_ADDRESS", "server's own machine"),
                                ("https://localhost/", "ENDPOINT_ADDRESS", "server's own machine"),
                                ("http://[::1]/", "ENDPOINT_ADDRESS", "server's own machine"),
                                ("http://169.254.169.254/latest/meta-data/", "ENDPOINT_ADDRESS", "link-local"),
                                ("http://[fe80::1]/", "ENDPOINT_ADDRESS", "link-local"),
                                ("ftp://files.example/x", "ENDPOINT_URL", "neither http nor https"),
                                ("https://user:password@chat.example/", "ENDPOINT_URL", "user name")]:
            r = server.api("POST", at(full), {"url": url})
            assert (r.status, r.json["code"]) == (403 if code == "ENDPOINT_ADDRESS" else 400, code) and text in r.json["detail"], r.json
            assert r.json["remedy"]
        for body, text in [({"url": "https://x/", "events": []}, "no event"), ({"url": "https://x/", "events": ["test"]}, "names of events"),
                           ({"url": "https://x/", "format": "teams"}, "cloudevents or slack"), ({}, "url"),
                           ({"url": "https://x/", "secret": "mine"}, "unknown member")]:
            r = server.api("POST", at(full), body)
            assert r.status == 400 and text in r.json["detail"], r.json
        assert server.ok("GET", at(full))["items"] == []
        if not before:
            pytest.skip("only root can change what names mean")
        for name, text in [("inside.example", "an address of this machine"), ("link.example", "a link-local address")]:
            e = endpoint(server, full, f"http://{name}:{server.host.split(':')[1]}/")
            n = server.ok("POST", at(full, e["id"] + ":test"), {})
            assert n["result"] == "failed" and n["lastStatus"] is None and n["lastError"] == f"{name}: {text}", n
    finally:
        assert server.close() == 0


def test_secrets_are_shown_once(server, receiver):
    full = place(server)
    secrets = []
    e = endpoint(server, full, f"{receiver.url}/200/s")
    assert e["signed"] is False and e["secret"] is None
    secrets.append(server.ok("PATCH", at(full, e["id"]), {"signed": True})["secret"])
    assert server.ok("PATCH", at(full, e["id"]), {"signed": True})["secret"] is None
    secrets.append(server.ok("POST", at(full, e["id"] + ":rotate"), {})["secret"])
    assert len(set(secrets)) == 2 and all(s.startswith("whsec_") for s in secrets)
    n = server.ok("POST", at(full, e["id"] + ":test"), {})
    (got,) = receiver.at("/200/s")
    id, when = got.headers["webhook-id"], got.headers["webhook-timestamp"]
    assert id == n["id"]
    # for a day both sign, the new one first
    assert got.headers["webhook-signature"].split(" ") == [signature(s, id, when, got.body) for s in secrets[::-1]]
    assert server.ok("PATCH", at(full, e["id"]), {"signed": False})["signed"] is False
    server.ok("POST", at(full, e["id"] + ":test"), {})
    assert receiver.at("/200/s")[1].headers["webhook-signature"] is None
    told = [json.dumps(server.ok("GET", p)) for p in (at(full), at(full, e["id"]), at(full, e["id"], "notifications"),
                                                     at(full, e["id"], "notifications", n["id"]), "/api/v1/audit?limit=500")]
    told += [server.log.read_text(), *(p.read_bytes().decode("latin-1") for p in server.data.glob("kiln.db*"))]
    for secret in secrets:
        assert not any(secret in text or secret.removeprefix("whsec_") in text for text in told)
    assert not any("/200/s" in text for text in told[4:6]), "the path of a URL may be a secret too"


def test_for_who_maintains_the_repository(server, receiver):
    full = place(server)
    namespace = full.partition("/")[0]
    e = endpoint(server, full, f"{receiver.url}/200/r")
    n = server.ok("POST", at(full, e["id"] + ":test"), {})["id"]
    names = {role: f"{role}-{namespace}" for role in ("develop", "maintain")}
    for role, name in names.items():
        server.user(name, PASSWORD)
        server.grant(namespace, name, role)
    server.user(f"none-{namespace}", PASSWORD)
    asks = [("GET", at(full), None), ("GET", at(full, e["id"]), None), ("GET", at(full, e["id"], "notifications"), None),
            ("GET", at(full, e["id"], "notifications", n), None), ("POST", at(full, e["id"] + ":test"), {}),
            ("POST", at(full, e["id"], "notifications", n + ":redeliver"), {}), ("POST", at(full, e["id"] + ":rotate"), {}),
            ("PATCH", at(full, e["id"]), {"signed": False}), ("POST", at(full), {"url": "https://chat.example/"}),
            ("DELETE", at(full, e["id"]), None)]
    for method, path, body in asks:
        assert server.api(method, path, body, basic=(names["develop"], PASSWORD)).status == 403, path
        assert server.api(method, path, body, basic=(f"none-{namespace}", PASSWORD)).status == 404, path
        assert server.api(method, path, body, basic=None).status == 401, path
    for method, path, body in asks:
        assert server.api(method, path, body, basic=(names["maintain"], PASSWORD)).status < 300, path
    # of another repository it is not there
    other = place(server)
    (left,) = server.ok("GET", at(full))["items"]
    assert server.api("GET", at(other, left["id"])).status == 404
    assert server.api("DELETE", at(other, left["id"])).status == 404
    for n in range(19):
        endpoint(server, full, "https://chat.example/")
    r = server.api("POST", at(full), {"url": "https://chat.example/"})
    assert (r.status, r.json["code"]) == (409, "TOO_MANY_ENDPOINTS")
    assert server.api("DELETE", f"/api/v1/repositories/{quote(full)}").status == 204
