//! Fills: shared by those who may share them, ended for nobody, and what stands in when they fail.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use entrepot_cache::{FenceSettings, FillError, Filled, Got, Origin, Policy};
use entrepot_runtime::{Request, within_request};
use tokio::sync::Semaphore;

use crate::process::{Answer, FILLED, Failure, NOT_KEPT, Process, Setup, policy, text};

const SECOND: Duration = Duration::from_secs(1);

/// A source that reads its truth at once and answers when it is let go.
#[derive(Clone)]
struct Source {
    truth: Arc<Mutex<String>>,
    /// How often it was asked.
    asked: Arc<AtomicU32>,
    gate: Arc<Semaphore>,
}

impl Source {
    fn that_says(text: &str) -> Self {
        Self { truth: Arc::new(Mutex::new(text.to_owned())), asked: Arc::default(), gate: Arc::new(Semaphore::new(0)) }
    }

    fn now_says(&self, text: &str) {
        text.clone_into(&mut self.truth.lock().expect("no panic"));
    }

    fn asked(&self) -> u32 {
        self.asked.load(Ordering::SeqCst)
    }

    /// Waits until it was asked so often.
    async fn is_asked(&self, times: u32) {
        while self.asked() < times {
            tokio::task::yield_now().await;
        }
    }

    /// Lets so many of its answers go.
    fn let_go(&self, answers: usize) {
        self.gate.add_permits(answers);
    }

    async fn answer(self) -> Result<Filled<String>, Failure> {
        let read = self.truth.lock().expect("no panic").clone();
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.gate.acquire().await.expect("it stays open").forget();
        match &*read {
            "failure" => Err("the source is away"),
            "panic" => panic!("as it was told to"),
            "nothing" => Ok(Filled::missing().tags(["tea"])),
            _ => Ok(Filled::found(read).tags(["tea"])),
        }
    }
}

/// A caller, as far as it has come.
type Caller<'a> = Pin<Box<dyn Future<Output = Answer> + Send + 'a>>;

impl Process {
    /// Somebody will ask.
    fn asks(&self, source: &Source) -> Caller<'_> {
        let source = source.clone();
        Box::pin(self.values.get_or_fill("a", || source.answer()))
    }

    /// Somebody asks now, and gets as far as it can without the source.
    async fn caller(&self, source: &Source) -> Caller<'_> {
        let mut caller = self.asks(source);
        assert!(futures_util::poll!(&mut caller).is_pending(), "it has to wait");
        caller
    }

    /// The same for a request that no cache may answer.
    async fn caller_past_caches(&self, source: &Source) -> Caller<'_> {
        let request = Arc::new(Request::new(Arc::from("r")).past_caches());
        let mut caller: Caller<'_> = Box::pin(within_request(request, self.asks(source)));
        assert!(futures_util::poll!(&mut caller).is_pending(), "it has to wait");
        caller
    }
}

fn value(answer: &Answer) -> (&str, Origin) {
    let got = answer.as_ref().expect("an answer");
    (text(got).expect("a value"), got.origin)
}

#[tokio::test]
async fn thirty_two_callers_are_one_question() {
    let (here, source) = (Process::new(), Source::that_says("1"));
    let mut callers = Vec::new();
    for _ in 0..32 {
        callers.push(here.caller(&source).await);
    }
    source.let_go(32);
    for answer in futures_util::future::join_all(callers).await {
        assert_eq!(value(&answer), ("1", FILLED));
    }
    assert_eq!(source.asked(), 1);
    let figures = here.figures().await;
    assert_eq!((figures.fills, figures.joined, figures.misses, figures.hits), (1, 31, 32, 0));
    assert_eq!(here.lookup("a").as_deref(), Some("1"));
}

