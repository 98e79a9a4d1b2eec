//! From a write of sales to its sums: whatever is written, in whatever way, analytics come to what sales have.

use axum::Router;
use entrepot_sales::import::import_transactions;
use entrepot_testkit::{TestServer, edge_settings};
use entrepot_web::{Edge, RequestStats};

use super::*;

const STORES: [&str; 3] = ["330", "406", "412"];
const MONTHS: [(i32, i32); 4] = [(2023, 12), (2024, 1), (2024, 2), (2024, 3)];
const WRITES: u32 = 240;

/// Numbers that look thrown, the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % bound
    }

    fn day(&mut self) -> Value {
        json!({"sales": self.below(100_000) as f64 / 100.0, "transactions": self.below(50), "promo": self.below(3)})
    }

    fn days(&mut self) -> Value {
        let count = self.below(6);
        Value::Object((0..count).map(|_| ((self.below(28) + 1).to_string(), self.day())).collect())
    }

    fn patch(&mut self) -> Value {
        let mut days = self.days();
        days[(self.below(28) + 1).to_string()] = Value::Null;
        days
    }
}

async fn write(server: &TestServer, dice: &mut Dice) -> u16 {
    let (store, (year, month)) = (STORES[dice.below(3)], MONTHS[dice.below(4)]);
    let path = format!("/api/v2/sales/{store}/{year}/{month}");
    let rows = |dice: &mut Dice| {
        let mut rows = Vec::new();
        for store in STORES.iter().take(dice.below(3) + 1) {
            rows.push(json!({"storeId": store, "year": year, "month": month, "dailyData": dice.days()}));
        }
        json!({"salesDataArray": rows})
    };
    let answer = match dice.below(10) {
        0 | 1 => server.request("PUT", &path).json(&json!({"dailyData": dice.days()})).await,
        2..=4 => server.patch(&path).merge_patch(&json!({"dailyData": dice.patch()})).await,
        5 | 6 => server.post("/api/v2/sales/batch").json(&rows(dice)).await,
        7 => server.post("/api/v2/sales/batch?mode=replace").json(&rows(dice)).await,
        8 => server.delete(&path).await,
        _ => {
            let keys = json!({"keys": [{"storeId": store, "year": year, "month": month}]});
            server.post("/api/v2/sales/batch-delete?atomic=false").json(&keys).await
        }
    };
    answer.status.as_u16()
}

#[tokio::test]
async fn whatever_is_written_analytics_come_to_what_sales_have() {
    let test = database().await;
    let here = Process::start(&test, 4).await;
    let to = entrepot_sales::Dependencies {
        database: test.database.clone(),
        clock: Clock::system(),
        feed: here.feed.clone(),
    };
    let sales = entrepot_sales::module(to.clone(), &here.tasks);
    let router = Router::new().merge(sales.routes).merge(here.analytics.module().routes);
    let edge = Edge::new(router, edge_settings(), Clock::system(), RequestStats::default()).open_to_all();
    let server = TestServer::start(edge).await;
    for store in STORES {
        server.request("PUT", &format!("/api/v2/stores/{store}")).json(&json!({"name": store})).await.created();
    }
    let mut dice = Dice(7);
    let mut written = 0;
    for _ in 0..WRITES {
        let status = write(&server, &mut dice).await;
        assert!(matches!(status, 200 | 201 | 204 | 207 | 404), "{status}");
        written += u32::from(status < 204);
    }
    assert!(written > WRITES / 2, "only {written} were written");
    let lines = "store_id,household_id,basket_id,quantity,sales_value,retail_disc,coupon_disc,coupon_match_disc,transaction_timestamp
330,1,1,5,12.34,0.5,0,0,2024-02-29 12:00:00
406,2,2,1,0.01,0,0,0,2023-12-31 23:59:59
900,2,3,1,4,0,0,0,2024-03-01 00:00:00
";
    import_transactions(&to, lines.as_bytes()).await.expect("imported");
    here.catches_up().await;
    sums_are_right(&here.client).await;

    // Day by day, store by store.
    let mut checked = 0;
    for store in STORES.into_iter().chain(["900"]) {
        let mut day = jiff::civil::date(2023, 12, 1);
        while day <= jiff::civil::date(2024, 3, 31) {
            let path = format!("/api/v2/sales/summary?by=day&from={day}&to={day}&storeId={store}");
            let wanted = server.get(&path).await.ok();
            let path = format!("/api/v2/analytics/sales/today?at={day}&storeId={store}");
            let found = server.get(&path).await.ok();
            assert_eq!(found["total"], wanted["total"], "{store} {day}");
            checked += usize::from(found["meta"]["stores"] == 1);
            day = day.tomorrow().expect("a day");
        }
    }
    assert!(checked > 20, "only {checked} days have anything");
    for (year, month) in MONTHS {
        let wanted = server.get(&format!("/api/v2/sales/summary?by=month&from={year}-{month:02}&to={year}-{month:02}"));
        let found = server.get(&format!("/api/v2/analytics/sales/month?at={year}-{month:02}-15"));
        assert_eq!(found.await.ok()["total"], wanted.await.ok()["total"], "{year}-{month}");
    }
    for day in ["2023-12-31", "2024-02-01", "2024-02-29"] {
        let wanted = server.get(&format!("/api/v2/sales/summary?by=week&from={day}&to={day}")).await.ok();
        let found = server.get(&format!("/api/v2/analytics/sales/week?at={day}")).await.ok();
        assert_eq!(found["total"], wanted["total"], "{day}");
        assert_eq!(found["growth"], wanted["data"][0]["growth"], "{day}");
    }
    assert_eq!(number(&here.client, "SELECT count(*) FROM jobs.ended WHERE outcome <> 'completed'").await, 0);
    here.stop().await;
}
