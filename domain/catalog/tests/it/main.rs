//! The catalog through its public door: a real server, a real PostgreSQL, a database for each test.
#![expect(clippy::expect_used, reason = "a test fails by panicking, with what it wanted")]

mod bad_input;
mod categories;
mod import;
mod outage;
mod paging;
mod products;
mod search;
mod writes;

use entrepot_cache::{Fence, FenceSettings};
use entrepot_catalog::seed::{SeedProfile, seed};
use entrepot_catalog::{Dependencies, module};
use entrepot_feed::{Feed, FeedSettings};
use entrepot_migrations::MIGRATIONS;
use entrepot_runtime::{Clock, Shutdown, Tasks};
use entrepot_testkit::{TestDatabase, TestServer, test_database};
use serde_json::Value;

/// A shop under test.
struct Shop {
    server: TestServer,
    to: Dependencies,
    database: TestDatabase,
    _tasks: Tasks,
}

impl Shop {
    /// An empty one.
    async fn empty() -> Self {
        let database = test_database(MIGRATIONS).await;
        let feed = Feed::new(database.database.clone(), Fence::new(FenceSettings::default()), FeedSettings::default());
        let to = Dependencies { database: database.database.clone(), clock: Clock::system(), feed };
        let tasks = Tasks::new(Shutdown::new());
        let server = TestServer::of_modules(vec![module(to.clone(), &tasks)]).await;
        Self { server, to, database, _tasks: tasks }
    }

    /// One with the sample catalog in it.
    async fn sample() -> Self {
        let shop = Self::empty().await;
        seed(&shop.to, SeedProfile::Sample, false, &|_, _| {}).await.expect("the sample is sound");
        shop
    }

    async fn get(&self, path: &str) -> Value {
        self.server.get(&format!("/api/v2{path}")).await.ok()
    }

    /// The SKUs of a list, in its order.
    async fn skus(&self, path: &str) -> Vec<String> {
        texts(&self.get(path).await, "sku")
    }
}

/// A member of every row of a list.
fn texts(list: &Value, member: &str) -> Vec<String> {
    let rows = list["data"].as_array().unwrap_or_else(|| panic!("no list: {list}"));
    rows.iter().map(|row| row[member].as_str().unwrap_or_default().to_owned()).collect()
}
