// The one way to the server: JSON in and out, the CSRF token of the session, problems as errors.
import type { Problem } from "./api-types";

export * from "./api-types";

export interface Page<T> {
  items: T[];
  next: string | null;
}

export interface ProblemField {
  name: string;
  detail: string;
}

/** What a request failed of. `code` is the server's, or OFFLINE when no answer came. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly remedy: string | null;
  readonly fields: ProblemField[];
  readonly retryAfterSeconds: number | null;

  constructor(status: number, problem: Partial<Problem> & { fields?: ProblemField[] }, retryAfterSeconds: number | null = null) {
    super(problem.detail ?? problem.title ?? `HTTP ${status}`);
    this.status = status;
    this.code = problem.code ?? "UNKNOWN";
    this.remedy = problem.remedy ?? null;
    this.fields = problem.fields ?? [];
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** Whether the server answered with one of these. */
export const hasStatus = (error: Error | null, ...statuses: number[]) => error instanceof ApiError && statuses.includes(error.status);

/** A path below /api/v1 whose parameters are encoded: path`repositories/${"demo/hello"}/tags`. */
export function path(texts: TemplateStringsArray, ...values: string[]): string {
  return texts.reduce((all, text, i) => all + encodeURIComponent(values[i - 1] ?? "") + text);
}

/** `path` with those parameters of the query that have a value. */
export function withQuery(to: string, query: Record<string, string | number | boolean | null | undefined>): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== "") search.set(name, String(value));
  }
  const text = search.toString();
  return text ? `${to}?${text}` : to;
}

/** The absolute address of something that the server has, whatever path prefix it is behind. */
export function serverUrl(relative: string): string {
  return new URL(relative, document.baseURI).href;
}

let csrfToken = "";
export function setCsrfToken(token: string) {
  csrfToken = token;
}

let onSignedOut = () => {};
/** What to do when the server no longer knows who asks. */
export function whenSignedOut(act: () => void) {
  onSignedOut = act;
}

type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

async function problemOf(response: Response): Promise<ApiError> {
  const wait = Number(response.headers.get("Retry-After"));
  const type = response.headers.get("Content-Type") ?? "";
  const body = type.includes("json") ? await response.json().catch(() => ({})) : {};
  return new ApiError(response.status, { title: response.statusText, ...body }, wait > 0 ? wait : null);
}

async function call(method: Method, to: string, body?: unknown, signal?: AbortSignal): Promise<Response> {
  // A GET has no header of its own: what index.html asks for ahead has none either, and counts for the same request only.
  const headers: Record<string, string> = {};
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (method !== "GET") headers["X-CSRF-Token"] = csrfToken;
  let response: Response;
  try {
    response = await fetch(serverUrl(`api/v1/${to}`), {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal,
      credentials: "same-origin",
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(0, { code: "OFFLINE" });
  }
  if (response.ok) return response;
  if (response.status === 401 && to !== "session") onSignedOut();
  throw await problemOf(response);
}

async function request<T>(method: Method, to: string, body?: unknown, signal?: AbortSignal): Promise<T> {
  const response = await call(method, to, body, signal);
  if (response.status === 204) return undefined as T;
  return (await response.json()) as T;
}

export const api = {
  get: <T>(to: string, signal?: AbortSignal) => request<T>("GET", to, undefined, signal),
  post: <T>(to: string, body?: unknown) => request<T>("POST", to, body),
  put: <T>(to: string, body?: unknown) => request<T>("PUT", to, body),
  patch: <T>(to: string, body?: unknown) => request<T>("PATCH", to, body),
  remove: <T>(to: string, body?: unknown) => request<T>("DELETE", to, body),
};

/** The first `limit` items or some more, and whether that is not all. */
export async function firstOf<T>(to: string, signal?: AbortSignal, limit = 2000): Promise<{ items: T[]; more: boolean }> {
  const items: T[] = [];
  let cursor: string | null = null;
  do {
    const url: string = `${to}${to.includes("?") ? "&" : "?"}limit=500${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`;
    const page: Page<T> = await api.get<Page<T>>(url, signal);
    items.push(...page.items);
    cursor = page.next;
  } while (cursor && items.length < limit);
  return { items, more: cursor !== null };
}

/** All items of a list that is known to be short. */
export async function allOf<T>(to: string, signal?: AbortSignal): Promise<T[]> {
  return (await firstOf<T>(to, signal)).items;
}
