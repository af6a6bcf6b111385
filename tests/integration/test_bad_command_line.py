"""A wrong command line exits with 2 and says what is wrong; what the command line names and is not there exits with 1."""
import pytest

from conftest import run

SUPPORTED = "supported are linux/amd64, linux/arm64, linux/arm/v7 and linux/arm/v6"


@pytest.fixture
def scratch(context):
    return context("FROM scratch\n")


@pytest.mark.parametrize("args, says", [
    (["--platform", "windows/amd64"], ["platform windows/amd64 is not supported", SUPPORTED]),
    (["--platform", "linux/riscv64"], ["platform linux/riscv64 is not supported", SUPPORTED]),
    (["--platform", "linux/amd64,foo"], ["platform foo is not supported", SUPPORTED]),
    (["--platform", "linux/arm/v9"], ["did you mean linux/arm/v7?"]),
    (["--platform", ""], ["--platform \"\" names nothing", "linux/arm/v6"]),
    (["--platform", "linux/amd64,"], ["names nothing"]),
    (["-t", "Upper/Case"], ["--tag Upper/Case", "must be lower case"]),
    (["-t", "a:bad tag"], ["--tag a:bad tag", "\"bad tag\""]),
    (["-t", ""], ["--tag", "empty"]),
    (["-t", "a@sha256:" + "0" * 64], ["a digest cannot be chosen"]),
    (["--build-arg", "=x"], ["--build-arg =x", "NAME=VALUE"]),
    (["--build-arg", "1a=x"], ["--build-arg 1a=x", "NAME=VALUE"]),
    (["--jobs", "0"], ["--jobs 0", "from 1 to 256"]),
    (["-j", "-1"], ["--jobs -1", "from 1 to 256"]),
    (["--jobs"], ["--jobs"]),
    (["--push"], ["--tag HOST/REPOSITORY:TAG"]),
    (["--plattform=x"], ["unknown option", "did you mean --platform?"]),
    (["-x"], ["unknown option -x"]),
    (["--progress", "loud"], ["--progress loud", "auto|tty|plain|json"]),
    (["--target", ""], ["--target is empty"]),
    (["--data", ""], ["--data"]),
    (["-o", "foo"], ["--output foo", "type=oci|docker|tar|local|registry"]),
    (["-o", "type=zip,dest=x"], ["type zip is unknown", "use oci, docker, tar, local or registry"]),
    (["-o", "type=local"], ["needs dest=DIRECTORY"]),
    (["-o", "type=oci,dest=d/"], ["names a directory"]),
    (["-o", "type=oci,dest="], ["dest= names nothing"]),
    (["-o", "type=docker,dest=d.tar", "--platform", "linux/amd64,linux/arm64"], ["one platform", "type=oci"]),
    (["-o", "type=oci,dest=x.tar", "-o", "type=docker,dest=.//x.tar"], ["two of --output", "x.tar"]),
    (["-o", "type=oci", "-o", "type=tar"], ["two of --output go to standard output"]),
    (["--registry-mirror", "x"], ["\"x\"", "HOST=URL"]),
    (["--registry-mirror", "docker.io=ftp://x"], ["neither http nor https"]),
    (["--insecure-registry", "http://x"], ["--insecure-registry \"http://x\"", "HOST:PORT"]),
    (["--metadata-file", "d/"], ["--metadata-file \"d/\""]),
    (["extra"], ["CONTEXT", "what is"]),
])
def test_build(scratch, tmp_path, kiln, args, says):
    r = kiln.bare("build", "--data", tmp_path / "data", scratch, *args, code=2, cwd=tmp_path)
    assert not [word for word in says if word not in r.err], r
    assert r.err.count("\n") == 1 and r.err.startswith("kiln: ") and not r.out, r
    assert not (tmp_path / "x.tar").exists()


