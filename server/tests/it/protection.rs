//! What keeps the program standing among strangers: limits that hold over instances, keys that make a
//! request happen once, answers that are shared, room that is kept for those who put things right.

use std::future::IntoFuture as _;

use entrepot_runtime::Clock;
use entrepot_testkit::{RedisServer, Request, Response};
use serde_json::{Value, json};

use crate::house::{House, text};

async fn all(requests: impl IntoIterator<Item = Request>) -> Vec<Response> {
    futures_util::future::join_all(requests.into_iter().map(Request::into_future)).await
}

/// With Redis the limit holds over all instances, to the request.
#[tokio::test]
async fn ten_thousand_requests_through_two_instances_and_exactly_a_thousand_pass() {
    let redis = RedisServer::start();
    let url = redis.url();
    let limits = [
        ("ENTREPOT_RATE_LIMITS_ENABLED", "true"),
        ("RATE_LIMIT_GENERAL", "1000"),
        ("REDIS_URL", url.as_str()),
        ("ENTREPOT_REDIS_TIMEOUT_MS", "5000"),
    ];
    let (clock, _hand) = Clock::manual("2026-11-21T12:00:00Z".parse().expect("a literal"));
    let database = std::sync::Arc::new(entrepot_testkit::test_database(entrepot_migrations::MIGRATIONS).await);
    let (one, two) =
        (House::on(database.clone(), clock.clone(), &limits).await, House::on(database, clock, &limits).await);
    let (mut passed, mut refused) = (0, 0);
    for _ in 0..100 {
        let batch = (0..100).map(|index| if index % 2 == 0 { &one } else { &two });
        for answer in all(batch.map(|house| house.server.get("/api/v2/categories"))).await {
            match answer.status.as_u16() {
                200 => passed += 1,
                429 => {
                    refused += 1;
                    assert!(!answer.header("retry-after").is_empty());
                }
                other => panic!("{other}: {}", answer.text()),
            }
        }
    }
    assert_eq!((passed, refused), (1_000, 9_000));
}

#[tokio::test]
async fn people_are_counted_by_themselves_and_strangers_by_their_network() {
    let settings = [
        ("ENTREPOT_RATE_LIMITS_ENABLED", "true"),
        ("RATE_LIMIT_GENERAL", "4"),
        ("RATE_LIMIT_API", "10"),
        ("RATE_LIMIT_AUTH", "100"),
        ("ENTREPOT_GUARD_TRUSTED_PROXIES", "127.0.0.1"),
    ];
    let house = House::new(&settings).await;
    let token = house.admin().await;
    let stranger = |network: &str| house.server.get("/api/v2/categories").header("x-forwarded-for", network);
    for left in [3, 2, 1, 0] {
        let answer = stranger("2001:db8:1:2::1").await.status(200);
        assert_eq!(answer.header("ratelimit-policy"), "\"general\";q=4;w=900");
        assert!(
            answer.header("ratelimit").starts_with(&format!("\"general\";r={left};t=")),
            "{}",
            answer.header("ratelimit")
        );
    }
    // The rest of the /64 is the same household; the next one is not.
    let refused = stranger("2001:db8:1:2:ffff::9").await;
    assert_eq!(refused.header("retry-after"), "225");
    refused.problem(429, "web.too_many_requests");
    stranger("2001:db8:1:3::1").await.status(200);
    // A person has a share of their own, wherever they are.
    let answer = stranger("2001:db8:1:2::1").header("authorization", &format!("Bearer {token}")).await.status(200);
    assert!(answer.header("ratelimit").starts_with("\"api\";r="), "{}", answer.header("ratelimit"));
    assert_eq!(answer.header("cache-status").split(';').nth(1), Some(" hit"), "and shares what is cached for all");
    // What costs more takes more of it.
    let export = house.server.bearing(&token).get("/api/admin/audit/export").await;
    export.problem(429, "web.too_many_requests");
    house.server.get("/health").await.status(200);
}

