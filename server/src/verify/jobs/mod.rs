//! `entrepot verify jobs`: jobs whose workers are killed, frozen and set to a wrong clock, on a PostgreSQL that is
//! killed and set to read only, too. After it every job whose transaction committed must have reached an end; what it did
//! in the database must be there once; what it did elsewhere at least once, always with the same key; each slot of a
//! schedule must have had its job, also across changes of the clock.
//!
//! | room | what it does |
//! | --- | --- |
//! | here | the run: set up, enqueue, drain, report |
//! | `calendar` | slots of schedules where clocks are set forward and back |
//! | `enqueue` | what is enqueued meanwhile, and what is cancelled and retried by hand |
//! | `fairness` | one job beside very many |
//! | `faults` | what goes wrong meanwhile |
//! | `judge` | what must be there in the end, as pure functions |
//! | `kinds` | exports, letters, webhooks and pictures of the program itself |
//! | `report` | reading what there is in the end, and telling it |
//! | `worker` | the worker under test, as a process |
//!
//! **Invariants:**
//! - What must have happened is read from the database in the end: what was committed and never acknowledged, since
//!   the database died, counts; what was rolled back must have left no job.
//! - A check that passed proves something: with `--without-fence` the same run must find effects that are there twice,
//!   with `--without-fairness` a job that waits for all others, with `--without-rate` jobs that begin too soon.

mod calendar;
mod enqueue;
mod fairness;
mod faults;
mod judge;
mod kinds;
mod report;
mod worker;

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use entrepot_jobs::{Ending, Failures, Job as _, JobSettings, Jobs};
use entrepot_pg::{Database, Error};
use entrepot_runtime::{Shutdown, Tasks};
use jiff::Timestamp;
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

use super::database::{Mistreated, open_own, postmaster};
use super::database_url;
use super::work::Random;
use super::young::Clocks;
use crate::database::Home;
use crate::settings::Settings;
use crate::terminal::{progress, say, tell, thousands};

pub(crate) use worker::verify_worker;
use worker::{Deed, LEASE, PACED_QUEUE, QUEUE, TICKS, outside};

const ENQUEUERS: usize = 4;
/// How long the last jobs may take to end, with everybody well again.
const PATIENCE: Duration = Duration::from_secs(120);

/// What is to be checked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct JobsPlan {
    pub(crate) seed: u64,
    pub(crate) workers: usize,
    /// How long the queue is mistreated; 0 leaves it out.
    pub(crate) seconds: u64,
    /// Jobs of the tenant with very many; 0 leaves fairness out.
    pub(crate) crowd: i64,
    /// Orders of each of the program's own kinds; 0 leaves them out.
    pub(crate) orders: usize,
    /// Effects commit without the job's end: they must be found twice.
    pub(crate) without_fence: bool,
    /// Workers keep to no rate: jobs must be found to begin too soon.
    pub(crate) without_rate: bool,
    /// The single jobs are the crowd's own tenant's, so that nobody takes turns.
    pub(crate) without_fairness: bool,
    /// The checker throws away what is young: it must find that it is gone.
    pub(crate) spoil: bool,
}

struct Run {
    plan: JobsPlan,
    database: Database,
    jobs: Jobs,
    url: String,
    folder: PathBuf,
    workers: Vec<Mutex<Option<Child>>>,
    mistreated: Mistreated,
    /// Of the workers.
    clocks: Clocks,
    /// When the database could be written again last, by its own time.
    writable_since: Mutex<Option<Timestamp>>,
    /// What somebody did not do that they must, for people.
    unwell: Mutex<Vec<String>>,
    number: AtomicI64,
    is_enqueuing: AtomicBool,
    unknown: AtomicU64,
    happened: Mutex<BTreeMap<&'static str, u64>>,
    by_hand: Mutex<ByHand>,
}

/// Jobs whose treatment by hand was acknowledged, by their numbers.
#[derive(Default)]
struct ByHand {
    cancelled: HashSet<i64>,
    mended: HashSet<i64>,
}

