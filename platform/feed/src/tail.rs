//! The tail: reads the feed so that nothing is missed, though ids become visible out of order.
//!
//! An id is drawn before its transaction commits. So the tail applies an event the moment it sees it,
//! and keeps the ids below the highest that it has not seen, the *holes*, until they can no longer
//! come. A hole is dead when
//!
//! 1. it was looked for and not found in a snapshot in which
//! 2. every transaction has ended that had an xid when the hole was first seen.
//!
//! For 2 the tail draws an xid of its own after it has seen the hole: every appender takes its xid
//! before it draws an id, so the hole's transaction has a lower one, and once the snapshot's xmin has
//! reached the tail's xid that transaction is over. (A snapshot's own xmax will not do: it is one
//! above the last transaction that has *ended*, and the hole's may have a higher xid and still run.)
//!
//! A tail that starts knows nothing of the ids below the highest. Until every transaction is over that
//! was under way at its first look, it asks by xid: whatever was invisible then belongs to a
//! transaction from that snapshot's xmin on.
//!
//! This file is the bookkeeping, which is pure; `follow.rs` does the asking.
//!
//! **Invariants:**
//! - An event is reported once.
//! - The watermark never passes an id that may still come.

use std::collections::HashSet;

use crate::event::Event;
use crate::store::{Found, Look, Seen, signed};

/// Holes beyond which the tail gives up and begins anew.
const MOST_HOLES: usize = 20_000;

/// A range of ids that were not seen and may still come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Hole {
    first: u64,
    last: u64,
    /// When the snapshots' xmin has reached it, the hole is dead. Unknown until it was asked for.
    bound: Option<u64>,
}

/// What is not known yet about the time before the start.
#[derive(Debug)]
struct Start {
    xmin: u64,
    bound: u64,
    up_to: u64,
    seen: HashSet<u64>,
    /// Ids up to `up_to` that were not seen, for those who ask whether one was.
    unseen: Vec<(u64, u64)>,
}

/// The bookkeeping of a tail.
#[derive(Debug)]
pub(crate) struct Tail {
    highest: u64,
    last_xmin: u64,
    holes: Vec<Hole>,
    start: Option<Start>,
}

/// Why a tail cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lost {
    /// Time went backwards: this is another history.
    Rewound,
    /// There are more holes than can be kept.
    TooManyHoles,
}

impl Tail {
    /// A tail that has taken its first look, and afterwards drawn the xid `bound`.
    pub(crate) fn start(found: &Found, bound: u64) -> Self {
        let visible: Vec<u64> = found.history.iter().map(|(id, _)| *id).collect();
        let mut unseen = Vec::new();
        if found.from > 0 {
            unseen.push((1, found.from));
        }
        unseen.extend(gaps(found.from, &visible));
        if let Some(last) = visible.last().copied().or(Some(found.from)).filter(|last| *last < found.last_given) {
            unseen.push((last + 1, found.last_given));
        }
        Self {
            highest: found.last_given,
            last_xmin: found.xmin,
            holes: Vec::new(),
            start: Some(Start {
                xmin: found.xmin,
                bound,
                up_to: found.last_given,
                seen: visible.into_iter().collect(),
                unseen,
            }),
        }
    }

    /// What to ask for next.
    pub(crate) fn look(&self, at_most: i64) -> Look {
        Look {
            above: signed(self.highest),
            at_most,
            hole_firsts: self.holes.iter().map(|hole| signed(hole.first)).collect(),
            hole_lasts: self.holes.iter().map(|hole| signed(hole.last)).collect(),
            started: self.start.as_ref().map(|start| (start.xmin.to_string(), signed(start.up_to))),
        }
    }

    /// Takes in what a look found and returns the events that are new, in the order of their ids.
    pub(crate) fn take_in(&mut self, seen: Seen) -> Result<Vec<Event>, Lost> {
        if seen.xmin < self.last_xmin {
            return Err(Lost::Rewound);
        }
        self.last_xmin = seen.xmin;
        let mut fresh = Vec::with_capacity(seen.events.len());
        let mut above = Vec::new();
        for event in seen.events {
            if event.id > self.highest {
                above.push(event.id);
                fresh.push(event);
            } else if self.fill_hole(event.id) {
                fresh.push(event);
            } else if let Some(start) = &mut self.start
                && event.id <= start.up_to
                && start.seen.insert(event.id)
            {
                remove(&mut start.unseen, event.id);
                fresh.push(event);
            }
        }
        self.holes.retain(|hole| hole.bound.is_none_or(|bound| seen.xmin < bound));
        self.holes.extend(gaps(self.highest, &above).map(|(first, last)| Hole { first, last, bound: None }));
        if let Some(last) = above.last() {
            self.highest = *last;
        }
        if self.start.as_ref().is_some_and(|start| seen.xmin >= start.bound) {
            self.start = None;
        }
        if self.holes.len() > MOST_HOLES {
            return Err(Lost::TooManyHoles);
        }
        Ok(fresh)
    }

    /// Whether there are holes whose bound is to be asked for.
    pub(crate) fn needs_bound(&self) -> bool {
        self.holes.iter().any(|hole| hole.bound.is_none())
    }

    /// Sets it: an xid that was drawn after the holes were seen.
    pub(crate) fn set_bound(&mut self, xid: u64) {
        for hole in &mut self.holes {
            hole.bound.get_or_insert(xid);
        }
    }

    pub(crate) fn highest(&self) -> u64 {
        self.highest
    }

    /// The highest id below which nothing can come any more.
    pub(crate) fn watermark(&self) -> Option<u64> {
        if self.start.is_some() {
            return None;
        }
        Some(self.holes.iter().map(|hole| hole.first - 1).min().unwrap_or(self.highest))
    }

