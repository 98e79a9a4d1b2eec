//! Networks that are kept out for a while.
//!
//! **Invariants:**
//! - A block ends by itself.
//! - As long as nobody is blocked, asking costs one load of an atomic.
//! - At most [`MOST_BLOCKS`] are held of each kind.
//! - What was blocked here stays so until it is known to be written down, whatever is read meanwhile.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use ipnet::IpNet;
use jiff::Timestamp;

use crate::Network;

/// Blocks that are held in memory.
pub const MOST_BLOCKS: usize = 100_000;
/// Of these, networks that are not a single client's, which are looked through one by one.
const MOST_WIDE: usize = 1_000;

/// A network that is kept out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockEntry {
    /// Which.
    pub network: IpNet,
    /// Until when.
    pub until: Timestamp,
}

/// The blocks in force. Cheap to clone; all clones are one.
#[derive(Clone, Debug, Default)]
pub struct Blocks {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    count: AtomicUsize,
    tables: RwLock<Tables>,
}

#[derive(Debug, Default)]
struct Tables {
    /// Networks of single clients, which is how nearly all are.
    clients: HashMap<IpNet, Timestamp>,
    wide: Vec<BlockEntry>,
    /// Blocked here, and not seen among those that are written down yet.
    pending: HashMap<IpNet, Timestamp>,
}

impl Blocks {
    /// Until when this address is kept out, if it is.
    #[must_use]
    pub fn until(&self, address: IpAddr, now: Timestamp) -> Option<Timestamp> {
        if self.shared.count.load(Ordering::Acquire) == 0 {
            return None;
        }
        let tables = self.shared.tables.read().unwrap_or_else(PoisonError::into_inner);
        let network = Network::of(address).net();
        let client = tables.clients.get(&network).into_iter().chain(tables.pending.get(&network)).copied().max();
        let address = address.to_canonical();
        let wide = tables.wide.iter().filter(|block| block.network.contains(&address)).map(|block| block.until);
        client.into_iter().chain(wide).filter(|until| *until > now).max()
    }

    /// Adds one, beside those that there are.
    pub fn add(&self, block: BlockEntry) {
        let mut tables = self.shared.tables.write().unwrap_or_else(PoisonError::into_inner);
        tables.add(block);
        self.shared.count.store(tables.len(), Ordering::Release);
    }

    /// Adds a client's network that is blocked here and has yet to be written down; tells whether it was not already.
    pub fn raise(&self, block: BlockEntry, now: Timestamp) -> bool {
        let mut tables = self.shared.tables.write().unwrap_or_else(PoisonError::into_inner);
        let known = tables.pending.get(&block.network).or_else(|| tables.clients.get(&block.network));
        if known.is_some_and(|until| *until > now) {
            return false;
        }
        if tables.pending.len() < MOST_BLOCKS {
            tables.pending.insert(block.network, block.until);
        }
        self.shared.count.store(tables.len(), Ordering::Release);
        true
    }

    /// Forgets a network that was blocked here.
    pub fn forget(&self, network: IpNet) {
        let mut tables = self.shared.tables.write().unwrap_or_else(PoisonError::into_inner);
        tables.pending.remove(&network);
        self.shared.count.store(tables.len(), Ordering::Release);
    }

    /// Puts these, which are written down, in the place of all that were.
    pub fn replace(&self, blocks: impl IntoIterator<Item = BlockEntry>) {
        let mut fresh = Tables::default();
        for block in blocks {
            fresh.add(block);
        }
        let mut tables = self.shared.tables.write().unwrap_or_else(PoisonError::into_inner);
        fresh.pending = std::mem::take(&mut tables.pending);
        fresh.pending.retain(|network, _| !fresh.clients.contains_key(network));
        *tables = fresh;
        self.shared.count.store(tables.len(), Ordering::Release);
    }

