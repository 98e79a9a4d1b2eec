//! Analytics against a real PostgreSQL: a database for each test, and on it processes that tell, follow and work.
#![expect(clippy::expect_used, reason = "a test fails by panicking, with what it wanted")]

mod at_once;
mod chain;
mod http;
mod killed;
mod orders;
mod rolled_up;

use std::time::Duration;

use entrepot_analytics::{Analytics, Dependencies, QUEUE};
use entrepot_cache::{Fence, FenceSettings};
use entrepot_contracts::SalesChanged;
use entrepot_feed::{Feed, FeedSettings, NewEvent};
use entrepot_jobs::{Context, Job, JobSettings, Jobs, NewJob, Outcome, Work};
use entrepot_migrations::MIGRATIONS;
use entrepot_pg::ScopedFutureExt as _;
use entrepot_pg::tokio_postgres::Client;
use entrepot_runtime::{Clock, Shutdown, Tasks};
use entrepot_testkit::{TestDatabase, test_database};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The longest that anything is waited for: so far above what it takes that only a loss reaches it.
const PATIENCE: Duration = Duration::from_secs(60);

/// A process: a feed, jobs, and analytics on them.
struct Process {
    feed: Feed,
    jobs: Jobs,
    analytics: Analytics,
    tasks: Tasks,
    client: Client,
}

impl Process {
    /// One that follows nothing and does nothing.
    async fn at_rest(test: &TestDatabase, clock: Clock) -> Self {
        let database = test.database.clone();
        let settings = FeedSettings { poll: Duration::from_millis(20), ..FeedSettings::default() };
        let feed = Feed::new(database.clone(), Fence::new(FenceSettings::default()), settings);
        let settings = JobSettings {
            lease: Duration::from_secs(2),
            poll: Duration::from_millis(50),
            drain: Duration::from_secs(5),
            ..JobSettings::default()
        };
        let jobs = Jobs::new(database.clone(), settings);
        let to = Dependencies { database, clock, feed: feed.clone(), jobs: jobs.clone() };
        let tasks = Tasks::new(Shutdown::new());
        Self { feed, jobs, analytics: Analytics::new(to), tasks, client: test.client().await }
    }

    /// One that follows and works, with so many jobs at once.
    async fn start(test: &TestDatabase, at_once: usize) -> Self {
        let process = Self::at_rest(test, Clock::system()).await;
        process.follow();
        process.work(at_once);
        process
    }

    fn follow(&self) {
        self.feed.start(&self.tasks, &Clock::system());
        self.analytics.start(&self.tasks);
    }

    fn work(&self, at_once: usize) {
        self.jobs.start(&self.tasks);
        let work = Work::new(&self.jobs, "test").queue(QUEUE, at_once);
        let _figures = self.analytics.work(work).start(&self.tasks);
    }

    /// Has sales tell something; its position.
    async fn tell(&self, name: &'static str, told: &SalesChanged) -> u64 {
        let appended = self.feed.database().transaction(|transaction| {
            let event = NewEvent::new(name, format!("sales-data-{}", told.store_id)).data(told);
            async move { self.feed.append(transaction, event).await }.scope_boxed()
        });
        appended.await.expect("told")
    }

    async fn enqueue(&self, jobs: &[NewJob]) {
        let enqueued = self
            .jobs
            .database()
            .transaction(|transaction| async move { self.jobs.enqueue_all(transaction, jobs).await }.scope_boxed());
        enqueued.await.expect("enqueued");
    }

    /// Waits until everything that was told by now is rolled up.
    async fn catches_up(&self) {
        let last = i64::try_from(self.feed.last_given().await.expect("answered")).expect("a position");
        let sql = "SELECT position >= $1 AND NOT EXISTS (SELECT FROM jobs.job)
                   FROM feed.consumer WHERE name = 'analytics-sales'";
        eventually("all is rolled up", async || {
            self.client.query_opt(sql, &[&last]).await.expect("asked").is_some_and(|row| row.get(0))
        })
        .await;
    }

    /// Waits until there is no job left.
    async fn works_off(&self) {
        eventually("no job is left", async || number(&self.client, "SELECT count(*) FROM jobs.job").await == 0).await;
    }

