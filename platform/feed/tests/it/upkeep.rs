//! Partitions: made ahead, filled, and dropped when they are old and passed.

use std::time::Duration;

use entrepot_feed::FeedSettings;
use entrepot_migrations::MIGRATIONS;
use entrepot_pg::tokio_postgres::Client;
use entrepot_runtime::Clock;
use entrepot_testkit::test_database;
use jiff::{SignedDuration, Timestamp};

use crate::{Instance, eventually, polling, told_up_to};

const DAY: Duration = Duration::from_secs(24 * 3_600);

/// Nobody follows anything here, so that upkeep happens only when it is asked for.
fn week() -> FeedSettings {
    FeedSettings { retention: 7 * DAY, ..polling() }
}

fn now() -> Timestamp {
    Clock::system().now()
}

async fn partitions(client: &Client) -> Vec<String> {
    let rows = client
        .query(
            "SELECT relname::text FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
             WHERE inhparent = 'feed.event'::regclass ORDER BY relname",
            &[],
        )
        .await;
    rows.expect("asked").iter().map(|row| row.get(0)).collect()
}

fn day(at: Timestamp) -> String {
    at.strftime("event_%Y%m%d").to_string()
}

async fn dropped_to(client: &Client) -> i64 {
    client.query_one("SELECT dropped_to FROM feed.epoch", &[]).await.expect("asked").get(0)
}

async fn events(client: &Client) -> i64 {
    client.query_one("SELECT count(*) FROM feed.event", &[]).await.expect("asked").get(0)
}

/// A clock that a test set by hand: it stands for the database's.
fn at(time: Timestamp) -> Clock {
    Clock::manual(time).0
}

/// Makes everything in the feed so many days older: the events, and the partitions that they lie in.
pub(crate) async fn age(client: &Client, days: i32) {
    let sql = "DO $$
        DECLARE name text; day date;
        BEGIN
            CREATE TEMP TABLE aged ON COMMIT DROP AS
                SELECT relname::text AS name, to_date(right(relname, 8), 'YYYYMMDD') AS day
                FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
                WHERE inhparent = 'feed.event'::regclass AND relname <> 'event_rest';
            FOR name, day IN SELECT * FROM aged LOOP
                EXECUTE format('ALTER TABLE feed.event DETACH PARTITION feed.%I', name);
                EXECUTE format('ALTER TABLE feed.%I RENAME TO %I', name, 'aged_' || name);
            END LOOP;
            UPDATE feed.event_rest SET at = at - DAYS;
            FOR name, day IN SELECT * FROM aged LOOP
                EXECUTE format('UPDATE feed.%I SET at = at - DAYS', 'aged_' || name);
                EXECUTE format('ALTER TABLE feed.%I RENAME TO %I', 'aged_' || name,
                               'event_' || to_char(day - DAYS, 'YYYYMMDD'));
                EXECUTE format('ALTER TABLE feed.event ATTACH PARTITION feed.%I FOR VALUES FROM (%L) TO (%L)',
                               'event_' || to_char(day - DAYS, 'YYYYMMDD'),
                               to_char(day - DAYS, 'YYYY-MM-DD 00:00+00'), to_char(day + 1 - DAYS, 'YYYY-MM-DD 00:00+00'));
            END LOOP;
        END $$";
    client.batch_execute(&sql.replace("DAYS", &format!("make_interval(days => {days})"))).await.expect("aged");
}

