//! What every instance learns, and when: in whatever order transactions take their positions and
//! commit, whenever instances start, and whatever happens to their connections.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use entrepot_cache::{Progress, Touch};
use entrepot_feed::{FeedSettings, Received};
use entrepot_migrations::MIGRATIONS;
use entrepot_pg::tokio_postgres::Client;
use entrepot_pg::{Error, ScopedFutureExt as _};
use entrepot_runtime::{Request, within_request};
use entrepot_testkit::test_database;

use crate::{Instance, about, changed_my_mind, cut_off, eventually, next, nudged, polling, told_of_a_gap, told_up_to};

/// Takes an xid and a position in an open transaction, as a writer does that is slow after them.
async fn draw(client: &Client) -> (u64, u64) {
    let xid = begin_with_xid(client).await;
    (xid, draw_id(client).await)
}

async fn begin_with_xid(client: &Client) -> u64 {
    client.batch_execute("BEGIN").await.expect("begun");
    number(client, "SELECT pg_current_xact_id()::text::bigint").await
}

async fn draw_id(client: &Client) -> u64 {
    number(client, "SELECT nextval('feed.event_id')").await
}

async fn number(client: &Client, query: &str) -> u64 {
    let row = client.query_one(query, &[]).await.expect("answered");
    u64::try_from(row.get::<_, i64>(0)).expect("not negative")
}

/// Writes the event whose position was drawn.
async fn insert(client: &Client, id: u64, topic: &str) {
    let id = i64::try_from(id).expect("a small one");
    client
        .execute(
            "INSERT INTO feed.event (id, xid, topic, name, tags, data, at)
             VALUES ($1, pg_current_xact_id(), $2, 'test.happened', ARRAY[$2], '{}', clock_timestamp())",
            &[&id, &topic],
        )
        .await
        .expect("inserted");
}

#[tokio::test]
async fn what_one_instance_commits_another_learns_at_its_nudge() {
    let test = test_database(MIGRATIONS).await;
    let (writer, reader) = (Instance::start(&test, nudged()).await, Instance::start(&test, nudged()).await);
    reader.cache("tea", "tea");
    reader.cache("coffee", "coffee");
    let id = writer.commit("tea").await;
    // The next look without a nudge is a minute away, which is longer than is waited here.
    reader.applies(id).await;
    assert!(!reader.has("tea") && reader.has("coffee"));
    writer.applies(id).await;
}

#[tokio::test]
async fn without_nudges_it_is_learnt_at_the_next_look() {
    let test = test_database(MIGRATIONS).await;
    // Nobody follows the feed for the writer, so nobody could nudge for it either.
    let (writer, reader) = (Instance::at_rest(&test, polling()), Instance::start(&test, polling()).await);
    for round in 0..3 {
        reader.cache("tea", "tea");
        let id = writer.commit("tea").await;
        reader.applies(id).await;
        assert!(!reader.has("tea"), "round {round}");
    }
}

#[tokio::test]
async fn what_is_not_committed_is_learnt_by_nobody_and_its_hole_closes() {
    let test = test_database(MIGRATIONS).await;
    let (writer, reader) = (Instance::at_rest(&test, polling()), Instance::start(&test, polling()).await);
    let mut told = reader.feed.subscribe();
    reader.cache("tea", "tea");
    let (never, transaction) = writer.open("tea").await;
    let after = writer.commit("coffee").await;
    assert!(never < after);
    reader.applies(after).await;
    assert_eq!(told_up_to(&mut told, after).await, [after]);
    assert!(reader.has("tea"), "nothing has happened to it yet");
    assert!(!reader.fence().has_applied(never), "it may still come");
    assert!(reader.watermark().is_none_or(|watermark| watermark < never));

    transaction.roll_back().await;
    reader.settles(after).await;
    assert!(reader.fence().has_applied(never), "it cannot come any more, so nobody needs to wait for it");
    assert!(reader.has("tea"), "and nothing has happened to it");
    let last = writer.commit("sugar").await;
    assert_eq!(told_up_to(&mut told, last).await, [last]);
}

