//! What analytics ask of the database: typed statements that write, and reads that are put together. No policy.
//!
//! **Invariant:** a day is written only over one of an earlier event.

#[cfg(test)]
mod plans;
mod reads;

use entrepot_contracts::StoreId;
use entrepot_pg::{Error, Transaction};
use entrepot_queries::client::Params as _;
use entrepot_queries::queries::analytics::sales::{self, DaysUpsertParams, MonthDeriveParams, WeeksDeriveParams};
use jiff::civil::Date;

use crate::model::ToldDay;

pub(crate) use reads::{DaySales, PeriodQuery, StoreSales, read_period};

/// Tells the locks of stores from those of others: "analytics" in eight bytes, as far as it goes.
const STORE_LOCKS: i64 = 0x616e_616c_7974_6963;

/// Keeps other jobs of the store waiting until this transaction ends. Two stores whose ids come to the same number
/// wait for each other, and that is all.
pub(crate) async fn store_lock(transaction: &Transaction, store_id: &StoreId) -> Result<(), Error> {
    let lock = transaction.prepare_cached("SELECT pg_advisory_xact_lock(hashtextextended($1, $2))").await?;
    transaction.execute(&lock, &[&store_id.as_str(), &STORE_LOCKS]).await?;
    Ok(())
}

/// Writes the days of which no later event has told; tells which.
pub(crate) async fn days_upsert(
    transaction: &Transaction,
    store_id: &StoreId,
    days: &[ToldDay],
    as_of: u64,
) -> Result<Vec<Date>, Error> {
    let figures: Vec<_> = days.iter().map(|told| told.figures.unwrap_or_default()).collect();
    let params = DaysUpsertParams {
        store_id: store_id.as_str(),
        as_of: i64::try_from(as_of).map_err(|_| Error::Refused("a position is a bigint"))?,
        days: days.iter().map(|told| told.day).collect::<Vec<_>>(),
        sales: figures.iter().map(|figures| figures.sales.0).collect::<Vec<_>>(),
        transactions: figures.iter().map(|figures| figures.transactions.0).collect::<Vec<_>>(),
        customers: figures.iter().map(|figures| figures.customers.0).collect::<Vec<_>>(),
        units: figures.iter().map(|figures| figures.units.0).collect::<Vec<_>>(),
        discounts: figures.iter().map(|figures| figures.discount.0).collect::<Vec<_>>(),
        are_gone: days.iter().map(|told| told.figures.is_none()).collect::<Vec<_>>(),
    };
    Ok(sales::days_upsert().params(transaction.client(), &params).all().await?)
}

/// Derives the weeks that these days lie in.
pub(crate) async fn weeks_derive(transaction: &Transaction, store_id: &StoreId, days: &[Date]) -> Result<(), Error> {
    let params = WeeksDeriveParams { days, store_id: store_id.as_str() };
    sales::weeks_derive().params(transaction.client(), &params).await?;
    Ok(())
}

/// Derives the month that begins on this day.
pub(crate) async fn month_derive(transaction: &Transaction, store_id: &StoreId, first: Date) -> Result<(), Error> {
    let params = MonthDeriveParams { store_id: store_id.as_str(), first, last: first.last_of_month() };
    sales::month_derive().params(transaction.client(), &params).await?;
    Ok(())
}
