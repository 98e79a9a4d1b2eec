//! Months of sales: list, one, put in, change day by day, delete.

use axum::extract::{Path, State};
use entrepot_contracts::StoreId;
use entrepot_web::body::{JsonBody, PatchBody};
use entrepot_web::{
    CacheClass, IfMatch, ListMeta, Page, PageRequest, Permit, Problem, Projected, Projection, Query, Reply, list_reply,
};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::problems::MONTH_NOT_FOUND;
use super::read::{list_problem, month_filters};
use super::{Sales, database_problem, no_store, store_of};
use crate::model::{MonthBody, MonthKey, MonthPatch, SALES_FIELDS, SalesMonth, read_body};
use crate::ops::{self, DeleteMonthsError, Demand, StoreScope, WriteMonthError};
use crate::store::{self, MonthOrder, MonthQuery};

entrepot_web::choices! {
    CountName = "exact" | "estimate";
    SalesOrder = "period" | "-period" | "storeId" | "-storeId" | "sales" | "-sales" | "updatedAt" | "-updatedAt";
}

/// A page of months.
#[derive(Serialize, ToSchema)]
pub(super) struct SalesList {
    data: Vec<SalesMonth>,
    page: Page,
    meta: ListMeta,
}

/// What months can be narrowed to, for the OpenAPI document.
#[derive(IntoParams)]
#[into_params(parameter_in = Query, style = Form, rename_all = "camelCase")]
#[expect(dead_code, reason = "describes what `month_filters` reads by hand, so that all faults are told at once")]
pub(super) struct MonthFilterParameters {
    /// Only this store.
    #[param(example = "330")]
    store_id: Option<String>,
    /// Only this year.
    #[param(example = 2024, minimum = 1900, maximum = 2200)]
    year: Option<i32>,
    /// Only this month of the year, 1 to 12.
    #[param(example = 1, minimum = 1, maximum = 12)]
    month: Option<i32>,
    /// From this month on: `2024-01`, or a day in it.
    #[param(example = "2024-01")]
    from: Option<String>,
    /// Up to this month.
    #[param(example = "2024-06")]
    to: Option<String>,
    /// Only months in which a day has this field.
    #[param(example = "customers")]
    has: Option<String>,
}

const ORDERS: [(&str, (MonthOrder, bool)); 8] = [
    ("-period", (MonthOrder::Period, true)),
    ("period", (MonthOrder::Period, false)),
    ("storeId", (MonthOrder::Store, false)),
    ("-storeId", (MonthOrder::Store, true)),
    ("-sales", (MonthOrder::Sales, true)),
    ("sales", (MonthOrder::Sales, false)),
    ("-updatedAt", (MonthOrder::UpdatedAt, true)),
    ("updatedAt", (MonthOrder::UpdatedAt, false)),
];

/// Lists what stores sold, a row a month; who is tied to stores sees theirs.
#[utoipa::path(
    get, path = "/api/v2/sales", tag = "sales",
    params(
        MonthFilterParameters,
        ("sort" = inline(Option<SalesOrder>), Query, description = "`period`, `storeId`, `sales` or `updatedAt`, `-` before it for descending; `-period` unless told.", example = "-sales"),
        ("fields" = Option<String>, Query, description = "Only these fields, nested ones with dots. Without `dailyData` the days are not even read.", example = "id,storeId,year,month,totals.sales"),
        ("exclude" = Option<String>, Query, description = "All fields but these.", example = "dailyData"),
        ("limit" = Option<u32>, Query, description = "Rows in a page; 50 unless told.", minimum = 1, maximum = 200),
        ("cursor" = Option<String>, Query, description = "`nextCursor` or `prevCursor` of another page of the same list."),
        ("page" = Option<u32>, Query, description = "A page by its number, for people.", minimum = 1),
        ("count" = inline(Option<CountName>), Query, description = "Count the whole list: `exact`, or `estimate` from the planner's statistics."),
    ),
    responses((status = 200, description = "A page of the months.", body = SalesList)),
)]
pub(super) async fn list_sales(State(sales): State<Sales>, permit: Permit, mut query: Query) -> Result<Reply, Problem> {
    let filters = month_filters(&mut query, permit.stores()?);
    let sort = query.text("sort").unwrap_or_else(|| "-period".to_owned()).replace("updated_at", "updatedAt");
    let sort = sort.replace("store_id", "storeId");
    let order = ORDERS.iter().find(|(name, _)| *name == sort);
    if order.is_none() {
        let names = ORDERS.map(|(name, _)| name).join(", ");
        query.fault("sort", "unknown_field", format!("must be one of {names}, not {sort:?}"));
    }
    let count = query.one_of("count", &[("exact", true), ("estimate", false)]);
    let projection = Projection::from_query(&mut query, SALES_FIELDS);
    let page = PageRequest::from_query(&mut query);
    query.finish()?;
    let (name, (order, descending)) = order.unwrap_or(&ORDERS[0]);
    let query = MonthQuery {
        filters,
        order: *order,
        descending: *descending,
        with_days: projection.wants("dailyData"),
        page: page?,
    };
    query.check_cursor()?;
    let (months, page) = store::month_page(&sales.database, &query, count).await.map_err(list_problem)?;
    let meta = ListMeta::new(&projection, SALES_FIELDS, (*name).to_owned());
    list_reply(&months, &page, &meta, &projection, CacheClass::Private)
}

