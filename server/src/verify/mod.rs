//! `entrepot verify`: guarantees, checked with faults on this very machine. `verify live` is in `live`, `verify jobs` in `jobs`; here is
//! `verify cache`: several instances, one PostgreSQL, one Redis, random reads and writes and
//! random misfortune; every answer is compared with what had been acknowledged before it was asked
//! for.
//!
//! | room | what it does |
//! | --- | --- |
//! | here | the run: set up, work, report |
//! | `model` | what is known to have been acknowledged, and what an answer must therefore show |
//! | `instances` | the servers under test, as processes |
//! | `redis` | a Redis of one's own, to be mistreated |
//! | `work` | the random reads and writes over HTTP |
//! | `writers` | writes by hand, in the orders that are hardest to follow |
//! | `faults` | what goes wrong meanwhile |
//!
//! **Invariants:**
//! - A check that passed proves something: with `--without-fence` the same run must find stale reads.
//! - An answer with a failure status is no check. While nothing but Redis is mistreated there must be
//!   none.
//! - It leaves the database as it found it, but for events in the feed and the words that a search may
//!   correct to.

mod faults;
mod instances;
mod jobs;
mod live;
mod model;
mod redis;
mod work;
mod writers;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use entrepot_accounts::temporary_key;
use entrepot_contracts::Role;
use entrepot_feed::Feed;
use entrepot_runtime::{Shutdown, Tasks};
use serde_json::json;

use crate::database::Home;
use crate::production::{accounts_for_a_command, feed_for_a_command};
use crate::settings::Settings;
use crate::terminal::{progress, say, tell, thousands};

pub(crate) use jobs::{JobsPlan, verify_jobs, verify_worker};
pub(crate) use live::{LivePlan, verify_live};

use faults::Faults;
use instances::Instances;
use model::{Model, Product};
use redis::OwnRedis;
use work::{Http, Random, Worker};
use writers::Writers;

const PRODUCTS: usize = 24;
const WORKERS: u64 = 24;

/// What is to be checked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) checks: u64,
    pub(crate) instances: usize,
    pub(crate) without_fence: bool,
}

/// Everything that the parts of a run share.
struct Run {
    plan: Plan,
    model: Model,
    instances: Instances,
    redis: Option<OwnRedis>,
    http: Http,
    /// What is being done to whom at this moment, for reports.
    troubles: std::sync::Mutex<BTreeMap<&'static str, usize>>,
    stop: tokio::sync::watch::Sender<bool>,
}

