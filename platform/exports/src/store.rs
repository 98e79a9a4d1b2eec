//! What exports ask of the database.
//!
//! **Invariant:** whoever makes an export writes nothing once another attempt has begun: each has a turn of its own.

use std::sync::Arc;

use entrepot_pg::tokio_postgres::Row;
use entrepot_pg::{Error, Pooled, Transaction};
use entrepot_web::{Page, PageRequest, Position, Problem};
use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use crate::{Asked, Format};

const COLUMNS: &str = "id, owner, kind, format, parameters, scope, status, rows, bytes, pieces, total, last_key, \
                       sha256, error, created_at, finished_at, expires_at, job_id";

/// An export as it is written down.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    pub(crate) id: Uuid,
    pub(crate) owner: Uuid,
    pub(crate) kind: String,
    pub(crate) asked: Asked,
    pub(crate) status: String,
    pub(crate) rows: i64,
    pub(crate) bytes: i64,
    pub(crate) pieces: i32,
    pub(crate) total: Option<i64>,
    pub(crate) last_key: Option<String>,
    pub(crate) sha256: Option<Vec<u8>>,
    pub(crate) error: Option<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) finished_at: Option<Timestamp>,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) job_id: Option<i64>,
}

fn written(row: &Row) -> Result<Written, Error> {
    let format: &str = row.try_get(3)?;
    let scope: Option<Vec<String>> = row.try_get(5)?;
    Ok(Written {
        id: row.try_get(0)?,
        owner: row.try_get(1)?,
        kind: row.try_get(2)?,
        asked: Asked {
            format: Format::named(format).ok_or(Error::Missing("a format that is known"))?,
            parameters: row.try_get(4)?,
            scope: scope.map(Arc::from),
        },
        status: row.try_get(6)?,
        rows: row.try_get(7)?,
        bytes: row.try_get(8)?,
        pieces: row.try_get(9)?,
        total: row.try_get(10)?,
        last_key: row.try_get(11)?,
        sha256: row.try_get(12)?,
        error: row.try_get(13)?,
        created_at: row.try_get(14)?,
        finished_at: row.try_get(15)?,
        expires_at: row.try_get(16)?,
        job_id: row.try_get(17)?,
    })
}

/// Writes an order down; `false` where its owner has as many under way as may be.
pub(crate) async fn order(
    transaction: &Transaction,
    id: Uuid,
    owner: Uuid,
    kind: &str,
    asked: &Asked,
    now: Timestamp,
    at_most: i64,
) -> Result<bool, Error> {
    let scope = asked.scope.as_ref().map(|scope| scope.to_vec());
    // Two orders of one person take turns, or both would count the same.
    transaction
        .execute("SELECT pg_advisory_xact_lock(hashtextextended('export:' || $1::uuid::text, 0))", &[&owner])
        .await?;
    let made = transaction
        .execute(
            "INSERT INTO exports.export (id, owner, kind, format, parameters, scope, created_at)
             SELECT $1, $2, $3, $4, $5, $6, $7
             WHERE (SELECT count(*) FROM exports.export WHERE owner = $2 AND status IN ('queued', 'running')) < $8",
            &[&id, &owner, &kind, &asked.format.name(), &asked.parameters, &scope, &now, &at_most],
        )
        .await?;
    Ok(made > 0)
}

pub(crate) async fn by_id(client: &Pooled, id: Uuid) -> Result<Option<Written>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM exports.export WHERE id = $1");
    let statement = client.prepare_cached(&sql).await?;
    client.query_opt(&statement, &[&id]).await?.as_ref().map(written).transpose()
}

