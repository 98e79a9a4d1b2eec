// Holds docs/openapi.json to what generators of TypeScript clients make of it: openapi-typescript, @hey-api/openapi-ts
// and orval take it without a warning, a call of every operation compiles under `tsc --strict` with the document's own
// examples, the calls of the documentation do (src/), and each example fits its schema.
// `node check.mjs [FILE]`: another document.
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { resolve } from "node:path";
import Ajv from "ajv/dist/2020.js";
import addFormats from "ajv-formats";

const MOST_BYTES = 600_000;
const METHODS = ["get", "put", "post", "patch", "delete"];

const given = process.argv[2];
const file = given ? resolve(given) : fileURLToPath(new URL("../../docs/openapi.json", import.meta.url));
process.chdir(fileURLToPath(new URL(".", import.meta.url)));
const document = JSON.parse(readFileSync(file, "utf8"));
const faults = [];

const bytes = Buffer.byteLength(JSON.stringify(document));
if (bytes > MOST_BYTES) faults.push(`the document has ${bytes} bytes, more than ${MOST_BYTES}`);

const resolved = (part) => {
  if (!part?.$ref) return part;
  return part.$ref.slice(2).split("/").reduce((at, name) => at[name.replaceAll("~1", "/").replaceAll("~0", "~")], document);
};

const operations = Object.entries(document.paths).flatMap(([path, item]) =>
  METHODS.filter((method) => item[method]).map((method) => ({ path, method, operation: item[method] })),
);

// Examples: each JSON body and answer has one, and it fits.
const ajv = new Ajv({ strict: false, validateFormats: true, allErrors: true });
addFormats(ajv);
// Formats that say what a number is stored as.
for (const format of ["int32", "int64", "float", "double", "binary"]) ajv.addFormat(format, true);
ajv.addSchema({ $id: "doc", components: document.components });
const within = (schema) => JSON.parse(JSON.stringify(schema).replaceAll('"#/components', '"doc#/components'));
const exampleOf = (content) => {
  if (content.example !== undefined) return content.example;
  const first = Object.values(content.examples ?? {})[0];
  return resolved(first)?.value;
};
let examples = 0;
for (const { path, method, operation } of operations) {
  const parts = [["body", resolved(operation.requestBody)], ...Object.entries(operation.responses).map(([status, answer]) => [status, resolved(answer)])];
  for (const [where, part] of parts) {
    for (const [type, content] of Object.entries(part?.content ?? {})) {
      if (!type.includes("json") || type.includes("ndjson")) continue;
      const example = exampleOf(content);
      const at = `${method} ${path} ${where} ${type}`;
      if (example === undefined) {
        faults.push(`${at} has no example`);
        continue;
      }
      examples += 1;
      const fits = ajv.compile(within(content.schema));
      if (!fits(example)) faults.push(`the example of ${at} does not fit: ${ajv.errorsText(fits.errors)}`);
    }
  }
}

// What receivers of webhooks are sent.
for (const [name, item] of Object.entries(document.webhooks ?? {})) {
  const content = item.post.requestBody.content["application/json"];
  const fits = ajv.compile(within(content.schema));
  const example = exampleOf(content);
  if (example === undefined || !fits(example)) faults.push(`the example of the webhook ${name} does not fit: ${ajv.errorsText(fits.errors)}`);
}
if (!document.webhooks) faults.push("the document has no webhooks");

// A call of every operation, with what the document gives as examples.
const valueOf = (parameter) => {
  const schema = resolved(parameter.schema);
  if (parameter.example !== undefined) return parameter.example;
  if (schema.example !== undefined) return schema.example;
  if (schema.enum) return schema.enum[0];
  if (schema.type === "integer" || schema.type === "number") return schema.minimum ?? 1;
  if (schema.type === "boolean") return true;
  if (schema.type === "array") return [];
  if (schema.type === "object") return {};
  return "019a2b3c-4d5e-7f60-8a9b-0c1d2e3f4a5b";
};
let every = '// Made by check.mjs.\nimport createClient from "openapi-fetch";\nimport type { paths } from "./schema.js";\n';
every += "const api = createClient<paths>({});\ndeclare const file: Blob;\nexport async function every(): Promise<void> {\n";
for (const { path, method, operation } of operations) {
  const params = {};
  for (const parameter of (operation.parameters ?? []).map(resolved)) {
    params[parameter.in] ??= {};
    params[parameter.in][parameter.name] = valueOf(parameter);
  }
  const body = resolved(operation.requestBody);
  const fields = [`params: ${JSON.stringify(params)}`];
  if (body) {
    const [type, content] = Object.entries(body.content).find(([type]) => type === "application/json") ?? Object.entries(body.content)[0];
    const isText = type.startsWith("text/") || type.includes("ndjson");
    fields.push(`body: ${type === "application/json" ? JSON.stringify(exampleOf(content)) : isText ? '"a line"' : "file"}`);
  }
  every += `  await api.${method.toUpperCase()}(${JSON.stringify(path)}, { ${fields.join(", ")} });\n`;
}
every += "}\n";

rmSync("build", { recursive: true, force: true });
mkdirSync("build");
writeFileSync("build/every.ts", every);
writeFileSync(
  "build/orval.config.cjs",
  `module.exports = { entrepot: { input: ${JSON.stringify(file)}, output: { target: "./orval/client.ts", client: "fetch", mode: "split" } } };\n`,
);
const run = (name, ...given) => {
  try {
    return execFileSync(process.execPath, [`node_modules/${name}`, ...given], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], timeout: 240_000 });
  } catch (error) {
    faults.push(`${name} failed:\n${error.stdout ?? ""}${error.stderr ?? ""}`.slice(0, 6_000));
    return "";
  }
};
run("openapi-typescript/bin/cli.js", file, "-o", "build/schema.d.ts");
run("@hey-api/openapi-ts/bin/run.js", "-i", file, "-o", "build/hey", "-p", "@hey-api/client-fetch", "@hey-api/typescript", "@hey-api/sdk");
const told = run("orval/dist/bin/orval.js", "--config", "build/orval.config.cjs");
if (/warn|error|fail|⚠/i.test(told)) faults.push(`orval has something to say:\n${told}`);
if (faults.length === 0) run("typescript/bin/tsc", "-p", ".");

if (faults.length > 0) {
  console.error(faults.join("\n"));
  process.exit(1);
}
console.log(`${operations.length} operations, ${examples} examples, ${bytes} bytes: three generators, tsc --strict`);
