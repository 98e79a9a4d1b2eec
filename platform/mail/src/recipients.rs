//! How many letters an address has had: a form that mails whoever is typed into it must not become a way to
//! flood somebody's mailbox.
//!
//! The memory is this process's: two servers that share nothing allow twice as many, and a restart forgets.
//! What has to hold over all of them is the caller's to count (in the database, say); this is the last guard.
//!
//! **Invariants:**
//! - No more than [`MOST_ADDRESSES`] addresses are remembered, with no more times than are allowed to each.
//!   When there are too many, those that were written to longest ago are forgotten.
//! - A letter that is tried again, as nobody knows whether it was sent, takes no second place.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::letter::LetterId;

const MOST_ADDRESSES: usize = 10_000;

/// What is remembered of the addresses that were written to.
#[derive(Debug)]
pub(crate) struct Recipients {
    letters: usize,
    window: SignedDuration,
    most_addresses: usize,
    by_address: Mutex<HashMap<String, VecDeque<Place>>>,
}

/// A letter that counts.
#[derive(Clone, Copy, Debug)]
struct Place {
    letter: LetterId,
    at: Timestamp,
    is_sent: bool,
}

impl Recipients {
    pub(crate) fn new((letters, window): (u32, Duration)) -> Self {
        Self {
            letters: usize::try_from(letters).unwrap_or(usize::MAX),
            window: SignedDuration::try_from(window).unwrap_or(SignedDuration::MAX),
            most_addresses: MOST_ADDRESSES,
            by_address: Mutex::new(HashMap::new()),
        }
    }

    /// Takes a place for a letter that is about to be sent.
    ///
    /// # Errors
    /// When all are taken: how long until one is free.
    pub(crate) fn reserve(&self, address: &str, letter: LetterId, now: Timestamp) -> Result<(), Duration> {
        let address = address.to_ascii_lowercase();
        let mut by_address = self.lock();
        if by_address.len() >= self.most_addresses && !by_address.contains_key(&address) {
            self.forget_some(&mut by_address, now);
        }
        let places = by_address.entry(address).or_default();
        places.retain(|place| self.left(*place, now).is_positive());
        if places.iter().any(|place| place.letter == letter && !place.is_sent) {
            return Ok(());
        }
        if places.len() >= self.letters
            && let Some(first) = places.front()
        {
            // A clock that was set back must not lengthen the wait.
            return Err(self.left(*first, now).min(self.window).unsigned_abs());
        }
        places.push_back(Place { letter, at: now, is_sent: false });
        Ok(())
    }

    /// The letter was sent: its place is taken for good.
    pub(crate) fn sent(&self, address: &str, letter: LetterId) {
        if let Some(places) = self.lock().get_mut(&address.to_ascii_lowercase())
            && let Some(place) = places.iter_mut().find(|place| place.letter == letter && !place.is_sent)
        {
            place.is_sent = true;
        }
    }

    /// The letter was not sent: its place is free again.
    pub(crate) fn release(&self, address: &str, letter: LetterId) {
        let address = address.to_ascii_lowercase();
        let mut by_address = self.lock();
        if let Some(places) = by_address.get_mut(&address) {
            if let Some(place) = places.iter().position(|place| place.letter == letter && !place.is_sent) {
                places.remove(place);
            }
            if places.is_empty() {
                by_address.remove(&address);
            }
        }
    }

    /// How long a place still counts.
    fn left(&self, place: Place, now: Timestamp) -> SignedDuration {
        self.window.saturating_sub(now.duration_since(place.at))
    }

    /// Forgets what no longer counts, and if that is not enough, the eighth that was written to longest ago:
    /// an eighth, so that it is seldom done.
    fn forget_some(&self, by_address: &mut HashMap<String, VecDeque<Place>>, now: Timestamp) {
        by_address.retain(|_, places| places.back().is_some_and(|last| self.left(*last, now).is_positive()));
        if by_address.len() < self.most_addresses {
            return;
        }
        let mut last: Vec<Timestamp> = by_address.values().filter_map(|places| places.back()).map(|p| p.at).collect();
        last.sort_unstable();
        let mut surplus = self.most_addresses.div_ceil(8);
        let Some(youngest) = last.get(surplus.saturating_sub(1)) else { return };
        // Counted, as many may have been written to at the same moment.
        by_address.retain(|_, places| {
            let is_old = surplus > 0 && places.back().is_none_or(|place| place.at <= *youngest);
            surplus -= usize::from(is_old);
            !is_old
        });
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, VecDeque<Place>>> {
        self.by_address.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).expect("in range")
    }

    fn letter(key: &str) -> LetterId {
        LetterId::of(key)
    }

    fn two_a_minute() -> Recipients {
        Recipients::new((2, Duration::from_secs(60)))
    }

    fn send(recipients: &Recipients, address: &str, key: &str, now: i64) -> Result<(), Duration> {
        recipients.reserve(address, letter(key), at(now))?;
        recipients.sent(address, letter(key));
        Ok(())
    }

    #[test]
    fn an_address_gets_so_many_letters_in_so_long_a_time() {
        let recipients = two_a_minute();
        assert_eq!(send(&recipients, "anna@example.org", "1", 0), Ok(()));
        assert_eq!(send(&recipients, "Anna@Example.org", "2", 10), Ok(()));
        assert_eq!(send(&recipients, "anna@example.org", "3", 20), Err(Duration::from_secs(40)));
        assert_eq!(send(&recipients, "bob@example.org", "3", 20), Ok(()));
        assert_eq!(send(&recipients, "anna@example.org", "3", 60), Ok(()));
        assert_eq!(send(&recipients, "anna@example.org", "4", 60), Err(Duration::from_secs(10)));
    }

    #[test]
    fn a_letter_that_was_not_sent_gives_its_place_back() {
        let recipients = two_a_minute();
        for key in ["1", "2", "3", "4"] {
            assert_eq!(recipients.reserve("anna@example.org", letter(key), at(0)), Ok(()));
            recipients.release("anna@example.org", letter(key));
        }
        assert!(recipients.lock().is_empty());
    }

    #[test]
    fn a_letter_is_tried_again_in_its_own_place_until_it_is_known_to_be_sent() {
        let recipients = Recipients::new((1, Duration::from_secs(60)));
        for _ in 0..3 {
            assert_eq!(recipients.reserve("anna@example.org", letter("1"), at(0)), Ok(()));
        }
        recipients.sent("anna@example.org", letter("1"));
        assert!(recipients.reserve("anna@example.org", letter("1"), at(0)).is_err());
        recipients.release("anna@example.org", letter("1"));
        assert!(recipients.reserve("anna@example.org", letter("2"), at(0)).is_err());
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_lengthen_the_wait() {
        let recipients = Recipients::new((1, Duration::from_secs(60)));
        assert_eq!(send(&recipients, "anna@example.org", "1", 0), Ok(()));
        assert_eq!(send(&recipients, "anna@example.org", "2", -9_000), Err(Duration::from_secs(60)));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        // One after the other, many in the same moment, and all in the same moment.
        for in_a_moment in [1, 50, 1_000] {
            let window = Duration::from_secs(10_000);
            let recipients = Recipients { most_addresses: 80, ..Recipients::new((2, window)) };
            for number in 0..1_000 {
                let moment = number / in_a_moment;
                send(&recipients, &format!("{number}@example.org"), "1", moment).expect("it is the first");
                assert!(recipients.lock().len() <= 80);
            }
            assert!(recipients.lock().contains_key("999@example.org"));
            assert!(recipients.lock().len() >= 70, "no more are forgotten than an eighth");
        }
    }
}
