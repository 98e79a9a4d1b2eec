//! What comes out, read back by other people's readers.
//!
//! **Invariant:** nothing here looks at how a document is written, only at what a reader of the file finds.

#![expect(clippy::expect_used, reason = "a test fails by panicking, with what it wanted")]

mod check;
mod fixture;
mod pages;
mod workbook;
