"""`kiln worker` against a server that is a few lines of Python: what it asks, what it tells, and what it does when the server
is away, cancels, or gives the lease to another. docs/WORKER.md"""
import contextlib
import hashlib
import http.server
import io
import json
import os
import signal
import socketserver
import tarfile
import threading
import time
import uuid

import pytest

from conftest import HOST, KILN, PLATFORMS, processes, run, start, stop, wait_for

OTHER = "linux/arm64" if HOST != "linux/arm64" else "linux/amd64"


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    """Keeps what came in lists: polls, events by lease, blobs and cache records by name."""
    daemon_threads = True

    def __init__(self, mirror):
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.mirror = mirror
        self.lock = threading.Condition()
        self.registered, self.polls, self.waiting, self.cancels = [], [], [], set()
        self.events, self.contexts, self.blobs, self.cache, self.batches = {}, {}, {}, {}, {}
        self.away, self.lost, self.unknown, self.context_failures = False, set(), False, 0
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def lease(self, dockerfile, files=None, platforms=(HOST,), tar=None, **more):
        lease = {"id": f"lease-{uuid.uuid4().hex[:12]}", "recordId": str(uuid.uuid4()), "repository": "demo/hello",
                 "repositoryId": "crr-1", "ref": "refs/heads/main", "commit": "0" * 40, "platforms": list(platforms),
                 "dockerfile": "Dockerfile", "buildArgs": [], "noCache": False, "timeLimitSeconds": 600, "firstStep": 0,
                 "mirrors": [f"docker.io=http://{self.mirror}"], "registry": None, **more}
        files = {"Dockerfile": dockerfile, **(files or {})} if dockerfile is not None else files or {}
        with self.lock:
            self.contexts[lease["id"]] = tar or make_tar(files)
            self.events[lease["id"]], self.batches[lease["id"]] = [], []
            self.waiting.append(lease)
            self.lock.notify_all()
        return lease["id"]

    def of(self, lease, kind):
        with self.lock:
            return [e for e in self.events[lease] if e["type"] == kind]

    def ends(self, lease):
        """{platform: event} of the jobs that have ended."""
        return {e["platform"]: e for e in self.of(lease, "job") if e["state"] in ("done", "failed", "canceled")}

    def wait(self, lease, n=1, timeout=60):
        wait_for(lambda: len(self.ends(lease)) == n, timeout)
        return self.ends(lease)

    def text(self, lease):
        return "\n".join(e["text"] for e in self.of(lease, "log"))


