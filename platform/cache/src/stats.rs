//! Counts of what the cache did, by namespace.
//!
//! **Invariant:** counting a hit touches memory that no other core counts in at the same time, as a
//! counter shared by all would cost more than the hit.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use serde::Serialize;

/// One for each thread that looks anything up, and the last for all that come after these.
const SHARDS: usize = 32;

static NEXT_THREAD: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static THREAD: usize = NEXT_THREAD.fetch_add(1, Ordering::Relaxed).min(SHARDS - 1);
}

/// A counter that each thread counts in its own place.
#[derive(Debug, Default)]
pub(crate) struct Sharded([Line; SHARDS]);

#[derive(Debug, Default)]
#[repr(align(64))]
struct Line(AtomicU64);

impl Sharded {
    pub(crate) fn add(&self) {
        THREAD.with(|shard| {
            let counter = &self.0[*shard].0;
            if *shard == SHARDS - 1 {
                counter.fetch_add(1, Ordering::Relaxed);
            } else {
                // Nobody else writes here.
                counter.store(counter.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
            }
        });
    }

    pub(crate) fn sum(&self) -> u64 {
        self.0.iter().map(|line| line.0.load(Ordering::Relaxed)).sum()
    }
}

/// What happened in one namespace.
#[derive(Debug, Default)]
pub(crate) struct NamespaceStats {
    pub(crate) hits: Sharded,
    pub(crate) shared_hits: AtomicU64,
    pub(crate) misses: AtomicU64,
    pub(crate) ruled_out: AtomicU64,
    pub(crate) raced: AtomicU64,
    pub(crate) joined: AtomicU64,
    pub(crate) fills: AtomicU64,
    pub(crate) failures: AtomicU64,
    pub(crate) timeouts: AtomicU64,
    pub(crate) refreshes: AtomicU64,
    pub(crate) fail_safe: AtomicU64,
    pub(crate) passed: AtomicU64,
}

pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// Figures of one namespace since the start.
#[derive(Clone, Debug, Default, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NamespaceFigures {
    /// Its name.
    #[schema(example = "products")]
    pub namespace: String,
    /// Answered from this process's memory.
    pub hits: u64,
    /// Answered from Redis.
    pub shared_hits: u64,
    /// Answered by the source.
    pub misses: u64,
    /// Hits on both levels among all answers, 0 to 1; 0 when there were none.
    pub hit_rate: f64,
    /// Values that were found and that the fence did not let pass; a part of the misses.
    pub ruled_out: u64,
    /// Fills that a change overtook: handed to their caller and not kept.
    pub raced: u64,
    /// Callers that waited for a fill that another had begun.
    pub joined: u64,
    /// Times that the source was asked.
    pub fills: u64,
    /// Of these, how many failed.
    pub failures: u64,
    /// Of these, how many took longer than their callers wait.
    pub timeouts: u64,
    /// Refreshes in the background.
    pub refreshes: u64,
    /// Values past their time that stood in for a source that failed.
    pub fail_safe: u64,
    /// Answers that no cache was allowed to give: the feed was behind, or the caller demanded it.
    pub passed: u64,
}

impl NamespaceStats {
    pub(crate) fn figures(&self, namespace: &str) -> NamespaceFigures {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (hits, shared_hits, misses) = (self.hits.sum(), read(&self.shared_hits), read(&self.misses));
        let all = hits + shared_hits + misses;
        NamespaceFigures {
            namespace: namespace.to_owned(),
            hits,
            shared_hits,
            misses,
            hit_rate: if all == 0 { 0.0 } else { (hits + shared_hits) as f64 / all as f64 },
            ruled_out: read(&self.ruled_out),
            raced: read(&self.raced),
            joined: read(&self.joined),
            fills: read(&self.fills),
            failures: read(&self.failures),
            timeouts: read(&self.timeouts),
            refreshes: read(&self.refreshes),
            fail_safe: read(&self.fail_safe),
            passed: read(&self.passed),
        }
    }
}
