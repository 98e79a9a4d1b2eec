//! Upkeep of the table: a partition for each day, made ahead; old ones dropped.
//!
//! **Invariants:**
//! - No append waits for upkeep longer than half a second: locks are tried, not waited for.
//! - Nothing is dropped that a durable consumer has not passed, until it is four times as old as the
//!   retention: then the consumer is told that it missed something.
//! - Days are counted by the database's clock, and nothing is dropped whose day is today or later by it; where
//!   this machine's clock disagrees nothing is dropped at all.
//! - Positions below which something may be missing are written down before it is dropped.

use std::time::Duration;

use entrepot_pg::{Error, ScopedBoxFuture, ScopedFutureExt as _, Transaction};
use entrepot_runtime::Clock;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use crate::Feed;

/// How often upkeep is due.
pub(crate) const EVERY: Duration = Duration::from_secs(3_600);
const DAYS_AHEAD: i64 = 3;
/// What tells this upkeep's advisory lock from others.
const LOCK: i64 = 0x6665_6564;

impl Feed {
    /// Makes the partitions of the coming days and drops what is old enough. Of several processes one
    /// does it.
    ///
    /// # Errors
    /// What the database failed with; the next time is another chance.
    pub async fn keep_up(&self, clock: &Clock) -> Result<(), Error> {
        let database = &self.shared.database;
        let now = match clock.set_by_hand() {
            Some(now) => now,
            None => database.time().await?,
        };
        let today = now.to_zoned(TimeZone::UTC).date();
        // Each in a transaction of its own: with the locks of making a day held, dropping one would meet
        // a reader that waits for them.
        for ahead in 0..=DAYS_AHEAD {
            let day = today.saturating_add(ahead.days());
            if !self.in_turn(|transaction| async move { make(transaction, day).await }.scope_boxed()).await? {
                // Who is at it goes on to the end, as nobody is left who could be in the way.
                return Ok(());
            }
        }
        // Making a day harms nobody; dropping one cannot be undone.
        let now = database.upkeep_time(clock).await?;
        let retention = self.shared.settings.retention;
        self.in_turn(|transaction| async move { drop_old(transaction, now, retention).await }.scope_boxed()).await?;
        Ok(())
    }

    /// Does a piece of upkeep, unless another process is at it; tells whether it was done.
    async fn in_turn<F>(&self, mut work: F) -> Result<bool, Error>
    where
        F: for<'t> FnMut(&'t Transaction) -> ScopedBoxFuture<'static, 't, Result<(), Error>> + Send,
    {
        let transaction = self.shared.database.begin().await?;
        let row = transaction.query_one("SELECT pg_try_advisory_xact_lock($1)", &[&LOCK]).await?;
        if !row.get::<_, bool>(0) {
            transaction.roll_back().await;
            return Ok(false);
        }
        transaction.batch_execute("SET LOCAL lock_timeout = '500ms'").await?;
        match work(&transaction).await {
            Ok(()) => transaction.commit().await.map(|()| true),
            Err(error) => {
                transaction.roll_back().await;
                Err(error)
            }
        }
    }
}

/// Makes the partition of a day, unless it is there, or events of that day lie where those without a
/// partition go.
async fn make(transaction: &Transaction, day: Date) -> Result<(), Error> {
    let name = format!("event_{}", day.strftime("%Y%m%d"));
    let there = transaction.query_one("SELECT to_regclass($1) IS NOT NULL", &[&format!("feed.{name}")]).await?;
    if there.get(0) {
        return Ok(());
    }
    // Against appenders: one that is on its way to where events without a partition go, while that
    // place loses this day, would be refused.
    transaction.batch_execute("LOCK TABLE feed.event IN SHARE ROW EXCLUSIVE MODE").await?;
    let (from, to) = (day.to_string(), day.saturating_add(1.days()).to_string());
    let stray = transaction
        .query_one(
            "SELECT EXISTS (SELECT FROM feed.event_rest
                            WHERE at >= $1::text::timestamp AT TIME ZONE 'UTC' AND at < $2::text::timestamp AT TIME ZONE 'UTC')",
            &[&from, &to],
        )
        .await?;
    if stray.get(0) {
        return Ok(());
    }
    // Made beside the table and then attached: only that takes a lock that readers would notice.
    transaction
        .batch_execute(&format!(
            "CREATE TABLE feed.{name} (LIKE feed.event INCLUDING ALL);
             ALTER TABLE feed.event ATTACH PARTITION feed.{name} FOR VALUES FROM ('{from} 00:00+00') TO ('{to} 00:00+00')"
        ))
        .await?;
    Ok(())
}

/// Drops the partitions that are older than the retention, and such events without a partition.
async fn drop_old(transaction: &Transaction, now: Timestamp, retention: Duration) -> Result<(), Error> {
    let passed: Option<i64> = transaction.query_one("SELECT min(position) FROM feed.consumer", &[]).await?.get(0);
    let oldest = |ages: u32| (now - retention * ages).to_zoned(TimeZone::UTC).date();
    let (old, too_old) = (oldest(1), oldest(4));
    let partitions = transaction
        .query(
            "SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
             WHERE inhparent = 'feed.event'::regclass AND relname ~ '^event_[0-9]{8}$'
               AND relname < to_char(clock_timestamp() AT TIME ZONE 'UTC', '\"event_\"YYYYMMDD') ORDER BY relname",
            &[],
        )
        .await?;
    for row in partitions {
        let name: String = row.get(0);
        let Ok(day) = Date::strptime("event_%Y%m%d", &name) else { continue };
        if day >= old {
            break;
        }
        let last: Option<i64> = transaction.query_one(&format!("SELECT max(id) FROM feed.{name}"), &[]).await?.get(0);
        if day >= too_old && passed.is_some_and(|passed| last.is_some_and(|last| last > passed)) {
            tracing::warn!(partition = name, "kept beyond its retention: a durable consumer has not passed it");
            break;
        }
        transaction
            .execute("UPDATE feed.epoch SET dropped_to = greatest(dropped_to, $1)", &[&last.unwrap_or(0)])
            .await?;
        transaction.batch_execute(&format!("DROP TABLE feed.{name}")).await?;
        tracing::info!(partition = name, "a day of the feed was dropped");
    }
    let strays = transaction
        .query(
            "DELETE FROM feed.event_rest WHERE at < $1 AND id <= coalesce($2, id) RETURNING id",
            &[&(now - retention * 4), &passed],
        )
        .await?;
    if let Some(last) = strays.iter().map(|row| row.get::<_, i64>(0)).max() {
        transaction.execute("UPDATE feed.epoch SET dropped_to = greatest(dropped_to, $1)", &[&last]).await?;
    }
    Ok(())
}
