"""Figures of the build service: from a push to a step and to an image, lists of many records, logs of many lines, many readers."""
import base64
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import sqlite3
import statistics
import subprocess
import threading
import time
import uuid

PASSWORD = "bench password"
LOG_LINES = 1000000


class Server:
    def __init__(self, b, data, *args):
        self.b = b
        self.log = b.work / "service.log"
        env = {**os.environ, "KILN_ADMIN_PASSWORD": PASSWORD}
        self.process = b.start(b.kiln, "serve", "--data", data, "--listen", "127.0.0.1:0", *args, log=self.log, env=env)
        for _ in range(200):
            found = re.search(r"listening on http://(\S+)", self.log.read_text())
            if found:
                break
            time.sleep(0.05)
        self.host = found[1]
        self.auth = {"Authorization": "Basic " + base64.b64encode(f"admin:{PASSWORD}".encode()).decode()}
        self.connection = http.client.HTTPConnection(self.host, timeout=120)

    def api(self, method, path, body=None):
        headers = dict(self.auth)
        raw = None
        if body is not None:
            raw, headers["Content-Type"] = json.dumps(body), "application/json"
        self.connection.request(method, path, raw, headers)
        r = self.connection.getresponse()
        text = r.read()
        if r.status >= 400:
            raise RuntimeError(f"{method} {path}: {r.status} {text[:300]!r}")
        return json.loads(text) if text and "json" in r.headers.get("Content-Type", "") else text

    def timed(self, path, rounds=9):
        took = []
        self.api("GET", path)
        for _ in range(rounds):
            began = time.monotonic()
            self.api("GET", path)
            took.append((time.monotonic() - began) * 1000)
        return statistics.median(took)

    def public(self, name):
        try:
            self.api("GET", "/api/v1/namespaces/bench")
        except RuntimeError:
            self.api("POST", "/api/v1/namespaces", {"name": "bench"})
        return self.api("POST", "/api/v1/repositories", {"namespace": "bench", "name": name, "type": "PUBLIC"})

    def repository(self, name, **rule):
        made = self.public(name)
        self.api("PUT", f"/api/v1/repositories/bench%2F{name}/source", {"provider": "KILN"})
        self.api("POST", f"/api/v1/repositories/bench%2F{name}/rules",
                 {"refType": "GIT_BRANCH", "pattern": "main", "imageTags": ["latest"], **rule})
        return made["id"]

    def newest(self, name):
        return self.api("GET", f"/api/v1/builds?repository=bench%2F{name}&limit=1")["items"][0]["id"]

    def wait(self, id):
        while True:
            build = self.api("GET", f"/api/v1/builds/{id}")
            if build["status"] not in ("PENDING", "BUILDING"):
                if build["status"] != "SUCCESS":
                    raise RuntimeError(json.dumps(build)[:1000])
                return build
            time.sleep(0.01)


class Tree:
    def __init__(self, b, server, name, dockerfile):
        self.path = b.work / f"tree-{name}-{os.getpid()}"
        shutil.rmtree(self.path, ignore_errors=True)
        self.path.mkdir()
        self.url = f"http://admin:{PASSWORD.replace(' ', '%20')}@{server.host}/git/bench/{name}.git"
        self.git("init", "-q", "-b", "main")
        (self.path / "Dockerfile").write_text(dockerfile)
        self.commit()

    def git(self, *args):
        subprocess.run(["git", "-c", "user.name=b", "-c", "user.email=b@localhost", *args], cwd=self.path, check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def commit(self):
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "x")

    def push(self):
        self.git("push", "-q", self.url, "HEAD:refs/heads/main")
        return time.time()


def ms(text):
    """Milliseconds since 1970 of an RFC 3339 time."""
    from datetime import datetime
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000


def in_queue(b):
    """Milliseconds from record to lease of the build that runs now. A lease has the time limit's end, from when it was granted."""
    database = sqlite3.connect(f"file:{pathlib.Path(b.service_data) / 'kiln.db'}?mode=ro", uri=True)
    for _ in range(200):
        row = database.execute("SELECT l.deadline_ns - r.time_limit_s * 1000000000 - r.created_ns FROM build_lease l"
                               " JOIN build_record r ON r.id = l.record_id").fetchone()
        if row:
            return row[0] / 1e6
        time.sleep(0.001)
    return None


def figure_push(b, s, line):
    """From the arrival of the push to the first step that runs, and to the published index."""
    s.repository("push", platforms=["linux/amd64", "linux/arm64"])
    tree = Tree(b, s, "push", "FROM alpine\nRUN echo 0\n")
    tree.push()
    s.wait(s.newest("push"))
    first, queue, leased, cached = [], [], [], []
    for n in range(9):
        (tree.path / "Dockerfile").write_text(f"FROM alpine\nRUN echo {uuid.uuid4()}\n")
        tree.commit()
        tree.push()
        waited = in_queue(b)
        if waited is not None:
            leased.append(waited)
        build = s.wait(s.newest("push"))
        steps = s.api("GET", f"/api/v1/builds/{build['id']}/steps")["items"]
        ran = min(ms(x["startedAt"]) for x in steps if x["text"].startswith("RUN"))
        first.append(ran - ms(build["pushedAt"]))
        queue.append(min(ms(j["startedAt"]) for j in build["jobs"]) - ms(build["createdAt"]))
        tree.commit()
        returned = tree.push()
        again = s.wait(s.newest("push"))
        cached.append(ms(again["endedAt"]) - returned * 1000)
    line("push received to first step running", statistics.median(first), 300)
    if leased:
        line("    of which in the queue, from record to lease", statistics.median(leased), 20)
    line("    of which from record to the first job begun", statistics.median(queue), None)
    line("all cached: push returned to index published", statistics.median(cached), 500)


