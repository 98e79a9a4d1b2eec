//! The edge: the one middleware that every request passes, and what every answer gets there.
//!
//! Why one and not a stack: nine ordinary layers, each boxing a future and cloning a service, were
//! measured to cost more than the whole rest of a cached request. Here everything is one function.
//!
//! In order: id, preflight, limits that need no reading, the router under a time limit and a panic
//! guard, then the answer's body (problem document, 304, content coding) and its fields.
//!
//! **Invariants:**
//! - Every answer carries `X-Request-Id` and the security fields, also a 404, a 413 and a panic's 500.
//! - A failure's whole chain of causes is logged here once, and nowhere else.
//! - A handler that is ready at once costs no timer.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, HttpBody as _};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use bytes::Bytes;
use entrepot_runtime::{Clock, within_request};
use futures_util::FutureExt as _;
use http_body_util::{BodyExt as _, Limited};
use tower::ServiceExt as _;
use xxhash_rust::xxh3::xxh3_64;

use crate::compress::{Coding, WORTH_IT, is_compressible};
use crate::cors::{CorsPolicy, SECURITY_FIELDS};
use crate::preconditions::if_none_match;
use crate::problem::chain;
use crate::{CacheClass, Problem, Reply, RequestStats, kinds};

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
const LONGEST_REQUEST_ID: usize = 128;
/// Answers of routes that make their own body (the explorer's files) are read whole up to this.
const LARGEST_FOREIGN_BODY: usize = 16 * 1024 * 1024;

/// What the edge enforces.
#[derive(Clone, Debug)]
pub struct EdgeSettings {
    /// How long a request may take, from its head's last byte to its answer's first.
    pub request_timeout: Duration,
    /// The largest body.
    pub body_limit_bytes: usize,
    /// Which other origins may call.
    pub cors: CorsPolicy,
    /// Whether every request is logged, or only those that fail or are slow.
    pub log_all: bool,
    /// From here on a request counts as slow.
    pub slow_request: Duration,
}

/// The id of a request, for handlers that pass it on.
#[derive(Clone, Debug)]
pub struct RequestId(pub Arc<str>);

/// The whole HTTP service. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Edge {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    router: Router,
    settings: EdgeSettings,
    clock: Clock,
    stats: RequestStats,
}

/// What of the request is still needed when the answer is there.
struct Asked {
    start: Instant,
    id: Arc<str>,
    method: Method,
    path: String,
    origin: Option<HeaderValue>,
    headers: HeaderMap,
}

impl Edge {
    /// Puts the edge in front of `router`, whose unknown paths and methods become problems too.
    #[must_use]
    pub fn new(router: Router, settings: EdgeSettings, clock: Clock, stats: RequestStats) -> Self {
        let router = router
            .fallback(|| async {
                Problem::new(&kinds::NOT_FOUND, "no endpoint has this path; /api-docs shows those that there are")
            })
            .method_not_allowed_fallback(|| async {
                Problem::new(
                    &kinds::METHOD_NOT_ALLOWED,
                    "this path does not take this method; Allow lists those that it takes",
                )
            });
        Self { shared: Arc::new(Shared { router, settings, clock, stats }) }
    }

    /// Answers one request.
    pub async fn answer<B>(&self, request: Request<B>) -> Response<Body>
    where
        B: axum::body::HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<axum::BoxError>,
    {
        let shared = &self.shared;
        let start = Instant::now();
        let (mut parts, body) = request.into_parts();
        let id = request_id(&parts.headers, &shared.clock);
        let asked = Asked {
            start,
            id: id.clone(),
            method: parts.method.clone(),
            path: parts.uri.path().to_owned(),
            origin: parts.headers.get(header::ORIGIN).cloned(),
            headers: conditional_fields(&parts.headers),
        };
        let response = if let Some(response) = shared.settings.cors.preflight(&parts.method, &parts.headers) {
            response
        } else if let Some(problem) = refuse_unread(&parts, &shared.settings) {
            problem_response(problem)
        } else {
            parts.extensions.insert(RequestId(id.clone()));
            let body = if body.is_end_stream() {
                Body::empty()
            } else {
                Body::new(Limited::new(body, shared.settings.body_limit_bytes))
            };
            let request = Request::from_parts(parts, body);
            within_request(id, shared.route(request)).await
        };
        shared.finish(asked, response).await
    }
}

