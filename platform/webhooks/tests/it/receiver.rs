//! What the tests share: a receiver to play, a resolver that says what it is told to, and a sender.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use entrepot_runtime::Clock;
use entrepot_webhooks::{Delivered, Message, Resolve, Secret, SendError, Sender, SenderSettings, Target, TargetRules};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// No test waits longer than this for something that must happen.
const AT_LAST: Duration = Duration::from_secs(60);
/// Longer than that: an attempt that ends only then fails its test.
pub(crate) const NEVER: Duration = Duration::from_secs(600);
pub(crate) const NAME: &str = "hooks.test";
pub(crate) const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
pub(crate) const ANYTHING: TargetRules = TargetRules { allow_http: true, allow_private: true };
pub(crate) const BODY: &str = r#"{"type":"order.placed","data":{"number":7}}"#;

pub(crate) async fn at_last<F: Future>(event: F) -> F::Output {
    tokio::time::timeout(AT_LAST, event).await.expect("it happens at last")
}

/// What the clock of the tests says.
pub(crate) fn now() -> Timestamp {
    "2025-03-01T12:00:00Z".parse().expect("a time")
}

pub(crate) fn secret() -> Secret {
    Secret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("a secret")
}

pub(crate) fn message() -> Message {
    Message::new("evt_1", now(), BODY, &[secret()]).expect("a message")
}

/// For attempts that hang: a time-out that ends them before their test does.
pub(crate) fn hasty() -> SenderSettings {
    SenderSettings { timeout: Duration::from_secs(20), ..settings() }
}

pub(crate) fn settings() -> SenderSettings {
    SenderSettings { targets: ANYTHING, timeout: NEVER, ..SenderSettings::default() }
}

/// Gives the answers that it was made with, one after the other, and counts how often it was asked.
#[derive(Default)]
pub(crate) struct Names {
    answers: Mutex<VecDeque<Vec<IpAddr>>>,
    asked: Mutex<Vec<String>>,
}

impl Names {
    pub(crate) fn new(answers: impl IntoIterator<Item = Vec<IpAddr>>) -> Arc<Self> {
        Arc::new(Self { answers: Mutex::new(answers.into_iter().collect()), asked: Mutex::default() })
    }

    /// One that answers any number of times with loopback.
    pub(crate) fn loopback() -> Arc<Self> {
        Self::new(std::iter::repeat_n(vec![LOOPBACK], 100))
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("no panic").clone()
    }
}

impl Resolve for Names {
    fn resolve<'a>(&'a self, name: &'a str) -> BoxFuture<'a, std::io::Result<Vec<IpAddr>>> {
        self.asked.lock().expect("no panic").push(name.to_owned());
        let answer = self.answers.lock().expect("no panic").pop_front();
        async move { answer.ok_or_else(|| std::io::Error::other("unknown name")) }.boxed()
    }
}

pub(crate) fn sender_with(settings: SenderSettings, names: Arc<dyn Resolve>) -> Sender {
    let (clock, _never_moved) = Clock::manual(now());
    Sender::new(settings, clock, names).expect("sound settings")
}

/// A place that connections come to.
pub(crate) struct Receiver {
    listener: TcpListener,
}

/// A request as it came.
pub(crate) struct Heard {
    pub(crate) line: String,
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Heard {
    pub(crate) fn field(&self, name: &str) -> &str {
        let mut found = self.fields.iter().filter(|(field, _)| field == name);
        let (_, value) = found.next().unwrap_or_else(|| panic!("{name} is there: {:?}", self.fields));
        assert!(found.next().is_none(), "{name} is there once");
        value
    }
}

impl Receiver {
    pub(crate) async fn new() -> Self {
        Self { listener: TcpListener::bind((LOOPBACK, 0)).await.expect("a port") }
    }

    pub(crate) fn port(&self) -> u16 {
        self.listener.local_addr().expect("bound").port()
    }

    /// By its name, in plain HTTP.
    pub(crate) fn target(&self) -> Target {
        Target::parse(&format!("http://{NAME}:{}/in?key=1", self.port()), ANYTHING).expect("a target")
    }

    pub(crate) async fn accept(&self) -> TcpStream {
        at_last(self.listener.accept()).await.expect("a connection").0
    }

    /// Reads one request and answers with these bytes; then waits until the sender has closed.
    pub(crate) async fn answer(&self, bytes: &[u8]) -> Heard {
        let mut stream = self.accept().await;
        let heard = hear(&mut stream).await;
        stream.write_all(bytes).await.expect("sent");
        let _closed_or_reset = at_last(stream.read_u8()).await;
        heard
    }

    /// Whether nobody has come who was not accepted. The kernel would have queued whoever did.
    pub(crate) fn is_untouched(&self) -> bool {
        self.listener.accept().now_or_never().is_none()
    }
}

/// Reads one request.
pub(crate) async fn hear(stream: &mut (impl AsyncRead + Unpin)) -> Heard {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(at_last(stream.read_u8()).await.expect("a request"));
    }
    let head = String::from_utf8(head).expect("ASCII");
    let mut lines = head.trim_end().split("\r\n").map(str::to_owned);
    let line = lines.next().expect("a first line");
    let fields =
        lines.filter_map(|line| line.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned())));
    let mut heard = Heard { line, fields: fields.collect(), body: String::new() };
    let length = heard.field("content-length").parse().expect("a number");
    let mut body = vec![0; length];
    at_last(stream.read_exact(&mut body)).await.expect("a body");
    heard.body = String::from_utf8(body).expect("UTF-8");
    heard
}

/// Sends the message to a receiver that answers with these bytes.
pub(crate) async fn sent_to(answer: &str) -> Result<Delivered, SendError> {
    let receiver = Receiver::new().await;
    let sender = sender_with(settings(), Names::loopback());
    let (target, message) = (receiver.target(), message());
    let (sent, _heard) = tokio::join!(at_last(sender.send(&target, &message)), receiver.answer(answer.as_bytes()));
    sent
}
