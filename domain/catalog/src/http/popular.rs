//! The products that people look at the most.
//!
//! **Invariant:** a view is counted by the edge, when the answer to a product is sent, whether it came
//! from a cache or not; nothing waits for it to be written.

use std::sync::Arc;

use axum::extract::State;
use entrepot_cache::{CounterError, Counters, QueryError, QueryOptions, cached_query};
use entrepot_runtime::Tasks;
use entrepot_web::{CacheClass, ListMeta, Page, Problem, Projection, Query, Reply, list_reply};
use futures_util::future::try_join_all;
use uuid::Uuid;

use super::read::ProductList;
use super::{Catalog, database_problem, fill_problem};
use crate::events::{CATALOG, POPULAR, PRODUCTS};
use crate::model::{PRODUCT_FIELDS, Product};
use crate::{Dependencies, Reading, ops, store};

/// Products unless told.
const USUAL: u32 = 20;
/// Products at the most; the statement looks at no more either.
const MOST: u32 = 50;
/// Of the popular products, so many are warmed by themselves.
pub(super) const WARMED: u32 = USUAL;

/// The products that are looked at the most, then the newest of those that nobody has looked at yet.
#[utoipa::path(
    get, path = "/api/v2/products/popular", tag = "catalog",
    params(
        ("limit" = Option<u32>, Query, description = "Products at the most; 20 unless told. There are no further pages.", minimum = 1, maximum = 50),
        ("fields" = Option<String>, Query, description = "Only these fields.", example = "id,title,price.amount"),
        ("exclude" = Option<String>, Query, description = "All fields but these.", example = "description,specifications"),
    ),
    responses((status = 200, description = "The products, the most viewed first.", body = ProductList)),
)]
pub(super) async fn list_popular_products(
    State(catalog): State<Arc<Catalog>>,
    mut query: Query,
) -> Result<Reply, Problem> {
    let limit = query.value("limit", &format!("a whole number from 1 to {MOST}")).unwrap_or(USUAL);
    if !(1..=MOST).contains(&limit) {
        query.fault("limit", "out_of_range", format!("must be from 1 to {MOST}, not {limit}"));
    }
    let projection = Projection::from_query(&mut query, PRODUCT_FIELDS);
    query.finish()?;
    let ids = catalog.popular(limit).await?;
    let read = ids.into_iter().map(|id| catalog.product_reads.get(id));
    let read = try_join_all(read).await.map_err(database_problem)?;
    // One that was taken off the lists since its id was read is in none.
    let products: Vec<Arc<Product>> = read.into_iter().flatten().filter(|product| product.active).collect();
    let products: Vec<&Product> = products.iter().map(AsRef::as_ref).collect();
    let page = Page { limit, ..Page::default() };
    let meta = ListMeta::new(&projection, PRODUCT_FIELDS, "-views".to_owned());
    let reply = list_reply(&products, &page, &meta, &projection, CacheClass::Api)?;
    Ok(reply.cached([CATALOG, PRODUCTS, POPULAR]))
}

impl Catalog {
    /// The ids of the popular products, which all projections of them share.
    async fn popular(&self, limit: u32) -> Result<Vec<Uuid>, Problem> {
        let database = self.to.database.clone();
        let tags = [CATALOG, PRODUCTS, POPULAR].map(str::to_owned).into();
        let options = QueryOptions { ttl: self.ttl, tags };
        let read = move || async move { store::product_popular(&database, limit).await };
        let key = format!("products:popular:{limit}");
        cached_query(&self.queries, &key, options, read).await.map_err(|error| match error {
            QueryError::Fill(error) => fill_problem(error),
            error @ QueryError::Form { .. } => Problem::failure(error, false),
        })
    }
}

/// What counts how often products are looked at.
pub(super) fn views(to: &Dependencies, reading: &Reading, tasks: &Tasks) -> Counters {
    let to = to.clone();
    Counters::start(tasks, "product-views", reading.views_flush, move |counted| {
        let to = to.clone();
        async move {
            let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
            let views: Vec<(Uuid, i64)> =
                counted.iter().filter_map(|(id, count)| Some((id.parse().ok()?, number(*count)))).collect();
            ops::count_views(&to, &views).await.map_err(CounterError::from)
        }
    })
}
