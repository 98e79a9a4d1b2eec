// The client against a server that is written out by each test, frame by frame.
//
// Invariant: no test needs the program, and none waits for a time to pass: each waits for what has to
// happen, with times of the client that are short enough.

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { WebSocket, WebSocketServer } from "ws";
import { EntrepotLive } from "../entrepot-live.js";
import { freePort, until } from "./support.mjs";

const QUICK = { backoffMs: 20, backoffMaxMs: 40, steadyMs: 60_000, connectMs: 2_000, tooManyMs: 50, renewMs: 20 };

const open = [];
afterEach(() => {
  for (const one of open.splice(0)) one();
});

/** A server that keeps what each connection says, and says what it is told to. */
async function script({ onConnect, port = 0, heartbeatMs = 60_000, expiresAt = null } = {}) {
  const server = new WebSocketServer({ port, host: "127.0.0.1" });
  await new Promise((resolve) => server.on("listening", resolve));
  const connections = [];
  server.on("connection", (socket, request) => {
    const connection = {
      socket,
      request,
      frames: [],
      say: (frame) => socket.send(typeof frame === "string" ? frame : JSON.stringify(frame)),
      asked: (type) => connection.frames.filter((frame) => frame.type === type),
      welcome: () => connection.say({ type: "welcome", connectionId: "1", heartbeatMs, expiresAt }),
      event: (topic, id, cursor = `c${id}`, data = {}) =>
        connection.say({ type: "event", topic, event: "happened", id: String(id), cursor, at: "2026-01-01T00:00:00Z", data }),
    };
    connections.push(connection);
    socket.on("message", (text) => {
      const frame = JSON.parse(text);
      connection.frames.push(frame);
      connection.onFrame?.(frame);
    });
    (onConnect ?? welcomes)(connection, connections.length);
  });
  const stop = () => {
    for (const { socket } of connections) socket.terminate();
    server.close();
  };
  open.push(stop);
  const port_ = server.address().port;
  return { connections, port: port_, url: `ws://127.0.0.1:${port_}/ws`, stop, nth: (n) => until(`connection ${n}`, () => connections[n - 1]) };
}

/** Welcomes, and confirms every subscription where it was asked to begin, or at "start". */
function welcomes(connection) {
  connection.onFrame = (frame) => {
    if (frame.type === "auth") connection.welcome();
    if (frame.type !== "subscribe") return;
    for (const event of frame.events) connection.say({ type: "subscribed", event, cursor: frame.since ?? "start" });
  };
}

function follow(server, options = {}) {
  const seen = { status: [], errors: [], closed: [], resyncs: [], events: [] };
  const live = new EntrepotLive({
    url: server.url,
    token: "t1",
    WebSocket,
    timing: QUICK,
    onStatus: (status, retryInMs) => seen.status.push([status, retryInMs]),
    onError: (error) => seen.errors.push(error),
    onClose: (code, reason) => seen.closed.push([code, reason]),
    onResync: (resync) => seen.resyncs.push(resync),
    onEvent: (event) => seen.events.push(event.id),
    ...options,
  });
  open.push(() => live.close());
  live.connect();
  return { live, seen };
}

const confirmed = (live, topic) => until(`${topic} is confirmed`, () => topic in live.cursors());

test("signs in by the first frame, and asks for all topics in one", async () => {
  const server = await script();
  const { live } = follow(server);
  const got = [];
  live.subscribe("a", (event) => got.push(["first", event.data.n]));
  live.subscribe("a", (event) => got.push(["second", event.data.n]));
  live.subscribe("b", () => {});
  await confirmed(live, "b");
  const [connection] = server.connections;
  assert.equal(connection.request.url, "/ws");
  assert.deepEqual(connection.frames, [{ type: "auth", token: "t1" }, { type: "subscribe", events: ["a", "b"] }]);
  connection.event("a", 1, "c1", { n: 7 });
  await until("both handlers", () => got.length === 2);
  assert.deepEqual(got, [["first", 7], ["second", 7]]);
  assert.deepEqual(live.cursors(), { a: "c1", b: "start" });
  assert.equal(live.status, "connected");
});

test("with a cookie nothing is said before the welcome", async () => {
  const server = await script({ onConnect: (connection) => (welcomes(connection), connection.welcome()) });
  const { live } = follow(server, { token: undefined });
  live.subscribe("a", () => {});
  await confirmed(live, "a");
  assert.deepEqual(server.connections[0].frames, [{ type: "subscribe", events: ["a"] }]);
});

test("many topics go in frames of a hundred", async () => {
  const server = await script();
  const { live } = follow(server);
  for (let n = 0; n < 250; n += 1) live.subscribe(`t${n}`, () => {});
  await confirmed(live, "t249");
  assert.deepEqual(server.connections[0].asked("subscribe").map(({ events }) => events.length), [100, 100, 50]);
});

