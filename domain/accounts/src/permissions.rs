//! Who may do what: the one table of roles, actions and scopes.
//!
//! An operation names an action (its [`entrepot_web::Rule`]); this table says which roles have a
//! permission for it and how far that reaches. The door of the server asks here and nowhere else, the
//! OpenAPI document shows it for each operation, `entrepot permissions` prints it, and
//! `docs/features/permissions.md` explains it.
//!
//! **Invariants:**
//! - A role that is not in an action's row has no permission for it.
//! - An API key never may more than its owner's role, nor more than the role that the owner had when its scopes were
//!   said.
//! - Nothing of other stores is shown to those who are restricted to some, whatever the role ([`Restricted`]).

use entrepot_contracts::Role;
use entrepot_web::Scope;

/// An action, and who may do it.
#[derive(Clone, Copy, Debug)]
pub struct Permission {
    /// Its name, as rules and API keys use it.
    pub action: &'static str,
    /// What it allows, in words.
    pub allows: &'static str,
    /// How far it reaches, by role.
    pub roles: &'static [(Role, Scope)],
    /// What becomes of it for those who are restricted to stores.
    pub restricted: Restricted,
}

/// How a permission that reaches everything is narrowed for those who are restricted to stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restricted {
    /// Not at all: it shows and changes nothing that belongs to a store.
    Not,
    /// To those stores.
    ToStores,
    /// To what is the caller's own: what others have made may be about other stores.
    ToOwn,
    /// It is refused: it spans all stores and cannot be divided.
    Refused,
}

const fn permission(action: &'static str, allows: &'static str, roles: &'static [(Role, Scope)]) -> Permission {
    Permission { action, allows, roles, restricted: Restricted::Not }
}

impl Permission {
    const fn by_store(mut self) -> Self {
        self.restricted = Restricted::ToStores;
        self
    }

    const fn or_own(mut self) -> Self {
        self.restricted = Restricted::ToOwn;
        self
    }

    const fn unrestricted_only(mut self) -> Self {
        self.restricted = Restricted::Refused;
        self
    }
}

/// Everybody who has an account, for what is theirs.
const EVERYBODY_OWN: &[(Role, Scope)] = &[
    (Role::Admin, Scope::Own),
    (Role::Manager, Scope::Own),
    (Role::Staff, Scope::Own),
    (Role::Driver, Scope::Own),
    (Role::Seller, Scope::Own),
    (Role::Customer, Scope::Own),
    (Role::Auditor, Scope::Own),
];
/// Everybody who has an account.
const EVERYBODY: &[(Role, Scope)] = &[
    (Role::Admin, Scope::All),
    (Role::Manager, Scope::All),
    (Role::Staff, Scope::All),
    (Role::Driver, Scope::All),
    (Role::Seller, Scope::All),
    (Role::Customer, Scope::All),
    (Role::Auditor, Scope::All),
];
/// The same for what is theirs, and an admin for everybody's.
const EVERYBODY_OWN_ADMIN_ALL: &[(Role, Scope)] = &[
    (Role::Admin, Scope::All),
    (Role::Manager, Scope::Own),
    (Role::Staff, Scope::Own),
    (Role::Driver, Scope::Own),
    (Role::Seller, Scope::Own),
    (Role::Customer, Scope::Own),
    (Role::Auditor, Scope::Own),
];
const ADMIN: &[(Role, Scope)] = &[(Role::Admin, Scope::All)];
const MANAGERS: &[(Role, Scope)] = &[(Role::Admin, Scope::All), (Role::Manager, Scope::All)];

/// Those who look at stores: all of them, or (staff, and whoever is tied to stores) their own.
const STORES: &[(Role, Scope)] =
    &[(Role::Admin, Scope::All), (Role::Manager, Scope::All), (Role::Staff, Scope::Store), (Role::Auditor, Scope::All)];
/// Those who write down what stores sell.
const SELLING: &[(Role, Scope)] =
    &[(Role::Admin, Scope::All), (Role::Manager, Scope::All), (Role::Staff, Scope::Store)];
/// Those who look at stores, for what each has ordered.
const EXPORTS: &[(Role, Scope)] =
    &[(Role::Admin, Scope::All), (Role::Manager, Scope::Own), (Role::Staff, Scope::Own), (Role::Auditor, Scope::Own)];

