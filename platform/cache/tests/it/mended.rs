//! Cases that failed once, each for a defect that was found by looking for one.

use std::time::Duration;

use entrepot_cache::{EVERYTHING, Filled};
use entrepot_testkit::RedisServer;

use crate::process::{Process, Setup, eventually, policy};

const SECOND: Duration = Duration::from_secs(1);

/// Its own time to live goes through Redis with it.
#[tokio::test]
async fn a_value_taken_from_redis_lives_no_longer_than_it_was_said_to() {
    let redis = RedisServer::start();
    let (here, there) = (Process::beside(&redis.url(), 5), Process::beside(&redis.url(), 5));
    let brief = Filled::found("1".to_owned()).ttl(5 * SECOND);
    assert!(here.values.set("a", brief, here.values.stamp()));
    eventually("it is in Redis", async || redis.keys().len() == 1).await;
    let got = there.values.get("a").await.expect("taken");
    assert!(got.remaining <= 5 * SECOND, "{:?} remain", got.remaining);
}

/// The same the other way round.
#[tokio::test]
async fn a_value_taken_from_redis_lives_as_long_as_it_was_said_to() {
    let redis = RedisServer::start();
    let (here, there) = (Process::beside(&redis.url(), 5), Process::beside(&redis.url(), 5));
    let long = Filled::found("1".to_owned()).ttl(1_000 * SECOND);
    assert!(here.values.set("a", long, here.values.stamp()));
    eventually("it is in Redis", async || redis.keys().len() == 1).await;
    let got = there.values.get("a").await.expect("taken");
    assert!(got.remaining > 900 * SECOND, "{:?} remain", got.remaining);
}

/// A touch by hand has no event, and what it rules out lies in Redis all the same.
#[tokio::test]
async fn what_was_touched_by_hand_is_not_taken_from_redis_again() {
    for tag in ["tea", EVERYTHING, "pattern:*", "key:values:a"] {
        let redis = RedisServer::start();
        let here = Process::beside(&redis.url(), 5);
        here.fills("a", "old", &["tea"]).await;
        eventually("it is in Redis", async || redis.keys().len() == 1).await;
        here.touch(&[tag]);
        assert_eq!(here.get("a").await, None, "{tag}");
    }
}

/// Nor does it come back when Redis could not be told.
#[tokio::test]
async fn what_was_deleted_while_redis_was_stuck_does_not_come_back() {
    let redis = RedisServer::start();
    let redis_too = Some((redis.url(), Duration::from_millis(100)));
    let here = Process::of(Setup { redis: redis_too, watermark: 5, ..Setup::default() });
    here.fills("a", "old", &["tea"]).await;
    eventually("it is in Redis", async || redis.keys().len() == 1).await;
    redis.pause();
    for number in 0..5 {
        here.ask(&number.to_string(), "1", &[]).await;
    }
    here.values.delete("a");
    redis.resume();
    eventually("it is used again", async || here.redis().await.connected).await;
    assert_eq!(here.get("a").await, None);
}

/// Who cannot refresh must not be the one who was to.
#[tokio::test]
async fn a_get_past_the_soft_time_does_not_keep_others_from_refreshing() {
    let here = Process::with_policy(policy().soft(Some(60 * SECOND)));
    here.fills("a", "1", &[]).await;
    here.ticker.advance(70 * SECOND);
    here.reads_to(0);
    assert!(here.values.get("a").await.is_some());
    here.ask("a", "2", &[]).await;
    assert_eq!(here.figures().await.refreshes, 1);
}

/// After a while somebody else tries.
#[tokio::test]
async fn a_refresh_that_failed_is_tried_again() {
    let here = Process::with_policy(policy().soft(Some(60 * SECOND)));
    here.fills("a", "1", &[]).await;
    here.ticker.advance(70 * SECOND);
    here.reads_to(0);
    assert!(here.ask_in_vain("a").await.is_ok());
    eventually("it failed", async || here.figures().await.failures == 1).await;
    here.ticker.advance(11 * SECOND);
    here.reads_to(0);
    here.ask("a", "2", &[]).await;
    assert_eq!(here.figures().await.refreshes, 2);
}
