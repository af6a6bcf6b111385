// The two versions: their digests, and which builds made them of what.
import { Link } from "react-router";
import type { Build, Manifest } from "../../api";
import { useSucceeded } from "../../queries-builds";
import { Ref } from "../../ui/domain";
import { Section } from "../../ui/page";
import { Table } from "../../ui/table";
import { Commit, Digest, Time } from "../../ui/values";
import { buildUrl, manifestUrl, versionUrl } from "../../urls";
import { versionName } from "./choice";
import { useText } from "./text";

interface Version {
  side: "from" | "to";
  name: string;
  top: Manifest;
}

const makes = (digest: string) => (build: Build) => build.digest === digest || build.jobs.some((job) => job.digest === digest);

export function Versions({ repository, versions }: { repository: string; versions: Version[] }) {
  const t = useText();
  const builds = useSucceeded(repository).data ?? [];
  const buildOf = ({ top }: Version) => builds.find(makes(top.digest));
  const url = (name: string) => (name.includes(":") ? manifestUrl(repository, name) : versionUrl(repository, name));
  return (
    <Section title={t("compare.versions")}>
      <Table
        caption={t("compare.versions")}
        rows={versions}
        rowKey={({ side }) => side}
        columns={[
          {
            title: t("compare.version"),
            render: ({ side, name }) => (
              <>
                <span className="quiet">{t(`compare.${side}`)}</span>{" "}
                <Link to={url(name)} className="strong">
                  <code>{versionName(name)}</code>
                </Link>
              </>
            ),
          },
          { title: t("compare.digest"), render: ({ top }) => <Digest digest={top.digest} /> },
          {
            title: t("compare.build"),
            render: (version) => {
              const build = buildOf(version);
              if (!build) return <span className="quiet">{t("compare.noBuild")}</span>;
              return (
                <>
                  <Link to={buildUrl(repository, build.id)}>{build.id.slice(0, 8)}</Link>
                  <p className="quiet">
                    <Time at={build.endedAt} />
                  </p>
                </>
              );
            },
          },
          {
            title: t("compare.source"),
            render: (version) => {
              const build = buildOf(version);
              if (!build) return <span className="quiet">–</span>;
              return (
                <>
                  <Ref name={build.ref} /> <Commit id={build.commit} />
                </>
              );
            },
          },
        ]}
      />
    </Section>
  );
}
