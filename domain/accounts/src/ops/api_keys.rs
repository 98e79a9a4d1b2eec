//! API keys: made, changed, deleted.
//!
//! **Invariants:**
//! - The key itself is told once, by the answer that made it.
//! - A key may not be made for more than its owner may do. If the owner may do less later, so may the key; if the
//!   owner may do more, the key may not, until its scopes are said again.

use entrepot_contracts::{AccountChanged, ApiKeyId, PersonId, Role};
use entrepot_pg::{Error, ScopedFutureExt as _};
use uuid::Uuid;

use super::Accepts;
use crate::events::key_changed;
use crate::identity::{KEY_PREFIX, SHOWN};
use crate::model::{ApiKey, KeyInput};
use crate::permissions;
use crate::secret::Secret;
use crate::{Accounts, store};

/// Keys of one person at the most.
const MOST_KEYS: i64 = 100;

/// Why a key was not made or changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyError {
    #[error("there is no such key")]
    NotFound,
    #[error("the key has another version")]
    MovedOn(i64),
    #[error("the person has too many keys")]
    TooMany,
    #[error("the owner has no permission for {0}")]
    BeyondOwner(String),
    #[error(transparent)]
    Database(#[from] Error),
}

fn within(role: Role, scopes: &[String]) -> Result<(), KeyError> {
    match scopes.iter().find(|scope| permissions::granted(role, scope).is_none()) {
        Some(beyond) => Err(KeyError::BeyondOwner(beyond.clone())),
        None => Ok(()),
    }
}

/// Makes a key, which is the second half of what is returned.
pub(crate) async fn create_key(
    accounts: &Accounts,
    owner: Uuid,
    role: Role,
    input: &KeyInput,
) -> Result<(ApiKey, Secret), KeyError> {
    within(role, &input.scopes)?;
    let secret = Secret::new(KEY_PREFIX);
    let now = accounts.clock.now();
    let key = ApiKey {
        id: ApiKeyId(accounts.clock.new_id()),
        person_id: PersonId(owner),
        name: input.name.clone(),
        prefix: secret.reveal()[..SHOWN].to_owned(),
        scopes: input.scopes.clone(),
        created_at: now,
        updated_at: now,
        expires_at: input.expires_at,
        last_used_at: None,
        version: 1,
    };
    accounts
        .database
        .transaction(|transaction| {
            let (key, secret) = (&key, &secret);
            async move {
                // Under the owner's lock, so that the count holds.
                store::person_lock(transaction, owner).await?.ok_or(KeyError::NotFound)?;
                if store::key_count(transaction, owner).await? >= MOST_KEYS {
                    return Err(KeyError::TooMany);
                }
                store::key_insert(transaction, key, role, &secret.hash()).await?;
                let event = key_changed(AccountChanged::KEY_CREATED, owner, key.id.0);
                accounts.feed.append(transaction, event).await?;
                Ok(())
            }
            .scope_boxed()
        })
        .await?;
    Ok((key, secret))
}

/// Changes a key. `owner` narrows it to that person's own.
pub(crate) async fn update_key(
    accounts: &Accounts,
    id: Uuid,
    owner: Option<Uuid>,
    accepts: Accepts<'_>,
    change: &(dyn Fn(&ApiKey) -> Result<KeyInput, Vec<entrepot_web::Fault>> + Send + Sync),
) -> Result<Result<ApiKey, Vec<entrepot_web::Fault>>, KeyError> {
    accounts
        .database
        .transaction(|transaction| {
            async move {
                let mut key = store::key_lock(transaction, id, owner).await?.ok_or(KeyError::NotFound)?;
                if !accepts(key.version) {
                    return Err(KeyError::MovedOn(key.version));
                }
                let input = match change(&key) {
                    Ok(input) => input,
                    Err(faults) => return Ok(Err(faults)),
                };
                let holder = store::person_lock(transaction, key.person_id.0).await?.ok_or(KeyError::NotFound)?;
                within(holder.role, &input.scopes)?;
                (key.name, key.scopes, key.expires_at) = (input.name, input.scopes, input.expires_at);
                key.updated_at = accounts.clock.now();
                store::key_update(transaction, &key, holder.role).await?;
                key.version += 1;
                let event = key_changed(AccountChanged::KEY_UPDATED, key.person_id.0, id);
                accounts.feed.append(transaction, event).await?;
                Ok(Ok(key))
            }
            .scope_boxed()
        })
        .await
}

/// Deletes a key: from now on it opens nothing.
pub(crate) async fn delete_key(
    accounts: &Accounts,
    id: Uuid,
    owner: Option<Uuid>,
    accepts: Accepts<'_>,
) -> Result<(), KeyError> {
    accounts
        .database
        .transaction(|transaction| {
            async move {
                let key = store::key_lock(transaction, id, owner).await?.ok_or(KeyError::NotFound)?;
                if !accepts(key.version) {
                    return Err(KeyError::MovedOn(key.version));
                }
                store::key_delete(transaction, id).await?;
                let event = key_changed(AccountChanged::KEY_DELETED, key.person_id.0, id);
                accounts.feed.append(transaction, event).await?;
                Ok(())
            }
            .scope_boxed()
        })
        .await
}
