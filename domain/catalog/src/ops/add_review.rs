//! Puts a review of a product in, and with it the product's new rating.
//!
//! **Invariants:**
//! - Reviews of one product take turns by its row's lock, so none is left out of an average.
//! - What is written through is the summary that the commit itself made; see `events.rs` for why its
//!   tags allow that.

use entrepot_cache::{Filled, Namespace};
use entrepot_contracts::Change;
use entrepot_pg::{Error, ScopedFutureExt as _, Transaction};
use uuid::Uuid;

use super::{Unlockable, lock_product};
use crate::events::{product_changed, summary_tags};
use crate::model::{RatingSummary, Review, ReviewInput, ReviewRecord};
use crate::{Dependencies, store};

/// Why a review was not put in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AddReviewError {
    #[error("there is no such product")]
    ProductNotFound,
    #[error("the product is deleted")]
    ProductDeleted,
    #[error(transparent)]
    Database(#[from] Error),
}

/// What a review brought about.
struct Added {
    review: Review,
    summary: RatingSummary,
    /// The commit's place in the feed.
    position: u64,
}

/// Puts the review in. The product's summary is in `ratings` from then on.
pub(crate) async fn add_review(
    to: &Dependencies,
    ratings: &Namespace<RatingSummary>,
    reference: &str,
    input: &ReviewInput,
) -> Result<Review, AddReviewError> {
    let Added { review, summary, position } = to
        .database
        .transaction(|transaction| async move { add(transaction, to, reference, input).await }.scope_boxed())
        .await?;
    let product_id = review.product_id.0;
    let fresh = Filled::found(summary).tags(summary_tags(product_id));
    // Where a newer commit is known already, that one's summary is the one to keep.
    let _kept = ratings.write_through(&product_id.to_string(), fresh, position);
    Ok(review)
}

async fn add(
    transaction: &Transaction,
    to: &Dependencies,
    reference: &str,
    input: &ReviewInput,
) -> Result<Added, AddReviewError> {
    let product_id: Uuid =
        lock_product(transaction, reference, &|_| true, None).await?.map_err(|error| match error {
            Unlockable::NotFound => AddReviewError::ProductNotFound,
            Unlockable::Deleted | Unlockable::MovedOn(_) | Unlockable::NotOwn => AddReviewError::ProductDeleted,
        })?;
    let now = to.clock.now();
    let ReviewInput { rating, author, title, body } = input.clone();
    let record = ReviewRecord { id: to.clock.new_id(), product_id, rating, title, body, author, created_at: now };
    let review = store::review_insert_many(transaction, &[record]).await?.pop();
    let review = review.ok_or(Error::Missing("a review that was just written"))?;
    let summary = store::review_summary(transaction.client(), product_id).await?;
    store::product_rated(transaction, product_id, &summary, now).await?;
    let marks = store::product_marks(transaction, &[product_id]).await?;
    let event = product_changed(product_id, Change::Rated, &[marks.get(&product_id)]);
    let position = to.feed.append(transaction, event).await?;
    Ok(Added { review, summary, position })
}
