//! A circuit breaker: calls to somebody else that stop for a while once too many of them fail.
//!
//! Whoever calls a service that is down waits for its time limit, and so does everybody who waits for the
//! caller. A breaker counts how calls end. While they end well it is *closed* and costs a few atomics and
//! one short lock. When too many fail it is *open*: calls are refused at once. After a while it is
//! *half-open* and lets a few through, on trial: if they succeed it closes, if one fails it opens for
//! twice as long. See `docs/features/breakers.md`.
//!
//! Time is tokio's, which only moves forward and which a test moves by hand.
//!
//! **Invariants:**
//! - While it is open, no call is begun.
//! - No more than [`BreakerSettings::trials`] calls are on trial at once, also while those of an earlier
//!   round have not ended. A trial that is cancelled gives its place back.
//! - A call counts for the round in which it began: what ends late neither opens nor closes anything.
//! - Work that panics has failed.
//! - No lock is held while anything is waited for, and what is remembered has a fixed size.

use std::collections::BTreeMap;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::Notify;
use tokio::time::Instant;

/// The parts of the window. What is counted leaves it a part at a time, so the window is up to a tenth
/// shorter than its setting.
const PARTS: usize = 10;
/// Breakers that one registry lists at the most: far more than a program has, so only a defect gets there.
const MOST_BREAKERS: usize = 256;

/// When a breaker opens and how it closes again.
#[derive(Clone, Debug, PartialEq)]
pub struct BreakerSettings {
    /// The window in which calls are counted.
    pub window: Duration,
    /// Fewer calls than this in the window never open it by their share.
    pub least_calls: u32,
    /// The share of calls in the window that must have failed, 0 to 1; above 1 the share opens nothing.
    pub failure_share: f64,
    /// So many failures with no success between them open it, whatever the share. Without it, a window
    /// full of successes speaks for a far side that has begun to hang until as many calls have failed.
    pub failures_in_a_row: Option<u32>,
    /// How long it stays open before the first trial.
    pub open_for: Duration,
    /// While trials fail it stays open twice as long each time, up to this.
    pub open_for_at_most: Duration,
    /// Trials that must succeed to close it, and how many of them there may be at once. Never less than 1.
    pub trials: u32,
    /// How long one call may take.
    pub timeout: Duration,
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self {
            window: Duration::from_secs(10),
            least_calls: 5,
            failure_share: 0.5,
            failures_in_a_row: None,
            open_for: Duration::from_secs(5),
            open_for_at_most: Duration::from_secs(60),
            trials: 2,
            timeout: Duration::from_secs(5),
        }
    }
}

/// What a breaker does with the next call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BreakerState {
    /// It is made.
    Closed,
    /// It is refused.
    Open,
    /// It is made as a trial, if there is a place for one.
    HalfOpen,
}

impl BreakerState {
    fn of(word: u64) -> Self {
        match word & 3 {
            0 => Self::Closed,
            1 => Self::Open,
            _ => Self::HalfOpen,
        }
    }

    fn bits(self) -> u64 {
        match self {
            Self::Closed => 0,
            Self::Open => 1,
            Self::HalfOpen => 2,
        }
    }
}

/// Why a call was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many calls failed; the next is made in {retry_after:?}")]
pub struct Open {
    /// When to try again. While trials are under way this is when they must have ended.
    pub retry_after: Duration,
}

/// Why a call through a breaker has no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BreakerError<E> {
    /// It was not made.
    #[error("too many calls failed; the next is made in {retry_after:?}")]
    Open {
        /// When to try again.
        retry_after: Duration,
    },
    /// It took longer than this, and was dropped.
    #[error("no answer within {0:?}")]
    TimedOut(Duration),
    /// It failed by itself.
    #[error("the call failed")]
    Failed(#[source] E),
}

impl<E> From<Open> for BreakerError<E> {
    fn from(open: Open) -> Self {
        Self::Open { retry_after: open.retry_after }
    }
}

/// How a breaker does. Counts are since the start.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BreakerFigures {
    /// What lies behind it.
    #[schema(example = "mail")]
    pub name: String,
    /// What it does with the next call.
    pub state: BreakerState,
    /// How long it has done that.
    pub state_for_ms: u64,
    /// How long ago it was closed, however often trials failed since; null while it is.
    pub not_closed_for_ms: Option<u64>,
    /// Calls that were begun, trials included.
    pub calls: u64,
    /// Of these, how many failed, took too long or panicked.
    pub failures: u64,
    /// Of the failures, how many took too long.
    pub timeouts: u64,
    /// Calls that were not made.
    pub refused: u64,
    /// How often it opened after it had been closed; a failed trial is not counted again.
    pub opened: u64,
    /// The share of failures among the calls of the window; null where there were none, and while it is
    /// not closed.
    pub share: Option<f64>,
    /// How long until the next trial; null while it is not open.
    pub retry_in_ms: Option<u64>,
}

