//! The cache itself: what all namespaces share.

use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use entrepot_runtime::{Breaker, Clock, Tasks};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::entry::{Asked, LevelOne};
use crate::fence::{Fence, FenceFigures};
use crate::flight::Flights;
use crate::namespace::{Codec, Namespace, Policy};
use crate::redis::{Change, Redis, RedisFigures, RedisSettings, Write};
use crate::stats::{NamespaceFigures, NamespaceStats};
use crate::tag::{KEY, PATTERN};

/// How often values that are of no use any more are swept out of memory.
const SWEEP_EVERY: Duration = Duration::from_secs(30);

/// How a cache is built.
#[derive(Clone, Debug)]
pub struct CacheSettings {
    /// `false`: nothing is kept, every read asks its source.
    pub enabled: bool,
    /// The most that the first level may take, in bytes.
    pub memory_bytes: u64,
    /// The second level, where there is one.
    pub redis: Option<RedisSettings>,
    /// What stands before every key in Redis, for several programs that share one.
    pub prefix: String,
}

impl Default for CacheSettings {
    fn default() -> Self {
        Self { enabled: true, memory_bytes: 64 * 1024 * 1024, redis: None, prefix: "entrepot".to_owned() }
    }
}

/// Why a cache could not be built.
#[derive(Debug, thiserror::Error)]
#[error("the address of Redis is not well-formed")]
pub struct BadRedisAddress(#[source] redis::RedisError);

/// A cache of two levels. Cheap to clone; all clones are one.
#[derive(Clone, Debug)]
pub struct Cache {
    pub(crate) shared: Arc<Shared>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) fence: Fence,
    pub(crate) clock: Clock,
    pub(crate) enabled: bool,
    pub(crate) level_one: LevelOne,
    pub(crate) redis: Option<Redis>,
    pub(crate) flights: Arc<Flights>,
    prefix: String,
    namespaces: RwLock<Vec<(&'static str, Arc<NamespaceStats>)>>,
    swept: Mutex<u64>,
}

/// Figures of a whole cache.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CacheFigures {
    /// Hits on both levels among all answers since the start, 0 to 1.
    pub hit_rate: f64,
    /// Answered from memory.
    pub hits: u64,
    /// Answered from Redis.
    pub shared_hits: u64,
    /// Answered by the source.
    pub misses: u64,
    /// The first level.
    pub memory: MemoryFigures,
    /// The second level; null where there is none.
    pub redis: Option<RedisFigures>,
    /// What the fence knows.
    pub feed: FenceFigures,
    /// By namespace.
    pub namespaces: Vec<NamespaceFigures>,
}

/// Figures of the first level.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MemoryFigures {
    /// Values that are held.
    pub entries: u64,
    /// What they take, in bytes, as weighed.
    pub bytes: u64,
    /// What they may take.
    pub capacity_bytes: u64,
    /// Values pushed out for want of room.
    pub evictions: u64,
    /// Values swept out as they were of no use any more.
    pub swept: u64,
}

impl Cache {
    /// A cache that is told of changes by `fence`. Its background work goes to `tasks`.
    ///
    /// # Errors
    /// When Redis' address is none.
    pub fn start(settings: CacheSettings, fence: Fence, clock: Clock, tasks: &Tasks) -> Result<Self, BadRedisAddress> {
        let redis = settings.redis.as_ref().map(|redis| Redis::start(redis, tasks));
        let redis = redis.transpose().map_err(BadRedisAddress)?;
        let cache = Self {
            shared: Arc::new(Shared {
                fence,
                clock,
                enabled: settings.enabled,
                level_one: LevelOne::new(settings.memory_bytes),
                redis,
                flights: Arc::default(),
                prefix: settings.prefix,
                namespaces: RwLock::default(),
                swept: Mutex::default(),
            }),
        };
        tasks.supervise("cache-sweep", {
            let cache = cache.clone();
            move || cache.clone().sweep_for_ever()
        });
        Ok(cache)
    }

