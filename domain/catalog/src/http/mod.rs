//! The catalog over HTTP: routes, what they take and give, and which problem each error is.

mod batch;
mod categories;
mod images;
mod pictures;
mod popular;
mod problems;
mod products;
mod read;
mod reviews;
mod search;
mod warmers;

use std::sync::Arc;
use std::time::Duration;

use entrepot_cache::{FillError, Policy, Queries};
use entrepot_contracts::SellerId;
use entrepot_pg::Error;
use entrepot_runtime::Tasks;
use entrepot_web::{Caching, Caller, Module, Problem, Rule, TopicRule};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::store::{self, ProductReads};
use crate::{Dependencies, Pictures, Reading};
use reviews::Ratings;

/// Who may call what. Looking is for everybody, and so is saying what one thinks of a product; what is not offered is
/// shown to those who write it.
const RULES: &[(&str, Rule)] = &[
    ("list_products", Rule::public().more_for("products.write")),
    ("search_products", Rule::public().more_for("products.write")),
    ("list_popular_products", Rule::public()),
    ("get_product", Rule::public().more_for("products.write")),
    ("create_product", Rule::needs("products.write")),
    ("update_product", Rule::needs("products.write")),
    ("delete_product", Rule::needs("products.write")),
    ("upsert_products", Rule::needs("products.batch").costs(5).takes(4 * 1024 * 1024)),
    ("list_product_reviews", Rule::public().more_for("products.write")),
    ("add_product_review", Rule::public().more_for("products.write").costs(5)),
    ("add_product_image", Rule::needs("products.write")),
    ("remove_product_image", Rule::needs("products.write")),
    ("upload_product_image", Rule::needs("products.write").costs(5).large()),
    ("get_image", Rule::public().file()),
    ("list_categories", Rule::public()),
    ("get_category", Rule::public()),
    ("create_category", Rule::needs("categories.write")),
    ("update_category", Rule::needs("categories.write")),
    ("delete_category", Rule::needs("categories.write")),
];

/// How the answers of each GET may be cached.
const CACHING: &[(&str, Caching)] = &[
    ("list_products", Caching::As("products")),
    ("search_products", Caching::As("search")),
    ("list_popular_products", Caching::As("products")),
    ("get_product", Caching::As("products")),
    ("list_product_reviews", Caching::As("products")),
    ("get_image", Caching::Streamed("a picture; its address is of no other, so browsers may keep it")),
    ("list_categories", Caching::As("categories")),
    ("get_category", Caching::As("categories")),
];

/// What the handlers share.
#[derive(Clone, Debug)]
struct Catalog {
    to: Dependencies,
    product_reads: ProductReads,
    pictures: Pictures,
    ratings: Ratings,
    queries: Queries,
    /// How long what is in the two may be kept.
    ttl: Duration,
}

pub(crate) fn module(dependencies: Dependencies, reading: Reading, pictures: Pictures, tasks: &Tasks) -> Module {
    let views = popular::views(&dependencies, &reading, tasks);
    let warmers = warmers::warmers(&dependencies.database);
    let (database, shutdown) = (dependencies.database.clone(), tasks.shutdown_signal());
    tasks.run_once("words", async move {
        match store::words::bring_up_to_date(&database, &shutdown).await {
            Ok(0) => {}
            Ok(products) => tracing::info!(products, "the words of all products were found by the rules of today"),
            Err(error) => tracing::error!(%error, "not all words could be found; search goes on with those of before"),
        }
    });
    let catalog = Arc::new(Catalog {
        product_reads: store::product_reads(dependencies.database.clone(), tasks),
        pictures,
        ratings: reading.cache.namespace("ratings", Policy::live(reading.ttl)),
        queries: reading.queries,
        ttl: reading.ttl,
        to: dependencies,
    });
    let topics = topics(&catalog);
    let (routes, openapi) = OpenApiRouter::new()
        .routes(routes!(products::list_products, products::create_product))
        .routes(routes!(search::search_products))
        .routes(routes!(popular::list_popular_products))
        .routes(routes!(batch::upsert_products))
        .routes(routes!(products::get_product, products::update_product, products::delete_product))
        .routes(routes!(reviews::list_product_reviews, reviews::add_product_review))
        .routes(routes!(images::add_product_image))
        .routes(routes!(images::remove_product_image))
        .routes(routes!(pictures::upload_product_image))
        .routes(routes!(pictures::get_image))
        .routes(routes!(categories::list_categories, categories::create_category))
        .routes(routes!(categories::get_category, categories::update_category, categories::delete_category))
        .with_state(catalog)
        .split_for_parts();
    Module {
        name: "catalog",
        routes,
        openapi,
        problems: problems::BY_OPERATION,
        rules: RULES,
        caching: CACHING,
        counters: vec![("get_product", views)],
        warmers,
        topics,
    }
}

/// What can be followed live: products that are offered and all categories by everybody who has signed in, what is not
/// offered by those who may write it.
fn topics(catalog: &Arc<Catalog>) -> Vec<TopicRule> {
    let reads = catalog.product_reads.clone();
    let is_shown = Arc::new(move |caller: Arc<Caller>, rest: String| {
        let reads = reads.clone();
        Box::pin(async move {
            let Ok(id) = rest.parse() else { return Some(false) };
            let found = reads.get(id).await.ok()?.filter(|product| !product.deleted);
            Some(found.is_some_and(|product| product.active || product.seller_id == Some(SellerId(caller.id))))
        }) as futures_util::future::BoxFuture<'static, Option<bool>>
    });
    vec![
        TopicRule::asking("product-", "catalog.follow", is_shown).by_id(),
        TopicRule::all("product-", "products.write").by_id(),
        TopicRule::all("category-", "catalog.follow").by_id(),
        TopicRule::one("catalog", "catalog.follow"),
    ]
}

/// A failure of the database, as a client may know it.
fn database_problem(error: Error) -> Problem {
    let may_pass = error.is_unavailable() || error.is_statement_timeout();
    Problem::failure(error, may_pass)
}

/// A failure to have something filled into a cache, as a client may know it.
fn fill_problem(error: FillError<Error>) -> Problem {
    match error {
        FillError::Failed(error) => database_problem(Error::Shared(error)),
        error @ FillError::TimedOut(_) => Problem::failure(error, true),
        error @ FillError::Panicked => Problem::failure(error, false),
    }
}
