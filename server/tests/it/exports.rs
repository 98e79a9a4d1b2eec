//! Exports through the whole program: streams, files, ranges, restarts, cancellation.

use std::sync::Arc;
use std::time::Duration;

use entrepot_migrations::MIGRATIONS;
use entrepot_runtime::Clock;
use entrepot_testkit::test_database;
use serde_json::{Value, json};

use crate::house::{House, PASSWORD, text};

/// A house with this many months in each of four stores, some of whose texts are odd.
async fn chain(months: i32) -> (House, String) {
    chain_with(months, &[]).await
}

async fn chain_with(months: i32, settings: &[(&str, &str)]) -> (House, String) {
    let house = House::on(Arc::new(test_database(MIGRATIONS).await), Clock::system(), settings).await;
    let token = house.admin().await;
    let client = house.database.client().await;
    client
        .batch_execute(&format!(
            "INSERT INTO sales.store (id, name, created_at, updated_at)
             SELECT id, '=cmd()', now(), now() FROM unnest(ARRAY['330', '406', '407', 'N-1']) AS id;
             INSERT INTO sales.month (id, store_id, year, month, daily, created_at, updated_at)
             SELECT gen_random_uuid(), id, 1900 + n / 12, n % 12 + 1,
                    jsonb_build_object('1', jsonb_build_object('sales', -1.5 - n, 'note', 2), '3', jsonb_build_object('units', n)),
                    now(), '2026-01-01T00:00:00Z'
             FROM unnest(ARRAY['330', '406', '407', 'N-1']) AS id, generate_series(0, {months} - 1) AS n"
        ))
        .await
        .expect("made");
    (house, token)
}

async fn fetch(house: &House, token: &str, path: &str) -> String {
    house.server.bearing(token).get(path).await.status(200).text()
}

/// The export once it has come to an end.
async fn ended(house: &House, token: &str, id: &str) -> Value {
    for _ in 0..3_000 {
        let export = house.server.bearing(token).get(&format!("/api/v2/exports/{id}")).await.ok();
        if !matches!(export["status"].as_str(), Some("queued" | "running")) {
            return export;
        }
        tokio::time::timeout(Duration::from_millis(10), std::future::pending::<()>()).await.expect_err("it only waits");
    }
    panic!("the export does not end");
}

async fn order(house: &House, token: &str, body: &Value) -> String {
    let ordered = house.server.bearing(token).post("/api/v2/exports").json(body).await.status(202);
    let id = text(&ordered.json(), "id");
    assert_eq!(ordered.header("location"), format!("/api/v2/exports/{id}"));
    id
}

#[tokio::test]
async fn a_stream_has_every_row_once_in_every_format_and_goes_on_behind_any_row() {
    let (house, token) = chain(1_200).await;
    let csv = fetch(&house, &token, "/api/v2/sales/export").await;
    let mut lines = csv.split_terminator("\r\n");
    let header = "storeId,year,month,sales,transactions,customers,units,discount,days,dailyData,updatedAt";
    assert_eq!(lines.next(), Some(header));
    let lines: Vec<&str> = lines.collect();
    assert_eq!(lines.len(), 4 * 1_200);
    assert!(csv.ends_with("\r\n") && lines[0].starts_with("330,1900,1,-1.5,0,0,0,0,2,\"{"), "{}", lines[0]);
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let mut keys = Vec::new();
    for record in reader.records() {
        let record = record.expect("a record that others can read");
        assert_eq!(record.len(), 11);
        let daily: Value = serde_json::from_str(&record[9]).expect("JSON in a cell");
        assert!(daily["3"]["units"].is_number());
        assert!(!record.iter().any(|cell| cell.starts_with(['=', '+', '@', '\t'])));
        keys.push((
            record[0].to_owned(),
            record[1].parse::<u32>().expect("a year"),
            record[2].parse::<u32>().expect("a month"),
        ));
    }
    let mut sorted = keys.clone();
    sorted.dedup();
    assert_eq!(sorted.len(), 4_800);

    // Cut anywhere, and gone on behind the last whole row.
    let (head, last) = (&lines[..1_717], lines[1_716]);
    let after: Vec<&str> = last.splitn(4, ',').take(3).collect();
    let rest = fetch(&house, &token, &format!("/api/v2/sales/export?after={}", after.join(","))).await;
    let whole = format!("{header}\r\n{}\r\n{rest}", head.join("\r\n"));
    assert!(whole == csv, "what was put together differs from the whole");

    let ndjson = fetch(&house, &token, "/api/v2/sales/export?format=ndjson").await;
    let rows: Vec<Value> = ndjson.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!((rows.len(), &rows[0]["sales"], &rows[0]["dailyData"]["1"]["note"]), (4_800, &json!(-1.5), &json!(2)));
    assert_eq!(rows[0]["updatedAt"], "2026-01-01T00:00:00.000000Z");
    let list: Vec<Value> =
        serde_json::from_str(&fetch(&house, &token, "/api/v2/sales/export?format=json").await).expect("one list");
    assert_eq!(list, rows);
    let slim = fetch(&house, &token, "/api/v2/sales/export?fields=month,sales&storeId=N-1&year=1900&month=12").await;
    assert_eq!(slim, "month,sales\r\n12,-12.5\r\n");
    assert_eq!(fetch(&house, &token, "/api/v2/sales/export?year=2150&format=json").await, "[\n\n]\n");
    assert_eq!(fetch(&house, &token, "/api/v2/sales/export?year=2150&fields=sales").await, "sales\r\n");
    for query in ["format=xml", "fields=nothing", "after=330", "after=330,2024,13", "storeId=%27", "limit=5"] {
        let answer = house.server.bearing(&token).get(&format!("/api/v2/sales/export?{query}")).await;
        answer.problem(400, "web.invalid_query");
    }
}

