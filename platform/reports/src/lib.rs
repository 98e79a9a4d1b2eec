//! Reports: documents that one would hand to a manager, made in the background, once or by schedule.
//!
//! A domain gives a [`Source`]: it reads its rows into a document. Everything else is here: ordering, progress, the
//! file, giving it out, making it again every Monday.
//!
//! | room | what it owns |
//! | --- | --- |
//! | [`source`](Source) | what a domain gives |
//! | [`period`](Period) | `last-month` and the like, as days |
//! | `making` | the job that makes a report, the one that sees to schedules, throwing old files away |
//! | `store` | the statements |
//! | `http` | the endpoints |
//!
//! **Invariants:**
//! - A report is made by one job, ordered in the transaction that writes the report down.
//! - It holds what its owner may see when it is made, and is given to nobody who may see less when it is fetched.
//! - A file that is recorded lies there, and is not written again: each attempt has a place of its own.
//! - A schedule's report is written down in the transaction that moves the schedule on: each slot has one.
//!
//! See `docs/features/reports.md`.

mod http;
mod making;
mod period;
mod source;
mod store;

use std::sync::Arc;
use std::time::Duration;

use entrepot_feed::Feed;
use entrepot_jobs::{Jobs, NewJob, ScheduleError, Work};
use entrepot_pg::{Database, Error, Transaction};
use entrepot_runtime::{Clock, Tasks};
use entrepot_web::{Doorkeeper, Module};
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use object_store::ObjectStore;
use uuid::Uuid;

use making::{DueReports, MakeReport};

pub use making::QUEUE;
pub use period::{Period, PeriodError};
pub use source::{Asked, Format, Source, SourceError};

/// How reports are kept.
#[derive(Clone, Debug)]
pub struct ReportSettings {
    /// How long a report is kept.
    pub keep: Duration,
    /// Whose reports they are.
    pub organisation: String,
}

/// A report that is done, for whoever is to tell its owner.
#[derive(Clone, Debug)]
pub struct Ready {
    /// Its id.
    pub id: Uuid,
    /// Who ordered it.
    pub owner: Uuid,
    /// What it is called.
    pub title: String,
    /// The period that it tells of, in words.
    pub period: String,
    /// Where it is fetched.
    pub path: String,
    /// Until when.
    pub expires_at: Timestamp,
    /// Where it is to be mailed of.
    pub mail_to: Option<String>,
}

/// A report that came to nothing.
pub struct Failed {
    /// Its id.
    pub id: Uuid,
    /// Who ordered it.
    pub owner: Uuid,
    /// Of what it was.
    pub kind: String,
    /// Why it failed, for people.
    pub why: String,
}

/// Whoever tells people what became of a report.
pub trait Herald: Send + Sync {
    /// Has them told, if and only if the transaction commits.
    fn tell<'a>(&'a self, transaction: &'a Transaction, report: &'a Ready) -> BoxFuture<'a, Result<(), Error>>;

    /// The same of one that failed.
    fn tell_failed<'a>(&'a self, transaction: &'a Transaction, report: &'a Failed) -> BoxFuture<'a, Result<(), Error>>;
}

/// What reports need.
pub struct Dependencies {
    /// Where they are written down.
    pub database: Database,
    /// Their time.
    pub clock: Clock,
    /// Where their progress is told.
    pub feed: Feed,
    /// Who may see what.
    pub keeper: Arc<dyn Doorkeeper>,
    /// Where files lie.
    pub files: Arc<dyn ObjectStore>,
    /// What makes them.
    pub jobs: Jobs,
    /// Who tells people.
    pub herald: Arc<dyn Herald>,
}

pub(crate) struct Shared {
    pub(crate) to: Dependencies,
    pub(crate) sources: Vec<Arc<dyn Source>>,
    pub(crate) settings: ReportSettings,
}

impl std::ops::Deref for Shared {
    type Target = Dependencies;

    fn deref(&self) -> &Dependencies {
        &self.to
    }
}

impl Shared {
    pub(crate) fn source(&self, kind: &str) -> Option<&Arc<dyn Source>> {
        self.sources.iter().find(|source| source.kind() == kind)
    }
}

/// Reports. Cheap to clone.
#[derive(Clone)]
pub struct Reports {
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Reports {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Reports").finish_non_exhaustive()
    }
}

impl Reports {
    /// Reports of what these sources give.
    #[must_use]
    pub fn new(to: Dependencies, sources: Vec<Arc<dyn Source>>, settings: ReportSettings) -> Self {
        Self { shared: Arc::new(Shared { to, sources, settings }) }
    }

    /// Their part of the program.
    #[must_use]
    pub fn module(&self) -> Module {
        http::module(self.shared.clone())
    }

    /// Has a process make reports, and see to schedules.
    ///
    /// # Errors
    /// Never: the pattern is ours.
    pub fn work(&self, work: Work) -> Result<Work, ScheduleError> {
        let needs = Arc::new(self.clone());
        let work = work.does::<MakeReport>(needs.clone()).does::<DueReports>(needs);
        work.every("reports-due", "* * * * *", "UTC", |_slot| NewJob::of(&DueReports {}).unique("reports-due"))
    }

    /// Throws old files away.
    pub fn start(&self, tasks: &Tasks) {
        making::start(&self.shared, tasks);
    }
}
