//! The plans of every list of months that the API offers, at a million of them: no plan may read the table
//! or sort it.
//!
//! What is checked is what was really done (EXPLAIN ANALYZE): no sequential scan, and no node that looked at
//! more than [`MOST_ROWS`] rows, those that a filter threw away included.

use std::sync::Arc;

use entrepot_migrations::MIGRATIONS;
use entrepot_testkit::{TestDatabase, test_database};
use entrepot_web::{Cursor, PageRequest, Position};
use serde_json::Value;

use super::lists::{MonthFilters, MonthOrder, MonthQuery, month_explain, month_page};

/// A tenth of the table.
const MOST_ROWS: f64 = 100_000.0;
const STORES: i64 = 8_000;
/// Months of each store: 125, to the end of 2025.
const FIRST: i32 = 2015 * 12 + 7;
const LAST: i32 = 2025 * 12 + 11;

/// A million months of 8,000 stores, with three days each.
async fn a_million() -> TestDatabase {
    let database = test_database(MIGRATIONS).await;
    let client = database.client().await;
    // The trigger would take a minute; it is the test of writes that shows what it derives.
    client
        .batch_execute(&format!(
            "SET session_replication_role = replica;
             SET statement_timeout = 0;
             INSERT INTO sales.store (id, name, created_at, updated_at)
             SELECT n::text, 'Store ' || n, now(), now() FROM generate_series(1, {STORES}) AS n;
             INSERT INTO sales.month (id, store_id, year, month, daily, sales, transactions, customers, units, discount,
                                      days, created_at, updated_at)
             SELECT gen_random_uuid(), store::text, period / 12, period % 12 + 1,
                    jsonb_build_object('1', jsonb_build_object('sales', amount), '2', jsonb_build_object('sales', 1),
                                       '3', CASE WHEN (store + period) % 5000 = 0 THEN '{{\"promo\": 1}}'::jsonb
                                                 ELSE '{{\"units\": 2}}'::jsonb END),
                    amount + 1, 0, 0, 2, 0, 3, now(), now() - make_interval(secs => amount::float8)
             FROM generate_series(1, {STORES}) AS store, generate_series({FIRST}, {LAST}) AS period,
                  LATERAL (SELECT (store::bigint * 7919 + period::bigint * 104729) % 100000 AS amount) AS made;
             ANALYZE sales.month"
        ))
        .await
        .expect("made");
    database
}

fn filters() -> Vec<(&'static str, MonthFilters)> {
    let none = MonthFilters::default();
    let recent = 2024 * 12 + 5;
    let scope = |stores: &[&str]| -> Option<Arc<[String]>> { Some(stores.iter().map(ToString::to_string).collect()) };
    let many: Vec<String> = (1..=100).map(|store| (store * 80).to_string()).collect();
    vec![
        ("nothing", none.clone()),
        ("a store", MonthFilters { store: Some("330".into()), ..none.clone() }),
        ("no such store", MonthFilters { store: Some("nowhere".into()), ..none.clone() }),
        ("tied to one", MonthFilters { scope: scope(&["330"]), ..none.clone() }),
        ("tied to three", MonthFilters { scope: scope(&["330", "406", "7999"]), ..none.clone() }),
        ("tied to a hundred", MonthFilters { scope: Some(many.into()), ..none.clone() }),
        ("a recent month", MonthFilters { from: Some(recent), to: Some(recent), ..none.clone() }),
        ("an old month", MonthFilters { from: Some(FIRST), to: Some(FIRST), ..none.clone() }),
        ("a year", MonthFilters { from: Some(2020 * 12), to: Some(2020 * 12 + 11), ..none.clone() }),
        ("from a month on", MonthFilters { from: Some(recent), ..none.clone() }),
        ("up to a month", MonthFilters { to: Some(FIRST + 3), ..none.clone() }),
        ("every March", MonthFilters { month: Some(3), ..none.clone() }),
        ("a rare field", MonthFilters { has: Some("promo".into()), ..none.clone() }),
        ("a field of none", MonthFilters { has: Some("nothing".into()), ..none.clone() }),
        ("a field of all", MonthFilters { has: Some("sales".into()), ..none.clone() }),
        (
            "a store's year",
            MonthFilters { store: Some("9".into()), from: Some(2020 * 12), to: Some(2020 * 12 + 11), ..none },
        ),
    ]
}

/// The rows that the busiest node looked at, and whether the table was read.
fn worst(plan: &Value) -> (f64, bool) {
    let number = |name: &str| plan[name].as_f64().unwrap_or(0.0);
    let node = plan["Node Type"].as_str().unwrap_or_default();
    let removed = number("Rows Removed by Filter") + number("Rows Removed by Index Recheck");
    let mut rows = (number("Actual Rows") + removed) * number("Actual Loops").max(1.0);
    if node.starts_with("Bitmap Index") || node.starts_with("BitmapAnd") || node.starts_with("BitmapOr") {
        // Entries of an index are not rows that were looked at.
        rows = 0.0;
    }
    let mut is_read = node == "Seq Scan";
    for child in plan["Plans"].as_array().into_iter().flatten() {
        let (below, read_below) = worst(child);
        rows = rows.max(below);
        is_read |= read_below;
    }
    (rows, is_read)
}

#[tokio::test]
async fn no_list_reads_or_sorts_the_table() {
    let database = a_million().await;
    let mut faults = Vec::new();
    let mut checked = 0;
    for (name, filters) in filters() {
        for order in [MonthOrder::Period, MonthOrder::Store, MonthOrder::Sales, MonthOrder::UpdatedAt] {
            for descending in [false, true] {
                let page = PageRequest { limit: 50, position: Position::Start, number: None };
                let mut query = MonthQuery { filters: filters.clone(), order, descending, with_days: false, page };
                for turn in ["the first page", "from a cursor"] {
                    let plan = month_explain(&database.database, &query).await.expect("explained");
                    let (rows, is_read) = worst(&plan[0]["Plan"]);
                    checked += 1;
                    if is_read || rows > MOST_ROWS {
                        faults.push(format!("{name} by {order:?} {descending}, {turn}: {rows} rows\n{plan:#}"));
                    }
                    let (_, next) = month_page(&database.database, &query, None).await.expect("read");
                    let Some(cursor) = next.next_cursor else { break };
                    query.page.position = Position::Cursor(decode(&cursor));
                }
            }
        }
    }
    assert!(checked > 200, "only {checked} were checked");
    assert!(faults.is_empty(), "{} of {checked}:\n{}", faults.len(), faults.join("\n\n"));
}

fn decode(cursor: &str) -> Cursor {
    let mut query = entrepot_web::Query::parse(&format!("cursor={cursor}")).expect("a query");
    let request = PageRequest::from_query(&mut query).expect("a page");
    match request.position {
        Position::Cursor(cursor) => cursor,
        other => panic!("no cursor but {other:?}"),
    }
}
