//! The servers under test: this same program, as processes of their own.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

const START: Duration = Duration::from_secs(60);

/// All of them.
pub(super) struct Instances {
    all: Vec<Instance>,
    database_url: String,
    redis_url: Option<String>,
    data: PathBuf,
    without_fence: bool,
}

struct Instance {
    address: SocketAddr,
    child: Mutex<Option<Child>>,
    /// What it is given in its environment beside what all are.
    environment: Mutex<Vec<(&'static str, String)>>,
    /// Held by whoever starts it anew: two faults at once may both want to.
    restarting: tokio::sync::Mutex<()>,
}

impl Instances {
    pub(super) async fn start(
        count: usize,
        database_url: &str,
        redis_url: Option<&str>,
        data: &Path,
        without_fence: bool,
    ) -> anyhow::Result<Self> {
        let mut this = Self {
            all: Vec::new(),
            database_url: database_url.to_owned(),
            redis_url: redis_url.map(str::to_owned),
            data: data.to_owned(),
            without_fence,
        };
        for index in 0..count {
            let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
            let address = SocketAddr::from(([127, 0, 0, 1], port));
            this.all.push(Instance {
                address,
                child: Mutex::default(),
                environment: Mutex::default(),
                restarting: tokio::sync::Mutex::default(),
            });
            this.start_one(index).await?;
        }
        Ok(this)
    }

    pub(super) fn count(&self) -> usize {
        self.all.len()
    }

    pub(super) fn address(&self, index: usize) -> SocketAddr {
        self.all[index].address
    }

    /// Starts one on its port and waits until it is ready.
    pub(super) async fn start_one(&self, index: usize) -> anyhow::Result<()> {
        let instance = &self.all[index];
        let environment = instance.environment.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut command = Command::new(std::env::current_exe()?);
        command
            .arg("--data")
            .arg(self.data.join(format!("instance-{index}")))
            .args(["serve", "--host", "127.0.0.1", "--port", &instance.address.port().to_string()])
            .env("DATABASE_URL", &self.database_url)
            .env("REDIS_URL", self.redis_url.as_deref().unwrap_or_default())
            // Everything comes from one address, far more than anybody sends.
            .env("ENTREPOT_RATE_LIMITS_ENABLED", "false")
            .env("LOG_FORMAT", "json")
            .env("LOG_LEVEL", "info")
            .env("ENTREPOT_SERVER_WORKER_THREADS", "2")
            .env("ENTREPOT_CACHE_FENCED", if self.without_fence { "false" } else { "true" })
            // The last one neither sends nor hears nudges: it lives by its poll.
            .env("ENTREPOT_FEED_NUDGES", if index + 1 == self.all.len() && index > 0 { "false" } else { "true" })
            .envs(environment)
            .kill_on_drop(true)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
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
        *instance.child.lock().unwrap_or_else(PoisonError::into_inner) = Some(child);
        Ok(())
    }

    /// Sends a signal to one.
    pub(super) fn signal(&self, index: usize, signal: Signal) {
        let child = self.all[index].child.lock().unwrap_or_else(PoisonError::into_inner);
        let pid = child.as_ref().and_then(Child::id).and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        if let Some(pid) = pid {
            let _gone_already = kill_process(pid, signal);
        }
    }

    /// What one is given in its environment beside what all are, from its next start on.
    pub(super) fn set_environment(&self, index: usize, environment: Vec<(&'static str, String)>) {
        *self.all[index].environment.lock().unwrap_or_else(PoisonError::into_inner) = environment;
    }

    /// Kills one without a warning, and starts it anew.
    pub(super) async fn restart(&self, index: usize) -> anyhow::Result<()> {
        let _restarting = self.all[index].restarting.lock().await;
        let child = self.all[index].child.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut child) = child {
            child.kill().await?;
        }
        self.start_one(index).await
    }

    pub(super) async fn stop(&self) {
        for instance in &self.all {
            let child = instance.child.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(mut child) = child {
                let _gone_already = child.kill().await;
            }
        }
    }
}
