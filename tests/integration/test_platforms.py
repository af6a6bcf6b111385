"""One Dockerfile, four architectures: what steps see, what images say, and that foreign programs run without the host's help."""
import json
import os
import pathlib
import sys

import pytest

from conftest import ALL, HOST, PLATFORMS, Kiln, mounts, run

WITHOUT_BINFMT = pathlib.Path(__file__).with_name("without_binfmt.py")
MACHINE = {"linux/amd64": "x86_64", "linux/arm64": "aarch64", "linux/arm/v7": "armv7l", "linux/arm/v6": "armv6l"}
ARCH = {"linux/amd64": ("amd64", None), "linux/arm64": ("arm64", None), "linux/arm/v7": ("arm", "v7"),
        "linux/arm/v6": ("arm", "v6")}


def emulators_of_host():
    binfmt = pathlib.Path("/proc/sys/fs/binfmt_misc")
    return [f.name for f in binfmt.iterdir() if f.name.startswith("qemu-")] if binfmt.is_dir() else []


@pytest.fixture
def kiln(tmp_path, base):
    """No foreign program here is run by a registration of the machine: there is none, or it is hidden. Before Linux 6.7 kiln has to use
    the machine's."""
    before = mounts()
    private = tuple(map(int, os.uname().release.split("-")[0].split(".")[:2])) >= (6, 7)
    hide = emulators_of_host() and private and os.geteuid() == 0
    yield Kiln(tmp_path / "data", mirror=base.split("/")[0], before=[sys.executable, WITHOUT_BINFMT] if hide else [])
    assert mounts() == before


def test_each_child_runs(kiln, context):
    c = context("FROM alpine\nARG TARGETPLATFORM\nRUN uname -m > /made-on\nENV FOR=$TARGETPLATFORM\n"
                "CMD cat /made-on; uname -m; echo $FOR\n")
    kiln.build(c, tag="four", platform=ALL)
    assert [p["platform"] for p in kiln.inspect("four")["platforms"]] == PLATFORMS
    for p in PLATFORMS:
        assert kiln.run("four", platform=p).out == f"{MACHINE[p]}\n{MACHINE[p]}\n{p}\n"
    assert kiln.run("four").out.startswith(MACHINE[HOST])


def test_index_and_configs_name_the_variant(kiln, context):
    kiln.build(context("FROM alpine\nLABEL a=b\n"), tag="variants", platform=ALL)
    top = kiln.inspect("variants")
    index = json.loads(kiln.blob(top["descriptor"]["digest"]))
    assert index["mediaType"] == top["descriptor"]["mediaType"] == "application/vnd.oci.image.index.v1+json"
    said = [(m["platform"]["os"], m["platform"]["architecture"], m["platform"].get("variant")) for m in index["manifests"]]
    assert said == [("linux", *ARCH[p]) for p in PLATFORMS]
    for p in PLATFORMS:
        config = kiln.config("variants", p)
        assert (config["os"], config["architecture"], config.get("variant")) == ("linux", *ARCH[p])


def test_automatic_arguments(kiln, context):
    names = "TARGETPLATFORM TARGETOS TARGETARCH TARGETVARIANT BUILDPLATFORM BUILDOS BUILDARCH BUILDVARIANT".split()
    kiln.build(context("FROM alpine\nARG " + " ".join(names) + "\nRUN echo " + " ".join(f'"${n}"' for n in names) + " > /args\n"),
               tag="args", platform=ALL)
    host_arch, host_variant = ARCH[HOST]
    for p in PLATFORMS:
        arch, variant = ARCH[p]
        words = [p, "linux", arch, variant or "", HOST, "linux", host_arch, host_variant or ""]
        assert kiln.run("args", "cat", "/args", platform=p).out == " ".join(words) + "\n"


def test_automatic_arguments_need_arg_and_can_be_overridden(kiln, context):
    c = context("FROM alpine\nRUN test -z \"$TARGETARCH\"\nARG TARGETARCH\nRUN test \"$TARGETARCH\" = mine\n")
    kiln.build(c, "--build-arg", "TARGETARCH=mine", platform="linux/arm64")


def test_one_platform_is_a_plain_manifest(kiln, context):
    kiln.build(context("FROM alpine\n"), tag="one", platform="linux/arm/v7")
    top = kiln.inspect("one")
    assert top["descriptor"]["mediaType"] == "application/vnd.oci.image.manifest.v1+json"
    assert [p["platform"] for p in top["platforms"]] == ["linux/arm/v7"]


@pytest.mark.parametrize("spelled, meant", [("linux/arm", "linux/arm/v7"), ("linux/armhf", "linux/arm/v7"),
                                            ("linux/arm64/v8", "linux/arm64"),
                                            ("linux/aarch64",
                                             "linux/arm64"), ("linux/x86_64", "linux/amd64"), ("arm64", "linux/arm64")])
def test_platform_spellings(kiln, context, spelled, meant):
    kiln.build(context("FROM scratch\nLABEL a=b\n"), tag="spelled", platform=spelled)
    assert [p["platform"] for p in kiln.inspect("spelled")["platforms"]] == [meant]


def test_a_platform_named_twice_is_built_once(kiln, context):
    kiln.build(context("FROM scratch\nLABEL a=b\n"), "--platform", "linux/arm64", tag="twice",
               platform="linux/amd64,linux/arm64,linux/amd64")
    assert [p["platform"] for p in kiln.inspect("twice")["platforms"]] == ["linux/amd64", "linux/arm64"]