/// Runs it; `Ok(true)` when nothing stale was seen.
pub(crate) async fn verify_cache(settings: &Settings, home: &Home, plan: Plan) -> anyhow::Result<bool> {
    home.migrate(settings).await?;
    let database = home.database(settings)?;
    let scratch = tempfile::tempdir()?;
    let redis = OwnRedis::start(scratch.path()).await;
    if redis.is_none() {
        tell("redis-server is not installed: the faults of Redis are left out");
    }
    let start = Instant::now();
    let url = database_url(settings, home)?;
    let redis_url = redis.as_ref().map(OwnRedis::url);
    let instances =
        Instances::start(plan.instances, &url, redis_url.as_deref(), scratch.path(), plan.without_fence).await?;
    let own_tasks = Tasks::new(Shutdown::new());
    let accounts = accounts_for_a_command(settings, &database, &own_tasks)?;
    let actions = ["products.write", "products.batch", "categories.write", "cache.read", "cache.write"];
    let key = temporary_key(&accounts, "verify", Role::Admin, &actions).await?;
    let http = Http::new(key.reveal());
    let postmaster = home.cluster.is_some().then(|| settings.data.folder.join("postgres/postmaster.pid"));
    if postmaster.is_none() {
        tell("the database is not this program's own: it is not restarted");
    }
    let bound = Duration::from_millis(settings.feed.max_lag_ms + 10);
    let products = make_products(&http, &instances, plan.seed).await?;
    let (stop, _) = tokio::sync::watch::channel(false);
    let run = Arc::new(Run {
        plan,
        model: Model::new(products, bound, plan.checks),
        instances,
        redis,
        http,
        troubles: std::sync::Mutex::default(),
        stop,
    });
    tell(format_args!(
        "{} instances{}, seed {}, {} checks{}",
        plan.instances,
        if run.redis.is_some() { ", one Redis" } else { "" },
        plan.seed,
        thousands(plan.checks),
        if plan.without_fence { ", without the fence" } else { "" }
    ));
    let feed = feed_for_a_command(settings, &database);
    let writers = Writers::new(run.clone(), database.clone(), feed.clone());
    let faults = Faults::new(run.clone(), database.clone(), postmaster);
    let mut tasks = tokio::task::JoinSet::new();
    let mut random = Random::new(plan.seed);
    for _ in 0..WORKERS {
        let worker = Worker::new(run.clone(), random.next());
        tasks.spawn(async move { worker.work().await });
    }
    let (by_hand, misfortune) = (random.next(), random.next());
    tasks.spawn(async move { writers.write(Random::new(by_hand)).await });
    tasks.spawn(async move { faults.happen(Random::new(misfortune)).await });
    let bar = progress(plan.checks, "checking {bar:40} {pos}/{len}, {eta} to go, {msg}");
    let watch = run.clone();
    tasks.spawn(async move {
        let mut beat = tokio::time::interval(Duration::from_millis(100));
        while !watch.is_over() {
            beat.tick().await;
            bar.set_position(watch.model.checks());
            bar.set_message(format!("{} stale", watch.model.violations()));
        }
        bar.finish_and_clear();
    });
    while let Some(ended) = tasks.join_next().await {
        ended.context("a part of the check panicked")?;
    }
    let mut tries = 0;
    while let Err(error) = remove_products(&database, &feed, &run.model).await {
        // The last misfortune may have been PostgreSQL's.
        tries += 1;
        ensure!(tries < 40, "the products of the run could not be removed: {error:#}");
        #[expect(clippy::disallowed_methods, reason = "a database that restarts can only be polled")]
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    let figures = run.figures().await;
    key.delete(&accounts).await?;
    own_tasks.stop(Duration::from_secs(1)).await;
    run.instances.stop().await;
    report(&run, &figures, start.elapsed());
    database.close();
    Ok(run.model.violations() == 0 && run.model.refused_under_redis_faults() == 0)
}

impl Run {
    fn is_over(&self) -> bool {
        *self.stop.borrow()
    }

    /// Ends the run when there are enough checks.
    fn end_if_enough(&self) {
        if self.model.checks() >= self.plan.checks {
            self.stop.send_replace(true);
        }
    }

    /// Waits, for so long or until the run ends.
    async fn pause(&self, at_most: Duration) {
        let mut stop = self.stop.subscribe();
        let _over = tokio::time::timeout(at_most, stop.wait_for(|over| *over)).await;
    }

    fn begin_trouble(&self, name: &'static str) {
        *self.troubles.lock().unwrap_or_else(std::sync::PoisonError::into_inner).entry(name).or_default() += 1;
    }

    fn end_trouble(&self, name: &'static str) {
        let mut troubles = self.troubles.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(count) = troubles.get_mut(name) {
            *count -= 1;
        }
        troubles.retain(|_, count| *count > 0);
    }

    fn troubles(&self) -> Vec<&'static str> {
        self.troubles.lock().unwrap_or_else(std::sync::PoisonError::into_inner).keys().copied().collect()
    }

    /// Hits and misses of all instances that answer.
    async fn figures(&self) -> (u64, u64, u64) {
        let mut sum = (0, 0, 0);
        for index in 0..self.instances.count() {
            let path = "/api/admin/performance/cache";
            if let Ok(answer) = self.http.get(self.instances.address(index), path, &[]).await {
                let number = |name: &str| answer.body[name].as_u64().unwrap_or(0);
                sum = (sum.0 + number("hits"), sum.1 + number("sharedHits"), sum.2 + number("misses"));
            }
        }
        sum
    }
}

