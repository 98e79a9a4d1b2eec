//! Cursors: places in the feed that a client can go on from.
//!
//! **Invariant:** a cursor of another history (a restored database, a fail-over) is told from one of this.

use std::sync::Arc;

/// A place in the feed of one history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    identity: Arc<str>,
    /// `None` while it is not known what may still come.
    position: Option<u64>,
}

impl Cursor {
    pub(crate) fn new(identity: Arc<str>, position: Option<u64>) -> Self {
        Self { identity, position }
    }

    /// As clients keep it; `None` where it would be good for nothing.
    pub(crate) fn text(&self) -> Option<String> {
        self.position.map(|position| format!("{}-{position}", self.identity))
    }

    pub(crate) fn position(&self) -> Option<u64> {
        self.position
    }

    /// The position that a text stands for in the history of this identity.
    pub(crate) fn position_in(text: &str, identity: &str) -> Option<u64> {
        let (of, position) = text.split_once('-')?;
        (!identity.is_empty() && of == identity).then(|| position.parse().ok())?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_good_for_its_own_history() {
        let cursor = Cursor::new("abc".into(), Some(12));
        let text = cursor.text().expect("a position");
        assert_eq!(Cursor::position_in(&text, "abc"), Some(12));
        assert_eq!(Cursor::position_in(&text, "abd"), None);
        for bad in ["", "abc", "abc-", "abc-x", "-12", "abc--1"] {
            assert_eq!(Cursor::position_in(bad, "abc"), None, "{bad}");
        }
        assert_eq!(Cursor::new("abc".into(), None).text(), None);
    }
}
