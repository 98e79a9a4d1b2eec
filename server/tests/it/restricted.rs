//! People who are restricted to stores, whatever their role: they are shown nothing of another store by any operation or
//! topic, change nothing of it, and give nobody more than they have.
//!
//! What belongs to the other store carries a text and a figure that nothing else has, so wherever either is in an
//! answer something has leaked. The same sweep by an admin who is restricted to none finds them nearly everywhere: what
//! it does not find it could not miss either.

use std::collections::BTreeSet;
use std::time::Duration;

use entrepot_contracts::Role;
use entrepot_migrations::MIGRATIONS;
use entrepot_runtime::Clock;
use entrepot_testkit::{Response, SignedIn, free_port, test_database};
use serde_json::{Value, json};

use crate::house::{ADMIN, House, PASSWORD, text};
use crate::live::Socket;
use crate::operations::{Operation, operations};

/// The store that the people here are restricted to, and the other.
const OWN: &str = "330";
const OTHER: &str = "406";
/// What is said of the other store, and what it sells.
const MARKER: &str = "zeppelin";
const FIGURE: &str = "7700773";
/// What belongs to the other store or to whoever looks after it, as paths name it.
const THINGS: [&str; 11] =
    ["store", "user", "session", "key", "export", "report", "schedule", "webhook", "notification", "letter", "job"];

/// Until something is so, which is asked for again and again.
async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    for _ in 0..6_000 {
        if let Some(found) = ask().await {
            return found;
        }
        tokio::time::timeout(Duration::from_millis(10), std::future::pending::<()>()).await.expect_err("it only waits");
    }
    panic!("{what} does not come");
}

fn leaks(answer: &str) -> bool {
    answer.contains(MARKER) || answer.contains(FIGURE)
}

/// A chain of two stores, and everything there is to the other one.
struct Chain {
    house: House,
    admin: String,
    /// Ids of it, by the name of the parameter that takes them.
    others: Vec<(&'static str, String)>,
}

impl Chain {
    async fn open() -> Self {
        let (clock, _hand) = Clock::manual("2026-11-21T12:00:00Z".parse().expect("a literal"));
        let settings = [("ENTREPOT_WEBHOOKS_ALLOW_PRIVATE", "true"), ("ENTREPOT_WEBHOOKS_ALLOW_HTTP", "true")];
        let house = House::on(std::sync::Arc::new(test_database(MIGRATIONS).await), clock, &settings).await;
        let admin = house.admin().await;
        let mut chain = Self { house, admin, others: Vec::new() };
        chain.people().await;
        chain.sell().await;
        chain.have_made().await;
        let others = &mut chain.others;
        others.extend([("store", OTHER.to_owned()), ("year", "2026".to_owned()), ("month", "11".to_owned())]);
        chain
    }

    fn admin(&self) -> SignedIn<'_> {
        self.house.server.bearing(&self.admin)
    }

    /// Somebody who looks after the other store, and a key of an admin for it.
    async fn people(&mut self) {
        let body = json!({
            "email": format!("{MARKER}@shop.example"), "name": MARKER, "role": "manager", "password": PASSWORD,
            "stores": [OTHER],
        });
        let person = self.admin().post("/api/v2/users").json(&body).await.created();
        let token = self.house.token(&format!("{MARKER}@shop.example")).await;
        let sessions = self.house.server.bearing(&token).get("/api/v2/me/sessions").await.ok();
        let body = json!({"name": MARKER, "scopes": ["sales.read"]});
        let key = self.admin().post("/api/v2/api-keys").json(&body).await.created();
        self.others.extend([
            ("user", text(&person, "id")),
            ("session", text(&sessions["data"][0], "id")),
            ("key", text(&key, "id")),
        ]);
    }

