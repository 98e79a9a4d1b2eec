//! What accounts ask of the database: typed queries, and the lists in `lists.rs`. No policy.

mod keys;
mod lists;

use entrepot_contracts::{BlockId, PersonId, Role, SessionId};
use entrepot_pg::{Error, Pooled, Transaction};
use entrepot_queries::client::Params as _;
use entrepot_queries::queries::accounts::audit;
use entrepot_queries::queries::accounts::blocks::{self, BlockInsertParams, BlockLiftParams, BlockRow};
use entrepot_queries::queries::accounts::people::{self, PersonInsertParams, PersonRow, PersonUpdateParams};
use entrepot_queries::queries::accounts::sessions::{
    self, MailTokenInsertParams, RefreshInsertParams, SessionInsertParams, SessionsRevokeOfParams,
};
use jiff::Timestamp;
use postgres_types::Json;
use serde_json::Value;
use uuid::Uuid;

use crate::model::{Block, Person, Session, Status};

pub(crate) use keys::{
    key_by_id, key_count, key_delete, key_insert, key_lock, key_state, key_update, key_used, keys_delete_unproven,
    keys_unproven,
};
pub(crate) use lists::{Filter, ListError, audit_list, audit_rows, block_list, key_list, person_list};

fn person(row: PersonRow) -> Person {
    Person {
        id: PersonId(row.id),
        email: row.email,
        name: row.name,
        // The type of the column has these and no others, but for `deleted`, which is not read.
        role: Role::named(&row.role).unwrap_or(Role::Customer),
        status: Status::named(&row.status).unwrap_or(Status::Blocked),
        email_verified: row.email_verified_at.is_some(),
        last_sign_in_at: row.last_sign_in_at,
        stores: row.stores,
        created_at: row.created_at,
        updated_at: row.updated_at,
        has_password: row.has_password,
        epoch: row.epoch,
        version: row.version,
    }
}

fn block(row: BlockRow) -> Block {
    Block {
        id: BlockId(row.id),
        network: row.network,
        reason: row.reason,
        created_by: row.created_by.map(PersonId),
        created_at: row.created_at,
        expires_at: row.expires_at,
        lifted_at: row.lifted_at,
        lifted_by: row.lifted_by.map(PersonId),
    }
}

/// Somebody to be put in.
#[derive(Clone, Debug)]
pub(crate) struct NewPerson<'a> {
    pub(crate) id: Uuid,
    pub(crate) email: &'a str,
    pub(crate) name: &'a str,
    pub(crate) role: Role,
    pub(crate) stores: Option<&'a [String]>,
    pub(crate) password_hash: Option<&'a str>,
}

pub(crate) async fn person_insert(transaction: &Transaction, new: &NewPerson<'_>, now: Timestamp) -> Result<(), Error> {
    let NewPerson { id, email, name, role, stores, password_hash } = *new;
    let params = PersonInsertParams { id, email, name, role: role.name(), stores, password_hash, now };
    people::person_insert().params(transaction.client(), &params).await?;
    Ok(())
}

pub(crate) async fn person_by_id(client: &Pooled, id: Uuid) -> Result<Option<Person>, Error> {
    Ok(people::person_by_id().bind(client, &id).opt().await?.map(person))
}

pub(crate) async fn person_lock(transaction: &Transaction, id: Uuid) -> Result<Option<Person>, Error> {
    Ok(people::person_lock().bind(transaction.client(), &id).opt().await?.map(person))
}

/// What a sign-in is compared with.
#[derive(Clone, Debug)]
pub(crate) struct Credentials {
    pub(crate) id: Uuid,
    pub(crate) password_hash: Option<String>,
    pub(crate) is_active: bool,
    pub(crate) is_verified: bool,
}

pub(crate) async fn credentials(client: &Pooled, email: &str) -> Result<Option<Credentials>, Error> {
    let row = people::person_credentials().bind(client, &email).opt().await?;
    Ok(row.map(|row| Credentials {
        id: row.id,
        password_hash: row.password_hash,
        is_active: row.status == Status::Active.name(),
        is_verified: row.is_verified,
    }))
}

/// Accounts behind this one whose addresses are not ASCII, in the order of their ids.
pub(crate) async fn odd_addresses(client: &Pooled, behind: Uuid) -> Result<Vec<(Uuid, String)>, Error> {
    let rows = people::people_with_odd_addresses().bind(client, &behind).all().await?;
    Ok(rows.into_iter().map(|row| (row.id, row.email)).collect())
}

/// Gives an account another form of its address, unless that is somebody else's.
pub(crate) async fn set_address(client: &Pooled, id: Uuid, email: &str, now: Timestamp) -> Result<bool, Error> {
    Ok(people::person_set_address().bind(client, &email, &now, &id).await? > 0)
}

