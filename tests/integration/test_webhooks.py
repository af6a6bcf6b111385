"""Webhooks from outside: each provider's signature right, wrong and missing, and payloads of any size.

GitHub's payloads are those of the npm package @octokit/webhooks-examples; the others are written after the providers'
documentation.
"""
import base64
import concurrent.futures
import hashlib
import hmac
import json
import tarfile
import time
import uuid

import pytest

from conftest import CACHE, locked, run

EXAMPLES = "7.6.1"
A, B, TAG_OBJECT, ZERO = "a1" * 20, "b2" * 20, "7e" * 20, "0" * 40
MIB = 1 << 20


@pytest.fixture(scope="session")
def examples():
    """GitHub's example payloads of the event push: a list of objects."""
    package = f"octokit-webhooks-examples-{EXAMPLES}.tgz"
    with locked(CACHE.parent / f".{CACHE.name}-webhooks.lock"):
        if not (CACHE / package).exists():
            CACHE.mkdir(parents=True, exist_ok=True)
            run(["npm", "pack", "--silent", f"@octokit/webhooks-examples@{EXAMPLES}"], cwd=CACHE, timeout=120)
    with tarfile.open(CACHE / package) as t:
        whole = json.load(t.extractfile("package/api.github.com/index.json"))
    events = [e for e in whole if e["name"] == "push"]
    return [p for e in events for p in e["examples"]]


class Hook:
    """A code source and the way its provider signs."""

    def __init__(self, service, provider, **more):
        self.service, self.provider = service, provider
        # Nobody answers there, which is no matter: a delivery is taken before anybody is asked.
        body = {"namespace": self.namespace(service), "name": f"s{uuid.uuid4().hex[:8]}", "provider": provider,
                "url": "https://192.0.2.1/owner/repository.git", "pollSeconds": 0, **more}
        made = service.api("POST", "/api/v1/sources", body)
        assert made.status == 201, made.json
        self.source, self.id, self.secret = made.json, made.json["id"], made.json["hookSecret"]
        self.path = "/" + self.source["hookUrl"].split("/", 3)[3]

    @staticmethod
    def namespace(service):
        name = f"ns{uuid.uuid4().hex[:10]}"
        service.namespace(name)
        return name

    def headers(self, raw, secret=None, event=None, delivery=None, now=None):
        secret = self.secret if secret is None else secret
        delivery = delivery or str(uuid.uuid4())
        now = int(now or time.time())
        hexes = hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()
        sign = {
            "GITHUB": {"X-GitHub-Event": event or "push", "X-GitHub-Delivery": delivery, "X-Hub-Signature-256": f"sha256={hexes}"},
            "GITLAB": {"X-Gitlab-Event": event or "Push Hook", "X-Gitlab-Event-UUID": delivery, "X-Gitlab-Token": secret},
            "GITEA": {"X-Gitea-Event": event or "push", "X-Gitea-Delivery": delivery, "X-Gitea-Signature": hexes},
            "BITBUCKET": {"X-Event-Key": event or "repo:push", "X-Request-UUID": delivery, "X-Hub-Signature": f"sha256={hexes}"},
            "BITBUCKET_SERVER": {"X-Event-Key": event or "repo:refs_changed", "X-Request-Id": delivery,
                                 "X-Hub-Signature": f"sha256={hexes}"},
            "CODEUP": {"Codeup-Event": event or "Push Hook", "X-Codeup-Token": secret},
            "GITEE": {"X-Gitee-Event": event or "Push Hook", "X-Gitee-Timestamp": str(now * 1000),
                      "X-Gitee-Token": base64.b64encode(hmac.new(secret.encode(), f"{now * 1000}\n{secret}".encode(),
                                                                 hashlib.sha256).digest()).decode()},
            "GIT": self.standard(raw, secret, delivery, now),
        }
        return {**sign[self.provider], "Content-Type": "application/json"}

    @staticmethod
    def standard(raw, secret, delivery, now):
        key = base64.b64decode(secret[6:]) if secret.startswith("whsec_") else secret.encode()
        signed = hmac.new(key, f"{delivery}.{now}.".encode() + raw, hashlib.sha256).digest()
        return {"webhook-id": delivery, "webhook-timestamp": str(now),
                "webhook-signature": "v1," + base64.b64encode(signed).decode()}

    def post(self, payload, headers=None, path=None, **sign):
        raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        sent = self.headers(raw, **sign) if headers is None else headers
        return self.service.api("POST", path or self.path, raw=raw, headers=sent, basic=None)

    def deliveries(self):
        r = self.service.api("GET", f"/api/v1/sources/{self.id}/deliveries?limit=500")
        assert r.status == 200, r.json
        return r.json["items"]


