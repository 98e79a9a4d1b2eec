//! The random reads and writes over HTTP, as clients do them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

use super::Run;
use super::model::Product;

/// How long an answer may take; a stopped instance answers when it is continued.
const PATIENCE: Duration = Duration::from_secs(15);
/// Of a hundred steps, how many are writes.
const WRITES_PERCENT: u64 = 6;

/// Numbers that follow from a seed (splitmix64).
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }

    pub(super) fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).unwrap_or(0)
    }

    pub(super) fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// An answer.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) fields: HeaderMap,
    pub(super) body: Value,
}

/// A client.
pub(super) struct Http {
    client: Client<HttpConnector, Full<Bytes>>,
    /// What writes are signed in by.
    key: String,
}

impl Http {
    pub(super) fn new(key: &str) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(Duration::from_secs(2)));
        Self { client: Client::builder(TokioExecutor::new()).build(connector), key: key.to_owned() }
    }

    pub(super) async fn get(
        &self,
        address: SocketAddr,
        path: &str,
        fields: &[(&str, String)],
    ) -> anyhow::Result<Answer> {
        self.send(address, "GET", path, fields, None).await
    }

    pub(super) async fn send(
        &self,
        address: SocketAddr,
        method: &str,
        path: &str,
        fields: &[(&str, String)],
        body: Option<&Value>,
    ) -> anyhow::Result<Answer> {
        let mut request = Request::builder().method(method).uri(format!("http://{address}{path}"));
        for (name, value) in fields {
            request = request.header(*name, value);
        }
        if method != "GET" || path.starts_with("/api/admin") {
            request = request.header("x-api-key", &self.key);
        }
        if body.is_some() {
            let media = if method == "PATCH" { "application/merge-patch+json" } else { "application/json" };
            request = request.header("content-type", media);
        }
        let body = body.map(serde_json::to_vec).transpose()?.unwrap_or_default();
        let request = request.body(Full::from(body))?;
        let answer = tokio::time::timeout(PATIENCE, async {
            let (parts, body) = self.client.request(request).await?.into_parts();
            let body = body.collect().await?.to_bytes();
            anyhow::Ok(Answer {
                status: parts.status.as_u16(),
                fields: parts.headers,
                body: serde_json::from_slice(&body).unwrap_or_default(),
            })
        });
        answer.await.context("no answer in time")?
    }
}

/// One client that reads and writes until the run is over.
pub(super) struct Worker {
    run: Arc<Run>,
    random: Random,
    last: Option<Last>,
}

/// What a worker last got of some path: the ETag, and the values that it stands for, by product.
struct Last {
    instance: usize,
    path: String,
    etag: String,
    values: Vec<(usize, i64)>,
}

/// What a path shows.
enum Shown {
    One(usize),
    /// The products with these indices.
    Many(Vec<usize>),
}

impl Worker {
    pub(super) fn new(run: Arc<Run>, seed: u64) -> Self {
        Self { run, random: Random::new(seed), last: None }
    }

    pub(super) async fn work(mut self) {
        while !self.run.is_over() {
            if self.random.percent(WRITES_PERCENT) {
                self.write().await;
            } else {
                self.read().await;
            }
            self.run.end_if_enough();
        }
    }

    async fn write(&mut self) {
        let run = self.run.clone();
        let products = run.model.products();
        let product = &products[self.random.index(products.len())];
        let Ok(_writing) = product.writing.try_lock() else { return };
        let instance = self.random.index(run.instances.count());
        let value = product.next_value();
        let path = format!("/api/v2/products/{}", if self.random.percent(50) { &product.id } else { &product.sku });
        let body = json!({"stock": value});
        let troubles = run.troubles();
        let answer = run.http.send(run.instances.address(instance), "PATCH", &path, &[], Some(&body)).await;
        match answer {
            Ok(answer) if answer.status == 200 => {
                let position =
                    answer.fields.get("entrepot-position").and_then(|value| value.to_str().ok()?.parse().ok());
                match position {
                    Some(position) => product.acknowledge(value, position, Some(instance)),
                    None => run.model.refused(true, || format!("PATCH {path} gave no position")),
                }
                run.model.count("writes over HTTP");
            }
            // It may have been written or not: nothing is demanded, and the value may be seen.
            other => self.refused(&troubles, &path, other),
        }
    }

