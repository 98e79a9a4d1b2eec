//! What the hottest operations execute, counted under callgrind: instructions and allocations. Neither varies with the
//! machine, so they are committed (`bench/counts.json`), and a change of more than [`TOLERANCE`] fails until it is
//! committed too. The lines of memory that one request touches are counted where it is asked for.
//!
//! **What makes the figures honest:**
//! - The server is the whole program, with one thread; requests come over the loopback, one after the other, over one
//!   connection. What is counted is what `callgrind.rs` says: all that the connection's task does, and what it began.
//! - A figure is the least of some batches of requests after a warm-up: what happens now and then is not in all of them,
//!   and what happens for each request is.
//! - The yardstick is the bare hyper server of the other scenarios, counted in the same way: it sends the bytes of a
//!   recorded hit, which is checked.
//! - Both programs are of one build, and optimised without looking over crates (the profile `serve`), so that the
//!   figures do not change with what else is linked.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use http::{Method, header};
use serde::{Deserialize, Serialize};

use super::cache_http::COUNTED;
use super::{LIST, Stage};
use crate::callgrind::{Callgrind, Counted};
use crate::programs::{Running, bare_by, our_program, server_by, with_one_thread};

const FILE: &str = "bench/counts.json";
/// How far a figure may be from the committed one.
const TOLERANCE: f64 = 0.01;
/// How many more or fewer allocations are no difference, where they are so few that [`TOLERANCE`] would be one: whatever
/// waits for the database makes two more or fewer by the machine.
const FEW: u64 = 3;
/// The most batches; fewer where the figures are the committed ones before.
const BATCHES: usize = 48;
/// Single requests with empty caches.
const COLD: usize = 5;
/// The most instructions of a hit, by those of the bare server, which looks at no token.
const MOST: f64 = 1.5;
/// Requests before anything is counted: what is made once for all is made, and tables have their size.
const WARM_UP: usize = 200;

/// Under valgrind a request takes some fifty times as long, and the feed is read late. So the server does no jobs, and
/// trusts what it has kept although it lags behind the feed. (The feed is read as often as ever: with fewer reads, rights
/// would be asked of the database again and again.)
const QUIET: &[(&str, &str)] = &[
    ("ENTREPOT_FEED_MAX_LAG_MS", "600000"),
    ("ENTREPOT_JOBS_POLL_MS", "60000"),
    ("ENTREPOT_JOBS_EMAIL", "0"),
    ("ENTREPOT_JOBS_NOTIFICATIONS", "0"),
    ("ENTREPOT_JOBS_REPORTS", "0"),
    ("ENTREPOT_JOBS_INVENTORY", "0"),
    ("ENTREPOT_JOBS_ANALYTICS", "0"),
    ("ENTREPOT_JOBS_EXPORTS", "0"),
    ("ENTREPOT_JOBS_IMAGES", "0"),
    ("ENTREPOT_JOBS_CACHE", "0"),
];

/// An operation, and how it is asked.
struct Operation {
    name: &'static str,
    /// What is asked, by the number of the request.
    ask: Box<dyn Fn(usize) -> Asked>,
    /// In one batch: one where a request takes so long that something which happens now and then, like a look-up of the
    /// caller's rights, would be in every longer one.
    requests: usize,
    /// Whether the caller has signed in.
    is_signed_in: bool,
    /// Whether every answer must come from the cache.
    is_hit: bool,
    /// Whether the bare server is counted beside it.
    has_yardstick: bool,
    /// Whether it must not be more than [`MOST`] times that.
    is_bounded: bool,
}

struct Asked {
    method: &'static str,
    target: String,
    fields: String,
    body: String,
}

/// What one request of an operation executes.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Figures {
    instructions: u64,
    allocations: u64,
    #[serde(skip)]
    lines: Option<(u64, u64)>,
    /// Of the bare server that sends the same bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bare_instructions: Option<u64>,
}

/// The committed file.
#[derive(Debug, Default, Serialize, Deserialize)]
struct File {
    #[serde(default)]
    operations: BTreeMap<String, Figures>,
    /// What the tests count (`server/tests/it/counted.rs`); kept as it is.
    #[serde(default)]
    database: serde_json::Value,
}

