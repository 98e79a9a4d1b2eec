//! Changing the catalog: create, patch, delete, preconditions, batches, images.

use serde_json::{Value, json};

use crate::Shop;

#[tokio::test]
async fn a_product_is_put_in_changed_and_deleted() {
    let shop = Shop::sample().await;
    let body = json!({
        "sku": "OOL-1", "title": "Tie Guan Yin", "description": "Rolled oolong.", "brand": "Smoke House", "category": "tea",
        "packageSize": "100 g", "price": {"amount": "18.5", "currency": "EUR"}, "stock": 3,
        "specifications": {"origin": "Anxi, China"}, "tags": ["new"],
    });
    let response = shop.server.post("/api/v2/products").json(&body).await;
    let location = response.header("location").to_owned();
    let etag = response.header("etag").to_owned();
    assert_eq!(response.header("cache-control"), "no-store");
    let made = response.created();
    assert_eq!((&made["slug"], &made["price"]["amount"]), (&json!("tie-guan-yin"), &json!("18.50")));
    let read = shop.server.get(&location).await;
    assert_eq!(read.header("etag"), etag);
    assert_eq!(read.ok(), made);
    assert_eq!(shop.skus("/products?q=oolong").await, ["OOL-1"]);

    let patch = json!({"title": "Iron Goddess", "brand": null, "specifications": {"leaf": "rolled"}, "stock": 2});
    let patched = shop.server.patch(&location).merge_patch(&patch).await.ok();
    assert_eq!(
        (&patched["title"], &patched["brand"], &patched["stock"]),
        (&json!("Iron Goddess"), &Value::Null, &json!(2))
    );
    assert_eq!(patched["specifications"], json!({"origin": "Anxi, China", "leaf": "rolled"}));
    assert_eq!(patched["slug"], "tie-guan-yin", "an address does not change by itself");
    assert_eq!(shop.skus("/products?q=goddess").await, ["OOL-1"], "search follows at once");

    shop.server.delete(&location).await.status(204);
    shop.server.get(&location).await.problem(410, "catalog.product_deleted");
    shop.server.get("/api/v2/products/OOL-1").await.problem(404, "catalog.product_not_found");
    shop.server.patch(&location).merge_patch(&json!({})).await.problem(410, "catalog.product_deleted");
    shop.server.delete(&location).await.problem(410, "catalog.product_deleted");
    shop.server.post("/api/v2/products").json(&body).await.created();
}

#[tokio::test]
async fn inactive_products_are_in_no_list() {
    let shop = Shop::sample().await;
    shop.server.patch("/api/v2/products/TEA-001").merge_patch(&json!({"active": false})).await.ok();
    assert_eq!(shop.get("/products/TEA-001").await["active"], false);
    assert!(!shop.skus("/products?limit=200").await.contains(&"TEA-001".to_owned()));
    assert_eq!(shop.skus("/products?q=darjeeling").await, Vec::<String>::new());
}

#[tokio::test]
async fn a_change_based_on_yesterday_is_refused() {
    let shop = Shop::sample().await;
    let path = "/api/v2/products/TEA-001";
    let yesterday = shop.server.get(&format!("{path}?fields=title")).await.header("etag").to_owned();
    let patch = |stock: i32| shop.server.patch(path).merge_patch(&json!({ "stock": stock }));
    patch(1).header("if-match", &yesterday).await.ok();
    patch(2).header("if-match", &yesterday).await.problem(412, "web.precondition_failed");
    shop.server.delete(path).header("if-match", &yesterday).await.problem(412, "web.precondition_failed");
    patch(3).header("if-match", "nonsense").await.problem(400, "web.invalid_header");
    patch(4).header("if-match", "*").await.ok();
    let today = shop.server.get(path).header("accept-encoding", "br").await.header("etag").to_owned();
    patch(4).header("if-match", &today).await.ok();
    let unchanged = shop.server.get(path).header("accept-encoding", "br").await.header("etag").to_owned();
    assert_eq!(unchanged, today, "a patch that changes nothing makes no new version");
}

#[tokio::test]
async fn what_was_seen_of_a_deleted_product_does_not_fit_its_successor() {
    let shop = Shop::empty().await;
    let body = json!({"sku": "AGAIN", "title": "Again"});
    let old = shop.server.post("/api/v2/products").json(&body).await.header("etag").to_owned();
    shop.server.delete("/api/v2/products/AGAIN").header("if-match", &old).await.status(204);
    shop.server.post("/api/v2/products").json(&body).await.created();
    let patch = shop.server.patch("/api/v2/products/AGAIN").merge_patch(&json!({"stock": 1}));
    patch.header("if-match", &old).await.problem(412, "web.precondition_failed");
}

