//! The limits: by memory, and shared through a real Redis that is killed, stopped and filled with rubbish.
#![expect(clippy::expect_used, reason = "a test fails by panicking, with what it wanted")]

use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use entrepot_guard::limits::{LimitFigures, Limiter, Quota, RedisLimits, Subject, Verdict};
use entrepot_runtime::{Clock, ManualClock, Shutdown, Tasks};
use entrepot_testkit::RedisServer;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

const MINUTE: Duration = Duration::from_secs(60);
const TEN: Quota = Quota { name: "ten", limit: 10, window: MINUTE };
const THOUSAND: Quota = Quota { name: "thousand", limit: 1_000, window: MINUTE };

fn stopped_clock() -> (Clock, ManualClock) {
    Clock::manual("2026-01-01T00:00:00Z".parse().expect("a literal"))
}

fn memory() -> (Limiter, ManualClock) {
    let (clock, hand) = stopped_clock();
    (Limiter::in_memory(clock, 100_000), hand)
}

/// Limits on a Redis with a time-out that only a Redis which hangs exceeds.
fn on(url: &str) -> RedisLimits {
    let mut redis = RedisLimits::at(url, "test:");
    (redis.timeout, redis.heartbeat) = (Duration::from_secs(2), Duration::from_millis(100));
    redis
}

fn shared(clock: &Clock, redis: RedisLimits) -> (Limiter, Tasks) {
    let tasks = Tasks::new(Shutdown::new());
    let limiter = Limiter::shared(clock.clone(), 100_000, redis, &tasks).expect("an address");
    (limiter, tasks)
}

fn address(text: &str) -> Subject {
    Subject::address(text.parse::<IpAddr>().expect("an address"))
}

fn now(limiter: &Limiter, quota: &Quota, subject: &Subject, cost: u32) -> Verdict {
    limiter.check_now(quota, subject, cost).expect("memory answers at once")
}

