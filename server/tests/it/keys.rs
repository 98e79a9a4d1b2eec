//! API keys with one scope each, which try everything there is: none ends up with a session, a key or a password.

use std::collections::BTreeSet;

use entrepot_accounts::permissions::PERMISSIONS;
use serde_json::{Value, json};

use crate::house::{House, text};
use crate::operations::{Operation, operations};

/// Everything by which somebody could sign in: sessions, keys, and the passwords of accounts that are not deleted.
#[derive(Debug, PartialEq, Eq)]
struct Credentials {
    sessions: i64,
    keys: i64,
    passwords: BTreeSet<String>,
}

async fn credentials(house: &House) -> Credentials {
    let client = house.database.client().await;
    let count = async |table: &str| -> i64 {
        let counted = client.query_one(&format!("SELECT count(*) FROM accounts.{table}"), &[]).await;
        counted.expect("counted").get(0)
    };
    let passwords =
        "SELECT id::text || ' ' || coalesce(password_hash, '') FROM accounts.person WHERE status <> 'deleted'";
    let passwords = client.query(passwords, &[]).await.expect("read");
    Credentials {
        sessions: count("session").await,
        keys: count("api_key").await,
        passwords: passwords.iter().map(|row| row.get(0)).collect(),
    }
}

/// The tokens by which passwords are set that wait to be mailed, as jobs have them.
async fn mailed(house: &House) -> Vec<String> {
    let client = house.database.client().await;
    let waiting = "SELECT payload->>'secret' FROM jobs.job WHERE kind = 'send-letter' AND payload ? 'secret'";
    let waiting = client.query(waiting, &[]).await.expect("read");
    let secrets = waiting.iter().map(|row| row.get::<_, String>(0));
    let tokens = secrets.filter_map(|secret| {
        let (_, token) = secret.split_once("reset=")?;
        let token = token.chars().take_while(|char| char.is_ascii_alphanumeric() || matches!(char, '_' | '-'));
        Some(token.collect())
    });
    tokens.collect()
}

#[tokio::test]
async fn a_key_with_any_one_scope_ends_up_with_nobodys_session_key_or_password() {
    let house = House::new(&[]).await;
    let token = house.admin().await;
    let admin = house.server.bearing(&token);
    admin.request("PUT", "/api/v2/stores/330").json(&json!({"name": "Harbour"})).await.created();
    admin.post("/api/v2/products").json(&json!({"sku": "POT", "title": "Pot"})).await.created();
    let operations = operations();
    let mut tried = 0;
    for (turn, permission) in PERMISSIONS.iter().enumerate() {
        let scope = permission.action;
        // Somebody whose account is worth having, with a letter that sets a password.
        let email = format!("victim-{turn}@shop.example");
        let body = json!({"email": email, "name": "V", "role": "admin", "password": crate::house::PASSWORD});
        let victim = text(&admin.post("/api/v2/users").json(&body).await.created(), "id");
        house.token(&email).await;
        admin.post("/api/admin/queues/email/pause").await.ok();
        house.server.post("/api/v2/auth/forgot").json(&json!({"email": email})).await.status(202);
        let secrets = waiting(&house).await;
        let letters = admin.get("/api/admin/mail/letters").await.ok();
        let made = json!({"name": scope, "scopes": [scope]});
        let made = admin.post("/api/v2/api-keys").json(&made).await.created();
        let with = house.server.with_key(&text(&made, "key"));
        let things = [
            ("store", "330".to_owned()),
            ("year", "2024".to_owned()),
            ("month", "1".to_owned()),
            ("product", "POT".to_owned()),
            ("user", victim),
            ("key", text(&made, "id")),
            ("queue", "email".to_owned()),
            ("letter", letters["data"][0]["id"].as_str().unwrap_or(crate::operations::NOTHING).to_owned()),
        ];
        let before = credentials(&house).await;
        for operation in operations.iter().filter(|one| !one.is_endless()) {
            let path = operation.about(&things);
            let asked = format!("{} {path} ({}) with {scope}", operation.method, operation.id);
            let answer = operation.filled(operation.by(&with, &path), "330", &format!("by-{turn}")).await;
            let (status, told) = (answer.status.as_u16(), answer.text());
            assert_ne!(status, 500, "{asked}: {told}");
            // What the table gives for another scope this key has not.
            if operation.action.as_deref().is_some_and(|action| action != scope) {
                assert_eq!((status, code(&told).as_str()), (403, "web.forbidden"), "{asked}: {told}");
            } else {
                tried += usize::from(operation.action.is_some());
            }
            for secret in &secrets {
                assert!(!told.contains(secret.as_str()), "{asked} shows what was mailed: {told}");
            }
            for told_once in ["\"accessToken\"", "\"refreshToken\"", "\"key\":\"ek_", "reset=et_", "verify=et_"] {
                assert!(!told.contains(told_once), "{asked} gives {told_once}");
            }
        }
        let after = credentials(&house).await;
        assert_eq!((after.sessions, after.keys), (before.sessions, before.keys), "with {scope}");
        assert!(after.passwords.is_subset(&before.passwords), "with {scope} a password or an account is another one");
        admin.post("/api/admin/queues/email/resume").await.ok();
    }
    let permitted = operations.iter().filter(|one| one.action.is_some() && !one.is_endless()).count();
    assert_eq!(tried, permitted, "each operation has been tried by a key that has its scope");
}

