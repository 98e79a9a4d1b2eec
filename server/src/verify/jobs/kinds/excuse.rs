//! What may excuse an order that was good and failed all the same: faults that lasted until its job had no attempt left.
//! Pure.
//!
//! **Invariant:** an attempt is excused only by a fault that was under way when it ended, or had just been; a panic never
//! is, and neither is a job that was given up while it had attempts left.

use std::collections::BTreeSet;

/// How long after a fault attempts may still end badly by it, in seconds: a lease is 2 s, and is looked for each second.
const AFTER_S: f64 = 6.0;
/// Attempts that the program's jobs have, of `make-export` and of `make-thumbnails`. If they came to have fewer, nothing
/// would be excused any more; if more, one that was given up too early might be.
pub(super) const EXPORT_ATTEMPTS: usize = 10;
pub(super) const PICTURE_ATTEMPTS: usize = 8;

/// A fault, and when it was under way: seconds since the epoch.
#[derive(Clone, Debug)]
pub(super) struct Spell {
    pub(super) name: &'static str,
    pub(super) from_s: f64,
    pub(super) to_s: f64,
}

/// An attempt of a job that did not end well, as the queue noted it.
#[derive(Clone, Debug)]
pub(super) struct Attempt {
    pub(super) outcome: String,
    pub(super) ended_s: f64,
}

/// The faults that used up all attempts of a job; `None` where something else did.
pub(super) fn excuse(attempts: &[Attempt], at_most: usize, spells: &[Spell]) -> Option<BTreeSet<&'static str>> {
    // Those that were put off cost no attempt.
    let spent: Vec<&Attempt> =
        attempts.iter().filter(|one| !matches!(one.outcome.as_str(), "snoozed" | "cancelled")).collect();
    if spent.len() < at_most || spent.iter().any(|one| one.outcome == "panicked") {
        return None;
    }
    let mut names = BTreeSet::new();
    for one in spent {
        let met = |spell: &&Spell| (spell.from_s..=spell.to_s + AFTER_S).contains(&one.ended_s);
        names.insert(spells.iter().find(met)?.name);
    }
    Some(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempts(outcome: &str, ends: &[f64]) -> Vec<Attempt> {
        ends.iter().map(|ended_s| Attempt { outcome: outcome.to_owned(), ended_s: *ended_s }).collect()
    }

    #[test]
    fn only_faults_that_used_up_all_attempts_excuse() {
        let spells = [
            Spell { name: "killed", from_s: 100.0, to_s: 110.0 },
            Spell { name: "read only", from_s: 200.0, to_s: 201.0 },
            Spell { name: "cut", from_s: 900.0, to_s: 901.0 },
        ];
        let told = |attempts: &[Attempt]| excuse(attempts, 3, &spells);
        let all = attempts("failed", &[100.5, 112.0, 203.0]);
        assert_eq!(told(&all), Some(BTreeSet::from(["killed", "read only"])));
        assert_eq!(told(&all[..2]), None, "it had attempts left");
        assert_eq!(told(&attempts("failed", &[100.5, 112.0, 300.0])), None, "one ended while nothing was wrong");
        assert_eq!(told(&attempts("snoozed", &[100.5, 112.0, 203.0])), None, "they were only put off");
        let panicked = [all.clone(), attempts("panicked", &[203.0])].concat();
        assert_eq!(told(&panicked), None, "one panicked");
        assert_eq!(told(&[]), None);
    }
}
