//! Warming: asking for what people will ask for, so that the first of them does not wait.
//!
//! Modules name paths; these are asked of the server's own edge, as a client would, and are in the
//! caches from then on.
//!
//! **Invariants:**
//! - Never on the path of a request, and never more than a few at once.
//! - One round at a time: whoever asks for one while it runs gets the one that runs.
//! - What is in memory is each instance's own, so a job that warms has all instances warm theirs: it tells them on the
//!   feed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::Request;
use entrepot_feed::{Feed, NewEvent, Received};
use entrepot_jobs::{Context, Job, Outcome, Priority};
use entrepot_pg::{Error, ScopedFutureExt as _};
use entrepot_runtime::{Clock, Tasks};
use entrepot_web::{Edge, Uncounted, Warmer};
use futures_util::{StreamExt as _, stream};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use utoipa::ToSchema;

/// The event by which all instances warm their caches.
const TO_WARM: &str = "cache.to-warm";

/// Has the caches of all instances warmed: after a deployment, or much that was imported.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct WarmCaches {}

impl Job for WarmCaches {
    const KIND: &'static str = "warm-caches";
    const QUEUE: &'static str = "cache";
    const PRIORITY: Priority = Priority::LOW;
    type Needs = Feed;

    async fn run(&self, feed: &Feed, context: &Context) -> Outcome {
        let told = context.jobs().database().transaction(|transaction| {
            async move {
                feed.append(transaction, NewEvent::new(TO_WARM, "cache")).await?;
                context.complete(transaction).await
            }
            .scope_boxed()
        });
        told.await.unwrap_or_else(|error: Error| Outcome::retry(error))
    }
}

/// When caches are warmed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schedule {
    pub(crate) after_start: Duration,
    /// `None`: only after the start and by hand.
    pub(crate) every: Option<Duration>,
    pub(crate) at_once: usize,
}

/// How a round of warming goes, or went.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WarmingFigures {
    /// Whether a round is under way.
    pub(crate) running: bool,
    /// Rounds since the start, the present one included.
    pub(crate) rounds: u64,
    /// Answers that this or the last round is to warm; grows while the modules name them.
    pub(crate) total: u64,
    /// Of these, how many were warmed.
    pub(crate) done: u64,
    /// Of these, how many could not be had.
    pub(crate) failed: u64,
    /// When this or the last round began.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) began_at: Option<jiff::Timestamp>,
    /// How long the last whole round took, in milliseconds.
    pub(crate) took_ms: Option<u64>,
}

/// The warming of this process. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Warming {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    figures: Mutex<WarmingFigures>,
    asked_for: Notify,
    is_started: AtomicBool,
}

impl Warming {
    /// Warms by this schedule for the life of the program.
    pub(crate) fn start(&self, tasks: &Tasks, edge: Edge, warmers: Vec<Warmer>, clock: Clock, schedule: Schedule) {
        let warmers: Arc<[Warmer]> = warmers.into();
        let this = self.clone();
        self.shared.is_started.store(true, Ordering::Release);
        tasks.supervise("cache-warming", move || {
            let (this, edge, warmers, clock) = (this.clone(), edge.clone(), warmers.clone(), clock.clone());
            async move {
                let mut next = Some(schedule.after_start);
                loop {
                    this.wait(next).await;
                    this.round(&edge, &warmers, &clock, schedule.at_once).await;
                    next = schedule.every;
                }
            }
        });
    }

    /// Warms whenever an event of the feed says so, for the life of the program.
    pub(crate) fn listen(&self, tasks: &Tasks, feed: &Feed) {
        let (this, feed) = (self.clone(), feed.clone());
        tasks.supervise("cache-warming-asked-for", move || {
            let (this, mut events) = (this.clone(), feed.subscribe());
            async move {
                // A gap is no reason: the next round by the clock comes anyway.
                while let Some(received) = events.next().await {
                    if matches!(received, Received::Event(event) if event.name == TO_WARM) {
                        this.ask();
                    }
                }
            }
        });
    }

    /// Asks for a round, unless one runs, or nothing is cached. Tells how it stands.
    pub(crate) fn ask(&self) -> WarmingFigures {
        let is_started = self.shared.is_started.load(Ordering::Acquire);
        let mut figures = self.figures_mut();
        if is_started && !figures.running {
            // From here on it counts as running, so that whoever asks next sees that.
            figures.running = true;
            figures.rounds += 1;
            (figures.total, figures.done, figures.failed) = (0, 0, 0);
            self.shared.asked_for.notify_one();
        }
        figures.clone()
    }

    pub(crate) fn figures(&self) -> WarmingFigures {
        self.figures_mut().clone()
    }

    fn figures_mut(&self) -> MutexGuard<'_, WarmingFigures> {
        self.shared.figures.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn wait(&self, at_most: Option<Duration>) {
        let asked = self.shared.asked_for.notified();
        match at_most {
            Some(at_most) => drop(tokio::time::timeout(at_most, asked).await),
            None => asked.await,
        }
    }

    async fn round(&self, edge: &Edge, warmers: &[Warmer], clock: &Clock, at_once: usize) {
        let start = Instant::now();
        {
            let mut figures = self.figures_mut();
            if !figures.running {
                figures.running = true;
                figures.rounds += 1;
                (figures.total, figures.done, figures.failed) = (0, 0, 0);
            }
            figures.began_at = Some(clock.now());
        }
        for warmer in warmers {
            let paths = match (warmer.paths)().await {
                Ok(paths) => paths,
                Err(error) => {
                    tracing::warn!(warmer = warmer.name, error, "what is to be warmed cannot be told");
                    self.figures_mut().failed += 1;
                    continue;
                }
            };
            self.figures_mut().total += paths.len() as u64;
            stream::iter(paths).for_each_concurrent(at_once.max(1), |path| self.warm(edge, path)).await;
        }
        let took = start.elapsed();
        let mut figures = self.figures_mut();
        figures.running = false;
        figures.took_ms = u64::try_from(took.as_millis()).ok();
        tracing::info!(warmed = figures.done, failed = figures.failed, ms = figures.took_ms, "the caches are warm");
    }

    async fn warm(&self, edge: &Edge, path: String) {
        let request = Request::get(&path).body(Body::empty());
        let warmed = match request {
            Ok(mut request) => {
                request.extensions_mut().insert(Uncounted);
                edge.answer(request).await.status().is_success()
            }
            Err(_) => false,
        };
        let mut figures = self.figures_mut();
        if warmed {
            figures.done += 1;
        } else {
            figures.failed += 1;
        }
    }
}
