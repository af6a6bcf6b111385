// Two versions of a repository compared, for each platform.
import { Alert, Select } from "antd";
import type { Manifest } from "../../api";
import { useManifest } from "../../queries";
import { useShell } from "../../shell/text";
import { ChangePill, SizeChange } from "../../ui/change";
import { useParam } from "../../ui/cursor";
import { Page, Section } from "../../ui/page";
import { Nothing, Shown } from "../../ui/states";
import { Table } from "../../ui/table";
import { shortDigest, Size } from "../../ui/values";
import { repositoryUrl, splitCompared } from "../../urls";
import { useCrumbs } from "../repository/crumbs";
import { useScope } from "../repository/scope";
import { Choice, versionName } from "./choice";
import "./compare.css";
import { chosenPair, type Pair, pairImages } from "./diff";
import { Platform } from "./platform";
import { useText } from "./text";
import { Versions } from "./versions";

interface ComparedProps {
  repository: string;
  names: [string, string];
  tops: [Manifest, Manifest];
}

function usePairName() {
  const t = useText();
  return ({ key, platform }: Pair) =>
    key === platform ? key : `${platform ?? t("compare.artifact")} ${key.includes(":") ? shortDigest(key) : ""}`.trim();
}

function Platforms({ pairs }: { pairs: Pair[] }) {
  const t = useText();
  const nameOf = usePairName();
  return (
    <Section title={t("compare.platforms")}>
      <Table
        caption={t("compare.platforms")}
        rows={pairs}
        rowKey={({ key }) => key}
        columns={[
          { title: t("compare.platform"), render: nameOf },
          { title: t("compare.state"), render: ({ change }) => <ChangePill change={change}>{t(`compare.change.${change}`)}</ChangePill> },
          { title: t("compare.sizeFrom"), narrow: true, render: ({ a }) => <Size bytes={a?.totalSize} /> },
          { title: t("compare.sizeTo"), narrow: true, render: ({ b }) => <Size bytes={b?.totalSize} /> },
          { title: t("compare.sizeChange"), narrow: true, render: ({ a, b }) => <SizeChange from={a?.totalSize} to={b?.totalSize} /> },
        ]}
      />
    </Section>
  );
}

function PlatformField({ pairs, chosen }: { pairs: Pair[]; chosen: Pair }) {
  const t = useText();
  const nameOf = usePairName();
  const [, setPlatform] = useParam("platform");
  return (
    <div className="toolbar">
      <Select
        className="filter"
        aria-label={t("compare.platform")}
        value={chosen.key}
        onChange={setPlatform}
        options={pairs.map((pair) => ({ value: pair.key, label: nameOf(pair) }))}
      />
    </div>
  );
}

function Compared({ repository, names, tops: [a, b] }: ComparedProps) {
  const t = useText();
  const [platform] = useParam("platform");
  const pairs = pairImages(a.images, b.images);
  const chosen = chosenPair(pairs, platform);
  const shown: [string, string] = [versionName(names[0]), versionName(names[1])];
  const text = t("compare.identicalText", { a: shown[0], b: shown[1], digest: a.digest });
  return (
    <>
      {a.digest === b.digest ? (
        <Alert className="problem compare-identical" type="success" showIcon title={t("compare.identical")} description={text} />
      ) : null}
      <Versions
        repository={repository}
        versions={[
          { side: "from", name: names[0], top: a },
          { side: "to", name: names[1], top: b },
        ]}
      />
      {a.digest === b.digest ? null : chosen ? (
        <>
          <Platforms pairs={pairs} />
          <PlatformField pairs={pairs} chosen={chosen} />
          <Platform repository={repository} pair={chosen} names={shown} />
        </>
      ) : (
        <Nothing title={t("compare.noPlatforms")} />
      )}
    </>
  );
}

export default function Compare() {
  const t = useText();
  const shell = useShell();
  const { repository, params } = useScope();
  const name = repository.fullName;
  const [a, b] = splitCompared(params.versions ?? "");
  const one = useManifest(name, a || undefined);
  const other = useManifest(name, b || undefined);
  const crumbs = [...useCrumbs(name), { text: shell("shell.versions"), to: repositoryUrl(name, "versions") }];
  return (
    <Page title={t("compare.title")} crumbs={crumbs} lead={t("compare.lead")}>
      <Choice repository={name} a={a} b={b} />
      {a && b ? (
        <Shown query={one}>
          {(first) => <Shown query={other}>{(second) => <Compared repository={name} names={[a, b]} tops={[first, second]} />}</Shown>}
        </Shown>
      ) : (
        <Nothing title={t("compare.chooseTwo")}>
          <p>{t("compare.chooseTwoText")}</p>
        </Nothing>
      )}
    </Page>
  );
}