#[tokio::test]
async fn a_lower_position_that_commits_after_a_higher_one_is_applied_once() {
    let test = test_database(MIGRATIONS).await;
    let (writer, reader) = (Instance::at_rest(&test, polling()), Instance::start(&test, polling()).await);
    let mut told = reader.feed.subscribe();
    reader.cache("tea", "tea");
    let (lower, transaction) = writer.open("tea").await;
    let higher = writer.commit("coffee").await;
    reader.applies(higher).await;
    assert!(reader.has("tea") && !reader.fence().has_applied(lower));
    assert!(reader.watermark().is_none_or(|watermark| watermark < lower), "the watermark waits for the lower one");

    transaction.commit().await.expect("committed");
    reader.applies(lower).await;
    assert!(!reader.has("tea"));
    reader.settles(higher).await;
    let last = writer.commit("sugar").await;
    assert_eq!(told_up_to(&mut told, last).await, [higher, lower, last]);
    let figures = reader.fence().figures();
    assert_eq!((figures.touches, figures.tags["tea"], figures.tags["coffee"]), (3, 1, 1), "each is applied once");
}

#[tokio::test]
async fn one_transaction_may_hold_positions_on_both_sides_of_anothers() {
    let test = test_database(MIGRATIONS).await;
    let (writer, reader) = (Instance::at_rest(&test, polling()), Instance::start(&test, polling()).await);
    let mut told = reader.feed.subscribe();
    let (first, transaction) = writer.open("tea").await;
    let between = writer.commit("coffee").await;
    let third = writer.feed.append(&transaction, about("tea again")).await.expect("appended");
    assert!(first < between && between < third);
    reader.applies(between).await;
    assert!(!reader.fence().has_applied(first) && !reader.fence().has_applied(third));
    transaction.commit().await.expect("committed");
    reader.applies(third).await;
    assert!(reader.fence().has_applied(first), "what commits together is applied together");
    reader.settles(third).await;
    assert_eq!(told_up_to(&mut told, third).await, [between, first, third]);
}

#[tokio::test]
async fn a_position_that_was_drawn_long_before_its_row_is_waited_for() {
    let test = test_database(MIGRATIONS).await;
    let (writer, reader) = (Instance::at_rest(&test, polling()), Instance::start(&test, polling()).await);
    let mut told = reader.feed.subscribe();
    let slow = test.client().await;
    let (_, lower) = draw(&slow).await;
    let mut higher = 0;
    // Many looks pass over the hole, and others are dug and closed beside it.
    for _ in 0..5 {
        let wasted = writer.waste().await;
        higher = writer.commit("coffee").await;
        reader.applies(higher).await;
        assert!(wasted < higher && !reader.fence().has_applied(lower));
    }
    reader.cache("tea", "tea");
    insert(&slow, lower, "tea").await;
    slow.batch_execute("COMMIT").await.expect("committed");
    reader.applies(lower).await;
    assert!(!reader.has("tea"));
    reader.settles(higher).await;
    let told = told_up_to(&mut told, lower).await;
    assert_eq!(told.len(), 6, "{told:?}");
}

/// A snapshot's xmax is one above the last transaction that has *ended*. One that began later and still
/// runs has a higher xid, so "xmin has reached the xmax of the snapshot that first showed the hole"
/// holds at once and would bury the hole under it. Only an xid that is drawn after the hole was seen is
/// above that of the hole's transaction.
#[tokio::test]
async fn a_hole_whose_transaction_is_younger_than_all_that_have_ended_is_waited_for() {
    let test = test_database(MIGRATIONS).await;
    let reader = Instance::start(&test, FeedSettings { poll: Duration::from_millis(1), ..polling() }).await;
    let (older, younger) = (test.client().await, test.client().await);
    let (mut round, mut shown) = (0, 0);
    // A transaction of another test on this server that ends at the wrong moment hides the case.
    while shown < 3 && round < 100 {
        round += 1;
        let topic = format!("tea-{round}");
        reader.cache(&topic, &topic);
        begin_with_xid(&older).await;
        let (youngest, lower) = draw(&younger).await;
        let higher = draw_id(&older).await;
        insert(&older, higher, "coffee").await;
        older.batch_execute("COMMIT").await.expect("committed");
        assert!(lower < higher);
        reader.applies(higher).await;
        // The tail's own xid may have ended meanwhile, which is the next one.
        let xmax = number(&older, "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint").await;
        shown += u32::from(xmax <= youngest + 2);
        // Some more looks, each of which could bury it.
        let looks = reader.feed.figures().looks;
        eventually("more looks", async || reader.feed.figures().looks > looks + 3).await;
        assert!(!reader.fence().has_applied(lower), "round {round}: it may still come");
        assert!(reader.has(&topic));
        insert(&younger, lower, &topic).await;
        younger.batch_execute("COMMIT").await.expect("committed");
        reader.applies(lower).await;
        assert!(!reader.has(&topic), "round {round}: it was missed");
    }
}

