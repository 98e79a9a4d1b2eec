//! Migrations: in order, once, by one at a time, never changed, also outside a transaction.

use entrepot_pg::{MigrateError, Migration, migrate, pending};
use entrepot_testkit::bare_database;

const FIRST: Migration = Migration {
    version: 1,
    name: "first",
    sql: "CREATE TABLE public.thing (n int); INSERT INTO public.thing VALUES (1)",
};
const SECOND: Migration = Migration {
    version: 2,
    name: "second",
    sql: "-- entrepot:no-transaction\nDROP INDEX CONCURRENTLY IF EXISTS public.thing_n;\nCREATE INDEX CONCURRENTLY thing_n ON public.thing (n);\n",
};

#[tokio::test]
async fn many_instances_may_start_at_once() {
    let database = bare_database().await;
    let instances = (0..6).map(|_| async {
        let mut client = database.client().await;
        migrate(&mut client, &[FIRST, SECOND]).await.expect("it applies").len()
    });
    let applied = futures_util::future::join_all(instances).await;
    assert_eq!(applied.iter().sum::<usize>(), 2, "each was applied once: {applied:?}");
    let client = database.client().await;
    let rows: i64 = client.query_one("SELECT count(*) FROM public.thing", &[]).await.expect("counted").get(0);
    assert_eq!(rows, 1);
    assert!(pending(&client, &[FIRST, SECOND]).await.expect("read").is_empty());
}

#[tokio::test]
async fn a_failed_migration_leaves_nothing_and_is_tried_again() {
    let database = bare_database().await;
    let mut client = database.client().await;
    let broken = Migration { sql: "CREATE TABLE public.half (n int); SELECT 1/0", ..SECOND };
    let error = migrate(&mut client, &[FIRST, broken]).await.expect_err("it divides by zero");
    assert!(matches!(error, MigrateError::Failed { version: 2, .. }), "{error}");
    let half: bool = client.query_one("SELECT to_regclass('public.half') IS NULL", &[]).await.expect("asked").get(0);
    assert!(half, "nothing of it stays");
    assert_eq!(migrate(&mut client, &[FIRST, SECOND]).await.expect("mended").len(), 1);
}

#[tokio::test]
async fn an_applied_migration_may_not_change_nor_be_unknown() {
    let database = bare_database().await;
    let mut client = database.client().await;
    migrate(&mut client, &[FIRST, SECOND]).await.expect("it applies");
    let changed = Migration { sql: "SELECT 1", ..FIRST };
    let error = migrate(&mut client, &[changed, SECOND]).await.expect_err("it was changed");
    assert!(matches!(error, MigrateError::Changed { version: 1, .. }), "{error}");
    let error = migrate(&mut client, &[FIRST]).await.expect_err("the program is older");
    assert!(matches!(error, MigrateError::Newer { version: 2, .. }), "{error}");
}
