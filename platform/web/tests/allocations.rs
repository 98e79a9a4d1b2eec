//! A hit allocates nothing that grows with the body. A binary of its own, as it counts all allocations
//! of the process.
#![expect(unsafe_code, reason = "a global allocator is unsafe to write; this one only counts and passes on")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use entrepot_cache::{Cache, CacheSettings, Fence, Policy, Ticker};
use entrepot_runtime::{Clock, Shutdown, Tasks};
use entrepot_testkit::edge_settings;
use entrepot_web::{CacheClass, Caching, Edge, Module, Problem, Reply, RequestStats, Responses};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Allocations from this size on are counted; nothing about a request is that large but its body.
const LARGE: usize = 16 * 1024;
const BODY: usize = 256 * 1024;

struct Counting;

static LARGE_ONES: AtomicUsize = AtomicUsize::new(0);
static ALL: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALL.fetch_add(1, Ordering::Relaxed);
        if layout.size() >= LARGE {
            LARGE_ONES.fetch_add(1, Ordering::Relaxed);
        }
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[utoipa::path(get, path = "/large", responses((status = 200)))]
async fn get_large() -> Result<Reply, Problem> {
    Ok(Reply::json(&"x".repeat(BODY), CacheClass::Api)?.cached(["large"]))
}

#[tokio::test]
async fn a_hit_allocates_nothing_that_grows_with_the_body() {
    let tasks = Tasks::new(Shutdown::new());
    let fence = Fence::standalone(Ticker::system());
    let cache = Cache::start(CacheSettings::default(), fence, Clock::system(), &tasks).expect("no Redis");
    let (routes, openapi) = OpenApiRouter::new().routes(routes!(get_large)).split_for_parts();
    let module = Module {
        name: "large",
        routes,
        openapi,
        problems: &[],
        rules: &[],
        caching: &[("get_large", Caching::As("things"))],
        counters: Vec::new(),
        warmers: Vec::new(),
        topics: Vec::new(),
    };
    let kinds = vec![("things", Policy::live(Duration::from_secs(60)))];
    let responses = Responses::new(&cache, kinds, std::slice::from_ref(&module), &tasks).expect("declared");
    let edge =
        Edge::new(module.routes, edge_settings(), Clock::system(), RequestStats::default()).with_responses(responses);
    let ask = || edge.answer(Request::get("/large").body(Body::empty()).expect("a request"));

    let before = LARGE_ONES.load(Ordering::Relaxed);
    ask().await;
    assert!(LARGE_ONES.load(Ordering::Relaxed) > before, "the counter counts: the first answer is made");

    let warm = ask().await;
    assert!(warm.headers()["cache-status"].to_str().expect("text").contains("hit"));
    let all = ALL.load(Ordering::Relaxed);
    const HITS: usize = 100;
    const ROUNDS: usize = 3;
    let mut large = Vec::new();
    for _ in 0..ROUNDS {
        let before = LARGE_ONES.load(Ordering::Relaxed);
        for _ in 0..HITS {
            ask().await;
        }
        large.push(LARGE_ONES.load(Ordering::Relaxed) - before);
    }
    // What else goes on in a process now and then does so once.
    assert!(large.contains(&0), "allocations of {LARGE} bytes and more in each {HITS} hits: {large:?}");
    // Told by `--no-capture`: for orientation, as what does not grow may change with every library.
    println!("{} allocations a hit", (ALL.load(Ordering::Relaxed) - all) / (HITS * ROUNDS));
}
