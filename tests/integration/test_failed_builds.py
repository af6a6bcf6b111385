"""Builds that fail before their first step: the record says why with a code and a remedy, wherever the failure was."""
import contextlib
import json
import types

import pytest

from conftest import HOST, Service, run
from remotes import GitHttp
from test_git import ONE, Source
from test_service import Cli, cli  # noqa: F401 (a fixture)
from test_worker import OTHER, no_embedded, worker  # noqa: F401 (fixtures)


@pytest.fixture
def queue(tmp_path, registry, base):
    """A server that builds nothing until build(queue)."""
    s = Service(tmp_path / "service", registry.host, slots=0)
    yield s
    assert s.close() == 0, s.log.read_text()


def build(service, before=lambda: None):
    """What the server fetched in advance is lost; then it builds."""
    service.close()
    for path in (service.data / "git").glob("crcs-*.git"):
        run(["rm", "-r", path])
    before()
    service.options[service.options.index("--slots") + 1] = "2"
    service.restart()


def public(service, full):
    """A public repository with a rule for main."""
    service.namespace(full.partition("/")[0])
    service.repository(full, type="PUBLIC")
    service.bind(full)
    service.rule(full, platforms=[HOST])
    return full


def failed(service, id, code, says):
    """The build once it has failed, as record, jobs, log and command line tell it."""
    b = service.wait(id, "FAILED")
    for error in b["error"], *(j["error"] for j in b["jobs"]):
        assert error["code"] == code and says in error["text"] and error["remedy"], b
    assert b["error"]["remedy"] == b["jobs"][0]["error"]["remedy"]
    assert "WORKER" not in json.dumps(b) and "the server answers" not in json.dumps(b), b
    log = service.text(id)
    assert f"({code}) {b['error']['remedy']}" in log, log
    return b


def pushed(service, tree, source, commit_of="main"):
    """A build that is queued, of a new commit on `commit_of`."""
    commit = tree.commit({"x": commit_of})
    tree.push(f"+HEAD:refs/heads/{commit_of}")
    source.look()
    b = source.builds()[f"refs/heads/{commit_of}"]
    assert b["commit"] == commit and b["status"] == "PENDING", b
    return b["id"]


@contextlib.contextmanager
def queued(service, tmp_path, commit_of="main", login=None):
    """A remote, a tree that pushes to it, a source at it, and the id of a build that is queued."""
    with GitHttp(tmp_path / "srv", login=login) as remote:
        tree = remote.tree("app", {"Dockerfile": ONE})
        credential = {"credential": "password", "username": login[0], "secret": login[1]} if login else {}
        source = Source(service, remote.url("app"), **credential)
        source.look()
        yield types.SimpleNamespace(remote=remote, tree=tree, source=source, id=pushed(service, tree, source, commit_of))


def forget(tree):
    """The remote has only what its refs reach."""
    run(["git", "-C", tree.bare, "reflog", "expire", "--expire=now", "--all"])
    run(["git", "-C", tree.bare, "gc", "-q", "--prune=now"])


@pytest.mark.parametrize("how", ["deleted", "overwritten"])
def test_a_branch_that_is_gone_before_the_build_starts(queue, tmp_path, how):
    with queued(queue, tmp_path, "topic") as q:
        q.tree("reset", "-q", "--hard", "HEAD^")
        q.tree.commit({"y": "1"})
        q.tree.push(":topic" if how == "deleted" else "+HEAD:topic")
        forget(q.tree)
        build(queue)
        b = failed(queue, q.id, "SRC_REF_GONE", "couldn't find remote ref" if how == "deleted" else "does not have commit")
        assert "Push again" in b["error"]["remedy"]


def test_a_credential_that_is_no_longer_taken(queue, tmp_path):
    with queued(queue, tmp_path, login=("mina", "s3cret")) as q:
        q.remote.login = ("mina", "another")
        build(queue)
        b = failed(queue, q.id, "SRC_AUTH", "the remote wants another login")
        assert "credential" in b["error"]["remedy"] and "s3cret" not in json.dumps(b) + queue.text(q.id)


def test_an_address_that_is_closed_again(queue, tmp_path):
    with queued(queue, tmp_path) as q:
        queue.ok("PATCH", f"/api/v1/sources/{q.source.id}", {"allowPrivate": False})
        build(queue)
        failed(queue, q.id, "SRC_ADDRESS", "private network")


