//! The database's time, which all processes that share the database agree on.
//!
//! **Invariants:**
//! - What cannot be undone (dropping partitions, deleting what is over, running schedules) is decided by
//!   [`Database::upkeep_time`]: the database's own time, and only while this machine's clock agrees with it.
//! - A clock that a test set by hand stands for the database's.

use std::time::{Duration, Instant};

use entrepot_runtime::{Clock, ClockReference, Tasks};
use jiff::Timestamp;

use crate::{Database, Error};

/// How often the clock is synchronized.
const EVERY: Duration = Duration::from_secs(5);

impl Database {
    /// The database's time.
    ///
    /// # Errors
    /// What the database failed with.
    pub async fn time(&self) -> Result<Timestamp, Error> {
        Ok(self.asked_time().await?.0)
    }

    /// The same, and when it was asked for: without what a connection takes to be made.
    async fn asked_time(&self) -> Result<(Timestamp, Instant), Error> {
        let client = self.client().await?;
        // A server that has gone without a word is noticed here, as nobody else may be asking.
        let answer = self.pipeline().bounded(async {
            let statement = client.prepare_cached("SELECT clock_timestamp()").await?;
            let asked = Instant::now();
            Ok((client.query_one(&statement, &[]).await?, asked))
        });
        let (row, asked) = answer.await?;
        Ok((row.try_get(0)?, asked))
    }

    /// The time by which upkeep decides what is over: the database's.
    ///
    /// # Errors
    /// [`Error::ClockOff`] where this machine's clock disagrees with it, so that one of the two is wrong; or what the
    /// database failed with.
    pub async fn upkeep_time(&self, clock: &Clock) -> Result<Timestamp, Error> {
        if let Some(time) = clock.set_by_hand() {
            return Ok(time);
        }
        let (time, asked) = self.asked_time().await?;
        if clock.disagrees_with(time, asked) {
            return Err(Error::ClockOff);
        }
        Ok(time)
    }

    /// Synchronizes a clock with the database's time, once.
    ///
    /// # Errors
    /// What the database failed with.
    pub async fn synchronize(&self, reference: &ClockReference) -> Result<(), Error> {
        let (time, asked) = self.asked_time().await?;
        reference.synchronize(time, asked);
        Ok(())
    }

    /// Keeps a clock synchronized for the life of the program, and logs when the machine's clock begins to disagree
    /// and when it agrees again.
    pub fn keep_synchronized(&self, clock: &Clock, reference: &ClockReference, tasks: &Tasks) {
        let (database, clock, reference) = (self.clone(), clock.clone(), reference.clone());
        tasks.supervise("clock", move || {
            let (database, clock, reference) = (database.clone(), clock.clone(), reference.clone());
            async move {
                let mut beat = tokio::time::interval(EVERY);
                let mut was_trusted = true;
                loop {
                    beat.tick().await;
                    if let Err(error) = database.synchronize(&reference).await {
                        tracing::debug!(%error, "the clock could not be synchronized; it goes on by itself");
                        continue;
                    }
                    let skew_ms = i64::try_from(clock.skew().as_millis()).unwrap_or(i64::MAX);
                    let is_trusted = clock.is_trusted();
                    if is_trusted != was_trusted {
                        was_trusted = is_trusted;
                        tell(is_trusted, skew_ms);
                    }
                }
            }
        });
    }
}

fn tell(is_trusted: bool, skew_ms: i64) {
    if is_trusted {
        tracing::info!(skew_ms, "this machine's clock agrees with the database's again");
    } else {
        tracing::error!(
            skew_ms,
            "this machine's clock disagrees with the database's: the instance is not ready, throws nothing away and \
             orders no scheduled reports until they agree"
        );
    }
}
