//! The writers: changes of sales and of stores over HTTP, and large events by hand that make slow followers overflow.
//!
//! **Invariant:** every write has a value of its own, its mark, so that an event can be told to be that write's.

use std::sync::Arc;
use std::time::Duration;

use entrepot_feed::{Feed, NewEvent};
use entrepot_pg::{Database, Error, ScopedFutureExt as _};
use serde_json::{Value, json};

use super::judge::{Attempt, Outcome};
use super::{BREATH, Run, pause};
use crate::verify::work::Random;

/// Of a hundred writes, how many are to a store; the others are to its sales.
const STORES_PERCENT: u64 = 20;
/// Bytes of a large event. What the kernel buffers on both sides is some 3 MB, and a queue is 1 MiB.
const LARGE: usize = 16 * 1024;
/// Large events of one commit: well below what a queue holds, so that who reads at once does not overflow.
const BATCH: usize = 8;
/// Commits of one flood at the most: 16 MB.
const MOST_BATCHES: usize = 128;
/// After so many commits it is looked whether somebody has overflowed.
const LOOK_EVERY: usize = 4;
/// What a store is called, before its mark.
const NAMED: &str = "Verify ";

/// The mark in an event's data.
pub(super) fn mark_of(data: &Value) -> Option<u64> {
    if let Some(mark) = data["mark"].as_u64() {
        return Some(mark);
    }
    if let Some(name) = data["name"].as_str() {
        return name.strip_prefix(NAMED)?.parse().ok();
    }
    let sales = &data["days"].as_object()?.values().next()?["sales"];
    // By its text, as a number may be one with decimals of which there are none.
    sales.as_u64().or_else(|| sales.to_string().strip_suffix(".0")?.parse().ok())
}

/// Writes to topics at random over instances at random until writing is over.
pub(super) async fn write(run: Arc<Run>, mut random: Random) -> Vec<Attempt> {
    let mut attempts = Vec::new();
    while run.is_writing() {
        let store = run.store(random.index(run.plan.topics));
        let address = run.instances.address(random.index(run.plan.instances));
        let mark = run.next_mark();
        let (path, topic, body) = if random.percent(STORES_PERCENT) {
            let body = json!({"name": format!("{NAMED}{mark}")});
            (format!("/api/v2/stores/{store}"), format!("store-{store}"), body)
        } else {
            let day = (random.below(28) + 1).to_string();
            let body = json!({"dailyData": {day: {"sales": mark}}});
            (format!("/api/v2/sales/{store}/2024/1"), format!("sales-data-{store}"), body)
        };
        let sent = run.now();
        let outcome = match run.http.send(address, "PATCH", &path, &[], Some(&body)).await {
            Ok(answer) if (200..300).contains(&answer.status) => {
                let position = answer.fields.get("entrepot-position");
                Outcome::Acknowledged { position: position.and_then(|value| value.to_str().ok()?.parse().ok()) }
            }
            // Its instance is dead, or without a database: nobody knows what became of the write.
            Ok(_) | Err(_) => Outcome::Unknown,
        };
        attempts.push(Attempt { topic: topic.into(), mark, sent, outcome });
        if outcome == Outcome::Unknown {
            pause(BREATH).await;
        }
    }
    attempts
}

/// Again and again: has slow followers stop reading, and appends large events until one of them has overflowed.
pub(super) async fn flood(run: Arc<Run>, database: Database, feed: Feed, mut random: Random) -> Vec<Attempt> {
    let topic: Arc<str> = format!("sales-data-{}", run.flooded()).into();
    let padding = "x".repeat(LARGE);
    let mut attempts = Vec::new();
    while run.is_writing() {
        pause(Duration::from_millis(200 + random.below(300))).await;
        run.hold(true);
        let dropped = run.dropped().await;
        for batch in 1..=MOST_BATCHES {
            if !run.is_writing() {
                break;
            }
            let marks: Vec<u64> = (0..BATCH).map(|_| run.next_mark()).collect();
            let sent = run.now();
            let positions = append(&database, &feed, &topic, &marks, &padding).await.ok();
            for (index, mark) in marks.into_iter().enumerate() {
                let outcome = match &positions {
                    Some(positions) => Outcome::Acknowledged { position: positions.get(index).copied() },
                    None => Outcome::Unknown,
                };
                attempts.push(Attempt { topic: topic.clone(), mark, sent, outcome });
            }
            if positions.is_none() {
                pause(BREATH).await;
            }
            if batch % LOOK_EVERY == 0 && run.dropped().await > dropped {
                run.count("floods in which a slow follower overflowed");
                break;
            }
        }
        run.hold(false);
        // A long run has no more of them than a short one: each leaves some MB in the feed.
        run.while_writing(Duration::from_secs((run.plan.seconds / 8).max(1))).await;
    }
    attempts
}

/// Appends an event for each mark, in one transaction.
async fn append(
    database: &Database,
    feed: &Feed,
    topic: &str,
    marks: &[u64],
    padding: &str,
) -> Result<Vec<u64>, Error> {
    database
        .transaction(|transaction| {
            let event =
                |mark| NewEvent::new("sales-data-flood", topic).data(&json!({"mark": mark, "padding": padding}));
            let events = marks.iter().map(event).collect();
            async move { feed.append_all(transaction, events).await }.scope_boxed()
        })
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_found_in_each_kind_of_event() {
        assert_eq!(mark_of(&json!({"mark": 7, "padding": "x"})), Some(7));
        assert_eq!(mark_of(&json!({"storeId": "1", "name": "Verify 7", "status": "open"})), Some(7));
        assert_eq!(mark_of(&json!({"storeId": "1", "days": {"3": {"sales": 7}}, "totals": {"sales": 9}})), Some(7));
        assert_eq!(mark_of(&json!({"storeId": "1", "days": {"3": {"sales": 7.0}}})), Some(7));
        for other in [json!({}), json!({"name": "Verify"}), json!({"days": {}}), json!({"days": {"3": null}})] {
            assert_eq!(mark_of(&other), None, "{other}");
        }
    }
}
