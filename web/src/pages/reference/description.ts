// The description of the API as the page wants it: operations by subject, schemas without $ref, and how to ask by curl.
export interface Schema {
  $ref?: string;
  type?: string | string[];
  description?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  additionalProperties?: boolean | Schema;
  enum?: unknown[];
  const?: unknown;
  oneOf?: Schema[];
  anyOf?: Schema[];
  allOf?: Schema[];
  default?: unknown;
  examples?: unknown[];
  [keyword: string]: unknown;
}

type Content = Record<string, { schema?: Schema }>;

export interface Parameter {
  name: string;
  in: string;
  required?: boolean;
  description?: string;
  schema?: Schema;
}

interface Ref {
  $ref: string;
}

interface Described {
  operationId?: string;
  summary?: string;
  description?: string;
  tags?: string[];
  security?: Array<Record<string, unknown>>;
  parameters?: Array<Parameter | Ref>;
  requestBody?: { required?: boolean; content?: Content };
  responses?: Record<string, { description?: string; content?: Content } | Ref>;
}

export interface Description {
  info: { title: string; version: string; description?: string };
  tags?: Array<{ name: string; description?: string }>;
  security?: Array<Record<string, unknown>>;
  paths: Record<string, Record<string, unknown>>;
  components?: Record<string, Record<string, unknown>>;
}

/** A kind of content and what it is made of. */
export interface Body {
  type: string;
  schema: Schema | undefined;
}

export interface Answer {
  /** Those that have the same answer. */
  statuses: string[];
  description: string;
  bodies: Body[];
}

/** How one says who one is; "none" where nobody has to. */
export type Login = "token" | "session" | "none";

export interface Operation {
  /** Its place on the page. */
  id: string;
  method: string;
  path: string;
  summary: string;
  description: string;
  subject: string;
  login: Login;
  /** Without a login there is an answer too. */
  anybody: boolean;
  parameters: Parameter[];
  bodies: Body[];
  answers: Answer[];
}

export interface Subject {
  name: string;
  description: string;
  operations: Operation[];
}

const METHODS = ["get", "post", "put", "patch", "delete", "head"];
const DEPTH = 24;

