//! Letters read back from their files, for a page that shows them.
//!
//! **Invariant:** what cannot be read as a message is shown as an empty one, never an error: somebody may
//! have edited the file.

use jiff::Timestamp;
use mail_parser::{MessageParser, MimeHeaders as _};
use serde::Serialize;
use uuid::Uuid;

use crate::folder::Head;
use crate::letter::KIND_HEADER;

/// A letter in the folder, in a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LetterSummary {
    /// Its id.
    #[schema(example = "019a2b3c4d5e7f608a9b0c1d2e3f4a5b")]
    pub id: String,
    /// The recipient's address.
    #[schema(example = "mira@shop.example")]
    pub to: String,
    /// The subject.
    #[schema(example = "Your order 1042")]
    pub subject: String,
    /// What kind of letter it is; empty where it does not say so.
    #[schema(example = "order_confirmation")]
    pub kind: String,
    /// When it was written.
    pub at: Timestamp,
    /// How long the file is.
    pub bytes: u64,
}

/// A letter in the folder, whole.
///
/// Its HTML is what the program wrote, or whoever edited the file: a page shows it in a frame of its own that
/// runs no scripts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReadLetter {
    /// What the list shows of it.
    #[serde(flatten)]
    pub summary: LetterSummary,
    /// All headers in their order, unfolded and otherwise as they are written.
    #[schema(example = json!([["Subject", "Your order 1042"]]))]
    pub headers: Vec<(String, String)>,
    /// The letter as plain text; empty where it has none.
    #[schema(example = "Thank you for your order.")]
    pub text: String,
    /// The same as HTML.
    pub html: Option<String>,
    /// What comes with it.
    pub attachments: Vec<StoredAttachment>,
}

/// A file that comes with a letter, without what is in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StoredAttachment {
    /// Its name.
    #[schema(example = "invoice.pdf")]
    pub name: String,
    /// Its media type.
    #[schema(example = "application/pdf")]
    pub content_type: String,
    /// How long it is.
    pub bytes: usize,
}

impl LetterSummary {
    pub(crate) fn of(head: &Head) -> Self {
        let mut summary = Self {
            id: head.id.simple().to_string(),
            to: String::new(),
            subject: String::new(),
            kind: String::new(),
            at: time_of(head.id),
            bytes: head.length,
        };
        if let Some(message) = MessageParser::default().parse_headers(&head.bytes) {
            let to = message.to().and_then(|to| to.first()).and_then(|address| address.address());
            summary.to = to.unwrap_or_default().to_owned();
            summary.subject = message.subject().unwrap_or_default().to_owned();
            summary.kind = message.header_raw(KIND_HEADER).map(unfolded).unwrap_or_default();
        }
        summary
    }
}

impl ReadLetter {
    pub(crate) fn of(id: Uuid, bytes: Vec<u8>) -> Self {
        let head = Head { id, length: u64::try_from(bytes.len()).unwrap_or(u64::MAX), bytes };
        let summary = LetterSummary::of(&head);
        let Some(message) = MessageParser::default().parse(&head.bytes) else {
            return Self { summary, headers: Vec::new(), text: String::new(), html: None, attachments: Vec::new() };
        };
        // Of a part that there is not, the parser makes one out of the other.
        let has_html = message.html_bodies().any(|part| part.is_text_html());
        let has_text = message.text_bodies().any(|part| part.is_text() && !part.is_text_html());
        let attachments = message.attachments().map(|part| StoredAttachment {
            name: part.attachment_name().unwrap_or_default().to_owned(),
            content_type: part.content_type().map(media_type).unwrap_or_default(),
            bytes: part.len(),
        });
        Self {
            headers: message.headers_raw().map(|(name, value)| (name.to_owned(), unfolded(value))).collect(),
            text: message.body_text(0).filter(|_| has_text).unwrap_or_default().into_owned(),
            html: message.body_html(0).filter(|_| has_html).map(std::borrow::Cow::into_owned),
            attachments: attachments.collect(),
            summary,
        }
    }
}

/// Ids begin with the time they were made at.
fn time_of(id: Uuid) -> Timestamp {
    let (seconds, nanos) = id.get_timestamp().map_or((0, 0), |stamp| stamp.to_unix());
    let whole = i64::try_from(seconds).ok().zip(i32::try_from(nanos).ok());
    whole.and_then(|(seconds, nanos)| Timestamp::new(seconds, nanos).ok()).unwrap_or_default()
}

fn media_type(found: &mail_parser::ContentType<'_>) -> String {
    match found.subtype() {
        Some(subtype) => format!("{}/{subtype}", found.ctype()),
        None => found.ctype().to_owned(),
    }
}

fn unfolded(value: &str) -> String {
    value.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_no_letter_is_an_empty_one() {
        for bytes in [&b""[..], b"\xff\xfe\x00", b"no header at all", b"Subject: =?utf-8?B?/w==?=\r\n"] {
            let read = ReadLetter::of(Uuid::nil(), bytes.to_vec());
            assert_eq!(read.html, None, "{bytes:?}");
            assert_eq!(read.summary.to, "", "{bytes:?}");
            assert_eq!(read.summary.at, Timestamp::UNIX_EPOCH);
        }
    }

    #[test]
    fn a_letter_without_html_has_none() {
        let read = ReadLetter::of(Uuid::nil(), b"To: anna@example.org\r\n\r\nTea.\r\n".to_vec());
        assert_eq!((read.text.trim(), read.html.as_deref()), ("Tea.", None));
        let html = b"To: anna@example.org\r\nContent-Type: text/html\r\n\r\n<p>Tea.</p>".to_vec();
        let read = ReadLetter::of(Uuid::nil(), html);
        assert_eq!((read.text.as_str(), read.html.as_deref()), ("", Some("<p>Tea.</p>")));
    }
}
