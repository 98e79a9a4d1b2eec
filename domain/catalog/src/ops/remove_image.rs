//! Takes an image away from a product.

use entrepot_contracts::ImageId;
use entrepot_pg::{Error, ScopedFutureExt as _};

use super::{Unlockable, lock_product};
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
    #[error(transparent)]
    Database(#[from] Error),
}

/// Takes the image away.
pub(crate) async fn remove_image(to: &Dependencies, reference: &str, image: ImageId) -> Result<(), RemoveImageError> {
    let Dependencies { database, clock } = to;
    database
        .transaction(|transaction| {
            async move {
                let product_id =
                    lock_product(transaction, reference, &|_| true).await?.map_err(|error| match error {
                        Unlockable::NotFound => RemoveImageError::ProductNotFound,
                        Unlockable::Deleted | Unlockable::MovedOn(_) => RemoveImageError::ProductDeleted,
                    })?;
                if !store::image_delete(transaction, product_id, image).await? {
                    return Err(RemoveImageError::ImageNotFound);
                }
                store::product_images_changed(transaction, product_id, clock.now()).await?;
                Ok(())
            }
            .scope_boxed()
        })
        .await
}
