//! The one list of what the program is made of. A new domain is a crate and a line here.

use entrepot_accounts::Accounts;
use entrepot_catalog::{Dependencies, Pictures, Reading};
use entrepot_feed::Feed;
use entrepot_pg::Database;
use entrepot_runtime::{Clock, Tasks};
use entrepot_web::Module;

/// All modules, in the order in which the OpenAPI document shows them.
#[must_use]
pub fn modules(
    database: &Database,
    feed: &Feed,
    clock: &Clock,
    reading: &Reading,
    pictures: &Pictures,
    accounts: &Accounts,
    tasks: &Tasks,
) -> Vec<Module> {
    let catalog = Dependencies { database: database.clone(), clock: clock.clone(), feed: feed.clone() };
    let sales = entrepot_sales::Dependencies { database: database.clone(), clock: clock.clone(), feed: feed.clone() };
    vec![
        entrepot_catalog::module(catalog, reading.clone(), pictures.clone(), tasks),
        entrepot_sales::module(sales, tasks),
        accounts.module(),
    ]
}
