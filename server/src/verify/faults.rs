//! What goes wrong meanwhile: one fault after the other, sometimes two at once, in an order that the seed
//! gives.
//!
//! **Invariant:** what a fault did is undone when it ends, also when the run is over, and nothing goes on
//! before every instance is well again (`service`).

use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use rustix::process::Signal;

use super::Run;
use super::database::{EACH_CONNECTION, Mistreated, Whose};
use super::findings::Violation;
use super::service::{NOT_READY, RECOVERY, wait_until, wait_until_well};
use super::work::Random;
use super::young::Clocks;

/// Of a hundred faults, how many come with a second one.
const PAIRS_PERCENT: u64 = 30;
/// Writes at once that a look at an instance makes.
const FEW_WRITES: usize = 2;

/// A fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Fault {
    RedisKilled,
    RedisEmptied,
    RedisHangs,
    RedisOld,
    InstanceStopped,
    InstanceKilled,
    FeedConnectionsCut,
    PostgresKilled,
    DatabaseReadOnly,
    ClockOff,
}

impl Fault {
    const ALL: [Self; 10] = [
        Self::RedisKilled,
        Self::RedisEmptied,
        Self::RedisHangs,
        Self::RedisOld,
        Self::InstanceStopped,
        Self::InstanceKilled,
        Self::FeedConnectionsCut,
        Self::PostgresKilled,
        Self::DatabaseReadOnly,
        Self::ClockOff,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::RedisKilled => "Redis killed and started anew",
            Self::RedisEmptied => "Redis emptied",
            Self::RedisHangs => "Redis hangs",
            Self::RedisOld => "Redis given back what it had before",
            Self::InstanceStopped => "an instance stopped for 5 s and continued",
            Self::InstanceKilled => "an instance killed and started anew",
            Self::FeedConnectionsCut => "the feed's connections cut",
            Self::PostgresKilled => "PostgreSQL killed",
            Self::DatabaseReadOnly => "the database read-only",
            Self::ClockOff => "an instance with a clock that is off",
        }
    }

    /// Whether it is of Redis, which costs no request.
    fn is_of_redis(self) -> bool {
        matches!(self, Self::RedisKilled | Self::RedisEmptied | Self::RedisHangs | Self::RedisOld)
    }

    /// Whether others who use the same database would suffer from it: of a clock that is off, if the program did
    /// wrong what is checked here, and threw away by it what is young.
    fn needs_own_database(self) -> bool {
        matches!(self, Self::PostgresKilled | Self::DatabaseReadOnly | Self::ClockOff)
    }

    /// Whether these faults are only of Redis.
    pub(super) fn are_only_of_redis(faults: &[Self]) -> bool {
        faults.iter().all(|fault| fault.is_of_redis())
    }

    /// Their names, for people.
    pub(super) fn names(faults: &[Self]) -> String {
        if faults.is_empty() {
            return "no fault".to_owned();
        }
        faults.iter().map(|fault| fault.name()).collect::<Vec<_>>().join(", ")
    }
}

pub(super) struct Faults {
    run: Arc<Run>,
    database: Mistreated,
    clocks: Clocks,
}

impl Faults {
    pub(super) fn new(run: Arc<Run>, database: Mistreated) -> Self {
        Self { run, database, clocks: Clocks::default() }
    }

    /// One after the other until the run is over.
    pub(super) async fn happen(self, mut random: Random) {
        let mut bag = Vec::new();
        self.run.due().retain(|fault| self.is_possible(*fault));
        self.run.pause(Duration::from_millis(500)).await;
        while !self.run.is_over() {
            let first = self.draw(&mut bag, &mut random);
            let second = random.percent(PAIRS_PERCENT).then(|| self.draw(&mut bag, &mut random));
            let second = second.flatten().filter(|second| Some(*second) != first);
            let Some(first) = first else { return };
            let faults: Vec<Fault> = [Some(first), second].into_iter().flatten().collect();
            self.run.begin_trouble(&faults);
            let (mut one, mut other) = (Random::new(random.next()), Random::new(random.next()));
            tokio::join!(self.happen_once(first, &mut one), async {
                if let Some(second) = second {
                    self.happen_once(second, &mut other).await;
                }
            });
            // What it left behind may still fail for a moment.
            self.run.pause(Duration::from_millis(300)).await;
            let at_once = if faults.contains(&Fault::DatabaseReadOnly) { EACH_CONNECTION } else { FEW_WRITES };
            wait_until_well(&self.run, &Fault::names(&faults), None, at_once).await;
            self.run.end_trouble(&faults);
            self.run.due().retain(|fault| !faults.contains(fault));
            for fault in &faults {
                self.run.findings.count(format!("times: {}", fault.name()));
            }
            if second.is_some() {
                self.run.findings.count("times: two faults at once");
            }
            self.run.pause(Duration::from_millis(200 + random.below(800))).await;
        }
    }