    /// Both stores, what they sell, and what is sent elsewhere of that.
    async fn sell(&mut self) {
        let url = format!("http://127.0.0.1:{}/{MARKER}", free_port());
        let body = json!({"url": url, "description": MARKER, "topics": ["sales-data-*", "store-*"]});
        let webhook = text(&self.admin().post("/api/v2/webhooks").json(&body).await.created(), "id");
        let consumers = "SELECT count(*) FROM feed.consumer WHERE name = 'webhooks'";
        eventually("the consumer", async || (self.number(consumers).await == 1).then_some(())).await;
        for (store, name, sold) in [(OWN, "Harbour", "0"), (OTHER, MARKER, FIGURE)] {
            let body = json!({"name": name, "place": name});
            self.admin().request("PUT", &format!("/api/v2/stores/{store}")).json(&body).await.created();
            let path = format!("/api/v2/sales/{store}/2026/11");
            let sold: i64 = sold.parse().expect("a number");
            let body = json!({"dailyData": {"21": {"sales": sold}}});
            self.admin().request("PUT", &path).json(&body).await.created();
            // What it was before is told, too.
            self.admin().patch(&path).merge_patch(&json!({"dailyData": {"21": {"units": 3}}})).await.ok();
        }
        let deliveries = format!("/api/v2/webhooks/{webhook}/deliveries");
        let delivery = eventually("a delivery", async || {
            let list = self.admin().get(&deliveries).await.ok();
            let about = |one: &&Value| one["topic"] == format!("sales-data-{OTHER}");
            list["data"].as_array().expect("a list").iter().find(about).map(|one| text(one, "id"))
        });
        let delivery = delivery.await;
        let rolled_up = "SELECT coalesce(min(id), 0) FROM jobs.ended WHERE kind = 'analytics.roll_up_sales' \
                         AND payload::text LIKE '%7700773%'";
        let job = eventually("the roll-up", async || Some(self.number(rolled_up).await).filter(|id| *id > 0)).await;
        self.others.extend([("webhook", webhook), ("delivery", delivery), ("job", job.to_string())]);
    }

    /// What an admin has had made of it.
    async fn have_made(&mut self) {
        let export = json!({"kind": "sales", "parameters": {"storeId": OTHER}});
        let export = self.made("/api/v2/exports", &export).await;
        let report =
            json!({"kind": "sales", "format": "xlsx", "parameters": {"storeId": OTHER, "period": "this-month"}});
        let report = self.made("/api/v2/reports", &report).await;
        let schedule = json!({
            "kind": "sales", "parameters": {"storeId": OTHER}, "pattern": "0 6 * * 1",
            "mailTo": format!("{MARKER}@shop.example"),
        });
        let schedule = self.admin().post("/api/v2/reports/schedules").json(&schedule).await.created();
        let inbox = self.admin().get("/api/v2/me/notifications").await.ok();
        let to = json!({"to": format!("{MARKER}@shop.example")});
        self.admin().post("/api/admin/mail/test").json(&to).await.status(202);
        let letter = eventually("a letter", async || {
            let list = self.admin().get("/api/admin/mail/letters").await.ok();
            let to_them = |one: &&Value| one["to"].as_str().is_some_and(leaks);
            list["data"].as_array().expect("a list").iter().find(to_them).map(|one| text(one, "id"))
        });
        let letter = letter.await;
        eventually("the audit log", async || {
            let log = self.admin().get(&format!("/api/admin/audit?target=sales-data-{OTHER}")).await.ok();
            log.to_string().contains("sales-data-updated").then_some(())
        })
        .await;
        self.others.extend([
            ("export", export),
            ("report", report),
            ("schedule", text(&schedule, "id")),
            ("notification", text(&inbox["data"][0], "id")),
            ("letter", letter),
        ]);
    }

    /// The id of something that was ordered, once it is made.
    async fn made(&self, path: &str, order: &Value) -> String {
        let ordered = self.admin().post(path).json(order).await.status(202).json();
        let id = text(&ordered, "id");
        self.ended(&self.admin, &format!("{path}/{id}")).await;
        id
    }

    /// What was ordered, once it is made or failed.
    async fn ended(&self, token: &str, path: &str) -> Value {
        eventually("what was ordered", async || {
            let found = self.house.server.bearing(token).get(path).await.ok();
            (!matches!(found["status"].as_str(), Some("queued" | "running"))).then_some(found)
        })
        .await
    }

