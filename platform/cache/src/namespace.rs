//! A namespace: values of one type under one policy, and the ways to read, fill and forget them.
//!
//! **Invariants:**
//! - A stamp is taken before anything is read for a value, and a value is kept only if the fence lets
//!   that stamp through when the value is there. So a fill that raced with a change is handed to its
//!   caller and not kept.
//! - What is found on either level is judged by the fence again, each time.
//! - A request that must pass by the caches ([`entrepot_runtime::Request::past_caches`]) gets nothing
//!   from either level and from no flight that began before it. One that demands a position gets no
//!   fail-safe either.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use bytes::Bytes;
use entrepot_runtime::{continue_in_background, demands_position, passes_caches};
use xxhash_rust::xxh3::xxh3_64;

use crate::cache::Cache;
use crate::entry::{Asked, Entry, Times};
use crate::fence::Stamp;
use crate::flight::{Departure, Flight, Landed};
use crate::redis::{Change, Stored, Write};
use crate::stats::{NamespaceStats, count};
use crate::tag::Tag;
use crate::time::millis;

/// The most tags that a value may have; one with more is not kept.
const MOST_TAGS: usize = 4_096;
/// A fill may go on for this many times as long as its callers wait for it.
const PATIENCE: u32 = 4;

/// How long values live, and what happens when their source fails.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Time to live.
    pub ttl: Duration,
    /// From this age on the next reader has the value refreshed in the background; everybody is
    /// served meanwhile.
    pub soft_ttl: Option<Duration>,
    /// How long it is remembered that there is no value.
    pub negative_ttl: Duration,
    /// The largest share of its time that is taken off a value by chance, so that what was filled
    /// together does not expire together: 0 to 0.5.
    pub jitter: f64,
    /// For so long after its time a value stands in for a source that fails or takes too long.
    pub fail_safe: Option<Duration>,
    /// How long a caller waits for a fill. The fill itself goes on, up to four times as long.
    pub fill_timeout: Duration,
    /// Whether values are shared through Redis.
    pub shared: bool,
}

impl Policy {
    /// Values that live so long, are refreshed after three quarters of that, and are shared.
    #[must_use]
    pub fn live(ttl: Duration) -> Self {
        Self {
            ttl,
            soft_ttl: Some(ttl.mul_f64(0.75)),
            negative_ttl: ttl.min(Duration::from_secs(30)),
            jitter: 0.1,
            fail_safe: None,
            fill_timeout: Duration::from_secs(10),
            shared: true,
        }
    }

    /// Another time for knowing that there is nothing.
    #[must_use]
    pub fn negative(self, negative_ttl: Duration) -> Self {
        Self { negative_ttl, ..self }
    }

    /// Stands in for a failing source for so long after its time.
    #[must_use]
    pub fn fail_safe(self, fail_safe: Duration) -> Self {
        Self { fail_safe: Some(fail_safe), ..self }
    }

    /// Another bound on how long callers wait for a fill.
    #[must_use]
    pub fn fill_timeout(self, fill_timeout: Duration) -> Self {
        Self { fill_timeout, ..self }
    }

    /// Kept in this process only.
    #[must_use]
    pub fn unshared(self) -> Self {
        Self { shared: false, ..self }
    }

    /// Refreshed in the background from this age on, or never.
    #[must_use]
    pub fn soft(self, soft_ttl: Option<Duration>) -> Self {
        Self { soft_ttl, ..self }
    }

    /// Expires exactly when it is said to.
    #[must_use]
    pub fn without_jitter(self) -> Self {
        Self { jitter: 0.0, ..self }
    }
}

/// How values leave the process and what they weigh.
#[derive(Debug)]
pub struct Codec<V> {
    /// The value as bytes; `None` keeps it in this process.
    pub encode: fn(&V) -> Option<Bytes>,
    /// The value of such bytes; `None` when they are none.
    pub decode: fn(Bytes) -> Option<V>,
    /// What it takes in memory, in bytes; the length of its encoded form where this is not given.
    pub weigh: Option<fn(&V) -> u64>,
}

