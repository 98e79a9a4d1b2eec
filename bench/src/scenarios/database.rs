//! What asks PostgreSQL each time: the servers here run with the cache off. And what has nothing to
//! do with it: the import, the start, the memory of a server with default settings.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::Context as _;

use super::{LIST, PAIRS, PRODUCTS, Stage, Wanted, pairs, reachable_folder};
use crate::client::Http;
use crate::programs::{Ask, bare, entrepot, pgbench, server, wrk};
use crate::table::{Row, at_most, ratio};

pub(super) const ON_STAGE: &[&str] = &["by-id-pgbench", "by-id-hyper", "list-hyper", "list-pgbench", "deep-page"];

pub(super) async fn on_stage(stage: &Stage, wanted: Wanted<'_>) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    if wanted.one("by-id-pgbench") {
        rows.push(by_id_against_pgbench(stage)?);
    }
    if wanted.one("by-id-hyper") {
        rows.push(against_hyper(stage, "by-id-hyper", "one product by id, not cached", &stage.product(0)).await?);
    }
    if wanted.one("list-hyper") {
        rows.push(against_hyper(stage, "list-hyper", "list of 20, not cached", LIST).await?);
    }
    if wanted.one("list-pgbench") {
        rows.push(list_against_pgbench(stage)?);
    }
    if wanted.one("deep-page") {
        rows.push(deep_page(stage).await?);
    }
    Ok(rows)
}

/// The import of the real file into a new database, and the start on one that is made.
pub(super) fn import_and_start(wanted: Wanted<'_>) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    let folder = reachable_folder()?;
    let data = folder.path().join("data");
    entrepot(&data, &["migrate"])?;
    let start = Instant::now();
    let told = entrepot(&data, &["import", "products", PRODUCTS])?;
    let seconds = start.elapsed().as_secs_f64();
    let told = told.lines().next().unwrap_or_default().to_owned();
    rows.push(at_most("import", "import of the 92,331 real products", vec![seconds], 20.0, "s", told));
    if wanted.one("start") {
        let mut times = Vec::new();
        for _ in 0..PAIRS {
            let start = Instant::now();
            let running = server(&data, &[], false)?;
            times.push(start.elapsed().as_secs_f64());
            drop(running);
        }
        let detail = "from the program's start to its word that it is ready, private PostgreSQL included".to_owned();
        rows.push(at_most("start", "start on a database that is made", times, 2.0, "s", detail));
    }
    Ok(rows)
}

/// Everything on the same two cores, 32 connections each: HTTP and JSON beside the bare select.
fn by_id_against_pgbench(stage: &Stage) -> anyhow::Result<Row> {
    let scripts = pgbench_scripts(
        stage,
        "by-id",
        stage
            .ids
            .iter()
            .take(100)
            .map(|id| entrepot_catalog::product_by_ids_sql().replace("p.id = ANY ($1)", &format!("p.id = '{id}'"))),
    )?;
    let lua = wrk_script(stage, (0..stage.ids.len()).map(|index| stage.product(index)))?;
    let ask = Ask { path: "/", script: Some(&lua), ..Ask::default() };
    pairs(
        "by-id-pgbench",
        "product by id, not cached, whole HTTP path",
        "pgbench, the same prepared select",
        Some(0.40),
        || Ok(wrk(stage.running.address, ask)?.per_second),
        || pgbench(&stage.sockets, &scripts),
    )
}

fn list_against_pgbench(stage: &Stage) -> anyhow::Result<Row> {
    let sql = entrepot_catalog::product_by_ids_sql()
        .replace("WHERE p.id = ANY ($1)", "WHERE p.active ORDER BY p.created_at DESC, p.id DESC LIMIT 21");
    let scripts = pgbench_scripts(stage, "list", std::iter::once(sql))?;
    let ask = Ask { path: LIST, ..Ask::default() };
    pairs(
        "list-pgbench",
        "list of 20, not cached, whole HTTP path",
        "pgbench, the same prepared select",
        None,
        || Ok(wrk(stage.running.address, ask)?.per_second),
        || pgbench(&stage.sockets, &scripts),
    )
}

/// Server on one core, load on the other, the database where it falls. What is not cached asks the
/// database every time; the yardstick only sends bytes, and content-type alone.
async fn against_hyper(stage: &Stage, name: &'static str, what: &str, path: &str) -> anyhow::Result<Row> {
    let body = stage.file(&format!("{name}.json"), stage.http.get(path).await?.body)?;
    let ours = stage.another(name, &[("ENTREPOT_CACHE_ENABLED", "false")], true)?;
    stage.caches_nothing(&Http::new(ours.address)).await?;
    let bare = bare(&body, None)?;
    let ask = Ask { path, pinned: true, ..Ask::default() };
    pairs(
        name,
        what,
        "bare hyper, same bytes, one core",
        None,
        || Ok(wrk(ours.address, ask)?.per_second),
        || Ok(wrk(bare.address, ask)?.per_second),
    )
}

async fn deep_page(stage: &Stage) -> anyhow::Result<Row> {
    let before = stage.http.json(&format!("{LIST}&page=3999")).await?;
    let cursor = before["page"]["nextCursor"].as_str().context("page 3,999 has a next one")?;
    let deep = format!("{LIST}&cursor={cursor}");
    stage.http.median(&deep, 200).await?;
    let (mut ratios, mut detail) = (Vec::new(), String::new());
    for _ in 0..PAIRS {
        let (near, far) = (stage.http.median(LIST, 300).await?, stage.http.median(&deep, 300).await?);
        ratios.push(far.as_secs_f64() / near.as_secs_f64());
        write!(detail, "{}/{} ", far.as_micros(), near.as_micros())?;
    }
    let detail = format!("µs a page, page 4,000/page 1: {}", detail.trim_end());
    Ok(ratio("deep-page", "page 4,000 of 20, by cursor, not cached", "page 1", ratios, (None, Some(1.2)), detail))
}

fn pgbench_scripts(
    stage: &Stage,
    name: &str,
    statements: impl Iterator<Item = String>,
) -> anyhow::Result<Vec<PathBuf>> {
    statements.enumerate().map(|(index, sql)| stage.file(&format!("{name}-{index}.sql"), format!("{sql};\n"))).collect()
}

fn wrk_script(stage: &Stage, paths: impl Iterator<Item = String>) -> anyhow::Result<PathBuf> {
    let mut lua = "local paths = {\n".to_owned();
    for path in paths {
        writeln!(lua, "{path:?},")?;
    }
    lua.push_str(
        "}\nlocal at = 0\nrequest = function()\n  at = at % #paths + 1\n  return wrk.format(\"GET\", paths[at])\nend\n",
    );
    stage.file("paths.lua", lua)
}

/// Resident memory of a server that has just started and nobody has asked anything.
pub(super) fn memory() -> anyhow::Result<Row> {
    let folder = reachable_folder()?;
    let running = server(&folder.path().join("data"), &[], false)?;
    let statm = std::fs::read_to_string(format!("/proc/{}/statm", running.pid()))?;
    let pages: f64 = statm.split_whitespace().nth(1).context("statm has a second field")?.parse()?;
    let mib = pages * 4096.0 / 1_048_576.0;
    Ok(at_most(
        "memory",
        "idle server, resident",
        vec![mib],
        40.0,
        "MiB",
        "right after the start, PostgreSQL not counted".to_owned(),
    ))
}
