//! What is measured, and against what.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::Context as _;

use crate::client::Http;
use crate::programs::{Running, bare, entrepot, pgbench, server, wrk};
use crate::table::{Row, at_most, ratio};

const PAIRS: usize = 5;
const PRODUCTS: &str = "data/complete-journey/products.csv.gz";
const LIST: &str = "/api/v2/products?limit=20";
/// Searches a second: some four times what the busiest hour of a shop with a million visits a day brings.
const SEARCHES_PER_SECOND: u32 = 50;
const SEARCH_CONNECTIONS: usize = 8;

/// What all scenarios share: a server with the real products in it.
struct Stage {
    data: PathBuf,
    running: Running,
    http: Http,
    scratch: tempfile::TempDir,
    sockets: String,
    ids: Vec<String>,
}

pub(crate) async fn run(only: &str) -> anyhow::Result<Vec<Row>> {
    let wanted = |name: &str| name.contains(only);
    let mut rows = Vec::new();
    if wanted("import") || wanted("start") {
        rows.extend(import_and_start(&wanted)?);
    }
    let stage = Stage::set()?;
    if wanted("by-id-pgbench") {
        rows.push(stage.by_id_against_pgbench()?);
    }
    if wanted("by-id-hyper") {
        let path = format!("/api/v2/products/{}", stage.ids[0]);
        rows.push(stage.against_hyper("by-id-hyper", "one product by id, not cached", &path, 18_201).await?);
    }
    if wanted("list-hyper") {
        rows.push(stage.against_hyper("list-hyper", "list of 20, not cached", LIST, 18_202).await?);
    }
    if wanted("list-pgbench") {
        rows.push(stage.list_against_pgbench()?);
    }
    if wanted("deep-page") {
        rows.push(stage.deep_page().await?);
    }
    if wanted("search") {
        rows.extend(stage.search().await?);
    }
    if wanted("memory") {
        rows.push(memory()?);
    }
    Ok(rows)
}

/// The import of the real file into a new database, and the start on one that is made.
fn import_and_start(wanted: &dyn Fn(&str) -> bool) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    let folder = reachable_folder()?;
    let data = folder.path().join("data");
    entrepot(&data, &["migrate"])?;
    let start = Instant::now();
    let told = entrepot(&data, &["import", "products", PRODUCTS])?;
    let seconds = start.elapsed().as_secs_f64();
    if wanted("import") {
        let told = told.lines().next().unwrap_or_default().to_owned();
        rows.push(at_most("import", "import of the 92,331 real products", vec![seconds], 20.0, "s", told));
    }
    if wanted("start") {
        let mut times = Vec::new();
        for _ in 0..PAIRS {
            let start = Instant::now();
            let running = server(&data, None, false)?;
            times.push(start.elapsed().as_secs_f64());
            drop(running);
        }
        let detail = "from the program's start to its word that it is ready, private PostgreSQL included".to_owned();
        rows.push(at_most("start", "start on a database that is made", times, 2.0, "s", detail));
    }
    Ok(rows)
}

/// A folder that PostgreSQL's own user can look into.
fn reachable_folder() -> anyhow::Result<tempfile::TempDir> {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir()?;
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755))?;
    Ok(folder)
}

impl Stage {
    fn set() -> anyhow::Result<Self> {
        let scratch = reachable_folder()?;
        let data = scratch.path().join("data");
        entrepot(&data, &["import", "products", PRODUCTS])?;
        let running = server(&data, None, false)?;
        let ask = |sql: &str| entrepot(&data, &["psql", "--", "-Atc", sql]);
        let sockets = ask("SHOW unix_socket_directories")?.trim().to_owned();
        let ids = ask("SELECT id FROM catalog.product ORDER BY md5(sku) LIMIT 2000")?;
        let ids = ids.lines().map(str::to_owned).collect();
        Ok(Self { http: Http::new(running.address), data, running, scratch, sockets, ids })
    }

