//! A line of text that somebody has typed.
//!
//! **Invariant:** it has no line break, no control character and none of the characters that turn the
//! direction of what follows, and up to [`Line::LONGEST`] characters. With it a name cannot forge a line of a
//! text letter, nor a subject run into another header.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One line: runs of white space are one space, and what is too long is cut off with an ellipsis.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Line(String);

impl Line {
    /// The most characters that it has.
    pub const LONGEST: usize = 200;

    /// A line of up to so many characters, the ellipsis included.
    pub(crate) fn cut(text: &str, longest: usize) -> Self {
        let is_hidden =
            |char: char| matches!(char, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        let breaks = |char: char| char.is_control() || matches!(char, '\u{2028}' | '\u{2029}');
        let shown: String =
            text.chars().filter(|char| !is_hidden(*char)).map(|char| if breaks(char) { ' ' } else { char }).collect();
        let line = shown.split_whitespace().collect::<Vec<_>>().join(" ");
        if line.chars().count() <= longest {
            return Self(line);
        }
        let kept: String = line.chars().take(longest.saturating_sub(1)).collect();
        Self(format!("{}…", kept.trim_end()))
    }
}

impl From<&str> for Line {
    fn from(text: &str) -> Self {
        Self::cut(text, Self::LONGEST)
    }
}

impl From<String> for Line {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<Line> for String {
    fn from(line: Line) -> Self {
        line.0
    }
}

impl AsRef<str> for Line {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Line {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_typed_becomes_one_line() {
        for (typed, wanted) in [
            ("Anna", "Anna"),
            ("  Anna \t Smith ", "Anna Smith"),
            ("Anna\r\nBcc: eve@example.org", "Anna Bcc: eve@example.org"),
            ("Anna\u{2028}Smith\u{85}\u{0}", "Anna Smith"),
            ("\u{202e}annA\u{202c}\u{2066}!", "annA!"),
            ("Müller 茶", "Müller 茶"),
            ("\n", ""),
        ] {
            assert_eq!(Line::from(typed).as_ref(), wanted, "{typed:?}");
        }
        assert_eq!(Line::from("é".repeat(200)).as_ref(), "é".repeat(200));
        let cut = Line::from("é".repeat(201));
        assert_eq!(cut.as_ref(), format!("{}…", "é".repeat(199)));
        assert_eq!(Line::cut("one two three", 8).as_ref(), "one two…");
    }

    #[test]
    fn a_line_that_is_read_is_one_too() {
        let read: Line = serde_json::from_str(r#""a\r\nb""#).expect("a text");
        assert_eq!(serde_json::to_string(&read).expect("JSON"), r#""a b""#);
    }
}
