//! One's own account: profile, password, sessions.

use std::sync::Arc;

use axum::extract::{Path, State};
use entrepot_web::body::{JsonBody, PatchBody};
use entrepot_web::{CacheClass, Fault, IfMatch, ListMeta, Page, Permit, Problem, Projection, Query, Reply, list_reply};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::auth::reset_problem;
use super::problems::SESSION_NOT_FOUND;
use super::users::{person_problem, person_reply};
use super::{TOO_MANY_ATTEMPTS, database_problem};
use crate::Accounts;
use crate::attempts::{Attempt, Wait};
use crate::model::{PasswordChange, Person, PersonPatch, ProfilePatch, Session};
use crate::ops;
use crate::store;

/// A new password, and the one that there is.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "describes what the handler reads by hand")]
pub(super) struct PasswordIn {
    #[schema(example = "four rainy days in Bergen")]
    current_password: String,
    #[schema(example = "four sunny days in Bergen", max_length = 256)]
    password: String,
}

/// One's sessions.
#[derive(Serialize, ToSchema)]
pub(super) struct SessionList {
    data: Vec<Session>,
    page: Page,
    meta: ListMeta,
}

/// How many sessions were ended.
#[derive(Serialize, ToSchema)]
pub(super) struct Ended {
    #[schema(example = 2)]
    pub(super) ended: usize,
}

/// Your own account.
#[utoipa::path(
    get, path = "/api/v2/me", tag = "accounts",
    responses((status = 200, description = "Your account.", body = Person)),
)]
pub(super) async fn get_me(
    State(accounts): State<Arc<Accounts>>,
    permit: Permit,
    query: Query,
) -> Result<Reply, Problem> {
    query.finish()?;
    let id = permit.signed_in()?.id;
    let client = accounts.database.client().await.map_err(database_problem)?;
    let person = store::person_by_id(&client, id).await.map_err(database_problem)?;
    person_reply(&person.ok_or_else(super::users::not_found)?, CacheClass::Private, &Projection::default())
}

/// Changes your own account by a JSON merge patch. Another address needs your password, and has to be
/// proven again.
#[utoipa::path(
    patch, path = "/api/v2/me", tag = "accounts",
    params(("If-Match" = Option<String>, Header, description = "The ETag that the change is based on.")),
    request_body(content = ProfilePatch, content_type = "application/merge-patch+json"),
    responses((status = 200, description = "Your account as it is now.", body = Person)),
)]
pub(super) async fn update_me(
    State(accounts): State<Arc<Accounts>>,
    permit: Permit,
    query: Query,
    if_match: IfMatch,
    PatchBody(body): PatchBody,
) -> Result<Reply, Problem> {
    query.finish()?;
    let patch = PersonPatch::read(&body, true).map_err(Problem::invalid_body)?;
    let caller = permit.signed_in()?;
    if patch.email.is_some() {
        // Whoever has the address can have the password set anew: an open session is not enough.
        let Some(password) = &patch.current_password else {
            let detail = "is required where the address is changed";
            return Err(Problem::invalid_body(vec![Fault::at("/currentPassword", "required", detail)]));
        };
        let attempt = begin_attempt(&accounts, &permit, caller.id).await?;
        ops::prove_password(&accounts, caller.id, password).await.map_err(reset_problem)?;
        attempt.succeeded_inside(&accounts.guard).await;
    }
    let accepts = |version| if_match.allows(version);
    let person = ops::update_person(&accounts, caller.id, None, &accepts, &patch).await.map_err(person_problem)?;
    person_reply(&person, CacheClass::Never, &Projection::default())
}

