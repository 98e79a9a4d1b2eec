//! The audit log: complete, exactly once, unchangeable, filtered, exported.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{ADMIN, House, PASSWORD, Plan, text};

/// The log, once it has this many entries.
async fn entries(house: &House, token: &str, filter: &str, least: usize) -> Vec<Value> {
    let found = async {
        loop {
            let list = house.bearing(token).get(&format!("/api/admin/audit?limit=200{filter}")).await.ok();
            let rows = list["data"].as_array().expect("a list").clone();
            if rows.len() >= least {
                return rows;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(crate::PATIENCE, found).await.expect("the log catches up")
}

#[tokio::test]
async fn who_did_what_to_what_from_where() {
    let house = House::new().await;
    let id = house.person("jon@shop.example", "staff").await;
    let admin = house.sign_in(ADMIN, PASSWORD).await;
    let token = text(&admin, "accessToken");
    let answer = house
        .bearing(&token)
        .patch(&format!("/api/v2/users/{id}"))
        .header("x-forwarded-for", "203.0.113.7")
        .merge_patch(&json!({"role": "manager"}))
        .await;
    let request_id = answer.header("x-request-id").to_owned();
    answer.ok();
    let found = entries(&house, &token, &format!("&requestId={request_id}"), 1).await;
    let [entry] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(entry["actor"], admin["user"]["id"]);
    assert_eq!((&entry["role"], &entry["address"]), (&json!("admin"), &json!("203.0.113.7")));
    assert!(text(entry, "via").starts_with("session:"));
    assert_eq!((&entry["action"], &entry["target"]), (&json!("accounts.updated"), &json!(format!("person-{id}"))));
    assert_eq!(entry["data"], json!({"personId": id, "role": "manager"}));

    let by_target = entries(&house, &token, &format!("&target=person-{id}"), 2).await;
    let actions: Vec<&str> = by_target.iter().filter_map(|entry| entry["action"].as_str()).collect();
    assert_eq!(actions, ["accounts.updated", "accounts.created"]);
    let none = house.bearing(&token).get("/api/admin/audit?from=2999-01-01T00:00:00Z").await.ok();
    assert_eq!(none["data"], json!([]));
    house.bearing(&token).get("/api/admin/audit?from=yesterday").await.problem(400, "web.invalid_query");
    // What the program does by itself is not what anybody did.
    let client = house.database.client().await;
    let of_nobody =
        client.query_one("SELECT count(*) FROM accounts.audit WHERE via IS NULL", &[]).await.expect("counted");
    assert_eq!(of_nobody.get::<_, i64>(0), 0);
}

#[tokio::test]
async fn nothing_is_lost_or_doubled_whoever_reads_the_feed() {
    let here = House::new().await;
    let _there = House::beside(here.database.clone(), Plan::default()).await;
    let token = here.admin().await;
    let make = |index: usize| {
        let body = json!({"email": format!("p{index}@shop.example"), "name": "P", "role": "customer"});
        here.bearing(&token).post("/api/v2/users").json(&body)
    };
    let made =
        futures_util::future::join_all((0..30).map(|index| std::future::IntoFuture::into_future(make(index)))).await;
    let ids: BTreeSet<String> =
        made.into_iter().map(|answer| format!("person-{}", text(&answer.created(), "id"))).collect();
    let found = entries(&here, &token, "&action=accounts.created", 30).await;
    let targets: BTreeSet<String> = found.iter().map(|entry| text(entry, "target")).collect();
    assert!(targets.is_superset(&ids) && found.len() == 30, "{} entries", found.len());
}

#[tokio::test]
async fn the_log_is_only_ever_added_to() {
    let house = House::new().await;
    let token = house.admin().await;
    entries(&house, &token, "", 1).await;
    let client = house.database.client().await;
    for sql in ["UPDATE accounts.audit SET actor = NULL", "DELETE FROM accounts.audit", "TRUNCATE accounts.audit"] {
        let error = client.batch_execute(sql).await.expect_err("refused");
        let told = error.as_db_error().map(|error| error.message().to_owned()).unwrap_or_default();
        assert!(told.contains("only ever added to"), "{sql}: {told}");
    }
}

#[tokio::test]
async fn it_is_paged_and_exported_whole() {
    let house = House::new().await;
    let token = house.admin().await;
    let client = house.database.client().await;
    client
        .execute(
            "INSERT INTO accounts.audit (id, at, via, action, target, data)
             SELECT -n, now(), 'command', 'test.made', '=cmd()', '{}' FROM generate_series(1, 2500) AS n",
            &[],
        )
        .await
        .expect("inserted");
    let first = house.bearing(&token).get("/api/admin/audit?action=test.made&limit=200&fields=id").await.ok();
    assert_eq!(first["data"][0], json!({"id": -1}));
    let mut seen = 200;
    let mut next = first["page"]["nextCursor"].clone();
    while let Some(cursor) = next.as_str() {
        let path = format!("/api/admin/audit?action=test.made&limit=200&fields=id&cursor={cursor}");
        let page = house.bearing(&token).get(&path).await.ok();
        seen += page["data"].as_array().map_or(0, Vec::len);
        next = page["page"]["nextCursor"].clone();
    }
    assert_eq!(seen, 2_500);
    let other = format!("/api/admin/audit?action=other&cursor={}", text(&first["page"], "nextCursor"));
    house.bearing(&token).get(&other).await.problem(400, "web.cursor_of_another_query");

    let export = house.bearing(&token).get("/api/admin/audit/export?action=test.made").header("accept", "text/csv");
    let export = export.await.status(200);
    assert_eq!(export.header("content-type"), "text/csv; charset=utf-8");
    let text_of = export.text();
    let mut lines = text_of.lines();
    assert_eq!(lines.next(), Some("id,at,actor,role,via,address,action,target,data,requestId"));
    assert_eq!(lines.clone().count(), 2_500);
    assert!(lines.all(|line| line.contains(",'=cmd(),")), "a text that looks like a formula is defused");
    let export = house.bearing(&token).get("/api/admin/audit/export?format=ndjson&action=test.made").await.status(200);
    let ids: Vec<i64> = export
        .text()
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON")["id"].as_i64().expect("an id"))
        .collect();
    assert_eq!((ids.len(), ids[0], ids[2_499]), (2_500, -1, -2_500));
    house.bearing(&token).get("/api/admin/audit/export?format=xml").await.problem(400, "web.invalid_query");
}

#[tokio::test]
async fn auditors_read_it_and_customers_do_not() {
    let house = House::new().await;
    house.person("ida@shop.example", "auditor").await;
    house.person("jon@shop.example", "customer").await;
    let ida = house.token("ida@shop.example", PASSWORD).await;
    house.bearing(&ida).get("/api/admin/audit").await.ok();
    house
        .bearing(&ida)
        .post("/api/admin/blocks")
        .json(&json!({"network": "203.0.113.7", "reason": "x"}))
        .await
        .problem(403, "web.forbidden");
    let jon = house.token("jon@shop.example", PASSWORD).await;
    house.bearing(&jon).get("/api/admin/audit").await.problem(403, "web.forbidden");
    house.server.get("/api/admin/audit").await.problem(401, "web.not_signed_in");
}