#[tokio::test]
async fn an_instance_that_starts_learns_of_what_was_under_way() {
    let test = test_database(MIGRATIONS).await;
    let writer = Instance::at_rest(&test, polling());
    writer.keep_up().await;
    let (before_the_window, first) = writer.open("tea").await;
    for _ in 0..10 {
        writer.commit("coffee").await;
    }
    let (within_the_window, second) = writer.open("milk").await;
    let last = writer.commit("coffee").await;

    let reader = Instance::start(&test, FeedSettings { history: 3, ..polling() }).await;
    let mut told = reader.feed.subscribe();
    reader.cache("tea", "tea");
    reader.cache("milk", "milk");
    reader.cache("sugar", "sugar");
    let looks = reader.feed.figures().looks;
    eventually("more looks", async || reader.feed.figures().looks > looks + 3).await;
    let fence = reader.fence();
    assert!(!fence.is_settled(), "what was under way at the start may still come");
    assert!(fence.has_applied(last) && !fence.has_applied(before_the_window) && !fence.has_applied(within_the_window));

    second.commit().await.expect("committed");
    reader.applies(within_the_window).await;
    assert!(!reader.has("milk") && reader.has("tea") && !fence.is_settled());
    first.commit().await.expect("committed");
    reader.applies(before_the_window).await;
    assert!(!reader.has("tea") && reader.has("sugar"));
    reader.settles(last).await;
    // What it found at its start it does not tell again.
    let sentinel = writer.commit("salt").await;
    assert_eq!(told_up_to(&mut told, sentinel).await, [within_the_window, before_the_window, sentinel]);
}

#[tokio::test]
async fn an_instance_that_starts_while_a_transaction_runs_that_is_rolled_back_settles_after_it() {
    let test = test_database(MIGRATIONS).await;
    let writer = Instance::at_rest(&test, polling());
    writer.keep_up().await;
    let (never, transaction) = writer.open("tea").await;
    let last = writer.commit("coffee").await;
    let reader = Instance::start(&test, FeedSettings { history: 1, ..polling() }).await;
    assert!(!reader.fence().is_settled() && !reader.fence().has_applied(never));
    transaction.roll_back().await;
    reader.settles(last).await;
    assert!(reader.fence().has_applied(never));
}

#[tokio::test]
async fn a_killed_connection_loses_nothing() {
    let test = test_database(MIGRATIONS).await;
    let (writer, reader) = (Instance::at_rest(&test, polling()), Instance::start(&test, polling()).await);
    let mut told = reader.feed.subscribe();
    let mut expected = vec![writer.commit("coffee").await];
    let (held, transaction) = writer.open("tea").await;
    expected.push(writer.commit("coffee").await);
    reader.applies(expected[1]).await;
    let identity = reader.fence().identity();
    reader.cache("sugar", "sugar");
    reader.cache("tea", "tea");
    let client = test.client().await;
    for _ in 0..3 {
        assert_eq!(cut_off(&client).await, 1);
        expected.push(writer.commit("coffee").await);
        reader.applies(expected[expected.len() - 1]).await;
    }
    assert_eq!(cut_off(&client).await, 1);
    transaction.commit().await.expect("committed");
    expected.push(held);
    reader.applies(held).await;
    assert!(!reader.has("tea"), "what committed while nobody looked is learnt");
    assert!(reader.has("sugar"), "what was learnt before is not forgotten");
    assert_eq!(reader.fence().identity(), identity);
    assert_eq!(told_up_to(&mut told, held).await, expected, "each once, with no gap");
}

#[tokio::test]
async fn nudges_are_listened_for_on_the_new_connection_too() {
    let test = test_database(MIGRATIONS).await;
    let (writer, reader) = (Instance::start(&test, nudged()).await, Instance::start(&test, nudged()).await);
    let looks = (writer.feed.figures().looks, reader.feed.figures().looks);
    assert_eq!(cut_off(&test.client().await).await, 2);
    eventually("both look again", async || {
        writer.feed.figures().looks > looks.0 && reader.feed.figures().looks > looks.1
    })
    .await;
    let id = writer.commit("tea").await;
    reader.applies(id).await;
}

