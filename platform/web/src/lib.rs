//! The HTTP kit: what every endpoint of every domain does the same way.
//!
//! | room | what it owns |
//! | --- | --- |
//! | [`edge`](Edge) | the one middleware on every request: ids, limits, time-outs, headers, errors, compression |
//! | [`problem`](Problem) | errors as RFC 9457 documents, with stable codes |
//! | [`reply`](Reply) | bodies with ETag and cache class |
//! | [`responses`](Responses) | whole answers, kept as they are sent |
//! | [`preconditions`](IfMatch) | `If-Match`, `If-None-Match` |
//! | [`query`](Query) | query strings, read strictly |
//! | [`body`] | JSON bodies, checked whole; merge patch |
//! | [`projection`](Projection) | `fields=` and `exclude=` |
//! | [`page`](PageRequest) | limits, page numbers, cursors, the list's envelope |
//! | [`openapi`] | what the OpenAPI document says beyond the handlers' own attributes |
//! | [`access`](Rule) | who may do what: the rules of operations, callers, permits |
//! | [`download`](Download) | files, whole or a range of them |
//! | [`door`] | where those rules are enforced, and the guard stands |
//! | [`topics`](TopicRule) | what can be followed live, and by whom |
//! | [`operations`](Operations) | the table of all operations, with their rules |
//! | [`idempotency`](Idempotency) | stored answers, in the transaction of what they tell of |
//! | [`standing`](Standing) | whether whoever began something long may still go on |
//! | [`hit`] | a hit of the response cache, answered out of memory |
//! | [`serve`] | the listener: connections, how many, their time-outs, the drain at shutdown |
//! | [`tls`](Tls) | the certificate, and its renewal |
//!
//! **Invariants:**
//! - Knows nothing of commerce, and nothing of the database but its own table of stored answers.
//! - An error answer is always a problem document, whoever made it: a handler, the router, a limit,
//!   a panic.
//! - Nothing on the path of a request waits without a bound.

mod access;
mod attempts;
mod blocking;
pub mod body;
mod cell;
mod compress;
mod cors;
mod door;
mod download;
mod edge;
mod fault;
mod field_values;
mod finish;
mod foreign;
mod front_end;
mod head;
mod head_watch;
mod hit;
mod idempotency;
mod module;
mod notes;
pub mod openapi;
mod operations;
mod page;
mod places;
mod preconditions;
mod problem;
mod projection;
mod query;
mod reply;
mod responses;
mod rule;
mod serve;
mod slow;
mod standing;
mod stats;
mod tls;
mod topics;

pub use access::{COOKIES, Caller, Credential, Doorkeeper, KEY_BEGINS, Permit, Scope, Via};
pub use attempts::Attempts;
pub use blocking::off_async_threads;
pub use cell::no_formula;
pub use cors::CorsPolicy;
pub use download::{Demand, Download};
pub use edge::{Edge, EdgeSettings, Positions, RequestId, Uncounted};
pub use fault::{Fault, FaultBudget, Faults, MOST_FAULTS, faults_in_words};
pub use foreign::is_elsewhere;
pub use idempotency::Idempotency;
pub use module::{Module, Paths, Warmer};
pub use notes::Notes;
pub use operations::{Operations, OperationsError};
pub use page::{Below, Cursor, DEFAULT_LIMIT, ListMeta, MAX_LIMIT, Page, PageRequest, Position, list_reply};
pub use preconditions::IfMatch;
pub use problem::{Problem, ProblemDocument, ProblemKind, kinds};
pub use projection::{FieldNames, Projected, Projection};
pub use query::Query;
pub use reply::{CacheClass, Reply};
pub use responses::{Caching, Responses, ResponsesError};
pub use rule::{Access, Counted, Rule};
pub use serve::{Connections, Held, ListenerStats, Peer, serve};
pub use standing::{Proof, Standing};
pub use stats::{RequestFigures, RequestStats};
pub use tls::{Tls, TlsError};
pub use topics::{Ask, TopicRule, is_canonical_id};
