//! Running the machinery by hand: looking at caches, limits, load and breakers; warming, ruling out,
//! clearing.
//!
//! **Invariant:** nothing here is cached or kept by anybody on the way.

use std::sync::Arc;

use axum::extract::State;
use entrepot_cache::{Cache, CacheFigures, EVERYTHING};
use entrepot_feed::{Feed, FeedFigures};
use entrepot_guard::{Guard, GuardFigures};
use entrepot_jobs::{Jobs, NewJob};
use entrepot_pg::{Error, ScopedFutureExt as _};
use entrepot_runtime::{BreakerFigures, Breakers};
use entrepot_web::body::{JsonBody, Reader, Text};
use entrepot_web::{CacheClass, Caching, Fault, ListenerStats, Module, Problem, Query, Reply, Rule};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::warming::{WarmCaches, Warming, WarmingFigures};

entrepot_web::choices! {
    Instances = "this" | "all";
}

/// Names in one call at the most, of each kind.
const MOST_NAMES: usize = 100;
const LONGEST_NAME: usize = 500;

/// What the caches are run by.
pub(crate) struct Administration {
    pub(crate) cache: Cache,
    pub(crate) feed: Feed,
    pub(crate) warming: Warming,
    pub(crate) guard: Guard,
    pub(crate) breakers: Breakers,
    pub(crate) listener: ListenerStats,
    pub(crate) jobs: Jobs,
}

const RULES: &[(&str, Rule)] = &[
    ("clear_cache", Rule::needs("cache.write").essential()),
    ("get_cache_performance", Rule::needs("cache.read").essential()),
    ("warm_cache", Rule::needs("cache.write").essential()),
    ("invalidate_cache", Rule::needs("cache.write").essential().takes(256 * 1024)),
    ("get_guard", Rule::needs("guard.read").essential()),
    ("list_breakers", Rule::needs("guard.read").essential()),
];
const OF_THIS_MOMENT: Caching = Caching::Never("figures of this moment");

/// How the guard does.
#[derive(Serialize, ToSchema)]
struct GuardPerformance {
    /// Limits, blocks, suspicious requests, load.
    #[serde(flatten)]
    guard: GuardFigures,
    listener: ListenerFigures,
}

/// What the listener turned away.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ListenerFigures {
    /// Connections that were closed as they came, since their address had its share.
    refused_connections: u64,
    /// Connections that were cut off, since their client took nothing of its answer.
    stalled_connections: u64,
}

/// The circuit breakers.
#[derive(Serialize, ToSchema)]
struct BreakerList {
    /// By name.
    data: Vec<BreakerFigures>,
}

/// How the caches do.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct CachePerformance {
    /// The cache, level by level and by kind of data.
    #[serde(flatten)]
    cache: CacheFigures,
    /// The tail of the feed in this process.
    tail: FeedFigures,
    warming: WarmingFigures,
}

/// What is to be ruled out; at least one of the three.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what the handler reads by hand")]
struct Invalidation {
    /// Tags: every value that carries one.
    #[schema(example = json!(["product:019a2b3c-4d5e-7f60-8a9b-0c1d2e3f4a5b"]), max_items = 100)]
    tags: Option<Vec<String>>,
    /// Patterns of `namespace:key`; `*` stands for any text, `?` for one character.
    #[schema(example = json!(["products:public /api/v2/products?*"]), max_items = 100)]
    patterns: Option<Vec<String>>,
    /// Keys, as `namespace:key`.
    #[schema(example = json!(["categories:public /api/v2/categories"]), max_items = 100)]
    keys: Option<Vec<String>>,
}

/// What was ruled out.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Invalidated {
    /// The event that tells every instance.
    position: u64,
    /// What it touches.
    #[schema(example = json!(["product:019a2b3c-4d5e-7f60-8a9b-0c1d2e3f4a5b"]))]
    tags: Vec<String>,
}

/// What was cleared.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Cleared {
    /// The event that tells every instance.
    position: u64,
    /// Keys that were removed from Redis to free its memory; null where there is none, or it does not answer.
    redis_keys_removed: Option<u64>,
}

pub(crate) fn module(administration: Administration) -> Module {
    let (routes, openapi) = OpenApiRouter::new()
        .routes(routes!(clear_cache))
        .routes(routes!(get_cache_performance))
        .routes(routes!(warm_cache))
        .routes(routes!(invalidate_cache))
        .routes(routes!(get_guard))
        .routes(routes!(list_breakers))
        .with_state(Arc::new(administration))
        .split_for_parts();
    Module {
        name: "admin",
        routes,
        openapi,
        problems: &[
            ("clear_cache", &[]),
            ("get_cache_performance", &[]),
            ("warm_cache", &[]),
            ("invalidate_cache", &[]),
            ("get_guard", &[]),
            ("list_breakers", &[]),
        ],
        rules: RULES,
        caching: &[
            ("get_cache_performance", OF_THIS_MOMENT),
            ("get_guard", OF_THIS_MOMENT),
            ("list_breakers", OF_THIS_MOMENT),
        ],
        counters: Vec::new(),
        warmers: Vec::new(),
        topics: Vec::new(),
    }
}

