//! `entrepot verify live`: clients that follow topics of several instances, which are killed without a
//! warning while others write. After it every client must have had every event of its topics, in order.
//!
//! What each client must have seen is not what was acknowledged, but what the feed holds in the end: what was
//! committed and never acknowledged, since its instance died, must be told too.
//!
//! **Invariants:**
//! - A client counts an event by its id, once; one whose id does not ascend within its topic is out of order,
//!   as all writes of a topic here are to one row.
//! - A check that passed proves something: with `--without-resume` the same run must miss events.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use entrepot_accounts::temporary_key;
use entrepot_contracts::Role;
use entrepot_realtime::client::{Client, Incoming};
use entrepot_runtime::{Shutdown, Tasks};
use serde_json::{Value, json};

use super::database_url;
use super::instances::Instances;
use super::work::{Http, Random};
use crate::database::Home;
use crate::production::accounts_for_a_command;
use crate::settings::Settings;
use crate::terminal::{progress, say, tell, thousands};

/// Topics that each client follows.
const FOLLOWED: usize = 6;
const WRITERS: usize = 8;
/// How long the last events may take to come to everybody.
const PATIENCE: Duration = Duration::from_secs(60);
/// A pause of a writer, and before a client comes back.
const BREATH: Duration = Duration::from_millis(10);

/// What is to be checked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LivePlan {
    pub(crate) seed: u64,
    pub(crate) clients: usize,
    pub(crate) topics: usize,
    pub(crate) instances: usize,
    pub(crate) seconds: u64,
    pub(crate) without_resume: bool,
}

struct Run {
    plan: LivePlan,
    name: String,
    key: String,
    instances: Instances,
    http: Http,
    is_writing: AtomicBool,
    is_over: AtomicBool,
    joined: AtomicU64,
    /// By topic the ids that must have come to whoever follows it, once writing has ended.
    wanted: std::sync::OnceLock<HashMap<String, Vec<u64>>>,
}

/// What a client saw.
#[derive(Default)]
struct Seen {
    /// By topic the ids, as they first came.
    ids: HashMap<String, Vec<u64>>,
    again: u64,
    resyncs: u64,
    connections: u64,
}

