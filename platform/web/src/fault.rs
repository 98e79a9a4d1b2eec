//! Faults of a body or a query, and how many of them are told.
//!
//! All faults are told at once, so a client can mend them in one go; but a body may have a million, and an answer
//! must not be larger than the request that asked for it.
//!
//! **Invariants:**
//! - No more than [`MOST_FAULTS`] faults of one reading are kept, and the rest is counted ([`Faults`]).
//! - No answer tells more than [`MOST_FAULTS`] or more than [`MOST_FAULT_BYTES`] of them ([`FaultBudget`]), and what
//!   it leaves out stands in its count.
//! - No fault repeats more of the input than [`LONGEST_PLACE`] or [`LONGEST_DETAIL`] characters.

use entrepot_text::is_bidi_control;
use serde::Serialize;

/// The most faults that an answer tells.
pub const MOST_FAULTS: usize = 100;
/// The most bytes that faults may have in an answer, as JSON.
const MOST_FAULT_BYTES: usize = 40 * 1024;
/// The most characters of a pointer or of a parameter's name.
const LONGEST_PLACE: usize = 200;
/// The most characters of what is said of a fault.
const LONGEST_DETAIL: usize = 400;

/// One fault of a body or a query.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Fault {
    /// Where in the body: a JSON pointer (RFC 6901). Absent for faults of the query.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "/price/amount")]
    pub pointer: Option<String>,
    /// Which query parameter. Absent for faults of the body.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub parameter: Option<String>,
    /// A stable code of the fault.
    #[schema(value_type = String, example = "negative")]
    pub code: &'static str,
    /// What is wrong, in words.
    #[schema(example = "must not be negative")]
    pub detail: String,
    /// How many were found after this one and not kept.
    #[serde(skip)]
    #[schema(ignore)]
    further: usize,
}

impl PartialEq for Fault {
    fn eq(&self, other: &Self) -> bool {
        let Self { pointer, parameter, code, detail, further: _ } = self;
        (pointer, parameter, code, detail) == (&other.pointer, &other.parameter, &other.code, &other.detail)
    }
}

impl Eq for Fault {}

impl Fault {
    /// A fault at a place in the body.
    pub fn at(pointer: impl Into<String>, code: &'static str, detail: impl Into<String>) -> Self {
        let (pointer, detail) = (shortened(pointer.into(), LONGEST_PLACE), shortened(detail.into(), LONGEST_DETAIL));
        Self { pointer: Some(pointer), parameter: None, code, detail, further: 0 }
    }

    /// A fault of a query parameter.
    pub fn of_parameter(parameter: impl Into<String>, code: &'static str, detail: impl Into<String>) -> Self {
        let (parameter, detail) =
            (shortened(parameter.into(), LONGEST_PLACE), shortened(detail.into(), LONGEST_DETAIL));
        Self { pointer: None, parameter: Some(parameter), code, detail, further: 0 }
    }
}

/// The text, or its beginning and an ellipsis.
///
/// What turns the direction of writing around is shown as a replacement character: an error is read by people.
pub(crate) fn shortened(mut text: String, most: usize) -> String {
    if text.len() > most
        && let Some((end, _)) = text.char_indices().nth(most)
    {
        text.truncate(end);
        text.push('…');
    }
    // Last, so that no more is looked through than is told.
    if text.contains(is_bidi_control) {
        text = text.replace(is_bidi_control, "\u{fffd}");
    }
    text
}

/// How many faults there are, those that were not kept included.
pub(crate) fn fault_count(faults: &[Fault]) -> usize {
    faults.iter().fold(0, |count, fault| count.saturating_add(1).saturating_add(fault.further))
}

/// The same in words: "1 fault", "2 faults".
#[must_use]
pub fn faults_in_words(faults: &[Fault]) -> String {
    let count = fault_count(faults);
    format!("{count} fault{}", if count == 1 { "" } else { "s" })
}

