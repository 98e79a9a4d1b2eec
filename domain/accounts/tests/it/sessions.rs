//! Sessions: rotation and replay of refresh tokens, sliding, sign-out, cookies; and that a right which is
//! taken away is gone on every instance.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{ADMIN, House, PASSWORD, Plan, text};

async fn refresh(house: &House, signed_in: &Value) -> entrepot_testkit::Response {
    let body = json!({"refreshToken": signed_in["refreshToken"]});
    house.server.post("/api/v2/auth/refresh").json(&body).await
}

#[tokio::test]
async fn a_refresh_token_is_good_once_and_a_replay_ends_the_session() {
    let house = House::new().await;
    let first = house.sign_in(ADMIN, PASSWORD).await;
    let second = refresh(&house, &first).await.ok();
    let third = refresh(&house, &second).await.ok();
    house.bearing(&text(&third, "accessToken")).get("/api/v2/me").await.ok();
    // Whoever comes with the first again has stolen it, or was stolen from.
    refresh(&house, &first).await.problem(401, "accounts.invalid_refresh_token");
    refresh(&house, &third).await.problem(401, "accounts.invalid_refresh_token");
    for one in [&first, &second, &third] {
        house.bearing(&text(one, "accessToken")).get("/api/v2/me").await.problem(401, "web.invalid_credentials");
    }
    assert_eq!(house.mail.to(ADMIN), ["token_reused"]);
    let other = json!({"refreshToken": "er_made-up"});
    let made_up = house.server.post("/api/v2/auth/refresh").json(&other).await;
    made_up.problem(401, "accounts.invalid_refresh_token");
}

#[tokio::test]
async fn of_many_who_come_with_one_refresh_token_at_once_one_is_served() {
    let house = House::new().await;
    let signed_in = house.sign_in(ADMIN, PASSWORD).await;
    let all = (0..8).map(|_| refresh(&house, &signed_in));
    let served = futures_util::future::join_all(all).await.into_iter().filter(|answer| answer.status == 200).count();
    assert_eq!(served, 1);
}

#[tokio::test]
async fn a_session_lasts_as_long_as_it_is_used() {
    let house = House::new().await;
    let mut now = house.sign_in(ADMIN, PASSWORD).await;
    for _ in 0..3 {
        house.advance(Duration::from_secs(23 * 3_600));
        now = refresh(&house, &now).await.ok();
    }
    house.advance(Duration::from_secs(24 * 3_600));
    refresh(&house, &now).await.problem(401, "accounts.invalid_refresh_token");
}

#[tokio::test]
async fn sessions_are_listed_and_ended_one_by_one_or_all() {
    let house = House::new().await;
    let login = json!({"email": ADMIN, "password": PASSWORD});
    let far = house.server.post("/api/v2/auth/login").header("x-forwarded-for", "203.0.113.7");
    far.header("user-agent", "Reader/1.0").json(&login).await.ok();
    house.sign_in(ADMIN, PASSWORD).await;
    let token = house.admin().await;
    let mine = house.bearing(&token);
    let listed = mine.get("/api/v2/me/sessions").await.ok();
    let sessions = listed["data"].as_array().expect("a list").clone();
    assert_eq!(sessions.len(), 3);
    assert_eq!(sessions.iter().filter(|session| session["current"] == true).count(), 1);
    let far = sessions.iter().find(|session| session["address"] == "203.0.113.7").expect("listed").clone();
    assert_eq!((&far["userAgent"], &far["kind"]), (&json!("Reader/1.0"), &json!("token")));
    mine.delete(&format!("/api/v2/me/sessions/{}", text(&far, "id"))).await.status(204);
    let again = mine.delete(&format!("/api/v2/me/sessions/{}", text(&far, "id"))).await;
    again.problem(404, "accounts.session_not_found");
    assert_eq!(mine.delete("/api/v2/me/sessions").await.ok(), json!({"ended": 1}));
    assert_eq!(mine.get("/api/v2/me/sessions").await.ok()["data"].as_array().map(Vec::len), Some(1));
    mine.post("/api/v2/auth/logout").await.status(204);
    mine.get("/api/v2/me").await.problem(401, "web.invalid_credentials");
}

#[tokio::test]
async fn nobody_ends_somebody_elses_session() {
    let house = House::new().await;
    house.person("jon@shop.example", "customer").await;
    let jon = house.token("jon@shop.example", PASSWORD).await;
    let listed = house.bearing(&jon).get("/api/v2/me/sessions").await.ok();
    let path = format!("/api/v2/me/sessions/{}", text(&listed["data"][0], "id"));
    house.bearing(&house.admin().await).delete(&path).await.problem(404, "accounts.session_not_found");
    house.bearing(&jon).get("/api/v2/me").await.ok();
}

