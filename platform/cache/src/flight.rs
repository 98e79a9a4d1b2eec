//! Flights: fills that are under way, so that many callers for one cold key are one question to the
//! source.
//!
//! A caller may join a flight that began before it came, and must not be handed what was read before
//! a write that it has to see. So it looks again when the flight has landed: the result counts for it
//! if the flight began at its own position or later, or if nothing that the result is made from was
//! touched since the flight began. Otherwise it starts another, which it then need not doubt: at the
//! most it waits for two.
//!
//! **Invariants:**
//! - A flight goes on when its callers give up, for a bounded time.
//! - A flight that panics is told to all who wait for it; nobody waits for ever.

use std::any::Any;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::entry::{Asked, Key};
use crate::fence::Stamp;

const SHARDS: usize = 16;

/// A landing, of a type that only those who started and joined it know.
pub(crate) type Landed = Arc<dyn Any + Send + Sync>;

/// A fill that is under way.
#[derive(Debug)]
pub(crate) struct Flight {
    /// Taken before anything was read for it.
    pub(crate) began: Stamp,
    pub(crate) began_ms: u64,
    /// Whether it may use what is cached.
    pub(crate) trusting: bool,
    pub(crate) landed: watch::Receiver<Option<Landed>>,
}

/// All flights of a cache.
#[derive(Debug)]
pub(crate) struct Flights {
    hasher: RandomState,
    shards: [Mutex<HashMap<Key, Arc<Flight>>>; SHARDS],
}

impl Default for Flights {
    fn default() -> Self {
        Self { hasher: RandomState::new(), shards: Default::default() }
    }
}

/// Takes a flight off the list when it has landed, also by a panic.
#[derive(Debug)]
pub(crate) struct Departure {
    flights: Arc<Flights>,
    key: Key,
    flight: Arc<Flight>,
    pub(crate) landing: watch::Sender<Option<Landed>>,
}

impl Flights {
    fn shard(&self, key: Asked<'_>) -> MutexGuard<'_, HashMap<Key, Arc<Flight>>> {
        let index = usize::try_from(self.hasher.hash_one(key)).unwrap_or(0) % SHARDS;
        self.shards[index].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The flight for this key that `joinable` accepts, or a new one that the caller must carry out.
    /// The new one replaces the other: whoever comes later joins the newest.
    pub(crate) fn join_or_depart(
        self: &Arc<Self>,
        key: Asked<'_>,
        began: impl FnOnce() -> (Stamp, u64, bool),
        joinable: impl FnOnce(&Flight) -> bool,
    ) -> Result<Arc<Flight>, (Arc<Flight>, Departure)> {
        let held = Key { namespace: key.namespace, text: key.text.into() };
        let mut shard = self.shard(key);
        if let Some(flight) = shard.get(&held)
            && joinable(flight)
        {
            return Ok(flight.clone());
        }
        let (began, began_ms, trusting) = began();
        let (landing, landed) = watch::channel(None);
        let flight = Arc::new(Flight { began, began_ms, trusting, landed });
        shard.insert(held.clone(), flight.clone());
        drop(shard);
        Err((flight.clone(), Departure { flights: self.clone(), key: held, flight, landing }))
    }
}

impl Drop for Departure {
    fn drop(&mut self) {
        let key = Asked { namespace: self.key.namespace, text: &self.key.text };
        let mut shard = self.flights.shard(key);
        if shard.get(&self.key).is_some_and(|newest| Arc::ptr_eq(newest, &self.flight)) {
            shard.remove(&self.key);
        }
    }
}
