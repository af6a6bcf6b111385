"""Build rules from outside, by the API and by the command line: previews, refusals, what may be built by hand, and what pushes make of them."""
import datetime
import re
import uuid

import pytest

from conftest import ALL, HOST, PLATFORMS, Service, quote
from test_service import Cli, cli  # noqa: F401 (a fixture)

ONE = {"Dockerfile": "FROM scratch\nCOPY Dockerfile /\n"}
SEED = r"release-(?<major>\d*)-(?<minor>\d*)-(?<version>\d*)"
TIME, MINUTE, COMMIT = "${GIT_PUSH_DATE:yyyyMMdd}", "${GIT_PUSH_DATE:yyyyMMddHHmm}", "${GIT_COMMIT_ID:6}"


@pytest.fixture(scope="module")
def service(tmp_path_factory, registry, base):
    """One server for all of these tests."""
    s = Service(tmp_path_factory.mktemp("rules") / "service", registry.host)
    yield s
    assert s.close() == 0, s.log.read_text()


class Repository:
    """An image repository that is built from kiln's own Git remote, with rules and a work tree."""

    def __init__(self, service, tmp_path, **more):
        self.service, self.tmp_path = service, tmp_path
        self.namespace = f"n{uuid.uuid4().hex[:12]}"
        self.full = f"{self.namespace}/app"
        self.path = f"/api/v1/repositories/{quote(self.full)}"
        service.namespace(self.namespace)
        service.repository(self.full, **more)
        service.bind(self.full)
        self.tree = None

    def rule(self, pattern="main", tags=("latest",), **more):
        return self.service.rule(self.full, pattern, tags, **{"platforms": [HOST], **more})

    def rules(self):
        return self.service.ok("GET", f"{self.path}/rules")["items"]

    def ask(self, method, path, body=None, **more):
        return self.service.api(method, f"{self.path}{path}", body, **more)

    def change(self, rule, **members):
        return self.service.ok("PATCH", f"{self.path}/rules/{rule['id']}", members)

    def delete(self, rule):
        assert self.ask("DELETE", f"/rules/{rule['id']}").status == 204

    def preview(self, *refs, rule=None, **more):
        body = {**({"refs": list(refs)} if refs else {}), **({"rule": rule} if rule else {}), **more}
        return self.service.ok("POST", f"{self.path}/rules:preview", body)["items"]

    def commit(self, **files):
        if not self.tree:
            self.tree = self.service.git(self.tmp_path, self.full, ONE)
        return self.tree.commit(files)

    def push(self, *refs):
        """A commit, pushed: the builds that came of it, the newest last."""
        before = {b["id"] for b in self.builds()}
        self.commit(x=uuid.uuid4().hex)
        self.tree.push(*(refs or ("main",)))
        return [b for b in self.builds()[::-1] if b["id"] not in before]

    def builds(self):
        return self.service.builds(self.full)

    def tag(self, name):
        return self.ask("GET", f"/tags/{name}")

    def by_hand(self, rule, **body):
        return self.ask("POST", f"/rules/{rule['id']}:build", body)


@pytest.fixture
def repo(service, tmp_path):
    return Repository(service, tmp_path)


def body(pattern="main", tags=("latest",), refType="GIT_BRANCH", **more):
    return {"pattern": pattern, "imageTags": list(tags), "refType": refType, **more}


# --- previews -----------------------------------------------------------------------------------

TAG = {"refType": "GIT_TAG"}
PREVIEWS = [
    # rule, ref, groups (None: no match), tags or the code of the refusal
    (body(SEED, ["${major}.${minor}.${version}"]), "release-11-2-10", {"major": "11", "minor": "2", "version": "10"}, ["11.2.10"]),
    (body(r"release-(?<imageTag>\w*)", ["${imageTag}"]), "release-v1", {"imageTag": "v1"}, ["v1"]),
    (body(r"release-(?<imageTag>\w*)", ["${imageTag}"]), "release-v1.2", None, []),
    (body(r"release-(?<imageTag>\w*)", ["${imageTag}"]), "my-release-v1", None, []),
    (body(), "main", {}, ["latest"]),
    (body(), "refs/heads/main", {}, ["latest"]),
    (body(), "main2", None, []),
    (body("a.b", match="name"), "axb", None, []),
    (body("a.b", match="expression"), "axb", {}, ["latest"]),
    (body("MAIN"), "main", None, []),
    (body("(?i)MAIN"), "main", {}, ["latest"]),
    (body("v1", **TAG), "v1", {}, ["latest"]),
    (body("v1", **TAG), "refs/tags/v1", {}, ["latest"]),
    (body("v1", **TAG), "refs/heads/v1", None, []),
    (body("v1"), "refs/tags/v1", None, []),
    (body(".*", ["${branch:slug}"]), "Feature/Über_1.x", {}, ["feature-ber_1.x"]),
    (body(".*", ["${tag}", "x-${tag}", "${tag:slug}"], **TAG), "v1", {}, ["v1", "x-v1"]),
    (body("(?<a>x)|(?<b>y)", ["n${a}${b}"]), "y", {"a": "", "b": "y"}, ["ny"]),
    (body("(?<n>.*)-(?<n2>.*)", ["${n2}_${n}"]), "a-b-c", {"n": "a-b", "n2": "c"}, ["c_a-b"]),
    (body("m", [{"version": "v", "buildTime": None, "commitId": 3}, {"commitId": 40}, "x-${GIT_COMMIT_ID}"]), "m", {},
     ["v-000", "0" * 40, "x-000000"]),
    (body("r-(?<n>.*)", ["${n}"]), "r-", {"n": ""}, "TAG_EMPTY"),
    (body("(?<n>.*)", ["ok", "${n}"]), "a/b", {"n": "a/b"}, "TAG_CHAR"),
    (body("r(?<n>.*)", ["${n}"]), "r-1", {"n": "-1"}, "TAG_CHAR"),
    (body("(?<n>.*)", ["${n}"]), "Über", {"n": "Über"}, "TAG_CHAR"),
    (body("(?<n>.*)", ["x${n}"]), "y" * 128, {"n": "y" * 128}, "TAG_LONG"),
    (body("(?<n>.*)", ["x${n}"]), "y" * 127, {"n": "y" * 127}, ["x" + "y" * 127]),
    (body("(a+)+", ["x"]), "a" * 60 + "!", {}, "RULE_COST"),
]


def check_preview(found, ref, groups, tags):
    (v,) = [v for v in found if v["matches"]] or found[:1]
    assert v["matches"] == (groups is not None) and v["groups"] == (groups or {}), found
    refused = isinstance(tags, str)
    assert v["code"] == (tags if refused else None) and bool(v["problem"]) == bool(v["remedy"]) == refused, found
    assert v["tags"] == ([] if refused else tags), found
    assert v["ref"].endswith(ref) and v["commit"] == "0" * 40, found


def test_a_rule_that_is_not_saved_is_previewed_for_a_ref(repo):
    for rule, ref, groups, tags in PREVIEWS:
        check_preview(repo.preview(ref, rule=rule), ref, groups, tags)
        (v, *_) = repo.preview(ref, rule=rule)
        assert v["ruleId"] is None
    assert repo.rules() == [] and repo.builds() == []


