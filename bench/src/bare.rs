//! The yardstick for HTTP: hyper with nothing around it, on one thread, sending the same bytes with
//! the fields that any answer must have.

use std::convert::Infallible;
use std::path::Path;

use bytes::Bytes;
use http::{Response, header};
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

pub(crate) fn serve(port: u16, file: &Path) -> anyhow::Result<()> {
    let body = Bytes::from(std::fs::read(file)?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async move {
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let body = body.clone();
            tokio::spawn(async move {
                let service = service_fn(|_request| {
                    let mut response = Response::new(Full::new(body.clone()));
                    response
                        .headers_mut()
                        .insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
                    std::future::ready(Ok::<_, Infallible>(response))
                });
                // A connection that the load generator drops at its end is no error.
                let _dropped = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            });
        }
    })
}
