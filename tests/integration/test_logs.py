"""Logs of builds from outside: pages, search, text, live events; what programs write and how; readers that are slow or gone; kill -9."""
import http.client
import json
import os
import pathlib
import random
import re
import socket
import struct
import threading
from urllib.parse import urlencode

import pytest

from conftest import KILN, SLOW, Service, run, wait_for
from test_service import Cli
from test_service_kill import Gate

TWO = ["linux/amd64", "linux/arm64"]
MILLION = 1_000_000
BAD = "\ufffd"


@pytest.fixture(scope="module")
def service(tmp_path_factory, registry, base):
    """One server for all of these tests; two builds at once."""
    s = Service(tmp_path_factory.mktemp("logs") / "service", registry.host)
    yield s
    assert s.close() == 0, s.log.read_text()


@pytest.fixture(autouse=True)
def nothing_runs(service):
    """A test that failed leaves no build that takes the place of the next one's."""
    yield
    for b in service.builds():
        if b["status"] in ("PENDING", "BUILDING"):
            service.api("POST", f"/api/v1/builds/{b['id']}:cancel", {})


@pytest.fixture
def gate():
    g = Gate()
    yield g
    g.socket.close()


def pass_gate(gate):
    """A command that waits until the gate is open."""
    return f"until nc 127.0.0.1 {gate.port} </dev/null; do sleep 0.1; done"


@pytest.fixture(scope="module")
def mixed(service, tmp_path_factory):
    """A build for two platforms with lines of all streams: its id."""
    id = service.push_build(tmp_path_factory.mktemp("mixed"), platforms=TWO, dockerfile="""FROM alpine
ARG TARGETARCH
RUN for i in $(seq 1 300); do echo out-$TARGETARCH-$i; echo err-$TARGETARCH-$i >&2; done
RUN echo 'a needle'; echo 'A Needle'; echo 'a.needle'; echo 'ünïcödé'; echo; echo '<b>&"'
""")
    service.wait(id)
    return id


def page(service, id, **query):
    return service.ok("GET", f"/api/v1/builds/{id}/log?" + urlencode(query))


def search(service, id, q, **query):
    return service.ok("GET", f"/api/v1/builds/{id}/log/search?" + urlencode({"q": q, **query}))


def lines_of(service, id, limit=5000, **query):
    """All lines, page by page."""
    found, at = [], 0
    while True:
        p = page(service, id, **{"from": at, "limit": limit, **query})
        found += p["lines"]
        at = p["next"]
        if p["end"] or not p["lines"]:
            return found


def texts(lines):
    return [l["text"] for l in lines]


def of_step(service, id, word):
    """The lines of the one step whose text has the word."""
    (step,) = {s["step"] for s in service.ok("GET", f"/api/v1/builds/{id}/steps")["items"] if word in s["text"]}
    return lines_of(service, id, step=step)


class Events:
    """A reader of server-sent events: every `log` event is a list of lines. Close it at any time; `last_id` is where to go on."""

    def __init__(self, service, id, last_id=None, query="", receive=None):
        self.last_id, self.events, self.ended = last_id, [], False
        self.response = None
        self.socket = socket.socket()
        if receive:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
        host, _, port = service.host.partition(":")
        self.socket.settimeout(30 * SLOW)
        self.socket.connect((host, int(port)))
        login = http_basic(service)
        resume = f"Last-Event-ID: {last_id}\r\n" if last_id is not None else ""
        self.socket.sendall((f"GET /api/v1/builds/{id}/events{query} HTTP/1.1\r\nHost: {service.host}\r\n"
                             f"Authorization: {login}\r\n{resume}\r\n").encode())

    def open(self):
        """Reads the head of the answer."""
        self.response = http.client.HTTPResponse(self.socket)
        self.response.begin()
        assert self.response.status == 200, self.response.read()
        assert self.response.headers["Content-Type"] == "text/event-stream"
        return self

    def __iter__(self):
        """(event, data) of each event, to the end of the stream."""
        self.open()
        name, data = "message", []
        for raw in self.response:
            line = raw.decode().rstrip("\n")
            field, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if not line:
                if data:
                    yield name, json.loads("\n".join(data))
                name, data = "message", []
            elif field == "event":
                name = value
            elif field == "data":
                data.append(value)
            elif field == "id":
                self.last_id = value
            self.ended = self.ended or (field == "event" and value == "end")

    def lines(self):
        """The lines of the log, one after the other."""
        for name, data in self:
            if name == "log":
                yield from data["lines"]

    def close(self, abruptly=False):
        if abruptly:  # RST
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if self.response:  # it holds the socket too
            self.response.close()
        self.socket.close()