def test_saved_rules_are_previewed_for_a_ref(repo, cli):  # noqa: F811
    for rule, ref, groups, tags in PREVIEWS:
        made = repo.service.ok("POST", f"{repo.path}/rules", rule)
        found = repo.preview(ref)
        check_preview(found, ref, groups, tags)
        assert {v["ruleId"] for v in found} == {made["id"]}
        assert cli.json("rule", "preview", repo.full, "--ref", ref)["items"] == found
        shown = cli("rule", "preview", repo.full, "--ref", ref).out
        assert made["id"] in shown and f"{found[0]['ref']} " in shown, shown
        if groups is not None and isinstance(tags, list):
            assert ",".join(tags) in shown and ",".join(f"{k}={v}" for k, v in groups.items()) in shown, shown
        repo.delete(made)


def test_the_push_time_of_a_preview_is_now(repo):
    before = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=8)
    (v, _) = repo.preview("main", rule=body(tags=[TIME, f"v-{MINUTE}-{COMMIT}", {"version": "w", "buildTime": "YYYYMMDDHHMM", "commitId": 2}]))
    after = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=8)
    day, minute, short = v["tags"]
    assert f"{before:%Y%m%d}" <= day <= f"{after:%Y%m%d}", v
    assert f"v-{before:%Y%m%d%H%M}-000000" <= minute <= f"v-{after:%Y%m%d%H%M}-000000", v
    assert re.fullmatch(r"w-\d{12}-00", short), v


def test_all_refs_are_previewed_as_a_push_of_them_builds(repo, cli):  # noqa: F811
    """The lists of what matches and what does not, of every rule and every ref that the repository has."""
    rules = [repo.rule(SEED, ["${major}.${minor}.${version}", "m${major}"], newerPush="wait"), repo.rule("main", ["latest", COMMIT]),
             repo.rule(r"v(?<n>[\d.]+)", ["${n}-${GIT_COMMIT_ID:10}"], **TAG), repo.rule("(?<n>wild/.*)", ["${n}"])]
    repo.commit()
    for branch in "release-11-2-10", "release-2--", "other", "wild/x":
        repo.tree("branch", branch)
    repo.tree("tag", "-a", "v1.2", "-m", "x")
    repo.tree("tag", "main-1")
    repo.tree.push("--all")
    repo.tree.push("--tags")
    found = repo.preview()
    refs = [*(f"refs/heads/{n}" for n in ("main", "other", "release-11-2-10", "release-2--", "wild/x")), "refs/tags/main-1", "refs/tags/v1.2"]
    assert [(v["ref"], v["ruleId"]) for v in found] == [(ref, r["id"]) for ref in refs for r in rules]
    commit = repo.tree("rev-parse", "HEAD").out.strip()
    assert {v["commit"] for v in found} == {commit}
    matching = {(v["ref"], v["ruleId"]): v for v in found if v["matches"]}
    assert {(ref, [r["id"] for r in rules].index(rule)): v["tags"] for (ref, rule), v in matching.items()} == {
        ("refs/heads/release-11-2-10", 0): ["11.2.10", "m11"], ("refs/heads/release-2--", 0): ["2..", "m2"],
        ("refs/heads/main", 1): ["latest", commit[:6]], ("refs/tags/v1.2", 2): [f"1.2-{commit[:10]}"], ("refs/heads/wild/x", 3): []}
    # what the push made of it
    built = {(b["ref"], b["ruleId"]): b for b in repo.builds()}
    assert set(built) == set(matching)
    for key, v in matching.items():
        assert built[key]["tags"] == v["tags"] and (built[key]["error"] or {}).get("code") == v["code"], (v, built[key])
    for b in built.values():
        assert repo.service.wait(b["id"])["status"] == ("FAILED" if b["error"] else "SUCCESS"), b
    # by the command line
    assert cli.json("rule", "preview", repo.full)["items"] == found
    lines = cli("rule", "preview", repo.full).out.splitlines()
    assert len(lines) == 1 + len(found)
    (line,) = [line for line in lines if "release-11-2-10" in line and rules[0]["id"] in line]
    assert line.split()[2:6] == ["yes", "yes", "major=11,minor=2,version=10", "11.2.10,m11"], line
    (line,) = [line for line in lines if "wild/x" in line and rules[3]["id"] in line]
    assert '"wild/x" cannot be a tag: / is not allowed in it' in line, line
    (line,) = [line for line in lines if "refs/heads/other" in line and rules[0]["id"] in line]
    assert line.split()[2:6] == ["yes", "no", "-", "-"], line
    # an unsaved rule over all refs, as a form shows it while it is filled in
    found = repo.preview(rule=body(r"release-(?<n>.*)", ["${n}"]))
    assert [(v["ref"], v["matches"]) for v in found] == [(ref, "release-" in ref) for ref in refs]


def conflicts(found):
    """{(ref, rule): {(tag, the other rule)}} of what has any."""
    return {(v["ref"], v["ruleId"]): {(c["tag"], c["ruleId"]) for c in v["conflicts"]} for v in found if v["conflicts"]}


def test_tags_that_two_rules_write_from_one_push_are_told(repo, cli):  # noqa: F811
    main = repo.rule("main", ["latest", COMMIT])
    any_ = repo.rule("m.*", ["x", "latest"])
    minute = repo.rule("(?<n>.*)", ["${n:slug}-" + MINUTE])
    same_minute = repo.rule(".*", ["${branch:slug}-" + MINUTE])
    off = repo.rule(".*", ["latest"], enabled=False)
    git_tag = repo.rule(".*", ["latest"], **TAG)
    repo.commit()
    repo.tree("branch", "mine")
    repo.tree("tag", "main")
    repo.tree.push("--all")
    repo.tree.push("--tags")
    at = lambda v: next(t for t in v["tags"] if t.startswith(v["ref"].split("/")[-1] + "-"))
    found = repo.preview()
    by = {(v["ref"], v["ruleId"]): v for v in found}
    heads = {name: f"refs/heads/{name}" for name in ("main", "mine")}
    want = {(heads["main"], main["id"]): {("latest", any_["id"])}, (heads["main"], any_["id"]): {("latest", main["id"])},
            # what is switched off is no other rule; it would have others
            (heads["main"], off["id"]): {("latest", main["id"]), ("latest", any_["id"])}, (heads["mine"], off["id"]): {("latest", any_["id"])}}
    for ref in heads.values():  # in the same minute, whenever it is
        want[ref, minute["id"]] = {(at(by[ref, minute["id"]]), same_minute["id"])}
        want[ref, same_minute["id"]] = {(at(by[ref, same_minute["id"]]), minute["id"])}
    assert conflicts(found) == want
    assert by["refs/tags/main", git_tag["id"]]["matches"] and by[heads["main"], main["id"]]["conflicts"] == [
        {"tag": "latest", "ruleId": any_["id"], "pattern": "m.*"}]
    assert all(isinstance(v["conflicts"], list) for v in found)
    # only these
    (v,) = repo.preview("main", ruleId=main["id"], conflictsOnly=True)
    assert (v["ref"], v["ruleId"], v["tags"][0]) == (heads["main"], main["id"], "latest")
    assert repo.preview("refs/tags/main", conflictsOnly=True) == []
    assert {(v["ref"], v["ruleId"]) for v in repo.preview(conflictsOnly=True)} == set(want)
    # a new rule, a change of one, and a change that ends it
    assert conflicts(repo.preview(heads["main"], rule=body("main", ["x"]))) == {(heads["main"], None): {("x", any_["id"])}}
    assert conflicts(repo.preview(rule=body("main", ["y"]))) == {}
    change = lambda **changed: conflicts(repo.preview(heads["main"], ruleId=main["id"], rule=changed))
    assert change(imageTags=["x", "z"]) == {(heads["main"], main["id"]): {("x", any_["id"])}}
    assert change(priority=1) == {(heads["main"], main["id"]): {("latest", any_["id"])}}
    assert change(imageTags=["z"]) == change(pattern="mine", imageTags=["y"]) == {}
    # by the command line
    shown = cli("rule", "preview", repo.full, "--ref", heads["main"], "--rule", main["id"])
    assert f"latest:{any_['id']}" in shown.out and "warning: several rules write one tag from one push" in shown.err, shown
    assert cli.json("rule", "preview", repo.full, "--conflicts", "--ref", heads["main"])["items"] == repo.preview(heads["main"], conflictsOnly=True)
    repo.delete(any_)
    shown = cli("rule", "preview", repo.full, "--ref", heads["main"], "--rule", main["id"])
    assert not shown.err and "latest" in shown.out, shown


