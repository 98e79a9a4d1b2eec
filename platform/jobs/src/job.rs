//! What a job is, and how an attempt at it ends.
//!
//! **Invariant:** an outcome says what happens next, and nothing else does: no error is looked into for it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use entrepot_pg::{Error, ScopedFutureExt as _, Transaction};
use entrepot_runtime::ShutdownSignal;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::watch;
use tokio::time::Instant;
use uuid::Uuid;

use crate::Jobs;
use crate::news::News;
use crate::store::{self, Token};

/// How often a job's progress is written down at the most.
const PROGRESS_EVERY: Duration = Duration::from_millis(200);

/// Work of one kind. What is serialised is its payload: ids rather than rows, which may have changed when it runs.
/// A member `secret` of it is shown to nobody, and removed when the job ends.
pub trait Job: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Its name in the table. It stays what it is for as long as one may be waiting.
    const KIND: &'static str;
    /// The queue that it waits in.
    const QUEUE: &'static str;
    /// How urgent it is unless the enqueuer says otherwise.
    const PRIORITY: Priority = Priority::NORMAL;
    /// How often it is tried again.
    const RETRIES: Retries = Retries::DEFAULT;
    /// How long an attempt may take.
    const TIMEOUT: Duration = Duration::from_secs(300);
    /// What it is given to work with.
    type Needs: Send + Sync + 'static;

    /// Does it once. It is done at least once; an effect in the database that goes through
    /// [`Context::complete`] happens exactly once. For an effect elsewhere there is [`Context::key`].
    fn run(&self, needs: &Self::Needs, context: &Context) -> impl Future<Output = Outcome> + Send;
}

/// How urgent a job is: 1 to 10, 1 first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Priority(i16);

impl Priority {
    /// What somebody waits for: mail, notifications.
    pub const HIGH: Self = Self(1);
    /// Everything else.
    pub const NORMAL: Self = Self(5);
    /// What may as well be done at night.
    pub const LOW: Self = Self(10);

    /// One of 1 to 10; what is beyond them is the nearest.
    #[must_use]
    pub fn new(level: i16) -> Self {
        Self(level.clamp(1, 10))
    }

    /// 1 to 10.
    #[must_use]
    pub fn level(self) -> i16 {
        self.0
    }
}

/// How often a job is tried again, and after which pauses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retries {
    /// Attempts after the first.
    pub at_most: u8,
    /// The first pause; each further one is twice as long, and all are lengthened by up to a quarter, so that
    /// what failed together does not come back together.
    pub first_pause: Duration,
    /// The longest pause.
    pub longest_pause: Duration,
}

impl Retries {
    /// Three, after 1 s, 2 s and 4 s.
    pub const DEFAULT: Self =
        Self { at_most: 3, first_pause: Duration::from_secs(1), longest_pause: Duration::from_secs(3_600) };
    /// None.
    pub const NEVER: Self = Self { at_most: 0, ..Self::DEFAULT };

    pub(crate) fn attempts(self) -> i16 {
        i16::from(self.at_most.min(99)) + 1
    }

    /// The pause after so many failures, the last one included.
    pub(crate) fn pause(self, failures: i16, noise: f64) -> Duration {
        let doublings = u32::try_from(failures.saturating_sub(1)).unwrap_or(0).min(30);
        let pause = self.first_pause.saturating_mul(2_u32.pow(doublings)).min(self.longest_pause);
        pause.mul_f64(1.0 + noise.clamp(0.0, 1.0) / 4.0)
    }

    /// The same where another side has asked for a pause: its wish guards it, ours guards us.
    pub(crate) fn pause_asked(self, failures: i16, noise: f64, asked: Duration) -> Duration {
        self.pause(failures, noise).max(asked)
    }
}

/// How an attempt ended.
#[derive(Debug)]
pub enum Outcome {
    /// It is done.
    Done,
    /// It is done, and that was recorded with its effect.
    Settled(Settled),
    /// It failed and is tried again, after the pause that its kind's [`Retries`] say, as long as it has any left.
    Retry {
        /// What it failed with, for people.
        error: String,
    },
    /// The same, but not before what a busy service asks for: that can lengthen the pause, and never shorten it.
    RetryAfter {
        /// The pause that is asked for.
        pause: Duration,
        /// What it failed with.
        error: String,
    },
    /// It is not time yet. Counts as no failure.
    Snooze(Duration),
    /// It is not wanted any more.
    Cancel {
        /// Why.
        reason: String,
    },
    /// It can never succeed.
    Discard {
        /// Why.
        error: String,
    },
}

impl Outcome {
    /// A failure that may pass.
    pub fn retry(error: impl ToString) -> Self {
        Self::Retry { error: error.to_string() }
    }

    /// A failure for good.
    pub fn discard(error: impl ToString) -> Self {
        Self::Discard { error: error.to_string() }
    }
}

/// That a job's end was recorded in a transaction. Only [`Context::complete`] makes one.
#[derive(Debug)]
pub struct Settled(());