def http_basic(service):
    import base64
    return "Basic " + base64.b64encode(f"admin:{service.admin_password}".encode()).decode()


# --- pages, search, text ------------------------------------------------------------------------


def test_pages_by_offset(service, mixed):
    whole = lines_of(service, mixed)
    assert [l["n"] for l in whole] == list(range(len(whole))) and len(whole) > 1200
    for limit in (1, 7, 1000):
        some = whole if limit > 1 else whole[:20]
        got, at = [], 0
        while len(got) < len(some):
            p = page(service, mixed, **{"from": at, "limit": limit})
            assert len(p["lines"]) == min(limit, len(whole) - at) and p["total"] == len(whole)
            assert p["end"] == (p["next"] == len(whole))
            got, at = got + p["lines"], p["next"]
        assert got == some
    assert [page(service, mixed, **{"from": 5, "limit": 3})["lines"][i]["n"] for i in range(3)] == [5, 6, 7]
    for at in (len(whole), len(whole) + 10, 10**15):
        p = page(service, mixed, **{"from": at})
        assert (p["lines"], p["end"], p["total"]) == ([], True, len(whole)), at
    times = [l["time"] for l in whole]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", t) for t in times)


def test_the_end(service, mixed):
    whole = lines_of(service, mixed)
    for n in (1, 13, 1000, 5000):
        p = page(service, mixed, tail=n)
        assert p["lines"] == whole[-n:] and p["next"] == len(whole) and p["end"] is True
    only = [l for l in whole if l["stream"] == "stderr" and l["platform"] == TWO[1]]
    assert page(service, mixed, tail=5, stream="stderr", platform=TWO[1])["lines"] == only[-5:]


def test_filters(service, mixed):
    whole = lines_of(service, mixed)
    step = next(l["step"] for l in whole if l["text"] == "out-amd64-1")
    for want in ({"platform": TWO[0]}, {"platform": TWO[1]}, {"step": step}, {"stream": "stdout"}, {"stream": "stderr"},
                 {"stream": "system"}, {"stream": "stdout", "step": step}, {"stream": "stderr", "platform": TWO[0], "step": step}):
        expected = [l for l in whole if all(l[k] == v for k, v in want.items())]
        assert expected, want
        assert lines_of(service, mixed, **want) == expected
        assert lines_of(service, mixed, limit=50, **want) == expected
        text = service.api("GET", f"/api/v1/builds/{mixed}/log.txt?{urlencode(want)}").body.decode()
        assert text.split("\n")[:-1] == texts(expected)
        found = search(service, mixed, "e", limit=5000, **want)
        assert found["lines"] == [l for l in expected if "e" in l["text"]] and found["total"] == len(found["lines"])
        assert list(Events(service, mixed, query=f"?{urlencode(want)}").lines()) == expected
    for arch in ("amd64", "arm64"):
        for word, stream in (("out", "stdout"), ("err", "stderr")):
            got = texts(lines_of(service, mixed, stream=stream, platform=f"linux/{arch}"))
            assert [t for t in got if t.startswith(word)] == [f"{word}-{arch}-{i}" for i in range(1, 301)]


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 5001}, {"limit": "x"}, {"from": -1}, {"from": "x"}, {"tail": 0},
                                   {"tail": 5001}, {"platform": "linux/arm/v6"}, {"platform": "x"}, {"step": "x"}, {"step": 65536},
                                   {"stream": "stdin"}])
