//! Sales: the import of the real file, batches beside single calls, exports beside `psql`, and what each part
//! of it is worth.
//!
//! **What makes the figures honest:**
//! - A batch writes the same rows as the single calls beside it (where they are new, as many of another year),
//!   one day of another month each, over one connection that stays open.
//! - `psql` copies the very rows in the very order to `/dev/null`, without what makes an export one that can
//!   be resumed.
//! - Lists are measured on the server that caches nothing.
//! - Memory is what the process has resident, looked at every few milliseconds.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use http::{Method, header};
use serde_json::json;

use super::{PAIRS, Stage, Wanted, milliseconds};
use crate::client::Http;
use crate::programs::{Psql, Running, entrepot, psql_copy, resident};
use crate::table::{Row, at_most, ratio};

pub(super) const ON_STAGE: &[&str] = &[
    "sales-import",
    "sales-batch",
    "sales-batch-new",
    "export",
    "export-memory",
    "export-memory-ten",
    "export-coded",
    "sales-projection",
    "sales-indexes",
];

const TRANSACTIONS: &str = "data/complete-journey/transactions-2017-q1.csv.gz";
const ROWS: u64 = 1_000_000;
const STORES: u32 = 8_000;
/// Batches of a measurement, one after the other: each another month of the same stores.
const MONTHS: usize = 6;
/// The rows of an export as `psql` copies them.
const COPIED: &str = "SELECT m.store_id, m.year, m.month, trim_scale(m.sales), trim_scale(m.transactions), \
     trim_scale(m.customers), trim_scale(m.units), trim_scale(m.discount), m.days, m.daily, \
     to_char(m.updated_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') \
     FROM sales.month AS m ORDER BY m.store_id, m.year, m.month";
/// Indexes, and a list that each serves.
const INDEXES: [(&str, &str, &str); 6] = [
    ("month_by_period", "(period, store_id)", "limit=50&exclude=dailyData"),
    ("month_by_month", "(month, period, store_id)", "limit=50&exclude=dailyData&month=3"),
    ("month_by_sales", "(sales, store_id, period)", "limit=50&exclude=dailyData&sort=-sales"),
    ("month_by_updated", "(updated_at, store_id, period)", "limit=50&exclude=dailyData&sort=-updatedAt"),
    (
        "month_recent_24288",
        "(period, sales, store_id) WHERE period >= 24288",
        "limit=50&exclude=dailyData&sort=-sales&year=2025&month=6",
    ),
    ("month_fields", "USING gin (sales.fields(daily))", "limit=50&exclude=dailyData&has=promo"),
];

pub(super) async fn on_stage(stage: &Stage, wanted: Wanted<'_>) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    if wanted.one("sales-import") {
        let mut times = Vec::new();
        for _ in 0..3 {
            // The first makes everything, the others find it as it is.
            let start = Instant::now();
            entrepot(&stage.data, &["import", "transactions", TRANSACTIONS])?;
            times.push(start.elapsed().as_secs_f64());
        }
        let detail = format!("362,683 lines; the first new, the others as they were: {times:.1?} s");
        rows.push(at_most("sales-import", "import of the real transactions", times, 15.0, "s", detail));
    }
    for name in ["sales-batch", "sales-batch-new"] {
        if wanted.one(name) {
            rows.push(batch(stage, name).await?);
        }
    }
    if !wanted.any(&ON_STAGE[3..]) {
        return Ok(rows);
    }
    a_million(stage)?;
    let server = stage.another("export", &[], false)?;
    let token = Http::new(server.address).token().await?.to_owned();
    if wanted.one("export") {
        rows.push(export(stage, &server, &token)?);
    }
    for (name, at_once) in [("export-memory", 1), ("export-memory-ten", 10)] {
        if wanted.one(name) {
            // One that has exported nothing yet, so that nothing is resident from before.
            let fresh = stage.another(name, &[], false)?;
            let token = Http::new(fresh.address).token().await?.to_owned();
            rows.push(memory(name, &fresh, &token, at_once)?);
        }
    }
    if wanted.one("export-coded") {
        rows.push(coded(&server, &token)?);
    }
    if wanted.one("sales-projection") {
        rows.push(projection(&stage.http).await?);
    }
    if wanted.one("sales-indexes") {
        rows.extend(indexes(stage).await?);
    }
    Ok(rows)
}

