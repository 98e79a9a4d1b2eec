//! The limits in Redis: one script, one round trip, the same arithmetic as `gcra.rs`.
//!
//! What is known of a subject under a quota is a hash at `<prefix>limit:<quota>:<subject>` that ends by
//! itself when it is as good as absent (ten seconds later, so that no clock that is behind misses it).
//!
//! **Invariants:**
//! - Every call has a time limit. After three failures in a row Redis counts as away: no request calls it,
//!   and only a task in the background tries whether it is back.
//! - Of a script's text only Redis computes the digest; a Redis that lost it is given it again.
//! - What lies under a key and is none of ours counts as nothing and is overwritten.
//!
//! **What is known here.** So that a subject that asks often need not be asked about each time, a request
//! that passes may bring a *lease*: a 64th of what is left, at most 32 units, already taken in Redis and
//! good for a second here. And a refusal is remembered for a second, so that a flood of what is refused
//! costs a call a second; the strikes are counted here meanwhile. The next call about the subject settles:
//! it hands over the strikes, gives back what is left of the lease and tells when the other units were used,
//! so that the state in Redis becomes what it would be had every request gone there. Therefore:
//! - Near the limit (fewer than 64 units left) there are no new leases, and units of a lease are used before
//!   anything is refused: instances that go on asking allow the limit exactly, together.
//! - An instance that stops asking keeps what it leased; it is lost until the quota has refilled. So is what
//!   a call that is given up half-way (a time-out, a client that left) handed over or would have brought.
//! - A tenth strike is never given here: Redis begins penalties, with the strikes of all instances.
//! - What another instance gives back or forgets is known here a second later at the latest.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use entrepot_runtime::Tasks;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{ErrorKind, RedisError, ServerErrorKind, cmd};
use tokio::sync::Notify;
use uuid::Uuid;

use super::gcra::{self, Entry, Rule};
use super::memory::{Passing, Table};
use super::{Quota, Subject, Verdict};

const FAILURES_TO_LEAVE: u32 = 3;
const PROBE_EVERY: Duration = Duration::from_millis(500);
/// An instance that was not heard of for so many of its heartbeats is gone.
const HEARTBEATS_TO_FORGET: u32 = 3;
/// How long a lease may be used and a refusal is believed, in microseconds.
const TRUST: u64 = 1_000_000;
/// How long what is still to be handed over is kept beyond that.
const KEPT: u64 = 10_000_000;
/// Of so many units that are left one is leased…
const LEASE_PART: u32 = 64;
/// …up to so many at once.
const LONGEST_LEASE: u32 = 32;
/// Of at most so many subjects leases and refusals are known; of more, every request is asked for.
const MOST_KNOWN: usize = 1 << 17;

/// The registration of an instance, by the clock of Redis: how many there are.
const REGISTER: &str = r"
if redis.call('TYPE', KEYS[1]).ok ~= 'zset' then redis.call('DEL', KEYS[1]) end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local memory = tonumber(ARGV[2])
redis.call('ZADD', KEYS[1], string.format('%.0f', now), ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now - memory))
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return redis.call('ZCARD', KEYS[1])
";

/// The arithmetic of `gcra.rs`: `Entry::age`, `take`, `give_back`, after what was done elsewhere is settled.
const DECIDE: &str = r"
local now, interval, span, memory = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local limit, act, cost = tonumber(ARGV[5]), ARGV[6], tonumber(ARGV[7])
local unspent, used_to, handed_told = tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10])
local handed_strikes, struck_at = tonumber(ARGV[11]), tonumber(ARGV[12])
local skew, most_strikes, first_penalty = tonumber(ARGV[13]), tonumber(ARGV[14]), tonumber(ARGV[15])
local longest_penalty, top_level = tonumber(ARGV[16]), tonumber(ARGV[17])
local lease_part, longest_lease = tonumber(ARGV[18]), tonumber(ARGV[19])

local state = redis.pcall('HMGET', KEYS[1], 'arrival', 'forget', 'told', 'strikes', 'level', 'penalty')
if state.err then
  redis.call('DEL', KEYS[1])
  state = {}
end
local function number(text)
  local value = text and tonumber(text)
  if not value or value ~= value or value < 0 or value > 9007199254740992 then return 0 end
  return math.floor(value)
end
local arrival, forget_at, told = number(state[1]), number(state[2]), number(state[3])
local strikes, level, penalty = number(state[4]), number(state[5]), number(state[6]) == 1
local function units(count) return interval * math.min(count, limit) end

