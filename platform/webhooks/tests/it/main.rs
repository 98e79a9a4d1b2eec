//! Tests of this crate from outside, as one program, so that it is linked once.
//!
//! The receivers are real sockets that a test plays by hand, byte for byte. Nothing here measures time: where
//! something hangs, the clock is stopped once the hanging is certain, and then runs by itself to the time-out.
#![expect(clippy::expect_used, reason = "a test fails by panicking, with what it wanted")]

mod answers;
mod attempts;
mod networks;
mod receiver;
mod tls;
