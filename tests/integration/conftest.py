"""Fixtures of the tests that drive kiln as its users do.

kiln      the program with a data directory of its own: kiln("inspect", name), kiln.build(context, ...)
service   a `kiln serve` of its own with the build service on: Service
context   makes build contexts: context("FROM scratch\n", {"file": "text"})
registry  one `kiln serve` for the whole session: registry.host is 127.0.0.1:PORT
base      the host and name of a small image for all four platforms in that registry. kiln.build() and kiln.run() take it
          for Docker Hub's `alpine` (by --registry-mirror), so that Dockerfiles say FROM alpine
name      a repository in the registry that no other test uses

Environment: KILN is the program (build/kiln), KILN_TEST_CACHE keeps what was downloaded (build/stand-ins).
"""
import base64
import contextlib
import fcntl
import http.client
import io
import json
import os
import pathlib
import pwd
import re
import shutil
import signal
import subprocess
import tarfile
import tempfile
import threading
import time
import types
import uuid
from urllib.parse import quote as quote_path, urlencode

import pytest

from openapi import Description

ROOT = pathlib.Path(__file__).resolve().parents[2]
KILN = pathlib.Path(os.environ.get("KILN", ROOT / "build" / "kiln")).resolve()
CACHE = pathlib.Path(os.environ.get("KILN_TEST_CACHE", ROOT / "build" / "stand-ins")).resolve()
PLATFORMS = ["linux/amd64", "linux/arm64", "linux/arm/v7", "linux/arm/v6"]
ALL = ",".join(PLATFORMS)
HOST = {"x86_64": "linux/amd64", "aarch64": "linux/arm64", "armv7l": "linux/arm/v7",
        "armv6l": "linux/arm/v6"}[os.uname().machine]
# Under a sanitizer everything takes longer, and longest where it is emulated.
SLOW = 6 if "ASAN_OPTIONS" in os.environ or "TSAN_OPTIONS" in os.environ else 1


def quote(text):
    """As one segment of a path."""
    return quote_path(text, safe="")


def pytest_configure(config):
    config.addinivalue_line("markers", "tsan: runs many threads, so it is also run under ThreadSanitizer")


class Result:
    """What a program did: exit code (negative: the signal), output, and how long it took."""

    def __init__(self, args, code, out, err, seconds):
        self.args, self.code, self.raw, self.seconds = args, code, out, seconds
        self.out, self.err = out.decode(errors="replace"), err.decode(errors="replace")
        self.text = self.out + self.err

    def json(self):
        return json.loads(self.out)

    def events(self):
        """What --progress json wrote, a list of dicts."""
        return [json.loads(line) for line in self.out.splitlines()]

    def __repr__(self):
        return f"{' '.join(map(str, self.args))}\n-> {self.code} after {self.seconds:.1f} s\n{self.out}{self.err}"


def start(args, env=None, cwd=None, user=None, **more):
    """A program in a session of its own, so that stop() reaches all of it. `user` is a pwd entry."""
    inherited = {k: v for k, v in os.environ.items() if k not in ("SOURCE_DATE_EPOCH", "KILN_DATA", "NO_COLOR")}
    env = {**inherited, **(env or {})}
    if user:
        env.update(HOME=user.pw_dir, USER=user.pw_name, LOGNAME=user.pw_name)
        more.update(user=user.pw_uid, group=user.pw_gid, extra_groups=[])
        cwd = cwd or user.pw_dir
    more.setdefault("stdin", subprocess.DEVNULL)
    more.setdefault("stdout", subprocess.PIPE)
    more.setdefault("stderr", subprocess.PIPE)
    return subprocess.Popen([str(a) for a in args], env=env, cwd=cwd, start_new_session=True, **more)


