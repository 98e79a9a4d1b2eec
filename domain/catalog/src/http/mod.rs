//! The catalog over HTTP: routes, what they take and give, and which problem each error is.

mod batch;
mod categories;
mod images;
mod problems;
mod products;
mod read;
mod search;

use std::sync::Arc;

use entrepot_pg::Error;
use entrepot_runtime::Tasks;
use entrepot_web::{Caching, Module, Problem};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::Dependencies;
use crate::store::{self, ProductReads};

/// How the answers of each GET may be cached.
const CACHING: &[(&str, Caching)] = &[
    ("list_products", Caching::As("products")),
    ("search_products", Caching::As("search")),
    ("get_product", Caching::As("products")),
    ("list_categories", Caching::As("categories")),
    ("get_category", Caching::As("categories")),
];

/// What the handlers share.
#[derive(Clone, Debug)]
struct Catalog {
    to: Dependencies,
    product_reads: ProductReads,
}

pub(crate) fn module(dependencies: Dependencies, tasks: &Tasks) -> Module {
    let product_reads = store::product_reads(dependencies.database.clone(), tasks);
    let catalog = Arc::new(Catalog { to: dependencies, product_reads });
    let (routes, openapi) = OpenApiRouter::new()
        .routes(routes!(products::list_products, products::create_product))
        .routes(routes!(search::search_products))
        .routes(routes!(batch::upsert_products))
        .routes(routes!(products::get_product, products::update_product, products::delete_product))
        .routes(routes!(images::add_product_image))
        .routes(routes!(images::remove_product_image))
        .routes(routes!(categories::list_categories, categories::create_category))
        .routes(routes!(categories::get_category, categories::update_category, categories::delete_category))
        .with_state(catalog)
        .split_for_parts();
    Module {
        name: "catalog",
        routes,
        openapi,
        problems: problems::BY_OPERATION,
        caching: CACHING,
        counters: Vec::new(),
        warmers: Vec::new(),
    }
}

/// A failure of the database, as a client may know it.
fn database_problem(error: Error) -> Problem {
    let may_pass = error.is_unavailable() || error.is_statement_timeout();
    Problem::failure(error, may_pass)
}
