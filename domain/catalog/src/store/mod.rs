//! The catalog's way to the database, and its only one.
//!
//! | room | what it holds |
//! | --- | --- |
//! | `columns` | which columns a read of products asks for, and how a row becomes a [`Product`] |
//! | `list` | lists of products: filters, order, cursors, counts, facets |
//! | `pictures` | pictures that were uploaded |
//! | `reviews` | pages of a product's reviews |
//! | `words` | what products are found by, and what typing mistakes are compared with |
//! | `staging` | the set-based load of many rows |
//! | here | everything else, by the typed queries of `db/queries/catalog` |
//!
//! **Invariant:** no policy: functions take a connection and do one thing. Values are bound, never
//! made into SQL text.

mod columns;
mod export;
mod list;
mod pictures;
#[cfg(test)]
mod plans;
mod reviews;
mod staging;
pub(crate) mod words;

use std::collections::HashMap;
use std::sync::Arc;

use entrepot_contracts::{CategoryId, ImageId, ProductId, ReviewId};
use entrepot_pg::{Database, Error, Gather, Pooled, Transaction};
use entrepot_queries::queries::catalog::categories::{self, CategoryInsertParams, CategoryUpdateParams};
use entrepot_queries::queries::catalog::images::{self, ImageInsertParams};
use entrepot_queries::queries::catalog::{products, reviews as review_queries, views};
use entrepot_runtime::Tasks;
use jiff::Timestamp;
use postgres_types::Json;
use rust_decimal::Decimal;
use serde::Serialize;
use uuid::Uuid;

use crate::model::{CategoryRef, Image, ImageInput, Product, ProductRecord, RatingSummary, Review, ReviewRecord};

pub(crate) use categories::CategoryRow;
pub(crate) use columns::{Columns, by_ids_sql as product_by_ids_sql};
pub(crate) use export::{COLUMNS as EXPORT_COLUMNS, ExportFilters, export_count, export_piece};
pub(crate) use list::{
    CategoryFilter, Facet, FacetField, Filters, Found, ListConnection, ListError, ListQuery, SortField, SortKey,
    list_count, list_facets, list_page,
};
pub(crate) use pictures::{
    image_measured, picture_by_image, picture_failed, picture_in, picture_insert, picture_list, picture_ready,
    pictures_queued,
};
pub(crate) use reviews::{ReviewQuery, review_page};
pub(crate) use staging::{
    StagedProduct, refresh_statistics, staging_apply, staging_end, staging_load, staging_open, staging_refuse_taken,
};

/// Keys that one gathered read asks for at the most.
const GATHER_AT_MOST: usize = 64;
/// Gathered reads under way at once.
const GATHER_LANES: usize = 2;

/// Reads of single products, gathered.
pub(crate) type ProductReads = Gather<Uuid, Arc<Product>>;

/// Starts the gathered reads of products by id; deleted ones are found too.
pub(crate) fn product_reads(database: Database, tasks: &Tasks) -> ProductReads {
    Gather::start(tasks, "catalog-product-reads", GATHER_LANES, GATHER_AT_MOST, move |ids: Vec<Uuid>| {
        let database = database.clone();
        async move { products_by_ids(&database, &ids).await }
    })
}

async fn products_by_ids(database: &Database, ids: &[Uuid]) -> Result<HashMap<Uuid, Arc<Product>>, Error> {
    let columns = Columns::ALL;
    let pipeline = database.pipeline();
    let client = pipeline.client().await?;
    let sql = columns::by_ids_sql();
    let rows = pipeline
        .bounded(async {
            let statement = client.prepare_cached(sql).await?;
            client.query(&statement, &[&ids]).await
        })
        .await?;
    rows.iter()
        .map(|row| {
            let product = columns.product(row)?;
            Ok((product.id.0, Arc::new(product)))
        })
        .collect()
}

/// One product by SKU or slug, deleted ones excepted.
pub(crate) async fn product_by_name(database: &Database, name: &str) -> Result<Option<Product>, Error> {
    let pipeline = database.pipeline();
    let client = pipeline.client().await?;
    let row = pipeline
        .bounded(async {
            let statement = client.prepare_cached(columns::by_name_sql()).await?;
            client.query_opt(&statement, &[&name]).await
        })
        .await?;
    row.map(|row| Columns::ALL.product(&row)).transpose()
}

