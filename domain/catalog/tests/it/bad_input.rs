//! Bad input: each kind is a problem document with its code, and nothing is changed by it.

use serde_json::json;

use crate::{Shop, reading};

#[tokio::test]
async fn bad_queries_name_what_is_wrong() {
    let shop = Shop::sample().await;
    for (query, parameter, code) in [
        ("fields=id,colour", "fields", "unknown_field"),
        ("exclude=colour", "exclude", "unknown_field"),
        ("sort=colour", "sort", "unknown_field"),
        ("sort=price,price", "sort", "repeated"),
        ("sort=price,title,rating,createdAt", "sort", "too_many"),
        ("sort=relevance", "sort", "unknown_field"),
        ("colour=red", "colour", "unknown_parameter"),
        ("limit=0", "limit", "out_of_range"),
        ("limit=201", "limit", "out_of_range"),
        ("limit=ten", "limit", "wrong_type"),
        ("minPrice=cheap", "minPrice", "wrong_type"),
        ("minPrice=-1", "minPrice", "negative"),
        ("minPrice=5&maxPrice=4", "maxPrice", "out_of_range"),
        ("minRating=6", "minRating", "out_of_range"),
        ("inStock=maybe", "inStock", "not_a_choice"),
        ("seller=me", "seller", "wrong_type"),
        ("facets=colour", "facets", "unknown_field"),
        ("count=all", "count", "not_a_choice"),
        ("brand=a%00b", "brand", "nul"),
    ] {
        let response = shop.server.get(&format!("/api/v2/products?{query}")).await;
        let problem = response.problem(400, "web.invalid_query");
        let faults = problem["errors"].as_array().expect("faults");
        assert!(
            faults.iter().any(|fault| fault["parameter"] == parameter && fault["code"] == code),
            "{query}: {problem}"
        );
    }
    let list = shop.get("/products?limit=5").await;
    let next = list["page"]["nextCursor"].as_str().expect("a next page");
    let both = shop.server.get(&format!("/api/v2/products?limit=5&page=2&cursor={next}")).await;
    assert_eq!(both.problem(400, "web.invalid_query")["errors"][0]["code"], "conflict");
    let long = "x".repeat(201);
    shop.server.get(&format!("/api/v2/products?q={long}")).await.problem(400, "web.invalid_query");
    shop.server.get(&format!("/api/v2/products?brand={}", "x".repeat(9_000))).await.problem(414, "web.uri_too_long");
    shop.server.get("/api/v2/products?q=%ff").await.problem(400, "web.invalid_query");
    shop.server.get("/api/v2/products/search").await.problem(400, "web.invalid_query");
    shop.server.get("/api/v2/products/TEA-001?limit=3").await.problem(400, "web.invalid_query");
}

#[tokio::test]
async fn the_documented_parameters_are_those_that_are_taken() {
    let shop = Shop::empty().await;
    let tasks = entrepot_runtime::Tasks::new(entrepot_runtime::Shutdown::new());
    // Beside the shop's own, in a cache of its own: a namespace is made once.
    let cache = entrepot_cache::Cache::start(
        entrepot_cache::CacheSettings::default(),
        shop.to.feed.fence().clone(),
        shop.to.clock.clone(),
        &tasks,
    );
    let reading = reading(&cache.expect("no Redis"));
    let module = entrepot_catalog::module(shop.to.clone(), reading, shop.pictures.clone(), &tasks);
    let document = serde_json::to_value(module.openapi).expect("JSON");
    for (path, url) in [
        ("/api/v2/products", "/api/v2/products"),
        ("/api/v2/products/search", "/api/v2/products/search"),
        ("/api/v2/products/popular", "/api/v2/products/popular"),
        ("/api/v2/products/{product}", "/api/v2/products/x"),
        ("/api/v2/products/{product}/reviews", "/api/v2/products/x/reviews"),
        ("/api/v2/categories", "/api/v2/categories"),
    ] {
        let parameters = document["paths"][path]["get"]["parameters"].as_array().expect("parameters");
        let in_query = parameters.iter().filter(|parameter| parameter["in"] == "query");
        let name = |parameter: &serde_json::Value| match parameter["name"].as_str().expect("a name") {
            // An object, whose members are parameters of their own.
            "spec" => "spec.<name>".to_owned(),
            name => name.to_owned(),
        };
        let mut documented: Vec<_> = in_query.map(name).collect();
        documented.sort_unstable();
        let problem = shop.server.get(&format!("{url}?nonsense=1")).await.problem(400, "web.invalid_query");
        let faults = problem["errors"].as_array().expect("faults");
        let told = faults.iter().find(|fault| fault["parameter"] == "nonsense").expect("the unknown one");
        let taken = told["detail"].as_str().expect("text").split("takes ").nth(1).expect("a list");
        assert_eq!(documented.join(", "), taken, "{path}");
    }
}

