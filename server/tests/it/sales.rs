//! Sales through the whole program: what stores sold, who may see it, many at once.

use entrepot_testkit::Response;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::house::{House, PASSWORD, text};

/// A house with two stores, and somebody who is tied to the first of them.
async fn chain() -> (House, String, String) {
    let house = House::new(&[]).await;
    let token = house.admin().await;
    let admin = house.server.bearing(&token);
    for (id, name) in [("330", "Harbour"), ("406", "Hill")] {
        admin.request("PUT", &format!("/api/v2/stores/{id}")).json(&json!({"name": name})).await.created();
    }
    let tied = tied(&house, &token, "manager", json!(["330"])).await;
    (house, token, tied)
}

/// An access token of a new person of this role who is tied to these stores.
async fn tied(house: &House, admin: &str, role: &str, stores: Value) -> String {
    let email = format!("tied-{role}@shop.example");
    let body = json!({"email": email, "name": "Tied", "role": role, "password": PASSWORD, "stores": stores});
    house.server.bearing(admin).post("/api/v2/users").json(&body).await.created();
    house.token(&email).await
}

fn month(store: &str, month: u32, days: &Value) -> Value {
    json!({"storeId": store, "year": 2024, "month": month, "dailyData": days})
}

fn sales_of(answer: &Value) -> f64 {
    answer["totals"]["sales"].as_f64().unwrap_or_else(|| panic!("no total in {answer}"))
}

#[tokio::test]
async fn a_month_is_put_in_changed_day_by_day_and_deleted() {
    let (house, token, _) = chain().await;
    let admin = house.server.bearing(&token);
    let path = "/api/v2/sales/330/2024/2";
    admin.get(path).await.problem(404, "sales.month_not_found");
    let days = json!({"dailyData": {"1": {"sales": 10.25, "customers": 3}, "29": {"sales": 0.75, "promo": 2}}});
    let made = admin.request("PUT", path).json(&days).await;
    assert_eq!(made.header("location"), path);
    let made = made.created();
    assert_eq!(sales_of(&made), 11.0);
    assert_eq!((&made["days"], &made["totals"]["customers"]), (&json!(2), &json!(3)));

    // A patch reaches into a day, and leaves the others.
    let patch = json!({"dailyData": {"1": {"customers": 5}, "2": {"sales": 4}, "29": null}});
    let patched = admin.patch(path).merge_patch(&patch).await.ok();
    assert_eq!(patched["dailyData"], json!({"1": {"sales": 10.25, "customers": 5}, "2": {"sales": 4}}));
    assert_eq!(sales_of(&patched), 14.25);

    // A precondition is about the version that was seen.
    let seen = admin.get(path).await;
    let etag = seen.header("etag").to_owned();
    let same = admin.get(path).header("if-none-match", &etag).await;
    assert_eq!(same.status, 304);
    admin.patch(path).merge_patch(&json!({"dailyData": {"3": {"sales": 1}}})).await.ok();
    let late = admin.request("PUT", path).header("if-match", &etag).json(&days).await;
    late.problem(412, "web.precondition_failed");
    let answer = admin.delete(path).header("if-match", &etag).await;
    answer.problem(412, "web.precondition_failed");
    admin.delete(path).await.status(204);
    admin.get(path).await.problem(404, "sales.month_not_found");
    admin.patch(path).header("if-match", "*").merge_patch(&patch).await.problem(404, "sales.month_not_found");

    for (path, body, status, code) in [
        ("/api/v2/sales/330/2023/2", json!({"dailyData": {"29": {"sales": 1}}}), 422, "web.invalid_body"),
        ("/api/v2/sales/330/2023/2", json!({"dailyData": {"1": {"sales": "1"}}}), 422, "web.invalid_body"),
        ("/api/v2/sales/330/2023/2", json!({"dailyData": {}, "other": 1}), 422, "web.invalid_body"),
        ("/api/v2/sales/330/2023/13", json!({"dailyData": {}}), 404, "sales.month_not_found"),
        ("/api/v2/sales/nowhere/2023/1", json!({"dailyData": {}}), 404, "sales.store_not_found"),
        ("/api/v2/sales/no%20store/2023/1", json!({"dailyData": {}}), 404, "sales.store_not_found"),
    ] {
        admin.request("PUT", path).json(&body).await.problem(status, code);
    }
}

