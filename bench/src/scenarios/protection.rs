//! What protection costs, and what it holds off.
//!
//! **What makes the figures honest:**
//! - With and without limits and authentication are two servers of the same build on the same core, asked
//!   in turn in one run.
//! - Every sign-in of a flood comes from an address of its own (behind a proxy that is trusted), so that no
//!   limit by address stops it before a password is hashed.
//! - Times of others are counted from when a request was due.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use entrepot_guard::{Limiter, Quota, Subject};
use entrepot_runtime::Clock;
use http::{Request, header};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use super::cache_http::COUNTED;
use super::{LIST, PAIRS, Stage, Wanted, microseconds, milliseconds, pairs, percentile};
use crate::client::Http;
use crate::programs::{ADMIN, Ask, Running, wrk};
use crate::table::{Row, at_most, ratio};

pub(super) const ON_STAGE: &[&str] = &["guard-cost", "sign-in-timing", "sign-in-flood", "slow-loris"];

const TOKEN_CHECKS: u32 = 100_000;
const ADDRESSES: u32 = 1_000_000;
/// Tries with a known and an unknown account, together.
const TRIES: usize = 1_000;
const FLOOD_PER_SECOND: u32 = 500;
const FLOOD_LASTS: Duration = Duration::from_secs(8);
const SLOW_SOCKETS: usize = 2_000;
/// Reads a second by others while something bad happens.
const READS_PER_SECOND: u32 = 200;
const READS: usize = 1_200;

pub(super) async fn on_stage(stage: &Stage, wanted: Wanted<'_>) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    if wanted.one("guard-cost") {
        rows.push(guard_cost(stage).await?);
    }
    if wanted.one("sign-in-timing") {
        rows.push(sign_in_timing(stage).await?);
    }
    if wanted.one("sign-in-flood") {
        rows.extend(sign_in_flood(stage).await?);
    }
    if wanted.one("slow-loris") {
        rows.push(slow_loris(stage).await?);
    }
    Ok(rows)
}

/// The cached list with limits, suspicion and an access token, and without any of them.
async fn guard_cost(stage: &Stage) -> anyhow::Result<Row> {
    let guarded = stage.another("guard-cost-on", COUNTED, true)?;
    let open = stage.another("guard-cost-off", &[], true)?;
    let (with, without) = (Http::new(guarded.address), Http::new(open.address));
    let token = with.token().await?.to_owned();
    for http in [&with, &without] {
        while !http.get(LIST).await?.is_hit() {}
    }
    let answer = with.get(LIST).await?;
    ensure!(answer.field("ratelimit").starts_with("\"general\""), "nothing is counted: {:?}", answer.fields);
    let load = |server: &Running, token: Option<&str>| {
        let ask = Ask { path: LIST, token, pinned: true, ..Ask::default() };
        Ok(wrk(server.address, ask)?.per_second)
    };
    pairs(
        "guard-cost",
        "cached list of 20 with limits, suspicion and an access token",
        "the same without any of them",
        Some(0.90),
        || load(&guarded, Some(&token)),
        || load(&open, None),
    )
}

/// What a sign-in answers, and how long it takes: for an account that there is, and for one that there
/// is not, in turn.
async fn sign_in_timing(stage: &Stage) -> anyhow::Result<Row> {
    let server = stage.another("sign-in-timing", &[], false)?;
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let mut times = [Vec::new(), Vec::new()];
    for index in 0..TRIES + 20 {
        let known = index % 2 == 0;
        let email = if known { ADMIN.to_owned() } else { format!("nobody-{index}@localhost") };
        let start = Instant::now();
        let status = sign_in(&client, server.address, &email, "198.51.100.1").await?;
        ensure!(status == 401, "a wrong password answers {status}");
        // The first ones warm up, and make the stand-in for a password that is not there.
        if index >= 20 {
            times[usize::from(known)].push(microseconds(start.elapsed()));
        }
    }
    let median = |times: &mut Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
    let [unknown, known] = &mut times;
    let (unknown, known) = (median(unknown), median(known));
    // Told so that it fails on either side.
    let apart = (known / unknown).max(unknown / known);
    let detail = format!("medians of {} each: {known:.0} µs with an account, {unknown:.0} µs without", TRIES / 2);
    let what = "sign-in with a wrong password: an account that there is";
    Ok(ratio(
        "sign-in-timing",
        what,
        "one that there is not (the slower by the faster)",
        vec![apart],
        (None, Some(1.05)),
        detail,
    ))
}

