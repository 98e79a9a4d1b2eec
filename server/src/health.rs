//! Whether the program is well: for load balancers, for people, and for alerts.
//!
//! `unhealthy` (503): the database does not answer. `degraded` (200): it works, but something that
//! it should have is away or near its limit. `/health/live` asks nothing of anybody: it tells that
//! the process answers, which is all that a restart could mend.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::State;
use entrepot_cache::Cache;
use entrepot_pg::{Database, Ping};
use entrepot_runtime::Clock;
use entrepot_web::{CacheClass, Caching, Module, Problem, Query, Reply, RequestStats, Rule};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// How long the database may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);
const MEMORY_HIGH_PERCENT: f64 = 85.0;
const ERRORS_HIGH_PERCENT: f64 = 5.0;

/// A balancer asks often, and must get an answer when everybody else is refused.
const RULES: &[(&str, Rule)] = &[
    ("get_health", Rule::public().free()),
    ("get_liveness", Rule::public().free()),
    ("get_readiness", Rule::public().free()),
];
const NEVER: Caching = Caching::Never("what is so at this moment");

/// What health is read from.
pub(crate) struct Vitals {
    pub(crate) database: Database,
    pub(crate) cache: Cache,
    pub(crate) stats: RequestStats,
    pub(crate) clock: Clock,
    pub(crate) start: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = HealthStatus)]
enum Status {
    Healthy,
    Degraded,
    Unhealthy,
}

/// How the program is.
#[derive(Debug, Serialize, ToSchema)]
struct Health {
    status: Status,
    #[schema(value_type = String, format = DateTime)]
    timestamp: jiff::Timestamp,
    /// Since the start, in milliseconds.
    #[schema(example = 3_600_000)]
    uptime: u64,
    memory: MemoryHealth,
    database: DatabaseHealth,
    clock: ClockHealth,
    cache: CacheHealth,
    errors: ErrorHealth,
}

/// Memory, in bytes.
#[derive(Debug, Serialize, ToSchema)]
struct MemoryHealth {
    /// Resident set of the process.
    used: u64,
    free: u64,
    /// The limit: of the control group, else the machine's memory.
    total: u64,
    percentage: f64,
}

/// This machine's clock beside the database's, whose time counts.
#[derive(Debug, Serialize, ToSchema)]
struct ClockHealth {
    /// Whether the two agree. Where they do not the instance is not ready, throws nothing away and orders no scheduled
    /// reports.
    trusted: bool,
    /// How far the machine's clock is ahead, in milliseconds.
    skew: i64,
}

/// PostgreSQL.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct DatabaseHealth {
    connected: bool,
    /// Whether it refuses writes: after a fail-over, or because somebody made it so.
    read_only: bool,
    /// A round trip, in milliseconds; null when there was none.
    latency: Option<f64>,
    /// Open connections of the pool.
    connections: usize,
}

/// The cache, and Redis behind it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct CacheHealth {
    /// Whether there is meant to be a Redis.
    configured: bool,
    connected: bool,
    /// A round trip, in milliseconds; null when there was none.
    latency: Option<f64>,
    /// Answers from the cache among all that could come from it, in percent; null before the first.
    hit_rate: Option<f64>,
}

/// Answers with a status of 500 and above.
#[derive(Debug, Serialize, ToSchema)]
struct ErrorHealth {
    /// Since the start.
    count: u64,
    /// Share of the last one to two minutes, in percent.
    rate: f64,
}

/// That something is so.
#[derive(Debug, Serialize, ToSchema)]
struct Sign {
    #[schema(value_type = String, example = "ready")]
    status: &'static str,
}

/// Whether requests are welcome.
#[derive(Debug, Serialize, ToSchema)]
struct Readiness {
    #[schema(value_type = String, example = "ready")]
    status: &'static str,
    /// Why not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>, example = json!(["the database does not answer"]))]
    reasons: Vec<&'static str>,
}

pub(crate) fn module(vitals: Vitals) -> Module {
    let (routes, openapi) = OpenApiRouter::new()
        .routes(routes!(get_health))
        .routes(routes!(get_liveness))
        .routes(routes!(get_readiness))
        .with_state(Arc::new(vitals))
        .split_for_parts();
    Module {
        name: "health",
        routes,
        openapi,
        problems: &[("get_health", &[]), ("get_liveness", &[]), ("get_readiness", &[])],
        rules: RULES,
        caching: &[("get_health", NEVER), ("get_liveness", NEVER), ("get_readiness", NEVER)],
        counters: Vec::new(),
        warmers: Vec::new(),
        topics: Vec::new(),
    }
}

