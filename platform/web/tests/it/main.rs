//! The edge and the listener under bad treatment: slow, large, hanging, panicking, leaving.
#![expect(clippy::expect_used, reason = "a test fails by panicking, with what it wanted")]

mod heads;
mod listener;
mod noted;
mod responses;
mod restricted;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use entrepot_runtime::{Clock, Shutdown};
use entrepot_testkit::{TestServer, connections, edge_settings};
use entrepot_web::body::JsonBody;
use entrepot_web::{CacheClass, Connections, Edge, EdgeSettings, Problem, Reply, RequestStats, serve};

fn edge(router: Router, settings: EdgeSettings) -> (Edge, RequestStats) {
    let stats = RequestStats::default();
    (Edge::new(router, settings, Clock::system(), stats.clone()), stats)
}

#[tokio::test]
async fn a_panic_is_a_problem_and_the_next_request_is_served() {
    async fn panics() -> Reply {
        panic!("boom")
    }
    let router = Router::new().route("/panics", get(panics)).route("/fine", get(|| async { Reply::no_content() }));
    let (edge, stats) = edge(router, edge_settings());
    let server = TestServer::start(edge).await;
    let problem = server.get("/panics").await.problem(500, "web.internal");
    assert!(!problem.to_string().contains("boom"), "{problem}");
    server.get("/fine").await.status(204);
    assert_eq!(stats.figures().errors, 1);
}

#[tokio::test]
async fn a_handler_that_hangs_is_given_up() {
    let router = Router::new().route("/hangs", get(|| async { std::future::pending::<Reply>().await }));
    let (edge, _) = edge(router, EdgeSettings { request_timeout: Duration::from_millis(50), ..edge_settings() });
    let server = TestServer::start(edge).await;
    let response = server.get("/hangs").await;
    assert_eq!(response.header("retry-after"), "1");
    response.problem(503, "web.timeout");
}

async fn echo(JsonBody(body): JsonBody) -> Result<Reply, Problem> {
    Reply::json(&body, CacheClass::Never)
}

#[tokio::test]
async fn a_body_without_a_length_is_cut_off_at_the_limit() {
    let (edge, _) =
        edge(Router::new().route("/echo", post(echo)), EdgeSettings { body_limit_bytes: 1_000, ..edge_settings() });
    let server = TestServer::start(edge).await;
    server.post("/echo").json(&"x".repeat(900)).await.ok();
    server.post("/echo").json(&"x".repeat(1_000)).await.problem(413, "web.body_too_large");
    let address = server.address();
    let told = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).expect("connected");
        write!(
            stream,
            "POST /echo HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
        )
        .expect("sent");
        for _ in 0..20 {
            // The server may have answered and closed by now, which is what is wanted.
            let _closed = write!(stream, "64\r\n{}\r\n", "x".repeat(100));
        }
        let mut told = [0; 64];
        stream.read_exact(&mut told).expect("an answer");
        String::from_utf8_lossy(&told).into_owned()
    });
    assert!(told.await.expect("no panic").starts_with("HTTP/1.1 413"));
}

/// Opens a connection, sends so much, and expects that the server closes it by itself.
async fn is_cut_off(sent: &'static [u8]) {
    let (edge, _) = edge(Router::new(), edge_settings());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let address = listener.local_addr().expect("bound");
    let connections = Connections {
        max_connections: 4,
        header_timeout: Duration::from_millis(200),
        drain: Duration::from_millis(200),
        ..connections()
    };
    let shutdown = Shutdown::new();
    let serving = serve(listener, edge, connections, shutdown.signal());
    let slow = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(address).expect("connected");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("set");
        stream.write_all(sent).expect("sent");
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).expect("the server closes, and not by a reset");
        rest
    });
    let closing = async {
        let rest = slow.await.expect("no panic");
        let text = String::from_utf8_lossy(&rest);
        assert!(rest.is_empty() || text.starts_with("HTTP/1.1 4"), "{text}");
        shutdown.begin();
    };
    let (cut, ()) = futures_util::join!(serving, closing);
    assert_eq!(cut, 0);
}

#[tokio::test]
async fn a_head_that_trickles_in_is_cut_off() {
    is_cut_off(b"GET / HTTP/1.1\r\nhost: x\r\nx-slow: ").await;
}

#[tokio::test]
async fn a_head_that_does_not_come_holds_up_no_shutdown() {
    let (edge, _) = edge(Router::new(), edge_settings());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let address = listener.local_addr().expect("bound");
    let limits = Connections {
        header_timeout: Duration::from_millis(300),
        // What is left then is cut, and counted.
        drain: Duration::from_secs(20),
        ..connections()
    };
    let shutdown = Shutdown::new();
    let serving = serve(listener, edge, limits, shutdown.signal());
    let beginning = async {
        let slow = tokio::task::spawn_blocking(move || {
            let mut stream = TcpStream::connect(address).expect("connected");
            stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nx-slow: ").expect("sent");
            stream
        });
        let stream = slow.await.expect("no panic");
        shutdown.begin();
        stream
    };
    let (cut, _stream) = futures_util::join!(serving, beginning);
    assert_eq!(cut, 0, "it was cut at the end of the drain, not after its own time");
}

#[tokio::test]
async fn a_connection_that_says_nothing_is_cut_off() {
    is_cut_off(b"").await;
    is_cut_off(b"PRI * HTTP/2").await;
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_for_their_turn() {
    let (edge, _) = edge(Router::new().route("/", get(|| async { Reply::no_content() })), edge_settings());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let address = listener.local_addr().expect("bound");
    let connections = Connections {
        max_connections: 1,
        header_timeout: Duration::from_secs(5),
        drain: Duration::from_millis(100),
        ..connections()
    };
    let shutdown = Shutdown::new();
    let serving = serve(listener, edge, connections, shutdown.signal());
    let story = tokio::task::spawn_blocking(move || {
        let ask = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";
        let mut first = TcpStream::connect(address).expect("connected");
        first.write_all(ask).expect("sent");
        let mut answer = [0; 12];
        first.read_exact(&mut answer).expect("answered");
        let mut second = TcpStream::connect(address).expect("connected, by the kernel");
        second.write_all(ask).expect("sent");
        second.set_read_timeout(Some(Duration::from_millis(100))).expect("set");
        assert!(second.read_exact(&mut answer).is_err(), "it waits");
        drop(first);
        second.set_read_timeout(Some(Duration::from_secs(20))).expect("set");
        second.read_exact(&mut answer).expect("its turn");
        assert_eq!(&answer, b"HTTP/1.1 204");
    });
    let ending = async {
        story.await.expect("no panic");
        shutdown.begin();
    };
    let (_, ()) = futures_util::join!(serving, ending);
}