#[tokio::test]
async fn a_stream_is_compressed_on_the_way() {
    let (house, token) = chain(600).await;
    let plain = fetch(&house, &token, "/api/v2/sales/export").await;
    for coding in ["gzip", "zstd", "br"] {
        let answer = house.server.bearing(&token).get("/api/v2/sales/export").header("accept-encoding", coding).await;
        assert_eq!((answer.status.as_u16(), answer.header("content-encoding")), (200, coding));
        assert!(answer.header("vary").contains("accept-encoding"));
        assert!(answer.body.len() * 4 < plain.len(), "{coding}: {} of {}", answer.body.len(), plain.len());
        if coding == "gzip" {
            let mut unpacked = String::new();
            std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&answer.body[..]), &mut unpacked)
                .expect("gzip");
            assert!(unpacked == plain);
        }
    }
}

#[tokio::test]
async fn a_file_is_made_told_of_and_fetched_in_ranges() {
    let (house, token) = chain(1_200).await;
    let server = house.server.bearing(&token);
    let id =
        order(&house, &token, &json!({"kind": "sales", "parameters": {"fields": "storeId,year,month,sales"}})).await;
    let export = ended(&house, &token, &id).await;
    assert_eq!((&export["status"], &export["rows"], &export["percent"]), (&json!("done"), &json!(4_800), &json!(100)));
    let content = text(&export, "contentUrl");
    let whole = server.get(&content).await.status(200);
    assert_eq!(whole.text(), fetch(&house, &token, "/api/v2/sales/export?fields=storeId,year,month,sales").await);
    let length = whole.body.len();
    assert_eq!(export["bytes"], length);
    let etag = whole.header("etag").to_owned();
    assert!(whole.header("repr-digest").starts_with("sha-256=:") && text(&export, "digest").len() == 64);
    assert!(whole.header("content-disposition").contains("sales-"));

    let range = server.get(&content).header("range", "bytes=100-199").header("if-range", &etag).await.status(206);
    assert_eq!(range.header("content-range"), format!("bytes 100-199/{length}"));
    assert_eq!(range.body, whole.body.slice(100..200));
    let other = server.get(&content).header("range", "bytes=100-199").header("if-range", "\"other\"").await.status(200);
    assert_eq!(other.body.len(), length);
    let tail = server.get(&content).header("range", "bytes=-7").await.status(206);
    assert_eq!(tail.body, whole.body.slice(length - 7..));
    let none = server.get(&content).header("range", &format!("bytes={length}-")).await.status(416);
    assert_eq!(none.header("content-range"), format!("bytes */{length}"));
    server.get(&content).header("if-none-match", &etag).await.status(304);
    let same = server.get(&content).header("accept-encoding", "gzip").await.status(200);
    assert_eq!((same.header("content-encoding"), &same.body), ("", &whole.body), "ranges are of the file as it is");

    let list = server.get("/api/v2/exports?fields=id,status").await.ok();
    assert_eq!(list["data"], json!([{"id": id, "status": "done"}]));
    let events = house.database.client().await;
    let told =
        events.query("SELECT name FROM feed.event WHERE topic = $1 ORDER BY id", &[&format!("exports-{id}")]).await;
    let told: Vec<String> = told.expect("read").iter().map(|row| row.get(0)).collect();
    assert_eq!(
        (told.first().map(String::as_str), told.last().map(String::as_str)),
        (Some("export-ordered"), Some("export-done"))
    );
    assert!(told.iter().any(|name| name == "export-progress"));

    server.delete(&format!("/api/v2/exports/{id}")).await.status(204);
    server.get(&content).await.problem(410, "exports.gone");
    for (body, code) in [
        (json!({}), "required"),
        (json!({"kind": "tea"}), "unknown_kind"),
        (json!({"kind": "sales", "format": "xls"}), "unknown_format"),
        (json!({"kind": "sales", "parameters": {"tea": 1}}), "unknown_member"),
        (json!({"kind": "sales", "parameters": {"month": 13}}), "out_of_range"),
        (json!({"kind": "sales", "parameters": {"storeId": ["330"]}}), "wrong_type"),
    ] {
        let problem = server.post("/api/v2/exports").json(&body).await.problem(422, "web.invalid_body");
        assert_eq!(problem["errors"][0]["code"], code, "{body}");
    }
}

