//! The statements by which people look at jobs, and mend them by hand.
//!
//! **Invariant:** none of them takes a lock that work waits for, but on the jobs that it changes.

use std::collections::HashSet;
use std::time::Duration;

use entrepot_pg::tokio_postgres::Row;
use entrepot_pg::{Error, Pooled, Transaction};
use jiff::Timestamp;
use serde_json::Value;

use super::{END, KEPT, seconds};
use crate::overview::{Attempt, EndedJob, Failures, Looked, QueueOverview, Schedule, Times, WaitingJob, Worker};

/// What was done, in sums.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) done: i64,
    pub(crate) failed: i64,
    pub(crate) waited: f64,
    pub(crate) ran: f64,
}

impl Tally {
    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            done: self.done - before.done,
            failed: self.failed - before.failed,
            waited: self.waited - before.waited,
            ran: self.ran - before.ran,
        }
    }
}

pub(crate) async fn tally(client: &Pooled, new: &[(&str, Tally)]) -> Result<(), Error> {
    // In the order of their names: several workers add to the same rows.
    let statement = client
        .prepare_cached(
            "INSERT INTO jobs.tally (queue, minute, done, failed, waited, ran)
             SELECT queue, date_trunc('minute', clock_timestamp()), done, failed, waited, ran
             FROM unnest($1::text[], $2::int8[], $3::int8[], $4::float8[], $5::float8[])
                  AS new (queue, done, failed, waited, ran)
             ORDER BY queue
             ON CONFLICT (minute, queue) DO UPDATE
             SET done = tally.done + excluded.done, failed = tally.failed + excluded.failed,
                 waited = tally.waited + excluded.waited, ran = tally.ran + excluded.ran",
        )
        .await?;
    let queues: Vec<&str> = new.iter().map(|(queue, _)| *queue).collect();
    let done: Vec<i64> = new.iter().map(|(_, tally)| tally.done).collect();
    let failed: Vec<i64> = new.iter().map(|(_, tally)| tally.failed).collect();
    let waited: Vec<f64> = new.iter().map(|(_, tally)| tally.waited).collect();
    let ran: Vec<f64> = new.iter().map(|(_, tally)| tally.ran).collect();
    client.execute(&statement, &[&queues, &done, &failed, &waited, &ran]).await?;
    Ok(())
}

/// Every queue that has jobs, did something within a day, is paused, or is worked on.
pub(crate) async fn queues(client: &Pooled, lease: Duration) -> Result<Vec<QueueOverview>, Error> {
    let statement = client
        .prepare_cached(
            "WITH waits AS (
                 SELECT queue, count(*) FILTER (WHERE status = 'available') AS available,
                        count(*) FILTER (WHERE status = 'scheduled') AS scheduled,
                        count(*) FILTER (WHERE status = 'retryable') AS retryable,
                        count(*) FILTER (WHERE status = 'running') AS running,
                        min(run_at) FILTER (WHERE status = 'available') AS oldest
                 FROM jobs.job GROUP BY queue
             ), discarded AS (
                 SELECT queue, count(*) AS discarded FROM jobs.ended WHERE outcome = 'discarded' GROUP BY queue
             ), tallies AS (
                 SELECT queue, sum(done)::int8 AS done, sum(failed)::int8 AS failed,
                        sum(done + failed) FILTER (WHERE recent) AS recent,
                        sum(waited) FILTER (WHERE recent) AS waited, sum(ran) FILTER (WHERE recent) AS ran
                 FROM (SELECT *, minute > clock_timestamp() - interval '6 minutes' AS recent FROM jobs.tally
                       WHERE minute > clock_timestamp() - interval '1 day') AS tally
                 GROUP BY queue
             ), workers AS (
                 SELECT queue, count(*) AS workers FROM jobs.worker CROSS JOIN unnest(queues) AS queue
                 WHERE seen_at > clock_timestamp() - $1 * interval '1 second' GROUP BY queue
             ), sample AS (
                 SELECT queue, outcome, extract(epoch FROM ended_at - started_at)::float8 AS ran
                 FROM jobs.ended
                 WHERE outcome <> 'discarded' AND ended_at > clock_timestamp() - interval '1 hour'
                 ORDER BY ended_at DESC LIMIT 20000
             ), times AS (
                 SELECT queue, percentile_cont(0.5) WITHIN GROUP (ORDER BY ran) AS median,
                        percentile_cont(0.95) WITHIN GROUP (ORDER BY ran) AS p95
                 FROM sample WHERE outcome = 'completed' AND ran IS NOT NULL GROUP BY queue
             ), all_queues AS (
                 SELECT queue FROM waits UNION SELECT queue FROM discarded UNION SELECT queue FROM tallies
                 UNION SELECT queue FROM workers UNION SELECT queue FROM jobs.pause
             )
             SELECT queue, coalesce(available, 0), coalesce(scheduled, 0), coalesce(retryable, 0),
                    coalesce(running, 0), coalesce(discarded, 0), coalesce(done, 0), coalesce(failed, 0),
                    coalesce(workers, 0), pause.paused_at, oldest,
                    (coalesce(recent, 0) / 6.0)::float8, (waited / nullif(recent, 0))::float8,
                    (ran / nullif(recent, 0))::float8, median, p95
             FROM all_queues LEFT JOIN waits USING (queue) LEFT JOIN discarded USING (queue)
                  LEFT JOIN tallies USING (queue) LEFT JOIN workers USING (queue) LEFT JOIN times USING (queue)
                  LEFT JOIN jobs.pause USING (queue)
             ORDER BY queue",
        )
        .await?;
    let seconds_to_ms = |value: Option<f64>| value.map(|seconds| seconds * 1_000.0);
    let overview = |row: &Row| QueueOverview {
        queue: row.get(0),
        available: row.get(1),
        scheduled: row.get(2),
        retryable: row.get(3),
        running: row.get(4),
        discarded: row.get(5),
        done_in_a_day: row.get(6),
        failed_in_a_day: row.get(7),
        workers: row.get(8),
        paused_at: row.get(9),
        oldest_at: row.get(10),
        per_minute: row.get(11),
        waited: Times { mean_ms: seconds_to_ms(row.get(12)), median_ms: None, p95_ms: None },
        ran: Times {
            mean_ms: seconds_to_ms(row.get(13)),
            median_ms: seconds_to_ms(row.get(14)),
            p95_ms: seconds_to_ms(row.get(15)),
        },
    };
    Ok(client.query(&statement, &[&seconds(lease)]).await?.iter().map(overview).collect())
}

