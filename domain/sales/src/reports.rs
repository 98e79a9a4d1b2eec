//! The report of sales: what was sold in a period, by day or month and by store.
//!
//! **Invariant:** it sums what its reader may see, now and before, also of stores that sold in one of the two only; a
//! figure is summed exactly and rounded once, where it is shown.

use std::collections::BTreeMap;

use entrepot_contracts::{SalesFigures, growth};
use entrepot_documents::{
    Cell, Chart, ChartKind, Column, Document, Figure, Kind, Section, Series, Table, Total, rounded,
};
use entrepot_pg::Database;
use entrepot_reports::{Asked, Period, Source, SourceError};
use entrepot_web::Fault;
use entrepot_web::body::{Reader, Text};
use futures_util::future::BoxFuture;
use jiff::Span;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

use crate::store::{self, Sum, SumBy, SumQuery};

/// The longest period, and the longest that is told day by day.
const MOST_DAYS: i32 = 3_660;
const MOST_BY_DAY: i32 = 366;
/// From here on whole months are told month by month.
const DAYS_ENOUGH: i32 = 100;
/// Stores in the chart.
const CHARTED: usize = 12;
const MONEY: Kind = Kind::Decimal { places: 2 };

/// Reports of sales.
pub(crate) struct SalesReport {
    database: Database,
}

impl SalesReport {
    pub(crate) fn new(database: Database) -> Self {
        Self { database }
    }
}

/// What was asked for.
struct Wanted {
    period: Period,
    store: Option<String>,
}

impl Wanted {
    /// Names of periods are reckoned from `today`.
    fn read(given: &Value, today: Date) -> Result<Self, Vec<Fault>> {
        let mut reader = Reader::new(given, "/parameters");
        let name = reader.optional("period", |member| member.text(Text::line(1, 40)));
        let day = |text: &str| text.parse::<Date>().map_err(|_| "must be a day such as 2026-01-31");
        let from = reader.optional("from", |member| member.parsed(Text::line(10, 10), "invalid_date", day));
        let to = reader.optional("to", |member| member.parsed(Text::line(10, 10), "invalid_date", day));
        let store = reader.optional("storeId", |member| member.text(Text::line(1, 64)));
        let (wrong, period) = match (name, from, to) {
            (Some(name), None, None) => ("period", Period::named(&name, today)),
            (None, None, None) => ("period", Period::named("last-month", today)),
            (None, Some(from), to) => ("to", Period::between(from, to.unwrap_or(today), MOST_DAYS)),
            (None, None, Some(_)) => {
                reader.fault("from", "required", "must say where the period begins");
                ("from", Period::named("today", today))
            }
            (Some(_), _, _) => {
                reader.fault("period", "contradictory", "stands for from and to: leave one of them out");
                ("period", Period::named("today", today))
            }
        };
        if let Err(error) = &period {
            reader.fault(wrong, "invalid_period", error.to_string());
        }
        if let Ok(period) = period
            && period.days() > MOST_BY_DAY
            && !is_whole_months(period)
        {
            reader.fault(wrong, "invalid_period", "must be whole months where it is longer than a year");
        }
        let faults = reader.finish();
        match period {
            Ok(period) if faults.is_empty() => Ok(Self { period, store }),
            _ => Err(faults),
        }
    }
}

fn is_whole_months(period: Period) -> bool {
    period.from.day() == 1 && period.to == period.to.last_of_month()
}

impl Source for SalesReport {
    fn kind(&self) -> &'static str {
        "sales"
    }

    fn about(&self) -> &'static str {
        "What was sold, by day or month and by store, beside what came before. Parameters: `period` (today, yesterday, \
         this-week, last-week, this-month, last-month, this-quarter, last-quarter, this-year, last-year; last-month \
         unless told), or `from` and `to` (days); `storeId`."
    }

    fn action(&self) -> &'static str {
        "sales.read"
    }

    fn check(&self, given: &Value) -> Result<Value, Vec<Fault>> {
        // Whichever day it is: a period by name is never too long.
        Wanted::read(given, Date::constant(2024, 10, 4))?;
        let mut kept = Map::new();
        for name in ["period", "from", "to", "storeId"] {
            if let Some(value) = given.get(name) {
                kept.insert(name.to_owned(), value.clone());
            }
        }
        if !kept.contains_key("period") && !kept.contains_key("from") {
            kept.insert("period".to_owned(), json!("last-month"));
        }
        Ok(Value::Object(kept))
    }

    fn read<'a>(&'a self, asked: &'a Asked) -> BoxFuture<'a, Result<Document, SourceError>> {
        Box::pin(async move {
            let wanted = Wanted::read(&asked.parameters, asked.today).map_err(|faults| {
                let told: Vec<&str> = faults.iter().map(|fault| fault.detail.as_str()).collect();
                SourceError::Impossible(told.join("; "))
            })?;
            let Period { from, to } = wanted.period;
            let by = if is_whole_months(wanted.period) && wanted.period.days() > DAYS_ENOUGH {
                SumBy::Month
            } else {
                SumBy::Day
            };
            let before = if is_whole_months(wanted.period) {
                let months =
                    (i32::from(to.year()) - i32::from(from.year())) * 12 + i32::from(to.month() - from.month());
                from.saturating_sub(Span::new().months(months + 1))
            } else {
                from.saturating_sub(Span::new().days(wanted.period.days()))
            };
            let query =
                |by, before| SumQuery { by, scope: asked.scope.clone(), store: wanted.store.clone(), from, to, before };
            let times = store::read_sums(&self.database, &query(by, by.step_back(from).unwrap_or(from))).await?;
            let stores = store::read_sums(&self.database, &query(SumBy::Store, before)).await?;
            let times = without_gaps(by, wanted.period, asked.today, times.rows);
            Ok(document(asked, &wanted, by, &times, &stores.rows))
        })
    }
}