    async fn number(&self, sql: &str) -> i64 {
        self.house.database.client().await.query_one(sql, &[]).await.expect("a number").get(0)
    }

    /// An access token of somebody in this role who is restricted to the own store.
    async fn restricted(&self, role: Role) -> String {
        let email = format!("tied-{}@shop.example", role.name());
        let body = json!({
            "email": email, "name": "Tied", "role": role.name(), "password": PASSWORD, "stores": [OWN],
        });
        self.admin().post("/api/v2/users").json(&body).await.created();
        self.house.token(&email).await
    }

    fn of_others(&self, kind: &str) -> &str {
        let found = self.others.iter().find(|(of, _)| *of == kind);
        found.map(|(_, id)| id.as_str()).unwrap_or_else(|| panic!("there is no {kind}"))
    }

    /// The same month of the own store.
    fn own(&self) -> Vec<(&'static str, String)> {
        vec![("store", OWN.to_owned()), ("year", "2026".to_owned()), ("month", "11".to_owned())]
    }

    /// Every way to ask a reading operation for what there is of the other store.
    fn targets(&self, operation: &Operation) -> Vec<String> {
        let mut targets = vec![operation.about(&[]), operation.about(&self.own()), operation.about(&self.others)];
        let path = operation.about(&self.others);
        for (parameter, value) in [
            ("storeId", OTHER.to_owned()),
            ("target", format!("sales-data-{OTHER}")),
            // A part of it: what an answer repeats of the question is no leak.
            ("q", MARKER[..5].to_owned()),
            ("by", "store".to_owned()),
            ("format", "ndjson".to_owned()),
            ("limit", "200".to_owned()),
            ("count", "exact".to_owned()),
        ] {
            if operation.parameters.iter().any(|known| known == parameter) {
                targets.push(format!("{path}?{parameter}={value}"));
            }
        }
        targets.sort();
        targets.dedup();
        targets
    }

    /// What the other store's things look like to an admin who is restricted to none: their ETags, or all of them.
    async fn others_as_they_are(&self) -> Vec<String> {
        let of = |kind| self.of_others(kind);
        let mut seen = Vec::new();
        for path in [
            format!("/api/v2/stores/{OTHER}"),
            format!("/api/v2/sales/{OTHER}/2026/11"),
            format!("/api/v2/users/{}", of("user")),
            format!("/api/v2/api-keys/{}", of("key")),
            format!("/api/v2/webhooks/{}", of("webhook")),
            format!("/api/v2/exports/{}", of("export")),
            format!("/api/v2/reports/{}", of("report")),
        ] {
            let found = self.admin().get(&path).await.status(200);
            seen.push(format!("{path} {}", found.header("etag")));
        }
        let schedules = self.admin().get("/api/v2/reports/schedules").await.ok();
        let is_there = schedules["data"].as_array().expect("a list").iter().any(|one| one["id"] == of("schedule"));
        seen.push(format!("the schedule is there: {is_there}"));
        let months = format!("SELECT count(*) FROM sales.month WHERE store_id = '{OTHER}'");
        seen.push(format!("{} months", self.number(&months).await));
        let sessions =
            format!("SELECT count(*) FROM accounts.session WHERE id = '{}' AND revoked_at IS NULL", of("session"));
        seen.push(format!("{} sessions", self.number(&sessions).await));
        seen
    }
}

/// What may not be in an answer to somebody who is restricted to another store.
fn check(operation: &Operation, path: &str, role: Role, answer: &Response) {
    let (status, told) = (answer.status.as_u16(), answer.text());
    let asked = format!("{} {path} ({}) as {}", operation.method, operation.id, role.name());
    assert!(!leaks(&told), "{asked} shows something of the other store: {told}");
    assert!(status < 500, "{asked}: {status} {told}");
}

