//! Real programs beside the server under test, each on a port of its own.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A TCP port on loopback that nobody listens on at this moment.
///
/// # Panics
/// When the machine has none left.
#[must_use]
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A real Redis that keeps nothing on disk; it ends with this value.
#[derive(Debug)]
pub struct RedisServer {
    child: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl RedisServer {
    /// Starts one and returns when it takes connections.
    ///
    /// # Panics
    /// When `redis-server` is not installed (`script/bootstrap` installs it) or does not start.
    #[must_use]
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let child = Self::spawn(folder.path(), port);
        let server = Self { child, port, _folder: folder };
        server.wait_until_ready();
        server
    }

    fn spawn(folder: &Path, port: u16) -> Child {
        Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir"])
            .arg(folder)
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed; script/bootstrap does it")
    }

    fn wait_until_ready(&self) {
        for _ in 0..500 {
            if std::net::TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                return;
            }
            #[expect(clippy::disallowed_methods, reason = "another program's port can only be polled")]
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("redis-server does not listen on port {} after 5 s", self.port);
    }

    /// Where it listens.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    /// Ends it at once, as a crash would.
    ///
    /// # Panics
    /// When it cannot be killed.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        let _already_killed = self.child.kill();
        let _already_reaped = self.child.wait();
    }
}
