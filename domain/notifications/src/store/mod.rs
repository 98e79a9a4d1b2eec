//! What notifications ask of the database: typed queries. No policy.

use entrepot_pg::{Error, Pooled, Transaction};
use entrepot_queries::client::Params as _;
use entrepot_queries::queries::notifications::inbox::{self, NotificationInsertParams, NotificationRow};
use entrepot_queries::queries::notifications::letters;
use entrepot_queries::queries::notifications::webhooks::{
    self as queries, DeliveryInsertParams, DeliveryRow, DeliveryTriedParams, WebhookInsertParams, WebhookRow,
    WebhookUpdateParams,
};
use entrepot_web::Below;
use jiff::Timestamp;
use postgres_types::Json;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

/// Something that a person was told.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Notification {
    pub(crate) id: Uuid,
    /// What it is about, for programs.
    #[schema(example = "report-ready")]
    pub(crate) kind: String,
    /// In a line.
    #[schema(example = "Sales of October 2026 is ready")]
    pub(crate) title: String,
    /// The rest.
    #[schema(example = "The PDF has 3 pages.")]
    pub(crate) body: String,
    /// Where it leads to, within the program.
    #[schema(example = "/api/v2/reports/019a2b3c-4d5e-7f60-8a9b-0c1d2e3f4a5b/content")]
    pub(crate) link: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) created_at: Timestamp,
    /// When it was read.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) read_at: Option<Timestamp>,
}

fn notification(row: NotificationRow) -> Notification {
    let NotificationRow { id, kind, title, body, link, created_at, read_at } = row;
    Notification { id, kind, title, body, link, created_at, read_at }
}

/// A webhook.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Webhook {
    pub(crate) id: Uuid,
    pub(crate) owner: Uuid,
    pub(crate) url: String,
    pub(crate) topics: Vec<String>,
    pub(crate) description: String,
    pub(crate) secret: String,
    pub(crate) old_secret: Option<String>,
    pub(crate) old_secret_until: Option<Timestamp>,
    pub(crate) is_enabled: bool,
    pub(crate) disabled_reason: Option<String>,
    pub(crate) failures: i32,
    pub(crate) version: i64,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

fn webhook(row: WebhookRow) -> Webhook {
    Webhook {
        id: row.id,
        owner: row.owner,
        url: row.url,
        topics: row.topics,
        description: row.description,
        secret: row.secret,
        old_secret: row.old_secret,
        old_secret_until: row.old_secret_until,
        is_enabled: row.is_enabled,
        disabled_reason: row.disabled_reason,
        failures: row.failures,
        version: row.version,
        created_at: row.created_at,
        updated_at: row.updated_at,
    }
}

entrepot_web::choices! {
    DeliveryStatus = "pending" | "delivered" | "failed";
}

/// What was, or is to be, sent to a webhook.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Delivery {
    pub(crate) id: Uuid,
    #[schema(example = "sales-data-updated")]
    pub(crate) event: String,
    #[schema(example = "sales-data-330")]
    pub(crate) topic: String,
    /// What is sent.
    #[schema(value_type = Object, example = json!({"type": "sales-data-updated", "data": {"storeId": "330", "year": 2024, "month": 1}}))]
    pub(crate) body: Value,
    #[schema(value_type = DeliveryStatus, inline)]
    pub(crate) status: String,
    /// How often it was tried.
    pub(crate) attempts: i32,
    /// What the receiver answered last.
    pub(crate) http_status: Option<i32>,
    /// What the last attempt failed with.
    pub(crate) error: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    pub(crate) created_at: Timestamp,
    /// When it arrived, or was given up.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(crate) finished_at: Option<Timestamp>,
}

fn delivery(row: DeliveryRow) -> Delivery {
    Delivery {
        id: row.id,
        event: row.event,
        topic: row.topic,
        body: row.body,
        status: row.status,
        attempts: row.attempts,
        http_status: row.http_status,
        error: row.error,
        created_at: row.created_at,
        finished_at: row.finished_at,
    }
}

/// A part of one of the lists here.
type Part = Below<Uuid>;

#[expect(clippy::too_many_arguments, reason = "the columns of a row")]
pub(crate) async fn notification_insert(
    transaction: &Transaction,
    id: Uuid,
    person_id: Uuid,
    kind: &str,
    title: &str,
    body: &str,
    link: Option<&str>,
    now: Timestamp,
) -> Result<(), Error> {
    let params = NotificationInsertParams { id, person_id, kind, title, body, link, now };
    inbox::notification_insert().params(transaction.client(), &params).await?;
    Ok(())
}

