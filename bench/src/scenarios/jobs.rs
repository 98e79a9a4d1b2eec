//! The queue: beside graphile-worker with its local queue and batched completion, on the same PostgreSQL, and
//! BullMQ on a Redis that keeps nothing on disk.
//!
//! **What makes the figures honest:**
//! - All commit durably where they can: `synchronous_commit` and `fsync` are on.
//! - End to end is from the start of a worker until the end of every job is stored.
//! - A bare insert writes the very row that an enqueue writes, into a table with the same indexes, in a transaction
//!   of its own on a connection of the same pool.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::ensure;
use entrepot_jobs::{Context, Job, JobSettings, Jobs, NewJob, Outcome, Work};
use entrepot_pg::{Database, DatabaseSettings, Error, ScopedFutureExt as _};
use entrepot_runtime::{Shutdown, Tasks};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::{PAIRS, Stage, Wanted};
use crate::programs::{Psql, queue_peer, redis};
use crate::table::{Row, at_most, ratio};

pub(super) const ON_STAGE: &[&str] = &[
    "jobs-end-to-end",
    "jobs-end-to-end-bullmq",
    "jobs-bulk",
    "jobs-enqueue",
    "jobs-pick-up",
    "jobs-held-open",
    "jobs-held-open-most",
];

const JOBS: usize = 20_000;
const CHUNK: usize = 1_000;
const SINGLES: usize = 2_000;
const PICK_UPS: usize = 500;
/// How long a transaction is held open, under how many jobs a second.
const HELD_OPEN: Duration = Duration::from_secs(600);
const PER_SECOND: usize = 500;
/// So many that a worker's start is no part of the figure.
const MANY: usize = 200_000;

#[derive(Serialize, Deserialize)]
struct Nothing {
    number: usize,
}

#[derive(Default)]
struct Seen {
    done: AtomicU64,
    begun: Option<mpsc::UnboundedSender<Instant>>,
}

impl Job for Nothing {
    const KIND: &'static str = "nothing";
    const QUEUE: &'static str = "bench";
    type Needs = Seen;

    async fn run(&self, seen: &Seen, _context: &Context) -> Outcome {
        if let Some(begun) = &seen.begun {
            let _nobody = begun.send(Instant::now());
        }
        seen.done.fetch_add(1, Ordering::Relaxed);
        Outcome::Done
    }
}

pub(super) async fn on_stage(stage: &Stage, wanted: Wanted<'_>) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    if !wanted.any(ON_STAGE) {
        return Ok(rows);
    }
    let database = Database::new(DatabaseSettings {
        address: stage.database_url().parse()?,
        pool_min: 2,
        pool_max: 10,
        idle_timeout: Duration::from_secs(60),
        connect_timeout: Duration::from_secs(5),
        query_timeout: Duration::from_secs(30),
        pipeline_connections: 1,
    })?;
    if wanted.any(&ON_STAGE[..3]) {
        rows.extend(throughput(stage, &database).await?);
    }
    if wanted.one("jobs-enqueue") {
        rows.push(enqueue(&database).await?);
    }
    if wanted.one("jobs-pick-up") {
        rows.push(pick_up(&database).await?);
    }
    if wanted.any(&ON_STAGE[5..]) {
        rows.extend(held_open(stage, &database).await?);
    }
    Ok(rows)
}

async fn ours(database: &Database, count: usize) -> anyhow::Result<(f64, f64)> {
    let jobs = Jobs::new(database.clone(), JobSettings::default());
    let start = Instant::now();
    for from in (0..count).step_by(CHUNK) {
        let chunk: Vec<NewJob> = (from..from + CHUNK).map(|number| NewJob::of(&Nothing { number })).collect();
        let (jobs, chunk) = (&jobs, &chunk);
        database
            .transaction(|transaction| async move { jobs.enqueue_all(transaction, chunk).await }.scope_boxed())
            .await?;
    }
    let added = count as f64 / start.elapsed().as_secs_f64();
    let seen = Arc::new(Seen::default());
    let tasks = Tasks::new(Shutdown::new());
    let start = Instant::now();
    Work::new(&jobs, "bench").queue(Nothing::QUEUE, 24).does::<Nothing>(seen.clone()).start(&tasks);
    while seen.done.load(Ordering::Relaxed) < count as u64 {
        tokio::time::sleep(Duration::from_millis(1)).await;
        ensure!(start.elapsed() < Duration::from_secs(60), "jobs are not done");
    }
    let client = database.client().await?;
    // Counted where nothing else is, so that what is measured is not this question.
    let stored = client.prepare_cached("SELECT count(*) FROM jobs.ended").await?;
    while client.query_one(&stored, &[]).await?.get::<_, i64>(0) < count as i64 {
        ensure!(start.elapsed() < Duration::from_secs(60), "the end of jobs is not stored");
    }
    let ended = count as f64 / start.elapsed().as_secs_f64();
    ensure!(seen.done.load(Ordering::Relaxed) == count as u64, "jobs were done more than once");
    let late = tasks.stop(Duration::from_secs(10)).await;
    ensure!(late.is_empty(), "{late:?} did not end");
    client.batch_execute("TRUNCATE jobs.ended").await?;
    Ok((added, ended))
}