/// Waits until the figures are as wanted; what they depend on goes on in the background.
async fn until(limiter: &Limiter, wanted: impl Fn(&LimitFigures) -> bool) {
    let start = Instant::now();
    while !wanted(&limiter.figures()) {
        assert!(start.elapsed() < Duration::from_secs(20), "{:?}", limiter.figures());
        #[expect(clippy::disallowed_methods, reason = "another program's state can only be polled")]
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[test]
fn a_quota_may_be_spent_at_once_and_comes_back_evenly() {
    let (limiter, hand) = memory();
    let ann = Subject::text("ann");
    for left in (0..10).rev() {
        let verdict = now(&limiter, &TEN, &ann, 1);
        assert!(verdict.allowed && !verdict.penalised);
        assert_eq!((verdict.limit, verdict.remaining, verdict.retry_after), (10, left, Duration::ZERO));
    }
    let refused = now(&limiter, &TEN, &ann, 1);
    assert!(!refused.allowed);
    assert_eq!((refused.remaining, refused.reset, refused.retry_after), (0, MINUTE, Duration::from_secs(6)));
    hand.advance(Duration::from_micros(5_999_999));
    assert!(!now(&limiter, &TEN, &ann, 1).allowed);
    hand.advance(Duration::from_micros(1));
    assert!(now(&limiter, &TEN, &ann, 1).allowed);
    assert!(!now(&limiter, &TEN, &ann, 1).allowed);
    hand.advance(MINUTE);
    assert_eq!(now(&limiter, &TEN, &ann, 1).remaining, 9, "all of it is back");
}

#[test]
fn a_request_may_cost_more_than_a_unit() {
    let (limiter, hand) = memory();
    let ann = Subject::text("ann");
    assert_eq!(now(&limiter, &TEN, &ann, 7).remaining, 3);
    let refused = now(&limiter, &TEN, &ann, 4);
    assert_eq!((refused.allowed, refused.remaining, refused.retry_after), (false, 3, Duration::from_secs(6)));
    assert!(now(&limiter, &TEN, &ann, 3).allowed, "a smaller one passes");
    let never = now(&limiter, &TEN, &ann, 11);
    assert_eq!((never.allowed, never.retry_after), (false, MINUTE));
    hand.advance(MINUTE * 10);
    assert!(!now(&limiter, &TEN, &ann, 11).allowed);
    assert!(!now(&limiter, &TEN, &ann, u32::MAX).allowed);
    assert!(now(&limiter, &TEN, &ann, 10).allowed);
    assert!(now(&limiter, &TEN, &ann, 0).allowed, "what costs nothing passes");
}

#[test]
fn quotas_and_subjects_count_separately() {
    let (limiter, _hand) = memory();
    let other = Quota { name: "other", ..TEN };
    let id = uuid::Uuid::from_u128(1);
    let text = id.to_string();
    let spent = Subject::user(id);
    assert_eq!(now(&limiter, &TEN, &spent, 10).remaining, 0);
    assert!(now(&limiter, &other, &spent, 10).allowed);
    for subject in [Subject::text(&text), Subject::user(uuid::Uuid::from_u128(2)), address("::1"), address("0.0.0.1")] {
        assert!(now(&limiter, &TEN, &subject, 10).allowed, "{subject}");
    }
}

#[test]
fn of_ipv6_the_network_counts_and_mapped_ipv4_is_ipv4() {
    assert_eq!(address("2001:db8:1:2::1"), address("2001:db8:1:2:ffff:ffff:ffff:ffff"));
    assert_ne!(address("2001:db8:1:2::1"), address("2001:db8:1:3::1"));
    assert_eq!(address("::ffff:192.0.2.7"), address("192.0.2.7"));
    assert_ne!(address("::ffff:192.0.2.7"), address("192.0.2.8"));
    assert_eq!(address("2001:db8:1:2::1").to_string(), "a:2001:db8:1:2::");
    let (limiter, _hand) = memory();
    assert!(now(&limiter, &TEN, &address("2001:db8:1:2::1"), 10).allowed);
    assert!(!now(&limiter, &TEN, &address("2001:db8:1:2::2"), 1).allowed);
    assert!(now(&limiter, &TEN, &address("::ffff:192.0.2.7"), 10).allowed);
    assert!(!now(&limiter, &TEN, &address("192.0.2.7"), 1).allowed);
}

#[test]
fn memory_is_bounded_and_a_sweep_gives_it_back() {
    let (clock, hand) = stopped_clock();
    let limiter = Limiter::in_memory(clock, 6_400);
    for number in 0..50_000_u32 {
        assert!(now(&limiter, &TEN, &Subject::address(IpAddr::from(number.to_be_bytes())), 1).allowed);
    }
    let figures = limiter.figures();
    assert!((6_300..=6_400).contains(&figures.tracked), "{figures:?}");
    assert_eq!(figures.evicted + figures.tracked as u64, 50_000);
    hand.advance(Duration::from_secs(6));
    limiter.sweep();
    assert_eq!(limiter.figures().tracked, 0, "a unit is back after 6 s, and with it the whole quota");
}

#[tokio::test(start_paused = true)]
async fn upkeep_sweeps_by_itself() {
    let (clock, hand) = stopped_clock();
    let limiter = Limiter::in_memory(clock, 1_000);
    let tasks = Tasks::new(Shutdown::new());
    limiter.start_upkeep(&tasks);
    now(&limiter, &TEN, &Subject::text("ann"), 1);
    assert_eq!(limiter.figures().tracked, 1);
    hand.advance(MINUTE);
    until(&limiter, |figures| figures.tracked == 0).await;
    assert!(tasks.stop(MINUTE).await.is_empty());
}

#[test]
fn who_does_not_wait_is_refused_for_longer_and_longer() {
    let (limiter, hand) = memory();
    let one = Quota { name: "one", limit: 1, window: MINUTE };
    let ann = Subject::text("ann");
    assert!(now(&limiter, &one, &ann, 1).allowed);
    let strike_out = || {
        for strike in 1..10 {
            assert!(!now(&limiter, &one, &ann, 1).penalised, "strike {strike}");
        }
        now(&limiter, &one, &ann, 1)
    };
    assert!(!now(&limiter, &one, &ann, 1).penalised, "it was not told to wait before");
    assert!(strike_out().penalised);
    assert_eq!(limiter.figures().penalties, 1);
    hand.advance(Duration::from_micros(999_999));
    assert!(now(&limiter, &one, &ann, 1).penalised);
    hand.advance(Duration::from_micros(1));
    assert!(strike_out().penalised);
    hand.advance(Duration::from_secs(2));
    assert!(!now(&limiter, &one, &ann, 1).penalised);
    // Two windows after the penalty, and the one strike since, all is forgotten.
    hand.advance(MINUTE * 2);
    assert!(now(&limiter, &one, &ann, 1).allowed);
    assert!(!now(&limiter, &one, &ann, 1).penalised);
    assert!(strike_out().penalised);
    hand.advance(Duration::from_secs(1));
    assert!(!now(&limiter, &one, &ann, 1).penalised, "the first penalty again: a second");
    assert_eq!(limiter.figures().penalties, 3);
}

#[tokio::test]
async fn units_are_given_back_looked_at_and_forgotten() {
    let redis = RedisServer::start();
    let (clock, _hand) = stopped_clock();
    let (remote, _tasks) = shared(&clock, on(&redis.url()));
    for limiter in [Limiter::in_memory(clock, 100), remote] {
        let ann = Subject::text("ann");
        assert_eq!(limiter.peek(&TEN, &ann).await.remaining, 10);
        assert_eq!(limiter.check(&TEN, &ann, 10).await.remaining, 0);
        let seen = limiter.peek(&TEN, &ann).await;
        assert_eq!((seen.allowed, seen.retry_after), (false, Duration::from_secs(6)));
        assert!(!limiter.check(&TEN, &ann, 1).await.allowed);
        limiter.give_back(&TEN, &ann, 3).await;
        assert_eq!(limiter.peek(&TEN, &ann).await.remaining, 3);
        assert_eq!(limiter.check(&TEN, &ann, 1).await.remaining, 2);
        limiter.give_back(&TEN, &ann, 1_000).await;
        assert_eq!(limiter.peek(&TEN, &ann).await.remaining, 10);
        assert!(limiter.check(&TEN, &ann, 10).await.allowed);
        for _ in 0..20 {
            limiter.check(&TEN, &ann, 1).await;
        }
        assert!(limiter.peek(&TEN, &ann).await.penalised);
        limiter.forget(&TEN, &ann).await;
        assert_eq!(limiter.check(&TEN, &ann, 1).await.remaining, 9);
    }
}

#[test]
fn an_address_of_redis_that_is_none_is_told_at_once() {
    let tasks = Tasks::new(Shutdown::new());
    assert!(Limiter::shared(Clock::system(), 1, RedisLimits::at("nonsense", ""), &tasks).is_err());
    assert!(!format!("{:?}", RedisLimits::at("redis://:secret@host", "")).contains("secret"));
}

#[derive(Clone, Debug)]
enum Step {
    Check {
        subject: usize,
        cost: u32,
    },
    Peek {
        subject: usize,
    },
    GiveBack {
        subject: usize,
        cost: u32,
    },
    Forget {
        subject: usize,
    },
    /// Begins a penalty, if anything is refused, and waits for about as long as it may take.
    Flood {
        subject: usize,
        seconds: u32,
        early: bool,
    },
    Wait {
        us: u64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let cost = prop_oneof![6 => 1_u32..4, 2 => 0_u32..40, 1 => 0_u32..2_000];
    let wait = prop_oneof![3 => 0_u64..400_000, 2 => 0_u64..3_000_000, 1 => 0_u64..60_000_000];
    prop_oneof![
        20 => (0_usize..4, cost.clone()).prop_map(|(subject, cost)| Step::Check { subject, cost }),
        1 => (0_usize..4).prop_map(|subject| Step::Peek { subject }),
        1 => (0_usize..4, cost).prop_map(|(subject, cost)| Step::GiveBack { subject, cost }),
        1 => (0_usize..40).prop_map(|subject| Step::Forget { subject }),
        1 => (0_usize..4, 0_u32..5, any::<bool>())
            .prop_map(|(subject, power, early)| Step::Flood { subject, seconds: 1 << power, early }),
        3 => wait.prop_map(|us| Step::Wait { us }),
    ]
}

#[test]
fn memory_and_redis_decide_alike() {
    let redis = RedisServer::start();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let names: Vec<Subject> = (0..40).map(|number| Subject::text(&format!("subject {number}"))).collect();
    let quota = (prop_oneof![1_u32..5, 60_u32..200, 500_u32..2_000], 300_u64..40_000);
    let mut runner = TestRunner::new(Config { cases: 60, failure_persistence: None, ..Config::default() });
    let rounds = AtomicU32::new(0);
    let outcome = runner.run(&(quota, proptest::collection::vec(step(), 1..400)), |((limit, window), steps)| {
        let round = rounds.fetch_add(1, Ordering::Relaxed);
        let quota = Quota { name: "alike", limit, window: Duration::from_millis(window) };
        let (clock, hand) = stopped_clock();
        runtime.block_on(async {
            let mut settings = on(&redis.url());
            settings.prefix = format!("round-{round}:");
            let (remote, tasks) = shared(&clock, settings);
            let local = Limiter::in_memory(clock, 100_000);
            for (at, step) in steps.iter().enumerate() {
                match *step {
                    Step::Check { subject, cost } => {
                        let subject = &names[subject];
                        let (here, there) =
                            (local.check(&quota, subject, cost).await, remote.check(&quota, subject, cost).await);
                        prop_assert_eq!(here, there, "step {}: {:?} of {:?}", at, step, quota);
                    }
                    Step::Peek { subject } => {
                        let subject = &names[subject];
                        let (here, there) = (local.peek(&quota, subject).await, remote.peek(&quota, subject).await);
                        prop_assert_eq!(here, there, "step {}: {:?} of {:?}", at, step, quota);
                    }
                    Step::GiveBack { subject, cost } => {
                        local.give_back(&quota, &names[subject], cost).await;
                        remote.give_back(&quota, &names[subject], cost).await;
                    }
                    Step::Forget { subject } => {
                        local.forget(&quota, &names[subject]).await;
                        remote.forget(&quota, &names[subject]).await;
                    }
                    Step::Flood { subject, seconds, early } => {
                        for _ in 0..14 {
                            let (here, there) = (
                                local.check(&quota, &names[subject], limit).await,
                                remote.check(&quota, &names[subject], limit).await,
                            );
                            prop_assert_eq!(here, there, "step {}: {:?} of {:?}", at, step, quota);
                        }
                        hand.advance(Duration::from_secs(seconds.into()) - Duration::from_micros(early.into()));
                    }
                    Step::Wait { us } => hand.advance(Duration::from_micros(us)),
                }
            }
            prop_assert_eq!(local.figures().denied, remote.figures().denied);
            prop_assert_eq!(local.figures().penalties, remote.figures().penalties);
            prop_assert_eq!(remote.figures().redis_failures, 0);
            tasks.stop(MINUTE).await;
            Ok(())
        })
    });
    outcome.expect("the same verdicts");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn instances_together_let_exactly_the_limit_pass() {
    let redis = RedisServer::start();
    let (clock, _hand) = stopped_clock();
    let (first, _first_tasks) = shared(&clock, on(&redis.url()));
    let (second, _second_tasks) = shared(&clock, on(&redis.url()));
    let mut workers = tokio::task::JoinSet::new();
    for worker in 0..20 {
        let limiter = if worker % 2 == 0 { first.clone() } else { second.clone() };
        workers.spawn(async move {
            let mut allowed = 0;
            for _ in 0..500 {
                allowed += u32::from(limiter.check(&THOUSAND, &address("192.0.2.1"), 1).await.allowed);
                tokio::task::yield_now().await;
            }
            allowed
        });
    }
    let allowed: u32 = workers.join_all().await.into_iter().sum();
    assert_eq!(allowed, 1_000);
    let calls = first.figures().redis_calls + second.figures().redis_calls;
    assert!(calls < 2_000, "{calls} calls for 10,000 checks");
    assert_eq!(first.figures().redis_failures + second.figures().redis_failures, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn instances_never_let_more_pass_whatever_requests_cost() {
    let redis = RedisServer::start();
    let (clock, _hand) = stopped_clock();
    let mut workers = tokio::task::JoinSet::new();
    let instances: Vec<_> = (0..3).map(|_| shared(&clock, on(&redis.url()))).collect();
    for worker in 0..12_u32 {
        let limiter = instances[worker as usize % 3].0.clone();
        workers.spawn(async move {
            let mut passed = 0;
            for turn in 0..200 {
                let cost = 1 + (worker * 7 + turn * 13) % 9;
                if limiter.check(&THOUSAND, &address("192.0.2.1"), cost).await.allowed {
                    passed += cost;
                }
                tokio::task::yield_now().await;
            }
            passed
        });
    }
    let passed: u32 = workers.join_all().await.into_iter().sum();
    assert!((900..=1_000).contains(&passed), "{passed}");
}

#[tokio::test]
async fn a_lease_and_a_refusal_spare_calls() {
    let redis = RedisServer::start();
    let (clock, hand) = stopped_clock();
    let mut settings = on(&redis.url());
    settings.heartbeat = MINUTE;
    let (limiter, _tasks) = shared(&clock, settings);
    until(&limiter, |figures| figures.redis_calls == 1).await;
    let ann = Subject::text("ann");
    assert_eq!(limiter.check_now(&THOUSAND, &ann, 1), None);
    assert_eq!(limiter.check(&THOUSAND, &ann, 1).await.remaining, 999);
    for left in (984..999).rev() {
        let known = limiter.check_now(&THOUSAND, &ann, 1).map(|verdict| verdict.remaining);
        assert_eq!(known, Some(left), "{:?}", limiter.figures());
    }
    assert_eq!(limiter.check_now(&THOUSAND, &ann, 1), None, "999 / 64 = 15 units were leased");
    assert!(limiter.check(&THOUSAND, &ann, 1).await.allowed);
    hand.advance(Duration::from_secs(1));
    assert_eq!(limiter.check_now(&THOUSAND, &ann, 1), None, "the lease is over");
    // What was left of it comes back with the next call.
    let refilled = 984 - 1 + 16;
    assert_eq!(limiter.check(&THOUSAND, &ann, 1).await.remaining, refilled - 1);

    assert!(limiter.check(&TEN, &ann, 10).await.allowed);
    let before = limiter.figures().redis_calls;
    assert!(!limiter.check(&TEN, &ann, 1).await.allowed);
    for _ in 0..9 {
        assert!(!limiter.check(&TEN, &ann, 1).await.penalised);
    }
    assert_eq!(limiter.figures().redis_calls, before + 1, "nine strikes are counted here");
    assert!(limiter.check(&TEN, &ann, 1).await.penalised, "the tenth is decided there");
    for _ in 0..1_000 {
        assert!(limiter.check_now(&TEN, &ann, 1).expect("it is known").penalised);
    }
    assert_eq!(limiter.figures().redis_calls, before + 2);
}

#[tokio::test]
async fn strikes_of_all_instances_count_together() {
    let redis = RedisServer::start();
    let (clock, hand) = stopped_clock();
    let (first, _first_tasks) = shared(&clock, on(&redis.url()));
    let (second, _second_tasks) = shared(&clock, on(&redis.url()));
    let ann = Subject::text("ann");
    assert!(first.check(&TEN, &ann, 10).await.allowed);
    for _ in 0..7 {
        assert!(!first.check(&TEN, &ann, 1).await.penalised);
        assert!(!second.check(&TEN, &ann, 1).await.penalised);
    }
    // Each has counted for itself; a second later each tells.
    hand.advance(Duration::from_secs(1));
    first.check(&TEN, &ann, 1).await;
    assert!(second.check(&TEN, &ann, 1).await.penalised);
}

#[tokio::test]
async fn keys_end_by_themselves() {
    let redis = RedisServer::start();
    let (clock, _hand) = stopped_clock();
    let (limiter, _tasks) = shared(&clock, on(&redis.url()));
    limiter.check(&TEN, &address("192.0.2.1"), 1).await;
    let key = "test:limit:ten:a:192.0.2.1";
    assert!(redis.keys().contains(&key.to_owned()), "{:?}", redis.keys());
    assert!((1..=16_000).contains(&redis.ttl_ms(key)), "6 s and 10 more, not {} ms", redis.ttl_ms(key));
    while !redis.keys().contains(&"test:limit-instances".to_owned()) {
        tokio::task::yield_now().await;
    }
    assert!((1..=300).contains(&redis.ttl_ms("test:limit-instances")));
    limiter.give_back(&TEN, &address("192.0.2.1"), 1).await;
    assert!(!redis.keys().contains(&key.to_owned()), "what is whole again is not kept");
}

#[tokio::test]
async fn verdicts_go_on_by_shares_while_redis_is_away() {
    let mut redis = RedisServer::start();
    let (clock, hand) = stopped_clock();
    let (first, _first_tasks) = shared(&clock, on(&redis.url()));
    let (second, _second_tasks) = shared(&clock, on(&redis.url()));
    for limiter in [&first, &second] {
        until(limiter, |figures| figures.instances == 2).await;
        assert_eq!(limiter.figures().store, "redis");
    }
    let ann = Subject::text("ann");
    assert!(first.check(&TEN, &ann, 10).await.allowed);

    redis.kill();
    for limiter in [&first, &second] {
        // The heartbeats notice; what comes until then is decided alone after the time-out at the latest.
        until(limiter, |figures| figures.store == "memory (redis is away)").await;
        let verdict = limiter.check_now(&TEN, &ann, 5).expect("nobody is asked");
        assert_eq!((verdict.allowed, verdict.limit, verdict.remaining), (true, 5, 0), "half of the quota");
        assert!(!limiter.check(&TEN, &ann, 1).await.allowed);
        assert!(limiter.figures().redis_failures >= 3);
    }

    redis.restart();
    for limiter in [&first, &second] {
        until(limiter, |figures| figures.store == "redis").await;
    }
    hand.advance(MINUTE);
    assert_eq!(first.check(&TEN, &ann, 6).await.remaining, 4);
    assert_eq!(second.check(&TEN, &ann, 3).await.remaining, 1, "shared again");
}

#[tokio::test]
async fn a_redis_that_was_never_there_takes_nothing_but_the_share() {
    let url = format!("redis://127.0.0.1:{}/0", entrepot_testkit::free_port());
    let (clock, _hand) = stopped_clock();
    let (limiter, _tasks) = shared(&clock, on(&url));
    for left in (0..10).rev() {
        assert_eq!(limiter.check(&TEN, &Subject::text("ann"), 1).await.remaining, left);
    }
    assert!(!limiter.check(&TEN, &Subject::text("ann"), 1).await.allowed);
    until(&limiter, |figures| figures.store == "memory (redis is away)").await;
}

#[tokio::test]
async fn a_redis_that_hangs_costs_the_timeout_at_most() {
    let redis = RedisServer::start();
    let (clock, _hand) = stopped_clock();
    let mut settings = on(&redis.url());
    settings.timeout = Duration::from_millis(200);
    settings.heartbeat = MINUTE;
    let (limiter, _tasks) = shared(&clock, settings);
    assert!(limiter.check(&TEN, &Subject::text("ann"), 1).await.allowed);
    redis.pause();
    for attempt in 0..10 {
        let start = Instant::now();
        assert!(limiter.check(&TEN, &Subject::text("ben"), 1).await.allowed);
        let limit = Duration::from_millis(if attempt < 3 { 350 } else { 100 });
        assert!(start.elapsed() < limit, "attempt {attempt} took {:?}", start.elapsed());
    }
    assert_eq!(limiter.figures().store, "memory (redis is away)");
    redis.resume();
    until(&limiter, |figures| figures.store == "redis").await;
    assert!(limiter.check(&TEN, &Subject::text("ann"), 1).await.allowed);
}

#[tokio::test]
async fn rubbish_fails_no_request() {
    let redis = RedisServer::start();
    let (clock, _hand) = stopped_clock();
    let key = format!("test:limit:ten:{}", Subject::text("ann"));
    redis.restore(&key, b"no hash at all");
    redis.restore("test:limit-instances", b"no set at all");
    let (limiter, _tasks) = shared(&clock, on(&redis.url()));
    assert_eq!(limiter.check(&TEN, &Subject::text("ann"), 4).await.remaining, 6);
    assert_eq!(limiter.peek(&TEN, &Subject::text("ann")).await.remaining, 6);
    redis.restore(&key, b"no hash again");
    limiter.give_back(&TEN, &Subject::text("ann"), 1).await;
    assert_eq!(limiter.check(&TEN, &Subject::text("ann"), 1).await.remaining, 9);
    assert_eq!(limiter.figures().redis_failures, 0);

    let impostor = RedisServer::rubbish();
    let (limiter, _tasks) = shared(&clock, on(&impostor.url()));
    for _ in 0..5 {
        assert!(limiter.check(&TEN, &Subject::text("ann"), 1).await.allowed);
    }
    assert_eq!(limiter.check(&TEN, &Subject::text("ann"), 1).await.remaining, 4);
}

#[tokio::test]
async fn a_redis_that_lost_the_script_is_given_it_again() {
    let mut redis = RedisServer::start();
    let (clock, _hand) = stopped_clock();
    let (limiter, _tasks) = shared(&clock, on(&redis.url()));
    assert!(limiter.check(&TEN, &Subject::text("ann"), 1).await.allowed);
    redis.kill();
    until(&limiter, |figures| figures.store != "redis").await;
    redis.restart();
    until(&limiter, |figures| figures.store == "redis").await;
    let failures = limiter.figures().redis_failures;
    assert_eq!(limiter.check(&TEN, &Subject::text("ann"), 1).await.remaining, 9);
    assert_eq!(limiter.figures().redis_failures, failures);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn requests_that_end_half_way_leave_nothing_locked() {
    let redis = RedisServer::start();
    let (clock, _hand) = stopped_clock();
    let (limiter, _tasks) = shared(&clock, on(&redis.url()));
    let ann = Subject::text("ann");
    for _ in 0..200 {
        let check = limiter.check(&THOUSAND, &ann, 1);
        let _given_up = tokio::time::timeout(Duration::from_micros(50), check).await;
    }
    let verdict = limiter.check(&THOUSAND, &ann, 1).await;
    assert_eq!((verdict.limit, limiter.figures().store), (1_000, "redis"));
}