#[tokio::test]
async fn whoever_is_restricted_to_a_store_is_shown_nothing_of_another_by_any_operation() {
    let chain = Chain::open().await;
    let operations = operations();
    let reads: Vec<&Operation> = operations.iter().filter(|one| one.reads() && !one.is_endless()).collect();
    // That the sweep can find something: by somebody who is restricted to none it does.
    let mut shown = BTreeSet::new();
    for operation in &reads {
        for path in chain.targets(operation) {
            let answer = operation.by(&chain.admin(), &path).await;
            assert_ne!(answer.status, 500, "{path}: {}", answer.text());
            if leaks(&answer.text()) {
                shown.insert(operation.id.as_str());
            }
        }
    }
    for wanted in [
        "list_stores",
        "get_store",
        "list_sales",
        "get_sales",
        "sum_sales",
        "export_sales",
        "get_sales_today",
        "get_sales_week",
        "get_sales_month",
        "list_audit",
        "export_audit",
        "list_users",
        "get_user",
        "list_api_keys",
        "get_api_key",
        "list_webhooks",
        "get_webhook",
        "list_webhook_deliveries",
        "get_export_content",
        "list_report_schedules",
        "list_mail_letters",
        "get_mail_letter",
        "get_job",
    ] {
        assert!(shown.contains(wanted), "{wanted} shows nothing of the other store, so that a leak would not be seen");
    }

    for role in Role::ALL {
        let token = chain.restricted(role).await;
        let caller = chain.house.server.bearing(&token);
        let mut answered = 0;
        for operation in &reads {
            for path in chain.targets(operation) {
                let answer = operation.by(&caller, &path).await;
                check(operation, &path, role, &answer);
                answered += usize::from(answer.status.is_success());
            }
            if operation.names(&THINGS) {
                // Files are packed, and an id may be all that is told: of what is another store's nothing succeeds.
                let path = operation.about(&chain.others);
                let answer = operation.by(&caller, &path).await;
                assert!(!answer.status.is_success(), "{path} as {}: {}", role.name(), answer.text());
            }
        }
        // Their own store is shown to those who look at stores.
        let looks_at_stores = matches!(role, Role::Admin | Role::Manager | Role::Staff | Role::Auditor);
        if looks_at_stores {
            let list = caller.get("/api/v2/stores").await.ok();
            assert_eq!(list["data"].as_array().map(Vec::len), Some(1), "{}: {list}", role.name());
            assert_eq!(list["data"][0]["id"], OWN);
            caller.get(&format!("/api/v2/sales/{OWN}/2026/11")).await.ok();
        }
        assert!(answered >= if looks_at_stores { 20 } else { 10 }, "only {answered} as {}", role.name());
        if matches!(role, Role::Admin | Role::Auditor) {
            let log = caller.get("/api/admin/audit?limit=200").await.ok();
            let targets = log["data"].as_array().expect("a list").iter().map(|entry| text(entry, "target"));
            let targets: BTreeSet<String> = targets.collect();
            assert_eq!(targets, BTreeSet::from([format!("sales-data-{OWN}"), format!("store-{OWN}")]));
        }
    }
}

#[tokio::test]
async fn whoever_is_restricted_to_a_store_changes_nothing_of_another_by_any_operation() {
    let chain = Chain::open().await;
    let operations = operations();
    let before = chain.others_as_they_are().await;
    for role in Role::ALL {
        let token = chain.restricted(role).await;
        let caller = chain.house.server.bearing(&token);
        let (mut refused, mut done) = (0, 0);
        for operation in operations.iter().filter(|one| !one.reads() && one.id != "sign_out") {
            let path = operation.about(&chain.others);
            let request = operation.filled(operation.by(&caller, &path), OTHER, &format!("by-{}", role.name()));
            let answer = request.await;
            check(operation, &path, role, &answer);
            if operation.names(&THINGS) {
                assert!(!answer.status.is_success(), "{path} as {}: {}", role.name(), answer.text());
                refused += 1;
            }
            done += usize::from(answer.status.is_success());
        }
        assert!(refused >= 18, "only {refused} were tried");
        assert!(done >= 3, "only {done} were done as {}", role.name());
        // What was ordered of the other store is made, and is empty.
        for (list, content) in [("/api/v2/exports", true), ("/api/v2/reports", false)] {
            let ordered = caller.get(list).await;
            if ordered.status == 403 {
                continue;
            }
            for one in ordered.ok()["data"].as_array().expect("a list") {
                let path = format!("{list}/{}", text(one, "id"));
                assert!(!leaks(&chain.ended(&token, &path).await.to_string()));
                if content {
                    let file = caller.get(&format!("{path}/content")).await.status(200).text();
                    assert!(!leaks(&file) && file.lines().count() == 1, "as {}: {file}", role.name());
                }
            }
        }
        assert_eq!(chain.others_as_they_are().await, before, "as {}", role.name());
    }
}

