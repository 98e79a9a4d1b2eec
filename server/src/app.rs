//! The whole of the HTTP side: modules, explorer and edge put together.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use axum::Router;
use bytes::Bytes;
use entrepot_accounts::{Accounts, permissions};
use entrepot_cache::Counters;
use entrepot_feed::{Feed, NewEvent};
use entrepot_guard::Guard;
use entrepot_jobs::WorkFigures;
use entrepot_pg::{Database, ScopedFutureExt as _};
use entrepot_realtime::Live;
use entrepot_runtime::{Clock, Shutdown, Tasks};
use entrepot_web::{
    Access, Edge, EdgeSettings, Idempotency, ListenerStats, Module, Notes, Operations, Positions, ProblemKind,
    RequestStats, Responses, kinds, openapi,
};
use utoipa::OpenApi as _;
use utoipa::openapi::{ContactBuilder, InfoBuilder, LicenseBuilder, OpenApi, ServerBuilder, Tag};

use crate::admin::{self, Administration};
use crate::health::{self, Vitals};
use crate::modules::modules;
use crate::production::Production;
use crate::queues::{self, Queues};
use crate::settings::{self, LogRequests, RunsAs, Settings, ms};
use crate::warming::{Schedule, Warming};
use crate::workshop::Workshop;
use crate::{console, database, explorer, files, webhooks_described};

/// The program's HTTP side.
pub struct App {
    /// What answers requests.
    pub edge: Edge,
    /// What must be flushed when no more requests are taken.
    pub counters: Vec<Counters>,
    /// Who may sign in.
    pub accounts: Accounts,
    /// What keeps strangers out.
    pub guard: Guard,
    /// What the listener turns away is counted here.
    pub listener: ListenerStats,
    /// Who follows what.
    pub live: Live,
}

#[derive(utoipa::OpenApi)]
struct Document;

impl App {
    /// Puts everything together. Background work goes to `tasks`.
    ///
    /// # Errors
    /// When a module's own description does not hold together, which is a defect, or Redis' address
    /// is none.
    pub fn build(settings: &Settings, database: Database, clock: Clock, tasks: &Tasks) -> anyhow::Result<Self> {
        let stats = RequestStats::default();
        let production = Production::build(settings, &database, &clock, tasks, files::open(settings)?)?;
        let warming = Warming::default();
        let here = Arc::new(OnceLock::new());
        let modules = all_modules(&production, &warming, &database, &clock, tasks, stats.clone(), &here);
        let document = Bytes::from(describe(&modules)?.to_json()?);
        let operations = Operations::new(&modules)?;
        let responses = Responses::new(&production.cache, Production::kinds(settings), &modules, tasks)?;
        let mut router = Router::new();
        if settings.runs_as(RunsAs::Api) {
            router = explorer::routes(document, problem_kinds(&modules)).merge(console::routes());
        }
        let (mut counters, mut warmers, mut topics) = (Vec::new(), Vec::new(), Vec::new());
        for module in modules {
            let is_here = match module.name {
                "health" => true,
                "live" => settings.runs_as(RunsAs::Live),
                _ => settings.runs_as(RunsAs::Api),
            };
            if is_here {
                router = router.merge(module.routes);
            }
            counters.extend(module.counters.into_iter().map(|(_, counters)| counters));
            warmers.extend(module.warmers);
            topics.extend(module.topics);
        }
        let positions = Positions::new(production.feed.fence().clone(), {
            let feed = production.feed.clone();
            move || {
                let feed = feed.clone();
                async move { feed.last_given().await }
            }
        });
        let Production {
            feed,
            guard,
            accounts,
            listener,
            live,
            exports,
            jobs,
            notifications,
            reports,
            analytics,
            pictures,
            ..
        } = production;
        let catalog =
            entrepot_catalog::Dependencies { database: database.clone(), clock: clock.clone(), feed: feed.clone() };
        let idempotency = Idempotency::new(database, clock.clone());
        idempotency.start(tasks);
        let edge = Edge::new(router, edge_settings(settings)?, clock.clone(), stats)
            .with_responses(responses)
            .with_positions(positions)
            .with_doors(operations, accounts.doorkeeper(), guard.clone())
            .with_idempotency(idempotency)
            .with_notes(notes(&feed));
        if settings.runs_as(RunsAs::Live) {
            live.start(topics, tasks);
        }
        feed.start(tasks, &clock);
        guard.start(tasks);
        accounts.start(tasks);
        jobs.start(tasks);
        if settings.runs_as(RunsAs::Worker) {
            exports.start(tasks);
            notifications.start(tasks);
            reports.start(tasks);
            analytics.start(tasks);
            let workshop = Workshop {
                jobs: &jobs,
                exports: &exports,
                notifications: &notifications,
                reports: &reports,
                analytics: &analytics,
                feed: &feed,
                pictures: &pictures,
                catalog: &catalog,
            };
            let _set_once = here.set(workshop.open(settings, tasks)?);
        }
        if settings.cache.enabled && settings.runs_as(RunsAs::Api) {
            let minutes = settings.cache.warm_every_min;
            let schedule = Schedule {
                after_start: Duration::from_secs(settings.cache.warm_after_start_s),
                every: (minutes > 0).then(|| Duration::from_secs(minutes * 60)),
                at_once: settings.cache.warm_at_once,
            };
            warming.start(tasks, edge.clone(), warmers, clock, schedule);
            warming.listen(tasks, &feed);
        }
        Ok(Self { edge, counters, accounts, guard, listener, live })
    }
}

