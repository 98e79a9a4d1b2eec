//! The second level: values in Redis, for sharing between processes and for surviving a restart.
//!
//! Redis is storage and never an authority: what it returns is judged by this process's own fence.
//! So nothing here has to be exact. Whatever goes wrong (refused, hanging, rubbish, emptied, an old
//! dump) is a miss.
//!
//! **Invariants:**
//! - Every call has a time limit.
//! - After three failures in a row the breaker opens: calls return at once, and only a task in the
//!   background tries whether Redis is back. No request waits for that: none is ever a trial.
//! - Writing waits for nobody: it goes through a queue of bounded length, and what does not fit is
//!   left out and counted.
//!
//! A value is stored as
//!
//! | bytes | what |
//! | --- | --- |
//! | 1 | version of this format, 1 |
//! | 1 | bit 0: the value is compressed by zstd; bit 1: there is no value, which is known |
//! | 8 | `as_of`, the filler's watermark |
//! | 8 | when it was filled, ms since 1970 |
//! | 8 | its own time to live in ms, 0 where it is the policy's |
//! | 4 | length of the value before compression |
//! | 2 | number of tags |
//! | 8 each | the tags' hashes |
//! | … | the value |
//! | 8 | xxh3 of the key and all of the above |
//!
//! with numbers in little-endian order.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use entrepot_runtime::{Breaker, BreakerError, BreakerSettings, Permit, Tasks};
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{ErrorKind, Pipeline, RedisError, cmd};
use serde::Serialize;
use tokio::sync::mpsc;
use xxhash_rust::xxh3::Xxh3;

use crate::tag::Tag;

const VERSION: u8 = 1;
const HEAD: usize = 1 + 1 + 8 + 8 + 8 + 4 + 2;
const CHECK: usize = 8;
const COMPRESSED: u8 = 1;
const NEGATIVE: u8 = 2;
/// From this many bytes on a value is compressed.
const WORTH_COMPRESSING: usize = 1_024;
/// Larger values are not shared.
const LARGEST: usize = 8 * 1024 * 1024;
const FAILURES_TO_OPEN: u32 = 3;
const PROBE_EVERY: Duration = Duration::from_millis(500);
const QUEUE: usize = 4_096;
const MOST_AT_ONCE: usize = 128;

/// Where Redis is and how long it may take.
#[derive(Clone, Debug)]
pub struct RedisSettings {
    /// Its address: `redis://:password@host:port/db`.
    pub url: String,
    /// How long one call may take.
    pub timeout: Duration,
}

/// Figures of the second level.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RedisFigures {
    /// Whether it answers: the breaker is closed.
    pub connected: bool,
    /// Calls that were made.
    pub calls: u64,
    /// Of these, how many failed or took too long.
    pub failures: u64,
    /// How often the breaker opened.
    pub breaker_opened: u64,
    /// Values that were no values of ours.
    pub rubbish: u64,
    /// Values that were not written as the queue was full or they were too large.
    pub left_out: u64,
    /// What Redis says of itself; null when it does not answer.
    pub server: Option<RedisServerFigures>,
}

/// What Redis says of itself.
#[derive(Clone, Debug, Default, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RedisServerFigures {
    /// Its version.
    pub version: String,
    /// Memory in use, in bytes.
    pub used_memory_bytes: u64,
    /// Its limit, in bytes; 0 for none.
    pub max_memory_bytes: u64,
    /// Keys in this database, ours or not.
    pub keys: u64,
    /// Clients that are connected.
    pub clients: u64,
    /// Keys that it pushed out for want of memory.
    pub evicted_keys: u64,
}

/// A value as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    /// `None`: it is known that there is none.
    pub(crate) value: Option<Bytes>,
    pub(crate) as_of: u64,
    pub(crate) filled_at_ms: i64,
    /// Its own time to live, where it is not the policy's.
    pub(crate) ttl: Option<Duration>,
    pub(crate) tags: Vec<Tag>,
}

/// A write that waits in the queue.
#[derive(Debug)]
pub(crate) struct Write {
    pub(crate) key: String,
    pub(crate) what: Change,
}

#[derive(Debug)]
pub(crate) enum Change {
    Set { stored: Stored, ttl: Duration },
    Delete,
}

/// The second level. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Redis {
    shared: Arc<Shared>,
}

struct Shared {
    client: redis::Client,
    timeout: Duration,
    connection: tokio::sync::Mutex<Option<ConnectionManager>>,
    ready: Mutex<Option<ConnectionManager>>,
    breaker: Breaker,
    writes: mpsc::Sender<Write>,
    rubbish: AtomicU64,
    left_out: AtomicU64,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Redis").field("breaker", &self.breaker).finish_non_exhaustive()
    }
}

