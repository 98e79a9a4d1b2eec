//! The second level, on a real Redis: what another process may take from it and what not, and what it
//! costs when Redis is away, stuck, mad, emptied, or back from the past.
#![expect(clippy::expect_used, reason = "a test fails by panicking, with what it wanted")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use entrepot_cache::{CacheSettings, Filled, Origin, Progress};
use entrepot_runtime::Breakers;
use entrepot_testkit::{RedisServer, free_port};
use xxhash_rust::xxh3::Xxh3;

use crate::process::{FILLED, Failure, PATIENCE, Process, Setup, eventually, policy, text};

/// What is taken from Redis.
fn shared(text: &str) -> Option<(String, Origin)> {
    Some((text.to_owned(), Origin::Redis))
}

/// The key under which a value of `values` lies, once it is there.
async fn name_of(redis: &RedisServer, key: &str) -> String {
    let end = format!(":values:{key}");
    eventually("it is in Redis", async || redis.keys().iter().any(|name| name.ends_with(&end))).await;
    redis.keys().into_iter().find(|name| name.ends_with(&end)).expect("it is there")
}

/// Fills a value in this process and waits until it lies in Redis.
async fn shares(from: &Process, redis: &RedisServer, key: &str, value: &str, tags: &[&str]) {
    from.fills(key, value, tags).await;
    name_of(redis, key).await;
}

#[tokio::test]
async fn what_one_process_filled_another_takes() {
    let redis = RedisServer::start();
    let (here, there) = (Process::beside(&redis.url(), 7), Process::beside(&redis.url(), 9));
    shares(&here, &redis, "a", "1", &["tea"]).await;
    let got = there.ask("a", "2", &["tea"]).await;
    assert_eq!((text(&got), got.origin), (Some("1"), Origin::Redis));
    assert_eq!(there.lookup("a").as_deref(), Some("1"), "and has it in memory");
    // Also that there is nothing.
    assert!(here.values.set("none", Filled::missing().tags(["tea"]), here.values.stamp()));
    name_of(&redis, "none").await;
    let got = there.values.get("none").await.expect("it is known");
    assert_eq!((got.value, got.origin), (None, Origin::Redis));
    // A touch reaches what came from Redis.
    there.learns(10, &["tea"]);
    assert_eq!((there.lookup("a"), there.values.lookup("none").is_none()), (None, true));
}

#[tokio::test]
async fn a_value_that_has_the_event_is_good() {
    let redis = RedisServer::start();
    let (here, there) = (Process::beside(&redis.url(), 0), Process::beside(&redis.url(), 0));
    for id in [5, 7] {
        here.learns(id, &["tea"]);
        there.learns(id, &["tea"]);
    }
    shares(&here, &redis, "a", "with 5 and 7", &["tea"]).await;
    assert_eq!(there.get("a").await, shared("with 5 and 7"), "the very last one included");
}

#[tokio::test]
async fn a_value_from_before_the_event_is_not_taken() {
    let redis = RedisServer::start();
    let (here, there) = (Process::beside(&redis.url(), 7), Process::beside(&redis.url(), 7));
    shares(&here, &redis, "a", "without 8", &["tea"]).await;
    shares(&here, &redis, "b", "without 8", &["coffee"]).await;
    there.learns(8, &["tea"]);
    assert_eq!(there.get("a").await, None);
    assert_eq!(there.figures().await.ruled_out, 1);
    assert_eq!(there.get("b").await, shared("without 8"));
    // One of its own that no event has brought yet is as good.
    there.commits(9, &["coffee"]);
    let third = Process::beside(&redis.url(), 7);
    third.commits(9, &["coffee"]);
    assert_eq!(third.get("b").await, None);
}

#[tokio::test]
async fn what_was_taken_is_ruled_out_by_what_comes_after() {
    let redis = RedisServer::start();
    let here = Process::beside(&redis.url(), 7);
    shares(&here, &redis, "a", "without 8", &["tea"]).await;
    for how in ["event", "own", "hand", "key", "pattern", "everything"] {
        let there = Process::beside(&redis.url(), 7);
        assert_eq!(there.get("a").await, shared("without 8"));
        match how {
            "event" => there.learns(8, &["tea"]),
            "own" => there.commits(8, &["tea"]),
            "hand" => there.touch(&["tea"]),
            "key" => there.learns(8, &["key:values:a"]),
            "pattern" => there.learns(8, &["pattern:val*:?"]),
            _ => there.learns(8, &["*"]),
        }
        assert_eq!(there.lookup("a"), None, "{how}");
        assert_eq!(there.get("a").await, None, "{how}: nor is it taken again");
    }
}

