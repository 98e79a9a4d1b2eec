//! Errors as clients see them: problem documents of RFC 9457 with a stable code.
//!
//! **Invariants:**
//! - A [`ProblemKind`] is a constant: its code never changes and is documented in the OpenAPI
//!   document and under `/problems/<code>`.
//! - What a caller reads ([`Problem::detail`]) and what the log keeps (the source error) are two
//!   fields of two types, so the second cannot leak into the first.
//! - A document has at most 64 KiB, whatever the request was: each of its parts is bounded.
//! - The document is written at the edge, which alone knows the request's id and path.

use std::error::Error as StdError;
use std::sync::Arc;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Serialize;

use crate::Fault;
use crate::fault::{FaultBudget, faults_in_words, shortened};

/// The most characters of what is said of an occurrence.
const LONGEST_DETAIL: usize = 1_000;
/// The most characters of the path that was asked for. (Each may be six bytes as JSON.)
const LONGEST_INSTANCE: usize = 1_000;

/// A kind of problem: what its code means, once and for all.
#[derive(Debug, PartialEq, Eq)]
pub struct ProblemKind {
    /// Stable and dotted, such as `catalog.product_not_found`.
    pub code: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// The same for every occurrence.
    pub title: &'static str,
    /// What it means and what a client can do about it, for the documentation.
    pub meaning: &'static str,
}

/// An occurrence of a problem.
#[derive(Clone, Debug)]
pub struct Problem {
    pub(crate) kind: &'static ProblemKind,
    pub(crate) detail: String,
    pub(crate) faults: Vec<Fault>,
    pub(crate) retry_after_s: Option<u32>,
    /// For the log only.
    pub(crate) cause: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Problem {
    /// A problem, and what is particular to this occurrence.
    pub fn new(kind: &'static ProblemKind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: shortened(detail.into(), LONGEST_DETAIL),
            faults: Vec::new(),
            retry_after_s: None,
            cause: None,
        }
    }

    /// Faults of the body: 422, all at once.
    #[must_use]
    pub fn invalid_body(faults: Vec<Fault>) -> Self {
        let detail = match faults.as_slice() {
            [only] => {
                let subject = only.pointer.as_deref().filter(|pointer| !pointer.is_empty()).unwrap_or("the body");
                format!("{subject} {}", only.detail)
            }
            many => format!("the body has {}", faults_in_words(many)),
        };
        Self { faults, ..Self::new(&kinds::INVALID_BODY, detail) }
    }

    /// Faults of the query: 400, all at once.
    #[must_use]
    pub fn invalid_query(faults: Vec<Fault>) -> Self {
        let detail = match faults.as_slice() {
            [only] => format!("{} {}", only.parameter.as_deref().unwrap_or("the query"), only.detail),
            many => format!("the query has {}", faults_in_words(many)),
        };
        Self { faults, ..Self::new(&kinds::INVALID_QUERY, detail) }
    }

    /// Something outside the caller's power failed. The cause goes to the log; the caller learns
    /// only whether trying again may help.
    pub fn failure(cause: impl StdError + Send + Sync + 'static, may_pass: bool) -> Self {
        let problem = if may_pass { Self::unavailable() } else { Self::internal() };
        Self { cause: Some(Arc::new(cause)), ..problem }
    }

    pub(crate) fn internal() -> Self {
        Self::new(
            &kinds::INTERNAL,
            "the request failed for a reason that is not yours; it has been logged under requestId",
        )
    }

    pub(crate) fn unavailable() -> Self {
        Self::new(&kinds::UNAVAILABLE, "a part that this request needs is away; try again soon").retry_after(1)
    }

    /// Tells the faults, one by one.
    #[must_use]
    pub fn with_faults(self, faults: Vec<Fault>) -> Self {
        Self { faults, ..self }
    }

    /// Tells when to try again.
    #[must_use]
    pub fn retry_after(self, seconds: u32) -> Self {
        Self { retry_after_s: Some(seconds), ..self }
    }

    /// What kind it is.
    #[must_use]
    pub fn kind(&self) -> &'static ProblemKind {
        self.kind
    }

    /// What the caller is told of this occurrence.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The faults that it names.
    #[must_use]
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    pub(crate) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.kind.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    pub(crate) fn document(&self, instance: &str, request_id: &str) -> ProblemDocument {
        let (errors, count) = FaultBudget::default().take(self.faults.clone());
        ProblemDocument {
            kind: format!("/problems/{}", self.kind.code),
            title: self.kind.title.to_owned(),
            status: self.kind.status,
            detail: self.detail.clone(),
            instance: shortened(instance.to_owned(), LONGEST_INSTANCE),
            code: self.kind.code.to_owned(),
            request_id: request_id.to_owned(),
            error_count: (count > 0).then_some(count),
            errors,
        }
    }
}

/// The whole chain of causes, for the log.
pub(crate) fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status();
        response.extensions_mut().insert(self);
        response
    }
}

