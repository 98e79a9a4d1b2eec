//! Giving a file out: whole or a range of it (RFC 9110, section 14), with its digest (RFC 9530).
//!
//! **Invariant:** a range that is asked for on the condition of an ETag is of that very file, or the whole is
//! sent.

use std::sync::Arc;

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use entrepot_pg::Error;
use entrepot_web::{Problem, Standing};
use futures_util::{StreamExt as _, stream};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStore as _};

use crate::Shared;
use crate::http::RANGE_NOT_SATISFIABLE;
use crate::store::{self, StoredPiece, Written};
use crate::stream::content_type;

const REPR_DIGEST: HeaderName = HeaderName::from_static("repr-digest");

/// Which part of a file is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Whole,
    /// The first and the last byte.
    Range(u64, u64),
    /// None of it.
    Unsatisfiable,
}

/// Reads `Range`. Several ranges, other units and what is no range ask for the whole.
fn part(range: Option<&str>, length: u64) -> Part {
    let Some(range) = range.and_then(|range| range.trim().strip_prefix("bytes=")) else { return Part::Whole };
    let Some((first, last)) = range.split_once('-') else { return Part::Whole };
    let number = |text: &str| -> Option<u64> {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| text.parse().unwrap_or(u64::MAX))
    };
    match (first.trim(), last.trim()) {
        ("", last) => match number(last) {
            None => Part::Whole,
            Some(0) => Part::Unsatisfiable,
            Some(_) if length == 0 => Part::Unsatisfiable,
            Some(count) => Part::Range(length.saturating_sub(count), length - 1),
        },
        (first, last) => match (number(first), last.is_empty(), number(last)) {
            (Some(first), _, _) if first >= length => Part::Unsatisfiable,
            (Some(first), true, _) => Part::Range(first, length - 1),
            (Some(first), false, Some(last)) if last >= first => Part::Range(first, last.min(length - 1)),
            _ => Part::Whole,
        },
    }
}

/// The file of an export that is done.
pub(crate) async fn give(
    shared: &Arc<Shared>,
    export: &Written,
    standing: Option<Standing>,
    fields: &HeaderMap,
) -> Result<Response, Problem> {
    let failed = |error: Error| {
        let may_pass = error.is_unavailable();
        Problem::failure(error, may_pass)
    };
    let length = u64::try_from(export.bytes).unwrap_or(0);
    let sha256 = export.sha256.clone().unwrap_or_default();
    let etag = format!("\"{}\"", sha256.iter().take(16).map(|byte| format!("{byte:02x}")).collect::<String>());
    let text = |name: HeaderName| fields.get(name).and_then(|value| value.to_str().ok());
    let mut response = Response::new(Body::empty());
    let out = response.headers_mut();
    let mut set = |name: HeaderName, value: String| {
        if let Ok(value) = HeaderValue::try_from(value) {
            out.insert(name, value);
        }
    };
    set(header::ETAG, etag.clone());
    set(header::ACCEPT_RANGES, "bytes".to_owned());
    set(header::CACHE_CONTROL, "private, no-cache".to_owned());
    set(REPR_DIGEST, format!("sha-256=:{}:", STANDARD.encode(&sha256)));
    let name =
        format!("{}-{}.{}", export.kind, export.created_at.strftime("%Y%m%dT%H%M%SZ"), export.asked.format.name());
    set(header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\""));
    let is_same =
        |tags: &str| tags.split(',').map(str::trim).any(|tag| tag == "*" || tag.trim_start_matches("W/") == etag);
    if text(header::IF_NONE_MATCH).is_some_and(is_same) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return Ok(response);
    }
    // A date never is the same file for sure, a weak ETag neither: only the ETag itself will do.
    let range = text(header::RANGE).filter(|_| text(header::IF_RANGE).is_none_or(|condition| condition.trim() == etag));
    let (first, last) = match part(range, length) {
        Part::Unsatisfiable => {
            let detail = format!("the file has {length} bytes, and none of them is in the range");
            let mut response = Problem::new(&RANGE_NOT_SATISFIABLE, detail).into_response();
            response.headers_mut().insert(header::CONTENT_RANGE, range_of(&format!("*/{length}")));
            return Ok(response);
        }
        Part::Whole => (0, length),
        Part::Range(first, last) => {
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            response.headers_mut().insert(header::CONTENT_RANGE, range_of(&format!("{first}-{last}/{length}")));
            (first, last + 1)
        }
    };
    let client = shared.database.client().await.map_err(failed)?;
    let pieces = store::pieces(&client, export.id).await.map_err(failed)?;
    drop(client);
    let body = Body::from_stream(bytes(shared.clone(), standing, pieces, first, last));
    let (parts, _) = response.into_parts();
    let mut response = (parts.status, body).into_response();
    *response.headers_mut() = parts.headers;
    response.headers_mut().insert(header::CONTENT_TYPE, content_type(export.asked.format));
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(last - first));
    Ok(response)
}

