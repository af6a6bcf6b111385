"""The command line: help, mistakes, kiln run's ways, man page and completion."""
import re

import pytest

from conftest import Kiln, run, start, stop

COMMANDS = ["build", "run", "inspect", "serve", "completion", "man"]


def test_version(kiln):
    r = kiln.bare("--version")
    assert re.fullmatch(r"kiln \d+\.\d+\.\d+\S*\n", r.out) and r.err == ""
    assert kiln.bare("version").out == r.out


def test_help(kiln):
    text = kiln.bare("--help").out
    assert all(re.search(rf"\b{c}\b", text) for c in COMMANDS)
    assert kiln.bare("-h").out == kiln.bare("help").out == text
    r = kiln.bare(code=2)
    assert r.out == "" and r.err == text
    for c in COMMANDS:
        about = kiln.bare(c, "--help").out
        assert f"kiln {c}" in about and about == kiln.bare("help", c).out


def test_help_names_every_option_of_the_contract(kiln):
    text = kiln.bare("build", "--help").out
    for option in ("-f", "-t", "--platform", "--build-arg", "--target", "--no-cache", "--push", "-o", "--progress",
                   "--metadata-file", "--registry-mirror",
                   "--insecure-registry", "--data"):
        assert re.search(rf"(^|[\s,]){option}\b", text, re.M), option


@pytest.mark.parametrize("words, said", [
    (["biuld", "."], "did you mean build?"),
    (["build", "--platfrom", "linux/amd64", "."], "did you mean --platform?"),
    (["build", "-x", "."], "-x"),
    (["build"], "CONTEXT"),
    (["build", "a", "b"], "b"),
    (["build", "--tag"], "--tag needs a value"),
    (["build", "--push=yes", "."], "--push takes no value"),
    (["build", "--target", "a", "--target", "b", "."], "--target was given twice"),
    (["build", "--progress", "fancy", "."], "auto|tty|plain|json"),
    (["build", "--compression", "lzma", "."], "gzip|zstd"),
    (["build", "--jobs", "0", "."], "--jobs"),
    (["build", "--jobs", "many", "."], "--jobs"),
    (["build", "--build-arg", "1x=2", "."], "--build-arg"),
    (["build", "-o", "type=floppy", "."], "floppy"),
    (["build", "-o", "dest=x", "."], "type="),
    (["build", "-t", "UPPER/Case", "."], "UPPER/Case"),
    (["build", "-t", "a@sha256:" + "0" * 64, "."], "digest"),
    (["run"], "NAME"),
    (["inspect"], "NAME"),
    (["serve", "extra"], "extra"),
    (["serve", "--listen", "nowhere"], "nowhere"),
    (["completion", "tcsh"], "tcsh"),
])
def test_mistakes(kiln, tmp_path, words, said):
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    data = ["--data", tmp_path / "data"] if words[0] in ("build", "run", "inspect", "serve") and len(words) > 1 else []
    r = kiln.bare(words[0], *data, *words[1:], cwd=tmp_path, code=None)
    assert r.code in (1, 2) and said in r.err and r.out == "" and r.err.startswith("kiln: ") and len(r.err.splitlines()) == 1, r
    if words[0] != "serve":
        assert r.code == 2, r


def test_options_in_every_spelling(kiln, context):
    c = context("FROM scratch\nARG A\nARG B\nLABEL a=$A b=$B\n")
    for words in (["-tone", "--build-arg", "A=1", "--build-arg=B=2=3",
                   c], ["-t=one", c, "--build-arg=A=1", "--build-arg=B=2=3"],
                  ["--tag=one", "--build-arg=A=1", "--build-arg", "B=2=3", "--", c]):
        kiln("build", *words)
        assert kiln.config("one")["config"]["Labels"] == {"a": "1", "b": "2=3"}


def test_data_directory_from_the_environment(kiln, context):
    kiln.bare("build", "-t", "env", context("FROM scratch\nLABEL a=b\n"), env={"KILN_DATA": str(kiln.data)})
    assert kiln.inspect("env")["platforms"]
    assert kiln.bare("inspect", "env", env={"KILN_DATA": str(kiln.data)}).code == 0


def test_man_page(kiln, tmp_path):
    text = kiln.bare("man").out
    assert text.startswith(".TH") or "\n.TH" in text[:200]
    for c in COMMANDS:
        assert f"kiln {c}" in text.replace("\\ ", " ").replace("\\-", "-").replace("\\fB", "").replace("\\fR", ""), c
    for option in ("platform", "metadata-file", "registry-mirror", "insecure-registry"):
        assert option in text.replace("\\-", "-")
    assert run(["groff", "-man", "-Tutf8", "-ww", "-z"], input=text).err == ""


def test_bash_completion(kiln, tmp_path):
    f = tmp_path / "kiln.bash"
    f.write_text(kiln.bare("completion", "bash").out)
    run(["bash", "-n", f])

    def complete(*words):
        script = f'source {f}; COMP_WORDS=({" ".join(repr(w) for w in words)}); COMP_CWORD={len(words) - 1}; ' \
                 'fn=$(complete -p kiln | sed "s/.*-F \\([^ ]*\\).*/\\1/"); $fn kiln "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"; printf "%s\\n" "${COMPREPLY[@]}"'
        return {w.strip() for w in run(["bash", "-c", script], cwd=tmp_path).out.splitlines()}

    assert {"build", "run", "inspect", "serve"} <= complete("kiln", "")
    assert complete("kiln", "bu") == {"build", "builds"}
    assert complete("kiln", "rule", "pre") == {"preview"}
    assert "--image-tag" in complete("kiln", "rule", "create", "--im")
    assert "--platform" in complete("kiln", "build", "--pl")
    assert "--json" in complete("kiln", "inspect", "--") and "--push" not in complete("kiln", "inspect", "--")
    assert {"plain", "json", "tty", "auto"} <= complete("kiln", "build", "--progress", "")


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_completions(kiln, tmp_path, shell):
    text = kiln.bare("completion", shell).out
    assert "platform" in text and "build" in text
    (tmp_path / "c").write_text(text)
    run([shell, "-n", tmp_path / "c"])


