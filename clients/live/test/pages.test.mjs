// The pages of the real program in a real browser: the first page, signing in once for all of them, the account, and
// the explorer, which sends its requests as whoever is signed in.
//
// Invariant: pages are used as people do: by their forms and by what they show. Nothing in them is called.

import assert from "node:assert/strict";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { ADMIN, Browser, Program } from "./support.mjs";

const binary = process.env.ENTREPOT_BIN;
const chromium = process.env.CHROMIUM || "/usr/bin/chromium";
const skip = !binary ? "ENTREPOT_BIN does not name the program" : !existsSync(chromium) && `there is no ${chromium}`;
/** A folder that pictures of the pages are left in. */
const pictures = process.env.PICTURES;

let program;
let browser;
before(async () => {
  if (skip) return;
  // Access tokens that end soon are renewed soon.
  program = await Program.start(binary, { ENTREPOT_AUTH_ACCESS_TOKEN_S: "6" });
  browser = await Browser.start(chromium);
  await browser.look(1280, 800);
}, { timeout: 180_000 });
after(async () => {
  await browser?.stop();
  await program?.stop();
});

const visible = (selector) => `document.querySelector(${JSON.stringify(selector)})?.checkVisibility() === true`;
const text = (selector) => `(document.querySelector(${JSON.stringify(selector)})?.textContent ?? "")`;
/** In the library's own tree, as an expression. */
const shown = (selector) => `document.querySelector("entrepot-explorer")?.shadowRoot?.querySelector(${JSON.stringify(selector)})`;
const open = async (path) => {
  // A change of the fragment alone is no new page.
  await browser.open("about:blank");
  await browser.sees(`location.href === "about:blank"`);
  await browser.open(program.origin + path);
};

async function signIn(password = ADMIN.password) {
  await browser.sees(visible("#sign-in"));
  await browser.read(`document.querySelector("#email").value = document.querySelector("#password").value = ""`);
  await browser.type("#email", ADMIN.email);
  await browser.type("#password", password);
  await browser.press("#sign-in button");
}

/** Has the explorer show an operation, and run it with this body. Gives the status that the page shows. */
async function run(operation, body) {
  await open(`/api-docs#?route=${encodeURIComponent(operation)}`);
  await browser.sees(`${shown(".btn-execute")} != null && document.querySelector("#as").textContent !== ""`, 10_000);
  await runHere(body);
}

async function runHere(body) {
  if (body !== undefined) {
    await browser.read(`(() => { const area = ${shown("textarea.request-body-param-user-input")}; area.value = ${JSON.stringify(JSON.stringify(body))}; area.dispatchEvent(new Event("input", { bubbles: true })); })()`);
  }
  await browser.read(`${shown(".btn-execute")}.click()`);
}

const answered = (status) => `(${shown(".response-message")}?.textContent ?? "").includes("${status}")`;

test("the first page shows the way to all others, and how the server is", { skip, timeout: 60_000 }, async () => {
  await open("/");
  await browser.sees(`${text("#status-text")} === "healthy"`);
  assert.ok(await browser.read(`${text("[data-origin]")} === location.origin`), "the examples have the server's address");
  await browser.press(`nav.pages a[href="/api-docs"]`);
  await browser.sees(`document.title === "Entrepot API"`);
  assert.deepEqual(browser.errors, [], "the page threw nothing and broke no policy");
});

test("the explorer shows an operation, and search finds it", { skip, timeout: 60_000 }, async (t) => {
  await open("/api-docs");
  await browser.sees(`document.querySelectorAll("#operations li").length > 50`, 10_000);
  t.diagnostic(`the list of operations stood after ${await browser.read("Math.round(performance.now())")} ms at the most`);
  await browser.type("#search", "post /products/batch");
  await browser.sees(`document.querySelectorAll("#operations li:not([hidden])").length === 1`);
  await browser.press("#operations li:not([hidden]) a");
  await browser.sees(`(${shown("[part=label-operation-path]")})?.textContent === "/api/v2/products/batch"`, 10_000);
  await browser.sees(`(${shown("textarea")})?.value.includes("{")`);
  await open("/api-docs#?route=get-%2Fapi%2Fv2%2Fproducts");
  await browser.sees(`${shown(".request-param")} != null`, 10_000);
  t.diagnostic(`an operation by its address was ready to run after ${await browser.read("Math.round(performance.now())")} ms at the most`);
  const unknown = `(() => {
    const known = new Set(document.querySelector("entrepot-explorer").resolvedSpec.tags.flatMap(({ paths }) => paths.map(({ elementId }) => elementId)));
    const listed = [...document.querySelectorAll("#operations li a")].map((link) => link.dataset.route);
    return [...listed.filter((id) => !known.has(id)), listed.length - known.size];
  })()`;
  assert.deepEqual(await browser.read(unknown), [0], "the list and the library name the same operations");
  const filled = `[...document.querySelector("entrepot-explorer").shadowRoot.querySelectorAll("[data-pname]")].filter((field) => String(field.value ?? "")).map((field) => field.dataset.pname)`;
  assert.deepEqual(await browser.read(filled), [], "no parameter is filled in unasked");
  assert.deepEqual(browser.errors, [], "the page threw nothing and broke no policy");
});

