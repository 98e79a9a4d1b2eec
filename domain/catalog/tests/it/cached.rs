//! The catalog behind the response cache: whatever is written, no answer that shows it is the old one,
//! and answers that cannot have changed are not asked for again.
//!
//! Each test asks for a set of answers until they are hits, writes, and asks for all of them again.
//! Every one must then be what the database has, which a request with credentials gets past the
//! cache; those that the write shows in must differ from before; those that it cannot show in must
//! still be hits.

use std::collections::BTreeMap;
use std::io::Read;

use bytes::Bytes;
use entrepot_cache::FenceSettings;
use entrepot_catalog::import::import_products;
use entrepot_testkit::{Request, Response};
use serde_json::{Value, json};

use crate::{Shop, beside, is_hit};

/// The answers that most tests watch, under a short name: TEA-001 lies in `tea-black`, which lies in
/// `tea`; `green` lies beside it; `ware` is another tree.
const WATCHED: &[(&str, &str)] = &[
    ("sku", "/products/TEA-001"),
    ("slug", "/products/darjeeling-first-flush"),
    ("projected", "/products/TEA-001?fields=title,stock,rating,category,images.url"),
    ("reviews", "/products/TEA-001/reviews?limit=3"),
    ("all", "/products?limit=200&count=exact"),
    ("popular", "/products/popular?limit=50"),
    ("black", "/products?category=tea-black"),
    ("tea", "/products?category=tea&sort=price"),
    ("green", "/products?category=tea-green"),
    ("ware", "/products?category=teaware"),
    ("pots", "/products?category=teaware-pots"),
    ("nowhere", "/products?category=drinks"),
    ("search", "/products/search?q=darjeeling"),
    ("tree", "/categories"),
    ("black itself", "/categories/tea-black"),
    ("tea itself", "/categories/tea"),
    ("green itself", "/categories/tea-green"),
    ("ware itself", "/categories/teaware"),
    ("pots itself", "/categories/teaware-pots"),
    ("other", "/products/TEA-006"),
    ("other's reviews", "/products/TEA-006/reviews"),
    ("pot", "/products/TEA-014"),
];

/// Everything that shows a product's own members, the tree and the like excepted.
const OF_THE_PRODUCT: &[&str] = &["id", "sku", "slug", "projected", "all", "popular", "black", "tea", "search"];
/// What a product in `tea-black` is counted in.
const COUNTS: &[&str] = &["tree", "black itself", "tea itself"];
/// What a change of a product in `tea-black` that stays there cannot show in.
const BESIDE: &[&str] = &[
    "green",
    "ware",
    "pots",
    "nowhere",
    "green itself",
    "ware itself",
    "pots itself",
    "other",
    "other's reviews",
    "pot",
];

/// Answers that are hits, as they were when they became such.
struct Watch<'a> {
    shop: &'a Shop,
    id: String,
    paths: BTreeMap<&'static str, String>,
    before: BTreeMap<&'static str, Bytes>,
}

impl<'a> Watch<'a> {
    async fn begin(shop: &'a Shop) -> Self {
        let id = shop.get("/products/TEA-001").await["id"].as_str().expect("an id").to_owned();
        let mut paths: BTreeMap<_, _> = WATCHED.iter().map(|(name, path)| (*name, format!("/api/v2{path}"))).collect();
        paths.insert("id", format!("/api/v2/products/{id}"));
        paths.insert("reviews by id", format!("/api/v2/products/{id}/reviews?limit=3"));
        let mut watch = Self { shop, id, paths, before: BTreeMap::new() };
        watch.again().await;
        watch
    }

    /// Watches what the answers are now.
    async fn again(&mut self) {
        for (name, path) in &self.paths {
            let first = self.shop.server.get(path).await;
            // Nor is what is shown to some alone.
            if first.status != 200 || first.header("cache-control").starts_with("private") {
                self.before.remove(name);
                continue;
            }
            let second = self.shop.server.get(path).await.status(200);
            assert!(is_hit(&second), "{name} is no hit: {:?}", second.headers);
            assert_eq!(first.body, second.body);
            self.before.insert(name, second.body);
        }
    }

