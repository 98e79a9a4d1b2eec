//! Reviews: putting them in, reading them page by page, and the ratings that they add up to.

use entrepot_catalog::seed::{SeedProfile, seed};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::{Shop, beside, is_hit, texts};

/// Puts a new product in; tells its id.
async fn product(shop: &Shop, sku: &str) -> String {
    let made = shop.server.post("/api/v2/products").json(&json!({"sku": sku, "title": "Oolong"})).await.created();
    made["id"].as_str().expect("an id").to_owned()
}

async fn review(shop: &Shop, product: &str, rating: i32, author: &str) -> Value {
    let body = json!({"rating": rating, "author": author});
    shop.server.post(&format!("/api/v2/products/{product}/reviews")).json(&body).await.created()
}

#[tokio::test]
async fn a_review_is_put_in_and_counts() {
    let shop = Shop::empty().await;
    let id = product(&shop, "OOL-1").await;
    let path = format!("/api/v2/products/{id}");
    let empty = shop.get("/products/OOL-1/reviews").await;
    let none = json!({"average": null, "count": 0, "byStars": {"1": 0, "2": 0, "3": 0, "4": 0, "5": 0}});
    assert_eq!((&empty["data"], &empty["meta"]["summary"]), (&json!([]), &none));
    let before = shop.server.get(&path).await;
    let (old_etag, old) = (before.header("etag").to_owned(), before.ok());
    assert_eq!((&old["rating"], &old["ratingCount"]), (&Value::Null, &json!(0)));

    let body = json!({"rating": 4, "author": " Mira K. ", "title": "Flowery", "body": "Two minutes.\nNo longer."});
    let response = shop.server.post("/api/v2/products/OOL-1/reviews").json(&body).await;
    assert_eq!(response.header("location"), format!("{path}/reviews"));
    assert_eq!(response.header("cache-control"), "no-store");
    let made = response.created();
    assert_eq!((&made["rating"], &made["author"], &made["title"]), (&json!(4), &json!("Mira K."), &json!("Flowery")));
    assert_eq!((&made["productId"], &made["body"]), (&json!(id), &json!("Two minutes.\nNo longer.")));
    let only_stars = review(&shop, "oolong", 5, "Teo").await;
    assert_eq!((&only_stars["title"], &only_stars["body"]), (&json!(""), &json!("")));

    let list = shop.get(&format!("/products/{id}/reviews")).await;
    assert_eq!(list["data"], json!([only_stars, made]), "the newest first, as they were answered");
    let summary = json!({"average": 4.5, "count": 2, "byStars": {"1": 0, "2": 0, "3": 0, "4": 1, "5": 1}});
    assert_eq!((&list["meta"]["summary"], &list["meta"]["sort"]), (&summary, &json!("-createdAt")));
    assert_eq!(list["page"], json!({"limit": 50, "nextCursor": null, "prevCursor": null}));
    let after = shop.server.get(&path).await;
    let etag = after.header("etag").to_owned();
    let now = after.ok();
    assert_eq!((&now["rating"], &now["ratingCount"]), (&json!(4.5), &json!(2)));
    assert_ne!(now["updatedAt"], old["updatedAt"]);
    let patch = |etag: &str| shop.server.patch(&path).merge_patch(&json!({"stock": 1})).header("if-match", etag);
    patch(&old_etag).await.problem(412, "web.precondition_failed");
    patch(&etag).await.ok();
    assert_eq!(shop.get("/products?minRating=4.5").await["data"][0]["id"], json!(id));
    let kept = shop.get("/products/OOL-1").await;
    assert_eq!((&kept["rating"], &kept["ratingCount"]), (&json!(4.5), &json!(2)), "a change leaves the ratings");
}

#[tokio::test]
async fn averages_have_two_decimals_everywhere_alike() {
    let shop = Shop::empty().await;
    let id = product(&shop, "OOL-1").await;
    for (rating, average) in [(5, 5.0), (4, 4.5), (4, 4.33), (1, 3.5), (2, 3.2), (3, 3.17), (4, 3.29), (3, 3.25)] {
        review(&shop, &id, rating, "Teo").await;
        let summary = shop.get(&format!("/products/{id}/reviews")).await["meta"]["summary"].clone();
        assert_eq!(
            (&summary["average"], &shop.get("/products/OOL-1").await["rating"]),
            (&json!(average), &json!(average))
        );
    }
}

#[tokio::test]
async fn the_samples_ratings_are_those_of_its_reviews() {
    let shop = Shop::sample().await;
    for product in shop.get("/products?limit=200").await["data"].as_array().expect("products") {
        let sku = product["sku"].as_str().expect("a SKU");
        let summary = shop.get(&format!("/products/{sku}/reviews?limit=1")).await["meta"]["summary"].clone();
        assert_eq!((&summary["average"], &summary["count"]), (&product["rating"], &product["ratingCount"]), "{sku}");
    }
}

