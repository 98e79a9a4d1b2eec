//! Limits: how much a subject (an address, a user, anything with a name) may do in which time.
//!
//! A [`Limiter`] decides by a table of its own, or by one in Redis that the instances share. The arithmetic
//! is the same (see `gcra.rs`): a quota may be spent at once and comes back evenly; who does not wait when
//! told to is refused for longer and longer.
//!
//! **Invariants:**
//! - A check never fails. Where Redis does not answer in time, this process decides alone, by its share of
//!   the quota; no check waits for longer than the time-out.
//! - Memory is bounded by the number of subjects that the limiter was made for. Who is forgotten under
//!   pressure starts anew with a whole quota: the bound is to be made larger than a flood of addresses is
//!   worth to a flooder.
//! - Without Redis a check never waits, and [`Limiter::check_now`] always answers.
//! - With Redis a unit is taken there before it is allowed here, alone or with others as a lease, so the
//!   instances together never let more pass than the limit.

mod gcra;
mod memory;
mod redis;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use entrepot_runtime::{Clock, Tasks};
use serde::Serialize;
use uuid::Uuid;
use xxhash_rust::xxh3::{xxh3_64_with_seed, xxh3_128};

use crate::Network;
use gcra::{Entry, Rule};
use memory::Table;
use redis::{Act, Redis};
pub use redis::{BadRedisAddress, RedisLimits};

/// How often what has ended is swept out.
const UPKEEP_EVERY: Duration = Duration::from_secs(10);

/// How much a subject may do: `limit` units in `window`, all of them at once if it likes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Its name: the same subject counts separately under every name.
    pub name: &'static str,
    /// So many units…
    pub limit: u32,
    /// …in this time. Taken for 366 days where it is longer.
    pub window: Duration,
}

/// What was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether the request may go on.
    pub allowed: bool,
    /// The limit that decided: a share of the quota's while Redis is away.
    pub limit: u32,
    /// How many units are left; none in a penalty.
    pub remaining: u32,
    /// Until the whole quota is there again.
    pub reset: Duration,
    /// Until the same request has a chance; zero when allowed. What comes earlier counts against the subject.
    pub retry_after: Duration,
    /// Refused for not having waited, whatever is left.
    pub penalised: bool,
}

/// Whom a limit holds for. Made once per request; it allocates nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subject(Who);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Address(IpAddr),
    User(Uuid),
    /// The hash of the text: a key in Redis is short then, and shows no names at a glance.
    Text(u128),
}

impl Subject {
    /// A network address. Of IPv6 only the first 64 bits count, as one household has them all; an IPv4
    /// address within IPv6 is the IPv4 address.
    #[must_use]
    pub fn address(address: IpAddr) -> Self {
        Self(Who::Address(Network::of(address).address()))
    }

    /// What pages elsewhere have browsers at this address send, which is counted apart from what is sent on purpose.
    #[must_use]
    pub fn pages_at(address: IpAddr) -> Self {
        Self::text(&format!("pages at {}", Network::of(address).address()))
    }

    /// A user.
    #[must_use]
    pub fn user(id: Uuid) -> Self {
        Self(Who::User(id))
    }

    /// Anything else that has a name.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self(Who::Text(xxh3_128(text.as_bytes())))
    }

    /// Its key in this process under a quota. The seed is secret, so that nobody outside can choose
    /// subjects that share a key.
    fn key(&self, quota: &Quota, seed: u64) -> u64 {
        let under = xxh3_64_with_seed(quota.name.as_bytes(), seed);
        match self.0 {
            Who::Address(IpAddr::V4(address)) => xxh3_64_with_seed(&address.octets(), under),
            Who::Address(IpAddr::V6(address)) => xxh3_64_with_seed(&address.octets()[..8], under.rotate_left(1)),
            Who::User(id) => xxh3_64_with_seed(id.as_bytes(), under.rotate_left(2)),
            Who::Text(hash) => xxh3_64_with_seed(&hash.to_le_bytes(), under.rotate_left(3)),
        }
    }
}

/// As it stands in a key of Redis: the same on every instance.
impl fmt::Display for Subject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Who::Address(address) => write!(formatter, "a:{address}"),
            Who::User(id) => write!(formatter, "u:{id}"),
            Who::Text(hash) => write!(formatter, "t:{hash:032x}"),
        }
    }
}