def test_a_remote_that_is_gone(queue, tmp_path):
    with queued(queue, tmp_path) as q:
        build(queue, lambda: run(["mv", q.tree.bare, q.tree.bare.with_name("other.git")]))
        failed(queue, q.id, "SRC_NOT_FOUND", "not found")


def test_a_remote_that_does_not_answer(queue, tmp_path):
    with queued(queue, tmp_path) as q:
        id = q.id
    build(queue)
    failed(queue, id, "SRC_UNREACHABLE", "127.0.0.1")


def test_a_source_that_was_deleted(queue, tmp_path):
    with queued(queue, tmp_path) as q:
        queue.ok("DELETE", f"/api/v1/repositories/{q.source.full.replace('/', '%2F')}/source")
        queue.ok("DELETE", f"/api/v1/sources/{q.source.id}")
        build(queue)
        failed(queue, q.id, "SRC_GONE", "was deleted")


@pytest.mark.parametrize("rule, code, says", [
    ({"dockerfileDirectory": "/no/where"}, "DF_CONTEXT", "has no directory /no/where"),
    ({"dockerfileDirectory": "Dockerfile"}, "DF_CONTEXT", "has no directory /Dockerfile"),
    ({"dockerfileName": "Nope"}, "DF_MISSING", "there is no Nope in the build context; there is Dockerfile"),
    ({"dockerfileDirectory": "web"}, "DF_MISSING", "there is no Dockerfile in the build context; there is Dockerfile.web"),
])
def test_a_rule_that_names_what_is_not_there(service, cli, tmp_path, rule, code, says):  # noqa: F811
    id = service.push_build(tmp_path, "FROM alpine\n", {"web/Dockerfile.web": "FROM alpine\n"}, platforms=[HOST, "linux/arm/v6"], **rule)
    b = failed(service, id, code, says)
    assert len(b["jobs"]) == 2
    # as a person reads it
    shown = cli("builds", "get", id).out
    error = b["jobs"][0]["error"]
    assert f"error={error['text']} ({code}) {error['remedy']}" in shown, shown
    assert f"{b['error']['text']} ({code}) {error['remedy']}" in shown, shown
    followed = cli("builds", "logs", "-f", id, code=1)
    assert error["text"] in followed.err and error["remedy"] in followed.err, followed
    assert cli.json("builds", "get", id)["jobs"][0]["error"] == error
    # a retry of it fails again for the same reason
    again = service.ok("POST", f"/api/v1/builds/{id}:retry", {})
    failed(service, again["id"], code, says)


def test_a_worker_elsewhere_passes_the_reason_on(service, worker, tmp_path):  # noqa: F811
    no_embedded(service)
    worker("one")
    id = service.push_build(tmp_path, "FROM alpine\n", platforms=[HOST], dockerfileDirectory="none")
    assert failed(service, id, "DF_CONTEXT", "has no directory /none")["jobs"][0]["worker"] == "one"


@pytest.mark.parametrize("image, code, says", [
    ("{mirror}/library/alpine:no-such-tag", "BASE_NOT_FOUND", "no-such-tag"),
    ("{host}/other/private", "BASE_DENIED", "other/private"),
])
def test_a_base_image_that_is_not_there(service, tmp_path, image, code, says):
    image = image.format(mirror=service.mirror, host=service.host)
    failed(service, service.push_build(tmp_path, f"FROM {image}\nRUN true\n", platforms=[HOST]), code, says)


def test_a_base_image_without_the_platform(service, tmp_path):
    service.wait(service.push_build(tmp_path, "FROM alpine\nRUN true\n", full=public(service, "one/base")), "SUCCESS")
    id = service.push_build(tmp_path, f"FROM {service.host}/one/base\nRUN true\n", platforms=[OTHER])
    failed(service, id, "BASE_PLATFORM", f"has no image for {OTHER}; it has {HOST}")


def test_what_the_worker_lacks_is_its_own_fault(service, tmp_path):
    id = service.push_build(tmp_path, "FROM alpine\nRUN true\n", platforms=[HOST])
    service.wait(id, "SUCCESS")
    full = service.build(id)["repository"]
    rule = service.build(id)["ruleId"]
    service.close()
    (service.data / "jobs").rmdir()
    (service.data / "jobs").symlink_to(tmp_path / "nowhere")
    service.restart()
    again = service.ok("POST", f"/api/v1/repositories/{full.replace('/', '%2F')}/rules/{rule}:build", {})
    error = service.wait(again["id"], "FAILED")["jobs"][0]["error"]
    assert error["code"] == "WORKER" and "jobs" in error["text"], error
