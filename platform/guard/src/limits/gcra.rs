//! The arithmetic of the limits: the generic cell rate algorithm, with a back-off for those who do not
//! wait when they are told to. Pure functions on integers; all times are microseconds.
//!
//! A subject's whole past is one number, the *theoretical arrival time*: when its quota would be whole
//! again if it asked for nothing more. A unit moves it on by `interval`; a request passes while it stays
//! within `span` of now. So the quota may be spent at once and comes back evenly, unit by unit.
//!
//! **Invariants:**
//! - The script in `redis.rs` does the same, number for number (`tests/it/limits.rs` compares them). All
//!   numbers stay below 2^53, the integers that Lua's numbers hold exactly.
//! - `interval` is rounded up: never more than the limit passes, and the window is long by less than one
//!   microsecond per unit of the limit. So no quota gives back more than one unit per microsecond.
//! - From [`Entry::ends_at`] on an entry decides as one that was never there.
//!
//! The back-off: a refusal tells when to come back. A request that comes earlier and is refused again is a
//! *strike* (one that passes, being smaller, is none: it ends the wait). Ten strikes begin a *penalty*, in
//! which everything is refused: one second, and twice as long each time, up to 15 minutes. What comes in a
//! penalty is no strike, or a burst of a hundred parallel requests would cost a quarter of an hour; the
//! penalties thus double with the time that a subject goes on, not with how fast. Strikes and the level
//! are forgotten two windows after the last strike or the end of the last penalty. A request for more than
//! the whole limit can never pass, waiting or not: it is refused and changes nothing.
//!
//! Clocks: the time is the caller's, and the entry guards against callers whose clocks differ. The arrival
//! time never goes back by passing requests, so a clock that is ahead by `d` gains once what refills in
//! `d`, and one that is behind waits so much longer. An arrival time that no clock within [`SKEW`] can have
//! made (a clock was wrong by hours, or the quota was made smaller) counts as a quota that is all spent
//! now, and so heals within one window; a penalty that cannot be, as none.

use std::time::Duration;

use super::{Quota, Verdict};

/// So many strikes begin a penalty.
pub(crate) const STRIKES: u8 = 10;
/// The first penalty; the next takes twice as long.
pub(crate) const FIRST_PENALTY: u64 = 1_000_000;
/// No penalty takes longer.
pub(crate) const LONGEST_PENALTY: u64 = 15 * 60 * 1_000_000;
/// Strikes are forgotten after so many windows without one.
pub(crate) const WINDOWS_TO_FORGET: u64 = 2;
/// How far the clocks of the instances may be apart.
pub(crate) const SKEW: u64 = 10 * 1_000_000;
/// From this level on a penalty is [`LONGEST_PENALTY`]; it grows no further.
pub(crate) const TOP_LEVEL: u8 = 10;
/// Longer windows are taken for this, so that no sum leaves the integers below 2^53.
const LONGEST_WINDOW: u64 = 366 * 24 * 60 * 60 * 1_000_000;

/// A quota in the terms of the arithmetic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    /// What one unit takes to come back.
    pub(crate) interval: u64,
    /// What all units take to come back: the window, rounded up to whole intervals.
    pub(crate) span: u64,
    /// How long strikes are remembered.
    pub(crate) memory: u64,
    pub(crate) limit: u32,
    window: u64,
}

impl Rule {
    pub(crate) fn of(quota: &Quota) -> Self {
        Self::shared_by(quota, 1)
    }

    /// The rule for one of so many instances that cannot ask each other.
    pub(crate) fn shared_by(quota: &Quota, instances: u32) -> Self {
        let limit = quota.limit.div_ceil(instances.max(1));
        let window = u64::try_from(quota.window.as_micros()).unwrap_or(u64::MAX).clamp(1, LONGEST_WINDOW);
        let interval = window.div_ceil(u64::from(limit.max(1)));
        Self { interval, span: interval * u64::from(limit), memory: WINDOWS_TO_FORGET * window, limit, window }
    }

