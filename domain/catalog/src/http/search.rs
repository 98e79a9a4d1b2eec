//! Full-text search.

use std::sync::Arc;

use axum::extract::State;
use entrepot_web::{Permit, Problem, Query, Reply};

use super::Catalog;
use super::read::{ListParameters, ProductList, read_list};

/// Searches products: ranked by how well title and SKU, brand, category and description match, in this
/// order, with the matches highlighted and facets counted. Where nothing matches, words that are
/// spelled alike are tried, and `meta.correctedTo` says so. Where more than 1,000 products match, a
/// thousand of them are ranked. While `q` has nothing to look for, everything is listed.
#[utoipa::path(
    get, path = "/api/v2/products/search", tag = "catalog",
    params(
        ("q" = String, Query, description = "All words must match, the last may be unfinished; `\"a phrase\"`, `-not`, `or`.", example = "apple sauce"),
        ListParameters,
    ),
    responses((status = 200, description = "A page of the matches, the best first. Facets are counted unless `facets=` is empty.", body = ProductList)),
)]
pub(super) async fn search_products(
    State(catalog): State<Arc<Catalog>>,
    permit: Permit,
    query: Query,
) -> Result<Reply, Problem> {
    catalog.list(&permit, read_list(query, true)?).await
}
