//! What every operation asks of the database, counted: statements, round trips, rows, and the events and jobs that it
//! leaves behind. None of it varies, so it is committed (`bench/counts.json`, under `database`) and a change of more than one
//! percent fails until it is committed too.
//!
//! **What makes the figures honest:**
//! - A go-between (`wire.rs`) stands between the program and PostgreSQL and reads the protocol: it counts what is
//!   executed, not what some layer means to execute.
//! - Each operation is asked three times, about things that are there. It is as committed if one of them is: what comes
//!   late on a busy machine is counted with another turn, and a change is one in each. Else the least is told. Always three
//!   times, as later ones read what earlier ones left behind.
//! - It is counted from when nothing passes to when nothing passes any more, so what an event has consumers do here is in
//!   it; jobs have no workers.
//! - Nothing is cached, so who asks is looked up each time: that is part of every figure.
//! - An operation that is refused is told as such, by its status: it says nothing of what it does when it succeeds.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use entrepot_migrations::MIGRATIONS;
use entrepot_pg::{Database, DatabaseSettings};
use entrepot_runtime::Clock;
use entrepot_testkit::{SignedIn, test_database};
use serde_json::{Value, json};

use crate::house::{ADMIN, House, PASSWORD, text};
use crate::operations::{NOTHING, Operation, operations};
use crate::wire::{Passed, Wire};

const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../bench/counts.json");
const FOUND: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/counts.json");
const TURNS: usize = 3;
/// What is told to the feed twice, close together: how often its consumers look is a matter of chance.
const BY_CHANCE: [&str; 1] = ["import_sales"];
/// How far a figure may be from the committed one.
const TOLERANCE: f64 = 0.01;

/// Nothing is done but for requests, and nothing is known beforehand.
const QUIET: &[(&str, &str)] = &[
    ("ENTREPOT_CACHE_ENABLED", "false"),
    ("ENTREPOT_FEED_POLL_MS", "30000"),
    ("ENTREPOT_FEED_NUDGES", "false"),
    ("ENTREPOT_SERVER_ROLES", "api,live"),
];

/// Figures of one request of an operation, by their names; `status` is the answer's.
type Figures = BTreeMap<&'static str, u64>;

#[tokio::test]
#[ignore = "it waits for the database to fall silent: script/test runs it by itself"]
async fn every_operation_asks_of_the_database_what_is_committed() {
    let mut database = test_database(MIGRATIONS).await;
    let (wire, url) = Wire::before(&database.url()).await;
    database.database = Database::new(DatabaseSettings {
        address: url.parse().expect("an address"),
        pool_min: 1,
        pool_max: 10,
        idle_timeout: Duration::from_secs(600),
        connect_timeout: Duration::from_secs(10),
        query_timeout: Duration::from_secs(30),
        pipeline_connections: 2,
    })
    .expect("the settings leave a connection");
    let house = House::on(Arc::new(database), Clock::system(), QUIET).await;
    let behind = house.database.client().await;
    let written = async || -> (i64, i64) {
        let counted = "SELECT (SELECT count(*) FROM feed.event), (SELECT count(*) FROM jobs.job)";
        let row = behind.query_one(counted, &[]).await.expect("counted");
        (row.get(0), row.get(1))
    };

    let mut committed: Value = match std::fs::read_to_string(COMMITTED) {
        Ok(text) => serde_json::from_str(&text).expect("JSON"),
        Err(_) => json!({}),
    };
    let mut found = BTreeMap::<String, Figures>::new();
    for operation in operations().iter().filter(|one| !one.is_endless()) {
        let (mut least, mut is_as_committed) = (None::<Figures>, None::<Figures>);
        for turn in 0..TURNS {
            let turn = format!("{}-{turn}", operation.id.replace('_', "-"));
            // Of its own, as some operations end sessions.
            let token = house.admin().await;
            let admin = house.server.bearing(&token);
            let path = operation.about(&things(operation, &admin, &house, &turn).await);
            let request = match own_body(operation, &house, &turn).await {
                Some((None, body)) => operation.by_nobody(&house.server, &path).json(&body),
                Some((Some(token), body)) => operation.by(&house.server.bearing(&token), &path).json(&body),
                None if operation.id == "search_products" => operation.by(&admin, &format!("{path}?q=tea")),
                None => operation.filled(operation.by(&admin, &path), &turn, &turn),
            };
            let before = written().await;
            wire.quiet().await;
            wire.take();
            let answer = request.await;
            wire.quiet().await;
            let Passed { statements, round_trips, rows } = wire.take();
            let after = written().await;
            // Nobody makes them here, and a person may have few under way.
            let cancelled = "UPDATE exports.export SET status = 'cancelled' WHERE status = 'queued';
                             UPDATE reports.report SET status = 'cancelled' WHERE status = 'queued'";
            behind.batch_execute(cancelled).await.expect("cancelled");
            let grown = |before: i64, after: i64| u64::try_from(after - before).unwrap_or(0);
            let figures = Figures::from([
                ("statements", statements),
                ("roundTrips", round_trips),
                ("rows", rows),
                ("events", grown(before.0, after.0)),
                ("jobs", grown(before.1, after.1)),
                ("status", answer.status.as_u16().into()),
            ]);
            is_as_committed = is_as_committed.or_else(|| {
                let is_so = differences(&operation.id, &committed["database"], &figures).is_empty();
                is_so.then(|| figures.clone())
            });
            least = Some(match least {
                None => figures,
                Some(least) => least.into_iter().map(|(name, one)| (name, one.min(figures[name]))).collect(),
            });
        }
        found.insert(operation.id.clone(), is_as_committed.or(least).expect("it was asked"));
    }

    let succeeded = found.values().filter(|one| one["status"] < 300).count();
    assert!(succeeded * 10 >= found.len() * 9, "only {succeeded} of {} were asked so that they succeed", found.len());
    let names = "SELECT DISTINCT name FROM feed.event
                 WHERE topic ~ '^(sales-data-|store-|product-|category-|catalog|exports-|reports-|system)'";
    let names = behind.query(names, &[]).await.expect("read");
    let described = described_events();
    let unknown: Vec<String> = names.iter().map(|row| row.get(0)).filter(|name| !described.contains(name)).collect();
    assert!(unknown.is_empty(), "events that the OpenAPI document does not name: {unknown:?}");
    let told = compare(&committed["database"], &found);
    if !told.is_empty() {
        committed["database"] = json!(found);
        std::fs::write(FOUND, format!("{committed:#}\n")).expect("written");
        panic!(
            "bench/counts.json says otherwise; look why, then `cp target/counts.json bench/counts.json`:\n{}",
            told.join("\n")
        );
    }
}

