//! Whose turn it is in a queue: lanes, one for each priority and tenant, and from where on each is read.
//!
//! What was claimed stays in the index as a dead entry until it is vacuumed, and a transaction that is held open
//! keeps it there. So a lane is read from above what was claimed a while ago, and the dead are not walked over
//! again for every claim. What comes to lie below (a transaction that took long, a delay that is over) is found
//! when the lanes are surveyed from their beginnings, which is done seldom enough to cost next to nothing. Lanes
//! that are new are looked for between those that are known, which walks over none of the dead of these.
//!
//! **Invariants:**
//! - A more urgent lane comes before a less urgent one, always.
//! - Lanes of one priority take turns, and none gets more than its share, which its weight says, while others have
//!   work. One that comes back after a pause has nothing to catch up.
//! - What a survey finds is never below where its lane is read from.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use crate::store::{Claimed, Share};

/// How long what was claimed is still read over, most transactions being shorter; and how many jobs at the most, as
/// each may be a dead entry.
const LAG: Duration = Duration::from_millis(100);
const MOST_READ_OVER: usize = 500;
/// How long a lane in which nothing was found is kept in mind, where there are few, and where there are many.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(10);
const FORGOTTEN_SOON: Duration = Duration::from_secs(1);
/// Lanes that a survey tells at the most; the next goes on behind them.
pub(crate) const MOST_LANES: i64 = 1_000;
/// Lanes up to which it costs nothing to ask for those that were empty.
const FEW: usize = 16;
/// Lanes up to which new ones are looked for between them.
const MOST_KNOWN: usize = 256;

#[derive(Debug)]
struct Lane {
    priority: i16,
    tenant: String,
    above: i64,
    /// What was claimed of late, and is read over.
    claimed: VecDeque<Mark>,
    read_over: usize,
    used_at: Instant,
    weight: u16,
    /// What it was given, by its weight: who was given the least comes first.
    given: f64,
}

/// Jobs that were claimed at about the same time.
#[derive(Debug)]
struct Mark {
    since: Instant,
    highest: i64,
    count: usize,
}

impl Lane {
    fn key(&self) -> (i16, &str) {
        (self.priority, &self.tenant)
    }
}

/// A lane that a survey found, with the lowest id that waits in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) priority: i16,
    pub(crate) tenant: String,
    pub(crate) lowest: i64,
    /// 1 to 100.
    pub(crate) weight: u16,
}

/// The lanes of a queue, as far as they are known.
#[derive(Debug, Default)]
pub(crate) struct Lanes {
    /// By priority and tenant.
    lanes: Vec<Lane>,
}

impl Lanes {
    /// What to ask for, so that `wanted` jobs come if there are as many: one after the other, until something
    /// comes. Where tenants share a priority, what is less urgent is only asked for when they have nothing: a share
    /// that is used up says nothing of what is left.
    pub(crate) fn shares(&self, wanted: i64) -> Vec<Vec<Share>> {
        let mut asked = vec![Vec::new()];
        for lanes in self.lanes.chunk_by(|one, other| one.priority == other.priority) {
            let count = lanes.len();
            let all: i64 = lanes.iter().map(|lane| i64::from(lane.weight)).sum();
            let mut in_turn: Vec<&Lane> = lanes.iter().collect();
            in_turn.sort_by(|one, other| one.given.total_cmp(&other.given));
            if let Some(last) = asked.last_mut() {
                last.extend(in_turn.into_iter().map(|lane| Share {
                    priority: lane.priority,
                    tenant: lane.tenant.clone(),
                    above: lane.above,
                    at_most: if count == 1 { wanted } else { wanted * i64::from(lane.weight) / all.max(1) + 1 },
                }));
            }
            if count > 1 {
                asked.push(Vec::new());
            }
        }
        asked.retain(|shares| !shares.is_empty());
        asked
    }

