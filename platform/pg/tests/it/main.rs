//! The private cluster under bad treatment, transactions that meet, migrations of several at once.
//! Needs PostgreSQL's server programs, as `script/bootstrap` installs them.
#![expect(clippy::expect_used, reason = "a test fails by panicking, with what it wanted")]

mod cluster;
mod migrations;
mod transactions;
