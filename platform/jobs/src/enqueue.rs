//! Putting jobs into their queues, in the transaction that needs them.
//!
//! **Invariants:**
//! - A job exists if and only if the transaction that enqueued it commits.
//! - Nothing is sent in that transaction; workers are woken after the commit, and look by themselves besides.

use std::time::Duration;

use entrepot_pg::{Error, Transaction};
use jiff::Timestamp;
use serde_json::Value;

use crate::job::{Job, Priority};
use crate::{Jobs, store};

/// A job to be enqueued.
#[derive(Clone, Debug)]
pub struct NewJob {
    pub(crate) queue: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) priority: i16,
    pub(crate) max_attempts: i16,
    pub(crate) tenant: String,
    pub(crate) payload: Value,
    pub(crate) start: Start,
    pub(crate) unique: Option<Unique>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Start {
    Now,
    After(Duration),
    At(Timestamp),
}

#[derive(Clone, Debug)]
pub(crate) struct Unique {
    pub(crate) key: String,
    pub(crate) period: Option<Duration>,
}

/// What became of a job that was to be enqueued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enqueued {
    /// It is new.
    New(i64),
    /// There was one with its key: this one.
    Known(i64),
}

impl Enqueued {
    /// The job's id.
    #[must_use]
    pub fn id(self) -> i64 {
        match self {
            Self::New(id) | Self::Known(id) => id,
        }
    }
}

impl NewJob {
    /// A job of a kind, to be done as soon as may be.
    ///
    /// # Panics
    /// When the job's own serialisation fails: a map with keys that are no strings.
    #[must_use]
    pub fn of<J: Job>(job: &J) -> Self {
        #[expect(clippy::expect_used, reason = "a payload is plain data; one that is not never gets past a test")]
        let payload = serde_json::to_value(job).expect("a payload is plain data");
        Self {
            queue: J::QUEUE,
            kind: J::KIND,
            priority: J::PRIORITY.level(),
            max_attempts: J::RETRIES.attempts(),
            tenant: String::new(),
            payload,
            start: Start::Now,
            unique: None,
        }
    }

    /// For a tenant: those of a queue take turns, so that one with very many holds up nobody else.
    #[must_use]
    pub fn tenant(self, tenant: impl Into<String>) -> Self {
        Self { tenant: tenant.into(), ..self }
    }

    /// More or less urgent than its kind.
    #[must_use]
    pub fn priority(self, priority: Priority) -> Self {
        Self { priority: priority.level(), ..self }
    }

    /// Not before so much time has passed since its transaction.
    #[must_use]
    pub fn after(self, delay: Duration) -> Self {
        Self { start: Start::After(delay), ..self }
    }

    /// Not before then.
    #[must_use]
    pub fn at(self, time: Timestamp) -> Self {
        Self { start: Start::At(time), ..self }
    }

    /// Not while there is one of the same kind with this key that has not ended.
    #[must_use]
    pub fn unique(self, key: impl Into<String>) -> Self {
        Self { unique: Some(Unique { key: key.into(), period: None }), ..self }
    }

    /// Not while one of the same kind with this key was enqueued within the period, ended or not.
    #[must_use]
    pub fn once_in(self, period: Duration, key: impl Into<String>) -> Self {
        Self { unique: Some(Unique { key: key.into(), period: Some(period) }), ..self }
    }
}

impl Jobs {
    /// Enqueues a job in the caller's transaction.
    ///
    /// # Errors
    /// What the database failed with.
    pub async fn enqueue(&self, transaction: &Transaction, job: NewJob) -> Result<Enqueued, Error> {
        let queue = job.queue;
        let enqueued = match &job.unique {
            None => Enqueued::New(store::insert(transaction, &job).await?),
            Some(unique) => store::insert_unique(transaction, &job, unique).await?,
        };
        if matches!((enqueued, job.start), (Enqueued::New(_), Start::Now)) {
            self.wake_after(transaction, [queue]);
        } else {
            self.due_after(transaction);
        }
        Ok(enqueued)
    }

    /// Enqueues many in the caller's transaction. They carry no keys: whoever needs those enqueues one by one.
    ///
    /// # Errors
    /// What the database failed with.
    pub async fn enqueue_all(&self, transaction: &Transaction, jobs: &[NewJob]) -> Result<(), Error> {
        if jobs.iter().any(|job| job.unique.is_some()) {
            return Err(Error::Refused("jobs with keys are enqueued one by one"));
        }
        store::insert_all(transaction, jobs).await?;
        let mut queues: Vec<&'static str> = jobs.iter().map(|job| job.queue).collect();
        queues.sort_unstable();
        queues.dedup();
        self.wake_after(transaction, queues);
        self.due_after(transaction);
        Ok(())
    }
}
