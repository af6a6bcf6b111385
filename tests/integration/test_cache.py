"""Same input, same bytes, and work that is not done twice."""
import os
import shutil
import threading

import pytest

from conftest import ALL, PLATFORMS, Kiln

EPOCH = {"SOURCE_DATE_EPOCH": "1600000000"}
FOUR_STEPS = ("FROM alpine AS made\nWORKDIR /src\nCOPY . .\nRUN cat a sub/b > c && mkdir -p x/y && ln -s a l && "
              "ln c hard && chmod 4755 c\n"
              "FROM alpine\nCOPY --from=made /src /out\nRUN mkdir /new && echo $(uname -m) > /new/machine && "
              "rm /etc/alpine-release\nCMD [\"cat\", \"/new/machine\"]\n")
FILES = {"a": "first\n", "sub/b": "second\n", "sub/empty": None, "big": bytes(range(256)) * 8192}


def ran(result):
    """From the JSON progress: the texts of steps that ran, and of those taken from the cache."""
    done, cached, steps = [], [], {}
    for e in result.events():
        if e["event"] == "graph":
            steps = {s["step"]: s for s in e["steps"]}
        if e["event"] == "ended" and not steps[e["step"]]["text"].startswith("FROM "):
            {"done": done, "cached": cached}.get(e["outcome"], []).append(steps[e["step"]]["text"])
    return done, cached


@pytest.mark.tsan
@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_same_digests_whatever_the_number_of_threads(tmp_path, base, context, compression):
    c = context(FOUR_STEPS, FILES)
    found = []
    for i, jobs in enumerate(("1", "4", "2")):
        k = Kiln(tmp_path / f"data{i}", mirror=base.split("/")[0], env=EPOCH)
        k.build(c, "--jobs", jobs, "--compression", compression, tag="same", platform=ALL)
        found.append(k.digests("same"))
    assert found[0] == found[1] == found[2]
    assert len(set(found[0])) > 12


def test_same_digests_again_without_cache(kiln, context):
    c = context(FOUR_STEPS, FILES)
    kiln.build(c, tag="one", platform=ALL, env=EPOCH)
    done, cached = ran(kiln.build(c, "--no-cache", tag="two", platform=ALL, env=EPOCH, progress="json"))
    assert not cached and len(done) > 4
    assert kiln.digests("one") == kiln.digests("two")
    assert kiln.config("one")["created"] == "2020-09-13T12:26:40Z"


def test_same_digests_again_with_cache(kiln, context):
    c = context(FOUR_STEPS, FILES)
    kiln.build(c, tag="one", platform=ALL)
    done, cached = ran(kiln.build(c, tag="two", platform=ALL, progress="json"))
    assert not done and len(cached) > 4
    assert kiln.digests("one") == kiln.digests("two")


def test_epoch_clamps_times(kiln, context):
    kiln.build(context("FROM alpine\nRUN echo x > /new && touch -t 200001010000 /old\n"), tag="times", env=EPOCH)
    layer = kiln.layer("times")
    assert layer["new"].mtime == 1600000000 and layer["old"].mtime == 946684800
    history = kiln.config("times")["history"]
    assert history[-1]["created"] == "2020-09-13T12:26:40Z"


def test_epoch_is_not_guessed(kiln, context):
    kiln.build(context("FROM alpine\nRUN echo x > /new\n"), tag="now")
    assert kiln.layer("now")["new"].mtime > 1700000000


@pytest.mark.tsan
def test_a_stage_for_the_build_platform_runs_once(kiln, context):
    c = context("FROM --platform=$BUILDPLATFORM alpine AS tools\nRUN date +%s%N > /once\nWORKDIR /w\nCOPY f .\n"
                "FROM alpine\nCOPY --from=tools /once /w/f /\nRUN cat /once > /mine\n", {"f": "f\n"})
    done, _ = ran(kiln.build(c, tag="once", platform=ALL, progress="json"))
    assert done.count("RUN date +%s%N > /once") == 1
    assert done.count("COPY f .") == 1
    assert done.count("RUN cat /once > /mine") == 4
    said = {kiln.run("once", "cat", "/once", "/mine", platform=p).out for p in PLATFORMS}
    assert len(said) == 1