    /// Proves that every answer is what the database has; that these changed; that these may not have
    /// been asked for again; that these are still hits.
    async fn expect(&mut self, changed: &[&[&str]], asked_again: &[&str], hits: &[&[&str]]) {
        let (changed, hits) = (changed.concat(), hits.concat());
        for name in changed.iter().chain(asked_again).chain(&hits) {
            assert!(self.before.contains_key(name), "{name} was not watched");
        }
        for (name, before) in &self.before {
            let path = &self.paths[name];
            let now = self.shop.server.get(path).await;
            let truth = self.shop.server.get(path).header("authorization", "Bearer me").await;
            assert!(!is_hit(&truth), "credentials get past the cache");
            let told = |response: &Response| (response.status, without_request(response));
            assert_eq!(told(&now), told(&truth), "{name} is not what the database has");
            if changed.contains(name) {
                assert_ne!(now.body, *before, "{name} shows no change");
            }
            if changed.contains(name) || asked_again.contains(name) {
                assert!(!is_hit(&now), "{name} was answered from the cache");
            }
            if hits.contains(name) {
                assert!(is_hit(&now), "{name} was asked for again: {:?}", now.headers);
            }
        }
        self.again().await;
    }
}

/// A body without what is of its request alone.
fn without_request(response: &Response) -> Value {
    let mut body = response.json();
    if let Some(problem) = body.as_object_mut().filter(|body| body.contains_key("requestId")) {
        problem.remove("requestId");
    }
    body
}

fn patch(shop: &Shop, product: &str, body: &Value) -> Request {
    shop.server.patch(&format!("/api/v2/products/{product}")).merge_patch(body)
}

fn patch_category(shop: &Shop, category: &str, body: &Value) -> Request {
    shop.server.patch(&format!("/api/v2/categories/{category}")).merge_patch(body)
}

#[tokio::test]
async fn a_new_product() {
    let shop = Shop::cached().await;
    let mut watch = Watch::begin(&shop).await;
    let body = json!({"sku": "TEA-900", "title": "Darjeeling Second Flush", "category": "tea-black", "stock": 3});
    shop.server.post("/api/v2/products").json(&body).await.created();
    let its_own = ["id", "sku", "slug", "projected", "reviews", "reviews by id"];
    watch.expect(&[&["all", "popular", "black", "tea", "search"], COUNTS], &[], &[BESIDE, &its_own]).await;
    // Without a category it is on no shelf.
    shop.server.post("/api/v2/products").json(&json!({"sku": "TEA-901", "title": "Lost"})).await.created();
    let shelves = ["black", "tea", "black itself", "tea itself"];
    watch.expect(&[&["all", "popular"]], &["search", "tree"], &[BESIDE, &its_own, &shelves]).await;
}

#[tokio::test]
async fn a_changed_product() {
    let shop = Shop::cached().await;
    let mut watch = Watch::begin(&shop).await;
    patch(&shop, "TEA-001", &json!({"stock": 0})).await.ok();
    watch.expect(&[OF_THE_PRODUCT, COUNTS], &["reviews", "reviews by id"], &[BESIDE]).await;
    // By another name, and one that no count follows.
    let (id, reviews) = (watch.id.clone(), ["reviews", "reviews by id"]);
    patch(&shop, &id, &json!({"title": "Darjeeling Spring"})).await.ok();
    watch.expect(&[OF_THE_PRODUCT], &[COUNTS, &reviews].concat(), &[BESIDE]).await;
    // Off the lists.
    patch(&shop, "darjeeling-first-flush", &json!({"active": false})).await.ok();
    let lists = ["id", "sku", "slug", "all", "popular", "black", "tea", "search"];
    watch.expect(&[&lists, COUNTS], &["projected", "reviews", "reviews by id"], &[BESIDE]).await;
}

