"""Data directories that are full, read-only, or somebody else's."""
import os
import shutil
import subprocess

import pytest

from conftest import SLOW, Kiln, run

FULL = "No space left on device (free some, or choose another directory with --data)"


def says_full(r):
    """kiln's own message with the remedy, or that of the step."""
    return "(free some, or choose another" in r.err or "No space left on device" in r.err


EPOCH = {"SOURCE_DATE_EPOCH": "1700000000"}
BUILD = """FROM alpine
COPY some /some
RUN cat /some /some >/more && echo text >/text
RUN cat /more | gzip >/less
WORKDIR /made/here
"""


@pytest.fixture
def some(context):
    return context(BUILD, {"some": bytes(range(256)) * 400 + b"".join(i.to_bytes(3, "big") for i in range(200000))})


@pytest.fixture
def expected(some, kiln):
    kiln.build(some, tag="whole", env=EPOCH)
    return kiln.digests("whole")


def fill(k, leave_kb):
    """Takes all room but `leave_kb` from the file system; returns the file to remove."""
    filler = k.data.parent / "filler"
    free = os.statvfs(k.data.parent)
    size = max(0, free.f_bavail * free.f_frsize - (leave_kb << 10))
    with open(filler, "wb") as f:
        os.posix_fallocate(f.fileno(), 0, size or 1)
    return filler


@pytest.mark.parametrize("leave_kb", [0, 40, 200, 600, 1200, 2000, 2600, 3400, 4200, 5000, 6500, 9000])
def test_full_at_any_moment(small_disk, some, expected, leave_kb):
    """The build says so, and once there is room the next one gives the digests that it gives elsewhere."""
    k = small_disk("size=48m")
    filler = fill(k, leave_kb)
    r = k.build(some, tag="whole", env=EPOCH, code=None)
    assert r.code in (0, 1) and (r.code == 0 or says_full(r)), r
    assert leave_kb > 1200 or r.code == 1, r
    filler.unlink()
    k.build(some, tag="whole", env=EPOCH)
    assert k.digests("whole") == expected


@pytest.mark.parametrize("leave_kb", [0, 4, 16, 64, 300])
def test_full_after_a_build(small_disk, some, expected, context, leave_kb):
    """What is stored stays readable, and what is built on it fails with the reason."""
    k = small_disk("size=48m")
    k.build(some, tag="whole", env=EPOCH)
    filler = fill(k, leave_kb)
    r = k("inspect", "whole", code=None)
    assert r.code == 0 or says_full(r), r
    r = k.build(context("FROM whole\nRUN dd if=/dev/urandom of=/noise bs=1k count=400\n"), tag="next", code=None)
    assert r.code == 1 and says_full(r), r
    filler.unlink()
    assert k.digests("whole") == expected
    k.build(some, tag="again", env=EPOCH)
    assert k.digests("again") == expected
    k.build(context("FROM whole\nRUN test -s /more\n"), tag="next")


def test_full_while_packing(small_disk, context):
    """The step's files fit, their archive does not: the instruction is named."""
    k = small_disk("size=24m")
    c = context("FROM alpine\n\nRUN dd if=/dev/urandom of=/noise bs=1M count=12\n")
    r = k.build(c, code=1)
    assert "Dockerfile:3: pack the layer" in r.err and FULL in r.err, r
    k.build(context("FROM alpine\nRUN echo small >/x\n"))


def test_full_in_a_step(small_disk, context):
    k = small_disk("size=16m")
    r = k.build(context("FROM alpine\nRUN dd if=/dev/zero of=/x bs=1M count=40\n"), code=1)
    assert "Dockerfile:2" in r.err and "exited with code 1" in r.err and "No space left on device" in r.err, r
    k.build(context("FROM alpine\nRUN echo small >/x\n"))
    assert not list((k.data / "layers").glob("s-*"))


def test_full_while_unpacking(small_disk, context):
    k = small_disk("size=1m")
    r = k.build(context("FROM alpine\nRUN true\n"), code=1)
    assert says_full(r), r


def test_full_output(small_disk, context, kiln):
    """An archive that does not fit is not there, not even in part."""
    k = small_disk("size=8m")
    out = k.data.parent / "out.tar"
    c = context("FROM scratch\nCOPY noise /\n", {"noise": os.urandom(12 << 20)})
    r = kiln.build(c, "-o", f"type=oci,dest={out}", code=1)
    assert "No space left on device" in r.err and "out.tar" in r.err, r
    assert os.listdir(out.parent) == []


