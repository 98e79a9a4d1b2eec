//! One attempt: resolve, judge, connect, send, and read a little of the answer.
//!
//! Each attempt has a connection of its own. A pool would save a handshake, and would keep connections to
//! addresses that were judged some time ago.
//!
//! **Invariants:**
//! - The name is resolved once, *all* its addresses are judged, and the connection is opened to one of these,
//!   by its number. The name itself is only what the certificate must be for, and the value of `Host`.
//! - Every wait ends at the deadline of the attempt.
//! - Nothing is left running when the attempt is over or dropped: the connection is driven by the attempt
//!   itself.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use entrepot_runtime::Clock;
use http::{HeaderName, HeaderValue, Method, Request, StatusCode, Uri, header};
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls_platform_verifier::Verifier;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::{self, ClientConfig};

use crate::answer::Answer;
use crate::resolver::MOST_ADDRESSES;
use crate::target::Place;
use crate::{Message, Resolve, SendError, Step, Target, TargetError, TargetRules, network};

/// No attempt may take longer, whatever the settings say: a worker waits for it.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(600);
/// Addresses of one host that are tried.
const MOST_TRIED: usize = 4;
/// What the head of an answer may take.
const LARGEST_HEAD: usize = 64 * 1024;

const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");
const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// How webhooks are sent.
#[derive(Clone, Debug)]
pub struct SenderSettings {
    /// How long one attempt may take, from the look-up of the name to the end of the answer: up to ten minutes.
    pub timeout: Duration,
    /// How long one address may take to open a connection, and then for the handshake of TLS.
    pub connect_timeout: Duration,
    /// Which targets are sent to.
    pub targets: TargetRules,
    /// Bytes of an answer's body that are read before the connection is closed.
    pub most_response_bytes: usize,
    /// The value of `User-Agent`.
    pub user_agent: String,
    /// Authorities that are trusted besides those of the system.
    pub extra_roots: Vec<CertificateDer<'static>>,
}

impl Default for SenderSettings {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(15),
            connect_timeout: Duration::from_secs(5),
            targets: TargetRules::default(),
            most_response_bytes: 16 * 1024,
            user_agent: "entrepot-webhooks".to_owned(),
            extra_roots: Vec::new(),
        }
    }
}

/// Why there is no sender.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A time-out is zero or too long.
    #[error("the time-outs must be more than nothing and at most ten minutes")]
    Timeout,
    /// The user agent cannot be a field of a header.
    #[error("the user agent has characters that a header cannot hold")]
    UserAgent(#[source] http::header::InvalidHeaderValue),
    /// There are no authorities to trust.
    #[error("the authorities that are trusted cannot be loaded")]
    Roots(#[source] rustls::Error),
}

/// A message that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// 2xx.
    pub status: StatusCode,
    /// How long the attempt took.
    pub took: Duration,
    /// The first 500 bytes of the answer, as text without control characters.
    pub said: String,
}

/// Sends webhooks. Cheap to clone.
#[derive(Clone)]
pub struct Sender {
    shared: Arc<Shared>,
}

struct Shared {
    settings: SenderSettings,
    user_agent: HeaderValue,
    clock: Clock,
    resolver: Arc<dyn Resolve>,
    tls: TlsConnector,
}

impl fmt::Debug for Sender {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Sender").field("settings", &self.shared.settings).finish_non_exhaustive()
    }
}

impl Sender {
    /// Reads the authorities that the system trusts, once. The clock is for `Retry-After` with a date.
    ///
    /// # Errors
    /// When the settings cannot be used.
    pub fn new(settings: SenderSettings, clock: Clock, resolver: Arc<dyn Resolve>) -> Result<Self, SettingsError> {
        let is_sound = |timeout: Duration| !timeout.is_zero() && timeout <= LONGEST_TIMEOUT;
        if !is_sound(settings.timeout) || !is_sound(settings.connect_timeout) {
            return Err(SettingsError::Timeout);
        }
        let user_agent = HeaderValue::try_from(&settings.user_agent).map_err(SettingsError::UserAgent)?;
        let config = tls_config(&settings).map_err(SettingsError::Roots)?;
        let tls = TlsConnector::from(Arc::new(config));
        Ok(Self { shared: Arc::new(Shared { settings, user_agent, clock, resolver, tls }) })
    }

    /// Sends a message once. Dropping the future closes the connection.
    ///
    /// # Errors
    /// Whenever the answer is not 2xx, and when there is none; see [`SendError`].
    pub async fn send(&self, target: &Target, message: &Message) -> Result<Delivered, SendError> {
        let shared = &self.shared;
        let began = Instant::now();
        let deadline = began + shared.settings.timeout;
        let addresses = shared.addresses(target, deadline).await?;
        let stream = shared.connect(target, &addresses, deadline).await?;
        let answer = if target.is_encrypted() {
            let stream = shared.encrypt(target, stream, deadline).await?;
            shared.exchange(target, message, stream, deadline).await?
        } else {
            shared.exchange(target, message, stream, deadline).await?
        };
        let Answer { status, retry_after, said } = answer;
        match status {
            _ if status.is_success() => Ok(Delivered { status, took: began.elapsed(), said }),
            _ if status.is_redirection() => Err(SendError::Redirected { status }),
            StatusCode::GONE => Err(SendError::Gone { said }),
            _ => Err(SendError::Refused { status, said, retry_after }),
        }
    }
}