/// The body of every error answer (`application/problem+json`, RFC 9457).
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProblemDocument {
    /// A link to what the code means.
    #[serde(rename = "type")]
    #[schema(example = "/problems/catalog.product_not_found")]
    pub kind: String,
    /// The kind of problem in words, the same for every occurrence.
    pub title: String,
    /// The HTTP status again.
    #[schema(example = 404)]
    pub status: u16,
    /// This occurrence in words.
    pub detail: String,
    /// The path that was asked for.
    #[schema(example = "/api/v2/products/none")]
    pub instance: String,
    /// The stable code to branch on.
    #[schema(example = "catalog.product_not_found")]
    pub code: String,
    /// The id under which the log knows this request.
    pub request_id: String,
    /// How many faults the body or the query has, where that is the problem.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 1)]
    pub error_count: Option<usize>,
    /// The faults themselves: all of them, or the first where there are very many.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Fault>,
}

/// The kinds that any endpoint can answer with.
pub mod kinds {
    use super::ProblemKind;

    macro_rules! kind {
        ($name:ident, $status:literal, $code:literal, $title:literal, $meaning:literal) => {
            #[doc = $meaning]
            pub const $name: ProblemKind =
                ProblemKind { code: $code, status: $status, title: $title, meaning: $meaning };
        };
    }

    kind!(
        INVALID_QUERY,
        400,
        "web.invalid_query",
        "The query is not valid",
        "A query parameter is unknown, given twice, or has a value that does not fit. `errors` names each."
    );
    kind!(
        INVALID_PATH,
        400,
        "web.invalid_path",
        "The path is not valid",
        "The path is not UTF-8 after percent-decoding."
    );
    kind!(
        INVALID_CURSOR,
        400,
        "web.invalid_cursor",
        "The cursor is not valid",
        "The cursor was not given out by this server, or was cut short. Start again without one."
    );
    kind!(
        FOREIGN_CURSOR,
        400,
        "web.cursor_of_another_query",
        "The cursor belongs to another query",
        "A cursor continues the query that gave it out: with other filters or another order it means nothing. Start again without one."
    );
    kind!(
        INVALID_HEADER,
        400,
        "web.invalid_header",
        "A header field is not valid",
        "A header field that this endpoint reads is not well-formed."
    );
    kind!(
        MALFORMED_JSON,
        400,
        "web.malformed_json",
        "The body is not JSON",
        "The body could not be parsed; the detail names line and column."
    );
    kind!(
        JSON_TOO_DEEP,
        400,
        "web.json_too_deep",
        "The body is nested too deeply",
        "Bodies may be nested 64 levels deep."
    );
    kind!(
        INEXACT_NUMBER,
        422,
        "web.inexact_number",
        "A number cannot be kept as it is written",
        "Numbers of bodies are doubles (IEEE 754), which keep some 16 digits. One that would be changed is refused; send it as a text where that is possible."
    );
    kind!(
        INCOMPLETE_BODY,
        400,
        "web.incomplete_body",
        "The body ended early",
        "The connection closed, or the body's framing broke, before the body was whole."
    );
    kind!(
        NOT_SIGNED_IN,
        401,
        "web.not_signed_in",
        "You are not signed in",
        "The operation is not for everybody. Sign in and send the access token as `Authorization: Bearer …`, or an API key as `X-Api-Key`."
    );
    kind!(
        INVALID_CREDENTIALS,
        401,
        "web.invalid_credentials",
        "The credentials are not valid",
        "The access token or API key is malformed, expired, revoked or unknown. Get a new token with the refresh token, or sign in again."
    );
    kind!(
        FORBIDDEN,
        403,
        "web.forbidden",
        "You may not do this",
        "Your role, or the API key that you use, has no permission for this action."
    );
    kind!(
        NEEDS_SESSION,
        403,
        "web.needs_session",
        "An API key cannot do this",
        "Passwords, sessions and keys are managed by a person who has signed in, so that a stolen key cannot make itself at home."
    );
    kind!(
        FOREIGN_PAGE,
        403,
        "web.foreign_page",
        "The request does not come from our own page",
        "Changes by a browser that is signed in by cookie need `X-Csrf-Token` with the token that the sign-in gave, and an `Origin` that is this server's."
    );
    kind!(
        FOREIGN_ORIGIN,
        403,
        "web.foreign_origin",
        "Pages of this origin may not call the API",
        "A browser asked whether a page of another origin may make this request (a CORS preflight), and `cors.origins` does not name that origin."
    );
    kind!(
        BLOCKED,
        403,
        "web.blocked",
        "Your network is blocked",
        "Somebody blocked it, or too much that came from it looked like an attack. The block ends by itself; `Retry-After` tells when."
    );
    kind!(
        TOO_MANY_REQUESTS,
        429,
        "web.too_many_requests",
        "You have sent too many requests",
        "`RateLimit` tells what is left and `Retry-After` when to go on. Who goes on asking before that waits longer each time."
    );
    kind!(
        OVERLOADED,
        503,
        "web.overloaded",
        "The server has no room for more work",
        "It was refused before anything was done, so it can be repeated. `Retry-After` tells when."
    );
    kind!(
        INVALID_IDEMPOTENCY_KEY,
        400,
        "web.invalid_idempotency_key",
        "The idempotency key is not valid",
        "`Idempotency-Key` takes 1 to 255 visible ASCII characters, and only where the answer can be stored: not where it is a secret that is told once."
    );
    kind!(
        IDEMPOTENCY_IN_PROGRESS,
        409,
        "web.idempotency_in_progress",
        "The first request with this key still runs",
        "Another request with the same `Idempotency-Key` has not ended. Try again; you will then get its answer."
    );
    kind!(
        IDEMPOTENCY_KEY_REUSED,
        422,
        "web.idempotency_key_reused",
        "The idempotency key belongs to another request",
        "The same `Idempotency-Key` came with another method, path or body before, or when you had another role or other stores. Use a new key for a new request."
    );
    kind!(
        NOT_FOUND,
        404,
        "web.not_found",
        "There is nothing here",
        "No endpoint has this path. The OpenAPI document lists those that there are."
    );
    kind!(
        METHOD_NOT_ALLOWED,
        405,
        "web.method_not_allowed",
        "The path does not take this method",
        "`Allow` lists the methods that it takes."
    );
    kind!(
        NOT_ACCEPTABLE,
        406,
        "web.not_acceptable",
        "The answer would not be acceptable",
        "`Accept` rules out `application/json`, which is all that this endpoint speaks."
    );
    kind!(
        BODY_TIMEOUT,
        408,
        "web.body_timeout",
        "The body came too slowly",
        "The next bytes of the body stayed away for too long, or it was not whole in time; the detail tells for how long. The connection is closed: send the request again on a new one."
    );
    kind!(
        PRECONDITION_FAILED,
        412,
        "web.precondition_failed",
        "The resource has moved on",
        "`If-Match` names another version than the present one. Read it again, and repeat the change on what you then see."
    );
    kind!(BODY_TOO_LARGE, 413, "web.body_too_large", "The body is too large", "The detail tells the limit.");
    kind!(
        URI_TOO_LONG,
        414,
        "web.uri_too_long",
        "The address is too long",
        "Path and query together are longer than this server takes; the detail tells the limit."
    );
    kind!(
        HEAD_TOO_LARGE,
        431,
        "web.head_too_large",
        "The request's header fields are too large",
        "All header fields together are longer than this server takes; the detail tells the limit."
    );
    kind!(
        UNSUPPORTED_MEDIA_TYPE,
        415,
        "web.unsupported_media_type",
        "The body's media type is not supported",
        "Send `application/json` (for PATCH also `application/merge-patch+json`), without content coding."
    );
    kind!(
        INVALID_BODY,
        422,
        "web.invalid_body",
        "The body is well-formed but not valid",
        "`errors` names every fault with a JSON pointer."
    );
    kind!(INTERNAL, 500, "web.internal", "The server failed", "The cause is in the server's log, under `requestId`.");
    kind!(
        UNAVAILABLE,
        503,
        "web.unavailable",
        "A part of the service is away",
        "The database or another part cannot be reached, or is overloaded. `Retry-After` tells when to try again."
    );
    kind!(
        TIMEOUT,
        503,
        "web.timeout",
        "The request took too long",
        "There was no answer in time. A change that was begun goes on and may take effect: read before you repeat it, or repeat it with the same `Idempotency-Key`."
    );