def make_tar(files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as t:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(text.encode()), 0o644
            t.addfile(info, io.BytesIO(text.encode()))
    return out.getvalue()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def reply(self, status, body=b"", kind="application/json"):
        body = json.dumps(body).encode() if isinstance(body, (dict, list)) else body
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()

    def problem(self, status, code):
        self.reply(status, {"type": "about:blank", "title": "x", "status": status, "detail": code, "code": code, "remedy": None})

    def handle_any(self):
        s, path = self.server, self.path.removeprefix("/api/v1/worker")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if s.away:
            return self.problem(503, "UNAVAILABLE")
        if self.headers.get("Authorization") != "Bearer kilnw_secret":
            return self.problem(401, "LOGIN_FAILED")
        kind, _, rest = path.strip("/").partition("/")
        return getattr(self, f"on_{kind}")(rest, body)

    do_GET = do_HEAD = do_POST = do_PUT = handle_any

    def on_register(self, _, body):
        self.server.registered.append(json.loads(body))
        self.server.unknown = False
        self.reply(200, {"workerId": "wrk-1", "leaseSeconds": 30, "graceSeconds": 2})

    def on_poll(self, _, body):
        s, q = self.server, json.loads(body)
        end = time.monotonic() + q["waitSeconds"]
        with s.lock:
            s.polls.append(q)
            mine = len(s.polls)  # an older one is of a connection that is gone
            while mine == len(s.polls) and time.monotonic() < end and not s.away and not s.unknown:
                cancel = [l for l in q["leases"] if l in s.cancels]
                if (s.waiting and q["free"]) or cancel:
                    leases, s.waiting = s.waiting[:q["free"]], s.waiting[q["free"]:]
                    s.cancels -= set(cancel)
                    break
                s.lock.wait(0.05)
            else:
                leases, cancel = [], []
        if s.unknown:
            return self.problem(404, "WORKER_UNKNOWN")
        self.reply(200, {"leases": leases, "cancel": cancel, "draining": False})

    def on_leases(self, rest, body):
        s = self.server
        lease, _, what = rest.partition("/")
        if lease in s.lost:
            return self.problem(410, "LEASE_LOST")
        if what == "context":
            if s.context_failures:
                s.context_failures -= 1
                return self.problem(503, "UNAVAILABLE")
            return self.reply(200, s.contexts[lease], "application/x-tar")
        q = json.loads(body)
        with s.lock:
            have = s.events[lease]
            s.batches[lease].append((q["seq"], len(q["events"]), len(body)))
            have += q["events"][len(have) - q["seq"]:]
            n = len(have)
        self.reply(200, {"next": n, "cancel": False})

    def on_blobs(self, digest, body):
        s = self.server
        if self.command == "PUT":
            good = digest == "sha256:" + hashlib.sha256(body).hexdigest()
            if good:
                s.blobs[digest] = body
            return self.reply(201 if good else 400)
        self.reply(200, s.blobs[digest], "application/octet-stream") if digest in s.blobs else self.reply(404, {})

    def on_cache(self, key, body):
        s = self.server
        if self.command == "PUT":
            record = json.loads(body)
            if "blob" in record and record["blob"]["digest"] not in s.blobs:
                return self.problem(409, "BLOB_MISSING")
            s.cache[key] = record
            return self.reply(204)
        self.reply(200, s.cache[key]) if key in s.cache else self.problem(404, "NOT_FOUND")


@pytest.fixture
def server(base):
    s = Server(base.split("/")[0])
    yield s
    s.shutdown()
    s.server_close()


@pytest.fixture
def worker(server, tmp_path):
    """worker("--slots", "1"): starts one, with a data directory of its own."""
    token = tmp_path / "token"
    token.write_text("kilnw_secret\n")
    started = []

    def make(*args, data="w"):
        log = open(tmp_path / f"{data}.log", "ab")
        p = start([KILN, "worker", "--server", server.url, "--token-file", token, "--data", tmp_path / data, *args], stderr=log)
        p.log = tmp_path / f"{data}.log"
        started.append(p)
        polls = len(server.polls)
        wait_for(lambda: len(server.polls) > polls or p.poll() is not None)
        return p

    yield make
    for p in started:
        stop(p)


def test_it_registers_with_its_platforms_and_slots(server, worker):
    worker("--name", "one", "--slots", "3", "--no-emulation", "--platform", HOST)
    wait_for(lambda: server.polls)
    (r,) = server.registered
    assert (r["name"], r["slots"], r["embedded"]) == ("one", 3, False)
    assert r["platforms"] == [{"platform": HOST, "native": True}]
    assert server.polls[0] == {"workerId": "wrk-1", "free": 3, "leases": [], "waitSeconds": 15}  # half a lease


def test_a_wrong_token_is_told_and_ends_it(server, tmp_path):
    (tmp_path / "t").write_text("kilnw_other")
    r = run([KILN, "worker", "--server", server.url, "--token-file", tmp_path / "t", "--data", tmp_path / "d"], code=1)
    assert "401" in r.err


def test_a_build_of_two_platforms_ends_with_manifests_that_the_server_has(server, worker):
    worker()
    lease = server.lease("FROM alpine\nARG K\nRUN echo hello $K; echo oops >&2\nCOPY f /f\n", {"f": "x"},
                         platforms=[HOST, OTHER], buildArgs=[["K", "world"]])
    ends = server.wait(lease, 2)
    for p in (HOST, OTHER):
        assert ends[p]["state"] == "done", server.text(lease)
        manifest = json.loads(server.blobs[ends[p]["manifest"]["digest"]])
        assert manifest["config"]["digest"] in server.blobs
        assert all(l["digest"] in server.blobs for l in manifest["layers"])
    (steps,) = server.of(lease, "steps")
    assert [s["step"] for s in steps["steps"]] == list(range(1, len(steps["steps"]) + 1))
    runs = {s["step"]: s["platforms"] for s in steps["steps"] if s["text"].startswith("RUN")}
    assert sorted(runs.values()) == sorted([[HOST], [OTHER]])
    lines = {(e["platform"], e["stream"], e["text"]) for e in server.of(lease, "log") if e["step"] in runs}
    assert lines == {(p, *l) for p in (HOST, OTHER) for l in (("stdout", "hello world"), ("stderr", "oops"))}
    states = [e["state"] for e in server.of(lease, "job") if e["platform"] == HOST]
    assert states == ["running", "pushing", "done"]
    ended = {e["step"]: e for e in server.of(lease, "step") if e["state"] in ("done", "cached") and "tookMs" in e}
    assert set(ended) == set(range(1, len(steps["steps"]) + 1)) and all(e["reason"] for e in ended.values())
    for copy in [s["step"] for s in steps["steps"] if s["text"].startswith("COPY")]:
        assert any(e["step"] == copy and e.get("digest") and e["size"] for e in server.of(lease, "step"))


def test_a_failing_platform_leaves_the_other(server, worker):
    worker()
    lease = server.lease("FROM alpine\nARG TARGETPLATFORM\n"
                         f'RUN if [ "$TARGETPLATFORM" = {OTHER} ]; then echo so not; exit 3; fi\nRUN echo next\n',
                         platforms=[HOST, OTHER])
    ends = server.wait(lease, 2)
    assert ends[HOST]["state"] == "done"
    assert ends[OTHER]["state"] == "failed" and ends[OTHER]["error"]["code"] == "STEP_FAILED"
    assert "exited with code 3" in ends[OTHER]["error"]["text"] and "so not" in ends[OTHER]["error"]["text"]
    last = {e["step"]: e["state"] for e in server.of(lease, "step")}
    assert sorted(last.values()).count("failed") == 1 and sorted(last.values()).count("canceled") == 1


def test_a_base_that_one_platform_lacks_fails_only_that(server, worker, kiln, context, name):
    only = name.split("/", 1)[1]
    kiln.build(context("FROM scratch\nCOPY f /f\n", {"f": "x"}), "--push", tag=f"{name}:1", platform=HOST)
    worker()
    lease = server.lease(f"FROM {server.mirror}/{only}:1\nCOPY g /g\n", {"g": "y"}, platforms=[OTHER, HOST])
    ends = server.wait(lease, 2)
    assert ends[HOST]["state"] == "done", server.text(lease)
    assert ends[OTHER]["state"] == "failed" and f"no image for {OTHER}" in ends[OTHER]["error"]["text"]


@pytest.mark.parametrize("dockerfile, files, code, says", [
    (None, {"sub/Dockerfile": "FROM scratch\n", "x": ""}, "DF_MISSING", "sub/Dockerfile"),
    ("FROM alpine\nRUNN x\n", {}, "DF_INVALID", "RUNN"),
    ("FROM MIRROR/library/alpine:no-such-tag\n", {}, "BASE_NOT_FOUND", "no-such-tag"),
    ("FROM alpine\nCOPY absent /\n", {}, "STEP_FAILED", "absent"),
])
def test_what_is_wrong_is_told_with_a_code(server, worker, dockerfile, files, code, says):
    worker()
    lease = server.lease(dockerfile and dockerfile.replace("MIRROR", server.mirror), files, platforms=[HOST])
    end = server.wait(lease)[HOST]
    assert end["state"] == "failed" and end["error"]["code"] == code and says in end["error"]["text"]


def test_a_hostile_context_is_refused(server, worker, tmp_path):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as t:
        link = tarfile.TarInfo("d")
        link.type, link.linkname = tarfile.SYMTYPE, str(tmp_path)
        t.addfile(link)
        f = tarfile.TarInfo("d/escaped")
        f.size = 1
        t.addfile(f, io.BytesIO(b"x"))
    worker()
    end = server.wait(server.lease(None, tar=out.getvalue()))[HOST]
    assert end["state"] == "failed" and "d/escaped" in end["error"]["text"]
    assert not (tmp_path / "escaped").exists()


def test_two_workers_without_a_common_directory_share_layers(server, worker):
    dockerfile = "FROM alpine AS a\nRUN echo made > /a; date +%s%N > /t\nFROM alpine\nCOPY --from=a /a /t /\n"
    first = worker(data="one")
    done = server.wait(server.lease(dockerfile))[HOST]
    stop(first, signal.SIGTERM)
    worker(data="two")
    lease = server.lease(dockerfile)
    again = server.wait(lease)[HOST]
    assert again["manifest"] == done["manifest"]
    states = [e for e in server.of(lease, "step") if "tookMs" in e]
    assert {e["state"] for e in states} == {"cached"}
    assert any("in the server" in e["reason"] for e in states)
    # What is missed runs on a layer that only the server has.
    lease = server.lease(dockerfile + "RUN cat /a && echo more > /m\n")
    assert server.wait(lease)[HOST]["state"] == "done"
    assert "made" in server.text(lease)


def test_without_cache_every_step_runs_and_says_why(server, worker):
    worker()
    dockerfile = "FROM alpine\nRUN echo once\n"
    server.wait(server.lease(dockerfile))
    lease = server.lease(dockerfile, noCache=True)
    server.wait(lease)
    assert "once" in server.text(lease)
    assert any("--no-cache" in e.get("reason", "") for e in server.of(lease, "step"))


@pytest.mark.parametrize("change, reason", [
    (lambda d, f: (d, {**f, "f": "other"}), "files changed"),
    (lambda d, f: (d.replace("echo a", "echo b"), f), "instruction changed"),
])
def test_a_miss_is_explained(server, worker, change, reason):
    worker()
    dockerfile, files = "FROM alpine\nRUN echo a\nCOPY f /f\n", {"f": "x"}
    server.wait(server.lease(dockerfile, files))
    lease = server.lease(*change(dockerfile, files))
    server.wait(lease)
    reasons = [e["reason"] for e in server.of(lease, "step") if "tookMs" in e and e["state"] == "done"]
    assert reasons and reason in reasons[0]


def running(server, lease, text="started"):
    wait_for(lambda: text in server.text(lease), 60)


SLEEP = "FROM alpine\nRUN echo started; trap '' TERM; sleep 300\n"


def test_cancel_ends_the_build_and_all_its_processes(server, worker, tmp_path):
    worker()
    lease = server.lease(SLEEP)
    running(server, lease)
    server.cancels.add(lease)
    assert server.wait(lease, timeout=15)[HOST]["state"] == "canceled"
    wait_for(lambda: not processes(str(tmp_path / "w"), "build-job") and not list((tmp_path / "w" / "jobs").iterdir()))


def test_the_time_limit_ends_the_build(server, worker):
    worker()
    lease = server.lease(SLEEP, timeLimitSeconds=1)
    end = server.wait(lease, timeout=30)[HOST]
    assert end["state"] == "failed" and end["error"]["code"] == "TIME_LIMIT"


def test_a_lost_lease_stops_the_build(server, worker):
    p = worker("--slots", "1")
    lease = server.lease("FROM alpine\nRUN echo started; while true; do echo x; sleep 0.1; done\n")
    running(server, lease)
    server.lost.add(lease)
    wait_for(lambda: server.polls[-1]["leases"] == [] and server.polls[-1]["free"] == 1)
    assert p.poll() is None
    again = server.lease("FROM alpine\nRUN true\n")
    assert server.wait(again)[HOST]["state"] == "done"


def test_a_build_goes_on_while_the_server_is_away(server, worker):
    worker()
    lease = server.lease("FROM alpine\nRUN echo started; for i in 1 2 3 4 5 6 7 8; do echo line $i; sleep 0.2; done\n")
    running(server, lease)
    server.away = True
    time.sleep(2.5)
    server.away = False
    assert server.wait(lease)[HOST]["state"] == "done"
    lines = [e["text"] for e in server.of(lease, "log") if e["text"].startswith("line")]
    assert lines == [f"line {i}" for i in range(1, 9)]


def test_a_context_that_broke_off_is_asked_for_again(server, worker):
    server.context_failures = 2
    worker()
    assert server.wait(server.lease("FROM alpine\nRUN true\n"))[HOST]["state"] == "done"


def test_a_server_that_forgot_the_worker_is_told_again(server, worker):
    worker()
    wait_for(lambda: server.polls)
    server.unknown = True
    wait_for(lambda: len(server.registered) == 2)
    assert server.wait(server.lease("FROM alpine\nRUN true\n"))[HOST]["state"] == "done"


def test_a_builder_that_is_killed_fails_its_jobs(server, worker, tmp_path):
    p = worker()
    lease = server.lease(SLEEP, platforms=[HOST])
    running(server, lease)
    for pid, line in processes("build-job"):
        if int(open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[1]) == p.pid:
            os.kill(pid, signal.SIGKILL)
    end = server.wait(lease)[HOST]
    assert end["state"] == "failed" and end["error"]["code"] == "WORKER" and "signal 9" in end["error"]["text"]


def test_term_finishes_builds_and_a_second_one_does_not(server, worker):
    p = worker()
    lease = server.lease("FROM alpine\nRUN echo started; sleep 2\n")
    running(server, lease)
    p.send_signal(signal.SIGTERM)
    assert p.wait(60) == 0
    assert server.ends(lease)[HOST]["state"] == "done"
    p = worker()
    lease = server.lease(SLEEP)
    running(server, lease)
    p.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    assert p.poll() is None
    p.send_signal(signal.SIGTERM)
    assert p.wait(10) == 0
    assert not server.ends(lease)


def test_a_worker_that_is_killed_takes_its_builders_along(server, worker, tmp_path):
    p = worker()
    running(server, server.lease(SLEEP))
    ours = [pid for pid, _ in processes("build-job")
            if int(open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[1]) == p.pid]
    assert ours
    os.kill(p.pid, signal.SIGKILL)
    p.wait()
    wait_for(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in ours))


def test_many_lines_come_whole_and_in_order(server, worker):
    worker()
    lease = server.lease("FROM alpine\nRUN seq 1 100000; printf 'a\\rb\\n'; head -c 40000 /dev/zero | tr '\\0' x\n")
    assert server.wait(lease, timeout=120)[HOST]["state"] == "done"
    (step,) = {e["step"] for e in server.of(lease, "log") if e["text"] == "1"}
    lines = [e["text"] for e in server.of(lease, "log") if e["step"] == step]
    assert lines[:100000] == [str(i) for i in range(1, 100001)]
    assert lines[100000] == "a\rb"
    assert [len(l) for l in lines[100001:]] == [16384, 16384, 40000 - 2 * 16384]
    assert max(n for _, n, _ in server.batches[lease]) <= 1000
    assert max(size for _, _, size in server.batches[lease]) <= 1 << 20
