//! Lists of months and of stores: filters, orders, pages.
//!
//! Every statement is put together from constant pieces of SQL; what a client sent is bound. Each order is
//! that of an index, all its columns going one way, and a page continues from a cursor by comparing with
//! those columns. `plans.rs` runs every filter with every order at a million months.

use std::sync::Arc;

use entrepot_contracts::{SalesFigures, SalesMonthId};
use entrepot_pg::{Binds, Database, Error};
use entrepot_web::{Cursor, Page, PageRequest, Position, Problem};
use jiff::Timestamp;
use rust_decimal::Decimal;
use serde_json::Value;
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::raw;
use crate::model::{SalesMonth, Status, Store};

/// Why a page could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ListError {
    #[error("the cursor's values do not fit the list")]
    BadCursor,
    #[error(transparent)]
    Database(#[from] Error),
}

impl From<tokio_postgres::Error> for ListError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error.into())
    }
}

/// What a list of months is narrowed to. All must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct MonthFilters {
    /// The stores that the caller may see; `None` for all.
    pub(crate) scope: Option<Arc<[String]>>,
    pub(crate) store: Option<String>,
    pub(crate) month: Option<i16>,
    /// Months since the year 0, both included.
    pub(crate) from: Option<i32>,
    pub(crate) to: Option<i32>,
    /// Only months in which a day has this field.
    pub(crate) has: Option<String>,
}

impl MonthFilters {
    /// As SQL, the values bound.
    pub(crate) fn conditions(&self, binds: &mut Binds) -> String {
        let mut sql = "true".to_owned();
        let mut and = |condition: String| {
            sql.push_str(" AND ");
            sql.push_str(&condition);
        };
        match (&self.scope, &self.store) {
            // One store, which must be among those of the caller.
            (scope, Some(store)) => {
                let sees = scope.as_ref().is_none_or(|scope| scope.iter().any(|own| own == store));
                and(if sees {
                    format!("m.store_id = {}", binds.add(store.clone(), Type::TEXT))
                } else {
                    "false".into()
                });
            }
            (Some(scope), None) => match &**scope {
                [] => and("false".to_owned()),
                [only] => and(format!("m.store_id = {}", binds.add(only.clone(), Type::TEXT))),
                many => and(format!("m.store_id = ANY ({})", binds.add(many.to_vec(), Type::TEXT_ARRAY))),
            },
            (None, None) => {}
        }
        match (self.from, self.to) {
            (Some(from), Some(to)) if from == to => and(format!("m.period = {}", binds.add(from, Type::INT4))),
            (from, to) => {
                if let Some(from) = from {
                    and(format!("m.period >= {}", binds.add(from, Type::INT4)));
                }
                if let Some(to) = to {
                    and(format!("m.period <= {}", binds.add(to, Type::INT4)));
                }
            }
        }
        if let Some(month) = self.month {
            and(format!("m.month = {}", binds.add(month, Type::INT2)));
        }
        if let Some(field) = &self.has {
            and(format!("sales.fields(m.daily) ? {}", binds.add(field.clone(), Type::TEXT)));
        }
        sql
    }
}

/// What a list of months can be sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MonthOrder {
    Period,
    Store,
    Sales,
    UpdatedAt,
}

impl MonthOrder {
    fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Period => &["m.period", "m.store_id"],
            Self::Store => &["m.store_id", "m.period"],
            Self::Sales => &["m.sales", "m.store_id", "m.period"],
            Self::UpdatedAt => &["m.updated_at", "m.store_id", "m.period"],
        }
    }

    /// A month's place in the order.
    fn values(self, month: &SalesMonth) -> Vec<Value> {
        let period = i32::from(month.year) * 12 + i32::from(month.month) - 1;
        let store = month.store_id.as_str();
        match self {
            Self::Period => vec![period.into(), store.into()],
            Self::Store => vec![store.into(), period.into()],
            Self::Sales => vec![month.totals.sales.0.to_string().into(), store.into(), period.into()],
            Self::UpdatedAt => vec![month.updated_at.to_string().into(), store.into(), period.into()],
        }
    }

    fn bind(column: &str, binds: &mut Binds, value: &Value) -> Option<String> {
        Some(match column {
            "m.period" => binds.add(i32::try_from(value.as_i64()?).ok()?, Type::INT4),
            "m.store_id" => binds.add(value.as_str().filter(|text| !text.contains('\0'))?.to_owned(), Type::TEXT),
            "m.sales" => binds.add(value.as_str()?.parse::<Decimal>().ok()?, Type::NUMERIC),
            _ => binds.add(value.as_str()?.parse::<Timestamp>().ok()?, Type::TIMESTAMPTZ),
        })
    }
}

