//! The statements.
//!
//! **Invariants:**
//! - What ends, moves or tells of a running job names its token: id, claim and worker. Where that is not the
//!   job's own any more, nothing happens.
//! - What workers ask all the time are functions (`0020_jobs_plans.sql`), whose plans are the same whatever the planner
//!   takes the table for. Elsewhere a job that runs is found by its id and its worker, and not by its status: an index
//!   of what runs is worth nothing behind many dead rows.
//! - Time is the database's, so that workers whose clocks differ agree on who is dead and what is due.

use std::pin::pin;
use std::time::Duration;

use entrepot_pg::tokio_postgres::binary_copy::BinaryCopyInWriter;
use entrepot_pg::tokio_postgres::types::{ToSql, Type};
use entrepot_pg::tokio_postgres::{Client, Row};
use entrepot_pg::{Error, Pooled, Transaction};
use entrepot_runtime::current_request;
use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use crate::Rate;
use crate::enqueue::{Enqueued, NewJob, Start, Unique};
use crate::lanes::Found;

pub(crate) mod overview;
mod recovery;

pub(crate) use recovery::{Unseen, orphans, set_right, unseen};

/// What a running job is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) id: i64,
    pub(crate) claim: i32,
    pub(crate) worker: Uuid,
}

/// A job that was claimed.
#[derive(Debug)]
pub(crate) struct Claimed {
    pub(crate) token: Token,
    pub(crate) kind: String,
    pub(crate) payload: Value,
    pub(crate) failures: i16,
    pub(crate) max_attempts: i16,
    pub(crate) lane: (i16, String),
    pub(crate) request_id: Option<String>,
    /// How long it had waited since it might run.
    pub(crate) waited: Duration,
}

const COLUMNS: &str =
    "queue, kind, priority, tenant, payload, status, run_at, max_attempts, unique_key, request_id, created_at";

/// No pause is longer: PostgreSQL's times have an end.
const LONGEST_DELAY: Duration = Duration::from_secs(10 * 365 * 86_400);

fn seconds(duration: Duration) -> f64 {
    duration.min(LONGEST_DELAY).as_secs_f64()
}

/// A text as PostgreSQL takes it.
fn plain(text: &str, longest: usize) -> String {
    text.chars().map(|char| if char == '\0' { char::REPLACEMENT_CHARACTER } else { char }).take(longest).collect()
}

pub(crate) async fn insert(transaction: &Transaction, job: &NewJob) -> Result<i64, Error> {
    insert_with(transaction, job, "").await?.ok_or(Error::Missing("a job that was just enqueued"))
}

async fn insert_with(transaction: &Transaction, job: &NewJob, on_conflict: &str) -> Result<Option<i64>, Error> {
    let sql = format!(
        "INSERT INTO jobs.job ({COLUMNS})
         VALUES ($1, $2, $3, $4, $5, $6, coalesce($7::timestamptz, clock_timestamp() + $8 * interval '1 second'),
                 $9, $10, $11, clock_timestamp())
         {on_conflict} RETURNING id"
    );
    let statement = transaction.prepare_cached(&sql).await?;
    let (status, at, after) = match job.start {
        Start::Now => ("available", None, 0.0),
        Start::After(delay) => ("scheduled", None, seconds(delay)),
        Start::At(time) => ("scheduled", Some(time), 0.0),
    };
    let request = current_request();
    let request_id = request.as_ref().map(|request| &**request.id());
    let key = job.unique.as_ref().filter(|unique| unique.period.is_none()).map(|unique| unique.key.as_str());
    let parameters: [&(dyn ToSql + Sync); 11] = [
        &job.queue,
        &job.kind,
        &job.priority,
        &job.tenant,
        &job.payload,
        &status,
        &at,
        &after,
        &job.max_attempts,
        &key,
        &request_id,
    ];
    Ok(transaction.query_opt(&statement, &parameters).await?.map(|row| row.get(0)))
}