GITHUB_LIKE = {"ref": "refs/heads/main", "before": A, "after": B, "created": False, "deleted": False, "forced": False,
               "head_commit": {"id": B}, "pusher": {"name": "mina"}}
GITLAB_LIKE = {"object_kind": "push", "event_name": "push", "ref": "refs/heads/main", "before": A, "after": B,
               "checkout_sha": B, "user_username": "mina"}
PUSHES = {
    "GITHUB": GITHUB_LIKE,
    "GITLAB": GITLAB_LIKE,
    "GITEA": {**GITHUB_LIKE, "pusher": {"id": 1, "login": "mina"}},
    "GITEE": {**GITHUB_LIKE, "hook_name": "push_hooks", "user_name": "mina"},
    "BITBUCKET": {"actor": {"nickname": "mina"}, "push": {"changes": [
        {"old": {"type": "branch", "name": "main", "target": {"hash": A}},
         "new": {"type": "branch", "name": "main", "target": {"type": "commit", "hash": B}},
         "created": False, "closed": False, "forced": False, "truncated": False}]}},
    "BITBUCKET_SERVER": {"eventKey": "repo:refs_changed", "actor": {"name": "mina"}, "changes": [
        {"ref": {"id": "refs/heads/main", "displayId": "main", "type": "BRANCH"}, "refId": "refs/heads/main",
         "fromHash": A, "toHash": B, "type": "UPDATE"}]},
    "CODEUP": GITLAB_LIKE,
    "GIT": {"ref": "refs/heads/main", "commit": B, "pusher": "mina"},
}
MAIN = [{"ref": "refs/heads/main", "commit": B, "deleted": False, "forced": False}]


@pytest.mark.parametrize("provider", sorted(PUSHES))
def test_only_what_is_signed_is_taken(service, provider):
    hook = Hook(service, provider)
    raw = json.dumps(PUSHES[provider]).encode()
    wrong = hook.post(raw, secret="guessed")
    assert (wrong.status, wrong.json["code"]) == (401, "HOOK_SIG")
    missing = hook.post(raw, headers={"Content-Type": "application/json"})
    assert (missing.status, missing.json["code"]) == (401, "HOOK_SIG")
    assert "is missing" in missing.json["detail"] and hook.secret not in missing.body.decode()
    right = hook.post(raw)
    assert right.status == 202 and right.json["duplicate"] is False, right.json
    newest, *others = hook.deliveries()
    assert newest["id"] == right.json["delivery"] and newest["outcome"] == "accepted"
    assert newest["changes"] == MAIN and "mina" in newest["detail"]
    assert [d["outcome"] for d in others] == ["refused", "refused"]


def test_examples_of_github(service, examples):
    hook = Hook(service, "GITHUB")
    assert len(examples) >= 7
    for push in examples:
        r = hook.post(push)
        assert r.status == 202, r.json
        told = hook.deliveries()[0]
        (change,) = told["changes"]
        commit = None if push["deleted"] else push["after"]
        if push["ref"].startswith("refs/tags/"):
            commit = (push["head_commit"] or {}).get("id")
        assert change == {"ref": push["ref"], "commit": commit, "deleted": push["deleted"], "forced": push["forced"]}
        assert hook.post(push, secret="guessed").status == 401
        assert hook.post(push, headers={"X-GitHub-Event": "push"}).status == 401
        raw = json.dumps(push).encode()
        assert hook.post(raw + b" ", headers=hook.headers(raw)).status == 401


def test_the_same_delivery_twice(service):
    hook = Hook(service, "GITHUB")
    first = hook.post(GITHUB_LIKE, delivery="d-1")
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        again = list(pool.map(lambda _: hook.post(GITHUB_LIKE, delivery="d-1"), range(16)))
    assert first.json["duplicate"] is False
    assert all(r.status == 202 and r.json == {"delivery": first.json["delivery"], "duplicate": True} for r in again)
    assert len(hook.deliveries()) == 1


def test_a_refused_delivery_does_not_forestall_the_real_one(service):
    hook = Hook(service, "GITHUB")
    assert hook.post(GITHUB_LIKE, delivery="d-1", secret="guessed").status == 401
    assert hook.post(GITHUB_LIKE, delivery="d-1").json["duplicate"] is False


def test_pings_and_other_events(service):
    hook = Hook(service, "GITHUB")
    assert hook.post({"zen": "Approachable is better than simple."}, event="ping").status == 200
    assert hook.post({"action": "opened"}, event="issues").status == 202
    assert [d["outcome"] for d in hook.deliveries()] == ["ignored", "ignored"]
    server = Hook(service, "BITBUCKET_SERVER")
    assert server.post({"test": True}, event="diagnostics:ping").status == 200


