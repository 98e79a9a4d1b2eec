//! The writes of sales, one a file: the command, its errors, the function.
//!
//! **Invariant:** an op owns its transaction, and everything that it changes is in that one.

mod delete_months;
pub(crate) mod renew_recent;
mod upsert_months;
mod write_month;
mod write_store;

use std::sync::Arc;

pub(crate) use delete_months::{DeleteMonthsError, delete_month, delete_months, not_there};
pub(crate) use upsert_months::{Manner, Outcome, Row, UpsertMonthsError, Verdict, upsert_in, upsert_months};
pub(crate) use write_month::{Demand, WriteMonthError, patch_month, put_month};
pub(crate) use write_store::{DeleteStoreError, WriteStoreError, delete_store, patch_store, put_store};

use entrepot_contracts::StoreId;

/// Whether the caller accepts this present version of what it wants to change.
pub(crate) type Accepts<'a> = &'a (dyn Fn(i64) -> bool + Send + Sync);

/// The stores that a caller may write to; `None` for all.
pub(crate) type StoreScope = Option<Arc<[String]>>;

/// Whether a store lies within a scope.
pub(crate) fn allows(scope: &StoreScope, store: &StoreId) -> bool {
    scope.as_ref().is_none_or(|scope| scope.iter().any(|own| own == store.as_str()))
}

/// How often a write is run again that met another's insert of the same row.
pub(crate) const RACES: u32 = 4;