async fn sign_in(
    client: &Client<hyper_util::client::legacy::connect::HttpConnector, Full<Bytes>>,
    address: SocketAddr,
    email: &str,
    from: &str,
) -> anyhow::Result<u16> {
    let body = serde_json::json!({"email": email, "password": "not the password"}).to_string();
    let request = Request::post(format!("http://{address}/api/v2/auth/login"))
        .header(header::CONTENT_TYPE, "application/json")
        .header("x-forwarded-for", from)
        .body(Full::from(body))?;
    let response = client.request(request).await?;
    let status = response.status().as_u16();
    response.into_body().collect().await?;
    Ok(status)
}

/// 500 sign-ins a second, each from another address and for another account, while others read.
async fn sign_in_flood(stage: &Stage) -> anyhow::Result<Vec<Row>> {
    let settings = [
        ("ENTREPOT_RATE_LIMITS_ENABLED", "true"),
        ("ENTREPOT_GUARD_TRUSTED_PROXIES", "127.0.0.1"),
        ("RATE_LIMIT_GENERAL", "100000000"),
    ];
    let server = stage.another("sign-in-flood", &settings, false)?;
    let http = Http::new(server.address);
    let paths: Vec<String> = (0..READS).map(|index| stage.product(index % 500)).collect();
    http.at_rate(&paths, READS_PER_SECOND, 64).await?;
    let quiet = http.at_rate(&paths, READS_PER_SECOND, 64).await?;
    let memory_before = resident_mib(&server)?;
    let processor_before = server.processor_time()?;
    let start = Instant::now();
    let flood = tokio::spawn(flood(server.address));
    let during = http.at_rate(&paths, READS_PER_SECOND, 64).await?;
    let answered = flood.await??;
    let memory = resident_mib(&server)? - memory_before;
    let processor =
        server.processor_time()?.saturating_sub(processor_before).as_secs_f64() / start.elapsed().as_secs_f64();
    let [wrong, busy, other] = answered;
    ensure!(
        other == 0 && wrong > 0,
        "{wrong} were told that they are wrong, {busy} to come back, {other} something else"
    );
    let p99 = |times: &[Duration]| milliseconds(percentile(times, 99));
    let mut detail = format!(
        "p99 of {READS_PER_SECOND} reads a second: {:.1} ms before, {:.1} ms during; ",
        p99(&quiet),
        p99(&during)
    );
    write!(detail, "{wrong} sign-ins were hashed and refused, {busy} told to come back; {processor:.2} cores busy; ")?;
    write!(detail, "memory grew by {memory:.0} MiB")?;
    let what = "a product is read during 500 sign-ins a second, p99";
    Ok(vec![
        at_most("sign-in-flood", what, vec![p99(&during)], 100.0, "ms", detail.clone()),
        at_most("sign-in-flood-memory", "memory that such a flood takes", vec![memory], 128.0, "MiB", detail),
    ])
}

/// How many were told that they are wrong, that they shall come back, and anything else.
async fn flood(address: SocketAddr) -> anyhow::Result<[usize; 3]> {
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let start = Instant::now();
    let mut tasks = Vec::new();
    let mut index = 0_u32;
    while start.elapsed() < FLOOD_LASTS {
        tokio::time::sleep_until((start + Duration::from_secs(1) / FLOOD_PER_SECOND * index).into()).await;
        let client = client.clone();
        let from = format!("10.{}.{}.{}", index >> 16 & 255, index >> 8 & 255, index & 255);
        tasks.push(tokio::spawn(async move { sign_in(&client, address, &format!("p{index}@localhost"), &from).await }));
        index += 1;
    }
    let mut counts = [0; 3];
    for task in tasks {
        counts[match task.await?? {
            401 => 0,
            503 | 429 => 1,
            _ => 2,
        }] += 1;
    }
    Ok(counts)
}

