//! Webhooks: those of the caller; an admin's reach is everybody's.

use axum::extract::{Path, State};
use entrepot_feed::NewEvent;
use entrepot_pg::{Error, ScopedFutureExt as _, Transaction};
use entrepot_web::body::{self, JsonBody, PatchBody, Reader, Text};
use entrepot_web::{CacheClass, Cursor, Fault, IfMatch, Page, PageRequest, Permit, Problem, Query, Reply};
use entrepot_webhooks::{Secret, Target, TargetRules};
use http::StatusCode;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{DELIVERY_NOT_FOUND, DELIVERY_PENDING, Shared, TOO_MANY_WEBHOOKS, WEBHOOK_NOT_FOUND, failed};
use crate::store::{self, Delivery, Webhook};
use crate::webhooks::{self, EXCHANGE, check_topic};

/// Webhooks that a person may have.
const MOST: i64 = 50;
const MOST_TOPICS: usize = 50;
/// The event that is sent to see whether one arrives. It is in no feed, so it has no position.
pub const TEST_EVENT: &str = "webhook-test";

/// A webhook.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct WebhookOut {
    id: Uuid,
    /// Whose rights decide what is sent.
    owner: Uuid,
    /// Where events are sent.
    #[schema(example = "https://example.com/hooks/entrepot")]
    url: String,
    /// Topics whose events are sent; one that ends with `*` stands for all that begin so.
    #[schema(example = json!(["sales-data-330", "store-*"]))]
    topics: Vec<String>,
    #[schema(example = "The till of Harbour Street")]
    description: String,
    /// Whether anything is sent.
    is_enabled: bool,
    /// Why it was switched off, where the program did it.
    disabled_reason: Option<String>,
    /// Deliveries given up since the last that arrived; after five it is switched off.
    failures: i32,
    /// Until when the secret before this one holds, too.
    #[schema(value_type = Option<String>, format = DateTime)]
    old_secret_until: Option<Timestamp>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

impl From<&Webhook> for WebhookOut {
    fn from(webhook: &Webhook) -> Self {
        Self {
            id: webhook.id,
            owner: webhook.owner,
            url: webhook.url.clone(),
            topics: webhook.topics.clone(),
            description: webhook.description.clone(),
            is_enabled: webhook.is_enabled,
            disabled_reason: webhook.disabled_reason.clone(),
            failures: webhook.failures,
            old_secret_until: webhook.old_secret_until,
            created_at: webhook.created_at,
            updated_at: webhook.updated_at,
        }
    }
}

/// A webhook with its secret, which is told this once.
#[derive(Serialize, ToSchema)]
pub(super) struct WebhookWithSecret {
    /// What deliveries are signed with, as Standard Webhooks has it.
    #[schema(example = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD")]
    secret: String,
    #[serde(flatten)]
    about: WebhookOut,
}

/// A webhook, as clients write it.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "describes what the handler reads by hand")]
pub(super) struct WebhookIn {
    /// `https`, to a public address.
    #[schema(example = "https://example.com/hooks/entrepot", max_length = 2000)]
    url: String,
    /// Topics whose events are sent; one that ends with `*` stands for all that begin so.
    #[schema(min_items = 1, max_items = 50, example = json!(["sales-data-330", "store-*"]))]
    topics: Vec<String>,
    #[schema(required = false, max_length = 200, example = "The till of Harbour Street")]
    description: String,
    /// `true` unless told. Switching it on again forgets why it was switched off.
    #[schema(required = false)]
    is_enabled: bool,
}

/// A page of webhooks.
#[derive(Serialize, ToSchema)]
pub(super) struct WebhookList {
    data: Vec<WebhookOut>,
    page: Page,
}

/// A page of deliveries.
#[derive(Serialize, ToSchema)]
pub(super) struct DeliveryList {
    data: Vec<Delivery>,
    page: Page,
}

/// A delivery that is on its way.
#[derive(Serialize, ToSchema)]
pub(super) struct Underway {
    delivery: Uuid,
}

/// What was read.
struct Input {
    url: String,
    topics: Vec<String>,
    description: String,
    is_enabled: bool,
}