#[tokio::test]
async fn whoever_is_restricted_to_a_store_is_told_nothing_live_of_another() {
    let chain = Chain::open().await;
    let of = |kind| chain.of_others(kind);
    let closed = [
        format!("sales-data-{OTHER}"),
        format!("store-{OTHER}"),
        format!("exports-{}", of("export")),
        format!("reports-{}", of("report")),
        format!("reports-{}", of("schedule")),
        format!("user-{}", of("user")),
        format!("person-{}", of("user")),
        format!("webhook-{}", of("webhook")),
        "jobs".to_owned(),
        "sales-data-".to_owned(),
        "sales-data-*".to_owned(),
    ];
    for (turn, role) in Role::ALL.into_iter().enumerate() {
        let token = chain.restricted(role).await;
        let mut socket = Socket::signed_in(&chain.house, &token).await;
        for topic in &closed {
            socket.send(&json!({"type": "subscribe", "event": topic})).await;
            let error = socket.told("error").await;
            assert_eq!(error["event"], json!(topic), "{} {error}", role.name());
            let code = text(&error, "code");
            assert!(matches!(&*code, "live.forbidden" | "live.unknown_topic"), "{} {error}", role.name());
            // Nor how many others follow it.
            socket.send(&json!({"type": "presence", "event": topic})).await;
            assert_eq!(socket.told("error").await["event"], json!(topic), "{}", role.name());
            let path = format!("/api/v2/events?topics={topic}");
            let refused = chain.house.server.bearing(&token).get(&path).await;
            assert!(matches!(refused.status.as_u16(), 403 | 404), "{path} as {}: {}", role.name(), refused.text());
        }
        // One refused topic among those that are allowed is no way round.
        let topics = format!("/api/v2/events?topics=system,sales-data-{OTHER}");
        let refused = chain.house.server.bearing(&token).get(&topics).await;
        refused.problem(403, "live.forbidden");
        let looks_at_stores = matches!(role, Role::Admin | Role::Manager | Role::Staff | Role::Auditor);
        if looks_at_stores {
            socket.follow(&format!("sales-data-{OWN}"), None).await;
            for store in [OTHER, OWN] {
                let patch = json!({"dailyData": {"21": {"units": 10 + turn}}});
                let path = format!("/api/v2/sales/{store}/2026/11");
                chain.admin().patch(&path).merge_patch(&patch).await.ok();
            }
            // Both were written in this order, and only the second is told.
            assert_eq!(socket.told("event").await["topic"], format!("sales-data-{OWN}"), "{}", role.name());
        }
    }
}

