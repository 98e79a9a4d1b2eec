//! A server under test: modules behind the real edge and the real listener, on a real port.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use entrepot_runtime::{Clock, Shutdown};
use entrepot_web::{Connections, CorsPolicy, Edge, EdgeSettings, ListenerStats, Module, RequestStats, serve};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::client::Request;

/// A running server. It ends with this value.
#[derive(Debug)]
pub struct TestServer {
    address: SocketAddr,
    running: Option<(Shutdown, JoinHandle<usize>)>,
}

impl TestServer {
    /// Serves modules on a free port of loopback.
    pub async fn of_modules(modules: Vec<Module>) -> Self {
        let router = modules.into_iter().fold(Router::new(), |router, module| router.merge(module.routes));
        Self::start(Edge::new(router, edge_settings(), Clock::system(), RequestStats::default())).await
    }

    /// Serves `edge` on a free port of loopback.
    ///
    /// # Panics
    /// When no port is to be had.
    pub async fn start(edge: Edge) -> Self {
        Self::start_with(edge, connections()).await
    }

    /// The same with other limits for connections.
    ///
    /// # Panics
    /// When no port is to be had.
    pub async fn start_with(edge: Edge, connections: Connections) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = Shutdown::new();
        #[expect(clippy::disallowed_methods, reason = "ended when the value is dropped")]
        let task = tokio::spawn(serve(listener, edge, connections, shutdown.signal()));
        Self { address, running: Some((shutdown, task)) }
    }

    /// A client of a server that somebody else runs, such as a process.
    #[must_use]
    pub fn at(address: SocketAddr) -> Self {
        Self { address, running: None }
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

/// A client that has signed in.
#[derive(Clone, Debug)]
pub struct SignedIn<'a> {
    server: &'a TestServer,
    name: &'static str,
    value: String,
}

impl TestServer {
    /// A client that sends this access token.
    #[must_use]
    pub fn bearing(&self, token: &str) -> SignedIn<'_> {
        SignedIn { server: self, name: "authorization", value: format!("Bearer {token}") }
    }

    /// A client that sends this API key.
    #[must_use]
    pub fn with_key(&self, key: &str) -> SignedIn<'_> {
        SignedIn { server: self, name: "x-api-key", value: key.to_owned() }
    }
}

impl SignedIn<'_> {
    /// A request, sent when it is awaited.
    #[must_use]
    pub fn request(&self, method: &str, path: &str) -> Request {
        self.server.request(method, path).header(self.name, &self.value)
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

/// The limits of a server under test: those of `config/default.toml`, with a shorter time-out.
#[must_use]
pub fn edge_settings() -> EdgeSettings {
    EdgeSettings {
        request_timeout: Duration::from_secs(10),
        body_limit_bytes: 10 * 1024 * 1024,
        cors: CorsPolicy::default(),
        log_all: false,
        slow_request: Duration::from_secs(1),
    }
}

/// How a server under test treats connections: as `config/default.toml` has it, with fewer of them, all of
/// which one address may hold, and shorter time-outs.
#[must_use]
pub fn connections() -> Connections {
    Connections {
        max_connections: 4_000,
        connections_per_address: 4_000,
        trusted_proxies: Vec::new(),
        header_timeout: Duration::from_secs(10),
        body_timeout: Duration::from_secs(10),
        write_timeout: Duration::from_secs(10),
        drain: Duration::from_secs(2),
        tls: None,
        stats: ListenerStats::default(),
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        if let Some((shutdown, task)) = &self.running {
            shutdown.begin();
            task.abort();
        }
    }
}
