//! Changes a product by a merge patch (RFC 7396): the patch is applied to the product as clients
//! write it, and the result is checked as a whole, so a patch can do nothing that a create cannot.

use std::collections::HashMap;

use entrepot_contracts::Change;
use entrepot_pg::{Error, ScopedFutureExt as _, Transaction};
use entrepot_web::Fault;
use entrepot_web::body;
use rust_decimal::Decimal;
use serde_json::Value;
use uuid::Uuid;

use super::names::choose_slugs;
use super::{Accepts, Unlockable, lock_product};
use crate::events::product_changed;
use crate::model::{Product, ProductInput, ProductRecord};
use crate::{Dependencies, store};

/// Why a product was not changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UpdateProductError {
    #[error("there is no such product")]
    NotFound,
    #[error("the product is deleted")]
    Deleted,
    #[error("the product is at version {0}")]
    MovedOn(i64),
    #[error("the patched product is not valid")]
    Invalid(Vec<Fault>),
    #[error("another product has the SKU, or has it as its slug")]
    DuplicateSku,
    #[error("another product has the slug, or has it as its SKU")]
    DuplicateSlug,
    #[error("there is no category {0:?}")]
    UnknownCategory(String),
    #[error("the product is another seller's")]
    NotOwn,
    #[error(transparent)]
    Database(#[from] Error),
}

/// Applies `patch` and returns the product as it then is. A patch that changes nothing makes no new
/// version.
pub(crate) async fn update_product(
    to: &Dependencies,
    reference: &str,
    owner: Option<Uuid>,
    accepts: Accepts<'_>,
    patch: &Value,
) -> Result<Product, UpdateProductError> {
    to.database
        .transaction(|transaction| {
            async move { update(transaction, to, reference, owner, accepts, patch).await }.scope_boxed()
        })
        .await
}

async fn update(
    transaction: &Transaction,
    to: &Dependencies,
    reference: &str,
    owner: Option<Uuid>,
    accepts: Accepts<'_>,
    patch: &Value,
) -> Result<Product, UpdateProductError> {
    let id = lock_product(transaction, reference, accepts, owner).await?.map_err(|error| match error {
        Unlockable::NotFound => UpdateProductError::NotFound,
        Unlockable::Deleted => UpdateProductError::Deleted,
        Unlockable::MovedOn(version) => UpdateProductError::MovedOn(version),
        Unlockable::NotOwn => UpdateProductError::NotOwn,
    })?;
    let before = store::product_written(transaction, id).await?;
    let marks_before = store::product_marks(transaction, &[id]).await?;
    let mut stored = serde_json::to_value(ProductInput::of(&before)).unwrap_or_default();
    let keeps_price = patch.is_object() && patch.get("price").is_none();
    if let Some(stored) = stored.as_object_mut().filter(|_| keeps_price) {
        // It may be in a currency that was in use when it was set.
        stored.remove("price");
    }
    let mut input = ProductInput::read(&body::patched(&stored, patch), "").map_err(UpdateProductError::Invalid)?;
    if keeps_price {
        input.price = before.price;
    }
    if owner.is_some() && input.seller_id.map(|seller| seller.0) != owner {
        let fault = Fault::at("/sellerId", "not_own", "must stay your own id");
        return Err(UpdateProductError::Invalid(vec![fault]));
    }
    let category_id = match &input.category {
        None => None,
        Some(reference) => {
            let found = store::category_ids(transaction, &[reference]).await?;
            Some(*found.get(reference).ok_or_else(|| UpdateProductError::UnknownCategory(reference.clone()))?)
        }
    };
    let named: Vec<String> = std::iter::once(&input.sku).chain(&input.slug).cloned().collect();
    let taken = store::product_names_taken(transaction, &named).await?;
    let is_taken = |name: &String| taken.get(name).is_some_and(|owner| *owner != id);
    if is_taken(&input.sku) {
        return Err(UpdateProductError::DuplicateSku);
    }
    if input.slug.as_ref().is_some_and(is_taken) {
        return Err(UpdateProductError::DuplicateSlug);
    }
    // `"slug": null` asks for a new one.
    let slug = choose_slugs(transaction, &[&input], &HashMap::from([(input.sku.clone(), id)])).await?.remove(0);
    let rating = (Decimal::try_from(before.rating.unwrap_or(0.0)).unwrap_or_default().round_dp(2), before.rating_count);
    let words =
        store::words::vocabulary([&*input.title, input.brand.as_deref().unwrap_or_default(), &*input.description]);
    let record = ProductRecord::new(input, id, slug, category_id, Some(rating));
    let changed = store::product_update_many(transaction, &[record], to.clock.now()).await.map_err(|error| {
        match error.constraint() {
            Some("product_sku_key") => UpdateProductError::DuplicateSku,
            // The name of one that came in at this moment.
            Some("product_slug_key" | "product_name_key") => UpdateProductError::DuplicateSlug,
            _ => error.into(),
        }
    })?;
    store::words::learn(transaction, words).await?;
    let change = if changed.is_empty() { Change::Unchanged } else { Change::Updated };
    let marks = store::product_marks(transaction, &[id]).await?;
    to.feed.append(transaction, product_changed(id, change, &[marks_before.get(&id), marks.get(&id)])).await?;
    Ok(store::product_written(transaction, id).await?)
}
