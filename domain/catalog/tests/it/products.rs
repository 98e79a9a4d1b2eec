//! Reading products: one, lists, filters, projection, caching headers.

use serde_json::json;

use crate::{Shop, texts};

#[tokio::test]
async fn a_product_answers_to_its_id_sku_and_slug() {
    let shop = Shop::sample().await;
    let by_sku = shop.get("/products/TEA-004").await;
    assert_eq!(by_sku["title"], "Earl Grey");
    assert_eq!(by_sku["price"], json!({"amount": "8.90", "currency": "EUR"}));
    assert_eq!(by_sku["category"]["slug"], "tea-black");
    assert_eq!(by_sku["rating"], 4.55);
    assert_eq!(by_sku["specifications"]["steepMinutes"], 3);
    assert_eq!(by_sku["images"][0]["widthPx"], 1200);
    let id = by_sku["id"].as_str().expect("an id");
    assert_eq!(shop.get(&format!("/products/{id}")).await, by_sku);
    assert_eq!(shop.get("/products/earl-grey").await, by_sku);
    for none in ["00000000-0000-7000-8000-000000000000", "none", "%00", "a%2Fb"] {
        let path = format!("/api/v2/products/{none}");
        shop.server.get(&path).await.problem(404, "catalog.product_not_found");
    }
}

#[tokio::test]
async fn every_filter_narrows_the_list() {
    let shop = Shop::sample().await;
    for (query, count) in [
        ("", 24),
        ("category=tea", 12),
        ("category=tea-green", 4),
        ("category=none", 0),
        ("brand=Meadow", 6),
        ("minPrice=30", 4),
        ("maxPrice=5", 2),
        ("minPrice=10&maxPrice=15", 5),
        ("minRating=4.7", 3),
        ("inStock=false", 2),
        ("inStock=true", 22),
        ("tag=gift", 5),
        ("spec.material=stoneware", 2),
        ("spec.caffeine=false", 4),
        ("spec.celsius=75", 2),
        ("spec.material=steel&spec.colour=green", 1),
        ("category=tea&tag=organic&maxPrice=12", 3),
        ("seller=00000000-0000-7000-8000-000000000000", 0),
    ] {
        let list = shop.get(&format!("/products?limit=200&count=exact&{query}")).await;
        assert_eq!(list["data"].as_array().map(Vec::len), Some(count), "{query}");
        assert_eq!(list["page"]["total"], count, "{query}");
    }
}

#[tokio::test]
async fn lists_are_sorted_as_asked() {
    let shop = Shop::sample().await;
    let first = |list: Vec<String>| list[..3].to_vec();
    assert_eq!(
        first(texts(&shop.get("/products?sort=-price").await, "title"))[..2],
        ["Cast-Iron Teapot", "Stoneware Teapot"]
    );
    assert_eq!(first(texts(&shop.get("/products?sort=price").await, "title"))[..2], ["Paper Filters", "Peppermint"]);
    assert_eq!(
        first(texts(&shop.get("/products?sort=title").await, "title")),
        ["Assam Breakfast", "Bamboo Whisk", "Candied Orange Peel"]
    );
    assert_eq!(texts(&shop.get("/products?sort=-rating&limit=1").await, "title"), ["Matcha, Ceremonial Grade"]);
    // 9.50, 9.90 and others stand alone; 6.50, 6.90, 6.90 do not.
    let mixed = shop.get("/products?sort=price,-title&minPrice=6.50&maxPrice=7").await;
    assert_eq!(texts(&mixed, "title"), ["Ginger & Turmeric", "Shortbread", "Rooibos"]);
    assert_eq!(mixed["meta"]["sort"], "price,-title");
}

#[tokio::test]
async fn a_product_without_a_price_comes_last_either_way() {
    let shop = Shop::sample().await;
    shop.server.post("/api/v2/products").json(&json!({"sku": "FREE", "title": "Nothing"})).await.created();
    for sort in ["price", "-price"] {
        assert_eq!(
            shop.skus(&format!("/products?sort={sort}&limit=200")).await.last().map(String::as_str),
            Some("FREE")
        );
    }
    assert!(!shop.skus("/products?minPrice=0&limit=200").await.contains(&"FREE".to_owned()));
}

#[tokio::test]
async fn projection_keeps_and_drops() {
    let shop = Shop::sample().await;
    let product = shop.get("/products/TEA-001?fields=title,category.name,specifications.origin").await;
    assert_eq!(
        product,
        json!({"title": "Darjeeling First Flush", "category": {"name": "Black Tea"}, "specifications": {"origin": "Darjeeling, India"}})
    );
    let list = shop.get("/products?limit=1&fields=sku,in_stock,price.amount&sort=price").await;
    assert_eq!(list["data"], json!([{"sku": "TEA-021", "price": {"amount": "3.90"}, "inStock": true}]));
    assert_eq!(list["meta"]["fields"], json!(["sku", "price.amount", "inStock"]));
    let without = shop.get("/products/TEA-001?exclude=description,category.id,images,highlight").await;
    assert!(without.get("description").is_none() && without["category"].get("id").is_none());
    assert_eq!(without["category"]["slug"], "tea-black");
}

#[tokio::test]
async fn what_is_unchanged_is_not_sent_again() {
    let shop = Shop::sample().await;
    let path = "/api/v2/products?limit=20";
    let first = shop.server.get(path).await.status(200);
    let etag = first.header("etag").to_owned();
    assert!(etag.starts_with('"') && first.header("cache-control") == "public, max-age=0, must-revalidate");
    let second = shop.server.get(path).header("if-none-match", &etag).await.status(304);
    assert!(second.body.is_empty() && second.header("etag") == etag);
    shop.server.patch("/api/v2/products/TEA-001").merge_patch(&json!({"stock": 7})).await.ok();
    shop.server.get(path).header("if-none-match", &etag).await.status(200);
    let head = shop.server.request("HEAD", path).await.status(200);
    assert!(head.body.is_empty() && head.header("content-length").parse::<usize>().expect("a length") > 5_000);
}

#[tokio::test]
async fn answers_are_compressed_and_each_form_has_its_own_etag() {
    let shop = Shop::sample().await;
    let plain = shop.server.get("/api/v2/products").await.status(200);
    assert_eq!(plain.header("vary"), "accept-encoding");
    for coding in ["br", "gzip", "zstd"] {
        let coded = shop.server.get("/api/v2/products").header("accept-encoding", coding).await.status(200);
        assert_eq!(coded.header("content-encoding"), coding);
        assert!(coded.body.len() * 2 < plain.body.len(), "{coding}: {} of {}", coded.body.len(), plain.body.len());
        let wanted = plain.header("etag").trim_end_matches('"').to_owned() + "-" + coding + "\"";
        assert_eq!(coded.header("etag"), wanted);
        let again = shop
            .server
            .get("/api/v2/products")
            .header("accept-encoding", coding)
            .header("if-none-match", &wanted)
            .await;
        assert_eq!(again.status.as_u16(), 304);
    }
    let small = shop.server.get("/api/v2/products/TEA-001?fields=id").header("accept-encoding", "br").await.status(200);
    assert_eq!(small.header("content-encoding"), "");
}

#[tokio::test]
async fn estimates_come_from_the_planner() {
    let shop = Shop::sample().await;
    let page = shop.get("/products?count=estimate").await["page"].clone();
    assert_eq!(page["totalIsEstimate"], true);
    assert_eq!(page["total"], 24, "the statistics are fresh after a seed");
}
