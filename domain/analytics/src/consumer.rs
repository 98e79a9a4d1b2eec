//! The events of sales, made into jobs.
//!
//! **Invariants:**
//! - Each event has one job, whoever is killed when: jobs are enqueued in the transaction that moves the consumer's
//!   position.
//! - An event that cannot be read is not passed over: the consumer stands still, and says so, until a program runs
//!   that can read it.

use entrepot_contracts::SalesChanged;
use entrepot_feed::{Consumer, ConsumerError, Event};
use entrepot_jobs::{Jobs, NewJob};
use entrepot_pg::Transaction;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use crate::ops::RollUpSales;

/// Makes jobs of what sales tell.
pub(crate) struct SalesEvents {
    jobs: Jobs,
}

/// Why no jobs were made.
#[derive(Debug, thiserror::Error)]
enum SalesEventsError {
    #[error("the event {event} is of a form that is not known here")]
    Unreadable {
        event: u64,
        #[source]
        source: serde_json::Error,
    },
    #[error(transparent)]
    Database(#[from] entrepot_pg::Error),
}

impl SalesEvents {
    pub(crate) fn new(jobs: Jobs) -> Self {
        Self { jobs }
    }

    async fn enqueue(&self, transaction: &Transaction, events: &[Event]) -> Result<(), SalesEventsError> {
        let mut new = Vec::new();
        for event in events {
            let unreadable = |source| SalesEventsError::Unreadable { event: event.id, source };
            if let Some(job) = job_of(event).map_err(unreadable)? {
                // Stores take turns: one whose ten years are imported holds up nobody else's day.
                new.push(NewJob::of(&job).tenant(job.store_id.to_string()));
            }
        }
        if !new.is_empty() {
            self.jobs.enqueue_all(transaction, &new).await?;
        }
        Ok(())
    }
}

/// The job that an event makes; `None` for an event of others.
fn job_of(event: &Event) -> Result<Option<RollUpSales>, serde_json::Error> {
    const NAMES: [(&str, bool); 3] =
        [(SalesChanged::CREATED, false), (SalesChanged::UPDATED, false), (SalesChanged::DELETED, true)];
    for (name, is_deleted) in NAMES {
        if let Some(told) = event.read::<SalesChanged>(name) {
            let SalesChanged { store_id, year, month, days, .. } = told?;
            return Ok(Some(RollUpSales { event: event.id, store_id, year, month, days, is_deleted }));
        }
    }
    Ok(None)
}

impl Consumer for SalesEvents {
    const NAME: &'static str = "analytics-sales";
    /// What was sold before there were analytics, as far as the feed still tells of it.
    const FROM_THE_BEGINNING: bool = true;

    fn consume<'a>(
        &'a self,
        transaction: &'a Transaction,
        events: &'a [Event],
    ) -> BoxFuture<'a, Result<(), ConsumerError>> {
        async move { Ok(self.enqueue(transaction, events).await?) }.boxed()
    }

    fn missed<'a>(&'a self, _: &'a Transaction, dropped_to: u64) -> BoxFuture<'a, Result<(), ConsumerError>> {
        async move {
            tracing::error!(
                dropped_to,
                "events of sales were dropped before analytics saw them: months that were written then are not counted \
                 until they are told again"
            );
            Ok(())
        }
        .boxed()
    }
}
