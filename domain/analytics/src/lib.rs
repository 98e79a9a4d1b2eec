//! Analytics: what stores sold by day, week and month, ready to be read.
//!
//! Everything here is made from the events of sales. A consumer of the feed makes each into a job, and the job writes
//! the days that the event tells of and derives their weeks and their month.
//!
//! **Invariants** (and who enforces each):
//! - A day is as the latest event has it that tells of it, in whatever order and however often jobs are done: a day
//!   knows the position of its event, and nothing of a lower one is written (`db/queries/analytics/sales.sql`).
//! - A week and a month are the sums of their days: they are derived in the transaction that writes the days, one job
//!   of a store at a time (a lock, `ops/`).
//! - Every event that tells of sales has its effect: its job is enqueued in the transaction that moves the consumer's
//!   position, and ends in the transaction that writes the days.
//! - Who is tied to stores reads nothing of another: the scope goes into every statement (`store/`).
//! - Nothing of another domain is read: neither its tables nor its crate.
//!
//! Reads go from `http` to `store`; events from `consumer` through jobs (`ops`) to `store`.

mod consumer;
mod http;
mod model;
mod ops;
mod store;

use entrepot_feed::Feed;
use entrepot_jobs::{Jobs, Work};
use entrepot_pg::Database;
use entrepot_runtime::{Clock, Tasks};
use entrepot_web::Module;

pub use ops::QUEUE;

/// What analytics need.
#[derive(Clone, Debug)]
pub struct Dependencies {
    /// Where they are kept.
    pub database: Database,
    /// What day it is.
    pub clock: Clock,
    /// Where sales tell of their writes.
    pub feed: Feed,
    /// What makes events into sums.
    pub jobs: Jobs,
}

/// Analytics. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Analytics {
    to: Dependencies,
}

impl Analytics {
    /// Analytics of this database. Nothing is followed before [`Analytics::start`].
    #[must_use]
    pub fn new(dependencies: Dependencies) -> Self {
        Self { to: dependencies }
    }

    /// Their part of the program.
    #[must_use]
    pub fn module(&self) -> Module {
        http::module(self.to.clone())
    }

    /// Follows the events of sales, for the life of the program. Any number of processes may: one at a time has the
    /// turn.
    pub fn start(&self, tasks: &Tasks) {
        self.to.feed.consume(tasks, consumer::SalesEvents::new(self.to.jobs.clone()));
    }

    /// Has a process do their jobs.
    #[must_use]
    pub fn work(&self, work: Work) -> Work {
        work.does::<ops::RollUpSales>(self.to.database.clone().into())
    }
}
