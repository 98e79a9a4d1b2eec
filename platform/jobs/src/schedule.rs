//! Jobs that are enqueued again and again, by a pattern of cron.
//!
//! Every process that works keeps all of its schedules; whose turn it is is found out slot by slot.
//!
//! **Invariants:**
//! - A slot's job is enqueued in the transaction that moves the schedule on to the next: each slot has one, however
//!   many processes there are, and whichever of them dies when.
//! - Of slots that nobody was there for those of the last [`CAUGHT_UP`] have a job each; of what is older the first
//!   stands for all.
//! - A schedule that cannot be kept keeps no other from it; a program that has it with an old pattern leaves it alone.

use std::time::Duration;

use croner::Cron;
use croner::parser::{CronParser, Seconds};
use entrepot_pg::{Error, ScopedFutureExt as _};
use futures_util::FutureExt as _;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::{Jobs, NewJob, store};

/// How long ago a slot may be that still gets its own job: longer than a fail-over takes.
const CAUGHT_UP: Duration = Duration::from_secs(60);

type Make = dyn Fn(Timestamp) -> NewJob + Send + Sync;

/// A schedule.
pub(crate) struct Schedule {
    name: String,
    pattern: String,
    cron: Cron,
    zone: TimeZone,
    make: Box<Make>,
}

/// Why there can be no such schedule.
#[derive(Debug, thiserror::Error)]
pub enum ScheduleError {
    /// The pattern is none.
    #[error("{pattern:?} is no pattern of cron: {error}")]
    Pattern {
        /// As it was given.
        pattern: String,
        /// What is wrong with it.
        error: croner::errors::CronError,
    },
    /// There is no such time zone.
    #[error("{zone:?} is no time zone: {error}")]
    Zone {
        /// As it was given.
        zone: String,
        /// What was found.
        error: jiff::Error,
    },
    /// It has no slot.
    #[error("{0:?} never comes")]
    Never(String),
}

impl Schedule {
    pub(crate) fn new(name: &str, pattern: &str, zone: &str, make: Box<Make>) -> Result<Self, ScheduleError> {
        let wrong = |error| ScheduleError::Pattern { pattern: pattern.to_owned(), error };
        let parser = CronParser::builder().seconds(Seconds::Optional).build();
        let cron = parser.parse(pattern).map_err(wrong)?;
        let found = if zone == "UTC" { Ok(TimeZone::UTC) } else { TimeZone::get(zone) };
        let zone_of = found.map_err(|error| ScheduleError::Zone { zone: zone.to_owned(), error })?;
        let (name, told) = (name.to_owned(), format!("{pattern} {zone}"));
        let schedule = Self { name, pattern: told, cron, zone: zone_of, make };
        if schedule.next(Timestamp::UNIX_EPOCH).is_none() {
            return Err(ScheduleError::Never(pattern.to_owned()));
        }
        Ok(schedule)
    }

    /// The first slot after a time.
    fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let next = self.cron.find_next_occurrence(&after.to_zoned(self.zone.clone()), false);
        next.ok().map(|next| next.timestamp())
    }

    /// The slot after this one.
    fn following(&self, slot: Timestamp, now: Timestamp) -> Timestamp {
        let recent = now - jiff::SignedDuration::try_from(CAUGHT_UP).unwrap_or_default();
        // One that never comes again is looked at in ten years.
        let far = || now + jiff::SignedDuration::from_hours(24 * 3_650);
        self.next(slot.max(recent)).unwrap_or_else(far)
    }
}