#[tokio::test]
async fn bad_bodies_name_what_is_wrong_and_change_nothing() {
    let shop = Shop::sample().await;
    let post = || shop.server.post("/api/v2/products");
    post().bytes("application/json", "{\"sku\": ").await.problem(400, "web.malformed_json");
    post().bytes("application/json", "").await.problem(400, "web.malformed_json");
    post().bytes("application/json", vec![0xff, 0xfe]).await.problem(400, "web.malformed_json");
    let deep =
        format!("{{\"sku\":\"D\",\"title\":\"t\",\"specifications\":{}1{}}}", "{\"a\":".repeat(200), "}".repeat(200));
    post().bytes("application/json", deep).await.problem(400, "web.json_too_deep");
    post().bytes("text/plain", "{}").await.problem(415, "web.unsupported_media_type");
    post().bytes("application/x-www-form-urlencoded", "sku=D").await.problem(415, "web.unsupported_media_type");
    post()
        .bytes("application/json", "{}")
        .header("content-encoding", "gzip")
        .await
        .problem(415, "web.unsupported_media_type");
    let large = format!("{{\"sku\":\"D\",\"title\":\"{}\"}}", "x".repeat(11 * 1024 * 1024));
    post().bytes("application/json", large).await.problem(413, "web.body_too_large");
    post().json(&json!({"sku": "D", "title": "a\u{0}b"})).await.problem(422, "web.invalid_body");
    post()
        .json(&json!({"sku": "D", "title": "t", "specifications": {"a": ["\u{0}"]}}))
        .await
        .problem(422, "web.invalid_body");
    for price in
        [json!({"amount": "-1", "currency": "EUR"}), json!({"amount": "1.005", "currency": "EUR"}), json!(12.5)]
    {
        post().json(&json!({"sku": "D", "title": "t", "price": price})).await.problem(422, "web.invalid_body");
    }
    let turned = post().json(&json!({"sku": "D", "title": "Tea \u{202e}eeffoC"})).await;
    assert_eq!(turned.problem(422, "web.invalid_body")["errors"][0]["pointer"], "/title");
    let patch = shop.server.patch("/api/v2/products/TEA-001");
    patch.merge_patch(&json!({"title": null, "id": "x"})).await.problem(422, "web.invalid_body");
    shop.server.patch("/api/v2/products/TEA-001").merge_patch(&json!([])).await.problem(422, "web.invalid_body");
    shop.server.get("/api/v2/products/D").await.problem(404, "catalog.product_not_found");
    assert_eq!(shop.get("/products/TEA-001").await["title"], "Darjeeling First Flush");
}

#[tokio::test]
async fn bad_requests_are_problems_whoever_answers_them() {
    let shop = Shop::sample().await;
    shop.server.get("/api/v2/nothing").await.problem(404, "web.not_found");
    let response = shop.server.request("PUT", "/api/v2/products").await;
    assert!(response.header("allow").contains("POST"), "{:?}", response.headers);
    response.problem(405, "web.method_not_allowed");
    shop.server.get("/api/v2/products").header("accept", "text/html").await.problem(406, "web.not_acceptable");
    shop.server.get("/api/v2/products").header("accept", "text/html, */*;q=0.1").await.status(200);
}

#[tokio::test]
async fn honest_odd_texts_pass() {
    let shop = Shop::empty().await;
    for (index, title) in [
        "DROP TABLE product;--",
        "O'Brien & Söhne",
        "../../etc/passwd",
        "茶 🍵",
        "<b>bold</b>",
        "100% \\ \"quoted\"",
        "%s %n",
        "NULL",
    ]
    .into_iter()
    .enumerate()
    {
        let body = json!({"sku": format!("ODD-{index}"), "title": title, "brand": title, "tags": [title], "specifications": {title: title}});
        let made = shop.server.post("/api/v2/products").json(&body).await.created();
        assert_eq!(made["title"], title);
        let encoded: String = title.bytes().map(|byte| format!("%{byte:02X}")).collect();
        for query in [format!("brand={encoded}"), format!("tag={encoded}"), format!("spec.{encoded}={encoded}")] {
            assert_eq!(shop.skus(&format!("/products?{query}")).await, [format!("ODD-{index}")], "{query}");
        }
        shop.get(&format!("/products?q={encoded}")).await;
    }
}