#[tokio::test]
async fn a_database_that_went_back_is_another_history() {
    let test = test_database(MIGRATIONS).await;
    // A look is a minute away: what is simulated happens between two of them.
    let reader = Instance::start(&test, nudged()).await;
    let writer = Instance::at_rest(&test, nudged());
    let mut told = reader.feed.subscribe();
    for _ in 0..10 {
        reader.commit("coffee").await;
    }
    let last = reader.commit("coffee").await;
    // Its own commits count as applied at once: that the tail has seen them only subscribers know.
    told_up_to(&mut told, last).await;
    let (identity, stamp) = (reader.fence().identity(), reader.values.stamp());
    reader.cache("tea", "tea");

    let client = test.client().await;
    client
        .batch_execute("BEGIN; DELETE FROM feed.event WHERE id > 4; SELECT setval('feed.event_id', 4); COMMIT")
        .await
        .expect("restored");
    assert_eq!(cut_off(&client).await, 1);
    told_of_a_gap(&mut told).await;
    assert_ne!(reader.fence().identity(), identity, "what Redis holds of the other history is out of reach");
    assert!(!reader.has("tea"), "what was read before is ruled out");
    let late = entrepot_cache::Filled::found("read before".to_owned()).tags(["tea"]);
    assert!(!reader.values.set("tea", late, stamp), "also when it is stored only now");
    eventually("trust", async || reader.fence().is_trusted(reader.fence().now_ms())).await;
    reader.cache("tea", "tea");
    reader.cache("sugar", "sugar");

    // Positions are given out again, to others than before.
    let again = writer.commit("tea").await;
    assert!(again < last);
    let nudge = reader.commit("coffee").await;
    reader.applies(again).await;
    assert!(!reader.has("tea") && reader.has("sugar"));
    assert_eq!(told_up_to(&mut told, nudge).await, [again, nudge]);
    // An instance that starts now finds the new epoch, and so shares with this one.
    let other = Instance::start(&test, nudged()).await;
    assert_eq!(other.fence().identity(), reader.fence().identity());
}

#[tokio::test]
async fn a_new_epoch_is_another_history() {
    let test = test_database(MIGRATIONS).await;
    let reader = Instance::start(&test, nudged()).await;
    let mut told = reader.feed.subscribe();
    let id = reader.commit("coffee").await;
    told_up_to(&mut told, id).await;
    let identity = reader.fence().identity();
    reader.cache("tea", "tea");
    let client = test.client().await;
    client.execute("UPDATE feed.epoch SET epoch = gen_random_uuid()", &[]).await.expect("a new epoch");
    assert_eq!(cut_off(&client).await, 1);
    told_of_a_gap(&mut told).await;
    assert_ne!(reader.fence().identity(), identity);
    assert!(!reader.has("tea"));
}

#[tokio::test]
async fn an_instance_that_slept_through_the_retention_begins_anew() {
    let test = test_database(MIGRATIONS).await;
    let reader = Instance::start(&test, nudged()).await;
    let writer = Instance::at_rest(&test, nudged());
    let mut told = reader.feed.subscribe();
    let id = reader.commit("coffee").await;
    told_up_to(&mut told, id).await;
    reader.cache("tea", "tea");
    let client = test.client().await;
    // As it looks after a pause that was longer than events are kept.
    let missed = writer.commit("tea").await;
    let missed = i64::try_from(missed).expect("a small one");
    client.execute("DELETE FROM feed.event WHERE id = $1", &[&missed]).await.expect("dropped");
    client.execute("UPDATE feed.epoch SET dropped_to = $1", &[&missed]).await.expect("noted");
    assert_eq!(cut_off(&client).await, 1);
    told_of_a_gap(&mut told).await;
    assert!(!reader.has("tea"));
}

#[tokio::test]
async fn a_commit_is_marked_here_before_it_returns() {
    let test = test_database(MIGRATIONS).await;
    // Nobody follows the feed: all that this instance learns is what it does itself.
    let here = Instance::at_rest(&test, polling());
    let fence = here.fence();
    fence.restart("a history", 0);
    let since = fence.now_ms();
    let progress = Progress { complete_since_ms: Some(since), ..Progress::default() };
    fence.apply(&[], progress.clone());
    here.cache("tea", "tea");
    here.cache("coffee", "coffee");

    let rolled_back = here.database.transaction(|transaction| {
        async {
            here.feed.append(transaction, about("coffee")).await?;
            Err::<(), Error>(changed_my_mind())
        }
        .scope_boxed()
    });
    rolled_back.await.expect_err("rolled back");
    assert!(here.has("coffee"), "nothing has happened to it");
    let (_, transaction) = here.open("coffee").await;
    drop(transaction);
    assert!(here.has("coffee"), "nor by a transaction that was given up");

    let (id, transaction) = here.open("tea").await;
    assert!(here.has("tea"), "not before the commit");
    transaction.commit().await.expect("committed");
    assert!(!here.has("tea") && here.has("coffee"));
    assert!(!fence.has_applied(id), "what it was based on is not known before the feed was read");

    // What is read from here on has seen the commit: the feed's word of it must not rule that out.
    here.cache("tea", "tea");
    let tags = ["tea".to_owned()];
    fence.apply(&[Touch { id, tags: &tags }], Progress { highest: id, ..progress });
    assert!(here.has("tea"));
    assert_eq!(fence.figures().touches, 1);
}