def figure_records(b, s, line):
    """100,000 records: pages at the beginning and far behind."""
    s.repository("records")
    database = sqlite3.connect(pathlib.Path(b.service_data) / "kiln.db")
    source = database.execute("SELECT id FROM build_record LIMIT 1").fetchone()[0]
    columns = [c[1] for c in database.execute("PRAGMA table_info(build_record)")]
    seq = database.execute("SELECT MAX(seq) FROM build_record").fetchone()[0]
    values = {c: c for c in columns}
    values.update(id="printf('%08x-0000-4000-8000-%012x', n, n)", seq=f"{seq} + n")
    database.execute("PRAGMA busy_timeout = 30000")
    database.execute(f"WITH RECURSIVE k(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM k WHERE n < 100000)"
                     f" INSERT INTO build_record ({', '.join(columns)})"
                     f" SELECT {', '.join(values[c] for c in columns)} FROM k, build_record WHERE build_record.id = '{source}'")
    database.execute("INSERT INTO build_job (record_id, platform, state, attempt, queued_ns) SELECT id, 'linux/amd64', 'done', 1, 1"
                     " FROM build_record WHERE id LIKE '%-0000-4000-8000-%'")
    database.commit()
    database.close()
    for what, query in (("first page of all", ""), ("by repository", "&repository=bench%2Fpush"), ("by status", "&status=SUCCESS")):
        line(f"100,000 records: {what}", s.timed(f"/api/v1/builds?limit=50{query}"), 10)
    cursor, deep = "", []
    for _ in range(40):
        began = time.monotonic()
        page = s.api("GET", f"/api/v1/builds?limit=500{cursor}")
        deep.append((time.monotonic() - began) * 1000)
        cursor = f"&cursor={page['next']}"
    line("100,000 records: 50 behind the first 20,000", s.timed(f"/api/v1/builds?limit=50{cursor}"), 10)


def figure_log(b, s, line):
    """A log of a million lines from a real container: pages, search, and then many readers."""
    s.repository("log")
    tree = Tree(b, s, "log", f"FROM alpine\nRUN seq 1 {LOG_LINES} | sed 's/$/ the quick brown fox jumps over the lazy dog, and then some more/'\n")
    tree.push()
    build = s.wait(s.newest("log"))
    base = f"/api/v1/builds/{build['id']}/log"
    total = s.api("GET", f"{base}?limit=1")["total"]
    for at in (0, total // 2, total - 500):
        line(f"{total} lines: 500 from line {at}", s.timed(f"{base}?from={at}&limit=500"), 20)
    line(f"{total} lines: the last 500", s.timed(f"{base}?tail=500"), 20)
    line(f"{total} lines: search of a text that is not there", s.timed(f"{base}/search?q=no-such-text", 5), 500)
    line(f"{total} lines: search without case", s.timed(f"{base}/search?q=NO-SUCH-TEXT&ignoreCase=1", 5), 500)
    line(f"{total} lines: search of an expression", s.timed(f"{base}/search?q=9999%5Cd+the&regex=1", 5), 500)


def memory_mb(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1]) / 1024


def figure_readers(b, s, line):
    """1,000 readers of one log that grows: memory of the server, and how late a line is."""
    s.repository("live")
    tree = Tree(b, s, "live", "FROM alpine\nRUN sleep 4; for i in $(seq 1 60); do echo \"at $(date +%s) $(cut -d' ' -f1 /proc/uptime)\"; "
                              "sleep 0.1; done\n")
    tree.push()
    id = s.newest("live")
    host, _, port = s.host.partition(":")
    before = memory_mb(s.process.pid)
    request = (f"GET /api/v1/builds/{id}/events HTTP/1.1\r\nHost: {s.host}\r\nAuthorization: {s.auth['Authorization']}\r\n\r\n").encode()
    sockets = []
    for _ in range(999):
        c = socket.create_connection((host, int(port)))
        c.sendall(request)
        sockets.append(c)
    late = []
    reader = http.client.HTTPConnection(s.host, timeout=60)
    reader.request("GET", f"/api/v1/builds/{id}/events", None, s.auth)
    answer = reader.getresponse()
    peak = before
    while True:
        text = answer.readline()
        if not text or text.startswith(b"event: end"):
            break
        if text.startswith(b"data: ") and b'"lines"' in text:
            now = float(pathlib.Path("/proc/uptime").read_text().split()[0])
            peak = max(peak, memory_mb(s.process.pid))
            for l in json.loads(text[6:])["lines"]:
                if l["text"].startswith("at "):
                    late.append((now - float(l["text"].split()[2])) * 1000)
    for c in sockets:
        c.close()
    if not late:
        raise RuntimeError("no line came")
    line("1,000 readers of one log: more memory of the server (MB)", peak - before, 100)
    line("    from a line's writing to the reader, median (ms, clock of 10 ms)", statistics.median(late), 100)


def run(b, say, mirror):
    data = b.work / f"service-data-{os.getpid()}"
    shutil.rmtree(data, ignore_errors=True)
    b.service_data = data
    b.temporary.append(data)

    def line(what, ours, wanted):
        verdict = "" if wanted is None else f"<= {wanted:<5g} {'PASS' if ours <= wanted else 'FAIL'}"
        say(f"{what:<70} {ours:>10.1f}  {verdict}")

    s = Server(b, data, "--registry-mirror", f"docker.io=http://{mirror}")
    try:
        for figure in (figure_push, figure_log, figure_readers, figure_records):
            figure(b, s, line)
    finally:
        b.stop(s.process)
        for tree in b.work.glob(f"tree-*-{os.getpid()}"):
            shutil.rmtree(tree, ignore_errors=True)
