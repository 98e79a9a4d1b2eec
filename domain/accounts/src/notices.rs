//! Letters to people: what is to be told to somebody outside of the program.
//!
//! This is a port: whoever sends mail implements [`Notify`]. Until somebody does, [`Unsent`] writes down
//! that something was to be sent, and in development what it would have said.
//!
//! **Invariant:** a token that proves something is written to the log in development only.

use futures_util::future::BoxFuture;

/// What is to be told, and to whom.
#[derive(Clone, Debug)]
pub struct Notice {
    /// The address that it goes to.
    pub to: String,
    /// The person's name.
    pub name: String,
    /// What it says.
    pub about: About,
}

/// What a notice says.
#[derive(Clone)]
pub enum About {
    /// Prove that this address is yours, with this token.
    VerifyEmail(String),
    /// Choose a new password, with this token.
    ResetPassword(String),
    /// Somebody wanted to open an account with this address, which has one.
    AlreadyRegistered,
    /// Your account has another address now.
    AddressChanged,
    /// Your password was changed.
    PasswordChanged,
    /// Somebody keeps trying to sign in as you.
    UnderAttack,
    /// A token of yours came twice, so it may have been stolen; its session was ended.
    TokenReused,
}

impl About {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::VerifyEmail(_) => "verify_email",
            Self::ResetPassword(_) => "reset_password",
            Self::AlreadyRegistered => "already_registered",
            Self::AddressChanged => "address_changed",
            Self::PasswordChanged => "password_changed",
            Self::UnderAttack => "under_attack",
            Self::TokenReused => "token_reused",
        }
    }

    fn token(&self) -> Option<&str> {
        match self {
            Self::VerifyEmail(token) | Self::ResetPassword(token) => Some(token),
            _ => None,
        }
    }
}

impl std::fmt::Debug for About {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.name())
    }
}

/// Sends notices.
pub trait Notify: Send + Sync + 'static {
    /// Sends one. It is not waited for by whoever caused it, and must have a bound of its own.
    fn notify(&self, notice: Notice) -> BoxFuture<'static, ()>;
}

/// Sends nothing.
#[derive(Clone, Copy, Debug)]
pub struct Unsent {
    /// Whether tokens are written to the log.
    pub is_development: bool,
}

impl Notify for Unsent {
    fn notify(&self, notice: Notice) -> BoxFuture<'static, ()> {
        let about = notice.about.name();
        match notice.about.token().filter(|_| self.is_development) {
            Some(token) => tracing::info!(to = notice.to, about, token, "this would have been mailed (development)"),
            None => tracing::warn!(about, "a notice was not sent: there is no mail yet"),
        }
        Box::pin(std::future::ready(()))
    }
}
