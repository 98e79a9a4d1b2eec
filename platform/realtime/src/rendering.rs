//! Events as they are sent: written once, shared by all who receive them.
//!
//! **Invariants:**
//! - An event's JSON is made at the most once in a process, its compressed form at the most once, and
//!   only where somebody receives it.
//! - The cursor of an event is not above the watermark, and not above the event itself: whoever goes on from
//!   it misses nothing of its topic.
//! - Its base is a cursor that misses nothing of any topic: what was settled before the look that brought it,
//!   or where a follower that is given what it has missed was.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use entrepot_feed::Event;
use serde::Serialize;
use serde_json::Value;

use crate::cursor::Cursor;
use crate::frame::{self, Kind};

/// Events of a run at the most, and bytes beyond which it takes no more.
const MOST_IN_A_RUN: usize = 64;

/// How a receiver takes events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Socket,
    Compressed,
    ServerSent,
    /// A server-sent event that names no place to go on from.
    Unmarked,
}

/// An event to be sent.
#[derive(Debug)]
pub(crate) struct Rendered {
    pub(crate) event: Arc<Event>,
    pub(crate) cursor: Cursor,
    base: Cursor,
    json: OnceLock<Box<[u8]>>,
}

#[derive(Serialize)]
struct Frame<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    topic: &'a str,
    event: &'a str,
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
    at: String,
    data: &'a Value,
}

impl Rendered {
    pub(crate) fn new(event: Arc<Event>, identity: &Arc<str>, watermark: Option<u64>, base: Option<u64>) -> Self {
        let cursor = Cursor::new(identity.clone(), watermark.map(|watermark| watermark.min(event.id)));
        Self { event, cursor, base: Cursor::new(identity.clone(), base), json: OnceLock::new() }
    }

    /// What it takes in memory, about.
    pub(crate) fn weight(&self) -> usize {
        // The value, and its JSON once somebody receives it.
        512 + 2 * weight(&self.event.data)
    }

    fn json(&self) -> &[u8] {
        self.json.get_or_init(|| {
            let event = &self.event;
            let frame = Frame {
                kind: "event",
                topic: &event.topic,
                event: &event.name,
                id: event.id.to_string(),
                cursor: self.cursor.text(),
                at: event.at.to_string(),
                data: &event.data,
            };
            serde_json::to_vec(&frame).unwrap_or_default().into()
        })
    }
}

fn weight(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 16,
        Value::String(text) => 32 + text.len(),
        Value::Array(items) => 32 + items.iter().map(weight).sum::<usize>(),
        Value::Object(members) => {
            32 + members.iter().map(|(name, value)| 48 + name.len() + weight(value)).sum::<usize>()
        }
    }
}

/// Events of one topic that are sent together, as the bytes that go out.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) topic: Arc<str>,
    events: Vec<Arc<Rendered>>,
    socket: OnceLock<Bytes>,
    compressed: OnceLock<Bytes>,
    server_sent: OnceLock<Bytes>,
    unmarked: OnceLock<Bytes>,
}

impl Run {
    /// Cuts a topic's events into runs.
    pub(crate) fn cut(topic: &Arc<str>, events: &[Arc<Rendered>]) -> Vec<Arc<Self>> {
        let run = |events: &[Arc<Rendered>]| {
            Arc::new(Self {
                topic: topic.clone(),
                events: events.to_vec(),
                socket: OnceLock::new(),
                compressed: OnceLock::new(),
                server_sent: OnceLock::new(),
                unmarked: OnceLock::new(),
            })
        };
        events.chunks(MOST_IN_A_RUN).map(run).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.events.len()
    }

    /// The bytes for those who take events in this form.
    pub(crate) fn bytes(&self, form: Form) -> Bytes {
        let made = match form {
            Form::Socket => self.socket.get_or_init(|| {
                self.write(|out, event| {
                    frame::write(out, Kind::Text, false, event.json());
                })
            }),
            Form::Compressed => self.compressed.get_or_init(|| {
                self.write(|out, event| {
                    frame::write_compressed(out, event.json());
                })
            }),
            Form::ServerSent => self.server_sent.get_or_init(|| {
                self.write(|out, event| {
                    server_sent(out, event.base.text().as_deref(), &event.event.name, event.json());
                })
            }),
            Form::Unmarked => self
                .unmarked
                .get_or_init(|| self.write(|out, event| server_sent(out, None, &event.event.name, event.json()))),
        };
        made.clone()
    }

    fn write(&self, mut one: impl FnMut(&mut Vec<u8>, &Rendered)) -> Bytes {
        let mut out = Vec::with_capacity(self.events.len() * 256);
        self.events.iter().for_each(|event| one(&mut out, event));
        out.into()
    }
}

/// Appends a server-sent event. JSON has no line break in it, and names have none.
pub(crate) fn server_sent(out: &mut Vec<u8>, id: Option<&str>, name: &str, json: &[u8]) {
    if let Some(id) = id {
        out.extend_from_slice(b"id: ");
        out.extend_from_slice(id.as_bytes());
        out.push(b'\n');
    }
    out.extend_from_slice(b"event: ");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\ndata: ");
    out.extend_from_slice(json);
    out.extend_from_slice(b"\n\n");
}
