//! The program as people and other programs meet it: the binary itself, its documents, and the
//! house rules that no compiler checks.

mod arrows;
mod documents;
mod program;