pub(crate) async fn notification_list(
    client: &Pooled,
    person: Uuid,
    is_unread: bool,
    part: Part,
) -> Result<Vec<Notification>, Error> {
    let Part { id: below, at_most, skipped } = part;
    let rows = if is_unread {
        inbox::notification_list_unread().bind(client, &person, &below, &at_most, &skipped).all().await?
    } else {
        inbox::notification_list().bind(client, &person, &below, &at_most, &skipped).all().await?
    };
    Ok(rows.into_iter().map(notification).collect())
}

pub(crate) async fn notifications_unread(client: &Pooled, person: Uuid, at_most: i64) -> Result<i64, Error> {
    Ok(inbox::notifications_unread().bind(client, &person, &at_most).one().await?)
}

pub(crate) async fn notification_read(
    transaction: &Transaction,
    person: Uuid,
    id: Uuid,
    now: Timestamp,
) -> Result<bool, Error> {
    Ok(inbox::notification_read().bind(transaction.client(), &now, &id, &person).await? > 0)
}

pub(crate) async fn notifications_read_all(
    transaction: &Transaction,
    person: Uuid,
    up_to: Uuid,
    now: Timestamp,
) -> Result<u64, Error> {
    Ok(inbox::notifications_read_all().bind(transaction.client(), &now, &person, &up_to).await?)
}

pub(crate) async fn notification_delete(transaction: &Transaction, person: Uuid, id: Uuid) -> Result<bool, Error> {
    Ok(inbox::notification_delete().bind(transaction.client(), &id, &person).await? > 0)
}

pub(crate) async fn notifications_forget(client: &Pooled, before: Timestamp, at_most: i64) -> Result<u64, Error> {
    Ok(inbox::notifications_forget().bind(client, &before, &at_most).await?)
}

/// Has those who count an address's letters take turns.
pub(crate) async fn letter_lock(transaction: &Transaction, address: &str) -> Result<(), Error> {
    let lock = "SELECT pg_advisory_xact_lock(hashtextextended('letter:' || lower($1::text COLLATE \"C\"), 0))";
    let lock = transaction.prepare_cached(lock).await?;
    transaction.execute(&lock, &[&address]).await?;
    Ok(())
}

/// Takes a place for a letter, and tells whether it had none before; `None` where others have all.
pub(crate) async fn letter_take(
    transaction: &Transaction,
    key: &str,
    address: &str,
    now: Timestamp,
    since: Timestamp,
    at_most: i64,
) -> Result<Option<bool>, Error> {
    let client = transaction.client();
    Ok(letters::letter_take().bind(client, &key, &address, &now, &since, &at_most).opt().await?)
}

/// When the first letter to an address was sent of those since then.
pub(crate) async fn letter_first(
    transaction: &Transaction,
    address: &str,
    since: Timestamp,
) -> Result<Option<Timestamp>, Error> {
    Ok(letters::letter_first().bind(transaction.client(), &address, &since).opt().await?)
}

pub(crate) async fn letter_give_back(client: &Pooled, key: &str) -> Result<(), Error> {
    letters::letter_give_back().bind(client, &key).await?;
    Ok(())
}

pub(crate) async fn letters_forget(client: &Pooled, before: Timestamp, at_most: i64) -> Result<u64, Error> {
    Ok(letters::letters_forget().bind(client, &before, &at_most).await?)
}

pub(crate) async fn webhook_insert(transaction: &Transaction, new: &Webhook) -> Result<(), Error> {
    let params = WebhookInsertParams {
        id: new.id,
        owner: new.owner,
        url: &*new.url,
        topics: &new.topics,
        description: &*new.description,
        secret: &*new.secret,
        is_enabled: new.is_enabled,
        now: new.created_at,
    };
    queries::webhook_insert().params(transaction.client(), &params).await?;
    Ok(())
}

pub(crate) async fn webhook_count(transaction: &Transaction, owner: Uuid) -> Result<i64, Error> {
    Ok(queries::webhook_count().bind(transaction.client(), &owner).one().await?)
}

pub(crate) async fn webhook_list(client: &Pooled, owner: Option<Uuid>, part: Part) -> Result<Vec<Webhook>, Error> {
    let Part { id: below, at_most, skipped } = part;
    let rows = queries::webhook_list().bind(client, &owner, &below, &at_most, &skipped).all().await?;
    Ok(rows.into_iter().map(webhook).collect())
}

