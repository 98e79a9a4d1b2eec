//! Accounts as admins make, change and delete them, and as people change their own.
//!
//! **Invariants:**
//! - There is always an admin who can sign in: the last one is neither changed into something else nor
//!   blocked nor deleted.
//! - Nobody gives more than they have: whoever is restricted to stores makes and changes only accounts that are
//!   restricted to some of these (`reach`).
//! - What was mailed to choose a password is worth nothing once the account is blocked or deleted.
//! - A change of role, status or stores, and a deletion, makes all access tokens worthless (a new epoch); a block
//!   and a deletion end all sessions.

use entrepot_contracts::{AccountChanged, Role};
use entrepot_pg::{Error, ScopedFutureExt as _, Transaction};
use uuid::Uuid;

use super::{Accepts, PasswordError, Purpose, mail_token, notice, password_fault, tell};
use crate::Accounts;
use crate::events::{person_changed, told};
use crate::model::{Person, PersonInput, PersonPatch, Status, is_within};
use crate::notices::About;
use crate::store::{self, NewPerson};

/// Why an account was not made or changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PersonError {
    #[error("there is no such account")]
    NotFound,
    #[error("the account has another version")]
    MovedOn(i64),
    #[error("another account has the address")]
    DuplicateEmail,
    #[error("nobody else is an admin")]
    LastAdmin,
    #[error("the account's stores are not among those that the caller is restricted to")]
    BeyondReach,
    #[error("the password is not taken")]
    Weak(entrepot_web::Fault),
    #[error(transparent)]
    Password(#[from] PasswordError),
    #[error(transparent)]
    Database(Error),
}

impl From<Error> for PersonError {
    fn from(error: Error) -> Self {
        match error.constraint() {
            Some("person_email_key") => Self::DuplicateEmail,
            _ => Self::Database(error),
        }
    }
}

/// The stores that whoever asks is restricted to; `None` for those who are restricted to none.
pub(crate) type Reach<'a> = Option<&'a [String]>;

/// Makes an account. Without a password the person is sent a token to choose one.
pub(crate) async fn create_person(
    accounts: &Accounts,
    input: &PersonInput,
    reach: Reach<'_>,
) -> Result<Person, PersonError> {
    if !is_within(input.stores.as_deref(), reach) {
        return Err(PersonError::BeyondReach);
    }
    let hash = match &input.password {
        None => None,
        Some(password) => {
            if let Some(fault) = password_fault(accounts, password, &[&input.email, &input.name]) {
                return Err(PersonError::Weak(fault));
            }
            Some(accounts.hasher.hash(password).await.map_err(PasswordError::from)?)
        }
    };
    create(accounts, input, hash.as_deref(), true).await
}

/// Makes an admin whose password nobody judged.
pub(crate) async fn create_admin(accounts: &Accounts, input: &PersonInput, hash: &str) -> Result<Person, PersonError> {
    create(accounts, input, Some(hash), false).await
}

/// Makes an account that nobody signs in to.
pub(crate) async fn create_without_notice(accounts: &Accounts, input: &PersonInput) -> Result<Person, PersonError> {
    create(accounts, input, None, false).await
}

async fn create(
    accounts: &Accounts,
    input: &PersonInput,
    hash: Option<&str>,
    is_told: bool,
) -> Result<Person, PersonError> {
    accounts
        .database
        .transaction(|transaction| {
            async move {
                let id = accounts.clock.new_id();
                let PersonInput { email, name, role, stores, .. } = input;
                let new = NewPerson { id, email, name, role: *role, stores: stores.as_deref(), password_hash: hash };
                store::person_insert(transaction, &new, accounts.clock.now()).await?;
                accounts.feed.append(transaction, person_changed(AccountChanged::CREATED, id, Some(*role))).await?;
                if is_told {
                    let purpose = if hash.is_some() { Purpose::Verify } else { Purpose::Invite };
                    mail_token(transaction, accounts, id, email, name, purpose).await?;
                }
                locked(transaction, id).await
            }
            .scope_boxed()
        })
        .await
}

/// The account, if whoever asks reaches it: else it is none that they know of.
async fn reached(transaction: &Transaction, id: Uuid, reach: Reach<'_>) -> Result<Person, PersonError> {
    let person = locked(transaction, id).await?;
    if person.is_within(reach) { Ok(person) } else { Err(PersonError::NotFound) }
}

