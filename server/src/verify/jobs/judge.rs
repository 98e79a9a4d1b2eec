//! What a run must have left behind, as pure functions over what was found: nothing here asks a database, a clock or a
//! network.
//!
//! **Invariants:**
//! - What is wanted is what was committed, and beside it what was acknowledged: a job that was acknowledged and is not
//!   among the committed ones is lost, too.
//! - For each fault there is a test below that feeds the trace of a run that has it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::Hash;

/// What is known of the jobs of the queue part, each by its number.
#[derive(Clone, Debug, Default)]
pub(super) struct QueueFacts {
    /// What each committed job does.
    pub(super) enqueued: HashMap<i64, String>,
    /// How jobs ended: `completed`, `discarded`, `cancelled`.
    pub(super) ended: HashMap<i64, String>,
    /// How often each effect is in the database.
    pub(super) effects: HashMap<i64, u64>,
    /// The keys that each effect elsewhere came with.
    pub(super) keys: HashMap<i64, HashSet<String>>,
    /// Jobs whose cancellation was acknowledged before they ran.
    pub(super) cancelled: HashSet<i64>,
    /// Jobs that had failed for good, and whose retry by hand was acknowledged.
    pub(super) mended: HashSet<i64>,
}

/// How many jobs have each fault.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct QueueVerdict {
    /// Committed, and not among those that ended.
    pub(super) lost: usize,
    /// Completed, and without their effect.
    pub(super) missing: usize,
    /// With their effect in the database more than once.
    pub(super) twice: usize,
    /// With an effect or an end, and never committed.
    pub(super) phantoms: usize,
    /// With effects elsewhere under several keys.
    pub(super) changed_keys: usize,
    /// Cancelled or discarded, and with an effect in the database; or acknowledged as cancelled, and ended otherwise.
    pub(super) undead: usize,
    /// Retried by hand, and not completed.
    pub(super) unmended: usize,
}

impl QueueVerdict {
    pub(super) fn is_good(&self) -> bool {
        *self == Self::default()
    }
}

/// Whether a kind of job leaves its effect in the database.
fn is_in_database(does: &str) -> bool {
    !matches!(does, "outside" | "poison" | "deadly")
}

/// Finds the faults of the queue part.
pub(super) fn judge_queue(facts: &QueueFacts) -> QueueVerdict {
    let outcome = |number: &i64| facts.ended.get(number).map(String::as_str);
    let effects = |number: &i64| facts.effects.get(number).copied().unwrap_or(0);
    let mut verdict = QueueVerdict::default();
    for (number, does) in &facts.enqueued {
        let has_effect = if is_in_database(does) { effects(number) > 0 } else { facts.keys.contains_key(number) };
        match outcome(number) {
            None => verdict.lost += 1,
            Some("completed") if !has_effect => verdict.missing += 1,
            Some("completed") => {}
            // Nobody made these fail, and nobody cancelled them.
            Some(_) if matches!(does.as_str(), "effect" | "once" | "paced" | "outside") => verdict.missing += 1,
            // A cancelled job may have done what no transaction holds; in the database it has left nothing.
            Some(_) if effects(number) > 0 => verdict.undead += 1,
            Some(_) => {}
        }
    }
    verdict.twice = facts.effects.values().filter(|count| **count > 1).count();
    let is_known = |number: &i64| facts.enqueued.contains_key(number);
    let seen: HashSet<&i64> = facts.effects.keys().chain(facts.keys.keys()).chain(facts.ended.keys()).collect();
    verdict.phantoms = seen.into_iter().filter(|number| !is_known(number)).count();
    verdict.changed_keys = facts.keys.values().filter(|keys| keys.len() > 1).count();
    verdict.undead += facts.cancelled.iter().filter(|number| outcome(number) != Some("cancelled")).count();
    verdict.unmended = facts.mended.iter().filter(|number| outcome(number) != Some("completed")).count();
    verdict
}

/// How many slots that were wanted had no job, and how many jobs there were too many: of a slot that had one, or of none.
pub(super) fn judge_slots<T: Ord + Copy>(wanted: &[T], got: &[T]) -> (usize, usize) {
    let mut left: BTreeMap<T, usize> = BTreeMap::new();
    for slot in wanted {
        *left.entry(*slot).or_default() += 1;
    }
    let mut extra = 0;
    for slot in got {
        match left.get_mut(slot) {
            Some(count) if *count > 0 => *count -= 1,
            _ => extra += 1,
        }
    }
    (left.values().sum(), extra)
}

/// The most beginnings within any second; the times are in seconds, and in order.
pub(super) fn most_in_a_second(times: &[f64]) -> usize {
    let mut first = 0;
    let mut most = 0;
    for (last, time) in times.iter().enumerate() {
        while times[first] < time - 1.0 {
            first += 1;
        }
        most = most.max(last + 1 - first);
    }
    most
}