    /// Forgets those that have ended.
    pub fn sweep(&self, now: Timestamp) {
        let mut tables = self.shared.tables.write().unwrap_or_else(PoisonError::into_inner);
        tables.clients.retain(|_, until| *until > now);
        tables.wide.retain(|block| block.until > now);
        tables.pending.retain(|_, until| *until > now);
        self.shared.count.store(tables.len(), Ordering::Release);
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shared.count.load(Ordering::Acquire)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Tables {
    fn len(&self) -> usize {
        self.clients.len() + self.wide.len() + self.pending.len()
    }

    fn add(&mut self, block: BlockEntry) {
        let client = Network::of(block.network.addr()).net();
        // Within a client's network, such as one address of an IPv6 /64: the client is meant.
        if client.contains(&block.network) {
            if self.clients.len() < MOST_BLOCKS || self.clients.contains_key(&client) {
                let until = self.clients.entry(client).or_insert(block.until);
                *until = (*until).max(block.until);
            }
        } else if self.wide.len() < MOST_WIDE {
            self.wide.push(block);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_hold_until_their_time_and_for_their_network() {
        let at = |text: &str| text.parse::<Timestamp>().expect("a time");
        let (now, later, after) = (at("2026-01-01T00:00:00Z"), at("2026-01-01T01:00:00Z"), at("2026-01-01T02:00:00Z"));
        let ip = |text: &str| text.parse::<IpAddr>().expect("an address");
        let blocks = Blocks::default();
        assert_eq!(blocks.until(ip("198.51.100.7"), now), None);
        for network in ["198.51.100.7/32", "2001:db8::5/128", "203.0.113.0/24"] {
            blocks.add(BlockEntry { network: network.parse().expect("a network"), until: later });
        }
        for (address, blocked) in [
            ("198.51.100.7", true),
            ("::ffff:198.51.100.7", true),
            ("198.51.100.8", false),
            ("2001:db8::9", true),
            ("2001:db8:0:1::5", false),
            ("203.0.113.200", true),
        ] {
            assert_eq!(blocks.until(ip(address), now), blocked.then_some(later), "{address}");
            assert_eq!(blocks.until(ip(address), after), None, "{address}");
        }
        blocks.sweep(after);
        assert!(blocks.is_empty());
    }

    /// Several suspicious requests at once are one reason to block, and not each one more to block for longer.
    #[test]
    fn what_is_blocked_is_not_blocked_again() {
        let at = |text: &str| text.parse::<Timestamp>().expect("a time");
        let (now, later, after) = (at("2026-01-01T00:00:00Z"), at("2026-01-01T01:00:00Z"), at("2026-01-01T02:00:00Z"));
        let own = BlockEntry { network: "198.51.100.7/32".parse().expect("a network"), until: later };
        let blocks = Blocks::default();
        assert!(blocks.raise(own, now));
        assert!(!blocks.raise(own, now));
        blocks.replace([own]);
        assert!(!blocks.raise(own, now), "it was written down");
        assert!(blocks.raise(own, after), "its time was over");
    }

    #[test]
    fn what_was_blocked_here_outlives_a_reading_that_does_not_have_it_yet() {
        let at = |text: &str| text.parse::<Timestamp>().expect("a time");
        let (now, later) = (at("2026-01-01T00:00:00Z"), at("2026-01-01T01:00:00Z"));
        let own = BlockEntry { network: "198.51.100.7/32".parse().expect("a network"), until: later };
        let is_blocked = |blocks: &Blocks| blocks.until("198.51.100.7".parse().expect("an address"), now).is_some();
        let blocks = Blocks::default();
        blocks.raise(own, now);
        blocks.replace([]);
        assert!(is_blocked(&blocks), "it was read before it was written down");
        blocks.replace([own]);
        assert!(is_blocked(&blocks) && blocks.len() == 1);
        blocks.replace([]);
        assert!(!is_blocked(&blocks), "it was written down, and was lifted since");
        blocks.raise(own, now);
        blocks.forget(own.network);
        assert!(!is_blocked(&blocks));
    }
}