/// A circuit breaker. Cheap to clone; all clones are one.
///
/// ```
/// # use entrepot_runtime::{Breaker, BreakerError, BreakerSettings};
/// # #[derive(Debug)] struct Refusal { status: u16 }
/// # async fn authorise(amount: u32) -> Result<&'static str, Refusal> {
/// #     if amount > 100 { Err(Refusal { status: 402 }) } else { Ok("authorised") }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let payments = Breaker::new("payments", BreakerSettings::default());
/// // That a card has no money is an answer. That there is none, or a 5xx, is a failure.
/// let answer = payments.call_if(|refusal: &Refusal| refusal.status >= 500, || authorise(50)).await;
/// assert_eq!(answer.unwrap(), "authorised");
/// match payments.call_if(|refusal: &Refusal| refusal.status >= 500, || authorise(500)).await {
///     Err(BreakerError::Failed(refusal)) => assert_eq!(refusal.status, 402),
///     other => panic!("{other:?}"),
/// }
/// assert_eq!(payments.figures().failures, 0);
/// # }
/// ```
#[derive(Clone)]
pub struct Breaker {
    shared: Arc<Shared>,
}

struct Shared {
    name: Arc<str>,
    settings: BreakerSettings,
    start: Instant,
    /// The round and the state as they are in `inner`, so that the common case takes no lock.
    word: AtomicU64,
    inner: Mutex<Inner>,
    left_closed: Notify,
    calls: AtomicU64,
    failures: AtomicU64,
    timeouts: AtomicU64,
    refused: AtomicU64,
}

struct Inner {
    state: BreakerState,
    /// Grows with every change of state.
    round: u64,
    since: Instant,
    /// When it was closed for the last time, while it is not.
    left_closed_at: Instant,
    /// When an open one becomes half-open; `None` when that is beyond all time.
    until: Option<Instant>,
    open_for: Duration,
    /// Trials that have not ended, of whichever round.
    on_trial: u32,
    /// Trials of this round that succeeded.
    passed: u32,
    in_a_row: u32,
    opened: u64,
    parts: [Part; PARTS],
}

/// What ended in a tenth of the window.
#[derive(Clone, Copy, Default)]
struct Part {
    /// Which tenth, counted from the start.
    tick: u64,
    calls: u32,
    failures: u32,
}

#[derive(Clone, Copy, PartialEq)]
enum Outcome {
    Success,
    Failure,
    Timeout,
    Unknown,
}

/// What is told once the lock is let go.
enum News {
    Opened,
    OpenedAgain(Duration),
    Closed,
}

/// The right to make one call. How it ended is told by consuming it. Dropped, its outcome is not known: it
/// counts as neither, but a place for a trial is free again. Dropped by a panic, it has failed.
///
/// Whoever holds one must have a time limit: a trial that never ends keeps its place for ever.
#[must_use = "a permit that is dropped says that nobody knows how the call ended"]
pub struct Permit {
    shared: Arc<Shared>,
    round: u64,
    trial: bool,
    told: bool,
}

