//! The cache without HTTP, in this process: what a look-up costs, how much is found under a skewed
//! load, and what a failing Redis costs. The cache is the real one, with a fence that is told of
//! changes as the feed's tail tells it.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::hint::black_box;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use entrepot_cache::{
    Cache, CacheSettings, Codec, Fence, FenceSettings, Filled, Namespace, Origin, Policy, Progress, RedisSettings,
    Touch,
};
use entrepot_runtime::{Clock, Shutdown, Tasks};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::{PAIRS, Random, Wanted, microseconds, milliseconds, percentile};
use crate::programs::{free_address, redis};
use crate::table::{Row, at_least, at_most, ratio};

/// `redis.timeout_ms` in config/default.toml.
const REDIS_TIMEOUT: Duration = Duration::from_millis(50);
const VALUE_BYTES: usize = 1_024;

pub(super) async fn run(wanted: Wanted<'_>) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    if wanted.any(&["l1-get", "l1-get-p99"]) {
        rows.extend(level_one().await?);
    }
    if wanted.one("zipf") {
        rows.push(zipf().await?);
    }
    if wanted.one("redis-hangs") {
        let fails = FailingRedis::that_hangs().await?;
        rows.push(failing_redis("redis-hangs", "accepts and never answers", fails).await?);
    }
    if wanted.one("redis-refuses") {
        let fails = FailingRedis { address: free_address()?, task: None };
        rows.push(failing_redis("redis-refuses", "refuses connections", fails).await?);
    }
    if wanted.one("redis-rubbish") {
        let fails = FailingRedis::that_talks_rubbish().await?;
        rows.push(failing_redis("redis-rubbish", "answers rubbish", fails).await?);
    }
    Ok(rows)
}

/// A fence and what tells it, as the tail of the feed does: changes one after the other, each with an
/// id, and complete readings in between.
#[derive(Clone)]
struct Told {
    fence: Fence,
    last: Arc<Mutex<u64>>,
}

impl Told {
    fn new() -> Self {
        let fence = Fence::new(FenceSettings::default());
        fence.restart("bench", 1);
        let this = Self { fence, last: Arc::new(Mutex::new(1)) };
        this.reading();
        this
    }

    /// A complete reading that brought nothing: what is cached is trusted for two seconds more.
    fn reading(&self) {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        self.fence.apply(&[], self.progress(*last));
    }

    /// A change: `commit` makes it visible in the source, then it is marked, which is when readers may
    /// rely on it (`acknowledge`), then the tail brings it.
    fn change(&self, tags: &[String], commit: impl FnOnce(), acknowledge: impl FnOnce()) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        *last += 1;
        commit();
        self.fence.mark(*last, tags);
        acknowledge();
        self.fence.apply(&[Touch { id: *last, tags }], self.progress(*last));
    }

    fn progress(&self, last: u64) -> Progress {
        Progress {
            watermark: Some(last),
            highest: last,
            holes: Vec::new(),
            complete_since_ms: Some(self.fence.now_ms()),
        }
    }

    /// Readings all the time, until the value that is returned is aborted.
    fn keep_reading(&self) -> JoinHandle<()> {
        let this = self.clone();
        tokio::spawn(async move {
            let mut beat = tokio::time::interval(Duration::from_millis(100));
            loop {
                beat.tick().await;
                this.reading();
            }
        })
    }
}

/// Values that are bytes, here and in Redis.
const BYTES: Codec<Bytes> =
    Codec { encode: |value| Some(value.clone()), decode: Some, weigh: Some(|value| value.len() as u64) };

/// A product's id as the catalog makes them.
fn product_id(index: usize) -> String {
    let mixed = Random(index as u64).next();
    format!("019a2b3c-4d5e-7f60-{:04x}-{:012x}", mixed >> 48, mixed & 0xFFFF_FFFF_FFFF)
}

/// The tags of a product that was asked for by its SKU.
fn tags_of(index: usize) -> [String; 3] {
    ["catalog".to_owned(), format!("product:{}", product_id(index)), format!("product-name:{index}")]
}

/// About 1 KB of JSON, in which the version stands at a place of its own; words that repeat as
/// products' words do.
fn product(index: usize, version: u64) -> Bytes {
    const WORDS: [&str; 12] = [
        "apple", "sauce", "frozen", "shelf", "organic", "bottle", "salted", "family", "ounce", "crisp", "whole", "dark",
    ];
    let mut text = format!("{{\"version\":\"{version:020}\",\"id\":\"{}\",\"text\":\"", product_id(index));
    let mut random = Random(index as u64);
    while text.len() < VALUE_BYTES - 2 {
        text.push_str(WORDS[random.below(WORDS.len())]);
        text.push_str(&format!(" {} ", random.below(1_000)));
    }
    text.truncate(VALUE_BYTES - 2);
    text.push_str("\"}");
    text.into()
}

