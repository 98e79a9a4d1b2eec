//! Puts a category into the tree.

use entrepot_pg::{Error, ScopedFutureExt as _, Transaction};

use crate::Dependencies;
use crate::events::category_created;
use crate::model::{CategoryInput, CategoryRef};
use crate::slug::slugify;
use crate::store::{self, CategoryRow};

/// Levels of the tree at the most; the database checks it too.
pub(super) const DEEPEST: usize = 8;

/// Why a category was not put in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CreateCategoryError {
    #[error("another category has the slug {0:?}")]
    DuplicateSlug(String),
    #[error("there is no category {0:?}")]
    UnknownParent(String),
    #[error("the tree would be more than {DEEPEST} levels deep")]
    TooDeep,
    #[error(transparent)]
    Database(#[from] Error),
}

/// A category that was put in: it, and those above it.
pub(crate) struct CreatedCategory {
    pub(crate) row: CategoryRow,
    pub(crate) ancestors: Vec<CategoryRef>,
}

/// Puts a category in.
pub(crate) async fn create_category(
    to: &Dependencies,
    input: &CategoryInput,
) -> Result<CreatedCategory, CreateCategoryError> {
    to.database
        .transaction(|transaction| {
            async move {
                let slug = input.slug.clone().unwrap_or_else(|| slugify(&input.name, "category"));
                let input = CategoryInput { slug: Some(slug.clone()), ..input.clone() };
                let row = create_category_in(transaction, to, &input).await?;
                to.feed.append(transaction, category_created(row.id, &slug)).await?;
                let above = &row.path[..row.path.len().saturating_sub(1)];
                let ancestors = store::category_refs(transaction.client(), above).await?;
                Ok(CreatedCategory { row, ancestors })
            }
            .scope_boxed()
        })
        .await
}

/// The same in a transaction that does more, and that must tell of it; the input must have its slug.
pub(crate) async fn create_category_in(
    transaction: &Transaction,
    to: &Dependencies,
    input: &CategoryInput,
) -> Result<CategoryRow, CreateCategoryError> {
    store::category_tree_lock(transaction).await?;
    let slug = input.slug.clone().unwrap_or_default();
    let id = to.clock.new_id();
    let mut path = Vec::new();
    let mut parent_id = None;
    if let Some(parent) = &input.parent {
        let parent = store::category_by_slug(transaction, parent)
            .await?
            .ok_or_else(|| CreateCategoryError::UnknownParent(parent.clone()))?;
        parent_id = Some(parent.id);
        path = parent.path;
    }
    path.push(id);
    if path.len() > DEEPEST {
        return Err(CreateCategoryError::TooDeep);
    }
    let now = to.clock.now();
    let row = CategoryRow {
        id,
        parent_id,
        name: input.name.clone(),
        slug: slug.clone(),
        description: input.description.clone(),
        position: input.position,
        path,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    store::category_insert(transaction, &row).await.map_err(|error| match error.constraint() {
        Some("category_slug_key") => CreateCategoryError::DuplicateSlug(slug),
        _ => error.into(),
    })?;
    Ok(row)
}