/// Keeps schedules for the life of the worker.
pub(crate) async fn keep(jobs: &Jobs, schedules: &[Schedule]) {
    let names: Vec<&str> = schedules.iter().map(|schedule| schedule.name.as_str()).collect();
    let patterns: Vec<&str> = schedules.iter().map(|schedule| schedule.pattern.as_str()).collect();
    let mut is_planned = false;
    loop {
        let turn = async {
            if !is_planned {
                let client = jobs.database().client().await?;
                let now = store::now(&client).await?;
                for schedule in schedules {
                    let next = schedule.following(now, now);
                    store::plan(&client, &schedule.name, &schedule.pattern, next).await?;
                }
            }
            for schedule in schedules {
                let one = std::panic::AssertUnwindSafe(enqueue_due(jobs, schedule)).catch_unwind().await;
                match one {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => {
                        tracing::error!(schedule = schedule.name, %error, "a slot's job could not be enqueued");
                    }
                    Err(_panic) => tracing::error!(schedule = schedule.name, "the making of a slot's job panicked"),
                }
            }
            store::next_slot(&jobs.database().client().await?, &names, &patterns).await
        };
        let wait = match turn.await {
            Ok(next) => {
                is_planned = true;
                next.unwrap_or(jobs.shared.settings.poll)
            }
            Err(error) => {
                tracing::warn!(%error, "schedules could not be kept; trying again");
                jobs.shared.settings.poll
            }
        };
        // Looked at anyway now and then: the clock of this machine is not the one that counts.
        let wait = wait.min(Duration::from_secs(10)).max(Duration::from_millis(10));
        #[expect(clippy::disallowed_methods, reason = "until a slot has come")]
        tokio::time::sleep(wait).await;
    }
}

/// Enqueues a schedule's job if its slot has come.
async fn enqueue_due(jobs: &Jobs, schedule: &Schedule) -> Result<(), Error> {
    jobs.database()
        .transaction(|transaction| {
            async move {
                let Some((slot, now)) = store::due_slot(transaction, &schedule.name, &schedule.pattern).await? else {
                    return Ok(());
                };
                let job = jobs.enqueue(transaction, (schedule.make)(slot)).await?.id();
                store::move_on(transaction, &schedule.name, slot, job, schedule.following(slot, now)).await
            }
            .scope_boxed()
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Priority;

    fn schedule(pattern: &str, zone: &str) -> Result<Schedule, ScheduleError> {
        let make = |_slot| NewJob {
            queue: "q",
            kind: "k",
            priority: Priority::NORMAL.level(),
            max_attempts: 1,
            tenant: String::new(),
            payload: serde_json::Value::Null,
            start: crate::enqueue::Start::Now,
            unique: None,
        };
        Schedule::new("s", pattern, zone, Box::new(make))
    }

    #[test]
    fn slots_follow_each_other_and_long_missed_ones_are_one() {
        let every_minute = schedule("* * * * *", "UTC").expect("a pattern");
        let slot: Timestamp = "2026-01-01T00:00:00Z".parse().expect("a time");
        let following = |seconds| every_minute.following(slot, slot + jiff::SignedDuration::from_secs(seconds));
        assert_eq!(following(1).to_string(), "2026-01-01T00:01:00Z");
        assert_eq!(following(60).to_string(), "2026-01-01T00:01:00Z", "a fail-over misses nothing");
        assert_eq!(
            following(3_599).to_string(),
            "2026-01-01T00:59:00Z",
            "an hour's are one, but for the last minute's"
        );
    }

    #[test]
    fn a_zone_has_its_own_midnight() {
        let nightly = schedule("0 0 * * *", "Europe/Oslo").expect("a pattern");
        let noon: Timestamp = "2026-07-01T12:00:00Z".parse().expect("a time");
        assert_eq!(nightly.following(noon, noon).to_string(), "2026-07-01T22:00:00Z");
    }

    #[test]
    fn what_is_no_pattern_is_told() {
        assert!(matches!(schedule("every day", "UTC"), Err(ScheduleError::Pattern { .. })));
        assert!(matches!(schedule("0 0 * * *", "Atlantis"), Err(ScheduleError::Zone { .. })));
        assert!(matches!(schedule("0 0 30 2 *", "UTC"), Err(ScheduleError::Never(_))));
    }
}
