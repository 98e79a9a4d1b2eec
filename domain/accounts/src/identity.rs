//! Whose credentials these are: access tokens, API keys, cookies.
//!
//! What was found out is kept in memory under the very credential, with the tags of the person, the
//! session or the key that it was made from. A revocation touches those tags in its own transaction, so
//! the fence of the cache rules the identity out: in this process at the commit, in every other as soon
//! as its tail has read the event. There is no list of what was revoked.
//!
//! **Invariants:**
//! - A right that was taken away is gone within [`MOST_LAG`] everywhere: where the feed was read to its
//!   end longer ago than that, every credential is looked up in the database.
//! - What is kept never leaves the process (it is a credential's twin), and never outlives the credential.
//! - A forged token costs no question to the database.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use entrepot_cache::{Cache, Codec, FillError, Filled, Namespace, Policy};
use entrepot_contracts::Role;
use entrepot_pg::{Database, Error};
use entrepot_runtime::{Clock, continue_in_background};
use entrepot_web::{Caller, Credential, Doorkeeper, Problem, Scope, Via, kinds};
use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::events::{key_tag, person_tag, session_tag};
use crate::model::Status;
use crate::permissions::{self, Restricted};
use crate::secret::{hash, is_same, page_token};
use crate::store::{self, SessionState};
use crate::tokens::{Disbelief, Signer};

/// How old the knowledge of revocations may be.
pub(crate) const MOST_LAG: Duration = Duration::from_millis(500);
/// What an identity is kept for at the most, before it is looked up again.
const KEPT: Duration = Duration::from_secs(60);
/// Longer ones are no credentials of ours.
const LONGEST: usize = 2_048;
/// What an API key begins with.
pub(crate) use entrepot_web::KEY_BEGINS as KEY_PREFIX;
/// So much of a key is shown and searched for.
pub(crate) const SHOWN: usize = 12;
/// A cookie's session is written as used, and made to last, not more often than this.
const TOUCH_AFTER: SignedDuration = SignedDuration::from_mins(5);

/// Somebody who was recognised.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    caller: Arc<Caller>,
}

/// Stays in the process.
const CODEC: Codec<Identity> = Codec { encode: |_| None, decode: |_: Bytes| None, weigh: Some(|_| 512) };

/// Why somebody was not recognised.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum Unknown {
    #[error("{0}")]
    Refused(&'static str),
    #[error(transparent)]
    Database(Arc<Error>),
}

impl From<Error> for Unknown {
    fn from(error: Error) -> Self {
        Self::Database(Arc::new(error))
    }
}

/// Recognises callers. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Identities {
    database: Database,
    clock: Clock,
    signer: Signer,
    tokens: Namespace<Identity>,
    keys: Namespace<Identity>,
    cookies: Namespace<Identity>,
    session: SignedDuration,
}

impl Identities {
    pub(crate) fn new(
        cache: &Cache,
        database: Database,
        clock: Clock,
        signer: Signer,
        session: SignedDuration,
    ) -> Self {
        let namespace = |name| cache.namespace_with(name, Policy::live(KEPT).soft(None).unshared(), CODEC);
        Self {
            database,
            clock,
            signer,
            tokens: namespace("identities-by-token"),
            keys: namespace("identities-by-key"),
            cookies: namespace("identities-by-cookie"),
            session,
        }
    }

