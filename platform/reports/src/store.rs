//! What reports ask of the database.
//!
//! **Invariant:** an attempt writes nothing once another has begun.

use std::sync::Arc;

use entrepot_pg::tokio_postgres::Row;
use entrepot_pg::{Error, Pooled, Transaction};
use entrepot_web::Below;
use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::Value;
use uuid::Uuid;

use crate::Format;

/// What is to be made.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) id: Uuid,
    pub(crate) owner: Uuid,
    pub(crate) kind: String,
    pub(crate) format: Format,
    pub(crate) parameters: Value,
    pub(crate) schedule_id: Option<Uuid>,
    pub(crate) mail_to: Option<String>,
    /// The day that periods are reckoned from.
    pub(crate) as_of: Date,
}

/// What was made.
#[derive(Clone, Debug)]
pub(crate) struct Made {
    pub(crate) title: String,
    pub(crate) period: String,
    pub(crate) scope: Option<Arc<[String]>>,
    pub(crate) place: String,
    pub(crate) bytes: i64,
    pub(crate) sha256: Vec<u8>,
    pub(crate) finished_at: Timestamp,
    pub(crate) expires_at: Timestamp,
}

/// A report as it is written down.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    pub(crate) id: Uuid,
    pub(crate) owner: Uuid,
    pub(crate) kind: String,
    pub(crate) format: Format,
    pub(crate) parameters: Value,
    pub(crate) scope: Option<Arc<[String]>>,
    pub(crate) schedule_id: Option<Uuid>,
    pub(crate) status: String,
    pub(crate) percent: Option<i16>,
    pub(crate) title: Option<String>,
    pub(crate) period: Option<String>,
    pub(crate) place: Option<String>,
    pub(crate) bytes: Option<i64>,
    pub(crate) sha256: Option<Vec<u8>>,
    pub(crate) error: Option<String>,
    pub(crate) job_id: Option<i64>,
    pub(crate) created_at: Timestamp,
    pub(crate) finished_at: Option<Timestamp>,
    pub(crate) expires_at: Option<Timestamp>,
}

const COLUMNS: &str = "id, owner, kind, format, parameters, scope, schedule_id, status, percent, title, period, place, \
                       bytes, sha256, error, job_id, created_at, finished_at, expires_at";

fn format(row: &Row, at: usize) -> Result<Format, Error> {
    Format::named(row.try_get(at)?).ok_or(Error::Missing("a format that is known"))
}

fn written(row: &Row) -> Result<Written, Error> {
    let scope: Option<Vec<String>> = row.try_get(5)?;
    Ok(Written {
        id: row.try_get(0)?,
        owner: row.try_get(1)?,
        kind: row.try_get(2)?,
        format: format(row, 3)?,
        parameters: row.try_get(4)?,
        scope: scope.map(Arc::from),
        schedule_id: row.try_get(6)?,
        status: row.try_get(7)?,
        percent: row.try_get(8)?,
        title: row.try_get(9)?,
        period: row.try_get(10)?,
        place: row.try_get(11)?,
        bytes: row.try_get(12)?,
        sha256: row.try_get(13)?,
        error: row.try_get(14)?,
        job_id: row.try_get(15)?,
        created_at: row.try_get(16)?,
        finished_at: row.try_get(17)?,
        expires_at: row.try_get(18)?,
    })
}

/// Of how many reports somebody waits at this moment; others of the same person take their turn after the transaction.
pub(crate) async fn under_way(transaction: &Transaction, owner: Uuid) -> Result<i64, Error> {
    let lock = "SELECT pg_advisory_xact_lock(hashtextextended('report:' || $1::uuid::text, 0))";
    transaction.execute(lock, &[&owner]).await?;
    let sql = "SELECT count(*) FROM reports.report
               WHERE owner = $1 AND schedule_id IS NULL AND status IN ('queued', 'running')";
    Ok(transaction.query_one(sql, &[&owner]).await?.try_get(0)?)
}

pub(crate) async fn order(transaction: &Transaction, order: &Order, now: Timestamp) -> Result<(), Error> {
    let Order { id, owner, kind, format, parameters, schedule_id, mail_to, as_of } = order;
    transaction
        .execute(
            "INSERT INTO reports.report (id, owner, kind, format, parameters, schedule_id, mail_to, created_at, as_of)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            &[id, owner, kind, &format.name(), parameters, schedule_id, mail_to, &now, as_of],
        )
        .await?;
    Ok(())
}