pub(crate) async fn password_of(client: &Pooled, id: Uuid) -> Result<Option<String>, Error> {
    Ok(people::person_password().bind(client, &id).opt().await?.flatten())
}

pub(crate) async fn person_by_email(transaction: &Transaction, email: &str) -> Result<Option<Uuid>, Error> {
    Ok(people::person_id_by_email().bind(transaction.client(), &email).opt().await?)
}

pub(crate) async fn person_update(transaction: &Transaction, person: &Person, now: Timestamp) -> Result<(), Error> {
    let params = PersonUpdateParams {
        name: &*person.name,
        email: &*person.email,
        role: person.role.name(),
        status: person.status.name(),
        stores: person.stores.as_deref(),
        now,
        id: person.id.0,
    };
    people::person_update().params(transaction.client(), &params).await?;
    Ok(())
}

pub(crate) async fn person_set_password(
    transaction: &Transaction,
    id: Uuid,
    hash: &str,
    now: Timestamp,
) -> Result<(), Error> {
    people::person_set_password().bind(transaction.client(), &hash, &now, &id).await?;
    Ok(())
}

pub(crate) async fn person_rehash(client: &Pooled, id: Uuid, old: &str, new: &str) -> Result<(), Error> {
    people::person_rehash().bind(client, &new, &id, &old).await?;
    Ok(())
}

pub(crate) async fn person_verify_email(
    transaction: &Transaction,
    id: Uuid,
    key: &str,
    now: Timestamp,
) -> Result<bool, Error> {
    Ok(people::person_verify_email().bind(transaction.client(), &now, &id, &key).await? > 0)
}

pub(crate) async fn person_signed_in(transaction: &Transaction, id: Uuid, now: Timestamp) -> Result<(), Error> {
    people::person_signed_in().bind(transaction.client(), &now, &id).await?;
    Ok(())
}

pub(crate) async fn person_delete(transaction: &Transaction, id: Uuid, now: Timestamp) -> Result<(), Error> {
    people::person_delete().bind(transaction.client(), &now, &id).await?;
    Ok(())
}

/// The admins who can sign in, locked.
pub(crate) async fn admins(transaction: &Transaction) -> Result<Vec<Uuid>, Error> {
    Ok(people::admins().bind(transaction.client()).all().await?)
}

/// A session to be put in.
#[derive(Clone, Debug)]
pub(crate) struct NewSession<'a> {
    pub(crate) id: Uuid,
    pub(crate) person_id: Uuid,
    pub(crate) cookie_hash: Option<[u8; 32]>,
    pub(crate) address: Option<String>,
    pub(crate) network: Option<String>,
    pub(crate) user_agent: Option<&'a str>,
    pub(crate) expires_at: Timestamp,
}

pub(crate) async fn session_insert(
    transaction: &Transaction,
    new: &NewSession<'_>,
    now: Timestamp,
) -> Result<(), Error> {
    let params = SessionInsertParams {
        id: new.id,
        person_id: new.person_id,
        kind: if new.cookie_hash.is_some() { "cookie" } else { "token" },
        cookie_hash: new.cookie_hash.as_ref().map(|hash| &hash[..]),
        address: new.address.as_deref(),
        network: new.network.as_deref(),
        user_agent: new.user_agent,
        now,
        expires_at: new.expires_at,
    };
    sessions::session_insert().params(transaction.client(), &params).await?;
    Ok(())
}

/// What a session stands for at this moment.
#[derive(Clone, Debug)]
pub(crate) struct SessionState {
    pub(crate) id: Uuid,
    pub(crate) person_id: Uuid,
    pub(crate) role: Option<Role>,
    pub(crate) is_active: bool,
    pub(crate) epoch: i32,
    pub(crate) stores: Option<Vec<String>>,
    pub(crate) is_revoked: bool,
    pub(crate) last_used_at: Option<Timestamp>,
    pub(crate) expires_at: Timestamp,
}

pub(crate) async fn session_state(client: &Pooled, id: Uuid) -> Result<Option<SessionState>, Error> {
    let row = sessions::session_identity().bind(client, &id).opt().await?;
    Ok(row.map(|row| SessionState {
        id,
        person_id: row.person_id,
        role: Role::named(&row.role),
        is_active: row.status == Status::Active.name(),
        epoch: row.epoch,
        stores: row.stores,
        is_revoked: row.revoked_at.is_some(),
        last_used_at: None,
        expires_at: row.expires_at,
    }))
}

pub(crate) async fn session_by_cookie(client: &Pooled, hash: &[u8; 32]) -> Result<Option<SessionState>, Error> {
    let row = sessions::session_by_cookie().bind(client, &&hash[..]).opt().await?;
    Ok(row.map(|row| SessionState {
        id: row.id,
        person_id: row.person_id,
        role: Role::named(&row.role),
        is_active: row.status == Status::Active.name(),
        epoch: row.epoch,
        stores: row.stores,
        is_revoked: row.revoked_at.is_some(),
        last_used_at: Some(row.last_used_at),
        expires_at: row.expires_at,
    }))
}