def test_stage_of_another_platform(kiln, context):
    c = context("FROM --platform=linux/arm/v6 alpine AS six\nRUN uname -m > /six\n"
                "FROM --platform=$BUILDPLATFORM alpine AS here\nRUN uname -m > /here\n"
                "FROM alpine\nCOPY --from=six /six /\nCOPY --from=here /here /\nRUN uname -m > /target\n")
    kiln.build(c, tag="mixed", platform="linux/arm64,linux/arm/v7")
    for p in ("linux/arm64", "linux/arm/v7"):
        assert kiln.run("mixed", "cat", "/six", "/here", "/target",
                        platform=p).out.split() == ["armv6l", MACHINE[HOST], MACHINE[p]]


def test_v7_takes_a_v6_base_and_v6_never_a_v7_one(kiln, context, name):
    six = context("FROM alpine\nRUN uname -m > /of\n")
    kiln.build(six, "--push", tag=f"{name}:six", platform="linux/amd64,linux/arm/v6")
    kiln.build(six, "--push", tag=f"{name}:seven", platform="linux/amd64,linux/arm/v7")
    kiln.build(context(f"FROM {name}:six\nRUN uname -m >> /of\n"), tag="from-six", platform="linux/arm/v7")
    assert kiln.run("from-six", "cat", "/of", platform="linux/arm/v7").out.split() == ["armv6l", "armv7l"]
    r = kiln.build(context(f"FROM {name}:seven\nRUN true\n"), platform="linux/arm/v6", code=1)
    assert "linux/arm/v6" in r.err and "linux/arm/v7" in r.err and "linux/amd64" in r.err


def test_base_without_the_platform_lists_what_it_has(kiln, context, name):
    kiln.build(context("FROM alpine\nLABEL a=b\n"), "--push", tag=f"{name}:two", platform="linux/amd64,linux/arm/v7")
    r = kiln.build(context(f"# comment\nFROM {name}:two\n"), platform="linux/arm64", code=1)
    assert "Dockerfile:2" in r.err and "linux/amd64" in r.err and "linux/arm/v7" in r.err


@pytest.fixture(scope="module")
def movw(tmp_path_factory):
    """A program with an instruction that ARMv6 does not have. It exits with 7."""
    d = tmp_path_factory.mktemp("movw")
    (d / "movw.s").write_text("\t.arch armv7-a\n\t.syntax unified\n\t.global _start\n_start:\n\tmovw r0, #0x1234\n"
                              "\tmov r0, #7\n\tmov r7, #1\n\tsvc #0\n")
    run(["arm-linux-gnueabihf-as", "-o", d / "movw.o", d / "movw.s"])
    run(["arm-linux-gnueabihf-ld", "-static", "-o", d / "movw", d / "movw.o"])
    return (d / "movw").read_bytes()


def test_armv7_code_dies_on_v6_when_it_runs(kiln, context, movw):
    c = context("FROM scratch\nCOPY --chmod=755 movw /\nENTRYPOINT [\"/movw\"]\n", {"movw": movw})
    kiln.build(c, tag="movw", platform="linux/arm/v7,linux/arm/v6")
    kiln.run("movw", platform="linux/arm/v7", code=7)
    kiln.run("movw", platform="linux/arm/v6", code=128 + 4)


def test_armv7_code_dies_on_v6_when_it_is_built(kiln, context, movw):
    c = context("FROM alpine\nCOPY --chmod=755 movw /\nRUN /movw; test $? = 7\n", {"movw": movw})
    kiln.build(c, platform="linux/arm/v7")
    r = kiln.build(context("FROM scratch\nCOPY --chmod=755 movw /\nRUN [\"/movw\"]\n",
                           {"movw": movw}), platform="linux/arm/v6", code=1)
    assert "SIGILL" in r.err and "Dockerfile:3" in r.err


def test_emulated_programs_find_their_children(kiln, context):
    """An emulated shell starts emulated children, in scripts with an interpreter line too."""
    script = "#!/bin/sh\nuname -m\necho \"$0 $1 $2\"\n"
    c = context("FROM alpine\nCOPY --chmod=755 say /bin/\n"
                "RUN say 'a b' \"\" > /said && seq 1 5 | xargs -n 1 sh -c 'uname -m >> /many'\n", {"say": script})
    kiln.build(c, tag="children", platform=ALL)
    for p in PLATFORMS:
        assert kiln.run("children", "cat", "/said", "/many",
                        platform=p).out == f"{MACHINE[p]}\n/bin/say a b \n" + f"{MACHINE[p]}\n" * 5


def test_nothing_of_emulation_is_left_in_the_image(kiln, context):
    c = context("FROM alpine\nRUN true\nRUN find / -xdev -name '*qemu*' > /found; env > /env\n")
    kiln.build(c, tag="clean", platform="linux/arm/v6")
    assert kiln.run("clean", "cat", "/found", platform="linux/arm/v6").out == ""
    assert "Env" not in kiln.config("clean", "linux/arm/v6")["config"] or not [
        e for e in kiln.config("clean", "linux/arm/v6")["config"]["Env"] if "QEMU" in e]


@pytest.mark.parametrize("platform", ["windows/amd64", "linux/s390x", "linux/arm/v5", "linux/arm64/v7", "plan9", "linux/"])
def test_unknown_platforms(kiln, context, platform):
    r = kiln.build(context("FROM scratch\n"), platform=platform, code=2)
    assert f"platform {platform} is not supported" in r.err
    for p in PLATFORMS:
        assert p in r.err
