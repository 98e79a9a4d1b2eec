//! A bounded table of what is known of subjects, in this process.
//!
//! **Invariants:**
//! - It never holds more than the bound that it was made with (rounded to a multiple of [`SHARDS`]). Where
//!   a shard is full, what is as good as absent goes first, and then, of [`SAMPLE`] taken at random, what
//!   ends soonest. Subjects spread evenly, not exactly: a shard may be full a few percent before the whole.
//! - A shard is swept for want of room at most once a second, so that a flood of new subjects does not cost
//!   a walk through the shard each.
//! - A sweep gives memory back.
//! - No lock is held for longer than one shard's walk, and never across an await.
//!
//! A slot is a key and a value in a vector, so that a random one can be sampled and a sweep walks through
//! memory in order; an index finds the slot by its key. The keys are secretly seeded hashes already (see
//! `Subject`), so the index hashes no more. Two subjects share a key with a chance of 2^-64.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::gcra::Entry;

/// So many locks; a power of two.
pub(crate) const SHARDS: usize = 64;
/// Of so many the one that ends soonest is pushed out.
const SAMPLE: usize = 8;
/// A shard is swept for want of room at most this often, in microseconds.
const SWEEP_PAUSE: u64 = 1_000_000;
/// Below this many slots it is not worth giving memory back.
const SMALLEST: usize = 64;

/// What a table holds.
pub(crate) trait Passing {
    /// From when on it is as good as absent, in microseconds since 1970.
    fn ends_at(&self) -> u64;
}

impl Passing for Entry {
    fn ends_at(&self) -> u64 {
        Entry::ends_at(self)
    }
}

/// The keys are hashes: they are taken as they are.
#[derive(Default)]
pub(crate) struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }
}

struct Shard<V> {
    index: HashMap<u64, u32, BuildHasherDefault<AsItIs>>,
    slots: Vec<(u64, V)>,
    swept_at: u64,
    /// Where the next sample begins.
    dice: u64,
}

/// The table.
pub(crate) struct Table<V> {
    shards: Box<[Mutex<Shard<V>>]>,
    most_per_shard: usize,
    evicted: AtomicU64,
}

impl<V: Passing + Copy + Default> Table<V> {
    /// A table of at most `most` subjects.
    pub(crate) fn new(most: usize) -> Self {
        let shard = || {
            let (index, slots) = (HashMap::default(), Vec::new());
            Mutex::new(Shard { index, slots, swept_at: 0, dice: 1 })
        };
        let most_per_shard = (most / SHARDS).clamp(1, u32::MAX as usize);
        Self { shards: (0..SHARDS).map(|_| shard()).collect(), most_per_shard, evicted: AtomicU64::new(0) }
    }

    /// Calls `work` on what is known of a subject; a default where nothing is. Kept unless it is over then.
    pub(crate) fn with<T>(&self, key: u64, now: u64, work: impl FnOnce(&mut V) -> T) -> T {
        let mut shard = self.shard(key);
        let shard = &mut *shard;
        if let Some((_, value)) = shard.index.get(&key).and_then(|at| shard.slots.get_mut(*at as usize)) {
            return work(value);
        }
        let mut value = V::default();
        let result = work(&mut value);
        if value.ends_at() > now {
            if shard.slots.len() >= self.most_per_shard {
                self.make_room(shard, now);
            }
            // A shard holds fewer than 2^32: see `new`.
            shard.index.insert(key, shard.slots.len() as u32);
            shard.slots.push((key, value));
        }
        result
    }

    /// Calls `work` on what is known of a subject, if anything is.
    pub(crate) fn with_known<T>(&self, key: u64, work: impl FnOnce(&mut V) -> T) -> Option<T> {
        let mut shard = self.shard(key);
        let shard = &mut *shard;
        let (_, value) = shard.index.get(&key).and_then(|at| shard.slots.get_mut(*at as usize))?;
        Some(work(value))
    }

    pub(crate) fn remove(&self, key: u64) {
        self.shard(key).remove(key);
    }

    /// Removes what is as good as absent and gives memory back.
    pub(crate) fn sweep(&self, now: u64) {
        for shard in &self.shards {
            lock(shard).sweep(now);
        }
    }

