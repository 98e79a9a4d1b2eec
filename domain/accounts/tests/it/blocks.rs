//! Blocks: by hand and by the guard, on every instance, with an end, and lifted.

use std::time::Duration;

use entrepot_testkit::{Request, Response};
use serde_json::json;

use crate::{ADMIN, House, PASSWORD, Plan, address, text};

#[tokio::test]
async fn a_network_is_blocked_everywhere_and_let_in_again() {
    let here = House::new().await;
    let there = House::beside(here.database.clone(), Plan::default()).await;
    let token = here.admin().await;
    let admin = here.bearing(&token);
    let body = json!({"network": "203.0.113.0/24", "reason": "scans us", "minutes": 10});
    let made = admin.post("/api/admin/blocks").json(&body).await.created();
    let from = |house: &House, client: &str| house.server.get("/api/v2/me").header("x-forwarded-for", client);
    there.blocks_are(1).await;
    here.blocks_are(1).await;
    for house in [&here, &there] {
        let refused = from(house, "203.0.113.9").await;
        assert!(!refused.header("retry-after").is_empty());
        refused.problem(403, "web.blocked");
        from(house, "198.51.100.1").await.problem(401, "web.not_signed_in");
    }
    let found = admin.get("/api/admin/blocks?address=203.0.113.9&inForce=true").await.ok();
    assert_eq!(found["data"][0]["id"], made["id"]);
    let path = format!("/api/admin/blocks/{}", text(&made, "id"));
    admin.delete(&path).await.status(204);
    admin.delete(&path).await.problem(404, "accounts.block_not_found");
    there.blocks_are(0).await;
    for house in [&here, &there] {
        from(house, "203.0.113.9").await.problem(401, "web.not_signed_in");
    }
    let over = admin.get("/api/admin/blocks?inForce=false").await.ok();
    assert!(over["data"][0]["liftedBy"].is_string(), "{over}");
}

#[tokio::test]
async fn blocks_that_would_do_harm_are_refused() {
    let house = House::new().await;
    let token = house.admin().await;
    for (network, code) in [
        ("0.0.0.0/0", "too_wide"),
        ("::/0", "too_wide"),
        ("example.com", "not_a_network"),
        ("127.0.0.0/16", "own_network"),
    ] {
        let body = json!({"network": network, "reason": "x"});
        let problem =
            house.bearing(&token).post("/api/admin/blocks").json(&body).await.problem(422, "web.invalid_body");
        assert_eq!(problem["errors"][0]["code"], code, "{network}");
    }
}

#[tokio::test]
async fn an_attacker_is_blocked_and_forgets_nobody_elses_address() {
    let house = House::new().await;
    let attack = |path: &str| house.server.get(path).header("x-forwarded-for", "203.0.113.66");
    attack("/.env").await.problem(404, "web.not_found");
    attack("/wp-login.php").await.problem(403, "web.blocked");
    attack("/api/v2/me").await.problem(403, "web.blocked");
    let honest = house.server.get("/api/v2/me").header("x-forwarded-for", "203.0.113.67").await;
    honest.problem(401, "web.not_signed_in");
    // It is written down, holds elsewhere, ends by itself, and the next one is longer.
    let there = House::beside(house.database.clone(), Plan::default()).await;
    there.blocks_are(1).await;
    let elsewhere = there.server.get("/api/v2/me").header("x-forwarded-for", "203.0.113.66").await;
    elsewhere.problem(403, "web.blocked");
    house.advance(Duration::from_secs(901));
    attack("/api/v2/me").await.problem(401, "web.not_signed_in");
    attack("/.git/config").await;
    attack("/phpmyadmin/").await;
    let token = house.admin().await;
    let lengths = || async {
        let list = house.bearing(&token).get("/api/admin/blocks").await.ok();
        list["data"].as_array().expect("a list").clone()
    };
    let found = async {
        loop {
            let found = lengths().await;
            if found.len() == 2 {
                return found;
            }
            tokio::task::yield_now().await;
        }
    };
    let found = tokio::time::timeout(crate::PATIENCE, found).await.expect("written down");
    assert!(text(&found[0], "reason").contains("scanner_path"), "{found:?}");
    let minutes = |block: &serde_json::Value| {
        let time = |name: &str| text(block, name).parse::<jiff::Timestamp>().expect("a time");
        time("expiresAt").duration_since(time("createdAt")).as_mins()
    };
    assert_eq!((minutes(&found[1]), minutes(&found[0])), (15, 30));
}

