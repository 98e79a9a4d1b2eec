//! What sales tell becomes days, weeks and months.

use super::*;

const JANUARY: (i16, i16) = (2024, 1);

#[tokio::test]
async fn days_weeks_and_months_follow_what_sales_tell() {
    let test = database().await;
    let here = Process::start(&test, 4).await;
    let days = json!({
        "1": {"sales": 10.25, "transactions": 3, "customers": 2, "units": 4.5, "discount": 0.1, "promo": 9},
        "7": {"sales": 0.2}, "8": {"sales": -1},
    });
    here.tell(SalesChanged::CREATED, &told("330", JANUARY, Some(days))).await;
    here.tell(SalesChanged::CREATED, &told("406", JANUARY, Some(json!({"1": sold(5.0)})))).await;
    here.catches_up().await;
    assert_eq!(
        rows(&here.client, "sales_day", "330").await,
        ["2024-01-01 10.25 1", "2024-01-07 0.2 1", "2024-01-08 -1 1"]
    );
    assert_eq!(rows(&here.client, "sales_week", "330").await, ["2024-01-01 10.45 2", "2024-01-08 -1 1"]);
    assert_eq!(rows(&here.client, "sales_month", "330").await, ["2024-01-01 9.45 3"]);
    assert_eq!(rows(&here.client, "sales_month", "406").await, ["2024-01-01 5 1"]);
    let sql = "SELECT concat_ws(' ', transactions, customers, units, discount) FROM analytics.sales_month WHERE store_id = '330'";
    assert_eq!(here.client.query_one(sql, &[]).await.expect("a row").get::<_, &str>(0), "3 2 4.5 0.1");

    // A day is put in place of the one that was there; others stay.
    here.tell(SalesChanged::UPDATED, &told("330", JANUARY, Some(json!({"7": sold(1.0), "31": sold(2.0)})))).await;
    here.catches_up().await;
    assert_eq!(
        rows(&here.client, "sales_week", "330").await,
        ["2024-01-01 11.25 2", "2024-01-08 -1 1", "2024-01-29 2 1"]
    );
    sums_are_right(&here.client).await;
    here.stop().await;
}

#[tokio::test]
async fn days_and_months_that_are_gone_count_no_more_and_may_come_back() {
    let test = database().await;
    let here = Process::start(&test, 4).await;
    let days = json!({"1": sold(1.0), "2": sold(2.0), "8": sold(4.0)});
    here.tell(SalesChanged::CREATED, &told("330", JANUARY, Some(days))).await;
    here.tell(SalesChanged::CREATED, &told("330", (2024, 2), Some(json!({"1": sold(16.0)})))).await;
    here.tell(SalesChanged::UPDATED, &told("330", JANUARY, Some(json!({"8": null, "2": null})))).await;
    here.catches_up().await;
    assert_eq!(rows(&here.client, "sales_week", "330").await, ["2024-01-01 1 1", "2024-01-29 16 1"]);
    assert_eq!(rows(&here.client, "sales_month", "330").await, ["2024-01-01 1 1", "2024-02-01 16 1"]);

    here.tell(SalesChanged::DELETED, &told("330", JANUARY, None)).await;
    here.catches_up().await;
    assert_eq!(rows(&here.client, "sales_day", "330").await, ["2024-02-01 16 1"]);
    assert_eq!(rows(&here.client, "sales_week", "330").await, ["2024-01-29 16 1"]);
    assert_eq!(rows(&here.client, "sales_month", "330").await, ["2024-02-01 16 1"]);

    here.tell(SalesChanged::CREATED, &told("330", JANUARY, Some(json!({"2": sold(3.0), "9": {}})))).await;
    here.catches_up().await;
    assert_eq!(rows(&here.client, "sales_month", "330").await, ["2024-01-01 3 2", "2024-02-01 16 1"]);
    sums_are_right(&here.client).await;
    here.stop().await;
}

