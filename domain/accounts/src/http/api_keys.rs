//! API keys: one's own, and for admins everybody's.

use std::sync::Arc;

use axum::extract::{Path, State};
use entrepot_contracts::Role;
use entrepot_web::body::{self, JsonBody, PatchBody};
use entrepot_web::{
    CacheClass, IfMatch, ListMeta, Page, PageRequest, Permit, Problem, Projected, Projection, Query, Reply, list_reply,
};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::problems::{BEYOND_OWNER, KEY_NOT_FOUND, TOO_MANY_KEYS};
use super::{database_problem, list_problem};
use crate::Accounts;
use crate::model::{ApiKey, KEY_FIELDS, KeyInput};
use crate::ops::{self, KeyError};
use crate::store::{self, Filter};

/// A page of API keys.
#[derive(Serialize, ToSchema)]
pub(super) struct KeyList {
    data: Vec<ApiKey>,
    page: Page,
    meta: ListMeta,
}

/// An API key that was made, with the key itself.
#[derive(Serialize, ToSchema)]
pub(super) struct NewKey {
    /// Goes into `X-Api-Key`. It is told this once: only a hash of it is kept.
    #[schema(example = "ek_7GhQ2mXvT…")]
    key: String,
    #[serde(flatten)]
    about: ApiKey,
}

fn not_found() -> Problem {
    Problem::new(&KEY_NOT_FOUND, "you have no API key with this id")
}

fn id_of(text: &str) -> Result<Uuid, Problem> {
    text.parse().map_err(|_| not_found())
}

fn key_problem(error: KeyError) -> Problem {
    match error {
        KeyError::NotFound => not_found(),
        KeyError::MovedOn(version) => IfMatch::failed(version),
        KeyError::TooMany => Problem::new(&TOO_MANY_KEYS, "a person may have 100 API keys"),
        KeyError::BeyondOwner(action) => {
            let detail = format!("its owner has no permission for {action}");
            let fault = entrepot_web::Fault::at("/scopes", "beyond_owner", detail.clone());
            Problem::new(&BEYOND_OWNER, detail).with_faults(vec![fault])
        }
        KeyError::Database(error) => database_problem(error),
    }
}

/// Lists API keys, the newest first: your own, for an admin everybody's.
#[utoipa::path(
    get, path = "/api/v2/api-keys", tag = "accounts",
    params(
        ("q" = Option<String>, Query, description = "What the key or its name begins with."),
        ("personId" = Option<Uuid>, Query, description = "Only this person's."),
        ("fields" = Option<String>, Query, description = "Only these fields.", example = "id,name,prefix"),
        ("exclude" = Option<String>, Query, description = "All fields but these."),
        ("limit" = Option<u32>, Query, description = "Rows in a page; 50 unless told.", minimum = 1, maximum = 200),
        ("cursor" = Option<String>, Query, description = "`nextCursor` or `prevCursor` of another page of the same list."),
        ("page" = Option<u32>, Query, description = "A page by its number, for people.", minimum = 1),
    ),
    responses((status = 200, description = "A page of the keys.", body = KeyList)),
)]
pub(super) async fn list_api_keys(
    State(accounts): State<Arc<Accounts>>,
    permit: Permit,
    mut query: Query,
) -> Result<Reply, Problem> {
    let mut filters = Vec::new();
    if let Some(text) = query.filled("q") {
        filters.push(Filter::Text(
            "(starts_with(prefix, {}) \
             OR starts_with(lower(name COLLATE \"und-x-icu\"), lower({} COLLATE \"und-x-icu\")))",
            text,
        ));
    }
    if let Some(person) = query.value("personId", "an id") {
        filters.push(Filter::Id("person_id = {}", person));
    }
    if let Some(owner) = permit.owner()? {
        filters.push(Filter::Id("person_id = {}", owner));
    }
    let projection = Projection::from_query(&mut query, KEY_FIELDS);
    let page = PageRequest::from_query(&mut query);
    query.finish()?;
    let page = page?;
    let found = store::key_list(&filters, &page)?.keys(&accounts.database).await.map_err(list_problem)?;
    let meta = ListMeta::new(&projection, KEY_FIELDS, "-createdAt".to_owned());
    list_reply(&found.rows, &found.page, &meta, &projection, CacheClass::Private)
}

