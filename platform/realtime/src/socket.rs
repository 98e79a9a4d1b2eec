//! A WebSocket from the handshake's end to its own.
//!
//! **Invariants:**
//! - What waits leaves in as few writes as it fits in, and nothing is copied for a receiver.
//! - A socket that says nothing and is told nothing has no buffer and no timer.
//! - No more is read while more waits to be sent than may: who asks and does not take is not heard.
//! - Closing waits for the other end, but not for long.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::IoSlice;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use entrepot_web::{Caller, Proof};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::Open;
use crate::frame::{self, Kind, Message, Reader, Violation};
use crate::outbox::{Ending, Next};
use crate::session::{Allowance, FLOODING, UNAUTHORISED};

/// Pieces that leave in one write at the most.
const SLICES: usize = 32;
const READ_AT_ONCE: usize = 16 * 1024;
/// How long the other end may take to answer a close.
const LAST_WORD: Duration = Duration::from_secs(2);

thread_local! {
    /// What is read lies here until it is taken apart, a moment later.
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_AT_ONCE].into());
}

/// Who is to be welcomed when the socket is there.
pub(crate) enum Guest {
    Known(Arc<Caller>, Proof),
    /// What came with the request, still to be looked at.
    Proof(Proof),
    /// Something came that was good for nothing.
    Refused,
    /// The first message tells.
    Unknown,
}

struct Socket<S> {
    io: S,
    open: Open,
    reader: Reader,
    /// What is on its way out.
    leaving: VecDeque<Bytes>,
    messages: VecDeque<Message>,
    ending: Option<Ending>,
    /// Whether the first of what is leaving is on its way in part.
    has_begun: bool,
    /// Whether something may lie between us and the wire still (TLS).
    must_flush: bool,
    was_cut: bool,
}

/// What happened.
enum Step {
    Message(Message),
    /// All is written, a close last.
    Ended(Ending),
    /// The other end is gone.
    Gone,
}

