//! The bodies of answers: 304, content coding, HEAD.
//!
//! **Invariants:**
//! - Two forms of one body (plain, gzip, brotli, …) have two ETags, which a client's `If-None-Match` is compared with.
//! - A HEAD has the fields of the GET, and no body.

use axum::body::{Body, HttpBody as _};
use axum::http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use bytes::Bytes;
use http_body_util::BodyExt as _;
use xxhash_rust::xxh3::xxh3_64;

use crate::compress::{Coding, WORTH_IT, is_compressible};
use crate::edge::Asked;
use crate::preconditions::if_none_match;
use crate::{CacheClass, Reply};

/// Answers of routes that make their own body (the explorer's files) are read whole up to this.
const LARGEST_FOREIGN_BODY: usize = 16 * 1024 * 1024;

/// An answer of a handler of ours.
pub(crate) async fn write_reply(asked: &Asked, reply: Reply, parts: &mut axum::http::response::Parts) -> Body {
    parts.status = reply.status;
    let reads = matches!(asked.method, Method::GET | Method::HEAD);
    let class = if reads { reply.class } else { CacheClass::Never };
    parts.headers.insert(header::CACHE_CONTROL, class.header());
    for (name, value) in reply.headers {
        parts.headers.insert(name, value);
    }
    if reply.status == StatusCode::NO_CONTENT {
        return Body::empty();
    }
    parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(reply.content_type));
    // What nobody may keep has a version, too: whoever has it need not be sent it again.
    let made = || (reads && reply.status == StatusCode::OK).then(|| format!("{:016x}", xxh3_64(&reply.body)));
    let etag = reply.etag.clone().or_else(made);
    coded(asked, reply.body, reply.content_type, etag.as_deref(), parts, false).await
}

/// Answers of routes that are not ours (the explorer's files): read whole, then treated alike.
pub(crate) async fn write_foreign(asked: &Asked, body: Body, parts: &mut axum::http::response::Parts) -> Body {
    let whole = body.size_hint().exact().is_some_and(|length| length <= LARGEST_FOREIGN_BODY as u64);
    // A file that parts of may be asked for is sent as it is, under its own ETag.
    if parts.status != StatusCode::OK || parts.headers.contains_key(header::ACCEPT_RANGES) {
        return body;
    }
    if !whole {
        return write_streamed(asked, body, parts);
    }
    parts.headers.remove(header::CONTENT_LENGTH);
    let Ok(body) = body.collect().await else { return Body::empty() };
    let body = body.to_bytes();
    parts.headers.entry(header::CACHE_CONTROL).or_insert(CacheClass::Api.header());
    let content_type =
        parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    parts.headers.remove(header::ETAG);
    let etag = format!("{:016x}", xxh3_64(&body));
    coded(asked, body, &content_type, Some(&etag), parts, false).await
}

/// An answer that is sent piece by piece, in a coding where that pays.
fn write_streamed(asked: &Asked, body: Body, parts: &mut axum::http::response::Parts) -> Body {
    let content_type =
        parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    // Events are small and must not wait for others.
    let pays = is_compressible(content_type) && !content_type.starts_with("text/event-stream");
    if !pays {
        return body;
    }
    parts.headers.append(header::VARY, const { HeaderValue::from_static("accept-encoding") });
    match Coding::negotiate(&asked.headers) {
        Some(coding) => {
            parts.headers.remove(header::CONTENT_LENGTH);
            parts.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
            crate::compress::streamed(coding, body)
        }
        None => body,
    }
}

/// 304, or the body in the coding that the client likes best. `is_kept`: a better form of it may be
/// sent later, whose bytes differ, so this quick one has an ETag of its own.
pub(crate) async fn coded(
    asked: &Asked,
    body: Bytes,
    content_type: &str,
    etag: Option<&str>,
    parts: &mut axum::http::response::Parts,
    is_kept: bool,
) -> Body {
    let compressible = body.len() >= WORTH_IT && is_compressible(content_type);
    if compressible {
        parts.headers.append(header::VARY, const { HeaderValue::from_static("accept-encoding") });
    }
    let reads = matches!(asked.method, Method::GET | Method::HEAD);
    let coding = if compressible { Coding::negotiate(&asked.headers) } else { None };
    let unchanged = reads && etag.is_some_and(|etag| if_none_match(&asked.headers, etag));
    let made = match coding {
        Some(coding) if !unchanged => coding.make(&body).await,
        _ => None,
    };
    if let Some(etag) = etag {
        let suffix = match coding {
            Some(coding) if made.is_some() && is_kept => format!("-{}-quick", coding.name()),
            Some(coding) if unchanged || made.is_some() => format!("-{}", coding.name()),
            _ => String::new(),
        };
        if let Ok(value) = HeaderValue::try_from(format!("\"{etag}{suffix}\"")) {
            parts.headers.insert(header::ETAG, value);
        }
    }
    if unchanged {
        parts.status = StatusCode::NOT_MODIFIED;
        parts.headers.remove(header::CONTENT_TYPE);
        return Body::empty();
    }
    match (made, coding) {
        (Some(made), Some(coding)) => {
            parts.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
            body_for(&asked.method, made, &mut parts.headers)
        }
        _ => body_for(&asked.method, body, &mut parts.headers),
    }
}

/// What the router is given for a HEAD: it is handled as the GET whose fields it wants, the whole of it (a range is for
/// GET alone) and nothing else.
pub(crate) fn as_get(mut request: Request<Body>) -> Request<Body> {
    if request.method() == Method::HEAD {
        *request.method_mut() = Method::GET;
        for name in [header::RANGE, header::UPGRADE] {
            request.headers_mut().remove(name);
        }
    }
    request
}

/// The body that was made, or for HEAD nothing of it but its length, where that is known.
pub(crate) fn body_asked_for(method: &Method, body: Body, parts: &mut axum::http::response::Parts) -> Body {
    if *method != Method::HEAD {
        return body;
    }
    let has_body = !matches!(parts.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    let is_told = parts.headers.contains_key(header::CONTENT_LENGTH);
    if let Some(length) = body.size_hint().exact().filter(|_| has_body && !is_told) {
        parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    Body::empty()
}

/// The body, or for HEAD only its length.
pub(crate) fn body_for(method: &Method, bytes: Bytes, fields: &mut HeaderMap) -> Body {
    let bytes = bytes_for(method, bytes, fields);
    if bytes.is_empty() { Body::empty() } else { Body::from(bytes) }
}

/// The same, as bytes.
pub(crate) fn bytes_for(method: &Method, bytes: Bytes, fields: &mut HeaderMap) -> Bytes {
    if *method == Method::HEAD {
        fields.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
        return Bytes::new();
    }
    bytes
}
