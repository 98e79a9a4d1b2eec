//! Letters to people: what is to be told to somebody outside of the program.
//!
//! This is a port: whoever sends letters implements [`Notify`].
//!
//! **Invariant:** a token that proves something is in no log: what `Debug` shows of a notice has none.

use entrepot_pg::{Error, Transaction};
use futures_util::future::BoxFuture;
use jiff::SignedDuration;

/// What is to be told, and to whom.
#[derive(Clone, Debug)]
pub struct Notice {
    /// The address that it goes to.
    pub to: String,
    /// The person's name.
    pub name: String,
    /// What it says.
    pub about: About,
    /// How long its token is good for, where it has one.
    pub good_for: SignedDuration,
}

/// What a notice says.
#[derive(Clone)]
pub enum About {
    /// Prove that this address is yours, with this token.
    VerifyEmail(String),
    /// Choose a new password, with this token.
    ResetPassword(String),
    /// You have an account now: choose a password, with this token.
    Invited(String),
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
            Self::Invited(_) => "invited",
            Self::AlreadyRegistered => "already_registered",
            Self::AddressChanged => "address_changed",
            Self::PasswordChanged => "password_changed",
            Self::UnderAttack => "under_attack",
            Self::TokenReused => "token_reused",
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
    /// Has one sent, if and only if the transaction commits: what did not happen is told to nobody, and what did is
    /// told though the process dies a moment later. Sending itself is for later, when nobody waits.
    fn notify<'a>(&'a self, transaction: &'a Transaction, notice: Notice) -> BoxFuture<'a, Result<(), Error>>;
}