pub(crate) async fn set_job(transaction: &Transaction, id: Uuid, job: i64) -> Result<(), Error> {
    transaction.execute("UPDATE reports.report SET job_id = $2 WHERE id = $1", &[&id, &job]).await?;
    Ok(())
}

/// Begins an attempt at a report; none where there is nothing to be made.
pub(crate) async fn begin(client: &Pooled, id: Uuid, attempt: Uuid) -> Result<Option<Order>, Error> {
    let statement = client
        .prepare_cached(
            "UPDATE reports.report
             SET status = 'running', attempt = $2, percent = 0, error = NULL, finished_at = NULL, expires_at = NULL
             WHERE id = $1 AND status IN ('queued', 'running', 'failed')
             RETURNING id, owner, kind, format, parameters, schedule_id, mail_to, as_of",
        )
        .await?;
    let row = client.query_opt(&statement, &[&id, &attempt]).await?;
    row.map(|row| {
        Ok(Order {
            id: row.try_get(0)?,
            owner: row.try_get(1)?,
            kind: row.try_get(2)?,
            format: format(&row, 3)?,
            parameters: row.try_get(4)?,
            schedule_id: row.try_get(5)?,
            mail_to: row.try_get(6)?,
            as_of: row.try_get(7)?,
        })
    })
    .transpose()
}

/// `false` where it is another attempt's now.
pub(crate) async fn progress(transaction: &Transaction, id: Uuid, attempt: Uuid, percent: i16) -> Result<bool, Error> {
    let sql = "UPDATE reports.report SET percent = $3 WHERE id = $1 AND attempt = $2 AND status = 'running'";
    Ok(transaction.execute(sql, &[&id, &attempt, &percent]).await? > 0)
}

/// Records the file; `false` where it is another attempt's now.
pub(crate) async fn done(transaction: &Transaction, id: Uuid, attempt: Uuid, made: &Made) -> Result<bool, Error> {
    let scope = made.scope.as_ref().map(|scope| scope.to_vec());
    let moved = transaction
        .execute(
            "UPDATE reports.report
             SET status = 'done', percent = 100, title = $3, period = $4, scope = $5, place = $6, bytes = $7,
                 sha256 = $8, finished_at = $9, expires_at = $10, error = NULL
             WHERE id = $1 AND attempt = $2 AND status = 'running'",
            &[
                &id,
                &attempt,
                &made.title,
                &made.period,
                &scope,
                &made.place,
                &made.bytes,
                &made.sha256,
                &made.finished_at,
                &made.expires_at,
            ],
        )
        .await?;
    Ok(moved > 0)
}

/// Records that it cannot be made; tells whose it is, unless it has ended or is another attempt's.
pub(crate) async fn failed(
    transaction: &Transaction,
    id: Uuid,
    attempt: Option<Uuid>,
    why: &str,
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<Option<(Uuid, String)>, Error> {
    let row = transaction
        .query_opt(
            "UPDATE reports.report
             SET status = 'failed', error = left($3, 500), finished_at = $4, expires_at = $5, attempt = NULL
             WHERE id = $1 AND status IN ('queued', 'running') AND ($2::uuid IS NULL OR attempt = $2)
             RETURNING owner, kind",
            &[&id, &attempt, &why, &now, &expires_at],
        )
        .await?;
    row.map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).transpose()
}

/// Records that a file is gone before its time.
pub(crate) async fn vanished(client: &Pooled, id: Uuid) -> Result<(), Error> {
    let sql = "UPDATE reports.report SET status = 'expired', expires_at = least(expires_at, now())
               WHERE id = $1 AND status = 'done'";
    client.execute(sql, &[&id]).await?;
    Ok(())
}

/// Cancels what is not finished, and lets what is expire at once; `false` where there is nothing to cancel.
pub(crate) async fn cancel(transaction: &Transaction, id: Uuid, now: Timestamp) -> Result<bool, Error> {
    let moved = transaction
        .execute(
            "UPDATE reports.report
             SET status = CASE WHEN status = 'done' THEN 'expired' ELSE 'cancelled' END, attempt = NULL,
                 finished_at = coalesce(finished_at, $2), expires_at = $2
             WHERE id = $1 AND status IN ('queued', 'running', 'done')",
            &[&id, &now],
        )
        .await?;
    Ok(moved > 0)
}

