//! Letters: sent by SMTP (RFC 5321), or written as files where there is no server.
//!
//! A letter goes to one recipient and is given to the server before [`Mailer::send`] returns: queueing,
//! trying again and waiting are the business of the job that sends it. For that job every error says
//! whether it is for good ([`MailError::is_permanent`]) and when to try again ([`MailError::again_after`]).
//!
//! The connections are kept by this crate, not by lettre's own pool: that one takes a connection back when a
//! call is cancelled, half-way through a dialogue, and the next letter would read the answer to the last.
//!
//! **Invariants:**
//! - Nothing that a letter is made of can add a header or a recipient: what has a control character in it
//!   is refused, and the rest is encoded (tests in `letter` and `address`).
//! - A send ends: it waits at the most once [`SmtpSettings::timeout`] for a connection, and once for the server.
//! - A connection on which a dialogue was cut off is never used again.
//! - The breaker opens when the server cannot be reached, hangs or says 421, never for what it thinks of a
//!   recipient.
//! - An id names a letter in the folder and nothing else: it is a UUID or it is refused.
//! - The password and what is in a letter are in no `Debug` output and in no error.

mod address;
mod error;
mod folder;
mod letter;
mod mailer;
mod recipients;
mod settings;
mod smtp;
mod stored;

pub use address::address;
pub use error::MailError;
pub use letter::{Attachment, Letter};
pub use mailer::{Mailer, Sent};
pub use settings::{MailSettings, Security, SmtpSettings};
pub use stored::{LetterSummary, ReadLetter, StoredAttachment};
