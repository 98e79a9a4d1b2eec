//! What goes wrong meanwhile: one thing after the other, or two at once, as the seed gives it.
//!
//! **Invariants:**
//! - A database that is not this program's own is neither killed nor made read-only: its connections are cut.
//! - When the faults are over, every instance runs and the database can be written.
//! - After it was read-only each instance is asked to write; nobody cuts its connections for it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use futures_util::future::join_all;
use rustix::process::Signal;

use super::judge::{Outage, REVOKED_WITHIN};
use super::{PATIENCE, Run, pause};
use crate::terminal::progress;
use crate::verify::database::{Mistreated, Whose};
use crate::verify::service::{RECOVERY, within};
use crate::verify::work::Random;
use crate::verify::young::Clocks;

/// Of a hundred faults, how many come together with another.
const TWO_PERCENT: u64 = 40;
/// The variable by which an instance is given such a clock.
const CLOCK_OFFSET: &str = "ENTREPOT_CLOCK_OFFSET_S";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Kill,
    Pause,
    Clock,
    Postgres,
    Cut,
    ReadOnly,
}

impl Fault {
    fn name(self) -> &'static str {
        match self {
            Self::Kill => "kills",
            Self::Pause => "times an instance was stopped and continued",
            Self::Clock => "times an instance was killed and came back with a clock that is off",
            Self::Postgres => "times PostgreSQL was killed",
            Self::Cut => "times all connections to the database were cut",
            Self::ReadOnly => "times the database was read-only",
        }
    }

    /// Whether instances or the database cannot work meanwhile.
    fn is_outage(self) -> bool {
        !matches!(self, Self::Kill | Self::Clock)
    }
}

pub(super) struct Faults {
    run: Arc<Run>,
    database: Mistreated,
    clocks: Clocks,
    /// Restarts come one after the other, also when two faults are.
    restarting: tokio::sync::Mutex<()>,
}

impl Faults {
    pub(super) fn new(run: Arc<Run>, database: Mistreated) -> Self {
        Self { run, database, clocks: Clocks::default(), restarting: tokio::sync::Mutex::new(()) }
    }

    /// Has them happen for as long as the run is to last.
    pub(super) async fn happen(&self, mut random: Random) -> anyhow::Result<()> {
        let seconds = self.run.plan.seconds;
        let bar = progress(seconds, "writing {bar:40} {pos}/{len} s, {msg}");
        let end = Instant::now() + Duration::from_secs(seconds);
        // However short the run is, an instance is killed, and one has a clock that is far ahead.
        let mut bag = vec![Fault::Clock, Fault::Kill];
        let mut first_ones = bag.len();
        while Instant::now() < end || first_ones > 0 {
            first_ones = first_ones.saturating_sub(1);
            pause(Duration::from_millis(200 + random.below(600))).await;
            // Each outage puts off the bound of a revocation: after one that was under way it must pass once without.
            if self.run.is_bound_running.swap(false, Ordering::Relaxed) {
                pause(REVOKED_WITHIN).await;
            }
            let first = self.draw(&mut bag, &mut random);
            let second = random.percent(TWO_PERCENT).then(|| self.draw(&mut bag, &mut random));
            let (one, other) = (random.next(), random.next());
            let second = second.filter(|second| *second != first);
            match second {
                None => self.once(first, Random::new(one)).await?,
                Some(second) => {
                    self.run.count("times two faults at once");
                    futures_util::try_join!(self.once(first, Random::new(one)), self.once(second, Random::new(other)))?;
                }
            }
            if first == Fault::ReadOnly || second == Some(Fault::ReadOnly) {
                self.judge_writes().await;
            }
            bar.set_position(seconds.saturating_sub(end.saturating_duration_since(Instant::now()).as_secs()));
            bar.set_message(first.name());
        }
        bar.finish_and_clear();
        Ok(())
    }

    fn draw(&self, bag: &mut Vec<Fault>, random: &mut Random) -> Fault {
        if bag.is_empty() {
            bag.extend([Fault::Kill, Fault::Kill, Fault::Pause, Fault::Clock, Fault::Cut]);
            if self.database.is_private() {
                bag.extend([Fault::Postgres, Fault::ReadOnly]);
            }
        }
        bag.swap_remove(random.index(bag.len()))
    }

    async fn once(&self, fault: Fault, mut random: Random) -> anyhow::Result<()> {
        let index = random.index(self.run.plan.instances);
        let from = self.run.now();
        match fault {
            Fault::Kill => self.restart(index, &[]).await?,
            Fault::Clock => {
                let offset = self.clocks.draw(&mut random);
                self.restart(index, &[(CLOCK_OFFSET, offset.to_string())]).await?;
            }
            Fault::Pause => {
                self.run.instances.signal(index, Signal::STOP);
                pause(Duration::from_millis(300 + random.below(1_500))).await;
                self.run.instances.signal(index, Signal::CONT);
            }
            Fault::Postgres => self.kill_postgres().await?,
            Fault::Cut => self.cut_connections().await?,
            Fault::ReadOnly => self.read_only(Duration::from_millis(300 + random.below(900))).await?,
        }
        if fault.is_outage() {
            self.run.had(Outage { from, to: self.run.now() });
        }
        self.run.count(fault.name());
        Ok(())
    }

    /// Kills an instance and starts it anew. Where the database is in trouble too, it is tried again.
    async fn restart(&self, index: usize, variables: &[(&'static str, String)]) -> anyhow::Result<()> {
        let _one_after_the_other = self.restarting.lock().await;
        let begun = Instant::now();
        self.run.instances.set_environment(index, variables.to_vec());
        while let Err(error) = self.run.instances.restart(index).await {
            if begun.elapsed() > PATIENCE {
                return Err(error.context("an instance does not come up again"));
            }
            pause(Duration::from_millis(100)).await;
        }
        Ok(())
    }

    async fn kill_postgres(&self) -> anyhow::Result<()> {
        self.database.kill(PATIENCE).await.context("the database does not come back")
    }

    async fn cut_connections(&self) -> anyhow::Result<()> {
        self.database.cut(Whose::Everybody).await;
        self.database.answers(PATIENCE).await.context("the database does not come back")
    }

    /// Read-only for a time. Where another fault met it half-way it is lifted all the same.
    async fn read_only(&self, time: Duration) -> anyhow::Result<()> {
        let _forbidden_or_not = self.database.forbid_writes().await;
        pause(time).await;
        self.database.allow_writes(PATIENCE).await.context("the database stays read-only")
    }

    /// Each instance must write again, by any of its connections: nobody has cut those that stayed read-only.
    async fn judge_writes(&self) {
        let looks = (0..self.run.plan.instances).map(|instance| async move {
            if let Err(last) = within(RECOVERY, || self.run.try_writes(instance)).await {
                let bound = RECOVERY.as_secs();
                self.run.unwell(format!(
                    "instance {instance} does not write again {bound} s after the database was read-only: {last}"
                ));
            }
        });
        join_all(looks).await;
    }
}
