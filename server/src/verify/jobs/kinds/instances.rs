//! The program under test: two instances that answer and do jobs, on one folder of files and one database; and a client
//! of theirs.
//!
//! **Invariant:** an instance is started with no SMTP server, whatever the environment says, so that no run ever sends a
//! letter to anybody.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context as _, bail};
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use super::super::lock;

const START: Duration = Duration::from_secs(60);
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(15);

pub(super) struct Instances {
    addresses: Vec<SocketAddr>,
    children: Vec<Mutex<Option<Child>>>,
    database_url: String,
    data: PathBuf,
}

impl Instances {
    pub(super) async fn start(count: usize, database_url: &str, data: &Path) -> anyhow::Result<Self> {
        let mut addresses = Vec::new();
        for _ in 0..count {
            addresses.push(TcpListener::bind("127.0.0.1:0")?.local_addr()?);
        }
        let children = addresses.iter().map(|_| Mutex::default()).collect();
        let this = Self { addresses, children, database_url: database_url.to_owned(), data: data.to_owned() };
        for index in 0..count {
            this.start_one(index, 0).await?;
        }
        Ok(this)
    }

    pub(super) fn count(&self) -> usize {
        self.addresses.len()
    }

    pub(super) fn address(&self, index: usize) -> SocketAddr {
        self.addresses[index]
    }

    /// Starts one on its port, with a clock that is off by so much, and waits until it is ready.
    async fn start_one(&self, index: usize, off_s: i64) -> anyhow::Result<()> {
        let mut command = Command::new(std::env::current_exe()?);
        command
            .arg("--data")
            .arg(&self.data)
            .args(["serve", "--roles", "api,worker", "--host", "127.0.0.1"])
            .args(["--port", &self.addresses[index].port().to_string()])
            .env("DATABASE_URL", &self.database_url)
            .env("REDIS_URL", "")
            .env("SMTP_HOST", "")
            .env("ENTREPOT_FILES_URL", "")
            .env("ENTREPOT_RATE_LIMITS_ENABLED", "false")
            .env("ENTREPOT_WEBHOOKS_ALLOW_PRIVATE", "true")
            .env("ENTREPOT_WEBHOOKS_ALLOW_HTTP", "true")
            // Short, so that what a dead instance had is soon another's.
            .env("ENTREPOT_JOBS_LEASE_MS", "2000")
            .env("ENTREPOT_SERVER_WORKER_THREADS", "2")
            .env("LOG_FORMAT", "json")
            .env("LOG_LEVEL", "info")
            .kill_on_drop(true)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        if off_s != 0 {
            command.env("ENTREPOT_CLOCK_OFFSET_S", off_s.to_string());
        }
        let mut child = command.spawn()?;
        let mut lines = BufReader::new(child.stderr.take().context("piped")?).lines();
        let mut said = Vec::new();
        let ready = tokio::time::timeout(START, async {
            while let Some(line) = lines.next_line().await? {
                if line.contains("\"message\":\"ready\"") {
                    return Ok(());
                }
                said.push(line);
            }
            bail!("an instance ended: {}", said.join("\n"))
        });
        ready.await.context("an instance does not become ready")??;
        // What it says from here on must be read, or it would wait for us.
        #[expect(clippy::disallowed_methods, reason = "ends with the instance's standard error")]
        tokio::spawn(async move { while let Ok(Some(_line)) = lines.next_line().await {} });
        *lock(&self.children[index]) = Some(child);
        Ok(())
    }

    /// Kills one without a warning.
    pub(super) async fn kill(&self, index: usize) {
        let child = lock(&self.children[index]).take();
        if let Some(mut child) = child {
            let _gone_already = child.kill().await;
        }
    }

    /// Kills one without a warning, and starts it anew.
    pub(super) async fn restart(&self, index: usize, off_s: i64) -> anyhow::Result<()> {
        self.kill(index).await;
        self.start_one(index, off_s).await
    }

    pub(super) async fn stop(&self) {
        for index in 0..self.count() {
            self.kill(index).await;
        }
    }
}

/// An answer.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Bytes,
}

impl Answer {
    /// The body as JSON; null where it is none.
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// A text of the body; empty where it has none of this name.
    pub(super) fn text(&self, member: &str) -> String {
        self.json()[member].as_str().unwrap_or_default().to_owned()
    }
}

/// A client that is signed in by a key.
pub(super) struct Api {
    client: Client<HttpConnector, Full<Bytes>>,
    key: String,
}

impl Api {
    pub(super) fn new(key: &str) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(Duration::from_secs(2)));
        Self { client: Client::builder(TokioExecutor::new()).build(connector), key: key.to_owned() }
    }

    pub(super) async fn get(&self, to: SocketAddr, path: &str) -> anyhow::Result<Answer> {
        self.send(to, "GET", path, "", Bytes::new()).await
    }

    pub(super) async fn json(&self, to: SocketAddr, method: &str, path: &str, body: &Value) -> anyhow::Result<Answer> {
        self.send(to, method, path, "application/json", serde_json::to_vec(body)?.into()).await
    }

    /// `media` is empty where there is no body.
    pub(super) async fn send(
        &self,
        to: SocketAddr,
        method: &str,
        path: &str,
        media: &str,
        body: Bytes,
    ) -> anyhow::Result<Answer> {
        let mut request =
            Request::builder().method(method).uri(format!("http://{to}{path}")).header("x-api-key", &self.key);
        if !media.is_empty() {
            request = request.header("content-type", media);
        }
        let request = request.body(Full::from(body))?;
        let answer = tokio::time::timeout(PATIENCE, async {
            let (parts, body) = self.client.request(request).await?.into_parts();
            anyhow::Ok(Answer { status: parts.status.as_u16(), body: body.collect().await?.to_bytes() })
        });
        answer.await.context("no answer in time")?
    }
}
