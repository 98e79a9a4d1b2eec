//! The private cluster under bad treatment, transactions that meet, migrations of several at once.
//! Needs PostgreSQL's server programs, as `script/bootstrap` installs them.

mod cluster;
mod migrations;
mod transactions;
