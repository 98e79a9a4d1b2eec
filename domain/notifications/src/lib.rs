//! What the shop writes to people.
//!
//! **Invariant:** what a letter says is decided here, and whether and how it is sent is not.

pub mod letters;