/// 2,000 sockets that send a request's head a byte at a time, while others read.
async fn slow_loris(stage: &Stage) -> anyhow::Result<Row> {
    let server = stage.another("slow-loris", &[], false)?;
    let http = Http::new(server.address);
    let paths: Vec<String> = (0..READS).map(|index| stage.product(index % 500)).collect();
    http.at_rate(&paths, READS_PER_SECOND, 64).await?;
    let (mut ratios, mut detail) = (Vec::new(), "p99 in ms, without/with: ".to_owned());
    for _ in 0..PAIRS {
        let quiet = http.at_rate(&paths, READS_PER_SECOND, 64).await?;
        let mut sockets = Vec::with_capacity(SLOW_SOCKETS);
        for _ in 0..SLOW_SOCKETS {
            let mut socket = TcpStream::connect(server.address).await?;
            socket.write_all(b"GET /api/v2/products HTTP/1.1\r\nhost: a\r\n").await?;
            sockets.push(socket);
        }
        let trickle = tokio::spawn(async move {
            // A byte each two seconds, not all at the same moment.
            let mut beat = tokio::time::interval(Duration::from_millis(10));
            for byte in b"x-slow: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa".iter().cycle() {
                for some in sockets.chunks_mut(SLOW_SOCKETS / 200) {
                    beat.tick().await;
                    for socket in some {
                        let _closed_already = socket.write_all(&[*byte]).await;
                    }
                }
            }
        });
        let slowed = http.at_rate(&paths, READS_PER_SECOND, 64).await?;
        trickle.abort();
        let _aborted = trickle.await;
        let p99 = |times: &[Duration]| milliseconds(percentile(times, 99));
        ratios.push(p99(&slowed) / p99(&quiet));
        write!(detail, "{:.2}/{:.2} ", p99(&quiet), p99(&slowed))?;
    }
    let what = "a product is read beside 2,000 sockets that trickle, p99";
    Ok(ratio("slow-loris", what, "without them", ratios, (None, Some(2.0)), detail.trim_end().to_owned()))
}

/// Measured in this process.
pub(super) fn in_process(wanted: Wanted<'_>) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    if wanted.one("token-check") {
        let _warm = entrepot_accounts::time_checks(TOKEN_CHECKS);
        let each = |_| microseconds(entrepot_accounts::time_checks(TOKEN_CHECKS)) / f64::from(TOKEN_CHECKS);
        let figures: Vec<f64> = (0..PAIRS).map(each).collect();
        let detail = "signature, all claims and the expiry of an HS256 token, one thread; what is then known of the session is kept in memory".to_owned();
        rows.push(at_most("token-check", "an access token is checked", figures, 5.0, "µs", detail));
    }
    if wanted.any(&["million-addresses", "million-addresses-later"]) {
        rows.extend(million_addresses()?);
    }
    Ok(rows)
}

/// A million addresses, each of which has asked once; and another million when the first are forgotten.
fn million_addresses() -> anyhow::Result<Vec<Row>> {
    let (clock, hand) = Clock::manual(jiff::Timestamp::UNIX_EPOCH);
    let before = own_resident_mib()?;
    let limiter = Limiter::in_memory(clock, ADDRESSES as usize * 2);
    let quota = Quota { name: "general", limit: 500, window: Duration::from_secs(900) };
    for address in 0..ADDRESSES {
        let subject = Subject::address(std::net::Ipv4Addr::from(address + (1 << 24)).into());
        let verdict = limiter.check_now(&quota, &subject, 1).context("memory decides at once")?;
        ensure!(verdict.allowed && verdict.remaining == 499, "{address}: {verdict:?}");
    }
    ensure!(limiter.figures().tracked == ADDRESSES as usize, "{:?}", limiter.figures());
    let held = own_resident_mib()? - before;
    hand.advance(Duration::from_secs(900));
    // A shard is swept at once by hand; in a server every ten seconds.
    limiter.sweep();
    let tracked = limiter.figures().tracked;
    ensure!(tracked == 0, "{tracked} are still known");
    // What was forgotten makes room: another million takes no more than the first did. (The allocator keeps
    // freed pages for a while, so that the process as such shrinks is not to be seen at once.)
    for address in 0..ADDRESSES {
        let subject = Subject::address(std::net::Ipv4Addr::from(address + (1 << 28)).into());
        limiter.check_now(&quota, &subject, 1).context("memory decides at once")?;
    }
    let again = own_resident_mib()? - before;
    let more = (again - held).max(0.0);
    let detail = format!(
        "resident memory of the process: {held:.1} MiB more with them, {again:.1} MiB with another million after \
         the window of the first"
    );
    Ok(vec![
        at_most(
            "million-addresses",
            "a million addresses are counted, memory",
            vec![held],
            128.0,
            "MiB",
            detail.clone(),
        ),
        at_most(
            "million-addresses-later",
            "another million after their window, memory beside that",
            vec![more],
            16.0,
            "MiB",
            detail,
        ),
    ])
}

fn resident_mib(server: &Running) -> anyhow::Result<f64> {
    resident(&server.pid().to_string())
}

fn own_resident_mib() -> anyhow::Result<f64> {
    resident("self")
}

fn resident(process: &str) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("a process has a resident set")?;
    Ok(line.split_whitespace().nth(1).context("a number")?.parse::<f64>()? / 1024.0)
}
