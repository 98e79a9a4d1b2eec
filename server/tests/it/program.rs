//! The binary: started, asked, stopped and killed as people do.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use entrepot_testkit::{RedisServer, bare_database};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::running::{Running, complaint, entrepot, folder, run, said};

fn postmaster(data: &Path) -> Option<PathBuf> {
    let text = std::fs::read_to_string(data.join("postgres/postmaster.pid")).ok()?;
    let process = PathBuf::from("/proc").join(text.lines().next()?);
    process.exists().then_some(process)
}

#[tokio::test]
async fn a_newcomers_first_hour() {
    let folder = folder();
    let data = folder.path().join("data");
    assert!(said(&run(&data, &["seed", "--profile", "sample"])).starts_with("24 products in 9 categories"));
    assert!(postmaster(&data).is_none(), "a command that started PostgreSQL stops it again");

    let server = Running::start(entrepot(&data, &[]));
    let found = server.client.get("/api/v2/products/search?q=earl").await.ok();
    assert_eq!(found["data"][0]["sku"], "TEA-004");
    // Other commands work beside it.
    assert_eq!(said(&run(&data, &["psql", "--", "-Atc", "SELECT count(*) FROM catalog.product"])).trim(), "24");
    assert_eq!(said(&run(&data, &["migrate"])).trim(), "the schema is up to date");
    assert!(complaint(&run(&data, &["seed", "--profile", "sample"])).contains("--reset"));
    assert!(complaint(&run(&data, &["import", "products", "/nowhere.csv"])).contains("cannot open /nowhere.csv"));
    let second = run(&data, &["serve", "--port", "0"]);
    assert!(complaint(&second).contains(&format!("in use by process {} (entrepot serve)", server.id())));
    // And with the port of the first, which is what happens to people.
    let port = server.client.address().port().to_string();
    let told = complaint(&run(&data, &["serve", "--port", &port]));
    assert!(
        told.contains("cannot listen on") && told.contains(&format!("in use by process {}", server.id())),
        "{told}"
    );
    server.client.get("/api/v2/products/TEA-001").await.ok();

    let (rest, well) = server.end(Signal::TERM);
    assert!(well && rest.iter().any(|line| line.contains("stopped")), "{rest:?}");
    assert!(postmaster(&data).is_none(), "PostgreSQL ended with it");
}

#[tokio::test]
async fn a_killed_server_loses_nothing_that_it_acknowledged() {
    let folder = folder();
    let data = folder.path().join("data");
    let server = Running::start(entrepot(&data, &[]));
    server.put_in("KEPT").await;
    let (_, well) = server.end(Signal::KILL);
    assert!(!well);
    let server = Running::start(entrepot(&data, &[]));
    assert_eq!(server.client.get("/api/v2/products/KEPT").await.ok()["title"], "Kept");
    let (_, well) = server.end(Signal::INT);
    assert!(well);
}

#[tokio::test]
async fn a_killed_postgres_comes_back_by_itself() {
    let folder = folder();
    let data = folder.path().join("data");
    let mut command = entrepot(&data, &[]);
    // It is asked as often as there is time for.
    command.env("ENTREPOT_RATE_LIMITS_ENABLED", "false");
    let server = Running::start(command);
    server.put_in("KEPT").await;
    let process = postmaster(&data).expect("it runs");
    let pid = process.file_name().and_then(|pid| pid.to_str()?.parse().ok()).and_then(Pid::from_raw).expect("a pid");
    kill_process(pid, Signal::KILL).expect("killed");
    let mut away = 0;
    loop {
        let response = server.client.get("/api/v2/products/KEPT").await;
        if response.status == 200 {
            break;
        }
        response.problem(503, "web.unavailable");
        away += 1;
        assert!(away < 100_000, "it does not come back");
    }
    assert_eq!(server.client.get("/health/ready").await.ok()["status"], "ready");
}

