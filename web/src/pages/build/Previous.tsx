// What changed against the build before of the same rule: the size for each architecture, and the way to all the rest.
import { Link } from "react-router";
import { type Build, type Manifest, withQuery } from "../../api";
import { LOOKED_AT, useSucceeded } from "../../queries-builds";
import { useManifest } from "../../queries";
import { buildUrl, compareUrl } from "../../urls";
import { SizeChange } from "../../ui/change";
import { Ref } from "../../ui/domain";
import { Facts, Section } from "../../ui/page";
import { Shown } from "../../ui/states";
import { Commit, Size, Time } from "../../ui/values";
import { pairImages } from "../compare/diff";
import { KeyTable } from "./KeyTable";
import { previousOf } from "./model";
import { useBuildText } from "./text";

function Sizes({ before, now }: { before: Manifest; now: Manifest }) {
  const t = useBuildText();
  return (
    <KeyTable caption={t("build.previous")} columns={["platforms", "before", "now", "change"]}>
      {pairImages(before.images, now.images).map(({ key, platform, a, b }) => (
        <tr key={key}>
          <td>{platform ?? "–"}</td>
          <td>
            <Size bytes={a?.totalSize} />
          </td>
          <td>
            <Size bytes={b?.totalSize} />
          </td>
          <td>
            <SizeChange from={a?.totalSize} to={b?.totalSize} />
          </td>
        </tr>
      ))}
    </KeyTable>
  );
}

function Against({ previous, before, digest, repository }: { previous: Build; before: string; digest: string; repository: string }) {
  const t = useBuildText();
  const old = useManifest(repository, before);
  const now = useManifest(repository, digest);
  return (
    <div className="stack">
      <Facts
        items={[
          [t("build.previousBuild"), <Link key="v" to={buildUrl(repository, previous.id)}>{previous.id.slice(0, 8)}</Link>],
          [t("build.ref"), <Ref key="v" name={previous.ref} />],
          [t("build.commit"), <Commit key="v" id={previous.commit} />],
          [t("build.created"), <Time key="v" at={previous.createdAt} />],
        ]}
      />
      {before === digest ? (
        <p className="calm">{t("build.previousSame")}</p>
      ) : (
        <>
          <Shown query={old} rows={2}>
            {(one) => <Shown query={now} rows={2}>{(other) => <Sizes before={one} now={other} />}</Shown>}
          </Shown>
          <Link to={compareUrl(repository, before, digest)}>{t("build.previousCompare")}</Link>
        </>
      )}
    </div>
  );
}

export function Previous({ build, digest, rule, repository }: { build: Build; digest: string; rule: string; repository: string }) {
  const t = useBuildText();
  const query = useSucceeded(repository, rule);
  return (
    <Section
      title={t("build.previous")}
      actions={<Link to={withQuery("/builds", { repository, rule })}>{t("build.previousAll")}</Link>}
    >
      <Shown query={query} rows={2}>
        {(builds) => {
          const previous = previousOf(build, builds);
          if (!previous?.digest) return <p className="quiet">{t("build.previousFirst", { n: LOOKED_AT })}</p>;
          return <Against previous={previous} before={previous.digest} digest={digest} repository={repository} />;
        }}
      </Shown>
    </Section>
  );
}
