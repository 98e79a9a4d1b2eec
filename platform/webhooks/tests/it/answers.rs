//! What an answer means, and what of it is kept.

use std::time::Duration;

use entrepot_webhooks::SendError;
use http::StatusCode;
use tokio::io::AsyncWriteExt as _;

use crate::receiver::{Names, Receiver, at_last, hear, message, sender_with, sent_to, settings};

#[tokio::test]
async fn only_2xx_is_success() {
    for status in [200, 201, 202, 204, 299] {
        let sent = sent_to(&format!("HTTP/1.1 {status} Fine\r\ncontent-length: 0\r\n\r\n")).await;
        assert_eq!(sent.expect("delivered").status.as_u16(), status);
    }
    for status in [101, 400, 401, 404, 409, 422, 429, 500, 502, 503, 504, 600, 999] {
        let sent = sent_to(&format!("HTTP/1.1 {status} No\r\ncontent-length: 4\r\n\r\nwhy?")).await;
        let Err(SendError::Refused { status: said_status, .. }) = &sent else { panic!("{status}: {sent:?}") };
        assert_eq!(said_status.as_u16(), status);
    }
}

#[tokio::test]
async fn a_receiver_that_is_gone_says_so_once() {
    let gone = sent_to("HTTP/1.1 410 Gone\r\ncontent-length: 3\r\n\r\nbye").await.expect_err("not delivered");
    assert!(matches!(&gone, SendError::Gone { said } if said == "bye"), "{gone:?}");
    assert!(gone.wants_disabling() && gone.is_permanent());
}

#[tokio::test]
async fn a_receiver_says_when_to_come_again() {
    for (value, wanted) in [
        ("retry-after: 120\r\n", Some(120)),
        ("Retry-After: Sat, 01 Mar 2025 12:05:00 GMT\r\n", Some(300)),
        ("retry-after: soon\r\n", None),
        ("", None),
    ] {
        let sent = sent_to(&format!("HTTP/1.1 503 Busy\r\n{value}content-length: 0\r\n\r\n")).await;
        let refused = sent.expect_err("not delivered");
        assert_eq!(refused.retry_after(), wanted.map(Duration::from_secs), "{value}");
        assert!(refused.may_pass());
    }
}

#[tokio::test]
async fn no_redirect_is_followed() {
    let elsewhere = Receiver::new().await;
    for status in [300, 301, 302, 303, 307, 308] {
        let answer = format!(
            "HTTP/1.1 {status} There\r\nlocation: http://127.0.0.1:{}/\r\ncontent-length: 0\r\n\r\n",
            elsewhere.port()
        );
        let sent = sent_to(&answer).await;
        assert!(matches!(&sent, Err(SendError::Redirected { status: told }) if told.as_u16() == status), "{sent:?}");
    }
    assert!(elsewhere.is_untouched());
}

#[tokio::test]
async fn the_first_words_are_kept_and_the_connection_closed_after_enough() {
    let receiver = Receiver::new().await;
    let mut settings = settings();
    settings.most_response_bytes = 16 * 1024;
    let sender = sender_with(settings, Names::loopback());
    let (target, message) = (receiver.target(), message());
    // It promises more than it ever sends: whoever reads on waits for ever.
    let answer = format!("HTTP/1.1 500 Oh\r\ncontent-length: 1000000000\r\n\r\n{}", "é".repeat(8 * 1024));
    let (sent, _heard) = tokio::join!(at_last(sender.send(&target, &message)), receiver.answer(answer.as_bytes()));
    let Err(SendError::Refused { status, said, .. }) = sent else { panic!("{sent:?}") };
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(said, "é".repeat(250));
}

#[tokio::test]
async fn a_body_that_trickles_undoes_nothing_and_ends_at_the_time_out() {
    let receiver = Receiver::new().await;
    let mut settings = settings();
    settings.timeout = Duration::from_secs(20);
    let sender = sender_with(settings, Names::loopback());
    let (target, message) = (receiver.target(), message());
    let trickle = async {
        let mut stream = receiver.accept().await;
        hear(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nx").await.expect("sent");
        tokio::time::pause();
        let mut every_second = tokio::time::interval(Duration::from_secs(1));
        loop {
            every_second.tick().await;
            if stream.write_all(b"x").await.is_err() {
                return;
            }
        }
    };
    let (sent, ()) = at_last(async { tokio::join!(sender.send(&target, &message), trickle) }).await;
    let delivered = sent.expect("the receiver has said that it has it");
    assert_eq!(delivered.status, StatusCode::OK);
    assert!(delivered.said.len() < 500, "{}", delivered.said);
}

#[tokio::test]
async fn a_body_that_breaks_off_undoes_nothing() {
    for body in ["content-length: 100\r\n\r\nhal", "transfer-encoding: chunked\r\n\r\n3\r\nhal\r\nrubbish\r\n"] {
        let receiver = Receiver::new().await;
        let sender = sender_with(settings(), Names::loopback());
        let (target, message) = (receiver.target(), message());
        let broken = async {
            let mut stream = receiver.accept().await;
            hear(&mut stream).await;
            stream.write_all(format!("HTTP/1.1 200 OK\r\n{body}").as_bytes()).await.expect("sent");
        };
        let (sent, ()) = tokio::join!(at_last(sender.send(&target, &message)), broken);
        assert_eq!(sent.expect("delivered").said, "hal", "{body}");
    }
}
