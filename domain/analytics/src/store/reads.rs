//! What was sold in a period: its sum, the one before, its days, and the stores that sold most.
//!
//! Sums come out of the period's own table, so a month is a row a store and not thirty; each statement is served by a
//! covering index.
//!
//! **Invariants:**
//! - An answer is of one moment: the sum is that of its days and of its stores, whatever is written meanwhile (a
//!   snapshot).
//! - Every statement is narrowed to the caller's stores.

use std::collections::HashMap;
use std::sync::Arc;

use entrepot_contracts::SalesFigures;
use entrepot_pg::{Binds, Database, Error, ScopedFutureExt as _, Transaction};
use jiff::civil::Date;
use rust_decimal::Decimal;
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use crate::model::{Period, PeriodKind};

/// Which period, of which stores.
#[derive(Clone, Debug)]
pub(crate) struct PeriodQuery {
    pub(crate) period: Period,
    /// The stores that the caller may see; `None` for all.
    pub(crate) scope: Option<Arc<[String]>>,
    pub(crate) store: Option<String>,
    /// Stores that are told one by one, at the most.
    pub(crate) limit: u32,
}

/// What was sold in a period.
#[derive(Clone, Debug, Default)]
pub(crate) struct PeriodSales {
    pub(crate) total: SalesFigures,
    /// Of the period before; `None` where nothing is known of it.
    pub(crate) before: Option<SalesFigures>,
    /// How many stores something is known of.
    pub(crate) stores: i64,
    /// In their order; those of which nothing is known are left out.
    pub(crate) days: Vec<DaySales>,
    /// Those that sold most first.
    pub(crate) rows: Vec<StoreSales>,
}

/// What all of these stores sold on a day.
#[derive(Clone, Debug)]
pub(crate) struct DaySales {
    pub(crate) day: Date,
    pub(crate) figures: SalesFigures,
}

/// What a store sold in the period, and in the one before.
#[derive(Clone, Debug)]
pub(crate) struct StoreSales {
    pub(crate) store_id: String,
    pub(crate) figures: SalesFigures,
    pub(crate) before: Option<SalesFigures>,
}

const SUMS: &str = "sum(p.sales), sum(p.transactions), sum(p.customers), sum(p.units), sum(p.discount)";
const FIGURES: &str = "p.sales, p.transactions, p.customers, p.units, p.discount";

/// A kind's table, the column that has its first day, and what is still to be asked of a row.
fn table(kind: PeriodKind) -> (&'static str, &'static str, &'static str) {
    match kind {
        PeriodKind::Day => ("analytics.sales_day", "day", " AND NOT p.is_gone"),
        PeriodKind::Week => ("analytics.sales_week", "week", ""),
        PeriodKind::Month => ("analytics.sales_month", "month", ""),
    }
}

/// A statement, and what is bound to it.
pub(super) struct Statement {
    pub(super) sql: String,
    pub(super) binds: Binds,
}

impl PeriodQuery {
    /// What narrows the rows `p` to stores.
    fn stores(&self, binds: &mut Binds) -> String {
        match (&self.scope, &self.store) {
            (scope, Some(store)) => {
                let sees = scope.as_ref().is_none_or(|scope| scope.iter().any(|own| own == store));
                if sees {
                    format!(" AND p.store_id = {}", binds.add(store.clone(), Type::TEXT))
                } else {
                    " AND false".to_owned()
                }
            }
            (Some(scope), None) => {
                format!(" AND p.store_id = ANY ({})", binds.add(scope.to_vec(), Type::TEXT_ARRAY))
            }
            (None, None) => String::new(),
        }
    }

    /// The period and the one before it: the first day, the figures, how many stores.
    pub(super) fn sums(&self) -> Statement {
        let mut binds = Binds::default();
        let (table, first, rest) = table(self.period.kind);
        let now = binds.add(self.period.first, Type::DATE);
        let before = binds.add(self.period.before().first, Type::DATE);
        let stores = self.stores(&mut binds);
        let sql = format!(
            "SELECT p.{first}, {SUMS}, count(*) FROM {table} AS p WHERE p.{first} IN ({now}, {before}){rest}{stores} \
             GROUP BY p.{first}"
        );
        Statement { sql, binds }
    }

