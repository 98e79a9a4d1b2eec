//! Shutdown: one decision, seen by everybody, with its reason.
//!
//! The server stops in order: first it takes no new work, then the work under way ends, then what
//! that work stood on (pools, the private database) is closed. [`Shutdown`] is only the decision;
//! the order is the order in which `serve` awaits its parts.
//!
//! **Invariant:** once [`Shutdown::begin`] was called, every present and future
//! [`ShutdownSignal::wait`] returns.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Poll, Waker};

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// The side that decides to stop.
#[derive(Clone, Debug)]
pub struct Shutdown {
    sender: watch::Sender<bool>,
}

/// The side that is told.
#[derive(Clone, Debug)]
pub struct ShutdownSignal {
    receiver: watch::Receiver<bool>,
}

impl Default for Shutdown {
    fn default() -> Self {
        Self { sender: watch::Sender::new(false) }
    }
}

impl Shutdown {
    /// A shutdown that has not begun.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins the shutdown. Calling it again changes nothing.
    pub fn begin(&self) {
        self.sender.send_replace(true);
    }

    /// A handle that is told when the shutdown begins.
    #[must_use]
    pub fn signal(&self) -> ShutdownSignal {
        ShutdownSignal { receiver: self.sender.subscribe() }
    }
}

impl ShutdownSignal {
    /// Returns once the shutdown has begun, at once if it already has. A dropped [`Shutdown`]
    /// counts as begun: nobody is left who could begin it.
    pub async fn wait(&mut self) {
        let _closed_counts_as_begun = self.receiver.wait_for(|begun| *begun).await;
    }

    /// Ends with `work`, or with `None` once the shutdown has begun before that; `work` is left as it is then. What is
    /// waited for is shared by all who wait, behind a lock: here it is looked at once, and then again only when it has
    /// changed, however often `work` goes on.
    pub async fn unless_begun<W: Future>(&self, mut work: Pin<&mut W>) -> Option<W::Output> {
        let mut waiting = self.clone();
        let mut begun = pin!(waiting.wait());
        let mut waiter: Option<Waker> = None;
        poll_fn(|context| {
            if let Poll::Ready(output) = work.as_mut().poll(context) {
                return Poll::Ready(Some(output));
            }
            let is_waiting = waiter.as_ref().is_some_and(|waiter| waiter.will_wake(context.waker()));
            // Nobody left to begin it counts as begun.
            if is_waiting && !self.receiver.has_changed().unwrap_or(true) {
                return Poll::Pending;
            }
            waiter = Some(context.waker().clone());
            begun.as_mut().poll(context).map(|()| None)
        })
        .await
    }

    /// Whether the shutdown has begun.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        *self.receiver.borrow()
    }
}

/// Returns the name of the first of SIGTERM, SIGINT and SIGHUP that arrives.
///
/// # Errors
/// When the process may not install a signal handler.
pub async fn wait_for_stop_signal() -> std::io::Result<&'static str> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    Ok(tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
        _ = hangup.recv() => "SIGHUP",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn early_and_late_listeners_are_both_told() {
        let shutdown = Shutdown::new();
        let mut early = shutdown.signal();
        assert!(!early.has_begun());
        shutdown.begin();
        early.wait().await;
        let mut late = shutdown.signal();
        late.wait().await;
        assert!(late.has_begun());
    }

    #[tokio::test]
    async fn work_goes_on_until_the_shutdown_begins_and_is_left_as_it_is() {
        let shutdown = Shutdown::new();
        let signal = shutdown.signal();
        let turns = std::cell::Cell::new(0);
        let work = async {
            for _ in 0..3 {
                tokio::task::yield_now().await;
                turns.set(turns.get() + 1);
            }
            "done"
        };
        assert_eq!(signal.unless_begun(pin!(work)).await, Some("done"));
        let mut endless = pin!(async {
            loop {
                tokio::task::yield_now().await;
                turns.set(turns.get() + 1);
                if turns.get() == 10 {
                    shutdown.begin();
                }
            }
        });
        assert!(signal.unless_begun(endless.as_mut()).await.is_none());
        assert!(turns.get() >= 10);
        assert_eq!(signal.unless_begun(pin!(std::future::pending::<()>())).await, None, "it has begun");
        let told = Shutdown::new().signal();
        assert_eq!(told.unless_begun(pin!(std::future::pending::<()>())).await, None, "nobody can begin it");
    }
}