#[tokio::test]
async fn an_event_that_comes_late_rules_out_what_was_taken_before_it() {
    let redis = RedisServer::start();
    let here = Process::beside(&redis.url(), 7);
    shares(&here, &redis, "a", "without 8", &["tea"]).await;
    let there = Process::beside(&redis.url(), 7);
    let hole = Progress { watermark: Some(7), highest: 9, holes: vec![(8, 8)], ..there.progress(9) };
    there.learns_with(9, &["coffee"], hole);
    assert_eq!(there.get("a").await, shared("without 8"));
    there.learns_with(8, &["tea"], there.progress(9));
    assert_eq!((there.lookup("a"), there.get("a").await), (None, None));
    // Both on one tag: the later id came first.
    shares(&here, &redis, "b", "without 8 and 9", &["milk"]).await;
    let third = Process::beside(&redis.url(), 7);
    let hole = Progress { watermark: Some(7), highest: 9, holes: vec![(8, 8)], ..third.progress(9) };
    third.learns_with(9, &["milk"], hole);
    third.learns_with(8, &["milk"], third.progress(9));
    assert_eq!(third.get("b").await, None);
}

#[tokio::test]
async fn a_process_takes_nothing_from_before_what_it_knows() {
    let redis = RedisServer::start();
    let here = Process::beside(&redis.url(), 7);
    shares(&here, &redis, "a", "as of 7", &["tea"]).await;
    let beside = |floor| {
        let redis = Some((redis.url(), Duration::from_secs(5)));
        Process::of(Setup { redis, floor, watermark: 20, ..Setup::default() })
    };
    assert_eq!(beside(8).get("a").await, None, "what 8 touched, it never learnt");
    assert_eq!(beside(7).get("a").await, shared("as of 7"));
    // Patterns that are too many, and everything, raise the floor.
    let patterns = beside(0);
    for id in 21..=200 {
        patterns.learns(id, &["pattern:nothing:*"]);
    }
    assert_eq!(patterns.get("a").await, None);
    let everything = beside(0);
    everything.learns(21, &["*"]);
    assert_eq!(everything.get("a").await, None);
    shares(&everything, &redis, "b", "as of 21", &["tea"]).await;
    patterns.reads_to(200);
    let reader = beside(0);
    reader.learns(21, &["*"]);
    assert_eq!(reader.get("b").await, shared("as of 21"));
}

#[tokio::test]
async fn a_process_takes_nothing_from_beyond_what_it_knows() {
    let redis = RedisServer::start();
    let (here, behind) = (Process::beside(&redis.url(), 7), Process::beside(&redis.url(), 5));
    shares(&here, &redis, "a", "as of 7", &["tea"]).await;
    assert_eq!(behind.get("a").await, None, "nobody can know more than was given out");
    behind.reads_to(7);
    assert_eq!(behind.get("a").await, shared("as of 7"));
}

#[tokio::test]
async fn who_does_not_know_its_watermark_takes_and_shares_nothing() {
    let redis = RedisServer::start();
    let (here, starting) = (Process::beside(&redis.url(), 7), Process::beside(&redis.url(), 0));
    shares(&here, &redis, "a", "1", &["tea"]).await;
    let unknown = Progress { watermark: None, highest: 9, ..starting.progress(9) };
    starting.fence.apply(&[], unknown);
    assert_eq!(starting.get("a").await, None);
    starting.fills("b", "1", &[]).await;
    starting.reads_to(9);
    starting.fills("c", "1", &[]).await;
    name_of(&redis, "c").await;
    assert_eq!(redis.keys().len(), 2, "b was filled as of nothing");
    assert_eq!(starting.get("a").await, shared("1"));
}