def test_the_target_in_a_pinned_stage_splits_it(kiln, context):
    c = context("FROM --platform=$BUILDPLATFORM alpine AS tools\nRUN date > /early\nARG TARGETARCH\n"
                "RUN echo $TARGETARCH > /late\n"
                "FROM alpine\nCOPY --from=tools /early /late /\n")
    done, _ = ran(kiln.build(c, platform="linux/amd64,linux/arm64", tag="split", progress="json"))
    assert done.count("RUN date > /early") == 1
    assert done.count("RUN echo $TARGETARCH > /late") == 2
    for arch in ("amd64", "arm64"):
        assert kiln.run("split", "cat", "/late", platform=f"linux/{arch}").out == f"{arch}\n"


def test_the_platform_is_in_the_key_of_a_run(kiln, context):
    """The same files below, and yet two results."""
    c = context("FROM --platform=linux/arm/v6 alpine AS six\nFROM scratch\nCOPY --from=six / /\nRUN uname -m > /machine\n")
    done, _ = ran(kiln.build(c, platform="linux/arm/v7,linux/arm/v6", tag="k", progress="json"))
    assert done.count("COPY --from=six / /") == 1 and done.count("RUN uname -m > /machine") == 2
    for v in ("v7", "v6"):
        assert kiln.run("k", "cat", "/machine", platform=f"linux/arm/{v}").out == f"arm{v}l\n"


def test_copy_gives_all_platforms_one_layer(kiln, context):
    c = context("FROM alpine\nCOPY . /ctx/\nFROM scratch AS empty\nCOPY a /a\nFROM alpine\nCOPY . /ctx/\n"
                "COPY --from=empty /a /\nRUN true\n", FILES)
    r = kiln.build(c, tag="shared", platform=ALL, progress="json")
    layers = [[l["digest"] for l in p["layers"]] for p in kiln.inspect("shared")["platforms"]]
    assert len({l[0] for l in layers}) == 4, "the bases differ"
    assert len({l[1] for l in layers}) == 1 and len({l[2] for l in layers}) == 1
    assert ran(r)[0].count("COPY a /a") == 1


def test_what_misses(kiln, context):
    """What changes the result changes the key, and what does not does not."""
    dockerfile = "FROM alpine\nARG V=1\nCOPY a /\nRUN echo $V > /v\nCOPY sub /sub\nRUN date +%s%N > /t\n"
    c = context(dockerfile, FILES)
    steps = ["COPY a /", "RUN echo $V > /v", "COPY sub /sub", "RUN date +%s%N > /t"]

    def missed(*args, **more):
        return ran(kiln.build(c, *args, progress="json", tag="misses", **more))[0]

    assert missed() == steps
    assert missed() == []
    os.utime(c / "a", (1, 1))
    assert missed() == [], "the time of a file is not its content"
    (c / "ignored-by-all").write_text("x")
    assert missed() == [], "a file that nothing copies"
    (c / "sub" / "b").write_text("changed\n")
    assert missed() == steps[2:]
    assert missed("--build-arg", "V=2") == steps[1:]
    assert missed("--build-arg", "V=1") == [], "the first value is still known"
    (c / "a").chmod(0o755)
    assert missed() == steps
    (c / "sub" / "new").symlink_to("b")
    assert missed() == steps[2:]
    (c / "sub" / "new").unlink()
    assert missed() == []
    assert missed("--no-cache") == steps
    (c / "Dockerfile").write_text(dockerfile.replace("COPY sub", "ENV E=1\nCOPY sub"))
    assert missed() == [steps[3]], "an ENV is nothing to a COPY, but it is to a RUN"


