//! Processes that are killed in the middle: nothing is lost, and nothing counted twice.

use super::*;

const JANUARY: (i16, i16) = (2024, 1);

#[tokio::test]
async fn a_worker_that_is_killed_between_days_and_sums_leaves_neither() {
    let test = database().await;
    let victim = Process::at_rest(&test, Clock::system()).await;
    victim.follow();
    victim.tell(SalesChanged::CREATED, &told("330", JANUARY, Some(json!({"1": sold(1.0)})))).await;
    victim.tell(SalesChanged::UPDATED, &told("330", JANUARY, Some(json!({"2": sold(2.0)})))).await;
    eventually("both jobs", async || number(&victim.client, "SELECT count(*) FROM jobs.job").await == 2).await;
    let gate = test.database.begin().await.expect("a transaction");
    gate.batch_execute("INSERT INTO analytics.sales_week VALUES ('330', '2024-01-01', 0, 0, 0, 0, 0, 1)")
        .await
        .expect("written");
    victim.work(1);
    waiting(&victim.client, 1).await;
    victim.kill().await;
    gate.roll_back().await;
    let heir = Process::at_rest(&test, Clock::system()).await;
    // Nobody waits any more for what was killed; it has left nothing.
    waiting(&heir.client, 0).await;
    assert_eq!(number(&heir.client, "SELECT count(*) FROM analytics.sales_day").await, 0);
    heir.follow();
    heir.work(2);
    heir.catches_up().await;
    assert_eq!(rows(&heir.client, "sales_week", "330").await, ["2024-01-01 3 2"]);
    assert_eq!(number(&heir.client, "SELECT count(*) FROM jobs.ended WHERE outcome = 'completed'").await, 2);
    sums_are_right(&heir.client).await;
    heir.stop().await;
}

#[tokio::test]
async fn a_consumer_that_is_killed_in_its_turn_is_taken_over() {
    let test = database().await;
    let victim = Process::at_rest(&test, Clock::system()).await;
    let gate = test.database.begin().await.expect("a transaction");
    gate.batch_execute("LOCK TABLE jobs.job IN SHARE ROW EXCLUSIVE MODE").await.expect("locked");
    victim.tell(SalesChanged::CREATED, &told("330", JANUARY, Some(json!({"1": sold(1.0)})))).await;
    victim.follow();
    waiting(&victim.client, 1).await;
    victim.kill().await;
    gate.roll_back().await;
    let heir = Process::start(&test, 2).await;
    heir.tell(SalesChanged::UPDATED, &told("330", JANUARY, Some(json!({"2": sold(2.0)})))).await;
    heir.catches_up().await;
    assert_eq!(rows(&heir.client, "sales_month", "330").await, ["2024-01-01 3 2"]);
    assert_eq!(number(&heir.client, "SELECT count(*) FROM jobs.ended").await, 2, "a job an event");
    heir.stop().await;
}