/// How many uses of a key came before the period of the one before was over. `until` has by key the ends of all
/// periods, in seconds: a period that began within another ends less than its length after that one.
pub(super) fn too_early<K: Eq + Hash>(until: &HashMap<K, Vec<f64>>, period_s: f64) -> usize {
    // PostgreSQL keeps microseconds, and the seconds since 1970 leave a float some tenths of one.
    const ROUNDING_S: f64 = 0.000_01;
    let early = |ends: &Vec<f64>| {
        let mut ends = ends.clone();
        ends.sort_by(f64::total_cmp);
        ends.windows(2).filter(|pair| pair[1] - pair[0] < period_s - ROUNDING_S).count()
    };
    until.values().map(early).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A run in which all went well: an effect, one elsewhere, one cancelled, one mended, one poisoned.
    fn good() -> QueueFacts {
        let does = ["effect", "outside", "cancellable", "mended", "poison"];
        let ends = ["completed", "completed", "cancelled", "completed", "discarded"];
        QueueFacts {
            enqueued: (0..).zip(does.map(str::to_owned)).collect(),
            ended: (0..).zip(ends.map(str::to_owned)).collect(),
            effects: HashMap::from([(0, 1), (3, 1)]),
            keys: HashMap::from([(1, HashSet::from(["job-1".to_owned()]))]),
            cancelled: HashSet::from([2]),
            mended: HashSet::from([3]),
        }
    }

    fn judged(spoil: impl FnOnce(&mut QueueFacts)) -> QueueVerdict {
        let mut facts = good();
        spoil(&mut facts);
        judge_queue(&facts)
    }

    #[test]
    fn a_run_that_went_well_has_no_fault() {
        assert!(judged(|_| {}).is_good());
    }

    #[test]
    fn each_fault_of_a_queue_is_found() {
        let none = QueueVerdict::default();
        type Spoil = fn(&mut QueueFacts);
        let cases: [(Spoil, QueueVerdict); 11] = [
            (|facts| _ = facts.ended.remove(&0), QueueVerdict { lost: 1, ..none }),
            (|facts| _ = facts.effects.remove(&0), QueueVerdict { missing: 1, ..none }),
            (|facts| _ = facts.keys.remove(&1), QueueVerdict { missing: 1, ..none }),
            (|facts| _ = facts.ended.insert(1, "discarded".into()), QueueVerdict { missing: 1, ..none }),
            (|facts| _ = facts.effects.insert(3, 2), QueueVerdict { twice: 1, ..none }),
            (|facts| _ = facts.effects.insert(9, 1), QueueVerdict { phantoms: 1, ..none }),
            (|facts| _ = facts.ended.insert(9, "completed".into()), QueueVerdict { phantoms: 1, ..none }),
            (
                |facts| _ = facts.keys.entry(1).or_default().insert("job-7".into()),
                QueueVerdict { changed_keys: 1, ..none },
            ),
            (|facts| _ = facts.effects.insert(2, 1), QueueVerdict { undead: 1, ..none }),
            (
                |facts| {
                    facts.ended.insert(2, "completed".into());
                    facts.effects.insert(2, 1);
                },
                QueueVerdict { undead: 1, ..none },
            ),
            (
                |facts| {
                    facts.ended.insert(3, "discarded".into());
                    facts.effects.remove(&3);
                },
                QueueVerdict { unmended: 1, ..none },
            ),
        ];
        for (case, (spoil, wanted)) in cases.into_iter().enumerate() {
            assert_eq!(judged(spoil), wanted, "case {case}");
        }
    }

    #[test]
    fn slots_that_are_skipped_or_doubled_are_counted() {
        assert_eq!(judge_slots(&[1, 2, 3], &[3, 1, 2]), (0, 0));
        assert_eq!(judge_slots(&[1, 2, 3], &[1, 3]), (1, 0));
        assert_eq!(judge_slots(&[1, 2, 3], &[1, 2, 2, 3, 4]), (0, 2));
    }

    #[test]
    fn beginnings_that_lie_too_close_are_seen_wherever_they_are() {
        let even: Vec<f64> = (0..100).map(|number| f64::from(number) * 0.05).collect();
        assert_eq!(most_in_a_second(&even), 21);
        let mut bunched = even;
        bunched.extend([5.0; 40]);
        assert!(most_in_a_second(&bunched) >= 40);
        assert_eq!(most_in_a_second(&[]), 0);
    }

    #[test]
    fn a_key_that_is_used_again_within_its_period_is_seen() {
        let of = |ends: &[f64]| HashMap::from([("a", ends.to_vec()), ("b", vec![0.5])]);
        assert_eq!(too_early(&of(&[1.0, 2.0, 3.000_001]), 1.0), 0);
        assert_eq!(too_early(&of(&[3.2, 1.0, 2.9]), 1.0), 1);
        assert_eq!(too_early(&of(&[1.0, 1.0]), 1.0), 1, "two at once");
    }
}
