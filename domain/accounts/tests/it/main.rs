//! Accounts through their public door: a real edge with its doors, a real PostgreSQL, a clock that is
//! moved by hand.
#![expect(clippy::expect_used, reason = "a test fails by panicking, with what it wanted")]

mod addresses;
mod api_keys;
mod audit;
mod blocks;
mod guessing;
mod people;
mod sessions;
mod sign_in;
mod tokens;

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use entrepot_accounts::notices::{About, Notice};
use entrepot_accounts::{
    AccountSettings, Accounts, Algorithm, Dependencies, FirstAdmin, HashSettings, Notify, ensure_admin,
};
use entrepot_cache::{Cache, CacheSettings, Fence, FenceSettings};
use entrepot_feed::{Feed, FeedSettings};
use entrepot_guard::{Guard, GuardSettings, Limiter, Pressure, PressureSettings, Proxies, Quota};
use entrepot_migrations::MIGRATIONS;
use entrepot_pg::{Error, Transaction};
use entrepot_runtime::{Clock, ManualClock, Shutdown, Tasks};
use entrepot_testkit::{SignedIn, TestDatabase, TestServer, edge_settings, test_database};
use entrepot_web::{Edge, Operations, RequestStats};
use futures_util::future::BoxFuture;
use jiff::SignedDuration;
use serde_json::{Value, json};

const ADMIN: &str = "admin@shop.example";
const PASSWORD: &str = "four rainy days in Bergen";
const OTHER_PASSWORD: &str = "five sunny days in Oslo";
/// For what comes at once, on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(30);
/// What stands before a server under test.
const PROXY: &str = "127.0.0.1";

/// Keeps what would have been mailed.
#[derive(Clone, Default)]
struct Mail(Arc<Mutex<Vec<Notice>>>);

impl Notify for Mail {
    fn notify<'a>(&'a self, transaction: &'a Transaction, notice: Notice) -> BoxFuture<'a, Result<(), Error>> {
        let mail = self.clone();
        transaction.on_commit(move || mail.0.lock().unwrap_or_else(PoisonError::into_inner).push(notice));
        Box::pin(std::future::ready(Ok(())))
    }
}

impl Mail {
    /// What was told to this address, in order.
    fn to(&self, address: &str) -> Vec<&'static str> {
        let sent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sent.iter().filter(|notice| notice.to == address).map(|notice| notice.about.name()).collect()
    }

    /// The last token that was sent there. Waits for it: nobody waits for mail to be sent.
    async fn token(&self, address: &str) -> String {
        let found = async {
            loop {
                let sent = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let token =
                    sent.iter().rev().filter(|notice| notice.to == address).find_map(|notice| match &notice.about {
                        About::VerifyEmail(token) | About::ResetPassword(token) | About::Invited(token) => {
                            Some(token.clone())
                        }
                        _ => None,
                    });
                if let Some(token) = token {
                    return token;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, found).await.expect("a token is mailed")
    }

    /// Waits until something was told to this address.
    async fn wait_for(&self, address: &str, about: &str) {
        let told = async {
            while !self.to(address).contains(&about) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, told).await.expect("it is told");
    }

    fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// How a house under test is built.
struct Plan {
    algorithm: Algorithm,
    limits: bool,
    auth: u32,
    verified_email_required: bool,
    max_lag: Duration,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            algorithm: Algorithm::Hs256,
            limits: false,
            auth: 5,
            verified_email_required: false,
            // A test that is held up is not to lose what it knows.
            max_lag: Duration::from_secs(3_600),
        }
    }
}

/// A server with accounts and nothing else, with its first admin.
struct House {
    server: TestServer,
    accounts: Accounts,
    guard: Guard,
    feed: Feed,
    mail: Mail,
    hand: ManualClock,
    database: Arc<TestDatabase>,
    tasks: Tasks,
}

impl House {
    async fn new() -> Self {
        Self::built(Plan::default()).await
    }

    async fn built(plan: Plan) -> Self {
        let house = Self::beside(Arc::new(test_database(MIGRATIONS).await), plan).await;
        let first = FirstAdmin { email: ADMIN.to_owned(), password: PASSWORD.to_owned(), may_make_password: false };
        ensure_admin(&house.accounts, &first).await.expect("made").expect("there was none");
        house
    }

