//! From a name to its addresses.
//!
//! **Invariant:** the system's resolver cannot be interrupted, so a look-up keeps its place until it has
//! really ended, whether or not anybody still waits for it: names whose servers hang take no more threads
//! than there are places.

use std::io;
use std::net::{IpAddr, ToSocketAddrs as _};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::sync::Semaphore;

/// Look-ups at once: more than come from a queue's workers while names are answered at all.
const MOST_LOOKUPS: usize = 16;
/// Addresses of one name that are taken.
pub(crate) const MOST_ADDRESSES: usize = 64;

/// Whoever knows the addresses of names.
pub trait Resolve: Send + Sync {
    /// All addresses of a name, best first. The caller has a time limit.
    fn resolve<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>>;
}

/// The system's resolver, with its configuration.
#[derive(Debug)]
pub struct SystemResolver {
    places: Arc<Semaphore>,
}

impl Default for SystemResolver {
    fn default() -> Self {
        Self { places: Arc::new(Semaphore::new(MOST_LOOKUPS)) }
    }
}

impl SystemResolver {
    /// Does blocking work in one of the places, once there is one.
    async fn in_a_place<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let place = self.places.clone().acquire_owned().await.map_err(io::Error::other)?;
        let work = move || {
            let _until_it_has_ended = place;
            work()
        };
        tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
    }
}

impl Resolve for SystemResolver {
    fn resolve<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        let name = name.to_owned();
        Box::pin(self.in_a_place(move || {
            // One more than are taken, so that too many are noticed.
            let found = (name.as_str(), 0).to_socket_addrs()?.take(MOST_ADDRESSES + 1);
            Ok(found.map(|address| address.ip()).collect())
        }))
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn a_lookup_that_nobody_waits_for_keeps_its_place() {
        let resolver = SystemResolver::default();
        let (begin, begun) = tokio::sync::oneshot::channel::<()>();
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let mut hanging = Box::pin(resolver.in_a_place(move || {
            begin.send(()).map_err(|()| io::Error::other("nobody waits"))?;
            ended.recv().map_err(io::Error::other)
        }));
        assert!((&mut hanging).now_or_never().is_none());
        begun.await.expect("it begins");
        drop(hanging);
        assert_eq!(resolver.places.available_permits(), MOST_LOOKUPS - 1);
        end.send(()).expect("it hangs");
        let all = resolver.places.acquire_many(16).await.expect("all places");
        assert_eq!(all.num_permits(), MOST_LOOKUPS);
    }

    #[tokio::test]
    async fn a_lookup_waits_for_a_place_and_gives_it_back() {
        let resolver = SystemResolver::default();
        let all = resolver.places.clone().acquire_many_owned(16).await.expect("all places");
        let mut waiting = resolver.resolve("localhost");
        assert!((&mut waiting).now_or_never().is_none());
        assert_eq!(all.num_permits(), MOST_LOOKUPS);
        drop(all);
        let found = waiting.await.expect("every system knows localhost");
        assert!(!found.is_empty() && found.iter().all(IpAddr::is_loopback), "{found:?}");
        assert_eq!(resolver.places.available_permits(), MOST_LOOKUPS);
    }
}
