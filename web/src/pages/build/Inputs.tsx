// What the build was made from: commit, settings of that time, arguments, the images that its bases were, where it ran.
import { RiseOutlined } from "@ant-design/icons";
import type { Build, BuildStep } from "../../api";
import { useBases, useBinding } from "../../queries";
import { Platforms } from "../../ui/domain";
import { Facts, Section } from "../../ui/page";
import { Pill } from "../../ui/pill";
import { Commit, CopyButton, Digest, Time } from "../../ui/values";
import { KeyTable } from "./KeyTable";
import { basesOf, fileOf, isOld } from "./model";
import { useBuildText } from "./text";

interface InputsProps {
  build: Build;
  steps: BuildStep[];
  /** Whether the repository has a code source. */
  canBuild: boolean;
}

export function Inputs({ build, steps, canBuild }: InputsProps) {
  const t = useBuildText();
  return (
    <>
      <Section title={t("build.code")}>
        <Code build={build} canBuild={canBuild} />
      </Section>
      <Section title={t("build.bases")}>
        <Bases build={build} steps={steps} />
      </Section>
      <Section title={t("build.args")}>
        <Args build={build} />
      </Section>
      <Section title={t("build.settings")}>
        <Settings build={build} />
      </Section>
      <Section title={t("build.ranOn")}>
        <Workers build={build} />
      </Section>
    </>
  );
}

function Code({ build, canBuild }: { build: Build; canBuild: boolean }) {
  const t = useBuildText();
  const binding = useBinding(build.repository, canBuild).data;
  const name = binding?.sourceId === build.sourceId ? binding.source : build.sourceId;
  return (
    <Facts
      items={[
        [t("build.source"), build.sourceId ? <code key="s">{name}</code> : t("build.sourceGone")],
        [t("build.ref"), <code key="r">{build.ref}</code>],
        [t("build.commit"), <span key="c" className="row"><Commit id={build.commit} /><CopyButton text={build.commit} what={t("build.commit")} /></span>],
        [t("build.pushed"), <Time key="p" at={build.pushedAt} />],
        [t("build.context"), <code key="d">{build.dockerfileDirectory}</code>],
        [t("build.file"), <code key="f">{fileOf(build)}</code>],
      ]}
    />
  );
}

function Bases({ build, steps }: { build: Build; steps: BuildStep[] }) {
  const t = useBuildText();
  const bases = basesOf(steps);
  const known = useBases(build.repository).data ?? [];
  if (!bases.length) return <p className="hint">{t("build.noBases")}</p>;
  return (
    <>
      <p className="hint">{t("build.basesHint")}</p>
      <KeyTable caption={t("build.bases")} columns={["base", "digest", "platforms"]}>
        {bases.map(({ name, digest, platforms }) => (
          <tr key={`${name} ${digest}`}>
            <td>
              <code>{name}</code>
            </td>
            <td>
              {digest ? <Digest digest={digest} /> : "–"}
              {isOld(known, name, digest) ? (
                <Pill tone="wait" icon={<RiseOutlined />}>
                  {t("build.newerBase")}
                </Pill>
              ) : null}
            </td>
            <td>
              <Platforms platforms={platforms} />
            </td>
          </tr>
        ))}
      </KeyTable>
    </>
  );
}

function Args({ build }: { build: Build }) {
  const t = useBuildText();
  if (!build.buildArgs.length) return <p className="hint">{t("build.noArgs")}</p>;
  return (
    <KeyTable caption={t("build.args")} columns={["name", "value"]}>
      {build.buildArgs.map(({ name, value }) => (
        <tr key={name}>
          <td>
            <code>{name}</code>
          </td>
          <td>
            <code className="build-value">{value}</code>
          </td>
        </tr>
      ))}
    </KeyTable>
  );
}

function Settings({ build }: { build: Build }) {
  const t = useBuildText();
  return (
    <Facts
      items={[
        [t("build.cache"), t(build.noCache ? "build.cacheOff" : "build.cacheOn")],
        [t("build.emulation"), t(build.emulation ? "build.emulationOn" : "build.emulationOff")],
        [t("build.policy"), t(`build.policy.${build.policy}`)],
        [t("build.pool"), build.pool || t("build.anyPool")],
        [t("build.priority"), build.priority],
        [t("build.timeLimit"), t("build.minutes", { n: Math.round(build.timeLimitSeconds / 60) })],
      ]}
    />
  );
}

function Workers({ build }: { build: Build }) {
  const t = useBuildText();
  return (
    <KeyTable caption={t("build.ranOn")} columns={["platforms", "worker", "processor", "queued", "attempts"]}>
      {build.jobs.map((job) => (
        <tr key={job.platform}>
          <td>{job.platform}</td>
          <td>{job.worker ?? "–"}</td>
          <td>{job.native === null ? "–" : t(job.native ? "build.native" : "build.emulated")}</td>
          <td>
            <Time at={job.queuedAt} />
          </td>
          <td>{job.attempt}</td>
        </tr>
      ))}
    </KeyTable>
  );
}
