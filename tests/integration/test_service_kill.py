"""kill -9 of the server and of a worker in every state of a record: each build ends right after the restart, none is lost, and
none has two results."""
import contextlib
import os
import signal
import socket
import threading

import pytest

from conftest import HOST, KILN, Service, quote, run, start, stop, wait_for
from test_worker import no_embedded, worker  # noqa: F401 (a fixture)

OTHER = "linux/arm64" if HOST != "linux/arm64" else "linux/amd64"


def gated(gate, before="echo be''gun", after="echo through"):
    """A Dockerfile whose build waits until somebody listens at the gate. Steps have the host's network."""
    return f"FROM alpine\nRUN {before}; until nc 127.0.0.1 {gate.port} </dev/null; do sleep 0.1; done; {after}\n"


class Gate:
    """A port that refuses until open()."""

    def __init__(self):
        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]

    def open(self):
        self.socket.listen(100)
        threading.Thread(target=self.answer, daemon=True).start()

    def answer(self):
        with contextlib.suppress(OSError):
            while True:
                self.socket.accept()[0].close()


@pytest.fixture
def service(tmp_path, registry, base):
    """A worker that is killed loses its builds after eight seconds."""
    s = Service(tmp_path / "service", registry.host, options=("--lease", "8"))
    yield s
    assert s.close() == 0, s.log.read_text()


@pytest.fixture
def gate():
    g = Gate()
    yield g
    g.socket.close()


def begun(service, id):
    """The step itself has said so; no line of kiln's own has this word."""
    wait_for(lambda: "begun" in service.text(id), 60)


def restart(service):
    service.kill()
    service.restart()


def ended_once(service, id, status="SUCCESS"):
    """The build is there once, has ended, its log is whole, and its image is what the tag names."""
    b = service.wait(id, status, timeout=60)
    full = b["repository"]
    assert [x["id"] for x in service.builds(full)] == [id]
    text = service.text(id)
    # A server that is killed between the line and the record says it again, of the same tag and digest.
    said = {line for line in text.splitlines() if line.startswith("published ")}
    assert len(said) == (1 if status == "SUCCESS" else 0), text
    tag = service.api("GET", f"/api/v1/repositories/{quote(full)}/tags/latest")
    if status == "SUCCESS":
        assert tag.json["digest"] == b["digest"] and all(j["state"] == "done" for j in b["jobs"]), b
    else:
        assert tag.status == 404 and {j["state"] for j in b["jobs"]} == {"canceled"}, b
    return b, text


def states(service, id):
    return [j["state"] for j in service.build(id)["jobs"]]


# --- the server ---------------------------------------------------------------------------------


def test_the_server_is_killed_while_a_build_is_queued(service, worker, tmp_path):
    no_embedded(service)
    id = service.push_build(tmp_path, "FROM alpine\nRUN echo through\n", platforms=[HOST])
    restart(service)
    assert states(service, id) == ["queued"]
    worker("one")
    b, text = ended_once(service, id)
    assert b["jobs"][0]["attempt"] == 1 and "through" in text


def test_the_server_is_killed_while_a_worker_builds(service, worker, gate, tmp_path):
    """The worker goes on meanwhile: nothing is begun again, and no line is missing or there twice."""
    no_embedded(service)
    worker("one")
    id = service.push_build(tmp_path, gated(gate, "seq 1 500"), platforms=[HOST])
    wait_for(lambda: any(l.endswith(" 500") or l == "500" for l in service.text(id).splitlines()), 60)
    restart(service)
    gate.open()
    b, text = ended_once(service, id)
    assert b["jobs"][0]["attempt"] == 1 and b["jobs"][0]["worker"] == "one"
    numbers = [int(w) for w in (line.split()[-1] for line in text.splitlines() if line.strip()) if w.isdigit()]
    assert numbers == list(range(1, 501))


def test_the_server_is_killed_when_one_of_two_platforms_is_done(service, worker, gate, tmp_path):
    no_embedded(service)
    worker("one", "--platform", HOST)
    worker("two", "--platform", OTHER)
    arch = OTHER.partition("/")[2]
    dockerfile = (f"FROM alpine\nARG TARGETARCH\nRUN if [ $TARGETARCH = {arch} ]; then "
                  f"until nc 127.0.0.1 {gate.port} </dev/null; do sleep 0.1; done; fi\n")
    id = service.push_build(tmp_path, dockerfile, platforms=[HOST, OTHER])
    wait_for(lambda: states(service, id)[0] == "done", 60)
    done = service.build(id)["jobs"][0]
    restart(service)
    assert service.build(id)["status"] == "BUILDING"
    gate.open()
    b, _ = ended_once(service, id)
    assert b["jobs"][0] == done


def test_the_server_is_killed_around_the_publishing(service, worker, gate, tmp_path):
    """As soon as anybody hears that the worker has all: between the last job and the tags."""
    no_embedded(service)
    worker("one")
    id = service.push_build(tmp_path, gated(gate), platforms=[HOST])
    begun(service, id)
    gate.open()
    wait_for(lambda: states(service, id)[0] in ("pushing", "done"), 60, every=0.001)
    restart(service)
    ended_once(service, id)


