"""Git from both sides: pushes to kiln's own remote, and code sources at remotes of others, friendly and hostile."""
import contextlib
import json
import pathlib
import re
import socket
import sqlite3
import time
import urllib.parse

import pytest

from conftest import quote, run, wait_for
from remotes import GitHttp, GitSsh

ONE = "FROM scratch\nCOPY Dockerfile /\n"
ALL = {"pattern": ".*", "match": "expression", "tags": ["${branch:slug}-${GIT_COMMIT_ID:8}"], "newerPush": "wait"}
TAGS = {"pattern": ".*", "match": "expression", "refType": "GIT_TAG", "tags": ["${tag:slug}-${GIT_COMMIT_ID:8}"], "newerPush": "wait"}


@pytest.fixture
def repository(service):
    """ns/app, that builds every branch and tag of kiln's own remote."""
    service.namespace("ns")
    service.repository("ns/app")
    service.bind("ns/app")
    service.rule("ns/app", **ALL)
    service.rule("ns/app", **TAGS)
    return "ns/app"


@pytest.fixture
def remote(tmp_path):
    with GitHttp(tmp_path / "srv") as r:
        yield r


class Source:
    """A code source at a remote, and a repository that builds every branch and tag of it."""

    def __init__(self, service, url, name="app", **more):
        self.service, self.full = service, f"ns/{name}"
        if service.api("GET", "/api/v1/namespaces/ns").status == 404:
            service.namespace("ns")
        made = service.ok("POST", "/api/v1/sources", {"namespace": "ns", "name": name, "provider": "GIT", "url": url,
                                                      "pollSeconds": 0, "allowPrivate": True, **more})
        self.id, self.secret, self.made = made["id"], made["hookSecret"], made
        self.hook_path = urllib.parse.urlsplit(made["hookUrl"]).path
        service.repository(self.full)
        service.bind(self.full, provider=None, sourceId=self.id)
        service.rule(self.full, **ALL)
        service.rule(self.full, **TAGS)

    def __call__(self, verb, **more):
        return self.service.api("POST", f"/api/v1/sources/{self.id}:{verb}", **more)

    def look(self):
        r = self("look")
        assert r.status == 200, r.body
        return r.json["builds"]

    def get(self):
        return self.service.ok("GET", f"/api/v1/sources/{self.id}")

    def hook(self, ref, commit):
        r = self.service.api("POST", self.hook_path, raw=json.dumps({"ref": ref, "commit": commit, "pusher": "mina"}).encode(),
                             headers={"Authorization": f"Bearer {self.secret}", "Content-Type": "application/json"}, basic=None)
        assert r.status == 202, r.body

    def builds(self):
        return {b["ref"]: b for b in self.service.builds(self.full)}


def refs_of(service, full):
    (source,) = [s for s in service.ok("GET", "/api/v1/sources?limit=500")["items"] if f"{s['namespace']}/{s['name']}" == full]
    items, cursor = [], ""
    while cursor is not None:
        page = service.ok("GET", f"/api/v1/sources/{source['id']}/refs?limit=500&cursor={quote(cursor)}")
        items, cursor = items + page["items"], page["next"]
    return {r["ref"]: r for r in items}


# --- kiln's own remote --------------------------------------------------------------------------


def test_tags_of_every_kind_are_of_their_commit(service, repository, tmp_path):
    tree = service.git(tmp_path, repository, {"Dockerfile": ONE})
    commit = tree("rev-parse", "HEAD").out.strip()
    tree("tag", "light")
    tree("tag", "-a", "noted", "-m", "x")
    tree("tag", "-a", "twice", "-m", "x", "noted")
    tree.push("--tags")
    builds = service.builds(repository)
    assert sorted((b["ref"], b["commit"], b["tags"]) for b in builds) == [
        (f"refs/tags/{t}", commit, [f"{t}-{commit[:8]}"]) for t in ("light", "noted", "twice")]
    for b in builds:
        service.wait(b["id"], "SUCCESS")
    seen = refs_of(service, repository)
    assert {r["commit"] for r in seen.values()} == {commit}
    assert len({r["object"] for r in seen.values()}) == 3
    # the same tag of another commit
    moved = tree.commit({"x": "1"})
    tree("tag", "-f", "-a", "noted", "-m", "y")
    tree.push("+noted")
    (fresh,) = [b for b in service.builds(repository) if b["commit"] == moved]
    assert fresh["ref"] == "refs/tags/noted"