#[tokio::test]
async fn patches_of_different_days_at_the_same_time_are_all_kept() {
    let (house, token, _) = chain().await;
    let admin = house.server.bearing(&token);
    let path = "/api/v2/sales/330/2024/1";
    let patch = |day: u32| admin.patch(path).merge_patch(&json!({"dailyData": {day.to_string(): {"sales": day}}}));
    for answer in join_all((1..=31).map(|day| async move { patch(day).await })).await {
        assert!(answer.status.is_success(), "{}", answer.text());
    }
    let month = admin.get(path).await.ok();
    assert_eq!((&month["days"], sales_of(&month)), (&json!(31), 496.0));
}

#[tokio::test]
async fn a_batch_is_all_or_nothing_or_each_row_by_itself() {
    let (house, token, _) = chain().await;
    let admin = house.server.bearing(&token);
    let rows = json!({"salesDataArray": [
        month("330", 1, &json!({"1": {"sales": 1000}})),
        month("nowhere", 1, &json!({"1": {"sales": 1}})),
        month("330", 1, &json!({"2": {"sales": 1}})),
        month("406", 2, &json!({"30": {"sales": 1}})),
    ]});
    let refused = admin.post("/api/v2/sales/batch").json(&rows).await.problem(422, "sales.batch_invalid");
    assert_eq!(admin.get("/api/v2/sales").await.ok()["data"], json!([]));
    let pointers: Vec<&str> =
        refused["errors"].as_array().expect("errors").iter().filter_map(|fault| fault["pointer"].as_str()).collect();
    assert_eq!(pointers, ["/salesDataArray/1/storeId", "/salesDataArray/2", "/salesDataArray/3/dailyData/30"]);

    let answer = admin.post("/api/v2/sales/batch?atomic=false").json(&rows).await.status(207).json();
    let outcomes: Vec<_> = answer["results"].as_array().expect("results").iter().map(|row| &row["outcome"]).collect();
    assert_eq!(outcomes, ["created", "failed", "failed", "failed"]);
    assert_eq!(answer["summary"], json!({"created": 1, "updated": 0, "unchanged": 0, "deleted": 0, "failed": 3}));

    // Days that a row does not name stay, unless the row is the whole month.
    let second = json!({"salesDataArray": [month("330", 1, &json!({"2": {"sales": 500}}))]});
    let merged = admin.post("/api/v2/sales/batch").json(&second).await.ok();
    assert_eq!(merged["results"][0]["outcome"], "updated");
    assert_eq!(sales_of(&admin.get("/api/v2/sales/330/2024/1").await.ok()), 1500.0);
    let again = admin.post("/api/v2/sales/batch").json(&second).await.ok();
    assert_eq!(again["results"][0]["outcome"], "unchanged");
    admin.post("/api/v2/sales/batch?mode=replace").json(&second).await.ok();
    assert_eq!(sales_of(&admin.get("/api/v2/sales/330/2024/1").await.ok()), 500.0);

    let many: Vec<Value> = (1..=51).map(|number| month("330", number % 12 + 1, &json!({}))).collect();
    for rows in [json!([]), json!(many)] {
        let body = json!({"salesDataArray": rows});
        admin.post("/api/v2/sales/batch").json(&body).await.problem(422, "sales.batch_size");
    }

    let keys = json!({"keys": [
        {"storeId": "330", "year": 2024, "month": 1}, {"storeId": "330", "year": 2024, "month": 12},
    ]});
    admin.post("/api/v2/sales/batch-delete").json(&keys).await.problem(422, "sales.batch_invalid");
    admin.get("/api/v2/sales/330/2024/1").await.ok();
    let gone = admin.post("/api/v2/sales/batch-delete?atomic=false").json(&keys).await.status(207).json();
    assert_eq!((&gone["results"][0]["status"], &gone["results"][1]["status"]), (&json!(204), &json!(404)));
    admin.get("/api/v2/sales/330/2024/1").await.problem(404, "sales.month_not_found");
}

