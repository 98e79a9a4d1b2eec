//! Sales: the stores of a chain, and what each sold, a row a month with its days.
//!
//! **Invariants** (and who enforces each):
//! - A store's month is there once (unique constraint), and its days are days of that month (trigger).
//! - The totals of a month are those of its days: the database derives them, whatever a statement says
//!   (trigger).
//! - A write of one day keeps what another writes of another day at the same time: days are merged under
//!   the row's lock (`ops/`).
//! - A batch takes effect as a whole, or each of its rows does or does not; no connection, process or
//!   database that dies in the middle leaves a part (one transaction).
//! - Two batches on the same rows in any order both succeed: rows are locked in the order of their keys.
//! - Who is tied to stores reads and writes nothing of another: the scope goes into every statement
//!   (`store/`), and what lies outside of it is answered as if it were not there.
//! - Every write appends an event for each month in its own transaction, to the topic of its store.
//!
//! Reads go from `http` to `store`; writes from `http` through `ops` to `store`.

mod events;
mod exports;
mod http;
pub mod import;
mod model;
mod ops;
mod reports;
mod store;

use std::sync::Arc;

use entrepot_exports::Source;
use entrepot_feed::Feed;
use entrepot_pg::Database;
use entrepot_runtime::{Clock, Tasks};
use entrepot_web::Module;

pub use model::{SALES_FIELDS, STORE_FIELDS};

/// What sales need.
#[derive(Clone, Debug)]
pub struct Dependencies {
    /// Where they are kept.
    pub database: Database,
    /// Their time.
    pub clock: Clock,
    /// Where they tell of their writes.
    pub feed: Feed,
}

/// The rows of sales, for those who make files of them.
#[must_use]
pub fn exported(database: &Database) -> Arc<dyn Source> {
    Arc::new(exports::SalesSource::new(database.clone()))
}

/// Reports of what was sold.
#[must_use]
pub fn reported(database: &Database) -> Arc<dyn entrepot_reports::Source> {
    Arc::new(reports::SalesReport::new(database.clone()))
}

/// The part of the program that sales are.
#[must_use]
pub fn module(dependencies: Dependencies, tasks: &Tasks) -> Module {
    ops::renew_recent::start(&dependencies, tasks);
    http::module(dependencies)
}
