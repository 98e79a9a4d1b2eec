//! Jobs as people see them: queues, workers, what failed; and mending them by hand.
//!
//! **Invariants:**
//! - What is shown of a payload has no secret in it: neither its member `secret` nor any member whose name says that
//!   it holds one.
//! - What failed is tried again under its own id, so that whoever tells by its key that it was done already still can.

use std::collections::HashSet;

use entrepot_pg::{Error, ScopedFutureExt as _};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::job::Job;
use crate::news::News;
use crate::{Jobs, store};

/// Jobs that one call changes at the most.
pub const MOST_AT_ONCE: i64 = 10_000;
/// Ids that are told.
const MOST_IDS: usize = 100;
/// What stands in place of a secret.
const HIDDEN: &str = "(hidden)";

/// A queue.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueueOverview {
    /// Its name.
    #[schema(example = "email")]
    pub queue: String,
    /// Jobs that may run now.
    pub available: i64,
    /// Jobs that are not due yet.
    pub scheduled: i64,
    /// Jobs that failed and are tried again.
    pub retryable: i64,
    /// Jobs that run.
    pub running: i64,
    /// Jobs that failed for good and have not been cleared.
    pub discarded: i64,
    /// Attempts of the last 24 hours that ended well.
    pub done_in_a_day: i64,
    /// Attempts of the last 24 hours that did not.
    pub failed_in_a_day: i64,
    /// Workers alive that work on it.
    pub workers: i64,
    /// Since when it is paused.
    pub paused_at: Option<Timestamp>,
    /// Since when the job that has waited longest might have run.
    pub oldest_at: Option<Timestamp>,
    /// Attempts a minute, over the last five to six.
    pub per_minute: f64,
    /// How long jobs waited since they might run, in those minutes.
    pub waited: Times,
    /// How long attempts took: the mean in those minutes, the rest of the latest jobs that were done (up to 20,000
    /// of the last hour, of all queues).
    pub ran: Times,
}

/// How long something took, in milliseconds.
#[derive(Clone, Copy, Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = JobTimes)]
pub struct Times {
    /// The mean.
    pub mean_ms: Option<f64>,
    /// The median.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub median_ms: Option<f64>,
    /// What 95 of 100 stay under.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub p95_ms: Option<f64>,
}

/// A process that works on queues.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = JobWorker)]
pub struct Worker {
    /// Its id, until it is taken for dead.
    pub id: Uuid,
    /// What it calls itself.
    #[schema(example = "shop-1")]
    pub name: String,
    /// Its queues.
    #[schema(example = json!(["email", "exports"]))]
    pub queues: Vec<String>,
    /// Since when it works.
    pub started_at: Timestamp,
    /// When it was seen last.
    pub seen_at: Timestamp,
    /// Whether its lease holds.
    pub is_alive: bool,
    /// Jobs that it has.
    pub running: i64,
}

/// Jobs that are enqueued again and again.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = JobSchedule)]
pub struct Schedule {
    /// Its name.
    #[schema(example = "clear-old-jobs")]
    pub name: String,
    /// The pattern of cron, and the time zone.
    #[schema(example = "0 3 * * *")]
    pub pattern: String,
    /// The next slot.
    pub next_at: Timestamp,
    /// The last slot that had its job.
    pub last_at: Option<Timestamp>,
    /// That job.
    pub last_job: Option<i64>,
}

/// How far a job is that has not ended, in descriptions.
#[derive(utoipa::ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "describes a text")]
enum WaitingStatus {
    Scheduled,
    Available,
    Running,
    Retryable,
}

