//! `entrepot verify jobs`: jobs whose workers are killed and frozen, on a PostgreSQL that is killed, too. After it
//! every job whose transaction committed must have reached an end; what it did in the database must be there once;
//! what it did elsewhere at least once, always with the same key; and each second must have had its job of the
//! schedule.
//!
//! **Invariants:**
//! - What must have happened is read from the database in the end: what was committed and never acknowledged, since
//!   the database died, counts; what was rolled back must have left no job.
//! - A check that passed proves something: with `--without-fence` the same run must find effects that are there twice.

mod worker;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use entrepot_jobs::{Ending, Failures, JobSettings, Jobs, NewJob};
use entrepot_pg::{Database, Error, ScopedFutureExt as _};
use entrepot_runtime::{Shutdown, Tasks};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

use super::database_url;
use super::work::Random;
use crate::database::Home;
use crate::settings::Settings;
use crate::terminal::{progress, say, tell, thousands};

pub(crate) use worker::verify_worker;
use worker::{Deed, LEASE, QUEUE, outside};

const ENQUEUERS: usize = 4;
/// How long the last jobs may take to end, with everybody well again.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long a job of a tenant with one may wait behind one with very many.
const MOST_WAIT: Duration = Duration::from_secs(1);
/// The tenant that has very many.
const MANY: i64 = 100_000;
/// How many times another tenant's one job is tried beside it.
const PROBES: usize = 20;
/// Jobs that wait at the most while more are enqueued.
const BACKLOG: i64 = 20_000;

/// What is to be checked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct JobsPlan {
    pub(crate) seed: u64,
    pub(crate) workers: usize,
    pub(crate) seconds: u64,
    pub(crate) without_fence: bool,
    /// Whether a tenant with very many jobs is tried first.
    pub(crate) fairness: bool,
}

struct Run {
    plan: JobsPlan,
    database: Database,
    jobs: Jobs,
    url: String,
    folder: PathBuf,
    workers: Vec<Mutex<Option<Child>>>,
    postmaster: Option<PathBuf>,
    number: AtomicI64,
    is_enqueuing: AtomicBool,
    unknown: AtomicU64,
    happened: Mutex<BTreeMap<&'static str, u64>>,
}

/// Runs it; `Ok(true)` when nothing was lost, and nothing was done twice that must not be.
pub(crate) async fn verify_jobs(settings: &Settings, home: &Home, plan: JobsPlan) -> anyhow::Result<bool> {
    home.migrate(settings).await?;
    let database = home.database(settings)?;
    let scratch = tempfile::tempdir()?;
    let job_settings = JobSettings { lease: LEASE, ..JobSettings::default() };
    let jobs = Jobs::new(database.clone(), job_settings);
    let postmaster = home.cluster.is_some().then(|| settings.data.folder.join("postgres/postmaster.pid"));
    if postmaster.is_none() {
        tell("the database is not this program's own: it is not killed, its connections are cut");
    }
    let run = Arc::new(Run {
        plan,
        url: database_url(settings, home)?,
        jobs,
        folder: scratch.path().to_owned(),
        workers: (0..plan.workers).map(|_| Mutex::default()).collect(),
        postmaster,
        number: AtomicI64::new(0),
        is_enqueuing: AtomicBool::new(true),
        unknown: AtomicU64::new(0),
        happened: Mutex::default(),
        database,
    });
    tell(format_args!(
        "{} workers, seed {}, {} s{}",
        plan.workers,
        plan.seed,
        plan.seconds,
        if plan.without_fence { ", without the fence" } else { "" }
    ));
    run.set_up().await?;
    let tasks = Tasks::new(Shutdown::new());
    run.jobs.start(&tasks);
    let outcome = run.check().await;
    for worker in &run.workers {
        let child = worker.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut child) = child {
            let _gone_already = child.kill().await;
        }
    }
    tasks.stop(Duration::from_secs(1)).await;
    run.take_down().await?;
    run.database.close();
    outcome
}

