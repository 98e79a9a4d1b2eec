//! The dialogue with the server (RFC 5321), and the connections it is held on.
//!
//! **Invariants:**
//! - Connections in use and idle ones together are never more than [`SmtpSettings::connections`]: one is only
//!   opened by whoever holds a permit for it, and only when none is idle.
//! - A connection goes back among the idle ones after a whole dialogue, and is reset (RSET) before the next.
//!   A dialogue that is cut off by the time limit, by a fault or by the caller takes its connection with it.
//! - A user and a password are only sent after TLS, or to a server on this machine (see `settings`).

use std::error::Error as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use entrepot_runtime::{Breaker, BreakerSettings, Breakers};
use lettre::transport::smtp;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt, Rset};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::response::Response;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use crate::MailError;
use crate::letter::Composed;
use crate::settings::{Security, SmtpSettings};

/// An idle connection that is older is not asked whether it still works: servers close theirs after minutes,
/// and firewalls forget them without a word.
const LONGEST_IDLE: Duration = Duration::from_secs(30);
/// How much of what a server says is kept.
const LONGEST_SAID: usize = 300;
/// The reply with which a server says that it is going away.
const CLOSING: u16 = 421;

/// The server, and what is known of it.
pub(crate) struct Server {
    settings: SmtpSettings,
    tls: Option<TlsParameters>,
    hello: ClientId,
    breaker: Breaker,
    permits: Semaphore,
    idle: Mutex<Vec<Idle>>,
}

struct Idle {
    connection: Box<AsyncSmtpConnection>,
    since: Instant,
}

impl Server {
    /// `domain` is the sender's: this client's name in the dialogue.
    pub(crate) fn new(settings: &SmtpSettings, domain: &str, breakers: &Breakers) -> Result<Self, MailError> {
        let unusable = |error: smtp::Error| MailError::Settings(error.to_string());
        let tls = match settings.security {
            Security::None => None,
            Security::StartTls | Security::Tls => {
                let mut tls = TlsParameters::builder(settings.host.clone());
                if let Some(pem) = &settings.extra_roots_pem {
                    tls = tls.add_root_certificate(Certificate::from_pem(pem.as_bytes()).map_err(unusable)?);
                }
                Some(tls.build().map_err(unusable)?)
            }
        };
        let breaker = Breaker::new(
            "mail",
            BreakerSettings {
                window: Duration::from_secs(60),
                failures_in_a_row: Some(3),
                open_for: Duration::from_secs(10),
                open_for_at_most: Duration::from_secs(300),
                trials: 1,
                timeout: settings.timeout,
                ..BreakerSettings::default()
            },
        );
        breakers.register(&breaker);
        Ok(Self {
            tls,
            hello: ClientId::Domain(domain.to_owned()),
            breaker,
            permits: Semaphore::new(usize::try_from(settings.connections).unwrap_or(1)),
            idle: Mutex::new(Vec::new()),
            settings: settings.clone(),
        })
    }

    /// Gives a letter to the server, and returns what it said when it took it.
    pub(crate) async fn send(&self, letter: &Composed) -> Result<String, MailError> {
        let limit = self.settings.timeout;
        // Asked first, so that an open breaker answers at once even when all connections are in use.
        let mut call = self.breaker.admit()?;
        let Ok(Ok(_permit)) = timeout(limit, self.permits.acquire()).await else {
            return Err(MailError::Crowded(limit));
        };
        if !call.is_trial() && !self.breaker.is_closed() {
            // It opened while this letter waited for its turn.
            drop(call);
            call = self.breaker.admit()?;
        }
        Ok(call.run(MailError::is_of_the_server, self.attempt(letter)).await?)
    }

    async fn attempt(&self, letter: &Composed) -> Result<String, MailError> {
        let mut connection = self.connection().await?;
        let ended = dialogue(&mut connection, letter).await.map_err(refusal);
        let is_whole = match &ended {
            Ok(_) | Err(MailError::Refused { .. }) => true,
            Err(MailError::Busy { code, .. }) => *code != CLOSING,
            Err(_) => false,
        };
        if is_whole {
            self.lock().push(Idle { connection, since: Instant::now() });
        }
        ended.map(|response| said(response.message()))
    }

