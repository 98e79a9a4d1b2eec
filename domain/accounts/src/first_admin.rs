//! Accounts that no administrator made: the first admin, and keys for commands of the program.
//!
//! **Invariant:** a password that is made here is handed to the caller, for a terminal, and is written
//! nowhere else.

use entrepot_contracts::Role;
use entrepot_pg::Error;
use uuid::Uuid;

use crate::model::{KeyInput, PersonInput, PersonPatch, Status};
use crate::ops;
use crate::password::weakness;
use crate::secret::Secret;
use crate::{Accounts, store};

/// The address of an admin whom nobody named.
const NOBODYS: &str = "admin@localhost";

/// Who the first admin is to be.
#[derive(Clone, Debug, Default)]
pub struct FirstAdmin {
    /// The address to sign in by; empty for `admin@localhost`.
    pub email: String,
    /// The password; empty to have one made.
    pub password: String,
    /// Whether one may be made, because somebody is there to read it.
    pub may_make_password: bool,
}

/// An admin who was made.
#[derive(Clone, Debug)]
pub struct MadeAdmin {
    /// The address to sign in by.
    pub email: String,
    /// The password, where it was made here: to be shown once.
    pub made_password: Option<MadePassword>,
    /// Whether the password that was given is one that would not be taken from anybody else.
    pub is_weak: bool,
}

/// A password that was made here.
#[derive(Clone)]
pub struct MadePassword(Secret);

impl MadePassword {
    /// It, to be shown once.
    #[must_use]
    pub fn reveal(&self) -> &str {
        self.0.reveal()
    }
}

impl std::fmt::Debug for MadePassword {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("MadePassword(…)")
    }
}

/// Why no admin could be made.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The address is none.
    #[error("{0:?} is not an e-mail address")]
    Email(String),
    /// The account could not be written.
    #[error("the account cannot be written")]
    Account(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The database failed.
    #[error("the database failed")]
    Database(#[from] Error),
}

fn account(error: impl std::error::Error + Send + Sync + 'static) -> AdminError {
    AdminError::Account(Box::new(error))
}

/// Makes the first admin, unless there is one. `None`: there is one, or nobody could have read the
/// password.
///
/// # Errors
/// See [`AdminError`].
pub async fn ensure_admin(accounts: &Accounts, first: &FirstAdmin) -> Result<Option<MadeAdmin>, AdminError> {
    bring_addresses_into_form(accounts).await?;
    if accounts.have_admin().await? || (first.password.is_empty() && !first.may_make_password) {
        return Ok(None);
    }
    make_admin(accounts, first).await.map(Some)
}

/// Addresses that were kept before all were ASCII get the form that the same address has now. Of two accounts that turn
/// out to have one mailbox the other keeps its own, and that is told.
async fn bring_addresses_into_form(accounts: &Accounts) -> Result<(), Error> {
    let client = accounts.database.client().await?;
    let mut behind = Uuid::nil();
    loop {
        let some = store::odd_addresses(&client, behind).await?;
        let Some((last, _)) = some.last() else { return Ok(()) };
        behind = *last;
        for (id, email) in some {
            let is_done = match crate::email::is_email(&email) {
                Ok(form) => store::set_address(&client, id, &form, accounts.clock.now()).await?,
                Err(_) => false,
            };
            if !is_done {
                tracing::warn!(person = %id, "an address that mail cannot be sent to, or that another account has in another spelling, is left as it is");
            }
        }
    }
}

/// Makes an admin, or makes an admin of who has that address, with a new password.
///
/// # Errors
/// See [`AdminError`].
pub async fn make_admin(accounts: &Accounts, first: &FirstAdmin) -> Result<MadeAdmin, AdminError> {
    let email = if first.email.is_empty() { NOBODYS.to_owned() } else { first.email.clone() };
    let email = crate::email::is_email(&email).map_err(|_| AdminError::Email(email))?;
    bring_addresses_into_form(accounts).await?;
    let made = first.password.is_empty().then(|| Secret::new(""));
    let password = made.as_ref().map_or(&*first.password, Secret::reveal);
    let is_weak = weakness(password, accounts.settings.password_min_length, &[&email]).is_some();
    let hash = accounts.hasher.hash(password).await.map_err(account)?;
    let client = accounts.database.client().await?;
    let known = store::credentials(&client, &email).await?;
    drop(client);
    let id = match known {
        None => {
            let input = PersonInput {
                email: email.clone(),
                name: "Administrator".to_owned(),
                role: Role::Admin,
                stores: None,
                password: None,
            };
            ops::create_admin(accounts, &input, &hash).await.map_err(account)?.id.0
        }
        Some(known) => {
            ops::set_password(accounts, known.id, &hash).await?;
            let patch = PersonPatch { role: Some(Role::Admin), status: Some(Status::Active), ..PersonPatch::default() };
            ops::update_person(accounts, known.id, None, &|_| true, &patch).await.map_err(account)?;
            known.id
        }
    };
    // Whoever runs the program vouches for the address: nobody else could let an admin in.
    ops::take_as_verified(accounts, id, &email).await?;
    Ok(MadeAdmin { email, made_password: made.map(MadePassword), is_weak })
}

/// A key that a command works with, and the account that it belongs to.
#[derive(Clone, Debug)]
pub struct TemporaryKey {
    secret: Secret,
    person: uuid::Uuid,
}

impl TemporaryKey {
    /// What goes into `X-Api-Key`.
    #[must_use]
    pub fn reveal(&self) -> &str {
        self.secret.reveal()
    }

    /// Deletes the key together with its account.
    ///
    /// # Errors
    /// See [`AdminError`].
    pub async fn delete(self, accounts: &Accounts) -> Result<(), AdminError> {
        ops::delete_person(accounts, self.person, None, &|_| true).await.map_err(account)
    }
}

/// Makes an account for a command of the program, and a key for these actions.
///
/// # Errors
/// See [`AdminError`].
pub async fn temporary_key(
    accounts: &Accounts,
    name: &str,
    role: Role,
    actions: &[&str],
) -> Result<TemporaryKey, AdminError> {
    let email = format!("{name}-{}@localhost", accounts.clock.new_id().simple());
    let input = PersonInput { email, name: name.to_owned(), role, stores: None, password: None };
    let person = ops::create_without_notice(accounts, &input).await.map_err(account)?;
    let input =
        KeyInput { name: name.to_owned(), scopes: actions.iter().map(ToString::to_string).collect(), expires_at: None };
    let (_key, secret) = ops::create_key(accounts, person.id.0, role, &input).await.map_err(account)?;
    Ok(TemporaryKey { secret, person: person.id.0 })
}
