//! Puts a category into the tree.

use entrepot_pg::{Error, ScopedFutureExt as _, Transaction};

use uuid::Uuid;

use crate::Dependencies;
use crate::events::category_created;
use crate::model::{CategoryInput, CategoryRef};
use crate::slug::{is_id, slugify};
use crate::store::{self, CategoryRow};

/// Levels of the tree at the most; the database checks it too.
pub(super) const DEEPEST: usize = 8;
/// How many of the slugs with a number are looked for.
const MOST_NUMBERS: u32 = 99;

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
                let row = create_category_in(transaction, to, input).await?;
                to.feed.append(transaction, category_created(row.id, &row.slug)).await?;
                let above = &row.path[..row.path.len().saturating_sub(1)];
                let ancestors = store::category_refs(transaction.client(), above).await?;
                Ok(CreatedCategory { row, ancestors })
            }
            .scope_boxed()
        })
        .await
}

/// A slug that no category has: of this text, with a number behind it where that is taken. The tree must be locked.
pub(crate) async fn free_slug(transaction: &Transaction, text: &str, own: Option<Uuid>) -> Result<String, Error> {
    let plain = slugify(text, "category");
    let numbered = (2..=MOST_NUMBERS).map(|number| format!("{plain}-{number}"));
    let candidates: Vec<String> = std::iter::once(plain.clone()).chain(numbered).collect();
    let taken = store::category_slugs_taken(transaction, &candidates).await?;
    let free = candidates.into_iter().find(|slug| !is_id(slug) && taken.get(slug).is_none_or(|of| own == Some(*of)));
    // So many of one name are made by machines, which read anything.
    Ok(free.unwrap_or_else(|| format!("{plain}-{}", Uuid::new_v4().simple())))
}

/// The same in a transaction that does more, and that must tell of it.
pub(crate) async fn create_category_in(
    transaction: &Transaction,
    to: &Dependencies,
    input: &CategoryInput,
) -> Result<CategoryRow, CreateCategoryError> {
    store::category_tree_lock(transaction).await?;
    let slug = match &input.slug {
        Some(slug) => slug.clone(),
        None => free_slug(transaction, &input.name, None).await?,
    };
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
    store::words::learn(transaction, store::words::vocabulary([row.name.as_str()])).await?;
    Ok(row)
}
