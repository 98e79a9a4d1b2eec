//! The console's pages and the client of the live updates, from inside the program.
//!
//! The pages are the same for everybody, and hold nothing: what they show they ask the API for, as whoever
//! has signed in on them.

use axum::Router;
use axum::routing::get;
use bytes::Bytes;
use entrepot_web::{CacheClass, Problem, Query, Reply};
use http::header;

/// What a page may load and where it may talk to: ours and nothing else, and no script of its own inside.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";

const FILES: [(&str, &str, &str); 8] = [
    ("/console/mail", HTML, include_str!("console/mail.html")),
    ("/console/mail.js", JS, include_str!("console/mail.js")),
    ("/console/account", HTML, include_str!("console/account.html")),
    ("/console/account.js", JS, include_str!("console/account.js")),
    ("/console/live", HTML, include_str!("console/live.html")),
    ("/console/live.css", CSS, include_str!("console/live.css")),
    ("/console/live.js", JS, include_str!("console/live.js")),
    ("/client/entrepot-live.js", JS, include_str!("../../clients/live/entrepot-live.js")),
];

pub(crate) fn routes() -> Router {
    let mut router = Router::new();
    for (path, content_type, text) in FILES {
        let file = move |query: Query| async move { give(query, content_type, text) };
        router = router.route(path, get(file));
    }
    router
}

fn give(query: Query, content_type: &'static str, text: &'static str) -> Result<Reply, Problem> {
    query.finish()?;
    let reply = Reply::bytes(Bytes::from_static(text.as_bytes()), content_type, CacheClass::Api);
    Ok(reply.header(header::CONTENT_SECURITY_POLICY, POLICY))
}