/// A list of months to be read.
#[derive(Clone, Debug)]
pub(crate) struct MonthQuery {
    pub(crate) filters: MonthFilters,
    pub(crate) order: MonthOrder,
    pub(crate) descending: bool,
    /// Whether the days are read too, most of a row's bytes.
    pub(crate) with_days: bool,
    pub(crate) page: PageRequest,
}

impl MonthQuery {
    fn fingerprint(&self) -> u64 {
        Cursor::fingerprint(&format!("{:?}{:?}{}", self.filters, self.order, self.descending))
    }

    /// Whether the page's cursor, where there is one, was given out for these filters and this order.
    pub(crate) fn check_cursor(&self) -> Result<(), Problem> {
        match &self.page.position {
            Position::Cursor(cursor) => cursor.check(self.fingerprint()),
            Position::Start | Position::Offset(_) => Ok(()),
        }
    }

    fn statement(&self) -> Result<(String, Binds), ListError> {
        let mut binds = Binds::default();
        let mut conditions = self.filters.conditions(&mut binds);
        let columns = self.order.columns();
        let descending = self.descending != self.page.is_backwards();
        if let Position::Cursor(cursor) = &self.page.position {
            let values: Option<Vec<String>> = (cursor.values.len() == columns.len())
                .then(|| columns.iter().zip(&cursor.values))
                .and_then(|pairs| pairs.map(|(column, value)| MonthOrder::bind(column, &mut binds, value)).collect());
            let values = values.ok_or(ListError::BadCursor)?;
            let sign = if descending { '<' } else { '>' };
            conditions.push_str(&format!(" AND ({}) {sign} ({})", columns.join(", "), values.join(", ")));
        }
        let way = if descending { " DESC" } else { "" };
        let order: Vec<String> = columns.iter().map(|column| format!("{column}{way}")).collect();
        let offset = if let Position::Offset(offset) = self.page.position { offset } else { 0 };
        let daily = if self.with_days { "m.daily::text" } else { "'{}'" };
        let sql = format!(
            "SELECT m.id, m.store_id, m.year, m.month, {daily}, m.sales, m.transactions, m.customers, m.units, m.discount, \
             m.days, m.created_at, m.updated_at, m.version FROM sales.month AS m \
             WHERE {conditions} ORDER BY {} LIMIT {} OFFSET {offset}",
            order.join(", "),
            self.page.limit + 1
        );
        Ok((sql, binds))
    }
}

fn month(row: &Row) -> Result<SalesMonth, Error> {
    Ok(SalesMonth {
        id: SalesMonthId(row.try_get(0)?),
        store_id: row.try_get(1)?,
        year: row.try_get(2)?,
        month: row.try_get(3)?,
        daily_data: raw(row.try_get(4)?)?,
        totals: SalesFigures::new(row.try_get(5)?, row.try_get(6)?, row.try_get(7)?, row.try_get(8)?, row.try_get(9)?),
        days: row.try_get(10)?,
        created_at: row.try_get(11)?,
        updated_at: row.try_get(12)?,
        version: row.try_get(13)?,
    })
}

/// Reads a page of months.
pub(crate) async fn month_page(
    database: &Database,
    query: &MonthQuery,
    count: Option<bool>,
) -> Result<(Vec<SalesMonth>, Page), ListError> {
    let (sql, binds) = query.statement()?;
    let client = database.client().await?;
    let rows = client.query_typed(&sql, &binds.typed()).await?;
    let months = rows.iter().map(month).collect::<Result<Vec<_>, _>>()?;
    let (months, mut page) = query.page.cut(months, query.fingerprint(), |month| query.order.values(month));
    if let Some(exact) = count {
        let mut binds = Binds::default();
        let from = format!("FROM sales.month AS m WHERE {}", query.filters.conditions(&mut binds));
        let total = if exact {
            let sql = format!("SELECT count(*) {from}");
            client.query_typed(&sql, &binds.typed()).await?.first().map_or(Ok(0), |row| row.try_get(0))?
        } else {
            let sql = format!("EXPLAIN (FORMAT JSON) SELECT {from}");
            let rows = client.query_typed(&sql, &binds.typed()).await?;
            let plan: Value = rows.first().map_or(Ok(Value::Null), |row| row.try_get(0))?;
            plan.pointer("/0/Plan/Plan Rows").and_then(Value::as_i64).unwrap_or(0)
        };
        page.total = Some(total);
        page.total_is_estimate = Some(!exact);
    }
    Ok((months, page))
}

