//! What sales tell of their writes: the events, their topics, and the tags that they touch.
//!
//! | topic | event | who may follow it |
//! | --- | --- | --- |
//! | `sales-data-{storeId}` | `sales-data-created`, `-updated`, `-deleted` | who may read that store's sales |
//! | `store-{storeId}` | `store-created`, `-updated`, `-status-changed`, `-deleted` | who may read that store |
//! | `user-{id}` | `sales-batch-done`, `sales-import-progress` | that person |
//!
//! | tag | is touched by |
//! | --- | --- |
//! | `sales` | every write of sales |
//! | `sales-store:<id>` | every write of that store's sales |
//! | `stores` | every write of a store |

use entrepot_contracts::{SalesBatchDone, SalesChanged, SalesFigures, StoreChanged, StoreId};
use entrepot_feed::NewEvent;
use serde_json::Value;
use uuid::Uuid;

use crate::model::{Days, MonthKey, Store};

/// Days of a month that an event tells of; with more, whoever follows reads the month.
const MOST_DAYS: usize = 31;

pub(crate) fn sales_tags(store: &StoreId) -> [String; 2] {
    ["sales".to_owned(), format!("sales-store:{store}")]
}

/// A month was written.
pub(crate) fn month_changed(
    name: &'static str,
    key: &MonthKey,
    days: Option<&Days>,
    totals: Option<SalesFigures>,
    before: Option<SalesFigures>,
) -> NewEvent {
    let days = days.filter(|days| days.len() <= MOST_DAYS).map(|days| Value::Object(days.clone()));
    NewEvent::new(name, format!("sales-data-{}", key.store_id)).tags(sales_tags(&key.store_id)).data(&SalesChanged {
        store_id: key.store_id.clone(),
        year: key.year,
        month: key.month,
        days,
        totals: totals.as_ref().map(value_of),
        before: before.as_ref().map(value_of),
    })
}

/// A batch or an import is done, for whoever sent it.
pub(crate) fn batch_done(person: Uuid, done: &SalesBatchDone) -> NewEvent {
    NewEvent::new(SalesBatchDone::NAME, format!("user-{person}")).data(done)
}

/// A store was written: these of its members were changed.
pub(crate) fn store_changed(name: &'static str, store: &Store, changed: Vec<String>) -> Option<NewEvent> {
    let store_id: StoreId = store.id.parse().ok()?;
    let event =
        NewEvent::new(name, format!("store-{store_id}")).tags(["stores".to_owned(), format!("store:{store_id}")]);
    Some(event.data(&StoreChanged {
        store_id,
        name: store.name.clone(),
        place: store.place.clone(),
        status: store.status.name().to_owned(),
        changed,
    }))
}

fn value_of(figures: &SalesFigures) -> Value {
    // Through text: a `Value` cannot hold a raw number.
    serde_json::to_vec(figures).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
}
