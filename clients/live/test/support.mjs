// What the tests share: waiting, the program as a process of its own, a browser, and calls of the API.
//
// Invariant: only processes that were started here are stopped, by their ids; and whatever a test does,
// none of them outlives it: `stop()` ends them, and so does the end of the test's own process.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { WebSocket } from "ws";

export const ADMIN = { email: "admin@shop.example", password: "four rainy days in Bergen" };

/** Asks until the answer is truthy, and gives it. How often it asks decides nothing; the bound only ends a test that has failed. */
export async function until(what, ask, boundMs = 30_000) {
  const end = performance.now() + boundMs;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (performance.now() > end) assert.fail(`${what}: not within ${boundMs} ms`);
    await pause(10);
  }
}

/** A TCP port that nobody listens on. */
export async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** A fresh folder that other users can look into: PostgreSQL runs as one of them when the tests are root. */
function folder(name) {
  const path = mkdtempSync(join(tmpdir(), `entrepot-${name}-`));
  chmodSync(path, 0o755);
  return path;
}

const running = new Set();
// Asked, not killed: the program then ends its PostgreSQL, too.
process.on("exit", () => running.forEach((child) => child.kill("SIGTERM")));

/** Starts a process; what it says is kept, the last of it, to be shown when something goes wrong. */
function start(program, args, env) {
  const child = spawn(program, args, { env, stdio: ["ignore", "pipe", "pipe"] });
  child.said = "";
  const keep = (text) => (child.said = (child.said + text).slice(-8000));
  child.stdout.on("data", keep);
  child.stderr.on("data", keep);
  running.add(child);
  child.ended = new Promise((resolve) => {
    child.on("error", (error) => (keep(String(error)), running.delete(child), resolve()));
    child.on("exit", () => (running.delete(child), resolve()));
  });
  return child;
}

const isRunning = (child) => running.has(child);

/** Asks a process to end, and ends it when it does not. */
async function stop(child, signal = "SIGTERM", boundMs = 15_000) {
  if (!isRunning(child)) return;
  child.kill(signal);
  await Promise.race([child.ended, pause(boundMs, undefined, { ref: false })]);
  if (isRunning(child)) child.kill("SIGKILL");
  await child.ended;
}

/** The real program on a data folder and a port of its own, which it keeps over a kill. */
export class Program {
  static async start(binary, settings = {}) {
    const program = new Program();
    program.binary = binary;
    program.settings = settings;
    program.data = folder("data");
    program.port = await freePort();
    program.origin = `http://127.0.0.1:${program.port}`;
    try {
      await program.run();
    } catch (error) {
      await program.stop();
      throw error;
    }
    return program;
  }

  /** Starts it, also again after `kill()`, and waits until it is ready. */
  async run() {
    // A clean environment: any other ENTREPOT_… is a setting to the program, and may be an unknown one.
    const env = {
      PATH: "/usr/sbin:/usr/bin:/sbin:/bin",
      ENTREPOT_DATA_FOLDER: this.data,
      ENTREPOT_ADMIN_EMAIL: ADMIN.email,
      ENTREPOT_ADMIN_PASSWORD: ADMIN.password,
      ENTREPOT_RATE_LIMITS_ENABLED: "false",
      ...this.settings,
    };
    this.child = start(this.binary, ["serve", "--port", String(this.port)], env);
    await until("the program is ready", async () => {
      assert.ok(isRunning(this.child), `the program has ended:\n${this.child.said}`);
      const answer = await fetch(`${this.origin}/health/ready`).catch(() => null);
      await answer?.arrayBuffer();
      return answer?.status === 200;
    }, 120_000);
  }

  /** As a power cut does. */
  async kill() {
    this.child.kill("SIGKILL");
    await this.child.ended;
  }

  async stop() {
    await stop(this.child);
    // After a kill with no start behind it, its private PostgreSQL is still there.
    const file = join(this.data, "postgres/postmaster.pid");
    if (existsSync(file)) {
      const pid = Number(readFileSync(file, "utf8").split("\n")[0]);
      try {
        process.kill(pid, "SIGINT");
        await until("PostgreSQL has ended", () => !existsSync(file));
      } catch (error) {
        if (error.code !== "ESRCH") throw error;
      }
    }
    rmSync(this.data, { recursive: true, force: true });
  }

  /** A call of the API: the answer's status and its JSON. Throws when there is no server. */
  async call(method, path, body, { token = this.token, type = "application/json" } = {}) {
    const headers = { ...(token && { authorization: `Bearer ${token}` }), ...(body && { "content-type": type }) };
    const answer = await fetch(this.origin + path, { method, headers, body: body && JSON.stringify(body) });
    const text = await answer.text();
    return { status: answer.status, body: text ? JSON.parse(text) : null };
  }

  async signIn() {
    const { status, body } = await this.call("POST", "/api/v2/auth/login", ADMIN, { token: null });
    assert.equal(status, 200, JSON.stringify(body));
    this.token = body.accessToken;
    return this.token;
  }

