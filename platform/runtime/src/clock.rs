//! The clock: wall time and time-ordered ids, from the system or from a test.
//!
//! **Invariant:** a [`Clock`] made with [`Clock::manual`] only moves when its [`ManualClock`] is
//! told to, so a test that depends on time needs no sleep.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;
use uuid::Uuid;

/// A source of wall time. Cheap to clone; all clones tell the same time.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    /// Microseconds since the epoch when the clock is moved by hand.
    manual: Option<Arc<AtomicI64>>,
}

/// The handle that moves a manual clock.
#[derive(Clone, Debug)]
pub struct ManualClock {
    now_us: Arc<AtomicI64>,
}

impl Clock {
    /// The system's clock.
    #[must_use]
    pub fn system() -> Self {
        Self::default()
    }

    /// A clock that stands at `start` until its handle moves it.
    #[must_use]
    pub fn manual(start: Timestamp) -> (Self, ManualClock) {
        let now_us = Arc::new(AtomicI64::new(start.as_microsecond()));
        (Self { manual: Some(now_us.clone()) }, ManualClock { now_us })
    }

    /// The present moment, in UTC, to the microsecond (what PostgreSQL keeps).
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let us = match &self.manual {
            Some(now_us) => now_us.load(Ordering::Acquire),
            #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the system clock")]
            None => Timestamp::now().as_microsecond(),
        };
        Timestamp::from_microsecond(us).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// A new UUIDv7 (RFC 9562) stamped with this clock's time. Ids made later sort later, to the
    /// millisecond; within one millisecond their order is random.
    #[must_use]
    pub fn new_id(&self) -> Uuid {
        let now = self.now();
        let seconds = u64::try_from(now.as_second()).unwrap_or(0);
        let nanos = u32::try_from(now.subsec_nanosecond()).unwrap_or(0);
        Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, seconds, nanos))
    }
}

impl ManualClock {
    /// Moves the clock forward.
    pub fn advance(&self, by: std::time::Duration) {
        let us = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        self.now_us.fetch_add(us, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_when_told() {
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().expect("a literal");
        let (clock, hand) = Clock::manual(start);
        assert_eq!(clock.now(), start);
        hand.advance(std::time::Duration::from_secs(90));
        assert_eq!(clock.now().to_string(), "2026-01-01T00:01:30Z");
    }

    #[test]
    fn ids_carry_the_clocks_time() {
        let (clock, hand) = Clock::manual("2026-01-01T00:00:00Z".parse().expect("a literal"));
        let first = clock.new_id();
        hand.advance(std::time::Duration::from_millis(1));
        assert!(first < clock.new_id());
        assert_eq!(first.get_version_num(), 7);
    }
}
