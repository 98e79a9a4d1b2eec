//! Puts a product in.

use entrepot_pg::{Error, ScopedFutureExt as _};
use entrepot_runtime::Clock;

use super::choose_slugs;
use crate::model::{Product, ProductInput, ProductRecord};
use crate::{Dependencies, store};

/// Why a product was not put in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CreateProductError {
    #[error("another product has the SKU")]
    DuplicateSku,
    #[error("another product has the slug")]
    DuplicateSlug,
    #[error("there is no category {0:?}")]
    UnknownCategory(String),
    #[error(transparent)]
    Database(#[from] Error),
}

/// Puts a product in and returns it as it then is.
pub(crate) async fn create_product(to: &Dependencies, input: &ProductInput) -> Result<Product, CreateProductError> {
    let Dependencies { database, clock } = to;
    database.transaction(|transaction| async move { insert(transaction, clock, input).await }.scope_boxed()).await
}

async fn insert(
    transaction: &entrepot_pg::Transaction,
    clock: &Clock,
    input: &ProductInput,
) -> Result<Product, CreateProductError> {
    let id = clock.new_id();
    let category_id = match &input.category {
        None => None,
        Some(reference) => {
            let found = store::category_ids(transaction, &[reference]).await?;
            Some(*found.get(reference).ok_or_else(|| CreateProductError::UnknownCategory(reference.clone()))?)
        }
    };
    let slug = choose_slugs(transaction, &[input]).await?.remove(0);
    let record = ProductRecord::new(input.clone(), id, slug, category_id, None);
    store::product_insert_many(transaction, &[record], clock.now()).await.map_err(|error| {
        match error.constraint() {
            Some("product_sku_key") => CreateProductError::DuplicateSku,
            Some("product_slug_key") => CreateProductError::DuplicateSlug,
            _ => error.into(),
        }
    })?;
    store::product_learn_words(transaction, &[id]).await?;
    Ok(store::product_written(transaction, id).await?)
}
