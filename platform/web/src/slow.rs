//! Slow peers: a body whose bytes stay away, and answers that nobody reads.
//!
//! Here it is how long nothing may happen, and how long a body may take as a whole.
//!
//! **Invariants:**
//! - A timer runs only while something is waited for, and from the last progress on; who is never
//!   waited for costs none.
//! - A body that was given up yields an error that [`BodyTimedOut`] is the cause of, and then nothing.
//! - A connection that was given up is reset: the kernel does not keep what was never read either.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use axum::BoxError;
use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;

use crate::ListenerStats;
use crate::head_watch::HeadWatch;

/// No byte of a body came for this long, or it was not whole after it.
#[derive(Debug, thiserror::Error)]
#[error("the body was not whole after {0:?}")]
pub(crate) struct BodyTimedOut(pub(crate) Duration);

/// How long nothing may happen.
#[derive(Debug)]
struct Patience {
    after: Duration,
    /// Runs while something is waited for.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Patience {
    fn new(after: Duration) -> Self {
        Self { after, timer: None }
    }

    /// Lets `outcome` through, or tells that it has been waited for too long.
    fn bound<T>(&mut self, context: &mut Context<'_>, outcome: Poll<T>) -> Poll<Result<T, ()>> {
        if let Poll::Ready(outcome) = outcome {
            self.timer = None;
            return Poll::Ready(Ok(outcome));
        }
        #[expect(clippy::disallowed_methods, reason = "a time-out of its own: what is polled is not a future")]
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(self.after)));
        ready!(timer.as_mut().poll(context));
        self.timer = None;
        Poll::Ready(Err(()))
    }
}

/// A body that ends with an error when its next bytes stay away.
#[derive(Debug)]
pub(crate) struct TimedBody<B> {
    /// Gone after the time-out.
    body: Option<B>,
    patience: Patience,
}

impl<B> TimedBody<B> {
    pub(crate) fn new(body: B, after: Duration) -> Self {
        Self { body: Some(body), patience: Patience::new(after) }
    }
}

impl<B> Body for TimedBody<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Self { body: Some(body), patience } = &mut *self else { return Poll::Ready(None) };
        let frame = Pin::new(body).poll_frame(context);
        match ready!(patience.bound(context, frame)) {
            Ok(frame) => Poll::Ready(frame.map(|frame| frame.map_err(Into::into))),
            Err(()) => {
                let after = patience.after;
                self.body = None;
                Poll::Ready(Some(Err(Box::new(BodyTimedOut(after)))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

/// A body that ends with an error when it is not whole in time, however steadily it comes.
#[derive(Debug)]
pub(crate) struct PromptBody<B> {
    /// Gone after the time-out.
    body: Option<B>,
    after: Duration,
    begun: Instant,
    /// Runs while something is waited for.
    timer: Option<Pin<Box<Sleep>>>,
}

impl<B> PromptBody<B> {
    pub(crate) fn new(body: B, after: Duration) -> Self {
        Self { body: Some(body), after, begun: Instant::now(), timer: None }
    }
}

impl<B> Body for PromptBody<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Self { body: Some(body), after, begun, timer } = &mut *self else { return Poll::Ready(None) };
        if let Poll::Ready(frame) = Pin::new(body).poll_frame(context)
            && begun.elapsed() < *after
        {
            *timer = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let left = after.saturating_sub(begun.elapsed());
        #[expect(clippy::disallowed_methods, reason = "a time-out of its own: what is polled is not a future")]
        let timer = timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(left)));
        ready!(timer.as_mut().poll(context));
        let after = *after;
        self.body = None;
        Poll::Ready(Some(Err(Box::new(BodyTimedOut(after)))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

/// A peer's stream, given up when the peer takes nothing of what is written.
///
/// "Takes" is the kernel's word: it calls a full buffer writable again once about a third of it is free,
/// so one byte now and then is no progress either.
#[derive(Debug)]
pub(crate) struct TimedStream {
    stream: TcpStream,
    patience: Patience,
    stats: ListenerStats,
    peer: SocketAddr,
    watch: HeadWatch,
}

impl TimedStream {
    /// `watch` is told of what is written.
    pub(crate) fn new(
        stream: TcpStream,
        peer: SocketAddr,
        after: Duration,
        stats: ListenerStats,
        watch: HeadWatch,
    ) -> Self {
        Self { stream, patience: Patience::new(after), stats, peer, watch }
    }

    fn bound<T>(&mut self, context: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        self.watch.wrote(written.is_pending());
        match ready!(self.patience.bound(context, written)) {
            Ok(written) => Poll::Ready(written),
            Err(()) => {
                self.stats.stalled();
                let reset = self.stream.set_zero_linger();
                tracing::debug!(peer = %self.peer, ?reset, "a client took nothing of its answer any more");
                let after = self.patience.after;
                Poll::Ready(Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    format!("the peer took nothing of what was written for {after:?}"),
                )))
            }
        }
    }
}

impl AsyncRead for TimedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for TimedStream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.bound(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.bound(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    // A TCP stream does both at once: there is nothing to wait for.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