/// Otherwise a restriction would hold an admin who wants to be held.
#[tokio::test]
async fn nobody_gives_more_than_they_have() {
    let house = House::new(&[]).await;
    let root = house.admin().await;
    let root = house.server.bearing(&root);
    let create = |caller: &SignedIn<'_>, email: &str, stores: Value| {
        let body = json!({"email": email, "name": "N", "role": "admin", "password": PASSWORD, "stores": stores});
        caller.post("/api/v2/users").json(&body)
    };
    let tied_id = text(&create(&root, "tied@shop.example", json!([OWN])).await.created(), "id");
    let untied_id = text(&create(&root, "untied@shop.example", Value::Null).await.created(), "id");
    let other_id = text(&create(&root, "other@shop.example", json!([OTHER])).await.created(), "id");
    let wider_id = text(&create(&root, "wider@shop.example", json!([OWN, OTHER])).await.created(), "id");
    let token = house.token("tied@shop.example").await;
    let tied = house.server.bearing(&token);

    // Neither for themselves…
    let own_path = format!("/api/v2/users/{tied_id}");
    for stores in [Value::Null, json!([OTHER]), json!([OWN, OTHER])] {
        let refused = tied.patch(&own_path).merge_patch(&json!({"stores": stores})).await;
        let problem = refused.problem(403, "accounts.beyond_own_stores");
        assert_eq!(problem["errors"][0]["pointer"], "/stores");
    }
    tied.patch("/api/v2/me").merge_patch(&json!({"stores": null})).await.problem(422, "web.invalid_body");
    assert_eq!(tied.get("/api/v2/me").await.ok()["stores"], json!([OWN]));
    // …nor for others, new or not.
    for stores in [Value::Null, json!([OTHER]), json!([OWN, OTHER])] {
        create(&tied, "new@shop.example", stores).await.problem(403, "accounts.beyond_own_stores");
    }
    let left_out = json!({"email": "new@shop.example", "name": "N"});
    tied.post("/api/v2/users").json(&left_out).await.problem(403, "accounts.beyond_own_stores");
    let made_id = text(&create(&tied, "new@shop.example", json!([OWN])).await.created(), "id");
    let made = format!("/api/v2/users/{made_id}");
    let widened = tied.patch(&made).merge_patch(&json!({"stores": [OWN, OTHER]})).await;
    widened.problem(403, "accounts.beyond_own_stores");
    tied.patch(&made).merge_patch(&json!({"name": "Renamed"})).await.ok();

    // Accounts that reach further are none that they know of, whoever has them.
    house.token("untied@shop.example").await;
    for id in [&untied_id, &other_id, &wider_id] {
        let path = format!("/api/v2/users/{id}");
        tied.get(&path).await.problem(404, "accounts.user_not_found");
        for patch in [json!({"email": "mine@shop.example"}), json!({"stores": [OWN]}), json!({"status": "blocked"})] {
            tied.patch(&path).merge_patch(&patch).await.problem(404, "accounts.user_not_found");
        }
        tied.delete(&format!("{path}/sessions")).await.problem(404, "accounts.user_not_found");
        tied.delete(&path).await.problem(404, "accounts.user_not_found");
        assert_eq!(root.get(&path).await.ok()["status"], "active");
    }
    let listed = tied.get("/api/v2/users").await.ok();
    let ids: BTreeSet<String> = listed["data"].as_array().expect("a list").iter().map(|one| text(one, "id")).collect();
    assert_eq!(ids, BTreeSet::from([tied_id, made_id.clone()]));
    for named in ["untied", "other", "wider", ADMIN] {
        assert_eq!(tied.get(&format!("/api/v2/users?q={named}")).await.ok()["data"], json!([]), "{named}");
    }

    // What spans all stores is not theirs.
    let hook = json!({"url": "https://shop.example/hook", "topics": [format!("sales-data-{OWN}")]});
    tied.post("/api/v2/webhooks").json(&hook).await.problem(403, "web.forbidden");
    for path in ["/api/v2/webhooks", "/api/admin/queues", "/api/admin/mail/letters", "/api/admin/websocket/stats"] {
        tied.get(path).await.problem(403, "web.forbidden");
    }
    // Nor does a key reach further than whoever made it.
    let body = json!({"name": "k", "scopes": ["users.read", "stores.read", "audit.read"]});
    let key = text(&tied.post("/api/v2/api-keys").json(&body).await.created(), "key");
    let with = house.server.with_key(&key);
    with.get(&format!("/api/v2/users/{untied_id}")).await.problem(404, "accounts.user_not_found");
    with.get(&made).await.ok();
    tied.delete(&made).await.status(204);
}