#[tokio::test]
async fn a_product_that_comes_in_while_its_category_moves_moves_along() {
    let shop = Shop::sample().await;
    // Puts a product in by hand, as far as the op's own lock, and lets the move begin meanwhile.
    let coming = shop.to.database.begin().await.expect("a connection");
    coming.batch_execute("SELECT id FROM catalog.category WHERE slug = 'tea-black' FOR SHARE").await.expect("locked");
    let mut moving = Box::pin(
        shop.server
            .patch("/api/v2/categories/tea")
            .merge_patch(&json!({"parent": "teaware", "name": "Brews"}))
            .into_future(),
    );
    let client = shop.database.client().await;
    let waiting =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while client.query_one(waiting, &[]).await.expect("asked").get::<_, i64>(0) == 0 {
        assert!(futures_util::poll!(&mut moving).is_pending());
    }
    coming
        .batch_execute(
            "INSERT INTO catalog.product (id, sku, slug, title, category_id, category_path, created_at, updated_at, document)
             SELECT gen_random_uuid(), 'LATE', 'late', 'Late', id, path, now(), now(), '' FROM catalog.category WHERE slug = 'tea-black'",
        )
        .await
        .expect("inserted");
    coming.commit().await.expect("committed");
    moving.await.ok();
    assert!(shop.skus("/products?category=teaware&limit=200").await.contains(&"LATE".to_owned()));
    assert!(shop.skus("/products?q=brews&limit=200").await.contains(&"LATE".to_owned()));
}

#[tokio::test]
async fn of_two_changes_at_once_based_on_the_same_version_one_wins() {
    let shop = Shop::sample().await;
    let path = "/api/v2/products/TEA-002";
    let etag = shop.server.get(path).await.header("etag").to_owned();
    let attempt =
        |stock: i32| shop.server.patch(path).merge_patch(&json!({ "stock": stock })).header("if-match", &etag);
    let attempts =
        futures_util::future::join_all((1..=8).map(|stock| async move { attempt(stock).await.status.as_u16() }));
    let mut statuses = attempts.await;
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412, 412, 412, 412, 412, 412, 412]);
}

#[tokio::test]
async fn skus_and_slugs_are_unique_and_a_made_slug_gives_way() {
    let shop = Shop::sample().await;
    let post = |body: Value| shop.server.post("/api/v2/products").json(&body);
    let problem = post(json!({"sku": "TEA-001", "title": "x"})).await.problem(409, "catalog.duplicate_sku");
    assert_eq!(problem["errors"][0]["pointer"], "/sku");
    post(json!({"sku": "N1", "title": "x", "slug": "earl-grey"})).await.problem(409, "catalog.duplicate_slug");
    assert_eq!(post(json!({"sku": "N2", "title": "Earl Grey"})).await.created()["slug"], "earl-grey-n2");
    let patch = shop.server.patch("/api/v2/products/N2").merge_patch(&json!({"sku": "TEA-001"}));
    patch.await.problem(409, "catalog.duplicate_sku");
    post(json!({"sku": "N3", "title": "x", "category": "none"})).await.problem(422, "catalog.unknown_category");
    assert_eq!(shop.server.get("/api/v2/products/N3").await.status.as_u16(), 404);
}

#[tokio::test]
async fn a_batch_creates_updates_and_leaves_alone() {
    let shop = Shop::sample().await;
    let row =
        |sku: &str, title: &str, stock: i32| json!({"sku": sku, "title": title, "stock": stock, "category": "sweets"});
    let body =
        json!({"products": [row("A", "Anise", 1), row("B", "Barley Sugar", 2), row("TEA-022", "Shortbread", 5)]});
    let first = shop.server.post("/api/v2/products/batch").json(&body).await.ok();
    assert_eq!(first["summary"], json!({"created": 2, "updated": 1, "unchanged": 0, "failed": 0}));
    let shortbread = shop.get("/products/TEA-022").await;
    assert_eq!((&shortbread["stock"], &shortbread["slug"]), (&json!(5), &json!("shortbread")));
    assert_eq!(shortbread["ratingCount"], 71, "ratings are nobody's to overwrite");
    assert_eq!(shortbread["description"], "", "a row is the whole product");
    let second = shop.server.post("/api/v2/products/batch").json(&body).await.ok();
    assert_eq!(second["summary"], json!({"created": 0, "updated": 0, "unchanged": 3, "failed": 0}));
}

