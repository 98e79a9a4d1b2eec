//! E-mail addresses that look alike: one account, or none.

use std::sync::Arc;

use entrepot_migrations::MIGRATIONS;
use entrepot_testkit::test_database;
use serde_json::{Value, json};

use crate::{ADMIN, House, PASSWORD, Plan, text};

/// Addresses of before, in two forms: with a character of its own for the second letter, and with one that is put
/// together.
const COMPOSED: &str = "j\u{f6}rg@shop.example";
const DECOMPOSED: &str = "jo\u{308}rg@shop.example";

#[tokio::test]
async fn an_address_that_is_written_in_two_ways_is_one_account() {
    let house = House::new().await;
    let register = |email: &str| {
        let body = json!({"email": email, "password": PASSWORD, "name": "Mira"});
        house.server.post("/api/v2/auth/register").json(&body)
    };
    let kept = "mira@xn--bcher-kva.example";
    let spellings = [
        "mira@bu\u{308}cher.example",
        "mira@b\u{fc}cher.example",
        kept,
        "MIRA@B\u{dc}CHER.example",
        "mira@XN--BCHER-KVA.example",
    ];
    register(spellings[0]).await.status(202);
    house.mail.wait_for(kept, "verify_email").await;
    for spelling in &spellings[1..] {
        register(spelling).await.status(202);
        house.mail.wait_for(kept, "already_registered").await;
    }
    let admin = house.admin().await;
    for spelling in spellings {
        assert_eq!(house.sign_in(spelling, PASSWORD).await["user"]["email"], kept, "{spelling:?}");
        let body = json!({"email": spelling, "name": "Another", "role": "staff", "password": PASSWORD});
        house.bearing(&admin).post("/api/v2/users").json(&body).await.problem(409, "accounts.email_taken");
    }
    let people = house.bearing(&admin).get("/api/v2/users?limit=200").await.ok();
    assert_eq!(people["data"].as_array().map(Vec::len), Some(2), "the admin and one more: {people}");
}

#[tokio::test]
async fn an_address_that_only_looks_like_anothers_is_refused() {
    let house = House::new().await;
    let admin = house.admin().await;
    // Of these nothing is left but her own address, which she is told of.
    for hidden in [ADMIN.replacen('m', "m\u{200b}", 1), format!("{ADMIN}\u{feff}")] {
        let body = json!({"email": hidden, "name": "Not she", "role": "customer"});
        house.bearing(&admin).post("/api/v2/users").json(&body).await.problem(409, "accounts.email_taken");
    }
    let alike = [
        ADMIN.replacen('i', "\u{131}", 1),
        ADMIN.replacen('a', "a\u{ad}", 1),
        format!("\u{202e}{ADMIN}"),
        ADMIN.replacen('a', "\u{1d00}", 1),
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

/// Addresses of before all were ASCII get their form when the program starts, unless another account has it.
#[tokio::test]
async fn an_address_of_before_gets_its_form_and_nobody_can_register_beside_it() {
    let house = House::new().await;
    let admin = house.admin().await;
    let make = async |email: &str| {
        let body = json!({"email": email, "name": "N", "role": "staff", "password": PASSWORD});
        text(&house.bearing(&admin).post("/api/v2/users").json(&body).await.created(), "id")
    };
    let (one, other) = (make("one@shop.example").await, make("other@shop.example").await);
    make("other@xn--bcher-kva.example").await;
    let client = house.database.client().await;
    for (id, email) in [(&one, "one@b\u{fc}cher.example"), (&other, "other@b\u{fc}cher.example")] {
        client
            .execute("UPDATE accounts.person SET email = $2 WHERE id = $1::text::uuid", &[id, &email])
            .await
            .expect("written as it was written before");
    }
    let first = entrepot_accounts::FirstAdmin { email: ADMIN.to_owned(), ..Default::default() };
    let made = entrepot_accounts::ensure_admin(&house.accounts, &first).await.expect("done");
    assert!(made.is_none(), "there is one");
    house.sign_in("one@b\u{fc}cher.example", PASSWORD).await;
    let body = json!({"email": "one@b\u{fc}cher.example", "name": "N", "role": "staff", "password": PASSWORD});
    house.bearing(&admin).post("/api/v2/users").json(&body).await.problem(409, "accounts.email_taken");
    let row = client.query_one("SELECT email FROM accounts.person WHERE id = $1::text::uuid", &[&other]).await;
    assert_eq!(row.expect("there").get::<_, String>(0), "other@b\u{fc}cher.example", "it is another account's");
}

/// A password is nobody's to read, and is taken as it is.
#[tokio::test]
async fn a_password_may_have_any_characters() {
    let house = House::new().await;
    let admin = house.admin().await;
    for (index, password) in
        [" spaces around all of it ", "a\u{feff}b\u{3164}c\u{202e}d long enough", "tab\tand\u{1b}escape and more"]
            .into_iter()
            .enumerate()
    {
        let email = format!("p{index}@shop.example");
        let body = json!({"email": email, "name": "N", "role": "staff", "password": password});
        house.bearing(&admin).post("/api/v2/users").json(&body).await.created();
        house.sign_in(&email, password).await;
    }
}

/// What is the same address is no matter of the language that the database was made for.
#[tokio::test]
async fn the_databases_locale_makes_no_difference() {
    for locale in ["LOCALE_PROVIDER icu ICU_LOCALE 'tr-TR' LOCALE 'C.UTF-8'", "LOCALE 'C'"] {
        let database = Arc::new(entrepot_testkit::localised_database(locale).await);
        let mut client = database.client().await;
        entrepot_pg::migrate(&mut client, MIGRATIONS).await.expect("they apply");
        let house = House::beside(database, Plan::default()).await;
        let first = entrepot_accounts::FirstAdmin {
            email: ADMIN.to_owned(),
            password: PASSWORD.to_owned(),
            may_make_password: false,
        };
        entrepot_accounts::ensure_admin(&house.accounts, &first).await.expect("made").expect("there was none");
        let admin = house.admin().await;
        let make = |email: &str, name: &str| {
            let body = json!({"email": email, "name": name, "role": "staff", "password": PASSWORD});
            house.bearing(&admin).post("/api/v2/users").json(&body)
        };
        make("INFO@BUGS.TEST", "\u{d6}RT\u{dc} I").await.created();
        make("info@bugs.test", "N").await.problem(409, "accounts.email_taken");
        for email in ["info@bugs.test", "Info@Bugs.Test", "INFO@BUGS.TEST"] {
            house.sign_in(email, PASSWORD).await;
        }
        for q in ["%C3%B6rt%C3%BC", "rt%C3%BC+i", "INFO", "info"] {
            let found = house.bearing(&admin).get(&format!("/api/v2/users?q={q}")).await.ok();
            assert_eq!(found["data"].as_array().map(Vec::len), Some(1), "{locale} {q}");
        }
    }
}
