// What pages ask the server for. A key starts with the noun, so that a change can invalidate all that shows it.
import { keepPreviousData, type QueryKey, useMutation, useQueries, useQuery, useQueryClient } from "@tanstack/react-query";
import {
  allOf,
  type AuditPage,
  firstOf,
  type ApiError,
  api,
  type Base,
  type Binding,
  type Build,
  type BuildPage,
  type CommitStatus,
  type Instance,
  type Manifest,
  type Delivery,
  type Endpoint,
  type Namespace,
  type NotificationPage,
  type NotificationWhole,
  type Page,
  type PreviewPage,
  type PreviewRequest,
  type Repository,
  type RepositoryPage,
  type Retention,
  type Rule,
  type Schedule,
  type SchedulePreview,
  type Session,
  type Source,
  type SourceRef,
  type Tag,
  type TagPage,
  type Token,
  path,
  type Worker,
  type WorkerToken,
  withQuery,
} from "./api";

const LIVE_MS = 2000;
export const CALM_MS = 5000;

export const isLive = (build: Build) => build.status === "PENDING" || build.status === "BUILDING";

interface Asking {
  signal: AbortSignal;
}

export interface RepositoryFilter {
  namespace?: string;
  q?: string;
  cursor?: string;
  limit?: number;
}

export function repositoriesQuery(filter: RepositoryFilter) {
  return {
    queryKey: ["repositories", filter],
    queryFn: ({ signal }: Asking) => api.get<RepositoryPage>(withQuery("repositories", { ...filter }), signal),
  };
}

export function useRepositories(filter: RepositoryFilter = {}, enabled = true) {
  return useQuery({ ...repositoriesQuery(filter), placeholderData: keepPreviousData, enabled });
}

export function repositoryQuery(name: string) {
  return {
    queryKey: ["repositories", name],
    queryFn: ({ signal }: Asking) => api.get<Repository>(path`repositories/${name}`, signal),
  };
}

export function useRepository(name: string | undefined) {
  return useQuery({ ...repositoryQuery(name ?? ""), enabled: name !== undefined });
}

/** The text as it was built; who may only pull is refused, and then there are the steps. */
export function useDockerfile(build: string) {
  return useQuery({
    queryKey: ["builds", build, "dockerfile"],
    queryFn: async ({ signal }) => (await api.get<{ content: string }>(path`builds/${build}/dockerfile`, signal)).content,
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
  });
}

export function useNamespaces() {
  return useQuery({ queryKey: ["namespaces"], queryFn: ({ signal }) => allOf<Namespace>("namespaces", signal) });
}

export function useBinding(name: string, enabled = true) {
  return useQuery({
    queryKey: ["repositories", name, "source"],
    queryFn: ({ signal }) => api.get<Binding>(path`repositories/${name}/source`, signal),
    enabled,
  });
}

export interface TagFilter {
  q?: string;
  sort?: string;
  cursor?: string;
  limit?: number;
}

export function useTags(name: string, filter: TagFilter = {}) {
  return useQuery({
    queryKey: ["repositories", name, "tags", filter],
    queryFn: ({ signal }) => api.get<TagPage>(withQuery(path`repositories/${name}/tags`, { ...filter }), signal),
    placeholderData: keepPreviousData,
  });
}

export function useTag(name: string, tag: string) {
  return useQuery({
    queryKey: ["repositories", name, "tags", tag],
    queryFn: ({ signal }) => api.get<Tag>(path`repositories/${name}/tags/${tag}`, signal),
  });
}

/** The policy; asked for often while a run of it is under way. For those who may maintain. */
export function useRetention(name: string, enabled = true) {
  return useQuery({
    queryKey: ["repositories", name, "retention"],
    queryFn: ({ signal }) => api.get<Retention>(path`repositories/${name}/retention`, signal),
    refetchInterval: ({ state }) => (state.data?.running ? LIVE_MS / 2 : false),
    enabled,
  });
}

/** Asked for often while something is to be told. For those who may maintain. */
export function useCommitStatus(name: string) {
  return useQuery({
    queryKey: ["repositories", name, "commit-status"],
    queryFn: ({ signal }) => api.get<CommitStatus>(path`repositories/${name}/commit-status`, signal),
    refetchInterval: ({ state }) => (state.data?.waiting ? LIVE_MS / 2 : false),
  });
}

function manifestQuery(name: string, reference: string) {
  return {
    queryKey: ["repositories", name, "tags", "manifests", reference],
    queryFn: ({ signal }: Asking) => api.get<Manifest>(path`repositories/${name}/manifests/${reference}`, signal),
    // What a digest names never changes.
    staleTime: reference.includes(":") ? Number.POSITIVE_INFINITY : 0,
  };
}

