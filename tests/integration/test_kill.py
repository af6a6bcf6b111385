"""A build that is stopped, in any way, leaves nothing behind and harms no other."""
import contextlib
import os
import pathlib
import signal
import time
import uuid

import pytest

from conftest import ALL, SLOW, mounts, processes, sessions_ended, stop, wait_for


@pytest.fixture
def sleeper(kiln, context):
    """A running build whose RUN sleeps: .process, and .mark that is in the command line of every sleep."""

    class Sleeper:
        mark = str(10**6 + int(uuid.uuid4().int % 10**6))
        platforms = "linux/amd64,linux/arm/v6"

        def __init__(self):
            self.mounts = mounts()
            self.context = context(f"FROM alpine\n"
                                   f"RUN echo ready > /ready && (sleep {self.mark} & sleep {self.mark} & sleep {self.mark})\n", {"f": "f"})
            self.process = kiln.start("build", *kiln.build_args(self.context, platform=self.platforms, tag="never"))
            # Three for each platform, and the shell and crun have the number in their arguments or not.
            wait_for(lambda: self.sleeps() >= 6 or self.process.poll() is not None)
            assert self.process.poll() is None, self.process.communicate()

        def sleeps(self):
            return len([line for _, line in processes(self.mark) if " kiln " not in line and "/crun " not in line])

        def kiln_processes(self):
            """Of this build: they name the data directory."""
            return processes("build", kiln.data)

        def gone(self):
            """Nothing of it is left; then another build works."""
            wait_for(lambda: not processes(self.mark), timeout=5)
            wait_for(lambda: not self.kiln_processes(), timeout=5)
            sessions_ended(kiln.data)
            assert mounts() == self.mounts
            # Mount points and cgroups of crun would stand below these.
            for left in ("/run/crun", "/run/user/0/crun"):
                assert not any(self.mark in p.name for p in pathlib.Path(left).glob("*"))
            after = context("FROM alpine\nRUN echo after > /after\n")
            kiln.build(after, tag="after", platform=self.platforms)
            assert kiln.run("after", "cat", "/after").out == "after\n"
            left = [p.name for p in (kiln.data / "layers").iterdir() if p.name.startswith("s-")]
            assert left == [], "directories of the dead build's session"
            assert [p for p in (kiln.data / "uploads").rglob("*") if p.is_file()] == [] if (kiln.data / "uploads").exists() else True
            assert kiln("inspect", "never", code=1)
            for name in ("run",):
                assert not (kiln.data / name).exists() or not list((kiln.data / name).iterdir())

    s = Sleeper()
    yield s
    stop(s.process)
    for pid, _ in processes(s.mark):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def inner_of(process):
    """The first child: process 1 of the namespace in which the build runs."""
    (child,) = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return int(child)


def test_kill_the_outer_process(sleeper):
    sleeper.process.kill()
    sleeper.process.wait(10)
    sleeper.gone()


def test_kill_the_inner_process(sleeper):
    os.kill(inner_of(sleeper.process), signal.SIGKILL)
    assert sleeper.process.wait(10 * SLOW) not in (0, None)
    sleeper.gone()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_cancels_quickly(sleeper, how):
    began = time.monotonic()
    sleeper.process.send_signal(how)
    out, err = sleeper.process.communicate(timeout=20 * SLOW)
    assert time.monotonic() - began < 4 * SLOW
    assert sleeper.process.returncode == 130
    assert b"cancel" in err
    sleeper.gone()


def test_control_c_reaches_the_whole_group(sleeper):
    """A terminal sends SIGINT to every process of the group, emulators and shells too."""
    os.killpg(sleeper.process.pid, signal.SIGINT)
    sleeper.process.communicate(timeout=20 * SLOW)
    assert sleeper.process.returncode == 130
    sleeper.gone()


def test_control_c_twice(sleeper):
    sleeper.process.send_signal(signal.SIGINT)
    time.sleep(0.1)
    sleeper.process.send_signal(signal.SIGINT)
    sleeper.process.communicate(timeout=20 * SLOW)
    assert sleeper.process.returncode == 130
    sleeper.gone()


