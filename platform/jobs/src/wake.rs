//! Waking workers: those of this process by themselves, those of others by a notification.
//!
//! **Invariants:**
//! - Nothing is sent in a writing transaction, where it would make all commits of the database take turns.
//! - Losing every notification costs time, up to the poll's interval, and never a job.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use entrepot_pg::{Error, Transaction};
use tokio::sync::{Notify, broadcast};

use crate::Jobs;

/// How long one statement of the waking connection may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// What waits to be told at the most.
const MOST_UNTOLD: usize = 10_000;
/// Cancellations that a worker may be behind before it finds them by its heartbeat.
const CANCELLATIONS_BEHIND: usize = 256;

/// Who is waiting for what.
#[derive(Debug)]
pub(crate) struct Wakes {
    instance: String,
    queues: Mutex<HashMap<String, Arc<Notify>>>,
    /// Something is due at another time than was thought.
    pub(crate) due: Notify,
    /// What others are still to be told of.
    untold: Mutex<BTreeSet<String>>,
    told: Notify,
    cancelled: broadcast::Sender<i64>,
}

impl Default for Wakes {
    fn default() -> Self {
        Self {
            instance: uuid::Uuid::new_v4().simple().to_string(),
            queues: Mutex::default(),
            due: Notify::new(),
            untold: Mutex::default(),
            told: Notify::new(),
            cancelled: broadcast::Sender::new(CANCELLATIONS_BEHIND),
        }
    }
}

impl Wakes {
    /// What is notified when a queue may have work.
    pub(crate) fn queue(&self, queue: &str) -> Arc<Notify> {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        queues.entry(queue.to_owned()).or_default().clone()
    }

    pub(crate) fn cancellations(&self) -> broadcast::Receiver<i64> {
        self.cancelled.subscribe()
    }

    fn here(&self, queue: &str) {
        let there = self.queues.lock().unwrap_or_else(PoisonError::into_inner).get(queue).cloned();
        if let Some(notify) = there {
            notify.notify_one();
        }
    }

    fn elsewhere(&self, what: String) {
        let mut untold = self.untold.lock().unwrap_or_else(PoisonError::into_inner);
        // Where nobody tells (no nudges, no connection) nothing is kept to be told for ever.
        if untold.len() < MOST_UNTOLD {
            untold.insert(what);
        }
        drop(untold);
        self.told.notify_one();
    }

    fn cancel_here(&self, id: i64) {
        // Nobody works here: nobody needs to be told.
        let _nobody = self.cancelled.send(id);
    }
}

impl Jobs {
    /// A queue may have work.
    pub(crate) fn wake(&self, queue: &str) {
        self.shared.wakes.here(queue);
        self.shared.wakes.elsewhere(queue.to_owned());
    }

    pub(crate) fn wakes(&self) -> &Wakes {
        &self.shared.wakes
    }

    pub(crate) fn wake_after<Q>(&self, transaction: &Transaction, queues: Q)
    where
        Q: IntoIterator<Item = &'static str> + Send + 'static,
    {
        let jobs = self.clone();
        transaction.on_commit(move || {
            for queue in queues {
                jobs.wake(queue);
            }
        });
    }

    pub(crate) fn due_after(&self, transaction: &Transaction) {
        let jobs = self.clone();
        transaction.on_commit(move || jobs.shared.wakes.due.notify_one());
    }

    pub(crate) fn cancel_after(&self, transaction: &Transaction, id: i64) {
        let jobs = self.clone();
        transaction.on_commit(move || {
            jobs.shared.wakes.cancel_here(id);
            jobs.shared.wakes.elsewhere(format!("!{id}"));
        });
    }

    /// Listens and tells, on one connection after the other.
    pub(crate) async fn keep_waking(self) {
        loop {
            if let Err(error) = self.wake_on_one_connection().await {
                tracing::warn!(%error, "workers cannot be woken; they look by themselves until they can");
            }
            // Told of in vain: what was enqueued meanwhile is found by looking.
            self.shared.wakes.untold.lock().unwrap_or_else(PoisonError::into_inner).clear();
            #[expect(clippy::disallowed_methods, reason = "the pause before another connection")]
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    async fn wake_on_one_connection(&self) -> Result<(), Error> {
        let wakes = &self.shared.wakes;
        let mut connection = self.database().dedicated("entrepot-jobs", "-c synchronous_commit=off").await?;
        bounded(async { Ok(connection.client().batch_execute("LISTEN entrepot_jobs").await?) }).await?;
        let tell = bounded(async {
            Ok(connection
                .client()
                .prepare("SELECT pg_notify('entrepot_jobs', what) FROM unnest($1::text[]) AS what")
                .await?)
        })
        .await?;
        loop {
            tokio::select! {
                () = wakes.told.notified() => {
                    let untold = std::mem::take(&mut *wakes.untold.lock().unwrap_or_else(PoisonError::into_inner));
                    let untold: Vec<String> =
                        untold.into_iter().map(|what| format!("{} {what}", wakes.instance)).collect();
                    bounded(async { Ok(connection.client().execute(&tell, &[&untold]).await?) }).await?;
                }
                notification = connection.notification() => {
                    let Some(notification) = notification else { return Err(Error::Missing("the connection")) };
                    match notification.split_once(' ') {
                        Some((from, _)) if from == wakes.instance => {}
                        Some((_, what)) => match what.strip_prefix('!').map(str::parse) {
                            Some(Ok(id)) => wakes.cancel_here(id),
                            _ => wakes.here(what),
                        },
                        None => {}
                    }
                }
            }
        }
    }
}

async fn bounded<T>(answer: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    tokio::time::timeout(PATIENCE, answer).await.unwrap_or(Err(Error::NoAnswer { waited: PATIENCE }))
}
