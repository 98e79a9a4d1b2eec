//! The listener among peers that mean no good, and with TLS: on real sockets.
//!
//! Nothing here measures time. Short time-outs make things happen; what happens is waited for.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::{get, post};
use entrepot_testkit::{TestServer, connections, edge_settings};
use entrepot_web::{CacheClass, Connections, EdgeSettings, ListenerStats, Problem, Reply, Tls};
use futures_util::StreamExt as _;
use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};

/// No test waits longer than this for something that must happen.
const AT_LAST: Duration = Duration::from_secs(60);
const ASK: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";

/// 8 MiB: more than the buffers of the kernel between a server and a client that reads nothing.
async fn large() -> Result<Reply, Problem> {
    Reply::json(&"x".repeat(8 * 1024 * 1024), CacheClass::Never)
}

#[expect(clippy::disallowed_methods, reason = "time that passes is what these are about")]
async fn pause(ms: u64) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
}

/// Takes its time before its first byte, and before its last.
async fn slow() -> axum::body::Body {
    pause(700).await;
    axum::body::Body::from_stream(futures_util::stream::iter(["slow", "ly"]).then(move |part| async move {
        pause(700).await;
        Ok::<_, std::convert::Infallible>(part)
    }))
}

fn router() -> Router {
    Router::new()
        .route("/", get(|| async { Reply::no_content() }))
        .route("/large", get(large))
        .route("/slow", get(slow))
        .route("/echo", post(super::echo))
}

async fn server(connections: Connections) -> TestServer {
    TestServer::start_with(super::edge(router(), edge_settings()).0, connections).await
}

/// Connects from an address of loopback: all of 127.0.0.0/8 is this machine.
async fn connect_from(last: u8, to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind((Ipv4Addr::new(127, 0, 0, last), 0).into()).expect("an address of loopback");
    at_last(socket.connect(to)).await.expect("connected")
}

async fn at_last<F: Future>(event: F) -> F::Output {
    tokio::time::timeout(AT_LAST, event).await.expect("it happens at last")
}