#[tokio::test]
async fn a_request_learns_the_position_of_what_it_wrote() {
    let test = test_database(MIGRATIONS).await;
    let here = Instance::start(&test, polling()).await;
    let mut told = here.feed.subscribe();
    let request = Arc::new(Request::new(Arc::from("r-1")));
    let ids = within_request(request.clone(), async {
        let (_, transaction) = here.open("given up").await;
        transaction.roll_back().await;
        assert_eq!(request.position(), None, "nothing was committed");
        [here.commit("tea").await, here.commit("coffee").await]
    })
    .await;
    assert_eq!(request.position(), Some(ids[1]));
    assert_eq!(request.groups(), ["tea", "coffee"]);
    match next(&mut told).await {
        Received::Event(event) => assert_eq!((event.id, event.request_id.as_deref()), (ids[0], Some("r-1"))),
        Received::Gap => panic!("a gap"),
    }
}

#[tokio::test]
async fn a_burst_that_is_longer_than_one_look_is_read_to_its_end() {
    let test = test_database(MIGRATIONS).await;
    let (writer, reader) = (Instance::at_rest(&test, polling()), Instance::start(&test, polling()).await);
    reader.cache("first", "burst-0");
    reader.cache("last", "burst-11999");
    let transaction = writer.database.begin().await.expect("a transaction");
    let burst = (0..12_000).map(|number| about(&format!("burst-{number}"))).collect();
    let ids = writer.feed.append_all(&transaction, burst).await.expect("appended");
    assert!(ids.is_sorted() && ids.len() == 12_000);
    transaction.commit().await.expect("committed");
    reader.settles(ids[11_999]).await;
    assert!(!reader.has("first") && !reader.has("last"));
    assert_eq!(reader.feed.figures().events, 12_000);
}

#[tokio::test]
async fn more_holes_than_can_be_kept_make_the_feed_begin_anew() {
    let test = test_database(MIGRATIONS).await;
    let (writer, reader) = (Instance::at_rest(&test, polling()), Instance::start(&test, polling()).await);
    let first = writer.commit("coffee").await;
    reader.settles(first).await;
    reader.cache("tea", "tea");
    // As long as this transaction runs no hole can close.
    let slow = test.client().await;
    let (_, held) = draw(&slow).await;
    let digging = test.client().await;
    digging
        .batch_execute(
            "INSERT INTO feed.event (id, xid, topic, name, tags, data, at)
             SELECT 1000 + 2 * number, pg_current_xact_id(), 't', 'n', '{}', '{}', clock_timestamp()
             FROM generate_series(1, 21000) AS number;
             SELECT setval('feed.event_id', 50000)",
        )
        .await
        .expect("dug");
    eventually("what was learnt is forgotten", async || !reader.has("tea")).await;
    eventually("trust", async || reader.fence().is_trusted(reader.fence().now_ms())).await;
    reader.cache("tea", "tea");
    insert(&slow, held, "tea").await;
    slow.batch_execute("COMMIT").await.expect("committed");
    reader.applies(held).await;
    assert!(!reader.has("tea"), "and yet nothing is missed");
    reader.settles(50_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_the_order_each_commit_is_applied_once_by_each_instance() {
    let test = test_database(MIGRATIONS).await;
    let writer = Instance::start(&test, nudged()).await;
    let both = FeedSettings { nudges: true, ..polling() };
    let readers = [Instance::start(&test, polling()).await, Instance::start(&test, both).await];
    let mut told = [readers[0].feed.subscribe(), readers[1].feed.subscribe()];
    let work = (0..4_u64).map(|number| {
        let writer = &writer;
        async move {
            let (mut committed, mut open) = (Vec::new(), Vec::new());
            let mut chance = number + 1;
            for _ in 0..60 {
                open.push(writer.open("tea").await);
                chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let at = usize::try_from(chance >> 33).unwrap_or(0) % open.len();
                // At most two stay open for each, so that the pool suffices.
                if open.len() > 1 || chance >> 63 == 0 {
                    let (id, transaction) = open.swap_remove(at);
                    if (chance >> 40).is_multiple_of(4) {
                        transaction.roll_back().await;
                    } else {
                        transaction.commit().await.expect("committed");
                        committed.push(id);
                    }
                }
            }
            for (id, transaction) in open {
                transaction.commit().await.expect("committed");
                committed.push(id);
            }
            committed
        }
    });
    let committed = futures_util::future::join_all(work).await;
    let committed: BTreeSet<u64> = committed.into_iter().flatten().collect();
    let last = writer.commit("the end").await;
    for (reader, told) in readers.iter().zip(&mut told) {
        reader.settles(last).await;
        // Below the watermark nothing can come any more: this is told after all of it.
        let end = writer.commit("after the end").await;
        let mut ids = told_up_to(told, end).await;
        let length = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), length, "one was told twice");
        ids.retain(|id| *id < last);
        assert_eq!(ids, committed.iter().copied().collect::<Vec<_>>());
    }
}

