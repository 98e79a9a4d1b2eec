//! A client whose calls read like a story and whose failures print the whole answer.

use std::future::{Future, IntoFuture};
use std::net::SocketAddr;
use std::pin::Pin;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// A request in the making; awaiting it sends it.
#[derive(Debug)]
pub struct Request {
    address: SocketAddr,
    method: String,
    path: String,
    headers: HeaderMap,
    body: Bytes,
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Response {
    /// What was asked, for messages.
    asked: String,
    /// Its status.
    pub status: StatusCode,
    /// Its header fields.
    pub headers: HeaderMap,
    /// Its body, as it came over the wire.
    pub body: Bytes,
}

impl Request {
    pub(crate) fn new(address: SocketAddr, method: &str, path: &str) -> Self {
        Self {
            address,
            method: method.to_owned(),
            path: path.to_owned(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
        }
    }

    /// Adds a header field.
    ///
    /// # Panics
    /// When name or value are not well-formed.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.append(HeaderName::try_from(name).unwrap(), HeaderValue::from_str(value).unwrap());
        self
    }

    /// Adds a header field whose value is no text.
    ///
    /// # Panics
    /// When name or value are not well-formed.
    #[must_use]
    pub fn header_bytes(mut self, name: &str, value: &[u8]) -> Self {
        self.headers.append(HeaderName::try_from(name).unwrap(), HeaderValue::from_bytes(value).unwrap());
        self
    }

    /// Sends `body` as JSON.
    ///
    /// # Panics
    /// When `body` cannot be written as JSON.
    #[must_use]
    pub fn json(self, body: &impl serde::Serialize) -> Self {
        self.bytes("application/json", serde_json::to_vec(body).unwrap())
    }

    /// Sends `body` as JSON merge patch (RFC 7396).
    ///
    /// # Panics
    /// When `body` cannot be written as JSON.
    #[must_use]
    pub fn merge_patch(self, body: &impl serde::Serialize) -> Self {
        self.bytes("application/merge-patch+json", serde_json::to_vec(body).unwrap())
    }

    /// Sends `body` as it is.
    #[must_use]
    pub fn bytes(mut self, content_type: &str, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self.header("content-type", content_type)
    }

    async fn send(self) -> Response {
        let asked = format!("{} {}", self.method, self.path);
        let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
        let mut request = http::Request::builder()
            .method(self.method.as_str())
            .uri(format!("http://{}{}", self.address, self.path))
            .body(Full::new(self.body))
            .unwrap_or_else(|error| panic!("{asked} is no request: {error}"));
        request.headers_mut().extend(self.headers);
        let response = client.request(request).await.unwrap_or_else(|error| panic!("{asked} got no answer: {error:?}"));
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap_or_else(|error| panic!("{asked} was cut short: {error}")).to_bytes();
        Response { asked, status: parts.status, headers: parts.headers, body }
    }
}

impl IntoFuture for Request {
    type Output = Response;
    type IntoFuture = Pin<Box<dyn Future<Output = Response> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

impl Response {
    /// The body as JSON.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("no JSON ({error}) in {}", self.told()))
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A header field's value; empty where there is none.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Expects a status.
    ///
    /// # Panics
    /// When it is another.
    #[track_caller]
    pub fn status(self, wanted: u16) -> Self {
        assert_eq!(self.status.as_u16(), wanted, "{}", self.told());
        self
    }

    /// Expects 200 and returns the body.
    ///
    /// # Panics
    /// When it is something else.
    #[track_caller]
    pub fn ok(self) -> Value {
        self.status(200).json()
    }

    /// Expects 201 and returns the body.
    ///
    /// # Panics
    /// When it is something else.
    #[track_caller]
    pub fn created(self) -> Value {
        self.status(201).json()
    }

    /// Expects a problem document (RFC 9457) of this status and code and returns it.
    ///
    /// # Panics
    /// When it is something else, or lacks one of the members that every problem has.
    #[track_caller]
    pub fn problem(self, status: u16, code: &str) -> Value {
        assert_eq!(self.header("content-type"), "application/problem+json", "{}", self.told());
        let body = self.json();
        assert_eq!(body["code"], code, "{}", self.told());
        assert_eq!(self.status.as_u16(), status, "{}", self.told());
        assert_eq!(body["status"], status, "{}", self.told());
        for member in ["type", "title", "detail", "instance", "requestId"] {
            assert!(body[member].is_string(), "{member} is missing: {}", self.told());
        }
        body
    }

    fn told(&self) -> String {
        format!("{} → {} {:?}\n{}", self.asked, self.status, self.headers, self.text())
    }
}
