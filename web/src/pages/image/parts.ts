// What a manifest and a configuration say. Both are what somebody pushed: every value may be of any type.
import type { Manifest, ManifestHistory, TagImage } from "../../api";

export type Fields = Record<string, unknown>;

export function fieldsOf(value: unknown): Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : {};
}

export function parse(content: string | null | undefined): Fields {
  try {
    return fieldsOf(JSON.parse(content ?? "{}"));
  } catch {
    return {};
  }
}

export function textOf(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}

/** A list of texts, or none. */
export function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((one): one is string => typeof one === "string") : [];
}

/** Names and texts, by name. */
export function pairsOf(value: unknown): Array<[string, string]> {
  return Object.entries(fieldsOf(value))
    .filter((pair): pair is [string, string] => typeof pair[1] === "string")
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

/** What the address calls an image of an index: its platform when no other has the same, else its digest. */
export function keyOf(image: TagImage, images: TagImage[]): string {
  const { platform } = image;
  return platform && images.filter((other) => other.platform === platform).length === 1 ? platform : image.digest;
}

/** The image that the address means; without one the first that runs somewhere. */
export function chosenOf(images: TagImage[], key: string): TagImage | undefined {
  const named = images.find((image) => keyOf(image, images) === key || image.digest === key);
  return named ?? images.find((image) => image.platform && !image.platform.startsWith("unknown/")) ?? images[0];
}

export interface LayerRow {
  key: string;
  instruction: string | null;
  comment: string | null;
  layer: Manifest["layers"][number] | null;
}

/** An instruction as its Dockerfile had it, without what builders put around it. */
export function instructionOf(createdBy: string | null): string | null {
  if (!createdBy) return null;
  return createdBy
    .replace(/^\/bin\/sh -c #\(nop\)\s+/, "")
    .replace(/^\/bin\/sh -c /, "RUN ")
    .replace(/ # buildkit$/, "");
}

const madeBy = (entry: ManifestHistory) => ({ instruction: instructionOf(entry.createdBy), comment: entry.comment });

/** The history with its layers, in order; layers that no entry made stand where they are in the image. */
export function layerRows({ layers, history }: Pick<Manifest, "layers" | "history">): LayerRow[] {
  const rows: LayerRow[] = [];
  let next = 0;
  const addUpTo = (end: number) => {
    for (; next < end; next += 1) {
      rows.push({ key: `layer ${next}`, instruction: null, comment: null, layer: layers[next] ?? null });
    }
  };
  history.forEach((entry, i) => {
    if (entry.layer !== null) {
      addUpTo(entry.layer);
      next = entry.layer + 1;
    }
    rows.push({ key: `entry ${i}`, ...madeBy(entry), layer: entry.layer === null ? null : (layers[entry.layer] ?? null) });
  });
  addUpTo(layers.length);
  return rows;
}

/** Bytes of the layers, each digest once; and of those that `shared` has. */
export function sizesOf(layers: Manifest["layers"], shared: (digest: string) => boolean) {
  const sizes = new Map(layers.map((layer) => [layer.digest, layer.size]));
  let total = 0;
  let common = 0;
  for (const [digest, size] of sizes) {
    total += size;
    if (shared(digest)) common += size;
  }
  return { total, common };
}