/// The table.
pub const PERMISSIONS: &[Permission] = &[
    permission(
        "products.write",
        "put in, change and delete products and their images; a seller only those that carry the seller's id",
        &[(Role::Admin, Scope::All), (Role::Manager, Scope::All), (Role::Seller, Scope::Own)],
    ),
    permission("products.batch", "put in and change products in batches", MANAGERS),
    permission(
        "products.export",
        "have all products exported, those that are not offered too",
        &[(Role::Admin, Scope::All), (Role::Manager, Scope::All), (Role::Auditor, Scope::All)],
    ),
    permission(
        "catalog.follow",
        "follow live what becomes of products and categories that are offered; of those that are not, who may write them",
        EVERYBODY,
    ),
    permission("categories.write", "put in, change, move and delete categories", MANAGERS),
    permission("profile.read", "see one's own account and its sessions", EVERYBODY_OWN),
    permission("profile.write", "change one's own account and password, and end its sessions", EVERYBODY_OWN),
    permission(
        "front_end.pass_on",
        "have an API key ask for the shop's customers, each counted by the address that is passed on",
        ADMIN,
    ),
    permission("keys.read", "see API keys", EVERYBODY_OWN_ADMIN_ALL).or_own(),
    permission("keys.write", "make, change and delete API keys", EVERYBODY_OWN_ADMIN_ALL).or_own(),
    permission("users.read", "see everybody's account", ADMIN).by_store(),
    permission("users.write", "make, change, block and delete accounts, and end their sessions", ADMIN).by_store(),
    permission(
        "audit.read",
        "read and export the audit log",
        &[(Role::Admin, Scope::All), (Role::Auditor, Scope::All)],
    )
    .by_store(),
    permission(
        "blocks.read",
        "see which networks are blocked",
        &[(Role::Admin, Scope::All), (Role::Auditor, Scope::All)],
    ),
    permission("blocks.write", "block networks and lift blocks", ADMIN),
    permission("tokens.rotate", "have access tokens signed with a new key", ADMIN),
    permission("cache.read", "see how the caches do", ADMIN),
    permission("cache.write", "clear, warm and rule out what is cached", ADMIN),
    permission("guard.read", "see limits, load and circuit breakers", ADMIN),
    permission("stores.read", "see stores", STORES).by_store(),
    permission("stores.write", "make, change, close and delete stores", MANAGERS).by_store(),
    permission("sales.read", "see, sum up and export what stores sold", STORES).by_store(),
    permission("sales.write", "write down and delete what stores sold, one by one, in batches and files", SELLING)
        .by_store(),
    permission("analytics.read", "see what stores sold today, this week and this month", STORES).by_store(),
    permission("exports.read", "see and fetch exports", EXPORTS).or_own(),
    permission("exports.write", "order, cancel and delete exports", EXPORTS).or_own(),
    permission("jobs.read", "see queues, workers and jobs, and what failed", ADMIN).unrestricted_only(),
    permission("jobs.write", "pause queues, cancel, retry and clear jobs", ADMIN).unrestricted_only(),
    permission("webhooks.read", "see webhooks and what was sent to them", ADMIN).unrestricted_only(),
    permission(
        "webhooks.write",
        "have events of all stores sent to other programs; not for those who are tied to some",
        ADMIN,
    )
    .unrestricted_only(),
    permission("mail.read", "see what letters look like, and those that became files", ADMIN).unrestricted_only(),
    permission("mail.write", "have a letter sent that tries the mail", ADMIN).unrestricted_only(),
    permission("reports.read", "see and fetch reports", EXPORTS).or_own(),
    permission("reports.write", "order, schedule, cancel and delete reports", EXPORTS).or_own(),
    permission(
        "stock.report",
        "have reports made of what is in stock",
        &[(Role::Admin, Scope::All), (Role::Manager, Scope::All), (Role::Auditor, Scope::All)],
    ),
    permission("live.read", "see who is connected and how the live updates do", ADMIN).unrestricted_only(),
    permission("announcements.write", "tell something to everybody who is connected", ADMIN),
];

/// The permission for an action.
#[must_use]
pub fn named(action: &str) -> Option<&'static Permission> {
    PERMISSIONS.iter().find(|permission| permission.action == action)
}

impl Permission {
    /// How far it reaches for a role; `None` where the role has none.
    #[must_use]
    pub fn scope(&self, role: Role) -> Option<Scope> {
        self.roles.iter().find(|(has, _)| *has == role).map(|(_, scope)| *scope)
    }
}

/// How far a role's permission for an action reaches; `None` where it has none.
#[must_use]
pub fn granted(role: Role, action: &str) -> Option<Scope> {
    named(action)?.scope(role)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sound() {
        let mut actions: Vec<&str> = PERMISSIONS.iter().map(|permission| permission.action).collect();
        let count = actions.len();
        actions.sort_unstable();
        actions.dedup();
        assert_eq!(actions.len(), count, "an action is listed once");
        for permission in PERMISSIONS {
            let mut roles: Vec<&str> = permission.roles.iter().map(|(role, _)| role.name()).collect();
            roles.sort_unstable();
            roles.dedup();
            assert_eq!(roles.len(), permission.roles.len(), "{}: a role is listed once", permission.action);
            assert!(permission.scope(Role::Admin).is_some(), "{}: an admin can do anything", permission.action);
        }
        assert_eq!(granted(Role::Customer, "users.read"), None);
        assert_eq!(granted(Role::Seller, "products.write"), Some(Scope::Own));
        assert_eq!(granted(Role::Admin, "no.such"), None);
    }
}
