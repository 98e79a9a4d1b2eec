//! Reviews of products: the list with its summary, and a new one.

use std::sync::Arc;

use axum::extract::{Path, State};
use entrepot_cache::{Filled, Namespace};
use entrepot_pg::Error;
use entrepot_web::body::JsonBody;
use entrepot_web::{
    CacheClass, FieldNames, ListMeta, Page, PageRequest, Permit, Problem, Projection, Query, Reply, list_reply,
};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::products::{deleted, not_found, tags};
use super::{Catalog, database_problem, fill_problem};
use crate::events::summary_tags;
use crate::model::{RatingSummary, Review, ReviewInput};
use crate::ops::{self, AddReviewError};
use crate::store::{self, ListError, ReviewQuery};

/// Summaries of ratings, by the product's id.
pub(super) type Ratings = Namespace<RatingSummary>;

/// A page of a product's reviews.
#[derive(Serialize, ToSchema)]
pub(super) struct ReviewList {
    data: Vec<Review>,
    page: Page,
    meta: ReviewListMeta,
}

/// What is known about a product's reviews beside the page.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct ReviewListMeta {
    #[serde(flatten)]
    list: ListMeta,
    /// Of all reviews, whatever the page and `rating` leave out.
    summary: RatingSummary,
}

/// The reviews of a product, newest first, with the summary of its ratings.
#[utoipa::path(
    get, path = "/api/v2/products/{product}/reviews", tag = "catalog",
    params(
        ("product" = String, Path, description = "An id, a SKU or a slug.", example = "26190"),
        ("rating" = Option<u8>, Query, description = "Only those with so many stars.", minimum = 1, maximum = 5),
        ("limit" = Option<u32>, Query, description = "Rows in a page; 50 unless told.", minimum = 1, maximum = 200),
        ("cursor" = Option<String>, Query, description = "`nextCursor` or `prevCursor` of another page of the same list."),
        ("page" = Option<u32>, Query, description = "A page by its number, for people.", minimum = 1),
    ),
    responses((status = 200, description = "A page of the reviews.", body = ReviewList)),
)]
pub(super) async fn list_product_reviews(
    State(catalog): State<Arc<Catalog>>,
    permit: Permit,
    Path(reference): Path<String>,
    mut query: Query,
) -> Result<Reply, Problem> {
    let rating: Option<i16> = query.value("rating", "a whole number from 1 to 5");
    if rating.is_some_and(|rating| !(1..=5).contains(&rating)) {
        query.fault("rating", "out_of_range", "must be from 1 to 5");
    }
    let page = PageRequest::from_query(&mut query);
    query.finish()?;
    let product = catalog.shown(&permit, &reference).await?;
    let query = ReviewQuery { product_id: product.id.0, rating, page: page? };
    query.check_cursor()?;
    let found = store::review_page(&catalog.to.database, &query).await.map_err(|error| match error {
        ListError::BadCursor => entrepot_web::Cursor::invalid(),
        ListError::Database(error) => database_problem(error),
    })?;
    let summary = catalog.rating_summary(product.id.0).await?;
    let page = Page {
        limit: query.page.limit,
        next_cursor: found.next.as_ref().map(entrepot_web::Cursor::encode),
        prev_cursor: found.prev.as_ref().map(entrepot_web::Cursor::encode),
        number: query.page.number,
        ..Page::default()
    };
    let whole = Projection::default();
    let meta = ReviewListMeta { list: ListMeta::new(&whole, FieldNames(&[]), "-createdAt".to_owned()), summary };
    // With `catalog` among them, which is touched by whatever touches all summaries.
    let reply = list_reply(&found.reviews, &page, &meta, &whole, CacheClass::Api)?;
    Ok(if product.active { reply.cached(tags(&product, &reference)) } else { reply.private() })
}

/// Puts a review of a product in. The product's rating is the average of its reviews.
#[utoipa::path(
    post, path = "/api/v2/products/{product}/reviews", tag = "catalog",
    params(("product" = String, Path, description = "An id, a SKU or a slug.", example = "26190")),
    request_body(content = ReviewInput, description = "Only `rating` and `author` are required."),
    responses((status = 201, description = "The review; `Location` names the list that it is in.", body = Review)),
)]
pub(super) async fn add_product_review(
    State(catalog): State<Arc<Catalog>>,
    permit: Permit,
    Path(reference): Path<String>,
    query: Query,
    JsonBody(body): JsonBody,
) -> Result<Reply, Problem> {
    query.finish()?;
    let input = ReviewInput::read(&body).map_err(Problem::invalid_body)?;
    catalog.shown(&permit, &reference).await?;
    let added = ops::add_review(&catalog.to, &catalog.ratings, &reference, &input).await;
    let review = added.map_err(|error| match error {
        AddReviewError::ProductNotFound => not_found(&reference),
        AddReviewError::ProductDeleted => deleted(&reference),
        AddReviewError::Database(error) => database_problem(error),
    })?;
    let location = format!("/api/v2/products/{}/reviews", review.product_id);
    Ok(Reply::json(&review, CacheClass::Never)?.created_at(&location))
}

impl Catalog {
    /// The summary of a product's ratings, from the cache where that has it.
    async fn rating_summary(&self, product_id: Uuid) -> Result<RatingSummary, Problem> {
        let database = self.to.database.clone();
        let count = move || async move {
            let client = database.client().await?;
            let summary = store::review_summary(&client, product_id).await?;
            Ok::<_, Error>(Filled::found(summary).tags(summary_tags(product_id)))
        };
        let got = self.ratings.get_or_fill(&product_id.to_string(), count).await.map_err(fill_problem)?;
        Ok(got.value.map(|summary| *summary).unwrap_or_default())
    }
}
