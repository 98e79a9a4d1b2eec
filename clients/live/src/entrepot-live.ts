/**
 * A client for Entrepot's live events: one WebSocket, any number of topics, for browsers and Node.
 * Its types are in entrepot-live.d.ts, beside it: a server names them in X-TypeScript-Types.
 *
 * It keeps the connection up, signs in again before a token expires, asks after every break for what
 * it has missed, and drops what comes twice.
 *
 * Invariant: a handler sees the events of its topic in the order in which the server sent them, none
 * of them left out without `onResync` being told; and none twice as long as its id is among the last
 * `rememberIds` of that topic.
 * Invariant: nothing that a handler or a callback throws reaches the connection.
 * Invariant: at most one socket and two timers at any time, and after `close()` none.
 */

/** One thing that has happened. Of which shape `data` is, the topic tells: see {@link LiveData}. */
export interface LiveEvent<Data = unknown> {
  /** What was subscribed to, such as `sales-data-330`. */
  topic: string;
  /** What happened, such as `sales-data-updated`. */
  event: string;
  /** Digits; the same whenever this event is sent again. */
  id: string;
  /** Where the topic continues behind this event. Opaque. */
  cursor: string;
  /** When, in RFC 3339. */
  at: string;
  data: Data;
}

/** Totals of a store's month. */
export interface LiveFigures {
  sales: number;
  transactions: number;
  customers: number;
  units: number;
  discount: number;
}

/** A month of a store was written: `sales-data-created`, `sales-data-updated`, `sales-data-deleted`. */
export interface LiveSales {
  storeId: string;
  year: number;
  month: number;
  /** The days that were written, as they are now; null where one was taken out. Left out where they are too many. */
  days?: Record<string, Record<string, number> | null>;
  totals: LiveFigures | null;
  before: LiveFigures | null;
}

/** A store was written: `store-created`, `store-updated`, `store-status-changed`, `store-deleted`. */
export interface LiveStore {
  storeId: string;
  name: string;
  place: string | null;
  status: string;
  /** Which of its members were changed. */
  changed: string[];
}

/** A product was written: `catalog.product-changed`. */
export interface LiveProduct {
  productId: string;
  /** Left out while the product is not offered. */
  sku?: string;
  change: "created" | "updated" | "unchanged" | "deleted" | "rated";
}

/** A category was written: `catalog.category-changed`. */
export interface LiveCategory {
  categoryId: string;
  slug: string;
  change: LiveProduct["change"];
}

/** So much of the catalog was written at once that it is not told one by one. */
export interface LiveCatalog {
  by: string;
}

/** What events of a topic carry. Of other topics it is not known here. */
export type LiveData<Topic extends string> = Topic extends `sales-data-${string}`
  ? LiveSales
  : Topic extends `store-${string}`
    ? LiveStore
    : Topic extends `product-${string}`
      ? LiveProduct
      : Topic extends `category-${string}`
        ? LiveCategory
        : Topic extends "catalog"
          ? LiveCatalog
          : unknown;

/** That events of a topic may be missing. */
export interface LiveResync {
  topic: string;
  /** `overflow`: the server could not keep them for this client. `expired`: they are too old. */
  reason: string;
  cursor: string;
}

/** Something that went wrong and that the client lives on with. */
export interface LiveError {
  /** The server's code, or one of `client.handler`, `client.token`, `client.socket`, `client.frame`. */
  code: string;
  detail: string;
  /** The topic that it is about. */
  topic?: string;
  /** What was thrown. */
  cause?: unknown;
}

/**
 * `idle` before `connect()`; `connecting`; `connected` once signed in; `waiting` for the next attempt;
 * `closed` by `close()`, or by the server for good.
 */
export type LiveStatus = "idle" | "connecting" | "connected" | "waiting" | "closed";

/** What is used of a WebSocket: the browser's, Node's, and that of the package ws have it. */
export interface WebSocketLike {
  readonly readyState: number;
  onopen: ((event: any) => void) | null;
  onmessage: ((event: any) => void) | null;
  onclose: ((event: any) => void) | null;
  onerror: ((event: any) => void) | null;
  send(text: string): void;
  close(code?: number, reason?: string): void;
}