#[tokio::test]
async fn a_file_that_was_interrupted_is_the_one_that_an_undisturbed_run_gives() {
    // Leases that nobody keeps run out at once, so that the next house goes on.
    let quick = &[("ENTREPOT_JOBS_LEASE_MS", "300"), ("ENTREPOT_JOBS_POLL_MS", "50")];
    let (first, token) = chain_with(12 * 250, quick).await;
    let asked = json!({"kind": "sales", "format": "json"});
    let undisturbed = order(&first, &token, &asked).await;
    let wanted = ended(&first, &token, &undisturbed).await;
    let id = order(&first, &token, &asked).await;
    let (database, folder) = (first.database.clone(), first.folder.clone());
    let client = database.client().await;
    let pieces = async || -> Vec<(i32, String, i64)> {
        let sql = "SELECT number, place, bytes FROM exports.piece WHERE export_id = $1::text::uuid ORDER BY number";
        let rows = client.query(sql, &[&id]).await.expect("read");
        rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect()
    };
    // Killed as soon as it has a piece, again and again: its tasks are dropped where they are.
    while pieces().await.is_empty() {
        tokio::task::yield_now().await;
    }
    drop(first);
    let mut before = pieces().await;
    let mut interruptions = 0;
    for _ in 0..4 {
        let next = House::beside(folder.clone(), database.clone(), Clock::system(), quick).await;
        let start = before.len();
        for _ in 0..2_000 {
            if pieces().await.len() > start {
                break;
            }
            tokio::time::timeout(Duration::from_millis(5), std::future::pending::<()>())
                .await
                .expect_err("it only waits");
        }
        drop(next);
        let now = pieces().await;
        assert_eq!(now[..before.len()], before[..], "a piece was written again");
        interruptions += 1;
        before = now;
    }
    assert!(interruptions >= 1);
    let last = House::beside(folder, database.clone(), Clock::system(), quick).await;
    let token = last.admin().await;
    let export = ended(&last, &token, &id).await;
    assert_eq!((&export["status"], &export["rows"]), (&json!("done"), &json!(12_000)));
    assert_eq!(export["digest"], wanted["digest"], "the file is another one");
    let server = last.server.bearing(&token);
    let file = server.get(&text(&export, "contentUrl")).await.status(200);
    let rows: Vec<Value> = serde_json::from_slice(&file.body).expect("one list");
    assert_eq!(rows.len(), 12_000);
    let same = server.get(&text(&wanted, "contentUrl")).await.status(200);
    assert!(same.body == file.body);
}

