//! API keys: written, looked up, deleted.

use entrepot_contracts::{ApiKeyId, PersonId, Role};
use entrepot_pg::{Error, Pooled, Transaction};
use entrepot_queries::client::Params as _;
use entrepot_queries::queries::accounts::keys::{self, KeyInsertParams, KeyRow, KeyUpdateParams};
use jiff::Timestamp;
use uuid::Uuid;

use crate::model::{ApiKey, Status};

fn api_key(row: KeyRow) -> ApiKey {
    ApiKey {
        id: ApiKeyId(row.id),
        person_id: PersonId(row.person_id),
        name: row.name,
        prefix: row.prefix,
        scopes: row.scopes,
        created_at: row.created_at,
        updated_at: row.updated_at,
        expires_at: row.expires_at,
        last_used_at: row.last_used_at,
        version: row.version,
    }
}

/// `made_as` is the owner's role, beyond which the key never reaches.
pub(crate) async fn key_insert(
    transaction: &Transaction,
    key: &ApiKey,
    made_as: Role,
    hash: &[u8; 32],
) -> Result<(), Error> {
    let params = KeyInsertParams {
        role: made_as.name(),
        id: key.id.0,
        person_id: key.person_id.0,
        name: &*key.name,
        prefix: &*key.prefix,
        hash: &hash[..],
        scopes: &key.scopes,
        now: key.created_at,
        expires_at: key.expires_at,
    };
    keys::key_insert().params(transaction.client(), &params).await?;
    Ok(())
}

pub(crate) async fn key_count(transaction: &Transaction, person: Uuid) -> Result<i64, Error> {
    Ok(keys::key_count().bind(transaction.client(), &person).one().await?)
}

/// What an API key stands for at this moment.
#[derive(Clone, Debug)]
pub(crate) struct KeyState {
    pub(crate) id: Uuid,
    pub(crate) person_id: Uuid,
    pub(crate) hash: Vec<u8>,
    pub(crate) scopes: Vec<String>,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) role: Option<Role>,
    /// The owner's role when the scopes were said.
    pub(crate) made_as: Role,
    pub(crate) is_active: bool,
    pub(crate) stores: Option<Vec<String>>,
}

pub(crate) async fn key_state(client: &Pooled, prefix: &str) -> Result<Option<KeyState>, Error> {
    let row = keys::key_identity().bind(client, &prefix).opt().await?;
    Ok(row.map(|row| KeyState {
        id: row.id,
        person_id: row.person_id,
        hash: row.hash,
        scopes: row.scopes,
        expires_at: row.expires_at,
        role: Role::named(&row.role),
        made_as: Role::named(&row.made_as).unwrap_or(Role::Customer),
        is_active: row.status == Status::Active.name(),
        stores: within_both(row.stores, row.made_for),
    }))
}

pub(crate) async fn key_by_id(client: &Pooled, id: Uuid, owner: Option<Uuid>) -> Result<Option<ApiKey>, Error> {
    Ok(keys::key_by_id().bind(client, &id, &owner).opt().await?.map(api_key))
}

pub(crate) async fn key_lock(
    transaction: &Transaction,
    id: Uuid,
    owner: Option<Uuid>,
) -> Result<Option<ApiKey>, Error> {
    Ok(keys::key_lock().bind(transaction.client(), &id, &owner).opt().await?.map(api_key))
}

pub(crate) async fn key_update(transaction: &Transaction, key: &ApiKey, made_as: Role) -> Result<(), Error> {
    let params = KeyUpdateParams {
        role: made_as.name(),
        name: &*key.name,
        scopes: &key.scopes,
        expires_at: key.expires_at,
        now: key.updated_at,
        id: key.id.0,
    };
    keys::key_update().params(transaction.client(), &params).await?;
    Ok(())
}

pub(crate) async fn key_delete(transaction: &Transaction, id: Uuid) -> Result<(), Error> {
    keys::key_delete().bind(transaction.client(), &id).await?;
    Ok(())
}

/// What is left of two restrictions.
fn within_both(now: Option<Vec<String>>, then: Option<Vec<String>>) -> Option<Vec<String>> {
    match (now, then) {
        (Some(now), Some(then)) => Some(now.into_iter().filter(|store| then.contains(store)).collect()),
        (now, then) => now.or(then),
    }
}

/// Says of all keys of a person that they were made before the address was proven that there is now.
pub(crate) async fn keys_unproven(transaction: &Transaction, person: Uuid) -> Result<(), Error> {
    keys::keys_unproven().bind(transaction.client(), &person).await?;
    Ok(())
}

/// Deletes the keys of a person that were made while the address was not proven; which those were.
pub(crate) async fn keys_delete_unproven(transaction: &Transaction, person: Uuid) -> Result<Vec<Uuid>, Error> {
    Ok(keys::keys_delete_unproven().bind(transaction.client(), &person).all().await?)
}

pub(crate) async fn key_used(client: &Pooled, id: Uuid, now: Timestamp) -> Result<(), Error> {
    keys::key_used().bind(client, &now, &id).await?;
    Ok(())
}