/// Runs it; `Ok(true)` when nothing was missed, doubled or out of order.
pub(crate) async fn verify_live(settings: &Settings, home: &Home, plan: LivePlan) -> anyhow::Result<bool> {
    home.migrate(settings).await?;
    let database = home.database(settings)?;
    let scratch = tempfile::tempdir()?;
    let start = Instant::now();
    let url = database_url(settings, home)?;
    let instances = Instances::start(plan.instances, &url, None, scratch.path(), false).await?;
    let own_tasks = Tasks::new(Shutdown::new());
    let accounts = accounts_for_a_command(settings, &database, &own_tasks)?;
    let actions = ["stores.read", "stores.write", "sales.read", "sales.write"];
    let key = temporary_key(&accounts, "verify", Role::Admin, &actions).await?;
    let run = Arc::new(Run {
        plan,
        name: format!("v{}-{}", plan.seed, std::process::id()),
        key: key.reveal().to_owned(),
        http: Http::new(key.reveal()),
        instances,
        is_writing: AtomicBool::new(true),
        is_over: AtomicBool::new(false),
        joined: AtomicU64::new(0),
        wanted: std::sync::OnceLock::new(),
    });
    tell(format_args!(
        "{} instances, {} clients, {} topics, seed {}, {} s{}",
        plan.instances,
        plan.clients,
        plan.topics,
        plan.seed,
        plan.seconds,
        if plan.without_resume { ", without resuming" } else { "" }
    ));
    let body = json!({"name": "Verify"});
    for topic in 0..plan.topics {
        let path = format!("/api/v2/stores/{}", run.store(topic));
        let answer = run.http.send(run.instances.address(0), "PUT", &path, &[], Some(&body)).await?;
        ensure!(answer.status == 201, "a store cannot be made: {}", answer.body);
    }
    let mut random = Random::new(plan.seed);
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..plan.clients {
        let (run, seed) = (run.clone(), random.next());
        clients.spawn(async move { run.follow(Random::new(seed)).await });
    }
    // Nobody writes before everybody follows, so that all must see all.
    while run.joined.load(Ordering::Relaxed) < plan.clients as u64 {
        ensure!(start.elapsed() < PATIENCE, "the clients cannot connect");
        pause(BREATH).await;
    }
    let mut work = tokio::task::JoinSet::new();
    for _ in 0..WRITERS {
        let (run, seed) = (run.clone(), random.next());
        work.spawn(async move { run.write(Random::new(seed)).await });
    }
    let kills = run.kill(Random::new(random.next())).await?;
    run.is_writing.store(false, Ordering::Relaxed);
    let mut acknowledged = 0;
    while let Some(written) = work.join_next().await {
        acknowledged += written.context("a writer panicked")?;
    }
    let wanted = run.written(&database).await?;
    let told: u64 = wanted.values().map(|ids| ids.len() as u64).sum();
    let _set_once = run.wanted.set(wanted);
    let deadline = Instant::now() + PATIENCE;
    let mut seen = Vec::new();
    while let Some(client) = clients.join_next().await {
        seen.push(client.context("a client panicked")?);
        if Instant::now() > deadline {
            run.is_over.store(true, Ordering::Relaxed);
        }
    }
    let is_good = run.report(&seen, acknowledged, told, kills, start.elapsed());
    run.remove().await?;
    key.delete(&accounts).await?;
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
    fn store(&self, topic: usize) -> String {
        format!("{}-{topic}", self.name)
    }

    /// Writes to topics at random over instances at random; how many writes were acknowledged.
    async fn write(&self, mut random: Random) -> u64 {
        let mut acknowledged = 0;
        while self.is_writing.load(Ordering::Relaxed) {
            let store = self.store(random.index(self.plan.topics));
            let address = self.instances.address(random.index(self.plan.instances));
            let body =
                json!({"dailyData": {(random.below(28) + 1).to_string(): {"sales": random.below(1_000_000_000)}}});
            let path = format!("/api/v2/sales/{store}/2024/1");
            match self.http.send(address, "PATCH", &path, &[], Some(&body)).await {
                Ok(answer) if answer.status < 300 => acknowledged += 1,
                // Its instance is dead, or dying: nobody knows what became of the write.
                Ok(_) | Err(_) => pause(BREATH).await,
            }
        }
        acknowledged
    }

    /// Kills instances, one after the other, for as long as the run is to last; how many times.
    async fn kill(&self, mut random: Random) -> anyhow::Result<u64> {
        let bar = progress(self.plan.seconds, "writing {bar:40} {pos}/{len} s, {msg}");
        let end = Instant::now() + Duration::from_secs(self.plan.seconds);
        let mut kills = 0;
        while Instant::now() < end {
            pause(Duration::from_millis(400 + random.below(1_200))).await;
            self.instances.restart(random.index(self.plan.instances)).await?;
            kills += 1;
            bar.set_position(self.plan.seconds - (end - Instant::now()).as_secs());
            bar.set_message(format!("{kills} kills"));
        }
        bar.finish_and_clear();
        Ok(kills)
    }

    /// The ids of all events, by topic.
    async fn written(&self, database: &entrepot_pg::Database) -> anyhow::Result<HashMap<String, Vec<u64>>> {
        let client = database.client().await?;
        let like = format!("sales-data-{}-%", self.name);
        let rows = client.query("SELECT topic, id FROM feed.event WHERE topic LIKE $1 ORDER BY id", &[&like]).await?;
        let mut wanted: HashMap<String, Vec<u64>> = HashMap::new();
        for row in rows {
            wanted.entry(row.try_get(0)?).or_default().push(row.try_get::<_, i64>(1)?.unsigned_abs());
        }
        Ok(wanted)
    }

    /// Follows topics until all of their events have come, over whatever instance is there.
    async fn follow(&self, mut random: Random) -> Seen {
        let mut topics = HashSet::new();
        while topics.len() < FOLLOWED.min(self.plan.topics) {
            topics.insert(format!("sales-data-{}", self.store(random.index(self.plan.topics))));
        }
        let mut cursors: BTreeMap<String, Option<String>> = topics.into_iter().map(|topic| (topic, None)).collect();
        let mut known: HashSet<u64> = HashSet::new();
        let mut seen =
            Seen { ids: cursors.keys().map(|topic| (topic.clone(), Vec::new())).collect(), ..Seen::default() };
        let mut has_joined = false;
        while !self.has_all(&seen) {
            let address = self.instances.address(random.index(self.plan.instances));
            let path = format!("/ws?token={}", self.key);
            let Ok(Ok(mut client)) = tokio::time::timeout(PATIENCE, Client::open(address, &path)).await else {
                pause(BREATH).await;
                continue;
            };
            seen.connections += 1;
            let mut confirmed = 0;
            for (topic, cursor) in &cursors {
                let since = cursor.as_ref().filter(|_| !self.plan.without_resume);
                let _broken =
                    client.send(&json!({"type": "subscribe", "event": topic, "since": since}).to_string()).await;
            }
            // Looked up now and then whether all has come, also where nothing more does.
            while !self.has_all(&seen) {
                let next = match tokio::time::timeout(Duration::from_millis(200), client.next()).await {
                    Err(_elapsed) => continue,
                    Ok(Ok(Incoming::Text(text))) => text,
                    Ok(Ok(Incoming::Close(_)) | Err(_)) => break,
                };
                let Ok(message) = serde_json::from_str::<Value>(&next) else { continue };
                let topic = message["topic"].as_str().or(message["event"].as_str()).unwrap_or_default();
                match message["type"].as_str() {
                    Some("subscribed") => confirmed += 1,
                    Some("resync") => seen.resyncs += 1,
                    Some("event") => {
                        let id = message["id"].as_str().and_then(|id| id.parse::<u64>().ok()).unwrap_or_default();
                        if known.insert(id) {
                            seen.ids.entry(topic.to_owned()).or_default().push(id);
                        } else {
                            seen.again += 1;
                        }
                    }
                    _ => continue,
                }
                if let (Some(cursor), Some(place)) = (message["cursor"].as_str(), cursors.get_mut(topic)) {
                    *place = Some(cursor.to_owned());
                }
                if !has_joined && confirmed == cursors.len() {
                    has_joined = true;
                    self.joined.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
        seen
    }

    /// Whether a client has all that it must, or the time for it is over.
    fn has_all(&self, seen: &Seen) -> bool {
        if self.is_over.load(Ordering::Relaxed) {
            return true;
        }
        let Some(wanted) = self.wanted.get() else { return false };
        if self.plan.without_resume {
            // What it has missed does not come any more.
            return true;
        }
        seen.ids.iter().all(|(topic, ids)| wanted.get(topic).is_none_or(|wanted| ids.len() >= wanted.len()))
    }

    fn report(&self, seen: &[Seen], acknowledged: u64, told: u64, kills: u64, took: Duration) -> bool {
        let none = Vec::new();
        let wanted = self.wanted.get();
        let (mut missing, mut invented, mut disordered, mut events) = (0_u64, 0_u64, 0_u64, 0_u64);
        for (topic, ids) in seen.iter().flat_map(|seen| &seen.ids) {
            let wanted: HashSet<u64> =
                wanted.and_then(|wanted| wanted.get(topic)).unwrap_or(&none).iter().copied().collect();
            let had: HashSet<u64> = ids.iter().copied().collect();
            events += ids.len() as u64;
            missing += wanted.difference(&had).count() as u64;
            invented += had.difference(&wanted).count() as u64;
            disordered += ids.windows(2).filter(|pair| pair[1] < pair[0]).count() as u64;
        }
        let sum = |count: fn(&Seen) -> u64| thousands(seen.iter().map(count).sum());
        for (count, what) in [
            (thousands(acknowledged), "writes acknowledged"),
            (thousands(told), "events committed"),
            (thousands(kills), "kills"),
            (sum(|seen| seen.connections), "connections"),
            (thousands(events), "events told"),
            (sum(|seen| seen.again), "of them again, and known by their id"),
            (sum(|seen| seen.resyncs), "resyncs"),
        ] {
            say(format_args!("{count:>9}  {what}"));
        }
        say(format_args!(
            "{} clients in {:.1} s: {} events missing, {} unknown, {} out of order (seed {})",
            thousands(seen.len() as u64),
            took.as_secs_f64(),
            thousands(missing),
            thousands(invented),
            thousands(disordered),
            self.plan.seed
        ));
        let resyncs: u64 = seen.iter().map(|seen| seen.resyncs).sum();
        missing + invented + disordered + resyncs == 0
    }

    /// Takes away what the run has made.
    async fn remove(&self) -> anyhow::Result<()> {
        for topic in 0..self.plan.topics {
            let store = self.store(topic);
            for path in [format!("/api/v2/sales/{store}/2024/1"), format!("/api/v2/stores/{store}")] {
                let answer = self.http.send(self.instances.address(0), "DELETE", &path, &[], None).await?;
                ensure!(matches!(answer.status, 204 | 404), "{path} cannot be removed: {}", answer.body);
            }
        }
        Ok(())
    }
}
