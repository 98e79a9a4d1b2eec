//! What workers leave behind that died, and what a clock leaves behind that was wrong.
//!
//! **Invariant:** time is the database's, and where that was wrong for a while nobody waits for it to come again.

use std::time::Duration;

use entrepot_pg::tokio_postgres::Row;
use entrepot_pg::{Error, Pooled, Transaction};
use uuid::Uuid;

use super::{Token, seconds};

/// A worker that has not been seen for its lease.
pub(crate) struct Unseen {
    pub(crate) worker: Uuid,
    /// It was seen later than now by more than that: when the database's clock was wrong. Whoever lives is seen anew
    /// within a third of the lease, at another time than this.
    pub(crate) ahead: Option<String>,
}

pub(crate) async fn unseen(client: &Pooled, lease: Duration) -> Result<Vec<Unseen>, Error> {
    let statement = client
        .prepare_cached(
            "SELECT id, CASE WHEN seen_at > clock_timestamp() THEN seen_at::text END FROM jobs.worker
             WHERE NOT seen_at BETWEEN clock_timestamp() - $1 * interval '1 second'
                                   AND clock_timestamp() + $1 * interval '1 second'",
        )
        .await?;
    let rows = client.query(&statement, &[&seconds(lease)]).await?;
    Ok(rows.iter().map(|row| Unseen { worker: row.get(0), ahead: row.get(1) }).collect())
}

/// A job of a dead worker.
pub(crate) struct Orphan {
    pub(crate) token: Token,
    /// Whether it had surely been begun, going by how long before its worker was seen last it was claimed; or has
    /// lost so many workers that it may be why.
    pub(crate) was_begun: bool,
}

/// Some jobs of a dead worker, locked: those that nobody else has locked. With none left the worker's row goes, too.
pub(crate) async fn orphans(
    transaction: &Transaction,
    worker: Uuid,
    lease: Duration,
    ahead: Duration,
) -> Result<Vec<Orphan>, Error> {
    // Nobody claims for it while this lasts, and it may have been seen meanwhile.
    let lock = transaction
        .prepare_cached(
            "SELECT FROM jobs.worker
             WHERE id = $1 AND NOT seen_at BETWEEN clock_timestamp() - $2 * interval '1 second'
                                               AND clock_timestamp() + $2 * interval '1 second'
             FOR UPDATE SKIP LOCKED",
        )
        .await?;
    if transaction.query_opt(&lock, &[&worker, &seconds(lease)]).await?.is_none() {
        return Ok(Vec::new());
    }
    let orphans = transaction
        .prepare_cached(
            "SELECT job.id, job.claim, worker.seen_at - job.started_at > $2 * interval '1 second' OR job.claim >= 5
             FROM jobs.job JOIN jobs.worker ON worker.id = job.worker
             WHERE job.worker = $1 AND job.status = 'running' ORDER BY job.id LIMIT 200 FOR UPDATE OF job SKIP LOCKED",
        )
        .await?;
    let rows = transaction.query(&orphans, &[&worker, &seconds(ahead)]).await?;
    if rows.is_empty() {
        let gone = transaction
            .prepare_cached(
                "DELETE FROM jobs.worker
                 WHERE id = $1 AND NOT EXISTS (SELECT FROM jobs.job WHERE job.worker = $1 AND status = 'running')",
            )
            .await?;
        transaction.execute(&gone, &[&worker]).await?;
    }
    let orphan = |row: &Row| Orphan {
        token: Token { id: row.get(0), claim: row.get(1), worker },
        was_begun: row.get::<_, Option<bool>>(2).unwrap_or(true),
    };
    Ok(rows.iter().map(orphan).collect())
}

/// Brings forward what waits for a time that was reckoned while the database's clock was ahead by more than the lease:
/// each waits as long as it was to wait then. How many those were.
pub(crate) async fn set_right(client: &Pooled, lease: Duration) -> Result<u64, Error> {
    // When a row was written last is known by what it was given then.
    let statement = client
        .prepare_cached(
            "UPDATE jobs.job SET run_at = run_at - (greatest(created_at, started_at) - clock_timestamp()),
                    created_at = least(created_at, clock_timestamp()),
                    started_at = CASE WHEN started_at IS NOT NULL THEN least(started_at, clock_timestamp()) END
             WHERE status IN ('scheduled', 'retryable')
               AND run_at > clock_timestamp() + $1 * interval '1 second'
               AND greatest(created_at, started_at) > clock_timestamp() + $1 * interval '1 second'",
        )
        .await?;
    Ok(client.execute(&statement, &[&seconds(lease)]).await?)
}
