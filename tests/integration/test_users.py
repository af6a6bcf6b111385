"""Everybody may build: root, an ordinary user with subordinate ids, and one without."""
import os
import pathlib
import shutil

import pytest

from conftest import ALL, KILN, PLATFORMS, Kiln, mounts, run, start, stop

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="makes users, which needs root")


def of(user, base):
    """kiln as the user runs it: data in the home directory by default rules."""
    return Kiln(pathlib.Path(user.pw_dir) / "data", mirror=base.split("/")[0], user=user)


def give(path, user):
    for p in [path, *path.rglob("*")]:
        os.chown(p, user.pw_uid, user.pw_gid, follow_symlinks=False)
    return path


@pytest.fixture(autouse=True)
def nothing_left():
    before = mounts()
    yield
    assert mounts() == before


@pytest.fixture(scope="session")
def readable_kiln(tmp_path_factory):
    assert os.access(KILN, os.X_OK) and all(os.stat(p).st_mode & 0o001 for p in KILN.parents), f"{KILN} cannot be run by other users"


@pytest.fixture
def mine(user, base, readable_kiln):
    return of(user, base)


@pytest.fixture
def my_context(user, context):
    made = []

    def make(dockerfile, files=None):
        top = pathlib.Path(user.pw_dir) / f"context-{len(made)}"
        shutil.rmtree(top, ignore_errors=True)
        made.append(top)
        return give(context(dockerfile, files, at=top), user)

    yield make
    for top in made:
        shutil.rmtree(top)


def test_a_user_builds_for_four_platforms_and_runs_them(mine, my_context, user):
    c = my_context("FROM alpine\nCOPY f /\nRUN id -u > /who && uname -m >> /who && cat /proc/self/uid_map > /map\n"
                   "CMD [\"cat\", \"/who\", \"/f\"]\n", {"f": "f\n"})
    mine.build(c, tag="mine", platform=ALL)
    for p, machine in zip(PLATFORMS, ("x86_64", "aarch64", "armv7l", "armv6l")):
        assert mine.run("mine", platform=p).out == f"0\n{machine}\nf\n"
    first = mine.run("mine", "head", "-n", "1", "/map").out.split()
    assert first == ["0", str(user.pw_uid), "1"]
    for p in mine.data.rglob("*"):
        if "layers" not in p.parts:
            assert p.lstat().st_uid == user.pw_uid, p


def test_user_and_root_make_the_same_bytes(mine, my_context, kiln):
    """Owners, modes and names come out alike whoever builds."""
    c = my_context("FROM alpine\nCOPY . /d/\nCOPY --chown=3:4 f /g\n"
                   "RUN chown 5:6 /g /d/f && chmod 4711 /d/f && rm /etc/alpine-release && rm -r /home && "
                   "mkdir /home && touch /home/x\n"
                   "USER 1000:1001\nWORKDIR /w/x\nRUN touch mine\n", {"f": "f\n", "sub/g": "g\n"})
    epoch = {"SOURCE_DATE_EPOCH": "1600000000"}
    mine.build(c, tag="same", platform="linux/amd64,linux/arm/v6", env=epoch)
    kiln.build(c, tag="same", platform="linux/amd64,linux/arm/v6", env=epoch)
    assert mine.digests("same") == kiln.digests("same")
    layer = mine.layer("same")
    assert (layer["w/x/mine"].uid, layer["w/x/mine"].gid) == (1000, 1001)


def test_a_user_switches_users_in_run(mine, my_context):
    c = my_context("FROM alpine\nRUN test $(id -u):$(id -g) = 0:0 && touch /root-was-here\nUSER nobody\n"
                   "RUN id -un > /tmp/who && ! touch /x\n"
                   "USER 65534:4\nRUN test $(id -g) = 4\nUSER 0\nRUN stat -c %U /tmp/who > /owner\n")
    mine.build(c, tag="users")
    assert mine.run("users", "cat", "/owner").out == "nobody\n"


def test_a_user_exports_a_directory_that_is_his(mine, my_context, user):
    out = pathlib.Path(user.pw_dir) / "exported"
    mine.build(my_context("FROM scratch\nCOPY --chown=7:8 f /f\n", {"f": "f"}), "-o", f"type=local,dest={out}")
    assert (out / "f").stat().st_uid == user.pw_uid
    shutil.rmtree(out)


def test_a_user_has_data_in_the_home_directory(mine, my_context, user):
    run([KILN, "build", "--progress", "plain", "-t", "here", my_context("FROM scratch\nCOPY f /\n", {"f": "x"})], user=user)
    assert (pathlib.Path(user.pw_dir) / ".local/share/kiln/kiln.db").exists()
    xdg = pathlib.Path(user.pw_dir) / "xdg"
    run([KILN, "build", "--progress", "plain", "-t", "there",
         my_context("FROM scratch\nCOPY f /\n", {"f": "x"})], user=user, env={"XDG_DATA_HOME": str(xdg)})
    assert (xdg / "kiln" / "kiln.db").exists()


def test_a_user_cannot_use_what_is_not_his(user, my_context, tmp_path, readable_kiln, base):
    r = Kiln("/var/lib/kiln-of-nobody", user=user).build(my_context("FROM scratch\n"), code=None)
    assert r.code in (1, 2) and "/var/lib/kiln-of-nobody" in r.err and "--data" in r.err


def test_a_user_without_subordinate_ids(plain_user, context, base, readable_kiln):
    """One id is enough while all files are root's; the error names the remedy when it is not."""
    mine = of(plain_user, base)
    c = give(context("FROM alpine\nRUN echo x > /x && id -u > /y\nCOPY f /\n", {"f": "f"},
                     at=pathlib.Path(plain_user.pw_dir) / "c"), plain_user)
    r = mine.build(c, tag="one")
    assert "usermod --add-subuids" in r.err and plain_user.pw_name in r.err, "a warning with the remedy"
    assert mine.run("one", "cat", "/y", "/f").out == "0\nf"
    (c / "Dockerfile").write_text("FROM alpine\nRUN chown 5:6 /etc/alpine-release\n")
    assert "Invalid argument" in mine.build(c, code=1).err
    (c / "Dockerfile").write_text("FROM alpine\nUSER 1000\nRUN true\n")
    r = mine.build(c, code=1)
    assert "usermod --add-subuids" in r.err.split("kiln: ")[-1], r


def test_serve_as_a_user(user, my_context, mine, readable_kiln):
    data = pathlib.Path(user.pw_dir) / "served"
    data.mkdir()
    os.chown(data, user.pw_uid, user.pw_gid)
    p = start([KILN, "serve", "--data", data, "--listen", "127.0.0.1:0", "--anonymous", "push", "--slots", "0"], user=user)
    try:
        host = p.stdout.readline().decode().split("http://")[1].strip()
        mine.build(my_context("FROM alpine\nLABEL a=b\n"), "--push", tag=f"{host}/x:1", platform="linux/amd64,linux/arm64")
        assert len(mine.inspect(f"{host}/x:1")["platforms"]) == 2
    finally:
        stop(p)
        shutil.rmtree(data)
