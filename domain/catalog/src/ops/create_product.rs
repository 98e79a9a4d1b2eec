//! Puts a product in.

use std::collections::HashMap;

use entrepot_contracts::Change;
use entrepot_pg::{Error, ScopedFutureExt as _};

use super::MOST_CHOICES;
use super::names::choose_slugs;
use crate::events::product_changed;
use crate::model::{Product, ProductInput, ProductRecord};
use crate::{Dependencies, store};

/// Why a product was not put in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CreateProductError {
    #[error("another product has the SKU, or has it as its slug")]
    DuplicateSku,
    #[error("another product has the slug, or has it as its SKU")]
    DuplicateSlug,
    /// Another product took the SKU or the slug, at this moment.
    #[error("another product has just been given one of the names")]
    NameTaken,
    #[error("there is no category {0:?}")]
    UnknownCategory(String),
    #[error(transparent)]
    Database(#[from] Error),
}

/// Puts a product in and returns it as it then is.
pub(crate) async fn create_product(to: &Dependencies, input: &ProductInput) -> Result<Product, CreateProductError> {
    for _ in 1..MOST_CHOICES {
        match attempt(to, input).await {
            // That is seen now: another slug is chosen, or it is told which of the names it is.
            Err(CreateProductError::NameTaken) => {}
            outcome => return outcome,
        }
    }
    attempt(to, input).await
}

async fn attempt(to: &Dependencies, input: &ProductInput) -> Result<Product, CreateProductError> {
    to.database.transaction(|transaction| async move { insert(transaction, to, input).await }.scope_boxed()).await
}

async fn insert(
    transaction: &entrepot_pg::Transaction,
    to: &Dependencies,
    input: &ProductInput,
) -> Result<Product, CreateProductError> {
    let id = to.clock.new_id();
    let category_id = match &input.category {
        None => None,
        Some(reference) => {
            let found = store::category_ids(transaction, &[reference]).await?;
            Some(*found.get(reference).ok_or_else(|| CreateProductError::UnknownCategory(reference.clone()))?)
        }
    };
    let named: Vec<String> = std::iter::once(&input.sku).chain(&input.slug).cloned().collect();
    let taken = store::product_names_taken(transaction, &named).await?;
    if taken.contains_key(&input.sku) {
        return Err(CreateProductError::DuplicateSku);
    }
    if input.slug.as_ref().is_some_and(|slug| taken.contains_key(slug)) {
        return Err(CreateProductError::DuplicateSlug);
    }
    let slug = choose_slugs(transaction, &[input], &HashMap::new()).await?.remove(0);
    let record = ProductRecord::new(input.clone(), id, slug, category_id, None);
    store::product_insert_many(transaction, &[record], to.clock.now()).await.map_err(|error| {
        match error.constraint() {
            Some("product_sku_key" | "product_slug_key" | "product_name_key") => CreateProductError::NameTaken,
            _ => error.into(),
        }
    })?;
    let words =
        store::words::vocabulary([&*input.title, input.brand.as_deref().unwrap_or_default(), &*input.description]);
    store::words::learn(transaction, words).await?;
    let marks = store::product_marks(transaction, &[id]).await?;
    to.feed.append(transaction, product_changed(id, Change::Created, &[marks.get(&id)])).await?;
    Ok(store::product_written(transaction, id).await?)
}
