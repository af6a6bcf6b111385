"""Dockerfiles, build contexts and COPY sources that are wrong: the message names the line and the remedy."""
import os
import threading
import time

import pytest


def refuse(kiln, context, *says, **more):
    r = kiln.build(context, code=1, timeout=30, **more)
    assert not [word for word in says if word not in r.err], r
    return r


# --- the file -------------------------------------------------------------------------------------------------------


def test_missing(kiln, context):
    c = context()
    refuse(kiln, c, f"there is no Dockerfile in {c} (name another with -f)")


@pytest.mark.parametrize("text, says", [
    (b"", "has no instructions"),
    (b"# a comment\n", "has no instructions"),
    (b"FROM scratch\n" + b"# filler\n" * (10 << 20 >> 3), "more than the 1048576 that are read"),
    (b"FROM scratch\n\x7fELF\0\0\0", "Dockerfile:2:5: is no text"),
    (bytes(range(256)) * 400, "Dockerfile:1:1: is no text"),
    (b"FROM scratch\n# \xff\xfe\n", "Dockerfile:2:1: is no text: the line is not UTF-8"),
], ids=["empty", "comment", "10 MB", "NUL", "binary", "not UTF-8"])
def test_no_text(kiln, context, text, says):
    refuse(kiln, context(text), says)


def test_directory(kiln, context):
    c = context(files={"Dockerfile": None})
    refuse(kiln, c, "Dockerfile is a directory, not a file")
    r = kiln.build(c, "-f", c / "Dockerfile", code=1)
    assert "Dockerfile is a directory" in r.err, r


def test_fifo(kiln, context):
    c = context()
    os.mkfifo(c / "Dockerfile")
    refuse(kiln, c, "Dockerfile is a pipe, not a file")
    r = kiln.build(c, "-f", c / "Dockerfile", code=1, timeout=20)
    assert "is a pipe that nothing came out of" in r.err, r


def test_pipe_with_a_slow_writer(kiln, context):
    read, write = os.pipe()

    def later():
        for part in (b"FROM ", b"scratch\n"):
            time.sleep(0.3)
            os.write(write, part)
        os.close(write)

    t = threading.Thread(target=later)
    t.start()
    kiln.build(context(), "-f", f"/dev/fd/{read}", pass_fds=[read])
    t.join()
    os.close(read)


@pytest.mark.parametrize("target", ["/etc/passwd", "../../../../../../etc/passwd"])
def test_link_out_of_the_context(kiln, context, target):
    r = refuse(kiln, context(files={"Dockerfile": ("link", target)}), "is a link that leads out of the build context")
    assert "root:" not in r.text


def test_links_to_nowhere(kiln, context):
    refuse(kiln, context(files={"Dockerfile": ("link", "nowhere")}), "Dockerfile is a link to a file that is not there")
    refuse(kiln, context(files={"Dockerfile": ("link", "Dockerfile")}), "Too many levels of symbolic links")


@pytest.mark.parametrize("text, says", [
    ("FRM alpine\n", "Dockerfile:1:1: unknown instruction FRM (did you mean FROM?)"),
    ("FROM alpine\n\n  COPPY a b\n", "Dockerfile:3:3: unknown instruction COPPY (did you mean COPY?)"),
    ("FROM --platfrom=linux/amd64 alpine\n", "Dockerfile:1:6: unknown flag --platfrom of FROM (did you mean --platform?)"),
    ("FROM alpine\nCOPY --chwon=1 a b\n", "Dockerfile:2:6: unknown flag --chwon of COPY (did you mean --chown?)"),
    ("FROM alpine\nHEALTHCHECK --intervall=3s CMD x\n", "Dockerfile:2:13: unknown flag --intervall of HEALTHCHECK"),
    ("FROM\n", "Dockerfile:1:1: FROM needs an image"),
    ("RUN ls\n", "Dockerfile:1:1: RUN stands before the first FROM"),
    ("FROM alpine\nRUN cat <<EOF\nno end\n", "Dockerfile:2:1: the heredoc has no line EOF that ends it"),
    ("FROM alpine\nRUN --mount=type=cache,target=/x ls\n", "Dockerfile:2:5: kiln does not support RUN --mount yet"),
    ("FROM Alpine\n", "Dockerfile:1"),
    ("FROM ${NOT_SET}\n", "--build-arg"),
    ("FROM --platform=windows/amd64 alpine\n", "Dockerfile:1"),
    ("FROM alpine\nUSER nobody-here\nRUN ls\n", "user nobody-here is not in the image's /etc/passwd"),
    ("FROM alpine\nUSER root:nobody-here\nRUN ls\n", "group nobody-here is not in the image's /etc/group"),
    ("FROM alpine\nWORKDIR /bin/sh\n", "Dockerfile:2: destination /bin/sh"),
])
def test_instructions(kiln, context, text, says):
    refuse(kiln, context(text), says)


def test_a_stage_that_was_mistyped(kiln, context):
    r = refuse(kiln, context("FROM alpine AS builder\nFROM alpine\nCOPY --from=buidler /x /y\n"), "Dockerfile:3")
    assert "did you mean builder?" in r.err, r
    r = kiln.build(context("FROM alpine AS builder\n"), "--target", "buildr", code=1)
    assert "has no stage buildr" in r.err and "builder" in r.err, r


def test_a_platform_that_the_base_lacks(kiln, context):
    r = refuse(kiln, context("FROM --platform=linux/s390x alpine\n"), "Dockerfile:1", "linux/s390x")
    assert "linux/amd64" in r.err and "linux/arm/v6" in r.err, r


