"""What a build shows: plain lines, JSON events, and the live view of a terminal."""
import fcntl
import json
import os
import pty
import re
import select
import struct
import termios
import time

import pytest

from conftest import ALL, SLOW, start, stop

TWO = "linux/amd64,linux/arm/v6"


def test_plain(kiln, context):
    c = context("FROM alpine AS one\nRUN echo to-out; echo to-err >&2; printf no-end\nFROM alpine\n"
                "COPY --from=one /bin/sh /x\n")
    r = kiln.build(c, platform=TWO, tag="plain")
    lines = r.err.splitlines()
    assert r.out == ""
    runs = [l for l in lines if re.match(r"#\d+ \[(amd64|arm/v6) one\] RUN echo to-out", l)]
    assert len(runs) == 2
    for said in ("to-out", "to-err", "no-end"):
        assert len([l for l in lines if re.fullmatch(rf"#\d+ {said}", l)]) == 2, said
    assert len([l for l in lines if re.search(r"one\] done \d+\.\ds  RUN echo", l)]) == 2
    assert "\x1b" not in r.err and "\r" not in r.err
    again = kiln.build(c, platform=TWO, tag="plain").err
    assert len(re.findall(r"one\] CACHED RUN echo", again)) == 2 and not re.search("^#\\d+ to-", again, re.M)
    digest = kiln.inspect("plain")["descriptor"]["digest"]
    assert digest in r.err and digest in again


def test_plain_is_the_default_without_a_terminal(kiln, context):
    assert "#2 hello\n" in kiln.build(context("FROM alpine\nRUN echo hello\n"), progress=None).err


def test_lines_of_two_platforms_are_not_mixed(kiln, context):
    c = context("FROM alpine\nRUN for i in $(seq 200); do printf 'part-%s-' $i; printf 'whole\\n'; done\n")
    found = re.findall(r"^#(\d+) part-(\d+)-whole$", kiln.build(c, platform=TWO).err, re.M)
    for step in {s for s, _ in found}:
        assert [int(n) for s, n in found if s == step] == list(range(1, 201))
    assert len(found) == 400


def test_json(kiln, context):
    c = context("FROM alpine AS b\nRUN echo out; echo err >&2; printf '\\377\\n'\nFROM alpine\n"
                "COPY --from=b /etc/passwd /p\n")
    events = kiln.build(c, platform=ALL, tag="j", progress="json").events()
    graph = [e for e in events if e["event"] == "graph"]
    assert len(graph) == 1
    steps = {s["step"]: s for s in graph[0]["steps"]}
    assert all({"line", "stage", "text", "platforms"} <= set(s) for s in steps.values())
    ran = [s for s in steps.values() if s["text"].startswith("RUN")]
    assert sorted(p for s in ran for p in s["platforms"]) == sorted(ALL.split(",")) and {s["line"] for s in ran} == {2}
    for s in ran:
        kinds = [e["event"] for e in events if e.get("step") == s["step"]]
        assert kinds[0] == "started" and kinds[-1] == "ended" and "output" in kinds
        out = {x: "".join(e["text"] for e in events if e["event"] == "output" and e["step"] == s["step"] and e["stream"] == x) for x in ("stdout", "stderr")}
        assert out["stdout"].startswith("out\n") and out["stderr"] == "err\n"
    ends = [e for e in events if e["event"] == "ended"]
    assert all(e["outcome"] in ("done", "cached") and e["took_ms"] >= 0 and e["time_ms"] > 1.6e12 for e in ends)
    digest = kiln.inspect("j")["descriptor"]["digest"]
    assert any(digest in json.dumps(e) for e in events[-1:]), "the last event tells the result"


def test_json_of_a_failure(kiln, context):
    r = kiln.build(context("FROM alpine\nRUN echo before; exit 3\n"), progress="json", code=1)
    events = r.events()
    assert [e["outcome"] for e in events if e["event"] == "ended"][-1] == "failed"
    assert "Dockerfile:2" in r.err and "3" in r.err


def test_undefined_variable_warns(kiln, context):
    r = kiln.build(context("FROM alpine\nLABEL a=$NOT_THERE\n"))
    assert re.search(r"warning: .*Dockerfile:2.*NOT_THERE", r.err)


class Terminal:
    """kiln in a pseudo terminal; .text is all that it wrote."""

    def __init__(self, args, columns=80, rows=24, env=None):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.process = start(args, stdin=slave, stdout=slave, stderr=slave, env={"TERM": "xterm-256color", **(env or {})})
        os.close(slave)
        self.bytes = b""

    def read(self, seconds=60):
        """Until it ends."""
        end = time.monotonic() + seconds * SLOW
        while time.monotonic() < end:
            ready, _, _ = select.select([self.master], [], [], 0.2)
            if ready:
                try:
                    piece = os.read(self.master, 65536)
                except OSError:
                    piece = b""
                if not piece:
                    break
                self.bytes += piece
        self.process.wait(10 * SLOW)
        os.close(self.master)
        return self.bytes.decode()