def test_conflicts_have_an_end(repo):
    """Ten of one ref are told; where a rule that is not stored meets too much, none are looked for, and that is said."""
    for _ in range(30):
        repo.rule(".*", ["a", "b"])
    (v,) = repo.preview("refs/heads/x", rule=body(".*", ["b", "a"]))
    assert len(v["conflicts"]) == 10
    found = repo.preview(*(f"refs/heads/x-{n}" for n in range(1000)), rule=body(".*", ["b"]))
    looked = [v["conflicts"] is not None for v in found]
    assert looked[0] and not looked[-1] and looked == sorted(looked, reverse=True) and all(v["tags"] == ["b"] for v in found)
    assert sum(looked) <= 20000 // 30


def test_a_short_name_is_what_the_source_has_under_it(repo):
    repo.commit()
    repo.tree("branch", "both")
    repo.tree("tag", "both")
    repo.tree("branch", "one")
    repo.tree.push("--all")
    repo.tree.push("--tags")
    ends = lambda *refs: [v["ref"] for v in repo.preview(*refs, rule=body("x"))]
    assert ends("both") == ["refs/heads/both", "refs/tags/both"]
    assert ends("one") == ["refs/heads/one"]
    assert ends("none") == ["refs/heads/none", "refs/tags/none"]
    assert ends("refs/tags/both", "one") == ["refs/tags/both", "refs/heads/one"]


def test_previews_that_are_refused(repo, cli):  # noqa: F811
    for sent, status, code in [({"refs": "main"}, 400, "BODY"), ({"refs": [1]}, 400, "BODY"), ({"refs": [""]}, 400, "BODY"),
                               ({"refs": ["x" * 1025]}, 400, "BODY"), ({"refs": ["x"] * 1001}, 413, "BODY"),
                               ({"ref": "main"}, 400, "BODY"), ({"rule": "x"}, 400, "BODY"), ({"ruleId": 1}, 400, "BODY"),
                               ({"conflictsOnly": 1}, 400, "BODY"),
                               ({"rule": body("(")}, 400, "RULE_REGEX"), ({"rule": body(tags=["a b"])}, 400, "TAG_CHAR")]:
        r = repo.ask("POST", "/rules:preview", sent)
        assert (r.status, r.json["code"]) == (status, code) and r.json["remedy"], r.body
    refused = cli("rule", "preview", "no/where", code=1)
    assert "no/where" in refused.err, refused
    # a rule of another repository is none of this one
    repo.service.repository(f"{repo.namespace}/other")
    foreign = repo.service.rule(f"{repo.namespace}/other", "main", ["latest"])
    r = repo.ask("POST", "/rules:preview", {"ruleId": foreign["id"]})
    assert (r.status, r.json["code"]) == (404, "NOT_FOUND") and foreign["id"] in r.json["detail"], r.body


def test_a_hundred_rules_and_no_more(repo, cli):  # noqa: F811
    for n in range(100):
        repo.rule(f"b-{n}")
    r = repo.ask("POST", "/rules", body("one-more"))
    assert (r.status, r.json["code"]) == (413, "RULES") and "at most 100" in r.json["detail"] and r.json["remedy"], r.body
    refused = cli("rule", "create", repo.full, "--branch", "one-more", "--image-tag", "x", code=1)
    assert "at most 100" in refused.err and "Delete one first" in refused.err, refused
    assert len(cli.json("rule", "list", repo.full)["items"]) == 100
    # and a preview has an end
    r = repo.ask("POST", "/rules:preview", {"refs": [f"x-{n}" for n in range(1000)]})
    assert (r.status, r.json["code"]) == (413, "PREVIEW_LARGE") and r.json["remedy"], r.body


# --- the queue ----------------------------------------------------------------------------------


def test_a_build_that_waits_says_when_its_turn_is(repo, cli):  # noqa: F811
    """As the queue takes them: priority, then age; behind them what no worker can run, and nothing where an older build must end first."""
    service = repo.service
    repo.commit()
    repo.tree.push("main")
    rules = {n: repo.rule("main", [n], newerPush="wait", priority=p) for n, p in (("low", -5), ("high", 50), ("mid", 0))}
    far = repo.rule("main", ["far"], priority=90, platforms=[next(p for p in PLATFORMS if p != HOST)], emulation=False)
    (worker,) = service.ok("GET", "/api/v1/workers")["items"]
    turn = lambda b: service.ok("GET", f"/api/v1/builds/{b['id']}")["queuePosition"]
    try:
        service.ok("POST", f"/api/v1/workers/{worker['id']}:drain", {"on": True})
        builds = {n: repo.by_hand(r).json for n, r in {**rules, "far": far}.items()}
        later = repo.by_hand(rules["low"]).json
        assert later["waitsFor"] == builds["low"]["id"] and later["queuePosition"] is None and builds["low"]["queuePosition"] == 1
        # nobody is there: the order is that of the priorities
        assert [turn(builds[n]) for n in ("far", "high", "mid", "low")] == [1, 2, 3, 4] and turn(later) is None
        listed = {b["id"]: b["queuePosition"] for b in repo.builds()}
        assert listed == {builds["far"]["id"]: 1, builds["high"]["id"]: 2, builds["mid"]["id"]: 3, builds["low"]["id"]: 4, later["id"]: None}
        lines = cli("builds", "list", "--repo", repo.full).out.splitlines()
        at = lines[0].split().index("QUEUE")
        assert {line.split()[0]: line.split()[at] for line in lines[1:]} == {k: str(v or "-") for k, v in listed.items()}
        assert re.search(r"queuePosition +3\n", cli("builds", "get", builds["mid"]["id"]).out)
    finally:
        service.ok("POST", f"/api/v1/workers/{worker['id']}:drain", {"on": False})
    for b in [*(builds[n] for n in rules), later]:
        assert service.wait(b["id"])["queuePosition"] is None
    assert turn(builds["far"]) == 1
    assert repo.service.api("POST", f"/api/v1/builds/{builds['far']['id']}:cancel", {}).status == 200
    assert turn(builds["far"]) is None


# --- what is refused ----------------------------------------------------------------------------

