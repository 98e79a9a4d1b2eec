//! What goes wrong meanwhile: workers killed, frozen and set to a wrong clock, PostgreSQL killed or its connections cut,
//! the database set to read only; one after the other, or two at once.
//!
//! **Invariants:**
//! - Each fault has happened at least once before a run ends, however short it is; which ones meet follows from the seed.
//! - Whatever happens, the database can be written to in the end, and after each time it could not every worker has to
//!   give a sign of life, which is a write; nobody cuts its connections for it.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use entrepot_pg::Error;
use rustix::process::Signal;

use super::worker::LEASE;
use super::{PATIENCE, Run, lock, pause};
use crate::terminal::{progress, thousands};
use crate::verify::database::{Mistreated, Whose};
use crate::verify::service::{RECOVERY, within};
use crate::verify::work::Random;

pub(super) const KILLED: &str = "workers killed";
const FROZEN: &str = "workers frozen for two leases";
pub(super) const POSTGRES: &str = "times PostgreSQL was killed";
pub(super) const CUT: &str = "times all connections were cut";
pub(super) const READ_ONLY: &str = "times the database was read only";
pub(super) const CLOCK: &str = "times a clock was off";
pub(super) const AT_ONCE: &str = "times two faults met";
/// Of a hundred faults, how many have company.
pub(super) const COMPANY_PERCENT: u64 = 30;

/// What is the hardest that can be done to this database, beside setting it to read only.
pub(super) fn hardest(database: &Mistreated) -> &'static str {
    if database.is_private() { POSTGRES } else { CUT }
}

/// Read only for a while. Where another fault met it half-way it is lifted all the same.
pub(super) async fn read_only(database: &Mistreated, for_ms: u64) -> anyhow::Result<()> {
    let _forbidden_or_not = database.forbid_writes().await;
    pause(for_ms).await;
    database.allow_writes(PATIENCE).await.context("the database stays read only")
}

/// What the hardest is: PostgreSQL killed, or all connections cut.
pub(super) async fn at_its_hardest(database: &Mistreated, what: &str) -> anyhow::Result<()> {
    let answers = if what == POSTGRES {
        database.kill(PATIENCE).await
    } else {
        database.cut(Whose::Everybody).await;
        database.answers(PATIENCE).await
    };
    answers.context("the database does not come back")
}

/// Draws faults in an order that follows from the seed: each as often as it is in the bag before any comes again.
pub(super) struct Bag {
    faults: Vec<&'static str>,
    left: Vec<&'static str>,
    is_first: bool,
}

impl Bag {
    pub(super) fn new(faults: Vec<&'static str>) -> Self {
        Self { left: faults.clone(), faults, is_first: true }
    }

    /// Whether some have not happened yet.
    pub(super) fn has_new(&self) -> bool {
        self.is_first && !self.left.is_empty()
    }

    /// The next one, and sometimes another that meets it.
    pub(super) fn draw(&mut self, random: &mut Random) -> (&'static str, Option<&'static str>) {
        let one = self.draw_one(random);
        let other = random.percent(COMPANY_PERCENT).then(|| self.draw_one(random)).filter(|other| *other != one);
        (one, other)
    }

    fn draw_one(&mut self, random: &mut Random) -> &'static str {
        if self.left.is_empty() {
            self.left.clone_from(&self.faults);
            self.is_first = false;
        }
        self.left.swap_remove(random.index(self.left.len()))
    }
}

impl Run {
    /// Has faults happen for as long as the run is to last, and until each has happened.
    pub(super) async fn misfortune(&self, mut random: Random, began: Instant) -> anyhow::Result<()> {
        let bar = progress(self.plan.seconds, "enqueuing {bar:40} {pos}/{len} s, {msg}");
        let end = began + Duration::from_secs(self.plan.seconds);
        let hardest = hardest(&self.mistreated);
        let mut bag = Bag::new(vec![KILLED, KILLED, KILLED, FROZEN, READ_ONLY, CLOCK, hardest]);
        while Instant::now() < end || bag.has_new() {
            pause(300 + random.below(900)).await;
            self.revive()?;
            let (one, other) = bag.draw(&mut random);
            let (index, beside) = (random.index(self.workers.len()), random.index(self.workers.len()));
            let (first, second) = (Random::new(random.next()), Random::new(random.next()));
            match other {
                None => self.happen(one, index, first).await?,
                Some(other) => {
                    let both = futures_util::join!(self.happen(one, index, first), self.happen(other, beside, second));
                    both.0.and(both.1)?;
                    self.count(AT_ONCE);
                }
            }
            if [Some(one), other].contains(&Some(READ_ONLY)) {
                self.judge_signs().await;
            }
            bar.set_position(self.plan.seconds.saturating_sub(end.saturating_duration_since(Instant::now()).as_secs()));
            let jobs = self.number.load(std::sync::atomic::Ordering::Relaxed);
            bar.set_message(format!("{} jobs", thousands(jobs.unsigned_abs())));
        }
        bar.finish_and_clear();
        Ok(())
    }

