//! The response cache in front of handlers that count how often they are asked.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::State;
use entrepot_cache::{Cache, CacheSettings, Counters, Fence, FenceSettings, Policy, Progress, Ticker, Touch};
use entrepot_runtime::{Clock, Shutdown, Tasks};
use entrepot_testkit::{TestServer, edge_settings};
use entrepot_web::{
    CacheClass, Caching, Edge, Module, Positions, Problem, Query, Reply, RequestStats, Responses, ResponsesError, kinds,
};
use http::StatusCode;
use serde_json::json;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What the handlers share: a thing with a version, and how often each was asked.
#[derive(Default)]
struct Things {
    version: AtomicU64,
    asked: AtomicU64,
    fails: std::sync::atomic::AtomicBool,
    gate: tokio::sync::RwLock<()>,
}

#[utoipa::path(get, path = "/things/{thing}", responses((status = 200)))]
async fn get_thing(State(things): State<Arc<Things>>, query: Query) -> Result<Reply, Problem> {
    drop(query);
    things.asked.fetch_add(1, Ordering::SeqCst);
    let version = things.version.load(Ordering::SeqCst);
    let _open = things.gate.read().await;
    if things.fails.load(Ordering::SeqCst) {
        return Err(Problem::new(&kinds::UNAVAILABLE, "away"));
    }
    let filler = "made of the same words again and again ".repeat(60);
    Ok(Reply::json(&json!({"version": version, "filler": filler}), CacheClass::Api)?.cached(["thing"]).counted("thing"))
}

#[utoipa::path(get, path = "/missing", responses((status = 200)))]
async fn get_missing(State(things): State<Arc<Things>>) -> Result<Reply, Problem> {
    things.asked.fetch_add(1, Ordering::SeqCst);
    let version = things.version.load(Ordering::SeqCst);
    let _open = things.gate.read().await;
    match version {
        0 => Err(Problem::new(&kinds::NOT_FOUND, "not yet")),
        version => Ok(Reply::json(&json!({"version": version}), CacheClass::Api)?.cached(["thing"])),
    }
}

#[utoipa::path(get, path = "/untagged", responses((status = 200)))]
async fn get_untagged(State(things): State<Arc<Things>>) -> Result<Reply, Problem> {
    let asked = things.asked.fetch_add(1, Ordering::SeqCst);
    Ok(Reply::json(&asked, CacheClass::Api)?.status(StatusCode::ACCEPTED))
}

#[utoipa::path(get, path = "/stock", responses((status = 200)))]
async fn get_stock(State(things): State<Arc<Things>>) -> Result<Reply, Problem> {
    let asked = things.asked.fetch_add(1, Ordering::SeqCst);
    let _open = things.gate.read().await;
    Ok(Reply::json(&asked, CacheClass::Never)?.cached(["thing"]))
}

struct Stage {
    edge: Edge,
    server: TestServer,
    things: Arc<Things>,
    fence: Fence,
    ticker: Ticker,
    counted: Arc<AtomicU64>,
    counters: Counters,
    last_given: Arc<AtomicU64>,
    _tasks: Tasks,
}

const CACHING: &[(&str, Caching)] = &[
    ("get_thing", Caching::As("things")),
    ("get_missing", Caching::As("things")),
    ("get_untagged", Caching::As("things")),
    ("get_stock", Caching::Never("live stock")),
];

fn module(things: &Arc<Things>, caching: &'static [(&'static str, Caching)], counters: Option<Counters>) -> Module {
    let (routes, openapi) = OpenApiRouter::new()
        .routes(routes!(get_thing))
        .routes(routes!(get_missing))
        .routes(routes!(get_untagged))
        .routes(routes!(get_stock))
        .with_state(things.clone())
        .split_for_parts();
    let counters = counters.into_iter().map(|counters| ("get_thing", counters)).collect();
    Module {
        name: "things",
        routes,
        openapi,
        problems: &[],
        rules: &[],
        caching,
        counters,
        warmers: Vec::new(),
        topics: Vec::new(),
    }
}