ARGS = [{"name": f"A{n}", "value": "x"} for n in range(21)]
REFUSED = {
    # name: (what differs from a good rule, code, what is said)
    "pattern-bracket": ({"pattern": "release-("}, "RULE_REGEX", "offset 9: missing closing parenthesis"),
    "pattern-repeat": ({"pattern": "a**b+++"}, "RULE_REGEX", "offset "),
    "pattern-group-twice": ({"pattern": "(?<a>x)(?<a>y)"}, "RULE_REGEX", "offset 12: two named subpatterns have the same name"),
    "pattern-callout": ({"pattern": "a(?C1)b"}, "RULE_REGEX", "callouts are not allowed"),
    "pattern-any-byte": ({"pattern": r"a\C"}, "RULE_REGEX", "offset 3"),
    "pattern-nested": ({"pattern": "(" * 51 + "a" + ")" * 51}, "RULE_REGEX", "nested"),
    "pattern-long": ({"pattern": "a*" + "b" * 511}, "RULE_REGEX", "offset 512: it is too long"),
    "pattern-huge": ({"pattern": "a*" + "b" * 100_000}, "RULE_REGEX", "offset 512: it is too long"),
    "pattern-empty": ({"pattern": ""}, "RULE_REF", "names no branch or tag"),
    "name-dots": ({"pattern": "a..b"}, "RULE_REF", '"a..b" is no name of a branch or tag: it has two dots in a row'),
    "name-space": ({"pattern": "a b"}, "RULE_REF", "character that git does not allow"),
    "name-slash": ({"pattern": "a//b"}, "RULE_REF", "empty part between slashes"),
    "name-lock": ({"pattern": "a.lock"}, "RULE_REF", "ends with .lock"),
    "name-star": ({"pattern": "v*", "match": "name"}, "RULE_REF", "character that git does not allow"),
    "name-long": ({"pattern": "a" * 1025}, "RULE_REF", "it is too long"),
    "tags-none": ({"imageTags": []}, "IMAGE_TAGS", "one to three"),
    "tags-four": ({"imageTags": ["a", "b", "c", "d"]}, "IMAGE_TAGS", "one to three"),
    "tag-empty": ({"imageTags": [""]}, "TAG_TEMPLATE", "offset 0: it is empty"),
    "tag-nothing": ({"imageTags": [{}]}, "TAG_TEMPLATE", "it is empty"),
    "tag-open": ({"imageTags": ["v-${branch"]}, "TAG_TEMPLATE", "offset 2: ${ has no }"),
    "tag-dollar": ({"imageTags": ["v$x"]}, "TAG_TEMPLATE", "offset 1: a $ is not followed by {"),
    "tag-no-name": ({"imageTags": ["${}"]}, "TAG_TEMPLATE", "offset 0: ${} names no group"),
    "tag-digit": ({"imageTags": ["${1}"]}, "TAG_TEMPLATE", "offset 2: a name is letters"),
    "tag-unknown-group": ({"imageTags": ["ok", "x-${nope}"]}, "TAG_TEMPLATE", "offset 2: the pattern has no group nope"),
    "tag-of-a-branch": ({"imageTags": ["${tag}"]}, "TAG_TEMPLATE", "the pattern has no group tag"),
    "tag-form": ({"imageTags": ["${branch:upper}"]}, "TAG_TEMPLATE", '":upper" is unknown'),
    "tag-time": ({"imageTags": ["${GIT_PUSH_DATE:yyyy}"]}, "TAG_TEMPLATE", "yyyyMMdd or yyyyMMddHHmm"),
    "tag-commit-41": ({"imageTags": ["${GIT_COMMIT_ID:41}"]}, "TAG_TEMPLATE", "1 to 40"),
    "tag-commit-0": ({"imageTags": ["${GIT_COMMIT_ID:0}"]}, "TAG_TEMPLATE", "1 to 40"),
    "tag-commit-field-41": ({"imageTags": [{"version": "v", "commitId": 41}]}, "TAG_TEMPLATE", "1 to 40"),
    "tag-commit-field-0": ({"imageTags": [{"version": "v", "commitId": 0}]}, "BODY", "1 to 40"),
    "tag-git": ({"imageTags": ["${GIT_AUTHOR}"]}, "TAG_TEMPLATE", "no such GIT_ variable"),
    "tag-order": ({"imageTags": [f"{COMMIT}-{TIME}"]}, "TAG_TEMPLATE", "before the commit"),
    "tag-dash": ({"imageTags": [f"v{COMMIT}"]}, "TAG_TEMPLATE", "offset 1: a - belongs before time and commit"),
    "tag-behind": ({"imageTags": [f"{TIME}-x"]}, "TAG_TEMPLATE", "nothing follows time and commit"),
    "tag-in-version": ({"imageTags": [{"version": f"v-{TIME}"}]}, "TAG_TEMPLATE", "fields of their own"),
    "tag-template-long": ({"imageTags": ["v" * 513]}, "TAG_TEMPLATE", "offset 512: it is too long"),
    "tag-space": ({"imageTags": ["a b"]}, "TAG_CHAR", "offset 1: \\x20 is not allowed in a tag"),
    "tag-slash": ({"imageTags": ["${branch}/x"]}, "TAG_CHAR", "offset 9: / is not allowed"),
    "tag-first-dash": ({"imageTags": ["-x"]}, "TAG_CHAR", "offset 0: - is not allowed"),
    "tag-first-dot": ({"imageTags": [".x"]}, "TAG_CHAR", "offset 0: . is not allowed"),
    "tag-umlaut": ({"imageTags": ["ü"]}, "TAG_CHAR", "offset 0: ü is not allowed"),
    "tag-long": ({"imageTags": ["x" * 129]}, "TAG_LONG", "at least 129 characters, at most 128"),
    "tag-long-with-group": ({"imageTags": ["x" * 127 + "${branch}yz"]}, "TAG_LONG", "at least 129 characters"),
    "tag-long-with-time-and-commit": ({"imageTags": ["x" * 113 + f"-{TIME}-{COMMIT}"]}, "TAG_LONG", "at least 129 characters"),
    "platform-windows": ({"platforms": ["linux/amd64", "windows/amd64"]}, "PLATFORM",
                         "supported are linux/amd64, linux/arm64, linux/arm/v7 and linux/arm/v6"),
    "platform-other": ({"platforms": ["linux/s390x"]}, "PLATFORM", "supported are linux/amd64"),
    "platform-nonsense": ({"platforms": ["arm64 please"]}, "PLATFORM", "arm64 please"),
    "platform-twice": ({"platforms": ["linux/arm/v7", "linux/arm"]}, "PLATFORM", "linux/arm/v7 is given twice"),
    "platform-five": ({"platforms": [*PLATFORMS, HOST]}, "PLATFORM", "there are four platforms"),
    "required-not-built": ({"platforms": ["linux/amd64"], "policy": "required", "required": ["linux/arm64"]}, "PLATFORM",
                           "linux/arm64 is required, but not built"),
    "required-none": ({"policy": "required"}, "POLICY", "names no platform"),
    "required-of-another-policy": ({"policy": "all", "required": ["linux/amd64"]}, "POLICY", "are for the policy required"),
    "args-21": ({"buildArgs": ARGS}, "BUILD_ARG", "at most 20 build arguments"),
    "args-twice": ({"buildArgs": [ARGS[0], ARGS[1], ARGS[0]]}, "BUILD_ARG", "A0 is given twice"),
    "arg-digit": ({"buildArgs": [{"name": "1A", "value": ""}]}, "BUILD_ARG", '"1A" is no name'),
    "arg-dash": ({"buildArgs": [{"name": "A-B", "value": ""}]}, "BUILD_ARG", '"A-B" is no name'),
    "arg-no-name": ({"buildArgs": [{"name": "", "value": "x"}]}, "BUILD_ARG", "is no name"),
    "arg-name-long": ({"buildArgs": [{"name": "A" * 256, "value": ""}]}, "BUILD_ARG", "is no name"),
    "arg-value-long": ({"buildArgs": [{"name": "A", "value": "x" * 4097}]}, "BUILD_ARG", "the value of A is longer than 4096 bytes"),
    "directory-above": ({"dockerfileDirectory": "../x"}, "PATH", "the path ../x leaves the repository"),
    "directory-through": ({"dockerfileDirectory": "/a/../../etc"}, "PATH", "leaves the repository"),
    "directory-long": ({"dockerfileDirectory": "x" * 1025}, "PATH", "at most 1024 bytes"),
    "file-above": ({"dockerfileName": "a/../Dockerfile"}, "PATH", "leaves the repository"),
    "file-none": ({"dockerfileName": "/"}, "DOCKERFILE_NAME", "has no name"),
    "priority-high": ({"priority": 101}, "PRIORITY", "-100 to 100"),
    "priority-low": ({"priority": -101}, "PRIORITY", "-100 to 100"),
    "time-limit-short": ({"timeLimitSeconds": 59}, "TIME_LIMIT", "60 to 86400"),
    "time-limit-long": ({"timeLimitSeconds": 86401}, "TIME_LIMIT", "60 to 86400"),
    "time-limit-none": ({"timeLimitSeconds": 0}, "BODY", "60 to 86400"),
    "type": ({"refType": "GIT_NOTE"}, "BODY", "not one of GIT_BRANCH, GIT_TAG"),
    "match": ({"match": "glob"}, "BODY", "not one of name, expression"),
    "policy": ({"policy": "some"}, "BODY", "not one of all, required, best_effort"),
    "member": ({"imageTag": ["x"]}, "BODY", 'unknown member "imageTag" (did you mean "imageTags"?)'),
    "tags-numbers": ({"imageTags": [1]}, "BODY", "holds templates"),
    "args-texts": ({"buildArgs": ["A=1"]}, "BODY", "holds objects with name and value"),
    "platforms-numbers": ({"platforms": [1]}, "BODY", "holds texts"),
    "priority-text": ({"priority": "high"}, "PRIORITY", "-100 to 100"),
    "emulation-text": ({"emulation": "no"}, "BODY", "true or false"),
}