    fn namespace<'a>(&self, credential: Credential<'a>) -> (&Namespace<Identity>, &'a str) {
        match credential {
            Credential::Bearer(token) => (&self.tokens, token),
            Credential::Key(key) => (&self.keys, key),
            Credential::Cookie(secret) => (&self.cookies, secret),
        }
    }

    async fn find(&self, credential: Credential<'_>) -> Result<Arc<Caller>, Unknown> {
        let (namespace, text) = self.namespace(credential);
        if text.len() > LONGEST {
            return Err(Unknown::Refused("the credentials are of no known form"));
        }
        // Before the database is asked: what is signed with no key of ours is nobody's.
        let claims = match credential {
            Credential::Bearer(token) => match self.signer.verify(token).await? {
                Ok(claims) => Some(claims),
                Err(Disbelief::Expired) => return Err(Unknown::Refused("the access token has expired")),
                Err(Disbelief::Invalid | Disbelief::UnknownKey) => {
                    return Err(Unknown::Refused("the access token is not valid"));
                }
            },
            Credential::Key(key) if !key.starts_with(KEY_PREFIX) || key.len() <= SHOWN || !key.is_ascii() => {
                return Err(Unknown::Refused("the API key is not valid"));
            }
            Credential::Key(_) | Credential::Cookie(_) => None,
        };
        let is_key = matches!(credential, Credential::Key(_));
        let (this, owned) = (self.clone(), text.to_owned());
        let look_up = move || async move {
            match claims {
                Some(claims) => {
                    let state = this.session_state(claims.sid).await?;
                    let until = Timestamp::from_second(claims.exp).unwrap_or(Timestamp::MIN);
                    if claims.epoch != state.epoch || claims.sub != state.person_id {
                        return Err(Unknown::Refused(
                            "your rights have changed since this access token was given; get a new one",
                        ));
                    }
                    this.of_session(&state, Via::Session(claims.sid), until)
                }
                None if is_key => this.of_key(&owned).await,
                None => this.of_cookie(&owned).await,
            }
        };
        let is_fresh = namespace.cache().fence().is_read_within(MOST_LAG);
        if !is_fresh {
            return Ok(look_up().await?.0.caller);
        }
        let fill = move || async move {
            let (identity, tags) = look_up().await?;
            Ok::<_, Unknown>(Filled::found(identity).tags(tags))
        };
        match namespace.fill(text, fill).await {
            Ok(got) => match got.value {
                Some(identity) if identity.caller.expires_at > self.clock.now() => Ok(identity.caller.clone()),
                _ => Err(Unknown::Refused("the credentials have expired")),
            },
            Err(FillError::Failed(error)) => Err((*error).clone()),
            Err(FillError::TimedOut(_) | FillError::Panicked) => {
                Err(Error::Missing("an answer in time about whose credentials these are").into())
            }
        }
    }

    async fn session_state(&self, id: Uuid) -> Result<SessionState, Unknown> {
        let client = self.database.client().await?;
        let state = store::session_state(&client, id).await?;
        state.ok_or(Unknown::Refused("the session has ended"))
    }

    fn of_session(&self, state: &SessionState, via: Via, until: Timestamp) -> Result<(Identity, Vec<String>), Unknown> {
        let role = state.role.filter(|_| state.is_active).ok_or(Unknown::Refused("the account is not active"))?;
        if state.is_revoked || state.expires_at <= self.clock.now() {
            return Err(Unknown::Refused("the session has ended"));
        }
        let mut caller = Caller::new(state.person_id, role.name(), via);
        let tags = vec![person_tag(state.person_id), session_tag(state.id)];
        caller.stores = state.stores.clone().map(Into::into);
        caller.tags = tags.clone().into();
        caller.expires_at = until.min(state.expires_at);
        Ok((Identity { caller: Arc::new(caller) }, tags))
    }

    async fn of_key(&self, key: &str) -> Result<(Identity, Vec<String>), Unknown> {
        let refused = Unknown::Refused("the API key is not valid");
        let client = self.database.client().await?;
        let Some(state) = store::key_state(&client, &key[..SHOWN]).await? else { return Err(refused) };
        if !is_same(&state.hash, &hash(key)) {
            return Err(refused);
        }
        let role = state.role.filter(|_| state.is_active).ok_or(Unknown::Refused("the account is not active"))?;
        let now = self.clock.now();
        let until = state.expires_at.unwrap_or(Timestamp::MAX);
        if until <= now {
            return Err(Unknown::Refused("the API key has expired"));
        }
        let (database, id) = (self.database.clone(), state.id);
        // For people who tidy up: nobody's request waits for it, or fails with it where the database takes no writes.
        let _noted = continue_in_background(async move {
            if let Ok(client) = database.client().await {
                let _written = store::key_used(&client, id, now).await;
            }
        });
        let mut caller = Caller::new(state.person_id, role.name(), Via::Key(state.id));
        let tags = vec![person_tag(state.person_id), key_tag(state.id)];
        caller.actions = Some(state.scopes.into());
        caller.made_as = Some(state.made_as.name());
        caller.stores = state.stores.map(Into::into);
        caller.tags = tags.clone().into();
        caller.expires_at = until;
        Ok((Identity { caller: Arc::new(caller) }, tags))
    }

    async fn of_cookie(&self, secret: &str) -> Result<(Identity, Vec<String>), Unknown> {
        let client = self.database.client().await?;
        let state = store::session_by_cookie(&client, &hash(secret)).await?;
        let state = state.ok_or(Unknown::Refused("the session has ended"))?;
        let found = self.of_session(&state, Via::Cookie(state.id), Timestamp::MAX)?;
        let now = self.clock.now();
        if state.last_used_at.is_some_and(|at| now.duration_since(at) > TOUCH_AFTER) {
            let (database, id) = (self.database.clone(), state.id);
            let expires_at = now.checked_add(self.session).unwrap_or(now);
            // The answer does not wait for it; a touch that fails is made up for by the next one.
            let _touched = continue_in_background(async move {
                if let Ok(client) = database.client().await {
                    let _written = store::session_touch(&client, id, now, expires_at).await;
                }
            });
        }
        Ok(found)
    }
}