def stop(process, how=signal.SIGKILL):
    """Ends a program and all that it started."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, how)
        process.wait(60)


def run(args, timeout=60, input=None, code=0, **more):
    """Runs a program to its end. `code` is what it must exit with; None takes any."""
    began = time.monotonic()
    if input is not None:
        more["stdin"] = subprocess.PIPE
        input = input.encode() if isinstance(input, str) else input
    p = start(args, **more)
    try:
        out, err = p.communicate(input, timeout * SLOW)
    except subprocess.TimeoutExpired:
        stop(p)
        out, err = p.communicate()
        pytest.fail(f"it did not end within {timeout * SLOW} s: {Result(args, p.returncode, out or b'', err or b'', timeout)!r}")
    r = Result(args, p.returncode, out or b"", err or b"", time.monotonic() - began)
    assert code is None or r.code == code, r
    return r


class Kiln:
    """The program with one data directory. Methods return Result and check the exit code (`code`, 0 unless told)."""

    def __init__(self, data, mirror=None, before=(), **always):
        """`before` is a program, with arguments, that starts it."""
        self.path, self.data, self.mirror, self.before, self.always = KILN, pathlib.Path(data), mirror, before, always

    def args(self, command, *args):
        mirror = []
        if self.mirror and command != "serve":
            mirror = ["--registry-mirror", f"docker.io=http://{self.mirror}"]
        return [*self.before, self.path, command, "--data", self.data, *mirror, *args]

    def __call__(self, command, *args, **more):
        """kiln COMMAND --data DIR ARGS"""
        return run(self.args(command, *args), **{**self.always, **more})

    def bare(self, *args, **more):
        """kiln ARGS, with nothing added"""
        return run([self.path, *args], **{**self.always, **more})

    def start(self, command, *args, **more):
        """The same as a call, and does not wait: a Popen. End it with stop()."""
        return start(self.args(command, *args), **{**self.always, **more})

    def build(self, context, *args, platform=None, tag=None, progress="plain", **more):
        """kiln build. `platform` is text or a list, `tag` likewise; without a tag the image has no name."""
        more.setdefault("timeout", 120)
        return self("build", *self.build_args(context, *args, platform=platform, tag=tag, progress=progress), **more)

    def build_args(self, context, *args, platform=None, tag=None, progress="plain"):
        words = ["--progress", progress] if progress else []
        if platform:
            words += ["--platform", platform if isinstance(platform, str) else ",".join(platform)]
        for t in [tag] if isinstance(tag, str) else tag or []:
            words += ["-t", t]
        return [*words, *args, context]

    def run(self, name, *command, platform=None, **more):
        """kiln run"""
        return self("run", *(["--platform", platform] if platform else []), name, *command, **more)

    def inspect(self, name, **more):
        """kiln inspect --json, parsed"""
        return self("inspect", "--json", name, **more).json()

    def digests(self, name):
        """Every digest of an image in a fixed order: index, manifests, configs, layers."""
        i = self.inspect(name)
        found = [i["descriptor"]["digest"]]
        for p in i["platforms"]:
            found += [p["platform"], p["manifest"]["digest"], p["config"]["digest"], *(l["digest"] for l in p["layers"])]
        return found

    def blob(self, digest):
        kind, hexes = digest.split(":")
        return (self.data / "blobs" / kind / hexes[:2] / hexes).read_bytes()

    def config(self, name, platform=HOST):
        """The image config of one platform, from the data directory."""
        (p,) = [p for p in self.inspect(name)["platforms"] if p["platform"] == platform]
        return json.loads(self.blob(p["config"]["digest"]))

    def layer(self, name, number=-1, platform=HOST):
        """A gzip layer of an image: a dict of path -> TarInfo, with .data of regular files."""
        (p,) = [p for p in self.inspect(name)["platforms"] if p["platform"] == platform]
        return read_tar(self.blob(p["layers"][number]["digest"]))


class Entry(tarfile.TarInfo):
    data = None


def read_tar(bytes_or_path):
    """A dict of path -> TarInfo, with .data of regular files. The root is ""."""
    source = {"name": bytes_or_path} if isinstance(bytes_or_path,
                                                   (str, pathlib.Path)) else {"fileobj": io.BytesIO(bytes_or_path)}
    found = {}
    with tarfile.open(**source, tarinfo=Entry) as t:
        for m in t:
            m.data = t.extractfile(m).read() if m.isreg() else None
            found["" if m.name in (".", "./") else m.name.rstrip("/")] = m
    return found


@pytest.fixture
def kiln(tmp_path, base):
    return Kiln(tmp_path / "data", mirror=base.split("/")[0])


@pytest.fixture
def context(tmp_path):
    """context(dockerfile, files): a directory. Values of `files` are text, bytes, None (a directory) or ("link", target)."""

    def make(dockerfile=None, files=None, at=None):
        top = pathlib.Path(at) if at else tmp_path / f"context-{uuid.uuid4().hex[:8]}"
        top.mkdir(parents=True, exist_ok=True)
        if dockerfile is not None:
            (top / "Dockerfile").write_bytes(dockerfile.encode() if isinstance(dockerfile, str) else dockerfile)
        for path, what in (files or {}).items():
            path = top / path
            path.parent.mkdir(parents=True, exist_ok=True)
            if what is None:
                path.mkdir(exist_ok=True)
            elif isinstance(what, tuple):
                path.symlink_to(what[1])
            else:
                path.write_bytes(what.encode() if isinstance(what, str) else what)
        return top

    return make


def http_request(host, method, path, body=None, headers=None, timeout=60 * SLOW):
    """One request on a connection of its own."""
    c = http.client.HTTPConnection(host, timeout=timeout)
    try:
        c.request(method, path, body, headers or {})
        r = c.getresponse()
        return types.SimpleNamespace(status=r.status, headers=r.headers, body=r.read())
    finally:
        c.close()


class Registry:
    """A running `kiln serve`."""

    # A registry and no more: everybody may push, nothing is built.
    OPTIONS = ("--anonymous", "push", "--slots", "0")

    def __init__(self, data, listen="127.0.0.1:0", options=OPTIONS, env=None, before=()):
        """`before` is a program, with arguments, that starts it."""
        self.data = pathlib.Path(data)
        self.data.mkdir(parents=True, exist_ok=True)
        self.log = self.data.with_name(self.data.name + ".log")
        with open(self.log, "ab") as log:
            self.process = start([*before, KILN, "serve", "--data", self.data, "--listen", listen, *options], stderr=log, env=env)
        line = self.process.stdout.readline().decode()
        found = re.search(r"http://(\S+)", line)
        assert found, f"kiln serve said {line!r} and {self.log.read_text()}"
        self.host = found.group(1)
        self.drain = threading.Thread(target=self.process.stdout.read, daemon=True)
        self.drain.start()

    def request(self, method, path, body=None, headers=None):
        return http_request(self.host, method, path, body, headers, timeout=30)

    def close(self):
        """Ends it as its user would; returns the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                stop(self.process)
        return self.process.returncode


