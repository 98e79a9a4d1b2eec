//! Products that are not offered: shown and listed to those who may write them, and to nobody else, however close
//! together the two ask.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::house::{House, text};
use crate::live::Socket;

fn skus(list: &Value) -> Vec<&str> {
    let mut skus: Vec<&str> =
        list["data"].as_array().expect("rows").iter().filter_map(|row| row["sku"].as_str()).collect();
    skus.sort_unstable();
    skus
}

#[tokio::test]
async fn a_draft_is_there_for_those_who_may_write_it() {
    let house = House::new(&[]).await;
    let (admin, (seller_token, seller)) = (house.admin().await, house.person("seller").await);
    let (customer, _) = house.person("customer").await;
    let (staff, seller_asks) = (house.server.bearing(&admin), house.server.bearing(&seller_token));
    let draft = json!({"sku": "DRAFT-1", "title": "Smoked tea", "active": false});
    let made = staff.post("/api/v2/products").json(&draft).await.created();
    let own = json!({"sku": "OWN-1", "title": "Own tea", "active": false});
    seller_asks.post("/api/v2/products").json(&own).await.created();
    staff.post("/api/v2/products").json(&json!({"sku": "TEA-1", "title": "Green tea"})).await.created();

    let ways = ["DRAFT-1", made["slug"].as_str().expect("a slug"), made["id"].as_str().expect("an id")];
    for way in ways {
        let path = format!("/api/v2/products/{way}");
        assert_eq!(staff.get(&path).await.ok()["active"], false, "{way}");
        for path in [path.clone(), format!("{path}/reviews")] {
            house.server.get(&path).await.problem(404, "catalog.product_not_found");
            house.server.bearing(&customer).get(&path).await.problem(404, "catalog.product_not_found");
            seller_asks.get(&path).await.problem(404, "catalog.product_not_found");
            let private = staff.get(&path).await;
            assert_eq!(private.status, 200, "{path}");
        }
        assert_eq!(staff.get(&path).await.header("cache-control"), "private, no-cache");
        let review = json!({"rating": 5, "author": "Mira K.", "title": "Good", "body": "Very good."});
        house.server.post(&format!("{path}/reviews")).json(&review).await.problem(404, "catalog.product_not_found");
    }
    // Nothing of the one's answer reaches the other, also where both wait for the same.
    for _ in 0..20 {
        let asked = (0..8).map(|index| {
            let request = house.server.get("/api/v2/products/DRAFT-1");
            let request =
                if index % 2 == 0 { request.header("authorization", &format!("Bearer {admin}")) } else { request };
            async move { (index % 2 == 0, request.await.status.as_u16()) }
        });
        for (is_staff, status) in join_all(asked).await {
            assert_eq!(status, if is_staff { 200 } else { 404 });
        }
    }

    // What a seller sees of what is offered is what everybody does.
    let review = json!({"rating": 5, "author": "Mira K.", "title": "Good", "body": "Very good."});
    seller_asks.post("/api/v2/products/TEA-1/reviews").json(&review).await.created();
    seller_asks.get("/api/v2/products/TEA-1").await.ok();
    assert_eq!(skus(&seller_asks.get("/api/v2/products").await.ok()), ["TEA-1"]);

    for path in ["/api/v2/products?active=false", "/api/v2/products/search?q=tea&active=false"] {
        house.server.get(path).await.problem(401, "web.not_signed_in");
        house.server.bearing(&customer).get(path).await.problem(403, "web.forbidden");
        assert_eq!(skus(&staff.get(path).await.ok()), ["DRAFT-1", "OWN-1"], "{path}");
        assert_eq!(skus(&seller_asks.get(path).await.ok()), ["OWN-1"], "{path}");
    }
    let of_another = "00000000-0000-7000-8000-000000000000";
    let others = seller_asks.get(&format!("/api/v2/products?active=false&seller={of_another}")).await.ok();
    assert_eq!(skus(&others), Vec::<&str>::new());
    let own = staff.get(&format!("/api/v2/products?active=false&seller={seller}&count=exact")).await.ok();
    assert_eq!((skus(&own), &own["page"]["total"]), (vec!["OWN-1"], &json!(1)));
    for path in ["/api/v2/products", "/api/v2/products?active=true", "/api/v2/products/search?q=tea"] {
        assert_eq!(skus(&staff.get(path).await.ok()), ["TEA-1"], "{path}");
        assert_eq!(skus(&house.server.get(path).await.ok()), ["TEA-1"], "{path}");
    }

    // What is offered is there for everybody at once, and what is taken back for nobody else.
    let shown = staff.patch("/api/v2/products/DRAFT-1").merge_patch(&json!({"active": true})).await;
    let position = shown.header("entrepot-position").to_owned();
    shown.ok();
    house.server.get("/api/v2/products/DRAFT-1").header("entrepot-at-least", &position).await.ok();
    house.server.get("/api/v2/products/DRAFT-1").await.ok();
    let hidden = staff.patch("/api/v2/products/DRAFT-1").merge_patch(&json!({"active": false})).await;
    let position = hidden.header("entrepot-position").to_owned();
    hidden.ok();
    let gone = house.server.get("/api/v2/products/DRAFT-1").header("entrepot-at-least", &position).await;
    gone.problem(404, "catalog.product_not_found");
    house.server.get("/api/v2/products/DRAFT-1").await.problem(404, "catalog.product_not_found");
}

