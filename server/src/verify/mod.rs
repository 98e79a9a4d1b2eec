//! `entrepot verify`: guarantees, checked with faults on this very machine. `verify live` is in `live`, `verify jobs` in `jobs`; here is
//! `verify cache`: several instances, one PostgreSQL, one Redis, random reads and writes and
//! random misfortune; every answer is compared with what had been acknowledged before it was asked
//! for.
//!
//! | room | what it does |
//! | --- | --- |
//! | here | the run: set up, work, report |
//! | `products` | the products of a run, made and removed |
//! | `state` | what a product can look like, and what each kind of read shows of it |
//! | `model` | what is known to have been acknowledged, and what an answer must therefore show |
//! | `findings` | what was counted and found |
//! | `instances` | the servers under test, as processes |
//! | `redis` | a Redis of one's own, to be mistreated |
//! | `client` | HTTP, content codings, ETags |
//! | `work` | the clients of a run; `reads` and `writes` are what they do |
//! | `writers` | writes by hand, in the orders that are hardest to follow |
//! | `revocation` | rights that are taken away |
//! | `faults` | what goes wrong meanwhile |
//! | `database` | what is done to PostgreSQL, in all three |
//! | `service` | whether instances do their work, and recover |
//! | `last` | the last check |
//! | `young` | what must not be thrown away by a wrong clock, in all three |
//!
//! **Invariants:**
//! - A check that passed proves something: with `--without-fence` the same run must find stale reads, and
//!   each judge is shown by its tests to find what it is there for.
//! - An answer with a failure status is no check. While nothing but Redis is mistreated there must be
//!   none, and each instance must answer while nothing is mistreated at all.
//! - It leaves the database as it found it, but for events in the feed, the audit log, letters, and the words
//!   that a search may correct to.

mod administrator;
mod client;
mod database;
mod faults;
mod findings;
mod instances;
mod jobs;
mod last;
mod live;
mod model;
mod products;
mod reads;
mod redis;
mod revocation;
mod service;
mod state;
mod work;
mod writers;
mod writes;
mod young;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use entrepot_accounts::temporary_key;
use entrepot_contracts::Role;
use entrepot_runtime::{Clock, Shutdown, Tasks};

use crate::database::Home;
use crate::production::{accounts_for_a_command, feed_for_a_command};
use crate::settings::Settings;
use crate::terminal::{progress, say, tell, thousands};

pub(crate) use faults::Fault;
pub(crate) use jobs::{JobsPlan, verify_jobs, verify_worker};
pub(crate) use live::{Guard, LivePlan, verify_live};

use client::{Answer, Etags};
use database::{Mistreated, open_own, postmaster, set_read_only};
use faults::Faults;
use findings::{Findings, Violation};
use instances::Instances;
use model::Product;
use redis::OwnRedis;
use revocation::Revoker;
use service::Service;
use work::{Http, Random, Worker};
use writers::Writers;
use young::FeedState;

const WORKERS: u64 = 24;
/// How long after the database was read-only a write may still meet a connection that is, and be told to
/// come back: as long as a pool keeps what nobody uses.
const AFTERMATH: Duration = Duration::from_secs(60);
/// What the run does over HTTP with a key.
const ACTIONS: [&str; 5] = ["products.write", "products.batch", "categories.write", "cache.read", "cache.write"];

/// What is to be checked.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) checks: u64,
    pub(crate) instances: usize,
    pub(crate) without_fence: bool,
    /// The checker throws away what is young: it must find that it is gone.
    pub(crate) spoil: bool,
    /// Only these faults; all when there are none.
    pub(crate) faults: Vec<Fault>,
}

/// Everything that the parts of a run share.
struct Run {
    plan: Plan,
    products: Vec<Product>,
    /// The SKU of a product by which instances are tried; nobody checks what it shows.
    probe: String,
    /// How old an answer may be that carries no position.
    bound: Duration,
    findings: Findings,
    service: Service,
    etags: Etags,
    instances: Instances,
    redis: Option<OwnRedis>,
    http: Http,
    /// What is being done at this moment.
    troubles: Mutex<Vec<Fault>>,
    /// The faults that were asked for and have not happened yet: the run lasts until all have.
    due: Mutex<Vec<Fault>>,
    /// When the database was read-only last.
    read_only: Mutex<Option<Instant>>,
    stop: tokio::sync::watch::Sender<bool>,
}