/** What a tag or a digest names. */
export function useManifest(name: string, reference: string | undefined) {
  return useQuery({ ...manifestQuery(name, reference ?? ""), enabled: reference !== undefined });
}

export function useManifests(name: string, digests: string[]) {
  return useQueries({ queries: digests.map((digest) => manifestQuery(name, digest)) });
}

export function rulesQuery(name: string) {
  return {
    queryKey: ["repositories", name, "rules"],
    queryFn: ({ signal }: Asking) => allOf<Rule>(path`repositories/${name}/rules`, signal),
  };
}

export function useRules(name: string, enabled = true) {
  return useQuery({ ...rulesQuery(name), enabled });
}

export function useRule(name: string, rule: string | undefined) {
  return useQuery({
    queryKey: ["repositories", name, "rules", rule],
    queryFn: ({ signal }) => api.get<Rule>(path`repositories/${name}/rules/${rule ?? ""}`, signal),
    enabled: rule !== undefined,
  });
}

export function useSchedules(name: string) {
  return useQuery({
    queryKey: ["repositories", name, "schedules"],
    queryFn: ({ signal }) => allOf<Schedule>(path`repositories/${name}/schedules`, signal),
    refetchInterval: CALM_MS,
  });
}

/** Where the names of base images lead now. */
export function useBases(name: string) {
  return useQuery({
    queryKey: ["repositories", name, "bases"],
    queryFn: ({ signal }) => allOf<Base>(path`repositories/${name}/bases`, signal),
    refetchInterval: ({ state }) => (state.data?.some(({ checking }) => checking) ? LIVE_MS : CALM_MS),
  });
}

/** When an expression comes next; asked for anew while one types, the answer before stays until then. */
export function useNextRuns(cron: string, timeZone: string) {
  return useQuery({
    queryKey: ["next-runs", cron, timeZone],
    queryFn: async () => (await api.post<SchedulePreview>("schedules:preview", { cron, timeZone })).nextRuns,
    placeholderData: keepPreviousData,
    retry: false,
    enabled: cron !== "",
  });
}

export interface BuildFilter {
  repository?: string;
  rule?: string;
  ref?: string;
  delivery?: string;
  status?: string;
  trigger?: string;
  cursor?: string;
  limit?: number;
}

export function buildsQuery(filter: BuildFilter) {
  return {
    queryKey: ["builds", filter],
    queryFn: ({ signal }: Asking) => api.get<BuildPage>(withQuery("builds", { ...filter }), signal),
  };
}

/** Builds, newest first; asked for often while one of them is under way. */
export function useBuilds(filter: BuildFilter, enabled = true) {
  return useQuery({
    ...buildsQuery(filter),
    placeholderData: keepPreviousData,
    refetchInterval: (query) => (query.state.data?.items.some(isLive) ? LIVE_MS : CALM_MS),
    enabled,
  });
}

export function useBuild(id: string) {
  return useQuery({
    queryKey: ["builds", id],
    queryFn: ({ signal }) => api.get<Build>(path`builds/${id}`, signal),
    refetchInterval: (query) => (query.state.data && isLive(query.state.data) ? LIVE_MS : false),
  });
}

/** What rules make of refs; asked for anew while one types, the answer before stays until then. */
export function usePreview(repository: string, request: PreviewRequest, enabled = true) {
  return useQuery({
    queryKey: ["preview", repository, request],
    queryFn: () => api.post<PreviewPage>(path`repositories/${repository}/rules:preview`, request),
    placeholderData: keepPreviousData,
    retry: false,
    enabled,
  });
}

export function useSources(namespace?: string) {
  return useQuery({
    queryKey: ["sources", namespace],
    queryFn: ({ signal }) => allOf<Source>(withQuery("sources", { namespace }), signal),
  });
}

export function useSource(id: string | undefined) {
  return useQuery({
    queryKey: ["sources", "one", id],
    queryFn: ({ signal }) => api.get<Source>(path`sources/${id ?? ""}`, signal),
    enabled: id !== undefined,
  });
}

/** Its branches and tags as seen last, and whether there are more than are here. */
export function useRefsOfSource(source: string | undefined) {
  return useQuery({
    queryKey: ["sources", source, "refs"],
    queryFn: ({ signal }) => firstOf<SourceRef>(path`sources/${source ?? ""}/refs`, signal),
    enabled: source !== undefined,
  });
}

/** All that one may see, or of them those built from a code source, or with a manifest; the first `most` or some more. */
export function useRepositoriesOf(of: { source?: string; digest?: string }, most?: number) {
  return useQuery({
    queryKey: ["repositories", of],
    queryFn: ({ signal }) => firstOf<Repository>(withQuery("repositories", of), signal, most),
  });
}

