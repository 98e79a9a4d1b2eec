//! Two instances with one database and one data folder, one of them on a machine whose clock is wrong.
//!
//! Every upkeep task does its first round at the start of its process, so an instance that is up has either thrown
//! something away by then or logged why it did not.

use std::time::Duration;

use entrepot_migrations::MIGRATIONS;
use entrepot_testkit::{TestDatabase, test_database};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::house::{ADMIN, PASSWORD, text};
use crate::running::{Running, entrepot, folder};
use crate::telling::eventually;

const FORTY_DAYS_S: i64 = 40 * 24 * 3_600;
const OTHER_PASSWORD: &str = "seven foggy days in Rotterdam";

/// What each upkeep task logs when it is refused.
const REFUSALS: [&str; 7] = [
    "old exports could not be thrown away",
    "old reports could not be thrown away",
    "old answers could not be forgotten",
    "ended sessions could not be forgotten",
    "old notifications could not be forgotten",
    "the feed's upkeep failed",
    "the index on recent months could not be renewed",
];

/// A shop of several instances.
struct Shop {
    database: TestDatabase,
    folder: tempfile::TempDir,
}

impl Shop {
    async fn new() -> Self {
        Self { database: test_database(MIGRATIONS).await, folder: folder() }
    }

    fn start(&self, settings: &[(&str, &str)]) -> Running {
        let mut command = entrepot(self.folder.path(), &[]);
        command.env("DATABASE_URL", self.database.url()).env("ENTREPOT_RATE_LIMITS_ENABLED", "false");
        command.env("ENTREPOT_AUTH_HASH_MEMORY_KIB", "64").env("ENTREPOT_AUTH_HASH_PASSES", "1");
        command.envs(settings.iter().copied());
        Running::start(command)
    }

    async fn number(&self, sql: &str) -> i64 {
        self.database.client().await.query_one(sql, &[]).await.expect("a number").get(0)
    }

    /// The feed's partitions by day.
    async fn partitions(&self) -> Vec<String> {
        let sql = "SELECT relname::text FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
                   WHERE inhparent = 'feed.event'::regclass ORDER BY 1";
        let rows = self.database.client().await.query(sql, &[]).await.expect("partitions");
        rows.iter().map(|row| row.get(0)).collect()
    }
}

/// Things that upkeep throws away when they are old, all of them young.
struct Young {
    /// Where the files of an export and of a report are.
    files: Vec<String>,
    refresh_token: String,
    reset_token: String,
    schedule: Value,
    partitions: Vec<String>,
    events: i64,
}

impl Young {
    async fn make(shop: &Shop, at: &Running) -> Self {
        let body = json!({"email": ADMIN, "password": PASSWORD});
        let signed_in = at.client.post("/api/v2/auth/login").json(&body).await.ok();
        let token = text(&signed_in, "accessToken");
        let admin = at.client.bearing(&token);
        admin.request("PUT", "/api/v2/stores/330").json(&json!({"name": "Harbour"})).await.created();
        let days = json!({"dailyData": {"1": {"sales": 100.5}}});
        admin.request("PUT", "/api/v2/sales/330/2024/1").json(&days).await.created();
        admin.post("/api/v2/products").json(&json!({"sku": "POT", "title": "Pot"})).await.created();
        assert_eq!(review(at, "k-1").await, (201, false));
        let january = json!({"from": "2024-01-01", "to": "2024-01-31"});
        let files = vec![
            file_of(at, &token, "exports", &json!({"kind": "sales"})).await,
            file_of(at, &token, "reports", &json!({"kind": "sales", "parameters": january})).await,
        ];
        let weekly = json!({
            "kind": "sales", "parameters": {"period": "last-week"}, "pattern": "0 6 * * 1", "zone": "Europe/Oslo",
        });
        admin.post("/api/v2/reports/schedules").json(&weekly).await.created();
        Self {
            files,
            refresh_token: text(&signed_in, "refreshToken"),
            reset_token: reset_token(at, &token).await,
            schedule: schedule(at, &token).await,
            partitions: shop.partitions().await,
            events: shop.number("SELECT count(*) FROM feed.event").await,
        }
    }

