//! Server-sent events: the same as a WebSocket, one way, over an answer that does not end.
//!
//! Its `id:` is a cursor for all topics of the stream together, as a browser sends back the last one it saw.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use futures_util::Stream;

use crate::Open;
use crate::outbox::Next;

/// How long a browser waits before it comes back, in milliseconds.
const RETRY: &[u8] = b"retry: 2000\n\n";

struct Events {
    open: Open,
    has_begun: bool,
}

impl Stream for Events {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if !self.has_begun {
            self.has_begun = true;
            return Poll::Ready(Some(Ok(Bytes::from_static(RETRY))));
        }
        match self.open.outbox.next(context.waker()) {
            Next::Send(bytes) => Poll::Ready(Some(Ok(bytes))),
            Next::Wait => Poll::Pending,
            Next::End(ending) => {
                self.open.shared.counters.closed(ending.code);
                Poll::Ready(None)
            }
        }
    }
}

/// The body of the answer.
pub(crate) fn body(open: Open) -> Body {
    Body::from_stream(Events { open, has_begun: false })
}