pub(crate) async fn workers(client: &Pooled, lease: Duration) -> Result<Vec<Worker>, Error> {
    let statement = client
        .prepare_cached(
            "SELECT worker.id, worker.name, worker.queues, worker.started_at, worker.seen_at,
                    worker.seen_at > clock_timestamp() - $1 * interval '1 second',
                    (SELECT count(*) FROM jobs.job WHERE job.worker = worker.id AND status = 'running')
             FROM jobs.worker ORDER BY worker.started_at LIMIT 1000",
        )
        .await?;
    let worker = |row: &Row| Worker {
        id: row.get(0),
        name: row.get(1),
        queues: row.get(2),
        started_at: row.get(3),
        seen_at: row.get(4),
        is_alive: row.get(5),
        running: row.get(6),
    };
    Ok(client.query(&statement, &[&seconds(lease)]).await?.iter().map(worker).collect())
}

pub(crate) async fn schedules(client: &Pooled) -> Result<Vec<Schedule>, Error> {
    let statement = client
        .prepare_cached("SELECT name, pattern, next_at, last_at, last_id FROM jobs.schedule ORDER BY name LIMIT 1000")
        .await?;
    let schedule = |row: &Row| Schedule {
        name: row.get(0),
        pattern: row.get(1),
        next_at: row.get(2),
        last_at: row.get(3),
        last_job: row.get(4),
    };
    Ok(client.query(&statement, &[]).await?.iter().map(schedule).collect())
}

/// Jobs that wait or run: those that run first, then the oldest.
pub(crate) async fn waiting(
    client: &Pooled,
    queue: Option<&str>,
    status: Option<&str>,
    at_most: i64,
) -> Result<Vec<WaitingJob>, Error> {
    let statement = client
        .prepare_cached(
            "SELECT id, queue, kind, priority, tenant, status, run_at, failures, max_attempts, progress, message,
                    payload, request_id, created_at, started_at, is_cancelled
             FROM jobs.job WHERE ($1::text IS NULL OR queue = $1) AND ($2::text IS NULL OR status = $2)
             ORDER BY status = 'running' DESC, id LIMIT $3",
        )
        .await?;
    Ok(client.query(&statement, &[&queue, &status, &at_most]).await?.iter().map(waiting_job).collect())
}

