//! The feed of committed changes: the one truth about what changed.
//!
//! A write appends an event in its own transaction; the commit makes it visible. Every process tails
//! the table, applies what it sees to the fence of its cache, and tells those who subscribed.
//!
//! | room | what it owns |
//! | --- | --- |
//! | [`event`](NewEvent) | events, to be appended and committed |
//! | `store` | the statements |
//! | `tail` | the bookkeeping by which nothing is missed, though ids become visible out of order |
//! | `follow` | the connection that looks, listens and nudges |
//! | [`subscribe`](Subscription) | telling others within the process |
//! | [`consumer`](Consumer) | effects that happen exactly once |
//! | `upkeep` | partitions and retention |
//!
//! See `docs/features/feed.md`, ADR 0007 (the fence) and ADR 0008 (nudges).
//!
//! **Invariants:**
//! - What is appended is visible if and only if the transaction commits.
//! - No event is missed and none is applied twice, in whatever order transactions commit.
//! - Nothing is sent in a writing transaction: losing every nudge costs time, up to the poll's
//!   interval, and never an event.

mod consumer;
mod event;
mod follow;
mod store;
mod subscribe;
mod tail;
mod upkeep;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use entrepot_cache::{Fence, Invalidate, InvalidateError};
use entrepot_pg::{Database, Error, ScopedFutureExt as _, Transaction};
use entrepot_runtime::{Clock, Tasks, current_request};
use serde::Serialize;
use tokio::sync::{Notify, broadcast, watch};

pub use consumer::{Consumer, ConsumerError};
pub use event::{Cause, Event, FOLLOWERS, NewEvent};
pub use subscribe::{Look, Looks, Received, Seen, Subscription, Told, TypedSubscription};

/// Events that a subscriber may be behind before it is told of a gap.
const SUBSCRIBERS_BEHIND: usize = 4_096;
/// The same in looks, for those who take them whole.
const LOOKS_BEHIND: usize = 256;

/// How the feed is followed.
#[derive(Clone, Debug)]
pub struct FeedSettings {
    /// The longest time between two looks: how late an event is seen when every nudge is lost.
    pub poll: Duration,
    /// Whether to nudge others and to listen to them.
    pub nudges: bool,
    /// How long events are kept.
    pub retention: Duration,
    /// How many of the latest ids a start reads, so that what Redis holds can be judged.
    pub history: u32,
}

impl Default for FeedSettings {
    fn default() -> Self {
        Self {
            poll: Duration::from_millis(500),
            nudges: true,
            retention: Duration::from_secs(7 * 24 * 3_600),
            history: 10_000,
        }
    }
}

/// Figures of the feed in this process.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FeedFigures {
    /// Looks since the start.
    pub looks: u64,
    /// Events that were seen since the start.
    pub events: u64,
    /// Subscribers within the process.
    pub subscribers: usize,
}

/// The feed. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Feed {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    database: Database,
    fence: Fence,
    settings: FeedSettings,
    /// Tells this process's nudges from others'.
    instance: String,
    /// Something was committed here and others have not been nudged.
    unannounced: AtomicBool,
    committed: Notify,
    listeners: broadcast::Sender<Received>,
    looks_told: broadcast::Sender<Seen>,
    /// The highest watermark that was reached.
    settled: watch::Sender<u64>,
    looks: AtomicU64,
    events: AtomicU64,
}

impl Feed {
    /// The feed of this database, whose changes are applied to `fence`. Nothing is followed until
    /// [`Feed::start`].
    #[must_use]
    pub fn new(database: Database, fence: Fence, settings: FeedSettings) -> Self {
        Self {
            shared: Arc::new(Shared {
                database,
                fence,
                settings,
                instance: uuid::Uuid::new_v4().simple().to_string(),
                unannounced: AtomicBool::new(false),
                committed: Notify::new(),
                listeners: broadcast::Sender::new(SUBSCRIBERS_BEHIND),
                looks_told: broadcast::Sender::new(LOOKS_BEHIND),
                settled: watch::Sender::new(0),
                looks: AtomicU64::new(0),
                events: AtomicU64::new(0),
            }),
        }
    }

    /// Follows the feed, and keeps its table up, for the life of the program.
    pub fn start(&self, tasks: &Tasks, clock: &Clock) {
        tasks.supervise("feed", {
            let feed = self.clone();
            move || feed.clone().follow()
        });
        tasks.supervise("feed-upkeep", {
            let (feed, clock) = (self.clone(), clock.clone());
            move || {
                let (feed, clock) = (feed.clone(), clock.clone());
                async move {
                    let mut beat = tokio::time::interval(upkeep::EVERY);
                    loop {
                        beat.tick().await;
                        if let Err(error) = feed.keep_up(&clock).await {
                            let cause = std::error::Error::source(&error).map(ToString::to_string);
                            tracing::warn!(%error, cause, "the feed's upkeep failed; it is tried again in an hour");
                        }
                    }
                }
            }
        });
    }

