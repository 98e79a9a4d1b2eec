//! What front ends and scripts do first: files by forms, keys as bearer tokens, pages of another origin while they are
//! developed, webhooks to one's own machine, the catalog as a file.

use std::time::Duration;

use serde_json::{Value, json};

use crate::house::{House, PASSWORD, text};

const JPEG: &[u8] = include_bytes!("../../../platform/pictures/tests/samples/subsampled.jpg");

/// A form with a file, as a browser sends it.
fn form(media: &str, file: &[u8], texts: &[(&str, &str)]) -> Vec<u8> {
    let mut body = Vec::new();
    let head = format!(
        "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\nContent-Type: {media}\r\n\r\n"
    );
    body.extend_from_slice(head.as_bytes());
    body.extend_from_slice(file);
    for (name, value) in texts {
        body.extend_from_slice(
            format!("\r\n--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}").as_bytes(),
        );
    }
    body.extend_from_slice(b"\r\n--b--\r\n");
    body
}

const FORM: &str = "multipart/form-data; boundary=b";

#[tokio::test]
async fn files_may_come_in_a_form() {
    let house = House::new(&[]).await;
    let admin = house.admin().await;
    let staff = house.server.bearing(&admin);
    staff.post("/api/v2/products").json(&json!({"sku": "TEA-1", "title": "Green tea"})).await.created();
    let upload = |path: &str, body: Vec<u8>| staff.post(path).bytes(FORM, body);
    let path = "/api/v2/products/TEA-1/images/upload";
    let texts = [("alt", "A jar"), ("position", "3")];
    let image = upload(&format!("{path}?alt=asked"), form("image/jpeg", JPEG, &texts)).await.created();
    assert_eq!((&image["alt"], &image["position"]), (&json!("A jar"), &json!(3)), "{image}");
    let image = upload(&format!("{path}?alt=asked"), form("image/jpeg", JPEG, &[])).await.created();
    assert_eq!(image["alt"], "asked");
    let wrong = upload(path, form("image/jpeg", JPEG, &[("position", "many"), ("colour", "red")])).await;
    wrong.problem(422, "web.invalid_body");
    upload(path, form("image/jpeg", JPEG, &[("position", "10001")])).await.problem(422, "web.invalid_body");
    upload(path, form("text/plain", JPEG, &[])).await.problem(415, "web.unsupported_media_type");
    upload(path, form("image/png", JPEG, &[])).await.problem(415, "catalog.media_type_mismatch");

    let csv = b"storeId,year,month,day,sales\n330,2024,1,2,12.5\n";
    let path = "/api/v2/sales/import?createStores=true";
    for media in ["text/csv", "application/vnd.ms-excel"] {
        let report = upload(path, form(media, csv, &[])).await.ok();
        assert_eq!((&report["lines"], &report["failed"]), (&json!(1), &json!(0)), "{report}");
    }
    let month = staff.get("/api/v2/sales/330/2024/1").await.ok();
    assert_eq!(month["totals"]["sales"], 12.5);
    let whole = form("text/csv", csv, &[]);
    upload(path, whole[..whole.len() - 12].to_vec()).await.problem(400, "sales.import_unreadable");
    upload(path, form("image/png", csv, &[])).await.problem(415, "web.unsupported_media_type");
}

/// Programs that do not know what a file is send it as one of any kind.
#[tokio::test]
async fn a_file_is_taken_for_what_it_is() {
    let house = House::new(&[]).await;
    let admin = house.admin().await;
    let staff = house.server.bearing(&admin);
    let (any, unknown) = ("application/octet-stream", "application/x-www-form-urlencoded");
    staff.post("/api/v2/products").json(&json!({"sku": "TEA-1", "title": "Green tea"})).await.created();
    let images = "/api/v2/products/TEA-1/images/upload";
    staff.post(images).bytes(any, JPEG).await.created();
    staff.post(images).bytes(FORM, form(any, JPEG, &[])).await.created();
    staff.post(images).bytes(unknown, JPEG).await.created();
    staff.post(images).bytes(any, "storeId").await.problem(422, "catalog.not_a_picture");
    let import = "/api/v2/sales/import?createStores=true";
    let csv = "storeId,year,month,day,sales\n330,2024,1,2,12.5\n";
    let lines = "\n {\"storeId\":\"331\",\"year\":2024,\"month\":1,\"dailyData\":{\"1\":{\"sales\":3}}}\n";
    let marked = format!("\u{feff}{csv}");
    for (file, changed) in [(csv, "created"), (&marked, "unchanged"), (lines, "created")] {
        let report = staff.post(import).bytes(any, file.to_owned()).await.ok();
        assert_eq!((&report[changed], &report["failed"]), (&json!(1), &json!(0)), "{file}: {report}");
        staff.post(import).bytes(unknown, file.to_owned()).await.ok();
        let again = staff.post(import).bytes(FORM, form(any, file.as_bytes(), &[])).await.ok();
        assert_eq!((&again["unchanged"], &again["failed"]), (&json!(1), &json!(0)), "{file}: {again}");
    }
    staff.post(import).bytes(any, "").await.problem(400, "sales.import_unreadable");
}