impl Redis {
    pub(crate) fn start(settings: &RedisSettings, tasks: &Tasks) -> Result<Self, RedisError> {
        let (writes, queue) = mpsc::channel(QUEUE);
        let redis = Self {
            shared: Arc::new(Shared {
                client: redis::Client::open(settings.url.as_str())?,
                timeout: settings.timeout,
                connection: tokio::sync::Mutex::default(),
                ready: Mutex::default(),
                breaker: Breaker::new("redis", breaker_settings(settings.timeout)),
                writes,
                rubbish: AtomicU64::new(0),
                left_out: AtomicU64::new(0),
            }),
        };
        let queue = Arc::new(tokio::sync::Mutex::new(queue));
        tasks.supervise("cache-redis-writes", {
            let redis = redis.clone();
            move || {
                let (redis, queue) = (redis.clone(), queue.clone());
                async move { redis.write_queue(&mut *queue.lock().await).await }
            }
        });
        tasks.supervise("cache-redis-probe", {
            let redis = redis.clone();
            move || {
                let redis = redis.clone();
                async move { redis.probe().await }
            }
        });
        Ok(redis)
    }

    /// The values of these keys, `None` where there is none or it cannot be had.
    pub(crate) async fn read(&self, keys: &[String]) -> Vec<Option<Stored>> {
        let mut command = cmd("MGET");
        for key in keys {
            command.arg(key);
        }
        let found: Option<Vec<Option<Vec<u8>>>> =
            self.call(async |connection| command.query_async(connection).await).await;
        let Some(found) = found.filter(|found| found.len() == keys.len()) else { return vec![None; keys.len()] };
        let mut stored = Vec::with_capacity(keys.len());
        for (key, value) in keys.iter().zip(found) {
            let read = value.as_deref().map(|bytes| Stored::read(key, bytes));
            if let Some(None) = read {
                self.shared.rubbish.fetch_add(1, Ordering::Relaxed);
            }
            stored.push(read.flatten());
        }
        stored
    }

