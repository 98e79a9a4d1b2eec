//! The cache over HTTP: cached answers beside bare hyper, how soon another instance shows a change,
//! and how often a cold key asks the database.
//!
//! **What makes the figures honest:**
//! - The bare server sends the bytes of a recorded hit, header fields included; that it does is
//!   checked, and the bytes of an answer under load are compared too.
//! - Every request of `wrk` must have been a hit by the server's own count, with no miss among them.
//! - `wrk` sends no `Accept-Encoding` of its own, so the plain form is sent unless the row says otherwise.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use bytes::Bytes;
use http::{HeaderMap, Method, header};
use tokio::sync::Barrier;
use tokio::time::MissedTickBehavior;

use super::{LIST, PAIRS, Random, Stage, Wanted, milliseconds, percentile};
use crate::bare::write_fields;
use crate::client::{Answer, Http};
use crate::programs::{Ask, Load, Psql, Running, bare, wrk};
use crate::table::{Row, at_most, ratio};

/// Of the bare server's throughput, and of its processor time for a request.
const SHARE_WANTED: f64 = 0.80;
/// The same with limits and authentication on.
const SHARE_WANTED_GUARDED: f64 = 0.72;
/// Limits that are counted and never reached, in whole units a microsecond at the most.
pub(super) const COUNTED: &[(&str, &str)] = &[
    ("ENTREPOT_RATE_LIMITS_ENABLED", "true"),
    ("ENTREPOT_GUARD_SUSPICION", "true"),
    ("RATE_LIMIT_GENERAL", "900000000"),
    ("RATE_LIMIT_API", "60000000"),
];
/// `feed.poll_ms` in config/default.toml.
const POLL: Duration = Duration::from_millis(250);
/// What a look, its effect and the question that finds it may take beside the poll's interval.
const POLL_SLACK: Duration = Duration::from_millis(50);
const CROWD: usize = 32;
const COLD_KEYS: usize = 50;

pub(super) const ON_STAGE: &[&str] = &[
    "cached-by-id",
    "cached-by-id-cpu",
    "cached-by-id-plain",
    "cached-list",
    "cached-list-cpu",
    "cached-list-plain",
    "cached-list-br",
    "guarded-list",
    "guarded-list-cpu",
    "invalidation",
    "invalidation-poll",
    "cold-key",
];

pub(super) async fn on_stage(stage: &Stage, wanted: Wanted<'_>) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    let by_id = Cached {
        name: "cached-by-id",
        cpu: Some("cached-by-id-cpu"),
        plain: Some("cached-by-id-plain"),
        what: "product by id, from the cache",
        path: &stage.product(0),
        coding: None,
        is_guarded: false,
    };
    let list = Cached {
        name: "cached-list",
        cpu: Some("cached-list-cpu"),
        plain: Some("cached-list-plain"),
        what: "list of 20, from the cache",
        path: LIST,
        coding: None,
        is_guarded: false,
    };
    let guarded = Cached {
        name: "guarded-list",
        cpu: Some("guarded-list-cpu"),
        plain: None,
        what: "list of 20, from the cache, by somebody who has signed in, limits and suspicion on",
        path: LIST,
        coding: None,
        is_guarded: true,
    };
    let compressed = Cached {
        name: "cached-list-br",
        cpu: None,
        plain: None,
        what: "list of 20, from the cache, compressed by brotli",
        path: LIST,
        coding: Some("br"),
        is_guarded: false,
    };
    for case in [by_id, list, compressed, guarded] {
        if wanted.one(case.name) || case.cpu.into_iter().chain(case.plain).any(|name| wanted.one(name)) {
            rows.extend(case.measure(stage, wanted).await?);
        }
    }
    if wanted.one("invalidation") {
        rows.push(invalidation(stage, true).await?);
    }
    if wanted.one("invalidation-poll") {
        rows.push(invalidation(stage, false).await?);
    }
    if wanted.one("cold-key") {
        rows.push(cold_key(stage).await?);
    }
    Ok(rows)
}

/// An answer from the cache, beside a bare server that sends the same bytes.
struct Cached<'a> {
    name: &'static str,
    /// The row about processor time, if it is to have one.
    cpu: Option<&'static str>,
    /// The row about a bare server that sends no fields but content-type, if it is to have one.
    plain: Option<&'static str>,
    what: &'a str,
    path: &'a str,
    coding: Option<&'a str>,
    /// Asked by somebody who has signed in, with limits and suspicion on.
    is_guarded: bool,
}

/// One run of `wrk`.
struct Measured {
    load: Load,
    /// Processor time of the server for one request, in microseconds.
    cpu_us: f64,
}

