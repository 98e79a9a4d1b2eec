//! How long a connection has been waiting for the head of a request.
//!
//! hyper can do that itself: it makes a timer for each head, throws it away when the head is there, and goes over the
//! connection once more after each answer to begin the next. Here a connection has one timer, which is set anew when it
//! ends too early, and all that a request costs is one look at a clock.
//!
//! **Invariants:**
//! - The wait begins with the connection and with the last byte of an answer, and ends when a head is whole: what a
//!   client sends meanwhile makes it no longer.
//! - It is exact to the kernel's coarse clock (some 4 ms).

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use entrepot_cache::Ticker;
use tokio::time::{Instant, Sleep};

/// Since when nothing is waited for: a request is under way.
const NEVER: u64 = u64::MAX;

/// Since when a connection waits for a head. All clones are of one connection.
#[derive(Clone, Debug)]
pub(crate) struct HeadWatch(Arc<State>);

#[derive(Debug)]
struct State {
    ticker: Ticker,
    since_ms: AtomicU64,
}

/// A request that is under way, until this is dropped.
#[derive(Debug)]
pub(crate) struct UnderWay(HeadWatch);

impl HeadWatch {
    /// That of a connection that begins now.
    pub(crate) fn new() -> Self {
        let ticker = Ticker::system();
        Self(Arc::new(State { since_ms: AtomicU64::new(ticker.now_ms()), ticker }))
    }

    /// A head has come, and its answer takes a while.
    pub(crate) fn under_way(&self) -> UnderWay {
        self.0.since_ms.store(NEVER, Ordering::Relaxed);
        UnderWay(self.clone())
    }

    /// Something of an answer has been written.
    pub(crate) fn wrote(&self) {
        if self.0.since_ms.load(Ordering::Relaxed) != NEVER {
            self.begin();
        }
    }

    fn begin(&self) {
        self.0.since_ms.store(self.0.ticker.now_ms(), Ordering::Relaxed);
    }

    /// How much longer a head may take, at the least, if it may take `patience`.
    fn left(&self, patience: Duration) -> Duration {
        match self.0.since_ms.load(Ordering::Relaxed) {
            NEVER => patience,
            since => patience.saturating_sub(Duration::from_millis(self.0.ticker.now_ms().saturating_sub(since))),
        }
    }

    /// Ready when a head has been waited for for `patience`. Between two calls `timer`, which is the caller's own, wakes
    /// the same task; it is looked at, which costs more, only when it has ended.
    pub(crate) fn poll_overdue(
        &self,
        patience: Duration,
        mut timer: Pin<&mut Sleep>,
        is_set: &mut bool,
        context: &mut Context<'_>,
    ) -> Poll<()> {
        if *is_set && !timer.is_elapsed() {
            return Poll::Pending;
        }
        *is_set = true;
        loop {
            ready!(timer.as_mut().poll(context));
            let left = self.left(patience);
            if left.is_zero() {
                return Poll::Ready(());
            }
            timer.as_mut().reset(Instant::now() + left);
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.begin();
    }
}