/// What was read that is not read unseen is an event, which the audit log takes in.
fn notes(feed: &Feed) -> Notes {
    let feed = feed.clone();
    Notes::new(move |event, path| {
        let feed = feed.clone();
        async move {
            feed.database()
                .transaction(|transaction| {
                    let event = NewEvent::new(event, "reads").data(&serde_json::json!({"path": path}));
                    let event = event.audience("accounts");
                    let feed = &feed;
                    async move { feed.append(transaction, event).await.map(drop) }.scope_boxed()
                })
                .await
        }
    })
}

fn all_modules(
    production: &Production,
    warming: &Warming,
    database: &Database,
    clock: &Clock,
    tasks: &Tasks,
    stats: RequestStats,
    here: &Arc<OnceLock<WorkFigures>>,
) -> Vec<Module> {
    let Production {
        feed,
        cache,
        reading,
        guard,
        accounts,
        breakers,
        listener,
        live,
        exports,
        jobs,
        notifications,
        reports,
        analytics,
        pictures,
    } = production;
    let mut all = modules(database, feed, clock, reading, pictures, accounts, tasks);
    all.push(analytics.module());
    all.push(notifications.module());
    all.push(exports.module());
    all.push(reports.module());
    all.push(live.module());
    all.push(queues::module(Queues { jobs: jobs.clone(), here: here.clone() }));
    let (feed, cache, warming) = (feed.clone(), cache.clone(), warming.clone());
    let (guard, breakers, listener) = (guard.clone(), breakers.clone(), listener.clone());
    let jobs = jobs.clone();
    all.push(admin::module(Administration { cache: cache.clone(), feed, warming, guard, breakers, listener, jobs }));
    let vitals = Vitals { database: database.clone(), cache, stats, clock: clock.clone(), start: Instant::now() };
    all.push(health::module(vitals));
    all
}

fn edge_settings(settings: &Settings) -> anyhow::Result<EdgeSettings> {
    let log_all = match settings.log.requests {
        LogRequests::All => true,
        LogRequests::Failed => false,
        LogRequests::Auto => match settings.log.format {
            settings::LogFormat::Json => false,
            settings::LogFormat::Pretty => true,
            settings::LogFormat::Auto => entrepot_telemetry::is_pretty(entrepot_telemetry::LogFormat::Auto),
        },
    };
    Ok(EdgeSettings {
        request_timeout: ms(settings.server.request_timeout_ms),
        body_limit_bytes: settings.server.body_limit_bytes,
        cors: settings.cors_policy().map_err(|origin| anyhow::anyhow!("{origin:?} is not an origin"))?,
        log_all,
        slow_request: ms(settings.log.slow_request_ms),
    })
}

/// The OpenAPI document, as JSON. No database is asked.
///
/// # Errors
/// When a module's own description does not hold together, which is a defect.
pub fn openapi_document() -> anyhow::Result<String> {
    let settings = settings::load(None, [], &[])?.settings;
    let database = database::open(entrepot_pg::tokio_postgres::Config::new(), &settings)?;
    let tasks = Tasks::new(Shutdown::new());
    let clock = Clock::system();
    let files = Arc::new(object_store::memory::InMemory::new());
    let production = Production::build(&settings, &database, &clock, &tasks, files)?;
    let (warming, stats, here) = (Warming::default(), RequestStats::default(), Arc::new(OnceLock::new()));
    let modules = all_modules(&production, &warming, &database, &clock, &tasks, stats, &here);
    Ok(describe(&modules)?.to_pretty_json()?)
}

fn describe(modules: &[Module]) -> anyhow::Result<OpenApi> {
    let mut document = Document::openapi();
    document.info = InfoBuilder::new()
        .title("Entrepot")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(include_str!("openapi.md")))
        .license(Some(LicenseBuilder::new().name("MIT OR Apache-2.0").identifier(Some("MIT OR Apache-2.0")).build()))
        .contact(Some(ContactBuilder::new().name(Some("Entrepot")).build()))
        .build();
    document.servers = Some(vec![ServerBuilder::new().url("/").build()]);
    let tag = |name: &str, description: &str| {
        let mut tag = Tag::new(name);
        tag.description = Some(description.to_owned());
        tag
    };
    document.tags = Some(vec![
        tag("catalog", "Products, their categories and images."),
        tag("sales", "Stores, and what they sold."),
        tag("exports", "Rows of any number, as files."),
        tag("analytics", "What was sold, day by day, kept ready by jobs."),
        tag("reports", "Documents to be read by people: PDF and Excel, once or by schedule."),
        tag("notifications", "What you were told, and telling other programs of events."),
        tag("live", "Being told of changes as they happen."),
        tag("accounts", "Signing in, one's own account, everybody's accounts, API keys."),
        tag("admin", "Running the shop's machinery by hand."),
        tag("health", "Whether the program is well."),
    ]);
    let mut document = openapi::assemble(document, modules, &who_may)?;
    webhooks_described::add(&mut document);
    Ok(document)
}

/// What the document says of who may call an operation.
fn who_may(access: Access) -> Vec<(String, String)> {
    let Access::Needs(action) = access else { return Vec::new() };
    let permission = permissions::named(action);
    let roles = permission.map(|permission| permission.roles).unwrap_or_default();
    roles.iter().map(|(role, scope)| (role.name().to_owned(), scope.name().to_owned())).collect()
}

fn problem_kinds(modules: &[Module]) -> Vec<&'static ProblemKind> {
    let own = modules.iter().flat_map(|module| module.problems).flat_map(|(_, kinds)| kinds.iter().copied());
    let mut all: Vec<&'static ProblemKind> = kinds::ALL.iter().copied().chain(own).collect();
    all.sort_by_key(|kind| kind.code);
    all.dedup_by_key(|kind| kind.code);
    all
}