    /// What so many units move the arrival time by; never more than the whole quota does, as nothing asks
    /// for more but a wrong caller or an entry from before the quota was made smaller.
    pub(crate) fn cost(self, units: u32) -> u64 {
        self.interval * u64::from(units.min(self.limit))
    }
}

/// What is known of a subject under a quota.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The theoretical arrival time.
    pub(crate) arrival: u64,
    /// When strikes and level are forgotten, 0 when there are none. In a penalty: its end and
    /// `Rule::memory` more, which spares a field.
    pub(crate) forget_at: u64,
    /// How many units were refused last, 0 when something passed since: the subject was told to wait
    /// until so many are there.
    pub(crate) told: u32,
    pub(crate) strikes: u8,
    /// How many penalties there were, up to [`TOP_LEVEL`].
    pub(crate) level: u8,
    pub(crate) in_penalty: bool,
}

/// What [`Entry::take`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) allowed: bool,
    /// It was a strike.
    pub(crate) strike: bool,
    /// It began a penalty.
    pub(crate) began: bool,
}

impl Outcome {
    const PASSED: Self = Self { allowed: true, strike: false, began: false };
    const REFUSED: Self = Self { allowed: false, strike: false, began: false };
}

impl Entry {
    /// From when on it is as good as none.
    pub(crate) fn ends_at(&self) -> u64 {
        self.arrival.max(self.forget_at)
    }

    /// Takes `cost` units if they are there.
    pub(crate) fn take(&mut self, rule: Rule, now: u64, cost: u32) -> Outcome {
        self.age(rule, now);
        if self.in_penalty {
            return Outcome::REFUSED;
        }
        if self.strikes >= STRIKES {
            self.begin_penalty(rule, now);
            return Outcome { began: true, ..Outcome::REFUSED };
        }
        if cost == 0 {
            return Outcome::PASSED;
        }
        if cost > rule.limit {
            return Outcome::REFUSED;
        }
        let arrival = self.arrival.max(now) + rule.cost(cost);
        if arrival <= now + rule.span {
            self.arrival = arrival;
            self.told = 0;
            return Outcome::PASSED;
        }
        let strike = self.told > 0 && now < self.opens_at(rule, self.told);
        self.told = cost;
        if !strike {
            return Outcome::REFUSED;
        }
        self.strikes += 1;
        self.forget_at = now + rule.memory;
        let began = self.strikes >= STRIKES;
        if began {
            self.begin_penalty(rule, now);
        }
        Outcome { allowed: false, strike, began }
    }

    /// Whether `cost` units could be had.
    pub(crate) fn look(mut self, rule: Rule, now: u64, cost: u32) -> Verdict {
        self.age(rule, now);
        let fits = cost <= rule.limit && (cost == 0 || self.arrival.max(now) + rule.cost(cost) <= now + rule.span);
        self.verdict(rule, now, cost, fits && !self.in_penalty)
    }

    /// Puts `cost` units back, up to a whole quota.
    pub(crate) fn give_back(&mut self, rule: Rule, now: u64, cost: u32) {
        self.age(rule, now);
        if self.arrival > now {
            self.arrival = self.arrival.saturating_sub(rule.cost(cost)).max(now);
        }
    }

    /// What to tell about an entry that was just brought to `now`.
    pub(crate) fn verdict(&self, rule: Rule, now: u64, cost: u32, allowed: bool) -> Verdict {
        let full_at = self.arrival.max(now);
        let (mut reset, mut remaining) = (full_at - now, (now + rule.span).saturating_sub(full_at) / rule.interval);
        let mut retry_after = 0;
        if !allowed {
            let opens_at = if cost > rule.limit { now + rule.window } else { self.opens_at(rule, cost) };
            retry_after = opens_at.saturating_sub(now);
        }
        if self.in_penalty {
            let left = self.penalty_end(rule).saturating_sub(now);
            (reset, remaining, retry_after) = (reset.max(left), 0, retry_after.max(left));
        }
        Verdict {
            allowed,
            limit: rule.limit,
            remaining: u32::try_from(remaining).unwrap_or(u32::MAX).min(rule.limit),
            reset: Duration::from_micros(reset),
            retry_after: Duration::from_micros(retry_after),
            penalised: self.in_penalty,
        }
    }

