//! Text, as people write it and look for it.
//!
//! | module | what it knows |
//! | --- | --- |
//! | `kept` | the one form in which a text is kept, and which characters it may have |
//! | `words` | what its words are, folded as they are compared |
//! | `line_ends` | files whose lines end in any way |
//! | `stem` | English stems and singulars |
//! | `lexemes` | a text as PostgreSQL's `tsvector` |
//! | `query` | what was typed into a search box, as PostgreSQL's `tsquery` |
//! | `slips` | what may have been meant by a word that is mistyped |
//!
//! **Invariant:** two spellings of the same characters (Unicode's NFC and NFD) are one text everywhere.

mod kept;
mod lexemes;
mod line_ends;
mod query;
mod slips;
mod stem;
mod words;

pub use kept::{is_bidi_control, is_blank, kept};
pub use lexemes::{Lexemes, Weight};
pub use line_ends::LineEnds;
pub use query::{MOST_TERMS, Query, is_small, word_query};
pub use slips::{Alike, alike, forms, is_corrigible, most_slips};
pub use stem::{singular, stem};
pub use words::{LONGEST_WORD, Word, fold, words};
