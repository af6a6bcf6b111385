import { expect, test } from "vitest";
import { chosenOf, fieldsOf, instructionOf, keyOf, layerRows, pairsOf, sizesOf, textsOf } from "./parts";
import { digestOf } from "./verify";

const layer = (digest: string, size = 1) => ({ digest, size, mediaType: "m" });
const entry = (createdBy: string, at: number | null) => ({ createdBy, createdAt: null, comment: null, layer: at });
const image = (platform: string | null, digest: string) => ({ platform, digest, size: 1, layers: 1, totalSize: 1 });

test("layers stand in the order of the image, beside the instruction that made each", () => {
  const rows = layerRows({
    layers: [layer("a"), layer("b"), layer("c")],
    history: [entry("/bin/sh -c #(nop)  ENV A=1", null), entry("RUN make # buildkit", 1)],
  });
  expect(rows.map((row) => [row.instruction, row.layer?.digest])).toEqual([
    ["ENV A=1", undefined],
    [null, "a"],
    ["RUN make", "b"],
    [null, "c"],
  ]);
  expect(instructionOf("/bin/sh -c apk add x")).toBe("RUN apk add x");
});

test("a layer that is there twice counts once", () => {
  const layers = [layer("a", 10), layer("b", 5), layer("a", 10)];
  expect(sizesOf(layers, (digest) => digest === "a")).toEqual({ total: 15, common: 10 });
});

test("a platform names an image unless two have it", () => {
  const images = [image("unknown/unknown", "1"), image("unknown/unknown", "2"), image("linux/amd64", "3")];
  expect(images.map((one) => keyOf(one, images))).toEqual(["1", "2", "linux/amd64"]);
  expect(chosenOf(images, "")?.digest).toBe("3");
  expect(chosenOf(images, "2")?.digest).toBe("2");
});

test("values of other types are none", () => {
  expect(fieldsOf([1])).toEqual({});
  expect(textsOf("sh")).toEqual([]);
  expect(textsOf(["sh", 1, null])).toEqual(["sh"]);
  expect(pairsOf({ b: "2", a: "1", c: { d: 1 } })).toEqual([["a", "1"], ["b", "2"]]);
});

test("the digest of bytes", async () => {
  const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
  expect(await digestOf("sha256", "")).toBe(`sha256:${empty}`);
  await expect(digestOf("md5", "")).rejects.toThrow();
});
