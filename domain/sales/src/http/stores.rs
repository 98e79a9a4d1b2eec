//! Stores: list, one, put in, change, delete.

use axum::extract::{Path, State};
use entrepot_contracts::StoreId;
use entrepot_web::body::{JsonBody, PatchBody};
use entrepot_web::{
    CacheClass, IfMatch, ListMeta, Page, PageRequest, Permit, Problem, Projected, Projection, Query, Reply, list_reply,
};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::problems::STORE_HAS_SALES;
use super::read::{list_problem, short};
use super::{Sales, database_problem, no_store, store_of};
use crate::model::{STORE_FIELDS, Status, Store, StoreInput};
use crate::ops::{self, DeleteStoreError, WriteStoreError};
use crate::store::{self, StoreFilters};

/// A page of stores.
#[derive(Serialize, ToSchema)]
pub(super) struct StoreList {
    data: Vec<Store>,
    page: Page,
    meta: ListMeta,
}

fn reply(store: &Store, projection: &Projection) -> Result<Reply, Problem> {
    Ok(Reply::json(&Projected::new(store, projection), CacheClass::Private)?.version(store.version))
}

fn write_problem(error: WriteStoreError, id: &str) -> Problem {
    match error {
        WriteStoreError::NotFound => no_store(id),
        WriteStoreError::MovedOn(version) => IfMatch::failed(version),
        WriteStoreError::Invalid(faults) => Problem::invalid_body(faults),
        WriteStoreError::Database(error) => database_problem(error),
    }
}

/// Lists stores in the order of their names; who is tied to stores sees those.
#[utoipa::path(
    get, path = "/api/v2/stores", tag = "sales",
    params(
        ("q" = Option<String>, Query, description = "Part of the id, the name or the place."),
        ("status" = Option<Status>, Query, description = "Only this status."),
        ("businessId" = Option<uuid::Uuid>, Query, description = "Only this business's."),
        ("fields" = Option<String>, Query, description = "Only these fields.", example = "id,name"),
        ("exclude" = Option<String>, Query, description = "All fields but these."),
        ("limit" = Option<u32>, Query, description = "Rows in a page; 50 unless told.", minimum = 1, maximum = 200),
        ("cursor" = Option<String>, Query, description = "`nextCursor` or `prevCursor` of another page of the same list."),
        ("page" = Option<u32>, Query, description = "A page by its number, for people.", minimum = 1),
    ),
    responses((status = 200, description = "A page of the stores.", body = StoreList)),
)]
pub(super) async fn list_stores(
    State(sales): State<Sales>,
    permit: Permit,
    mut query: Query,
) -> Result<Reply, Problem> {
    let statuses = Status::ALL.map(|status| (status.name(), status.name()));
    let filters = StoreFilters {
        scope: permit.stores()?,
        text: short(&mut query, "q"),
        status: query.one_of("status", &statuses),
        business: query.value("businessId", "a UUID"),
    };
    let projection = Projection::from_query(&mut query, STORE_FIELDS);
    let page = PageRequest::from_query(&mut query);
    query.finish()?;
    let page = page?;
    filters.check_cursor(&page)?;
    let (stores, page) = store::store_page(&sales.database, &filters, &page).await.map_err(list_problem)?;
    let meta = ListMeta::new(&projection, STORE_FIELDS, "name".to_owned());
    list_reply(&stores, &page, &meta, &projection, CacheClass::Private)
}

/// One store.
#[utoipa::path(
    get, path = "/api/v2/stores/{store}", tag = "sales",
    params(
        ("store" = StoreId, Path, description = "The store's id."),
        ("fields" = Option<String>, Query, description = "Only these fields.", example = "id,name"),
        ("exclude" = Option<String>, Query, description = "All fields but these."),
    ),
    responses((status = 200, description = "The store.", body = Store)),
)]
pub(super) async fn get_store(
    State(sales): State<Sales>,
    permit: Permit,
    Path(id): Path<String>,
    mut query: Query,
) -> Result<Reply, Problem> {
    let projection = Projection::from_query(&mut query, STORE_FIELDS);
    query.finish()?;
    let id = store_of(&id, &permit.stores()?)?;
    let client = sales.database.client().await.map_err(database_problem)?;
    let found = store::store_by_id(&client, &id).await.map_err(database_problem)?;
    reply(&found.ok_or_else(|| no_store(id.as_str()))?, &projection)
}

