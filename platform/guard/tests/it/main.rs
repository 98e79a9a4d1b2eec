//! The guard: limits in memory and on a real Redis, and what looks like an attack.
#![expect(clippy::expect_used, reason = "a test fails by panicking, with what it wanted")]

mod limits;
mod suspicion;
