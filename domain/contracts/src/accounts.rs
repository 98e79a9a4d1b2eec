//! What accounts tell of themselves: roles, and the payloads of their events.

use serde::{Deserialize, Serialize};

use crate::PersonId;

/// What a person is to the business. `entrepot permissions` prints what each may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Runs the program.
    Admin,
    /// Runs the business.
    Manager,
    /// Works in a store or a warehouse.
    Staff,
    /// Brings deliveries.
    Driver,
    /// Sells on the marketplace.
    Seller,
    /// Buys.
    Customer,
    /// Looks at everything that was done, and changes nothing.
    Auditor,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Admin, Self::Manager, Self::Staff, Self::Driver, Self::Seller, Self::Customer, Self::Auditor];

    /// Its name, as in JSON and in the database.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Manager => "manager",
            Self::Staff => "staff",
            Self::Driver => "driver",
            Self::Seller => "seller",
            Self::Customer => "customer",
            Self::Auditor => "auditor",
        }
    }

    /// The role of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}

/// Something happened to an account; the event's name tells what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountChanged {
    /// Whose.
    pub person_id: PersonId,
    /// The role after the change, where that is what changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// What it was about: a session, a key, a reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub about: Option<String>,
}

impl AccountChanged {
    /// An account was made.
    pub const CREATED: &'static str = "accounts.created";
    /// Name, address, role or status were changed.
    pub const UPDATED: &'static str = "accounts.updated";
    /// An account was deleted.
    pub const DELETED: &'static str = "accounts.deleted";
    /// The password was changed or set anew.
    pub const PASSWORD_CHANGED: &'static str = "accounts.password-changed";
    /// The address was proven to be the person's own.
    pub const EMAIL_VERIFIED: &'static str = "accounts.email-verified";
    /// Somebody tried to open an account with the address of this one.
    pub const REGISTERED_AGAIN: &'static str = "accounts.registered-again";
    /// Somebody signed in.
    pub const SIGNED_IN: &'static str = "accounts.signed-in";
    /// One session or all of them ended.
    pub const SESSIONS_ENDED: &'static str = "accounts.sessions-ended";
    /// A refresh token came a second time: its session was ended.
    pub const TOKEN_REUSED: &'static str = "accounts.token-reused";
    /// An API key was made.
    pub const KEY_CREATED: &'static str = "accounts.key-created";
    /// An API key was changed.
    pub const KEY_UPDATED: &'static str = "accounts.key-updated";
    /// An API key was deleted.
    pub const KEY_DELETED: &'static str = "accounts.key-deleted";
}

/// A network was blocked, or a block was lifted; the event's name tells which.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BlockChanged {
    /// The block.
    pub block_id: uuid::Uuid,
    /// The network.
    pub network: String,
    /// Why it was blocked.
    pub reason: String,
    /// Until when.
    pub expires_at: String,
}

impl BlockChanged {
    /// A network is kept out.
    pub const ADDED: &'static str = "accounts.block-added";
    /// It no longer is.
    pub const LIFTED: &'static str = "accounts.block-lifted";
}

/// Access tokens are signed with another key from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SigningKeyRotated {
    /// The new key's id.
    pub kid: String,
}

impl SigningKeyRotated {
    /// The event's name.
    pub const NAME: &'static str = "accounts.signing-key-rotated";
}