    /// Another instance on the same database.
    async fn beside(database: Arc<TestDatabase>, plan: Plan) -> Self {
        let tasks = Tasks::new(Shutdown::new());
        let (clock, hand) = Clock::manual("2026-11-21T12:00:00Z".parse().expect("a literal"));
        let fence = Fence::new(FenceSettings { max_lag: plan.max_lag, ..FenceSettings::default() });
        let feed = Feed::new(
            database.database.clone(),
            fence.clone(),
            FeedSettings { poll: Duration::from_millis(100), ..FeedSettings::default() },
        );
        let cache = Cache::start(CacheSettings::default(), fence, clock.clone(), &tasks).expect("no Redis");
        let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
        let guard_settings = GuardSettings {
            limits: plan.limits,
            general: Quota { name: "general", limit: 10_000, window: minutes(15) },
            api: Quota { name: "api", limit: 10_000, window: minutes(1) },
            front_end: Quota { name: "front-end", limit: 10_000, window: minutes(1) },
            sign_in: Quota { name: "auth", limit: plan.auth, window: minutes(15) },
            credentials: Quota { name: "credentials", limit: 100, window: minutes(15) },
            suspicion: true,
            points: Quota { name: "suspicion", limit: 100, window: minutes(10) },
            block_for: minutes(15),
        };
        let pressure = PressureSettings { at_once: 100, patience: PATIENCE, memory_bytes: 0 };
        let guard = Guard::new(
            guard_settings,
            Proxies::new(&[PROXY.to_owned()]).expect("an address"),
            Limiter::in_memory(clock.clone(), 10_000),
            Pressure::new(pressure),
            clock.clone(),
        );
        let settings = AccountSettings {
            algorithm: plan.algorithm,
            access_token: minutes(15),
            session: SignedDuration::from_hours(24),
            hashing: HashSettings { memory_kib: 64, passes: 1, at_once: 2 },
            password_min_length: 15,
            verified_email_required: plan.verified_email_required,
        };
        let mail = Mail::default();
        let dependencies = Dependencies {
            database: database.database.clone(),
            clock: clock.clone(),
            feed: feed.clone(),
            cache,
            guard: guard.clone(),
        };
        let accounts = Accounts::new(dependencies, settings, Arc::new(mail.clone()));
        let module = accounts.module();
        let operations = Operations::new(std::slice::from_ref(&module)).expect("every operation has a rule");
        let edge = Edge::new(module.routes, edge_settings(), clock.clone(), RequestStats::default()).with_doors(
            operations,
            accounts.doorkeeper(),
            guard.clone(),
        );
        feed.start(&tasks, &clock);
        accounts.start(&tasks);
        let server = TestServer::start(edge).await;
        let house = Self { server, accounts, guard, feed, mail, hand, database, tasks };
        house.catch_up().await;
        house
    }

    /// Waits until everything that was committed by now is applied here.
    async fn catch_up(&self) {
        let last = self.feed.last_given().await.expect("answered");
        assert!(self.feed.fence().wait_until_applied(last, PATIENCE).await, "the feed has not come to {last}");
    }

    /// Ends all that runs in the background, the feed's tail among it.
    async fn stop_following(&self) {
        self.tasks.stop(Duration::from_secs(5)).await;
    }

    /// Signs in; the whole answer.
    async fn sign_in(&self, email: &str, password: &str) -> Value {
        self.server.post("/api/v2/auth/login").json(&json!({"email": email, "password": password})).await.ok()
    }

    /// An access token.
    async fn token(&self, email: &str, password: &str) -> String {
        text(&self.sign_in(email, password).await, "accessToken")
    }

    /// The admin's access token.
    async fn admin(&self) -> String {
        self.token(ADMIN, PASSWORD).await
    }

    /// Makes an account of this role, with [`PASSWORD`]; tells its id.
    async fn person(&self, email: &str, role: &str) -> String {
        let token = self.admin().await;
        let body = json!({"email": email, "name": "Some Body", "role": role, "password": PASSWORD});
        let made = self.server.bearing(&token).post("/api/v2/users").json(&body).await.created();
        text(&made, "id")
    }

    fn bearing(&self, token: &str) -> SignedIn<'_> {
        self.server.bearing(token)
    }

    fn advance(&self, by: Duration) {
        self.hand.advance(by);
    }
}

/// A member of an answer.
fn text(value: &Value, member: &str) -> String {
    value[member].as_str().unwrap_or_else(|| panic!("no text {member} in {value}")).to_owned()
}

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}