fn report(run: &Run, (hits, shared, misses): &(u64, u64, u64), took: Duration) {
    for told in run.model.told() {
        say(told);
    }
    for (what, count) in run.model.counts() {
        say(format_args!("{:>9}  {what}", thousands(count)));
    }
    say(format_args!(
        "{:>9}  hits in memory, {} in Redis, {} misses on the instances as they are now",
        thousands(*hits),
        thousands(*shared),
        thousands(*misses)
    ));
    let (stale, refused) = (run.model.violations(), run.model.refused_under_redis_faults());
    if refused > 0 {
        say(format_args!("{} requests failed while nothing but Redis was mistreated", thousands(refused)));
    }
    say(format_args!(
        "{} checks in {:.1} s, {} stale (seed {})",
        thousands(run.model.checks()),
        took.as_secs_f64(),
        thousands(stale),
        run.plan.seed
    ));
}

/// The database's address for the instances.
fn database_url(settings: &Settings, home: &Home) -> anyhow::Result<String> {
    use entrepot_pg::tokio_postgres::config::Host;
    if !settings.database.url.is_empty() {
        return Ok(settings.database.url.clone());
    }
    let [Host::Unix(folder), ..] = home.address.get_hosts() else {
        anyhow::bail!("the private database has no socket")
    };
    let (user, name) = (home.address.get_user().unwrap_or_default(), home.address.get_dbname().unwrap_or_default());
    Ok(format!("postgresql:///{name}?host={}&user={user}", folder.display()))
}

/// Makes the products of the run, in two categories, over HTTP as anybody would.
async fn make_products(http: &Http, instances: &Instances, seed: u64) -> anyhow::Result<Vec<Product>> {
    let address = instances.address(0);
    // A run of its own each time, also with the same seed on a database where the last was cut short.
    let run = format!("{seed}-{}", std::process::id());
    for shelf in ["a", "b"] {
        let body = json!({"name": format!("Verify {run} {shelf}"), "slug": format!("verify-{run}-{shelf}")});
        let answer = http.send(address, "POST", "/api/v2/categories", &[], Some(&body)).await?;
        ensure!(answer.status == 201, "a category cannot be made: {}", answer.body);
    }
    let mut products = Vec::new();
    for index in 0..PRODUCTS {
        let shelf = format!("verify-{run}-{}", if index % 2 == 0 { "a" } else { "b" });
        let sku = format!("VERIFY-{run}-{index}");
        let tag = format!("verify-{run}");
        let body = json!({"sku": sku, "title": format!("Verify {run} {index}"), "category": shelf, "tags": [tag]});
        let answer = http.send(address, "POST", "/api/v2/products", &[], Some(&body)).await?;
        ensure!(answer.status == 201, "a product cannot be made: {}", answer.body);
        let text = |name: &str| answer.body[name].as_str().unwrap_or_default().to_owned();
        products.push(Product::new(text("id"), sku, text("slug"), shelf, tag));
    }
    Ok(products)
}

async fn remove_products(database: &entrepot_pg::Database, feed: &Feed, model: &Model) -> anyhow::Result<()> {
    let client = database.client().await?;
    let skus: Vec<&str> = model.products().iter().map(|product| product.sku.as_str()).collect();
    let shelves: Vec<&str> = model.products().iter().map(|product| product.shelf.as_str()).collect();
    client.execute("DELETE FROM catalog.product WHERE sku = ANY ($1)", &[&skus]).await?;
    client.execute("DELETE FROM catalog.category WHERE slug = ANY ($1)", &[&shelves]).await?;
    // What instances may still have of them is ruled out as any change would.
    feed.invalidate(&["catalog", "categories", "products", "ratings"].map(str::to_owned)).await?;
    Ok(())
}