impl Stage {
    async fn set() -> Self {
        let tasks = Tasks::new(Shutdown::new());
        let ticker = Ticker::manual();
        let fence = Fence::new(FenceSettings { ticker: ticker.clone(), ..FenceSettings::default() });
        fence.restart("here", 0);
        let cache = Cache::start(CacheSettings::default(), fence.clone(), Clock::system(), &tasks).expect("no Redis");
        let things = Arc::new(Things::default());
        let counted = Arc::new(AtomicU64::new(0));
        let counters = Counters::start(&tasks, "views", Duration::from_secs(3_600), {
            let counted = counted.clone();
            move |counts| {
                let counted = counted.clone();
                async move {
                    counted.fetch_add(counts.iter().map(|(_, count)| count).sum(), Ordering::SeqCst);
                    Ok(())
                }
            }
        });
        let module = module(&things, CACHING, Some(counters.clone()));
        let policy = Policy::live(Duration::from_secs(60)).soft(None).without_jitter();
        let policy = policy.fail_safe(Duration::from_secs(60));
        let responses = Responses::new(&cache, vec![("things", policy)], std::slice::from_ref(&module), &tasks);
        let last_given = Arc::new(AtomicU64::new(0));
        let positions = Positions::new(fence.clone(), {
            let last_given = last_given.clone();
            move || {
                let last = last_given.load(Ordering::SeqCst);
                async move { Ok::<_, std::io::Error>(last) }
            }
        });
        let edge = Edge::new(module.routes, edge_settings(), Clock::system(), RequestStats::default())
            .with_responses(responses.expect("declared"))
            .with_positions(positions);
        let server = TestServer::start(edge.clone()).await;
        let stage = Self { edge, server, things, fence, ticker, counted, counters, last_given, _tasks: tasks };
        stage.apply(0, &[]);
        stage
    }

    /// What the feed's tail would tell: this event, and that everything up to it is there.
    fn apply(&self, id: u64, tags: &[&str]) {
        let tags: Vec<String> = tags.iter().map(ToString::to_string).collect();
        let touches = if id == 0 { Vec::new() } else { vec![Touch { id, tags: &tags }] };
        self.last_given.fetch_max(id, Ordering::SeqCst);
        let complete_since_ms = Some(self.fence.now_ms());
        let progress =
            Progress { watermark: Some(id.max(1)), highest: id.max(1), holes: Vec::new(), complete_since_ms };
        self.fence.apply(&touches, progress);
    }

    fn asked(&self) -> u64 {
        self.things.asked.load(Ordering::SeqCst)
    }

    /// Begins a read, and returns when the handler was asked so many times in all.
    async fn begin(&self, path: &str, asked: u64) -> tokio::task::JoinHandle<entrepot_testkit::Response> {
        let request = self.server.get(path);
        let reading = entrepot_runtime::continue_in_background(async move { request.await });
        let begun = tokio::time::timeout(Duration::from_secs(5), async {
            while self.asked() < asked {
                tokio::task::yield_now().await;
            }
        });
        begun.await.expect("it is asked");
        reading
    }

    async fn version(&self, expected_status: &str) -> u64 {
        let response = self.server.get("/things/1").await;
        let status = response.header("cache-status").to_owned();
        assert!(status.contains(expected_status), "{status}");
        response.ok()["version"].as_u64().expect("a number")
    }
}

#[tokio::test]
async fn an_answer_is_kept_until_something_that_it_was_made_from_is_touched() {
    let stage = Stage::set().await;
    assert_eq!(stage.version("fwd=miss; stored").await, 0);
    assert_eq!(stage.version("hit").await, 0);
    stage.things.version.store(1, Ordering::SeqCst);
    stage.apply(2, &["another thing"]);
    assert_eq!(stage.version("hit").await, 0, "nobody said that it changed");
    stage.apply(3, &["thing"]);
    assert_eq!(stage.version("fwd=miss; stored").await, 1);
    assert_eq!(stage.asked(), 2);
    // Parameters in another order are the same question; other ones are not.
    stage.server.get("/things/1?a=1&b=2").await.ok();
    assert!(stage.server.get("/things/1?b=2&a=1").await.header("cache-status").contains("hit"));
    assert!(stage.server.get("/things/1?b=2").await.header("cache-status").contains("fwd=miss"));
}

