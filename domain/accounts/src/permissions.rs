//! Who may do what: the one table of roles, actions and scopes.
//!
//! An operation names an action (its [`entrepot_web::Rule`]); this table says which roles have a
//! permission for it and how far that reaches. The door of the server asks here and nowhere else, the
//! OpenAPI document shows it for each operation, `entrepot permissions` prints it, and
//! `docs/features/permissions.md` explains it.
//!
//! **Invariants:**
//! - A role that is not in an action's row has no permission for it.
//! - An API key never may more than its owner's role.

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
    /// Whether it is about stores: of those who are tied to stores it reaches no further than these.
    pub is_by_store: bool,
}

const fn permission(action: &'static str, allows: &'static str, roles: &'static [(Role, Scope)]) -> Permission {
    Permission { action, allows, roles, is_by_store: false }
}

impl Permission {
    const fn by_store(mut self) -> Self {
        self.is_by_store = true;
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
/// The same, and an admin for everybody's.
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
    permission("categories.write", "put in, change, move and delete categories", MANAGERS),
    permission("profile.read", "see one's own account and its sessions", EVERYBODY_OWN),
    permission("profile.write", "change one's own account and password, and end its sessions", EVERYBODY_OWN),
    permission("keys.read", "see API keys", EVERYBODY_OWN_ADMIN_ALL),
    permission("keys.write", "make, change and delete API keys", EVERYBODY_OWN_ADMIN_ALL),
    permission("users.read", "see everybody's account", ADMIN),
    permission("users.write", "make, change, block and delete accounts, and end their sessions", ADMIN),
    permission(
        "audit.read",
        "read and export the audit log",
        &[(Role::Admin, Scope::All), (Role::Auditor, Scope::All)],
    ),
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
    permission("exports.read", "see and fetch exports", EXPORTS),
    permission("exports.write", "order, cancel and delete exports", EXPORTS),
    permission("jobs.read", "see queues, workers and jobs, and what failed", ADMIN),
    permission("jobs.write", "pause queues, cancel, retry and clear jobs", ADMIN),
    permission("webhooks.read", "see webhooks and what was sent to them", ADMIN).by_store(),
    permission(
        "webhooks.write",
        "have events of all stores sent to other programs; not for those who are tied to some",
        ADMIN,
    )
    .by_store(),
    permission("mail.read", "see what letters look like, and those that became files", ADMIN),
    permission("mail.write", "have a letter sent that tries the mail", ADMIN),
    permission("reports.read", "see and fetch reports", EXPORTS),
    permission("reports.write", "order, schedule, cancel and delete reports", EXPORTS),
    permission(
        "stock.report",
        "have reports made of what is in stock",
        &[(Role::Admin, Scope::All), (Role::Manager, Scope::All), (Role::Auditor, Scope::All)],
    ),
    permission("live.read", "see who is connected and how the live updates do", ADMIN),
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
