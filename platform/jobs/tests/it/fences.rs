//! Workers that die, hang, or come back from the dead: no job is lost, and none has its effect twice.

use super::*;

/// Makes a worker that was seen last an hour ago, holding a job that it has begun.
async fn dead_worker_with(client: &Client, id: i64) -> i64 {
    let row = client
        .query_one(
            "WITH dead AS (
                 INSERT INTO jobs.worker (id, name, queues, started_at, seen_at)
                 VALUES (gen_random_uuid(), 'dead', '{tasks}', now(), now() - interval '1 hour') RETURNING id
             )
             UPDATE jobs.job SET status = 'running', worker = dead.id, claim = claim + 1, started_at = now() - interval '2 hours'
             FROM dead WHERE job.id = $1 RETURNING job.id",
            &[&id],
        )
        .await;
    row.expect("claimed").get(0)
}

#[tokio::test]
async fn the_jobs_of_a_dead_worker_go_to_another() {
    let (test, client) = stage().await;
    let jobs = Jobs::new(test.database.clone(), quick());
    let id = act(&jobs, Act::Write(1)).await;
    dead_worker_with(&client, id).await;
    let process = Process::start(&test, quick(), 4);
    assert_eq!(ends(&client, id).await.0, "completed");
    let outcome: String = client.query_one("SELECT outcome FROM jobs.attempt", &[]).await.expect("one").get(0);
    assert_eq!(outcome, "lost");
    process.stop().await;
}

#[tokio::test]
async fn a_job_that_kills_its_workers_is_discarded_in_the_end() {
    let (test, client) = stage().await;
    let jobs = Jobs::new(test.database.clone(), quick());
    let id = act(&jobs, Act::Nothing).await;
    client.execute("UPDATE jobs.job SET failures = 2", &[]).await.expect("it has failed before");
    dead_worker_with(&client, id).await;
    let process = Process::start(&test, quick(), 4);
    assert_eq!(ends(&client, id).await.0, "discarded");
    process.stop().await;
}

#[tokio::test]
async fn who_was_taken_for_dead_records_nothing_and_begins_again() {
    let (test, client) = stage().await;
    let mut process = Process::start(&test, quick(), 4);
    let id = act(&process.jobs, Act::Wait).await;
    process.begins().await;
    // Somebody else buries it: its row goes, its job runs elsewhere.
    client
        .batch_execute("DELETE FROM jobs.worker; UPDATE jobs.job SET status = 'available', worker = NULL")
        .await
        .expect("buried");
    let (again, _) = process.begins().await;
    assert_eq!(again, id, "under another id it claims the job anew");
    let claim = number(&client, "SELECT claim::bigint FROM jobs.job").await;
    assert_eq!(claim, 2);
    process.scene.go.notify_waiters();
    assert_eq!(ends(&client, id).await.0, "completed");
    process.stop().await;
}

#[tokio::test]
async fn an_effect_is_undone_when_the_job_was_lost_before_its_commit() {
    let (test, client) = stage().await;
    let jobs = Jobs::new(test.database.clone(), quick());
    // The effect waits for a lock that the test holds; meanwhile the job is given to another.
    let mut process = Process::start(&test, JobSettings { lease: Duration::from_secs(60), ..quick() }, 1);
    let lock = test.database.begin().await.expect("a transaction");
    lock.batch_execute("LOCK TABLE effect IN EXCLUSIVE MODE").await.expect("locked");
    let id = act(&jobs, Act::Write(7)).await;
    process.begins().await;
    eventually("the effect waits for the lock", async || {
        number(&client, "SELECT count(*) FROM pg_locks WHERE relation = 'effect'::regclass AND NOT granted").await == 1
    })
    .await;
    client
        .batch_execute("UPDATE jobs.job SET claim = claim + 1, worker = gen_random_uuid()")
        .await
        .expect("another holds it now");
    lock.roll_back().await;
    eventually("the effect was tried and undone", async || {
        number(&client, "SELECT count(*) FROM pg_locks WHERE relation = 'effect'::regclass").await == 0
    })
    .await;
    assert_eq!(number(&client, "SELECT count(*) FROM effect").await, 0);
    assert_eq!(number(&client, "SELECT id FROM jobs.job").await, id, "it is the other's, and not ended");
    process.stop().await;
}

#[tokio::test]
async fn what_a_worker_was_given_and_knows_nothing_of_is_given_back() {
    let (test, client) = stage().await;
    let process = Process::start(&test, JobSettings { lease: Duration::from_secs(1), ..quick() }, 4);
    process.jobs.pause(Task::QUEUE).await.expect("paused");
    let id = act(&process.jobs, Act::Write(1)).await;
    while number(&client, "SELECT count(*) FROM jobs.worker").await == 0 {
        tokio::task::yield_now().await;
    }
    // As if the answer to its claim had been lost.
    client
        .batch_execute(
            "UPDATE jobs.job SET status = 'running', claim = claim + 1, started_at = now() - interval '1 minute',
                                 worker = (SELECT id FROM jobs.worker)",
        )
        .await
        .expect("claimed");
    process.jobs.resume(Task::QUEUE).await.expect("resumed");
    assert_eq!(ends(&client, id).await.0, "completed");
    assert_eq!(number(&client, "SELECT count(*) FROM jobs.attempt").await, 0, "nothing has failed");
    process.stop().await;
}

