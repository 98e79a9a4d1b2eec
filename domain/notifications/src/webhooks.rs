//! Webhooks: events of the feed, signed and sent to other programs (Standard Webhooks).
//!
//! **Invariants:**
//! - Each event that a webhook follows becomes one delivery, in the transaction that moves the consumer's position on;
//!   its id stays the same through all attempts, so that a receiver knows it again.
//! - Before each attempt it is asked whether the owner may still do this.
//! - A webhook whose receiver is gone, or has taken nothing for [`MOST_FAILURES`] deliveries, is switched off, and its
//!   owner is told.

use std::sync::Arc;
use std::time::Duration;

use entrepot_feed::{Consumer, ConsumerError, Event};
use entrepot_jobs::{Context, Job, NewJob, Outcome, Retries};
use entrepot_pg::{Error, ScopedFutureExt as _, Transaction};
use entrepot_web::{Scope, is_canonical_id};
use entrepot_webhooks::{Message, Secret, SendError, Target};
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use crate::Dependencies;
use crate::inbox::{News, notify};
use crate::store::{self, Webhook};

/// Deliveries in a row that were given up, after which a webhook is switched off.
pub(crate) const MOST_FAILURES: i32 = 5;
/// What may be sent elsewhere: topics that begin so, of those that something happens on. Nothing of people's accounts;
/// nothing of jobs either, or each failure to deliver would be one more thing to deliver.
const EXPOSED: [&str; 8] =
    ["sales-data-", "store-", "product-", "category-", "catalog", "exports-", "reports-", "system"];
/// How long two secrets hold while they are exchanged.
pub(crate) const EXCHANGE: Duration = Duration::from_secs(24 * 3_600);

/// Whether a webhook that follows these topics is sent what happens on that one.
pub(crate) fn follows(topics: &[String], topic: &str) -> bool {
    is_exposed(topic)
        && topics.iter().any(|wanted| match wanted.strip_suffix('*') {
            Some(prefix) => topic.starts_with(prefix),
            None => topic == wanted,
        })
}

fn is_exposed(topic: &str) -> bool {
    EXPOSED.iter().any(|exposed| topic.starts_with(exposed))
}

/// Whether a webhook can follow this; what it can, where not.
pub(crate) fn check_topic(topic: &str) -> Result<String, String> {
    let is_sound = match topic.strip_suffix('*') {
        Some(prefix) => EXPOSED.iter().any(|exposed| prefix.starts_with(exposed) || exposed.starts_with(prefix)),
        None => is_exposed(topic),
    };
    let by_id = ["product-", "category-"].iter().find_map(|prefix| topic.strip_prefix(prefix));
    if by_id.is_some_and(|rest| !rest.ends_with('*') && !is_canonical_id(rest)) {
        return Err("must end with the id (a UUID in lower case, with hyphens), or with *".to_owned());
    }
    if is_sound { Ok(topic.to_owned()) } else { Err(format!("must begin with one of {}", EXPOSED.join(", "))) }
}

/// Makes deliveries of events.
pub(crate) struct Outgoing(pub(crate) Arc<Dependencies>);

impl Consumer for Outgoing {
    const NAME: &'static str = "webhooks";

    fn consume<'a>(
        &'a self,
        transaction: &'a Transaction,
        events: &'a [Event],
    ) -> BoxFuture<'a, Result<(), ConsumerError>> {
        Box::pin(async move {
            let webhooks = store::webhooks_enabled(transaction).await?;
            if webhooks.is_empty() {
                return Ok(());
            }
            for event in events {
                let topic = event.topic.as_str();
                for (webhook, topics) in &webhooks {
                    if follows(topics, topic) {
                        let body = json!({
                            "type": event.name, "timestamp": event.at, "topic": topic,
                            "position": event.id.to_string(), "data": event.data,
                        });
                        enqueue(&self.0, transaction, *webhook, &event.name, topic, &body).await?;
                    }
                }
            }
            Ok(())
        })
    }

    fn missed<'a>(
        &'a self,
        _transaction: &'a Transaction,
        dropped_to: u64,
    ) -> BoxFuture<'a, Result<(), ConsumerError>> {
        tracing::warn!(dropped_to, "events up to this position were gone before webhooks were sent of them");
        Box::pin(std::future::ready(Ok(())))
    }
}

/// Writes a delivery down and has it sent.
pub(crate) async fn enqueue(
    needs: &Dependencies,
    transaction: &Transaction,
    webhook: Uuid,
    event: &str,
    topic: &str,
    body: &serde_json::Value,
) -> Result<Uuid, Error> {
    let id = needs.clock.new_id();
    store::delivery_insert(transaction, id, webhook, event, topic, body, needs.clock.now()).await?;
    send(needs, transaction, webhook, id).await?;
    Ok(id)
}