/// A job that has not ended.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WaitingJob {
    /// Its id.
    pub id: i64,
    /// Its queue.
    #[schema(example = "email")]
    pub queue: String,
    /// Its kind.
    #[schema(example = "send-letter")]
    pub kind: String,
    /// 1 to 10, 1 first.
    pub priority: i16,
    /// Whose it is, where tenants take turns.
    #[schema(example = "019a2b3c-4d5e-7f60-8a9b-0c1d2e3f4a5b")]
    pub tenant: String,
    /// How far it is.
    #[schema(value_type = WaitingStatus)]
    pub status: String,
    /// When it may run.
    pub run_at: Timestamp,
    /// Attempts that failed.
    pub failures: i16,
    /// Attempts that it has.
    pub max_attempts: i16,
    /// How far it is, 0 to 100.
    pub progress: Option<i16>,
    /// What it is at.
    pub message: Option<String>,
    /// What it was given, without secrets.
    #[schema(value_type = Object, example = json!({"template": "order_confirmation"}))]
    pub payload: Value,
    /// The request that caused it.
    pub request_id: Option<String>,
    /// When it was enqueued.
    pub created_at: Timestamp,
    /// When its last attempt began.
    pub started_at: Option<Timestamp>,
    /// Whether it is to be cancelled.
    pub is_cancelled: bool,
}

/// A job that has ended.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EndedJob {
    /// Its id.
    pub id: i64,
    /// Its queue.
    #[schema(example = "email")]
    pub queue: String,
    /// Its kind.
    #[schema(example = "send-letter")]
    pub kind: String,
    /// 1 to 10, 1 first.
    pub priority: i16,
    /// Whose it was.
    #[schema(example = "019a2b3c-4d5e-7f60-8a9b-0c1d2e3f4a5b")]
    pub tenant: String,
    /// What it was given, without secrets.
    #[schema(value_type = Object, example = json!({"template": "order_confirmation"}))]
    pub payload: Value,
    /// How it ended.
    #[schema(value_type = Ending)]
    pub outcome: String,
    /// What it failed with last.
    #[schema(example = "the mail server does not answer")]
    pub error: Option<String>,
    /// Attempts that failed.
    pub failures: i16,
    /// The request that caused it.
    pub request_id: Option<String>,
    /// When it was enqueued.
    pub created_at: Timestamp,
    /// When its last attempt began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Timestamp,
    /// Its attempts that did not end well, as far as they were asked for.
    pub attempts: Vec<Attempt>,
}

/// A job that was looked for by its id.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[serde(untagged)]
#[schema(as = Job)]
pub enum Looked {
    /// It has not ended.
    Waiting(Box<WaitingJob>),
    /// It has, with its attempts.
    Ended(Box<EndedJob>),
}

/// How an attempt ended that did not end well, in descriptions.
#[derive(utoipa::ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "describes a text")]
enum AttemptEnding {
    Failed,
    TimedOut,
    Panicked,
    Lost,
    Snoozed,
    Discarded,
    Cancelled,
}

/// An attempt that did not end well.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = JobAttempt)]
pub struct Attempt {
    /// Which it was.
    pub number: i32,
    /// How it ended.
    #[schema(value_type = AttemptEnding)]
    pub outcome: String,
    /// What it failed with.
    #[schema(example = "the mail server does not answer")]
    pub error: Option<String>,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Timestamp,
}

/// Which of the jobs that failed; all, where nothing is said.
#[derive(Clone, Debug, Default)]
pub struct Failures {
    /// Those of a queue.
    pub queue: Option<String>,
    /// Those of a kind.
    pub kind: Option<String>,
    /// Those that ended then or later.
    pub from: Option<Timestamp>,
    /// Those that ended before then.
    pub to: Option<Timestamp>,
}

/// How a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, utoipa::ToSchema)]
#[schema(as = JobEnding, rename_all = "lowercase")]
pub enum Ending {
    /// It was done.
    Completed,
    /// It failed for good.
    Discarded,
    /// It was cancelled.
    Cancelled,
}

impl Ending {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Completed, Self::Discarded, Self::Cancelled];

    /// As the table has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Discarded => "discarded",
            Self::Cancelled => "cancelled",
        }
    }
}

impl Jobs {
    /// The time that jobs go by: the database's.
    ///
    /// # Errors
    /// What the database failed with.
    pub async fn now(&self) -> Result<Timestamp, Error> {
        store::now(&self.database().client().await?).await
    }