    /// Panics with what is gone. Takes none of it.
    async fn is_there(&self, shop: &Shop, at: &Running, token: &str) {
        for file in &self.files {
            at.client.bearing(token).get(file).await.status(200);
        }
        assert_eq!(review(at, "k-1").await, (201, true), "the stored answer is gone, so the review is there twice");
        assert_eq!(schedule(at, token).await, self.schedule, "the schedule was moved on");
        let partitions = shop.partitions().await;
        let dropped: Vec<_> = self.partitions.iter().filter(|name| !partitions.contains(name)).collect();
        assert!(dropped.is_empty(), "partitions were dropped: {dropped:?}");
        assert!(shop.number("SELECT count(*) FROM feed.event").await >= self.events, "events were dropped");
        assert_eq!(shop.number("SELECT dropped_to FROM feed.epoch").await, 0);
    }

    /// Takes what is good once.
    async fn stands_at(self, at: &Running) {
        let body = json!({"refreshToken": self.refresh_token});
        at.client.post("/api/v2/auth/refresh").json(&body).await.ok();
        let body = json!({"token": self.reset_token, "password": OTHER_PASSWORD});
        at.client.post("/api/v2/auth/reset").json(&body).await.status(204);
        let body = json!({"email": ADMIN, "password": OTHER_PASSWORD});
        at.client.post("/api/v2/auth/login").json(&body).await.ok();
    }
}

/// Writes a review with an idempotency key: the status, and whether it is that of an earlier one.
async fn review(at: &Running, key: &str) -> (u16, bool) {
    let body = json!({"rating": 5, "author": key});
    let answer = at.client.post("/api/v2/products/POT/reviews").header("idempotency-key", key).json(&body).await;
    (answer.status.as_u16(), answer.header("idempotent-replayed") == "true")
}

/// Orders an export or a report; the path of its file once that is made.
async fn file_of(at: &Running, token: &str, what: &str, body: &Value) -> String {
    let client = at.client.bearing(token);
    let ordered = client.post(&format!("/api/v2/{what}")).json(body).await.status(202).json();
    let path = format!("/api/v2/{what}/{}", text(&ordered, "id"));
    let made = eventually("the file", async || {
        let made = client.get(&path).await.ok();
        (!matches!(made["status"].as_str(), Some("queued" | "running"))).then_some(made)
    })
    .await;
    assert_eq!(made["status"], "done", "{made}");
    let content = text(&made, "contentUrl");
    client.get(&content).await.status(200);
    content
}

/// The token of a letter for whoever forgot the admin's password.
async fn reset_token(at: &Running, token: &str) -> String {
    at.client.post("/api/v2/auth/forgot").json(&json!({"email": ADMIN})).await.status(202);
    let client = at.client.bearing(token);
    let id = eventually("the letter", async || {
        let list = client.get("/api/admin/mail/letters").await.ok();
        let list = list["data"].as_array().expect("a list").clone();
        list.iter().find(|one| one["kind"] == "password_reset").map(|one| text(one, "id"))
    })
    .await;
    let letter = client.get(&format!("/api/admin/mail/letters/{id}")).await.ok();
    let said = text(&letter, "text");
    let token = said.split_once("#reset=").and_then(|(_, rest)| rest.split_whitespace().next());
    token.expect("a link with the token").to_owned()
}

async fn schedule(at: &Running, token: &str) -> Value {
    let list = at.client.bearing(token).get("/api/v2/reports/schedules").await.ok();
    assert!(list["data"][0]["nextAt"].is_string(), "{list}");
    list["data"][0].clone()
}

/// Has somebody look which schedules are due; waits until they have looked, and expects that they could not.
async fn nobody_runs_schedules(shop: &Shop) {
    let enqueue =
        "INSERT INTO jobs.job (queue, kind, priority, tenant, payload, status, run_at, max_attempts, created_at)
                   VALUES ('reports', 'due-reports', 1, '', '{}', 'available', now(), 4, now()) RETURNING id";
    let job = shop.number(enqueue).await;
    let ended = format!("SELECT count(*) FROM jobs.ended WHERE id = {job}");
    let failed = format!("SELECT count(*) FROM jobs.attempt WHERE job_id = {job} AND error LIKE '%clock%'");
    let was_run = eventually("the job's attempt", async || match shop.number(&failed).await {
        0 => (shop.number(&ended).await > 0).then_some(true),
        _ => Some(false),
    })
    .await;
    assert!(!was_run, "schedules were run by a clock that is wrong");
}

