//! What the catalog tells of its writes: the events, and the tags that they touch.
//!
//! | tag | is on | is touched by |
//! | --- | --- | --- |
//! | `catalog` | everything | an import, a seed, a change of a category that shows in its products |
//! | `categories` | the tree, a category, lists of a category that there is not | any change of a category |
//! | `product:<id>` | the product, its reviews, the summary of its ratings | any change of it, a review |
//! | `product-name:<SKU or slug>` | the product found by that name | a change of a product that has it, before or after |
//! | `products` | lists of all products, searches, the tree (it counts them), the popular ones | any change of any product, a review |
//! | `shelf:<category id>` | lists of that category, the category itself | a change of a product in it or below it, before or after |
//! | `ratings` | summaries of ratings | an import, a seed |
//! | `followers:product-<id>` | nothing: live updates ask its followers again whether they may | a change after which the product is not offered: it may have been hidden, or be another seller's now |
//! | `popular` | the popular products | views that were counted |
//!
//! | event | topic | tells | touches |
//! | --- | --- | --- | --- |
//! | `catalog.product-changed` | `product-<id>` | a product was put in, changed, deleted or rated | `product`, its `product-name`s, `products`, its `shelf`s; only `product` where nothing changed |
//! | `catalog.category-changed` | `category-<id>` | a category was put in, changed or taken out | `categories`; `catalog` but for a new one |
//! | `catalog.views-counted` | `catalog-views` | views were written down | `popular` |
//! | `catalog.replaced` | `catalog` | a seed or an import | `catalog`, `categories`, `products`, `ratings` |
//!
//! A summary of ratings is written through: put into the cache by the commit that made it. For that
//! each of its tags must order those who touch it as they commit (`Namespace::write_through`).
//! `product:<id>` does: whoever touches it holds that product's row. `catalog` does not, and would
//! cost the summaries at every move of a category, which shows in none of them; so they carry
//! `ratings` instead. An import touches it and changes no rating: it owns no such column and deletes
//! nothing. A seed that starts over does take reviews away, and its products have the ids that they
//! had before; it takes the tables whole before its event gets an id, so that of a seed and a review
//! the one with the higher id is the later one.
//!
//! **Invariants:**
//! - An answer carries the tags of everything that it was made from, and a write touches the tags of
//!   everything that it shows up in, as it was before and as it is after.
//! - A write that found nothing to change is told too: its answer is what was then read under the
//!   row's lock, and its client may not see less afterwards.

use std::collections::HashMap;

use entrepot_contracts::{CatalogReplaced, CategoryChanged, Change, ProductChanged, ProductId, ViewsCounted};
use entrepot_feed::NewEvent;
use uuid::Uuid;

use crate::store::ProductMark;

pub(crate) const CATALOG: &str = "catalog";
pub(crate) const CATEGORIES: &str = "categories";
pub(crate) const PRODUCTS: &str = "products";
pub(crate) const RATINGS: &str = "ratings";
pub(crate) const POPULAR: &str = "popular";

pub(crate) fn product_tag(id: Uuid) -> String {
    format!("product:{id}")
}

/// A SKU or a slug.
pub(crate) fn name_tag(name: &str) -> String {
    format!("product-name:{name}")
}

pub(crate) fn shelf_tag(category: Uuid) -> String {
    format!("shelf:{category}")
}

/// What the summary of a product's ratings is made from.
pub(crate) fn summary_tags(product: Uuid) -> [String; 2] {
    [product_tag(product), RATINGS.to_owned()]
}

/// A product was changed: as it was before, if it was there, and as it is after.
pub(crate) fn product_changed(id: Uuid, change: Change, marks: &[Option<&ProductMark>]) -> NewEvent {
    let marks: Vec<&ProductMark> = marks.iter().copied().flatten().collect();
    let is_doubted = matches!(marks[..], [_, after] if !after.active);
    let sku = marks.last().filter(|mark| mark.active).map(|mark| mark.sku.clone());
    let event = NewEvent::new(ProductChanged::NAME, format!("product-{id}"))
        .data(&ProductChanged { product_id: ProductId(id), sku, change })
        .tags([product_tag(id)]);
    let shelves = marks.iter().flat_map(|mark| mark.category_path.iter().copied().map(shelf_tag));
    let names = marks.iter().flat_map(|mark| [name_tag(&mark.sku), name_tag(&mark.slug)]);
    let event = event.tags([PRODUCTS]).tags(names).tags(shelves);
    if is_doubted { event.doubting_followers() } else { event }
}

/// The same for many.
pub(crate) fn products_changed(
    changes: &[(Uuid, Change)],
    before: &HashMap<Uuid, ProductMark>,
    after: &HashMap<Uuid, ProductMark>,
) -> Vec<NewEvent> {
    changes.iter().map(|(id, change)| product_changed(*id, *change, &[before.get(id), after.get(id)])).collect()
}

/// A category was put in: it shows in the tree, and in no product yet.
pub(crate) fn category_created(id: Uuid, slug: &str) -> NewEvent {
    category_event(id, slug, Change::Created).tags([CATEGORIES])
}

/// A category was changed or taken out: its name and place show in its products and in what is found
/// under it.
pub(crate) fn category_changed(id: Uuid, slug: &str, change: Change) -> NewEvent {
    category_event(id, slug, change).tags([CATEGORIES, CATALOG])
}

fn category_event(id: Uuid, slug: &str, change: Change) -> NewEvent {
    let data = CategoryChanged { category_id: entrepot_contracts::CategoryId(id), slug: slug.to_owned(), change };
    NewEvent::new(CategoryChanged::NAME, format!("category-{id}")).data(&data)
}

/// Much was written at once.
pub(crate) fn catalog_replaced(by: &str) -> NewEvent {
    NewEvent::new(CatalogReplaced::NAME, "catalog")
        .data(&CatalogReplaced { by: by.to_owned() })
        .tags([CATALOG, CATEGORIES, PRODUCTS, RATINGS])
}

/// Views of so many products were written down.
pub(crate) fn views_counted(products: u64) -> NewEvent {
    NewEvent::new(ViewsCounted::NAME, "catalog-views").data(&ViewsCounted { products }).tags([POPULAR])
}