/// A product that this transaction has just locked or written.
pub(crate) async fn product_written(transaction: &Transaction, id: Uuid) -> Result<Product, Error> {
    let statement = transaction.prepare_cached(columns::by_ids_sql()).await?;
    let row = transaction.query_opt(&statement, &[&&[id][..]]).await?;
    Columns::ALL.product(&row.ok_or(Error::Missing("a product that was just written"))?)
}

/// The id that a path segment means: the id itself, or that of the SKU or slug.
pub(crate) async fn product_find(transaction: &Transaction, reference: &str) -> Result<Option<Uuid>, Error> {
    if let Ok(id) = reference.parse() {
        return Ok(Some(id));
    }
    Ok(products::product_find().bind(transaction.client(), &reference).opt().await?)
}

/// A product under its lock.
#[derive(Clone, Debug)]
pub(crate) struct LockedProduct {
    pub(crate) version: i64,
    pub(crate) is_deleted: bool,
    pub(crate) seller_id: Option<Uuid>,
    pub(crate) sku: String,
    pub(crate) slug: String,
}

/// Locks a product for a change.
pub(crate) async fn product_lock(transaction: &Transaction, id: Uuid) -> Result<Option<LockedProduct>, Error> {
    let locked = products::product_lock().bind(transaction.client(), &id).opt().await?;
    Ok(locked.map(|row| LockedProduct {
        version: row.version,
        is_deleted: row.deleted,
        seller_id: row.seller_id,
        sku: row.sku,
        slug: row.slug,
    }))
}

/// Locks the products that have one of these SKUs, and tells their ids.
pub(crate) async fn product_lock_by_skus(
    transaction: &Transaction,
    skus: &[&str],
) -> Result<HashMap<String, Uuid>, Error> {
    let rows = products::product_lock_by_skus().bind(transaction.client(), &skus).all().await?;
    Ok(rows.into_iter().map(|row| (row.sku, row.id)).collect())
}

/// By what a product can be found.
#[derive(Clone, Debug)]
pub(crate) struct ProductMark {
    pub(crate) sku: String,
    pub(crate) slug: String,
    pub(crate) category_path: Vec<Uuid>,
    /// Whether it is offered.
    pub(crate) active: bool,
}

/// By what these products can be found, as this transaction sees them.
pub(crate) async fn product_marks(
    transaction: &Transaction,
    ids: &[Uuid],
) -> Result<HashMap<Uuid, ProductMark>, Error> {
    let rows = products::product_marks().bind(transaction.client(), &ids).all().await?;
    let mark = |row: products::ProductMarks| {
        let products::ProductMarks { id, sku, slug, category_path, active } = row;
        (id, ProductMark { sku, slug, category_path, active })
    };
    Ok(rows.into_iter().map(mark).collect())
}

/// What products keep when rows of a batch replace them: slug, rating and how many ratings.
pub(crate) async fn product_kept(
    transaction: &Transaction,
    ids: &[Uuid],
) -> Result<HashMap<Uuid, (String, Decimal, i32)>, Error> {
    let rows = products::product_kept().bind(transaction.client(), &ids).all().await?;
    Ok(rows.into_iter().map(|row| (row.id, (row.slug, row.rating, row.rating_count))).collect())
}

/// Which of these names are the SKU or the slug of a living product, and of which.
pub(crate) async fn product_names_taken(
    transaction: &Transaction,
    names: &[String],
) -> Result<HashMap<String, Uuid>, Error> {
    let rows = products::product_names_taken().bind(transaction.client(), &names).all().await?;
    Ok(rows.into_iter().map(|row| (row.name, row.product_id)).collect())
}

/// A product as it is written, with what it is found by.
#[derive(Debug, Serialize)]
struct Row<'r> {
    #[serde(flatten)]
    record: &'r ProductRecord,
    words: String,
}

impl<'r> Row<'r> {
    fn of(record: &'r ProductRecord) -> Self {
        let words = words::of_product(&record.sku, &record.title, record.brand.as_deref(), &record.description);
        Self { record, words }
    }
}

/// Puts products in.
pub(crate) async fn product_insert_many(
    transaction: &Transaction,
    records: &[ProductRecord],
    now: Timestamp,
) -> Result<u64, Error> {
    let rows: Vec<Row<'_>> = records.iter().map(Row::of).collect();
    Ok(products::product_insert_many().bind(transaction.client(), &now, &Json(rows)).await?)
}

/// Replaces products; tells which were changed by that.
pub(crate) async fn product_update_many(
    transaction: &Transaction,
    records: &[ProductRecord],
    now: Timestamp,
) -> Result<Vec<Uuid>, Error> {
    let rows: Vec<Row<'_>> = records.iter().map(Row::of).collect();
    Ok(products::product_update_many().bind(transaction.client(), &now, &Json(rows)).all().await?)
}

