//! Changes a category by a merge patch, moving it and everything below it where the patch names
//! another parent.
//!
//! **Invariant:** the tree stays a tree. Moves take turns by the tree's lock, since two at once
//! could close a circle that neither of them sees.

use entrepot_contracts::Change;
use entrepot_pg::{Error, ScopedFutureExt as _, Transaction};
use entrepot_web::Fault;
use entrepot_web::body;
use serde_json::Value;

use super::Accepts;
use super::create_category::{DEEPEST, free_slug};
use crate::Dependencies;
use crate::events::category_changed;
use crate::model::CategoryInput;
use crate::store::{self, CategoryRow};

/// Why a category was not changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UpdateCategoryError {
    #[error("there is no such category")]
    NotFound,
    #[error("the category is at version {0}")]
    MovedOn(i64),
    #[error("the patched category is not valid")]
    Invalid(Vec<Fault>),
    #[error("another category has the slug {0:?}")]
    DuplicateSlug(String),
    #[error("there is no category {0:?}")]
    UnknownParent(String),
    #[error("a category cannot lie below itself")]
    Cycle,
    #[error("the tree would be more than {DEEPEST} levels deep")]
    TooDeep,
    #[error(transparent)]
    Database(#[from] Error),
}

/// Applies `patch`; tells the slug, which may be a new one.
pub(crate) async fn update_category(
    to: &Dependencies,
    slug: &str,
    accepts: Accepts<'_>,
    patch: &Value,
) -> Result<String, UpdateCategoryError> {
    to.database
        .transaction(|transaction| async move { update(transaction, to, slug, accepts, patch).await }.scope_boxed())
        .await
}

async fn update(
    transaction: &Transaction,
    to: &Dependencies,
    slug: &str,
    accepts: Accepts<'_>,
    patch: &Value,
) -> Result<String, UpdateCategoryError> {
    store::category_tree_lock(transaction).await?;
    let before = store::category_lock(transaction, slug).await?.ok_or(UpdateCategoryError::NotFound)?;
    if !accepts(before.version) {
        return Err(UpdateCategoryError::MovedOn(before.version));
    }
    let input = patched(transaction, &before, patch).await?;
    let mut path = Vec::new();
    let mut parent_id = None;
    if let Some(parent) = &input.parent {
        let parent = store::category_by_slug(transaction, parent)
            .await?
            .ok_or_else(|| UpdateCategoryError::UnknownParent(parent.clone()))?;
        if parent.path.contains(&before.id) {
            return Err(UpdateCategoryError::Cycle);
        }
        parent_id = Some(parent.id);
        path = parent.path;
    }
    path.push(before.id);
    if path.len() > DEEPEST {
        return Err(UpdateCategoryError::TooDeep);
    }
    let after = CategoryRow {
        parent_id,
        slug: match input.slug {
            Some(slug) => slug,
            None => free_slug(transaction, &input.name, Some(before.id)).await?,
        },
        name: input.name,
        description: input.description,
        position: input.position,
        path,
        ..before.clone()
    };
    if after == before {
        to.feed.append(transaction, category_changed(before.id, &after.slug, Change::Unchanged)).await?;
        return Ok(after.slug);
    }
    let now = to.clock.now();
    store::category_lock_below(transaction, before.id).await?;
    store::category_update(transaction, &after, now).await.map_err(|error| match error.constraint() {
        Some("category_slug_key") => UpdateCategoryError::DuplicateSlug(after.slug.clone()),
        _ => error.into(),
    })?;
    if after.path != before.path {
        let depth = i32::try_from(before.path.len()).unwrap_or(i32::MAX);
        store::category_move_below(transaction, before.id, &after.path, depth, now).await.map_err(
            |error| match error.constraint() {
                Some("category_depth") => UpdateCategoryError::TooDeep,
                _ => error.into(),
            },
        )?;
    }
    if after.name != before.name {
        store::words::learn(transaction, store::words::vocabulary([after.name.as_str()])).await?;
    }
    if after.path != before.path || after.name != before.name {
        store::category_refresh_products(transaction, before.id).await?;
    }
    to.feed.append(transaction, category_changed(before.id, &after.slug, Change::Updated)).await?;
    Ok(after.slug)
}

/// The category as clients write it, with the patch applied and checked as a whole.
async fn patched(
    transaction: &Transaction,
    before: &CategoryRow,
    patch: &Value,
) -> Result<CategoryInput, UpdateCategoryError> {
    let parent = match before.parent_id {
        Some(id) => store::category_slug(transaction, id).await?,
        None => None,
    };
    let input = CategoryInput {
        name: before.name.clone(),
        slug: Some(before.slug.clone()),
        description: before.description.clone(),
        position: before.position,
        parent,
    };
    let document = body::patched(&serde_json::to_value(input).unwrap_or_default(), patch);
    CategoryInput::read(&document).map_err(UpdateCategoryError::Invalid)
}