/// Counts, prints, and compares with the committed file, or writes it.
pub(crate) async fn run(only: &str, write: bool, lines: bool) -> anyhow::Result<()> {
    let stage = Stage::set().await?;
    let folder = stage.scratch.path().join("callgrind");
    let token = stage.http.token().await?.to_owned();
    let operations = operations(&stage).await?;
    let (mut counted, mut slow) = (BTreeMap::new(), Vec::new());
    println!("{:<20} {:>12} {:>11}  by bare hyper", "operation", "instructions", "allocations");
    let mut file = read()?;
    // A server without limits, as in the scenarios, for those whose name says so; one with limits for all others.
    for (name, settings, are_limited) in [("unlimited", &[] as &[_], false), ("limited", COUNTED, true)] {
        let chosen = |one: &&Operation| one.name.contains(only) && is_limited(one) == are_limited;
        if !operations.iter().any(|one| chosen(&one)) {
            continue;
        }
        let mut callgrind = Callgrind::new(&folder.join(name))?;
        let server = stage.another_by(name, settings, |data, settings| {
            let settings: Vec<_> = settings.iter().chain(QUIET).copied().collect();
            server_by(callgrind.command(&our_program()?), data, &with_one_thread(&settings))
        })?;
        for operation in operations.iter().filter(chosen) {
            let token = operation.is_signed_in.then_some(&*token);
            let recorded = if operation.is_hit { Some(record(server.address, operation, token).await?) } else { None };
            let committed = if write { None } else { file.operations.get(operation.name) };
            let mut figures = measure(&mut callgrind, &server, operation, token, committed)?;
            // Of others each request would have to be another one, and an identity is looked up again after a pause.
            let lines = lines && operation.has_yardstick && !operation.is_signed_in;
            if lines {
                figures.lines = Some(touched(&mut callgrind, &server, operation, token)?);
            }
            let mut bare_lines = None;
            if let Some(recorded) = recorded.filter(|_| operation.has_yardstick) {
                let bare = beside_bare(&folder.join(operation.name), &recorded, operation, token, lines)?;
                figures.bare_instructions = Some(bare.instructions);
                bare_lines = bare.lines;
            }
            println!("{}", told(operation.name, &figures, bare_lines));
            // Those that stand in the file keep to the bound; what is counted may differ from them by the tolerance.
            let bounded = committed.unwrap_or(&figures);
            if operation.is_bounded && bounded.share().is_some_and(|share| share > MOST) {
                slow.push(operation.name);
            }
            counted.insert(operation.name.to_owned(), figures);
        }
    }
    ensure!(!counted.is_empty(), "no operation has {only:?} in its name");
    if write {
        file.operations.extend(counted);
        std::fs::write(FILE, serde_json::to_string_pretty(&file)? + "\n")?;
        println!("\nwritten to {FILE}");
    } else {
        let differences = compare(&file, &counted, only);
        ensure!(
            differences.is_empty(),
            "{FILE} says otherwise; look why, then commit what `entrepot-bench counts --write` writes:\n{differences}"
        );
    }
    ensure!(slow.is_empty(), "more than {MOST} times the instructions of bare hyper: {}", slow.join(", "));
    Ok(())
}

fn is_limited(operation: &Operation) -> bool {
    !operation.name.ends_with("-unlimited")
}

impl Figures {
    fn share(&self) -> Option<f64> {
        self.bare_instructions.map(|bare| self.instructions as f64 / bare as f64)
    }

