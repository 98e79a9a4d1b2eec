//! A client that measures: one request after the other, or at a fixed rate counted from when each
//! was due, so that a stalled server cannot hide what it made others wait.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::ensure;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, header};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::sync::{Mutex, OnceCell, Semaphore};

use crate::programs::{ADMIN, PASSWORD};

#[derive(Clone)]
pub(crate) struct Http {
    client: Client<HttpConnector, Full<Bytes>>,
    pub(crate) address: SocketAddr,
    /// The admin's, once something needed it.
    token: Arc<OnceCell<String>>,
}

/// An answer with status 200.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) fields: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    /// A field's value; empty where there is none.
    pub(crate) fn field(&self, name: &str) -> &str {
        self.fields.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Whether it came from the server's cache.
    pub(crate) fn is_hit(&self) -> bool {
        self.field("cache-status").starts_with("entrepot; hit")
    }

    pub(crate) fn json(&self) -> anyhow::Result<serde_json::Value> {
        Ok(serde_json::from_slice(&self.body)?)
    }
}

impl Http {
    pub(crate) fn new(address: SocketAddr) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Self { client: Client::builder(TokioExecutor::new()).build(connector), address, token: Arc::default() }
    }

    /// The admin's access token.
    pub(crate) async fn token(&self) -> anyhow::Result<&str> {
        let sign_in = || async {
            let body = serde_json::json!({"email": ADMIN, "password": PASSWORD}).to_string();
            let json = [(header::CONTENT_TYPE, "application/json")];
            let answer = self.ask(Method::POST, "/api/v2/auth/login", &json, body.into()).await?;
            let token = answer.json()?["accessToken"].as_str().map(str::to_owned);
            token.ok_or_else(|| anyhow::anyhow!("a sign-in gives no token"))
        };
        Ok(self.token.get_or_try_init(sign_in).await?)
    }

    /// Sends a request; anything but 200 is an error. Changes, and looks at the machinery, are the
    /// admin's.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        fields: &[(header::HeaderName, &str)],
        body: Bytes,
    ) -> anyhow::Result<Answer> {
        if method == Method::GET && !path.starts_with("/api/admin") {
            return self.ask(method, path, fields, body).await;
        }
        let bearer = format!("Bearer {}", self.token().await?);
        let mut fields = fields.to_vec();
        fields.push((header::AUTHORIZATION, &bearer));
        self.ask(method, path, &fields, body).await
    }

    /// Reads what is not for everybody.
    pub(crate) async fn as_admin(&self, path: &str) -> anyhow::Result<Answer> {
        let bearer = format!("Bearer {}", self.token().await?);
        self.ask(Method::GET, path, &[(header::AUTHORIZATION, &bearer)], Bytes::new()).await
    }

    /// Sends a request that may make something too; anything but a success is an error.
    pub(crate) async fn write(
        &self,
        method: Method,
        path: &str,
        fields: &[(header::HeaderName, &str)],
        body: Bytes,
    ) -> anyhow::Result<Answer> {
        let mut request = Request::builder().method(method).uri(format!("http://{}{path}", self.address));
        for (name, value) in fields {
            request = request.header(name, *value);
        }
        let response = self.client.request(request.body(Full::new(body))?).await?;
        let (parts, body) = response.into_parts();
        let body = body.collect().await?.to_bytes();
        ensure!(parts.status.is_success(), "{path} answered {}: {}", parts.status, String::from_utf8_lossy(&body));
        Ok(Answer { fields: parts.headers, body })
    }

    /// Sends a request as it is; anything but 200 is an error.
    async fn ask(
        &self,
        method: Method,
        path: &str,
        fields: &[(header::HeaderName, &str)],
        body: Bytes,
    ) -> anyhow::Result<Answer> {
        let mut request = Request::builder().method(method).uri(format!("http://{}{path}", self.address));
        for (name, value) in fields {
            request = request.header(name, *value);
        }
        let response = self.client.request(request.body(Full::new(body))?).await?;
        let (parts, body) = response.into_parts();
        let body = body.collect().await?.to_bytes();
        ensure!(parts.status == 200, "{path} answered {}: {}", parts.status, String::from_utf8_lossy(&body));
        Ok(Answer { fields: parts.headers, body })
    }

    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<Answer> {
        self.send(Method::GET, path, &[], Bytes::new()).await
    }

    pub(crate) async fn json(&self, path: &str) -> anyhow::Result<serde_json::Value> {
        self.get(path).await?.json()
    }

    /// The median of so many requests, one after the other.
    pub(crate) async fn median(&self, path: &str, requests: usize) -> anyhow::Result<Duration> {
        let mut times = Vec::with_capacity(requests);
        for _ in 0..requests {
            let start = Instant::now();
            self.get(path).await?;
            times.push(start.elapsed());
        }
        times.sort_unstable();
        Ok(times[times.len() / 2])
    }

    /// Asks for `paths` over so many connections, each sending the next when it has its answer; the
    /// times, sorted. How long a crowd waits that leaves the server no pause.
    pub(crate) async fn without_pause(&self, paths: &[String], connections: usize) -> anyhow::Result<Vec<Duration>> {
        let mut tasks = Vec::new();
        for connection in 0..connections {
            let (this, paths) =
                (self.clone(), paths.iter().skip(connection).step_by(connections).cloned().collect::<Vec<_>>());
            tasks.push(tokio::spawn(async move {
                let mut times = Vec::with_capacity(paths.len());
                for path in paths {
                    let start = Instant::now();
                    this.get(&path).await?;
                    times.push(start.elapsed());
                }
                anyhow::Ok(times)
            }));
        }
        let mut times = Vec::new();
        for task in tasks {
            times.extend(task.await??);
        }
        times.sort_unstable();
        Ok(times)
    }

    /// Asks for `paths` in turn at a fixed rate over at most so many connections; the times from
    /// when each was due to the end of its answer, sorted.
    pub(crate) async fn at_rate(
        &self,
        paths: &[String],
        per_second: u32,
        connections: usize,
    ) -> anyhow::Result<Vec<Duration>> {
        let gap = Duration::from_secs(1) / per_second;
        let places = Arc::new(Semaphore::new(connections));
        let times = Arc::new(Mutex::new(Vec::with_capacity(paths.len())));
        let start = Instant::now();
        let mut tasks = Vec::with_capacity(paths.len());
        for (index, path) in paths.iter().enumerate() {
            let due = start + gap * u32::try_from(index)?;
            tokio::time::sleep_until(due.into()).await;
            let (this, path, places, times) = (self.clone(), path.clone(), places.clone(), times.clone());
            tasks.push(tokio::spawn(async move {
                let _place = places.acquire().await?;
                this.get(&path).await?;
                times.lock().await.push(due.elapsed());
                anyhow::Ok(())
            }));
        }
        for task in tasks {
            task.await??;
        }
        let mut times = std::mem::take(&mut *times.lock().await);
        times.sort_unstable();
        Ok(times)
    }
}
