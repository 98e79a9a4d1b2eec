//! The HTTP client of the checks, and what it takes to compare answers: bodies out of their content
//! coding, ETags without theirs.

use std::collections::{HashMap, VecDeque};
use std::io::Read as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// How long an answer may take; a stopped instance answers when it is continued.
const PATIENCE: Duration = Duration::from_secs(15);
/// ETags that are remembered of a path, and paths.
const REMEMBERED: usize = 32;
const PATHS: usize = 2_000;

/// An answer.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) fields: HeaderMap,
    /// Null where there is none, or none that can be read.
    pub(super) body: Value,
    /// Why the body cannot be read.
    pub(super) fault: Option<String>,
}

impl Answer {
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name).and_then(|value| value.to_str().ok())
    }

    /// The position of the write that it answers.
    pub(super) fn position(&self) -> Option<u64> {
        self.field("entrepot-position")?.parse().ok()
    }

    pub(super) fn etag(&self) -> Option<&str> {
        self.field("etag")
    }
}

/// A client.
pub(super) struct Http {
    client: Client<HttpConnector, Full<Bytes>>,
    /// What requests are signed in by that need it and name nothing themselves.
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
        let is_signed = fields.iter().any(|(name, _)| matches!(*name, "x-api-key" | "authorization"));
        let reads = matches!(method, "GET" | "HEAD");
        if !is_signed && (!reads || path.starts_with("/api/admin")) {
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
            let coding = parts.headers.get("content-encoding").and_then(|value| value.to_str().ok());
            let (body, fault) = match read(coding, &body) {
                Ok(body) => (body, None),
                Err(error) => (Value::Null, Some(format!("{error:#}"))),
            };
            anyhow::Ok(Answer { status: parts.status.as_u16(), fields: parts.headers, body, fault })
        });
        answer.await.context("no answer in time")?
    }
}

/// Whether a request ended because nobody waited any longer: then it may still be done.
pub(super) fn is_given_up(error: &anyhow::Error) -> bool {
    error.downcast_ref::<tokio::time::error::Elapsed>().is_some()
}

/// The JSON of a body in a content coding; null of an empty one.
fn read(coding: Option<&str>, bytes: &[u8]) -> anyhow::Result<Value> {
    if bytes.is_empty() {
        return Ok(Value::Null);
    }
    let mut plain = Vec::new();
    match coding {
        None | Some("identity") => plain.extend_from_slice(bytes),
        Some("gzip") => {
            flate2::read::GzDecoder::new(bytes).read_to_end(&mut plain).context("the gzip is broken")?;
        }
        Some("br") => {
            brotli::Decompressor::new(bytes, 4_096).read_to_end(&mut plain).context("the brotli is broken")?;
        }
        Some(other) => anyhow::bail!("nobody asked for the content coding {other:?}"),
    }
    serde_json::from_slice(&plain).context("the body is no JSON")
}

/// An ETag without what tells the content coding: the same for all forms of one body.
pub(super) fn etag_base(etag: &str) -> &str {
    let mut base = etag.trim_start_matches("W/").trim_matches('"');
    for suffix in ["-quick", "-gzip", "-br", "-zstd"] {
        base = base.strip_suffix(suffix).unwrap_or(base);
    }
    base
}

/// The last bodies of a path, each behind the ETag that stands for it.
type Bodies = VecDeque<(String, Arc<Value>)>;

/// Which bodies ETags stood for, by path: what a HEAD is judged by, and what shows that two forms of an
/// answer are one.
#[derive(Default)]
pub(super) struct Etags {
    paths: Mutex<HashMap<String, Bodies>>,
}

impl Etags {
    /// Learns what an ETag stands for.
    ///
    /// # Errors
    /// When it stood for another body before.
    pub(super) fn learn(&self, path: &str, etag: &str, body: &Arc<Value>) -> Result<(), String> {
        let base = etag_base(etag);
        let mut paths = self.paths.lock().unwrap_or_else(PoisonError::into_inner);
        if paths.len() > PATHS {
            paths.clear();
        }
        let known = paths.entry(path.to_owned()).or_default();
        match known.iter().find(|(one, _)| one == base) {
            Some((_, first)) if first == body => Ok(()),
            Some(_) => Err(format!("two bodies have the ETag {base}")),
            None => {
                known.push_back((base.to_owned(), body.clone()));
                if known.len() > REMEMBERED {
                    known.pop_front();
                }
                Ok(())
            }
        }
    }

    /// The body that an ETag stands for, where an answer to a GET has told it.
    pub(super) fn known(&self, path: &str, etag: &str) -> Option<Arc<Value>> {
        let paths = self.paths.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, body) = paths.get(path)?.iter().find(|(one, _)| one == etag_base(etag))?;
        Some(body.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use serde_json::json;

    use super::*;

    #[test]
    fn a_body_is_read_out_of_its_coding_and_a_broken_one_is_told() {
        let body = json!({"stock": 7, "description": "Text 3. ".repeat(40)});
        let plain = serde_json::to_vec(&body).expect("JSON");
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(&plain).expect("written");
        let gzip = gzip.finish().expect("finished");
        let mut brotli = Vec::new();
        brotli::BrotliCompress(&mut &*plain, &mut brotli, &brotli::enc::BrotliEncoderParams::default()).expect("made");
        for (coding, bytes) in [(None, &plain), (Some("gzip"), &gzip), (Some("br"), &brotli)] {
            assert_eq!(read(coding, bytes).expect("it can be read"), body, "{coding:?}");
        }
        for (coding, bytes) in [
            (Some("gzip"), &plain[..]),
            (Some("br"), &brotli[..brotli.len() / 2]),
            (Some("gzip"), &gzip[..gzip.len() / 2]),
            (None, &gzip[..]),
            (Some("deflate"), &plain[..]),
        ] {
            assert!(read(coding, bytes).is_err(), "{coding:?}");
        }
    }

    #[test]
    fn the_forms_of_one_body_have_one_etag_but_for_the_coding() {
        for etag in ["\"3-9f\"", "\"3-9f-br\"", "\"3-9f-gzip-quick\"", "W/\"3-9f\""] {
            assert_eq!(etag_base(etag), "3-9f");
        }
        let etags = Etags::default();
        let (body, other) = (Arc::new(json!({"stock": 7})), Arc::new(json!({"stock": 6})));
        assert_eq!(etags.learn("/p", "\"3-9f\"", &body), Ok(()));
        assert_eq!(etags.learn("/p", "\"3-9f-br\"", &Arc::new(json!({"stock": 7}))), Ok(()));
        assert!(etags.learn("/p", "\"3-9f-gzip\"", &other).is_err(), "a compressed form that is out of date");
        assert_eq!(etags.learn("/q", "\"3-9f\"", &other), Ok(()));
        assert_eq!(etags.known("/p", "\"3-9f-gzip\""), Some(body));
        assert_eq!(etags.known("/p", "\"4-9f\""), None);
    }
}
