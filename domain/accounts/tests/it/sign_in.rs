//! Getting an account, signing in, proving an address, forgotten passwords.

use entrepot_accounts::{FirstAdmin, make_admin};
use entrepot_testkit::Response;
use serde_json::{Value, json};

use crate::{ADMIN, House, OTHER_PASSWORD, PASSWORD, Plan, text};

async fn post(house: &House, path: &str, body: Value) -> Response {
    house.server.post(&format!("/api/v2/auth/{path}")).json(&body).await
}

#[tokio::test]
async fn a_customers_first_day() {
    let house = House::new().await;
    let mira = json!({"email": "Mira@shop.example", "password": PASSWORD, "name": "Mira Olsen"});
    post(&house, "register", mira).await.status(202);
    let signed_in = house.sign_in("mira@SHOP.example", PASSWORD).await;
    assert_eq!(signed_in["tokenType"], "Bearer");
    assert_eq!(signed_in["expiresIn"], 900);
    assert_eq!((&signed_in["user"]["role"], &signed_in["user"]["emailVerified"]), (&json!("customer"), &json!(false)));
    let token = text(&signed_in, "accessToken");
    post(&house, "verify", json!({"token": house.mail.token("Mira@shop.example").await})).await.status(204);
    let me = house.bearing(&token).get("/api/v2/me").await;
    assert_eq!(me.header("cache-control"), "private, no-cache");
    let me = me.ok();
    assert_eq!((&me["email"], &me["emailVerified"]), (&json!("Mira@shop.example"), &json!(true)));
    let used = post(&house, "verify", json!({"token": house.mail.token("Mira@shop.example").await})).await;
    used.problem(422, "accounts.invalid_token");
}

#[tokio::test]
async fn nothing_tells_whether_an_address_has_an_account() {
    let house = House::new().await;
    let registered =
        |email: &'static str| post(&house, "register", json!({"email": email, "password": PASSWORD, "name": "x"}));
    let (new, known) = (registered("new@shop.example").await.status(202), registered(ADMIN).await.status(202));
    assert_eq!(new.body, known.body);
    let fields = |answer: &Response| {
        let mut names: Vec<String> = answer.headers.keys().map(ToString::to_string).collect();
        names.sort();
        names
    };
    assert_eq!(fields(&new), fields(&known), "neither do the fields tell");
    assert_eq!(house.mail.to(ADMIN), ["already_registered"]);
    assert_eq!(house.mail.to("new@shop.example"), ["verify_email"]);
    // The old password is the one that counts.
    house.sign_in(ADMIN, PASSWORD).await;

    let forgot = |email: &'static str| post(&house, "forgot", json!({"email": email}));
    assert_eq!(forgot(ADMIN).await.status(202).body, forgot("nobody@shop.example").await.status(202).body);

    let wrong = |email: &'static str| post(&house, "login", json!({"email": email, "password": "wrong in any case"}));
    let mut bodies: Vec<Value> = Vec::new();
    for email in [ADMIN, "nobody@shop.example", "no address at all"] {
        let mut body = wrong(email).await.problem(401, "accounts.wrong_credentials");
        body.as_object_mut().expect("a document").remove("requestId");
        bodies.push(body);
    }
    assert!(bodies.windows(2).all(|pair| pair[0] == pair[1]), "{bodies:?}");
}

#[tokio::test]
async fn passwords_are_judged_by_length_and_by_what_is_tried_first() {
    let house = House::new().await;
    for (password, code) in [
        ("short", "password_too_short"),
        ("passwordpassword", "password_common"),
        ("abcdefghijklmnopqrstuvwxyz", "password_monotonous"),
        ("mira.olsen-shop", "password_personal"),
    ] {
        let body = json!({"email": "mira.olsen@shop.example", "password": password, "name": "Mira Olsen"});
        let problem = post(&house, "register", body).await.problem(422, "web.invalid_body");
        assert_eq!(
            (&problem["errors"][0]["pointer"], &problem["errors"][0]["code"]),
            (&json!("/password"), &json!(code))
        );
    }
    let no_rules = json!({"email": "m@shop.example", "password": "žádná pravidla tu", "name": "M"});
    post(&house, "register", no_rules).await.status(202);
    house.sign_in("m@shop.example", "žádná pravidla tu").await;
}

