//! The endpoints: the handshake of a WebSocket (RFC 6455, section 4), the stream of events, what admins see
//! and announce.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use entrepot_feed::NewEvent;
use entrepot_pg::ScopedFutureExt as _;
use entrepot_web::body::{JsonBody, Reader, Text};
use entrepot_web::{
    CacheClass, Caching, Credential, Held, Module, Permit, Problem, ProblemKind, Proof, Query, Reply, Rule, TopicRule,
    Via, kinds,
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::outbox::Ending;
use crate::rendering::Form;
use crate::session::{cursor_for_all, may_follow};
use crate::socket::{self, Guest};
use crate::{LiveFigures, Shared, sse};

/// What is appended to a key, as the RFC has it.
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// The subprotocol that we speak.
const SUBPROTOCOL: &str = "entrepot.v1";
/// What is answered to an offer of compression.
const AGREED: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
const BEARER: &str = "bearer.";
const LAST_EVENT_ID: &str = "last-event-id";

macro_rules! kind {
    ($name:ident, $status:literal, $code:literal, $title:literal, $meaning:literal) => {
        const $name: ProblemKind = ProblemKind { code: $code, status: $status, title: $title, meaning: $meaning };
    };
}

kind!(
    NO_WEB_SOCKET,
    426,
    "live.no_web_socket",
    "This is a WebSocket",
    "Ask for an upgrade: `Connection: Upgrade`, `Upgrade: websocket`, `Sec-WebSocket-Version: 13` and a key. Without WebSockets there is GET /api/v2/events."
);
kind!(
    FORBIDDEN_TOPIC,
    403,
    "live.forbidden",
    "You may not follow this topic",
    "Your role, or the stores that you are tied to, do not reach it."
);
kind!(UNKNOWN_TOPIC, 404, "live.unknown_topic", "There is no such topic", "No topic has this name.");

const RULES: &[(&str, Rule)] = &[
    ("open_web_socket", Rule::public().lasting()),
    ("open_web_socket_v2", Rule::public().lasting()),
    ("stream_events", Rule::public().lasting().takes_token()),
    ("get_live_figures", Rule::needs("live.read")),
    ("send_announcement", Rule::needs("announcements.write")),
];

const PROBLEMS: &[(&str, &[&ProblemKind])] = &[
    ("open_web_socket", &[&NO_WEB_SOCKET]),
    ("open_web_socket_v2", &[&NO_WEB_SOCKET]),
    ("stream_events", &[&FORBIDDEN_TOPIC, &UNKNOWN_TOPIC, &kinds::NOT_SIGNED_IN]),
    ("get_live_figures", &[]),
    ("send_announcement", &[]),
];

const CACHING: &[(&str, Caching)] = &[
    ("open_web_socket", Caching::Streamed("a connection of its own")),
    ("open_web_socket_v2", Caching::Streamed("a connection of its own")),
    ("stream_events", Caching::Streamed("a connection of its own")),
    ("get_live_figures", Caching::Never("figures of this moment")),
];

type Hub = Arc<Shared>;

pub(crate) fn module(shared: Hub) -> Module {
    let (routes, openapi) = OpenApiRouter::new()
        .routes(routes!(open_web_socket))
        .routes(routes!(open_web_socket_v2))
        .routes(routes!(stream_events))
        .routes(routes!(get_live_figures))
        .routes(routes!(send_announcement))
        .with_state(shared)
        .split_for_parts();
    Module {
        name: "live",
        routes,
        openapi,
        problems: PROBLEMS,
        rules: RULES,
        caching: CACHING,
        counters: Vec::new(),
        warmers: Vec::new(),
        topics: vec![TopicRule::own("user-", "profile.read"), TopicRule::one("system", "profile.read")],
    }
}

/// Opens a WebSocket. Sign in by `Authorization`, `X-Api-Key`, our own page's cookie, `token=`, the
/// subprotocols `entrepot.v1` and `bearer.<token>`, or the first message.
#[utoipa::path(
    get, path = "/ws", tag = "live",
    params(("token" = Option<String>, Query, description = "An access token or an API key. What is in an address is easily logged on the way: the first message is the better place.")),
    responses((status = 101, description = "The connection is a WebSocket from here on; see the page on live updates for its messages.")),
)]
async fn open_web_socket(
    State(hub): State<Hub>,
    permit: Permit,
    query: Query,
    request: Request,
) -> Result<Response, Problem> {
    upgrade(&hub, &permit, query, request)
}