#[tokio::test]
async fn a_batch_is_there_as_a_whole_or_not_at_all_when_the_server_or_the_database_is_killed() {
    let folder = folder();
    let data = folder.path().join("data");
    let start = || {
        let mut command = entrepot(&data, &[]);
        // So that every answer is the database's own, however often it is asked for.
        command.env("ENTREPOT_CACHE_ENABLED", "false").env("ENTREPOT_RATE_LIMITS_ENABLED", "false");
        Running::start(command)
    };
    let mut server = start();
    let token = server.token().await;
    let body = json!({"name": "Main street"});
    server.client.bearing(&token).request("PUT", "/api/v2/stores/main").json(&body).await.created();
    let batch = |value: usize| {
        let rows: Vec<Value> = (1..=12)
            .flat_map(|month| [(2023, month), (2024, month), (2025, month), (2026, month)])
            .map(|(year, month)| json!({"storeId": "main", "year": year, "month": month, "dailyData": {"1": {"sales": value}}}))
            .collect();
        json!({ "salesDataArray": rows })
    };
    let (mut interrupted, mut acknowledged) = (0, 0);
    for round in 1..=8 {
        let admin = server.client.bearing(&token);
        let body = batch(round);
        let mut under_way = Box::pin(async { admin.post("/api/v2/sales/batch").json(&body).await.status });
        // Further into it with each round.
        let mut answer = None;
        for _ in 0..1 << (2 * round) {
            if let std::task::Poll::Ready(status) = futures_util::poll!(&mut under_way) {
                answer = Some(status);
                break;
            }
            tokio::task::yield_now().await;
        }
        if round % 2 == 0 {
            let process = postmaster(&data).expect("it runs");
            let pid = process.file_name().and_then(|pid| pid.to_str()?.parse().ok()).and_then(Pid::from_raw);
            kill_process(pid.expect("a pid"), Signal::KILL).expect("killed");
            drop(under_way);
        } else {
            let killed = Pid::from_raw(i32::try_from(server.id()).expect("a pid")).expect("a pid");
            kill_process(killed, Signal::KILL).expect("killed");
            drop(under_way);
            drop(server);
            server = start();
        }
        match answer {
            Some(http::StatusCode::OK) => acknowledged = round,
            Some(status) => assert_eq!(status, 503),
            None => interrupted += 1,
        }
        let list = loop {
            let response = server.client.bearing(&token).get("/api/v2/sales?limit=100&exclude=dailyData").await;
            if response.status == 200 {
                break response.json();
            }
            response.problem(503, "web.unavailable");
        };
        let months = list["data"].as_array().expect("a list");
        let sums: std::collections::BTreeSet<u64> =
            months.iter().map(|month| month["totals"]["sales"].as_f64().expect("a number") as u64).collect();
        assert!(matches!(months.len(), 0 | 48) && sums.len() <= 1, "round {round}: a part of a batch is there: {list}");
        let there = sums.first().map_or(0, |sum| usize::try_from(*sum).expect("small"));
        assert!(there >= acknowledged, "round {round}: batch {acknowledged} was acknowledged, and {there} is there");
    }
    assert!(interrupted > 0, "no batch was interrupted");
}

#[tokio::test]
async fn requests_under_way_are_answered_before_the_end() {
    let folder = folder();
    let data = folder.path().join("data");
    let server = Running::start(entrepot(&data, &[]));
    let token = server.token().await;
    // A lock that somebody else holds keeps the request waiting while the signal arrives.
    let mut locker = entrepot(&data, &["psql", "--", "-c", "BEGIN; LOCK TABLE catalog.product; SELECT pg_sleep(1.5)"])
        .stdout(Stdio::null())
        .spawn()
        .expect("it runs");
    while said(&run(&data, &["psql", "--", "-Atc", "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND relation = 'catalog.product'::regclass"])).trim() == "0" {}
    let mut request = Box::pin(
        server
            .client
            .bearing(&token)
            .post("/api/v2/products")
            .json(&json!({"sku": "LATE", "title": "x"}))
            .into_future(),
    );
    while said(&run(&data, &["psql", "--", "-Atc", "SELECT count(*) FROM pg_locks WHERE NOT granted"])).trim() == "0" {
        assert!(futures_util::poll!(&mut request).is_pending());
        tokio::task::yield_now().await;
    }
    server.signal(Signal::TERM);
    request.await.created();
    let (rest, well) = server.end(Signal::TERM);
    assert!(well, "{rest:?}");
    locker.wait().expect("it ends");
}

