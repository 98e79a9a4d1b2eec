//! Records what became of a picture that was uploaded: its variants, or why there are none.
//!
//! **Invariant:** locks are taken in the order in which an image is taken away: the product, then the picture.

use std::collections::BTreeMap;

use entrepot_jobs::{Context, NewJob, Outcome};
use entrepot_pg::{Error, ScopedFutureExt as _};
use uuid::Uuid;

use super::images_changed;
use crate::model::StoredVariant;
use crate::pictures::{LARGE, RemovePicture};
use crate::{Dependencies, Pictures, store};

/// What came of an attempt at a picture.
#[derive(Debug)]
pub(crate) enum Finished {
    /// It is ready, and the job's end is recorded with that.
    Now(Outcome),
    /// It was ready before.
    Before,
    /// The image was taken away meanwhile.
    Gone,
}

/// Records that a picture is ready, that its product has changed, and that the job is done. Its original goes, by
/// a job of its own.
pub(crate) async fn finish_picture(
    to: &Dependencies,
    pictures: &Pictures,
    image: Uuid,
    variants: &BTreeMap<String, StoredVariant>,
    context: &Context,
) -> Result<Finished, Error> {
    to.database
        .transaction(|transaction| {
            async move {
                let Some(picture) = store::picture_in(transaction, image).await? else { return Ok(Finished::Gone) };
                store::product_lock(transaction, picture.product_id).await?;
                let now = to.clock.now();
                if !store::picture_ready(transaction, image, variants, now).await? {
                    let is_there = store::picture_in(transaction, image).await?.is_some();
                    return Ok(if is_there { Finished::Before } else { Finished::Gone });
                }
                if let Some(large) = variants.get(LARGE) {
                    // A side of a variant is at most 1600 pixels long.
                    let side = |pixels| i32::try_from(pixels).unwrap_or(i32::MAX);
                    store::image_measured(transaction, image, side(large.width), side(large.height)).await?;
                }
                pictures.jobs.enqueue(transaction, NewJob::of(&RemovePicture { image })).await?;
                images_changed(to, transaction, picture.product_id, now).await?;
                Ok(Finished::Now(context.complete(transaction).await?))
            }
            .scope_boxed()
        })
        .await
}

/// Records that there are no variants of a picture that waits, and why. Where there never will be any its original
/// goes; else it stays for a day, for those who have the job done again.
pub(crate) async fn fail_picture(
    to: &Dependencies,
    pictures: &Pictures,
    image: Uuid,
    why: &str,
    is_for_good: bool,
) -> Result<(), Error> {
    to.database
        .transaction(|transaction| {
            async move {
                let Some(picture) = store::picture_in(transaction, image).await? else { return Ok(()) };
                store::product_lock(transaction, picture.product_id).await?;
                if store::picture_failed(transaction, image, why).await? {
                    if is_for_good {
                        pictures.jobs.enqueue(transaction, NewJob::of(&RemovePicture { image })).await?;
                    }
                    images_changed(to, transaction, picture.product_id, to.clock.now()).await?;
                }
                Ok(())
            }
            .scope_boxed()
        })
        .await
}
