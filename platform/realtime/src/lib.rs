//! Live updates: WebSocket and server-sent events over the feed of committed changes.
//!
//! A subscription is a filter on the feed, after the caller's permissions. There is no second source of
//! events, so nothing is told that was not committed, and everything that was can be told again from a
//! cursor, by any instance.
//!
//! | room | what it owns |
//! | --- | --- |
//! | `hub` | which connection follows what, what happened lately, and the telling of it |
//! | `outbox` | what waits for one connection, bounded |
//! | `rendering` | events as bytes, made once for all receivers |
//! | `frame` | WebSocket frames |
//! | `socket`, `sse` | the two kinds of connection |
//! | `session` | what a client asks for: signing in, following, resuming |
//! | `watch` | heartbeats, expiry, revocation |
//! | `http` | the endpoints |
//! | [`client`] | the other end, for checks and benchmarks |
//!
//! **Invariants:**
//! - Nobody is told of a topic that no rule lets them follow, and nobody goes on being told once the right
//!   is gone: within a second of its being committed the connection is cut.
//! - Delivery is at least once and in order within a topic; where it cannot be, the client is told to read
//!   the state again (`resync`).
//! - Everything that can grow has a bound: queues, subscriptions, messages and their size, what is
//!   remembered.
//!
//! See `docs/features/live.md` and ADR 0012.

pub mod client;
mod cursor;
mod frame;
mod http;
mod hub;
mod outbox;
mod rendering;
mod session;
mod socket;
mod sse;
mod stats;
mod told;
mod topics;
mod watch;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use entrepot_feed::{Feed, Look};
use entrepot_runtime::{Clock, Tasks};
use entrepot_web::{Attempts, Doorkeeper, Module, TopicRule};

pub use stats::{Closed, Connected, Followed, Lag, LiveFigures, Messages};

use hub::Hub;
use outbox::{Ending, Outbox};
use rendering::Form;
use stats::Counters;
use told::{Told, written};

/// How the live updates are run.
#[derive(Clone, Copy, Debug)]
pub struct LiveSettings {
    /// How long a connection may be silent before it is asked whether it is still there; after twice as long
    /// it is cut.
    pub heartbeat: Duration,
    /// Bytes that may wait for one connection.
    pub queue_bytes: usize,
    /// Topics that one connection may follow.
    pub most_topics: usize,
    /// Messages that a client may send at once, and how many more each second.
    pub burst: u32,
    /// See `burst`.
    pub messages_per_s: u32,
    /// How long a connection may be open before it has signed in.
    pub sign_in_within: Duration,
}

impl Default for LiveSettings {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_secs(30),
            queue_bytes: 1024 * 1024,
            most_topics: 500,
            burst: 600,
            messages_per_s: 20,
            sign_in_within: Duration::from_secs(10),
        }
    }
}

/// The live updates of the program. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Live {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) feed: Feed,
    pub(crate) clock: Clock,
    pub(crate) settings: LiveSettings,
    pub(crate) keeper: Arc<dyn Doorkeeper>,
    /// The rules of all modules, once they are known.
    rules: OnceLock<Vec<TopicRule>>,
    pub(crate) hub: Hub,
    pub(crate) counters: Counters,
    connections: Mutex<HashMap<u64, Arc<Outbox>>>,
    next_id: AtomicU64,
    is_draining: AtomicBool,
    /// Held while rights are looked at again.
    pub(crate) rechecking: tokio::sync::Mutex<()>,
    /// Told when a connection has ended.
    ended: tokio::sync::Notify,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Live").finish_non_exhaustive()
    }
}

impl Live {
    /// Live updates that nobody serves yet.
    #[must_use]
    pub fn new(feed: Feed, clock: Clock, keeper: Arc<dyn Doorkeeper>, settings: LiveSettings) -> Self {
        Self {
            shared: Arc::new(Shared {
                feed,
                clock,
                settings,
                keeper,
                rules: OnceLock::new(),
                hub: Hub::default(),
                counters: Counters::default(),
                connections: Mutex::default(),
                next_id: AtomicU64::new(1),
                is_draining: AtomicBool::new(false),
                rechecking: tokio::sync::Mutex::default(),
                ended: tokio::sync::Notify::new(),
            }),
        }
    }

    /// Their part of the program.
    #[must_use]
    pub fn module(&self) -> Module {
        http::module(self.shared.clone())
    }

    /// Starts them: what can be followed is what the modules say. Call it before the feed is started, so
    /// that nothing that the feed tells is missed.
    pub fn start(&self, rules: Vec<TopicRule>, tasks: &Tasks) {
        let _only_once = self.shared.rules.set(rules);
        // Subscribed now and not when the task comes round to it.
        let mut looks = Some(self.shared.feed.looks());
        let shared = self.shared.clone();
        tasks.supervise("live", move || hub::follow(shared.clone(), looks.take()));
        let shared = self.shared.clone();
        tasks.supervise("live-watch", move || watch::watch(shared.clone()));
        let shared = self.shared.clone();
        tasks.supervise("live-rights", move || watch::watch_rights(shared.clone()));
    }

    /// Figures of this instance.
    #[must_use]
    pub fn figures(&self) -> LiveFigures {
        self.shared.figures()
    }

