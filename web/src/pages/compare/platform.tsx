// One platform of both versions: its layers and its configuration.
import { Alert } from "antd";
import type { Manifest } from "../../api";
import { useManifest } from "../../queries";
import { ChangePill } from "../../ui/change";
import { Facts, Section } from "../../ui/page";
import { Nothing, Shown } from "../../ui/states";
import { type Column, Table } from "../../ui/table";
import { Digest, Size } from "../../ui/values";
import { type Difference, differences, type LayerChange, layerChanges, type Pair, sumOf } from "./diff";
import { useText } from "./text";

function Layers({ rows }: { rows: LayerChange[] }) {
  const t = useText();
  const sum = (change: "same" | "added" | "removed") => {
    const { n, bytes } = sumOf(rows, change);
    return (
      <span key={change}>
        {t("compare.count", { n })}, <Size bytes={bytes} />
      </span>
    );
  };
  const columns: Column<LayerChange>[] = [
    {
      title: t("compare.state"),
      narrow: true,
      render: ({ change }) => <ChangePill change={change}>{t(change === "same" ? "compare.common" : `compare.change.${change}`)}</ChangePill>,
    },
    {
      title: t("compare.instruction"),
      render: ({ instruction }) =>
        instruction ? <code className="compare-text">{instruction}</code> : <span className="quiet">{t("compare.unknownMaker")}</span>,
    },
    { title: t("compare.size"), narrow: true, render: ({ layer }) => <Size bytes={layer.size} /> },
    { title: t("compare.digest"), narrow: true, render: ({ layer }) => <Digest digest={layer.digest} /> },
  ];
  return (
    <Section title={t("compare.layers")}>
      {rows.length === 0 ? (
        <Nothing title={t("compare.noLayers")} />
      ) : (
        <div className="stack">
          <Facts
            items={[
              [t("compare.common"), sum("same")],
              [t("compare.added"), sum("added")],
              [t("compare.removed"), sum("removed")],
            ]}
          />
          <Table caption={t("compare.layers")} columns={columns} rows={rows} rowKey={({ key }) => key} />
        </div>
      )}
    </Section>
  );
}

function Value({ text }: { text: string | null }) {
  const t = useText();
  if (text === null) return <span className="quiet">{t("compare.none")}</span>;
  return <code className="compare-text">{text === "" ? '""' : text}</code>;
}

function Settings({ rows }: { rows: Difference[] }) {
  const t = useText();
  const columns: Column<Difference>[] = [
    {
      title: t("compare.setting"),
      render: ({ field, name }) => (
        <>
          {t(`compare.field.${field}`)} {name ? <code className="compare-text">{name}</code> : null}
        </>
      ),
    },
    {
      title: t("compare.state"),
      narrow: true,
      render: ({ change }) => <ChangePill change={change}>{t(`compare.change.${change}`)}</ChangePill>,
    },
    { title: t("compare.from"), render: ({ a }) => <Value text={a} /> },
    { title: t("compare.to"), render: ({ b }) => <Value text={b} /> },
  ];
  return (
    <Section title={t("compare.settings")}>
      {rows.length === 0 ? (
        <p className="calm">{t("compare.noSettings")}</p>
      ) : (
        <Table caption={t("compare.settings")} columns={columns} rows={rows} rowKey={({ key }) => key} />
      )}
    </Section>
  );
}

function Both({ a, b }: { a: Manifest; b: Manifest }) {
  const t = useText();
  if (a.kind === "INDEX" || b.kind === "INDEX") return <Alert type="info" showIcon title={t("compare.innerIndex")} />;
  const layers = layerChanges(a, b);
  const settings = differences(a, b);
  const isSame = a.config?.digest === b.config?.digest && layers.every(({ change }) => change === "same");
  return (
    <>
      {isSame ? <Alert className="problem" type="success" showIcon title={t("compare.sameContent")} /> : null}
      <Layers rows={layers} />
      <Settings rows={settings} />
    </>
  );
}

/** `names` are those of the versions. */
export function Platform({ repository, pair, names }: { repository: string; pair: Pair; names: [string, string] }) {
  const t = useText();
  const a = useManifest(repository, pair.a?.digest);
  const b = useManifest(repository, pair.b?.digest);
  const platform = pair.platform ?? t("compare.artifact");
  if (!pair.a || !pair.b) {
    const title = pair.b ? t("compare.onlyTo", { platform, version: names[1] }) : t("compare.onlyFrom", { platform, version: names[0] });
    return <Alert type="info" showIcon title={title} />;
  }
  if (pair.change === "same") return <Alert type="success" showIcon title={t("compare.samePlatform", { platform })} />;
  return <Shown query={a}>{(one) => <Shown query={b}>{(other) => <Both a={one} b={other} />}</Shown>}</Shown>;
}