def test_files_that_keep_size_and_time_are_still_read(kiln, context):
    c = context("FROM alpine\nCOPY f /\n", {"f": "aaaa"})
    os.utime(c / "f", (10**9, 10**9))
    kiln.build(c, tag="f")
    (c / "f").write_text("bbbb")
    os.utime(c / "f", (10**9, 10**9))
    kiln.build(c, tag="f")
    assert kiln.run("f", "cat", "/f").out == "bbbb"


def test_names_and_contents_do_not_run_together(kiln, context):
    """Trees whose concatenated names and bytes are equal are not equal."""
    one, two = context("FROM alpine\nCOPY d /d\n", {"d/ab": "c"}), context("FROM alpine\nCOPY d /d\n", {"d/a": "bc"})
    kiln.build(one, tag="one")
    kiln.build(two, tag="two")
    assert kiln.run("one", "ls", "/d").out == "ab\n" and kiln.run("two", "ls", "/d").out == "a\n"


def test_heredoc_bodies_and_options_are_in_the_key(kiln, context):
    for body, mode in (("one", "600"), ("two", "600"), ("two", "640")):
        kiln.build(context(f"FROM alpine\nCOPY --chmod={mode} <<E /f\n{body}\nE\nRUN <<E\necho {body} > /g\nE\n"), tag="h")
        assert kiln.run("h", "sh", "-c", "cat /f /g; stat -c %a /f").out == f"{body}\n{body}\n{mode}\n"


def test_cache_survives_lost_layer_directories(kiln, context):
    """DATA/layers is disposable: the blobs are the truth."""
    c = context("FROM alpine\nRUN echo 1 > /one\nRUN cat /one > /two\n")
    kiln.build(c, tag="a")
    shutil.rmtree(kiln.data / "layers")
    (c / "Dockerfile").write_text("FROM alpine\nRUN echo 1 > /one\nRUN cat /one > /two\nRUN cat /one /two > /three\n")
    done, cached = ran(kiln.build(c, tag="a", progress="json"))
    assert done == ["RUN cat /one /two > /three"] and len(cached) == 2
    assert kiln.run("a", "cat", "/three").out == "1\n1\n"


@pytest.mark.tsan
def test_two_builds_at_once_share_a_data_directory(kiln, context):
    shared = "FROM alpine\nCOPY big /\nRUN date +%s%N > /t && sleep 0.2\n"
    contexts = [context(shared + f"RUN echo {i} > /i\n", FILES) for i in range(3)]
    results = [None] * len(contexts)

    def work(i):
        results[i] = kiln.build(contexts[i], tag=f"at-once-{i}", platform="linux/amd64,linux/arm/v6", code=None)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(contexts))]
    [t.start() for t in threads]
    [t.join() for t in threads]
    for i, r in enumerate(results):
        assert r and r.code == 0, r
        for p in ("linux/amd64", "linux/arm/v6"):
            assert kiln.run(f"at-once-{i}", "cat", "/i", platform=p).out == f"{i}\n"
    assert not [d.name for d in (kiln.data / "layers").iterdir() if d.name.startswith("s-")]


def test_base_moves(kiln, context, name):
    """A tag that names another image now is seen; a digest is not asked for again."""
    kiln.build(context("FROM alpine\nRUN echo old > /which\n"), "--push", tag=f"{name}:moving")
    digest = kiln.inspect(f"{name}:moving")["descriptor"]["digest"]
    by_tag = context(f"FROM {name}:moving\nRUN cat /which > /seen\n")
    by_digest = context(f"FROM {name}@{digest}\nRUN cat /which > /seen\n")
    for c in (by_tag, by_digest):
        kiln.build(c, tag="child")
        assert kiln.run("child", "cat", "/seen").out == "old\n"
    kiln.build(context("FROM alpine\nRUN echo new > /which\n"), "--push", tag=f"{name}:moving")
    kiln.build(by_tag, tag="child")
    assert kiln.run("child", "cat", "/seen").out == "new\n"
    kiln.build(by_digest, tag="child")
    assert kiln.run("child", "cat", "/seen").out == "old\n"
