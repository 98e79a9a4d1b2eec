//! Over TLS: the certificate must be the name's, and by an authority that is trusted.

use std::sync::Arc;

use entrepot_webhooks::{Delivered, SendError, SenderSettings, Step, Target};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::receiver::{ANYTHING, BODY, NAME, Names, Receiver, at_last, hear, message, sender_with, settings};

/// What a receiver shows, and the authority behind it.
struct Identity {
    acceptor: TlsAcceptor,
    root: CertificateDer<'static>,
}

fn identity_of(name: &str) -> Identity {
    let authority_key = rcgen::KeyPair::generate().expect("a key");
    let mut authority = rcgen::CertificateParams::new(Vec::new()).expect("sound");
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let root = authority.self_signed(&authority_key).expect("a certificate").der().clone();
    let key = rcgen::KeyPair::generate().expect("a key");
    let issuer = rcgen::Issuer::new(authority, authority_key);
    let own = rcgen::CertificateParams::new([name.to_owned()]).expect("sound").signed_by(&key, &issuer);
    let chain = vec![own.expect("a certificate").der().clone()];
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(chain, PrivateKeyDer::try_from(key.serialize_der()).expect("a key"))
        .expect("a pair");
    Identity { acceptor: TlsAcceptor::from(Arc::new(config)), root }
}

fn trusting(root: &CertificateDer<'static>) -> SenderSettings {
    SenderSettings { extra_roots: vec![root.clone()], ..settings() }
}

fn target_of(receiver: &Receiver) -> Target {
    Target::parse(&format!("https://{NAME}:{}/in", receiver.port()), ANYTHING).expect("a target")
}

/// Sends to a receiver with this identity. It tells what it heard, and for whom the sender asked.
async fn send_to(
    identity: &Identity,
    settings: SenderSettings,
) -> (Result<Delivered, SendError>, Option<(String, String)>) {
    let receiver = Receiver::new().await;
    let sender = sender_with(settings, Names::loopback());
    let (target, message) = (target_of(&receiver), message());
    let served = async {
        let mut stream = at_last(identity.acceptor.accept(receiver.accept().await)).await.ok()?;
        let asked_for = stream.get_ref().1.server_name().expect("a name").to_owned();
        // The last step of a handshake is the client's: it may hang up now, and has said nothing yet.
        let first = at_last(stream.read_u8()).await.ok()?;
        let heard = hear(&mut [first].as_slice().chain(&mut stream)).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.expect("sent");
        let _closed_or_reset = at_last(stream.read_u8()).await;
        Some((asked_for, heard.body))
    };
    tokio::join!(at_last(sender.send(&target, &message)), served)
}

#[tokio::test]
async fn a_receiver_with_a_good_certificate_gets_the_message() {
    let identity = identity_of(NAME);
    let (sent, heard) = send_to(&identity, trusting(&identity.root)).await;
    assert_eq!(sent.expect("delivered").said, "ok");
    assert_eq!(heard, Some((NAME.to_owned(), BODY.to_owned())));
}

#[tokio::test]
async fn a_receiver_with_a_bad_certificate_gets_nothing() {
    let (other, unknown) = (identity_of("other.test"), identity_of(NAME));
    for (identity, settings) in [(&other, trusting(&other.root)), (&unknown, trusting(&other.root))] {
        let (sent, heard) = send_to(identity, settings).await;
        assert!(matches!(&sent, Err(SendError::Tls { host, .. }) if host == NAME), "{sent:?}");
        assert_eq!(heard, None);
    }
}

#[tokio::test]
async fn a_receiver_without_tls_is_told() {
    let receiver = Receiver::new().await;
    let sender = sender_with(settings(), Names::loopback());
    let (target, message) = (target_of(&receiver), message());
    let plain = async {
        let mut stream = receiver.accept().await;
        let _first = at_last(stream.read_u8()).await;
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.expect("sent");
        let _closed_or_reset = at_last(stream.read_u8()).await;
    };
    let (sent, ()) = tokio::join!(at_last(sender.send(&target, &message)), plain);
    assert!(matches!(sent, Err(SendError::Tls { .. })), "{sent:?}");
}

#[tokio::test]
async fn a_handshake_that_hangs_is_given_up() {
    let receiver = Receiver::new().await;
    let sender = sender_with(settings(), Names::loopback());
    let (target, message) = (target_of(&receiver), message());
    let silent = async {
        let mut stream = receiver.accept().await;
        let _first = at_last(stream.read_u8()).await.expect("a greeting");
        tokio::time::pause();
        let mut rest = Vec::new();
        let _closed_or_reset = stream.read_to_end(&mut rest).await;
    };
    let (sent, ()) = tokio::join!(at_last(sender.send(&target, &message)), silent);
    assert!(matches!(sent, Err(SendError::TimedOut(Step::Handshake))), "{sent:?}");
}
