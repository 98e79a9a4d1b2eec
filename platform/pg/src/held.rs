//! Commits that wait for an answer: what a request writes, and the answer that tells of it, in one
//! transaction.
//!
//! Within [`holding`], a transaction that succeeded is not committed but kept, and what the caller
//! does next with its result (writing the answer) happens while it is open. Whoever set this up takes
//! it out ([`Held::take`]), adds to it, and commits. Further transactions of the same request join the
//! one that is kept, each behind a savepoint, so the request as a whole happens or does not.
//!
//! **Invariants:**
//! - Nothing that runs within [`holding`] commits by [`Database::transaction`](crate::Database::transaction).
//! - A kept transaction that nobody takes is rolled back, by its connection being closed.
//! - Work that failed leaves nothing behind: neither rows nor what was to be done at the commit.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use scoped_futures::ScopedBoxFuture;
use tokio::sync::Mutex;

use crate::{Database, Error, Transaction};

tokio::task_local! {
    static HELD: Arc<Held>;
}

/// What is run first in the transaction that will be kept; if it fails nothing else is.
type Prelude = dyn for<'t> Fn(&'t Transaction) -> BoxFuture<'t, Result<(), Error>> + Send + Sync;

/// The transaction of a request, once it has written something.
pub struct Held {
    kept: Mutex<Option<Transaction>>,
    prelude: Box<Prelude>,
}

impl fmt::Debug for Held {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Held").finish_non_exhaustive()
    }
}

impl Held {
    /// Nothing yet. `prelude` is run first in the transaction that will be kept.
    pub fn new(
        prelude: impl for<'t> Fn(&'t Transaction) -> BoxFuture<'t, Result<(), Error>> + Send + Sync + 'static,
    ) -> Self {
        Self { kept: Mutex::default(), prelude: Box::new(prelude) }
    }

    /// The transaction that was kept, if there is one. Whoever takes it must end it.
    pub async fn take(&self) -> Option<Transaction> {
        self.kept.lock().await.take()
    }

    pub(crate) fn current() -> Option<Arc<Self>> {
        HELD.try_with(Clone::clone).ok()
    }

    /// Runs `work` in the kept transaction, or in a new one that is then kept.
    pub(crate) async fn attempt<'a, T, E, F>(&self, database: &Database, work: &mut F) -> Result<T, E>
    where
        F: for<'t> FnMut(&'t Transaction) -> ScopedBoxFuture<'a, 't, Result<T, E>> + Send + 'a,
        T: Send + 'a,
        E: From<Error> + Send + 'static,
    {
        let mut kept = self.kept.lock().await;
        let Some(transaction) = kept.take() else {
            let transaction = database.begin().await?;
            if let Err(error) = (self.prelude)(&transaction).await {
                transaction.roll_back().await;
                return Err(error.into());
            }
            let outcome = work(&transaction).await;
            match outcome {
                Ok(value) => {
                    *kept = Some(transaction);
                    return Ok(value);
                }
                Err(error) => {
                    transaction.roll_back().await;
                    return Err(error);
                }
            }
        };
        // Should any of this be cut short the transaction is dropped, and with it all of the request.
        let before = transaction.to_do();
        transaction.batch_execute("SAVEPOINT joined").await.map_err(Error::from)?;
        let outcome = work(&transaction).await;
        let end = if outcome.is_ok() { "RELEASE joined" } else { "ROLLBACK TO joined; RELEASE joined" };
        transaction.batch_execute(end).await.map_err(Error::from)?;
        if outcome.is_err() {
            transaction.undo_to(before);
        }
        *kept = Some(transaction);
        outcome
    }
}

/// Runs `work` so that what it writes is kept in `held` instead of being committed.
pub fn holding<F: Future>(held: Arc<Held>, work: F) -> impl Future<Output = F::Output> {
    HELD.scope(held, work)
}
