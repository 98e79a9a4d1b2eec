//! Why an attempt failed, in words that the owner of the endpoint may be shown.
//!
//! **Invariant:** an error names the host, never the path or the query of the URL.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use http::StatusCode;

use crate::TargetError;

/// What was under way when the time was up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Looking up the name.
    Resolving,
    /// Opening the connection.
    Connecting,
    /// Agreeing on the encryption.
    Handshake,
    /// Sending, and waiting for the head of the answer.
    Answer,
}

impl std::fmt::Display for Step {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Resolving => "looking up the name",
            Self::Connecting => "connecting",
            Self::Handshake => "shaking hands over TLS",
            Self::Answer => "waiting for the answer",
        })
    }
}

/// Why a message was not delivered. What was sent may have arrived all the same where an answer was waited
/// for: the receiver knows it again by its id.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The rules of this sender do not allow the target.
    #[error("this target is not allowed")]
    NotAllowed(#[source] TargetError),
    /// One of the host's addresses is not public. No connection was opened.
    #[error("{host} is at {address}, which is not a public address")]
    PrivateNetwork {
        /// The host.
        host: String,
        /// The address.
        address: IpAddr,
    },
    /// The name has no addresses, or nobody knows them.
    #[error("the addresses of {host} are not known")]
    Unresolvable {
        /// The host.
        host: String,
        /// Why.
        source: io::Error,
    },
    /// No connection could be opened.
    #[error("{host} cannot be reached")]
    Unreachable {
        /// The host.
        host: String,
        /// Why; of several addresses, that of the last.
        source: io::Error,
    },
    /// There is no encryption, or the certificate is not to be trusted.
    #[error("TLS with {host} failed")]
    Tls {
        /// The host.
        host: String,
        /// Why.
        source: io::Error,
    },
    /// The time was up.
    #[error("the time was up while {0}")]
    TimedOut(Step),
    /// The connection broke off, or what came was not HTTP.
    #[error("{host} gave no answer")]
    NoAnswer {
        /// The host.
        host: String,
        /// Why.
        source: hyper::Error,
    },
    /// The receiver did not take it.
    #[error("the answer was {status}")]
    Refused {
        /// Neither 2xx nor 3xx nor 410.
        status: StatusCode,
        /// The first 500 bytes of the answer, as text without control characters.
        said: String,
        /// How long it wants to be left alone, a day at the most.
        retry_after: Option<Duration>,
    },
    /// The receiver wants no more webhooks: 410.
    #[error("the answer was 410 Gone")]
    Gone {
        /// The first 500 bytes of the answer, as text without control characters.
        said: String,
    },
    /// The receiver is elsewhere. Nobody went there.
    #[error("the answer was the redirect {status}; redirects are not followed")]
    Redirected {
        /// 3xx.
        status: StatusCode,
    },
}

impl SendError {
    /// Whether another attempt may do better with neither the endpoint nor the settings changed. By the
    /// specification a receiver that refuses may come to its senses, whatever the status; only 410 is final.
    /// A permanent redirect and an address that is not public (but a name may point elsewhere later) stay
    /// what they are.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::NotAllowed(_) | Self::Gone { .. } => false,
            Self::PrivateNetwork { host, .. } => host.trim_matches(['[', ']']).parse::<IpAddr>().is_err(),
            Self::Redirected { status } => {
                !matches!(*status, StatusCode::MOVED_PERMANENTLY | StatusCode::PERMANENT_REDIRECT)
            }
            Self::Unresolvable { .. }
            | Self::Unreachable { .. }
            | Self::Tls { .. }
            | Self::TimedOut(_)
            | Self::NoAnswer { .. }
            | Self::Refused { .. } => true,
        }
    }

    /// Whether all further attempts are in vain: the opposite of [`SendError::may_pass`].
    #[must_use]
    pub fn is_permanent(&self) -> bool {
        !self.may_pass()
    }

    /// Whether the endpoint is to be switched off at once: the receiver said so.
    #[must_use]
    pub fn wants_disabling(&self) -> bool {
        matches!(self, Self::Gone { .. })
    }

    /// How long the receiver wants to be left alone, a day at the most.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_pass_is_tried_again_and_410_ends_it() {
        let redirected = |status| SendError::Redirected { status };
        let refused = |status| SendError::Refused { status, said: String::new(), retry_after: None };
        let private = |host: &str| SendError::PrivateNetwork { host: host.to_owned(), address: [10, 0, 0, 1].into() };
        for (error, may_pass) in [
            (SendError::NotAllowed(TargetError::NotEncrypted), false),
            (SendError::Gone { said: String::new() }, false),
            (private("10.0.0.1"), false),
            (private("[fd00::1]"), false),
            (private("hooks.example.com"), true),
            (redirected(StatusCode::MOVED_PERMANENTLY), false),
            (redirected(StatusCode::PERMANENT_REDIRECT), false),
            (redirected(StatusCode::FOUND), true),
            (redirected(StatusCode::TEMPORARY_REDIRECT), true),
            (refused(StatusCode::NOT_FOUND), true),
            (refused(StatusCode::TOO_MANY_REQUESTS), true),
            (refused(StatusCode::BAD_GATEWAY), true),
            (SendError::TimedOut(Step::Answer), true),
        ] {
            assert_eq!(error.may_pass(), may_pass, "{error:?}");
            assert_eq!(error.is_permanent(), !may_pass, "{error:?}");
            assert_eq!(error.wants_disabling(), matches!(error, SendError::Gone { .. }), "{error:?}");
        }
    }
}