test("drops what comes twice, also when ids do not ascend, and forgets the oldest", async () => {
  const server = await script();
  const { live, seen } = follow(server, { rememberIds: 3 });
  live.subscribe("a", () => {});
  await confirmed(live, "a");
  for (const id of [5, 7, 6, 6, 7, 5, 8, 5, 9]) server.connections[0].event("a", id);
  await until("the last", () => seen.events.includes("9"));
  // 8 has pushed 5 out, so the third 5 counts as new.
  assert.deepEqual(seen.events, ["5", "7", "6", "8", "5", "9"]);
});

test("the last handler that leaves ends the subscription", async () => {
  const server = await script();
  const { live } = follow(server);
  const first = live.subscribe("a", () => {});
  const second = live.subscribe("a", () => {});
  await confirmed(live, "a");
  const [connection] = server.connections;
  first();
  first();
  assert.deepEqual(connection.asked("unsubscribe"), []);
  second();
  await until("unsubscribed", () => connection.asked("unsubscribe").length === 1);
  assert.deepEqual(live.cursors(), {});
});

test("after a break every topic continues at its own cursor, and nothing is shown twice", async () => {
  const server = await script();
  const { live, seen } = follow(server);
  const resumed = [];
  for (const topic of ["a", "b", "c"]) live.subscribe(topic, () => {}, { onSubscribed: (...what) => resumed.push(what) });
  await confirmed(live, "c");
  server.connections[0].event("a", 1);
  server.connections[0].event("b", 2);
  await until("both", () => seen.events.length === 2);
  server.connections[0].socket.terminate();
  const second = await server.nth(2);
  await until("asked", () => second.asked("subscribe").length === 3);
  assert.deepEqual(second.asked("subscribe"), [
    { type: "subscribe", events: ["a"], since: "c1" },
    { type: "subscribe", events: ["b"], since: "c2" },
    { type: "subscribe", events: ["c"], since: "start" },
  ]);
  second.event("a", 1);
  second.event("a", 3);
  await until("the new one", () => seen.events.length === 3);
  assert.deepEqual(seen.events, ["1", "2", "3"]);
  assert.deepEqual(resumed.map(([, again]) => again), [false, false, false, true, true, true]);
});

test("a pong's cursor is that of all confirmed topics, so that they are asked for together again", async () => {
  const server = await script({ heartbeatMs: 30 });
  const { live } = follow(server);
  live.subscribe("a", () => {});
  live.subscribe("b", () => {});
  await confirmed(live, "b");
  const [connection] = server.connections;
  await until("a ping", () => connection.asked("ping").length > 0);
  connection.onFrame = null;
  live.subscribe("unconfirmed", () => {});
  await until("asked", () => connection.asked("subscribe").length === 2);
  connection.say({ type: "pong", cursor: "p9" });
  await until("taken", () => live.cursors().a === "p9");
  assert.deepEqual(live.cursors(), { a: "p9", b: "p9" });
  connection.socket.terminate();
  const second = await server.nth(2);
  await until("asked again", () => second.asked("subscribe").length === 2);
  assert.deepEqual(second.asked("subscribe"), [
    { type: "subscribe", events: ["a", "b"], since: "p9" },
    { type: "subscribe", events: ["unconfirmed"] },
  ]);
});

test("cursors that were kept over a reload are asked for", async () => {
  const server = await script();
  const { live } = follow(server);
  live.subscribe("a", () => {}, { since: "kept" });
  const connection = await server.nth(1);
  await until("asked", () => connection.asked("subscribe")[0]?.since === "kept");
});

test("a topic that the server cannot go on with now is asked for again, from where it was", async () => {
  const server = await script({
    onConnect: (connection, n) => {
      welcomes(connection);
      const { onFrame } = connection;
      connection.onFrame = (frame) => {
        if (frame.type !== "subscribe" || n > 1) return onFrame(frame);
        connection.say({ type: "error", code: "live.unavailable", detail: "try again soon", event: frame.events[0] });
      };
    },
  });
  const { live, seen } = follow(server);
  live.subscribe("stock", () => {}, { since: "c7" });
  const second = await server.nth(2);
  await confirmed(live, "stock");
  assert.equal(second.asked("subscribe")[0].since, "c7");
  assert.deepEqual(seen.errors.map(({ code }) => code), ["live.unavailable"]);
});

test("a resync is told, and the events behind it flow", async () => {
  const server = await script();
  const { live, seen } = follow(server);
  const own = [];
  live.subscribe("a", () => {}, { onResync: ({ reason }) => own.push(reason) });
  await confirmed(live, "a");
  server.connections[0].say({ type: "resync", topic: "a", reason: "overflow", cursor: "r1" });
  await until("told", () => seen.resyncs.length === 1);
  assert.deepEqual(own, ["overflow"]);
  assert.deepEqual(seen.resyncs, [{ topic: "a", reason: "overflow", cursor: "r1" }]);
  assert.equal(live.cursors().a, "r1");
  server.connections[0].event("a", 4);
  await until("it flows", () => seen.events[0] === "4");
});

