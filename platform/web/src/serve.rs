//! The listener: connections and their time-outs, and the drain at shutdown.
//!
//! **Invariants:**
//! - A connection that sends its head slowly is closed after `header_timeout`.
//! - There are never more than `max_connections`; those beyond it wait in the kernel's queue.
//! - At shutdown no new connection is taken, requests under way are answered, and after `drain` the
//!   rest is cut.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use entrepot_runtime::ShutdownSignal;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::Edge;

/// The most header fields in a request.
const MAX_HEADERS: usize = 64;
/// The most bytes of a request's head.
const MAX_HEAD_BYTES: usize = 32 * 1024;

/// How connections are treated.
#[derive(Clone, Copy, Debug)]
pub struct Connections {
    /// How many there may be at once.
    pub max_connections: usize,
    /// How long a request's head may take to arrive; also how long a connection may be idle.
    pub header_timeout: Duration,
    /// How long requests under way are waited for at the shutdown.
    pub drain: Duration,
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
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(connections.header_timeout)
        .max_buf_size(MAX_HEAD_BYTES)
        .max_headers(MAX_HEADERS);
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(connections.max_connections));

    loop {
        let place = tokio::select! {
            place = places.clone().acquire_owned() => place,
            () = shutdown.wait() => break,
        };
        let Ok(place) = place else { break };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shutdown.wait() => break,
        };
        let stream = match accepted {
            Ok((stream, _peer)) => stream,
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
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection closed as it came");
            continue;
        }
        let edge = edge.clone();
        let service = service_fn(move |request| {
            let edge = edge.clone();
            async move { Ok::<_, Infallible>(edge.answer(request).await) }
        });
        let connection = graceful.watch(builder.serve_connection(TokioIo::new(stream), service));
        #[expect(
            clippy::disallowed_methods,
            reason = "`graceful` waits for it; a panic in a handler is caught at the edge"
        )]
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(error = %crate::problem::chain(&error), "a connection ended badly");
            }
            drop(place);
        });
    }
    drop(listener);
    let _drained_or_cut = tokio::time::timeout(connections.drain, graceful.shutdown()).await;
    connections.max_connections - places.available_permits()
}
