//! A real SMTP server (aiosmtpd) beside a test; it ends with its value.
//!
//! **Invariant:** where it is not installed, a test fails and says what to run.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use entrepot_mail::{Security, SmtpSettings};
use mail_parser::Message;

/// Where `script/bootstrap` puts the server.
const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/mail-venv/bin/python");
const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/smtp_server.py");

/// The only one who may sign in, where anybody has to.
pub(crate) const USER: &str = "shop";
pub(crate) const PASSWORD: &str = "tea-and-biscuits";

/// How a server is started.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    pub(crate) security: Security,
    pub(crate) signs_in: bool,
    /// What it says instead of a greeting.
    pub(crate) greeting: Option<&'static str>,
    /// See `crowd@` in the program.
    pub(crate) crowd: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self { security: Security::None, signs_in: false, greeting: None, crowd: 0 }
    }
}

/// The server.
pub(crate) struct SmtpServer {
    child: Child,
    options: Options,
    folder: tempfile::TempDir,
    certificate_pem: String,
    pub(crate) port: u16,
}

/// A letter that it took.
pub(crate) struct Taken {
    bytes: Vec<u8>,
    /// Its envelope and connection.
    pub(crate) told: serde_json::Value,
}

impl Taken {
    pub(crate) fn message(&self) -> Message<'_> {
        mail_parser::MessageParser::default().parse(&self.bytes).expect("it is a message")
    }
}

impl SmtpServer {
    pub(crate) fn plain() -> Self {
        Self::start(Options::default())
    }

    pub(crate) fn start(options: Options) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
        let certificate_pem = made.cert.pem();
        std::fs::write(folder.path().join("certificate.pem"), &certificate_pem).expect("written");
        std::fs::write(folder.path().join("key.pem"), made.signing_key.serialize_pem()).expect("written");
        let (child, port) = run(folder.path(), options, 0);
        Self { child, options, folder, certificate_pem, port }
    }

    /// Ends it, as a crash would.
    pub(crate) fn stop(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }

    /// Starts it again, on the same port.
    pub(crate) fn start_again(&mut self) {
        (self.child, self.port) = run(self.folder.path(), self.options, self.port);
    }

    /// Settings that reach it.
    pub(crate) fn settings(&self) -> SmtpSettings {
        let (user, password) = if self.options.signs_in { (USER, PASSWORD) } else { ("", "") };
        SmtpSettings {
            host: "localhost".to_owned(),
            port: self.port,
            security: self.options.security,
            user: user.to_owned(),
            password: password.to_owned(),
            timeout: Duration::from_secs(30),
            connections: 4,
            extra_roots_pem: Some(self.certificate_pem.clone()),
        }
    }

    /// The letters that it took, in their order.
    pub(crate) fn taken(&self) -> Vec<Taken> {
        let read = |number: usize| {
            let told = std::fs::read(self.folder.path().join(format!("{number}.json"))).ok()?;
            Some(Taken {
                bytes: std::fs::read(self.folder.path().join(format!("{number}.eml"))).expect("it is there first"),
                told: serde_json::from_slice(&told).expect("JSON"),
            })
        };
        (1..).map_while(read).collect()
    }

    /// How many lines of the events begin so.
    pub(crate) fn events(&self, beginning: &str) -> usize {
        self.lines().iter().filter(|line| line.starts_with(beginning)).count()
    }

    /// The most connections that were ever open at once.
    pub(crate) fn most_open(&self) -> u32 {
        let open = |line: &String| line.strip_prefix("open ").and_then(|count| count.parse().ok());
        self.lines().iter().filter_map(open).max().unwrap_or(0)
    }

    fn lines(&self) -> Vec<String> {
        let events = std::fs::read_to_string(self.folder.path().join("events")).expect("it writes them");
        events.lines().map(str::to_owned).collect()
    }
}

fn run(folder: &Path, options: Options, port: u16) -> (Child, u16) {
    assert!(
        Path::new(PYTHON).exists(),
        "the SMTP server for tests (aiosmtpd) is not installed in target/mail-venv: run script/bootstrap"
    );
    let mut command = Command::new(PYTHON);
    command.args(["-B", PROGRAM, "--port", &port.to_string(), "--crowd", &options.crowd.to_string(), "--folder"]);
    command.arg(folder).arg("--certificate").arg(folder.join("certificate.pem"));
    command.arg("--key").arg(folder.join("key.pem")).arg("--tls").arg(match options.security {
        Security::None => "none",
        Security::StartTls => "starttls",
        Security::Tls => "wrapped",
    });
    if options.signs_in {
        command.arg("--sign-in").arg(format!("{USER}:{PASSWORD}"));
    }
    if let Some(greeting) = options.greeting {
        command.arg("--greet-with").arg(greeting);
    }
    // It ends when its standard input does, so also when this test is killed.
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("Python starts");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("it is piped")).read_line(&mut line).expect("it prints");
    let told: serde_json::Value = serde_json::from_str(&line).expect("it starts and prints its port");
    (child, u16::try_from(told["port"].as_u64().expect("a number")).expect("a port"))
}

impl Drop for SmtpServer {
    fn drop(&mut self) {
        let _already_killed = self.child.kill();
        let _already_reaped = self.child.wait();
    }
}
