//! Everybody's accounts, for admins.

use std::sync::Arc;

use axum::extract::{Path, State};
use entrepot_contracts::Role;
use entrepot_web::body::{JsonBody, PatchBody};
use entrepot_web::{
    CacheClass, IfMatch, ListMeta, Page, PageRequest, Permit, Problem, Projected, Projection, Query, Reply, list_reply,
};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::me::Ended;
use super::problems::{BEYOND_REACH, EMAIL_TAKEN, LAST_ADMIN, USER_NOT_FOUND};
use super::{database_problem, list_problem, password_problem};
use crate::Accounts;
use crate::model::{PERSON_FIELDS, Person, PersonInput, PersonPatch, Status};
use crate::ops::{self, PersonError};
use crate::store::{self, Filter};

/// A page of the accounts.
#[derive(Serialize, ToSchema)]
pub(super) struct PersonList {
    data: Vec<Person>,
    page: Page,
    meta: ListMeta,
}

pub(super) fn not_found() -> Problem {
    Problem::new(&USER_NOT_FOUND, "no account has this id")
}

pub(super) fn person_reply(person: &Person, class: CacheClass, projection: &Projection) -> Result<Reply, Problem> {
    Ok(Reply::json(&Projected::new(person, projection), class)?.version(person.version))
}

pub(super) fn person_problem(error: PersonError) -> Problem {
    match error {
        PersonError::NotFound => not_found(),
        PersonError::MovedOn(version) => IfMatch::failed(version),
        PersonError::DuplicateEmail => {
            let fault = entrepot_web::Fault::at("/email", "duplicate", "belongs to another account");
            Problem::new(&EMAIL_TAKEN, "another account has this address").with_faults(vec![fault])
        }
        PersonError::LastAdmin => Problem::new(&LAST_ADMIN, "nobody else is an admin; make another first"),
        PersonError::BeyondReach => {
            let detail = "must be among the stores that you are restricted to yourself";
            let fault = entrepot_web::Fault::at("/stores", "beyond_own", detail);
            Problem::new(&BEYOND_REACH, format!("the account's stores {detail}")).with_faults(vec![fault])
        }
        PersonError::Weak(fault) => Problem::invalid_body(vec![fault]),
        PersonError::Password(error) => password_problem(error),
        PersonError::Database(error) => database_problem(error),
    }
}

/// Lists accounts, the newest first.
#[utoipa::path(
    get, path = "/api/v2/users", tag = "accounts",
    params(
        ("q" = Option<String>, Query, description = "Part of the name or the address."),
        ("role" = Option<Role>, Query, description = "Only this role."),
        ("status" = Option<Status>, Query, description = "Only this status."),
        ("fields" = Option<String>, Query, description = "Only these fields.", example = "id,email,role"),
        ("exclude" = Option<String>, Query, description = "All fields but these."),
        ("limit" = Option<u32>, Query, description = "Rows in a page; 50 unless told.", minimum = 1, maximum = 200),
        ("cursor" = Option<String>, Query, description = "`nextCursor` or `prevCursor` of another page of the same list."),
        ("page" = Option<u32>, Query, description = "A page by its number, for people.", minimum = 1),
    ),
    responses((status = 200, description = "A page of the accounts.", body = PersonList)),
)]
pub(super) async fn list_users(
    State(accounts): State<Arc<Accounts>>,
    permit: Permit,
    mut query: Query,
) -> Result<Reply, Problem> {
    let mut filters = vec![Filter::Plain("status <> 'deleted'")];
    if let Some(stores) = permit.stores()? {
        filters.push(Filter::Texts("stores <@ {}", stores.to_vec()));
    }
    if let Some(text) = query.filled("q") {
        // Compared as it is: no character of it means anything else.
        filters.push(Filter::Text(
            "(position(lower({} COLLATE \"und-x-icu\") IN lower(name COLLATE \"und-x-icu\")) > 0 \
             OR position(lower({} COLLATE \"C\") IN email_key) > 0)",
            text,
        ));
    }
    let roles = Role::ALL.map(|role| (role.name(), role));
    if let Some(role) = query.one_of("role", &roles) {
        filters.push(Filter::Text("role = {}::accounts.role", role.name().to_owned()));
    }
    let statuses = [Status::Active, Status::Blocked].map(|status| (status.name(), status));
    if let Some(status) = query.one_of("status", &statuses) {
        filters.push(Filter::Text("status = {}::accounts.status", status.name().to_owned()));
    }
    let projection = Projection::from_query(&mut query, PERSON_FIELDS);
    let page = PageRequest::from_query(&mut query);
    query.finish()?;
    let page = page?;
    let found = store::person_list(&filters, &page)?.people(&accounts.database).await.map_err(list_problem)?;
    let meta = ListMeta::new(&projection, PERSON_FIELDS, "-createdAt".to_owned());
    list_reply(&found.rows, &found.page, &meta, &projection, CacheClass::Private)
}

