//! A server under test: a router behind the real HTTP stack, on a real port.

use std::net::SocketAddr;

use axum::Router;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::client::Request;

/// A running server. It ends with this value.
#[derive(Debug)]
pub struct TestServer {
    address: SocketAddr,
    task: Option<JoinHandle<()>>,
}

impl TestServer {
    /// Serves `router` on a free port of loopback.
    ///
    /// # Panics
    /// When no port is to be had.
    pub async fn start(router: Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        #[expect(clippy::disallowed_methods, reason = "aborted when the value is dropped")]
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, task: Some(task) }
    }

    /// A client of a server that somebody else runs, such as a process.
    #[must_use]
    pub fn at(address: SocketAddr) -> Self {
        Self { address, task: None }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A request, sent when it is awaited.
    #[must_use]
    pub fn request(&self, method: &str, path: &str) -> Request {
        Request::new(self.address, method, path)
    }

    /// A GET, sent when it is awaited.
    #[must_use]
    pub fn get(&self, path: &str) -> Request {
        self.request("GET", path)
    }

    /// A POST, sent when it is awaited.
    #[must_use]
    pub fn post(&self, path: &str) -> Request {
        self.request("POST", path)
    }

    /// A PATCH, sent when it is awaited.
    #[must_use]
    pub fn patch(&self, path: &str) -> Request {
        self.request("PATCH", path)
    }

    /// A DELETE, sent when it is awaited.
    #[must_use]
    pub fn delete(&self, path: &str) -> Request {
        self.request("DELETE", path)
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}
