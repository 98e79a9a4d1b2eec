//! Takes an image away from a product. The files of an uploaded one go after it, by a job.

use entrepot_contracts::ImageId;
use entrepot_jobs::NewJob;
use entrepot_pg::{Error, ScopedFutureExt as _};
use uuid::Uuid;

use super::{Accepts, Unlockable, images_changed, lock_product};
use crate::pictures::RemovePicture;
use crate::{Dependencies, Pictures, store};

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
    pictures: &Pictures,
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
                let is_uploaded = store::picture_in(transaction, image.0).await?.is_some();
                if !store::image_delete(transaction, product_id, image).await? {
                    return Err(RemoveImageError::ImageNotFound);
                }
                if is_uploaded {
                    pictures.jobs.enqueue(transaction, NewJob::of(&RemovePicture { image: image.0 })).await?;
                }
                images_changed(to, transaction, product_id, to.clock.now()).await?;
                Ok(())
            }
            .scope_boxed()
        })
        .await
}
