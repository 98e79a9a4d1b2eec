//! What sales tell of themselves: the payloads of their events, whose names are those that subscribers see; and the
//! figures that all who deal with sales count in.
//!
//! **Invariant:** a number is a decimal from what was sent to what is answered: through no float on the way.

use std::str::FromStr as _;

use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::StoreId;

/// An exact number, written in JSON as one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Number(pub Decimal);

impl Number {
    /// A number of a document, exactly; `None` where it has more digits than a decimal holds.
    #[must_use]
    pub fn read(number: &serde_json::Number) -> Option<Self> {
        let text = number.to_string();
        Decimal::from_str(&text).or_else(|_| Decimal::from_scientific(&text)).ok().map(Self)
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // As text that is a number already: through a float it would be another.
        let text = self.0.normalize().to_string();
        RawValue::from_string(text).map_err(serde::ser::Error::custom)?.serialize(serializer)
    }
}

/// What was sold, in sums.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct SalesFigures {
    /// What was paid, in the store's currency.
    #[schema(value_type = f64, example = 30420.75)]
    pub sales: Number,
    /// Baskets.
    #[schema(value_type = f64, example = 1212)]
    pub transactions: Number,
    /// Those who bought; who bought on two days counts twice.
    #[schema(value_type = f64, example = 980)]
    pub customers: Number,
    /// Pieces; of what is sold by measure, its unit.
    #[schema(value_type = f64, example = 5230)]
    pub units: Number,
    /// What was given off.
    #[schema(value_type = f64, example = 310.4)]
    pub discount: Number,
}

impl SalesFigures {
    /// Sums, as a database has them.
    #[must_use]
    pub fn new(sales: Decimal, transactions: Decimal, customers: Decimal, units: Decimal, discount: Decimal) -> Self {
        Self {
            sales: Number(sales),
            transactions: Number(transactions),
            customers: Number(customers),
            units: Number(units),
            discount: Number(discount),
        }
    }
}

/// How much more or less than before, as a share of it; `None` where there was nothing. Whoever shows it rounds it.
#[must_use]
pub fn growth(now: Decimal, before: Decimal) -> Option<Decimal> {
    now.checked_sub(before)?.checked_div(before.abs())
}

/// How much more or less than before, as a share: 0.25 is a quarter more. Null where there was nothing before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct SalesGrowth {
    /// Of what was paid.
    #[schema(value_type = Option<f64>, example = 0.25)]
    pub sales: Option<Number>,
    /// Of baskets.
    #[schema(value_type = Option<f64>)]
    pub transactions: Option<Number>,
    /// Of those who bought.
    #[schema(value_type = Option<f64>)]
    pub customers: Option<Number>,
    /// Of pieces.
    #[schema(value_type = Option<f64>)]
    pub units: Option<Number>,
    /// Of what was given off.
    #[schema(value_type = Option<f64>)]
    pub discount: Option<Number>,
}

impl SalesGrowth {
    /// From what was sold before to what was sold now.
    #[must_use]
    pub fn of(now: &SalesFigures, before: Option<&SalesFigures>) -> Self {
        let share = |read: fn(&SalesFigures) -> Number| {
            let grown = growth(read(now).0, read(before?).0)?;
            Some(Number(grown.round_dp_with_strategy(4, RoundingStrategy::MidpointAwayFromZero)))
        };
        Self {
            sales: share(|figures| figures.sales),
            transactions: share(|figures| figures.transactions),
            customers: share(|figures| figures.customers),
            units: share(|figures| figures.units),
            discount: share(|figures| figures.discount),
        }
    }
}

/// A store's month was written or deleted; the event's name tells which. Topic `sales-data-{storeId}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SalesChanged {
    /// Which store.
    pub store_id: StoreId,
    /// Which year.
    #[schema(example = 2024)]
    pub year: i16,
    /// Which month, 1 to 12.
    pub month: i16,
    /// The days that were written, as they are now; of a day that was taken out, null. Left out where there
    /// are too many to tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<BTreeMap<String, Option<BTreeMap<String, f64>>>>, nullable = false, example = json!({"1": {"sales": 1000}}))]
    pub days: Option<Value>,
    /// The month's totals now; null where it is gone.
    #[schema(value_type = Option<SalesFigures>, required)]
    pub totals: Option<Value>,
    /// The month's totals before; null where it is new.
    #[schema(value_type = Option<SalesFigures>, required)]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StoreChanged {
    /// Which store.
    pub store_id: StoreId,
    /// Its name now.
    #[schema(example = "Harbour Street")]
    pub name: String,
    /// Where it is now.
    #[serde(default)]
    #[schema(example = "Bergen", required)]
    pub place: Option<String>,
    /// Its status now.
    #[schema(example = "active")]
    pub status: String,
    /// Which of its members were changed: `name`, `place`, `status`, `businessId`. None where it is new or gone.
    #[serde(default)]
    #[schema(example = json!(["place"]), required)]
    pub changed: Vec<String>,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_a_share_of_what_was_before() {
        let of = |sales: i64| SalesFigures { sales: Number(sales.into()), ..SalesFigures::default() };
        let grown = |now: i64, before: Option<i64>| {
            SalesGrowth::of(&of(now), before.map(of).as_ref()).sales.map(|number| number.0)
        };
        assert_eq!(grown(5, Some(4)), Some(Decimal::new(25, 2)));
        assert_eq!(grown(3, Some(-4)), Some(Decimal::new(175, 2)));
        assert_eq!((grown(5, Some(0)), grown(5, None)), (None, None));
    }
}