@pytest.fixture(scope="session")
def registry(tmp_path_factory):
    r = Registry(tmp_path_factory.mktemp("registry") / "data")
    yield r
    assert r.close() == 0, r.log.read_text()


class Service(Registry):
    """A running `kiln serve` that builds. Base images come from the session's registry."""

    admin_password = "correct horse battery"

    def __init__(self, data, mirror, listen="127.0.0.1:0", slots=2, options=(), before=()):
        self.mirror = mirror
        self.options = ["--registry-mirror", f"docker.io=http://{mirror}", "--slots", str(slots), *options]
        self.description = Description()
        super().__init__(data, listen, self.options, {"KILN_ADMIN_PASSWORD": self.admin_password}, before)

    def kill(self):
        """SIGKILL of the server; its embedded worker dies with it."""
        self.process.kill()
        self.process.wait()

    def restart(self):
        """On the same data and address."""
        super().__init__(self.data, self.host, self.options, {"KILN_ADMIN_PASSWORD": self.admin_password})

    def api(self, method, path, body=None, token=None, basic="admin", raw=None, headers=None, check=True, timeout=60):
        """One request. `basic` is (name, password), "admin", or None. The answer must be one that the description knows."""
        sent = dict(headers or {})
        if token:
            sent["Authorization"] = f"Bearer {token}"
        elif basic:
            name, password = ("admin", self.admin_password) if basic == "admin" else basic
            sent["Authorization"] = "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()
        if body is not None:
            raw, sent["Content-Type"] = json.dumps(body).encode(), "application/json"
        c = http.client.HTTPConnection(self.host, timeout=timeout * SLOW)
        try:
            c.request(method, path, raw, sent)
            r = c.getresponse()
            text = r.read()
        finally:
            c.close()
        if check and path.startswith("/api/"):
            self.description.check(method, path, r.status, r.headers.get("Content-Type"), text)
        is_json = "json" in (r.headers.get("Content-Type") or "")
        return types.SimpleNamespace(status=r.status, headers=r.headers, body=text, json=json.loads(text) if is_json and text else None)

    def ok(self, method, path, body=None, **more):
        """The JSON of an answer that must be 2xx."""
        r = self.api(method, path, body, **more)
        assert 200 <= r.status < 300, f"{method} {path}: {r.status} {r.body[:2000]!r}"
        return r.json

    def user(self, name, password="a good password", is_admin=False):
        return self.ok("POST", "/api/v1/users", {"name": name, "password": password, "admin": is_admin})

    def namespace(self, name, **more):
        return self.ok("POST", "/api/v1/namespaces", {"name": name, **more})

    def repository(self, full, type="PRIVATE", **more):
        namespace, _, name = full.partition("/")
        return self.ok("POST", "/api/v1/repositories", {"namespace": namespace, "name": name, "type": type, **more})

    def grant(self, namespace, user, role, repository=""):
        body = {"role": role, **({"repository": repository} if repository else {})}
        return self.ok("PUT", f"/api/v1/namespaces/{namespace}/members/{user}", body)

    def bind(self, full, **more):
        """Builds the repository from kiln's own Git remote."""
        return self.ok("PUT", f"/api/v1/repositories/{quote(full)}/source", {"provider": "KILN", **more})

    def rule(self, full, pattern="main", tags=("latest",), refType="GIT_BRANCH", **more):
        body = {"pattern": pattern, "refType": refType, "imageTags": list(tags), **more}
        return self.ok("POST", f"/api/v1/repositories/{quote(full)}/rules", body)

    def build(self, id):
        return self.ok("GET", f"/api/v1/builds/{id}")

    def builds(self, full=None, **query):
        if full:
            query["repository"] = full
        return self.ok("GET", "/api/v1/builds?" + urlencode({"limit": 500, **query}))["items"]

    def wait(self, id, *statuses, timeout=120):
        """The build once it has one of the statuses; all that end it by default."""
        wanted = statuses or ("SUCCESS", "FAILED", "CANCELED")
        end = time.monotonic() + timeout * SLOW
        while True:
            b = self.build(id)
            if b["status"] in wanted:
                return b
            if b["status"] in ("SUCCESS", "FAILED", "CANCELED") or time.monotonic() > end:
                pytest.fail(f"build {id} is {b['status']}, not {wanted}: {json.dumps(b, indent=1)}\n{self.text(id)}\n"
                            f"{self.log.read_text()[-3000:]}")
            time.sleep(0.05)

    def text(self, id):
        return self.api("GET", f"/api/v1/builds/{id}/log.txt").body.decode(errors="replace")

    def git_url(self, full, login=("admin", None)):
        name, password = login
        return f"http://{name}:{quote(password or self.admin_password)}@{self.host}/git/{full}.git"

    def git(self, tmp_path, full, files=None):
        """A work tree with a first commit on main, whose remote `origin` is kiln's: Tree."""
        return Tree(tmp_path / f"tree-{uuid.uuid4().hex[:8]}", self.git_url(full), files)

    def push_build(self, tmp_path, dockerfile, files=None, full=None, **rule):
        """A new repository with a rule for main, pushed to: the build's id."""
        if not full:
            full = f"ns{uuid.uuid4().hex[:10]}/app"
            self.namespace(full.partition("/")[0])
            self.repository(full)
            self.bind(full)
            self.rule(full, **rule)
        tree = self.git(tmp_path, full, {"Dockerfile": dockerfile, **(files or {})})
        tree.push("main")
        return self.builds(full)[0]["id"]


