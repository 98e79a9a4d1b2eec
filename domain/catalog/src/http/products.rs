//! Products: list, one, create, change, delete.

use std::sync::Arc;

use axum::extract::{Path, State};
use entrepot_contracts::SellerId;
use entrepot_web::body::{JsonBody, PatchBody};
use entrepot_web::{CacheClass, Fault, IfMatch, Permit, Problem, Projected, Projection, Query, Reply};
use uuid::Uuid;

use super::problems::{DUPLICATE_SKU, DUPLICATE_SLUG, NOT_OWN, PRODUCT_DELETED, PRODUCT_NOT_FOUND, UNKNOWN_CATEGORY};
use super::read::{ListParameters, ProductList, read_list};
use super::{Catalog, database_problem};
use crate::events::{CATALOG, name_tag, product_tag};
use crate::model::{PRODUCT_FIELDS, Product, ProductInput};
use crate::ops::{self, CreateProductError, DeleteProductError, UpdateProductError};
use crate::store;

/// Lists products: filtered, sorted, in pages. With `q` it searches.
#[utoipa::path(
    get, path = "/api/v2/products", tag = "catalog",
    params(
        ("q" = Option<String>, Query, description = "Search: all words must match, the last may be unfinished; `\"a phrase\"`, `-not`, `or`. See the search endpoint."),
        ListParameters,
    ),
    responses((status = 200, description = "A page of the list.", body = ProductList)),
)]
pub(super) async fn list_products(
    State(catalog): State<Arc<Catalog>>,
    permit: Permit,
    query: Query,
) -> Result<Reply, Problem> {
    catalog.list(&permit, read_list(query, false)?).await
}

/// One product, by its id, SKU or slug.
#[utoipa::path(
    get, path = "/api/v2/products/{product}", tag = "catalog",
    params(
        ("product" = String, Path, description = "An id, a SKU or a slug.", example = "26190"),
        ("fields" = Option<String>, Query, description = "Only these fields.", example = "id,title,price.amount"),
        ("exclude" = Option<String>, Query, description = "All fields but these."),
    ),
    responses((status = 200, description = "The product.", body = Product)),
)]
pub(super) async fn get_product(
    State(catalog): State<Arc<Catalog>>,
    permit: Permit,
    Path(reference): Path<String>,
    mut query: Query,
) -> Result<Reply, Problem> {
    let projection = Projection::from_query(&mut query, PRODUCT_FIELDS);
    query.finish()?;
    let product = catalog.shown(&permit, &reference).await?;
    let reply = product_reply(&product, &projection)?;
    if !product.active {
        return Ok(reply.private());
    }
    Ok(reply.cached(tags(&product, &reference)).counted(product.id.to_string()))
}

/// Puts a product in.
#[utoipa::path(
    post, path = "/api/v2/products", tag = "catalog",
    request_body(content = ProductInput, description = "Only `sku` and `title` are required."),
    responses((status = 201, description = "The product as it is now; `Location` says where.", body = Product)),
)]
pub(super) async fn create_product(
    State(catalog): State<Arc<Catalog>>,
    permit: Permit,
    query: Query,
    JsonBody(body): JsonBody,
) -> Result<Reply, Problem> {
    query.finish()?;
    let mut input = ProductInput::read(&body, "").map_err(Problem::invalid_body)?;
    if let Some(owner) = permit.owner()? {
        if input.seller_id.is_some_and(|seller| seller.0 != owner) {
            let fault = Fault::at("/sellerId", "not_own", "must be your own id, or be left out");
            return Err(Problem::invalid_body(vec![fault]));
        }
        input.seller_id = Some(SellerId(owner));
    }
    let product = ops::create_product(&catalog.to, &input).await.map_err(|error| match error {
        CreateProductError::DuplicateSku => duplicate_sku(),
        CreateProductError::DuplicateSlug | CreateProductError::NameTaken => duplicate_slug(),
        CreateProductError::UnknownCategory(category) => unknown_category(&category, "/category"),
        CreateProductError::Database(error) => database_problem(error),
    })?;
    Ok(product_reply(&product, &Projection::default())?.created_at(&format!("/api/v2/products/{}", product.id)))
}

/// Changes a product by a JSON merge patch (RFC 7396): null takes a member back to its default.
#[utoipa::path(
    patch, path = "/api/v2/products/{product}", tag = "catalog",
    params(
        ("product" = String, Path, description = "An id, a SKU or a slug."),
        ("If-Match" = Option<String>, Header, description = "The ETag that the change is based on; 412 when the product has moved on."),
    ),
    request_body(content = ProductInput, content_type = "application/merge-patch+json", description = "Any members of a product; what is left out stays as it is."),
    responses((status = 200, description = "The product as it is now.", body = Product)),
)]
pub(super) async fn update_product(
    State(catalog): State<Arc<Catalog>>,
    permit: Permit,
    Path(reference): Path<String>,
    query: Query,
    if_match: IfMatch,
    PatchBody(patch): PatchBody,
) -> Result<Reply, Problem> {
    query.finish()?;
    if !patch.is_object() {
        return Err(Problem::invalid_body(vec![Fault::at("", "wrong_type", "must be an object")]));
    }
    if !may_be_name(&reference) {
        return Err(not_found(&reference));
    }
    let accepts = |version| if_match.allows(version);
    let product =
        ops::update_product(&catalog.to, &reference, permit.owner()?, &accepts, &patch).await.map_err(|error| {
            match error {
                UpdateProductError::NotFound => not_found(&reference),
                UpdateProductError::Deleted => deleted(&reference),
                UpdateProductError::MovedOn(version) => IfMatch::failed(version),
                UpdateProductError::NotOwn => not_own(),
                UpdateProductError::Invalid(faults) => Problem::invalid_body(faults),
                UpdateProductError::DuplicateSku => duplicate_sku(),
                UpdateProductError::DuplicateSlug => duplicate_slug(),
                UpdateProductError::UnknownCategory(category) => unknown_category(&category, "/category"),
                UpdateProductError::Database(error) => database_problem(error),
            }
        })?;
    product_reply(&product, &Projection::default())
}

