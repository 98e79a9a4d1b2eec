//! HEAD: the fields that the GET would have, and no body.

use serde_json::json;

use crate::house::{House, text};
use crate::telling::eventually;

#[tokio::test]
async fn the_head_of_a_file_is_that_of_the_file() {
    let house = House::new(&[]).await;
    let token = house.admin().await;
    let admin = house.server.bearing(&token);
    admin.request("PUT", "/api/v2/stores/330").json(&json!({"name": "Harbour"})).await.created();
    let days = json!({"dailyData": {"1": {"sales": 100.5}}});
    admin.request("PUT", "/api/v2/sales/330/2024/1").json(&days).await.created();
    let mut tags = Vec::new();
    for (what, body) in [
        ("exports", json!({"kind": "sales"})),
        ("reports", json!({"kind": "sales", "parameters": {"from": "2024-01-01", "to": "2024-01-31"}})),
        ("reports", json!({"kind": "sales", "parameters": {"from": "2024-01-01", "to": "2024-01-30"}})),
    ] {
        let ordered = admin.post(&format!("/api/v2/{what}")).json(&body).await.status(202).json();
        let path = format!("/api/v2/{what}/{}", text(&ordered, "id"));
        eventually("the file", async || (admin.get(&path).await.ok()["status"] == "done").then_some(())).await;
        let content = format!("{path}/content");
        let got = admin.get(&content).await.status(200);
        let head = admin.request("HEAD", &content).await.status(200);
        assert!(head.body.is_empty() && !got.body.is_empty());
        assert_eq!(got.header("content-length"), got.body.len().to_string());
        for name in ["content-length", "content-type", "content-disposition", "etag", "accept-ranges", "repr-digest"] {
            assert_eq!(head.header(name), got.header(name), "{what}: {name}");
            assert!(!head.header(name).is_empty(), "{what}: {name}");
        }
        let etag = head.header("etag").to_owned();
        admin.get(&content).header("if-none-match", &etag).await.status(304);
        admin.request("HEAD", &content).header("if-none-match", &etag).await.status(304);
        let part = admin.get(&content).header("range", "bytes=5-").header("if-range", &etag).await.status(206);
        assert_eq!(part.body, got.body[5..]);
        // A range is for GET alone.
        let whole = admin.request("HEAD", &content).header("range", "bytes=5-").await.status(200);
        assert_eq!(whole.header("content-length"), got.body.len().to_string());
        tags.push(etag);
    }
    tags.dedup();
    assert_eq!(tags.len(), 3, "each file has its own: {tags:?}");
    for path in ["/api/v2/sales/export", "/api/admin/audit/export", "/api/v2/products", "/health"] {
        let got = admin.get(path).header("accept-encoding", "gzip").await.status(200);
        let head = admin.request("HEAD", path).header("accept-encoding", "gzip").await.status(200);
        assert!(head.body.is_empty());
        for name in ["content-type", "content-encoding", "vary"] {
            assert_eq!(head.header(name), got.header(name), "{path}: {name}");
        }
        assert!(head.header("content-length") != "0", "{path}");
    }
    admin.request("HEAD", "/api/v2/products/none").await.status(404);
}