    /// Each worker must give a sign of life again.
    async fn judge_signs(&self) {
        let since = within(RECOVERY, || self.note_time()).await;
        let outcome = match since {
            Ok(()) => within(RECOVERY, || self.all_give_signs()).await,
            Err(last) => Err(last),
        };
        if let Err(last) = outcome {
            let bound = RECOVERY.as_secs();
            self.unwell(format!("{bound} s after the database was read only {last}"));
        }
    }

    async fn note_time(&self) -> Result<(), String> {
        let time = self.database.time().await.map_err(|error| format!("it does not tell its time: {error}"))?;
        *lock(&self.writable_since) = Some(time);
        Ok(())
    }

    async fn all_give_signs(&self) -> Result<(), String> {
        // Some die of a job, or of a fault that met this one; who takes their place has to give a sign, too.
        self.revive().map_err(|error| format!("a worker does not start: {error:#}"))?;
        let signs = self.signs().await.map_err(|error| format!("the workers cannot be read: {error}"))?;
        match silent(&self.workers_at_work(), &signs) {
            0 => Ok(()),
            silent => Err(format!("{silent} workers have given no sign of life")),
        }
    }

    /// The names of workers that were seen since the database could be written again.
    async fn signs(&self) -> Result<Vec<String>, Error> {
        let since = (*lock(&self.writable_since)).map(|time| time.to_string());
        let client = self.database.client().await?;
        let sql = "SELECT name FROM jobs.worker WHERE seen_at > $1::text::timestamptz";
        client.query(sql, &[&since]).await?.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    async fn happen(&self, what: &'static str, index: usize, mut random: Random) -> anyhow::Result<()> {
        match what {
            KILLED => self.signal(index, Signal::KILL),
            FROZEN => {
                // Longer than its lease: others get its jobs, and it wakes up in the middle of them.
                self.signal(index, Signal::STOP);
                pause(2 * u64::try_from(LEASE.as_millis()).unwrap_or(0)).await;
                self.signal(index, Signal::CONT);
            }
            CLOCK => {
                let off_s = self.clocks.draw(&mut random);
                self.end_worker(index).await;
                self.start_worker(index, off_s).context("a worker whose clock is off")?;
            }
            READ_ONLY => read_only(&self.mistreated, 500 + random.below(1_500)).await?,
            _ => at_its_hardest(&self.mistreated, what).await?,
        }
        self.count(what);
        Ok(())
    }
}

/// How many of the workers, by their names, have given no sign.
fn silent(workers: &[String], signs: &[String]) -> usize {
    workers.iter().filter(|worker| !signs.contains(worker)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_that_does_not_write_again_is_noticed_though_others_do() {
        let names = |numbers: &[u32]| numbers.iter().map(|number| format!("verify {number}")).collect::<Vec<_>>();
        assert_eq!(silent(&names(&[7, 8]), &names(&[8, 7, 6])), 0);
        assert_eq!(silent(&names(&[7, 8]), &names(&[8, 6])), 1);
        assert_eq!(silent(&names(&[7, 8]), &[]), 2);
    }

    #[test]
    fn each_fault_comes_before_any_comes_again_and_some_meet() {
        let all = vec![KILLED, FROZEN, READ_ONLY, CLOCK, POSTGRES];
        for seed in 0..50 {
            let (mut random, mut bag) = (Random::new(seed), Bag::new(all.clone()));
            let mut drawn = Vec::new();
            while bag.has_new() {
                let (one, other) = bag.draw(&mut random);
                drawn.push(one);
                drawn.extend(other);
            }
            assert!(all.iter().all(|fault| drawn.contains(fault)), "seed {seed}: {drawn:?}");
        }
        let (mut random, mut bag) = (Random::new(1), Bag::new(all));
        let met = (0..1_000).filter(|_| bag.draw(&mut random).1.is_some()).count();
        assert!((200..400).contains(&met), "{met}");
    }
}