async fn pause(time: Duration) {
    #[expect(clippy::disallowed_methods, reason = "the pace of a check, which nothing else sets")]
    tokio::time::sleep(time).await;
}

impl Run {
    async fn check(self: &Arc<Self>) -> anyhow::Result<bool> {
        let start = Instant::now();
        for index in 0..self.workers.len() {
            self.start_worker(index)?;
        }
        let longest_wait = if self.plan.fairness { Some(self.one_beside_many().await?) } else { None };
        let began = Instant::now();
        let mut random = Random::new(self.plan.seed);
        let mut enqueuers = tokio::task::JoinSet::new();
        for _ in 0..ENQUEUERS {
            let (run, seed) = (self.clone(), random.next());
            enqueuers.spawn(async move { run.enqueue(Random::new(seed)).await });
        }
        self.misfortune(Random::new(random.next()), began).await?;
        self.is_enqueuing.store(false, Ordering::Relaxed);
        while let Some(ended) = enqueuers.join_next().await {
            ended.context("an enqueuer panicked")?;
        }
        let left = self.drain().await?;
        let is_good = self.report(left, longest_wait, start.elapsed()).await?;
        Ok(is_good)
    }

    async fn set_up(&self) -> anyhow::Result<()> {
        let client = self.database.client().await?;
        client
            .batch_execute(
                "DROP SCHEMA IF EXISTS verify CASCADE;
                 CREATE SCHEMA verify;
                 CREATE TABLE verify.enqueued (number bigint PRIMARY KEY, does text NOT NULL);
                 CREATE TABLE verify.effect (number bigint NOT NULL, job bigint NOT NULL);
                 CREATE TABLE verify.tick (slot timestamptz NOT NULL, job bigint NOT NULL)",
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

    /// Leaves nothing of the queue behind.
    async fn forget(&self) -> anyhow::Result<()> {
        while self.jobs.cancel_waiting(QUEUE).await? > 0 {}
        let which = Failures { queue: Some(QUEUE.to_owned()), ..Failures::default() };
        while self.jobs.clear(&Ending::ALL, &which).await? > 0 {}
        let client = self.database.client().await?;
        client.execute("DELETE FROM jobs.schedule WHERE name = 'verify'", &[]).await?;
        client.execute("DELETE FROM jobs.tally WHERE queue = $1", &[&QUEUE]).await?;
        Ok(())
    }

    fn count(&self, what: &'static str) {
        *self.happened.lock().unwrap_or_else(PoisonError::into_inner).entry(what).or_default() += 1;
    }

    fn start_worker(&self, index: usize) -> anyhow::Result<()> {
        let mut command = Command::new(std::env::current_exe()?);
        command
            .arg("--data")
            .arg(self.folder.join(format!("worker-{index}")))
            .args(["verify", "worker"])
            .arg(outside(&self.folder))
            .args(self.plan.without_fence.then_some("--without-fence"))
            .env("DATABASE_URL", &self.url)
            .env("LOG_FORMAT", "json")
            .env("ENTREPOT_SERVER_WORKER_THREADS", "2")
            .kill_on_drop(true)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        *self.workers[index].lock().unwrap_or_else(PoisonError::into_inner) = Some(command.spawn()?);
        Ok(())
    }

    fn signal(&self, index: usize, signal: Signal) {
        let child = self.workers[index].lock().unwrap_or_else(PoisonError::into_inner);
        let pid = child.as_ref().and_then(Child::id).and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        if let Some(pid) = pid {
            let _gone_already = kill_process(pid, signal);
        }
    }

    /// A tenant with very many jobs, and others with one each: the longest that one of them waited for its end.
    async fn one_beside_many(&self) -> anyhow::Result<Duration> {
        let numbers = self.number.fetch_add(MANY, Ordering::Relaxed);
        let many: Vec<NewJob> =
            (numbers..numbers + MANY).map(|number| NewJob::of(&Deed::Effect { number }).tenant("very-many")).collect();
        let many = &many;
        self.database
            .transaction(|transaction| {
                async move {
                    self.jobs.enqueue_all(transaction, many).await?;
                    transaction
                        .execute(
                            "INSERT INTO verify.enqueued SELECT number, 'effect' FROM generate_series($1::int8, $2::int8 - 1) AS number",
                            &[&numbers, &(numbers + MANY)],
                        )
                        .await?;
                    Ok::<_, Error>(())
                }
                .scope_boxed()
            })
            .await?;
        // They are under way.
        while self.left().await? >= MANY {
            pause(Duration::from_millis(10)).await;
        }
        let mut longest = Duration::ZERO;
        for probe in 0..PROBES {
            let number = self.number.fetch_add(1, Ordering::Relaxed);
            let asked = Instant::now();
            self.enqueue_one(Deed::Effect { number }, number, "effect", Some(format!("one-{probe}")), false).await?;
            loop {
                let client = self.database.client().await?;
                let sql = "SELECT EXISTS (SELECT FROM verify.effect WHERE number = $1)";
                if client.query_one(sql, &[&number]).await?.try_get(0)? {
                    break;
                }
                ensure!(asked.elapsed() < PATIENCE, "a tenant's one job is not done");
                pause(Duration::from_millis(2)).await;
            }
            longest = longest.max(asked.elapsed());
        }
        ensure!(
            self.left().await? > 0,
            "the many were done before the others were tried: the figure would say nothing"
        );
        Ok(longest)
    }

    /// Jobs that have not ended.
    async fn left(&self) -> Result<i64, Error> {
        let client = self.database.client().await?;
        Ok(client.query_one("SELECT count(*) FROM jobs.job WHERE queue = $1", &[&QUEUE]).await?.try_get(0)?)
    }

    /// Enqueues a job and notes that it did, in one transaction, which may be rolled back.
    async fn enqueue_one(
        &self,
        deed: Deed,
        number: i64,
        does: &'static str,
        tenant: Option<String>,
        roll_back: bool,
    ) -> Result<(), Error> {
        let (deed, tenant) = (&deed, &tenant);
        self.database
            .transaction(|transaction| {
                async move {
                    let job = NewJob::of(deed);
                    let job = match tenant {
                        Some(tenant) => job.tenant(tenant.clone()),
                        None => job,
                    };
                    self.jobs.enqueue(transaction, job).await?;
                    let sql = "INSERT INTO verify.enqueued (number, does) VALUES ($1, $2)";
                    transaction.execute(sql, &[&number, &does]).await?;
                    if roll_back { Err(Error::Refused("it is rolled back on purpose")) } else { Ok(()) }
                }
                .scope_boxed()
            })
            .await
    }

    async fn enqueue(&self, mut random: Random) {
        while self.is_enqueuing.load(Ordering::Relaxed) {
            let number = self.number.fetch_add(1, Ordering::Relaxed);
            let (deed, does) = match random.below(1_000) {
                0..600 => (Deed::Effect { number }, "effect"),
                600..980 => (Deed::Outside { number }, "outside"),
                980..999 => (Deed::Poison { number }, "poison"),
                _ => (Deed::Deadly { number }, "deadly"),
            };
            let tenant = random.percent(50).then(|| format!("tenant-{}", random.below(5)));
            let roll_back = random.percent(5);
            match self.enqueue_one(deed, number, does, tenant, roll_back).await {
                Ok(()) | Err(Error::Refused(_)) => {}
                Err(_) => {
                    // Nobody knows whether that committed; the table does.
                    self.unknown.fetch_add(1, Ordering::Relaxed);
                    pause(Duration::from_millis(50)).await;
                }
            }
            if number % 500 == 0 {
                while self.is_enqueuing.load(Ordering::Relaxed) && self.left().await.is_ok_and(|left| left > BACKLOG) {
                    pause(Duration::from_millis(50)).await;
                }
            }
        }
    }

    /// Kills and freezes, one after the other, for as long as the run is to last.
    async fn misfortune(&self, mut random: Random, began: Instant) -> anyhow::Result<()> {
        let bar = progress(self.plan.seconds, "enqueuing {bar:40} {pos}/{len} s, {msg}");
        let end = began + Duration::from_secs(self.plan.seconds);
        let mut bag: Vec<&'static str> = Vec::new();
        while Instant::now() < end {
            pause(Duration::from_millis(300 + random.below(900))).await;
            self.revive()?;
            if bag.is_empty() {
                bag = vec![KILLED, KILLED, KILLED, FROZEN, if self.postmaster.is_some() { POSTGRES } else { CUT }];
            }
            let what = bag.swap_remove(random.index(bag.len()));
            let index = random.index(self.workers.len());
            match what {
                KILLED => self.signal(index, Signal::KILL),
                FROZEN => {
                    // Longer than its lease: others get its jobs, and it wakes up in the middle of them.
                    self.signal(index, Signal::STOP);
                    pause(LEASE * 2).await;
                    self.signal(index, Signal::CONT);
                }
                POSTGRES => self.kill_postgres().await,
                _ => self.cut_connections().await,
            }
            self.count(what);
            bar.set_position(self.plan.seconds.saturating_sub(end.saturating_duration_since(Instant::now()).as_secs()));
            bar.set_message(format!("{} jobs", thousands(self.number.load(Ordering::Relaxed).unsigned_abs())));
        }
        bar.finish_and_clear();
        Ok(())
    }

    /// Starts workers anew that have died, of us or of a job.
    fn revive(&self) -> anyhow::Result<()> {
        for index in 0..self.workers.len() {
            let has_ended = {
                let mut child = self.workers[index].lock().unwrap_or_else(PoisonError::into_inner);
                child.as_mut().is_none_or(|child| !matches!(child.try_wait(), Ok(None)))
            };
            if has_ended {
                self.count("workers started anew");
                self.start_worker(index)?;
            }
        }
        Ok(())
    }

    async fn kill_postgres(&self) {
        let pid = self.postmaster.as_ref().and_then(|path| {
            let text = std::fs::read_to_string(path).ok()?;
            Pid::from_raw(text.lines().next()?.parse().ok()?)
        });
        if let Some(pid) = pid {
            let _gone_already = kill_process(pid, Signal::KILL);
        }
        self.answers().await;
    }

    /// Waits until the database answers.
    async fn answers(&self) {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            pause(Duration::from_millis(100)).await;
            let asked = async { self.database.client().await?.simple_query("SELECT 1").await.map_err(Error::from) };
            if asked.await.is_ok() {
                return;
            }
        }
    }

    async fn cut_connections(&self) {
        if let Ok(client) = self.database.client().await {
            let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                       WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name LIKE 'entrepot%'";
            let _cut_or_not = client.execute(sql, &[]).await;
        }
        self.answers().await;
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
            if left <= 2 && ticks > 0 {
                bar.finish_and_clear();
                return self.left_but_ticks().await;
            }
            if Instant::now() > deadline {
                bar.finish_and_clear();
                return self.left_but_ticks().await;
            }
            pause(Duration::from_millis(100)).await;
        }
    }

