//! Having letters sent: a letter is a job, enqueued in the transaction that it is about.
//!
//! **Invariants:**
//! - A letter that carries a token has its data in the job's secret, which nobody is shown and which goes when the job
//!   ends.
//! - What a mail server says decides what happens next: a refusal for good ends the letter, everything else is tried
//!   again; a breaker that is open and a recipient who has had enough cost no attempt.
//! - What an address may have in an hour is counted over all workers. A letter that was certainly not sent does not
//!   count.

use std::sync::Arc;
use std::time::Duration;

use entrepot_jobs::{Context, Job, Jobs, NewJob, Outcome, Priority, Retries};
use entrepot_mail::{Letter, MailError};
use entrepot_pg::{Error, ScopedFutureExt as _, Transaction};
use entrepot_runtime::Clock;
use serde::{Deserialize, Serialize};

use crate::letters::{Shop, Template};
use crate::{Dependencies, store};

/// How long a letter waits at the least whose recipient has had enough.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);

/// Has letters sent. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Post {
    jobs: Jobs,
    shop: Arc<Shop>,
    pub(crate) clock: Clock,
}

impl Post {
    /// For a shop's letters.
    #[must_use]
    pub fn new(jobs: Jobs, shop: Shop, clock: Clock) -> Self {
        Self { jobs, shop: Arc::new(shop), clock }
    }

    /// The shop that writes.
    #[must_use]
    pub fn shop(&self) -> &Shop {
        &self.shop
    }

    /// Has a letter sent, if and only if the transaction commits. Tells the job that does it.
    ///
    /// # Errors
    /// What the database failed with.
    pub async fn send(&self, transaction: &Transaction, to: &str, template: Template) -> Result<i64, Error> {
        let name = template.name();
        let (letter, secret) = if template.is_secret() { (None, Some(template)) } else { (Some(template), None) };
        let job = SendLetter { to: to.to_owned(), name: name.to_owned(), letter, secret };
        Ok(self.jobs.enqueue(transaction, NewJob::of(&job)).await?.id())
    }
}

/// Sends a letter.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SendLetter {
    to: String,
    /// The template's name.
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    letter: Option<Template>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    secret: Option<Template>,
}

impl Job for SendLetter {
    const KIND: &'static str = "send-letter";
    const QUEUE: &'static str = "email";
    const PRIORITY: Priority = Priority::HIGH;
    /// 5 s, 10 s, 20 s, … up to an hour: some four hours in all, as servers that greylist want to be asked again after
    /// minutes, and one that is being mended after hours.
    const RETRIES: Retries = Retries { at_most: 12, first_pause: Duration::from_secs(5), ..Retries::DEFAULT };
    const TIMEOUT: Duration = Duration::from_secs(120);
    type Needs = Dependencies;

    async fn run(&self, needs: &Dependencies, context: &Context) -> Outcome {
        let Some(template) = self.secret.as_ref().or(self.letter.as_ref()) else {
            return Outcome::discard("what it was to say went with its first end: it cannot be sent again");
        };
        let rendered = match template.render(needs.post.shop()) {
            Ok(rendered) => rendered,
            Err(error) => return Outcome::discard(error),
        };
        let letter = Letter {
            to: self.to.clone(),
            subject: rendered.subject,
            text: rendered.text,
            html: Some(rendered.html),
            kind: self.name.clone(),
            key: context.key(),
            attachments: Vec::new(),
        };
        let is_new = match take_place(needs, &letter).await {
            Ok(Ok(is_new)) => is_new,
            Ok(Err(wait)) => return Outcome::Snooze(wait),
            Err(error) => return Outcome::retry(error),
        };
        match needs.mailer.send(&letter).await {
            Ok(_sent) => Outcome::Done,
            Err(error) => {
                // One that it had before is of an attempt whose answer never came: that may have arrived.
                if is_new && !matches!(error, MailError::TimedOut(_)) {
                    give_place_back(needs, &letter).await;
                }
                outcome_of(&error)
            }
        }
    }
}

/// Takes a place among the letters that an address may have, and tells whether the letter had none before; where all
/// are taken, in how long one will be free.
async fn take_place(needs: &Dependencies, letter: &Letter) -> Result<Result<bool, Duration>, Error> {
    let (at_most, window) = needs.mailer.per_recipient();
    let now = needs.clock.now();
    let since = now - window;
    needs
        .database
        .transaction(|transaction| {
            async move {
                store::letter_lock(transaction, &letter.to).await?;
                let place =
                    store::letter_take(transaction, &letter.key, &letter.to, now, since, at_most.into()).await?;
                if let Some(is_new) = place {
                    return Ok::<_, Error>(Ok(is_new));
                }
                let first = store::letter_first(transaction, &letter.to, since).await?.unwrap_or(now);
                let wait = Duration::try_from(first.duration_since(since)).unwrap_or_default();
                Ok(Err(wait.clamp(SHORTEST_WAIT, window.max(SHORTEST_WAIT))))
            }
            .scope_boxed()
        })
        .await
}

async fn give_place_back(needs: &Dependencies, letter: &Letter) {
    let back = async { store::letter_give_back(&needs.database.client().await?, &letter.key).await };
    if let Err(error) = back.await {
        tracing::warn!(%error, "a letter that was not sent counts against its recipient for an hour");
    }
}

fn outcome_of(error: &MailError) -> Outcome {
    let cause = std::error::Error::source(error).map(ToString::to_string);
    let told = cause.map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"));
    match error {
        // Nobody was asked: that is no attempt.
        MailError::BreakerOpen { again_after } | MailError::TooManyForRecipient { again_after } => {
            Outcome::Snooze(*again_after)
        }
        error if error.is_permanent() => Outcome::discard(told),
        _ => Outcome::retry(told),
    }
}
