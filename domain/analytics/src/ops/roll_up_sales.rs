//! The job that an event of sales makes: its days are written, and their weeks and their month derived.
//!
//! **Invariants:**
//! - Done twice, or after a later event's, it changes nothing that the other wrote: each day is guarded by the
//!   position of its event. So jobs need no order, and any number may run at once.
//! - Of one store one job at a time derives sums: it sees all days that others have committed, and none can be
//!   committed beside it that its sums do not have.
//! - The job ends in the transaction of its effect. An attempt that was killed or has lost the job leaves nothing.
//!
//! What cannot be read is discarded: it stays among the failed jobs until somebody has looked at it.

use std::time::Duration;

use entrepot_contracts::StoreId;
use entrepot_jobs::{Context, Job, Outcome, Retries};
use entrepot_pg::{Database, Error, ScopedFutureExt as _};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::{self, Unreadable};
use crate::store;

/// The queue that sums are made in.
pub const QUEUE: &str = "analytics";

/// Writes what an event of sales tells.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RollUpSales {
    /// Its position.
    pub(crate) event: u64,
    pub(crate) store_id: StoreId,
    pub(crate) year: i16,
    /// 1 to 12.
    pub(crate) month: i16,
    /// By day of the month what is known of it now; of a day that is gone, null.
    pub(crate) days: Option<Value>,
    /// The month is gone, with all its days.
    pub(crate) is_deleted: bool,
}

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
enum RollUpSalesError {
    #[error("the event cannot be read: {0}")]
    Unreadable(#[from] Unreadable),
    #[error(transparent)]
    Database(#[from] Error),
}

impl Job for RollUpSales {
    const KIND: &'static str = "analytics.roll_up_sales";
    const QUEUE: &'static str = QUEUE;
    /// A database may be away for an hour.
    const RETRIES: Retries = Retries { at_most: 15, longest_pause: Duration::from_secs(600), ..Retries::DEFAULT };
    const TIMEOUT: Duration = Duration::from_secs(60);
    type Needs = Database;

    async fn run(&self, database: &Database, context: &Context) -> Outcome {
        match roll_up(database, self, context).await {
            Ok(outcome) => outcome,
            Err(error @ RollUpSalesError::Unreadable(_)) => Outcome::discard(error),
            Err(error @ RollUpSalesError::Database(_)) => {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                Outcome::retry(cause.map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}")))
            }
        }
    }
}

async fn roll_up(database: &Database, job: &RollUpSales, context: &Context) -> Result<Outcome, RollUpSalesError> {
    let month = model::first_of(job.year, job.month)?;
    let days = &if job.is_deleted { model::all_gone(month) } else { model::read_days(month, job.days.as_ref())? };
    let store_id = &job.store_id;
    database
        .transaction(|transaction| {
            async move {
                // Before anything is read: each statement sees what was committed before it, so from here on that is
                // all that there is of this store.
                store::store_lock(transaction, store_id).await?;
                let written = store::days_upsert(transaction, store_id, days, job.event).await?;
                if !written.is_empty() {
                    store::weeks_derive(transaction, store_id, &written).await?;
                    store::month_derive(transaction, store_id, month).await?;
                }
                Ok(context.complete(transaction).await?)
            }
            .scope_boxed()
        })
        .await
}