    /// How many subjects it holds.
    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).slots.len()).sum()
    }

    /// How many were pushed out for want of room.
    pub(crate) fn evicted(&self) -> u64 {
        self.evicted.load(Ordering::Relaxed)
    }

    fn shard(&self, key: u64) -> MutexGuard<'_, Shard<V>> {
        // Bits that the index uses neither for its buckets (the lowest) nor for its marks (the highest).
        let at = (key >> 40) as usize % SHARDS;
        lock(&self.shards[at])
    }

    fn make_room(&self, shard: &mut Shard<V>, now: u64) {
        if now >= shard.swept_at.saturating_add(SWEEP_PAUSE) || now < shard.swept_at {
            shard.sweep(now);
        }
        while shard.slots.len() >= self.most_per_shard {
            shard.evict(now);
            self.evicted.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn lock<V>(shard: &Mutex<Shard<V>>) -> MutexGuard<'_, Shard<V>> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<V: Passing> Shard<V> {
    fn sweep(&mut self, now: u64) {
        self.swept_at = now;
        let mut at = self.slots.len();
        while at > 0 {
            at -= 1;
            if self.slots[at].1.ends_at() <= now {
                self.remove_at(at);
            }
        }
        let wanted = self.slots.len() * 2;
        if self.slots.capacity() > SMALLEST && self.slots.capacity() > 2 * wanted {
            self.slots.shrink_to(wanted);
        }
        if self.index.capacity() > SMALLEST && self.index.capacity() > 2 * wanted {
            self.index.shrink_to(wanted);
        }
    }

    fn evict(&mut self, now: u64) {
        let mut soonest: Option<(u64, usize)> = None;
        for _ in 0..SAMPLE.min(self.slots.len()) {
            // Splitmix64: cheap; it need not be secret, as the slots that it draws from are in no order known outside.
            self.dice = self.dice.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut drawn = self.dice ^ now;
            drawn = (drawn ^ (drawn >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            drawn = (drawn ^ (drawn >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            let at = ((drawn ^ (drawn >> 31)) % self.slots.len() as u64) as usize;
            let ends_at = self.slots[at].1.ends_at();
            if soonest.is_none_or(|(so_far, _)| ends_at < so_far) {
                soonest = Some((ends_at, at));
            }
        }
        if let Some((_, at)) = soonest {
            self.remove_at(at);
        }
    }

    fn remove(&mut self, key: u64) {
        if let Some(at) = self.index.get(&key) {
            self.remove_at(*at as usize);
        }
    }

    fn remove_at(&mut self, at: usize) {
        let (key, _) = self.slots.swap_remove(at);
        self.index.remove(&key);
        if let Some((moved, _)) = self.slots.get(at) {
            self.index.insert(*moved, at as u32);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use xxhash_rust::xxh3::xxh3_64;

    fn key(number: u64) -> u64 {
        xxh3_64(&number.to_le_bytes())
    }

    fn until(arrival: u64) -> impl FnOnce(&mut Entry) {
        move |entry| entry.arrival = arrival
    }

    impl<V: Passing + Copy + Default> Table<V> {
        /// The memory that its slots and its index occupy.
        fn bytes(&self) -> usize {
            let of = |shard: &Shard<V>| {
                // The index fills 7 of 8 of its buckets, which are a key, a slot and a mark each.
                let buckets = (shard.index.capacity() * 8).div_ceil(7).next_power_of_two();
                shard.slots.capacity() * size_of::<(u64, V)>() + buckets * (size_of::<(u64, u32)>() + 1)
            };
            self.shards.iter().map(|shard| of(&lock(shard))).sum()
        }
    }

    #[test]
    fn it_keeps_what_is_not_over_and_nothing_else() {
        let table = Table::<Entry>::new(1_000);
        table.with(1, 10, until(10));
        assert_eq!(table.len(), 0, "over at once");
        table.with(1, 10, until(11));
        assert_eq!(table.with_known(1, |entry| entry.arrival), Some(11));
        table.sweep(10);
        assert_eq!(table.len(), 1);
        table.sweep(11);
        assert_eq!((table.len(), table.with_known(1, |_| ())), (0, None));
    }

    #[test]
    fn it_keeps_its_bound_and_pushes_out_what_ends_soon() {
        let table = Table::<Entry>::new(640);
        for number in 0..10_000 {
            table.with(key(number), 1, until(1_000 + number));
            assert!(table.len() <= 640);
        }
        assert_eq!(table.len() as u64 + table.evicted(), 10_000);
        let young = (9_000..10_000).filter(|number| table.with_known(key(*number), |_| ()).is_some()).count();
        assert!(young > 500, "{young} of the 1,000 youngest are among {}", table.len());
    }

    #[test]
    fn where_there_is_no_room_what_is_over_goes_first() {
        let table = Table::<Entry>::new(SHARDS);
        table.with(1, 5, until(1_000_000));
        table.with(2, 2_000_000, until(3_000_000));
        assert_eq!((table.len(), table.evicted()), (1, 0));
        assert!(table.with_known(2, |_| ()).is_some());
    }

    #[test]
    fn every_key_is_found_after_any_removal() {
        let table = Table::<Entry>::new(100_000);
        for number in 0..20_000 {
            table.with(key(number), 1, until(2 + number % 7));
        }
        table.sweep(4);
        for number in 0..20_000 {
            let found = table.with_known(key(number), |entry| entry.arrival);
            assert_eq!(found, Some(2 + number % 7).filter(|ends_at| *ends_at > 4), "{number}");
        }
        for number in (0..20_000).step_by(3) {
            table.remove(key(number));
        }
        for number in 0..20_000 {
            let found = table.with_known(key(number), |_| ()).is_some();
            assert_eq!(found, number % 3 != 0 && 2 + number % 7 > 4, "{number}");
        }
    }

    #[test]
    fn a_million_fit_in_128_mb_and_a_sweep_gives_it_back() {
        let table = Table::<Entry>::new(1 << 20);
        for number in 0..1_000_000 {
            table.with(key(number), 1, until(100 + number % 2));
        }
        assert_eq!((table.len(), table.evicted()), (1_000_000, 0));
        let full = table.bytes();
        assert!(full < 128_000_000, "{full} bytes");
        table.sweep(101);
        assert!(table.bytes() < 1_000_000, "{} bytes are left of {full}", table.bytes());
    }
}