pub(crate) async fn by_id(client: &Pooled, id: i64) -> Result<Option<Looked>, Error> {
    let waiting = client
        .prepare_cached(
            "SELECT id, queue, kind, priority, tenant, status, run_at, failures, max_attempts, progress, message,
                    payload, request_id, created_at, started_at, is_cancelled
             FROM jobs.job WHERE id = $1",
        )
        .await?;
    if let Some(row) = client.query_opt(&waiting, &[&id]).await? {
        return Ok(Some(Looked::Waiting(Box::new(waiting_job(&row)))));
    }
    let ended = client.prepare_cached(&format!("SELECT {ENDED} FROM jobs.ended WHERE id = $1")).await?;
    Ok(client.query_opt(&ended, &[&id]).await?.map(|row| Looked::Ended(Box::new(ended_job(&row)))))
}

fn waiting_job(row: &Row) -> WaitingJob {
    WaitingJob {
        id: row.get(0),
        queue: row.get(1),
        kind: row.get(2),
        priority: row.get(3),
        tenant: row.get(4),
        status: row.get(5),
        run_at: row.get(6),
        failures: row.get(7),
        max_attempts: row.get(8),
        progress: row.get(9),
        message: row.get(10),
        payload: crate::overview::without_secrets(row.get(11)),
        request_id: row.get(12),
        created_at: row.get(13),
        started_at: row.get(14),
        is_cancelled: row.get(15),
    }
}

const ENDED: &str = "id, queue, kind, priority, tenant, payload, outcome, error, failures, request_id, created_at, \
                     started_at, ended_at";

fn ended_job(row: &Row) -> EndedJob {
    EndedJob {
        id: row.get(0),
        queue: row.get(1),
        kind: row.get(2),
        priority: row.get(3),
        tenant: row.get(4),
        payload: crate::overview::without_secrets(row.get::<_, Value>(5)),
        outcome: row.get(6),
        error: row.get(7),
        failures: row.get(8),
        request_id: row.get(9),
        created_at: row.get(10),
        started_at: row.get(11),
        ended_at: row.get(12),
        attempts: Vec::new(),
    }
}

/// What failed for good, the newest first, from below an id on.
pub(crate) async fn failed(
    client: &Pooled,
    which: &Failures,
    below: Option<i64>,
    at_most: i64,
) -> Result<Vec<EndedJob>, Error> {
    let sql = format!(
        "SELECT {ENDED} FROM jobs.ended
         WHERE outcome = 'discarded' AND ($1::text IS NULL OR queue = $1) AND ($2::text IS NULL OR kind = $2)
           AND ($3::timestamptz IS NULL OR ended_at >= $3) AND ($4::timestamptz IS NULL OR ended_at < $4)
           AND ($5::int8 IS NULL OR id < $5)
         ORDER BY id DESC LIMIT $6"
    );
    let statement = client.prepare_cached(&sql).await?;
    let Failures { queue, kind, from, to } = which;
    let rows = client.query(&statement, &[queue, kind, from, to, &below, &at_most]).await?;
    let mut jobs: Vec<EndedJob> = rows.iter().map(ended_job).collect();
    let attempts = attempts(client, &jobs.iter().map(|job| job.id).collect::<Vec<_>>()).await?;
    for (id, attempt) in attempts {
        if let Some(job) = jobs.iter_mut().find(|job| job.id == id) {
            job.attempts.push(attempt);
        }
    }
    Ok(jobs)
}

/// The attempts at jobs that did not end well, the latest hundred of each.
pub(crate) async fn attempts(client: &Pooled, ids: &[i64]) -> Result<Vec<(i64, Attempt)>, Error> {
    let statement = client
        .prepare_cached(
            "SELECT attempt.job_id, attempt.claim, attempt.outcome, attempt.error, attempt.started_at, attempt.ended_at
             FROM unnest($1::int8[]) AS job (id) CROSS JOIN LATERAL (
                 SELECT * FROM jobs.attempt WHERE attempt.job_id = job.id ORDER BY claim DESC LIMIT 100
             ) AS attempt
             ORDER BY attempt.job_id, attempt.claim",
        )
        .await?;
    let attempt = |row: &Row| {
        let attempt = Attempt {
            number: row.get(1),
            outcome: row.get(2),
            error: row.get(3),
            started_at: row.get::<_, Option<Timestamp>>(4),
            ended_at: row.get(5),
        };
        (row.get(0), attempt)
    };
    Ok(client.query(&statement, &[&ids]).await?.iter().map(attempt).collect())
}

