//! Takes an empty category out of the tree.

use entrepot_contracts::Change;
use entrepot_pg::{Error, ScopedFutureExt as _};

use super::Accepts;
use crate::events::category_changed;
use crate::{Dependencies, store};

/// Why a category was not taken out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DeleteCategoryError {
    #[error("there is no such category")]
    NotFound,
    #[error("the category is at version {0}")]
    MovedOn(i64),
    #[error("other categories lie below it")]
    HasChildren,
    #[error("products are in it")]
    HasProducts,
    #[error(transparent)]
    Database(#[from] Error),
}

/// Takes a category out that has neither children nor living products.
pub(crate) async fn delete_category(
    to: &Dependencies,
    slug: &str,
    accepts: Accepts<'_>,
) -> Result<(), DeleteCategoryError> {
    to.database
        .transaction(|transaction| {
            async move {
                store::category_tree_lock(transaction).await?;
                let category = store::category_lock(transaction, slug).await?.ok_or(DeleteCategoryError::NotFound)?;
                if !accepts(category.version) {
                    return Err(DeleteCategoryError::MovedOn(category.version));
                }
                match store::category_in_use(transaction, category.id).await? {
                    (true, _) => return Err(DeleteCategoryError::HasChildren),
                    (false, true) => return Err(DeleteCategoryError::HasProducts),
                    (false, false) => {}
                }
                store::category_delete(transaction, category.id).await.map_err(|error| match error.constraint() {
                    // A product came in between the look and the deletion.
                    Some("product_category_id_fkey") => DeleteCategoryError::HasProducts,
                    _ => DeleteCategoryError::from(error),
                })?;
                to.feed.append(transaction, category_changed(category.id, slug, Change::Deleted)).await?;
                Ok(())
            }
            .scope_boxed()
        })
        .await
}