#[tokio::test]
async fn a_key_makes_a_request_happen_once() {
    let house = House::new(&[]).await;
    let token = house.admin().await;
    let admin = house.server.bearing(&token);
    let put_in = |key: &str, sku: &str| {
        admin.post("/api/v2/products").header("idempotency-key", key).json(&json!({"sku": sku, "title": "Tea"}))
    };
    let first = put_in("k-1", "A").await.status(201);
    let again = put_in("k-1", "A").await.status(201);
    assert_eq!((first.header("idempotent-replayed"), again.header("idempotent-replayed")), ("", "true"));
    assert_eq!(first.body, again.body);
    assert_eq!(first.header("entrepot-position"), again.header("entrepot-position"), "the write can still be demanded");
    assert!(!again.header("entrepot-position").is_empty());
    assert_eq!((first.header("location"), first.header("etag")), (again.header("location"), again.header("etag")));
    put_in("k-1", "B").await.problem(422, "web.idempotency_key_reused");
    // What was refused is not kept: the key is free for another try.
    put_in("k-2", "A").await.problem(409, "catalog.duplicate_sku");
    put_in("k-2", "C").await.status(201);
    for bad in ["", &"k".repeat(256)] {
        put_in(bad, "D").await.problem(400, "web.invalid_idempotency_key");
    }
    // Somebody else's key is another key.
    let (other, _) = house.person("manager").await;
    let body = json!({"sku": "E", "title": "Tea"});
    house.server.bearing(&other).post("/api/v2/products").header("idempotency-key", "k-1").json(&body).await.created();
    // What must not tell whether anything was written does not tell it the second time either.
    let register = || {
        let body = json!({"email": "new@shop.example", "name": "N", "password": crate::house::PASSWORD});
        house.server.post("/api/v2/auth/register").header("idempotency-key", "r-1").json(&body)
    };
    for replayed in ["", "true"] {
        let answer = register().await.status(202);
        assert_eq!((answer.header("idempotent-replayed"), answer.header("entrepot-position")), (replayed, ""));
    }
    // A secret that is told once is not stored.
    let key = json!({"name": "k", "scopes": ["users.read"]});
    let refused = admin.post("/api/v2/api-keys").header("idempotency-key", "k-9").json(&key).await;
    refused.problem(400, "web.invalid_idempotency_key");
    let row =
        house.database.client().await.query_one("SELECT count(*) FROM web.kept_answer", &[]).await.expect("counted");
    assert_eq!(row.get::<_, i64>(0), 4);
}

/// An answer may have in it what its caller may not see any more.
#[tokio::test]
async fn a_kept_answer_is_not_shown_to_whom_it_would_not_be_made_for_now() {
    let house = House::new(&[]).await;
    let token = house.admin().await;
    let admin = house.server.bearing(&token);
    let (_, id) = house.person("manager").await;
    for store in ["a1", "b1"] {
        admin.request("PUT", &format!("/api/v2/stores/{store}")).json(&json!({"name": store})).await.created();
    }
    let sell = async |key: &str| {
        // Signed in anew: a session of before may end with a change of rights.
        let manager = house.token("one-manager@shop.example").await;
        let row = json!({"storeId": "b1", "year": 2024, "month": 2, "dailyData": {"1": {"sales": 3}}});
        let rows = json!({"salesDataArray": [row]});
        house.server.bearing(&manager).post("/api/v2/sales/batch").header("idempotency-key", key).json(&rows).await
    };
    let change = async |what: Value| {
        admin.patch(&format!("/api/v2/users/{id}")).merge_patch(&what).await.ok();
    };
    sell("k-1").await.status(200);
    assert_eq!(sell("k-1").await.status(200).header("idempotent-replayed"), "true");
    change(json!({"stores": ["a1"]})).await;
    let refused = sell("k-1").await;
    let problem = refused.problem(422, "web.idempotency_key_reused");
    assert!(!problem.to_string().contains("b1"), "{problem}");
    change(json!({"stores": null, "role": "admin"})).await;
    sell("k-1").await.problem(422, "web.idempotency_key_reused");
    change(json!({"role": "manager"})).await;
    assert_eq!(sell("k-1").await.status(200).header("idempotent-replayed"), "true", "it is as it was");
}