/// Each way of taking a right away, and what it leaves of it on another instance.
#[tokio::test]
async fn a_right_that_is_taken_away_is_gone_on_every_instance() {
    let here = House::new().await;
    let there = House::beside(here.database.clone(), Plan::default()).await;
    let admin = here.admin().await;
    let id = here.person("jon@shop.example", "auditor").await;
    let patch = |body: Value| here.bearing(&admin).patch(&format!("/api/v2/users/{id}")).merge_patch(&body);
    let audit = "/api/admin/audit";
    // Known there, as it was asked for.
    let known_there = || async {
        let token = here.token("jon@shop.example", PASSWORD).await;
        there.catch_up().await;
        there.bearing(&token).get(audit).await.ok();
        token
    };

    let token = known_there().await;
    patch(json!({"role": "customer"})).await.ok();
    here.bearing(&token).get(audit).await.problem(401, "web.invalid_credentials");
    there.catch_up().await;
    there.bearing(&token).get(audit).await.problem(401, "web.invalid_credentials");
    let lower = here.token("jon@shop.example", PASSWORD).await;
    there.bearing(&lower).get(audit).await.problem(403, "web.forbidden");
    patch(json!({"role": "auditor"})).await.ok();

    let token = known_there().await;
    here.bearing(&token).post("/api/v2/auth/logout").await.status(204);
    there.catch_up().await;
    there.bearing(&token).get(audit).await.problem(401, "web.invalid_credentials");

    let token = known_there().await;
    patch(json!({"status": "blocked"})).await.ok();
    there.catch_up().await;
    there.bearing(&token).get(audit).await.problem(401, "web.invalid_credentials");
    let blocked = json!({"email": "jon@shop.example", "password": PASSWORD});
    let refused = there.server.post("/api/v2/auth/login").json(&blocked).await;
    refused.problem(401, "accounts.wrong_credentials");
    patch(json!({"status": "active"})).await.ok();

    let token = known_there().await;
    let ended = here.bearing(&admin).delete(&format!("/api/v2/users/{id}/sessions")).await.ok();
    assert_eq!(ended["ended"], 1, "the block has ended those before");
    there.catch_up().await;
    there.bearing(&token).get(audit).await.problem(401, "web.invalid_credentials");

    let token = known_there().await;
    let body = json!({"name": "k", "scopes": ["audit.read"]});
    let key = here.bearing(&token).post("/api/v2/api-keys").json(&body).await.created();
    there.catch_up().await;
    there.server.with_key(&text(&key, "key")).get(audit).await.ok();
    here.bearing(&token).delete(&format!("/api/v2/api-keys/{}", text(&key, "id"))).await.status(204);
    there.catch_up().await;
    there.server.with_key(&text(&key, "key")).get(audit).await.problem(401, "web.invalid_credentials");

    here.bearing(&admin).delete(&format!("/api/v2/users/{id}")).await.status(204);
    there.catch_up().await;
    there.bearing(&token).get(audit).await.problem(401, "web.invalid_credentials");
}

/// An instance that cannot follow the feed asks the database instead of trusting what it knew.
#[tokio::test]
async fn where_the_feed_is_not_followed_the_database_is_asked() {
    let here = House::new().await;
    let deaf = House::beside(here.database.clone(), Plan::default()).await;
    let token = here.admin().await;
    deaf.catch_up().await;
    deaf.bearing(&token).get("/api/v2/me").await.ok();
    deaf.stop_following().await;
    here.bearing(&token).post("/api/v2/auth/logout").await.status(204);
    // Nothing told this instance of the sign-out.
    let is_trusted = || deaf.feed.fence().is_read_within(Duration::from_millis(500));
    let waited = tokio::time::timeout(crate::PATIENCE, async {
        while is_trusted() {
            tokio::task::yield_now().await;
        }
    });
    waited.await.expect("what is known grows old");
    deaf.bearing(&token).get("/api/v2/me").await.problem(401, "web.invalid_credentials");
}

