//! Everybody's accounts as admins keep them.

use serde_json::json;

use crate::{ADMIN, House, PASSWORD, text};

#[tokio::test]
async fn accounts_are_made_found_changed_and_deleted() {
    let house = House::new().await;
    let token = house.admin().await;
    let admin = house.bearing(&token);
    let invited = json!({"email": "jon@shop.example", "name": "Jon Berg", "role": "staff"});
    let made = admin.post("/api/v2/users").json(&invited).await.status(201);
    let path = made.header("location").to_owned();
    // Invited: the person chooses the password, also if the address was wrong at first.
    house.mail.clear();
    admin.patch(&path).merge_patch(&json!({"email": "jon.berg@shop.example"})).await.ok();
    assert!(house.mail.to("jon.berg@shop.example").contains(&"invited"));
    admin.patch(&path).merge_patch(&json!({"email": "jon@shop.example"})).await.ok();
    let body = json!({"token": house.mail.token("jon@shop.example").await, "password": PASSWORD});
    house.server.post("/api/v2/auth/reset").json(&body).await.status(204);
    let jon = house.sign_in("jon@shop.example", PASSWORD).await;
    assert_eq!(jon["user"]["emailVerified"], true, "who had the token reads the address");

    admin.post("/api/v2/users").json(&invited).await.problem(409, "accounts.email_taken");
    for (query, count) in
        [("q=BERG", 1), ("q=jon@", 1), ("q=%25", 0), ("role=staff", 1), ("role=driver", 0), ("status=blocked", 0)]
    {
        let list = admin.get(&format!("/api/v2/users?{query}")).await.ok();
        assert_eq!(list["data"].as_array().map(Vec::len), Some(count), "{query}");
    }
    admin.get("/api/v2/users?role=king").await.problem(400, "web.invalid_query");
    let whole = admin.get(&path).await;
    let etag = whole.header("etag").to_owned();
    let patch = |body| admin.patch(&path).header("if-match", &etag).merge_patch(&body);
    assert_eq!(patch(json!({"name": "Jon"})).await.ok()["name"], "Jon");
    patch(json!({"name": "John"})).await.problem(412, "web.precondition_failed");
    admin.patch(&path).merge_patch(&json!({"email": ADMIN})).await.problem(409, "accounts.email_taken");
    let moved = admin.patch(&path).merge_patch(&json!({"email": "jon@other.example"})).await.ok();
    assert_eq!(moved["emailVerified"], false, "another address has to be proven again");
    admin.delete(&path).await.status(204);
    admin.get(&path).await.problem(404, "accounts.user_not_found");
    admin.get("/api/v2/users/jon").await.problem(404, "accounts.user_not_found");
    admin.post("/api/v2/users").json(&json!({"email": "jon@other.example", "name": "Next"})).await.created();
}

#[tokio::test]
async fn somebody_is_always_an_admin() {
    let house = House::new().await;
    let token = house.admin().await;
    let admin = house.bearing(&token);
    let own = format!("/api/v2/users/{}", text(&admin.get("/api/v2/me").await.ok(), "id"));
    for patch in [json!({"role": "customer"}), json!({"status": "blocked"})] {
        admin.patch(&own).merge_patch(&patch).await.problem(409, "accounts.last_admin");
    }
    admin.delete(&own).await.problem(409, "accounts.last_admin");
    // One who was invited and has no password yet is no help.
    let invited = json!({"email": "second@shop.example", "name": "S", "role": "admin"});
    admin.post("/api/v2/users").json(&invited).await.created();
    admin.delete(&own).await.problem(409, "accounts.last_admin");
    let third = house.person("third@shop.example", "admin").await;
    let other_token = house.token("third@shop.example", PASSWORD).await;
    let other = house.bearing(&other_token);
    // Both at once, each taking the role from the other: one must stay.
    let demote = json!({"role": "customer"});
    let path = format!("/api/v2/users/{third}");
    let (one, two) = futures_util::join!(
        std::future::IntoFuture::into_future(admin.patch(&path).merge_patch(&demote)),
        std::future::IntoFuture::into_future(other.patch(&own).merge_patch(&demote)),
    );
    let client = house.database.client().await;
    let sql =
        "SELECT count(*) FROM accounts.person WHERE role = 'admin' AND status = 'active' AND password_hash IS NOT NULL";
    let left = client.query_one(sql, &[]).await.expect("counted").get::<_, i64>(0);
    assert!(left >= 1, "{left} are left: {} {}", one.status, two.status);
}

#[tokio::test]
async fn people_change_their_own_name_and_nothing_else() {
    let house = House::new().await;
    house.person("jon@shop.example", "customer").await;
    let token = house.token("jon@shop.example", PASSWORD).await;
    let jon = house.bearing(&token);
    assert_eq!(jon.patch("/api/v2/me").merge_patch(&json!({"name": "Jonas"})).await.ok()["name"], "Jonas");
    for body in [json!({"role": "admin"}), json!({"status": "active"}), json!({"id": 1})] {
        let problem = jon.patch("/api/v2/me").merge_patch(&body).await.problem(422, "web.invalid_body");
        assert_eq!(problem["errors"][0]["code"], "unknown_member", "{body}");
    }
    jon.get("/api/v2/users").await.problem(403, "web.forbidden");
    house.server.get("/api/v2/me").await.problem(401, "web.not_signed_in");
}
