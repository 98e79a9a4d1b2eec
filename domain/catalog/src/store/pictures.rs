//! Pictures that were uploaded: how far they are, and where their files lie.
//!
//! **Invariant:** a picture becomes ready once, and stays what it then is: `picture_ready` writes to no other.

use std::collections::{BTreeMap, HashMap};

use entrepot_pg::{Database, Error, Transaction};
use entrepot_queries::queries::catalog::images::{self, PictureRow};
use jiff::Timestamp;
use uuid::Uuid;

use crate::model::{Picture, PictureStatus, StoredVariant};

/// Writes down that a picture was uploaded.
pub(crate) async fn picture_insert(
    transaction: &Transaction,
    image: Uuid,
    format: &str,
    bytes: i64,
    now: Timestamp,
) -> Result<(), Error> {
    images::picture_insert().bind(transaction.client(), &image, &format, &bytes, &now).await?;
    Ok(())
}

/// The picture of an image, if it was uploaded.
pub(crate) async fn picture_by_image(database: &Database, image: Uuid) -> Result<Option<Picture>, Error> {
    let client = database.client().await?;
    Ok(images::picture_by_image().bind(&client, &image).opt().await?.map(picture))
}

/// The same in a transaction.
pub(crate) async fn picture_in(transaction: &Transaction, image: Uuid) -> Result<Option<Picture>, Error> {
    Ok(images::picture_by_image().bind(transaction.client(), &image).opt().await?.map(picture))
}

/// Those of these images that were uploaded.
pub(crate) async fn picture_list(database: &Database, ids: &[Uuid]) -> Result<HashMap<Uuid, Picture>, Error> {
    let client = database.client().await?;
    let rows = images::picture_list().bind(&client, &ids).all().await?;
    Ok(rows.into_iter().map(|row| (row.image_id, picture(row))).collect())
}

/// Images whose pictures have waited since before then, from behind one on.
pub(crate) async fn pictures_queued(
    database: &Database,
    before: Timestamp,
    after: Uuid,
    at_most: i64,
) -> Result<Vec<Uuid>, Error> {
    let client = database.client().await?;
    Ok(images::pictures_queued().bind(&client, &before, &after, &at_most).all().await?)
}

/// Says that a picture is ready; `false` where it was already, or is not there.
pub(crate) async fn picture_ready(
    transaction: &Transaction,
    image: Uuid,
    variants: &BTreeMap<String, StoredVariant>,
    now: Timestamp,
) -> Result<bool, Error> {
    // Names, numbers and places: nothing that could not be written.
    let variants = serde_json::to_string(variants).unwrap_or_default();
    Ok(images::picture_ready().bind(transaction.client(), &variants, &now, &image).await? > 0)
}

/// Says that a picture came to nothing; `false` where it does not wait any more, or is not there.
pub(crate) async fn picture_failed(transaction: &Transaction, image: Uuid, error: &str) -> Result<bool, Error> {
    let error: String = error.chars().take(500).collect();
    Ok(images::picture_failed().bind(transaction.client(), &error, &image).await? > 0)
}

/// Says how large the picture is that lies at an image's address.
pub(crate) async fn image_measured(
    transaction: &Transaction,
    image: Uuid,
    width_px: i32,
    height_px: i32,
) -> Result<(), Error> {
    images::image_measured().bind(transaction.client(), &width_px, &height_px, &image).await?;
    Ok(())
}

fn picture(row: PictureRow) -> Picture {
    Picture {
        product_id: row.product_id,
        // The column's CHECK knows no others.
        status: match row.status.as_str() {
            "ready" => PictureStatus::Ready,
            "failed" => PictureStatus::Failed,
            _ => PictureStatus::Queued,
        },
        error: row.error,
        variants: serde_json::from_str(&row.variants).unwrap_or_default(),
    }
}