#[tokio::test]
async fn a_browsers_cookie_is_good_for_our_own_pages_only() {
    let house = House::new().await;
    let body = json!({"email": ADMIN, "password": PASSWORD, "cookie": true});
    let answer = house.server.post("/api/v2/auth/login").header("x-forwarded-proto", "https").json(&body).await;
    let set = answer.header("set-cookie").to_owned();
    assert!(
        set.starts_with("__Host-entrepot=ec_") && set.ends_with("; Path=/; HttpOnly; Secure; SameSite=Strict"),
        "{set}"
    );
    let plain = house.server.post("/api/v2/auth/login").json(&body).await;
    assert!(plain.header("set-cookie").starts_with("entrepot-local=ec_"), "no TLS, so it is not Secure");
    let answer = answer.ok();
    assert!(answer["accessToken"].is_null() && answer["refreshToken"].is_null());
    let csrf = text(&answer, "csrfToken");
    let cookie = set.split(';').next().expect("a pair").to_owned();
    let ask = |method: &str, path: &str| house.server.request(method, path).header("cookie", &cookie);
    ask("GET", "/api/v2/me").await.ok();
    let change = || ask("PATCH", "/api/v2/me").merge_patch(&json!({"name": "Root"}));
    change().await.problem(403, "web.foreign_page");
    change().header("x-csrf-token", "guessed").await.problem(403, "web.foreign_page");
    let foreign = change().header("x-csrf-token", &csrf).header("origin", "https://evil.example").await;
    foreign.problem(403, "web.foreign_page");
    let foreign = change().header("x-csrf-token", &csrf).header("sec-fetch-site", "cross-site").await;
    foreign.problem(403, "web.foreign_page");
    change().header("x-csrf-token", &csrf).header("sec-fetch-site", "same-origin").await.ok();
    let out = ask("POST", "/api/v2/auth/logout").header("x-csrf-token", &csrf).await.status(204);
    assert!(out.header("set-cookie").contains("Max-Age=0"), "{}", out.header("set-cookie"));
    ask("GET", "/api/v2/me").await.problem(401, "web.invalid_credentials");
}

/// A neighbour on a sub-domain, or on the way where there is no TLS, can plant a cookie; over TLS it plants none that
/// counts (RFC 6265bis, 4.1.3.2).
#[tokio::test]
async fn a_cookie_that_a_neighbour_planted_is_nobodys_session() {
    let house = House::new().await;
    house.person("mallory@shop.example", "customer").await;
    let secret = async |email: &str| {
        let body = json!({"email": email, "password": PASSWORD, "cookie": true});
        let answer = house.server.post("/api/v2/auth/login").header("x-forwarded-proto", "https").json(&body).await;
        let set = answer.status(200).header("set-cookie").to_owned();
        let pair = set.split(';').next().expect("a pair");
        pair.strip_prefix("__Host-entrepot=").expect("the name that browsers hold to this host").to_owned()
    };
    let (own, planted) = (secret(ADMIN).await, secret("mallory@shop.example").await);
    let ask = |path: &str, cookie: &str| house.server.get(path).header("cookie", cookie);
    let over_tls = |path: &str, cookie: &str| ask(path, cookie).header("x-forwarded-proto", "https");
    let local = format!("entrepot-local={planted}");
    let host = format!("__Host-entrepot={own}");

    over_tls("/api/v2/me", &local).await.problem(401, "web.not_signed_in");
    for both in [format!("{local}; {host}"), format!("{host}; {local}")] {
        assert_eq!(over_tls("/api/v2/me", &both).await.ok()["email"], ADMIN, "{both}");
    }
    let apart = over_tls("/api/v2/me", &local).header("cookie", &host).await.ok();
    assert_eq!(apart["email"], ADMIN);

    // Of two that count nobody knows which is the owner's.
    let two = format!("__Host-entrepot={planted}; {host}");
    over_tls("/api/v2/me", &two).await.problem(401, "web.invalid_credentials");
    let apart = over_tls("/api/v2/me", &format!("__Host-entrepot={planted}")).header("cookie", &host).await;
    apart.problem(401, "web.invalid_credentials");
    for both in [format!("{local}; {host}"), format!("{local}; entrepot-local={own}")] {
        ask("/api/v2/me", &both).await.problem(401, "web.invalid_credentials");
        // Where anybody may, they keep nobody out.
        ask("/.well-known/jwks.json", &both).await.ok();
        let body = json!({"email": ADMIN, "password": PASSWORD});
        house.server.post("/api/v2/auth/login").header("cookie", &both).json(&body).await.ok();
    }
    over_tls("/.well-known/jwks.json", &two).await.ok();

    // Without TLS there is only one's own machine, where either name will do.
    assert_eq!(ask("/api/v2/me", &local).await.ok()["email"], "mallory@shop.example");
    assert_eq!(ask("/api/v2/me", &host).await.ok()["email"], ADMIN);
}
