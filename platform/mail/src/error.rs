//! Why a letter was not sent, in the words of whoever has to decide what happens next.
//!
//! **Invariant:** no message holds an address, a password or a part of a letter, except for what the server
//! said, which is one line and bounded.

use std::error::Error;
use std::io;
use std::time::Duration;

use entrepot_runtime::{BreakerError, Open};

/// Why a letter was not sent, or not found.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// What the mailer was made with cannot work.
    #[error("the mail settings cannot work: {0}")]
    Settings(String),
    /// The recipient's address is none that can be sent to.
    #[error("the recipient's address {0}")]
    BadAddress(&'static str),
    /// The letter cannot be written.
    #[error("the letter cannot be written: {0}")]
    BadLetter(String),
    /// The recipient has had as many letters as are allowed.
    #[error("the recipient has had enough letters; the next may be sent in {again_after:?}")]
    TooManyForRecipient {
        /// When the next may be sent.
        again_after: Duration,
    },
    /// The server refused the letter for good (5xx).
    #[error("the mail server refused the letter for good: {code} {said}")]
    Refused {
        /// The reply code of RFC 5321.
        code: u16,
        /// What it said with it.
        said: String,
    },
    /// The server did not take the letter now (4xx).
    #[error("the mail server did not take the letter now: {code} {said}")]
    Busy {
        /// The reply code of RFC 5321.
        code: u16,
        /// What it said with it.
        said: String,
    },
    /// The server did not accept the user and the password.
    #[error("the mail server did not accept the user and the password")]
    NotSignedIn(#[source] Box<dyn Error + Send + Sync>),
    /// There is no dialogue with the server: no connection, no TLS, or answers that are none.
    #[error("the mail server cannot be reached")]
    Unreachable(#[source] Box<dyn Error + Send + Sync>),
    /// The server did not finish in this time. It may have taken the letter all the same.
    #[error("the mail server did not finish within {0:?}")]
    TimedOut(Duration),
    /// All connections were in use for this time.
    #[error("no connection to the mail server was free for {0:?}")]
    Crowded(Duration),
    /// Too many letters failed just now; the server was not asked.
    #[error("the mail server is left alone for {again_after:?}, as it failed too often")]
    BreakerOpen {
        /// When to try again.
        again_after: Duration,
    },
    /// No letter in the folder has this id.
    #[error("there is no such letter")]
    NoSuchLetter,
    /// The folder of letters cannot be read or written.
    #[error("the folder of letters cannot be used")]
    Folder(#[source] io::Error),
}

impl MailError {
    /// Whether the same letter will fail however often it is tried.
    #[must_use]
    pub fn is_permanent(&self) -> bool {
        match self {
            Self::Settings(_)
            | Self::BadAddress(_)
            | Self::BadLetter(_)
            | Self::Refused { .. }
            | Self::NoSuchLetter => true,
            Self::TooManyForRecipient { .. }
            | Self::Busy { .. }
            | Self::NotSignedIn(_)
            | Self::Unreachable(_)
            | Self::TimedOut(_)
            | Self::Crowded(_)
            | Self::BreakerOpen { .. }
            | Self::Folder(_) => false,
        }
    }

    /// When trying again makes sense, where that is known.
    #[must_use]
    pub fn again_after(&self) -> Option<Duration> {
        match self {
            Self::TooManyForRecipient { again_after } | Self::BreakerOpen { again_after } => Some(*again_after),
            _ => None,
        }
    }

    /// Whether the server is to blame: what the breaker counts.
    pub(crate) fn is_of_the_server(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::NotSignedIn(_) | Self::TimedOut(_) => true,
            Self::Busy { code, .. } => *code == 421,
            _ => false,
        }
    }
}

impl From<Open> for MailError {
    fn from(open: Open) -> Self {
        Self::BreakerOpen { again_after: open.retry_after }
    }
}

impl From<BreakerError<MailError>> for MailError {
    fn from(error: BreakerError<MailError>) -> Self {
        match error {
            BreakerError::Open { retry_after } => Self::BreakerOpen { again_after: retry_after },
            BreakerError::TimedOut(limit) => Self::TimedOut(limit),
            BreakerError::Failed(error) => error,
        }
    }
}
