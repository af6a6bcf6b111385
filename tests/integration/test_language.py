"""The Dockerfile language, as real builds whose RUN lines assert. Rows such as B3 or case 12 are those of the table in docs/ and of
the Dockerfile reference; where builders differ, kiln does what BuildKit does unless the test says why not."""
import io
import json
import os
import stat
import tarfile
import zipfile

import pytest

from conftest import run

SAYS = 'test "{}" = "{}"'


@pytest.fixture
def build(kiln, context):
    """build(dockerfile, files, *options): the result; the image is named `i`."""

    def call(dockerfile, files=None, *args, **more):
        return kiln.build(context(dockerfile, files), *args, **{"tag": "i", **more})

    call.kiln = kiln
    call.config = lambda: kiln.config("i")["config"]
    call.sh = lambda script: kiln.run("i", "/bin/sh", "-ec", script).out
    return call


def fails(build, dockerfile, files=None, *args, said=(), **more):
    r = build(dockerfile, files, *args, code=1, **more)
    for words in [said] if isinstance(said, str) else said:
        assert words in r.err, r
    return r


# --- A: directives, lines, heredocs --------------------------------------------------------------


def test_escape_directive(build):
    build("# escape=`\nFROM alpine\nRUN test a = a `\n && test 'C:\\dir' = C:\\\\dir\nENV A=`$x B=a` b\n"
          "RUN test \"$A,$B\" = '$x,a b'\n")


def test_directives_end_at_the_first_other_line(build):
    """Case 12: after a comment it is a comment; twice is an error."""
    build("# a comment\n# escape=`\nFROM alpine\nRUN test a = \\\n a\n")
    fails(build, "# escape=`\n# escape=\\\nFROM alpine\n", said="Dockerfile:2")


def test_byte_order_mark_and_crlf(build):
    build(b"\xef\xbb\xbfFROM alpine\r\nENV A=b\r\nRUN test \"$A\" = b \\\r\n  && echo ok > /f\r\nCOPY <<E /g\r\nline\r\n"
          b"E\r\nRUN test $(cat /f) = ok\r\n")


def test_comments_and_blank_lines_inside_an_instruction(build):
    """Case 11: both vanish, and in a heredoc they are content."""
    build("FROM alpine\nRUN set -e; \\\n# a comment\n  # another one\n\n  A=1; \\\n  test $A = 1\nRUN <<E\n# c\n"
          "cat > /f <<F\n# c\n\nF\nE\nRUN test \"$(cat /f)\" = '# c'\n")


def test_last_line_without_an_end_and_a_long_one(build):
    build("FROM alpine\nENV A=" + "x" * 70000 + "\nRUN test ${#A} = 70000")


def test_names_in_any_case(build):
    build("from alpine as BaSe\nrun echo 1 > /f\nFrom alpine\ncopy --from=bAsE /f /\nRun test $(cat /f) = 1\n")


def test_dockerfile_names(kiln, context):
    c = context(None, {"dockerfile": "FROM scratch\nLABEL of=lower\n", "other": "FROM scratch\nLABEL of=other\n"})
    kiln.build(c, tag="i")
    assert kiln.config("i")["config"]["Labels"] == {"of": "lower"}
    kiln.build(c, "-f", c / "other", tag="i")
    assert kiln.config("i")["config"]["Labels"] == {"of": "other"}
    kiln.build(c, "-f", "-", tag="i", input="FROM scratch\nLABEL of=stdin\n")
    assert kiln.config("i")["config"]["Labels"] == {"of": "stdin"}
    (c / "Dockerfile").write_text("FROM scratch\nLABEL of=upper\n")
    kiln.build(c, tag="i")
    assert kiln.config("i")["config"]["Labels"] == {"of": "upper"}


def test_run_heredocs(build):
    """Case 13."""
    build("FROM alpine\nENV V=env\nRUN <<E\nset -e\nV=mine\ntest $V = mine\necho \"$V\" > /a\nE\n"
          "RUN <<E sh -e\necho from-sh-$V > /b\nE\nRUN cat <<E >/c\nbody $V\nE\nRUN cat <<'E' >/d\nbody $V\nE\n"
          "RUN <<-E\n\tcat > /e <<-F\n\t\tindented\n\tF\n\tE\nRUN cat - /dev/fd/4 <<A 4<<B >/f\none\nA\ntwo\nB\n"
          "RUN <<E\n#!/bin/awk -f\nBEGIN { print \"awk\" > \"/g\" }\nE\nRUN << E\necho blank > /h\nE\n"
          "RUN test $(cat /g)$(cat /h) = awkblank\n")
    assert build.sh("cat /a /b /c /d /e /f") == "mine\nfrom-sh-env\nbody env\nbody $V\nindented\none\ntwo\n"


def test_copy_heredocs(build):
    """Cases 14 and 15, D24."""
    build("FROM alpine\nARG V=val\nCOPY <<E /a\n$V \\$V \"$V\" '${V}'\n\tx\nE\nCOPY <<'E' /b\n$V \\$V\nE\nCOPY <<-E /c\n"
          "\t\tt\n\t  s\n\tE\n"
          "COPY <<one <<\"two\" /dir/\n1\none\n2 $V\ntwo\nCOPY --chmod=751 --chown=3:4 <<E /s\n#!/bin/sh\nE\n"
          "RUN test \"$(stat -c %a:%u:%g /a /dir/one /s | tr '\\n' ' ')\" = '644:0:0 644:0:0 751:3:4 '\n")
    assert build.sh("cat /a; cat /b; cat /c; cat /dir/one /dir/two") == "val $V \"val\" 'val'\n\tx\n$V \\$V\nt\n  s\n1\n2 $V\n"


def test_open_heredoc(build):
    fails(build, "FROM alpine\nRUN <<E\necho\n E\n", said="Dockerfile:2")


def test_bad_json_is_shell_form(build):
    """A15."""
    build("FROM alpine\nRUN [ \"a\" = \"a\" ]\nRUN [ 'a' = 'a' ] && echo x > /f\nCMD ['single', 'quotes']\n")
    assert build.config()["Cmd"] == ["/bin/sh", "-c", "['single', 'quotes']"]


# --- B: FROM, ARG, ENV, variables ----------------------------------------------------------------


def test_scratch(build):
    build("FROM scratch\nLABEL a=b\n")
    config = build.kiln.config("i")
    assert config["rootfs"]["diff_ids"] == [] and config["config"]["WorkingDir"] == "/"
    assert config["config"]["Env"] == ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]