#[tokio::test]
async fn jobs_that_were_claimed_ahead_of_a_death_are_charged_nothing() {
    let (test, client) = stage().await;
    let jobs = Jobs::new(test.database.clone(), quick());
    let id = act(&jobs, Act::Write(1)).await;
    client.execute("UPDATE jobs.job SET failures = 2", &[]).await.expect("one more failure would be its last");
    dead_worker_with(&client, id).await;
    client
        .batch_execute("UPDATE jobs.job SET started_at = (SELECT seen_at FROM jobs.worker)")
        .await
        .expect("just then");
    let process = Process::start(&test, quick(), 4);
    assert_eq!(ends(&client, id).await.0, "completed");
    process.stop().await;
}

#[tokio::test]
async fn a_dead_workers_jobs_are_freed_though_one_of_them_is_locked() {
    let (test, client) = stage().await;
    let jobs = Jobs::new(test.database.clone(), quick());
    let (locked, free) = (act(&jobs, Act::Write(1)).await, act(&jobs, Act::Write(2)).await);
    dead_worker_with(&client, locked).await;
    client
        .batch_execute("UPDATE jobs.job SET status = 'running', claim = 1, started_at = now() - interval '2 hours', worker = (SELECT id FROM jobs.worker)")
        .await
        .expect("both are its");
    // As a host does that froze between an effect and its commit.
    let frozen = test.database.begin().await.expect("a transaction");
    frozen.execute("SELECT FROM jobs.job WHERE id = $1 FOR UPDATE", &[&locked]).await.expect("locked");
    let process = Process::start(&test, quick(), 4);
    assert_eq!(ends(&client, free).await.0, "completed");
    frozen.roll_back().await;
    assert_eq!(ends(&client, locked).await.0, "completed");
    process.stop().await;
}

#[tokio::test]
async fn a_stop_waits_for_what_ends_in_time() {
    let (test, client) = stage().await;
    let mut process = Process::start(&test, quick(), 1);
    let id = act(&process.jobs, Act::Wait).await;
    process.begins().await;
    let scene = process.scene.clone();
    let mut signal = process.tasks.shutdown_signal();
    futures_util::join!(process.stop(), async move {
        signal.wait().await;
        scene.go.notify_one();
    });
    assert_eq!(ends(&client, id).await.0, "completed");
    assert_eq!(number(&client, "SELECT count(*) FROM jobs.attempt").await, 0, "it ended at its first attempt");
}

#[tokio::test]
async fn a_stop_waits_for_what_runs_and_gives_back_what_does_not_end() {
    let (test, client) = stage().await;
    let mut process = Process::start(&test, JobSettings { drain: Duration::from_millis(200), ..quick() }, 1);
    let runs = act(&process.jobs, Act::Wait).await;
    process.begins().await;
    let waits = act(&process.jobs, Act::Nothing).await;
    process.stop().await;
    let rows = client.query("SELECT id, status, failures FROM jobs.job ORDER BY id", &[]).await.expect("asked");
    let left: Vec<(i64, String, i16)> = rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect();
    assert_eq!(left, [(runs, "available".to_owned(), 0), (waits, "available".to_owned(), 0)]);
    assert_eq!(number(&client, "SELECT count(*) FROM jobs.worker").await, 0);
}

/// Workers that die where they are, under load, while transactions commit and roll back.
async fn survives_deaths(seed: u64) {
    let (test, client) = stage().await;
    let settings = JobSettings { lease: Duration::from_secs(1), ..quick() };
    let jobs = Jobs::new(test.database.clone(), settings);
    let mut chance = seed;
    let mut up_to = |most: u64| {
        // Knuth's MMIX.
        chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (chance >> 33) % most
    };
    let mut workers = vec![Process::start(&test, settings, 4), Process::start(&test, settings, 4)];
    let (mut wanted, mut next) = (Vec::new(), 0);
    for _ in 0..8 {
        for _ in 0..20 {
            let transaction = test.database.begin().await.expect("a transaction");
            let mut ids = Vec::new();
            for _ in 0..=up_to(5) {
                next += 1;
                let act = if up_to(4) == 0 { Act::FailOnce } else { Act::Write(next) };
                ids.push(jobs.enqueue(&transaction, NewJob::of(&Task(act))).await.expect("enqueued").id());
            }
            if up_to(4) == 0 {
                transaction.roll_back().await;
            } else {
                transaction.commit().await.expect("committed");
                wanted.extend(ids);
            }
        }
        let victim = usize::try_from(up_to(2)).expect("small");
        workers.swap_remove(victim).kill().await;
        workers.push(Process::start(&test, settings, 4));
    }
    eventually("every job has ended", async || number(&client, "SELECT count(*) FROM jobs.job").await == 0).await;
    let ended = client.query("SELECT id FROM jobs.ended ORDER BY id", &[]).await.expect("asked");
    let ended: Vec<i64> = ended.iter().map(|row| row.get(0)).collect();
    assert_eq!(ended, wanted, "seed {seed}: those whose transaction committed, and no others");
    let written =
        number(&client, "SELECT count(*) FROM jobs.ended WHERE payload ? 'Write' AND outcome = 'completed'").await;
    assert_eq!(number(&client, "SELECT count(*) FROM effect").await, written, "seed {seed}");
    assert_eq!(number(&client, "SELECT count(DISTINCT number) FROM effect").await, written, "seed {seed}");
    for worker in workers {
        worker.stop().await;
    }
}

#[tokio::test]
async fn workers_that_die_lose_nothing_and_have_no_effect_twice() {
    for seed in [1, 20, 300] {
        survives_deaths(seed).await;
    }
}