def test_a_wrong_provider_looks_like_a_wrong_id(service):
    hook = Hook(service, "GITHUB")
    paths = [f"/hooks/gitlab/{hook.id}", f"/hooks/nobody/{hook.id}", "/hooks/github/crcs-0000000000000000", "/hooks/github/x"]
    answers = [hook.post(GITHUB_LIKE, path=p) for p in paths]
    assert [r.status for r in answers] == [404] * len(paths)
    assert len({r.body for r in answers}) == 1
    assert hook.deliveries() == []


def test_a_payload_of_20_mib(service):
    hook = Hook(service, "GITHUB")
    commits = [{"id": B, "message": "x" * 1000, "added": ["a/b/c"] * 10} for _ in range(20 * MIB // 1100)]
    raw = json.dumps({**GITHUB_LIKE, "commits": commits}).encode()
    assert 19 * MIB < len(raw) < 25 * MIB
    r = hook.post(raw)
    assert r.status == 202, r.json
    assert hook.deliveries()[0]["changes"] == MAIN


def test_a_payload_that_is_too_large(service):
    hook = Hook(service, "GITHUB")
    raw = b'{"ref":"' + b"x" * (25 * MIB) + b'"}'
    try:
        r = hook.post(raw)
    except (BrokenPipeError, ConnectionResetError):
        return  # cut off in the middle, as large as it was announced
    assert (r.status, r.json["code"]) == (413, "HOOK_LARGE")


def test_a_push_of_1000_refs(service):
    hook = Hook(service, "BITBUCKET_SERVER")
    refs = [f"refs/heads/topic-{i}" for i in range(1000)]
    r = hook.post({"changes": [{"refId": ref, "fromHash": ZERO, "toHash": B, "type": "ADD"} for ref in refs]})
    assert r.status == 202, r.json
    told = hook.deliveries()[0]
    assert "1000 refs" in told["detail"]
    assert [c["ref"] for c in told["changes"]] == refs[:100]


@pytest.mark.parametrize("provider,event,payload,changes", [
    ("GITLAB", "Tag Push Hook", {**GITLAB_LIKE, "object_kind": "tag_push", "ref": "refs/tags/v1", "after": TAG_OBJECT},
     [("refs/tags/v1", B, False)]),
    ("GITLAB", "Tag Push Hook", {**GITLAB_LIKE, "object_kind": "tag_push", "ref": "refs/tags/v1", "after": ZERO,
                                 "checkout_sha": None}, [("refs/tags/v1", None, True)]),
    ("GITEA", "create", {"ref": "v3", "ref_type": "tag", "sha": TAG_OBJECT}, [("refs/tags/v3", None, False)]),
    ("GITEA", "delete", {"ref": "topic", "ref_type": "branch"}, [("refs/heads/topic", None, True)]),
    ("GITEE", "Tag Push Hook", {**GITHUB_LIKE, "ref": "refs/tags/v1", "after": TAG_OBJECT}, [("refs/tags/v1", B, False)]),
    ("BITBUCKET", "repo:push", {"push": {"changes": [
        {"old": {"type": "tag", "name": "v0", "target": {"hash": A}}, "new": None, "closed": True},
        {"old": None, "new": {"type": "tag", "name": "v1", "target": {"hash": B}}, "created": True}]}},
     [("refs/tags/v0", None, True), ("refs/tags/v1", B, False)]),
    ("BITBUCKET", "repo:push", {"push": {"changes": [
        {"old": None, "new": {"type": "branch", "name": "main", "target": {"hash": B}}, "truncated": True}]}}, []),
    ("BITBUCKET_SERVER", "repo:refs_changed", {"changes": [
        {"refId": "refs/heads/x", "fromHash": A, "toHash": ZERO, "type": "DELETE"}]}, [("refs/heads/x", None, True)]),
    ("CODEUP", "Tag Push Hook", {"object_kind": "tag_push", "ref": "refs/tags/v1", "after": TAG_OBJECT},
     [("refs/tags/v1", None, False)]),
    ("GIT", None, {}, []),
])
def test_payloads_of_other_providers(service, provider, event, payload, changes):
    hook = Hook(service, provider)
    r = hook.post(payload, event=event)
    assert r.status == 202, r.json
    told = hook.deliveries()[0]
    assert told["outcome"] == "accepted"
    assert [(c["ref"], c["commit"], c["deleted"]) for c in told["changes"]] == changes


def test_what_is_signed_with_its_time_is_refused_later(service):
    hook = Hook(service, "GIT")
    late = hook.post(PUSHES["GIT"], now=time.time() - 400)
    assert late.status == 401 and "5 minutes" in late.json["detail"]
    assert hook.post(PUSHES["GIT"], now=time.time() - 200).status == 202
    raw = b"{}"
    assert hook.post(raw, headers={"Authorization": f"Bearer {hook.secret}"}).status == 202
    gitlab = Hook(service, "GITLAB")
    raw = json.dumps(GITLAB_LIKE).encode()
    signed = gitlab.standard(raw, gitlab.secret, "m-1", int(time.time()))
    assert gitlab.post(raw, headers=signed).status == 202


def test_a_payload_in_a_form(service):
    from urllib.parse import urlencode
    hook = Hook(service, "GITHUB")
    raw = urlencode({"payload": json.dumps(GITHUB_LIKE)}).encode()
    r = hook.post(raw, headers={**hook.headers(raw), "Content-Type": "application/x-www-form-urlencoded"})
    assert r.status == 202 and hook.deliveries()[0]["changes"] == MAIN


def test_a_payload_that_is_none(service):
    hook = Hook(service, "GITHUB")
    for raw in b"", b"{", b"[]", b"{}", b'{"ref": 7}', b"\xff", b"[" * 100000:
        r = hook.post(raw)
        assert (r.status, r.json["code"]) == (400, "HOOK_BODY"), raw[:20]


def test_a_rotation_leaves_the_secret_before_valid_once(service):
    hook = Hook(service, "GITHUB")
    first = hook.secret
    rotated = service.api("POST", f"/api/v1/sources/{hook.id}:rotate")
    assert rotated.status == 200 and rotated.json["hookSecret"] != first
    assert rotated.json["hookUrl"] == hook.source["hookUrl"]
    assert hook.post(GITHUB_LIKE, secret=first).status == 202
    assert hook.post(GITHUB_LIKE, secret=rotated.json["hookSecret"]).status == 202
    assert service.api("POST", f"/api/v1/sources/{hook.id}:rotate").status == 200
    assert hook.post(GITHUB_LIKE, secret=first).status == 401


def test_secrets_are_never_shown_again(service):
    hook = Hook(service, "GITHUB", secret="a very secret token")
    assert hook.source["hasSecret"] is True
    one = service.api("GET", f"/api/v1/sources/{hook.id}")
    every = service.api("GET", f"/api/v1/sources?namespace={hook.source['namespace']}")
    audit = service.api("GET", "/api/v1/audit?action=source.")
    for answer in one, every, audit:
        assert answer.status == 200
        assert hook.secret not in answer.body.decode() and "a very secret token" not in answer.body.decode()
    files = [p.read_bytes() for p in service.data.rglob("*") if p.is_file()]
    assert not any(hook.secret.encode() in f or b"a very secret token" in f for f in files)
    assert any(e["action"] == "source.create" for e in audit.json["items"])


def test_who_may_do_what(service):
    hook = Hook(service, "GITHUB")
    full = hook.source["namespace"]
    logins = {}
    for role in "view", "develop", "maintain":
        name = f"u{uuid.uuid4().hex[:8]}"
        service.user(name)
        service.grant(full, name, role)
        logins[role] = (name, "a good password")
    stranger = f"u{uuid.uuid4().hex[:8]}"
    service.user(stranger)
    at = f"/api/v1/sources/{hook.id}"

    def status(method, path, login, body=None):
        return service.api(method, path, body, basic=login).status

    assert status("GET", at, (stranger, "a good password")) == 404
    assert status("GET", at, None) == 401
    assert status("PATCH", at, (stranger, "a good password"), {"depth": 2}) == 404
    assert service.ok("GET", "/api/v1/sources", basic=(stranger, "a good password"))["items"] == []
    assert status("GET", at, logins["view"]) == 200
    assert status("GET", at + "/deliveries", logins["view"]) == 200
    for login in logins["view"], logins["develop"]:
        assert status("PATCH", at, login, {"depth": 2}) == 403
        assert status("POST", at + ":rotate", login) == 403
        assert status("DELETE", at, login) == 403
    assert status("PATCH", at, logins["maintain"], {"depth": 2}) == 200
    # What only the server reaches is opened by administrators only.
    assert status("PATCH", at, logins["maintain"], {"allowPrivate": True}) == 403
    assert status("PATCH", at, "admin", {"allowPrivate": True}) == 200
    assert status("DELETE", at, logins["maintain"]) == 204
    assert status("GET", at, "admin") == 404
    assert hook.post(GITHUB_LIKE).status == 404


def test_deliveries_are_pages(service):
    hook = Hook(service, "GITHUB")
    for i in range(5):
        hook.post(GITHUB_LIKE, delivery=f"d-{i}")
    keys, cursor = [], ""
    while cursor is not None:
        page = service.ok("GET", f"/api/v1/sources/{hook.id}/deliveries?limit=2&cursor={cursor}")
        keys += [d["key"] for d in page["items"]]
        cursor = page["next"]
    assert keys == [f"d-{i}" for i in reversed(range(5))]