    fn refused(&self, troubles: &[&'static str], path: &str, answer: anyhow::Result<Answer>) {
        let mut now = self.run.troubles();
        now.extend(troubles);
        let only_redis = now.iter().all(|trouble| trouble.starts_with("Redis"));
        self.run.model.refused(only_redis, || match answer {
            Ok(answer) => format!("{path} answered {}: {}", answer.status, answer.body),
            Err(error) => format!("{path}: {error:#}"),
        });
    }

    async fn read(&mut self) {
        let run = self.run.clone();
        let products = run.model.products();
        let instance = self.random.index(run.instances.count());
        // A few products are asked for far more often, so that readers meet on one key.
        let chosen = if self.random.percent(50) { self.random.index(3) } else { self.random.index(products.len()) };
        let product = &products[chosen];
        let (path, shown) = self.path(chosen);
        let token = if self.random.percent(40) { product.newest() } else { None };
        let demands: Vec<(usize, super::model::Demand)> = match &shown {
            Shown::One(index) => vec![(*index, products[*index].demand(instance, token.as_ref(), run.model.bound))],
            Shown::Many(indices) => indices
                .iter()
                .map(|index| {
                    let token = token.as_ref().filter(|_| *index == chosen);
                    (*index, products[*index].demand(instance, token, run.model.bound))
                })
                .collect(),
        };
        let mut fields = Vec::new();
        if let Some(token) = &token {
            fields.push(("entrepot-at-least", token.position.to_string()));
        }
        let conditional = self.last.take().filter(|last| last.instance == instance && last.path == path);
        if let Some(last) = &conditional {
            fields.push(("if-none-match", last.etag.clone()));
        }
        let troubles = run.troubles();
        let answer = match run.http.get(run.instances.address(instance), &path, &fields).await {
            Ok(answer) if answer.status == 200 || answer.status == 304 => answer,
            other => return self.refused(&troubles, &path, other),
        };
        let values = match (answer.status, conditional) {
            (304, Some(last)) => last.values,
            (304, None) => return run.model.refused(true, || format!("{path} answered 304 to an unconditional read")),
            _ => read_values(&answer.body, &shown, products),
        };
        let status = answer.fields.get("cache-status").and_then(|value| value.to_str().ok()).unwrap_or("-");
        let is_stand_in = status.contains("detail=stale");
        if is_stand_in {
            run.model.count("answers that stood in for PostgreSQL while it was away");
            if token.is_some() {
                run.model.violated(format!("{path} with a position was answered by a stand-in"));
            }
        }
        for (index, demand) in demands {
            let value = values.iter().find(|(at, _)| *at == index).map(|(_, value)| *value);
            run.model.check(&products[index], demand, value, is_stand_in, || {
                let token = token.map_or(String::new(), |token| format!(", at least {}", token.position));
                format!("by {path} on instance {instance} ({status}{token}; {})", self.run.troubles().join(", "))
            });
        }
        run.model.checked(match (&shown, token.is_some()) {
            (Shown::One(_), true) => "reads of one product with a position",
            (Shown::One(_), false) => "reads of one product",
            (Shown::Many(_), true) => "reads of a list with a position",
            (Shown::Many(_), false) => "reads of a list",
        });
        let etag = answer.fields.get("etag").and_then(|value| value.to_str().ok()).map(str::to_owned);
        self.last = etag.map(|etag| Last { instance, path, etag, values });
    }

    fn path(&mut self, chosen: usize) -> (String, Shown) {
        let run = self.run.clone();
        let products = run.model.products();
        let product = &products[chosen];
        let all = |keep: &dyn Fn(&Product) -> bool| {
            (0..products.len()).filter(|index| keep(&products[*index])).collect::<Vec<_>>()
        };
        match self.random.below(8) {
            0 | 1 => (format!("/api/v2/products/{}", product.id), Shown::One(chosen)),
            2 => (format!("/api/v2/products/{}", product.sku), Shown::One(chosen)),
            3 => (format!("/api/v2/products/{}", product.slug), Shown::One(chosen)),
            4 => (format!("/api/v2/products/{}?fields=id,stock", product.id), Shown::One(chosen)),
            5 => (format!("/api/v2/products?tag={}&limit=200", product.tag), Shown::Many(all(&|_| true))),
            6 => {
                let shelf = &product.shelf;
                let indices = all(&|other| other.shelf == *shelf);
                (format!("/api/v2/products?category={shelf}&limit=200&fields=id,stock"), Shown::Many(indices))
            }
            _ => {
                let text = product.tag.replace("verify-", "Verify ").replace(' ', "+");
                let indices = all(&|_| true);
                (format!("/api/v2/products/search?q=%22{text}%22&limit=200&facets="), Shown::Many(indices))
            }
        }
    }
}

fn read_values(body: &Value, shown: &Shown, products: &[Product]) -> Vec<(usize, i64)> {
    match shown {
        Shown::One(index) => body["stock"].as_i64().map(|value| (*index, value)).into_iter().collect(),
        Shown::Many(_) => {
            let rows = body["data"].as_array().into_iter().flatten();
            rows.filter_map(|row| {
                let id = row["id"].as_str()?;
                let index = products.iter().position(|product| product.id == id)?;
                Some((index, row["stock"].as_i64()?))
            })
            .collect()
        }
    }
}
