//! Connections to a server that has become read-only.
//!
//! After a fail-over, or while somebody has made the database read-only, a connection that stays open goes on
//! refusing every write (SQLSTATE 25006), also when the database is writable again or another server has taken its
//! place. A refusal is therefore taken as news about all connections: those that were made before it are replaced
//! when they are next used.
//!
//! **Invariants:**
//! - Connections are given up at most every half a second, so a database that stays read-only costs no storm of
//!   new connections.
//! - What is noted here is the process's, not a pool's: of several pools each replaces its connections, which costs
//!   the others one connection attempt each.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio_postgres::error::SqlState;

/// How often connections are given up at the most.
const AT_MOST_EVERY: Duration = Duration::from_millis(500);

/// Connections made before this moment are given up; microseconds since [`origin`].
static GIVEN_UP_BEFORE_US: AtomicU64 = AtomicU64::new(0);

/// Takes note of a failure.
pub(crate) fn observe(error: &tokio_postgres::Error) {
    if error.code() == Some(&SqlState::READ_ONLY_SQL_TRANSACTION) {
        give_up();
    }
}

/// Gives up all connections that are open now.
pub(crate) fn give_up() {
    // The origin may be made by this very call.
    let now = since_origin_us(Instant::now()).max(2);
    let before = GIVEN_UP_BEFORE_US.load(Ordering::Acquire);
    let is_due = before == 0 || now.saturating_sub(before) >= AT_MOST_EVERY.as_micros().try_into().unwrap_or(u64::MAX);
    if is_due && GIVEN_UP_BEFORE_US.compare_exchange(before, now, Ordering::AcqRel, Ordering::Acquire).is_ok() {
        tracing::warn!("the database refused a write as read-only: connections are replaced");
    }
}

/// Whether a connection that was made at this moment is to be replaced.
pub(crate) fn is_given_up(made: Instant) -> bool {
    since_origin_us(made) < GIVEN_UP_BEFORE_US.load(Ordering::Acquire)
}

fn since_origin_us(at: Instant) -> u64 {
    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    let origin = *ORIGIN.get_or_init(Instant::now);
    // Zero says that nothing was given up yet, and what was before the origin is before all that is.
    match at.checked_duration_since(origin) {
        Some(since) => u64::try_from(since.as_micros()).unwrap_or(u64::MAX).saturating_add(2),
        None => 1,
    }
}