  async putStore(id, name) {
    const { status, body } = await this.call("PUT", `/api/v2/stores/${id}`, { name });
    assert.ok(status === 200 || status === 201, `${status} ${JSON.stringify(body)}`);
  }

  /** Sets the sales of the first of January 2017, which are the only ones of that month. Whether it was acknowledged. */
  async sell(store, sales) {
    const change = { dailyData: { 1: { sales } } };
    const type = "application/merge-patch+json";
    let answer;
    try {
      answer = await this.call("PATCH", `/api/v2/sales/${store}/2017/1`, change, { type });
    } catch {
      return false;
    }
    if (answer.status >= 500) return false;
    assert.ok(answer.status === 200 || answer.status === 201, `${answer.status} ${JSON.stringify(answer.body)}`);
    return true;
  }
}

/** A browser without a window, driven over the DevTools protocol. */
export class Browser {
  static async start(program) {
    const browser = new Browser();
    browser.profile = folder("browser");
    const flags = [
      "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync", "--remote-debugging-port=0", "--window-size=1280,800",
      `--user-data-dir=${browser.profile}`,
    ];
    browser.child = start(program, flags, { ...process.env, HOME: browser.profile });
    const file = join(browser.profile, "DevToolsActivePort");
    const [port, path] = await until("the browser listens", () => {
      assert.ok(isRunning(browser.child), `the browser has ended:\n${browser.child.said}`);
      const lines = existsSync(file) ? readFileSync(file, "utf8").split("\n") : [];
      return lines.length >= 2 && lines;
    });
    browser.socket = new WebSocket(`ws://127.0.0.1:${port}${path}`);
    browser.waiting = new Map();
    browser.lastId = 0;
    browser.errors = [];
    browser.socket.on("message", (text) => browser.receive(JSON.parse(text)));
    await new Promise((resolve, reject) => browser.socket.on("open", resolve).on("error", reject));
    const { targetId } = await browser.send("Target.createTarget", { url: "about:blank" });
    browser.session = (await browser.send("Target.attachToTarget", { targetId, flatten: true })).sessionId;
    await Promise.all(["Page.enable", "Runtime.enable", "Log.enable"].map((method) => browser.send(method)));
    return browser;
  }

  receive({ id, result, error, method, params }) {
    if (method === "Runtime.exceptionThrown") this.errors.push(JSON.stringify(params.exceptionDetails));
    // That the server is away is logged, too, and is what these tests do.
    if (method === "Log.entryAdded" && params.entry.level === "error" && params.entry.source !== "network") {
      this.errors.push(params.entry.text);
    }
    const waiting = this.waiting.get(id);
    this.waiting.delete(id);
    if (error) waiting?.reject(new Error(error.message));
    else waiting?.resolve(result);
  }

  send(method, params = {}) {
    const id = ++this.lastId;
    const answer = new Promise((resolve, reject) => this.waiting.set(id, { resolve, reject }));
    this.socket.send(JSON.stringify({ id, method, params, sessionId: this.session }));
    return answer;
  }

  /** The size of the page in CSS pixels, and whether it is dark. */
  async look(width, height, scheme = "light") {
    await this.send("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: 1, mobile: false });
    await this.send("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value: scheme }] });
  }

  async open(url) {
    await this.send("Page.navigate", { url });
  }

  /** The value of an expression in the page; of a promise, what it becomes. */
  async read(expression) {
    const answer = await this.send("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true });
    assert.ok(!answer.exceptionDetails, `${expression}: ${JSON.stringify(answer.exceptionDetails)}`);
    return answer.result.value;
  }

  /** Waits until an expression holds in the page. */
  async sees(expression, boundMs) {
    let last;
    const holds = async () => (last = await this.read(expression).catch(() => false));
    try {
      return await until(expression, holds, boundMs);
    } catch (error) {
      error.message += `; the page says: ${await this.read("document.body.innerText").catch(String)}`;
      throw error;
    }
  }

  /** Types into a field as a keyboard does. */
  async type(selector, text) {
    await this.read(`document.querySelector(${JSON.stringify(selector)}).focus()`);
    await this.send("Input.insertText", { text });
  }

  async press(selector) {
    await this.read(`document.querySelector(${JSON.stringify(selector)}).click()`);
  }

  /** What the page looks like, as the bytes of a PNG. */
  async picture() {
    return Buffer.from((await this.send("Page.captureScreenshot", { format: "png" })).data, "base64");
  }

  async stop() {
    this.socket?.terminate();
    await stop(this.child);
    await removed(this.profile);
  }
}

/** Removes a folder that the helpers of a browser that has ended may still be writing to for a moment. Each time
 *  from the start: the retries of `rmSync` do not see what has come since they began. */
async function removed(folder) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return rmSync(folder, { recursive: true, force: true });
    } catch (error) {
      if (attempt === 50) throw error;
      await pause(100);
    }
  }
}
