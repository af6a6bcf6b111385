// What the build made: tags, index, the manifest of each architecture, and which layers they share.
import { Link } from "react-router";
import type { Build, BuildJob, BuildStep } from "../../api";
import { useCommon } from "../../i18n/common";
import { versionUrl } from "../../urls";
import { Facts, Section } from "../../ui/page";
import { Nothing } from "../../ui/states";
import { Command, Digest, Size, StatePill } from "../../ui/values";
import { KeyTable } from "./KeyTable";
import { shortPlatform } from "./model";
import { Previous } from "./Previous";
import { useBuildText } from "./text";

export function Result({ build, steps, repository }: { build: Build; steps: BuildStep[]; repository: string }) {
  const t = useBuildText();
  const made = build.jobs.filter((j) => j.digest);
  if (!made.length) return <Nothing title={t("build.noResult")} />;
  return (
    <>
      {build.digest ? <Published build={build} repository={repository} /> : null}
      {build.digest && build.ruleId ? <Previous build={build} digest={build.digest} rule={build.ruleId} repository={repository} /> : null}
      <Section title={t("build.images")}>
        <Images jobs={build.jobs} steps={steps} />
      </Section>
      <Section title={t("build.layers")}>
        <Layers steps={steps} total={build.jobs.length} />
      </Section>
    </>
  );
}

function Published({ build, repository }: { build: Build; repository: string }) {
  const t = useBuildText();
  return (
    <Section title={t("build.published")}>
      <Facts
        items={[
          [t("build.digest"), <Digest key="d" digest={build.digest ?? ""} />],
          [
            t("build.tags"),
            build.tags.map((tag) => (
              <Link key={tag} className="chip" to={versionUrl(repository, tag)}>
                {tag}
              </Link>
            )),
          ],
        ]}
      />
      <div className="build-pull">
        {build.tags.slice(0, 1).map((tag) => (
          <Command key={tag} text={`docker pull ${location.host}/${repository}:${tag}`} what={t("build.pull")} />
        ))}
      </div>
    </Section>
  );
}

function Images({ jobs, steps }: { jobs: BuildJob[]; steps: BuildStep[] }) {
  const t = useBuildText();
  return (
    <KeyTable caption={t("build.images")} columns={["platforms", "state", "manifest", "own", "shared"]}>
      {jobs.map((job) => (
        <tr key={job.platform}>
          <td>{job.platform}</td>
          <td>
            <StatePill state={job.state} />
          </td>
          <td>{job.digest ? <Digest digest={job.digest} /> : "–"}</td>
          <td>
            <Size bytes={sum(layersOf(steps).filter((l) => l.platforms.length === 1 && l.platforms[0] === job.platform))} />
          </td>
          <td>
            <Size bytes={sum(layersOf(steps).filter((l) => l.platforms.length > 1 && l.platforms.includes(job.platform)))} />
          </td>
        </tr>
      ))}
    </KeyTable>
  );
}

interface Layer {
  digest: string;
  size: number;
  text: string;
  platforms: string[];
  isNew: boolean;
}

const sum = (layers: Layer[]) => layers.reduce((all, l) => all + l.size, 0);

/** The layers of the steps, each once, with all platforms that have it. */
function layersOf(steps: BuildStep[]): Layer[] {
  const layers = new Map<string, Layer>();
  for (const s of steps) {
    if (!s.digest || s.size === null) continue;
    const old = layers.get(s.digest);
    const platforms = [...new Set([...(old?.platforms ?? []), ...s.platforms])];
    layers.set(s.digest, { digest: s.digest, size: s.size, text: s.text, platforms, isNew: old?.isNew || s.state !== "cached" });
  }
  return [...layers.values()];
}

function Layers({ steps, total }: { steps: BuildStep[]; total: number }) {
  const t = useBuildText();
  const c = useCommon();
  const layers = layersOf(steps);
  const most = Math.max(1, ...layers.map((l) => l.size));
  if (!layers.length) return <p className="quiet">{t("build.noLayers")}</p>;
  return (
    <KeyTable caption={t("build.layers")} columns={["instruction", "size", "digest", "platforms", "cache"]}>
      {layers.map((l) => (
        <tr key={l.digest}>
          <td>
            <code className="layer-text">{l.text}</code>
          </td>
          <td>
            <Size bytes={l.size} /> <meter className="layer-size" min={0} max={most} value={l.size} aria-label={t("build.column.size")} />
          </td>
          <td>
            <Digest digest={l.digest} />
          </td>
          <td>{l.platforms.length === total && total > 1 ? t("build.sharedByAll") : l.platforms.map(shortPlatform).join(", ")}</td>
          <td>{l.isNew ? t("build.new") : c("common.state.cached")}</td>
        </tr>
      ))}
    </KeyTable>
  );
}