class Tree:
    """A Git work tree."""

    def __init__(self, path, remote, files=None):
        self.path = pathlib.Path(path)
        self.path.mkdir(parents=True)
        self("init", "-q", "-b", "main")
        self("remote", "add", "origin", remote)
        if files:
            self.commit(files)

    def __call__(self, *args, **more):
        env = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0",
               "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.org", "GIT_COMMITTER_NAME": "A",
               "GIT_COMMITTER_EMAIL": "a@example.org"}
        return run(["git", *args], env={**env, **more.pop("env", {})}, cwd=self.path, **more)

    def commit(self, files, message="a change"):
        """Writes the files, commits; the commit's id."""
        for name, text in files.items():
            at = self.path / name
            at.parent.mkdir(parents=True, exist_ok=True)
            at.write_bytes(text.encode() if isinstance(text, str) else text)
        self("add", "-A")
        self("commit", "-q", "--allow-empty", "-m", message)
        return self("rev-parse", "HEAD").out.strip()

    def push(self, *refs, **more):
        return self("push", "-q", "origin", *refs, **more)


@pytest.fixture
def service(tmp_path, registry, base, request):
    """A server of its own for one test. The parameter is its options."""
    s = Service(tmp_path / "service", registry.host, options=getattr(request, "param", ()))
    yield s
    assert s.close() == 0, s.log.read_text()


