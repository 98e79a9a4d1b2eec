//! Blocks: by hand and by the guard, on every instance, with an end, and lifted.

use std::time::Duration;

use serde_json::json;

use crate::{House, Plan, address, text};

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
