//! API keys: told once, for their scopes only, never more than their owner.

use std::time::Duration;

use serde_json::json;

use crate::{ADMIN, House, PASSWORD, text};

#[tokio::test]
async fn a_key_is_told_once_and_does_what_it_was_made_for() {
    let house = House::new().await;
    let admin = house.admin().await;
    let body = json!({"name": "Reports", "scopes": ["users.read", "keys.read"]});
    let made = house.bearing(&admin).post("/api/v2/api-keys").json(&body).await.status(201);
    let location = made.header("location").to_owned();
    let made = made.json();
    let key = text(&made, "key");
    assert!(key.starts_with("ek_") && key.starts_with(&text(&made, "prefix")) && text(&made, "prefix").len() == 12);
    let shown = house.bearing(&admin).get(&location).await.ok();
    assert!(shown.get("key").is_none(), "{shown}");
    let client = house.database.client().await;
    let row = client.query_one("SELECT to_jsonb(k)::text FROM accounts.api_key k", &[]).await.expect("one key");
    assert!(!row.get::<_, String>(0).contains(&key[12..]), "the key is kept as a hash");

    let with = house.server.with_key(&key);
    with.get("/api/v2/users").await.ok();
    let refused = with.post("/api/v2/users").json(&json!({"email": "a@b", "name": "A"})).await;
    let refused = refused.problem(403, "web.forbidden");
    assert!(text(&refused, "detail").contains("this API key"), "{refused}");
    // Nothing that would outlive the key.
    let manage = json!({"name": "More", "scopes": ["users.read"]});
    with.post("/api/v2/api-keys").json(&manage).await.problem(403, "web.forbidden");
    let found = with.get(&format!("/api/v2/api-keys?q={}&fields=name,prefix", &key[..6])).await.ok();
    assert_eq!(found["data"][0]["name"], "Reports");
    assert!(
        house
            .database
            .client()
            .await
            .query_one("SELECT last_used_at FROM accounts.api_key WHERE last_used_at IS NOT NULL", &[])
            .await
            .is_ok()
    );
    for wrong in
        ["ek_", "", "ek_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", &key[..key.len() - 1], &key.to_uppercase()]
    {
        house.server.with_key(wrong).get("/api/v2/users").await.problem(401, "web.invalid_credentials");
    }
    let both = house.bearing(&admin).get("/api/v2/users").header("x-api-key", &key).await;
    both.problem(400, "web.invalid_header");
}

#[tokio::test]
async fn a_key_with_the_scope_to_make_keys_still_cannot() {
    let house = House::new().await;
    let body = json!({"name": "Maker", "scopes": ["keys.write", "profile.write"]});
    let admin = house.admin().await;
    let made = house.bearing(&admin).post("/api/v2/api-keys").json(&body).await.created();
    let with = house.server.with_key(&text(&made, "key"));
    let more = json!({"name": "More", "scopes": ["users.read"]});
    with.post("/api/v2/api-keys").json(&more).await.problem(403, "web.needs_session");
    let password = json!({"currentPassword": PASSWORD, "password": "another long password"});
    with.post("/api/v2/me/password").json(&password).await.problem(403, "web.needs_session");
    with.patch("/api/v2/me").merge_patch(&json!({"email": "x@y"})).await.problem(403, "web.needs_session");
    with.post("/api/v2/auth/logout").await.problem(403, "web.needs_session");
}

#[tokio::test]
async fn a_key_may_never_do_more_than_its_owner() {
    let house = House::new().await;
    let id = house.person("jon@shop.example", "auditor").await;
    let jon = house.token("jon@shop.example", PASSWORD).await;
    let make =
        |scopes: &[&str]| house.bearing(&jon).post("/api/v2/api-keys").json(&json!({"name": "k", "scopes": scopes}));
    make(&["users.read"]).await.problem(422, "accounts.scope_beyond_owner");
    let made = make(&["audit.read"]).await.created();
    let key = text(&made, "key");
    house.server.with_key(&key).get("/api/admin/audit").await.ok();
    let admin = house.admin().await;
    let path = format!("/api/v2/users/{id}");
    house.bearing(&admin).patch(&path).merge_patch(&json!({"role": "customer"})).await.ok();
    house.server.with_key(&key).get("/api/admin/audit").await.problem(403, "web.forbidden");
    house.bearing(&admin).patch(&path).merge_patch(&json!({"status": "blocked"})).await.ok();
    house.server.with_key(&key).get("/api/admin/audit").await.problem(401, "web.invalid_credentials");
}

