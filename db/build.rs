//! Writes the list of `db/migrations/NNNN_name.sql` as a Rust array, so that a new file needs no
//! other change. Fails the build on a file whose name is not of that form, or a number given twice.

use std::fmt::Write as _;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=migrations");
    let root = cargo_path("CARGO_MANIFEST_DIR")?;
    let mut names = Vec::new();
    for entry in std::fs::read_dir(root.join("migrations"))? {
        names.push(entry?.file_name().into_string().map_err(|name| format!("{name:?} is not UTF-8"))?);
    }
    names.sort();
    let mut list = "&[\n".to_owned();
    let mut last = 0;
    for file in names {
        let (number, name) = file
            .strip_suffix(".sql")
            .and_then(|stem| stem.split_once('_'))
            .filter(|(number, _)| number.len() == 4)
            .ok_or_else(|| format!("{file} is not of the form NNNN_name.sql"))?;
        let version: i32 = number.parse()?;
        if version <= last {
            return Err(format!("{file}: the number {version} is used twice").into());
        }
        last = version;
        let path = root.join("migrations").join(&file);
        writeln!(list, "    Migration {{ version: {version}, name: {name:?}, sql: include_str!({path:?}) }},")?;
    }
    list.push(']');
    let out = cargo_path("OUT_DIR")?;
    std::fs::write(out.join("list.rs"), list)?;
    Ok(())
}

/// A path that cargo tells a build script.
fn cargo_path(name: &str) -> Result<PathBuf, String> {
    #[expect(clippy::disallowed_methods, reason = "how cargo talks to a build script; it is no setting")]
    std::env::var_os(name).map(PathBuf::from).ok_or_else(|| format!("cargo does not set {name}"))
}