@contextlib.contextmanager
def locked(path):
    """Two sessions one after the other."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def base(registry, tmp_path_factory):
    run([ROOT / "tools" / "stand-ins", "--alpine", KILN, CACHE, registry.host, tmp_path_factory.mktemp("stand-ins")], timeout=300)
    return f"{registry.host}/library/alpine"


@pytest.fixture(scope="session")
def later():
    """later("crane"): the path of a program that only Debian's next release has."""
    def get(package):
        if shutil.which(package):
            return shutil.which(package)
        with locked(CACHE.parent / f".{CACHE.name}-later.lock"):
            r = run([ROOT / "tools" / "later-program", package, CACHE / f"later-{package}"], code=None, timeout=300)
        if r.code:
            pytest.skip(f"Debian's next release has no {package} that runs here: {r.err.strip()[-200:]}")
        return r.out.strip()
    return get


@pytest.fixture
def small_disk(tmp_path, base):
    """small_disk("size=64m"): a Kiln whose data directory is a small file system of its own, with these options of tmpfs."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small file system")
    at = tmp_path / "small"
    at.mkdir()

    def mount(options):
        run(["mount", "-t", "tmpfs", "-o", options, "kiln-test", at])
        return Kiln(at / "data", mirror=base.split("/")[0])

    yield mount
    run(["umount", "-l", at], code=None)


@pytest.fixture
def name(registry):
    return f"{registry.host}/t/{uuid.uuid4().hex[:12]}"


@pytest.fixture(scope="session")
def user():
    """An ordinary user with subordinate ids, gone after the session."""
    yield from make_user(subids=True)


@pytest.fixture(scope="session")
def plain_user():
    """An ordinary user who has no subordinate ids."""
    yield from make_user(subids=False)


def make_user(subids):
    if os.geteuid() != 0:
        if not subids:
            pytest.skip("only root can make a user")
        yield pwd.getpwuid(os.getuid())
        return
    login = f"kilnt{uuid.uuid4().hex[:8]}"
    home = tempfile.mkdtemp(prefix=f"{login}.", dir="/tmp")
    with locked(pathlib.Path("/tmp/.kiln-test-users")):
        # Without -r useradd gives a range of subordinate ids when the file exists; here it is given by hand.
        run(["useradd", "-r", "-M", "-d", home, "-s", "/bin/sh", login])
        if subids:
            taken = [line.split(":") for f in ("/etc/subuid", "/etc/subgid") if os.path.exists(f) for line in open(f)]
            first = max([100000] + [int(t[1]) + int(t[2]) for t in taken if len(t) == 3])
            run(["usermod", "--add-subuids", f"{first}-{first + 65535}", "--add-subgids", f"{first}-{first + 65535}",
                 login])
    entry = pwd.getpwnam(login)
    os.chown(home, entry.pw_uid, entry.pw_gid)
    try:
        yield entry
    finally:
        with locked(pathlib.Path("/tmp/.kiln-test-users")):
            run(["userdel", login], code=None)
        shutil.rmtree(home, ignore_errors=True)


def mounts():
    """What is mounted here, sorted lines of /proc/mounts; without what tests mount, also those of a session beside this one:
    files in memory, containers of containerd, `ip netns add`."""
    lines = pathlib.Path("/proc/mounts").read_text().splitlines()
    return sorted(l for l in lines if not l.startswith("kiln-test ") and "/kiln-ctr-" not in l and " /run/netns" not in l)


def processes(*words):
    """(pid, command line) of every process whose command line contains all of `words`, zombies left out."""
    found = []
    for p in pathlib.Path("/proc").iterdir():
        if not p.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            line = (p / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
            if line and all(str(w) in line for w in words):
                found.append((int(p.name), line))
    return found


def wait_for(what, timeout=20, every=0.02):
    """Calls `what` until its answer is true, and returns it."""
    end = time.monotonic() + timeout * SLOW
    while True:
        answer = what()
        if answer:
            return answer
        if time.monotonic() > end:
            pytest.fail(f"it did not come true within {timeout * SLOW} s: {what}")
        time.sleep(every)


def sessions_ended(data):
    """Waits until no process holds a session in DATA/layers: one that is killed lets go of its files a little after its memory."""

    def free(path):
        with open(path) as f:
            try:
                fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

    wait_for(lambda: all(free(p) for p in pathlib.Path(data).glob("layers/s-*/lock")))