/** What `node` names; a reference to nothing is nothing. */
export function resolve<T>(doc: Description, node: T | Ref | undefined): T | undefined {
  let at: unknown = node;
  for (let n = 0; n < DEPTH && at && typeof at === "object" && "$ref" in at; n += 1) {
    const words = String(at.$ref).replace(/^#\//, "").split("/");
    at = words.reduce<unknown>((found, word) => (found as Record<string, unknown> | undefined)?.[word], doc);
  }
  return at as T | undefined;
}

const bodiesOf = (content: Content | undefined): Body[] => Object.entries(content ?? {}).map(([type, { schema }]) => ({ type, schema }));

function answersOf(doc: Description, responses: Described["responses"]): Answer[] {
  const answers = new Map<string, Answer>();
  for (const [status, response] of Object.entries(responses ?? {})) {
    const same = "$ref" in response ? response.$ref : status;
    const known = answers.get(same);
    const { description = "", content } = resolve<{ description?: string; content?: Content }>(doc, response) ?? {};
    if (known) known.statuses.push(status);
    else answers.set(same, { statuses: [status], description, bodies: bodiesOf(content) });
  }
  return [...answers.values()];
}

function loginOf(security: Array<Record<string, unknown>>): Login {
  const schemes = security.flatMap((one) => Object.keys(one));
  if (schemes.includes("bearer")) return "token";
  return schemes.length > 0 ? "session" : "none";
}

function operation(doc: Description, path: string, method: string, shared: Described["parameters"] = []): Operation {
  const told = doc.paths[path]?.[method] as Described;
  const security = told.security ?? doc.security ?? [];
  const parameters = [...shared, ...(told.parameters ?? [])].map((parameter) => resolve<Parameter>(doc, parameter));
  return {
    id: `${method}${path.replace(/[^A-Za-z0-9]+/g, "-").replace(/-$/, "")}`,
    method: method.toUpperCase(),
    path,
    summary: told.summary ?? "",
    description: told.description ?? "",
    subject: told.tags?.[0] ?? "",
    login: loginOf(security),
    anybody: security.length === 0 || security.some((one) => Object.keys(one).length === 0),
    parameters: parameters.filter((parameter) => parameter !== undefined),
    bodies: bodiesOf(told.requestBody?.content),
    answers: answersOf(doc, told.responses),
  };
}

/** All of them, by subject in the order in which the description names the subjects. */
export function subjectsOf(doc: Description): Subject[] {
  const operations = Object.entries(doc.paths).flatMap(([path, item]) =>
    METHODS.filter((method) => item[method]).map((method) => operation(doc, path, method, item.parameters as Described["parameters"])),
  );
  const told = new Map((doc.tags ?? []).map(({ name, description }) => [name, description ?? ""]));
  const names = [...new Set([...told.keys(), ...operations.map((one) => one.subject)])];
  return names
    .map((name) => ({ name, description: told.get(name) ?? "", operations: operations.filter((one) => one.subject === name) }))
    .filter((subject) => subject.operations.length > 0);
}

/** Those operations in which each word of `q` is found. */
export function narrowed(subjects: Subject[], q: string): Subject[] {
  const words = q.toLowerCase().split(/\s+/).filter(Boolean);
  const textOf = (one: Operation) =>
    [one.method, one.path, one.summary, one.description, one.subject, ...one.parameters.map((p) => p.name)].join(" ").toLowerCase();
  const found = (one: Operation) => words.every((word) => textOf(one).includes(word));
  return subjects
    .map((subject) => ({ ...subject, operations: subject.operations.filter(found) }))
    .filter((subject) => subject.operations.length > 0);
}

// ---- schemas ----

const kindsOf = (schema: Schema): string[] => (schema.type === undefined ? [] : [schema.type].flat());
const choicesOf = (schema: Schema): Schema[] | undefined => schema.oneOf ?? schema.anyOf;

/** What a reference is called; nothing where the schema stands itself. */
const nameOf = (schema: Schema): string | undefined => schema.$ref?.split("/").at(-1);

/** In a few words: "string or null", "Build[]". */
export function typeOf(doc: Description, schema: Schema | undefined, depth = DEPTH): string {
  const is = resolve<Schema>(doc, schema);
  if (!is || !depth) return "any";
  if (is.properties || is.allOf) return [(schema && nameOf(schema)) ?? "object", ...kindsOf(is).filter((kind) => kind !== "object")].join(" or ");
  const choices = choicesOf(is);
  if (choices) return choices.map((choice) => typeOf(doc, choice, depth - 1)).join(" or ");
  if ("const" in is) return JSON.stringify(is.const);
  if (is.enum && !is.type) return "string";
  const kinds = kindsOf(is).map((kind) => {
    if (kind === "array") {
      const of = typeOf(doc, is.items, depth - 1);
      return of.includes(" or ") ? `(${of})[]` : `${of}[]`;
    }
    return kind === "string" && typeof is.format === "string" ? is.format : kind;
  });
  return kinds.join(" or ") || "any";
}

export interface Field {
  name: string;
  schema: Schema;
  required: boolean;
}

/** The members of an object, or of the objects that an array is of. */
export function fieldsOf(doc: Description, schema: Schema | undefined, depth = DEPTH): Field[] {
  const is = resolve<Schema>(doc, schema);
  if (!is || !depth) return [];
  if (is.items) return fieldsOf(doc, is.items, depth - 1);
  const own = Object.entries(is.properties ?? {}).map(([name, s]) => ({ name, schema: s, required: is.required?.includes(name) ?? false }));
  const parts = (is.allOf ?? []).flatMap((part) => fieldsOf(doc, part, depth - 1));
  const others = typeof is.additionalProperties === "object" ? [{ name: "…", schema: is.additionalProperties, required: false }] : [];
  return [...parts, ...own, ...others];
}

/** The schemas that it may be one of, where those are objects. */
export function choices(doc: Description, schema: Schema | undefined): Schema[] {
  const is = resolve<Schema>(doc, schema);
  return (is && choicesOf(is) ? (choicesOf(is) ?? []) : []).filter((choice) => fieldsOf(doc, choice).length > 0);
}

const LIMITS = ["default", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "pattern"];

/** What its values have to be, in the words of JSON Schema. */
export function limitsOf(doc: Description, schema: Schema | undefined): Array<[string, string]> {
  const is = resolve<Schema>(doc, schema) ?? {};
  const limits = LIMITS.filter((word) => word in is).map((word): [string, string] => {
    const value = is[word];
    return [word, typeof value === "string" && value ? value : JSON.stringify(value)];
  });
  return is.enum ? [["enum", is.enum.map(String).join(", ")], ...limits] : limits;
}

/** What is told of it where it is used, or else where it stands. */
export function textOf(doc: Description, schema: Schema | undefined): string {
  return schema?.description ?? resolve<Schema>(doc, schema)?.description ?? "";
}

// ---- curl ----

/** A value that says what belongs in its place. */
function placeholder(doc: Description, name: string, schema: Schema | undefined, depth = 4): unknown {
  const is = resolve<Schema>(doc, schema) ?? {};
  if ("const" in is) return is.const;
  if (is.examples?.length) return is.examples[0];
  if (is.default !== undefined) return is.default;
  if (is.enum?.length) return is.enum[0];
  const choice = choicesOf(is)?.[0];
  if (choice) return placeholder(doc, name, choice, depth);
  const kind = kindsOf(is)[0];
  if (kind === "array") return depth > 1 ? [placeholder(doc, name, is.items, depth - 1)] : [];
  if (kind === "integer" || kind === "number") return is.minimum ?? 0;
  if (kind === "boolean") return false;
  if (kind === "object" || is.properties) return depth ? sample(doc, is, depth - 1) : {};
  return name.replace(/([a-z])([A-Z])/g, "$1_$2").toUpperCase();
}

function sample(doc: Description, schema: Schema, depth: number): Record<string, unknown> {
  const needed = fieldsOf(doc, schema).filter((field) => field.required);
  return Object.fromEntries(needed.map((field) => [field.name, placeholder(doc, field.name, field.schema, depth)]));
}

const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

const LOGINS: Record<Login, string | null> = {
  token: "-H 'Authorization: Bearer TOKEN'",
  session: "--cookie 'kiln_session_ID=SESSION'",
  none: null,
};

/** A line for a shell. `base` ends with a slash; what stands in capitals is to be filled in. */
export function curlOf(doc: Description, operation: Operation, base: string): string {
  const { method, path, parameters, login, bodies } = operation;
  const to = path.replace(/^\//, "").replace(/\{(\w+)\}/g, (_all, name: string) => name.toUpperCase());
  const query = parameters.filter((p) => p.in === "query" && p.required).map((p) => `${p.name}=${p.name.toUpperCase()}`);
  const words = ["curl"];
  if (method === "HEAD") words.push("--head");
  else if (method !== "GET" || bodies.length > 0) words.push(`-X ${method}`);
  const known = LOGINS[login];
  if (known) words.push(known);
  if (login === "session" && method !== "GET") words.push("-H 'X-CSRF-Token: CSRF_TOKEN'");
  const body = bodies[0];
  if (body) {
    words.push(`-H ${quoted(`Content-Type: ${body.type}`)}`);
    const json = body.type === "application/json" || body.type.endsWith("+json");
    words.push(json ? `-d ${quoted(JSON.stringify(placeholder(doc, "body", body.schema)))}` : "--data-binary @FILE");
  }
  words.push(quoted(`${base}${to}${query.length > 0 ? `?${query.join("&")}` : ""}`));
  return words.join(" ");
}
