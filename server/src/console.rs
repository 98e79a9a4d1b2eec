//! The pages of the program, and the client of the live updates, from inside the program.
//!
//! The pages are the same for everybody, and hold nothing: what they show they ask the API for, as whoever
//! has signed in on them. `console/layout.html` is the frame of all of them, the explorer's included.
//!
//! **Invariant:** a page loads nothing from another origin and holds no script of its own ([`POLICY`]);
//! `tests/it/pages.rs` follows every link of every page.

use axum::Router;
use axum::routing::get;
use bytes::Bytes;
use entrepot_web::{CacheClass, Problem, Query, Reply};
use http::{HeaderMap, StatusCode, header};
use serde_json::json;

/// What a page may load and where it may talk to: this server and nothing else, and no script or style inside it.
pub(crate) const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                                 img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
/// What Deno and esm.sh send for declarations; browsers show it as text.
const TS: &str = "application/typescript; charset=utf-8";

const FILES: [(&str, &str, &str); 7] = [
    ("/console/console.css", CSS, include_str!("console/console.css")),
    ("/console/console.js", JS, include_str!("console/console.js")),
    ("/console/index.js", JS, include_str!("console/index.js")),
    ("/console/live.js", JS, include_str!("console/live.js")),
    ("/console/mail.js", JS, include_str!("console/mail.js")),
    ("/console/account.js", JS, include_str!("console/account.js")),
    (TYPES, TS, include_str!("../../clients/live/entrepot-live.d.ts")),
];
const PAGES: [Page; 3] = [
    Page {
        path: "/console/live",
        name: "live",
        title: "Live sales · Entrepot",
        main: include_str!("console/live.html"),
    },
    Page { path: "/console/mail", name: "mail", title: "Mail · Entrepot", main: include_str!("console/mail.html") },
    Page {
        path: "/console/account",
        name: "account",
        title: "Your account · Entrepot",
        main: include_str!("console/account.html"),
    },
];
const FIRST: Page = Page { path: "/", name: "index", title: "Entrepot", main: include_str!("console/index.html") };

const CLIENT: &str = "/client/entrepot-live.js";
const TYPES: &str = "/client/entrepot-live.d.ts";
const LAYOUT: &str = include_str!("console/layout.html");

/// A page within the frame. Its script is `/console/{name}.js`.
pub(crate) struct Page {
    pub(crate) path: &'static str,
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    /// What stands in the page's `main`.
    pub(crate) main: &'static str,
}

impl Page {
    /// The page as it is sent; `head` is what its `head` has beside what all have.
    pub(crate) fn html(&self, head: &str) -> Bytes {
        let own = format!("href=\"{}\"", self.path);
        let text = LAYOUT
            .replace("{{head}}", head)
            .replace(&own, &format!("{own} aria-current=\"page\""))
            .replace("{{title}}", self.title)
            .replace("{{name}}", self.name)
            .replace("{{main}}", self.main)
            .replace("{{version}}", env!("CARGO_PKG_VERSION"));
        Bytes::from(text)
    }

    fn with_its_script(&self) -> Bytes {
        self.html(&format!("<script type=\"module\" src=\"/console/{}.js\"></script>", self.name))
    }
}

pub(crate) fn routes() -> Router {
    let mut router = Router::new();
    for (path, content_type, text) in FILES {
        let body = Bytes::from_static(text.as_bytes());
        router = router.route(path, get(async move |query: Query| give(query, content_type, body, POLICY)));
    }
    for page in PAGES {
        let body = page.with_its_script();
        router = router.route(page.path, get(async move |query: Query| give(query, HTML, body, POLICY)));
    }
    let first = FIRST.with_its_script();
    router
        .route(FIRST.path, get(async move |headers: HeaderMap, query: Query| give_first(&headers, query, first)))
        .route("/console", get(async |query: Query| lead(query, "/console/live")))
        .route("/console/", get(async |query: Query| lead(query, "/console/live")))
        .route(CLIENT, get(give_client))
}

/// A file of a page, or a page.
pub(crate) fn give(
    query: Query,
    content_type: &'static str,
    body: Bytes,
    policy: &'static str,
) -> Result<Reply, Problem> {
    query.finish()?;
    Ok(Reply::bytes(body, content_type, CacheClass::Api).header(header::CONTENT_SECURITY_POLICY, policy))
}

fn lead(query: Query, to: &'static str) -> Result<Reply, Problem> {
    query.finish()?;
    Ok(Reply::no_content().status(StatusCode::SEE_OTHER).header(header::LOCATION, to))
}

/// The first page for browsers; for programs where everything is.
fn give_first(headers: &HeaderMap, query: Query, page: Bytes) -> Result<Reply, Problem> {
    let mut accepted = headers.get_all(header::ACCEPT).iter().filter_map(|field| field.to_str().ok());
    let reply = if accepted.any(|field| field.contains("text/html")) {
        give(query, HTML, page, POLICY)?
    } else {
        query.finish()?;
        let links = json!({
            "explorer": "/api-docs",
            "openapi": "/openapi.json",
            "problems": "/problems",
            "health": "/health",
            "console": "/console",
            "liveClient": CLIENT,
        });
        let index = json!({"name": "Entrepot", "version": env!("CARGO_PKG_VERSION"), "links": links});
        Reply::json(&index, CacheClass::Api)?
    };
    Ok(reply.header(header::VARY, "accept"))
}

/// The client of the live updates. Its types are named as Deno and esm.sh do it.
async fn give_client(query: Query) -> Result<Reply, Problem> {
    let body = Bytes::from_static(include_str!("../../clients/live/entrepot-live.js").as_bytes());
    let types = const { http::HeaderName::from_static("x-typescript-types") };
    Ok(give(query, JS, body, POLICY)?.header(types, TYPES))
}
