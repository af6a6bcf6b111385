"""Steps that fail, and machines that cannot run steps."""
import os
import pathlib

import pytest

from conftest import HOST, Kiln, run

FOREIGN = "linux/arm64" if HOST == "linux/amd64" else "linux/amd64"


def fail(kiln, context, text, *says, **more):
    r = kiln.build(context(text), code=1, **more)
    message = r.err[r.err.rindex("kiln: "):]
    assert not [word for word in says if word not in message], r
    return message


# --- the step -------------------------------------------------------------------------------------------------------


def test_exit_code_line_and_last_output(kiln, context):
    m = fail(kiln, context, "FROM alpine\nRUN true\nRUN \\\n  for i in $(seq 100); do echo line $i; done; echo to stderr >&2; exit 42\n",
             "Dockerfile:3", HOST, "exited with code 42", "\n    line 100", "\n    to stderr")
    lines = [l for l in m.splitlines() if l.startswith("    line")]
    assert lines == [f"    line {i}" for i in range(92, 101)], m


def test_output_cannot_act_on_the_terminal(kiln, context):
    m = fail(kiln, context, r"""FROM alpine
RUN printf '\033[2J\033[31mred\033[0m\033]0;title\007\n10%%\r100%%\r\n\000nul'; exit 3
""", "code 3", "\n    red", "\n    100%")
    assert not any(ord(c) < 32 and c != "\n" for c in m), repr(m)


@pytest.mark.parametrize("command, says", [
    ("kill -SEGV $$", ["was killed by signal 11 (SIGSEGV)"]),
    ("kill -KILL $$", ["was killed by signal 9 (SIGKILL)", "memory"]),
    ("kill -TERM $$", ["was killed by signal 15 (SIGTERM)"]),
    ("sh -c 'kill -ABRT $$'", ["was killed by signal 6 (SIGABRT)", "exit code 134"]),
    ("exit 255", ["exited with code 255"]),
    ("no-such-command --now", ["exited with code 127", "a command was not found", "\n    /bin/sh: no-such-command: not found"]),
    ("/etc/passwd", ["exited with code 126"]),
    ("false", ["exited with code 1"]),
])
def test_how_it_ended(kiln, context, command, says):
    fail(kiln, context, f"FROM alpine\n\nRUN {command}\n", f"Dockerfile:3: {HOST}: RUN {command}", *says)


@pytest.mark.parametrize("text, says", [
    ('FROM alpine\nRUN ["/no/such", "x"]\n', ["Dockerfile:2", "/no/such: not found in the image"]),
    ('FROM alpine\nRUN ["no-such"]\n', ["Dockerfile:2", "no-such: not found in the image"]),
    ('FROM alpine\nRUN ["/etc/passwd"]\n', ["Dockerfile:2", "/etc/passwd: permission denied (is it executable?)"]),
    ('FROM alpine\nRUN printf "#!/no/such\\n" >/x && chmod 755 /x\nRUN ["/x"]\n', ["Dockerfile:3", "/x: its interpreter or loader is not found"]),
    ('FROM alpine\nRUN echo no program >/x && chmod 755 /x\nRUN ["/x"]\n', ["Dockerfile:3", "/x: not a program of"]),
    ("FROM scratch\nRUN ls\n", ["Dockerfile:2", "/bin/sh: not found in the image", "SHELL", 'RUN ["/program"']),
    ('FROM alpine\nSHELL ["/bin/bash", "-c"]\nRUN ls\n', ["Dockerfile:3", "/bin/bash: not found in the image", "SHELL"]),
    ("FROM alpine\nUSER nobody-here\nRUN ls\n", ["Dockerfile:3", "USER nobody-here: user nobody-here is not in the image's /etc/passwd"]),
])
def test_what_cannot_start(kiln, context, text, says):
    fail(kiln, context, text, *says)


def test_the_other_platform_is_stopped(kiln, context):
    c = context("FROM alpine\nARG TARGETARCH\nRUN [ $TARGETARCH = arm64 ] && exit 9; sleep 60\n")
    r = kiln.build(c, platform=["linux/amd64", "linux/arm64"], code=1, timeout=30)
    assert "linux/arm64: RUN" in r.err and "code 9" in r.err, r