arrival = math.max(arrival - unspent * interval, used_to, 0)
if handed_told >= 0 then told = handed_told end
if handed_strikes > 0 then
  strikes = strikes + handed_strikes
  forget_at = math.max(forget_at, struck_at + memory)
end

if arrival > now + span + skew then arrival = now + span end
if forget_at <= now or forget_at > now + memory + longest_penalty + skew then
  strikes, level, penalty, forget_at = 0, 0, false, 0
elseif penalty and forget_at - memory <= now then
  penalty = false
end

local allowed, began, lease = false, false, 0
local function begin_penalty()
  local length = math.min(first_penalty * 2 ^ math.min(level, top_level), longest_penalty)
  forget_at = now + length + memory
  level = math.min(level + 1, top_level)
  strikes, penalty, began = 0, true, true
end
if act == 'take' then
  if penalty then
    allowed = false
  elseif strikes >= most_strikes then
    begin_penalty()
  elseif cost == 0 then
    allowed = true
  elseif cost <= limit then
    local after = math.max(arrival, now) + units(cost)
    if after <= now + span then
      allowed, arrival, told = true, after, 0
      lease = math.min(longest_lease, math.floor((now + span - arrival) / interval / lease_part))
      arrival = arrival + lease * interval
    else
      local strike = told > 0 and now < arrival + units(told) - span
      told = cost
      if strike then
        strikes = strikes + 1
        forget_at = now + memory
        if strikes >= most_strikes then begin_penalty() end
      end
    end
  end
elseif act == 'give back' then
  allowed = true
  if arrival > now then arrival = math.max(arrival - units(cost), now) end
end

if act ~= 'look' then
  local ends_at = math.max(arrival, forget_at)
  if ends_at <= now then
    redis.call('DEL', KEYS[1])
  else
    local function text(value) return string.format('%.0f', value) end
    redis.call('HSET', KEYS[1], 'arrival', text(arrival), 'forget', text(forget_at), 'told', text(told),
      'strikes', text(strikes), 'level', text(level), 'penalty', penalty and '1' or '0')
    redis.call('PEXPIRE', KEYS[1], text(math.ceil((ends_at - now + skew) / 1000)))
  end
end
return {allowed and 1 or 0, arrival, forget_at, told, strikes, level, penalty and 1 or 0, began and 1 or 0, lease}
";

/// Where the shared limits are.
#[derive(Clone)]
pub struct RedisLimits {
    /// The address: `redis://:password@host:port/db`.
    pub url: String,
    /// How long one call may take.
    pub timeout: Duration,
    /// What all keys begin with.
    pub prefix: String,
    /// How often an instance says that it is there; after three times this without a word it is gone.
    pub heartbeat: Duration,
}

impl RedisLimits {
    /// At an address, with a tenth of a second for a call and a heartbeat every five.
    #[must_use]
    pub fn at(url: impl Into<String>, prefix: impl Into<String>) -> Self {
        let (timeout, heartbeat) = (Duration::from_millis(100), Duration::from_secs(5));
        Self { url: url.into(), timeout, prefix: prefix.into(), heartbeat }
    }
}

/// The address is left out, as it may hold a password.
impl std::fmt::Debug for RedisLimits {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("RedisLimits")
            .field("timeout", &self.timeout)
            .field("prefix", &self.prefix)
            .field("heartbeat", &self.heartbeat)
            .finish_non_exhaustive()
    }
}

