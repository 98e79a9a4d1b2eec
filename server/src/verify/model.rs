//! What has been acknowledged, and what an answer must therefore show.
//!
//! Each product's stock only ever grows, and one writer at a time writes it. So an answer is stale if
//! and only if it shows less than what had been acknowledged before it was asked for:
//!
//! - by the same instance;
//! - as the position says that the read carried;
//! - by anybody, longer ago than the bound on lag, unless the answer says that it stands in for a
//!   source that failed (fail-safe, the one exception; never for a read with a position).
//!
//! And it must never show what was rolled back or never written.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Acknowledgements that are remembered of a product; older ones count for every reader.
const REMEMBERED: usize = 256;
/// Violations that are told in full.
const TOLD: usize = 20;

/// A product under test.
#[derive(Debug)]
pub(super) struct Product {
    pub(super) id: String,
    pub(super) sku: String,
    pub(super) slug: String,
    pub(super) shelf: String,
    pub(super) tag: String,
    /// Held by whoever writes it.
    pub(super) writing: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The highest value that anybody tried to write.
    tried: i64,
    /// Values that were rolled back.
    rolled_back: Vec<i64>,
    acknowledged: VecDeque<Acknowledged>,
    /// The highest value among those that are not remembered one by one.
    long_ago: i64,
}

/// A write whose client was told of its success.
#[derive(Clone, Copy, Debug)]
pub(super) struct Acknowledged {
    pub(super) value: i64,
    pub(super) position: u64,
    at: Instant,
    /// The instance that told it; `None` for one that was written by hand.
    instance: Option<usize>,
}

/// What a read must show.
#[derive(Clone, Copy, Debug)]
pub(super) struct Demand {
    at_least: i64,
    why: &'static str,
    /// The same for an answer that stood in for a source that failed: the bound on lag is not kept by
    /// it, what its own instance acknowledged is.
    of_a_stand_in: i64,
}

impl Product {
    pub(super) fn new(id: String, sku: String, slug: String, shelf: String, tag: String) -> Self {
        Self { id, sku, slug, shelf, tag, writing: tokio::sync::Mutex::default(), state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next value to write. Call it with `writing` held.
    pub(super) fn next_value(&self) -> i64 {
        let mut state = self.state();
        state.tried += 1;
        state.tried
    }

    pub(super) fn acknowledge(&self, value: i64, position: u64, instance: Option<usize>) {
        let mut state = self.state();
        state.acknowledged.push_back(Acknowledged { value, position, at: Instant::now(), instance });
        while state.acknowledged.len() > REMEMBERED {
            // Counted for everybody from now on; that demands no more than is right once it is older
            // than the bound, so only such are forgotten.
            let Some(oldest) = state.acknowledged.front().copied() else { break };
            if oldest.at.elapsed() < Duration::from_secs(30) {
                break;
            }
            state.acknowledged.pop_front();
            state.long_ago = state.long_ago.max(oldest.value);
        }
    }

    pub(super) fn rolled_back(&self, value: i64) {
        self.state().rolled_back.push(value);
    }

    /// The newest write that has a position.
    pub(super) fn newest(&self) -> Option<Acknowledged> {
        self.state().acknowledged.back().copied().filter(|newest| newest.position > 0)
    }

    /// What a read that starts now on this instance must show.
    pub(super) fn demand(&self, instance: usize, token: Option<&Acknowledged>, bound: Duration) -> Demand {
        let state = self.state();
        let now = Instant::now();
        let mut demand = Demand { at_least: state.long_ago, why: "acknowledged long ago", of_a_stand_in: 0 };
        let mut raise = |value: i64, why: &'static str, of_a_stand_in: bool| {
            if value > demand.at_least {
                (demand.at_least, demand.why) = (value, why);
            }
            if of_a_stand_in {
                demand.of_a_stand_in = demand.of_a_stand_in.max(value);
            }
        };
        for one in &state.acknowledged {
            if one.instance == Some(instance) {
                raise(one.value, "acknowledged by the same instance", true);
            } else if now.duration_since(one.at) > bound {
                raise(one.value, "acknowledged longer ago than the bound", false);
            }
        }
        if let Some(token) = token {
            // Nothing may stand in for it at all; the worker sees to that.
            raise(token.value, "named by its position", true);
        }
        demand
    }
}

/// Everything that is known, and what was found.
#[derive(Debug)]
pub(super) struct Model {
    products: Vec<Product>,
    pub(super) bound: Duration,
    checks: AtomicU64,
    violations: AtomicU64,
    refused: AtomicU64,
    refused_under_redis_faults: AtomicU64,
    counts: Mutex<BTreeMap<String, u64>>,
    told: Mutex<Vec<String>>,
}

impl Model {
    pub(super) fn new(products: Vec<Product>, bound: Duration, _wanted: u64) -> Self {
        Self {
            products,
            bound,
            checks: AtomicU64::new(0),
            violations: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            refused_under_redis_faults: AtomicU64::new(0),
            counts: Mutex::default(),
            told: Mutex::default(),
        }
    }