def test_from_by_tag_and_digest(build, base):
    digest = build.kiln.inspect(base)["descriptor"]["digest"]
    build(f"FROM alpine:latest@{digest}\nRUN true\n")
    build(f"FROM docker.io/library/alpine@{digest}\nRUN true\n")
    fails(build, f"FROM alpine@sha256:{'0' * 64}\n", said="Dockerfile:1")


def test_from_platform_must_not_be_empty(build):
    fails(build, "FROM --platform=$NOTHING alpine\n", said="Dockerfile:1")
    fails(build, "ARG E=\nFROM $E\n", said="Dockerfile:2")


@pytest.mark.parametrize("args, seen", [([], ["", "1", "2", "1"]), (["--build-arg", "V=3"], ["", "3", "3", "3"]),
                                        (["--build-arg", "V="], ["", "", "", ""])])
def test_arg_before_from(build, args, seen):
    """Case 1, B3."""
    build(f"ARG V=1\nFROM alpine\nRUN test \"$V\" = '{seen[0]}'\nARG V\nRUN test \"$V\" = '{seen[1]}'\nARG V=2\n"
          f"RUN test \"$V\" = '{seen[2]}'\n"
          f"FROM alpine\nARG V\nRUN test \"$V\" = '{seen[3]}'\nCOPY --from=0 /bin/sh /x\n", None, *args)


def test_arg_of_a_parent_stage_is_inherited_and_of_a_sibling_not(build):
    """Cases 2 and 3, B5, B6."""
    build("FROM alpine AS p\nARG N=joe\nENV E=env\nFROM alpine AS sibling\nARG S=1\nRUN touch /s\nFROM p\n"
          "RUN test \"$N,$E,$S\" = joe,env,\nCOPY --from=sibling /s /\n")
    assert not [h for h in build.kiln.config("i")["history"] if "S=1" in h["created_by"]]
    assert "N=joe" not in build.config()["Env"]


def test_arg_selects_a_stage(build):
    """B4, B19: what is not reached is not built."""
    text = ("ARG WHICH=one\nFROM alpine AS base-one\nRUN echo 1 > /w\nFROM alpine AS base-two\nRUN echo 2 > /w\n"
            "FROM alpine AS broken\nRUN false\nFROM base-${WHICH}\nRUN cat /w > /v\n")
    assert "base-two" not in build(text).err and build.sh("cat /v") == "1\n"
    build(text, None, "--build-arg", "WHICH=two")
    assert build.sh("cat /v") == "2\n"
    fails(build, text, None, "--build-arg", "WHICH=three")


def test_several_args_on_a_line(build):
    """B7."""
    build("FROM alpine\nENV E=e\nARG A B=1 C=$B-$E D=\"x y\"\nRUN test \"$A,$B,$C,$D\" = ',1,1-e,x y'\n")


def test_later_of_arg_and_env_wins(build):
    """Case 4, B8: for RUN; the image keeps the ENV."""
    build("FROM alpine\nENV X=e\nARG X\nRUN test $X = e\nARG X=a\nRUN test $X = a\nARG Y=a\nENV Y=e\nRUN test $Y = e\n")
    assert "X=e" in build.config()["Env"] and "Y=e" in build.config()["Env"]
    build("FROM alpine AS p\nENV X=e\nFROM p\nARG X\nRUN test $X = given\n", None, "--build-arg", "X=given")


def test_env_uses_the_values_before_the_line(build):
    """Case 5, B9."""
    build("FROM alpine\nENV abc=hello\nENV abc=bye def=$abc\nENV ghi=$abc\nRUN test \"$abc $def $ghi\" = 'bye hello bye'\n")


def test_env_quotes(build):
    """Case 6."""
    build("FROM alpine\nENV a=b\\ c d=\"e f\" g='h$a' i=\"\\$a\" j=\"say \\\"hi\\\"\" k=x\\\\y l=\\$a m=a'b c'd\"e f\"g\nENV n rest of  the line\nENV o=\n")
    env = dict(e.split("=", 1) for e in build.config()["Env"])
    del env["PATH"]
    assert env == {"a": "b c", "d": "e f", "g": "h$a", "i": "$a", "j": 'say "hi"', "k": "x\\y", "l": "$a", "m": "ab cde fg", "n": "rest of  the line", "o": ""}
    fails(build, "FROM alpine\nENV n='a\\'b'\n", said="Dockerfile:2")


def test_what_is_expanded_and_what_is_not(build):
    """Case 7, B12."""
    build("FROM alpine\nENV D=/dir P=80 U=nobody S=SIGUSR1\nWORKDIR $D/sub\nEXPOSE $P\nUSER $U\nSTOPSIGNAL $S\nVOLUME $D/v\n"
          "LABEL $P=${U}s\nCMD echo $D\nENTRYPOINT [\"echo\", \"$D\"]\nHEALTHCHECK CMD test $D\nONBUILD RUN echo $D\n"
          "RUN [\"/bin/busybox\", \"test\", \"$D\", \"=\", \"\\u0024D\"]\nRUN test $D = /dir\n")
    c = build.config()
    assert (c["WorkingDir"], c["User"], c["StopSignal"]) == ("/dir/sub", "nobody", "SIGUSR1")
    assert (c["Labels"], list(c["ExposedPorts"]), list(c["Volumes"])) == ({"80": "nobodys"}, ["80/tcp"], ["/dir/v"])
    assert (c["Entrypoint"], c["Cmd"][-1], c["OnBuild"]) == (["echo", "$D"], "echo $D", ["RUN echo $D"])
    assert c["Healthcheck"]["Test"] == ["CMD-SHELL", "test $D"]


EXPANSIONS = {
    "${a:-w}": "A", "${e:-w}": "w", "${u:-w}": "w", "${e-w}": "", "${u-w}": "w", "${u:-${a}}": "A", "${u:-}": "",
    "${a:+w}": "w", "${e:+w}": "", "${e+w}": "w", "${u+w}": "",
    "${f#*.}": "tar.gz", "${f##*.}": "gz", "${f%.*}": "file.tar", "${f%%.*}": "file", "${f#nope}": "file.tar.gz", "${f%?z}": "file.tar.",
    "${f/i/I}": "fIle.tar.gz", "${f/./}": "filetar.gz", "${f//a?/_}": "file.t_.gz", "${f//[a-e]/_}": "file.tar.gz",
    "$a$a": "AA", "${a}b": "Ab", "\\$a": "$a", "\\${a}": "${a}", "a$": "a$",
}