#[tokio::test]
async fn a_key_may_come_as_a_bearer_token() {
    let house = House::new(&[]).await;
    let admin = house.admin().await;
    let body = json!({"name": "Stock", "scopes": ["products.write"]});
    let key = text(&house.server.bearing(&admin).post("/api/v2/api-keys").json(&body).await.created(), "key");
    let product = json!({"sku": "TEA-1", "title": "Green tea"});
    house.server.bearing(&key).post("/api/v2/products").json(&product).await.created();
    house.server.bearing("ek_nonsense").get("/api/v2/products").await.problem(401, "web.invalid_credentials");
    let basic = house.server.get("/api/v2/products").header("authorization", "Basic x").await;
    basic.problem(401, "web.invalid_credentials");
}

#[tokio::test]
async fn a_page_of_another_origin_is_told_how_to_be_allowed() {
    let house = House::new(&[]).await;
    let ask = |origin: &str| {
        let request = house.server.request("OPTIONS", "/api/v2/auth/login").header("origin", origin);
        request.header("access-control-request-method", "POST")
    };
    let refused = ask("http://127.0.0.1:5273").await.problem(403, "web.foreign_origin");
    assert!(text(&refused, "detail").contains("ENTREPOT_CORS_ORIGINS=http://127.0.0.1:5273"), "{refused}");
    let house = House::new(&[("ENTREPOT_CORS_ORIGINS", "http://127.0.0.1:5273")]).await;
    let allowed = house.server.request("OPTIONS", "/api/v2/auth/login").header("origin", "http://127.0.0.1:5273");
    let allowed = allowed.header("access-control-request-method", "POST").await.status(204);
    assert_eq!(allowed.header("access-control-allow-origin"), "http://127.0.0.1:5273");
    // A cookie would be of no use to it.
    let body = json!({"email": "admin@shop.example", "password": PASSWORD, "cookie": true});
    let login = || house.server.post("/api/v2/auth/login").json(&body);
    login().header("origin", "http://127.0.0.1:5273").await.problem(403, "web.foreign_page");
    login().header("sec-fetch-site", "same-site").await.problem(403, "web.foreign_page");
    login().header("sec-fetch-site", "same-origin").await.ok();
    // A module is loaded across origins, too.
    let module = house.server.get("/client/entrepot-live.js").header("origin", "http://127.0.0.1:5273").await;
    assert_eq!(module.status(200).header("access-control-allow-origin"), "http://127.0.0.1:5273");
}

#[tokio::test]
async fn a_webhook_that_is_refused_names_the_settings() {
    let house = House::new(&[]).await;
    let admin = house.admin().await;
    let make = |body: Value| house.server.bearing(&admin).post("/api/v2/webhooks").json(&body);
    let refused = make(json!({"url": "http://127.0.0.1:5291/hook", "topics": ["store-*"]})).await;
    let detail = text(&refused.problem(422, "web.invalid_body"), "detail");
    assert!(detail.contains("webhooks.allow_http") && detail.contains("webhooks.allow_private"), "{detail}");
    for own in ["https://localhost/hook", "https://shop.localhost.:8443/hook", "https://localhost.localdomain/hook"] {
        let refused = make(json!({"url": own, "topics": ["store-*"]})).await;
        let detail = text(&refused.problem(422, "web.invalid_body"), "detail");
        assert!(detail.contains("webhooks.allow_private"), "{own}: {detail}");
    }
    let refused = make(json!({"url": "https://shop.example/hook", "topics": ["product-26190"]})).await;
    assert!(text(&refused.problem(422, "web.invalid_body"), "detail").contains("UUID"));
    // What nothing ever happens on can be followed by nobody.
    let refused = make(json!({"url": "https://shop.example/hook", "topics": ["orders"]})).await;
    assert!(text(&refused.problem(422, "web.invalid_body"), "detail").contains("orders"));
}