/// Runs it; `Ok(true)` when nothing was wrong.
pub(crate) async fn verify_cache(settings: &Settings, home: &Home, plan: Plan) -> anyhow::Result<bool> {
    let database = open_own(settings, home).await?;
    home.migrate(settings).await?;
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
    let accounts = accounts_for_a_command(settings, &database, &Clock::system(), &own_tasks)?;
    let key = temporary_key(&accounts, "verify", Role::Admin, &ACTIONS).await?;
    let http = Http::new(key.reveal());
    let postmaster = postmaster(settings, home);
    if postmaster.is_none() {
        tell(
            "the database is not this program's own: it is neither killed nor made read-only, and no clock is put off",
        );
    }
    // A run of its own each time, also with the same seed on a database where the last was cut short.
    let name = format!("{}-{}", plan.seed, std::process::id());
    let made = products::make(&http, instances.address(0), &name).await?;
    let (stop, _) = tokio::sync::watch::channel(false);
    let run = Arc::new(Run {
        products: made.products,
        probe: made.probe,
        bound: Duration::from_millis(settings.feed.max_lag_ms + 10),
        findings: Findings::default(),
        service: Service::new(plan.instances),
        etags: Etags::default(),
        due: Mutex::new(plan.faults.clone()),
        plan,
        instances,
        redis,
        http,
        troubles: Mutex::default(),
        read_only: Mutex::default(),
        stop,
    });
    let people = format!("verify-revoked-{name}");
    let revoker = Revoker::new(run.clone(), accounts.clone(), &people).await?;
    run.introduce();
    let young = FeedState::read(&database, settings.feed.retention_days).await?;
    last::keep_answer(&run).await?;
    let feed = feed_for_a_command(settings, &database);
    let writers = Writers::new(run.clone(), database.clone(), feed.clone());
    let faults = Faults::new(run.clone(), Mistreated::new(database.clone(), postmaster.clone()));
    work(&run, writers, faults, revoker).await?;
    last::check_all(&run, &database).await;
    if run.plan.spoil {
        last::throw_away(&run, &database).await?;
    }
    last::check_young(&run, &database, &young, settings.feed.retention_days).await;
    let figures = run.figures().await;
    run.instances.stop().await;
    if postmaster.is_some() {
        set_read_only(&database, false).await?;
    }
    until_done("the run's account could not be removed", || key.clone().delete(&accounts)).await?;
    until_done("the accounts of the run could not be removed", || revocation::remove_accounts(&database, &people))
        .await?;
    until_done("the products of the run could not be removed", || {
        products::remove(&database, &feed, &run.products, &run.probe)
    })
    .await?;
    own_tasks.stop(Duration::from_secs(1)).await;
    for fault in run.service.faults() {
        run.findings.violated(Violation::Unwell, fault);
    }
    report(&run, &figures, start.elapsed());
    database.close();
    Ok(run.findings.are_clean())
}

/// Has everybody work until there are enough checks.
async fn work(run: &Arc<Run>, writers: Writers, faults: Faults, revoker: Revoker) -> anyhow::Result<()> {
    let mut tasks = tokio::task::JoinSet::new();
    let mut random = Random::new(run.plan.seed);
    for _ in 0..WORKERS {
        let worker = Worker::new(run.clone(), random.next());
        tasks.spawn(async move { worker.work().await });
    }
    let (by_hand, misfortune, rights) = (random.next(), random.next(), random.next());
    tasks.spawn(async move { writers.write(Random::new(by_hand)).await });
    tasks.spawn(async move { faults.happen(Random::new(misfortune)).await });
    tasks.spawn(async move { revoker.revoke(Random::new(rights)).await });
    let bar = progress(run.plan.checks, "checking {bar:40} {pos}/{len}, {eta} to go, {msg}");
    let watch = run.clone();
    tasks.spawn(async move {
        let mut beat = tokio::time::interval(Duration::from_millis(100));
        while !watch.is_over() {
            beat.tick().await;
            bar.set_position(watch.findings.checks());
            bar.set_message(format!("{} stale", watch.findings.violations(Violation::Stale)));
        }
        bar.finish_and_clear();
    });
    while let Some(ended) = tasks.join_next().await {
        ended.context("a part of the check panicked")?;
    }
    Ok(())
}