def test_wrong_queries(service, mixed, query):
    for what in ["log"] + (["log/search", "events", "log.txt"] if not {"limit", "from", "tail"} & set(query) else []):
        r = service.api("GET", f"/api/v1/builds/{mixed}/{what}?" + urlencode({**query, **({"q": "x"} if "search" in what else {})}))
        assert r.status == 400 and r.json["code"] == "QUERY" and next(iter(query)) in r.json["detail"], (what, r.body)


def test_search(service, mixed):
    whole = lines_of(service, mixed)
    out = [l for l in whole if l["stream"] == "stdout"]
    find = lambda q, **query: search(service, mixed, q, limit=5000, stream="stdout", **query)

    def expect(found, test):
        wanted = [l for l in out if test(l["text"])]
        assert found["lines"] == wanted and found["total"] == len(wanted) and found["next"] is None
        return len(wanted)

    assert expect(find("needle"), lambda t: "needle" in t) == 4
    assert expect(find("a.needle"), lambda t: "a.needle" in t) == 2, "plain text is no expression"
    assert expect(find("NEEDLE", ignoreCase=1), lambda t: "needle" in t.lower()) == 6
    assert expect(find("a.needle", regex=1), lambda t: re.search("a.needle", t)) == 4
    assert expect(find("^A.NEEDLE$", regex=1, ignoreCase=1), lambda t: re.search("^a.needle$", t, re.I)) == 6
    assert expect(find(r"^out-amd64-1\d?$", regex=1), lambda t: re.search(r"^out-amd64-1\d?$", t)) == 11
    assert expect(find("ünïcödé"), lambda t: t == "ünïcödé") == 2
    assert expect(find("ÜNÏCÖDÉ", ignoreCase=1), lambda t: t == "ünïcödé") == 2
    assert expect(find("n.c.d", regex=1), lambda t: False) == 0, "bytes, as the expression has no other character"
    assert expect(find("ü..", regex=1), lambda t: t == "ünïcödé") == 2
    assert expect(find('<b>&"'), lambda t: t == '<b>&"') == 2
    assert expect(find("^$", regex=1), lambda t: t == "") == 2
    assert expect(find("no such thing"), lambda t: False) == 0
    assert expect(find("needle\nA"), lambda t: False) == 0, "not over the end of a line"
    # page by page
    got, at = [], 0
    while at is not None:
        p = search(service, mixed, "out-", limit=100, **{"from": at})
        assert p["total"] == len([l for l in whole if "out-" in l["text"]])
        got, at = got + p["lines"], p["next"]
    assert got == [l for l in whole if "out-" in l["text"]]
    # by place among all that match, and what place a line has
    for query, first in (({"skip": 0}, 0), ({"skip": 595}, 595), ({"skip": 9999}, 600), ({"from": got[41]["n"]}, 41),
                         ({"from": got[41]["n"], "skip": 50}, 50), ({"from": got[41]["n"], "skip": 3}, 41)):
        p = search(service, mixed, "out-", limit=5, **query)
        assert (p["first"], p["total"], p["lines"]) == (first, 600, got[first:first + 5]), query


def test_outline(service, mixed):
    whole = lines_of(service, mixed)
    o = service.ok("GET", f"/api/v1/builds/{mixed}/log/outline")
    assert o["platforms"] == TWO and o["next"] == len(whole)
    said = [(([None] + TWO)[p], step or None) for n, p, step in zip(*[iter(o["runs"])] * 3) for _ in range(n)]
    assert said == [(l["platform"], l["step"]) for l in whole]
    rest = service.ok("GET", f"/api/v1/builds/{mixed}/log/outline?" + urlencode({"from": len(whole) - 2}))
    assert sum(rest["runs"][::3]) == 2 and rest["next"] == len(whole)
    assert service.ok("GET", f"/api/v1/builds/{mixed}/log/outline?from={len(whole)}")["runs"] == []