#[tokio::test]
async fn one_bad_row_keeps_an_atomic_batch_out_and_only_itself_otherwise() {
    let shop = Shop::sample().await;
    let body = json!({"products": [
        {"sku": "A", "title": "Anise"},
        {"sku": "B", "title": "", "stock": -1},
        {"sku": "A", "title": "Anise again"},
        {"sku": "C", "title": "Candy", "category": "none"},
        "not a product",
    ]});
    let problem = shop.server.post("/api/v2/products/batch").json(&body).await.problem(422, "catalog.batch_invalid");
    let told: Vec<(&str, &str)> = problem["errors"]
        .as_array()
        .expect("faults")
        .iter()
        .map(|fault| (fault["pointer"].as_str().unwrap_or_default(), fault["code"].as_str().unwrap_or_default()))
        .collect();
    let wanted = [
        ("/products/1/title", "empty"),
        ("/products/1/stock", "negative"),
        ("/products/2/sku", "repeated"),
        ("/products/3/category", "unknown_category"),
        ("/products/4", "wrong_type"),
    ];
    assert_eq!(told, wanted);
    shop.server.get("/api/v2/products/A").await.problem(404, "catalog.product_not_found");

    let result = shop.server.post("/api/v2/products/batch?atomic=false").json(&body).await.status(207).json();
    assert_eq!(result["summary"], json!({"created": 1, "updated": 0, "unchanged": 0, "failed": 4}));
    let statuses: Vec<_> =
        result["results"].as_array().expect("rows").iter().map(|row| row["status"].clone()).collect();
    assert_eq!(statuses, [201, 422, 422, 422, 422]);
    shop.get("/products/A").await;

    let slugs = json!({"products": [
        {"sku": "S1", "title": "One", "slug": "same"}, {"sku": "S2", "title": "Two", "slug": "same"},
        {"sku": "S3", "title": "Three", "slug": "earl-grey"}, {"sku": "TEA-004", "title": "Earl Grey", "slug": "earl-grey"},
        {"sku": "S4", "title": "Same"},
    ]});
    let result = shop.server.post("/api/v2/products/batch?atomic=false").json(&slugs).await.status(207).json();
    let statuses: Vec<_> =
        result["results"].as_array().expect("rows").iter().map(|row| row["status"].clone()).collect();
    assert_eq!(statuses, [201, 422, 422, 200, 201], "{result}");

    for (products, code) in [
        (json!([]), "catalog.batch_size"),
        (json!(vec![json!({}); 51]), "catalog.batch_size"),
        (json!({}), "web.invalid_body"),
    ] {
        let body = json!({ "products": products });
        shop.server.post("/api/v2/products/batch").json(&body).await.problem(422, code);
    }
}

#[tokio::test]
async fn images_belong_to_their_product() {
    let shop = Shop::sample().await;
    let path = "/api/v2/products/TEA-001/images";
    let before = shop.server.get("/api/v2/products/TEA-001").await.header("etag").to_owned();
    let image = json!({"url": "https://cdn.example/a.webp", "alt": "A cup", "widthPx": 640, "heightPx": 480});
    let made = shop.server.post(path).json(&image).await.created();
    assert_eq!(made["position"], 1, "behind the one that is there");
    let product = shop.server.get("/api/v2/products/TEA-001").await;
    assert_ne!(product.header("etag"), before);
    assert_eq!(product.ok()["images"][1], made);
    for url in ["ftp://x/y", "/local.png", "javascript:alert(1)", "https://"] {
        let problem = shop.server.post(path).json(&json!({ "url": url })).await.problem(422, "web.invalid_body");
        assert_eq!(problem["errors"][0]["code"], "url_form", "{url}");
    }
    let image_path = format!("{path}/{}", made["id"].as_str().expect("an id"));
    shop.server.delete(&image_path).await.status(204);
    shop.server.delete(&image_path).await.problem(404, "catalog.image_not_found");
    shop.server.delete(&format!("{path}/nonsense")).await.problem(404, "catalog.image_not_found");
    shop.server.post("/api/v2/products/none/images").json(&image).await.problem(404, "catalog.product_not_found");
    for _ in 0..49 {
        shop.server.post(path).json(&image).await.created();
    }
    shop.server.post(path).json(&image).await.problem(409, "catalog.too_many_images");
}