/// The exports of a person, or of all, the newest first.
pub(crate) async fn list(
    client: &Pooled,
    owner: Option<Uuid>,
    request: &PageRequest,
) -> Result<Result<(Vec<Written>, Page), Problem>, Error> {
    let fingerprint = entrepot_web::Cursor::fingerprint(&format!("exports {owner:?}"));
    let (mut at, mut of, mut offset) = (None, None, 0);
    match &request.position {
        Position::Start => {}
        Position::Offset(rows) => offset = i64::from(*rows),
        Position::Cursor(cursor) => {
            if let Err(problem) = cursor.check(fingerprint) {
                return Ok(Err(problem));
            }
            let texts: Vec<&str> = cursor.values.iter().filter_map(Value::as_str).collect();
            let (Some(time), Some(id)) = (
                texts.first().and_then(|text| text.parse::<Timestamp>().ok()),
                texts.get(1).and_then(|text| text.parse::<Uuid>().ok()),
            ) else {
                return Ok(Err(entrepot_web::Cursor::invalid()));
            };
            (at, of) = (Some(time), Some(id));
        }
    }
    let (sign, way) = if request.is_backwards() { (">", "") } else { ("<", " DESC") };
    let sql = format!(
        "SELECT {COLUMNS} FROM exports.export
         WHERE ($1::uuid IS NULL OR owner = $1) AND ($2::timestamptz IS NULL OR (created_at, id) {sign} ($2, $3::uuid))
         ORDER BY created_at{way}, id{way} LIMIT {} OFFSET {offset}",
        request.limit + 1
    );
    let rows = client.query(&sql, &[&owner, &at, &of]).await?;
    let found = rows.iter().map(written).collect::<Result<Vec<_>, _>>()?;
    let values = |one: &Written| vec![one.created_at.to_string().into(), one.id.to_string().into()];
    Ok(Ok(request.cut(found, fingerprint, values)))
}

/// Notes which job makes an export.
pub(crate) async fn set_job(transaction: &Transaction, id: Uuid, job: i64) -> Result<(), Error> {
    transaction.execute("UPDATE exports.export SET job_id = $2 WHERE id = $1", &[&id, &job]).await?;
    Ok(())
}

/// Begins an attempt at an export: from here on no earlier one can write. None where there is nothing to be made.
pub(crate) async fn begin(client: &Pooled, id: Uuid, turn: Uuid) -> Result<Option<Written>, Error> {
    // One that failed and is tried again by hand goes on from its last piece.
    let sql = format!(
        "UPDATE exports.export
         SET status = 'running', turn = $2, error = NULL, finished_at = NULL, expires_at = NULL
         WHERE id = $1 AND status IN ('queued', 'running', 'failed') RETURNING {COLUMNS}"
    );
    let statement = client.prepare_cached(&sql).await?;
    client.query_opt(&statement, &[&id, &turn]).await?.as_ref().map(written).transpose()
}

/// Whether it is still this attempt that makes it.
pub(crate) async fn is_turn(client: &Pooled, id: Uuid, turn: Uuid) -> Result<bool, Error> {
    let sql = "SELECT EXISTS (SELECT FROM exports.export WHERE id = $1 AND turn = $2 AND status = 'running')";
    let statement = client.prepare_cached(sql).await?;
    Ok(client.query_one(&statement, &[&id, &turn]).await?.try_get(0)?)
}

pub(crate) async fn set_total(client: &Pooled, id: Uuid, turn: Uuid, total: i64) -> Result<(), Error> {
    let sql = "UPDATE exports.export SET total = $3 WHERE id = $1 AND turn = $2 AND status = 'running'";
    client.execute(sql, &[&id, &turn, &total]).await?;
    Ok(())
}

/// A piece that lies among the files.
#[derive(Clone, Debug)]
pub(crate) struct StoredPiece {
    pub(crate) number: i32,
    pub(crate) place: String,
    pub(crate) begins: i64,
    pub(crate) bytes: i64,
}

/// Records a piece, if it is still this worker's turn.
pub(crate) async fn record(
    transaction: &Transaction,
    id: Uuid,
    turn: Uuid,
    piece: &StoredPiece,
    rows: i64,
    last_key: Option<&str>,
) -> Result<bool, Error> {
    let moved = transaction
        .execute(
            "UPDATE exports.export
             SET rows = rows + $3, bytes = bytes + $4, pieces = pieces + 1, last_key = coalesce($5, last_key)
             WHERE id = $1 AND turn = $2 AND status = 'running' AND pieces = $6",
            &[&id, &turn, &rows, &piece.bytes, &last_key, &piece.number],
        )
        .await?;
    if moved == 0 {
        return Ok(false);
    }
    transaction
        .execute(
            "INSERT INTO exports.piece (export_id, number, place, begins, bytes) VALUES ($1, $2, $3, $4, $5)",
            &[&id, &piece.number, &piece.place, &piece.begins, &piece.bytes],
        )
        .await?;
    Ok(true)
}

