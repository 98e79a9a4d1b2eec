//! The cache's time: milliseconds on a clock that only moves forward.
//!
//! It is read at every hit, so it comes from the kernel's coarse clock (some 5 ns, 4 ms exact at
//! worst). A process that was stopped and continued reads the right time at once: nothing has to
//! tick for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// A monotonic clock in milliseconds. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Ticker {
    manual: Option<Arc<AtomicU64>>,
}

impl Ticker {
    /// The system's.
    #[must_use]
    pub fn system() -> Self {
        Self::default()
    }

    /// One that moves when [`Ticker::advance`] is called, for tests.
    #[must_use]
    pub fn manual() -> Self {
        Self { manual: Some(Arc::new(AtomicU64::new(1_000_000))) }
    }

    /// Moves a manual one; the system's stays as it is.
    pub fn advance(&self, by: Duration) {
        if let Some(manual) = &self.manual {
            manual.fetch_add(millis(by), Ordering::SeqCst);
        }
    }

    /// Milliseconds since some moment before the program's start; never 0.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        match &self.manual {
            Some(manual) => manual.load(Ordering::SeqCst),
            None => {
                let now = clock_gettime(ClockId::MonotonicCoarse);
                let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
                let nanos = u64::try_from(now.tv_nsec).unwrap_or(0);
                seconds * 1_000 + nanos / 1_000_000 + 1
            }
        }
    }
}

pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