#[tokio::test]
async fn the_coming_days_have_their_partitions_and_events_land_in_them() {
    let test = test_database(MIGRATIONS).await;
    let (here, client) = (Instance::at_rest(&test, week()), test.client().await);
    let today = now();
    here.feed.keep_up(&at(today)).await.expect("kept up");
    let mut expected: Vec<String> = (0..4).map(|ahead| day(today + ahead * DAY)).collect();
    expected.push("event_rest".to_owned());
    assert_eq!(partitions(&client).await, expected);

    let id = i64::try_from(here.commit("tea").await).expect("a small one");
    let row = client
        .query_one(
            "SELECT tableoid::regclass::text, to_char(at AT TIME ZONE 'UTC', '\"feed.event_\"YYYYMMDD') FROM feed.event WHERE id = $1",
            &[&id],
        )
        .await
        .expect("it is there");
    assert_eq!(row.get::<_, String>(0), row.get::<_, String>(1));

    // Again is nothing, and tomorrow is one more.
    here.feed.keep_up(&at(today)).await.expect("kept up");
    assert_eq!(partitions(&client).await, expected);
    here.feed.keep_up(&at(today + DAY)).await.expect("kept up");
    expected.insert(4, day(today + 4 * DAY));
    assert_eq!(partitions(&client).await, expected);
    assert_eq!((events(&client).await, dropped_to(&client).await), (1, 0));
}

#[tokio::test]
async fn an_event_without_a_partition_is_not_refused_and_its_day_stays_where_it_lies() {
    let test = test_database(MIGRATIONS).await;
    let here = Instance::at_rest(&test, week());
    let id = here.commit("tea").await;
    here.keep_up().await;
    let client = test.client().await;
    let there: String =
        client.query_one("SELECT tableoid::regclass::text FROM feed.event", &[]).await.expect("asked").get(0);
    assert_eq!(there, "feed.event_rest");
    let again = here.commit("tea").await;
    assert!(again > id);
    assert_eq!(events(&client).await, 2);

    age(&client, 20).await;
    here.keep_up().await;
    assert_eq!(events(&client).await, 2, "what has no partition is kept for longer");
    age(&client, 10).await;
    here.keep_up().await;
    assert_eq!((events(&client).await, dropped_to(&client).await), (0, i64::try_from(again).expect("a small one")));
}

#[tokio::test]
async fn old_days_are_dropped_after_the_retention_and_it_is_written_down_up_to_where() {
    let test = test_database(MIGRATIONS).await;
    let (here, client) = (Instance::at_rest(&test, week()), test.client().await);
    here.keep_up().await;
    here.commit("tea").await;
    let last = i64::try_from(here.commit("tea").await).expect("a small one");
    age(&client, 6).await;
    here.keep_up().await;
    assert_eq!((events(&client).await, dropped_to(&client).await), (2, 0), "not yet");
    age(&client, 3).await;
    here.keep_up().await;
    assert_eq!((events(&client).await, dropped_to(&client).await), (0, last));
    assert!(!partitions(&client).await.contains(&day(now() - 9 * DAY)));
}

#[tokio::test]
async fn nothing_is_dropped_that_a_consumer_has_not_passed_until_it_is_far_too_old() {
    let test = test_database(MIGRATIONS).await;
    let (here, client) = (Instance::at_rest(&test, week()), test.client().await);
    here.keep_up().await;
    let first = i64::try_from(here.commit("tea").await).expect("a small one");
    let last = i64::try_from(here.commit("tea").await).expect("a small one");
    client
        .execute(
            "INSERT INTO feed.consumer (name, position, updated_at) VALUES ('slow', $1, now()), ('quick', $2, now())",
            &[&first, &last],
        )
        .await
        .expect("consumers");
    age(&client, 20).await;
    here.keep_up().await;
    assert_eq!((events(&client).await, dropped_to(&client).await), (2, 0), "the slow one is waited for");

    client.execute("UPDATE feed.consumer SET position = $1", &[&last]).await.expect("it passes");
    here.keep_up().await;
    assert_eq!((events(&client).await, dropped_to(&client).await), (0, last));

    // And not for ever.
    let test = test_database(MIGRATIONS).await;
    let (here, client) = (Instance::at_rest(&test, week()), test.client().await);
    here.keep_up().await;
    let last = i64::try_from(here.commit("tea").await).expect("a small one");
    client
        .batch_execute("INSERT INTO feed.consumer (name, position, updated_at) VALUES ('gone', 0, now())")
        .await
        .expect("a consumer");
    age(&client, 30).await;
    here.keep_up().await;
    assert_eq!((events(&client).await, dropped_to(&client).await), (0, last));
}