impl Doorkeeper for Identities {
    fn recognise_now(&self, credential: Credential<'_>) -> Option<Arc<Caller>> {
        let (namespace, text) = self.namespace(credential);
        if !namespace.cache().fence().is_read_within(MOST_LAG) {
            return None;
        }
        let hit = namespace.lookup(text)?;
        let identity = hit.got.value?;
        (identity.caller.expires_at > self.clock.now()).then(|| identity.caller.clone())
    }

    fn is_well_signed(&self, credential: Credential<'_>) -> bool {
        matches!(credential, Credential::Bearer(token) if self.signer.is_well_signed(token))
    }

    fn recognise<'a>(&'a self, credential: Credential<'a>) -> BoxFuture<'a, Result<Arc<Caller>, Problem>> {
        Box::pin(async move {
            self.find(credential).await.map_err(|unknown| match unknown {
                Unknown::Refused(why) => Problem::new(&kinds::INVALID_CREDENTIALS, why),
                Unknown::Database(error) => {
                    let may_pass = error.is_unavailable() || error.is_statement_timeout();
                    Problem::failure(Error::Shared(error), may_pass)
                }
            })
        })
    }

    fn on_behalf(&self, person: Uuid) -> BoxFuture<'_, Result<Option<Arc<Caller>>, Problem>> {
        Box::pin(async move {
            let found = async { store::person_by_id(&self.database.client().await?, person).await };
            let found: Result<_, Error> = found.await;
            let found = found.map_err(|error| {
                let may_pass = error.is_unavailable() || error.is_statement_timeout();
                Problem::failure(error, may_pass)
            })?;
            Ok(found.filter(|person| person.status == Status::Active).map(|person| {
                let mut caller = Caller::new(person.id.0, person.role.name(), Via::Behalf);
                caller.stores = person.stores.map(Into::into);
                caller.tags = [person_tag(person.id.0)].into();
                Arc::new(caller)
            }))
        })
    }

    fn stands<'a>(&'a self, caller: &'a Caller) -> BoxFuture<'a, Result<bool, Problem>> {
        Box::pin(async move {
            let Some(session) = caller.session() else { return Ok(false) };
            match self.session_state(session).await {
                Ok(state) => Ok(state.is_active
                    && !state.is_revoked
                    && state.expires_at > self.clock.now()
                    && state.role.is_some_and(|role| role.name() == caller.role)
                    && state.stores.as_deref() == caller.stores.as_deref()),
                Err(Unknown::Refused(_)) => Ok(false),
                Err(Unknown::Database(error)) => Err(Problem::failure(Error::Shared(error), true)),
            }
        })
    }

    fn proves_own_page(&self, cookie: &str, token: &str) -> bool {
        is_same(page_token(cookie).as_bytes(), token.as_bytes())
    }

    fn granted(&self, caller: &Caller, action: &str) -> Option<Scope> {
        if caller.actions.as_ref().is_some_and(|actions| !actions.iter().any(|own| own == action)) {
            return None;
        }
        let permission = permissions::named(action)?;
        let mut scope = permission.scope(Role::named(caller.role)?)?;
        if let Some(made_as) = caller.made_as {
            scope = scope.min(permission.scope(Role::named(made_as)?)?);
        }
        if caller.stores.is_none() || scope != Scope::All {
            return Some(scope);
        }
        // Who is restricted to stores sees no others, whatever the role.
        match permission.restricted {
            Restricted::Not => Some(scope),
            Restricted::ToStores => Some(Scope::Store),
            Restricted::ToOwn => Some(Scope::Own),
            Restricted::Refused => None,
        }
    }
}