/// Tries until the database does it: the last misfortune may have been PostgreSQL's.
async fn until_done<F, E>(otherwise: &str, mut what: impl FnMut() -> F) -> anyhow::Result<()>
where
    F: Future<Output = Result<(), E>>,
    E: std::fmt::Display,
{
    let mut tries = 0;
    while let Err(error) = what().await {
        tries += 1;
        ensure!(tries < 40, "{otherwise}: {error:#}");
        #[expect(clippy::disallowed_methods, reason = "a database that restarts can only be polled")]
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    Ok(())
}

impl Run {
    fn introduce(&self) {
        tell(format_args!(
            "{} instances{}, seed {}, {} checks{}",
            self.plan.instances,
            if self.redis.is_some() { ", one Redis" } else { "" },
            self.plan.seed,
            thousands(self.plan.checks),
            if self.plan.without_fence { ", without the fence" } else { "" }
        ));
    }

    fn is_over(&self) -> bool {
        *self.stop.borrow()
    }

    /// Ends the run when there are enough checks, and whatever faults were asked for have happened.
    fn end_if_enough(&self) {
        if self.findings.checks() >= self.plan.checks && self.due().is_empty() {
            self.stop.send_replace(true);
        }
    }

    /// Waits, for so long or until the run ends.
    async fn pause(&self, at_most: Duration) {
        let mut stop = self.stop.subscribe();
        let _over = tokio::time::timeout(at_most, stop.wait_for(|over| *over)).await;
    }

    fn due(&self) -> std::sync::MutexGuard<'_, Vec<Fault>> {
        self.due.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin_trouble(&self, faults: &[Fault]) {
        self.troubles.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(faults);
    }

    fn end_trouble(&self, faults: &[Fault]) {
        self.troubles.lock().unwrap_or_else(PoisonError::into_inner).retain(|fault| !faults.contains(fault));
    }

    fn troubles(&self) -> Vec<Fault> {
        self.troubles.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What is being done, for people.
    fn said_troubles(&self) -> String {
        Fault::names(&self.troubles())
    }

    fn was_read_only(&self) {
        *self.read_only.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// A request failed, which is excused if something was being done to more than Redis, then or now.
    fn refused(&self, troubles: &[Fault], method: &str, path: &str, answer: anyhow::Result<Answer>) {
        let is_excused = !Fault::are_only_of_redis(troubles) || !Fault::are_only_of_redis(&self.troubles());
        // A connection that stayed read-only is found out by the write that meets it.
        let read_only = *self.read_only.lock().unwrap_or_else(PoisonError::into_inner);
        let is_aftermath = read_only.is_some_and(|at| at.elapsed() < AFTERMATH)
            && answer.as_ref().is_ok_and(|answer| answer.status == 503 && answer.field("retry-after").is_some());
        self.findings.refused(!is_excused && !is_aftermath, || match answer {
            Ok(answer) => format!("{method} {path} answered {}: {}", answer.status, answer.body),
            Err(error) => format!("{method} {path}: {error:#}"),
        });
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
    let findings = &run.findings;
    for told in findings.told() {
        say(told);
    }
    for (what, count) in findings.counts() {
        say(format_args!("{:>9}  {what}", thousands(count)));
    }
    say(format_args!(
        "{:>9}  hits in memory, {} in Redis, {} misses on the instances as they are now",
        thousands(*hits),
        thousands(*shared),
        thousands(*misses)
    ));
    if findings.refused_without_cause() > 0 {
        let refused = thousands(findings.refused_without_cause());
        say(format_args!("{refused} requests failed while nothing but Redis was mistreated"));
    }
    say(format_args!("{} let in whose right had been taken away", thousands(findings.violations(Violation::LetIn))));
    say(format_args!("{} things thrown away that are young", thousands(findings.violations(Violation::Gone))));
    say(format_args!("{} times an instance did not do its work", thousands(findings.violations(Violation::Unwell))));
    say(format_args!(
        "{} checks in {:.1} s, {} stale (seed {})",
        thousands(findings.checks()),
        took.as_secs_f64(),
        thousands(findings.violations(Violation::Stale)),
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
