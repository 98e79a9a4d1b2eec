//! Access tokens at the door: every forged or worn one is refused, and rotation signs nobody out.
//! (What each kind of forgery is made of is tested beside the code, in `src/tokens.rs`.)

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use entrepot_accounts::Algorithm;
use serde_json::{Value, json};

use crate::{ADMIN, House, PASSWORD, Plan, text};

#[tokio::test]
async fn forged_and_worn_tokens_are_refused_at_the_door() {
    for algorithm in [Algorithm::Hs256, Algorithm::EdDsa] {
        let house = House::built(Plan { algorithm, ..Plan::default() }).await;
        let other = House::built(Plan { algorithm, ..Plan::default() }).await;
        let token = house.admin().await;
        house.bearing(&token).get("/api/v2/me").await.ok();
        let parts: Vec<&str> = token.split('.').collect();
        let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts[0]).expect("base64")).expect("JSON");
        assert_eq!(header["alg"], algorithm.name());
        assert!(header["kid"].is_string());
        let none = URL_SAFE_NO_PAD.encode(json!({"alg": "none", "typ": "JWT", "kid": header["kid"]}).to_string());
        for (what, forged) in [
            ("cut", token[..token.len() - 1].to_owned()),
            ("none", format!("{none}.{}.", parts[1])),
            ("no signature", format!("{}.{}.", parts[0], parts[1])),
            ("another shop's", other.admin().await),
            ("a refresh token", "er_abc".to_owned()),
            ("nothing", "x".to_owned()),
            ("long", "x".repeat(5_000)),
        ] {
            let problem = house.bearing(&forged).get("/api/v2/me").await.problem(401, "web.invalid_credentials");
            assert!(problem["detail"].is_string(), "{what}");
        }
        // Good to its last second, and no second longer.
        house.advance(Duration::from_secs(899));
        house.bearing(&token).get("/api/v2/me").await.ok();
        house.advance(Duration::from_secs(1));
        let worn = house.bearing(&token).get("/api/v2/me").await;
        assert_eq!(worn.header("www-authenticate"), "Bearer realm=\"entrepot\"");
        let problem = worn.problem(401, "web.invalid_credentials");
        assert!(text(&problem, "detail").contains("expired"), "{problem}");
    }
}

#[tokio::test]
async fn rotation_signs_nobody_out_and_old_keys_end() {
    let here = House::new().await;
    let there = House::beside(here.database.clone(), Plan::default()).await;
    let old = here.admin().await;
    there.catch_up().await;
    there.bearing(&old).get("/api/v2/me").await.ok();
    let rotated = here.bearing(&old).post("/api/admin/signing-keys/rotate").await.ok();
    let new = here.sign_in(ADMIN, PASSWORD).await;
    let header = text(&new, "accessToken");
    let header = URL_SAFE_NO_PAD.decode(header.split('.').next().expect("a header")).expect("base64");
    let header: Value = serde_json::from_slice(&header).expect("JSON");
    assert_eq!(header["kid"], rotated["kid"]);
    there.catch_up().await;
    for token in [&old, &text(&new, "accessToken")] {
        here.bearing(token).get("/api/v2/me").await.ok();
        there.bearing(token).get("/api/v2/me").await.ok();
    }
    let client = here.database.client().await;
    let keys = |sql: &'static str| {
        let client = &client;
        async move { client.query_one(sql, &[]).await.expect("counted").get::<_, i64>(0) }
    };
    assert_eq!(keys("SELECT count(*) FROM accounts.signing_key WHERE retired_at IS NULL").await, 1);
    assert_eq!(keys("SELECT count(*) FROM accounts.signing_key WHERE retired_at IS NOT NULL").await, 1);
}

#[tokio::test]
async fn another_algorithm_in_the_settings_is_a_rotation() {
    let hmac = House::new().await;
    let old = hmac.admin().await;
    let edwards = House::beside(hmac.database.clone(), Plan { algorithm: Algorithm::EdDsa, ..Plan::default() }).await;
    edwards.bearing(&old).get("/api/v2/me").await.ok();
    let new = edwards.admin().await;
    assert_ne!(old.split('.').next(), new.split('.').next());
    let keys = edwards.server.get("/.well-known/jwks.json").await.ok();
    let [key] = keys["keys"].as_array().expect("a list").as_slice() else { panic!("{keys}") };
    let header = URL_SAFE_NO_PAD.decode(new.split('.').next().expect("a header")).expect("base64");
    let header: Value = serde_json::from_slice(&header).expect("JSON");
    assert_eq!((&key["kid"], &key["crv"]), (&header["kid"], &json!("Ed25519")));
    hmac.catch_up().await;
    hmac.advance(Duration::from_secs(2));
    hmac.bearing(&new).get("/api/v2/me").await.ok();
}

/// A key that is not known is looked for; of many who bring one at the same moment one looks.
#[tokio::test]
async fn many_tokens_of_unknown_keys_at_once_have_the_keys_read_once() {
    let house = House::new().await;
    let token = house.admin().await;
    let client = house.database.client().await;
    // Each read of the table counts: it has one row.
    client
        .batch_execute(
            "CREATE SEQUENCE public.reads;
             ALTER TABLE accounts.signing_key RENAME TO signing_key_itself;
             CREATE VIEW accounts.signing_key AS
                 SELECT * FROM accounts.signing_key_itself WHERE nextval('public.reads') > 0;",
        )
        .await
        .expect("counted");
    let number = async |sql: &str| client.query_one(sql, &[]).await.expect("a number").get::<_, i64>(0);
    let parts: Vec<&str> = token.split('.').collect();
    let forged: Vec<String> = (0..50)
        .map(|number| {
            let header = json!({"alg": "HS256", "typ": "JWT", "kid": format!("unknown-{number}")}).to_string();
            format!("{}.{}.{}", URL_SAFE_NO_PAD.encode(header), parts[1], parts[2])
        })
        .collect();
    // The keys that it knows are old enough to be read again.
    house.advance(Duration::from_secs(2));
    // The first who reads has to wait, so that the others come meanwhile.
    let holder = house.database.client().await;
    holder.batch_execute("BEGIN; LOCK TABLE accounts.signing_key_itself").await.expect("held");
    let ask = |token: &'_ str| std::future::IntoFuture::into_future(house.bearing(token).get("/api/v2/me"));
    let asks = futures_util::future::join_all(forged.iter().map(|token| ask(token)));
    let release = async {
        let waiting = "SELECT count(*) FROM pg_locks
                       WHERE NOT granted AND relation = 'accounts.signing_key_itself'::regclass";
        let first = async {
            while number(waiting).await == 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(crate::PATIENCE, first).await.expect("the first waits");
        for _ in 0..100 {
            number(waiting).await;
        }
        holder.batch_execute("ROLLBACK").await.expect("let go");
    };
    for answer in futures_util::future::join(asks, release).await.0 {
        answer.problem(401, "web.invalid_credentials");
    }
    let reads = number("SELECT is_called::int * last_value FROM public.reads").await;
    assert!((1..=2).contains(&reads), "the keys were read {reads} times");
    house.bearing(&token).get("/api/v2/me").await.ok();
}
