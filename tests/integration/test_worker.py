"""Workers of a running server: several of them, killed, drained, without its data directory, and what platforms they have."""
import os
import signal
import time

import pytest

from conftest import HOST, KILN, processes, start, stop, wait_for

OTHER = "linux/arm64" if HOST != "linux/arm64" else "linux/amd64"
SLEEP = "FROM alpine\nRUN echo be''gun; sleep 8; echo over >/x\n"


@pytest.fixture
def worker(service, tmp_path):
    """worker("one"): a worker with a token and a data directory of its own."""
    started = []

    def make(name, *args):
        secret = service.ok("POST", "/api/v1/worker-tokens", {"name": name})["secret"]
        (tmp_path / f"{name}.token").write_text(secret)
        log = open(tmp_path / f"{name}.log", "ab")
        p = start([KILN, "worker", "--server", f"http://{service.host}", "--token-file", tmp_path / f"{name}.token", "--name",
                   name, "--data", tmp_path / name, *args], stderr=log)
        started.append(p)
        wait_for(lambda: name in online(service))
        return p

    yield make
    for p in started:
        stop(p)


def online(service):
    return {w["name"]: w for w in service.ok("GET", "/api/v1/workers")["items"] if w["online"]}


def no_embedded(service):
    """The server's own worker takes no builds."""
    wait_for(lambda: any(w["embedded"] for w in online(service).values()))
    (own,) = [w for w in online(service).values() if w["embedded"]]
    service.ok("POST", f"/api/v1/workers/{own['id']}:drain", {"on": True})


def test_workers_are_listed_with_what_they_can_do(service, worker):
    worker("one", "--platform", HOST, "--slots", "3")
    one = online(service)["one"]
    assert one["platforms"] == [{"platform": HOST, "native": True}] and one["slots"] == 3 and not one["embedded"]


@pytest.mark.tsan
@pytest.mark.parametrize("service", [("--lease", "8")], indirect=True, ids=["lease of 8 s"])
def test_a_worker_that_is_killed_loses_its_build_to_another(service, worker, tmp_path):
    """The other keeps it, though a step says nothing for longer than a lease."""
    no_embedded(service)
    first = worker("one")
    id = service.push_build(tmp_path, SLEEP.replace("sleep 8", "sleep 12"), platforms=[HOST])
    wait_for(lambda: "begun" in service.text(id), 60)
    second = worker("two")
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    b = service.wait(id, "SUCCESS", timeout=120)
    (job,) = b["jobs"]
    assert job["worker"] == "two" and job["attempt"] >= 1, b
    assert second.poll() is None and "one" in service.text(id)  # the log says who was lost


def test_a_worker_without_the_data_directory_shares_its_layers(service, worker, tmp_path):
    full = "ns/shared"
    service.namespace("ns")
    service.repository(full)
    service.bind(full)
    service.rule(full, platforms=[HOST])
    tree = service.git(tmp_path, full, {"Dockerfile": "FROM alpine\nRUN date +%s%N >/t\n"})
    tree.push("main")
    first = service.wait(service.builds(full)[0]["id"], "SUCCESS")
    no_embedded(service)
    worker("remote")
    tree.commit({"README": "nothing that is copied"})
    tree.push("main")
    second = service.wait(service.builds(full)[0]["id"], "SUCCESS")
    assert second["jobs"][0]["worker"] == "remote"
    assert second["jobs"][0]["digest"] == first["jobs"][0]["digest"]
    steps = service.ok("GET", f"/api/v1/builds/{second['id']}/steps")["items"]
    assert {s["state"] for s in steps} == {"cached"}, steps


def test_cancel_reaches_a_remote_worker(service, worker, tmp_path):
    no_embedded(service)
    p = worker("one")
    id = service.push_build(tmp_path, "FROM alpine\nRUN echo be''gun; trap '' TERM; sleep 300\n", platforms=[HOST])
    wait_for(lambda: "begun" in service.text(id), 60)
    service.ok("POST", f"/api/v1/builds/{id}:cancel", {})
    service.wait(id, "CANCELED", timeout=30)
    wait_for(lambda: not list((tmp_path / "one" / "jobs").iterdir()))
    assert p.poll() is None


def test_each_platform_goes_to_a_worker_that_has_it(service, worker, tmp_path):
    no_embedded(service)
    worker("native", "--platform", HOST)
    worker("other", "--platform", OTHER)
    id = service.push_build(tmp_path, "FROM alpine\nRUN true\n", platforms=[HOST, OTHER])
    jobs = {j["platform"]: j["worker"] for j in service.wait(id, "SUCCESS")["jobs"]}
    assert jobs == {HOST: "native", OTHER: "other"}


def test_a_rule_that_forbids_emulation_waits_for_a_native_worker(service, worker, tmp_path):
    id = service.push_build(tmp_path, "FROM alpine\nRUN true\n", platforms=[OTHER], emulation=False)
    time.sleep(3)
    assert service.build(id)["status"] == "PENDING"
    service.ok("POST", f"/api/v1/builds/{id}:cancel", {})


def test_a_drained_worker_ends_its_build_and_takes_no_other(service, worker, tmp_path):
    no_embedded(service)
    p = worker("one", "--slots", "2")
    id = service.push_build(tmp_path, SLEEP, platforms=[HOST])
    wait_for(lambda: "begun" in service.text(id), 60)
    p.send_signal(signal.SIGTERM)
    later = service.push_build(tmp_path, "FROM alpine\nRUN true\n", platforms=[HOST])
    service.wait(id, "SUCCESS", timeout=60)
    assert p.wait(60) == 0
    assert service.build(later)["status"] == "PENDING", service.build(later)
    worker("two")
    service.wait(later, "SUCCESS")