    /// Puts a change into the queue.
    pub(crate) fn write(&self, write: Write) {
        if !self.shared.breaker.is_closed() || self.shared.writes.try_send(write).is_err() {
            self.shared.left_out.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How long it takes to answer; `None` when it does not.
    pub(crate) async fn ping(&self) -> Option<Duration> {
        let start = Instant::now();
        let _pong: String = self.call(async |connection| cmd("PING").query_async(connection).await).await?;
        Some(start.elapsed())
    }

    /// Removes every key that begins with `prefix`, a bounded number at a time; tells how many.
    pub(crate) async fn remove_all(&self, prefix: &str) -> Option<u64> {
        let pattern = format!("{}*", prefix.replace(['*', '?', '[', ']', '\\'], "?"));
        let (mut cursor, mut removed) = (0_u64, 0);
        loop {
            let (next, keys): (u64, Vec<String>) = self
                .call(async |connection| {
                    let mut scan = cmd("SCAN");
                    scan.arg(cursor).arg("MATCH").arg(&pattern).arg("COUNT").arg(500);
                    scan.query_async(connection).await
                })
                .await?;
            if !keys.is_empty() {
                let gone: u64 =
                    self.call(async |connection| cmd("UNLINK").arg(&keys).query_async(connection).await).await?;
                removed += gone;
            }
            if next == 0 {
                return Some(removed);
            }
            cursor = next;
        }
    }

    pub(crate) fn breaker(&self) -> &Breaker {
        &self.shared.breaker
    }

    pub(crate) async fn figures(&self) -> RedisFigures {
        let shared = &self.shared;
        let server = self.server_figures().await;
        let breaker = shared.breaker.figures();
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        RedisFigures {
            connected: server.is_some(),
            calls: breaker.calls,
            failures: breaker.failures,
            breaker_opened: breaker.opened,
            rubbish: read(&shared.rubbish),
            left_out: read(&shared.left_out),
            server,
        }
    }

    async fn server_figures(&self) -> Option<RedisServerFigures> {
        let (info, keys): (String, u64) = self
            .call(async |connection| {
                let mut both = Pipeline::new();
                both.cmd("INFO").cmd("DBSIZE");
                both.query_async(connection).await
            })
            .await?;
        let field = |name: &str| info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let number = |name: &str| field(name).and_then(|text| text.trim().parse().ok()).unwrap_or(0);
        Some(RedisServerFigures {
            version: field("redis_version").unwrap_or_default().trim().to_owned(),
            used_memory_bytes: number("used_memory"),
            max_memory_bytes: number("maxmemory"),
            keys,
            clients: number("connected_clients"),
            evicted_keys: number("evicted_keys"),
        })
    }

    /// Makes a call, unless the breaker is open.
    async fn call<T>(&self, work: impl AsyncFnOnce(&mut ConnectionManager) -> Result<T, RedisError>) -> Option<T> {
        let permit = self.shared.breaker.admit_if_closed()?;
        self.attempt(permit, work).await
    }

    async fn attempt<T>(
        &self,
        permit: Permit,
        work: impl AsyncFnOnce(&mut ConnectionManager) -> Result<T, RedisError>,
    ) -> Option<T> {
        let made = async {
            let mut connection = self.connection().await?;
            work(&mut connection).await
        };
        match permit.run(|_| true, made).await {
            Ok(value) => Some(value),
            Err(BreakerError::Failed(error)) => {
                tracing::debug!(%error, "Redis failed");
                None
            }
            Err(_late) => None,
        }
    }

    async fn connection(&self) -> Result<ConnectionManager, RedisError> {
        if let Some(ready) = &*self.shared.ready.lock().unwrap_or_else(PoisonError::into_inner) {
            return Ok(ready.clone());
        }
        let mut connection = self.shared.connection.lock().await;
        if let Some(connection) = &*connection {
            return Ok(connection.clone());
        }
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(0)
            .set_connection_timeout(Some(self.shared.timeout))
            .set_response_timeout(Some(self.shared.timeout));
        let made = self.shared.client.get_connection_manager_with_config(config).await?;
        *connection = Some(made.clone());
        *self.shared.ready.lock().unwrap_or_else(PoisonError::into_inner) = Some(made.clone());
        Ok(made)
    }

    /// While the breaker is open: tries every half second whether Redis is back.
    async fn probe(&self) {
        let breaker = &self.shared.breaker;
        loop {
            breaker.left_closed().await;
            let permit = match breaker.admit() {
                Ok(permit) => permit,
                Err(open) => {
                    #[expect(clippy::disallowed_methods, reason = "the pause between two probes")]
                    tokio::time::sleep(open.retry_after).await;
                    continue;
                }
            };
            let ping = async |connection: &mut ConnectionManager| {
                let pong: String = cmd("PING").query_async(connection).await?;
                let is_redis = pong == "PONG";
                is_redis.then_some(()).ok_or_else(|| RedisError::from((ErrorKind::UnexpectedReturnType, "no PONG")))
            };
            // How it ended is for the breaker to know.
            let _pong: Option<()> = self.attempt(permit, ping).await;
        }
    }

    async fn write_queue(&self, queue: &mut mpsc::Receiver<Write>) {
        let mut waiting = Vec::with_capacity(MOST_AT_ONCE);
        while queue.recv_many(&mut waiting, MOST_AT_ONCE).await > 0 {
            let mut pipeline = Pipeline::new();
            for Write { key, what } in waiting.drain(..) {
                match what {
                    Change::Delete => {
                        pipeline.cmd("UNLINK").arg(&key).ignore();
                    }
                    Change::Set { stored, ttl } => {
                        let Some(bytes) = stored.write(&key) else {
                            self.shared.left_out.fetch_add(1, Ordering::Relaxed);
                            continue;
                        };
                        let ttl_ms = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX).max(1);
                        pipeline.cmd("SET").arg(&key).arg(bytes).arg("PX").arg(ttl_ms).ignore();
                    }
                }
            }
            if pipeline.is_empty() {
                continue;
            }
            // Not kept is not kept: the next reader fills it again.
            let _kept: Option<()> = self.call(async |connection| pipeline.query_async(connection).await).await;
        }
        std::future::pending::<()>().await;
    }
}

/// Failures in a row decide, and not their share: a busy window full of successes would speak for a Redis
/// that hangs until as many calls have waited for it in vain. The pause does not grow, as it is the
/// background task alone that pays for a trial.
fn breaker_settings(timeout: Duration) -> BreakerSettings {
    BreakerSettings {
        failures_in_a_row: Some(FAILURES_TO_OPEN),
        failure_share: f64::INFINITY,
        open_for: PROBE_EVERY,
        open_for_at_most: PROBE_EVERY,
        trials: 1,
        timeout,
        ..BreakerSettings::default()
    }
}

fn digest(key: &str, bytes: &[u8]) -> u64 {
    let mut hash = Xxh3::new();
    hash.update(key.as_bytes());
    hash.update(bytes);
    hash.digest()
}

impl Stored {
    /// The value as it is stored; `None` when it is too large.
    fn write(&self, key: &str) -> Option<Vec<u8>> {
        let value = self.value.as_deref().unwrap_or_default();
        if value.len() > LARGEST {
            return None;
        }
        let compressed = if value.len() >= WORTH_COMPRESSING {
            zstd::bulk::compress(value, 3).ok().filter(|made| made.len() < value.len())
        } else {
            None
        };
        let flags = if compressed.is_some() { COMPRESSED } else { 0 } | if self.value.is_none() { NEGATIVE } else { 0 };
        let body = compressed.as_deref().unwrap_or(value);
        let mut bytes = Vec::with_capacity(HEAD + self.tags.len() * 8 + body.len() + CHECK);
        bytes.extend([VERSION, flags]);
        bytes.extend(self.as_of.to_le_bytes());
        bytes.extend(self.filled_at_ms.to_le_bytes());
        bytes.extend(self.ttl.map_or(0, crate::time::millis).to_le_bytes());
        bytes.extend(u32::try_from(value.len()).ok()?.to_le_bytes());
        bytes.extend(u16::try_from(self.tags.len()).ok()?.to_le_bytes());
        for tag in &self.tags {
            bytes.extend(tag.0.to_le_bytes());
        }
        bytes.extend(body);
        let check = digest(key, &bytes);
        bytes.extend(check.to_le_bytes());
        Some(bytes)
    }

