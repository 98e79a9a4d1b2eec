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
export type LiveData<Topic extends string> = Topic extends `sales-data-${string}` ? LiveSales : Topic extends `store-${string}` ? LiveStore : Topic extends `product-${string}` ? LiveProduct : Topic extends `category-${string}` ? LiveCategory : Topic extends "catalog" ? LiveCatalog : unknown;
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
export declare class EntrepotLive {
    private readonly options;
    private readonly timing;
    private readonly url;
    private readonly Socket;
    private readonly topics;
    /** Topics to be asked for together, once the caller's own code has run. */
    private readonly wanted;
    private state;
    private socket;
    private token;
    /** Counts connections, so that what was awaited for an earlier one is not taken for this one. */
    private turn;
    private attempt;
    /** Whether the token was renewed since the last welcome: a fresh one that is refused is the end. */
    private renewed;
    private welcomedAtMs;
    private heartbeatMs;
    private heard;
    private restartInMs;
    /** The wait for a welcome, for the next attempt, or for the next heartbeat: never two of them. */
    private phaseTimer;
    private renewTimer;
    constructor(options: LiveOptions);
    get status(): LiveStatus;
    /** Connects and stays connected. Without effect when it is at it already. */
    connect(): void;
    /** Ends the connection; the subscriptions stay, for another `connect()`. */
    close(): void;
    /** Follows a topic, from its present end on or from behind `since`. Gives what ends it. */
    subscribe<Topic extends string>(name: Topic, handler: (event: LiveEvent<LiveData<Topic>>) => unknown, options?: SubscribeOptions): () => void;
    /** Where each topic continues: to be kept over a page's reload, and given as `since`. */
    cursors(): Record<string, string>;
    private open;
    private receive;
    private welcome;
    private want;
    private ask;
    private confirm;
    private deliver;
    /** Pings at every heartbeat. Silence from one to the next means that nobody is there. */
    private beat;
    /** Renews the token while it is good still: a minute before its end, or at three quarters of what is left. */
    private renewBefore;
    /** The connection is gone: decides whether and when there will be another. */
    private lost;
    /** The end, of the client's own will or by a code of the server. */
    private end;
    /** Lets go of the socket without waiting for its close, which on a dead line takes minutes. */
    private drop;
    private readonly online;
    private phase;
    private become;
    private send;
    /** Calls what belongs to somebody else. */
    private call;
    private report;
}