    /// Appends an event in the caller's transaction and tells its position. Append after the rows that
    /// it is about were locked or written, so that events of one row are in the order of its commits.
    ///
    /// When the transaction commits, this process marks the event's tags at once, others are nudged,
    /// and the request that it was for remembers its position.
    ///
    /// # Errors
    /// What the database failed with.
    pub async fn append(&self, transaction: &Transaction, event: NewEvent) -> Result<u64, Error> {
        let positions = self.append_all(transaction, vec![event]).await?;
        positions.first().copied().ok_or(Error::Missing("an event that was just appended"))
    }

    /// Appends several, in their order.
    ///
    /// # Errors
    /// What the database failed with.
    pub async fn append_all(&self, transaction: &Transaction, events: Vec<NewEvent>) -> Result<Vec<u64>, Error> {
        if events.is_empty() {
            return Ok(Vec::new());
        }
        let request = current_request();
        let positions = store::append(transaction, &events, request.as_deref()).await?;
        if positions.len() != events.len() {
            return Err(Error::Missing("an event that was just appended"));
        }
        if let (Some(request), Some(highest)) = (&request, positions.iter().max()) {
            request.was_given(*highest);
        }
        let (shared, given) = (self.shared.clone(), positions.clone());
        transaction.on_commit(move || {
            for (position, event) in given.into_iter().zip(events) {
                shared.fence.mark(position, &event.tags);
                if let Some(request) = &request {
                    request.wrote(position, &event.tags);
                }
            }
            shared.unannounced.store(true, Ordering::Release);
            shared.committed.notify_one();
        });
        Ok(positions)
    }

    /// Rules out what carries these tags, on every instance; see [`entrepot_cache::EVERYTHING`] for
    /// those with a meaning of their own. For what changed outside of this database, and by hand.
    ///
    /// # Errors
    /// What the database failed with.
    pub async fn invalidate(&self, tags: &[String]) -> Result<u64, Error> {
        self.shared
            .database
            .transaction(|transaction| {
                let event = NewEvent::new("cache.invalidated", "cache").tags(tags.iter().cloned());
                async move { self.append(transaction, event).await }.scope_boxed()
            })
            .await
    }

    /// Tells of every event from now on.
    #[must_use]
    pub fn subscribe(&self) -> Subscription {
        Subscription { receiver: self.shared.listeners.subscribe() }
    }

    /// Tells of every look from now on: all events that became visible together.
    #[must_use]
    pub fn looks(&self) -> Looks {
        Looks { receiver: self.shared.looks_told.subscribe() }
    }

    /// The highest id below which nothing can come any more; `None` while that is not known.
    #[must_use]
    pub fn watermark(&self) -> Option<u64> {
        Some(*self.shared.settled.borrow()).filter(|settled| *settled > 0)
    }

    /// Events of a topic above `above` and up to `up_to` that are visible, in the order of their ids, and the
    /// position below which some may have been dropped.
    ///
    /// # Errors
    /// What the database failed with.
    pub async fn history(&self, topic: &str, above: u64, up_to: u64, at_most: u32) -> Result<(Vec<Event>, u64), Error> {
        let client = self.shared.database.client().await?;
        store::history(&client, topic, above, up_to, at_most).await
    }

    /// The highest position that was given out, as the database has it.
    ///
    /// # Errors
    /// What the database failed with.
    pub async fn last_given(&self) -> Result<u64, Error> {
        let client = self.shared.database.client().await?;
        store::last_given(&client).await
    }

    /// Its figures.
    #[must_use]
    pub fn figures(&self) -> FeedFigures {
        FeedFigures {
            looks: self.shared.looks.load(Ordering::Relaxed),
            events: self.shared.events.load(Ordering::Relaxed),
            subscribers: self.shared.listeners.receiver_count(),
        }
    }

    /// The database that it lies in.
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.shared.database
    }

    /// The fence that it drives.
    #[must_use]
    pub fn fence(&self) -> &Fence {
        &self.shared.fence
    }
}

impl Invalidate for Feed {
    async fn invalidate(&self, tags: Vec<String>) -> Result<(), InvalidateError> {
        Self::invalidate(self, &tags).await.map(drop).map_err(InvalidateError::new)
    }
}
