"""Where a build goes: every kind of -o, --push, --metadata-file, and what images say about themselves."""
import hashlib
import json
import os
import stat

from conftest import ALL, read_tar, run
from proxy import Proxy

DOCKERFILE = ("FROM alpine\nCOPY --chown=5:6 --chmod=640 f /d/f\n"
              "RUN ln -s f /d/link && ln /d/f /d/hard && mkdir -m 1777 /d/sticky && uname -m > /machine\n"
              "CMD [\"cat\", \"/d/f\"]\n")
FILES = {"f": "content\n"}


def oci_layout(path):
    """index.json of an OCI archive after a check of every blob, and a function that reads blobs as JSON."""
    found = read_tar(path)
    assert json.loads(found["oci-layout"].data) == {"imageLayoutVersion": "1.0.0"}
    for name, entry in found.items():
        if name.startswith("blobs/sha256/") and entry.isreg():
            assert hashlib.sha256(entry.data).hexdigest() == name.rsplit("/", 1)[1]
    return json.loads(found["index.json"].data), lambda digest: json.loads(found["blobs/sha256/" + digest.split(":")[1]].data)


def test_oci_archive_with_four_platforms(kiln, context, tmp_path):
    out = tmp_path / "image.oci"
    kiln.build(context(DOCKERFILE, FILES), "-o", f"type=oci,dest={out}", tag="example.com/of/mine:v1", platform=ALL)
    index, blob = oci_layout(out)
    (top,) = index["manifests"]
    assert top["annotations"]["org.opencontainers.image.ref.name"] == "v1"
    children = blob(top["digest"])["manifests"]
    assert len(children) == 4
    for child in children:
        manifest = blob(child["digest"])
        assert len(manifest["layers"]) == 3 and len(blob(manifest["config"]["digest"])["rootfs"]["diff_ids"]) == 3
    raw = json.loads(run(["skopeo", "inspect", "--raw", f"oci-archive:{out}:v1"]).out)
    assert raw == blob(top["digest"])
    copied = tmp_path / "copied"
    run(["skopeo", "copy", "--all", f"oci-archive:{out}:v1", f"oci:{copied}:v1"])
    assert json.loads((copied / "index.json").read_text())["manifests"][0]["digest"] == top["digest"]
    kiln("inspect", "example.com/of/mine:v1", code=1)


def test_oci_archive_to_standard_output(kiln, context, tmp_path):
    r = kiln.build(context(DOCKERFILE, FILES), "-o", "type=oci")
    (tmp_path / "o").write_bytes(r.raw)
    index, blob = oci_layout(tmp_path / "o")
    assert "annotations" not in index["manifests"][0]
    assert blob(index["manifests"][0]["digest"])["config"]["digest"].startswith("sha256:")


def test_docker_archive(kiln, context, tmp_path):
    out = tmp_path / "image.tar"
    kiln.build(context(DOCKERFILE, FILES), "-o", f"type=docker,dest={out}", tag=["one:1", "two"], platform="linux/arm/v6")
    about = json.loads(run(["skopeo", "inspect", "--config", f"docker-archive:{out}"]).out)
    assert (about["architecture"], about["variant"]) == ("arm", "v6")
    found = read_tar(out)
    (image,) = json.loads(found["manifest.json"].data)
    assert [t.split("/")[-1] for t in image["RepoTags"]] == ["one:1", "two:latest"]
    assert len(image["Layers"]) == 3 and all(l in found for l in image["Layers"])


def test_docker_archive_holds_one_platform(kiln, context, tmp_path):
    r = kiln.build(context("FROM scratch\n"), "-o", f"type=docker,dest={tmp_path}/x", platform="linux/amd64,linux/arm64",
                   code=2)
    assert "type=oci" in r.err and not (tmp_path / "x").exists()