def test_full_served(small_disk, tmp_path, context, kiln):
    """A push to a registry whose disk is full fails at both ends; the registry goes on."""
    from conftest import Registry

    k = small_disk("size=8m")
    r = Registry(k.data)
    try:
        c = context("FROM scratch\nCOPY noise /\n", {"noise": os.urandom(12 << 20)})
        failed = kiln.build(c, "--push", tag=f"{r.host}/big:1", code=1, timeout=90)
        assert f"push {r.host}/big:1" in failed.err, failed
        assert r.request("GET", "/healthz").status == 200
        kiln.build(context("FROM scratch\nLABEL a=b\n"), "--push", tag=f"{r.host}/small:1")
        assert r.request("GET", "/v2/small/manifests/1").status == 200
        assert r.request("GET", "/v2/big/tags/list").status in (200, 404)
    finally:
        assert r.close() == 0


# --- whose it is ----------------------------------------------------------------------------------------------------


def test_not_writable(context, user, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("needs a directory of another user")
    c = context("FROM scratch\n", at=f"{user.pw_dir}/c-{os.getpid()}")
    for data in ("/var/lib", "/var/lib/kiln-test-nowhere"):
        r = run([*Kiln(data, user=user).args("build", c)], user=user, code=1)
        assert f"data directory {data}" in r.err and "ermission denied" in r.err and "--data" in r.err, r
    held = tmp_path / "held"
    held.mkdir(mode=0o700)
    r = Kiln("/proc/nowhere").build(c, code=1)
    assert "data directory /proc/nowhere" in r.err and "--data" in r.err, r
    (tmp_path / "file").write_text("")
    r = Kiln(tmp_path / "file").build(c, code=1)
    assert f"data directory {tmp_path}/file" in r.err, r


def test_of_another_user(context, user):
    """root's data directory, opened for all, and an ordinary user in it."""
    if os.geteuid() != 0:
        pytest.skip("needs two users")
    data = f"{user.pw_dir}/of-root"
    Kiln(data).build(context("FROM scratch\n"))
    c = context("FROM scratch\nLABEL a=b\n", at=f"{user.pw_dir}/d-{os.getpid()}")
    for command in (["build", c], ["serve", "--listen", "127.0.0.1:0"], ["inspect", "x"]):
        r = run(Kiln(data).args(*command), user=user, code=1)
        assert data in r.err and "--data" in r.err and ("ermission denied" in r.err or "another user" in r.err or "belongs" in r.err), r


def test_read_only(small_disk, context, kiln, tmp_path):
    k = small_disk("size=16m")
    k.build(context("FROM alpine\nRUN true\n"), tag="kept")
    subprocess.run(["mount", "-o", "remount,ro", k.data.parent], check=True)
    for command in (["build", context("FROM scratch\n")], ["serve", "--listen", "127.0.0.1:0"], ["run", "kept", "true"]):
        r = k(*command, code=1)
        assert f"data directory {k.data}" in r.err and "Read-only file system" in r.err and "--data" in r.err, r


def test_damaged_files(kiln, context):
    """A database that is none, a blob that is another: said with the file's name, and never a crash."""
    c = context("FROM alpine\nRUN echo 1 >/x\n")
    kiln.build(c, tag="x")
    blob = next(p for p in (kiln.data / "blobs").rglob("*") if p.is_file())
    (kiln.data / "kiln.db").write_bytes(os.urandom(8192))
    for extra in ("kiln.db-wal", "kiln.db-shm"):
        (kiln.data / extra).unlink(missing_ok=True)
    r = kiln.build(c, code=1)
    assert "kiln.db" in r.err, r
    (kiln.data / "kiln.db").unlink()
    kiln.build(c, tag="x")
    assert blob.exists()


def test_layers_of_a_directory_that_went_away(kiln, context):
    """Unpacked layers are disposable at any time."""
    c = context("FROM alpine\nRUN echo 1 >/x\nRUN cat /x\n")
    kiln.build(c)
    shutil.rmtree(kiln.data / "layers")
    kiln.build(c, "--no-cache")
    for p in (kiln.data / "layers").glob("?" * 64):
        shutil.rmtree(p)
    kiln.build(context("FROM alpine\nRUN echo 1 >/x\nRUN cat /x; echo more\n"))
