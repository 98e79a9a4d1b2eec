//! `entrepot permissions`.

use entrepot_accounts::permissions::PERMISSIONS;
use entrepot_contracts::Role;

use crate::terminal::say;

/// Prints who may do what, as a table: a line for each action, a column for each role.
pub(crate) fn permissions() {
    let widest = PERMISSIONS.iter().map(|permission| permission.action.len()).max().unwrap_or(0);
    let heads: Vec<String> = Role::ALL.iter().map(|role| format!("{:<8}", role.name())).collect();
    say(format_args!("{:<widest$}  {} allows to", "action", heads.join(" ")));
    for permission in PERMISSIONS {
        let scope = |role: &Role| format!("{:<8}", permission.scope(*role).map_or("-", |scope| scope.name()));
        let scopes: Vec<String> = Role::ALL.iter().map(scope).collect();
        say(format_args!("{:<widest$}  {} {}", permission.action, scopes.join(" "), permission.allows));
    }
    say("\nall: everything; own: what is one's own; -: not at all. An API key may do at most what its owner may.");
}