    /// These came of what was asked for. Puts them in the order in which they are to be begun.
    pub(crate) fn in_turn(
        &mut self,
        asked: &[Share],
        mut claimed: Vec<Claimed>,
        at_most: i64,
        now: Instant,
    ) -> VecDeque<Claimed> {
        // They come in whatever order.
        claimed.sort_unstable_by_key(|job| job.token.id);
        let mut turns = Vec::with_capacity(claimed.len());
        let mut gave: HashMap<(i16, &str), i64> = HashMap::new();
        for job in &claimed {
            let (priority, tenant) = (job.lane.0, job.lane.1.as_str());
            turns.push(self.took(priority, tenant, job.token.id, now));
            *gave.entry((priority, tenant)).or_default() += 1;
        }
        self.served(asked, &gave, i64::try_from(claimed.len()).is_ok_and(|count| count >= at_most));
        let mut in_turn: Vec<(f64, Claimed)> = turns.into_iter().zip(claimed).collect();
        in_turn.sort_by(|(one_turn, one), (other_turn, other)| {
            one.lane.0.cmp(&other.lane.0).then(one_turn.total_cmp(other_turn))
        });
        in_turn.into_iter().map(|(_, job)| job).collect()
    }

    /// So much came of what was asked for. Lanes that had less than their share have nothing left: they begin where
    /// those stand that had it, and have nothing to catch up. Those behind the last that gave something were not looked
    /// at when as much came as was wanted (`is_all`); they keep their turn, as does that last.
    fn served(&mut self, asked: &[Share], took: &HashMap<(i16, &str), i64>, is_all: bool) {
        let gave = |lane: &(i16, &str)| took.get(lane).copied().unwrap_or(0);
        let last = asked.iter().rposition(|share| gave(&share.lane()) > 0).unwrap_or(0);
        let looked_at = if is_all { &asked[..last] } else { asked };
        let dry = looked_at.iter().filter(|share| gave(&share.lane()) < share.at_most);
        let dry: HashSet<_> = dry.map(Share::lane).collect();
        for lanes in self.lanes.chunk_by_mut(|one, other| one.priority == other.priority) {
            let served = || lanes.iter().filter(|lane| gave(&lane.key()) > 0);
            let full = served().filter(|lane| !dry.contains(&lane.key())).map(|lane| lane.given).reduce(f64::min);
            let Some(least) = full.or_else(|| served().map(|lane| lane.given).reduce(f64::max)) else { continue };
            for lane in lanes.iter_mut().filter(|lane| dry.contains(&lane.key())) {
                lane.given = lane.given.max(least);
            }
            // Only the differences count.
            let base = lanes.iter().map(|lane| lane.given).fold(f64::INFINITY, f64::min);
            lanes.iter_mut().for_each(|lane| lane.given -= base);
        }
    }

    /// The lanes that are known; none where they are too many to look between them.
    pub(crate) fn known(&self) -> Option<Vec<(i16, &str)>> {
        let is_few = (1..=MOST_KNOWN).contains(&self.lanes.len());
        is_few.then(|| self.lanes.iter().map(Lane::key).collect())
    }

    fn find(&self, priority: i16, tenant: &str) -> Result<usize, usize> {
        self.lanes.binary_search_by(|lane| lane.key().cmp(&(priority, tenant)))
    }

    /// A job was claimed in a lane. Tells what the lane has been given with it: among jobs that were claimed together
    /// those come first of which that is least.
    fn took(&mut self, priority: i16, tenant: &str, id: i64, now: Instant) -> f64 {
        let Ok(place) = self.find(priority, tenant) else { return 0.0 };
        let lane = &mut self.lanes[place];
        lane.used_at = now;
        lane.given += 1.0 / f64::from(lane.weight.max(1));
        lane.read_over += 1;
        match lane.claimed.back_mut() {
            // A mark for each hundredth of a second is enough.
            Some(mark) if now - mark.since < LAG / 10 && mark.count < MOST_READ_OVER => {
                mark.highest = id.max(mark.highest);
                mark.count += 1;
            }
            _ => lane.claimed.push_back(Mark { since: now, highest: id, count: 1 }),
        }
        while let Some(mark) =
            lane.claimed.pop_front_if(|mark| now - mark.since >= LAG || lane.read_over - mark.count >= MOST_READ_OVER)
        {
            lane.above = lane.above.max(mark.highest);
            lane.read_over -= mark.count;
        }
        lane.given
    }

