//! The names of sheets.
//!
//! **Invariant:** each name is one that Excel takes: 1 to 31 UTF-16 units, none of `[ ] : * ? / \`, no apostrophe
//! at an end, not reserved, and unlike every other in the workbook, whatever the case.

use crate::shown;

/// UTF-16 units of a name.
const LONGEST: usize = 31;

/// The names that are taken in a workbook.
#[derive(Default)]
pub(super) struct Names {
    taken: Vec<String>,
}

impl Names {
    /// A name as close to the one wanted as there is.
    pub(super) fn take(&mut self, wanted: &str) -> String {
        let swapped: String = shown::line(wanted)
            .chars()
            .map(|char| if matches!(char, '[' | ']' | ':' | '*' | '?' | '/' | '\\') { ' ' } else { char })
            .collect();
        let spaced = swapped.split_whitespace().collect::<Vec<_>>().join(" ");
        let plain = Some(trimmed(&spaced)).filter(|plain| !plain.is_empty()).unwrap_or("Sheet");
        // The second of a name is "name (2)". There are as many as there are sheets, so one of them is free.
        let mut name = trimmed(cut(plain, LONGEST)).to_owned();
        let mut count = 1;
        while self.is_taken(&name) {
            count += 1;
            let suffix = format!(" ({count})");
            name = format!("{}{suffix}", trimmed(cut(plain, LONGEST - suffix.len())));
        }
        self.taken.push(name.to_lowercase());
        name
    }

    fn is_taken(&self, name: &str) -> bool {
        let name = name.to_lowercase();
        name == "history" || self.taken.contains(&name)
    }
}

/// Without spaces and apostrophes at its ends.
fn trimmed(name: &str) -> &str {
    name.trim_matches(|char: char| char == '\'' || char.is_whitespace())
}

/// The beginning of a name that has so many UTF-16 units.
fn cut(name: &str, units: usize) -> &str {
    let mut left = units;
    let end = name.char_indices().find_map(|(index, char)| match left.checked_sub(char.len_utf16()) {
        Some(rest) => {
            left = rest;
            None
        }
        None => Some(index),
    });
    name.get(..end.unwrap_or(name.len())).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_such_as_excel_takes() {
        for (wanted, name) in [
            ("Sales", "Sales"),
            ("a/b\\c[d]e:f*g?h", "a b c d e f g h"),
            ("'quoted'", "quoted"),
            ("' ' '", "Sheet"),
            ("///", "Sheet"),
            ("History", "History (2)"),
            ("Ωμέγα\tи другие", "Ωμέγα и другие"),
            ("12345678901234567890123456789 'abc", "12345678901234567890123456789"),
            ("😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀", "😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀"),
        ] {
            assert_eq!(Names::default().take(wanted), name, "{wanted}");
        }
    }

    #[test]
    fn no_two_are_the_same_whatever_the_case() {
        let mut names = Names::default();
        let long = "a heading that is far longer than a tab";
        let taken = ["Sales", "SALES", "sales", long, long].map(|wanted| names.take(wanted));
        let wanted =
            ["Sales", "SALES (2)", "sales (3)", "a heading that is far longer th", "a heading that is far longe (2)"];
        assert_eq!(taken, wanted);
        for name in (0..60).map(|_| names.take(long)) {
            assert!(name.encode_utf16().count() <= LONGEST, "{name}");
        }
    }
}
