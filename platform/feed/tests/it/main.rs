//! The feed against a real PostgreSQL: a database for each test, and on it instances with a fence and
//! a cache of their own.
#![expect(clippy::expect_used, reason = "a test fails by panicking, with what it wanted")]

mod consumer;
mod mended;
mod subscribe;
mod tail;
mod upkeep;

use std::time::Duration;

use entrepot_cache::{Cache, CacheSettings, Fence, FenceSettings, Filled, Namespace, Policy};
use entrepot_feed::{Feed, FeedSettings, NewEvent, Received, Subscription};
use entrepot_pg::tokio_postgres::Client;
use entrepot_pg::{Database, Error, ScopedFutureExt as _, Transaction};
use entrepot_runtime::{Clock, Shutdown, Tasks};
use entrepot_testkit::TestDatabase;

/// The longest that anything is waited for: so far above what it takes that only a loss reaches it.
const PATIENCE: Duration = Duration::from_secs(30);

/// Looks every few milliseconds, whatever the others say.
fn polling() -> FeedSettings {
    FeedSettings { poll: Duration::from_millis(20), nudges: false, ..FeedSettings::default() }
}

/// Looks once a minute: what is seen within the patience of a test was seen at a nudge.
fn nudged() -> FeedSettings {
    FeedSettings { poll: Duration::from_secs(60), ..FeedSettings::default() }
}

/// A process: a feed, its fence, and a cache behind it.
struct Instance {
    database: Database,
    feed: Feed,
    values: Namespace<String>,
    tasks: Tasks,
}

impl Instance {
    /// One that writes, but follows nothing.
    fn at_rest(test: &TestDatabase, settings: FeedSettings) -> Self {
        // So long a lag that only the feed's own word rules a value out.
        let fence = Fence::new(FenceSettings { max_lag: Duration::from_secs(3_600), ..FenceSettings::default() });
        let tasks = Tasks::new(Shutdown::new());
        let cache = Cache::start(CacheSettings::default(), fence.clone(), Clock::system(), &tasks).expect("no Redis");
        let values = cache.namespace("values", Policy::live(Duration::from_secs(3_600)).soft(None));
        Self { database: test.database.clone(), feed: Feed::new(test.database.clone(), fence, settings), values, tasks }
    }

    /// One that has taken its first look.
    async fn start(test: &TestDatabase, settings: FeedSettings) -> Self {
        let instance = Self::at_rest(test, settings);
        instance.begin().await;
        instance
    }

    async fn begin(&self) {
        self.keep_up().await;
        self.feed.start(&self.tasks, &Clock::system());
        eventually("the first look", async || self.feed.figures().looks > 0).await;
    }

    /// Makes the partitions. Before any transaction is open that would be in the way.
    async fn keep_up(&self) {
        self.feed.keep_up(&Clock::system()).await.expect("kept up");
    }

    /// Ends what it does in the background, as the end of the process would.
    async fn stop(self) {
        assert_eq!(self.tasks.stop(PATIENCE).await, Vec::<String>::new());
    }

    fn fence(&self) -> &Fence {
        self.feed.fence()
    }

    /// Opens a transaction with an event in it that is about `topic`, and touches it.
    async fn open(&self, topic: &str) -> (u64, Transaction) {
        let transaction = self.database.begin().await.expect("a transaction");
        let id = self.feed.append(&transaction, about(topic)).await.expect("appended");
        (id, transaction)
    }

    /// Commits one.
    async fn commit(&self, topic: &str) -> u64 {
        let commit = self.database.transaction(|transaction| {
            let event = about(topic);
            async move { self.feed.append(transaction, event).await }.scope_boxed()
        });
        commit.await.expect("committed")
    }

    /// Takes a position out of the sequence that no event will ever have.
    async fn waste(&self) -> u64 {
        let (id, transaction) = self.open("wasted").await;
        transaction.roll_back().await;
        id
    }

    async fn applies(&self, id: u64) {
        assert!(self.fence().wait_until_applied(id, PATIENCE).await, "event {id} is applied");
    }

    /// Nothing can come any more up to `id`.
    async fn settles(&self, id: u64) {
        eventually("the watermark", async || self.watermark().is_some_and(|watermark| watermark >= id)).await;
    }

    fn watermark(&self) -> Option<u64> {
        self.fence().figures().watermark
    }

    /// Caches a value that was made from this topic. Several may be cached under one.
    fn cache(&self, key: &str, topic: &str) {
        let kept = self.values.set(key, Filled::found(key.to_owned()).tags([topic]), self.values.stamp());
        assert!(kept, "{key} is kept");
    }

    fn has(&self, key: &str) -> bool {
        self.values.lookup(key).is_some()
    }

    async fn position_of(&self, consumer: &str) -> Option<i64> {
        let client = self.database.client().await.expect("a connection");
        let row = client.query_opt("SELECT position FROM feed.consumer WHERE name = $1", &[&consumer]).await;
        row.expect("asked").map(|row| row.get(0))
    }
}

fn about(topic: &str) -> NewEvent {
    NewEvent::new("test.happened", topic).tags([topic])
}

/// Waits until it is so.
async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let waiting = async {
        let mut beat = tokio::time::interval(Duration::from_millis(5));
        while !is_so().await {
            beat.tick().await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, waiting).await.is_ok(), "not within {PATIENCE:?}: {what}");
}

/// What a subscriber is told next.
async fn next(subscription: &mut Subscription) -> Received {
    let told = tokio::time::timeout(PATIENCE, subscription.next()).await;
    told.expect("something is told in time").expect("the feed goes on")
}

/// The ids of the events that a subscriber is told of, up to the one with this id. No gaps.
async fn told_up_to(subscription: &mut Subscription, last: u64) -> Vec<u64> {
    let mut ids = Vec::new();
    while ids.last() != Some(&last) {
        match next(subscription).await {
            Received::Event(event) => ids.push(event.id),
            Received::Gap => panic!("a gap after {ids:?}"),
        }
    }
    ids
}

/// Waits for the word that events may have been missed.
async fn told_of_a_gap(subscription: &mut Subscription) {
    while !matches!(next(subscription).await, Received::Gap) {}
}

/// Ends the connections by which instances follow this database's feed, and tells how many there were.
async fn cut_off(client: &Client) -> i64 {
    let row = client
        .query_one(
            "SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity
             WHERE application_name = 'entrepot-feed' AND datname = current_database()",
            &[],
        )
        .await;
    row.expect("the right to end them").get(0)
}

/// Commits nothing and fails with this.
fn changed_my_mind() -> Error {
    Error::Missing("the will to commit")
}
