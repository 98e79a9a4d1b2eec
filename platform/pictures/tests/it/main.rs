//! Tests of this crate from outside, as one program, so that it is linked once.
#![expect(clippy::expect_used, reason = "a test fails by panicking, with what it wanted")]

mod bombs;
mod damage;
mod made;
mod samples;
