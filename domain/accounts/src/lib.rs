//! Accounts: who may sign in and with what, what each may do, and what each did.
//!
//! **Invariants** (and who enforces each):
//! - An e-mail address names one living account (unique index); a deleted one gives it back.
//! - Passwords, refresh tokens, cookies, API keys and mailed tokens are kept as hashes (CHECKs, `secret.rs`).
//! - There is always an admin who can sign in (`ops/people.rs`, under the lock of all admins).
//! - A right that is taken away is gone on every instance within a second: at the commit where it
//!   happened, elsewhere by the feed, and where the feed is not read, by asking the database
//!   (`identity.rs`).
//! - The audit log has every event that somebody caused, once, and is only ever added to (a trigger,
//!   `subscribers.rs`).
//!
//! Reads go from `http` to `store`; writes from `http` through `ops` to `store`.

mod attempts;
mod email;
mod events;
mod first_admin;
mod http;
mod identity;
mod model;
pub mod notices;
mod ops;
mod password;
pub mod permissions;
mod secret;
mod store;
mod subscribers;
mod tokens;

use std::sync::Arc;
use std::time::Duration;

use entrepot_cache::Cache;
use entrepot_feed::Feed;
use entrepot_guard::Guard;
use entrepot_pg::Database;
use entrepot_runtime::{Clock, Tasks};
use entrepot_web::{Doorkeeper, Module};
use jiff::SignedDuration;

pub use first_admin::{AdminError, FirstAdmin, MadeAdmin, TemporaryKey, ensure_admin, make_admin, temporary_key};
pub use notices::Notify;
pub use password::HashSettings;
pub use tokens::{Algorithm, time_checks};

use identity::Identities;
use password::Hasher;
use tokens::Signer;

/// What accounts need.
#[derive(Clone, Debug)]
pub struct Dependencies {
    /// Where they are kept.
    pub database: Database,
    /// Their time.
    pub clock: Clock,
    /// Where they tell of their writes.
    pub feed: Feed,
    /// Where it is kept who was recognised.
    pub cache: Cache,
    /// What counts attempts and keeps networks out.
    pub guard: Guard,
}

/// How accounts are run.
#[derive(Clone, Copy, Debug)]
pub struct AccountSettings {
    /// What access tokens are signed with.
    pub algorithm: Algorithm,
    /// How long an access token is good for.
    pub access_token: Duration,
    /// How long a session lasts without being used.
    pub session: SignedDuration,
    /// How passwords are kept.
    pub hashing: HashSettings,
    /// Characters that a password has at least.
    pub password_min_length: usize,
    /// Whether an address must be proven before its account can be signed in to.
    pub verified_email_required: bool,
}

/// The accounts of the program. Cheap to clone.
#[derive(Clone)]
pub struct Accounts {
    database: Database,
    clock: Clock,
    feed: Feed,
    guard: Guard,
    settings: AccountSettings,
    hasher: Hasher,
    signer: Signer,
    identities: Identities,
    notify: Arc<dyn Notify>,
}

impl std::fmt::Debug for Accounts {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Accounts").finish_non_exhaustive()
    }
}

impl Accounts {
    /// Accounts that nobody serves yet.
    #[must_use]
    pub fn new(dependencies: Dependencies, settings: AccountSettings, notify: Arc<dyn Notify>) -> Self {
        let Dependencies { database, clock, feed, cache, guard } = dependencies;
        let signer =
            Signer::new(database.clone(), feed.clone(), clock.clone(), settings.algorithm, settings.access_token);
        let identities = Identities::new(&cache, database.clone(), clock.clone(), signer.clone(), settings.session);
        Self {
            database,
            clock,
            feed,
            guard,
            settings,
            hasher: Hasher::new(settings.hashing),
            signer,
            identities,
            notify,
        }
    }

    /// Who tells the edge who callers are.
    #[must_use]
    pub fn doorkeeper(&self) -> Arc<dyn Doorkeeper> {
        Arc::new(self.identities.clone())
    }

    /// Their part of the program.
    #[must_use]
    pub fn module(&self) -> Module {
        http::module(self.clone())
    }

    /// Starts what they do in the background: the audit log, blocks, upkeep.
    pub fn start(&self, tasks: &Tasks) {
        subscribers::start(self, tasks);
    }

    /// Whether anybody could sign in as an admin.
    ///
    /// # Errors
    /// What the database failed with.
    pub async fn have_admin(&self) -> Result<bool, entrepot_pg::Error> {
        let transaction = self.database.begin().await?;
        let admins = store::admins(&transaction).await?;
        transaction.roll_back().await;
        Ok(!admins.is_empty())
    }
}