/// Figures of a limiter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LimitFigures {
    /// Subjects that this process knows something of (each quota counts).
    pub tracked: usize,
    /// How many were forgotten early, for want of room.
    pub evicted: u64,
    /// Checks that were refused.
    pub denied: u64,
    /// Penalties that began here.
    pub penalties: u64,
    /// What decides: `memory`, `redis`, or `memory (redis is away)`.
    #[schema(example = "memory")]
    pub store: &'static str,
    /// Instances that share the limits, as far as is known.
    pub instances: u32,
    /// Round trips to Redis that were begun.
    pub redis_calls: u64,
    /// Of these, how many failed or took too long.
    pub redis_failures: u64,
}

/// Limits by memory, or shared through Redis. Cheap to clone.
#[derive(Clone)]
pub struct Limiter {
    inner: Arc<Inner>,
}

struct Inner {
    clock: Clock,
    seed: u64,
    memory: Table<Entry>,
    redis: Option<Redis>,
    denied: AtomicU64,
    penalties: AtomicU64,
}

impl fmt::Debug for Limiter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Limiter").field("figures", &self.figures()).finish_non_exhaustive()
    }
}

impl Limiter {
    /// Limits of this process alone, for at most `max_tracked` subjects (each quota counts). A subject
    /// takes about 70 bytes.
    #[must_use]
    pub fn in_memory(clock: Clock, max_tracked: usize) -> Self {
        Self::new(clock, max_tracked, None)
    }

    /// Limits that all instances with the same Redis and prefix share. It connects in the background;
    /// until then, and whenever Redis is away, this process decides by its share.
    ///
    /// # Errors
    /// When the address is none.
    pub fn shared(
        clock: Clock,
        max_tracked: usize,
        redis: RedisLimits,
        tasks: &Tasks,
    ) -> Result<Self, BadRedisAddress> {
        let redis = Redis::start(redis, max_tracked, tasks)?;
        Ok(Self::new(clock, max_tracked, Some(redis)))
    }

    fn new(clock: Clock, max_tracked: usize, redis: Option<Redis>) -> Self {
        let (seed, _) = Uuid::new_v4().as_u64_pair();
        let (memory, denied, penalties) = (Table::new(max_tracked), AtomicU64::new(0), AtomicU64::new(0));
        Self { inner: Arc::new(Inner { clock, seed, memory, redis, denied, penalties }) }
    }

    /// The verdict, if it can be had without waiting: always without Redis and while it is away; with
    /// Redis where a lease covers the cost or a refusal is still known. `None`: call [`Limiter::check`].
    #[must_use]
    pub fn check_now(&self, quota: &Quota, subject: &Subject, cost: u32) -> Option<Verdict> {
        let (key, now) = (subject.key(quota, self.inner.seed), self.now());
        self.known_now(key, quota, now, cost)
    }

    /// The same for a request of this moment, in microseconds since 1970: for callers that have read the clock already.
    #[must_use]
    pub fn check_at(&self, us: i64, quota: &Quota, subject: &Subject, cost: u32) -> Option<Verdict> {
        self.known_now(subject.key(quota, self.inner.seed), quota, u64::try_from(us).unwrap_or(0), cost)
    }

    /// Takes `cost` units if they are there. Waits for Redis where it must, for as long as the time-out.
    pub async fn check(&self, quota: &Quota, subject: &Subject, cost: u32) -> Verdict {
        let (key, now) = (subject.key(quota, self.inner.seed), self.now());
        if let Some(verdict) = self.known_now(key, quota, now, cost) {
            return verdict;
        }
        if let Some(redis) = &self.inner.redis
            && let Some((verdict, began)) = redis.ask(key, quota, subject, now, Act::Take(cost)).await
        {
            return self.counted(verdict, began);
        }
        self.in_table(key, quota, now, cost)
    }

    /// Looks without taking anything: whether one unit could be had, and how much is left.
    pub async fn peek(&self, quota: &Quota, subject: &Subject) -> Verdict {
        let (key, now) = (subject.key(quota, self.inner.seed), self.now());
        if let Some(redis) = &self.inner.redis
            && let Some((verdict, _)) = redis.ask(key, quota, subject, now, Act::Look).await
        {
            return verdict;
        }
        let rule = self.share(quota);
        self.inner.memory.with_known(key, |entry| *entry).unwrap_or_default().look(rule, now, 1)
    }

