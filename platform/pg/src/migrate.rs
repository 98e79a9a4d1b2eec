//! Schema migrations: plain SQL files, applied once each, in order, by one process at a time.
//!
//! Why not a library: the ones for this driver wrap every file in a transaction, and an index on a
//! table that is in use must be built `CONCURRENTLY`, which PostgreSQL refuses inside one
//! (`docs/adr/0002-migrations.md`).
//!
//! **Invariants:**
//! - A file runs in one transaction together with the note that it was applied, unless its first
//!   line is `-- entrepot:no-transaction`. Then its statements run one by one, and each must be
//!   safe to run again.
//! - An applied file never changes: its digest is compared, and a difference is an error.
//! - N processes may start at once. They take turns by an advisory lock that is *tried*, not waited
//!   for: a waiting statement holds a snapshot, which `CREATE INDEX CONCURRENTLY` would wait for in
//!   turn.

use std::time::{Duration, Instant};

use tokio_postgres::Client;

/// The advisory lock's key: "entrepot" in ASCII.
const LOCK_KEY: i64 = i64::from_be_bytes(*b"entrepot");
const NO_TRANSACTION: &str = "-- entrepot:no-transaction";
const TURN_PATIENCE: Duration = Duration::from_secs(600);

/// One file of `db/migrations`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Migration {
    /// Its number: the order in which files are applied.
    pub version: i32,
    /// Its name without number and ending.
    pub name: &'static str,
    /// Its text.
    pub sql: &'static str,
}

/// A migration that was applied, and how long that took.
#[derive(Clone, Debug)]
pub struct Applied {
    /// Its number.
    pub version: i32,
    /// Its name.
    pub name: String,
    /// How long it ran.
    pub took: Duration,
}

/// Why the schema could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// A migration failed; those before it are applied, it is not.
    #[error("migration {version:04}_{name} failed")]
    Failed {
        /// Its number.
        version: i32,
        /// Its name.
        name: &'static str,
        /// What the database said.
        #[source]
        source: tokio_postgres::Error,
    },
    /// A file was changed after it had been applied.
    #[error(
        "migration {version:04}_{name} was changed after it had been applied to this database; restore it and add a new one"
    )]
    Changed {
        /// Its number.
        version: i32,
        /// Its name.
        name: String,
    },
    /// The database has migrations that this program does not know.
    #[error(
        "this database was migrated by a newer program (it has migration {version:04}_{name}, which this one does not know); use that program"
    )]
    Newer {
        /// The first unknown number.
        version: i32,
        /// Its name.
        name: String,
    },
    /// Another process kept the lock.
    #[error("another process has been migrating this database for {} s", .0.as_secs())]
    Busy(Duration),
    /// The record of migrations could not be read or written.
    #[error("the record of migrations cannot be used")]
    Record(#[from] tokio_postgres::Error),
}

/// Applies what is missing of `migrations`, which must be sorted by version, and tells what that was.
///
/// # Errors
/// See [`MigrateError`]. What was applied before the failure stays applied.
pub async fn migrate(client: &mut Client, migrations: &[Migration]) -> Result<Vec<Applied>, MigrateError> {
    client.batch_execute("SET statement_timeout = 0; SET lock_timeout = '10s'").await?;
    take_turn(client).await?;
    let outcome = apply(client, migrations).await;
    // The lock ends with the connection too; giving it back early only helps those who wait.
    let _ends_with_the_connection = client.execute("SELECT pg_advisory_unlock($1)", &[&LOCK_KEY]).await;
    outcome
}