    /// All queues that anything is known of.
    ///
    /// # Errors
    /// What the database failed with.
    pub async fn queues(&self) -> Result<Vec<QueueOverview>, Error> {
        store::overview::queues(&self.database().client().await?, self.shared.settings.lease).await
    }

    /// The workers that are there.
    ///
    /// # Errors
    /// What the database failed with.
    pub async fn workers(&self) -> Result<Vec<Worker>, Error> {
        store::overview::workers(&self.database().client().await?, self.shared.settings.lease).await
    }

    /// What is enqueued again and again.
    ///
    /// # Errors
    /// What the database failed with.
    pub async fn schedules(&self) -> Result<Vec<Schedule>, Error> {
        store::overview::schedules(&self.database().client().await?).await
    }

    /// Jobs that have not ended, of a queue or in a status: those that run first, then the oldest.
    ///
    /// # Errors
    /// What the database failed with.
    pub async fn waiting(
        &self,
        queue: Option<&str>,
        status: Option<&str>,
        at_most: u16,
    ) -> Result<Vec<WaitingJob>, Error> {
        store::overview::waiting(&self.database().client().await?, queue, status, at_most.into()).await
    }

    /// A job, as long as it is kept: as it waits or runs, or as it ended, with its attempts.
    ///
    /// # Errors
    /// What the database failed with.
    pub async fn look(&self, id: i64) -> Result<Option<Looked>, Error> {
        let client = self.database().client().await?;
        let mut found = store::overview::by_id(&client, id).await?;
        if let Some(Looked::Ended(ended)) = &mut found {
            let attempts = store::overview::attempts(&client, &[id]).await?;
            ended.attempts = attempts.into_iter().map(|(_, attempt)| attempt).collect();
        }
        Ok(found)
    }

    /// Which of these keys jobs of a kind have that wait or run. Whoever orders its work by a key finds by this what
    /// has ended without a word: lost with its workers, or cancelled by hand.
    ///
    /// # Errors
    /// What the database failed with.
    pub async fn keys_in_use<J: Job>(&self, keys: &[String]) -> Result<HashSet<String>, Error> {
        store::overview::keys_in_use(&self.database().client().await?, J::KIND, keys).await
    }

    /// What failed for good, with its attempts: the newest first, from below an id on.
    ///
    /// # Errors
    /// What the database failed with.
    pub async fn failed(&self, which: &Failures, below: Option<i64>, at_most: u16) -> Result<Vec<EndedJob>, Error> {
        store::overview::failed(&self.database().client().await?, which, below, at_most.into()).await
    }

    /// Has jobs that failed for good tried again, up to [`MOST_AT_ONCE`]: those with these ids, or all that are meant.
    /// Tells which.
    ///
    /// # Errors
    /// What the database failed with.
    pub async fn retry(&self, ids: Option<&[i64]>, which: &Failures) -> Result<Vec<i64>, Error> {
        let retried = self
            .database()
            .transaction(|transaction| {
                async move {
                    let retried = store::overview::retry(transaction, ids, which, MOST_AT_ONCE).await?;
                    let told = retried.iter().take(MOST_IDS).map(|(id, _)| *id).collect();
                    self.tell(transaction, &News::Retried { count: retried.len(), ids: told }).await?;
                    Ok::<_, Error>(retried)
                }
                .scope_boxed()
            })
            .await?;
        let mut queues: Vec<&str> = retried.iter().map(|(_, queue)| queue.as_str()).collect();
        queues.sort_unstable();
        queues.dedup();
        queues.into_iter().for_each(|queue| self.wake(queue));
        Ok(retried.into_iter().map(|(id, _)| id).collect())
    }

    /// Forgets jobs that ended so, up to [`MOST_AT_ONCE`]; tells how many.
    ///
    /// # Errors
    /// What the database failed with.
    pub async fn clear(&self, endings: &[Ending], which: &Failures) -> Result<u64, Error> {
        let names: Vec<&str> = endings.iter().map(|ending| ending.name()).collect();
        let names = &names;
        self.database()
            .transaction(|transaction| {
                async move {
                    let count = store::overview::clear(transaction.client(), names, which, MOST_AT_ONCE).await?;
                    let endings = endings.iter().map(|ending| ending.name()).collect();
                    self.tell(transaction, &News::Cleared { count, endings, queue: which.queue.clone() }).await?;
                    Ok::<_, Error>(count)
                }
                .scope_boxed()
            })
            .await
    }