#[tokio::test]
async fn a_restart_rules_out_what_lies_in_redis_and_another_history_has_other_keys() {
    let redis = RedisServer::start();
    let here = Process::beside(&redis.url(), 7);
    shares(&here, &redis, "a", "1", &["tea"]).await;
    let first = name_of(&redis, "a").await;
    here.fence.restart("a-history", 8);
    here.reads_to(9);
    assert_eq!(here.get("a").await, None, "it missed what happened up to 8");

    here.fence.restart("another-history", 0);
    here.reads_to(9);
    assert_eq!(here.get("a").await, None, "there is no such key");
    assert!(here.figures().await.ruled_out >= 2, "in memory and in Redis, before");
    here.fills("a", "2", &["tea"]).await;
    eventually("it has a key of its own", async || redis.keys().len() == 2).await;
    let keys = redis.keys();
    assert!(keys.contains(&first) && first.contains(":a-history:"), "{keys:?}");
    assert!(keys.iter().any(|key| key.contains(":another-history:")), "{keys:?}");
    // Neither history's processes see the other's.
    let old = Process::beside(&redis.url(), 7);
    assert_eq!(old.get("a").await, shared("1"));
    // And bytes do not become another key's by being put there.
    let bytes = redis.dump(&first).expect("it is there");
    let moved = first.replace(":values:a", ":values:b");
    redis.restore(&moved, &bytes);
    assert_eq!(old.get("b").await, None);
    assert_eq!(old.redis().await.rubbish, 1);
}

#[tokio::test]
async fn what_another_history_touched_rules_nothing_out_in_this_one() {
    let redis = RedisServer::start();
    let there = Process::beside(&redis.url(), 5);
    there.learns(90, &["tea", "pattern:values:*"]);
    // Restored: positions begin again from below.
    there.fence.restart("another-history", 0);
    there.reads_to(7);
    let redis_too = Some((redis.url(), Duration::from_secs(5)));
    let here = Process::of(Setup { redis: redis_too, identity: "another-history", watermark: 7, ..Setup::default() });
    shares(&here, &redis, "a", "1", &["tea"]).await;
    assert_eq!(there.get("a").await, shared("1"));
    assert_eq!(there.fence.highest(), 7);
}

#[tokio::test]
async fn an_old_dump_that_comes_back_is_never_served() {
    let redis = RedisServer::start();
    let (here, there) = (Process::beside(&redis.url(), 5), Process::beside(&redis.url(), 5));
    shares(&here, &redis, "a", "v1", &["tea"]).await;
    let name = name_of(&redis, "a").await;
    let old = redis.dump(&name).expect("it is there");
    assert_eq!(there.get("a").await, shared("v1"));

    here.commits(6, &["tea"]);
    here.learns(6, &["tea"]);
    there.learns(6, &["tea"]);
    here.fills("a", "v2", &["tea"]).await;
    eventually("the new one is in Redis", async || redis.dump(&name).is_some_and(|bytes| bytes != old)).await;
    redis.restore(&name, &old);

    let late = Process::beside(&redis.url(), 4);
    late.learns(6, &["tea"]);
    let floor = Setup { redis: Some((redis.url(), PATIENCE)), floor: 6, watermark: 6, ..Setup::default() };
    let fresh = Process::of(floor);
    for (who, process) in [("there", &there), ("late", &late), ("fresh", &fresh)] {
        assert_eq!(process.get("a").await, None, "{who}");
        let got = process.ask("a", "v2", &["tea"]).await;
        assert_eq!((text(&got), got.origin), (Some("v2"), FILLED), "{who}");
        redis.restore(&name, &old);
    }
    assert_eq!(here.lookup("a").as_deref(), Some("v2"));
}

#[tokio::test]
async fn what_is_no_value_of_ours_is_a_miss_and_counted() {
    let redis = RedisServer::start();
    let here = Process::beside(&redis.url(), 5);
    shares(&here, &redis, "a", "1", &["tea"]).await;
    let name = name_of(&redis, "a").await;
    let good = redis.dump(&name).expect("it is there");
    assert_eq!(good[0], 1, "the version");

    let sealed = |mut bytes: Vec<u8>| {
        let mut hash = Xxh3::new();
        hash.update(name.as_bytes());
        hash.update(&bytes);
        bytes.extend(hash.digest().to_le_bytes());
        bytes
    };
    let body = good[..good.len() - 8].to_vec();
    assert_eq!(sealed(body.clone()), good, "the check is made as it is said to be");
    let mut of_tomorrow = body.clone();
    of_tomorrow[0] = 2;
    let mut harmed = good.clone();
    harmed[30] ^= 1;
    let mut not_text = body;
    let length = not_text.len();
    not_text[length - 3..].copy_from_slice(b"\"\xff\"");
    let there = Process::beside(&redis.url(), 5);
    for (rubbish, bytes) in
        (1..).zip([sealed(of_tomorrow), harmed, good[..20].to_vec(), Vec::new(), b"a list of words".to_vec()])
    {
        redis.restore(&name, &bytes);
        assert_eq!(there.get("a").await, None, "{bytes:?}");
        assert_eq!(there.redis().await.rubbish, rubbish);
    }
    // Whole, but not of this type.
    redis.restore(&name, &sealed(not_text));
    assert_eq!(there.get("a").await, None);
    let got = there.ask("a", "2", &["tea"]).await;
    assert_eq!((text(&got), got.origin), (Some("2"), FILLED), "and it is made good");
    assert_eq!(there.redis().await.failures, 0);
}