impl<V> Clone for Codec<V> {
    fn clone(&self) -> Self {
        Self { encode: self.encode, decode: self.decode, weigh: self.weigh }
    }
}

/// What a source gave.
#[derive(Clone, Debug)]
pub struct Filled<V> {
    value: Option<V>,
    tags: Vec<String>,
    keep: bool,
    ttl: Option<Duration>,
}

impl<V> Filled<V> {
    /// A value.
    #[must_use]
    pub fn found(value: V) -> Self {
        Self { value: Some(value), tags: Vec::new(), keep: true, ttl: None }
    }

    /// The knowledge that there is none. Tag it with what would bring it about.
    #[must_use]
    pub fn missing() -> Self {
        Self { value: None, tags: Vec::new(), keep: true, ttl: None }
    }

    /// The one or the other.
    #[must_use]
    pub fn of(value: Option<V>) -> Self {
        Self { value, tags: Vec::new(), keep: true, ttl: None }
    }

    /// Says what it was made from: any change of these rules it out.
    #[must_use]
    pub fn tags<T: Into<String>>(mut self, tags: impl IntoIterator<Item = T>) -> Self {
        self.tags.extend(tags.into_iter().map(Into::into));
        self
    }

    /// Another time to live than the policy's.
    #[must_use]
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// Hands it to the callers that wait and does not keep it.
    #[must_use]
    pub fn not_kept(mut self) -> Self {
        self.keep = false;
        self
    }
}

/// Where an answer came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// This process's memory.
    Memory,
    /// Redis.
    Redis,
    /// The source, and whether the value was kept.
    Source {
        /// Whether it was kept.
        kept: bool,
    },
    /// Memory, past its time: the source failed.
    FailSafe,
}

/// An answer.
#[derive(Debug)]
pub struct Got<V> {
    /// The value; `None` where there is none.
    pub value: Option<Arc<V>>,
    /// Where it came from.
    pub origin: Origin,
    /// Since when it is cached.
    pub age: Duration,
    /// How long it will be served; zero when it was not kept.
    pub remaining: Duration,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum FillError<E> {
    /// The source failed; all who waited for it share the error.
    #[error("the source failed")]
    Failed(Arc<E>),
    /// The source took longer than callers wait.
    #[error("the source did not answer within {} ms", .0.as_millis())]
    TimedOut(Duration),
    /// The fill panicked.
    #[error("the fill panicked")]
    Panicked,
}

impl<E> Clone for FillError<E> {
    fn clone(&self) -> Self {
        match self {
            Self::Failed(error) => Self::Failed(error.clone()),
            Self::TimedOut(after) => Self::TimedOut(*after),
            Self::Panicked => Self::Panicked,
        }
    }
}

/// What a look into memory found.
#[derive(Debug)]
pub struct Hit<V> {
    /// The answer.
    pub got: Got<V>,
    /// Whether this caller is to have it refreshed ([`Namespace::refresh`]).
    pub refresh: bool,
}

/// Values of one type under one policy. Cheap to clone.
#[derive(Debug)]
pub struct Namespace<V> {
    cache: Cache,
    inner: Arc<Inner<V>>,
}

#[derive(Debug)]
struct Inner<V> {
    id: u16,
    name: &'static str,
    policy: Policy,
    codec: Codec<V>,
    stats: Arc<NamespaceStats>,
}

impl<V> Clone for Namespace<V> {
    fn clone(&self) -> Self {
        Self { cache: self.cache.clone(), inner: self.inner.clone() }
    }
}

/// What a flight brought.
struct Landing<E> {
    result: Result<Arrival, FillError<E>>,
}

#[derive(Clone)]
struct Arrival {
    entry: Arc<Entry>,
    origin: Origin,
}

impl<V: Send + Sync + 'static> Namespace<V> {
    pub(crate) fn new(
        cache: Cache,
        id: u16,
        name: &'static str,
        policy: Policy,
        codec: Codec<V>,
        stats: Arc<NamespaceStats>,
    ) -> Self {
        Self { cache, inner: Arc::new(Inner { id, name, policy, codec, stats }) }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.inner.name
    }

