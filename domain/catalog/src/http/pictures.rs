//! Pictures: uploading one for a product, and fetching what was made of it.
//!
//! **Invariants:**
//! - What a body is is told by its bytes; what it claims to be must agree.
//! - Nobody is given bytes that somebody uploaded: what is given was written here.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use bytes::Bytes;
use entrepot_contracts::ImageId;
use entrepot_pictures::{Format, Looked, PictureError, look};
use entrepot_web::body::{Text, boundary, collect, form};
use entrepot_web::openapi::{self, File};
use entrepot_web::{CacheClass, Fault, Permit, Problem, Query, Reply, kinds};
use http::{HeaderName, header};
use utoipa::ToSchema;

use super::images::not_added;
use super::problems::{MEDIA_TYPE_MISMATCH, NOT_A_PICTURE, PICTURE_NOT_FOUND, PICTURE_NOT_READY, TOO_MANY_PIXELS};
use super::products::{may_be_name, not_found};
use super::{Catalog, database_problem};
use crate::model::{Image, PictureStatus};
use crate::ops::{self, Upload, UploadImageError};
use crate::pictures::{WANTED, limits};
use crate::store;

/// A picture in a form.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what the handler reads by hand")]
struct PictureForm {
    /// The picture, with its media type.
    #[schema(value_type = openapi::File, inline)]
    file: Vec<u8>,
    /// What it shows, for those who cannot see it.
    #[schema(required = false, max_length = 500, example = "A jar of apple sauce")]
    alt: String,
    /// Its place among the product's images; behind the last when absent.
    #[schema(required = false, minimum = 0, maximum = 10_000)]
    position: i32,
}

entrepot_web::choices! {
    Variant = "thumb" | "medium" | "large";
}

/// When to ask again for a picture that is not ready, in seconds.
const READY_IN_S: u32 = 2;
/// Pictures are for the shop's pages, wherever those are.
const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// Gives a product an image that is uploaded. It is made into three WebP in the background: `status` and `variants` of
/// the image tell when they can be fetched, and a change of the product is told live.
#[utoipa::path(
    post, path = "/api/v2/products/{product}/images/upload", tag = "catalog",
    params(
        ("product" = String, Path, description = "An id, a SKU or a slug."),
        ("alt" = Option<String>, Query, description = "What it shows, for those who cannot see it: one line of at most 500 characters."),
        ("position" = Option<i32>, Query, description = "Its place among the product's images, 0 to 10000; behind the last when absent."),
    ),
    request_body(
        description = "The picture: a file of one of these formats, as it is, or as the part `file` of a form.",
        content((PictureForm = "multipart/form-data"), (inline(openapi::Upload) = "application/octet-stream"), (inline(openapi::Upload) = "image/jpeg"), (inline(openapi::Upload) = "image/png"), (inline(openapi::Upload) = "image/webp"), (inline(openapi::Upload) = "image/gif")),
    ),
    responses((status = 201, description = "The image, whose picture is queued.", body = Image)),
)]
pub(super) async fn upload_product_image(
    State(catalog): State<Arc<Catalog>>,
    permit: Permit,
    Path(reference): Path<String>,
    mut query: Query,
    fields: HeaderMap,
    body: Body,
) -> Result<Reply, Problem> {
    let (alt, position) = (alt(&mut query), position(&mut query));
    query.finish()?;
    let form = boundary(&fields);
    let raw = if form.is_none() { Some(claimed(&fields)?) } else { None };
    if !may_be_name(&reference) {
        return Err(not_found(&reference));
    }
    let owner = permit.owner()?;
    let bytes = collect(body).await?;
    let (bytes, claimed, alt, position) = match (raw, form) {
        (Some(claimed), _) => (bytes, claimed, alt, position),
        (None, boundary) => of_form(bytes, &boundary.unwrap_or_default(), alt, position).await?,
    };
    let looked = judged(&bytes, claimed)?;
    let upload = Upload { bytes, looked, alt, position };
    let uploaded = ops::upload_image(&catalog.to, &catalog.pictures, &reference, owner, &upload).await;
    let image = uploaded.map_err(|error| match error {
        UploadImageError::NotAdded(error) => not_added(error, &reference),
        UploadImageError::Files(error) => Problem::failure(error, true),
    })?;
    Ok(Reply::json(&image, CacheClass::Never)?.created_at(&image.url))
}

fn alt(query: &mut Query) -> String {
    query.line("alt", Text::line(0, 500)).unwrap_or_default()
}

fn position(query: &mut Query) -> Option<i32> {
    let position = query.value("position", "a number from 0 to 10000");
    if position.is_some_and(|position: i32| !(0..=10_000).contains(&position)) {
        query.fault("position", "out_of_range", "must be a number from 0 to 10000");
    }
    position
}

