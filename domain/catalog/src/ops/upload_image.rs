//! Gives a product an image that was uploaded: the file first, then everything about it in one transaction.
//!
//! **Invariant:** where the transaction fails the file is removed again; where even that fails, or the program ends
//! between the two, the nightly sweep does it.

use bytes::Bytes;
use entrepot_jobs::NewJob;
use entrepot_pg::ScopedFutureExt as _;
use entrepot_pictures::{Format, Looked};
use uuid::Uuid;

use super::add_image::{AddImageError, lock_for_image};
use super::images_changed;
use crate::model::{Image, ImageInput, PictureStatus};
use crate::pictures::{LARGE, MakeThumbnails};
use crate::{Dependencies, Pictures, store};

/// A picture that was looked at and found to be one.
#[derive(Clone, Debug)]
pub(crate) struct Upload {
    pub(crate) bytes: Bytes,
    pub(crate) looked: Looked,
    pub(crate) alt: String,
    pub(crate) position: Option<i32>,
}

/// Why a product was not given it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UploadImageError {
    #[error(transparent)]
    NotAdded(#[from] AddImageError),
    #[error("the file cannot be written")]
    Files(#[from] object_store::Error),
}

/// Adds the image, and orders its variants.
pub(crate) async fn upload_image(
    to: &Dependencies,
    pictures: &Pictures,
    reference: &str,
    owner: Option<Uuid>,
    upload: &Upload,
) -> Result<Image, UploadImageError> {
    let id = to.clock.new_id();
    pictures.put_original(id, upload.bytes.clone()).await?;
    let added = write(to, pictures, reference, owner, id, upload).await;
    if added.is_err()
        && let Err(error) = pictures.remove(id, None).await
    {
        tracing::warn!(image = %id, %error, "the file of a refused upload stays until it is swept");
    }
    Ok(added?)
}

async fn write(
    to: &Dependencies,
    pictures: &Pictures,
    reference: &str,
    owner: Option<Uuid>,
    id: Uuid,
    upload: &Upload,
) -> Result<Image, AddImageError> {
    // A side has at most 16383 pixels, and a body far fewer bytes than that.
    let side = |pixels| i32::try_from(pixels).ok();
    let input = &ImageInput {
        url: format!("/api/v2/images/{id}/{LARGE}"),
        alt: upload.alt.clone(),
        width_px: side(upload.looked.width),
        height_px: side(upload.looked.height),
        position: upload.position,
    };
    let format = match upload.looked.format {
        Format::Jpeg => "jpeg",
        Format::Png => "png",
        Format::WebP => "webp",
        Format::Gif => "gif",
    };
    let bytes = i64::try_from(upload.bytes.len()).unwrap_or(i64::MAX);
    to.database
        .transaction(|transaction| {
            async move {
                let product_id = lock_for_image(transaction, reference, owner).await?;
                let seller = store::product_lock(transaction, product_id).await?.and_then(|locked| locked.seller_id);
                let now = to.clock.now();
                let image = store::image_insert(transaction, product_id, id, input, now).await?;
                store::picture_insert(transaction, id, format, bytes, now).await?;
                // Those of one seller take turns with those of others.
                let tenant = seller.map(|seller| seller.to_string()).unwrap_or_default();
                let job = NewJob::of(&MakeThumbnails { image: id }).tenant(tenant).unique(id.to_string());
                pictures.jobs.enqueue(transaction, job).await?;
                images_changed(to, transaction, product_id, now).await?;
                Ok::<_, AddImageError>(Image { status: Some(PictureStatus::Queued), ..image })
            }
            .scope_boxed()
        })
        .await
}