    pub(super) fn products(&self) -> &[Product] {
        &self.products
    }

    /// Compares one shown value with what it must be.
    pub(super) fn check(
        &self,
        product: &Product,
        demand: Demand,
        shown: Option<i64>,
        is_stand_in: bool,
        described: impl FnOnce() -> String,
    ) {
        let (tried, rolled_back) = {
            let state = product.state();
            (state.tried, shown.is_some_and(|shown| state.rolled_back.contains(&shown)))
        };
        let at_least = if is_stand_in { demand.of_a_stand_in } else { demand.at_least };
        let fault = match shown {
            None => "it is not there".to_owned(),
            Some(shown) if shown < at_least => format!("it shows {shown}, and {at_least} was {}", demand.why),
            Some(shown) if rolled_back => format!("it shows {shown}, which was rolled back"),
            Some(shown) if shown > tried => format!("it shows {shown}, which nobody has written yet"),
            Some(_) => return,
        };
        self.violated(format!("{} {}: {fault}", product.sku, described()));
    }

    /// Counts a violation.
    pub(super) fn violated(&self, what: String) {
        self.violations.fetch_add(1, Ordering::SeqCst);
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() < TOLD {
            told.push(format!("STALE: {what}"));
        }
    }

    /// Counts a read whose answer was compared.
    pub(super) fn checked(&self, how: &'static str) {
        self.checks.fetch_add(1, Ordering::SeqCst);
        self.count(how);
    }

    /// Counts a request that failed.
    pub(super) fn refused(&self, only_redis_is_mistreated: bool, described: impl FnOnce() -> String) {
        self.refused.fetch_add(1, Ordering::SeqCst);
        self.count("requests that failed");
        if only_redis_is_mistreated {
            self.refused_under_redis_faults.fetch_add(1, Ordering::SeqCst);
            let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
            if told.len() < TOLD {
                told.push(format!("REFUSED: {}", described()));
            }
        }
    }

    pub(super) fn count(&self, what: impl Into<String>) {
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner).entry(what.into()).or_default() += 1;
    }

    pub(super) fn checks(&self) -> u64 {
        self.checks.load(Ordering::SeqCst)
    }

    pub(super) fn violations(&self) -> u64 {
        self.violations.load(Ordering::SeqCst)
    }

    pub(super) fn refused_under_redis_faults(&self) -> u64 {
        self.refused_under_redis_faults.load(Ordering::SeqCst)
    }

    pub(super) fn counts(&self) -> Vec<(String, u64)> {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.iter().map(|(what, count)| (what.clone(), *count)).collect()
    }

    pub(super) fn told(&self) -> Vec<String> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn product() -> Product {
        Product::new("id".into(), "SKU".into(), "slug".into(), "shelf".into(), "tag".into())
    }

    #[test]
    fn what_must_be_seen_depends_on_who_was_told() {
        let product = product();
        let bound = Duration::from_secs(3_600);
        for instance in [0, 1] {
            let value = product.next_value();
            product.acknowledge(value, value.unsigned_abs() * 10, Some(instance));
        }
        let demand = |instance, token: Option<&Acknowledged>, bound| product.demand(instance, token, bound).at_least;
        assert_eq!(demand(0, None, bound), 1, "the other's write may be on its way");
        assert_eq!(demand(1, None, bound), 2);
        assert_eq!(demand(2, None, bound), 0);
        assert_eq!(demand(2, product.newest().as_ref(), bound), 2, "a position counts everywhere");
        assert_eq!(demand(2, None, Duration::ZERO), 2, "what is older than the bound counts everywhere");
    }

    #[test]
    fn a_stale_answer_is_found() {
        let product = product();
        let value = product.next_value();
        product.acknowledge(value, 7, Some(0));
        let back = product.next_value();
        product.rolled_back(back);
        let model = Model::new(Vec::new(), Duration::ZERO, 1);
        let demand = product.demand(0, None, Duration::ZERO);
        for (shown, stale) in [(Some(1), 0), (Some(0), 1), (None, 2), (Some(2), 3), (Some(9), 4)] {
            model.check(&product, demand, shown, false, String::new);
            assert_eq!(model.violations(), stale, "{shown:?}");
        }
    }
}