/// Deletes a product. It answers 410 by its id from then on; its SKU and slug are free.
#[utoipa::path(
    delete, path = "/api/v2/products/{product}", tag = "catalog",
    params(
        ("product" = String, Path, description = "An id, a SKU or a slug."),
        ("If-Match" = Option<String>, Header, description = "The ETag that the deletion is based on."),
    ),
    responses((status = 204, description = "It is deleted.")),
)]
pub(super) async fn delete_product(
    State(catalog): State<Arc<Catalog>>,
    permit: Permit,
    Path(reference): Path<String>,
    query: Query,
    if_match: IfMatch,
) -> Result<Reply, Problem> {
    query.finish()?;
    if !may_be_name(&reference) {
        return Err(not_found(&reference));
    }
    let accepts = |version| if_match.allows(version);
    ops::delete_product(&catalog.to, &reference, permit.owner()?, &accepts).await.map_err(|error| match error {
        DeleteProductError::NotFound => not_found(&reference),
        DeleteProductError::Deleted => deleted(&reference),
        DeleteProductError::MovedOn(version) => IfMatch::failed(version),
        DeleteProductError::NotOwn => not_own(),
        DeleteProductError::Database(error) => database_problem(error),
    })?;
    Ok(Reply::no_content())
}

impl Catalog {
    /// The product that a path segment means, if the caller may see it: what is not offered is there for those alone
    /// who may write it.
    pub(super) async fn shown(&self, permit: &Permit, reference: &str) -> Result<Arc<Product>, Problem> {
        let product = self.product(reference).await?;
        let is_shown = product.active
            || match permit.more()? {
                None => false,
                Some(None) => true,
                Some(Some(owner)) => product.seller_id == Some(SellerId(owner)),
            };
        if is_shown { Ok(product) } else { Err(not_found(reference)) }
    }

    /// The living product that a path segment means: an id, a SKU or a slug.
    pub(super) async fn product(&self, reference: &str) -> Result<Arc<Product>, Problem> {
        let product = match reference.parse::<Uuid>() {
            Ok(id) => self.product_reads.get(id).await.map_err(database_problem)?,
            Err(_) if !may_be_name(reference) => None,
            Err(_) => {
                let found = store::product_by_name(&self.to.database, reference).await.map_err(database_problem)?;
                found.map(Arc::new)
            }
        };
        match product {
            None => Err(not_found(reference)),
            Some(product) if product.deleted => Err(deleted(reference)),
            Some(product) => Ok(product),
        }
    }
}

/// What the answer to a product asked for by this reference is made from. By a name it may become
/// another product's answer when any product takes that name.
pub(super) fn tags(product: &Product, reference: &str) -> Vec<String> {
    let mut tags = vec![CATALOG.to_owned(), product_tag(product.id.0)];
    if reference.parse::<Uuid>().is_err() {
        tags.push(name_tag(reference));
    }
    tags
}

fn product_reply(product: &Product, projection: &Projection) -> Result<Reply, Problem> {
    Ok(Reply::json(&Projected::new(product, projection), CacheClass::Api)?.version(product.version))
}

/// Whether the database can be asked for it: it refuses NUL, and nothing is named so anyway.
pub(super) fn may_be_name(reference: &str) -> bool {
    !reference.contains('\0') && reference.len() <= 200
}

pub(super) fn not_found(reference: &str) -> Problem {
    Problem::new(&PRODUCT_NOT_FOUND, format!("no product has the id, SKU or slug {reference:?}"))
}

pub(super) fn deleted(reference: &str) -> Problem {
    Problem::new(&PRODUCT_DELETED, format!("the product {reference} was deleted"))
}

pub(super) fn not_own() -> Problem {
    Problem::new(&NOT_OWN, "the product is another seller's")
}

pub(super) fn duplicate_sku() -> Problem {
    let fault = Fault::at("/sku", "duplicate", "is the SKU or the slug of another product");
    Problem::new(&DUPLICATE_SKU, "another product has this SKU, or has it as its slug").with_faults(vec![fault])
}

pub(super) fn duplicate_slug() -> Problem {
    let fault = Fault::at("/slug", "duplicate", "belongs to something else");
    Problem::new(&DUPLICATE_SLUG, "something else has this slug, or has it as its SKU; leave it out to have one made")
        .with_faults(vec![fault])
}

pub(super) fn unknown_category(category: &str, pointer: &str) -> Problem {
    let detail = format!("no category has the slug or id {category:?}");
    let fault = Fault::at(pointer, "unknown_category", detail.clone());
    Problem::new(&UNKNOWN_CATEGORY, detail).with_faults(vec![fault])
}
