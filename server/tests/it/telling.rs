//! What people are told, through the whole program: letters, the inbox, webhooks, reports; and jobs as admins see them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse as _;
use axum::routing::post;
use calamine::{Reader as _, Xlsx, open_workbook_from_rs};
use entrepot_webhooks::{Secret, verify};
use serde_json::{Value, json};

use crate::house::{House, PASSWORD, text};

/// Until something is so, which is asked for again and again.
pub(crate) async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    for _ in 0..3_000 {
        if let Some(found) = ask().await {
            return found;
        }
        tokio::time::timeout(Duration::from_millis(10), std::future::pending::<()>()).await.expect_err("it only waits");
    }
    panic!("{what} does not come");
}

pub(crate) async fn number(house: &House, sql: &str) -> i64 {
    house.database.client().await.query_one(sql, &[]).await.expect("a number").get(0)
}

/// The letters that became files, once there are so many.
async fn letters(house: &House, admin: &str, count: usize) -> Vec<Value> {
    eventually("a letter", async || {
        let list = house.server.bearing(admin).get("/api/admin/mail/letters").await.ok();
        let list = list["data"].as_array().expect("a list").clone();
        (list.len() >= count).then_some(list)
    })
    .await
}

#[tokio::test]
async fn a_forgotten_password_is_mailed_chosen_anew_and_its_token_is_nowhere_else() {
    let house = House::new(&[("ENTREPOT_SHOP_URL", "https://shop.example/"), ("ENTREPOT_SHOP_NAME", "Tea & Co")]).await;
    let admin = house.admin().await;
    house.person("customer").await;
    let body = json!({"email": "one-customer@shop.example"});
    house.server.post("/api/v2/auth/forgot").json(&body).await.status(202);
    // The letter that proves the new customer's address is on its way, too.
    let of_kind = |list: &[Value]| list.iter().find(|one| one["kind"] == "password_reset").cloned();
    let found = eventually("the letter", async || of_kind(&letters(&house, &admin, 1).await)).await;
    assert_eq!(found["to"], "one-customer@shop.example");
    let letter =
        house.server.bearing(&admin).get(&format!("/api/admin/mail/letters/{}", text(&found, "id"))).await.ok();
    assert_eq!(text(&letter, "subject"), "Choose a new password for Tea & Co");
    let shown = format!("/api/admin/mail/letters/{}?format=html", text(&found, "id"));
    let shown = house.server.bearing(&admin).get(&shown).header("accept", "text/html").await.status(200);
    assert!(
        shown.text().contains("Tea &#38; Co") && shown.header("content-security-policy").contains("default-src 'none'")
    );
    let said = text(&letter, "text");
    let token = said
        .split_once("https://shop.example/console/account#reset=")
        .and_then(|(_, rest)| rest.split_whitespace().next())
        .expect("a link with the token");
    assert!(text(&letter, "html").contains("Tea &#38; Co"));
    // The job has ended, and nothing of the token is left in it.
    eventually("the job's end", async || {
        (number(&house, "SELECT count(*) FROM jobs.job WHERE kind = 'send-letter'").await == 0).then_some(())
    })
    .await;
    let kept =
        number(&house, "SELECT count(*) FROM jobs.ended WHERE kind = 'send-letter' AND payload ? 'secret'").await;
    assert_eq!(
        (kept, number(&house, "SELECT count(*) FROM jobs.ended WHERE kind = 'send-letter'").await > 0),
        (0, true)
    );
    let chosen = json!({"token": token, "password": "seven foggy days in Rotterdam"});
    house.server.post("/api/v2/auth/reset").json(&chosen).await.status(204);
    let sign_in = json!({"email": "one-customer@shop.example", "password": "seven foggy days in Rotterdam"});
    house.server.post("/api/v2/auth/login").json(&sign_in).await.ok();
    let page = house.server.get("/console/account").header("accept", "text/html").await.status(200);
    assert!(page.text().contains("/console/account.js") && page.header("content-security-policy").contains("'none'"));
    // Everything that is mailed can be looked at, as it is sent.
    let templates = house.server.bearing(&admin).get("/api/admin/mail/templates").await.ok();
    assert_eq!(templates["data"].as_array().expect("a list").len(), 8);
    for template in templates["data"].as_array().expect("a list") {
        let path = text(template, "preview");
        let page = house.server.bearing(&admin).get(&path).header("accept", "text/html").await.status(200);
        assert!(page.text().starts_with("<!") && page.header("content-type").starts_with("text/html"), "{path}");
        let plain = house.server.bearing(&admin).get(&format!("{path}?format=text")).await.status(200);
        assert!(!plain.text().contains('<'), "{path}");
    }
    let (customer, _) = house.person("seller").await;
    house.server.bearing(&customer).get("/api/admin/mail/letters").await.problem(403, "web.forbidden");
}