def test_a_step_that_ignores_sigterm_is_killed(kiln, context):
    mark = str(2 * 10**6 + int(uuid.uuid4().int % 10**6))
    c = context(f"FROM alpine\nRUN trap '' TERM INT; while true; do sleep 0.2 {mark}; done 2>/dev/null; echo {mark}\n")
    p = kiln.start("build", *kiln.build_args(c))
    try:
        wait_for(lambda: [1 for _, line in processes(mark) if "/bin/sh -c" in line and "build" not in line])
        began = time.monotonic()
        p.send_signal(signal.SIGINT)
        p.communicate(timeout=30 * SLOW)
        assert p.returncode == 130 and time.monotonic() - began < 8 * SLOW
        wait_for(lambda: not processes(mark), timeout=5)
    finally:
        stop(p)


def test_a_failing_platform_ends_the_others(kiln, context):
    mark = str(3 * 10**6 + int(uuid.uuid4().int % 10**6))
    c = context(f"FROM alpine\nARG TARGETARCH\n"
                f"RUN if [ $TARGETARCH = amd64 ]; then sleep 1; echo gone wrong; exit 5; else sleep {mark}; fi\n")
    began = time.monotonic()
    r = kiln.build(c, platform="linux/amd64,linux/arm64", code=1)
    assert time.monotonic() - began < 10 * SLOW
    assert "Dockerfile:3" in r.err and "5" in r.err and "gone wrong" in r.err and "amd64" in r.err
    wait_for(lambda: not processes(f"sleep {mark}"), timeout=5)


@pytest.mark.parametrize("delay", [0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.45])
def test_killed_at_any_moment(kiln, context, delay):
    """Whatever it was at, the next build on the same data is right."""
    files = {f"d/{i}": os.urandom(20000) for i in range(60)}
    c = context("FROM alpine\nCOPY d /d\nRUN for i in 1 2 3; do cat /d/* > /big$i; done\n"
                "RUN sha256sum /d/* | sha256sum > /sum\n", files)
    before = mounts()
    p = kiln.start("build", *kiln.build_args(c, platform=ALL, tag="any"))
    time.sleep(delay * SLOW)
    stop(p)
    wait_for(lambda: not processes(kiln.data), timeout=5)
    sessions_ended(kiln.data)
    assert mounts() == before
    kiln.build(c, tag="any", platform=ALL)
    sums = {kiln.run("any", "sh", "-c", "sha256sum /d/* | sha256sum | cmp - /sum && cat /sum",
                     platform=q).out for q in ("linux/amd64", "linux/arm/v6")}
    assert len(sums) == 1
    assert not [q.name for q in (kiln.data / "layers").iterdir() if q.name.startswith("s-")]


def test_background_processes_of_a_run_end_with_it(kiln, context):
    mark = str(4 * 10**6 + int(uuid.uuid4().int % 10**6))
    r = kiln.build(context(f"FROM alpine\nRUN sleep {mark} & sleep {mark} >/dev/null 2>&1 & echo started\n"))
    assert r.seconds < 10 * SLOW
    wait_for(lambda: not processes(f"sleep {mark}"), timeout=2)


def test_kill_kiln_run(kiln, context):
    mark = str(5 * 10**6 + int(uuid.uuid4().int % 10**6))
    kiln.build(context("FROM alpine\nLABEL a=b\n"), tag="i")
    before = mounts()
    for how, expected in ((signal.SIGKILL, -9), (signal.SIGTERM, None), (signal.SIGINT, None)):
        p = kiln.start("run", "i", "sleep", mark)
        try:
            wait_for(lambda: any(line == f"sleep {mark}" for _, line in processes(mark)))
            p.send_signal(how)
            p.wait(20 * SLOW)
            assert expected is None or p.returncode == expected
            assert p.returncode != 0
            wait_for(lambda: not processes(mark), timeout=5)
            sessions_ended(kiln.data)
            assert mounts() == before
        finally:
            stop(p)
    assert kiln.run("i", "echo", "fine").out == "fine\n"
    assert not [q.name for q in (kiln.data / "layers").iterdir() if q.name.startswith("s-")]