#[tokio::test]
async fn bad_reviews_name_all_their_faults_and_change_nothing() {
    let shop = Shop::empty().await;
    let id = product(&shop, "OOL-1").await;
    let post = |body: &Value| shop.server.post("/api/v2/products/OOL-1/reviews").json(body);
    let long = |count: usize| "x".repeat(count);
    for (body, wanted) in [
        (json!({}), vec![("/rating", "required"), ("/author", "required")]),
        (
            json!({"rating": 6, "author": " ", "title": "a\nb", "body": 1, "verified": true}),
            vec![
                ("/rating", "out_of_range"),
                ("/author", "empty"),
                ("/title", "control_character"),
                ("/body", "wrong_type"),
                ("/verified", "unknown_member"),
            ],
        ),
        (json!({"rating": 0, "author": long(81)}), vec![("/rating", "out_of_range"), ("/author", "length")]),
        (json!({"rating": 4.5, "author": "a\u{0}"}), vec![("/rating", "not_an_integer"), ("/author", "nul")]),
        (json!({"rating": "5", "author": null}), vec![("/author", "required"), ("/rating", "wrong_type")]),
        (
            json!({"rating": 5, "author": "a", "title": long(121), "body": long(5_001)}),
            vec![("/title", "length"), ("/body", "length")],
        ),
        (json!([]), vec![("", "wrong_type")]),
    ] {
        let problem = post(&body).await.problem(422, "web.invalid_body");
        let faults = problem["errors"].as_array().expect("faults").iter();
        let mut told: Vec<_> = faults.map(|fault| (fault["pointer"].as_str(), fault["code"].as_str())).collect();
        let mut wanted: Vec<_> = wanted.into_iter().map(|(pointer, code)| (Some(pointer), Some(code))).collect();
        told.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(told, wanted, "{body}");
    }
    post(&json!({"rating": 5, "author": "a", "title": long(120), "body": long(5_000)})).await.created();
    assert_eq!(shop.get(&format!("/products/{id}/reviews")).await["meta"]["summary"]["count"], 1);
    for (query, parameter, code) in [
        ("rating=0", "rating", "out_of_range"),
        ("rating=6", "rating", "out_of_range"),
        ("rating=best", "rating", "wrong_type"),
        ("limit=201", "limit", "out_of_range"),
        ("sort=rating", "sort", "unknown_parameter"),
    ] {
        let problem = shop.server.get(&format!("/api/v2/products/OOL-1/reviews?{query}")).await;
        let problem = problem.problem(400, "web.invalid_query");
        assert_eq!(
            (&problem["errors"][0]["parameter"], &problem["errors"][0]["code"]),
            (&json!(parameter), &json!(code))
        );
    }
    shop.server.get("/api/v2/products/OOL-1/reviews?cursor=x").await.problem(400, "web.invalid_cursor");
}

#[tokio::test]
async fn pages_of_reviews_there_and_back() {
    let shop = Shop::empty().await;
    let id = product(&shop, "OOL-1").await;
    let other = product(&shop, "OOL-2").await;
    for index in 0..25 {
        review(&shop, &id, 1 + index % 5, &format!("author {index:02}")).await;
    }
    review(&shop, &other, 1, "somebody else").await;
    // Many of them at one time, as after a load: the id tells them apart.
    let client = shop.database.client().await;
    client
        .batch_execute("UPDATE catalog.review SET created_at = '2026-01-01' WHERE rating = 3")
        .await
        .expect("updated");

    for (filter, total) in [("", 25), ("&rating=3", 5), ("&rating=5", 5)] {
        let path = format!("/products/OOL-1/reviews?limit=4{filter}");
        let whole = texts(&shop.get(&format!("/products/{id}/reviews?limit=200{filter}")).await, "id");
        assert_eq!(whole.len(), total);
        let mut list = shop.get(&path).await;
        assert_eq!((&list["page"]["prevCursor"], &list["meta"]["summary"]["count"]), (&Value::Null, &json!(25)));
        let mut there = texts(&list, "id");
        while let Some(next) = list["page"]["nextCursor"].as_str() {
            list = shop.get(&format!("{path}&cursor={next}")).await;
            there.extend(texts(&list, "id"));
        }
        assert_eq!(there, whole, "{filter}");
        let mut back = vec![texts(&list, "id")];
        while let Some(prev) = list["page"]["prevCursor"].as_str() {
            list = shop.get(&format!("{path}&cursor={prev}")).await;
            back.push(texts(&list, "id"));
        }
        back.reverse();
        assert_eq!(back.concat(), whole, "{filter}");
    }
    let second = shop.get("/products/OOL-1/reviews?limit=4&page=2").await;
    assert_eq!(second["page"]["number"], 2);
    let all = shop.get("/products/OOL-1/reviews").await;
    assert_eq!(texts(&second, "id"), texts(&all, "id")[4..8]);

    let next = second["page"]["nextCursor"].as_str().expect("a next page");
    for path in ["OOL-1/reviews?rating=3", "OOL-2/reviews?limit=4"] {
        let response = shop.server.get(&format!("/api/v2/products/{path}&cursor={next}")).await;
        response.problem(400, "web.cursor_of_another_query");
    }
    let forged = shop.get("/products?limit=1&sort=title").await;
    assert_eq!(forged["data"].as_array().map(Vec::len), Some(1));
    let foreign = forged["page"]["nextCursor"].as_str().expect("a next page");
    let response = shop.server.get(&format!("/api/v2/products/OOL-1/reviews?cursor={foreign}")).await;
    response.problem(400, "web.cursor_of_another_query");
    // A review that comes in meanwhile shifts nothing.
    let first = shop.get("/products/OOL-1/reviews?limit=4").await;
    review(&shop, &id, 2, "late").await;
    let next = first["page"]["nextCursor"].as_str().expect("a next page");
    let after = shop.get(&format!("/products/OOL-1/reviews?limit=4&cursor={next}")).await;
    assert_eq!(texts(&after, "id"), texts(&all, "id")[4..8]);
}

