//! What subscribers within the process are told.

use entrepot_feed::{NewEvent, Received, Told};
use entrepot_migrations::MIGRATIONS;
use entrepot_testkit::test_database;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{Instance, PATIENCE, about, next, polling, told_of_a_gap, told_up_to};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Poured {
    cups: u32,
}

impl Instance {
    async fn commit_all(&self, events: Vec<NewEvent>) -> Vec<u64> {
        let transaction = self.database.begin().await.expect("a transaction");
        let ids = self.feed.append_all(&transaction, events).await.expect("appended");
        transaction.commit().await.expect("committed");
        ids
    }
}

#[tokio::test]
async fn an_event_comes_as_it_was_appended() {
    let test = test_database(MIGRATIONS).await;
    let here = Instance::start(&test, polling()).await;
    let mut told = here.feed.subscribe();
    let event = NewEvent::new("tea.poured", "pot-1")
        .tags(["pot:1", "pots", "pot:1"])
        .audience("staff")
        .data(&Poured { cups: 2 });
    let ids = here.commit_all(vec![event]).await;
    let Received::Event(event) = next(&mut told).await else { panic!("a gap") };
    assert_eq!((event.id, &*event.name, &*event.topic), (ids[0], "tea.poured", "pot-1"));
    assert_eq!(event.tags, ["pot:1", "pots"]);
    assert_eq!((event.audience.as_deref(), &event.data), (Some("staff"), &json!({"cups": 2})));
    assert_eq!(event.request_id, None);
}

#[tokio::test]
async fn a_typed_subscriber_gets_its_own_events_in_order() {
    let test = test_database(MIGRATIONS).await;
    let here = Instance::start(&test, polling()).await;
    let mut poured = here.feed.subscribe().of::<Poured>("tea.poured");
    let pour = |cups| NewEvent::new("tea.poured", "pot-1").data(&Poured { cups });
    let other_form = NewEvent::new("tea.poured", "pot-1").data(&json!({"cups": "many"}));
    let ids = here.commit_all(vec![pour(1), about("coffee"), pour(2), other_form, pour(3)]).await;
    let mut told = Vec::new();
    for _ in 0..4 {
        let next = tokio::time::timeout(PATIENCE, poured.next()).await;
        told.push(next.expect("in time").expect("the feed goes on"));
    }
    let happened = |at: usize, cups| Told::Happened(ids[at], Poured { cups });
    // What it cannot read it must not believe to have seen.
    assert_eq!(told, [happened(0, 1), happened(2, 2), Told::Gap, happened(4, 3)]);
}

#[tokio::test]
async fn a_subscriber_that_is_too_slow_is_told_of_the_gap_and_goes_on() {
    let test = test_database(MIGRATIONS).await;
    let here = Instance::start(&test, polling()).await;
    let mut slow = here.feed.subscribe();
    let mut typed = here.feed.subscribe().of::<Poured>("tea.poured");
    let ids = here.commit_all((0..4_096).map(|_| about("tea")).collect()).await;
    here.settles(ids[4_095]).await;
    assert_eq!(here.feed.figures().subscribers, 2);
    // So many are kept for it, and no more.
    let one_more = here.commit("tea").await;
    here.settles(one_more).await;

    assert!(matches!(next(&mut slow).await, Received::Gap), "the oldest is lost, and it is told so");
    assert_eq!(told_up_to(&mut slow, one_more).await.len(), 4_096);
    assert_eq!(tokio::time::timeout(PATIENCE, typed.next()).await.expect("in time"), Some(Told::Gap));
}

#[tokio::test]
async fn a_subscriber_that_is_not_too_slow_misses_nothing() {
    let test = test_database(MIGRATIONS).await;
    let here = Instance::start(&test, polling()).await;
    let mut told = here.feed.subscribe();
    let ids = here.commit_all((0..4_000).map(|_| about("tea")).collect()).await;
    here.settles(ids[3_999]).await;
    assert_eq!(told_up_to(&mut told, ids[3_999]).await, ids);
}

#[tokio::test]
async fn who_subscribes_before_the_feed_begins_is_told_that_it_saw_nothing_yet() {
    let test = test_database(MIGRATIONS).await;
    let here = Instance::at_rest(&test, polling());
    let mut early = here.feed.subscribe();
    here.commit("tea").await;
    here.begin().await;
    told_of_a_gap(&mut early).await;
    let id = here.commit("tea").await;
    assert_eq!(told_up_to(&mut early, id).await, [id]);
}

#[tokio::test]
async fn a_subscription_ends_with_its_feed() {
    let test = test_database(MIGRATIONS).await;
    let here = Instance::at_rest(&test, polling());
    let mut told = here.feed.subscribe();
    drop(here);
    assert!(tokio::time::timeout(PATIENCE, told.next()).await.expect("in time").is_none());
}