/// Rules out everything that is cached, on every instance, and empties Redis of it.
#[utoipa::path(
    post, path = "/api/admin/cache/clear", tag = "admin",
    responses((status = 200, description = "Nothing that was cached before is served any more.", body = Cleared)),
)]
async fn clear_cache(State(admin): State<Arc<Administration>>, query: Query) -> Result<Reply, Problem> {
    query.finish()?;
    let position = touch(&admin.feed, &[EVERYTHING.to_owned()]).await?;
    let redis_keys_removed = admin.cache.empty_redis().await;
    Reply::json(&Cleared { position, redis_keys_removed }, CacheClass::Never)
}

/// How the caches do on this instance: hits, misses, memory, Redis, the feed, warming.
#[utoipa::path(
    get, path = "/api/admin/performance/cache", tag = "admin",
    responses((status = 200, description = "The figures since the start.", body = CachePerformance)),
)]
async fn get_cache_performance(State(admin): State<Arc<Administration>>, query: Query) -> Result<Reply, Problem> {
    query.finish()?;
    let figures = CachePerformance {
        cache: admin.cache.figures().await,
        tail: admin.feed.figures(),
        warming: admin.warming.figures(),
    };
    Reply::json(&figures, CacheClass::Never)
}

/// Warms the caches of this instance in the background, and with `scope=all` by a job those of all; the figures tell
/// how far this one is.
#[utoipa::path(
    post, path = "/api/admin/performance/cache/warm", tag = "admin",
    params(("scope" = inline(Option<Instances>), Query, description = "`this` instance if left out, or `all`.")),
    responses((status = 202, description = "It is under way.", body = WarmingFigures)),
)]
async fn warm_cache(State(admin): State<Arc<Administration>>, mut query: Query) -> Result<Reply, Problem> {
    let is_for_all = query.one_of("scope", &[("this", false), ("all", true)]).unwrap_or(false);
    query.finish()?;
    if is_for_all {
        let admin = &admin;
        let enqueued = admin.jobs.database().transaction(|transaction| {
            async move { admin.jobs.enqueue(transaction, NewJob::of(&WarmCaches {}).unique("warm-caches")).await }
                .scope_boxed()
        });
        enqueued.await.map_err(|error: Error| {
            let may_pass = error.is_unavailable();
            Problem::failure(error, may_pass)
        })?;
    }
    Ok(Reply::json(&admin.warming.ask(), CacheClass::Never)?
        .status(StatusCode::ACCEPTED)
        .header(http::header::LOCATION, "/api/admin/performance/cache"))
}

/// Rules out what is cached by tag, by pattern or by key, on every instance.
#[utoipa::path(
    post, path = "/api/admin/performance/cache/invalidate", tag = "admin",
    request_body = Invalidation,
    responses((status = 200, description = "It is ruled out here, and everywhere as soon as the event is applied there.", body = Invalidated)),
)]
async fn invalidate_cache(
    State(admin): State<Arc<Administration>>,
    query: Query,
    JsonBody(body): JsonBody,
) -> Result<Reply, Problem> {
    query.finish()?;
    let mut reader = Reader::new(&body, "");
    let mut tags = Vec::new();
    for (member, prefix) in [("tags", ""), ("patterns", entrepot_cache::PATTERN), ("keys", entrepot_cache::KEY)] {
        let names =
            reader.optional(member, |list| list.texts(MOST_NAMES, Text::line(1, LONGEST_NAME))).unwrap_or_default();
        tags.extend(names.into_iter().map(|name| format!("{prefix}{name}")));
    }
    let mut faults = reader.finish();
    if faults.is_empty() && tags.is_empty() {
        faults.push(Fault::at("", "required", "must name at least one of tags, patterns, keys"));
    }
    if !faults.is_empty() {
        return Err(Problem::invalid_body(faults));
    }
    let position = touch(&admin.feed, &tags).await?;
    Reply::json(&Invalidated { position, tags }, CacheClass::Never)
}

/// Limits, blocks, suspicious requests and load on this instance.
#[utoipa::path(
    get, path = "/api/admin/performance/guard", tag = "admin",
    responses((status = 200, description = "The figures since the start.", body = GuardPerformance)),
)]
async fn get_guard(State(admin): State<Arc<Administration>>, query: Query) -> Result<Reply, Problem> {
    query.finish()?;
    let listener = ListenerFigures {
        refused_connections: admin.listener.refused_connections(),
        stalled_connections: admin.listener.stalled_connections(),
    };
    Reply::json(&GuardPerformance { guard: admin.guard.figures(), listener }, CacheClass::Never)
}

/// The circuit breakers of this instance: what each stands before, and how it stands.
#[utoipa::path(
    get, path = "/api/admin/breakers", tag = "admin",
    responses((status = 200, description = "The breakers by name; none where nothing outside is called.", body = BreakerList)),
)]
async fn list_breakers(State(admin): State<Arc<Administration>>, query: Query) -> Result<Reply, Problem> {
    query.finish()?;
    Reply::json(&BreakerList { data: admin.breakers.figures() }, CacheClass::Never)
}

async fn touch(feed: &Feed, tags: &[String]) -> Result<u64, Problem> {
    feed.invalidate(tags).await.map_err(|error| {
        let may_pass = error.is_unavailable();
        Problem::failure(error, may_pass)
    })
}
