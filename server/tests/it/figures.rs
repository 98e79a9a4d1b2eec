//! The figures of reports: right to the last place that is shown, whatever was sold, by whom and when.

use std::io::Cursor;

use calamine::{Data, Reader as _, Xlsx};
use entrepot_testkit::SignedIn;
use serde_json::{Value, json};

use crate::house::{House, text};
use crate::telling::eventually;

/// All cells of an Excel report of sales, row by row.
async fn workbook(admin: &SignedIn<'_>, parameters: &Value) -> Vec<Vec<Data>> {
    let body = json!({"kind": "sales", "format": "xlsx", "parameters": parameters});
    let ordered = admin.post("/api/v2/reports").json(&body).await.status(202).json();
    let path = format!("/api/v2/reports/{}", text(&ordered, "id"));
    eventually("the report", async || (admin.get(&path).await.ok()["status"] == "done").then_some(())).await;
    let bytes = admin.get(&format!("{path}/content")).await.status(200).body;
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(bytes.to_vec())).expect("a workbook");
    let sheets: Vec<_> = book.worksheets();
    sheets.into_iter().flat_map(|(_, range)| range.rows().map(<[Data]>::to_vec).collect::<Vec<_>>()).collect()
}

/// The cells of the first row that has this text in a cell and something behind it, from that cell on.
fn behind<'r>(rows: &'r [Vec<Data>], label: &str) -> &'r [Data] {
    let of = |row: &'r Vec<Data>| row.iter().position(|cell| *cell == *label).map(|at| &row[at..]);
    let rows_of = |row| of(row).filter(|cells| cells.get(1).is_some_and(|next| *next != Data::Empty));
    rows.iter().find_map(rows_of).unwrap_or_else(|| panic!("there is no {label}: {rows:?}"))
}

fn says(rows: &[Vec<Data>], wanted: &str) -> bool {
    rows.iter().flatten().any(|cell| cell.to_string().contains(wanted))
}

#[tokio::test]
async fn the_figures_of_a_report_are_right() {
    let house = House::new(&[]).await;
    let token = house.admin().await;
    let admin = house.server.bearing(&token);
    for store in ["GA", "GB", "RA", "VI"] {
        admin.request("PUT", &format!("/api/v2/stores/{store}")).json(&json!({"name": store})).await.created();
    }
    let month = |store: &str, year: i32, month: i32, days: Value| json!({"storeId": store, "year": year, "month": month, "dailyData": days});
    let rows = json!({"salesDataArray": [
        // One store sold in January and was closed then; another had visitors and sold nothing.
        month("GA", 2024, 1, json!({"10": {"sales": 100, "transactions": 10}})),
        month("GB", 2024, 1, json!({"10": {"sales": 100, "transactions": 10}})),
        month("GB", 2024, 2, json!({"10": {"sales": 110, "transactions": 11}})),
        month("VI", 2024, 2, json!({"10": {"customers": 7}})),
        // What half-even rounding, or rounding before summing, makes other figures of.
        month("RA", 2023, 3, json!({"1": {"sales": 0.125}, "2": {"sales": 0.125}, "3": {"sales": 0.125}, "4": {"sales": 2.345}})),
        month("RA", 2023, 2, json!({"1": {"sales": 2.42}})),
        // Days on which nothing was sold.
        month("RA", 2021, 1, json!({"1": {"sales": 100}, "2": {"sales": 90}, "30": {"sales": 80}})),
    ]});
    admin.post("/api/v2/sales/batch").json(&rows).await.ok();

    let february = workbook(&admin, &json!({"from": "2024-02-01", "to": "2024-02-29"})).await;
    assert!(says(&february, "-45.0 % on before"), "{february:?}");
    assert_eq!(behind(&february, "Stores that sold")[1].to_string(), "1", "{february:?}");
    assert_eq!(behind(&february, "GA").last().map(ToString::to_string).as_deref(), Some("-1"), "{february:?}");
    let summary = admin.get("/api/v2/sales/summary?by=month&from=2024-02&to=2024-02").await.ok();
    assert_eq!(summary["data"][0]["growth"]["sales"], json!(-0.45));
    let stores = admin.get("/api/v2/sales/summary?by=store&from=2024-02&to=2024-02").await.ok();
    let closed = stores["data"].as_array().expect("a list").iter().find(|sum| sum["storeId"] == "GA");
    assert_eq!(closed.expect("it is told")["growth"]["sales"], json!(-1));

    let march = workbook(&admin, &json!({"from": "2023-03-01", "to": "2023-03-31"})).await;
    assert_eq!(behind(&march, "Sales")[1].to_string(), "2.72", "{march:?}");
    assert!(says(&march, "+12.4 % on before"), "{march:?}");
    let total = behind(&march, "Total");
    assert_eq!(total[1].to_string(), "2.72", "{total:?}");

    let january = workbook(&admin, &json!({"from": "2021-01-01", "to": "2021-01-31"})).await;
    // Days of Excel's calendar.
    let first = 44_197.0;
    let days: Vec<f64> = january
        .iter()
        .flatten()
        .filter_map(|cell| if let Data::DateTime(day) = cell { Some(day.as_f64()) } else { None })
        .collect();
    for day in 0..31 {
        assert!(days.contains(&(first + f64::from(day))), "day {day} is missing: {days:?}");
    }
}