    /// All of them.
    pub const ALL: &[&ProblemKind] = &[
        &INVALID_QUERY,
        &INVALID_PATH,
        &INVALID_CURSOR,
        &FOREIGN_CURSOR,
        &INVALID_HEADER,
        &MALFORMED_JSON,
        &JSON_TOO_DEEP,
        &INEXACT_NUMBER,
        &INCOMPLETE_BODY,
        &NOT_SIGNED_IN,
        &INVALID_CREDENTIALS,
        &FORBIDDEN,
        &NEEDS_SESSION,
        &FOREIGN_PAGE,
        &FOREIGN_ORIGIN,
        &BLOCKED,
        &TOO_MANY_REQUESTS,
        &OVERLOADED,
        &INVALID_IDEMPOTENCY_KEY,
        &IDEMPOTENCY_IN_PROGRESS,
        &IDEMPOTENCY_KEY_REUSED,
        &NOT_FOUND,
        &METHOD_NOT_ALLOWED,
        &NOT_ACCEPTABLE,
        &BODY_TIMEOUT,
        &PRECONDITION_FAILED,
        &BODY_TOO_LARGE,
        &URI_TOO_LONG,
        &HEAD_TOO_LARGE,
        &UNSUPPORTED_MEDIA_TYPE,
        &INVALID_BODY,
        &INTERNAL,
        &UNAVAILABLE,
        &TIMEOUT,
    ];
}
