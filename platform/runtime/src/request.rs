//! Which request the running task works for, and what is known about it beside its parameters.
//!
//! A request's id is on every answer, log line, job and event that the request caused; what it wrote
//! goes back to the client as a position; whether it must pass by the caches is decided at the edge
//! and obeyed far below. All of it travels beside the calls, in a task-local, so that no function
//! needs a parameter for it and a request that asks nothing pays nothing.
//!
//! **Invariant:** work that goes on in the background for a request ([`continue_in_background`])
//! belongs to the same request as the task that started it.

use std::future::Future;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::for_requests;

tokio::task_local! {
    static REQUEST: Arc<Request>;
}

/// The most names of groups that a request's writes are remembered by.
const MOST_GROUPS: usize = 64;

/// Whoever causes something: a person, by a session or a key, or a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// The person; `None` where nobody has signed in.
    pub id: Option<Uuid>,
    /// In which role.
    pub role: Option<&'static str>,
    /// By what: `session:<id>`, `cookie:<id>`, `key:<id>`, `command`, `anonymous`.
    pub via: Arc<str>,
    /// From where.
    pub address: Option<IpAddr>,
}

impl Actor {
    /// Whoever runs a command of the program on its own machine.
    #[must_use]
    pub fn command() -> Self {
        Self { id: None, role: None, via: Arc::from("command"), address: None }
    }

    /// Nobody who has signed in, from an address.
    #[must_use]
    pub fn anonymous(address: Option<IpAddr>) -> Self {
        Self { id: None, role: None, via: Arc::from("anonymous"), address }
    }
}

/// One request, as everything that works for it sees it.
#[derive(Debug)]
pub struct Request {
    id: Arc<str>,
    actor: Option<Actor>,
    demands_position: bool,
    passes_caches: bool,
    /// The highest position that its commits were given; 0 when it wrote nothing.
    position: AtomicU64,
    /// The highest that was given to it, committed or not.
    given: AtomicU64,
    groups: Mutex<Vec<String>>,
}

impl Request {
    /// A request that has done nothing yet.
    #[must_use]
    pub fn new(id: Arc<str>) -> Self {
        Self {
            id,
            actor: None,
            demands_position: false,
            passes_caches: false,
            position: AtomicU64::new(0),
            given: AtomicU64::new(0),
            groups: Mutex::default(),
        }
    }

    /// The same, caused by this actor; without one it is the program's own doing.
    #[must_use]
    pub fn by(mut self, actor: Actor) -> Self {
        self.actor = Some(actor);
        self
    }

    /// Who caused it.
    #[must_use]
    pub fn actor(&self) -> Option<&Actor> {
        self.actor.as_ref()
    }

    /// The same, but it named a write that its answer must show: no stand-in will do.
    #[must_use]
    pub fn demanding_position(mut self) -> Self {
        self.demands_position = true;
        self
    }

    /// The same, but no cache may answer it: it reads what the database has.
    #[must_use]
    pub fn past_caches(mut self) -> Self {
        self.demands_position = true;
        self.passes_caches = true;
        self
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &Arc<str> {
        &self.id
    }

    /// Whether no cache may answer it.
    #[must_use]
    pub fn passes_caches(&self) -> bool {
        self.passes_caches
    }

    /// Notes a position that an event of this request was given, whether it will be committed or not.
    pub fn was_given(&self, position: u64) {
        self.given.fetch_max(position, Ordering::AcqRel);
    }

    /// The highest position that its events were given: its own, once it is committed.
    #[must_use]
    pub fn given(&self) -> Option<u64> {
        Some(self.given.load(Ordering::Acquire)).filter(|position| *position > 0)
    }

    /// Notes a commit of this request: its position in the feed, and what it touched.
    pub fn wrote(&self, position: u64, groups: &[String]) {
        self.position.fetch_max(position, Ordering::AcqRel);
        let mut known = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        for group in groups {
            if known.len() < MOST_GROUPS && !known.contains(group) {
                known.push(group.clone());
            }
        }
    }

    /// The highest position of its commits, if it wrote anything.
    #[must_use]
    pub fn position(&self) -> Option<u64> {
        match self.position.load(Ordering::Acquire) {
            0 => None,
            position => Some(position),
        }
    }

    /// What its commits touched.
    #[must_use]
    pub fn groups(&self) -> Vec<String> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Runs `work` as part of `request`.
pub fn within_request<F: Future>(request: Arc<Request>, work: F) -> impl Future<Output = F::Output> {
    REQUEST.scope(request, work)
}

/// The request that this task works for, if it works for one.
#[must_use]
pub fn current_request() -> Option<Arc<Request>> {
    REQUEST.try_with(Clone::clone).ok()
}

/// Whether this task works for a request that no cache may answer.
#[must_use]
pub fn passes_caches() -> bool {
    REQUEST.try_with(|request| request.passes_caches).unwrap_or(false)
}

/// Whether this task works for a request that named a write which its answer must show.
#[must_use]
pub fn demands_position() -> bool {
    REQUEST.try_with(|request| request.demands_position).unwrap_or(false)
}

/// Starts work that goes on when whoever waits for it gives up, as part of the same request. It must
/// have a bound of its own: nobody ends it but the end of the program.
pub fn continue_in_background<F>(work: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let work = async move { for_requests(pin!(work)).await };
    #[expect(clippy::disallowed_methods, reason = "the caller holds the handle, which tells it of a panic")]
    match current_request() {
        Some(request) => tokio::spawn(REQUEST.scope(request, work)),
        None => tokio::spawn(work),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn background_work_belongs_to_the_request_that_started_it() {
        assert!(current_request().is_none());
        let request = Arc::new(Request::new(Arc::from("r-1")).past_caches());
        let id = within_request(request.clone(), async {
            let work = continue_in_background(async {
                let request = current_request().expect("inherited");
                request.wrote(7, &["a".to_owned()]);
                request.wrote(5, &["a".to_owned(), "b".to_owned()]);
                (request.id().clone(), request.passes_caches())
            });
            work.await.expect("no panic")
        });
        assert_eq!(id.await, (Arc::from("r-1"), true));
        assert_eq!((request.position(), request.groups()), (Some(7), vec!["a".to_owned(), "b".to_owned()]));
    }
}
