//! The products of a run: made over HTTP as anybody would, removed by hand.

use std::net::SocketAddr;

use anyhow::ensure;
use entrepot_feed::Feed;
use entrepot_pg::{Database, Error};
use serde_json::{Value, json};

use super::model::Product;
use super::state::{Change, Living, Names};
use super::work::Http;

const PRODUCTS: usize = 24;

/// What was made.
pub(super) struct Made {
    pub(super) products: Vec<Product>,
    /// The SKU of the one by which instances are tried.
    pub(super) probe: String,
}

/// Makes the products of the run with this name, in two categories.
pub(super) async fn make(http: &Http, address: SocketAddr, run: &str) -> anyhow::Result<Made> {
    let shelves = ["a", "b"].map(|shelf| format!("verify-{run}-{shelf}"));
    for slug in &shelves {
        let body = json!({"name": slug, "slug": slug});
        create(http, address, "/api/v2/categories", &body).await?;
    }
    let mut products = Vec::new();
    for index in 0..PRODUCTS {
        let names = Names {
            sku: format!("VERIFY-{run}-{index}"),
            slug: format!("verify-{run}-{index}"),
            title: format!("Verify {run} {index}"),
            tag: format!("verify-{run}"),
            shelves: shelves.clone(),
        };
        let new = Living { id: None, stock: 1, cents: 100, text: 1, shelf: index % 2, ratings: 0, stars: 0 };
        let body = Change::Create(new.clone()).body(&names).unwrap_or_default();
        let made = create(http, address, "/api/v2/products", &body).await?;
        let first = Living { id: made["id"].as_str().map(Into::into), ..new };
        products.push(Product::new(names, first));
    }
    let probe = format!("VERIFY-{run}-probe");
    create(http, address, "/api/v2/products", &json!({"sku": probe, "title": "Probe"})).await?;
    Ok(Made { products, probe })
}

async fn create(http: &Http, address: SocketAddr, path: &str, body: &Value) -> anyhow::Result<Value> {
    let answer = http.send(address, "POST", path, &[], Some(body)).await?;
    ensure!(answer.status == 201, "{path} cannot be made: {}", answer.body);
    Ok(answer.body)
}

/// Removes them with all that hangs on them, those that were deleted meanwhile too.
pub(super) async fn remove(database: &Database, feed: &Feed, products: &[Product], probe: &str) -> Result<(), Error> {
    let client = database.client().await?;
    let mut skus: Vec<&str> = products.iter().map(|product| &*product.names.sku).collect();
    skus.push(probe);
    let shelves: Vec<&str> = products.iter().flat_map(|product| &product.names.shelves).map(|slug| &**slug).collect();
    client.execute("DELETE FROM catalog.product WHERE sku = ANY ($1)", &[&skus]).await?;
    client.execute("DELETE FROM catalog.category WHERE slug = ANY ($1)", &[&shelves]).await?;
    // What instances may still have of them is ruled out as any change would.
    feed.invalidate(&["catalog", "categories", "products", "ratings"].map(str::to_owned)).await?;
    Ok(())
}
