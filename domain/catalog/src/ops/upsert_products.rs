//! Puts in or replaces many products at once, matched by SKU.
//!
//! A row is the whole product: members that it leaves out take their default, except the slug and
//! the ratings, which a product that is there keeps. All rows are written by two statements.

use std::collections::HashMap;

use entrepot_contracts::Change;
use entrepot_pg::{Error, ScopedFutureExt as _, Transaction};
use entrepot_web::{Fault, off_async_threads};
use serde_json::Value;
use uuid::Uuid;

use super::MOST_CHOICES;
use super::names::choose_slugs;
use crate::events::products_changed;
use crate::model::{ProductInput, ProductRecord};
use crate::{Dependencies, store};

/// What became of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Created,
    Updated,
    /// The product was like this already.
    Unchanged,
}

/// A row's own verdict.
#[derive(Clone, Debug)]
pub(crate) enum Verdict {
    Done { id: Uuid, sku: String, outcome: Outcome },
    Failed { faults: Vec<Fault> },
}

/// One row of a batch and where it stands in the body.
#[derive(Clone, Debug)]
pub(crate) struct UpsertRow<'a> {
    pub(crate) value: &'a Value,
    pub(crate) pointer: String,
}

/// Why a batch was not written at all.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UpsertProductsError {
    /// `atomic`, and some rows are not valid.
    #[error("some rows are not valid")]
    Invalid(Vec<Fault>),
    #[error("a product with the SKU or the slug of one of the rows came in at the same moment")]
    NameTaken,
    #[error(transparent)]
    Database(#[from] Error),
}

