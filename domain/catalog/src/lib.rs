//! The catalog: a tree of categories, the products in it, and what people say of them.
//!
//! **Invariants** (and who enforces each):
//! - A SKU and a slug name one living product (unique indexes); a deleted one gives them back.
//! - A price is never negative and always has a currency (CHECKs, [`entrepot_contracts::Money`]).
//! - Stock is never below zero (CHECK).
//! - The tree has no circles and is at most eight levels deep; a product's `category_path` is its
//!   category's path (CHECKs; `ops/change_category.rs`, which takes the tree's lock).
//! - A product's rating is the average of its reviews, and its count is theirs: both are written in the
//!   transaction that writes a review (`ops/add_review.rs`, under the product's lock).
//! - A deleted product is never listed (CHECK: deleted is inactive), and answers 410 by its id.
//! - Every change of a product or category makes a new `version`, which is what `If-Match` names.
//! - Every write appends an event in its own transaction that touches the tags of everything it shows
//!   up in; every answer carries the tags of everything that it was made from (`events.rs`).
//! - Of an uploaded picture everybody sees what was made of it, and nobody the original (`pictures.rs`).
//!
//! Reads go from `http` to `store`; writes from `http` through `ops` to `store`.

mod events;
mod exports;
mod http;
pub mod import;

mod model;
mod ops;
mod pictures;
mod reports;
pub mod seed;

mod slug;
mod store;

use std::sync::Arc;
use std::time::Duration;

use entrepot_cache::{Cache, Queries};
use entrepot_feed::Feed;
use entrepot_pg::Database;
use entrepot_reports::Source;
use entrepot_runtime::{Clock, Tasks};
use entrepot_web::Module;

pub use model::PRODUCT_FIELDS;
pub use pictures::{PICTURE_QUEUE, Pictures, work};

/// What the catalog needs to write; a command that only loads products needs no more.
#[derive(Clone, Debug)]
pub struct Dependencies {
    /// Where it keeps what it knows.
    pub database: Database,
    /// Its time.
    pub clock: Clock,
    /// Where it tells of its writes.
    pub feed: Feed,
}

/// Products, to be exported.
#[must_use]
pub fn exported(database: &Database) -> Arc<dyn entrepot_exports::Source> {
    Arc::new(exports::ProductSource::new(database.clone()))
}

/// Reports of what is in stock.
#[must_use]
pub fn reported(database: &Database) -> Arc<dyn Source> {
    Arc::new(reports::StockReport::new(database.clone()))
}

/// What the catalog needs beside that to be read by many.
#[derive(Clone, Debug)]
pub struct Reading {
    /// Where summaries of ratings are kept.
    pub cache: Cache,
    /// The results of queries in that cache.
    pub queries: Queries,
    /// How long either may be kept.
    pub ttl: Duration,
    /// How often views are written.
    pub views_flush: Duration,
}

/// The statement that reads products by their ids (`$1`), so that the benchmarks can hand the very
/// same to `pgbench`.
#[must_use]
pub fn product_by_ids_sql() -> &'static str {
    store::product_by_ids_sql()
}

/// The catalog's part of the program.
#[must_use]
pub fn module(dependencies: Dependencies, reading: Reading, pictures: Pictures, tasks: &Tasks) -> Module {
    http::module(dependencies, reading, pictures, tasks)
}