#[tokio::test]
async fn a_week_has_the_days_of_two_months_and_of_two_years() {
    let test = database().await;
    let here = Process::start(&test, 4).await;
    here.tell(SalesChanged::CREATED, &told("330", (2024, 12), Some(json!({"29": sold(1.0), "30": sold(2.0)})))).await;
    here.tell(SalesChanged::CREATED, &told("330", (2025, 1), Some(json!({"5": sold(4.0), "6": sold(8.0)})))).await;
    here.tell(SalesChanged::CREATED, &told("330", (2025, 3), Some(json!({"2": sold(32.0)})))).await;
    here.tell(SalesChanged::CREATED, &told("330", (2025, 2), Some(json!({"24": sold(16.0)})))).await;
    here.catches_up().await;
    let weeks = ["2024-12-23 1 1", "2024-12-30 6 2", "2025-01-06 8 1", "2025-02-24 48 2"];
    assert_eq!(rows(&here.client, "sales_week", "330").await, weeks);
    // One month goes, and what the other has of the week stays.
    here.tell(SalesChanged::DELETED, &told("330", (2024, 12), None)).await;
    here.catches_up().await;
    assert_eq!(rows(&here.client, "sales_week", "330").await, ["2024-12-30 4 1", "2025-01-06 8 1", "2025-02-24 48 2"]);
    sums_are_right(&here.client).await;
    here.stop().await;
}

#[tokio::test]
async fn what_cannot_be_read_is_kept_among_the_failed_and_holds_up_nothing() {
    let test = database().await;
    let here = Process::start(&test, 1).await;
    here.tell(SalesChanged::UPDATED, &told("330", JANUARY, None)).await;
    here.tell(SalesChanged::UPDATED, &told("330", (2023, 2), Some(json!({"29": sold(1.0)})))).await;
    here.tell(SalesChanged::UPDATED, &told("330", (2023, 13), Some(json!({"1": sold(1.0)})))).await;
    here.tell(SalesChanged::UPDATED, &told("330", JANUARY, Some(json!({"1": {"sales": "1"}})))).await;
    here.tell(SalesChanged::UPDATED, &told("330", JANUARY, Some(json!({"2": sold(2.0)})))).await;
    here.catches_up().await;
    assert_eq!(number(&here.client, "SELECT count(*) FROM jobs.ended WHERE outcome = 'discarded'").await, 4);
    assert_eq!(rows(&here.client, "sales_day", "330").await, ["2024-01-02 2 1"]);
    here.stop().await;
}

#[tokio::test]
async fn an_event_of_no_known_form_is_not_passed_over() {
    let test = database().await;
    let here = Process::start(&test, 1).await;
    let appended = here.feed.database().transaction(|transaction| {
        let event = NewEvent::new(SalesChanged::UPDATED, "sales-data-330").data(&json!({"later": "form"}));
        async { here.feed.append(transaction, event).await }.scope_boxed()
    });
    let odd = i64::try_from(appended.await.expect("told")).expect("a position");
    let after = here.tell(SalesChanged::UPDATED, &told("330", JANUARY, Some(json!({"2": sold(2.0)})))).await;
    // As if a program had come that can read it.
    eventually("the feed shows the later one", async || here.feed.watermark().is_some_and(|seen| seen >= after)).await;
    let passed = "SELECT count(*) FROM feed.consumer WHERE name = 'analytics-sales' AND position >= ";
    assert_eq!(number(&here.client, &format!("{passed}{odd}")).await, 0);
    let data = serde_json::to_value(told("330", JANUARY, Some(json!({"1": sold(1.0)})))).expect("JSON");
    here.client.execute("UPDATE feed.event SET data = $1 WHERE id = $2", &[&data, &odd]).await.expect("readable");
    here.catches_up().await;
    assert_eq!(rows(&here.client, "sales_month", "330").await, ["2024-01-01 3 2"]);
    here.stop().await;
}

#[tokio::test]
async fn what_was_told_before_anybody_followed_is_counted() {
    let test = database().await;
    let here = Process::at_rest(&test, Clock::system()).await;
    here.tell(SalesChanged::CREATED, &told("330", JANUARY, Some(json!({"1": sold(1.0)})))).await;
    here.follow();
    here.work(1);
    here.catches_up().await;
    assert_eq!(rows(&here.client, "sales_month", "330").await, ["2024-01-01 1 1"]);
    here.stop().await;
}
