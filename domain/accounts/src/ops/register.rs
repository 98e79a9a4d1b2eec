//! Opens an account for somebody who wants one.
//!
//! **Invariant:** the answer does not tell whether the address has an account already, and neither does
//! the time that it takes: the password is hashed in any case, and the database does the same work. Who has one is
//! told by mail.

use entrepot_contracts::{AccountChanged, Role};
use entrepot_pg::{Error, ScopedFutureExt as _, Transaction};
use uuid::Uuid;

use super::{PasswordError, Purpose, notice, store_token, tell, tell_token};
use crate::Accounts;
use crate::events::{person_changed, told};
use crate::model::Registration;
use crate::notices::About;
use crate::secret::Secret;
use crate::store::{self, NewPerson};

/// Why no account could be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RegisterError {
    #[error(transparent)]
    Password(#[from] PasswordError),
    #[error(transparent)]
    Database(#[from] Error),
}

/// Opens an account, unless the address has one.
pub(crate) async fn register(accounts: &Accounts, input: &Registration) -> Result<(), RegisterError> {
    let hash = accounts.hasher.hash(&input.password).await.map_err(PasswordError::from)?;
    let written = accounts
        .database
        .transaction(|transaction| {
            let hash = &*hash;
            async move { write(transaction, accounts, input, hash).await }.scope_boxed()
        })
        .await;
    match written {
        Ok(()) => {}
        // Two with the same address at the same moment: one of them has it.
        Err(error) if error.constraint() == Some("person_email_key") => {}
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

async fn write(transaction: &Transaction, accounts: &Accounts, input: &Registration, hash: &str) -> Result<(), Error> {
    if let Some(id) = store::person_by_email(transaction, &input.email).await? {
        let person =
            store::person_lock(transaction, id).await?.ok_or(Error::Missing("a person who was just locked"))?;
        // The same statements as for a new account, for nothing: else the time would tell.
        transaction.batch_execute("SAVEPOINT for_nothing").await?;
        let nobody = accounts.clock.new_id();
        insert(transaction, accounts, nobody, &format!("{nobody}@example.invalid"), &input.name, hash).await?;
        transaction.batch_execute("ROLLBACK TO for_nothing; RELEASE for_nothing").await?;
        accounts.feed.append(transaction, told(AccountChanged::REGISTERED_AGAIN, id, None)).await?;
        return tell(transaction, accounts, notice(&person, About::AlreadyRegistered)).await;
    }
    let id = accounts.clock.new_id();
    let token = insert(transaction, accounts, id, &input.email, &input.name, hash).await?;
    let event = person_changed(AccountChanged::CREATED, id, Some(Role::Customer));
    accounts.feed.append(transaction, event).await?;
    tell_token(transaction, accounts, token, &input.email, &input.name, Purpose::Verify).await
}

/// Writes an account down, and the token that proves its address.
async fn insert(
    transaction: &Transaction,
    accounts: &Accounts,
    id: Uuid,
    email: &str,
    name: &str,
    hash: &str,
) -> Result<Secret, Error> {
    let new = NewPerson { id, email, name, role: Role::Customer, stores: None, password_hash: Some(hash) };
    store::person_insert(transaction, &new, accounts.clock.now()).await?;
    store_token(transaction, accounts, id, email, Purpose::Verify).await
}
