//! Deliveries to webhooks that came to no end by themselves: what they are then, and that they can be sent again.

use serde_json::{Value, json};

use crate::house::{House, text};
use crate::telling::{Receiver, WITHIN, eventually, receiver};

/// The only delivery to a webhook, once it is in this state.
async fn delivery(house: &House, token: &str, webhook: &str, status: &str) -> Value {
    eventually("the delivery", async || {
        let list = house.server.bearing(token).get(&format!("{webhook}/deliveries")).await.ok();
        let [one] = list["data"].as_array().expect("a list").as_slice() else { return None };
        (one["status"] == status).then(|| one.clone())
    })
    .await
}

fn count(receiver: &Receiver) -> usize {
    receiver.got.lock().expect("not poisoned").len()
}

#[tokio::test]
async fn a_delivery_whose_owner_had_lost_the_right_failed_and_is_sent_again_once_the_right_is_back() {
    let house = House::new(&WITHIN).await;
    let admin = house.admin().await;
    let (receiver, url) = receiver().await;
    let (other, id) = house.person("admin").await;
    let body = json!({"url": url, "topics": ["system"]});
    let made = house.server.bearing(&other).post("/api/v2/webhooks").json(&body).await.created();
    let webhook = format!("/api/v2/webhooks/{}", text(&made, "id"));
    let server = house.server.bearing(&admin);
    let person = format!("/api/v2/users/{id}");
    server.patch(&person).merge_patch(&json!({"role": "manager"})).await.ok();
    server.post(&format!("{webhook}/test")).await.status(202);
    let failed = delivery(&house, &admin, &webhook, "failed").await;
    assert!(text(&failed, "error").contains("owner") && failed["finishedAt"].is_string(), "{failed}");
    eventually("it is switched off", async || (server.get(&webhook).await.ok()["isEnabled"] == false).then_some(()))
        .await;

    server.patch(&person).merge_patch(&json!({"role": "admin"})).await.ok();
    server.patch(&webhook).merge_patch(&json!({"isEnabled": true})).await.ok();
    server.post(&format!("{webhook}/deliveries/{}/resend", text(&failed, "id"))).await.status(202);
    let delivered = delivery(&house, &admin, &webhook, "delivered").await;
    assert_eq!((&delivered["id"], count(&receiver)), (&failed["id"], 1));
}

#[tokio::test]
async fn a_delivery_whose_job_was_cancelled_is_sent_again_and_one_that_waits_is_not() {
    let house = House::new(&WITHIN).await;
    let admin = house.admin().await;
    let server = house.server.bearing(&admin);
    let (receiver, url) = receiver().await;
    let made = server.post("/api/v2/webhooks").json(&json!({"url": url, "topics": ["system"]})).await.created();
    let webhook = format!("/api/v2/webhooks/{}", text(&made, "id"));
    server.post("/api/admin/queues/notifications/pause").await.ok();
    server.post(&format!("{webhook}/test")).await.status(202);
    let waits = delivery(&house, &admin, &webhook, "pending").await;
    let resend = format!("{webhook}/deliveries/{}/resend", text(&waits, "id"));
    server.post(&resend).await.problem(409, "notifications.delivery_pending");

    let jobs = server.get("/api/admin/queues/notifications/jobs").await.ok();
    let is_its = |job: &&Value| job["kind"] == "deliver-webhook" && job["payload"]["delivery"] == waits["id"];
    let job = jobs["data"].as_array().expect("a list").iter().find(is_its).expect("its job")["id"].clone();
    server.post(&format!("/api/admin/jobs/{job}/cancel")).await.status(204);
    server.post(&resend).await.status(202);
    server.post(&resend).await.problem(409, "notifications.delivery_pending");
    server.post("/api/admin/queues/notifications/resume").await.ok();
    delivery(&house, &admin, &webhook, "delivered").await;
    assert_eq!(count(&receiver), 1);
}
