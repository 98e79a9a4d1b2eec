//! The OpenAPI document, the explorer that shows it, and the page of each problem code. All from
//! inside the program: nothing is fetched from the network.
//!
//! The explorer is a page of the console whose operations are shown by a vendored library
//! (`explorer/vendor`, ADR 0020).

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::get;
use bytes::Bytes;
use entrepot_web::{CacheClass, Problem, ProblemKind, Query, Reply, kinds};
use serde::Serialize;

use crate::console::{Page, give};

/// What the explorer's page may load: what any page may, and the styles that the library sets on its elements.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; \
                      img-src 'self' data: blob:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// Where the document is.
const DOCUMENT: &str = "/openapi.json";

const PAGE: Page =
    Page { path: "/api-docs", name: "explorer", title: "Entrepot API", main: include_str!("explorer/explorer.html") };
const SCRIPT: &str = "/api-docs/explorer.js";
const STYLES: &str = "/api-docs/explorer.css";
/// Named with its version, so that a browser may keep it for ever.
const LIBRARY: &str = "/api-docs/openapi-explorer-2.4.820.min.js";
const LICENSES: &str = "/api-docs/LICENSES.txt";

/// The routes of the explorer, for this document and these kinds of problem.
pub(crate) fn routes(document: Bytes, problems: Vec<&'static ProblemKind>) -> Router {
    let head = format!(
        "<link rel=\"stylesheet\" href=\"{STYLES}\">\n  <link rel=\"modulepreload\" href=\"{LIBRARY}\">\n  \
         <link rel=\"preload\" href=\"{DOCUMENT}\" as=\"fetch\" crossorigin>\n  \
         <script type=\"module\" src=\"{SCRIPT}\"></script>"
    );
    let page = PAGE.html(&head);
    let mut router = Router::new();
    // Its address in releases before, which people have kept, ended with a slash.
    for path in [PAGE.path, "/api-docs/"] {
        let page = page.clone();
        router =
            router.route(path, get(async move |query: Query| give(query, "text/html; charset=utf-8", page, POLICY)));
    }
    for (path, content_type, text) in [
        (SCRIPT, "text/javascript; charset=utf-8", include_str!("explorer/explorer.js")),
        (STYLES, "text/css; charset=utf-8", include_str!("explorer/explorer.css")),
        (LICENSES, "text/plain; charset=utf-8", include_str!("explorer/vendor/LICENSES.txt")),
    ] {
        let body = Bytes::from_static(text.as_bytes());
        router = router.route(path, get(async move |query: Query| give(query, content_type, body, POLICY)));
    }
    let problems: Arc<[&'static ProblemKind]> = problems.into();
    let described = Router::new()
        .route(DOCUMENT, get(move |query: Query| async move { give_document(query, document) }))
        .route("/problems", get(list_problems))
        .route("/problems/{code}", get(get_problem))
        .with_state(problems);
    router.route(LIBRARY, get(give_library)).merge(described)
}

async fn give_library(query: Query) -> Result<Reply, Problem> {
    query.finish()?;
    let body = Bytes::from_static(include_bytes!("explorer/vendor/openapi-explorer.min.js"));
    Ok(Reply::bytes(body, "text/javascript; charset=utf-8", CacheClass::Static))
}

fn give_document(query: Query, document: Bytes) -> Result<Reply, Problem> {
    query.finish()?;
    Ok(Reply::bytes(document, "application/json", CacheClass::Api))
}

/// A kind of problem, explained.
#[derive(Serialize)]
struct Explained {
    code: &'static str,
    status: u16,
    title: &'static str,
    meaning: &'static str,
}

impl From<&'static ProblemKind> for Explained {
    fn from(kind: &'static ProblemKind) -> Self {
        Self { code: kind.code, status: kind.status, title: kind.title, meaning: kind.meaning }
    }
}

async fn list_problems(State(problems): State<Arc<[&'static ProblemKind]>>, query: Query) -> Result<Reply, Problem> {
    #[derive(Serialize)]
    struct All {
        data: Vec<Explained>,
    }
    query.finish()?;
    let data = problems.iter().map(|kind| Explained::from(*kind)).collect();
    Reply::json(&All { data }, CacheClass::Api)
}

async fn get_problem(
    State(problems): State<Arc<[&'static ProblemKind]>>,
    Path(code): Path<String>,
    query: Query,
) -> Result<Reply, Problem> {
    query.finish()?;
    match problems.iter().find(|kind| kind.code == code) {
        Some(kind) => Reply::json(&Explained::from(*kind), CacheClass::Api),
        None => Err(Problem::new(&kinds::NOT_FOUND, format!("no problem has the code {code:?}; /problems lists all"))),
    }
}
