// Writes src/api-types.ts: the schemas of ../docs/openapi as TypeScript, so that the console cannot disagree with the API.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";

const folder = new URL("../../docs/openapi/", import.meta.url);
const out = new URL("../src/api-types.ts", import.meta.url);

function type(schema, indent = "") {
  if (!schema || schema === true) return "unknown";
  if (schema.$ref) return schema.$ref.split("/").at(-1);
  if ("const" in schema) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((v) => JSON.stringify(v)).join(" | ");
  const either = schema.oneOf ?? schema.anyOf;
  if (either) return either.map((s) => type(s, indent)).join(" | ");
  if (schema.allOf) return schema.allOf.map((s) => type(s, indent)).join(" & ");
  const kinds = Array.isArray(schema.type) ? schema.type : [schema.type];
  return kinds.map((kind) => one(kind, schema, indent)).join(" | ");
}

function one(kind, schema, indent) {
  switch (kind) {
    case "string":
    case "boolean":
    case "null":
      return kind;
    case "integer":
    case "number":
      return "number";
    case "array":
      return `Array<${type(schema.items, indent)}>`;
    default:
      return object(schema, indent);
  }
}

function object(schema, indent) {
  const extra = schema.additionalProperties;
  if (!schema.properties) {
    return `Record<string, ${extra && extra !== true ? type(extra, indent) : "unknown"}>`;
  }
  const required = new Set(schema.required ?? []);
  const inner = `${indent}  `;
  const lines = Object.entries(schema.properties).map(([name, s]) => {
    const note = s.description ? `${inner}/** ${s.description} */\n` : "";
    return `${note}${inner}${name}${required.has(name) ? "" : "?"}: ${type(s, inner)};`;
  });
  return `{\n${lines.join("\n")}\n${indent}}`;
}

const files = readdirSync(folder).filter((name) => name.endsWith(".json")).sort();
const schemas = new Map();
for (const name of files) {
  const document = JSON.parse(readFileSync(new URL(name, folder), "utf8"));
  for (const [key, schema] of Object.entries(document.components?.schemas ?? {})) schemas.set(key, schema);
}
const text = [...schemas].map(([key, schema]) => `export type ${key} = ${type(schema)};\n`).join("\n");
writeFileSync(out, `// Made from docs/openapi by scripts/api-types.mjs.\n\n${text}`);