fn version_of(product: &[u8]) -> anyhow::Result<u64> {
    let text = product.get(12..32).context("a product is longer")?;
    Ok(std::str::from_utf8(text)?.parse()?)
}

const KEYS: usize = 1_000;
const LOOKUPS: usize = 1 << 20;
const TIMED: usize = 200_000;

/// What a look into memory costs beside the library that holds the values, on one thread. Every tag
/// of the values has been touched before, so that the fence has slots to look at; and keys are asked
/// for in one random order on both sides.
async fn level_one() -> anyhow::Result<Vec<Row>> {
    let tasks = Tasks::new(Shutdown::new());
    let told = Told::new();
    let settings = CacheSettings::default();
    // Room for as many as the first level's table is made for.
    let theirs = quick_cache::sync::Cache::<String, Arc<Vec<u8>>>::new(usize::try_from(settings.memory_bytes / 2_048)?);
    let cache = Cache::start(settings, told.fence.clone(), Clock::system(), &tasks)?;
    let codec: Codec<Vec<u8>> = Codec {
        encode: |value| Some(Bytes::from(value.clone())),
        decode: |bytes| Some(bytes.to_vec()),
        weigh: Some(|value| value.len() as u64),
    };
    let ours = cache.namespace_with("products", Policy::live(Duration::from_secs(600)), codec);
    let keys: Vec<String> = (0..KEYS).map(product_id).collect();
    for (index, key) in keys.iter().enumerate() {
        let touched: Vec<String> = tags_of(index).into_iter().chain([Cache::key_tag("products", key)]).collect();
        told.change(&touched, || (), || ());
    }
    for (index, key) in keys.iter().enumerate() {
        let value = product(index, 0).to_vec();
        theirs.insert(key.clone(), Arc::new(value.clone()));
        ensure!(ours.set(key, Filled::found(value).tags(tags_of(index)), ours.stamp()), "{key} is not kept");
    }
    let mut random = Random(1);
    let order: Vec<usize> = (0..LOOKUPS).map(|_| random.below(KEYS)).collect();
    let lookup = |index: usize| black_box(ours.lookup(black_box(&keys[index]))).is_some();
    let bare = |index: usize| black_box(theirs.get(black_box(&keys[index]))).is_some();
    let (mut ratios, mut detail) = (Vec::new(), String::new());
    // The first pair warms both up.
    for pair in 0..=PAIRS {
        told.reading();
        let (a, b) = (nanoseconds_each(&order, lookup)?, nanoseconds_each(&order, bare)?);
        if pair > 0 {
            ratios.push(a / b);
            write!(detail, "{a:.0}/{b:.0} ")?;
        }
    }
    let (mut p99s, mut single) = (Vec::new(), String::new());
    for _ in 0..PAIRS {
        told.reading();
        let mut times = Vec::with_capacity(TIMED);
        for index in &order[..TIMED] {
            let start = Instant::now();
            let found = lookup(*index);
            times.push(start.elapsed());
            ensure!(found, "{} was not found", keys[*index]);
        }
        times.sort_unstable();
        let at = |percent| microseconds(percentile(&times, percent));
        p99s.push(at(99));
        write!(single, "p50 {:.2}, p99 {:.2}, max {:.0}; ", at(50), at(99), at(100))?;
    }
    told.reading();
    for (index, key) in keys.iter().enumerate() {
        let hit = ours.lookup(key).and_then(|hit| hit.got.value).with_context(|| format!("{key} is gone"))?;
        let held = theirs.get(key).with_context(|| format!("{key} is gone"))?;
        ensure!(*hit == product(index, 0) && hit == held, "{key} has another value");
    }
    end(&tasks).await?;
    let what = "a look-up of 1 KB in memory, 3 tags, 1,000 keys";
    let detail = format!("ns a look-up, ours/yardstick: {}", detail.trim_end());
    let single = format!("µs, the clock's two readings included: {single}");
    Ok(vec![
        ratio("l1-get", what, "quick_cache bare, same keys", ratios, (None, Some(2.0)), detail),
        at_most("l1-get-p99", &format!("{what}, timed one by one, p99"), p99s, 2.0, "µs", single),
    ])
}

