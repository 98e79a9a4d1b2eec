//! What goes out, and how an attempt ends that gets no answer.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use entrepot_runtime::Clock;
use entrepot_webhooks::{
    Message, Resolve, Secret, SendError, Sender, SenderSettings, SettingsError, Step, SystemResolver, VerifyError,
    verify,
};
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, pending};
use http::StatusCode;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::receiver::{
    BODY, LOOPBACK, NAME, Names, Receiver, at_last, hasty, hear, message, now, secret, sender_with, sent_to, settings,
};

#[tokio::test]
async fn a_receiver_gets_what_the_specification_promises() {
    let receiver = Receiver::new().await;
    let settings = SenderSettings { user_agent: "shop/2".to_owned(), ..settings() };
    let sender = sender_with(settings, Names::loopback());
    let new = Secret::generate().expect("random bytes");
    let message = Message::new("evt_1", now(), BODY, &[secret(), new.clone()]).expect("a message");
    let target = receiver.target();
    let answer = b"HTTP/1.1 202 Accepted\r\ncontent-length: 6\r\n\r\nthanks";
    let (sent, heard) = tokio::join!(at_last(sender.send(&target, &message)), receiver.answer(answer));

    let delivered = sent.expect("delivered");
    assert_eq!((delivered.status, delivered.said.as_str()), (StatusCode::ACCEPTED, "thanks"));
    assert_eq!(heard.line, "POST /in?key=1 HTTP/1.1");
    assert_eq!(heard.body, BODY);
    assert_eq!(heard.field("host"), format!("{NAME}:{}", receiver.port()));
    assert_eq!(heard.field("content-type"), "application/json");
    assert_eq!(heard.field("user-agent"), "shop/2");
    assert_eq!(heard.field("webhook-id"), "evt_1");
    assert_eq!(heard.field("webhook-timestamp"), now().as_second().to_string());
    let verified = |secret: Secret, body: &str| {
        let [id, time, signature] =
            ["webhook-id", "webhook-timestamp", "webhook-signature"].map(|name| heard.field(name));
        verify(&[secret], id, time, signature, body.as_bytes(), now(), Duration::from_secs(300))
    };
    assert_eq!(verified(secret(), &heard.body), Ok(()));
    assert_eq!(verified(new, &heard.body), Ok(()));
    assert_eq!(verified(secret(), "{}"), Err(VerifyError::Mismatch));
}

#[tokio::test]
async fn a_head_that_never_comes_is_given_up() {
    for beginning in ["", "HTTP/1.1 200 OK\r\ncontent-"] {
        let receiver = Receiver::new().await;
        let sender = sender_with(hasty(), Names::loopback());
        let (target, message) = (receiver.target(), message());
        let silent = async {
            let mut stream = receiver.accept().await;
            hear(&mut stream).await;
            stream.write_all(beginning.as_bytes()).await.expect("sent");
            tokio::time::pause();
            let _closed_or_reset = stream.read_u8().await;
        };
        let (sent, ()) = tokio::join!(at_last(sender.send(&target, &message)), silent);
        tokio::time::resume();
        assert!(matches!(sent, Err(SendError::TimedOut(Step::Answer))), "{sent:?}");
    }
}

#[tokio::test]
async fn a_body_that_is_not_read_is_given_up() {
    let receiver = Receiver::new().await;
    let sender = sender_with(hasty(), Names::loopback());
    // More than the buffers of the kernel take, again and again: the receiver reads none of it.
    let message = Message::new("evt_1", now(), vec![b' '; 1024 * 1024], &[secret()]).expect("a message");
    let target = receiver.target();
    let deaf = async {
        let _held = receiver.accept().await;
        tokio::time::pause();
        pending::<()>().await;
    };
    let sent = tokio::select! { sent = at_last(sender.send(&target, &message)) => sent, () = deaf => unreachable!() };
    assert!(matches!(sent, Err(SendError::TimedOut(Step::Answer))), "{sent:?}");
}

/// A resolver that is never done.
struct Hangs;

