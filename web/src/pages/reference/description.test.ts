import { expect, test } from "vitest";
import { choices, curlOf, type Description, fieldsOf, limitsOf, narrowed, type Operation, resolve, subjectsOf, typeOf } from "./description";

const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` });
const json = (schema: object) => ({ "application/json": { schema } });
const PROBLEM = { $ref: "#/components/responses/Problem" };

const DOC: Description = {
  info: { title: "test", version: "1" },
  tags: [{ name: "second", description: "Later" }, { name: "first" }, { name: "empty" }],
  security: [{ bearer: [] }, { session: [] }],
  paths: {
    "/api/v1/things/{thing}": {
      parameters: [{ name: "thing", in: "path", required: true, schema: { type: "string" } }],
      delete: { tags: ["first"], summary: "Forget it's there", responses: { "204": {}, "400": PROBLEM, "401": PROBLEM } },
      get: { tags: ["second"], summary: "A thing", security: [{}, { bearer: [] }], responses: { "200": { description: "It", content: json(ref("Thing")) } } },
    },
    "/api/v1/things": {
      post: {
        tags: ["first"],
        parameters: [{ $ref: "#/components/parameters/dry" }],
        requestBody: { required: true, content: json(ref("Thing")) },
        responses: {},
      },
    },
    "/api/v1/session": { delete: { tags: ["second"], security: [{ session: [] }], responses: {} } },
    "/api/v1/files": { put: { tags: ["second"], security: [{}], requestBody: { content: { "application/octet-stream": {} } }, responses: {} } },
  },
  components: {
    parameters: { dry: { name: "dry", in: "query", required: true, schema: { type: "boolean" } } },
    responses: { Problem: { description: "Wrong", content: { "application/problem+json": { schema: ref("Problem") } } } },
    schemas: {
      Problem: { type: "object", properties: { code: { type: "string" } } },
      Time: { type: "string", format: "date-time" },
      Kind: { enum: ["it's", "b"] },
      Thing: {
        type: ["object", "null"],
        required: ["fullName", "kind", "parts", "n"],
        properties: {
          fullName: { type: "string", maxLength: 9, pattern: "^[a-z']*$" },
          kind: ref("Kind"),
          at: ref("Time"),
          parts: { type: "array", items: ref("Thing") },
          n: { type: "integer", minimum: 0, default: 3 },
          one: { oneOf: [ref("Problem"), { type: "null" }] },
        },
        additionalProperties: { type: "string" },
      },
      Loop: ref("Loop"),
    },
  },
};

const all = subjectsOf(DOC).flatMap((subject) => subject.operations);
const find = (method: string, path: string) => all.find((one) => one.method === method && one.path === path) as Operation;

test("operations are by subject in the order of the description, each once", () => {
  expect(subjectsOf(DOC).map((subject) => [subject.name, subject.operations.length])).toEqual([
    ["second", 3],
    ["first", 2],
  ]);
  expect(new Set(all.map((one) => one.id)).size).toBe(5);
  expect(find("DELETE", "/api/v1/things/{thing}").id).toBe("delete-api-v1-things-thing");
});

test("parameters of the path belong to each of its operations, and answers that are the same are one", () => {
  const remove = find("DELETE", "/api/v1/things/{thing}");
  expect(remove.parameters.map((p) => p.name)).toEqual(["thing"]);
  expect(remove.answers.map((answer) => answer.statuses)).toEqual([["204"], ["400", "401"]]);
  expect(remove.answers[1]?.bodies[0]?.type).toBe("application/problem+json");
  expect(find("POST", "/api/v1/things").parameters.map((p) => p.name)).toEqual(["dry"]);
});

test("who is asked to log in", () => {
  expect(all.map(({ method, login, anybody }) => `${method} ${login} ${anybody}`)).toEqual([
    "GET token true",
    "DELETE session false",
    "PUT none true",
    "DELETE token false",
    "POST token false",
  ]);
});

test("a search finds operations that have all words, wherever", () => {
  const found = (q: string) => narrowed(subjectsOf(DOC), q).flatMap((s) => s.operations.map((o) => `${o.method} ${o.path}`));
  expect(found("delete THING")).toEqual(["DELETE /api/v1/things/{thing}"]);
  expect(found("dry")).toEqual(["POST /api/v1/things"]);
  expect(found("thing nowhere")).toEqual([]);
  expect(found(" ")).toHaveLength(5);
});

test("schemas: types, members, choices, limits; those that never end do", () => {
  expect(typeOf(DOC, ref("Thing"))).toBe("Thing or null");
  expect(typeOf(DOC, { type: "array", items: ref("Thing") })).toBe("(Thing or null)[]");
  expect(typeOf(DOC, ref("Time"))).toBe("date-time");
  expect(typeOf(DOC, ref("Kind"))).toBe("string");
  expect(typeOf(DOC, { type: ["string", "null"] })).toBe("string or null");
  expect(typeOf(DOC, ref("Loop"))).toBe("any");
  expect(typeOf(DOC, ref("Nowhere"))).toBe("any");
  expect(resolve(DOC, ref("Nowhere"))).toBeUndefined();
  expect(fieldsOf(DOC, { type: "array", items: ref("Thing") }).map((f) => `${f.name}${f.required ? "!" : ""}`)).toEqual([
    "fullName!",
    "kind!",
    "at",
    "parts!",
    "n!",
    "one",
    "…",
  ]);
  const one = fieldsOf(DOC, ref("Thing")).find((f) => f.name === "one");
  expect(choices(DOC, one?.schema)).toEqual([ref("Problem")]);
  expect(limitsOf(DOC, { type: "integer", minimum: 0, default: "" })).toEqual([
    ["default", '""'],
    ["minimum", "0"],
  ]);
  expect(limitsOf(DOC, ref("Kind"))).toEqual([["enum", "it's, b"]]);
});

test("curl: what is to be filled in stands in capitals, and the shell takes the rest as it is", () => {
  const base = "https://kiln.example/tools/";
  expect(curlOf(DOC, find("GET", "/api/v1/things/{thing}"), base)).toBe(
    "curl -H 'Authorization: Bearer TOKEN' 'https://kiln.example/tools/api/v1/things/THING'",
  );
  expect(curlOf(DOC, find("POST", "/api/v1/things"), base)).toBe(
    "curl -X POST -H 'Authorization: Bearer TOKEN' -H 'Content-Type: application/json'" +
      ` -d '{"fullName":"FULL_NAME","kind":"it'\\''s","parts":[{"fullName":"FULL_NAME","kind":"it'\\''s","parts":[],"n":3}],"n":3}'` +
      " 'https://kiln.example/tools/api/v1/things?dry=DRY'",
  );
  expect(curlOf(DOC, find("DELETE", "/api/v1/session"), base)).toBe(
    "curl -X DELETE --cookie 'kiln_session_ID=SESSION' -H 'X-CSRF-Token: CSRF_TOKEN' 'https://kiln.example/tools/api/v1/session'",
  );
  expect(curlOf(DOC, find("PUT", "/api/v1/files"), base)).toBe(
    "curl -X PUT -H 'Content-Type: application/octet-stream' --data-binary @FILE 'https://kiln.example/tools/api/v1/files'",
  );
});