def test_what_was_deleted_or_overwritten_can_be_built_again(service, repository, tmp_path):
    tree = service.git(tmp_path, repository, {"Dockerfile": ONE})
    first = tree("rev-parse", "HEAD").out.strip()
    tree.push("main", "main:topic")
    old = {b["ref"]: b["id"] for b in service.builds(repository)}
    for id in old.values():
        service.wait(id, "SUCCESS")
    tree("commit", "-q", "--amend", "-m", "rewritten")
    second = tree("rev-parse", "HEAD").out.strip()
    refused = tree("push", "-q", "origin", "main", code=None)
    assert refused.code == 1 and "fetch first" in refused.err or "non-fast-forward" in refused.err, refused
    tree.push("+main", ":topic")
    fresh = [b for b in service.builds(repository) if b["id"] not in old.values()]
    assert [(b["ref"], b["commit"]) for b in fresh] == [("refs/heads/main", second)]
    assert set(refs_of(service, repository)) == {"refs/heads/main"}
    for ref, id in old.items():
        again = service.ok("POST", f"/api/v1/builds/{id}:rerun", {})
        assert (again["commit"], again["ref"]) == (first, ref)
        service.wait(again["id"], "SUCCESS")


def test_a_thousand_refs_in_one_push(service, repository, tmp_path):
    """All are seen; those that a rule wants are built, each once."""
    for rule in service.ok("GET", f"/api/v1/repositories/{quote(repository)}/rules")["items"]:
        service.ok("DELETE", f"/api/v1/repositories/{quote(repository)}/rules/{rule['id']}")
    service.rule(repository, pattern=r"r-(?<n>\d*7)", tags=["${n}"], newerPush="wait", enabled=True)
    tree = service.git(tmp_path, repository, {"Dockerfile": ONE})
    commit = tree("rev-parse", "HEAD").out.strip()
    tree("update-ref", "--stdin", input="".join(f"create refs/heads/r-{n} {commit}\n" for n in range(1000)))
    tree.push("--all")
    assert len(refs_of(service, repository)) == 1001
    assert sorted(int(b["tags"][0]) for b in service.builds(repository)) == list(range(7, 1000, 10))
    tree.push(*[f":r-{n}" for n in range(1000)])
    assert set(refs_of(service, repository)) == {"refs/heads/main"}
    assert len(service.builds(repository)) == 100


def test_a_push_of_50_mib(service, repository, tmp_path):
    big = run(["head", "-c", str(50 << 20), "/dev/urandom"]).raw
    tree = service.git(tmp_path, repository, {"Dockerfile": "FROM scratch\nCOPY big /\n", "big": big})
    tree.push("main", timeout=120)
    (b,) = service.builds(repository)
    service.wait(b["id"], "SUCCESS")
    # and back again
    run(["git", "clone", "-q", service.git_url(repository), tmp_path / "clone"], timeout=120)
    assert (tmp_path / "clone" / "big").read_bytes() == big


def test_who_may_push_and_fetch(service, repository, tmp_path):
    password = "a good password"
    for name, role in ("vera", "view"), ("dan", "develop"), ("sam", None):
        service.user(name, password)
        if role:
            service.grant("ns", name, role)
    tree = service.git(tmp_path, repository, {"Dockerfile": ONE})
    tree.push("main")
    before = refs_of(service, repository)
    tree.commit({"x": "1"})

    def push(login, full=repository):
        url = service.git_url(full, login) if login else f"http://{service.host}/git/{full}.git"
        return tree("push", "-q", url, "main", code=None)

    wrong, nobody, stranger, viewer = push(("dan", "wrong")), push(None), push(("sam", password)), push(("vera", password))
    assert wrong.code == 128 and "Authentication failed" in wrong.err, wrong
    assert nobody.code == 128 and "could not read Username" in nobody.err, nobody
    assert viewer.code == 128 and "403" in viewer.err, viewer
    # what may not be seen looks as what is not there
    absent = push(("sam", password), "ns/nothing")
    assert stranger.code == absent.code == 128 and "not found" in stranger.err and "not found" in absent.err, stranger
    assert refs_of(service, repository) == before and len(service.builds(repository)) == 1
    # to see is to fetch
    seen = run(["git", "ls-remote", service.git_url(repository, ("vera", password))])
    assert "refs/heads/main" in seen.out
    hidden = run(["git", "ls-remote", service.git_url(repository, ("sam", password))], code=None)
    assert hidden.code == 128 and "not found" in hidden.err, hidden
    assert push(("dan", password)).code == 0
    assert len(service.builds(repository)) == 2


