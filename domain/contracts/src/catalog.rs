//! What the catalog tells others of itself.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{CategoryId, ProductId};

/// What happened to something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum Change {
    /// It is new.
    Created,
    /// It has another version.
    Updated,
    /// It was written as it was already.
    Unchanged,
    /// It is gone.
    Deleted,
    /// Somebody has rated it.
    Rated,
}

/// A product was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProductChanged {
    /// Which.
    pub product_id: ProductId,
    /// Its SKU, after the change, or before a deletion; left out while it is not offered, since who followed it before may be
    /// told.
    #[schema(example = "26190", nullable = false)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sku: Option<String>,
    /// What happened.
    pub change: Change,
}

impl ProductChanged {
    /// The event's name.
    pub const NAME: &'static str = "catalog.product-changed";
}

/// A category was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CategoryChanged {
    /// Which.
    pub category_id: CategoryId,
    /// Its slug, after the change.
    #[schema(example = "grocery-fruit-shelf-stable")]
    pub slug: String,
    /// What happened.
    pub change: Change,
}

impl CategoryChanged {
    /// The event's name.
    pub const NAME: &'static str = "catalog.category-changed";
}

/// Products were looked at, and how often was written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ViewsCounted {
    /// How many products.
    pub products: u64,
}

impl ViewsCounted {
    /// The event's name.
    pub const NAME: &'static str = "catalog.views-counted";
}

/// So much was written at once that it is not told one by one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CatalogReplaced {
    /// By what: `import`, `seed`.
    #[schema(example = "import")]
    pub by: String,
}

impl CatalogReplaced {
    /// The event's name.
    pub const NAME: &'static str = "catalog.replaced";
}