#[tokio::test]
async fn a_forgotten_password_is_set_anew_and_ends_all_sessions() {
    let house = House::new().await;
    house.person("jon@shop.example", "staff").await;
    let before = house.sign_in("jon@shop.example", PASSWORD).await;
    house.mail.clear();
    post(&house, "forgot", json!({"email": "jon@shop.example"})).await.status(202);
    let token = house.mail.token("jon@shop.example").await;
    let weak = post(&house, "reset", json!({"token": token, "password": "jon@shop.example!"})).await;
    weak.problem(422, "web.invalid_body");
    post(&house, "reset", json!({"token": token, "password": OTHER_PASSWORD})).await.status(204);
    let again = post(&house, "reset", json!({"token": token, "password": OTHER_PASSWORD})).await;
    again.problem(422, "accounts.invalid_token");
    let old = house.bearing(&text(&before, "accessToken")).get("/api/v2/me").await;
    old.problem(401, "web.invalid_credentials");
    let refreshed = post(&house, "refresh", json!({"refreshToken": before["refreshToken"]})).await;
    refreshed.problem(401, "accounts.invalid_refresh_token");
    let wrong = post(&house, "login", json!({"email": "jon@shop.example", "password": PASSWORD})).await;
    wrong.problem(401, "accounts.wrong_credentials");
    house.sign_in("jon@shop.example", OTHER_PASSWORD).await;
    assert!(house.mail.to("jon@shop.example").contains(&"password_changed"));
}

#[tokio::test]
async fn mailed_tokens_run_out_and_the_last_one_counts() {
    let house = House::new().await;
    let ask = || async {
        house.mail.clear();
        post(&house, "forgot", json!({"email": ADMIN})).await.status(202);
        house.mail.token(ADMIN).await
    };
    let (first, second) = (ask().await, ask().await);
    let reset = |token: String| post(&house, "reset", json!({"token": token, "password": OTHER_PASSWORD}));
    reset(first).await.problem(422, "accounts.invalid_token");
    house.advance(std::time::Duration::from_secs(3_600));
    reset(second).await.problem(422, "accounts.invalid_token");
    reset(ask().await).await.status(204);
}

#[tokio::test]
async fn a_changed_password_keeps_the_session_that_changed_it() {
    let house = House::new().await;
    let (mine, other) = (house.sign_in(ADMIN, PASSWORD).await, house.sign_in(ADMIN, PASSWORD).await);
    let change = |current: &'static str| {
        let body = json!({"currentPassword": current, "password": OTHER_PASSWORD});
        house.bearing(&text(&mine, "accessToken")).post("/api/v2/me/password").json(&body)
    };
    change("not the password at all").await.problem(422, "accounts.wrong_password");
    change(PASSWORD).await.status(204);
    let refresh = |signed_in: &Value| post(&house, "refresh", json!({"refreshToken": signed_in["refreshToken"]}));
    refresh(&other).await.problem(401, "accounts.invalid_refresh_token");
    let fresh = refresh(&mine).await.ok();
    house.bearing(&text(&fresh, "accessToken")).get("/api/v2/me").await.ok();
}

#[tokio::test]
async fn an_address_may_have_to_be_proven_first() {
    let house = House::built(Plan { verified_email_required: true, ..Plan::default() }).await;
    post(&house, "register", json!({"email": "m@shop.example", "password": PASSWORD, "name": "M"})).await.status(202);
    let sign_in = || post(&house, "login", json!({"email": "m@shop.example", "password": PASSWORD}));
    sign_in().await.problem(403, "accounts.email_not_verified");
    post(&house, "verify", json!({"token": house.mail.token("m@shop.example").await})).await.status(204);
    sign_in().await.ok();
    // Whoever runs the program vouches for the first admin.
    house.sign_in(ADMIN, PASSWORD).await;
}

