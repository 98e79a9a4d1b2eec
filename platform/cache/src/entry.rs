//! A cached value with everything that decides whether it may be served, and the first level, which
//! holds such values in this process.
//!
//! **Invariant:** the first level's size in bytes has a bound; what is asked for once does not push
//! out what is asked for often (S3-FIFO).

use std::any::Any;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use quick_cache::sync::Cache as QuickCache;
use quick_cache::{DefaultHashBuilder, Equivalent, Lifecycle, OptionsBuilder, Weighter};

use crate::fence::{Fence, Stamp};
use crate::tag::Tag;

/// What an entry costs beside its value: key, tags, and its place in the table.
const OVERHEAD: u64 = 200;
/// How soon a refresh is tried again that did not bring a new value.
const REFRESH_AGAIN_MS: u64 = 10_000;
/// What a value is expected to weigh, to size the table.
const EXPECTED: u64 = 2_048;

/// The key of a value, held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) namespace: u16,
    pub(crate) text: Box<str>,
}

/// The key of a value, asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) namespace: u16,
    pub(crate) text: &'a str,
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Asked { namespace: self.namespace, text: &self.text }.hash(state);
    }
}

impl Hash for Asked<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u16(self.namespace);
        state.write(self.text.as_bytes());
    }
}

impl Equivalent<Key> for Asked<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        self.namespace == key.namespace && *self.text == *key.text
    }
}

/// A value, or the knowledge that there is none.
pub(crate) struct Entry {
    pub(crate) value: Option<Arc<dyn Any + Send + Sync>>,
    /// Its own key's tag included.
    pub(crate) tags: Box<[Tag]>,
    pub(crate) stamp: Stamp,
    /// Whether it was filled elsewhere: then both stamps are looked at.
    pub(crate) is_promoted: bool,
    pub(crate) times: Times,
    pub(crate) weight: u64,
    /// The local position at which the fence last let it through.
    pub(crate) checked: AtomicU64,
    /// Until when nobody else is to refresh it: somebody does, or it has just failed.
    pub(crate) next_refresh_ms: AtomicU64,
}

/// The moments of an entry's life, on the fence's ticker.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    pub(crate) filled_ms: u64,
    /// From here on it is refreshed in the background.
    pub(crate) soft_ms: u64,
    /// From here on it is no longer served, but for fail-safe.
    pub(crate) expires_ms: u64,
    /// From here on it is of no use at all.
    pub(crate) useless_ms: u64,
}

impl fmt::Debug for Entry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tags, stamp, times, .. } = self;
        formatter.debug_struct("Entry").field("tags", tags).field("stamp", stamp).field("times", times).finish()
    }
}

impl Entry {
    /// Whether the fence lets it through, whatever its age.
    pub(crate) fn is_admitted(&self, fence: &Fence, named: (&str, &str)) -> bool {
        // Read before comparing: what is touched meanwhile has a later position.
        let position = fence.position();
        if self.checked.load(Ordering::Relaxed) == position {
            return true;
        }
        let admitted = fence.admits_local(self.stamp.local, &self.tags, named)
            && (!self.is_promoted || fence.admits_shared(self.stamp.as_of, &self.tags, named));
        if admitted {
            self.checked.store(position, Ordering::Relaxed);
        }
        admitted
    }

    /// Whether this caller is the one to refresh it.
    pub(crate) fn is_to_be_refreshed(&self, now_ms: u64) -> bool {
        if now_ms < self.times.soft_ms {
            return false;
        }
        let next = self.next_refresh_ms.load(Ordering::Relaxed);
        let again = now_ms + REFRESH_AGAIN_MS;
        now_ms >= next
            && self.next_refresh_ms.compare_exchange(next, again, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }
}

#[derive(Clone)]
struct Weigh;

impl Weighter<Key, Arc<Entry>> for Weigh {
    fn weight(&self, key: &Key, entry: &Arc<Entry>) -> u64 {
        entry.weight + key.text.len() as u64 + entry.tags.len() as u64 * 8 + OVERHEAD
    }
}

#[derive(Clone, Default)]
struct CountEvictions(Arc<AtomicU64>);

impl Lifecycle<Key, Arc<Entry>> for CountEvictions {
    type RequestState = ();

    fn on_evict(&self, _state: &mut (), _key: Key, _entry: Arc<Entry>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// The first level.
pub(crate) struct LevelOne {
    cache: QuickCache<Key, Arc<Entry>, Weigh, DefaultHashBuilder, CountEvictions>,
    evictions: Arc<AtomicU64>,
    replaced: AtomicU64,
}

impl fmt::Debug for LevelOne {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("LevelOne").field("entries", &self.cache.len()).finish_non_exhaustive()
    }
}

impl LevelOne {
    pub(crate) fn new(capacity_bytes: u64) -> Self {
        let evictions = CountEvictions::default();
        let items = usize::try_from(capacity_bytes / EXPECTED).unwrap_or(usize::MAX).max(64);
        let options = OptionsBuilder::new()
            .estimated_items_capacity(items)
            .weight_capacity(capacity_bytes)
            // Few, large shards: a value must fit into one.
            .shards(8)
            .build();
        #[expect(clippy::expect_used, reason = "both capacities are given, which is all that can be missing")]
        let options = options.expect("complete options");
        Self {
            evictions: evictions.0.clone(),
            replaced: AtomicU64::new(0),
            cache: QuickCache::with_options(options, Weigh, DefaultHashBuilder::default(), evictions),
        }
    }

    pub(crate) fn get(&self, key: Asked<'_>) -> Option<Arc<Entry>> {
        self.cache.get(&key)
    }

    pub(crate) fn insert(&self, key: Asked<'_>, entry: Arc<Entry>) {
        // The library counts what is replaced among what it pushes out.
        self.replaced.fetch_add(u64::from(self.cache.contains_key(&key)), Ordering::Relaxed);
        self.cache.insert(Key { namespace: key.namespace, text: key.text.into() }, entry);
    }

    pub(crate) fn remove(&self, key: Asked<'_>) -> bool {
        self.cache.remove(&key).is_some()
    }

    /// Keeps only what the test lets pass; tells how many went.
    pub(crate) fn sweep(&self, keep: impl Fn(&Key, &Entry) -> bool) -> u64 {
        let swept = AtomicU64::new(0);
        self.cache.retain(|key, entry| {
            let kept = keep(key, entry);
            swept.fetch_add(u64::from(!kept), Ordering::Relaxed);
            kept
        });
        swept.into_inner()
    }

    pub(crate) fn entries(&self) -> u64 {
        self.cache.len() as u64
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.cache.weight()
    }

    pub(crate) fn capacity_bytes(&self) -> u64 {
        self.cache.capacity()
    }

    pub(crate) fn evictions(&self) -> u64 {
        self.evictions.load(Ordering::Relaxed).saturating_sub(self.replaced.load(Ordering::Relaxed))
    }
}