pub(crate) async fn by_id(client: &Pooled, id: Uuid) -> Result<Option<Written>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM reports.report WHERE id = $1");
    let statement = client.prepare_cached(&sql).await?;
    client.query_opt(&statement, &[&id]).await?.as_ref().map(written).transpose()
}

/// The reports of a person, or of all, the newest first.
pub(crate) async fn list(
    client: &Pooled,
    owner: Option<Uuid>,
    schedule: Option<Uuid>,
    part: Below<Uuid>,
) -> Result<Vec<Written>, Error> {
    let sql = format!(
        "SELECT {COLUMNS} FROM reports.report
         WHERE ($1::uuid IS NULL OR owner = $1) AND ($2::uuid IS NULL OR schedule_id = $2)
           AND ($3::uuid IS NULL OR id < $3)
         ORDER BY id DESC LIMIT $4 OFFSET $5"
    );
    let rows = client.query(&sql, &[&owner, &schedule, &part.id, &part.at_most, &part.skipped]).await?;
    rows.iter().map(written).collect()
}

/// Reports that are to be made, and the jobs that make them: those that were ordered a while ago.
pub(crate) async fn unfinished(client: &Pooled, now: Timestamp) -> Result<Vec<(Uuid, Option<i64>)>, Error> {
    let rows = client
        .query(
            "SELECT id, job_id FROM reports.report
             WHERE status IN ('queued', 'running') AND created_at < $1::timestamptz - interval '1 minute'
             ORDER BY id LIMIT 1000",
            &[&now],
        )
        .await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

/// Marks what has had its time, and tells of which reports files still lie about.
pub(crate) async fn expire(client: &Pooled, now: Timestamp) -> Result<Vec<Uuid>, Error> {
    let sql = "UPDATE reports.report SET status = 'expired' WHERE status = 'done' AND expires_at <= $1";
    client.execute(sql, &[&now]).await?;
    let rows = client
        .query(
            "SELECT id FROM reports.report
             WHERE status IN ('failed', 'cancelled', 'expired') AND expires_at <= $1
               AND (place IS NOT NULL OR created_at < $1::timestamptz - interval '30 days')
             ORDER BY expires_at LIMIT 100",
            &[&now],
        )
        .await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// Forgets where a file lay that is gone, and the report itself a month after it was ordered.
pub(crate) async fn forget(client: &Pooled, id: Uuid, now: Timestamp) -> Result<(), Error> {
    client.execute("UPDATE reports.report SET place = NULL WHERE id = $1", &[&id]).await?;
    let sql = "DELETE FROM reports.report WHERE id = $1 AND created_at < $2::timestamptz - interval '30 days'";
    client.execute(sql, &[&id, &now]).await?;
    Ok(())
}

/// What is made again and again.
#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    pub(crate) id: Uuid,
    pub(crate) owner: Uuid,
    pub(crate) kind: String,
    pub(crate) format: Format,
    pub(crate) parameters: Value,
    pub(crate) pattern: String,
    pub(crate) zone: String,
    pub(crate) mail_to: Option<String>,
    pub(crate) is_enabled: bool,
    pub(crate) next_at: Timestamp,
    pub(crate) last_at: Option<Timestamp>,
    pub(crate) created_at: Timestamp,
}

const SCHEDULE: &str =
    "id, owner, kind, format, parameters, pattern, zone, mail_to, is_enabled, next_at, last_at, created_at";

fn schedule(row: &Row) -> Result<Schedule, Error> {
    Ok(Schedule {
        id: row.try_get(0)?,
        owner: row.try_get(1)?,
        kind: row.try_get(2)?,
        format: format(row, 3)?,
        parameters: row.try_get(4)?,
        pattern: row.try_get(5)?,
        zone: row.try_get(6)?,
        mail_to: row.try_get(7)?,
        is_enabled: row.try_get(8)?,
        next_at: row.try_get(9)?,
        last_at: row.try_get(10)?,
        created_at: row.try_get(11)?,
    })
}

/// Writes a schedule down; `false` where its owner has as many as may be.
pub(crate) async fn schedule_insert(transaction: &Transaction, new: &Schedule, at_most: i64) -> Result<bool, Error> {
    let lock = "SELECT pg_advisory_xact_lock(hashtextextended('report:' || $1::uuid::text, 0))";
    transaction.execute(lock, &[&new.owner]).await?;
    let made = transaction
        .execute(
            "INSERT INTO reports.schedule (id, owner, kind, format, parameters, pattern, zone, mail_to, is_enabled, next_at, created_at)
             SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11
             WHERE (SELECT count(*) FROM reports.schedule WHERE owner = $2) < $12",
            &[
                &new.id,
                &new.owner,
                &new.kind,
                &new.format.name(),
                &new.parameters,
                &new.pattern,
                &new.zone,
                &new.mail_to,
                &new.is_enabled,
                &new.next_at,
                &new.created_at,
                &at_most,
            ],
        )
        .await?;
    Ok(made > 0)
}

pub(crate) async fn schedules(client: &Pooled, owner: Option<Uuid>, part: Below<Uuid>) -> Result<Vec<Schedule>, Error> {
    let sql = format!(
        "SELECT {SCHEDULE} FROM reports.schedule
         WHERE ($1::uuid IS NULL OR owner = $1) AND ($2::uuid IS NULL OR id < $2)
         ORDER BY id DESC LIMIT $3 OFFSET $4"
    );
    client.query(&sql, &[&owner, &part.id, &part.at_most, &part.skipped]).await?.iter().map(schedule).collect()
}

pub(crate) async fn schedule_delete(transaction: &Transaction, id: Uuid, owner: Option<Uuid>) -> Result<bool, Error> {
    let sql = "DELETE FROM reports.schedule WHERE id = $1 AND ($2::uuid IS NULL OR owner = $2)";
    Ok(transaction.execute(sql, &[&id, &owner]).await? > 0)
}

/// Whose schedules are due, and of which kinds.
pub(crate) async fn due_owners(client: &Pooled, now: Timestamp, at_most: i64) -> Result<Vec<(Uuid, String)>, Error> {
    let sql = "SELECT DISTINCT owner, kind FROM (
                   SELECT owner, kind FROM reports.schedule WHERE is_enabled AND next_at <= $1 ORDER BY next_at LIMIT $2
               ) AS due";
    client.query(sql, &[&now, &at_most]).await?.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

/// Schedules whose slot has come; nobody else gets them meanwhile.
pub(crate) async fn due(transaction: &Transaction, now: Timestamp, at_most: i64) -> Result<Vec<Schedule>, Error> {
    let sql = format!(
        "SELECT {SCHEDULE} FROM reports.schedule WHERE is_enabled AND next_at <= $1
         ORDER BY next_at LIMIT $2 FOR UPDATE SKIP LOCKED"
    );
    transaction.query(&sql, &[&now, &at_most]).await?.iter().map(schedule).collect()
}

/// Schedules that are switched on, some at a time.
pub(crate) async fn planned(client: &Pooled, behind: Option<Uuid>, at_most: i64) -> Result<Vec<Schedule>, Error> {
    let sql = format!(
        "SELECT {SCHEDULE} FROM reports.schedule WHERE is_enabled AND ($1::uuid IS NULL OR id > $1) ORDER BY id LIMIT $2"
    );
    client.query(&sql, &[&behind, &at_most]).await?.iter().map(schedule).collect()
}

/// Plans another slot in the place of one that cannot be right.
pub(crate) async fn plan_anew(client: &Pooled, id: Uuid, was: Timestamp, next: Timestamp) -> Result<(), Error> {
    let sql = "UPDATE reports.schedule SET next_at = $3 WHERE id = $1 AND next_at = $2";
    client.execute(sql, &[&id, &was, &next]).await?;
    Ok(())
}

/// A schedule's slot has its report. Without another slot it is switched off.
pub(crate) async fn move_on(
    transaction: &Transaction,
    id: Uuid,
    now: Timestamp,
    next: Option<Timestamp>,
) -> Result<(), Error> {
    let sql = "UPDATE reports.schedule
               SET last_at = $2, next_at = coalesce($3, next_at), is_enabled = $3 IS NOT NULL WHERE id = $1";
    transaction.execute(sql, &[&id, &now, &next]).await?;
    Ok(())
}
