//! The partial index on the months that people look at all day long, made anew with a later bound.
//!
//! An index cannot say "the last two years": its condition must always come to the same. So it says "from
//! this month on", and once a year a new one is made beside it, without a lock that anybody would notice,
//! and the old one is dropped.
//!
//! **Invariant:** there is always at least one of them.

use entrepot_pg::Error;
use tokio_postgres::Client;

const PREFIX: &str = "month_recent_";
/// Of several instances one does it.
const LOCK: i64 = 0x7361_6c65_7300;

/// Whether it is this connection's turn, until it closes.
pub(crate) async fn try_upkeep(client: &Client) -> Result<bool, Error> {
    Ok(client.query_one("SELECT pg_try_advisory_lock($1)", &[&LOCK]).await?.try_get(0)?)
}

/// From which month on the newest of them keeps months.
pub(crate) async fn recent_bound(client: &Client) -> Result<Option<i32>, Error> {
    let rows = client
        .query(
            "SELECT relname::text FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
             WHERE indrelid = 'sales.month'::regclass AND indisvalid AND relname LIKE 'month\\_recent\\_%'",
            &[],
        )
        .await?;
    let bounds = rows.iter().filter_map(|row| row.get::<_, &str>(0).strip_prefix(PREFIX)?.parse().ok());
    Ok(bounds.max())
}

/// Makes one from `bound` on and drops those that are older. One that was left half made is begun anew.
pub(crate) async fn renew_recent(client: &Client, bound: i32) -> Result<(), Error> {
    let name = format!("{PREFIX}{bound}");
    // Each in a transaction of its own: neither can be done in one with others.
    client.batch_execute(&format!("DROP INDEX CONCURRENTLY IF EXISTS sales.{name}")).await?;
    client
        .batch_execute(&format!(
            "CREATE INDEX CONCURRENTLY {name} ON sales.month (period, sales, store_id) WHERE period >= {bound}"
        ))
        .await?;
    let rows = client
        .query(
            "SELECT relname::text FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
             WHERE indrelid = 'sales.month'::regclass AND relname LIKE 'month\\_recent\\_%' AND relname <> $1",
            &[&name],
        )
        .await?;
    for row in rows {
        let old: &str = row.get(0);
        // Only what this file names: the digits behind the prefix are nothing else.
        if old.strip_prefix(PREFIX).is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit())) {
            client.batch_execute(&format!("DROP INDEX CONCURRENTLY IF EXISTS sales.{old}")).await?;
        }
    }
    Ok(())
}
