//! The mailer: the one door through which letters go out.
//!
//! **Invariants:**
//! - A letter is checked before anybody is asked whether it may go, and counted before it goes.
//! - A letter that was certainly not sent does not count. One whose answer never came does, as it may have
//!   arrived; tried again under its key it keeps its place.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use entrepot_runtime::{Breakers, Clock};

use crate::folder::{Folder, read_id};
use crate::letter::{Composed, Letter, Sender};
use crate::recipients::Recipients;
use crate::smtp::Server;
use crate::stored::{LetterSummary, ReadLetter};
use crate::{MailError, MailSettings, address};

/// The most letters that are listed at once.
const MOST_LISTED: usize = 1_000;

/// Where a letter went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sent {
    /// The server took it. That is all that is known: whether it arrives is told by later letters to the
    /// sender, if at all.
    ByServer {
        /// What the server said with it, usually its own id for the letter.
        said: String,
    },
    /// It was written into the folder.
    ToFile {
        /// By this it is found there.
        id: String,
    },
}

/// As a log tells it.
impl std::fmt::Display for Sent {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::ByServer { said } => write!(formatter, "to the mail server: {said}"),
            Self::ToFile { id } => write!(formatter, "to the file {id}.eml"),
        }
    }
}

/// Sends letters. Cheap to clone; all clones are one.
#[derive(Clone, Debug)]
pub struct Mailer {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    sender: Sender,
    clock: Clock,
    /// Without one, letters become files.
    server: Option<Server>,
    folder: Folder,
    recipients: Recipients,
    per_recipient: (u32, Duration),
}

impl Mailer {
    /// A mailer. It connects when the first letter is sent.
    ///
    /// # Errors
    /// When the settings cannot work.
    pub fn new(settings: &MailSettings, clock: Clock, breakers: &Breakers) -> Result<Self, MailError> {
        settings.check()?;
        let mailbox = |what: &str, text: &str| {
            let wrong = |reason| MailError::Settings(format!("the address {what} {reason}"));
            address::checked_mailbox(text).map_err(wrong)
        };
        let from = mailbox("that letters are from", &settings.from)?;
        let reply_to = settings.reply_to.as_deref().map(|text| mailbox("that answers go to", text)).transpose()?;
        let server = settings.smtp.as_ref().map(|smtp| Server::new(smtp, from.email.domain(), breakers)).transpose()?;
        Ok(Self {
            shared: Arc::new(Shared {
                sender: Sender { from, reply_to },
                clock,
                server,
                folder: Folder { path: settings.folder.clone(), keep: settings.keep },
                recipients: Recipients::new(settings.per_recipient),
                per_recipient: settings.per_recipient,
            }),
        })
    }

    /// How many letters an address may have within which time. This mailer counts its own; who has several counts
    /// those of all.
    #[must_use]
    pub fn per_recipient(&self) -> (u32, Duration) {
        self.shared.per_recipient
    }

    /// Sends a letter, and returns once it is the server's or a file.
    ///
    /// # Errors
    /// See [`MailError`]. After [`MailError::TimedOut`] the letter may have been sent all the same.
    pub async fn send(&self, letter: &Letter) -> Result<Sent, MailError> {
        let shared = &self.shared;
        let now = shared.clock.now();
        let composed = letter.compose(&shared.sender, now)?;
        let (to, id) = (composed.to.to_string(), composed.id);
        let full = |again_after| MailError::TooManyForRecipient { again_after };
        shared.recipients.reserve(&to, id, now).map_err(full)?;
        let ended = match &shared.server {
            Some(server) => server.send(&composed).await.map(|said| Sent::ByServer { said }),
            None => self.write(composed).await,
        };
        match &ended {
            Ok(sent) => {
                shared.recipients.sent(&to, id);
                tracing::info!(kind = letter.kind, letter = %id, %sent, "a letter was sent");
            }
            Err(MailError::TimedOut(_)) => {}
            Err(_) => shared.recipients.release(&to, id),
        }
        ended
    }

    async fn write(&self, letter: Composed) -> Result<Sent, MailError> {
        let id = self.shared.clock.new_id();
        self.in_folder(move |folder| folder.write(id, &letter.bytes)).await?;
        Ok(Sent::ToFile { id: id.simple().to_string() })
    }

    /// The newest letters in the folder, newest first, up to 1,000.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub async fn letters(&self, limit: usize) -> Result<Vec<LetterSummary>, MailError> {
        let heads = self.in_folder(move |folder| folder.newest(limit.min(MOST_LISTED))).await?;
        Ok(heads.iter().map(LetterSummary::of).collect())
    }

    /// A letter in the folder.
    ///
    /// # Errors
    /// When there is none of this id, or it cannot be read.
    pub async fn letter(&self, id: &str) -> Result<ReadLetter, MailError> {
        let id = read_id(id).ok_or(MailError::NoSuchLetter)?;
        let bytes = self.in_folder(move |folder| folder.read(id)).await?;
        Ok(ReadLetter::of(id, bytes.ok_or(MailError::NoSuchLetter)?))
    }

    /// Files block, so they are handled off the threads that everything else runs on.
    async fn in_folder<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Folder) -> io::Result<T> + Send + 'static,
    ) -> Result<T, MailError> {
        let folder = self.shared.folder.clone();
        let done = tokio::task::spawn_blocking(move || work(&folder)).await;
        done.map_err(io::Error::other).and_then(|done| done).map_err(MailError::Folder)
    }
}
