//! Gives a product an image that lies elsewhere: where it is and what it shows.

use entrepot_pg::{Error, ScopedFutureExt as _, Transaction};
use uuid::Uuid;

use super::{Unlockable, images_changed, lock_product};
use crate::model::{Image, ImageInput};
use crate::{Dependencies, store};

/// Images of a product at the most; the database checks it too.
const MOST_IMAGES: i64 = 50;

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
                let product_id = lock_for_image(transaction, reference, owner).await?;
                let now = to.clock.now();
                let image = store::image_insert(transaction, product_id, to.clock.new_id(), input, now).await?;
                images_changed(to, transaction, product_id, now).await?;
                Ok(image)
            }
            .scope_boxed()
        })
        .await
}

/// Locks a product that has room for one more image.
pub(super) async fn lock_for_image(
    transaction: &Transaction,
    reference: &str,
    owner: Option<Uuid>,
) -> Result<Uuid, AddImageError> {
    let locked = lock_product(transaction, reference, &|_| true, owner).await?;
    let product_id = locked.map_err(|error| match error {
        Unlockable::NotFound => AddImageError::ProductNotFound,
        Unlockable::Deleted | Unlockable::MovedOn(_) => AddImageError::ProductDeleted,
        Unlockable::NotOwn => AddImageError::NotOwn,
    })?;
    match store::image_count(transaction, product_id).await? {
        MOST_IMAGES.. => Err(AddImageError::TooMany),
        _ => Ok(product_id),
    }
}
