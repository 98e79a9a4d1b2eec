//! Popular products: views that are counted at the edge, and the list that they make.

use entrepot_cache::FenceSettings;
use entrepot_testkit::Response;
use serde_json::{Value, json};

use crate::{Shop, is_hit};

async fn look(shop: &Shop, product: &str, times: usize) {
    for _ in 0..times {
        shop.server.get(&format!("/api/v2/products/{product}")).await.ok();
    }
}

/// What was counted so far is written, and known here.
async fn flush(shop: &Shop) {
    shop.views.flush().await.expect("written");
}

#[tokio::test]
async fn the_most_viewed_come_first_then_the_newest_that_nobody_has_viewed() {
    let shop = Shop::cached().await;
    for sku in ["NEW-1", "NEW-2"] {
        shop.server.post("/api/v2/products").json(&json!({"sku": sku, "title": sku})).await.created();
    }
    assert_eq!(shop.skus("/products/popular?limit=2").await, ["NEW-2", "NEW-1"]);
    // By id, SKU and slug, with and without a projection, from the cache and not: a view is a view.
    let id = shop.get("/products/TEA-007?fields=id").await["id"].as_str().expect("an id").to_owned();
    look(&shop, "TEA-007", 3).await;
    look(&shop, &id, 1).await;
    look(&shop, "TEA-007?fields=title", 2).await;
    look(&shop, "earl-grey", 4).await;
    look(&shop, "TEA-002", 1).await;
    shop.server.get("/api/v2/products/none").await.problem(404, "catalog.product_not_found");
    flush(&shop).await;
    assert_eq!(shop.skus("/products/popular?limit=5").await, ["TEA-007", "TEA-004", "TEA-002", "NEW-2", "NEW-1"]);
    let views: Vec<i64> = views(&shop).await;
    assert_eq!(views, [7, 4, 1]);
    look(&shop, "TEA-002", 9).await;
    flush(&shop).await;
    assert_eq!(shop.skus("/products/popular?limit=3").await, ["TEA-002", "TEA-007", "TEA-004"]);

    // What is on no list is not on this one either.
    shop.server.patch("/api/v2/products/TEA-002").merge_patch(&json!({"active": false})).await.ok();
    shop.server.delete("/api/v2/products/NEW-2").await.status(204);
    assert_eq!(shop.skus("/products/popular?limit=3").await, ["TEA-007", "TEA-004", "NEW-1"]);
}

