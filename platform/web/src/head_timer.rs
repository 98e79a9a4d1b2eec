//! The timer by which hyper waits for the heads of one connection's requests.
//!
//! hyper asks for a new sleep before each head and throws it away when the head is there. A sleep of tokio's goes into
//! the wheel of timers when it is waited for and out of it when it is dropped, both under a lock. Here all heads of a
//! connection share one, which goes on after a head has come, and is set anew only when it ends, or where it would end
//! too late.
//!
//! **Invariants:**
//! - A sleep ends at its deadline, as tokio keeps time; never before it.
//! - A connection has one timer at tokio's, whatever comes over it.
//! - The time is read from the kernel's coarse clock (some 5 ns; some 4 ms exact), on which no deadline of seconds
//!   depends.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use entrepot_cache::Ticker;
use hyper::rt::{Sleep, Timer};

/// What tokio wakes the connection by, while no head is waited for.
type Idle = Arc<Mutex<Option<Pin<Box<tokio::time::Sleep>>>>>;

/// The timer of one connection.
#[derive(Debug)]
pub(crate) struct HeadTimer {
    ticker: Ticker,
    /// A moment, on the clock that deadlines are on and on the coarse one.
    began: (Instant, u64),
    idle: Idle,
}

#[derive(Debug)]
struct HeadSleep {
    deadline: Instant,
    /// Taken when it is waited for.
    timer: Option<Pin<Box<tokio::time::Sleep>>>,
    idle: Idle,
}

impl HeadTimer {
    pub(crate) fn new() -> Self {
        let ticker = Ticker::system();
        Self { began: (tokio::time::Instant::now().into(), ticker.now_ms()), ticker, idle: Idle::default() }
    }
}

impl Timer for HeadTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(self.now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(HeadSleep { deadline, timer: None, idle: self.idle.clone() })
    }

    fn now(&self) -> Instant {
        let (instant, ticked) = self.began;
        instant + Duration::from_millis(self.ticker.now_ms().saturating_sub(ticked))
    }
}

impl Sleep for HeadSleep {}

impl Future for HeadSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let Self { deadline, timer, idle } = &mut *self;
        let deadline = tokio::time::Instant::from_std(*deadline);
        let new = || Box::pin(tokio::time::sleep_until(deadline));
        let timer = timer.get_or_insert_with(|| lock(idle).take().unwrap_or_else(new));
        if timer.deadline() > deadline {
            timer.as_mut().reset(deadline);
        }
        loop {
            ready!(timer.as_mut().poll(context));
            if timer.deadline() >= deadline {
                return Poll::Ready(());
            }
            // It was set for a head that has come since.
            timer.as_mut().reset(deadline);
        }
    }
}

impl Drop for HeadSleep {
    fn drop(&mut self) {
        if let Some(timer) = self.timer.take() {
            *lock(&self.idle) = Some(timer);
        }
    }
}

/// Nothing under this lock can panic halfway, so a poisoned one is as good.
fn lock(idle: &Idle) -> std::sync::MutexGuard<'_, Option<Pin<Box<tokio::time::Sleep>>>> {
    idle.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_sleep_that_follows_another_ends_at_its_own_deadline() {
        let timer = HeadTimer::new();
        let start = Instant::now();
        let until = |ms| timer.sleep_until(start + Duration::from_millis(ms));
        // Of a head that came in time.
        assert!(futures_util::poll!(until(20)).is_pending());
        assert!(lock(&timer.idle).is_some(), "it goes on");
        until(60).await;
        assert!(start.elapsed() >= Duration::from_millis(60), "that is when the first would have ended, or sooner");
        // One that is shorter than what the last one left behind.
        assert!(futures_util::poll!(until(3_600_000)).is_pending());
        until(90).await;
        assert!((90..60_000).contains(&start.elapsed().as_millis()));
    }
}
