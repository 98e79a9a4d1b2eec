//! Heads and bodies that two programs could read differently: refused before any handler sees them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use entrepot_testkit::{TestServer, edge_settings};
use entrepot_web::Reply;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// No test waits longer than this for an answer.
const AT_LAST: Duration = Duration::from_secs(60);

/// A server, and how often its handlers were asked.
async fn server() -> (TestServer, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    let counting = move || {
        let counted = counted.clone();
        async move {
            counted.fetch_add(1, Ordering::SeqCst);
            Reply::no_content()
        }
    };
    let router = Router::new().route("/", get(counting)).route("/echo", post(super::echo));
    (TestServer::start(super::edge(router, edge_settings()).0).await, asked)
}

/// Sends a head in one piece; everything that is answered until the server closes.
async fn answer(server: &TestServer, head: &str) -> String {
    let mut stream = TcpStream::connect(server.address()).await.expect("connected");
    // The server may have answered and closed before all of it was sent.
    let _sent = stream.write_all(head.as_bytes()).await;
    let mut bytes = Vec::new();
    let _end_or_reset =
        tokio::time::timeout(AT_LAST, stream.read_to_end(&mut bytes)).await.expect("it is closed at last");
    String::from_utf8_lossy(&bytes).into_owned()
}

fn is_problem(told: &str, status: u16, code: &str) {
    assert!(told.starts_with(&format!("HTTP/1.1 {status} ")), "{told}");
    assert!(told.contains("content-type: application/problem+json"), "{told}");
    assert!(told.contains(&format!("\"code\":\"{code}\"")), "{told}");
}

#[tokio::test]
async fn a_request_names_one_host() {
    let (server, asked) = server().await;
    for hosts in ["", "host: shop.example\r\nhost: evil.example\r\n", "host: shop.example\r\nhost: shop.example\r\n"] {
        let told = answer(&server, &format!("GET / HTTP/1.1\r\n{hosts}connection: close\r\n\r\n")).await;
        assert!(told.starts_with("HTTP/1.1 400 "), "{hosts:?}: {told}");
        assert!(told.contains("content-type: application/problem+json"), "{hosts:?}: {told}");
    }
    assert_eq!(asked.load(Ordering::SeqCst), 0);
    let told = answer(&server, "GET / HTTP/1.1\r\nhost: shop.example\r\nconnection: close\r\n\r\n").await;
    assert!(told.starts_with("HTTP/1.1 204 "), "{told}");
    // HTTP/1.0 knows no such field.
    let told = answer(&server, "GET / HTTP/1.0\r\n\r\n").await;
    assert!(told.starts_with("HTTP/1.0 204 ") || told.starts_with("HTTP/1.1 204 "), "{told}");
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_head_has_a_bound_as_a_whole() {
    let (server, asked) = server().await;
    let head = |fields: &str| format!("GET / HTTP/1.1\r\nhost: shop.example\r\nconnection: close\r\n{fields}\r\n");
    let many = |count: usize, bytes: usize| {
        (0..count).map(|n| format!("x-{n:02}: {}\r\n", "y".repeat(bytes))).collect::<String>()
    };
    for fields in [many(31, 1_000), many(1, 31_000)] {
        let told = answer(&server, &head(&fields)).await;
        assert!(told.starts_with("HTTP/1.1 204 "), "{} bytes of fields: {told}", fields.len());
    }
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    for fields in [many(34, 1_000), many(40, 1_000), many(1, 34_000)] {
        is_problem(&answer(&server, &head(&fields)).await, 431, "web.head_too_large");
    }
    assert_eq!(asked.load(Ordering::SeqCst), 2, "a handler was asked");
    server.get("/").await.status(204);
}

#[tokio::test]
async fn a_member_that_is_named_twice_is_refused() {
    let (server, _) = server().await;
    for (body, member) in [
        (r#"{"role": "customer", "role": "admin"}"#, "role"),
        (r#"{"a": 1, "a": 1}"#, "a"),
        (r#"[{"price": {"amount": "1", "\u0061mount": "2"}}]"#, "amount"),
    ] {
        let problem = server.post("/echo").bytes("application/json", body).await.problem(400, "web.malformed_json");
        let detail = problem["detail"].as_str().expect("a text");
        assert!(detail.contains("twice") && detail.contains(&format!("{member:?}")), "{detail}");
    }
    let same_name_elsewhere = json!({"a": {"a": 1}, "b": [{"a": 2}, {"a": 3}]});
    assert_eq!(server.post("/echo").json(&same_name_elsewhere).await.ok(), same_name_elsewhere);
}
