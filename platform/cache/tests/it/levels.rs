//! The two levels together: their bounds, what is written to and removed from both, and the figures.

use std::time::Duration;

use entrepot_cache::{CacheSettings, Filled, Origin};
use entrepot_testkit::RedisServer;

use crate::process::{Process, Setup, eventually, text};

const MIB: u64 = 1024 * 1024;

fn of_one_mib() -> Process {
    let cache = CacheSettings { memory_bytes: MIB, ..CacheSettings::default() };
    Process::of(Setup { cache, ..Setup::default() })
}

#[tokio::test]
async fn memory_stays_within_its_bound_however_much_goes_in() {
    let here = of_one_mib();
    let value = "x".repeat(1_000);
    for number in 0..10_486 {
        here.fills(&format!("key-{number}"), &value, &["tea"]).await;
        if number % 100 == 0 {
            let memory = here.cache.figures().await.memory;
            assert!(memory.bytes <= MIB, "{} bytes after {number}", memory.bytes);
        }
    }
    let memory = here.cache.figures().await.memory;
    assert_eq!(memory.capacity_bytes, MIB);
    assert!(memory.bytes > MIB / 2 && memory.bytes <= MIB, "{} bytes are used", memory.bytes);
    assert!(memory.entries < MIB / 1_000 && memory.entries + memory.evictions == 10_486, "{memory:?}");
}

#[tokio::test]
async fn a_value_that_is_larger_than_memory_harms_nothing() {
    let here = of_one_mib();
    here.fills("small", "1", &[]).await;
    let large = "x".repeat(2 * 1024 * 1024);
    let got = here.ask("large", &large, &[]).await;
    assert_eq!(text(&got), Some(large.as_str()));
    assert!(here.cache.figures().await.memory.bytes <= MIB);
    assert!(here.lookup("small").is_some());
}

#[tokio::test]
async fn what_is_asked_for_once_does_not_push_out_what_is_asked_for_often() {
    let here = of_one_mib();
    let value = "x".repeat(1_000);
    for number in 0..100 {
        here.fills(&format!("often-{number}"), &value, &[]).await;
    }
    for number in 0..10_000 {
        here.fills(&format!("once-{number}"), &value, &[]).await;
        if number % 100 == 0 {
            for often in 0..100 {
                here.ask(&format!("often-{often}"), &value, &[]).await;
            }
        }
    }
    let mut left = 0;
    for often in 0..100 {
        left += u32::from(here.lookup(&format!("often-{often}")).is_some());
    }
    assert!(left >= 90, "{left} of 100 are left");
}

#[tokio::test]
async fn nothing_is_kept_where_the_cache_is_switched_off() {
    let redis = RedisServer::start();
    let cache = CacheSettings { enabled: false, ..CacheSettings::default() };
    let redis_too = Some((redis.url(), Duration::from_secs(5)));
    let here = Process::of(Setup { cache, redis: redis_too, watermark: 1, ..Setup::default() });
    assert!(!here.cache.is_enabled());
    for value in ["1", "2"] {
        let got = here.ask("a", value, &[]).await;
        assert_eq!((text(&got), got.origin), (Some(value), Origin::Source { kept: false }));
        assert_eq!(here.get("a").await, None);
    }
    assert_eq!((here.redis().await.calls, redis.keys().len()), (1, 0), "but for the figures");
}

