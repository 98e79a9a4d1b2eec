//! What a connection is told beside events: answers, and what became of its subscriptions.

use bytes::Bytes;
use serde::Serialize;

use crate::frame::{self, Kind};
use crate::rendering::{Form, server_sent};

/// A message of the server's own.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "lowercase", rename_all_fields = "camelCase")]
pub(crate) enum Told<'a> {
    Welcome {
        connection_id: &'a str,
        heartbeat_ms: u64,
        /// When the credentials end by themselves; `None` for those that do not.
        expires_at: Option<String>,
        expires_in_ms: Option<i64>,
    },
    Authenticated {
        expires_at: Option<String>,
        expires_in_ms: Option<i64>,
    },
    Subscribed {
        #[serde(rename = "event")]
        topic: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        cursor: Option<String>,
    },
    Unsubscribed {
        #[serde(rename = "event")]
        topic: &'a str,
    },
    Resync {
        topic: &'a str,
        reason: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        cursor: Option<String>,
    },
    Presence {
        #[serde(rename = "event")]
        topic: &'a str,
        count: usize,
    },
    Pong {
        #[serde(skip_serializing_if = "Option::is_none")]
        cursor: Option<String>,
    },
    Restart {
        reconnect_in_ms: u64,
    },
    Error {
        code: &'static str,
        detail: String,
        #[serde(rename = "event", skip_serializing_if = "Option::is_none")]
        topic: Option<&'a str>,
    },
}

impl Told<'_> {
    fn name(&self) -> &'static str {
        match self {
            Self::Welcome { .. } => "welcome",
            Self::Authenticated { .. } => "authenticated",
            Self::Subscribed { .. } => "subscribed",
            Self::Unsubscribed { .. } => "unsubscribed",
            Self::Resync { .. } => "resync",
            Self::Presence { .. } => "presence",
            Self::Pong { .. } => "pong",
            Self::Restart { .. } => "restart",
            Self::Error { .. } => "error",
        }
    }
}

/// The bytes of it in this form.
pub(crate) fn written(form: Form, told: &Told<'_>) -> Bytes {
    let json = serde_json::to_vec(told).unwrap_or_default();
    match form {
        Form::Socket | Form::Compressed => frame::frame(Kind::Text, &json),
        Form::ServerSent | Form::Unmarked => {
            let mut out = Vec::with_capacity(json.len() + 64);
            // A cursor of one topic is none of the stream's, which follows several.
            server_sent(&mut out, None, told.name(), &json);
            out.into()
        }
    }
}
