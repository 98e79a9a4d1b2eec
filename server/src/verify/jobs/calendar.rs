//! Schedules across changes of the clock: which slots a pattern has there, and that each has one job in the real table.
//!
//! What is wanted is reckoned here a second time, as simply as can be: by walking over the minutes and looking at the
//! clock on the wall. A time of the day comes once a day, at the first minute at which the wall clock has reached it, be
//! that after a gap; a pattern of several times an hour comes whenever the wall clock shows it, in an hour that happens
//! twice both times.
//!
//! **Invariant:** both sides start from the same time zone database; what is compared is the rule, not the dates.

use std::time::Instant;

use anyhow::{Context as _, ensure};
use entrepot_jobs::slot_after;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::judge::judge_slots;
use super::{PATIENCE, Run, pause};

/// The schedule that is moved across changes of the clock in the real table: a time of the day that the change of
/// spring leaves out and that of autumn has twice.
pub(super) const PATTERN: &str = "30 2 * * *";
pub(super) const ZONE: &str = "Europe/Oslo";
pub(super) const NAME: &str = "verify-civil";
const AT_HALF_PAST_TWO: Pattern = Pattern::Daily { hour: 2, minute: 30 };

/// Changes at different hours, of half an hour, at midnight, on the southern half, in the west.
const ZONES: [&str; 4] = [ZONE, "America/New_York", "Australia/Lord_Howe", "America/Santiago"];
const PATTERNS: [Pattern; 6] = [
    AT_HALF_PAST_TWO,
    Pattern::Daily { hour: 0, minute: 0 },
    Pattern::Daily { hour: 1, minute: 45 },
    Pattern::Daily { hour: 23, minute: 30 },
    Pattern::Every { minutes: 15 },
    Pattern::Every { minutes: 60 },
];
const AROUND: SignedDuration = SignedDuration::from_hours(36);
const MINUTE: SignedDuration = SignedDuration::from_secs(60);

#[derive(Clone, Copy, Debug)]
enum Pattern {
    Daily {
        hour: i8,
        minute: i8,
    },
    /// A divisor of 60.
    Every {
        minutes: i8,
    },
}

impl Pattern {
    fn cron(self) -> String {
        match self {
            Self::Daily { hour, minute } => format!("{minute} {hour} * * *"),
            Self::Every { minutes: 60 } => "0 * * * *".to_owned(),
            Self::Every { minutes } => format!("*/{minutes} * * * *"),
        }
    }
}

/// The slots after `from`, up to `to`, both whole minutes.
fn wanted(pattern: Pattern, zone: &TimeZone, from: Timestamp, to: Timestamp) -> Vec<Timestamp> {
    let mut slots = Vec::new();
    let mut last_day: Option<Date> = None;
    // Begun two days before, so that it is known of the first day whether its time has come already.
    let mut at = from - SignedDuration::from_hours(48);
    while at <= to {
        let wall = zone.to_datetime(at);
        let is_slot = match pattern {
            Pattern::Every { minutes } => wall.minute() % minutes == 0,
            Pattern::Daily { hour, minute } => {
                let is_first = (wall.hour(), wall.minute()) >= (hour, minute) && last_day != Some(wall.date());
                if is_first {
                    last_day = Some(wall.date());
                }
                is_first
            }
        };
        if is_slot && at > from {
            slots.push(at);
        }
        at += MINUTE;
    }
    slots
}

/// The slots that the library finds, one after the other, as schedules are kept.
fn found(pattern: Pattern, zone: &str, from: Timestamp, to: Timestamp) -> anyhow::Result<Vec<Timestamp>> {
    let cron = pattern.cron();
    let mut slots = Vec::new();
    let mut at = from;
    while let Some(next) = slot_after(&cron, zone, at)? {
        ensure!(next > at, "{cron} in {zone} goes back from {at} to {next}");
        if next > to {
            break;
        }
        slots.push(next);
        at = next;
    }
    Ok(slots)
}

/// Around the changes of the clock after a time: how many slots there are, and what is wrong with them, in words.
pub(super) fn compare(after: Timestamp) -> anyhow::Result<(usize, Vec<String>)> {
    let (mut slots, mut wrong) = (0, Vec::new());
    for name in ZONES {
        let zone = TimeZone::get(name).with_context(|| format!("the time zone {name}"))?;
        let changes: Vec<Timestamp> = zone.following(after).take(2).map(|change| change.timestamp()).collect();
        ensure!(changes.len() == 2, "the clocks of {name} do not change any more: another zone must take its place");
        for (change, pattern) in changes.iter().flat_map(|change| PATTERNS.map(|pattern| (*change, pattern))) {
            let (from, to) = (change - AROUND, change + AROUND);
            let (wanted, found) = (wanted(pattern, &zone, from, to), found(pattern, name, from, to)?);
            slots += wanted.len();
            let (skipped, extra) = judge_slots(&wanted, &found);
            if skipped + extra > 0 {
                let cron = pattern.cron();
                wrong.push(format!("{cron} in {name} around {change}: {skipped} slots skipped, {extra} too many"));
            }
        }
    }
    Ok((slots, wrong))
}

