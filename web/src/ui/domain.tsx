// Small parts about the service's nouns, which several pages show.
import { BranchesOutlined, LockOutlined, TagOutlined, UnlockOutlined } from "@ant-design/icons";
import { Link } from "react-router";
import type { Build, Platform, Repository } from "../api";
import { useDomain } from "../i18n/domain";
import { buildUrl } from "../urls";

export const PLATFORMS = ["linux/amd64", "linux/arm64", "linux/arm/v7", "linux/arm/v6"];

export function Platforms({ platforms }: { platforms: Platform[] }) {
  return (
    <span className="chips">
      {platforms.map((platform) => (
        <span key={platform} className="chip">
          {platform}
        </span>
      ))}
    </span>
  );
}

export function RepositoryType({ type }: { type: Repository["type"] }) {
  const t = useDomain();
  return type === "PUBLIC" ? (
    <span className="nowrap">
      <UnlockOutlined aria-hidden="true" /> {t("domain.public")}
    </span>
  ) : (
    <span className="nowrap">
      <LockOutlined aria-hidden="true" /> {t("domain.private")}
    </span>
  );
}

export const shortRef = (ref: string) => ref.replace(/^refs\/(heads|tags)\//, "");
export const isTagRef = (ref: string) => ref.startsWith("refs/tags/");

export function Ref({ name }: { name: string }) {
  const t = useDomain();
  const tag = isTagRef(name);
  const kind = t(tag ? "domain.tag" : "domain.branch");
  return (
    <span title={kind}>
      {tag ? <TagOutlined aria-label={kind} /> : <BranchesOutlined aria-label={kind} />} <code>{shortRef(name)}</code>
    </span>
  );
}

/** "Build 1a2b3c4d", which leads to its page. */
export function BuildLink({ repository, id }: { repository: string; id: string }) {
  const t = useDomain();
  return <Link to={buildUrl(repository, id)}>{t("domain.build", { id: id.slice(0, 8) })}</Link>;
}

/** What a build is at, in one sentence. */
export function useBuildSentence() {
  const t = useDomain();
  return (build: Build): string => {
    const done = build.jobs.filter((job) => job.state === "done").length;
    const n = build.jobs.length;
    const failed = build.jobs.filter((job) => job.state === "failed").map((job) => job.platform);
    switch (build.status) {
      case "PENDING":
        return t(build.waitsFor && build.queuePosition === null ? "domain.waitsForOther" : "domain.waitsForWorker");
      case "BUILDING":
        return t("domain.partly", { done, n });
      case "SUCCESS":
        return t("domain.succeeded", { n: done });
      case "FAILED":
        return build.error?.text ?? t("domain.failedOn", { platforms: failed.join(", ") });
      case "CANCELED":
        if (build.supersededBy) return t("domain.superseded");
        return build.canceledBy ? t("domain.canceledBy", { name: build.canceledBy }) : t("domain.canceled");
    }
  };
}

