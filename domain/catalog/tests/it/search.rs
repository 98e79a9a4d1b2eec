//! Search: what matches, in which order, how it is shown, and what happens to typing mistakes.

use serde_json::{Value, json};

use crate::{Shop, texts};

#[tokio::test]
async fn words_phrases_prefixes_and_exclusions() {
    let shop = Shop::sample().await;
    for (query, wanted) in [
        ("assam", vec!["TEA-002"]),
        ("ASSAM", vec!["TEA-002"]),
        ("teapots", vec!["TEA-013", "TEA-014", "TEA-015"]),
        ("teap", vec!["TEA-013", "TEA-014", "TEA-015"]),
        ("%22first+flush%22", vec!["TEA-001"]),
        ("%22flush+first%22", vec![]),
        ("kamakura+whisk", vec!["TEA-017", "TEA-019"]),
        ("kamakura+-whisk", vec!["TEA-013"]),
        ("muscatel", vec!["TEA-001"]),
        ("assam+or+sencha", vec!["TEA-002", "TEA-005"]),
        ("the", vec![]),
        ("%27+or+1%3D1+--", vec![]),
        ("%26%7C%21%28%29%3A%2A%3C", vec![]),
    ] {
        let mut found = shop.skus(&format!("/products/search?q={query}&facets=")).await;
        found.sort();
        assert_eq!(found, wanted, "{query}");
    }
}

#[tokio::test]
async fn a_match_in_the_title_outranks_one_elsewhere() {
    let shop = Shop::sample().await;
    let titles = texts(&shop.get("/products/search?q=matcha").await, "title");
    assert_eq!(titles.len(), 2);
    let titles = texts(&shop.get("/products/search?q=tea").await, "title");
    assert_eq!(titles[0], "Tea Thermometer", "title before category: {titles:?}");
    assert!(titles.len() > 10, "the category's name counts too");
}

#[tokio::test]
async fn matches_are_marked_and_markup_is_not_let_through() {
    let shop = Shop::sample().await;
    let found = shop.get("/products/search?q=muscatel").await;
    let highlight = &found["data"][0]["highlight"];
    assert_eq!(highlight["title"], "Darjeeling First Flush");
    assert!(highlight["description"].as_str().expect("a fragment").contains("<mark>muscatel</mark>"), "{highlight}");
    let body = json!({"sku": "X", "title": "<b onclick='x'>frobnicate</b> & co"});
    shop.server.post("/api/v2/products").json(&body).await.created();
    let found = shop.get("/products?q=frobnicate").await;
    assert_eq!(
        found["data"][0]["highlight"]["title"],
        "&lt;b onclick=&#39;x&#39;&gt;<mark>frobnicate</mark>&lt;/b&gt; &amp; co"
    );
    assert!(shop.get("/products/TEA-001").await.get("highlight").is_none(), "only a search has highlights");
}

#[tokio::test]
async fn a_typing_mistake_finds_what_was_meant_and_says_so() {
    let shop = Shop::sample().await;
    for (typed, corrected, first) in [
        ("darjeling", "darjeeling", "TEA-001"),
        ("rooibso", "rooibos", "TEA-010"),
        ("jasmine+perls", "jasmine pearls", "TEA-008"),
        ("darjeling+flu", "darjeeling flu", "TEA-001"),
    ] {
        let found = shop.get(&format!("/products/search?q={typed}")).await;
        assert_eq!(found["meta"]["correctedTo"], corrected, "{typed}: {found}");
        assert_eq!(texts(&found, "sku")[0], first);
    }
    let nothing = shop.get("/products/search?q=xylophone").await;
    assert_eq!((&nothing["data"], nothing["meta"].get("correctedTo")), (&json!([]), None));
    assert_eq!(
        shop.get("/products/search?q=assam").await["meta"].get("correctedTo"),
        None,
        "what matches is not corrected"
    );
}

#[tokio::test]
async fn a_corrected_search_can_be_paged() {
    let shop = Shop::sample().await;
    let first = shop.get("/products/search?q=teapotts&limit=2").await;
    assert_eq!(first["meta"]["correctedTo"], "teapots", "{first}");
    let next = first["page"]["nextCursor"].as_str().expect("a next page");
    let second = shop.get(&format!("/products/search?q=teapotts&limit=2&cursor={next}")).await;
    let all = [texts(&first, "sku"), texts(&second, "sku")].concat();
    assert_eq!(all.len(), 3);
    let other = format!("/api/v2/products/search?q=teabowl&limit=2&cursor={next}");
    shop.server.get(&other).await.problem(400, "web.cursor_of_another_query");
}

#[tokio::test]
async fn facets_count_the_matches() {
    let shop = Shop::sample().await;
    let facets = shop.get("/products/search?q=tea").await["meta"]["facets"].clone();
    assert!(facets["brand"]["values"].as_array().is_some_and(|values| values.len() > 3), "{facets}");
    let list = shop.get("/products?category=teaware&facets=brand,category").await;
    assert_eq!(
        list["meta"]["facets"]["brand"],
        json!({"isPartial": false, "values": [
            {"value": "Klar", "label": "Klar", "count": 4},
            {"value": "Kamakura", "label": "Kamakura", "count": 3},
            {"value": "Hill & Harbour", "label": "Hill & Harbour", "count": 1},
            {"value": "Meadow", "label": "Meadow", "count": 1},
        ]})
    );
    let shelves: Vec<&Value> =
        list["meta"]["facets"]["category"]["values"].as_array().expect("values").iter().collect();
    assert_eq!(shelves[0]["count"], 3);
    assert_eq!(shop.get("/products").await["meta"].get("facets"), None, "nothing is counted unasked");
}

#[tokio::test]
async fn a_search_can_be_filtered_and_sorted() {
    let shop = Shop::sample().await;
    let cheap = shop.get("/products?q=tea&maxPrice=8&sort=price").await;
    let titles = texts(&cheap, "title");
    assert_eq!(titles.first().map(String::as_str), Some("Paper Filters"), "{titles:?}");
    let pages: Vec<String> = {
        let first = shop.get("/products?q=tea&limit=9").await;
        let next = first["page"]["nextCursor"].as_str().expect("a next page").to_owned();
        [texts(&first, "sku"), shop.skus(&format!("/products?q=tea&limit=200&cursor={next}")).await].concat()
    };
    assert_eq!(pages, shop.skus("/products?q=tea&limit=200").await, "relevance pages like any order");
}