/// Marks a product as deleted.
pub(crate) async fn product_delete(transaction: &Transaction, id: Uuid, now: Timestamp) -> Result<(), Error> {
    products::product_delete().bind(transaction.client(), &now, &id).await?;
    Ok(())
}

/// Whether there is no category and no product.
pub(crate) async fn catalog_is_empty(transaction: &Transaction) -> Result<bool, Error> {
    Ok(products::catalog_is_empty().bind(transaction.client()).one().await?)
}

/// Throws everything away.
pub(crate) async fn catalog_clear(transaction: &Transaction) -> Result<(), Error> {
    products::catalog_clear().bind(transaction.client()).await?;
    Ok(())
}

/// The whole tree, parents before children.
pub(crate) async fn category_tree(database: &Database) -> Result<Vec<CategoryRow>, Error> {
    let client = database.client().await?;
    Ok(categories::category_tree().bind(&client).all().await?)
}

/// How many active products stand directly in each category, and how many of them are in stock.
pub(crate) async fn category_counts(database: &Database) -> Result<HashMap<Uuid, (i64, i64)>, Error> {
    let client = database.client().await?;
    let rows = categories::category_counts().bind(&client).all().await?;
    Ok(rows.into_iter().map(|row| (row.category_id, (row.products, row.in_stock))).collect())
}

/// The same for some categories.
pub(crate) async fn category_counts_below(
    database: &Database,
    ids: &[Uuid],
) -> Result<HashMap<Uuid, (i64, i64)>, Error> {
    let client = database.client().await?;
    let rows = categories::category_counts_below().bind(&client, &ids).all().await?;
    Ok(rows.into_iter().map(|row| (row.category_id, (row.products, row.in_stock))).collect())
}

/// A category by its slug, with everything below it, itself first.
/// A product in stock, as a report tells it.
#[derive(Clone, Debug)]
pub(crate) struct StockRow {
    pub(crate) sku: String,
    pub(crate) title: String,
    pub(crate) category: Option<String>,
    pub(crate) stock: i32,
    pub(crate) price: Option<rust_decimal::Decimal>,
    pub(crate) currency: Option<String>,
}

/// What is on sale, shelf by shelf: of a shelf and those below it, and of which there is no more than `at_most`.
pub(crate) async fn stock(
    client: &Pooled,
    category: Option<&str>,
    at_most: Option<i32>,
    rows: i64,
) -> Result<Vec<StockRow>, Error> {
    let found = products::stock_rows().bind(client, &category, &at_most, &rows).all().await?;
    let row = |row: products::StockRows| StockRow {
        sku: row.sku,
        title: row.title,
        category: row.category,
        stock: row.stock,
        price: row.price,
        currency: row.currency,
    };
    Ok(found.into_iter().map(row).collect())
}

pub(crate) async fn category_with_below(database: &Database, slug: &str) -> Result<Vec<CategoryRow>, Error> {
    let client = database.client().await?;
    let Some(category) = categories::category_by_slug().bind(&client, &slug).opt().await? else {
        return Ok(Vec::new());
    };
    Ok(categories::category_below().bind(&client, &category.id).all().await?)
}

/// The categories with these ids, in the order of the ids.
pub(crate) async fn category_refs(client: &Pooled, ids: &[Uuid]) -> Result<Vec<CategoryRef>, Error> {
    let mut refs = Vec::with_capacity(ids.len());
    for id in ids {
        if let Some(row) = categories::category_by_id().bind(client, id).opt().await? {
            refs.push(CategoryRef { id: CategoryId(row.id), slug: row.slug, name: row.name });
        }
    }
    Ok(refs)
}

/// The category that a filter names, by slug or id.
pub(crate) async fn category_resolve(database: &Database, reference: &str) -> Result<Option<CategoryFilter>, Error> {
    let client = database.client().await?;
    let slug = match reference.parse::<Uuid>() {
        Ok(id) => match categories::category_by_id().bind(&client, &id).opt().await? {
            Some(row) => row.slug,
            None => return Ok(None),
        },
        Err(_) => reference.to_owned(),
    };
    let row = categories::category_resolve().bind(&client, &&[slug.as_str()][..]).opt().await?;
    Ok(row.map(|row| CategoryFilter { id: row.id, has_children: row.has_children }))
}

