//! What sales ask of the database: typed queries, and the lists and sums that are put together. No policy.

mod export;
mod lists;
#[cfg(test)]
mod plans;
mod recent;
mod sums;

use entrepot_contracts::{Number, SalesFigures, SalesMonthId, StoreId};
use entrepot_pg::{Error, Pooled, Transaction};
use entrepot_queries::client::Params as _;
use entrepot_queries::queries::sales::months::{self, MonthsDeleteParams, MonthsUpsertParams};
use entrepot_queries::queries::sales::stores::{self, StoreInsertParams, StoreRow, StoreUpdateParams};
use jiff::Timestamp;
use rust_decimal::Decimal;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::model::{Days, MonthKey, SalesMonth, Status, Store, StoreInput};

pub(crate) use export::{COLUMNS as EXPORT_COLUMNS, export_count, export_piece, key as export_key};
pub(crate) use lists::{ListError, MonthFilters, MonthOrder, MonthQuery, StoreFilters, month_page, store_page};
pub(crate) use recent::{recent_bound, renew_recent, try_upkeep};
pub(crate) use sums::{Sum, SumBy, SumQuery, read_sums};

fn store(row: StoreRow) -> Store {
    Store {
        id: row.id,
        name: row.name,
        place: row.place,
        // The column's type has these and no others.
        status: Status::named(&row.status).unwrap_or(Status::Closed),
        business_id: row.business_id,
        created_at: row.created_at,
        updated_at: row.updated_at,
        version: row.version,
    }
}

pub(crate) async fn store_by_id(client: &Pooled, id: &StoreId) -> Result<Option<Store>, Error> {
    Ok(stores::store_by_id().bind(client, &id.as_str()).opt().await?.map(store))
}

pub(crate) async fn store_lock(transaction: &Transaction, id: &StoreId) -> Result<Option<Store>, Error> {
    Ok(stores::store_lock().bind(transaction.client(), &id.as_str()).opt().await?.map(store))
}

/// Tells whether it was made: not where it is there already.
pub(crate) async fn store_insert(
    transaction: &Transaction,
    id: &StoreId,
    input: &StoreInput,
    now: Timestamp,
) -> Result<bool, Error> {
    let params = StoreInsertParams {
        id: id.as_str(),
        name: &*input.name,
        place: input.place.as_deref(),
        status: input.status.name(),
        business_id: input.business_id,
        now,
    };
    Ok(stores::store_insert().params(transaction.client(), &params).await? > 0)
}

pub(crate) async fn store_update(
    transaction: &Transaction,
    id: &StoreId,
    input: &StoreInput,
    now: Timestamp,
) -> Result<(), Error> {
    let params = StoreUpdateParams {
        name: &*input.name,
        place: input.place.as_deref(),
        status: input.status.name(),
        business_id: input.business_id,
        now,
        id: id.as_str(),
    };
    stores::store_update().params(transaction.client(), &params).await?;
    Ok(())
}

pub(crate) async fn store_delete(transaction: &Transaction, id: &StoreId) -> Result<(), Error> {
    stores::store_delete().bind(transaction.client(), &id.as_str()).await?;
    Ok(())
}

/// Which of these there are.
pub(crate) async fn stores_known(transaction: &Transaction, ids: &[&str]) -> Result<Vec<String>, Error> {
    Ok(stores::stores_known().bind(transaction.client(), &ids).all().await?)
}

/// Makes those that are missing; tells which.
pub(crate) async fn stores_make(
    transaction: &Transaction,
    ids: &[&str],
    now: Timestamp,
) -> Result<Vec<(String, String)>, Error> {
    let made = stores::stores_make().bind(transaction.client(), &now, &ids).all().await?;
    Ok(made.into_iter().map(|row| (row.id, row.name)).collect())
}

/// The text of a JSONB column, as it is sent on.
pub(crate) fn raw(text: String) -> Result<Box<RawValue>, Error> {
    RawValue::from_string(text).map_err(|_| Error::Missing("JSON in a column of JSON"))
}

macro_rules! month {
    ($row:expr, $key:expr) => {{
        let row = $row;
        Ok(SalesMonth {
            id: SalesMonthId(row.id),
            store_id: $key.store_id.to_string(),
            year: $key.year,
            month: $key.month,
            daily_data: raw(row.daily)?,
            totals: SalesFigures::new(row.sales, row.transactions, row.customers, row.units, row.discount),
            days: row.days,
            created_at: row.created_at,
            updated_at: row.updated_at,
            version: row.version,
        })
    }};
}