    /// Everything on the same two cores, 32 connections each: HTTP and JSON beside the bare select.
    fn by_id_against_pgbench(&self) -> anyhow::Result<Row> {
        let scripts = self.pgbench_scripts(
            "by-id",
            self.ids
                .iter()
                .take(100)
                .map(|id| entrepot_catalog::product_by_ids_sql().replace("p.id = ANY ($1)", &format!("p.id = '{id}'"))),
        )?;
        let paths = self.ids.iter().map(|id| format!("/api/v2/products/{id}"));
        let lua = self.wrk_script(paths)?;
        self.pairs(
            "by-id-pgbench",
            "product by id, not cached, whole HTTP path",
            "pgbench, the same prepared select",
            Some(0.40),
            || wrk(self.running.address, "/", Some(&lua), false),
            || pgbench(&self.sockets, &scripts),
        )
    }

    fn list_against_pgbench(&self) -> anyhow::Result<Row> {
        let sql = entrepot_catalog::product_by_ids_sql()
            .replace("WHERE p.id = ANY ($1)", "WHERE p.active ORDER BY p.created_at DESC, p.id DESC LIMIT 21");
        let scripts = self.pgbench_scripts("list", std::iter::once(sql))?;
        self.pairs(
            "list-pgbench",
            "list of 20, not cached, whole HTTP path",
            "pgbench, the same prepared select",
            None,
            || wrk(self.running.address, LIST, None, false),
            || pgbench(&self.sockets, &scripts),
        )
    }

    /// Server on one core, load on the other, the database where it falls. What is not cached yet
    /// asks the database every time; the yardstick only sends bytes.
    async fn against_hyper(&self, name: &'static str, what: &str, path: &str, port: u16) -> anyhow::Result<Row> {
        let body = self.scratch.path().join(format!("{name}.json"));
        std::fs::write(&body, self.http.get(path).await?)?;
        let url = format!("postgresql:///entrepot?host={}&user=entrepot", self.sockets);
        let ours = server(self.scratch.path(), Some(&url), true)?;
        let bare = bare(&body, port)?;
        self.pairs(
            name,
            what,
            "bare hyper, same bytes, one core",
            None,
            || wrk(ours.address, path, None, true),
            || wrk(bare.address, path, None, true),
        )
    }

    fn pairs(
        &self,
        name: &'static str,
        what: &str,
        yardstick: &str,
        at_least: Option<f64>,
        ours: impl Fn() -> anyhow::Result<f64>,
        theirs: impl Fn() -> anyhow::Result<f64>,
    ) -> anyhow::Result<Row> {
        // The first pair warms both up.
        ours()?;
        theirs()?;
        let (mut ratios, mut detail) = (Vec::new(), String::new());
        for _ in 0..PAIRS {
            let (a, b) = (ours()?, theirs()?);
            ratios.push(a / b);
            write!(detail, "{a:.0}/{b:.0} ")?;
        }
        Ok(ratio(
            name,
            what,
            yardstick,
            ratios,
            (at_least, None),
            format!("a second, ours/yardstick: {}", detail.trim_end()),
        ))
    }

    async fn deep_page(&self) -> anyhow::Result<Row> {
        let before = self.http.json(&format!("{LIST}&page=3999")).await?;
        let cursor = before["page"]["nextCursor"].as_str().context("page 3,999 has a next one")?;
        let deep = format!("{LIST}&cursor={cursor}");
        self.http.median(&deep, 200).await?;
        let (mut ratios, mut detail) = (Vec::new(), String::new());
        for _ in 0..PAIRS {
            let (near, far) = (self.http.median(LIST, 300).await?, self.http.median(&deep, 300).await?);
            ratios.push(far.as_secs_f64() / near.as_secs_f64());
            write!(detail, "{}/{} ", far.as_micros(), near.as_micros())?;
        }
        let detail = format!("µs a page, page 4,000/page 1: {}", detail.trim_end());
        Ok(ratio("deep-page", "page 4,000 of 20, by cursor", "page 1", ratios, (None, Some(1.2)), detail))
    }