impl Shared {
    /// The router, under the panic guard and the time limit.
    async fn route(&self, request: Request<Body>) -> Response<Body> {
        let handled = AssertUnwindSafe(self.router.clone().oneshot(request)).catch_unwind();
        let mut handled = std::pin::pin!(handled);
        let outcome = match futures_util::poll!(&mut handled) {
            std::task::Poll::Ready(outcome) => outcome,
            std::task::Poll::Pending => match tokio::time::timeout(self.settings.request_timeout, handled).await {
                Ok(outcome) => outcome,
                Err(_elapsed) => {
                    let seconds = self.settings.request_timeout.as_secs_f32();
                    let problem = Problem::new(&kinds::TIMEOUT, format!("the request was given up after {seconds} s"));
                    return problem_response(problem.retry_after(1));
                }
            },
        };
        match outcome {
            Ok(Ok(response)) => response,
            Ok(Err(never)) => match never {},
            Err(panic) => {
                let message = panic
                    .downcast_ref::<&str>()
                    .map(ToString::to_string)
                    .or_else(|| panic.downcast_ref::<String>().cloned())
                    .unwrap_or_default();
                tracing::error!(panic = message, "a handler panicked");
                problem_response(Problem::internal())
            }
        }
    }

    async fn finish(&self, asked: Asked, response: Response<Body>) -> Response<Body> {
        let (mut parts, body) = response.into_parts();
        // The router has measured the empty stand-in for the body.
        parts.headers.remove(header::CONTENT_LENGTH);
        let body = if let Some(problem) = parts.extensions.remove::<Problem>() {
            self.write_problem(&asked, &problem, &mut parts.headers)
        } else if let Some(reply) = parts.extensions.remove::<Reply>() {
            write_reply(&asked, reply, &mut parts).await
        } else {
            write_foreign(&asked, body, &mut parts).await
        };
        let status = parts.status;
        let fields = &mut parts.headers;
        for (name, value) in SECURITY_FIELDS {
            fields.entry(name).or_insert(value);
        }
        if let Ok(id) = HeaderValue::from_str(&asked.id) {
            fields.insert(X_REQUEST_ID, id);
        }
        self.settings.cors.mark(asked.origin.as_ref(), fields);
        let took = asked.start.elapsed();
        if let Ok(timing) = HeaderValue::try_from(format!("app;dur={:.3}", took.as_secs_f64() * 1000.0)) {
            fields.insert(SERVER_TIMING, timing);
        }
        let failed = status.is_server_error();
        self.stats.count(asked.start, failed);
        if self.settings.log_all || failed || took >= self.settings.slow_request {
            tracing::info!(
                target: "entrepot::request",
                requestId = &*asked.id,
                method = %asked.method,
                path = asked.path,
                status = status.as_u16(),
                ms = took.as_secs_f64() * 1000.0,
                bytes = body.size_hint().exact(),
                "request"
            );
        }
        Response::from_parts(parts, body)
    }

    fn write_problem(&self, asked: &Asked, problem: &Problem, fields: &mut HeaderMap) -> Body {
        if let Some(cause) = &problem.cause {
            tracing::error!(
                requestId = &*asked.id,
                code = problem.kind.code,
                cause = chain(cause.as_ref()),
                "a request failed"
            );
        }
        if let Some(seconds) = problem.retry_after_s {
            fields.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        fields.insert(header::CONTENT_TYPE, const { HeaderValue::from_static("application/problem+json") });
        fields.insert(header::CACHE_CONTROL, CacheClass::Never.header());
        let document = problem.document(&asked.path, &asked.id);
        let bytes = serde_json::to_vec(&document).unwrap_or_default();
        body_for(&asked.method, bytes.into(), fields)
    }
}

/// What can be refused before any of the body is read.
fn refuse_unread(parts: &axum::http::request::Parts, settings: &EdgeSettings) -> Option<Problem> {
    let length = parts.headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > settings.body_limit_bytes as u64) {
        return Some(too_large(settings.body_limit_bytes));
    }
    if parts.uri.path().starts_with("/api/") && !accepts_json(&parts.headers) {
        return Some(Problem::new(
            &kinds::NOT_ACCEPTABLE,
            "this endpoint speaks application/json, and Accept rules that out",
        ));
    }
    None
}

