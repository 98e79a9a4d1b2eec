//! What a mailer is made with, and which of it cannot work.
//!
//! **Invariants:** a password is only sent over TLS, or to this very machine; it is in no `Debug` output.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::MailError;

const LONGEST_TIMEOUT: Duration = Duration::from_secs(300);
const MOST_CONNECTIONS: u32 = 64;
const MOST_KEPT: usize = 10_000;
/// What is remembered of a recipient grows with it.
const MOST_PER_RECIPIENT: u32 = 100;
const LONGEST_MEMORY: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// How the connection to the server is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// Not at all: for a server on the same machine.
    None,
    /// It begins in the clear and turns to TLS before anything is said (RFC 3207), usually on port 587.
    /// A server that does not offer it is not used.
    StartTls,
    /// It is TLS from the first byte (RFC 8314), usually on port 465.
    Tls,
}

/// The server that takes letters.
#[derive(Clone)]
pub struct SmtpSettings {
    /// Its name, which its certificate must have, or its IP address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is protected.
    pub security: Security,
    /// Who signs in; empty for nobody.
    pub user: String,
    /// With which password.
    pub password: String,
    /// How long a letter may take, 100 ms to 5 min; also how long it waits for a connection that is free.
    pub timeout: Duration,
    /// Connections that are open at once, 1 to 64, idle ones included.
    pub connections: u32,
    /// Certificates in PEM that are trusted beside the system's: those of a house's own authority.
    pub extra_roots_pem: Option<String>,
}

impl fmt::Debug for SmtpSettings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SmtpSettings")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("security", &self.security)
            .field("user", &self.user)
            .field("timeout", &self.timeout)
            .field("connections", &self.connections)
            .finish_non_exhaustive()
    }
}

/// What a mailer is made with.
#[derive(Clone, Debug)]
pub struct MailSettings {
    /// The server; without one, letters become files.
    pub smtp: Option<SmtpSettings>,
    /// Whom letters are from: `orders@example.org` or `Shop <orders@example.org>`.
    pub from: String,
    /// Whom answers go to, if not there.
    pub reply_to: Option<String>,
    /// Where letters become files. It is made when the first is written.
    pub folder: PathBuf,
    /// How many files are kept there, the newest ones, 1 to 10,000.
    pub keep: usize,
    /// So many letters, 1 to 100, may go to an address in so long a time, up to 7 days.
    pub per_recipient: (u32, Duration),
}

impl MailSettings {
    pub(crate) fn check(&self) -> Result<(), MailError> {
        let (letters, window) = self.per_recipient;
        if !(1..=MOST_KEPT).contains(&self.keep) {
            return Err(MailError::Settings(format!("between 1 and {MOST_KEPT} files are kept")));
        }
        if !(1..=MOST_PER_RECIPIENT).contains(&letters) || window.is_zero() || window > LONGEST_MEMORY {
            let range = format!("1 to {MOST_PER_RECIPIENT} letters may go to an address in up to 7 days");
            return Err(MailError::Settings(range));
        }
        self.smtp.as_ref().map_or(Ok(()), SmtpSettings::check)
    }
}

impl SmtpSettings {
    fn check(&self) -> Result<(), MailError> {
        let problem = if self.host.is_empty() || self.port == 0 {
            "a server has a name and a port"
        } else if !(Duration::from_millis(100)..=LONGEST_TIMEOUT).contains(&self.timeout) {
            "a letter may take between 100 ms and 5 min"
        } else if !(1..=MOST_CONNECTIONS).contains(&self.connections) {
            "there are between 1 and 64 connections"
        } else if self.user.is_empty() != self.password.is_empty() {
            "a user has a password, and a password has a user"
        } else if !self.user.is_empty() && self.security == Security::None && !self.is_local() {
            "a password is only sent over TLS"
        } else if self.extra_roots_pem.as_ref().is_some_and(|pem| !pem.contains("-----BEGIN CERTIFICATE-----")) {
            "the extra roots hold no certificate in PEM"
        } else {
            return Ok(());
        };
        Err(MailError::Settings(problem.to_owned()))
    }

    fn is_local(&self) -> bool {
        self.host == "localhost" || self.host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> MailSettings {
        MailSettings {
            smtp: Some(SmtpSettings {
                host: "mail.example.org".to_owned(),
                port: 587,
                security: Security::StartTls,
                user: "shop".to_owned(),
                password: "tea-and-biscuits".to_owned(),
                timeout: Duration::from_secs(10),
                connections: 2,
                extra_roots_pem: None,
            }),
            from: "shop@example.org".to_owned(),
            reply_to: None,
            folder: "letters".into(),
            keep: 10,
            per_recipient: (5, Duration::from_secs(60)),
        }
    }

    #[test]
    fn settings_that_cannot_work_are_refused() {
        settings().check().expect("these can");
        let refused = |change: fn(&mut MailSettings, &mut SmtpSettings)| {
            let mut changed = settings();
            let mut smtp = changed.smtp.take().expect("there is one");
            change(&mut changed, &mut smtp);
            changed.smtp = Some(smtp);
            matches!(changed.check(), Err(MailError::Settings(_)))
        };
        assert!(refused(|mail, _| mail.keep = 0));
        assert!(refused(|mail, _| mail.keep = 10_001));
        assert!(refused(|mail, _| mail.per_recipient.0 = 0));
        assert!(refused(|mail, _| mail.per_recipient.1 = Duration::ZERO));
        assert!(refused(|_, smtp| smtp.host = String::new()));
        assert!(refused(|_, smtp| smtp.port = 0));
        assert!(refused(|_, smtp| smtp.timeout = Duration::ZERO));
        assert!(refused(|_, smtp| smtp.connections = 0));
        assert!(refused(|_, smtp| smtp.password = String::new()));
        assert!(refused(|_, smtp| smtp.user = String::new()));
        assert!(refused(|_, smtp| smtp.security = Security::None));
        assert!(refused(|_, smtp| smtp.extra_roots_pem = Some("no certificate".to_owned())));
        assert!(!refused(|_, smtp| {
            smtp.security = Security::None;
            smtp.host = "127.0.0.1".to_owned();
        }));
    }

    #[test]
    fn a_password_is_not_shown() {
        let shown = format!("{:?}", settings());
        assert!(shown.contains("mail.example.org") && !shown.contains("biscuits"), "{shown}");
    }
}