/// Rows in batches of fifty, and the same by single calls, one call after the other: one day of each month of
/// fifty stores, which are all there already, or none of them.
async fn batch(stage: &Stage, name: &'static str) -> anyhow::Result<Row> {
    let server = stage.another(name, &[], false)?;
    let http = Http::new(server.address);
    let bearer = format!("Bearer {}", http.token().await?);
    let fields = [(header::CONTENT_TYPE, "application/json"), (header::AUTHORIZATION, &*bearer)];
    let patch = [(header::CONTENT_TYPE, "application/merge-patch+json"), (header::AUTHORIZATION, &*bearer)];
    for store in 0..50 {
        let path = format!("/api/v2/stores/batch-{store}");
        http.write(Method::PUT, &path, &fields, "{\"name\":\"Batch\"}".into()).await?;
    }
    let is_new = name == "sales-batch-new";
    let all = |year: usize, month: usize, sales: usize| {
        let rows: Vec<_> = (0..50)
            .map(|store| {
                json!({"storeId": format!("batch-{store}"), "year": year, "month": month,
                       "dailyData": {"1": {"sales": sales}}})
            })
            .collect();
        json!({"salesDataArray": rows}).to_string()
    };
    let together = |body: String| http.write(Method::POST, "/api/v2/sales/batch", &fields, body.into());
    let (mut ratios, mut detail) = (Vec::new(), String::new());
    // What a write leaves to be done (the audit, the caches) is done, so that it is not counted with the next.
    let settled = || tokio::time::sleep(Duration::from_millis(300));
    for round in 0..=PAIRS * 2 {
        let year = if is_new { 2100 } else { 2000 } + round;
        if !is_new {
            for month in 1..=MONTHS {
                together(all(year, month, 1)).await?;
            }
        }
        settled().await;
        let start = Instant::now();
        for month in 1..=MONTHS {
            together(all(year, month, round + 2)).await?;
        }
        let at_once = start.elapsed();
        settled().await;
        let year = if is_new { year - 50 } else { year };
        let start = Instant::now();
        for month in 1..=MONTHS {
            for store in 0..50 {
                let path = format!("/api/v2/sales/batch-{store}/{year}/{month}");
                let body = json!({"dailyData": {"1": {"sales": round + 100}}}).to_string();
                http.write(Method::PATCH, &path, &patch, body.into()).await?;
            }
        }
        let apart = start.elapsed();
        if round > 0 {
            ratios.push(apart.as_secs_f64() / at_once.as_secs_f64());
            detail.push_str(&format!("{:.1}/{:.1} ", milliseconds(at_once), milliseconds(apart)));
        }
    }
    let detail = format!("ms for {MONTHS} times 50 rows, in batches/one by one: {}", detail.trim_end());
    let what = if is_new { "batch of 50 months, new" } else { "batch of 50 months, changed" };
    Ok(ratio(name, what, "50 PATCHes, the same rows", ratios, (Some(20.0), None), detail))
}

/// Puts a million months in, unless they are there.
fn a_million(stage: &Stage) -> anyhow::Result<()> {
    let mut psql = Psql::open(&stage.sockets)?;
    psql.run(&format!(
        "SET session_replication_role = replica; SET statement_timeout = 0; DELETE FROM sales.month; \
         INSERT INTO sales.store (id, name, created_at, updated_at) \
         SELECT n::text, 'Store ' || n, now(), now() FROM generate_series(1, {STORES}) AS n ON CONFLICT DO NOTHING; \
         INSERT INTO sales.month (id, store_id, year, month, daily, sales, transactions, customers, units, discount, days, created_at, updated_at) \
         SELECT gen_random_uuid(), store::text, period / 12, period % 12 + 1, \
                jsonb_build_object('1', jsonb_build_object('sales', amount), '2', jsonb_build_object('sales', 1), \
                '3', CASE WHEN (store + period) % 5000 = 0 THEN '{{\"promo\": 1}}'::jsonb ELSE '{{\"units\": 2}}'::jsonb END), \
                amount + 1, 0, 0, 2, 0, 3, now(), now() - make_interval(secs => amount::float8) \
         FROM generate_series(1, {STORES}) AS store, generate_series(24187, 24311) AS period, \
              LATERAL (SELECT (store::bigint * 7919 + period::bigint * 104729) % 100000 AS amount) AS made; \
         VACUUM ANALYZE sales.month;"
    ))
}

/// Reads an export to its end; how many bytes came.
fn read_export(server: &Running, token: &str, coding: &str) -> anyhow::Result<u64> {
    let mut stream = TcpStream::connect(server.address)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    write!(
        stream,
        "GET /api/v2/sales/export HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n\
         Accept-Encoding: {coding}\r\nConnection: close\r\n\r\n"
    )?;
    let mut buffer = vec![0; 256 * 1024];
    let (mut bytes, mut tail) = (0, Vec::new());
    loop {
        let read = stream.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        if bytes == 0 {
            ensure!(buffer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&buffer[..read.min(200)]));
        }
        bytes += read as u64;
        tail.extend_from_slice(&buffer[read.saturating_sub(5)..read]);
        tail.drain(..tail.len().saturating_sub(5));
    }
    ensure!(tail == b"0\r\n\r\n", "the export was cut off after {bytes} bytes");
    Ok(bytes)
}