async fn locked(transaction: &Transaction, id: Uuid) -> Result<Person, PersonError> {
    store::person_lock(transaction, id).await?.ok_or(PersonError::NotFound)
}

/// Changes an account.
pub(crate) async fn update_person(
    accounts: &Accounts,
    id: Uuid,
    reach: Reach<'_>,
    accepts: Accepts<'_>,
    patch: &PersonPatch,
) -> Result<Person, PersonError> {
    accounts
        .database
        .transaction(|transaction| {
            async move { update(transaction, accounts, id, reach, accepts, patch).await }.scope_boxed()
        })
        .await
}

async fn update(
    transaction: &Transaction,
    accounts: &Accounts,
    id: Uuid,
    reach: Reach<'_>,
    accepts: Accepts<'_>,
    patch: &PersonPatch,
) -> Result<Person, PersonError> {
    // Always in this order: the admins, then the one who is changed.
    let touches_rights = patch.role.is_some() || patch.status.is_some();
    let admins = if touches_rights { store::admins(transaction).await? } else { Vec::new() };
    let before = reached(transaction, id, reach).await?;
    if !accepts(before.version) {
        return Err(PersonError::MovedOn(before.version));
    }
    let mut after = before.clone();
    after.email = patch.email.clone().unwrap_or(after.email);
    after.name = patch.name.clone().unwrap_or(after.name);
    after.role = patch.role.unwrap_or(after.role);
    after.status = patch.status.unwrap_or(after.status);
    after.stores = patch.stores.clone().unwrap_or(after.stores);
    let same = (&after.email, &after.name, after.role, after.status, &after.stores)
        == (&before.email, &before.name, before.role, before.status, &before.stores);
    if same {
        return Ok(before);
    }
    if !after.is_within(reach) {
        return Err(PersonError::BeyondReach);
    }
    let stays_admin = after.role == Role::Admin && after.status == Status::Active;
    if admins == [id] && !stays_admin {
        return Err(PersonError::LastAdmin);
    }
    let now = accounts.clock.now();
    store::person_update(transaction, &after, now).await?;
    let rights_changed = (after.role, after.status, &after.stores) != (before.role, before.status, &before.stores);
    if after.status == Status::Blocked && before.status != Status::Blocked {
        store::sessions_revoke(transaction, id, None, "blocked", now).await?;
        store::mail_tokens_drop(transaction, id, Purpose::Reset.name()).await?;
    }
    let role = (after.role != before.role).then_some(after.role);
    let event = if rights_changed {
        person_changed(AccountChanged::UPDATED, id, role)
    } else {
        told(AccountChanged::UPDATED, id, None)
    };
    accounts.feed.append(transaction, event).await?;
    if !after.email.eq_ignore_ascii_case(&before.email) {
        // What was mailed to the old address is worth nothing any more, and whoever reads it is told.
        store::mail_tokens_drop(transaction, id, Purpose::Reset.name()).await?;
        store::keys_unproven(transaction, id).await?;
        // Who has no password yet was invited there, and is invited here now.
        let purpose = if before.has_password { Purpose::Verify } else { Purpose::Invite };
        mail_token(transaction, accounts, id, &after.email, &after.name, purpose).await?;
        tell(transaction, accounts, notice(&before, About::AddressChanged)).await?;
    }
    locked(transaction, id).await
}

/// Deletes an account: it can be signed in to no longer, and its address is free. What it did stays in
/// the audit log.
pub(crate) async fn delete_person(
    accounts: &Accounts,
    id: Uuid,
    reach: Reach<'_>,
    accepts: Accepts<'_>,
) -> Result<(), PersonError> {
    accounts
        .database
        .transaction(|transaction| {
            async move {
                let admins = store::admins(transaction).await?;
                let person = reached(transaction, id, reach).await?;
                if !accepts(person.version) {
                    return Err(PersonError::MovedOn(person.version));
                }
                if admins == [id] {
                    return Err(PersonError::LastAdmin);
                }
                let now = accounts.clock.now();
                store::person_delete(transaction, id, now).await?;
                store::sessions_revoke(transaction, id, None, "deleted", now).await?;
                store::mail_tokens_drop(transaction, id, Purpose::Reset.name()).await?;
                accounts.feed.append(transaction, person_changed(AccountChanged::DELETED, id, None)).await?;
                Ok(())
            }
            .scope_boxed()
        })
        .await
}
