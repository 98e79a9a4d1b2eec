//! Whose turn it is in a queue: lanes, one for each priority and tenant, and from where on each is read.
//!
//! What was claimed stays in the index as a dead entry until it is vacuumed, and a transaction that is held open
//! keeps it there. So a lane is read from above what was claimed a while ago, and the dead are not walked over
//! again for every claim. What comes to lie below (a transaction that took long, a delay that is over) is found
//! when the lanes are surveyed, which is done seldom enough to cost next to nothing.
//!
//! **Invariants:**
//! - A more urgent lane comes before a less urgent one, always.
//! - Lanes of one priority take turns, and none gets more than its share while others have work.
//! - What a survey finds is never below where its lane is read from.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::store::Share;

/// How long what was claimed is still read over: most transactions are shorter.
const LAG: Duration = Duration::from_millis(100);
/// How long a lane in which nothing was found is kept in mind, where there are few, and where there are many.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(10);
const FORGOTTEN_SOON: Duration = Duration::from_secs(1);
/// Lanes that a survey tells at the most; the next goes on behind them.
pub(crate) const MOST_LANES: i64 = 1_000;
/// Lanes up to which it costs nothing to ask for those that were empty.
const FEW: usize = 16;

#[derive(Debug)]
struct Lane {
    priority: i16,
    tenant: String,
    above: i64,
    /// The highest ids that were claimed, and when.
    claimed: VecDeque<(Instant, i64)>,
    used_at: Instant,
}

/// The lanes of a queue, as far as they are known.
#[derive(Debug, Default)]
pub(crate) struct Lanes {
    /// By priority and tenant.
    lanes: Vec<Lane>,
    /// Where the next round begins.
    turn: usize,
}

impl Lanes {
    /// What to ask for, so that `wanted` jobs come if there are as many: one after the other, until something
    /// comes. Where tenants share a priority, what is less urgent is only asked for when they have nothing: a share
    /// that is used up says nothing of what is left.
    pub(crate) fn shares(&mut self, wanted: i64) -> Vec<Vec<Share>> {
        self.turn = self.turn.wrapping_add(1);
        let mut asked = vec![Vec::new()];
        for lanes in self.lanes.chunk_by(|one, other| one.priority == other.priority) {
            let count = lanes.len();
            let each = if count == 1 { wanted } else { wanted / i64::try_from(count).unwrap_or(1) + 1 };
            let (before, from) = lanes.split_at(self.turn % count);
            if let Some(last) = asked.last_mut() {
                last.extend(from.iter().chain(before).map(|lane| Share {
                    priority: lane.priority,
                    tenant: lane.tenant.clone(),
                    above: lane.above,
                    at_most: each,
                }));
            }
            if count > 1 {
                asked.push(Vec::new());
            }
        }
        asked.retain(|shares| !shares.is_empty());
        asked
    }

    fn find(&self, priority: i16, tenant: &str) -> Result<usize, usize> {
        self.lanes.binary_search_by(|lane| (lane.priority, lane.tenant.as_str()).cmp(&(priority, tenant)))
    }

    /// Something was claimed in a lane, up to this id.
    pub(crate) fn took(&mut self, priority: i16, tenant: &str, id: i64, now: Instant) {
        let Ok(place) = self.find(priority, tenant) else { return };
        let lane = &mut self.lanes[place];
        lane.used_at = now;
        match lane.claimed.back_mut() {
            // A mark for each hundredth of a second is enough.
            Some((since, highest)) if now - *since < LAG / 10 => *highest = id.max(*highest),
            _ => lane.claimed.push_back((now, id)),
        }
        while let Some((since, highest)) = lane.claimed.front().copied()
            && now - since >= LAG
        {
            lane.above = lane.above.max(highest);
            lane.claimed.pop_front();
        }
    }

    /// What a survey found: lanes, in order, with the lowest id that waits in each. Tells behind which lane the next
    /// survey goes on; from the first, when this one has seen the last.
    pub(crate) fn learn(&mut self, found: Vec<(i16, String, i64)>, now: Instant) -> Option<(i16, String)> {
        let is_whole = i64::try_from(found.len()).unwrap_or(i64::MAX) < MOST_LANES;
        let next = found.last().filter(|_| !is_whole).map(|(priority, tenant, _)| (*priority, tenant.clone()));
        for (priority, tenant, lowest) in found {
            match self.find(priority, &tenant) {
                Ok(place) => {
                    let lane = &mut self.lanes[place];
                    lane.used_at = now;
                    if lowest <= lane.above {
                        lane.above = lowest - 1;
                        lane.claimed.clear();
                    }
                }
                Err(place) => {
                    let (above, claimed) = (lowest - 1, VecDeque::new());
                    self.lanes.insert(place, Lane { priority, tenant, above, claimed, used_at: now });
                }
            }
        }
        // A few are kept in mind for longer: what comes next is likely to come there.
        let forgotten_after = if self.lanes.len() > FEW { FORGOTTEN_SOON } else { FORGOTTEN_AFTER };
        self.lanes.retain(|lane| now - lane.used_at < forgotten_after);
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(lanes: &mut Lanes, wanted: i64) -> Vec<(i16, String, i64, i64)> {
        let shares = lanes.shares(wanted).into_iter().flatten();
        shares.map(|share| (share.priority, share.tenant, share.above, share.at_most)).collect()
    }

    #[test]
    fn the_urgent_come_first_and_tenants_take_turns() {
        let mut lanes = Lanes::default();
        let found = [(5, "b", 10), (1, "", 12), (5, "a", 11)];
        lanes.learn(found.map(|(priority, tenant, id)| (priority, tenant.to_owned(), id)).into(), Instant::now());
        let first = asked(&mut lanes, 10);
        assert_eq!(first[0], (1, String::new(), 11, 10));
        assert_eq!(first[1..].iter().map(|lane| lane.3).collect::<Vec<_>>(), [6, 6]);
        let second = asked(&mut lanes, 10);
        assert_eq!(second[0], first[0]);
        assert_eq!((&second[1], &second[2]), (&first[2], &first[1]));
    }

    #[test]
    fn what_is_less_urgent_is_not_asked_for_beside_tenants_that_may_have_more() {
        let mut lanes = Lanes::default();
        let found = [(1, ""), (5, "a"), (5, "b"), (9, ""), (10, "")];
        lanes.learn(found.map(|(priority, tenant)| (priority, tenant.to_owned(), 1)).into(), Instant::now());
        let asked: Vec<Vec<i16>> =
            lanes.shares(10).iter().map(|shares| shares.iter().map(|share| share.priority).collect()).collect();
        assert_eq!(asked, [vec![1, 5, 5], vec![9, 10]]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_claimed_a_while_ago_is_not_read_again_and_a_survey_goes_back() {
        let mut lanes = Lanes::default();
        lanes.learn(vec![(5, String::new(), 1)], Instant::now());
        lanes.took(5, "", 100, Instant::now());
        assert_eq!(asked(&mut lanes, 1)[0].2, 0, "others may still come below it");
        tokio::time::advance(LAG).await;
        lanes.took(5, "", 200, Instant::now());
        assert_eq!(asked(&mut lanes, 1)[0].2, 100);
        lanes.learn(vec![(5, String::new(), 40)], Instant::now());
        assert_eq!(asked(&mut lanes, 1)[0].2, 39);
        tokio::time::advance(FORGOTTEN_AFTER).await;
        lanes.learn(Vec::new(), Instant::now());
        assert_eq!(asked(&mut lanes, 1), []);
    }
}