/// The slots of [`PATTERN`] around the last two changes of the clock that are over.
pub(super) fn slots_to_cross(now: Timestamp) -> anyhow::Result<Vec<Timestamp>> {
    let zone = TimeZone::get(ZONE)?;
    let over = now - AROUND - AROUND;
    let mut changes: Vec<Timestamp> = zone.preceding(over).take(2).map(|change| change.timestamp()).collect();
    changes.reverse();
    let slots = changes.iter().flat_map(|change| wanted(AT_HALF_PAST_TWO, &zone, *change - AROUND, *change + AROUND));
    Ok(slots.collect())
}

impl Run {
    /// Moves the schedule in the table to one slot after the other, while workers keep it; waits until each had its
    /// job. A slot that has none in time is one that is missing in the end.
    pub(super) async fn cross_the_changes(&self, slots: &[Timestamp]) {
        for slot in slots {
            let start = Instant::now();
            while start.elapsed() < PATIENCE && !self.has_moved_to(*slot).await.unwrap_or(false) {
                pause(50).await;
            }
        }
    }

    /// Whether a slot had its job; if not the schedule is moved to it. Never to one that had it: where nobody was told
    /// of a commit this may be asked once more.
    async fn has_moved_to(&self, slot: Timestamp) -> Result<bool, entrepot_pg::Error> {
        let client = self.database.client().await?;
        let sql = "SELECT EXISTS (SELECT FROM jobs.schedule WHERE name = $1 AND last_at = $2)";
        if client.query_one(sql, &[&NAME, &slot]).await?.try_get(0)? {
            return Ok(true);
        }
        let sql = "UPDATE jobs.schedule SET next_at = $2 WHERE name = $1 AND last_at IS DISTINCT FROM $2";
        client.execute(sql, &[&NAME, &slot]).await?;
        Ok(false)
    }

    /// Of the slots that the schedule was moved to, how many had no job, and how many jobs there were too many. One
    /// that came by itself during the run is wanted as well.
    pub(super) async fn judge_crossing(
        &self,
        crossed: &[Timestamp],
        since: Timestamp,
    ) -> anyhow::Result<(usize, usize)> {
        let client = self.database.client().await?;
        let rows = client.query("SELECT slot FROM verify.civil ORDER BY slot", &[]).await?;
        let got = rows.iter().map(|row| row.try_get(0)).collect::<Result<Vec<Timestamp>, _>>()?;
        let mut wanted = crossed.to_vec();
        let mut own: Vec<Timestamp> = got.iter().copied().filter(|slot| *slot >= since).collect();
        own.dedup();
        wanted.extend(own);
        Ok(judge_slots(&wanted, &got))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots(pattern: Pattern, zone: &str, from: &str, to: &str) -> Vec<String> {
        let at = |text: &str| text.parse().expect("a time");
        let zone = TimeZone::get(zone).expect("a zone");
        wanted(pattern, &zone, at(from), at(to)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_second_reckoning_knows_gaps_and_hours_that_come_twice() {
        let gap = slots(AT_HALF_PAST_TWO, ZONE, "2026-03-28T00:00:00Z", "2026-03-30T12:00:00Z");
        assert_eq!(gap, ["2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"]);
        let twice = slots(AT_HALF_PAST_TWO, ZONE, "2026-10-24T12:00:00Z", "2026-10-25T12:00:00Z");
        assert_eq!(twice, ["2026-10-25T00:30:00Z"], "the first time only");
        let both = slots(Pattern::Every { minutes: 60 }, ZONE, "2026-10-24T23:30:00Z", "2026-10-25T02:30:00Z");
        assert_eq!(both, ["2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z", "2026-10-25T02:00:00Z"]);
        let midnight = Pattern::Daily { hour: 0, minute: 0 };
        let late = slots(midnight, "America/Santiago", "2026-09-05T12:00:00Z", "2026-09-06T12:00:00Z");
        assert_eq!(late, ["2026-09-06T04:00:00Z"], "there is no midnight that day");
    }

    #[test]
    fn the_library_has_the_slots_that_the_clock_on_the_wall_shows() {
        let (slots, wrong) = compare("2026-01-01T00:00:00Z".parse().expect("a time")).expect("compared");
        assert!(slots > 1_000 && wrong.is_empty(), "{slots} slots: {wrong:#?}");
    }

    #[test]
    fn a_schedule_that_keeps_to_utc_is_found_out() {
        let zone = TimeZone::get(ZONE).expect("a zone");
        let at = |text: &str| text.parse::<Timestamp>().expect("a time");
        let (from, to) = (at("2026-03-28T00:00:00Z"), at("2026-03-31T00:00:00Z"));
        // As if the zone of winter held for ever.
        let kept = found(Pattern::Daily { hour: 1, minute: 30 }, "UTC", from, to).expect("slots");
        assert_eq!(judge_slots(&wanted(AT_HALF_PAST_TWO, &zone, from, to), &kept), (2, 2));
    }

    #[test]
    fn what_is_crossed_lies_in_the_past_and_in_order() {
        let now = "2026-11-21T12:00:00Z".parse().expect("a time");
        let slots = slots_to_cross(now).expect("slots");
        assert!(slots.len() >= 6 && slots.is_sorted() && slots.iter().all(|slot| *slot < now), "{slots:?}");
        assert!(slots.contains(&"2026-10-25T00:30:00Z".parse().expect("a time")));
    }
}