    /// Reads it back; `None` when it is none of ours, whole and unharmed.
    fn read(key: &str, bytes: &[u8]) -> Option<Self> {
        let (bytes, check) = bytes.split_last_chunk::<CHECK>()?;
        if digest(key, bytes) != u64::from_le_bytes(*check) {
            return None;
        }
        let ([version, flags], rest) = bytes.split_first_chunk::<2>()?;
        if *version != VERSION {
            return None;
        }
        let (as_of, rest) = rest.split_first_chunk::<8>()?;
        let (filled_at_ms, rest) = rest.split_first_chunk::<8>()?;
        let (ttl_ms, rest) = rest.split_first_chunk::<8>()?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let (tags, mut rest) = rest.split_first_chunk::<2>()?;
        let mut list = Vec::new();
        for _ in 0..u16::from_le_bytes(*tags) {
            let (tag, after) = rest.split_first_chunk::<8>()?;
            list.push(Tag(u64::from_le_bytes(*tag)));
            rest = after;
        }
        let length = usize::try_from(u32::from_le_bytes(*length)).ok().filter(|length| *length <= LARGEST)?;
        let value = match flags {
            flags if flags & NEGATIVE != 0 => None,
            flags if flags & COMPRESSED != 0 => Some(Bytes::from(zstd::bulk::decompress(rest, length).ok()?)),
            _ => Some(Bytes::copy_from_slice(rest)),
        };
        if value.as_ref().is_some_and(|value| value.len() != length) {
            return None;
        }
        Some(Self {
            value,
            as_of: u64::from_le_bytes(*as_of),
            filled_at_ms: i64::from_le_bytes(*filled_at_ms),
            ttl: Some(u64::from_le_bytes(*ttl_ms)).filter(|ms| *ms > 0).map(Duration::from_millis),
            tags: list,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(value: Option<Bytes>) -> Stored {
        let ttl = value.as_ref().map(|_| Duration::from_secs(5));
        Stored { value, as_of: 42, filled_at_ms: 1_700_000_000_000, ttl, tags: vec![Tag(1), Tag(u64::MAX)] }
    }

    #[test]
    fn values_come_back_as_they_went() {
        for value in [None, Some(Bytes::new()), Some(Bytes::from("x")), Some(Bytes::from("long ".repeat(1_000)))] {
            let stored = stored(value);
            let bytes = stored.write("k").expect("not too large");
            assert_eq!(Stored::read("k", &bytes), Some(stored));
        }
        let long = stored(Some(Bytes::from("long ".repeat(1_000)))).write("k").expect("not too large");
        assert!(long.len() < 500, "{} bytes", long.len());
    }

    #[test]
    fn nothing_else_is_taken_for_a_value() {
        let bytes = stored(Some(Bytes::from("value"))).write("k").expect("not too large");
        assert_eq!(Stored::read("another key", &bytes), None);
        for cut in 0..bytes.len() {
            assert_eq!(Stored::read("k", &bytes[..cut]), None, "cut at {cut}");
        }
        for at in 0..bytes.len() {
            let mut harmed = bytes.clone();
            harmed[at] ^= 0x10;
            assert_eq!(Stored::read("k", &harmed), None, "harmed at {at}");
        }
        let mut other_version = bytes[..bytes.len() - CHECK].to_vec();
        other_version[0] = 2;
        let check = digest("k", &other_version);
        other_version.extend(check.to_le_bytes());
        assert_eq!(Stored::read("k", &other_version), None);
    }
}