#[tokio::test]
async fn who_asks_at_the_same_moment_shares_what_is_never_kept_unless_something_changed() {
    let stage = Stage::set().await;
    let ask = || {
        let request = http::Request::get("/stock").body(axum::body::Body::empty()).expect("a request");
        let edge = stage.edge.clone();
        Box::pin(async move {
            let answer = edge.answer(request).await;
            let body = axum::body::to_bytes(answer.into_body(), 1_000).await.expect("a body");
            String::from_utf8(body.to_vec()).expect("UTF-8")
        })
    };
    let closed = stage.things.gate.write().await;
    let mut crowd: Vec<_> = (0..16).map(|_| ask()).collect();
    for one in &mut crowd {
        assert!(futures_util::poll!(one).is_pending(), "the gate is closed");
    }
    // Whoever comes after a change of anything at all is not handed what was read before it.
    stage.apply(2, &["another thing"]);
    let mut late = ask();
    assert!(futures_util::poll!(&mut late).is_pending());
    drop(closed);
    let answers = futures_util::future::join_all(crowd).await;
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert_ne!(late.await, answers[0]);
    assert_eq!(stage.asked(), 2, "sixteen shared one, and the one after the change had its own");
    assert_ne!(ask().await, answers[0], "nothing is kept");
}

#[tokio::test]
async fn a_hit_has_everything_that_the_first_answer_had() {
    let stage = Stage::set().await;
    let first = stage.server.get("/things/1").await;
    let hit = stage.server.get("/things/1").await;
    assert_eq!((first.status, &first.body), (hit.status, &hit.body));
    for name in ["content-type", "etag", "cache-control", "vary", "cache-groups", "x-content-type-options"] {
        assert_eq!(first.header(name), hit.header(name), "{name}");
    }
    assert_ne!(first.header("x-request-id"), hit.header("x-request-id"));
    assert_eq!(hit.header("age"), "0");
    stage.ticker.advance(Duration::from_millis(1_500));
    assert_eq!(stage.server.get("/things/1").await.header("age"), "1");
    let own = stage.server.get("/things/1").header("x-request-id", "mine-1").await;
    assert_eq!(own.header("x-request-id"), "mine-1");

    let etag = hit.header("etag").to_owned();
    let unchanged = stage.server.get("/things/1").header("if-none-match", &etag).await;
    assert_eq!((unchanged.status.as_u16(), unchanged.body.len()), (304, 0));
    assert_eq!(unchanged.header("etag"), etag);
    let head = stage.server.request("HEAD", "/things/1").await;
    assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), hit.body.len().to_string());
    assert_eq!(stage.asked(), 1);
}

#[tokio::test]
async fn compressed_forms_are_made_once_and_have_etags_of_their_own() {
    let stage = Stage::set().await;
    let plain = stage.server.get("/things/1").await;
    for coding in ["br", "zstd", "gzip"] {
        let base = plain.header("etag").trim_matches('"').to_owned();
        let mut etags = Vec::new();
        let good = tokio::time::timeout(Duration::from_secs(20), async {
            loop {
                let answer = stage.server.get("/things/1").header("accept-encoding", coding).await;
                assert_eq!(answer.header("content-encoding"), coding);
                assert!(answer.body.len() < plain.body.len() / 2);
                let etag = answer.header("etag").to_owned();
                let unchanged = stage
                    .server
                    .get("/things/1")
                    .header("accept-encoding", coding)
                    .header("if-none-match", &etag)
                    .await;
                assert_eq!(unchanged.status, 304, "{etag}");
                if etag == format!("\"{base}-{coding}\"") {
                    return answer.body.len();
                }
                assert_eq!(etag, format!("\"{base}-{coding}-quick\""), "other bytes, another ETag");
                etags.push(answer.body.len());
            }
        });
        let good = good.await.expect("the form is made in the background");
        assert!(etags.iter().all(|quick| good <= *quick), "{coding}: {good} bytes, quickly {etags:?}");
    }
    assert_eq!(stage.asked(), 1);
}

