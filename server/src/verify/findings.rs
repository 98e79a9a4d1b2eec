//! What a run has counted and found.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Violations of each kind that are told in full.
const TOLD: u64 = 20;

/// What was violated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Violation {
    /// An answer showed what had been replaced, or what nobody has written.
    Stale,
    /// Somebody was let in whose right had been taken away.
    LetIn,
    /// An instance did not answer where it must.
    Unwell,
    /// Something was thrown away that is young.
    Gone,
}

impl Violation {
    fn word(self) -> &'static str {
        match self {
            Self::Stale => "STALE",
            Self::LetIn => "LET IN",
            Self::Unwell => "UNWELL",
            Self::Gone => "GONE",
        }
    }
}

/// Counts of a run, shared by all of its parts.
#[derive(Debug, Default)]
pub(super) struct Findings {
    checks: AtomicU64,
    violations: [AtomicU64; 4],
    refused_without_cause: AtomicU64,
    counts: Mutex<BTreeMap<String, u64>>,
    told: Mutex<Vec<String>>,
}

impl Findings {
    /// Counts a violation.
    pub(super) fn violated(&self, violation: Violation, what: impl std::fmt::Display) {
        if self.violations[violation as usize].fetch_add(1, Ordering::SeqCst) < TOLD {
            self.tell(format!("{}: {what}", violation.word()));
        }
    }

    fn tell(&self, line: String) {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }

    /// Counts a read whose answer was compared.
    pub(super) fn checked(&self, how: &'static str) {
        self.checks.fetch_add(1, Ordering::SeqCst);
        self.count(how);
    }

    /// Counts a request that failed; `without_cause` where nothing was done that could excuse it.
    pub(super) fn refused(&self, without_cause: bool, described: impl FnOnce() -> String) {
        self.count("requests that failed");
        if without_cause && self.refused_without_cause.fetch_add(1, Ordering::SeqCst) < TOLD {
            self.tell(format!("REFUSED: {}", described()));
        }
    }

    pub(super) fn count(&self, what: impl Into<String>) {
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner).entry(what.into()).or_default() += 1;
    }

    pub(super) fn checks(&self) -> u64 {
        self.checks.load(Ordering::SeqCst)
    }

    pub(super) fn violations(&self, violation: Violation) -> u64 {
        self.violations[violation as usize].load(Ordering::SeqCst)
    }

    pub(super) fn refused_without_cause(&self) -> u64 {
        self.refused_without_cause.load(Ordering::SeqCst)
    }

    /// Whether the run found nothing wrong at all.
    pub(super) fn are_clean(&self) -> bool {
        self.violations.iter().all(|count| count.load(Ordering::SeqCst) == 0) && self.refused_without_cause() == 0
    }

    pub(super) fn counts(&self) -> Vec<(String, u64)> {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.iter().map(|(what, count)| (what.clone(), *count)).collect()
    }

    pub(super) fn told(&self) -> Vec<String> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_with_a_finding_of_any_kind_is_not_clean() {
        for violation in [Violation::Stale, Violation::LetIn, Violation::Unwell, Violation::Gone] {
            let findings = Findings::default();
            assert!(findings.are_clean());
            findings.violated(violation, "something");
            assert!(!findings.are_clean() && findings.violations(violation) == 1, "{violation:?}");
        }
        let findings = Findings::default();
        findings.refused(false, String::new);
        assert!(findings.are_clean(), "a fault may cost a request");
        findings.refused(true, String::new);
        assert!(!findings.are_clean());
    }
}