fn reply(month: &SalesMonth, projection: &Projection) -> Result<Reply, Problem> {
    Ok(Reply::json(&Projected::new(month, projection), CacheClass::Private)?.version(month.version))
}

fn not_found(key: &MonthKey) -> Problem {
    let MonthKey { store_id, year, month } = key;
    Problem::new(&MONTH_NOT_FOUND, format!("nothing is known of {year}-{month:02} of the store {store_id}"))
}

/// The month that a path names, of a store that the caller may see.
fn key_of(path: &(String, String, String), scope: &StoreScope) -> Result<MonthKey, Problem> {
    let (store, year, month) = path;
    let store_id = store_of(store, scope)?;
    let number = |text: &str| text.parse::<i32>().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()));
    let key = number(year).zip(number(month)).and_then(|(year, month)| MonthKey::new(store_id, year, month));
    key.ok_or_else(|| {
        let detail = format!("{year}/{month} is no month: a year from 1900 to 2200, then 1 to 12");
        Problem::new(&MONTH_NOT_FOUND, detail)
    })
}

fn write_problem(error: WriteMonthError, key: &MonthKey) -> Problem {
    match error {
        WriteMonthError::NoStore => no_store(key.store_id.as_str()),
        WriteMonthError::NotFound => not_found(key),
        WriteMonthError::MovedOn(version) => IfMatch::failed(version),
        WriteMonthError::Invalid(faults) => Problem::invalid_body(faults),
        error @ WriteMonthError::Raced => Problem::failure(error, true),
        WriteMonthError::Database(error) => database_problem(error),
    }
}

/// What a store sold in a month.
#[utoipa::path(
    get, path = "/api/v2/sales/{store}/{year}/{month}", tag = "sales",
    params(
        ("store" = StoreId, Path, description = "The store's id."),
        ("year" = i32, Path, description = "The year.", example = 2024),
        ("month" = i32, Path, description = "The month, 1 to 12.", example = 1),
        ("fields" = Option<String>, Query, description = "Only these fields.", example = "totals,dailyData.1"),
        ("exclude" = Option<String>, Query, description = "All fields but these."),
    ),
    responses((status = 200, description = "The month.", body = SalesMonth)),
)]
pub(super) async fn get_sales(
    State(sales): State<Sales>,
    permit: Permit,
    Path(path): Path<(String, String, String)>,
    mut query: Query,
) -> Result<Reply, Problem> {
    let projection = Projection::from_query(&mut query, SALES_FIELDS);
    query.finish()?;
    let key = key_of(&path, &permit.stores()?)?;
    let client = sales.database.client().await.map_err(database_problem)?;
    let month = store::month_by_key(&client, &key).await.map_err(database_problem)?;
    reply(&month.ok_or_else(|| not_found(&key))?, &projection)
}

