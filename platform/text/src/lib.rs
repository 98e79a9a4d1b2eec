//! Text, as people write it.
//!
//! | module | what it knows |
//! | --- | --- |
//! | `kept` | the one form in which a text is kept, and which characters it may have |
//!
//! **Invariant:** two spellings of the same characters (Unicode's NFC and NFD) are one text everywhere.

mod kept;

pub use kept::{is_bidi_control, is_blank, kept};