fn read(value: &Value, rules: TargetRules) -> Result<Input, Vec<Fault>> {
    let mut reader = Reader::new(value, "");
    let url = reader.required("url", |member| {
        let target = |text: &str| {
            let target = Target::parse(text, rules)?;
            target.check_name(rules).map(|()| target.as_str().to_owned())
        };
        member.parsed(Text::line(1, 2_000), "invalid_url", target)
    });
    let topics = reader.required("topics", |member| member.texts(MOST_TOPICS, Text::line(1, 200)));
    for topic in topics.iter().flatten() {
        if let Err(wanted) = check_topic(topic) {
            reader.fault("topics", "unknown_topic", format!("{topic:?} {wanted}"));
        }
    }
    if topics.as_ref().is_some_and(Vec::is_empty) {
        reader.fault("topics", "required", "must name at least one topic");
    }
    let description = reader.optional("description", |member| member.text(Text::line(0, 200))).unwrap_or_default();
    let is_enabled = reader.optional("isEnabled", |member| member.boolean()).unwrap_or(true);
    let faults = reader.finish();
    match (url, topics) {
        (Some(url), Some(topics)) if faults.is_empty() => Ok(Input { url, topics, description, is_enabled }),
        _ => Err(faults),
    }
}

fn not_found() -> Problem {
    Problem::new(&WEBHOOK_NOT_FOUND, "none of your webhooks has this id")
}

fn id_of(text: &str) -> Result<Uuid, Problem> {
    text.parse().map_err(|_| not_found())
}

/// What is told of a change: everything but the secrets.
async fn tell(shared: &Shared, transaction: &Transaction, name: &'static str, webhook: &Webhook) -> Result<(), Error> {
    let told =
        json!({"webhookId": webhook.id, "url": webhook.url, "topics": webhook.topics, "isEnabled": webhook.is_enabled});
    let event = NewEvent::new(name, format!("webhook-{}", webhook.id)).data(&told);
    shared.feed.append(transaction, event).await.map(|_position| ())
}

fn reply(webhook: &Webhook, class: CacheClass) -> Result<Reply, Problem> {
    Ok(Reply::json(&WebhookOut::from(webhook), class)?.version(webhook.version))
}

/// Your webhooks, the newest first; an admin everybody's.
#[utoipa::path(
    get, path = "/api/v2/webhooks", tag = "notifications",
    params(
        ("limit" = Option<u32>, Query, description = "Rows in a page; 50 unless told.", minimum = 1, maximum = 200),
        ("cursor" = Option<String>, Query, description = "`nextCursor` of another page of the same list."),
        ("page" = Option<u32>, Query, description = "A page by its number, for people.", minimum = 1),
    ),
    responses((status = 200, description = "A page of the webhooks.", body = WebhookList)),
)]
pub(super) async fn list_webhooks(
    State(shared): State<Shared>,
    permit: Permit,
    mut query: Query,
) -> Result<Reply, Problem> {
    let page = PageRequest::from_query(&mut query);
    query.finish()?;
    let (page, owner) = (page?, permit.owner()?);
    let fingerprint = Cursor::fingerprint(&format!("webhooks {owner:?}"));
    let part = page.below(fingerprint)?;
    let client = shared.database.client().await.map_err(failed)?;
    let found = store::webhook_list(&client, owner, part).await.map_err(failed)?;
    let (found, page) = page.cut_below(found, fingerprint, |one| one.id);
    let data = found.iter().map(WebhookOut::from).collect();
    Reply::json(&WebhookList { data, page }, CacheClass::Private)
}

/// Makes a webhook. Its secret is told once, by this answer.
#[utoipa::path(
    post, path = "/api/v2/webhooks", tag = "notifications",
    request_body = WebhookIn,
    responses((status = 201, description = "The webhook with its secret.", body = WebhookWithSecret)),
)]
pub(super) async fn create_webhook(
    State(shared): State<Shared>,
    permit: Permit,
    query: Query,
    JsonBody(body): JsonBody,
) -> Result<Reply, Problem> {
    query.finish()?;
    let input = read(&body, shared.targets).map_err(Problem::invalid_body)?;
    let (id, now, owner) = (shared.clock.new_id(), shared.clock.now(), permit.signed_in()?.id);
    let secret = Secret::generate().map_err(|error| Problem::failure(error, false))?.reveal();
    let webhook = Webhook {
        id,
        owner,
        url: input.url,
        topics: input.topics,
        description: input.description,
        secret,
        old_secret: None,
        old_secret_until: None,
        is_enabled: input.is_enabled,
        disabled_reason: None,
        failures: 0,
        version: 1,
        created_at: now,
        updated_at: now,
    };
    let (shared, new) = (&shared, &webhook);
    let is_made = shared
        .database
        .transaction(|transaction| {
            async move {
                if store::webhook_count(transaction, owner).await? >= MOST {
                    return Ok(false);
                }
                store::webhook_insert(transaction, new).await?;
                tell(shared, transaction, "webhook-created", new).await?;
                Ok::<_, Error>(true)
            }
            .scope_boxed()
        })
        .await
        .map_err(failed)?;
    if !is_made {
        return Err(Problem::new(&TOO_MANY_WEBHOOKS, format!("a person may have {MOST} webhooks")));
    }
    let about = WebhookOut::from(&webhook);
    let reply = Reply::json(&WebhookWithSecret { secret: webhook.secret, about }, CacheClass::Never)?;
    Ok(reply.created_at(&format!("/api/v2/webhooks/{id}")))
}