@pytest.mark.parametrize("what", ["directory", "dockerfile", "below"])
def test_cve_2026_33748_links_that_leave_the_context(service, tmp_path, what):
    """Nothing of the machine comes into a build by a link in the repository."""
    service.namespace("ns")
    service.repository("ns/app")
    service.bind("ns/app")
    service.rule("ns/app", **{"directory": {"dockerfileDirectory": "out"}, "dockerfile": {"dockerfileName": "Dockerfile"},
                              "below": {"dockerfileName": "out/passwd"}}[what])
    tree = service.git(tmp_path, "ns/app")
    (tree.path / "out").symlink_to("/etc")
    if what == "dockerfile":
        (tree.path / "Dockerfile").symlink_to("/etc/passwd")
    tree.commit({"x": "1"})
    tree.push("main")
    b = service.wait(service.builds("ns/app")[0]["id"], "FAILED")
    assert "root:" not in json.dumps(b) + service.text(b["id"]), b


def test_cve_2026_33748_directories_are_refused_in_rules(service, repository):
    for directory in "..", "../..", "a/../../b", "/../etc":
        for member in "dockerfileDirectory", "dockerfileName":
            r = service.api("POST", f"/api/v1/repositories/{quote(repository)}/rules",
                            {"pattern": "x", "refType": "GIT_BRANCH", "imageTags": ["x"], member: directory})
            assert r.status == 400 and "leaves the repository" in r.json["detail"], r.body


# --- remotes of others --------------------------------------------------------------------------


def open_keys(data):
    found = []
    for path in data.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            if path.is_file() and b"OPENSSH PRIVATE KEY" in path.read_bytes():
                found.append(path)
    return found


def test_a_source_by_ssh_with_a_key_that_kiln_makes(service, tmp_path):
    with GitSsh(tmp_path / "ssh") as remote:
        tree = remote.tree("app", {"Dockerfile": ONE})
        source = Source(service, remote.url("app"))
        key = source.made["sshPublicKey"]
        assert source.made["credential"] == "ssh" and key.startswith("ssh-ed25519 "), source.made
        closed = source("test")
        assert closed.json["code"] == "SRC_AUTH", closed.body
        remote.allow(key)
        assert [r["ref"] for r in source("test").json["items"]] == ["refs/heads/main"]
        source.look()
        commit = tree.commit({"x": "1"})
        tree.push("main:topic")
        assert source.look() == 1
        b = source.builds()["refs/heads/topic"]
        assert service.wait(b["id"], "SUCCESS")["commit"] == commit
        # The host's key is held to, until somebody says that it changed.
        assert source.get()["sshHostKey"]
        remote.__exit__()
        remote.new_host_key()
        with remote:
            other = source("test")
            assert other.json["code"] == "SRC_HOST_KEY" and other.json["remedy"], other.body
            service.ok("PATCH", f"/api/v1/sources/{source.id}", {"sshHostKey": ""})
            assert source("test").status == 200
        # No private key is shown, kept in the open, or left behind; only a git that runs has it in a file.
        wait_for(lambda: not open_keys(service.data))


def test_a_source_by_http_with_a_password(service, tmp_path):
    with GitHttp(tmp_path / "srv", login=("mina", "s3cret pass:word")) as remote:
        tree = remote.tree("app", {"Dockerfile": ONE})
        source = Source(service, remote.url("app"))
        assert source("test").json["code"] == "SRC_AUTH"
        service.ok("PATCH", f"/api/v1/sources/{source.id}", {"credential": "password", "username": "mina", "secret": "wrong"})
        refused = source("test")
        assert refused.json["code"] == "SRC_AUTH" and "wrong" not in refused.body.decode(), refused.body
        service.ok("PATCH", f"/api/v1/sources/{source.id}", {"secret": "s3cret pass:word"})
        source.look()
        tree.commit({"x": "1"})
        tree.push("main:topic")
        source.look()
        service.wait(source.builds()["refs/heads/topic"]["id"], "SUCCESS")
        assert source.get()["lastError"] is None


