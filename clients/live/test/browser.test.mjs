// The page /console/live of the real program, in a real browser, over a kill of the server.
//
// Invariant: the page is used as people do: by its form and by what it shows. Nothing in it is called.

import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { ADMIN, Browser, Program } from "./support.mjs";

const binary = process.env.ENTREPOT_BIN;
const chromium = process.env.CHROMIUM || "/usr/bin/chromium";
const skip = !binary ? "ENTREPOT_BIN does not name the program" : !existsSync(chromium) && `there is no ${chromium}`;

const STORES = [[330, "Harbour"], [331, "Old Mill"], [332, "Station Hall"], [333, "Lighthouse Quay"], [334, "Market Square"]];

let program;
let browser;
before(async () => {
  if (skip) return;
  program = await Program.start(binary);
  await program.signIn();
  for (const [id, name] of STORES) {
    await program.putStore(id, name);
    assert.ok(await program.sell(id, 1000 * (340 - id)));
  }
  browser = await Browser.start(chromium);
  await browser.look(1280, 800);
}, { timeout: 180_000 });
after(async () => {
  await browser?.stop();
  await program?.stop();
});

/** An expression for the number that the page shows as a store's sales. */
const shown = (store) => `Number(document.querySelector('[data-store="${store}"] [data-cell=sales]')?.textContent.replace(/[^0-9.-]/g, ""))`;
const status = `document.querySelector("#status").dataset.state`;

test("signs in, shows stores, and follows them over a kill of the server", { skip, timeout: 240_000 }, async () => {
  await browser.open(`${program.origin}/console/live`);
  await browser.sees(`!document.querySelector("#sign-in").hidden`);
  await browser.type("#email", ADMIN.email);
  await browser.type("#password", "not the password at all");
  await browser.press("#sign-in button");
  await browser.sees(`document.querySelector("#sign-in [role=alert]").textContent.length > 0`);
  await browser.read(`document.querySelector("#password").value = ""`);
  await browser.type("#password", ADMIN.password);
  await browser.press("#sign-in button");
  await browser.sees(`${status} === "connected"`);
  await browser.sees(`document.querySelectorAll("[data-store]").length === ${STORES.length}`);
  await browser.sees(`${shown(330)} === 10000`);

  assert.ok(await program.sell(330, 12_345));
  await browser.sees(`${shown(330)} === 12345`);
  await browser.sees(`document.querySelectorAll("#ticker li").length > 0`);

  await program.kill();
  await browser.sees(`${status} === "reconnecting"`);
  await program.run();
  // Written before the page is back, or after: it has to show both.
  assert.ok(await program.sell(331, 23_456));
  await browser.sees(`${status} === "connected"`, 60_000);
  await browser.sees(`${shown(331)} === 23456`);
  assert.ok(await program.sell(332, 34_567));
  await browser.sees(`${shown(332)} === 34567`);
  for (const [nth, [id]] of STORES.entries()) assert.ok(await program.sell(id, 40_000 - 3_210 * nth));
  await browser.sees(`${shown(334)} === ${40_000 - 3_210 * 4}`);
  if (process.env.SCREENSHOT) writeFileSync(process.env.SCREENSHOT, await browser.picture());

  // A reload keeps the session, and the way out of it.
  await browser.open(`${program.origin}/console/live`);
  await browser.sees(`${shown(334)} === ${40_000 - 3_210 * 4}`);
  await browser.press("#sign-out");
  await browser.sees(`!document.querySelector("#sign-in").hidden`);
  assert.deepEqual(browser.errors, [], "the page threw nothing and broke no policy");
});