#[tokio::test]
async fn a_list_takes_several_brands_ids_and_a_time_since() {
    let house = House::new(&[]).await;
    let admin = house.admin().await;
    let staff = house.server.bearing(&admin);
    let mut ids = Vec::new();
    for (sku, brand) in [("A-1", "Ark, Ltd"), ("B-1", "Bell"), ("C-1", "Corn")] {
        let product = json!({"sku": sku, "title": "Tea", "brand": brand});
        ids.push(staff.post("/api/v2/products").json(&product).await.created());
    }
    let list = async |query: &str| {
        let found = house.server.get(&format!("/api/v2/products?{query}")).await.ok();
        skus(&found).join(" ")
    };
    assert_eq!(list("brand=Ark,+Ltd&brand=Corn").await, "A-1 C-1", "a brand may have a comma in it");
    assert_eq!(list("brand=Bell").await, "B-1");
    let id = |index: usize| ids[index]["id"].as_str().expect("an id");
    assert_eq!(list(&format!("ids={},{}", id(0), id(2))).await, "A-1 C-1");
    assert_eq!(list(&format!("ids={}&ids={}&brand=Corn", id(0), id(2))).await, "C-1");
    let since = ids[1]["updatedAt"].as_str().expect("a time");
    assert_eq!(list(&format!("updatedSince={since}")).await, "B-1 C-1", "then or later");
    assert_eq!(list("updatedSince=2200-01-01T00:00:00Z").await, "");
    for (query, parameter) in [
        ("ids=tea".to_owned(), "ids"),
        (format!("ids={}", vec![id(0); 201].join(",")), "ids"),
        ("updatedSince=yesterday".to_owned(), "updatedSince"),
        ("active=maybe".to_owned(), "active"),
        (vec!["brand=B"; 21].join("&"), "brand"),
        ("brand=".to_owned(), "brand"),
    ] {
        let problem = house.server.get(&format!("/api/v2/products?{query}")).await.problem(400, "web.invalid_query");
        assert_eq!(problem["errors"][0]["parameter"], parameter, "{query:.60}");
    }
}

/// What a search is corrected to tells nothing of what others have and do not offer.
#[tokio::test]
async fn corrections_of_a_sellers_drafts_are_of_their_own() {
    let house = House::new(&[]).await;
    let admin = house.admin().await;
    let (seller, own) = house.person("seller").await;
    let other = house.server.bearing(&admin).post("/api/v2/users").json(
        &json!({"email": "other@shop.example", "name": "Other", "role": "seller", "password": crate::house::PASSWORD}),
    );
    let other = text(&other.await.created(), "id");
    let staff = house.server.bearing(&admin);
    for (sku, title, of) in [("S2-1", "Zephyrine gadget", &other), ("S1-1", "Qwoptrixo probe", &own)] {
        let body = json!({"sku": sku, "title": title, "active": false, "sellerId": of});
        staff.post("/api/v2/products").json(&body).await.created();
    }
    let search = async |token: &str, query: &str| {
        let path = format!("/api/v2/products?active=false&q={query}%20");
        house.server.bearing(token).get(&path).await.ok()["meta"]["correctedTo"].clone()
    };
    assert_eq!(search(&seller, "gadgxt+or+qwoptrixe").await, "gadgxt or qwoptrixo");
    assert_eq!(search(&seller, "%22zephyrine+gadget%22+or+qwoptrixe").await, "\"zephyrine gadget\" or qwoptrixo");
    assert_eq!(search(&seller, "gadgxt").await, Value::Null);
    assert_eq!(search(&admin, "gadgxt").await, "gadget");
}