def test_a_remote_that_is_not_there(service, remote):
    source = Source(service, remote.url("nothing"))
    r = source("test")
    assert r.json["code"] == "SRC_NOT_FOUND" and r.json["remedy"], r.body
    remote.server.shutdown()
    remote.server.server_close()
    r = source("look")
    assert (r.status, r.json["code"]) == (502, "SRC_UNREACHABLE") or r.status == 503, r.body
    assert source.get()["lastError"]


@pytest.mark.parametrize("url", ["http://127.0.0.1:{port}/app.git", "http://localhost:{port}/app.git", "http://0x7f.1:{port}/app.git",
                                 "http://[::ffff:127.0.0.1]:{port}/app.git", "https://169.254.169.254/latest.git",
                                 "ssh://git@10.0.0.1/app.git", "git@192.168.0.1:app.git"])
def test_private_addresses_are_refused_with_the_remedy(service, remote, url):
    remote.tree("app", {"Dockerfile": ONE})
    source = Source(service, url.format(port=remote.port), allowPrivate=False)
    r = source("test")
    assert r.json["code"] == "SRC_ADDRESS" and "allow private addresses" in r.json["remedy"], r.body
    assert source("look").json["code"] == "SRC_ADDRESS"
    assert "private network" in source.get()["lastError"]
    assert remote.asked == []


def test_a_host_that_is_an_ipv6_address(service, tmp_path):
    if not socket.has_ipv6 or "00000000000000000000000000000001" not in pathlib.Path("/proc/net/if_inet6").read_text():
        pytest.skip("there is no ::1 here")
    with GitHttp(tmp_path / "srv", host="::1") as remote:
        remote.tree("app", {"Dockerfile": ONE})
        assert [r["ref"] for r in Source(service, remote.url("app"))("test").json["items"]] == ["refs/heads/main"]


def test_redirects_are_not_followed(service, remote, tmp_path):
    """Else an open address leads to a closed one."""
    remote.tree("app", {"Dockerfile": ONE})
    with GitHttp(tmp_path / "other", redirect=remote.url("app").rsplit("/", 1)[0]) as other:
        r = Source(service, other.url("app"))("test")
        assert r.status >= 400 and "302" in r.json["detail"], r.body
        assert other.asked and remote.asked == []


def test_cve_2025_6032_a_certificate_that_nobody_signed(service, tmp_path):
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=127.0.0.1",
         "-addext", "subjectAltName=IP:127.0.0.1"])
    with GitHttp(tmp_path / "srv", certificate=(cert, key)) as remote:
        remote.tree("app", {"Dockerfile": ONE})
        r = Source(service, remote.url("app"))("test")
        assert r.status >= 400 and "certificate" in r.json["detail"], r.body
        assert remote.asked == []


# --- what is missed, and found --------------------------------------------------------------------


def test_a_hook_finds_what_other_hooks_missed(service, remote):
    tree = remote.tree("app", {"Dockerfile": ONE})
    source = Source(service, remote.url("app"))
    source.look()
    before = set(source.builds())
    tree("branch", "old")
    tree.push("old")
    source.look()
    tree.push(":old")  # nobody tells of this
    missed = tree.commit({"x": "1"})
    tree.push("main:missed")
    tree("tag", "-a", "v1", "-m", "x")
    tree.push("v1")
    told = tree.commit({"x": "2"})
    tree.push("main")
    source.hook("refs/heads/main", told)
    wanted = {"refs/heads/main": told, "refs/heads/missed": missed, "refs/tags/v1": missed}
    wait_for(lambda: {r: b["commit"] for r, b in source.builds().items() if r in wanted} == wanted)
    actors = {r: b["actor"] for r, b in source.builds().items() if r in wanted}
    assert actors == {"refs/heads/main": "mina", "refs/heads/missed": "", "refs/tags/v1": ""}
    (delivery,) = service.ok("GET", f"/api/v1/sources/{source.id}/deliveries")["items"]
    assert delivery["builds"] == 1, delivery
    of = lambda path: service.ok("GET", path)["items"]
    assert [(b["ref"], b["commit"]) for b in of(f"/api/v1/builds?delivery={delivery['id']}")] == [("refs/heads/main", told)]
    assert of("/api/v1/builds?delivery=whd-none") == []
    assert [r["fullName"] for r in of(f"/api/v1/repositories?source={source.id}")] == [source.full]
    assert of("/api/v1/repositories?source=crcs-none") == []
    assert service.api("GET", f"/api/v1/repositories?source={source.id}", basic=None).status == 401
    assert set(source.builds()) == before | {*wanted, "refs/heads/old"}
    assert set(refs_of(service, source.full)) == set(wanted)
    # the same hook once more, and one that lies: nothing is built that is not there
    n = len(service.builds(source.full))
    source.hook("refs/heads/main", told)
    source.hook("refs/heads/main", "1" * 40)
    source.hook("refs/heads/nothing", "1" * 40)
    assert source.look() == 0 and len(service.builds(source.full)) == n