#[tokio::test]
async fn two_batches_on_the_same_rows_in_opposite_order_both_succeed() {
    let (house, token, _) = chain().await;
    let admin = house.server.bearing(&token);
    for round in 0..20 {
        let row = |store: &str, number: u32, day: u32| json!({"storeId": store, "year": 2000 + round, "month": number, "dailyData": {day.to_string(): {"sales": 1}}});
        let keys: Vec<(&str, u32)> =
            ["330", "406"].into_iter().flat_map(|store| (1..=12).map(move |month| (store, month))).collect();
        let up: Vec<Value> = keys.iter().map(|(store, month)| row(store, *month, 1)).collect();
        let down: Vec<Value> = keys.iter().rev().map(|(store, month)| row(store, *month, 2)).collect();
        let send = |rows: &Vec<Value>| admin.post("/api/v2/sales/batch").json(&json!({"salesDataArray": rows}));
        let (first, second) = (send(&up), send(&down));
        let (first, second) = futures_util::join!(async { first.await }, async { second.await });
        first.ok();
        second.ok();
        let path = format!("/api/v2/sales?year={}&limit=200", 2000 + round);
        let list = admin.get(&path).await.ok();
        let rows = list["data"].as_array().expect("a list");
        assert_eq!(rows.len(), 24);
        assert!(rows.iter().all(|row| sales_of(row) == 2.0), "a day of one was lost: {list}");
    }
}

#[tokio::test]
async fn who_is_tied_to_a_store_sees_and_writes_nothing_of_another() {
    let (house, admin, tied_manager) = chain().await;
    let staff = tied(&house, &admin, "staff", json!(["330"])).await;
    let to_none = tied(&house, &admin, "driver", json!(null)).await;
    let admin = house.server.bearing(&admin);
    for store in ["330", "406"] {
        let body = json!({"dailyData": {"1": {"sales": 7}}});
        admin.request("PUT", &format!("/api/v2/sales/{store}/2024/1")).json(&body).await.created();
    }
    house.server.bearing(&to_none).get("/api/v2/sales").await.problem(403, "web.forbidden");
    for token in [tied_manager, staff] {
        let tied = house.server.bearing(&token);
        let stores = |list: &Value, member: &str| -> Vec<String> {
            list["data"].as_array().expect("a list").iter().map(|row| text(row, member)).collect()
        };
        // By list, by sum, by id.
        for path in ["/api/v2/sales", "/api/v2/sales?storeId=330", "/api/v2/sales?year=2024&month=1&sort=-sales"] {
            assert_eq!(stores(&tied.get(path).await.ok(), "storeId"), ["330"], "{path}");
        }
        assert_eq!(tied.get("/api/v2/sales?storeId=406").await.ok()["data"], json!([]));
        assert_eq!(tied.get("/api/v2/sales?count=exact").await.ok()["page"]["total"], 1);
        assert_eq!(stores(&tied.get("/api/v2/stores").await.ok(), "id"), ["330"]);
        for by in ["store", "month", "day", "week"] {
            let path = format!("/api/v2/sales/summary?by={by}&from=2024-01&to=2024-01");
            assert_eq!(tied.get(&path).await.ok()["total"]["sales"], 7, "{by}");
            let path = format!("{path}&storeId=406");
            assert_eq!(tied.get(&path).await.ok()["data"], json!([]), "{by}");
        }
        let (path, body) = ("/api/v2/sales/406/2024/1", json!({"dailyData": {"2": {"sales": 1}}}));
        tied.get(path).await.problem(404, "sales.store_not_found");
        tied.get("/api/v2/stores/406").await.problem(404, "sales.store_not_found");
        tied.request("PUT", path).json(&body).await.problem(404, "sales.store_not_found");
        tied.patch(path).merge_patch(&body).await.problem(404, "sales.store_not_found");
        tied.delete(path).await.problem(404, "sales.store_not_found");
        // By batch, as if there were no such store.
        let rows = json!({"salesDataArray": [month("406", 1, &json!({"2": {"sales": 1}}))]});
        let refused = tied.post("/api/v2/sales/batch").json(&rows).await.problem(422, "sales.batch_invalid");
        assert_eq!(refused["errors"][0]["code"], "unknown_store");
        let keys = json!({"keys": [{"storeId": "406", "year": 2024, "month": 1}]});
        tied.post("/api/v2/sales/batch-delete").json(&keys).await.problem(422, "sales.batch_invalid");
        // By file.
        let csv = "storeId,year,month,day,sales\n406,2024,1,2,1\n330,2024,1,2,0\n";
        let report = tied.post("/api/v2/sales/import").bytes("text/csv", csv).await.status(207).json();
        assert_eq!((&report["failed"], &report["errors"][0]["line"]), (&json!(1), &json!(2)), "{report}");
        let made = tied.post("/api/v2/sales/import?createStores=true").bytes("text/csv", csv).await;
        made.problem(400, "web.invalid_query");
        assert_eq!(sales_of(&admin.get(path).await.ok()), 7.0, "another store's month was changed");
    }
}

