//! Every route, asked twice: what may be cached is, and what must never be cached is not.

use entrepot_server::openapi_document;
use serde_json::{Value, json};

use crate::house::House;

/// What stands for the parameters of paths, and what queries an operation needs.
fn example(path: &str) -> String {
    let nothing = "00000000-0000-7000-8000-000000000000";
    let path = path.replace("{product}", "CACHED-1").replace("{category}", "cached");
    let path = path.replace("{store}", "330").replace("{year}", "2024").replace("{month}", "1");
    let path = path.replace("{queue}", "exports").replace("{job}", "1");
    let path = path.replace("{template}", "alert").replace("{letter}", nothing);
    let path = path.replace("{variant}", "thumb");
    let path = ["{image}", "{user}", "{key}", "{export}", "{report}", "{webhook}"]
        .iter()
        .fold(path, |path, name| path.replace(name, nothing));
    assert!(!path.contains('{'), "{path}: give the new parameter an example here");
    if path.ends_with("/search") { format!("{path}?q=cached") } else { path }
}

#[tokio::test]
async fn every_get_does_what_it_declares() {
    let document: Value = serde_json::from_str(&openapi_document().expect("it holds together")).expect("JSON");
    let house = House::new(&[]).await;
    let token = house.admin().await;
    // Whoever has signed in shares what is cached for all.
    let server = house.server.bearing(&token);
    server.post("/api/v2/categories").json(&json!({"name": "Cached", "slug": "cached"})).await.created();
    let product = json!({"sku": "CACHED-1", "title": "Cached tea", "category": "cached"});
    let made = server.post("/api/v2/products").json(&product).await;
    // The feed's tail has applied it, so nothing is ruled out any more.
    let position = made.header("entrepot-position").to_owned();
    server.get("/api/v2/products/CACHED-1").header("entrepot-at-least", &position).await.ok();

    server.request("PUT", "/api/v2/stores/330").json(&json!({"name": "Harbour"})).await.created();
    let days = json!({"dailyData": {"1": {"sales": 1}}});
    server.request("PUT", "/api/v2/sales/330/2024/1").json(&days).await.created();

    let (mut kept, mut never) = (0, 0);
    for (path, item) in document["paths"].as_object().expect("paths") {
        let Some(operation) = item.get("get") else { continue };
        let declared = operation["x-entrepot-caching"].as_str().unwrap_or_else(|| panic!("{path} declares nothing"));
        let path = example(path);
        let first = server.get(&path).await;
        let second = server.get(&path).await;
        let status = |name: &str| second.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if declared.starts_with("never: ") {
            never += 1;
            let class = status("cache-control");
            assert!(matches!(class, "no-store" | "private, no-cache"), "{path} ({declared}): {class}");
            assert!(!status("cache-status").contains("hit"), "{path} is declared {declared:?} and was a hit");
        } else {
            kept += 1;
            assert_eq!(first.status, 200, "{path}: {}", String::from_utf8_lossy(&first.body));
            assert!(status("cache-status").starts_with("entrepot; hit"), "{path}: {}", status("cache-status"));
            assert_eq!(first.body, second.body, "{path}");
            assert_eq!(status("cache-control"), "public, max-age=0, must-revalidate", "{path}");
        }
    }
    assert!(kept >= 5 && never >= 4, "{kept} routes are cached, {never} never are");
}

/// What the interface must never cache, whoever adds the endpoint: words in its path say so.
#[test]
fn live_stock_payments_and_credentials_are_declared_never() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let document = runtime.block_on(async { openapi_document().expect("it holds together") });
    let document: Value = serde_json::from_str(&document).expect("JSON");
    let words = ["inventory", "payment", "auth", "session", "api-key", "cart", "/me", "admin", "health"];
    let mut found = 0;
    for (path, item) in document["paths"].as_object().expect("paths") {
        let Some(declared) = item["get"]["x-entrepot-caching"].as_str() else { continue };
        if words.iter().any(|word| path.contains(word)) {
            found += 1;
            assert!(declared.starts_with("never: "), "{path} is declared {declared:?}");
        }
    }
    assert!(found >= 4, "only {found} paths were looked at");
}

/// A write's answer is not sent before what others committed, on which the write was based, is known where it was made.
#[tokio::test]
async fn what_a_write_was_based_on_is_read_after_it() {
    let house = House::new(&[]).await;
    let token = house.admin().await;
    let other = House::on(house.database.clone(), house.clock.clone(), &[("ENTREPOT_FEED_NUDGES", "false")]).await;
    let (first, second) = (house.server.bearing(&token), other.server.bearing(&token));
    for category in ["a", "b"] {
        first.post("/api/v2/categories").json(&json!({"name": category, "slug": category})).await.created();
    }
    let product = json!({"sku": "MOVED-1", "title": "Tea", "category": "a"});
    let mut position = first.post("/api/v2/products").json(&product).await.header("entrepot-position").to_owned();
    let client = house.database.client().await;
    let feeds = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                 WHERE datname = current_database() AND application_name = 'entrepot-feed'";
    for (from, to) in [("a", "b"), ("b", "a"), ("a", "b")] {
        let list = format!("/api/v2/products?category={from}");
        second.get(&list).header("entrepot-at-least", &position).await.ok();
        let listed = second.get(&list).await;
        assert!(listed.header("cache-status").starts_with("entrepot; hit"), "{}", listed.header("cache-status"));
        assert_eq!(listed.ok()["data"].as_array().map(Vec::len), Some(1));
        // For some time nothing tells the second of what the first does.
        client.execute(feeds, &[]).await.expect("asked");
        first.patch("/api/v2/products/MOVED-1").merge_patch(&json!({"category": to})).await.ok();
        let made = second.patch("/api/v2/products/MOVED-1").merge_patch(&json!({"stock": 7})).await;
        let path = made.json()["category"]["slug"].clone();
        position = made.header("entrepot-position").to_owned();
        let listed = second.get(&list).await;
        assert_eq!((path, &listed.ok()["data"]), (json!(to), &json!([])), "the answer said where it is now");
    }
}