/// Has a delivery sent. Each webhook takes its turn: one that is slow holds up no other.
pub(crate) async fn send(
    needs: &Dependencies,
    transaction: &Transaction,
    webhook: Uuid,
    delivery: Uuid,
) -> Result<(), Error> {
    let job = NewJob::of(&Deliver { webhook, delivery }).tenant(webhook.to_string()).unique(delivery.to_string());
    needs.jobs.enqueue(transaction, job).await.map(|_enqueued| ())
}

/// Sends a delivery.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Deliver {
    webhook: Uuid,
    delivery: Uuid,
}

impl Job for Deliver {
    const KIND: &'static str = "deliver-webhook";
    const QUEUE: &'static str = "notifications";
    /// 5 s, 10 s, 20 s, … up to three hours: some six hours in all, in which a receiver can be mended.
    const RETRIES: Retries =
        Retries { at_most: 12, first_pause: Duration::from_secs(5), longest_pause: Duration::from_secs(4 * 3_600) };
    const TIMEOUT: Duration = Duration::from_secs(120);
    type Needs = Dependencies;

    async fn run(&self, needs: &Dependencies, context: &Context) -> Outcome {
        match self.attempt(needs, context).await {
            Ok(outcome) => outcome,
            Err(error) => Outcome::retry(error),
        }
    }
}

/// How an attempt is written down.
struct Tried<'a> {
    status: &'static str,
    http_status: Option<i32>,
    error: Option<&'a str>,
}

impl Deliver {
    async fn attempt(&self, needs: &Dependencies, context: &Context) -> Result<Outcome, Error> {
        let client = needs.database.client().await?;
        let webhook = store::webhook_by_id(&client, self.webhook, None).await?;
        let delivery = store::delivery_by_id(&client, self.delivery, self.webhook).await?;
        drop(client);
        let (Some(webhook), Some(delivery)) = (webhook, delivery) else {
            return Ok(Outcome::Cancel { reason: "the webhook was deleted".to_owned() });
        };
        if !webhook.is_enabled {
            self.write_down(
                needs,
                Tried { status: "failed", http_status: None, error: Some("the webhook is switched off") },
            )
            .await?;
            return Ok(Outcome::Cancel { reason: "the webhook is switched off".to_owned() });
        }
        let owner = needs.keeper.on_behalf(webhook.owner).await;
        let Ok(owner) = owner else { return Ok(Outcome::retry("it cannot be found out what its owner may do")) };
        if owner.is_none_or(|owner| needs.keeper.granted(&owner, "webhooks.write") != Some(Scope::All)) {
            let reason = "its owner may not have webhooks any more";
            self.write_down(needs, Tried { status: "failed", http_status: None, error: Some(reason) }).await?;
            self.switch_off(needs, &webhook, reason).await?;
            return Ok(Outcome::Cancel { reason: reason.to_owned() });
        }
        let now = needs.clock.now();
        let message = match self.message(&webhook, &delivery.body, now) {
            Ok(message) => message,
            Err(why) => return self.give_up(needs, &webhook, None, &why).await,
        };
        let target = match Target::parse(&webhook.url, needs.targets) {
            Ok(target) => target,
            Err(error) => return self.give_up(needs, &webhook, None, &error.to_string()).await,
        };
        match needs.sender.send(&target, &message).await {
            Ok(delivered) => {
                let http_status = Some(i32::from(delivered.status.as_u16()));
                let tried = Tried { status: "delivered", http_status, error: None };
                self.write_down(needs, tried).await?;
                Ok(Outcome::Done)
            }
            Err(error) => self.failed(needs, context, &webhook, &error).await,
        }
    }

    fn message(&self, webhook: &Webhook, body: &serde_json::Value, now: Timestamp) -> Result<Message, String> {
        let old = webhook.old_secret.as_deref().filter(|_| webhook.old_secret_until.is_some_and(|until| until > now));
        let secrets: Result<Vec<Secret>, _> =
            std::iter::once(webhook.secret.as_str()).chain(old).map(Secret::parse).collect();
        let secrets = secrets.map_err(|error| error.to_string())?;
        let body = serde_json::to_vec(body).map_err(|error| error.to_string())?;
        Message::new(&format!("msg_{}", self.delivery.simple()), now, body, &secrets).map_err(|error| error.to_string())
    }

