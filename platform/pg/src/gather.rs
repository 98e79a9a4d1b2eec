//! Fetching together what arrives together.
//!
//! Two hundred requests for two hundred single rows are two hundred statements; the same rows by
//! `= ANY($1)` are a few, and cost the database a fifth. A [`Gather`] sends the first key at once
//! and, while that answer is under way, collects what else is asked for into the next statement.
//! So a lone caller waits for nobody, and a crowd is served in bulk.
//!
//! **Invariant:** a key is put only into a statement that is sent *after* the key was asked for.
//! A caller therefore sees everything that was committed before it asked: joining a statement that
//! is already under way could hand it what was read before its own write.

use std::collections::HashMap;
use std::future::Future;
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use entrepot_runtime::Tasks;
use tokio::sync::{Mutex, mpsc, oneshot};

use crate::Error;

/// Callers that may wait in front of one worker; those beyond it wait to be let in.
const QUEUE: usize = 1024;

type Answer<V> = Result<Option<V>, Error>;
type Asked<K, V> = (K, oneshot::Sender<Answer<V>>);

/// Gathers single lookups into lookups of many.
#[derive(Debug)]
pub struct Gather<K, V> {
    lanes: Arc<[mpsc::Sender<Asked<K, V>>]>,
    next: Arc<AtomicUsize>,
}

impl<K, V> Clone for Gather<K, V> {
    fn clone(&self) -> Self {
        Self { lanes: self.lanes.clone(), next: self.next.clone() }
    }
}

impl<K, V> Gather<K, V>
where
    K: Eq + Hash + Clone + Send + 'static,
    V: Clone + Send + 'static,
{
    /// Starts `lanes` workers, each with one statement under way at a time that asks for at most
    /// `at_most` keys. `fetch` returns what it found; a key that it leaves out was not found.
    pub fn start<F, Fut>(tasks: &Tasks, name: &str, lanes: usize, at_most: usize, fetch: F) -> Self
    where
        F: Fn(Vec<K>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<HashMap<K, V>, Error>> + Send,
    {
        let fetch = Arc::new(fetch);
        let lanes = (0..lanes.max(1)).map(|lane| {
            let (sender, receiver) = mpsc::channel::<Asked<K, V>>(QUEUE);
            // The receiver outlives a panic in `fetch`, so the supervisor's next start goes on
            // with those who still wait.
            let receiver = Arc::new(Mutex::new(receiver));
            let fetch = fetch.clone();
            tasks.supervise(format!("{name}-{lane}"), move || {
                let (receiver, fetch) = (receiver.clone(), fetch.clone());
                async move {
                    let mut receiver = receiver.lock().await;
                    let mut waiting = Vec::with_capacity(at_most);
                    while receiver.recv_many(&mut waiting, at_most).await > 0 {
                        serve(&mut waiting, fetch.as_ref()).await;
                    }
                    std::future::pending::<()>().await;
                }
            });
            sender
        });
        Self { lanes: lanes.collect(), next: Arc::default() }
    }

    /// Looks `key` up.
    ///
    /// # Errors
    /// What `fetch` failed with, shared by all who were in the same statement; or
    /// [`Error::NoAnswer`] when the workers are stopped.
    pub async fn get(&self, key: K) -> Answer<V> {
        let start = Instant::now();
        let (sender, answer) = oneshot::channel();
        let lane = &self.lanes[self.next.fetch_add(1, Ordering::Relaxed) % self.lanes.len()];
        let gone = || Error::NoAnswer { waited: start.elapsed().max(Duration::from_millis(1)) };
        lane.send((key, sender)).await.map_err(|_closed| gone())?;
        answer.await.map_err(|_dropped| gone())?
    }
}

async fn serve<K, V, F, Fut>(waiting: &mut Vec<Asked<K, V>>, fetch: &F)
where
    K: Eq + Hash + Clone,
    V: Clone,
    F: Fn(Vec<K>) -> Fut,
    Fut: Future<Output = Result<HashMap<K, V>, Error>>,
{
    let mut keys: Vec<K> = Vec::with_capacity(waiting.len());
    for (key, _) in waiting.iter() {
        if !keys.contains(key) {
            keys.push(key.clone());
        }
    }
    let found = fetch(keys).await.map_err(Arc::new);
    for (key, caller) in waiting.drain(..) {
        let answer = match &found {
            Ok(found) => Ok(found.get(&key).cloned()),
            Err(error) => Err(Error::Shared(error.clone())),
        };
        // A caller that has gone away wants no answer.
        let _gone = caller.send(answer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use entrepot_runtime::Shutdown;
    use std::sync::Mutex as StdMutex;

    /// The keys of each fetch.
    type Fetches = Arc<StdMutex<Vec<Vec<u32>>>>;

    /// One lane whose fetches wait for a permit each, and record the keys that they were given.
    fn recorded() -> (Tasks, Gather<u32, u32>, Fetches, Arc<tokio::sync::Semaphore>) {
        let tasks = Tasks::new(Shutdown::new());
        let seen = Arc::new(StdMutex::new(Vec::new()));
        let permits = Arc::new(tokio::sync::Semaphore::new(0));
        let gather = Gather::start(&tasks, "test", 1, 64, {
            let (seen, permits) = (seen.clone(), permits.clone());
            move |keys: Vec<u32>| {
                seen.lock().expect("no panic holds it").push(keys.clone());
                let permits = permits.clone();
                async move {
                    permits.acquire().await.expect("never closed").forget();
                    Ok(keys.into_iter().filter(|key| *key < 100).map(|key| (key, key * 2)).collect())
                }
            }
        });
        (tasks, gather, seen, permits)
    }

    #[tokio::test]
    async fn what_arrives_during_a_fetch_shares_the_next_one() {
        let (_tasks, gather, seen, permits) = recorded();
        let first = {
            let gather = gather.clone();
            async move { gather.get(1).await }
        };
        let mut first = std::pin::pin!(first);
        assert!(futures_util::poll!(&mut first).is_pending());
        while seen.lock().expect("no panic holds it").is_empty() {
            tokio::task::yield_now().await;
        }
        let rest = futures_util::future::join_all([2, 3, 2, 500].map(|key| gather.get(key)));
        permits.add_permits(2);
        let (first, rest) = futures_util::join!(first, rest);
        assert_eq!(first.expect("no failure"), Some(2));
        let rest: Vec<_> = rest.into_iter().map(|answer| answer.expect("no failure")).collect();
        assert_eq!(rest, [Some(4), Some(6), Some(4), None]);
        assert_eq!(*seen.lock().expect("no panic holds it"), [vec![1], vec![2, 3, 500]]);
    }

    #[tokio::test]
    async fn a_key_that_is_under_way_is_asked_for_again() {
        let (_tasks, gather, seen, permits) = recorded();
        let mut early = std::pin::pin!(gather.get(7));
        assert!(futures_util::poll!(&mut early).is_pending());
        while seen.lock().expect("no panic holds it").is_empty() {
            tokio::task::yield_now().await;
        }
        permits.add_permits(2);
        let (early, late) = futures_util::join!(early, gather.get(7));
        assert_eq!((early.expect("no failure"), late.expect("no failure")), (Some(14), Some(14)));
        assert_eq!(seen.lock().expect("no panic holds it").len(), 2, "the late one has a statement of its own");
    }
}
