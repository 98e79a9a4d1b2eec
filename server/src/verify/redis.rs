//! A Redis of one's own, to be killed, emptied, stopped, and given back what it had long ago.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use redis::{AsyncConnectionConfig, cmd};
use rustix::process::{Pid, Signal, kill_process};

/// How long it may take to answer us.
const PATIENCE: Duration = Duration::from_secs(2);

pub(super) struct OwnRedis {
    folder: PathBuf,
    port: u16,
    child: Mutex<Option<Child>>,
    /// Keys and values as they were, from `DUMP`.
    kept: Mutex<Vec<(Vec<u8>, Vec<u8>)>>,
}

impl OwnRedis {
    /// Starts it; `None` where it is not installed.
    pub(super) async fn start(folder: &Path) -> Option<Self> {
        let port = std::net::TcpListener::bind("127.0.0.1:0").ok()?.local_addr().ok()?.port();
        let this = Self { folder: folder.to_owned(), port, child: Mutex::default(), kept: Mutex::default() };
        this.run().await.then_some(this)
    }

    pub(super) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    /// Runs it, empty; `false` when it does not come up.
    pub(super) async fn run(&self) -> bool {
        let child = Command::new("redis-server")
            .args([
                "--port",
                &self.port.to_string(),
                "--bind",
                "127.0.0.1",
                "--save",
                "",
                "--appendonly",
                "no",
                "--dir",
            ])
            .arg(&self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let Ok(child) = child else { return false };
        *self.child.lock().unwrap_or_else(PoisonError::into_inner) = Some(child);
        for _ in 0..100 {
            if self.call::<String>(&["PING"]).await.is_some() {
                return true;
            }
            #[expect(clippy::disallowed_methods, reason = "another program's port can only be polled")]
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        false
    }

    pub(super) fn kill(&self) {
        let child = self.child.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut child) = child {
            let _gone_already = child.kill();
            let _reaped = child.wait();
        }
    }

    pub(super) fn signal(&self, signal: Signal) {
        let child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        let pid = child.as_ref().and_then(|child| Pid::from_raw(i32::try_from(child.id()).ok()?));
        if let Some(pid) = pid {
            let _gone_already = kill_process(pid, signal);
        }
    }

    pub(super) async fn empty(&self) {
        let _emptied: Option<String> = self.call(&["FLUSHALL"]).await;
    }

    /// Keeps what it has now.
    pub(super) async fn keep(&self) {
        let keys: Vec<Vec<u8>> = self.call_bytes(&[b"KEYS", b"*"]).await.unwrap_or_default();
        let mut kept = Vec::new();
        for key in keys {
            if let Some(Some(dump)) = self.call_bytes::<Option<Vec<u8>>>(&[b"DUMP", &key]).await {
                kept.push((key, dump));
            }
        }
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = kept;
    }

    /// Gives back what was kept, over what there is.
    pub(super) async fn give_back(&self) {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for (key, dump) in kept {
            let _restored: Option<String> = self.call_bytes(&[b"RESTORE", &key, b"600000", &dump, b"REPLACE"]).await;
        }
    }

    async fn call<T: redis::FromRedisValue>(&self, words: &[&str]) -> Option<T> {
        let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
        self.call_bytes(&words).await
    }

    async fn call_bytes<T: redis::FromRedisValue>(&self, words: &[&[u8]]) -> Option<T> {
        let answer = tokio::time::timeout(PATIENCE, async {
            let client = redis::Client::open(self.url())?;
            let config = AsyncConnectionConfig::new().set_connection_timeout(Some(PATIENCE));
            let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
            let (name, rest) = words.split_first().map_or((&b""[..], &[][..]), |(name, rest)| (*name, rest));
            let mut command = cmd(&String::from_utf8_lossy(name));
            for word in rest {
                command.arg(*word);
            }
            command.query_async::<T>(&mut connection).await
        });
        answer.await.ok()?.ok()
    }
}

impl Drop for OwnRedis {
    fn drop(&mut self) {
        self.signal(Signal::CONT);
        self.kill();
    }
}