#[tokio::test]
async fn large_values_are_compressed_and_too_large_ones_stay_at_home() {
    let redis = RedisServer::start();
    let (here, there) = (Process::beside(&redis.url(), 5), Process::beside(&redis.url(), 5));
    let large = "a long text, over and over; ".repeat(10_000);
    shares(&here, &redis, "large", &large, &["tea"]).await;
    let bytes = redis.dump(&name_of(&redis, "large").await).expect("it is there");
    assert!(bytes.len() < large.len() / 50, "{} bytes", bytes.len());
    assert_eq!(there.get("large").await, shared(&large));

    let too_large = "x".repeat(9 * 1024 * 1024);
    here.ask("too large", &too_large, &["tea"]).await;
    eventually("it is left out", async || here.redis().await.left_out == 1).await;
    here.fills("after it", "1", &[]).await;
    name_of(&redis, "after it").await;
    assert_eq!(redis.keys().len(), 2);
}

#[tokio::test]
async fn redis_keeps_nothing_for_longer_than_it_lives() {
    let redis = RedisServer::start();
    let here = Process::beside(&redis.url(), 5);
    shares(&here, &redis, "a", "1", &[]).await;
    let left = redis.ttl_ms(&name_of(&redis, "a").await);
    assert!((1..=100_000).contains(&left), "{left} ms");
    let own = Filled::found("1".to_owned()).ttl(Duration::from_secs(7));
    assert!(here.values.set("b", own, here.values.stamp()));
    let left = redis.ttl_ms(&name_of(&redis, "b").await);
    assert!((1..=7_000).contains(&left), "{left} ms");
}

#[tokio::test]
async fn what_is_not_to_be_shared_is_not() {
    let redis = RedisServer::start();
    let redis_too = Some((redis.url(), Duration::from_secs(5)));
    let here = Process::of(Setup { policy: policy().unshared(), redis: redis_too, watermark: 5, ..Setup::default() });
    here.fills("a", "1", &[]).await;
    let others = here.cache.namespace::<String>("others", policy());
    assert!(others.set("b", Filled::found("1".to_owned()), others.stamp()));
    eventually("the other one is in Redis", async || redis.keys().len() == 1).await;
    assert!(redis.keys()[0].ends_with(":others:b"));
    assert_eq!(here.get("c").await, None);
}

#[tokio::test]
async fn emptying_redis_removes_only_what_is_ours() {
    let redis = RedisServer::start();
    let process = |prefix: &str, identity| {
        let cache = CacheSettings { prefix: prefix.to_owned(), ..CacheSettings::default() };
        let redis = Some((redis.url(), Duration::from_secs(5)));
        Process::of(Setup { cache, redis, identity, watermark: 5, ..Setup::default() })
    };
    let (ours, others) = (process("ours", "a-history"), process("ours-too", "a-history"));
    let elsewhere = process("ours", "another-history");
    for number in 0..1_200 {
        ours.fills(&number.to_string(), "1", &[]).await;
    }
    others.fills("a", "1", &[]).await;
    elsewhere.fills("a", "1", &[]).await;
    redis.restore("somebody's", b"1");
    eventually("all are there", async || redis.keys().len() == 1_203).await;
    assert_eq!(ours.cache.empty_redis().await, Some(1_200));
    let left = redis.keys();
    assert_eq!(left.len(), 3, "{left:?}");
    assert!(left.contains(&"somebody's".to_owned()));
    assert_eq!(ours.lookup("7").as_deref(), Some("1"), "memory is as it was");
    assert_eq!(Process::new().cache.empty_redis().await, None, "where there is none");
}

