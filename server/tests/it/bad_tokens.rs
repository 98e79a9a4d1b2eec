//! Tokens that come in a query or in a first message, where browsers can set no field: bad ones are counted like all
//! that are no good, so that past the limit no more are looked up.

use std::sync::Arc;

use entrepot_migrations::MIGRATIONS;
use entrepot_runtime::Clock;
use entrepot_testkit::test_database;
use serde_json::json;
use tokio_tungstenite::tungstenite::Error;

use crate::house::{House, text};
use crate::live::Socket;

/// How many a network may bring in a quarter of an hour.
const MOST: usize = 100;
const TOO_MANY: &str = "web.too_many_requests";

/// A house where strangers are counted, and no time passes.
async fn house() -> House {
    let (clock, _hand) = Clock::manual("2026-11-21T12:00:00Z".parse().expect("a literal"));
    let settings = [
        ("ENTREPOT_RATE_LIMITS_ENABLED", "true"),
        ("RATE_LIMIT_GENERAL", "10000"),
        ("RATE_LIMIT_API", "10000"),
        ("RATE_LIMIT_AUTH", "100"),
    ];
    House::on(Arc::new(test_database(MIGRATIONS).await), clock, &settings).await
}

/// A bad credential in a field, which is counted for the same network.
async fn is_looked_up(house: &House) -> bool {
    let answer = house.server.bearing("made-up").get("/api/v2/me").await;
    match answer.status.as_u16() {
        401 => true,
        429 => false,
        other => panic!("{other}: {}", answer.text()),
    }
}

/// What a WebSocket is refused with that comes with this token in its query.
async fn refusal_by_query(house: &House, token: &str) -> String {
    match Socket::open(house, &format!("/ws?token={token}"), &[]).await {
        Ok(mut socket) => {
            let code = text(&socket.told("error").await, "code");
            socket.ends().await;
            code
        }
        Err(Error::Http(answer)) if answer.status() == 429 => TOO_MANY.to_owned(),
        Err(other) => panic!("{other:?}"),
    }
}

/// What a WebSocket is refused with that comes with this token in its first message.
async fn refusal_by_message(house: &House, token: &str) -> String {
    let mut socket = Socket::open(house, "/ws", &[]).await.expect("it opens");
    socket.send(&json!({"type": "auth", "token": token})).await;
    let code = text(&socket.told("error").await, "code");
    socket.ends().await;
    code
}

#[tokio::test]
async fn bad_tokens_of_event_streams_are_counted() {
    let house = house().await;
    let stream = |token: &str| house.server.get(&format!("/api/v2/events?topics=system&token={token}"));
    for _ in 0..MOST {
        stream("made-up").await.problem(401, "web.invalid_credentials");
    }
    let refused = stream("made-up").await;
    assert!(!refused.header("retry-after").is_empty());
    refused.problem(429, TOO_MANY);
    stream("ek_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa").await.problem(429, TOO_MANY);
    assert!(!is_looked_up(&house).await);
}

#[tokio::test]
async fn bad_tokens_in_the_query_of_web_sockets_are_counted() {
    let house = house().await;
    for _ in 0..MOST {
        assert_eq!(refusal_by_query(&house, "made-up").await, "web.invalid_credentials");
    }
    assert_eq!(refusal_by_query(&house, "made-up").await, TOO_MANY);
    assert!(!is_looked_up(&house).await);
}

#[tokio::test]
async fn bad_tokens_in_the_first_message_of_web_sockets_are_counted() {
    let house = house().await;
    for _ in 0..MOST {
        assert_eq!(refusal_by_message(&house, "made-up").await, "web.invalid_credentials");
    }
    assert_eq!(refusal_by_message(&house, "made-up").await, TOO_MANY);
    assert!(!is_looked_up(&house).await);
}
