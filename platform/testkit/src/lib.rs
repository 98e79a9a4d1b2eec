//! The test harness: a real PostgreSQL with a database of its own for every test, a real server on
//! a real port, and a client that reads like a story.
//!
//! ```no_run
//! # async fn example(modules: Vec<entrepot_web::Module>) {
//! use entrepot_testkit::TestServer;
//! let server = TestServer::of_modules(modules).await;
//! let made = server.post("/api/v2/categories").json(&serde_json::json!({"name": "Tea"})).await.created();
//! server.get(&format!("/api/v2/categories/{}", made["slug"].as_str().unwrap())).await.ok();
//! server.get("/api/v2/categories/none").await.problem(404, "catalog.category_not_found");
//! # }
//! ```
//!
//! **Invariants:**
//! - Tests share the PostgreSQL server and nothing else: each has a copy of a migrated template.
//! - Nothing here sleeps or retries a failed expectation.
//! - A dev-dependency only; no program is built with it.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a harness fails by panicking, with what it wanted")]

mod client;
mod database;
mod programs;
mod server;

pub use client::{Request, Response};
pub use database::{TestDatabase, bare_database, end_shared_server, localised_database, test_database};
pub use programs::{RedisServer, free_port};
pub use server::{SignedIn, TestServer, connections, edge_settings};