#[tokio::test]
async fn problems_and_what_names_no_tags_and_what_is_declared_so_are_never_kept() {
    let stage = Stage::set().await;
    for _ in 0..2 {
        stage.server.get("/missing").await.problem(404, "web.not_found");
    }
    assert_eq!(stage.asked(), 2);
    for asked in [2, 3] {
        let answer = stage.server.get("/untagged").await;
        assert_eq!(answer.header("cache-status"), "entrepot; fwd=miss");
        assert_eq!(answer.status(202).json(), json!(asked), "the status is the handler's own");
    }
    for asked in [4, 5] {
        let answer = stage.server.get("/stock").await;
        assert_eq!(
            (answer.header("cache-control"), answer.header("cache-status")),
            ("no-store", "entrepot; fwd=bypass")
        );
        assert_eq!(answer.ok(), json!(asked));
    }
}

#[tokio::test]
async fn a_request_that_says_who_it_comes_from_shares_nothing() {
    let stage = Stage::set().await;
    stage.server.get("/things/1").await.ok();
    for (name, value) in [("authorization", "Bearer x"), ("cookie", "a=b"), ("x-api-key", "k")] {
        let before = stage.asked();
        for _ in 0..2 {
            let answer = stage.server.get("/things/1").header(name, value).await;
            assert!(answer.headers.get("cache-status").is_none(), "{name}");
            answer.ok();
        }
        assert_eq!(stage.asked(), before + 2, "{name}");
    }
    assert_eq!(stage.version("hit").await, 0, "and spoils nothing for the others");
}