/** Times in milliseconds. */
export interface LiveTiming {
  /** The first wait after a break is random, up to this; each further one up to twice as long. 250. */
  backoffMs: number;
  /** No wait is longer. 30 000. */
  backoffMaxMs: number;
  /** A connection that held this long counts as good: the next wait is a first one again. 5 000. */
  steadyMs: number;
  /** How long token, connection and sign-in may take together. 15 000. */
  connectMs: number;
  /** The wait after the server said that we send too much: from half of this on. 60 000. */
  tooManyMs: number;
  /** How soon a token is renewed at the soonest, whatever the clocks say. 30 000. */
  renewMs: number;
}

export interface LiveOptions {
  /** Where: `wss://…/ws`; `https:` is taken for `wss:`, and in browsers `/ws` is enough. */
  url: string | URL;
  /** An access token or an API key. With neither this nor `getToken` the cookie of the page signs in. */
  token?: string;
  /** Gives a fresh token: where there is none, before it expires, and when it was refused. `null`: there is none any more. */
  getToken?: () => Promise<string | null> | string | null;
  /** The WebSocket to use. Default: the global one. */
  WebSocket?: new (url: string) => WebSocketLike;
  /** Every event, after the handlers of its topic. */
  onEvent?: (event: LiveEvent) => unknown;
  /** Events may be missing: the state has to be read again. After the topic's own `onResync`. */
  onResync?: (resync: LiveResync) => unknown;
  /** The status has changed; `retryInMs` with `waiting`. */
  onStatus?: (status: LiveStatus, retryInMs?: number) => unknown;
  onError?: (error: LiveError) => unknown;
  /** The server has ended it for good: 4401 not signed in, 4403 the right was taken away. */
  onClose?: (code: number, reason: string) => unknown;
  /** How many ids of a topic are remembered in order to drop what comes twice. 512. */
  rememberIds?: number;
  timing?: Partial<LiveTiming>;
}

export interface SubscribeOptions {
  /** A cursor from `cursors()`: begin behind it. Of a topic that is followed already it changes nothing. */
  since?: string;
  /** Events of this topic may be missing: the state has to be read again. */
  onResync?: (resync: LiveResync) => unknown;
  /** The subscription stands; `resumed` when it continues where it was, so that nothing was missed. */
  onSubscribed?: (topic: string, resumed: boolean) => unknown;
}

interface Follower extends SubscribeOptions {
  handler: (event: LiveEvent) => unknown;
}

interface Topic {
  followers: Set<Follower>;
  cursor: string | undefined;
  /** Ids in the order in which they came, the oldest first to go. No maximum: ids need not ascend. */
  seen: Set<string>;
  /** Whether the server has confirmed it on this connection: from then on a pong's cursor is its, too. */
  confirmed: boolean;
  /** Whether it was asked for with a cursor. */
  resuming: boolean;
}

const OPEN = 1;
const UNAUTHENTICATED = 4401;
const REVOKED = 4403;
const TOO_MANY = 4429;
/** With which the client leaves a connection that it has given up. */
const GIVEN_UP = 4000;
const TOPICS_PER_FRAME = 100;
/** A longer timer would fire at once. */
const TIMER_MAX_MS = 2 ** 31 - 1;

const TIMING: LiveTiming = {
  backoffMs: 250,
  backoffMaxMs: 30_000,
  steadyMs: 5_000,
  connectMs: 15_000,
  tooManyMs: 60_000,
  renewMs: 30_000,
};

