//! The yardstick for HTTP: hyper with nothing around it, on one thread, with the server's allocator,
//! sending the same bytes each time.
//!
//! The header fields are made once and cloned into each answer; hyper adds `date` and
//! `content-length`, as it does for ours. So fields that ours makes anew for each answer (an id, an
//! age) are constant here, which favours the yardstick.

use std::convert::Infallible;
use std::path::Path;
use std::pin::pin;

use anyhow::Context as _;
use bytes::Bytes;
use entrepot_runtime::for_requests;
use http::{HeaderMap, HeaderName, HeaderValue, Response, header};
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

pub(crate) fn serve(file: &Path, fields: Option<&Path>) -> anyhow::Result<()> {
    let body = Bytes::from(std::fs::read(file)?);
    let fields = match fields {
        Some(fields) => read_fields(&std::fs::read_to_string(fields)?)?,
        None => HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))]),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async move {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        println!("{}", listener.local_addr()?);
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let (body, fields) = (body.clone(), fields.clone());
            tokio::spawn(async move {
                let service = service_fn(|_request| {
                    let mut response = Response::new(Full::new(body.clone()));
                    *response.headers_mut() = fields.clone();
                    std::future::ready(Ok::<_, Infallible>(response))
                });
                let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                // One that the load generator drops at its end is no error.
                let _dropped = for_requests(pin!(connection)).await;
            });
        }
    })
}

/// Fields as [`write_fields`] writes them.
fn read_fields(text: &str) -> anyhow::Result<HeaderMap> {
    let mut fields = HeaderMap::new();
    for line in text.lines() {
        let (name, value) = line.split_once(": ").with_context(|| format!("{line:?} is no field"))?;
        fields.append(HeaderName::try_from(name)?, HeaderValue::try_from(value)?);
    }
    Ok(fields)
}

/// Writes down the fields of an answer, but for those that hyper adds by itself.
pub(crate) fn write_fields(fields: &HeaderMap) -> anyhow::Result<String> {
    let mut text = String::new();
    for (name, value) in fields {
        if *name != header::DATE && *name != header::CONTENT_LENGTH {
            text.push_str(&format!("{name}: {}\n", value.to_str()?));
        }
    }
    Ok(text)
}