/// Changes your password. All other sessions end; get new tokens for this one.
#[utoipa::path(
    post, path = "/api/v2/me/password", tag = "accounts",
    request_body(content = PasswordIn),
    responses((status = 204, description = "The password is changed.")),
)]
pub(super) async fn change_password(
    State(accounts): State<Arc<Accounts>>,
    permit: Permit,
    query: Query,
    JsonBody(body): JsonBody,
) -> Result<Reply, Problem> {
    query.finish()?;
    let input = PasswordChange::read(&body, "currentPassword").map_err(Problem::invalid_body)?;
    let caller = permit.signed_in()?;
    let session = permit.session()?;
    if let Some(fault) = ops::password_fault(&accounts, &input.password, &[]) {
        return Err(Problem::invalid_body(vec![fault]));
    }
    let attempt = begin_attempt(&accounts, &permit, caller.id).await?;
    ops::change_password(&accounts, caller.id, Some(session), &input.proof, &input.password)
        .await
        .map_err(reset_problem)?;
    attempt.succeeded_inside(&accounts.guard).await;
    Ok(Reply::no_content())
}

/// Whoever found an open session must not be able to try passwords at will.
async fn begin_attempt(accounts: &Accounts, permit: &Permit, person: Uuid) -> Result<Attempt, Problem> {
    let attempt = Attempt::new(&person.to_string(), permit.address());
    attempt.begin(&accounts.guard).await.map_err(|Wait(verdict)| {
        let seconds = verdict.retry_after.as_secs() + 1;
        Problem::new(&TOO_MANY_ATTEMPTS, format!("too many attempts; wait {seconds} s"))
            .retry_after(u32::try_from(seconds).unwrap_or(u32::MAX))
    })?;
    Ok(attempt)
}

/// Your sessions that are still good, the newest first.
#[utoipa::path(
    get, path = "/api/v2/me/sessions", tag = "accounts",
    responses((status = 200, description = "The sessions, 200 at the most.", body = SessionList)),
)]
pub(super) async fn list_my_sessions(
    State(accounts): State<Arc<Accounts>>,
    permit: Permit,
    query: Query,
) -> Result<Reply, Problem> {
    query.finish()?;
    let caller = permit.signed_in()?;
    let client = accounts.database.client().await.map_err(database_problem)?;
    let sessions = store::sessions_of(&client, caller.id, caller.session(), accounts.clock.now()).await;
    let sessions = sessions.map_err(database_problem)?;
    let page = Page { limit: 200, ..Page::default() };
    let meta = ListMeta { fields: None, sort: Some("-createdAt".to_owned()) };
    list_reply(&sessions, &page, &meta, &Projection::default(), CacheClass::Private)
}

/// Ends all your sessions but the one that asks.
#[utoipa::path(
    delete, path = "/api/v2/me/sessions", tag = "accounts",
    responses((status = 200, description = "They have ended, on every instance.", body = Ended)),
)]
pub(super) async fn end_my_other_sessions(
    State(accounts): State<Arc<Accounts>>,
    permit: Permit,
    query: Query,
) -> Result<Reply, Problem> {
    query.finish()?;
    let caller = permit.signed_in()?;
    let session = permit.session()?;
    let ended = ops::end_other_sessions(&accounts, caller.id, Some(session)).await.map_err(database_problem)?;
    Reply::json(&Ended { ended }, CacheClass::Never)
}

/// Ends one of your sessions.
#[utoipa::path(
    delete, path = "/api/v2/me/sessions/{session}", tag = "accounts",
    params(("session" = Uuid, Path, description = "The session's id.")),
    responses((status = 204, description = "It has ended, on every instance.")),
)]
pub(super) async fn end_my_session(
    State(accounts): State<Arc<Accounts>>,
    permit: Permit,
    Path(session): Path<String>,
    query: Query,
) -> Result<Reply, Problem> {
    query.finish()?;
    let caller = permit.signed_in()?;
    let not_found = || Problem::new(&SESSION_NOT_FOUND, "you have no session with this id");
    let session: Uuid = session.parse().map_err(|_| not_found())?;
    match ops::end_session(&accounts, caller.id, session).await.map_err(database_problem)? {
        true => Ok(Reply::no_content()),
        false => Err(not_found()),
    }
}
