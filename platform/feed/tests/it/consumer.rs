//! Durable consumers: each event has its effect once, whoever fails, competes, or comes late.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use entrepot_feed::{Consumer, ConsumerError, Event, FeedSettings};
use entrepot_migrations::MIGRATIONS;
use entrepot_pg::Transaction;
use entrepot_pg::tokio_postgres::Client;
use entrepot_runtime::Clock;
use entrepot_testkit::{TestDatabase, test_database};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use crate::upkeep::age;
use crate::{Instance, PATIENCE, about, eventually, polling};

/// Writes down each event that it is given. The table takes the same one twice: only the feed keeps
/// that from happening.
#[derive(Clone, Debug, Default)]
struct Writes {
    who: &'static str,
    /// So many turns fail, after their effect.
    failing: Arc<AtomicU32>,
    turns: Arc<AtomicU32>,
}

impl Writes {
    fn named(who: &'static str) -> Self {
        Self { who, ..Self::default() }
    }

    async fn write(&self, transaction: &Transaction, events: &[Event]) -> Result<(), ConsumerError> {
        self.turns.fetch_add(1, Ordering::SeqCst);
        assert!(events.is_sorted_by_key(|event| event.id), "in the order of their positions");
        for event in events {
            let id = i64::try_from(event.id)?;
            transaction.execute("INSERT INTO effect (id, who) VALUES ($1, $2)", &[&id, &self.who]).await?;
        }
        let failing = self.failing.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if failing.is_ok() { Err("it was asked to fail".into()) } else { Ok(()) }
    }

    async fn note_missed(&self, transaction: &Transaction, dropped_to: u64) -> Result<(), ConsumerError> {
        let dropped_to = i64::try_from(dropped_to)?;
        transaction.execute("INSERT INTO missed (dropped_to, who) VALUES ($1, $2)", &[&dropped_to, &self.who]).await?;
        Ok(())
    }
}

macro_rules! consumer {
    ($consumer:ident, $name:literal, $from_the_beginning:literal) => {
        struct $consumer(Writes);

        impl Consumer for $consumer {
            const NAME: &'static str = $name;
            const FROM_THE_BEGINNING: bool = $from_the_beginning;

            fn consume<'a>(
                &'a self,
                transaction: &'a Transaction,
                events: &'a [Event],
            ) -> BoxFuture<'a, Result<(), ConsumerError>> {
                self.0.write(transaction, events).boxed()
            }

            fn missed<'a>(
                &'a self,
                transaction: &'a Transaction,
                dropped_to: u64,
            ) -> BoxFuture<'a, Result<(), ConsumerError>> {
                self.0.note_missed(transaction, dropped_to).boxed()
            }
        }
    };
}

consumer!(FromTheBeginning, "from-the-beginning", true);
consumer!(FromNow, "from-now", false);

async fn database() -> (TestDatabase, Client) {
    let test = test_database(MIGRATIONS).await;
    let client = test.client().await;
    client
        .batch_execute(
            "CREATE TABLE effect (id bigint NOT NULL, who text NOT NULL);
             CREATE TABLE missed (dropped_to bigint NOT NULL, who text NOT NULL)",
        )
        .await
        .expect("tables");
    (test, client)
}

/// The ids that took effect, ascending, as often as they did.
async fn effects(client: &Client) -> Vec<u64> {
    let rows = client.query("SELECT id FROM effect ORDER BY id", &[]).await.expect("asked");
    rows.iter().filter_map(|row| u64::try_from(row.get::<_, i64>(0)).ok()).collect()
}

impl Instance {
    async fn consumes_up_to(&self, consumer: &str, id: u64) {
        let id = i64::try_from(id).expect("a small one");
        eventually("the consumer's position", async || {
            self.position_of(consumer).await.is_some_and(|position| position >= id)
        })
        .await;
    }
}

