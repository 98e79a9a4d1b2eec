//! One's own inbox.

use axum::extract::{Path, State};
use entrepot_feed::NewEvent;
use entrepot_pg::{Error, ScopedFutureExt as _};
use entrepot_web::{
    CacheClass, Cursor, FieldNames, ListMeta, Page, PageRequest, Permit, Problem, Projection, Query, Reply,
};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{NOTIFICATION_NOT_FOUND, Shared, failed};
use crate::store::{self, Notification};

/// The most that are counted.
const MOST_COUNTED: i64 = 1_000;

const FIELDS: FieldNames = FieldNames(&["id", "kind", "title", "body", "link", "createdAt", "readAt"]);

/// A page of an inbox.
#[derive(Serialize, ToSchema)]
pub(super) struct NotificationList {
    data: Vec<Notification>,
    page: Page,
    meta: InboxMeta,
}

/// What there is to say of an inbox.
#[derive(Serialize, ToSchema)]
pub(super) struct InboxMeta {
    #[serde(flatten)]
    list: ListMeta,
    /// How many are not read, counted up to 1,000.
    unread: i64,
}

/// How many were read.
#[derive(Serialize, ToSchema)]
pub(super) struct ReadMany {
    /// Those that were not read before.
    count: u64,
}

fn not_found() -> Problem {
    Problem::new(&NOTIFICATION_NOT_FOUND, "nothing in your inbox has this id")
}

/// What you were told, the newest first. It is kept for 90 days; what is new is told live on `user-{id}`.
#[utoipa::path(
    get, path = "/api/v2/me/notifications", tag = "notifications",
    params(
        ("unread" = Option<bool>, Query, description = "`true`: only what is not read."),
        ("limit" = Option<u32>, Query, description = "Rows in a page; 50 unless told.", minimum = 1, maximum = 200),
        ("cursor" = Option<String>, Query, description = "`nextCursor` of another page of the same list."),
        ("page" = Option<u32>, Query, description = "A page by its number, for people.", minimum = 1),
    ),
    responses((status = 200, description = "A page of the inbox.", body = NotificationList)),
)]
pub(super) async fn list_notifications(
    State(shared): State<Shared>,
    permit: Permit,
    mut query: Query,
) -> Result<Reply, Problem> {
    let is_unread = query.one_of("unread", &[("true", true), ("false", false)]).unwrap_or(false);
    let page = PageRequest::from_query(&mut query);
    query.finish()?;
    let (page, person) = (page?, permit.signed_in()?.id);
    let fingerprint = Cursor::fingerprint(&format!("notifications {person} {is_unread}"));
    let part = page.below(fingerprint)?;
    let client = shared.database.client().await.map_err(failed)?;
    let found = store::notification_list(&client, person, is_unread, part).await.map_err(failed)?;
    let unread = store::notifications_unread(&client, person, MOST_COUNTED).await.map_err(failed)?;
    drop(client);
    let (data, page) = page.cut_below(found, fingerprint, |one| one.id);
    let list = ListMeta::new(&Projection::default(), FIELDS, "-createdAt".to_owned());
    Reply::json(&NotificationList { data, page, meta: InboxMeta { list, unread } }, CacheClass::Private)
}

/// Marks one as read.
#[utoipa::path(
    post, path = "/api/v2/me/notifications/{notification}/read", tag = "notifications",
    params(("notification" = Uuid, Path, description = "The notification's id.")),
    responses((status = 204, description = "It is read.")),
)]
pub(super) async fn read_notification(
    State(shared): State<Shared>,
    permit: Permit,
    Path(id): Path<String>,
    query: Query,
) -> Result<Reply, Problem> {
    query.finish()?;
    let (id, person) = (id.parse::<Uuid>().map_err(|_| not_found())?, permit.signed_in()?.id);
    change(&shared, person, id, false).await
}

/// Marks all as read that are there now.
#[utoipa::path(
    post, path = "/api/v2/me/notifications/read", tag = "notifications",
    responses((status = 200, description = "They are read.", body = ReadMany)),
)]
pub(super) async fn read_all_notifications(
    State(shared): State<Shared>,
    permit: Permit,
    query: Query,
) -> Result<Reply, Problem> {
    query.finish()?;
    let person = permit.signed_in()?.id;
    // What comes while this is done is not read.
    let (up_to, now) = (shared.clock.new_id(), shared.clock.now());
    let shared = &shared;
    let count = shared
        .database
        .transaction(|transaction| {
            async move {
                let count = store::notifications_read_all(transaction, person, up_to, now).await?;
                let event = NewEvent::new("notifications-read", format!("user-{person}"));
                shared.feed.append(transaction, event.data(&json!({"all": true, "upTo": up_to}))).await?;
                Ok::<_, Error>(count)
            }
            .scope_boxed()
        })
        .await
        .map_err(failed)?;
    Reply::json(&ReadMany { count }, CacheClass::Never)
}

/// Takes one out of the inbox.
#[utoipa::path(
    delete, path = "/api/v2/me/notifications/{notification}", tag = "notifications",
    params(("notification" = Uuid, Path, description = "The notification's id.")),
    responses((status = 204, description = "It is gone.")),
)]
pub(super) async fn delete_notification(
    State(shared): State<Shared>,
    permit: Permit,
    Path(id): Path<String>,
    query: Query,
) -> Result<Reply, Problem> {
    query.finish()?;
    let (id, person) = (id.parse::<Uuid>().map_err(|_| not_found())?, permit.signed_in()?.id);
    change(&shared, person, id, true).await
}

/// Reads one or takes it out, and tells the person's other windows.
async fn change(shared: &Shared, person: Uuid, id: Uuid, delete: bool) -> Result<Reply, Problem> {
    let now = shared.clock.now();
    let is_done = shared
        .database
        .transaction(|transaction| {
            async move {
                let is_there = if delete {
                    store::notification_delete(transaction, person, id).await?
                } else {
                    store::notification_read(transaction, person, id, now).await?
                };
                if is_there {
                    let name = if delete { "notification-deleted" } else { "notifications-read" };
                    let event = NewEvent::new(name, format!("user-{person}")).data(&json!({"ids": [id]}));
                    shared.feed.append(transaction, event).await?;
                }
                Ok::<_, Error>(is_there)
            }
            .scope_boxed()
        })
        .await
        .map_err(failed)?;
    if is_done { Ok(Reply::no_content()) } else { Err(not_found()) }
}