def test_tar_of_the_file_system(kiln, context, tmp_path):
    out = tmp_path / "fs.tar"
    kiln.build(context(DOCKERFILE, FILES), "-o", f"type=tar,dest={out}")
    found = read_tar(out)
    f, hard = found["d/f"], found["d/hard"]
    assert (f.uid, f.gid, stat.S_IMODE(f.mode), f.data) == (5, 6, 0o640, b"content\n")
    assert hard.islnk() and hard.linkname == "d/f"
    assert found["d/link"].issym() and found["d/link"].linkname == "f"
    assert stat.S_IMODE(found["d/sticky"].mode) == 0o1777
    assert found["machine"].data.decode().strip() == os.uname().machine
    assert found["bin/busybox"].isreg() and not [n for n in found if "/.wh." in n or n.startswith((".wh.", "/", "./"))]


def test_tar_to_standard_output_with_two_platforms(kiln, context):
    found = read_tar(kiln.build(context(DOCKERFILE, FILES), "-o", "type=tar,dest=-",
                                platform="linux/arm/v6,linux/arm64").raw)
    assert found["linux_arm_v6/machine"].data == b"armv6l\n" and found["linux_arm64/machine"].data == b"aarch64\n"
    assert found["linux_arm64/d/hard"].linkname == "linux_arm64/d/f"


def test_a_dash_is_a_tar_on_standard_output(kiln, context):
    assert read_tar(kiln.build(context(DOCKERFILE, FILES), "-o", "-").raw)["d/f"].data == b"content\n"


def test_local_directory(kiln, context, tmp_path):
    out = tmp_path / "local"
    kiln.build(context(DOCKERFILE, FILES), "-o", f"type=local,dest={out}")
    assert (out / "d" / "f").read_text() == "content\n"
    assert os.readlink(out / "d" / "link") == "f"
    assert (out / "d" / "f").stat().st_ino == (out / "d" / "hard").stat().st_ino
    assert (out / "d" / "f").stat().st_uid == os.getuid()
    assert stat.S_IMODE((out / "d" / "f").stat().st_mode) == 0o640


def test_local_directory_with_two_platforms_and_files_there_before(kiln, context, tmp_path):
    out = tmp_path / "local"
    (out / "linux_arm64").mkdir(parents=True)
    (out / "linux_arm64" / "mine").write_text("kept")
    (out / "linux_arm64" / "machine").write_text("old")
    kiln.build(context(DOCKERFILE, FILES), "-o", f"type=local,dest={out}", platform="linux/amd64,linux/arm64")
    assert (out / "linux_arm64" / "machine").read_text() == "aarch64\n"
    assert (out / "linux_amd64" / "machine").read_text() == "x86_64\n"
    assert (out / "linux_arm64" / "mine").read_text() == "kept"


def test_local_directory_does_not_follow_links_out(kiln, context, tmp_path):
    """What an image holds never writes beside the directory it is exported to."""
    out, outside = tmp_path / "local", tmp_path / "outside"
    out.mkdir(), outside.mkdir()
    (out / "d").symlink_to(outside)
    kiln.build(context("FROM scratch\nCOPY f /d/f\n", FILES), "-o", f"type=local,dest={out}", code=None)
    assert list(outside.iterdir()) == []


def test_several_outputs_at_once(kiln, context, registry, name, tmp_path):
    kiln.build(context(DOCKERFILE, FILES), "-o", f"type=oci,dest={tmp_path}/a", "-o", f"type=tar,dest={tmp_path}/b", "-o",
               f"type=local,dest={tmp_path}/c",
               "-o", "type=registry", tag=f"{name}:1")
    index, blob = oci_layout(tmp_path / "a")
    assert read_tar(tmp_path / "b")["d/f"].data == b"content\n" and (tmp_path / "c" / "d" / "f").exists()
    r = registry.request("GET", f"/v2/{name.split('/', 1)[1]}/manifests/1")
    assert r.headers["Docker-Content-Digest"] == index["manifests"][0]["digest"]