impl Breaker {
    /// A closed breaker. The name is for people: what lies behind it.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>, settings: BreakerSettings) -> Self {
        let now = Instant::now();
        Self {
            shared: Arc::new(Shared {
                name: name.into(),
                start: now,
                word: AtomicU64::new(0),
                inner: Mutex::new(Inner {
                    state: BreakerState::Closed,
                    round: 0,
                    since: now,
                    left_closed_at: now,
                    until: None,
                    open_for: settings.open_for,
                    on_trial: 0,
                    passed: 0,
                    in_a_row: 0,
                    opened: 0,
                    parts: [Part::default(); PARTS],
                }),
                settings,
                left_closed: Notify::new(),
                calls: AtomicU64::new(0),
                failures: AtomicU64::new(0),
                timeouts: AtomicU64::new(0),
                refused: AtomicU64::new(0),
            }),
        }
    }

    /// Makes a call, unless the breaker is open. Each error is a failure.
    ///
    /// # Errors
    /// When the call was refused, took too long or failed.
    pub async fn call<T, E, Fut>(&self, work: impl FnOnce() -> Fut) -> Result<T, BreakerError<E>>
    where
        Fut: Future<Output = Result<T, E>>,
    {
        self.call_if(|_| true, work).await
    }

    /// The same, but only errors of which `is_failure` says so are failures. Of the others the far side
    /// is not to blame (the caller asked for what there is not): that it answered is a success.
    ///
    /// # Errors
    /// As above.
    pub async fn call_if<T, E, Fut>(
        &self,
        is_failure: impl FnOnce(&E) -> bool,
        work: impl FnOnce() -> Fut,
    ) -> Result<T, BreakerError<E>>
    where
        Fut: Future<Output = Result<T, E>>,
    {
        let permit = self.admit()?;
        permit.run(is_failure, async move { work().await }).await
    }

    /// Admits one call, for callers that measure by themselves how it ended.
    ///
    /// # Errors
    /// When it is open, or half-open with no place left.
    pub fn admit(&self) -> Result<Permit, Open> {
        let shared = &self.shared;
        if let Some(permit) = self.admit_when_closed() {
            return Ok(permit);
        }
        let now = Instant::now();
        let mut inner = shared.lock_at(now);
        let trial = match inner.state {
            BreakerState::Closed => false,
            BreakerState::HalfOpen if inner.on_trial.saturating_add(inner.passed) < shared.trials() => {
                inner.on_trial += 1;
                true
            }
            BreakerState::Open | BreakerState::HalfOpen => {
                let retry_after = match inner.state {
                    BreakerState::Open => inner.left_open(now),
                    _ => shared.settings.timeout,
                };
                drop(inner);
                shared.refused.fetch_add(1, Ordering::Relaxed);
                return Err(Open { retry_after });
            }
        };
        let round = inner.round;
        drop(inner);
        shared.calls.fetch_add(1, Ordering::Relaxed);
        Ok(Permit { shared: shared.clone(), round, trial, told: false })
    }

    /// Admits one call while it is closed, never as a trial: for callers that must not be those who find
    /// out that the far side is still down, as a task of their own does that with [`Breaker::admit`].
    /// Refusing costs no lock.
    pub fn admit_if_closed(&self) -> Option<Permit> {
        let permit = self.admit_when_closed();
        if permit.is_none() {
            self.shared.refused.fetch_add(1, Ordering::Relaxed);
        }
        permit
    }

    fn admit_when_closed(&self) -> Option<Permit> {
        let word = self.shared.word.load(Ordering::Acquire);
        if BreakerState::of(word) != BreakerState::Closed {
            return None;
        }
        self.shared.calls.fetch_add(1, Ordering::Relaxed);
        Some(Permit { shared: self.shared.clone(), round: word >> 2, trial: false, told: false })
    }

    /// Returns once it is not closed, at once if it is not. For the task that makes the trials.
    pub async fn left_closed(&self) {
        loop {
            let mut told = pin!(self.shared.left_closed.notified());
            // Listening begins before the look, so that what happens between the two is not missed.
            told.as_mut().enable();
            if !self.is_closed() {
                return;
            }
            told.await;
        }
    }

    /// Whether calls are made as usual. Costs no lock.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        BreakerState::of(self.shared.word.load(Ordering::Acquire)) == BreakerState::Closed
    }

    /// What it does with the next call.
    #[must_use]
    pub fn state(&self) -> BreakerState {
        self.shared.lock_at(Instant::now()).state
    }

    /// What lies behind it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// What it was made with.
    #[must_use]
    pub fn settings(&self) -> &BreakerSettings {
        &self.shared.settings
    }

    /// Its figures.
    #[must_use]
    pub fn figures(&self) -> BreakerFigures {
        let shared = &self.shared;
        let now = Instant::now();
        // Read before what they are a part of, so that a figure never exceeds the one that contains it.
        let timeouts = shared.timeouts.load(Ordering::Acquire);
        let failures = shared.failures.load(Ordering::Acquire);
        let calls = shared.calls.load(Ordering::Acquire);
        let inner = shared.lock_at(now);
        let (ended, failed) = inner.counted(shared.tick(now));
        let is_closed = inner.state == BreakerState::Closed;
        BreakerFigures {
            name: shared.name.to_string(),
            state: inner.state,
            state_for_ms: millis(now.duration_since(inner.since)),
            not_closed_for_ms: (!is_closed).then(|| millis(now.duration_since(inner.left_closed_at))),
            calls,
            failures,
            timeouts,
            refused: shared.refused.load(Ordering::Relaxed),
            opened: inner.opened,
            share: (ended > 0 && is_closed).then(|| failed as f64 / ended as f64),
            retry_in_ms: (inner.state == BreakerState::Open).then(|| millis(inner.left_open(now))),
        }
    }
}