/// The mean of a whole batch, each of which must find something.
fn nanoseconds_each(order: &[usize], get: impl Fn(usize) -> bool) -> anyhow::Result<f64> {
    let start = Instant::now();
    let mut found = 0;
    for index in order {
        found += usize::from(get(*index));
    }
    let took = start.elapsed();
    ensure!(found == order.len(), "{} of {} look-ups found nothing", order.len() - found, order.len());
    Ok(took.as_secs_f64() * 1e9 / order.len() as f64)
}

async fn end(tasks: &Tasks) -> anyhow::Result<()> {
    let late = tasks.stop(Duration::from_secs(2)).await;
    ensure!(late.is_empty(), "{late:?} did not end");
    Ok(())
}

const SHOP: usize = 100_000;
const FIT_INTO_MEMORY: usize = 10_000;
const WARM_UP: usize = 300_000;
const OPERATIONS: usize = 500_000;
const READERS: usize = 8;
const WRITES: f64 = 0.01;
/// Products that are warmed at once: the queue of writes to Redis leaves out what it has no room for.
const STEP: usize = 2_000;

/// A shop under a skewed load.
struct Shop {
    products: Namespace<Bytes>,
    told: Told,
    /// The weights of products up to each, the most popular first.
    weights: Vec<f64>,
    /// The version that the source has.
    source: Vec<AtomicU64>,
    /// The version that was acknowledged: a read that starts now must show it.
    acknowledged: Vec<AtomicU64>,
    /// Whether a cache without bounds would have it.
    known: Vec<AtomicBool>,
}

/// What reads found.
#[derive(Clone, Copy, Default)]
struct Found {
    memory: usize,
    redis: usize,
    source: usize,
    /// Of those from the source, how many no cache could have had: after a write, or the first time.
    unavoidable: usize,
    writes: usize,
}

impl Shop {
    /// As many operations as that, divided among readers.
    async fn work(self: &Arc<Self>, operations: usize, seed: u64) -> anyhow::Result<Found> {
        let tasks: Vec<_> = (0..READERS)
            .map(|reader| {
                let this = self.clone();
                let mut random = Random(seed * 1_000 + reader as u64);
                tokio::spawn(async move {
                    let mut found = Found::default();
                    for _ in 0..operations / READERS {
                        let index = this.choose(&mut random);
                        if random.share() < WRITES {
                            this.write(index);
                            found.writes += 1;
                        } else {
                            this.read(index, &mut found).await?;
                        }
                    }
                    anyhow::Ok(found)
                })
            })
            .collect();
        let mut all = Found::default();
        for task in tasks {
            let one = task.await??;
            all.memory += one.memory;
            all.redis += one.redis;
            all.source += one.source;
            all.unavoidable += one.unavoidable;
            all.writes += one.writes;
        }
        Ok(all)
    }

    /// The first has twice the chance of the second, three times that of the third, and so on.
    fn choose(&self, random: &mut Random) -> usize {
        let at = random.share() * self.weights[SHOP - 1];
        self.weights.partition_point(|weight| *weight <= at).min(SHOP - 1)
    }

    async fn read(self: &Arc<Self>, index: usize, found: &mut Found) -> anyhow::Result<()> {
        let (this, key) = (self.clone(), product_id(index));
        let at_least = self.acknowledged[index].load(Ordering::SeqCst);
        let was_known = self.known[index].swap(true, Ordering::SeqCst);
        let got = self.products.get_or_fill(&key, move || async move {
            let version = this.source[index].load(Ordering::SeqCst);
            // A change may come in between, as it does while a database answers.
            tokio::task::yield_now().await;
            Ok::<_, Infallible>(Filled::found(product(index, version)).tags(tags_of(index)))
        });
        let got = got.await?;
        let shown = version_of(&got.value.context("every product is there")?)?;
        ensure!(shown >= at_least, "STALE: product {index} in version {shown}, {at_least} was acknowledged");
        let there_is = self.source[index].load(Ordering::SeqCst);
        ensure!(shown <= there_is, "product {index} in version {shown}, which nobody has written");
        match got.origin {
            Origin::Memory => found.memory += 1,
            Origin::Redis => found.redis += 1,
            Origin::Source { .. } | Origin::FailSafe => {
                found.source += 1;
                found.unavoidable += usize::from(!was_known);
            }
        }
        Ok(())
    }