#[tokio::test]
async fn an_export_reaches_as_far_as_whoever_ordered_it_and_no_further() {
    let (house, admin) = chain(24).await;
    let body = json!({"email": "tied@shop.example", "name": "T", "role": "manager", "password": PASSWORD, "stores": ["330", "N-1"]});
    let made = house.server.bearing(&admin).post("/api/v2/users").json(&body).await.created();
    let tied = house.token("tied@shop.example").await;
    let streamed = fetch(&house, &tied, "/api/v2/sales/export?fields=storeId").await;
    let stores: std::collections::BTreeSet<&str> = streamed.lines().skip(1).collect();
    assert_eq!(stores.into_iter().collect::<Vec<_>>(), ["330", "N-1"]);
    assert_eq!(fetch(&house, &tied, "/api/v2/sales/export?fields=storeId&storeId=406").await, "storeId\r\n");
    let id = order(&house, &tied, &json!({"kind": "sales", "parameters": {"fields": "storeId"}})).await;
    let export = ended(&house, &tied, &id).await;
    assert_eq!(export["rows"], 48);
    let content = text(&export, "contentUrl");
    assert_eq!(fetch(&house, &tied, &content).await, streamed);
    // Nobody else's, but an admin's.
    let (other, _) = house.person("manager").await;
    house.server.bearing(&other).get(&content).await.problem(404, "exports.not_found");
    house.server.bearing(&other).delete(&format!("/api/v2/exports/{id}")).await.problem(404, "exports.not_found");
    assert_eq!(house.server.bearing(&other).get("/api/v2/exports").await.ok()["data"], json!([]));
    fetch(&house, &admin, &content).await;
    let (customer, _) = house.person("customer").await;
    house
        .server
        .bearing(&customer)
        .post("/api/v2/exports")
        .json(&json!({"kind": "sales"}))
        .await
        .problem(403, "web.forbidden");
    // Whoever loses a store does not see it in old files either.
    let path = format!("/api/v2/users/{}", text(&made, "id"));
    house.server.bearing(&admin).patch(&path).merge_patch(&json!({"stores": ["330"]})).await.ok();
    let now = house.token("tied@shop.example").await;
    house.server.bearing(&now).get(&content).await.problem(403, "exports.out_of_reach");
}

#[tokio::test]
async fn exports_can_be_cancelled_are_bounded_in_number_and_expire() {
    let (clock, hand) = Clock::manual("2026-01-01T00:00:00Z".parse().expect("a time"));
    // Nobody makes files here.
    let house = House::on(Arc::new(test_database(MIGRATIONS).await), clock, &[("ENTREPOT_JOBS_EXPORTS", "0")]).await;
    let token = house.admin().await;
    let server = house.server.bearing(&token);
    let mut ids = Vec::new();
    for _ in 0..10 {
        ids.push(order(&house, &token, &json!({"kind": "sales"})).await);
    }
    server.post("/api/v2/exports").json(&json!({"kind": "sales"})).await.problem(409, "exports.too_many");
    let content = format!("/api/v2/exports/{}/content", ids[0]);
    assert_eq!(server.get(&content).await.problem(409, "exports.not_ready")["status"], 409);
    server.delete(&format!("/api/v2/exports/{}", ids[0])).await.status(204);
    server.delete(&format!("/api/v2/exports/{}", ids[0])).await.problem(410, "exports.gone");
    server.get(&content).await.problem(410, "exports.gone");
    order(&house, &token, &json!({"kind": "sales"})).await;
    // One that makes files takes them over, and their time passes.
    let maker = House::beside(house.folder.clone(), house.database.clone(), house.clock.clone(), &[]).await;
    let list = maker.server.bearing(&token).get("/api/v2/exports?fields=id").await.ok();
    for one in list["data"].as_array().expect("a list") {
        ended(&maker, &token, &text(one, "id")).await;
    }
    let export = ended(&maker, &token, &ids[1]).await;
    assert_eq!(export["expiresAt"], "2026-01-02T00:00:00Z");
    let files = || walk(house.folder.path());
    assert!(files() > 0);
    hand.advance(Duration::from_secs(24 * 3_600));
    let again = House::beside(house.folder.clone(), house.database.clone(), house.clock.clone(), &[]).await;
    let token = again.admin().await;
    for _ in 0..1_000 {
        if files() == 0 {
            break;
        }
        tokio::time::timeout(Duration::from_millis(10), std::future::pending::<()>()).await.expect_err("it only waits");
    }
    assert_eq!(files(), 0, "files of exports whose time is over lie about");
    let content = format!("/api/v2/exports/{}/content", ids[1]);
    again.server.bearing(&token).get(&content).await.problem(410, "exports.gone");
}

/// How many files there are below a folder.
fn walk(folder: &std::path::Path) -> usize {
    std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| if entry.path().is_dir() { walk(&entry.path()) } else { 1 })
        .sum()
}
