"""Programs in an image that its platform cannot run are told, and no others."""
import os
import struct

import pytest

from conftest import HOST, PLATFORMS

OTHER = "linux/arm64" if HOST == "linux/amd64" else "linux/amd64"
HERE = {"linux/amd64": "amd64", "linux/arm64": "arm64", "linux/arm/v7": "ARMv7", "linux/arm/v6": "ARMv6"}[HOST]
MACHINES = {"386": 3, "arm": 40, "amd64": 62, "arm64": 183}
ARMV6K, ARMV7 = 9, 10


def program(machine, arm_arch=None):
    """The headers of a program without code; `arm_arch` is Tag_CPU_arch of the section .ARM.attributes."""
    wide = machine in ("amd64", "arm64")
    ident = b"\x7fELF" + bytes([2 if wide else 1, 1, 1]) + bytes(9)
    if wide:
        return ident + struct.pack("<HHIQQQIHHHHHH", 2, MACHINES[machine], 1, 0, 0, 0, 0, 64, 56, 0, 64, 0, 0)
    table = 52
    header = ident + struct.pack("<HHIIIIIHHHHHH", 2, MACHINES[machine], 1, 0, 0, table if arm_arch else 0, 0, 52, 32, 0, 40,
                                 2 if arm_arch else 0, 0)
    if not arm_arch:
        return header
    inner = b"\1" + struct.pack("<I", 7) + bytes([6, arm_arch])
    attributes = b"A" + struct.pack("<I", 4 + 6 + len(inner)) + b"aeabi\0" + inner
    sections = bytes(40) + struct.pack("<10I", 0, 0x70000003, 0, 0, table + 80, len(attributes), 0, 0, 1, 0)
    return header + sections + attributes


def warnings(result):
    """Lines that tell of programs, without "warning: ", in order."""
    lines = [line.removeprefix("warning: ") for line in result.text.splitlines() if line.startswith("warning: ")]
    return [line for line in lines if " built for " in line]


def make(context, dockerfile, programs, mode=0o755):
    c = context(dockerfile, programs)
    for path in programs:
        os.chmod(c / path, mode)
    return c


def host_program():
    with open("/bin/true", "rb") as f:
        return f.read()


def test_program_of_the_host_in_another_platforms_image(kiln, context):
    c = make(context, "FROM scratch\nLABEL a=b\nCOPY true /app/true\n", {"true": host_program()})
    want = [f"{OTHER}: /app/true is built for {HERE} (Dockerfile:3)"]
    assert warnings(kiln.build(c, platform=OTHER)) == want
    assert warnings(kiln.build(c, platform=OTHER)) == want, "the second build takes the layer from the cache and warns again"
    assert warnings(kiln.build(c, platform=HOST)) == [], "this image shares the layer, and its platform runs the program"
    assert warnings(kiln.build(c, "--no-cache", platform=[HOST, OTHER])) == want
    (c / "Dockerfile").write_text("FROM scratch\nCOPY true /app/../app/true\n")
    assert warnings(kiln.build(c, platform=OTHER)) == [want[0].replace(":3", ":2")], "another step that makes the same layer"


def test_warning_as_json(kiln, context):
    c = make(context, "FROM scratch\nCOPY true /\n", {"true": host_program()})
    told = [e["text"] for e in kiln.build(c, platform=OTHER, progress="json").events() if e["event"] == "warning"]
    assert told == [f"{OTHER}: /true is built for {HERE} (Dockerfile:2)"]


def test_platforms_tell_arm_generations_apart(kiln, context):
    c = make(context, "FROM scratch\nCOPY . /\n",
             {"i386": program("386"), "amd64": program("amd64"), "arm64": program("arm64"), "go": program("arm"),
              "v6": program("arm", ARMV6K), "v7": program("arm", ARMV7)})
    for _ in range(2):
        found = warnings(kiln.build(c, platform=PLATFORMS))
        wrong = {p: {line.split(" is built for ")[0].split(": ")[1] for line in found if line.startswith(f"{p}: ")} for p in PLATFORMS}
        assert wrong == {"linux/amd64": {"/arm64", "/go", "/v6", "/v7"}, "linux/arm64": {"/i386", "/amd64", "/go", "/v6", "/v7"},
                         "linux/arm/v7": {"/i386", "/amd64", "/arm64"}, "linux/arm/v6": {"/i386", "/amd64", "/arm64", "/v7"}}
        assert "linux/arm/v6: /v7 is built for ARMv7 (Dockerfile:2)" in found


def test_compiled_armv7_code_in_an_armv6_image(kiln, context):
    c = context("FROM --platform=linux/arm/v7 alpine AS seven\n"
                "FROM alpine\n"
                "COPY --from=seven /bin/busybox /app/hello\n"
                "ADD . /data/\n", {"note": "text"})
    for _ in range(2):
        assert warnings(kiln.build(c, platform="linux/arm/v6")) == ["linux/arm/v6: /app/hello is built for ARMv7 (Dockerfile:3)"]
    assert warnings(kiln.build(c, platform="linux/arm/v7")) == []


@pytest.mark.parametrize("platform", PLATFORMS)
def test_programs_of_the_base_are_right_or_not_judged(kiln, context, platform):
    c = context("FROM alpine\nRUN cp /bin/busybox /usr/bin/mine && echo '#!/bin/sh' > /usr/bin/script && chmod +x /usr/bin/script\n")
    assert warnings(kiln.build(c, platform=platform)) == []


def test_what_run_makes_is_judged(kiln, context):
    c = make(context, "FROM alpine\nCOPY one /data/one\nRUN cp /data/one /usr/bin/two && chmod 755 /usr/bin/two\n",
             {"one": host_program()}, mode=0o644)
    want = [f"{OTHER}: /usr/bin/two is built for {HERE} (Dockerfile:3)"]
    for _ in range(2):
        assert warnings(kiln.build(c, platform=OTHER)) == want, "data/one has no execute bit"


def test_only_what_is_in_the_image_is_judged(kiln, context):
    c = make(context, "FROM --platform=$BUILDPLATFORM alpine AS builder\nCOPY true /true\nFROM scratch\nCOPY --from=builder /true /etc/data\n",
             {"true": host_program()})
    assert warnings(kiln.build(c, platform=HOST)) == []
    found = warnings(kiln.build(c, platform=OTHER))
    assert found == [f"{OTHER}: /etc/data is built for {HERE} (Dockerfile:4)"]


def test_many_warnings_are_cut(kiln, context):
    lines = "".join(f"COPY b{i} /b{i}\nCOPY lib.so.{i} /lib/\n" for i in range(4))
    files = {f"b{i}": program("amd64") + bytes([i]) for i in range(4)} | {f"lib.so.{i}": program("arm64") + bytes([i]) for i in range(4)}
    c = make(context, "FROM scratch\n" + lines, files)
    for i in range(4):
        os.chmod(c / f"lib.so.{i}", 0o644)
    found = warnings(kiln.build(c, platform="linux/arm/v7"))
    assert len(found) == 6 and found[1] == "linux/arm/v7: /lib/lib.so.0 is built for arm64 (Dockerfile:3)"
    assert found[5] == "linux/arm/v7: and 3 more built for other platforms"
    c = make(context, "FROM scratch\nCOPY . /\n", {f"b{i}": program("amd64") for i in range(30)})
    assert warnings(kiln.build(c, platform="linux/arm64")) == ["linux/arm64: /b0 and 29 more are built for amd64 (Dockerfile:2)"]
