//! Transactions that meet are run again; others are not.

use std::sync::atomic::{AtomicU32, Ordering};

use entrepot_pg::{Error, ScopedFutureExt as _};
use entrepot_testkit::bare_database;

#[tokio::test]
async fn two_transactions_that_deadlock_both_succeed() {
    let database = bare_database().await;
    let client = database.client().await;
    client
        .batch_execute("CREATE TABLE public.t (id int PRIMARY KEY, n int); INSERT INTO public.t VALUES (1, 0), (2, 0)")
        .await
        .expect("made");
    let barrier = &tokio::sync::Barrier::new(2);
    let attempts = &AtomicU32::new(0);
    let database = &database.database;
    let both = [(1_i32, 2_i32), (2, 1)].map(|(first, second)| {
        database.transaction(move |transaction| {
            async move {
                let attempt = attempts.fetch_add(1, Ordering::SeqCst);
                let add = "UPDATE public.t SET n = n + 1 WHERE id = $1";
                transaction.execute(add, &[&first]).await?;
                if attempt < 2 {
                    // Both hold their first row now, and want the other's.
                    barrier.wait().await;
                }
                transaction.execute(add, &[&second]).await?;
                Ok::<_, Error>(())
            }
            .scope_boxed()
        })
    });
    for outcome in futures_util::future::join_all(both).await {
        outcome.expect("run again until it succeeds");
    }
    assert_eq!(attempts.load(Ordering::SeqCst), 3, "one of them was run twice");
    let sum: i64 = client.query_one("SELECT sum(n) FROM public.t", &[]).await.expect("summed").get(0);
    assert_eq!(sum, 4, "each took effect once");
}

#[tokio::test]
async fn any_other_failure_is_returned_at_once_and_nothing_stays() {
    let database = bare_database().await;
    let client = database.client().await;
    client.batch_execute("CREATE TABLE public.t (id int PRIMARY KEY)").await.expect("made");
    let attempts = &AtomicU32::new(0);
    let outcome = database
        .database
        .transaction(|transaction| {
            async move {
                attempts.fetch_add(1, Ordering::SeqCst);
                transaction.execute("INSERT INTO public.t VALUES (1)", &[]).await?;
                transaction.execute("INSERT INTO public.t VALUES (1)", &[]).await?;
                Ok::<_, Error>(())
            }
            .scope_boxed()
        })
        .await;
    assert_eq!(outcome.expect_err("a duplicate").constraint(), Some("t_pkey"));
    assert_eq!(attempts.load(Ordering::SeqCst), 1);
    let rows: i64 = client.query_one("SELECT count(*) FROM public.t", &[]).await.expect("counted").get(0);
    assert_eq!(rows, 0);
}

#[tokio::test]
async fn a_pool_without_a_free_connection_says_so_in_time() {
    let database = bare_database().await;
    let held = futures_util::future::join_all((0..10).map(|_| database.database.client())).await;
    assert!(held.iter().all(Result::is_ok));
    let mut waiting = Box::pin(database.database.client());
    assert!(futures_util::poll!(&mut waiting).is_pending());
    assert_eq!(database.database.status().idle, 0);
    drop(held);
    drop(waiting.await.expect("one is free now"));
}