/// Opens a WebSocket, under the base path.
#[utoipa::path(
    get, path = "/api/v2/ws", tag = "live",
    params(("token" = Option<String>, Query, description = "An access token or an API key.")),
    responses((status = 101, description = "The connection is a WebSocket from here on.")),
)]
async fn open_web_socket_v2(
    State(hub): State<Hub>,
    permit: Permit,
    query: Query,
    request: Request,
) -> Result<Response, Problem> {
    upgrade(&hub, &permit, query, request)
}

fn upgrade(hub: &Hub, permit: &Permit, mut query: Query, request: Request) -> Result<Response, Problem> {
    let token = query.filled("token");
    query.finish()?;
    let (mut parts, _body) = request.into_parts();
    let fields = &parts.headers;
    let has = |name: header::HeaderName, wanted: &str| {
        let values = fields.get_all(name);
        values
            .iter()
            .filter_map(|value| value.to_str().ok())
            .any(|value| value.split(',').any(|part| part.trim().eq_ignore_ascii_case(wanted)))
    };
    let key = fields.get(header::SEC_WEBSOCKET_KEY).and_then(|key| key.to_str().ok());
    let key = key.filter(|key| STANDARD.decode(key).is_ok_and(|bytes| bytes.len() == 16));
    let is_asked_for = has(header::UPGRADE, "websocket")
        && has(header::CONNECTION, "upgrade")
        && fields.get(header::SEC_WEBSOCKET_VERSION).is_some_and(|version| version == "13");
    let upgrading = parts.extensions.remove::<OnUpgrade>();
    let (Some(key), Some(upgrading), true) = (key, upgrading, is_asked_for) else {
        let mut response = Problem::new(&NO_WEB_SOCKET, "this address takes WebSockets of version 13").into_response();
        let fields = response.headers_mut();
        fields.insert(header::UPGRADE, const { HeaderValue::from_static("websocket") });
        fields.insert(header::SEC_WEBSOCKET_VERSION, const { HeaderValue::from_static("13") });
        return Ok(response);
    };
    let (guest, speaks) = guest(permit, fields, token)?;
    let attempts = permit.attempts().cloned();
    let may_compress = offers_compression(fields);
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let out = response.headers_mut();
    out.insert(header::CONNECTION, const { HeaderValue::from_static("upgrade") });
    out.insert(header::UPGRADE, const { HeaderValue::from_static("websocket") });
    let accept = STANDARD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, format!("{key}{GUID}").as_bytes()));
    if let Ok(accept) = HeaderValue::try_from(accept) {
        out.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    if speaks {
        out.insert(header::SEC_WEBSOCKET_PROTOCOL, const { HeaderValue::from_static(SUBPROTOCOL) });
    }
    if may_compress {
        // Nothing is kept of earlier messages: so one compressed form serves all, and a socket needs no memory.
        out.insert(header::SEC_WEBSOCKET_EXTENSIONS, const { HeaderValue::from_static(AGREED) });
    }
    let form = if may_compress { Form::Compressed } else { Form::Socket };
    let open = hub.open(form, attempts);
    // The connection's place stays taken as long as the socket lives.
    let held = parts.extensions.remove::<Held>();
    let serving = async move {
        match upgrading.await {
            Ok(upgraded) => socket::serve(TokioIo::new(upgraded), open, guest, may_compress).await,
            Err(error) => tracing::debug!(%error, "a handshake was not ended"),
        }
        drop(held);
    };
    #[expect(
        clippy::disallowed_methods,
        reason = "a socket outlives its request; `Live::drain` ends it and waits for it"
    )]
    tokio::spawn(serving);
    Ok(response)
}

