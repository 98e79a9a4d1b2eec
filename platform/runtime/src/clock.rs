//! The clock: wall time and time-ordered ids, from the system, from the database, or from a test.
//!
//! Several processes share one database, so they must agree on the time, and time is the database's. A
//! [`Clock::following`] clock counts on from the last moment that the database named, by the monotonic clock:
//! neither a machine whose clock is wrong nor a step of that clock moves it.
//!
//! **Invariants:**
//! - A [`Clock`] made with [`Clock::manual`] only moves when its [`ManualClock`] is told to, so a test that depends
//!   on time needs no sleep.
//! - A following clock that was synchronized never reads the machine's clock again.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

/// A source of wall time. Cheap to clone; all clones tell the same time.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    source: Source,
}

#[derive(Clone, Debug, Default)]
enum Source {
    #[default]
    System,
    Following(Arc<Reference>),
    /// Microseconds since the epoch.
    Manual(Arc<AtomicI64>),
}

/// What a following clock counts from.
#[derive(Debug)]
struct Reference {
    /// The reference's time less the monotonic clock's, in microseconds; [`UNKNOWN`] before the first synchronization.
    ahead_us: AtomicI64,
    /// The machine's clock less the reference's, in microseconds, as it was found last.
    skew_us: AtomicI64,
    /// What is added to the machine's clock, in microseconds: a fault that tests inject.
    fault_us: i64,
    /// How far the machine's clock may be off, in microseconds.
    tolerance_us: i64,
}

const UNKNOWN: i64 = i64::MIN;

/// How far a machine's clock may be off from the database's where nothing else is said.
pub const CLOCK_TOLERANCE: Duration = Duration::from_secs(3);

/// The handle that synchronizes a following clock.
#[derive(Clone, Debug)]
pub struct ClockReference {
    reference: Arc<Reference>,
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

    /// A clock that follows a reference, and is the system's until it is synchronized for the first time.
    /// `tolerance` is how far the system's clock may be off before [`Clock::is_trusted`] denies it; `fault` is added to
    /// the system's clock, so that a test can have a machine whose clock is wrong.
    #[must_use]
    pub fn following(tolerance: Duration, fault: SignedDuration) -> (Self, ClockReference) {
        let reference = Arc::new(Reference {
            ahead_us: AtomicI64::new(UNKNOWN),
            skew_us: AtomicI64::new(0),
            fault_us: i64::try_from(fault.as_micros()).unwrap_or(0),
            tolerance_us: i64::try_from(tolerance.as_micros()).unwrap_or(i64::MAX),
        });
        (Self { source: Source::Following(reference.clone()) }, ClockReference { reference })
    }

    /// A clock that stands at `start` until its handle moves it.
    #[must_use]
    pub fn manual(start: Timestamp) -> (Self, ManualClock) {
        let now_us = Arc::new(AtomicI64::new(start.as_microsecond()));
        (Self { source: Source::Manual(now_us.clone()) }, ManualClock { now_us })
    }

