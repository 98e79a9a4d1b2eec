//! Signs somebody in: proves the password, opens a session.
//!
//! **Invariants:**
//! - An account that does not exist, one without a password, a wrong password and a blocked account get
//!   the same answer after the same work: one question to the database, one hash.
//! - The session and the audit's event are one transaction.

use std::net::IpAddr;

use entrepot_contracts::AccountChanged;
use entrepot_guard::Network;
use entrepot_pg::{Error, ScopedFutureExt as _, Transaction};
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::{PasswordError, notice, tell};
use crate::Accounts;
use crate::attempts::{Attempt, Wait};
use crate::events::told;
use crate::model::{Person, SignIn};
use crate::notices::About;
use crate::secret::Secret;
use crate::store::{self, Credentials, NewSession};

/// A network counts as the owner's for so long after a sign-in.
const KNOWN_FOR: SignedDuration = SignedDuration::from_hours(24 * 90);
const LONGEST_AGENT: usize = 300;

/// Why somebody was not signed in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SignInError {
    #[error("e-mail address or password are wrong")]
    Wrong,
    #[error("the address is not verified")]
    Unverified,
    #[error("too many attempts")]
    TooMany(Wait),
    #[error(transparent)]
    Password(#[from] PasswordError),
    #[error(transparent)]
    Database(#[from] Error),
}

/// Tokens of a session.
pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) refresh: Secret,
}

/// A session that was opened.
pub(crate) struct SignedIn {
    pub(crate) person: Person,
    pub(crate) with: SignedInWith,
}

/// What a session is proven with.
pub(crate) enum SignedInWith {
    /// By programs and apps.
    Tokens(Tokens),
    /// By browsers.
    Cookie(Secret),
}

/// Signs somebody in.
pub(crate) async fn sign_in(
    accounts: &Accounts,
    input: &SignIn,
    address: Option<IpAddr>,
    user_agent: Option<&str>,
) -> Result<SignedIn, SignInError> {
    let attempt = Attempt::new(&input.email, address);
    attempt.begin(&accounts.guard).await.map_err(SignInError::TooMany)?;
    let now = accounts.clock.now();
    let network = address.map(|address| Network::of(address).to_string());
    let client = accounts.database.client().await?;
    let credentials = store::credentials(&client, &input.email).await?;
    // Asked for an account that does not exist too: the same work for either.
    let since = now.checked_sub(KNOWN_FOR).unwrap_or(Timestamp::MIN);
    let person = credentials.as_ref().map_or(Uuid::nil(), |credentials| credentials.id);
    let is_known = match &network {
        Some(network) => store::session_knows_network(&client, person, network, since).await?,
        None => true,
    };
    drop(client);
    if !is_known {
        attempt.begin_as_stranger(&accounts.guard).await.map_err(SignInError::TooMany)?;
    }
    let kept = credentials.as_ref().and_then(|credentials| credentials.password_hash.clone());
    let compared = accounts.hasher.compare(&input.password, kept.clone()).await.map_err(PasswordError::from)?;
    let Some(credentials) = credentials.filter(|credentials| compared.is_right && credentials.is_active) else {
        tracing::warn!(target: "entrepot::security", address = address.map(tracing::field::display), "a sign-in failed");
        if !is_known && person != Uuid::nil() {
            warn_owner(accounts, &attempt, person).await?;
        }
        return Err(SignInError::Wrong);
    };
    if accounts.settings.verified_email_required && !credentials.is_verified {
        return Err(SignInError::Unverified);
    }
    attempt.succeeded(&accounts.guard, !is_known).await;
    if compared.is_outdated {
        rehash(accounts, &credentials, &input.password).await;
    }
    let secret = Secret::new(if input.cookie { "ec_" } else { "er_" });
    let user_agent: Option<String> = user_agent.map(|agent| agent.chars().take(LONGEST_AGENT).collect());
    let new = NewSession {
        id: accounts.clock.new_id(),
        person_id: credentials.id,
        cookie_hash: input.cookie.then(|| secret.hash()),
        address: address.map(|address| address.to_string()),
        network,
        user_agent: user_agent.as_deref(),
        expires_at: now.checked_add(accounts.settings.session).unwrap_or(now),
    };
    let person = accounts
        .database
        .transaction(|transaction| {
            let (new, refresh) = (&new, (!input.cookie).then_some(&secret));
            async move { open(transaction, accounts, new, refresh).await }.scope_boxed()
        })
        .await?;
    if input.cookie {
        return Ok(SignedIn { person, with: SignedInWith::Cookie(secret) });
    }
    let access = accounts.signer.sign(person.id.0, new.id, person.role, person.epoch).await?;
    Ok(SignedIn { person, with: SignedInWith::Tokens(Tokens { access, refresh: secret }) })
}

async fn open(
    transaction: &Transaction,
    accounts: &Accounts,
    new: &NewSession<'_>,
    refresh: Option<&Secret>,
) -> Result<Person, SignInError> {
    let now = accounts.clock.now();
    // Under the person's lock: whoever blocks the account just now either is seen here or ends this
    // session too.
    let person = store::person_lock(transaction, new.person_id).await?.ok_or(SignInError::Wrong)?;
    if person.status != crate::model::Status::Active {
        return Err(SignInError::Wrong);
    }
    store::session_insert(transaction, new, now).await?;
    if let Some(refresh) = refresh {
        store::refresh_insert(transaction, &refresh.hash(), new.id, now, new.expires_at).await?;
    }
    store::person_signed_in(transaction, new.person_id, now).await?;
    let event = told(AccountChanged::SIGNED_IN, new.person_id, Some(format!("session:{}", new.id)));
    accounts.feed.append(transaction, event).await?;
    Ok(Person { last_sign_in_at: Some(now), ..person })
}

/// Keeps the password by today's parameters. If that fails it is tried at the next sign-in.
async fn rehash(accounts: &Accounts, credentials: &Credentials, password: &str) {
    let Some(old) = &credentials.password_hash else { return };
    let Ok(new) = accounts.hasher.hash(password).await else { return };
    if let Ok(client) = accounts.database.client().await {
        let _tried = store::person_rehash(&client, credentials.id, old, &new).await;
    }
}

/// Tells the owner that somebody keeps trying from where the owner has never been.
async fn warn_owner(accounts: &Accounts, attempt: &Attempt, person: Uuid) -> Result<(), Error> {
    if !accounts.guard.counts() || !attempt.has_failed_often(&accounts.guard).await {
        return Ok(());
    }
    if attempt.is_worth_a_notice(&accounts.guard).await {
        let client = accounts.database.client().await?;
        let person = store::person_by_id(&client, person).await?;
        drop(client);
        if let Some(person) = &person {
            let warn = accounts.database.transaction(|transaction| {
                async move { tell(transaction, accounts, notice(person, About::UnderAttack)).await }.scope_boxed()
            });
            warn.await?;
        }
    }
    Ok(())
}
