//! Images of products: what is known about them. Those that are uploaded are in `pictures.rs`.

use std::sync::Arc;

use axum::extract::{Path, State};
use entrepot_contracts::ImageId;
use entrepot_web::body::JsonBody;
use entrepot_web::{CacheClass, IfMatch, Permit, Problem, Query, Reply};
use http::StatusCode;

use super::problems::{IMAGE_NOT_FOUND, TOO_MANY_IMAGES};
use super::products::{deleted, may_be_name, not_found, not_own};
use super::{Catalog, database_problem};
use crate::model::{Image, ImageInput};
use crate::ops::{self, AddImageError, RemoveImageError};

/// Gives a product an image that lies at an address of its own.
#[utoipa::path(
    post, path = "/api/v2/products/{product}/images", tag = "catalog",
    params(("product" = String, Path, description = "An id, a SKU or a slug.")),
    request_body = ImageInput,
    responses((status = 201, description = "The image.", body = Image)),
)]
pub(super) async fn add_product_image(
    State(catalog): State<Arc<Catalog>>,
    permit: Permit,
    Path(reference): Path<String>,
    query: Query,
    JsonBody(body): JsonBody,
) -> Result<Reply, Problem> {
    query.finish()?;
    let input = ImageInput::read(&body).map_err(Problem::invalid_body)?;
    if !may_be_name(&reference) {
        return Err(not_found(&reference));
    }
    let added = ops::add_image(&catalog.to, &reference, permit.owner()?, &input).await;
    let image = added.map_err(|error| not_added(error, &reference))?;
    Ok(Reply::json(&image, CacheClass::Never)?.status(StatusCode::CREATED))
}

/// Why a product was given no image, as a client may know it.
pub(super) fn not_added(error: AddImageError, reference: &str) -> Problem {
    match error {
        AddImageError::ProductNotFound => not_found(reference),
        AddImageError::ProductDeleted => deleted(reference),
        AddImageError::TooMany => Problem::new(&TOO_MANY_IMAGES, "the product has 50 images already"),
        AddImageError::NotOwn => not_own(),
        AddImageError::Database(error) => database_problem(error),
    }
}

/// Takes an image away from a product.
#[utoipa::path(
    delete, path = "/api/v2/products/{product}/images/{image}", tag = "catalog",
    params(
        ("product" = String, Path, description = "An id, a SKU or a slug."),
        ("image" = ImageId, Path, description = "The image's id."),
        ("If-Match" = Option<String>, Header, description = "The product's ETag that the deletion is based on."),
    ),
    responses((status = 204, description = "It is gone.")),
)]
pub(super) async fn remove_product_image(
    State(catalog): State<Arc<Catalog>>,
    permit: Permit,
    Path((reference, image)): Path<(String, String)>,
    query: Query,
    if_match: IfMatch,
) -> Result<Reply, Problem> {
    query.finish()?;
    let no_image = || Problem::new(&IMAGE_NOT_FOUND, format!("the product has no image {image:?}"));
    let id: ImageId = image.parse().map_err(|_| no_image())?;
    if !may_be_name(&reference) {
        return Err(not_found(&reference));
    }
    let accepts = |version| if_match.allows(version);
    let removed = ops::remove_image(&catalog.to, &catalog.pictures, &reference, permit.owner()?, &accepts, id).await;
    removed.map_err(|error| match error {
        RemoveImageError::ProductNotFound => not_found(&reference),
        RemoveImageError::ProductDeleted => deleted(&reference),
        RemoveImageError::MovedOn(version) => IfMatch::failed(version),
        RemoveImageError::ImageNotFound => no_image(),
        RemoveImageError::NotOwn => not_own(),
        RemoveImageError::Database(error) => database_problem(error),
    })?;
    Ok(Reply::no_content())
}