    fn write(&self, index: usize) {
        let [_catalog, product, name] = tags_of(index);
        let commit = || {
            self.source[index].fetch_add(1, Ordering::SeqCst);
        };
        // Writers come one after the other, so this is the version that was just committed.
        let acknowledge = || {
            self.acknowledged[index].store(self.source[index].load(Ordering::SeqCst), Ordering::SeqCst);
            self.known[index].store(false, Ordering::SeqCst);
        };
        self.told.change(&[product, "products".to_owned(), name], commit, acknowledge);
    }
}

/// Every product is asked for once, as after a warm-up; then operations to settle, then those that
/// count. Memory has room for a tenth, Redis for all.
async fn zipf() -> anyhow::Result<Row> {
    let folder = tempfile::tempdir()?;
    let server = redis(folder.path())?;
    let tasks = Tasks::new(Shutdown::new());
    let told = Told::new();
    let readings = told.keep_reading();
    let memory_bytes = weight_of_one(&told, &tasks).await? * FIT_INTO_MEMORY as u64;
    let redis = RedisSettings { url: format!("redis://{}/0", server.address), timeout: REDIS_TIMEOUT };
    let settings = CacheSettings { memory_bytes, redis: Some(redis), ..CacheSettings::default() };
    let cache = Cache::start(settings, told.fence.clone(), Clock::system(), &tasks)?;
    let products = cache.namespace_with("products", Policy::live(Duration::from_secs(600)), BYTES);
    let mut sum = 0.0;
    let weights: Vec<f64> = (1..=SHOP)
        .map(|rank| {
            sum += 1.0 / rank as f64;
            sum
        })
        .collect();
    let best_for_memory = weights[FIT_INTO_MEMORY - 1] / weights[SHOP - 1];
    let shop = Arc::new(Shop {
        products,
        told,
        weights,
        source: (0..SHOP).map(|_| AtomicU64::new(0)).collect(),
        acknowledged: (0..SHOP).map(|_| AtomicU64::new(0)).collect(),
        known: (0..SHOP).map(|_| AtomicBool::new(false)).collect(),
    });
    for step in 0..SHOP / STEP {
        for index in step * STEP..(step + 1) * STEP {
            shop.read(index, &mut Found::default()).await?;
        }
        let start = Instant::now();
        while keys_in_redis(&cache).await? < ((step + 1) * STEP) as u64 && start.elapsed() < Duration::from_secs(2) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
    shop.work(WARM_UP, 1).await?;
    let before = cache.figures().await;
    let start = Instant::now();
    let found = shop.work(OPERATIONS, 3).await?;
    let took = start.elapsed();
    let after = cache.figures().await;
    readings.abort();
    end(&tasks).await?;

    let (redis_before, redis) = (before.redis.context("there is a Redis")?, after.redis.context("there is a Redis")?);
    let reads = (found.memory + found.redis + found.source) as f64;
    let percent = |part: usize| part as f64 * 100.0 / reads;
    let mut detail = format!(
        "memory {:.1} %, Redis {:.1} %, source {:.1} %; the best for memory alone is {:.1} % (the {FIT_INTO_MEMORY} most \
         popular), for a cache without bounds {:.1} %; ",
        percent(found.memory),
        percent(found.redis),
        percent(found.source),
        best_for_memory * 100.0,
        100.0 - percent(found.unavoidable),
    );
    write!(
        detail,
        "in memory {} of {SHOP} products, in Redis {}; {} writes, {} writes to Redis left out, {} calls of it failed; ",
        after.memory.entries,
        redis.server.map_or(0, |server| server.keys),
        found.writes,
        redis.left_out - redis_before.left_out,
        redis.failures - redis_before.failures,
    )?;
    write!(
        detail,
        "{:.0} operations a second, every read in its newest version",
        OPERATIONS as f64 / took.as_secs_f64()
    )?;
    let what = "hit rate, memory and Redis: 100,000 products, Zipf 1.0, a tenth fits into memory, 1 % writes";
    Ok(at_least("zipf", what, vec![100.0 - percent(found.source)], 95.0, "%", detail))
}

/// What one product weighs in memory, by the cache's own account.
async fn weight_of_one(told: &Told, tasks: &Tasks) -> anyhow::Result<u64> {
    let cache = Cache::start(CacheSettings::default(), told.fence.clone(), Clock::system(), tasks)?;
    let products = cache.namespace_with("products", Policy::live(Duration::from_secs(600)), BYTES);
    let kept = products.set(&product_id(0), Filled::found(product(0, 0)).tags(tags_of(0)), products.stamp());
    ensure!(kept, "one product is not kept");
    Ok(cache.figures().await.memory.bytes)
}

async fn keys_in_redis(cache: &Cache) -> anyhow::Result<u64> {
    let redis = cache.figures().await.redis.context("there is a Redis")?;
    Ok(redis.server.context("Redis does not answer")?.keys)
}

/// Something at Redis' address that is no help; ends with its value.
struct FailingRedis {
    address: SocketAddr,
    task: Option<JoinHandle<()>>,
}

impl FailingRedis {
    async fn that_hangs() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let task = tokio::spawn(async move {
            let mut held = Vec::new();
            while let Ok((stream, _)) = listener.accept().await {
                held.push(stream);
            }
        });
        Ok(Self { address, task: Some(task) })
    }

    async fn that_talks_rubbish() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let mut asked = [0; 4_096];
                    while stream.read(&mut asked).await.is_ok_and(|length| length > 0) {
                        let answered =
                            stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n\0\xFF$-7\r\n*9999\r\n").await;
                        if answered.is_err() {
                            break;
                        }
                    }
                });
            }
        });
        Ok(Self { address, task: Some(task) })
    }
}