    /// Tells everybody that the server goes and when to come back, each another time, and waits until all
    /// have gone or `patience` is over. Nobody is taken any more.
    pub async fn drain(&self, patience: Duration) {
        let shared = &self.shared;
        shared.is_draining.store(true, Ordering::SeqCst);
        let connections = shared.connections();
        // Two milliseconds for each, so that another instance takes some hundred a second.
        let spread_ms = (connections.len() as u64 * 2).clamp(500, 30_000);
        for outbox in &connections {
            let reconnect_in_ms = u64::from(shared.clock.new_id().as_fields().3[7]) * spread_ms / 255
                + u64::from(shared.clock.new_id().as_fields().3[6]) % 100;
            outbox.put_own(written(outbox.form, &Told::Restart { reconnect_in_ms }));
            outbox.end(Ending { code: 1012, reason: "the server restarts" });
        }
        let all_gone = async {
            loop {
                let ended = shared.ended.notified();
                if shared.connections.lock().unwrap_or_else(PoisonError::into_inner).is_empty() {
                    return;
                }
                ended.await;
            }
        };
        let _in_time = tokio::time::timeout(patience, all_gone).await;
    }
}

impl Shared {
    pub(crate) fn rules(&self) -> &[TopicRule] {
        self.rules.get().map(Vec::as_slice).unwrap_or_default()
    }

    pub(crate) fn is_followable(&self, topic: &str) -> bool {
        self.rules().iter().any(|rule| rule.knows(topic))
    }

    /// Why there is no such topic.
    pub(crate) fn no_topic(&self, topic: &str) -> String {
        let hint = self.rules().iter().find_map(|rule| rule.hint(topic));
        hint.map_or_else(|| "there is no such topic".to_owned(), |hint| format!("there is no such topic: {hint}"))
    }

    pub(crate) fn highest(&self) -> u64 {
        self.feed.fence().highest()
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.clock.now().as_millisecond()
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.is_draining.load(Ordering::SeqCst)
    }

    /// A new connection, which is known until it is dropped.
    pub(crate) fn open(self: &Arc<Self>, form: Form, attempts: Option<Attempts>) -> Open {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let outbox = Arc::new(Outbox::new(id, form, self.settings.queue_bytes, self.now_ms()));
        self.counters.opened.fetch_add(1, Ordering::Relaxed);
        self.connections.lock().unwrap_or_else(PoisonError::into_inner).insert(id, outbox.clone());
        Open { shared: self.clone(), outbox, attempts }
    }

    pub(crate) fn connections(&self) -> Vec<Arc<Outbox>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Has those connections looked at again whose rights a look may have changed; whether there are any.
    pub(crate) fn doubt(&self, look: &Look) -> bool {
        // Most events touch no right of anybody; tags that do begin like those of callers.
        let kinds = ["person:", "session:", "key:"];
        let touched: Vec<&str> = look
            .events
            .iter()
            .flat_map(|event| &event.tags)
            .map(String::as_str)
            .filter(|tag| kinds.iter().any(|kind| tag.starts_with(kind)))
            .collect();
        let mut is_anybody = false;
        if touched.is_empty() {
            return is_anybody;
        }
        for outbox in self.connections() {
            let is_touched =
                outbox.caller().is_some_and(|caller| caller.tags.iter().any(|tag| touched.contains(&tag.as_str())));
            if is_touched {
                outbox.doubt(self.now_ms());
                is_anybody = true;
            }
        }
        is_anybody
    }

    pub(crate) fn doubt_all(&self) {
        for outbox in self.connections() {
            outbox.doubt(self.now_ms());
        }
    }

    fn figures(&self) -> LiveFigures {
        let counters = &self.counters;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let mut figures = LiveFigures {
            messages: Messages {
                received: read(&counters.received),
                sent: read(&counters.out),
                dropped: read(&counters.dropped),
                resyncs: read(&counters.resyncs),
                events: read(&counters.events),
            },
            lag: Lag { last_ms: read(&counters.lag_ms), most_ms: read(&counters.most_lag_ms) },
            closed: Closed {
                unauthorised: read(&counters.closed_unauthorised),
                revoked: read(&counters.closed_revoked),
                silent: read(&counters.closed_silent),
                flooding: read(&counters.closed_flooding),
                against_protocol: read(&counters.closed_protocol),
            },
            ..LiveFigures::default()
        };
        let connected = &mut figures.connections;
        connected.opened = read(&counters.opened);
        for outbox in self.connections() {
            connected.total += 1;
            match outbox.form {
                Form::ServerSent | Form::Unmarked => connected.server_sent += 1,
                Form::Socket | Form::Compressed => connected.web_sockets += 1,
            }
            let caller = outbox.caller();
            let role = caller.as_ref().map_or("none", |caller| caller.role);
            *connected.by_role.entry(role.to_owned()).or_default() += 1;
            for store in caller.iter().filter_map(|caller| caller.stores.as_ref()).flat_map(|stores| stores.iter()) {
                *connected.by_store.entry(store.clone()).or_default() += 1;
            }
            figures.slow_consumers += u64::from(outbox.is_slow());
        }
        let mut followed = self.hub.followers();
        followed.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
        figures.subscriptions = Followed {
            total: followed.iter().map(|(_, count)| *count as u64).sum(),
            topics: followed.len() as u64,
            by_topic: followed.iter().take(100).map(|(name, count)| (name.to_string(), *count as u64)).collect(),
        };
        figures
    }
}

/// A connection that is known to the hub as long as this lives.
#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) shared: Arc<Shared>,
    pub(crate) outbox: Arc<Outbox>,
    /// What counts the credentials that come in messages.
    pub(crate) attempts: Option<Attempts>,
}

impl Drop for Open {
    fn drop(&mut self) {
        let shared = &self.shared;
        // Taken out first: the hub looks at them under its own lock.
        let topics = std::mem::take(&mut *self.outbox.topics.lock().unwrap_or_else(PoisonError::into_inner));
        for topic in topics {
            shared.hub.leave(&self.outbox, &topic);
        }
        shared.connections.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.outbox.id);
        shared.ended.notify_waiters();
    }
}