impl fmt::Debug for Breaker {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = BreakerState::of(self.shared.word.load(Ordering::Acquire));
        formatter
            .debug_struct("Breaker")
            .field("name", &self.shared.name)
            .field("state", &state)
            .finish_non_exhaustive()
    }
}

impl Permit {
    /// Makes the call, within the time limit, and tells how it ended.
    ///
    /// # Errors
    /// When it took too long or failed.
    pub async fn run<T, E>(
        self,
        is_failure: impl FnOnce(&E) -> bool,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, BreakerError<E>> {
        let limit = self.shared.settings.timeout;
        let mut under_way = UnderWay { permit: Some(self), is_working: false };
        let mut work = pin!(work);
        let watched = poll_fn(|context| {
            under_way.is_working = true;
            let polled = work.as_mut().poll(context);
            under_way.is_working = false;
            polled
        });
        let ended = tokio::time::timeout(limit, watched).await;
        let (outcome, result) = match ended {
            Ok(Ok(value)) => (Outcome::Success, Ok(value)),
            Ok(Err(error)) => {
                under_way.is_working = true;
                let outcome = if is_failure(&error) { Outcome::Failure } else { Outcome::Success };
                under_way.is_working = false;
                (outcome, Err(BreakerError::Failed(error)))
            }
            Err(_elapsed) => (Outcome::Timeout, Err(BreakerError::TimedOut(limit))),
        };
        under_way.ended(outcome);
        result
    }

    /// The call succeeded: there was an answer, if only that there is nothing.
    pub fn succeeded(mut self) {
        self.tell(Outcome::Success);
    }

    /// The call failed.
    pub fn failed(mut self) {
        self.tell(Outcome::Failure);
    }

    /// The call failed as it took too long.
    pub fn timed_out(mut self) {
        self.tell(Outcome::Timeout);
    }

    /// Whether the call is a trial.
    #[must_use]
    pub fn is_trial(&self) -> bool {
        self.trial
    }

    fn tell(&mut self, outcome: Outcome) {
        if !std::mem::replace(&mut self.told, true) {
            self.shared.ended(self.round, self.trial, outcome);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.tell(if std::thread::panicking() { Outcome::Failure } else { Outcome::Unknown });
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Permit").field("name", &self.shared.name).field("trial", &self.trial).finish()
    }
}

/// A call that is watched. It knows whether it was the work that panicked, or something else on the same
/// thread which took the call with it.
struct UnderWay {
    permit: Option<Permit>,
    is_working: bool,
}

impl UnderWay {
    fn ended(&mut self, outcome: Outcome) {
        if let Some(mut permit) = self.permit.take() {
            permit.tell(outcome);
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.ended(if self.is_working { Outcome::Failure } else { Outcome::Unknown });
    }
}

impl Shared {
    fn trials(&self) -> u32 {
        self.settings.trials.max(1)
    }

    /// Which part of the window it is, counted from the start.
    fn tick(&self, now: Instant) -> u64 {
        let length = (self.settings.window.as_nanos() / PARTS as u128).max(1);
        u64::try_from(now.duration_since(self.start).as_nanos() / length).unwrap_or(u64::MAX)
    }

    /// The state, brought up to date: time alone makes an open one half-open.
    fn lock_at(&self, now: Instant) -> MutexGuard<'_, Inner> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if let (BreakerState::Open, Some(until)) = (inner.state, inner.until)
            && until <= now
        {
            inner.passed = 0;
            self.turn(&mut inner, BreakerState::HalfOpen, until);
        }
        inner
    }

    fn turn(&self, inner: &mut Inner, state: BreakerState, since: Instant) {
        inner.state = state;
        inner.since = since;
        inner.round += 1;
        self.word.store(inner.round << 2 | state.bits(), Ordering::Release);
    }

    fn open(&self, inner: &mut Inner, now: Instant) {
        inner.until = now.checked_add(inner.open_for);
        self.turn(inner, BreakerState::Open, now);
    }

    fn ended(&self, round: u64, trial: bool, outcome: Outcome) {
        let failed = matches!(outcome, Outcome::Failure | Outcome::Timeout);
        if failed {
            self.failures.fetch_add(1, Ordering::Release);
        }
        if outcome == Outcome::Timeout {
            self.timeouts.fetch_add(1, Ordering::Release);
        }
        if outcome == Outcome::Unknown && !trial {
            return;
        }
        let news = self.judge(Instant::now(), round, trial, outcome, failed);
        let name = &self.name;
        match news {
            Some(News::Opened) => {
                tracing::warn!(breaker = %name, "too many calls fail; going on without it until it answers");
                self.left_closed.notify_waiters();
            }
            Some(News::OpenedAgain(rest)) => {
                tracing::debug!(breaker = %name, ?rest, "a trial failed");
            }
            Some(News::Closed) => tracing::info!(breaker = %name, "it answers again"),
            None => {}
        }
    }

    fn judge(&self, now: Instant, round: u64, trial: bool, outcome: Outcome, failed: bool) -> Option<News> {
        let mut guard = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let inner = &mut *guard;
        if trial {
            inner.on_trial = inner.on_trial.saturating_sub(1);
        }
        if round != inner.round || outcome == Outcome::Unknown {
            return None;
        }
        match inner.state {
            BreakerState::Closed => {
                let tick = self.tick(now);
                inner.count(tick, failed);
                inner.in_a_row = if failed { inner.in_a_row.saturating_add(1) } else { 0 };
                if !failed || !self.is_too_much(inner, tick) {
                    return None;
                }
                inner.opened += 1;
                inner.left_closed_at = now;
                self.open(inner, now);
                Some(News::Opened)
            }
            BreakerState::HalfOpen if failed => {
                let most = self.settings.open_for_at_most.max(self.settings.open_for);
                inner.open_for = inner.open_for.saturating_mul(2).min(most);
                self.open(inner, now);
                Some(News::OpenedAgain(inner.open_for))
            }
            BreakerState::HalfOpen => {
                inner.passed = inner.passed.saturating_add(1);
                if inner.passed < self.trials() {
                    return None;
                }
                inner.open_for = self.settings.open_for;
                inner.in_a_row = 0;
                inner.parts = [Part::default(); PARTS];
                self.turn(inner, BreakerState::Closed, now);
                Some(News::Closed)
            }
            // No permit is given while it is open, so none is of such a round.
            BreakerState::Open => None,
        }
    }

    fn is_too_much(&self, inner: &Inner, tick: u64) -> bool {
        let settings = &self.settings;
        if settings.failures_in_a_row.is_some_and(|most| inner.in_a_row >= most) {
            return true;
        }
        let (calls, failures) = inner.counted(tick);
        calls >= u64::from(settings.least_calls) && failures as f64 >= settings.failure_share * calls as f64
    }
}

impl Inner {
    fn count(&mut self, tick: u64, failed: bool) {
        let part = &mut self.parts[place(tick)];
        if part.tick != tick {
            *part = Part { tick, ..Part::default() };
        }
        part.calls = part.calls.saturating_add(1);
        part.failures = part.failures.saturating_add(u32::from(failed));
    }

    /// The calls and failures of the window that ends with this part.
    fn counted(&self, tick: u64) -> (u64, u64) {
        let within = self.parts.iter().filter(|part| tick.saturating_sub(part.tick) < PARTS as u64);
        within.fold((0, 0), |(calls, failures), part| {
            (calls + u64::from(part.calls), failures + u64::from(part.failures))
        })
    }

    fn left_open(&self, now: Instant) -> Duration {
        self.until.map_or(self.open_for, |until| until.duration_since(now))
    }
}

fn place(tick: u64) -> usize {
    usize::try_from(tick % PARTS as u64).unwrap_or(0)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// All breakers of a program. Cheap to clone; all clones are one.
#[derive(Clone, Debug, Default)]
pub struct Breakers {
    by_name: Arc<Mutex<BTreeMap<Arc<str>, Breaker>>>,
}

impl Breakers {
    /// Lists a breaker. One of the same name takes the other's place; those beyond 256 are left out. Both
    /// are defects, and logged.
    pub fn register(&self, breaker: &Breaker) {
        let name = &breaker.shared.name;
        let mut by_name = self.by_name.lock().unwrap_or_else(PoisonError::into_inner);
        if by_name.len() >= MOST_BREAKERS && !by_name.contains_key(name) {
            tracing::warn!(breaker = %name, "there are too many breakers; it is not listed");
            return;
        }
        let replaced = by_name.insert(name.clone(), breaker.clone());
        if replaced.is_some_and(|other| !Arc::ptr_eq(&other.shared, &breaker.shared)) {
            tracing::warn!(breaker = %name, "there are two breakers of this name; the later one is listed");
        }
    }

    /// The figures of each, by name.
    #[must_use]
    pub fn figures(&self) -> Vec<BreakerFigures> {
        let by_name = self.by_name.lock().unwrap_or_else(PoisonError::into_inner);
        by_name.values().map(Breaker::figures).collect()
    }
}
