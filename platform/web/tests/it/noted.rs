//! Operations that leave a note behind: what was done is noted with its path, and where it cannot be, nothing is shown.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use axum::extract::Path;
use entrepot_runtime::Clock;
use entrepot_testkit::{TestServer, edge_settings};
use entrepot_web::{CacheClass, Edge, Module, Notes, Operations, Problem, Reply, RequestStats, Rule, kinds};
use serde_json::json;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::restricted::{Keeper, guard};

#[utoipa::path(get, path = "/api/secrets/{secret}", responses((status = 200)))]
async fn read_secret(Path(secret): Path<String>) -> Result<Reply, Problem> {
    match secret.as_str() {
        "none" => Err(Problem::new(&kinds::NOT_FOUND, "there is no such secret")),
        _ => Reply::json(&json!({"secret": "rosebud"}), CacheClass::Never),
    }
}

#[utoipa::path(post, path = "/api/secrets", responses((status = 200)))]
async fn send_secret() -> Result<Reply, Problem> {
    Reply::json(&json!({"sent": true}), CacheClass::Never)
}

#[utoipa::path(get, path = "/api/plain", responses((status = 200)))]
async fn read_plain() -> Result<Reply, Problem> {
    Reply::json(&json!({"plain": true}), CacheClass::Never)
}

const READ: Rule = Rule::needs("things.read");
const RULES: &[(&str, Rule)] =
    &[("read_secret", READ.noted("secret-read")), ("send_secret", READ.noted("secret-sent")), ("read_plain", READ)];

fn module() -> Module {
    let (routes, openapi) = OpenApiRouter::new()
        .routes(routes!(read_secret))
        .routes(routes!(send_secret))
        .routes(routes!(read_plain))
        .split_for_parts();
    Module {
        name: "secrets",
        routes,
        openapi,
        problems: &[],
        rules: RULES,
        caching: &[],
        counters: Vec::new(),
        warmers: Vec::new(),
        topics: Vec::new(),
    }
}

#[tokio::test]
async fn a_read_that_cannot_be_noted_is_not_answered() {
    let written = Arc::new(Mutex::new(Vec::new()));
    let fails = Arc::new(AtomicBool::new(false));
    let notes = {
        let (written, fails) = (written.clone(), fails.clone());
        Notes::new(move |event, path| {
            let outcome = if fails.load(Ordering::Acquire) {
                Err(std::io::Error::other("the notes are full"))
            } else {
                written.lock().expect("not poisoned").push((event, path));
                Ok(())
            };
            std::future::ready(outcome)
        })
    };
    let (clock, module) = (Clock::system(), module());
    let operations = Operations::new(std::slice::from_ref(&module)).expect("every operation has a rule");
    let edge = Edge::new(module.routes, edge_settings(), clock.clone(), RequestStats::default());
    let edge = edge.with_doors(operations, Arc::new(Keeper), guard(&clock)).with_notes(notes);
    let server = TestServer::start(edge).await;
    let caller = server.bearing("all");

    assert_eq!(caller.get("/api/secrets/1?by=me").await.ok()["secret"], "rosebud");
    caller.post("/api/secrets").await.ok();
    // What was not done is not noted.
    caller.get("/api/secrets/none").await.problem(404, "web.not_found");
    server.get("/api/secrets/2").await.problem(401, "web.not_signed_in");
    caller.get("/api/plain").await.ok();
    let noted = std::mem::take(&mut *written.lock().expect("not poisoned"));
    let wanted = [("secret-read", "/api/secrets/1".to_owned()), ("secret-sent", "/api/secrets".to_owned())];
    assert_eq!(noted, wanted);

    fails.store(true, Ordering::Release);
    let refused = caller.get("/api/secrets/1").await;
    assert!(!refused.text().contains("rosebud") && !refused.text().contains("full"), "{}", refused.text());
    refused.problem(503, "web.unavailable");
    // What was done is done, whether or not that can be noted; and what needs no note is shown.
    caller.post("/api/secrets").await.ok();
    caller.get("/api/plain").await.ok();
    fails.store(false, Ordering::Release);
    caller.get("/api/secrets/1").await.ok();
}