#[tokio::test]
async fn stores_that_somebody_is_tied_to_can_be_changed_and_the_change_holds_at_once() {
    let (house, token, tied) = chain().await;
    let admin = house.server.bearing(&token);
    let found = admin.get("/api/v2/users?q=tied-manager").await.ok();
    let path = format!("/api/v2/users/{}", text(&found["data"][0], "id"));
    assert_eq!(found["data"][0]["stores"], json!(["330"]));
    let bad = admin.patch(&path).merge_patch(&json!({"stores": ["a b"]})).await.problem(422, "web.invalid_body");
    assert_eq!(bad["errors"][0]["code"], "not_a_store");
    admin.patch(&path).merge_patch(&json!({"stores": ["406"]})).await.ok();
    // The right that the token stood for has changed.
    house.server.bearing(&tied).get("/api/v2/stores").await.problem(401, "web.invalid_credentials");
    let ids = |list: Value| list["data"].as_array().expect("a list").len();
    let again = house.token("tied-manager@shop.example").await;
    let list = house.server.bearing(&again).get("/api/v2/stores").await.ok();
    assert_eq!(list["data"][0]["id"], "406");
    admin.patch(&path).merge_patch(&json!({"stores": null})).await.ok();
    let again = house.token("tied-manager@shop.example").await;
    assert_eq!(ids(house.server.bearing(&again).get("/api/v2/stores").await.ok()), 2);
}

#[tokio::test]
async fn a_store_is_made_changed_closed_and_deleted_when_it_has_sold_nothing() {
    let (house, token, _) = chain().await;
    let admin = house.server.bearing(&token);
    let put = |body: Value| admin.request("PUT", "/api/v2/stores/n-7").json(&body);
    put(json!({"name": ""})).await.problem(422, "web.invalid_body");
    let made = put(json!({"name": "North", "place": "Bergen"})).await;
    let etag = made.header("etag").to_owned();
    assert_eq!(made.created()["status"], "active");
    assert_eq!(put(json!({"name": "North 7"})).await.ok()["place"], Value::Null);
    let late = admin.patch("/api/v2/stores/n-7").header("if-match", &etag).merge_patch(&json!({"status": "closed"}));
    late.await.problem(412, "web.precondition_failed");
    let closed = admin.patch("/api/v2/stores/n-7").merge_patch(&json!({"status": "closed"})).await.ok();
    assert_eq!((&closed["status"], &closed["name"]), (&json!("closed"), &json!("North 7")));
    let list = admin.get("/api/v2/stores?status=closed&q=NORTH").await.ok();
    assert_eq!(list["data"].as_array().map(Vec::len), Some(1));
    admin.request("PUT", "/api/v2/sales/n-7/2024/1").json(&json!({"dailyData": {"1": {"sales": 1}}})).await.created();
    admin.delete("/api/v2/stores/n-7").await.problem(409, "sales.store_has_sales");
    admin.delete("/api/v2/sales/n-7/2024/1").await.status(204);
    admin.delete("/api/v2/stores/n-7").await.status(204);
    admin.get("/api/v2/stores/n-7").await.problem(404, "sales.store_not_found");
    admin.get("/api/v2/stores/-").await.problem(404, "sales.store_not_found");
    // Each change was told, and what it was.
    let events = house.database.client().await;
    let told = "SELECT name || ' ' || (data -> 'changed')::text || coalesce(' ' || (data ->> 'place'), '')
                FROM feed.event WHERE topic = 'store-n-7' ORDER BY id";
    let told: Vec<String> = events.query(told, &[]).await.expect("read").iter().map(|row| row.get(0)).collect();
    assert_eq!(
        told,
        [
            "store-created [] Bergen",
            "store-updated [\"name\", \"place\"]",
            "store-status-changed [\"status\"]",
            "store-deleted []",
        ]
    );
}