    /// Cancels the jobs of a queue that wait, up to [`MOST_AT_ONCE`]; tells how many.
    ///
    /// # Errors
    /// What the database failed with.
    pub async fn cancel_waiting(&self, queue: &str) -> Result<u64, Error> {
        self.database()
            .transaction(|transaction| {
                async move {
                    let count = store::overview::cancel_waiting(transaction.client(), queue, MOST_AT_ONCE).await?;
                    self.tell(transaction, &News::Emptied { queue: queue.to_owned(), count }).await?;
                    Ok::<_, Error>(count)
                }
                .scope_boxed()
            })
            .await
    }

    /// Has a queue do nothing on any worker; those of its jobs that run go on. Whether it was not paused before.
    ///
    /// # Errors
    /// What the database failed with.
    pub async fn pause(&self, queue: &str) -> Result<bool, Error> {
        self.set_paused(queue, true).await
    }

    /// Ends a pause. Whether there was one.
    ///
    /// # Errors
    /// What the database failed with.
    pub async fn resume(&self, queue: &str) -> Result<bool, Error> {
        let was_paused = self.set_paused(queue, false).await?;
        self.wake(queue);
        Ok(was_paused)
    }

    async fn set_paused(&self, queue: &str, is_paused: bool) -> Result<bool, Error> {
        self.database()
            .transaction(|transaction| {
                async move {
                    let has_changed = store::pause(transaction, queue, is_paused).await?;
                    if has_changed {
                        let queue = queue.to_owned();
                        let news = if is_paused { News::Paused { queue } } else { News::Resumed { queue } };
                        self.tell(transaction, &news).await?;
                    }
                    Ok::<_, Error>(has_changed)
                }
                .scope_boxed()
            })
            .await
    }

    /// Gives a tenant so many shares of a queue, 1 to 100, where others have one. Workers learn of
    /// it with their next survey.
    ///
    /// # Errors
    /// What the database failed with; [`Error::Refused`] when the weight is out of range.
    pub async fn weigh(&self, queue: &str, tenant: &str, weight: i16) -> Result<(), Error> {
        if !(1..=100).contains(&weight) {
            return Err(Error::Refused("a weight is 1 to 100"));
        }
        self.database()
            .transaction(|transaction| {
                async move {
                    store::overview::weigh(transaction.client(), queue, tenant, weight).await?;
                    let (queue, tenant) = (queue.to_owned(), tenant.to_owned());
                    self.tell(transaction, &News::Weighed { queue, tenant, weight }).await
                }
                .scope_boxed()
            })
            .await
    }
}

/// A payload as it may be shown.
pub(crate) fn without_secrets(payload: Value) -> Value {
    const TELLING: [&str; 8] =
        ["secret", "password", "token", "apikey", "api_key", "authorization", "credential", "private"];
    match payload {
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| {
                let lower = name.to_ascii_lowercase();
                let is_secret = TELLING.iter().any(|telling| lower.contains(telling));
                let shown = if is_secret { HIDDEN.into() } else { without_secrets(value) };
                (name, shown)
            })
            .collect(),
        Value::Array(all) => all.into_iter().map(without_secrets).collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn no_secret_is_shown_however_deep_it_lies() {
        let payload = json!({
            "to": "a@b.example", "secret": {"link": "https://x"},
            "inner": [{"resetToken": "t", "Password": "p", "count": 1}],
        });
        let shown = json!({
            "to": "a@b.example", "secret": "(hidden)",
            "inner": [{"resetToken": "(hidden)", "Password": "(hidden)", "count": 1}],
        });
        assert_eq!(without_secrets(payload), shown);
    }
}