#[tokio::test]
async fn several_are_read_from_both_levels_at_once_and_written_to_both() {
    let redis = RedisServer::start();
    let (here, there) = (Process::beside(&redis.url(), 7), Process::beside(&redis.url(), 7));
    let values = ["a", "b", "c"].map(|key| (key, Filled::found(format!("value of {key}")).tags([key])));
    assert_eq!(here.values.mset(values, here.values.stamp()), [true; 3]);
    eventually("all are in Redis", async || redis.keys().len() == 3).await;
    there.fills("local", "1", &[]).await;
    eventually("and this one", async || redis.keys().len() == 4).await;

    let before = there.redis().await.calls;
    let found = there.values.mget(&["b", "local", "none", "a"]).await;
    let found: Vec<_> = found.iter().map(|got| got.as_ref().map(|got| (text(got), got.origin))).collect();
    let shared = |text| Some((Some(text), Origin::Redis));
    assert_eq!(found, [shared("value of b"), Some((Some("1"), Origin::Memory)), None, shared("value of a")]);
    // One for them, and one for the figures themselves.
    assert_eq!(there.redis().await.calls - before, 2);
    assert_eq!(there.lookup("a").as_deref(), Some("value of a"), "it is in memory now");
    assert_eq!(there.get("b").await, Some(("value of b".to_owned(), Origin::Memory)));
    assert!(there.values.mget(&[]).await.is_empty());
    // What is in memory is not asked for.
    let before = there.redis().await.calls;
    there.values.mget(&["a", "b", "local"]).await;
    assert_eq!(there.redis().await.calls - before, 1);
}

#[tokio::test]
async fn what_is_deleted_goes_from_both_levels() {
    let redis = RedisServer::start();
    let here = Process::beside(&redis.url(), 7);
    here.fills("a", "1", &["tea"]).await;
    here.fills("b", "1", &["tea"]).await;
    eventually("they are in Redis", async || redis.keys().len() == 2).await;
    here.values.delete("a");
    assert_eq!(here.lookup("a"), None);
    eventually("it has gone from Redis", async || redis.keys().len() == 1).await;
    assert_eq!(here.get("a").await, None);
    assert_eq!(here.lookup("b").as_deref(), Some("1"));
    assert!(redis.keys()[0].ends_with(":values:b"));
    // What was being filled while it was deleted is not kept either.
    let stamp = here.values.stamp();
    here.values.delete("c");
    assert!(!here.values.set("c", Filled::found("1".to_owned()), stamp));
}

#[tokio::test]
async fn what_a_commit_returned_is_the_next_reads_hit_unless_a_newer_one_is_known() {
    let here = Process::new();
    let of = |text: &str| Filled::found(text.to_owned()).tags(["product:1"]);
    here.fills("a", "0", &["product:1"]).await;
    here.commits(5, &["product:1"]);
    assert_eq!(here.lookup("a"), None);
    assert!(here.values.write_through("a", of("5"), 5));
    assert_eq!(here.lookup("a").as_deref(), Some("5"));
    here.learns(5, &["product:1"]);
    assert_eq!(here.lookup("a").as_deref(), Some("5"), "the feed's word of the same commit");

    // Two commits that overlapped: the one that came second is the newest, in whatever order they get here.
    here.commits(6, &["product:1"]);
    here.commits(7, &["product:1"]);
    assert!(!here.values.write_through("a", of("6"), 6));
    assert_eq!(here.lookup("a"), None);
    assert!(here.values.write_through("a", of("7"), 7));
    assert!(!here.values.write_through("a", of("6"), 6));
    assert_eq!(here.lookup("a").as_deref(), Some("7"));
    // And one from elsewhere.
    here.commits(8, &["product:1"]);
    here.learns(9, &["product:1", "products"]);
    assert!(!here.values.write_through("a", of("8"), 8));
    assert_eq!(here.lookup("a"), None);
    here.commits(10, &["product:1"]);
    assert!(here.values.write_through("a", of("10"), 10));
    here.learns(11, &["product:1"]);
    assert_eq!(here.lookup("a"), None, "it can be ruled out as any other");
}

#[tokio::test]
async fn a_commit_is_written_through_to_redis_only_as_of_what_is_known() {
    let redis = RedisServer::start();
    let (here, there) = (Process::beside(&redis.url(), 4), Process::beside(&redis.url(), 4));
    here.commits(5, &["product:1"]);
    let five = Filled::found("5".to_owned()).tags(["product:1"]);
    assert!(here.values.write_through("a", five.clone(), 5));
    here.fills("b", "1", &[]).await;
    eventually("the other one is in Redis", async || redis.keys().len() == 1).await;
    assert!(redis.keys()[0].ends_with(":values:b"), "as of 4 nobody could tell whether 5 is in it");
    here.learns(5, &["product:1"]);
    there.learns(5, &["product:1"]);
    assert!(here.values.write_through("a", five, 5));
    eventually("now it is there", async || redis.keys().len() == 2).await;
    assert_eq!(there.get("a").await, Some(("5".to_owned(), Origin::Redis)));
}