/// Exact: the document rounds what it shows, and sums before it rounds.
fn exact(number: Decimal) -> Cell {
    Cell::Decimal(number)
}

fn share(part: Decimal, of: Decimal) -> Cell {
    part.checked_div(of).map_or(Cell::Empty, Cell::Decimal)
}

fn cell(share: Option<Decimal>) -> Cell {
    share.map_or(Cell::Empty, Cell::Decimal)
}

fn in_percent(share: Option<Decimal>) -> String {
    match share {
        Some(share) => format!("{:+.1} % on before", rounded(share * Decimal::ONE_HUNDRED, 1)),
        None => "nothing before".to_owned(),
    }
}

fn sum<'a>(totals: impl Iterator<Item = &'a SalesFigures>, of: fn(&SalesFigures) -> Decimal) -> Decimal {
    totals.map(of).fold(Decimal::ZERO, |sum, one| sum.checked_add(one).unwrap_or(Decimal::MAX))
}

/// Whether it is more than visitors that are known.
fn has_sold(totals: &SalesFigures) -> bool {
    [totals.sales, totals.transactions, totals.units].iter().any(|figure| !figure.0.is_zero())
}

/// All days or months of a period up to today, also those in which nothing was sold; none where nothing ever was.
fn without_gaps(by: SumBy, period: Period, today: Date, times: Vec<Sum>) -> Vec<Sum> {
    let Some(last) = times.iter().filter_map(|one| one.start).max() else { return times };
    let last = last.max(period.to.min(today));
    let mut found: BTreeMap<Date, Sum> = times.into_iter().filter_map(|one| Some((one.start?, one))).collect();
    let step = if by == SumBy::Month { Span::new().months(1) } else { Span::new().days(1) };
    let mut all: Vec<Sum> = Vec::new();
    let mut start = by.floor(period.from);
    while start <= last {
        let before = all.last().map(|before| before.totals);
        let nothing = Sum { start: Some(start), store: None, totals: SalesFigures::default(), before };
        all.push(found.remove(&start).unwrap_or(nothing));
        start = start.saturating_add(step);
    }
    all
}

fn document(asked: &Asked, wanted: &Wanted, by: SumBy, times: &[Sum], stores: &[Sum]) -> Document {
    let sales = |totals: &SalesFigures| totals.sales.0;
    let now = |of: fn(&SalesFigures) -> Decimal| sum(stores.iter().map(|one| &one.totals), of);
    let before = |of: fn(&SalesFigures) -> Decimal| sum(stores.iter().filter_map(|one| one.before.as_ref()), of);
    let (all_sales, all_transactions) = (now(sales), now(|totals| totals.transactions.0));
    let basket = all_sales.checked_div(all_transactions);
    let basket_before = before(sales).checked_div(before(|totals| totals.transactions.0));
    let figures = vec![
        Figure {
            label: "Sales".to_owned(),
            kind: MONEY,
            value: exact(all_sales),
            note: in_percent(growth(all_sales, before(sales))),
        },
        Figure {
            label: "Transactions".to_owned(),
            kind: Kind::Decimal { places: 0 },
            value: exact(all_transactions),
            note: in_percent(growth(all_transactions, before(|totals| totals.transactions.0))),
        },
        Figure {
            label: "Average transaction".to_owned(),
            kind: MONEY,
            value: basket.map_or(Cell::Empty, exact),
            note: in_percent(basket.zip(basket_before).and_then(|(now, before)| growth(now, before))),
        },
        Figure {
            label: "Stores that sold".to_owned(),
            kind: Kind::Integer,
            value: Cell::Integer(
                stores.iter().filter(|one| has_sold(&one.totals)).count().try_into().unwrap_or(i64::MAX),
            ),
            note: String::new(),
        },
    ];
    Document {
        title: "Sales".to_owned(),
        subtitle: subtitle(asked, wanted),
        organisation: asked.organisation.clone(),
        period: wanted.period.words(),
        made_at: asked.now,
        zone: TimeZone::UTC,
        figures,
        sections: vec![by_time(by, times), by_store(stores, all_sales)],
    }
}

