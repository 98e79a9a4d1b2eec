// Sends what generated clients send (src/run.ts) to the program that ENTREPOT_BIN names. `node check.mjs` made the
// clients.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { build } from "esbuild";
import { Program } from "../live/test/support.mjs";

const binary = process.env.ENTREPOT_BIN;
const skip = binary ? false : "ENTREPOT_BIN does not name the program";

let program;
before(async () => {
  if (!skip) program = await Program.start(binary);
}, { timeout: 180_000 });
after(async () => await program?.stop());

test("what generated clients send is taken", { skip, timeout: 60_000 }, async () => {
  await build({ entryPoints: ["src/run.ts"], bundle: true, platform: "node", format: "esm", packages: "external", outfile: "build/run.mjs", logLevel: "warning" });
  const { run } = await import("./build/run.mjs");
  assert.deepEqual(await run(program.origin, await program.signIn()), {
    "hey: a product": 201,
    "hey: a picture": 201,
    "hey: lines of CSV": 1,
    "hey: lines of JSON": 1,
    "hey: a list": 1,
    "fetch: a form with a picture": 201,
    "fetch: a form with lines": 1,
    "fetch: a text": 1,
    "fetch: not older than a write": 200,
    "axios: a list": 2,
  });
});