#[tokio::test]
async fn other_keys_have_flights_of_their_own() {
    let (here, source) = (Process::new(), Source::that_says("1"));
    let first = here.caller(&source).await;
    source.is_asked(1).await;
    source.let_go(2);
    let again = source.clone();
    let other = here.values.get_or_fill("b", || again.answer()).await;
    assert_eq!(value(&other), ("1", FILLED));
    assert_eq!(value(&first.await), ("1", FILLED));
    assert_eq!(source.asked(), 2);
}

#[tokio::test]
async fn who_comes_after_a_change_is_not_handed_what_was_read_before_it() {
    let (here, source) = (Process::new(), Source::that_says("old"));
    let before = here.caller(&source).await;
    source.is_asked(1).await;
    source.now_says("new");
    here.commits(1, &["tea"]);
    let mut after = Vec::new();
    for _ in 0..5 {
        after.push(here.caller(&source).await);
    }
    source.let_go(2);
    assert_eq!(value(&before.await), ("old", NOT_KEPT), "it came before the change");
    for answer in futures_util::future::join_all(after).await {
        assert_eq!(value(&answer), ("new", FILLED));
    }
    assert_eq!(source.asked(), 2, "they share the second question");
    assert_eq!(here.lookup("a").as_deref(), Some("new"));
}

#[tokio::test]
async fn nobody_waits_for_more_than_two() {
    let (here, source) = (Process::new(), Source::that_says("0"));
    let _first = here.caller(&source).await;
    source.is_asked(1).await;
    source.now_says("1");
    here.commits(1, &["tea"]);
    let mut late = here.caller(&source).await;
    // The first lands: what it brings is of no use, so a second begins.
    source.let_go(1);
    while source.asked() < 2 {
        assert!(futures_util::poll!(&mut late).is_pending());
        tokio::task::yield_now().await;
    }
    source.now_says("2");
    here.commits(2, &["tea"]);
    source.let_go(1);
    // That one raced as well, but it began after this caller came.
    assert_eq!(value(&late.await), ("1", NOT_KEPT));
    assert_eq!(source.asked(), 2);
}

#[tokio::test]
async fn a_flight_that_began_before_an_unrelated_change_will_do() {
    let (here, source) = (Process::new(), Source::that_says("1"));
    let before = here.caller(&source).await;
    source.is_asked(1).await;
    here.commits(1, &["coffee"]);
    let after = here.caller(&source).await;
    source.let_go(1);
    assert_eq!(value(&before.await), ("1", FILLED));
    assert_eq!(value(&after.await), ("1", FILLED));
    assert_eq!(source.asked(), 1);
}

#[tokio::test]
async fn a_failure_is_told_to_all_and_asked_for_again() {
    let (here, source) = (Process::new(), Source::that_says("failure"));
    let callers = [here.caller(&source).await, here.caller(&source).await, here.caller(&source).await];
    source.let_go(1);
    for answer in futures_util::future::join_all(callers).await {
        assert!(matches!(answer, Err(FillError::Failed(why)) if *why == "the source is away"));
    }
    assert_eq!((source.asked(), here.figures().await.failures), (1, 1));
    source.now_says("1");
    source.let_go(1);
    assert_eq!(value(&here.caller(&source).await.await), ("1", FILLED));
}

#[tokio::test]
async fn a_panic_is_told_to_all_and_asked_for_again() {
    let (here, source) = (Process::new(), Source::that_says("panic"));
    let callers = [here.caller(&source).await, here.caller(&source).await, here.caller(&source).await];
    source.let_go(1);
    for answer in futures_util::future::join_all(callers).await {
        assert!(matches!(answer, Err(FillError::Panicked)), "{answer:?}");
    }
    assert_eq!(source.asked(), 1);
    source.now_says("1");
    source.let_go(1);
    assert_eq!(value(&here.caller(&source).await.await), ("1", FILLED));
}

