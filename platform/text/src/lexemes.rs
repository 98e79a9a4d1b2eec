//! A text as PostgreSQL's `tsvector`, finished: its own parser and dictionaries are asked nothing.
//!
//! A word stands in it as it is (so every beginning of it is a beginning in the index), with what it is a part of and
//! what its parts are, and by its English stem behind a `=`, where that differs.
//!
//! **Invariant:** what is written is a `tsvector` that PostgreSQL takes, however long or odd the text is.

use std::collections::BTreeMap;
use std::fmt;

use crate::stem::stem;
use crate::words::{compounds, pairs, parts, words};

/// Words of one text at the most; those behind them are not found.
const MOST_WORDS: usize = 3_000;
/// PostgreSQL's last position, and positions of one lexeme.
const LAST_POSITION: usize = 16_383;
const MOST_POSITIONS: usize = 200;
/// Bytes of all lexemes with their positions at the most: PostgreSQL takes 1 MiB, of which a product's categories have
/// the rest. What is over is not found.
const MOST_BYTES: usize = 800_000;
/// Between two texts, so that no phrase reaches from one into the other.
const GAP: usize = 10;

/// How much a match weighs, the most first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// A title.
    A,
    /// A brand.
    B,
    /// What it belongs to.
    C,
    /// A description; and all stems.
    D,
}

/// The lexemes of some texts.
#[derive(Clone, Debug, Default)]
pub struct Lexemes {
    found: BTreeMap<String, Vec<(usize, Weight)>>,
    next: usize,
    bytes: usize,
}

impl Lexemes {
    /// The same with those of one text more.
    #[must_use]
    pub fn with(mut self, text: &str, weight: Weight) -> Self {
        let mut words = words(text);
        words.truncate(MOST_WORDS);
        let begin = self.next + 1;
        for (index, word) in words.iter().enumerate() {
            let at = begin + index;
            for pair in pairs(&word.text) {
                self.add(pair.to_owned(), at, weight);
            }
            for part in parts(&word.text) {
                self.add_word(part, at, weight);
            }
            self.add_word(&word.text, at, weight);
        }
        for (first, last, joined) in compounds(&words) {
            // A phrase goes on behind its last word.
            self.add_word(&joined, begin + first, weight);
            self.add_word(&joined, begin + last, weight);
        }
        if !words.is_empty() {
            self.next += words.len() + GAP;
        }
        self
    }

    /// A word and its stem.
    fn add_word(&mut self, word: &str, at: usize, weight: Weight) {
        if let Some(stem) = stem(word) {
            self.add(format!("={stem}"), at, Weight::D);
        }
        self.add(word.to_owned(), at, weight);
    }

    fn add(&mut self, lexeme: String, at: usize, weight: Weight) {
        let at = at.min(LAST_POSITION);
        // Two for the number of positions, and one to begin at an even place.
        let more = if self.found.contains_key(&lexeme) { 2 } else { lexeme.len() + 3 + 2 };
        if self.bytes + more > MOST_BYTES {
            return;
        }
        let positions = self.found.entry(lexeme).or_default();
        if positions.len() < MOST_POSITIONS && positions.last().is_none_or(|(last, _)| *last != at) {
            positions.push((at, weight));
            self.bytes += more;
        }
    }
}

impl fmt::Display for Lexemes {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (lexeme, positions)) in self.found.iter().enumerate() {
            // Letters, digits and `=`: nothing in it has a meaning of its own between quotes.
            write!(out, "{}'{lexeme}':", if index == 0 { "" } else { " " })?;
            for (index, (at, weight)) in positions.iter().enumerate() {
                write!(out, "{}{at}{weight:?}", if index == 0 { "" } else { "," })?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_becomes_a_tsvector() {
        let lexemes = Lexemes::default().with("WD-40 Sprays", Weight::A).with("3M", Weight::B);
        assert_eq!(
            lexemes.to_string(),
            "'3':14B '3m':14B '40':2A '=spray':3D 'm':14B 'sprays':3A 'wd':1A 'wd40':1A,2A"
        );
        assert_eq!(Lexemes::default().with(" ' \\ ", Weight::A).to_string(), "");
    }

    #[test]
    fn it_is_bounded() {
        let letters = |mut number: usize| -> String {
            let next = |number: &mut usize| {
                let letter = char::from_u32(0x430 + (*number % 32) as u32).expect("a letter");
                *number /= 32;
                letter
            };
            (0..6).map(|_| next(&mut number)).collect()
        };
        let joined: Vec<String> = (0..3_000).map(|at| letters(at * 7_919)).collect();
        let joined = Lexemes::default().with("Tea", Weight::A).with(&joined.join("-"), Weight::D);
        let bytes: usize = joined.found.iter().map(|(lexeme, at)| lexeme.len() + 3 + 2 * at.len()).sum();
        assert!((MOST_BYTES / 2..=MOST_BYTES).contains(&bytes), "{bytes}");
        assert!(joined.found.contains_key("tea"));
        let long = Lexemes::default().with(&"tea ".repeat(100_000), Weight::D).to_string();
        assert_eq!(long.matches(',').count(), MOST_POSITIONS - 1);
        let many: String = (0..100_000).map(|number| format!("w{number} ")).collect();
        let many = (0..20).fold(Lexemes::default(), |all, _| all.with(&many, Weight::D)).to_string();
        assert!(
            many.split([':', ',', ' '])
                .filter_map(|at| at.trim_end_matches('D').parse::<usize>().ok())
                .all(|at| at <= LAST_POSITION)
        );
    }
}