export class EntrepotLive {
  private readonly options: LiveOptions;
  private readonly timing: LiveTiming;
  private readonly url: string;
  private readonly Socket: NonNullable<LiveOptions["WebSocket"]>;
  private readonly topics = new Map<string, Topic>();
  /** Topics to be asked for together, once the caller's own code has run. */
  private readonly wanted = new Set<string>();
  private state: LiveStatus = "idle";
  private socket: WebSocketLike | null = null;
  private token: string | null;
  /** Counts connections, so that what was awaited for an earlier one is not taken for this one. */
  private turn = 0;
  private attempt = 0;
  /** Whether the token was renewed since the last welcome: a fresh one that is refused is the end. */
  private renewed = false;
  private welcomedAtMs: number | null = null;
  private heartbeatMs = 30_000;
  private heard = false;
  private restartInMs: number | null = null;
  /** The wait for a welcome, for the next attempt, or for the next heartbeat: never two of them. */
  private phaseTimer: ReturnType<typeof setTimeout> | undefined;
  private renewTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: LiveOptions) {
    this.options = options;
    this.timing = { ...TIMING, ...options.timing };
    this.token = options.token ?? null;
    const Socket = options.WebSocket ?? (globalThis as { WebSocket?: LiveOptions["WebSocket"] }).WebSocket;
    if (Socket === undefined) throw new TypeError("there is no global WebSocket; give one as the option WebSocket");
    this.Socket = Socket;
    const url = new URL(options.url, (globalThis as { location?: { href: string } }).location?.href);
    url.protocol = url.protocol.replace(/^http/, "ws");
    this.url = url.href;
  }

  get status(): LiveStatus {
    return this.state;
  }

  /** Connects and stays connected. Without effect when it is at it already. */
  connect(): void {
    if (this.state !== "idle" && this.state !== "closed") return;
    this.attempt = 0;
    this.renewed = false;
    globalThis.addEventListener?.("online", this.online);
    void this.open();
  }

  /** Ends the connection; the subscriptions stay, for another `connect()`. */
  close(): void {
    this.end();
  }

  /** Follows a topic, from its present end on or from behind `since`. Gives what ends it. */
  subscribe<Topic extends string>(
    name: Topic,
    handler: (event: LiveEvent<LiveData<Topic>>) => unknown,
    options: SubscribeOptions = {},
  ): () => void {
    let topic = this.topics.get(name);
    if (topic === undefined) {
      topic = { followers: new Set(), cursor: options.since, seen: new Set(), confirmed: false, resuming: false };
      this.topics.set(name, topic);
      this.want(name);
    }
    // What comes on a topic is of its shape: the server's contracts say so.
    const follower: Follower = { ...options, handler: handler as Follower["handler"] };
    topic.followers.add(follower);
    const followed = topic;
    return () => {
      if (!followed.followers.delete(follower) || followed.followers.size > 0) return;
      this.topics.delete(name);
      // What was not asked for on this connection need not be ended.
      const asked = !this.wanted.delete(name) && this.state === "connected";
      if (asked) this.send({ type: "unsubscribe", event: name });
    };
  }

  /** Where each topic continues: to be kept over a page's reload, and given as `since`. */
  cursors(): Record<string, string> {
    const cursors: Record<string, string> = {};
    for (const [name, { cursor }] of this.topics) if (cursor !== undefined) cursors[name] = cursor;
    return cursors;
  }

  private async open(): Promise<void> {
    const turn = ++this.turn;
    this.phase(this.timing.connectMs, () => this.lost(GIVEN_UP, "no welcome in time"));
    this.become("connecting");
    try {
      if (this.token === null && this.options.getToken) {
        const token = await this.options.getToken();
        if (turn !== this.turn) return;
        if (token === null) return this.end(UNAUTHENTICATED, "there is no token");
        this.token = token;
      }
      if (turn !== this.turn) return;
    } catch (cause) {
      if (turn !== this.turn) return;
      this.report({ code: "client.token", detail: "no token could be got", cause });
      return this.lost(GIVEN_UP, "no token");
    }
    let socket: WebSocketLike;
    try {
      socket = new this.Socket(this.url);
    } catch (cause) {
      // Such as a page's policy that forbids the address. It may be another one after a while.
      this.report({ code: "client.socket", detail: "no WebSocket could be made", cause });
      return this.lost(GIVEN_UP, "no WebSocket");
    }
    this.socket = socket;
    // As the first frame, not in the address, which ends up in logs.
    socket.onopen = () => this.token !== null && this.send({ type: "auth", token: this.token });
    socket.onmessage = ({ data }) => this.receive(data);
    socket.onclose = ({ code, reason }) => this.lost(code, reason);
    // A close always follows, and tells more.
    socket.onerror = () => {};
  }

  private receive(text: unknown): void {
    this.heard = true;
    let frame: any;
    try {
      frame = JSON.parse(text as string);
    } catch {
      frame = null;
    }
    if (typeof frame?.type !== "string") {
      return this.report({ code: "client.frame", detail: "a frame is no JSON with a type" });
    }
    const topic = this.topics.get(frame.topic ?? frame.event);
    switch (frame.type) {
      case "welcome":
        return this.welcome(frame);
      case "authenticated":
        return this.renewBefore(frame.expiresAt);
      case "subscribed":
        return topic && this.confirm(frame.event, topic, frame.cursor);
      case "event":
        return topic && this.deliver(topic, frame);
      case "resync": {
        if (topic === undefined) return;
        // Without one the server does not know yet what may still come; the last one that was good stays.
        topic.cursor = frame.cursor ?? topic.cursor;
        const resync: LiveResync = { topic: frame.topic, reason: frame.reason, cursor: frame.cursor };
        for (const { onResync } of [...topic.followers]) this.call(onResync, resync);
        return this.call(this.options.onResync, resync);
      }
      case "pong":
        if (typeof frame.cursor !== "string") return;
        for (const one of this.topics.values()) if (one.confirmed) one.cursor = frame.cursor;
        return;
      case "error":
        this.report({ code: frame.code, detail: frame.detail, topic: frame.event });
        // A topic that the server could not go on with now: another connection may.
        if (frame.code === "live.unavailable") this.lost(GIVEN_UP, frame.detail);
        return;
      case "restart":
        this.restartInMs = Math.min(Math.max(Number(frame.reconnectInMs) || 0, 0), this.timing.tooManyMs);
        return;
    }
  }

  private welcome(frame: { heartbeatMs?: number; expiresAt?: string | null }): void {
    this.welcomedAtMs = performance.now();
    this.renewed = false;
    this.heartbeatMs = frame.heartbeatMs || this.heartbeatMs;
    this.renewBefore(frame.expiresAt);
    this.beat();
    this.become("connected");
    for (const [name, topic] of this.topics) {
      topic.confirmed = false;
      this.want(name);
    }
  }

  private want(name: string): void {
    // All that is subscribed to in one go is asked for in one go: frames are counted.
    if (this.wanted.size === 0) queueMicrotask(() => this.ask());
    this.wanted.add(name);
  }

  private ask(): void {
    const names = [...this.wanted];
    this.wanted.clear();
    // Before the welcome nothing may be asked; with it, everything is.
    if (this.state !== "connected") return;
    const bySince = new Map<string | undefined, string[]>();
    for (const name of names) {
      const topic = this.topics.get(name)!;
      topic.resuming = topic.cursor !== undefined;
      const group = bySince.get(topic.cursor);
      if (group) group.push(name);
      else bySince.set(topic.cursor, [name]);
    }
    for (const [since, events] of bySince) {
      for (let from = 0; from < events.length; from += TOPICS_PER_FRAME) {
        this.send({ type: "subscribe", events: events.slice(from, from + TOPICS_PER_FRAME), since });
      }
    }
  }

  private confirm(name: string, topic: Topic, cursor: string): void {
    topic.confirmed = true;
    topic.cursor = cursor ?? topic.cursor;
    for (const { onSubscribed } of [...topic.followers]) this.call(onSubscribed, name, topic.resuming);
  }

  private deliver(topic: Topic, { type: _, ...event }: LiveEvent & { type: string }): void {
    const { seen } = topic;
    if (!seen.has(event.id)) {
      seen.add(event.id);
      for (const oldest of seen) {
        if (seen.size <= (this.options.rememberIds ?? 512)) break;
        seen.delete(oldest);
      }
      for (const { handler } of [...topic.followers]) this.call(handler, event);
      this.call(this.options.onEvent, event);
    }
    // Behind the handlers: cursors() never names what nobody was shown.
    topic.cursor = event.cursor ?? topic.cursor;
  }

  /** Pings at every heartbeat. Silence from one to the next means that nobody is there. */
  private beat(): void {
    this.phase(this.heartbeatMs, () => {
      if (!this.heard) return this.lost(GIVEN_UP, "the server is silent");
      this.heard = false;
      this.send({ type: "ping" });
      this.beat();
    });
  }

  /** Renews the token while it is good still: a minute before its end, or at three quarters of what is left. */
  private renewBefore(expiresAt: string | null | undefined): void {
    clearTimeout(this.renewTimer);
    const leftMs = Date.parse(expiresAt ?? "") - Date.now();
    const { getToken } = this.options;
    if (!getToken || Number.isNaN(leftMs)) return;
    const inMs = Math.max(leftMs - Math.min(60_000, leftMs / 4), this.timing.renewMs);
    const turn = this.turn;
    this.renewTimer = setTimeout(async () => {
      try {
        const token = await getToken();
        if (turn !== this.turn || token === null) return;
        this.token = token;
        this.send({ type: "auth", token });
      } catch (cause) {
        // The old one is good still. When it is not, the server closes with 4401, and that asks again.
        this.report({ code: "client.token", detail: "the token could not be renewed", cause });
      }
    }, Math.min(inMs, TIMER_MAX_MS));
  }

  /** The connection is gone: decides whether and when there will be another. */
  private lost(code: number, reason: string): void {
    const { timing } = this;
    if (this.welcomedAtMs !== null && performance.now() - this.welcomedAtMs >= timing.steadyMs) this.attempt = 0;
    const restartInMs = this.restartInMs;
    this.drop(GIVEN_UP);
    if (code === REVOKED) return this.end(code, reason);
    if (code === UNAUTHENTICATED) {
      if (!this.options.getToken || this.renewed) return this.end(code, reason);
      this.renewed = true;
      this.token = null;
    }
    // Full jitter: clients that lost the same server come back spread over the whole time.
    const limitMs = Math.min(timing.backoffMs * 2 ** this.attempt, timing.backoffMaxMs);
    let inMs = Math.random() * limitMs;
    this.attempt += 1;
    if (code === TOO_MANY) inMs = timing.tooManyMs * (0.5 + Math.random() / 2);
    else if (restartInMs !== null) inMs = restartInMs;
    this.phase(inMs, () => void this.open());
    this.become("waiting", inMs);
  }

  /** The end, of the client's own will or by a code of the server. */
  private end(code?: number, reason = ""): void {
    this.drop(1000);
    globalThis.removeEventListener?.("online", this.online);
    if (this.state !== "idle") this.become("closed");
    if (code !== undefined) this.call(this.options.onClose, code, reason);
  }

  /** Lets go of the socket without waiting for its close, which on a dead line takes minutes. */
  private drop(code: number): void {
    this.turn += 1;
    clearTimeout(this.phaseTimer);
    clearTimeout(this.renewTimer);
    this.welcomedAtMs = null;
    this.restartInMs = null;
    const socket = this.socket;
    this.socket = null;
    if (socket === null) return;
    // onerror stays: closing one that is not open yet is an error of its own.
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close(code);
  }

  private readonly online = (): void => {
    if (this.state === "waiting") void this.open();
  };

  private phase(ms: number, then: () => void): void {
    clearTimeout(this.phaseTimer);
    this.phaseTimer = setTimeout(then, ms);
  }

  private become(status: LiveStatus, retryInMs?: number): void {
    if (this.state === status) return;
    this.state = status;
    this.call(this.options.onStatus, status, retryInMs);
  }

  private send(frame: object): void {
    if (this.socket?.readyState === OPEN) this.socket.send(JSON.stringify(frame));
  }

  /** Calls what belongs to somebody else. */
  private call<A extends unknown[]>(callback: ((...values: A) => unknown) | undefined, ...values: A): void {
    const failed = (cause: unknown) => this.report({ code: "client.handler", detail: "a handler failed", cause });
    try {
      const result = callback?.(...values);
      if (result instanceof Promise) result.catch(failed);
    } catch (cause) {
      failed(cause);
    }
  }

  private report(error: LiveError): void {
    try {
      this.options.onError?.(error);
    } catch {
      // There is nobody left to tell.
    }
  }
}
