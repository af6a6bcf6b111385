"""Workers on other machines: each in a network namespace of its own, the server reached over a pair of virtual cards. One is killed in
mid-build; the network of one is cut, for a short time and for longer than its lease."""
import os
import signal
import time
import uuid

import pytest

from conftest import HOST, KILN, Service, run, start, stop, wait_for
from test_worker import online

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make network namespaces")


class Lan:
    """A bridge with the address .1 on this machine, and hosts on it, in 198.18.0.0/15 (RFC 2544: for tests)."""

    def __init__(self):
        self.id = uuid.uuid4().hex[:6]
        self.net = f"198.{18 + int(self.id[0], 16) % 2}.{int(self.id[1:3], 16)}"
        self.bridge, self.address, self.hosts = f"kb{self.id}", f"{self.net}.1", []
        self.ip("link", "add", self.bridge, "type", "bridge")
        self.ip("addr", "add", f"{self.address}/24", "dev", self.bridge)
        self.ip("link", "set", self.bridge, "up")

    def ip(self, *args, **more):
        return run(["ip", *args], **more)

    def host(self):
        """A new machine: its number, for before() and the names of its cards."""
        n = len(self.hosts) + 2
        space, ours, theirs = f"kn{self.id}{n}", f"kv{self.id}{n}", f"kw{self.id}{n}"
        self.ip("netns", "add", space)
        self.hosts.append((space, ours))
        self.ip("link", "add", ours, "type", "veth", "peer", "name", theirs, "netns", space)
        self.ip("link", "set", ours, "master", self.bridge, "up")
        self.ip("-n", space, "addr", "add", f"{self.net}.{n}/24", "dev", theirs)
        self.ip("-n", space, "link", "set", theirs, "up")
        self.ip("-n", space, "link", "set", "lo", "up")
        return len(self.hosts) - 1

    def on(self, host, *args):
        return ["ip", "netns", "exec", self.hosts[host][0], *args]

    def link(self, host, state):
        self.ip("link", "set", self.hosts[host][1], state)

    def close(self):
        for space, _ in self.hosts:
            self.ip("netns", "del", space, code=None)
        self.ip("link", "del", self.bridge, code=None)


@pytest.fixture
def lan():
    made = Lan()
    yield made
    made.close()


@pytest.fixture
def service(lan, tmp_path, registry, base, request):
    """Without a worker of its own. The parameter is the time of a lease in seconds."""
    s = Service(tmp_path / "service", registry.host, listen=f"{lan.address}:0", slots=0,
                options=("--lease", str(getattr(request, "param", 8))))
    yield s
    assert s.close() == 0, s.log.read_text()


@pytest.fixture
def worker(lan, service, tmp_path):
    """worker("one"): on a machine of its own; the process and the number of the machine."""
    started = []

    def make(name, *args):
        secret = service.ok("POST", "/api/v1/worker-tokens", {"name": name})["secret"]
        (tmp_path / f"{name}.token").write_text(secret)
        host = lan.host()
        log = open(tmp_path / f"{name}.log", "ab")
        p = start(lan.on(host, KILN, "worker", "--server", f"http://{service.host}", "--token-file", tmp_path / f"{name}.token",
                         "--name", name, "--data", tmp_path / name, *args), stderr=log)
        started.append(p)
        wait_for(lambda: name in online(service))
        return p, host

    yield make
    for p in started:
        stop(p)


def slow(seconds):
    """Builds from nothing but the context, as the other machines reach no registry: a program that needs no libraries."""
    with open("/bin/busybox", "rb") as f:
        busybox = f.read()
    return (f'FROM scratch\nCOPY busybox /bin/busybox\nRUN ["/bin/busybox", "sh", "-c", "echo started; i=0; '
            f'while [ $i -lt {seconds} ]; do /bin/busybox sleep 1; i=$((i+1)); echo line $i; done"]\n', {"busybox": busybox})


def push(service, tmp_path, seconds):
    dockerfile, files = slow(seconds)
    full = f"ns{uuid.uuid4().hex[:8]}/app"
    service.namespace(full.partition("/")[0])
    service.repository(full)
    service.bind(full)
    service.rule(full, platforms=[HOST])
    tree = service.git(tmp_path, full, {"Dockerfile": dockerfile, "busybox": files["busybox"]})
    (tree.path / "busybox").chmod(0o755)
    tree.commit({})
    tree.push("main")
    id = service.builds(full)[0]["id"]
    wait_for(lambda: "line 1" in service.text(id), 60)
    return id


def lines(service, id):
    return [l.rpartition("line ")[2] for l in service.text(id).splitlines() if "line " in l and "sleep" not in l]


def test_a_killed_machine_loses_its_build_to_another(service, worker, tmp_path):
    first, _ = worker("one")
    id = push(service, tmp_path, 8)
    worker("two")
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    b = service.wait(id, "SUCCESS")
    (job,) = b["jobs"]
    assert job["worker"] == "two" and job["attempt"] == 2, service.text(id)
    assert "worker one was lost" in service.text(id)


@pytest.mark.parametrize("service", [30], indirect=True)
def test_a_cut_shorter_than_the_lease_costs_nothing(lan, service, worker, tmp_path):
    worker("one")
    worker("two")
    id = push(service, tmp_path, 14)
    at = service.build(id)["jobs"][0]["worker"]
    host = {"one": 0, "two": 1}[at]
    lan.link(host, "down")
    time.sleep(11)
    lan.link(host, "up")
    b = service.wait(id, "SUCCESS")
    assert b["jobs"][0]["worker"] == at and b["jobs"][0]["attempt"] == 1, b
    assert lines(service, id) == [str(n) for n in range(1, 15)]
    assert "was lost" not in service.text(id)


def test_a_cut_longer_than_the_lease_gives_the_build_to_another(lan, service, worker, tmp_path):
    p, host = worker("one")
    id = push(service, tmp_path, 10)
    worker("two")
    lan.link(host, "down")
    wait_for(lambda: service.build(id)["jobs"][0]["worker"] == "two", 60)
    lan.link(host, "up")
    wait_for(lambda: "one" in online(service), 60)
    b = service.wait(id, "SUCCESS")
    assert b["jobs"][0]["worker"] == "two" and b["jobs"][0]["attempt"] == 2, service.text(id)
    assert "worker one was lost" in service.text(id)
    # The one that was away has let go of it, and works again.
    wait_for(lambda: "lease is lost" in (tmp_path / "one.log").read_text() or "LEASE_LOST" in (tmp_path / "one.log").read_text())
    wait_for(lambda: not list((tmp_path / "one" / "jobs").iterdir()))
    assert p.poll() is None