@pytest.mark.parametrize("text, value", EXPANSIONS.items())
def test_expansions(build, text, value):
    """B10, B11."""
    build(f"FROM scratch\nENV a=A e= f=file.tar.gz\nLABEL v=\"{text}\"\n")
    assert build.config()["Labels"] == {"v": value}


@pytest.mark.parametrize("text", ["${u:?not given}", "${e:?not given}", "${u?not given}"])
def test_required_variables(build, text):
    fails(build, f"FROM scratch\nENV e=\nLABEL v={text.replace(' ', chr(92) + ' ')}\n", said=["Dockerfile:3", "not given"])


@pytest.mark.parametrize("text", ["${a", "${}", "${a:x}", "${a:-${b}"])
def test_bad_expansions(build, text):
    fails(build, f"FROM scratch\nLABEL v={text}\n", said="Dockerfile:2")


def test_proxy_arguments(build):
    """B15: usable without ARG, in neither key nor history; with ARG in both."""
    text = "FROM alpine\nRUN echo \"$http_proxy\" > /p\n"
    build(text, None, "--build-arg", "http_proxy=http://one:1")
    assert build.sh("cat /p") == "http://one:1\n" and "one" not in json.dumps(build.kiln.config("i"))
    build(text, None, "--build-arg", "http_proxy=http://two:2")
    assert build.sh("cat /p") == "http://one:1\n"
    build("FROM alpine\nARG http_proxy\nRUN echo \"$http_proxy\" > /p\n", None, "--build-arg", "http_proxy=http://two:2")
    assert build.sh("cat /p") == "http://two:2\n"


def test_unused_and_inherited_build_args(build):
    """B16."""
    build("FROM alpine\nARG FROM_ENV\nRUN test \"$FROM_ENV\" = here\n", None, "--build-arg", "FROM_ENV", "--build-arg",
          "NEVER_USED=1", env={"FROM_ENV": "here"})


def test_a_stage_name_beats_an_image(build):
    """Case 9."""
    build("FROM alpine AS alpine\nRUN echo stage > /f\nFROM alpine\nRUN test $(cat /f) = stage\n")


def test_quoted_and_composed_stage_names(build):
    """Case 8."""
    build("ARG A=x\nARG B=y\nFROM alpine AS x-y\nRUN touch /here\nFROM \"alpine:latest\" AS q\nFROM ${A}-${B}\n"
          "RUN test -e /here\n")


def test_two_stages_with_one_name(build):
    """Case 10: FROM takes the nearest one before it."""
    build("FROM alpine AS s\nRUN echo 1 > /f\nFROM s AS mid\nFROM alpine AS s\nRUN echo 2 > /f\nFROM s\n"
          "COPY --from=mid /f /g\nRUN test $(cat /f)$(cat /g) = 21\n")
    build("FROM alpine AS s\nLABEL n=1\nFROM alpine AS s\nLABEL n=2\nFROM alpine\n", None, "--target", "s")
    assert build.config()["Labels"] == {"n": "2"}


def test_target(build):
    """B18."""
    text = "FROM alpine AS One\nLABEL s=1\nFROM alpine AS two\nLABEL s=2\nFROM alpine AS three\nRUN false\n"
    for target, label in (("one", "1"), ("ONE", "1"), ("two", "2")):
        build(text, None, "--target", target)
        assert build.config()["Labels"] == {"s": label}
    fails(build, text, None, "--target", "twoo", said=["twoo", "two"])


# --- C: RUN --------------------------------------------------------------------------------------


def test_run_forms_and_shell(build):
    build("FROM alpine\nENV V=1\nRUN [\"/bin/busybox\", \"touch\", \"/a b\", \"/$V\"]\n"
          "RUN test -e '/a b' && test -e '/$V'\n"
          "SHELL [\"/bin/busybox\", \"awk\"]\nRUN BEGIN { print \"awk\" > \"/k\" }\nSHELL [\"/bin/sh\", \"-exc\"]\n"
          "RUN test $(cat /k) = awk\n")


def test_run_users_groups_and_home(build):
    """C16."""
    files = {"passwd": "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1001::/home/user:/bin/sh\n",
             "group": "root:x:0:\nmain:x:1001:\nextra:x:1002:other,user\nalso:x:1003:user\n"}
    build("FROM alpine\nCOPY passwd group /etc/\nRUN test $(id -u):$(id -g):$HOME = 0:0:/root\nUSER user\n"
          "RUN test \"$(id -u):$(id -g):$(id -G):$HOME\" = '1000:1001:1001 1002 1003:/home/user'\n"
          "USER user:extra\nRUN test $(id -u):$(id -g) = 1000:1002\nUSER 1000\nRUN test $(id -un):$HOME = user:/home/user\n"
          "USER 4321\nRUN test $(id -u):$(id -g) = 4321:0\n"
          "USER 4321:1234\nRUN test $(id -u):$(id -g) = 4321:1234\nUSER root\n"
          "RUN echo new:x:77:77::/n:/bin/sh >> /etc/passwd\nUSER new\nRUN test $(id -u):$HOME = 77:/n\n", files)
    fails(build, "FROM alpine\nUSER nosuch\nRUN true\n", said="nosuch")


def test_run_environment_and_mounts(build):
    """C17, C22."""
    build("FROM alpine\nRUN test \"$PATH\" = /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin && "
          "test $(pwd) = / && test -c /dev/null -a -c /dev/urandom -a -c /dev/tty -a -d /dev/shm -a -L /dev/fd\n"
          "RUN echo x > /dev/null && test -r /proc/self/status && ls /sys > /dev/null && "
          "grep -q localhost /etc/hosts && echo > /dev/shm/x && test \"$(cat < /dev/null)\" = ''\n"
          "RUN ! mount -t tmpfs none /mnt 2>/dev/null && "
          "! mknod /dev/sda b 8 0 2>/dev/null && test $$ -lt 10\n", env={"LEAK": "x"})
    assert len(build.kiln.inspect("i")["platforms"][0]["layers"]) == 1, "such a RUN changes nothing"


def test_run_stubs_do_not_enter_layers(build):
    """Case 38: on an image without /etc, /proc, /sys and /dev."""
    sh = "FROM alpine AS a\nFROM scratch\nCOPY --from=a /bin/busybox /bin/busybox\nRUN [\"/bin/busybox\", \"touch\", \"/made\"]\n"
    build(sh)
    assert [n for n in build.kiln.layer("i") if n] == ["made"]


