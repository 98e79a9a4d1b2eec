//! The house rules: which crate may use which, and what may stand where. The table is the one in
//! ARCHITECTURE.md; this test reads it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, MetadataCommand};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the workspace")
}

/// The rows of ARCHITECTURE.md's table between the two markers: a crate, and those it may use.
fn table() -> BTreeMap<String, Vec<String>> {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).expect("it is there");
    let table = text.split("<!-- arrows -->").nth(1).and_then(|rest| rest.split("<!-- /arrows -->").next());
    let rows = table.expect("the table is between its markers").lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let names = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
        (names(cells[1]).remove(0), names(cells[2]))
    })
    .collect()
}

#[test]
fn crates_use_only_what_the_table_allows() {
    let table = table();
    let metadata =
        MetadataCommand::new().manifest_path(root().join("Cargo.toml")).no_deps().exec().expect("cargo metadata");
    let ours: Vec<String> = metadata.packages.iter().map(|package| package.name.to_string()).collect();
    let mut faults = Vec::new();
    for package in &metadata.packages {
        let name = package.name.to_string();
        let Some(allowed) = table.get(&name) else {
            faults.push(format!("{name} is not in the table"));
            continue;
        };
        for dependency in package.dependencies.iter().filter(|dependency| ours.contains(&dependency.name)) {
            let tests_only = dependency.kind == DependencyKind::Development;
            if !tests_only && !allowed.contains(&dependency.name) {
                faults.push(format!("{name} → {} is no arrow of the table", dependency.name));
            }
            if dependency.name == "entrepot-testkit"
                && !tests_only
                && !matches!(name.as_str(), "entrepot-generate" | "entrepot-bench")
            {
                faults.push(format!("{name} uses the testkit outside of its tests"));
            }
        }
        for arrow in allowed {
            if !package.dependencies.iter().any(|dependency| dependency.name == *arrow) {
                faults.push(format!("the table has {name} → {arrow}, which is not used"));
            }
        }
    }
    for name in table.keys().filter(|name| !ours.contains(name)) {
        faults.push(format!("the table has {name}, which is no crate"));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The Rust sources of the workspace below these folders, with their text.
fn sources(folders: &[&str]) -> Vec<(String, String)> {
    fn walk(folder: &Path, root: &Path, found: &mut Vec<(String, String)>) {
        for entry in std::fs::read_dir(folder).expect("readable").flatten() {
            let path = entry.path();
            if path.is_dir() && !path.ends_with("target") {
                walk(&path, root, found);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let name = path.strip_prefix(root).expect("below").display().to_string();
                found.push((name, std::fs::read_to_string(&path).expect("readable")));
            }
        }
    }
    let root = root();
    let mut found = Vec::new();
    for folder in folders {
        walk(&root.join(folder), &root, &mut found);
    }
    assert!(found.len() > 20 || folders.len() == 1);
    found
}

#[test]
fn what_belongs_in_one_room_stands_in_no_other() {
    let in_library = |name: &str| name.contains("/src/") && !name.contains("testkit");
    let mut faults = Vec::new();
    for (name, text) in sources(&["platform", "domain", "server"]).iter().filter(|(name, _)| in_library(name)) {
        let uses = |what: &str| text.contains(&format!("{what}::")) || text.contains(&format!("use {what}"));
        if name.starts_with("domain/") && uses("axum") && !name.contains("/http/") {
            faults.push(format!("{name}: axum belongs in http"));
        }
        if name.starts_with("domain/")
            && (uses("entrepot_queries") || uses("tokio_postgres"))
            && !name.contains("/store/")
        {
            faults.push(format!("{name}: the database belongs in store"));
        }
        if text.contains("redis::")
            && !name.ends_with("redis.rs")
            && !text.contains("mod redis")
            && !text.contains("crate::redis::")
        {
            faults.push(format!("{name}: Redis belongs in redis.rs"));
        }
        if name.starts_with("platform/")
            && ["product", "category", "catalog"].iter().any(|word| text.contains(&format!("FROM {word}")))
        {
            faults.push(format!("{name}: the platform knows nothing of commerce"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The schemas that a text's SQL reads from or writes to: `FROM catalog.product` gives `catalog`.
fn schemas(text: &str) -> Vec<String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let named = words.windows(2).filter(|pair| matches!(pair[0], "FROM" | "JOIN" | "INTO" | "UPDATE"));
    let schemas = named.filter_map(|pair| pair[1].split_once('.').map(|(schema, _)| schema));
    let is_name = |schema: &&str| schema.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    schemas.filter(is_name).map(str::to_owned).collect()
}

#[test]
fn sql_names_only_the_schema_of_its_own_domain() {
    let root = root();
    let mut found = 0;
    for entry in std::fs::read_dir(root.join("db/queries")).expect("readable").flatten() {
        let domain = entry.file_name().into_string().expect("UTF-8");
        let mut texts = sources(&[&format!("domain/{domain}/src/store")]);
        for file in std::fs::read_dir(entry.path()).expect("readable").flatten() {
            texts.push((file.path().display().to_string(), std::fs::read_to_string(file.path()).expect("readable")));
        }
        for (name, text) in texts {
            for schema in schemas(&text) {
                found += 1;
                assert!(schema == domain || schema == "pg_temp", "{name} names the schema {schema}");
            }
        }
    }
    assert!(found > 30, "only {found} names were found");
    assert_eq!(schemas("SELECT 1 FROM orders.line JOIN catalog.product"), ["orders", "catalog"]);
}

#[test]
fn every_file_opens_with_what_it_is() {
    let all = sources(&["platform", "domain", "server", "bench", "db/generate"]);
    let silent: Vec<&String> = all.iter().filter(|(_, text)| !text.starts_with("//!")).map(|(name, _)| name).collect();
    assert!(silent.is_empty(), "{silent:?}");
    let vague: Vec<&String> = all
        .iter()
        .map(|(name, _)| name)
        .filter(|name| {
            ["utils", "common", "helpers", "manager", "misc"].iter().any(|word| name.contains(&format!("/{word}")))
        })
        .collect();
    assert!(vague.is_empty(), "{vague:?}");
}