test("a token that was refused is renewed once, then it is the end", async () => {
  const given = [];
  const server = await script({
    onConnect: (connection, nth) => {
      welcomes(connection);
      if (nth === 2) return;
      connection.onFrame = () => connection.socket.close(4401, "expired");
    },
  });
  const { live, seen } = follow(server, { getToken: async () => (given.push(1), `fresh${given.length}`) });
  live.subscribe("a", () => {});
  await confirmed(live, "a");
  assert.deepEqual(server.connections.map(({ frames }) => frames[0].token), ["t1", "fresh1"]);
  // The welcome in between gives it one try again, and no second.
  server.connections[1].socket.close(4401, "expired");
  await until("closed", () => seen.closed.length === 1);
  assert.deepEqual(seen.closed, [[4401, "expired"]]);
  assert.deepEqual(server.connections.map(({ frames }) => frames[0].token), ["t1", "fresh1", "fresh2"]);
  assert.equal(live.status, "closed");
});

test("without getToken a refused token is the end, and so is having none", async () => {
  const server = await script({ onConnect: ({ socket }) => socket.close(4401, "no") });
  const { seen } = follow(server);
  await until("closed", () => seen.closed.length === 1);
  const { seen: other } = follow(server, { token: undefined, getToken: () => null });
  await until("closed", () => other.closed.length === 1);
  assert.equal(server.connections.length, 1);
});

test("a right that was taken away is the end, token or not", async () => {
  const server = await script({ onConnect: ({ socket }) => socket.close(4403, "revoked") });
  const { live, seen } = follow(server, { getToken: () => "more" });
  await until("closed", () => seen.closed.length === 1);
  assert.deepEqual([live.status, seen.closed], ["closed", [[4403, "revoked"]]]);
  assert.equal(seen.status.some(([status]) => status === "waiting"), false);
});

test("the token is renewed on the living socket before it expires", async () => {
  const server = await script({ expiresAt: new Date(Date.now() + 200).toISOString() });
  const { live } = follow(server, { getToken: () => "fresh" });
  live.subscribe("a", () => {});
  const connection = await server.nth(1);
  await until("renewed", () => connection.asked("auth").length === 2);
  assert.deepEqual(connection.asked("auth").map(({ token }) => token), ["t1", "fresh"]);
  assert.equal(server.connections.length, 1);
});

test("getToken that fails is tried again", async () => {
  const server = await script();
  let calls = 0;
  const getToken = async () => {
    calls += 1;
    if (calls < 3) throw new Error("no network");
    return "t3";
  };
  const { live, seen } = follow(server, { token: undefined, getToken });
  await until("connected", () => live.status === "connected");
  assert.deepEqual(seen.errors.map(({ code }) => code), ["client.token", "client.token"]);
});

test("a restart's hint decides when to come back", async () => {
  const server = await script();
  const { live, seen } = follow(server, { timing: { ...QUICK, backoffMs: 60_000, backoffMaxMs: 60_000 } });
  await until("connected", () => live.status === "connected");
  server.connections[0].say({ type: "restart", reconnectInMs: 25 });
  server.connections[0].socket.close(1012);
  await server.nth(2);
  assert.deepEqual(seen.status.filter(([status]) => status === "waiting"), [["waiting", 25]]);
});

test("who sends too much waits long", async () => {
  const server = await script({ onConnect: (connection, nth) => (nth === 1 ? connection.socket.close(4429) : welcomes(connection)) });
  const { seen } = follow(server, { timing: { ...QUICK, backoffMs: 1, tooManyMs: 80 } });
  await server.nth(2);
  const [, waitMs] = seen.status.find(([status]) => status === "waiting");
  assert.ok(waitMs >= 40 && waitMs <= 80, `${waitMs}`);
});

test("a server that falls silent is left, and missed events are asked for", async () => {
  const server = await script({ heartbeatMs: 40 });
  const { live } = follow(server);
  live.subscribe("a", () => {});
  await confirmed(live, "a");
  server.connections[0].event("a", 1);
  // It hears, and answers no ping.
  const second = await server.nth(2);
  await until("asked", () => second.asked("subscribe")[0]?.since === "c1");
  assert.ok(server.connections[0].asked("ping").length >= 1);
});

test("a server that answers pings is kept", async () => {
  const server = await script({ heartbeatMs: 30 });
  const { live } = follow(server);
  const connection = await server.nth(1);
  connection.onFrame = (frame) => {
    if (frame.type === "auth") connection.welcome();
    if (frame.type === "ping") connection.say({ type: "pong" });
  };
  await until("five heartbeats", () => connection.asked("ping").length === 5);
  assert.equal(server.connections.length, 1);
  assert.equal(live.status, "connected");
});