/// Inserts a job unless there is one with its key.
pub(crate) async fn insert_unique(transaction: &Transaction, job: &NewJob, unique: &Unique) -> Result<Enqueued, Error> {
    let Some(period) = unique.period else {
        let unless = "ON CONFLICT (kind, unique_key) WHERE unique_key IS NOT NULL DO NOTHING";
        for _ in 0..3 {
            if let Some(id) = insert_with(transaction, job, unless).await? {
                return Ok(Enqueued::New(id));
            }
            let sql = "SELECT id FROM jobs.job WHERE kind = $1 AND unique_key = $2";
            let statement = transaction.prepare_cached(sql).await?;
            if let Some(row) = transaction.query_opt(&statement, &[&job.kind, &unique.key]).await? {
                return Ok(Enqueued::Known(row.get(0)));
            }
            // It ended between the two.
        }
        return Err(Error::Missing("a job with the same key, which was there a moment ago"));
    };
    let take = transaction
        .prepare_cached(
            "INSERT INTO jobs.used_key (kind, key, job_id, until)
             VALUES ($1, $2, 0, clock_timestamp() + $3 * interval '1 second')
             ON CONFLICT (kind, key) DO UPDATE SET until = excluded.until
             WHERE used_key.until <= clock_timestamp()
                OR used_key.until > clock_timestamp() + $3 * interval '1 second'",
        )
        .await?;
    if transaction.execute(&take, &[&job.kind, &unique.key, &seconds(period)]).await? == 0 {
        let sql = "SELECT job_id FROM jobs.used_key WHERE kind = $1 AND key = $2";
        let statement = transaction.prepare_cached(sql).await?;
        return Ok(Enqueued::Known(transaction.query_one(&statement, &[&job.kind, &unique.key]).await?.get(0)));
    }
    let id = insert(transaction, job).await?;
    let note = transaction.prepare_cached("UPDATE jobs.used_key SET job_id = $3 WHERE kind = $1 AND key = $2").await?;
    transaction.execute(&note, &[&job.kind, &unique.key, &id]).await?;
    Ok(Enqueued::New(id))
}

/// Inserts many, none of which has a key.
pub(crate) async fn insert_all(transaction: &Transaction, jobs: &[NewJob]) -> Result<(), Error> {
    let types = [
        Type::TEXT,
        Type::TEXT,
        Type::INT2,
        Type::TEXT,
        Type::JSONB,
        Type::TEXT,
        Type::TIMESTAMPTZ,
        Type::INT2,
        Type::TEXT,
        Type::TEXT,
        Type::TIMESTAMPTZ,
    ];
    let now = now(transaction.client()).await?;
    let request = current_request();
    let request_id = request.as_ref().map(|request| &**request.id());
    let copy = transaction.prepare_cached(&format!("COPY jobs.job ({COLUMNS}) FROM STDIN (FORMAT binary)")).await?;
    let sink = transaction.copy_in(&copy).await?;
    let mut rows = pin!(BinaryCopyInWriter::new(sink, &types));
    for job in jobs {
        let (status, run_at) = match job.start {
            Start::Now => ("available", now),
            Start::After(delay) => ("scheduled", now.checked_add(delay.min(LONGEST_DELAY)).unwrap_or(Timestamp::MAX)),
            Start::At(time) => ("scheduled", time),
        };
        let no_key: Option<&str> = None;
        let row: [&(dyn ToSql + Sync); 11] = [
            &job.queue,
            &job.kind,
            &job.priority,
            &job.tenant,
            &job.payload,
            &status,
            &run_at,
            &job.max_attempts,
            &no_key,
            &request_id,
            &now,
        ];
        rows.as_mut().write(&row).await?;
    }
    rows.finish().await?;
    Ok(())
}

/// A worker comes to be.
pub(crate) async fn register(client: &Pooled, id: Uuid, name: &str, queues: &[String]) -> Result<(), Error> {
    let statement = client
        .prepare_cached(
            "INSERT INTO jobs.worker (id, name, queues, started_at, seen_at)
             VALUES ($1, $2, $3, clock_timestamp(), clock_timestamp())",
        )
        .await?;
    client.execute(&statement, &[&id, &name, &queues]).await?;
    Ok(())
}

