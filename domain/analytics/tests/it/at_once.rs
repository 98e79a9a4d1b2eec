//! Jobs of one store at once: neither loses what the other counted.

use super::*;

fn job(event: u64, day: u32, sales: f64) -> NewJob {
    let days = Some(json!({day.to_string(): sold(sales)}));
    NewJob::of(&RollUp { event, store_id: "330".to_owned(), year: 2024, month: 1, days, is_deleted: false })
}

#[tokio::test]
async fn two_jobs_of_a_week_wait_for_each_other() {
    let test = database().await;
    let here = Process::at_rest(&test, Clock::system()).await;
    // Who would write the week waits here, having summed it.
    let gate = test.database.begin().await.expect("a transaction");
    gate.batch_execute("INSERT INTO analytics.sales_week VALUES ('330', '2024-01-01', 0, 0, 0, 0, 0, 1)")
        .await
        .expect("written");
    here.enqueue(&[job(1, 1, 1.0), job(2, 2, 2.0)]).await;
    here.work(2);
    waiting(&here.client, 2).await;
    gate.roll_back().await;
    here.works_off().await;
    assert_eq!(rows(&here.client, "sales_week", "330").await, ["2024-01-01 3 2"]);
    assert_eq!(rows(&here.client, "sales_month", "330").await, ["2024-01-01 3 2"]);
    here.stop().await;
}

#[tokio::test]
async fn stores_do_not_wait_for_each_other() {
    let test = database().await;
    let here = Process::at_rest(&test, Clock::system()).await;
    let gate = test.database.begin().await.expect("a transaction");
    gate.batch_execute("INSERT INTO analytics.sales_week VALUES ('330', '2024-01-01', 0, 0, 0, 0, 0, 1)")
        .await
        .expect("written");
    let days = Some(json!({"1": sold(5.0)}));
    let other = RollUp { event: 2, store_id: "406".to_owned(), year: 2024, month: 1, days, is_deleted: false };
    here.enqueue(&[job(1, 1, 1.0), NewJob::of(&other)]).await;
    here.work(2);
    waiting(&here.client, 1).await;
    eventually("the other store's week", async || !rows(&here.client, "sales_week", "406").await.is_empty()).await;
    gate.roll_back().await;
    here.works_off().await;
    sums_are_right(&here.client).await;
    here.stop().await;
}

#[tokio::test]
async fn many_jobs_of_a_store_at_once_are_all_counted() {
    let test = database().await;
    let one = Process::at_rest(&test, Clock::system()).await;
    let other = Process::at_rest(&test, Clock::system()).await;
    let jobs: Vec<NewJob> = (1..=31_u32)
        .flat_map(|day| (1..=6_u64).map(move |turn| (day, turn)))
        .map(|(day, turn)| job(u64::from(day) + 100 * ((turn * 5) % 6 + 1), day, turn as f64))
        .collect();
    one.enqueue(&jobs).await;
    one.work(3);
    other.work(3);
    one.works_off().await;
    // The latest event of each day is that of the turn for which turn * 5 % 6 is 5: the first.
    assert_eq!(rows(&one.client, "sales_month", "330").await, ["2024-01-01 31 31"]);
    sums_are_right(&one.client).await;
    one.stop().await;
    other.stop().await;
}