/// The faults of one reading: for what is read without a [`crate::body::Reader`], too.
#[derive(Debug, Default)]
pub struct Faults {
    kept: Vec<Fault>,
    count: usize,
}

impl Faults {
    /// Notes a fault, or only counts it.
    pub fn push(&mut self, fault: impl FnOnce() -> Fault) {
        if self.kept.len() < MOST_FAULTS {
            self.kept.push(fault());
        }
        self.count += 1;
    }

    /// Notes faults that were found by another reading.
    pub(crate) fn extend(&mut self, found: Vec<Fault>) {
        self.count = self.count.saturating_add(fault_count(&found));
        let room = MOST_FAULTS.saturating_sub(self.kept.len());
        // What those did not keep is in this reading's count.
        self.kept.extend(found.into_iter().take(room).map(|fault| Fault { further: 0, ..fault }));
    }

    /// Counts faults that nobody described, there being so many already.
    pub(crate) fn count_only(&mut self, count: usize) {
        self.count = self.count.saturating_add(count);
    }

    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// Whether none was found.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(crate) fn is_full(&self) -> bool {
        self.kept.len() >= MOST_FAULTS
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Fault> {
        self.kept.iter()
    }

    /// Those that were kept; the last says how many were not.
    #[must_use]
    pub fn into_vec(mut self) -> Vec<Fault> {
        let further = self.count.saturating_sub(self.kept.len());
        if let Some(last) = self.kept.last_mut() {
            last.further = further;
        }
        self.kept
    }
}

/// What an answer may still tell of faults: for an answer that tells those of several things.
#[derive(Clone, Copy, Debug)]
pub struct FaultBudget {
    faults: usize,
    bytes: usize,
}

impl Default for FaultBudget {
    fn default() -> Self {
        Self { faults: MOST_FAULTS, bytes: MOST_FAULT_BYTES }
    }
}

impl FaultBudget {
    /// The faults that there is room for, and how many there are.
    pub fn take(&mut self, mut faults: Vec<Fault>) -> (Vec<Fault>, usize) {
        let count = fault_count(&faults);
        let mut fits = 0;
        for fault in faults.iter().take(self.faults) {
            let bytes = serde_json::to_vec(fault).map_or(usize::MAX, |json| json.len() + 1);
            let Some(left) = self.bytes.checked_sub(bytes) else {
                self.bytes = 0;
                break;
            };
            self.bytes = left;
            fits += 1;
        }
        self.faults -= fits;
        faults.truncate(fits);
        (faults, count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_are_told_and_all_are_counted() {
        let mut faults = Faults::default();
        for number in 0..1_000 {
            faults.push(|| Fault::at(format!("/{number}"), "wrong_type", "must be a text"));
        }
        faults.count_only(1_000_000);
        let mut all = Faults::default();
        all.push(|| Fault::at("", "empty", "is empty"));
        all.extend(faults.into_vec());
        let kept = all.into_vec();
        assert_eq!((kept.len(), fault_count(&kept)), (100, 1_001_001));
        assert_eq!([faults_in_words(&kept[..1]), faults_in_words(&kept[..2])], ["1 fault", "2 faults"]);
        assert_eq!(kept[99].pointer.as_deref(), Some("/98"));
        let (told, count) = FaultBudget::default().take(kept);
        assert_eq!((told.len(), count), (100, 1_001_001));
    }

    #[test]
    fn the_answer_is_bounded_whatever_the_input_says() {
        // A control character is six bytes as JSON.
        let long = "\u{1}".repeat(100_000);
        let mut budget = FaultBudget::default();
        let mut bytes = 0;
        for _row in 0..50 {
            let faults: Vec<Fault> = (0..100).map(|_| Fault::at(long.clone(), "nul", long.clone())).collect();
            let (told, count) = budget.take(faults);
            bytes += serde_json::to_vec(&told).expect("JSON").len();
            assert_eq!(count, 100);
        }
        assert!(bytes > 1_000 && bytes < MOST_FAULT_BYTES + 50 * 2, "{bytes}");
    }
}