/// A webhook, without its secret.
#[utoipa::path(
    get, path = "/api/v2/webhooks/{webhook}", tag = "notifications",
    params(("webhook" = Uuid, Path, description = "The webhook's id.")),
    responses((status = 200, description = "The webhook.", body = WebhookOut)),
)]
pub(super) async fn get_webhook(
    State(shared): State<Shared>,
    permit: Permit,
    Path(id): Path<String>,
    query: Query,
) -> Result<Reply, Problem> {
    query.finish()?;
    reply(&own(&shared, &permit, &id).await?, CacheClass::Private)
}

async fn own(shared: &Shared, permit: &Permit, id: &str) -> Result<Webhook, Problem> {
    let (id, owner) = (id_of(id)?, permit.owner()?);
    let client = shared.database.client().await.map_err(failed)?;
    store::webhook_by_id(&client, id, owner).await.map_err(failed)?.ok_or_else(not_found)
}

/// Why a webhook was not changed.
enum Refusal {
    NotFound,
    MovedOn(i64),
    Invalid(Vec<Fault>),
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotFound => not_found(),
            Refusal::MovedOn(version) => IfMatch::failed(version),
            Refusal::Invalid(faults) => Self::invalid_body(faults),
        }
    }
}

/// Changes a webhook under its lock, and tells of it; gives it as it is afterwards.
async fn change(
    shared: &Shared,
    permit: &Permit,
    id: &str,
    name: &'static str,
    if_match: Option<&IfMatch>,
    change: impl Fn(Webhook) -> Result<Webhook, Vec<Fault>> + Sync,
) -> Result<Webhook, Problem> {
    let (id, owner, change) = (id_of(id)?, permit.owner()?, &change);
    let changed = shared
        .database
        .transaction(|transaction| {
            async move {
                let Some(webhook) = store::webhook_lock(transaction, id, owner).await? else {
                    return Ok(Err(Refusal::NotFound));
                };
                if if_match.is_some_and(|if_match| !if_match.allows(webhook.version)) {
                    return Ok(Err(Refusal::MovedOn(webhook.version)));
                }
                let changed = match change(webhook) {
                    Ok(changed) => changed,
                    Err(faults) => return Ok(Err(Refusal::Invalid(faults))),
                };
                store::webhook_update(transaction, &changed, shared.clock.now()).await?;
                tell(shared, transaction, name, &changed).await?;
                let changed = store::webhook_lock(transaction, id, owner).await?;
                Ok::<_, Error>(changed.ok_or(Refusal::NotFound))
            }
            .scope_boxed()
        })
        .await
        .map_err(failed)?;
    Ok(changed?)
}