#[tokio::test]
async fn health_tells_the_shape_of_things() {
    let database = bare_database().await;
    let mut redis = RedisServer::start();
    let folder = folder();
    let mut command = entrepot(folder.path(), &[]);
    command.env("DATABASE_URL", database.url()).env("REDIS_URL", redis.url());
    let server = Running::start(command);
    let health = server.client.get("/health").await.ok();
    assert_eq!(health["status"], "healthy");
    assert_eq!((&health["database"]["connected"], &health["cache"]["connected"]), (&json!(true), &json!(true)));
    assert!(health["memory"]["used"].as_u64().is_some_and(|used| used > 1_000_000), "{health}");
    assert!(!folder.path().join("postgres").exists(), "with DATABASE_URL there is no private cluster");

    redis.kill();
    let health = server.client.get("/health").await.ok();
    assert_eq!((&health["status"], &health["cache"]["connected"]), (&json!("degraded"), &json!(false)));

    let beside = bare_database().await;
    let admin = beside.client().await;
    let name = database.address.get_dbname().expect("a name").to_owned();
    admin.batch_execute(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false")).await.expect("closed");
    admin
        .execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1", &[&name])
        .await
        .expect("cut");
    let health = server.client.get("/health").await.status(503).json();
    assert_eq!((&health["status"], &health["database"]["connected"]), (&json!("unhealthy"), &json!(false)));
    server.client.get("/health/ready").await.status(503);
    assert_eq!(server.client.get("/health/live").await.ok()["status"], "alive");
}

#[tokio::test]
async fn every_answer_carries_an_id_and_the_security_fields() {
    let database = bare_database().await;
    let folder = folder();
    let mut command = entrepot(folder.path(), &[]);
    command.env("DATABASE_URL", database.url()).env("ENTREPOT_CORS_ORIGINS", "https://shop.example");
    let server = Running::start(command);
    for path in ["/health", "/api/v2/products", "/nothing", "/api-docs/", "/openapi.json", "/problems/web.timeout"] {
        let response = server.client.get(path).header("x-request-id", "mine-1").await;
        assert_eq!(response.header("x-request-id"), "mine-1", "{path}");
        assert_eq!(response.header("x-content-type-options"), "nosniff", "{path}");
        assert!(response.header("content-security-policy").contains("default-src 'none'"), "{path}");
        assert!(response.header("server-timing").starts_with("app;dur="), "{path}");
    }
    let made = server.client.get("/health").header("x-request-id", "not well-formed!").await;
    assert_eq!(made.header("x-request-id").len(), 36);
    let explorer = server.client.get("/api-docs/").await.status(200);
    assert!(explorer.text().contains("Entrepot API") && explorer.header("content-type").starts_with("text/html"));
    let loaded = explorer.text().replace("http://www.w3.org/2000/svg", "");
    assert!(!loaded.contains("http:") && !loaded.contains("https:"), "nothing is loaded from elsewhere");

    let preflight = server.client.request("OPTIONS", "/api/v2/products").header("origin", "https://shop.example");
    let preflight = preflight.header("access-control-request-method", "POST").await.status(204);
    assert_eq!(preflight.header("access-control-allow-origin"), "https://shop.example");
    assert!(preflight.header("access-control-allow-methods").contains("PATCH"));
    let foreign = server.client.get("/api/v2/products").header("origin", "https://evil.example").await.status(200);
    assert_eq!(foreign.header("access-control-allow-origin"), "");
}

#[test]
fn settings_are_shown_with_their_sources_and_mistakes_are_named() {
    let folder = folder();
    let mut command = entrepot(folder.path(), &["config"]);
    let shown = said(
        &command.env("DB_POOL_MAX", "7").env("DATABASE_URL", "postgresql://a:hunter2@h/d").output().expect("it runs"),
    );
    assert!(shown.contains("pool_max = 7") && shown.contains("# DB_POOL_MAX"), "{shown}");
    assert!(shown.contains("a:***@h") && !shown.contains("hunter2"), "{shown}");
    // What it prints is itself a settings file.
    let file = folder.path().join("printed.toml");
    std::fs::write(&file, said(&run(folder.path(), &["config"]))).expect("written");
    said(&run(folder.path(), &["--config", file.to_str().expect("UTF-8"), "config"]));
    let mut command = entrepot(folder.path(), &["config"]);
    let told = complaint(&command.env("ENTREPOT_SERVER_PROT", "1").output().expect("it runs"));
    assert!(told.contains("ENTREPOT_SERVER_PROT names no setting"), "{told}");
}

#[test]
fn a_taken_port_is_told_before_anything_is_started() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("bound");
    let port = taken.local_addr().expect("bound").port().to_string();
    let folder = folder();
    let told = complaint(&run(&folder.path().join("data"), &["serve", "--port", &port]));
    assert!(told.contains(&format!("cannot listen on 127.0.0.1 port {port}")) && told.contains("--port"), "{told}");
    assert!(!folder.path().join("data/postgres").exists());
}

