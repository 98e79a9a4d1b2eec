//! `entrepot verify live`: followers of several instances, by WebSocket and by server-sent events, while instances,
//! PostgreSQL and the followers themselves are mistreated and others write. What was acknowledged to a writer, and
//! whatever else was committed, must come to every follower that has a right to it: once, in order, or with an
//! explicit `resync` in its place; and to nobody else.
//!
//! | room | what it does |
//! | --- | --- |
//! | here | the run: set up, work, gather what was recorded |
//! | `judge` | compares what was recorded with what must have been delivered; pure |
//! | `writers` | acknowledged writes, and floods that make slow followers overflow |
//! | `follower`, `link` | a follower, and its connection |
//! | `people` | who may follow what, and loses the right to it |
//! | `faults` | what goes wrong meanwhile |
//! | `report` | what is printed |
//!
//! **Invariants:**
//! - Nobody writes before everybody follows, and the feed is read after the last write: all must see all.
//! - A check that passed proves something: for each of [`Guard`] the same run without it must find violations, and
//!   each kind of violation has a test of the judge.

mod faults;
mod follower;
mod judge;
mod link;
mod people;
mod report;
mod writers;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use clap::ValueEnum;
use entrepot_accounts::{Accounts, temporary_key};
use entrepot_contracts::Role;
use entrepot_feed::Feed;
use entrepot_pg::{Database, Error};
use entrepot_runtime::{Shutdown, Tasks};
use futures_util::future::try_join_all;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::database::{EACH_CONNECTION, Mistreated, open_own, postmaster};
use super::database_url;
use super::instances::Instances;
use super::revocation::remove_accounts;
use super::until_done;
use super::work::{Http, Random};
use super::young::{FeedState, drop_today};
use crate::database::Home;
use crate::production::{accounts_for_a_command, feed_for_a_command};
use crate::settings::Settings;
use crate::terminal::{say, tell};

use faults::Faults;
use follower::{Followed, Follower};
use judge::{Attempt, Committed, Following, Moment, Outage, Record, Seen};
use link::Streams;
use people::{People, Taken};

const WRITERS: usize = 8;
/// How long the last events may take to come to everybody, and anything else that must not fail.
const PATIENCE: Duration = Duration::from_secs(60);
/// A pause of a writer, and before a follower comes back.
const BREATH: Duration = Duration::from_millis(10);
/// What an instance that was killed had sent to the database is done or gone after this.
const SETTLED: Duration = Duration::from_millis(500);
const ACTIONS: [&str; 6] = ["stores.read", "stores.write", "sales.read", "sales.write", "users.write", "live.read"];

/// What a run can be made to do without: violations must then be found, or the check would prove nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Guard {
    /// Followers that come back begin anew, so events are missed.
    Resume,
    /// Followers take no notice of `resync`, so what overflowed is missed.
    Resync,
    /// Rights that are to be taken away are not, so events come after it.
    Revocation,
    /// People who are tied to stores follow with an admin's key, so they see other stores.
    Ties,
}

/// What is to be checked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LivePlan {
    pub(crate) seed: u64,
    pub(crate) clients: usize,
    pub(crate) topics: usize,
    pub(crate) instances: usize,
    pub(crate) seconds: u64,
    pub(crate) without: Option<Guard>,
    /// The checker throws away what is young: it must find that it is gone.
    pub(crate) spoil: bool,
}

/// The last event of a topic, and when its write was sent.
#[derive(Clone, Copy, Debug)]
struct Goal {
    id: u64,
    sent: Moment,
}

/// What all parts of a run share.
struct Run {
    plan: LivePlan,
    name: String,
    start: Instant,
    key: String,
    instances: Instances,
    http: Http,
    streams: Streams,
    marks: AtomicU64,
    joined: AtomicU64,
    is_writing: AtomicBool,
    is_holding: AtomicBool,
    is_revoking: AtomicBool,
    /// A right was taken away, and its bound has not passed yet without a fault.
    is_bound_running: AtomicBool,
    is_over: AtomicBool,
    /// By topic, once writing has ended.
    goals: OnceLock<HashMap<Arc<str>, Goal>>,
    outages: Mutex<Vec<Outage>>,
    happened: Mutex<BTreeMap<&'static str, u64>>,
    /// What an instance did not do that it must, for people.
    unwell: Mutex<Vec<String>>,
}

