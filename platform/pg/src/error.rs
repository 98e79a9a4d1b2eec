//! What can go wrong between this program and its database, by what a caller can do about it.

use std::error::Error as StdError;
use std::time::Duration;

use tokio_postgres::error::SqlState;

use crate::read_only;

/// A failure of the database or of the way to it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No connection became free, or none could be made, in time.
    #[error("no database connection within {} ms", .waited.as_millis())]
    NoConnection {
        /// How long the caller waited.
        waited: Duration,
        /// What the last attempt to connect said, where there was one.
        #[source]
        source: Option<Box<dyn StdError + Send + Sync>>,
    },
    /// The database did not answer within the client's own bound.
    #[error("the database did not answer within {} ms", .waited.as_millis())]
    NoAnswer {
        /// How long the caller waited.
        waited: Duration,
    },
    /// The database refused a statement, or the connection broke while it ran.
    #[error("the database refused a statement")]
    Statement(#[source] tokio_postgres::Error),
    /// A row that must be there, having just been written or locked, is not.
    #[error("a row that must be there is not: {0}")]
    Missing(&'static str),
    /// A condition that was set for the transaction does not hold.
    #[error("the transaction was refused: {0}")]
    Refused(&'static str),
    /// This machine's clock and the database's are too far apart for anything irreversible to be decided by time.
    #[error("this machine's clock and the database's disagree, so nothing is thrown away")]
    ClockOff,
    /// The database takes no writes.
    #[error("the database is read-only")]
    ReadOnly,
    /// A statement that was shared by several callers failed.
    #[error("a shared read failed: {0}")]
    Shared(std::sync::Arc<Error>),
}

impl From<tokio_postgres::Error> for Error {
    fn from(error: tokio_postgres::Error) -> Self {
        read_only::observe(&error);
        Self::Statement(error)
    }
}

impl Error {
    /// Whether the database itself is away, overloaded or read-only, or others were in the way again and again: the
    /// same request may succeed later.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        match self {
            Self::NoConnection { .. } | Self::NoAnswer { .. } | Self::ReadOnly => true,
            Self::Shared(error) => error.is_unavailable(),
            Self::Missing(_) | Self::Refused(_) | Self::ClockOff => false,
            Self::Statement(error) => {
                error.is_closed()
                    || match error.code() {
                        Some(code) => {
                            ["08", "53", "57P"].iter().any(|class| code.code().starts_with(class))
                                || [
                                    &SqlState::READ_ONLY_SQL_TRANSACTION,
                                    &SqlState::T_R_SERIALIZATION_FAILURE,
                                    &SqlState::T_R_DEADLOCK_DETECTED,
                                    &SqlState::LOCK_NOT_AVAILABLE,
                                ]
                                .contains(&code)
                        }
                        // No SQLSTATE: the failure lies in the connection, not in the statement.
                        None => StdError::source(error).is_some_and(|source| source.is::<std::io::Error>()),
                    }
            }
        }
    }

    /// Whether the server cut the statement off after its `statement_timeout`.
    #[must_use]
    pub fn is_statement_timeout(&self) -> bool {
        self.sql_state() == Some(&SqlState::QUERY_CANCELED)
    }

    /// The SQLSTATE, where the server gave one.
    #[must_use]
    pub fn sql_state(&self) -> Option<&SqlState> {
        match self {
            Self::Statement(error) => error.code(),
            Self::Shared(error) => error.sql_state(),
            Self::NoConnection { .. }
            | Self::NoAnswer { .. }
            | Self::Missing(_)
            | Self::Refused(_)
            | Self::ClockOff
            | Self::ReadOnly => None,
        }
    }

    /// The name of the constraint that was violated, where that is what happened.
    #[must_use]
    pub fn constraint(&self) -> Option<&str> {
        match self {
            Self::Statement(error) => error.as_db_error().and_then(|error| error.constraint()),
            Self::Shared(error) => error.constraint(),
            Self::NoConnection { .. }
            | Self::NoAnswer { .. }
            | Self::Missing(_)
            | Self::Refused(_)
            | Self::ClockOff
            | Self::ReadOnly => None,
        }
    }
}

/// Whether `error`, or anything that caused it, is a serialization failure or a deadlock: the two
/// after which PostgreSQL's manual says to run the whole transaction again.
pub(crate) fn asks_for_retry(error: &(dyn StdError + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<tokio_postgres::Error>() {
            return matches!(
                error.code(),
                Some(&SqlState::T_R_SERIALIZATION_FAILURE | &SqlState::T_R_DEADLOCK_DETECTED)
            );
        }
        cause = error.source();
    }
    false
}
