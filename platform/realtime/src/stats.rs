//! Figures of the live updates in this process.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;
use utoipa::ToSchema;

/// What is counted, since the start.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) opened: AtomicU64,
    pub(crate) received: AtomicU64,
    pub(crate) out: AtomicU64,
    pub(crate) dropped: AtomicU64,
    pub(crate) resyncs: AtomicU64,
    pub(crate) events: AtomicU64,
    /// Of the last look: from the oldest event's time to its being told, in ms.
    pub(crate) lag_ms: AtomicU64,
    pub(crate) most_lag_ms: AtomicU64,
    pub(crate) closed_unauthorised: AtomicU64,
    pub(crate) closed_revoked: AtomicU64,
    pub(crate) closed_silent: AtomicU64,
    pub(crate) closed_flooding: AtomicU64,
    pub(crate) closed_protocol: AtomicU64,
}

impl Counters {
    pub(crate) fn closed(&self, code: u16) {
        let counter = match code {
            4401 => &self.closed_unauthorised,
            4403 => &self.closed_revoked,
            4408 => &self.closed_silent,
            4429 => &self.closed_flooding,
            1002 | 1003 | 1007 | 1009 => &self.closed_protocol,
            _ => return,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// Figures of the live updates of this instance.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LiveFigures {
    /// Connections now.
    pub connections: Connected,
    /// Topics that are followed now.
    pub subscriptions: Followed,
    /// Messages since the start.
    pub messages: Messages,
    /// How late events are told.
    pub lag: Lag,
    /// Connections whose queue is more than half full now.
    pub slow_consumers: u64,
    /// Connections that were ended by the server since the start.
    pub closed: Closed,
}

/// Connections of this instance.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Connected {
    /// All of them.
    pub total: u64,
    /// By WebSocket.
    pub web_sockets: u64,
    /// By server-sent events.
    pub server_sent: u64,
    /// By the role of whoever is connected; `none` for those who have not signed in yet.
    pub by_role: BTreeMap<String, u64>,
    /// By the store that people are tied to.
    pub by_store: BTreeMap<String, u64>,
    /// Since the start.
    pub opened: u64,
}

/// Topics that are followed.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Followed {
    /// All of them.
    pub total: u64,
    /// How many topics have a follower.
    pub topics: u64,
    /// How many follow each of the 100 topics that most follow.
    pub by_topic: BTreeMap<String, u64>,
}

/// Messages since the start.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Messages {
    /// From clients.
    pub received: u64,
    /// Events that were put in a queue of a connection.
    pub sent: u64,
    /// Events that found the queue full, for each of which a resync was told.
    pub dropped: u64,
    /// Resyncs that were told.
    pub resyncs: u64,
    /// Events of the feed that somebody could follow.
    pub events: u64,
}

/// How late events are told: from their time to their being put in the queues.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Lag {
    /// Of the last look at the feed, in milliseconds.
    pub last_ms: u64,
    /// The longest since the start.
    pub most_ms: u64,
}

/// Connections that the server ended.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Closed {
    /// 4401.
    pub unauthorised: u64,
    /// 4403.
    pub revoked: u64,
    /// 4408.
    pub silent: u64,
    /// 4429.
    pub flooding: u64,
    /// 1002, 1003, 1007, 1009.
    pub against_protocol: u64,
}
