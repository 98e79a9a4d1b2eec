//! A database that becomes read-only while requests come: after a fail-over, or because somebody made it so.

use entrepot_testkit::Response;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::house::{ADMIN, House, PASSWORD};
use crate::telling::eventually;

const WRITERS: usize = 12;
/// Writes that one writer may have refused before one is taken again. Connections are replaced after half a second of
/// refusals at the latest, and no machine answers twelve times as many in that.
const MOST_REFUSED: usize = 1_000;

async fn write(house: &House, author: &str) -> Response {
    let body = json!({"rating": 4, "author": author});
    house.server.post("/api/v2/products/POT/reviews").json(&body).await
}

/// A refusal that tells its caller to come back.
fn refused(answer: Response) {
    assert!(!answer.header("retry-after").is_empty(), "{}", answer.text());
    answer.problem(503, "web.unavailable");
}

/// Writes again and again, without a pause, until a write is taken.
async fn write_until_taken(house: &House, author: &str) {
    for _ in 0..MOST_REFUSED {
        let answer = write(house, author).await;
        if answer.status == 201 {
            return;
        }
        refused(answer);
    }
    panic!("{MOST_REFUSED} writes of {author} were refused");
}

/// What keeps the server from being ready, once it is told so.
async fn reasons(house: &House, wanted: &Value) {
    eventually("the readiness", async || {
        let answer = house.server.get("/health/ready").await;
        let body = answer.json();
        assert_eq!(body["status"] == "ready", answer.status == 200, "{body}");
        (&body["reasons"] == wanted).then_some(())
    })
    .await;
}

#[tokio::test]
async fn writes_wait_and_reads_go_on_until_it_takes_writes_again() {
    // Every read is the database's own.
    let house = House::new(&[("ENTREPOT_CACHE_ENABLED", "false")]).await;
    let token = house.admin().await;
    let admin = house.server.bearing(&token);
    admin.post("/api/v2/products").json(&json!({"sku": "POT", "title": "Pot"})).await.created();
    assert_eq!(write(&house, "before").await.status, 201);

    house.database.make_read_only().await;
    join_all((0..WRITERS).map(async |_| {
        for _ in 0..10 {
            refused(write(&house, "refused").await);
        }
    }))
    .await;
    let sign_in = json!({"email": ADMIN, "password": PASSWORD});
    refused(house.server.post("/api/v2/auth/login").json(&sign_in).await);
    reasons(&house, &json!(["the database is read-only"])).await;
    let health = house.server.get("/health").await.ok();
    assert_eq!((&health["database"]["connected"], &health["database"]["readOnly"]), (&json!(true), &json!(true)));
    assert_eq!(health["status"], "degraded");
    for path in ["/api/v2/products/POT", "/api/v2/products", "/api/v2/products/POT/reviews", "/api/v2/categories"] {
        house.server.get(path).await.ok();
    }
    admin.get("/api/v2/me").await.ok();

    // The connections that there are stay, and none is ever idle: the writers see to that.
    let house = &house;
    let writers =
        join_all((0..WRITERS).map(async |writer| write_until_taken(house, &format!("writer-{writer}")).await));
    futures_util::join!(writers, house.database.make_writable());
    reasons(house, &Value::Null).await;
    let list = house.server.get("/api/v2/products/POT/reviews?limit=100").await.ok();
    let mut authors: Vec<_> =
        list["data"].as_array().expect("a list").iter().map(|one| one["author"].clone()).collect();
    authors.sort_by_key(ToString::to_string);
    let mut wanted: Vec<_> = (0..WRITERS).map(|writer| json!(format!("writer-{writer}"))).collect();
    wanted.push(json!("before"));
    wanted.sort_by_key(ToString::to_string);
    assert_eq!(authors, wanted, "what was refused left something, or what was taken is not there");
}
