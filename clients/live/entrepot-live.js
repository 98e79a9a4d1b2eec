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
const OPEN = 1;
const UNAUTHENTICATED = 4401;
const REVOKED = 4403;
const TOO_MANY = 4429;
/** With which the client leaves a connection that it has given up. */
const GIVEN_UP = 4000;
const TOPICS_PER_FRAME = 100;
/** A longer timer would fire at once. */
const TIMER_MAX_MS = 2 ** 31 - 1;
const TIMING = {
    backoffMs: 250,
    backoffMaxMs: 30000,
    steadyMs: 5000,
    connectMs: 15000,
    tooManyMs: 60000,
    renewMs: 30000,
};
export class EntrepotLive {
    constructor(options) {
        this.topics = new Map();
        /** Topics to be asked for together, once the caller's own code has run. */
        this.wanted = new Set();
        this.state = "idle";
        this.socket = null;
        /** Counts connections, so that what was awaited for an earlier one is not taken for this one. */
        this.turn = 0;
        this.attempt = 0;
        /** Whether the token was renewed since the last welcome: a fresh one that is refused is the end. */
        this.renewed = false;
        this.welcomedAtMs = null;
        this.heartbeatMs = 30000;
        this.heard = false;
        this.restartInMs = null;
        this.online = () => {
            if (this.state === "waiting")
                void this.open();
        };
        this.options = options;
        this.timing = { ...TIMING, ...options.timing };
        this.token = options.token ?? null;
        const Socket = options.WebSocket ?? globalThis.WebSocket;
        if (Socket === undefined)
            throw new TypeError("there is no global WebSocket; give one as the option WebSocket");
        this.Socket = Socket;
        const url = new URL(options.url, globalThis.location?.href);
        url.protocol = url.protocol.replace(/^http/, "ws");
        this.url = url.href;
    }
    get status() {
        return this.state;
    }
    /** Connects and stays connected. Without effect when it is at it already. */
    connect() {
        if (this.state !== "idle" && this.state !== "closed")
            return;
        this.attempt = 0;
        this.renewed = false;
        globalThis.addEventListener?.("online", this.online);
        void this.open();
    }
    /** Ends the connection; the subscriptions stay, for another `connect()`. */
    close() {
        this.end();
    }
    /** Follows a topic, from its present end on or from behind `since`. Gives what ends it. */
    subscribe(name, handler, options = {}) {
        let topic = this.topics.get(name);
        if (topic === undefined) {
            topic = { followers: new Set(), cursor: options.since, seen: new Set(), confirmed: false, resuming: false };
            this.topics.set(name, topic);
            this.want(name);
        }
        // What comes on a topic is of its shape: the server's contracts say so.
        const follower = { ...options, handler: handler };
        topic.followers.add(follower);
        const followed = topic;
        return () => {
            if (!followed.followers.delete(follower) || followed.followers.size > 0)
                return;
            this.topics.delete(name);
            // What was not asked for on this connection need not be ended.
            const asked = !this.wanted.delete(name) && this.state === "connected";
            if (asked)
                this.send({ type: "unsubscribe", event: name });
        };
    }
    /** Where each topic continues: to be kept over a page's reload, and given as `since`. */
    cursors() {
        const cursors = {};
        for (const [name, { cursor }] of this.topics)
            if (cursor !== undefined)
                cursors[name] = cursor;
        return cursors;
    }
    async open() {
        const turn = ++this.turn;
        this.phase(this.timing.connectMs, () => this.lost(GIVEN_UP, "no welcome in time"));
        this.become("connecting");
        try {
            if (this.token === null && this.options.getToken) {
                const token = await this.options.getToken();
                if (turn !== this.turn)
                    return;
                if (token === null)
                    return this.end(UNAUTHENTICATED, "there is no token");
                this.token = token;
            }
            if (turn !== this.turn)
                return;
        }
        catch (cause) {
            if (turn !== this.turn)
                return;
            this.report({ code: "client.token", detail: "no token could be got", cause });
            return this.lost(GIVEN_UP, "no token");
        }
        let socket;
        try {
            socket = new this.Socket(this.url);
        }
        catch (cause) {
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
        socket.onerror = () => { };
    }
    receive(text) {
        this.heard = true;
        let frame;
        try {
            frame = JSON.parse(text);
        }
        catch {
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
                if (topic === undefined)
                    return;
                // Without one the server does not know yet what may still come; the last one that was good stays.
                topic.cursor = frame.cursor ?? topic.cursor;
                const resync = { topic: frame.topic, reason: frame.reason, cursor: frame.cursor };
                for (const { onResync } of [...topic.followers])
                    this.call(onResync, resync);
                return this.call(this.options.onResync, resync);
            }
            case "pong":
                if (typeof frame.cursor !== "string")
                    return;
                for (const one of this.topics.values())
                    if (one.confirmed)
                        one.cursor = frame.cursor;
                return;
            case "error":
                this.report({ code: frame.code, detail: frame.detail, topic: frame.event });
                // A topic that the server could not go on with now: another connection may.
                if (frame.code === "live.unavailable")
                    this.lost(GIVEN_UP, frame.detail);
                return;
            case "restart":
                this.restartInMs = Math.min(Math.max(Number(frame.reconnectInMs) || 0, 0), this.timing.tooManyMs);
                return;
        }
    }
    welcome(frame) {
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
    want(name) {
        // All that is subscribed to in one go is asked for in one go: frames are counted.
        if (this.wanted.size === 0)
            queueMicrotask(() => this.ask());
        this.wanted.add(name);
    }
    ask() {
        const names = [...this.wanted];
        this.wanted.clear();
        // Before the welcome nothing may be asked; with it, everything is.
        if (this.state !== "connected")
            return;
        const bySince = new Map();
        for (const name of names) {
            const topic = this.topics.get(name);
            topic.resuming = topic.cursor !== undefined;
            const group = bySince.get(topic.cursor);
            if (group)
                group.push(name);
            else
                bySince.set(topic.cursor, [name]);
        }
        for (const [since, events] of bySince) {
            for (let from = 0; from < events.length; from += TOPICS_PER_FRAME) {
                this.send({ type: "subscribe", events: events.slice(from, from + TOPICS_PER_FRAME), since });
            }
        }
    }
    confirm(name, topic, cursor) {
        topic.confirmed = true;
        topic.cursor = cursor ?? topic.cursor;
        for (const { onSubscribed } of [...topic.followers])
            this.call(onSubscribed, name, topic.resuming);
    }
    deliver(topic, { type: _, ...event }) {
        const { seen } = topic;
        if (!seen.has(event.id)) {
            seen.add(event.id);
            for (const oldest of seen) {
                if (seen.size <= (this.options.rememberIds ?? 512))
                    break;
                seen.delete(oldest);
            }
            for (const { handler } of [...topic.followers])
                this.call(handler, event);
            this.call(this.options.onEvent, event);
        }
        // Behind the handlers: cursors() never names what nobody was shown.
        topic.cursor = event.cursor ?? topic.cursor;
    }
    /** Pings at every heartbeat. Silence from one to the next means that nobody is there. */
    beat() {
        this.phase(this.heartbeatMs, () => {
            if (!this.heard)
                return this.lost(GIVEN_UP, "the server is silent");
            this.heard = false;
            this.send({ type: "ping" });
            this.beat();
        });
    }
    /** Renews the token while it is good still: a minute before its end, or at three quarters of what is left. */
    renewBefore(expiresAt) {
        clearTimeout(this.renewTimer);
        const leftMs = Date.parse(expiresAt ?? "") - Date.now();
        const { getToken } = this.options;
        if (!getToken || Number.isNaN(leftMs))
            return;
        const inMs = Math.max(leftMs - Math.min(60000, leftMs / 4), this.timing.renewMs);
        const turn = this.turn;
        this.renewTimer = setTimeout(async () => {
            try {
                const token = await getToken();
                if (turn !== this.turn || token === null)
                    return;
                this.token = token;
                this.send({ type: "auth", token });
            }
            catch (cause) {
                // The old one is good still. When it is not, the server closes with 4401, and that asks again.
                this.report({ code: "client.token", detail: "the token could not be renewed", cause });
            }
        }, Math.min(inMs, TIMER_MAX_MS));
    }
    /** The connection is gone: decides whether and when there will be another. */
    lost(code, reason) {
        const { timing } = this;
        if (this.welcomedAtMs !== null && performance.now() - this.welcomedAtMs >= timing.steadyMs)
            this.attempt = 0;
        const restartInMs = this.restartInMs;
        this.drop(GIVEN_UP);
        if (code === REVOKED)
            return this.end(code, reason);
        if (code === UNAUTHENTICATED) {
            if (!this.options.getToken || this.renewed)
                return this.end(code, reason);
            this.renewed = true;
            this.token = null;
        }
        // Full jitter: clients that lost the same server come back spread over the whole time.
        const limitMs = Math.min(timing.backoffMs * 2 ** this.attempt, timing.backoffMaxMs);
        let inMs = Math.random() * limitMs;
        this.attempt += 1;
        if (code === TOO_MANY)
            inMs = timing.tooManyMs * (0.5 + Math.random() / 2);
        else if (restartInMs !== null)
            inMs = restartInMs;
        this.phase(inMs, () => void this.open());
        this.become("waiting", inMs);
    }
    /** The end, of the client's own will or by a code of the server. */
    end(code, reason = "") {
        this.drop(1000);
        globalThis.removeEventListener?.("online", this.online);
        if (this.state !== "idle")
            this.become("closed");
        if (code !== undefined)
            this.call(this.options.onClose, code, reason);
    }
    /** Lets go of the socket without waiting for its close, which on a dead line takes minutes. */
    drop(code) {
        this.turn += 1;
        clearTimeout(this.phaseTimer);
        clearTimeout(this.renewTimer);
        this.welcomedAtMs = null;
        this.restartInMs = null;
        const socket = this.socket;
        this.socket = null;
        if (socket === null)
            return;
        // onerror stays: closing one that is not open yet is an error of its own.
        socket.onopen = socket.onmessage = socket.onclose = null;
        socket.close(code);
    }
    phase(ms, then) {
        clearTimeout(this.phaseTimer);
        this.phaseTimer = setTimeout(then, ms);
    }
    become(status, retryInMs) {
        if (this.state === status)
            return;
        this.state = status;
        this.call(this.options.onStatus, status, retryInMs);
    }
    send(frame) {
        if (this.socket?.readyState === OPEN)
            this.socket.send(JSON.stringify(frame));
    }
    /** Calls what belongs to somebody else. */
    call(callback, ...values) {
        const failed = (cause) => this.report({ code: "client.handler", detail: "a handler failed", cause });
        try {
            const result = callback?.(...values);
            if (result instanceof Promise)
                result.catch(failed);
        }
        catch (cause) {
            failed(cause);
        }
    }
    report(error) {
        try {
            this.options.onError?.(error);
        }
        catch {
            // There is nobody left to tell.
        }
    }
}
