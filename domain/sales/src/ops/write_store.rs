//! Makes, changes and deletes stores.

use entrepot_contracts::{StoreChanged, StoreId};
use entrepot_pg::{Error, ScopedFutureExt as _};
use entrepot_web::{Fault, body};
use serde_json::Value;

use super::Accepts;
use crate::events::store_changed;
use crate::model::{Status, Store, StoreInput};
use crate::{Dependencies, store};

/// Why a store was not written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WriteStoreError {
    #[error("there is no such store")]
    NotFound,
    #[error("the store is at version {0}")]
    MovedOn(i64),
    #[error("the patched store is not valid")]
    Invalid(Vec<Fault>),
    #[error(transparent)]
    Database(#[from] Error),
}

/// Why a store was not deleted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DeleteStoreError {
    #[error("there is no such store")]
    NotFound,
    #[error("the store is at version {0}")]
    MovedOn(i64),
    #[error("the store has sales")]
    HasSales,
    #[error(transparent)]
    Database(Error),
}

impl From<Error> for DeleteStoreError {
    fn from(error: Error) -> Self {
        match error.constraint() {
            Some("month_store_id_fkey") => Self::HasSales,
            _ => Self::Database(error),
        }
    }
}

/// Makes a store, or puts another in its place; `exists` demands that there is one. Tells whether it is new.
pub(crate) async fn put_store(
    to: &Dependencies,
    id: &StoreId,
    accepts: Accepts<'_>,
    exists: bool,
    input: &StoreInput,
) -> Result<(Store, bool), WriteStoreError> {
    to.database
        .transaction(|transaction| {
            async move {
                let now = to.clock.now();
                if !exists && store::store_insert(transaction, id, input, now).await? {
                    let made = store::store_lock(transaction, id).await?.ok_or(WriteStoreError::NotFound)?;
                    let event = store_changed(StoreChanged::CREATED, &made, Vec::new());
                    to.feed.append_all(transaction, event.into_iter().collect()).await?;
                    return Ok((made, true));
                }
                let before = store::store_lock(transaction, id).await?.ok_or(WriteStoreError::NotFound)?;
                Ok((write(transaction, to, id, before, accepts, input).await?, false))
            }
            .scope_boxed()
        })
        .await
}

/// Changes a store by a merge patch.
pub(crate) async fn patch_store(
    to: &Dependencies,
    id: &StoreId,
    accepts: Accepts<'_>,
    patch: &Value,
) -> Result<Store, WriteStoreError> {
    to.database
        .transaction(|transaction| {
            async move {
                let before = store::store_lock(transaction, id).await?.ok_or(WriteStoreError::NotFound)?;
                let document = body::patched(&StoreInput::of(&before), patch);
                let input = StoreInput::read(&document).map_err(WriteStoreError::Invalid)?;
                write(transaction, to, id, before, accepts, &input).await
            }
            .scope_boxed()
        })
        .await
}

async fn write(
    transaction: &entrepot_pg::Transaction,
    to: &Dependencies,
    id: &StoreId,
    before: Store,
    accepts: Accepts<'_>,
    input: &StoreInput,
) -> Result<Store, WriteStoreError> {
    if !accepts(before.version) {
        return Err(WriteStoreError::MovedOn(before.version));
    }
    let old: (_, _, Status, _) = (&before.name, &before.place, before.status, before.business_id);
    if old == (&input.name, &input.place, input.status, input.business_id) {
        return Ok(before);
    }
    store::store_update(transaction, id, input, to.clock.now()).await?;
    let after = store::store_lock(transaction, id).await?.ok_or(WriteStoreError::NotFound)?;
    let name = if after.status == before.status { StoreChanged::UPDATED } else { StoreChanged::STATUS_CHANGED };
    let changed = [
        ("name", after.name != before.name),
        ("place", after.place != before.place),
        ("status", after.status != before.status),
        ("businessId", after.business_id != before.business_id),
    ];
    let changed = changed.iter().filter(|(_, is)| *is).map(|(member, _)| (*member).to_owned()).collect();
    to.feed.append_all(transaction, store_changed(name, &after, changed).into_iter().collect()).await?;
    Ok(after)
}

/// Deletes a store that has sold nothing.
pub(crate) async fn delete_store(
    to: &Dependencies,
    id: &StoreId,
    accepts: Accepts<'_>,
) -> Result<(), DeleteStoreError> {
    to.database
        .transaction(|transaction| {
            async move {
                let before = store::store_lock(transaction, id).await?.ok_or(DeleteStoreError::NotFound)?;
                if !accepts(before.version) {
                    return Err(DeleteStoreError::MovedOn(before.version));
                }
                store::store_delete(transaction, id).await?;
                let event = store_changed(StoreChanged::DELETED, &before, Vec::new());
                to.feed.append_all(transaction, event.into_iter().collect()).await?;
                Ok(())
            }
            .scope_boxed()
        })
        .await
}
