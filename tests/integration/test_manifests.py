"""What the API tells of an image: its manifests as they are stored, and which instruction made which layer."""
import base64
import hashlib
import json
import urllib.parse

from conftest import KILN, run

PLATFORMS = ["linux/amd64", "linux/arm64"]
SAME = "FROM alpine\nLABEL a=b\nCOPY same /same\nRUN echo $(uname -m) >/own\nENV X=1\n"


def get(service, full, reference, status=200, **more):
    r = service.api("GET", f"/api/v1/repositories/{urllib.parse.quote(full, safe='')}/manifests/"
                    f"{urllib.parse.quote(reference, safe='')}", **more)
    assert r.status == status, r.body
    return r.json


def built(service, tmp_path):
    id = service.push_build(tmp_path, SAME, {"same": "1"}, platforms=PLATFORMS, tags=["main"])
    service.wait(id, "SUCCESS")
    return service.build(id)["repository"]


def test_an_index_and_its_images(service, tmp_path):
    full = built(service, tmp_path)
    index = get(service, full, "main")
    assert index["kind"] == "INDEX" and index["config"] is None and index["layers"] == index["history"] == []
    assert [i["platform"] for i in index["images"]] == PLATFORMS
    assert "sha256:" + hashlib.sha256(index["content"].encode()).hexdigest() == index["digest"]
    assert get(service, full, index["digest"]) == index
    images = {i["platform"]: get(service, full, i["digest"]) for i in index["images"]}
    for platform, image in images.items():
        assert image["kind"] == "IMAGE" and len(image["content"]) == image["size"]
        config = json.loads(image["config"]["content"])
        assert "sha256:" + hashlib.sha256(image["config"]["content"].encode()).hexdigest() == image["config"]["digest"]
        assert f"{config['os']}/{config['architecture']}" == platform
        (one,) = image["images"]
        assert (one["platform"], one["digest"], one["layers"]) == (platform, image["digest"], len(image["layers"]))
        assert [layer["digest"] for layer in image["layers"]] == [d["digest"] for d in json.loads(image["content"])["layers"]]
    by = {p: {h["createdBy"]: i["layers"][h["layer"]]["digest"] for h in i["history"] if h["layer"] is not None}
          for p, i in images.items()}
    copy = next(k for k in by[PLATFORMS[0]] if "COPY same" in k)
    own = next(k for k in by[PLATFORMS[0]] if "uname" in k)
    assert by[PLATFORMS[0]][copy] == by[PLATFORMS[1]][copy] and by[PLATFORMS[0]][own] != by[PLATFORMS[1]][own]
    label = next(h for h in images[PLATFORMS[0]]["history"] if "LABEL" in h["createdBy"])
    assert label["layer"] is None and label["createdAt"]


def test_what_is_not_there_or_not_for_everybody(service, tmp_path):
    full = built(service, tmp_path)
    for reference in ("nothing", "sha256:" + "0" * 64, "../x", "a" * 300):
        assert get(service, full, reference, 404)["code"] == "NOT_FOUND"
    assert get(service, full, "sha256:nonsense", 400)["code"]
    digest = get(service, full, "main")["digest"]
    service.namespace("elsewhere")
    service.repository("elsewhere/empty")
    assert get(service, "elsewhere/empty", digest, 404)["code"] == "NOT_FOUND"
    service.user("nobody-here")
    get(service, full, "main", 404, basic=("nobody-here", "a good password"))
    get(service, full, "main", 401, basic=None)