/// Runs it; `Ok(true)` when nothing was violated.
pub(crate) async fn verify_live(settings: &Settings, home: &Home, plan: LivePlan) -> anyhow::Result<bool> {
    let database = open_own(settings, home).await?;
    home.migrate(settings).await?;
    let scratch = tempfile::tempdir()?;
    let url = database_url(settings, home)?;
    let postmaster = postmaster(settings, home);
    if postmaster.is_none() {
        tell("the database is not this program's own: it is not killed, its connections are cut");
    }
    let instances = Instances::start(plan.instances, &url, None, scratch.path(), false).await?;
    let own_tasks = Tasks::new(Shutdown::new());
    let accounts = accounts_for_a_command(settings, &database, &entrepot_runtime::Clock::system(), &own_tasks)?;
    let key = temporary_key(&accounts, "verify", Role::Admin, &ACTIONS).await?;
    let run = Arc::new(Run::new(plan, key.reveal(), instances));
    tell(format_args!(
        "{} instances, {} clients, {} topics, seed {}, {} s{}",
        plan.instances,
        plan.clients,
        plan.topics,
        plan.seed,
        plan.seconds,
        plan.without.map_or(String::new(), |guard| format!(", without {guard:?}").to_lowercase())
    ));
    let feed = feed_for_a_command(settings, &database);
    let retention_days = settings.feed.retention_days;
    let young = FeedState::read(&database, retention_days).await?;
    let is_good = run.check(&accounts, &database, feed, (postmaster, young, retention_days)).await?;
    until_done("the run's account could not be removed", || key.clone().delete(&accounts)).await?;
    until_done("the accounts of the run could not be removed", || remove_accounts(&database, &run.name)).await?;
    own_tasks.stop(Duration::from_secs(1)).await;
    run.instances.stop().await;
    database.close();
    Ok(is_good)
}

async fn pause(time: Duration) {
    #[expect(clippy::disallowed_methods, reason = "the pace of a check, which nothing else sets")]
    tokio::time::sleep(time).await;
}

impl Run {
    fn new(plan: LivePlan, key: &str, instances: Instances) -> Self {
        Self {
            plan,
            name: format!("v{}-{}", plan.seed, std::process::id()),
            start: Instant::now(),
            key: key.to_owned(),
            http: Http::new(key),
            streams: Streams::new(),
            instances,
            marks: AtomicU64::new(1),
            joined: AtomicU64::new(0),
            is_writing: AtomicBool::new(true),
            is_holding: AtomicBool::new(false),
            is_revoking: AtomicBool::new(false),
            is_bound_running: AtomicBool::new(false),
            is_over: AtomicBool::new(false),
            goals: OnceLock::new(),
            outages: Mutex::default(),
            happened: Mutex::default(),
            unwell: Mutex::default(),
        }
    }

    async fn check(
        self: &Arc<Self>,
        accounts: &Accounts,
        database: &Database,
        feed: Feed,
        (postmaster, young, retention_days): (Option<PathBuf>, FeedState, u32),
    ) -> anyhow::Result<bool> {
        self.make_stores().await?;
        let people = Arc::new(People::make(self, accounts).await?);
        let mut random = Random::new(self.plan.seed);
        let mut followers = self.start_followers(&people, &mut random).await?;
        let begin = feed.last_given().await?;
        let mut writers = JoinSet::new();
        for _ in 0..WRITERS {
            writers.spawn(writers::write(self.clone(), Random::new(random.next())));
        }
        writers.spawn(writers::flood(self.clone(), database.clone(), feed, Random::new(random.next())));
        let mut revocations = JoinSet::new();
        let (run, leaving) = (self.clone(), people.clone());
        revocations.spawn(async move { leaving.revoke(&run).await });
        let faults = Faults::new(self.clone(), Mistreated::new(database.clone(), postmaster));
        faults.happen(Random::new(random.next())).await?;
        let mut taken: Vec<Taken> = Vec::new();
        while let Some(revoked) = revocations.join_next().await {
            taken.extend(revoked.context("the revocations panicked")??);
        }
        self.is_writing.store(false, Ordering::Relaxed);
        let mut attempts: Vec<Attempt> = Vec::new();
        while let Some(written) = writers.join_next().await {
            attempts.extend(written.context("a writer panicked")?);
        }
        pause(SETTLED).await;
        let committed = self.committed(database, begin).await?;
        let _set_once = self.goals.set(goals(&attempts, &committed));
        let mut followed = self.gather(&mut followers).await?;
        let connections = followed.iter().map(|follower| follower.connections).sum();
        for follower in &mut followed {
            // Of what was made before everybody followed, some may be told late.
            follower.seen.retain(|seen| !matches!(seen, Seen::Event { id, .. } if *id <= begin));
        }
        let following = |follower: Followed| Following {
            rights: follower.spec.rights(&taken),
            is_slow: follower.spec.is_flooded,
            seen: follower.seen,
        };
        let followings = followed.into_iter().map(following).collect();
        let record = Record { attempts, committed, outages: locked(&self.outages).clone(), followings };
        let verdict = judge::judge(&record);
        let happened = locked(&self.happened).clone();
        if self.plan.spoil {
            drop_today(database).await?;
        }
        let gone = young.gone(&FeedState::read(database, retention_days).await?);
        for what in &gone {
            say(format_args!("GONE: {what}"));
        }
        let unwell = locked(&self.unwell).clone();
        for what in &unwell {
            say(format_args!("UNWELL: {what}"));
        }
        let is_good = report::report(&self.plan, &record, &verdict, &happened, connections, self.start.elapsed());
        if let Some(people) = Arc::into_inner(people) {
            people.remove(accounts).await?;
        }
        self.remove_stores().await?;
        Ok(is_good && unwell.is_empty() && gone.is_empty())
    }