    /// The present moment, in UTC, to the microsecond (what PostgreSQL keeps).
    #[must_use]
    pub fn now(&self) -> Timestamp {
        Timestamp::from_microsecond(self.us(Instant::now)).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// The same moment as [`Clock::now`] would have told at `at`, in microseconds since 1970: for who has read the
    /// monotonic clock already. Only a following clock can tell; the others tell the present moment.
    #[must_use]
    pub fn us_at(&self, at: Instant) -> i64 {
        self.us(|| at)
    }

    fn us(&self, at: impl FnOnce() -> Instant) -> i64 {
        match &self.source {
            Source::Manual(now_us) => now_us.load(Ordering::Acquire),
            Source::System => system_us(),
            Source::Following(reference) => match reference.ahead_us.load(Ordering::Acquire) {
                UNKNOWN => system_us().saturating_add(reference.fault_us),
                ahead_us => monotonic_us(at()).saturating_add(ahead_us),
            },
        }
    }

    /// How far the machine's clock was ahead of the reference when they were compared last; zero for a clock that
    /// follows nothing.
    #[must_use]
    pub fn skew(&self) -> SignedDuration {
        match &self.source {
            Source::Following(reference) => SignedDuration::from_micros(reference.skew_us.load(Ordering::Acquire)),
            Source::System | Source::Manual(_) => SignedDuration::ZERO,
        }
    }

    /// Whether the machine's clock agrees with the reference. Where it does not, something is wrong with one of the
    /// two, and nothing irreversible may be decided by time.
    #[must_use]
    pub fn is_trusted(&self) -> bool {
        match &self.source {
            Source::Following(reference) => {
                reference.skew_us.load(Ordering::Acquire).unsigned_abs() <= reference.tolerance_us.unsigned_abs()
            }
            Source::System | Source::Manual(_) => true,
        }
    }

    /// Whether the machine's clock is too far off from a reference that said `time` at some moment since `asked`. A
    /// manual clock never is.
    #[must_use]
    pub fn disagrees_with(&self, time: Timestamp, asked: Instant) -> bool {
        let (fault_us, tolerance) = match &self.source {
            Source::Manual(_) => return false,
            Source::System => (0, CLOCK_TOLERANCE),
            Source::Following(reference) => {
                (reference.fault_us, Duration::from_micros(reference.tolerance_us.unsigned_abs()))
            }
        };
        let off_us = system_us().saturating_add(fault_us).saturating_sub(time.as_microsecond()).unsigned_abs();
        Duration::from_micros(off_us) > tolerance + asked.elapsed()
    }

    /// The time, where it is set by hand: then it stands for the database's too.
    #[must_use]
    pub fn set_by_hand(&self) -> Option<Timestamp> {
        matches!(self.source, Source::Manual(_)).then(|| self.now())
    }

    /// A new UUIDv7 (RFC 9562) stamped with this clock's time. Ids made later sort later, to the
    /// millisecond; within one millisecond their order is random.
    #[must_use]
    pub fn new_id(&self) -> Uuid {
        Self::new_id_of(self.us(Instant::now))
    }

    /// An id of this moment, in microseconds since 1970; see [`Clock::us_at`].
    #[must_use]
    pub fn new_id_of(us: i64) -> Uuid {
        let us = u64::try_from(us).unwrap_or(0);
        let nanos = u32::try_from(us % 1_000_000 * 1_000).unwrap_or(0);
        Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, us / 1_000_000, nanos))
    }
}

impl ClockReference {
    /// The reference said `time` at some moment between `asked` and now: the clock goes on from there, and the
    /// machine's clock is compared with it.
    pub fn synchronize(&self, time: Timestamp, asked: Instant) {
        let answered = Instant::now();
        let at = asked + answered.duration_since(asked) / 2;
        let reference = &self.reference;
        let since_us = i64::try_from(at.elapsed().as_micros()).unwrap_or(0);
        let machine_us = system_us().saturating_add(reference.fault_us).saturating_sub(since_us);
        reference.skew_us.store(machine_us.saturating_sub(time.as_microsecond()), Ordering::Release);
        reference.ahead_us.store(time.as_microsecond().saturating_sub(monotonic_us(at)), Ordering::Release);
    }
}

fn system_us() -> i64 {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the system clock")]
    Timestamp::now().as_microsecond()
}

/// Microseconds since some moment that does not change while the process runs.
fn monotonic_us(at: Instant) -> i64 {
    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    let origin = *ORIGIN.get_or_init(Instant::now);
    let (since, sign) = match at.checked_duration_since(origin) {
        Some(since) => (since, 1),
        None => (origin.duration_since(at), -1),
    };
    // Not `as_micros`, which reckons with 128 bits.
    let seconds = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
    seconds.saturating_mul(1_000_000).saturating_add(i64::from(since.subsec_micros())) * sign
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
    fn a_following_clock_tells_the_references_time_and_how_far_the_machine_is_off() {
        let (clock, reference) = Clock::following(Duration::from_secs(3), SignedDuration::from_hours(40 * 24));
        assert!(clock.now() > Clock::system().now() + SignedDuration::from_hours(39 * 24), "nobody has corrected it");
        let time = Clock::system().now();
        reference.synchronize(time, Instant::now());
        let off = clock.now().duration_since(time);
        assert!((0..60).contains(&off.as_secs()), "{off}");
        assert!((40 * 24 * 3_600 - 60..=40 * 24 * 3_600).contains(&clock.skew().as_secs()), "{}", clock.skew());
        assert!(!clock.is_trusted());

        let (clock, reference) = Clock::following(Duration::from_secs(3), SignedDuration::ZERO);
        reference.synchronize(Clock::system().now(), Instant::now());
        assert!(clock.is_trusted());
        reference.synchronize(Clock::system().now() + SignedDuration::from_secs(4), Instant::now());
        assert!(!clock.is_trusted(), "four seconds behind");
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