    async fn ticks(&self) -> Result<i64, Error> {
        let client = self.database.client().await?;
        Ok(client.query_one("SELECT count(*) FROM verify.tick", &[]).await?.try_get(0)?)
    }

    async fn left_but_ticks(&self) -> anyhow::Result<i64> {
        let sql = "SELECT count(*) FROM jobs.job WHERE queue = $1 AND payload->>'does' <> 'tick'";
        let deadline = Instant::now() + LEASE * 5;
        loop {
            let client = self.database.client().await?;
            let left: i64 = client.query_one(sql, &[&QUEUE]).await?.try_get(0)?;
            if left == 0 || Instant::now() > deadline {
                return Ok(left);
            }
            drop(client);
            self.revive()?;
            pause(Duration::from_millis(50)).await;
        }
    }

    async fn report(&self, left: i64, longest_wait: Option<Duration>, took: Duration) -> anyhow::Result<bool> {
        let client = self.database.client().await?;
        let mut wanted: HashMap<i64, String> = HashMap::new();
        for row in client.query("SELECT number, does FROM verify.enqueued", &[]).await? {
            wanted.insert(row.try_get(0)?, row.try_get(1)?);
        }
        let mut effects: HashMap<i64, u64> = HashMap::new();
        for row in client.query("SELECT number FROM verify.effect", &[]).await? {
            *effects.entry(row.try_get(0)?).or_default() += 1;
        }
        let of = |does: &str| {
            wanted.iter().filter(|(_, has)| *has == does).map(|(number, _)| *number).collect::<HashSet<_>>()
        };
        let (effect, elsewhere) = (of("effect"), of("outside"));
        let (keys, lines) = outside_effects(&outside(&self.folder))?;
        let missing = effect.iter().filter(|number| !effects.contains_key(number)).count()
            + elsewhere.iter().filter(|number| !keys.contains_key(number)).count();
        let twice = effects.values().filter(|count| **count > 1).count();
        let phantoms = effects.keys().filter(|number| !effect.contains(number)).count()
            + keys.keys().filter(|number| !elsewhere.contains(number)).count();
        let changed_keys = keys.values().filter(|keys| keys.len() > 1).count();
        let ended: i64 = client
            .query_one("SELECT count(*) FROM jobs.ended WHERE queue = $1 AND payload->>'does' <> 'tick'", &[&QUEUE])
            .await?
            .try_get(0)?;
        let unended = i64::try_from(wanted.len()).unwrap_or(i64::MAX) - ended;
        // Of the seconds from the first slot to the last each has one.
        let slots = client
            .query_one(
                "SELECT count(*), count(DISTINCT slot),
                        coalesce(extract(epoch FROM max(slot) - min(slot))::int8 + 1, 0)
                 FROM verify.tick",
                &[],
            )
            .await?;
        let (ticks, distinct, seconds): (i64, i64, i64) = (slots.try_get(0)?, slots.try_get(1)?, slots.try_get(2)?);
        let (skipped, doubled) = (seconds - distinct, ticks - distinct);
        for (what, count) in self.happened.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            say(format_args!("{:>9}  {what}", thousands(*count)));
        }
        let count = |number: usize| thousands(number as u64);
        for (number, what) in [
            (count(wanted.len()), "jobs enqueued and committed"),
            (thousands(self.unknown.load(Ordering::Relaxed)), "commits of which nobody was told"),
            (count(effects.len()), "effects in the database"),
            (count(lines), "effects elsewhere"),
            (count(lines - keys.len()), "of them again, and known by their key"),
            (thousands(ticks.unsigned_abs()), "slots of the schedule"),
        ] {
            say(format_args!("{number:>9}  {what}"));
        }
        if let Some(wait) = longest_wait {
            say(format_args!(
                "{:>6} ms  the longest that one of {PROBES} tenants with one job waited beside one with {}",
                wait.as_millis(),
                thousands(MANY.unsigned_abs())
            ));
        }
        say(format_args!(
            "{:.1} s: {left} jobs without an end, {unended} lost, {missing} effects missing, {twice} twice, {phantoms} of jobs that were \
             rolled back, {changed_keys} under several keys; {skipped} slots skipped, {doubled} doubled (seed {})",
            took.as_secs_f64(),
            self.plan.seed
        ));
        let faults = left + unended.abs() + skipped + doubled;
        Ok(faults == 0
            && missing + twice + phantoms + changed_keys == 0
            && longest_wait.is_none_or(|wait| wait <= MOST_WAIT))
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

const KILLED: &str = "workers killed";
const FROZEN: &str = "workers frozen for two leases";
const POSTGRES: &str = "times PostgreSQL was killed";
const CUT: &str = "times all connections were cut";