/// Serves a socket until it ends.
pub(crate) async fn serve<S>(io: S, open: Open, guest: Guest, may_compress: bool)
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    match guest {
        Guest::Unknown => {}
        Guest::Refused => open.outbox.end(UNAUTHORISED),
        Guest::Known(caller, proof) => Box::pin(open.welcome(caller, proof, None)).await,
        Guest::Proof(proof) => {
            if let Err(problem) = Box::pin(open.sign_in(proof)).await {
                let ending = open.not_recognised(&problem);
                open.outbox.end(ending);
            }
        }
    }
    if open.shared.is_draining() {
        open.outbox.end(Ending { code: 1012, reason: "the server restarts" });
    }
    let mut allowance = Allowance::new(&open.shared);
    let reader = Reader::new(may_compress);
    let mut socket = Socket {
        io,
        open,
        reader,
        leaving: VecDeque::new(),
        messages: VecDeque::new(),
        ending: None,
        has_begun: false,
        must_flush: false,
        was_cut: false,
    };
    loop {
        match std::future::poll_fn(|context| socket.step(context)).await {
            Step::Message(Message::Text(text)) => {
                if let Err(ending) = Box::pin(socket.open.take(&mut allowance, &text)).await {
                    socket.open.outbox.end(ending);
                }
            }
            Step::Message(Message::Ping(payload)) => {
                if allowance.take(&socket.open.shared) {
                    socket.open.outbox.put_own(frame::frame(Kind::Pong, &payload));
                } else {
                    socket.open.outbox.end(FLOODING);
                }
            }
            Step::Message(Message::Pong) => {
                if !allowance.take(&socket.open.shared) {
                    socket.open.outbox.end(FLOODING);
                }
            }
            Step::Message(Message::Close(code)) => {
                socket.open.outbox.end_now(Ending { code: code.unwrap_or(1000), reason: "" });
            }
            Step::Ended(ending) => {
                socket.open.shared.counters.closed(ending.code);
                let _answered = tokio::time::timeout(LAST_WORD, socket.last_word()).await;
                return;
            }
            Step::Gone => return,
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    fn step(&mut self, context: &mut Context<'_>) -> Poll<Step> {
        if let Poll::Ready(step) = self.write(context) {
            return Poll::Ready(step);
        }
        if self.ending.is_some() {
            return Poll::Pending;
        }
        loop {
            if let Some(message) = self.messages.pop_front() {
                return Poll::Ready(Step::Message(message));
            }
            if self.open.outbox.is_behind() {
                // Woken by the write that makes room.
                return Poll::Pending;
            }
            match ready!(self.read(context)) {
                Ok(0) | Err(_) => return Poll::Ready(Step::Gone),
                Ok(_) => {}
            }
        }
    }

    /// Writes what waits; comes to an end only with the socket.
    fn write(&mut self, context: &mut Context<'_>) -> Poll<Step> {
        loop {
            if !self.was_cut && self.ending.is_none() && self.open.outbox.is_cut() {
                // What was begun must be ended, or the other end could not tell frames apart any more.
                self.leaving.truncate(usize::from(self.has_begun));
                self.was_cut = true;
            }
            while self.leaving.len() < SLICES && self.ending.is_none() {
                match self.open.outbox.next(context.waker()) {
                    Next::Send(bytes) => self.leaving.push_back(bytes),
                    Next::Wait => break,
                    Next::End(ending) => {
                        self.leaving.push_back(frame::close(ending.code, ending.reason));
                        self.ending = Some(ending);
                    }
                }
            }
            if self.leaving.is_empty() {
                if self.must_flush {
                    match ready!(Pin::new(&mut self.io).poll_flush(context)) {
                        Ok(()) => self.must_flush = false,
                        Err(_) => return Poll::Ready(Step::Gone),
                    }
                }
                return match self.ending {
                    Some(ending) => Poll::Ready(Step::Ended(ending)),
                    None => Poll::Pending,
                };
            }
            let io = Pin::new(&mut self.io);
            let written = match (self.leaving.len(), self.leaving.front()) {
                // The usual case, and a cheaper call.
                (1, Some(bytes)) => io.poll_write(context, bytes),
                (count, _) => {
                    let mut slices = [IoSlice::new(&[]); SLICES];
                    for (slice, bytes) in slices.iter_mut().zip(&self.leaving) {
                        *slice = IoSlice::new(bytes);
                    }
                    io.poll_write_vectored(context, &slices[..count.min(SLICES)])
                }
            };
            match ready!(written) {
                Ok(0) | Err(_) => return Poll::Ready(Step::Gone),
                Ok(mut written) => {
                    self.must_flush = true;
                    let mut was_begun = std::mem::take(&mut self.has_begun);
                    while let Some(front) = self.leaving.front_mut() {
                        let part = written.min(front.len());
                        front.advance(part);
                        written -= part;
                        if !front.is_empty() {
                            self.has_begun = was_begun || part > 0;
                            break;
                        }
                        self.leaving.pop_front();
                        was_begun = false;
                    }
                }
            }
        }
    }

    /// Reads what has come and takes it apart.
    fn read(&mut self, context: &mut Context<'_>) -> Poll<std::io::Result<usize>> {
        let Self { io, reader, messages, open, .. } = self;
        SCRATCH.with_borrow_mut(|scratch| {
            let mut buffer = ReadBuf::new(scratch);
            ready!(Pin::new(io).poll_read(context, &mut buffer))?;
            let bytes = buffer.filled();
            // Before somebody has signed in, only that counts.
            if !bytes.is_empty() && open.outbox.caller().is_some() {
                open.outbox.heard_ms.store(open.shared.now_ms(), Ordering::Relaxed);
            }
            let mut found = Vec::new();
            if let Err(Violation(code, reason)) = reader.push(bytes, &mut found) {
                open.outbox.end(Ending { code, reason });
                context.waker().wake_by_ref();
            }
            messages.extend(found);
            Poll::Ready(Ok(bytes.len()))
        })
    }

    /// Waits for the other end's close, and throws away what comes before it.
    async fn last_word(&mut self) {
        let _closed = std::future::poll_fn(|context| Pin::new(&mut self.io).poll_shutdown(context)).await;
        loop {
            self.messages.clear();
            match std::future::poll_fn(|context| self.read(context)).await {
                Ok(0) | Err(_) => return,
                Ok(_) if self.messages.iter().any(|message| matches!(message, Message::Close(_))) => return,
                Ok(_) => {}
            }
        }
    }
}