#[tokio::test]
async fn a_redis_that_lost_everything_is_filled_again() {
    let redis = RedisServer::start();
    let (here, there) = (Process::beside(&redis.url(), 5), Process::beside(&redis.url(), 5));
    shares(&here, &redis, "a", "1", &["tea"]).await;
    redis.flush();
    assert_eq!(here.lookup("a").as_deref(), Some("1"));
    assert_eq!(there.get("a").await, None);
    shares(&there, &redis, "a", "1", &["tea"]).await;
    assert_eq!(Process::beside(&redis.url(), 5).get("a").await, shared("1"));
}

/// Asks for many values, one after the other. Whatever Redis does, each is answered.
async fn asks_for_many(process: &Process, round: &str) {
    for number in 0..40 {
        let key = format!("{round}-{number}");
        let got = process.ask(&key, "1", &["tea"]).await;
        assert_eq!((text(&got), got.origin), (Some("1"), FILLED), "{key}");
        assert_eq!(process.lookup(&key).as_deref(), Some("1"));
    }
}

fn impatient(url: String) -> Process {
    Process::of(Setup { redis: Some((url, Duration::from_millis(100))), watermark: 5, ..Setup::default() })
}

#[tokio::test]
async fn a_redis_that_is_not_there_fails_nothing() {
    let port = free_port();
    let here = impatient(format!("redis://127.0.0.1:{port}/0"));
    asks_for_many(&here, "refused").await;
    let figures = here.redis().await;
    assert_eq!((figures.connected, figures.breaker_opened), (false, 1));
    assert!(figures.calls < 20, "{} calls: after three it is left alone", figures.calls);
    assert!(figures.left_out > 0 && figures.server.is_none(), "{figures:?}");
    assert_eq!(here.cache.ping_redis().await, None);
    assert_eq!(here.cache.empty_redis().await, None);
}

#[tokio::test]
async fn a_redis_that_talks_nonsense_or_nothing_fails_nothing() {
    for impostor in [RedisServer::rubbish(), RedisServer::hanging()] {
        let here = impatient(impostor.url());
        asks_for_many(&here, "impostor").await;
        let figures = here.redis().await;
        assert_eq!((figures.connected, figures.breaker_opened), (false, 1), "{figures:?}");
        assert!(figures.calls < 20 && figures.failures == figures.calls, "{figures:?}");
    }
}

#[tokio::test]
async fn no_request_is_ever_the_one_that_tries_whether_redis_is_back() {
    let hanging = RedisServer::hanging();
    let here = impatient(hanging.url());
    let breakers = Breakers::default();
    breakers.register(here.cache.breaker().expect("there is a Redis"));
    let figures = || breakers.figures().pop().expect("it is listed");
    asks_for_many(&here, "hanging").await;
    let (opened, since) = (figures(), Instant::now());
    assert_eq!((opened.name.as_str(), opened.opened), ("redis", 1));
    let mut asked = 0;
    // Long enough for several probes, each of which hangs while requests go on.
    while since.elapsed() < Duration::from_millis(1_700) {
        here.ask(&format!("meanwhile-{asked}"), "1", &["tea"]).await;
        asked += 1;
        tokio::task::yield_now().await;
    }
    let meanwhile = figures();
    let probes = u128::from(meanwhile.calls - opened.calls);
    let at_most = since.elapsed().as_millis() / 500 + 1;
    assert!((1..=at_most).contains(&probes), "{probes} calls while there was time for {at_most} probes");
    assert!(meanwhile.refused - opened.refused >= asked, "{meanwhile:?} after {asked}");
    assert_eq!((meanwhile.opened, here.redis().await.breaker_opened), (1, 1));
    assert!(Process::new().cache.breaker().is_none(), "where there is none");
}

#[tokio::test]
async fn a_redis_that_was_killed_is_used_again_when_it_is_back() {
    let mut redis = RedisServer::start();
    let here = impatient(redis.url());
    shares(&here, &redis, "a", "1", &[]).await;
    redis.kill();
    asks_for_many(&here, "killed").await;
    eventually("the breaker is open", async || !here.redis().await.connected).await;
    redis.restart();
    eventually("it is closed again", async || here.redis().await.connected).await;
    shares(&here, &redis, "b", "1", &[]).await;
    assert_eq!(impatient(redis.url()).get("b").await, shared("1"));
    assert_eq!(here.redis().await.breaker_opened, 1);
}