#[tokio::test]
async fn each_event_takes_effect_once_though_the_consumer_fails_after_its_effect() {
    let (test, client) = database().await;
    let here = Instance::start(&test, polling()).await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(here.commit("tea").await);
    }
    let consumer = Writes::named("one");
    consumer.failing.store(3, Ordering::SeqCst);
    here.feed.consume(&here.tasks, FromTheBeginning(consumer.clone()));
    here.consumes_up_to("from-the-beginning", ids[4]).await;
    assert_eq!(effects(&client).await, ids);
    assert!(consumer.turns.load(Ordering::SeqCst) >= 4);
    // And on from there.
    consumer.failing.store(1, Ordering::SeqCst);
    ids.push(here.commit("tea").await);
    here.consumes_up_to("from-the-beginning", ids[5]).await;
    assert_eq!(effects(&client).await, ids);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_instances_one_has_the_turn_and_each_event_takes_effect_once() {
    let (test, client) = database().await;
    let instances = [Instance::start(&test, polling()).await, Instance::start(&test, polling()).await];
    let consumers = [Writes::named("one"), Writes::named("two")];
    for (instance, consumer) in instances.iter().zip(&consumers) {
        // Now and then one fails, so that the other gets its chance.
        consumer.failing.store(2, Ordering::SeqCst);
        instance.feed.consume(&instance.tasks, FromTheBeginning(consumer.clone()));
    }
    let work = instances.iter().map(|instance| async {
        let mut ids = Vec::new();
        for _ in 0..60 {
            ids.push(instance.commit("tea").await);
        }
        ids
    });
    let mut ids: Vec<u64> = futures_util::future::join_all(work).await.into_iter().flatten().collect();
    ids.sort_unstable();
    instances[0].consumes_up_to("from-the-beginning", ids[119]).await;
    assert_eq!(effects(&client).await, ids);
}

#[tokio::test]
async fn when_the_one_that_has_the_turns_ends_the_other_goes_on() {
    let (test, client) = database().await;
    let (first, second) = (Instance::start(&test, polling()).await, Instance::start(&test, polling()).await);
    first.feed.consume(&first.tasks, FromTheBeginning(Writes::named("first")));
    let mut ids = vec![first.commit("tea").await];
    first.consumes_up_to("from-the-beginning", ids[0]).await;
    second.feed.consume(&second.tasks, FromTheBeginning(Writes::named("second")));
    first.stop().await;
    ids.push(second.commit("tea").await);
    second.consumes_up_to("from-the-beginning", ids[1]).await;
    assert_eq!(effects(&client).await, ids);
    let last = client.query_one("SELECT who FROM effect ORDER BY id DESC LIMIT 1", &[]).await.expect("asked");
    assert_eq!(last.get::<_, String>(0), "second");
}

#[tokio::test]
async fn a_lower_position_that_commits_late_is_not_skipped() {
    let (test, client) = database().await;
    let here = Instance::start(&test, polling()).await;
    let first = here.commit("tea").await;
    here.feed.consume(&here.tasks, FromTheBeginning(Writes::named("one")));
    here.consumes_up_to("from-the-beginning", first).await;

    let (lower, transaction) = here.open("tea").await;
    let higher = here.commit("tea").await;
    here.applies(higher).await;
    // It has had its chances to run ahead.
    let looks = here.feed.figures().looks;
    eventually("more looks", async || here.feed.figures().looks > looks + 5).await;
    assert_eq!(effects(&client).await, [first], "what may still be overtaken waits");
    transaction.commit().await.expect("committed");
    here.consumes_up_to("from-the-beginning", higher).await;
    assert_eq!(effects(&client).await, [first, lower, higher]);
}