impl Resolve for Hangs {
    fn resolve<'a>(&'a self, _name: &'a str) -> BoxFuture<'a, std::io::Result<Vec<std::net::IpAddr>>> {
        pending().boxed()
    }
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_never_found_is_given_up() {
    let receiver = Receiver::new().await;
    let sent = at_last(sender_with(hasty(), Arc::new(Hangs)).send(&receiver.target(), &message())).await;
    assert!(matches!(sent, Err(SendError::TimedOut(Step::Resolving))), "{sent:?}");
}

#[tokio::test]
async fn a_connection_that_is_never_accepted_is_given_up() {
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
    socket.bind((LOOPBACK, 0).into()).expect("a port");
    let full = socket.listen(0).expect("a queue of one");
    let port = full.local_addr().expect("bound").port();
    let _first = at_last(TcpStream::connect((LOOPBACK, port))).await.expect("the queue has room for it");
    let target = entrepot_webhooks::Target::parse(&format!("http://{NAME}:{port}/"), crate::receiver::ANYTHING);
    tokio::time::pause();
    let sender = sender_with(settings(), Names::loopback());
    let sent = at_last(sender.send(&target.expect("a target"), &message())).await;
    assert!(matches!(sent, Err(SendError::TimedOut(Step::Connecting))), "{sent:?}");
}

#[tokio::test]
async fn an_attempt_that_is_dropped_closes_its_connection() {
    let receiver = Receiver::new().await;
    let sender = sender_with(settings(), Names::loopback());
    let (target, message) = (receiver.target(), message());
    let accepted = async {
        let mut stream = receiver.accept().await;
        hear(&mut stream).await;
        stream
    };
    let mut stream = tokio::select! {
        stream = accepted => stream,
        sent = sender.send(&target, &message) => panic!("nobody has answered: {sent:?}"),
    };
    let end = at_last(stream.read_u8()).await;
    assert!(end.is_err(), "{end:?}");
}

#[tokio::test]
async fn what_is_no_answer_is_told() {
    let large = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "x".repeat(100 * 1024));
    for answer in
        ["", "HTTP/1.1 200", "HTTP/1.1 99999 No\r\n\r\n", "SSH-2.0-OpenSSH_9.6\r\n\r\n", "\0\0\0\0\r\n\r\n", &large]
    {
        let receiver = Receiver::new().await;
        let sender = sender_with(settings(), Names::loopback());
        let (target, message) = (receiver.target(), message());
        let strange = async {
            let mut stream = receiver.accept().await;
            hear(&mut stream).await;
            // The sender may have heard enough before the end.
            let _sent_or_reset = stream.write_all(answer.as_bytes()).await;
        };
        let (sent, ()) = tokio::join!(at_last(sender.send(&target, &message)), strange);
        assert!(matches!(sent, Err(SendError::NoAnswer { .. })), "{:.20}: {sent:?}", answer);
    }
}

#[tokio::test]
async fn the_next_address_is_tried_where_one_is_closed() {
    let receiver = Receiver::new().await;
    let closed = Ipv4Addr::new(127, 0, 0, 9).into();
    let (target, message) = (receiver.target(), message());

    let sender = sender_with(settings(), Names::new([vec![closed, LOOPBACK]]));
    let answer = receiver.answer(b"HTTP/1.1 204 No Content\r\n\r\n");
    let (sent, _heard) = tokio::join!(at_last(sender.send(&target, &message)), answer);
    assert_eq!(sent.expect("delivered").status, StatusCode::NO_CONTENT);

    let sent = at_last(sender_with(settings(), Names::new([vec![closed; 3]])).send(&target, &message)).await;
    assert!(matches!(&sent, Err(SendError::Unreachable { host, .. }) if host == NAME), "{sent:?}");

    // The fifth is one too many.
    let sender = sender_with(settings(), Names::new([vec![closed, closed, closed, closed, LOOPBACK]]));
    let sent = at_last(sender.send(&target, &message)).await;
    assert!(matches!(sent, Err(SendError::Unreachable { .. })), "{sent:?}");
    assert!(receiver.is_untouched());
}

#[tokio::test]
async fn a_name_without_addresses_or_with_very_many_is_told() {
    let receiver = Receiver::new().await;
    let many = vec![LOOPBACK; 65];
    for names in [Names::new([]), Names::new([vec![]]), Names::new([many])] {
        let sent = at_last(sender_with(settings(), names).send(&receiver.target(), &message())).await;
        assert!(matches!(&sent, Err(SendError::Unresolvable { host, .. }) if host == NAME), "{sent:?}");
    }
    assert!(receiver.is_untouched());
}

#[tokio::test]
async fn settings_that_cannot_be_used_are_told() {
    let make = |settings| Sender::new(settings, Clock::system(), Arc::new(SystemResolver::default())).err();
    let agent = SenderSettings { user_agent: "a\nb".to_owned(), ..settings() };
    assert!(matches!(make(agent), Some(SettingsError::UserAgent(_))));
    for timeout in [Duration::ZERO, Duration::from_secs(601), Duration::MAX] {
        let long = SenderSettings { timeout, ..settings() };
        assert!(matches!(make(long), Some(SettingsError::Timeout)), "{timeout:?}");
        let slow = SenderSettings { connect_timeout: timeout, ..settings() };
        assert!(matches!(make(slow), Some(SettingsError::Timeout)), "{timeout:?}");
    }
    assert!(make(SenderSettings::default()).is_none());
}

#[tokio::test]
async fn an_attempt_can_be_a_task_of_its_own() {
    fn is_send<T: Send>(value: T) -> T {
        value
    }
    let sent = is_send(sent_to("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")).await;
    assert_eq!(sent.expect("delivered").said, "");
}