#[test]
fn a_database_that_is_not_there_is_told() {
    let folder = folder();
    let mut command = entrepot(folder.path(), &["migrate"]);
    command.env("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none").env("ENTREPOT_DATABASE_START_TIMEOUT_MS", "0");
    let told = complaint(&command.output().expect("it runs"));
    assert!(told.contains("the database does not answer"), "{told}");
}

/// A worker beside a server that leaves jobs to others, on the server's private database.
#[tokio::test]
async fn roles_part_the_work_and_a_worker_does_the_jobs_of_a_server_that_does_none() {
    let folder = folder();
    let data = folder.path().join("data");
    let told = complaint(&run(&data, &["worker", "--queues", "exports,tea"]));
    assert!(told.contains("there is no queue \"tea\""), "{told}");
    let told = complaint(&run(&data, &["serve", "--roles", "cook"]));
    assert!(told.contains("server.roles"), "{told}");

    let mut command = entrepot(&data, &[]);
    // It is asked again and again while the worker starts.
    command.env("ENTREPOT_SERVER_ROLES", "api").env("ENTREPOT_RATE_LIMITS_ENABLED", "false");
    let server = Running::start(command);
    let token = server.token().await;
    let client = server.client.bearing(&token);
    client.get("/api/v2/events?topics=system").await.problem(404, "web.not_found");
    let ordered = client.post("/api/v2/exports").json(&json!({"kind": "sales"})).await.status(202).json();
    let path = format!("/api/v2/exports/{}", ordered["id"].as_str().expect("an id"));
    let overview = client.get("/api/admin/performance/jobs").await.ok();
    assert_eq!((&overview["status"], &overview["totals"]["waiting"]), (&json!("unhealthy"), &json!(1)));

    let mut worker = entrepot(&data, &["worker", "--queues", "exports"]).spawn().expect("it starts");
    let mut export = client.get(&path).await.ok();
    while !matches!(export["status"].as_str(), Some("done" | "failed")) {
        tokio::task::yield_now().await;
        assert!(worker.try_wait().expect("asked").is_none(), "the worker ended");
        export = client.get(&path).await.ok();
    }
    assert_eq!(export["status"], "done");
    let queues = client.get("/api/admin/queues").await.ok();
    assert_eq!((&queues["here"], &queues["workers"][0]["queues"]), (&json!([]), &json!(["exports"])));
    let pid = Pid::from_raw(i32::try_from(worker.id()).expect("a pid")).expect("a pid");
    kill_process(pid, Signal::TERM).expect("signalled");
    assert!(worker.wait().expect("it ends").success());
    assert_eq!(client.get("/api/admin/queues").await.ok()["workers"], json!([]), "it took its row with it");

    // And one that has neither the interface nor the live updates still tells how it is.
    let mut command = entrepot(&folder.path().join("other"), &[]);
    command.env("ENTREPOT_SERVER_ROLES", "worker");
    let quiet = Running::start(command);
    quiet.client.get("/health/ready").await.ok();
    quiet.client.get("/api/v2/products").await.problem(404, "web.not_found");
    let (rest, well) = quiet.end(Signal::TERM);
    assert!(well, "{rest:?}");
}
