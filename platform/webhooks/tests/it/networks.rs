//! Calls into the own network: none is made, whatever the URL and the resolver say.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use entrepot_webhooks::{SendError, SenderSettings, SystemResolver, Target, TargetError, TargetRules};

use crate::receiver::{ANYTHING, LOOPBACK, NAME, Names, Receiver, at_last, message, sender_with, settings};

/// The rules of production, but that a test may do without a certificate.
const PUBLIC_ONLY: TargetRules = TargetRules { allow_http: true, allow_private: false };

fn public_only() -> SenderSettings {
    SenderSettings { targets: PUBLIC_ONLY, ..settings() }
}

#[tokio::test]
async fn an_address_that_is_not_public_is_not_even_connected_to() {
    let receiver = Receiver::new().await;
    let sender = sender_with(public_only(), Names::loopback());
    for host in ["127.0.0.1", "127.1", "2130706433", "0x7f.1", "0177.0.0.1", "[::ffff:127.0.0.1]", "0.0.0.0", "0", NAME]
    {
        let text = format!("http://{host}:{}/", receiver.port());
        // Read when private addresses were allowed: what counts is what is allowed when it is sent.
        let target = Target::parse(&text, ANYTHING).expect("a target");
        let sent = at_last(sender.send(&target, &message())).await;
        assert!(matches!(sent, Err(SendError::PrivateNetwork { .. })), "{text}: {sent:?}");
    }
    assert!(receiver.is_untouched());
}

#[tokio::test]
async fn all_addresses_of_a_name_are_judged() {
    let receiver = Receiver::new().await;
    let public = IpAddr::V4(Ipv4Addr::new(192, 0, 1, 1));
    for private in ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "fd00::1"]
    {
        let private: IpAddr = private.parse().expect("an address");
        // Far behind the addresses that would be tried.
        let names = Names::new([vec![private], vec![public, public, public, public, public, private]]);
        let sender = sender_with(public_only(), names);
        for _each_answer in 0..2 {
            let sent = at_last(sender.send(&receiver.target(), &message())).await;
            assert!(
                matches!(&sent, Err(SendError::PrivateNetwork { host, address }) if host == NAME && *address == private),
                "{private}: {sent:?}"
            );
        }
    }
    assert!(receiver.is_untouched());
}

#[tokio::test]
async fn a_name_is_resolved_once_and_the_connection_goes_to_that_very_address() {
    // Were the name resolved anew when connecting, it would be at another address, where nobody listens; and
    // the system's resolver does not know this name at all.
    let receiver = Receiver::new().await;
    let names = Names::new([vec![LOOPBACK], vec![Ipv4Addr::new(127, 0, 0, 9).into()]]);
    let sender = sender_with(settings(), names.clone());
    let (target, message) = (receiver.target(), message());
    let answer = receiver.answer(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    let (sent, heard) = tokio::join!(at_last(sender.send(&target, &message)), answer);
    assert!(sent.is_ok(), "{sent:?}");
    assert_eq!(heard.field("host"), format!("{NAME}:{}", receiver.port()));
    assert_eq!(names.asked(), [NAME]);
}

#[tokio::test]
async fn an_address_in_the_url_is_not_looked_up() {
    let receiver = Receiver::new().await;
    let names = Names::loopback();
    let sender = sender_with(settings(), names.clone());
    let target = Target::parse(&format!("http://0x7f.1:{}/", receiver.port()), ANYTHING).expect("a target");
    let message = message();
    let answer = receiver.answer(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    let (sent, heard) = tokio::join!(at_last(sender.send(&target, &message)), answer);
    assert!(sent.is_ok(), "{sent:?}");
    assert_eq!(heard.field("host"), format!("127.0.0.1:{}", receiver.port()));
    assert!(names.asked().is_empty());
}

#[tokio::test]
async fn localhost_is_known_for_what_it_is() {
    let receiver = Receiver::new().await;
    let sender = sender_with(public_only(), Arc::new(SystemResolver::default()));
    let target = Target::parse(&format!("http://localhost:{}/", receiver.port()), PUBLIC_ONLY).expect("only a name");
    let sent = at_last(sender.send(&target, &message())).await;
    assert!(matches!(&sent, Err(SendError::PrivateNetwork { address, .. }) if address.is_loopback()), "{sent:?}");
    assert!(receiver.is_untouched());
}

#[tokio::test]
async fn what_is_not_encrypted_is_not_sent_where_that_is_not_allowed() {
    let receiver = Receiver::new().await;
    let targets = TargetRules { allow_http: false, allow_private: true };
    let sender = sender_with(SenderSettings { targets, ..settings() }, Names::loopback());
    let sent = at_last(sender.send(&receiver.target(), &message())).await;
    assert!(matches!(sent, Err(SendError::NotAllowed(TargetError::NotEncrypted))), "{sent:?}");
    assert!(receiver.is_untouched());
}