#[tokio::test]
async fn sums_are_by_day_week_month_and_store_and_tell_the_growth() {
    let (house, token, _) = chain().await;
    let admin = house.server.bearing(&token);
    for (store, month, days) in [
        ("330", 1, json!({"1": {"sales": 100, "units": 1}, "8": {"sales": 50}, "31": {"sales": 0.5}})),
        ("330", 2, json!({"1": {"sales": 300, "transactions": 4}})),
        ("406", 2, json!({"29": {"sales": 1000}})),
    ] {
        let path = format!("/api/v2/sales/{store}/2024/{month}");
        admin.request("PUT", &path).json(&json!({"dailyData": days})).await.created();
    }
    let rows = async |query: &str| -> Vec<(String, f64, Value)> {
        let sums = admin.get(&format!("/api/v2/sales/summary?{query}")).await.ok();
        let rows = sums["data"].as_array().expect("sums").clone();
        let name = |row: &Value| row["start"].as_str().or(row["storeId"].as_str()).unwrap_or_default().to_owned();
        rows.iter()
            .map(|row| (name(row), row["sales"].as_f64().expect("a sum"), row["growth"]["sales"].clone()))
            .collect()
    };
    let row = |name: &str, sales: f64, growth: Value| (name.to_owned(), sales, growth);
    assert_eq!(
        rows("by=month&from=2024-01&to=2024-02").await,
        [row("2024-01-01", 150.5, json!(null)), row("2024-02-01", 1300.0, json!(7.6379))]
    );
    // The first row is compared with what lies before the range.
    assert_eq!(rows("by=month&from=2024-02&to=2024-02").await, [row("2024-02-01", 1300.0, json!(7.6379))]);
    assert_eq!(
        rows("by=store&from=2024-02&to=2024-02").await,
        [row("406", 1000.0, json!(null)), row("330", 300.0, json!(0.9934))]
    );
    assert_eq!(
        rows("by=store&from=2024-02-01&to=2024-02-01").await,
        [row("330", 300.0, json!(599))],
        "a day is compared with the day before, across the months"
    );
    assert_eq!(
        rows("by=day&from=2024-01-31&to=2024-02-01&storeId=330").await,
        [row("2024-01-31", 0.5, json!(null)), row("2024-02-01", 300.0, json!(599))]
    );
    // 1 January 2024 is a Monday; a week that is begun is taken whole.
    assert_eq!(
        rows("by=week&from=2024-01-03&to=2024-01-10").await,
        [row("2024-01-01", 100.0, json!(null)), row("2024-01-08", 50.0, json!(-0.5))]
    );
    let total = admin.get("/api/v2/sales/summary?by=day&from=2024-01-01&to=2024-02-29").await.ok();
    assert_eq!(total["total"], json!({"sales": 1450.5, "transactions": 4, "customers": 0, "units": 1, "discount": 0}));
    for (query, code) in [
        ("by=year", "not_a_choice"),
        ("from=yesterday", "not_a_date"),
        ("from=2024-02-30", "not_a_date"),
        ("from=2024-03&to=2024-01", "out_of_range"),
        ("by=day&from=2001-01-01&to=2024-01-01", "out_of_range"),
        ("storeId=a%20b", "wrong_type"),
    ] {
        let problem = admin.get(&format!("/api/v2/sales/summary?{query}")).await.problem(400, "web.invalid_query");
        assert_eq!(problem["errors"][0]["code"], code, "{query}");
    }
}

