//! Successful answers: a body made once, its strong ETag, and how caches may treat it.
//!
//! An ETag is `"<hash>"` of the body, or `"<version>-<hash>"` where the resource has a version that
//! `If-Match` can name. A compressed form has the coding's name behind it (`"…-br"`), since a
//! strong ETag stands for the very bytes (RFC 9110, 8.8.1).
//!
//! **Invariant:** the edge, not the handler, decides between 200, 304 and a compressed form.

use std::sync::Arc;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::Problem;

/// How a cache may treat an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CacheClass {
    /// A file whose name changes with its content.
    Static,
    /// Data that anybody may see, and that must be asked for anew each time.
    Api,
    /// Data about a person.
    Private,
    /// Answers to writes, health, and what must never be kept.
    Never,
}

impl CacheClass {
    pub(crate) fn header(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Static => "public, max-age=31536000, immutable",
            Self::Api => "public, max-age=0, must-revalidate",
            Self::Private => "private, no-cache",
            Self::Never => "no-store",
        })
    }

    /// The class that this field stands for.
    pub(crate) fn of(field: &HeaderValue) -> Option<Self> {
        [Self::Static, Self::Api, Self::Private, Self::Never].into_iter().find(|class| class.header() == field)
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
    pub(crate) content_type: &'static str,
    pub(crate) etag: Option<String>,
    pub(crate) class: CacheClass,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    /// What it was made from, if it may be kept.
    pub(crate) tags: Option<Vec<String>>,
    /// Under which key its being sent is counted.
    pub(crate) counted: Option<Arc<str>>,
}

impl Reply {
    /// 200 with `value` as JSON and the hash of its bytes as ETag.
    ///
    /// # Errors
    /// A 500 when `value` cannot be written as JSON, which is a defect.
    pub fn json(value: &impl Serialize, class: CacheClass) -> Result<Self, Problem> {
        let body = serde_json::to_vec(value).map_err(|error| Problem::failure(error, false))?;
        Ok(Self::bytes(body.into(), "application/json", class))
    }

    /// 200 with these bytes.
    #[must_use]
    pub fn bytes(body: Bytes, content_type: &'static str, class: CacheClass) -> Self {
        let etag = (class != CacheClass::Never).then(|| format!("{:016x}", xxh3_64(&body)));
        Self { status: StatusCode::OK, body, content_type, etag, class, headers: Vec::new(), tags: None, counted: None }
    }

    /// 204.
    #[must_use]
    pub fn no_content() -> Self {
        Self {
            status: StatusCode::NO_CONTENT,
            body: Bytes::new(),
            content_type: "",
            etag: None,
            class: CacheClass::Never,
            headers: Vec::new(),
            tags: None,
            counted: None,
        }
    }

    /// Lets the response cache keep it, where its route is cached: until something happens to one of
    /// these tags, which must say *everything* that the answer was made from.
    #[must_use]
    pub fn cached<T: Into<String>>(mut self, tags: impl IntoIterator<Item = T>) -> Self {
        self.tags = Some(tags.into_iter().map(Into::into).collect());
        self
    }

    /// For whoever asked, and nobody else.
    #[must_use]
    pub fn private(mut self) -> Self {
        self.class = CacheClass::Private;
        self
    }

    /// Has every sending of it counted under this key, by the counters of its route.
    #[must_use]
    pub fn counted(mut self, key: impl Into<Arc<str>>) -> Self {
        self.counted = Some(key.into());
        self
    }

    /// Names the resource's version in the ETag, for `If-Match`.
    #[must_use]
    pub fn version(mut self, version: i64) -> Self {
        self.etag = Some(format!("{version}-{:016x}", xxh3_64(&self.body)));
        self
    }

    /// Another status.
    #[must_use]
    pub fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// 201, and where the new resource is.
    #[must_use]
    pub fn created_at(self, location: &str) -> Self {
        self.status(StatusCode::CREATED).header(header::LOCATION, location)
    }

    /// One more header field. A value that no header field can carry is left out.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        response.extensions_mut().insert(self);
        response
    }
}
