//! Telling others what happens to jobs, in the transaction in which it does.
//!
//! **Invariant:** what is told has happened if and only if that transaction commits. Nothing is told of what happens
//! by the thousand: jobs that are enqueued, begun and done.

use entrepot_pg::{Error, Transaction};
use futures_util::future::BoxFuture;
use serde::Serialize;

use crate::Jobs;

/// What happened to a job or to a queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "what", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum News {
    /// A job said how far it is.
    Progress {
        /// The job.
        id: i64,
        /// Its kind.
        kind: String,
        /// Its queue.
        queue: String,
        /// 0 to 100.
        percent: u8,
        /// What it is at, for people.
        message: String,
    },
    /// An attempt at a job did not end well.
    Failed {
        /// The job.
        id: i64,
        /// Its kind.
        kind: String,
        /// Its queue.
        queue: String,
        /// What it failed with.
        error: String,
        /// Whether there will be no further attempt.
        is_final: bool,
    },
    /// A queue is paused.
    Paused {
        /// Its name.
        queue: String,
    },
    /// A queue is worked on again.
    Resumed {
        /// Its name.
        queue: String,
    },
    /// Somebody has jobs that failed tried again.
    Retried {
        /// How many.
        count: usize,
        /// The first hundred of them.
        ids: Vec<i64>,
    },
    /// Somebody had jobs forgotten that had ended.
    Cleared {
        /// How many.
        count: u64,
        /// How they had ended.
        endings: Vec<&'static str>,
        /// Of which queue; of all, where it is none.
        queue: Option<String>,
    },
    /// Somebody cancelled a job.
    Cancelled {
        /// The job.
        id: i64,
    },
    /// Somebody cancelled what waited in a queue.
    Emptied {
        /// Its name.
        queue: String,
        /// How many jobs.
        count: u64,
    },
    /// Somebody gave a tenant another weight.
    Weighed {
        /// The queue.
        queue: String,
        /// The tenant.
        tenant: String,
        /// So many shares, where others have one.
        weight: i16,
    },
}

impl News {
    /// What happened, as an event is called.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Progress { .. } => "job-progress",
            Self::Failed { .. } => "job-failed",
            Self::Paused { .. } => "queue-paused",
            Self::Resumed { .. } => "queue-resumed",
            Self::Retried { .. } => "jobs-retried",
            Self::Cleared { .. } => "jobs-cleared",
            Self::Cancelled { .. } => "job-cancelled",
            Self::Emptied { .. } => "queue-emptied",
            Self::Weighed { .. } => "queue-weighed",
        }
    }
}

/// Whoever is told.
pub trait Listener: Send + Sync {
    /// Passes it on within the transaction.
    fn tell<'a>(&'a self, transaction: &'a Transaction, news: &'a News) -> BoxFuture<'a, Result<(), Error>>;
}

impl Jobs {
    pub(crate) async fn tell(&self, transaction: &Transaction, news: &News) -> Result<(), Error> {
        match &self.shared.listener {
            Some(listener) => listener.tell(transaction, news).await,
            None => Ok(()),
        }
    }
}