#[tokio::test]
async fn lists_are_filtered_sorted_and_paged() {
    let (house, token, _) = chain().await;
    let admin = house.server.bearing(&token);
    for number in 1..=12 {
        let rows = json!({"salesDataArray": [
            month("330", number, &json!({"1": {"sales": 13 - number, "promo": 1}})),
            month("406", number, &json!({"1": {"sales": 100 + number}})),
        ]});
        admin.post("/api/v2/sales/batch").json(&rows).await.ok();
    }
    let walk = async |query: &str| -> Vec<(String, i64)> {
        let (mut found, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = admin.get(&format!("/api/v2/sales?limit=5&{query}{cursor}")).await.ok();
            let rows = page["data"].as_array().expect("a page");
            found.extend(rows.iter().map(|row| (text(row, "storeId"), row["month"].as_i64().expect("a month"))));
            match page["page"]["nextCursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return found,
            }
        }
    };
    let all = walk("").await;
    assert_eq!((all.len(), &all[0], &all[23]), (24, &("406".to_owned(), 12), &("330".to_owned(), 1)));
    for sort in ["period", "storeId", "-storeId", "sales", "-sales", "updatedAt", "-updated_at"] {
        let mut sorted = walk(&format!("sort={sort}")).await;
        assert_eq!(sorted.len(), 24, "{sort}");
        sorted.sort();
        sorted.dedup();
        assert_eq!(sorted.len(), 24, "{sort}: a row came twice");
    }
    assert_eq!(walk("sort=-sales").await[0], ("406".to_owned(), 12));
    assert_eq!(walk("from=2024-03&to=2024-04-30&storeId=330&sort=period").await.len(), 2);
    assert_eq!(walk("month=7").await.len(), 2);
    assert_eq!(walk("year=2024&month=7&storeId=406").await, [("406".to_owned(), 7)]);
    assert_eq!(walk("year=2023").await, []);
    assert_eq!(walk("has=promo").await.len(), 12);
    assert_eq!(admin.get("/api/v2/sales?count=exact&has=promo").await.ok()["page"]["total"], 12);
    let slim = admin.get("/api/v2/sales?fields=store_id,dailyData.1.sales&limit=1").await.ok();
    assert_eq!(slim["data"][0], json!({"storeId": "406", "dailyData": {"1": {"sales": 112}}}));
    let page = admin.get("/api/v2/sales?limit=5&sort=sales").await.ok();
    let cursor = text(&page["page"], "nextCursor");
    let foreign = admin.get(&format!("/api/v2/sales?limit=5&sort=-sales&cursor={cursor}")).await;
    foreign.problem(400, "web.cursor_of_another_query");
    for query in ["month=13", "year=99", "sort=dailyData", "has=a.b", "storeId=", "from=2024"] {
        let answer: Response = admin.get(&format!("/api/v2/sales?{query}")).await;
        answer.problem(400, "web.invalid_query");
    }
}