/// Changes a webhook by a JSON merge patch.
#[utoipa::path(
    patch, path = "/api/v2/webhooks/{webhook}", tag = "notifications",
    params(
        ("webhook" = Uuid, Path, description = "The webhook's id."),
        ("If-Match" = Option<String>, Header, description = "The ETag that the change is based on."),
    ),
    request_body(content = WebhookIn, content_type = "application/merge-patch+json", description = "What is left out stays as it is."),
    responses((status = 200, description = "The webhook as it is now.", body = WebhookOut)),
)]
pub(super) async fn update_webhook(
    State(shared): State<Shared>,
    permit: Permit,
    Path(id): Path<String>,
    query: Query,
    if_match: IfMatch,
    PatchBody(patch): PatchBody,
) -> Result<Reply, Problem> {
    query.finish()?;
    if !patch.is_object() {
        return Err(Problem::invalid_body(vec![Fault::at("", "wrong_type", "must be an object")]));
    }
    let rules = shared.targets;
    let changed = change(&shared, &permit, &id, "webhook-changed", Some(&if_match), |webhook| {
        let whole = json!({
            "url": webhook.url, "topics": webhook.topics, "description": webhook.description,
            "isEnabled": webhook.is_enabled,
        });
        let input = read(&body::patched(&whole, &patch), rules)?;
        let is_switched_on = input.is_enabled && !webhook.is_enabled;
        Ok(Webhook {
            url: input.url,
            topics: input.topics,
            description: input.description,
            is_enabled: input.is_enabled,
            disabled_reason: webhook.disabled_reason.filter(|_| !input.is_enabled),
            failures: if is_switched_on { 0 } else { webhook.failures },
            ..webhook
        })
    });
    reply(&changed.await?, CacheClass::Never)
}

/// Deletes a webhook, with all that is known of its deliveries.
#[utoipa::path(
    delete, path = "/api/v2/webhooks/{webhook}", tag = "notifications",
    params(
        ("webhook" = Uuid, Path, description = "The webhook's id."),
        ("If-Match" = Option<String>, Header, description = "The ETag that the deletion is based on."),
    ),
    responses((status = 204, description = "It is gone; nothing more is sent.")),
)]
pub(super) async fn delete_webhook(
    State(shared): State<Shared>,
    permit: Permit,
    Path(id): Path<String>,
    query: Query,
    if_match: IfMatch,
) -> Result<Reply, Problem> {
    query.finish()?;
    let (id, owner, if_match, shared) = (id_of(&id)?, permit.owner()?, &if_match, &shared);
    let deleted = shared
        .database
        .transaction(|transaction| {
            async move {
                let Some(webhook) = store::webhook_lock(transaction, id, owner).await? else {
                    return Ok(Err(Refusal::NotFound));
                };
                if !if_match.allows(webhook.version) {
                    return Ok(Err(Refusal::MovedOn(webhook.version)));
                }
                store::webhook_delete(transaction, id).await?;
                tell(shared, transaction, "webhook-deleted", &webhook).await?;
                Ok::<_, Error>(Ok(()))
            }
            .scope_boxed()
        })
        .await
        .map_err(failed)?;
    deleted?;
    Ok(Reply::no_content())
}

/// Gives a webhook another secret. For a day deliveries are signed with both, so that the receiver can be changed
/// without missing any.
#[utoipa::path(
    post, path = "/api/v2/webhooks/{webhook}/rotate-secret", tag = "notifications",
    params(("webhook" = Uuid, Path, description = "The webhook's id.")),
    responses((status = 200, description = "The webhook with its new secret, which is told this once.", body = WebhookWithSecret)),
)]
pub(super) async fn rotate_webhook_secret(
    State(shared): State<Shared>,
    permit: Permit,
    Path(id): Path<String>,
    query: Query,
) -> Result<Reply, Problem> {
    query.finish()?;
    let secret = Secret::generate().map_err(|error| Problem::failure(error, false))?.reveal();
    let until = shared.clock.now() + EXCHANGE;
    let webhook = change(&shared, &permit, &id, "webhook-secret-rotated", None, |webhook| {
        Ok(Webhook {
            old_secret: Some(webhook.secret.clone()),
            old_secret_until: Some(until),
            secret: secret.clone(),
            ..webhook
        })
    });
    let webhook = webhook.await?;
    let about = WebhookOut::from(&webhook);
    Reply::json(&WebhookWithSecret { secret: webhook.secret, about }, CacheClass::Never)
}