/// The ids of the categories that products name, by slug or id.
pub(crate) async fn category_ids(
    transaction: &Transaction,
    references: &[&str],
) -> Result<HashMap<String, Uuid>, Error> {
    let ids: Vec<Uuid> = references.iter().filter_map(|reference| reference.parse().ok()).collect();
    let rows = categories::category_paths().bind(transaction.client(), &ids, &references).all().await?;
    Ok(rows.into_iter().flat_map(|row| [(row.id.to_string(), row.id), (row.slug, row.id)]).collect())
}

/// Makes moves in the tree take turns until the transaction ends.
pub(crate) async fn category_tree_lock(transaction: &Transaction) -> Result<(), Error> {
    categories::category_tree_lock().bind(transaction.client()).one().await?;
    Ok(())
}

/// Locks a category for a change.
pub(crate) async fn category_lock(transaction: &Transaction, slug: &str) -> Result<Option<CategoryRow>, Error> {
    Ok(categories::category_lock().bind(transaction.client(), &slug).opt().await?)
}

/// A category by its slug.
pub(crate) async fn category_by_slug(transaction: &Transaction, slug: &str) -> Result<Option<CategoryRow>, Error> {
    Ok(categories::category_by_slug().bind(transaction.client(), &slug).opt().await?)
}

/// Which of these slugs are categories'.
pub(crate) async fn category_slugs_taken(
    transaction: &Transaction,
    slugs: &[String],
) -> Result<HashMap<String, Uuid>, Error> {
    let rows = categories::category_slugs_taken().bind(transaction.client(), &slugs).all().await?;
    Ok(rows.into_iter().map(|row| (row.slug, row.id)).collect())
}

/// The category that has this name below that one, or at the top; and its slug.
pub(crate) async fn category_named(
    transaction: &Transaction,
    parent: Option<Uuid>,
    name: &str,
) -> Result<Option<(Uuid, String)>, Error> {
    let row = categories::category_named().bind(transaction.client(), &parent, &name).opt().await?;
    Ok(row.map(|row| (row.id, row.slug)))
}

/// The slug of a category.
pub(crate) async fn category_slug(transaction: &Transaction, id: Uuid) -> Result<Option<String>, Error> {
    Ok(categories::category_by_id().bind(transaction.client(), &id).opt().await?.map(|row| row.slug))
}

/// Puts a category in.
pub(crate) async fn category_insert(transaction: &Transaction, row: &CategoryRow) -> Result<(), Error> {
    use entrepot_queries::client::Params as _;
    let parameters = CategoryInsertParams {
        id: row.id,
        parent_id: row.parent_id,
        name: row.name.as_str(),
        slug: row.slug.as_str(),
        description: row.description.as_str(),
        position: row.position,
        path: row.path.as_slice(),
        words: words::of_category(&row.name),
        now: row.created_at,
    };
    categories::category_insert().params(transaction.client(), &parameters).await?;
    Ok(())
}

/// Locks a category and everything below it, once those who are putting products there are done.
pub(crate) async fn category_lock_below(transaction: &Transaction, id: Uuid) -> Result<(), Error> {
    categories::category_lock_below().bind(transaction.client(), &id).all().await?;
    Ok(())
}

/// Replaces a category with a new version of itself.
pub(crate) async fn category_update(transaction: &Transaction, row: &CategoryRow, now: Timestamp) -> Result<(), Error> {
    use entrepot_queries::client::Params as _;
    let parameters = CategoryUpdateParams {
        parent_id: row.parent_id,
        name: row.name.as_str(),
        slug: row.slug.as_str(),
        description: row.description.as_str(),
        position: row.position,
        path: row.path.as_slice(),
        words: words::of_category(&row.name),
        now,
        id: row.id,
    };
    categories::category_update().params(transaction.client(), &parameters).await?;
    Ok(())
}

/// Takes everything below a moved category along.
pub(crate) async fn category_move_below(
    transaction: &Transaction,
    id: Uuid,
    new_path: &[Uuid],
    old_depth: i32,
    now: Timestamp,
) -> Result<(), Error> {
    categories::category_move_below().bind(transaction.client(), &new_path, &old_depth, &now, &id).await?;
    Ok(())
}

/// Brings the products below a category up to date with its path and names.
pub(crate) async fn category_refresh_products(transaction: &Transaction, id: Uuid) -> Result<(), Error> {
    categories::category_refresh_products().bind(transaction.client(), &id).await?;
    Ok(())
}

