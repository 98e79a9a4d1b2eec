//! What is measured, and against what. Here: which scenarios run, and what they share.

mod cache_http;
mod cache_process;
pub(crate) mod counts;
mod database;
mod jobs;
mod live;
mod protection;
mod sales;
mod search;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::ensure;

use crate::client::Http;
use crate::programs::{Running, entrepot, server};
use crate::table::{Row, ratio};

const PAIRS: usize = 5;
const PRODUCTS: &str = "data/complete-journey/products.csv.gz";
const LIST: &str = "/api/v2/products?limit=20";

/// Which scenarios were asked for.
#[derive(Clone, Copy)]
struct Wanted<'a>(&'a str);

impl Wanted<'_> {
    fn one(self, name: &str) -> bool {
        name.contains(self.0)
    }

    fn any(self, names: &[&str]) -> bool {
        names.iter().any(|name| self.one(name))
    }
}

pub(crate) async fn run(only: &str) -> anyhow::Result<Vec<Row>> {
    let wanted = Wanted(only);
    let mut rows = Vec::new();
    if wanted.any(&["import", "start"]) {
        rows.extend(database::import_and_start(wanted)?);
    }
    let needs_stage = [
        database::ON_STAGE,
        search::ON_STAGE,
        cache_http::ON_STAGE,
        protection::ON_STAGE,
        sales::ON_STAGE,
        live::ON_STAGE,
        jobs::ON_STAGE,
    ]
    .into_iter()
    .any(|all| wanted.any(all));
    let stage = if needs_stage { Some(Stage::set().await?) } else { None };
    if let Some(stage) = &stage {
        rows.extend(Box::pin(database::on_stage(stage, wanted)).await?);
        rows.extend(Box::pin(search::on_stage(stage, wanted)).await?);
    }
    if wanted.one("memory") {
        rows.push(database::memory()?);
    }
    if let Some(stage) = &stage {
        rows.extend(Box::pin(cache_http::on_stage(stage, wanted)).await?);
    }
    if let Some(stage) = &stage {
        rows.extend(Box::pin(protection::on_stage(stage, wanted)).await?);
    }
    if let Some(stage) = &stage {
        rows.extend(Box::pin(live::on_stage(stage, wanted)).await?);
        rows.extend(Box::pin(sales::on_stage(stage, wanted)).await?);
        rows.extend(Box::pin(jobs::on_stage(stage, wanted)).await?);
    }
    drop(stage);
    rows.extend(protection::in_process(wanted)?);
    rows.extend(Box::pin(cache_process::run(wanted)).await?);
    // Some rows come from one measurement.
    rows.retain(|row| wanted.one(row.scenario));
    ensure!(!rows.is_empty(), "no scenario has {only:?} in its name");
    Ok(rows)
}

/// A database with the real products in it, and a server on it that caches nothing.
struct Stage {
    data: PathBuf,
    /// Holds the private PostgreSQL too.
    running: Running,
    http: Http,
    scratch: tempfile::TempDir,
    sockets: String,
    ids: Vec<String>,
}

impl Stage {
    async fn set() -> anyhow::Result<Self> {
        let scratch = reachable_folder()?;
        let data = scratch.path().join("data");
        entrepot(&data, &["import", "products", PRODUCTS])?;
        let running = server(&data, &[("ENTREPOT_CACHE_ENABLED", "false")], false)?;
        let ask = |sql: &str| entrepot(&data, &["psql", "--", "-Atc", sql]);
        let sockets = ask("SHOW unix_socket_directories")?.trim().to_owned();
        let ids = ask("SELECT id FROM catalog.product ORDER BY md5(sku) LIMIT 2000")?;
        let ids = ids.lines().map(str::to_owned).collect();
        let stage = Self { http: Http::new(running.address), data, running, scratch, sockets, ids };
        stage.caches_nothing(&stage.http).await?;
        Ok(stage)
    }

    /// Where a further server finds this database.
    fn database_url(&self) -> String {
        format!("postgresql:///entrepot?host={}&user=entrepot", self.sockets)
    }

    /// Another server on the same database, in a folder of its own. It is not warmed 10 s after its
    /// start, as that would fall into a measurement and be counted with it.
    fn another(&self, name: &str, settings: &[(&str, &str)], pinned: bool) -> anyhow::Result<Running> {
        self.another_by(name, settings, |data, settings| server(data, settings, pinned))
    }

    /// The same, started in a way of the caller's own.
    fn another_by<T>(
        &self,
        name: &str,
        settings: &[(&str, &str)],
        start: impl FnOnce(&Path, &[(&str, &str)]) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let url = self.database_url();
        let always = [("DATABASE_URL", &*url), ("ENTREPOT_CACHE_WARM_AFTER_START_S", "86400")];
        let settings: Vec<(&str, &str)> = always.into_iter().chain(settings.iter().copied()).collect();
        start(&self.scratch.path().join(name), &settings)
    }

    /// A file with this in it.
    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> anyhow::Result<PathBuf> {
        let path = self.scratch.path().join(name);
        std::fs::write(&path, content)?;
        Ok(path)
    }

    fn product(&self, index: usize) -> String {
        format!("/api/v2/products/{}", self.ids[index])
    }

    /// Rows that say "not cached" must mean it.
    async fn caches_nothing(&self, http: &Http) -> anyhow::Result<()> {
        for path in [&self.product(0), LIST, &self.product(0), LIST] {
            let answer = http.get(path).await?;
            ensure!(!answer.is_hit(), "{path} came from the cache, which was to be off");
        }
        Ok(())
    }
}

/// A folder that PostgreSQL's own user can look into.
fn reachable_folder() -> anyhow::Result<tempfile::TempDir> {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir()?;
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755))?;
    Ok(folder)
}

/// Ours and the yardstick in turn; both tell how much they do in a second.
fn pairs(
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
    let detail = format!("a second, ours/yardstick: {}", detail.trim_end());
    Ok(ratio(name, what, yardstick, ratios, (at_least, None), detail))
}

/// The time that so many percent of these sorted times do not exceed.
fn percentile(times: &[Duration], percent: usize) -> Duration {
    times[(times.len() * percent / 100).min(times.len() - 1)]
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

fn microseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000_000.0
}

/// Numbers that follow from a seed (splitmix64), so that every run does the same.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit.max(1) as u64).unwrap_or(0)
    }

    /// Between 0 and 1, 1 left out.
    fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}
