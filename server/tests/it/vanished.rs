//! Files that are no longer in the folder, though their time is not over: whoever asks is told so, and that they do not
//! come again.

use std::path::Path;

use serde_json::json;

use crate::house::text;
use crate::telling::{chain, eventually, order};

/// Removes every file below a folder; how many.
fn remove_files(folder: &Path) -> usize {
    let mut removed = 0;
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            removed += remove_files(&path);
        } else {
            std::fs::remove_file(&path).expect("removed");
            removed += 1;
        }
    }
    removed
}

#[tokio::test]
async fn an_export_whose_file_has_vanished_is_gone_and_counts_as_expired() {
    let (house, admin) = chain().await;
    let server = house.server.bearing(&admin);
    let ordered = server.post("/api/v2/exports").json(&json!({"kind": "sales"})).await.status(202);
    let path = format!("/api/v2/exports/{}", text(&ordered.json(), "id"));
    let content = format!("{path}/content");
    eventually("the export", async || (server.get(&path).await.ok()["status"] == "done").then_some(())).await;
    assert!(!server.get(&content).await.status(200).body.is_empty());
    assert!(remove_files(&house.folder.path().join("files/exports")) > 0);
    // Nothing of it is answered, of a range neither.
    server.get(&content).header("range", "bytes=-5").await.problem(410, "exports.gone");
    let export = server.get(&path).await.ok();
    assert_eq!(export["status"], "expired", "{export}");
    for _ in 0..2 {
        server.get(&content).await.problem(410, "exports.gone");
    }
}

#[tokio::test]
async fn a_report_whose_file_has_vanished_is_gone_and_counts_as_expired() {
    let (house, admin) = chain().await;
    let server = house.server.bearing(&admin);
    let january = json!({"kind": "sales", "parameters": {"from": "2024-01-01", "to": "2024-01-31"}});
    let report = order(&house, &admin, &january).await;
    let (path, content) = (format!("/api/v2/reports/{}", text(&report, "id")), text(&report, "contentUrl"));
    server.get(&content).await.status(200);
    assert!(remove_files(&house.folder.path().join("files/reports")) > 0);
    server.get(&content).await.problem(410, "reports.gone");
    let report = server.get(&path).await.ok();
    assert_eq!(report["status"], "expired", "{report}");
    for _ in 0..2 {
        server.get(&content).await.problem(410, "reports.gone");
    }
}