    /// What it is, how many there are, and the difference that is none: the handful of a hit are counted exactly.
    fn named(&self) -> [(&'static str, u64, u64); 3] {
        [
            ("instructions", self.instructions, 0),
            ("allocations", self.allocations, FEW.min(self.allocations / 30)),
            ("instructions of bare hyper", self.bare_instructions.unwrap_or(0), 0),
        ]
    }

    /// In what these are others than the committed ones: what, before, now.
    fn differ_from(&self, before: &Self) -> impl Iterator<Item = (&'static str, u64, u64)> {
        let pairs = self.named().into_iter().zip(before.named());
        let far = pairs.filter(|((_, now, _), (_, before, none))| {
            now.abs_diff(*before) as f64 > (*before as f64 * TOLERANCE).max(*none as f64)
        });
        far.map(|((what, now, _), (_, before, _))| (what, before, now))
    }
}

fn told(name: &str, figures: &Figures, bare_lines: Option<(u64, u64)>) -> String {
    let Figures { instructions, allocations, lines, .. } = figures;
    let share = figures.share().map_or_else(String::new, |share| format!("{share:.2}"));
    let of = |(code, data): (u64, u64)| format!("{code} of code, {data} of data");
    let lines = lines.map_or_else(String::new, |lines| format!("  lines: {}", of(lines)));
    let bare = bare_lines.map_or_else(String::new, |lines| format!("; bare hyper: {}", of(lines)));
    format!("{name:<20} {instructions:>12} {allocations:>11}  {share:<13}{lines}{bare}").trim_end().to_owned()
}

fn read() -> anyhow::Result<File> {
    match std::fs::read_to_string(FILE) {
        Ok(text) => serde_json::from_str(&text).context(FILE),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(File::default()),
        Err(error) => Err(error).context(FILE),
    }
}

/// A line for every figure that is too far from the committed one.
fn compare(file: &File, counted: &BTreeMap<String, Figures>, only: &str) -> String {
    let mut lines = String::new();
    for name in file.operations.keys().filter(|name| name.contains(only) && !counted.contains_key(*name)) {
        let _to_memory = writeln!(lines, "  {name}: is in the file and was not counted");
    }
    for (name, figures) in counted {
        let Some(before) = file.operations.get(name) else {
            let _to_memory = writeln!(lines, "  {name}: is not in the file");
            continue;
        };
        for (what, before, now) in figures.differ_from(before) {
            let change = (now as f64 / before as f64 - 1.0) * 100.0;
            let _to_memory = writeln!(lines, "  {name}: {what} {before} -> {now} ({change:+.1} %)");
        }
    }
    lines
}

/// Requests of one operation over a connection of their own.
fn asking<'a>(
    server: &Running,
    operation: &'a Operation,
    token: Option<&'a str>,
) -> anyhow::Result<impl FnMut(usize) -> anyhow::Result<()>> {
    let mut connection = Connection::open(server.address)?;
    let mut next = 0;
    Ok(move |count: usize| {
        for _ in 0..count {
            let answer = connection.ask(&(operation.ask)(next), token)?;
            next += 1;
            ensure!(!operation.is_hit || answer.is_hit(), "{} is no hit:\n{}", operation.name, answer.head);
        }
        Ok(())
    })
}

/// Counts one operation of a server that runs already, ours or the bare one.
fn measure(
    callgrind: &mut Callgrind,
    server: &Running,
    operation: &Operation,
    token: Option<&str>,
    committed: Option<&Figures>,
) -> anyhow::Result<Figures> {
    let mut ask = asking(server, operation, token)?;
    ask(if operation.is_hit { WARM_UP } else { WARM_UP / 10 })?;
    let pid = server.pid();
    callgrind.begin_cold(pid)?;
    ask(1)?;
    let requests = operation.requests as u64;
    let mut least = Figures { instructions: u64::MAX, allocations: u64::MAX, lines: None, bare_instructions: None };
    for _ in 0..BATCHES {
        callgrind.begin(pid)?;
        ask(operation.requests)?;
        let Counted { instructions, allocations, .. } = callgrind.end(pid)?;
        ensure!(instructions > 0, "{}: callgrind counted nothing", operation.name);
        let each = |figure: u64| (figure + requests / 2) / requests;
        least.instructions = least.instructions.min(each(instructions));
        least.allocations = least.allocations.min(each(allocations));
        let with_yardstick = |committed: &Figures| Figures { bare_instructions: None, ..committed.clone() };
        if committed.is_some_and(|committed| least.differ_from(&with_yardstick(committed)).next().is_none()) {
            break;
        }
    }
    Ok(least)
}