/// Every operation that acts takes a key, also one whose handler reads again what it has written: nothing
/// is committed before the answer is made.
#[tokio::test]
async fn every_operation_that_acts_answers_alike_with_a_key_and_without() {
    let house = House::new(&[]).await;
    let token = house.admin().await;
    let document = entrepot_server::openapi_document().expect("it holds together");
    let document: serde_json::Value = serde_json::from_str(&document).expect("JSON");
    let body = |operation: &str, turn: &str| match operation {
        "create_product" => json!({"sku": format!("P-{turn}"), "title": "Tea"}),
        "upsert_products" => json!({"products": [{"sku": format!("B-{turn}"), "title": "Tea"}]}),
        "add_product_image" => json!({"url": format!("https://shop.example/{turn}.jpg")}),
        "add_product_review" => json!({"rating": 4, "author": turn}),
        "create_category" => json!({"name": format!("Shelf {turn}"), "parent": "top"}),
        "create_user" => json!({"email": format!("{turn}@shop.example"), "name": turn}),
        "register_customer" => {
            json!({"email": format!("r{turn}@shop.example"), "name": turn, "password": crate::house::PASSWORD})
        }
        "ask_for_password_reset" => json!({"email": "nobody@shop.example"}),
        "create_block" => json!({"network": "203.0.113.7", "reason": turn}),
        "send_announcement" => json!({"message": turn}),
        "order_export" => json!({"kind": "sales", "parameters": {"year": 2020, "month": turn.len()}}),
        "order_report" => json!({"kind": "sales", "parameters": {"period": "last-year"}}),
        "create_report_schedule" => {
            json!({"kind": "sales", "pattern": "0 6 * * 1", "mailTo": format!("{turn}@shop.example")})
        }
        "send_test_mail" => json!({"to": format!("{turn}@shop.example")}),
        "retry_jobs" => json!({"all": true}),
        "weigh_tenant" => json!({"tenant": turn, "weight": 2}),
        "invalidate_cache" => json!({"tags": ["x"]}),
        "upsert_sales" => {
            let days = json!({"1": {"sales": turn.len()}});
            json!({"salesDataArray": [{"storeId": "330", "year": 2024, "month": 1, "dailyData": days}]})
        }
        "delete_many_sales" => {
            json!({"keys": [{"storeId": "330", "year": 2020, "month": if turn == "plain" { 1 } else { 2 }}]})
        }
        _ => json!({}),
    };
    let admin = house.server.bearing(&token);
    admin.post("/api/v2/categories").json(&json!({"name": "Top", "slug": "top"})).await.created();
    admin.post("/api/v2/products").json(&json!({"sku": "POT", "title": "Pot"})).await.created();
    admin.request("PUT", "/api/v2/stores/330").json(&json!({"name": "Harbour"})).await.created();
    for month in [1, 2] {
        let days = json!({"dailyData": {"1": {"sales": 1}}});
        admin.request("PUT", &format!("/api/v2/sales/330/2020/{month}")).json(&days).await.created();
    }
    let mut done = 0;
    for (path, item) in document["paths"].as_object().expect("paths") {
        let Some(operation) = item.get("post") else { continue };
        let id = text(operation, "operationId");
        let takes_a_key = operation["parameters"]
            .as_array()
            .into_iter()
            .flatten()
            .any(|parameter| parameter["$ref"] == "#/components/parameters/Idempotency-Key");
        // What needs a token that was mailed, another password, something that is made first, or ends the session is
        // tried elsewhere.
        let elsewhere = ["upload_product_image", "verify_email", "reset_password", "change_password", "sign_out"];
        let needs_more = ["{job}", "{notification}", "{webhook}"].iter().any(|name| path.contains(name));
        if !takes_a_key || needs_more || elsewhere.contains(&&*id) {
            continue;
        }
        let path = path.replace("{product}", "POT").replace("{queue}", "inventory");
        let plain = admin.post(&path).json(&body(&id, "plain")).await;
        let with = |turn: &'static str| admin.post(&path).header("idempotency-key", &id).json(&body(&id, turn));
        let keyed = with("keyed").await;
        assert!(plain.status.is_success(), "{id}: {} {}", plain.status, plain.text());
        assert_eq!(keyed.status, plain.status, "{id} with a key: {}", keyed.text());
        let again = with("keyed").await;
        // How far the warming has come is told anew: it writes nothing that an answer could be stored with.
        if id != "warm_cache" {
            assert_eq!((again.status, &again.body), (keyed.status, &keyed.body), "{id} again");
        }
        done += 1;
    }
    assert!(done >= 12, "only {done} were tried");
}

