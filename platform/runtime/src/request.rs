//! Which request the running task works for.
//!
//! A request's id is on every answer, log line, job and event that the request caused. It travels
//! beside the calls, in a task-local, so that no function needs a parameter for it and a request
//! that logs nothing pays nothing for it.

use std::future::Future;
use std::sync::Arc;

tokio::task_local! {
    static REQUEST_ID: Arc<str>;
}

/// Runs `work` as part of the request `id`.
pub fn within_request<F: Future>(id: Arc<str>, work: F) -> impl Future<Output = F::Output> {
    REQUEST_ID.scope(id, work)
}

/// The id of the request that this task works for, if it works for one.
#[must_use]
pub fn current_request() -> Option<Arc<str>> {
    REQUEST_ID.try_with(Clone::clone).ok()
}