def test_run_umask_and_path_lookup(build):
    build("FROM alpine\nRUN test $(umask) = 0022 && printf '#!/bin/sh\\necho mine' > /opt1 && chmod +x /opt1\n"
          "ENV PATH=/nowhere:/bin:/\nRUN test $(opt1) = mine\nRUN [\"opt1\"]\n")


def test_failing_runs(build):
    """C19."""
    fails(build, "FROM alpine\n\nRUN echo one && \\\n  echo last words >&2 && exit 17\n",
          said=["Dockerfile:3", "17", "last words"])
    fails(build, "FROM alpine\nRUN sh -c 'kill -SEGV $$'; exit $?\n", said=["Dockerfile:2", "139"])
    fails(build, "FROM alpine\nRUN kill -9 $$\n", said=["Dockerfile:2", "137", "SIGKILL"])
    fails(build, "FROM alpine\nRUN [\"nothing-of-that-name\"]\n", said=["Dockerfile:2", "nothing-of-that-name"])
    fails(build, "FROM scratch\nRUN true\n", said=["Dockerfile:2", "/bin/sh"])
    fails(build, "FROM alpine\nCOPY f /f\nRUN [\"/f\"]\n", {"f": "no program"}, said=["Dockerfile:3", "/f"])


def test_the_network_is_there(build, registry):
    """A RUN reaches what the host reaches."""
    host, port = registry.host.split(":")
    build(f"FROM alpine\nRUN wget -q -O - http://{registry.host}/healthz | grep -q ok\n", None, "--no-cache")


# --- D: COPY and ADD -----------------------------------------------------------------------------

TREE = {"f": "f\n", "g": "g\n", "d/a": "a\n", "d/b": "b\n", "d/sub/c": "c\n", "d/empty": None, ".dot": "dot\n"}


def test_copy_destinations(build):
    """D1, D2, D3, case 16."""
    build("FROM alpine\nCOPY f /file\nCOPY f /dir/\nRUN mkdir /there\nCOPY f /there\nCOPY d /new\nCOPY d /there\n"
          "COPY f g d /many/\nCOPY f rel\nWORKDIR /w\nCOPY f rel\nCOPY f ./sub/\nCOPY [\"f\", \"/with space\"]\n"
          "RUN test \"$(cat /file /dir/f /there/f /new/a /new/sub/c /there/b /many/f /many/g /many/a | tr -d '\\n')\" = fffacbfga\n"
          "RUN test \"$(cat /rel /w/rel /w/sub/f '/with space' | tr -d '\\n')\" = ffff && test -d /new/empty -a ! -e /new/d\n", TREE)
    for text in ("RUN touch /x\nCOPY d /x\n", "RUN touch /x\nCOPY f /x/\n", "RUN touch /x\nCOPY f g /x/\n",
                 "RUN mkdir -p /x/f\nCOPY f /x\n", "RUN mkdir -p /x && touch /x/sub\nCOPY d /x\n"):
        r = fails(build, "FROM alpine\n" + text, TREE)
        assert "Dockerfile:3" in r.err and "/x" in r.err, r


def test_copy_wildcards(build):
    """D4, cases 17 and 18."""
    files = {"a1": "1", "a2": "2", "b1": "3", "[x]": "4", "d1/n": "5", "d2/n/m": "6", ".h": "7", "d1/.k": "8"}
    build("FROM alpine\nCOPY a* b? /t/\nCOPY [[]x] /x\nCOPY a* d1 /all/\nCOPY a[^2] /one\nCOPY a[0-1] nothing* /two/\n"
          "RUN test \"$(cd /t && echo *)\" = 'a1 a2 b1' && test $(cat /x)$(cat /one)$(cat /two/a1) = 411 && "
          "test -f /all/.k -a -f /all/n -a ! -e /all/d1\n", files)
    build("FROM alpine\nCOPY nothing* /never/\nRUN test ! -e /never\n", files)
    fails(build, "FROM alpine\nCOPY a* /t\n", files, said="Dockerfile:2")


def test_copy_everything_with_a_star(build):
    """Dot files too, and directories give their contents."""
    build("FROM alpine\nCOPY * /t/\nRUN test -f /t/.dot -a -f /t/f -a -f /t/a -a -f /t/sub/c -a -f /t/Dockerfile && "
          "test ! -e /t/d\n", TREE)


def test_copy_stays_inside_the_context(build, tmp_path):
    """D5, case 19."""
    (tmp_path / "secret").write_text("secret")
    files = {**TREE, "abs": ("link", str(tmp_path / "secret")), "up": ("link", "../secret"), "etc/passwd": "of context",
             "down": ("link", "/etc/passwd"), "dl": ("link", "/d")}
    for source in ("../secret", "/../../secret", "../../etc/passwd", "abs", "up"):
        r = fails(build, f"FROM alpine\nCOPY {source} /p\n", files, said="Dockerfile:2")
        assert source in r.err and "context" in r.err
    build("FROM alpine\nCOPY /etc/passwd /p\nCOPY etc/../etc/passwd /q\nCOPY down /r\nCOPY dl/a /s\n"
          "RUN test \"$(cat /p)$(cat /q)$(cat /r)$(cat /s)\" = 'of contextof contextof contexta'\n", files)


def test_copy_symlinks_in_sources(build):
    """D6, case 20."""
    files = {**TREE, "to-f": ("link", "f"), "to-d": ("link", "d"), "d/in": ("link", "a"),
             "d/dangling": ("link", "/no/where"), "d/out": ("link", "../f")}
    build("FROM alpine\nCOPY to-f /file\nCOPY to-d /dir\nCOPY d /t\n"
          "RUN test ! -L /file -a $(cat /file) = f -a ! -L /dir -a $(cat /dir/a) = a && "
          "for d in /dir /t; do test $(readlink $d/in) = a -a $(readlink $d/dangling) = /no/where -a $(readlink $d/out) = ../f || exit 1; done\n", files)


def test_copy_through_symlinks_in_destinations(build):
    """D7, case 21: followed, inside the image only."""
    build("FROM alpine\nRUN mkdir -p /real /x && ln -s /real /abs && ln -s ../../../../real /x/rel && "
          "ln -s /tmp/later /dangling\nCOPY f /abs/\nCOPY g /x/rel/\nCOPY d /abs\nCOPY f /abs/n/m\n"
          "RUN test -L /abs -a -L /x/rel && test $(cat /real/f)$(cat /real/g)$(cat /real/a)$(cat /real/n/m) = fgaf\n", TREE)