#[tokio::test]
async fn a_forged_address_blocks_nobody() {
    let house = House::new().await;
    // The proxy adds the client's own address behind what the client wrote.
    for path in ["/.env", "/wp-login.php", "/.git/config"] {
        house.server.get(path).header("x-forwarded-for", "198.51.100.1, 203.0.113.66").await;
    }
    let victim = house.server.get("/api/v2/me").header("x-forwarded-for", "198.51.100.1").await;
    victim.problem(401, "web.not_signed_in");
    assert!(house.guard.blocked_for(address("203.0.113.66")).is_some());
    assert!(house.guard.blocked_for(address("198.51.100.1")).is_none());
}

/// What only a scanner asks for.
const ODD: [&str; 4] = ["/.env", "/wp-login.php", "/.git/config", "/phpmyadmin/"];

/// Asks for all of that from a network, with these fields.
async fn scan(house: &House, client: &str, fields: &[(&str, &str)]) -> Vec<Response> {
    let mut answers = Vec::new();
    for path in ODD {
        let request = house.server.get(path).header("x-forwarded-for", client);
        answers.push(fields.iter().fold(request, |request, (name, value)| request.header(name, value)).await);
    }
    answers
}

/// Somebody else's page can make a browser ask for anything: that is not held against those who share its network.
#[tokio::test]
async fn what_a_page_elsewhere_has_a_browser_send_costs_its_network_nothing() {
    let house = House::built(Plan { limits: true, ..Plan::default() }).await;
    let pages: [&[(&str, &str)]; 7] = [
        &[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "image")],
        &[("sec-fetch-site", "same-site"), ("sec-fetch-mode", "no-cors")],
        // A link in a mail, or what somebody was told to type.
        &[("sec-fetch-site", "none"), ("sec-fetch-mode", "navigate"), ("user-agent", "Mozilla/5.0")],
        &[("sec-fetch-site", "cross-site"), ("origin", "https://evil.example"), ("sec-fetch-mode", "cors")],
        &[("referer", "https://evil.example/page"), ("user-agent", "Mozilla/5.0")],
        &[("origin", "https://evil.example"), ("user-agent", "Mozilla/5.0")],
        &[("origin", "null"), ("user-agent", "Mozilla/5.0")],
    ];
    for (index, fields) in pages.into_iter().enumerate() {
        let client = format!("203.0.113.{index}");
        for _ in 0..3 {
            for answer in scan(&house, &client, fields).await {
                answer.problem(404, "web.not_found");
            }
        }
        for _ in 0..8 {
            // More than the five attempts that a network has.
            let body = json!({"email": ADMIN, "password": "guessed by a page"});
            let attempt = house.server.post("/api/v2/auth/login").header("x-forwarded-for", &client).json(&body);
            let attempt = fields.iter().fold(attempt, |request, (name, value)| request.header(name, value)).await;
            attempt.problem(403, "web.foreign_page");
        }
        assert!(house.guard.blocked_for(address(&client)).is_none(), "{fields:?}");
        // Who sits there has the whole of what strangers may ask, and all attempts to sign in.
        let honest = house.server.get("/api/v2/me").header("x-forwarded-for", &client).await;
        assert!(honest.header("ratelimit").starts_with("\"general\";r=9999;"), "{fields:?}: {:?}", honest.headers);
        honest.problem(401, "web.not_signed_in");
        let body = json!({"email": format!("nobody-{index}@shop.example"), "password": "mistyped at home"});
        let mistyped = house.server.post("/api/v2/auth/login").header("x-forwarded-for", &client).json(&body).await;
        assert!(mistyped.header("ratelimit").starts_with("\"auth\";r=4;"), "{fields:?}: {:?}", mistyped.headers);
        mistyped.problem(401, "accounts.wrong_credentials");
    }
    // Over plain HTTP a page can have its browser say nothing of where it comes from.
    scan(&house, "203.0.113.50", &[("user-agent", "Mozilla/5.0 (X11; Linux x86_64)")]).await;
    assert!(house.guard.blocked_for(address("203.0.113.50")).is_none());
    house.blocks_are(0).await;
}

#[tokio::test]
async fn what_no_page_elsewhere_can_have_sent_blocks_its_network() {
    let house = House::new().await;
    let own: [&[(&str, &str)]; 3] =
        [&[], &[("user-agent", "zgrab/0.x")], &[("user-agent", "Mozilla/5.0"), ("sec-fetch-site", "same-origin")]];
    for (index, fields) in own.into_iter().enumerate() {
        let client = format!("198.51.100.{index}");
        scan(&house, &client, fields).await;
        assert!(house.guard.blocked_for(address(&client)).is_some(), "{fields:?}");
    }
}

