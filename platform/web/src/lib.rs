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
//! | [`serve`] | the listener: connections, their time-outs, the drain at shutdown |
//!
//! **Invariants:**
//! - Knows nothing of commerce and nothing of the database.
//! - An error answer is always a problem document, whoever made it: a handler, the router, a limit,
//!   a panic.
//! - Nothing on the path of a request waits without a bound.

pub mod body;
mod compress;
mod cors;
mod edge;
mod module;
pub mod openapi;
mod page;
mod preconditions;
mod problem;
mod projection;
mod query;
mod reply;
mod responses;
mod serve;
mod stats;

pub use cors::CorsPolicy;
pub use edge::{Edge, EdgeSettings, Positions, RequestId, Uncounted};
pub use module::{Module, Paths, Warmer};
pub use page::{Cursor, DEFAULT_LIMIT, ListMeta, MAX_LIMIT, Page, PageRequest, Position, list_reply};
pub use preconditions::IfMatch;
pub use problem::{Fault, Problem, ProblemDocument, ProblemKind, kinds};
pub use projection::{FieldNames, Projected, Projection};
pub use query::Query;
pub use reply::{CacheClass, Reply};
pub use responses::{Caching, Responses, ResponsesError};
pub use serve::{Connections, serve};
pub use stats::{RequestFigures, RequestStats};
