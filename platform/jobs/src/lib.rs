//! Jobs: work that is done after the transaction that needs it has committed, by whichever process has time.
//!
//! ```ignore
//! #[derive(Serialize, Deserialize)]
//! struct Welcome { person: Uuid }
//!
//! impl Job for Welcome {
//!     const KIND: &'static str = "welcome";
//!     const QUEUE: &'static str = "email";
//!     type Needs = Mailer;
//!     async fn run(&self, mailer: &Mailer, context: &Context) -> Outcome {
//!         match mailer.welcome(self.person, &context.key()).await {
//!             Ok(()) => Outcome::Done,
//!             Err(error) => Outcome::retry(error),
//!         }
//!     }
//! }
//!
//! jobs.enqueue(&transaction, NewJob::of(&Welcome { person })).await?;
//! Work::new(&jobs, "worker-1").queue("email", 10).does::<Welcome>(mailer).start(&tasks);
//! ```
//!
//! | room | what it owns |
//! | --- | --- |
//! | [`job`](Job) | what a job is, and how an attempt ends |
//! | [`enqueue`](NewJob) | putting jobs into their queues |
//! | [`worker`](Work) | doing them: claims, attempts, leases, the end |
//! | `schedule` | jobs that are enqueued again and again |
//! | `lanes` | whose turn it is |
//! | `wake` | telling workers that there is something to do |
//! | `overview` | looking at jobs, and mending them by hand |
//! | `news` | telling others what happens |
//! | `store` | the statements |
//!
//! **Invariants:**
//! - A job exists if and only if the transaction that enqueued it commits, and every job reaches an end: done,
//!   discarded, cancelled.
//! - A job is held by one worker at a time, for as long as that worker's lease is renewed. Whoever has lost a job
//!   can record nothing about it any more.
//! - An attempt that does not end well leaves a row that says why.
//!
//! See `docs/features/jobs.md` and ADR 0014.

mod enqueue;
mod job;
mod lanes;
mod news;
mod overview;
mod schedule;
mod store;
mod wake;
mod worker;

use std::sync::Arc;
use std::time::Duration;

use entrepot_pg::{Database, Error, ScopedFutureExt as _, Transaction};
use entrepot_runtime::Tasks;

pub use enqueue::{Enqueued, NewJob};
pub use job::{Context, Job, Outcome, Priority, Retries, Settled};
pub use news::{Listener, News};
pub use overview::{
    Attempt, EndedJob, Ending, Failures, Looked, MOST_AT_ONCE, QueueOverview, Schedule, Times, WaitingJob, Worker,
};
pub use schedule::{ScheduleError, slot_after};
pub use worker::{QueueFigures, Work, WorkFigures};

/// How jobs are kept and looked for.
#[derive(Clone, Copy, Debug)]
pub struct JobSettings {
    /// How long a worker may be silent before its jobs are given to others.
    pub lease: Duration,
    /// How long nothing is looked for where nobody said that there was something.
    pub poll: Duration,
    /// Whether workers of other processes are woken, and wake these.
    pub nudges: bool,
    /// How long jobs that were done or cancelled are kept. Those that were discarded are kept until they are
    /// cleared.
    pub keep: Duration,
    /// How long jobs under way are waited for when the program ends.
    pub drain: Duration,
}

impl Default for JobSettings {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(15),
            poll: Duration::from_secs(1),
            nudges: true,
            keep: Duration::from_secs(24 * 3_600),
            drain: Duration::from_secs(8),
        }
    }
}

/// How many jobs of a queue may begin in a time, on all workers together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// So many.
    pub jobs: u32,
    /// In this time.
    pub per: Duration,
    /// So many at once, after a pause; at least one.
    pub burst: u32,
}

impl Rate {
    /// The time that each takes of it.
    pub(crate) fn each(self) -> Duration {
        self.per.max(Duration::from_millis(1)) / self.jobs.max(1)
    }
}

/// The jobs of a database. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Jobs {
    shared: Arc<Shared>,
}