/// Makes a store under the id that the chain has for it, or puts another in its place.
#[utoipa::path(
    put, path = "/api/v2/stores/{store}", tag = "sales",
    params(
        ("store" = StoreId, Path, description = "The store's id: 1 to 32 letters and digits, with - and _ behind the first."),
        ("If-Match" = Option<String>, Header, description = "The ETag that the change is based on."),
    ),
    request_body(content = StoreInput, description = "Only `name` is required; what is left out takes its default."),
    responses(
        (status = 200, description = "The store as it is now.", body = Store),
        (status = 201, description = "The store is new; `Location` says where.", body = Store),
    ),
)]
pub(super) async fn put_store(
    State(sales): State<Sales>,
    permit: Permit,
    Path(id): Path<String>,
    query: Query,
    if_match: IfMatch,
    JsonBody(body): JsonBody,
) -> Result<Reply, Problem> {
    query.finish()?;
    let id = store_of(&id, &permit.stores()?)?;
    let input = StoreInput::read(&body).map_err(Problem::invalid_body)?;
    let accepts = |version| if_match.allows(version);
    let written = ops::put_store(&sales, &id, &accepts, if_match != IfMatch::Anything, &input).await;
    let (store, is_new) = written.map_err(|error| write_problem(error, id.as_str()))?;
    let reply = reply(&store, &Projection::default())?;
    Ok(if is_new { reply.created_at(&format!("/api/v2/stores/{id}")) } else { reply.status(StatusCode::OK) })
}

/// Changes a store by a JSON merge patch. Each change is told live.
#[utoipa::path(
    patch, path = "/api/v2/stores/{store}", tag = "sales",
    params(
        ("store" = StoreId, Path, description = "The store's id."),
        ("If-Match" = Option<String>, Header, description = "The ETag that the change is based on."),
    ),
    request_body(content = StoreInput, content_type = "application/merge-patch+json", description = "Only what is to change; null takes `place` and `businessId` away."),
    responses((status = 200, description = "The store as it is now.", body = Store)),
)]
pub(super) async fn update_store(
    State(sales): State<Sales>,
    permit: Permit,
    Path(id): Path<String>,
    query: Query,
    if_match: IfMatch,
    PatchBody(body): PatchBody,
) -> Result<Reply, Problem> {
    query.finish()?;
    let id = store_of(&id, &permit.stores()?)?;
    let accepts = |version| if_match.allows(version);
    let store = ops::patch_store(&sales, &id, &accepts, &body).await;
    reply(&store.map_err(|error| write_problem(error, id.as_str()))?, &Projection::default())
}

/// Deletes a store that has sold nothing. One that has is closed instead.
#[utoipa::path(
    delete, path = "/api/v2/stores/{store}", tag = "sales",
    params(
        ("store" = StoreId, Path, description = "The store's id."),
        ("If-Match" = Option<String>, Header, description = "The ETag that the deletion is based on."),
    ),
    responses((status = 204, description = "It is gone.")),
)]
pub(super) async fn delete_store(
    State(sales): State<Sales>,
    permit: Permit,
    Path(id): Path<String>,
    query: Query,
    if_match: IfMatch,
) -> Result<Reply, Problem> {
    query.finish()?;
    let id = store_of(&id, &permit.stores()?)?;
    let accepts = |version| if_match.allows(version);
    ops::delete_store(&sales, &id, &accepts).await.map_err(|error| match error {
        DeleteStoreError::NotFound => no_store(id.as_str()),
        DeleteStoreError::MovedOn(version) => IfMatch::failed(version),
        DeleteStoreError::HasSales => {
            Problem::new(&STORE_HAS_SALES, "months of sales belong to the store; close it, or delete those first")
        }
        DeleteStoreError::Database(error) => database_problem(error),
    })?;
    Ok(Reply::no_content())
}
