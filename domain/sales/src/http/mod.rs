//! Sales over HTTP: routes, what they take and give, and which problem each error is.

mod batch;
mod export;
mod months;
mod problems;
mod read;
mod stores;
mod summary;
mod upload;

use std::sync::Arc;

use entrepot_contracts::StoreId;
use entrepot_exports::Source;
use entrepot_pg::Error;
use entrepot_web::{Caching, Module, Problem, Rule, TopicRule};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::Dependencies;
use crate::ops::{StoreScope, allows};
use problems::STORE_NOT_FOUND;

/// Who may call what.
const RULES: &[(&str, Rule)] = &[
    ("list_stores", Rule::needs("stores.read")),
    ("get_store", Rule::needs("stores.read")),
    ("put_store", Rule::needs("stores.write")),
    ("update_store", Rule::needs("stores.write")),
    ("delete_store", Rule::needs("stores.write")),
    ("list_sales", Rule::needs("sales.read")),
    ("get_sales", Rule::needs("sales.read")),
    ("put_sales", Rule::needs("sales.write")),
    ("update_sales", Rule::needs("sales.write")),
    ("delete_sales", Rule::needs("sales.write")),
    ("sum_sales", Rule::needs("sales.read").costs(5)),
    ("export_sales", Rule::needs("sales.read").costs(5).lasting().noted("sales-exported")),
    ("upsert_sales", Rule::needs("sales.write").costs(5).takes(4 * 1024 * 1024)),
    ("delete_many_sales", Rule::needs("sales.write").costs(5).takes(4 * 1024 * 1024)),
    ("import_sales", Rule::needs("sales.write").costs(20).lasting()),
];

/// None is cached for everybody: each is narrowed to what its caller may see.
const CACHING: &[(&str, Caching)] = &[
    ("list_stores", Caching::Never("narrowed to the caller's stores")),
    ("get_store", Caching::Never("narrowed to the caller's stores")),
    ("list_sales", Caching::Never("narrowed to the caller's stores")),
    ("get_sales", Caching::Never("narrowed to the caller's stores")),
    ("export_sales", Caching::Streamed("of any length")),
    ("sum_sales", Caching::Never("narrowed to the caller's stores")),
];

/// What the handlers share.
struct Shared {
    to: Dependencies,
    exported: Arc<dyn Source>,
    uploads: upload::Uploads,
}

type Sales = Arc<Shared>;

impl std::ops::Deref for Shared {
    type Target = Dependencies;

    fn deref(&self) -> &Dependencies {
        &self.to
    }
}

pub(crate) use read::month_filters;

pub(crate) fn module(to: Dependencies) -> Module {
    let sales = Arc::new(Shared { exported: crate::exported(&to.database), uploads: upload::Uploads::default(), to });
    let (routes, openapi) = OpenApiRouter::new()
        .routes(routes!(stores::list_stores))
        .routes(routes!(stores::get_store, stores::put_store, stores::update_store, stores::delete_store))
        .routes(routes!(months::list_sales))
        .routes(routes!(export::export_sales))
        .routes(routes!(summary::sum_sales))
        .routes(routes!(batch::upsert_sales))
        .routes(routes!(batch::delete_many_sales))
        .routes(routes!(upload::import_sales))
        .routes(routes!(months::get_sales, months::put_sales, months::update_sales, months::delete_sales))
        .with_state(sales)
        .split_for_parts();
    Module {
        name: "sales",
        routes,
        openapi,
        problems: problems::BY_OPERATION,
        rules: RULES,
        caching: CACHING,
        counters: Vec::new(),
        warmers: Vec::new(),
        topics: vec![TopicRule::by_store("sales-data-", "sales.read"), TopicRule::by_store("store-", "stores.read")],
    }
}

/// A failure of the database, as a client may know it.
fn database_problem(error: Error) -> Problem {
    let may_pass = error.is_unavailable() || error.is_statement_timeout();
    Problem::failure(error, may_pass)
}

fn no_store(id: &str) -> Problem {
    Problem::new(&STORE_NOT_FOUND, format!("there is no store {id:?}"))
}

/// The store that a path names, if the caller may see it.
fn store_of(text: &str, scope: &StoreScope) -> Result<StoreId, Problem> {
    text.parse().ok().filter(|id| allows(scope, id)).ok_or_else(|| no_store(text))
}
