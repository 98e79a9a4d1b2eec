//! What people will ask for: the paths by which the caches are warmed.

use entrepot_pg::Database;
use entrepot_web::Warmer;

use super::popular::WARMED;
use crate::store;

/// The warmers of the catalog.
pub(super) fn warmers(database: &Database) -> Vec<Warmer> {
    let (products, categories) = (database.clone(), database.clone());
    vec![
        Warmer {
            name: "popular-products",
            paths: Box::new(move || {
                let database = products.clone();
                Box::pin(async move {
                    let mut paths = vec!["/api/v2/products".to_owned(), "/api/v2/products/popular".to_owned()];
                    let popular = store::product_popular(&database, WARMED).await?;
                    paths.extend(popular.into_iter().map(|id| format!("/api/v2/products/{id}")));
                    Ok(paths)
                })
            }),
        },
        Warmer {
            name: "categories",
            paths: Box::new(move || {
                let database = categories.clone();
                Box::pin(async move {
                    let tree = store::category_tree(&database).await?;
                    let top = tree.into_iter().filter(|row| row.parent_id.is_none());
                    let mut paths = vec!["/api/v2/categories".to_owned()];
                    paths.extend(top.map(|row| format!("/api/v2/categories/{}", row.slug)));
                    Ok(paths)
                })
            }),
        },
    ]
}