def test_copy_over_what_is_there(build):
    """Cases 22 and 23, D13."""
    fails(build, "FROM alpine\nRUN mkdir /x /o && ln -s /o /x/sub\nCOPY d /x\n", TREE, said=["Dockerfile:3", "/x/sub"])
    build("FROM alpine\nRUN mkdir /x /o && touch /o/t && ln -s /o/t /x/a\nCOPY d /x\n"
          "RUN test ! -L /x/a -a $(cat /x/a) = a && test ! -s /o/t\n", TREE)
    files = dict(TREE)
    build("FROM alpine\nRUN mkdir -p /d/sub /d/own && chown 5:6 /d /d/sub && chmod 700 /d /d/sub\nCOPY d /d\n"
          "RUN test $(stat -c %u:%g:%a /d) = 5:6:700 && "
          "test $(stat -c %u:%g:%a /d/sub) = 0:0:755 && test -d /d/own\n", files)


def test_copy_owners(build):
    """D8, D9, cases 24 and 25."""
    build("FROM alpine AS s\nRUN touch /o && chown 5:6 /o && mkdir /od && touch /od/x && chown -R 7:8 /od\nFROM alpine\n"
          "USER 1000\nCOPY f /f\nCOPY --from=s /o /o\nCOPY --from=s /od /od\n"
          "COPY --chown=7 f /n/a/b\nCOPY --chown=nobody f /nb\nCOPY --chown=nobody:adm f /na\nCOPY --chown=9:adm d /nd\n"
          "COPY --from=s --chown=1:2 /od /oe\nARG W=3:4\nCOPY --chown=$W f /v\n"
          "RUN test \"$(stat -c %u:%g /f /o /od /od/x | tr '\\n' ' ')\" = '0:0 5:6 7:8 7:8 '\n"
          "RUN test \"$(stat -c %u:%g /n /n/a /n/a/b /nb /na | tr '\\n' ' ')\" = '7:7 7:7 7:7 65534:65534 65534:4 '\n"
          "RUN test \"$(stat -c %u:%g /nd /nd/sub/c /oe/x /v | tr '\\n' ' ')\" = '9:4 9:4 1:2 3:4 '\n", TREE)
    fails(build, "FROM alpine\nCOPY --chown=alice f /\n", TREE, said=["Dockerfile:2", "alice"])
    fails(build, "FROM scratch\nCOPY --chown=alice f /\n", TREE, said=["Dockerfile:2", "alice"])


def test_copy_modes(build, context):
    """D10, D11, D12, D16, case 26."""
    c = context("FROM alpine\nCOPY x /kept\nCOPY --chmod=4755 f /four\nCOPY --chmod=0705 f /n/m/f\n"
                "COPY --chmod=1750 d /sticky\nCOPY --chmod=u=rwX,go=rX d /sym\nCOPY --chmod=+x f /plus\n"
                "COPY --chmod=go-w,a-x x /minus\n"
                "ARG M=600\nCOPY --chmod=$M f /var1\nCOPY set /set\n"
                "RUN test \"$(stat -c %a /kept /four /n /n/m /n/m/f /plus /var1 /set | tr '\\n' ' ')\" = '751 4755 705 705 705 755 600 6755 '\n"
                "RUN test \"$(stat -c %a /sym/a /sym/run /sym/sub | tr '\\n' ' ')\" = '644 755 755 ' && "
                "test $(stat -c %a /sticky/a) = 1750\n", {**TREE, "x": "x", "set": "s", "d/run": "r"})
    (c / "x").chmod(0o751), (c / "set").chmod(0o6755), (c / "d" / "run").chmod(0o700), (c / "d" / "a").chmod(0o600)
    build.kiln.build(c, tag="i")
    for bad in ("9999", "abc", "77777", "u=q", ""):
        fails(build, f"FROM alpine\nCOPY --chmod={bad} f /\n", TREE, said="Dockerfile:2")


def test_copy_keeps_times_links_and_special_names(build, context):
    """D14, D17, case 28; names that need pax headers."""
    long_name = "n" * 200
    c = context("FROM alpine\nCOPY t /t\nRUN test $(stat -c %Y /t/old) = 1000000000 && "
                "test $(stat -c %i /t/old) = $(stat -c %i /t/hard) && test $(stat -c %h /t/hard) = 2\n"
                "FROM alpine\nCOPY --from=0 /t /u\nRUN test $(stat -c %i /u/old) = $(stat -c %i /u/hard) && "
                "test $(stat -c %Y /u/old) = 1000000000\n",
                {"t/old": "x", f"t/{long_name}/{long_name}": "long", "t/ä ü\n": "name"})
    os.link(c / "t" / "old", c / "t" / "hard")
    open(os.fsencode(c / "t") + b"/\xff\xfe", "w").close()
    os.utime(c / "t" / "old", (1000000000, 1000000000))
    build.kiln.build(c, tag="i")
    entries = build.kiln.layer("i")
    (link,) = [e for e in entries.values() if e.islnk()]
    assert not link.linkname.startswith("/")
    said = build.kiln.run("i", "sh", "-c", "cd /u && printf '%s\\n' * | od -c; stat -c %h old; cat n*/n*").out
    assert "2\n" in said and said.endswith("long") and "377 376" in said


def test_capabilities_survive(build):
    """D15: in an unpacked archive, in COPY --from, and in the layer of a RUN that touches the file."""
    key, value = "SCHILY.xattr.security.capability", "\1\0\0\2\0\4" + "\0" * 14
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:", format=tarfile.PAX_FORMAT) as t:
        e = tarfile.TarInfo("tool")
        e.pax_headers = {key: value}
        t.addfile(e)
    build("FROM alpine AS a\nADD t.tar /\nFROM alpine\nCOPY --from=a /tool /tool\nRUN chmod 755 /tool\n",
          {"t.tar": out.getvalue()})
    for n in (1, 2):
        assert build.kiln.layer("i", n)["tool"].pax_headers.get(key) == value


def test_copy_from(build, name):
    """D19, D20."""
    build("FROM alpine\nRUN mkdir /w && echo image > /w/f\nWORKDIR /w\n", None, "--push", tag=f"{name}:1")
    build(f"FROM alpine AS first\nWORKDIR /w\nRUN echo stage > f && mkdir d && echo sub > d/x\nFROM alpine\n"
          f"COPY --from=first w/f /a\nCOPY --from=0 /w/d/ /d\nCOPY --from={name}:1 w/f /b\n"
          "RUN test $(cat /a)$(cat /d/x)$(cat /b) = stagesubimage\n")
    for stage in ("later", "2", "self", "1"):
        fails(build, f"FROM alpine\nFROM alpine AS self\nCOPY --from={stage} /f /\n"
                     f"FROM alpine AS later\n", None, "--target", "self", said=["Dockerfile:3"])
    fails(build, "FROM alpine AS s\nFROM alpine\nCOPY --from=s /nothing /\n", said=["Dockerfile:3", "nothing"])