/// Whether a category has children, and whether it has living products.
pub(crate) async fn category_in_use(transaction: &Transaction, id: Uuid) -> Result<(bool, bool), Error> {
    let row = categories::category_in_use().bind(transaction.client(), &id).one().await?;
    Ok((row.has_children, row.has_products))
}

/// Takes a category away, also from deleted products that were in it.
pub(crate) async fn category_delete(transaction: &Transaction, id: Uuid) -> Result<(), Error> {
    categories::category_forget_deleted_products().bind(transaction.client(), &id).await?;
    categories::category_delete().bind(transaction.client(), &id).await?;
    Ok(())
}

/// How many images a product has.
pub(crate) async fn image_count(transaction: &Transaction, product_id: Uuid) -> Result<i64, Error> {
    Ok(images::image_count().bind(transaction.client(), &product_id).one().await?)
}

/// Puts an image in, behind the last unless it says where.
pub(crate) async fn image_insert(
    transaction: &Transaction,
    product_id: Uuid,
    id: Uuid,
    input: &ImageInput,
    now: Timestamp,
) -> Result<Image, Error> {
    use entrepot_queries::client::Params as _;
    let position = match input.position {
        Some(position) => position,
        None => images::image_next_position().bind(transaction.client(), &product_id).one().await?,
    };
    let parameters = ImageInsertParams {
        id,
        product_id,
        url: input.url.as_str(),
        alt: input.alt.as_str(),
        width_px: input.width_px,
        height_px: input.height_px,
        position,
        now,
    };
    Ok(image(images::image_insert().params(transaction.client(), &parameters).one().await?))
}

/// Takes an image away; `false` when the product has no such image.
pub(crate) async fn image_delete(transaction: &Transaction, product_id: Uuid, id: ImageId) -> Result<bool, Error> {
    Ok(images::image_delete().bind(transaction.client(), &id.0, &product_id).await? > 0)
}

/// Gives a product whose images changed its new version.
pub(crate) async fn product_images_changed(
    transaction: &Transaction,
    product_id: Uuid,
    now: Timestamp,
) -> Result<(), Error> {
    images::product_images_changed().bind(transaction.client(), &product_id, &now).await?;
    Ok(())
}

/// Puts reviews in; tells them as they then are.
pub(crate) async fn review_insert_many(
    transaction: &Transaction,
    records: &[ReviewRecord],
) -> Result<Vec<Review>, Error> {
    let rows = review_queries::review_insert_many().bind(transaction.client(), &Json(records)).all().await?;
    Ok(rows
        .into_iter()
        .map(|row| Review {
            id: ReviewId(row.id),
            product_id: ProductId(row.product_id),
            rating: row.rating,
            title: row.title,
            body: row.body,
            author: row.author,
            created_at: row.created_at,
        })
        .collect())
}

/// All ratings of a product, counted.
pub(crate) async fn review_summary(client: &Pooled, product_id: Uuid) -> Result<RatingSummary, Error> {
    let rows = review_queries::review_stars().bind(client, &product_id).all().await?;
    Ok(RatingSummary::of(rows.into_iter().map(|row| (row.rating, row.reviews))))
}

/// Gives a product that was reviewed its new rating and its new version.
pub(crate) async fn product_rated(
    transaction: &Transaction,
    id: Uuid,
    summary: &RatingSummary,
    now: Timestamp,
) -> Result<(), Error> {
    let count = i32::try_from(summary.count).unwrap_or(i32::MAX);
    review_queries::product_rated().bind(transaction.client(), &summary.decimal(), &count, &now, &id).await?;
    Ok(())
}

/// Adds views to those that were counted before; tells how many products they were of.
pub(crate) async fn product_views_add(
    transaction: &Transaction,
    counted: &[(Uuid, i64)],
    now: Timestamp,
) -> Result<u64, Error> {
    let (ids, counts): (Vec<Uuid>, Vec<i64>) = counted.iter().copied().unzip();
    Ok(views::product_views_add().bind(transaction.client(), &now, &ids, &counts).await?)
}

/// The most viewed active products, then the newest that nobody has viewed; 50 at the most.
pub(crate) async fn product_popular(database: &Database, at_most: u32) -> Result<Vec<Uuid>, Error> {
    let client = database.client().await?;
    Ok(views::product_popular().bind(&client, &i64::from(at_most)).all().await?)
}

fn image(row: images::ImageRow) -> Image {
    Image {
        id: ImageId(row.id),
        url: row.url,
        alt: row.alt,
        width_px: row.width_px,
        height_px: row.height_px,
        position: row.position,
        status: None,
        error: None,
        variants: None,
    }
}