#[tokio::test]
async fn the_catalog_is_exported_as_a_file() {
    let house = House::new(&[]).await;
    let admin = house.admin().await;
    let staff = house.server.bearing(&admin);
    staff.post("/api/v2/categories").json(&json!({"name": "Tea"})).await.created();
    let rows: Vec<Value> = (0..300)
        .map(|number| {
            json!({
                "sku": format!("T-{number}"), "title": format!("=Tea \"{number}\""),
                "brand": if number % 2 == 0 { "Even" } else { "Odd" }, "category": "tea",
                "price": {"amount": "1.50", "currency": "EUR"}, "tags": ["a", "b"], "active": number != 7,
                "specifications": {"note": "é\u{1f375}, \"x\""},
            })
        })
        .collect();
    for products in rows.chunks(50) {
        staff.post("/api/v2/products/batch").json(&json!({ "products": products })).await.ok();
    }
    let export = async |body: Value| {
        let ordered = staff.post("/api/v2/exports").json(&body).await.status(202).json();
        let path = format!("/api/v2/exports/{}", text(&ordered, "id"));
        for _ in 0..600 {
            let now = staff.get(&path).await.ok();
            if now["status"] == "done" {
                return (
                    now["rows"].as_i64().expect("rows"),
                    staff.get(&format!("{path}/content")).await.status(200).text(),
                );
            }
            assert_ne!(now["status"], "failed", "{now}");
            tokio::time::timeout(Duration::from_millis(50), std::future::pending::<()>())
                .await
                .expect_err("it only waits");
        }
        panic!("the export is not made");
    };
    let (rows, csv) = export(json!({"kind": "products"})).await;
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let header = reader.headers().expect("a header").clone();
    let at = |name: &str| header.iter().position(|found| found == name).expect("a column");
    let found: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().expect("CSV");
    assert_eq!((rows, found.len()), (300, 300));
    let row = found.iter().find(|row| &row[at("sku")] == "T-42").expect("it is there");
    assert_eq!(&row[at("title")], "'=Tea \"42\"", "no cell is a formula");
    assert_eq!((&row[at("price")], &row[at("currency")], &row[at("tags")]), ("1.50", "EUR", "a|b"));
    let (rows, ndjson) = export(json!({"kind": "products", "format": "ndjson", "parameters": {"brand": "Odd", "active": true, "fields": "sku,price,specifications,active"}})).await;
    assert_eq!((rows, ndjson.lines().count()), (149, 149));
    let line: Value = serde_json::from_str(ndjson.lines().next().expect("a line")).expect("JSON");
    assert_eq!((&line["price"], &line["specifications"]["note"]), (&json!("1.50"), &json!("é\u{1f375}, \"x\"")));
    let (_, all) =
        export(json!({"kind": "products", "format": "json", "parameters": {"category": "tea", "active": false}})).await;
    let all: Value = serde_json::from_str(&all).expect("a list");
    assert_eq!((all.as_array().expect("rows").len(), &all[0]["sku"]), (1, &json!("T-7")));
    let (customer, _) = house.person("customer").await;
    house
        .server
        .bearing(&customer)
        .post("/api/v2/exports")
        .json(&json!({"kind": "products"}))
        .await
        .problem(403, "web.forbidden");
    let wrong = json!({"kind": "products", "parameters": {"fields": "sku,colour", "brands": "x", "active": "yes"}});
    let wrong = staff.post("/api/v2/exports").json(&wrong).await.problem(422, "web.invalid_body");
    assert_eq!(wrong["errorCount"], 3, "{wrong}");
}