    /// What has not been seen and may still come.
    pub(crate) fn open(&self) -> Vec<(u64, u64)> {
        let before = self.start.iter().flat_map(|start| start.unseen.iter().copied());
        before.chain(self.holes.iter().map(|hole| (hole.first, hole.last))).collect()
    }

    /// Takes an id out of the hole that it lies in; `false` when it lies in none.
    fn fill_hole(&mut self, id: u64) -> bool {
        let Some(index) = self.holes.iter().position(|hole| (hole.first..=hole.last).contains(&id)) else {
            return false;
        };
        let hole = self.holes.swap_remove(index);
        if hole.first < id {
            self.holes.push(Hole { last: id - 1, ..hole });
        }
        if id < hole.last {
            self.holes.push(Hole { first: id + 1, ..hole });
        }
        true
    }
}

fn remove(ranges: &mut Vec<(u64, u64)>, id: u64) {
    let Some(index) = ranges.iter().position(|(first, last)| (*first..=*last).contains(&id)) else { return };
    let (first, last) = ranges.swap_remove(index);
    if first < id {
        ranges.push((first, id - 1));
    }
    if id < last {
        ranges.push((id + 1, last));
    }
}

/// The ranges that lie between `from` and the ids, which ascend.
fn gaps(from: u64, ids: &[u64]) -> impl Iterator<Item = (u64, u64)> {
    std::iter::once(from)
        .chain(ids.iter().copied())
        .zip(ids.iter().copied())
        .filter_map(|(before, id)| (id > before + 1).then_some((before + 1, id - 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: u64) -> Event {
        Event {
            id,
            topic: "t".to_owned(),
            name: "n".to_owned(),
            tags: Vec::new(),
            audience: None,
            data: serde_json::Value::Null,
            request_id: None,
            at: jiff::Timestamp::UNIX_EPOCH,
            cause: None,
        }
    }

    fn settled_at(highest: u64) -> Tail {
        let found = Found { xmin: 100, last_given: highest, from: 0, history: Vec::new() };
        let mut tail = Tail::start(&found, 101);
        assert_eq!(tail.watermark(), None, "what was under way at the start may still come");
        see(&mut tail, 101, &[]);
        assert_eq!(tail.watermark(), Some(highest));
        tail
    }

    fn see(tail: &mut Tail, xmin: u64, ids: &[u64]) -> Vec<u64> {
        let events = ids.iter().map(|id| event(*id)).collect();
        let fresh = tail.take_in(Seen { xmin, events }).expect("not lost");
        fresh.iter().map(|event| event.id).collect()
    }

    #[test]
    fn a_lower_id_that_comes_later_is_not_missed() {
        let mut tail = settled_at(10);
        assert_eq!(see(&mut tail, 200, &[11, 14]), [11, 14]);
        assert!(tail.needs_bound());
        tail.set_bound(205);
        assert_eq!((tail.watermark(), tail.open()), (Some(11), vec![(12, 13)]));
        let look = tail.look(100);
        assert_eq!((look.above, look.hole_firsts, look.hole_lasts), (14, vec![12], vec![13]));
        assert_eq!(see(&mut tail, 203, &[13]), [13]);
        assert_eq!((tail.watermark(), tail.open()), (Some(11), vec![(12, 12)]));
        assert_eq!(see(&mut tail, 204, &[12, 15]), [12, 15]);
        assert_eq!((tail.watermark(), tail.open()), (Some(15), vec![]));
    }

    #[test]
    fn a_hole_dies_only_when_its_transaction_must_be_over() {
        let mut tail = settled_at(10);
        see(&mut tail, 200, &[12]);
        // The snapshot's xmin says nothing about the hole yet: its bound is not known.
        see(&mut tail, 900, &[]);
        assert_eq!(tail.watermark(), Some(10));
        tail.set_bound(950);
        see(&mut tail, 949, &[]);
        assert_eq!(tail.watermark(), Some(10), "a transaction below 950 runs still");
        assert_eq!(see(&mut tail, 950, &[11]), [11], "it is looked for in the snapshot that would bury it");
        see(&mut tail, 950, &[14]);
        tail.set_bound(960);
        see(&mut tail, 960, &[]);
        assert_eq!((tail.watermark(), tail.open()), (Some(14), vec![]));
        assert_eq!(see(&mut tail, 961, &[13]), Vec::<u64>::new(), "what was buried stays buried");
    }

    #[test]
    fn a_start_waits_for_everything_that_was_under_way() {
        let history = vec![(6, Vec::new()), (8, Vec::new())];
        let mut tail = Tail::start(&Found { xmin: 50, last_given: 9, from: 5, history }, 60);
        assert_eq!(tail.open(), [(1, 5), (7, 7), (9, 9)]);
        assert_eq!(tail.look(100).started, Some(("50".to_owned(), 9)));
        // 3 was drawn long before the start; 6 and 8 come again and are not new; 11 is above.
        assert_eq!(see(&mut tail, 55, &[3, 6, 8, 11]), [3, 11]);
        assert_eq!(tail.open(), [(9, 9), (7, 7), (1, 2), (4, 5), (10, 10)]);
        assert_eq!(see(&mut tail, 59, &[3, 7]), [7]);
        assert_eq!(tail.watermark(), None);
        tail.set_bound(70);
        assert_eq!(see(&mut tail, 60, &[9]), [9]);
        assert_eq!((tail.watermark(), tail.open()), (Some(9), vec![(10, 10)]));
    }

    #[test]
    fn another_history_is_noticed() {
        let mut tail = settled_at(10);
        see(&mut tail, 200, &[11]);
        assert_eq!(tail.take_in(Seen { xmin: 199, events: Vec::new() }), Err(Lost::Rewound));
    }
}
