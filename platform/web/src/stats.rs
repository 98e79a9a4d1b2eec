//! Counting requests and failures, for `/health`.
//!
//! Two windows of a minute each, the present one and the last: a rate over the last one to two
//! minutes that costs two atomic additions a request.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

const WINDOW_S: u64 = 60;

/// Figures since the start and of late.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RequestFigures {
    /// Answers with a status of 500 and above since the start.
    pub errors: u64,
    /// The share of such answers in the last one to two minutes, in percent.
    pub error_rate_percent: f64,
}

/// The counters. Cheap to clone; all clones count together.
#[derive(Clone, Debug)]
pub struct RequestStats {
    counters: Arc<Counters>,
}

#[derive(Debug)]
struct Counters {
    start: Instant,
    errors: AtomicU64,
    /// Even and odd minutes: which minute it counts, its requests, its errors.
    windows: [[AtomicU64; 3]; 2],
}

impl Default for RequestStats {
    fn default() -> Self {
        Self {
            counters: Arc::new(Counters {
                start: Instant::now(),
                errors: AtomicU64::new(0),
                windows: Default::default(),
            }),
        }
    }
}

impl RequestStats {
    pub(crate) fn count(&self, at: Instant, failed: bool) {
        self.count_in(at.duration_since(self.counters.start).as_secs() / WINDOW_S, failed);
    }

    fn count_in(&self, minute: u64, failed: bool) {
        let [stamp, requests, errors] = &self.counters.windows[usize::from(minute % 2 == 1)];
        // Two that race here at the turn of a minute may lose each other's first counts: it is a
        // rate for people, not a ledger.
        if stamp.swap(minute, Ordering::Relaxed) != minute {
            requests.store(0, Ordering::Relaxed);
            errors.store(0, Ordering::Relaxed);
        }
        requests.fetch_add(1, Ordering::Relaxed);
        if failed {
            errors.fetch_add(1, Ordering::Relaxed);
            self.counters.errors.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The figures as of now.
    #[must_use]
    pub fn figures(&self) -> RequestFigures {
        self.figures_in(self.counters.start.elapsed().as_secs() / WINDOW_S)
    }

    fn figures_in(&self, minute: u64) -> RequestFigures {
        let (mut requests, mut errors) = (0, 0);
        for [stamp, counted, failed] in &self.counters.windows {
            if minute.saturating_sub(stamp.load(Ordering::Relaxed)) <= 1 {
                requests += counted.load(Ordering::Relaxed);
                errors += failed.load(Ordering::Relaxed);
            }
        }
        #[expect(clippy::cast_precision_loss, reason = "a percentage for people")]
        let rate = if requests == 0 { 0.0 } else { errors as f64 * 100.0 / requests as f64 };
        RequestFigures { errors: self.counters.errors.load(Ordering::Relaxed), error_rate_percent: rate }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_forgets_and_the_total_does_not() {
        let stats = RequestStats::default();
        for failed in [true, false, false, false] {
            stats.count_in(4, failed);
        }
        assert_eq!(stats.figures_in(4), RequestFigures { errors: 1, error_rate_percent: 25.0 });
        assert_eq!(stats.figures_in(5).error_rate_percent, 25.0);
        assert_eq!(stats.figures_in(6), RequestFigures { errors: 1, error_rate_percent: 0.0 });
        stats.count_in(6, true);
        assert_eq!(stats.figures_in(6), RequestFigures { errors: 2, error_rate_percent: 100.0 });
    }
}