    /// When the penalty is over, if there is one.
    pub(crate) fn penalty_end(&self, rule: Rule) -> u64 {
        self.forget_at.saturating_sub(rule.memory)
    }

    /// Lets go of what time has ended.
    fn age(&mut self, rule: Rule, now: u64) {
        if self.arrival > now + rule.span + SKEW {
            self.arrival = now + rule.span;
        }
        if self.forget_at <= now || self.forget_at > now + rule.memory + LONGEST_PENALTY + SKEW {
            (self.strikes, self.level, self.in_penalty, self.forget_at) = (0, 0, false, 0);
        } else if self.in_penalty && self.penalty_end(rule) <= now {
            self.in_penalty = false;
        }
    }

    fn begin_penalty(&mut self, rule: Rule, now: u64) {
        let length = (FIRST_PENALTY << self.level.min(TOP_LEVEL)).min(LONGEST_PENALTY);
        self.forget_at = now + length + rule.memory;
        self.level = (self.level + 1).min(TOP_LEVEL);
        self.strikes = 0;
        self.in_penalty = true;
    }

    /// When so many units are there, if nothing else is taken.
    fn opens_at(&self, rule: Rule, cost: u32) -> u64 {
        (self.arrival + rule.cost(cost)).saturating_sub(rule.span)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: u64 = 1_767_225_600_000_000;

    fn rule(limit: u32, seconds: u64) -> Rule {
        Rule::of(&Quota { name: "test", limit, window: Duration::from_secs(seconds) })
    }

    fn passes(entry: &mut Entry, rule: Rule, now: u64) -> bool {
        entry.take(rule, now, 1).allowed
    }

    #[test]
    fn the_quota_may_be_spent_at_once_and_comes_back_unit_by_unit() {
        let (rule, mut entry) = (rule(4, 60), Entry::default());
        for _ in 0..4 {
            assert!(passes(&mut entry, rule, START));
        }
        assert!(!passes(&mut entry, rule, START));
        assert_eq!(entry.look(rule, START, 1).retry_after, Duration::from_secs(15));
        assert_eq!(entry.look(rule, START, 1).reset, Duration::from_secs(60));
        assert!(!passes(&mut entry, rule, START + 14_999_999));
        assert!(passes(&mut entry, rule, START + 15_000_000));
        assert!(!passes(&mut entry, rule, START + 15_000_000));
    }

    #[test]
    fn an_interval_that_is_no_whole_number_never_lets_more_pass() {
        for (limit, window) in [(7, 1), (3, 10), (1_000_003, 1), (u32::MAX, 1), (1, 100_000_000_000)] {
            let rule = rule(limit, window);
            assert!(rule.span >= rule.window, "{rule:?}");
            assert!(rule.span - rule.window < u64::from(limit), "{rule:?}");
            assert!(START + 2 * rule.span + rule.memory < 1 << 53, "{rule:?}");
        }
    }

    #[test]
    fn strikes_begin_penalties_that_double_and_are_forgotten() {
        let (rule, mut entry, mut now) = (rule(1, 60), Entry::default(), START);
        assert!(passes(&mut entry, rule, now));
        assert_eq!(entry.take(rule, now, 1), Outcome::REFUSED, "the first refusal only tells to wait");
        for length in [1, 2, 4, 8, 16] {
            for strike in 1..=10 {
                let outcome = entry.take(rule, now, 1);
                assert_eq!(outcome, Outcome { allowed: false, strike: true, began: strike == 10 });
            }
            let verdict = entry.verdict(rule, now, 1, false);
            assert!(verdict.penalised && verdict.remaining == 0);
            assert_eq!(entry.penalty_end(rule), now + length * 1_000_000);
            now += length * 1_000_000 - 1;
            assert_eq!(entry.take(rule, now, 1), Outcome::REFUSED, "in a penalty nothing counts");
            now += 1;
        }
        // The wait for a unit goes on beside the penalties, and then one passes.
        now = START + 60_000_000;
        assert!(passes(&mut entry, rule, now));
        assert_eq!(entry.level, 5);
        now = START + 31_000_000 + 120_000_000;
        let mut forgotten = entry;
        assert!(passes(&mut forgotten, rule, now));
        assert_eq!((forgotten.level, forgotten.strikes, forgotten.forget_at), (0, 0, 0));
        assert!(passes(&mut entry, rule, now - 1));
        assert_eq!(entry.level, 5, "one microsecond too early");
    }

    #[test]
    fn no_penalty_takes_longer_than_the_longest() {
        let (rule, mut entry, mut now) = (rule(1, 86_400), Entry::default(), START);
        let mut lengths = Vec::new();
        for _ in 0..200 {
            if entry.take(rule, now, 1).began {
                lengths.push((entry.penalty_end(rule) - now) / 1_000_000);
                now = entry.penalty_end(rule);
            }
        }
        assert_eq!(lengths[8..12], [256, 512, 900, 900]);
    }

    #[test]
    fn a_smaller_request_that_passes_is_no_strike() {
        let (rule, mut entry) = (rule(10, 10), Entry::default());
        assert!(entry.take(rule, START, 8).allowed);
        assert!(!entry.take(rule, START, 5).allowed);
        assert_eq!(entry.take(rule, START, 2), Outcome::PASSED);
        assert_eq!(entry.take(rule, START, 1), Outcome::REFUSED, "told anew");
    }

    #[test]
    fn more_than_the_limit_is_refused_and_changes_nothing() {
        let (rule, mut entry) = (rule(10, 30), Entry::default());
        for _ in 0..100 {
            assert_eq!(entry.take(rule, START, 11), Outcome::REFUSED);
        }
        assert_eq!(entry, Entry::default());
        assert_eq!(entry.verdict(rule, START, 11, false).retry_after, Duration::from_secs(30));
        let nothing = Rule { limit: 0, span: 0, ..rule };
        assert!(!entry.take(nothing, START, 1).allowed);
        assert_eq!(entry.look(nothing, START, 1).retry_after, Duration::from_secs(30));
    }

    #[test]
    fn what_is_given_back_makes_no_more_than_a_whole_quota() {
        let (rule, mut entry) = (rule(10, 10), Entry::default());
        assert!(entry.take(rule, START, 3).allowed);
        entry.give_back(rule, START, 2);
        assert_eq!(entry.look(rule, START, 1).remaining, 9);
        entry.give_back(rule, START, u32::MAX);
        assert_eq!(entry.look(rule, START, 1).remaining, 10);
        assert_eq!(entry.arrival, START);
    }

    #[test]
    fn an_arrival_from_a_wrong_clock_heals_within_a_window() {
        let (small, hour) = (rule(10, 10), 3_600_000_000);
        let mut entry = Entry { arrival: START + hour, ..Entry::default() };
        assert!(!passes(&mut entry, small, START));
        assert!(passes(&mut entry, small, START + 1_000_000));
        // A clock that is behind a little takes nothing away from what others took.
        let mut entry = Entry { arrival: START + 10_000_000, ..Entry::default() };
        assert!(!passes(&mut entry, small, START - 1_000_000));
        assert_eq!(entry.arrival, START + 10_000_000);
    }

    #[test]
    fn a_share_rounds_up_and_is_at_least_one() {
        let quota = Quota { name: "test", limit: 10, window: Duration::from_secs(1) };
        assert_eq!(Rule::shared_by(&quota, 3).limit, 4);
        assert_eq!(Rule::shared_by(&quota, 100).limit, 1);
        assert_eq!(Rule::shared_by(&quota, 0).limit, 10);
    }
}