/// Writes the rows: all or none when `atomic`, else those that are valid.
pub(crate) async fn upsert_products(
    to: &Dependencies,
    rows: &[UpsertRow<'_>],
    atomic: bool,
) -> Result<Vec<Verdict>, UpsertProductsError> {
    let read = off_async_threads(|| read_rows(rows));
    for _ in 1..MOST_CHOICES {
        match attempt(to, rows, &read, atomic).await {
            // Another write put the same rows in, or took a slug that was chosen here. Both are seen now; what a row
            // itself says wrongly is told as that row's fault.
            Err(UpsertProductsError::NameTaken) => {}
            outcome => return outcome,
        }
    }
    attempt(to, rows, &read, atomic).await
}

async fn attempt(
    to: &Dependencies,
    rows: &[UpsertRow<'_>],
    read: &[Result<ProductInput, Vec<Fault>>],
    atomic: bool,
) -> Result<Vec<Verdict>, UpsertProductsError> {
    to.database
        .transaction(|transaction| {
            async move { write(transaction, to, rows, read.to_vec(), atomic).await }.scope_boxed()
        })
        .await
}

/// Reads every row, and finds SKUs that are there twice.
fn read_rows(rows: &[UpsertRow<'_>]) -> Vec<Result<ProductInput, Vec<Fault>>> {
    let mut read: Vec<_> = rows.iter().map(|row| ProductInput::read(row.value, &row.pointer)).collect();
    let mut first: HashMap<String, usize> = HashMap::new();
    for (index, row) in rows.iter().enumerate() {
        let Ok(input) = &read[index] else { continue };
        let sku = input.sku.clone();
        if let Some(earlier) = first.get(&sku) {
            let detail = format!("is the SKU of row {earlier} too");
            read[index] = Err(vec![Fault::at(format!("{}/sku", row.pointer), "repeated", detail)]);
        } else {
            first.insert(sku, index);
        }
    }
    read
}

async fn write(
    transaction: &Transaction,
    to: &Dependencies,
    rows: &[UpsertRow<'_>],
    mut read: Vec<Result<ProductInput, Vec<Fault>>>,
    atomic: bool,
) -> Result<Vec<Verdict>, UpsertProductsError> {
    let named: Vec<&str> = read.iter().flatten().filter_map(|input| input.category.as_deref()).collect();
    let categories = store::category_ids(transaction, &named).await?;
    for (row, read) in rows.iter().zip(&mut read) {
        if let Ok(ProductInput { category: Some(category), .. }) = read
            && !categories.contains_key(category)
        {
            let detail = format!("there is no category {category:?}");
            *read = Err(vec![Fault::at(format!("{}/category", row.pointer), "unknown_category", detail)]);
        }
    }
    let skus: Vec<&str> = read.iter().flatten().map(|input| input.sku.as_str()).collect();
    let there = store::product_lock_by_skus(transaction, &skus).await?;
    refuse_taken_names(transaction, rows, &mut read, &there).await?;
    if atomic && read.iter().any(Result::is_err) {
        return Err(UpsertProductsError::Invalid(read.into_iter().filter_map(Result::err).flatten().collect()));
    }
    let valid: Vec<&ProductInput> = read.iter().flatten().collect();
    let slugs = choose_slugs(transaction, &valid, &there).await?;
    let (mut new, mut old) = (Vec::new(), Vec::new());
    for (input, slug) in valid.into_iter().zip(slugs) {
        let input = input.clone();
        let category_id = input.category.as_ref().and_then(|category| categories.get(category).copied());
        match there.get(&input.sku) {
            None => new.push(ProductRecord::new(input, to.clock.new_id(), slug, category_id, None)),
            Some(id) => old.push(ProductRecord::new(input, *id, slug, category_id, None)),
        }
    }
    keep_what_rows_do_not_own(transaction, &mut old, &read).await?;
    let ids: Vec<Uuid> = old.iter().map(|record| record.id).collect();
    let before = store::product_marks(transaction, &ids).await?;
    let now = to.clock.now();
    let refused = |error: Error| match error.constraint() {
        Some("product_sku_key" | "product_slug_key" | "product_name_key") => UpsertProductsError::NameTaken,
        _ => error.into(),
    };
    let updated = store::product_update_many(transaction, &old, now).await.map_err(refused)?;
    store::product_insert_many(transaction, &new, now).await.map_err(refused)?;
    let mut touched = updated.clone();
    touched.extend(new.iter().map(|record| record.id));
    let texts = old
        .iter()
        .chain(&new)
        .flat_map(|record| [Some(&*record.title), record.brand.as_deref(), Some(&*record.description)]);
    let words = store::words::vocabulary(texts.flatten());
    store::words::learn(transaction, words).await?;
    let after = store::product_marks(transaction, &touched).await?;
    let changes: Vec<(Uuid, Change)> = old
        .iter()
        .map(|record| (record.id, if updated.contains(&record.id) { Change::Updated } else { Change::Unchanged }))
        .chain(new.iter().map(|record| (record.id, Change::Created)))
        .collect();
    to.feed.append_all(transaction, products_changed(&changes, &before, &after)).await?;

    let created: HashMap<&str, Uuid> = new.iter().map(|record| (record.sku.as_str(), record.id)).collect();
    Ok(read
        .into_iter()
        .map(|read| match read {
            Err(faults) => Verdict::Failed { faults },
            Ok(input) => {
                let (id, outcome) = match (created.get(input.sku.as_str()), there.get(&input.sku)) {
                    (Some(id), _) => (*id, Outcome::Created),
                    (None, Some(id)) if updated.contains(id) => (*id, Outcome::Updated),
                    (None, id) => (id.copied().unwrap_or_default(), Outcome::Unchanged),
                };
                Verdict::Done { id, sku: input.sku, outcome }
            }
        })
        .collect())
}

/// A SKU or a slug that a row names must be its product's own, or nobody's: neither another product's nor another row's.
async fn refuse_taken_names(
    transaction: &Transaction,
    rows: &[UpsertRow<'_>],
    read: &mut [Result<ProductInput, Vec<Fault>>],
    there: &HashMap<String, Uuid>,
) -> Result<(), UpsertProductsError> {
    let names_of = |input: &ProductInput| std::iter::once(input.sku.clone()).chain(input.slug.clone()).collect();
    let named: Vec<String> = read.iter().flatten().flat_map(|input| -> Vec<String> { names_of(input) }).collect();
    let taken = store::product_names_taken(transaction, &named).await?;
    let others = read.iter().flatten().map(|input| input.sku.as_str());
    let others: Vec<&str> = others.filter(|sku| taken.contains_key(*sku) && !there.contains_key(*sku)).collect();
    // Put in by another batch since it was looked which are there: then these rows are to change them.
    if !others.is_empty() && !store::product_lock_by_skus(transaction, &others).await?.is_empty() {
        return Err(UpsertProductsError::NameTaken);
    }
    let mut by_row: HashMap<String, usize> = HashMap::new();
    // SKUs first: that none is there twice has been seen to.
    for (index, input) in read.iter().enumerate() {
        by_row.extend(input.iter().map(|input| (input.sku.clone(), index)));
    }
    for (index, (row, read)) in rows.iter().zip(read).enumerate() {
        let Ok(input) = &*read else { continue };
        let is_anothers = |name: &String| taken.get(name).is_some_and(|owner| there.get(&input.sku) != Some(owner));
        let fault = if is_anothers(&input.sku) {
            Some(("sku", "is the slug of another product".to_owned()))
        } else {
            input.slug.as_ref().and_then(|slug| match by_row.get(slug) {
                _ if is_anothers(slug) => Some(("slug", "is the SKU or the slug of another product".to_owned())),
                Some(other) if *other != index => Some(("slug", format!("is the SKU or the slug of row {other} too"))),
                _ => {
                    by_row.insert(slug.clone(), index);
                    None
                }
            })
        };
        if let Some((member, detail)) = fault {
            *read = Err(vec![Fault::at(format!("{}/{member}", row.pointer), "duplicate", detail)]);
        }
    }
    Ok(())
}

/// A product that is there keeps its ratings, and its slug where the row names none.
async fn keep_what_rows_do_not_own(
    transaction: &Transaction,
    old: &mut [ProductRecord],
    read: &[Result<ProductInput, Vec<Fault>>],
) -> Result<(), Error> {
    let ids: Vec<Uuid> = old.iter().map(|record| record.id).collect();
    let kept = store::product_kept(transaction, &ids).await?;
    for record in old {
        let Some((slug, rating, rating_count)) = kept.get(&record.id) else { continue };
        record.rating = *rating;
        record.rating_count = *rating_count;
        let names_slug = read.iter().flatten().any(|input| input.sku == record.sku && input.slug.is_some());
        if !names_slug {
            record.slug.clone_from(slug);
        }
    }
    Ok(())
}
