//! The circuit breaker, by hand and by chance: when it opens, what it lets through on trial, when it
//! closes, and what calls do to it that end late, never, or by a panic. Time moves only when it is told to.
#![expect(clippy::expect_used, reason = "a test fails by panicking, with what it wanted")]

use std::collections::VecDeque;
use std::future::{pending, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use entrepot_runtime::{
    Breaker, BreakerError, BreakerSettings, BreakerState, Breakers, Open, Permit, continue_in_background,
};
use tokio::time::advance;

const SECOND: Duration = Duration::from_secs(1);

fn settings() -> BreakerSettings {
    BreakerSettings {
        window: 10 * SECOND,
        least_calls: 4,
        failure_share: 0.5,
        failures_in_a_row: None,
        open_for: 5 * SECOND,
        open_for_at_most: 30 * SECOND,
        trials: 2,
        timeout: SECOND,
    }
}

fn breaker() -> Breaker {
    Breaker::new("far", settings())
}

fn succeeds(breaker: &Breaker) {
    breaker.admit().expect("admitted").succeeded();
}

fn fails(breaker: &Breaker) {
    breaker.admit().expect("admitted").failed();
}

/// An open breaker.
fn opened(settings: BreakerSettings) -> Breaker {
    let breaker = Breaker::new("far", settings);
    for _ in 0..4 {
        fails(&breaker);
    }
    assert_eq!(breaker.state(), BreakerState::Open);
    breaker
}

fn retry_after(refused: Result<Permit, Open>) -> Duration {
    refused.expect_err("refused").retry_after
}

#[tokio::test(start_paused = true)]
async fn it_opens_at_the_share_and_not_before_there_are_enough_calls() {
    let breaker = breaker();
    for _ in 0..3 {
        fails(&breaker);
        assert_eq!(breaker.state(), BreakerState::Closed, "three of three, but three are too few");
    }
    fails(&breaker);
    assert_eq!(breaker.state(), BreakerState::Open);

    let breaker = self::breaker();
    for _ in 0..6 {
        succeeds(&breaker);
    }
    for _ in 0..5 {
        fails(&breaker);
        assert_eq!(breaker.state(), BreakerState::Closed, "less than half");
    }
    fails(&breaker);
    assert_eq!(breaker.state(), BreakerState::Open, "six of twelve");
}

#[tokio::test(start_paused = true)]
async fn only_a_failure_opens_it() {
    let breaker = breaker();
    for _ in 0..3 {
        fails(&breaker);
    }
    succeeds(&breaker);
    assert_eq!(breaker.state(), BreakerState::Closed, "three of four, but the last one was answered");
    fails(&breaker);
    assert_eq!(breaker.state(), BreakerState::Open);
}

#[tokio::test(start_paused = true)]
async fn a_share_above_one_opens_nothing() {
    let breaker = Breaker::new("far", BreakerSettings { failure_share: 1.1, ..settings() });
    for _ in 0..1_000 {
        fails(&breaker);
    }
    assert_eq!(breaker.state(), BreakerState::Closed);
    let not_a_number = Breaker::new("far", BreakerSettings { failure_share: f64::NAN, ..settings() });
    for _ in 0..1_000 {
        fails(&not_a_number);
    }
    assert_eq!(not_a_number.state(), BreakerState::Closed);
}

#[tokio::test(start_paused = true)]
async fn failures_in_a_row_open_it_whatever_went_well_before() {
    let breaker = Breaker::new("far", BreakerSettings { failures_in_a_row: Some(3), ..settings() });
    for _ in 0..1_000 {
        succeeds(&breaker);
    }
    for _ in 0..2 {
        fails(&breaker);
        fails(&breaker);
        succeeds(&breaker);
    }
    assert_eq!(breaker.state(), BreakerState::Closed);
    for _ in 0..3 {
        assert!(breaker.is_closed());
        fails(&breaker);
    }
    assert_eq!(breaker.state(), BreakerState::Open);
}

#[tokio::test(start_paused = true)]
async fn old_calls_fall_out_of_the_window() {
    let breaker = breaker();
    for _ in 0..3 {
        fails(&breaker);
    }
    advance(9 * SECOND).await;
    assert_eq!(breaker.figures().share, Some(1.0), "they are still within");
    advance(SECOND).await;
    assert_eq!(breaker.figures().share, None, "they are not");
    for _ in 0..3 {
        fails(&breaker);
    }
    assert_eq!(breaker.state(), BreakerState::Closed, "three of three again");
    fails(&breaker);
    assert_eq!(breaker.state(), BreakerState::Open);

    // Successes fall out as well, so that they do not speak for it for ever.
    let breaker = self::breaker();
    for _ in 0..1_000 {
        succeeds(&breaker);
    }
    advance(10 * SECOND).await;
    for _ in 0..4 {
        fails(&breaker);
    }
    assert_eq!(breaker.state(), BreakerState::Open);

    // It slides: of one failure a second there are ten within, however long it goes on.
    let breaker = Breaker::new("far", BreakerSettings { least_calls: 11, ..settings() });
    for _ in 0..100 {
        fails(&breaker);
        advance(SECOND).await;
    }
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[tokio::test(start_paused = true)]
async fn while_it_is_open_no_call_is_made() {
    let breaker = opened(settings());
    for left in (1..=5).rev() {
        let refused = breaker.call(|| -> std::future::Ready<Result<(), ()>> { unreachable!("it is open") }).await;
        assert_eq!(refused, Err(BreakerError::Open { retry_after: left * SECOND }));
        assert_eq!(retry_after(breaker.admit()), left * SECOND);
        assert!(breaker.admit_if_closed().is_none());
        advance(SECOND).await;
    }
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
    assert_eq!(breaker.figures().refused, 15);
    assert_eq!(breaker.call(|| ready(Ok::<_, ()>(1))).await, Ok(1));
}

#[tokio::test(start_paused = true)]
async fn trials_that_succeed_close_it_and_what_was_is_forgotten() {
    let breaker = opened(settings());
    advance(5 * SECOND).await;
    succeeds(&breaker);
    assert_eq!(breaker.state(), BreakerState::HalfOpen, "one of two");
    advance(100 * SECOND).await;
    assert_eq!(breaker.state(), BreakerState::HalfOpen, "time alone closes nothing");
    succeeds(&breaker);
    assert_eq!(breaker.state(), BreakerState::Closed);
    for _ in 0..3 {
        fails(&breaker);
    }
    assert_eq!(breaker.state(), BreakerState::Closed, "the four from before do not count");
    assert_eq!(breaker.figures().opened, 1);
}

#[tokio::test(start_paused = true)]
async fn it_stays_open_twice_as_long_each_time_a_trial_fails() {
    let breaker = opened(settings());
    let mut open_since = 0;
    for open_for in [5_u32, 10, 20, 30, 30] {
        assert_eq!(breaker.figures().not_closed_for_ms, Some(open_since * 1_000));
        open_since += u64::from(open_for);
        assert_eq!(retry_after(breaker.admit()), open_for * SECOND);
        advance(open_for * SECOND - Duration::from_millis(1)).await;
        assert_eq!(retry_after(breaker.admit()), Duration::from_millis(1));
        advance(Duration::from_millis(1)).await;
        // One success does not outweigh a failure.
        succeeds(&breaker);
        fails(&breaker);
        assert_eq!(breaker.state(), BreakerState::Open);
    }
    assert_eq!(breaker.figures().opened, 1, "it has not been closed in between");
    advance(30 * SECOND).await;
    succeeds(&breaker);
    succeeds(&breaker);
    assert_eq!(breaker.state(), BreakerState::Closed);
    for _ in 0..4 {
        fails(&breaker);
    }
    assert_eq!(retry_after(breaker.admit()), 5 * SECOND, "it begins again");
    assert_eq!(breaker.figures().opened, 2);
}

#[tokio::test(start_paused = true)]
async fn settings_at_the_edge_are_no_trap() {
    let breaker = opened(BreakerSettings {
        window: Duration::ZERO,
        least_calls: 0,
        failures_in_a_row: Some(4),
        failure_share: 2.0,
        open_for: Duration::MAX,
        open_for_at_most: Duration::ZERO,
        trials: 0,
        timeout: Duration::MAX,
    });
    advance(1_000_000 * SECOND).await;
    assert_eq!(retry_after(breaker.admit()), Duration::MAX);
    assert_eq!(breaker.figures().retry_in_ms, Some(u64::MAX));

    let breaker = Breaker::new("far", BreakerSettings { open_for: Duration::ZERO, trials: 0, ..settings() });
    for _ in 0..4 {
        fails(&breaker);
    }
    assert_eq!(breaker.state(), BreakerState::HalfOpen, "it is open for no time at all");
    succeeds(&breaker);
    assert_eq!(breaker.state(), BreakerState::Closed, "no trials would be no way back: it takes one");
}

#[tokio::test(start_paused = true)]
async fn only_so_many_are_on_trial_at_once() {
    let breaker = opened(settings());
    advance(5 * SECOND).await;
    let first = breaker.admit().expect("a trial");
    let second = breaker.admit().expect("another");
    assert!(first.is_trial() && second.is_trial());
    assert_eq!(retry_after(breaker.admit()), SECOND, "by then those under way have ended");
    assert!(breaker.admit_if_closed().is_none(), "and this is never one");
    first.succeeded();
    assert!(breaker.admit().is_err(), "the one under way is all that is wanted");
    second.succeeded();
    assert_eq!(breaker.state(), BreakerState::Closed);
    assert!(!breaker.admit().expect("admitted").is_trial());
}

#[tokio::test(start_paused = true)]
async fn a_trial_that_is_still_under_way_keeps_its_place_in_the_next_round() {
    let breaker = opened(settings());
    advance(5 * SECOND).await;
    let slow = breaker.admit().expect("a trial");
    fails(&breaker);
    advance(10 * SECOND).await;
    let of_this_round = breaker.admit().expect("the other place");
    assert!(breaker.admit().is_err(), "two are under way");
    // What it says is about the time before: it neither passes nor fails this round.
    slow.succeeded();
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
    let third = breaker.admit().expect("its place is free");
    of_this_round.succeeded();
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
    third.succeeded();
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[tokio::test(start_paused = true)]
async fn what_ends_late_counts_for_the_round_in_which_it_began() {
    let breaker = breaker();
    let late: Vec<Permit> = (0..20).map(|_| breaker.admit().expect("admitted")).collect();
    for _ in 0..4 {
        fails(&breaker);
    }
    let mut late = late.into_iter();
    let mut next = || late.next().expect("there are enough");
    next().succeeded();
    next().failed();
    assert_eq!(retry_after(breaker.admit()), 5 * SECOND, "open as it was");
    advance(5 * SECOND).await;
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
    next().succeeded();
    next().succeeded();
    next().failed();
    assert_eq!(breaker.state(), BreakerState::HalfOpen, "they are no trials");
    succeeds(&breaker);
    succeeds(&breaker);
    assert_eq!(breaker.state(), BreakerState::Closed);
    for permit in late {
        permit.failed();
    }
    assert_eq!(breaker.state(), BreakerState::Closed, "of before it opened");
    let figures = breaker.figures();
    assert_eq!((figures.calls, figures.failures, figures.share), (26, 21, None));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_cancelled_counts_as_neither_and_gives_its_place_back() {
    let breaker = breaker();
    for _ in 0..10 {
        let call = breaker.call(pending::<Result<(), ()>>);
        assert!(tokio::time::timeout(SECOND / 2, call).await.is_err(), "cancelled");
        drop(breaker.admit());
    }
    let figures = breaker.figures();
    assert_eq!((figures.calls, figures.failures, figures.share), (20, 0, None));

    let breaker = opened(settings());
    advance(5 * SECOND).await;
    for _ in 0..10 {
        let (one, two) = (breaker.call(pending::<Result<(), ()>>), breaker.call(pending::<Result<(), ()>>));
        let both = async { tokio::join!(one, two) };
        assert!(tokio::time::timeout(SECOND / 2, both).await.is_err(), "both are admitted, and cancelled");
    }
    // A call that was never begun takes no place.
    drop(breaker.call(pending::<Result<(), ()>>));
    assert_eq!(breaker.state(), BreakerState::HalfOpen);
    succeeds(&breaker);
    succeeds(&breaker);
    assert_eq!(breaker.state(), BreakerState::Closed);
}

#[tokio::test(start_paused = true)]
async fn what_takes_too_long_has_failed() {
    let breaker = breaker();
    for _ in 0..3 {
        let late = breaker.call(pending::<Result<(), ()>>).await;
        assert_eq!(late, Err(BreakerError::TimedOut(SECOND)));
    }
    breaker.admit().expect("admitted").timed_out();
    assert_eq!(breaker.state(), BreakerState::Open);
    let figures = breaker.figures();
    assert_eq!((figures.calls, figures.failures, figures.timeouts), (4, 4, 4));
}

#[tokio::test(start_paused = true)]
async fn a_panic_has_failed_and_a_trial_that_panics_gives_its_place_back() {
    let breaker = breaker();
    let panics = |how: u8| {
        let breaker = breaker.clone();
        continue_in_background(async move {
            match how % 3 {
                0 => {
                    breaker.call(|| -> std::future::Ready<Result<(), ()>> { panic!("before its future is made") }).await
                }
                1 => breaker.call(|| async { panic!("at once") }).await,
                _ => {
                    let work = async {
                        tokio::task::yield_now().await;
                        panic!("later")
                    };
                    breaker.call(|| work).await
                }
            }
        })
    };
    for how in 0..4 {
        assert!(panics(how).await.expect_err("it panicked").is_panic());
    }
    assert_eq!(breaker.state(), BreakerState::Open);
    advance(5 * SECOND).await;
    assert!(panics(0).await.is_err());
    assert_eq!(retry_after(breaker.admit()), 10 * SECOND);
    advance(10 * SECOND).await;
    // One that measures by itself.
    let held = catch_unwind(AssertUnwindSafe(|| {
        let _permit = breaker.admit().expect("a trial");
        panic!("with the permit in its hand");
    }));
    assert!(held.is_err());
    assert_eq!(retry_after(breaker.admit()), 20 * SECOND);
    advance(20 * SECOND).await;
    succeeds(&breaker);
    succeeds(&breaker);
    assert_eq!(breaker.state(), BreakerState::Closed);
    assert_eq!(breaker.figures().failures, 6);
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_somebody_else_is_no_failure_of_the_call_that_it_takes_along() {
    let breaker = breaker();
    let inner = breaker.clone();
    let whole = continue_in_background(async move {
        let call = inner.call(pending::<Result<(), ()>>);
        let other = async {
            tokio::task::yield_now().await;
            panic!("beside it");
        };
        let (_never, ()) = tokio::join!(call, other);
    });
    assert!(whole.await.is_err());
    let figures = breaker.figures();
    assert_eq!((figures.calls, figures.failures), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn the_callers_own_mistakes_are_successes_of_the_far_side() {
    let breaker = breaker();
    let answers = |status: u16| breaker.call_if(|status| *status >= 500, move || ready(Err::<(), _>(status)));
    for _ in 0..100 {
        assert_eq!(answers(404).await, Err(BreakerError::Failed(404)));
    }
    assert_eq!(breaker.figures().failures, 0);
    advance(10 * SECOND).await;
    for _ in 0..4 {
        assert_eq!(answers(503).await, Err(BreakerError::Failed(503)));
    }
    assert_eq!(breaker.state(), BreakerState::Open);
    advance(5 * SECOND).await;
    for _ in 0..2 {
        assert_eq!(answers(404).await, Err(BreakerError::Failed(404)));
    }
    assert_eq!(breaker.state(), BreakerState::Closed, "it answers: that is all a trial asks");
}

#[tokio::test(start_paused = true)]
async fn whoever_makes_the_trials_is_told_that_it_opened() {
    let breaker = breaker();
    let told = Arc::new(AtomicU32::new(0));
    let waiting = [(); 3].map(|()| {
        let (breaker, told) = (breaker.clone(), told.clone());
        continue_in_background(async move {
            breaker.left_closed().await;
            told.fetch_add(1, Ordering::SeqCst);
        })
    });
    tokio::task::yield_now().await;
    for _ in 0..3 {
        fails(&breaker);
        tokio::task::yield_now().await;
    }
    assert_eq!(told.load(Ordering::SeqCst), 0);
    fails(&breaker);
    for waiting in waiting {
        tokio::time::timeout(SECOND, waiting).await.expect("it is told").expect("no panic");
    }
    breaker.left_closed().await;
    advance(5 * SECOND).await;
    breaker.left_closed().await;
}

#[tokio::test(start_paused = true)]
async fn the_figures_say_what_happened() {
    let breaker = breaker();
    let json = |breaker: &Breaker| serde_json::to_value(breaker.figures()).expect("they are JSON");
    assert_eq!(
        json(&breaker),
        serde_json::json!({
            "name": "far", "state": "closed", "stateForMs": 0, "notClosedForMs": null, "calls": 0, "failures": 0, "timeouts": 0, "refused": 0,
            "opened": 0, "share": null, "retryInMs": null,
        })
    );
    advance(SECOND).await;
    succeeds(&breaker);
    succeeds(&breaker);
    succeeds(&breaker);
    fails(&breaker);
    let figures = breaker.figures();
    assert_eq!((figures.share, figures.state_for_ms), (Some(0.25), 1_000));
    fails(&breaker);
    breaker.admit().expect("admitted").timed_out();
    assert!(breaker.admit().is_err());
    advance(2 * SECOND).await;
    assert_eq!(
        json(&breaker),
        serde_json::json!({
            "name": "far", "state": "open", "stateForMs": 2_000, "notClosedForMs": 2_000, "calls": 6, "failures": 3, "timeouts": 1, "refused": 1,
            "opened": 1, "share": null, "retryInMs": 3_000,
        })
    );
    advance(4 * SECOND).await;
    assert_eq!(
        json(&breaker),
        serde_json::json!({
            "name": "far", "state": "half-open", "stateForMs": 1_000, "notClosedForMs": 6_000, "calls": 6, "failures": 3, "timeouts": 1,
            "refused": 1, "opened": 1, "share": null, "retryInMs": null,
        })
    );
    assert_eq!(format!("{breaker:?}"), r#"Breaker { name: "far", state: HalfOpen, .. }"#);
}

#[tokio::test(start_paused = true)]
async fn all_breakers_are_listed_by_name() {
    let breakers = Breakers::default();
    let mail = Breaker::new("mail", settings());
    breakers.register(&mail);
    breakers.register(&breaker());
    breakers.clone().register(&mail.clone());
    let names = || breakers.figures().iter().map(|figures| figures.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(), ["far", "mail"]);
    fails(&mail);
    assert_eq!(breakers.figures()[1].failures, 1);
    for number in 0..1_000 {
        breakers.register(&Breaker::new(number.to_string(), settings()));
    }
    assert_eq!(names().len(), 256, "it is bounded");
    breakers.register(&Breaker::new("mail", settings()));
    assert_eq!(names().len(), 256);
    let mail = breakers.figures().into_iter().find(|figures| figures.name == "mail");
    assert_eq!(mail.map(|figures| figures.failures), Some(0), "the later one");
}

/// Many threads at once: places for trials are neither exceeded nor lost.
#[test]
fn with_many_threads_no_more_are_on_trial_than_there_are_places() {
    const PLACES: u32 = 3;
    let breaker = Breaker::new(
        "far",
        BreakerSettings {
            // Each failure opens it, and it is on trial again at once.
            failures_in_a_row: Some(1),
            open_for: Duration::ZERO,
            open_for_at_most: Duration::ZERO,
            trials: PLACES,
            ..settings()
        },
    );
    let (on_trial, most) = (AtomicU32::new(0), AtomicU32::new(0));
    std::thread::scope(|scope| {
        for thread in 0..8_u32 {
            let (breaker, on_trial, most) = (&breaker, &on_trial, &most);
            scope.spawn(move || {
                for number in 0..2_000_u32 {
                    let permit = loop {
                        match breaker.admit() {
                            Ok(permit) => break permit,
                            Err(_open) => std::thread::yield_now(),
                        }
                    };
                    let is_trial = permit.is_trial();
                    if is_trial {
                        most.fetch_max(on_trial.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    }
                    if number % 7 == 0 {
                        std::thread::yield_now();
                    }
                    // Before it is told, as another may have the place at once.
                    if is_trial {
                        on_trial.fetch_sub(1, Ordering::SeqCst);
                    }
                    match (number + thread) % 5 {
                        0 => permit.failed(),
                        1 => drop(permit),
                        _ => permit.succeeded(),
                    }
                }
            });
        }
    });
    let most = most.load(Ordering::SeqCst);
    assert!((1..=PLACES).contains(&most), "{most} at once");
    let figures = breaker.figures();
    assert_eq!((figures.calls, figures.failures), (8 * 2_000, 8 * 400), "{figures:?}");
    assert!(figures.opened > 0, "{figures:?}");
    // Nothing was lost: it can be closed.
    for _ in 0..PLACES {
        succeeds(&breaker);
    }
    assert_eq!(breaker.state(), BreakerState::Closed);
}

/// What a breaker should do, told as simply as it can be: everything is remembered, nothing is packed.
struct Told {
    settings: BreakerSettings,
    now_ms: u64,
    state: BreakerState,
    round: u64,
    until_ms: u64,
    open_for_ms: u64,
    on_trial: u32,
    passed: u32,
    in_a_row: u32,
    ended: Vec<(u64, bool)>,
}

impl Told {
    fn new(settings: BreakerSettings) -> Self {
        let open_for_ms = millis(settings.open_for);
        let state = BreakerState::Closed;
        let (now_ms, round, until_ms, on_trial, passed, in_a_row) = (0, 0, 0, 0, 0, 0);
        Self { settings, now_ms, state, round, until_ms, open_for_ms, on_trial, passed, in_a_row, ended: Vec::new() }
    }

    fn turns(&mut self, state: BreakerState) {
        (self.state, self.round, self.passed, self.in_a_row) = (state, self.round + 1, 0, 0);
        self.ended.clear();
        self.until_ms = self.now_ms + self.open_for_ms;
    }

    fn moves(&mut self, ms: u64) {
        self.now_ms += ms;
        if self.state == BreakerState::Open && self.until_ms <= self.now_ms {
            self.turns(BreakerState::HalfOpen);
        }
    }

    /// Whether it admits a call, and whether as a trial.
    fn admits(&mut self) -> Option<bool> {
        match self.state {
            BreakerState::Closed => Some(false),
            BreakerState::HalfOpen if self.on_trial + self.passed < self.settings.trials => {
                self.on_trial += 1;
                Some(true)
            }
            _ => None,
        }
    }

    fn ends(&mut self, round: u64, trial: bool, failed: Option<bool>) {
        self.on_trial -= u32::from(trial);
        let (Some(failed), true) = (failed, round == self.round) else { return };
        let tick = |ms: u64| ms * 10 / millis(self.settings.window);
        if self.state == BreakerState::HalfOpen && failed {
            self.open_for_ms = (self.open_for_ms * 2).min(millis(self.settings.open_for_at_most));
            self.turns(BreakerState::Open);
        } else if self.state == BreakerState::HalfOpen {
            self.passed += 1;
            if self.passed == self.settings.trials {
                self.open_for_ms = millis(self.settings.open_for);
                self.turns(BreakerState::Closed);
            }
        } else {
            self.ended.push((self.now_ms, failed));
            self.in_a_row = if failed { self.in_a_row + 1 } else { 0 };
            let within = self.ended.iter().filter(|(ms, _)| tick(*ms) + 10 > tick(self.now_ms));
            let (calls, failures) = within
                .fold((0_u32, 0_u32), |(calls, failures), (_, failed)| (calls + 1, failures + u32::from(*failed)));
            let share = calls >= self.settings.least_calls
                && f64::from(failures) >= f64::from(calls) * self.settings.failure_share;
            if failed && (share || self.settings.failures_in_a_row.is_some_and(|most| self.in_a_row >= most)) {
                self.turns(BreakerState::Open);
            }
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).expect("short")
}

/// Numbers that look random and are the same each time (xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_happens_it_does_what_it_is_told_to() {
    let (mut seen, mut closed_again) = ([0_u32; 3], 0);
    for seed in 1..=60_u64 {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let settings = BreakerSettings {
            window: Duration::from_millis(100 * (1 + dice.below(50))),
            least_calls: u32::try_from(1 + dice.below(8)).expect("small"),
            failure_share: [0.2, 0.5, 0.75, 1.0][usize::try_from(dice.below(4)).expect("small")],
            failures_in_a_row: [None, Some(2), Some(4)][usize::try_from(dice.below(3)).expect("small")],
            trials: u32::try_from(1 + dice.below(3)).expect("small"),
            open_for_at_most: 13 * SECOND,
            ..settings()
        };
        let failing = dice.below(100);
        let breaker = Breaker::new("far", settings.clone());
        let mut told = Told::new(settings);
        let mut under_way = VecDeque::new();
        for step in 0..2_000 {
            match dice.below(10) {
                0..4 => {
                    let admitted = breaker.admit();
                    let wanted = told.admits();
                    assert_eq!(admitted.as_ref().ok().map(Permit::is_trial), wanted, "seed {seed}, step {step}");
                    if let (Ok(permit), Some(trial)) = (admitted, wanted) {
                        under_way.push_back((permit, told.round, trial));
                    }
                }
                4..9 => {
                    // Most end in the order in which they began, some much later.
                    if under_way.len() > 1 && dice.below(5) == 0 {
                        under_way.rotate_left(1);
                    }
                    let Some((permit, round, trial)) = under_way.pop_front() else { continue };
                    let failed = dice.below(100) < failing;
                    let failed = (dice.below(10) > 0).then_some(failed);
                    match failed {
                        None => drop(permit),
                        Some(true) => permit.failed(),
                        Some(false) => permit.succeeded(),
                    }
                    let was = told.state;
                    told.ends(round, trial, failed);
                    closed_again += u32::from(was == BreakerState::HalfOpen && told.state == BreakerState::Closed);
                }
                _ => {
                    let ms = dice.below(2_000);
                    advance(Duration::from_millis(ms)).await;
                    told.moves(ms);
                }
            }
            told.moves(0);
            assert_eq!(breaker.state(), told.state, "seed {seed}, step {step}");
            seen[match told.state {
                BreakerState::Closed => 0,
                BreakerState::Open => 1,
                BreakerState::HalfOpen => 2,
            }] += 1;
        }
    }
    assert!(seen.iter().all(|times| *times > 2_000), "each state was looked at: {seen:?}");
    assert!(closed_again > 100, "it found back {closed_again} times");
}