impl Cached<'_> {
    /// Server on core 0 with one worker thread, load on core 1, the bare servers in turn on core 0.
    async fn measure(&self, stage: &Stage, wanted: Wanted<'_>) -> anyhow::Result<Vec<Row>> {
        let ours = stage.another(self.name, if self.is_guarded { COUNTED } else { &[] }, true)?;
        let http = Http::new(ours.address);
        let token = if self.is_guarded { Some(http.token().await?.to_owned()) } else { None };
        let token = token.as_deref();
        let recorded = self.record(&http, token).await?;
        let body = stage.file(&format!("{}.body", self.name), &recorded.body)?;
        let fields = stage.file(&format!("{}.fields", self.name), write_fields(&recorded.fields)?)?;
        let same = self.same_bytes(&recorded, &body, &fields).await?;
        let plain = match self.plain.filter(|name| wanted.one(name)) {
            Some(_) => Some(bare(&body, None)?),
            None => None,
        };
        let before = Figures::of(&http, "products").await?;
        let mut asked = 0;
        let (mut by_throughput, mut by_cpu, mut beside_plain) = (Vec::new(), Vec::new(), Vec::new());
        let (mut rates, mut cpu, mut plain_rates) = (String::new(), String::new(), String::new());
        let mut bytes = 0.0;
        // The first round warms all up.
        for round in 0..=PAIRS {
            let a = self.load(&ours, token)?;
            let b = self.load(&same, token)?;
            let c = plain.as_ref().map(|plain| self.load(plain, token)).transpose()?;
            asked += a.load.requests;
            bytes = a.load.bytes;
            let apart = (bytes / b.load.bytes - 1.0).abs();
            ensure!(apart < 0.01, "{}: answers of {bytes:.0} and {:.0} bytes under load", self.name, b.load.bytes);
            if round == 0 {
                continue;
            }
            by_throughput.push(a.load.per_second / b.load.per_second);
            by_cpu.push(b.cpu_us / a.cpu_us);
            write!(rates, "{:.0}/{:.0} ", a.load.per_second, b.load.per_second)?;
            write!(cpu, "{:.1}/{:.1} ", a.cpu_us, b.cpu_us)?;
            if let Some(c) = c {
                beside_plain.push(a.load.per_second / c.load.per_second);
                write!(plain_rates, "{:.0}/{:.0} ", a.load.per_second, c.load.per_second)?;
            }
        }
        let after = Figures::of(&http, "products").await?;
        let (hits, misses) = (after.hits - before.hits, after.misses - before.misses);
        ensure!(hits >= asked && misses == 0, "{}: {asked} requests, {hits} hits, {misses} misses", self.name);
        let again = self.ask(&http, token).await?;
        ensure!(again.is_hit() && again.body == recorded.body, "{}: the answer is another one now", self.name);

        let (rates, cpu) = (rates.trim_end(), cpu.trim_end());
        let told = format!("{bytes:.0} bytes an answer, {} of them the body", recorded.body.len());
        let detail = format!("a second, ours/yardstick: {rates}; µs of processor time a request: {cpu}; {told}");
        let yardstick = "bare hyper, same bytes and header fields, one core";
        // What is compressed is told only.
        let share = if self.is_guarded { SHARE_WANTED_GUARDED } else { SHARE_WANTED };
        let least = (self.cpu.is_some().then_some(share), None);
        let mut rows = vec![ratio(self.name, self.what, yardstick, by_throughput, least, detail)];
        if let Some(name) = self.cpu {
            let what = format!("{}: processor time a request, yardstick by ours", self.what);
            let detail = format!("µs a request, ours/yardstick: {cpu}");
            rows.push(ratio(name, &what, yardstick, by_cpu, least, detail));
        }
        if let Some(name) = self.plain.filter(|_| plain.is_some()) {
            let yardstick = "bare hyper, same body, content-type alone, one core";
            let detail = format!("a second, ours/yardstick: {}", plain_rates.trim_end());
            rows.push(ratio(name, self.what, yardstick, beside_plain, (None, None), detail));
        }
        Ok(rows)
    }

    fn load(&self, server: &Running, token: Option<&str>) -> anyhow::Result<Measured> {
        let before = server.processor_time()?;
        let ask = Ask { path: self.path, accept_encoding: self.coding, token, pinned: true, ..Ask::default() };
        let load = wrk(server.address, ask)?;
        let cpu = server.processor_time()?.saturating_sub(before);
        Ok(Measured { cpu_us: cpu.as_secs_f64() * 1e6 / load.requests as f64, load })
    }

    async fn ask(&self, http: &Http, token: Option<&str>) -> anyhow::Result<Answer> {
        let mut fields: Vec<(header::HeaderName, &str)> =
            self.coding.into_iter().map(|coding| (header::ACCEPT_ENCODING, coding)).collect();
        let bearer = token.map(|token| format!("Bearer {token}"));
        fields.extend(bearer.as_deref().map(|bearer| (header::AUTHORIZATION, bearer)));
        http.send(Method::GET, self.path, &fields, Bytes::new()).await
    }

    /// A hit in its final form: the good compressed form is made in the background after the first.
    async fn record(&self, http: &Http, token: Option<&str>) -> anyhow::Result<Answer> {
        let start = Instant::now();
        loop {
            let answer = self.ask(http, token).await?;
            let is_final = answer.field("content-encoding") == self.coding.unwrap_or_default()
                && !answer.field("etag").contains("quick");
            if answer.is_hit() && is_final {
                return Ok(answer);
            }
            ensure!(start.elapsed() < Duration::from_secs(5), "{}: no such hit: {:?}", self.name, answer.fields);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Starts the bare server and checks that it sends what was recorded, byte by byte but for the date.
    async fn same_bytes(&self, recorded: &Answer, body: &Path, fields: &Path) -> anyhow::Result<Running> {
        let bare = bare(body, Some(fields))?;
        let theirs = self.ask(&Http::new(bare.address), None).await?;
        let undated = |answer: &Answer| -> HeaderMap {
            let mut fields = answer.fields.clone();
            fields.remove(header::DATE);
            fields
        };
        ensure!(
            theirs.body == recorded.body && undated(&theirs) == undated(recorded),
            "{}: the bare server sends something else: {:?}, not {:?}",
            self.name,
            theirs.fields,
            recorded.fields
        );
        Ok(bare)
    }
}

/// What a server says of one of its namespaces.
struct Figures {
    hits: u64,
    misses: u64,
    fills: u64,
    joined: u64,
}

impl Figures {
    async fn of(http: &Http, namespace: &str) -> anyhow::Result<Self> {
        let all = http.json("/api/admin/performance/cache").await?;
        let namespaces = all["namespaces"].as_array().context("the figures list namespaces")?;
        let one = namespaces.iter().find(|one| one["namespace"] == namespace);
        let one = one.with_context(|| format!("no namespace is called {namespace}"))?;
        let read = |name: &str| one[name].as_u64().with_context(|| format!("the figures have no {name}"));
        Ok(Self { hits: read("hits")?, misses: read("misses")?, fills: read("fills")?, joined: read("joined")? })
    }
}

/// Two servers, one database, no Redis: a product's stock is changed on the one, and the other is
/// asked every millisecond, without a position, until it shows that. The time counts from when the
/// write's answer was here to when the answer that shows it was here. Each time the other had the old
/// value in its memory before. Neither writes down views meanwhile: an instance looks at the feed after
/// each commit of its own, so it would see the change by chance.
async fn invalidation(stage: &Stage, nudges: bool) -> anyhow::Result<Row> {
    let (name, rounds, pause) =
        if nudges { ("invalidation", 300, 20) } else { ("invalidation-poll", 60, POLL.as_millis() as usize) };
    let settings = [
        ("ENTREPOT_CACHE_COUNTERS_FLUSH_MS", "3600000"),
        ("ENTREPOT_FEED_NUDGES", if nudges { "true" } else { "false" }),
    ];
    let start = |which: &str| stage.another(&format!("{name}-{which}"), &settings, false);
    let servers = [start("a")?, start("b")?];
    let [here, there] = [Http::new(servers[0].address), Http::new(servers[1].address)];
    let mut random = Random(1);
    let (mut times, mut at_once) = (Vec::new(), 0);
    for round in 0..rounds {
        let path = stage.product(100 + round % 20);
        let old = cached_stock(&there, &path).await?;
        // So that a round does not begin where the last one's look ended.
        tokio::time::sleep(Duration::from_millis(random.below(pause) as u64)).await;
        let new = 10_000 + round as u64;
        let media = [(header::CONTENT_TYPE, "application/merge-patch+json")];
        let written = here.send(Method::PATCH, &path, &media, format!("{{\"stock\":{new}}}").into()).await?;
        let start = Instant::now();
        ensure!(stock(&written)? == new, "{path}: the write answers with something else");
        let mut beat = tokio::time::interval(Duration::from_millis(1));
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut questions = 0;
        loop {
            beat.tick().await;
            let shown = stock(&there.get(&path).await?)?;
            questions += 1;
            if shown == new {
                break;
            }
            ensure!(shown == old, "{path} shows {shown}, which is neither {old} nor {new}");
            ensure!(start.elapsed() < Duration::from_secs(10), "{path} still shows {old}");
        }
        times.push(start.elapsed());
        at_once += usize::from(questions == 1);
        ensure!(stock(&there.get(&path).await?)? == new, "{path} shows what was ruled out before");
    }
    times.sort_unstable();
    let at = |percent| milliseconds(percentile(&times, percent));
    let (p99, most) = (at(99), at(100));
    let mut detail = format!("ms: p50 {:.1}, p95 {:.1}, p99 {p99:.1}, max {most:.1}; ", at(50), at(95));
    write!(detail, "{rounds} writes, {at_once} of them seen by the first question; two instances, no Redis")?;
    Ok(if nudges {
        let what = "a write on one instance is seen on another, p99";
        at_most(name, what, vec![p99], 50.0, "ms", detail)
    } else {
        let what = "the same without nudges, by the poll alone (250 ms), the longest";
        at_most(name, what, vec![most], milliseconds(POLL + POLL_SLACK), "ms", detail)
    })
}

fn stock(answer: &Answer) -> anyhow::Result<u64> {
    answer.json()?["stock"].as_u64().context("a product has a stock")
}

/// Asks until the answer comes from memory.
async fn cached_stock(http: &Http, path: &str) -> anyhow::Result<u64> {
    for _ in 0..100 {
        let answer = http.get(path).await?;
        if answer.is_hit() {
            return stock(&answer);
        }
    }
    bail!("{path} is not kept")
}

/// A crowd asks for a product that nobody has asked for, while a lock on the table holds the first
/// fill up: all are there before it is answered. The server's own count tells how many fills there
/// were. One fill may ask more than one thing (of the product, of its ratings), each of which is a
/// fill of a namespace of its own if it is cached by itself; the detail has them.
async fn cold_key(stage: &Stage) -> anyhow::Result<Row> {
    let server = stage.another("cold-key", &[], false)?;
    let http = Http::new(server.address);
    crowd(&http, "/health/live", || Ok(())).await?;
    let mut psql = Psql::open(&stage.sockets)?;
    let (before, all_before) = (Figures::of(&http, "products").await?, fills_by_namespace(&http).await?);
    for index in 200..200 + COLD_KEYS {
        let path = stage.product(index);
        psql.run("BEGIN; LOCK TABLE catalog.product IN ACCESS EXCLUSIVE MODE;")?;
        let answers = crowd(&http, &path, || psql.run("COMMIT;")).await?;
        ensure!(answers.iter().all(|answer| answer.body == answers[0].body), "{path}: two answers differ");
        ensure!(answers[0].json()?["id"] == stage.ids[index].as_str(), "{path}: another product");
    }
    let (after, all_after) = (Figures::of(&http, "products").await?, fills_by_namespace(&http).await?);
    let (fills, joined, hits) = (after.fills - before.fills, after.joined - before.joined, after.hits - before.hits);
    ensure!(fills > 0 && joined > 0, "{fills} fills, {joined} joined: this measures nothing");
    let mut detail = format!(
        "{COLD_KEYS} products, {CROWD} requests each while the table is locked: {joined} waited for the fill of another, \
         {hits} came after it; fills:"
    );
    for ((name, before), (_, after)) in all_before.iter().zip(&all_after) {
        if after > before {
            write!(detail, " {name} {}", after - before)?;
        }
    }
    let figure = fills as f64 / COLD_KEYS as f64;
    let what = "32 at once ask for a product that is not cached: fills";
    Ok(at_most("cold-key", what, vec![figure], 1.0, "a key", detail))
}

/// How often each namespace has asked its source.
async fn fills_by_namespace(http: &Http) -> anyhow::Result<Vec<(String, u64)>> {
    let all = http.json("/api/admin/performance/cache").await?;
    let namespaces = all["namespaces"].as_array().context("the figures list namespaces")?;
    let one = |one: &serde_json::Value| Some((one["namespace"].as_str()?.to_owned(), one["fills"].as_u64()?));
    namespaces.iter().map(one).collect::<Option<_>>().context("a namespace has a name and fills")
}

/// Asks for a path over many connections at the same moment; `meanwhile` is called when all are
/// likely under way.
async fn crowd(http: &Http, path: &str, meanwhile: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<Vec<Answer>> {
    let gate = Arc::new(Barrier::new(CROWD + 1));
    let tasks: Vec<_> = (0..CROWD)
        .map(|_| {
            let (http, path, gate) = (http.clone(), path.to_owned(), gate.clone());
            tokio::spawn(async move {
                gate.wait().await;
                http.get(&path).await
            })
        })
        .collect();
    gate.wait().await;
    tokio::time::sleep(Duration::from_millis(30)).await;
    meanwhile()?;
    let mut answers = Vec::with_capacity(CROWD);
    for task in tasks {
        answers.push(task.await??);
    }
    Ok(answers)
}