#[tokio::test]
async fn a_new_one_begins_at_the_present_or_with_the_oldest_that_is_kept() {
    let (test, client) = database().await;
    let here = Instance::start(&test, polling()).await;
    let before = [here.commit("tea").await, here.commit("tea").await];
    here.settles(before[1]).await;
    here.feed.consume(&here.tasks, FromNow(Writes::named("now")));
    here.feed.consume(&here.tasks, FromTheBeginning(Writes::named("beginning")));
    eventually("both have begun", async || {
        here.position_of("from-now").await.is_some() && here.position_of("from-the-beginning").await.is_some()
    })
    .await;
    let after = here.commit("tea").await;
    here.consumes_up_to("from-now", after).await;
    here.consumes_up_to("from-the-beginning", after).await;
    for (who, expected) in [("now", vec![after]), ("beginning", vec![before[0], before[1], after])] {
        let rows = client.query("SELECT id FROM effect WHERE who = $1 ORDER BY id", &[&who]).await.expect("asked");
        let ids: Vec<u64> = rows.iter().filter_map(|row| u64::try_from(row.get::<_, i64>(0)).ok()).collect();
        assert_eq!(ids, expected, "{who}");
    }
}

#[tokio::test]
async fn more_than_one_turn_takes_each_event_once() {
    let (test, client) = database().await;
    let here = Instance::start(&test, polling()).await;
    let transaction = here.database.begin().await.expect("a transaction");
    let events = (0..1_234).map(|_| about("tea")).collect();
    let ids = here.feed.append_all(&transaction, events).await.expect("appended");
    transaction.commit().await.expect("committed");
    let consumer = Writes::named("one");
    here.feed.consume(&here.tasks, FromTheBeginning(consumer.clone()));
    here.consumes_up_to("from-the-beginning", ids[1_233]).await;
    assert_eq!(effects(&client).await, ids);
    assert_eq!(consumer.turns.load(Ordering::SeqCst), 3, "of 500 at the most");
}

#[tokio::test]
async fn one_that_was_away_for_too_long_is_told_what_it_missed() {
    let (test, client) = database().await;
    let settings = FeedSettings { retention: Duration::from_secs(24 * 3_600), ..polling() };
    let here = Instance::start(&test, settings.clone()).await;
    here.feed.consume(&here.tasks, FromTheBeginning(Writes::named("one")));
    let seen = here.commit("tea").await;
    here.consumes_up_to("from-the-beginning", seen).await;
    here.stop().await;

    let away = Instance::at_rest(&test, settings.clone());
    let missed = [away.commit("tea").await, away.commit("tea").await];
    age(&client, 10).await;
    away.feed.keep_up(&Clock::system()).await.expect("kept up");
    let left: i64 = client.query_one("SELECT count(*) FROM feed.event", &[]).await.expect("asked").get(0);
    assert_eq!(left, 0, "four times the retention is over");

    let back = Instance::start(&test, settings).await;
    back.feed.consume(&back.tasks, FromTheBeginning(Writes::named("one")));
    let after = back.commit("tea").await;
    back.consumes_up_to("from-the-beginning", after).await;
    assert_eq!(effects(&client).await, [seen, after]);
    let rows = client.query("SELECT dropped_to FROM missed", &[]).await.expect("asked");
    let told: Vec<i64> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(told, [i64::try_from(missed[1]).expect("a small one")], "once, and up to where");
}

#[tokio::test]
async fn one_that_panics_is_run_again() {
    struct Panics(AtomicU32, Writes);

    impl Consumer for Panics {
        const NAME: &'static str = "panics";
        const FROM_THE_BEGINNING: bool = true;

        fn consume<'a>(
            &'a self,
            transaction: &'a Transaction,
            events: &'a [Event],
        ) -> BoxFuture<'a, Result<(), ConsumerError>> {
            async move {
                self.1.write(transaction, events).await?;
                assert!(self.0.fetch_add(1, Ordering::SeqCst) > 0, "it panics once");
                Ok(())
            }
            .boxed()
        }

        fn missed<'a>(&'a self, _: &'a Transaction, _: u64) -> BoxFuture<'a, Result<(), ConsumerError>> {
            async { Ok(()) }.boxed()
        }
    }

    let (test, client) = database().await;
    let here = Instance::start(&test, polling()).await;
    let id = here.commit("tea").await;
    here.feed.consume(&here.tasks, Panics(AtomicU32::new(0), Writes::named("one")));
    here.consumes_up_to("panics", id).await;
    assert_eq!(effects(&client).await, [id]);
    assert!(tokio::time::timeout(PATIENCE, here.stop()).await.is_ok());
}