/// Who comes with the request, and whether the subprotocol is to be named in the answer.
fn guest(permit: &Permit, fields: &HeaderMap, token: Option<String>) -> Result<(Guest, bool), Problem> {
    let offered: Vec<&str> = fields
        .get_all(header::SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .collect();
    let speaks = offered.contains(&SUBPROTOCOL);
    let credential = Credential::of(fields, permit.is_over_tls())?;
    if let (Some(caller), Some(credential)) = (permit.caller(), credential) {
        if matches!(caller.via, Via::Cookie(_)) && !is_own_page(permit, fields) {
            let detail = "a browser's cookie opens a WebSocket only for our own pages";
            return Err(Problem::new(&kinds::FOREIGN_PAGE, detail));
        }
        return Ok((Guest::Known(caller.clone(), Proof::of(credential)), speaks));
    }
    let token = token.or_else(|| offered.iter().find_map(|offer| offer.strip_prefix(BEARER)).map(str::to_owned));
    Ok(match (token, credential) {
        (Some(token), _) => (Guest::Proof(Proof::of_token(&token)), speaks),
        // A cookie whose session has ended: a browser is told by the socket, as it cannot see a status.
        (None, Some(_)) => (Guest::Refused, speaks),
        (None, None) => (Guest::Unknown, speaks),
    })
}

/// Browsers send cookies along whatever page opens the socket, and the page's origin with them.
fn is_own_page(permit: &Permit, fields: &HeaderMap) -> bool {
    let text = |name: header::HeaderName| fields.get(name).and_then(|value| value.to_str().ok());
    let scheme = if permit.is_over_tls() { "https" } else { "http" };
    let own = text(header::HOST).map(|host| format!("{scheme}://{host}"));
    own.is_some() && text(header::ORIGIN) == own.as_deref()
}

fn offers_compression(fields: &HeaderMap) -> bool {
    let offers = fields.get_all(header::SEC_WEBSOCKET_EXTENSIONS);
    offers.iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).any(|offer| {
        let mut parts = offer.split(';').map(str::trim);
        // A smaller window than ours would have to be kept to; who insists on one gets none.
        parts.next() == Some("permessage-deflate") && !parts.any(|part| part.starts_with("server_max_window_bits="))
    })
}

/// Follows topics by server-sent events. Sign in as for any request, by `token=` where no header can be
/// set. A browser comes back by itself and goes on where it was.
#[utoipa::path(
    get, path = "/api/v2/events", tag = "live",
    params(
        ("topics" = String, Query, description = "Topics, with commas between them.", example = "sales-data-330,system"),
        ("after" = Option<String>, Query, description = "Go on from this cursor: an `id` of an earlier stream."),
        ("token" = Option<String>, Query, description = "An access token or an API key."),
        ("Last-Event-ID" = Option<String>, Header, description = "What a browser sends when it comes back; goes before `after`."),
    ),
    responses((status = 200, description = "The events, as long as you listen.", content((StreamEvent = "text/event-stream")))),
)]
async fn stream_events(
    State(hub): State<Hub>,
    permit: Permit,
    mut query: Query,
    fields: HeaderMap,
) -> Result<Response, Problem> {
    let topics = query.filled("topics");
    if topics.is_none() && !query.has_fault_of("topics") {
        query.fault("topics", "required", "is required");
    }
    let topics: Vec<String> = topics
        .iter()
        .flat_map(|topics| topics.split(','))
        .map(|topic| topic.trim().to_owned())
        .filter(|topic| !topic.is_empty())
        .collect();
    let most = hub.settings.most_topics;
    if topics.len() > most {
        query.fault("topics", "too_many", format!("may be {most} topics"));
    }
    let after = query.filled("after");
    // The door has looked whose it is.
    let _token = query.filled("token");
    query.finish()?;
    let after = match fields.get(LAST_EVENT_ID).and_then(|id| id.to_str().ok()).filter(|id| !id.is_empty()) {
        Some(last) => Some(last.to_owned()),
        None => after,
    };
    permit.signed_in()?;
    let standing = permit.standing().ok_or_else(|| Problem::new(&kinds::NOT_SIGNED_IN, "sign in first"))?;
    let (caller, proof) = standing.parts();
    if hub.is_draining() {
        return Err(Problem::new(&kinds::UNAVAILABLE, "the server restarts").retry_after(1));
    }
    let open = hub.open(Form::ServerSent, None);
    // Until all topics are joined nothing names a place: it would be one behind what is still to be given.
    open.outbox.is_joining.store(true, Ordering::Release);
    open.welcome(caller, proof, after.as_deref()).await;
    for topic in &topics {
        let (kind, detail) = match may_follow(&hub, &open.outbox, topic).await {
            Some(true) => continue,
            Some(false) if hub.is_followable(topic) => {
                (&FORBIDDEN_TOPIC, "you have no permission to follow it".to_owned())
            }
            Some(false) => (&UNKNOWN_TOPIC, hub.no_topic(topic)),
            None => {
                let detail = format!("{topic:?}: your right to it cannot be looked up");
                return Err(Problem::new(&kinds::UNAVAILABLE, detail).retry_after(1));
            }
        };
        return Err(Problem::new(kind, format!("{topic:?}: {detail}")));
    }
    for topic in &topics {
        if !open.follow(topic, after.as_deref()).await {
            return Err(Problem::new(&kinds::UNAVAILABLE, "what you have missed cannot be read").retry_after(1));
        }
    }
    open.outbox.is_joining.store(false, Ordering::Release);
    if let Some(cursor) = cursor_for_all(&hub, &open.outbox) {
        open.outbox.put_own(format!("id: {cursor}\n\n").into());
    }
    if hub.is_draining() {
        open.outbox.end(Ending { code: 1012, reason: "the server restarts" });
    }
    let mut response = sse::body(open).into_response();
    let fields = response.headers_mut();
    fields.insert(header::CONTENT_TYPE, const { HeaderValue::from_static("text/event-stream") });
    fields.insert(header::CACHE_CONTROL, const { HeaderValue::from_static("no-store") });
    // A proxy that collects before it sends would hold events back.
    fields.insert("x-accel-buffering", const { HeaderValue::from_static("no") });
    Ok(response)
}

