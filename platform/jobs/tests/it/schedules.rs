//! Schedules: each slot has one job, however many keep them, and whoever dies.

use super::*;

/// A process that keeps a schedule of every second, whose jobs write their slot down.
fn keeper(test: &TestDatabase) -> Process {
    Process::start_with(test, quick(), 4, |work| {
        let make = |slot: jiff::Timestamp| NewJob::of(&Task(Act::Write(slot.as_second())));
        work.every("tick", "* * * * * *", "UTC", make).expect("a schedule")
    })
}

#[tokio::test]
async fn a_slot_has_one_job_however_many_keep_the_schedule_and_whoever_dies() {
    let (test, client) = stage().await;
    let (first, second) = (keeper(&test), keeper(&test));
    let slots = async || number(&client, "SELECT count(*) FROM effect").await;
    eventually("two slots", async || slots().await >= 2).await;
    first.kill().await;
    eventually("two more", async || slots().await >= 4).await;
    second.kill().await;
    // For a while there is nobody; the next who comes makes up for it.
    let before = number(&client, "SELECT max(extract(epoch FROM next_at))::bigint FROM jobs.schedule").await;
    eventually("a slot is missed", async || {
        number(&client, "SELECT extract(epoch FROM clock_timestamp())::bigint").await > before + 1
    })
    .await;
    let third = keeper(&test);
    eventually("two more", async || {
        number(&client, "SELECT count(*) FROM jobs.schedule WHERE next_at > clock_timestamp()").await == 1
            && number(&client, "SELECT count(*) FROM jobs.job").await == 0
    })
    .await;
    third.stop().await;
    let row = client
        .query_one("SELECT count(*), count(DISTINCT number), max(number) - min(number) + 1 FROM effect", &[])
        .await
        .expect("counted");
    let (all, distinct, span): (i64, i64, i64) = (row.get(0), row.get(1), row.get(2));
    assert_eq!((all, distinct), (span, span), "each second between the first and the last has one");
    assert!(span >= 6, "{span} seconds");
}

/// A database whose clock was ahead: the slot that was planned then is not waited for.
#[tokio::test]
async fn a_slot_that_was_planned_by_a_wrong_clock_is_planned_anew() {
    let (test, client) = stage().await;
    let first = keeper(&test);
    let slots = async || number(&client, "SELECT count(*) FROM effect").await;
    eventually("a slot", async || slots().await >= 1).await;
    first.stop().await;
    client.execute("UPDATE jobs.schedule SET next_at = now() + interval '40 days'", &[]).await.expect("written");
    let before = slots().await;
    let second = keeper(&test);
    eventually("another slot", async || slots().await > before).await;
    second.stop().await;
    let sql = "SELECT count(*) FROM jobs.schedule WHERE next_at < now() + interval '1 minute'";
    assert_eq!(number(&client, sql).await, 1);
}

/// A slot whose job cannot be enqueued is tried again, but not without a pause.
#[tokio::test]
async fn what_cannot_be_enqueued_is_tried_now_and_then() {
    let (test, client) = stage().await;
    client
        .batch_execute(
            "CREATE SEQUENCE tries;
             CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN PERFORM nextval('tries'); RAISE EXCEPTION 'no'; END $$;
             CREATE TRIGGER refuse BEFORE INSERT ON jobs.job FOR EACH ROW EXECUTE FUNCTION refuse();",
        )
        .await
        .expect("jobs are refused");
    let now = async || number(&client, "SELECT extract(epoch FROM clock_timestamp())::bigint").await;
    let began = now().await;
    let keeper = keeper(&test);
    let tries =
        async || number(&client, "SELECT last_value FROM tries WHERE is_called UNION ALL SELECT 0 LIMIT 1").await;
    eventually("it is tried again", async || tries().await >= 3).await;
    let tried = tries().await;
    let seconds = now().await - began;
    assert!(tried <= 2 * (seconds + 2), "{tried} times in {seconds} seconds");
    client.batch_execute("DROP TRIGGER refuse ON jobs.job").await.expect("taken again");
    eventually("it goes on", async || number(&client, "SELECT count(*) FROM effect").await >= 1).await;
    keeper.stop().await;
}