#[tokio::test]
async fn products_are_followed_live_by_those_who_may_see_them() {
    let house = House::new(&[]).await;
    let (admin, (seller, own)) = (house.admin().await, house.person("seller").await);
    let (customer, _) = house.person("customer").await;
    let staff = house.server.bearing(&admin);
    let make = async |body: Value| staff.post("/api/v2/products").json(&body).await.created();
    let offered = make(json!({"sku": "TEA-1", "title": "Green tea"})).await;
    let draft = make(json!({"sku": "DRAFT-1", "title": "Smoked tea", "active": false})).await;
    let of_seller = make(json!({"sku": "OWN-1", "title": "Own tea", "active": false, "sellerId": own})).await;
    let topic = |product: &Value| format!("product-{}", text(product, "id"));
    let may = async |token: &str, topic: &str| {
        let mut socket = Socket::signed_in(&house, token).await;
        socket.send(&json!({"type": "subscribe", "event": topic})).await;
        let answer = socket.next_text().await;
        match answer["type"].as_str() {
            Some("subscribed") => true,
            _ => {
                assert_eq!(answer["code"], "live.forbidden", "{answer}");
                false
            }
        }
    };
    assert!(may(&customer, &topic(&offered)).await && may(&customer, "catalog").await);
    assert!(!may(&customer, &topic(&draft)).await && !may(&seller, &topic(&draft)).await);
    assert!(may(&seller, &topic(&of_seller)).await && may(&admin, &topic(&draft)).await);
    assert!(!may(&customer, "product-00000000-0000-7000-8000-000000000000").await);

    let mut socket = Socket::signed_in(&house, &customer).await;
    socket.follow(&topic(&offered), None).await;
    staff.patch("/api/v2/products/TEA-1").merge_patch(&json!({"stock": 7})).await.ok();
    let event = socket.told("event").await;
    assert_eq!((&event["event"], &event["data"]["sku"]), (&json!("catalog.product-changed"), &json!("TEA-1")));

    // Offered no more: who may not see it is sent away, and who may goes on.
    let mut of_staff = Socket::signed_in(&house, &admin).await;
    of_staff.follow(&topic(&offered), None).await;
    staff.patch("/api/v2/products/TEA-1").merge_patch(&json!({"active": false})).await.ok();
    let end = socket.told("error").await;
    assert_eq!((&end["code"], &end["event"]), (&json!("live.forbidden"), &json!(topic(&offered))), "{end}");
    staff.patch("/api/v2/products/TEA-1").merge_patch(&json!({"sku": "SECRET-1"})).await.ok();
    staff.patch("/api/v2/products/SECRET-1").merge_patch(&json!({"active": true, "sku": "TEA-2"})).await.ok();
    for sku in [Value::Null, Value::Null, json!("TEA-2")] {
        assert_eq!(of_staff.told("event").await["data"]["sku"], sku);
    }
    // Nor is who comes back told what it was called meanwhile.
    let mut again = Socket::signed_in(&house, &customer).await;
    again.follow(&topic(&offered), event["cursor"].as_str()).await;
    let mut skus = Vec::new();
    while skus.last() != Some(&json!("TEA-2")) {
        skus.push(again.told("event").await["data"]["sku"].clone());
    }
    assert!(!skus.contains(&json!("SECRET-1")), "{skus:?}");

    // One that is deleted is told by the SKU that it had: it can be looked up no more.
    staff.delete("/api/v2/products/TEA-2").await.status(204);
    let gone = of_staff.told("event").await["data"].clone();
    assert_eq!((&gone["change"], &gone["sku"]), (&json!("deleted"), &json!("TEA-2")));

    // A draft that becomes another's is that one's.
    let mut before = Socket::signed_in(&house, &seller).await;
    before.follow(&topic(&of_seller), None).await;
    staff.patch("/api/v2/products/OWN-1").merge_patch(&json!({"sellerId": null})).await.ok();
    assert_eq!(before.told("error").await["code"], "live.forbidden");
}
