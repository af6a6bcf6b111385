"""Runs a program where the machine's binfmt_misc registrations do not reach: python3 without_binfmt.py PROGRAM ARGS

In a user namespace that maps every id to itself and has an empty binfmt_misc of its own (Linux 6.7). Needs root."""
import ctypes
import os
import sys

CLONE_NEWUSER, CLONE_NEWNS, MS_REC, MS_PRIVATE = 0x10000000, 0x00020000, 0x4000, 0x40000
libc = ctypes.CDLL(None, use_errno=True)


def check(failed, what):
    if failed:
        sys.exit(f"{what}: {os.strerror(ctypes.get_errno())}")


def main():
    entered, mapped = os.pipe(), os.pipe()
    pid = os.fork()
    if pid:
        os.close(entered[1])
        os.read(entered[0], 1)
        for name in ("uid_map", "gid_map"):
            with open(f"/proc/{pid}/{name}", "w") as f:
                f.write("".join("{0} {0} {1}\n".format(*line.split()[::2]) for line in open(f"/proc/self/{name}")))
        os.write(mapped[1], b"x")
        _, status = os.waitpid(pid, 0)
        os._exit(os.waitstatus_to_exitcode(status) & 0xff)
    check(libc.unshare(CLONE_NEWUSER | CLONE_NEWNS), "unshare")
    os.write(entered[1], b"x")
    os.read(mapped[0], 1)
    check(libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None), "make mounts private")
    check(libc.mount(b"none", b"/proc/sys/fs/binfmt_misc", b"binfmt_misc", 0, None), "mount binfmt_misc")
    os.execv(sys.argv[1], sys.argv[1:])


main()
