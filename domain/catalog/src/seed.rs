//! Made-up catalogs: a small pretty shop to look at, and large ones to measure with.
//!
//! **Invariants:**
//! - Deterministic: a profile always gives the same products, ids and times included.
//! - One transaction: a seed that is cut short leaves nothing.
//! - A catalog that holds anything is not touched unless `reset` says so.

mod generator;
mod reviews;
mod sample;

use std::collections::HashMap;

use entrepot_pg::{Error, ScopedFutureExt as _, Transaction};
use jiff::Timestamp;
use uuid::Uuid;

use crate::Dependencies;
use crate::events::catalog_replaced;
use crate::model::{ImageInput, ProductRecord, ReviewRecord};
use crate::store::{self, CategoryRow};
use generator::Random;

/// Rows that are written together.
const BATCH: usize = 500;

/// Which catalog to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeedProfile {
    /// Two dozen products, with descriptions, specifications and images.
    Sample,
    /// 5,000 products.
    Performance,
    /// 100,000 products.
    Full,
}

/// Why nothing was seeded.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    /// There is something in the catalog.
    #[error("the catalog is not empty; --reset throws away what is in it")]
    NotEmpty,
    /// The database failed.
    #[error(transparent)]
    Database(#[from] Error),
}

/// What was put in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seeded {
    /// Categories.
    pub categories: usize,
    /// Products.
    pub products: usize,
}

/// A category of a seed: a slug, a name, and the slug of its parent.
struct Shelf {
    slug: String,
    name: String,
    parent: Option<String>,
}

/// A catalog to be written.
struct Plan {
    shelves: Vec<Shelf>,
    products: Vec<Planned>,
}

/// A product of a seed; the category by its slug.
struct Planned {
    category: String,
    record: ProductRecord,
    created_at: Timestamp,
    images: Vec<ImageInput>,
    reviews: Vec<ReviewRecord>,
}

/// Makes the profile's catalog. `progress` is told how many products of how many are written.
///
/// # Errors
/// See [`SeedError`].
pub async fn seed(
    to: &Dependencies,
    profile: SeedProfile,
    reset: bool,
    progress: &(dyn Fn(usize, usize) + Send + Sync),
) -> Result<Seeded, SeedError> {
    let plan = match profile {
        SeedProfile::Sample => sample::plan(),
        SeedProfile::Performance => generator::plan(5_000),
        SeedProfile::Full => generator::plan(100_000),
    };
    let plan = &plan;
    to.database
        .transaction(|transaction| async move { write(transaction, to, plan, reset, progress).await }.scope_boxed())
        .await?;
    store::refresh_statistics(&to.database).await;
    Ok(Seeded { categories: plan.shelves.len(), products: plan.products.len() })
}

async fn write(
    transaction: &Transaction,
    to: &Dependencies,
    plan: &Plan,
    reset: bool,
    progress: &(dyn Fn(usize, usize) + Send + Sync),
) -> Result<(), SeedError> {
    transaction.batch_execute("SET LOCAL statement_timeout = '30min'").await.map_err(Error::from)?;
    if reset {
        store::catalog_clear(transaction).await?;
    } else if !store::catalog_is_empty(transaction).await? {
        return Err(SeedError::NotEmpty);
    }
    store::words::begin(transaction).await?;
    let mut random = Random::new(0x0e17_4e90);
    let mut shelves: HashMap<&str, (Uuid, Vec<Uuid>)> = HashMap::new();
    let start = generator::start();
    for shelf in &plan.shelves {
        let id = random.id(start);
        let above = shelf.parent.as_deref().and_then(|parent| shelves.get(parent)).cloned();
        let (parent_id, mut path) = above.map_or((None, Vec::new()), |(id, path)| (Some(id), path));
        path.push(id);
        let row = CategoryRow {
            id,
            parent_id,
            name: shelf.name.clone(),
            slug: shelf.slug.clone(),
            description: String::new(),
            position: 0,
            path: path.clone(),
            version: 1,
            created_at: start,
            updated_at: start,
        };
        store::category_insert(transaction, &row).await?;
        shelves.insert(&shelf.slug, (id, path));
    }
    let mut done = 0;
    for batch in plan.products.chunk_by(|a, b| a.created_at == b.created_at).flat_map(|day| day.chunks(BATCH)) {
        let records: Vec<ProductRecord> = batch
            .iter()
            .map(|planned| ProductRecord {
                category_id: shelves.get(planned.category.as_str()).map(|(id, _)| *id),
                ..planned.record.clone()
            })
            .collect();
        let now = batch[0].created_at;
        store::product_insert_many(transaction, &records, now).await?;
        for planned in batch {
            for image in &planned.images {
                store::image_insert(transaction, planned.record.id, random.id(now), image, now).await?;
            }
            if !planned.images.is_empty() {
                store::product_images_changed(transaction, planned.record.id, now).await?;
            }
        }
        let reviews: Vec<ReviewRecord> = batch.iter().flat_map(|planned| planned.reviews.iter().cloned()).collect();
        if !reviews.is_empty() {
            store::review_insert_many(transaction, &reviews).await?;
        }
        done += batch.len();
        progress(done, plan.products.len());
    }
    let names = plan.shelves.iter().map(|shelf| shelf.name.as_str());
    let products = plan.products.iter().map(|planned| &planned.record);
    let texts = products
        .flat_map(|record| [Some(&*record.title), record.brand.as_deref(), Some(&*record.description)])
        .flatten();
    let words = store::words::vocabulary(names.chain(texts));
    store::words::learn(transaction, words).await?;
    to.feed.append(transaction, catalog_replaced("seed")).await?;
    Ok(())
}
