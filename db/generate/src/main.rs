//! Writes `db/typed` from `db/queries`: every statement is prepared by a real PostgreSQL with the
//! migrations applied, so a statement that the schema does not bear fails here, and its types are
//! the database's own. Run it after a change to either folder: `cargo run -p entrepot-generate`.
//! With `--check` it writes nothing and fails if `db/typed` is out of date; `script/test` does that.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail, ensure};
use clorinde::config::Config;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    let check = std::env::args().any(|argument| argument == "--check");
    let db = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let database = entrepot_testkit::test_database(entrepot_migrations::MIGRATIONS).await;
    let client = database.client().await;

    let scratch = tempfile::tempdir()?;
    let fresh = scratch.path().join("typed");
    let mut config = Config::from_file(db.join("clorinde.toml"))?;
    config.queries = db.join("queries");
    config.destination = fresh.clone();
    // The generator blocks on its own executor while this runtime drives the connection.
    tokio::task::spawn_blocking(move || {
        let outcome = clorinde::gen_live(&client, config).map_err(|error| anyhow::anyhow!(error.report()));
        drop(client);
        outcome
    })
    .await??;
    for (name, text) in files(&fresh.join("src/queries"))? {
        // What returns no rows would be prepared anew for every call: a round trip, and a plan.
        let text = text.replace("client.execute(self.0,", "client.execute(&client.prepare(self.0).await?,");
        std::fs::write(fresh.join("src/queries").join(name), text)?;
    }
    let formatted = Command::new("rustfmt")
        .args(["--edition", "2024", "--config-path"])
        .arg(db.join("../rustfmt.toml"))
        .arg(fresh.join("src/lib.rs"))
        .status()?;
    ensure!(formatted.success(), "rustfmt failed");

    // The manifest in db/typed is ours; only the sources are generated.
    let (fresh, committed) = (fresh.join("src"), db.join("typed/src"));
    if check {
        let (fresh, committed) = (files(&fresh)?, files(&committed)?);
        if fresh != committed {
            bail!("db/typed is out of date; run: cargo run -p entrepot-generate");
        }
        return Ok(());
    }
    for (name, text) in files(&fresh)? {
        let path = committed.join(name);
        std::fs::create_dir_all(path.parent().context("a file lies in a folder")?)?;
        std::fs::write(path, text)?;
    }
    Ok(())
}

/// The Rust sources below `root`, by relative path, sorted.
fn files(root: &Path) -> anyhow::Result<Vec<(PathBuf, String)>> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                found.push((path.strip_prefix(root)?.to_owned(), std::fs::read_to_string(&path)?));
            }
        }
    }
    found.sort();
    Ok(found)
}