/// The events that the OpenAPI document says webhooks are sent.
fn described_events() -> Vec<String> {
    let document = entrepot_server::openapi_document().expect("it holds together");
    let document: Value = serde_json::from_str(&document).expect("JSON");
    let schemas = &document["components"]["schemas"];
    let events = schemas["WebhookEvent"]["anyOf"].as_array().expect("several");
    let names = events.iter().flat_map(|event| {
        let name = event["$ref"].as_str().and_then(|at| at.rsplit('/').next()).expect("a schema");
        schemas[name]["properties"]["type"]["enum"].as_array().expect("names").clone()
    });
    names.map(|name| name.as_str().expect("a name").to_owned()).collect()
}

/// What operations about an account take, which no two of them share: a token, where somebody has signed in, and a body.
async fn own_body(operation: &Operation, house: &House, turn: &str) -> Option<(Option<String>, Value)> {
    let email = format!("{turn}@shop.example");
    let signed_in = json!({"email": ADMIN, "password": PASSWORD});
    Some(match operation.id.as_str() {
        "sign_in" => (None, signed_in),
        "ask_for_password_reset" => (None, json!({"email": ADMIN})),
        "register_customer" => (None, json!({"email": email, "name": "One", "password": PASSWORD})),
        "refresh_tokens" => {
            let tokens = house.server.post("/api/v2/auth/login").json(&signed_in).await.ok();
            (None, json!({"refreshToken": tokens["refreshToken"]}))
        }
        "change_password" => {
            let person = json!({"email": email, "name": "One", "role": "staff", "password": PASSWORD});
            let admin = house.admin().await;
            house.server.bearing(&admin).post("/api/v2/users").json(&person).await.created();
            let body = json!({"currentPassword": PASSWORD, "password": format!("{PASSWORD}, and one dry")});
            (Some(house.token(&email).await), body)
        }
        _ => return None,
    })
}

/// In what an operation's figures are others than the committed ones.
fn differences(name: &str, committed: &Value, figures: &Figures) -> Vec<String> {
    let mut lines = Vec::new();
    for (what, now) in figures {
        if BY_CHANCE.contains(&name) && matches!(*what, "statements" | "roundTrips" | "rows") {
            continue;
        }
        match committed[name][what].as_u64() {
            None => lines.push(format!("  {name}: {what} is not in the file; it is {now}")),
            Some(before) if now.abs_diff(before) as f64 > before as f64 * TOLERANCE => {
                lines.push(format!("  {name}: {what} {before} -> {now}"));
            }
            Some(_) => {}
        }
    }
    lines
}