/// Has a letter sent to where nobody can be written to: to an address as it was taken by versions of before. Tells the
/// job, and where it is.
async fn write_to_nowhere(house: &House, token: &str) -> (i64, String) {
    let server = house.server.bearing(token);
    server.post("/api/admin/queues/email/pause").await.ok();
    let sent = server.post("/api/admin/mail/test").json(&json!({"to": "nowhere@shop.example"})).await.status(202);
    let job = sent.json()["job"].as_i64().expect("an id");
    let sql =
        "UPDATE jobs.job SET payload = replace(payload::text, 'nowhere@shop.example', 'nowhere@[127.0.0.1]')::jsonb
               WHERE id = $1";
    assert_eq!(house.database.client().await.execute(sql, &[&job]).await.expect("written"), 1);
    server.post("/api/admin/queues/email/resume").await.ok();
    (job, sent.header("location").to_owned())
}

#[tokio::test]
async fn an_address_has_as_many_letters_as_it_may_whoever_sends_them() {
    let few = [("ENTREPOT_MAIL_PER_RECIPIENT", "2")];
    let one = House::new(&few).await;
    let admin = one.admin().await;
    let write = async |house: &House, to: &str| {
        let sent = house.server.bearing(&admin).post("/api/admin/mail/test").json(&json!({"to": to})).await.status(202);
        sent.json()["job"].as_i64().expect("an id")
    };
    write_to_nowhere(&one, &admin).await;
    for to in ["guest@shop.example", "Guest@shop.example"] {
        write(&one, to).await;
    }
    letters(&one, &admin, 2).await;
    eventually("two places are taken, and a third is given back", async || {
        let ended = number(&one, "SELECT count(*) FROM jobs.ended WHERE kind = 'send-letter'").await;
        (ended == 3).then_some(())
    })
    .await;
    assert_eq!(number(&one, "SELECT count(*) FROM notifications.letter_sent").await, 2);
    // Another process, which has sent nothing yet.
    let (folder, database, clock) = (one.folder.clone(), one.database.clone(), one.clock.clone());
    drop(one);
    let other = House::beside(folder, database, clock, &few).await;
    let late = write(&other, "guest@SHOP.example").await;
    let put_off = format!("SELECT count(*) FROM jobs.attempt WHERE job_id = {late} AND outcome = 'snoozed'");
    eventually("it is put off", async || (number(&other, &put_off).await > 0).then_some(())).await;
    let job = other.server.bearing(&admin).get(&format!("/api/admin/jobs/{late}")).await.ok();
    assert_eq!(job["failures"], 0, "{job}");
    assert_eq!(letters(&other, &admin, 2).await.len(), 2);
    write(&other, "host@shop.example").await;
    assert_eq!(letters(&other, &admin, 3).await.len(), 3, "others are written to");
}

