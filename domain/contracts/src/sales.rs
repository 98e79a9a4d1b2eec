//! What sales tell of themselves: the payloads of their events. Their names are those that subscribers see.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::StoreId;

/// A store's month was written or deleted; the event's name tells which. Topic `sales-data-{storeId}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SalesChanged {
    /// Which store.
    pub store_id: StoreId,
    /// Which year.
    pub year: i16,
    /// Which month, 1 to 12.
    pub month: i16,
    /// The days that were written, as they are now; of a day that was taken out, null. Left out where there
    /// are too many to tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub days: Option<Value>,
    /// The month's totals now; null where it is gone.
    pub totals: Option<Value>,
    /// The month's totals before; null where it is new.
    pub before: Option<Value>,
}

impl SalesChanged {
    /// The month is new.
    pub const CREATED: &'static str = "sales-data-created";
    /// The month was changed.
    pub const UPDATED: &'static str = "sales-data-updated";
    /// The month is gone.
    pub const DELETED: &'static str = "sales-data-deleted";
}

/// A batch or an import was written. Topic `user-{id}` of whoever sent it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SalesBatchDone {
    /// `upsert`, `delete`, `import`.
    pub kind: String,
    /// Months that are new.
    pub created: u64,
    /// Months that were changed.
    pub updated: u64,
    /// Months that were as they should be already.
    pub unchanged: u64,
    /// Months that are gone.
    pub deleted: u64,
    /// Rows that were refused.
    pub failed: u64,
}

impl SalesBatchDone {
    /// The event's name.
    pub const NAME: &'static str = "sales-batch-done";
}

/// A store was made, changed or closed; the event's name tells which. Topic `store-{storeId}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoreChanged {
    /// Which store.
    pub store_id: StoreId,
    /// Its name.
    pub name: String,
    /// Its status now.
    pub status: String,
}

impl StoreChanged {
    /// It is new.
    pub const CREATED: &'static str = "store-created";
    /// Its name, place or business was changed.
    pub const UPDATED: &'static str = "store-updated";
    /// Its status was changed, and perhaps more.
    pub const STATUS_CHANGED: &'static str = "store-status-changed";
    /// It is gone.
    pub const DELETED: &'static str = "store-deleted";
}