/// An instance beside one whose clock is off by so much.
async fn beside_a_clock_that_is_off(offset_s: i64) {
    let shop = Shop::new().await;
    let maker = shop.start(&[]);
    let young = Young::make(&shop, &maker).await;
    let (log, well) = maker.end(Signal::TERM);
    assert!(well, "{log:?}");
    // Jobs are left to the other.
    let healthy = shop.start(&[("ENTREPOT_SERVER_ROLES", "api,live")]);
    let token = healthy.token().await;
    young.is_there(&shop, &healthy, &token).await;

    let wrong = shop.start(&[("ENTREPOT_CLOCK_OFFSET_S", &offset_s.to_string())]);
    let refused = eventually_refused(&wrong).await;
    young.is_there(&shop, &healthy, &token).await;
    assert!(refused.is_empty(), "upkeep was not refused: {refused:?}");
    nobody_runs_schedules(&shop).await;
    young.is_there(&shop, &healthy, &token).await;

    // It tells what is wrong with it, and the other that all is well.
    let told = |entry: &Value| entry["level"] == "error" && entry["message"].to_string().contains("clock disagrees");
    assert!(wrong.logged(told).is_some(), "{:?}", wrong.log());
    let readiness = wrong.client.get("/health/ready").await;
    assert!(!readiness.header("retry-after").is_empty());
    let readiness = readiness.status(503).json();
    assert!(readiness["reasons"][0].as_str().is_some_and(|reason| reason.contains("clock")), "{readiness}");
    let health = wrong.client.get("/health").await.ok();
    let skew_s = health["clock"]["skew"].as_i64().expect("a number") / 1_000;
    assert_eq!((&health["clock"]["trusted"], &health["status"]), (&json!(false), &json!("degraded")));
    assert!((skew_s - offset_s).abs() < 3_600, "{health}");
    assert_eq!(healthy.client.get("/health/ready").await.ok(), json!({"status": "ready"}));
    assert_eq!(healthy.client.get("/health").await.ok()["clock"]["trusted"], true);

    what_it_makes_is_of_the_databases_time(&shop, &wrong, &healthy, &token).await;
    let (log, well) = wrong.end(Signal::TERM);
    assert!(well, "{log:?}");
    young.is_there(&shop, &healthy, &token).await;
    young.stands_at(&healthy).await;
}

/// Which upkeep has not been refused when all of it should have been.
async fn eventually_refused(at: &Running) -> Vec<&'static str> {
    let missing = || -> Vec<&str> {
        let log = at.log();
        REFUSALS.into_iter().filter(|refusal| !log.iter().any(|line| line.contains(refusal))).collect()
    };
    for _ in 0..3_000 {
        if missing().is_empty() {
            break;
        }
        tokio::time::timeout(Duration::from_millis(10), std::future::pending::<()>()).await.expect_err("it only waits");
    }
    missing()
}

/// Tokens of either are good at the other, and so is an answer that is stored; a file lives as long as any.
async fn what_it_makes_is_of_the_databases_time(shop: &Shop, wrong: &Running, healthy: &Running, token: &str) {
    let of_wrong = wrong.token().await;
    for (at, token) in [(healthy, &*of_wrong), (wrong, token), (wrong, &*of_wrong), (healthy, &*healthy.token().await)]
    {
        at.client.bearing(token).get("/api/v2/me").await.ok();
    }
    assert_eq!(review(wrong, "k-2").await, (201, false));
    assert_eq!(review(healthy, "k-2").await, (201, true));
    file_of(wrong, &of_wrong, "exports", &json!({"kind": "sales"})).await;
    let off = "SELECT count(*) FROM exports.export
               WHERE abs(extract(epoch FROM created_at - clock_timestamp())) > 86400
                  OR expires_at NOT BETWEEN clock_timestamp() AND clock_timestamp() + interval '2 days'";
    assert_eq!(shop.number(off).await, 0, "an export has the time of a machine");
}

#[tokio::test]
async fn an_instance_whose_clock_is_ahead_throws_nothing_away() {
    beside_a_clock_that_is_off(FORTY_DAYS_S).await;
}

#[tokio::test]
async fn an_instance_whose_clock_is_behind_throws_nothing_away() {
    beside_a_clock_that_is_off(-FORTY_DAYS_S).await;
}
