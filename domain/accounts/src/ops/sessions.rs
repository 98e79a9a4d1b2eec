//! Sessions: new tokens for old, and their end.
//!
//! **Invariants:**
//! - A refresh token is good once. One that comes again ends its session: of the two who have it one
//!   must have stolen it, and nobody can tell which.
//! - Of two that come with the same token at once, one is too late (the token's row is locked).

use entrepot_contracts::AccountChanged;
use entrepot_pg::{Error, ScopedFutureExt as _, Transaction};
use uuid::Uuid;

use super::{Tokens, notice, tell};
use crate::events::{session_ended, sessions_ended};
use crate::model::{Person, Status};
use crate::notices::About;
use crate::secret::{Secret, hash};
use crate::{Accounts, store};

/// Why no new tokens were given.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RefreshError {
    #[error("the refresh token is not valid")]
    Invalid,
    #[error("the refresh token was used before")]
    Reused,
    #[error(transparent)]
    Database(#[from] Error),
}

enum Outcome {
    Refreshed { person: Person, session: Uuid },
    Invalid,
    Reused(Option<Person>),
}

/// New tokens for a refresh token.
pub(crate) async fn refresh(accounts: &Accounts, token: &str) -> Result<(Person, Tokens), RefreshError> {
    let (old, fresh) = (hash(token), Secret::new("er_"));
    let outcome = accounts
        .database
        .transaction(|transaction| {
            let fresh = &fresh;
            async move { exchange(transaction, accounts, &old, fresh).await }.scope_boxed()
        })
        .await?;
    match outcome {
        Outcome::Refreshed { person, session } => {
            let access = accounts.signer.sign(person.id.0, session, person.role, person.epoch).await?;
            Ok((person, Tokens { access, refresh: fresh }))
        }
        Outcome::Invalid => Err(RefreshError::Invalid),
        Outcome::Reused(person) => {
            tracing::warn!(target: "entrepot::security", person = person.as_ref().map(|person| tracing::field::display(person.id.0)), "a refresh token came a second time; its session was ended");
            Err(RefreshError::Reused)
        }
    }
}

async fn exchange(
    transaction: &Transaction,
    accounts: &Accounts,
    old: &[u8; 32],
    fresh: &Secret,
) -> Result<Outcome, RefreshError> {
    let now = accounts.clock.now();
    let Some(token) = store::refresh_take(transaction, old).await? else { return Ok(Outcome::Invalid) };
    let Some(session) = store::session_lock(transaction, token.session_id, now).await? else {
        return Ok(Outcome::Invalid);
    };
    let person = store::person_lock(transaction, session.person_id).await?;
    if token.was_used {
        if store::session_revoke(transaction, token.session_id, "refresh token reused", now).await? {
            let event = session_ended(AccountChanged::TOKEN_REUSED, session.person_id, token.session_id);
            accounts.feed.append(transaction, event).await?;
            if let Some(person) = &person {
                tell(transaction, accounts, notice(person, About::TokenReused)).await?;
            }
        }
        return Ok(Outcome::Reused(person));
    }
    let person = person.filter(|person| person.status == Status::Active);
    let Some(person) = person.filter(|_| !session.is_over && token.expires_at > now) else {
        return Ok(Outcome::Invalid);
    };
    // A session lasts for as long as it is used.
    let expires_at = now.checked_add(accounts.settings.session).unwrap_or(now);
    store::refresh_used(transaction, old, now).await?;
    store::refresh_insert(transaction, &fresh.hash(), token.session_id, now, expires_at).await?;
    store::session_extend(transaction, token.session_id, now, expires_at).await?;
    Ok(Outcome::Refreshed { person, session: token.session_id })
}

/// Ends one session of a person; tells whether there was one to end.
pub(crate) async fn end_session(accounts: &Accounts, person: Uuid, session: Uuid) -> Result<bool, Error> {
    accounts
        .database
        .transaction(|transaction| {
            async move {
                let now = accounts.clock.now();
                let locked = store::session_lock(transaction, session, now).await?;
                if locked.is_none_or(|locked| locked.person_id != person || locked.is_over) {
                    return Ok(false);
                }
                store::session_revoke(transaction, session, "signed out", now).await?;
                let event = session_ended(AccountChanged::SESSIONS_ENDED, person, session);
                accounts.feed.append(transaction, event).await?;
                Ok::<_, Error>(true)
            }
            .scope_boxed()
        })
        .await
}

/// Ends all sessions of a person but this one; tells how many.
pub(crate) async fn end_other_sessions(accounts: &Accounts, person: Uuid, but: Option<Uuid>) -> Result<usize, Error> {
    accounts
        .database
        .transaction(|transaction| {
            async move {
                let ended =
                    store::sessions_revoke(transaction, person, but, "signed out", accounts.clock.now()).await?;
                if but.is_none() {
                    // An admin ends them all: what was mailed to get in again ends with them.
                    store::mail_tokens_drop(transaction, person, "reset").await?;
                }
                if !ended.is_empty() {
                    accounts.feed.append(transaction, sessions_ended(person, &ended)).await?;
                }
                Ok::<_, Error>(ended.len())
            }
            .scope_boxed()
        })
        .await
}
