//! Tests.

mod fence;
mod flights;
mod levels;
mod process;
mod redis;
