//! The listener: connections and their time-outs, and the drain at shutdown.
//!
//! **Invariants:**
//! - A connection that sends its head slowly is closed after `header_timeout`, also one that says
//!   nothing between two requests, or does not end its TLS handshake: whatever has a place either makes
//!   progress or loses it.
//! - A body whose next bytes stay away for `body_timeout` is answered with a 408, and a client that
//!   takes nothing of its answer for `write_timeout` is cut off.
//! - There are never more than `max_connections`; those beyond it wait in the kernel's queue. No
//!   address holds more than `connections_per_address`; what it opens beyond that is closed at once.
//! - Taking connections waits for none of them: a TLS handshake happens in the connection's own task.
//! - At shutdown no new connection is taken, requests under way are answered, and after `drain` the
//!   rest is cut.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::net::{IpAddr, SocketAddr};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use entrepot_runtime::{ShutdownSignal, for_requests};
use futures_util::future::{Either, ready};
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use ipnet::IpNet;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

use crate::edge::Begun;
use crate::head_watch::{HeadTimer, HeadWatch, UnderWay};
use crate::places::{Place, Places};
use crate::slow::{TimedBody, TimedStream};
use crate::{Edge, Tls};

/// The most bytes of a request's head.
const MAX_HEAD_BYTES: usize = 32 * 1024;

/// How connections are treated.
#[derive(Clone, Debug)]
pub struct Connections {
    /// How many there may be at once.
    pub max_connections: usize,
    /// How many of them one address (of IPv6: one /64) may hold; 0 for half.
    pub connections_per_address: usize,
    /// Networks whose addresses may hold any number: those of proxies, behind which are many clients.
    pub trusted_proxies: Vec<IpNet>,
    /// How long a request's head may take to arrive; also how long a connection may be idle, and how
    /// long a TLS handshake may take.
    pub header_timeout: Duration,
    /// How long the next bytes of a request's body may stay away.
    pub body_timeout: Duration,
    /// How long a client may take nothing of its answer.
    pub write_timeout: Duration,
    /// How long requests under way are waited for at the shutdown.
    pub drain: Duration,
    /// Without, connections are plain.
    pub tls: Option<Tls>,
    /// Where it is counted what the listener turns away.
    pub stats: ListenerStats,
}

/// Who sent a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The other end of the connection: the client, or a proxy before it. Never an IPv4 address that
    /// is written as IPv6.
    pub address: IpAddr,
    /// Whether the connection itself is encrypted.
    pub is_tls: bool,
}

/// What the listener turned away since the start. Cheap to clone; all clones count together.
#[derive(Clone, Debug, Default)]
pub struct ListenerStats {
    counters: Arc<Counters>,
}

#[derive(Debug, Default)]
struct Counters {
    refused: AtomicU64,
    stalled: AtomicU64,
}

impl ListenerStats {
    /// Connections that were closed as they came, since their address had its share.
    #[must_use]
    pub fn refused_connections(&self) -> u64 {
        self.counters.refused.load(Ordering::Relaxed)
    }

    /// Connections that were cut off, since their client took nothing of its answer.
    #[must_use]
    pub fn stalled_connections(&self) -> u64 {
        self.counters.stalled.load(Ordering::Relaxed)
    }

    fn refused(&self) {
        self.counters.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn stalled(&self) {
        self.counters.stalled.fetch_add(1, Ordering::Relaxed);
    }
}

/// The place of a connection, for those who go on with it after an upgrade: as long as they keep this, it
/// is taken.
#[derive(Clone, Debug)]
pub struct Held(#[expect(dead_code, reason = "gives the place back when the last is dropped")] Arc<Place>);

/// What all connections share.
struct Host {
    builder: http1::Builder,
    edge: Edge,
    connections: Connections,
}

/// Serves `edge` on `listener` until `shutdown` begins, then drains. Tells how many connections had
/// to be cut.
pub async fn serve(listener: TcpListener, edge: Edge, connections: Connections, mut shutdown: ShutdownSignal) -> usize {
    // HTTP/1.1 alone: telling the versions apart means waiting for a connection's first bytes, and
    // hyper-util does that without a bound. A proxy in front speaks HTTP/2 with browsers.
    //
    // `pipeline_flush` stays off: with it, hyper 1.12 never sends the answer to a request whose body
    // was not read to its end, such as a 413.
    let mut builder = http1::Builder::new();
    // The time that heads take is watched here (`head_watch.rs`): hyper has no timer, so it has no time-out of its own.
    builder.max_buf_size(MAX_HEAD_BYTES);
    // Each connection keeps a sender: when none is left, all have ended.
    let (alive, mut all_ended) = mpsc::channel::<()>(1);
    let places =
        Places::new(connections.max_connections, connections.connections_per_address, &connections.trusted_proxies);
    let drain = connections.drain;
    let host = Arc::new(Host { builder, edge, connections });

    loop {
        let free = tokio::select! {
            free = places.free() => free,
            () = shutdown.wait() => break,
        };
        let Some(free) = free else { break };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shutdown.wait() => break,
        };
        let (stream, from) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be taken");
                // Out of file descriptors, most likely: let some connections end first.
                #[expect(
                    clippy::disallowed_methods,
                    reason = "the kernel tells nobody when a descriptor becomes free"
                )]
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let Some(place) = places.give(free, from.ip()) else {
            host.connections.stats.refused();
            continue;
        };
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection closed as it came");
            continue;
        }
        let settings = &host.connections;
        let watch = HeadWatch::new();
        let stream = TimedStream::new(stream, from, settings.write_timeout, settings.stats.clone(), watch.clone());
        let (host, alive, shutdown) = (host.clone(), alive.clone(), shutdown.clone());
        #[expect(
            clippy::disallowed_methods,
            reason = "`all_ended` tells of its end; a panic in a handler is caught at the edge"
        )]
        tokio::spawn(async move {
            // The larger of the two lies elsewhere, so that plain connections do not take room for it.
            if host.connections.tls.is_some() {
                Box::pin(host.serve_encrypted(stream, from, shutdown, place, watch)).await;
            } else {
                let peer = Peer { address: from.ip().to_canonical(), is_tls: false };
                host.serve_requests(stream, peer, shutdown, place, watch).await;
            }
            drop(alive);
        });
    }
    drop(listener);
    drop(alive);
    match tokio::time::timeout(drain, all_ended.recv()).await {
        Ok(_none_is_left) => 0,
        Err(_elapsed) => places.taken(),
    }
}

