//! Deletes a store's month, or many at once: all or nothing, or each with a verdict of its own.

use entrepot_contracts::{SalesBatchDone, SalesChanged};
use entrepot_pg::{Error, ScopedFutureExt as _};
use entrepot_web::Fault;
use uuid::Uuid;

use super::{Accepts, StoreScope, allows};
use crate::events::{batch_done, month_changed};
use crate::model::MonthKey;
use crate::{Dependencies, store};

/// Why a month was not deleted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DeleteMonthsError {
    #[error("there is no such month")]
    NotFound,
    #[error("the month is at version {0}")]
    MovedOn(i64),
    #[error("rows are not valid")]
    Invalid(Vec<Fault>),
    #[error(transparent)]
    Database(#[from] Error),
}

/// Deletes one month.
pub(crate) async fn delete_month(
    to: &Dependencies,
    key: &MonthKey,
    accepts: Accepts<'_>,
) -> Result<(), DeleteMonthsError> {
    to.database
        .transaction(|transaction| {
            async move {
                let before = store::month_lock(transaction, key).await?.ok_or(DeleteMonthsError::NotFound)?;
                if !accepts(before.version) {
                    return Err(DeleteMonthsError::MovedOn(before.version));
                }
                store::months_delete(transaction, &[key]).await?;
                let event = month_changed(SalesChanged::DELETED, key, None, None, Some(before.totals));
                to.feed.append(transaction, event).await?;
                Ok(())
            }
            .scope_boxed()
        })
        .await
}

/// Deletes months; tells of each whether it was there. `atomic`: one that was not keeps all.
pub(crate) async fn delete_months(
    to: &Dependencies,
    keys: &[(MonthKey, String)],
    atomic: bool,
    scope: &StoreScope,
    person: Option<Uuid>,
) -> Result<Vec<bool>, DeleteMonthsError> {
    to.database
        .transaction(|transaction| {
            async move {
                let allowed: Vec<&MonthKey> =
                    keys.iter().map(|(key, _)| key).filter(|key| allows(scope, &key.store_id)).collect();
                let mut gone = store::months_delete(transaction, &allowed).await?.into_iter();
                let mut events = Vec::new();
                let mut deleted = Vec::with_capacity(keys.len());
                for (key, _) in keys {
                    let before = if allows(scope, &key.store_id) { gone.next().flatten() } else { None };
                    deleted.push(before.is_some());
                    events.extend(
                        before.map(|totals| month_changed(SalesChanged::DELETED, key, None, None, Some(totals))),
                    );
                }
                if atomic && deleted.contains(&false) {
                    let missing = keys.iter().zip(&deleted).filter(|(_, deleted)| !**deleted);
                    let faults = missing.map(|((_, pointer), _)| not_there(pointer)).collect();
                    return Err(DeleteMonthsError::Invalid(faults));
                }
                let count = events.len() as u64;
                if let Some(person) = person {
                    let done = SalesBatchDone {
                        kind: "delete".to_owned(),
                        created: 0,
                        updated: 0,
                        unchanged: 0,
                        deleted: count,
                        failed: deleted.len() as u64 - count,
                    };
                    events.push(batch_done(person, &done));
                }
                to.feed.append_all(transaction, events).await?;
                Ok(deleted)
            }
            .scope_boxed()
        })
        .await
}

/// That a row names no month that is there.
pub(crate) fn not_there(pointer: &str) -> Fault {
    Fault::at(pointer, "not_found", "there is no such month of such a store")
}
