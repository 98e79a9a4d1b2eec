//! What is young, and must be there in the end whatever clocks said: the feed's days, answers that are kept for who asks
//! again, sessions. An instance whose clock is ahead by more than a retention must not throw anything away by it.
//!
//! **Invariants:**
//! - What is young is decided by the database's clock.
//! - With `--spoil` the checker itself does what such an instance would have done, so that the run must fail.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use entrepot_pg::{Database, Error};

use super::work::Random;

/// More than what the feed, kept answers, sessions, exports and reports are kept for.
pub(super) const FAR_S: i64 = 40 * 86_400;
/// By how much a clock is off, in seconds: more than any lease, tolerance of a signature, or retention.
const OFFSETS_S: [i64; 10] = [-FAR_S, -86_400, -7_200, -1_200, -90, 90, 1_200, 7_200, 86_400, FAR_S];

/// How far clocks are off, one after the other.
#[derive(Debug, Default)]
pub(super) struct Clocks {
    have_begun: AtomicBool,
}

impl Clocks {
    /// The first is ahead by more than any retention, however short the run is.
    pub(super) fn draw(&self, random: &mut Random) -> i64 {
        let drawn = OFFSETS_S[random.index(OFFSETS_S.len())];
        if self.have_begun.swap(true, Ordering::Relaxed) { drawn } else { FAR_S }
    }
}

/// What the feed has.
#[derive(Clone, Debug, Default)]
pub(super) struct FeedState {
    /// Its days, as the tables are called.
    days: BTreeSet<String>,
    /// The oldest day that may not be dropped.
    oldest: String,
    dropped_to: i64,
    /// The last event that may be dropped in the course of a run.
    old_to: i64,
}

impl FeedState {
    pub(super) async fn read(database: &Database, retention_days: u32) -> Result<Self, Error> {
        let client = database.client().await?;
        let days = "SELECT relname::text FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
                    WHERE inhparent = 'feed.event'::regclass AND relname ~ '^event_[0-9]{8}$'";
        let days = client.query(days, &[]).await?.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
        // Of a run that goes on over midnight a day more may be dropped.
        let rest =
            "WITH kept AS (SELECT date_trunc('day', clock_timestamp(), 'UTC') - make_interval(days => $1) AS since)
                    SELECT to_char(since AT TIME ZONE 'UTC', '\"event_\"YYYYMMDD'), dropped_to,
                           coalesce((SELECT max(id) FROM feed.event WHERE at < since + interval '1 day'), 0)
                    FROM kept, feed.epoch";
        let row = client.query_one(rest, &[&i32::try_from(retention_days).unwrap_or(i32::MAX)]).await?;
        Ok(Self { days, oldest: row.try_get(0)?, dropped_to: row.try_get(1)?, old_to: row.try_get(2)? })
    }

    /// What of this is gone `after`wards and should not be.
    pub(super) fn gone(&self, after: &Self) -> Vec<String> {
        let is_gone = |day: &&String| **day >= after.oldest && !after.days.contains(*day);
        let mut gone: Vec<String> =
            self.days.iter().filter(is_gone).map(|day| format!("a day of the feed, {day}")).collect();
        // A day that was dropped is made anew by whoever starts next, and what was in it is not.
        if after.dropped_to > self.dropped_to.max(self.old_to) {
            gone.push(format!("events up to {}, of which those above {} are young", after.dropped_to, self.old_to));
        }
        gone
    }
}

/// Drops the feed's present day, as an instance would that takes it for an old one.
pub(super) async fn drop_today(database: &Database) -> Result<(), Error> {
    let client = database.client().await?;
    client
        .batch_execute(
            "DO $$ DECLARE today text := to_char(clock_timestamp() AT TIME ZONE 'UTC', '\"event_\"YYYYMMDD'); BEGIN
                 UPDATE feed.epoch SET dropped_to = greatest(dropped_to, (SELECT max(id) FROM feed.event));
                 EXECUTE format('DROP TABLE feed.%I', today);
             END $$",
        )
        .await?;
    Ok(())
}

/// What is wrong with how a request was answered that came again with its idempotency key.
pub(super) fn judge_again(status: u16, replayed: Option<&str>) -> Result<(), String> {
    match (status, replayed) {
        (200..300, Some("true")) => Ok(()),
        (200..300, _) => Err("what was kept for who asks again: it was done again".to_owned()),
        _ => Err(format!("what was kept for who asks again: it is answered {status}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(days: &[u32], dropped_to: i64) -> FeedState {
        let days = days.iter().map(|day| format!("event_202611{day:02}")).collect();
        FeedState { days, oldest: "event_20261114".to_owned(), dropped_to, old_to: 50 }
    }

    #[test]
    fn young_days_and_events_that_are_gone_are_found() {
        let before = feed(&[10, 20, 21, 22], 0);
        assert!(before.gone(&before).is_empty());
        assert!(before.gone(&feed(&[20, 21, 22, 23], 50)).is_empty(), "an old day may go, and a new one come");
        assert_eq!(before.gone(&feed(&[10, 20, 22], 0)), ["a day of the feed, event_20261121"]);
        assert_eq!(before.gone(&feed(&[10, 20, 21], 0)), ["a day of the feed, event_20261122"]);
        assert_eq!(before.gone(&feed(&[20, 21, 22], 51)).len(), 1, "the day was made anew");
        assert_eq!(before.gone(&feed(&[], 99)).len(), 4);
    }

    #[test]
    fn a_request_that_was_done_again_is_found() {
        assert_eq!(judge_again(201, Some("true")), Ok(()));
        for (status, replayed) in [(201, None), (201, Some("false")), (500, None), (404, Some("true"))] {
            assert!(judge_again(status, replayed).is_err(), "{status}");
        }
    }

    #[test]
    fn the_first_clock_is_far_ahead_and_others_are_off_by_all_that_there_is() {
        let (clocks, mut random) = (Clocks::default(), Random::new(7));
        assert_eq!(clocks.draw(&mut random), FAR_S);
        let drawn: BTreeSet<i64> = (0..500).map(|_| clocks.draw(&mut random)).collect();
        assert_eq!(drawn, BTreeSet::from(OFFSETS_S));
    }
}