def test_the_deliveries_that_made_builds_of_a_repository(service, remote):
    tree = remote.tree("app", {"Dockerfile": ONE})
    source = Source(service, remote.url("app"))
    source.look()
    commit = tree.commit({"x": "1"})
    tree.push("main")
    source.hook("refs/heads/main", commit)
    wait_for(lambda: source.builds().get("refs/heads/main", {}).get("commit") == commit)
    of = lambda path: service.ok("GET", path)["items"]
    (delivery,) = of(f"/api/v1/sources/{source.id}/deliveries")
    listed = f"/api/v1/sources/{source.id}/deliveries?repository="
    service.repository("ns/beside")
    service.bind("ns/beside", provider=None, sourceId=source.id)
    beside = service.ok("GET", "/api/v1/repositories/ns%2Fbeside")["id"]
    assert of(listed + quote(source.full)) == [delivery] and of(listed) == [delivery]
    assert of(listed + beside) == of(listed + quote("ns/beside")) == [], "it made none of its builds"
    r = service.api("GET", listed + "ns%2Fnone")
    assert r.status == 404 and r.json["code"] == "NOT_FOUND", r.body
    service.user("sees-the-source")
    service.grant("ns", "sees-the-source", "view")
    login = ("sees-the-source", "a good password")
    service.namespace("hidden")
    service.repository("hidden/one")
    assert service.api("GET", listed + quote(source.full), basic=login).status == 200
    assert service.api("GET", listed + "hidden%2Fone", basic=login).status == 404


def test_the_timer_finds_what_came_while_the_server_was_down(service, remote):
    tree = remote.tree("app", {"Dockerfile": ONE})
    source = Source(service, remote.url("app"), pollSeconds=86400)
    source.look()
    service.close()
    commit = tree.commit({"x": "1"})
    tree.push("main")
    # a day later
    with sqlite3.connect(service.data / "kiln.db") as db:
        assert db.execute("UPDATE code_source SET next_poll_ns = ? WHERE id = ?", (time.time_ns() - 1, source.id)).rowcount == 1
    service.restart()
    wait_for(lambda: source.builds().get("refs/heads/main", {}).get("commit") == commit, timeout=30)
    service.wait(source.builds()["refs/heads/main"]["id"], "SUCCESS")


def test_a_commit_that_the_remote_lost(service, remote):
    tree = remote.tree("app", {"Dockerfile": ONE})
    source = Source(service, remote.url("app"))
    source.look()
    tree.commit({"x": "1"})
    tree.push("main:kept", "main:gone")
    source.look()
    builds = source.builds()
    for b in builds.values():
        service.wait(b["id"], "SUCCESS")
    service.close()
    run(["rm", "-r", service.data / "git" / f"{source.id}.git"])
    tree("reset", "-q", "--hard", "HEAD^")
    tree.commit({"y": "1"})
    tree.push("+main:kept", ":gone")
    run(["git", "-C", tree.bare, "reflog", "expire", "--expire=now", "--all"])
    run(["git", "-C", tree.bare, "gc", "-q", "--prune=now"])
    service.restart()
    for ref, why in ("refs/heads/kept", "does not have commit"), ("refs/heads/gone", "couldn't find remote ref"):
        again = service.ok("POST", f"/api/v1/builds/{builds[ref]['id']}:rerun", {})
        error = service.wait(again["id"], "FAILED")["error"]
        assert error["code"] == "SRC_REF_GONE" and why in error["text"], error


# --- depth and submodules -----------------------------------------------------------------------