/// The picture of a form, and what it says beside it, which goes before the query.
async fn of_form(
    body: Bytes,
    boundary: &str,
    alt_asked: String,
    position_asked: Option<i32>,
) -> Result<(Bytes, Option<Format>, String, Option<i32>), Problem> {
    let form = form(body, boundary, &["alt", "position"]).await?;
    let names = |name: &str| form.texts.iter().any(|(given, _)| given == name);
    let (has_alt, has_position) = (names("alt"), names("position"));
    let mut texts = Query::of(form.texts);
    let (alt, position) = (alt(&mut texts), position(&mut texts));
    if let Err(problem) = texts.finish() {
        let faults = problem.faults().iter();
        let faults = faults.map(|fault| {
            Fault::at(format!("/{}", fault.parameter.as_deref().unwrap_or_default()), fault.code, fault.detail.clone())
        });
        return Err(Problem::invalid_body(faults.collect()));
    }
    let claimed = format_of(&form.media, false)?;
    let alt = if has_alt { alt } else { alt_asked };
    Ok((form.bytes, claimed, alt, if has_position { position } else { position_asked }))
}

/// The format that a request says it sends; `None` where it says nothing.
fn claimed(fields: &HeaderMap) -> Result<Option<Format>, Problem> {
    let given = fields.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    format_of(given, fields.get(header::CONTENT_ENCODING).is_some_and(|coding| coding != "identity"))
}

fn format_of(given: &str, is_coded: bool) -> Result<Option<Format>, Problem> {
    let media = given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match media.as_str() {
        "image/jpeg" if !is_coded => Ok(Some(Format::Jpeg)),
        "image/png" if !is_coded => Ok(Some(Format::Png)),
        "image/webp" if !is_coded => Ok(Some(Format::WebP)),
        "image/gif" if !is_coded => Ok(Some(Format::Gif)),
        // What programs send that do not know what they send, and what axios says then.
        "application/octet-stream" | "application/x-www-form-urlencoded" if !is_coded => Ok(None),
        _ => {
            let detail = format!(
                "the body must be image/jpeg, image/png, image/webp, image/gif or application/octet-stream, uncoded, or multipart/form-data with one of them as \"file\", not {given:?}"
            );
            Err(Problem::new(&kinds::UNSUPPORTED_MEDIA_TYPE, detail))
        }
    }
}

/// What a picture is, if it is one that is taken.
fn judged(bytes: &Bytes, claimed: Option<Format>) -> Result<Looked, Problem> {
    let looked = look(bytes, &limits()).map_err(|error| {
        let kind = match &error {
            PictureError::TooManyBytes { .. } => &kinds::BODY_TOO_LARGE,
            PictureError::TooLarge { .. } | PictureError::TooMuchMemory { .. } => &TOO_MANY_PIXELS,
            _ => &NOT_A_PICTURE,
        };
        Problem::new(kind, error.to_string())
    })?;
    if let Some(claimed) = claimed.filter(|claimed| *claimed != looked.format) {
        let detail = format!("the body is a {}, and its media type says {claimed}", looked.format);
        return Err(Problem::new(&MEDIA_TYPE_MISMATCH, detail));
    }
    Ok(looked)
}

/// A picture that was uploaded, as WebP. What lies at an address never changes, so it may be kept for ever.
#[utoipa::path(
    get, path = "/api/v2/images/{image}/{variant}", tag = "catalog",
    params(
        ("image" = ImageId, Path, description = "The image's id."),
        ("variant" = inline(Variant), Path, description = "`thumb` (at most 200 x 200 pixels), `medium` (800 x 800) or `large` (1600 x 1600)."),
    ),
    responses(
        (status = 200, description = "The picture.", body = inline(File), content_type = "image/webp"),
        (status = 304, description = "You have it already."),
    ),
)]
pub(super) async fn get_image(
    State(catalog): State<Arc<Catalog>>,
    Path((image, variant)): Path<(String, String)>,
    query: Query,
) -> Result<Reply, Problem> {
    query.finish()?;
    let none = || Problem::new(&PICTURE_NOT_FOUND, format!("there is no picture {image:?} with a variant {variant:?}"));
    let id: ImageId = image.parse().map_err(|_| none())?;
    if !WANTED.iter().any(|wanted| wanted.name == variant) {
        return Err(none());
    }
    let found = store::picture_by_image(&catalog.to.database, id.0).await.map_err(database_problem)?;
    let picture = found.ok_or_else(none)?;
    match picture.status {
        PictureStatus::Ready => {}
        PictureStatus::Queued => {
            let problem = Problem::new(&PICTURE_NOT_READY, "the picture is still being made");
            return Err(problem.retry_after(READY_IN_S));
        }
        PictureStatus::Failed => {
            let why = picture.error.unwrap_or_default();
            return Err(Problem::new(&PICTURE_NOT_FOUND, format!("nothing could be made of the picture: {why}")));
        }
    }
    let stored = picture.variants.get(&variant).ok_or_else(none)?;
    match catalog.pictures.read(&stored.place).await {
        Ok(Some(bytes)) => {
            let reply = Reply::bytes(bytes, "image/webp", CacheClass::Static);
            Ok(reply.header(CROSS_ORIGIN_RESOURCE_POLICY, "cross-origin"))
        }
        Ok(None) => {
            // It was taken away just now; or else the files have lost it.
            tracing::warn!(image = %id, place = stored.place, "a picture that is recorded is not among the files");
            Err(none())
        }
        Err(error) => Err(Problem::failure(error, true)),
    }
}