struct Shared {
    database: Database,
    settings: JobSettings,
    wakes: wake::Wakes,
    listener: Option<Arc<dyn Listener>>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Shared").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// Where a job was that was to be cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancelled {
    /// It waited, and has ended.
    Waiting,
    /// It runs, and its worker is told.
    Running,
    /// There is none with that id that has not ended.
    NotThere,
}

impl Jobs {
    /// The jobs of this database. Nothing is done before [`Work::start`].
    #[must_use]
    pub fn new(database: Database, settings: JobSettings) -> Self {
        Self { shared: Arc::new(Shared { database, settings, wakes: wake::Wakes::default(), listener: None }) }
    }

    /// The same, whose news somebody is told of.
    #[must_use]
    pub fn told_to(database: Database, settings: JobSettings, listener: Arc<dyn Listener>) -> Self {
        let listener = Some(listener);
        Self { shared: Arc::new(Shared { database, settings, wakes: wake::Wakes::default(), listener }) }
    }

    /// Wakes other processes when something was enqueued here, and is woken by them; forgets what has ended long
    /// ago. For every process that enqueues or works.
    pub fn start(&self, tasks: &Tasks) {
        if self.shared.settings.nudges {
            let jobs = self.clone();
            tasks.supervise("jobs-wake", move || jobs.clone().keep_waking());
        }
        let jobs = self.clone();
        tasks.supervise("jobs-upkeep", move || jobs.clone().keep_up());
    }

    async fn keep_up(self) {
        let mut beat = tokio::time::interval(Duration::from_secs(60));
        loop {
            beat.tick().await;
            match self.set_right().await {
                Ok(0) => {}
                Ok(jobs) => {
                    tracing::warn!(jobs, "jobs waited for a time that the database reckoned while its clock was ahead")
                }
                Err(error) => {
                    tracing::warn!(%error, "times of waiting jobs could not be checked; trying again in a minute")
                }
            }
            if let Err(error) = self.forget().await {
                tracing::warn!(%error, "old jobs could not be forgotten; it is tried again in a minute");
            }
        }
    }

    /// Brings forward jobs whose time was reckoned while the database's clock was ahead; tells how many.
    ///
    /// # Errors
    /// What the database failed with.
    pub async fn set_right(&self) -> Result<u64, Error> {
        store::set_right(&self.database().client().await?, self.shared.settings.lease).await
    }

    /// Forgets what has ended longer ago than is kept; tells how much.
    ///
    /// # Errors
    /// What the database failed with.
    pub async fn forget(&self) -> Result<u64, Error> {
        const AT_ONCE: u64 = 5_000;
        let mut forgotten = 0;
        loop {
            let client = self.database().client().await?;
            let rows = store::forget(&client, self.shared.settings.keep, AT_ONCE.cast_signed()).await?;
            forgotten += rows;
            if rows < AT_ONCE {
                return Ok(forgotten);
            }
        }
    }

    /// Cancels a job: at once if it waits; if it runs its worker is told, within seconds at the most.
    ///
    /// # Errors
    /// What the database failed with.
    pub async fn cancel(&self, id: i64) -> Result<Cancelled, Error> {
        self.database()
            .transaction(|transaction| {
                async move {
                    let was = self.cancel_within(transaction, id).await?;
                    if was != Cancelled::NotThere {
                        self.tell(transaction, &News::Cancelled { id }).await?;
                    }
                    Ok(was)
                }
                .scope_boxed()
            })
            .await
    }

    /// The same, if and only if the transaction commits.
    ///
    /// # Errors
    /// What the database failed with.
    pub async fn cancel_within(&self, transaction: &Transaction, id: i64) -> Result<Cancelled, Error> {
        let was = store::cancel(transaction, id).await?;
        if was == Some(true) {
            self.cancel_after(transaction, id);
        }
        Ok(match was {
            Some(true) => Cancelled::Running,
            Some(false) => Cancelled::Waiting,
            None => Cancelled::NotThere,
        })
    }

    /// The database that they lie in.
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.shared.database
    }
}