def test_the_program_of_a_container(kiln, context):
    kiln.build(context('FROM alpine\nCMD ["no-such"]\n'), tag="bad")
    assert "no-such: not found in the image" in kiln.run("bad", code=1).err
    kiln.run("bad", "sh", "-c", "exit 7", code=7)
    kiln.run("bad", "sh", "-c", "(kill -SEGV $(exec sh -c 'echo $PPID')); exit $?", code=139)
    r = kiln.run("not-built", code=1)
    assert "not-built is not in the data directory" in r.err, r
    r = kiln.run("bad", platform=FOREIGN, code=1)
    assert f"no image for {FOREIGN}" in r.err and HOST in r.err, r


# --- the machine ----------------------------------------------------------------------------------------------------


@pytest.fixture
def path(tmp_path):
    """path("crun"): a PATH with every program but these."""

    def make(*without):
        top = tmp_path / "bin"
        top.mkdir()
        for directory in ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"):
            for p in pathlib.Path(directory).glob("*"):
                if not (top / p.name).is_symlink() and not any(p.name.startswith(w) for w in without):
                    (top / p.name).symlink_to(p)
        return {"PATH": str(top)}

    return make


def test_no_crun(kiln, context, path):
    fail(kiln, context, "FROM alpine\nRUN true\n", "crun", "apt-get install crun", env=path("crun"))


def test_no_qemu(kiln, context, path):
    """Without qemu and without the host's registration; what runs nothing foreign is built all the same."""
    env = path("qemu-")
    hidden = ["unshare", "-m", "sh", "-c", "umount -l /proc/sys/fs/binfmt_misc 2>/dev/null; mount -t tmpfs none /proc/sys/fs/binfmt_misc; exec \"$@\"", "sh"]
    if os.geteuid() != 0:
        pytest.skip("only root can hide the host's registration")
    c = context(f"FROM alpine\nRUN true\n")
    r = run([*hidden, *kiln.args("build", "--platform", FOREIGN, "--progress", "plain", c)], env=env, code=1)
    assert "Dockerfile:2" in r.err and f"programs of {FOREIGN} need an emulator: apt-get install qemu-user-static" in r.err, r
    run([*hidden, *kiln.args("build", "--platform", f"{HOST},{FOREIGN}", context("FROM alpine\nLABEL a=b\n"))], env=env)


@pytest.mark.parametrize("command", ["build", "run"])
def test_no_user_namespaces(kiln, context, command):
    c = context("FROM alpine\nRUN true\n")
    words = kiln.args(command, *(["--progress", "plain", c] if command == "build" else ["alpine", "true"]))
    r = run(["unshare", "-Ur", "sh", "-c", "echo 0 >/proc/sys/user/max_user_namespaces && exec \"$@\"", "sh", *words], code=1)
    assert "user namespace" in r.err and "sysctl" in r.err and "user.max_user_namespaces" in r.err, r


def test_no_subordinate_ids(context, base, plain_user):
    """One id is enough for steps that need no other; what needs another says which command gives more."""
    k = Kiln(f"{plain_user.pw_dir}/data", mirror=base.split("/")[0], user=plain_user)
    k.build(context("FROM alpine\nRUN echo hello >/x\n", at=f"{plain_user.pw_dir}/one"), timeout=60)
    r = k.build(context("FROM alpine\nRUN true\nUSER 1000\nRUN id\n", at=f"{plain_user.pw_dir}/two"), code=1, timeout=60)
    assert "usermod --add-subuids" in r.err, r


def test_few_descriptors(kiln, context):
    """It ends with a message, not with a hang."""
    c = context("FROM alpine\nRUN true\n")
    for limit in (12, 16, 20, 24, 32):
        r = run(["prlimit", f"--nofile={limit}", *kiln.args("build", "--progress", "plain", c)], code=None)
        assert r.code == 0 or (r.code == 1 and "\nkiln: " in "\n" + r.err), (limit, r)
    kiln.build(c)
