//! Reads that are seen later: the audit log has an entry for each, with who it was and what they asked for.

use serde_json::{Value, json};

use crate::house::{House, text};
use crate::telling::{WITHIN, eventually, number, order};

/// What the audit log has of reads, once it has one of each of these.
async fn noted(house: &House, admin: &str, wanted: &[(&str, String)]) -> Vec<Value> {
    eventually("the entries", async || {
        let log = house.server.bearing(admin).get("/api/admin/audit?target=reads&limit=200").await.ok();
        let entries = log["data"].as_array().expect("a list").clone();
        let has = |(action, path): &(&str, String)| {
            entries.iter().any(|entry| entry["action"] == *action && entry["data"]["path"] == *path)
        };
        wanted.iter().all(has).then_some(entries)
    })
    .await
}

#[tokio::test]
async fn whoever_reads_what_matters_is_in_the_audit_log() {
    let house = House::new(&WITHIN).await;
    let admin = house.admin().await;
    let server = house.server.bearing(&admin);
    let me = text(&server.get("/api/v2/me").await.ok(), "id");
    server.request("PUT", "/api/v2/stores/330").json(&json!({"name": "Harbour"})).await.created();
    let days = json!({"dailyData": {"1": {"sales": 100.5}}});
    server.request("PUT", "/api/v2/sales/330/2024/1").json(&days).await.created();

    server.get("/api/v2/users?limit=1").await.ok();
    server.get("/api/admin/audit/export").await.status(200);
    server.get("/api/v2/sales/export").await.status(200);
    server.post("/api/admin/mail/test").json(&json!({"to": "guest@shop.example"})).await.status(202);
    let letter = eventually("the mail", async || {
        let list = server.get("/api/admin/mail/letters").await.ok();
        let to_guest = |one: &&Value| one["to"] == "guest@shop.example";
        list["data"].as_array().expect("a list").iter().find(to_guest).map(|one| text(one, "id"))
    })
    .await;
    let letter = format!("/api/admin/mail/letters/{letter}");
    server.get(&letter).await.ok();
    let ordered = server.post("/api/v2/exports").json(&json!({"kind": "sales"})).await.status(202);
    let export = format!("/api/v2/exports/{}", text(&ordered.json(), "id"));
    eventually("the export", async || (server.get(&export).await.ok()["status"] == "done").then_some(())).await;
    server.get(&format!("{export}/content")).await.status(200);
    let january = json!({"kind": "sales", "parameters": {"from": "2024-01-01", "to": "2024-01-31"}});
    let report = text(&order(&house, &admin, &january).await, "contentUrl");
    server.get(&report).await.status(200);
    let hook = json!({"url": "http://127.0.0.1:9009/hook", "topics": ["system"]});
    let webhook = text(&server.post("/api/v2/webhooks").json(&hook).await.created(), "id");
    server.post(&format!("/api/v2/webhooks/{webhook}/test")).await.status(202);

    let wanted = [
        ("users-listed", "/api/v2/users".to_owned()),
        ("audit-exported", "/api/admin/audit/export".to_owned()),
        ("sales-exported", "/api/v2/sales/export".to_owned()),
        ("mail-tested", "/api/admin/mail/test".to_owned()),
        ("mail-letter-read", letter),
        ("export-fetched", format!("{export}/content")),
        ("report-fetched", report),
        ("webhook-tested", format!("/api/v2/webhooks/{webhook}/test")),
    ];
    let entries = noted(&house, &admin, &wanted).await;
    assert_eq!(entries.len(), wanted.len(), "one of each: {entries:?}");
    for entry in &entries {
        assert_eq!((&entry["actor"], &entry["role"]), (&json!(me), &json!("admin")), "{entry}");
        assert!(text(entry, "via").starts_with("session:") && entry["requestId"].is_string(), "{entry}");
    }
}

#[tokio::test]
async fn what_was_refused_was_not_read_and_leaves_nothing() {
    let house = House::new(&[]).await;
    let admin = house.admin().await;
    let (customer, id) = house.person("customer").await;
    let refused = house.server.bearing(&customer);
    for path in ["/api/v2/users", "/api/admin/audit/export", "/api/v2/sales/export"] {
        refused.get(path).await.problem(403, "web.forbidden");
    }
    house.server.bearing(&admin).get("/api/v2/users?colour=red").await.problem(400, "web.invalid_query");
    house.server.bearing(&admin).get("/api/v2/users").await.ok();
    let entries = noted(&house, &admin, &[("users-listed", "/api/v2/users".to_owned())]).await;
    assert_eq!(entries.len(), 1, "{entries:?}");
    let sql = format!("SELECT count(*) FROM feed.event WHERE topic = 'reads' AND actor = '{id}'");
    assert_eq!(number(&house, &sql).await, 0);
}