/** `repository`: only those that made builds of it. */
export function useDeliveries(source: string, cursor?: string, repository?: string) {
  return useQuery({
    queryKey: ["sources", source, "deliveries", cursor ?? "", repository],
    queryFn: ({ signal }) => api.get<Page<Delivery>>(withQuery(path`sources/${source}/deliveries`, { cursor, repository }), signal),
    placeholderData: keepPreviousData,
    refetchInterval: CALM_MS,
  });
}

/** Whom the events of a repository are told. */
export function useEndpoints(repository: string) {
  return useQuery({
    queryKey: ["endpoints", repository],
    queryFn: ({ signal }) => allOf<Endpoint>(path`repositories/${repository}/endpoints`, signal),
    refetchInterval: CALM_MS,
  });
}

export function useNotifications(repository: string, endpoint: string, filter: { result?: string; cursor?: string }) {
  return useQuery({
    queryKey: ["endpoints", repository, endpoint, "notifications", filter],
    queryFn: ({ signal }) =>
      api.get<NotificationPage>(withQuery(path`repositories/${repository}/endpoints/${endpoint}/notifications`, filter), signal),
    placeholderData: keepPreviousData,
    refetchInterval: CALM_MS,
  });
}

export function useNotification(repository: string, endpoint: string, id: string) {
  return useQuery({
    queryKey: ["endpoints", repository, endpoint, "notifications", id],
    queryFn: ({ signal }) =>
      api.get<NotificationWhole>(path`repositories/${repository}/endpoints/${endpoint}/notifications/${id}`, signal),
    refetchInterval: (query) => (query.state.data?.result === "waiting" ? LIVE_MS : false),
  });
}

/** For administrators. */
export function useInstance(enabled = true) {
  return useQuery({ queryKey: ["instance"], queryFn: ({ signal }) => api.get<Instance>("instance", signal), enabled });
}

/** The `n` builds that a delivery made, as far as one may see them; with `repository` only those of it. */
export function useBuildsOf(delivery: string, n: number, repository?: string) {
  return useQuery({
    queryKey: ["builds", { delivery, n, repository }],
    queryFn: ({ signal }) => api.get<BuildPage>(withQuery("builds", { delivery, repository }), signal),
    refetchInterval: (query) => (query.state.data?.items.some(isLive) ? LIVE_MS : false),
    enabled: n > 0,
  });
}

export function useWorkers(enabled = true) {
  return useQuery({
    queryKey: ["workers"],
    queryFn: async ({ signal }) => (await api.get<Page<Worker>>("workers", signal)).items,
    refetchInterval: CALM_MS,
    enabled,
  });
}

export function useWorkerTokens() {
  return useQuery({ queryKey: ["worker-tokens"], queryFn: ({ signal }) => allOf<WorkerToken>("worker-tokens", signal) });
}

/** One's own. */
export function useTokens() {
  return useQuery({ queryKey: ["tokens"], queryFn: ({ signal }) => allOf<Token>("tokens", signal) });
}

/** One's own. */
export function useSessions() {
  return useQuery({ queryKey: ["sessions"], queryFn: ({ signal }) => allOf<Session>("sessions", signal) });
}

export interface AuditFilter {
  actor?: string;
  /** How actions begin. */
  action?: string;
  target?: string;
}

export function useAudit(filter: AuditFilter & { cursor?: string }) {
  return useQuery({
    queryKey: ["audit", filter],
    queryFn: ({ signal }) => api.get<AuditPage>(withQuery("audit", { ...filter }), signal),
    placeholderData: keepPreviousData,
  });
}

/** Something that ends what a page is about: the page is left, and lists of such things are asked for anew. */
export function useRemoval(act: () => Promise<void>, lists: QueryKey, leave: () => void) {
  const client = useQueryClient();
  return useMutation<void, ApiError>({
    mutationFn: act,
    onSuccess: () => {
      // What the page itself shows would be asked for in vain.
      client.removeQueries({ queryKey: lists, type: "inactive" });
      leave();
    },
  });
}

/** Something that changes the server; what is shown of `changes` is asked for again. */
export function useChange<V, R>(act: (value: V) => Promise<R>, changes: QueryKey[], done?: (result: R, value: V) => void) {
  const client = useQueryClient();
  return useMutation<R, ApiError, V>({
    mutationFn: act,
    onSuccess: async (result, value) => {
      await Promise.all(changes.map((queryKey) => client.invalidateQueries({ queryKey })));
      done?.(result, value);
    },
  });
}