/// A worker is alive. `None` when it has been taken for dead; otherwise those of its jobs that are to be cancelled.
/// On a connection of its own: a pool that is busy is no reason to die.
pub(crate) async fn beat(client: &Client, worker: Uuid, held: &[i64]) -> Result<Option<Vec<i64>>, Error> {
    let sql = "WITH seen AS (UPDATE jobs.worker SET seen_at = clock_timestamp() WHERE id = $1 RETURNING id)
               SELECT ARRAY(SELECT job.id FROM jobs.job
                            WHERE job.id = ANY ($2) AND job.worker = $1 AND job.is_cancelled)
               FROM seen";
    let types = [(&worker as &(dyn ToSql + Sync), Type::UUID), (&held, Type::INT8_ARRAY)];
    Ok(client.query_typed(sql, &types).await?.first().map(|row| row.get(0)))
}

/// Gives back what a worker was given a lease ago and does not know of: a claim whose answer was lost, a job that
/// could not be given back. Tells how many.
pub(crate) async fn reconcile(client: &Pooled, worker: Uuid, held: &[i64], lease: Duration) -> Result<usize, Error> {
    let strays = client
        .prepare_cached(
            "SELECT id, claim FROM jobs.job
             WHERE worker = $1 AND status = 'running' AND started_at < clock_timestamp() - $3 * interval '1 second'
               AND NOT id = ANY ($2)",
        )
        .await?;
    let rows = client.query(&strays, &[&worker, &held, &seconds(lease)]).await?;
    let tokens: Vec<Token> = rows.iter().map(|row| Token { id: row.get(0), claim: row.get(1), worker }).collect();
    if !tokens.is_empty() {
        release(client, worker, &tokens).await?;
    }
    Ok(tokens.len())
}

/// A worker ends in order: it has no jobs any more.
pub(crate) async fn unregister(client: &Pooled, worker: Uuid) -> Result<(), Error> {
    let statement = client
        .prepare_cached(
            "DELETE FROM jobs.worker
             WHERE id = $1 AND NOT EXISTS (SELECT FROM jobs.job WHERE worker = $1 AND status = 'running')",
        )
        .await?;
    client.execute(&statement, &[&worker]).await?;
    Ok(())
}

/// Jobs of a queue that wait in one lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Share {
    pub(crate) priority: i16,
    pub(crate) tenant: String,
    /// Those up to this id are not looked at.
    pub(crate) above: i64,
    pub(crate) at_most: i64,
}

impl Share {
    pub(crate) fn lane(&self) -> (i16, &str) {
        (self.priority, &self.tenant)
    }
}

/// Claims up to `at_most` jobs of a queue from these lanes, which are in the order in which they are served.
pub(crate) async fn claim(
    client: &Pooled,
    worker: Uuid,
    queue: &str,
    lanes: &[Share],
    at_most: i64,
) -> Result<Vec<Claimed>, Error> {
    let statement = client.prepare_cached("SELECT * FROM jobs.claim($1, $2, $3, $4, $5, $6, $7)").await?;
    let priorities: Vec<i16> = lanes.iter().map(|lane| lane.priority).collect();
    let tenants: Vec<&str> = lanes.iter().map(|lane| lane.tenant.as_str()).collect();
    let above: Vec<i64> = lanes.iter().map(|lane| lane.above).collect();
    let shares: Vec<i64> = lanes.iter().map(|lane| lane.at_most).collect();
    let parameters: [&(dyn ToSql + Sync); 7] = [&worker, &queue, &priorities, &tenants, &above, &shares, &at_most];
    let rows = client.query(&statement, &parameters).await?;
    Ok(rows
        .iter()
        .map(|row| Claimed {
            token: Token { id: row.get(0), claim: row.get(1), worker },
            kind: row.get(2),
            payload: row.get(3),
            failures: row.get(4),
            lane: (row.get(5), row.get(6)),
            request_id: row.get(7),
            max_attempts: row.get(9),
            waited: Duration::try_from_secs_f64(row.get(8)).unwrap_or_default(),
        })
        .collect())
}

/// The lanes of a queue in which something waits, the most urgent first, from behind one of them on, and the lowest
/// id in each.
pub(crate) async fn lanes(
    client: &Pooled,
    queue: &str,
    behind: Option<&(i16, String)>,
    at_most: i64,
) -> Result<Vec<Found>, Error> {
    let statement = client.prepare_cached(&with_weights("jobs.lanes($1, $2, $3, $4)")).await?;
    // No lane has priority 0.
    let (priority, tenant) = behind.map_or((0, ""), |(priority, tenant)| (*priority, tenant.as_str()));
    let rows = client.query(&statement, &[&queue, &priority, &tenant, &at_most]).await?;
    Ok(rows.iter().map(found).collect())
}