fn compare(committed: &Value, found: &BTreeMap<String, Figures>) -> Vec<String> {
    let mut lines = Vec::new();
    for name in committed.as_object().into_iter().flat_map(|all| all.keys()).filter(|name| !found.contains_key(*name)) {
        lines.push(format!("  {name}: is in the file and no operation any more"));
    }
    lines.extend(found.iter().flat_map(|(name, figures)| differences(name, committed, figures)));
    lines
}

/// What the path of an operation names, made for this turn alone.
async fn things(operation: &Operation, admin: &SignedIn<'_>, house: &House, turn: &str) -> Vec<(&'static str, String)> {
    let made = async |path: &str, body: Value| -> String {
        let answer = admin.post(path).json(&body).await;
        assert!(answer.status.is_success(), "{path}: {}", answer.text());
        text(&answer.json(), "id")
    };
    let names = |name: &str| operation.names(&[name]);
    let mut things = Vec::new();
    if names("product") {
        things.push(("product", made("/api/v2/products", json!({"sku": turn, "title": "Tea"})).await));
        if names("image") {
            let path = format!("/api/v2/products/{turn}/images");
            let answer = admin.post(&path).json(&json!({"url": "https://shop.example/tea.jpg"})).await.json();
            things.push(("image", answer["id"].as_str().unwrap_or(NOTHING).to_owned()));
        }
    }
    if names("category") {
        let body = json!({"name": format!("Shelf {turn}"), "slug": turn});
        made("/api/v2/categories", body).await;
        things.push(("category", turn.to_owned()));
    }
    // Bodies name the store too.
    let path = format!("/api/v2/stores/{turn}");
    let is_about_it = names("store") || operation.id.contains("sales") || operation.id.starts_with("order_");
    if is_about_it && operation.id != "put_store" {
        admin.request("PUT", &path).json(&json!({"name": turn})).await.created();
        things.push(("store", turn.to_owned()));
        let month = format!("/api/v2/sales/{turn}/2024/1");
        // A store with sales stays.
        if !["put_sales", "delete_store"].contains(&&*operation.id) {
            admin.request("PUT", &month).json(&json!({"dailyData": {"2": {"sales": 5}}})).await.created();
        }
        things.extend([("year", "2024".to_owned()), ("month", "1".to_owned())]);
    } else {
        things.push(("store", turn.to_owned()));
    }
    if names("user") {
        let body =
            json!({"email": format!("of-{turn}@shop.example"), "name": "One", "role": "staff", "password": PASSWORD});
        things.push(("user", made("/api/v2/users", body).await));
    }
    if names("key") {
        things.push(("key", made("/api/v2/api-keys", json!({"name": turn, "scopes": ["profile.read"]})).await));
    }
    if names("webhook") {
        let body = json!({"url": "https://shop.example/hook", "topics": ["sales-data-*"]});
        things.push(("webhook", made("/api/v2/webhooks", body).await));
    }
    if names("block") {
        things.push(("block", made("/api/admin/blocks", json!({"network": "203.0.113.9", "reason": turn})).await));
    }
    if names("schedule") {
        admin.request("PUT", &path).json(&json!({"name": turn})).await.created();
        let body = json!({"kind": "sales", "parameters": {"storeId": turn}, "pattern": "0 6 * * 1"});
        things.push(("schedule", made("/api/v2/reports/schedules", body).await));
    }
    for (name, order) in [
        ("export", json!({"kind": "sales", "parameters": {}})),
        ("report", json!({"kind": "sales", "format": "xlsx", "parameters": {"period": "this-month"}})),
    ] {
        if names(name) {
            things.push((name, made(&format!("/api/v2/{name}s"), order).await));
        }
    }
    if names("session") {
        let other = house.admin().await;
        let sessions = house.server.bearing(&other).get("/api/v2/me/sessions").await.ok();
        things.push(("session", text(&sessions["data"][0], "id")));
    }
    if names("notification") {
        let person = text(&admin.get("/api/v2/me").await.ok(), "id");
        let told = format!(
            "INSERT INTO notifications.notification (id, person_id, kind, title, body, created_at)
             VALUES (gen_random_uuid(), '{person}', 'export-ready', '{turn}', '', now()) RETURNING id::text"
        );
        let row = house.database.client().await.query_one(&told, &[]).await.expect("told");
        things.push(("notification", row.get(0)));
    }
    if names("job") {
        made("/api/v2/exports", json!({"kind": "sales", "parameters": {}})).await;
        let jobs = admin.get("/api/admin/queues/exports/jobs").await.ok();
        things.push(("job", jobs["data"][0]["id"].to_string().trim_matches('"').to_owned()));
    }
    things.push(("queue", "email".to_owned()));
    let templates = if names("template") { admin.get("/api/admin/mail/templates").await.ok() } else { json!({}) };
    things.push(("template", templates["data"][0]["name"].as_str().unwrap_or("none").to_owned()));
    things
}