fn subtitle(asked: &Asked, wanted: &Wanted) -> String {
    match (&wanted.store, &asked.scope) {
        (Some(store), _) => format!("Store {store}"),
        (None, None) => "All stores".to_owned(),
        (None, Some(scope)) => format!("{} stores: {}", scope.len(), scope.join(", ")).chars().take(300).collect(),
    }
}

/// The days or months of a period.
fn by_time(by: SumBy, times: &[Sum]) -> Section {
    let is_monthly = by == SumBy::Month;
    let label = |start: Date| {
        if is_monthly { start.strftime("%b %Y").to_string() } else { start.strftime("%-d %b").to_string() }
    };
    let started = || times.iter().filter_map(|one| Some((one.start?, one)));
    let chart = Chart {
        kind: if is_monthly { ChartKind::Bars } else { ChartKind::Lines },
        title: if is_monthly { "Sales by month".to_owned() } else { "Sales by day".to_owned() },
        unit: String::new(),
        labels: started().map(|(start, _)| label(start)).collect(),
        series: vec![Series {
            name: "Sales".to_owned(),
            values: started().map(|(_, one)| Some(one.totals.sales.0)).collect(),
        }],
    };
    let rows = started()
        .map(|(start, Sum { totals, before, .. })| {
            let first = if is_monthly { Cell::Text(label(start)) } else { Cell::Date(start) };
            vec![
                first,
                exact(totals.sales.0),
                exact(totals.transactions.0),
                exact(totals.customers.0),
                exact(totals.units.0),
                exact(totals.discount.0),
                cell(before.as_ref().and_then(|before| growth(totals.sales.0, before.sales.0))),
            ]
        })
        .collect::<Vec<_>>();
    let text = if rows.is_empty() { "Nothing was sold in this period.".to_owned() } else { String::new() };
    Section {
        heading: if is_monthly { "By month".to_owned() } else { "By day".to_owned() },
        text,
        chart: (chart.labels.len() > 1).then_some(chart),
        table: Table {
            columns: vec![
                Column::new(if is_monthly { "Month" } else { "Day" }, if is_monthly { Kind::Text } else { Kind::Date }),
                Column::new("Sales", MONEY).summed(),
                Column::new("Transactions", Kind::Decimal { places: 0 }).summed(),
                Column::new("Customers", Kind::Decimal { places: 0 }).summed(),
                Column::new("Units", MONEY).summed(),
                Column::new("Discount", MONEY).summed(),
                Column::new("Change", Kind::Percent),
            ],
            rows,
        },
    }
}

fn by_store(stores: &[Sum], all_sales: Decimal) -> Section {
    let named = || stores.iter().filter_map(|one| Some((one.store.as_ref()?, one)));
    let chart = Chart {
        kind: ChartKind::Bars,
        title: if stores.len() > CHARTED { format!("The {CHARTED} that sold most") } else { "Sales".to_owned() },
        unit: String::new(),
        labels: named().take(CHARTED).map(|((id, _), _)| id.clone()).collect(),
        series: vec![Series {
            name: "Sales".to_owned(),
            values: named().take(CHARTED).map(|(_, one)| Some(one.totals.sales.0)).collect(),
        }],
    };
    let rows = named()
        .map(|((id, name), Sum { totals, before, .. })| {
            vec![
                Cell::Text(id.clone()),
                Cell::Text(name.clone()),
                exact(totals.sales.0),
                share(totals.sales.0, all_sales),
                exact(totals.transactions.0),
                totals.sales.0.checked_div(totals.transactions.0).map_or(Cell::Empty, exact),
                cell(before.as_ref().and_then(|before| growth(totals.sales.0, before.sales.0))),
            ]
        })
        .collect();
    let average = Column::new("Average", MONEY);
    Section {
        heading: "By store".to_owned(),
        text: String::new(),
        chart: (chart.labels.len() > 1).then_some(chart),
        table: Table {
            columns: vec![
                Column::new("Store", Kind::Text),
                Column::new("Name", Kind::Text),
                Column::new("Sales", MONEY).summed(),
                Column { total: Total::Given(share(all_sales, all_sales)), ..Column::new("Share", Kind::Percent) },
                Column::new("Transactions", Kind::Decimal { places: 0 }).summed(),
                average,
                Column::new("Change", Kind::Percent),
            ],
            rows,
        },
    }
}
