//! The receiver of webhooks: it notes what it is sent, and behaves as receivers do. It refuses some, and of some it
//! takes it loses the answer, so that they come again.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use entrepot_runtime::Clock;
use entrepot_webhooks::{Secret, verify};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::super::lock;
use super::judge::Delivery;
use crate::verify::work::Random;

/// What receivers are told to allow.
const TOLERANCE: Duration = Duration::from_secs(300);
const REFUSED_PERCENT: u64 = 10;
const ANSWER_LOST_PERCENT: u64 = 10;

pub(super) struct Receiver {
    pub(super) address: SocketAddr,
    secret: OnceLock<Secret>,
    got: Mutex<Vec<Delivery>>,
    random: Mutex<Random>,
    /// Ends with the receiver.
    _server: Mutex<JoinSet<()>>,
}

impl Receiver {
    pub(super) async fn start(random: Random) -> anyhow::Result<Arc<Self>> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let mut server = JoinSet::new();
        let (hand_over, handed_over) = tokio::sync::oneshot::channel::<std::sync::Weak<Self>>();
        server.spawn(async move {
            let Ok(receiver) = handed_over.await else { return };
            let routes = Router::new().route("/hook", post(take)).with_state(receiver);
            if let Err(error) = axum::serve(listener, routes).await {
                tracing::error!(%error, "the receiver ended");
            }
        });
        let receiver = Arc::new(Self {
            address,
            secret: OnceLock::new(),
            got: Mutex::default(),
            random: Mutex::new(random),
            _server: Mutex::new(server),
        });
        hand_over.send(Arc::downgrade(&receiver)).ok().context("the receiver did not start")?;
        Ok(receiver)
    }

    /// What deliveries are signed with.
    pub(super) fn know(&self, secret: &str) -> anyhow::Result<()> {
        let _set_once = self.secret.set(Secret::parse(secret)?);
        Ok(())
    }

    pub(super) fn got(&self) -> Vec<Delivery> {
        lock(&self.got).clone()
    }

    fn note(&self, fields: &HeaderMap, body: &[u8]) -> StatusCode {
        let field = |name: &str| fields.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let (id, at, signature) = (field("webhook-id"), field("webhook-timestamp"), field("webhook-signature"));
        let secrets = self.secret.get().map(std::slice::from_ref).unwrap_or_default();
        let is_signed = verify(secrets, id, at, signature, body, Clock::system().now(), TOLERANCE).is_ok();
        let event: Value = serde_json::from_slice(body).unwrap_or_default();
        let position = event["position"].as_str().unwrap_or_default().to_owned();
        let (is_refused, is_answer_lost) = {
            let mut random = lock(&self.random);
            (random.percent(REFUSED_PERCENT), random.percent(ANSWER_LOST_PERCENT))
        };
        lock(&self.got).push(Delivery { id: id.to_owned(), position, is_signed, is_taken: !is_refused });
        if is_refused || is_answer_lost { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::NO_CONTENT }
    }
}

async fn take(State(receiver): State<std::sync::Weak<Receiver>>, fields: HeaderMap, body: Bytes) -> Response {
    let status = receiver.upgrade().map_or(StatusCode::GONE, |receiver| receiver.note(&fields, &body));
    // Again at once.
    (status, [("retry-after", "0")]).into_response()
}
