//! The OpenAPI document, the explorer that shows it, and the page of each problem code. All from
//! inside the program: nothing is fetched from the network.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::get;
use bytes::Bytes;
use entrepot_web::{CacheClass, Problem, ProblemKind, Query, Reply, kinds};
use http::{HeaderValue, header};
use serde::Serialize;
use utoipa_swagger_ui::SwaggerUi;

/// What the explorer's page may load: its own files; styles that its script sets; its own images.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     connect-src 'self'; font-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
);

/// Where the document is.
const DOCUMENT: &str = "/openapi.json";

/// The routes of the explorer, for this document and these kinds of problem.
pub(crate) fn routes(document: Bytes, problems: Vec<&'static ProblemKind>) -> Router {
    let config = utoipa_swagger_ui::Config::new([DOCUMENT]).try_it_out_enabled(true).deep_linking(true).filter(true);
    let explorer: Router = SwaggerUi::new("/api-docs").config(config).into();
    let explorer = explorer.layer(axum::middleware::map_response(|mut response: Response| async move {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, POLICY);
        response
    }));
    let problems: Arc<[&'static ProblemKind]> = problems.into();
    let described = Router::new()
        .route(DOCUMENT, get(move |query: Query| async move { give_document(query, document) }))
        .route("/problems", get(list_problems))
        .route("/problems/{code}", get(get_problem))
        .with_state(problems);
    described.merge(explorer)
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
