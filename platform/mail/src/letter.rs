//! A letter, and how it becomes a message of RFC 5322.
//!
//! **Invariants:**
//! - A subject, a kind or an attachment's name with a control character or a line separator in it is refused.
//! - A message is ASCII and its lines are short, whatever it says: any server takes it.
//! - Its Message-ID depends on the letter's key and the sender's domain alone.
//! - It is automatic and says so (RFC 3834), so that no holiday answers it.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use jiff::Timestamp;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, SinglePart};
use lettre::{Address, Message};

use crate::{MailError, address};

/// The header that holds a letter's kind.
pub(crate) const KIND_HEADER: &str = "X-Entrepot-Kind";

const LONGEST_SUBJECT: usize = 250;
const LONGEST_KEY: usize = 500;
const LONGEST_KIND: usize = 64;
const LONGEST_TEXT: usize = 256 * 1_024;
const LONGEST_HTML: usize = 512 * 1_024;
const MOST_ATTACHMENTS: usize = 10;
const LONGEST_NAME: usize = 200;
const MOST_ATTACHED_BYTES: usize = 10 * 1_024 * 1_024;

/// A letter to one recipient.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Letter {
    /// The recipient's address, without a name. Its domain may be in any script.
    pub to: String,
    /// One line of 1 to 250 characters.
    pub subject: String,
    /// The letter as plain text, up to 256 KiB.
    pub text: String,
    /// The same as HTML, up to 512 KiB.
    pub html: Option<String>,
    /// What kind of letter it is, for filters: 1 to 64 of `a-z`, `0-9`, `-`, `_` and `.`.
    pub kind: String,
    /// What makes it this letter, 1 to 500 bytes. Sent again under the same key it has the same Message-ID,
    /// by which many mailboxes keep one of two.
    pub key: String,
    /// Up to 10 files of up to 10 MiB together.
    pub attachments: Vec<Attachment>,
}

