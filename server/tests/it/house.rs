//! The whole program in this process: the app on a database of its own, with its first admin.

use std::sync::Arc;

use entrepot_accounts::{FirstAdmin, ensure_admin};
use entrepot_migrations::MIGRATIONS;
use entrepot_realtime::Live;
use entrepot_runtime::{Clock, Shutdown, Tasks};
use entrepot_server::{App, load_settings};
use entrepot_testkit::{TestDatabase, TestServer, test_database};
use serde_json::{Value, json};

pub(crate) const ADMIN: &str = "admin@shop.example";
pub(crate) const PASSWORD: &str = "four rainy days in Bergen";

/// An instance of the program.
pub(crate) struct House {
    pub(crate) server: TestServer,
    pub(crate) database: Arc<TestDatabase>,
    pub(crate) clock: Clock,
    pub(crate) live: Live,
    /// Where its files lie.
    pub(crate) folder: Arc<tempfile::TempDir>,
    _tasks: Tasks,
}

/// Settings of a test: hashing costs nothing, and nobody is counted unless a test says so.
const USUAL: &[(&str, &str)] = &[
    ("ENTREPOT_AUTH_HASH_MEMORY_KIB", "64"),
    ("ENTREPOT_AUTH_HASH_PASSES", "1"),
    ("ENTREPOT_RATE_LIMITS_ENABLED", "false"),
    ("ENTREPOT_FEED_MAX_LAG_MS", "60000"),
];

impl House {
    /// One with an admin.
    pub(crate) async fn new(settings: &[(&str, &str)]) -> Self {
        Self::on(Arc::new(test_database(MIGRATIONS).await), Clock::system(), settings).await
    }

    /// One on this database, by this clock.
    pub(crate) async fn on(database: Arc<TestDatabase>, clock: Clock, settings: &[(&str, &str)]) -> Self {
        Self::beside(Arc::new(tempfile::tempdir().expect("a folder")), database, clock, settings).await
    }

    /// One on this database that has its files in this folder.
    pub(crate) async fn beside(
        folder: Arc<tempfile::TempDir>,
        database: Arc<TestDatabase>,
        clock: Clock,
        settings: &[(&str, &str)],
    ) -> Self {
        let place = folder.path().display().to_string();
        let settings: Vec<_> =
            [("ENTREPOT_DATA_FOLDER", place.as_str())].into_iter().chain(settings.iter().copied()).collect();
        let environment = USUAL.iter().chain(&settings).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let settings = load_settings(None, environment, &[]).expect("sound").settings;
        let tasks = Tasks::new(Shutdown::new());
        let app = App::build(&settings, database.database.clone(), clock.clone(), &tasks).expect("it is built");
        let first = FirstAdmin { email: ADMIN.to_owned(), password: PASSWORD.to_owned(), may_make_password: false };
        ensure_admin(&app.accounts, &first).await.expect("there is one");
        Self { server: TestServer::start(app.edge).await, database, clock, live: app.live, folder, _tasks: tasks }
    }

    /// An access token of somebody.
    pub(crate) async fn token(&self, email: &str) -> String {
        let body = json!({"email": email, "password": PASSWORD});
        let signed_in = self.server.post("/api/v2/auth/login").json(&body).await.ok();
        text(&signed_in, "accessToken")
    }

    /// The admin's access token.
    pub(crate) async fn admin(&self) -> String {
        self.token(ADMIN).await
    }

    /// An access token of a new person of this role, and the person's id.
    pub(crate) async fn person(&self, role: &str) -> (String, String) {
        let email = format!("one-{role}@shop.example");
        let body = json!({"email": email, "name": role, "role": role, "password": PASSWORD});
        let admin = self.admin().await;
        let made = self.server.bearing(&admin).post("/api/v2/users").json(&body).await.created();
        (self.token(&email).await, text(&made, "id"))
    }
}

/// A member of an answer.
pub(crate) fn text(value: &Value, member: &str) -> String {
    value[member].as_str().unwrap_or_else(|| panic!("no text {member} in {value}")).to_owned()
}
