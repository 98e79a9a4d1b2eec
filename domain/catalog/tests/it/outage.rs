//! The database goes away in the middle, and comes back by itself; requests are dropped at every
//! await of a transaction, and nothing is lost or left open by that.

use std::time::Duration;

use futures_util::FutureExt as _;
use serde_json::json;

use crate::Shop;

#[tokio::test]
async fn without_the_database_requests_are_turned_away_and_served_again_when_it_is_back() {
    let shop = Shop::sample().await;
    let beside = entrepot_testkit::bare_database().await;
    let admin = beside.client().await;
    let name = shop.database.address.get_dbname().expect("a name").to_owned();
    admin.batch_execute(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false")).await.expect("closed");
    let cut = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1";
    admin.execute(cut, &[&name]).await.expect("cut");
    for path in [
        "/api/v2/products/TEA-001",
        "/api/v2/products",
        "/api/v2/categories",
        "/api/v2/products/01a1fcb3-0000-7000-8000-000000000000",
    ] {
        let response = shop.server.get(path).await;
        assert_eq!(response.header("retry-after"), "1", "{path}");
        let problem = response.problem(503, "web.unavailable");
        assert!(!problem.to_string().contains("postgres"), "no word of what lies behind: {problem}");
    }
    let write = shop.server.post("/api/v2/products").json(&json!({"sku": "LOST", "title": "x"}));
    write.await.problem(503, "web.unavailable");
    admin.batch_execute(&format!("ALTER DATABASE {name} ALLOW_CONNECTIONS true")).await.expect("opened");
    shop.get("/products/TEA-001").await;
    shop.get("/products").await;
    shop.server.get("/api/v2/products/LOST").await.problem(404, "catalog.product_not_found");
}

#[tokio::test]
async fn a_request_dropped_at_any_await_leaves_no_transaction_open_and_loses_no_later_write() {
    let shop = Shop::sample().await;
    let database = &shop.to.database;
    let one_connection_at_a_time = tokio::sync::Mutex::new(());
    let client = shop.database.client().await;
    client.batch_execute("CREATE TABLE public.mark (n int PRIMARY KEY)").await.expect("made");
    // Polls a transaction so many times and then drops it: every await is met, for some number.
    for polls in 0..40 {
        let _turn = one_connection_at_a_time.lock().await;
        let mut work = Box::pin(async {
            let transaction = database.begin().await?;
            transaction.execute("INSERT INTO public.mark VALUES ($1)", &[&(1_000 + polls)]).await?;
            transaction.execute("SELECT pg_sleep(0.001)", &[]).await?;
            transaction.execute("SELECT 1", &[]).await?;
            transaction.commit().await
        });
        let mut ended = false;
        for _ in 0..polls {
            if (&mut work).now_or_never().is_some() {
                ended = true;
                break;
            }
            tokio::time::timeout(Duration::from_micros(300), std::future::pending::<()>())
                .await
                .expect_err("it only waits");
        }
        drop(work);
        let later = database.begin().await.expect("a connection");
        later.execute("INSERT INTO public.mark VALUES ($1)", &[&polls]).await.expect("inserted");
        later.commit().await.expect("committed");
        let there =
            client.query_one("SELECT count(*) FROM public.mark WHERE n = $1", &[&polls]).await.expect("counted");
        assert_eq!(there.get::<_, i64>(0), 1, "the write after {polls} polls is lost (ended: {ended})");
    }
    let open = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'";
    let mut left = i64::MAX;
    for _ in 0..200 {
        left = client.query_one(open, &[]).await.expect("counted").get(0);
        if left == 0 {
            break;
        }
    }
    assert_eq!(left, 0, "transactions were left open");
}
