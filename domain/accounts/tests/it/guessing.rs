//! Guessing passwords: how far anybody gets, and that nobody is locked out by somebody else.

use std::time::Duration;

use entrepot_testkit::Response;
use serde_json::json;

use crate::{ADMIN, House, PASSWORD, Plan};

const ATTACKER: &str = "203.0.113.66";
const OWNER: &str = "198.51.100.1";

async fn try_from(house: &House, client: &str, email: &str, password: &str) -> Response {
    let body = json!({"email": email, "password": password});
    house.server.post("/api/v2/auth/login").header("x-forwarded-for", client).json(&body).await
}

#[tokio::test]
async fn an_address_has_five_attempts_and_successes_do_not_count() {
    let house = House::built(Plan { limits: true, ..Plan::default() }).await;
    for _ in 0..12 {
        try_from(&house, OWNER, ADMIN, PASSWORD).await.ok();
    }
    for attempt in 0..5 {
        // Each for another account: only the address is the same.
        let answer = try_from(&house, ATTACKER, &format!("p{attempt}@shop.example"), "guess").await;
        assert_eq!(answer.header("ratelimit-policy"), "\"auth\";q=5;w=900");
        answer.problem(401, "accounts.wrong_credentials");
    }
    let refused = try_from(&house, ATTACKER, "p9@shop.example", "guess").await;
    assert_eq!(refused.header("retry-after"), "180");
    refused.problem(429, "web.too_many_requests");
    try_from(&house, OWNER, ADMIN, PASSWORD).await.ok();
    house.advance(Duration::from_secs(181));
    try_from(&house, ATTACKER, "p9@shop.example", "guess").await.problem(401, "accounts.wrong_credentials");
}

#[tokio::test]
async fn an_account_bears_five_guesses_from_one_network_and_the_answers_are_alike() {
    let house = House::built(Plan { limits: true, auth: 1_000, ..Plan::default() }).await;
    for email in [ADMIN, "nobody@shop.example"] {
        for _ in 0..5 {
            try_from(&house, ATTACKER, email, "guess").await.problem(401, "accounts.wrong_credentials");
        }
        let refused = try_from(&house, ATTACKER, email, "guess").await;
        assert_eq!(refused.header("retry-after"), "181", "{email}");
        refused.problem(429, "accounts.too_many_attempts");
        // Also the right one: else the last answer would tell it.
        try_from(&house, ATTACKER, email, PASSWORD).await.problem(429, "accounts.too_many_attempts");
    }
}

#[tokio::test]
async fn who_does_not_wait_waits_longer() {
    let house = House::built(Plan { limits: true, ..Plan::default() }).await;
    let attempt = || try_from(&house, ATTACKER, ADMIN, "guess");
    for _ in 0..5 {
        attempt().await.problem(401, "accounts.wrong_credentials");
    }
    // The first refusal tells to wait; ten that come all the same are enough.
    for _ in 0..11 {
        attempt().await.problem(429, "web.too_many_requests");
    }
    house.advance(Duration::from_secs(179));
    // One penalty after the other, each twice as long: so many that the wait is no longer the first one.
    for _ in 0..12 {
        for _ in 0..12 {
            attempt().await;
        }
        house.advance(Duration::from_secs(20));
    }
    assert!(house.guard.figures().limits.penalties > 1, "{:?}", house.guard.figures().limits);
}

#[tokio::test]
async fn strangers_cannot_lock_the_owner_out() {
    let house = House::built(Plan { limits: true, auth: 1_000, ..Plan::default() }).await;
    try_from(&house, OWNER, ADMIN, PASSWORD).await.ok();
    // A hundred networks, each within what one network may.
    let mut refused = 0;
    for network in 0..100 {
        let answer = try_from(&house, &format!("203.0.113.{network}"), ADMIN, "guess").await;
        refused += usize::from(answer.status == 429);
    }
    assert_eq!(refused, 70, "thirty guesses an hour, from all networks that are not the owner's");
    // Neither may any other network try, though it has the password: it could not be told from them.
    try_from(&house, "192.0.2.1", ADMIN, PASSWORD).await.problem(429, "accounts.too_many_attempts");
    try_from(&house, OWNER, ADMIN, PASSWORD).await.ok();
    assert_eq!(house.mail.to(ADMIN), ["under_attack"], "told once");
}

#[tokio::test]
async fn nothing_is_hashed_for_who_has_to_wait() {
    let house = House::built(Plan { limits: true, ..Plan::default() }).await;
    for _ in 0..5 {
        try_from(&house, ATTACKER, ADMIN, "guess").await;
    }
    for _ in 0..200 {
        try_from(&house, ATTACKER, ADMIN, "guess").await.problem(429, "web.too_many_requests");
    }
    assert_eq!(house.guard.figures().limits.denied, 200);
}
