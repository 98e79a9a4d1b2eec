//! What is sorted by its name is in one order, whatever language the database was made for.

use std::sync::Arc;

use entrepot_migrations::MIGRATIONS;
use entrepot_runtime::Clock;
use serde_json::{Value, json};

use crate::house::House;

const NAMES: [&str; 8] = ["Zed", "abc", "\u{d6}RT\u{dc}", "Caf\u{e9}", "INDIGO", "I\u{15f}\u{131}k", "\u{e1}bc", "ISI"];
const IN_ORDER: [&str; 8] =
    ["abc", "\u{e1}bc", "Caf\u{e9}", "INDIGO", "ISI", "I\u{15f}\u{131}k", "\u{d6}RT\u{dc}", "Zed"];

fn members(list: &Value, member: &str) -> Vec<String> {
    let text = |one: &Value| one[member].as_str().expect("a text").to_owned();
    list.as_array().expect("a list").iter().map(text).collect()
}

#[tokio::test]
async fn names_are_in_one_order_whatever_the_databases_locale_is() {
    for locale in ["LOCALE_PROVIDER icu ICU_LOCALE 'tr-TR' LOCALE 'C.UTF-8'", "LOCALE 'C'"] {
        let database = Arc::new(entrepot_testkit::localised_database(locale).await);
        entrepot_pg::migrate(&mut database.client().await, MIGRATIONS).await.expect("they apply");
        let house = House::on(database, Clock::system(), &[]).await;
        let token = house.admin().await;
        let admin = house.server.bearing(&token);
        let mut ids = Vec::new();
        for (at, name) in NAMES.iter().enumerate() {
            // Upper and lower case, as codes have them.
            let id = if at % 2 == 0 { format!("S{at}") } else { format!("s{at}") };
            admin.request("PUT", &format!("/api/v2/stores/{id}")).json(&json!({"name": name})).await.created();
            let days = json!({"dailyData": {"1": {"sales": 5}}});
            admin.request("PUT", &format!("/api/v2/sales/{id}/2024/1")).json(&days).await.created();
            admin.post("/api/v2/categories").json(&json!({"name": name})).await.created();
            let product = json!({"sku": format!("P{at}"), "title": format!("Tea {name}"), "brand": name});
            admin.post("/api/v2/products").json(&product).await.created();
            ids.push(id);
        }
        ids.sort();
        let stores = admin.get("/api/v2/stores").await.ok();
        assert_eq!(members(&stores["data"], "name"), IN_ORDER, "{locale}");
        let categories = admin.get("/api/v2/categories").await.ok();
        assert_eq!(members(&categories["data"], "name"), IN_ORDER, "{locale}");
        let products = admin.get("/api/v2/products?sort=title").await.ok();
        assert_eq!(members(&products["data"], "brand"), IN_ORDER, "{locale}");
        let facets = admin.get("/api/v2/products/search?q=tea").await.ok()["meta"]["facets"].clone();
        assert_eq!(members(&facets["brand"]["values"], "value"), IN_ORDER, "{locale}");
        let months = admin.get("/api/v2/sales/summary?by=store&from=2024-01&to=2024-01").await.ok();
        let mut by_store = members(&months["data"], "storeId");
        by_store.sort();
        assert_eq!(by_store, ids, "{locale}");
        let csv = admin.get("/api/v2/sales/export?format=csv").await.status(200);
        let csv = String::from_utf8(csv.body.to_vec()).expect("a text");
        let exported: Vec<&str> = csv.lines().skip(1).filter_map(|line| line.split(',').next()).collect();
        assert_eq!(exported, ids, "codes are in the order of their characters: {locale}");
    }
}
