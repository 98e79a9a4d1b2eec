//! The edge: the one middleware that every request passes, and what every answer gets there.
//!
//! Why one and not a stack: nine ordinary layers, each boxing a future and cloning a service, were
//! measured to cost more than the whole rest of a cached request. Here everything is one function.
//!
//! In order: the response cache's memory, for callers whom memory knows; where that has nothing: id,
//! preflight, the door (`door.rs`: blocks, suspicion, limits, who asks, what they may), the position
//! that the caller demands, the router under a time limit and a panic guard (through a fill of the
//! response cache, where the route has one; through a flight that others share, where it has none;
//! through the stored answers, where the request carries an idempotency key), then the answer's body
//! (problem document, 304, content coding) and its fields.
//!
//! **Invariants:**
//! - Every answer carries `X-Request-Id` and the security fields, also a 404, a 413 and a panic's 500.
//! - A failure's whole chain of causes is logged here once, and nowhere else.
//! - A handler that is ready at once costs no timer.
//! - A write that has begun is never cut short by its caller's going away, nor by the time limit.
//! - A read that names a position (`Entrepot-At-Least`) is not older than that write: either the write
//!   was applied here before anything was looked up, or the read passes by all caches.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use bytes::Bytes;
use entrepot_cache::{Fence, FillError, Filled, Got, Namespace, Origin};
use entrepot_guard::{Guard, Place, Tier, Verdict};
use entrepot_runtime::{Actor, Clock, continue_in_background, within_request};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http_body_util::{Full, Limited};
use tower::ServiceExt as _;

use crate::access::{Doorkeeper, Permit};
use crate::cors::{CorsPolicy, SECURITY_FIELDS};
use crate::door::{Admitted, Doors, From};
use crate::field_values::{age, hit_status, server_timing};
use crate::finish::{as_get, body_asked_for, body_for, coded, write_foreign, write_reply};
use crate::head::{
    X_REQUEST_ID, body_limit, conditional_fields, is_anybodys, refuse_head, refuse_target, refuse_unread, request_id,
};
use crate::hit::Quick;
use crate::idempotency::{IDEMPOTENCY_KEY, Idempotency, Keyed, Whose, fingerprint, key_of};
use crate::notes::Notes;
use crate::problem::chain;
use crate::responses::{Answer, Kept, Responses, Route, groups_value, with_key};
use crate::serve::Peer;
use crate::slow::PromptBody;
use crate::{CacheClass, Operations, Problem, Reply, RequestStats, kinds};

pub(crate) const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
pub(crate) const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");
const CACHE_GROUP_INVALIDATION: HeaderName = HeaderName::from_static("cache-group-invalidation");
const ENTREPOT_POSITION: HeaderName = HeaderName::from_static("entrepot-position");
const ENTREPOT_AT_LEAST: HeaderName = HeaderName::from_static("entrepot-at-least");
/// Writes that a read may name.
const MOST_POSITIONS: usize = 16;
/// How long a read waits for the write that it demands before it passes by the caches.
const POSITION_PATIENCE: Duration = Duration::from_secs(1);

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
pub(crate) struct Shared {
    router: Router,
    settings: EdgeSettings,
    pub(crate) clock: Clock,
    stats: RequestStats,
    pub(crate) responses: Option<Responses>,
    positions: Option<Positions>,
    pub(crate) doors: Doors,
    idempotency: Option<Idempotency>,
    notes: Option<Notes>,
}

/// Asks for the highest position that was given out.
type LastGiven = dyn Fn() -> BoxFuture<'static, Result<u64, Box<dyn std::error::Error + Send + Sync>>> + Send + Sync;

/// Where writes stand, for reads that demand one.
#[derive(Clone)]
pub struct Positions {
    fence: Fence,
    last_given: Arc<LastGiven>,
}

impl std::fmt::Debug for Positions {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Positions").finish_non_exhaustive()
    }
}

impl Positions {
    /// Positions as `fence` has applied them; `last_given` asks the database for the highest one.
    pub fn new<F, Fut, E>(fence: Fence, last_given: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<u64, E>> + Send + 'static,
        E: std::error::Error + Send + Sync + 'static,
    {
        let last_given = Arc::new(move || {
            let answer = last_given();
            Box::pin(async move { answer.await.map_err(Into::into) }) as BoxFuture<'static, _>
        });
        Self { fence, last_given }
    }
}

/// What of the request is still needed when the answer is there.
pub(crate) struct Asked {
    start: Instant,
    id: Arc<str>,
    pub(crate) method: Method,
    path: String,
    origin: Option<HeaderValue>,
    pub(crate) headers: HeaderMap,
    is_counted: bool,
    is_over_tls: bool,
    /// What was counted, and how it stands.
    counted: Option<(Tier, Verdict)>,
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
        Self {
            shared: Arc::new(Shared {
                router,
                settings,
                clock,
                stats,
                responses: None,
                positions: None,
                doors: Doors::Closed,
                idempotency: None,
                notes: None,
            }),
        }
    }