    /// Starts the followers, and waits until all of them follow.
    async fn start_followers(
        self: &Arc<Self>,
        people: &People,
        random: &mut Random,
    ) -> anyhow::Result<JoinSet<Followed>> {
        let specs = people.specs(self, random);
        let count = specs.len() as u64;
        let mut followers = JoinSet::new();
        for spec in specs {
            followers.spawn(Follower::new(self.clone(), spec, random.next()).follow());
        }
        let begun = Instant::now();
        while self.joined.load(Ordering::Relaxed) < count {
            ensure!(begun.elapsed() < PATIENCE, "the clients cannot connect");
            pause(BREATH).await;
        }
        Ok(followers)
    }

    /// What the followers saw, once they have seen all or the time for it is over.
    async fn gather(&self, followers: &mut JoinSet<Followed>) -> anyhow::Result<Vec<Followed>> {
        let mut followed = Vec::new();
        let mut end = Some(tokio::time::Instant::now() + PATIENCE);
        loop {
            let next = match end {
                Some(end) => tokio::time::timeout_at(end, followers.join_next()).await,
                None => Ok(followers.join_next().await),
            };
            match next {
                Ok(None) => return Ok(followed),
                Ok(Some(follower)) => followed.push(follower.context("a client panicked")?),
                Err(_elapsed) => {
                    self.is_over.store(true, Ordering::Relaxed);
                    end = None;
                }
            }
        }
    }

    /// The events of the run, ascending by id.
    async fn committed(&self, database: &Database, begin: u64) -> anyhow::Result<Vec<Committed>> {
        let begun = Instant::now();
        loop {
            match self.read_committed(database, begin).await {
                Ok(committed) => return Ok(committed),
                Err(error) if begun.elapsed() > PATIENCE => return Err(error).context("the feed cannot be read"),
                Err(_) => pause(Duration::from_millis(100)).await,
            }
        }
    }

    async fn read_committed(&self, database: &Database, begin: u64) -> Result<Vec<Committed>, Error> {
        let client = database.client().await?;
        let sql = "SELECT id, topic, data - 'padding' FROM feed.event
                   WHERE id > $1 AND (topic LIKE $2 OR topic LIKE $3) ORDER BY id";
        let (sales, stores) = (format!("sales-data-{}-%", self.name), format!("store-{}-%", self.name));
        let begin = i64::try_from(begin).unwrap_or(i64::MAX);
        let mut committed = Vec::new();
        for row in client.query(sql, &[&begin, &sales, &stores]).await? {
            let topic: &str = row.try_get(1)?;
            committed.push(Committed {
                id: row.try_get::<_, i64>(0)?.unsigned_abs(),
                topic: topic.into(),
                mark: writers::mark_of(&row.try_get::<_, Value>(2)?),
            });
        }
        Ok(committed)
    }

    async fn make_stores(&self) -> anyhow::Result<()> {
        let body = json!({"name": "Verify"});
        for store in self.stores() {
            let path = format!("/api/v2/stores/{store}");
            let answer = self.http.send(self.instances.address(0), "PUT", &path, &[], Some(&body)).await?;
            ensure!(answer.status == 201, "a store cannot be made: {}", answer.body);
        }
        Ok(())
    }