fn range_of(text: &str) -> HeaderValue {
    HeaderValue::try_from(format!("bytes {text}")).unwrap_or(const { HeaderValue::from_static("bytes */*") })
}

/// The bytes from `first` up to and without `last`, out of the pieces that they lie in, one after the other.
fn bytes(
    shared: Arc<Shared>,
    standing: Option<Standing>,
    pieces: Vec<StoredPiece>,
    first: u64,
    last: u64,
) -> impl futures_util::Stream<Item = Result<bytes::Bytes, object_store::Error>> {
    let parts = pieces.into_iter().filter_map(move |piece| {
        let begins = u64::try_from(piece.begins).unwrap_or(0);
        let ends = begins + u64::try_from(piece.bytes).unwrap_or(0);
        let (from, to) = (first.max(begins), last.min(ends));
        (from < to).then(|| (piece.place, from - begins..to - begins))
    });
    stream::iter(parts.collect::<Vec<_>>()).flat_map(move |(place, range)| {
        let (shared, standing) = (shared.clone(), standing.clone());
        stream::once(async move {
            // Before each piece: a right may go while a client takes its time.
            if let Some(standing) = &standing {
                standing.check(shared.clock.now()).await.map_err(|problem| object_store::Error::Generic {
                    store: "exports",
                    source: problem.detail().to_owned().into(),
                })?;
            }
            let options = GetOptions { range: Some(GetRange::Bounded(range)), ..GetOptions::default() };
            shared.files.get_opts(&Path::from(place), options).await
        })
        .flat_map(|found| match found {
            Ok(found) => found.into_stream(),
            Err(error) => stream::once(async move { Err(error) }).boxed(),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_the_rfc_has_them() {
        for (range, wanted) in [
            (None, Part::Whole),
            (Some("bytes=0-0"), Part::Range(0, 0)),
            (Some("bytes=0-"), Part::Range(0, 99)),
            (Some("bytes=10-19"), Part::Range(10, 19)),
            (Some("bytes=90-500"), Part::Range(90, 99)),
            (Some("bytes=-10"), Part::Range(90, 99)),
            (Some("bytes=-500"), Part::Range(0, 99)),
            (Some("bytes=-0"), Part::Unsatisfiable),
            (Some("bytes=100-"), Part::Unsatisfiable),
            (Some("bytes=99999999999999999999999-"), Part::Unsatisfiable),
            (Some("bytes=20-10"), Part::Whole),
            (Some("bytes=a-b"), Part::Whole),
            (Some("bytes=0-1,5-6"), Part::Whole),
            (Some("lines=0-1"), Part::Whole),
            (Some("bytes="), Part::Whole),
        ] {
            assert_eq!(part(range, 100), wanted, "{range:?}");
        }
        assert_eq!(part(Some("bytes=0-"), 0), Part::Unsatisfiable);
    }
}