#[tokio::test]
async fn a_product_that_moves_to_another_shelf() {
    let shop = Shop::cached().await;
    let mut watch = Watch::begin(&shop).await;
    let beside = ["green", "nowhere", "green itself", "other", "other's reviews", "pot"];
    let shelves = ["ware", "pots", "ware itself", "pots itself"];
    for category in ["teaware-pots", "tea-black"] {
        patch(&shop, "TEA-001", &json!({ "category": category })).await.ok();
        watch.expect(&[OF_THE_PRODUCT, COUNTS, &shelves], &["reviews", "reviews by id"], &[&beside]).await;
    }
    patch(&shop, "TEA-001", &json!({"category": null})).await.ok();
    let hits: [&[&str]; 2] = [&beside, &shelves];
    watch.expect(&[OF_THE_PRODUCT, COUNTS], &["reviews", "reviews by id"], &hits).await;
}

#[tokio::test]
async fn a_patch_that_changes_nothing() {
    let shop = Shop::cached().await;
    let mut watch = Watch::begin(&shop).await;
    patch(&shop, "TEA-001", &json!({"stock": 120})).await.ok();
    // Its answer may show more than was applied here when the others were made.
    let made_anew = [
        "id",
        "sku",
        "slug",
        "projected",
        "reviews",
        "reviews by id",
        "all",
        "popular",
        "black",
        "tea",
        "search",
        "tree",
        "black itself",
        "tea itself",
    ];
    watch.expect(&[], &made_anew, &[BESIDE]).await;
}

#[tokio::test]
async fn a_deleted_product() {
    let shop = Shop::cached().await;
    let mut watch = Watch::begin(&shop).await;
    shop.server.delete("/api/v2/products/TEA-001").await.status(204);
    watch.expect(&[OF_THE_PRODUCT, COUNTS, &["reviews", "reviews by id"]], &[], &[BESIDE]).await;
    shop.server.get(&watch.paths["id"]).await.problem(410, "catalog.product_deleted");
    shop.server.get(&watch.paths["sku"]).await.problem(404, "catalog.product_not_found");
}

#[tokio::test]
async fn a_batch() {
    let shop = Shop::cached().await;
    let mut watch = Watch::begin(&shop).await;
    let row = |sku: &str, title: &str, category: &str| json!({"sku": sku, "title": title, "category": category});
    let one = row("TEA-001", "Darjeeling", "tea-black");
    let body = json!({"products": [one, row("TEA-900", "Sencha, Late", "tea-green")]});
    shop.server.post("/api/v2/products/batch").json(&body).await.ok();
    let beside = ["ware", "pots", "nowhere", "ware itself", "pots itself", "other", "other's reviews", "pot"];
    let green = ["green", "green itself"];
    watch.expect(&[OF_THE_PRODUCT, COUNTS, &green], &["reviews", "reviews by id"], &[&beside]).await;
    // Once more: nothing is changed by it.
    shop.server.post("/api/v2/products/batch").json(&body).await.ok();
    let made_anew = [
        "id",
        "sku",
        "slug",
        "projected",
        "reviews",
        "reviews by id",
        "all",
        "popular",
        "black",
        "tea",
        "search",
        "tree",
        "black itself",
        "tea itself",
        "green",
        "green itself",
    ];
    watch.expect(&[], &made_anew, &[&beside]).await;
}

#[tokio::test]
async fn images() {
    let shop = Shop::cached().await;
    let mut watch = Watch::begin(&shop).await;
    let body = json!({"url": "https://cdn.example/another.webp"});
    let made = shop.server.post("/api/v2/products/TEA-001/images").json(&body).await.created();
    let again = [COUNTS, &["reviews", "reviews by id"]].concat();
    watch.expect(&[OF_THE_PRODUCT], &again, &[BESIDE]).await;
    let path = format!("/api/v2/products/TEA-001/images/{}", made["id"].as_str().expect("an id"));
    shop.server.delete(&path).await.status(204);
    watch.expect(&[OF_THE_PRODUCT], &again, &[BESIDE]).await;
}

#[tokio::test]
async fn a_review() {
    let shop = Shop::cached().await;
    let mut watch = Watch::begin(&shop).await;
    for reference in ["TEA-001".to_owned(), watch.id.clone()] {
        let body = json!({"rating": 1, "author": "Teo"});
        shop.server.post(&format!("/api/v2/products/{reference}/reviews")).json(&body).await.created();
        watch.expect(&[OF_THE_PRODUCT, &["reviews", "reviews by id"]], COUNTS, &[BESIDE]).await;
    }
}