    /// The next one: each comes once before one comes again. `None` where there is none at all.
    fn draw(&self, bag: &mut Vec<Fault>, random: &mut Random) -> Option<Fault> {
        if bag.is_empty() {
            let wanted = &self.run.plan.faults;
            *bag = Fault::ALL.into_iter().filter(|fault| self.is_possible(*fault)).collect();
            bag.retain(|fault| wanted.is_empty() || wanted.contains(fault));
        }
        (!bag.is_empty()).then(|| bag.swap_remove(random.index(bag.len())))
    }

    fn is_possible(&self, fault: Fault) -> bool {
        (!fault.is_of_redis() || self.run.redis.is_some())
            && (!fault.needs_own_database() || self.database.is_private())
    }

    async fn happen_once(&self, fault: Fault, random: &mut Random) {
        let instance = random.index(self.run.instances.count());
        match (fault, &self.run.redis) {
            (Fault::InstanceStopped, _) => {
                self.run.instances.signal(instance, Signal::STOP);
                self.run.pause(Duration::from_secs(5)).await;
                self.run.instances.signal(instance, Signal::CONT);
            }
            (Fault::InstanceKilled, _) => self.restart(instance).await,
            (Fault::ClockOff, _) => self.clock_off(instance, random).await,
            (Fault::FeedConnectionsCut, _) => self.database.cut(Whose::Feed).await,
            (Fault::PostgresKilled, _) => self.kill_postgres().await,
            (Fault::DatabaseReadOnly, _) => self.read_only(random).await,
            (Fault::RedisKilled, Some(redis)) => {
                redis.kill();
                self.run.pause(Duration::from_millis(random.below(1_500))).await;
                redis.run().await;
            }
            (Fault::RedisEmptied, Some(redis)) => redis.empty().await,
            (Fault::RedisHangs, Some(redis)) => {
                redis.signal(Signal::STOP);
                self.run.pause(Duration::from_millis(200 + random.below(1_800))).await;
                redis.signal(Signal::CONT);
            }
            (Fault::RedisOld, Some(redis)) => {
                redis.keep().await;
                // Long enough that what is given back is out of date.
                self.run.pause(Duration::from_millis(500 + random.below(1_500))).await;
                redis.give_back().await;
            }
            _ => {}
        }
    }

    /// Starts an instance anew; it may not come up at once, as another fault may be under way.
    async fn restart(&self, instance: usize) {
        let start = Instant::now();
        while let Err(error) = self.run.instances.restart(instance).await {
            self.run.findings.count("times: an instance did not come up at once");
            if start.elapsed() >= RECOVERY {
                let what = format!("instance {instance} does not start: {error:#}");
                return self.run.findings.violated(Violation::Unwell, what);
            }
            breathe().await;
        }
    }

    /// An instance whose clock is off must work as any other, say that it is not ready, and throw nothing away that is
    /// young (`young`).
    async fn clock_off(&self, instance: usize, random: &mut Random) {
        let offset_s = self.clocks.draw(random);
        self.run.instances.set_environment(instance, vec![("ENTREPOT_CLOCK_OFFSET_S", offset_s.to_string())]);
        self.restart(instance).await;
        let after = format!("its clock was put off by {offset_s} s");
        wait_until(&self.run, &after, Some(instance), FEW_WRITES, NOT_READY).await;
        self.run.pause(Duration::from_millis(1_000 + random.below(2_000))).await;
        self.run.instances.set_environment(instance, Vec::new());
        self.restart(instance).await;
    }

    async fn kill_postgres(&self) {
        // Whether it came up again is seen by the look at each instance.
        let _answers_or_not = self.database.kill(RECOVERY).await;
        self.run.pause(Duration::from_secs(2)).await;
    }

    /// Read-only for a while. Afterwards nobody's connections are cut for them.
    async fn read_only(&self, random: &mut Random) {
        if self.database.forbid_writes().await.is_err() {
            return self.run.findings.count("times: the database could not be made read-only");
        }
        self.run.pause(Duration::from_millis(1_000 + random.below(2_000))).await;
        if let Err(error) = self.database.allow_writes(RECOVERY).await {
            let what = format!("the database stayed read-only: {error}");
            return self.run.findings.violated(Violation::Unwell, what);
        }
        self.run.was_read_only();
    }
}

async fn breathe() {
    #[expect(clippy::disallowed_methods, reason = "other processes can only be polled")]
    tokio::time::sleep(Duration::from_millis(200)).await;
}