fn export(stage: &Stage, server: &Running, token: &str) -> anyhow::Result<Row> {
    let (mut ratios, mut detail) = (Vec::new(), String::new());
    for round in 0..=PAIRS {
        let start = Instant::now();
        let bytes = read_export(server, token, "identity")?;
        let ours = start.elapsed().as_secs_f64();
        ensure!(bytes > ROWS * 60, "only {bytes} bytes came");
        let start = Instant::now();
        psql_copy(&stage.sockets, COPIED)?;
        let theirs = start.elapsed().as_secs_f64();
        if round > 0 {
            ratios.push(theirs / ours);
            detail.push_str(&format!("{ours:.2}/{theirs:.2} ({} MB) ", bytes / 1_000_000));
        }
    }
    let detail = format!("s for {ROWS} rows, ours/psql: {}", detail.trim_end());
    Ok(ratio(
        "export",
        "export of 1,000,000 rows, over HTTP",
        "psql's COPY of the same rows",
        ratios,
        (Some(0.6), None),
        detail,
    ))
}

/// How much more is resident at the most while so many exports run at once.
fn memory(name: &'static str, server: &Running, token: &str, at_once: usize) -> anyhow::Result<Row> {
    let mut above = Vec::new();
    let before = resident(server.pid())?;
    for _ in 0..3 {
        let is_over = Arc::new(AtomicBool::new(false));
        let (pid, over) = (server.pid(), is_over.clone());
        let watch = std::thread::spawn(move || {
            let mut most: f64 = 0.0;
            while !over.load(Ordering::Relaxed) {
                most = most.max(resident(pid).unwrap_or(0.0));
                std::thread::sleep(Duration::from_millis(5));
            }
            most
        });
        std::thread::scope(|scope| {
            let readers: Vec<_> =
                (0..at_once).map(|_| scope.spawn(|| read_export(server, token, "identity").map(drop))).collect();
            readers.into_iter().try_for_each(|reader| reader.join().ok().context("a reader panicked")?)
        })?;
        is_over.store(true, Ordering::Relaxed);
        let most = watch.join().ok().context("the watch panicked")?;
        above.push((most - before).max(0.0) / 1_048_576.0);
    }
    let detail = format!("MiB above what was resident before: {above:.1?}");
    let what = format!("memory of {at_once} export(s) of 1,000,000 rows at once, above idle");
    Ok(at_most(name, &what, above, 32.0, "MiB", detail))
}

fn coded(server: &Running, token: &str) -> anyhow::Result<Row> {
    let (mut shares, mut detail) = (Vec::new(), String::new());
    let plain = read_export(server, token, "identity")?;
    for coding in ["gzip", "br", "zstd"] {
        let start = Instant::now();
        let bytes = read_export(server, token, coding)?;
        shares.push(bytes as f64 / plain as f64);
        detail.push_str(&format!(
            "{coding} {:.1} % in {:.1} s, ",
            100.0 * bytes as f64 / plain as f64,
            start.elapsed().as_secs_f64()
        ));
    }
    Ok(ratio(
        "export-coded",
        "bytes of an export that is compressed on the way",
        "as it is",
        shares,
        (None, None),
        detail,
    ))
}

async fn projection(http: &Http) -> anyhow::Result<Row> {
    let path = |rest: &str| format!("/api/v2/sales?limit=200{rest}");
    let (mut shares, mut detail) = (Vec::new(), String::new());
    for _ in 0..PAIRS {
        let mut times = Vec::new();
        for rest in ["", "&fields=storeId,year,month,totals.sales"] {
            let start = Instant::now();
            let mut bytes = 0;
            for _ in 0..20 {
                let answer = http.as_admin(&path(rest)).await?;
                ensure!(!answer.is_hit(), "the list came from the cache");
                bytes = answer.body.len();
            }
            times.push((start.elapsed().as_secs_f64() / 20.0, bytes));
        }
        shares.push(times[1].0 / times[0].0);
        detail.push_str(&format!(
            "{:.1}/{:.1} ms, {}/{} bytes; ",
            times[1].0 * 1e3,
            times[0].0 * 1e3,
            times[1].1,
            times[0].1
        ));
    }
    Ok(ratio("sales-projection", "list of 200 months, four fields", "all fields", shares, (None, None), detail))
}

/// What a list takes without the index that serves it.
async fn indexes(stage: &Stage) -> anyhow::Result<Vec<Row>> {
    let mut psql = Psql::open(&stage.sockets)?;
    psql.run("SET statement_timeout = 0")?;
    let mut rows = Vec::new();
    for (index, form, query) in INDEXES {
        let path = format!("/api/v2/sales?{query}");
        let median = async || -> anyhow::Result<f64> {
            let mut times = Vec::new();
            for _ in 0..7 {
                let start = Instant::now();
                let answer = stage.http.as_admin(&path).await?;
                ensure!(!answer.is_hit(), "{path} came from the cache");
                times.push(milliseconds(start.elapsed()));
            }
            times.sort_by(f64::total_cmp);
            Ok(times[3])
        };
        let with = median().await?;
        psql.run(&format!("DROP INDEX sales.{index}"))?;
        let without = median().await?;
        psql.run(&format!("CREATE INDEX {index} ON sales.month {form}"))?;
        let detail = format!("{index}: {with:.1} ms with it, {without:.1} ms without");
        let what = format!("list without the index {index}");
        rows.push(ratio(
            "sales-indexes",
            &what,
            "with it, a million months",
            vec![without / with],
            (None, None),
            detail,
        ));
    }
    Ok(rows)
}