test("a server that never welcomes is left", async () => {
  const server = await script({ onConnect: () => {} });
  follow(server, { timing: { ...QUICK, connectMs: 30 } });
  await server.nth(3);
});

test("handlers and callbacks that throw break nothing", async () => {
  const server = await script();
  const got = [];
  const thrown = () => {
    throw new Error("mine");
  };
  const { live, seen } = follow(server, { onEvent: thrown, onStatus: thrown, onResync: thrown });
  live.subscribe("a", thrown, { onSubscribed: thrown, onResync: thrown });
  live.subscribe("a", async () => thrown());
  live.subscribe("a", (event) => got.push(event.id));
  await confirmed(live, "a");
  server.connections[0].event("a", 1);
  server.connections[0].say({ type: "resync", topic: "a", reason: "overflow", cursor: "r" });
  server.connections[0].event("a", 2);
  await until("both", () => got.length === 2);
  assert.deepEqual(got, ["1", "2"]);
  assert.ok(seen.errors.length >= 8 && seen.errors.every(({ code, cause }) => code === "client.handler" && cause.message === "mine"));
});

test("frames that make no sense are told and skipped; unknown ones are skipped", async () => {
  const server = await script();
  const { live, seen } = follow(server);
  live.subscribe("a", () => {});
  await confirmed(live, "a");
  const [{ say, event }] = server.connections;
  for (const text of ["{", "null", "7", "{}"]) say(text);
  say({ type: "invented-tomorrow", topic: "a" });
  event("nobody-follows-this", 1);
  say({ type: "error", code: "live.forbidden", detail: "not yours", event: "b" });
  event("a", 2);
  await until("it lives on", () => seen.events.length === 1);
  assert.deepEqual(seen.events, ["2"]);
  assert.deepEqual(seen.errors.map(({ code, topic }) => [code, topic]), [
    ["client.frame", undefined], ["client.frame", undefined], ["client.frame", undefined], ["client.frame", undefined],
    ["live.forbidden", "b"],
  ]);
});

test("waits grow to a bound, and end when the server is back", async () => {
  const port = await freePort();
  const { live, seen } = follow({ url: `ws://127.0.0.1:${port}/ws` }, { timing: { ...QUICK, backoffMs: 2, backoffMaxMs: 16 } });
  await until("ten attempts", () => seen.status.filter(([status]) => status === "waiting").length >= 10);
  const waits = seen.status.filter(([status]) => status === "waiting").map(([, ms]) => ms);
  waits.forEach((ms, nth) => assert.ok(ms >= 0 && ms <= Math.min(2 * 2 ** nth, 16), `wait ${nth}: ${ms} ms`));
  await script({ port });
  await until("connected", () => live.status === "connected");
});

test("a connection that does not hold makes the waits grow; one that held begins anew", async () => {
  const server = await script({ onConnect: (connection) => (connection.welcome(), connection.socket.close(1011)) });
  const random = Math.random;
  Math.random = () => 1;
  open.push(() => (Math.random = random));
  const { seen } = follow(server, { timing: { ...QUICK, backoffMs: 1, backoffMaxMs: 8 } });
  const { seen: other } = follow(server, { timing: { ...QUICK, backoffMs: 1, backoffMaxMs: 8, steadyMs: 0 } });
  const waits = ({ status }) => status.filter(([what]) => what === "waiting").map(([, ms]) => ms).slice(0, 5);
  await until("five each", () => waits(seen).length === 5 && waits(other).length === 5);
  assert.deepEqual(waits(seen), [1, 2, 4, 8, 8]);
  assert.deepEqual(waits(other), [1, 1, 1, 1, 1]);
});

test("close() ends it whenever it comes, and connect() begins again with the same topics", async () => {
  const server = await script();
  const { live, seen } = follow(server);
  live.subscribe("a", () => {});
  live.close();
  live.connect();
  await confirmed(live, "a");
  live.close();
  assert.equal(live.status, "closed");
  await until("gone", () => server.connections.every(({ socket }) => socket.readyState === WebSocket.CLOSED));
  const before = server.connections.length;
  live.connect();
  const next = await server.nth(before + 1);
  await until("asked", () => next.asked("subscribe")[0]?.since === "start");
  assert.deepEqual(seen.closed, []);
});

test("memory is bounded", async () => {
  const server = await script();
  const { live, seen } = follow(server, { rememberIds: 10 });
  live.subscribe("a", () => {});
  await confirmed(live, "a");
  for (let id = 0; id < 1000; id += 1) server.connections[0].event("a", id);
  await until("all", () => seen.events.length === 1000);
  assert.equal(live.topics.get("a").seen.size, 10);
});
