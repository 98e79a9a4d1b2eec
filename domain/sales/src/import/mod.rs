//! Loading sales in bulk: lines of a file or of a request, and the transactions of a chain.
//!
//! | room | what it reads |
//! | --- | --- |
//! | `lines` | CSV with a row a day, NDJSON with a row a month, as they arrive |
//! | `transactions` | The Complete Journey's transactions, summed into days of stores |
//! | `loader` | months, however they came, into the database |

mod lines;
mod loader;
mod transactions;

pub(crate) use lines::{Format, LineReader, Unreadable};
pub(crate) use loader::{LoadReport, Loader};
pub use transactions::{ImportError, Note, NoteKind, TransactionReport, import_transactions};