/// Who is connected to this instance, what they follow, and how the live updates do.
#[utoipa::path(
    get, path = "/api/admin/websocket/stats", tag = "admin",
    responses((status = 200, description = "The figures of this instance.", body = LiveFigures)),
)]
async fn get_live_figures(State(hub): State<Hub>, query: Query) -> Result<Reply, Problem> {
    query.finish()?;
    Reply::json(&hub.figures(), CacheClass::Never)
}

/// One server-sent event of a stream. Lines between them may be comments, which keep the connection awake.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what the stream writes by hand")]
struct StreamEvent {
    /// The type of the frame.
    #[schema(required = false, example = "update")]
    event: String,
    /// The frame, the same as on a WebSocket.
    #[schema(
        content_media_type = "application/json",
        example = r#"{"type":"event","topic":"system","event":"announcement"}"#
    )]
    data: String,
    /// The cursor from which to go on after this event.
    #[schema(required = false)]
    id: String,
}

entrepot_web::choices! {
    Severity = "info" | "warning" | "critical";
}

/// Something to be told to everybody.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what the handler reads by hand")]
struct AnnouncementIn {
    #[schema(example = "Tonight at 22:00 the tills are updated.", max_length = 1000)]
    message: String,
    /// `info` if left out.
    #[schema(value_type = Severity, inline, required = false)]
    severity: String,
}

/// What was told.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct Announcement {
    id: Uuid,
    #[schema(example = "Tonight at 22:00 the tills are updated.")]
    message: String,
    #[schema(value_type = Severity, inline)]
    severity: &'static str,
}

/// Tells something to everybody who follows `system`, on every instance.
#[utoipa::path(
    post, path = "/api/admin/announcements", tag = "admin",
    request_body = AnnouncementIn,
    responses((status = 201, description = "It is told.", body = Announcement)),
)]
async fn send_announcement(State(hub): State<Hub>, query: Query, JsonBody(body): JsonBody) -> Result<Reply, Problem> {
    query.finish()?;
    let mut reader = Reader::new(&body, "");
    let message = reader.required("message", |member| member.text(Text::lines(1, 1_000)));
    let severity = reader.optional("severity", |member| {
        let known = |text: &str| {
            ["info", "warning", "critical"]
                .into_iter()
                .find(|known| *known == text)
                .ok_or("must be info, warning or critical")
        };
        member.parsed(Text::line(1, 40), "unknown_severity", known)
    });
    let faults = reader.finish();
    let Some(message) = message.filter(|_| faults.is_empty()) else { return Err(Problem::invalid_body(faults)) };
    let announcement = Announcement { id: hub.clock.new_id(), message, severity: severity.unwrap_or("info") };
    let appended = hub
        .feed
        .database()
        .transaction(|transaction| {
            let event = NewEvent::new("system-announcement", "system").data(&announcement);
            let feed = &hub.feed;
            async move { feed.append(transaction, event).await }.scope_boxed()
        })
        .await;
    appended.map_err(|error| {
        let may_pass = error.is_unavailable() || error.is_statement_timeout();
        Problem::failure(error, may_pass)
    })?;
    Ok(Reply::json(&announcement, CacheClass::Never)?.status(StatusCode::CREATED))
}
