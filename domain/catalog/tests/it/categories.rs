//! The tree of categories: reading it, growing it, moving it.

use serde_json::{Value, json};

use crate::Shop;

#[tokio::test]
async fn the_tree_counts_what_lies_below() {
    let shop = Shop::sample().await;
    let tree = shop.get("/categories").await;
    let top: Vec<_> = tree["data"]
        .as_array()
        .expect("a tree")
        .iter()
        .map(|node| (node["slug"].clone(), node["productCount"].clone()))
        .collect();
    assert_eq!(top, [(json!("sweets"), json!(3)), (json!("tea"), json!(12)), (json!("teaware"), json!(9))]);
    let tea = &tree["data"][1];
    assert_eq!(tea["inStockCount"], 11);
    assert_eq!(tea["children"].as_array().map(Vec::len), Some(3));
    let shallow = shop.get("/categories?depth=1").await;
    assert_eq!((&shallow["data"][1]["children"], &shallow["data"][1]["productCount"]), (&json!([]), &json!(12)));
    let black = shop.get("/categories/tea-black").await;
    assert_eq!((&black["productCount"], &black["ancestors"][0]["slug"]), (&json!(4), &json!("tea")));
    shop.server.get("/api/v2/categories/none").await.problem(404, "catalog.category_not_found");
    shop.server.get("/api/v2/categories?depth=9").await.problem(400, "web.invalid_query");
}

#[tokio::test]
async fn a_category_moves_with_everything_below_it() {
    let shop = Shop::sample().await;
    let made = shop.server.post("/api/v2/categories").json(&json!({"name": "Drinks"})).await.created();
    assert_eq!(made["slug"], "drinks");
    let etag = shop.server.get("/api/v2/categories/tea").await.header("etag").to_owned();
    let patch = json!({"parent": "drinks", "name": "Brews"});
    let moved = shop.server.patch("/api/v2/categories/tea").merge_patch(&patch).header("if-match", &etag).await.ok();
    assert_eq!(moved["ancestors"][0]["slug"], "drinks");
    assert_eq!(shop.skus("/products?category=drinks&limit=200").await.len(), 12);
    assert_eq!(shop.get("/categories/tea-black").await["ancestors"].as_array().map(Vec::len), Some(2));
    assert!(shop.skus("/products?q=brews&limit=200").await.len() >= 12, "search knows the new name");
    let late = shop.server.patch("/api/v2/categories/tea").merge_patch(&json!({"name": "x"})).header("if-match", &etag);
    late.await.problem(412, "web.precondition_failed");
    let back = shop.server.patch("/api/v2/categories/tea").merge_patch(&json!({"parent": null})).await.ok();
    assert_eq!(back["ancestors"], json!([]));
}

#[tokio::test]
async fn the_tree_stays_a_tree() {
    let shop = Shop::sample().await;
    let patch = |slug: &str, parent: &str| {
        shop.server.patch(&format!("/api/v2/categories/{slug}")).merge_patch(&json!({ "parent": parent }))
    };
    for (slug, parent) in [("tea", "tea"), ("tea", "tea-black")] {
        let problem = patch(slug, parent).await.problem(422, "catalog.category_cycle");
        assert_eq!(problem["errors"][0]["pointer"], "/parent");
    }
    patch("tea", "none").await.problem(422, "catalog.unknown_category");
    // Two moves at once that would close a circle together: one of them must lose.
    let (one, other) =
        futures_util::join!(patch("tea", "teaware").into_future(), patch("teaware", "tea").into_future());
    let mut statuses = [one.status.as_u16(), other.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 422]);

    let mut parent = Value::Null;
    for depth in 1..=9 {
        let made = shop
            .server
            .post("/api/v2/categories")
            .json(&json!({"name": format!("Level {depth}"), "parent": parent}))
            .await;
        if depth == 9 {
            made.problem(422, "catalog.category_too_deep");
        } else {
            parent = made.created()["slug"].clone();
        }
    }
    patch("level-1", "sweets").await.problem(422, "catalog.category_too_deep");
}

#[tokio::test]
async fn only_an_empty_category_can_be_taken_out() {
    let shop = Shop::sample().await;
    shop.server.delete("/api/v2/categories/tea").await.problem(409, "catalog.category_not_empty");
    shop.server.delete("/api/v2/categories/sweets").await.problem(409, "catalog.category_not_empty");
    for sku in shop.skus("/products?category=sweets").await {
        shop.server.delete(&format!("/api/v2/products/{sku}")).await.status(204);
    }
    shop.server.delete("/api/v2/categories/sweets").await.status(204);
    shop.server.delete("/api/v2/categories/sweets").await.problem(404, "catalog.category_not_found");
    let body = json!({"name": "Brews", "slug": "tea"});
    shop.server.post("/api/v2/categories").json(&body).await.problem(409, "catalog.duplicate_slug");
    let body = json!({"name": "", "position": "first", "colour": 1});
    let problem = shop.server.post("/api/v2/categories").json(&body).await.problem(422, "web.invalid_body");
    assert_eq!(problem["errors"].as_array().map(Vec::len), Some(3));
}