@pytest.mark.parametrize("depth,commits", [(1, 1), (2, 2), (0, 4)])
def test_depth(service, remote, depth, commits):
    tree = remote.tree("app", {"Dockerfile": ONE})
    source = Source(service, remote.url("app"), depth=depth)
    source.look()
    for n in range(3):
        commit = tree.commit({"x": str(n)})
    tree.push("main")
    source.look()
    service.wait(source.builds()["refs/heads/main"]["id"], "SUCCESS")
    mine = service.data / "git" / f"{source.id}.git"
    count = run(["git", "-c", "safe.directory=*", "-C", mine, "rev-list", "--count", commit])
    assert int(count.out) == commits


def add_module(tree, path, url, commit, name=None):
    tree("update-index", "--add", "--cacheinfo", f"160000,{commit},{path}")
    with open(tree.path / ".gitmodules", "a") as f:
        f.write(f'[submodule "{name or path}"]\n\tpath = {path}\n\turl = {url}\n')
    tree("add", ".gitmodules")


def push_modules(tree, branch):
    tree("commit", "-q", "-m", "modules")
    tree.push(f"HEAD:refs/heads/{branch}")


def test_submodules_where_they_are_wanted(service, remote):
    inner = remote.tree("inner", {"deep": "deep"})
    outer = remote.tree("outer", {"wide": "wide"})
    add_module(outer, "in", "../inner.git", inner("rev-parse", "HEAD").out.strip())
    push_modules(outer, "main")
    pinned = outer("rev-parse", "HEAD").out.strip()
    outer.commit({"wide": "later"})
    outer.push("main")
    tree = remote.tree("app", {"Dockerfile": "FROM alpine\nCOPY . /src\nRUN cat /src/lib/wide /src/lib/in/deep\n"})
    add_module(tree, "lib", remote.url("outer"), pinned)
    sources = [Source(service, remote.url("app"), name=n, submodules=s) for n, s in (("with", True), ("without", False))]
    for s in sources:
        s.look()
    push_modules(tree, "topic")
    for s in sources:
        s.look()
    b = service.wait(sources[0].builds()["refs/heads/topic"]["id"], "SUCCESS")
    assert "widedeep" in service.text(b["id"])  # of the commit that is pinned
    service.wait(sources[1].builds()["refs/heads/topic"]["id"], "FAILED")


# Row "git CVE-…" of what is tried: what submodules may say. All are refused, and nothing is run or read.
HOSTILE = {
    "cve-2022-39253-file": ("m", "file://{top}/inner.git"),
    "cve-2022-39253-path": ("m", "{top}/inner.git"),
    "cve-2023-22490-local-path": ("m", "../../../../{top}/inner.git"),
    "cve-2024-32004-git-dir": ("m", "file://{top}/inner.git/."),
    "ext": ("m", "ext::sh -c touch% {marker}"),
    "git-protocol": ("m", "git://127.0.0.1/inner.git"),
    "cve-2018-17456-option": ("m", "-u./payload"),
    "cve-2018-17456-ssh-option": ("m", "ssh://-oProxyCommand=touch${{IFS}}{marker}/x"),
    "cve-2019-13139-upload-pack": ("m", "--upload-pack=touch {marker}"),
    "cve-2018-11235-name": ("m", "{inner}", "../../hooks"),
    "cve-2019-1387-name": ("m", "{inner}", "a/../../x"),
    "cve-2024-50349-escape": ("m", "http://127.0.0.1%1b[31m/inner.git"),
    "cve-2024-52006-cr": ("m", "http://127.0.0.1%0dx/inner.git"),
    "cve-2023-29007-long": ("m", "http://127.0.0.1/" + "a" * 1200),
    "password": ("m", "http://u:p@127.0.0.1/inner.git"),
}


def test_submodules_of_git_s_history_of_faults(service, remote, tmp_path):
    marker = tmp_path / "marker"
    inner = remote.tree("inner", {"f": "x"})
    commit = inner("rev-parse", "HEAD").out.strip()
    tree = remote.tree("app", {"Dockerfile": ONE})
    source = Source(service, remote.url("app"), submodules=True)
    source.look()
    words = {"top": remote.top, "marker": marker, "inner": remote.url("inner")}
    for branch, (path, url, *name) in HOSTILE.items():
        tree("checkout", "-q", "-f", "-B", "work", "main")
        add_module(tree, path, url.format(**words), commit, *name)
        push_modules(tree, branch)
    tree("checkout", "-q", "-f", "-B", "work", "main")
    add_module(tree, "m", remote.url("inner"), commit)
    push_modules(tree, "fine")
    source.look()
    builds = source.builds()
    service.wait(builds["refs/heads/fine"]["id"], "SUCCESS")
    wrong = []
    for branch in HOSTILE:
        b = service.wait(builds[f"refs/heads/{branch}"]["id"], "SUCCESS", "FAILED")
        if b["status"] != "FAILED" or not re.search("submodule|fsck|git", json.dumps(b)):
            wrong.append((branch, b["status"], b["error"], b["jobs"]))
    assert not wrong
    assert not marker.exists()