test("who has signed in at the console changes things from the explorer", { skip, timeout: 120_000 }, async () => {
  await run("post-/api/v2/categories", { name: "Nobody's", slug: "nobodys" });
  await browser.sees(answered(401));
  await open("/console/account");
  await signIn("not the password at all");
  await browser.sees(`${text("#sign-in [role=alert]")} === "E-mail address or password is wrong."`);
  await signIn();
  await browser.sees(`${text("#my-email")} === ${JSON.stringify(ADMIN.email)} && ${text("#who")} === "Administrator"`);
  await browser.sees(`document.querySelectorAll("#sessions tbody tr").length > 0`);
  await run("post-/api/v2/categories", { name: "Session", slug: "session" });
  await browser.sees(answered(201));
  for (const path of ["/console/live", "/console/mail", "/"]) {
    await open(path);
    await browser.sees(`${visible("#sign-out")} && ${text("#who")} === "Administrator" && !${visible("#sign-in")}`);
  }
  await browser.press("#sign-out");
  await browser.sees(`!${visible("#sign-out")}`);
  await open("/console/mail");
  await browser.sees(visible("#sign-in"));
  assert.deepEqual(browser.errors, [], "no page threw anything or broke its policy");
});

test("the explorer signs in by itself, by session, by access token, or uses an API key", { skip, timeout: 120_000 }, async () => {
  await open("/api-docs#?route=post-%2Fapi%2Fv2%2Fcategories");
  await browser.sees(`${shown(".btn-execute")} != null`, 10_000);
  const here = async (withToken) => {
    await browser.read(`document.querySelector("#credentials").open = true`);
    await browser.type("#by-email", ADMIN.email);
    await browser.type("#by-secret", ADMIN.password);
    if (withToken) await browser.press("#by-token");
    await browser.press("#by-password button[type=submit]");
  };
  await here(true);
  await browser.sees(`${text("#as")}.includes("with an access token")`);
  await runHere({ name: "Token", slug: "token" });
  await browser.sees(answered(201));
  // Renewed twice, at half of its time each: the first token has ended.
  await browser.sees(`performance.getEntriesByType("resource").filter((entry) => entry.name.endsWith("/auth/refresh")).length >= 2`);
  await runHere({ name: "Renewed", slug: "renewed" });
  await browser.sees(`${shown("api-response, .response-message")} != null && ${answered(201)}`);
  await program.signIn();
  assert.equal((await program.call("GET", "/api/v2/categories/renewed")).status, 200);
  await browser.press("#by-nobody");
  await browser.sees(`${text("#as")}.includes("without credentials")`);
  await runHere({ name: "Gone", slug: "gone" });
  await browser.sees(answered(401));
  await here(false);
  await browser.sees(`${text("#as")}.includes("in this browser's session")`);
  await runHere({ name: "Cookie", slug: "cookie" });
  await browser.sees(answered(201));

  await program.signIn();
  const made = await program.call("POST", "/api/v2/api-keys", { name: "Explorer", scopes: ["categories.write"] });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  await browser.read(`document.querySelector("#credentials").open = true`);
  await browser.type("#key", made.body.key);
  await browser.press("#by-key button[type=submit]");
  await browser.sees(`${text("#as")}.includes("API key")`);
  await runHere({ name: "Key", slug: "key" });
  await browser.sees(answered(201));
  assert.deepEqual(browser.errors, [], "the page threw nothing and broke no policy");
});

test("a forgotten password, an end of a session, and a new password", { skip, timeout: 120_000 }, async () => {
  await open("/console/account");
  await browser.sees(`${visible("#board")} || ${visible("#sign-in")}`);
  if (await browser.read(visible("#sign-in"))) await signIn();
  // The tests' own session is another one.
  await browser.sees(`document.querySelectorAll("#sessions tbody button").length > 0`);
  await browser.press("#end-others");
  await browser.sees(`document.querySelectorAll("#sessions tbody button").length === 0`);
  const changed = "seven foggy days in Rotterdam";
  await browser.type("#change-current", ADMIN.password);
  await browser.type("#change-new", changed);
  await browser.type("#change-again", changed);
  await browser.press("#change button");
  await browser.sees(`${text("#told")}.includes("password is changed")`);
  await browser.press("#sign-out");
  await browser.sees(visible("#sign-in"));
  await browser.press(`#sign-in a[href="/console/account#forgot"]`);
  await browser.sees(visible("#ask"));
  await browser.type("#ask-email", ADMIN.email);
  await browser.press("#ask button");
  await browser.sees(`${text("#told")}.includes("on its way") && !${visible("#ask")}`);
  await browser.press("#told a");
  await signIn(changed);
  await browser.sees(visible("#board"));
  assert.deepEqual(browser.errors, [], "the page threw nothing and broke no policy");
});

test("no page is wider than a telephone, light or dark", { skip, timeout: 120_000 }, async () => {
  if (pictures) mkdirSync(pictures, { recursive: true });
  const paths = { first: "/", live: "/console/live", mail: "/console/mail", account: "/console/account", explorer: "/api-docs", operation: "/api-docs#?route=post-%2Fapi%2Fv2%2Fproducts" };
  for (const [width, height] of [[390, 844], [1400, 900]]) {
    for (const scheme of ["light", "dark"]) {
      await browser.look(width, height, scheme);
      for (const [name, path] of Object.entries(paths)) {
        await open(path);
        await browser.sees(`${visible("h1")} && ${visible("nav.pages")} && (${visible("#who")} || ${visible("#sign-in")})`);
        if (name === "operation") await browser.sees(`${shown(".btn-execute")} != null`, 10_000);
        assert.ok(await browser.read(`document.documentElement.scrollWidth <= innerWidth`), `${path} fits ${width} px`);
        if (pictures) writeFileSync(join(pictures, `${name}-${width}-${scheme}.png`), await browser.picture());
      }
    }
  }
});