/// Lanes of a queue in which something waits, other than those that are known: what lies in these is not walked over.
pub(crate) async fn lanes_between(
    client: &Pooled,
    queue: &str,
    known: &[(i16, &str)],
    at_most: i64,
) -> Result<Vec<Found>, Error> {
    let statement = client.prepare_cached(&with_weights("jobs.lanes_between($1, $2, $3, $4)")).await?;
    let (priorities, tenants): (Vec<i16>, Vec<&str>) = known.iter().copied().unzip();
    let rows = client.query(&statement, &[&queue, &priorities, &tenants, &at_most]).await?;
    Ok(rows.iter().map(found).collect())
}

fn with_weights(lanes: &str) -> String {
    format!(
        "SELECT lane.priority, lane.tenant, lane.lowest, coalesce(weight.weight, 1::int2)
         FROM {lanes} AS lane LEFT JOIN jobs.weight ON weight.queue = $1 AND weight.tenant = lane.tenant
         ORDER BY lane.priority, lane.tenant"
    )
}

fn found(row: &Row) -> Found {
    Found {
        priority: row.get(0),
        tenant: row.get(1),
        lowest: row.get(2),
        weight: u16::try_from(row.get::<_, i16>(3)).unwrap_or(1),
    }
}

/// How many jobs of a queue may be begun now by its rate, up to `wanted`; where none, in how long one may. They count
/// as begun.
pub(crate) async fn permits(
    client: &Pooled,
    queue: &str,
    rate: Rate,
    wanted: i64,
) -> Result<Result<i64, Duration>, Error> {
    // Nothing is written while there is nothing to do.
    let waits =
        client.prepare_cached("SELECT EXISTS (SELECT FROM jobs.job WHERE queue = $1 AND status = 'available')").await?;
    if !client.query_one(&waits, &[&queue]).await?.get::<_, bool>(0) {
        return Ok(Ok(0));
    }
    let statement = client
        .prepare_cached(
            "WITH old AS MATERIALIZED (
                 -- Never further ahead than a whole burst: what is was written while the clock was wrong.
                 SELECT clock_timestamp() AS now,
                        least(next_at, clock_timestamp() + ($4::float8 + 1) * $3::float8 * interval '1 second') AS next_at
                 FROM jobs.rate WHERE queue = $1 FOR UPDATE
             ), given AS (
                 SELECT now, greatest(next_at, now) AS base,
                        greatest(0, least($2::int8, floor($4::float8 - extract(epoch FROM greatest(next_at, now) - now)
                                                                       / $3::float8)::int8)) AS count
                 FROM old
             )
             UPDATE jobs.rate SET next_at = base + count * $3 * interval '1 second'
             FROM given WHERE queue = $1
             RETURNING count, extract(epoch FROM base - now)::float8 - ($4 - 1) * $3",
        )
        .await?;
    let (each, burst) = (rate.each().as_secs_f64(), f64::from(rate.burst.max(1)));
    let row = match client.query_opt(&statement, &[&queue, &wanted, &each, &burst]).await? {
        Some(row) => row,
        None => {
            let first = client
                .prepare_cached(
                    "INSERT INTO jobs.rate (queue, next_at) VALUES ($1, clock_timestamp()) ON CONFLICT DO NOTHING",
                )
                .await?;
            client.execute(&first, &[&queue]).await?;
            client.query_one(&statement, &[&queue, &wanted, &each, &burst]).await?
        }
    };
    let count: i64 = row.get(0);
    Ok(if count > 0 { Ok(count) } else { Err(Duration::try_from_secs_f64(row.get(1)).unwrap_or_default()) })
}

/// Gives back what was counted as begun and was not.
pub(crate) async fn return_permits(client: &Pooled, queue: &str, rate: Rate, unused: i64) -> Result<(), Error> {
    let statement = client
        .prepare_cached("UPDATE jobs.rate SET next_at = next_at - $2 * interval '1 second' WHERE queue = $1")
        .await?;
    let given_back = rate.each().as_secs_f64() * unused as f64;
    client.execute(&statement, &[&queue, &given_back]).await?;
    Ok(())
}

