//! Sums of sales by day, week, month or store, each with what came before it.
//!
//! Months and stores are summed from the totals that every month has, out of a covering index; days and
//! weeks out of the days themselves.
//!
//! **Invariant:** the range is whole units: what lies before it is compared with as a whole too.

use std::sync::Arc;

use entrepot_contracts::SalesFigures;
use entrepot_pg::{Binds, Database, Error};
use jiff::civil::Date;
use rust_decimal::Decimal;
use tokio_postgres::Row;
use tokio_postgres::types::Type;

/// What is summed together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SumBy {
    Day,
    /// From Monday on (ISO 8601).
    Week,
    Month,
    Store,
}

/// Which sums.
#[derive(Clone, Debug)]
pub(crate) struct SumQuery {
    pub(crate) by: SumBy,
    /// The stores that the caller may see; `None` for all.
    pub(crate) scope: Option<Arc<[String]>>,
    pub(crate) store: Option<String>,
    /// The first and the last day.
    pub(crate) from: Date,
    pub(crate) to: Date,
    /// The day that what is compared with begins at, before `from`.
    pub(crate) before: Date,
}

/// A sum.
#[derive(Clone, Debug)]
pub(crate) struct Sum {
    /// The first day of what was summed, unless by store.
    pub(crate) start: Option<Date>,
    pub(crate) store: Option<(String, String)>,
    pub(crate) totals: SalesFigures,
    /// The same of what came before; `None` where nothing is known of it.
    pub(crate) before: Option<SalesFigures>,
}

/// All of them, and their sum.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sums {
    pub(crate) rows: Vec<Sum>,
}

const MEASURES: &str = "sum(sales), sum(transactions), sum(customers), sum(units), sum(discount)";

fn period(date: Date) -> i32 {
    i32::from(date.year()) * 12 + i32::from(date.month()) - 1
}

impl SumQuery {
    /// What sums the range from `from` to `to`: two columns that name the group, then the measures.
    fn statement(&self, binds: &mut Binds, from: Date, to: Date) -> String {
        let mut stores = String::new();
        match (&self.scope, &self.store) {
            (scope, Some(store)) => {
                let sees = scope.as_ref().is_none_or(|scope| scope.iter().any(|own| own == store));
                stores = if sees {
                    format!(" AND m.store_id = {}", binds.add(store.clone(), Type::TEXT))
                } else {
                    " AND false".to_owned()
                };
            }
            (Some(scope), None) => {
                stores = format!(" AND m.store_id = ANY ({})", binds.add(scope.to_vec(), Type::TEXT_ARRAY));
            }
            (None, None) => {}
        }
        let (first, last) = (binds.add(period(from), Type::INT4), binds.add(period(to), Type::INT4));
        let months = format!("FROM sales.month AS m WHERE m.period BETWEEN {first} AND {last}{stores}");
        let is_whole_months = from.day() == 1 && to == to.last_of_month();
        match self.by {
            SumBy::Month => format!("SELECT m.period::text, NULL::text, {MEASURES} {months} GROUP BY m.period"),
            SumBy::Store if is_whole_months => {
                format!("SELECT m.store_id, NULL::text, {MEASURES} {months} GROUP BY m.store_id")
            }
            SumBy::Day | SumBy::Week | SumBy::Store => {
                let from = binds.add(from.to_string(), Type::TEXT);
                let to = binds.add(to.to_string(), Type::TEXT);
                let group = match self.by {
                    SumBy::Week => "date_trunc('week', d.date)::date::text",
                    SumBy::Store => "d.store_id",
                    _ => "d.date::text",
                };
                format!(
                    "SELECT {group}, NULL::text, {MEASURES} FROM ( \
                     SELECT m.store_id, make_date(m.year, m.month, day.key::int) AS date, \
                     (day.value ->> 'sales')::numeric AS sales, (day.value ->> 'transactions')::numeric AS transactions, \
                     (day.value ->> 'customers')::numeric AS customers, (day.value ->> 'units')::numeric AS units, \
                     (day.value ->> 'discount')::numeric AS discount \
                     FROM (SELECT m.store_id, m.year, m.month, m.daily {months}) AS m, jsonb_each(m.daily) AS day \
                     ) AS d WHERE d.date BETWEEN {from}::text::date AND {to}::text::date GROUP BY 1"
                )
            }
        }
    }
}

fn totals(row: &Row) -> Result<SalesFigures, Error> {
    let number = |at| row.try_get::<_, Option<Decimal>>(at).map(Option::unwrap_or_default);
    Ok(SalesFigures::new(number(2)?, number(3)?, number(4)?, number(5)?, number(6)?))
}

