//! Every operation with every role: what the table says is what happens.

use std::collections::BTreeSet;

use entrepot_accounts::permissions::{PERMISSIONS, granted};
use entrepot_contracts::Role;
use entrepot_testkit::Response;
use serde_json::{Value, json};

use crate::house::{House, text};

/// A target for an operation: things that there are not, so that nothing is changed by asking.
fn target(path: &str) -> String {
    let nothing = "00000000-0000-7000-8000-000000000000";
    let mut path = path.to_owned();
    while let Some((start, end)) = path.find('{').zip(path.find('}')) {
        path.replace_range(start..=end, nothing);
    }
    path
}

/// Whether an answer is the door's refusal for want of a permission.
fn is_refused(answer: &Response) -> Option<u16> {
    let status = answer.status.as_u16();
    let code = if matches!(status, 401 | 403) { text(&answer.json(), "code") } else { String::new() };
    match (status, code.as_str()) {
        (401, "web.not_signed_in") => Some(401),
        (403, "web.forbidden") => Some(403),
        _ => None,
    }
}

#[tokio::test]
async fn every_operation_is_open_to_whom_the_table_says_and_to_nobody_else() {
    let document = entrepot_server::openapi_document().expect("it holds together");
    let document: Value = serde_json::from_str(&document).expect("JSON");
    let house = House::new(&[]).await;
    let mut used = BTreeSet::new();
    let mut checked = 0;
    let mut callers = vec![(None, String::new())];
    for role in Role::ALL {
        callers.push((Some(role), house.person(role.name()).await.0));
    }
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("an item") {
            let Some(id) = operation["operationId"].as_str() else { continue };
            let action = operation["x-entrepot-action"].as_str();
            used.extend(action.map(str::to_owned));
            // What the document shows is the table.
            let shown = operation["x-entrepot-roles"].as_object().cloned().unwrap_or_default();
            for (role, token) in &callers {
                let scope = role.and_then(|role| granted(role, action?)).map(|scope| scope.name());
                if let Some(role) = role {
                    assert_eq!(shown.get(role.name()).and_then(Value::as_str), scope, "{id} and {}", role.name());
                }
                if id == "sign_out" {
                    // It would end the session that the rest is asked by; its turn comes below.
                    continue;
                }
                let mut request = house.server.request(&method.to_uppercase(), &target(path));
                if role.is_some() {
                    request = request.header("authorization", &format!("Bearer {token}"));
                }
                if matches!(method.as_str(), "post" | "put") {
                    request = request.json(&json!([]));
                } else if method == "patch" {
                    request = request.merge_patch(&json!([]));
                }
                let answer = request.await;
                let wanted = match (action, role, scope) {
                    (None, _, _) | (_, Some(_), Some(_)) => None,
                    (Some(_), None, _) => Some(401),
                    (Some(_), Some(_), None) => Some(403),
                };
                checked += 1;
                let role = role.map_or("nobody", Role::name);
                assert_eq!(
                    is_refused(&answer),
                    wanted,
                    "{method} {path} as {role}: {} {}",
                    answer.status,
                    answer.text()
                );
                assert!(answer.status.as_u16() < 500, "{method} {path} as {role}: {}", answer.text());
            }
        }
    }
    assert!(checked > 400, "only {checked} were looked at");
    let listed: BTreeSet<String> = PERMISSIONS.iter().map(|permission| permission.action.to_owned()).collect();
    // What a kind of report needs besides the order itself.
    used.insert("stock.report".to_owned());
    // The same of a kind of export, what live topics need, and what tells a front end's key from others.
    used.extend(["products.export", "catalog.follow", "front_end.pass_on"].map(str::to_owned));
    assert_eq!(listed, used, "an action that nothing needs, or one that is in no row");
    house.server.post("/api/v2/auth/logout").await.problem(401, "web.not_signed_in");
    for (_, token) in callers.iter().skip(1) {
        house.server.bearing(token).post("/api/v2/auth/logout").await.status(204);
        house.server.bearing(token).get("/api/v2/me").await.problem(401, "web.invalid_credentials");
    }
}

/// Scope reaches the SQL: a seller changes what the seller sells, and nothing else.
#[tokio::test]
async fn a_seller_changes_only_what_the_seller_sells() {
    let house = House::new(&[]).await;
    let (seller, id) = house.person("seller").await;
    let seller = house.server.bearing(&seller);
    let admin = house.admin().await;
    let others = json!({"sku": "THEIRS", "title": "Theirs", "sellerId": "019a2b3c-4d5e-7f60-8a9b-0c1d2e3f4a5b"});
    house.server.bearing(&admin).post("/api/v2/products").json(&others).await.created();
    let nobodys = json!({"sku": "HOUSE", "title": "The house's own"});
    house.server.bearing(&admin).post("/api/v2/products").json(&nobodys).await.created();

    let own = seller.post("/api/v2/products").json(&json!({"sku": "MINE", "title": "Mine"})).await.created();
    assert_eq!(own["sellerId"], json!(id), "it is the seller's without being said");
    let foreign = json!({"sku": "X", "title": "X", "sellerId": others["sellerId"]});
    let problem = seller.post("/api/v2/products").json(&foreign).await.problem(422, "web.invalid_body");
    assert_eq!(problem["errors"][0]["pointer"], "/sellerId");
    for sku in ["THEIRS", "HOUSE"] {
        let path = format!("/api/v2/products/{sku}");
        seller.patch(&path).merge_patch(&json!({"title": "Stolen"})).await.problem(403, "catalog.not_own");
        seller.patch(&path).merge_patch(&json!({"sellerId": id})).await.problem(403, "catalog.not_own");
        seller.delete(&path).await.problem(403, "catalog.not_own");
        let image = json!({"url": "https://shop.example/a.jpg"});
        seller.post(&format!("{path}/images")).json(&image).await.problem(403, "catalog.not_own");
    }
    for given_away in [json!({"sellerId": others["sellerId"]}), json!({"sellerId": null})] {
        let answer = seller.patch("/api/v2/products/MINE").merge_patch(&given_away).await;
        answer.problem(422, "web.invalid_body");
    }
    assert_eq!(
        seller.patch("/api/v2/products/MINE").merge_patch(&json!({"title": "Still mine"})).await.ok()["title"],
        "Still mine"
    );
    seller.delete("/api/v2/products/MINE").await.status(204);
    house.server.bearing(&admin).patch("/api/v2/products/THEIRS").merge_patch(&json!({"title": "Ours"})).await.ok();
}

#[test]
fn the_command_prints_the_table() {
    let output =
        std::process::Command::new(env!("CARGO_BIN_EXE_entrepot")).arg("permissions").output().expect("it runs");
    let told = String::from_utf8(output.stdout).expect("UTF-8");
    for permission in PERMISSIONS {
        let line = told.lines().find(|line| line.starts_with(permission.action)).expect("each action has a line");
        let scopes: Vec<&str> = line.split_whitespace().skip(1).take(Role::ALL.len()).collect();
        let wanted = Role::ALL.map(|role| permission.scope(role).map_or("-", |scope| scope.name()));
        assert_eq!(scopes, wanted, "{line}");
    }
}
