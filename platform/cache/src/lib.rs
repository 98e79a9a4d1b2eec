//! A cache that cannot be stale: two levels, fenced by a feed of committed changes.
//!
//! | room | what it owns |
//! | --- | --- |
//! | [`Fence`] | what was touched and when; whether a value may still be served |
//! | [`Cache`] | the two levels, their bounds, the figures |
//! | [`Namespace`] | values of one type: reading, filling, setting, forgetting |
//! | [`cached_query`] | one query's result, with nothing to set up |
//! | [`Counters`] | counters that are written behind |
//! | [`macro@cacheable`], [`macro@cache_invalidate`] | the same as attributes on functions |
//!
//! Each value carries *tags*, which say what it was made from. A change names the tags that it
//! touches. The fence compares: a value whose data was read before one of its tags was touched is
//! never served again, however it is that the two raced. See `docs/features/cache.md` and ADR 0007.
//!
//! It can be used alone: [`Fence::standalone`] needs no feed and no Redis.
//!
//! ```
//! # use std::time::Duration;
//! # use entrepot_cache::{Cache, CacheSettings, Fence, Filled, Policy, Ticker};
//! # use entrepot_runtime::{Clock, Shutdown, Tasks};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let tasks = Tasks::new(Shutdown::new());
//! let fence = Fence::standalone(Ticker::system());
//! let cache = Cache::start(CacheSettings::default(), fence.clone(), Clock::system(), &tasks).unwrap();
//! let users = cache.namespace::<String>("users", Policy::live(Duration::from_secs(300)));
//!
//! let ask = || users.get_or_fill("7", || async { Ok::<_, ()>(Filled::found("Ada".to_owned()).tags(["user:7"])) });
//! assert_eq!(*ask().await.unwrap().value.unwrap(), "Ada");
//! fence.touch(&["user:7".to_owned()]);
//! assert!(users.lookup("7").is_none(), "what was read before the change is not served after it");
//! # }
//! ```
//!
//! **Invariants:**
//! - A read that starts after a change was marked here never gets what was read before it.
//! - A hit takes no lock that all cores share, and allocates nothing.
//! - Whatever Redis does, a read costs at most its time limit more, and nothing once the breaker is
//!   open.

mod attributes;
mod cache;
mod counters;
mod entry;
mod fence;
mod flight;
mod namespace;
mod query;
mod redis;
mod stats;
mod tag;
mod time;

#[doc(hidden)]
pub use attributes::Kept;
pub use attributes::{FromFill, Invalidate, InvalidateError};
pub use cache::{BadRedisAddress, Cache, CacheFigures, CacheSettings, MemoryFigures};
pub use counters::{Counter, CounterError, Counters};
pub use entrepot_cache_macros::{cache_invalidate, cacheable};
pub use fence::{Fence, FenceFigures, FenceSettings, Progress, Stamp, Touch};
pub use namespace::{Codec, FillError, Filled, Got, Hit, Namespace, Origin, Policy};
pub use query::{Queries, QueryError, QueryOptions, cached_query};
pub use redis::{RedisFigures, RedisServerFigures, RedisSettings};
pub use stats::NamespaceFigures;
pub use tag::{EVERYTHING, KEY, PATTERN};
pub use time::Ticker;