#[tokio::test]
async fn another_address_needs_the_password_and_the_old_one_is_told() {
    let house = House::new().await;
    house.person("jon@shop.example", "staff").await;
    post(&house, "forgot", json!({"email": "jon@shop.example"})).await.status(202);
    house.mail.wait_for("jon@shop.example", "reset_password").await;
    let old_token = house.mail.token("jon@shop.example").await;
    let token = house.token("jon@shop.example", PASSWORD).await;
    let change = |body: Value| house.bearing(&token).patch("/api/v2/me").merge_patch(&body);
    let problem = change(json!({"email": "evil@shop.example"})).await.problem(422, "web.invalid_body");
    assert_eq!(problem["errors"][0]["pointer"], "/currentPassword");
    let wrong = json!({"email": "evil@shop.example", "currentPassword": "guessed in vain"});
    change(wrong).await.problem(422, "accounts.wrong_password");
    let moved = change(json!({"email": "jon@other.example", "currentPassword": PASSWORD})).await.ok();
    assert_eq!((&moved["email"], &moved["emailVerified"]), (&json!("jon@other.example"), &json!(false)));
    house.mail.wait_for("jon@shop.example", "address_changed").await;
    // What was mailed to the old address opens nothing any more.
    let reset = post(&house, "reset", json!({"token": old_token, "password": OTHER_PASSWORD})).await;
    reset.problem(422, "accounts.invalid_token");
}

/// What a registration writes is as much for an address that has an account: else the time would tell. What is rolled
/// back counts, as it takes its time, too: so the counters are sequences.
#[tokio::test]
async fn to_register_an_address_is_the_same_work_whether_it_has_an_account_or_not() {
    let house = House::new().await;
    let client = house.database.client().await;
    client
        .batch_execute(
            "CREATE SEQUENCE public.accounts_written; CREATE SEQUENCE public.tokens_written;
             CREATE SEQUENCE public.events_written;
             CREATE FUNCTION public.count_write() RETURNS trigger LANGUAGE plpgsql AS
                 $$BEGIN PERFORM nextval(TG_ARGV[0]::regclass); RETURN NULL; END$$;
             CREATE TRIGGER count_write AFTER INSERT ON accounts.person
                 FOR EACH STATEMENT EXECUTE FUNCTION public.count_write('public.accounts_written');
             CREATE TRIGGER count_write AFTER INSERT ON accounts.mail_token
                 FOR EACH STATEMENT EXECUTE FUNCTION public.count_write('public.tokens_written');
             CREATE TRIGGER count_write AFTER INSERT ON feed.event
                 FOR EACH STATEMENT EXECUTE FUNCTION public.count_write('public.events_written');",
        )
        .await
        .expect("counted");
    let written = async || -> [i64; 3] {
        let sql = "SELECT (SELECT is_called::int * last_value FROM public.accounts_written),
                          (SELECT is_called::int * last_value FROM public.tokens_written),
                          (SELECT is_called::int * last_value FROM public.events_written)";
        let row = client.query_one(sql, &[]).await.expect("counted");
        [row.get(0), row.get(1), row.get(2)]
    };
    let mut before = written().await;
    for (email, about) in [("new@shop.example", "verify_email"), (ADMIN, "already_registered")] {
        let body = json!({"email": email, "password": PASSWORD, "name": "x"});
        post(&house, "register", body).await.status(202);
        house.mail.wait_for(email, about).await;
        let after = written().await;
        let work: Vec<i64> = after.iter().zip(before).map(|(after, before)| after - before).collect();
        assert_eq!(work, [1, 1, 1], "an account, a token, an event: {email}");
        before = after;
    }
    let people = "SELECT count(*) FROM accounts.person";
    assert_eq!(client.query_one(people, &[]).await.expect("counted").get::<_, i64>(0), 2, "one account came of it");
}

#[tokio::test]
async fn two_who_register_the_same_address_at_once_make_one_account() {
    let house = House::new().await;
    let body = json!({"email": "twin@shop.example", "password": PASSWORD, "name": "Twin"});
    let all = (0..8).map(|_| post(&house, "register", body.clone()));
    for answer in futures_util::future::join_all(all).await {
        answer.status(202);
    }
    let token = house.admin().await;
    let found = house.bearing(&token).get("/api/v2/users?q=twin@").await.ok();
    assert_eq!(found["data"].as_array().map(Vec::len), Some(1), "{found}");
}

