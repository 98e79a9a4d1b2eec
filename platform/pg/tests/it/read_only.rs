//! A pool whose connections lead to a database that had become read-only.

use std::time::Duration;

use entrepot_pg::tokio_postgres::error::SqlState;
use entrepot_pg::{Database, Error, ScopedFutureExt as _};
use entrepot_testkit::{TestDatabase, bare_database};
use futures_util::future::join_all;

/// Writes of each writer until one is taken, at the most. Connections are replaced after half a second of refusals.
const ATTEMPTS: usize = 1_000;

/// A database with a table, whose pool is full of connections that were made while it was read-only.
async fn read_only() -> TestDatabase {
    let test = bare_database().await;
    test.client().await.batch_execute("CREATE TABLE public.t (writer int)").await.expect("made");
    test.make_read_only().await;
    let held = join_all((0..10).map(|_| test.database.client())).await;
    assert!(held.iter().all(Result::is_ok));
    test
}

/// Writes on a connection of the pool: in a transaction, or without one.
async fn write(database: &Database, writer: i32) -> Result<(), Error> {
    let insert = "INSERT INTO public.t VALUES ($1)";
    if writer % 2 == 0 {
        database.client().await?.execute(insert, &[&writer]).await?;
        return Ok(());
    }
    database
        .transaction(move |transaction| {
            async move { transaction.execute(insert, &[&writer]).await.map(|_| ()).map_err(Error::from) }.scope_boxed()
        })
        .await
}

#[tokio::test]
async fn writers_that_never_rest_have_other_connections_when_it_takes_writes_again() {
    let test = read_only().await;
    let database = &test.database;
    for writer in 0..2 {
        let error = write(database, writer).await.expect_err("it is read-only");
        assert_eq!(error.sql_state(), Some(&SqlState::READ_ONLY_SQL_TRANSACTION));
        assert!(error.is_unavailable(), "who is told to come back: {error}");
    }
    let reads = database.client().await.expect("a connection").query_one("SELECT count(*) FROM public.t", &[]).await;
    assert_eq!(reads.expect("reads go on").get::<_, i64>(0), 0);

    test.make_writable().await;
    let writers = join_all((0..12).map(async |writer| {
        for attempt in 0..ATTEMPTS {
            match write(database, writer).await {
                Ok(()) => return Some(attempt),
                Err(error) => assert!(error.is_unavailable(), "{error}: {:?}", error.sql_state()),
            }
            wait().await;
        }
        None
    }));
    let refused = writers.await;
    assert!(refused.iter().all(Option::is_some), "{ATTEMPTS} writes were refused: {refused:?}");
    let sql = "SELECT count(*), count(DISTINCT writer) FROM public.t";
    let row = test.client().await.query_one(sql, &[]).await.expect("counted");
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (12, 12), "each took effect once");
}

/// Nobody writes: being asked how it is does as much.
#[tokio::test]
async fn whoever_asks_how_the_database_is_learns_when_it_takes_writes_again() {
    let test = read_only().await;
    assert!(test.database.ping().await.expect("answered").is_read_only);
    test.make_writable().await;
    for _ in 0..ATTEMPTS {
        if !test.database.ping().await.expect("answered").is_read_only {
            write(&test.database, 0).await.expect("the pool's connections are replaced, too");
            return;
        }
        wait().await;
    }
    panic!("{ATTEMPTS} times it was said to be read-only");
}

/// A moment, so that it is not the number of attempts that passes the time.
async fn wait() {
    tokio::time::timeout(Duration::from_millis(10), std::future::pending::<()>()).await.expect_err("it only waits");
}