/// The lines of code and of data that one request touches: the least here too.
fn touched(
    callgrind: &mut Callgrind,
    server: &Running,
    operation: &Operation,
    token: Option<&str>,
) -> anyhow::Result<(u64, u64)> {
    let mut ask = asking(server, operation, token)?;
    let mut least = (u64::MAX, u64::MAX);
    for _ in 0..COLD {
        callgrind.begin_cold(server.pid())?;
        ask(1)?;
        let one = callgrind.end(server.pid())?;
        if one.instructions > 0 {
            least = (least.0.min(one.code_lines), least.1.min(one.data_lines));
        }
    }
    ensure!(least.0 != u64::MAX, "{}: callgrind counted no single request", operation.name);
    Ok(least)
}

/// Counts the bare server that sends what ours does.
fn beside_bare(
    folder: &Path,
    recorded: &Answer,
    operation: &Operation,
    token: Option<&str>,
    lines: bool,
) -> anyhow::Result<Figures> {
    let mut callgrind = Callgrind::new(folder)?;
    let (body, fields) = (folder.join("body"), folder.join("fields"));
    std::fs::write(&body, &recorded.body)?;
    std::fs::write(&fields, recorded.lines(&["date", "content-length"]))?;
    let bare = bare_by(callgrind.command(&std::env::current_exe()?), &body, Some(&fields))?;
    let theirs = Connection::open(bare.address)?.ask(&(operation.ask)(0), token)?;
    let is_same = theirs.body == recorded.body && theirs.lines(&["date"]) == recorded.lines(&["date"]);
    ensure!(is_same, "{}: the bare server sends something else:\n{}{}", operation.name, theirs.head, recorded.head);
    let mut figures = measure(&mut callgrind, &bare, operation, token, None)?;
    if lines {
        figures.lines = Some(touched(&mut callgrind, &bare, operation, token)?);
    }
    Ok(figures)
}

