//! What people are told: letters, their inbox, and webhooks for programs.
//!
//! | room | what it owns |
//! | --- | --- |
//! | [`letters`] | what letters say, as HTML and as text |
//! | [`post`](Post) | having letters sent, by jobs |
//! | `inbox` | what a person is told within the program |
//! | `webhooks` | events, sent to other programs |
//! | `store` | the statements |
//! | `http` | the endpoints |
//!
//! **Invariants:**
//! - Whatever is to be told is written down in the transaction that it is about, and told afterwards by jobs: what
//!   did not happen is told to nobody, and what did is told though the process dies.
//! - A token that a letter carries is shown to nobody, and gone from the database when the letter has been sent.
//! - A webhook is sent what its owner may see at that moment, and nothing after the owner may see it no longer.

mod http;
mod inbox;
pub mod letters;
mod notices;
mod post;
mod store;
mod webhooks;

use std::sync::Arc;
use std::time::Duration;

use entrepot_feed::Feed;
use entrepot_jobs::{Jobs, Work};
use entrepot_mail::Mailer;
use entrepot_pg::{Database, Error};
use entrepot_runtime::{Clock, Tasks};
use entrepot_web::{Doorkeeper, Module};
use entrepot_webhooks::{Sender, TargetRules};

pub use http::TEST_EVENT;
pub use inbox::News;
pub use letters::Shop;
pub use post::Post;

/// How often what is old is forgotten.
const FORGET_EVERY: Duration = Duration::from_secs(3_600);
/// How long what was told lies in an inbox.
const KEEP_NEWS: Duration = Duration::from_secs(90 * 86_400);
/// How long it is known what was sent to a webhook.
const KEEP_DELIVERIES: Duration = Duration::from_secs(7 * 86_400);
/// How long it is known who was written to: longer than letters are counted over.
const KEEP_SENT: Duration = Duration::from_secs(2 * 86_400);
/// Rows that are forgotten in one statement.
const FORGOTTEN_AT_ONCE: i64 = 5_000;

/// What notifications need.
pub struct Dependencies {
    /// Where they are kept.
    pub database: Database,
    /// Their time.
    pub clock: Clock,
    /// What webhooks are fed from, and where inboxes are told of.
    pub feed: Feed,
    /// What does the sending.
    pub jobs: Jobs,
    /// Who may see what.
    pub keeper: Arc<dyn Doorkeeper>,
    /// What has letters sent.
    pub post: Post,
    /// What sends them.
    pub mailer: Mailer,
    /// What sends webhooks.
    pub sender: Sender,
    /// Where webhooks may go.
    pub targets: TargetRules,
}

/// What people are told. Cheap to clone.
#[derive(Clone)]
pub struct Notifications {
    shared: Arc<Dependencies>,
}

impl std::fmt::Debug for Notifications {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Notifications").finish_non_exhaustive()
    }
}

impl Notifications {
    /// Nothing is told before [`Notifications::work`] is done by somebody.
    #[must_use]
    pub fn new(dependencies: Dependencies) -> Self {
        Self { shared: Arc::new(dependencies) }
    }

    /// Their part of the program.
    #[must_use]
    pub fn module(&self) -> Module {
        http::module(self.shared.clone())
    }

    /// Has a process send letters and webhooks.
    #[must_use]
    pub fn work(&self, work: Work) -> Work {
        let work = work.does::<post::SendLetter>(self.shared.clone());
        work.does::<webhooks::Deliver>(self.shared.clone())
    }

    /// Follows the feed for the webhooks, and forgets what is old.
    pub fn start(&self, tasks: &Tasks) {
        self.shared.feed.consume(tasks, webhooks::Outgoing(self.shared.clone()));
        let shared = self.shared.clone();
        tasks.supervise("notifications-upkeep", move || keep_up(shared.clone()));
    }
}

async fn keep_up(shared: Arc<Dependencies>) {
    let mut beat = tokio::time::interval(FORGET_EVERY);
    loop {
        beat.tick().await;
        if let Err(error) = forget(&shared).await {
            tracing::warn!(%error, "old notifications could not be forgotten; it is tried again in an hour");
        }
    }
}

async fn forget(shared: &Dependencies) -> Result<(), Error> {
    let now = shared.database.upkeep_time(&shared.clock).await?;
    loop {
        let client = shared.database.client().await?;
        let news = store::notifications_forget(&client, now - KEEP_NEWS, FORGOTTEN_AT_ONCE).await?;
        let deliveries = store::deliveries_forget(&client, now - KEEP_DELIVERIES, FORGOTTEN_AT_ONCE).await?;
        let letters = store::letters_forget(&client, now - KEEP_SENT, FORGOTTEN_AT_ONCE).await?;
        if news.max(deliveries).max(letters) < FORGOTTEN_AT_ONCE.cast_unsigned() {
            return Ok(());
        }
    }
}