    /// The same behind doors: who may do what is enforced, and the guard stands there.
    #[must_use]
    pub fn with_doors(self, operations: Operations, keeper: Arc<dyn Doorkeeper>, guard: Guard) -> Self {
        self.change(|shared| {
            let cors = shared.settings.cors.clone();
            shared.doors = Doors::Kept { operations, keeper, guard, cors };
        })
    }

    /// The same with everything open to everybody: for tests of what lies behind the doors.
    #[must_use]
    pub fn open_to_all(self) -> Self {
        self.change(|shared| shared.doors = Doors::Open)
    }

    /// The same with stored answers for requests that carry an idempotency key.
    #[must_use]
    pub fn with_idempotency(self, idempotency: Idempotency) -> Self {
        self.change(|shared| shared.idempotency = Some(idempotency))
    }

    /// The same with a place for notes of what was read.
    #[must_use]
    pub fn with_notes(self, notes: Notes) -> Self {
        self.change(|shared| shared.notes = Some(notes))
    }

    /// The same with a response cache.
    #[must_use]
    pub fn with_responses(self, responses: Responses) -> Self {
        self.change(|shared| shared.responses = Some(responses))
    }

    /// The same with positions, so that reads can demand one.
    #[must_use]
    pub fn with_positions(self, positions: Positions) -> Self {
        self.change(|shared| shared.positions = Some(positions))
    }

    fn change(self, change: impl FnOnce(&mut Shared)) -> Self {
        let Shared { router, settings, clock, stats, responses, positions, doors, idempotency, notes } = &*self.shared;
        let mut shared = Shared {
            router: router.clone(),
            settings: settings.clone(),
            clock: clock.clone(),
            stats: stats.clone(),
            responses: responses.clone(),
            positions: positions.clone(),
            doors: doors.clone(),
            idempotency: idempotency.clone(),
            notes: notes.clone(),
        };
        change(&mut shared);
        Self { shared: Arc::new(shared) }
    }

    /// Answers a request of the program's own, such as one that warms a cache: nobody is at the door.
    pub async fn answer<B>(&self, request: Request<B>) -> Response<Body>
    where
        B: axum::body::HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<axum::BoxError>,
    {
        self.answer_to(From::within(), request).await
    }

    /// Answers a request that came over a connection out of memory, or else tells how far that came.
    pub(crate) fn answer_now<B>(&self, peer: Peer, request: &Request<B>) -> Result<Response<Full<Bytes>>, Begun> {
        let start = Instant::now();
        let from = self.shared.doors.look(peer, request.headers());
        match self.shared.from_memory(request, start, &from) {
            Quick::Answer(response) => Ok(response),
            Quick::Go(counted) => Err(Begun { start, from, counted }),
        }
    }

    async fn answer_to<B>(&self, from: From, request: Request<B>) -> Response<Body>
    where
        B: axum::body::HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<axum::BoxError>,
    {
        let start = Instant::now();
        match self.shared.from_memory(&request, start, &from) {
            Quick::Answer(response) => response.map(Body::new),
            Quick::Go(counted) => self.answer_begun(Begun { start, from, counted }, request).await,
        }
    }

