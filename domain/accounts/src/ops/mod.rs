//! The writes of accounts, one a file: the command, its errors, the function.
//!
//! **Invariant:** an op owns its transaction, and everything that it changes is in that one, the event
//! that takes a right away included.

mod api_keys;
mod blocks;
mod people;
mod register;
mod reset;
mod sessions;
mod sign_in;

pub(crate) use api_keys::{KeyError, create_key, delete_key, update_key};
pub(crate) use blocks::{block_network, lift_block};
pub(crate) use people::{
    PersonError, create_admin, create_person, create_without_notice, delete_person, update_person,
};
pub(crate) use register::{RegisterError, register};
pub(crate) use reset::{
    ResetError, ask_for_reset, ask_for_verification, change_password, prove_password, reset_password, set_password,
    take_as_verified, verify_email,
};
pub(crate) use sessions::{RefreshError, end_other_sessions, end_session, refresh};
pub(crate) use sign_in::{SignInError, SignedInWith, Tokens, sign_in};

use entrepot_pg::{Error, Transaction};
use jiff::SignedDuration;
use uuid::Uuid;

use crate::model::Person;
use crate::notices::{About, Notice};
use crate::password::{HashError, weakness};
use crate::secret::Secret;
use crate::{Accounts, store};

/// Whether the caller accepts this present version of what it wants to change.
pub(crate) type Accepts<'a> = &'a (dyn Fn(i64) -> bool + Send + Sync);

/// How long a mailed token that proves an address is good for.
const VERIFY_WITHIN: SignedDuration = SignedDuration::from_hours(48);
/// How long a mailed token that sets a password is good for.
const RESET_WITHIN: SignedDuration = SignedDuration::from_hours(1);
/// The same for somebody who was invited.
const INVITE_WITHIN: SignedDuration = SignedDuration::from_hours(24 * 7);

/// What speaks against a password, told as a fault of the body.
pub(crate) fn password_fault(accounts: &Accounts, password: &str, own: &[&str]) -> Option<entrepot_web::Fault> {
    let found = weakness(password, accounts.settings.password_min_length, own)?;
    let (code, detail) = found.told();
    Some(entrepot_web::Fault::at("/password", code, detail))
}

/// Why a password could not be hashed, in two kinds.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PasswordError {
    #[error("too many passwords wait to be hashed")]
    Busy,
    #[error(transparent)]
    Failed(HashError),
}

impl From<HashError> for PasswordError {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Busy => Self::Busy,
            failed @ HashError::Failed(_) => Self::Failed(failed),
        }
    }
}

/// What a mailed token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    /// To prove the address.
    Verify,
    /// To set a password that was forgotten.
    Reset,
    /// To choose the first password.
    Invite,
}

impl Purpose {
    fn name(self) -> &'static str {
        match self {
            Self::Verify => "verify",
            Self::Reset | Self::Invite => "reset",
        }
    }

    fn within(self) -> SignedDuration {
        match self {
            Self::Verify => VERIFY_WITHIN,
            Self::Reset => RESET_WITHIN,
            Self::Invite => INVITE_WITHIN,
        }
    }
}

/// Has a token mailed once the transaction is committed.
async fn mail_token(
    transaction: &Transaction,
    accounts: &Accounts,
    person: Uuid,
    to: &str,
    name: &str,
    purpose: Purpose,
) -> Result<(), Error> {
    let token = store_token(transaction, accounts, person, to, purpose).await?;
    tell_token(transaction, accounts, token, to, name, purpose).await
}

/// Writes a token down that is to be mailed.
async fn store_token(
    transaction: &Transaction,
    accounts: &Accounts,
    person: Uuid,
    to: &str,
    purpose: Purpose,
) -> Result<Secret, Error> {
    let token = Secret::new("et_");
    let now = accounts.clock.now();
    let expires_at = now.checked_add(purpose.within()).unwrap_or(now);
    store::mail_token_insert(transaction, &token.hash(), person, purpose.name(), to, now, expires_at).await?;
    Ok(token)
}

/// Has it mailed.
async fn tell_token(
    transaction: &Transaction,
    accounts: &Accounts,
    token: Secret,
    to: &str,
    name: &str,
    purpose: Purpose,
) -> Result<(), Error> {
    let token = token.reveal().to_owned();
    let about = match purpose {
        Purpose::Verify => About::VerifyEmail(token),
        Purpose::Reset => About::ResetPassword(token),
        Purpose::Invite => About::Invited(token),
    };
    tell(transaction, accounts, Notice { to: to.to_owned(), name: name.to_owned(), about, good_for: purpose.within() })
        .await
}

/// Has a notice sent if the transaction commits: what did not happen is told to nobody.
async fn tell(transaction: &Transaction, accounts: &Accounts, notice: Notice) -> Result<(), Error> {
    accounts.notify.notify(transaction, notice).await
}

fn notice(person: &Person, about: About) -> Notice {
    Notice { to: person.email.clone(), name: person.name.clone(), about, good_for: SignedDuration::ZERO }
}