/// What an attacker had mailed is worth nothing once its owner has reacted to it, whichever way.
#[tokio::test]
async fn what_was_mailed_to_set_a_password_is_worth_nothing_after_another_way_was_taken() {
    let house = House::new().await;
    let id = house.person("jon@shop.example", "staff").await;
    let admin = house.admin().await;
    let forgot = async |email: &str| {
        house.mail.clear();
        post(&house, "forgot", json!({"email": email})).await.status(202);
        house.mail.token(email).await
    };
    let is_worthless = async |token: String| {
        let reset = post(&house, "reset", json!({"token": token, "password": "six stormy days in Bodø"})).await;
        reset.problem(422, "accounts.invalid_token");
    };

    // A new password, by the old one.
    let mailed = forgot("jon@shop.example").await;
    let change = json!({"currentPassword": PASSWORD, "password": OTHER_PASSWORD});
    let jon = house.token("jon@shop.example", PASSWORD).await;
    house.bearing(&jon).post("/api/v2/me/password").json(&change).await.status(204);
    is_worthless(mailed).await;
    house.sign_in("jon@shop.example", OTHER_PASSWORD).await;

    // A block, though it is lifted again.
    let mailed = forgot("jon@shop.example").await;
    let patch = |status: &str| {
        let patch = json!({"status": status});
        house.bearing(&admin).patch(&format!("/api/v2/users/{id}")).merge_patch(&patch)
    };
    patch("blocked").await.ok();
    patch("active").await.ok();
    is_worthless(mailed).await;
    house.sign_in("jon@shop.example", OTHER_PASSWORD).await;

    // The way back in that whoever runs the program has.
    let mailed = forgot(ADMIN).await;
    let first = FirstAdmin { email: ADMIN.to_owned(), password: OTHER_PASSWORD.to_owned(), may_make_password: false };
    make_admin(&house.accounts, &first).await.expect("made anew");
    is_worthless(mailed).await;
    house.sign_in(ADMIN, OTHER_PASSWORD).await;

    // And one that nothing has made obsolete is good.
    let mailed = forgot("jon@shop.example").await;
    post(&house, "reset", json!({"token": mailed, "password": PASSWORD})).await.status(204);
    house.sign_in("jon@shop.example", PASSWORD).await;
}

/// Whoever registers somebody else's address keeps nothing once that address is its owner's.
#[tokio::test]
async fn a_key_that_was_made_before_the_address_was_proven_goes_when_it_is() {
    let house = House::new().await;
    let make = async |email: &str, name: &str| {
        let token = house.token(email, PASSWORD).await;
        let body = json!({"name": name, "scopes": ["profile.read"]});
        text(&house.bearing(&token).post("/api/v2/api-keys").json(&body).await.created(), "key")
    };
    for (email, is_forgotten) in [("ida@shop.example", false), ("mira@shop.example", true)] {
        let body = json!({"email": email, "password": PASSWORD, "name": "Not she"});
        post(&house, "register", body).await.status(202);
        let keys = [make(email, "one").await, make(email, "two").await];
        for key in &keys {
            house.server.with_key(key).get("/api/v2/me").await.ok();
        }
        // The owner follows the link that proves the address, or takes the account by a forgotten password.
        if is_forgotten {
            house.mail.clear();
            post(&house, "forgot", json!({"email": email})).await.status(202);
            let token = house.mail.token(email).await;
            post(&house, "reset", json!({"token": token, "password": PASSWORD})).await.status(204);
        } else {
            post(&house, "verify", json!({"token": house.mail.token(email).await})).await.status(204);
        }
        for key in &keys {
            house.server.with_key(key).get("/api/v2/me").await.problem(401, "web.invalid_credentials");
        }
        let token = house.token(email, PASSWORD).await;
        assert_eq!(house.bearing(&token).get("/api/v2/api-keys").await.ok()["data"], json!([]), "{email}");
        // One that the owner makes is the owner's.
        let own = make(email, "own").await;
        assert_eq!(house.server.with_key(&own).get("/api/v2/me").await.ok()["emailVerified"], true);
    }
}