    /// Answers a request that memory had nothing for.
    pub(crate) async fn answer_begun<B>(&self, begun: Begun, request: Request<B>) -> Response<Body>
    where
        B: axum::body::HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<axum::BoxError>,
    {
        let shared = &self.shared;
        let Begun { start, from, counted } = begun;
        let malformed = if from.is_within { None } else { refuse_head(&request) };
        let (mut parts, body) = request.into_parts();
        let id = request_id(&parts.headers, &shared.clock);
        let mut asked = Asked {
            start,
            id: id.clone(),
            method: parts.method.clone(),
            path: parts.uri.path().to_owned(),
            origin: parts.headers.get(header::ORIGIN).cloned(),
            headers: conditional_fields(&parts.headers),
            is_counted: is_counted(&parts.method, &parts.extensions),
            is_over_tls: from.is_over_tls,
            counted,
        };
        if let Some(problem) = malformed {
            return shared.finish(asked, problem_response(problem)).await;
        }
        if let Some(answer) = shared.settings.cors.preflight(&parts.method, &parts.headers) {
            return shared.finish(asked, answer.unwrap_or_else(problem_response)).await;
        }
        if let Some(problem) = refuse_target(&parts.uri) {
            return shared.finish(asked, problem_response(problem)).await;
        }
        let Admitted { permit, rule, counted, place } = match shared.doors.admit(&from, &parts, counted).await {
            Ok(admitted) => admitted,
            Err(refusal) => {
                asked.counted = refusal.counted;
                return shared.finish(asked, problem_response(refusal.problem)).await;
            }
        };
        asked.counted = counted;
        if let Some(problem) = refuse_unread(&parts, &shared.settings, rule) {
            return shared.finish(asked, problem_response(problem)).await;
        }
        let mut context = entrepot_runtime::Request::new(id.clone());
        if !from.is_within {
            context = context.by(permit.actor());
        }
        match shared.wait_for_position(&parts.headers).await {
            Ok(Demand::None) => {}
            Ok(Demand::Applied) => context = context.demanding_position(),
            Ok(Demand::Late) => context = context.past_caches(),
            Err(problem) => return shared.finish(asked, problem_response(problem)).await,
        }
        let context = Arc::new(context);
        parts.extensions.insert(RequestId(id));
        let caller = permit.caller.as_ref().map(|caller| caller.via_text.clone());
        let keyed = match parts.headers.get(IDEMPOTENCY_KEY).filter(|_| parts.method == Method::POST) {
            Some(_) if rule.is_some_and(|rule| rule.is_secret) => {
                let detail = "this operation answers with a secret, which is not stored: it takes no Idempotency-Key";
                let problem = Problem::new(&kinds::INVALID_IDEMPOTENCY_KEY, detail);
                return shared.finish(asked, problem_response(problem)).await;
            }
            Some(_) if rule.is_some_and(|rule| rule.is_lasting) => {
                let detail = "what is sent piece by piece takes no Idempotency-Key";
                let problem = Problem::new(&kinds::INVALID_IDEMPOTENCY_KEY, detail);
                return shared.finish(asked, problem_response(problem)).await;
            }
            Some(key) => match key_of(key) {
                // Of strangers an address is all that tells them apart.
                Ok(key) => {
                    let reach = permit.caller().map_or(0, |caller| caller.reach());
                    let is_restricted = permit.caller().is_some_and(|caller| caller.stores.is_some());
                    let caller = permit.caller().map(|caller| caller.id.to_string());
                    let caller = caller
                        .or_else(|| permit.address().map(|address| format!("address:{address}")))
                        .unwrap_or_else(|| "nobody".to_owned());
                    Some(Whose { caller, reach, is_restricted, key })
                }
                Err(problem) => return shared.finish(asked, problem_response(problem)).await,
            },
            None => None,
        };
        let is_lasting = rule.is_some_and(|rule| rule.is_lasting);
        let body = if body.is_end_stream() {
            Body::empty()
        } else if is_lasting {
            Body::new(body)
        } else {
            // A write is not cut short by its time limit, so its body is.
            let body = Limited::new(body, body_limit(rule, &shared.settings));
            Body::new(PromptBody::new(Box::pin(body), shared.settings.request_timeout))
        };
        let is_quiet = rule.is_some_and(|rule| rule.is_quiet);
        let reads = matches!(asked.method, Method::GET | Method::HEAD);
        let route = shared.responses.as_ref().filter(|_| reads).and_then(|responses| responses.route(&asked.path));
        let shares = shared.doors.is_kept() || is_anybodys(&parts.headers);
        if let Some(route) = route.filter(|route| route.answers.is_some() && shares)
            && let Some(key) = with_key(&parts.uri, str::to_owned)
        {
            let sees_more = permit.scope.is_some();
            let may_ask = permit.caller.is_some() && rule.is_some_and(|rule| rule.more_for.is_some());
            let own = (sees_more || may_ask).then(|| own_request(&parts, permit));
            // An answer for everybody is made for nobody in particular.
            parts.extensions.insert(Permit::default());
            let request = Request::from_parts(parts, body);
            let answered = within_request(context.clone(), shared.through_cache(route, &key, request)).await;
            let problem = match &answered {
                Ok(got) => match got.value.as_deref() {
                    Some(Answer::Problem(problem)) => Some(problem),
                    _ => None,
                },
                Err(problem) => Some(problem),
            };
            // Who may see more than everybody is shown what is theirs alone; who has signed in is not told to.
            let is_asked_again = problem.is_some_and(|problem| sees_more || problem.kind.status == 401);
            return match (answered, own) {
                (_, Some(own)) if is_asked_again => {
                    let response = within_request(context, shared.route(own)).await;
                    shared.finish(asked, response).await
                }
                (Ok(got), _) => shared.finish_got(&asked, route, got, context.passes_caches()).await,
                (Err(problem), _) => shared.finish(asked, problem_response(problem)).await,
            };
        }
        let actor = permit.actor();
        parts.extensions.insert(permit);
        let uri = parts.uri.clone();
        let request = Request::from_parts(parts, body);
        let is_never_kept = route.is_some_and(|route| route.answers.is_none() && !route.is_streamed);
        let alike = shared.responses.as_ref().filter(|_| is_never_kept && shares && !context.passes_caches());
        let mut response = if reads {
            let read = async {
                match alike {
                    Some(responses) => {
                        let key = with_key(&uri, |key| format!("{} {key}", caller.as_deref().unwrap_or("anybody")));
                        shared.shared_flight(responses.uncached(), key, request).await
                    }
                    None if is_lasting => shared.route_within(request, None).await,
                    None => shared.route(request).await,
                }
            };
            let response = within_request(context.clone(), read).await;
            // Held until the answer is made.
            drop(place);
            response
        } else {
            let write = Write { request, keyed, is_quiet, is_lasting };
            within_request(context.clone(), shared.to_its_end(write, place)).await
        };
        if let Some(event) = rule.and_then(|rule| rule.noted).filter(|_| response.status().is_success())
            && let Err(error) = shared.note(event, &asked, actor).await
        {
            if reads {
                // Nothing is shown of which nobody could find out later who saw it.
                response = problem_response(Problem::failure(Boxed(error), true));
            } else {
                tracing::error!(%error, event, "it could not be written down that this was done");
            }
        }
        if is_never_kept && response.extensions().get::<Reply>().is_some() {
            response.headers_mut().insert(CACHE_STATUS, const { HeaderValue::from_static("entrepot; fwd=bypass") });
        }
        // What is not shared is sent all the same.
        if let Some(counters) = route.and_then(|route| route.counters.as_ref()).filter(|_| asked.is_counted)
            && let Some(key) = response.extensions().get::<Reply>().and_then(|reply| reply.counted.clone())
        {
            counters.counter(key).add(1);
        }
        if let Some(position) = context.position().filter(|_| !is_quiet) {
            // The client may read here at once: by then this process must know what others committed before, on which the
            // write was based. Not where the answer must not tell whether anything was written: its time would tell.
            if let Some(positions) = &shared.positions {
                positions.fence.settle(position).await;
            }
            let fields = response.headers_mut();
            fields.insert(ENTREPOT_POSITION, HeaderValue::from(position));
            if let Some(groups) = groups_value(&context.groups()) {
                fields.insert(CACHE_GROUP_INVALIDATION, groups);
            }
        }
        shared.finish(asked, response).await
    }
}