def test_copy_from_a_stage_of_links(build):
    """Links of the source stage are resolved inside it."""
    build("FROM alpine AS s\nRUN mkdir /real && echo r > /real/f && ln -s /real /abs && "
          "ln -s f /real/l && ln -s /etc/alpine-release /al\n"
          "FROM alpine\nCOPY --from=s /abs/f /f\nCOPY --from=s /abs /d\nCOPY --from=s /real/l /l\nCOPY --from=s /al /al\n"
          "RUN test $(cat /f)$(cat /d/f)$(cat /l) = rrr && test ! -L /l -a ! -L /al -a -L /d/l\n")


def test_dockerignore(build):
    """A11 to A13, case 39."""
    tree = {"src/a": "a", "src/deep/x": "x", "src/deep/keep/x": "x", "other": "o", "dir/f": "f", "dir/g": "g", "t.tmp": "t",
            "src/t.tmp": "t", "#c": "c"}

    def left(ignore, **more):
        build("FROM alpine AS s\nRUN touch /other /dir\nFROM alpine\nCOPY . /c\n"
              "COPY --from=s /other /\n", {**tree, ".dockerignore": ignore, **more})
        return set(build.sh("cd /c && find . -type f | sed 's,^./,,'").split())

    everything = set(tree) | {"Dockerfile", ".dockerignore"}
    assert left("") == everything
    assert left("*\n!src\n") == {n for n in tree if n.startswith("src/")}
    assert left("**/x\n!src/deep/keep/x\n") == everything - {"src/deep/x"}
    assert left("dir\n!dir/f\n") == everything - {"dir/g"}
    assert left("/src/\n/dir\n") == everything - {n for n in tree if n.startswith(("src/", "dir/"))}
    assert left("*.tmp\n") == everything - {"t.tmp"}
    assert left("**/*.tmp\n# a comment\n\n  other  \n") == everything - {"t.tmp", "src/t.tmp", "other"}
    assert left("Dockerfile\n.dockerignore\n") == set(tree)
    assert left("s?c\nd[a-z]r/g\n") == everything - {n for n in tree if n.startswith("src/")} - {"dir/g"}
    assert left("*\n", **{"Dockerfile.dockerignore": "other\n"}) == everything - {"other"} | {"Dockerfile.dockerignore"}
    r = fails(build, "FROM alpine\nCOPY other /\n", {**tree, ".dockerignore": "x\nother\n"},
              said=["Dockerfile:2", "other", ".dockerignore"])
    assert "line 2" in r.err or ".dockerignore:2" in r.err


def archive(kind, members):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=f"w:{kind}" if kind != "zst" else "w:") as t:
        for name, what in members.items():
            e = tarfile.TarInfo(name)
            e.uid, e.gid, e.mtime, e.mode = 5, 6, 10**9, 0o640
            if what is None:
                e.type, e.mode = tarfile.DIRTYPE, 0o700
                t.addfile(e)
            elif isinstance(what, tuple):
                e.type, e.linkname = tarfile.SYMTYPE, what[1]
                t.addfile(e)
            else:
                e.size = len(what)
                t.addfile(e, io.BytesIO(what.encode()))
    data = out.getvalue()
    return run(["zstd", "-c"], input=data).raw if kind == "zst" else data


@pytest.mark.parametrize("kind", ["", "gz", "bz2", "xz", "zst"])
def test_add_unpacks_archives_by_content(build, kind):
    """D25, D26."""
    build("FROM alpine\nADD named-anything /d/\nADD --chown=8:9 named-anything /e\nCOPY named-anything /kept\n"
          "RUN test \"$(cat /d/f)$(cat /d/s/g)$(cat /e/f)\" = fgf && "
          "test $(stat -c %u:%g:%a:%Y /d/f) = 5:6:640:1000000000 && "
          "test $(stat -c %u:%g /e/f) = 8:9 && test -f /kept -a -L /d/l && test $(stat -c %a /d/s) = 700\n",
          {"named-anything": archive(kind, {"f": "f", "s": None, "s/g": "g", "l": ("link", "f")})})


def test_add_what_is_no_archive(build):
    """Case 29."""
    z = io.BytesIO()
    with zipfile.ZipFile(z, "w") as f:
        f.writestr("inside", "x")
    build("FROM alpine\nRUN mkdir -m 711 /d\nADD z.tar.gz e.tar.gz plain /d/\nADD dot.tar /d/\n"
          "RUN test -f /d/z.tar.gz -a -f /d/e.tar.gz -a ! -s /d/e.tar.gz -a $(cat /d/plain) = plain\n"
          "RUN test $(stat -c %a /d) = 711 -a -f /d/in\n",
          {"z.tar.gz": z.getvalue(), "e.tar.gz": "", "plain": "plain", "dot.tar": archive("", {"./": None, "./in": "x"})})


def test_add_confines_archives(build):
    """Case 29: names with .., absolute ones, and writing through a link."""
    build("FROM alpine\nADD up.tar /d/e/\nRUN test ! -e /x -a ! -e /d/x -a -f /d/e/x -a -f /d/e/ok\n",
          {"up.tar": archive("", {"../../x": "x", "ok": "ok"})})
    fails(build, "FROM alpine\nADD link.tar /d/\nRUN ls -la /d /d/l; test ! -e /etc/through\n",
          {"link.tar": archive("", {"l": ("link", "/etc"), "l/through": "x"})}, said="Dockerfile:2")
    build("FROM alpine\nADD abs.tar /d/\nRUN test -e /d/etc/abs -a ! -e /etc/abs\n",
          {"abs.tar": archive("", {"/etc/abs": "x"})})


def test_add_directory_is_as_copy(build):
    build("FROM alpine\nADD d /x\nADD f g /y/\nRUN test -f /x/sub/c -a -f /y/f -a -f /y/g\n", TREE)


