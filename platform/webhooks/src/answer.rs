//! What is kept of an answer: the status, when to come again, and the first words for whoever looks into it.
//!
//! **Invariant:** once the head is there, the status decides. A body that trickles, breaks off or never ends
//! makes nothing of it undone (the receiver has the message), and costs no more than the time and the bytes
//! that are left.

use std::time::Duration;

use http::{HeaderMap, StatusCode, header};
use http_body_util::BodyExt as _;
use hyper::Response;
use hyper::body::Incoming;
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use tokio::time::{Instant, timeout_at};

/// Bytes of a body that are kept.
const MOST_SAID: usize = 500;
/// Nobody is left alone for longer.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(24 * 3_600);

/// The answer of a receiver.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) said: String,
}

impl Answer {
    /// Reads the body up to `most` bytes, and not beyond the deadline.
    pub(crate) async fn read(response: Response<Incoming>, most: usize, deadline: Instant, now: Timestamp) -> Self {
        let (head, mut body) = response.into_parts();
        let mut kept = Vec::new();
        let mut read = 0;
        while read < most {
            let Ok(Some(Ok(frame))) = timeout_at(deadline, body.frame()).await else { break };
            let Ok(piece) = frame.into_data() else { break };
            let room = MOST_SAID.min(most) - kept.len();
            kept.extend_from_slice(&piece[..piece.len().min(room)]);
            read += piece.len();
        }
        Self { status: head.status, retry_after: retry_after(&head.headers, now), said: text(&kept) }
    }
}

/// Reads `Retry-After`: seconds, or a date (RFC 9110, section 10.2.3). What has passed is now.
fn retry_after(fields: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let value = fields.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        Duration::from_secs(value.parse().unwrap_or(u64::MAX))
    } else {
        let then = rfc2822::DateTimeParser::new().parse_timestamp(value).ok()?;
        Duration::try_from(then.duration_since(now)).unwrap_or(Duration::ZERO)
    };
    Some(wait.min(LONGEST_RETRY_AFTER))
}

/// Bytes as a text that can be stored and shown: no control characters but line ends, and no half character
/// where it was cut.
fn text(bytes: &[u8]) -> String {
    let whole = match std::str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() => &bytes[..error.valid_up_to()],
        Ok(_) | Err(_) => bytes,
    };
    let shown = |letter: char| if letter.is_control() && letter != '\n' { ' ' } else { letter };
    String::from_utf8_lossy(whole).chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn retry_after_is_read_in_both_forms() {
        let now: Timestamp = "2025-03-01T12:00:00Z".parse().expect("a time");
        for (value, wanted) in [
            ("120", Some(120)),
            ("0", Some(0)),
            (" 5 ", Some(5)),
            ("86401", Some(86_400)),
            ("99999999999999999999999", Some(86_400)),
            ("Sat, 01 Mar 2025 12:01:30 GMT", Some(90)),
            ("Sat, 01 Mar 2025 11:00:00 GMT", Some(0)),
            ("Tue, 31 Dec 2999 23:59:59 GMT", Some(86_400)),
            ("", None),
            ("-1", None),
            ("1.5", None),
            ("soon", None),
            ("Sun, 01 Mar 2025 12:01:30 GMT", None),
        ] {
            let fields = HeaderMap::from_iter([(header::RETRY_AFTER, HeaderValue::from_static(value))]);
            assert_eq!(retry_after(&fields, now), wanted.map(Duration::from_secs), "{value}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }

    #[test]
    fn what_was_said_can_be_stored_and_shown() {
        for (bytes, wanted) in [
            (&b"all is well"[..], "all is well"),
            ("zw\u{f6}lf".as_bytes(), "zw\u{f6}lf"),
            (b"cut \xe2\x82", "cut "),
            (b"\xff cut \xe2\x82", "\u{fffd} cut \u{fffd}"),
            (b"a\0b\x1b[31mc\nd\te", "a b [31mc\nd e"),
        ] {
            assert_eq!(text(bytes), wanted);
        }
    }
}
