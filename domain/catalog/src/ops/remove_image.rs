//! Takes an image away from a product.

use entrepot_contracts::{Change, ImageId};
use entrepot_pg::{Error, ScopedFutureExt as _};
use uuid::Uuid;

use super::{Accepts, Unlockable, lock_product};
use crate::events::product_changed;
use crate::{Dependencies, store};

/// Why an image was not taken away.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RemoveImageError {
    #[error("there is no such product")]
    ProductNotFound,
    #[error("the product is deleted")]
    ProductDeleted,
    #[error("the product has no such image")]
    ImageNotFound,
    #[error("the product is at version {0}")]
    MovedOn(i64),
    #[error("the product is another seller's")]
    NotOwn,
    #[error(transparent)]
    Database(#[from] Error),
}

/// Takes the image away.
pub(crate) async fn remove_image(
    to: &Dependencies,
    reference: &str,
    owner: Option<Uuid>,
    accepts: Accepts<'_>,
    image: ImageId,
) -> Result<(), RemoveImageError> {
    to.database
        .transaction(|transaction| {
            async move {
                let product_id =
                    lock_product(transaction, reference, accepts, owner).await?.map_err(|error| match error {
                        Unlockable::NotFound => RemoveImageError::ProductNotFound,
                        Unlockable::Deleted => RemoveImageError::ProductDeleted,
                        Unlockable::MovedOn(version) => RemoveImageError::MovedOn(version),
                        Unlockable::NotOwn => RemoveImageError::NotOwn,
                    })?;
                if !store::image_delete(transaction, product_id, image).await? {
                    return Err(RemoveImageError::ImageNotFound);
                }
                store::product_images_changed(transaction, product_id, to.clock.now()).await?;
                let marks = store::product_marks(transaction, &[product_id]).await?;
                let event = product_changed(product_id, Change::Updated, &[marks.get(&product_id)]);
                to.feed.append(transaction, event).await?;
                Ok(())
            }
            .scope_boxed()
        })
        .await
}
