//! Sums of sales over days, weeks, months and stores, and how they grew.

use axum::extract::State;
use entrepot_contracts::{Number, SalesFigures, SalesGrowth, StoreId};
use entrepot_web::{CacheClass, Permit, Problem, Query, Reply};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;
use serde::Serialize;
use utoipa::ToSchema;

use super::read::{date, store_id};
use super::{Sales, database_problem};
use crate::store::{self, Sum, SumBy, SumQuery};

/// Days that sums by day reach over, at the most; by week and by month it is as many of those.
const MOST_UNITS: i32 = 1_000;

/// Sums of sales.
#[derive(Serialize, ToSchema)]
pub(super) struct SalesSummary {
    /// By time in its order; by store those that sold most come first.
    data: Vec<SalesSum>,
    /// Over all of `data`.
    total: SalesFigures,
    meta: SummaryMeta,
}

entrepot_web::choices! {
    By = "day" | "week" | "month" | "store";
}

/// What was summed.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SummaryMeta {
    /// What each sum is of.
    #[schema(value_type = By, inline)]
    by: &'static str,
    /// The first day, whole weeks and months taken whole.
    #[schema(value_type = String, format = Date)]
    from: Date,
    /// The last day.
    #[schema(value_type = String, format = Date)]
    to: Date,
}

/// One sum.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SalesSum {
    /// The day, the Monday of the week, or the first of the month.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Option<String>, format = Date)]
    start: Option<Date>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Option<StoreId>)]
    store_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    store_name: Option<String>,
    #[serde(flatten)]
    totals: SalesFigures,
    /// Against the unit before; by store against as many days before.
    growth: SalesGrowth,
}

/// Sums sales by day, week, month or store, with the growth against what came before.
#[utoipa::path(
    get, path = "/api/v2/sales/summary", tag = "sales",
    params(
        ("by" = inline(Option<By>), Query, description = "What each sum is of; `month` if left out.", example = "week"),
        ("storeId" = Option<String>, Query, description = "Only this store."),
        ("from" = Option<String>, Query, description = "The first day (`2024-01-01`) or month; unless told so far back that there are 30 days, 12 weeks or 12 months. By store the month of `to`.", example = "2024-01-01"),
        ("to" = Option<String>, Query, description = "The last day or month; today unless told.", example = "2024-03-31"),
    ),
    responses((status = 200, description = "The sums.", body = SalesSummary)),
)]
pub(super) async fn sum_sales(State(sales): State<Sales>, permit: Permit, mut query: Query) -> Result<Reply, Problem> {
    const BY: [(&str, (SumBy, &str)); 4] = [
        ("day", (SumBy::Day, "day")),
        ("week", (SumBy::Week, "week")),
        ("month", (SumBy::Month, "month")),
        ("store", (SumBy::Store, "store")),
    ];
    let (by, name) = query.one_of("by", &BY).unwrap_or((SumBy::Month, "month"));
    let store = store_id(&mut query);
    let (from, to) = (date(&mut query, "from", false), date(&mut query, "to", true));
    let to = by.ceil(to.unwrap_or_else(|| sales.clock.now().to_zoned(TimeZone::UTC).date()));
    let from = by.floor(from.unwrap_or_else(|| far_back(by, to)));
    let units = units(by, from, to);
    // Those are summed from the months' own totals, however many there are.
    let is_whole_months = from.day() == 1 && to == to.last_of_month();
    if from > to {
        query.fault("to", "out_of_range", "must not lie before from");
    } else if units > MOST_UNITS && !(by == SumBy::Store && is_whole_months) {
        query.fault(
            "from",
            "out_of_range",
            format!("a summary reaches over at most {MOST_UNITS} {name}s, not {units}"),
        );
    }
    query.finish()?;
    let before = match by {
        // As many days as are summed, or as many months where those are whole.
        SumBy::Store if is_whole_months => {
            let months =
                (i32::from(to.year()) - i32::from(from.year())) * 12 + i32::from(to.month() - from.month()) + 1;
            from.saturating_sub(jiff::Span::new().months(months))
        }
        SumBy::Store => from.saturating_sub(jiff::Span::new().days(units)),
        by => by.step_back(from).unwrap_or(from),
    };
    let query = SumQuery { by, scope: permit.stores()?, store, from, to, before };
    let sums = store::read_sums(&sales.database, &query).await.map_err(database_problem)?;
    let mut total = SalesFigures::default();
    let data = sums
        .rows
        .into_iter()
        .map(|Sum { start, store, totals, before }| {
            add(&mut total, &totals);
            let growth = SalesGrowth::of(&totals, before.as_ref());
            let (store_id, store_name) = store.unzip();
            SalesSum { start, store_id, store_name, totals, growth }
        })
        .collect();
    Reply::json(&SalesSummary { data, total, meta: SummaryMeta { by: name, from, to } }, CacheClass::Private)
}

fn add(total: &mut SalesFigures, one: &SalesFigures) {
    let sum = |total: &mut Number, one: Number| total.0 = total.0.checked_add(one.0).unwrap_or(Decimal::MAX);
    sum(&mut total.sales, one.sales);
    sum(&mut total.transactions, one.transactions);
    sum(&mut total.customers, one.customers);
    sum(&mut total.units, one.units);
    sum(&mut total.discount, one.discount);
}

/// Where a summary begins unless told.
fn far_back(by: SumBy, to: Date) -> Date {
    match by {
        SumBy::Day => to.saturating_sub(jiff::Span::new().days(29)),
        SumBy::Week => to.saturating_sub(jiff::Span::new().days(7 * 12 - 1)),
        SumBy::Month => to.first_of_month().saturating_sub(jiff::Span::new().months(11)),
        SumBy::Store => to.first_of_month(),
    }
}

/// How many days, weeks or months there are; by store how many days.
fn units(by: SumBy, from: Date, to: Date) -> i32 {
    let days = from.until(to).map_or(0, |span| span.get_days()) + 1;
    match by {
        SumBy::Week => days / 7,
        SumBy::Month => (i32::from(to.year()) - i32::from(from.year())) * 12 + i32::from(to.month() - from.month()) + 1,
        SumBy::Day | SumBy::Store => days,
    }
}