#[tokio::test]
async fn only_a_product_that_is_there_is_reviewed() {
    let shop = Shop::sample().await;
    let id = shop.get("/products/TEA-001").await["id"].as_str().expect("an id").to_owned();
    let body = json!({"rating": 5, "author": "Teo"});
    let paths = |reference: &str| format!("/api/v2/products/{reference}/reviews");
    for none in ["none", "00000000-0000-7000-8000-000000000000", "%00"] {
        shop.server.get(&paths(none)).await.problem(404, "catalog.product_not_found");
        shop.server.post(&paths(none)).json(&body).await.problem(404, "catalog.product_not_found");
    }
    shop.server.delete(&format!("/api/v2/products/{id}")).await.status(204);
    shop.server.get(&paths(&id)).await.problem(410, "catalog.product_deleted");
    shop.server.post(&paths(&id)).json(&body).await.problem(410, "catalog.product_deleted");
    shop.server.get(&paths("TEA-001")).await.problem(404, "catalog.product_not_found");
    shop.server.post(&paths("TEA-001")).json(&body).await.problem(404, "catalog.product_not_found");
}

#[tokio::test]
async fn of_many_reviews_at_once_none_is_lost() {
    for shop in [Shop::empty().await, Shop::cached().await] {
        let id = product(&shop, "OOL-1").await;
        let ratings: Vec<i32> = (0..20).map(|index| 1 + index * 7 % 5).collect();
        join_all(ratings.iter().map(|rating| review(&shop, &id, *rating, "Teo"))).await;
        let summary = shop.get(&format!("/products/{id}/reviews")).await["meta"]["summary"].clone();
        let average = f64::from(ratings.iter().sum::<i32>()) / 20.0;
        assert_eq!((&summary["count"], &summary["average"]), (&json!(20), &json!(average)));
        let product = shop.get("/products/OOL-1").await;
        assert_eq!((&product["ratingCount"], &product["rating"]), (&json!(20), &json!(average)));
    }
}

/// Hits and misses among the summaries.
async fn figures(shop: &Shop) -> (u64, u64) {
    let figures = shop.cache.figures().await;
    let ratings = figures.namespaces.iter().find(|one| one.namespace == "ratings").expect("there is one");
    (ratings.hits, ratings.misses)
}

#[tokio::test]
async fn the_summary_is_there_as_soon_as_its_review_is() {
    let shop = Shop::cached().await;
    let path = "/api/v2/products/TEA-001/reviews";
    let before = shop.server.get(path).await.ok()["meta"]["summary"]["count"].as_u64().expect("a number");
    assert_eq!(figures(&shop).await, (0, 1));
    review(&shop, "TEA-001", 5, "Teo").await;
    let response = shop.server.get(path).await;
    assert!(!is_hit(&response), "the list was ruled out");
    assert_eq!(response.ok()["meta"]["summary"]["count"], before + 1);
    assert_eq!(figures(&shop).await, (1, 1), "and the summary was not: the review put it in");
    // Every page of the list shares it, and what rules answers out does not cost it.
    shop.server.get(&format!("{path}?rating=5")).await.ok();
    assert_eq!(figures(&shop).await, (2, 1));
    shop.server.patch("/api/v2/categories/tea").merge_patch(&json!({"name": "Brews"})).await.ok();
    assert!(!is_hit(&shop.server.get(path).await));
    assert_eq!(figures(&shop).await, (3, 1), "a category shows in no summary");
    shop.server.patch("/api/v2/products/TEA-001").merge_patch(&json!({"stock": 1})).await.ok();
    shop.server.get(path).await.ok();
    assert_eq!(figures(&shop).await, (3, 2), "a change of the product rules it out");
}

#[tokio::test]
async fn a_catalog_that_starts_over_keeps_no_summary_of_the_old_one() {
    let shop = Shop::cached().await;
    let id = shop.get("/products/TEA-001").await["id"].as_str().expect("an id").to_owned();
    let path = format!("/products/{id}/reviews");
    let first = shop.get(&path).await;
    review(&shop, &id, 1, "Teo").await;
    assert_ne!(shop.get(&path).await["meta"], first["meta"]);
    seed(&beside(&shop.database), SeedProfile::Sample, true, &|_, _| {}).await.expect("a reset was asked for");
    shop.catch_up().await;
    assert_eq!(shop.get(&path).await, first, "the product has the same id and not that review");
}
