//! Counters that are written behind: counting is an addition in memory, and what has come together
//! is written in one statement now and then.
//!
//! For figures where a second of them may be lost when the power fails (views of a product), not for
//! money or stock.
//!
//! **Invariants:**
//! - Nothing that was counted is lost on a clean stop: [`Counters::flush`] writes all of it.
//! - A crash loses at most what was counted since the last write began: the interval, and the time
//!   that a write takes.
//! - A write that fails is added back and tried again. One whose answer was lost on the way is
//!   counted as failed, so such a write may count twice.
//! - Past a limit of keys that wait, writing begins at once. While it fails they go on waiting: one for
//!   each key that was counted.

use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use entrepot_runtime::Tasks;
use tokio::sync::Notify;

/// Keys in one write.
const MOST_AT_ONCE: usize = 1_000;
/// Keys that may wait before a write begins ahead of its time.
const MOST_WAITING: usize = 50_000;

/// Why counts could not be written.
pub type CounterError = Box<dyn Error + Send + Sync>;

type WriteFn =
    dyn Fn(Vec<(Arc<str>, u64)>) -> Pin<Box<dyn Future<Output = Result<(), CounterError>> + Send>> + Send + Sync;

/// A set of counters with one way to write them. Cheap to clone.
#[derive(Clone)]
pub struct Counters {
    shared: Arc<Shared>,
}

struct Shared {
    name: &'static str,
    write: Box<WriteFn>,
    waiting: Mutex<Vec<Arc<Cell>>>,
    full: Notify,
    /// Held while a write is under way: they take turns.
    writing: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct Cell {
    key: Arc<str>,
    pending: AtomicU64,
}

/// One counter. Cheap to clone; several for one key add up.
#[derive(Clone)]
pub struct Counter {
    cell: Arc<Cell>,
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Counters {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Counters").field("name", &self.shared.name).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Counter {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Counter").field("cell", &self.cell).finish_non_exhaustive()
    }
}

impl Counters {
    /// Counters that `write` adds to the database every so often. Each call of it gets a key at most
    /// once.
    pub fn start<F, Fut>(tasks: &Tasks, name: &'static str, every: Duration, write: F) -> Self
    where
        F: Fn(Vec<(Arc<str>, u64)>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), CounterError>> + Send + 'static,
    {
        let counters = Self {
            shared: Arc::new(Shared {
                name,
                write: Box::new(move |counts| Box::pin(write(counts))),
                waiting: Mutex::default(),
                full: Notify::new(),
                writing: tokio::sync::Mutex::new(()),
            }),
        };
        tasks.supervise(format!("counters-{name}"), {
            let counters = counters.clone();
            move || counters.clone().flush_for_ever(every)
        });
        counters
    }

    /// A counter for this key.
    #[must_use]
    pub fn counter(&self, key: impl Into<Arc<str>>) -> Counter {
        let cell = Arc::new(Cell { key: key.into(), pending: AtomicU64::new(0) });
        Counter { cell, shared: self.shared.clone() }
    }

    /// Writes everything that was counted up to now.
    ///
    /// # Errors
    /// What writing failed with. What was not written waits for the next time.
    pub async fn flush(&self) -> Result<(), CounterError> {
        let _turn = self.shared.writing.lock().await;
        let waiting = std::mem::take(&mut *self.shared.waiting());
        let mut counts: std::collections::HashMap<Arc<str>, u64> = std::collections::HashMap::new();
        for cell in waiting {
            *counts.entry(cell.key.clone()).or_default() += cell.pending.swap(0, Ordering::AcqRel);
        }
        // Dropped half-way, or at the first failure, it gives back what is not written.
        let rest = counts.into_iter().filter(|(_, count)| *count > 0).collect();
        let mut taken = Taken { counters: self, rest };
        while !taken.rest.is_empty() {
            let chunk = taken.rest[..taken.rest.len().min(MOST_AT_ONCE)].to_vec();
            let length = chunk.len();
            (self.shared.write)(chunk).await?;
            taken.rest.drain(..length);
        }
        Ok(())
    }

    async fn flush_for_ever(self, every: Duration) {
        let mut beat = tokio::time::interval(every);
        beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = beat.tick() => {}
                () = self.shared.full.notified() => {}
            }
            if let Err(error) = self.flush().await {
                tracing::warn!(counters = self.shared.name, error, "counts could not be written; they are kept");
                // Not sooner, however many wait: they have just been put back.
                beat.tick().await;
            }
        }
    }
}

/// Counts that were taken off the counters and are not written yet.
struct Taken<'a> {
    counters: &'a Counters,
    rest: Vec<(Arc<str>, u64)>,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        for (key, count) in self.rest.drain(..) {
            self.counters.counter(key).add(count);
        }
    }
}

impl Shared {
    fn waiting(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Cell>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counter {
    /// Counts.
    pub fn add(&self, count: u64) {
        if count == 0 {
            return;
        }
        // Whoever finds nothing pending puts the counter on the list; the others only add.
        if self.cell.pending.fetch_add(count, Ordering::AcqRel) == 0 {
            let mut waiting = self.shared.waiting();
            waiting.push(self.cell.clone());
            if waiting.len() >= MOST_WAITING {
                self.shared.full.notify_one();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use entrepot_runtime::Shutdown;
    use std::collections::BTreeMap;

    type Written = Arc<Mutex<BTreeMap<String, u64>>>;

    fn counters(fails: Arc<std::sync::atomic::AtomicBool>) -> (Tasks, Counters, Written) {
        let tasks = Tasks::new(Shutdown::new());
        let written = Written::default();
        let counters = Counters::start(&tasks, "views", Duration::from_secs(3_600), {
            let written = written.clone();
            move |counts| {
                let (written, fails) = (written.clone(), fails.clone());
                async move {
                    tokio::task::yield_now().await;
                    if fails.load(Ordering::SeqCst) {
                        return Err("the database is away".into());
                    }
                    for (key, count) in counts {
                        *written.lock().expect("no panic").entry(key.to_string()).or_default() += count;
                    }
                    Ok(())
                }
            }
        });
        (tasks, counters, written)
    }

    #[tokio::test]
    async fn all_that_was_counted_is_written_once() {
        let (_tasks, counters, written) = counters(Arc::default());
        let (a, also_a, b) = (counters.counter("a"), counters.counter("a"), counters.counter("b"));
        for _ in 0..10 {
            a.add(1);
            also_a.add(2);
            b.add(1);
        }
        counters.flush().await.expect("written");
        counters.flush().await.expect("nothing is left");
        a.add(1);
        counters.flush().await.expect("written");
        assert_eq!(*written.lock().expect("no panic"), BTreeMap::from([("a".to_owned(), 31), ("b".to_owned(), 10)]));
    }

    #[tokio::test]
    async fn what_could_not_be_written_is_written_later() {
        let fails = Arc::new(std::sync::atomic::AtomicBool::new(true));
        let (_tasks, counters, written) = counters(fails.clone());
        let counter = counters.counter("a");
        counter.add(5);
        counters.flush().await.expect_err("the database is away");
        counter.add(1);
        // A write that is given up half-way counts as not written.
        fails.store(false, Ordering::SeqCst);
        {
            let flushing = counters.flush();
            let mut flushing = std::pin::pin!(flushing);
            assert!(futures_util::poll!(&mut flushing).is_pending());
        }
        assert!(written.lock().expect("no panic").is_empty());
        counters.flush().await.expect("the database is back");
        assert_eq!(written.lock().expect("no panic")["a"], 6);
    }
}
