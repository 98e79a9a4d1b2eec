//! Writes of the same products at the same moment.
//!
//! Each has looked what is taken before any of them writes: the table is held until several wait to write to it.

use std::collections::BTreeSet;
use std::future::IntoFuture as _;

use entrepot_testkit::{Request, Response};
use serde_json::{Value, json};

use crate::{PATIENCE, Shop};

/// Sends all of them at once; what became of them, in their order.
async fn at_once(shop: &Shop, requests: impl IntoIterator<Item = Request>) -> Vec<Response> {
    let holder = shop.database.client().await;
    holder.batch_execute("BEGIN; LOCK TABLE catalog.product IN SHARE MODE").await.expect("held");
    let answers = futures_util::future::join_all(requests.into_iter().map(Request::into_future));
    let release = async {
        let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'catalog.product'::regclass
                       AND mode = 'RowExclusiveLock'";
        let several = async {
            while holder.query_one(waiting, &[]).await.expect("counted").get::<_, i64>(0) < 4 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, several).await.expect("several wait");
        holder.batch_execute("ROLLBACK").await.expect("let go");
    };
    futures_util::future::join(answers, release).await.0
}

#[tokio::test]
async fn products_of_one_title_that_come_at_once_have_a_slug_each() {
    let shop = Shop::empty().await;
    let new = |number: usize| {
        let body = json!({"sku": format!("RACE-{number}"), "title": "Morning Tea"});
        shop.server.post("/api/v2/products").json(&body)
    };
    let made: Vec<Value> = at_once(&shop, (0..30).map(new)).await.into_iter().map(Response::created).collect();
    let slugs: BTreeSet<&str> = made.iter().filter_map(|product| product["slug"].as_str()).collect();
    assert_eq!(slugs.len(), 30, "{slugs:?}");
    assert!(slugs.contains("morning-tea") && slugs.iter().all(|slug| slug.starts_with("morning-tea")), "{slugs:?}");
}

#[tokio::test]
async fn of_products_that_name_the_same_slug_at_once_one_has_it() {
    let shop = Shop::empty().await;
    let new = |number: usize| {
        let body = json!({"sku": format!("RACE-{number}"), "title": "Morning Tea", "slug": "chosen"});
        shop.server.post("/api/v2/products").json(&body)
    };
    let (made, refused): (Vec<_>, Vec<_>) =
        at_once(&shop, (0..6).map(new)).await.into_iter().partition(|answer| answer.status == 201);
    assert_eq!((made.len(), refused.len()), (1, 5));
    for answer in refused {
        answer.problem(409, "catalog.duplicate_slug");
    }
}

#[tokio::test]
async fn batches_that_bring_the_same_new_products_at_once_are_all_taken() {
    let shop = Shop::empty().await;
    let rows: Vec<Value> =
        (0..20).map(|number| json!({"sku": format!("NEW-{number}"), "title": format!("Tea {number}")})).collect();
    let body = json!({ "products": rows });
    let batches = (0..8).map(|_| shop.server.post("/api/v2/products/batch").json(&body));
    let results: Vec<Value> = at_once(&shop, batches).await.into_iter().map(Response::ok).collect();
    let sum = |what: &str| -> i64 { results.iter().filter_map(|result| result["summary"][what].as_i64()).sum() };
    assert_eq!((sum("created"), sum("unchanged"), sum("failed")), (20, 7 * 20, 0), "{results:?}");
    assert_eq!(shop.skus("/products?limit=200").await.len(), 20);
}
