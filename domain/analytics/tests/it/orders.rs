//! Jobs in any order, and more than once: what is written is the same.

use super::*;

/// What became of a month, one event after the other.
fn history() -> Vec<(Option<Value>, bool)> {
    vec![
        (Some(json!({"1": sold(10.0), "2": sold(20.0)})), false),
        (Some(json!({"2": null, "3": sold(30.0)})), false),
        (None, true),
        (Some(json!({"2": sold(7.0)})), false),
        (Some(json!({"2": sold(8.0), "31": sold(1.0)})), false),
    ]
}

fn orders(length: usize) -> Vec<Vec<usize>> {
    let mut all = vec![Vec::new()];
    for next in 0..length {
        let longer = all.into_iter().flat_map(|order: Vec<usize>| {
            (0..=order.len()).map(move |place| {
                let mut order = order.clone();
                order.insert(place, next);
                order
            })
        });
        all = longer.collect();
    }
    all
}

#[tokio::test]
async fn every_order_of_events_comes_to_the_same_and_again_changes_nothing() {
    let test = database().await;
    let here = Process::at_rest(&test, Clock::system()).await;
    let (history, orders) = (history(), orders(5));
    assert_eq!(orders.len(), 120);
    // Each order with a store of its own. One at a time, so that they are done as they were enqueued.
    let job = |store: usize, at: usize| {
        let (days, is_deleted) = history[at].clone();
        let event = u64::try_from(at).expect("few") + 1;
        let job = RollUp { event, store_id: format!("s{store}"), year: 2024, month: 1, days, is_deleted };
        NewJob::of(&job).tenant(format!("s{store}"))
    };
    let all = |orders: &[Vec<usize>]| -> Vec<NewJob> {
        let jobs = orders.iter().enumerate().flat_map(|(store, order)| order.iter().map(move |at| (store, *at)));
        jobs.map(|(store, at)| job(store, at)).collect()
    };
    here.enqueue(&all(&orders)).await;
    here.work(1);
    here.works_off().await;
    for (store, order) in orders.iter().enumerate() {
        let store = format!("s{store}");
        assert_eq!(rows(&here.client, "sales_day", &store).await, ["2024-01-02 8 1", "2024-01-31 1 1"], "{order:?}");
        assert_eq!(rows(&here.client, "sales_week", &store).await, ["2024-01-01 8 1", "2024-01-29 1 1"], "{order:?}");
        assert_eq!(rows(&here.client, "sales_month", &store).await, ["2024-01-01 9 2"], "{order:?}");
    }
    sums_are_right(&here.client).await;

    // The same jobs again, and the other way round: not a row is written.
    let before = everything(&here.client).await;
    let backwards: Vec<Vec<usize>> = orders.iter().map(|order| order.iter().rev().copied().collect()).collect();
    here.enqueue(&all(&backwards)).await;
    here.works_off().await;
    assert_eq!(everything(&here.client).await, before);
    assert_eq!(number(&here.client, "SELECT count(*) FROM jobs.ended WHERE outcome = 'completed'").await, 1_200);
    here.stop().await;
}