#[tokio::test]
async fn of_many_at_once_with_one_key_one_happens() {
    let house = House::new(&[]).await;
    let token = house.admin().await;
    let admin = house.server.bearing(&token);
    for round in 0..5 {
        let key = format!("round-{round}");
        let rate = || {
            let body = json!({"rating": 5, "author": "Mira"});
            admin.post("/api/v2/products/POT/reviews").header("idempotency-key", &key).json(&body)
        };
        if round == 0 {
            admin.post("/api/v2/products").json(&json!({"sku": "POT", "title": "Pot"})).await.created();
        }
        let answers = all((0..16).map(|_| rate())).await;
        let made = answers.iter().filter(|answer| answer.status == 201).count();
        let told_to_wait = answers.iter().filter(|answer| answer.status == 409).count();
        assert_eq!(made + told_to_wait, 16, "round {round}");
        assert!(made >= 1);
        let list = house.server.get("/api/v2/products/POT/reviews").await.ok();
        assert_eq!(list["meta"]["summary"]["count"], round + 1, "{list}");
    }
}

/// The effect and the stored answer are one transaction: where the answer cannot be stored nothing happens.
#[tokio::test]
async fn an_effect_without_its_answer_does_not_happen() {
    let house = House::new(&[]).await;
    let token = house.admin().await;
    let client = house.database.client().await;
    client
        .batch_execute(
            "CREATE FUNCTION web.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'full'; END $$;
             CREATE TRIGGER refuse BEFORE INSERT ON web.kept_answer FOR EACH ROW EXECUTE FUNCTION web.refuse()",
        )
        .await
        .expect("set up");
    let put_in = || {
        let body = json!({"sku": "A", "title": "Tea"});
        house.server.bearing(&token).post("/api/v2/products").header("idempotency-key", "k").json(&body)
    };
    put_in().await.problem(500, "web.internal");
    house.server.get("/api/v2/products/A").await.problem(404, "catalog.product_not_found");
    client.batch_execute("DROP TRIGGER refuse ON web.kept_answer").await.expect("mended");
    put_in().await.created();
    house.server.get("/api/v2/products/A").await.ok();
}

#[tokio::test]
async fn odd_but_honest_requests_pass_and_attacks_are_blocked() {
    let house = House::new(&[("ENTREPOT_GUARD_TRUSTED_PROXIES", "127.0.0.1")]).await;
    let token = house.admin().await;
    for (index, name) in
        ["'; DROP TABLE products; --", "O'Brien's <b>tea</b>", "../../etc/passwd", "🫖 çay ☕", "${jndi:ldap://x}"]
            .iter()
            .enumerate()
    {
        let body = json!({"sku": format!("ODD-{index}"), "title": name, "description": name});
        let made = house.server.bearing(&token).post("/api/v2/products").json(&body).await.created();
        assert_eq!(made["title"], *name);
    }
    for query in ["q=O%27Brien", "q=drop+table", "q=%F0%9F%AB%96", "q=50%25+off", "q=C%2B%2B"] {
        house
            .server
            .get(&format!("/api/v2/products/search?{query}"))
            .header("x-forwarded-for", "198.51.100.1")
            .await
            .ok();
    }
    let from = |path: &str| house.server.get(path).header("x-forwarded-for", "203.0.113.66");
    from("/.env").await.status(404);
    from("/api/v2/products/search?q=1'%20UNION%20SELECT%20password%20FROM%20users--").await;
    from("/api/v2/products").await.problem(403, "web.blocked");
    house.server.get("/api/v2/products").header("x-forwarded-for", "198.51.100.1").await.ok();
    let figures = house.server.bearing(&token).get("/api/admin/performance/guard").await.ok();
    assert_eq!(figures["blocked"], 1, "{figures}");
    house.server.bearing(&token).get("/api/admin/breakers").await.ok();
}

