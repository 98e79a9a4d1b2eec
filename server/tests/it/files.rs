//! Where files lie that the program makes: nobody else on the machine may read them.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use entrepot_migrations::MIGRATIONS;
use entrepot_runtime::Clock;
use entrepot_testkit::test_database;
use serde_json::json;

use crate::house::{House, text};
use crate::telling::eventually;

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[tokio::test]
async fn files_lie_in_a_folder_that_nobody_else_may_enter() {
    for was_there in [false, true] {
        // The data folder itself may be anybody's to enter.
        let folder = Arc::new(tempfile::tempdir().expect("a folder"));
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).expect("opened");
        let place = folder.path().join("files");
        if was_there {
            std::fs::create_dir(&place).expect("made");
            std::fs::set_permissions(&place, std::fs::Permissions::from_mode(0o755)).expect("opened");
        }
        let database = Arc::new(test_database(MIGRATIONS).await);
        let house = House::beside(folder.clone(), database, Clock::system(), &[]).await;
        assert_eq!(mode(&place), 0o700, "was there before: {was_there}");

        let token = house.admin().await;
        let admin = house.server.bearing(&token);
        admin.request("PUT", "/api/v2/stores/330").json(&json!({"name": "Harbour"})).await.created();
        let days = json!({"dailyData": {"1": {"sales": 100.5}}});
        admin.request("PUT", "/api/v2/sales/330/2024/1").json(&days).await.created();
        let january = json!({"from": "2024-01-01", "to": "2024-01-31"});
        let report = json!({"kind": "sales", "parameters": january});
        for (what, body) in [("exports", json!({"kind": "sales"})), ("reports", report)] {
            let ordered = admin.post(&format!("/api/v2/{what}")).json(&body).await.status(202).json();
            let path = format!("/api/v2/{what}/{}", text(&ordered, "id"));
            eventually("the file", async || (admin.get(&path).await.ok()["status"] == "done").then_some(())).await;
        }
        let made = files(&place);
        for what in ["exports", "reports"] {
            assert!(made.iter().any(|path| path.starts_with(place.join(what))), "no file of {what}: {made:?}");
        }
        assert_eq!(mode(&place), 0o700);
    }
}