@pytest.mark.parametrize("expression, offset, says", [
    ("a(b", 3, "parenthesis"), ("[a-", 3, "missing terminating ]"), ("*", 0, "quantifier"), ("x{2,1}", 5, "out of order"),
    ("(?<n>a)(?<n>b)", 12, "same name"), ("\\", 1, "\\ at end of pattern"),
])
def test_a_wrong_expression_has_its_offset(service, mixed, expression, offset, says):
    r = service.api("GET", f"/api/v1/builds/{mixed}/log/search?" + urlencode({"q": expression, "regex": 1}))
    assert r.status == 400 and r.json["code"] == "RULE_REGEX" and r.json["remedy"], r.body
    assert f"offset {offset}:" in r.json["detail"] and says in r.json["detail"], r.body


def test_searches_that_are_refused(service, mixed):
    for q in ("", "x" * 1001):
        r = service.api("GET", f"/api/v1/builds/{mixed}/log/search?" + urlencode({"q": q}))
        assert r.status in (400, 413) and r.json["code"] == "QUERY", r.body
    for query in ({"regex": "maybe"}, {"ignoreCase": "2"}):
        r = service.api("GET", f"/api/v1/builds/{mixed}/log/search?" + urlencode({"q": "x", **query}))
        assert r.status == 400 and r.json["code"] == "QUERY", r.body
    for what in ("log", "log/search?q=x", "log.txt", "events", "steps"):
        for id in ("01234567-89ab-cdef-0123-456789abcdef", "nonsense"):
            r = service.api("GET", f"/api/v1/builds/{id}/{what}")
            assert r.status == 404 and r.json["code"] == "NOT_FOUND", (what, r.body)
        assert service.api("GET", f"/api/v1/builds/{mixed}/{what}", basic=None).status in (401, 404)


def test_an_expression_that_would_take_forever(service, tmp_path):
    id = service.push_build(tmp_path, "FROM alpine\nRUN for i in 1 2 3; do head -c 5000 /dev/zero | tr '\\0' a; echo b; done\n")
    service.wait(id)
    r = service.api("GET", f"/api/v1/builds/{id}/log/search?" + urlencode({"q": "^(a+)+$", "regex": 1}))
    assert r.status == 413 and r.json["code"] == "RULE_REGEX" and r.json["remedy"], r.body
    assert service.api("GET", "/api/v1/whoami").status == 200


def test_as_text(service, mixed):
    whole = lines_of(service, mixed)
    r = service.api("GET", f"/api/v1/builds/{mixed}/log.txt")
    assert r.headers["Content-Type"] == "text/plain; charset=utf-8" and r.headers["X-Content-Type-Options"] == "nosniff"
    assert r.body.decode().split("\n") == [*texts(whole), ""]
    timed = service.api("GET", f"/api/v1/builds/{mixed}/log.txt?times=1").body.decode().split("\n")[:-1]
    assert timed == [f"{l['time']} {l['platform'] or '-'} #{l['step'] or 0} {l['text']}" for l in whole]
    assert service.api("GET", f"/api/v1/builds/{mixed}/log.txt?times=perhaps").status == 400


