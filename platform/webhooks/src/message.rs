//! What is sent: a body, and the three fields that make it a webhook.
//!
//! **Invariant:** a message is signed once, when it is made, and what is sent is what was signed.

use std::fmt;

use bytes::Bytes;
use http::HeaderValue;
use jiff::Timestamp;

use crate::{Secret, sign};

const LONGEST_ID: usize = 256;
/// More than a rotation needs.
const MOST_SECRETS: usize = 8;
/// The specification recommends less than 20 kB.
const LARGEST_BODY: usize = 1024 * 1024;

/// A signed message: JSON that is sent as it is. Made anew for each attempt, as the time of the attempt is
/// signed; the id stays. Cheap to clone.
#[derive(Clone)]
pub struct Message {
    pub(crate) id: HeaderValue,
    pub(crate) timestamp: HeaderValue,
    pub(crate) signature: HeaderValue,
    pub(crate) body: Bytes,
}

/// Why there is no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// The id is not of the form that goes into a header and can be signed.
    #[error("an id has 1 to 256 visible ASCII characters, and no full stop")]
    Id,
    /// The time is before 1970.
    #[error("the time of the attempt is before 1970")]
    Time,
    /// There are no secrets, or too many.
    #[error("a message is signed with 1 to 8 secrets")]
    Secrets,
    /// The body is too large.
    #[error("the body is larger than 1 MiB")]
    Body,
}

impl Message {
    /// Signs a message with all secrets that are in force. The id is the event's, the same at each attempt, so
    /// that a receiver knows what it has had; `at` is the time of this attempt.
    ///
    /// # Errors
    /// When a part is out of its bounds.
    pub fn new(id: &str, at: Timestamp, body: impl Into<Bytes>, secrets: &[Secret]) -> Result<Self, MessageError> {
        let is_visible = id.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'.');
        if id.is_empty() || id.len() > LONGEST_ID || !is_visible {
            return Err(MessageError::Id);
        }
        if at < Timestamp::UNIX_EPOCH {
            return Err(MessageError::Time);
        }
        if !(1..=MOST_SECRETS).contains(&secrets.len()) {
            return Err(MessageError::Secrets);
        }
        let body = body.into();
        if body.len() > LARGEST_BODY {
            return Err(MessageError::Body);
        }
        let signature =
            HeaderValue::try_from(sign(secrets, id, at, &body)).map_err(|_invalid| MessageError::Secrets)?;
        let id = HeaderValue::try_from(id).map_err(|_invalid| MessageError::Id)?;
        Ok(Self { id, timestamp: HeaderValue::from(at.as_second()), signature, body })
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.body.len();
        formatter.debug_struct("Message").field("id", &self.id).field("bytes", &bytes).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_that_is_out_of_its_bounds_is_told() {
        let secrets = vec![Secret::generate().expect("random bytes"); MOST_SECRETS + 1];
        let (now, early) = (Timestamp::constant(1_700_000_000, 0), Timestamp::constant(-1, 0));
        let long = "a".repeat(LONGEST_ID);
        let make =
            |id: &str, at, body: usize, count: usize| Message::new(id, at, vec![b' '; body], &secrets[..count]).err();
        assert_eq!(make("evt_1", now, 0, 1), None);
        assert_eq!(make(&long, now, LARGEST_BODY, MOST_SECRETS), None);
        for id in ["", &format!("{long}a"), "a.1", "a b", "a\nb", "ä"] {
            assert_eq!(make(id, now, 0, 1), Some(MessageError::Id), "{id}");
        }
        assert_eq!(make("evt_1", early, 0, 1), Some(MessageError::Time));
        assert_eq!(make("evt_1", now, 0, 0), Some(MessageError::Secrets));
        assert_eq!(make("evt_1", now, 0, MOST_SECRETS + 1), Some(MessageError::Secrets));
        assert_eq!(make("evt_1", now, LARGEST_BODY + 1, 1), Some(MessageError::Body));
    }

    #[test]
    fn debug_shows_no_body() {
        let secret = Secret::generate().expect("random bytes");
        let message = Message::new("evt_1", Timestamp::UNIX_EPOCH, "private", &[secret]).expect("a message");
        assert_eq!(format!("{message:?}"), r#"Message { id: "evt_1", bytes: 7, .. }"#);
    }
}