#[tokio::test]
async fn a_redis_that_is_stuck_is_used_again_when_it_goes_on() {
    let redis = RedisServer::start();
    let here = impatient(redis.url());
    shares(&here, &redis, "a", "1", &[]).await;
    redis.pause();
    asks_for_many(&here, "stuck").await;
    let figures = here.redis().await;
    assert_eq!((figures.connected, figures.breaker_opened), (false, 1), "{figures:?}");
    assert!(figures.server.is_none() && figures.failures >= 3, "{figures:?}");
    redis.resume();
    eventually("it is closed again", async || here.redis().await.connected).await;
    shares(&here, &redis, "b", "1", &[]).await;
    assert!(here.redis().await.server.is_some_and(|server| server.keys >= 2 && !server.version.is_empty()));
}

#[tokio::test]
async fn while_the_breaker_is_open_a_change_is_learnt_all_the_same() {
    let redis = RedisServer::start();
    let (here, there) = (impatient(redis.url()), impatient(redis.url()));
    shares(&here, &redis, "a", "old", &["tea"]).await;
    assert_eq!(there.get("a").await, shared("old"));
    redis.pause();
    asks_for_many(&there, "stuck").await;
    there.learns(6, &["tea"]);
    let got = there.ask("a", "new", &["tea"]).await;
    assert_eq!((text(&got), got.origin), (Some("new"), FILLED));
    redis.resume();
    eventually("it is closed again", async || there.redis().await.connected).await;
    let third = impatient(redis.url());
    third.learns(6, &["tea"]);
    assert_eq!(third.get("a").await, None, "the old one lies there still, and nobody takes it");
}

/// Two processes and what lies between them: whoever has learnt of a change never gets what was before
/// it, from wherever it comes.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn with_two_processes_whoever_reads_after_a_change_never_gets_what_was_before_it() {
    const CHANGES: u64 = 400;
    let redis = RedisServer::start();
    let truth = Arc::new(AtomicU64::new(0));
    let processes = [0, 1].map(|_| (Arc::new(Process::beside(&redis.url(), 1)), Arc::new(AtomicU64::new(0))));
    let mut readers = Vec::new();
    for (process, told) in &processes {
        for _ in 0..3 {
            let (process, told, truth) = (process.clone(), told.clone(), truth.clone());
            readers.push(entrepot_runtime::continue_in_background(async move {
                let mut shared = 0_u64;
                while told.load(Ordering::SeqCst) < CHANGES + 1 {
                    let must_see = told.load(Ordering::SeqCst);
                    let truth = truth.clone();
                    let got = process
                        .values
                        .get_or_fill("a", move || async move {
                            let read = truth.load(Ordering::SeqCst);
                            tokio::task::yield_now().await;
                            Ok::<_, Failure>(Filled::found(read.to_string()).tags(["truth"]))
                        })
                        .await
                        .expect("filled");
                    let read: u64 = text(&got).and_then(|text| text.parse().ok()).expect("a number");
                    assert!(read >= must_see, "{read} after {must_see} ({:?})", got.origin);
                    shared += u64::from(got.origin == Origin::Redis);
                    tokio::task::yield_now().await;
                }
                shared
            }));
        }
    }
    let [(here, told_here), (there, told_there)] = &processes;
    for change in 2..=CHANGES + 1 {
        truth.store(change, Ordering::SeqCst);
        here.commits(change, &["truth"]);
        told_here.store(change, Ordering::SeqCst);
        tokio::task::yield_now().await;
        here.learns(change, &["truth"]);
        // So that there is something for the other one to take.
        here.ask("a", &change.to_string(), &["truth"]).await;
        tokio::task::yield_now().await;
        there.learns(change, &["truth"]);
        told_there.store(change, Ordering::SeqCst);
        there.ask("a", &change.to_string(), &["truth"]).await;
    }
    let mut shared = 0;
    for reader in readers {
        shared += reader.await.expect("no panic");
    }
    let figures = there.figures().await;
    assert!(shared + figures.shared_hits > 0, "and the second level is of use all the same");
}
