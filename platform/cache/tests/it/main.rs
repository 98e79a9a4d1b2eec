//! The cache through its public door: the fence driven by hand, the levels, the flights, the attributes, and
//! a real Redis.
#![expect(clippy::expect_used, reason = "a test fails by panicking, with what it wanted")]

mod attributes;
mod fence;
mod flights;
mod levels;
mod mended;
mod process;
mod redis;