/// Puts jobs that failed for good back into their queues, as if they had never been tried, under their own ids. Tells
/// which, and their queues.
pub(crate) async fn retry(
    transaction: &Transaction,
    ids: Option<&[i64]>,
    which: &Failures,
    at_most: i64,
) -> Result<Vec<(i64, String)>, Error> {
    let statement = transaction
        .prepare_cached(
            "WITH picked AS MATERIALIZED (
                 SELECT id FROM jobs.ended
                 WHERE outcome = 'discarded' AND ($1::int8[] IS NULL OR id = ANY ($1))
                   AND ($2::text IS NULL OR queue = $2) AND ($3::text IS NULL OR kind = $3)
                   AND ($4::timestamptz IS NULL OR ended_at >= $4) AND ($5::timestamptz IS NULL OR ended_at < $5)
                 ORDER BY id LIMIT $6 FOR UPDATE SKIP LOCKED
             ), gone AS (
                 DELETE FROM jobs.ended USING picked WHERE ended.id = picked.id RETURNING ended.*
             )
             INSERT INTO jobs.job (id, queue, kind, priority, tenant, payload, status, run_at, claim, max_attempts,
                                   request_id, created_at)
             OVERRIDING SYSTEM VALUE
             SELECT id, queue, kind, priority, tenant, payload, 'available', clock_timestamp(),
                    coalesce((SELECT max(claim) FROM jobs.attempt WHERE attempt.job_id = gone.id), 0),
                    greatest(failures, 4), request_id, created_at
             FROM gone
             RETURNING id, queue",
        )
        .await?;
    let Failures { queue, kind, from, to } = which;
    let rows = transaction.query(&statement, &[&ids, queue, kind, from, to, &at_most]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// Forgets jobs that have ended, with their attempts; tells how many.
pub(crate) async fn clear(client: &Pooled, outcomes: &[&str], which: &Failures, at_most: i64) -> Result<u64, Error> {
    let statement = client
        .prepare_cached(
            "WITH old AS MATERIALIZED (
                 SELECT id FROM jobs.ended
                 WHERE outcome = ANY ($1) AND ($2::text IS NULL OR queue = $2) AND ($3::text IS NULL OR kind = $3)
                   AND ($4::timestamptz IS NULL OR ended_at >= $4) AND ($5::timestamptz IS NULL OR ended_at < $5)
                 LIMIT $6 FOR UPDATE SKIP LOCKED
             ), attempts AS (
                 DELETE FROM jobs.attempt USING old WHERE attempt.job_id = old.id
             )
             DELETE FROM jobs.ended USING old WHERE ended.id = old.id",
        )
        .await?;
    let Failures { queue, kind, from, to } = which;
    Ok(client.execute(&statement, &[&outcomes, queue, kind, from, to, &at_most]).await?)
}

/// Cancels all jobs of a queue that wait; tells how many.
pub(crate) async fn cancel_waiting(client: &Pooled, queue: &str, at_most: i64) -> Result<u64, Error> {
    let sql = format!(
        "WITH picked AS MATERIALIZED (
             SELECT id FROM jobs.job WHERE queue = $1 AND status <> 'running' ORDER BY id LIMIT $2
             FOR UPDATE SKIP LOCKED
         ), gone AS (
             DELETE FROM jobs.job USING picked WHERE job.id = picked.id RETURNING job.*
         )
         {END}
         SELECT id, queue, kind, priority, tenant, {KEPT}, 'cancelled', NULL, failures, request_id, created_at,
                started_at, clock_timestamp()
         FROM gone"
    );
    let statement = client.prepare_cached(&sql).await?;
    Ok(client.execute(&statement, &[&queue, &at_most]).await?)
}

/// Gives a tenant another weight.
pub(crate) async fn weigh(client: &Pooled, queue: &str, tenant: &str, weight: i16) -> Result<(), Error> {
    if weight == 1 {
        let statement = client.prepare_cached("DELETE FROM jobs.weight WHERE queue = $1 AND tenant = $2").await?;
        client.execute(&statement, &[&queue, &tenant]).await?;
        return Ok(());
    }
    let statement = client
        .prepare_cached(
            "INSERT INTO jobs.weight (queue, tenant, weight) VALUES ($1, $2, $3)
             ON CONFLICT (queue, tenant) DO UPDATE SET weight = excluded.weight",
        )
        .await?;
    client.execute(&statement, &[&queue, &tenant, &weight]).await?;
    Ok(())
}

/// Those of these keys that a job of a kind has that has not ended.
pub(crate) async fn keys_in_use(client: &Pooled, kind: &str, keys: &[String]) -> Result<HashSet<String>, Error> {
    let statement =
        client.prepare_cached("SELECT unique_key FROM jobs.job WHERE kind = $1 AND unique_key = ANY ($2)").await?;
    Ok(client.query(&statement, &[&kind, &keys]).await?.iter().map(|row| row.get(0)).collect())
}