    /// Gives units back (a sign-in that succeeded does not count), up to the whole quota. Strikes and
    /// penalties stay.
    pub async fn give_back(&self, quota: &Quota, subject: &Subject, cost: u32) {
        let (key, now) = (subject.key(quota, self.inner.seed), self.now());
        if let Some(redis) = &self.inner.redis
            && redis.ask(key, quota, subject, now, Act::GiveBack(cost)).await.is_some()
        {
            return;
        }
        let rule = self.share(quota);
        let _unknown_is_whole = self.inner.memory.with_known(key, |entry| entry.give_back(rule, now, cost));
    }

    /// Forgets everything about a subject under a quota (unblocking by hand). With Redis other instances
    /// may still refuse by what they know for a second; while it is away only this one forgets.
    pub async fn forget(&self, quota: &Quota, subject: &Subject) {
        let key = subject.key(quota, self.inner.seed);
        self.inner.memory.remove(key);
        if let Some(redis) = &self.inner.redis {
            redis.forget(key, quota, subject).await;
        }
    }

    /// Its figures.
    #[must_use]
    pub fn figures(&self) -> LimitFigures {
        let inner = &self.inner;
        let redis = inner.redis.as_ref();
        LimitFigures {
            tracked: inner.memory.len() + redis.map_or(0, Redis::tracked),
            evicted: inner.memory.evicted(),
            denied: inner.denied.load(Ordering::Relaxed),
            penalties: inner.penalties.load(Ordering::Relaxed),
            store: match redis {
                None => "memory",
                Some(redis) if redis.is_away() => "memory (redis is away)",
                Some(_) => "redis",
            },
            instances: redis.map_or(1, Redis::instances),
            redis_calls: redis.map_or(0, Redis::calls),
            redis_failures: redis.map_or(0, Redis::failures),
        }
    }

    /// Forgets what has ended, and gives its memory back. [`Limiter::start_upkeep`] has it done regularly.
    pub fn sweep(&self) {
        let now = self.now();
        self.inner.memory.sweep(now);
        if let Some(redis) = &self.inner.redis {
            redis.sweep(now);
        }
    }

    /// Sweeps regularly, for the life of the program.
    pub fn start_upkeep(&self, tasks: &Tasks) {
        let limiter = self.clone();
        tasks.supervise("limits-upkeep", move || {
            let limiter = limiter.clone();
            async move {
                let mut due = tokio::time::interval(UPKEEP_EVERY);
                due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
                loop {
                    due.tick().await;
                    limiter.sweep();
                }
            }
        });
    }

    fn known_now(&self, key: u64, quota: &Quota, now: u64, cost: u32) -> Option<Verdict> {
        match &self.inner.redis {
            Some(redis) if !redis.is_away() => {
                redis.known_now(key, Rule::of(quota), now, cost).map(|verdict| self.counted(verdict, false))
            }
            _ => Some(self.in_table(key, quota, now, cost)),
        }
    }

    /// The verdict of this process alone.
    fn in_table(&self, key: u64, quota: &Quota, now: u64, cost: u32) -> Verdict {
        let rule = self.share(quota);
        let (verdict, began) = self.inner.memory.with(key, now, |entry| {
            let outcome = entry.take(rule, now, cost);
            (entry.verdict(rule, now, cost, outcome.allowed), outcome.began)
        });
        self.counted(verdict, began)
    }

    fn counted(&self, verdict: Verdict, began: bool) -> Verdict {
        if !verdict.allowed {
            self.inner.denied.fetch_add(1, Ordering::Relaxed);
        }
        if began {
            self.inner.penalties.fetch_add(1, Ordering::Relaxed);
        }
        verdict
    }

    /// The part of a quota that this process may give away without asking.
    fn share(&self, quota: &Quota) -> Rule {
        Rule::shared_by(quota, self.inner.redis.as_ref().map_or(1, Redis::instances))
    }

    /// Microseconds since 1970.
    fn now(&self) -> u64 {
        u64::try_from(self.inner.clock.now().as_microsecond()).unwrap_or(0)
    }
}
