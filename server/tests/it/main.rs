//! The program as people and other programs meet it: the binary itself, its documents, and the
//! house rules that no compiler checks.
#![expect(clippy::expect_used, reason = "a test fails by panicking, with what it wanted")]

mod arrows;
mod caching;
mod documents;
mod exports;
mod house;
mod live;
mod permissions;
mod program;
mod protection;
mod sales;
mod telling;
mod verify;