NOT_DONE = [
    "ADD https://example.com/f /f", "ADD git@example.com:o/r.git /f", "ADD https://example.com/o/r.git#main /f",
    "COPY https://example.com/f /f", "COPY --link f /f", "COPY --parents f /f", "COPY --exclude=x . /f",
    "ADD --checksum=sha256:00 f /f", "ADD --keep-git-dir=true f /f", "ADD --unpack=true f /f",
    "RUN --mount=type=cache,target=/c true", "RUN --mount=type=secret,id=x true", "RUN --network=none true",
    "RUN --security=insecure true", "RUN --device=x true",
]


@pytest.mark.parametrize("line", NOT_DONE)
def test_what_is_not_done_is_an_error_with_its_line(build, line):
    r = fails(build, f"FROM alpine\nENV A=b\n{line}\n", {"f": "f"}, said="Dockerfile:3")
    assert line.split()[1].split("=")[0] in r.err, r


# --- E: metadata ---------------------------------------------------------------------------------


def test_entrypoint_and_cmd(build, name):
    """Case 34, E1, E2."""
    build("FROM scratch\nCMD [\"of-base\"]\nENTRYPOINT [\"e0\"]\n", None, "--push", tag=f"{name}:1")

    def both(lines):
        build(f"FROM {name}:1\n{lines}")
        return build.config().get("Entrypoint"), build.config().get("Cmd")

    assert both("") == (["e0"], ["of-base"])
    assert both("ENTRYPOINT [\"e\"]\n") == (["e"], None)
    assert both("CMD [\"c\"]\nENTRYPOINT [\"e\"]\n") == (["e"], ["c"])
    assert both("CMD [\"c\"]\n") == (["e0"], ["c"])
    assert both("CMD [\"c\"]\nCMD last one\n") == (["e0"], ["/bin/sh", "-c", "last one"])
    entrypoint, cmd = both("ENTRYPOINT []\n")
    assert not entrypoint and cmd is None
    assert both("ENTRYPOINT exec  top   -b\nCMD [\"x\"]\n") == (["/bin/sh", "-c", "exec  top   -b"], ["x"])


def test_shell_of_the_base_is_used(build, name):
    """Case 35, E10."""
    build("FROM alpine\nSHELL [\"/bin/ash\", \"-ec\"]\n", None, "--push", tag=f"{name}:1")
    fails(build, f"FROM {name}:1\nRUN false; touch /never\n", said="Dockerfile:2")
    build(f"FROM {name}:1\nCMD text\nENTRYPOINT text $A\n")
    c = build.config()
    assert (c["Cmd"], c["Entrypoint"], c["Shell"]) == (["/bin/ash", "-ec",
                                                        "text"], ["/bin/ash", "-ec", "text $A"], ["/bin/ash", "-ec"])


def test_labels(build):
    """E3."""
    build("FROM scratch\nLABEL a=1 b=\"two words\" \"c d\"=e f='single $x' g=\"say \\\"hi\\\"\"\nLABEL h=multi\\\n"
          "line i=\"with \\\n  blanks\"\nLABEL legacy with several words\nLABEL a=2 empty= j=a=b\n")
    labels = build.config()["Labels"]
    assert labels["i"].split() == ["with", "blanks"]
    del labels["i"]
    assert labels == {"a": "2", "b": "two words", "c d": "e", "f": "single $x", "g": "say \"hi\"", "h": "multiline",
                      "legacy": "with several words", "empty": "", "j": "a=b"}


def test_expose(build):
    """E4."""
    build("FROM scratch\nARG PORTS=\"70 71/udp\"\nEXPOSE 80 443/TCP 8000-8002/udp $PORTS\nEXPOSE 80/tcp\n")
    assert set(build.config()["ExposedPorts"]) == {"80/tcp", "443/tcp", "8000/udp", "8001/udp", "8002/udp", "70/tcp",
                                                   "71/udp"}
    for bad in ("http", "80/icmp", "70000", "0", "90-80", "80:90"):
        fails(build, f"FROM scratch\nEXPOSE {bad}\n", said="Dockerfile:2")


def test_volumes_are_metadata_only(build, name):
    """Case 32, E5."""
    build("FROM alpine\nVOLUME /v /w\nVOLUME [\"/x y\"]\n"
          "RUN test ! -e /w && mkdir /v && echo kept > /v/f\n", None, "--push", tag=f"{name}:1")
    build(f"FROM {name}:1\nRUN echo more >> /v/f\n")
    assert build.sh("cat /v/f") == "kept\nmore\n" and set(build.config()["Volumes"]) == {"/v", "/w", "/x y"}


def test_workdir(build):
    """Case 33, E6."""
    build("FROM alpine\nRUN mkdir -m 700 /there\nUSER 1000:1001\nWORKDIR /a/b/\n"
          "RUN test $(pwd) = /a/b && test \"$(stat -c %u:%g:%a /a /a/b | tr '\\n' ' ')\" = '1000:1001:755 1000:1001:755 '\n"
          "WORKDIR c\nENV X=/e\nWORKDIR $X/y\nWORKDIR ../z\nUSER root\nWORKDIR /there\n"
          "RUN test $(stat -c %a .) = 700 && test -d /a/b/c -a -d /e/y -a -d /e/z\nWORKDIR /e/z\n")
    assert build.config()["WorkingDir"] == "/e/z"
    build("FROM alpine\nWORKDIR /\n")
    config = build.kiln.config("i")
    assert config["config"]["WorkingDir"] == "/" and len(config["rootfs"]["diff_ids"]) == 1
    fails(build, "FROM alpine\nRUN touch /file\nWORKDIR /file/x\n", said="Dockerfile:3")


def test_workdir_through_a_link_stays_in_the_image(build):
    build("FROM alpine\nRUN mkdir /real && ln -s /real /l\nWORKDIR /l/x\nRUN test -d /real/x -a $(pwd -P) = /real/x\n")


def test_user_is_stored_as_written(build):
    """E7."""
    for user in ("nobody", "nobody:adm", "1000", "1000:50"):
        build(f"FROM scratch\nUSER {user}\n")
        assert build.config()["User"] == user


def test_stopsignal(build):
    """E8."""
    for name in ("SIGTERM", "9", "SIGRTMIN+3"):
        build(f"FROM scratch\nSTOPSIGNAL {name}\n")
        assert build.config()["StopSignal"] == name
    for bad in ("SIGNOTHING", "0", "65"):
        fails(build, f"FROM scratch\nSTOPSIGNAL {bad}\n", said="Dockerfile:2")