/// The same read once more, as the one who asks.
fn own_request(parts: &http::request::Parts, permit: Permit) -> Request<Body> {
    let mut own = parts.clone();
    own.extensions.insert(permit);
    Request::from_parts(own, Body::empty())
}

/// A request that may change something.
struct Write {
    request: Request<Body>,
    /// Its idempotency key, and whose it is.
    keyed: Option<Whose>,
    is_quiet: bool,
    is_lasting: bool,
}

/// A request that memory had nothing for.
pub(crate) struct Begun {
    start: Instant,
    from: From,
    /// It may have been counted already.
    counted: Option<(Tier, Verdict)>,
}

/// What a request demands of the write that it names.
enum Demand {
    /// It names none.
    None,
    /// The write is applied here.
    Applied,
    /// It was not within the time that reads wait: no cache may answer.
    Late,
}

/// Marks a request whose answer nobody reads, such as one that warms a cache: it is not counted.
#[derive(Clone, Copy, Debug)]
pub struct Uncounted;

pub(crate) fn is_counted(method: &Method, extensions: &http::Extensions) -> bool {
    *method == Method::GET && extensions.get::<Uncounted>().is_none()
}

/// How an answer that can be kept came about, for `Cache-Status`.
struct Provenance {
    origin: Origin,
    age: Duration,
    remaining: Duration,
    /// No cache was allowed to answer.
    passed: bool,
}