/// Makes an API key for yourself. The key is told once, by this answer.
#[utoipa::path(
    post, path = "/api/v2/api-keys", tag = "accounts",
    request_body(content = KeyInput),
    responses((status = 201, description = "The key; `Location` says where it can be looked at without it.", body = NewKey)),
)]
pub(super) async fn create_api_key(
    State(accounts): State<Arc<Accounts>>,
    permit: Permit,
    query: Query,
    JsonBody(body): JsonBody,
) -> Result<Reply, Problem> {
    query.finish()?;
    let input = KeyInput::read(&body, accounts.clock.now()).map_err(Problem::invalid_body)?;
    let caller = permit.signed_in()?;
    let role = Role::named(caller.role).unwrap_or(Role::Customer);
    let (about, secret) = ops::create_key(&accounts, caller.id, role, &input).await.map_err(key_problem)?;
    let location = format!("/api/v2/api-keys/{}", about.id);
    let reply = Reply::json(&NewKey { key: secret.reveal().to_owned(), about }, CacheClass::Never)?;
    Ok(reply.created_at(&location))
}

fn key_reply(key: &ApiKey, class: CacheClass, projection: &Projection) -> Result<Reply, Problem> {
    Ok(Reply::json(&Projected::new(key, projection), class)?.version(key.version))
}

/// One API key, without what makes it one.
#[utoipa::path(
    get, path = "/api/v2/api-keys/{key}", tag = "accounts",
    params(
        ("key" = Uuid, Path, description = "The key's id."),
        ("fields" = Option<String>, Query, description = "Only these fields.", example = "id,name,prefix"),
        ("exclude" = Option<String>, Query, description = "All fields but these."),
    ),
    responses((status = 200, description = "The key.", body = ApiKey)),
)]
pub(super) async fn get_api_key(
    State(accounts): State<Arc<Accounts>>,
    permit: Permit,
    Path(key): Path<String>,
    mut query: Query,
) -> Result<Reply, Problem> {
    let projection = Projection::from_query(&mut query, KEY_FIELDS);
    query.finish()?;
    let id = id_of(&key)?;
    let owner = permit.owner()?;
    let client = accounts.database.client().await.map_err(database_problem)?;
    let key = store::key_by_id(&client, id, owner).await.map_err(database_problem)?.ok_or_else(not_found)?;
    key_reply(&key, CacheClass::Private, &projection)
}

/// Changes an API key by a JSON merge patch.
#[utoipa::path(
    patch, path = "/api/v2/api-keys/{key}", tag = "accounts",
    params(
        ("key" = Uuid, Path, description = "The key's id."),
        ("If-Match" = Option<String>, Header, description = "The ETag that the change is based on."),
    ),
    request_body(content = KeyInput, content_type = "application/merge-patch+json", description = "What is left out stays as it is."),
    responses((status = 200, description = "The key as it is now.", body = ApiKey)),
)]
pub(super) async fn update_api_key(
    State(accounts): State<Arc<Accounts>>,
    permit: Permit,
    Path(key): Path<String>,
    query: Query,
    if_match: IfMatch,
    PatchBody(patch): PatchBody,
) -> Result<Reply, Problem> {
    query.finish()?;
    if !patch.is_object() {
        let fault = entrepot_web::Fault::at("", "wrong_type", "must be an object");
        return Err(Problem::invalid_body(vec![fault]));
    }
    let now = accounts.clock.now();
    // The patch is applied to the key as clients write it, and the result is read like a new one.
    let change = |key: &ApiKey| {
        let whole = json!({"name": key.name, "scopes": key.scopes, "expiresAt": key.expires_at});
        // A time that has passed may stay; it may not be set.
        let now = if patch.get("expiresAt").is_some() { now } else { jiff::Timestamp::MIN };
        KeyInput::read(&body::patched(&whole, &patch), now)
    };
    let accepts = |version| if_match.allows(version);
    let changed = ops::update_key(&accounts, id_of(&key)?, permit.owner()?, &accepts, &change).await;
    let key = changed.map_err(key_problem)?.map_err(Problem::invalid_body)?;
    key_reply(&key, CacheClass::Never, &Projection::default())
}

/// Deletes an API key: it opens nothing any more, on any instance.
#[utoipa::path(
    delete, path = "/api/v2/api-keys/{key}", tag = "accounts",
    params(
        ("key" = Uuid, Path, description = "The key's id."),
        ("If-Match" = Option<String>, Header, description = "The ETag that the deletion is based on."),
    ),
    responses((status = 204, description = "It is deleted.")),
)]
pub(super) async fn delete_api_key(
    State(accounts): State<Arc<Accounts>>,
    permit: Permit,
    Path(key): Path<String>,
    query: Query,
    if_match: IfMatch,
) -> Result<Reply, Problem> {
    query.finish()?;
    let accepts = |version| if_match.allows(version);
    ops::delete_key(&accounts, id_of(&key)?, permit.owner()?, &accepts).await.map_err(key_problem)?;
    Ok(Reply::no_content())
}