/// An attempt, as the job sees it.
#[derive(Debug)]
pub struct Context {
    pub(crate) jobs: Jobs,
    pub(crate) token: Token,
    pub(crate) failures: i16,
    pub(crate) is_last: bool,
    pub(crate) cancelled: watch::Receiver<bool>,
    pub(crate) stop: ShutdownSignal,
    pub(crate) kind: &'static str,
    pub(crate) queue: String,
    pub(crate) told_at: Mutex<Option<Instant>>,
}

impl Context {
    /// The job's id.
    #[must_use]
    pub fn id(&self) -> i64 {
        self.token.id
    }

    /// The jobs that it is one of: to enqueue more, and for their database.
    #[must_use]
    pub fn jobs(&self) -> &Jobs {
        &self.jobs
    }

    /// A key that stays the same through all attempts at this job: for services that tell by one that they have
    /// done something already.
    #[must_use]
    pub fn key(&self) -> String {
        format!("job-{}", self.token.id)
    }

    /// An id of this attempt: no other attempt at any job has it. What an attempt writes outside of the job's own
    /// transaction can be told by it from what an attempt writes that was thought dead.
    #[must_use]
    pub fn attempt_id(&self) -> Uuid {
        let Token { id, claim, worker } = self.token;
        let mut bytes = worker.into_bytes();
        for (byte, mixed) in bytes.iter_mut().zip(id.to_be_bytes().into_iter().chain(claim.to_be_bytes())) {
            *byte ^= mixed;
        }
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }

    /// Attempts that ended badly before this one.
    #[must_use]
    pub fn failures(&self) -> i16 {
        self.failures
    }

    /// Whether there will be no further attempt when this one fails.
    #[must_use]
    pub fn is_last(&self) -> bool {
        self.is_last
    }

    /// Records, in the transaction of the job's effect, that the job is done: the last thing in it. Both happen
    /// or neither does; and neither where the job has meanwhile been given to another worker.
    ///
    /// # Errors
    /// [`Error::Refused`] when this attempt has lost the job: let the transaction fail.
    pub async fn complete(&self, transaction: &Transaction) -> Result<Outcome, Error> {
        if store::complete_within(transaction, self.token).await? {
            Ok(Outcome::Settled(Settled(())))
        } else {
            Err(Error::Refused("the job has been given to another worker"))
        }
    }

    /// Says how far it is. What is said within a fifth of a second of what was said before is not written down,
    /// unless it is 100.
    ///
    /// # Errors
    /// What the database failed with; [`Error::Refused`] when this attempt has lost the job.
    pub async fn progress(&self, percent: u8, message: &str) -> Result<(), Error> {
        let percent = percent.min(100);
        {
            let mut told_at = self.told_at.lock().unwrap_or_else(PoisonError::into_inner);
            if percent < 100 && told_at.is_some_and(|at| at.elapsed() < PROGRESS_EVERY) {
                return Ok(());
            }
            *told_at = Some(Instant::now());
        }
        let is_told = self
            .jobs
            .database()
            .transaction(|transaction| {
                async move {
                    if !store::progress(transaction, self.token, i16::from(percent), message).await? {
                        return Ok::<_, Error>(false);
                    }
                    let news = News::Progress {
                        id: self.token.id,
                        kind: self.kind.to_owned(),
                        queue: self.queue.clone(),
                        percent,
                        message: message.to_owned(),
                    };
                    self.jobs.tell(transaction, &news).await?;
                    Ok(true)
                }
                .scope_boxed()
            })
            .await?;
        if is_told { Ok(()) } else { Err(Error::Refused("the job has been given to another worker")) }
    }

    /// Returns when the program is to stop: what can be gone on with later is left then by
    /// [`Outcome::Snooze`]`(Duration::ZERO)`, and goes on with another worker at once.
    pub async fn stopping(&self) {
        self.stop.clone().wait().await;
    }

    /// Whether the program is to stop.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.stop.has_begun()
    }

    /// Returns when the job is to be cancelled. What it does then is its own affair, for as long as its time-out
    /// lets it: the job ends as cancelled whatever it returns, unless it is done.
    pub async fn cancelled(&self) {
        let mut cancelled = self.cancelled.clone();
        if cancelled.wait_for(|cancelled| *cancelled).await.is_err() {
            // Nobody is left who could ask for it.
            std::future::pending::<()>().await;
        }
    }

    /// Whether it is to be cancelled.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        *self.cancelled.borrow()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_and_are_never_shorter_than_told() {
        let pauses: Vec<_> = (1..=3).map(|failures| Retries::DEFAULT.pause(failures, 0.0).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4]);
        assert_eq!(Retries::DEFAULT.pause(3, 1.0), Duration::from_secs(5));
        assert_eq!(Retries::DEFAULT.pause(i16::MAX, 0.0), Duration::from_secs(3_600));
        assert_eq!(Retries::DEFAULT.attempts(), 4);
    }

    /// Otherwise a receiver that asks for no pause has all attempts in a moment.
    #[test]
    fn what_is_asked_for_lengthens_a_pause_and_never_shortens_it() {
        let pause = |asked| Retries::DEFAULT.pause_asked(5, 0.0, Duration::from_secs(asked)).as_secs();
        assert_eq!([0, 2, 16, 60, 90_000].map(pause), [16, 16, 16, 60, 90_000]);
    }
}