    /// The cache that it is a part of.
    #[must_use]
    pub fn cache(&self) -> &Cache {
        &self.cache
    }

    fn asked<'a>(&self, key: &'a str) -> Asked<'a> {
        Asked { namespace: self.inner.id, text: key }
    }

    /// Whether the levels may be used at this moment.
    fn is_usable(&self, now_ms: u64) -> bool {
        let shared = &self.cache.shared;
        shared.enabled && shared.fence.is_trusted(now_ms) && !passes_caches()
    }

    /// Looks into memory alone. `None`: it holds nothing that may be served. Whoever is told to have
    /// the value refreshed must do so: for a while nobody else is told.
    #[must_use]
    pub fn lookup(&self, key: &str) -> Option<Hit<V>> {
        self.look(key, true)
    }

    fn look(&self, key: &str, may_refresh: bool) -> Option<Hit<V>> {
        let shared = &self.cache.shared;
        let now_ms = shared.fence.now_ms();
        if !self.is_usable(now_ms) {
            return None;
        }
        let entry = shared.level_one.get(self.asked(key))?;
        if now_ms >= entry.times.expires_ms {
            return None;
        }
        if !entry.is_admitted(&shared.fence, (self.inner.name, key)) {
            count(&self.inner.stats.ruled_out);
            return None;
        }
        self.inner.stats.hits.add();
        let refresh = may_refresh && entry.is_to_be_refreshed(now_ms);
        Some(Hit { got: self.got(&entry, Origin::Memory, now_ms)?, refresh })
    }

    /// Reads from memory, or else from Redis.
    pub async fn get(&self, key: &str) -> Option<Got<V>> {
        self.mget(&[key]).await.pop().flatten()
    }

    /// Reads several; what is not in memory is asked of Redis in one call.
    pub async fn mget(&self, keys: &[&str]) -> Vec<Option<Got<V>>> {
        let mut found: Vec<Option<Got<V>>> = keys.iter().map(|key| self.look(key, false).map(|hit| hit.got)).collect();
        let missing: Vec<usize> = (0..keys.len()).filter(|index| found[*index].is_none()).collect();
        let wanted: Vec<&str> = missing.iter().map(|index| keys[*index]).collect();
        for (index, entry) in missing.into_iter().zip(self.promote(&wanted).await) {
            match entry {
                Some(entry) => {
                    count(&self.inner.stats.shared_hits);
                    found[index] = self.got(&entry, Origin::Redis, self.cache.shared.fence.now_ms());
                }
                None => count(&self.inner.stats.misses),
            }
        }
        found
    }

    /// Where knowledge stands: take it before reading what is then [`set`](Self::set).
    #[must_use]
    pub fn stamp(&self) -> Stamp {
        self.cache.shared.fence.stamp()
    }

    /// Keeps a value on both levels, unless what it is made from was touched after `stamp`. Tells
    /// whether it was kept. Redis is written in the background.
    pub fn set(&self, key: &str, filled: Filled<V>, stamp: Stamp) -> bool {
        self.store(key, filled, stamp).1
    }

    /// Keeps several; Redis gets them in one pipeline. Tells which were kept.
    pub fn mset<'a>(&self, values: impl IntoIterator<Item = (&'a str, Filled<V>)>, stamp: Stamp) -> Vec<bool> {
        values.into_iter().map(|(key, filled)| self.set(key, filled, stamp)).collect()
    }

    /// Keeps the value that a commit of this process returned for the newest: the next read of this
    /// process is a hit. `position` is the commit's id in the feed, whose tags must be marked already
    /// ([`crate::Fence::mark`]) and be those of the value, and each of them must stand for one
    /// aggregate whose row the commit had locked. Not kept if a newer commit is known.
    pub fn write_through(&self, key: &str, filled: Filled<V>, position: u64) -> bool {
        let own_key = Tag::of_key(self.inner.name, key);
        let tags: Vec<Tag> = filled.tags.iter().map(|tag| Tag::new(tag)).chain([own_key]).collect();
        match self.cache.shared.fence.stamp_of_own_commit(position, &tags, (self.inner.name, key)) {
            Some(stamp) => self.set(key, filled, stamp),
            None => false,
        }
    }

    /// Forgets a value, on both levels. Other processes learn of it when an event of the feed has
    /// [`Cache::key_tag`] among its tags; what they have in memory is theirs until then.
    pub fn delete(&self, key: &str) {
        self.cache.shared.fence.touch(&[Cache::key_tag(self.inner.name, key)]);
        self.cache.shared.forget(self.asked(key), self.inner.name);
    }

    /// Reads from either level, or has the value filled. However many ask at once, the source is
    /// asked once. `fill` may go on when the caller gives up.
    ///
    /// # Errors
    /// See [`FillError`].
    pub async fn get_or_fill<E, F, Fut>(&self, key: &str, fill: F) -> Result<Got<V>, FillError<E>>
    where
        E: Send + Sync + 'static,
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<Filled<V>, E>> + Send + 'static,
    {
        match self.lookup(key) {
            Some(hit) => {
                if hit.refresh {
                    self.refresh(key, fill);
                }
                Ok(hit.got)
            }
            None => self.fill(key, fill).await,
        }
    }

    /// Has a value refreshed in the background. One that fails changes nothing.
    pub fn refresh<E, F, Fut>(&self, key: &str, fill: F)
    where
        E: Send + Sync + 'static,
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<Filled<V>, E>> + Send + 'static,
    {
        count(&self.inner.stats.refreshes);
        let began = || (self.stamp(), self.cache.shared.fence.now_ms(), true);
        let departed = self.cache.shared.flights.join_or_depart(self.asked(key), began, |_| true);
        if let Err((_, departure)) = departed {
            self.take_off(key, fill, departure, false);
        }
    }

    /// The way of a miss: joins a flight or starts one.
    ///
    /// # Errors
    /// See [`FillError`].
    pub async fn fill<E, F, Fut>(&self, key: &str, fill: F) -> Result<Got<V>, FillError<E>>
    where
        E: Send + Sync + 'static,
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<Filled<V>, E>> + Send + 'static,
    {
        let shared = &self.cache.shared;
        let fence = &shared.fence;
        let (start, start_ms) = (fence.stamp(), fence.now_ms());
        let passes = passes_caches();
        let trusted = fence.is_trusted(start_ms);
        if !self.is_usable(start_ms) {
            count(&self.inner.stats.passed);
        }
        let began = || (fence.stamp(), fence.now_ms(), trusted);
        // While the feed is behind, only one that asks the source and nothing else, and not one that
        // began longer ago than the bound.
        let joinable = |flight: &Flight| {
            let is_recent = start_ms.saturating_sub(flight.began_ms) <= fence.max_lag_ms();
            !passes && (trusted || (!flight.trusting && is_recent))
        };
        let mut fill = Some(fill);
        for attempt in 0..2 {
            let departed = shared.flights.join_or_depart(self.asked(key), began, |flight| {
                joinable(flight) && (attempt == 0 || flight.began.local >= start.local)
            });
            let (flight, joined) = match departed {
                Ok(flight) => (flight, true),
                Err((flight, departure)) => {
                    if let Some(fill) = fill.take() {
                        self.take_off(key, fill, departure, !passes && trusted && shared.enabled);
                    }
                    (flight, false)
                }
            };
            let landing: Result<Arrival, FillError<E>> = match self.land(&flight).await {
                Some(landing) => landing,
                // Somebody asked for the same key with another type of error: his own flight, then.
                None if joined => continue,
                None => Err(FillError::Panicked),
            };
            match landing {
                Ok(arrival) => {
                    // Of what was not kept nobody said what it was made from.
                    let is_judged = !matches!(arrival.origin, Origin::Source { kept: false });
                    let counts = !joined
                        || flight.began.local >= start.local
                        || (is_judged && arrival.entry.is_admitted(fence, (self.inner.name, key)));
                    if !counts {
                        continue;
                    }
                    if joined {
                        count(&self.inner.stats.joined);
                    }
                    match arrival.origin {
                        Origin::Redis => count(&self.inner.stats.shared_hits),
                        _ => count(&self.inner.stats.misses),
                    }
                    let now_ms = fence.now_ms();
                    return self.got(&arrival.entry, arrival.origin, now_ms).ok_or(FillError::Panicked);
                }
                Err(error) => {
                    count(&self.inner.stats.misses);
                    return if demands_position() { Err(error) } else { self.fail_safe(key).ok_or(error) };
                }
            }
        }
        // Both that could be joined were of no use, and this caller's own was never begun: only if
        // the types differ, which is a defect of the caller's.
        Err(FillError::Panicked)
    }

    /// Waits for a flight; `None` when it carries something else than was asked for.
    async fn land<E: Send + Sync + 'static>(&self, flight: &Flight) -> Option<Result<Arrival, FillError<E>>> {
        let mut landed = flight.landed.clone();
        let patience = self.inner.policy.fill_timeout;
        let landed: Landed = match tokio::time::timeout(patience, landed.wait_for(Option::is_some)).await {
            Err(_elapsed) => {
                count(&self.inner.stats.timeouts);
                return Some(Err(FillError::TimedOut(patience)));
            }
            Ok(Err(_sender_gone)) => return Some(Err(FillError::Panicked)),
            Ok(Ok(landed)) => landed.clone()?,
        };
        let landing = landed.downcast::<Landing<E>>().ok()?;
        Some(landing.result.clone())
    }

    /// Starts the flight's own task.
    fn take_off<E, F, Fut>(&self, key: &str, fill: F, departure: Departure, may_use_redis: bool)
    where
        E: Send + Sync + 'static,
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<Filled<V>, E>> + Send + 'static,
    {
        let (this, key) = (self.clone(), key.to_owned());
        let _goes_on = continue_in_background(async move {
            let result = this.fly(&key, fill, may_use_redis).await;
            let landing: Landed = Arc::new(Landing::<E> { result });
            departure.landing.send_replace(Some(landing));
        });
    }

    async fn fly<E, F, Fut>(&self, key: &str, fill: F, may_use_redis: bool) -> Result<Arrival, FillError<E>>
    where
        E: Send + Sync + 'static,
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<Filled<V>, E>> + Send + 'static,
    {
        if may_use_redis && let Some(entry) = self.promote(&[key]).await.pop().flatten() {
            return Ok(Arrival { entry, origin: Origin::Redis });
        }
        let stamp = self.stamp();
        count(&self.inner.stats.fills);
        match tokio::time::timeout(self.inner.policy.fill_timeout * PATIENCE, fill()).await {
            Ok(Ok(filled)) => {
                let (entry, kept) = self.store(key, filled, stamp);
                Ok(Arrival { entry, origin: Origin::Source { kept } })
            }
            Ok(Err(error)) => {
                count(&self.inner.stats.failures);
                Err(FillError::Failed(Arc::new(error)))
            }
            Err(_elapsed) => {
                count(&self.inner.stats.failures);
                Err(FillError::TimedOut(self.inner.policy.fill_timeout * PATIENCE))
            }
        }
    }

    /// Brings values from Redis into memory, as far as the fence lets them pass.
    async fn promote(&self, keys: &[&str]) -> Vec<Option<Arc<Entry>>> {
        let nothing = || vec![None; keys.len()];
        let shared = &self.cache.shared;
        let (Some(redis), true, false) = (&shared.redis, self.inner.policy.shared, keys.is_empty()) else {
            return nothing();
        };
        if !self.is_usable(shared.fence.now_ms()) || !shared.fence.is_settled() {
            return nothing();
        }
        let Some(names) = keys.iter().map(|key| shared.redis_key(self.inner.name, key)).collect::<Option<Vec<_>>>()
        else {
            return nothing();
        };
        // Before Redis is read: what is touched from here on rules the value out by its local stamp too.
        let stamp = shared.fence.stamp();
        let stored = redis.read(&names).await;
        keys.iter().zip(stored).map(|(key, stored)| self.admit(key, stored?, stamp)).collect()
    }

    fn admit(&self, key: &str, stored: Stored, stamp: Stamp) -> Option<Arc<Entry>> {
        let shared = &self.cache.shared;
        let named = (self.inner.name, key);
        let wall_ms = shared.clock.now().as_millisecond();
        let age_ms = u64::try_from(wall_ms.saturating_sub(stored.filled_at_ms)).unwrap_or(0);
        let (value, weight) = match stored.value {
            Some(bytes) => {
                let length = bytes.len() as u64;
                let value = (self.inner.codec.decode)(bytes)?;
                let weight = self.inner.codec.weigh.map_or(length, |weigh| weigh(&value));
                (Some(Arc::new(value) as Arc<_>), weight)
            }
            None => (None, 0),
        };
        let times = self.times(key, value.is_some(), stored.ttl, age_ms)?;
        let entry = Arc::new(Entry {
            value,
            tags: stored.tags.into(),
            stamp: Stamp { local: stamp.local, as_of: stored.as_of },
            is_promoted: true,
            times,
            weight,
            checked: AtomicU64::new(0),
            next_refresh_ms: AtomicU64::new(0),
        });
        let now_ms = shared.fence.now_ms();
        if !entry.is_admitted(&shared.fence, named) || !shared.fence.is_trusted(now_ms) {
            count(&self.inner.stats.ruled_out);
            return None;
        }
        shared.level_one.insert(self.asked(key), entry.clone());
        Some(entry)
    }

    /// Makes an entry of what a source gave, and keeps it if it may be kept.
    fn store(&self, key: &str, filled: Filled<V>, stamp: Stamp) -> (Arc<Entry>, bool) {
        let shared = &self.cache.shared;
        let Filled { value, tags, keep, ttl } = filled;
        let encoded = value.as_ref().filter(|_| keep && shared.enabled).and_then(|value| {
            let needed = self.inner.codec.weigh.is_none() || (shared.redis.is_some() && self.inner.policy.shared);
            if needed { (self.inner.codec.encode)(value) } else { None }
        });
        let weight = match (&value, self.inner.codec.weigh) {
            (Some(value), Some(weigh)) => weigh(value),
            _ => encoded.as_ref().map_or(0, |bytes| bytes.len() as u64),
        };
        let tags: Vec<Tag> = tags.iter().map(|tag| Tag::new(tag)).chain([Tag::of_key(self.inner.name, key)]).collect();
        let too_many = tags.len() > MOST_TAGS;
        let has_value = value.is_some();
        let now_ms = shared.fence.now_ms();
        let times = self.times(key, has_value, ttl, 0).unwrap_or(Times {
            filled_ms: now_ms,
            soft_ms: now_ms,
            expires_ms: now_ms,
            useless_ms: now_ms,
        });
        let entry = Arc::new(Entry {
            value: value.map(|value| Arc::new(value) as Arc<_>),
            tags: tags.into(),
            stamp,
            is_promoted: false,
            times,
            weight,
            checked: AtomicU64::new(0),
            next_refresh_ms: AtomicU64::new(0),
        });
        if !keep || !shared.enabled || too_many || times.expires_ms <= now_ms || !shared.fence.is_trusted(now_ms) {
            return (entry, false);
        }
        if !entry.is_admitted(&shared.fence, (self.inner.name, key)) {
            count(&self.inner.stats.raced);
            return (entry, false);
        }
        shared.level_one.insert(self.asked(key), entry.clone());
        self.share(key, &entry, encoded, has_value, ttl);
        (entry, true)
    }

    /// Writes an entry to Redis, if others could use it.
    fn share(&self, key: &str, entry: &Entry, encoded: Option<Bytes>, has_value: bool, own_ttl: Option<Duration>) {
        let shared = &self.cache.shared;
        let Some(redis) = shared.redis.as_ref().filter(|_| self.inner.policy.shared) else { return };
        let admitted = shared.fence.admits_shared(entry.stamp.as_of, &entry.tags, (self.inner.name, key));
        if !admitted || (has_value && encoded.is_none()) {
            return;
        }
        let Some(name) = shared.redis_key(self.inner.name, key) else { return };
        let stored = Stored {
            value: encoded,
            as_of: entry.stamp.as_of,
            filled_at_ms: shared.clock.now().as_millisecond(),
            ttl: own_ttl,
            tags: entry.tags.to_vec(),
        };
        let ttl = Duration::from_millis(entry.times.expires_ms.saturating_sub(entry.times.filled_ms));
        redis.write(Write { key: name, what: Change::Set { stored, ttl } });
    }

    /// When a value of this age is to be refreshed, expires, and is of no use; `None` if it has
    /// expired already.
    fn times(&self, key: &str, has_value: bool, ttl: Option<Duration>, age_ms: u64) -> Option<Times> {
        let policy = &self.inner.policy;
        let now_ms = self.cache.shared.fence.now_ms();
        let full = match (ttl, has_value) {
            (Some(ttl), _) => ttl,
            (None, true) => policy.ttl,
            (None, false) => policy.negative_ttl,
        };
        let chance = (xxh3_64(key.as_bytes()) ^ now_ms.wrapping_mul(0x9E37_79B9_7F4A_7C15)) % 1_000;
        let kept = 1.0 - policy.jitter.clamp(0.0, 0.5) * chance as f64 / 1_000.0;
        let ttl_ms = (millis(full) as f64 * kept) as u64;
        let left_ms = ttl_ms.checked_sub(age_ms).filter(|left| *left > 0)?;
        // A value with a time of its own is refreshed after the same share of it.
        let share = policy.soft_ttl.map(|soft| soft.as_secs_f64() / policy.ttl.as_secs_f64().max(0.001));
        let soft_ms = share.filter(|share| *share < 1.0).map(|share| (ttl_ms as f64 * share) as u64);
        let fail_safe_ms = policy.fail_safe.filter(|_| has_value).map_or(0, millis);
        Some(Times {
            filled_ms: now_ms.saturating_sub(age_ms),
            soft_ms: soft_ms.map_or(u64::MAX, |soft| now_ms + soft.saturating_sub(age_ms)),
            expires_ms: now_ms + left_ms,
            useless_ms: now_ms + left_ms + fail_safe_ms,
        })
    }

    /// A value that stands in for a source that failed: past its time perhaps, but nothing that this
    /// process knows of has touched it.
    fn fail_safe(&self, key: &str) -> Option<Got<V>> {
        let fail_safe = self.inner.policy.fail_safe?;
        let shared = &self.cache.shared;
        let now_ms = shared.fence.now_ms();
        let entry = shared.level_one.get(self.asked(key))?;
        if entry.value.is_none()
            || now_ms >= entry.times.useless_ms
            || !shared.fence.is_within(now_ms, fail_safe)
            || !entry.is_admitted(&shared.fence, (self.inner.name, key))
        {
            return None;
        }
        count(&self.inner.stats.fail_safe);
        self.got(&entry, Origin::FailSafe, now_ms)
    }

    fn got(&self, entry: &Entry, origin: Origin, now_ms: u64) -> Option<Got<V>> {
        let value = match &entry.value {
            // Namespaces have one type each, so this is always one of it.
            Some(value) => Some(value.clone().downcast::<V>().ok()?),
            None => None,
        };
        let kept = !matches!(origin, Origin::Source { kept: false });
        let remaining_ms = if kept { entry.times.expires_ms.saturating_sub(now_ms) } else { 0 };
        Some(Got {
            value,
            origin,
            age: Duration::from_millis(now_ms.saturating_sub(entry.times.filled_ms)),
            remaining: Duration::from_millis(remaining_ms),
        })
    }
}