#[tokio::test]
async fn what_failed_is_seen_tried_again_and_cleared_and_the_audit_knows_who_did_it() {
    let house = House::new(&[]).await;
    let admin = house.admin().await;
    let server = house.server.bearing(&admin);
    for wrong in ["somebody@[127.0.0.1]", "a..b@shop.example", "mira@shop.example.", "\u{e4}nnchen@shop.example"] {
        let refused = server.post("/api/admin/mail/test").json(&json!({"to": wrong})).await;
        refused.problem(422, "web.invalid_body");
    }
    let (job, location) = write_to_nowhere(&house, &admin).await;
    assert_eq!(location, format!("/api/admin/jobs/{job}"));
    let failed = async |count: usize| {
        eventually("the failure", async || {
            let failed = server.get("/api/admin/performance/jobs/failed?queue=email").await.ok();
            (failed["data"].as_array().expect("a list").len() == count).then_some(failed)
        })
        .await
    };
    let list = failed(1).await;
    assert_eq!((&list["data"][0]["id"], &list["data"][0]["kind"]), (&json!(job), &json!("send-letter")));
    assert_eq!(list["data"][0]["attempts"][0]["outcome"], "discarded");
    assert!(text(&list["data"][0], "error").contains("address"));
    let performance = server.get("/api/admin/performance/jobs").await.ok();
    assert_eq!((&performance["status"], &performance["totals"]["failed"]), (&json!("degraded"), &json!(1)));
    let retry = async |body: Value| server.post("/api/admin/performance/jobs/retry").json(&body).await;
    retry(json!({})).await.problem(422, "web.invalid_body");
    assert_eq!(retry(json!({"queue": "exports"})).await.ok()["count"], 0);
    assert_eq!(retry(json!({"ids": [job]})).await.ok(), json!({"count": 1, "hasMore": false}));
    eventually("another attempt", async || {
        let again = server.get(&format!("/api/admin/jobs/{job}")).await.ok();
        (again["attempts"].as_array().map(Vec::len) == Some(2)).then_some(())
    })
    .await;
    server.post(&format!("/api/admin/jobs/{job}/cancel")).await.problem(409, "jobs.ended");
    server.post("/api/admin/jobs/999999/cancel").await.problem(404, "jobs.not_found");
    let clear = server.post("/api/admin/performance/jobs/clear").json(&json!({"outcomes": ["discarded"]})).await.ok();
    assert_eq!(clear["count"], 1);
    failed(0).await;
    server.get(&format!("/api/admin/jobs/{job}")).await.problem(404, "jobs.not_found");

    // A paused queue does nothing, and what waits in it can be looked at and cancelled.
    assert_eq!(server.post("/api/admin/queues/email/pause").await.ok()["hasChanged"], true);
    server.post("/api/admin/mail/test").json(&json!({"to": "a@shop.example"})).await.status(202);
    let waits = server.get("/api/admin/queues/email/jobs").await.ok();
    assert_eq!(
        (&waits["data"][0]["status"], &waits["data"][0]["payload"]["to"]),
        (&json!("available"), &json!("a@shop.example"))
    );
    let waiting = waits["data"][0]["id"].as_i64().expect("an id");
    server.post(&format!("/api/admin/jobs/{waiting}/cancel")).await.status(204);
    assert_eq!(server.post("/api/admin/queues/email/resume").await.ok()["hasChanged"], true);
    let done: Vec<String> = eventually("the audit", async || {
        let audit = server.get("/api/admin/audit?target=jobs&fields=action,actor").await.ok();
        let rows = audit["data"].as_array().expect("a list").clone();
        let by_people = rows.iter().filter(|row| !row["actor"].is_null());
        let actions: Vec<String> = by_people.map(|row| text(row, "action")).collect();
        // The first was that of the letter to nowhere.
        (actions.iter().filter(|one| *one == "queue-resumed").count() == 2).then_some(actions)
    })
    .await;
    for action in ["jobs-retried", "jobs-cleared", "queue-paused", "queue-resumed", "job-cancelled"] {
        assert!(done.iter().any(|one| one == action), "{action} is not among {done:?}");
    }
    let (manager, _) = house.person("manager").await;
    house.server.bearing(&manager).get("/api/admin/queues").await.problem(403, "web.forbidden");
}

/// What a receiver was sent, and what it answers.
#[derive(Default)]
pub(crate) struct Receiver {
    pub(crate) got: Mutex<Vec<(HeaderMap, Bytes)>>,
    answers: Mutex<Vec<StatusCode>>,
}

