//! Passwords that are changed or forgotten, and addresses that are proven.
//!
//! **Invariants:**
//! - Whoever sets a password by a mailed token has proven to read that address.
//! - A new password ends all other sessions and makes all older access tokens worthless (a new epoch).
//! - A new password makes every token worthless that was mailed to set one.
//! - Once an address is proven, no API key is left that was made while it was not: whoever registered somebody else's
//!   address keeps none.
//! - Asking for a token gets the same answer whether the account exists or not.

use entrepot_contracts::AccountChanged;
use entrepot_pg::{Error, ScopedFutureExt as _, Transaction};
use uuid::Uuid;

use super::{PasswordError, Purpose, mail_token, notice, tell};
use crate::events::{key_changed, person_changed, told};
use crate::model::{Person, Status};
use crate::notices::About;
use crate::secret::hash;
use crate::{Accounts, store};

/// Why a password was not set.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ResetError {
    #[error("the token is not valid")]
    InvalidToken,
    #[error("the current password is wrong")]
    WrongPassword,
    #[error("the password is not taken")]
    Weak(entrepot_web::Fault),
    #[error(transparent)]
    Password(#[from] PasswordError),
    #[error(transparent)]
    Database(#[from] Error),
}

/// Has a token mailed that sets a new password, if the address has an account.
pub(crate) async fn ask_for_reset(accounts: &Accounts, email: &str) -> Result<(), Error> {
    accounts
        .database
        .transaction(|transaction| {
            async move {
                let Some(id) = store::person_by_email(transaction, email).await? else { return Ok(()) };
                let person = store::person_lock(transaction, id).await?;
                let Some(person) = person.filter(|person| person.status == Status::Active) else { return Ok(()) };
                mail_token(transaction, accounts, id, &person.email, &person.name, Purpose::Reset).await
            }
            .scope_boxed()
        })
        .await
}

/// Has a token mailed that proves the address, unless it is proven.
pub(crate) async fn ask_for_verification(accounts: &Accounts, person: Uuid) -> Result<(), Error> {
    accounts
        .database
        .transaction(|transaction| {
            async move {
                let person = store::person_lock(transaction, person).await?;
                let Some(person) = person.filter(|person| !person.email_verified) else { return Ok(()) };
                mail_token(transaction, accounts, person.id.0, &person.email, &person.name, Purpose::Verify).await
            }
            .scope_boxed()
        })
        .await
}

/// Takes an address as proven because somebody says so who runs the program.
pub(crate) async fn take_as_verified(accounts: &Accounts, person: Uuid, email: &str) -> Result<(), Error> {
    let key = email.to_ascii_lowercase();
    accounts
        .database
        .transaction(|transaction| {
            let key = &*key;
            async move {
                prove(transaction, accounts, person, key).await?;
                Ok(())
            }
            .scope_boxed()
        })
        .await
}

/// Proves that it is this person who asks, by the password.
pub(crate) async fn prove_password(accounts: &Accounts, person: Uuid, password: &str) -> Result<(), ResetError> {
    let client = accounts.database.client().await?;
    let kept = store::password_of(&client, person).await?;
    drop(client);
    let compared = accounts.hasher.compare(password, kept).await.map_err(PasswordError::from)?;
    if compared.is_right { Ok(()) } else { Err(ResetError::WrongPassword) }
}

/// Takes an address as proven. Tells whether the token was good.
pub(crate) async fn verify_email(accounts: &Accounts, token: &str) -> Result<bool, Error> {
    let hash = hash(token);
    accounts
        .database
        .transaction(|transaction| {
            async move {
                let now = accounts.clock.now();
                let Some((person, key)) = store::mail_token_take(transaction, &hash, "verify", now).await? else {
                    return Ok(false);
                };
                // Under the person's lock, so that no key is made meanwhile.
                store::person_lock(transaction, person).await?;
                prove(transaction, accounts, person, &key).await?;
                Ok::<_, Error>(true)
            }
            .scope_boxed()
        })
        .await
}

/// Takes an address as proven, and keys that were made before it was as somebody else's.
async fn prove(transaction: &Transaction, accounts: &Accounts, person: Uuid, email_key: &str) -> Result<(), Error> {
    if !store::person_verify_email(transaction, person, email_key, accounts.clock.now()).await? {
        return Ok(());
    }
    accounts.feed.append(transaction, told(AccountChanged::EMAIL_VERIFIED, person, None)).await?;
    for key in store::keys_delete_unproven(transaction, person).await? {
        accounts.feed.append(transaction, key_changed(AccountChanged::KEY_DELETED, person, key)).await?;
    }
    Ok(())
}

/// Sets a password by a token that was mailed.
pub(crate) async fn reset_password(accounts: &Accounts, token: &str, password: &str) -> Result<(), ResetError> {
    // Hashed first: not while the person's row is locked.
    let new = accounts.hasher.hash(password).await.map_err(PasswordError::from)?;
    let hash = hash(token);
    accounts
        .database
        .transaction(|transaction| {
            let new = &*new;
            async move {
                let now = accounts.clock.now();
                let taken = store::mail_token_take(transaction, &hash, "reset", now).await?;
                let (id, key) = taken.ok_or(ResetError::InvalidToken)?;
                let person = store::person_lock(transaction, id).await?;
                let person = person.filter(|person| person.status == Status::Active).ok_or(ResetError::InvalidToken)?;
                let own = [&*person.email, &*person.name];
                if let Some(fault) = super::password_fault(accounts, password, &own) {
                    // The token stays good, as nothing of this is committed.
                    return Err(ResetError::Weak(fault));
                }
                set(transaction, accounts, &person, new, None).await?;
                prove(transaction, accounts, id, &key).await?;
                Ok(())
            }
            .scope_boxed()
        })
        .await
}

/// Sets a password by the one that there was. The session that asks goes on.
pub(crate) async fn change_password(
    accounts: &Accounts,
    person: Uuid,
    session: Option<Uuid>,
    current: &str,
    password: &str,
) -> Result<(), ResetError> {
    prove_password(accounts, person, current).await?;
    let new = accounts.hasher.hash(password).await.map_err(PasswordError::from)?;
    accounts
        .database
        .transaction(|transaction| {
            let new = &*new;
            async move {
                let person = store::person_lock(transaction, person).await?.ok_or(ResetError::WrongPassword)?;
                let own = [&*person.email, &*person.name];
                if let Some(fault) = super::password_fault(accounts, password, &own) {
                    return Err(ResetError::Weak(fault));
                }
                set(transaction, accounts, &person, new, session).await?;
                Ok(())
            }
            .scope_boxed()
        })
        .await
}

/// Sets a password that nobody judged, for who has none or lost it.
pub(crate) async fn set_password(accounts: &Accounts, person: Uuid, hash: &str) -> Result<(), Error> {
    accounts
        .database
        .transaction(|transaction| {
            async move {
                let person = store::person_lock(transaction, person).await?;
                let person = person.ok_or(Error::Missing("the person whose password is set"))?;
                set(transaction, accounts, &person, hash, None).await
            }
            .scope_boxed()
        })
        .await
}

async fn set(
    transaction: &Transaction,
    accounts: &Accounts,
    person: &Person,
    hash: &str,
    but: Option<Uuid>,
) -> Result<(), Error> {
    let (id, now) = (person.id.0, accounts.clock.now());
    store::person_set_password(transaction, id, hash, now).await?;
    store::sessions_revoke(transaction, id, but, "password changed", now).await?;
    // What was mailed to set another one has had its day.
    store::mail_tokens_drop(transaction, id, Purpose::Reset.name()).await?;
    accounts.feed.append(transaction, person_changed(AccountChanged::PASSWORD_CHANGED, id, None)).await?;
    tell(transaction, accounts, notice(person, About::PasswordChanged)).await?;
    Ok(())
}
