//! Pages: cursors there and back, through equal values, and while rows come and go.

use std::collections::HashSet;

use entrepot_catalog::seed::{SeedProfile, seed};
use serde_json::{Value, json};

use crate::{Shop, texts};

/// Follows `next` from the first page to the last; the SKUs of each page.
async fn walk(shop: &Shop, query: &str) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    let mut list = shop.get(&format!("/products?{query}")).await;
    assert_eq!(list["page"]["prevCursor"], Value::Null);
    loop {
        pages.push(texts(&list, "sku"));
        let Some(next) = list["page"]["nextCursor"].as_str() else { return pages };
        list = shop.get(&format!("/products?{query}&cursor={next}")).await;
    }
}

#[tokio::test]
async fn cursors_visit_every_row_once_in_every_order() {
    let shop = Shop::empty().await;
    seed(&shop.to, SeedProfile::Performance, false, &|_, _| {}).await.expect("a catalog");
    let client = shop.database.client().await;
    // A tenth of it is enough, and many of those share a price, a rating, a time.
    client.batch_execute("DELETE FROM catalog.product WHERE sku > 'P000500'").await.expect("deleted");
    let active: i64 =
        client.query_one("SELECT count(*) FROM catalog.product WHERE active", &[]).await.expect("counted").get(0);
    for sort in [
        "-createdAt",
        "createdAt",
        "price",
        "-price",
        "title",
        "-title",
        "rating",
        "-rating",
        "-updatedAt",
        "-price,title",
        "rating,-price,title",
    ] {
        let whole = shop.skus(&format!("/products?limit=200&sort={sort}&page=1")).await;
        let pages = walk(&shop, &format!("limit=37&sort={sort}")).await;
        let all: Vec<String> = pages.concat();
        let distinct: HashSet<&String> = all.iter().collect();
        assert_eq!((all.len(), distinct.len()), (usize::try_from(active).expect("few"), all.len()), "{sort}");
        assert_eq!(all[..whole.len()], whole, "{sort}: cursors and page numbers agree");
    }
}

#[tokio::test]
async fn cursors_by_relevance_visit_every_match_once_through_equal_ranks() {
    let shop = Shop::empty().await;
    seed(&shop.to, SeedProfile::Performance, false, &|_, _| {}).await.expect("a catalog");
    for query in ["q=oak&limit=7", "q=quiet&limit=13", "q=steel+bo&limit=11"] {
        let all: Vec<String> = walk(&shop, query).await.concat();
        let distinct: HashSet<&String> = all.iter().collect();
        let total =
            shop.get(&format!("/products?{query}&count=exact")).await["page"]["total"].as_u64().expect("counted");
        assert_eq!((all.len() as u64, distinct.len()), (total, all.len()), "{query}");
        assert!(total > 10, "{query}: {total}");
    }
}

#[tokio::test]
async fn the_way_back_shows_the_same_pages() {
    let shop = Shop::sample().await;
    for query in ["limit=5&sort=-price,title", "limit=5&sort=title", "limit=4&category=tea&sort=price"] {
        let pages = walk(&shop, query).await;
        let mut list = shop.get(&format!("/products?{query}")).await;
        while let Some(next) = list["page"]["nextCursor"].as_str() {
            list = shop.get(&format!("/products?{query}&cursor={next}")).await;
        }
        let mut back = vec![texts(&list, "sku")];
        while let Some(prev) = list["page"]["prevCursor"].as_str() {
            list = shop.get(&format!("/products?{query}&cursor={prev}")).await;
            back.push(texts(&list, "sku"));
        }
        // The last page may be short, so going back the pages may begin elsewhere; their order is the same.
        back.reverse();
        assert_eq!(back.concat(), pages.concat(), "{query}");
    }
}

#[tokio::test]
async fn rows_that_come_and_go_meanwhile_shift_nothing() {
    let shop = Shop::sample().await;
    let first = shop.get("/products?limit=10&sort=title").await;
    let rest = {
        let next = first["page"]["nextCursor"].as_str().expect("a next page");
        shop.get(&format!("/products?limit=200&sort=title&cursor={next}")).await
    };
    let last_of_first = texts(&first, "sku").pop().expect("ten rows");
    shop.server.post("/api/v2/products").json(&json!({"sku": "NEW", "title": "AAA comes before all"})).await.created();
    shop.server.delete(&format!("/api/v2/products/{last_of_first}")).await.status(204);
    let next = first["page"]["nextCursor"].as_str().expect("a next page");
    let after = shop.get(&format!("/products?limit=200&sort=title&cursor={next}")).await;
    assert_eq!(texts(&after, "sku"), texts(&rest, "sku"));
}

#[tokio::test]
async fn page_numbers_work_for_people() {
    let shop = Shop::sample().await;
    let all = shop.skus("/products?sort=title&limit=24").await;
    let third = shop.get("/products?sort=title&limit=5&page=3").await;
    assert_eq!(texts(&third, "sku"), all[10..15]);
    assert_eq!(third["page"]["number"], 3);
    let prev = third["page"]["prevCursor"].as_str().expect("there are pages before");
    assert_eq!(shop.skus(&format!("/products?sort=title&limit=5&cursor={prev}")).await, all[5..10]);
    assert_eq!(shop.skus("/products?page=99").await, Vec::<String>::new());
}

#[tokio::test]
async fn a_cursor_continues_only_the_query_that_gave_it_out() {
    let shop = Shop::sample().await;
    let list = shop.get("/products?limit=5&sort=title").await;
    let next = list["page"]["nextCursor"].as_str().expect("a next page");
    for query in ["sort=-title", "sort=title&category=tea", "sort=title&q=tea", ""] {
        let path = format!("/api/v2/products?limit=5&{query}&cursor={next}");
        shop.server.get(&path).await.problem(400, "web.cursor_of_another_query");
    }
    // The page's size and the fields may change on the way.
    shop.get(&format!("/products?limit=7&fields=sku&sort=title&cursor={next}")).await;
    for nonsense in ["x", "e30", "eyJxIjoxLCJ2IjpbXX0", &"A".repeat(5000)] {
        let response = shop.server.get(&format!("/api/v2/products?cursor={nonsense}")).await;
        let code = response.json()["code"].clone();
        assert!(code == "web.invalid_cursor" || code == "web.cursor_of_another_query", "{nonsense}: {code}");
        assert_eq!(response.status.as_u16(), 400);
    }
}