#[tokio::test]
async fn a_front_end_of_the_shop_is_counted_for_its_customers() {
    let limits = [("RATE_LIMIT_GENERAL", "3"), ("RATE_LIMIT_FRONT_END", "12"), ("RATE_LIMIT_API", "40")];
    let house = House::new(&[&[("ENTREPOT_RATE_LIMITS_ENABLED", "true")], &limits[..]].concat()).await;
    let admin = house.admin().await;
    let make = async |scopes: Value| {
        let body = json!({"name": "Shop", "scopes": scopes});
        text(&house.server.bearing(&admin).post("/api/v2/api-keys").json(&body).await.created(), "key")
    };
    let (front, other) = (make(json!(["front_end.pass_on"])).await, make(json!(["products.write"])).await);
    let ask = |key: &str, customer: &str| {
        let request = house.server.with_key(key).get("/api/v2/categories");
        if customer.is_empty() { request } else { request.header("entrepot-client-address", customer) }
    };
    // Each customer has the share of a stranger, whoever else asks through the same front end.
    for customer in ["203.0.113.7", "203.0.113.8"] {
        for _ in 0..3 {
            let answer = ask(&front, customer).await.status(200);
            assert!(answer.header("ratelimit-policy").starts_with("\"general\""), "{:?}", answer.headers);
        }
        ask(&front, customer).await.problem(429, "web.too_many_requests");
    }
    // What it asks for itself, and what all ask together, is counted by its key.
    for _ in 0..4 {
        let answer = ask(&front, "").await.status(200);
        assert!(answer.header("ratelimit-policy").starts_with("\"front-end\""), "{:?}", answer.headers);
    }
    let refused = ask(&front, "203.0.113.9").await.problem(429, "web.too_many_requests");
    assert!(text(&refused, "detail").contains("by this API key"), "{refused}");
    // Nobody else is believed.
    ask(&other, "203.0.113.7").await.problem(400, "web.invalid_header");
    let stranger = house.server.get("/api/v2/categories").header("entrepot-client-address", "203.0.113.7").await;
    stranger.problem(400, "web.invalid_header");
}

#[tokio::test]
async fn a_customer_of_a_front_end_has_blocks_and_attempts_of_their_own() {
    let house = House::new(&[("ENTREPOT_RATE_LIMITS_ENABLED", "true"), ("RATE_LIMIT_AUTH", "2")]).await;
    let admin = house.admin().await;
    let staff = house.server.bearing(&admin);
    let body = json!({"name": "Shop", "scopes": ["front_end.pass_on"]});
    let key = text(&staff.post("/api/v2/api-keys").json(&body).await.created(), "key");
    let block = json!({"network": "203.0.113.7", "reason": "scans", "minutes": 5});
    staff.post("/api/admin/blocks").json(&block).await.created();
    let front = house.server.with_key(&key);
    let get = |customer: &str| front.get("/api/v2/categories").header("entrepot-client-address", customer);
    // A block is told by the feed.
    for _ in 0..600 {
        if get("203.0.113.7").await.status == 403 {
            break;
        }
        tokio::time::timeout(Duration::from_millis(20), std::future::pending::<()>()).await.expect_err("it only waits");
    }
    get("203.0.113.7").await.problem(403, "web.blocked");
    get("203.0.113.8").await.ok();
    for wrong in ["203.0.113", "203.0.113.7, 203.0.113.8", "shop.example", ""] {
        get(wrong).await.problem(400, "web.invalid_header");
    }
    let sign_in = |customer: &str| {
        let body = json!({"email": "nobody@shop.example", "password": "not the one that was set"});
        front.post("/api/v2/auth/login").json(&body).header("entrepot-client-address", customer)
    };
    for _ in 0..2 {
        sign_in("203.0.113.10").await.problem(401, "accounts.wrong_credentials");
    }
    assert_eq!(sign_in("203.0.113.10").await.status.as_u16(), 429);
    sign_in("203.0.113.11").await.problem(401, "accounts.wrong_credentials");
    // A manager cannot make such a key.
    let (manager, _) = house.person("manager").await;
    let refused = house.server.bearing(&manager).post("/api/v2/api-keys").json(&body).await;
    assert_eq!(refused.status.as_u16(), 422);
}

#[tokio::test]
async fn a_report_that_failed_is_told_in_the_inbox() {
    let house = House::new(&[]).await;
    let admin = house.admin().await;
    let staff = house.server.bearing(&admin);
    let order = json!({"kind": "inventory", "parameters": {"category": "nowhere"}});
    let ordered = staff.post("/api/v2/reports").json(&order).await.status(202).json();
    for _ in 0..600 {
        let inbox = staff.get("/api/v2/me/notifications").await.ok();
        let told = inbox["data"].as_array().expect("rows").iter().find(|news| news["kind"] == "report-failed").cloned();
        if let Some(told) = told {
            assert!(text(&told, "body").contains("nowhere"), "{told}");
            assert_eq!(text(&told, "link"), format!("/api/v2/reports/{}", text(&ordered, "id")));
            return;
        }
        tokio::time::timeout(Duration::from_millis(50), std::future::pending::<()>()).await.expect_err("it only waits");
    }
    panic!("nobody is told of the report that failed");
}