/// A target is looked at once for all who get the same answer, unless it is one to look at.
#[tokio::test]
async fn what_is_suspicious_is_so_too_where_memory_has_the_answer() {
    let house = House::new(&[("ENTREPOT_GUARD_TRUSTED_PROXIES", "127.0.0.1")]).await;
    let from = |last: u8, path: &str| house.server.get(path).header("x-forwarded-for", &format!("203.0.{last}.66"));
    let attack = "/api/v2/products/search?q=1'%20UNION%20SELECT%20password%20FROM%20users--";
    let honest = "/api/v2/products/search?q=tea";
    // Others have asked for both.
    for (last, path) in [(1, attack), (2, honest)] {
        from(last, path).await.ok();
    }
    for _ in 0..20 {
        let answer = from(3, honest).await;
        assert!(answer.header("cache-status").starts_with("entrepot; hit"), "{}", answer.header("cache-status"));
    }
    let mut asked = 0;
    while from(3, attack).await.status == 200 {
        asked += 1;
        assert!(asked < 20, "each of them counts");
    }
    from(3, honest).await.problem(403, "web.blocked");
}

/// A balancer sits in the same network as somebody who is blocked: that is no outage.
#[tokio::test]
async fn health_answers_from_a_blocked_network_and_nothing_else_does() {
    let house = House::new(&[("ENTREPOT_GUARD_TRUSTED_PROXIES", "127.0.0.1")]).await;
    let token = house.admin().await;
    let body = json!({"network": "203.0.113.0/24", "reason": "somebody there scans us"});
    house.server.bearing(&token).post("/api/admin/blocks").json(&body).await.created();
    let in_force = async {
        while house.server.bearing(&token).get("/api/admin/performance/guard").await.ok()["blocked"] != 1 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), in_force).await.expect("blocks are followed");
    let from = |path: &str| house.server.get(path).header("x-forwarded-for", "203.0.113.9");
    for path in ["/health", "/health/live", "/health/ready"] {
        from(path).await.ok();
    }
    for path in ["/api/v2/products", "/api/v2/categories", "/api-docs", "/ws", "/health/", "/healthy"] {
        from(path).await.problem(403, "web.blocked");
    }
    from("/api/v2/products").header("authorization", &format!("Bearer {token}")).await.ok();
}

/// When there is no room, health and administration still answer, and so does memory.
#[tokio::test]
async fn a_full_server_keeps_a_door_open_for_those_who_put_things_right() {
    let house = House::new(&[("ENTREPOT_GUARD_MEMORY_LIMIT_MIB", "1")]).await;
    // The guard looks four times a second.
    let refused = async {
        loop {
            let answer = house.server.get("/api/v2/categories/nothing").await;
            if answer.status == 503 {
                return answer;
            }
            tokio::task::yield_now().await;
        }
    };
    let refused =
        tokio::time::timeout(std::time::Duration::from_secs(30), refused).await.expect("the limit is noticed");
    assert_eq!(refused.header("retry-after"), "1");
    refused.problem(503, "web.overloaded");
    house.server.get("/health").await.ok();
    let body = json!({"email": crate::house::ADMIN, "password": crate::house::PASSWORD});
    let signed_in = house.server.post("/api/v2/auth/login").json(&body).await.ok();
    let token = text(&signed_in, "accessToken");
    let figures = house.server.bearing(&token).get("/api/admin/performance/guard").await.ok();
    assert_eq!(figures["pressure"]["isMemoryFull"], true, "{figures}");
    house.server.bearing(&token).post("/api/admin/cache/clear").await.ok();
}

#[tokio::test]
async fn nobody_is_kept_out_by_a_stale_cookie_of_a_public_page() {
    let house = House::new(&[]).await;
    let stale = house.server.get("/api/v2/categories").header("cookie", "entrepot-local=ec_gone; theme=dark").await;
    stale.status(200);
    // Neither from signing in again.
    let body = json!({"email": crate::house::ADMIN, "password": crate::house::PASSWORD, "cookie": true});
    let stale = house.server.post("/api/v2/auth/login").header("cookie", "entrepot-local=ec_gone").json(&body).await;
    let cookie = stale.header("set-cookie").split(';').next().expect("a pair").to_owned();
    stale.ok();
    house.server.post("/api/v2/auth/login").header("cookie", &cookie).json(&body).await.ok();
    let stale = house.server.get("/api/v2/categories").header("authorization", "Bearer gone").await;
    stale.problem(401, "web.invalid_credentials");
}