def test_an_output_file_is_whole_or_as_it_was(kiln, context, tmp_path):
    out = tmp_path / "image.tar"
    out.write_text("as it was")
    kiln.build(context("FROM alpine\nRUN false\n"), "-o", f"type=tar,dest={out}", code=1)
    assert out.read_text() == "as it was"
    assert [f.name for f in tmp_path.iterdir() if f.name.startswith(".image")] == []


def test_push_sends_every_tag(kiln, context, registry, name):
    r = kiln.build(context("FROM alpine\nLABEL a=b\n"), "--push", tag=[f"{name}:1", f"{name}:2", f"{name}-b"],
                   platform="linux/amd64,linux/arm/v6")
    path = f"/v2/{name.split('/', 1)[1]}"
    digests = {registry.request("HEAD", f"{p}/manifests/{t}").headers["Docker-Content-Digest"]
               for p, t in ((path, "1"), (path, "2"), (f"{path}-b", "latest"))}
    assert len(digests) == 1 and digests.pop() in r.text
    assert json.loads(registry.request("GET", f"{path}/tags/list").body)["tags"] == ["1", "2"]


def test_push_again_sends_nothing_twice(kiln, context, registry, name):
    with Proxy(registry.host) as between:
        name = name.replace(registry.host, between.host)
        c = context("FROM alpine\nCOPY f /\n", {"f": os.urandom(3 << 20)})
        kiln.build(c, "--push", tag=f"{name}:1")
        first = between.uploads()
        assert first == 3, "two layers and the config"
        kiln.build(c, "--push", tag=f"{name}:2")
        assert between.uploads() == first
        assert registry.request("HEAD", f"/v2/{name.split('/', 1)[1]}/manifests/2").status == 200


def test_push_needs_a_name(kiln, context):
    assert "--tag" in kiln.build(context("FROM scratch\n"), "--push", code=2).err


def test_metadata_file(kiln, context, tmp_path):
    out = tmp_path / "meta.json"
    kiln.build(context(DOCKERFILE, FILES), "--metadata-file", out, tag=["meta:1", "meta:2"], platform=ALL)
    said = json.loads(out.read_text())
    top = kiln.inspect("meta:1")
    assert said["containerimage.digest"] == top["descriptor"]["digest"]
    assert said["containerimage.descriptor"] == top["descriptor"]
    assert said["image.name"].split(",")[0].endswith("meta:1") and len(said["image.name"].split(",")) == 2
    assert said["platforms"] == {p["platform"]: {"digest": p["manifest"]["digest"],
                                                 "config": p["config"]["digest"]} for p in top["platforms"]}


def test_metadata_file_of_a_failed_build_is_not_written(kiln, context, tmp_path):
    kiln.build(context("FROM alpine\nRUN false\n"), "--metadata-file", tmp_path / "meta.json", code=1)
    assert not (tmp_path / "meta.json").exists()