#[tokio::test]
async fn a_seed_never_overwrites_a_catalog_unasked() {
    use entrepot_catalog::seed::{SeedError, SeedProfile, seed};
    let shop = Shop::sample().await;
    let first = shop.get("/products/TEA-001").await;
    let refused = seed(&shop.to, SeedProfile::Sample, false, &|_, _| {}).await;
    assert!(matches!(refused, Err(SeedError::NotEmpty)));
    shop.server.patch("/api/v2/products/TEA-001").merge_patch(&json!({"stock": 1})).await.ok();
    seed(&shop.to, SeedProfile::Sample, true, &|_, _| {}).await.expect("a reset was asked for");
    let mut second = shop.get("/products/TEA-001").await;
    second["images"][0]["id"] = first["images"][0]["id"].clone();
    assert_eq!(second, first, "a seed is the same every time");
}

/// An address means one product, whichever of its names it is written with.
#[tokio::test]
async fn skus_and_slugs_are_one_name_space() {
    let shop = Shop::empty().await;
    let post = |body: Value| shop.server.post("/api/v2/products").json(&body);
    post(json!({"sku": "DESK-7", "title": "Oak Desk"})).await.created();
    post(json!({"sku": "drum", "title": "Cable Drum"})).await.created();
    let copy = post(json!({"sku": "oak-desk", "title": "Cheap Copy"})).await;
    assert_eq!(copy.problem(409, "catalog.duplicate_sku")["errors"][0]["pointer"], "/sku");
    post(json!({"sku": "X", "title": "x", "slug": "drum"})).await.problem(409, "catalog.duplicate_slug");
    let patch = |body: Value| shop.server.patch("/api/v2/products/drum").merge_patch(&body);
    patch(json!({"sku": "oak-desk"})).await.problem(409, "catalog.duplicate_sku");
    let batch = json!({"products": [
        {"sku": "oak-desk", "title": "Copy"}, {"sku": "B1", "title": "Bowl", "slug": "drum"},
        {"sku": "B2", "title": "Bowl", "slug": "b3"}, {"sku": "b3", "title": "Bowl"}, {"sku": "B4", "title": "Sound"},
    ]});
    let verdicts = shop.server.post("/api/v2/products/batch?atomic=false").json(&batch).await.status(207).json();
    let rows = verdicts["results"].as_array().expect("rows").iter().enumerate();
    let failed: Vec<usize> = rows.filter(|(_, row)| row["outcome"] != "created").map(|(at, _)| at).collect();
    assert_eq!(failed, [0, 1, 2], "{verdicts}");
    assert_eq!(shop.get("/products/oak-desk").await["sku"], "DESK-7");
    // One product may have one name for both, and a slug that is made gives way to a SKU.
    assert_eq!(post(json!({"sku": "red-lamp", "title": "Red Lamp"})).await.created()["slug"], "red-lamp");
    assert_eq!(post(json!({"sku": "L2", "title": "Drum"})).await.created()["slug"], "drum-l2");
    // A deleted product gives its names back.
    shop.server.delete("/api/v2/products/DESK-7").await.status(204);
    post(json!({"sku": "oak-desk", "title": "Another"})).await.created();
    // Whoever writes past the program is stopped by the database.
    let client = shop.database.client().await;
    let sql = "UPDATE catalog.product SET slug = 'drum' WHERE sku = 'oak-desk'";
    let error = client.execute(sql, &[]).await.expect_err("it is another's");
    assert_eq!(error.as_db_error().and_then(|error| error.constraint()), Some("product_name_key"));
}