/// Puts a month in place of what was there: days that the body does not name are gone.
#[utoipa::path(
    put, path = "/api/v2/sales/{store}/{year}/{month}", tag = "sales",
    params(
        ("store" = StoreId, Path, description = "The store's id."),
        ("year" = i32, Path, description = "The year.", example = 2024),
        ("month" = i32, Path, description = "The month, 1 to 12.", example = 1),
        ("If-Match" = Option<String>, Header, description = "The ETag that the change is based on."),
    ),
    request_body = MonthBody,
    responses(
        (status = 200, description = "The month as it is now.", body = SalesMonth),
        (status = 201, description = "The month is new; `Location` says where.", body = SalesMonth),
    ),
)]
pub(super) async fn put_sales(
    State(sales): State<Sales>,
    permit: Permit,
    Path(path): Path<(String, String, String)>,
    query: Query,
    if_match: IfMatch,
    JsonBody(body): JsonBody,
) -> Result<Reply, Problem> {
    query.finish()?;
    let key = key_of(&path, &permit.stores()?)?;
    let days = read_body(&body, &key, false).map_err(Problem::invalid_body)?;
    let demand = Demand { accepts: &|version| if_match.allows(version), exists: if_match != IfMatch::Anything };
    let written = ops::put_month(&sales, &key, &demand, &days).await.map_err(|error| write_problem(error, &key))?;
    written_reply(&key, written)
}

/// Changes a month by a JSON merge patch, day by day and field by field: what it does not name stays, also
/// where another changes it at the same time. A month that is not there is begun.
#[utoipa::path(
    patch, path = "/api/v2/sales/{store}/{year}/{month}", tag = "sales",
    params(
        ("store" = StoreId, Path, description = "The store's id."),
        ("year" = i32, Path, description = "The year.", example = 2024),
        ("month" = i32, Path, description = "The month, 1 to 12.", example = 1),
        ("If-Match" = Option<String>, Header, description = "The ETag that the change is based on."),
    ),
    request_body(content = MonthPatch, content_type = "application/merge-patch+json", description = "Only the days that change; null takes a day or a field of one out."),
    responses(
        (status = 200, description = "The month as it is now.", body = SalesMonth),
        (status = 201, description = "The month is new; `Location` says where.", body = SalesMonth),
    ),
)]
pub(super) async fn update_sales(
    State(sales): State<Sales>,
    permit: Permit,
    Path(path): Path<(String, String, String)>,
    query: Query,
    if_match: IfMatch,
    PatchBody(body): PatchBody,
) -> Result<Reply, Problem> {
    query.finish()?;
    let key = key_of(&path, &permit.stores()?)?;
    let patch = read_body(&body, &key, true).map_err(Problem::invalid_body)?;
    let demand = Demand { accepts: &|version| if_match.allows(version), exists: if_match != IfMatch::Anything };
    let written = ops::patch_month(&sales, &key, &demand, &patch).await.map_err(|error| write_problem(error, &key))?;
    written_reply(&key, written)
}

fn written_reply(key: &MonthKey, (month, is_new): (SalesMonth, bool)) -> Result<Reply, Problem> {
    let reply = reply(&month, &Projection::default())?;
    let MonthKey { store_id, year, month } = key;
    Ok(if is_new { reply.created_at(&format!("/api/v2/sales/{store_id}/{year}/{month}")) } else { reply })
}

/// Deletes a month.
#[utoipa::path(
    delete, path = "/api/v2/sales/{store}/{year}/{month}", tag = "sales",
    params(
        ("store" = StoreId, Path, description = "The store's id."),
        ("year" = i32, Path, description = "The year.", example = 2024),
        ("month" = i32, Path, description = "The month, 1 to 12.", example = 1),
        ("If-Match" = Option<String>, Header, description = "The ETag that the deletion is based on."),
    ),
    responses((status = 204, description = "It is gone.")),
)]
pub(super) async fn delete_sales(
    State(sales): State<Sales>,
    permit: Permit,
    Path(path): Path<(String, String, String)>,
    query: Query,
    if_match: IfMatch,
) -> Result<Reply, Problem> {
    query.finish()?;
    let key = key_of(&path, &permit.stores()?)?;
    let accepts = |version| if_match.allows(version);
    ops::delete_month(&sales, &key, &accepts).await.map_err(|error| match error {
        DeleteMonthsError::NotFound => not_found(&key),
        DeleteMonthsError::MovedOn(version) => IfMatch::failed(version),
        DeleteMonthsError::Invalid(faults) => Problem::invalid_body(faults),
        DeleteMonthsError::Database(error) => database_problem(error),
    })?;
    Ok(Reply::no_content())
}