def test_config_holds_everything(kiln, context, tmp_path):
    c = context("FROM alpine\nMAINTAINER A. Author <a@example.com>\nENV A=1 B=\"two words\"\n"
                "LABEL l=1 \"with space\"=\"x y\"\nEXPOSE 80 53/udp 8000-8002\nVOLUME /v /w\n"
                "WORKDIR /work\nUSER nobody:adm\nSTOPSIGNAL SIGINT\nSHELL [\"/bin/sh\", \"-ec\"]\nENTRYPOINT echo $A\n"
                "CMD [\"x\"]\n"
                "HEALTHCHECK --interval=5s --timeout=1m30s --start-period=2s --retries=4 CMD test -e /ok\n"
                "ONBUILD RUN echo child\n")
    kiln.build(c, tag="all", platform="linux/arm/v7")
    config = kiln.config("all", "linux/arm/v7")
    assert config["author"] == "A. Author <a@example.com>"
    said = config["config"]
    assert said["Env"][-2:] == ["A=1", "B=two words"] or set(said["Env"]) >= {"A=1", "B=two words"}
    assert said["Labels"] == {"l": "1", "with space": "x y"}
    assert set(said["ExposedPorts"]) == {"80/tcp", "53/udp", "8000/tcp", "8001/tcp", "8002/tcp"}
    assert set(said["Volumes"]) == {"/v", "/w"}
    assert (said["WorkingDir"], said["User"], said["StopSignal"]) == ("/work", "nobody:adm", "SIGINT")
    assert (said["Shell"], said["Entrypoint"], said["Cmd"]) == (["/bin/sh", "-ec"], ["/bin/sh", "-ec", "echo $A"], ["x"])
    assert said["Healthcheck"] == {"Test": ["CMD-SHELL", "test -e /ok"], "Interval": 5 * 10**9, "Timeout": 90 * 10**9,
                                   "StartPeriod": 2 * 10**9, "Retries": 4}
    assert said["OnBuild"] == ["RUN echo child"]
    kiln.build(c, "-o", f"type=oci,dest={tmp_path}/o", platform="linux/arm/v7")
    seen = json.loads(run(["skopeo", "inspect", "--config", f"oci-archive:{tmp_path}/o"]).out)
    assert seen["config"]["Labels"] == said["Labels"] and seen["config"]["StopSignal"] == "SIGINT"


def test_history_matches_the_layers(kiln, context):
    kiln.build(context("FROM alpine\nARG V=1\nENV E=2\nCOPY f /\nRUN echo $V > /v\nWORKDIR /new\n"
                       "CMD [\"sh\"]\n", FILES), tag="h", env={"SOURCE_DATE_EPOCH": "1600000000"})
    config = kiln.config("h")
    history = config["history"]
    assert len([h for h in history if not h.get("empty_layer")]) == len(config["rootfs"]["diff_ids"]) == 4
    ours = [(h["created_by"], h.get("empty_layer", False)) for h in history[-6:]]
    assert [e for _, e in ours] == [True, True, False, False, False, True]
    for (text, _), words in zip(ours, ("ARG V=1", "ENV E=2", "COPY f /", "echo $V > /v", "WORKDIR /new", "CMD [\"sh\"]")):
        assert words in text, ours
    assert "V=1" in ours[3][0], "a RUN shows the arguments it had"
    assert all(h["created"] == "2020-09-13T12:26:40Z" for h in history[-6:])


def test_a_base_without_changes_keeps_its_layers(kiln, context, registry, base):
    """An image that only adds metadata shares every byte with its base."""
    kiln.build(context("FROM alpine\nLABEL a=b\nENV C=d\n"), tag="meta", platform=ALL)
    of_base = kiln.inspect(base)["platforms"]
    mine = kiln.inspect("meta")["platforms"]
    assert [p["layers"] for p in mine] == [p["layers"] for p in of_base]
    assert not (kiln.data / "layers").exists() or not [d for d in (kiln.data / "layers").iterdir() if len(d.name) == 64], "nothing had to be unpacked"


def test_inspect_text(kiln, context, name):
    kiln.build(context(DOCKERFILE, FILES), "--push", tag=f"{name}:t", platform=ALL)
    text, said = kiln("inspect", f"{name}:t").out, kiln.inspect(f"{name}:t")
    assert said["descriptor"]["digest"] in text and said["descriptor"]["mediaType"] in text
    for p in said["platforms"]:
        assert p["platform"] in text and p["manifest"]["digest"] in text and p["config"]["digest"] in text
        assert len(p["layers"]) == 3 and all(l["digest"] in text for l in p["layers"])
        assert p["totalSize"] == p["manifest"]["size"] + p["config"]["size"] + sum(l["size"] for l in p["layers"])


def test_inspect_what_is_not_there(kiln, registry):
    assert "none-such" in kiln("inspect", "localhost/none-such", code=1).err
    assert "none/such" in kiln("inspect", f"{registry.host}/none/such:1", code=1).err