#[tokio::test]
async fn keys_are_ones_own_and_an_admin_sees_all() {
    let house = House::new().await;
    house.person("jon@shop.example", "customer").await;
    house.person("ida@shop.example", "customer").await;
    let (jon, ida) = (house.token("jon@shop.example", PASSWORD).await, house.token("ida@shop.example", PASSWORD).await);
    let admin = house.admin().await;
    let body = json!({"name": "Jon's", "scopes": ["profile.read"]});
    let made = house.bearing(&jon).post("/api/v2/api-keys").json(&body).await.created();
    let path = format!("/api/v2/api-keys/{}", text(&made, "id"));
    assert_eq!(house.bearing(&jon).get("/api/v2/api-keys").await.ok()["data"].as_array().map(Vec::len), Some(1));
    assert_eq!(house.bearing(&ida).get("/api/v2/api-keys").await.ok()["data"].as_array().map(Vec::len), Some(0));
    assert_eq!(house.bearing(&admin).get("/api/v2/api-keys").await.ok()["data"].as_array().map(Vec::len), Some(1));
    house.bearing(&ida).get(&path).await.problem(404, "accounts.key_not_found");
    house.bearing(&ida).delete(&path).await.problem(404, "accounts.key_not_found");
    let patch = json!({"name": "Ida's"});
    house.bearing(&ida).patch(&path).merge_patch(&patch).await.problem(404, "accounts.key_not_found");
    let whole = house.bearing(&jon).get(&path).await;
    let etag = whole.header("etag").to_owned();
    let renamed =
        house.bearing(&jon).patch(&path).header("if-match", &etag).merge_patch(&json!({"name": "Mine"})).await;
    assert_eq!(renamed.ok()["name"], "Mine");
    let late = house.bearing(&jon).delete(&path).header("if-match", &etag).await;
    late.problem(412, "web.precondition_failed");
    house.bearing(&admin).delete(&path).await.status(204);
}

#[tokio::test]
async fn a_key_ends_at_its_time() {
    let house = House::new().await;
    let admin = house.admin().await;
    let body = json!({"name": "Short", "scopes": ["users.read"], "expiresAt": "2026-11-21T12:10:00Z"});
    let made = house.bearing(&admin).post("/api/v2/api-keys").json(&body).await.created();
    let key = text(&made, "key");
    house.server.with_key(&key).get("/api/v2/users").await.ok();
    house.advance(Duration::from_secs(600));
    house.server.with_key(&key).get("/api/v2/users").await.problem(401, "web.invalid_credentials");
}

/// A key is as much as its owner was when its scopes were said: what the owner becomes later is not in it.
#[tokio::test]
async fn a_key_reaches_no_further_when_its_owner_does() {
    let house = House::new().await;
    let id = house.person("jon@shop.example", "customer").await;
    let admin = house.admin().await;
    let others = json!({"name": "Somebody else's", "scopes": ["users.read"]});
    house.bearing(&admin).post("/api/v2/api-keys").json(&others).await.created();
    let jon = house.token("jon@shop.example", PASSWORD).await;
    let body = json!({"name": "Early", "scopes": ["keys.read", "profile.read"]});
    let made = house.bearing(&jon).post("/api/v2/api-keys").json(&body).await.created();
    let (key, path) = (text(&made, "key"), format!("/api/v2/api-keys/{}", text(&made, "id")));
    let listed = async || {
        let list = house.server.with_key(&key).get("/api/v2/api-keys?fields=name").await.ok();
        list["data"].as_array().expect("a list").len()
    };
    assert_eq!(listed().await, 1);
    let promoted = house.bearing(&admin).patch(&format!("/api/v2/users/{id}"));
    promoted.merge_patch(&json!({"role": "admin"})).await.ok();
    assert_eq!(listed().await, 1, "still its own alone");
    let jon = house.token("jon@shop.example", PASSWORD).await;
    assert_eq!(house.bearing(&jon).get("/api/v2/api-keys").await.ok()["data"].as_array().map(Vec::len), Some(2));
    // Until its scopes are said again, by a person.
    house.bearing(&jon).patch(&path).merge_patch(&json!({"name": "Late"})).await.ok();
    assert_eq!(listed().await, 2);
}

/// What would give the key's holder an account, or somebody's, is done by a person.
#[tokio::test]
async fn no_key_makes_accounts_or_changes_whose_they_are() {
    let house = House::new().await;
    let admin = house.sign_in(ADMIN, PASSWORD).await;
    let body = json!({"name": "People", "scopes": ["users.write", "users.read"]});
    let made = house.bearing(&text(&admin, "accessToken")).post("/api/v2/api-keys").json(&body).await.created();
    let with = house.server.with_key(&text(&made, "key"));
    let new = json!({"email": "evil@shop.example", "name": "Evil", "role": "admin", "password": PASSWORD});
    with.post("/api/v2/users").json(&new).await.problem(403, "web.needs_session");
    let path = format!("/api/v2/users/{}", text(&admin["user"], "id"));
    for patch in [json!({"email": "evil@shop.example"}), json!({"role": "customer"}), json!({"name": "Evil"})] {
        with.patch(&path).merge_patch(&patch).await.problem(403, "web.needs_session");
    }
    assert_eq!(with.get(&path).await.ok()["email"], ADMIN);
}