@pytest.mark.parametrize("tell_worker", [True, False])
def test_the_server_is_killed_while_it_cancels(service, worker, tmp_path, tell_worker):
    """The cancel that was asked for is not forgotten, whether or not the worker has heard of it."""
    no_embedded(service)
    p = worker("one")
    id = service.push_build(tmp_path, "FROM alpine\nRUN echo be''gun; trap '' TERM; while true; do sleep 1; done\n", platforms=[HOST])
    begun(service, id)
    if not tell_worker:
        os.kill(p.pid, signal.SIGSTOP)
    service.ok("POST", f"/api/v1/builds/{id}:cancel", {})
    restart(service)
    if not tell_worker:
        os.kill(p.pid, signal.SIGCONT)
    b, text = ended_once(service, id, "CANCELED")
    assert b["canceledBy"] == "admin" and "canceled by admin" in text


# --- a worker -----------------------------------------------------------------------------------


def killed(service, p):
    os.kill(p.pid, signal.SIGKILL)
    p.wait()


def test_a_worker_is_killed_while_it_builds_and_starts_again(service, worker, gate, tmp_path):
    """It need not wait for its own lease to run out; what it left in DATA/jobs is removed."""
    no_embedded(service)
    p = worker("one")
    id = service.push_build(tmp_path, gated(gate), platforms=[HOST])
    begun(service, id)
    (left,) = (tmp_path / "one" / "jobs").iterdir()
    killed(service, p)
    assert (left / "Dockerfile").exists()
    again = start([KILN, "worker", "--server", f"http://{service.host}", "--token-file", tmp_path / "one.token", "--name", "one",
                   "--data", tmp_path / "one"])
    try:
        wait_for(lambda: service.build(id)["jobs"][0]["attempt"] == 2)
        gate.open()
        _, text = ended_once(service, id)
        assert "one was lost" in text
        wait_for(lambda: not list((tmp_path / "one" / "jobs").iterdir()))
    finally:
        stop(again)


def test_a_context_that_another_worker_builds_from_is_not_swept(service, worker, gate, tmp_path):
    """Two workers on one directory: the one that starts leaves alone what the other one has."""
    no_embedded(service)
    worker("one")
    id = service.push_build(tmp_path, gated(gate), platforms=[HOST])
    begun(service, id)
    jobs = tmp_path / "one" / "jobs"
    (jobs / "lease-of-the-dead" / "sub").mkdir(parents=True)
    (tmp_path / "two").symlink_to(tmp_path / "one")
    worker("two")
    wait_for(lambda: not (jobs / "lease-of-the-dead").exists())
    (mine,) = jobs.iterdir()
    assert (mine / "Dockerfile").exists()
    gate.open()
    b, _ = ended_once(service, id)
    assert b["jobs"][0]["attempt"] == 1


def test_a_worker_is_killed_while_it_pushes(service, worker, gate, tmp_path):
    no_embedded(service)
    p = worker("one")
    id = service.push_build(tmp_path, gated(gate, after="head -c 30000000 /dev/urandom >/big"), platforms=[HOST])
    begun(service, id)
    worker("two", "--slots", "1")
    gate.open()
    wait_for(lambda: states(service, id)[0] in ("pushing", "done"), 60, every=0.001)
    killed(service, p)
    ended_once(service, id)


def test_a_worker_is_killed_while_it_cancels(service, worker, tmp_path):
    """Nobody builds on what somebody has canceled; it ends when the lease is lost."""
    no_embedded(service)
    p = worker("one")
    id = service.push_build(tmp_path, "FROM alpine\nRUN echo be''gun; trap '' TERM; while true; do sleep 1; done\n", platforms=[HOST])
    begun(service, id)
    worker("two")
    service.ok("POST", f"/api/v1/builds/{id}:cancel", {})
    killed(service, p)
    b, text = ended_once(service, id, "CANCELED")
    assert b["canceledBy"] == "admin" and text.count("begun") == 1


def test_both_are_killed_while_they_build(service, worker, gate, tmp_path):
    no_embedded(service)
    p = worker("one")
    id = service.push_build(tmp_path, gated(gate), platforms=[HOST])
    begun(service, id)
    service.kill()
    killed(service, p)
    service.restart()
    gate.open()
    worker("two")
    b, text = ended_once(service, id)
    assert b["jobs"][0]["worker"] == "two" and b["jobs"][0]["attempt"] == 2 and "one was lost" in text


@pytest.mark.parametrize("seconds", ["3", "3601", "x"])
def test_a_lease_has_bounds(tmp_path, seconds):
    r = run([KILN, "serve", "--data", tmp_path, "--listen", "127.0.0.1:0", "--lease", seconds], code=None)
    assert r.code not in (0, None) and f"--lease {seconds} is not a number from 4 to 3600" in r.err, r