@pytest.mark.parametrize("args, says", [
    ([], "Usage"),
    (["bild"], "did you mean build?"),
    (["build"], "CONTEXT"),
    (["run"], "NAME"),
    (["run", "BAD"], "must be lower case"),
    (["run", "--platform", "x", "name"], "supported are"),
    (["inspect", "BAD:x"], "must be lower case"),
    (["inspect", "--registry-mirror", "x", "name"], "HOST=URL"),
    (["serve", "--listen", "foo"], "HOST:PORT"),
    (["serve", "--listen", "127.0.0.1:99999"], "HOST:PORT"),
    (["serve", "--listen", "::1:80"], "needs brackets"),
    (["serve", "more"], "more"),
    (["serve", "--trusted-proxy", "proxy.example"], "--trusted-proxy: \"proxy.example\" is not ADDRESS/BITS"),
    (["serve", "--trusted-proxy", "::1", "--trusted-proxy", "10.0.0.0/33"], "\"10.0.0.0/33\": its bits are 0 to 32"),
    (["serve", "--session-idle", "0"], "--session-idle 0 is not a number from 1 to"),
    (["serve", "--session-life", "1d"], "--session-life 1d is not a number from 1 to"),
    (["serve", "--external-url", "kiln.example"], "--external-url"),
    (["serve", "--external-url", "https://h/a%20b"], "its path"),
    (["serve", "--external-url", "https://h/a//b"], "its path"),
    (["serve", "--external-url", "https://h/a;b"], "its path"),
    (["serve", "--external-url", "https://h/?x=y"], "its path"),
    (["serve", "--external-url", "https://h/v2/x"], "its path"),
    (["build", "https://example.com/a.git"], "must be a directory of this machine"),
    (["build", ""], "use . for this one"),
    (["completion", "csh"], "bash, zsh or fish"),
])
def test_other_commands(kiln, args, says):
    r = kiln.bare(*args, code=2)
    assert says in r.err, r


def test_a_variable_of_the_environment(kiln, scratch):
    r = kiln.build(scratch, code=2, env={"SOURCE_DATE_EPOCH": "soon"})
    assert "SOURCE_DATE_EPOCH=soon" in r.err and "seconds" in r.err, r


@pytest.mark.parametrize("args, says", [
    (["-o", "type=oci,dest=nowhere/x.tar"], ["--output", "open directory nowhere", "No such file or directory"]),
    (["-o", "type=oci,dest=dir"], ["dest=dir is a directory"]),
    (["-o", "type=local,dest=file"], ["file"]),
    (["--metadata-file", "nowhere/x"], ["--metadata-file nowhere/x", "open directory nowhere"]),
    (["--metadata-file", "dir"], ["--metadata-file dir is a directory"]),
    (["-f", "nowhere"], ["open Dockerfile nowhere", "No such file or directory"]),
    (["--target", "nowhere"], ["has no stage nowhere"]),
])
def test_what_is_not_there(kiln, scratch, tmp_path, args, says):
    (tmp_path / "dir").mkdir()
    (tmp_path / "file").write_text("")
    r = kiln.build(scratch, *args, code=1, cwd=tmp_path)
    assert not [word for word in says if word not in r.err], r


def test_the_context(kiln, scratch, tmp_path):
    assert "build context nowhere: No such file or directory" in kiln.build("nowhere", code=1, cwd=tmp_path).err
    r = kiln.build(scratch / "Dockerfile", code=1)
    assert "is not a directory (name a Dockerfile with -f)" in r.err, r


def test_without_standard_streams(kiln, context):
    """Closed descriptors 0, 1 and 2: the files of the build must not take their places."""
    c = context("FROM alpine\nRUN echo said; echo more >&2\n")
    kiln.build(c, code=0)
    words = " ".join(f"'{a}'" for a in kiln.args("build", "--no-cache", "--progress", "plain", "-t", "closed", c))
    run(["sh", "-c", f"{words} <&- >&- 2>&-"])
    assert kiln.inspect("closed")["platforms"]