async fn take_turn(client: &Client) -> Result<(), MigrateError> {
    let start = Instant::now();
    loop {
        let row = client.query_one("SELECT pg_try_advisory_lock($1)", &[&LOCK_KEY]).await?;
        if row.get(0) {
            return Ok(());
        }
        if start.elapsed() > TURN_PATIENCE {
            return Err(MigrateError::Busy(start.elapsed()));
        }
        #[expect(clippy::disallowed_methods, reason = "the lock can only be polled; see the module's head")]
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The migrations that `client`'s database lacks.
///
/// # Errors
/// See [`MigrateError`].
pub async fn pending<'a>(client: &Client, migrations: &'a [Migration]) -> Result<Vec<&'a Migration>, MigrateError> {
    let recorded = client.query_one("SELECT to_regclass('entrepot.migration') IS NOT NULL", &[]).await?;
    if !recorded.get::<_, bool>(0) {
        return Ok(migrations.iter().collect());
    }
    let digests: Vec<&str> = migrations.iter().map(|migration| migration.sql).collect();
    let versions: Vec<i32> = migrations.iter().map(|migration| migration.version).collect();
    let rows = client
        .query(
            "SELECT applied.version, applied.name, applied.digest = encode(sha256(convert_to(known.sql, 'UTF8')), 'hex')
             FROM entrepot.migration applied
             LEFT JOIN unnest($1::int[], $2::text[]) AS known (version, sql) USING (version)
             ORDER BY applied.version",
            &[&versions, &digests],
        )
        .await?;
    let mut applied = Vec::with_capacity(rows.len());
    for row in rows {
        let (version, name, same): (i32, String, Option<bool>) = (row.get(0), row.get(1), row.get(2));
        match same {
            Some(true) => applied.push(version),
            Some(false) => return Err(MigrateError::Changed { version, name }),
            None => return Err(MigrateError::Newer { version, name }),
        }
    }
    Ok(migrations.iter().filter(|migration| !applied.contains(&migration.version)).collect())
}

async fn apply(client: &mut Client, migrations: &[Migration]) -> Result<Vec<Applied>, MigrateError> {
    client
        .batch_execute(
            "CREATE SCHEMA IF NOT EXISTS entrepot;
             CREATE TABLE IF NOT EXISTS entrepot.migration (
                 version    int PRIMARY KEY,
                 name       text NOT NULL,
                 digest     text NOT NULL,
                 applied_at timestamptz NOT NULL DEFAULT now()
             )",
        )
        .await?;
    let mut applied = Vec::new();
    for migration in pending(client, migrations).await? {
        let start = Instant::now();
        apply_one(client, migration).await.map_err(|source| MigrateError::Failed {
            version: migration.version,
            name: migration.name,
            source,
        })?;
        tracing::info!(version = migration.version, name = migration.name, "applied a migration");
        applied.push(Applied { version: migration.version, name: migration.name.to_owned(), took: start.elapsed() });
    }
    Ok(applied)
}

async fn apply_one(client: &mut Client, migration: &Migration) -> Result<(), tokio_postgres::Error> {
    const NOTE: &str = "INSERT INTO entrepot.migration (version, name, digest)
                        VALUES ($1, $2, encode(sha256(convert_to($3, 'UTF8')), 'hex'))";
    if migration.sql.starts_with(NO_TRANSACTION) {
        for statement in statements(migration.sql) {
            client.batch_execute(statement).await?;
        }
        client.execute(NOTE, &[&migration.version, &migration.name, &migration.sql]).await?;
        return Ok(());
    }
    let transaction = client.transaction().await?;
    transaction.batch_execute(migration.sql).await?;
    transaction.execute(NOTE, &[&migration.version, &migration.name, &migration.sql]).await?;
    transaction.commit().await
}

/// The statements of a file without a transaction: each ends with a semicolon at a line's end.
fn statements(sql: &str) -> impl Iterator<Item = &str> {
    sql.split(";\n").map(str::trim).filter(|statement| {
        statement.lines().any(|line| !line.trim_start().starts_with("--") && !line.trim().is_empty())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_split_at_line_ends_and_comments_alone_are_none() {
        let sql = "-- entrepot:no-transaction\nDROP INDEX CONCURRENTLY IF EXISTS a;\n-- why\nCREATE INDEX CONCURRENTLY a\n  ON t (x);\n-- end\n";
        let found: Vec<&str> = statements(sql).collect();
        assert_eq!(found.len(), 2);
        assert!(found[0].ends_with("IF EXISTS a"));
        assert!(found[1].ends_with("ON t (x)"));
    }
}
