// What the wizard asks for, and how it becomes requests.
import {
  api,
  type Binding,
  type NewRepository,
  path,
  type Repository,
  type RuleRequest,
  type SourceCreated,
  type SourceCredential,
  type SourceProvider,
} from "../../api";

export interface RepositoryDraft {
  namespace: string;
  name: string;
  type: "PUBLIC" | "PRIVATE";
  immutable: boolean;
  accelerated: boolean;
  summary: string;
  description: string;
  provider: SourceProvider | "NONE";
  /** A source that is there already; empty: a new one. */
  sourceId: string;
  url: string;
  credential: SourceCredential;
  username: string;
  secret: string;
  autoBuild: boolean;
  overseas: boolean;
  noCache: boolean;
  withRule: boolean;
  branch: string;
  tag: string;
  platforms: string[];
}

export const FIRST: RepositoryDraft = {
  namespace: "",
  name: "",
  type: "PRIVATE",
  immutable: false,
  accelerated: false,
  summary: "",
  description: "",
  provider: "KILN",
  sourceId: "",
  url: "",
  credential: "none",
  username: "",
  secret: "",
  autoBuild: true,
  overseas: false,
  noCache: false,
  withRule: true,
  branch: "main",
  tag: "latest",
  platforms: ["linux/amd64"],
};

export const PROVIDERS: Array<SourceProvider | "NONE"> = [
  "KILN",
  "GITHUB",
  "GITLAB",
  "GITEA",
  "GITEE",
  "BITBUCKET",
  "BITBUCKET_SERVER",
  "CODEUP",
  "GIT",
  "NONE",
];

/** What was made so far: when a later request fails, trying again goes on from there. */
export interface Made {
  repository?: Repository;
  source?: SourceCreated;
  binding?: Binding;
  rule?: boolean;
}

function repositoryOf(draft: RepositoryDraft): NewRepository {
  const { namespace, name, type, immutable, accelerated, summary, description } = draft;
  return { namespace, name, type, immutable, accelerated, summary, description };
}

function sourceOf(draft: RepositoryDraft) {
  const { namespace, name, url, credential, username, secret } = draft;
  const login = credential === "password" ? { username: username || undefined, secret: secret || undefined } : {};
  return { namespace, name, provider: draft.provider, url: url.trim(), credential, ...login };
}

function ruleOf(draft: RepositoryDraft): RuleRequest {
  return {
    refType: "GIT_BRANCH",
    pattern: draft.branch,
    match: "name",
    platforms: draft.platforms,
    imageTags: [{ version: draft.tag, buildTime: null, commitId: null }],
  };
}

/** Makes what is not in `made` yet, and notes it there. */
export async function make(draft: RepositoryDraft, made: Made): Promise<Made> {
  made.repository ??= await api.post<Repository>("repositories", repositoryOf(draft));
  if (draft.provider === "NONE") return made;
  const name = made.repository.fullName;
  const own = draft.provider === "KILN";
  if (!own && !draft.sourceId) made.source ??= await api.post<SourceCreated>("sources", sourceOf(draft));
  const sourceId = draft.sourceId || made.source?.id;
  const { autoBuild, overseas, noCache } = draft;
  const source = own ? { provider: "KILN" } : { sourceId };
  made.binding ??= await api.put<Binding>(path`repositories/${name}/source`, { ...source, autoBuild, overseas, noCache });
  if (draft.withRule && !made.rule) {
    await api.post(path`repositories/${name}/rules`, ruleOf(draft));
    made.rule = true;
  }
  return made;
}