# --- COPY -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("source, files, says", [
    ("missing", {}, ["COPY source missing does not exist in the build context"]),
    ("app/man.c", {"app/main.c": ""}, ["app/man.c does not exist", "did you mean app/main.c?"]),
    ("a.txt", {"a.txt": "", ".dockerignore": "# first\n\n*.txt\n"}, ["a.txt is left out by line 3 of .dockerignore: *.txt"]),
    ("d/a.txt", {"d/a.txt": "", ".dockerignore": "b\nd\n"}, ["d/a.txt is left out by line 2 of .dockerignore: d"]),
    ("d/a.txt", {"d/a.txt": "", "Dockerfile.dockerignore": "d\n"}, ["line 1 of Dockerfile.dockerignore"]),
    ("../secret", {}, ["COPY source ../secret escapes the build context"]),
    ("d/../../secret", {"d": None}, ["escapes the build context"]),
    ("link", {"link": ("link", "/etc/hostname")}, ["link is a symbolic link that escapes the build context"]),
    ("link/hostname", {"link": ("link", "../../../../../etc")}, ["is a symbolic link that escapes the build context"]),
    ("link/*", {"link": ("link", "/etc")}, ["escapes the build context"]),
    ("link", {"link": ("link", "nowhere")}, ["link is a symbolic link to nowhere, which does not exist"]),
    ("link", {"link": ("link", "link")}, ["circle"]),
    ("[a", {"a": ""}, ["bad pattern [a"]),
])
def test_copy(kiln, context, source, files, says):
    c = context(f"FROM scratch\n\nCOPY {source} /x/\n", files)
    (c.parent / "secret").write_text("secret")
    r = refuse(kiln, c, "Dockerfile:3: ", *says)
    assert "secret\n" not in r.text


@pytest.mark.parametrize("source, files", [
    ("l", {"d/a.txt": "x", "l": ("link", "d/a.txt")}),
    ("l/a.txt", {"d/a.txt": "x", "l": ("link", "d")}),
    ("d/l/a.txt", {"d/a.txt": "x", "d/l": ("link", ".")}),
    ("l/a.txt", {"d/a.txt": "x", "l": ("link", "/d")}),
])
def test_links_within_the_context_are_followed(kiln, context, source, files):
    kiln.build(context(f"FROM scratch\nCOPY {source} /x/\n", files), tag="links")
    found = kiln.layer("links")
    assert found["x/a.txt" if "/" in source else "x/l"].data == b"x"


def test_links_of_a_stage_lead_within_it(kiln, context):
    c = context("FROM alpine AS one\nRUN ln -s / /r && ln -s ../../../../r/etc /e\n"
                "FROM scratch\nCOPY --from=one /r/etc/alpine-release /e/alpine-release /x/\n")
    kiln.build(c, tag="stage")
    assert b"kiln" in kiln.layer("stage")["x/alpine-release"].data


def test_a_pattern_without_match_warns(kiln, context):
    r = kiln.build(context("FROM scratch\nCOPY *.txt /x/\n", {"a.txt": "", ".dockerignore": "*.txt\n"}))
    assert "Dockerfile:2: *.txt matches nothing in the build context" in r.err, r


@pytest.mark.parametrize("instruction, says", [
    ("COPY a b /x", "must end with a slash when several files are copied"),
    ("COPY --chown=nobody-here a /x", "user nobody-here is not in the image's /etc/passwd"),
    ("COPY --chmod=9z a /x", "--chmod=9z is no mode"),
    ("COPY a /bin/sh/x", "not a directory"),
    ("COPY --from=alpine /nowhere /x", "COPY source /nowhere does not exist"),
])
def test_copy_instructions(kiln, context, instruction, says):
    refuse(kiln, context(f"FROM alpine\n{instruction}\n", {"a": "", "b": ""}), "Dockerfile:2", says)


@pytest.mark.parametrize("make, says", [
    (lambda p: os.mkfifo(p), ".dockerignore is a pipe, not a file"),
    (lambda p: p.mkdir(), ".dockerignore is a directory, not a file"),
    (lambda p: p.symlink_to("/etc/passwd"), ".dockerignore is a link that leads out of the build context"),
    (lambda p: p.write_text("ok\n[\n"), ".dockerignore:2: bad pattern [: "),
    (lambda p: p.write_text("!\n"), ".dockerignore:1"),
    (lambda p: p.write_bytes(b"#" * (2 << 20)), "read .dockerignore"),
])
def test_dockerignore(kiln, context, make, says):
    c = context("FROM scratch\nCOPY . /\n")
    make(c / ".dockerignore")
    refuse(kiln, c, says)


def test_special_files_in_the_context(kiln, context):
    """A FIFO is copied as one and never read; a socket is left out."""
    c = context("FROM scratch\nCOPY . /x/\n", {"a": "a"})
    os.mkfifo(c / "fifo")
    kiln.build(c, tag="special", timeout=30)
    assert kiln.layer("special")["x/fifo"].isfifo()


def test_an_unreadable_file(kiln, context, user):
    if os.geteuid() != 0:
        pytest.skip("needs root to make a file that the user cannot read")
    c = context("FROM scratch\nCOPY . /x/\n", {"a": "a"}, at=f"{user.pw_dir}/context")
    (c / "a").chmod(0)
    r = type(kiln)(f"{user.pw_dir}/data", user=user).build(c, code=1)
    assert "Dockerfile:2" in r.err and "Permission denied" in r.err and " a" in r.err, r
