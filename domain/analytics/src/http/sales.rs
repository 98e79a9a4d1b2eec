//! What was sold today, this week, this month: sums, growth, days, and the stores that sold most.

use axum::extract::State;
use entrepot_contracts::{SalesFigures, SalesGrowth, StoreId};
use entrepot_web::{CacheClass, DEFAULT_LIMIT, MAX_LIMIT, Permit, Problem, Query, Reply};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Serialize;
use utoipa::ToSchema;

use super::database_problem;
use crate::Dependencies;
use crate::model::{Period, PeriodKind};
use crate::store::{DaySales, PeriodQuery, StoreSales, read_period};

/// Years that a day may lie in.
const YEARS: std::ops::RangeInclusive<i16> = 1900..=2200;

/// What was sold in a period.
#[derive(Serialize, ToSchema)]
struct SalesOfPeriod {
    /// By store, those that sold most first, as many as `limit`.
    data: Vec<SalesOfStore>,
    /// Of all stores, those beyond `limit` included.
    total: SalesFigures,
    /// Of the whole period before; null where nothing is known of it.
    #[schema(required = true)]
    before: Option<SalesFigures>,
    /// `total` against `before`.
    growth: SalesGrowth,
    /// The period's days of which something is known, in their order.
    days: Vec<SalesOfDay>,
    meta: SalesOfPeriodMeta,
}

/// What a store sold in a period.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SalesOfStore {
    #[schema(value_type = StoreId)]
    store_id: String,
    #[serde(flatten)]
    figures: SalesFigures,
    /// Against the whole period before.
    growth: SalesGrowth,
}

/// What was sold on a day.
#[derive(Serialize, ToSchema)]
struct SalesOfDay {
    #[schema(value_type = String, format = Date)]
    date: Date,
    #[serde(flatten)]
    figures: SalesFigures,
}

/// Which period it is.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SalesOfPeriodMeta {
    /// `day`, `week` or `month`.
    #[schema(value_type = String, example = "week")]
    period: &'static str,
    /// Its first day.
    #[schema(value_type = String, format = Date)]
    from: Date,
    /// Its last day.
    #[schema(value_type = String, format = Date)]
    to: Date,
    /// The first day of the period before.
    #[schema(value_type = String, format = Date)]
    before_from: Date,
    /// The last day of the period before.
    #[schema(value_type = String, format = Date)]
    before_to: Date,
    /// How many stores something is known of in the period.
    #[schema(example = 33)]
    stores: i64,
    /// How many of them `data` has at the most.
    #[schema(example = 50)]
    limit: u32,
}

/// Sums what was sold on a day, with the growth against the day before.
#[utoipa::path(
    get, path = "/api/v2/analytics/sales/today", tag = "analytics",
    params(
        ("at" = Option<String>, Query, description = "The day; today (UTC) unless told.", example = "2024-02-29"),
        ("storeId" = Option<String>, Query, description = "Only this store."),
        ("limit" = Option<u32>, Query, description = "How many stores are told one by one, 1 to 200; 50 unless told."),
    ),
    responses((status = 200, description = "The sums.", body = SalesOfPeriod)),
)]
pub(super) async fn get_sales_today(to: State<Dependencies>, permit: Permit, query: Query) -> Result<Reply, Problem> {
    sales_of((PeriodKind::Day, "day"), &to, &permit, query).await
}

/// Sums what was sold in a week (from Monday on), with the growth against the week before.
#[utoipa::path(
    get, path = "/api/v2/analytics/sales/week", tag = "analytics",
    params(
        ("at" = Option<String>, Query, description = "A day in the week; today (UTC) unless told.", example = "2024-02-29"),
        ("storeId" = Option<String>, Query, description = "Only this store."),
        ("limit" = Option<u32>, Query, description = "How many stores are told one by one, 1 to 200; 50 unless told."),
    ),
    responses((status = 200, description = "The sums.", body = SalesOfPeriod)),
)]
pub(super) async fn get_sales_week(to: State<Dependencies>, permit: Permit, query: Query) -> Result<Reply, Problem> {
    sales_of((PeriodKind::Week, "week"), &to, &permit, query).await
}

/// Sums what was sold in a month, with the growth against the month before.
#[utoipa::path(
    get, path = "/api/v2/analytics/sales/month", tag = "analytics",
    params(
        ("at" = Option<String>, Query, description = "A day in the month; today (UTC) unless told.", example = "2024-02-29"),
        ("storeId" = Option<String>, Query, description = "Only this store."),
        ("limit" = Option<u32>, Query, description = "How many stores are told one by one, 1 to 200; 50 unless told."),
    ),
    responses((status = 200, description = "The sums.", body = SalesOfPeriod)),
)]
pub(super) async fn get_sales_month(to: State<Dependencies>, permit: Permit, query: Query) -> Result<Reply, Problem> {
    sales_of((PeriodKind::Month, "month"), &to, &permit, query).await
}

async fn sales_of(
    (kind, name): (PeriodKind, &'static str),
    to: &Dependencies,
    permit: &Permit,
    mut query: Query,
) -> Result<Reply, Problem> {
    let at = day(&mut query).unwrap_or_else(|| to.clock.now().to_zoned(TimeZone::UTC).date());
    let store = query.value::<StoreId>("storeId", "a store's id: letters, digits, - and _");
    let limit = query.value("limit", &format!("a whole number from 1 to {MAX_LIMIT}")).unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        query.fault("limit", "out_of_range", format!("must be from 1 to {MAX_LIMIT}, not {limit}"));
    }
    query.finish()?;
    let period = Period::around(kind, at);
    // One that the caller may not see has sold nothing, like one that is not there.
    let query = PeriodQuery { period, scope: permit.stores()?, store: store.map(Into::into), limit };
    let sales = read_period(&to.database, &query).await.map_err(database_problem)?;
    let row = |StoreSales { store_id, figures, before }| {
        let growth = SalesGrowth::of(&figures, before.as_ref());
        SalesOfStore { store_id, figures, growth }
    };
    let answer = SalesOfPeriod {
        data: sales.rows.into_iter().map(row).collect(),
        total: sales.total,
        before: sales.before,
        growth: SalesGrowth::of(&sales.total, sales.before.as_ref()),
        days: sales.days.into_iter().map(|DaySales { day, figures }| SalesOfDay { date: day, figures }).collect(),
        meta: SalesOfPeriodMeta {
            period: name,
            from: period.first,
            to: period.last,
            before_from: period.before().first,
            before_to: period.before().last,
            stores: sales.stores,
            limit,
        },
    };
    Reply::json(&answer, CacheClass::Private)
}

/// The day that `at` names.
fn day(query: &mut Query) -> Option<Date> {
    let text = query.filled("at")?;
    let found = text.parse::<Date>().ok().filter(|date| text.len() == 10 && YEARS.contains(&date.year()));
    if found.is_none() {
        query.fault("at", "not_a_date", format!("must be a day such as 2024-01-31, not {text:?}"));
    }
    found
}
