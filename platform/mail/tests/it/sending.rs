//! Letters that a server takes.

use entrepot_mail::{MailError, Security, Sent, SmtpSettings};
use mail_parser::HeaderName;

use crate::server::{Options, SmtpServer, USER};
use crate::{desk, letter, sending_to, settings};

#[tokio::test]
async fn a_letter_arrives_with_both_its_parts() {
    let server = SmtpServer::plain();
    let desk = sending_to(server.settings());
    let sent = desk.mailer.send(&letter("anna@bücher.example", "order 7")).await.expect("it is taken");
    assert_eq!(sent, Sent::ByServer { said: "taken as 1".to_owned() });
    let taken = server.taken();
    assert_eq!(taken[0].told["from"], "shop@example.org");
    assert_eq!(taken[0].told["to"], serde_json::json!(["anna@xn--bcher-kva.example"]));
    assert_eq!(taken[0].told["hello"], "example.org");
    let message = taken[0].message();
    let address = |found: Option<&mail_parser::Address<'_>>| {
        let first = found.and_then(|all| all.first()).expect("there is one");
        (first.name().map(str::to_owned), first.address().map(str::to_owned))
    };
    assert_eq!(address(message.from()), (Some("Tea & Co".to_owned()), Some("shop@example.org".to_owned())));
    assert_eq!(address(message.to()), (None, Some("anna@xn--bcher-kva.example".to_owned())));
    assert_eq!(address(message.reply_to()), (None, Some("help@example.org".to_owned())));
    assert_eq!(message.subject(), Some("Grüße – お茶 ☕ for you"));
    assert_eq!(message.date().map(mail_parser::DateTime::to_rfc3339).as_deref(), Some("2026-01-02T03:04:05Z"));
    let plain = |text: std::borrow::Cow<'_, str>| text.replace('\r', "");
    let text = message.body_text(0).map(plain).expect("a text");
    assert_eq!(text.trim_end(), "Dear Anna,\n.\nyour tea (größer) is on its way.");
    let html = message.body_html(0).map(plain).expect("HTML");
    assert_eq!(html.trim_end(), "<p>Dear Anna, your tea (größer) is on its way.</p>\n.");
    for (name, wanted) in [("Auto-Submitted", "auto-generated"), ("X-Entrepot-Kind", "order_shipped")] {
        assert_eq!(message.header_raw(HeaderName::parse(name).expect("a name")).map(str::trim), Some(wanted));
    }
}

#[tokio::test]
async fn a_letter_that_is_sent_again_has_the_same_message_id() {
    let server = SmtpServer::plain();
    let ids = async |key: &str| {
        let desk = sending_to(server.settings());
        desk.mailer.send(&letter("anna@example.org", key)).await.expect("it is taken");
        let taken = server.taken();
        taken.last().and_then(|last| last.message().message_id().map(str::to_owned)).expect("it has one")
    };
    let (first, again, other) = (ids("order 7").await, ids("order 7").await, ids("order 8").await);
    assert_eq!(first, again);
    assert_ne!(first, other);
    assert!(first.ends_with("@example.org"), "{first}");
}

#[tokio::test]
async fn letters_go_over_tls_in_both_ways_and_only_then_is_a_password_sent() {
    for security in [Security::StartTls, Security::Tls] {
        // aiosmtpd offers no sign-in on a connection that was TLS from the first byte.
        let signs_in = security == Security::StartTls;
        let server = SmtpServer::start(Options { security, signs_in, ..Options::default() });
        let desk = sending_to(server.settings());
        desk.mailer.send(&letter("anna@example.org", "order 7")).await.expect("it is taken");
        let told = &server.taken()[0].told;
        assert_eq!(told["tls"], true, "{security:?}");
        assert_eq!(told["user"].as_str(), signs_in.then_some(USER), "{security:?}");
    }
}