impl Provenance {
    /// RFC 9211.
    fn value(&self) -> HeaderValue {
        let ttl = self.remaining.as_secs();
        if self.origin == Origin::Memory {
            return hit_status(ttl);
        }
        let text = match self.origin {
            Origin::Memory => String::new(),
            Origin::Redis => format!("entrepot; hit; ttl={ttl}; detail=shared"),
            Origin::FailSafe => "entrepot; hit; ttl=0; detail=stale".to_owned(),
            Origin::Source { .. } if self.passed => "entrepot; fwd=request".to_owned(),
            Origin::Source { kept: true } => format!("entrepot; fwd=miss; stored; ttl={ttl}"),
            Origin::Source { kept: false } => "entrepot; fwd=miss".to_owned(),
        };
        HeaderValue::try_from(text).unwrap_or(const { HeaderValue::from_static("entrepot") })
    }
}

impl Shared {
    /// Answers a request that carries an idempotency key.
    async fn keyed(
        self: &Arc<Self>,
        idempotency: &Idempotency,
        whose: Whose,
        is_quiet: bool,
        request: Request<Body>,
    ) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let body = match tokio::time::timeout(self.settings.request_timeout, crate::body::collect(body)).await {
            Ok(Ok(body)) => body,
            Ok(Err(problem)) => return problem_response(problem),
            Err(_elapsed) => {
                let problem = Problem::new(&kinds::TIMEOUT, "the body did not arrive in time");
                return problem_response(problem.retry_after(1));
            }
        };
        let target = parts.uri.path_and_query().map_or(parts.uri.path(), |target| target.as_str());
        let fingerprint = fingerprint(parts.method.as_str(), target, &body);
        let keyed = Keyed { whose, fingerprint, is_quiet };
        let request = Request::from_parts(parts, Body::from(body));
        idempotency.answer(keyed, || self.route_within(request, None)).await
    }

    /// Answers a read that is not cached together with all who ask for the same at this moment: those
    /// who came while nothing had changed since it began.
    async fn shared_flight(
        self: &Arc<Self>,
        flights: &Namespace<Answer>,
        key: Option<String>,
        request: Request<Body>,
    ) -> Response<Body> {
        let Some(key) = key else { return self.route(request).await };
        let shared = self.clone();
        let fill = move || async move {
            let mut response = shared.route(request).await;
            if let Some(problem) = response.extensions_mut().remove::<Problem>() {
                return Ok(Filled::found(Answer::Problem(problem)).not_kept());
            }
            match response.extensions_mut().remove::<Reply>() {
                Some(reply) => Ok(Filled::found(Answer::Once(Box::new(reply))).not_kept()),
                None => Err(Problem::internal()),
            }
        };
        match flights.fill(&key, fill).await {
            Ok(got) => match got.value.as_deref() {
                Some(Answer::Once(reply)) => axum::response::IntoResponse::into_response((**reply).clone()),
                Some(Answer::Problem(problem)) => problem_response(problem.clone()),
                Some(Answer::Kept(_)) | None => problem_response(Problem::internal()),
            },
            Err(FillError::Failed(problem)) => problem_response((*problem).clone()),
            Err(FillError::TimedOut(after)) => {
                let problem = Problem::new(&kinds::TIMEOUT, format!("the request was given up after {after:?}"));
                problem_response(problem.retry_after(1))
            }
            Err(FillError::Panicked) => problem_response(Problem::internal()),
        }
    }

    /// Has an answer made anew in the background, as this request would.
    pub(crate) fn refresh<B>(self: &Arc<Self>, route: &Route, key: &str, request: &Request<B>) {
        let Some(answers) = &route.answers else { return };
        let mut again = Request::new(Body::empty());
        *again.uri_mut() = request.uri().clone();
        again.extensions_mut().insert(RequestId(request_id(request.headers(), &self.clock)));
        answers.refresh(key, self.filler(again));
    }

    /// The answer to a request that can be kept: from a flight, from Redis, or from the router.
    async fn through_cache(
        self: &Arc<Self>,
        route: &Route,
        key: &str,
        mut request: Request<Body>,
    ) -> Result<Got<Answer>, Problem> {
        let Some(answers) = &route.answers else { return Err(Problem::internal()) };
        // What is kept is the whole answer, also when only its head was asked for.
        *request.method_mut() = Method::GET;
        let got = match answers.lookup(key) {
            Some(hit) => {
                if hit.refresh {
                    answers.refresh(key, self.filler(request));
                }
                Ok(hit.got)
            }
            None => answers.fill(key, self.filler(request)).await,
        };
        got.map_err(|error| match error {
            FillError::Failed(problem) => (*problem).clone(),
            FillError::TimedOut(after) => {
                let problem = Problem::new(&kinds::TIMEOUT, format!("the request was given up after {after:?}"));
                problem.retry_after(1)
            }
            FillError::Panicked => Problem::internal(),
        })
    }

    /// Asks the router, as a fill.
    fn filler(
        self: &Arc<Self>,
        request: Request<Body>,
    ) -> impl FnOnce() -> BoxFuture<'static, Result<Filled<Answer>, Problem>> + Send + 'static {
        let shared = self.clone();
        move || {
            Box::pin(async move {
                let mut response = shared.route(request).await;
                if let Some(problem) = response.extensions_mut().remove::<Problem>() {
                    // What the caller did wrong is told to all who did the same; what failed is an error.
                    let failed = problem.kind().status >= 500;
                    return if failed { Err(problem) } else { Ok(Filled::found(Answer::Problem(problem)).not_kept()) };
                }
                let Some(reply) = response.extensions_mut().remove::<Reply>() else {
                    tracing::error!("a route that is cached answered with a body of its own");
                    return Err(Problem::internal());
                };
                let may_be_kept = reply.status == StatusCode::OK && reply.class == CacheClass::Api;
                let (kept, tags) = Kept::of(reply);
                let filled = Filled::found(Answer::Kept(Box::new(kept)));
                Ok(match tags {
                    Some(tags) if may_be_kept => filled.tags(tags),
                    _ => filled.not_kept(),
                })
            })
        }
    }

    /// Sends what the response cache came by.
    async fn finish_got(&self, asked: &Asked, route: &Route, got: Got<Answer>, passed: bool) -> Response<Body> {
        let provenance = Provenance { origin: got.origin, age: got.age, remaining: got.remaining, passed };
        let mut response = Response::new(Body::empty());
        let Some(answer) = got.value else {
            return self.problem(asked, &Problem::internal());
        };
        let kept = match &*answer {
            Answer::Kept(kept) => kept,
            Answer::Problem(problem) => return self.problem(asked, problem),
            Answer::Once(_) => return self.problem(asked, &Problem::internal()),
        };
        if asked.is_counted {
            kept.count(route);
        }
        response.headers_mut().clone_from(&kept.fields);
        // The fields name the plain form; `coded` finds out which it is to be.
        response.headers_mut().remove(header::ETAG);
        response.headers_mut().remove(header::VARY);
        let content_type =
            kept.fields.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let (mut parts, _empty) = response.into_parts();
        let body = coded(asked, kept.body.clone(), content_type, Some(&kept.etag), &mut parts, true).await;
        let mut response = Response::from_parts(parts, body);
        *response.status_mut() = if response.status() == StatusCode::OK { kept.status } else { response.status() };
        self.mark_kept(&mut response, &provenance);
        self.close_asked(&mut response, asked);
        response
    }

    fn problem(&self, asked: &Asked, problem: &Problem) -> Response<Body> {
        let mut response = Response::new(Body::empty());
        *response.status_mut() =
            StatusCode::from_u16(problem.kind().status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = self.write_problem(asked, problem, response.headers_mut());
        *response.body_mut() = body;
        mark_secure(response.headers_mut());
        self.close_asked(&mut response, asked);
        response
    }

    fn mark_kept(&self, response: &mut Response<Body>, provenance: &Provenance) {
        let fields = response.headers_mut();
        fields.insert(CACHE_STATUS, provenance.value());
        if !matches!(provenance.origin, Origin::Source { .. }) {
            fields.insert(header::AGE, age(provenance.age.as_secs()));
        }
    }

    /// Waits for the position that a request demands.
    async fn wait_for_position(&self, fields: &HeaderMap) -> Result<Demand, Problem> {
        let (Some(positions), Some(value)) = (&self.positions, fields.get(&ENTREPOT_AT_LEAST)) else {
            return Ok(Demand::None);
        };
        let not_given = || {
            Problem::new(
                &kinds::INVALID_HEADER,
                "Entrepot-At-Least takes a position that an Entrepot-Position gave out; this one never was",
            )
        };
        let text = value.to_str().map_err(|_| not_given())?;
        let mut demanded = Vec::new();
        for one in text.split(',').map(str::trim) {
            let position = one.parse::<u64>().ok().filter(|position| *position > 0).ok_or_else(not_given)?;
            demanded.push(position);
        }
        if demanded.len() > MOST_POSITIONS {
            let detail = format!("Entrepot-At-Least takes {MOST_POSITIONS} positions");
            return Err(Problem::new(&kinds::INVALID_HEADER, detail));
        }
        demanded.retain(|position| !positions.fence.has_applied(*position));
        let Some(highest) = demanded.iter().max() else { return Ok(Demand::Applied) };
        if *highest > positions.fence.highest() {
            let last = (positions.last_given)().await.map_err(|error| Problem::failure(Boxed(error), true))?;
            if *highest > last {
                return Err(not_given());
            }
        }
        let all = async {
            for position in &demanded {
                positions.fence.wait_until_applied(*position, POSITION_PATIENCE).await;
            }
        };
        let _in_time = tokio::time::timeout(POSITION_PATIENCE, all).await;
        let applied = demanded.iter().all(|position| positions.fence.has_applied(*position));
        Ok(if applied { Demand::Applied } else { Demand::Late })
    }

    /// Writes down that something was done, as the caller's doing; apart from what the request itself wrote.
    async fn note(&self, event: &'static str, asked: &Asked, actor: Actor) -> Result<(), axum::BoxError> {
        let Some(Notes(write)) = &self.notes else { return Ok(()) };
        let request = entrepot_runtime::Request::new(asked.id.clone()).by(actor);
        // To its end, as any write.
        let written = continue_in_background(within_request(Arc::new(request), write(event, asked.path.clone())));
        written.await.unwrap_or_else(|panic| Err(panic.into()))
    }

    /// A write that has begun runs to its end, whether or not somebody still waits for its answer: one that is cut
    /// short costs the database a connection, and its caller the knowledge of what happened. It keeps its place
    /// until then, and what it waits for is bounded: by the server for a statement, by the body's time-out for a body.
    async fn to_its_end(self: &Arc<Self>, write: Write, place: Option<Place>) -> Response<Body> {
        let limit = (!write.is_lasting).then_some(self.settings.request_timeout);
        let shared = self.clone();
        let task = continue_in_background(async move {
            let _place = place;
            match (write.keyed, &shared.idempotency) {
                (Some(whose), Some(idempotency)) => {
                    shared.keyed(idempotency, whose, write.is_quiet, write.request).await
                }
                _ => shared.route_within(write.request, None).await,
            }
        });
        match within(limit, task).await {
            Some(Ok(response)) => response,
            Some(Err(_panic)) => problem_response(Problem::internal()),
            None => {
                let seconds = limit.unwrap_or_default().as_secs_f32();
                let detail = format!("there is no answer after {seconds} s; what was begun goes on to its end");
                problem_response(Problem::new(&kinds::TIMEOUT, detail))
            }
        }
    }

    /// The router, under the panic guard and the time limit.
    async fn route(&self, request: Request<Body>) -> Response<Body> {
        self.route_within(request, Some(self.settings.request_timeout)).await
    }

    /// The same with another limit, or none.
    async fn route_within(&self, request: Request<Body>, limit: Option<Duration>) -> Response<Body> {
        let permit = request.extensions().get::<Permit>();
        let narrowing = permit.and_then(|permit| permit.narrowing.clone());
        let handled = AssertUnwindSafe(self.router.clone().oneshot(as_get(request))).catch_unwind();
        let mut handled = std::pin::pin!(handled);
        let outcome = match futures_util::poll!(&mut handled) {
            std::task::Poll::Ready(outcome) => outcome,
            std::task::Poll::Pending => match within(limit, handled).await {
                Some(outcome) => outcome,
                None => return given_up(limit),
            },
        };
        match outcome {
            Ok(Ok(response)) => match narrowing {
                Some(asked) if response.status().is_success() && !asked.load(Ordering::Acquire) => {
                    tracing::error!("a handler answered somebody whose permission is restricted as if it were not");
                    problem_response(Problem::internal())
                }
                _ => response,
            },
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
        if parts.extensions.get::<Problem>().is_some() || parts.extensions.get::<Reply>().is_some() {
            // The router has measured the empty stand-in for the body.
            parts.headers.remove(header::CONTENT_LENGTH);
        }
        let body = if let Some(problem) = parts.extensions.remove::<Problem>() {
            self.write_problem(&asked, &problem, &mut parts.headers)
        } else if let Some(reply) = parts.extensions.remove::<Reply>() {
            write_reply(&asked, reply, &mut parts).await
        } else {
            write_foreign(&asked, body, &mut parts).await
        };
        let body = body_asked_for(&asked.method, body, &mut parts);
        let mut response = Response::from_parts(parts, body);
        mark_secure(response.headers_mut());
        self.close_asked(&mut response, &asked);
        response
    }

    fn close_asked(&self, response: &mut Response<Body>, asked: &Asked) {
        let id = HeaderValue::from_str(&asked.id).unwrap_or(const { HeaderValue::from_static("-") });
        let closing = Closing {
            start: asked.start,
            origin: asked.origin.as_ref(),
            method: &asked.method,
            path: &asked.path,
            is_over_tls: asked.is_over_tls,
            counted: asked.counted,
        };
        self.close(response, id, &closing);
    }

    /// What every answer gets last: its id, how long it took, how the caller's limit stands, a count
    /// and a log line.
    fn close(&self, response: &mut Response<Body>, id: HeaderValue, closing: &Closing<'_>) {
        let took = closing.start.elapsed();
        let fields = response.headers_mut();
        fields.insert(SERVER_TIMING, server_timing(took));
        if let Some((tier, verdict)) = &closing.counted {
            self.doors.tell_limits(*tier, verdict, fields);
        }
        fields.insert(X_REQUEST_ID, id);
        self.end(response, closing, took);
    }

    /// The rest of that, which is the same for all.
    pub(crate) fn end<B: axum::body::HttpBody>(
        &self,
        response: &mut Response<B>,
        closing: &Closing<'_>,
        took: Duration,
    ) {
        let fields = response.headers_mut();
        self.settings.cors.mark(closing.origin, fields);
        if closing.is_over_tls {
            fields.insert(
                header::STRICT_TRANSPORT_SECURITY,
                const { HeaderValue::from_static("max-age=31536000; includeSubDomains") },
            );
        }
        let status = response.status();
        let failed = status.is_server_error();
        self.stats.count(closing.start, failed);
        if self.settings.log_all || failed || took >= self.settings.slow_request {
            log(closing, status, response.headers().get(X_REQUEST_ID), response.body().size_hint().exact(), took);
        }
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
        if problem.kind.status == 401 {
            fields.insert(header::WWW_AUTHENTICATE, const { HeaderValue::from_static("Bearer realm=\"entrepot\"") });
        }
        fields.insert(header::CONTENT_TYPE, const { HeaderValue::from_static("application/problem+json") });
        fields.insert(header::CACHE_CONTROL, CacheClass::Never.header());
        let document = problem.document(&asked.path, &asked.id);
        let bytes = serde_json::to_vec(&document).unwrap_or_default();
        body_for(&asked.method, bytes.into(), fields)
    }
}

/// What is said of every answer last.
pub(crate) struct Closing<'a> {
    pub(crate) start: Instant,
    pub(crate) origin: Option<&'a HeaderValue>,
    pub(crate) method: &'a Method,
    pub(crate) path: &'a str,
    pub(crate) is_over_tls: bool,
    pub(crate) counted: Option<(Tier, Verdict)>,
}