#[tokio::test]
async fn sweeping_takes_out_what_is_of_no_use_any_more() {
    let here = Process::new();
    here.fills("stays", "1", &["coffee"]).await;
    here.fills("ruled out", "1", &["tea"]).await;
    let brief = Filled::found("1".to_owned()).ttl(Duration::from_secs(1));
    assert!(here.values.set("expired", brief, here.values.stamp()));
    assert_eq!(here.cache.sweep(), 0);
    here.ticker.advance(Duration::from_secs(1));
    here.learns(1, &["tea"]);
    // The cache may have done it by itself at this very moment: what counts is that it is done.
    here.cache.sweep();
    let memory = here.cache.figures().await.memory;
    assert_eq!((memory.entries, memory.swept, memory.evictions), (1, 2, 0));
    assert!(here.lookup("stays").is_some());
    // What is needed for standing in is of use.
    let here = Process::with_policy(crate::process::policy().fail_safe(Duration::from_secs(50)));
    here.fills("a", "1", &[]).await;
    here.ticker.advance(Duration::from_secs(149));
    assert_eq!((here.cache.sweep(), here.cache.figures().await.memory.entries), (0, 1));
    here.ticker.advance(Duration::from_secs(1));
    here.cache.sweep();
    assert_eq!(here.cache.figures().await.memory.entries, 0);
}

#[tokio::test]
async fn the_figures_add_up() {
    let redis = RedisServer::start();
    let (here, there) = (Process::beside(&redis.url(), 3), Process::beside(&redis.url(), 3));
    there.fills("shared", "1", &["tea"]).await;
    eventually("it is in Redis", async || redis.keys().len() == 1).await;
    assert_eq!(here.cache.hit_rate(), None, "nobody has asked yet");

    here.ask("a", "1", &["tea"]).await; // 1: a miss
    here.ask("a", "1", &["tea"]).await; // 2: a hit
    assert!(here.lookup("a").is_some()); // 3: a hit
    here.ask("shared", "2", &["tea"]).await; // 4: from Redis
    assert!(here.get("none").await.is_none()); // 5: a miss
    here.values.mget(&["a", "shared", "none"]).await; // 6, 7: hits; 8: a miss
    here.learns(4, &["tea"]);
    here.ask("a", "2", &["tea"]).await; // 9: a miss, as it was ruled out
    here.ask_in_vain("b").await.expect_err("the source is away"); // 10: a miss
    let own = here.values.fill("c", || async { Ok::<_, &str>(Filled::missing()) }).await.expect("an answer"); // 11
    assert_eq!(own.value, None);
    here.values.get("c").await.expect("known to be nothing"); // 12: a hit

    let figures = here.figures().await;
    assert_eq!((figures.hits, figures.shared_hits, figures.misses), (5, 1, 6));
    assert_eq!((figures.fills, figures.failures, figures.joined, figures.passed), (4, 1, 0, 0));
    // In memory and then in Redis, where it came to lie when it was filled for the first time.
    assert!((1..=2).contains(&figures.ruled_out), "{}", figures.ruled_out);
    assert!((figures.hit_rate - 0.5).abs() < 1e-9);
    let all = here.cache.figures().await;
    assert_eq!((all.hits, all.shared_hits, all.misses), (5, 1, 6));
    assert!((all.hit_rate - 0.5).abs() < 1e-9 && here.cache.hit_rate() == Some(all.hit_rate));
    here.cache.sweep();
    assert_eq!(here.cache.figures().await.memory.entries, 2, "a and c; what was shared is ruled out");
}
