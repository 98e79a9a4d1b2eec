//! Where it is written down who read what is not read unseen ([`crate::Rule::noted`]).

use std::sync::Arc;

use futures_util::future::BoxFuture;

/// Writes down that something was read: the event's name, and the path that was asked for.
type Note = dyn Fn(&'static str, String) -> BoxFuture<'static, Result<(), axum::BoxError>> + Send + Sync;

/// Where it is written down who read what is not read unseen ([`Rule::noted`]).
#[derive(Clone)]
pub struct Notes(pub(crate) Arc<Note>);

impl std::fmt::Debug for Notes {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Notes").finish_non_exhaustive()
    }
}

impl Notes {
    /// Notes that `write` writes down.
    pub fn new<F, Fut, E>(write: F) -> Self
    where
        F: Fn(&'static str, String) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
        E: std::error::Error + Send + Sync + 'static,
    {
        Self(Arc::new(move |event, path| {
            let written = write(event, path);
            Box::pin(async move { written.await.map_err(Into::into) })
        }))
    }
}