impl Drop for FailingRedis {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

const FIRST_MISSES: usize = 10;
const MISSES: usize = 20_000;
/// Long enough that the breaker's probes (two a second) fall into it.
const AT_LEAST_FOR: Duration = Duration::from_secs(3);

/// Misses one by one, with a source that answers at once, while Redis fails; measured once the
/// breaker has opened. What the misses cost that opened it is told beside.
async fn failing_redis(name: &'static str, how: &str, fails: FailingRedis) -> anyhow::Result<Row> {
    let tasks = Tasks::new(Shutdown::new());
    let told = Told::new();
    let readings = told.keep_reading();
    let redis = RedisSettings { url: format!("redis://{}/0", fails.address), timeout: REDIS_TIMEOUT };
    let settings = CacheSettings { redis: Some(redis), ..CacheSettings::default() };
    let cache = Cache::start(settings, told.fence.clone(), Clock::system(), &tasks)?;
    let products = cache.namespace_with("products", Policy::live(Duration::from_secs(600)), BYTES);
    // On a worker thread, as requests are.
    let first = tokio::spawn(misses(products.clone(), 0, FIRST_MISSES, Duration::ZERO)).await??;
    let opened = cache.figures().await.redis.context("there is to be a Redis")?;
    ensure!(opened.breaker_opened >= 1, "the breaker did not open: {opened:?}");
    let times = tokio::spawn(misses(products, FIRST_MISSES, MISSES, AT_LEAST_FOR)).await??;
    let after = cache.figures().await.redis.context("there is to be a Redis")?;
    readings.abort();
    end(&tasks).await?;
    drop(fails);
    let probes = after.calls - opened.calls;
    ensure!(probes >= 3, "only {probes} probes fell into the measurement");
    ensure!(!after.connected, "Redis was taken for one that answers");
    let at = |percent| percentile(&times, percent);
    let detail = format!(
        "{} misses, none failed: p50 {:.0} µs, p99 {:.0} µs, max {:.1} ms, {probes} probes meanwhile; the {FIRST_MISSES} \
         misses that opened the breaker took up to {:.1} ms",
        times.len(),
        microseconds(at(50)),
        microseconds(at(99)),
        milliseconds(at(100)),
        milliseconds(percentile(&first, 100)),
    );
    let what = format!("a miss while Redis {how}, the source answering at once, p99");
    Ok(at_most(name, &what, vec![milliseconds(at(99))], 5.0, "ms", detail))
}

/// The times of so many misses, and for so long, sorted.
async fn misses(
    products: Namespace<Bytes>,
    first: usize,
    count: usize,
    at_least_for: Duration,
) -> anyhow::Result<Vec<Duration>> {
    let value = product(0, 0);
    let mut times = Vec::with_capacity(count);
    let begin = Instant::now();
    while times.len() < count || begin.elapsed() < at_least_for {
        let key = format!("{}", first + times.len());
        let given = value.clone();
        let start = Instant::now();
        let got = products.get_or_fill(&key, move || async move {
            Ok::<_, Infallible>(Filled::found(given).tags(["catalog", "products"]))
        });
        let got = got.await?;
        times.push(start.elapsed());
        ensure!(matches!(got.origin, Origin::Source { kept: true }), "{key} came from {:?}", got.origin);
        ensure!(got.value.is_some_and(|got| *got == value), "{key} has another value");
    }
    times.sort_unstable();
    Ok(times)
}