async fn throughput(stage: &Stage, database: &Database) -> anyhow::Result<Vec<Row>> {
    let redis = redis(stage.scratch.path())?;
    let port = redis.address.port().to_string();
    let (mut ended, mut added, mut beside_bullmq) = (Vec::new(), Vec::new(), Vec::new());
    let (mut ended_told, mut added_told) = (String::new(), String::new());
    for round in 0..=PAIRS {
        let ours = ours(database, JOBS).await?;
        let graphile = queue_peer("graphile", JOBS, &[("PGHOST", &*stage.sockets), ("PGUSER", "entrepot")])?;
        let bullmq = queue_peer("bullmq", JOBS, &[("REDIS_PORT", &*port)])?;
        // The first warms all up.
        if round > 0 {
            added.push(ours.0 / graphile.0);
            ended.push(ours.1 / graphile.1);
            beside_bullmq.push(ours.1 / bullmq.1);
            added_told.push_str(&format!("{:.0}/{:.0}/{:.0} ", ours.0, graphile.0, bullmq.0));
            ended_told.push_str(&format!("{:.0}/{:.0}/{:.0} ", ours.1, graphile.1, bullmq.1));
        }
    }
    let ended_told = format!("jobs a second, ours/graphile-worker/BullMQ: {}", ended_told.trim_end());
    let added_told = format!("jobs a second, ours/graphile-worker/BullMQ: {}", added_told.trim_end());
    let what = format!("{JOBS} jobs that do nothing, until their ends are stored");
    Ok(vec![
        ratio("jobs-end-to-end", &what, "graphile-worker, in batches", ended, (Some(1.0), None), ended_told),
        ratio(
            "jobs-end-to-end-bullmq",
            &what,
            "BullMQ on Redis",
            beside_bullmq,
            (Some(2.0), None),
            "as above".to_owned(),
        ),
        ratio("jobs-bulk", "enqueueing 1,000 at a time", "graphile-worker", added, (Some(1.0), None), added_told),
    ])
}

/// Single enqueues, each in a transaction of its own, beside a bare insert.
async fn enqueue(database: &Database) -> anyhow::Result<Row> {
    let jobs = &Jobs::new(database.clone(), JobSettings::default());
    let client = database.client().await?;
    client
        .batch_execute(
            "CREATE SCHEMA IF NOT EXISTS bench; DROP TABLE IF EXISTS bench.job; CREATE TABLE bench.job (LIKE jobs.job INCLUDING ALL)",
        )
        .await?;
    let insert =
        "INSERT INTO bench.job (queue, kind, priority, tenant, payload, status, run_at, max_attempts, created_at)
                  VALUES ('bench', 'nothing', 5, '', $1, 'available', clock_timestamp(), 4, clock_timestamp())";
    let (mut ratios, mut told) = (Vec::new(), String::new());
    for round in 0..=PAIRS {
        let start = Instant::now();
        for number in 0..SINGLES {
            let job = &NewJob::of(&Nothing { number });
            database
                .transaction(|transaction| async move { jobs.enqueue(transaction, job.clone()).await }.scope_boxed())
                .await?;
        }
        let ours = start.elapsed().as_secs_f64();
        let start = Instant::now();
        for number in 0..SINGLES {
            let payload = &serde_json::to_value(Nothing { number })?;
            database
                .transaction(|transaction| {
                    async move {
                        let statement = transaction.prepare_cached(insert).await?;
                        transaction.execute(&statement, &[payload]).await?;
                        Ok::<_, Error>(())
                    }
                    .scope_boxed()
                })
                .await?;
        }
        let bare = start.elapsed().as_secs_f64();
        client.batch_execute("TRUNCATE jobs.job, bench.job").await?;
        if round > 0 {
            ratios.push(bare / ours);
            told.push_str(&format!("{:.0}/{:.0} ", SINGLES as f64 / ours, SINGLES as f64 / bare));
        }
    }
    let told = format!("a second, one after the other, ours/bare: {}", told.trim_end());
    Ok(ratio(
        "jobs-enqueue",
        "one enqueue a transaction",
        "a bare insert of the same row",
        ratios,
        (Some(0.8), None),
        told,
    ))
}