/// A file that comes with a letter.
#[derive(Clone, PartialEq, Eq)]
pub struct Attachment {
    /// Its name, 1 to 200 bytes, without a path.
    pub name: String,
    /// Its media type, such as `application/pdf`.
    pub content_type: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for Letter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Letter")
            .field("kind", &self.kind)
            .field("attachments", &self.attachments)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Attachment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Attachment")
            .field("content_type", &self.content_type)
            .field("bytes", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

/// Whom letters are from.
#[derive(Clone, Debug)]
pub(crate) struct Sender {
    pub(crate) from: Mailbox,
    pub(crate) reply_to: Option<Mailbox>,
}

/// What identifies a letter: a digest of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LetterId([u8; 16]);

/// A letter as it goes over the wire.
pub(crate) struct Composed {
    pub(crate) from: Address,
    pub(crate) to: Address,
    pub(crate) id: LetterId,
    pub(crate) bytes: Vec<u8>,
}

impl LetterId {
    pub(crate) fn of(key: &str) -> Self {
        let mut id = [0; 16];
        id.iter_mut().zip(digest(&SHA256, key.as_bytes()).as_ref()).for_each(|(to, from)| *to = *from);
        Self(id)
    }
}

impl fmt::Display for LetterId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl Letter {
    /// The message, dated `now`.
    pub(crate) fn compose(&self, sender: &Sender, now: Timestamp) -> Result<Composed, MailError> {
        let to = address::checked(&self.to).map_err(MailError::BadAddress)?;
        self.check().map_err(MailError::BadLetter)?;
        let from = sender.from.email.clone();
        let id = LetterId::of(&self.key);
        let mut builder = Message::builder()
            .from(sender.from.clone())
            .to(Mailbox::new(None, to.clone()))
            // Where a subject is encoded word by word a run of spaces would be lost: it is one.
            .subject(self.subject.split_whitespace().collect::<Vec<_>>().join(" "))
            .date(now.into())
            .message_id(Some(format!("<{id}@{}>", from.domain())))
            .raw_header(header("Auto-Submitted", "auto-generated"))
            .raw_header(header(KIND_HEADER, &self.kind));
        if let Some(reply_to) = &sender.reply_to {
            builder = builder.reply_to(reply_to.clone());
        }
        let written = match (&self.html, self.attachments.as_slice()) {
            (None, []) => builder.singlepart(SinglePart::plain(self.text.clone())),
            (Some(html), []) => builder.multipart(MultiPart::alternative_plain_html(self.text.clone(), html.clone())),
            (html, attachments) => {
                let mixed = MultiPart::mixed();
                let mut parts = match html {
                    None => mixed.singlepart(SinglePart::plain(self.text.clone())),
                    Some(html) => mixed.multipart(MultiPart::alternative_plain_html(self.text.clone(), html.clone())),
                };
                for attachment in attachments {
                    parts = parts.singlepart(attachment.part().map_err(MailError::BadLetter)?);
                }
                builder.multipart(parts)
            }
        };
        let message = written.map_err(|error| MailError::BadLetter(error.to_string()))?;
        Ok(Composed { from, to, id, bytes: message.formatted() })
    }

    fn check(&self) -> Result<(), String> {
        one_line("subject", &self.subject, LONGEST_SUBJECT)?;
        let is_kind = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
        if self.kind.is_empty() || self.kind.len() > LONGEST_KIND || !self.kind.bytes().all(is_kind) {
            return Err(format!("its kind is 1 to {LONGEST_KIND} of a-z, 0-9, -, _ and ."));
        }
        if self.key.is_empty() || self.key.len() > LONGEST_KEY {
            return Err(format!("its key has 1 to {LONGEST_KEY} bytes"));
        }
        if self.text.len() > LONGEST_TEXT {
            return Err(format!("its text has more than {LONGEST_TEXT} bytes"));
        }
        if self.html.as_ref().is_some_and(|html| html.len() > LONGEST_HTML) {
            return Err(format!("its HTML has more than {LONGEST_HTML} bytes"));
        }
        if self.attachments.len() > MOST_ATTACHMENTS {
            return Err(format!("it has more than {MOST_ATTACHMENTS} attachments"));
        }
        if self.attachments.iter().map(|attachment| attachment.bytes.len()).sum::<usize>() > MOST_ATTACHED_BYTES {
            return Err(format!("its attachments have more than {MOST_ATTACHED_BYTES} bytes"));
        }
        Ok(())
    }
}

impl Attachment {
    fn part(&self) -> Result<SinglePart, String> {
        one_line("attachment's name", &self.name, LONGEST_NAME)?;
        if self.name.contains(['/', '\\']) {
            return Err("its attachment's name is no path".to_owned());
        }
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&-^_.+/".contains(&byte);
        let (kind, _) = self.content_type.split_once('/').unwrap_or_default();
        // These two have a structure of their own, which bytes cannot be taken for.
        let is_plain = !["multipart", "message"].iter().any(|other| kind.eq_ignore_ascii_case(other));
        let content_type = Some(&self.content_type)
            .filter(|text| is_plain && text.len() <= LONGEST_NAME && text.bytes().all(is_token))
            .and_then(|text| ContentType::parse(text).ok())
            .ok_or("its attachment's type is one such as application/pdf")?;
        Ok(lettre::message::Attachment::new(self.name.clone()).body(self.bytes.clone(), content_type))
    }
}

fn one_line(what: &str, text: &str, longest: usize) -> Result<(), String> {
    let breaks = |char: char| char.is_control() || matches!(char, '\u{2028}' | '\u{2029}');
    if text.trim().is_empty() || text.chars().count() > longest {
        return Err(format!("its {what} has 1 to {longest} characters"));
    }
    if text.contains(breaks) {
        return Err(format!("its {what} is one line"));
    }
    Ok(())
}

fn header(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}

#[cfg(test)]
mod tests {
    use mail_parser::{MessageParser, MimeHeaders as _};
    use proptest::prelude::*;

    use super::*;

    fn letter() -> Letter {
        Letter {
            to: "anna@example.org".to_owned(),
            subject: "Your tea".to_owned(),
            text: "It is on its way.".to_owned(),
            kind: "order_shipped".to_owned(),
            key: "order 7 shipped".to_owned(),
            ..Letter::default()
        }
    }

    fn sender() -> Sender {
        Sender { from: address::checked_mailbox("Tea <shop@example.org>").expect("a literal"), reply_to: None }
    }

    fn compose(letter: &Letter) -> Result<String, MailError> {
        let now = "2026-01-02T03:04:05Z".parse().expect("a literal");
        letter.compose(&sender(), now).map(|composed| String::from_utf8(composed.bytes).expect("it is ASCII"))
    }

    fn is_refused(change: impl FnOnce(&mut Letter)) -> bool {
        let mut changed = letter();
        change(&mut changed);
        matches!(compose(&changed), Err(MailError::BadLetter(_)))
    }

    #[test]
    fn a_letter_has_the_headers_that_automatic_mail_has() {
        let written = compose(&letter()).expect("it is sound");
        for line in [
            "From: Tea <shop@example.org>\r\n",
            "To: anna@example.org\r\n",
            "Subject: Your tea\r\n",
            "Date: Fri, 02 Jan 2026 03:04:05 +0000\r\n",
            "Auto-Submitted: auto-generated\r\n",
            "X-Entrepot-Kind: order_shipped\r\n",
        ] {
            assert!(written.contains(line), "{line:?} in {written}");
        }
    }

    #[test]
    fn a_message_id_is_the_keys() {
        let id = |key: &str| {
            let written = compose(&Letter { key: key.to_owned(), ..letter() }).expect("it is sound");
            let line = written.lines().find(|line| line.starts_with("Message-ID: ")).expect("it has one");
            line.to_owned()
        };
        assert_eq!(id("order 7"), id("order 7"));
        assert_ne!(id("order 7"), id("order 8"));
        assert!(id("a key\r\nwith anything > in it").ends_with("@example.org>"));
    }

    #[test]
    fn what_would_break_out_of_its_header_is_refused() {
        for hostile in ["a\r\nBcc: eve@example.org", "a\nb", "a\rb", "a\u{0}b", "a\u{85}b", "a\u{2028}b", "", "  "] {
            assert!(is_refused(|letter| letter.subject = hostile.to_owned()), "subject {hostile:?}");
            assert!(is_refused(|letter| letter.kind = hostile.to_owned()), "kind {hostile:?}");
            let attachment = |name: &str, content_type: &str| {
                vec![Attachment { name: name.to_owned(), content_type: content_type.to_owned(), bytes: vec![1] }]
            };
            assert!(is_refused(|letter| letter.attachments = attachment(hostile, "text/plain")), "name {hostile:?}");
            let content_type = format!("text/plain{hostile};");
            assert!(is_refused(|letter| letter.attachments = attachment("a.txt", &content_type)), "{content_type:?}");
        }
    }

    #[test]
    fn everything_in_a_letter_has_a_limit() {
        let attachment = |bytes: usize| Attachment {
            name: "a.bin".to_owned(),
            content_type: "application/octet-stream".to_owned(),
            bytes: vec![0; bytes],
        };
        assert!(is_refused(|letter| letter.subject = "a".repeat(251)));
        assert!(is_refused(|letter| letter.key = String::new()));
        assert!(is_refused(|letter| letter.key = "a".repeat(501)));
        assert!(is_refused(|letter| letter.kind = "a".repeat(65)));
        assert!(is_refused(|letter| letter.text = "a".repeat(LONGEST_TEXT + 1)));
        assert!(is_refused(|letter| letter.html = Some("a".repeat(LONGEST_HTML + 1))));
        assert!(is_refused(|letter| letter.attachments = vec![attachment(1); 11]));
        assert!(is_refused(|letter| letter.attachments = vec![attachment(MOST_ATTACHED_BYTES / 2 + 1); 2]));
        for kind in ["multipart/mixed", "message/rfc822", "pdf", ""] {
            let attached = Attachment { content_type: kind.to_owned(), ..attachment(1) };
            assert!(is_refused(|letter| letter.attachments = vec![attached]), "{kind:?}");
        }
        let path = Attachment { name: "../a.bin".to_owned(), ..attachment(1) };
        assert!(is_refused(|letter| letter.attachments = vec![path]));
        assert!(!is_refused(|letter| letter.attachments = vec![attachment(1); 10]));
    }

    #[test]
    fn attachments_come_with_their_names_and_bytes() {
        let bytes: Vec<u8> = (0..=255).collect();
        let with_files = Letter {
            html: Some("<p>It is on its way.</p>".to_owned()),
            attachments: vec![Attachment {
                name: "Übersicht \"März\".pdf".to_owned(),
                content_type: "application/pdf".to_owned(),
                bytes: bytes.clone(),
            }],
            ..letter()
        };
        let written = compose(&with_files).expect("it is sound");
        let read = MessageParser::default().parse(written.as_bytes()).expect("a message");
        assert_eq!(read.body_text(0).as_deref(), Some("It is on its way."));
        assert_eq!(read.body_html(0).as_deref(), Some("<p>It is on its way.</p>"));
        let attachment = read.attachment(0).expect("there is one");
        assert_eq!(attachment.attachment_name(), Some("Übersicht \"März\".pdf"));
        assert_eq!(attachment.contents(), bytes);
    }

    #[test]
    fn spaces_between_words_that_are_encoded_are_kept() {
        let written = compose(&Letter { subject: "Grüße  aus   Köln".to_owned(), ..letter() }).expect("it is sound");
        let read = MessageParser::default().parse(written.as_bytes()).expect("a message");
        assert_eq!(read.subject(), Some("Grüße aus Köln"));
    }

    #[test]
    fn what_a_letter_says_is_not_shown() {
        let shown = format!("{:?}", letter());
        assert!(!shown.contains("anna") && !shown.contains("way") && !shown.contains("tea"), "{shown}");
    }

    proptest! {
        #[test]
        fn any_text_is_read_as_it_was_written_and_adds_no_header(
            subject in "\\PC{1,120}",
            text in "(\\PC|\n){0,200}",
            html in "(\\PC|\n){0,200}",
        ) {
            let any = Letter { subject: subject.clone(), text: text.clone(), html: Some(html.clone()), ..letter() };
            prop_assume!(any.check().is_ok());
            let written = compose(&any).expect("it is sound");
            prop_assert!(written.is_ascii());
            prop_assert!(written.split("\r\n").all(|line| line.len() <= 998 && !line.contains(['\r', '\n'])));
            let read = MessageParser::default().parse(written.as_bytes()).expect("a message");
            let names: Vec<_> = read.headers().iter().map(|header| header.name().to_ascii_lowercase()).collect();
            prop_assert_eq!(names.len(), 9, "{:?}", names);
            let same = |read: Option<&str>, written: &str| {
                let plain = |text: &str| text.replace('\r', "").trim().to_owned();
                plain(read.unwrap_or_default()) == plain(written)
            };
            // Where a header is folded, a run of spaces becomes one.
            let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
            prop_assert_eq!(read.subject().map(words), Some(words(&subject)));
            prop_assert!(same(read.body_text(0).as_deref(), &text));
            prop_assert!(same(read.body_html(0).as_deref(), &html));
        }
    }
}
