//! The program as a process: started with a clean environment, asked over its port, ended by signals.
//!
//! **Invariants:**
//! - The log is read all the time, so a program that logs much is never held up by its test.
//! - A process ends with the value that stands for it.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use entrepot_testkit::TestServer;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::house::{ADMIN, PASSWORD};

/// No test waits longer than this for a line of the log.
const PATIENCE: Duration = Duration::from_secs(60);

/// A folder that PostgreSQL's user can reach, also when the tests run as root.
pub(crate) fn folder() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).expect("opened");
    folder
}

/// The program with a clean environment, on this data folder.
pub(crate) fn entrepot(data: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_entrepot"));
    command.env_clear().env("PATH", "/usr/bin:/bin").arg("--data").arg(data).args(arguments);
    command.env("ENTREPOT_ADMIN_EMAIL", ADMIN).env("ENTREPOT_ADMIN_PASSWORD", PASSWORD);
    command
}

pub(crate) fn run(data: &Path, arguments: &[&str]) -> Output {
    entrepot(data, arguments).stdin(Stdio::null()).output().expect("it runs")
}

pub(crate) fn said(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

pub(crate) fn complaint(output: &Output) -> String {
    assert!(!output.status.success(), "it succeeded: {}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A running server.
pub(crate) struct Running {
    child: Child,
    pub(crate) client: TestServer,
    log: Arc<Log>,
}

/// What a process has logged so far.
#[derive(Default)]
struct Log {
    logged: Mutex<Logged>,
    changed: Condvar,
}

#[derive(Default)]
struct Logged {
    lines: Vec<String>,
    /// Whether nothing can follow.
    is_whole: bool,
}

impl Log {
    /// Reads what a process logs, in a thread that ends with it.
    fn of(stderr: ChildStderr) -> Arc<Self> {
        let log = Arc::new(Self::default());
        let reader = log.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                reader.logged.lock().expect("not poisoned").lines.push(line);
                reader.changed.notify_all();
            }
            reader.logged.lock().expect("not poisoned").is_whole = true;
            reader.changed.notify_all();
        });
        log
    }

    /// What `find` makes of the lines, as soon as it makes something of them; `None` where it does not in time.
    fn find<T>(&self, find: impl Fn(&Logged) -> Option<T>) -> Option<T> {
        let mut logged = self.logged.lock().expect("not poisoned");
        loop {
            if let Some(found) = find(&logged) {
                return Some(found);
            }
            if logged.is_whole {
                return None;
            }
            let (next, waited) = self.changed.wait_timeout(logged, PATIENCE).expect("not poisoned");
            if waited.timed_out() {
                return None;
            }
            logged = next;
        }
    }

    fn lines(&self) -> Vec<String> {
        self.logged.lock().expect("not poisoned").lines.clone()
    }
}

impl Running {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.args(["serve", "--port", "0"]).stderr(Stdio::piped()).spawn().expect("it starts");
        let log = Log::of(child.stderr.take().expect("piped"));
        let ready = |line: &String| {
            let entry = serde_json::from_str::<Value>(line).ok().filter(|entry| entry["message"] == "ready")?;
            Some(entry["address"].as_str().expect("an address").parse::<SocketAddr>().expect("an address"))
        };
        let address = log.find(|logged| logged.lines.iter().find_map(ready));
        let address = address.unwrap_or_else(|| panic!("it is not ready: {:?}", log.lines()));
        Self { child, client: TestServer::at(address), log }
    }

    /// The process' id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for an entry of the log; those from before it was ready count.
    pub(crate) fn logged(&self, wanted: impl Fn(&Value) -> bool) -> Option<Value> {
        let entry = |line: &String| serde_json::from_str::<Value>(line).ok().filter(&wanted);
        self.log.find(|logged| logged.lines.iter().find_map(entry))
    }

    /// Everything that it has logged so far.
    pub(crate) fn log(&self) -> Vec<String> {
        self.log.lines()
    }

    /// The admin's access token.
    pub(crate) async fn token(&self) -> String {
        let body = json!({"email": ADMIN, "password": PASSWORD});
        let signed_in = self.client.post("/api/v2/auth/login").json(&body).await.ok();
        signed_in["accessToken"].as_str().expect("a token").to_owned()
    }

    /// Puts a product in, as the admin.
    pub(crate) async fn put_in(&self, sku: &str) {
        let token = self.token().await;
        let body = json!({"sku": sku, "title": "Kept"});
        self.client.bearing(&token).post("/api/v2/products").json(&body).await.created();
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).expect("a pid")).expect("a pid");
        kill_process(pid, signal).expect("signalled");
    }

    /// Ends it by a signal; all that it said, and whether it ended well.
    pub(crate) fn end(mut self, signal: Signal) -> (Vec<String>, bool) {
        self.signal(signal);
        let well = self.child.wait().expect("it ends").success();
        let whole = self.log.find(|logged| logged.is_whole.then(|| logged.lines.clone()));
        (whole.unwrap_or_else(|| self.log.lines()), well)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _already_ended = self.child.kill();
        let _already_reaped = self.child.wait();
    }
}