/// The tail asks for the bound of a hole when it has taken a look in. If its connection breaks just
/// then, what the look brought must have been applied.
#[tokio::test]
async fn a_connection_that_breaks_in_the_middle_of_a_look_takes_no_event_with_it() {
    let test = test_database(MIGRATIONS).await;
    let (writer, reader) = (Instance::at_rest(&test, polling()), Instance::start(&test, polling()).await);
    let client = test.client().await;
    let cutting = async {
        let mut beat = tokio::time::interval(Duration::from_millis(53));
        for _ in 0..60 {
            beat.tick().await;
            cut_off(&client).await;
        }
    };
    let mut cutting = std::pin::pin!(cutting);
    let mut last = 0;
    let mut topics = Vec::new();
    loop {
        let topic = format!("topic-{}", topics.len());
        reader.cache(&topic, &topic);
        // A hole before each event, so that each look has a bound to ask for.
        writer.waste().await;
        last = writer.commit(&topic).await.max(last);
        topics.push(topic);
        if futures_util::poll!(&mut cutting).is_ready() {
            break;
        }
    }
    reader.settles(last).await;
    let kept: Vec<&String> = topics.iter().filter(|topic| reader.has(topic)).collect();
    assert!(kept.is_empty(), "{} of {} changes were lost: {kept:?}", kept.len(), topics.len());
}

/// The same without chance: the tail asks for a hole's bound after its look, and that very statement fails.
#[tokio::test]
async fn a_look_whose_holes_get_no_bound_takes_no_event_with_it() {
    let test = test_database(MIGRATIONS).await;
    let client = test.client().await;
    // What asks for the bound fails once it is armed, and once only.
    client
        .batch_execute(
            "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = public, pg_catalog', current_database()); END $$;
             CREATE SEQUENCE public.failures;
             CREATE TABLE public.arm (armed boolean NOT NULL);
             INSERT INTO public.arm VALUES (false);
             CREATE FUNCTION public.pg_current_xact_id() RETURNS xid8 LANGUAGE plpgsql AS $$ BEGIN
                 IF current_setting('application_name') = 'entrepot-feed' AND (SELECT armed FROM public.arm) THEN
                     IF nextval('public.failures') = 1 THEN RAISE EXCEPTION 'the connection might have ended here'; END IF;
                 END IF;
                 RETURN pg_catalog.pg_current_xact_id();
             END $$",
        )
        .await
        .expect("prepared");
    let (writer, reader) = (Instance::at_rest(&test, polling()), Instance::start(&test, polling()).await);
    let mut told = reader.feed.subscribe();
    let first = writer.commit("coffee").await;
    reader.settles(first).await;
    reader.cache("tea", "tea");
    client.batch_execute("UPDATE public.arm SET armed = true").await.expect("armed");
    // A hole, for which the tail asks for a bound right after the look.
    writer.waste().await;
    let id = writer.commit("tea").await;
    reader.applies(id).await;
    assert!(!reader.has("tea"), "event {id} was lost");
    let last = writer.commit("sugar").await;
    assert_eq!(told_up_to(&mut told, last).await, [first, id, last]);
}
