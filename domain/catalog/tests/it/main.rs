//! The catalog through its public door: a real server, a real PostgreSQL, a database for each test.
#![expect(clippy::expect_used, reason = "a test fails by panicking, with what it wanted")]

mod bad_input;
mod cached;
mod categories;
mod import;
mod outage;
mod paging;
mod pictures;
mod popular;
mod products;
mod races;
mod reviews;
mod search;
mod writes;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use entrepot_cache::{Cache, CacheSettings, Counters, Fence, FenceSettings, Policy, Queries};
use entrepot_catalog::seed::{SeedProfile, seed};
use entrepot_catalog::{Dependencies, Pictures, Reading, module};
use entrepot_feed::{Feed, FeedSettings};
use entrepot_jobs::{JobSettings, Jobs};
use entrepot_migrations::MIGRATIONS;
use entrepot_runtime::{Clock, Shutdown, Tasks};
use entrepot_testkit::{Response, TestDatabase, TestServer, edge_settings, test_database};
use entrepot_web::{Edge, Positions, RequestStats, Responses, Warmer};
use serde_json::Value;

/// Longer than any test.
const LONG: Duration = Duration::from_secs(3_600);
/// For what comes at once, on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(30);

/// A shop under test.
struct Shop {
    server: TestServer,
    to: Dependencies,
    database: TestDatabase,
    cache: Cache,
    /// Where uploaded pictures go. Nothing is made of them unless a test says so.
    pictures: Pictures,
    /// What counts views; it is flushed by hand.
    views: Counters,
    warmers: Vec<Warmer>,
    _tasks: Tasks,
}

impl Shop {
    /// An empty one, in which nothing is cached: its feed is not followed.
    async fn empty() -> Self {
        Self::open(test_database(MIGRATIONS).await, FenceSettings::default(), false).await
    }

    /// One with the sample catalog in it.
    async fn sample() -> Self {
        let shop = Self::empty().await;
        seed(&shop.to, SeedProfile::Sample, false, &|_, _| {}).await.expect("the sample is sound");
        shop
    }

    /// One with the sample catalog in it, behind the response cache.
    async fn cached() -> Self {
        Self::cached_behind(FenceSettings::default()).await
    }

    /// The same with another fence.
    async fn cached_behind(fence: FenceSettings) -> Self {
        let database = test_database(MIGRATIONS).await;
        seed(&beside(&database), SeedProfile::Sample, false, &|_, _| {}).await.expect("the sample is sound");
        // A test that is held up is not to lose what it has cached.
        Self::open(database, FenceSettings { max_lag: LONG, ..fence }, true).await
    }

    async fn open(database: TestDatabase, fence: FenceSettings, is_cached: bool) -> Self {
        let (tasks, clock) = (Tasks::new(Shutdown::new()), Clock::system());
        let fence = Fence::new(fence);
        let feed = Feed::new(database.database.clone(), fence.clone(), FeedSettings::default());
        let to = Dependencies { database: database.database.clone(), clock: clock.clone(), feed: feed.clone() };
        let cache = Cache::start(CacheSettings::default(), fence.clone(), clock.clone(), &tasks).expect("no Redis");
        let pictures = Pictures {
            files: Arc::new(object_store::memory::InMemory::new()),
            jobs: Jobs::new(database.database.clone(), JobSettings::default()),
        };
        let mut modules = vec![module(to.clone(), reading(&cache), pictures.clone(), &tasks)];
        let policy = || Policy::live(LONG).without_jitter();
        let kinds = ["products", "categories", "search"].map(|kind| (kind, policy())).into();
        let responses = Responses::new(&cache, kinds, &modules, &tasks).expect("every GET says how it is cached");
        let module = modules.remove(0);
        let mut edge =
            Edge::new(Router::new().merge(module.routes), edge_settings(), clock.clone(), RequestStats::default())
                .open_to_all();
        if is_cached {
            let last_given = {
                let feed = feed.clone();
                move || {
                    let feed = feed.clone();
                    async move { feed.last_given().await }
                }
            };
            edge = edge.with_responses(responses).with_positions(Positions::new(fence, last_given));
            feed.start(&tasks, &clock);
        }
        let views = module.counters.into_iter().find(|(operation, _)| *operation == "get_product");
        let shop = Self {
            server: TestServer::start(edge).await,
            to,
            database,
            cache,
            pictures,
            views: views.expect("views are counted").1,
            warmers: module.warmers,
            _tasks: tasks,
        };
        if is_cached {
            shop.catch_up().await;
        }
        shop
    }

    /// Waits until everything that was committed by now is applied here.
    async fn catch_up(&self) {
        let last = self.to.feed.last_given().await.expect("answered");
        assert!(self.cache.fence().wait_until_applied(last, PATIENCE).await, "the feed has not come to {last}");
    }

    async fn get(&self, path: &str) -> Value {
        self.server.get(&format!("/api/v2{path}")).await.ok()
    }

    /// The SKUs of a list, in its order.
    async fn skus(&self, path: &str) -> Vec<String> {
        texts(&self.get(path).await, "sku")
    }
}

/// What the catalog is read with, in tests.
fn reading(cache: &Cache) -> Reading {
    Reading { cache: cache.clone(), queries: Queries::new(cache), ttl: LONG, views_flush: LONG }
}

/// What another process would write to this database with.
fn beside(database: &TestDatabase) -> Dependencies {
    let fence = Fence::new(FenceSettings::default());
    let feed = Feed::new(database.database.clone(), fence, FeedSettings::default());
    Dependencies { database: database.database.clone(), clock: Clock::system(), feed }
}

/// Whether a cache answered.
fn is_hit(response: &Response) -> bool {
    response.header("cache-status").contains("hit")
}

/// A member of every row of a list.
fn texts(list: &Value, member: &str) -> Vec<String> {
    let rows = list["data"].as_array().unwrap_or_else(|| panic!("no list: {list}"));
    rows.iter().map(|row| row[member].as_str().unwrap_or_default().to_owned()).collect()
}