/// A block is for strangers: whoever has signed in answers with an account, and can put things right from there.
#[tokio::test]
async fn who_has_signed_in_works_on_from_a_blocked_network_and_an_admin_can_lift_the_block() {
    let house = House::new().await;
    house.person("jon@shop.example", "customer").await;
    let (admin, jon) = (house.admin().await, house.token("jon@shop.example", PASSWORD).await);
    let body = json!({"name": "till", "scopes": ["profile.read"]});
    let key = text(&house.bearing(&admin).post("/api/v2/api-keys").json(&body).await.created(), "key");
    let login = json!({"email": ADMIN, "password": PASSWORD, "cookie": true});
    let signed_in = house.server.post("/api/v2/auth/login").json(&login).await.status(200);
    let cookie = signed_in.header("set-cookie").split(';').next().expect("a pair").to_owned();
    let body = json!({"network": "203.0.113.0/24", "reason": "somebody there scans us"});
    let block = house.bearing(&admin).post("/api/admin/blocks").json(&body).await.created();
    house.blocks_are(1).await;
    let there = |request: Request| request.header("x-forwarded-for", "203.0.113.9");

    for (name, value) in [
        ("x-nothing", "at all"),
        ("authorization", "Bearer made-up"),
        ("authorization", "Basic YTpi"),
        ("x-api-key", "ek_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
        ("cookie", "entrepot-local=ec_gone"),
    ] {
        for path in ["/api/v2/me", "/.well-known/jwks.json"] {
            let refused = there(house.server.get(path)).header(name, value).await;
            assert!(!refused.header("retry-after").is_empty(), "{name}: {value}");
            refused.problem(403, "web.blocked");
        }
    }
    there(house.server.post("/api/v2/auth/login")).json(&login).await.problem(403, "web.blocked");

    for (name, value) in [
        ("authorization", format!("Bearer {admin}")),
        ("authorization", format!("Bearer {jon}")),
        ("x-api-key", key),
        ("cookie", cookie),
    ] {
        there(house.server.get("/api/v2/me")).header(name, &value).await.ok();
    }
    let path = format!("/api/admin/blocks/{}", text(&block, "id"));
    there(house.bearing(&jon).delete(&path)).await.problem(403, "web.forbidden");
    there(house.bearing(&admin).get("/api/admin/blocks?inForce=true")).await.ok();
    there(house.bearing(&admin).delete(&path)).await.status(204);
    there(house.server.get("/api/v2/me")).await.problem(401, "web.not_signed_in");
}

/// What the client wrote itself stands on the left of what its proxy wrote, and hides nothing of that.
#[tokio::test]
async fn a_byte_that_is_no_text_hides_no_address_behind_a_proxy() {
    let house = House::new().await;
    scan(&house, "203.0.113.66", &[]).await;
    assert!(house.guard.blocked_for(address("203.0.113.66")).is_some());
    let forwarded = |value: &[u8]| house.server.get("/api/v2/me").header_bytes("x-forwarded-for", value);
    for value in [&b"203.0.113.66"[..], b"\xff, 203.0.113.66", b"\xff,203.0.113.66", b"1.2.3.4, \xff, 203.0.113.66"] {
        forwarded(value).await.problem(403, "web.blocked");
    }
    // As proxies write it that add a field of their own.
    forwarded(b"\xff").header("x-forwarded-for", "203.0.113.66").await.problem(403, "web.blocked");
    forwarded(b"\xff, 203.0.113.67").await.problem(401, "web.not_signed_in");
    // What the proxy itself wrote names nobody: then nobody is let in as somebody else.
    for value in [&b"203.0.113.67, \xff"[..], b"\xff", b"unknown", b"203.0.113.67, "] {
        forwarded(value).await.problem(400, "web.invalid_header");
    }
    forwarded(b"203.0.113.67").header_bytes("x-forwarded-for", b"\xff").await.problem(400, "web.invalid_header");
    // And nothing that is written so counts as the proxy's own: it is not blocked for it.
    for path in ODD {
        house.server.get(path).header_bytes("x-forwarded-for", b"\xff").await.problem(400, "web.invalid_header");
    }
    assert!(house.guard.blocked_for(address(crate::PROXY)).is_none());
}

impl House {
    /// Waits until this instance knows of so many blocks.
    async fn blocks_are(&self, count: usize) {
        let found = async {
            while self.guard.blocks().len() != count {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(crate::PATIENCE, found).await.expect("blocks are followed");
    }
}