/// Makes an account of any role. Without a password the person is sent a token to choose one.
#[utoipa::path(
    post, path = "/api/v2/users", tag = "accounts",
    request_body(content = PersonInput, description = "Only `email` and `name` are required."),
    responses((status = 201, description = "The account; `Location` says where.", body = Person)),
)]
pub(super) async fn create_user(
    State(accounts): State<Arc<Accounts>>,
    permit: Permit,
    query: Query,
    JsonBody(body): JsonBody,
) -> Result<Reply, Problem> {
    query.finish()?;
    let input = PersonInput::read(&body).map_err(Problem::invalid_body)?;
    let person = ops::create_person(&accounts, &input, permit.stores()?.as_deref()).await.map_err(person_problem)?;
    let location = format!("/api/v2/users/{}", person.id);
    Ok(person_reply(&person, CacheClass::Never, &Projection::default())?.created_at(&location))
}

fn id_of(text: &str) -> Result<Uuid, Problem> {
    text.parse().map_err(|_| not_found())
}

/// One account.
#[utoipa::path(
    get, path = "/api/v2/users/{user}", tag = "accounts",
    params(
        ("user" = Uuid, Path, description = "The account's id."),
        ("fields" = Option<String>, Query, description = "Only these fields.", example = "id,email,role"),
        ("exclude" = Option<String>, Query, description = "All fields but these."),
    ),
    responses((status = 200, description = "The account.", body = Person)),
)]
pub(super) async fn get_user(
    State(accounts): State<Arc<Accounts>>,
    permit: Permit,
    Path(user): Path<String>,
    mut query: Query,
) -> Result<Reply, Problem> {
    let projection = Projection::from_query(&mut query, PERSON_FIELDS);
    query.finish()?;
    let id = id_of(&user)?;
    let client = accounts.database.client().await.map_err(database_problem)?;
    let person = store::person_by_id(&client, id).await.map_err(database_problem)?.ok_or_else(not_found)?;
    if !person.is_within(permit.stores()?.as_deref()) {
        return Err(not_found());
    }
    person_reply(&person, CacheClass::Private, &projection)
}

/// Changes an account by a JSON merge patch. A change of role or status is in force at once, everywhere.
#[utoipa::path(
    patch, path = "/api/v2/users/{user}", tag = "accounts",
    params(
        ("user" = Uuid, Path, description = "The account's id."),
        ("If-Match" = Option<String>, Header, description = "The ETag that the change is based on."),
    ),
    request_body(content = PersonPatch, content_type = "application/merge-patch+json"),
    responses((status = 200, description = "The account as it is now.", body = Person)),
)]
pub(super) async fn update_user(
    State(accounts): State<Arc<Accounts>>,
    permit: Permit,
    Path(user): Path<String>,
    query: Query,
    if_match: IfMatch,
    PatchBody(body): PatchBody,
) -> Result<Reply, Problem> {
    query.finish()?;
    let patch = PersonPatch::read(&body, false).map_err(Problem::invalid_body)?;
    let accepts = |version| if_match.allows(version);
    let (id, reach) = (id_of(&user)?, permit.stores()?);
    let changed = ops::update_person(&accounts, id, reach.as_deref(), &accepts, &patch).await;
    let person = changed.map_err(person_problem)?;
    person_reply(&person, CacheClass::Never, &Projection::default())
}

/// Deletes an account. What it did stays in the audit log.
#[utoipa::path(
    delete, path = "/api/v2/users/{user}", tag = "accounts",
    params(
        ("user" = Uuid, Path, description = "The account's id."),
        ("If-Match" = Option<String>, Header, description = "The ETag that the deletion is based on."),
    ),
    responses((status = 204, description = "It is deleted; its sessions and keys open nothing any more.")),
)]
pub(super) async fn delete_user(
    State(accounts): State<Arc<Accounts>>,
    permit: Permit,
    Path(user): Path<String>,
    query: Query,
    if_match: IfMatch,
) -> Result<Reply, Problem> {
    query.finish()?;
    let accepts = |version| if_match.allows(version);
    ops::delete_person(&accounts, id_of(&user)?, permit.stores()?.as_deref(), &accepts)
        .await
        .map_err(person_problem)?;
    Ok(Reply::no_content())
}

/// Ends all sessions of an account.
#[utoipa::path(
    delete, path = "/api/v2/users/{user}/sessions", tag = "accounts",
    params(("user" = Uuid, Path, description = "The account's id.")),
    responses((status = 200, description = "They have ended, on every instance.", body = Ended)),
)]
pub(super) async fn end_user_sessions(
    State(accounts): State<Arc<Accounts>>,
    permit: Permit,
    Path(user): Path<String>,
    query: Query,
) -> Result<Reply, Problem> {
    query.finish()?;
    let id = id_of(&user)?;
    let client = accounts.database.client().await.map_err(database_problem)?;
    let person = store::person_by_id(&client, id).await.map_err(database_problem)?.ok_or_else(not_found)?;
    if !person.is_within(permit.stores()?.as_deref()) {
        return Err(not_found());
    }
    drop(client);
    let ended = ops::end_other_sessions(&accounts, id, None).await.map_err(database_problem)?;
    Reply::json(&Ended { ended }, CacheClass::Never)
}
