//! The private cluster under bad treatment, transactions that meet, migrations of several at once; servers that are
//! read-only or full, and machines whose clock is wrong.
//! Needs PostgreSQL's server programs, as `script/bootstrap` installs them.
#![expect(clippy::expect_used, reason = "a test fails by panicking, with what it wanted")]

mod cluster;
mod migrations;
mod read_only;
mod slots;
mod time;
mod transactions;
