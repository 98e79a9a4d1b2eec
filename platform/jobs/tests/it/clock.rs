//! A database whose clock was ahead and went back: what was written meanwhile keeps nobody waiting.

use entrepot_jobs::Rate;

use super::*;

/// Makes a worker that nobody runs and that was seen last in an hour.
async fn worker_seen_in_an_hour(client: &Client, id: i64) {
    client
        .execute(
            "WITH dead AS (
                 INSERT INTO jobs.worker (id, name, queues, started_at, seen_at)
                 VALUES (gen_random_uuid(), 'dead', '{tasks}', now() + interval '1 hour', now() + interval '1 hour')
                 RETURNING id
             )
             UPDATE jobs.job SET status = 'running', worker = dead.id, claim = claim + 1, started_at = now() + interval '59 minutes'
             FROM dead WHERE job.id = $1",
            &[&id],
        )
        .await
        .expect("claimed");
}

#[tokio::test]
async fn the_jobs_of_a_worker_that_was_seen_in_the_future_go_to_another() {
    let (test, client) = stage().await;
    let jobs = Jobs::new(test.database.clone(), quick());
    let id = act(&jobs, Act::Write(1)).await;
    worker_seen_in_an_hour(&client, id).await;
    let process = Process::start(&test, quick(), 4);
    assert_eq!(ends(&client, id).await.0, "completed");
    process.stop().await;
}

#[tokio::test]
async fn a_worker_that_lives_is_not_taken_for_dead_because_the_clock_went_back() {
    let (test, client) = stage().await;
    let mut process = Process::start(&test, quick(), 4);
    let id = act(&process.jobs, Act::Wait).await;
    process.begins().await;
    client.execute("UPDATE jobs.worker SET seen_at = now() + interval '1 hour'", &[]).await.expect("written");
    // It is seen anew by itself, and goes on with the same claim.
    let seen = "SELECT count(*) FROM jobs.worker WHERE seen_at < now() + interval '1 minute'";
    let alive = async {
        while number(&client, seen).await == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, alive).await.expect("its lease is renewed");
    process.scene.go.notify_one();
    assert_eq!(ends(&client, id).await.0, "completed");
    assert_eq!(number(&client, "SELECT count(*) FROM jobs.attempt").await, 0, "nobody took it from its worker");
    process.stop().await;
}

#[tokio::test]
async fn what_waits_for_a_time_that_a_wrong_clock_reckoned_is_brought_forward() {
    let (test, client) = stage().await;
    let jobs = Jobs::new(test.database.clone(), quick());
    let retried = act(&jobs, Act::Nothing).await;
    let planned = act(&jobs, Act::Nothing).await;
    // One failed in an hour and was to be tried again a minute later; the other is to run tomorrow, as somebody said
    // while the clock was right.
    let sql = "UPDATE jobs.job SET status = 'retryable', failures = 1, started_at = now() + interval '1 hour',
                      run_at = now() + interval '61 minutes' WHERE id = $1";
    client.execute(sql, &[&retried]).await.expect("written");
    let sql = "UPDATE jobs.job SET status = 'scheduled', run_at = now() + interval '1 day' WHERE id = $1";
    client.execute(sql, &[&planned]).await.expect("written");
    assert_eq!(jobs.set_right().await.expect("done"), 1);
    let waits = "SELECT round(extract(epoch FROM run_at - now()))::bigint FROM jobs.job ORDER BY id";
    let rows = client.query(waits, &[]).await.expect("asked");
    let waits: Vec<i64> = rows.iter().map(|row| row.get(0)).collect();
    assert!((50..=60).contains(&waits[0]), "{waits:?}");
    assert!(waits[1] > 86_000, "{waits:?}");
    assert_eq!(jobs.set_right().await.expect("done"), 0, "once is enough");
}

#[tokio::test]
async fn a_rate_that_was_used_up_in_the_future_stops_no_queue() {
    let (test, client) = stage().await;
    client
        .execute("INSERT INTO jobs.rate (queue, next_at) VALUES ('tasks', now() + interval '1 hour')", &[])
        .await
        .expect("written");
    let rate = Rate { jobs: 100, per: Duration::from_secs(1), burst: 5 };
    let process = Process::start_with(&test, quick(), 4, |work| work.rate(Task::QUEUE, rate));
    let id = act(&process.jobs, Act::Nothing).await;
    assert_eq!(ends(&client, id).await.0, "completed");
    let ahead = "SELECT count(*) FROM jobs.rate WHERE next_at > now() + interval '1 minute'";
    assert_eq!(number(&client, ahead).await, 0, "it is counted by the right time from then on");
    process.stop().await;
}

#[tokio::test]
async fn a_key_that_was_used_in_the_future_is_used_for_no_longer_than_its_period() {
    let (test, client) = stage().await;
    let jobs = Jobs::new(test.database.clone(), quick());
    let keyed = || NewJob::of(&Task(Act::Nothing)).once_in(Duration::from_secs(600), "digest");
    let first = enqueue(&jobs, keyed()).await;
    assert_eq!(enqueue(&jobs, keyed()).await, Enqueued::Known(first.id()));
    // The period began in an hour, as it was then.
    client.batch_execute("UPDATE jobs.used_key SET until = now() + interval '70 minutes'").await.expect("written");
    let second = enqueue(&jobs, keyed()).await;
    assert!(matches!(second, Enqueued::New(_)), "{second:?}");
    assert_eq!(enqueue(&jobs, keyed()).await, Enqueued::Known(second.id()), "its own period has begun");
}
