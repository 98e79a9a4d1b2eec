//! The time by which upkeep decides: the database's, and none where the machine's clock disagrees with it.

use entrepot_pg::Error;
use entrepot_runtime::{CLOCK_TOLERANCE, Clock};
use entrepot_testkit::bare_database;
use jiff::SignedDuration;

/// Far more than any test takes, and far less than a clock is off here.
const ABOUT: SignedDuration = SignedDuration::from_mins(10);

#[tokio::test]
async fn a_machine_whose_clock_is_wrong_does_no_upkeep_and_tells_the_databases_time() {
    let test = bare_database().await;
    let database = &test.database;
    for days in [40, -40] {
        let fault = SignedDuration::from_hours(24 * days);
        let (clock, reference) = Clock::following(CLOCK_TOLERANCE, fault);
        let off = clock.now().duration_since(database.time().await.expect("told"));
        assert!((off - fault).abs() < ABOUT, "nothing has corrected it yet: {off}");
        assert!(matches!(database.upkeep_time(&clock).await, Err(Error::ClockOff)), "{days} days off");

        database.synchronize(&reference).await.expect("synchronized");
        let before = database.time().await.expect("told");
        let told = clock.now();
        assert!(told.duration_since(before).abs() < ABOUT, "{told} is not {before}");
        assert!((clock.skew() - fault).abs() < ABOUT, "{}", clock.skew());
        assert!(!clock.is_trusted());
        // That its time is corrected makes the machine's clock no better: one of the two is wrong.
        assert!(matches!(database.upkeep_time(&clock).await, Err(Error::ClockOff)), "{days} days off");
    }
}

#[tokio::test]
async fn upkeep_goes_by_the_databases_time_where_the_clocks_agree() {
    let test = bare_database().await;
    let database = &test.database;
    let (following, reference) = Clock::following(CLOCK_TOLERANCE, SignedDuration::ZERO);
    for clock in [Clock::system(), following.clone()] {
        let before = database.time().await.expect("told");
        let time = database.upkeep_time(&clock).await.expect("they agree");
        let after = database.time().await.expect("told");
        assert!(before <= time && time <= after, "{time} is no time of the database");
    }
    database.synchronize(&reference).await.expect("synchronized");
    assert!(following.is_trusted(), "{} off", following.skew());
    database.upkeep_time(&following).await.expect("they agree");
}

#[tokio::test]
async fn a_clock_that_is_set_by_hand_stands_for_the_databases() {
    let test = bare_database().await;
    let (clock, hand) = Clock::manual("2031-05-17T12:00:00Z".parse().expect("a time"));
    assert_eq!(test.database.upkeep_time(&clock).await.expect("it may be any"), clock.now());
    hand.advance(std::time::Duration::from_secs(40 * 24 * 3_600));
    assert_eq!(test.database.upkeep_time(&clock).await.expect("it may be any"), clock.now());
}
