//! Cases that failed once, each for a defect that was found by looking for one.

use std::time::Duration;

use entrepot_feed::{Consumer, ConsumerError, Event, FeedSettings, NewEvent};
use entrepot_migrations::MIGRATIONS;
use entrepot_pg::{Error, ScopedFutureExt as _, Transaction};
use entrepot_runtime::Clock;
use entrepot_testkit::test_database;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use crate::upkeep::age;
use crate::{Instance, about, cut_off, eventually, polling, told_of_a_gap, told_up_to};

fn quick() -> FeedSettings {
    FeedSettings { poll: Duration::from_millis(1), ..polling() }
}

struct Counts;

impl Consumer for Counts {
    const NAME: &'static str = "counts";
    const FROM_THE_BEGINNING: bool = true;

    fn consume<'a>(
        &'a self,
        transaction: &'a Transaction,
        events: &'a [Event],
    ) -> BoxFuture<'a, Result<(), ConsumerError>> {
        async move {
            for event in events {
                transaction.execute("INSERT INTO effect VALUES ($1)", &[&event.topic]).await?;
            }
            Ok(())
        }
        .boxed()
    }

    fn missed<'a>(&'a self, _: &'a Transaction, _: u64) -> BoxFuture<'a, Result<(), ConsumerError>> {
        async { Ok(()) }.boxed()
    }
}

/// After a restore nothing is settled but what the new history says.
#[tokio::test]
async fn a_consumer_skips_nothing_after_the_database_went_back() {
    let test = test_database(MIGRATIONS).await;
    let client = test.client().await;
    client.batch_execute("CREATE TABLE effect (topic text NOT NULL)").await.expect("a table");
    let here = Instance::start(&test, polling()).await;
    let mut told = here.feed.subscribe();
    here.feed.consume(&here.tasks, Counts);
    let mut last = 0;
    for _ in 0..20 {
        last = here.commit("old").await;
    }
    told_up_to(&mut told, last).await;
    eventually("consumed", async || here.position_of("counts").await == Some(20)).await;
    client
        .batch_execute(
            "BEGIN; DELETE FROM feed.event WHERE id > 4; DELETE FROM effect; UPDATE feed.consumer SET position = 4;
             SELECT setval('feed.event_id', 4); COMMIT",
        )
        .await
        .expect("restored");
    assert_eq!(cut_off(&client).await, 1);
    told_of_a_gap(&mut told).await;
    let first = here.commit("new").await;
    told_up_to(&mut told, first).await;
    let position = i64::try_from(first).expect("a small one");
    eventually("the consumer's position", async || here.position_of("counts").await >= Some(position)).await;
    let count: i64 = client.query_one("SELECT count(*) FROM effect", &[]).await.expect("asked").get(0);
    // Passes by luck when the commit is seen before the consumer's next turn; the position tells for certain.
    assert_eq!((count, here.position_of("counts").await), (1, Some(position)));
}

/// Making a day and dropping one take their locks one after the other.
#[tokio::test]
async fn upkeep_makes_and_drops_days_beside_readers() {
    let test = test_database(MIGRATIONS).await;
    let here = Instance::start(&test, quick()).await;
    let mut failed = Vec::new();
    for round in 0_u32..10 {
        here.commit("tea").await;
        let days = i32::try_from(round * 2).expect("a small one");
        age(&test.client().await, days).await;
        if here.feed.keep_up(&Clock::system()).await.is_err() {
            failed.push(round);
        }
    }
    assert!(failed.is_empty(), "{failed:?}");
}

/// JSON's null is data too.
#[tokio::test]
async fn an_event_whose_data_is_null_is_appended() {
    let test = test_database(MIGRATIONS).await;
    let here = Instance::at_rest(&test, polling());
    let transaction = here.database.begin().await.expect("a transaction");
    here.feed.append(&transaction, NewEvent::new("n", "t").data(&())).await.expect("appended");
}

/// PostgreSQL answers COMMIT in a failed transaction with a rollback, and no error.
#[tokio::test]
async fn a_commit_that_was_a_rollback_is_an_error() {
    let test = test_database(MIGRATIONS).await;
    let here = Instance::at_rest(&test, polling());
    let outcome = here.database.transaction(|transaction| {
        async {
            let id = here.feed.append(transaction, about("tea")).await?;
            let _ignored = transaction.execute("SELECT 1 / 0", &[]).await;
            Ok::<u64, Error>(id)
        }
        .scope_boxed()
    });
    let outcome = outcome.await;
    let client = test.client().await;
    let count: i64 = client.query_one("SELECT count(*) FROM feed.event", &[]).await.expect("asked").get(0);
    assert!(outcome.is_err(), "{outcome:?}, but there are {count} events");
}
