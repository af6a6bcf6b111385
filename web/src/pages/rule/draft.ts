// A build rule while one edits it, and how it becomes a request.
import type { Rule, RuleRequest } from "../../api";

export interface TagDraft {
  version: string;
  buildTime: "YYYYMMDD" | "YYYYMMDDHHMM" | null;
  commitId: number | null;
}

export interface RuleDraft {
  refType: "GIT_BRANCH" | "GIT_TAG";
  pattern: string;
  match: "name" | "expression";
  dockerfileDirectory: string;
  dockerfileName: string;
  imageTags: TagDraft[];
  platforms: string[];
  buildArgs: Array<{ name: string; value: string }>;
  policy: Rule["policy"];
  newerPush: Rule["newerPush"];
  timeLimitMinutes: number;
  rebuildOnBaseUpdate: boolean;
}

export const MAX_TAGS = 3;
export const MAX_ARGS = 20;
export const COMMIT_MIN = 6;
export const COMMIT_MAX = 40;

export const NEW_TAG: TagDraft = { version: "latest", buildTime: null, commitId: null };

export const NEW_RULE: RuleDraft = {
  refType: "GIT_BRANCH",
  pattern: "main",
  match: "name",
  dockerfileDirectory: "/",
  dockerfileName: "Dockerfile",
  imageTags: [NEW_TAG],
  platforms: ["linux/amd64"],
  buildArgs: [],
  policy: "all",
  newerPush: "cancel",
  timeLimitMinutes: 60,
  rebuildOnBaseUpdate: false,
};

export function draftOf(rule: Rule): RuleDraft {
  return {
    refType: rule.refType,
    pattern: rule.pattern,
    match: rule.match,
    dockerfileDirectory: rule.dockerfileDirectory,
    dockerfileName: rule.dockerfileName,
    imageTags: rule.imageTags,
    platforms: rule.platforms,
    buildArgs: rule.buildArgs,
    policy: rule.policy,
    newerPush: rule.newerPush,
    timeLimitMinutes: Math.round(rule.timeLimitSeconds / 60),
    rebuildOnBaseUpdate: rule.rebuildOnBaseUpdate,
  };
}

export function requestOf({ timeLimitMinutes, ...draft }: RuleDraft): RuleRequest {
  return {
    ...draft,
    buildArgs: draft.buildArgs.filter((arg) => arg.name !== ""),
    timeLimitSeconds: timeLimitMinutes * 60,
  };
}

/** The tag as one line, as the server writes it. */
export function templateOf(tag: TagDraft): string {
  const time = tag.buildTime === "YYYYMMDD" ? "yyyyMMdd" : "yyyyMMddHHmm";
  return [tag.version, tag.buildTime ? `\${GIT_PUSH_DATE:${time}}` : "", tag.commitId ? `\${GIT_COMMIT_ID:${tag.commitId}}` : ""]
    .filter(Boolean)
    .join("-");
}

/** Whether a name looks like an expression. No branch has these characters but for +, ( and ). */
export const looksLikeExpression = (pattern: string) => /[*?[\]{}|^$\\]|\(\?/.test(pattern);

export const groupsOf = (pattern: string) => [...pattern.matchAll(/\(\?P?<([A-Za-z_]\w*)>/g)].map((m) => m[1] ?? "");
