//! E-mail addresses that look alike: one account, or none.

use std::sync::Arc;

use entrepot_migrations::MIGRATIONS;
use entrepot_testkit::test_database;
use serde_json::{Value, json};

use crate::{ADMIN, House, PASSWORD, Plan, text};

/// One address in two forms: with a character of its own for its second letter, and with one that is put together.
const COMPOSED: &str = "j\u{f6}rg@shop.example";
const DECOMPOSED: &str = "jo\u{308}rg@shop.example";

#[tokio::test]
async fn an_address_that_is_written_in_two_ways_is_one_account() {
    let house = House::new().await;
    let register = |email: &str| {
        let body = json!({"email": email, "password": PASSWORD, "name": "J\u{f6}rg"});
        house.server.post("/api/v2/auth/register").json(&body)
    };
    register(DECOMPOSED).await.status(202);
    house.mail.wait_for(COMPOSED, "verify_email").await;
    register(COMPOSED).await.status(202);
    house.mail.wait_for(COMPOSED, "already_registered").await;
    register(DECOMPOSED).await.status(202);
    assert_eq!(house.mail.to(DECOMPOSED), Vec::<&str>::new(), "it is kept in one form");
    for email in [DECOMPOSED, COMPOSED, "Jo\u{308}RG@SHOP.example", "j\u{f6}rg@\u{ff53}hop.example"] {
        let signed_in = house.sign_in(email, PASSWORD).await;
        assert_eq!(signed_in["user"]["email"], COMPOSED, "{email:?}");
    }
    let admin = house.admin().await;
    let body = json!({"email": DECOMPOSED, "name": "Another", "role": "staff", "password": PASSWORD});
    house.bearing(&admin).post("/api/v2/users").json(&body).await.problem(409, "accounts.email_taken");
    let people = house.bearing(&admin).get("/api/v2/users?limit=200").await.ok();
    assert_eq!(people["data"].as_array().map(Vec::len), Some(2), "the admin and one more: {people}");
}

#[tokio::test]
async fn an_address_that_only_looks_like_anothers_is_refused() {
    let house = House::new().await;
    let admin = house.admin().await;
    let alike = [
        ADMIN.replacen('m', "m\u{200b}", 1),
        ADMIN.replacen('i', "\u{131}", 1),
        ADMIN.replacen('a', "a\u{ad}", 1),
        format!("\u{202e}{ADMIN}"),
        format!("{ADMIN}\u{feff}"),
    ];
    for email in &alike {
        let place = |problem: &Value| problem["errors"][0]["pointer"].clone();
        let body = json!({"email": email, "password": PASSWORD, "name": "Not she"});
        let registered = house.server.post("/api/v2/auth/register").json(&body).await;
        assert_eq!(place(&registered.problem(422, "web.invalid_body")), "/email", "{email:?}");
        let body = json!({"email": email, "name": "Not she", "role": "customer"});
        let made = house.bearing(&admin).post("/api/v2/users").json(&body).await;
        assert_eq!(place(&made.problem(422, "web.invalid_body")), "/email", "{email:?}");
    }
    let people = house.bearing(&admin).get("/api/v2/users").await.ok();
    assert_eq!(people["data"].as_array().map(Vec::len), Some(1), "{people}");
}

/// What there was before addresses had one form, and keys the role of their owner.
#[tokio::test]
async fn accounts_and_keys_of_before_are_brought_into_form() {
    let before = MIGRATIONS.iter().position(|migration| migration.version == 21).expect("there is one");
    let database = Arc::new(test_database(&MIGRATIONS[..before]).await);
    let mut client = database.client().await;
    let key = format!("ek_{}", "k".repeat(43));
    client
        .batch_execute(&format!(
            "INSERT INTO accounts.person (id, email, name, role, email_verified_at, created_at, updated_at)
             VALUES ('00000000-0000-7000-8000-000000000001', '{DECOMPOSED}', 'J', 'admin', now(), now(), now()),
                    ('00000000-0000-7000-8000-000000000002', 'm\u{fc}@shop.example', 'M', 'manager', NULL,
                     now(), now()),
                    ('00000000-0000-7000-8000-000000000003', 'mu\u{308}@shop.example', 'M', 'staff', NULL,
                     now(), now());
             INSERT INTO accounts.api_key (id, person_id, name, prefix, hash, scopes, created_at, updated_at)
             VALUES ('00000000-0000-7000-8000-000000000011', '00000000-0000-7000-8000-000000000001', 'k',
                     left('{key}', 12), sha256('{key}'), '{{users.read,profile.read}}', now(), now()),
                    ('00000000-0000-7000-8000-000000000012', '00000000-0000-7000-8000-000000000002', 'k',
                     'ek_another12', sha256('another'), '{{profile.read}}', now(), now());"
        ))
        .await
        .expect("put in");
    entrepot_pg::migrate(&mut client, MIGRATIONS).await.expect("it applies");

    let house = House::beside(database, Plan::default()).await;
    let with = house.server.with_key(&key);
    assert_eq!(with.get("/api/v2/me").await.ok()["email"], COMPOSED);
    // The key reaches as far as its owner, who is an admin.
    let people = with.get("/api/v2/users?limit=200").await.ok();
    let mut emails: Vec<String> =
        people["data"].as_array().expect("a list").iter().map(|person| text(person, "email")).collect();
    emails.sort();
    // One whose form another account has is left alone.
    assert_eq!(emails, [COMPOSED, "mu\u{308}@shop.example", "m\u{fc}@shop.example"]);
    let sql = "SELECT role::text, is_proven FROM accounts.api_key ORDER BY id";
    let rows = client.query(sql, &[]).await.expect("read");
    let keys: Vec<(String, bool)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    assert_eq!(keys, [("admin".to_owned(), true), ("manager".to_owned(), false)]);
}
