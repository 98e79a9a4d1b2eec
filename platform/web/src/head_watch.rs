//! How long a connection has been waiting for the head of a request.
//!
//! hyper can do that itself: it makes a timer for each head, throws it away when the head is there, and goes over the
//! connection once more after each answer to begin the next. Here a connection has one timer, which is set anew when it
//! ends too early, and all that a request costs is one look at a clock.
//!
//! **Invariants:**
//! - The wait begins with the connection and with the last byte of an answer, and ends when a head is whole: what a
//!   client sends meanwhile makes it no longer.
//! - It does not run while an answer is made, nor while the client has to take something of one (`slow.rs` bounds that).
//! - It is exact to the kernel's coarse clock (some 4 ms).

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use entrepot_cache::Ticker;
use tokio::time::{Instant, Sleep};

/// Since when a connection waits for a head. All clones are of one connection.
#[derive(Clone, Debug)]
pub(crate) struct HeadWatch(Arc<State>);

#[derive(Debug)]
struct State {
    ticker: Ticker,
    since_ms: AtomicU64,
    /// Whether a request is under way whose answer is not at its end.
    is_under_way: AtomicBool,
    /// Whether something is to be written that the client has no room for.
    is_blocked: AtomicBool,
}

/// A request that is under way, until this is dropped.
#[derive(Debug)]
pub(crate) struct UnderWay(HeadWatch);

impl HeadWatch {
    /// That of a connection that begins now.
    pub(crate) fn new() -> Self {
        let ticker = Ticker::system();
        let since_ms = AtomicU64::new(ticker.now_ms());
        let (is_under_way, is_blocked) = Default::default();
        Self(Arc::new(State { ticker, since_ms, is_under_way, is_blocked }))
    }

    /// A head has come, and its answer takes a while.
    pub(crate) fn under_way(&self) -> UnderWay {
        self.0.is_under_way.store(true, Ordering::Relaxed);
        UnderWay(self.clone())
    }

    /// Something of an answer was written, or there was no room for it.
    pub(crate) fn wrote(&self, is_blocked: bool) {
        self.0.is_blocked.store(is_blocked, Ordering::Relaxed);
        self.begin();
    }

    fn begin(&self) {
        self.0.since_ms.store(self.0.ticker.now_ms(), Ordering::Relaxed);
    }

    /// How much longer a head may take, at the least, if it may take `patience`.
    fn left(&self, patience: Duration) -> Duration {
        let State { ticker, since_ms, is_under_way, is_blocked } = &*self.0;
        if is_under_way.load(Ordering::Relaxed) || is_blocked.load(Ordering::Relaxed) {
            return patience;
        }
        let waited = ticker.now_ms().saturating_sub(since_ms.load(Ordering::Relaxed));
        patience.saturating_sub(Duration::from_millis(waited))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.0.is_under_way.store(false, Ordering::Relaxed);
        self.0.begin();
    }
}

/// The timer of one connection.
pub(crate) struct HeadTimer {
    watch: HeadWatch,
    patience: Duration,
    timer: Pin<Box<Sleep>>,
    is_set: bool,
}

impl HeadTimer {
    /// Ends when a head has been waited for for `patience`.
    pub(crate) fn new(watch: HeadWatch, patience: Duration) -> Self {
        #[expect(clippy::disallowed_methods, reason = "a time-out of its own: what it bounds goes on meanwhile")]
        let timer = Box::pin(tokio::time::sleep(patience));
        Self { watch, patience, timer, is_set: false }
    }

    /// Ready when it has ended. It is always polled by one task, which the timer wakes when it has to be looked at, and
    /// which may come as often as it likes.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.is_set && !self.timer.is_elapsed() {
            return Poll::Pending;
        }
        self.is_set = true;
        loop {
            ready!(self.timer.as_mut().poll(context));
            let left = self.watch.left(self.patience);
            if left.is_zero() {
                return Poll::Ready(());
            }
            self.timer.as_mut().reset(Instant::now() + left);
        }
    }
}
