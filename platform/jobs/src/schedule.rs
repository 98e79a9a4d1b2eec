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

use std::collections::HashSet;
use std::time::{Duration, Instant};

use croner::Cron;
use croner::parser::{CronParser, Seconds};
use entrepot_pg::{Error, ScopedFutureExt as _};
use futures_util::FutureExt as _;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::{Jobs, NewJob, store};

/// How long ago a slot may be that still gets its own job: longer than a fail-over takes.
const CAUGHT_UP: Duration = Duration::from_secs(60);
/// How often it is looked whether what is planned can be right.
const PLANNED_EVERY: Duration = Duration::from_secs(60);

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

/// The first slot of a pattern after a time, as [`Work::every`](crate::Work::every) keeps it; none where no more come.
///
/// Where clocks are set forward a slot that names hour and minute comes at the first moment after the gap; one that
/// comes several times an hour is left out in it. Where they are set back the former comes the first time only, the
/// latter both times.
///
/// # Errors
/// When there is no such pattern or zone.
pub fn slot_after(pattern: &str, zone: &str, after: Timestamp) -> Result<Option<Timestamp>, ScheduleError> {
    let (cron, zone) = read(pattern, zone)?;
    Ok(next(&cron, &zone, after))
}

fn read(pattern: &str, zone: &str) -> Result<(Cron, TimeZone), ScheduleError> {
    let wrong = |error| ScheduleError::Pattern { pattern: pattern.to_owned(), error };
    let parser = CronParser::builder().seconds(Seconds::Optional).build();
    let cron = parser.parse(pattern).map_err(wrong)?;
    let found = if zone == "UTC" { Ok(TimeZone::UTC) } else { TimeZone::get(zone) };
    let zone = found.map_err(|error| ScheduleError::Zone { zone: zone.to_owned(), error })?;
    Ok((cron, zone))
}

fn next(cron: &Cron, zone: &TimeZone, after: Timestamp) -> Option<Timestamp> {
    let next = cron.find_next_occurrence(&after.to_zoned(zone.clone()), false);
    next.ok().map(|next| next.timestamp())
}

impl Schedule {
    pub(crate) fn new(name: &str, pattern: &str, zone: &str, make: Box<Make>) -> Result<Self, ScheduleError> {
        let (cron, zone_of) = read(pattern, zone)?;
        let (name, told) = (name.to_owned(), format!("{pattern} {zone}"));
        let schedule = Self { name, pattern: told, cron, zone: zone_of, make };
        if schedule.next(Timestamp::UNIX_EPOCH).is_none() {
            return Err(ScheduleError::Never(pattern.to_owned()));
        }
        Ok(schedule)
    }

    /// The first slot after a time.
    fn next(&self, after: Timestamp) -> Option<Timestamp> {
        next(&self.cron, &self.zone, after)
    }

    /// The slot after this one.
    fn following(&self, slot: Timestamp, now: Timestamp) -> Timestamp {
        let recent = now - jiff::SignedDuration::try_from(CAUGHT_UP).unwrap_or_default();
        // One that never comes again is looked at in ten years.
        let far = || now + jiff::SignedDuration::from_hours(24 * 3_650);
        self.next(slot.max(recent)).unwrap_or_else(far)
    }
}

/// How often a slot's job is tried to be enqueued that could not be.
const RETRIED_EVERY: Duration = Duration::from_secs(1);

/// Keeps schedules for the life of the worker.
pub(crate) async fn keep(jobs: &Jobs, schedules: &[Schedule]) {
    let names: Vec<&str> = schedules.iter().map(|schedule| schedule.name.as_str()).collect();
    let patterns: Vec<&str> = schedules.iter().map(|schedule| schedule.pattern.as_str()).collect();
    let mut planned: Option<Instant> = None;
    let mut failing: HashSet<&str> = HashSet::new();
    loop {
        let is_planned = planned.is_some_and(|planned| planned.elapsed() < PLANNED_EVERY);
        let turn = async {
            if !is_planned {
                let client = jobs.database().client().await?;
                let now = store::now(&client).await?;
                for schedule in schedules {
                    let next = schedule.following(now, now);
                    // Another may have moved on to the slot behind meanwhile; what lies further ahead was planned
                    // while the database's clock was wrong.
                    let latest = schedule.following(next, now);
                    store::plan(&client, &schedule.name, &schedule.pattern, next, latest).await?;
                }
            }
            let before = std::mem::take(&mut failing);
            for schedule in schedules {
                let one = std::panic::AssertUnwindSafe(enqueue_due(jobs, schedule)).catch_unwind().await;
                let name = schedule.name.as_str();
                let why = match one {
                    Ok(Ok(())) => continue,
                    Ok(Err(error)) => error.to_string(),
                    Err(_panic) => "it panicked".to_owned(),
                };
                failing.insert(name);
                if !before.contains(name) {
                    tracing::error!(schedule = name, error = why, "a slot's job could not be enqueued; trying again");
                }
            }
            store::next_slot(&jobs.database().client().await?, &names, &patterns).await
        };
        let wait = match turn.await {
            Ok(next) => {
                if !is_planned {
                    planned = Some(Instant::now());
                }
                // The slot of one that failed is past: it would be tried again at once, and again.
                let poll = jobs.shared.settings.poll;
                if failing.is_empty() { next.unwrap_or(poll).min(PLANNED_EVERY) } else { poll.max(RETRIED_EVERY) }
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
    fn a_time_of_the_day_comes_once_where_clocks_are_set_forward_or_back() {
        let after = |pattern, after: &str| {
            let after = after.parse().expect("a time");
            slot_after(pattern, "Europe/Oslo", after).expect("a pattern").expect("a slot").to_string()
        };
        let nightly = "30 2 * * *";
        assert_eq!(after(nightly, "2026-03-28T12:00:00Z"), "2026-03-29T01:00:00Z", "the first moment after the gap");
        assert_eq!(after(nightly, "2026-03-29T01:00:00Z"), "2026-03-30T00:30:00Z");
        assert_eq!(after(nightly, "2026-10-24T12:00:00Z"), "2026-10-25T00:30:00Z", "the first of the two");
        assert_eq!(after(nightly, "2026-10-25T00:30:00Z"), "2026-10-26T01:30:00Z");
        assert_eq!(after("0 * * * *", "2026-10-25T00:00:00Z"), "2026-10-25T01:00:00Z", "each hour has one");
        assert!(matches!(slot_after("0 * * * *", "Atlantis", Timestamp::UNIX_EPOCH), Err(ScheduleError::Zone { .. })));
    }

    #[test]
    fn what_is_no_pattern_is_told() {
        assert!(matches!(schedule("every day", "UTC"), Err(ScheduleError::Pattern { .. })));
        assert!(matches!(schedule("0 0 * * *", "Atlantis"), Err(ScheduleError::Zone { .. })));
        assert!(matches!(schedule("0 0 30 2 *", "UTC"), Err(ScheduleError::Never(_))));
    }
}
