//! What the attributes [`macro@crate::cacheable`] and [`macro@crate::cache_invalidate`] ask of the
//! code around them: how an error says that an answer could not be had, and who is told of changes.
//!
//! Their expansions call nothing here but [`FromFill`], [`Invalidate`] and [`Kept`].

use std::borrow::{Borrow, ToOwned};
use std::error::Error;
use std::future::Future;
use std::sync::Arc;

use crate::cache::Cache;
use crate::query::QueryError;

/// An error that can say why a cached function has no answer. [`macro@crate::cacheable`] asks it of
/// the function's error type.
///
/// An error of the function's own body arrives here as well, as
/// [`FillError::Failed`](crate::FillError::Failed): callers that came at once share it, so it must
/// be cloned, or told on.
///
/// ```
/// # use std::sync::atomic::{AtomicU32, Ordering};
/// # use entrepot_cache::{Cache, CacheSettings, Fence, Ticker};
/// # use entrepot_runtime::{Clock, Shutdown, Tasks};
/// use std::sync::Arc;
///
/// use entrepot_cache::{FillError, FromFill, Queries, QueryError, cacheable};
///
/// #[derive(Clone, Debug, PartialEq)]
/// enum UserError {
///     Unknown,
///     Unavailable,
/// }
///
/// impl FromFill for UserError {
///     fn from_fill(error: QueryError<Self>) -> Self {
///         match error {
///             QueryError::Fill(FillError::Failed(error)) => Arc::unwrap_or_clone(error),
///             QueryError::Fill(_) | QueryError::Form { .. } => Self::Unavailable,
///         }
///     }
/// }
///
/// # static ASKED: AtomicU32 = AtomicU32::new(0);
/// #[cacheable(ttl = "5m", key = "user:{id}", tags("user:{id}", "users"))]
/// async fn user(queries: &Queries, id: u32) -> Result<String, UserError> {
/// #   ASKED.fetch_add(1, Ordering::SeqCst);
///     match id {
///         7 => Ok("Ada".to_owned()),
///         _ => Err(UserError::Unknown),
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// # let tasks = Tasks::new(Shutdown::new());
/// # let fence = Fence::standalone(Ticker::system());
/// # let cache = Cache::start(CacheSettings::default(), fence, Clock::system(), &tasks).unwrap();
/// let queries = Queries::new(&cache);
/// assert_eq!(user(&queries, 7).await.unwrap(), "Ada");
/// assert_eq!(user(&queries, 7).await.unwrap(), "Ada");
/// # assert_eq!(ASKED.load(Ordering::SeqCst), 1, "the second answer is cached");
/// assert_eq!(user(&queries, 8).await, Err(UserError::Unknown));
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "the error of a cached function must be able to say why there is no answer, and `{Self}` cannot",
    label = "the error in here is `{Self}`, which is not `FromFill`",
    note = "write `impl FromFill for {Self} {{ fn from_fill(error: QueryError<Self>) -> Self {{ … }} }}`: an error of \
            the body is `QueryError::Fill(FillError::Failed(error))`, an `Arc` that can be cloned out of; everything \
            else means that no answer could be had"
)]
pub trait FromFill: Sized {
    /// This error.
    fn from_fill(error: QueryError<Self>) -> Self;
}

/// What can be told that data changed. [`macro@crate::cache_invalidate`] tells it.
///
/// ```
/// # use entrepot_cache::{CacheSettings, Fence, Filled, Policy, Ticker};
/// # use entrepot_runtime::{Clock, Shutdown, Tasks};
/// use entrepot_cache::{Cache, InvalidateError, cache_invalidate};
///
/// #[derive(Debug, thiserror::Error)]
/// enum RenameError {
///     #[error("a name has letters")]
///     Empty,
///     #[error(transparent)]
///     Invalidate(#[from] InvalidateError),
/// }
///
/// #[cache_invalidate(tags("user:{id}", "users"), keys("avatars:{id}"), patterns("pages:*:{id}"))]
/// async fn rename(cache: &Cache, id: u32, name: String) -> Result<(), RenameError> {
///     if name.is_empty() { Err(RenameError::Empty) } else { Ok(()) }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// # let tasks = Tasks::new(Shutdown::new());
/// # let fence = Fence::standalone(Ticker::system());
/// # let cache = Cache::start(CacheSettings::default(), fence.clone(), Clock::system(), &tasks).unwrap();
/// # let pages = cache.namespace::<u32>("pages", Policy::live(std::time::Duration::from_secs(300)));
/// # pages.set("front:7", Filled::found(1), pages.stamp());
/// assert!(rename(&cache, 7, String::new()).await.is_err());
/// # assert!(pages.lookup("front:7").is_some(), "a change that failed touches nothing");
/// rename(&cache, 7, "Ada".to_owned()).await.unwrap();
/// # assert!(pages.lookup("front:7").is_none());
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be told what changed",
    label = "not `Invalidate`",
    note = "give #[cache_invalidate] a `Cache` or another `Invalidate`: `via = <expression>`"
)]
pub trait Invalidate {
    /// Rules out what these tags touch; see [`crate::EVERYTHING`], [`crate::KEY`] and
    /// [`crate::PATTERN`] for those with a meaning of their own.
    ///
    /// # Errors
    /// When it is not certain that everybody will learn of it.
    fn invalidate(&self, tags: Vec<String>) -> impl Future<Output = Result<(), InvalidateError>> + Send;
}

/// In this process only, at once, and without fail: other processes learn of changes through the
/// feed, so where there are several, tell what writes to that.
impl Invalidate for Cache {
    async fn invalidate(&self, tags: Vec<String>) -> Result<(), InvalidateError> {
        self.fence().touch(&tags);
        Ok(())
    }
}

impl<I: Invalidate + ?Sized> Invalidate for &I {
    fn invalidate(&self, tags: Vec<String>) -> impl Future<Output = Result<(), InvalidateError>> + Send {
        (**self).invalidate(tags)
    }
}

impl<I: Invalidate + ?Sized> Invalidate for Arc<I> {
    fn invalidate(&self, tags: Vec<String>) -> impl Future<Output = Result<(), InvalidateError>> + Send {
        (**self).invalidate(tags)
    }
}

/// Why it is not certain that everybody learns of a change.
#[derive(Debug, thiserror::Error)]
#[error("what was changed could not be told to the caches")]
pub struct InvalidateError(#[source] Box<dyn Error + Send + Sync>);

impl InvalidateError {
    /// For this reason.
    #[must_use]
    pub fn new(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(cause.into())
    }
}

/// A borrowed argument's owned form, for a body that outlives the loan. Part of the expansion of
/// [`macro@crate::cacheable`] and of nothing else.
#[doc(hidden)]
pub struct Kept<B: ToOwned + ?Sized>(B::Owned);

#[doc(hidden)]
impl<B: ToOwned + ?Sized> Kept<B> {
    #[must_use]
    pub fn of(borrowed: &B) -> Self {
        Self(borrowed.to_owned())
    }

    #[must_use]
    pub fn lend(&self) -> &B {
        self.0.borrow()
    }
}