/// Everything until the server closes; a reset is an end too.
async fn rest(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut bytes = Vec::new();
    let _end_or_reset = at_last(stream.read_to_end(&mut bytes)).await;
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Asks on a connection that stays open; `false` when the server closes it instead.
async fn is_served(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> bool {
    if stream.write_all(ASK).await.is_err() {
        return false;
    }
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match at_last(stream.read_u8()).await {
            Ok(byte) => head.push(byte),
            Err(_closed) => return false,
        }
    }
    assert!(head.starts_with(b"HTTP/1.1 204"), "{}", String::from_utf8_lossy(&head));
    true
}

#[tokio::test]
async fn a_body_whose_bytes_stay_away_is_given_up() {
    let server = server(Connections { body_timeout: Duration::from_millis(100), ..connections() }).await;
    for framing in ["content-length: 100\r\n\r\n", "transfer-encoding: chunked\r\n\r\n64\r\n"] {
        let mut stream = TcpStream::connect(server.address()).await.expect("connected");
        let head = format!("POST /echo HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n{framing}\"half");
        stream.write_all(head.as_bytes()).await.expect("sent");
        let told = rest(&mut stream).await;
        assert!(told.starts_with("HTTP/1.1 408"), "{told}");
        assert!(told.contains("\"code\":\"web.body_timeout\""), "{told}");
        assert!(told.contains("connection: close"), "{told}");
    }
    server.post("/echo").json(&"whole").await.ok();
}

#[tokio::test]
async fn a_body_that_trickles_in_is_given_up_with_its_request() {
    let settings = EdgeSettings { request_timeout: Duration::from_millis(1_000), ..edge_settings() };
    let limits = Connections { body_timeout: Duration::from_millis(600), ..connections() };
    let server = TestServer::start_with(super::edge(router(), settings).0, limits).await;
    let stream = TcpStream::connect(server.address()).await.expect("connected");
    let (mut from, mut to) = stream.into_split();
    let head = b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 10000\r\n\r\n";
    to.write_all(head).await.expect("sent");
    let trickle = async {
        let mut beat = tokio::time::interval(Duration::from_millis(20));
        loop {
            beat.tick().await;
            if to.write_all(b" ").await.is_err() {
                break std::future::pending::<()>().await;
            }
        }
    };
    let told = tokio::select! {
        told = rest(&mut from) => told,
        () = trickle => unreachable!("it never ends by itself"),
    };
    assert!(told.starts_with("HTTP/1.1 503"), "every byte came in time, the whole did not: {told}");
    assert!(told.contains("\"code\":\"web.timeout\""), "{told}");
}

#[tokio::test]
async fn a_client_that_does_not_read_its_answer_is_cut_off() {
    let stats = ListenerStats::default();
    let limits = Connections {
        max_connections: 1,
        write_timeout: Duration::from_millis(100),
        stats: stats.clone(),
        ..connections()
    };
    let server = server(limits).await;
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4_096).expect("set");
    let mut stalled = socket.connect(server.address()).await.expect("connected");
    stalled.write_all(b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("sent");
    // There is but one place: it is free again when the other is cut off.
    let mut next = TcpStream::connect(server.address()).await.expect("connected, by the kernel");
    assert!(is_served(&mut next).await);
    assert_eq!(stats.stalled_connections(), 1);
    let told = rest(&mut stalled).await;
    assert!(told.len() < 8 * 1024 * 1024, "what was not read is gone");
    drop(next);
    let large = server.get("/large").await.status(200);
    assert_eq!(large.body.len(), 8 * 1024 * 1024 + 2, "who reads gets all of it");
}

#[tokio::test]
async fn a_connection_that_is_idle_between_requests_is_closed() {
    let server = server(Connections { header_timeout: Duration::from_millis(200), ..connections() }).await;
    let mut stream = TcpStream::connect(server.address()).await.expect("connected");
    assert!(is_served(&mut stream).await);
    assert!(is_served(&mut stream).await);
    let told = rest(&mut stream).await;
    assert!(!told.contains("HTTP/1.1 5"), "{told}");
}

#[tokio::test]
async fn what_comes_of_a_head_makes_its_time_no_longer() {
    let server = server(Connections { header_timeout: Duration::from_millis(400), ..connections() }).await;
    let mut stream = TcpStream::connect(server.address()).await.expect("connected");
    // As long as the connection lasts, not as long as it has been there.
    for _ in 0..3 {
        pause(200).await;
        assert!(is_served(&mut stream).await, "an answer begins the time anew");
    }
    let (mut from, mut to) = stream.into_split();
    to.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nx-slow: ").await.expect("sent");
    let trickle = async {
        let mut beat = tokio::time::interval(Duration::from_millis(20));
        loop {
            beat.tick().await;
            if to.write_all(b"y").await.is_err() {
                break std::future::pending::<()>().await;
            }
        }
    };
    let told = tokio::select! {
        told = rest(&mut from) => told,
        () = trickle => unreachable!("it never ends by itself"),
    };
    assert_eq!(told, "", "the head is never whole");
}

#[tokio::test]
async fn the_time_for_heads_does_not_run_while_an_answer_is_made_or_sent() {
    let server = server(Connections { header_timeout: Duration::from_millis(300), ..connections() }).await;
    let mut stream = TcpStream::connect(server.address()).await.expect("connected");
    stream.write_all(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("sent");
    // It is closed then, as nothing more is asked.
    let told = rest(&mut stream).await;
    assert!(told.starts_with("HTTP/1.1 200") && told.ends_with("\r\n4\r\nslow\r\n2\r\nly\r\n0\r\n\r\n"), "{told}");
}

#[tokio::test]
async fn the_time_for_heads_does_not_run_while_an_answer_waits_for_its_reader() {
    let server = server(Connections { header_timeout: Duration::from_millis(300), ..connections() }).await;
    let mut stream = TcpStream::connect(server.address()).await.expect("connected");
    stream.write_all(b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("sent");
    let mut first = [0; 1024];
    stream.read_exact(&mut first).await.expect("it begins");
    // All of it is made by now, and lies there.
    pause(1_000).await;
    let told = rest(&mut stream).await;
    assert!(first.len() + told.len() > 8 * 1024 * 1024, "only {} bytes came", first.len() + told.len());
}

#[tokio::test]
async fn one_address_cannot_take_all_places() {
    let stats = ListenerStats::default();
    let limits = Connections { max_connections: 8, connections_per_address: 0, stats: stats.clone(), ..connections() };
    let server = server(limits).await;
    let mut greedy = Vec::new();
    for _ in 0..4 {
        let mut stream = connect_from(2, server.address()).await;
        assert!(is_served(&mut stream).await);
        greedy.push(stream);
    }
    for refused in 1..=3 {
        assert!(!is_served(&mut connect_from(2, server.address()).await).await, "half is all that one may have");
        assert_eq!(stats.refused_connections(), refused);
    }
    let mut other = connect_from(3, server.address()).await;
    assert!(is_served(&mut other).await, "others are served");
    assert!(is_served(&mut greedy[0]).await, "and so is who has its share");
    drop(greedy);
    // The server notices the ends at its leisure: until then it may refuse.
    at_last(async { while !is_served(&mut connect_from(2, server.address()).await).await {} }).await;
}

#[tokio::test]
async fn a_trusted_proxy_may_take_all_places() {
    let limits = Connections {
        max_connections: 6,
        connections_per_address: 1,
        trusted_proxies: vec!["127.0.0.9/32".parse().expect("a network")],
        ..connections()
    };
    let server = server(limits).await;
    let mut streams = Vec::new();
    for last in [9, 9, 9, 9, 2] {
        let mut stream = connect_from(last, server.address()).await;
        assert!(is_served(&mut stream).await);
        streams.push(stream);
    }
    assert!(!is_served(&mut connect_from(2, server.address()).await).await);
}

/// As many sockets as wanted, or as the machine allows: a server's and a client's end of each.
fn sockets(wanted: usize) -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let _as_it_was = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
    let files = getrlimit(Resource::Nofile).current.map_or(usize::MAX, |files| usize::try_from(files).unwrap_or(0));
    wanted.min(files.saturating_sub(500) / 2)
}

/// Sends half a head on each of so many connections from each address, and holds them.
async fn slow_loris(to: SocketAddr, addresses: std::ops::Range<u8>, each: usize) -> Vec<TcpStream> {
    let opened = addresses.flat_map(|last| std::iter::repeat_n(last, each)).map(|last| async move {
        let mut stream = connect_from(last, to).await;
        let _may_be_closed = stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nx-slow: ").await;
        stream
    });
    join_all(opened).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_of_slow_connections_from_one_address_leave_room_for_others() {
    let all = sockets(2_000);
    let stats = ListenerStats::default();
    let limits = Connections {
        max_connections: 1_000,
        connections_per_address: 0,
        // Longer than the test waits: it is not time that makes room.
        header_timeout: AT_LAST * 2,
        stats: stats.clone(),
        ..connections()
    };
    let server = server(limits).await;
    let held = slow_loris(server.address(), 2..3, all).await;
    assert!(is_served(&mut connect_from(3, server.address()).await).await);
    // Not all need have been taken by now: the kernel's queue is shorter than the line.
    let refused = all.saturating_sub(500);
    let mut ends: FuturesUnordered<_> =
        held.into_iter().map(|mut stream| async move { rest(&mut stream).await }).collect();
    for _ in 0..refused {
        assert_eq!(ends.next().await.as_deref(), Some(""), "closed without a word");
    }
    assert_eq!(stats.refused_connections(), refused as u64);
    assert_eq!(ends.len(), all - refused);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_connections_that_take_all_places_lose_them_in_time() {
    let all = sockets(2_000);
    let limits = Connections {
        max_connections: all / 2,
        connections_per_address: all / 8,
        header_timeout: Duration::from_millis(300),
        ..connections()
    };
    let server = server(limits).await;
    let held = slow_loris(server.address(), 2..10, all / 8).await;
    assert!(is_served(&mut connect_from(20, server.address()).await).await, "its turn comes");
    drop(held);
}

#[tokio::test]
async fn a_target_that_is_too_long_is_a_problem() {
    let server = server(connections()).await;
    server.get(&format!("/?q={}", "x".repeat(8 * 1024))).await.problem(414, "web.uri_too_long");
    server.get(&format!("/?q={}", "x".repeat(8 * 1024 - 4))).await.status(204);
}

#[tokio::test]
async fn heads_beyond_the_limits_are_answered_with_431() {
    let server = server(connections()).await;
    let many = |count: usize| (0..count).map(|index| format!("x-{index}: y\r\n")).collect::<String>();
    let large = |bytes: usize| format!("x-large: {}\r\n", "y".repeat(bytes));
    for (fields, wanted) in [
        (many(50), "HTTP/1.1 204"),
        (many(100), "HTTP/1.1 431"),
        (large(16 * 1024), "HTTP/1.1 204"),
        (large(64 * 1024), "HTTP/1.1 431"),
    ] {
        let mut stream = TcpStream::connect(server.address()).await.expect("connected");
        let head = format!("GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{fields}\r\n");
        // The server may have answered and closed before all of it was sent.
        let _sent = stream.write_all(head.as_bytes()).await;
        let told = rest(&mut stream).await;
        assert!(told.starts_with(wanted), "{wanted}: {told}");
    }
    server.get("/").await.status(204);
}

/// A certificate for localhost that vouches for itself, written to `folder`.
fn write_certificate(folder: &Path) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("made");
    std::fs::write(folder.join("shop.pem"), made.cert.pem()).expect("written");
    std::fs::write(folder.join("shop.key"), made.signing_key.serialize_pem()).expect("written");
    made.cert.der().clone()
}

fn load(folder: &Path) -> Result<Tls, String> {
    // Every connection looks at the files.
    Tls::load(&folder.join("shop.pem"), &folder.join("shop.key"), Duration::ZERO).map_err(|error| {
        let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        format!("{error}: {cause}")
    })
}

/// Connects and shakes hands, trusting this certificate alone.
async fn connect_tls(
    to: SocketAddr,
    trusted: &CertificateDer<'static>,
    protocols: &[&str],
) -> std::io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).expect("a certificate");
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    let stream = TcpStream::connect(to).await.expect("connected");
    let name = ServerName::try_from("localhost").expect("a name");
    at_last(TlsConnector::from(Arc::new(config)).connect(name, stream)).await
}

#[tokio::test]
async fn tls_is_served_and_a_new_certificate_is_taken_without_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let old = write_certificate(folder.path());
    let tls = load(folder.path()).expect("sound");
    let server = server(Connections { tls: Some(tls), ..connections() }).await;

    let mut first = connect_tls(server.address(), &old, &["h2", "http/1.1"]).await.expect("shaken");
    assert_eq!(first.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    assert!(is_served(&mut first).await);
    let mut plain = connect_tls(server.address(), &old, &[]).await.expect("a client may name no protocol");
    plain.write_all(b"GET /large HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.expect("sent");
    assert!(rest(&mut plain).await.len() > 8 * 1024 * 1024);
    assert!(connect_tls(server.address(), &old, &["h2"]).await.is_err(), "HTTP/2 alone cannot be had");

    let new = write_certificate(folder.path());
    assert!(connect_tls(server.address(), &old, &[]).await.is_err(), "it is not shown any more");
    assert!(is_served(&mut connect_tls(server.address(), &new, &[]).await.expect("the new one")).await);
    assert!(is_served(&mut first).await, "connections that there were go on");

    for broken in ["", "rubbish", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        std::fs::write(folder.path().join("shop.pem"), broken).expect("written");
        assert!(is_served(&mut connect_tls(server.address(), &new, &[]).await.expect("the last good one")).await);
    }
    std::fs::remove_file(folder.path().join("shop.key")).expect("removed");
    assert!(is_served(&mut connect_tls(server.address(), &new, &[]).await.expect("the last good one")).await);
    let newest = write_certificate(folder.path());
    assert!(is_served(&mut connect_tls(server.address(), &newest, &[]).await.expect("the newest one")).await);
}

#[tokio::test]
async fn a_handshake_that_does_not_come_keeps_nobody_waiting_and_is_cut_off() {
    let folder = tempfile::tempdir().expect("a folder");
    let certificate = write_certificate(folder.path());
    let tls = load(folder.path()).expect("sound");
    let limits = Connections { header_timeout: Duration::from_millis(500), tls: Some(tls), ..connections() };
    let server = server(limits).await;
    let mut silent = TcpStream::connect(server.address()).await.expect("connected");
    let mut in_plain = TcpStream::connect(server.address()).await.expect("connected");
    in_plain.write_all(ASK).await.expect("sent");
    let mut other = connect_tls(server.address(), &certificate, &[]).await.expect("shaken");
    assert!(is_served(&mut other).await);
    assert_eq!(rest(&mut silent).await, "");
    assert!(!rest(&mut in_plain).await.contains("HTTP/1.1"), "nothing is told in the clear");
}

#[tokio::test]
async fn what_is_wrong_with_a_certificate_is_told_with_its_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let (pem, key) = (folder.path().join("shop.pem"), folder.path().join("shop.key"));
    let told = |wanted: &[&str]| {
        let told = load(folder.path()).expect_err("a mistake");
        assert!(wanted.iter().all(|wanted| told.contains(wanted)), "{wanted:?}: {told}");
    };
    told(&["shop.pem cannot be read: No such file"]);
    write_certificate(folder.path());
    std::fs::remove_file(&key).expect("removed");
    told(&["shop.key cannot be read: No such file"]);
    std::fs::copy(&pem, &key).expect("copied");
    told(&["shop.key has no private key in it"]);
    write_certificate(folder.path());
    std::fs::copy(&key, &pem).expect("copied");
    told(&["shop.pem has no certificate in it"]);
    write_certificate(folder.path());
    let mine = std::fs::read(&key).expect("read");
    write_certificate(folder.path());
    std::fs::write(&key, mine).expect("written");
    told(&["shop.key is not that of the certificate in ", "shop.pem"]);
    write_certificate(folder.path());
    std::fs::write(&pem, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").expect("written");
    told(&["the certificate in ", "shop.pem cannot be used"]);
    std::fs::write(&pem, "-----BEGIN CERTIFICATE-----\nAAAA\n").expect("written");
    told(&["shop.pem is not a PEM file"]);
    write_certificate(folder.path());
    std::fs::write(&key, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n").expect("written");
    told(&["the private key in ", "shop.key cannot be used"]);
    std::fs::write(&key, vec![b'x'; 1024 * 1024 + 1]).expect("written");
    told(&["shop.key is larger than 1 MiB"]);
}
