//! Live updates beside `ws`, the WebSocket library of Node: idle sockets, bursts, single events, and how late
//! a write is told.
//!
//! **What makes the figures honest:**
//! - Ours are signed in and follow a topic; what they are sent was committed to the database and read from
//!   its feed. `ws` sends what lies in its memory.
//! - Frames of both are of the same size, and every one is counted at the other end.
//! - Work is told as processor time of the server's process, so that what the readers cost is not in it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use bytes::Buf as _;
use entrepot_realtime::client::{Client, Incoming, header};
use http::{Method, header as fields};
use tokio::io::AsyncReadExt as _;
use tokio::sync::mpsc;

use super::{PAIRS, Stage, Wanted, milliseconds, percentile};
use crate::client::Http;
use crate::programs::{Psql, Running, resident, ws_server};
use crate::table::{Row, at_most, ratio};

pub(super) const ON_STAGE: &[&str] = &["live-idle", "live-burst", "live-single", "live-latency"];

const IDLE: usize = 10_000;
const FOLLOWERS: usize = 1_000;
const BURST: u64 = 1_000;
/// Bursts of a round: one takes too little processor time to be told.
const BURSTS: u64 = 4;
/// Single events of a round, at 10 a second.
const SINGLES: u64 = 30;
const WRITES: u32 = 1_000;
const WRITES_PER_SECOND: u32 = 200;
/// All of them come from this machine.
const ROOM: [(&str, &str); 2] =
    [("ENTREPOT_SERVER_MAX_CONNECTIONS", "12000"), ("ENTREPOT_SERVER_CONNECTIONS_PER_ADDRESS", "12000")];

pub(super) async fn on_stage(stage: &Stage, wanted: Wanted<'_>) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    if wanted.one("live-idle") {
        rows.push(idle(stage).await?);
    }
    if wanted.any(&["live-burst", "live-single"]) {
        rows.extend(frames(stage, wanted).await?);
    }
    if wanted.one("live-latency") {
        rows.push(latency(stage).await?);
    }
    Ok(rows)
}

/// A socket that has signed in and follows `system`.
async fn follow(address: SocketAddr, token: &str) -> anyhow::Result<Client> {
    let mut client = Client::open(address, &format!("/ws?token={token}")).await?;
    client.send("{\"type\":\"subscribe\",\"event\":\"system\"}").await?;
    loop {
        match client.next().await? {
            Incoming::Text(text) if text.contains("\"subscribed\"") && text.contains("\"system\"") => {
                return Ok(client);
            }
            Incoming::Text(_) => {}
            Incoming::Close(code) => anyhow::bail!("the socket was closed with {code}"),
        }
    }
}