#[tokio::test]
async fn many_who_ask_at_once_are_one_question() {
    let stage = Stage::set().await;
    let closed = stage.things.gate.write().await;
    let asking: Vec<_> = (0..32)
        .map(|_| {
            let request = stage.server.get("/things/1");
            entrepot_runtime::continue_in_background(async move { request.await })
        })
        .collect();
    tokio::time::timeout(Duration::from_secs(5), async {
        while stage.asked() == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("the first one asks");
    drop(closed);
    for answer in asking {
        assert_eq!(answer.await.expect("no panic").ok()["version"], 0);
    }
    assert_eq!(stage.asked(), 1);
}

#[tokio::test]
async fn a_read_that_began_before_a_write_is_not_handed_to_a_reader_after_it() {
    let stage = Stage::set().await;
    let closed = stage.things.gate.write().await;
    let early = stage.begin("/things/1", 1).await;
    // The write is committed and acknowledged here.
    stage.things.version.store(1, Ordering::SeqCst);
    stage.fence.mark(2, &["thing".to_owned()]);
    let late = entrepot_runtime::continue_in_background({
        let request = stage.server.get("/things/1");
        async move { request.await.ok() }
    });
    drop(closed);
    assert_eq!(late.await.expect("no panic")["version"], 1);
    early.await.expect("no panic").ok();
    assert_eq!(stage.version("").await, 1, "and what it read is not kept");
}

#[tokio::test]
async fn an_early_not_found_is_not_handed_to_a_reader_after_the_creation() {
    // A problem names no tags: nothing is known of what it was made from.
    let stage = Stage::set().await;
    let closed = stage.things.gate.write().await;
    let early = stage.begin("/missing", 1).await;
    stage.things.version.store(1, Ordering::SeqCst);
    stage.fence.mark(2, &["thing".to_owned()]);
    let late = entrepot_runtime::continue_in_background({
        let request = stage.server.get("/missing");
        async move { request.await }
    });
    drop(closed);
    assert_eq!(late.await.expect("no panic").ok()["version"], 1);
    early.await.expect("no panic").problem(404, "web.not_found");
}

#[tokio::test]
async fn a_position_is_waited_for_and_then_the_caches_are_passed_by() {
    let stage = Stage::set().await;
    assert_eq!(stage.version("stored").await, 0);
    stage.last_given.store(7, Ordering::SeqCst);
    stage.things.version.store(1, Ordering::SeqCst);
    let at_least = |position: &str| stage.server.get("/things/1").header("entrepot-at-least", position);
    for wrong in ["0", "-1", "8", "seven", ""] {
        at_least(wrong).await.problem(400, "web.invalid_header");
    }
    // It does not come: after its patience the read asks the source.
    let passed = at_least("7").await;
    assert_eq!(passed.header("cache-status"), "entrepot; fwd=request");
    assert_eq!(passed.ok()["version"], 1);
    // It comes while the read waits.
    stage.things.version.store(2, Ordering::SeqCst);
    stage.last_given.store(9, Ordering::SeqCst);
    let waiting = entrepot_runtime::continue_in_background({
        let request = at_least("9");
        async move { request.await }
    });
    tokio::task::yield_now().await;
    stage.apply(9, &["thing"]);
    let answer = waiting.await.expect("no panic");
    assert!(answer.header("cache-status").contains("fwd=miss"), "{}", answer.header("cache-status"));
    assert_eq!(answer.ok()["version"], 2);
    assert!(at_least("9").await.header("cache-status").contains("hit"), "what is applied needs no waiting");
    // Of writes that overlapped each is demanded.
    assert!(at_least("9, 7").await.header("cache-status").contains("hit"));
    at_least("9, 10").await.problem(400, "web.invalid_header");
    at_least("9,").await.problem(400, "web.invalid_header");
}

#[tokio::test]
async fn nothing_is_trusted_while_the_feed_is_behind() {
    let stage = Stage::set().await;
    stage.version("stored").await;
    stage.ticker.advance(Duration::from_millis(2_001));
    for _ in 0..2 {
        stage.version("entrepot; fwd=miss").await;
    }
    assert_eq!(stage.asked(), 3);
    stage.apply(2, &[]);
    assert_eq!(stage.version("hit").await, 0, "what was not touched meanwhile is good again");
}

#[tokio::test]
async fn a_source_that_fails_is_stood_in_for_but_never_for_a_read_with_a_position() {
    let stage = Stage::set().await;
    stage.version("stored").await;
    stage.things.fails.store(true, Ordering::SeqCst);
    stage.ticker.advance(Duration::from_secs(61));
    stage.apply(2, &["another"]);
    let stale = stage.server.get("/things/1").await;
    assert_eq!(stale.header("cache-status"), "entrepot; hit; ttl=0; detail=stale");
    stale.ok();
    stage.server.get("/things/1").header("entrepot-at-least", "2").await.problem(503, "web.unavailable");
    stage.apply(3, &["thing"]);
    stage.server.get("/things/1").await.problem(503, "web.unavailable");
}

#[tokio::test]
async fn every_sending_is_counted() {
    let stage = Stage::set().await;
    for _ in 0..5 {
        stage.server.get("/things/1").await.ok();
    }
    // Also to one who says who he is, and so is answered by the handler.
    stage.server.get("/things/1").header("cookie", "theme=dark").await.ok();
    // Asking for the head alone is no view.
    stage.server.request("HEAD", "/things/1").await;
    stage.counters.flush().await.expect("written");
    assert_eq!(stage.counted.load(Ordering::SeqCst), 6);
}

#[tokio::test]
async fn a_module_must_declare_every_get() {
    let tasks = Tasks::new(Shutdown::new());
    let cache = Cache::start(CacheSettings::default(), Fence::standalone(Ticker::system()), Clock::system(), &tasks);
    let cache = cache.expect("no Redis");
    let things = Arc::new(Things::default());
    let declare = |caching| Responses::new(&cache, Vec::new(), &[module(&things, caching, None)], &tasks).err();
    const ALL_NEVER: &[(&str, Caching)] = &[
        ("get_thing", Caching::Never("t")),
        ("get_missing", Caching::Never("t")),
        ("get_untagged", Caching::Never("t")),
    ];
    assert!(matches!(declare(ALL_NEVER), Some(ResponsesError::Undeclared { .. })));
    const ONE_TOO_MANY: &[(&str, Caching)] = &[
        ("get_thing", Caching::Never("t")),
        ("get_missing", Caching::Never("t")),
        ("get_untagged", Caching::Never("t")),
        ("get_stock", Caching::Never("t")),
        ("get_nothing", Caching::Never("t")),
    ];
    assert!(matches!(declare(ONE_TOO_MANY), Some(ResponsesError::NoOperation { .. })));
    assert!(matches!(declare(CACHING), Some(ResponsesError::NoKind { .. })));
}