@pytest.fixture(scope="module")
def refusing(service, tmp_path_factory):
    """A repository with one good rule."""
    r = Repository(service, tmp_path_factory.mktemp("refusing"))
    r.rule()
    return r


@pytest.mark.parametrize("name", REFUSED)
def test_a_rule_that_is_refused(refusing, name):
    """In a new rule, in a change, and in a preview: the same code, text and remedy, and nothing is stored."""
    differs, code, says = REFUSED[name]
    before = refusing.rules()
    made = refusing.ask("POST", "/rules", {**body(), **differs})
    changed = refusing.ask("PATCH", f"/rules/{before[0]['id']}", differs)
    shown = refusing.ask("POST", "/rules:preview", {"refs": ["main"], "rule": {**body(), **differs}})
    for r in made, changed, shown:
        assert r.status == 400 and r.json["code"] == code and says in r.json["detail"] and r.json["remedy"], r.body
        assert r.json == made.json
    assert refusing.rules() == before


REFUSED_COMMANDS = [
    (["--branch", "release-("], "offset 9", "match the whole name"),
    (["--branch", "v*", "--match", "name"], "does not allow", "marked as such"),
    (["--tag", "v1", "--image-tag", "${branch}"], "no group branch", "(?<name>"),
    (["--branch", "main", *["--image-tag", "x"] * 4], "one to three", "imageTags"),
    (["--branch", "main", "--image-tag", "x" * 129], "at most 128", "Shorten the text"),
    (["--branch", "main", "--image-tag", "a b"], "offset 1", "letters, digits, _, . and -"),
    (["--branch", "main", *sum((["--build-arg", f"A{n}=x"] for n in range(21)), [])], "at most 20", "Leave some out"),
    (["--branch", "main", "--build-arg", "A=1", "--build-arg", "A=2"], "given twice", "Give it once"),
    (["--branch", "main", "--directory", "../x"], "leaves the repository", 'without ".."'),
    (["--branch", "main", "--policy", "required"], "names no platform", '"required"'),
]


@pytest.mark.parametrize("words, says, remedy", REFUSED_COMMANDS, ids=lambda v: v if isinstance(v, str) else "")
def test_a_rule_that_is_refused_on_the_command_line(refusing, cli, words, says, remedy):  # noqa: F811
    before = refusing.rules()
    tags = [] if "--image-tag" in words else ["--image-tag", "x"]
    made = cli("rule", "create", refusing.full, *words, *tags, code=1)
    changed = cli("rule", "update", refusing.full, before[0]["id"], *words, *tags, code=1)
    for r in made, changed:
        assert says in r.err and remedy in r.err and not r.out, r
    assert refusing.rules() == before


@pytest.mark.parametrize("words", [["--priority", "high"], ["--priority", "200"], ["--platform", "windows/amd64"], ["--policy", "some"], ["--build-arg", "A"], ["--emulation", "maybe"],
                                   ["--newer-push", "x"], ["--nothing"]], ids=" ".join)
def test_words_that_the_command_line_itself_refuses(refusing, cli, words):  # noqa: F811
    before = refusing.rules()
    r = cli("rule", "create", refusing.full, "--branch", "main", "--image-tag", "x", *words, code=None)
    assert r.code == 2 and words[0].lstrip("-") in r.err, r
    assert refusing.rules() == before


def test_a_rule_is_kept_as_it_was_given(repo, cli):  # noqa: F811
    made = cli.json("rule", "create", repo.full, "--branch", SEED, "-t", "${major}.${minor}", "-t", f"${{major}}-{TIME}", "-t",
                    f"{MINUTE}-{COMMIT}", "--directory", "/web/./app/", "--file", "docker/Dockerfile.web", "--platform", ALL,
                    "--build-arg", "A=b=c", "--build-arg", "a=", "--policy", "required", "--required", "linux/arm64,linux/arm/v6",
                    "--newer-push", "wait", "--priority", "-7", "--time-limit", "60", "--emulation", "no", "--enabled", "no")
    wanted = {
        "refType": "GIT_BRANCH", "pattern": SEED, "match": "expression", "dockerfileDirectory": "/web/app",
        "dockerfileName": "docker/Dockerfile.web", "platforms": PLATFORMS, "policy": "required",
        "required": ["linux/arm64", "linux/arm/v6"], "newerPush": "wait", "priority": -7, "timeLimitSeconds": 60, "emulation": False,
        "enabled": False, "buildArgs": [{"name": "A", "value": "b=c"}, {"name": "a", "value": ""}],
        "templates": ["${major}.${minor}", f"${{major}}-{TIME}", f"{MINUTE}-{COMMIT}"],
        "imageTags": [{"version": "${major}.${minor}", "buildTime": None, "commitId": None},
                      {"version": "${major}", "buildTime": "YYYYMMDD", "commitId": None},
                      {"version": "", "buildTime": "YYYYMMDDHHMM", "commitId": 6}]}
    assert {k: made[k] for k in wanted} == wanted
    assert repo.rules() == [made] and cli.json("rule", "get", repo.full, made["id"]) == made
    # what it shows can be given back
    again = repo.change(made, imageTags=made["imageTags"], buildArgs=made["buildArgs"])
    assert {k: v for k, v in again.items() if k != "updatedAt"} == {k: v for k, v in made.items() if k != "updatedAt"}
    # a change is of what it names; another policy requires no platforms
    changed = cli.json("rule", "update", repo.full, made["id"], "--policy", "all", "--tag", "v1", "-t", "x", "--platform", HOST)
    wanted.update(policy="all", required=[], refType="GIT_TAG", pattern="v1", match="name", templates=["x"], platforms=[HOST],
                  imageTags=[{"version": "x", "buildTime": None, "commitId": None}])
    assert {k: changed[k] for k in wanted} == wanted
    plain = cli.json("rule", "create", repo.full, "--branch", "main", "-t", "x")
    assert (plain["platforms"], plain["dockerfileDirectory"], plain["dockerfileName"], plain["timeLimitSeconds"], plain["policy"],
            plain["newerPush"], plain["enabled"]) == (["linux/amd64"], "/", "Dockerfile", 3600, "all", "cancel", True)