/// Apart from the path of every request, whose code it would only push apart.
#[cold]
fn log(closing: &Closing<'_>, status: StatusCode, id: Option<&HeaderValue>, bytes: Option<u64>, took: Duration) {
    tracing::info!(
        target: "entrepot::request",
        requestId = id.and_then(|id| id.to_str().ok()).unwrap_or_default(),
        method = %closing.method,
        path = closing.path,
        status = status.as_u16(),
        ms = took.as_secs_f64() * 1000.0,
        bytes,
        "request"
    );
}

/// The security fields, where the answer has none of its own.
fn mark_secure(fields: &mut HeaderMap) {
    for (name, value) in SECURITY_FIELDS {
        fields.entry(name).or_insert(value);
    }
}

/// An error of a type that nobody knows, for the log.
#[derive(Debug)]
struct Boxed(Box<dyn std::error::Error + Send + Sync>);

impl std::fmt::Display for Boxed {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(formatter)
    }
}

impl std::error::Error for Boxed {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}

fn given_up(limit: Option<Duration>) -> Response<Body> {
    let seconds = limit.unwrap_or_default().as_secs_f32();
    let problem = Problem::new(&kinds::TIMEOUT, format!("the request was given up after {seconds} s"));
    problem_response(problem.retry_after(1))
}

/// Waits as long as it may; `None` when the limit was reached.
async fn within<T>(limit: Option<Duration>, outcome: impl Future<Output = T>) -> Option<T> {
    match limit {
        Some(limit) => tokio::time::timeout(limit, outcome).await.ok(),
        None => Some(outcome.await),
    }
}

fn problem_response(problem: Problem) -> Response<Body> {
    axum::response::IntoResponse::into_response(problem)
}