    async fn remove_stores(&self) -> anyhow::Result<()> {
        for store in self.stores() {
            for path in [format!("/api/v2/sales/{store}/2024/1"), format!("/api/v2/stores/{store}")] {
                let answer = self.http.send(self.instances.address(0), "DELETE", &path, &[], None).await?;
                ensure!(matches!(answer.status, 204 | 404), "{path} cannot be removed: {}", answer.body);
            }
        }
        Ok(())
    }

    fn stores(&self) -> impl Iterator<Item = String> {
        let tried = (0..EACH_CONNECTION).map(|number| self.tried(number));
        (0..self.plan.topics).map(|topic| self.store(topic)).chain([self.flooded()]).chain(tried)
    }

    fn store(&self, topic: usize) -> String {
        format!("{}-{topic}", self.name)
    }

    /// The store of the topic that is flooded.
    fn flooded(&self) -> String {
        format!("{}-flood", self.name)
    }

    /// A store by which writing is tried; nobody follows it, and its events are none of the run's.
    fn tried(&self, number: usize) -> String {
        format!("tried-{number}-{}", self.name)
    }

    /// Writes by as many requests at once as an instance has connections; what went wrong.
    async fn try_writes(&self, instance: usize) -> Result<(), String> {
        let writes = (0..EACH_CONNECTION).map(|number| async move {
            let body = json!({"name": format!("Verify {}", self.next_mark())});
            let path = format!("/api/v2/stores/{}", self.tried(number));
            let answer = self.http.send(self.instances.address(instance), "PUT", &path, &[], Some(&body)).await;
            match answer {
                Ok(answer) if answer.status == 200 => Ok(()),
                Ok(answer) => Err(format!("a write is answered {}: {}", answer.status, answer.body)),
                Err(error) => Err(format!("{error:#}")),
            }
        });
        try_join_all(writes).await.map(|_| ())
    }

    fn unwell(&self, what: String) {
        locked(&self.unwell).push(what);
    }

    fn now(&self) -> Moment {
        self.start.elapsed()
    }

    fn next_mark(&self) -> u64 {
        self.marks.fetch_add(1, Ordering::Relaxed)
    }

    fn joined(&self) {
        self.joined.fetch_add(1, Ordering::Relaxed);
    }

    fn is_writing(&self) -> bool {
        self.is_writing.load(Ordering::Relaxed)
    }

    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    /// Waits, for so long or until writing is over.
    async fn while_writing(&self, at_most: Duration) {
        let begun = Instant::now();
        while self.is_writing() && begun.elapsed() < at_most {
            pause(BREATH).await;
        }
    }

    /// Whether slow followers do not read now.
    fn is_holding(&self) -> bool {
        self.is_holding.load(Ordering::Relaxed)
    }

    fn hold(&self, is_holding: bool) {
        self.is_holding.store(is_holding, Ordering::Relaxed);
    }

    /// Whether rights are being taken away, or were.
    fn is_revoking(&self) -> bool {
        self.is_revoking.load(Ordering::Relaxed)
    }

    fn begin_revoking(&self) {
        self.is_revoking.store(true, Ordering::Relaxed);
    }

    fn goals(&self) -> Option<&HashMap<Arc<str>, Goal>> {
        self.goals.get()
    }

    fn had(&self, outage: Outage) {
        locked(&self.outages).push(outage);
    }

    fn count(&self, what: &'static str) {
        *locked(&self.happened).entry(what).or_default() += 1;
    }

    /// Events that did not fit into a follower's queue, on the instances that answer.
    async fn dropped(&self) -> u64 {
        let mut dropped = 0;
        for index in 0..self.plan.instances {
            let asked = self.http.get(self.instances.address(index), "/api/admin/websocket/stats", &[]);
            if let Ok(Ok(answer)) = tokio::time::timeout(Duration::from_millis(300), asked).await {
                dropped += answer.body["messages"]["dropped"].as_u64().unwrap_or(0);
            }
        }
        dropped
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn goals(attempts: &[Attempt], committed: &[Committed]) -> HashMap<Arc<str>, Goal> {
    let sent: HashMap<u64, Moment> = attempts.iter().map(|attempt| (attempt.mark, attempt.sent)).collect();
    let goal = |event: &Committed| {
        let sent = event.mark.and_then(|mark| sent.get(&mark)).copied().unwrap_or_default();
        (event.topic.clone(), Goal { id: event.id, sent })
    };
    // Ascending, so the last of each topic stays.
    committed.iter().map(goal).collect()
}