# --- by hand ------------------------------------------------------------------------------------


@pytest.mark.parametrize("pattern, tags, why", [
    ("m(?<n>ain)", ["${n}"], "the pattern is an expression"), ("main", ["x", f"x-{TIME}"], "a tag holds the push time"),
    ("main", ["x", "y", COMMIT], "a tag holds the commit id"), ("main", ["x", "${branch}"], None)])
def test_what_is_built_by_hand(repo, cli, pattern, tags, why):  # noqa: F811
    rule = repo.rule(pattern, tags, enabled=False)
    assert (rule["buildableByHand"], rule["whyNotByHand"]) == (why is None, why)
    shown = cli("rule", "get", repo.full, rule["id"]).out
    assert re.search(rf"buildableByHand +{'no' if why else 'yes'}\n", shown) and (why or "") in shown, shown
    repo.push()
    assert repo.builds() == []
    r = repo.by_hand(rule)
    refused = cli("builds", "start", repo.full, rule["id"], code=None)
    if why:
        assert (r.status, r.json["code"]) == (400, "RULE_NOT_BY_HAND") and why in r.json["detail"] and "--ref" in r.json["remedy"], r.body
        assert refused.code == 1 and why in refused.err and "--ref REF" in refused.err, refused
        assert repo.builds() == []
    else:
        assert r.status == 201 and refused.code == 0
    # with a ref, any
    commit = repo.tree("rev-parse", "HEAD").out.strip()
    b = cli.json("builds", "start", repo.full, "--ref", "main")
    assert b["ref"] == "refs/heads/main" and b["commit"] == commit and b["ruleId"] == rule["id"], b
    b = repo.service.wait(b["id"], "SUCCESS")
    day = local(b["pushedAt"], 8)
    wanted = [t.replace("${n}", "ain").replace(TIME, f"{day:%Y%m%d}").replace(COMMIT, commit[:6]).replace("${branch}", "main") for t in tags]
    assert b["tags"] == wanted
    assert all(repo.tag(t).status == 200 for t in wanted)


def test_refs_that_are_not_built_by_hand(repo, cli):  # noqa: F811
    plain, any_tag = repo.rule("main", ["x"]), repo.rule("(?<n>.*)", ["${n}"], **TAG)
    repo.push()
    repo.tree("tag", "a+b")
    repo.tree.push("a+b")
    n = len(repo.builds())
    for rule, ref, status, code in [(plain, "refs/tags/a+b", 400, "RULE_NO_MATCH"), (plain, "none", 404, "SRC_REF_GONE"),
                                    (any_tag, "main", 404, "SRC_REF_GONE"), (any_tag, "refs/heads/main", 400, "RULE_NO_MATCH"),
                                    (any_tag, "a+b", 400, "TAG_CHAR")]:
        r = repo.by_hand(rule, ref=ref)
        assert (r.status, r.json["code"]) == (status, code) and r.json["detail"] and r.json["remedy"], r.body
        refused = cli("builds", "start", repo.full, rule["id"], "--ref", ref, code=1)
        assert r.json["detail"] in refused.err and r.json["remedy"] in refused.err, refused
    refused = cli("builds", "start", repo.full, code=1)
    assert "has 2 build rules: say which one" in refused.err, refused
    assert len(repo.builds()) == n
    assert repo.ask("DELETE", "/source").status == 204
    r = repo.by_hand(plain)
    assert (r.status, r.json["code"]) == (409, "NO_SOURCE") and r.json["remedy"], r.body


# --- pushes -------------------------------------------------------------------------------------


def local(time, hours):
    return datetime.datetime.fromisoformat(time.replace("Z", "+00:00")) + datetime.timedelta(hours=hours)


def test_named_groups_of_a_branch_and_of_a_tag(repo):
    """The seed's examples, pushed."""
    repo.rule(SEED, ["${major}.${minor}.${version}", "${major}"])
    repo.rule(r"release-(?<imageTag>\w*)", ["${imageTag}"])
    repo.rule(r"v(?<n>\d+)(?:-(?<suffix>.*))?", ["${n}${suffix}", "tag-${tag:slug}"], **TAG)
    repo.commit()
    repo.tree("branch", "release-11-2-10")
    repo.tree("branch", "release-v1")
    repo.tree("tag", "v7")
    repo.tree("tag", "-a", "v7-RC.1", "-m", "x")
    repo.tree.push("release-11-2-10", "release-v1", "v7", "v7-RC.1", "main")
    built = {b["ref"]: repo.service.wait(b["id"], "SUCCESS") for b in repo.builds()}
    assert {ref: b["tags"] for ref, b in built.items()} == {
        "refs/heads/release-11-2-10": ["11.2.10", "11"], "refs/heads/release-v1": ["v1"], "refs/tags/v7": ["7", "tag-v7"],
        "refs/tags/v7-RC.1": ["7RC.1", "tag-v7-rc.1"]}
    for b in built.values():
        for tag in b["tags"]:
            assert repo.tag(tag).json["digest"] == b["digest"]


@pytest.mark.parametrize("offset, hours", [(None, 8), ("+00:00", 0), ("-09:30", -9.5), ("+05:45", 5.75), ("+14:00", 14)])
def test_time_and_commit_in_tags_are_of_the_push(registry, base, tmp_path, offset, hours):
    service = Service(tmp_path / "offset", registry.host, options=("--utc-offset", offset) if offset else ())
    try:
        repo = Repository(service, tmp_path)
        repo.rule(tags=["v-${GIT_PUSH_DATE:yyyyMMdd}-${GIT_COMMIT_ID:1}", "${GIT_PUSH_DATE:yyyyMMddHHmm}", "${GIT_COMMIT_ID:40}"])
        repo.rule(tags=[{"commitId": 7}, {"version": "d", "buildTime": "YYYYMMDD"}, {"buildTime": "YYYYMMDDHHMM", "commitId": 6}])
        before = datetime.datetime.now(datetime.timezone.utc)
        first, second = repo.push()
        after = datetime.datetime.now(datetime.timezone.utc)
        assert first["pushedAt"] == second["pushedAt"]
        assert before - datetime.timedelta(milliseconds=1) <= local(first["pushedAt"], 0) <= after
        at, commit = local(first["pushedAt"], hours), first["commit"]
        day, minute = f"{at:%Y%m%d}", f"{at:%Y%m%d%H%M}"
        assert first["tags"] == [f"v-{day}-{commit[0]}", minute, commit]
        assert second["tags"] == [commit[:7], f"d-{day}", f"{minute}-{commit[:6]}"]
        for b in first, second:
            service.wait(b["id"], "SUCCESS")
        assert {t["name"] for t in service.ok("GET", f"{repo.path}/tags")["items"]} == {*first["tags"], *second["tags"]}
    finally:
        assert service.close() == 0