/// From the commit of a job until it begins, on a worker of another process's kind: woken, with nothing to do.
async fn pick_up(database: &Database) -> anyhow::Result<Row> {
    let settings = JobSettings { poll: Duration::from_secs(60), ..JobSettings::default() };
    let (worker, enqueuer) = (Jobs::new(database.clone(), settings), Jobs::new(database.clone(), settings));
    let tasks = Tasks::new(Shutdown::new());
    worker.start(&tasks);
    enqueuer.start(&tasks);
    let (sender, mut begun) = mpsc::unbounded_channel();
    let seen = Arc::new(Seen { begun: Some(sender), ..Seen::default() });
    Work::new(&worker, "bench").queue(Nothing::QUEUE, 24).does::<Nothing>(seen).start(&tasks);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut all = Vec::new();
    for _ in 0..PAIRS {
        let mut times = Vec::new();
        for number in 0..PICK_UPS {
            let (enqueuer, job) = (&enqueuer, &NewJob::of(&Nothing { number }));
            database
                .transaction(|transaction| {
                    async move { enqueuer.enqueue(transaction, job.clone()).await }.scope_boxed()
                })
                .await?;
            let committed = Instant::now();
            let at = tokio::time::timeout(Duration::from_secs(10), begun.recv()).await?;
            let at = at.ok_or_else(|| anyhow::anyhow!("the worker ended"))?;
            times.push(at.saturating_duration_since(committed).as_secs_f64() * 1e3);
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
        times.sort_by(f64::total_cmp);
        all.push((times[times.len() * 99 / 100], times[times.len() / 2]));
    }
    let late = tasks.stop(Duration::from_secs(10)).await;
    ensure!(late.is_empty(), "{late:?} did not end");
    let told = format!("p99 and median in ms: {all:.2?}");
    let p99 = all.into_iter().map(|(p99, _)| p99).collect();
    Ok(at_most(
        "jobs-pick-up",
        "from a job's commit to its beginning, by another process's worker, idle, p99",
        p99,
        5.0,
        "ms",
        told,
    ))
}

/// Has jobs come at [`PER_SECOND`] for so long, one by one; tells how many came.
async fn pace(database: &Database, jobs: &Jobs, time: Duration) -> anyhow::Result<usize> {
    let start = Instant::now();
    let mut enqueued = 0;
    while start.elapsed() < time {
        let due = (start.elapsed().as_secs_f64() * PER_SECOND as f64) as usize;
        for number in enqueued..due {
            let job = &NewJob::of(&Nothing { number });
            database
                .transaction(|transaction| async move { jobs.enqueue(transaction, job.clone()).await }.scope_boxed())
                .await?;
        }
        enqueued = due;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(enqueued)
}

/// What a transaction costs that is held open while jobs come and go: nothing that they leave can be vacuumed. Of the
/// jobs that come, and of the most that a worker can do.
async fn held_open(stage: &Stage, database: &Database) -> anyhow::Result<Vec<Row>> {
    let mut before = Vec::new();
    for _ in 0..=PAIRS {
        before.push(ours(database, MANY).await?.1);
    }
    let jobs = Jobs::new(database.clone(), JobSettings::default());
    let seen = Arc::new(Seen::default());
    let tasks = Tasks::new(Shutdown::new());
    Work::new(&jobs, "bench").queue(Nothing::QUEUE, 24).does::<Nothing>(seen.clone()).start(&tasks);
    // Jobs a second that are done while as many come as should.
    let done_in = async |time: Duration| -> anyhow::Result<f64> {
        let (start, first) = (Instant::now(), seen.done.load(Ordering::Relaxed));
        pace(database, &jobs, time).await?;
        Ok((seen.done.load(Ordering::Relaxed) - first) as f64 / start.elapsed().as_secs_f64())
    };
    let without = done_in(HELD_OPEN / 10).await?;
    let mut holder = Psql::open(&stage.sockets)?;
    // With a snapshot and an xid of its own, both of which are in the way.
    holder.run("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT pg_current_xact_id(), count(*) FROM sales.store")?;
    let mut with = Vec::new();
    for _ in 0..10 {
        with.push(done_in(HELD_OPEN / 10).await?);
    }
    let late = tasks.stop(Duration::from_secs(10)).await;
    ensure!(late.is_empty(), "{late:?} did not end");
    let client = database.client().await?;
    client.batch_execute("TRUNCATE jobs.ended").await?;
    let left: i64 = client.query_one("SELECT count(*) FROM jobs.job", &[]).await?.get(0);
    let dead = "SELECT n_dead_tup FROM pg_stat_user_tables WHERE relid = 'jobs.job'::regclass";
    let dead: i64 = client.query_one(dead, &[]).await?.get(0);
    drop(client);
    let mut while_held = Vec::new();
    for _ in 0..=PAIRS {
        while_held.push(ours(database, MANY).await?.1);
    }
    holder.run("ROLLBACK")?;
    let minutes = HELD_OPEN.as_secs() / 60;
    let under_load = ratio(
        "jobs-held-open",
        &format!("jobs done a second, {PER_SECOND} coming, in each tenth of {minutes} min of an open transaction"),
        "without it",
        with.iter().map(|done| done / without).collect(),
        (Some(0.9), None),
        format!("without: {without:.1}, with: {with:.1?}; {left} were left"),
    );
    // The first of each warms up.
    let most: Vec<f64> = before.iter().zip(&while_held).skip(1).map(|(before, after)| after / before).collect();
    let most = ratio(
        "jobs-held-open-most",
        &format!("{MANY} jobs as fast as may be, by a worker that is started after those {minutes} min"),
        "before them",
        most,
        (Some(0.9), None),
        format!("{dead} dead rows at the start; jobs a second before: {before:.0?}, at the end: {while_held:.0?}"),
    );
    Ok(vec![under_load, most])
}
