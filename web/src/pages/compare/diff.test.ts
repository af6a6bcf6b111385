import { expect, test } from "vitest";
import type { Manifest, TagImage } from "../../api";
import { compareUrl, splitCompared } from "../../urls";
import { chosenPair, differences, layerChanges, pairImages, sumOf } from "./diff";

const image = (platform: string | null, digest: string): TagImage => ({ platform, digest, size: 1, layers: 1, totalSize: 1 });
const layer = (digest: string) => ({ digest, size: digest.length, mediaType: "m" });
const history = (n: number) =>
  Array.from({ length: n }, (_, i) => ({ createdBy: `RUN step ${i}`, createdAt: null, comment: null, layer: i }));
const layered = (digests: string[]) => ({ layers: digests.map(layer), history: history(digests.length) });
const configured = (config: unknown, annotations?: unknown) =>
  ({ content: JSON.stringify({ annotations }), config: { content: JSON.stringify({ config }) } }) as Manifest;
const told = (a: string, b: string) =>
  layerChanges(layered([...a]), layered([...b])).map((row) => ({ same: "", added: "+", removed: "-", changed: "?" })[row.change] + row.layer.digest).join(" ");

test("platforms stand side by side, those of one version too", () => {
  const pairs = pairImages(
    [image("linux/amd64", "1"), image("linux/arm64", "2"), image("linux/386", "3")],
    [image("linux/arm64", "2"), image("linux/amd64", "9"), image("linux/riscv64", "4")],
  );
  expect(pairs.map((pair) => `${pair.key} ${pair.change}`)).toEqual([
    "linux/amd64 changed",
    "linux/arm64 same",
    "linux/386 removed",
    "linux/riscv64 added",
  ]);
  expect(chosenPair(pairs, "linux/386")?.change).toBe("removed");
  expect(chosenPair(pairs, "nowhere")?.key).toBe("linux/amd64");
  expect(chosenPair([], "")).toBeUndefined();
});

test("an index beside an image, and platforms that two images have", () => {
  const pairs = pairImages([image("unknown/unknown", "x"), image("linux/amd64", "1")], [image("linux/amd64", "1")]);
  expect(chosenPair(pairs, "")?.change).toBe("same");
  const twice = pairImages([image(null, "x"), image(null, "y")], [image(null, "y")]);
  expect(twice.map((pair) => pair.change)).toEqual(["removed", "same"]);
});

test("layers are common, added and removed in their order", () => {
  expect(told("abc", "abc")).toBe("a b c");
  expect(told("abc", "axc")).toBe("a -b +x c");
  expect(told("ab", "abcd")).toBe("a b +c +d");
  expect(told("", "a")).toBe("+a");
  expect(told("abcde", "axcye")).toBe("a -b +x c -d +y e");
  expect(told("aab", "ab")).toBe("a -a b");
});

test("every layer has the instruction that made it, in the image that it is of", () => {
  const rows = layerChanges(layered(["a", "b"]), layered(["a", "x", "b"]));
  expect(rows.map((row) => row.instruction)).toEqual(["RUN step 0", "RUN step 1", "RUN step 2"]);
  expect(sumOf(rows, "same")).toEqual({ n: 2, bytes: 2 });
  expect(sumOf(rows, "added")).toEqual({ n: 1, bytes: 1 });
  expect(new Set(rows.map((row) => row.key)).size).toBe(3);
});

test("very many layers are not compared each with each", () => {
  const many = (from: number) => layered(Array.from({ length: 1200 }, (_, i) => `d${from + i}`));
  const rows = layerChanges(many(0), many(600));
  expect(sumOf(rows, "removed").n).toBe(1200);
});

test("configurations differ by name of variable, label and port", () => {
  const a = configured({ Env: ["PATH=/bin", "OLD=1", "X=a=b", "BARE"], Cmd: ["a b"], User: "app", ExposedPorts: { "80/tcp": {} }, Labels: { v: "1" } });
  const b = configured({ Env: ["X=c", "PATH=/bin", "BARE"], Cmd: ["a", "b"], ExposedPorts: { "80/tcp": {}, "81/tcp": {} }, Labels: { v: "2", n: "" } });
  expect(differences(a, b).map(({ field, name, a, b, change }) => [field, name, a, b, change])).toEqual([
    ["cmd", "", '["a b"]', '["a","b"]', "changed"],
    ["user", "", "app", null, "removed"],
    ["port", "81/tcp", null, "81/tcp", "added"],
    ["env", "OLD", "1", null, "removed"],
    ["env", "X", "a=b", "c", "changed"],
    ["label", "n", null, "", "added"],
    ["label", "v", "1", "2", "changed"],
  ]);
  expect(differences(a, a)).toEqual([]);
});

test("what is no configuration says nothing, and a base comes from annotation or label", () => {
  expect(differences({ content: "x", config: null } as Manifest, configured({ Env: "A=1", Labels: [1], ExposedPorts: null }))).toEqual([]);
  const base = "org.opencontainers.image.base.name";
  const rows = differences(configured({ Labels: { [base]: "alpine:1" } }), configured({}, { [base]: "alpine:2" }));
  expect(rows.map(({ field, a, b }) => [field, a, b])).toEqual([["base", "alpine:1", "alpine:2"]]);
});

test("versions whose names have dots come back from the address", () => {
  for (const [a, b] of [["1.0", "1.1"], ["a.", "b"], ["a...b", "c..d"], ["", "x"], ["x", ""], [`sha256:${"0".repeat(64)}`, "v.1."]] as const) {
    const page = compareUrl("n/r", a, b).split("/compare/")[1] ?? "";
    expect(splitCompared(decodeURIComponent(page))).toEqual([a, b]);
  }
  expect(splitCompared("one")).toEqual(["one", ""]);
});
