//! The reads, as a person who is tied to stores is given them, and their plans over a chain of thousands of stores.

use std::sync::Arc;

use entrepot_migrations::MIGRATIONS;
use entrepot_testkit::{TestDatabase, test_database};
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde_json::Value;

use super::reads::{PeriodQuery, Statement, read_period};
use crate::model::{Period, PeriodKind};

const KINDS: [PeriodKind; 3] = [PeriodKind::Day, PeriodKind::Week, PeriodKind::Month];
/// The last day of which something is known.
const TODAY: Date = jiff::civil::date(2024, 12, 31);

/// Stores that sold 1, 2, 3 … every day of these years.
async fn chain(stores: i32, from: &str) -> TestDatabase {
    let database = test_database(MIGRATIONS).await;
    let client = database.client().await;
    let derive = |table: &str, unit: &str| {
        format!(
            "INSERT INTO analytics.{table}
             SELECT store_id, date_trunc('{unit}', day::timestamp)::date, sum(sales), sum(transactions), sum(customers),
                    sum(units), sum(discount), count(*)
             FROM analytics.sales_day GROUP BY 1, 2;"
        )
    };
    client
        .batch_execute(&format!(
            "SET statement_timeout = 0;
             INSERT INTO analytics.sales_day
             SELECT store::text, day::date, store, 1, 1, 1, 0, false, 1
             FROM generate_series(1, {stores}) AS store, generate_series('{from}'::timestamp, '{TODAY}', '1 day') AS day;
             {} {}",
            derive("sales_week", "week"),
            derive("sales_month", "month")
        ))
        .await
        .expect("made");
    for table in ["sales_day", "sales_week", "sales_month"] {
        client.batch_execute(&format!("VACUUM ANALYZE analytics.{table}")).await.expect("vacuumed");
    }
    database
}

fn query(kind: PeriodKind, scope: Option<&[&str]>, store: Option<&str>) -> PeriodQuery {
    let scope = scope.map(|scope| -> Arc<[String]> { scope.iter().map(ToString::to_string).collect() });
    PeriodQuery { period: Period::around(kind, TODAY), scope, store: store.map(str::to_owned), limit: 50 }
}

#[tokio::test]
async fn who_is_tied_to_stores_reads_nothing_of_another() {
    let database = chain(3, "2024-10-01").await;
    for (kind, days) in KINDS.into_iter().zip([1, 2, 31]) {
        for (scope, store, seen) in [
            (None, None, vec!["3", "2", "1"]),
            (None, Some("2"), vec!["2"]),
            (Some(&["1", "3"][..]), None, vec!["3", "1"]),
            (Some(&["1", "3"]), Some("3"), vec!["3"]),
            (Some(&["1", "3"]), Some("2"), vec![]),
            (Some(&["nowhere"]), None, vec![]),
            (Some(&[]), None, vec![]),
            (Some(&[]), Some("1"), vec![]),
        ] {
            let at = format!("{kind:?} {scope:?} {store:?}");
            let read = read_period(&database.database, &query(kind, scope, store)).await.expect("read");
            let stores: Vec<&str> = read.rows.iter().map(|row| row.store_id.as_str()).collect();
            assert_eq!(stores, seen, "{at}");
            let a_day: Decimal = seen.iter().map(|store| store.parse::<Decimal>().expect("a number")).sum();
            assert_eq!(read.total.sales.0, a_day * Decimal::from(days), "{at}");
            assert_eq!(read.stores, i64::try_from(seen.len()).expect("few"), "{at}");
            assert_eq!(read.before.is_some(), !seen.is_empty(), "{at}");
            assert!(read.rows.iter().all(|row| row.before.is_some()), "{at}");
            let summed: Decimal = read.days.iter().map(|day| day.figures.sales.0).sum();
            assert_eq!(summed, read.total.sales.0, "{at}");
        }
    }
}

/// The tables that a plan reads from end to end.
fn read_whole(plan: &Value, found: &mut Vec<String>) {
    if plan["Node Type"] == "Seq Scan" {
        found.push(plan["Relation Name"].to_string());
    }
    for child in plan["Plans"].as_array().into_iter().flatten() {
        read_whole(child, found);
    }
}

#[tokio::test]
async fn no_read_reads_a_table_from_end_to_end() {
    let database = chain(2_000, "2024-01-01").await;
    let client = database.client().await;
    let many: Vec<String> = (1..=100).map(|store| (store * 20).to_string()).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    for kind in KINDS {
        for (scope, store) in
            [(None, None), (None, Some("7")), (Some(&["7", "8"][..]), None), (Some(&many[..]), None), (Some(&[]), None)]
        {
            let query = query(kind, scope, store);
            let before = query.rows_before((1..=50).map(|store: i32| store.to_string()).collect());
            for Statement { sql, binds } in [query.sums(), query.days(), query.rows(), before] {
                let explain = format!("EXPLAIN (FORMAT JSON) {sql}");
                let rows = client.query_typed(&explain, &binds.typed()).await.expect("explained");
                let plan: Value = rows[0].get(0);
                let mut whole = Vec::new();
                read_whole(&plan[0]["Plan"], &mut whole);
                assert!(whole.is_empty(), "{sql} reads all of {whole:?}\n{plan:#}");
            }
        }
    }
}