/// Makes available what is due. Tells the queues that got something, and in how long the next is due.
pub(crate) async fn promote(client: &Pooled) -> Result<(Vec<String>, Option<Duration>), Error> {
    let promote = client.prepare_cached("SELECT DISTINCT queue FROM jobs.promote(1000) AS queue").await?;
    let queues: Vec<String> = client.query(&promote, &[]).await?.iter().map(|row| row.get(0)).collect();
    let next = client
        .prepare_cached(
            "SELECT greatest(extract(epoch FROM min(run_at) - clock_timestamp()), 0)::float8 FROM jobs.job
             WHERE status IN ('scheduled', 'retryable')",
        )
        .await?;
    let next: Option<f64> = client.query_one(&next, &[]).await?.get(0);
    Ok((queues, next.map(|seconds| Duration::from_secs_f64(seconds.min(86_400.0)))))
}

/// What is kept of a payload when its job has ended: all but its secret.
const KEPT: &str = "CASE WHEN jsonb_typeof(payload) = 'object' THEN payload - 'secret' ELSE payload END";

/// Where jobs go that have ended, from rows of `jobs.job` with an outcome and an error.
const END: &str = "INSERT INTO jobs.ended
    (id, queue, kind, priority, tenant, payload, outcome, error, failures, request_id, created_at, started_at, ended_at)";

/// Records that jobs are done. Tells how many still were this worker's.
pub(crate) async fn complete(client: &Pooled, worker: Uuid, tokens: &[Token]) -> Result<u64, Error> {
    let statement = client.prepare_cached("SELECT jobs.complete($1, $2, $3)").await?;
    let ids: Vec<i64> = tokens.iter().map(|token| token.id).collect();
    let claims: Vec<i32> = tokens.iter().map(|token| token.claim).collect();
    let done: i64 = client.query_one(&statement, &[&worker, &ids, &claims]).await?.get(0);
    Ok(done.cast_unsigned())
}

/// The same for one, with its effect.
pub(crate) async fn complete_within(transaction: &Transaction, token: Token) -> Result<bool, Error> {
    Ok(complete(transaction.client(), token.worker, &[token]).await? > 0)
}

/// How an attempt ended that did not end well.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) token: Token,
    /// As `jobs.attempt` names it.
    pub(crate) outcome: &'static str,
    pub(crate) error: String,
    /// When it may be tried again; never, when there is none.
    pub(crate) again_after: Option<Duration>,
    /// Whether it counts against the attempts that it has.
    pub(crate) counts: bool,
}

/// What became of a job of which an attempt failed.
pub(crate) struct Failed {
    pub(crate) kind: String,
    pub(crate) queue: String,
    pub(crate) is_final: bool,
}

/// Records it, and has the job wait for its next attempt, or end. None when the job was not this worker's.
pub(crate) async fn fail(client: &Pooled, failure: &Failure) -> Result<Option<Failed>, Error> {
    let sql = format!(
        "WITH mine AS MATERIALIZED (
             SELECT job.*, is_cancelled OR $6::float8 IS NULL OR ($7 AND failures + 1 >= max_attempts) AS ends
             FROM jobs.job WHERE id = $1 AND claim = $2 AND worker = $3 FOR UPDATE
         ), noted AS (
             INSERT INTO jobs.attempt (job_id, claim, outcome, error, worker, started_at, ended_at)
             SELECT id, claim, $4, $5, worker, started_at, clock_timestamp() FROM mine
         ), waits AS (
             UPDATE jobs.job
             SET status = 'retryable', worker = NULL, failures = job.failures + $7::boolean::int,
                 run_at = clock_timestamp() + $6 * interval '1 second'
             FROM mine WHERE job.id = $1 AND NOT mine.ends
         ), gone AS (
             DELETE FROM jobs.job USING mine WHERE job.id = $1 AND mine.ends
         ), ended AS (
             {END}
             SELECT id, queue, kind, priority, tenant, {KEPT},
                    CASE WHEN is_cancelled OR $4 = 'cancelled' THEN 'cancelled' ELSE 'discarded' END, $5,
                    failures + $7::boolean::int, request_id, created_at, started_at, clock_timestamp()
             FROM mine WHERE ends
         )
         SELECT kind, queue, ends FROM mine"
    );
    let statement = client.prepare_cached(&sql).await?;
    let Failure { token, outcome, error, again_after, counts } = failure;
    let error = plain(error, 4_000);
    let again_after = again_after.map(seconds);
    let parameters: [&(dyn ToSql + Sync); 7] =
        [&token.id, &token.claim, &token.worker, outcome, &error, &again_after, counts];
    let row = client.query_opt(&statement, &parameters).await?;
    Ok(row.map(|row| Failed { kind: row.get(0), queue: row.get(1), is_final: row.get(2) }))
}