#[tokio::test]
async fn views() {
    let shop = Shop::cached().await;
    let mut watch = Watch::begin(&shop).await;
    shop.server.get("/api/v2/products/TEA-014").await.ok();
    shop.views.flush().await.expect("written");
    let rest: Vec<&str> = watch.paths.keys().copied().filter(|name| *name != "popular").collect();
    watch.expect(&[&["popular"]], &[], &[&rest]).await;
}

#[tokio::test]
async fn a_new_category() {
    let shop = Shop::cached().await;
    let mut watch = Watch::begin(&shop).await;
    // A shelf that was asked for before it was there.
    shop.server.post("/api/v2/categories").json(&json!({"name": "Drinks", "parent": "tea"})).await.created();
    let lists = ["id", "sku", "slug", "all", "popular", "black", "tea", "green", "ware", "search", "other", "pot"];
    watch.expect(&[&["tree", "tea itself"]], &["nowhere"], &[&lists]).await;
    patch(&shop, "TEA-006", &json!({"category": "drinks"})).await.ok();
    let changed = ["nowhere", "tea", "green", "tree", "tea itself", "green itself", "other", "all", "popular"];
    let hits = ["id", "sku", "slug", "black", "ware", "black itself", "ware itself", "pot"];
    watch.expect(&[&changed], &["search"], &[&hits]).await;
}

#[tokio::test]
async fn a_renamed_category() {
    let shop = Shop::cached().await;
    let mut watch = Watch::begin(&shop).await;
    patch_category(&shop, "tea-black", &json!({"name": "Noir"})).await.ok();
    watch.expect(&[OF_THE_PRODUCT, COUNTS], &["reviews"], &[]).await;
    // Its address: the old shelf is empty, the new one was asked for before it was there.
    patch_category(&shop, "tea-black", &json!({"slug": "drinks"})).await.ok();
    watch.expect(&[OF_THE_PRODUCT, COUNTS, &["nowhere"]], &[], &[]).await;
    shop.server.get("/api/v2/categories/tea-black").await.problem(404, "catalog.category_not_found");
    // One further up: its products are found by its new name.
    assert_eq!(shop.skus("/products/search?q=brews").await, [""; 0]);
    patch_category(&shop, "tea", &json!({"name": "Brews"})).await.ok();
    assert!(shop.skus("/products/search?q=brews").await.len() >= 12);
    watch.expect(&[&["tree", "tea itself", "green itself"]], &["other"], &[]).await;
}

#[tokio::test]
async fn a_category_that_moves() {
    let shop = Shop::cached().await;
    let mut watch = Watch::begin(&shop).await;
    for parent in ["teaware", "tea"] {
        patch_category(&shop, "tea-black", &json!({ "parent": parent })).await.ok();
        let shelves = ["tea", "ware", "tea itself", "ware itself", "black itself", "tree"];
        watch.expect(&[&shelves], &["sku", "black", "all", "search"], &[]).await;
    }
    // With what is below it; and then a product of the moved shelf changes.
    patch_category(&shop, "tea", &json!({"parent": "teaware"})).await.ok();
    watch.expect(&[&["ware", "ware itself", "black itself", "tree"]], &["tea"], &[]).await;
    patch(&shop, "TEA-001", &json!({"stock": 0})).await.ok();
    watch.expect(&[OF_THE_PRODUCT, COUNTS, &["ware", "ware itself"]], &[], &[&["green", "pots", "other", "pot"]]).await;
}

#[tokio::test]
async fn a_category_that_goes() {
    let shop = Shop::cached().await;
    shop.server.post("/api/v2/categories").json(&json!({"name": "Drinks", "parent": "tea"})).await.created();
    let mut watch = Watch::begin(&shop).await;
    shop.server.delete("/api/v2/categories/drinks").await.status(204);
    watch.expect(&[&["tree", "tea itself"]], &["nowhere"], &[]).await;
}

#[tokio::test]
async fn a_category_that_is_patched_to_what_it_is() {
    let shop = Shop::cached().await;
    let mut watch = Watch::begin(&shop).await;
    patch_category(&shop, "tea-black", &json!({"name": "Black Tea"})).await.ok();
    watch.expect(&[], &["black itself", "tree"], &[]).await;
}