/// All views that are written down, the most first.
async fn views(shop: &Shop) -> Vec<i64> {
    let rows = shop.database.client().await;
    let rows = rows.query("SELECT views FROM catalog.product_views ORDER BY views DESC", &[]).await.expect("read");
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn the_list_is_bounded_and_takes_a_projection() {
    let shop = Shop::cached().await;
    let list = shop.get("/products/popular").await;
    assert_eq!(list["data"].as_array().map(Vec::len), Some(20));
    assert_eq!(list["page"], json!({"limit": 20, "nextCursor": null, "prevCursor": null}));
    assert_eq!(list["meta"], json!({"sort": "-views"}));
    assert_eq!(shop.skus("/products/popular?limit=50").await.len(), 24);
    let first = shop.get(&format!("/products/{}", list["data"][0]["sku"].as_str().expect("a SKU"))).await;
    assert_eq!(list["data"][0], first, "each row is a whole product");
    let few = shop.get("/products/popular?limit=1&fields=sku,category.slug").await;
    assert_eq!(few["data"], json!([{"sku": first["sku"], "category": {"slug": first["category"]["slug"]}}]));
    assert_eq!(few["meta"]["fields"], json!(["sku", "category.slug"]));
    for (query, parameter, code) in [
        ("limit=0", "limit", "out_of_range"),
        ("limit=51", "limit", "out_of_range"),
        ("limit=all", "limit", "wrong_type"),
        ("page=2", "page", "unknown_parameter"),
        ("fields=views", "fields", "unknown_field"),
    ] {
        let problem = shop.server.get(&format!("/api/v2/products/popular?{query}")).await;
        let fault = problem.problem(400, "web.invalid_query")["errors"][0].clone();
        assert_eq!((&fault["parameter"], &fault["code"]), (&json!(parameter), &json!(code)), "{query}");
    }
}

#[tokio::test]
async fn all_projections_of_it_share_one_query() {
    let shop = Shop::cached().await;
    for query in ["", "?fields=sku", "?exclude=description&limit=20", "?limit=20"] {
        assert!(!is_hit(&shop.server.get(&format!("/api/v2/products/popular{query}")).await.status(200)), "{query}");
    }
    let figures = shop.cache.figures().await;
    let queries = figures.namespaces.iter().find(|one| one.namespace == "queries").expect("there is one");
    assert_eq!((queries.fills, queries.hits), (1, 3));
}

#[tokio::test]
async fn a_view_is_no_change_of_the_product() {
    let shop = Shop::cached().await;
    let shop = &shop;
    let ask = |path: &'static str| async move { shop.server.get(&format!("/api/v2/products{path}")).await.status(200) };
    let tag = |response: &Response| response.header("etag").to_owned();
    let before = ask("/TEA-003").await;
    ask("/popular").await;
    ask("?limit=5").await;
    assert!(is_hit(&ask("/popular").await));
    flush(shop).await;
    let popular = ask("/popular").await;
    assert!(!is_hit(&popular), "views were written");
    assert_eq!(popular.json()["data"][0]["sku"], "TEA-003");
    assert!(is_hit(&ask("?limit=5").await), "no list of another order shows them");
    let after = ask("/TEA-003").await;
    assert!(is_hit(&after) && tag(&after) == tag(&before));
    let last = shop.to.feed.last_given().await.expect("answered");
    // That was one more view; after it there is nothing to write, and nothing to tell.
    flush(shop).await;
    flush(shop).await;
    assert_eq!(shop.to.feed.last_given().await.expect("answered"), last + 1);
}

#[tokio::test]
async fn views_of_nothing_are_dropped_and_do_not_hold_up_the_others() {
    let shop = Shop::cached().await;
    let id = shop.get("/products/TEA-005").await["id"].as_str().expect("an id").to_owned();
    for key in ["00000000-0000-7000-8000-000000000000", "no id at all"] {
        shop.views.counter(key).add(5);
    }
    shop.views.counter(id.as_str()).add(2);
    flush(&shop).await;
    assert_eq!(views(&shop).await, [3]);
    shop.views.counter("00000000-0000-7000-8000-000000000000").add(5);
    let last = shop.to.feed.last_given().await.expect("answered");
    flush(&shop).await;
    assert_eq!((views(&shop).await, shop.to.feed.last_given().await.expect("answered")), (vec![3], last));
    shop.server.delete(&format!("/api/v2/products/{id}")).await.status(204);
    shop.views.counter(id.as_str()).add(1);
    flush(&shop).await;
    let client = shop.database.client().await;
    client.batch_execute("DELETE FROM catalog.product WHERE sku = 'TEA-005'").await.expect("deleted");
    assert_eq!(views(&shop).await, [0; 0], "views end with the product's row");
}

#[tokio::test]
async fn no_product_takes_the_lists_address() {
    let shop = Shop::sample().await;
    for (index, title) in ["Popular", "Search", "Batch"].into_iter().enumerate() {
        let sku = format!("ODD-{index}");
        let made = shop.server.post("/api/v2/products").json(&json!({"sku": sku, "title": title})).await.created();
        let slug = format!("{}-odd-{index}", title.to_lowercase());
        assert_eq!(made["slug"], slug.as_str());
        assert_eq!(shop.get(&format!("/products/{slug}")).await["sku"], sku.as_str());
        let patch =
            shop.server.patch(&format!("/api/v2/products/{sku}")).merge_patch(&json!({"slug": title.to_lowercase()}));
        patch.await.problem(422, "web.invalid_body");
        let body = json!({"sku": title.to_lowercase(), "title": "x"});
        shop.server.post("/api/v2/products").json(&body).await.problem(422, "web.invalid_body");
    }
    let batch = json!({"products": [{"sku": "ODD-9", "title": "Popular"}]});
    shop.server.post("/api/v2/products/batch").json(&batch).await.ok();
    assert_eq!(shop.get("/products/ODD-9").await["slug"], "popular-odd-9");
    // A category stands elsewhere.
    shop.server.post("/api/v2/categories").json(&json!({"name": "Popular"})).await.created();
    shop.get("/categories/popular").await;
}

#[tokio::test]
async fn the_warmers_name_what_is_then_a_hit() {
    let shop = Shop::cached().await;
    look(&shop, "TEA-009", 2).await;
    flush(&shop).await;
    let mut paths = Vec::new();
    for warmer in &shop.warmers {
        paths.extend((warmer.paths)().await.expect("answered"));
    }
    let popular = shop.get("/products/popular").await;
    let ids: Vec<&Value> = popular["data"].as_array().expect("products").iter().map(|row| &row["id"]).collect();
    for path in ["/api/v2/products", "/api/v2/products/popular", "/api/v2/categories", "/api/v2/categories/teaware"] {
        assert!(paths.contains(&path.to_owned()), "{path}");
    }
    for id in &ids {
        assert!(paths.contains(&format!("/api/v2/products/{}", id.as_str().expect("an id"))));
    }
    assert_eq!(paths.len(), 2 + ids.len() + 1 + 3);
    for path in paths {
        shop.server.get(&path).await.status(200);
        assert!(is_hit(&shop.server.get(&path).await.status(200)), "{path}");
    }
}

/// Between the look for the most viewed and the reading of them, one may be taken off the lists. Here
/// that moment is stretched by a cache that nothing is ruled out of.
#[tokio::test]
async fn what_was_taken_off_the_lists_meanwhile_is_left_out() {
    let shop = Shop::cached_behind(FenceSettings { enforced: false, ..FenceSettings::default() }).await;
    assert_eq!(shop.skus("/products/popular?limit=50").await.len(), 24);
    shop.server.patch("/api/v2/products/TEA-001").merge_patch(&json!({"active": false})).await.ok();
    shop.server.delete("/api/v2/products/TEA-002").await.status(204);
    let left = shop.skus("/products/popular?limit=50&fields=sku").await;
    assert!(left.len() == 22 && !left.contains(&"TEA-001".to_owned()) && !left.contains(&"TEA-002".to_owned()));
}