    async fn connection(&self) -> Result<Box<AsyncSmtpConnection>, MailError> {
        loop {
            let Some(mut idle) = self.lock().pop() else { break };
            // One that hangs must not use up the time that a new one needs.
            let patience = self.settings.timeout / 4;
            if idle.since.elapsed() < LONGEST_IDLE
                && matches!(timeout(patience, idle.connection.command(Rset)).await, Ok(Ok(_)))
            {
                return Ok(idle.connection);
            }
        }
        let mut connection = Box::new(Box::pin(self.connect()).await.map_err(failed_to_connect)?);
        if !self.settings.user.is_empty() {
            let credentials = Credentials::new(self.settings.user.clone(), self.settings.password.clone());
            connection.auth(DEFAULT_MECHANISMS, &credentials).await.map_err(failed_to_sign_in)?;
        }
        Ok(connection)
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, smtp::Error> {
        let server = (self.settings.host.as_str(), self.settings.port);
        // A name may have several addresses: one that does not answer leaves time for the others.
        let patience = Some(self.settings.timeout / 3);
        let from_the_start = self.tls.clone().filter(|_| self.settings.security == Security::Tls);
        let mut connection =
            AsyncSmtpConnection::connect_tokio1(server, patience, &self.hello, from_the_start, None).await?;
        if let (Security::StartTls, Some(tls)) = (self.settings.security, &self.tls) {
            connection.starttls(tls.clone(), &self.hello).await?;
        }
        Ok(connection)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Server")
            .field("settings", &self.settings)
            .field("breaker", &self.breaker)
            .finish_non_exhaustive()
    }
}

/// The commands of one letter. Unlike lettre's own `send` it leaves a connection open whose letter is refused.
async fn dialogue(connection: &mut AsyncSmtpConnection, letter: &Composed) -> Result<Response, smtp::Error> {
    connection.command(Mail::new(Some(letter.from.clone()), Vec::new())).await?;
    connection.command(Rcpt::new(letter.to.clone(), Vec::new())).await?;
    connection.command(Data).await?;
    connection.message(&letter.bytes).await
}

/// What went wrong in the dialogue of a letter.
fn refusal(error: smtp::Error) -> MailError {
    match reply(&error) {
        Some((code, said)) if code >= 500 => MailError::Refused { code, said },
        Some((code, said)) => MailError::Busy { code, said },
        None => MailError::Unreachable(Box::new(error)),
    }
}

/// What went wrong before there was a letter: a refusal is about the server and not about the letter.
fn failed_to_connect(error: smtp::Error) -> MailError {
    match reply(&error) {
        Some((code, said)) if code < 500 => MailError::Busy { code, said },
        _ => MailError::Unreachable(Box::new(error)),
    }
}

fn failed_to_sign_in(error: smtp::Error) -> MailError {
    match reply(&error) {
        Some((code, said)) if code < 500 => MailError::Busy { code, said },
        _ => MailError::NotSignedIn(Box::new(error)),
    }
}

/// The server's reply, if it is one that made the error.
fn reply(error: &smtp::Error) -> Option<(u16, String)> {
    let text = error.source().map(ToString::to_string).unwrap_or_default();
    error.status().map(|code| (u16::from(code), said(text.lines())))
}

/// What the server said, on one line.
fn said<'lines>(lines: impl Iterator<Item = &'lines str>) -> String {
    let plain = |char: char| if char.is_control() { ' ' } else { char };
    lines.collect::<Vec<_>>().join(" ").chars().map(plain).take(LONGEST_SAID).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_is_one_bounded_line() {
        assert_eq!(said(["no such\tuser", "here\u{7}"].into_iter()), "no such user here ");
        assert_eq!(said(std::iter::repeat_n("many words", 1_000)).len(), LONGEST_SAID);
    }
}