#[tokio::test]
async fn a_server_without_a_certificate_that_is_trusted_gets_no_letter() {
    for security in [Security::StartTls, Security::Tls] {
        let server = SmtpServer::start(Options { security, ..Options::default() });
        let others = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
        for (host, extra_roots_pem) in [
            ("localhost", None),
            ("localhost", Some(others.cert.pem())),
            // Its certificate is for another name.
            ("127.0.0.1", server.settings().extra_roots_pem),
        ] {
            let smtp = SmtpSettings { extra_roots_pem, host: host.to_owned(), ..server.settings() };
            let error = sending_to(smtp).mailer.send(&letter("anna@example.org", "order 7")).await;
            assert!(matches!(error, Err(MailError::Unreachable(_))), "{security:?} {host}: {error:?}");
        }
        assert!(server.taken().is_empty());
    }
}

#[tokio::test]
async fn a_server_that_offers_no_tls_is_not_spoken_to_in_the_clear() {
    let server = SmtpServer::plain();
    let smtp = SmtpSettings { security: Security::StartTls, ..server.settings() };
    let error = sending_to(smtp).mailer.send(&letter("anna@example.org", "order 7")).await;
    assert!(matches!(error, Err(MailError::Unreachable(_))), "{error:?}");
    assert!(server.taken().is_empty());
}

#[tokio::test]
async fn a_wrong_password_is_the_servers_matter_and_not_the_letters() {
    let server = SmtpServer::start(Options { security: Security::StartTls, signs_in: true, ..Options::default() });
    let desk = sending_to(SmtpSettings { password: "coffee".to_owned(), ..server.settings() });
    let error = desk.mailer.send(&letter("anna@example.org", "order 7")).await.expect_err("it is wrong");
    assert!(matches!(error, MailError::NotSignedIn(_)) && !error.is_permanent(), "{error:?}");
    assert!(!format!("{error:?}").contains("coffee"));
    assert_eq!(desk.breakers.figures()[0].failures, 1);
}

#[tokio::test]
async fn letters_share_a_connection_and_there_are_never_too_many() {
    let server = SmtpServer::start(Options { crowd: 3, ..Options::default() });
    let desk = sending_to(SmtpSettings { connections: 2, ..server.settings() });
    let letters: Vec<_> = (0..6).map(|number| letter("crowd@example.org", &number.to_string())).collect();
    let (a, b, c, d, e, f) = tokio::join!(
        desk.mailer.send(&letters[0]),
        desk.mailer.send(&letters[1]),
        desk.mailer.send(&letters[2]),
        desk.mailer.send(&letters[3]),
        desk.mailer.send(&letters[4]),
        desk.mailer.send(&letters[5]),
    );
    for sent in [a, b, c, d, e, f] {
        sent.expect("it is taken");
    }
    assert_eq!(server.taken().len(), 6);
    assert_eq!((server.most_open(), server.events("connected")), (2, 2));
    assert_eq!(server.events("reset"), 4, "a connection is reset before it is used again");
}

#[tokio::test]
async fn an_idle_connection_that_the_server_has_closed_is_replaced() {
    let mut server = SmtpServer::plain();
    let desk = sending_to(server.settings());
    desk.mailer.send(&letter("anna@example.org", "order 7")).await.expect("it is taken");
    server.stop();
    server.start_again();
    desk.mailer.send(&letter("anna@example.org", "order 8")).await.expect("it is taken");
    assert_eq!(server.events("connected"), 2);
}

#[tokio::test]
async fn a_recipient_gets_so_many_letters_and_then_none_for_a_while() {
    let server = SmtpServer::plain();
    let per_recipient = (2, std::time::Duration::from_secs(60));
    let desk = desk(&entrepot_mail::MailSettings {
        per_recipient,
        ..settings(Some(server.settings()), std::path::Path::new("none"))
    });
    for key in ["1", "2"] {
        desk.mailer.send(&letter("anna@example.org", key)).await.expect("it is taken");
    }
    let error = desk.mailer.send(&letter("ANNA@example.org", "3")).await.expect_err("these are enough");
    assert!(!error.is_permanent());
    assert_eq!(error.again_after(), Some(per_recipient.1));
    desk.mailer.send(&letter("bob@example.org", "3")).await.expect("it is taken");
    desk.hand.advance(per_recipient.1);
    desk.mailer.send(&letter("anna@example.org", "3")).await.expect("it is taken");
    assert_eq!(server.taken().len(), 4);
}