#[tokio::test(start_paused = true)]
async fn a_fill_that_takes_too_long_goes_on_without_its_callers() {
    let (here, source) = (Process::with_policy(policy().fill_timeout(SECOND)), Source::that_says("1"));
    for _ in 0..3 {
        let answer = here.caller(&source).await.await;
        assert!(matches!(answer, Err(FillError::TimedOut(SECOND))), "{answer:?}");
    }
    assert_eq!((source.asked(), here.figures().await.timeouts), (1, 3), "they all waited for the same one");
    source.let_go(1);
    while here.lookup("a").is_none() {
        tokio::task::yield_now().await;
    }
    assert_eq!(here.lookup("a").as_deref(), Some("1"), "what it brought is kept");
}

#[tokio::test(start_paused = true)]
async fn a_fill_that_never_ends_is_given_up_after_four_times_as_long() {
    let (here, source) = (Process::with_policy(policy().fill_timeout(SECOND)), Source::that_says("1"));
    for _ in 0..4 {
        here.caller(&source).await.await.expect_err("too long");
    }
    assert_eq!(source.asked(), 1);
    while here.figures().await.failures == 0 {
        tokio::task::yield_now().await;
    }
    let next = here.caller(&source).await;
    source.is_asked(2).await;
    source.let_go(1);
    assert_eq!(value(&next.await), ("1", FILLED), "the way is free for another");
}