    /// A part of the cache with values of one type, stored as JSON where they leave the process.
    ///
    /// # Panics
    /// When there is a namespace of this name already, or its name has a colon: a defect.
    #[must_use]
    pub fn namespace<V>(&self, name: &'static str, policy: Policy) -> Namespace<V>
    where
        V: Serialize + DeserializeOwned + Send + Sync + 'static,
    {
        self.namespace_with(
            name,
            policy,
            Codec {
                encode: |value| serde_json::to_vec(value).ok().map(Bytes::from),
                decode: |bytes| serde_json::from_slice(&bytes).ok(),
                weigh: None,
            },
        )
    }

    /// The same with a form of its own.
    ///
    /// # Panics
    /// As above.
    #[must_use]
    pub fn namespace_with<V>(&self, name: &'static str, policy: Policy, codec: Codec<V>) -> Namespace<V>
    where
        V: Send + Sync + 'static,
    {
        assert!(!name.is_empty() && !name.contains(':'), "{name:?} is no name for a namespace");
        let mut namespaces = self.shared.namespaces.write().unwrap_or_else(PoisonError::into_inner);
        assert!(namespaces.iter().all(|(other, _)| *other != name), "there are two namespaces {name:?}");
        let stats = Arc::new(NamespaceStats::default());
        let id = u16::try_from(namespaces.len()).unwrap_or(u16::MAX);
        namespaces.push((name, stats.clone()));
        Namespace::new(self.clone(), id, name, policy, codec, stats)
    }

    /// The fence that decides what may be served.
    #[must_use]
    pub fn fence(&self) -> &Fence {
        &self.shared.fence
    }

    /// Whether anything is kept at all.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.shared.enabled
    }

    /// Removes everything from Redis that was stored for the present database, to free its memory.
    /// To rule values out, touch [`crate::EVERYTHING`]; this alone rules out nothing. Tells how many
    /// keys went; `None` when Redis does not answer or there is none.
    pub async fn empty_redis(&self) -> Option<u64> {
        let redis = self.shared.redis.as_ref()?;
        redis.remove_all(&self.shared.redis_prefix()?).await
    }

    /// How long Redis takes to answer; `None` when it does not or there is none.
    pub async fn ping_redis(&self) -> Option<Duration> {
        self.shared.redis.as_ref()?.ping().await
    }

    /// Whether there is to be a Redis.
    #[must_use]
    pub fn has_redis(&self) -> bool {
        self.shared.redis.is_some()
    }

    /// The breaker before Redis, to be listed among the program's; `None` where there is no Redis.
    #[must_use]
    pub fn breaker(&self) -> Option<&Breaker> {
        self.shared.redis.as_ref().map(Redis::breaker)
    }

    /// The tag that touches the value with this key.
    #[must_use]
    pub fn key_tag(namespace: &str, key: &str) -> String {
        format!("{KEY}{namespace}:{key}")
    }

    /// The tag that touches every value whose `namespace:key` matches the pattern.
    #[must_use]
    pub fn pattern_tag(pattern: &str) -> String {
        format!("{PATTERN}{pattern}")
    }

    /// Hits on both levels among all answers since the start, 0 to 1; `None` before the first.
    #[must_use]
    pub fn hit_rate(&self) -> Option<f64> {
        let namespaces = self.shared.namespaces.read().unwrap_or_else(PoisonError::into_inner);
        let (mut hits, mut all) = (0, 0);
        for (name, stats) in &*namespaces {
            let figures = stats.figures(name);
            hits += figures.hits + figures.shared_hits;
            all += figures.hits + figures.shared_hits + figures.misses;
        }
        (all > 0).then(|| hits as f64 / all as f64)
    }

    /// Its figures. Redis is asked for its own.
    pub async fn figures(&self) -> CacheFigures {
        let shared = &self.shared;
        let redis = match &shared.redis {
            Some(redis) => Some(redis.figures().await),
            None => None,
        };
        let namespaces: Vec<NamespaceFigures> = {
            let namespaces = shared.namespaces.read().unwrap_or_else(PoisonError::into_inner);
            namespaces.iter().map(|(name, stats)| stats.figures(name)).collect()
        };
        let sum = |of: fn(&NamespaceFigures) -> u64| namespaces.iter().map(of).sum::<u64>();
        let (hits, shared_hits, misses) = (sum(|one| one.hits), sum(|one| one.shared_hits), sum(|one| one.misses));
        let all = hits + shared_hits + misses;
        CacheFigures {
            hit_rate: if all == 0 { 0.0 } else { (hits + shared_hits) as f64 / all as f64 },
            hits,
            shared_hits,
            misses,
            memory: MemoryFigures {
                entries: shared.level_one.entries(),
                bytes: shared.level_one.bytes(),
                capacity_bytes: shared.level_one.capacity_bytes(),
                evictions: shared.level_one.evictions(),
                swept: *shared.swept.lock().unwrap_or_else(PoisonError::into_inner),
            },
            redis,
            feed: shared.fence.figures(),
            namespaces,
        }
    }

    /// Sweeps out what is of no use any more; tells how many values went.
    pub fn sweep(&self) -> u64 {
        let now = self.shared.fence.now_ms();
        let names: Vec<&'static str> = {
            let namespaces = self.shared.namespaces.read().unwrap_or_else(PoisonError::into_inner);
            namespaces.iter().map(|(name, _)| *name).collect()
        };
        let swept = self.shared.level_one.sweep(|key, entry| {
            let name = names.get(usize::from(key.namespace)).copied().unwrap_or_default();
            now < entry.times.useless_ms && entry.is_admitted(&self.shared.fence, (name, &key.text))
        });
        *self.shared.swept.lock().unwrap_or_else(PoisonError::into_inner) += swept;
        swept
    }

    async fn sweep_for_ever(self) {
        let mut beat = tokio::time::interval(SWEEP_EVERY);
        loop {
            beat.tick().await;
            self.sweep();
        }
    }
}

impl Shared {
    /// What stands before every key in Redis; `None` while the database is not known, as nothing can
    /// be told about what was stored for it.
    fn redis_prefix(&self) -> Option<String> {
        let identity = self.fence.identity();
        (!identity.is_empty()).then(|| format!("{}:1:{identity}:", self.prefix))
    }

    pub(crate) fn redis_key(&self, namespace: &str, key: &str) -> Option<String> {
        Some(format!("{}{namespace}:{key}", self.redis_prefix()?))
    }

    pub(crate) fn forget(&self, asked: Asked<'_>, namespace: &str) {
        self.level_one.remove(asked);
        if let (Some(redis), Some(key)) = (&self.redis, self.redis_key(namespace, asked.text)) {
            redis.write(Write { key, what: Change::Delete });
        }
    }
}