/// A hit in its final form: the good compressed form is made in the background after the first.
async fn record(address: SocketAddr, operation: &Operation, token: Option<&str>) -> anyhow::Result<Answer> {
    let mut connection = Connection::open(address)?;
    for _ in 0..600 {
        let answer = connection.ask(&(operation.ask)(0), token)?;
        if answer.is_hit() && !answer.head.contains("-quick") {
            return Ok(answer);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    anyhow::bail!("{} is never a hit", operation.name)
}

/// One connection, and the bytes that are sent over it: always the same, so that reading them costs the same.
struct Connection {
    stream: TcpStream,
}

/// An answer as it came.
struct Answer {
    head: String,
    body: Vec<u8>,
}

impl Connection {
    fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        Ok(Self { stream })
    }

    /// Sends a request and reads the answer; anything but a success or "not modified" is an error.
    fn ask(&mut self, asked: &Asked, token: Option<&str>) -> anyhow::Result<Answer> {
        let Asked { method, target, fields, body } = asked;
        let mut request = format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\n{fields}");
        if let Some(token) = token {
            write!(request, "Authorization: Bearer {token}\r\n")?;
        }
        if !body.is_empty() {
            write!(request, "Content-Length: {}\r\n", body.len())?;
        }
        request.push_str("\r\n");
        request.push_str(body);
        self.stream.write_all(request.as_bytes())?;
        let mut received = Vec::with_capacity(16 * 1024);
        let mut buffer = [0; 16 * 1024];
        loop {
            let count = self.stream.read(&mut buffer)?;
            ensure!(count > 0, "{target}: the server closed the connection");
            received.extend_from_slice(&buffer[..count]);
            let Some(end) = received.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
            let head = std::str::from_utf8(&received[..end + 2])?;
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let status = head.split(' ').nth(1).unwrap_or_default();
            let length = if status == "304" { 0 } else { length.map_or(Ok(0), str::parse::<usize>)? };
            if received.len() < end + 4 + length {
                continue;
            }
            ensure!(status.starts_with('2') || status == "304", "{target}: {head}");
            return Ok(Answer { head: head.to_owned(), body: received[end + 4..].to_vec() });
        }
    }
}

impl Answer {
    fn is_hit(&self) -> bool {
        self.head.contains("\r\ncache-status: entrepot; hit")
    }

    /// The fields, one on each line, but for these.
    fn lines(&self, without: &[&str]) -> String {
        let is_wanted = |line: &&str| !line.split(':').next().is_some_and(|name| without.contains(&name));
        self.head.lines().skip(1).filter(is_wanted).fold(String::new(), |all, line| all + line + "\n")
    }
}

const MERGE_PATCH: &str = "Content-Type: application/merge-patch+json\r\n";

/// The twelve. Those whose name ends in `-unlimited` are asked of a server that counts no requests.
async fn operations(stage: &Stage) -> anyhow::Result<Vec<Operation>> {
    let bearer = format!("Bearer {}", stage.http.token().await?);
    let json = [(header::CONTENT_TYPE, "application/json"), (header::AUTHORIZATION, &*bearer)];
    stage.http.write(Method::PUT, "/api/v2/stores/counted", &json, "{\"name\":\"Counted\"}".into()).await?;
    let month = "/api/v2/sales/counted/2024/1";
    // Always of one day, so that the month does not grow.
    let day = |at: usize| format!("{{\"dailyData\":{{\"1\":{{\"sales\":{}.5,\"transactions\":3}}}}}}", 10_000 + at);
    stage.http.write(Method::PUT, month, &json, day(0).into()).await?;
    let product = stage.product(0);
    let etag = stage.http.get(&product).await?.field("etag").to_owned();
    let ids = stage.ids.clone();
    let read = |target: String| {
        move |_: usize| Asked { method: "GET", target: target.clone(), fields: String::new(), body: String::new() }
    };
    let each = |target: fn(usize) -> String| {
        move |at: usize| Asked { method: "GET", target: target(at), fields: String::new(), body: String::new() }
    };
    let with = |target: String, fields: String| {
        move |_: usize| Asked { method: "GET", target: target.clone(), fields: fields.clone(), body: String::new() }
    };
    let hit = |name, ask: Box<dyn Fn(usize) -> Asked>, is_signed_in| Operation {
        name,
        ask,
        requests: 100,
        is_signed_in,
        is_hit: true,
        has_yardstick: true,
        is_bounded: true,
    };
    let work = |name, ask: Box<dyn Fn(usize) -> Asked>, is_signed_in| Operation {
        name,
        ask,
        requests: 1,
        is_signed_in,
        is_hit: false,
        has_yardstick: false,
        is_bounded: false,
    };
    let missed = move |at: usize| Asked {
        method: "GET",
        target: format!("/api/v2/products/{}", ids[(1_000 + at) % ids.len()]),
        fields: String::new(),
        body: String::new(),
    };
    let written = stage.product(1);
    let update = move |at: usize| Asked {
        method: "PATCH",
        target: written.clone(),
        fields: MERGE_PATCH.to_owned(),
        body: format!("{{\"stock\":{}}}", 10_000 + at),
    };
    let sold = move |at: usize| Asked {
        method: "PATCH",
        target: month.to_owned(),
        fields: MERGE_PATCH.to_owned(),
        body: day(at),
    };
    let brotli = "Accept-Encoding: br\r\n".to_owned();
    let mut unchanged =
        hit("product-unchanged", Box::new(with(product.clone(), format!("If-None-Match: {etag}\r\n"))), false);
    unchanged.has_yardstick = false;
    unchanged.is_bounded = false;
    let mut signed_in = hit("list-signed-in", Box::new(read(LIST.to_owned())), true);
    signed_in.is_bounded = false;
    Ok(vec![
        hit("product-unlimited", Box::new(read(product.clone())), false),
        hit("list-unlimited", Box::new(read(LIST.to_owned())), false),
        hit("product", Box::new(read(product)), false),
        signed_in,
        hit("list-brotli", Box::new(with(LIST.to_owned(), brotli)), false),
        unchanged,
        work("product-missed", Box::new(missed), false),
        work("list-missed", Box::new(each(|at| format!("{LIST}&maxPrice={}", 10_000 + at))), false),
        work(
            "search-missed",
            Box::new(each(|at| format!("/api/v2/products/search?q=cof&maxPrice={}", 10_000 + at))),
            false,
        ),
        work("update-product", Box::new(update), true),
        work("sales-month", Box::new(read(month.to_owned())), true),
        work("update-sales-month", Box::new(sold), true),
    ])
}