#[tokio::test]
async fn a_flight_goes_on_when_its_caller_gives_up() {
    let (here, source) = (Process::new(), Source::that_says("1"));
    let caller = here.caller(&source).await;
    source.is_asked(1).await;
    drop(caller);
    let joins = here.caller(&source).await;
    source.let_go(1);
    assert_eq!(value(&joins.await), ("1", FILLED));
    assert_eq!(source.asked(), 1);
    // Also before it was asked.
    let here = Process::new();
    drop(here.caller(&source).await);
    source.let_go(1);
    while here.lookup("a").is_none() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_request_past_the_caches_joins_nothing_and_reads_what_there_is() {
    let (here, source) = (Process::new(), Source::that_says("old"));
    here.fills("a", "cached", &["tea"]).await;
    let past = here.caller_past_caches(&source).await;
    source.let_go(1);
    assert_eq!(value(&past.await), ("old", FILLED), "not what memory has");
    assert_eq!(here.figures().await.passed, 1);
    assert_eq!(here.lookup("a").as_deref(), Some("old"), "others profit from it");

    here.touch(&["tea"]);
    let first = here.caller(&source).await;
    source.is_asked(2).await;
    // Changed behind the feed's back: only who passes by the caches sees it at once.
    source.now_says("new");
    let past = here.caller_past_caches(&source).await;
    source.is_asked(3).await;
    // Who comes now joins the newest.
    let third = here.caller(&source).await;
    source.let_go(2);
    assert_eq!(value(&first.await), ("old", FILLED));
    assert_eq!(value(&past.await), ("new", FILLED));
    assert_eq!(value(&third.await), ("new", FILLED));
    assert_eq!(source.asked(), 3);
}

#[tokio::test]
async fn a_request_past_the_caches_gets_no_stand_in() {
    let (here, source) = (Process::with_policy(policy().fail_safe(50 * SECOND)), Source::that_says("failure"));
    here.fills("a", "1", &["tea"]).await;
    let past = here.caller_past_caches(&source).await;
    source.let_go(1);
    assert!(matches!(past.await, Err(FillError::Failed(_))));
    here.ticker.advance(100 * SECOND);
    here.reads_to(1);
    let past = here.caller_past_caches(&source).await;
    source.let_go(1);
    assert!(matches!(past.await, Err(FillError::Failed(_))));
    assert_eq!(value(&here.ask_in_vain("a").await), ("1", Origin::FailSafe), "which another one gets");
}

#[tokio::test]
async fn a_request_that_names_a_write_gets_what_is_cached_and_no_stand_in() {
    let here = Process::with_policy(policy().fail_safe(50 * SECOND));
    here.fills("a", "1", &["tea"]).await;
    let request = || Arc::new(Request::new(Arc::from("r")).demanding_position());
    let cached = within_request(request(), here.ask("a", "2", &["tea"])).await;
    assert_eq!((text(&cached), cached.origin), (Some("1"), Origin::Memory));
    here.ticker.advance(100 * SECOND);
    here.reads_to(1);
    let answer = within_request(request(), here.ask_in_vain("a")).await;
    assert!(matches!(answer, Err(FillError::Failed(_))), "{answer:?}");
    assert_eq!(value(&here.ask_in_vain("a").await), ("1", Origin::FailSafe), "which another one gets");
}

#[tokio::test]
async fn of_what_was_not_kept_nobody_knows_what_it_was_made_from() {
    let (here, source) = (Process::new(), Source::that_says("1"));
    let again = source.clone();
    // It says neither tags nor that it may be kept.
    let untold = || async move { again.answer().await.map(|_| Filled::found("untold".to_owned()).not_kept()) };
    let mut before: Caller<'_> = Box::pin(here.values.get_or_fill("a", untold));
    assert!(futures_util::poll!(&mut before).is_pending());
    source.is_asked(1).await;
    here.commits(1, &["tea"]);
    let after = here.caller(&source).await;
    source.let_go(2);
    assert_eq!(value(&before.await), ("untold", NOT_KEPT));
    assert_eq!(value(&after.await), ("1", FILLED), "so it is not handed to who came after a change");
}

#[tokio::test]
async fn while_the_feed_is_behind_a_flight_is_joined_for_as_long_as_the_bound_only() {
    // The lag is 2 s; nothing was ever read.
    let here = Process::that_has_read_nothing(&Setup::default());
    let source = Source::that_says("1");
    let first = here.caller(&source).await;
    source.is_asked(1).await;
    here.ticker.advance(2 * SECOND);
    let joins = here.caller(&source).await;
    here.ticker.advance(SECOND);
    source.now_says("2");
    let departs = here.caller(&source).await;
    source.is_asked(2).await;
    source.let_go(2);
    assert_eq!(value(&first.await), ("1", NOT_KEPT));
    assert_eq!(value(&joins.await), ("1", NOT_KEPT));
    assert_eq!(value(&departs.await), ("2", NOT_KEPT));
}

#[tokio::test]
async fn callers_whose_errors_differ_do_not_share() {
    let (here, source) = (Process::new(), Source::that_says("1"));
    let first = here.caller(&source).await;
    source.is_asked(1).await;
    let other = here.values.fill("a", || async { Ok::<_, u8>(Filled::found("other".to_owned()).tags(["tea"])) });
    let mut other = Box::pin(other);
    assert!(futures_util::poll!(&mut other).is_pending());
    source.let_go(1);
    assert_eq!(value(&first.await), ("1", FILLED));
    assert_eq!(text(&other.await.expect("its own")), Some("other"));
}

#[tokio::test]
async fn a_value_past_its_soft_time_is_refreshed_once_while_all_are_served() {
    let here = Process::with_policy(policy().soft(Some(60 * SECOND)));
    let source = Source::that_says("1");
    source.let_go(1);
    here.caller(&source).await.await.expect("filled");
    source.now_says("2");
    advance(&here, 59);
    assert_eq!(value(&here.asks(&source).await), ("1", Origin::Memory));
    assert_eq!(here.figures().await.refreshes, 0);
    advance(&here, 1);
    for _ in 0..10 {
        assert_eq!(value(&here.asks(&source).await), ("1", Origin::Memory), "nobody waits");
    }
    source.is_asked(2).await;
    source.let_go(1);
    while here.lookup("a").as_deref() == Some("1") {
        tokio::task::yield_now().await;
    }
    let got = here.asks(&source).await.expect("an answer");
    assert_eq!((text(&got), got.age, got.remaining), (Some("2"), Duration::ZERO, 100 * SECOND));
    assert_eq!((source.asked(), here.figures().await.refreshes), (2, 1));
}

#[tokio::test]
async fn a_refresh_that_fails_changes_nothing() {
    for outcome in ["failure", "panic"] {
        let here = Process::with_policy(policy().soft(Some(60 * SECOND)));
        here.fills("a", "1", &["tea"]).await;
        advance(&here, 70);
        let source = Source::that_says(outcome);
        assert_eq!(value(&here.asks(&source).await), ("1", Origin::Memory));
        source.is_asked(1).await;
        // One that waits for the same flight learns how it ended.
        let waits = source.clone();
        let mut waits: Caller<'_> = Box::pin(here.values.fill("a", || waits.answer()));
        assert!(futures_util::poll!(&mut waits).is_pending());
        source.let_go(1);
        waits.await.expect_err(outcome);
        assert_eq!((source.asked(), here.lookup("a").as_deref()), (1, Some("1")));
    }
}

#[tokio::test]
async fn a_refresh_that_raced_with_a_change_is_not_kept() {
    let here = Process::with_policy(policy().soft(Some(60 * SECOND)));
    here.fills("a", "0", &["tea"]).await;
    advance(&here, 70);
    let source = Source::that_says("1");
    assert_eq!(value(&here.asks(&source).await), ("0", Origin::Memory));
    source.is_asked(1).await;
    source.now_says("2");
    here.commits(1, &["tea"]);
    source.let_go(2);
    assert_eq!(value(&here.asks(&source).await), ("2", FILLED));
    assert_eq!(here.lookup("a").as_deref(), Some("2"));
}

#[tokio::test]
async fn that_there_is_nothing_is_known_for_its_own_time() {
    let here = Process::with_policy(policy().negative(20 * SECOND));
    let source = Source::that_says("nothing");
    source.let_go(10);
    let ask = async || -> Got<String> { here.asks(&source).await.expect("an answer") };
    assert_eq!((ask().await.value, source.asked()), (None, 1));
    advance(&here, 19);
    let got = ask().await;
    assert_eq!((got.value, got.origin, got.remaining), (None, Origin::Memory, SECOND));
    advance(&here, 1);
    source.now_says("1");
    assert_eq!((text(&ask().await), source.asked()), (Some("1"), 2));
    // And it is ruled out by what would bring it about.
    source.now_says("nothing");
    here.touch(&["tea"]);
    assert_eq!(ask().await.value, None);
    source.now_says("2");
    here.touch(&["tea"]);
    assert_eq!(text(&ask().await), Some("2"));
}

#[tokio::test]
async fn values_expire_when_they_are_said_to() {
    let here = Process::new();
    here.fills("a", "1", &[]).await;
    let own = Filled::found("1".to_owned()).ttl(5 * SECOND);
    assert!(here.values.set("own", own, here.values.stamp()));
    here.ticker.advance(Duration::from_millis(4_999));
    here.reads_to(0);
    assert!(here.lookup("own").is_some() && here.lookup("a").is_some());
    here.ticker.advance(Duration::from_millis(1));
    assert!(here.lookup("own").is_none() && here.lookup("a").is_some());
    here.ticker.advance(Duration::from_millis(94_999));
    here.reads_to(0);
    assert!(here.lookup("a").is_some());
    here.ticker.advance(Duration::from_millis(1));
    assert!(here.lookup("a").is_none());
    let at_once = Filled::found("1".to_owned()).ttl(Duration::ZERO);
    assert!(!here.values.set("at once", at_once, here.values.stamp()));
    let not_kept = Filled::found("1".to_owned()).not_kept();
    assert!(!here.values.set("not kept", not_kept, here.values.stamp()));
    assert!(here.lookup("not kept").is_none());
}

#[tokio::test]
async fn what_is_filled_together_does_not_expire_together() {
    let jitter = Policy { jitter: 0.2, ..Policy::live(100 * SECOND) };
    let here = Process::with_policy(jitter);
    let mut remaining = Vec::new();
    for number in 0..1_000 {
        remaining.push(here.ask(&number.to_string(), "1", &[]).await.remaining);
    }
    remaining.sort_unstable();
    let (first, last) = (remaining[0], remaining[999]);
    assert!(first > 79 * SECOND && first < 82 * SECOND, "{first:?}");
    assert!(last > 98 * SECOND && last <= 100 * SECOND, "{last:?}");
    remaining.dedup();
    assert!(remaining.len() > 300, "{} moments", remaining.len());
}

#[tokio::test]
async fn a_value_stands_in_for_a_source_that_fails_for_so_long_and_no_longer() {
    let here = Process::with_policy(policy().fail_safe(50 * SECOND));
    here.fills("a", "1", &["tea"]).await;
    advance(&here, 149);
    assert!(here.lookup("a").is_none(), "its time is over");
    let answer = here.ask_in_vain("a").await;
    assert_eq!(value(&answer), ("1", Origin::FailSafe));
    let got = answer.expect("an answer");
    assert_eq!((got.age, got.remaining), (149 * SECOND, Duration::ZERO));
    let figures = here.figures().await;
    assert_eq!((figures.fail_safe, figures.failures, figures.hits), (1, 1, 0));
    advance(&here, 1);
    assert!(matches!(here.ask_in_vain("a").await, Err(FillError::Failed(_))));
}

#[tokio::test]
async fn what_was_ruled_out_stands_in_for_nothing() {
    for tags in [&["tea"][..], &["*"], &["pattern:values:*"], &["key:values:a"]] {
        let here = Process::with_policy(policy().fail_safe(50 * SECOND));
        here.fills("a", "1", &["tea"]).await;
        advance(&here, 120);
        here.learns(1, tags);
        assert!(matches!(here.ask_in_vain("a").await, Err(FillError::Failed(_))), "{tags:?}");
    }
    let here = Process::with_policy(policy().fail_safe(50 * SECOND));
    here.fills("a", "1", &["tea"]).await;
    here.fence.restart("another-history", 0);
    here.reads_to(0);
    assert!(matches!(here.ask_in_vain("a").await, Err(FillError::Failed(_))));
}

#[tokio::test(start_paused = true)]
async fn a_value_stands_in_for_a_source_that_takes_too_long_and_while_the_feed_is_behind() {
    let fence = FenceSettings { max_lag: 2 * SECOND, ..FenceSettings::default() };
    let policy = policy().fail_safe(50 * SECOND).fill_timeout(SECOND);
    let here = Process::of(Setup { policy, fence, ..Setup::default() });
    here.fills("a", "1", &["tea"]).await;
    // Nothing is read any more, from here on; its time is not even over.
    here.ticker.advance(10 * SECOND);
    let source = Source::that_says("2");
    assert_eq!(value(&here.caller(&source).await.await), ("1", Origin::FailSafe));
    assert_eq!(here.figures().await.timeouts, 1);
}

#[tokio::test]
async fn only_values_stand_in_and_only_where_it_was_asked_for() {
    let here = Process::new();
    here.fills("a", "1", &["tea"]).await;
    advance(&here, 120);
    assert!(matches!(here.ask_in_vain("a").await, Err(FillError::Failed(_))));
    let here = Process::with_policy(policy().fail_safe(50 * SECOND));
    assert!(here.values.set("a", Filled::missing(), here.values.stamp()));
    advance(&here, 101);
    assert!(matches!(here.ask_in_vain("a").await, Err(FillError::Failed(_))));
    assert!(matches!(here.ask_in_vain("never").await, Err(FillError::Failed(_))));
}

/// Lets time pass, with the feed read all the while.
fn advance(here: &Process, seconds: u32) {
    here.ticker.advance(seconds * SECOND);
    here.reads_to(0);
}