def test_an_immutable_tag_is_refused_before_the_build(service, cli, tmp_path):  # noqa: F811
    repo = Repository(service, tmp_path, immutable=True)
    both, only_latest = repo.rule("main", ["v1", "latest"], platforms=[HOST, "linux/arm/v6"]), repo.rule("next", ["latest"])
    (b,) = repo.push()
    first = service.wait(b["id"], "SUCCESS")
    # the record is there, and ended, when the push returns
    (b,) = repo.push()
    assert b["status"] == "FAILED" and b["error"]["code"] == "TAG_IMMUTABLE" and f"{repo.full}:v1" in b["error"]["text"], b
    assert "make the repository mutable" in b["error"]["remedy"]
    assert b["startedAt"] is None and b["endedAt"] and b["digest"] is None, b
    for job in b["jobs"]:
        assert (job["state"], job["worker"], job["startedAt"], job["error"]) == ("failed", None, None, b["error"]), b
    assert service.ok("GET", f"/api/v1/builds/{b['id']}/steps")["items"] == []
    assert f"not built: {b['error']['text']} (TAG_IMMUTABLE)" in service.text(b["id"])
    assert repo.tag("v1").json["digest"] == repo.tag("latest").json["digest"] == first["digest"]
    # as a preview told, and by hand
    told = {v["ruleId"]: (v["matches"], v["tags"], v["code"]) for v in repo.preview("main")}
    assert told[both["id"]][0] and told[both["id"]][2] == "TAG_IMMUTABLE", told
    n = len(repo.builds())
    r = repo.by_hand(both)
    assert (r.status, r.json["code"]) == (409, "TAG_IMMUTABLE") and r.json["remedy"], r.body
    refused = cli("builds", "start", repo.full, both["id"], code=1)
    assert "cannot be overwritten" in refused.err and r.json["remedy"] in refused.err, refused
    rerun = service.api("POST", f"/api/v1/builds/{first['id']}:rerun", {})
    assert (rerun.status, rerun.json["code"]) == (409, "TAG_IMMUTABLE"), rerun.body
    assert len(repo.builds()) == n
    # latest is free
    repo.tree("branch", "next")
    repo.tree.push("next")
    b = next(b for b in repo.builds() if b["ruleId"] == only_latest["id"])
    digest = service.wait(b["id"], "SUCCESS")["digest"]
    assert repo.tag("latest").json["digest"] == digest != first["digest"]


def test_an_expression_that_is_too_expensive_for_a_pushed_name(repo):
    repo.rule("(a+)+", ["x"])
    repo.commit()
    name = "a" * 60 + "!"
    repo.tree.push(f"main:refs/heads/{name}", "main:refs/heads/aaa")
    built = {b["ref"]: b for b in repo.builds()}
    b = built[f"refs/heads/{name}"]
    assert b["status"] == "FAILED" and b["error"]["code"] == "RULE_COST" and b["error"]["remedy"] and b["tags"] == [], b
    assert {j["startedAt"] for j in b["jobs"]} == {None}
    assert repo.service.wait(built["refs/heads/aaa"]["id"], "SUCCESS")["tags"] == ["x"]


def test_tags_that_a_pushed_name_cannot_be(repo):
    """Nothing is built for them; the records say why, each for itself."""
    repo.rule("(?<n>.*)", ["ok-${branch:slug}", "${n}"])
    repo.rule("(?<n>.*)", ["x${n}"])
    repo.commit()
    repo.tree.push("main:refs/heads/a/b", f"main:refs/heads/{'y' * 130}", "main:refs/heads/fine")
    found = sorted((b["ref"][11:14], (b["error"] or {}).get("code", "")) for b in repo.builds())
    assert found == [("a/b", "TAG_CHAR"), ("a/b", "TAG_CHAR"), ("fin", ""), ("fin", ""), ("yyy", "TAG_LONG"), ("yyy", "TAG_LONG")], found
    for b in repo.builds():
        assert b["status"] == "FAILED" if b["error"] else repo.service.wait(b["id"], "SUCCESS"), b


def test_two_rules_write_one_tag_from_one_push(repo):
    """Both are built; the tag is of the one that was published last, whole."""
    rules = [repo.rule(tags=["shared", f"r{n}"], buildArgs=[{"name": "N", "value": str(n)}]) for n in range(2)]
    repo.commit(Dockerfile="FROM alpine\nARG N\nRUN echo $N >/n\n")
    built = repo.push()
    assert [b["ruleId"] for b in built] == [r["id"] for r in rules]
    ends = [repo.service.wait(b["id"], "SUCCESS") for b in built]
    digests = [repo.tag(f"r{n}").json["digest"] for n in range(2)]
    assert digests == [b["digest"] for b in ends] and digests[0] != digests[1]
    last = max(ends, key=lambda b: b["endedAt"])
    assert repo.tag("shared").json["digest"] == last["digest"]
    # two templates that come to one tag are one
    rule = repo.rule("twice", ["${branch}", "twice", "${branch:slug}"])
    repo.tree.push("main:refs/heads/twice")
    (b,) = [b for b in repo.builds() if b["ruleId"] == rule["id"]]
    assert repo.service.wait(b["id"], "SUCCESS")["tags"] == ["twice"]


def test_two_rules_write_one_immutable_tag_from_one_push(service, tmp_path):
    """The first that is through has it; the other says so."""
    repo = Repository(service, tmp_path, immutable=True)
    for n in range(2):
        repo.rule(tags=["shared"], buildArgs=[{"name": "N", "value": str(n)}])
    repo.commit(Dockerfile="FROM alpine\nARG N\nRUN echo $N >/n\n")
    ends = sorted((service.wait(b["id"], "SUCCESS", "FAILED") for b in repo.push()), key=lambda b: b["status"])
    assert [b["status"] for b in ends] == ["FAILED", "SUCCESS"], ends
    assert ends[0]["error"]["code"] == "TAG_IMMUTABLE" and ends[0]["error"]["remedy"], ends[0]
    assert repo.tag("shared").json["digest"] == ends[1]["digest"]


def test_a_rule_that_is_switched_off(repo, cli):  # noqa: F811
    rule = repo.rule(tags=["x-${branch}"])
    (b,) = repo.push()
    cli("rule", "update", repo.full, rule["id"], "--enabled", "no")
    assert repo.push() == []
    (v,) = [v for v in repo.preview("main") if v["matches"]]
    assert v["enabled"] is False and v["tags"] == ["x-main"] and v["code"] is None, v
    assert re.search(rf"{rule['id']} +no +yes ", cli("rule", "preview", repo.full).out)
    assert re.search(rf"{rule['id']}.* no$", cli("rule", "list", repo.full).out, re.M)
    # by hand it is built all the same, at what is there now
    commit = repo.tree("rev-parse", "HEAD").out.strip()
    r = repo.by_hand(rule)
    assert r.status == 201 and r.json["commit"] == commit != b["commit"], r.body
    repo.service.wait(r.json["id"], "SUCCESS")
    cli("rule", "update", repo.full, rule["id"], "--enabled", "yes")
    (b,) = repo.push()
    assert repo.service.wait(b["id"], "SUCCESS")["tags"] == ["x-main"]