#[tokio::test]
async fn a_file_of_any_length_is_written_as_it_comes_and_again_changes_nothing() {
    let (house, token, _) = chain().await;
    let admin = house.server.bearing(&token);
    // More than the body of any other request may have.
    let mut csv = String::from("storeId,year,month,day,sales,note_1\n");
    let mut lines = 0;
    for year in 1900..=2090 {
        for month in 1..=12 {
            for day in 1..=28 {
                csv.push_str(&format!("330,{year},{month},{day},1.25,{:>150}\n", 1));
                lines += 1;
            }
        }
    }
    assert!(csv.len() > 10 * 1024 * 1024, "{}", csv.len());
    csv.push_str("330,2091,2,30,1,1\n");
    let send = || admin.post("/api/v2/sales/import").bytes("text/csv", csv.clone());
    let report = send().await.status(207).json();
    assert_eq!((&report["lines"], &report["failed"]), (&json!(lines + 1), &json!(1)), "{report}");
    assert_eq!(report["errors"][0]["line"], lines + 2);
    assert_eq!(admin.get("/api/v2/sales?count=exact&limit=1").await.ok()["page"]["total"], 191 * 12);
    let sum = admin.get("/api/v2/sales/summary?by=store&from=1990-01&to=1990-12").await.ok();
    assert_eq!(sum["total"]["sales"], 12.0 * 28.0 * 1.25);
    let again = send().await.status(207).json();
    assert_eq!((&again["created"], &again["updated"]), (&json!(0), &json!(0)), "{again}");

    let broken = admin.post("/api/v2/sales/import").bytes("text/csv", "a,b\n1,2\n").await;
    broken.problem(400, "sales.import_unreadable");
    let unknown = admin.post("/api/v2/sales/import").bytes("text/plain", "x").await;
    unknown.problem(415, "web.unsupported_media_type");
    let ndjson = "{\"storeId\":\"new-1\",\"year\":2024,\"month\":1,\"dailyData\":{\"1\":{\"sales\":3}}}\n";
    let made = admin.post("/api/v2/sales/import?createStores=true").bytes("application/x-ndjson", ndjson).await.ok();
    assert_eq!(made["created"], 1);
    assert_eq!(admin.get("/api/v2/stores/new-1").await.ok()["name"], "Store new-1");
}

#[tokio::test]
async fn a_batch_whose_connection_is_killed_in_the_middle_leaves_nothing() {
    let (house, token, _) = chain().await;
    let admin = house.server.bearing(&token);
    let rows: Vec<Value> = (1..=12).map(|number| month("330", number, &json!({"1": {"sales": 1}}))).collect();
    let last = json!({"dailyData": {"2": {"sales": 5}}});
    admin.request("PUT", "/api/v2/sales/330/2024/12").json(&last).await.created();
    // Somebody holds the last row, so that the batch stands still when it has locked and read the others.
    let holder = house.database.client().await;
    holder.batch_execute("BEGIN; SELECT FROM sales.month WHERE month = 12 FOR UPDATE").await.expect("held");
    let body = json!({"salesDataArray": rows});
    let batch = async { admin.post("/api/v2/sales/batch").json(&body).await };
    let kill = async {
        let other = house.database.client().await;
        let waiting = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        while other.query(waiting, &[]).await.expect("asked").is_empty() {
            tokio::task::yield_now().await;
        }
    };
    let (answer, ()) = futures_util::join!(batch, kill);
    answer.problem(503, "web.unavailable");
    holder.batch_execute("ROLLBACK").await.expect("let go");
    let list = admin.get("/api/v2/sales?count=exact").await.ok();
    assert_eq!((&list["page"]["total"], sales_of(&list["data"][0])), (&json!(1), 5.0), "a part of the batch is there");
    let events = holder.query_one("SELECT count(*) FROM feed.event WHERE topic = 'sales-data-330'", &[]).await;
    assert_eq!(events.expect("counted").get::<_, i64>(0), 1, "and nothing was told of it");
    admin.post("/api/v2/sales/batch").json(&body).await.ok();
    // Given up by its client in the middle, it is all there or not at all.
    for polls in 0..40 {
        let rows: Vec<Value> = (1..=12).map(|number| month("406", number, &json!({"1": {"sales": polls}}))).collect();
        let body = json!({"salesDataArray": rows});
        let mut given_up = Box::pin(async { admin.post("/api/v2/sales/batch").json(&body).await });
        for _ in 0..polls {
            if futures_util::poll!(&mut given_up).is_ready() {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(given_up);
        let list = admin.get("/api/v2/sales?storeId=406").await.ok();
        let months = list["data"].as_array().expect("a list");
        let sums: std::collections::BTreeSet<String> =
            months.iter().map(|row| row["totals"]["sales"].to_string()).collect();
        assert!(matches!(months.len(), 0 | 12) && sums.len() <= 1, "{polls}: a part of a batch is there: {list}");
    }
}
