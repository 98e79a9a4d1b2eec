//! PostgreSQL as this program uses it: the private cluster, the pool, transactions that are
//! retried, reads that are pipelined and gathered, and migrations.
//!
//! It knows nothing of any schema, and can be used alone.
//!
//! **Invariants:**
//! - A connection that returns to the pool is in no transaction, however the future that used it
//!   ended (`domain/catalog/tests/it/outage.rs` drops one at each of its awaits).
//! - Every wait has a bound: for a connection (`connect_timeout`), for an answer (the server's
//!   `statement_timeout`, and a client-side bound behind it for a server that is gone silent).
//! - A connection to a server that refused a write as read-only is replaced before it is used again.
//! - Nothing here starts, stops or alters a PostgreSQL that it was given by address; only
//!   [`cluster`] runs servers, and only in its own folder.

mod binds;
pub mod cluster;
mod connect;
mod database;
mod dedicated;
mod error;
mod gather;
mod held;
mod migrate;
mod pipeline;
mod read_only;
mod time;
mod transaction;

pub use binds::Binds;
pub use database::{Database, DatabaseSettings, Ping, PoolStatus, Pooled};
pub use dedicated::Dedicated;
pub use error::Error;
pub use gather::Gather;
pub use held::{Held, holding};
pub use migrate::{Applied, MigrateError, Migration, migrate, pending};
pub use pipeline::Pipeline;
pub use scoped_futures::{ScopedBoxFuture, ScopedFutureExt};
pub use tokio_postgres;
pub use transaction::Transaction;