#[tokio::test]
async fn slugs_that_are_made_are_free() {
    let shop = Shop::empty().await;
    let post = |body: Value| shop.server.post("/api/v2/products").json(&body);
    let mut slugs = Vec::new();
    for sku in ["Q-0", "A_B", "A.B", "A-B", "a_b"] {
        let made = post(json!({"sku": sku, "title": "Copper Pan"})).await.created();
        slugs.push(made["slug"].as_str().expect("a slug").to_owned());
    }
    assert_eq!(slugs, ["copper-pan", "copper-pan-a-b", "copper-pan-a-b-2", "copper-pan-a-b-3", "copper-pan-a-b-4"]);
    let batch = json!({"products": [
        {"sku": "Y_1", "title": "Oak Bowl"}, {"sku": "Y.1", "title": "Oak Bowl"}, {"sku": "Y2", "title": "Other"},
    ]});
    let done = shop.server.post("/api/v2/products/batch?atomic=false").json(&batch).await.status(207).json();
    assert_eq!(done["summary"]["created"], 3, "{done}");
    // A slug that reads as an id would be the address of what has that id.
    let id = "11111111-1111-7111-8111-111111111111";
    let made = post(json!({"sku": "UU-1", "title": id})).await.created();
    assert_eq!(made["slug"], format!("{id}-uu-1"));
    let made = shop.server.post("/api/v2/categories").json(&json!({"name": id})).await.created();
    assert_eq!(made["slug"], format!("{id}-2"));
    for (name, slug) in [("C++", "c"), ("C#", "c-2"), ("Tea & Co", "tea-co"), ("Tea Co", "tea-co-2")] {
        let made = shop.server.post("/api/v2/categories").json(&json!({"name": name})).await.created();
        assert_eq!(made["slug"], slug);
    }
    let patch = shop.server.patch("/api/v2/products/A.B").merge_patch(&json!({"slug": null}));
    assert_eq!(patch.await.ok()["slug"], "copper-pan-a-b-2", "it was its own");
}

/// What rules of today would not take, was taken once.
#[tokio::test]
async fn a_product_of_before_can_be_changed() {
    let shop = Shop::sample().await;
    let client = shop.database.client().await;
    let sql = "UPDATE catalog.product SET title = E'Te\u{202e}\u{34f}a', brand = E'\\u3164', price = 5, currency = 'HRK' WHERE sku = 'TEA-001'";
    client.execute(sql, &[]).await.expect("written");
    let patch = |body: Value| shop.server.patch("/api/v2/products/TEA-001").merge_patch(&body);
    let changed = patch(json!({"stock": 5})).await.ok();
    assert_eq!((&changed["title"], &changed["stock"]), (&json!("Tea"), &json!(5)));
    assert_eq!(changed["price"], json!({"amount": "5.00", "currency": "HRK"}));
    patch(json!({"price": {"amount": "5", "currency": "HRK"}})).await.problem(422, "web.invalid_body");
    for code in ["HRK", "SLL", "BGN", "CHE", "USN", "MXV", "COU", "XAU", "XXX"] {
        let body = json!({"sku": "M", "title": "m", "price": {"amount": "5", "currency": code}});
        shop.server.post("/api/v2/products").json(&body).await.problem(422, "web.invalid_body");
    }
}

#[tokio::test]
async fn texts_and_numbers_are_kept_in_one_form_or_refused() {
    let shop = Shop::empty().await;
    let post = |body: Value| shop.server.post("/api/v2/products").json(&body);
    for (sku, brand) in [("N1", "Nestl\u{e9}"), ("N2", "Nestle\u{301}"), ("N3", " Nestl\u{e9} ")] {
        let body = json!({"sku": sku, "title": " Tea\u{feff} ", "brand": brand, "tags": [brand], "specifications": {brand: brand}});
        let made = post(body).await.created();
        assert_eq!((&made["title"], &made["brand"]), (&json!("Tea"), &json!("Nestl\u{e9}")));
        assert_eq!(made["specifications"], json!({"Nestl\u{e9}": "Nestl\u{e9}"}));
    }
    for filter in ["brand=Nestl%C3%A9", "brand=Nestle%CC%81", "tag=Nestle%CC%81", "spec.Nestle%CC%81=Nestl%C3%A9"] {
        assert_eq!(shop.skus(&format!("/products?{filter}&sort=title")).await.len(), 3, "{filter}");
    }
    for bad in [json!({"a\u{202e}b": 1}), json!({"a": "x\u{1b}y"}), json!({"e\u{301}": 1, "\u{e9}": 2})] {
        let refused = post(json!({"sku": "B", "title": "b", "specifications": bad})).await;
        refused.problem(422, "web.invalid_body");
    }
    let big = r#"{"sku": "B", "title": "b", "specifications": {"serial": 123456789012345678901}}"#;
    let refused = shop.server.post("/api/v2/products").bytes("application/json", big).await;
    refused.problem(422, "web.inexact_number");
    let alt = shop.server.post("/api/v2/products/N1/images/upload?alt=a%E2%80%AEb").bytes("image/png", "x").await;
    alt.problem(400, "web.invalid_query");
}