def test_by_command_line(service, mixed, tmp_path):
    cli = Cli(service, tmp_path)
    whole = lines_of(service, mixed)
    said = cli("builds", "logs", mixed).out.splitlines()
    assert len(said) == len(whole) and [s.endswith(l["text"]) for s, l in zip(said, whole)] == [True] * len(whole)
    doc = cli.json("builds", "logs", mixed)  # it has more lines than a page: one document all the same
    assert doc == {"lines": whole, "next": len(whole), "total": len(whole), "end": True}
    assert texts(cli.json("builds", "logs", mixed, "--tail", "2")["lines"]) == texts(whole[-2:])
    assert cli.json("builds", "logs", mixed, "--search", "no such thing") == {"lines": [], "first": 0, "total": 0, "next": None}
    found = cli.json("builds", "logs", mixed, "--search", "^OUT-", "--regex", "-i", "--platform", TWO[0])
    assert len(found["lines"]) == found["total"] == 300
    only = cli("builds", "logs", mixed, "--stream", "stderr", "--platform", TWO[1]).out.splitlines()
    assert len(only) == 300 and all("err-arm64-" in l for l in only)
    assert cli("builds", "logs", mixed, "-t", "--tail", "1").out.startswith("20")
    refused = cli("builds", "logs", mixed, "--search", "a(b", "--regex", code=1)
    assert "offset 3" in refused.err and refused.out == ""
    assert "stdout|stderr|system" in cli("builds", "logs", mixed, "--stream", "stdin", code=2).err
    followed = [json.loads(l) for l in cli("builds", "logs", "-f", mixed, "--json", "--stream", "stdout").out.splitlines()]
    lines = [l for e in followed if e["event"] == "log" for l in e["data"]["lines"]]
    assert lines == [l for l in whole if l["stream"] == "stdout"]


# --- live ---------------------------------------------------------------------------------------


def test_events_of_a_build_that_has_ended(service, mixed):
    whole = lines_of(service, mixed)
    reader = Events(service, mixed)
    events = list(reader)
    assert [l for name, d in events if name == "log" for l in d["lines"]] == whole
    assert events[0][0] == "build" and events[0][1] == service.build(mixed) and events[-1] == ("end", {})
    told = [s for name, d in events if name == "step" for s in d["steps"]]
    assert told == service.ok("GET", f"/api/v1/builds/{mixed}/steps")["items"]
    assert reader.last_id == str(len(whole))


def test_events_resume_at_exactly_the_next_line(service, mixed):
    whole = lines_of(service, mixed)
    for at in (0, 1, 99, 100, 101, len(whole) - 1, len(whole)):
        assert list(Events(service, mixed, last_id=at).lines()) == whole[at:], at
        assert list(Events(service, mixed, query=f"?from={at}").lines()) == whole[at:], at
    # where both are given, the client that comes again is right
    assert list(Events(service, mixed, last_id=len(whole) - 2, query="?from=0").lines()) == whole[-2:]
    for bad in ("x", "-1", "1.5", "99999999999999999999"):
        r = service.api("GET", f"/api/v1/builds/{mixed}/events", headers={"Last-Event-ID": bad})
        assert r.status == 400 and r.json["code"] == "QUERY", r.body


def read_with_breaks(service, id, seed, out):
    """Reads live, hangs up after some lines again and again, and resumes by the last id."""
    chance = random.Random(seed)
    last, got = None, []
    while True:
        reader = Events(service, id, last_id=last)
        leave_after, seen = chance.choice([1, 3, 10, 150, 700]), 0
        for name, data in reader:
            if name == "log":
                got += data["lines"]
                seen += len(data["lines"])
                if seen >= leave_after:
                    break
        last = reader.last_id
        ended = reader.ended
        reader.close(abruptly=chance.random() < 0.5)
        if ended:
            out[seed] = got
            return


@pytest.mark.tsan
def test_live_with_many_breaks(service, tmp_path, gate):
    """Every reader has each line once, in order, however often its connection breaks; lines are there while the step runs."""
    id = service.push_build(tmp_path, f"""FROM alpine
RUN for i in $(seq 1 5000); do echo first-$i; done; {pass_gate(gate)}; for i in $(seq 1 5000); do echo second-$i; done
""")
    live = Events(service, id)
    steady = live.lines()
    seen = []
    for l in steady:
        seen.append(l)
        if l["text"] == "first-5000":
            break
    assert service.build(id)["status"] == "BUILDING", "the lines came before the step's end"
    got = {}
    readers = [threading.Thread(target=read_with_breaks, args=(service, id, n, got)) for n in range(6)]
    [r.start() for r in readers]
    gate.open()
    seen += list(steady)
    [r.join(120 * SLOW) for r in readers]
    service.wait(id, "SUCCESS")
    whole = lines_of(service, id)
    assert seen == whole
    assert sorted(got) == list(range(6)) and all(g == whole for g in got.values())
    said = [t for t in texts(whole) if re.match("(first|second)-", t)]
    assert said == [f"{w}-{i}" for w in ("first", "second") for i in range(1, 5001)]