/// How the program and what it stands on are. 503 when it cannot work.
#[utoipa::path(
    get, path = "/health", tag = "health",
    responses(
        (status = 200, description = "Healthy, or degraded: it works.", body = Health),
        (status = 503, description = "Unhealthy: the database does not answer.", body = Health),
    ),
)]
async fn get_health(State(vitals): State<Arc<Vitals>>, query: Query) -> Result<Reply, Problem> {
    query.finish()?;
    let (ping, redis) = futures_util::join!(vitals.ping(), vitals.cache.ping_redis());
    let memory = entrepot_telemetry::memory();
    let errors = vitals.stats.figures();
    #[expect(clippy::cast_precision_loss, reason = "a percentage for people")]
    let memory_percent = if memory.total == 0 { 0.0 } else { memory.used as f64 * 100.0 / memory.total as f64 };
    let cache_missing = vitals.cache.has_redis() && redis.is_none();
    let is_read_only = ping.is_some_and(|ping| ping.is_read_only);
    let status = if ping.is_none() {
        Status::Unhealthy
    } else if is_read_only
        || !vitals.clock.is_trusted()
        || cache_missing
        || memory_percent > MEMORY_HIGH_PERCENT
        || errors.error_rate_percent > ERRORS_HIGH_PERCENT
    {
        Status::Degraded
    } else {
        Status::Healthy
    };
    let health = Health {
        status,
        timestamp: vitals.clock.now(),
        uptime: u64::try_from(vitals.start.elapsed().as_millis()).unwrap_or(u64::MAX),
        memory: MemoryHealth {
            used: memory.used,
            free: memory.total.saturating_sub(memory.used),
            total: memory.total,
            percentage: rounded(memory_percent),
        },
        database: DatabaseHealth {
            connected: ping.is_some(),
            read_only: is_read_only,
            latency: ping.map(|ping| milliseconds(ping.latency)),
            connections: vitals.database.status().open,
        },
        clock: ClockHealth {
            trusted: vitals.clock.is_trusted(),
            skew: i64::try_from(vitals.clock.skew().as_millis()).unwrap_or(i64::MAX),
        },
        cache: CacheHealth {
            configured: vitals.cache.has_redis(),
            connected: redis.is_some(),
            latency: redis.map(milliseconds),
            hit_rate: vitals.cache.hit_rate().map(|rate| rounded(rate * 100.0)),
        },
        errors: ErrorHealth { count: errors.errors, rate: rounded(errors.error_rate_percent) },
    };
    let reply = Reply::json(&health, CacheClass::Never)?;
    Ok(if status == Status::Unhealthy { reply.status(StatusCode::SERVICE_UNAVAILABLE) } else { reply })
}

/// That the process answers. Asks nothing of anybody.
#[utoipa::path(get, path = "/health/live", tag = "health", responses((status = 200, description = "It answers.", body = Sign)))]
async fn get_liveness(query: Query) -> Result<Reply, Problem> {
    query.finish()?;
    Reply::json(&Sign { status: "alive" }, CacheClass::Never)
}

/// Whether requests can be worked on: what a load balancer asks.
#[utoipa::path(
    get, path = "/health/ready", tag = "health",
    responses(
        (status = 200, description = "Requests are welcome.", body = Readiness),
        (status = 503, description = "Not now, and why.", body = Readiness),
    ),
)]
async fn get_readiness(State(vitals): State<Arc<Vitals>>, query: Query) -> Result<Reply, Problem> {
    query.finish()?;
    let mut reasons = Vec::new();
    match vitals.ping().await {
        None => reasons.push("the database does not answer"),
        Some(ping) if ping.is_read_only => reasons.push("the database is read-only"),
        Some(_) => {}
    }
    if !vitals.clock.is_trusted() {
        reasons.push("this machine's clock and the database's disagree");
    }
    if reasons.is_empty() {
        return Reply::json(&Readiness { status: "ready", reasons }, CacheClass::Never);
    }
    Ok(Reply::json(&Readiness { status: "not ready", reasons }, CacheClass::Never)?
        .status(StatusCode::SERVICE_UNAVAILABLE)
        .header(http::header::RETRY_AFTER, "1"))
}

impl Vitals {
    async fn ping(&self) -> Option<Ping> {
        match tokio::time::timeout(PATIENCE, self.database.ping()).await {
            Ok(Ok(ping)) => Some(ping),
            Ok(Err(error)) => {
                tracing::warn!(%error, "the database does not answer");
                None
            }
            Err(_elapsed) => None,
        }
    }
}

fn milliseconds(duration: Duration) -> f64 {
    rounded(duration.as_secs_f64() * 1000.0)
}

fn rounded(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}