@pytest.fixture(scope="module")
def runner(base, tmp_path_factory):
    """kiln with an image `r` for two platforms."""
    d = tmp_path_factory.mktemp("runner")
    (d / "Dockerfile").write_text("FROM alpine\nENV A=1 B=\"x y\"\nWORKDIR /work\nRUN chown nobody /work\nUSER nobody:adm\n"
                                  "ENTRYPOINT [\"/bin/sh\", \"-c\"]\nCMD [\"echo default\"]\n")
    k = Kiln(d / "data", mirror=base.split("/")[0])
    k.build(d, tag="r", platform="linux/amd64,linux/arm/v7")
    return k


@pytest.mark.parametrize("platform", ["linux/amd64", "linux/arm/v7"])
def test_run_exit_codes(runner, platform):
    for code in (0, 1, 42, 127, 255):
        runner.run("r", f"exit {code}", platform=platform, code=code)
    runner.run("r", "sh -c 'kill -TERM $$'; exit $?", platform=platform, code=128 + 15)
    runner.run("r", "sh -c 'kill -KILL $$'; exit $?", platform=platform, code=128 + 9)


@pytest.mark.parametrize("platform", ["linux/amd64", "linux/arm/v7"])
def test_run_environment(runner, platform):
    assert runner.run("r", platform=platform).out == "default\n"
    said = runner.run("r", "pwd; id -un; id -gn; echo $A/$B; echo $HOME; echo $PATH; hostname; touch mine && "
                           "ls", platform=platform).out.splitlines()
    assert said == ["/work", "nobody", "adm", "1/x y", "/", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                    said[6], "mine"]
    assert runner.run("r", "ls", platform=platform).out == "", "what the last one wrote is gone"
    env = dict(line.split("=", 1) for line in runner.run("r", "env", platform=platform,
                                                         env={"SECRET_OF_HOST": "x"}).out.splitlines())
    assert "SECRET_OF_HOST" not in env


def test_run_arguments_are_not_touched(runner):
    said = runner.run("r", 'printf "[%s]" "$@"', "zero", "a b", "", "--platform", "-x", "*", "$A").out
    assert said == "[a b][][--platform][-x][*][$A]"


def test_run_passes_input_and_keeps_streams_apart(runner):
    blob = bytes(range(256)) * 5000
    assert runner.run("r", "cat", input=blob).raw == blob
    r = runner.run("r", "echo out; echo err >&2")
    assert (r.out, r.err) == ("out\n", "err\n")
    assert runner.run("r", "cat; echo end").out == "end\n", "standard input of /dev/null ends at once"


def test_run_with_a_terminal(runner):
    """Through a pseudo terminal: the program has it too."""
    command = runner.args("run", "r", "'test -t 0 && test -t 1 && stty size && echo tty'")
    assert "tty" in run(["script", "-qec", " ".join(map(str, command)), "/dev/null"], input="").out


def test_run_what_is_not_there(runner, registry):
    assert "no-such-image" in runner.run("no-such-image-at-all", code=1).err
    assert "linux/arm64" in runner.run("r", "true", platform="linux/arm64", code=1).err
    r = runner.run("r", "true", platform="linux/sparc", code=None)
    assert r.code in (1, 2) and "linux/sparc" in r.err


def test_run_a_program_that_is_not_there(kiln, context):
    kiln.build(context("FROM alpine\nLABEL a=b\n"), tag="plain")
    r = kiln.run("plain", "no-such-program", code=None)
    assert r.code in (1, 127) and "no-such-program" in r.err
    kiln.build(context("FROM scratch\nCOPY f /f\n", {"f": "x"}), tag="nothing")
    assert "names no program" in kiln.run("nothing", code=1).err


def test_run_from_the_registry(kiln, context, name):
    """By its name alone, on a machine that does not have it."""
    kiln.build(context("FROM alpine\nCMD [\"echo\", \"pulled\"]\n"), "--push", tag=f"{name}:1",
               platform="linux/amd64,linux/arm/v6")
    other = type(kiln)(kiln.data.with_name("other"))
    assert other.run(f"{name}:1").out == "pulled\n"
    assert other.run(f"{name}:1", "uname", "-m", platform="linux/arm/v6").out == "armv6l\n"
    digest = kiln.inspect(f"{name}:1")["descriptor"]["digest"]
    assert other.run(f"{name}@{digest}").out == "pulled\n"


def test_run_does_not_see_the_host(runner, tmp_path):
    said = runner.run("r", "ls /proc | grep -c '^[0-9]'; ls -a /; mount").out
    assert int(said.split()[0]) < 8, "only its own processes"
    assert str(runner.data) not in said and str(tmp_path) not in said


def test_closed_output(runner):
    """A reader that goes away ends it without noise."""
    p = start(runner.args("run", "r", "yes"))
    assert p.stdout.read(4) == b"y\ny\n"
    p.stdout.close()
    try:
        p.wait(30)
        assert p.returncode != 0
    finally:
        stop(p)
