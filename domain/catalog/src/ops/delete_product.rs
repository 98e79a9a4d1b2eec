//! Deletes a product: it is marked, not removed, so that orders and reports can still name it.

use entrepot_contracts::Change;
use entrepot_pg::{Error, ScopedFutureExt as _};
use uuid::Uuid;

use super::{Accepts, Unlockable, lock_product};
use crate::events::product_changed;
use crate::{Dependencies, store};

/// Why a product was not deleted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DeleteProductError {
    #[error("there is no such product")]
    NotFound,
    #[error("the product is deleted already")]
    Deleted,
    #[error("the product is at version {0}")]
    MovedOn(i64),
    #[error("the product is another seller's")]
    NotOwn,
    #[error(transparent)]
    Database(#[from] Error),
}

/// Deletes the product. Its SKU and slug are free from then on.
pub(crate) async fn delete_product(
    to: &Dependencies,
    reference: &str,
    owner: Option<Uuid>,
    accepts: Accepts<'_>,
) -> Result<(), DeleteProductError> {
    to.database
        .transaction(|transaction| {
            async move {
                let id = lock_product(transaction, reference, accepts, owner).await?.map_err(|error| match error {
                    Unlockable::NotFound => DeleteProductError::NotFound,
                    Unlockable::Deleted => DeleteProductError::Deleted,
                    Unlockable::MovedOn(version) => DeleteProductError::MovedOn(version),
                    Unlockable::NotOwn => DeleteProductError::NotOwn,
                })?;
                // As it was: who knew it by its SKU is told which one is gone.
                let marks = store::product_marks(transaction, &[id]).await?;
                store::product_delete(transaction, id, to.clock.now()).await?;
                to.feed.append(transaction, product_changed(id, Change::Deleted, &[marks.get(&id)])).await?;
                Ok(())
            }
            .scope_boxed()
        })
        .await
}