/// Sends a webhook something, to see whether it arrives.
#[utoipa::path(
    post, path = "/api/v2/webhooks/{webhook}/test", tag = "notifications",
    params(("webhook" = Uuid, Path, description = "The webhook's id.")),
    responses((status = 202, description = "It is on its way; the deliveries tell what became of it.", body = Underway)),
)]
pub(super) async fn test_webhook(
    State(shared): State<Shared>,
    permit: Permit,
    Path(id): Path<String>,
    query: Query,
) -> Result<Reply, Problem> {
    query.finish()?;
    let webhook = own(&shared, &permit, &id).await?.id;
    let body = json!({
        "type": TEST_EVENT, "timestamp": shared.clock.now(), "topic": "webhooks-test",
        "data": {"webhookId": webhook, "message": "Somebody wanted to see whether this arrives."},
    });
    let (shared, body) = (&shared, &body);
    let delivery = shared
        .database
        .transaction(|transaction| {
            async move { webhooks::enqueue(shared, transaction, webhook, TEST_EVENT, "webhooks-test", body).await }
                .scope_boxed()
        })
        .await
        .map_err(failed)?;
    underway(webhook, delivery)
}

fn underway(webhook: Uuid, delivery: Uuid) -> Result<Reply, Problem> {
    let location = format!("/api/v2/webhooks/{webhook}/deliveries");
    Ok(Reply::json(&Underway { delivery }, CacheClass::Never)?
        .status(StatusCode::ACCEPTED)
        .header(http::header::LOCATION, &location))
}

/// What was sent to a webhook in the last week, the newest first, and what became of it.
#[utoipa::path(
    get, path = "/api/v2/webhooks/{webhook}/deliveries", tag = "notifications",
    params(
        ("webhook" = Uuid, Path, description = "The webhook's id."),
        ("limit" = Option<u32>, Query, description = "Rows in a page; 50 unless told.", minimum = 1, maximum = 200),
        ("cursor" = Option<String>, Query, description = "`nextCursor` of another page of the same list."),
        ("page" = Option<u32>, Query, description = "A page by its number, for people.", minimum = 1),
    ),
    responses((status = 200, description = "A page of the deliveries.", body = DeliveryList)),
)]
pub(super) async fn list_webhook_deliveries(
    State(shared): State<Shared>,
    permit: Permit,
    Path(id): Path<String>,
    mut query: Query,
) -> Result<Reply, Problem> {
    let page = PageRequest::from_query(&mut query);
    query.finish()?;
    let page = page?;
    let webhook = own(&shared, &permit, &id).await?.id;
    let fingerprint = Cursor::fingerprint(&format!("deliveries {webhook}"));
    let part = page.below(fingerprint)?;
    let client = shared.database.client().await.map_err(failed)?;
    let found = store::delivery_list(&client, webhook, part).await.map_err(failed)?;
    let (data, page) = page.cut_below(found, fingerprint, |one| one.id);
    Reply::json(&DeliveryList { data, page }, CacheClass::Private)
}

/// Sends something again that has arrived or was given up, under the same id.
#[utoipa::path(
    post, path = "/api/v2/webhooks/{webhook}/deliveries/{delivery}/resend", tag = "notifications",
    params(
        ("webhook" = Uuid, Path, description = "The webhook's id."),
        ("delivery" = Uuid, Path, description = "The delivery's id."),
    ),
    responses((status = 202, description = "It is on its way.", body = Underway)),
)]
pub(super) async fn resend_webhook_delivery(
    State(shared): State<Shared>,
    permit: Permit,
    Path((id, delivery)): Path<(String, String)>,
    query: Query,
) -> Result<Reply, Problem> {
    query.finish()?;
    let webhook = own(&shared, &permit, &id).await?.id;
    let unknown = || Problem::new(&DELIVERY_NOT_FOUND, "no delivery to this webhook has this id");
    let delivery: Uuid = delivery.parse().map_err(|_| unknown())?;
    let client = shared.database.client().await.map_err(failed)?;
    store::delivery_by_id(&client, delivery, webhook).await.map_err(failed)?.ok_or_else(unknown)?;
    drop(client);
    let key = delivery.to_string();
    let tried = shared.jobs.keys_in_use::<webhooks::Deliver>(std::slice::from_ref(&key)).await.map_err(failed)?;
    let (shared, is_given_up) = (&shared, !tried.contains(&key));
    let is_sent = shared
        .database
        .transaction(|transaction| {
            async move {
                if !store::delivery_again(transaction, delivery, is_given_up).await? {
                    return Ok(false);
                }
                webhooks::send(shared, transaction, webhook, delivery).await?;
                Ok::<_, Error>(true)
            }
            .scope_boxed()
        })
        .await
        .map_err(failed)?;
    if !is_sent {
        return Err(Problem::new(&DELIVERY_PENDING, "it is being tried"));
    }
    underway(webhook, delivery)
}
