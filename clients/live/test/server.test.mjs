// The client against the real program, which is killed in the middle of writes and started again.
//
// Invariant: what is asserted is asserted of acknowledged writes, whose events have to come; of those
// whose answer was lost nothing is known, so theirs may come or not, but at most once.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { WebSocket } from "ws";
import { EntrepotLive } from "../entrepot-live.js";
import { Program, until } from "./support.mjs";

const binary = process.env.ENTREPOT_BIN;
const skip = binary ? false : "ENTREPOT_BIN does not name the program";
const STORE = 330;

let program;
before(async () => {
  if (skip) return;
  program = await Program.start(binary);
  await program.signIn();
  await program.putStore(STORE, "Harbour");
}, { timeout: 180_000 });
after(async () => await program?.stop());

function follow(topic, options = {}) {
  const seen = { events: [], resyncs: [], errors: [], closed: [], statuses: [] };
  const live = new EntrepotLive({
    url: `${program.origin}/ws`,
    getToken: () => program.signIn(),
    WebSocket,
    onResync: (resync) => seen.resyncs.push(resync),
    onError: (error) => seen.errors.push(error),
    onClose: (code) => seen.closed.push(code),
    onStatus: (status) => seen.statuses.push(status),
    ...options,
  });
  live.subscribe(topic, (event) => seen.events.push(event));
  live.connect();
  return { live, seen };
}

const sales = ({ data }) => Number(data.totals?.sales);

/** That the events are those of these writes: none missing, none twice, in order. */
function check({ events, resyncs }, acknowledged, unknown) {
  assert.deepEqual(resyncs, [], "nothing was given up");
  const shown = events.map(sales);
  const ascending = (values) => values.every((value, nth) => nth === 0 || value > values[nth - 1]);
  assert.ok(ascending(shown), `each once, and in order: ${shown}`);
  assert.ok(ascending(events.map(({ id }) => BigInt(id))), "and so are the ids of one writer");
  const missing = acknowledged.filter((value) => !shown.includes(value));
  assert.deepEqual(missing, [], "every acknowledged write was told");
  const invented = shown.filter((value) => !acknowledged.includes(value) && !unknown.includes(value));
  assert.deepEqual(invented, [], "and nothing else");
  for (const [nth, { data }] of events.entries()) {
    if (nth === 0 || data.before === undefined) continue;
    assert.equal(Number(data.before.sales), sales(events[nth - 1]), "each begins where the one before it ended");
  }
}

test("every acknowledged write is told once and in order, though the server is killed", { skip, timeout: 240_000 }, async () => {
  const { live, seen } = follow(`sales-data-${STORE}`);
  const acknowledged = [];
  const unknown = [];
  let writing = true;
  try {
    await until("subscribed", () => `sales-data-${STORE}` in live.cursors());
    // Every value is written once, so that an event tells which write it is of.
    const writer = (async () => {
      for (let value = 1000; writing; value += 1) {
        (await program.sell(STORE, value)) ? acknowledged.push(value) : unknown.push(value);
        // While nobody answers there is no use in being quick.
        if (unknown.includes(value)) await new Promise((resolve) => setTimeout(resolve, 50));
      }
    })();
    writer.catch(() => {});
    const wait = (count) => Promise.race([until(`${count} writes`, () => acknowledged.length >= count, 60_000), writer]);
    await wait(50);
    for (const [kill, goal] of [[1, 150], [2, 300]]) {
      await program.kill();
      await until("the client notices", () => live.status !== "connected");
      const lost = acknowledged.length;
      await program.run();
      await until("it is back", () => live.status === "connected", 60_000);
      await wait(Math.max(goal, lost + 50));
      assert.equal(seen.statuses.filter((status) => status === "connected").length, kill + 1);
    }
    writing = false;
    await writer;
    const last = acknowledged.at(-1);
    await until("the last event", () => seen.events.some((event) => sales(event) === last));
    check(seen, acknowledged, unknown);
    assert.deepEqual([seen.errors, seen.closed], [[], []]);
  } finally {
    writing = false;
    live.close();
  }
});

test("a page that was closed continues behind its cursor", { skip, timeout: 120_000 }, async () => {
  const topic = `sales-data-${STORE}`;
  const first = follow(topic);
  let since;
  try {
    await until("subscribed", () => topic in first.live.cursors());
    assert.ok(await program.sell(STORE, 900_001));
    await until("shown", () => first.seen.events.some((event) => sales(event) === 900_001));
    since = first.live.cursors()[topic];
  } finally {
    first.live.close();
  }
  assert.ok(await program.sell(STORE, 900_002));
  assert.ok(await program.sell(STORE, 900_003));
  const events = [];
  const live = new EntrepotLive({ url: `${program.origin}/ws`, token: program.token, WebSocket });
  live.subscribe(topic, (event) => events.push(sales(event)), { since });
  live.connect();
  try {
    await until("both", () => events.includes(900_003));
    // What the first had seen may come again; what it had not has to.
    assert.deepEqual(events.filter((value) => value > 900_001), [900_002, 900_003]);
  } finally {
    live.close();
  }
});

test("a token that nobody gave is refused for good", { skip, timeout: 60_000 }, async () => {
  const { live, seen } = follow("system", { getToken: undefined, token: "made-up" });
  try {
    await until("refused", () => seen.closed.length === 1);
    assert.deepEqual([seen.closed, live.status], [[4401], "closed"]);
  } finally {
    live.close();
  }
});