/// Reads the sums of a range, in order; by store those that sold most come first.
pub(crate) async fn read_sums(database: &Database, query: &SumQuery) -> Result<Sums, Error> {
    let client = database.client().await?;
    let group = |row: &Row| row.try_get::<_, String>(0);
    if query.by == SumBy::Store {
        let mut binds = Binds::default();
        let sql = query.statement(&mut binds, query.from, query.to);
        let rows = client.query_typed(&sql, &binds.typed()).await?;
        let mut binds = Binds::default();
        let yesterday = query.from.yesterday().unwrap_or(query.from);
        let before = query.statement(&mut binds, query.before, yesterday);
        let mut earlier = std::collections::HashMap::new();
        for row in client.query_typed(&before, &binds.typed()).await? {
            earlier.insert(group(&row)?, totals(&row)?);
        }
        let mut now = Vec::with_capacity(rows.len());
        for row in &rows {
            now.push((group(row)?, totals(row)?));
        }
        // A store that sold before and not now is a change, too.
        let known: std::collections::HashSet<String> = now.iter().map(|(id, _)| id.clone()).collect();
        let gone = earlier.keys().filter(|id| !known.contains(*id)).cloned();
        now.extend(gone.map(|id| (id, SalesFigures::default())));
        let ids: Vec<&String> = now.iter().map(|(id, _)| id).collect();
        let mut names = std::collections::HashMap::new();
        for row in client.query("SELECT id, name FROM sales.store WHERE id = ANY ($1)", &[&ids]).await? {
            names.insert(row.try_get::<_, String>(0)?, row.try_get::<_, String>(1)?);
        }
        let mut sums: Vec<Sum> = now
            .into_iter()
            .map(|(id, totals)| {
                let before = earlier.get(&id).copied();
                let name = names.remove(&id).unwrap_or_default();
                Sum { start: None, store: Some((id, name)), totals, before }
            })
            .collect();
        sums.sort_by(|one, other| {
            other.totals.sales.0.cmp(&one.totals.sales.0).then_with(|| one.store.cmp(&other.store))
        });
        return Ok(Sums { rows: sums });
    }
    let mut binds = Binds::default();
    let sql = query.statement(&mut binds, query.before, query.to);
    let mut found = Vec::new();
    for row in client.query_typed(&sql, &binds.typed()).await? {
        let text = group(&row)?;
        let start = match query.by {
            SumBy::Month => text.parse::<i32>().ok().and_then(|period| {
                let (year, month) =
                    (i16::try_from(period.div_euclid(12)).ok()?, i8::try_from(period.rem_euclid(12)).ok()?);
                Date::new(year, month + 1, 1).ok()
            }),
            _ => text.parse().ok(),
        };
        found.push((start.ok_or(Error::Missing("the date of a sum"))?, totals(&row)?));
    }
    found.sort_by_key(|(start, _)| *start);
    let earlier: std::collections::HashMap<Date, SalesFigures> = found.iter().copied().collect();
    let rows = found
        .into_iter()
        .filter(|(start, _)| *start >= query.by.floor(query.from))
        .map(|(start, totals)| {
            let before = query.by.step_back(start).and_then(|before| earlier.get(&before).copied());
            Sum { start: Some(start), store: None, totals, before }
        })
        .collect();
    Ok(Sums { rows })
}

impl SumBy {
    /// The first day of the unit that a day lies in.
    pub(crate) fn floor(self, date: Date) -> Date {
        match self {
            Self::Week => {
                let back = i64::from(date.weekday().to_monday_zero_offset());
                date.saturating_sub(jiff::Span::new().days(back))
            }
            Self::Month => date.first_of_month(),
            Self::Day | Self::Store => date,
        }
    }

    /// The last day of the unit that a day lies in.
    pub(crate) fn ceil(self, date: Date) -> Date {
        match self {
            Self::Week => self.floor(date).saturating_add(jiff::Span::new().days(6)),
            Self::Month => date.last_of_month(),
            Self::Day | Self::Store => date,
        }
    }

    /// The first day of the unit before the one that begins at `start`.
    pub(crate) fn step_back(self, start: Date) -> Option<Date> {
        let span = match self {
            Self::Day => jiff::Span::new().days(1),
            Self::Week => jiff::Span::new().days(7),
            Self::Month => jiff::Span::new().months(1),
            Self::Store => return None,
        };
        start.checked_sub(span).ok()
    }
}