#[tokio::test]
async fn an_import_by_another_process() {
    let shop = Shop::cached().await;
    let mut watch = Watch::begin(&shop).await;
    let text = "product_id,manufacturer_id,department,brand,product_category,product_type,package_size,list_price\n\
                1,69,DRINKS,Private,DARJEELING,DARJEELING,4 OZ,2.5\n";
    let input: Box<dyn Read + Send> = Box::new(std::io::Cursor::new(text));
    let report = import_products(&beside(&shop.database), input, "USD".parse().expect("a currency")).await;
    assert_eq!(report.expect("sound").created, 1);
    shop.catch_up().await;
    watch.expect(&[&["all", "popular", "nowhere", "search", "tree"]], &["id", "tea", "reviews"], &[]).await;
}

#[tokio::test]
async fn a_name_that_another_product_takes_over_is_found_at_once() {
    let shop = Shop::cached().await;
    let ask = async |name: &str, sku: &str, slug: &str| {
        for from_cache in [false, true] {
            let response = shop.server.get(&format!("/api/v2/products/{name}")).await;
            assert_eq!(is_hit(&response), from_cache, "{name}");
            let product = response.ok();
            assert_eq!((&product["sku"], &product["slug"]), (&json!(sku), &json!(slug)), "{name}");
        }
    };
    let make = async |sku: &str, slug: &str| {
        let body = json!({"sku": sku, "slug": slug, "title": "Oolong"});
        shop.server.post("/api/v2/products").json(&body).await.created()
    };
    make("A", "first").await;
    ask("A", "A", "first").await;
    ask("first", "A", "first").await;
    // Given up by a deletion.
    shop.server.delete("/api/v2/products/A").await.status(204);
    make("A", "first-again").await;
    make("B", "first").await;
    ask("A", "A", "first-again").await;
    ask("first", "B", "first").await;
    // Given up by a change; taken over by one.
    patch(&shop, "A", &json!({"sku": "C", "slug": "third"})).await.ok();
    shop.server.get("/api/v2/products/A").await.problem(404, "catalog.product_not_found");
    patch(&shop, "B", &json!({"sku": "A", "slug": "first-again"})).await.ok();
    ask("A", "A", "first-again").await;
    ask("first-again", "A", "first-again").await;
    shop.server.get("/api/v2/products/first").await.problem(404, "catalog.product_not_found");
    // A slug that was given up becomes another's SKU, and a slug again.
    ask("third", "C", "third").await;
    patch(&shop, "C", &json!({"slug": "elsewhere"})).await.ok();
    make("third", "fourth").await;
    ask("third", "third", "fourth").await;
    let reviews = |name: &str| format!("/api/v2/products/{name}/reviews");
    let body = json!({"rating": 5, "author": "Teo"});
    shop.server.post(&reviews("third")).json(&body).await.created();
    assert_eq!(shop.server.get(&reviews("third")).await.ok()["meta"]["summary"]["count"], 1);
    shop.server.delete("/api/v2/products/third").await.status(204);
    patch(&shop, "C", &json!({"slug": "third"})).await.ok();
    ask("third", "C", "third").await;
    assert_eq!(shop.server.get(&reviews("third")).await.ok()["meta"]["summary"]["count"], 0);
    // In a batch.
    let rows = json!({"products": [{"sku": "D", "title": "x", "slug": "fourth"}]});
    ask("C", "C", "third").await;
    shop.server.post("/api/v2/products/batch").json(&rows).await.ok();
    ask("fourth", "D", "fourth").await;
}

/// What the tests above would see, if nothing ruled answers out.
#[tokio::test]
async fn without_the_fence_answers_are_old() {
    let shop = Shop::cached_behind(FenceSettings { enforced: false, ..FenceSettings::default() }).await;
    let path = "/api/v2/products/TEA-001";
    for _ in 0..2 {
        shop.server.get(path).await.ok();
    }
    patch(&shop, "TEA-001", &json!({"stock": 0})).await.ok();
    let response = shop.server.get(path).await;
    assert!(is_hit(&response));
    assert_eq!(response.ok()["stock"], 120);
}