    /// Ends as a process does that is killed: where it is, telling nobody.
    async fn kill(self) {
        let _dropped = self.tasks.stop(Duration::ZERO).await;
    }

    async fn stop(self) {
        assert_eq!(self.tasks.stop(PATIENCE).await, Vec::<String>::new());
    }
}

/// The job of an event, as it lies in the queue: one that waits must be readable after an upgrade.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RollUp {
    event: u64,
    store_id: String,
    year: i16,
    month: i16,
    days: Option<Value>,
    is_deleted: bool,
}

impl Job for RollUp {
    const KIND: &'static str = "analytics.roll_up_sales";
    const QUEUE: &'static str = "analytics";
    type Needs = ();

    async fn run(&self, _needs: &(), _context: &Context) -> Outcome {
        Outcome::discard("it is only enqueued here")
    }
}

/// What sales tell of a month.
fn told(store: &str, (year, month): (i16, i16), days: Option<Value>) -> SalesChanged {
    let store_id = store.parse().expect("a store's id");
    SalesChanged { store_id, year, month, days, totals: None, before: None }
}

/// Rows of `table` as texts, `2024-01-01 10.5 2` for the first day, the sales and the days.
async fn rows(client: &Client, table: &str, store: &str) -> Vec<String> {
    let (first, days, rest) = match table {
        "sales_day" => ("day", "1", "AND NOT is_gone"),
        "sales_week" => ("week", "days", ""),
        _ => ("month", "days", ""),
    };
    let sql = format!(
        "SELECT concat_ws(' ', {first}, trim_scale(sales), {days}) FROM analytics.{table}
         WHERE store_id = $1 {rest} ORDER BY {first}"
    );
    client.query(&sql, &[&store]).await.expect("asked").iter().map(|row| row.get(0)).collect()
}

/// All that is written, in one text: what may not be changed by a job that is done again.
async fn everything(client: &Client) -> String {
    let mut all = String::new();
    for table in ["sales_day", "sales_week", "sales_month"] {
        let sql = format!(
            "SELECT coalesce(string_agg(t::text || t.xmin, E'\\n' ORDER BY t::text), '') FROM analytics.{table} AS t"
        );
        all.push_str(client.query_one(&sql, &[]).await.expect("asked").get(0));
    }
    all
}

/// Weeks and months are the sums of their days, and there are no others.
async fn sums_are_right(client: &Client) {
    for (table, first, unit) in [("sales_week", "week", "week"), ("sales_month", "month", "month")] {
        let sql = format!(
            "SELECT count(*) FROM (
                 SELECT store_id, date_trunc('{unit}', day::timestamp)::date AS first, sum(sales) AS sales,
                        sum(transactions) AS transactions, sum(customers) AS customers, sum(units) AS units,
                        sum(discount) AS discount, count(*) AS days
                 FROM analytics.sales_day WHERE NOT is_gone GROUP BY 1, 2
             ) AS d FULL JOIN analytics.{table} AS t ON t.store_id = d.store_id AND t.{first} = d.first
             WHERE (t.sales, t.transactions, t.customers, t.units, t.discount, t.days)
                   IS DISTINCT FROM (d.sales, d.transactions, d.customers, d.units, d.discount, d.days)"
        );
        assert_eq!(number(client, &sql).await, 0, "{table} is not the sum of its days");
    }
}

async fn number(client: &Client, sql: &str) -> i64 {
    client.query_one(sql, &[]).await.expect("a number").get(0)
}

/// Waits until so many connections to the database wait for a lock.
async fn waiting(client: &Client, wanted: i64) {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    eventually("somebody waits for a lock", async || number(client, sql).await == wanted).await;
}

async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let waiting = async {
        let mut beat = tokio::time::interval(Duration::from_millis(5));
        while !is_so().await {
            beat.tick().await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, waiting).await.is_ok(), "not within {PATIENCE:?}: {what}");
}

async fn database() -> TestDatabase {
    test_database(MIGRATIONS).await
}

fn sold(sales: f64) -> Value {
    json!({"sales": sales})
}
