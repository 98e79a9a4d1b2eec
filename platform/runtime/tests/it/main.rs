//! Tests of this crate from outside, as one program, so that it is linked once.

mod breaker;
