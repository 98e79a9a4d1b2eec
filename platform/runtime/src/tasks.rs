//! Supervised background tasks.
//!
//! **Invariants:**
//! - Every task has a name, and a panic in it is logged with that name instead of vanishing.
//! - A task that is meant to run for the program's life and ends early is started again, after a
//!   pause that grows from 100 ms to 10 s; the shutdown ends it.
//! - [`Tasks::stop`] waits for all tasks, for a bounded time, and tells which did not end.

use std::future::Future;
use std::sync::Mutex;
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::{Shutdown, ShutdownSignal};

const FIRST_RESTART_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_RESTART_PAUSE: Duration = Duration::from_secs(10);

/// The set of background tasks of one program.
#[derive(Debug)]
pub struct Tasks {
    shutdown: Shutdown,
    running: Mutex<Vec<(String, JoinHandle<()>)>>,
}

impl Tasks {
    /// An empty set that ends with `shutdown`.
    #[must_use]
    pub fn new(shutdown: Shutdown) -> Self {
        Self { shutdown, running: Mutex::new(Vec::new()) }
    }

    /// The signal that these tasks obey.
    #[must_use]
    pub fn shutdown_signal(&self) -> ShutdownSignal {
        self.shutdown.signal()
    }

    /// Runs a service for the life of the program: `make` is called again whenever the future that
    /// it made ended or panicked before the shutdown. At the shutdown the future is dropped at its
    /// next await, so it must leave nothing half done there.
    pub fn supervise<F, Fut>(&self, name: impl Into<String>, mut make: F)
    where
        F: FnMut() -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let name = name.into();
        let mut signal = self.shutdown.signal();
        let label = name.clone();
        let service = async move {
            let mut pause = FIRST_RESTART_PAUSE;
            while !signal.has_begun() {
                #[expect(clippy::disallowed_methods, reason = "the one place that spawns; the handle is awaited below")]
                let mut attempt = tokio::spawn(make());
                let ended = tokio::select! {
                    ended = &mut attempt => ended,
                    () = signal.wait() => {
                        attempt.abort();
                        return;
                    }
                };
                match ended {
                    Ok(()) => tracing::warn!(task = label, "a background task ended early; it is started again"),
                    Err(error) => {
                        tracing::error!(task = label, %error, "a background task panicked; it is started again")
                    }
                }
                #[expect(clippy::disallowed_methods, reason = "the pause between restarts is this supervisor's own")]
                let rest = tokio::time::sleep(pause);
                tokio::select! { () = rest => {}, () = signal.wait() => return }
                pause = (pause * 2).min(LONGEST_RESTART_PAUSE);
            }
        };
        self.keep(name, service);
    }

    /// Runs a piece of work once. It is expected to end by itself; the shutdown waits for it.
    pub fn run_once<Fut>(&self, name: impl Into<String>, work: Fut)
    where
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.keep(name.into(), work);
    }

    fn keep<Fut>(&self, name: String, future: Fut)
    where
        Fut: Future<Output = ()> + Send + 'static,
    {
        #[expect(clippy::disallowed_methods, reason = "the handle is kept and awaited by `stop`")]
        let handle = tokio::spawn(future);
        let mut running = self.running.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        running.retain(|(_, task)| !task.is_finished());
        running.push((name, handle));
    }

    /// Begins the shutdown, waits up to `patience` for every task, and returns the names of those
    /// that had to be aborted.
    pub async fn stop(&self, patience: Duration) -> Vec<String> {
        self.shutdown.begin();
        let running = std::mem::take(&mut *self.running.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
        let deadline = tokio::time::Instant::now() + patience;
        let mut late = Vec::new();
        for (name, mut task) in running {
            match tokio::time::timeout_at(deadline, &mut task).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::error!(task = name, %error, "a background task failed"),
                Err(_elapsed) => {
                    task.abort();
                    late.push(name);
                }
            }
        }
        late
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[tokio::test(start_paused = true)]
    async fn a_panicking_service_is_started_again() {
        let tasks = Tasks::new(Shutdown::new());
        let starts = Arc::new(AtomicUsize::new(0));
        let (third_start, mut reached) = tokio::sync::mpsc::channel(1);
        tasks.supervise("shaky", {
            let starts = starts.clone();
            move || {
                let start = starts.fetch_add(1, Ordering::SeqCst);
                let third_start = third_start.clone();
                async move {
                    assert!(start >= 2, "fails twice");
                    let _receiver_lives = third_start.send(()).await;
                    std::future::pending::<()>().await;
                }
            }
        });
        reached.recv().await.expect("the third start is reached");
        assert!(tasks.stop(Duration::from_secs(1)).await.is_empty());
        assert_eq!(starts.load(Ordering::SeqCst), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn stop_names_the_task_that_does_not_end() {
        let tasks = Tasks::new(Shutdown::new());
        tasks.run_once("quick", async {});
        tasks.run_once("stubborn", std::future::pending());
        assert_eq!(tasks.stop(Duration::from_secs(5)).await, vec!["stubborn".to_owned()]);
    }
}
