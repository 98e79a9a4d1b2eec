//! Texts as cells of a file that a spreadsheet may open.
//!
//! **Invariant:** what somebody typed is never run as a formula by whoever opens the file.

use std::borrow::Cow;

/// A text that no spreadsheet takes for a formula: one that begins like one has an apostrophe before it.
#[must_use]
pub fn no_formula(text: &str) -> Cow<'_, str> {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}").into() } else { text.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_becomes_a_formula() {
        assert_eq!(no_formula("=cmd()"), "'=cmd()");
        assert_eq!(no_formula("@SUM(A1)"), "'@SUM(A1)");
        assert_eq!(no_formula("product-1"), "product-1");
    }
}
