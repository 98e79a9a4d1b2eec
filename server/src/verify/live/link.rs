//! A follower's connection: a WebSocket, or a stream of server-sent events.
//!
//! **Invariant:** the place from which a stream resumes is the id of the last event that was handed out, not of the
//! last that was read from the wire, so a stream that breaks loses nothing that the follower has not seen.

use std::collections::VecDeque;
use std::net::SocketAddr;

use anyhow::Context as _;
use bytes::Bytes;
use entrepot_realtime::client::{Client, Incoming};
use http::Request;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Empty};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// A connection.
pub(super) enum Link {
    Socket(Client),
    Stream(Box<EventStream>),
}

/// What comes over it.
pub(super) enum Heard {
    Message(Value),
    /// It ended, a WebSocket with a code.
    Over(Option<u16>),
}

impl Link {
    /// The next message. May be dropped and called again.
    pub(super) async fn next(&mut self) -> anyhow::Result<Heard> {
        match self {
            Self::Socket(client) => Ok(match client.next().await? {
                Incoming::Text(text) => Heard::Message(serde_json::from_str(&text).context("a message is no JSON")?),
                Incoming::Close(code) => Heard::Over(Some(code)),
            }),
            Self::Stream(stream) => Ok(stream.next().await?.map_or(Heard::Over(None), Heard::Message)),
        }
    }

    /// The id of the last server-sent event; a WebSocket has none.
    pub(super) fn last_id(&self) -> Option<&str> {
        match self {
            Self::Socket(_) => None,
            Self::Stream(stream) => stream.last.as_deref(),
        }
    }
}

/// Opens streams of server-sent events.
pub(super) struct Streams {
    client: legacy::Client<HttpConnector, Empty<Bytes>>,
}

/// One that is open.
pub(super) struct EventStream {
    body: UnsyncBoxBody<Bytes, std::io::Error>,
    lines: Lines,
    last: Option<String>,
}

impl Streams {
    pub(super) fn new() -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let mut builder = legacy::Client::builder(TokioExecutor::new());
        Self { client: builder.pool_max_idle_per_host(0).build(connector) }
    }

    /// Opens one, or tells the status with which it was refused.
    pub(super) async fn open(
        &self,
        address: SocketAddr,
        topics: &str,
        key: &str,
        last: Option<&str>,
    ) -> anyhow::Result<Result<EventStream, u16>> {
        let uri = format!("http://{address}/api/v2/events?topics={topics}");
        let mut request = Request::builder().uri(uri).header("x-api-key", key);
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let answer = self.client.request(request.body(Empty::new())?).await?;
        if answer.status() != 200 {
            return Ok(Err(answer.status().as_u16()));
        }
        let body = answer.into_body().map_err(std::io::Error::other).boxed_unsync();
        Ok(Ok(EventStream { body, lines: Lines::default(), last: last.map(str::to_owned) }))
    }
}

impl EventStream {
    async fn next(&mut self) -> anyhow::Result<Option<Value>> {
        loop {
            while let Some(event) = self.lines.events.pop_front() {
                if event.id.is_some() {
                    self.last = event.id;
                }
                if !event.data.is_empty() {
                    return Ok(Some(serde_json::from_str(&event.data).context("an event's data is no JSON")?));
                }
            }
            let Some(frame) = self.body.frame().await else { return Ok(None) };
            if let Ok(bytes) = frame?.into_data() {
                self.lines.push(&bytes);
            }
        }
    }
}

/// An event as the stream has it; without data it only names a place.
#[derive(Debug, Default, PartialEq, Eq)]
struct ServerSent {
    id: Option<String>,
    data: String,
}

/// Takes a stream apart (HTML Living Standard, section 9.2.6), as far as this server uses it: one line of data.
#[derive(Default)]
struct Lines {
    bytes: Vec<u8>,
    open: ServerSent,
    events: VecDeque<ServerSent>,
}

impl Lines {
    fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        let bytes = std::mem::take(&mut self.bytes);
        let mut rest = bytes.as_slice();
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            self.line(&String::from_utf8_lossy(&rest[..end]));
            rest = &rest[end + 1..];
        }
        self.bytes = rest.to_vec();
    }

    fn line(&mut self, line: &str) {
        let line = line.trim_end_matches('\r');
        if line.is_empty() {
            self.events.push_back(std::mem::take(&mut self.open));
            return;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" => self.open.id = Some(value.to_owned()),
            "data" => self.open.data.push_str(value),
            // A comment, a name that the data has too, or how long to wait before coming back.
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_taken_apart_wherever_it_is_cut() {
        let text = "retry: 2000\n\nevent: subscribed\ndata: {\"a\":1}\n\nid: h-12\n\n: still here\nid: h-13\n\n\
                    id: h-14\nevent: x\ndata: {\"b\":\"c: d\"}\n\nid: h-15\ndata: cut";
        for size in 1..text.len() {
            let mut lines = Lines::default();
            text.as_bytes().chunks(size).for_each(|piece| lines.push(piece));
            let sent = |id: Option<&str>, data: &str| ServerSent { id: id.map(str::to_owned), data: data.to_owned() };
            let wanted = [
                sent(None, ""),
                sent(None, "{\"a\":1}"),
                sent(Some("h-12"), ""),
                sent(Some("h-13"), ""),
                sent(Some("h-14"), "{\"b\":\"c: d\"}"),
            ];
            assert!(lines.events.iter().eq(&wanted), "in pieces of {size}: {:?}", lines.events);
        }
    }
}