def n_connections(service):
    """That are open at the server's end."""
    port = int(service.host.rpartition(":")[2])
    rows = [line.split() for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(r[1].endswith(f":{port:04X}") and r[3] in ("01", "08") for r in rows)


def n_files(service):
    return len(os.listdir(f"/proc/{service.process.pid}/fd"))


def resident_mb(service):
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{service.process.pid}/status").read_text()).group(1)) / 1024


def test_slow_and_vanishing_readers(service, tmp_path, gate):
    """A hundred that do not read, and a hundred that go away, some without a word: the build goes on, and nothing of them is left."""
    id = service.push_build(tmp_path, f"FROM alpine\nRUN echo begin; {pass_gate(gate)}; seq 1 200000\n")
    wait_for(lambda: "begin" in service.text(id), 60)
    files, mb = n_files(service), resident_mb(service)
    slow = [Events(service, id, receive=4096 if n else None) for n in range(100)]
    gone = [Events(service, id) for _ in range(100)]
    for n, r in enumerate(gone):
        if n % 2:
            r.open()
    wait_for(lambda: n_connections(service) >= 200)
    gate.open()
    for n, r in enumerate(gone):
        r.close(abruptly=n % 3 == 0)
    service.wait(id, "SUCCESS")  # while the slow ones have not read a byte
    said = service.api("GET", f"/api/v1/builds/{id}/log.txt?stream=stdout").body.decode().split("\n")
    assert said[-200001:] == [*map(str, range(1, 200001)), ""]
    if SLOW == 1:  # sanitizers keep what was freed
        assert resident_mb(service) - mb < 150
    # one that reads at last has it all
    assert [l["text"] for l in slow[0].lines() if l["stream"] == "stdout"] == said[:-1]
    for r in slow:
        r.close()
    wait_for(lambda: n_connections(service) <= 5 and n_files(service) <= files + 20, 60)


def test_a_reader_that_was_there_before_the_build(service, tmp_path, gate):
    """It waits in the queue with the build, and is told of each change of its state."""
    blockers = [service.push_build(tmp_path / str(n), f"FROM alpine\nRUN {pass_gate(gate)}; echo {n}\n") for n in range(2)]
    [service.wait(b, "BUILDING") for b in blockers]
    id = service.push_build(tmp_path / "waits", "FROM alpine\nRUN echo here && sleep 1\n")
    assert service.build(id)["status"] == "PENDING"
    reader = Events(service, id)
    events = iter(reader)
    name, build = next(events)
    assert (name, build["status"]) == ("build", "PENDING")
    gate.open()
    rest = list(events)
    states = [d["status"] for name, d in rest if name == "build"]
    assert "BUILDING" in states and states[-1] == "SUCCESS"
    assert "here" in [l["text"] for name, d in rest if name == "log" for l in d["lines"]]
    [service.wait(b, "SUCCESS") for b in blockers]


def test_follow_by_command_line_ends_as_the_build(service, tmp_path):
    cli = Cli(service, tmp_path)
    good = service.push_build(tmp_path, "FROM alpine\nRUN echo all-is-well\n")
    said = cli("builds", "logs", "-f", good, timeout=120)
    assert "all-is-well" in said.out and "SUCCESS" in said.out
    bad = service.push_build(tmp_path, "FROM alpine\nRUN echo not-well; exit 3\n")
    said = cli("builds", "logs", "-f", bad, timeout=120, code=1)
    assert "not-well" in said.out and "FAILED" in said.out and said.err.startswith("kiln: the build is FAILED")


# --- what programs write ------------------------------------------------------------------------


def test_output_of_every_kind(service, tmp_path):
    """Without a newline, empty lines, carriage returns, colours, NUL, bytes that are no UTF-8; each stream in its order."""
    id = service.push_build(tmp_path, r"""FROM alpine
RUN printf 'no end'
RUN printf 'one\n\n\nfour\r\nfive\rover\n'
RUN printf '\033[31mred\033[0m\ttab\a\b\n'
RUN printf 'nul:\000:\n'
RUN printf 'latin \374 broken \342\202 alone \200 too long \300\257 surrogate \355\240\200\n'
RUN printf 'whole \342\202\254 \360\237\230\200\n'
RUN for i in 1 2 3 4 5; do printf "o$i\n"; printf "e$i\n" >&2; done; printf last-out; printf last-err >&2
RUN head -c 100000 /dev/urandom | tr -d '\n'; echo; echo after-binary
RUN printf '\342'; sleep 0.2; printf '\202'; sleep 0.2; printf '\254\n'
""")
    service.wait(id, "SUCCESS")
    lines = lines_of(service, id)
    raw = service.api("GET", f"/api/v1/builds/{id}/log.txt").body.decode()  # it is UTF-8 whatever was written
    assert raw.split("\n")[:-1] == texts(lines)

    def said(word, stream="stdout"):
        return [l["text"] for l in of_step(service, id, word) if l["stream"] == stream]

    assert said("'no end'") == ["no end"]
    assert said("four") == ["one", "", "", "four\r", "five\rover"]
    assert said("red") == ["\x1b[31mred\x1b[0m\ttab\a\b"]
    assert said("nul:") == [f"nul:{BAD}:"]
    assert said("latin") == [f"latin {BAD} broken {BAD}{BAD} alone {BAD} too long {BAD}{BAD} surrogate {BAD}{BAD}{BAD}"]
    assert said("whole") == ["whole € 😀"]
    assert said("last-out") == [f"o{i}" for i in range(1, 6)] + ["last-out"]
    assert said("last-out", "stderr") == [f"e{i}" for i in range(1, 6)] + ["last-err"]
    assert said("after-binary")[-1] == "after-binary"
    assert said("sleep 0.2") == ["€"], "a character that comes in pieces"
    # a terminal gets no control characters but colours
    shown = Cli(service, tmp_path)("builds", "logs", id).raw
    assert b"\x1b[31mred" in shown and b"\a" not in shown and b"\b" not in shown and b"\0" not in shown


def test_long_lines(service, tmp_path):
    """They go on in the next line after 16 KiB; no byte is lost, no character is cut."""
    id = service.push_build(tmp_path, """FROM alpine
RUN for n in 16383 16384 16385 100000; do head -c $n /dev/zero | tr '\\0' x; echo; done
RUN printf x; for i in $(seq 1 20000); do printf '\\342\\202\\254'; done; echo
RUN head -c 3000000 /dev/zero | tr '\\0' z
""")
    service.wait(id, "SUCCESS")
    said = texts(of_step(service, id, "16383"))
    assert max(map(len, said)) == 16384
    assert "".join(said) == "x" * (16383 + 16384 + 16385 + 100000)
    assert [len(t) for t in said] == [16383, 16384, 16384, 1, *[16384] * 6, 100000 - 6 * 16384]
    euros = texts(of_step(service, id, "342"))
    assert "".join(euros) == "x" + "€" * 20000 and all(len(t.encode()) <= 16384 for t in euros)
    assert "".join(texts(of_step(service, id, "3000000"))) == "z" * 3000000
    assert "".join(l["text"] for l in Events(service, id).lines() if l["text"][:1] == "z") == "z" * 3000000


@pytest.fixture(scope="module")
def million(service, tmp_path_factory):
    """A build that wrote a million lines, and the number of the first."""
    id = service.push_build(tmp_path_factory.mktemp("million"), f"FROM alpine\nRUN seq 1 {MILLION}\n")
    service.wait(id, "SUCCESS", timeout=300)
    (first,) = search(service, id, "^1$", regex=1, stream="stdout")["lines"]
    return id, first["n"]


def test_a_million_lines_are_all_there(service, million):
    id, first = million
    text = service.api("GET", f"/api/v1/builds/{id}/log.txt?stream=stdout").body
    assert text == b"".join(b"%d\n" % n for n in range(1, MILLION + 1))
    assert page(service, id, **{"from": first, "limit": 1})["total"] >= MILLION + first


def test_pages_and_searches_in_a_million_lines(service, million):
    id, first = million
    for n in (1, 4095, 4096, 4097, 500_000, 999_001):
        p = page(service, id, **{"from": first + n - 1, "limit": 1000, "stream": "stdout"})
        begin = int(p["lines"][0]["text"])
        assert n - 5 < begin <= n, ("few lines of others are in between", [l for l in p["lines"] if l["stream"] != "stdout"])
        assert texts(p["lines"]) == [str(i) for i in range(begin, begin + 1000)], n
    assert texts(page(service, id, tail=100, stream="stdout")["lines"]) == [str(n) for n in range(MILLION - 99, MILLION + 1)]
    for q, query, total, wanted in [("777777", {}, 1, [777777]), ("99999", {}, 19, None), (r"^[13]0{5}$", {"regex": 1}, 2, [100000, 300000]),
                                    ("7", {"limit": 3}, 468559, [7, 17, 27]), ("7", {"limit": 2, "from": first + 899_999}, 468559, [900007, 900017])]:
        found = search(service, id, q, stream="stdout", **query)
        assert found["total"] == total, (q, found["total"])
        assert wanted is None or texts(found["lines"]) == [str(n) for n in wanted], q
    (late,) = search(service, id, f"^{MILLION - 4}$", regex=1)["lines"]
    resumed = Events(service, id, last_id=late["n"])
    assert texts(l for l in resumed.lines() if l["stream"] == "stdout") == [str(n) for n in range(MILLION - 4, MILLION + 1)]


# --- what breaks --------------------------------------------------------------------------------


@pytest.mark.parametrize("after", [1, 300, 20000])
def test_the_server_is_killed_while_lines_come(tmp_path, registry, base, gate, after):
    """What a reader has seen is in the log after the restart, with the same numbers; there is no hole and no half line; the build is
    done again behind it, and the reader that comes back has each line once."""
    service = Service(tmp_path / "service", registry.host)
    try:
        id = service.push_build(tmp_path, "FROM alpine\nRUN for i in $(seq 1 60000); do echo \"line $i of this build\"; done; "
                                + pass_gate(gate) + "\n")
        reader, seen = Events(service, id), []
        for name, data in reader:
            seen += data["lines"] if name == "log" else []
            if len(seen) >= after and seen[-1]["text"].startswith("line "):
                break
        service.kill()
        reader.close()
        service.restart()
        gate.open()  # before that it cannot have ended
        assert lines_of(service, id)[:len(seen)] == seen
        rest = list(Events(service, id, last_id=reader.last_id).lines())
        service.wait(id, "SUCCESS")
        whole = lines_of(service, id)
        assert [l["n"] for l in whole] == list(range(len(whole)))
        assert int(reader.last_id) == len(seen) and seen + rest == whole
        numbers = [int(t.split()[1]) for t in texts(whole) if re.fullmatch(r"line \d+ of this build", t)]
        assert not [t for t in texts(whole) if t.startswith("line ") and not re.fullmatch(r"line \d+ of this build", t)]
        second = numbers.index(1, 1)
        assert numbers == [*range(1, second + 1), *range(1, 60001)]
    finally:
        assert service.close() == 0, service.log.read_text()