/// Runs it; `Ok(true)` when nothing was lost, and nothing was done twice that must not be.
pub(crate) async fn verify_jobs(settings: &Settings, home: &Home, plan: JobsPlan) -> anyhow::Result<bool> {
    let database = open_own(settings, home).await?;
    home.migrate(settings).await?;
    let scratch = tempfile::tempdir()?;
    let job_settings = JobSettings { lease: LEASE, ..JobSettings::default() };
    let postmaster = postmaster(settings, home);
    if postmaster.is_none() {
        tell("the database is not this program's own: it is not killed, its connections are cut");
    }
    let run = Arc::new(Run {
        plan,
        url: database_url(settings, home)?,
        jobs: Jobs::new(database.clone(), job_settings),
        folder: scratch.path().to_owned(),
        workers: (0..plan.workers).map(|_| Mutex::default()).collect(),
        mistreated: Mistreated::new(database.clone(), postmaster),
        clocks: Clocks::default(),
        writable_since: Mutex::default(),
        unwell: Mutex::default(),
        number: AtomicI64::new(0),
        is_enqueuing: AtomicBool::new(true),
        unknown: AtomicU64::new(0),
        happened: Mutex::default(),
        by_hand: Mutex::default(),
        database,
    });
    tell(format_args!(
        "{} workers, seed {}, {} s{}{}{}",
        plan.workers,
        plan.seed,
        plan.seconds,
        if plan.without_fence { ", without the fence" } else { "" },
        if plan.without_rate { ", without the rate" } else { "" },
        if plan.without_fairness { ", without fairness" } else { "" }
    ));
    let outcome = run.all_parts(settings).await;
    run.database.close();
    outcome
}

