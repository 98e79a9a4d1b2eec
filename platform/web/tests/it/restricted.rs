//! A handler that forgets to ask how far its caller's permission reaches: its answer is withheld.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::Path;
use entrepot_guard::{Guard, GuardSettings, Limiter, Pressure, PressureSettings, Proxies, Quota};
use entrepot_runtime::Clock;
use entrepot_testkit::{TestServer, edge_settings};
use entrepot_web::{
    CacheClass, Caller, Credential, Doorkeeper, Edge, Module, Operations, Permit, Problem, Reply, RequestStats, Rule,
    Scope, Via, kinds,
};
use futures_util::future::BoxFuture;
use serde_json::json;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

/// Knows one person, whose token is the name of a scope.
pub(crate) struct Keeper;

impl Doorkeeper for Keeper {
    fn recognise_now(&self, _credential: Credential<'_>) -> Option<Arc<Caller>> {
        None
    }

    fn recognise<'a>(&'a self, credential: Credential<'a>) -> BoxFuture<'a, Result<Arc<Caller>, Problem>> {
        let role = match credential {
            Credential::Bearer("all") => Some("all"),
            Credential::Bearer("store") => Some("store"),
            Credential::Bearer("own") => Some("own"),
            _ => None,
        };
        let caller = role.map(|role| {
            let mut caller = Caller::new(Uuid::nil(), role, Via::Session(Uuid::nil()));
            caller.stores = (role == "store").then(|| ["330".to_owned()].into());
            Arc::new(caller)
        });
        let caller = caller.ok_or_else(|| Problem::new(&kinds::INVALID_CREDENTIALS, "nobody's"));
        Box::pin(std::future::ready(caller))
    }

    fn stands<'a>(&'a self, _caller: &'a Caller) -> BoxFuture<'a, Result<bool, Problem>> {
        Box::pin(std::future::ready(Ok(true)))
    }

    fn on_behalf(&self, _person: Uuid) -> BoxFuture<'_, Result<Option<Arc<Caller>>, Problem>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    fn proves_own_page(&self, _cookie: &str, _token: &str) -> bool {
        false
    }

    fn granted(&self, caller: &Caller, _action: &str) -> Option<Scope> {
        match caller.role {
            "all" => Some(Scope::All),
            "store" => Some(Scope::Store),
            _ => Some(Scope::Own),
        }
    }
}

fn everything() -> Result<Reply, Problem> {
    Reply::json(&json!({"of": "all stores"}), CacheClass::Never)
}

/// Never asks.
#[utoipa::path(get, path = "/api/careless", responses((status = 200)))]
async fn careless_read(_permit: Permit) -> Result<Reply, Problem> {
    everything()
}

/// Never asks, and is not ready at once.
#[utoipa::path(post, path = "/api/careless", responses((status = 201)))]
async fn careless_write(permit: Permit) -> Result<Reply, Problem> {
    tokio::task::yield_now().await;
    // Who asks is not how far that reaches.
    let _address = permit.address();
    Ok(everything()?.created_at("/api/careless"))
}

/// Finds nothing, and so shows nothing.
#[utoipa::path(get, path = "/api/careless/{thing}", responses((status = 200)))]
async fn careless_failure(Path(thing): Path<String>) -> Result<Reply, Problem> {
    Err(Problem::new(&kinds::NOT_FOUND, format!("there is no {thing}")))
}

/// Asks for stores.
#[utoipa::path(get, path = "/api/stores", responses((status = 200)))]
async fn by_stores(permit: Permit) -> Result<Reply, Problem> {
    Reply::json(&permit.stores()?.map(|stores| stores.to_vec()), CacheClass::Never)
}

/// Asks for an owner.
#[utoipa::path(get, path = "/api/things", responses((status = 200)))]
async fn by_owner(permit: Permit) -> Result<Reply, Problem> {
    Reply::json(&permit.owner()?, CacheClass::Never)
}

/// Asks who it is, which is enough where it is one's own.
#[utoipa::path(get, path = "/api/self", responses((status = 200)))]
async fn by_caller(permit: Permit) -> Result<Reply, Problem> {
    Reply::json(&permit.signed_in()?.id, CacheClass::Never)
}

const READ: Rule = Rule::needs("things.read");

fn module() -> Module {
    let (routes, openapi) = OpenApiRouter::new()
        .routes(routes!(careless_read, careless_write))
        .routes(routes!(careless_failure))
        .routes(routes!(by_stores))
        .routes(routes!(by_owner))
        .routes(routes!(by_caller))
        .split_for_parts();
    Module {
        name: "things",
        routes,
        openapi,
        problems: &[],
        rules: &[
            ("careless_read", READ),
            ("careless_write", READ),
            ("careless_failure", READ),
            ("by_stores", READ),
            ("by_owner", READ),
            ("by_caller", READ),
        ],
        caching: &[],
        counters: Vec::new(),
        warmers: Vec::new(),
        topics: Vec::new(),
    }
}

pub(crate) fn guard(clock: &Clock) -> Guard {
    let quota = |name| Quota { name, limit: 1_000, window: Duration::from_secs(60) };
    let settings = GuardSettings {
        limits: false,
        general: quota("general"),
        api: quota("api"),
        front_end: quota("front-end"),
        sign_in: quota("auth"),
        credentials: quota("credentials"),
        suspicion: false,
        points: quota("suspicion"),
        block_for: Duration::from_secs(60),
    };
    let pressure = PressureSettings { at_once: 100, patience: Duration::from_secs(30), memory_bytes: 0 };
    let limiter = Limiter::in_memory(clock.clone(), 1_000);
    Guard::new(settings, Proxies::default(), limiter, Pressure::new(pressure), clock.clone())
}

#[tokio::test]
async fn an_answer_of_a_handler_that_never_asked_how_far_it_may_reach_is_withheld() {
    let (clock, module) = (Clock::system(), module());
    let operations = Operations::new(std::slice::from_ref(&module)).expect("every operation has a rule");
    let edge = Edge::new(module.routes, edge_settings(), clock.clone(), RequestStats::default());
    let server = TestServer::start(edge.with_doors(operations, Arc::new(Keeper), guard(&clock))).await;
    let as_one = |scope: &str| server.bearing(scope);

    // Whoever may see everything is shown everything.
    as_one("all").get("/api/careless").await.ok();
    as_one("all").post("/api/careless").await.created();
    for scope in ["store", "own"] {
        for withheld in [as_one(scope).get("/api/careless").await, as_one(scope).post("/api/careless").await] {
            assert!(!withheld.text().contains("all stores") && withheld.header("location").is_empty());
            withheld.problem(500, "web.internal");
        }
        let problem = as_one(scope).get("/api/careless/thing").await.problem(404, "web.not_found");
        assert_eq!(problem["detail"], "there is no thing", "a refusal is no answer");
    }

    assert_eq!(as_one("all").get("/api/stores").await.ok(), json!(null));
    assert_eq!(as_one("store").get("/api/stores").await.ok(), json!(["330"]));
    as_one("own").get("/api/stores").await.problem(403, "web.forbidden");
    assert_eq!(as_one("all").get("/api/things").await.ok(), json!(null));
    assert_eq!(as_one("own").get("/api/things").await.ok(), json!(Uuid::nil()));
    as_one("store").get("/api/things").await.problem(403, "web.forbidden");
    // Who somebody is narrows to what is their own, and to nothing else.
    as_one("own").get("/api/self").await.ok();
    as_one("store").get("/api/self").await.problem(500, "web.internal");
    server.get("/api/careless").await.problem(401, "web.not_signed_in");
}
