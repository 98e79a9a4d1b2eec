//! Reading what there is in the end, and telling it.
//!
//! **Invariant:** the last line keeps its form: others read it.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Context as _;

use super::fairness::Fairness;
use super::judge::{QueueFacts, judge_queue, most_in_a_second, too_early};
use super::worker::{PACED_QUEUE, QUEUE, RATE, outside};
use super::{Run, enqueue, lock};
use crate::terminal::{say, thousands};

impl Run {
    /// What was committed, what became of it, and what was acknowledged; and lines of outside effects.
    async fn facts(&self) -> anyhow::Result<(QueueFacts, usize)> {
        let client = self.database.client().await?;
        let mut facts = QueueFacts::default();
        for row in client.query("SELECT number, does FROM verify.enqueued", &[]).await? {
            facts.enqueued.insert(row.try_get(0)?, row.try_get(1)?);
        }
        for row in client.query("SELECT number FROM verify.effect", &[]).await? {
            *facts.effects.entry(row.try_get(0)?).or_default() += 1;
        }
        let sql = "SELECT (payload->>'number')::int8, outcome FROM jobs.ended
                   WHERE queue IN ($1, $2) AND payload ? 'number'";
        for row in client.query(sql, &[&QUEUE, &PACED_QUEUE]).await? {
            facts.ended.insert(row.try_get(0)?, row.try_get(1)?);
        }
        let lines;
        (facts.keys, lines) = outside_effects(&outside(&self.folder))?;
        let by_hand = std::mem::take(&mut *lock(&self.by_hand));
        (facts.cancelled, facts.mended) = (by_hand.cancelled, by_hand.mended);
        Ok((facts, lines))
    }

    /// Of the seconds from the first slot of the schedule to the last each has one: slots, skipped, doubled.
    async fn judge_ticks(&self) -> anyhow::Result<(i64, i64, i64)> {
        let client = self.database.client().await?;
        let slots = client
            .query_one(
                "SELECT count(*), count(DISTINCT slot),
                        coalesce(extract(epoch FROM max(slot) - min(slot))::int8 + 1, 0)
                 FROM verify.tick",
                &[],
            )
            .await?;
        let (ticks, distinct, seconds): (i64, i64, i64) = (slots.try_get(0)?, slots.try_get(1)?, slots.try_get(2)?);
        Ok((ticks, seconds - distinct, ticks - distinct))
    }

    /// The most jobs that began within a second by the rate, and how many may.
    async fn judge_rate(&self) -> anyhow::Result<(usize, usize)> {
        let client = self.database.client().await?;
        let sql = "SELECT extract(epoch FROM started_at)::float8 FROM jobs.ended
                   WHERE queue = $1 AND started_at IS NOT NULL ORDER BY started_at";
        let rows = client.query(sql, &[&PACED_QUEUE]).await?;
        let times = rows.iter().map(|row| row.try_get(0)).collect::<Result<Vec<f64>, _>>()?;
        // Beside what the rate lets through there may be what each worker was let through before, and begins late:
        // one that was frozen in between, above all.
        let allowed = RATE.jobs + RATE.burst + RATE.burst * u32::try_from(self.plan.workers).unwrap_or(u32::MAX);
        Ok((most_in_a_second(&times), usize::try_from(allowed).unwrap_or(usize::MAX)))
    }

    /// How often a key was used, and how often too early.
    async fn judge_keys(&self) -> anyhow::Result<(usize, usize)> {
        let client = self.database.client().await?;
        let sql = "SELECT key, extract(epoch FROM until)::float8 FROM verify.once";
        let mut until: HashMap<String, Vec<f64>> = HashMap::new();
        for row in client.query(sql, &[]).await? {
            until.entry(row.try_get(0)?).or_default().push(row.try_get(1)?);
        }
        let used = until.values().map(Vec::len).sum();
        Ok((used, too_early(&until, enqueue::PERIOD.as_secs_f64())))
    }

    pub(super) async fn report(
        &self,
        left: i64,
        fairness: Option<Fairness>,
        crossing: (usize, usize),
        took: Duration,
    ) -> anyhow::Result<bool> {
        let (facts, lines) = self.facts().await?;
        let verdict = judge_queue(&facts);
        let (ticks, skipped, doubled) = self.judge_ticks().await?;
        let (most, allowed) = self.judge_rate().await?;
        let (used, early) = self.judge_keys().await?;
        for (what, count) in lock(&self.happened).iter() {
            say(format_args!("{:>9}  {what}", thousands(*count)));
        }
        let count = |number: usize| thousands(number as u64);
        for (number, what) in [
            (count(facts.enqueued.len()), "jobs enqueued and committed"),
            (thousands(self.unknown.load(Ordering::Relaxed)), "commits of which nobody was told"),
            (count(facts.effects.len()), "effects in the database"),
            (count(lines), "effects elsewhere"),
            (count(lines - facts.keys.len()), "of them again, and known by their key"),
            (thousands(ticks.unsigned_abs()), "slots of the schedule"),
        ] {
            say(format_args!("{number:>9}  {what}"));
        }
        say(format_args!("{most:>9}  jobs at the most began within a second by their rate; {allowed} may"));
        say(format_args!("{used:>9}  jobs once in a period; {early} too early"));
        say(format_args!("{:>9}  slots across changes of the clock skipped, {} doubled", crossing.0, crossing.1));
        say(format_args!(
            "{:>9}  jobs done though they were cancelled, {} not done though they were retried by hand",
            verdict.undead, verdict.unmended
        ));
        if let Some(fairness) = fairness {
            fairness.tell(self.plan.crowd);
        }
        let is_well = self.tell_unwell();
        say(format_args!(
            "{:.1} s: {left} jobs without an end, {} lost, {} effects missing, {} twice, {} of jobs that were \
             rolled back, {} under several keys; {skipped} slots skipped, {doubled} doubled (seed {})",
            took.as_secs_f64(),
            verdict.lost,
            verdict.missing,
            verdict.twice,
            verdict.phantoms,
            verdict.changed_keys,
            self.plan.seed
        ));
        Ok(left + skipped + doubled == 0
            && is_well
            && verdict.is_good()
            && crossing == (0, 0)
            && most <= allowed
            && early == 0
            && fairness.is_none_or(|fairness| fairness.is_fair()))
    }
}

/// By number the keys that an outside effect came with, and how many effects there were in all.
fn outside_effects(file: &Path) -> anyhow::Result<(HashMap<i64, HashSet<String>>, usize)> {
    let text = match std::fs::read_to_string(file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        read => read.context("the file of outside effects")?,
    };
    let mut keys: HashMap<i64, HashSet<String>> = HashMap::new();
    let mut lines = 0;
    for line in text.lines() {
        let (number, key) = line.split_once(' ').context("a line of outside effects")?;
        keys.entry(number.parse()?).or_default().insert(key.to_owned());
        lines += 1;
    }
    Ok((keys, lines))
}
