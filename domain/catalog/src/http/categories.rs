//! Categories: the tree, one, create, change, delete.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Path, State};
use entrepot_contracts::CategoryId;
use entrepot_web::body::{JsonBody, PatchBody};
use entrepot_web::{CacheClass, Fault, IfMatch, Problem, Query, Reply};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::problems::{CATEGORY_CYCLE, CATEGORY_NOT_EMPTY, CATEGORY_NOT_FOUND, CATEGORY_TOO_DEEP};
use super::products::{duplicate_slug, may_be_name, unknown_category};
use super::{Catalog, database_problem};
use crate::events::{CATALOG, CATEGORIES, PRODUCTS, shelf_tag};
use crate::model::{CategoryDetail, CategoryInput, CategoryNode, CategoryRef};
use crate::ops::{self, CreateCategoryError, DeleteCategoryError, UpdateCategoryError};
use crate::store::{self, CategoryRow};

/// The whole tree.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CategoryTree {
    /// The categories at the top, each with those below it.
    data: Vec<CategoryNode>,
}

/// The tree of categories, with how many products are in each and below it.
#[utoipa::path(
    get, path = "/api/v2/categories", tag = "catalog",
    params(("depth" = Option<u32>, Query, description = "Levels to show, from 1; all unless told.", minimum = 1, maximum = 8)),
    responses((status = 200, description = "The tree.", body = CategoryTree)),
)]
pub(super) async fn list_categories(State(catalog): State<Arc<Catalog>>, mut query: Query) -> Result<Reply, Problem> {
    let depth: u32 = query.value("depth", "a whole number from 1 to 8").unwrap_or(8);
    if !(1..=8).contains(&depth) {
        query.fault("depth", "out_of_range", "must be from 1 to 8");
    }
    query.finish()?;
    let database = &catalog.to.database;
    let rows = store::category_tree(database).await.map_err(database_problem)?;
    let counts = store::category_counts(database).await.map_err(database_problem)?;
    let mut data = nest(rows, &counts, None);
    cut(&mut data, depth);
    Ok(Reply::json(&CategoryTree { data }, CacheClass::Api)?.cached([CATALOG, CATEGORIES, PRODUCTS]))
}

/// One category: the way down to it, what lies below it, and how many products.
#[utoipa::path(
    get, path = "/api/v2/categories/{category}", tag = "catalog",
    params(("category" = String, Path, description = "Its slug.", example = "grocery")),
    responses((status = 200, description = "The category.", body = CategoryDetail)),
)]
pub(super) async fn get_category(
    State(catalog): State<Arc<Catalog>>,
    Path(slug): Path<String>,
    query: Query,
) -> Result<Reply, Problem> {
    query.finish()?;
    catalog.category_reply(&slug).await
}

/// Puts a category into the tree.
#[utoipa::path(
    post, path = "/api/v2/categories", tag = "catalog",
    request_body = CategoryInput,
    responses((status = 201, description = "The category; `Location` says where.", body = CategoryDetail)),
)]
pub(super) async fn create_category(
    State(catalog): State<Arc<Catalog>>,
    query: Query,
    JsonBody(body): JsonBody,
) -> Result<Reply, Problem> {
    query.finish()?;
    let input = CategoryInput::read(&body).map_err(Problem::invalid_body)?;
    let created = ops::create_category(&catalog.to, &input).await.map_err(|error| match error {
        CreateCategoryError::DuplicateSlug(_) => duplicate_slug(),
        CreateCategoryError::UnknownParent(parent) => unknown_category(&parent, "/parent"),
        CreateCategoryError::TooDeep => too_deep(),
        CreateCategoryError::Database(error) => database_problem(error),
    })?;
    // As it was written: it is new, so nothing lies below it and nothing is in it.
    let location = format!("/api/v2/categories/{}", created.row.slug);
    let reply = detail_reply(vec![created.row], &HashMap::new(), created.ancestors)?;
    Ok(reply.ok_or_else(|| not_found(&location))?.created_at(&location))
}

/// Changes a category by a JSON merge patch (RFC 7396); a new `parent` moves it and all below it.
#[utoipa::path(
    patch, path = "/api/v2/categories/{category}", tag = "catalog",
    params(
        ("category" = String, Path, description = "Its slug."),
        ("If-Match" = Option<String>, Header, description = "The ETag that the change is based on."),
    ),
    request_body(content = CategoryInput, content_type = "application/merge-patch+json", description = "Any members of a category; what is left out stays as it is."),
    responses((status = 200, description = "The category as it is now.", body = CategoryDetail)),
)]
pub(super) async fn update_category(
    State(catalog): State<Arc<Catalog>>,
    Path(slug): Path<String>,
    query: Query,
    if_match: IfMatch,
    PatchBody(patch): PatchBody,
) -> Result<Reply, Problem> {
    query.finish()?;
    if !patch.is_object() {
        return Err(Problem::invalid_body(vec![Fault::at("", "wrong_type", "must be an object")]));
    }
    if !may_be_name(&slug) {
        return Err(not_found(&slug));
    }
    let accepts = |version| if_match.allows(version);
    let slug = ops::update_category(&catalog.to, &slug, &accepts, &patch).await.map_err(|error| match error {
        UpdateCategoryError::NotFound => not_found(&slug),
        UpdateCategoryError::MovedOn(version) => IfMatch::failed(version),
        UpdateCategoryError::Invalid(faults) => Problem::invalid_body(faults),
        UpdateCategoryError::DuplicateSlug(_) => duplicate_slug(),
        UpdateCategoryError::UnknownParent(parent) => unknown_category(&parent, "/parent"),
        UpdateCategoryError::Cycle => {
            Problem::new(&CATEGORY_CYCLE, "the new parent is the category itself or lies below it")
                .with_faults(vec![Fault::at("/parent", "cycle", "is the category itself or lies below it")])
        }
        UpdateCategoryError::TooDeep => too_deep(),
        UpdateCategoryError::Database(error) => database_problem(error),
    })?;
    catalog.category_reply(&slug).await
}