    /// What a survey found: lanes, in order. Tells behind which lane the next survey goes on; from the first, when
    /// this one has seen the last.
    pub(crate) fn learn(&mut self, found: Vec<Found>, now: Instant) -> Option<(i16, String)> {
        let is_whole = i64::try_from(found.len()).unwrap_or(i64::MAX) < MOST_LANES;
        let next = found.last().filter(|_| !is_whole).map(|lane| (lane.priority, lane.tenant.clone()));
        for Found { priority, tenant, lowest, weight } in found {
            match self.find(priority, &tenant) {
                Ok(place) => {
                    let lane = &mut self.lanes[place];
                    (lane.used_at, lane.weight) = (now, weight);
                    if lowest <= lane.above {
                        lane.above = lowest - 1;
                        lane.claimed.clear();
                        lane.read_over = 0;
                    }
                }
                Err(place) => {
                    let (above, claimed) = (lowest - 1, VecDeque::new());
                    // A new one comes first once, and then like the others.
                    let lane =
                        Lane { priority, tenant, above, claimed, read_over: 0, used_at: now, weight, given: 0.0 };
                    self.lanes.insert(place, lane);
                }
            }
        }
        next
    }

    /// Forgets lanes that have had nothing for a while: right after a survey, which has seen those that have.
    pub(crate) fn forget(&mut self, now: Instant) {
        // A few are kept in mind for longer: what comes next is likely to come there.
        let forgotten_after = if self.lanes.len() > FEW { FORGOTTEN_SOON } else { FORGOTTEN_AFTER };
        self.lanes.retain(|lane| now - lane.used_at < forgotten_after);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(lanes: &Lanes, wanted: i64) -> Vec<(i16, String, i64, i64)> {
        let shares = lanes.shares(wanted).into_iter().flatten();
        shares.map(|share| (share.priority, share.tenant, share.above, share.at_most)).collect()
    }

    fn found(priority: i16, tenant: &str, lowest: i64, weight: u16) -> Found {
        Found { priority, tenant: tenant.to_owned(), lowest, weight }
    }

    #[tokio::test(start_paused = true)]
    async fn the_urgent_come_first_and_tenants_take_turns() {
        let served = |lanes: &mut Lanes, took: &[(i16, &str)]| {
            let asked: Vec<Share> = lanes.shares(10).into_iter().flatten().collect();
            lanes.served(&asked, &took.iter().map(|lane| (*lane, 10)).collect(), false);
        };
        let mut lanes = Lanes::default();
        lanes.learn(vec![found(5, "b", 10, 1), found(1, "", 12, 1), found(5, "a", 11, 1)], Instant::now());
        let first = asked(&lanes, 10);
        assert_eq!(first[0], (1, String::new(), 11, 10));
        assert_eq!(first[1..].iter().map(|lane| lane.3).collect::<Vec<_>>(), [6, 6]);
        lanes.took(5, &first[1].1, 20, Instant::now());
        served(&mut lanes, &[(5, &first[1].1)]);
        let second = asked(&lanes, 10);
        assert_eq!((&second[1].1, &second[2].1), (&first[1].1, &first[2].1), "the other had nothing: both are even");
        lanes.took(5, "a", 30, Instant::now());
        served(&mut lanes, &[(5, "a"), (5, "b")]);
        assert_eq!(asked(&lanes, 10)[1].1, "b", "who was given less comes first");
    }

    #[tokio::test(start_paused = true)]
    async fn one_hand_serves_tenants_by_their_weights() {
        let mut lanes = Lanes::default();
        lanes.learn(vec![found(5, "heavy", 1, 3), found(5, "light", 1, 1)], Instant::now());
        let mut served = Vec::new();
        for id in 0..400 {
            let shares = lanes.shares(1).concat();
            let tenant = shares[0].tenant.clone();
            lanes.took(5, &tenant, id, Instant::now());
            // Both always have more: the first gives the one that is wanted, and nobody looks at the other.
            lanes.served(&shares, &[((5, tenant.as_str()), 1)].into(), true);
            served.push(tenant);
        }
        assert_eq!(served.iter().filter(|tenant| *tenant == "heavy").count(), 300);
        assert!(served.chunks(4).all(|four| four.iter().any(|tenant| tenant == "light")), "in turns, not in blocks");
        assert_eq!(asked(&lanes, 100).iter().map(|lane| lane.3).sum::<i64>(), 75 + 25 + 2);
    }

    #[tokio::test(start_paused = true)]
    async fn who_had_little_for_long_has_nothing_to_catch_up() {
        // Nothing, or one job for the other's fifty.
        for little in [0, 1] {
            let mut lanes = Lanes::default();
            lanes.learn(vec![found(5, "a", 1, 1), found(5, "b", 1, 1)], Instant::now());
            for _ in 0..100 {
                let shares = lanes.shares(100).concat();
                for (tenant, count) in [("a", little), ("b", 51)] {
                    for id in 0..count {
                        lanes.took(5, tenant, id, Instant::now());
                    }
                }
                lanes.served(&shares, &[((5, "a"), little), ((5, "b"), 51)].into(), false);
            }
            let mut served = Vec::new();
            for id in 100..104 {
                let shares = lanes.shares(1).concat();
                let tenant = shares[0].tenant.clone();
                lanes.took(5, &tenant, id, Instant::now());
                lanes.served(&shares, &[((5, tenant.as_str()), 1)].into(), true);
                served.push(tenant);
            }
            assert_eq!(served.iter().filter(|tenant| *tenant == "a").count(), 2, "{little}");
        }
    }

    #[test]
    fn what_is_less_urgent_is_not_asked_for_beside_tenants_that_may_have_more() {
        let mut lanes = Lanes::default();
        let all = [(1, ""), (5, "a"), (5, "b"), (9, ""), (10, "")];
        lanes.learn(all.map(|(priority, tenant)| found(priority, tenant, 1, 1)).into(), Instant::now());
        let asked: Vec<Vec<i16>> =
            lanes.shares(10).iter().map(|shares| shares.iter().map(|share| share.priority).collect()).collect();
        assert_eq!(asked, [vec![1, 5, 5], vec![9, 10]]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_claimed_a_while_ago_is_not_read_again_and_a_survey_goes_back() {
        let mut lanes = Lanes::default();
        lanes.learn(vec![found(5, "", 1, 1)], Instant::now());
        lanes.took(5, "", 100, Instant::now());
        assert_eq!(asked(&lanes, 1)[0].2, 0, "others may still come below it");
        tokio::time::advance(LAG).await;
        lanes.took(5, "", 200, Instant::now());
        assert_eq!(asked(&lanes, 1)[0].2, 100);
        lanes.learn(vec![found(5, "", 40, 1)], Instant::now());
        assert_eq!(asked(&lanes, 1)[0].2, 39);
        let most = i64::try_from(MOST_READ_OVER).expect("few");
        for id in 1..=3 * most {
            lanes.took(5, "", 1_000 + id, Instant::now());
        }
        assert_eq!(asked(&lanes, 1)[0].2, 1_000 + 2 * most, "however quickly: so many are read over, and no more");
        tokio::time::advance(FORGOTTEN_AFTER).await;
        lanes.learn(Vec::new(), Instant::now());
        lanes.forget(Instant::now());
        assert_eq!(asked(&lanes, 1), []);
    }
}
