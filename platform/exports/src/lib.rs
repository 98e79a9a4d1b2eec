//! Exports: rows of any number as a stream, or as a file that is made in the background.
//!
//! A domain gives a [`Source`]: rows from a key on, some hundreds of KiB of them at a time. Everything else
//! is here: sending them as fast as the client takes them, and no faster; writing them into files piece by
//! piece, so that neither a restart nor a break on the way loses more than a piece.
//!
//! | room | what it owns |
//! | --- | --- |
//! | [`source`](Source) | what a domain gives |
//! | [`stream`](stream_rows) | an answer made of pieces |
//! | `store` | the statements |
//! | `making` | the job that makes a file, and throwing old ones away |
//! | `content` | giving them out, in ranges |
//! | `http` | the endpoints |
//!
//! **Invariants:**
//! - No transaction is open while a client or a disk is waited for: a piece is read whole, then sent.
//! - What is held in memory does not depend on how many rows there are.
//! - A piece of a file that is recorded is never written again. So a file that was interrupted is the one
//!   that an undisturbed run gives, byte for byte, where no row has changed meanwhile; and each of its rows
//!   is as of its piece's reading, none missing and none twice.
//! - A file is made by one job, ordered in the transaction that writes the export down; of its attempts only the
//!   latest records anything.
//!
//! See `docs/features/exports.md`.

mod content;
mod http;
mod making;
mod source;
mod store;
mod stream;

use std::sync::Arc;
use std::time::Duration;

use entrepot_feed::Feed;
use entrepot_jobs::{Jobs, Work};
use entrepot_pg::Database;
use entrepot_runtime::{Clock, Tasks};
use entrepot_web::{Doorkeeper, Module};
use object_store::ObjectStore;

use making::MakeExport;

pub use making::QUEUE;
pub use source::{Asked, Format, Piece, Reading, Source};
pub use stream::{content_type, stream_rows};

/// How exports are kept.
#[derive(Clone, Copy, Debug)]
pub struct ExportSettings {
    /// How long a file is kept.
    pub keep: Duration,
}

impl Default for ExportSettings {
    fn default() -> Self {
        Self { keep: Duration::from_secs(24 * 3_600) }
    }
}

/// Exports as files. Cheap to clone.
#[derive(Clone)]
pub struct Exports {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) database: Database,
    pub(crate) clock: Clock,
    pub(crate) feed: Feed,
    pub(crate) keeper: Arc<dyn Doorkeeper>,
    pub(crate) files: Arc<dyn ObjectStore>,
    pub(crate) sources: Vec<Arc<dyn Source>>,
    pub(crate) settings: ExportSettings,
    pub(crate) jobs: Jobs,
}

impl std::fmt::Debug for Exports {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Exports").finish_non_exhaustive()
    }
}

/// What exports need.
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
}

impl Exports {
    /// Exports of what these sources give.
    #[must_use]
    pub fn new(dependencies: Dependencies, sources: Vec<Arc<dyn Source>>, settings: ExportSettings) -> Self {
        let Dependencies { database, clock, feed, keeper, files, jobs } = dependencies;
        Self { shared: Arc::new(Shared { database, clock, feed, keeper, files, sources, settings, jobs }) }
    }

    /// Their part of the program.
    #[must_use]
    pub fn module(&self) -> Module {
        http::module(self.shared.clone())
    }

    /// Has a process make files.
    #[must_use]
    pub fn work(&self, work: Work) -> Work {
        work.does::<MakeExport>(Arc::new(self.clone()))
    }

    /// Throws old files away, and sees to what was ordered and has no job.
    pub fn start(&self, tasks: &Tasks) {
        making::start(&self.shared, tasks);
    }
}

impl Shared {
    pub(crate) fn source(&self, kind: &str) -> Option<&Arc<dyn Source>> {
        self.sources.iter().find(|source| source.kind() == kind)
    }
}