/// Ends an export, if it is still this worker's turn.
pub(crate) async fn end(
    transaction: &Transaction,
    id: Uuid,
    turn: Uuid,
    outcome: Result<&[u8], &str>,
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<bool, Error> {
    let (status, sha256, error) = match outcome {
        Ok(sha256) => ("done", Some(sha256), None),
        Err(error) => ("failed", None, Some(error)),
    };
    let moved = transaction
        .execute(
            "UPDATE exports.export
             SET status = $3, sha256 = $4, error = left($5, 500), finished_at = $6, expires_at = $7, turn = NULL
             WHERE id = $1 AND turn = $2 AND status = 'running'",
            &[&id, &turn, &status, &sha256, &error, &now, &expires_at],
        )
        .await?;
    Ok(moved > 0)
}

/// Records that a file is gone before its time.
pub(crate) async fn vanished(client: &Pooled, id: Uuid) -> Result<(), Error> {
    let sql = "UPDATE exports.export SET status = 'expired', sha256 = NULL, expires_at = least(expires_at, now())
               WHERE id = $1 AND status = 'done'";
    client.execute(sql, &[&id]).await?;
    Ok(())
}

/// Cancels what is not finished, and lets what is expire at once; `false` where there is nothing to cancel.
pub(crate) async fn cancel(transaction: &Transaction, id: Uuid, now: Timestamp) -> Result<bool, Error> {
    let moved = transaction
        .execute(
            "UPDATE exports.export
             SET status = CASE WHEN status = 'done' THEN 'expired' ELSE 'cancelled' END, sha256 = NULL,
                 finished_at = coalesce(finished_at, $2), expires_at = $2, turn = NULL
             WHERE id = $1 AND status IN ('queued', 'running', 'done')",
            &[&id, &now],
        )
        .await?;
    Ok(moved > 0)
}

pub(crate) async fn pieces(client: &Pooled, id: Uuid) -> Result<Vec<StoredPiece>, Error> {
    let rows = client
        .query("SELECT number, place, begins, bytes FROM exports.piece WHERE export_id = $1 ORDER BY number", &[&id])
        .await?;
    rows.iter()
        .map(|row| {
            Ok(StoredPiece {
                number: row.try_get(0)?,
                place: row.try_get(1)?,
                begins: row.try_get(2)?,
                bytes: row.try_get(3)?,
            })
        })
        .collect()
}

/// Exports that are to be made, and the jobs that make them: those that were ordered a while ago.
pub(crate) async fn unfinished(client: &Pooled, now: Timestamp) -> Result<Vec<(Uuid, Option<i64>)>, Error> {
    let rows = client
        .query(
            "SELECT id, job_id FROM exports.export
             WHERE status IN ('queued', 'running') AND (job_id IS NULL OR created_at < $1::timestamptz - interval '1 minute')
             ORDER BY created_at LIMIT 1000",
            &[&now],
        )
        .await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

/// Gives up what its job could not make, though no attempt was left that could say so: each took its worker with it.
pub(crate) async fn give_up(
    transaction: &Transaction,
    id: Uuid,
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<bool, Error> {
    let sql = "UPDATE exports.export
               SET status = 'failed', error = 'it could not be made', finished_at = $2, expires_at = $3, turn = NULL
               WHERE id = $1 AND status IN ('queued', 'running')";
    Ok(transaction.execute(sql, &[&id, &now, &expires_at]).await? > 0)
}

/// Marks what has had its time, and tells of which exports files still lie about.
pub(crate) async fn expire(client: &Pooled, now: Timestamp) -> Result<Vec<Uuid>, Error> {
    client
        .execute(
            "UPDATE exports.export SET status = 'expired', sha256 = NULL WHERE status = 'done' AND expires_at <= $1",
            &[&now],
        )
        .await?;
    let rows = client
        .query(
            "SELECT id FROM exports.export
             WHERE status IN ('failed', 'cancelled', 'expired') AND expires_at <= $1
               AND (pieces > 0 OR created_at < $1::timestamptz - interval '7 days') ORDER BY created_at LIMIT 100",
            &[&now],
        )
        .await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// Forgets the pieces of an export whose files are gone, and the export itself a week after it was ordered.
pub(crate) async fn forget(client: &Pooled, id: Uuid, now: Timestamp) -> Result<(), Error> {
    client.execute("DELETE FROM exports.piece WHERE export_id = $1", &[&id]).await?;
    // One that failed may still be tried again by hand: then it begins at the beginning.
    let anew = "UPDATE exports.export
                SET pieces = 0, last_key = NULL, rows = CASE status WHEN 'failed' THEN 0 ELSE rows END,
                    bytes = CASE status WHEN 'failed' THEN 0 ELSE bytes END
                WHERE id = $1";
    client.execute(anew, &[&id]).await?;
    let sql = "DELETE FROM exports.export WHERE id = $1 AND created_at < $2::timestamptz - interval '7 days'";
    client.execute(sql, &[&id, &now]).await?;
    Ok(())
}
