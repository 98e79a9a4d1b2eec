//! Clients that go away in the middle of a write, and writes that take longer than anybody waits for them.

use std::net::SocketAddr;
use std::time::Duration;

use entrepot_pg::tokio_postgres::Client;
use futures_util::future::join_all;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::house::House;
use crate::telling::eventually;

const ABANDONED: usize = 500;
const AT_ONCE: usize = 25;

/// A house with a product to write reviews of.
async fn house_with_a_pot(settings: &[(&str, &str)]) -> House {
    let house = House::new(settings).await;
    let admin = house.admin().await;
    let pot = json!({"sku": "POT", "title": "Pot"});
    house.server.bearing(&admin).post("/api/v2/products").json(&pot).await.created();
    house
}

/// Sends a whole write, and goes away without its answer after so long.
async fn abandon(to: SocketAddr, author: usize, after: Duration) {
    let body = json!({"rating": 5, "author": format!("gone-{author}")}).to_string();
    let head = format!(
        "POST /api/v2/products/POT/reviews HTTP/1.1\r\nhost: shop\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    let mut stream = TcpStream::connect(to).await.expect("connected");
    stream.write_all(format!("{head}{body}").as_bytes()).await.expect("sent");
    let _answered_or_not = tokio::time::timeout(after, stream.read_u8()).await;
}

async fn number(client: &Client, sql: &str) -> i64 {
    client.query_one(sql, &[]).await.expect("a number").get(0)
}

/// Sessions that this database has had, as far as its servers have counted them, and those that there are now.
async fn sessions(client: &Client) -> (i64, i64) {
    let had = number(client, "SELECT sessions FROM pg_stat_database WHERE datname = current_database()").await;
    let open = number(client, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()").await;
    (had, open)
}

/// Waits until nobody uses a connection of the pool, and no transaction is open.
async fn settled(house: &House, client: &Client) {
    eventually("a pool that nobody uses", async || {
        let status = house.database.database.status();
        let sql = "SELECT count(*) FROM pg_stat_activity
                   WHERE datname = current_database() AND state LIKE 'idle in transaction%'";
        (status.idle == status.open && status.waiting == 0 && number(client, sql).await == 0).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_that_are_abandoned_cost_no_connections_and_are_whole_or_not_there() {
    let house = house_with_a_pot(&[]).await;
    let client = house.database.client().await;
    let address = house.server.address();
    let pool = i64::try_from(house.database.database.status().max).expect("a small one");
    // A session is counted some time after it began, so those that are open now may be counted meanwhile.
    let (before, open) = sessions(&client).await;
    for round in 0..ABANDONED / AT_ONCE {
        let abandoned = (0..AT_ONCE).map(|index| {
            let author = round * AT_ONCE + index;
            abandon(address, author, Duration::from_millis(author as u64 % 5))
        });
        join_all(abandoned).await;
    }
    settled(&house, &client).await;
    let (after, _) = sessions(&client).await;
    assert!(after - before <= pool + open, "{} connections were made for a pool of {pool}", after - before);

    for author in ["first", "second"] {
        let body = json!({"rating": 1, "author": author});
        house.server.post("/api/v2/products/POT/reviews").json(&body).await.created();
    }
    // The review, its product and the feed know of each write, or none of them does: at any moment, so that it does
    // not matter whether the last was heard by now.
    let known = "SELECT count(*), count(DISTINCT author),
                        (SELECT rating_count::int8 FROM catalog.product WHERE sku = 'POT'),
                        (SELECT count(*) FROM feed.event
                         WHERE name = 'catalog.product-changed' AND data->>'change' = 'rated')
                 FROM catalog.review";
    let row = client.query_one(known, &[]).await.expect("counted");
    let [written, distinct, rated, told]: [i64; 4] = std::array::from_fn(|column| row.get(column));
    assert!(written > 2, "nobody was heard before they went away");
    assert_eq!((distinct, rated, told), (written, written, written));
    eventually("the same summary", async || {
        let list = house.server.get("/api/v2/products/POT/reviews").await.ok();
        let written = number(&client, "SELECT count(*) FROM catalog.review").await;
        (list["meta"]["summary"]["count"] == written).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_write_that_outlives_the_time_limit_commits_and_gives_its_place_back() {
    let house = house_with_a_pot(&[]).await;
    // One that has a single place, and little time.
    let hurried = [
        ("ENTREPOT_SERVER_REQUEST_TIMEOUT_MS", "200"),
        ("ENTREPOT_GUARD_AT_ONCE", "1"),
        ("ENTREPOT_GUARD_QUEUE_MS", "20"),
    ];
    let hurried = House::on(house.database.clone(), house.clock.clone(), &hurried).await;
    let write = async |author: &str| {
        let body = json!({"rating": 3, "author": author});
        hurried.server.post("/api/v2/products/POT/reviews").json(&body).await
    };
    let client = house.database.client().await;
    client.batch_execute("BEGIN; LOCK TABLE catalog.review IN ACCESS EXCLUSIVE MODE").await.expect("locked");
    let late = write("late").await;
    late.problem(503, "web.timeout");
    // It has its place until it ends, so that no crowd of such can come together.
    write("other").await.problem(503, "web.overloaded");
    client.batch_execute("COMMIT").await.expect("unlocked");
    eventually("the late review", async || {
        (number(&client, "SELECT count(*) FROM catalog.review WHERE author = 'late'").await == 1).then_some(())
    })
    .await;
    eventually("a free place", async || (write("next").await.status == 201).then_some(())).await;
    settled(&hurried, &client).await;
    assert_eq!(number(&client, "SELECT count(*) FROM catalog.review WHERE author = 'late'").await, 1);
    assert_eq!(number(&client, "SELECT count(*) FROM catalog.review WHERE author = 'other'").await, 0);
}