/// For the test of plans: the statement of a list under EXPLAIN ANALYZE.
#[cfg(test)]
pub(crate) async fn month_explain(database: &Database, query: &MonthQuery) -> Result<Value, ListError> {
    let (sql, binds) = query.statement()?;
    let sql = format!("EXPLAIN (ANALYZE, FORMAT JSON) {sql}");
    let rows = database.client().await?.query_typed(&sql, &binds.typed()).await?;
    Ok(rows.first().ok_or(Error::Missing("a plan"))?.try_get(0)?)
}

/// What a list of stores is narrowed to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct StoreFilters {
    pub(crate) scope: Option<Arc<[String]>>,
    /// Part of the name, the place or the id.
    pub(crate) text: Option<String>,
    pub(crate) status: Option<&'static str>,
    pub(crate) business: Option<Uuid>,
}

/// Reads a page of stores, in the order of their names.
pub(crate) async fn store_page(
    database: &Database,
    filters: &StoreFilters,
    request: &PageRequest,
) -> Result<(Vec<Store>, Page), ListError> {
    let mut binds = Binds::default();
    let mut sql = "true".to_owned();
    let mut and = |condition: String| {
        sql.push_str(" AND ");
        sql.push_str(&condition);
    };
    if let Some(scope) = &filters.scope {
        and(format!("s.id = ANY ({})", binds.add(scope.to_vec(), Type::TEXT_ARRAY)));
    }
    if let Some(text) = &filters.text {
        let text = binds.add(text.clone(), Type::TEXT);
        // Compared as it is: no character of it means anything else. A chain has thousands of stores, not
        // millions.
        and(format!(
            "position(lower({text} COLLATE \"und-x-icu\") IN lower(concat_ws(' ', s.id, s.name, s.place) COLLATE \"und-x-icu\")) > 0"
        ));
    }
    if let Some(status) = filters.status {
        and(format!("s.status = {}::text::sales.store_status", binds.add(status.to_owned(), Type::TEXT)));
    }
    if let Some(business) = filters.business {
        and(format!("s.business_id = {}", binds.add(business, Type::UUID)));
    }
    let backwards = request.is_backwards();
    if let Position::Cursor(cursor) = &request.position {
        let texts: Vec<&str> =
            cursor.values.iter().filter_map(Value::as_str).filter(|text| !text.contains('\0')).collect();
        let [name, id] = texts.as_slice() else { return Err(ListError::BadCursor) };
        let (name, id) = (binds.add((*name).to_owned(), Type::TEXT), binds.add((*id).to_owned(), Type::TEXT));
        and(format!("(s.name, s.id) {} ({name}, {id})", if backwards { '<' } else { '>' }));
    }
    let way = if backwards { " DESC" } else { "" };
    let offset = if let Position::Offset(offset) = request.position { offset } else { 0 };
    let statement = format!(
        "SELECT s.id, s.name, s.place, s.status::text, s.business_id, s.created_at, s.updated_at, s.version \
         FROM sales.store AS s WHERE {sql} ORDER BY s.name{way}, s.id{way} LIMIT {} OFFSET {offset}",
        request.limit + 1
    );
    let rows = database.client().await?.query_typed(&statement, &binds.typed()).await?;
    let read = |row: &Row| -> Result<Store, Error> {
        Ok(Store {
            id: row.try_get(0)?,
            name: row.try_get(1)?,
            place: row.try_get(2)?,
            status: Status::named(row.try_get(3)?).unwrap_or(Status::Closed),
            business_id: row.try_get(4)?,
            created_at: row.try_get(5)?,
            updated_at: row.try_get(6)?,
            version: row.try_get(7)?,
        })
    };
    let stores = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    Ok(request
        .cut(stores, store_fingerprint(filters), |store| vec![store.name.clone().into(), store.id.clone().into()]))
}

fn store_fingerprint(filters: &StoreFilters) -> u64 {
    Cursor::fingerprint(&format!("stores {filters:?}"))
}

impl StoreFilters {
    /// Whether the page's cursor, where there is one, was given out for this list.
    pub(crate) fn check_cursor(&self, request: &PageRequest) -> Result<(), Problem> {
        match &request.position {
            Position::Cursor(cursor) => cursor.check(store_fingerprint(self)),
            Position::Start | Position::Offset(_) => Ok(()),
        }
    }
}