    /// Its days: the day, the figures.
    pub(super) fn days(&self) -> Statement {
        let mut binds = Binds::default();
        let first = binds.add(self.period.first, Type::DATE);
        let last = binds.add(self.period.last, Type::DATE);
        let stores = self.stores(&mut binds);
        let sql = format!(
            "SELECT p.day, {SUMS} FROM analytics.sales_day AS p \
             WHERE p.day BETWEEN {first} AND {last} AND NOT p.is_gone{stores} GROUP BY p.day ORDER BY p.day"
        );
        Statement { sql, binds }
    }

    /// The stores that sold most: the store, the figures.
    pub(super) fn rows(&self) -> Statement {
        let mut binds = Binds::default();
        let (table, first, rest) = table(self.period.kind);
        let now = binds.add(self.period.first, Type::DATE);
        let stores = self.stores(&mut binds);
        let limit = binds.add(i64::from(self.limit), Type::INT8);
        let sql = format!(
            "SELECT p.store_id, {FIGURES} FROM {table} AS p WHERE p.{first} = {now}{rest}{stores} \
             ORDER BY p.sales DESC, p.store_id LIMIT {limit}"
        );
        Statement { sql, binds }
    }

    /// What these stores sold in the period before: the store, the figures.
    pub(super) fn rows_before(&self, stores: Vec<String>) -> Statement {
        let mut binds = Binds::default();
        let (table, first, rest) = table(self.period.kind);
        let before = binds.add(self.period.before().first, Type::DATE);
        let stores = binds.add(stores, Type::TEXT_ARRAY);
        let sql = format!(
            "SELECT p.store_id, {FIGURES} FROM {table} AS p \
             WHERE p.store_id = ANY ({stores}) AND p.{first} = {before}{rest}"
        );
        Statement { sql, binds }
    }
}

/// The figures of a row, behind its first column.
fn figures(row: &Row) -> Result<SalesFigures, Error> {
    let number = |at| row.try_get::<_, Decimal>(at);
    Ok(SalesFigures::new(number(1)?, number(2)?, number(3)?, number(4)?, number(5)?))
}

async fn ask(transaction: &Transaction, statement: &Statement) -> Result<Vec<Row>, Error> {
    Ok(transaction.query_typed(&statement.sql, &statement.binds.typed()).await?)
}

/// Reads what was sold in a period.
pub(crate) async fn read_period(database: &Database, query: &PeriodQuery) -> Result<PeriodSales, Error> {
    database
        .transaction(|transaction| {
            async move {
                transaction.batch_execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY").await?;
                read_in(transaction, query).await
            }
            .scope_boxed()
        })
        .await
}

async fn read_in(transaction: &Transaction, query: &PeriodQuery) -> Result<PeriodSales, Error> {
    let mut read = PeriodSales::default();
    for row in ask(transaction, &query.sums()).await? {
        if row.try_get::<_, Date>(0)? == query.period.first {
            (read.total, read.stores) = (figures(&row)?, row.try_get(6)?);
        } else {
            read.before = Some(figures(&row)?);
        }
    }
    for row in ask(transaction, &query.days()).await? {
        read.days.push(DaySales { day: row.try_get(0)?, figures: figures(&row)? });
    }
    for row in ask(transaction, &query.rows()).await? {
        read.rows.push(StoreSales { store_id: row.try_get(0)?, figures: figures(&row)?, before: None });
    }
    if !read.rows.is_empty() {
        let stores = read.rows.iter().map(|row| row.store_id.clone()).collect();
        let mut before = HashMap::new();
        for row in ask(transaction, &query.rows_before(stores)).await? {
            before.insert(row.try_get::<_, String>(0)?, figures(&row)?);
        }
        for row in &mut read.rows {
            row.before = before.remove(&row.store_id);
        }
    }
    Ok(read)
}