impl Shared {
    /// Where to connect to: judged, and all of them public unless the settings allow others.
    async fn addresses(&self, target: &Target, deadline: Instant) -> Result<Vec<SocketAddr>, SendError> {
        let rules = self.settings.targets;
        let host = || target.host().to_owned();
        // It may have been read by other rules than those in force here.
        target.check(rules).map_err(|error| match error {
            TargetError::PrivateAddress(address) | TargetError::NeitherEncryptedNorPublic(address) => {
                SendError::PrivateNetwork { host: host(), address }
            }
            error => SendError::NotAllowed(error),
        })?;
        let found = match target.place() {
            Place::Address(address) => vec![*address],
            Place::Name(name) => {
                let found = timeout_at(deadline, self.resolver.resolve(name)).await;
                let found = found.map_err(|_elapsed| SendError::TimedOut(Step::Resolving))?;
                found
                    .and_then(some_but_not_too_many)
                    .map_err(|source| SendError::Unresolvable { host: host(), source })?
            }
        };
        let private = found.iter().find(|address| !rules.allow_private && !network::is_public(**address));
        if let Some(&address) = private {
            return Err(SendError::PrivateNetwork { host: host(), address });
        }
        let tried = found.into_iter().take(MOST_TRIED);
        Ok(tried.map(|address| SocketAddr::new(address, target.port())).collect())
    }

    /// A connection to the first address that gives one.
    async fn connect(
        &self,
        target: &Target,
        addresses: &[SocketAddr],
        deadline: Instant,
    ) -> Result<TcpStream, SendError> {
        let mut failure = SendError::TimedOut(Step::Connecting);
        for address in addresses {
            match timeout_at(self.connect_deadline(deadline), TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(source)) => failure = SendError::Unreachable { host: target.host().to_owned(), source },
                Err(_elapsed) => failure = SendError::TimedOut(Step::Connecting),
            }
        }
        Err(failure)
    }

    async fn encrypt(
        &self,
        target: &Target,
        stream: TcpStream,
        deadline: Instant,
    ) -> Result<tokio_rustls::client::TlsStream<TcpStream>, SendError> {
        let name = target.server_name().map_err(SendError::NotAllowed)?;
        let shaken = timeout_at(self.connect_deadline(deadline), self.tls.connect(name, stream)).await;
        shaken
            .map_err(|_elapsed| SendError::TimedOut(Step::Handshake))?
            .map_err(|source| SendError::Tls { host: target.host().to_owned(), source })
    }

    /// Sends the message and reads the answer.
    async fn exchange(
        &self,
        target: &Target,
        message: &Message,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        deadline: Instant,
    ) -> Result<Answer, SendError> {
        let no_answer = |source| SendError::NoAnswer { host: target.host().to_owned(), source };
        let mut builder = http1::Builder::new();
        builder.max_buf_size(LARGEST_HEAD).max_header_size(LARGEST_HEAD);
        let (mut sender, connection) = builder.handshake(TokioIo::new(stream)).await.map_err(no_answer)?;
        let exchange = async {
            let response = timeout_at(deadline, sender.send_request(self.request(target, message))).await;
            let response = response.map_err(|_elapsed| SendError::TimedOut(Step::Answer))?.map_err(no_answer)?;
            Ok(Answer::read(response, self.settings.most_response_bytes, deadline, self.clock.now()).await)
        };
        let mut exchange = pin!(exchange);
        tokio::select! {
            answer = &mut exchange => return answer,
            // However it ended, the exchange has been told, and what has come is still to be read.
            _ended = connection => {}
        }
        exchange.await
    }

    fn request(&self, target: &Target, message: &Message) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(message.body.clone()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = Uri::from(target.path().clone());
        request.headers_mut().extend([
            (header::HOST, target.authority().clone()),
            (header::USER_AGENT, self.user_agent.clone()),
            (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
            (header::ACCEPT, HeaderValue::from_static("*/*")),
            (header::CONNECTION, HeaderValue::from_static("close")),
            (WEBHOOK_ID, message.id.clone()),
            (WEBHOOK_TIMESTAMP, message.timestamp.clone()),
            (WEBHOOK_SIGNATURE, message.signature.clone()),
        ]);
        request
    }

    fn connect_deadline(&self, deadline: Instant) -> Instant {
        deadline.min(Instant::now() + self.settings.connect_timeout)
    }
}

/// A name with none is as good as unknown, and one with very many is nothing that a receiver needs.
fn some_but_not_too_many(found: Vec<IpAddr>) -> std::io::Result<Vec<IpAddr>> {
    match found.len() {
        0 => Err(std::io::Error::new(std::io::ErrorKind::NotFound, "it has no addresses")),
        1..=MOST_ADDRESSES => Ok(found),
        _ => Err(std::io::Error::other("it has more than 64 addresses")),
    }
}

/// TLS 1.2 and 1.3 with the authorities of the system, and HTTP/1.1 alone.
fn tls_config(settings: &SenderSettings) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    // Not the one that rustls brings, hence "dangerous": it is the one that asks the system.
    let verifier = Verifier::new_with_extra_roots(settings.extra_roots.iter().cloned(), provider.clone())?;
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
