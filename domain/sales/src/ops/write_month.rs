//! Puts a store's month in place of what was there, or changes it by a merge patch, day by day.
//!
//! **Invariant:** a patch is applied to the month as it is under the lock, so of two patches at the same
//! time neither loses what the other wrote of another day, or of another field of the same day.

use entrepot_contracts::SalesChanged;
use entrepot_pg::{Error, ScopedFutureExt as _, Transaction};
use entrepot_web::Fault;
use entrepot_web::body::merge_patch;
use serde_json::Value;

use super::{Accepts, RACES};
use crate::Dependencies;
use crate::events::month_changed;
use crate::model::{Days, MonthKey, SalesMonth, read_days};
use crate::store::{self, Upserted};

/// Why a month was not written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WriteMonthError {
    #[error("there is no such store")]
    NoStore,
    #[error("there is no such month")]
    NotFound,
    #[error("the month is at version {0}")]
    MovedOn(i64),
    #[error("the patched month is not valid")]
    Invalid(Vec<Fault>),
    #[error("the month was made by another at the same time")]
    Raced,
    #[error(transparent)]
    Database(Error),
}

impl From<Error> for WriteMonthError {
    fn from(error: Error) -> Self {
        match error.constraint() {
            Some("month_store_id_fkey") => Self::NoStore,
            _ => Self::Database(error),
        }
    }
}

/// What is demanded of the month that is there.
pub(crate) struct Demand<'a> {
    pub(crate) accepts: Accepts<'a>,
    /// That there is one.
    pub(crate) exists: bool,
}

enum Change<'a> {
    Whole(&'a Days),
    Patch(&'a Days),
}

/// Puts a month in place of what was there. Tells whether it is new.
pub(crate) async fn put_month(
    to: &Dependencies,
    key: &MonthKey,
    demand: &Demand<'_>,
    days: &Days,
) -> Result<(SalesMonth, bool), WriteMonthError> {
    write(to, key, demand, &Change::Whole(days)).await
}

/// Changes a month; one that is not there is begun. Tells whether it is new.
pub(crate) async fn patch_month(
    to: &Dependencies,
    key: &MonthKey,
    demand: &Demand<'_>,
    patch: &Days,
) -> Result<(SalesMonth, bool), WriteMonthError> {
    write(to, key, demand, &Change::Patch(patch)).await
}

async fn write(
    to: &Dependencies,
    key: &MonthKey,
    demand: &Demand<'_>,
    change: &Change<'_>,
) -> Result<(SalesMonth, bool), WriteMonthError> {
    let mut races = 0;
    loop {
        let outcome = to
            .database
            .transaction(|transaction| {
                async move { write_in(transaction, to, key, demand, change).await }.scope_boxed()
            })
            .await;
        match outcome {
            Err(WriteMonthError::Raced) if races < RACES => races += 1,
            outcome => return outcome,
        }
    }
}

async fn write_in(
    transaction: &Transaction,
    to: &Dependencies,
    key: &MonthKey,
    demand: &Demand<'_>,
    change: &Change<'_>,
) -> Result<(SalesMonth, bool), WriteMonthError> {
    let before = store::month_lock(transaction, key).await?;
    match &before {
        Some(month) if !(demand.accepts)(month.version) => return Err(WriteMonthError::MovedOn(month.version)),
        None if demand.exists => return Err(WriteMonthError::NotFound),
        _ => {}
    }
    let (days, told) = match change {
        Change::Whole(days) => ((*days).clone(), *days),
        Change::Patch(patch) => {
            let now = before.as_ref().map(|month| serde_json::from_str(month.daily_data.get()));
            let mut now: Value = now.and_then(Result::ok).unwrap_or_else(|| Value::Object(Days::new()));
            merge_patch(&mut now, Value::Object((*patch).clone()));
            (read_days(&now, Some(key), "/dailyData", false).map_err(WriteMonthError::Invalid)?, *patch)
        }
    };
    let rows = [(to.clock.new_id(), key, &days)];
    let written = store::months_upsert(transaction, &rows, false, to.clock.now()).await?;
    // Of the days that were named, and of those that are gone, how they are now.
    let old: Days =
        before.as_ref().and_then(|month| serde_json::from_str(month.daily_data.get()).ok()).unwrap_or_default();
    let gone = old.keys().filter(|day| !days.contains_key(*day));
    let told: Days =
        told.keys().chain(gone).map(|day| (day.clone(), days.get(day).cloned().unwrap_or(Value::Null))).collect();
    let (event, is_new) = match written.first() {
        // There was none to apply the change to, and now there is: what another wrote would be lost.
        Some(Upserted::Updated { .. } | Upserted::Unchanged { .. }) if before.is_none() => {
            return Err(WriteMonthError::Raced);
        }
        Some(Upserted::Created { totals, .. }) => {
            (Some(month_changed(SalesChanged::CREATED, key, Some(&told), Some(*totals), None)), true)
        }
        Some(Upserted::Updated { totals, before, .. }) => {
            (Some(month_changed(SalesChanged::UPDATED, key, Some(&told), Some(*totals), Some(*before))), false)
        }
        Some(Upserted::Unchanged { .. }) => (None, false),
        Some(Upserted::NoStore) => return Err(WriteMonthError::NoStore),
        Some(Upserted::Raced) | None => return Err(WriteMonthError::Raced),
    };
    to.feed.append_all(transaction, event.into_iter().collect()).await?;
    let after = store::month_lock(transaction, key).await?.ok_or(WriteMonthError::NotFound)?;
    Ok((after, is_new))
}