async fn pause(ms: u64) {
    #[expect(clippy::disallowed_methods, reason = "the pace of a check, which nothing else sets")]
    tokio::time::sleep(Duration::from_millis(ms)).await;
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Run {
    /// The calendar, the queue, the program's own kinds: whatever one finds, the next is looked at, too.
    async fn all_parts(self: &Arc<Self>, settings: &Settings) -> anyhow::Result<bool> {
        let start = self.jobs.now().await?;
        let (slots, wrong) = calendar::compare(start)?;
        for what in &wrong {
            say(format_args!("SLOTS: {what}"));
        }
        let (slots, patterns) = (thousands(slots as u64), wrong.len());
        say(format_args!("{slots:>9}  slots around changes of the clock reckoned twice, {patterns} patterns differ"));
        let kinds = if self.plan.orders > 0 { Box::pin(kinds::verify_kinds(self, settings)).await? } else { true };
        // Last, as the summary is the end of what is told.
        let queue = Box::pin(self.queue_part(start)).await?;
        Ok(wrong.is_empty() && kinds && queue)
    }

    async fn queue_part(self: &Arc<Self>, start: Timestamp) -> anyhow::Result<bool> {
        self.set_up().await?;
        let tasks = Tasks::new(Shutdown::new());
        self.jobs.start(&tasks);
        let outcome = self.check(start).await;
        for index in 0..self.workers.len() {
            self.end_worker(index).await;
        }
        tasks.stop(Duration::from_secs(1)).await;
        self.take_down().await?;
        outcome
    }

    async fn check(self: &Arc<Self>, since: Timestamp) -> anyhow::Result<bool> {
        let start = Instant::now();
        for index in 0..self.workers.len() {
            self.start_worker(index, 0)?;
        }
        let fairness = if self.plan.crowd > 0 { Some(self.one_beside_many().await?) } else { None };
        let mut crossed = Vec::new();
        if self.plan.seconds > 0 {
            crossed = calendar::slots_to_cross(since)?;
            self.mistreat(&crossed).await?;
        }
        let left = self.drain().await?;
        let slots = self.judge_crossing(&crossed, since).await?;
        self.report(left, fairness, slots, start.elapsed()).await
    }

    /// Enqueues, intervenes and moves the calendar while everything goes wrong.
    async fn mistreat(self: &Arc<Self>, crossed: &[Timestamp]) -> anyhow::Result<()> {
        let began = Instant::now();
        let mut random = Random::new(self.plan.seed);
        let mut meanwhile = tokio::task::JoinSet::new();
        for _ in 0..ENQUEUERS {
            let (run, seed) = (self.clone(), random.next());
            meanwhile.spawn(async move { run.enqueue(Random::new(seed)).await });
        }
        let (run, seed) = (self.clone(), random.next());
        meanwhile.spawn(async move { run.intervene(Random::new(seed)).await });
        let run = self.clone();
        meanwhile.spawn(async move { run.pace().await });
        let (run, slots) = (self.clone(), crossed.to_vec());
        meanwhile.spawn(async move { run.cross_the_changes(&slots).await });
        self.misfortune(Random::new(random.next()), began).await?;
        self.is_enqueuing.store(false, Ordering::Relaxed);
        loop {
            // Some of them wait for what only a worker does.
            self.revive()?;
            match tokio::time::timeout(Duration::from_millis(200), meanwhile.join_next()).await {
                Err(_elapsed) => {}
                Ok(Some(ended)) => ended.context("an enqueuer panicked")?,
                Ok(None) => return Ok(()),
            }
        }
    }

    async fn set_up(&self) -> anyhow::Result<()> {
        let client = self.database.client().await?;
        client
            .batch_execute(
                "DROP SCHEMA IF EXISTS verify CASCADE;
                 CREATE SCHEMA verify;
                 CREATE TABLE verify.enqueued (number bigint PRIMARY KEY, does text NOT NULL);
                 CREATE TABLE verify.effect (number bigint NOT NULL, job bigint NOT NULL);
                 CREATE INDEX effect_by_number ON verify.effect (number);
                 CREATE TABLE verify.mended (number bigint PRIMARY KEY);
                 CREATE TABLE verify.once (key text NOT NULL, until timestamptz NOT NULL);
                 CREATE TABLE verify.tick (slot timestamptz NOT NULL, job bigint NOT NULL);
                 CREATE TABLE verify.civil (slot timestamptz NOT NULL, job bigint NOT NULL)",
            )
            .await?;
        drop(client);
        self.forget().await
    }

    async fn take_down(&self) -> anyhow::Result<()> {
        let gone = async {
            self.database.client().await?.batch_execute("DROP SCHEMA IF EXISTS verify CASCADE").await?;
            Ok::<_, Error>(())
        };
        gone.await?;
        self.forget().await
    }

    /// Leaves nothing of the queues behind.
    async fn forget(&self) -> anyhow::Result<()> {
        for queue in [QUEUE, PACED_QUEUE] {
            while self.jobs.cancel_waiting(queue).await? > 0 {}
            let which = Failures { queue: Some(queue.to_owned()), ..Failures::default() };
            while self.jobs.clear(&Ending::ALL, &which).await? > 0 {}
        }
        let client = self.database.client().await?;
        client.execute("DELETE FROM jobs.schedule WHERE name IN ($1, $2)", &[&TICKS, &calendar::NAME]).await?;
        client.execute("DELETE FROM jobs.tally WHERE queue IN ($1, $2)", &[&QUEUE, &PACED_QUEUE]).await?;
        client.execute("DELETE FROM jobs.rate WHERE queue = $1", &[&PACED_QUEUE]).await?;
        client.execute("DELETE FROM jobs.used_key WHERE kind = $1", &[&Deed::KIND]).await?;
        Ok(())
    }

    fn count(&self, what: &'static str) {
        *lock(&self.happened).entry(what).or_default() += 1;
    }

    fn unwell(&self, what: String) {
        lock(&self.unwell).push(what);
    }

    /// Tells what somebody did not do; whether there was nothing.
    fn tell_unwell(&self) -> bool {
        let unwell = std::mem::take(&mut *lock(&self.unwell));
        for what in &unwell {
            say(format_args!("UNWELL: {what}"));
        }
        unwell.is_empty()
    }

    /// The workers as they call themselves.
    fn workers_at_work(&self) -> Vec<String> {
        let id = |worker: &Mutex<Option<Child>>| lock(worker).as_ref().and_then(Child::id);
        self.workers.iter().filter_map(id).map(worker::name).collect()
    }

    /// Starts a worker whose clock is off by so much.
    fn start_worker(&self, index: usize, off_s: i64) -> anyhow::Result<()> {
        let mut command = Command::new(std::env::current_exe()?);
        command
            .arg("--data")
            .arg(self.folder.join(format!("worker-{index}")))
            .args(["verify", "worker"])
            .arg(outside(&self.folder))
            .args(self.plan.without_fence.then_some("--without-fence"))
            .args(self.plan.without_rate.then_some("--without-rate"))
            .env("DATABASE_URL", &self.url)
            .env("LOG_FORMAT", "json")
            .env("ENTREPOT_SERVER_WORKER_THREADS", "2")
            .kill_on_drop(true)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if off_s != 0 {
            command.env("ENTREPOT_CLOCK_OFFSET_S", off_s.to_string());
        }
        *lock(&self.workers[index]) = Some(command.spawn()?);
        Ok(())
    }

    async fn end_worker(&self, index: usize) {
        let child = lock(&self.workers[index]).take();
        if let Some(mut child) = child {
            let _gone_already = child.kill().await;
        }
    }

    fn signal(&self, index: usize, signal: Signal) {
        let child = lock(&self.workers[index]);
        let pid = child.as_ref().and_then(Child::id).and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        if let Some(pid) = pid {
            let _gone_already = kill_process(pid, signal);
        }
    }

    /// Starts workers anew that have died, of us or of a job.
    fn revive(&self) -> anyhow::Result<()> {
        for index in 0..self.workers.len() {
            let has_ended = {
                let mut child = lock(&self.workers[index]);
                child.as_mut().is_none_or(|child| !matches!(child.try_wait(), Ok(None)))
            };
            if has_ended {
                self.count("workers started anew");
                self.start_worker(index, 0)?;
            }
        }
        Ok(())
    }

    /// Jobs that have not ended.
    async fn left(&self) -> Result<i64, Error> {
        let client = self.database.client().await?;
        let sql = "SELECT count(*) FROM jobs.job WHERE queue IN ($1, $2)";
        Ok(client.query_one(sql, &[&QUEUE, &PACED_QUEUE]).await?.try_get(0)?)
    }

    /// Waits until all has ended; how many jobs have not.
    async fn drain(&self) -> anyhow::Result<i64> {
        let deadline = Instant::now() + PATIENCE;
        let bar = progress(self.left().await.unwrap_or(0).unsigned_abs(), "ending {bar:40} {pos}/{len}");
        loop {
            self.revive()?;
            let (ticks, left) = match (self.ticks().await, self.left().await) {
                (Ok(ticks), Ok(left)) => (ticks, left),
                _ => (0, i64::MAX),
            };
            bar.set_position(bar.length().unwrap_or(0).saturating_sub(left.unsigned_abs()));
            // The schedule goes on: its own jobs are always about to be done.
            if (left <= 2 && ticks > 0) || Instant::now() > deadline {
                bar.finish_and_clear();
                return self.left_but_ticks().await;
            }
            pause(100).await;
        }
    }

    async fn ticks(&self) -> Result<i64, Error> {
        let client = self.database.client().await?;
        Ok(client.query_one("SELECT count(*) FROM verify.tick", &[]).await?.try_get(0)?)
    }

    async fn left_but_ticks(&self) -> anyhow::Result<i64> {
        let sql = "SELECT count(*) FROM jobs.job WHERE queue IN ($1, $2) AND payload->>'does' IS DISTINCT FROM 'tick'";
        let deadline = Instant::now() + LEASE * 5;
        loop {
            let client = self.database.client().await?;
            let left: i64 = client.query_one(sql, &[&QUEUE, &PACED_QUEUE]).await?.try_get(0)?;
            if left == 0 || Instant::now() > deadline {
                return Ok(left);
            }
            drop(client);
            self.revive()?;
            pause(50).await;
        }
    }
}
