// The layers in order, what made each, and which of the other platforms have it too.
import { Alert } from "antd";
import type { ReactNode } from "react";
import type { Manifest, TagImage } from "../../api";
import { useManifests } from "../../queries";
import { Platforms } from "../../ui/domain";
import { Facts, Section } from "../../ui/page";
import { Nothing } from "../../ui/states";
import { type Column, Table } from "../../ui/table";
import { Digest, Size } from "../../ui/values";
import { type LayerRow, layerRows, sizesOf } from "./parts";
import { useText } from "./text";

/** The names of those that have a layer, by its digest. */
function useOthers(repository: string, others: TagImage[]) {
  const queries = useManifests(repository, others.map((other) => other.digest));
  const having = new Map<string, Set<string>>();
  queries.forEach((query, i) => {
    const other = others[i];
    if (!query.data || !other) return;
    for (const { digest } of query.data.layers) {
      having.set(digest, (having.get(digest) ?? new Set()).add(other.platform ?? other.digest.slice(0, 19)));
    }
  });
  return { having, failed: queries.filter((query) => query.error).length };
}

function Made({ row }: { row: LayerRow }) {
  const t = useText();
  if (!row.instruction && !row.comment) return <span className="quiet">{t("image.unknownMaker")}</span>;
  return (
    <div>
      {row.instruction ? <code className="image-instruction">{row.instruction}</code> : null}
      {row.comment ? <p className="quiet image-instruction">{row.comment}</p> : null}
    </div>
  );
}

export function Layers({ repository, image, others }: { repository: string; image: Manifest; others: TagImage[] }) {
  const t = useText();
  const { having, failed } = useOthers(repository, others);
  const rows = layerRows(image);
  const largest = Math.max(1, ...image.layers.map((layer) => layer.size));
  const { total, common } = sizesOf(image.layers, (digest) => having.has(digest));
  const known = image.history.some((entry) => entry.layer !== null);
  const none = known || image.layers.length === 0 ? t("image.noLayer") : t("image.unknownLayer");
  const columns: Column<LayerRow>[] = [
    { title: t("image.instruction"), render: (row) => <Made row={row} /> },
    {
      title: t("image.size"),
      narrow: true,
      render: (row) =>
        row.layer ? (
          <div>
            <Size bytes={row.layer.size} />
            <meter className="image-bar" min={0} max={largest} value={row.layer.size} aria-label={t("image.bar")} />
          </div>
        ) : (
          <span className="quiet">{none}</span>
        ),
    },
    { title: t("image.digest"), narrow: true, render: (row) => (row.layer ? <Digest digest={row.layer.digest} /> : "–") },
  ];
  if (others.length > 0) {
    columns.push({
      title: t("image.sharedWith"),
      render: (row) => {
        const names = row.layer ? [...(having.get(row.layer.digest) ?? [])] : [];
        return names.length > 0 ? <Platforms platforms={names} /> : <span className="quiet">–</span>;
      },
    });
  }
  if (rows.length === 0) return <Nothing title={t("image.noLayers")} />;
  return (
    <Section title={t("image.layers")}>
      <div className="stack">
        <Facts
          items={[
            [t("image.count"), image.layers.length],
            [t("image.total"), <Size key="v" bytes={total} />],
            ...(others.length > 0 ? [[t("image.common"), <Size key="v" bytes={common} />] as [string, ReactNode]] : []),
          ]}
        />
        {failed > 0 ? <Alert type="warning" showIcon title={t("image.othersFailed", { n: failed })} /> : null}
        <Table caption={t("image.layers")} columns={columns} rows={rows} rowKey={(row) => row.key} />
      </div>
    </Section>
  );
}
