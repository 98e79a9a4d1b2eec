//! The catalog's writes, one a file: the command, its errors, the function.
//!
//! **Invariant:** an op owns its transaction, and everything that it changes is in that one.

mod add_image;
mod add_review;
mod count_views;
mod create_category;
mod create_product;
mod delete_category;
mod delete_product;
mod finish_picture;
mod names;
mod remove_image;
mod update_category;
mod update_product;
mod upload_image;
mod upsert_products;

pub(crate) use add_image::{AddImageError, add_image};
pub(crate) use add_review::{AddReviewError, add_review};
pub(crate) use count_views::count_views;
pub(crate) use create_category::{CreateCategoryError, create_category, create_category_in, free_slug};
pub(crate) use create_product::{CreateProductError, create_product};
pub(crate) use delete_category::{DeleteCategoryError, delete_category};
pub(crate) use delete_product::{DeleteProductError, delete_product};
pub(crate) use finish_picture::{Finished, fail_picture, finish_picture};
pub(crate) use remove_image::{RemoveImageError, remove_image};
pub(crate) use update_category::{UpdateCategoryError, update_category};
pub(crate) use update_product::{UpdateProductError, update_product};
pub(crate) use upload_image::{Upload, UploadImageError, upload_image};
pub(crate) use upsert_products::{Outcome, UpsertProductsError, UpsertRow, Verdict, upsert_products};

use entrepot_contracts::Change;
use entrepot_pg::{Error, Transaction};
use jiff::Timestamp;
use uuid::Uuid;

use crate::events::product_changed;
use crate::{Dependencies, store};

/// Whether the caller accepts this present version of what it wants to change.
pub(crate) type Accepts<'a> = &'a (dyn Fn(i64) -> bool + Send + Sync);

/// Why a living product could not be locked for a change.
#[derive(Debug)]
enum Unlockable {
    NotFound,
    Deleted,
    MovedOn(i64),
    /// Another seller's.
    NotOwn,
}

/// Locks the product that `reference` means (id, SKU or slug) in a version that the caller accepts.
/// `owner` narrows it to what that seller sells.
async fn lock_product(
    transaction: &Transaction,
    reference: &str,
    accepts: Accepts<'_>,
    owner: Option<Uuid>,
) -> Result<Result<Uuid, Unlockable>, Error> {
    let Some(id) = store::product_find(transaction, reference).await? else { return Ok(Err(Unlockable::NotFound)) };
    Ok(match store::product_lock(transaction, id).await? {
        None => Err(Unlockable::NotFound),
        Some(product) if product.is_deleted => Err(Unlockable::Deleted),
        // It was found by a name that it has given up since.
        Some(product)
            if reference.parse::<Uuid>().is_err() && reference != product.sku && reference != product.slug =>
        {
            Err(Unlockable::NotFound)
        }
        Some(product) if owner.is_some() && product.seller_id != owner => Err(Unlockable::NotOwn),
        Some(product) if !accepts(product.version) => Err(Unlockable::MovedOn(product.version)),
        Some(_) => Ok(id),
    })
}

/// Gives a product whose images changed its new version, and tells of it.
async fn images_changed(
    to: &Dependencies,
    transaction: &Transaction,
    product: Uuid,
    now: Timestamp,
) -> Result<(), Error> {
    store::product_images_changed(transaction, product, now).await?;
    let marks = store::product_marks(transaction, &[product]).await?;
    let event = product_changed(product, Change::Updated, &[marks.get(&product)]);
    to.feed.append(transaction, event).await.map(drop)
}

/// How often a slug or a row's place is looked for again after another write took it at the same moment.
const MOST_CHOICES: u32 = 5;
