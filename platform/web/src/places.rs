//! Places: how many connections there may be, and how many of them one address may hold.
//!
//! **Invariants:**
//! - There are never more than `max_connections`, and no holder outside the exempt networks has more
//!   than its share of them.
//! - A holder is what one party has to itself: an IPv4 address, or the /64 of an IPv6 one. An IPv4
//!   address that is written as IPv6 is the same holder.
//! - A place is given back to its holder before it is free for anybody: who waits for a place does not
//!   find its own share taken by the connection that has just ended.
//! - Only holders of a connection are remembered, and at most [`MOST_TOLD`] that were told of.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use entrepot_guard::Network as Holder;
use ipnet::IpNet;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How long the log says nothing more of a holder after it was told of.
const TOLD_EVERY: Duration = Duration::from_secs(60);
/// Holders that are remembered as told of. Those beyond are refused in silence, and counted.
const MOST_TOLD: usize = 256;

/// All places. Cheap to clone; all clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    free: Arc<Semaphore>,
    max: usize,
    per_address: usize,
    exempt: Arc<[IpNet]>,
    held: Arc<Mutex<Held>>,
}

#[derive(Debug, Default)]
struct Held {
    /// How many connections each holder has. None has none.
    counts: HashMap<Holder, usize>,
    /// When the log last told of whom.
    told: HashMap<Holder, Instant>,
}

/// A free place that nobody has yet.
#[derive(Debug)]
pub(crate) struct FreePlace {
    _permit: OwnedSemaphorePermit,
}

/// A connection's place, given back when it is dropped. The fields' order is the order in which they are.
#[derive(Debug)]
pub(crate) struct Place {
    _of_holder: Option<OfHolder>,
    _free: FreePlace,
}

#[derive(Debug)]
struct OfHolder {
    holder: Holder,
    held: Arc<Mutex<Held>>,
}

impl Places {
    /// `per_address` of 0 stands for half of `max`.
    pub(crate) fn new(max: usize, per_address: usize, exempt: &[IpNet]) -> Self {
        let per_address = if per_address == 0 { max.div_ceil(2) } else { per_address };
        Self { free: Arc::new(Semaphore::new(max)), max, per_address, exempt: exempt.into(), held: Arc::default() }
    }

    /// Waits for a free place. `None` never happens: nobody closes the semaphore.
    pub(crate) async fn free(&self) -> Option<FreePlace> {
        self.free.clone().acquire_owned().await.ok().map(|permit| FreePlace { _permit: permit })
    }

    /// How many are taken.
    pub(crate) fn taken(&self) -> usize {
        self.max - self.free.available_permits()
    }

    /// Gives `free` to `address`, unless that holds its share already.
    pub(crate) fn give(&self, free: FreePlace, address: IpAddr) -> Option<Place> {
        let address = address.to_canonical();
        if self.exempt.iter().any(|network| network.contains(&address)) {
            return Some(Place { _of_holder: None, _free: free });
        }
        let holder = Holder::of(address);
        let mut held = lock(&self.held);
        let count = held.counts.get(&holder).copied().unwrap_or_default();
        if count >= self.per_address {
            if held.shall_tell(holder, Instant::now()) {
                tracing::warn!(address = %holder, held = count, "an address has all the connections that one may have");
            }
            return None;
        }
        held.counts.insert(holder, count + 1);
        Some(Place { _of_holder: Some(OfHolder { holder, held: self.held.clone() }), _free: free })
    }
}

impl Held {
    /// Whether the log shall tell of this holder now.
    fn shall_tell(&mut self, holder: Holder, now: Instant) -> bool {
        let is_recent = |at: &Instant| now.saturating_duration_since(*at) < TOLD_EVERY;
        if self.told.get(&holder).is_some_and(is_recent) {
            return false;
        }
        if self.told.len() >= MOST_TOLD {
            self.told.retain(|_, at| is_recent(at));
        }
        let fits = self.told.len() < MOST_TOLD;
        if fits {
            self.told.insert(holder, now);
        }
        fits
    }
}

impl Drop for OfHolder {
    fn drop(&mut self) {
        let mut held = lock(&self.held);
        if let Some(count) = held.counts.get_mut(&self.holder) {
            *count -= 1;
            if *count == 0 {
                held.counts.remove(&self.holder);
            }
        }
    }
}

/// Nothing under this lock can panic halfway, so a poisoned one is as good.
fn lock(held: &Mutex<Held>) -> MutexGuard<'_, Held> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    async fn take(places: &Places, from: &str) -> Option<Place> {
        places.give(places.free().await.expect("open"), address(from))
    }

    #[tokio::test]
    async fn a_share_is_counted_by_holder_and_given_back() {
        let places = Places::new(100, 2, &["10.0.0.0/8".parse().expect("a network")]);
        let first = take(&places, "192.0.2.1").await.expect("the first");
        let _second = take(&places, "::ffff:192.0.2.1").await.expect("the second");
        assert!(take(&places, "192.0.2.1").await.is_none());
        let _other = take(&places, "192.0.2.2").await.expect("another address");
        assert_eq!(places.taken(), 3, "a refused one takes no place");
        drop(first);
        let _again = take(&places, "192.0.2.1").await.expect("one came back");

        let _a = take(&places, "2001:db8::1").await.expect("the first of its /64");
        let _b = take(&places, "2001:db8::ffff:0:0:2").await.expect("the second");
        assert!(take(&places, "2001:db8::3").await.is_none());
        let _c = take(&places, "2001:db8:0:1::3").await.expect("another /64");

        let mut exempt = Vec::new();
        for _ in 0..10 {
            exempt.push(take(&places, "::ffff:10.1.2.3").await.expect("exempt"));
        }
        drop(exempt);
        assert_eq!(lock(&places.held).counts.len(), 4);
    }

    #[tokio::test]
    async fn nobody_is_remembered_who_holds_nothing_and_all_places_come_back() {
        let places = Places::new(3, 0, &[]);
        let held = [take(&places, "192.0.2.1").await, take(&places, "192.0.2.1").await];
        assert!(held.iter().all(Option::is_some), "half of three, rounded up");
        assert!(take(&places, "192.0.2.1").await.is_none());
        drop(held);
        assert_eq!((places.taken(), lock(&places.held).counts.len()), (0, 0));
        assert!(take(&Places::new(1, 0, &[]), "192.0.2.1").await.is_some());
    }

    #[test]
    fn a_holder_is_told_of_once_a_minute_and_the_memory_of_it_is_bounded() {
        let (mut held, start) = (Held::default(), Instant::now());
        let holder = |index: u32| Holder::of(std::net::Ipv4Addr::from_bits(index).into());
        assert!(held.shall_tell(holder(0), start));
        assert!(!held.shall_tell(holder(0), start + Duration::from_secs(59)));
        assert!(held.shall_tell(holder(0), start + Duration::from_secs(60)));
        for index in 1..10_000 {
            held.shall_tell(holder(index), start + Duration::from_secs(61));
        }
        assert_eq!(held.told.len(), MOST_TOLD);
        assert!(held.shall_tell(holder(20_000), start + Duration::from_secs(122)), "those of old are forgotten");
        assert_eq!(held.told.len(), 1);
    }

    #[test]
    fn a_holder_is_written_as_people_write_it() {
        assert_eq!(Holder::of(address("::ffff:192.0.2.1")).to_string(), "192.0.2.1");
        assert_eq!(Holder::of(address("2001:db8:1:2:3:4:5:6")).to_string(), "2001:db8:1:2::/64");
    }
}
