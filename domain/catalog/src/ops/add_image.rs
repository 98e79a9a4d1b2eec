//! Gives a product an image. Only what is known about it for now: where it lies and what it shows.

use entrepot_contracts::Change;
use entrepot_pg::{Error, ScopedFutureExt as _};
use uuid::Uuid;

use super::{Unlockable, lock_product};
use crate::events::product_changed;
use crate::model::{Image, ImageInput};
use crate::{Dependencies, store};

/// Images of a product at the most; the database checks it too.
pub(crate) const MOST_IMAGES: usize = 50;

/// Why a product was not given an image.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AddImageError {
    #[error("there is no such product")]
    ProductNotFound,
    #[error("the product is deleted")]
    ProductDeleted,
    #[error("the product has {MOST_IMAGES} images already")]
    TooMany,
    #[error("the product is another seller's")]
    NotOwn,
    #[error(transparent)]
    Database(#[from] Error),
}

/// Adds an image, behind the last unless it says where.
pub(crate) async fn add_image(
    to: &Dependencies,
    reference: &str,
    owner: Option<Uuid>,
    input: &ImageInput,
) -> Result<Image, AddImageError> {
    to.database
        .transaction(|transaction| {
            async move {
                let product_id =
                    lock_product(transaction, reference, &|_| true, owner).await?.map_err(|error| match error {
                        Unlockable::NotFound => AddImageError::ProductNotFound,
                        Unlockable::Deleted | Unlockable::MovedOn(_) => AddImageError::ProductDeleted,
                        Unlockable::NotOwn => AddImageError::NotOwn,
                    })?;
                let images = store::image_list(transaction, product_id).await?;
                if images.len() >= MOST_IMAGES {
                    return Err(AddImageError::TooMany);
                }
                let now = to.clock.now();
                let image = store::image_insert(transaction, product_id, to.clock.new_id(), input, now).await?;
                store::product_images_changed(transaction, product_id, now).await?;
                let marks = store::product_marks(transaction, &[product_id]).await?;
                let event = product_changed(product_id, Change::Updated, &[marks.get(&product_id)]);
                to.feed.append(transaction, event).await?;
                Ok(image)
            }
            .scope_boxed()
        })
        .await
}
