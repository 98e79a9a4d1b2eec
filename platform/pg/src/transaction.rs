//! An open transaction.
//!
//! **Invariant:** a connection goes back to the pool only after PostgreSQL has answered COMMIT or
//! ROLLBACK. When the future that holds a transaction is dropped at any of its awaits, or an answer
//! stays away, the connection is closed instead, and the server rolls back what was not committed.
//! (Pools that send a ROLLBACK when a value is dropped have lost writes: the next borrower's
//! statements ran inside the old transaction.)

use std::fmt;
use std::ops::Deref;
use std::sync::{Mutex, PoisonError};

use crate::{Error, Pooled};

/// An open transaction, and the connection that it has to itself.
pub struct Transaction {
    /// `None` once the connection has gone back to the pool.
    client: Option<Pooled>,
    /// What is to be done once it is committed.
    on_commit: Mutex<Vec<Box<dyn FnOnce() + Send>>>,
}

impl fmt::Debug for Transaction {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Transaction").field("open", &self.client.is_some()).finish_non_exhaustive()
    }
}

impl Transaction {
    pub(crate) async fn begin(client: Pooled) -> Result<Self, Error> {
        let transaction = Self { client: Some(client), on_commit: Mutex::default() };
        transaction.batch_execute("BEGIN").await?;
        Ok(transaction)
    }

    /// The connection, for typed queries.
    pub fn client(&self) -> &Pooled {
        #[expect(clippy::expect_used, reason = "only `commit` and `roll_back` take it, and they take `self`")]
        self.client.as_ref().expect("an open transaction has a connection")
    }

    /// Has `work` done right after the commit, before anybody is told of it; never when there is none.
    /// It must not wait for anything.
    pub fn on_commit(&self, work: impl FnOnce() + Send + 'static) {
        self.on_commit.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(work));
    }

    /// How much is to be done at the commit so far.
    pub(crate) fn to_do(&self) -> usize {
        self.on_commit.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Forgets what was to be done at the commit beyond this much.
    pub(crate) fn undo_to(&self, length: usize) {
        self.on_commit.lock().unwrap_or_else(PoisonError::into_inner).truncate(length);
    }

    /// Commits.
    ///
    /// # Errors
    /// When the database refuses, or its answer stays away: then it is not known what happened.
    pub async fn commit(mut self) -> Result<(), Error> {
        // PostgreSQL answers COMMIT in a transaction that has failed with a rollback and no error; the
        // SELECT before it fails there.
        self.batch_execute("SELECT; COMMIT").await?;
        self.client.take();
        let work = std::mem::take(&mut *self.on_commit.lock().unwrap_or_else(PoisonError::into_inner));
        for work in work {
            work();
        }
        Ok(())
    }

    /// Rolls back. Where even that fails the connection is closed, which comes to the same.
    pub async fn roll_back(mut self) {
        if self.batch_execute("ROLLBACK").await.is_ok() {
            self.client.take();
        }
    }
}

impl Deref for Transaction {
    type Target = Pooled;

    fn deref(&self) -> &Pooled {
        self.client()
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if let Some(client) = self.client.take() {
            // Out of the pool and closed: nobody else ever gets it.
            drop(deadpool_postgres::Object::take(client));
        }
    }
}