/// What a connection takes of the server's memory while nothing happens.
async fn idle(stage: &Stage) -> anyhow::Result<Row> {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..3 {
        let server = stage.another(&format!("live-idle-{round}"), &ROOM, true)?;
        let token = Http::new(server.address).token().await?.to_owned();
        let _first = follow(server.address, &token).await?;
        let before = resident(server.pid())?;
        let mut open = Vec::with_capacity(IDLE);
        for _ in 0..IDLE {
            open.push(follow(server.address, &token).await?);
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
        ours.push((resident(server.pid())? - before) / IDLE as f64 / 1024.0);
        drop(open);
        drop(server);
        let server = ws_server()?;
        let _first = Client::open(server.address, "/").await?;
        let before = resident(server.pid())?;
        let mut open = Vec::with_capacity(IDLE);
        for _ in 0..IDLE {
            open.push(Client::open(server.address, "/").await?);
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
        theirs.push((resident(server.pid())? - before) / IDLE as f64 / 1024.0);
    }
    let detail = format!("KiB each, ours {ours:.2?}, ws {theirs:.2?}");
    let what = format!("KiB resident for each of {IDLE} idle sockets, signed in and following");
    let ratios = ours.iter().zip(&theirs).map(|(ours, theirs)| ours / theirs).collect();
    Ok(ratio("live-idle", &what, "ws, bare", ratios, (None, Some(1.0)), detail))
}

/// Readers that count the frames which come to all sockets together.
struct Readers {
    frames: Arc<AtomicU64>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Readers {
    fn start(clients: Vec<Client>) -> Self {
        let frames = Arc::new(AtomicU64::new(0));
        let tasks = clients
            .into_iter()
            .map(|client| {
                let frames = frames.clone();
                tokio::spawn(async move {
                    let (mut stream, mut buffer) = client.into_parts();
                    loop {
                        let mut whole = 0;
                        while let Some((head, length)) = header(&buffer)
                            && buffer.len() >= head + length
                        {
                            // Pings and the like are no events.
                            whole += u64::from(buffer[0] & 0x0F == 1);
                            buffer.advance(head + length);
                        }
                        frames.fetch_add(whole, Ordering::Relaxed);
                        buffer.reserve(16 * 1024);
                        if !stream.read_buf(&mut buffer).await.is_ok_and(|read| read > 0) {
                            return;
                        }
                    }
                })
            })
            .collect();
        Self { frames, tasks }
    }

    async fn wait_for(&self, frames: u64) -> anyhow::Result<()> {
        let start = Instant::now();
        while self.frames.load(Ordering::Relaxed) < frames {
            ensure!(
                start.elapsed() < Duration::from_secs(60),
                "{} of {frames} frames came",
                self.frames.load(Ordering::Relaxed)
            );
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        Ok(())
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.tasks.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

/// Frames a second of processor time, and microseconds of it for a frame.
async fn frames(stage: &Stage, wanted: Wanted<'_>) -> anyhow::Result<Vec<Row>> {
    // Readers that read answer no pings, and the other side's turn of a round takes longer than silence may.
    let settings = [ROOM[0], ROOM[1], ("ENTREPOT_LIVE_QUEUE_KIB", "4096"), ("ENTREPOT_LIVE_HEARTBEAT_MS", "3600000")];
    let ours = stage.another("live-frames", &settings, true)?;
    let token = Http::new(ours.address).token().await?.to_owned();
    let mut psql = Psql::open(&stage.sockets)?;
    let append = |count: u64| {
        // As the feed's own append does it, without a request for each.
        format!(
            "BEGIN; SELECT pg_current_xact_id(); \
             INSERT INTO feed.event (id, xid, topic, name, tags, data, at) \
             SELECT nextval('feed.event_id'), pg_current_xact_id(), 'system', 'system-announcement', '{{}}', \
             '{{\"message\":\"It is a frame of a size that is usual.\"}}', now() FROM generate_series(1, {count}); COMMIT; \
             SELECT pg_notify('entrepot_feed', 'bench');"
        )
    };
    // The size of a frame of ours is that of all.
    let mut probe = follow(ours.address, &token).await?;
    psql.run(&append(1))?;
    let Incoming::Text(text) = probe.next().await? else { anyhow::bail!("the probe was closed") };
    let bytes = text.len();
    drop(probe);
    let mut clients = Vec::new();
    for _ in 0..FOLLOWERS {
        clients.push(follow(ours.address, &token).await?);
    }
    let our_readers = Readers::start(clients);
    let theirs = ws_server()?;
    let mut clients = Vec::new();
    for _ in 0..FOLLOWERS {
        clients.push(Client::open(theirs.address, "/").await?);
    }
    let their_readers = Readers::start(clients);
    let their_http = Http::new(theirs.address);
    let (mut our_seen, mut their_seen) = (0, 0);
    let mut rows = Vec::new();
    for (name, count, pause, is_burst) in
        [("live-burst", BURST, Duration::ZERO, true), ("live-single", SINGLES, Duration::from_millis(100), false)]
    {
        if !wanted.one(name) {
            continue;
        }
        let all = count * FOLLOWERS as u64 * if is_burst { BURSTS } else { 1 };
        let (mut ratios, mut detail) = (Vec::new(), String::new());
        for round in 0..=PAIRS {
            let before = ours.processor_time()?;
            if is_burst {
                for burst in 1..=BURSTS {
                    psql.run(&append(count))?;
                    our_readers.wait_for(our_seen + burst * count * FOLLOWERS as u64).await?;
                }
            } else {
                for _ in 0..count {
                    psql.run(&append(1))?;
                    tokio::time::sleep(pause).await;
                }
            }
            our_seen += all;
            our_readers.wait_for(our_seen).await?;
            let our_time = ours.processor_time()? - before;
            let before = theirs.processor_time()?;
            if is_burst {
                for burst in 1..=BURSTS {
                    their_http.get(&format!("/burst?count={count}&bytes={bytes}")).await?;
                    their_readers.wait_for(their_seen + burst * count * FOLLOWERS as u64).await?;
                }
            } else {
                for _ in 0..count {
                    their_http.get(&format!("/burst?count=1&bytes={bytes}")).await?;
                    tokio::time::sleep(pause).await;
                }
            }
            their_seen += all;
            their_readers.wait_for(their_seen).await?;
            let their_time = theirs.processor_time()? - before;
            // The first pair warms both up.
            if round > 0 {
                let (a, b) = (our_time.as_secs_f64().max(0.01), their_time.as_secs_f64().max(0.01));
                ratios.push(if is_burst { b / a } else { a / b });
                detail.push_str(&format!("{:.0}/{:.0} ", all as f64 / a, all as f64 / b));
            }
        }
        let detail = format!("frames of {bytes} bytes a second of processor time, ours/ws: {}", detail.trim_end());
        rows.push(if is_burst {
            let what = format!("bursts of {count} events to {FOLLOWERS}: frames a second of processor time");
            ratio(name, &what, "ws, the same frames", ratios, (Some(10.0), None), detail)
        } else {
            let what = format!("single events to {FOLLOWERS}, 10 a second: processor time a frame");
            ratio(name, &what, "ws, the same frames", ratios, (None, Some(1.0)), detail)
        });
    }
    Ok(rows)
}

/// How long after it was due a write has come to a follower.
async fn latency(stage: &Stage) -> anyhow::Result<Row> {
    let server: Running = stage.another("live-latency", &ROOM, false)?;
    let http = Http::new(server.address);
    let token = http.token().await?.to_owned();
    for store in 0..10 {
        put(&http, &token, &format!("/api/v2/stores/live-{store}"), "{\"name\":\"Live\"}").await?;
    }
    let (seen, mut told) = mpsc::unbounded_channel();
    let mut client = Client::open(server.address, &format!("/ws?token={token}")).await?;
    let topics: Vec<String> = (0..10).map(|store| format!("\"sales-data-live-{store}\"")).collect();
    client.send(&format!("{{\"type\":\"subscribe\",\"events\":[{}]}}", topics.join(","))).await?;
    let reader = tokio::spawn(async move {
        while let Ok(Incoming::Text(text)) = client.next().await {
            if text.starts_with("{\"type\":\"event\"") {
                let value: serde_json::Value = serde_json::from_str(&text)?;
                let number = value["data"]["days"]["1"]["sales"].as_u64();
                let _nobody = seen.send((number, Instant::now()));
            }
        }
        anyhow::Ok(())
    });
    let mut all = Vec::new();
    for round in 0..PAIRS as u32 {
        let start = Instant::now() + Duration::from_millis(50);
        let mut tasks = Vec::new();
        for write in 0..WRITES {
            let due = start + Duration::from_secs(1) / WRITES_PER_SECOND * write;
            tokio::time::sleep_until(due.into()).await;
            let (http, token) = (http.clone(), token.clone());
            tasks.push(tokio::spawn(async move {
                let path = format!("/api/v2/sales/live-{}/2024/{}", write % 10, write % 12 + 1);
                let number = round * WRITES + write + 1;
                put(&http, &token, &path, &format!("{{\"dailyData\":{{\"1\":{{\"sales\":{number}}}}}}}")).await
            }));
        }
        for task in tasks {
            task.await??;
        }
        let mut times = Vec::new();
        while times.len() < WRITES as usize {
            let next = tokio::time::timeout(Duration::from_secs(10), told.recv()).await;
            let (number, at) = next.context("an event is missing")?.context("the socket ended")?;
            let write = u32::try_from(number.context("a number")?)? - round * WRITES - 1;
            times.push(at.duration_since(start + Duration::from_secs(1) / WRITES_PER_SECOND * write));
        }
        times.sort_unstable();
        all.push((milliseconds(percentile(&times, 99)), milliseconds(percentile(&times, 50))));
    }
    reader.abort();
    let detail = format!("p99 and median in ms: {all:.1?}");
    let p99 = all.into_iter().map(|(p99, _)| p99).collect();
    let what = format!("from when a write was due to its frame, {WRITES_PER_SECOND} writes a second, p99");
    Ok(at_most("live-latency", &what, p99, 20.0, "ms", detail))
}

async fn put(http: &Http, token: &str, path: &str, body: &str) -> anyhow::Result<()> {
    let bearer = format!("Bearer {token}");
    let json = [(fields::CONTENT_TYPE, "application/json"), (fields::AUTHORIZATION, &*bearer)];
    http.write(Method::PUT, path, &json, body.to_owned().into()).await.map(drop)
}