def test_healthcheck(build):
    """E9."""
    build("FROM scratch\nHEALTHCHECK NONE\n")
    assert build.config()["Healthcheck"] == {"Test": ["NONE"]}
    build("FROM scratch\n"
          "HEALTHCHECK --interval=1m --timeout=500ms --start-period=1h --start-interval=2s --retries=3 CMD [\"check\", \"$it\"]\n")
    assert build.config()["Healthcheck"] == {"Test": ["CMD", "check", "$it"], "Interval": 60 * 10**9, "Timeout": 5 * 10**8,
                                             "StartPeriod": 3600 * 10**9, "StartInterval": 2 * 10**9, "Retries": 3}
    for bad in ("--interval=5 CMD x", "--retries=-1 CMD x", "NONE x", "--interval=1x CMD x", "CMD"):
        fails(build, f"FROM scratch\nHEALTHCHECK {bad}\n", said="Dockerfile:2")


def test_onbuild(build, name):
    """Case 36, E11."""
    build("FROM alpine\nONBUILD RUN echo one >> /log\nONBUILD COPY --from=build /f /f\n"
          "ONBUILD ENV T=set\n", None, "--push", tag=f"{name}:1")
    assert build.kiln.inspect(f"{name}:1")
    child = f"FROM alpine AS build\nRUN echo built > /f\nFROM {name}:1\nRUN test \"$T\" = set && echo own >> /log\n"
    build(child)
    assert build.sh("cat /log /f") == "one\nown\nbuilt\n" and not build.config().get("OnBuild")
    build(child.replace(f"FROM {name}:1", f"FROM {name}:1 AS c") + "FROM c\nRUN echo grand >> /log\n")
    assert build.sh("cat /log") == "one\nown\ngrand\n"
    build("FROM alpine AS p\nONBUILD RUN <<E\necho here > /h\nE\nFROM p\nRUN test $(cat /h) = here\n")
    for bad in ("ONBUILD RUN x", "FROM alpine", "MAINTAINER m"):
        fails(build, f"FROM alpine\nONBUILD {bad}\n", said="Dockerfile:2")


def test_maintainer(build):
    """E12."""
    build("FROM scratch\nMAINTAINER Some One <s@example.com>\n")
    assert build.kiln.config("i")["author"] == "Some One <s@example.com>"


# --- what steps leave in layers ------------------------------------------------------------------


def test_removal_and_replacement(build):
    """Case 37, in one step and in several, seen from the image and in the tar."""
    build("FROM alpine\nRUN mkdir -p /d/a /d/b && touch /d/a/x /d/f && mkdir /g && touch /g/1 && echo old > /swap\n"
          "RUN rm -rf /d\nRUN mkdir /d && touch /d/c\nRUN rm -rf /d && mkdir /d && touch /d/e && rm -rf /g && "
          "ln -s /d /g && rm /swap && mkdir /swap && touch /swap/in\n"
          "RUN test \"$(ls /d)\" = e && test -L /g && test \"$(ls /swap)\" = in\n"
          "RUN rm /g && mkdir /g && rm -r /swap && echo new > /swap\n"
          "FROM alpine\nCOPY --from=0 /d /d\nCOPY --from=0 /g /g\nCOPY --from=0 /swap /swap\n"
          "RUN test \"$(ls -A /d)\" = e && test -z \"$(ls -A /g)\" && test $(cat /swap) = new && "
          "test -z \"$(find / -xdev -name '.wh.*')\"\n")
    build("FROM alpine\nRUN mkdir -p /d/a && touch /d/f\nRUN rm -rf /d\n")
    assert set(build.kiln.layer("i")) - {""} == {".wh.d"}
    build("FROM alpine\nRUN mkdir -p /d/a && touch /d/f\nRUN rm -rf /d && mkdir /d && touch /d/new\n")
    names = set(build.kiln.layer("i")) - {""}
    assert names in ({"d", "d/.wh..wh..opq", "d/new"}, {"d", "d/.wh.a", "d/.wh.f", "d/new"})
    assert build.sh("ls -A /d") == "new\n"


def test_a_step_that_changes_nothing(build):
    """C21; and one that only touches times or rewrites the same bytes."""
    build("FROM alpine\nRUN true\nRUN touch -r /bin /tmp/x && rm /tmp/x\nRUN chmod 755 /bin\n")
    config = build.kiln.config("i")
    assert len(config["rootfs"]["diff_ids"]) == 1
    assert [h.get("empty_layer", False) for h in config["history"][-3:]] == [True] * 3


def test_special_files_in_layers(build):
    """Fifos stay, sockets go, holes and large directories are right, no overlay attribute leaks."""
    build("FROM alpine\nRUN mkfifo /fifo && truncate -s 5000000 /sparse && "
          "mkdir /many && cd /many && seq 1 3000 | xargs touch && mkdir -p /x/y && rm -r /x && mkdir /x\n")
    layer = build.kiln.layer("i")
    assert layer["fifo"].isfifo() and layer["sparse"].size == 5000000 and len([n for n in layer if n.startswith("many/")]) == 3000
    assert not [k for e in layer.values() for k in e.pax_headers if "overlay" in k]
    assert list(layer) == sorted(layer, key=lambda n: n.split("/"))


def test_chmod_and_chown_of_lower_files(build):
    """A change of metadata alone is a change, with the whole file in the layer."""
    build("FROM alpine\nRUN echo body > /f && mkdir /d && touch /d/in\nRUN chown 5:6 /f && chmod 4750 /f && chmod 1777 /d\n"
          "RUN test $(stat -c %u:%g:%a /f) = 5:6:4750 -a $(cat /f) = body -a $(stat -c %a /d) = 1777\n")
    layer = build.kiln.layer("i", 2)
    assert set(layer) - {""} == {"f", "d"}
    assert (layer["f"].data, layer["f"].uid, stat.S_IMODE(layer["f"].mode),
            stat.S_IMODE(layer["d"].mode)) == (b"body\n", 5, 0o4750, 0o1777)


def test_hard_links_made_by_a_run(build):
    build("FROM alpine\nRUN mkdir /h && echo x > /h/a && ln /h/a /h/b\nRUN test $(stat -c %i /h/a) = $(stat -c %i /h/b)\n")
    first = build.kiln.layer("i", 1)
    assert first["h/b"].islnk() and first["h/b"].linkname == "h/a"
    assert build.sh("cat /h/a; stat -c %h /h/a") == "x\n2\n"


def test_forty_layers(build):
    """Many steps, each on all before it."""
    build("FROM alpine\n" + "".join(f"RUN echo {i} > /f{i} && test $(ls /f* | wc -l) = {i + 1}\n" for i in range(40)))
    assert len(build.kiln.config("i")["rootfs"]["diff_ids"]) == 41