def test_edits_are_seen_by_the_next_push_and_by_it_only(repo):
    rule = repo.rule(tags=["one"], newerPush="wait", buildArgs=[{"name": "A", "value": "1"}], priority=1)
    (first,) = repo.push()
    repo.change(rule, imageTags=["two-${GIT_COMMIT_ID:4}"], buildArgs=[], priority=2, platforms=[HOST, "linux/arm/v7"],
                dockerfileName="Other", timeLimitSeconds=100)
    (second,) = repo.push()
    repo.change(rule, pattern="other", dockerfileName="Dockerfile", platforms=[HOST])
    assert repo.push() == []
    (third,) = repo.push("main:other")
    kept = ("tags", "buildArgs", "priority", "dockerfileName", "timeLimitSeconds")
    wanted = [[["one"], [{"name": "A", "value": "1"}], 1, "Dockerfile", 3600],
              [[f"two-{second['commit'][:4]}"], [], 2, "Other", 100], [[f"two-{third['commit'][:4]}"], [], 2, "Dockerfile", 100]]
    for b, values, platforms in zip((first, second, third), wanted, ([HOST], [HOST, "linux/arm/v7"], [HOST])):
        b = repo.service.wait(b["id"], "SUCCESS", "FAILED")
        assert [b[k] for k in kept] == values and [j["platform"] for j in b["jobs"]] == platforms, b
        assert b["status"] == ("FAILED" if b["dockerfileName"] == "Other" else "SUCCESS"), b
    assert first["tags"] == ["one"] and repo.tag("one").status == 200


def test_a_rule_that_is_deleted(repo, cli):  # noqa: F811
    rule, other = repo.rule(tags=["gone"]), repo.rule(tags=["kept"])
    first = [repo.service.wait(b["id"], "SUCCESS") for b in repo.push()]
    assert len(first) == 2
    assert cli("rule", "delete", repo.full, rule["id"]).out == f"deleted the build rule {rule['id']} of {repo.full}\n"
    assert [r["id"] for r in repo.rules()] == [other["id"]]
    for method, path in ("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", ":build"):
        r = repo.ask(method, f"/rules/{rule['id']}{path}", None if method in ("GET", "DELETE") else {})
        assert (r.status, r.json["code"]) == (404, "NOT_FOUND"), r.body
    assert "there is no build rule" in cli("rule", "get", repo.full, rule["id"], code=1).err
    (second,) = repo.push()
    assert second["ruleId"] == other["id"]
    # its record stays, and can be built again
    old = repo.service.build(next(b["id"] for b in first if b["ruleId"] == rule["id"]))
    assert old["ruleId"] is None and old["tags"] == ["gone"], old
    again = repo.service.ok("POST", f"/api/v1/builds/{old['id']}:rerun", {})
    assert repo.service.wait(again["id"], "SUCCESS")["tags"] == ["gone"]


def test_a_rule_of_another_repository(service, tmp_path, repo):
    """An id is of the repository in the path, whoever asks."""
    other = Repository(service, tmp_path)
    rule = other.rule()
    for method, path in ("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", ":build"):
        r = repo.ask(method, f"/rules/{rule['id']}{path}", None if method in ("GET", "DELETE") else {})
        assert r.status == 404, r.body
    assert other.rules() == [rule]


# --- rights -------------------------------------------------------------------------------------

ACTS = {
    "list": ("GET", "/rules", None, "view"), "get": ("GET", "/rules/{rule}", None, "view"),
    "preview": ("POST", "/rules:preview", {"refs": ["main"]}, "view"), "build": ("POST", "/rules/{rule}:build", {}, "develop"),
    "create": ("POST", "/rules", body("made"), "maintain"), "update": ("PATCH", "/rules/{rule}", {"priority": 3}, "maintain"),
    "delete": ("DELETE", "/rules/{rule}", None, "maintain"),
}
ROLES = ["view", "develop", "maintain", "admin"]


@pytest.mark.parametrize("type", ["PRIVATE", "PUBLIC"])
@pytest.mark.parametrize("role", [None, *ROLES, "nobody"])
def test_what_each_role_may_do_with_rules(service, tmp_path, role, type):
    repo = Repository(service, tmp_path, type=type)
    repo.rule()
    repo.push()
    before = len(repo.builds())
    name = f"u{uuid.uuid4().hex[:10]}"
    service.user(name)
    if role in ROLES:
        service.grant(repo.namespace, name, role)
    login = {"basic": None} if role == "nobody" else {"basic": (name, "a good password")}
    may_see = role in ROLES or type == "PUBLIC"
    for act, (method, path, sent, least) in ACTS.items():
        rule = repo.rule("victim") if act == "delete" else repo.rules()[0]
        kept = repo.rules()
        r = repo.ask(method, path.format(rule=rule["id"]), sent, **login)
        allowed = least == "view" and may_see or role in ROLES and ROLES.index(role) >= ROLES.index(least)
        if allowed:
            assert r.status in (200, 201, 204), (act, r.body)
            assert (repo.rules() == kept) == (least != "maintain"), act
        else:
            wanted = 401 if role == "nobody" else 403 if may_see else 404
            assert r.status == wanted and r.json["code"], (act, r.status, r.body)
            assert repo.rules() == kept, act
    assert len(repo.builds()) == before + (role in ROLES[1:])


def test_roles_on_the_command_line(service, repo, cli, tmp_path):  # noqa: F811
    rule = repo.rule()
    repo.push()
    name = f"u{uuid.uuid4().hex[:10]}"
    service.user(name)
    mina = Cli(service, tmp_path, name, "a good password")
    assert "there is no repository" in mina("rule", "list", repo.full, code=1).err
    cli("namespace", "grant", repo.namespace, name, "view")
    assert mina.json("rule", "list", repo.full)["items"] == [rule]
    assert mina.json("rule", "preview", repo.full)["items"] == repo.preview()
    refused = mina("builds", "start", repo.full, code=1)
    assert "develop" in refused.err, refused
    cli("namespace", "grant", repo.namespace, name, "develop")
    assert mina.json("builds", "start", repo.full)["actor"] == name
    for words in ["rule", "create", repo.full, "--branch", "x", "-t", "x"], ["rule", "update", repo.full, rule["id"], "-t", "x"], \
            ["rule", "delete", repo.full, rule["id"]]:
        refused = mina(*words, code=1)
        assert "maintain" in refused.err, refused
    assert repo.rules() == [rule]


def test_no_user_is_called_build(service, cli):  # noqa: F811
    """It is who a build is at the registry's door."""
    for name in "build", "token", "worker", "system", "anonymous":
        r = service.api("POST", "/api/v1/users", {"name": name, "password": "a good password", "admin": False})
        assert (r.status, r.json["code"]) == (400, "USER_NAME") and f'"{name}" is reserved' in r.json["detail"] and r.json["remedy"], r.body
        refused = cli("user", "create", name, "--password-stdin", input="a good password", code=1)
        assert f'"{name}" is reserved' in refused.err and "Choose another name" in refused.err, refused
    service.user("builder")