/// The address of Redis is none.
#[derive(Debug, thiserror::Error)]
#[error("the address of the Redis for the limits is not valid")]
pub struct BadRedisAddress(#[source] RedisError);

/// What a call does.
#[derive(Clone, Copy, Debug)]
pub(super) enum Act {
    Take(u32),
    Look,
    GiveBack(u32),
}

/// What this process knows of a subject under a quota, and what it has not told Redis yet.
#[derive(Clone, Copy, Default)]
struct Known {
    /// As it would be had everything gone to Redis; the units of the lease count as not taken.
    view: Entry,
    /// Until when the lease may be used and a refusal believed.
    until: u64,
    unspent: u32,
    /// The arrival time that the units of the lease alone make, by when they were used.
    used_to: u64,
    strikes: u8,
    struck_at: u64,
    /// Something was decided here: `view.told` counts, not what is in Redis.
    decided: bool,
}

impl Passing for Known {
    fn ends_at(&self) -> u64 {
        if self.unspent > 0 || self.decided { self.until.saturating_add(KEPT) } else { self.until }
    }
}

impl Known {
    /// Not in a moment that a clock put back has brought again, either.
    fn is_trusted(&self, now: u64) -> bool {
        now < self.until && self.until - now <= TRUST
    }

    fn decide(&mut self, rule: Rule, now: u64, cost: u32) -> Option<Verdict> {
        if !self.is_trusted(now) {
            return None;
        }
        if cost > 0 && self.unspent >= cost && !self.view.in_penalty {
            self.unspent -= cost;
            self.used_to = self.used_to.max(now) + rule.cost(cost);
            self.view.arrival = self.view.arrival.max(now) + rule.cost(cost);
            self.view.told = 0;
            self.decided = true;
            return Some(self.view.verdict(rule, now, cost, true));
        }
        if self.view.forget_at > 0 && self.view.forget_at <= now {
            // Redis must forget before it counts further.
            return None;
        }
        let mut tried = self.view;
        let outcome = tried.take(rule, now, cost);
        if outcome.allowed || outcome.began {
            return None;
        }
        self.view = tried;
        if outcome.strike {
            self.strikes += 1;
            self.struck_at = now;
        }
        self.decided = true;
        Some(tried.verdict(rule, now, cost, false))
    }

    /// What is to be handed over; it counts as handed over.
    fn settle(&mut self) -> Settlement {
        let told = if self.decided { i64::from(self.view.told) } else { -1 };
        let (unspent, used_to, strikes, struck_at) = (self.unspent, self.used_to, self.strikes, self.struck_at);
        (self.unspent, self.used_to, self.strikes, self.struck_at, self.decided) = (0, 0, 0, 0, false);
        Settlement { unspent, used_to, told, strikes, struck_at }
    }

    fn learn(&mut self, answer: &Answer, rule: Rule, now: u64) {
        // What was decided while the call was under way is not in the answer.
        let told = self.decided.then_some(self.view.told);
        self.unspent = self.unspent.saturating_add(answer.lease);
        self.view = answer.entry;
        self.view.arrival = self.view.arrival.saturating_sub(rule.cost(self.unspent)).max(self.used_to);
        self.view.strikes = self.view.strikes.saturating_add(self.strikes);
        self.view.told = told.unwrap_or(self.view.told);
        if answer.lease > 0 || !answer.allowed {
            self.until = now + TRUST;
        }
    }
}

/// What was decided here since the last call.
#[derive(Clone, Copy, Debug)]
struct Settlement {
    unspent: u32,
    used_to: u64,
    told: i64,
    strikes: u8,
    struck_at: u64,
}

const NOTHING_TO_SETTLE: Settlement = Settlement { unspent: 0, used_to: 0, told: -1, strikes: 0, struck_at: 0 };

/// What the script returns.
#[derive(Clone, Copy, Debug)]
struct Answer {
    allowed: bool,
    entry: Entry,
    began: bool,
    lease: u32,
}

impl Answer {
    fn read(numbers: &[u64]) -> Option<Self> {
        let &[allowed, arrival, forget_at, told, strikes, level, in_penalty, began, lease] = numbers else {
            return None;
        };
        let entry = Entry {
            arrival,
            forget_at,
            told: u32::try_from(told).ok()?,
            strikes: u8::try_from(strikes).unwrap_or(u8::MAX),
            level: u8::try_from(level).unwrap_or(u8::MAX),
            in_penalty: in_penalty == 1,
        };
        Some(Self { allowed: allowed == 1, entry, began: began == 1, lease: u32::try_from(lease).ok()? })
    }
}

/// The limits in Redis. Cheap to clone.
#[derive(Clone)]
pub(super) struct Redis {
    shared: Arc<Shared>,
}

struct Shared {
    client: redis::Client,
    settings: RedisLimits,
    /// Who this process is among the instances.
    id: String,
    connecting: tokio::sync::Mutex<()>,
    ready: Mutex<Option<ConnectionManager>>,
    digest: OnceLock<String>,
    known: Table<Known>,
    away: AtomicBool,
    failures_in_a_row: AtomicU32,
    left: Notify,
    instances: AtomicU32,
    calls: AtomicU64,
    failures: AtomicU64,
}

impl Redis {
    pub(super) fn start(settings: RedisLimits, max_tracked: usize, tasks: &Tasks) -> Result<Self, BadRedisAddress> {
        let redis = Self {
            shared: Arc::new(Shared {
                client: redis::Client::open(settings.url.as_str()).map_err(BadRedisAddress)?,
                settings,
                id: Uuid::new_v4().to_string(),
                connecting: tokio::sync::Mutex::default(),
                ready: Mutex::default(),
                digest: OnceLock::new(),
                known: Table::new(max_tracked.min(MOST_KNOWN)),
                away: AtomicBool::new(false),
                failures_in_a_row: AtomicU32::new(0),
                left: Notify::new(),
                instances: AtomicU32::new(1),
                calls: AtomicU64::new(0),
                failures: AtomicU64::new(0),
            }),
        };
        tasks.supervise("limits-redis-heartbeat", {
            let redis = redis.clone();
            move || {
                let redis = redis.clone();
                async move { redis.heartbeat().await }
            }
        });
        tasks.supervise("limits-redis-probe", {
            let redis = redis.clone();
            move || {
                let redis = redis.clone();
                async move { redis.probe().await }
            }
        });
        Ok(redis)
    }

    pub(super) fn is_away(&self) -> bool {
        self.shared.away.load(Ordering::Acquire)
    }

    pub(super) fn instances(&self) -> u32 {
        self.shared.instances.load(Ordering::Acquire)
    }

    pub(super) fn calls(&self) -> u64 {
        self.shared.calls.load(Ordering::Relaxed)
    }

    pub(super) fn failures(&self) -> u64 {
        self.shared.failures.load(Ordering::Relaxed)
    }

    pub(super) fn tracked(&self) -> usize {
        self.shared.known.len()
    }

    pub(super) fn sweep(&self, now: u64) {
        self.shared.known.sweep(now);
    }

    /// The verdict, where a lease covers the cost or a refusal is known.
    pub(super) fn known_now(&self, key: u64, rule: Rule, now: u64, cost: u32) -> Option<Verdict> {
        self.shared.known.with_known(key, |known| known.decide(rule, now, cost)).flatten()
    }

    /// The verdict of Redis, and whether a penalty began; `None` when it does not answer.
    pub(super) async fn ask(
        &self,
        key: u64,
        quota: &Quota,
        subject: &Subject,
        now: u64,
        act: Act,
    ) -> Option<(Verdict, bool)> {
        if self.is_away() {
            return None;
        }
        let (shared, rule) = (&self.shared, Rule::of(quota));
        let settlement = match act {
            // It changes nothing there, so it hands nothing over.
            Act::Look => shared.known.with_known(key, |known| {
                let mut seen = *known;
                seen.settle()
            }),
            Act::Take(_) | Act::GiveBack(_) => shared.known.with_known(key, Known::settle),
        };
        let settlement = settlement.unwrap_or(NOTHING_TO_SETTLE);
        let name = self.name(quota, subject);
        let numbers = self.attempt(async |connection| self.decide(connection, &name, rule, now, act, settlement).await);
        let answer = Answer::read(&numbers.await?)?;
        Some(match act {
            Act::Look => (answer.entry.look(rule, now, 1), false),
            Act::Take(cost) => {
                let taken = rule.cost(answer.lease);
                shared.known.with(key, now, |known| known.learn(&answer, rule, now));
                let view = Entry { arrival: answer.entry.arrival.saturating_sub(taken), ..answer.entry };
                (view.verdict(rule, now, cost, answer.allowed), answer.began)
            }
            Act::GiveBack(_) => {
                let _nothing_known = shared.known.with_known(key, |known| known.learn(&answer, rule, now));
                (answer.entry.verdict(rule, now, 0, true), false)
            }
        })
    }

    /// Forgets a subject under a quota, there and here.
    pub(super) async fn forget(&self, key: u64, quota: &Quota, subject: &Subject) {
        self.shared.known.remove(key);
        if self.is_away() {
            return;
        }
        let name = self.name(quota, subject);
        let _removed: Option<u64> =
            self.attempt(async |connection| cmd("DEL").arg(&name).query_async(connection).await).await;
        // A request that was under way meanwhile may have brought it back.
        self.shared.known.remove(key);
    }

    fn name(&self, quota: &Quota, subject: &Subject) -> String {
        format!("{}limit:{}:{subject}", self.shared.settings.prefix, quota.name)
    }

    async fn decide(
        &self,
        connection: &mut ConnectionManager,
        name: &str,
        rule: Rule,
        now: u64,
        act: Act,
        settlement: Settlement,
    ) -> Result<Vec<u64>, RedisError> {
        let (word, cost) = match act {
            Act::Take(cost) => ("take", cost),
            Act::Look => ("look", 0),
            Act::GiveBack(cost) => ("give back", cost),
        };
        let mut digest = match self.shared.digest.get() {
            Some(digest) => digest.clone(),
            None => self.load(connection).await?,
        };
        loop {
            let mut call = cmd("EVALSHA");
            call.arg(&digest).arg(1).arg(name);
            call.arg(now).arg(rule.interval).arg(rule.span).arg(rule.memory).arg(rule.limit).arg(word).arg(cost);
            call.arg(settlement.unspent).arg(settlement.used_to).arg(settlement.told);
            call.arg(settlement.strikes).arg(settlement.struck_at);
            call.arg(gcra::SKEW).arg(gcra::STRIKES).arg(gcra::FIRST_PENALTY).arg(gcra::LONGEST_PENALTY);
            call.arg(gcra::TOP_LEVEL).arg(LEASE_PART).arg(LONGEST_LEASE);
            match call.query_async(connection).await {
                // It was started anew and has lost the script. The time limit ends this, if nothing else.
                Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                    digest = self.load(connection).await?;
                }
                answer => return answer,
            }
        }
    }

    async fn load(&self, connection: &mut ConnectionManager) -> Result<String, RedisError> {
        let digest: String = cmd("SCRIPT").arg("LOAD").arg(DECIDE).query_async(connection).await?;
        Ok(self.shared.digest.get_or_init(|| digest).clone())
    }

    async fn attempt<T>(&self, work: impl AsyncFnOnce(&mut ConnectionManager) -> Result<T, RedisError>) -> Option<T> {
        let shared = &self.shared;
        shared.calls.fetch_add(1, Ordering::Relaxed);
        let outcome = tokio::time::timeout(shared.settings.timeout, async {
            let mut connection = self.connection().await?;
            work(&mut connection).await
        })
        .await;
        match outcome {
            Ok(Ok(value)) => {
                shared.failures_in_a_row.store(0, Ordering::Release);
                Some(value)
            }
            failed => {
                let error = match failed {
                    Ok(Err(error)) => error.to_string(),
                    _ => format!("it does not answer within {} ms", shared.settings.timeout.as_millis()),
                };
                tracing::debug!(error, "Redis failed");
                shared.failures.fetch_add(1, Ordering::Relaxed);
                let in_a_row = shared.failures_in_a_row.fetch_add(1, Ordering::AcqRel).saturating_add(1);
                if in_a_row >= FAILURES_TO_LEAVE && !shared.away.swap(true, Ordering::AcqRel) {
                    tracing::warn!(error, "Redis cannot be used; until it can, this process limits by its share");
                    shared.left.notify_one();
                }
                None
            }
        }
    }

    async fn connection(&self) -> Result<ConnectionManager, RedisError> {
        let shared = &self.shared;
        let ready = || shared.ready.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(ready) = ready() {
            return Ok(ready);
        }
        // One connects, the others wait for it; each within its own time limit.
        let _turn = shared.connecting.lock().await;
        if let Some(ready) = ready() {
            return Ok(ready);
        }
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(0)
            .set_connection_timeout(Some(shared.settings.timeout))
            .set_response_timeout(Some(shared.settings.timeout));
        let made = shared.client.get_connection_manager_with_config(config).await?;
        *shared.ready.lock().unwrap_or_else(PoisonError::into_inner) = Some(made.clone());
        Ok(made)
    }

    /// Says that this instance is there and learns how many are.
    async fn register(&self) -> bool {
        let shared = &self.shared;
        let set = format!("{}limit-instances", shared.settings.prefix);
        let memory = (shared.settings.heartbeat * HEARTBEATS_TO_FORGET).as_millis();
        let memory = u64::try_from(memory).unwrap_or(u64::MAX).max(1);
        let instances: Option<u32> = self
            .attempt(async |connection| {
                let mut call = cmd("EVAL");
                call.arg(REGISTER).arg(1).arg(&set).arg(&shared.id).arg(memory);
                call.query_async(connection).await
            })
            .await;
        if let Some(instances) = instances {
            shared.instances.store(instances.max(1), Ordering::Release);
        }
        instances.is_some()
    }

    async fn heartbeat(&self) {
        let mut due = tokio::time::interval(self.shared.settings.heartbeat.max(Duration::from_millis(10)));
        due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            due.tick().await;
            if !self.is_away() {
                self.register().await;
            }
        }
    }

    /// While Redis is away: tries every half second whether it is back.
    async fn probe(&self) {
        loop {
            if !self.is_away() {
                self.shared.left.notified().await;
            }
            #[expect(clippy::disallowed_methods, reason = "the pause between two probes")]
            tokio::time::sleep(PROBE_EVERY).await;
            if self.register().await && self.shared.away.swap(false, Ordering::AcqRel) {
                tracing::info!("Redis answers again; the limits are shared");
            }
        }
    }
}