#[tokio::test]
async fn of_two_at_once_one_does_it_and_the_other_waits_for_nothing() {
    let test = test_database(MIGRATIONS).await;
    let (one, two) = (Instance::at_rest(&test, week()), Instance::at_rest(&test, week()));
    for round in 0..5 {
        let today = now() + round * DAY;
        let clock = at(today);
        let (first, second) = tokio::join!(one.feed.keep_up(&clock), two.feed.keep_up(&clock));
        first.expect("kept up");
        second.expect("kept up or left to the other");
        // Whoever it was, the day is there.
        let client = test.client().await;
        assert!(partitions(&client).await.contains(&day(today + 3 * DAY)), "round {round}");
    }

    let client = test.client().await;
    client.batch_execute("SELECT pg_advisory_lock(1717921124)").await.expect("locked");
    let before = partitions(&client).await;
    one.feed.keep_up(&at(now() + 6 * DAY)).await.expect("left to the other");
    assert_eq!(partitions(&client).await, before, "another has the turn");
    client.batch_execute("SELECT pg_advisory_unlock(1717921124)").await.expect("unlocked");
    one.feed.keep_up(&at(now() + 6 * DAY)).await.expect("kept up");
    assert_ne!(partitions(&client).await, before);
}

#[tokio::test]
async fn upkeep_gives_up_on_an_appender_that_is_under_way() {
    let test = test_database(MIGRATIONS).await;
    let (here, client) = (Instance::at_rest(&test, week()), test.client().await);
    let (_, transaction) = here.open("tea").await;
    let error = here.feed.keep_up(&Clock::system()).await.expect_err("it does not wait for it");
    assert_eq!(error.sql_state().map(|state| state.code()), Some("55P03"));
    assert_eq!(partitions(&client).await, ["event_rest"]);
    transaction.commit().await.expect("it was not harmed");
    assert_eq!(events(&client).await, 1);
}

#[tokio::test]
async fn a_feed_that_is_started_keeps_its_table_up() {
    let test = test_database(MIGRATIONS).await;
    let (here, client) = (Instance::at_rest(&test, week()), test.client().await);
    here.feed.start(&here.tasks, &Clock::system());
    eventually("the partitions", async || partitions(&client).await.len() == 5).await;
}

#[tokio::test]
async fn a_tail_goes_on_while_partitions_are_made() {
    let test = test_database(MIGRATIONS).await;
    let here = Instance::start(&test, week()).await;
    let mut told = here.feed.subscribe();
    let mut ids = Vec::new();
    for round in 0..5 {
        ids.push(here.commit("tea").await);
        here.feed.keep_up(&at(now() + round * DAY)).await.expect("kept up");
        here.applies(ids[ids.len() - 1]).await;
    }
    ids.push(here.commit("tea").await);
    assert_eq!(told_up_to(&mut told, ids[5]).await, ids);
}

#[tokio::test]
async fn an_instance_whose_clock_is_days_ahead_drops_nothing() {
    let test = test_database(MIGRATIONS).await;
    let (here, client) = (Instance::at_rest(&test, week()), test.client().await);
    here.keep_up().await;
    here.commit("tea").await;
    let before = partitions(&client).await;
    // Nobody has corrected it yet: this is the worst moment.
    let (wrong, _reference) = Clock::following(Duration::from_secs(3), SignedDuration::from_hours(40 * 24));
    let error = here.feed.keep_up(&wrong).await.expect_err("it is refused");
    assert!(error.to_string().contains("clock"), "{error}");
    assert_eq!((partitions(&client).await, events(&client).await, dropped_to(&client).await), (before, 1, 0));

    // And whatever anybody takes for the time, a day that is not over by the database's stays.
    here.feed.keep_up(&at(now() + 100 * DAY)).await.expect("kept up");
    assert!(partitions(&client).await.contains(&day(now())));
    assert_eq!((events(&client).await, dropped_to(&client).await), (1, 0));
}