pub(crate) async fn session_touch(
    client: &Pooled,
    id: Uuid,
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<(), Error> {
    sessions::session_touch().bind(client, &now, &expires_at, &id).await?;
    Ok(())
}

/// The sessions of a person that are still good, the newest first.
pub(crate) async fn sessions_of(
    client: &Pooled,
    person: Uuid,
    current: Option<Uuid>,
    now: Timestamp,
) -> Result<Vec<Session>, Error> {
    let rows = sessions::sessions_of().bind(client, &person, &now).all().await?;
    let session = |row: sessions::SessionsOf| Session {
        id: SessionId(row.id),
        kind: row.kind,
        address: row.address,
        user_agent: row.user_agent,
        current: current == Some(row.id),
        created_at: row.created_at,
        last_used_at: row.last_used_at,
        expires_at: row.expires_at,
    };
    Ok(rows.into_iter().map(session).collect())
}

/// A session under its lock.
#[derive(Clone, Debug)]
pub(crate) struct LockedSession {
    pub(crate) person_id: Uuid,
    pub(crate) is_over: bool,
}

pub(crate) async fn session_lock(
    transaction: &Transaction,
    id: Uuid,
    now: Timestamp,
) -> Result<Option<LockedSession>, Error> {
    let row = sessions::session_lock().bind(transaction.client(), &id).opt().await?;
    Ok(row.map(|row| LockedSession {
        person_id: row.person_id,
        is_over: row.revoked_at.is_some() || row.expires_at <= now,
    }))
}

pub(crate) async fn session_extend(
    transaction: &Transaction,
    id: Uuid,
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<(), Error> {
    session_touch(transaction.client(), id, now, expires_at).await
}

pub(crate) async fn session_revoke(
    transaction: &Transaction,
    id: Uuid,
    reason: &str,
    now: Timestamp,
) -> Result<bool, Error> {
    Ok(sessions::session_revoke().bind(transaction.client(), &now, &reason, &id).await? > 0)
}

/// Ends all sessions of a person, or all but one; tells which.
pub(crate) async fn sessions_revoke(
    transaction: &Transaction,
    person_id: Uuid,
    but: Option<Uuid>,
    reason: &str,
    now: Timestamp,
) -> Result<Vec<Uuid>, Error> {
    let params = SessionsRevokeOfParams { now, reason, person_id, but };
    Ok(sessions::sessions_revoke_of().params(transaction.client(), &params).all().await?)
}

pub(crate) async fn session_knows_network(
    client: &Pooled,
    person: Uuid,
    network: &str,
    since: Timestamp,
) -> Result<bool, Error> {
    Ok(sessions::session_knows_network().bind(client, &person, &network, &since).one().await?)
}

pub(crate) async fn refresh_insert(
    transaction: &Transaction,
    hash: &[u8; 32],
    session_id: Uuid,
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<(), Error> {
    let params = RefreshInsertParams { hash: &hash[..], session_id, now, expires_at };
    sessions::refresh_insert().params(transaction.client(), &params).await?;
    Ok(())
}

/// A refresh token under its lock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LockedRefresh {
    pub(crate) session_id: Uuid,
    pub(crate) expires_at: Timestamp,
    pub(crate) was_used: bool,
}

pub(crate) async fn refresh_take(transaction: &Transaction, hash: &[u8; 32]) -> Result<Option<LockedRefresh>, Error> {
    let row = sessions::refresh_take().bind(transaction.client(), &&hash[..]).opt().await?;
    Ok(row.map(|row| LockedRefresh {
        session_id: row.session_id,
        expires_at: row.expires_at,
        was_used: row.used_at.is_some(),
    }))
}

pub(crate) async fn refresh_used(transaction: &Transaction, hash: &[u8; 32], now: Timestamp) -> Result<(), Error> {
    sessions::refresh_used().bind(transaction.client(), &now, &&hash[..]).await?;
    Ok(())
}

pub(crate) async fn mail_token_insert(
    transaction: &Transaction,
    hash: &[u8; 32],
    person_id: Uuid,
    purpose: &str,
    email: &str,
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<(), Error> {
    // The last one that was asked for is the one that counts.
    mail_tokens_drop(transaction, person_id, purpose).await?;
    let params = MailTokenInsertParams { hash: &hash[..], person_id, purpose, email, now, expires_at };
    sessions::mail_token_insert().params(transaction.client(), &params).await?;
    Ok(())
}

/// Makes tokens that were mailed worthless.
pub(crate) async fn mail_tokens_drop(transaction: &Transaction, person: Uuid, purpose: &str) -> Result<(), Error> {
    sessions::mail_tokens_drop().bind(transaction.client(), &person, &purpose).await?;
    Ok(())
}

/// Takes a token that was mailed: whose it is and which address it was sent to, if it is still good.
pub(crate) async fn mail_token_take(
    transaction: &Transaction,
    hash: &[u8; 32],
    purpose: &str,
    now: Timestamp,
) -> Result<Option<(Uuid, String)>, Error> {
    let row = sessions::mail_token_take().bind(transaction.client(), &&hash[..], &purpose).opt().await?;
    Ok(row.filter(|row| row.expires_at > now).map(|row| (row.person_id, row.email_key)))
}

/// Deletes what ended before these times, piece by piece; tells how much.
pub(crate) async fn forget(
    client: &Pooled,
    sessions_before: Timestamp,
    tokens_before: Timestamp,
) -> Result<u64, Error> {
    let mut forgotten = sessions::mail_tokens_forget().bind(client, &tokens_before).await?;
    forgotten += sessions::signing_keys_forget().bind(client, &tokens_before).await?;
    for _ in 0..1_000 {
        let tokens = sessions::refresh_forget().bind(client, &tokens_before).await?;
        let ended = sessions::sessions_forget().bind(client, &sessions_before).await?;
        forgotten += tokens + ended;
        if tokens + ended == 0 {
            break;
        }
    }
    Ok(forgotten)
}

/// A key that access tokens are signed with.
#[derive(Clone)]
pub(crate) struct StoredKey {
    pub(crate) kid: String,
    pub(crate) algorithm: String,
    pub(crate) secret: Vec<u8>,
    pub(crate) retired_at: Option<Timestamp>,
}

/// The keys that still verify, the newest first.
pub(crate) async fn signing_keys(client: &Pooled, now: Timestamp) -> Result<Vec<StoredKey>, Error> {
    let rows = sessions::signing_keys().bind(client, &now).all().await?;
    let key = |row: sessions::SigningKeys| StoredKey {
        kid: row.kid,
        algorithm: row.algorithm,
        secret: row.secret,
        retired_at: row.retired_at,
    };
    Ok(rows.into_iter().map(key).collect())
}

pub(crate) async fn signing_keys_lock(transaction: &Transaction) -> Result<(), Error> {
    sessions::signing_keys_lock().bind(transaction.client()).await?;
    Ok(())
}

pub(crate) async fn signing_key_insert(
    transaction: &Transaction,
    kid: &str,
    algorithm: &str,
    secret: &[u8],
    now: Timestamp,
) -> Result<(), Error> {
    sessions::signing_key_insert().bind(transaction.client(), &kid, &algorithm, &secret, &now).await?;
    Ok(())
}

pub(crate) async fn signing_keys_retire(
    transaction: &Transaction,
    retired_at: Timestamp,
    but: &str,
) -> Result<(), Error> {
    sessions::signing_keys_retire().bind(transaction.client(), &retired_at, &but).await?;
    Ok(())
}

pub(crate) async fn block_insert(transaction: &Transaction, block: &Block) -> Result<(), Error> {
    let params = BlockInsertParams {
        id: block.id.0,
        network: &*block.network,
        reason: &*block.reason,
        created_by: block.created_by.map(|person| person.0),
        now: block.created_at,
        expires_at: block.expires_at,
    };
    blocks::block_insert().params(transaction.client(), &params).await?;
    Ok(())
}

/// The networks that are blocked, and until when.
pub(crate) async fn blocks_in_force(client: &Pooled, now: Timestamp) -> Result<Vec<(String, Timestamp)>, Error> {
    let rows = blocks::blocks_in_force().bind(client, &now).all().await?;
    Ok(rows.into_iter().map(|row| (row.network, row.expires_at)).collect())
}

/// How often a network was blocked since then.
pub(crate) async fn blocks_before(transaction: &Transaction, network: &str, since: Timestamp) -> Result<i64, Error> {
    Ok(blocks::blocks_before().bind(transaction.client(), &network, &since).one().await?)
}

pub(crate) async fn block_by_id(client: &Pooled, id: Uuid) -> Result<Option<Block>, Error> {
    Ok(blocks::block_by_id().bind(client, &id).opt().await?.map(block))
}

pub(crate) async fn block_lift(
    transaction: &Transaction,
    id: Uuid,
    by: Option<Uuid>,
    now: Timestamp,
) -> Result<bool, Error> {
    let params = BlockLiftParams { now, lifted_by: by, id };
    Ok(blocks::block_lift().params(transaction.client(), &params).await? > 0)
}

/// Puts entries into the audit log; those that are in it already stay as they are.
pub(crate) async fn audit_insert(transaction: &Transaction, rows: &[Value]) -> Result<(), Error> {
    audit::audit_insert().bind(transaction.client(), &Json(rows)).await?;
    Ok(())
}
