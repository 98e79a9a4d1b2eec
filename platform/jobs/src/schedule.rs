//! Jobs that are enqueued again and again, by a pattern of cron.
//!
//! Every process that works keeps all of its schedules; whose turn it is is found out slot by slot.
//!
//! **Invariants:**
//! - A slot's job is enqueued in the transaction that moves the schedule on to the next: each slot has one, however
//!   many processes there are, and whichever of them dies when.
//! - Slots that nobody was there for have one job together, the first one's; up to [`CAUGHT_UP`] they have one each.

use std::time::Duration;

use croner::Cron;
use croner::parser::{CronParser, Seconds};
use entrepot_pg::{Error, ScopedFutureExt as _};
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
        let is_recent = now.duration_since(slot) <= jiff::SignedDuration::try_from(CAUGHT_UP).unwrap_or_default();
        // One that never comes again is looked at in ten years.
        let far = || now + jiff::SignedDuration::from_hours(24 * 3_650);
        self.next(if is_recent { slot } else { now }).unwrap_or_else(far)
    }
}

/// Keeps schedules for the life of the worker.
pub(crate) async fn keep(jobs: &Jobs, schedules: &[Schedule]) {
    let names: Vec<&str> = schedules.iter().map(|schedule| schedule.name.as_str()).collect();
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
            enqueue_due(jobs, schedules, &names).await?;
            store::next_slot(&jobs.database().client().await?, &names).await
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
        let wait = wait.min(Duration::from_secs(10)).max(Duration::from_millis(1));
        #[expect(clippy::disallowed_methods, reason = "until a slot has come")]
        tokio::time::sleep(wait).await;
    }
}

async fn enqueue_due(jobs: &Jobs, schedules: &[Schedule], names: &[&str]) -> Result<(), Error> {
    jobs.database()
        .transaction(|transaction| {
            async move {
                for (name, slot, now) in store::due_slots(transaction, names).await? {
                    let Some(schedule) = schedules.iter().find(|schedule| schedule.name == name) else { continue };
                    let job = jobs.enqueue(transaction, (schedule.make)(slot)).await?.id();
                    store::move_on(transaction, &name, slot, job, schedule.following(slot, now)).await?;
                }
                Ok(())
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
        assert_eq!(following(3_599).to_string(), "2026-01-01T01:00:00Z", "an hour's are one");
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