pub(crate) async fn receiver() -> (Arc<Receiver>, String) {
    let receiver = Arc::new(Receiver::default());
    let shared = receiver.clone();
    let take = move |fields: HeaderMap, body: Bytes| {
        let shared = shared.clone();
        async move {
            shared.got.lock().expect("not poisoned").push((fields, body));
            let answer = shared.answers.lock().expect("not poisoned").pop().unwrap_or(StatusCode::OK);
            // Try again at once.
            (answer, [("retry-after", "0")]).into_response()
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
    #[expect(clippy::disallowed_methods, reason = "ends with the test's runtime")]
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/hook", post(take))).await });
    (receiver, url)
}

/// Receivers here are on this machine, without TLS.
pub(crate) const WITHIN: [(&str, &str); 2] =
    [("ENTREPOT_WEBHOOKS_ALLOW_PRIVATE", "true"), ("ENTREPOT_WEBHOOKS_ALLOW_HTTP", "true")];

#[tokio::test]
async fn a_webhook_is_sent_what_happens_signed_again_after_a_failure_and_switched_off_when_gone() {
    let house = House::new(&WITHIN).await;
    let admin = house.admin().await;
    let server = house.server.bearing(&admin);
    let (receiver, url) = receiver().await;
    for (body, code) in [
        (json!({"url": url, "topics": ["user-*"]}), "unknown_topic"),
        (json!({"url": url, "topics": []}), "required"),
        (json!({"url": "ftp://x.example/", "topics": ["system"]}), "invalid_url"),
    ] {
        let problem = server.post("/api/v2/webhooks").json(&body).await.problem(422, "web.invalid_body");
        assert_eq!(problem["errors"][0]["code"], code, "{body}");
    }
    let made = server.post("/api/v2/webhooks").json(&json!({"url": url, "topics": ["store-*"]})).await.created();
    let (secret, path) = (text(&made, "secret"), format!("/api/v2/webhooks/{}", text(&made, "id")));
    let got = server.get(&path).await.ok();
    assert!(got.get("secret").is_none() && got["isEnabled"] == true);
    // The consumer begins where the feed stands when it first looks.
    eventually("the consumer", async || {
        (number(&house, "SELECT count(*) FROM feed.consumer WHERE name = 'webhooks'").await == 1).then_some(())
    })
    .await;
    receiver.answers.lock().expect("not poisoned").push(StatusCode::SERVICE_UNAVAILABLE);
    server.request("PUT", "/api/v2/stores/330").json(&json!({"name": "Harbour"})).await.created();
    let deliveries = format!("{path}/deliveries");
    let delivered = async |count: usize| {
        eventually("the delivery", async || {
            let list = server.get(&deliveries).await.ok();
            let list = list["data"].as_array().expect("a list").clone();
            let is_there = list.len() == count && list.iter().all(|one| one["status"] == "delivered");
            is_there.then_some(list)
        })
        .await
    };
    let first = delivered(1).await;
    assert_eq!((&first[0]["event"], &first[0]["topic"]), (&json!("store-created"), &json!("store-330")));
    assert_eq!((&first[0]["attempts"], &first[0]["httpStatus"]), (&json!(2), &json!(200)));
    let signed = |secret: &str, (fields, body): &(HeaderMap, Bytes)| {
        let field = |name: &str| fields.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        let (id, at, signature) = (field("webhook-id"), field("webhook-timestamp"), field("webhook-signature"));
        let secrets = [Secret::parse(secret).expect("a secret")];
        verify(&secrets, &id, &at, &signature, body, house.clock.now(), Duration::from_secs(300)).map(|()| id)
    };
    {
        let got = receiver.got.lock().expect("not poisoned").clone();
        assert_eq!(got.len(), 2, "it failed once");
        let ids: Vec<String> = got.iter().map(|one| signed(&secret, one).expect("signed")).collect();
        assert_eq!(ids[0], ids[1], "it is known again by its id");
        let body: Value = serde_json::from_slice(&got[1].1).expect("JSON");
        assert_eq!((&body["type"], &body["data"]["storeId"]), (&json!("store-created"), &json!("330")));
    }
    // While secrets are exchanged both hold; an If-Match that has moved on changes nothing.
    let rotated = server.post(&format!("{path}/rotate-secret")).await.ok();
    server.post(&format!("{path}/test")).await.status(202);
    delivered(2).await;
    let last = receiver.got.lock().expect("not poisoned").last().expect("one").clone();
    signed(&secret, &last).expect("signed with the old one");
    signed(&text(&rotated, "secret"), &last).expect("signed with the new one");
    assert!(signed(&Secret::generate().expect("one").reveal(), &last).is_err(), "and with no other");
    let resend = format!("{path}/deliveries/{}/resend", text(&first[0], "id"));
    server.post(&resend).await.status(202);
    eventually("it is sent again", async || (receiver.got.lock().expect("not poisoned").len() == 4).then_some(()))
        .await;
    // A receiver that is gone is sent nothing more, and its owner is told.
    receiver.answers.lock().expect("not poisoned").push(StatusCode::GONE);
    server.request("PUT", "/api/v2/stores/331").json(&json!({"name": "Hill"})).await.created();
    let off = eventually("it is switched off", async || {
        let webhook = server.get(&path).await.ok();
        (webhook["isEnabled"] == false).then_some(webhook)
    })
    .await;
    assert!(text(&off, "disabledReason").contains("410"));
    let inbox = server.get("/api/v2/me/notifications?unread=true").await.ok();
    assert_eq!((&inbox["data"][0]["kind"], &inbox["meta"]["unread"]), (&json!("webhook-disabled"), &json!(1)));
    let before = receiver.got.lock().expect("not poisoned").len();
    server.request("PUT", "/api/v2/stores/332").json(&json!({"name": "Dale"})).await.created();
    let on = server.patch(&path).merge_patch(&json!({"isEnabled": true, "topics": ["system"]})).await.ok();
    assert_eq!((&on["isEnabled"], &on["disabledReason"]), (&json!(true), &Value::Null));
    server.post(&format!("{path}/test")).await.status(202);
    eventually("it is sent the test", async || {
        (receiver.got.lock().expect("not poisoned").len() > before).then_some(())
    })
    .await;
    assert_eq!(
        receiver.got.lock().expect("not poisoned").len(),
        before + 1,
        "what happened while it was off is not sent"
    );
    server.delete(&path).await.status(204);
    server.get(&path).await.problem(404, "notifications.webhook_not_found");
}

#[tokio::test]
async fn a_webhook_whose_owner_loses_the_right_is_sent_nothing_more_and_private_networks_are_out_of_reach() {
    let house = House::new(&[("ENTREPOT_WEBHOOKS_ALLOW_HTTP", "true"), WITHIN[0]]).await;
    let admin = house.admin().await;
    let (receiver, url) = receiver().await;
    let (other, id) = house.person("admin").await;
    let body = json!({"url": url, "topics": ["system"]});
    let made = house.server.bearing(&other).post("/api/v2/webhooks").json(&body).await.created();
    let path = format!("/api/v2/webhooks/{}", text(&made, "id"));
    let server = house.server.bearing(&admin);
    server.patch(&format!("/api/v2/users/{id}")).merge_patch(&json!({"role": "manager"})).await.ok();
    server.post(&format!("{path}/test")).await.status(202);
    let off = eventually("it is switched off", async || {
        let webhook = server.get(&path).await.ok();
        (webhook["isEnabled"] == false).then_some(webhook)
    })
    .await;
    assert!(text(&off, "disabledReason").contains("owner"));
    // An admin who is restricted to stores has none either, as its events are of all stores.
    let restricted = json!({"role": "admin", "stores": ["330"]});
    server.patch(&format!("/api/v2/users/{id}")).merge_patch(&restricted).await.ok();
    server.patch(&path).merge_patch(&json!({"isEnabled": true})).await.ok();
    server.post(&format!("{path}/test")).await.status(202);
    eventually("it is switched off again", async || (server.get(&path).await.ok()["isEnabled"] == false).then_some(()))
        .await;
    assert_eq!(receiver.got.lock().expect("not poisoned").len(), 0);

    let strict = House::on(house.database.clone(), house.clock.clone(), &[]).await;
    let admin = strict.admin().await;
    for url in [&*url, "http://shop.example/", "https://127.0.0.1/", "https://[::ffff:10.0.0.1]/", "https://0x7f.1/"] {
        let body = json!({"url": url, "topics": ["system"]});
        let problem = strict.server.bearing(&admin).post("/api/v2/webhooks").json(&body).await;
        assert_eq!(problem.problem(422, "web.invalid_body")["errors"][0]["code"], "invalid_url", "{url}");
    }
}

/// A house with two stores that sold something in January 2024.
pub(crate) async fn chain() -> (House, String) {
    let house = House::new(&[]).await;
    let token = house.admin().await;
    for (store, sales) in [("330", 100.5), ("406", 50.25)] {
        let server = house.server.bearing(&token);
        server
            .request("PUT", &format!("/api/v2/stores/{store}"))
            .json(&json!({"name": format!("=Store {store}")}))
            .await
            .created();
        let days =
            json!({"dailyData": {"1": {"sales": sales, "transactions": 10}, "31": {"sales": 1, "transactions": 1}}});
        server.request("PUT", &format!("/api/v2/sales/{store}/2024/1")).json(&days).await.created();
    }
    (house, token)
}

async fn made(house: &House, token: &str, id: &str) -> Value {
    eventually("the report", async || {
        let report = house.server.bearing(token).get(&format!("/api/v2/reports/{id}")).await.ok();
        (!matches!(report["status"].as_str(), Some("queued" | "running"))).then_some(report)
    })
    .await
}

pub(crate) async fn order(house: &House, token: &str, body: &Value) -> Value {
    let ordered = house.server.bearing(token).post("/api/v2/reports").json(body).await.status(202);
    made(house, token, &text(&ordered.json(), "id")).await
}

fn sheet(bytes: &[u8], name: &str) -> Vec<Vec<String>> {
    let mut book: Xlsx<_> = open_workbook_from_rs(std::io::Cursor::new(bytes.to_vec())).expect("a workbook");
    let range = book.worksheet_range(name).expect("a sheet");
    range.rows().map(|row| row.iter().map(ToString::to_string).collect()).collect()
}

#[tokio::test]
async fn a_report_is_made_told_of_fetched_and_holds_what_its_owner_may_see() {
    let (house, admin) = chain().await;
    let server = house.server.bearing(&admin);
    let january = json!({"from": "2024-01-01", "to": "2024-01-31"});
    let report = order(&house, &admin, &json!({"kind": "sales", "parameters": january})).await;
    assert_eq!(
        (&report["status"], &report["title"], &report["period"]),
        (&json!("done"), &json!("Sales"), &json!("January 2024"))
    );
    let content = text(&report, "contentUrl");
    let pdf = server.get(&content).await.status(200);
    assert!(pdf.body.starts_with(b"%PDF-") && pdf.header("content-type") == "application/pdf");
    assert!(pdf.header("content-disposition").ends_with(".pdf\""));
    let part = server.get(&content).header("range", "bytes=0-4").await.status(206);
    assert_eq!(&part.body[..], b"%PDF-");
    let inbox = server.get("/api/v2/me/notifications").await.ok();
    assert_eq!((&inbox["data"][0]["title"], &inbox["data"][0]["link"]), (&json!("Sales is ready"), &json!(content)));
    let events = house.database.client().await;
    let topic = format!("reports-{}", text(&report, "id"));
    let told = events.query("SELECT name FROM feed.event WHERE topic = $1 ORDER BY id", &[&topic]).await.expect("read");
    let told: Vec<String> = told.iter().map(|row| row.get(0)).collect();
    assert_eq!(told.first().map(String::as_str), Some("report-ordered"));
    assert_eq!(told.last().map(String::as_str), Some("report-done"));
    assert!(told.iter().any(|name| name == "report-progress"));

    let wanted = json!({"kind": "sales", "format": "xlsx", "parameters": january});
    let report = order(&house, &admin, &wanted).await;
    let whole = server.get(&text(&report, "contentUrl")).await.status(200);
    let stores = sheet(&whole.body, "By store");
    assert_eq!(stores[1][..3], ["330", "=Store 330", "101.5"], "a number is a number, a text a text");
    assert_eq!(stores[2][0], "406");
    // Whoever is tied to a store has a report of that store, and of no other.
    let body =
        json!({"email": "tied@shop.example", "name": "T", "role": "manager", "password": PASSWORD, "stores": ["406"]});
    let person = server.post("/api/v2/users").json(&body).await.created();
    let tied = house.token("tied@shop.example").await;
    let own = order(&house, &tied, &wanted).await;
    let own_content = text(&own, "contentUrl");
    let file = house.server.bearing(&tied).get(&own_content).await.status(200);
    let stores = sheet(&file.body, "By store");
    assert_eq!(stores.iter().map(|row| row[0].as_str()).collect::<Vec<_>>(), ["Store", "406", "Total"]);
    house.server.bearing(&tied).get(&content).await.problem(404, "reports.not_found");
    server.get(&own_content).await.status(200);
    let path = format!("/api/v2/users/{}", text(&person, "id"));
    server.patch(&path).merge_patch(&json!({"stores": ["330"]})).await.ok();
    let now = house.token("tied@shop.example").await;
    house.server.bearing(&now).get(&own_content).await.problem(403, "reports.out_of_reach");

    for (body, code) in [
        (json!({"kind": "tea"}), "unknown_kind"),
        (json!({"kind": "sales", "format": "csv"}), "unknown_format"),
        (json!({"kind": "sales", "parameters": {"period": "next-week"}}), "invalid_period"),
        (json!({"kind": "sales", "parameters": {"from": "2024-02-01", "to": "2024-01-01"}}), "invalid_period"),
        (json!({"kind": "sales", "parameters": {"from": "2020-01-15", "to": "2024-01-01"}}), "invalid_period"),
        (json!({"kind": "sales", "parameters": {"tea": 1}}), "unknown_member"),
    ] {
        let problem = server.post("/api/v2/reports").json(&body).await.problem(422, "web.invalid_body");
        assert_eq!(problem["errors"][0]["code"], code, "{body}");
    }
    let gone = order(&house, &admin, &json!({"kind": "inventory", "parameters": {"category": "nowhere"}})).await;
    assert_eq!((&gone["status"], &gone["error"]), (&json!("failed"), &json!("there is no category \"nowhere\"")));
    server.get(&format!("/api/v2/reports/{}/content", text(&gone, "id"))).await.problem(410, "reports.gone");
    server.delete(&format!("/api/v2/reports/{}", text(&report, "id"))).await.status(204);
    server.get(&text(&report, "contentUrl")).await.problem(410, "reports.gone");
    let (customer, _) = house.person("customer").await;
    house.server.bearing(&customer).post("/api/v2/reports").json(&wanted).await.problem(403, "web.forbidden");
    // Staff may have reports of what they may see: sales of their stores, and not what is in stock.
    let (staff, _) = house.person("staff").await;
    let stock = json!({"kind": "inventory"});
    house.server.bearing(&staff).post("/api/v2/reports").json(&stock).await.problem(403, "web.forbidden");
}

#[tokio::test]
async fn a_report_by_schedule_is_made_once_a_slot_mailed_and_goes_on_without_its_maker() {
    let (house, admin) = chain().await;
    let server = house.server.bearing(&admin);
    let weekly = json!({
        "kind": "sales", "parameters": {"period": "last-week"}, "pattern": "0 6 * * 1", "zone": "Europe/Oslo",
        "mailTo": "manager@shop.example",
    });
    for (member, value, code) in [
        ("pattern", "* * * * *", "invalid_schedule"),
        ("pattern", "mondays", "invalid_schedule"),
        ("zone", "Atlantis", "invalid_schedule"),
        ("mailTo", "nobody", "invalid_email"),
    ] {
        let mut body = weekly.clone();
        body[member] = json!(value);
        let problem = server.post("/api/v2/reports/schedules").json(&body).await.problem(422, "web.invalid_body");
        assert_eq!(problem["errors"][0]["code"], code, "{body}");
    }
    let schedule = server.post("/api/v2/reports/schedules").json(&weekly).await.created();
    let id = text(&schedule, "id");
    // Its slot has come, and several look at once.
    let client = house.database.client().await;
    client.batch_execute("UPDATE reports.schedule SET next_at = now() - interval '1 hour'").await.expect("set");
    client
        .batch_execute(
            "INSERT INTO jobs.job (queue, kind, priority, tenant, payload, status, run_at, max_attempts, created_at)
             SELECT 'reports', 'due-reports', 1, '', '{}', 'available', now(), 4, now() FROM generate_series(1, 3)",
        )
        .await
        .expect("enqueued");
    let list = eventually("its report", async || {
        let list = server.get(&format!("/api/v2/reports?scheduleId={id}")).await.ok();
        (!list["data"].as_array().expect("a list").is_empty()).then_some(list)
    })
    .await;
    let report = made(&house, &admin, &text(&list["data"][0], "id")).await;
    assert_eq!((&report["status"], &report["scheduleId"]), (&json!("done"), &json!(id)));
    eventually("all have looked", async || {
        (number(&house, "SELECT count(*) FROM jobs.job WHERE kind = 'due-reports'").await == 0).then_some(())
    })
    .await;
    assert_eq!(number(&house, "SELECT count(*) FROM reports.report").await, 1, "a slot has one report");
    let letters = letters(&house, &admin, 1).await;
    assert_eq!((&letters[0]["to"], &letters[0]["subject"]), (&json!("manager@shop.example"), &json!("Sales is ready")));
    let next = server.get("/api/v2/reports/schedules").await.ok();
    assert!(next["data"][0]["lastAt"].is_string() && next["data"][0]["isEnabled"] == true);
    server.delete(&format!("/api/v2/reports/schedules/{id}")).await.status(204);
    server.delete(&format!("/api/v2/reports/schedules/{id}")).await.problem(404, "reports.schedule_not_found");
    assert_eq!(server.get("/api/v2/reports").await.ok()["data"][0]["scheduleId"], Value::Null, "its report stays");
}

#[tokio::test]
async fn an_inbox_is_its_persons_own_and_is_read() {
    let (house, admin) = chain().await;
    let server = house.server.bearing(&admin);
    for _ in 0..3 {
        order(&house, &admin, &json!({"kind": "inventory", "format": "xlsx"})).await;
    }
    let first = server.get("/api/v2/me/notifications?limit=2").await.ok();
    assert_eq!((first["data"].as_array().map(Vec::len), &first["meta"]["unread"]), (Some(2), &json!(3)));
    let cursor = text(&first["page"], "nextCursor");
    let second = server.get(&format!("/api/v2/me/notifications?limit=2&cursor={cursor}")).await.ok();
    assert_eq!(second["data"].as_array().map(Vec::len), Some(1));
    let id = text(&first["data"][0], "id");
    let (other, _) = house.person("manager").await;
    let read = format!("/api/v2/me/notifications/{id}/read");
    house.server.bearing(&other).post(&read).await.problem(404, "notifications.not_found");
    server.post(&read).await.status(204);
    let unread = server.get("/api/v2/me/notifications?unread=true").await.ok();
    assert_eq!((unread["data"].as_array().map(Vec::len), &unread["meta"]["unread"]), (Some(2), &json!(2)));
    assert_eq!(server.post("/api/v2/me/notifications/read").await.ok()["count"], 2);
    server.delete(&format!("/api/v2/me/notifications/{id}")).await.status(204);
    server.delete(&format!("/api/v2/me/notifications/{id}")).await.problem(404, "notifications.not_found");
    assert_eq!(server.get("/api/v2/me/notifications").await.ok()["meta"]["unread"], 0);
    assert_eq!(house.server.bearing(&other).get("/api/v2/me/notifications").await.ok()["data"], json!([]));
}

#[tokio::test]
async fn what_stores_sold_is_rolled_up_by_jobs_and_warming_reaches_every_instance() {
    let (house, admin) = chain().await;
    let server = house.server.bearing(&admin);
    let month = eventually("the roll-up", async || {
        let month = server.get("/api/v2/analytics/sales/month?at=2024-01-15").await.ok();
        month.to_string().contains("152.75").then_some(month)
    })
    .await;
    assert!(month.to_string().contains("\"330\""));
    let second = House::on(house.database.clone(), house.clock.clone(), &[("ENTREPOT_SERVER_ROLES", "api")]).await;
    let rounds = async |house: &House| {
        let figures = house.server.bearing(&admin).get("/api/admin/performance/cache").await.ok();
        figures["warming"]["rounds"].as_u64().expect("a number")
    };
    assert_eq!((rounds(&house).await, rounds(&second).await), (0, 0));
    server.post("/api/admin/performance/cache/warm?scope=all").await.status(202);
    eventually("the other instance warms", async || (rounds(&second).await > 0).then_some(())).await;
}
