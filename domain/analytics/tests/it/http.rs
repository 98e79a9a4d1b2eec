//! The endpoints, behind the real edge with everything open; who may see what is the server's test.

use axum::Router;
use entrepot_testkit::{TestServer, edge_settings};
use entrepot_web::{Edge, RequestStats};

use super::*;

async fn serve(process: &Process, clock: &Clock) -> TestServer {
    let router = Router::new().merge(process.analytics.module().routes);
    let edge = Edge::new(router, edge_settings(), clock.clone(), RequestStats::default()).open_to_all();
    TestServer::start(edge).await
}

#[tokio::test]
async fn today_this_week_and_this_month_are_summed_with_their_growth() {
    let test = database().await;
    let (clock, _time) = Clock::manual("2024-03-01T23:30:00Z".parse().expect("a time"));
    let here = Process::at_rest(&test, clock.clone()).await;
    here.follow();
    here.work(2);
    let february = json!({"20": {"sales": 10, "units": 4}, "29": {"sales": 2.5, "transactions": 1}});
    here.tell(SalesChanged::CREATED, &told("330", (2024, 2), Some(february))).await;
    here.tell(SalesChanged::CREATED, &told("330", (2024, 3), Some(json!({"1": {"sales": 5, "transactions": 3}}))))
        .await;
    here.tell(SalesChanged::CREATED, &told("406", (2024, 3), Some(json!({"1": sold(7.0), "3": sold(1.0)})))).await;
    here.catches_up().await;
    let server = serve(&here, &clock).await;
    let get = |path: &str| server.get(&format!("/api/v2/analytics/sales{path}"));

    let today = get("/today").await.ok();
    let none = json!({"sales": null, "transactions": null, "customers": null, "units": null, "discount": null});
    assert_eq!(
        today,
        json!({
            "data": [
                {"storeId": "406", "sales": 7, "transactions": 0, "customers": 0, "units": 0, "discount": 0, "growth": none},
                {"storeId": "330", "sales": 5, "transactions": 3, "customers": 0, "units": 0, "discount": 0,
                 "growth": {"sales": 1, "transactions": 2, "customers": null, "units": null, "discount": null}},
            ],
            "total": {"sales": 12, "transactions": 3, "customers": 0, "units": 0, "discount": 0},
            "before": {"sales": 2.5, "transactions": 1, "customers": 0, "units": 0, "discount": 0},
            "growth": {"sales": 3.8, "transactions": 2, "customers": null, "units": null, "discount": null},
            "days": [{"date": "2024-03-01", "sales": 12, "transactions": 3, "customers": 0, "units": 0, "discount": 0}],
            "meta": {"period": "day", "from": "2024-03-01", "to": "2024-03-01", "beforeFrom": "2024-02-29",
                     "beforeTo": "2024-02-29", "stores": 2, "limit": 50},
        })
    );

    let week = get("/week").await.ok();
    assert_eq!((&week["meta"]["from"], &week["meta"]["to"]), (&json!("2024-02-26"), &json!("2024-03-03")));
    assert_eq!((&week["total"]["sales"], &week["before"]["sales"]), (&json!(15.5), &json!(10)));
    assert_eq!(week["growth"]["sales"], 0.55);
    let days: Vec<_> = week["days"].as_array().expect("days").iter().map(|day| (&day["date"], &day["sales"])).collect();
    assert_eq!(
        days,
        [(&json!("2024-02-29"), &json!(2.5)), (&json!("2024-03-01"), &json!(12)), (&json!("2024-03-03"), &json!(1))]
    );

    let month = get("/month?limit=1").await.ok();
    assert_eq!((&month["total"]["sales"], &month["before"]["sales"]), (&json!(13), &json!(12.5)));
    assert_eq!(month["data"].as_array().map(Vec::len), Some(1), "{month}");
    assert_eq!((&month["data"][0]["storeId"], &month["meta"]["stores"]), (&json!("406"), &json!(2)));

    let one = get("/month?storeId=330").await.ok();
    assert_eq!((&one["total"]["sales"], &one["before"]["sales"]), (&json!(5), &json!(12.5)));
    assert_eq!(one["growth"]["sales"], -0.6);

    let earlier = get("/month?at=2024-02-10").await.ok();
    assert_eq!((&earlier["total"]["sales"], &earlier["before"]), (&json!(12.5), &json!(null)));
    let nothing = get("/week?at=1999-01-01").await.ok();
    assert_eq!((&nothing["data"], &nothing["days"]), (&json!([]), &json!([])));
    assert_eq!((&nothing["total"]["sales"], &nothing["meta"]["stores"]), (&json!(0), &json!(0)));

    for query in ["at=2024-02-30", "at=2024-02", "at=", "limit=0", "limit=201", "storeId=no%20store", "from=2024-01-01"]
    {
        get(&format!("/month?{query}")).await.problem(400, "web.invalid_query");
    }
    here.stop().await;
}
