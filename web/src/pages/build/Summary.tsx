// The facts of a build, and the sentence about its state.
import { Link } from "react-router";
import type { Build } from "../../api";
import { Facts } from "../../ui/page";
import { Commit, CopyButton, Digest, Duration, Time } from "../../ui/values";
import { useRule } from "../../queries";
import { buildUrl, ruleUrl } from "../../urls";
import { sentenceOf, shortRef } from "./model";
import { type BuildText, useBuildText } from "./text";

export function sentence(t: BuildText, build: Build): string {
  const { key, ...values } = sentenceOf(build);
  return t(`build.sentence.${key}`, values);
}

export function Summary({ build, repository }: { build: Build; repository: string }) {
  const t = useBuildText();
  const rule = useRule(repository, build.ruleId ?? undefined);
  const other = (id: string | null) => (id ? <Link to={buildUrl(repository, id)}>{id.slice(0, 8)}</Link> : null);
  const rows: Array<[string, React.ReactNode]> = [
    [t("build.rule"), build.ruleId ? <Link to={ruleUrl(repository, build.ruleId)}>{rule.data?.pattern ?? build.ruleId}</Link> : "–"],
    [t("build.trigger"), t(`build.trigger.${build.trigger}`, { who: build.actor })],
    [t("build.ref"), <code key="r">{shortRef(build.ref)}</code>],
    [t("build.commit"), <span key="c" className="row"><Commit id={build.commit} /><CopyButton text={build.commit} what={t("build.commit")} /></span>],
    [t("build.tags"), <Tags key="t" build={build} />],
    [t("build.created"), <Time key="a" at={build.createdAt} />],
    [t("build.elapsed"), <Duration key="e" from={build.startedAt} to={build.endedAt} />],
  ];
  if (build.digest) rows.push([t("build.digest"), <Digest key="d" digest={build.digest} />]);
  if (build.rerunOf) rows.push([t("build.rerunOf"), other(build.rerunOf)]);
  if (build.waitsFor) rows.push([t("build.waitsFor"), other(build.waitsFor)]);
  if (build.supersededBy) rows.push([t("build.supersededBy"), other(build.supersededBy)]);
  return (
    <section className="build-facts" aria-label={t("build.facts")}>
      <Facts items={rows} />
    </section>
  );
}

function Tags({ build }: { build: Build }) {
  const t = useBuildText();
  if (!build.tags.length) return <>–</>;
  return (
    <span className="row">
      {build.tags.map((tag) => (
        <span key={tag} className="row">
          <span className="chip">{tag}</span>
          <CopyButton text={`${location.host}/${build.repository}:${tag}`} what={t("build.image", { tag })} />
        </span>
      ))}
    </span>
  );
}