def test_cve_2025_48384_a_path_that_ends_with_a_carriage_return(service, remote):
    """The commit's own path decides where a submodule is; what stands in .gitmodules writes nowhere."""
    inner = remote.tree("inner", {"post-checkout": "x"})
    tree = remote.tree("app", {"Dockerfile": "FROM alpine\nCOPY . /src\nRUN ls -lR /src; ls /src/hooks && exit 1 || true\n"})
    source = Source(service, remote.url("app"), submodules=True)
    source.look()
    commit = inner("rev-parse", "HEAD").out.strip()
    tree("update-index", "--add", "--cacheinfo", f"160000,{commit},sub\r")
    (tree.path / ".gitmodules").write_bytes(b'[submodule "sub"]\n\tpath = "sub\r"\n\turl = ../inner.git\n')
    (tree.path / "sub").symlink_to("hooks")
    tree("add", ".gitmodules", "sub")
    push_modules(tree, "topic")
    source.look()
    b = service.wait(source.builds()["refs/heads/topic"]["id"], "SUCCESS", "FAILED")
    assert "sub -> hooks" in service.text(b["id"]) if b["status"] == "SUCCESS" else "submodule" in json.dumps(b), b


def test_a_submodule_elsewhere_does_not_get_the_password(service, tmp_path):
    login = ("mina", "s3cret")
    with GitHttp(tmp_path / "a", login=login) as a, GitHttp(tmp_path / "b") as b:
        inner, same = b.tree("inner", {"f": "x"}), a.tree("same", {"f": "x"})
        tree = a.tree("app", {"Dockerfile": ONE})
        source = Source(service, a.url("app"), submodules=True, credential="password", username=login[0], secret=login[1])
        source.look()
        add_module(tree, "elsewhere", b.url("inner"), inner("rev-parse", "HEAD").out.strip())
        add_module(tree, "same", "../same.git", same("rev-parse", "HEAD").out.strip())
        push_modules(tree, "topic")
        source.look()
        service.wait(source.builds()["refs/heads/topic"]["id"], "SUCCESS")
        assert b.asked and not any("Authorization" in headers for _, _, headers in b.asked)


def test_cve_2025_48385_addresses_of_bundles_are_not_asked(service, tmp_path):
    """A server that tells of bundles: git would write them where the server wants."""

    def advertise(content):
        return content[:-4] + b"000fbundle-uri\n0000" if b"version 2" in content else content

    with GitHttp(tmp_path / "srv", advertise=advertise) as remote:
        tree = remote.tree("app", {"Dockerfile": ONE})
        source = Source(service, remote.url("app"))
        source.look()
        tree.commit({"x": "1"})
        tree.push("main:topic")
        source.look()
        service.wait(source.builds()["refs/heads/topic"]["id"], "SUCCESS")
        assert all(re.match(r"/app\.git/(info/refs|git-upload-pack)", path) for _, path, _ in remote.asked), remote.asked


@pytest.mark.parametrize("entry", [".git", ".GIT", "git~1", ".."])
def test_objects_that_write_elsewhere_are_not_fetched(service, remote, entry):
    tree = remote.tree("app", {"Dockerfile": ONE})
    source = Source(service, remote.url("app"))
    source.look()
    blob, dockerfile = (tree("hash-object", "-w", "--stdin", input=text).out.strip() for text in ("x", ONE))
    inner = tree("mktree", input=f"100644 blob {blob}\tconfig\n").out.strip()
    outer = tree("mktree", input=f"040000 tree {inner}\t{entry}\n100644 blob {dockerfile}\tDockerfile\n").out.strip()
    bad = tree("commit-tree", outer, input="x").out.strip()
    tree.push(f"{bad}:refs/heads/bad")
    source.look()
    error = service.wait(source.builds()["refs/heads/bad"]["id"], "FAILED")["error"]
    assert error["code"] == "SRC_OBJECT" and re.search("hasDotdot|hasDotgit", error["text"]), error