/// Takes a category out of the tree. It must be empty.
#[utoipa::path(
    delete, path = "/api/v2/categories/{category}", tag = "catalog",
    params(
        ("category" = String, Path, description = "Its slug."),
        ("If-Match" = Option<String>, Header, description = "The ETag that the deletion is based on."),
    ),
    responses((status = 204, description = "It is gone.")),
)]
pub(super) async fn delete_category(
    State(catalog): State<Arc<Catalog>>,
    Path(slug): Path<String>,
    query: Query,
    if_match: IfMatch,
) -> Result<Reply, Problem> {
    query.finish()?;
    if !may_be_name(&slug) {
        return Err(not_found(&slug));
    }
    let accepts = |version| if_match.allows(version);
    ops::delete_category(&catalog.to, &slug, &accepts).await.map_err(|error| match error {
        DeleteCategoryError::NotFound => not_found(&slug),
        DeleteCategoryError::MovedOn(version) => IfMatch::failed(version),
        DeleteCategoryError::HasChildren => Problem::new(&CATEGORY_NOT_EMPTY, "other categories lie below it"),
        DeleteCategoryError::HasProducts => Problem::new(&CATEGORY_NOT_EMPTY, "products are in it"),
        DeleteCategoryError::Database(error) => database_problem(error),
    })?;
    Ok(Reply::no_content())
}

impl Catalog {
    async fn category_reply(&self, slug: &str) -> Result<Reply, Problem> {
        let database = &self.to.database;
        if !may_be_name(slug) {
            return Err(not_found(slug));
        }
        let rows = store::category_with_below(database, slug).await.map_err(database_problem)?;
        let Some(row) = rows.first() else { return Err(not_found(slug)) };
        let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
        let counts = store::category_counts_below(database, &ids).await.map_err(database_problem)?;
        let above = &row.path[..row.path.len().saturating_sub(1)];
        let client = database.client().await.map_err(database_problem)?;
        let ancestors = store::category_refs(&client, above).await.map_err(database_problem)?;
        detail_reply(rows, &counts, ancestors)?.ok_or_else(|| not_found(slug))
    }
}

/// The answer about a category, from its row and those below it; `None` where there is no row.
fn detail_reply(
    rows: Vec<CategoryRow>,
    counts: &HashMap<Uuid, (i64, i64)>,
    ancestors: Vec<CategoryRef>,
) -> Result<Option<Reply>, Problem> {
    let Some(row) = rows.first().cloned() else { return Ok(None) };
    let Some(category) = nest(rows, counts, row.parent_id).into_iter().next() else { return Ok(None) };
    let detail = CategoryDetail {
        category,
        ancestors,
        created_at: row.created_at,
        updated_at: row.updated_at,
        version: row.version,
    };
    let tags = [CATALOG.to_owned(), CATEGORIES.to_owned(), shelf_tag(row.id)];
    Ok(Some(Reply::json(&detail, CacheClass::Api)?.version(detail.version).cached(tags)))
}

/// Puts rows, parents before children, together to trees below `root`, and adds the counts up.
fn nest(rows: Vec<CategoryRow>, counts: &HashMap<Uuid, (i64, i64)>, root: Option<Uuid>) -> Vec<CategoryNode> {
    let mut below: HashMap<Option<Uuid>, Vec<CategoryNode>> = HashMap::new();
    // From the deepest up: whatever lies below a row has been put together when the row comes.
    for row in rows.into_iter().rev() {
        let mut children = below.remove(&Some(row.id)).unwrap_or_default();
        children.reverse();
        let (products, in_stock) = counts.get(&row.id).copied().unwrap_or_default();
        let node = CategoryNode {
            id: CategoryId(row.id),
            slug: row.slug,
            name: row.name,
            description: row.description,
            position: row.position,
            product_count: products + children.iter().map(|child| child.product_count).sum::<i64>(),
            in_stock_count: in_stock + children.iter().map(|child| child.in_stock_count).sum::<i64>(),
            children,
        };
        below.entry(row.parent_id).or_default().push(node);
    }
    let mut top = below.remove(&root).unwrap_or_default();
    top.reverse();
    top
}

/// Shows only so many levels; the counts stay whole.
fn cut(nodes: &mut [CategoryNode], depth: u32) {
    for node in nodes {
        if depth <= 1 {
            node.children.clear();
        } else {
            cut(&mut node.children, depth - 1);
        }
    }
}

fn not_found(slug: &str) -> Problem {
    Problem::new(&CATEGORY_NOT_FOUND, format!("no category has the slug {slug:?}"))
}

fn too_deep() -> Problem {
    Problem::new(&CATEGORY_TOO_DEEP, "the tree would be more than eight levels deep").with_faults(vec![Fault::at(
        "/parent",
        "too_deep",
        "lies too deep",
    )])
}