/// Gives back jobs; those that are to be cancelled end.
pub(crate) async fn release(client: &Pooled, worker: Uuid, tokens: &[Token]) -> Result<(), Error> {
    let sql = format!(
        "WITH mine AS MATERIALIZED (
             SELECT job.* FROM unnest($2::int8[], $3::int4[]) AS back (id, claim) JOIN jobs.job USING (id, claim)
             WHERE job.worker = $1 AND job.id = ANY ($2) ORDER BY job.id FOR UPDATE OF job
         ), waits AS (
             UPDATE jobs.job SET status = 'available', worker = NULL FROM mine
             WHERE job.id = ANY ($2) AND job.id = mine.id AND NOT mine.is_cancelled
         ), gone AS (
             DELETE FROM jobs.job USING mine WHERE job.id = ANY ($2) AND job.id = mine.id AND mine.is_cancelled
         )
         {END}
         SELECT id, queue, kind, priority, tenant, {KEPT}, 'cancelled', NULL, failures, request_id, created_at,
                started_at, clock_timestamp()
         FROM mine WHERE is_cancelled"
    );
    let statement = client.prepare_cached(&sql).await?;
    let ids: Vec<i64> = tokens.iter().map(|token| token.id).collect();
    let claims: Vec<i32> = tokens.iter().map(|token| token.claim).collect();
    client.execute(&statement, &[&worker, &ids, &claims]).await?;
    Ok(())
}

pub(crate) async fn progress(
    transaction: &Transaction,
    token: Token,
    percent: i16,
    message: &str,
) -> Result<bool, Error> {
    let statement = transaction
        .prepare_cached(
            "UPDATE jobs.job SET progress = $4, message = $5
             WHERE id = $1 AND claim = $2 AND worker = $3",
        )
        .await?;
    let message = plain(message, 500);
    let parameters: [&(dyn ToSql + Sync); 5] = [&token.id, &token.claim, &token.worker, &percent, &message];
    Ok(transaction.execute(&statement, &parameters).await? > 0)
}

/// Cancels a job: at once if it waits, as soon as its worker notices if it runs. Tells where it was.
pub(crate) async fn cancel(transaction: &Transaction, id: i64) -> Result<Option<bool>, Error> {
    let sql = format!(
        "WITH mine AS MATERIALIZED (SELECT * FROM jobs.job WHERE id = $1 FOR UPDATE),
         told AS (UPDATE jobs.job SET is_cancelled = true FROM mine WHERE job.id = $1 AND mine.status = 'running'),
         gone AS (DELETE FROM jobs.job USING mine WHERE job.id = $1 AND mine.status <> 'running'),
         ended AS (
             {END}
             SELECT id, queue, kind, priority, tenant, {KEPT}, 'cancelled', NULL, failures, request_id, created_at,
                    started_at, clock_timestamp()
             FROM mine WHERE status <> 'running'
         )
         SELECT status = 'running' FROM mine"
    );
    let statement = transaction.prepare_cached(&sql).await?;
    Ok(transaction.query_opt(&statement, &[&id]).await?.map(|row| row.get(0)))
}

/// The database's time.
pub(crate) async fn now(client: &Pooled) -> Result<Timestamp, Error> {
    let statement = client.prepare_cached("SELECT clock_timestamp()").await?;
    Ok(client.query_one(&statement, &[]).await?.get(0))
}

/// Has a schedule begin at its next slot, unless it is known with the same pattern.
/// `latest` is the latest that can have been planned while the clock was right.
pub(crate) async fn plan(
    client: &Pooled,
    name: &str,
    pattern: &str,
    next_at: Timestamp,
    latest: Timestamp,
) -> Result<(), Error> {
    let statement = client
        .prepare_cached(
            "INSERT INTO jobs.schedule (name, pattern, next_at) VALUES ($1, $2, $3)
             ON CONFLICT (name) DO UPDATE SET pattern = excluded.pattern, next_at = excluded.next_at
             WHERE schedule.pattern <> excluded.pattern OR schedule.next_at > $4",
        )
        .await?;
    client.execute(&statement, &[&name, &pattern, &next_at, &latest]).await?;
    Ok(())
}