impl Host {
    /// Shakes hands, then serves the requests.
    async fn serve_encrypted(
        self: Arc<Self>,
        stream: TimedStream,
        from: SocketAddr,
        mut shutdown: ShutdownSignal,
        place: Place,
        watch: HeadWatch,
    ) {
        let Some(tls) = &self.connections.tls else { return };
        let handshake = async { TlsAcceptor::from(tls.config().await).accept(stream).await };
        let shaken = tokio::select! {
            shaken = tokio::time::timeout(self.connections.header_timeout, handshake) => shaken,
            // Nothing was asked yet that the drain would have to wait for.
            () = shutdown.wait() => return,
        };
        match shaken {
            Ok(Ok(stream)) => {
                let peer = Peer { address: from.ip().to_canonical(), is_tls: true };
                self.serve_requests(stream, peer, shutdown, place, watch).await;
            }
            Ok(Err(error)) => tracing::debug!(peer = %from, %error, "a TLS handshake failed"),
            Err(_elapsed) => tracing::debug!(peer = %from, "a TLS handshake took too long"),
        }
    }

    /// Serves one request after the other.
    async fn serve_requests<S>(
        self: Arc<Self>,
        stream: S,
        peer: Peer,
        shutdown: ShutdownSignal,
        place: Place,
        watch: HeadWatch,
    ) where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let place = Held(Arc::new(place));
        let service = service_fn({
            let (host, watch) = (self.clone(), watch.clone());
            move |request: Request<Incoming>| match host.edge.answer_now(peer, &request) {
                Ok(response) => Either::Left(ready(Ok(response.map(Sent::Whole)))),
                // In a box: hyper moves the future into its place, and what memory answers is not to take so much.
                Err(begun) => {
                    let under_way = watch.under_way();
                    Either::Right(Box::pin(host.clone().answer(begun, request, place.clone(), under_way)))
                }
            }
        });
        let mut timer = HeadTimer::new(watch, self.connections.header_timeout);
        let mut connection = pin!(self.builder.serve_connection(TokioIo::new(stream), service).with_upgrades());
        let begun = shutdown.unless_begun(pin!(in_time(connection.as_mut(), &mut timer))).await;
        let ended = match begun {
            Some(ended) => ended,
            None => {
                // The request under way is answered, and no other is read.
                connection.as_mut().graceful_shutdown();
                in_time(connection, &mut timer).await
            }
        };
        match ended {
            Some(Ok(())) => {}
            Some(Err(error)) => {
                tracing::debug!(error = %crate::problem::chain(&error), "a connection ended badly");
            }
            None => tracing::debug!(peer = %peer.address, "a head of a request did not come, or not to its end"),
        }
    }

    async fn answer(
        self: Arc<Self>,
        begun: Begun,
        mut request: Request<Incoming>,
        place: Held,
        under_way: UnderWay,
    ) -> Result<Response<Sent>, Infallible> {
        if request.headers().contains_key(header::UPGRADE) {
            request.extensions_mut().insert(place);
        }
        let request = request.map(|body| TimedBody::new(body, self.connections.body_timeout));
        let mut response = self.edge.answer_begun(begun, request).await;
        // What is left of the body may still come: nobody can tell it from a next request.
        if response.status() == StatusCode::REQUEST_TIMEOUT {
            response.headers_mut().insert(header::CONNECTION, const { HeaderValue::from_static("close") });
        }
        Ok(response.map(|body| Sent::Other(body, under_way)))
    }
}

/// What a connection ends with, unless a head takes too long.
async fn in_time<C: Future>(mut connection: Pin<&mut C>, timer: &mut HeadTimer) -> Option<C::Output> {
    let served = pin!(poll_fn(|context| match connection.as_mut().poll(context) {
        Poll::Ready(ended) => Poll::Ready(Some(ended)),
        Poll::Pending => timer.poll(context).map(|()| None),
    }));
    for_requests(served).await
}

/// The body of an answer, as it is sent.
enum Sent {
    /// It lies in memory.
    Whole(Full<Bytes>),
    Other(Body, #[expect(dead_code, reason = "says by its end that the answer is at its end")] UnderWay),
}

impl hyper::body::Body for Sent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match self.get_mut() {
            Self::Whole(body) => Pin::new(body).poll_frame(context).map_err(|never| match never {}),
            Self::Other(body, _) => Pin::new(body).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(body) => body.is_end_stream(),
            Self::Other(body, _) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(body) => body.size_hint(),
            Self::Other(body, _) => body.size_hint(),
        }
    }
}