/// The tokens that wait, once there are any.
async fn waiting(house: &House) -> Vec<String> {
    let patience = std::time::Duration::from_secs(30);
    let found = async {
        loop {
            let found = mailed(house).await;
            if !found.is_empty() {
                return found;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(patience, found).await.expect("a letter waits")
}

fn code(told: &str) -> String {
    let problem: Value = serde_json::from_str(told).unwrap_or_default();
    problem["code"].as_str().unwrap_or_default().to_owned()
}

/// What is done in person by its rule, and would otherwise give whoever stole a key more than the key.
#[tokio::test]
async fn what_makes_or_shows_credentials_is_done_in_person() {
    let house = House::new(&[]).await;
    let token = house.admin().await;
    let admin = house.server.bearing(&token);
    let scopes: Vec<&str> = PERMISSIONS.iter().map(|permission| permission.action).collect();
    let body = json!({"name": "everything", "scopes": scopes});
    let made = admin.post("/api/v2/api-keys").json(&body).await.created();
    let with = house.server.with_key(&text(&made, "key"));
    let in_person = [
        "sign_out",
        "ask_for_verification",
        "update_me",
        "change_password",
        "end_my_other_sessions",
        "end_my_session",
        "create_user",
        "update_user",
        "create_api_key",
        "update_api_key",
        "delete_api_key",
        "list_mail_letters",
        "get_mail_letter",
    ];
    let operations = operations();
    let known: Vec<&Operation> = operations.iter().filter(|one| in_person.contains(&one.id.as_str())).collect();
    assert_eq!(known.len(), in_person.len());
    for operation in known {
        let request = operation.filled(operation.by(&with, &operation.about(&[])), "330", "mine");
        request.await.problem(403, "web.needs_session");
    }
    // Neither does a key read what was mailed by way of the jobs that mail it.
    admin.post("/api/admin/queues/email/pause").await.ok();
    let forgotten = json!({"email": crate::house::ADMIN});
    house.server.post("/api/v2/auth/forgot").json(&forgotten).await.status(202);
    let secrets = waiting(&house).await;
    let jobs = with.get("/api/admin/queues/email/jobs").await.ok();
    assert!(!jobs["data"].as_array().expect("a list").is_empty());
    assert!(secrets.iter().all(|secret| !jobs.to_string().contains(secret.as_str())), "{jobs}");
}

/// A key reaches no store that its owner did not reach when its scopes were said.
#[tokio::test]
async fn a_key_stays_restricted_to_the_stores_that_its_owner_had_then() {
    let house = House::new(&[]).await;
    let admin = house.admin().await;
    let server = house.server.bearing(&admin);
    for store in ["a1", "b1"] {
        server.request("PUT", &format!("/api/v2/stores/{store}")).json(&json!({"name": store})).await.created();
    }
    let (_, id) = house.person("manager").await;
    let restrict = async |stores: Value| {
        let patch = json!({"stores": stores});
        server.patch(&format!("/api/v2/users/{id}")).merge_patch(&patch).await.ok();
    };
    restrict(json!(["a1"])).await;
    let manager = house.token("one-manager@shop.example").await;
    let body = json!({"name": "till", "scopes": ["stores.read"]});
    let made = house.server.bearing(&manager).post("/api/v2/api-keys").json(&body).await.created();
    let with = house.server.with_key(&text(&made, "key"));
    let seen = async || {
        let list = with.get("/api/v2/stores?fields=id").await.ok();
        list["data"].as_array().expect("a list").iter().map(|store| text(store, "id")).collect::<Vec<_>>()
    };
    assert_eq!(seen().await, ["a1"]);
    restrict(json!(null)).await;
    assert_eq!(seen().await, ["a1"]);
    restrict(json!(["b1"])).await;
    assert!(seen().await.is_empty(), "neither of then nor of now");
}