pub(crate) async fn month_by_key(client: &Pooled, key: &MonthKey) -> Result<Option<SalesMonth>, Error> {
    let found = months::month_by_key().bind(client, &key.store_id.as_str(), &key.year, &key.month).opt().await?;
    found.map(|row| month!(row, key)).transpose()
}

pub(crate) async fn month_lock(transaction: &Transaction, key: &MonthKey) -> Result<Option<SalesMonth>, Error> {
    let bound = &mut months::month_lock();
    let found = bound.bind(transaction.client(), &key.store_id.as_str(), &key.year, &key.month).opt().await?;
    found.map(|row| month!(row, key)).transpose()
}

/// What became of a month that was put in or changed.
#[derive(Clone, Debug)]
pub(crate) enum Upserted {
    Created {
        id: Uuid,
        totals: SalesFigures,
    },
    Updated {
        id: Uuid,
        totals: SalesFigures,
        before: SalesFigures,
        /// Days that a whole month does not have any more.
        gone: Vec<String>,
    },
    Unchanged {
        id: Uuid,
    },
    /// Nothing was written, as there is no such store.
    NoStore,
    /// Another made it at the same time: the whole has to be run again.
    Raced,
}

/// Puts in or changes months; with `merge` the days that are not named stay as they are.
pub(crate) async fn months_upsert(
    transaction: &Transaction,
    rows: &[(Uuid, &MonthKey, &Days)],
    merge: bool,
    now: Timestamp,
) -> Result<Vec<Upserted>, Error> {
    let ids: Vec<Uuid> = rows.iter().map(|(id, ..)| *id).collect();
    let (store_ids, years, months_of) = keys(rows.iter().map(|(_, key, _)| *key));
    let dailies: Vec<String> = rows.iter().map(|(.., days)| serde_json::to_string(days).unwrap_or_default()).collect();
    let params = MonthsUpsertParams { ids, store_ids, years, months: months_of, dailies, now, merge };
    let written = months::months_upsert().params(transaction.client(), &params).all().await?;
    Ok(written
        .into_iter()
        .map(|row| {
            let after = totals(row.sales, row.transactions, row.customers, row.units, row.discount);
            let before = totals(
                row.before_sales,
                row.before_transactions,
                row.before_customers,
                row.before_units,
                row.before_discount,
            );
            match (row.written_id, row.created, row.before_id) {
                _ if !row.is_known => Upserted::NoStore,
                (Some(id), Some(true), _) => Upserted::Created { id, totals: after },
                (Some(id), _, Some(_)) => {
                    Upserted::Updated { id, totals: after, before, gone: row.gone.unwrap_or_default() }
                }
                (None, _, Some(id)) => Upserted::Unchanged { id },
                (_, _, None) => Upserted::Raced,
            }
        })
        .collect())
}

fn totals(
    sales: Option<Decimal>,
    transactions: Option<Decimal>,
    customers: Option<Decimal>,
    units: Option<Decimal>,
    discount: Option<Decimal>,
) -> SalesFigures {
    let number = |number: Option<Decimal>| Number(number.unwrap_or_default());
    SalesFigures {
        sales: number(sales),
        transactions: number(transactions),
        customers: number(customers),
        units: number(units),
        discount: number(discount),
    }
}

fn keys<'a>(keys: impl Iterator<Item = &'a MonthKey> + Clone) -> (Vec<&'a str>, Vec<i16>, Vec<i16>) {
    (
        keys.clone().map(|key| key.store_id.as_str()).collect(),
        keys.clone().map(|key| key.year).collect(),
        keys.map(|key| key.month).collect(),
    )
}

/// Deletes months; of each what its totals were, or nothing where there was none.
pub(crate) async fn months_delete(
    transaction: &Transaction,
    which: &[&MonthKey],
) -> Result<Vec<Option<SalesFigures>>, Error> {
    let (store_ids, years, months_of) = keys(which.iter().copied());
    let params = MonthsDeleteParams { store_ids, years, months: months_of };
    let gone = months::months_delete().params(transaction.client(), &params).all().await?;
    Ok(gone
        .into_iter()
        .map(|row| row.id.map(|_| totals(row.sales, row.transactions, row.customers, row.units, row.discount)))
        .collect())
}