/// Those that are sent to, with their topics.
pub(crate) async fn webhooks_enabled(transaction: &Transaction) -> Result<Vec<(Uuid, Vec<String>)>, Error> {
    let rows = queries::webhooks_enabled().bind(transaction.client()).all().await?;
    Ok(rows.into_iter().map(|row| (row.id, row.topics)).collect())
}

pub(crate) async fn webhook_by_id(client: &Pooled, id: Uuid, owner: Option<Uuid>) -> Result<Option<Webhook>, Error> {
    Ok(queries::webhook_by_id().bind(client, &id, &owner).opt().await?.map(webhook))
}

pub(crate) async fn webhook_lock(
    transaction: &Transaction,
    id: Uuid,
    owner: Option<Uuid>,
) -> Result<Option<Webhook>, Error> {
    Ok(queries::webhook_lock().bind(transaction.client(), &id, &owner).opt().await?.map(webhook))
}

pub(crate) async fn webhook_update(transaction: &Transaction, to: &Webhook, now: Timestamp) -> Result<(), Error> {
    let params = WebhookUpdateParams {
        url: &*to.url,
        topics: &to.topics,
        description: &*to.description,
        secret: &*to.secret,
        old_secret: to.old_secret.as_deref(),
        old_secret_until: to.old_secret_until,
        is_enabled: to.is_enabled,
        disabled_reason: to.disabled_reason.as_deref(),
        failures: to.failures,
        now,
        id: to.id,
    };
    queries::webhook_update().params(transaction.client(), &params).await?;
    Ok(())
}

pub(crate) async fn webhook_arrived(transaction: &Transaction, id: Uuid) -> Result<(), Error> {
    queries::webhook_arrived().bind(transaction.client(), &id).await?;
    Ok(())
}

/// Counts a delivery that was given up; how many in a row.
pub(crate) async fn webhook_failed(client: &Pooled, id: Uuid) -> Result<Option<i32>, Error> {
    Ok(queries::webhook_failed().bind(client, &id).opt().await?)
}

pub(crate) async fn webhook_delete(transaction: &Transaction, id: Uuid) -> Result<(), Error> {
    queries::webhook_delete().bind(transaction.client(), &id).await?;
    Ok(())
}

pub(crate) async fn delivery_insert(
    transaction: &Transaction,
    id: Uuid,
    webhook_id: Uuid,
    event: &str,
    topic: &str,
    body: &Value,
    now: Timestamp,
) -> Result<(), Error> {
    let params = DeliveryInsertParams { id, webhook_id, event, topic, body: Json(body), now };
    queries::delivery_insert().params(transaction.client(), &params).await?;
    Ok(())
}

pub(crate) async fn delivery_by_id(client: &Pooled, id: Uuid, webhook: Uuid) -> Result<Option<Delivery>, Error> {
    Ok(queries::delivery_by_id().bind(client, &id, &webhook).opt().await?.map(delivery))
}

pub(crate) async fn delivery_list(client: &Pooled, webhook: Uuid, part: Part) -> Result<Vec<Delivery>, Error> {
    let Part { id: below, at_most, skipped } = part;
    let rows = queries::delivery_list().bind(client, &webhook, &below, &at_most, &skipped).all().await?;
    Ok(rows.into_iter().map(delivery).collect())
}

pub(crate) async fn delivery_tried(
    transaction: &Transaction,
    id: Uuid,
    status: &str,
    http_status: Option<i32>,
    error: Option<&str>,
    finished_at: Option<Timestamp>,
) -> Result<(), Error> {
    let params = DeliveryTriedParams { status, http_status, error, finished_at, id };
    queries::delivery_tried().params(transaction.client(), &params).await?;
    Ok(())
}

/// Has a delivery begin anew; `false` where it has not ended.
pub(crate) async fn delivery_again(transaction: &Transaction, id: Uuid, is_given_up: bool) -> Result<bool, Error> {
    Ok(queries::delivery_again().bind(transaction.client(), &id, &is_given_up).await? > 0)
}

pub(crate) async fn deliveries_forget(client: &Pooled, before: Timestamp, at_most: i64) -> Result<u64, Error> {
    Ok(queries::deliveries_forget().bind(client, &before, &at_most).await?)
}