    /// Words as the titles have them, so frequent words are asked for often; two thirds with a
    /// second word, one third cut short as while typing.
    async fn search(&self) -> anyhow::Result<Vec<Row>> {
        let sql = "SELECT title FROM catalog.product ORDER BY md5(sku || 'search') LIMIT 1500";
        let titles = entrepot(&self.data, &["psql", "--", "-Atc", sql])?;
        let queries = titles.lines().enumerate().filter_map(|(index, title)| {
            let words: Vec<&str> =
                title.split(|char: char| !char.is_alphabetic()).filter(|word| word.len() > 2).collect();
            let (first, second) = (words.first()?, words.get(1));
            let text = match (index % 3, second) {
                (0, _) | (_, None) => (*first).to_owned(),
                (1, Some(second)) => format!("{first}+{second}"),
                (_, Some(second)) => format!("{first}+{}", &second[..second.len().min(3)]),
            };
            Some(format!("/api/v2/products/search?q={text}&limit=20"))
        });
        let paths: Vec<String> = queries.take(1_000).collect();
        self.http.without_pause(&paths[..200], SEARCH_CONNECTIONS).await?;
        let (mut crowded, mut crowd) = (Vec::new(), String::new());
        let (mut paced, mut pace) = (Vec::new(), String::new());
        for _ in 0..3 {
            let start = Instant::now();
            let times = self.http.without_pause(&paths, SEARCH_CONNECTIONS).await?;
            write!(crowd, "{:.0}/s, ", paths.len() as f64 / start.elapsed().as_secs_f64())?;
            crowded.push(percentiles(&times, &mut crowd)?);
            let times = self.http.at_rate(&paths[..500], SEARCHES_PER_SECOND, SEARCH_CONNECTIONS).await?;
            paced.push(percentiles(&times, &mut pace)?);
        }
        let crowd = format!("{SEARCH_CONNECTIONS} connections without a pause, facets and highlights on, ms: {crowd}");
        let pace = format!("{SEARCHES_PER_SECOND}/s, from when each was due, ms: {pace}");
        let what = |how: &str| format!("search over 92,331 products, {how}, p99");
        Ok(vec![
            at_most("search", &what("8 connections without a pause"), crowded, 50.0, "ms", crowd),
            at_most("search-paced", &what("50 a second"), paced, 50.0, "ms", pace),
        ])
    }

    fn pgbench_scripts(&self, name: &str, statements: impl Iterator<Item = String>) -> anyhow::Result<Vec<PathBuf>> {
        let mut scripts = Vec::new();
        for (index, sql) in statements.enumerate() {
            let path = self.scratch.path().join(format!("{name}-{index}.sql"));
            std::fs::write(&path, format!("{sql};\n"))?;
            scripts.push(path);
        }
        Ok(scripts)
    }

    fn wrk_script(&self, paths: impl Iterator<Item = String>) -> anyhow::Result<PathBuf> {
        let mut lua = "local paths = {\n".to_owned();
        for path in paths {
            writeln!(lua, "{path:?},")?;
        }
        lua.push_str("}\nlocal at = 0\nrequest = function()\n  at = at % #paths + 1\n  return wrk.format(\"GET\", paths[at])\nend\n");
        let script = self.scratch.path().join("paths.lua");
        std::fs::write(&script, lua)?;
        Ok(script)
    }
}

/// Notes the usual percentiles, in milliseconds, and returns the 99th.
fn percentiles(times: &[std::time::Duration], told: &mut String) -> anyhow::Result<f64> {
    let at = |share: usize| times[(times.len() * share / 100).min(times.len() - 1)].as_secs_f64() * 1000.0;
    write!(told, "p50 {:.1}, p95 {:.1}, p99 {:.1}; ", at(50), at(95), at(99))?;
    Ok(at(99))
}

/// Resident memory of a server that has just started and nobody has asked anything.
fn memory() -> anyhow::Result<Row> {
    let folder = reachable_folder()?;
    let running = server(&folder.path().join("data"), None, false)?;
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