def screen(text, columns=80, rows=24):
    """What a terminal shows in the end: a list of lines, scrolled ones included. Knows what kiln uses and refuses the rest."""
    lines, y, x = [[]], 0, 0
    for m in re.finditer(r"\x1b\[([0-9;?]*)([A-Za-z])|(\r)|(\n)|([^\x1b\r\n]+)|(\x1b)", text):
        number, letter, cr, lf, plain, other = m.groups()
        assert not other, f"an escape sequence that is not known: {text[m.start():m.start() + 20]!r}"
        if letter == "A":
            y = max(0, y - int(number or 1))
            assert y >= len(lines) - rows, "the cursor cannot go back to what has scrolled away"
        elif letter == "J":
            lines[y] = lines[y][:x]
            del lines[y + 1:]
        elif letter == "K":
            lines[y] = lines[y][:x]
        elif letter:
            assert letter in "mhl", f"a sequence that is not known: {m.group(0)!r}"
        elif cr:
            x = 0
        elif lf:
            y, x = y + 1, 0
            if y == len(lines):
                lines.append([])
        else:
            for c in plain:
                if x == columns:
                    y, x = y + 1, 0
                    if y == len(lines):
                        lines.append([])
                lines[y][x:x + 1] = [c]
                x += 1
    return ["".join(l) for l in lines]


@pytest.mark.parametrize("columns", [80, 40])
def test_terminal(kiln, context, columns):
    c = context("FROM alpine\nRUN echo first; sleep 0.5; echo second; sleep 0.3\nRUN echo " + "long " * 40 + "; sleep 0.3\n")
    t = Terminal(kiln.args("build", "--platform", TWO, "-t", "tty", c), columns=columns)
    text = t.read()
    assert t.process.returncode == 0, text
    shown = screen(text, columns)
    assert len(re.findall(r"\] done \d\.\ds  RUN echo first", "".join(shown))) == 2, shown
    assert not any("building" in l for l in shown), "the live part is gone"
    assert any("building" in l for l in text.split("\n")), "it was there"
    assert text.count("second") >= 1, "the last line of output was shown"
    assert any(kiln.inspect("tty")["descriptor"]["digest"] in "".join(shown[i:i + 3]) for i in range(len(shown)))
    assert "\x1b[?25l" not in text or text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l"), "the cursor is back"


def test_terminal_without_colour(kiln, context):
    t = Terminal(kiln.args("build", context("FROM alpine\nRUN true\n")), env={"NO_COLOR": "1"})
    assert "\x1b[3" not in t.read() and t.process.returncode == 0


def test_dumb_terminal_gets_plain_lines(kiln, context):
    t = Terminal(kiln.args("build", context("FROM alpine\nRUN true\n")), env={"TERM": "dumb"})
    assert "\x1b" not in t.read() and t.process.returncode == 0


def test_programs_cannot_draw_on_the_terminal(kiln, context):
    c = context("FROM alpine\nRUN printf '\\033[2J\\033[10;10Hgone\\033]0;title\\007\\n\\010\\010x\\n'; sleep 0.4; false\n")
    t = Terminal(kiln.args("build", c))
    text = t.read()
    assert t.process.returncode == 1
    for sequence in ("\x1b[2J", "\x1b[10;10H", "\x1b]0;", "\x07", "\x08"):
        assert sequence not in text, repr(sequence)


def test_failure_on_a_terminal_shows_why(kiln, context):
    c = context("FROM alpine\nRUN for i in 1 2 3; do echo line-$i; done; exit 9\n")
    t = Terminal(kiln.args("build", "--platform", TWO, c))
    shown = screen(t.read())
    assert t.process.returncode == 1
    text = "\n".join(shown)
    assert "Dockerfile:2" in text and "9" in text and "line-3" in text and "FAILED" in text


def test_control_c_on_a_terminal(kiln, context):
    t = Terminal(kiln.args("build", "--platform", TWO, context("FROM alpine\nRUN echo up; sleep 1000\n")))
    try:
        while b"building" not in t.bytes or b"up" not in t.bytes:
            t.bytes += os.read(t.master, 65536)
        began = time.monotonic()
        t.process.send_signal(2)
        shown = screen(t.read())
        assert t.process.returncode == 130 and time.monotonic() - began < 5 * SLOW
        assert not any("building" in l for l in shown)
    finally:
        stop(t.process)


def test_a_very_long_line(kiln, context):
    """It may be cut, but it is there, and so is what follows."""
    c = context("FROM alpine\nRUN head -c 300000 /dev/zero | tr '\\0' x; echo; echo after\n")
    lines = kiln.build(c).err.splitlines()
    assert "#2 after" in lines and any(l.startswith("#2 " + "x" * 60000) for l in lines)


def test_a_lot_of_output(kiln, context):
    """Every line comes, in order, and nothing waits for the reader forever."""
    r = kiln.build(context("FROM alpine\nRUN seq 1 100000\n"))
    assert re.findall(r"^#2 (\d+)$", r.err, re.M) == [str(i) for i in range(1, 100001)]