fn too_large(limit_bytes: usize) -> Problem {
    Problem::new(&kinds::BODY_TOO_LARGE, format!("a body may have {limit_bytes} bytes"))
}

fn accepts_json(headers: &HeaderMap) -> bool {
    let mut fields = headers.get_all(header::ACCEPT).iter().peekable();
    if fields.peek().is_none() {
        return true;
    }
    fields.filter_map(|value| value.to_str().ok()).any(|accept| {
        accept.split(',').any(|range| {
            let mut parts = range.split(';').map(str::trim);
            let media = parts.next().unwrap_or_default();
            let refused = parts.any(|parameter| matches!(parameter, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"));
            matches!(media, "*/*" | "application/*" | "application/json" | "application/problem+json") && !refused
        })
    })
}

fn problem_response(problem: Problem) -> Response<Body> {
    axum::response::IntoResponse::into_response(problem)
}

/// The client's own id where it is well-formed, else a new one.
fn request_id(headers: &HeaderMap, clock: &Clock) -> Arc<str> {
    let given = headers.get(X_REQUEST_ID).and_then(|value| value.to_str().ok()).filter(|id| {
        (1..=LONGEST_REQUEST_ID).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':'))
    });
    if let Some(id) = given {
        return Arc::from(id);
    }
    let mut buffer = uuid::Uuid::encode_buffer();
    Arc::from(&*clock.new_id().hyphenated().encode_lower(&mut buffer))
}

/// The few fields that decide on the form of the answer, so that the rest can be given away.
fn conditional_fields(headers: &HeaderMap) -> HeaderMap {
    let mut kept = HeaderMap::new();
    for name in [header::ACCEPT_ENCODING, header::IF_NONE_MATCH] {
        for value in headers.get_all(&name) {
            kept.append(name.clone(), value.clone());
        }
    }
    kept
}

async fn write_reply(asked: &Asked, reply: Reply, parts: &mut axum::http::response::Parts) -> Body {
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
    coded(asked, reply.body, reply.content_type, reply.etag.as_deref(), parts).await
}

/// Answers of routes that are not ours (the explorer's files): read whole, then treated alike.
async fn write_foreign(asked: &Asked, body: Body, parts: &mut axum::http::response::Parts) -> Body {
    let whole = body.size_hint().exact().is_some_and(|length| length <= LARGEST_FOREIGN_BODY as u64);
    if parts.status != StatusCode::OK || !whole {
        return body;
    }
    let Ok(body) = body.collect().await else { return Body::empty() };
    let body = body.to_bytes();
    parts.headers.entry(header::CACHE_CONTROL).or_insert(CacheClass::Api.header());
    let content_type =
        parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    parts.headers.remove(header::ETAG);
    let etag = format!("{:016x}", xxh3_64(&body));
    coded(asked, body, &content_type, Some(&etag), parts).await
}

/// 304, or the body in the coding that the client likes best.
async fn coded(
    asked: &Asked,
    body: Bytes,
    content_type: &str,
    etag: Option<&str>,
    parts: &mut axum::http::response::Parts,
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

/// The body, or for HEAD only its length.
fn body_for(method: &Method, bytes: Bytes, fields: &mut HeaderMap) -> Body {
    if *method == Method::HEAD {
        fields.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
        return Body::empty();
    }
    Body::from(bytes)
}