    async fn failed(
        &self,
        needs: &Dependencies,
        context: &Context,
        webhook: &Webhook,
        error: &SendError,
    ) -> Result<Outcome, Error> {
        let http_status = match error {
            SendError::Refused { status, .. } | SendError::Redirected { status } => Some(i32::from(status.as_u16())),
            SendError::Gone { .. } => Some(410),
            _ => None,
        };
        let cause = std::error::Error::source(error).map(ToString::to_string);
        let told = cause.map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"));
        if error.wants_disabling() {
            let tried = Tried { status: "failed", http_status, error: Some(&told) };
            self.write_down(needs, tried).await?;
            self.switch_off(needs, webhook, "its receiver answered 410 Gone").await?;
            return Ok(Outcome::discard(told));
        }
        if error.is_permanent() || context.is_last() {
            return self.give_up(needs, webhook, http_status, &told).await;
        }
        let tried = Tried { status: "pending", http_status, error: Some(&told) };
        self.write_down(needs, tried).await?;
        Ok(match error.retry_after() {
            Some(pause) => Outcome::RetryAfter { pause, error: told },
            None => Outcome::retry(told),
        })
    }

    /// There is no point in trying this delivery again.
    async fn give_up(
        &self,
        needs: &Dependencies,
        webhook: &Webhook,
        http_status: Option<i32>,
        why: &str,
    ) -> Result<Outcome, Error> {
        self.write_down(needs, Tried { status: "failed", http_status, error: Some(why) }).await?;
        let client = needs.database.client().await?;
        let failures = store::webhook_failed(&client, webhook.id).await?.unwrap_or(0);
        drop(client);
        if failures >= MOST_FAILURES {
            let reason = format!("its receiver has taken none of the last {failures} deliveries: {why}");
            self.switch_off(needs, webhook, &reason).await?;
        }
        Ok(Outcome::discard(why))
    }

    async fn write_down(&self, needs: &Dependencies, tried: Tried<'_>) -> Result<(), Error> {
        let now = needs.clock.now();
        let (id, webhook) = (self.delivery, self.webhook);
        let error: Option<String> = tried.error.map(|error| error.chars().take(1_000).collect());
        let finished_at = (tried.status != "pending").then_some(now);
        let error = &error;
        needs
            .database
            .transaction(|transaction| {
                async move {
                    let (status, http_status) = (tried.status, tried.http_status);
                    store::delivery_tried(transaction, id, status, http_status, error.as_deref(), finished_at).await?;
                    if status == "delivered" {
                        store::webhook_arrived(transaction, webhook).await?;
                    }
                    Ok::<_, Error>(())
                }
                .scope_boxed()
            })
            .await
    }

    /// Switches a webhook off and tells its owner.
    async fn switch_off(&self, needs: &Dependencies, webhook: &Webhook, reason: &str) -> Result<(), Error> {
        let id = webhook.id;
        let owner = webhook.owner;
        needs
            .database
            .transaction(|transaction| {
                async move {
                    let found = store::webhook_lock(transaction, id, None).await?;
                    let Some(mut webhook) = found.filter(|webhook| webhook.is_enabled) else { return Ok(()) };
                    webhook.is_enabled = false;
                    webhook.disabled_reason = Some(reason.chars().take(500).collect());
                    store::webhook_update(transaction, &webhook, needs.clock.now()).await?;
                    let news = News {
                        kind: "webhook-disabled",
                        title: "A webhook was switched off".to_owned(),
                        body: format!("{}: {reason}", webhook.url),
                        link: Some(format!("/api/v2/webhooks/{id}")),
                    };
                    notify(needs, transaction, owner, &news).await?;
                    Ok::<_, Error>(())
                }
                .scope_boxed()
            })
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_is_followed_by_its_name_or_its_beginning() {
        let topics = |topics: &[&str]| topics.iter().map(|topic| (*topic).to_owned()).collect::<Vec<_>>();
        assert!(follows(&topics(&["store-330"]), "store-330"));
        assert!(!follows(&topics(&["store-330"]), "store-3301"));
        assert!(follows(&topics(&["system", "store-*"]), "store-3301"));
        assert!(!follows(&topics(&["store-*"]), "sales-data-1"));
        for within in ["person-1", "user-1", "signing-keys", "cache", "blocks", "jobs"] {
            assert!(!follows(&topics(&["*"]), within), "what is within stays within: {within}");
            assert!(check_topic(within).is_err(), "{within}");
        }
        assert!(check_topic("*").is_ok() && check_topic("sales-*").is_ok() && check_topic("user-*").is_err());
        assert!(follows(&topics(&["*"]), "system"));
    }
}