/// The slot of a schedule that has come, and the time now; nobody else gets it meanwhile. None for a program that
/// has it with another pattern than the one that holds.
pub(crate) async fn due_slot(
    transaction: &Transaction,
    name: &str,
    pattern: &str,
) -> Result<Option<(Timestamp, Timestamp)>, Error> {
    let statement = transaction
        .prepare_cached(
            "SELECT next_at, clock_timestamp() FROM jobs.schedule
             WHERE name = $1 AND pattern = $2 AND next_at <= clock_timestamp() FOR UPDATE SKIP LOCKED",
        )
        .await?;
    let row = transaction.query_opt(&statement, &[&name, &pattern]).await?;
    Ok(row.map(|row| (row.get(0), row.get(1))))
}

/// A slot has its job.
pub(crate) async fn move_on(
    transaction: &Transaction,
    name: &str,
    slot: Timestamp,
    job: i64,
    next_at: Timestamp,
) -> Result<(), Error> {
    let statement = transaction
        .prepare_cached("UPDATE jobs.schedule SET last_at = $2, last_id = $3, next_at = $4 WHERE name = $1")
        .await?;
    transaction.execute(&statement, &[&name, &slot, &job, &next_at]).await?;
    Ok(())
}

/// In how long the next slot of these comes.
pub(crate) async fn next_slot(client: &Pooled, names: &[&str], patterns: &[&str]) -> Result<Option<Duration>, Error> {
    let statement = client
        .prepare_cached(
            "SELECT greatest(extract(epoch FROM min(next_at) - clock_timestamp()), 0)::float8
             FROM jobs.schedule JOIN unnest($1::text[], $2::text[]) AS own (name, pattern) USING (name, pattern)",
        )
        .await?;
    let next: Option<f64> = client.query_one(&statement, &[&names, &patterns]).await?.get(0);
    Ok(next.map(|seconds| Duration::from_secs_f64(seconds.min(86_400.0))))
}

/// Whether that changed anything.
pub(crate) async fn pause(transaction: &Transaction, queue: &str, is_paused: bool) -> Result<bool, Error> {
    let sql = if is_paused {
        "INSERT INTO jobs.pause (queue, paused_at) VALUES ($1, clock_timestamp()) ON CONFLICT DO NOTHING"
    } else {
        "DELETE FROM jobs.pause WHERE queue = $1"
    };
    let statement = transaction.prepare_cached(sql).await?;
    Ok(transaction.execute(&statement, &[&queue]).await? > 0)
}

/// Forgets some of what ended longer ago than `keep`, and of the keys whose period is over. What was discarded is
/// kept until somebody clears it. Tells how many rows went.
pub(crate) async fn forget(client: &Pooled, keep: Duration, at_most: i64) -> Result<u64, Error> {
    let jobs = client
        .prepare_cached(
            "WITH old AS MATERIALIZED (
                 SELECT id FROM jobs.ended
                 WHERE ended_at < clock_timestamp() - $1 * interval '1 second' AND outcome <> 'discarded'
                 ORDER BY ended_at LIMIT $2 FOR UPDATE SKIP LOCKED
             ), attempts AS (
                 DELETE FROM jobs.attempt USING old WHERE attempt.job_id = old.id
             )
             DELETE FROM jobs.ended USING old WHERE ended.id = old.id",
        )
        .await?;
    let keys = client
        .prepare_cached(
            "DELETE FROM jobs.used_key WHERE ctid IN
             (SELECT ctid FROM jobs.used_key WHERE until < clock_timestamp() LIMIT $1)",
        )
        .await?;
    let tallies =
        client.prepare_cached("DELETE FROM jobs.tally WHERE minute < clock_timestamp() - interval '25 hours'").await?;
    client.execute(&tallies, &[]).await?;
    Ok(client.execute(&jobs, &[&seconds(keep), &at_most]).await? + client.execute(&keys, &[&at_most]).await?)
}
