//! Live updates through the whole program, with a client that others wrote.

use std::sync::Arc;
use std::time::Duration;

use entrepot_migrations::MIGRATIONS;
use entrepot_runtime::Clock;
use entrepot_testkit::test_database;
use futures_util::{SinkExt as _, StreamExt as _};
use http::HeaderValue;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::house::{House, PASSWORD, text};

/// For what comes at once, on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(30);

/// A socket of somebody who follows what happens.
pub(crate) struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Socket {
    pub(crate) async fn open(house: &House, path: &str, fields: &[(&'static str, &str)]) -> Result<Self, Error> {
        let mut request = format!("ws://{}{path}", house.server.address()).into_client_request()?;
        for (name, value) in fields {
            request.headers_mut().insert(*name, HeaderValue::from_str(value).expect("a value"));
        }
        Ok(Self { stream: connect_async(request).await?.0 })
    }

    /// One that has signed in by the first message.
    pub(crate) async fn signed_in(house: &House, token: &str) -> Self {
        let mut socket = Self::open(house, "/ws", &[]).await.expect("it opens");
        socket.send(&json!({"type": "auth", "token": token})).await;
        socket.welcomed().await;
        socket
    }

    async fn welcomed(&mut self) {
        let welcome = self.told("welcome").await;
        assert!(welcome["connectionId"].is_string() && welcome["heartbeatMs"].is_u64(), "{welcome}");
        let own = self.told("subscribed").await;
        assert!(text(&own, "event").starts_with("user-"), "{own}");
    }

    pub(crate) async fn send(&mut self, message: &Value) {
        self.stream.send(Message::text(message.to_string())).await.expect("sent");
    }

    async fn next(&mut self) -> Message {
        let next = tokio::time::timeout(PATIENCE, self.stream.next()).await.expect("something comes");
        next.expect("the socket has not ended").expect("a message")
    }

    /// The next text, whatever it is.
    pub(crate) async fn next_text(&mut self) -> Value {
        loop {
            if let Message::Text(text) = self.next().await {
                return serde_json::from_str(&text).expect("JSON");
            }
        }
    }

    /// The next text, which must be of this type.
    pub(crate) async fn told(&mut self, kind: &str) -> Value {
        loop {
            match self.next().await {
                Message::Text(text) => {
                    let value: Value = serde_json::from_str(&text).expect("JSON");
                    // Of the chain's own stores, which were made just before: on a busy machine that is told late.
                    if value["event"] == "store-created" {
                        continue;
                    }
                    assert_eq!(value["type"], kind, "{value}");
                    return value;
                }
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?} instead of {kind}"),
            }
        }
    }

    pub(crate) async fn follow(&mut self, topic: &str, since: Option<&str>) -> Value {
        self.send(&json!({"type": "subscribe", "event": topic, "since": since})).await;
        let subscribed = self.told("subscribed").await;
        assert_eq!(subscribed["event"], topic);
        subscribed
    }

    /// The code that the socket ends with, whatever comes before.
    pub(crate) async fn ends(&mut self) -> u16 {
        loop {
            if let Message::Close(frame) = self.next().await {
                return frame.expect("a code").code.into();
            }
        }
    }
}

async fn chain() -> (House, String) {
    chain_at(Clock::system()).await
}

async fn chain_at(clock: Clock) -> (House, String) {
    let house = House::on(Arc::new(test_database(MIGRATIONS).await), clock, &[]).await;
    let token = house.admin().await;
    for store in ["330", "406"] {
        let path = format!("/api/v2/stores/{store}");
        house.server.bearing(&token).request("PUT", &path).json(&json!({"name": store})).await.created();
    }
    (house, token)
}

async fn sell(house: &House, token: &str, store: &str, sales: u32) {
    let patch = json!({"dailyData": {"1": {"sales": sales}}});
    let path = format!("/api/v2/sales/{store}/2024/1");
    let answer = house.server.bearing(token).patch(&path).merge_patch(&patch).await;
    assert!(answer.status.is_success(), "{}", answer.text());
}

#[tokio::test]
async fn whoever_signs_in_by_any_way_is_welcomed_and_told_of_what_they_follow() {
    let (house, token) = chain().await;
    let bearer = format!("Bearer {token}");
    let offered = format!("entrepot.v1, bearer.{token}");
    let by_query = format!("/api/v2/ws?token={token}");
    let ways: [(&str, &[(&'static str, &str)]); 3] =
        [("/ws", &[("authorization", &bearer)]), ("/ws", &[("sec-websocket-protocol", &offered)]), (&by_query, &[])];
    let mut sockets = vec![Socket::signed_in(&house, &token).await];
    for (path, fields) in ways {
        let mut socket = Socket::open(&house, path, fields).await.expect("it opens");
        socket.welcomed().await;
        sockets.push(socket);
    }
    for socket in &mut sockets {
        socket.follow("sales-data-330", None).await;
    }
    sell(&house, &token, "406", 1).await;
    sell(&house, &token, "330", 7).await;
    for socket in &mut sockets {
        let event = socket.told("event").await;
        assert_eq!((&event["topic"], &event["event"]), (&json!("sales-data-330"), &json!("sales-data-created")));
        assert_eq!(event["data"]["totals"]["sales"], 7);
        assert!(event["id"].is_string() && event["cursor"].is_string() && event["at"].is_string(), "{event}");
    }
    let mut socket = sockets.swap_remove(0);
    socket.send(&json!({"type": "presence", "event": "sales-data-330"})).await;
    assert_eq!(socket.told("presence").await["count"], 4);
    socket.send(&json!({"type": "unsubscribe", "event": "sales-data-330"})).await;
    socket.told("unsubscribed").await;
    sell(&house, &token, "330", 8).await;
    socket.send(&json!({"type": "ping"})).await;
    assert!(socket.told("pong").await["cursor"].is_string());
}

#[tokio::test]
async fn nobody_gets_in_without_a_credential_that_is_good() {
    let (clock, hand) = Clock::manual("2026-01-01T00:00:00Z".parse().expect("a time"));
    let (house, _) = chain_at(clock).await;
    let mut bad = Socket::open(&house, "/ws?token=made-up", &[]).await.expect("it opens");
    assert_eq!(bad.told("error").await["code"], "web.invalid_credentials");
    assert_eq!(bad.ends().await, 4401);
    let mut eager = Socket::open(&house, "/ws", &[]).await.expect("it opens");
    eager.send(&json!({"type": "subscribe", "event": "sales-data-330"})).await;
    assert_eq!(eager.told("error").await["code"], "live.not_signed_in");
    assert_eq!(eager.ends().await, 4401);
    let mut stale = Socket::open(&house, "/ws", &[("cookie", "entrepot-local=gone")]).await.expect("it opens");
    assert_eq!(stale.ends().await, 4401);
    let mut silent = Socket::open(&house, "/ws", &[]).await.expect("it opens");
    hand.advance(Duration::from_secs(11));
    assert_eq!(silent.ends().await, 4401);
    let refused = Socket::open(&house, "/ws", &[("authorization", "Bearer x")]).await.err().expect("refused");
    assert!(matches!(&refused, Error::Http(answer) if answer.status() == 401), "{refused:?}");
    house.server.get("/ws").await.problem(426, "live.no_web_socket");
}

#[tokio::test]
async fn a_cookie_opens_a_socket_for_our_own_page_alone() {
    let (house, _) = chain().await;
    let body = json!({"email": crate::house::ADMIN, "password": PASSWORD, "cookie": true});
    let signed_in = house.server.post("/api/v2/auth/login").json(&body).await.status(200);
    let cookie = signed_in.header("set-cookie").split(';').next().expect("a cookie").to_owned();
    let own = format!("http://{}", house.server.address());
    for origin in [Some("http://evil.example"), None, Some("null")] {
        let mut fields = vec![("cookie", cookie.as_str())];
        fields.extend(origin.map(|origin| ("origin", origin)));
        let refused = Socket::open(&house, "/ws", &fields).await.err().expect("refused");
        assert!(matches!(&refused, Error::Http(answer) if answer.status() == 403), "{origin:?} {refused:?}");
    }
    let mut page = Socket::open(&house, "/ws", &[("cookie", &cookie), ("origin", &own)]).await.expect("it opens");
    page.welcomed().await;
}

#[tokio::test]
async fn topics_are_for_those_whose_role_and_stores_reach_them() {
    let (house, admin) = chain().await;
    let body =
        json!({"email": "tied@shop.example", "name": "T", "role": "staff", "password": PASSWORD, "stores": ["330"]});
    let made = house.server.bearing(&admin).post("/api/v2/users").json(&body).await.created();
    let tied = house.token("tied@shop.example").await;
    let (customer, _) = house.person("customer").await;
    let refused = async |token: &str, topic: &str, code: &str| {
        let mut socket = Socket::signed_in(&house, token).await;
        socket.send(&json!({"type": "subscribe", "event": topic})).await;
        let error = socket.told("error").await;
        assert_eq!((&error["code"], &error["event"]), (&json!(code), &json!(topic)), "{error}");
    };
    refused(&tied, "sales-data-406", "live.forbidden").await;
    refused(&tied, "store-406", "live.forbidden").await;
    refused(&tied, "user-01900000-0000-7000-8000-000000000000", "live.forbidden").await;
    refused(&customer, "sales-data-330", "live.forbidden").await;
    refused(&admin, "sales-data-", "live.unknown_topic").await;
    refused(&admin, "person-1", "live.unknown_topic").await;
    // Nothing would ever come on a topic of another name of the same product.
    refused(&admin, "product-26190", "live.unknown_topic").await;
    refused(&customer, "category-tea", "live.unknown_topic").await;
    refused(&customer, "category-01900000-0000-7000-8000-00000000000A", "live.unknown_topic").await;
    let mut socket = Socket::signed_in(&house, &tied).await;
    // The rest of a list stands when one of it is refused.
    socket.send(&json!({"type": "subscribe", "events": ["sales-data-330", "sales-data-406", "system"]})).await;
    assert_eq!(socket.told("subscribed").await["event"], "sales-data-330");
    assert_eq!(socket.told("error").await["event"], "sales-data-406");
    assert_eq!(socket.told("subscribed").await["event"], "system");
    sell(&house, &admin, "406", 1).await;
    sell(&house, &admin, "330", 2).await;
    assert_eq!(socket.told("event").await["data"]["storeId"], "330");
    let announcement = json!({"message": "Closing early", "severity": "warning"});
    house.server.bearing(&admin).post("/api/admin/announcements").json(&announcement).await.created();
    assert_eq!(socket.told("event").await["data"]["message"], "Closing early");
    // A batch is told to whoever sent it, and to nobody else.
    let rows =
        json!({"salesDataArray": [{"storeId": "330", "year": 2024, "month": 2, "dailyData": {"1": {"sales": 3}}}]});
    house.server.bearing(&tied).post("/api/v2/sales/batch").json(&rows).await.ok();
    assert_eq!(socket.told("event").await["event"], "sales-data-created");
    let done = socket.told("event").await;
    assert_eq!(done["topic"], format!("user-{}", text(&made, "id")));
    assert_eq!((&done["event"], &done["data"]["created"]), (&json!("sales-batch-done"), &json!(1)));
}

#[tokio::test]
async fn who_comes_back_is_given_what_was_missed_once_and_in_order() {
    let (house, token) = chain().await;
    let mut first = Socket::signed_in(&house, &token).await;
    let began = text(&first.follow("sales-data-330", None).await, "cursor");
    for sales in 1..=3 {
        sell(&house, &token, "330", sales).await;
    }
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(first.told("event").await);
    }
    drop(first);
    for sales in 4..=6 {
        sell(&house, &token, "330", sales).await;
    }
    // A second instance, which remembers nothing: what was missed comes out of the database.
    let other = House::on(house.database.clone(), Clock::system(), &[]).await;
    for (instance, since, wanted) in [
        (&house, text(&seen[1], "cursor"), 3..=6),
        (&other, text(&seen[1], "cursor"), 3..=6),
        (&house, began.clone(), 1..=6),
        (&other, began.clone(), 1..=6),
    ] {
        let mut again = Socket::signed_in(instance, &token).await;
        let subscribed = again.follow("sales-data-330", Some(&since)).await;
        assert_eq!(text(&subscribed, "cursor"), since, "where it goes on, not where it will come to");
        for sales in wanted {
            assert_eq!(again.told("event").await["data"]["totals"]["sales"], sales);
        }
        again.send(&json!({"type": "ping"})).await;
        again.told("pong").await;
    }
    // What cannot be gone on from is told.
    for since in ["0123456789abcdef-5", "rubbish", &"x".repeat(500)] {
        let mut lost = Socket::signed_in(&house, &token).await;
        lost.follow("sales-data-330", Some(since)).await;
        assert_eq!(lost.told("resync").await["reason"], "expired");
    }
}

#[tokio::test]
async fn an_instance_that_is_behind_tells_nobody_again_what_another_told() {
    let (house, token) = chain().await;
    // It learns of what happens at its next look, seconds later.
    let slow =
        [("ENTREPOT_FEED_NUDGES", "false"), ("ENTREPOT_FEED_POLL_MS", "3000"), ("ENTREPOT_FEED_MAX_LAG_MS", "6000")];
    let behind = House::on(house.database.clone(), Clock::system(), &slow).await;
    let mut first = Socket::signed_in(&house, &token).await;
    let began = text(&first.follow("sales-data-330", None).await, "cursor");
    let (history, _) = began.split_once('-').expect("a history and a position");
    let mut second = Socket::signed_in(&behind, &token).await;
    let mut third = Socket::signed_in(&behind, &token).await;
    let mut ids = Vec::new();
    for sales in 1..=3 {
        sell(&house, &token, "330", sales).await;
        ids.push(text(&first.told("event").await, "id").parse::<u64>().expect("a position"));
    }
    let settled = async |socket: &mut Socket| {
        socket.send(&json!({"type": "ping"})).await;
        let cursor = text(&socket.told("pong").await, "cursor");
        cursor.split_once('-').and_then(|(_, position)| position.parse::<u64>().ok()).expect("a position")
    };
    while settled(&mut first).await < ids[2] {}
    // All that comes is new, from where each goes on.
    second.follow("sales-data-330", Some(&format!("{history}-{}", ids[2]))).await;
    third.follow("sales-data-330", Some(&format!("{history}-{}", ids[1]))).await;
    sell(&house, &token, "330", 4).await;
    for (socket, wanted) in [(&mut second, 4..=4), (&mut third, 3..=4)] {
        for sales in wanted {
            assert_eq!(socket.told("event").await["data"]["totals"]["sales"], sales);
        }
    }
    // A position that the database has not given lies in no history of this one.
    let ahead = format!("{history}-{}", ids[2] + 1_000);
    let mut lost = Socket::signed_in(&behind, &token).await;
    lost.follow("sales-data-330", Some(&ahead)).await;
    assert_eq!(lost.told("resync").await["reason"], "expired");
}

#[tokio::test]
async fn credentials_that_end_and_rights_that_are_taken_away_cut_the_socket() {
    let (clock, hand) = Clock::manual("2026-01-01T00:00:00Z".parse().expect("a time"));
    let (house, admin) = chain_at(clock).await;
    let server = house.server.bearing(&admin);
    // Expiry, unless a fresh token came in time.
    let (manager, id) = house.person("manager").await;
    let mut old = Socket::signed_in(&house, &manager).await;
    let mut renewed = Socket::signed_in(&house, &manager).await;
    renewed.send(&json!({"type": "auth", "token": admin})).await;
    assert_eq!(renewed.told("error").await["code"], "live.another_person");
    hand.advance(Duration::from_secs(20));
    let fresh = house.token("one-manager@shop.example").await;
    renewed.send(&json!({"type": "auth", "token": fresh})).await;
    assert!(renewed.told("authenticated").await["expiresAt"].is_string());
    for _ in 0..44 {
        // Both answer the heartbeat, so that it is not silence that ends them.
        hand.advance(Duration::from_secs(20));
        for socket in [&mut old, &mut renewed] {
            socket.send(&json!({"type": "ping"})).await;
            socket.told("pong").await;
        }
    }
    hand.advance(Duration::from_secs(1));
    assert_eq!(old.ends().await, 4401);
    renewed.send(&json!({"type": "ping"})).await;
    renewed.told("pong").await;
    // A role, a block, the stores, the sessions.
    let admin = house.admin().await;
    let server = {
        let _old = server;
        house.server.bearing(&admin)
    };
    let path = format!("/api/v2/users/{id}");
    server.patch(&path).merge_patch(&json!({"role": "staff"})).await.ok();
    assert_eq!(renewed.ends().await, 4403);
    for patch in [json!({"stores": ["330"]}), json!({"status": "blocked"})] {
        let token = house.token("one-manager@shop.example").await;
        let mut socket = Socket::signed_in(&house, &token).await;
        server.patch(&path).merge_patch(&patch).await.ok();
        assert_eq!(socket.ends().await, 4403, "{patch}");
    }
    server.patch(&path).merge_patch(&json!({"status": "active"})).await.ok();
    let token = house.token("one-manager@shop.example").await;
    let mut socket = Socket::signed_in(&house, &token).await;
    let elsewhere = House::on(house.database.clone(), house.clock.clone(), &[]).await;
    let mut there = Socket::signed_in(&elsewhere, &token).await;
    house.server.bearing(&token).post("/api/v2/auth/logout").await.status(204);
    assert_eq!((socket.ends().await, there.ends().await), (4403, 4403));
}

#[tokio::test]
async fn a_key_that_loses_a_right_loses_the_topics_that_needed_it() {
    let (house, admin) = chain().await;
    let server = house.server.bearing(&admin);
    let key = json!({"name": "till", "scopes": ["sales.read", "stores.read"]});
    let made = server.post("/api/v2/api-keys").json(&key).await.created();
    let secret = made["key"].as_str().or(made["secret"].as_str()).expect("a key").to_owned();
    let mut socket = Socket::open(&house, "/ws", &[("x-api-key", &secret)]).await.expect("it opens");
    socket.told("welcome").await;
    // Its own topic needs an action that the key has not.
    assert_eq!(socket.told("error").await["code"], "live.forbidden");
    socket.follow("sales-data-330", None).await;
    socket.follow("store-330", None).await;
    let path = format!("/api/v2/api-keys/{}", text(&made, "id"));
    server.patch(&path).merge_patch(&json!({"scopes": ["stores.read"]})).await.ok();
    let error = socket.told("error").await;
    assert_eq!((&error["code"], &error["event"]), (&json!("live.forbidden"), &json!("sales-data-330")));
    sell(&house, &admin, "330", 1).await;
    server.patch("/api/v2/stores/330").merge_patch(&json!({"status": "paused"})).await.ok();
    assert_eq!(socket.told("event").await["event"], "store-status-changed");
    server.delete(&path).await.status(204);
    assert_eq!(socket.ends().await, 4403);
}

#[tokio::test]
async fn who_is_silent_is_asked_and_then_cut_and_who_floods_is_cut_at_once() {
    let (clock, hand) = Clock::manual("2026-01-01T00:00:00Z".parse().expect("a time"));
    let (house, token) = chain_at(clock).await;
    let mut alive = Socket::signed_in(&house, &token).await;
    hand.advance(Duration::from_secs(31));
    let Message::Ping(_) = alive.next().await else { panic!("a ping was to come") };
    // The client has answered by itself, if it was given the turn to.
    alive.send(&json!({"type": "ping"})).await;
    alive.told("pong").await;
    hand.advance(Duration::from_secs(40));
    let Message::Ping(_) = alive.next().await else { panic!("a ping was to come") };
    // Half open: it neither reads nor answers.
    let dead = Socket::signed_in(&house, &token).await;
    hand.advance(Duration::from_secs(25));
    alive.send(&json!({"type": "ping"})).await;
    alive.told("pong").await;
    hand.advance(Duration::from_secs(40));
    let figures = async || house.server.bearing(&token).get("/api/admin/websocket/stats").await.ok();
    let mut silent = 0;
    for _ in 0..600 {
        silent = figures().await["closed"]["silent"].as_u64().expect("a count");
        if silent > 0 {
            break;
        }
        tokio::time::timeout(Duration::from_millis(20), std::future::pending::<()>()).await.expect_err("it only waits");
    }
    assert_eq!(silent, 1);
    drop(dead);

    let mut flood = Socket::signed_in(&house, &token).await;
    for _ in 0..10_000 {
        if flood.stream.feed(Message::text("{\"type\":\"ping\"}")).await.is_err() {
            break;
        }
    }
    let _may_be_cut_already = flood.stream.flush().await;
    let mut pongs = 0;
    let code = loop {
        match flood.next().await {
            Message::Text(_) => pongs += 1,
            Message::Close(frame) => break u16::from(frame.expect("a code").code),
            _ => {}
        }
    };
    assert_eq!(code, 4429);
    assert!((500..=700).contains(&pongs), "{pongs} were answered");
    let mut huge = Socket::signed_in(&house, &token).await;
    huge.send(&json!({"type": "x".repeat(100_000)})).await;
    assert_eq!(huge.ends().await, 1009);
    let mut odd = Socket::signed_in(&house, &token).await;
    for message in ["[]", "{\"type\":\"fly\"}", "not JSON", "{\"type\":\"subscribe\"}"] {
        odd.stream.send(Message::text(message)).await.expect("sent");
        assert_eq!(odd.told("error").await["code"], "live.malformed_message", "{message}");
    }
    odd.stream.send(Message::binary(vec![1, 2, 3])).await.expect("sent");
    assert_eq!(odd.ends().await, 1003);
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_told_to_read_the_state_again() {
    let house = House::new(&[("ENTREPOT_LIVE_QUEUE_KIB", "64")]).await;
    let token = house.admin().await;
    let server = house.server.bearing(&token);
    for store in ["330", "406"] {
        server.request("PUT", &format!("/api/v2/stores/{store}")).json(&json!({"name": store})).await.created();
    }
    let mut slow = Socket::signed_in(&house, &token).await;
    let mut quick = Socket::signed_in(&house, &token).await;
    slow.follow("sales-data-330", None).await;
    quick.follow("sales-data-330", None).await;
    // Events of some 10 KB each, more than queue and socket hold.
    let mut sent: u32 = 0;
    let mut lost = 0;
    while lost == 0 {
        sent += 1;
        assert!(sent < 4_000, "it was never full");
        let fields: serde_json::Map<String, Value> =
            (0..20).map(|field| (format!("field_{field}_with_a_long_name"), json!(sent))).collect();
        let days: serde_json::Map<String, Value> =
            (1..=28).map(|day| (day.to_string(), Value::Object(fields.clone()))).collect();
        server.request("PUT", "/api/v2/sales/330/2024/1").json(&json!({"dailyData": days})).await;
        quick.told("event").await;
        if sent.is_multiple_of(20) {
            let figures = server.get("/api/admin/websocket/stats").await.ok();
            lost = figures["messages"]["dropped"].as_u64().expect("a count");
        }
    }
    // It wakes up: what was queued comes, then the word that there was more.
    let (mut events, mut ids) = (0_u32, Vec::new());
    loop {
        let Message::Text(message) = slow.next().await else { continue };
        let told: Value = serde_json::from_str(&message).expect("JSON");
        if told["type"] == "resync" {
            assert_eq!((&told["topic"], &told["reason"]), (&json!("sales-data-330"), &json!("overflow")));
            break;
        }
        events += 1;
        ids.push(text(&told, "id").parse::<u64>().expect("a number"));
    }
    assert!(events < sent && ids.is_sorted(), "{events} of {sent}");
    let last = json!({"dailyData": {"1": {"sales": 9}}});
    server.request("PUT", "/api/v2/sales/330/2024/1").json(&last).await.ok();
    assert_eq!(slow.told("event").await["data"]["days"]["1"]["sales"], 9, "and it goes on");
}

#[tokio::test]
async fn a_server_that_goes_tells_when_to_come_back() {
    let (house, token) = chain().await;
    let mut sockets = Vec::new();
    for _ in 0..20 {
        sockets.push(Socket::signed_in(&house, &token).await);
    }
    let drained = house.live.drain(PATIENCE);
    let all_told = async {
        let mut hints = Vec::new();
        for socket in &mut sockets {
            hints.push(socket.told("restart").await["reconnectInMs"].as_u64().expect("a time"));
            assert_eq!(socket.ends().await, 1012);
            let _closed = socket.stream.close(None).await;
        }
        hints.sort_unstable();
        hints.dedup();
        hints.len()
    };
    let ((), different) = futures_util::join!(drained, all_told);
    assert!(different > 5, "all would come back at once");
    let mut late = Socket::open(&house, "/ws", &[]).await.expect("it opens");
    assert_eq!(late.ends().await, 1012);
}

#[tokio::test]
async fn a_stream_of_events_goes_on_where_the_browser_was() {
    let (house, token) = chain().await;
    let read = async |path: &str, last: Option<&str>, until: &str| -> String {
        let mut stream = TcpStream::connect(house.server.address()).await.expect("connected");
        let last = last.map(|last| format!("Last-Event-ID: {last}\r\n")).unwrap_or_default();
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nAccept: text/event-stream\r\n{last}\r\n"
        );
        tokio::io::AsyncWriteExt::write_all(&mut stream, request.as_bytes()).await.expect("sent");
        let mut all = Vec::new();
        let whole = async {
            while !String::from_utf8_lossy(&all).contains(until) {
                if tokio::io::AsyncReadExt::read_buf(&mut stream, &mut all).await.expect("read") == 0 {
                    break;
                }
            }
        };
        tokio::time::timeout(PATIENCE, whole).await.expect("it comes");
        String::from_utf8_lossy(&all).into_owned()
    };
    let path = "/api/v2/events?topics=sales-data-330,sales-data-406";
    let (first, ()) = futures_util::join!(read(path, None, "\"sales\":2"), async {
        // Written again and again, as nobody tells when the stream has begun.
        for round in 0..50 {
            sell(&house, &token, "330", 1 + round % 2).await;
        }
    });
    assert!(first.starts_with("HTTP/1.1 200") && first.contains("content-type: text/event-stream"), "{first}");
    assert!(first.contains("event: subscribed") && first.contains("event: sales-data-updated"), "{first}");
    let id = first.lines().filter_map(|line| line.strip_prefix("id: ")).next_back().expect("an id").to_owned();
    sell(&house, &token, "330", 77).await;
    sell(&house, &token, "406", 78).await;
    let second = read(path, Some(&id), "\"sales\":78").await;
    assert!(second.contains("\"sales\":77") && !second.contains("resync"), "{second}");
    let server = house.server.bearing(&token);
    server.get("/api/v2/events").await.problem(400, "web.invalid_query");
    server.get("/api/v2/events?topics=nothing").await.problem(404, "live.unknown_topic");
    house.server.get("/api/v2/events?topics=system").await.problem(401, "web.not_signed_in");
    let (customer, _) = house.person("customer").await;
    let forbidden = house.server.bearing(&customer).get("/api/v2/events?topics=sales-data-330").await;
    forbidden.problem(403, "live.forbidden");
}

#[tokio::test]
async fn a_thousand_that_come_back_at_once_are_all_given_what_they_missed() {
    let (house, token) = chain().await;
    let by_query = format!("/ws?token={token}");
    let open = async |since: Option<&str>| -> Socket {
        let mut socket = Socket::open(&house, &by_query, &[]).await.expect("it opens");
        socket.welcomed().await;
        socket.follow("sales-data-330", since).await;
        socket
    };
    let mut first = open(None).await;
    sell(&house, &token, "330", 1).await;
    let cursor = text(&first.told("event").await, "cursor");
    for sales in 2..=4 {
        sell(&house, &token, "330", sales).await;
    }
    let all = futures_util::future::join_all((0..1_000).map(|_| open(Some(&cursor)))).await;
    for mut socket in all {
        for sales in 2..=4 {
            assert_eq!(socket.told("event").await["data"]["totals"]["sales"], sales);
        }
    }
}