def test_which_repositories_have_a_digest(service, tmp_path):
    full = built(service, tmp_path)
    index = get(service, full, "main")
    digests = [index["digest"], *(i["digest"] for i in index["images"])]

    def holders(digest, **more):
        return [r["fullName"] for r in service.ok("GET", f"/api/v1/repositories?digest={urllib.parse.quote(digest)}", **more)["items"]]

    for digest in digests:
        assert holders(digest) == [full]
        assert holders(digest, basic=None) == []
    assert holders("sha256:" + "0" * 64) == []
    service.ok("PATCH", f"/api/v1/repositories/{urllib.parse.quote(full, safe='')}", {"type": "PUBLIC"})
    assert holders(digests[0], basic=None) == [full]
    env = {"KILN_CONFIG": str(tmp_path / "login.json")}
    run([KILN, "login", f"http://{service.host}", "--username", "admin", "--password-stdin"], env=env, input=service.admin_password)
    assert full in run([KILN, "repo", "list", "--digest", digests[0]], env=env).out
    assert full not in run([KILN, "repo", "list", "--digest", "sha256:" + "0" * 64], env=env).out
    assert "Take it whole" in run([KILN, "repo", "list", "--digest", digests[0][:20]], env=env, code=1).err
    assert service.ok("GET", f"/api/v1/repositories?digest={digests[0]}&namespace=none")["items"] == []
    for wrong in ("sha256:0", "main", "sha256:" + "G" * 64, "sha256:" + "0" * 5000):
        r = service.api("GET", f"/api/v1/repositories?digest={wrong}")
        assert r.status == 400 and r.json["code"] == "QUERY" and r.json["remedy"], r.body


def test_artifacts_and_what_claims_more_layers_than_it_has(service, later, tmp_path):
    """Nobody knows then which instruction made which layer."""
    service.namespace("art")
    service.repository("art/x", type="PUBLIC")
    oras, login = later("oras"), ["--plain-http", "--username", "admin", "--password", service.admin_password]
    (tmp_path / "notes.txt").write_text("kiln\n")
    run([oras, "push", *login, "--artifact-type", "application/vnd.kiln.notes", f"{service.host}/art/x:notes", "notes.txt:text/plain"],
        cwd=tmp_path, timeout=120)
    notes = get(service, "art/x", "notes", basic=None)
    assert notes["kind"] == "ARTIFACT" and notes["config"]["content"] is None and notes["history"] == []
    assert [layer["mediaType"] for layer in notes["layers"]] == ["text/plain"]
    config = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []},
              "history": [{"created_by": "one"}, {"created_by": "two", "comment": "x\u2028<script>"}]}
    (tmp_path / "config.json").write_text(json.dumps(config))
    run([oras, "push", *login, "--config", "config.json:application/vnd.oci.image.config.v1+json", f"{service.host}/art/x:odd",
         "notes.txt:application/vnd.oci.image.layer.v1.tar"], cwd=tmp_path, timeout=120)
    odd = get(service, "art/x", "odd", basic=None)
    assert odd["kind"] == "IMAGE" and len(odd["layers"]) == 1
    assert [(h["createdBy"], h["comment"], h["layer"]) for h in odd["history"]] == [("one", None, None), ("two", "x\u2028<script>", None)]
    assert base64.b64encode(odd["config"]["content"].encode()) == base64.b64encode((tmp_path / "config.json").read_bytes())


def test_tags_by_name_and_by_time(service, tmp_path):
    full = built(service, tmp_path)
    tags = f"/api/v1/repositories/{urllib.parse.quote(full, safe='')}/tags"
    for name in ("b", "a", "c-1", "c-2"):
        service.ok("PUT", f"{tags}/{name}", {"from": "main"})
    service.ok("PUT", f"{tags}/b", {"from": get(service, full, "main")["images"][0]["digest"]})
    service.ok("PUT", f"{tags}/a", {"from": "main"})  # as it was

    def pages(limit, **query):
        names, cursor = [], ""
        while cursor is not None:
            page = service.ok("GET", f"{tags}?" + urllib.parse.urlencode({"limit": limit, "cursor": cursor, **query}))
            assert len(page["items"]) <= limit
            names, cursor = names + [t["name"] for t in page["items"]], page["next"]
        return names

    for limit in (1, 2, 500):
        assert pages(limit) == pages(limit, sort="name") == ["a", "b", "c-1", "c-2", "main"]
        assert pages(limit, sort="updated") == ["b", "c-2", "c-1", "a", "main"]
        assert pages(limit, q="c-") == ["c-1", "c-2"] and pages(limit, q="c-", sort="updated") == ["c-2", "c-1"]
        assert pages(limit, q="%") == pages(limit, q="A") == []
    by_name = service.ok("GET", f"{tags}?limit=1")["next"]
    for wrong in ("sort=size", f"sort=updated&cursor={by_name}"):
        assert service.api("GET", f"{tags}?{wrong}").json["code"] == "QUERY"
