//! Every job reaches the end that its attempts lead to, and leaves behind what happened on the way.

use super::*;

async fn attempts(client: &Client, id: i64) -> Vec<(String, String)> {
    let sql = "SELECT outcome, error FROM jobs.attempt WHERE job_id = $1 ORDER BY claim";
    client.query(sql, &[&id]).await.expect("asked").iter().map(|row| (row.get(0), row.get(1))).collect()
}

#[tokio::test]
async fn a_job_is_there_if_and_only_if_its_transaction_commits() {
    let (test, client) = stage().await;
    let mut process = Process::start(&test, quick(), 4);
    let transaction = test.database.begin().await.expect("a transaction");
    process.jobs.enqueue(&transaction, NewJob::of(&Task(Act::Write(1)))).await.expect("enqueued");
    transaction.roll_back().await;
    let id = act(&process.jobs, Act::Write(2)).await;
    assert_eq!(process.begins().await, (id, Act::Write(2)));
    assert_eq!(ends(&client, id).await, ("completed".to_owned(), None));
    assert_eq!(number(&client, "SELECT sum(number)::bigint FROM effect").await, 2);
    assert_eq!(number(&client, "SELECT count(*) FROM jobs.job").await, 0);
    process.stop().await;
    assert_eq!(number(&client, "SELECT count(*) FROM jobs.worker").await, 0, "who stops in order leaves no row");
}

#[tokio::test]
async fn what_fails_is_tried_again_as_often_as_its_kind_says() {
    let (test, client) = stage().await;
    let process = Process::start(&test, quick(), 4);
    let once = act(&process.jobs, Act::FailOnce).await;
    let always = act(&process.jobs, Act::Fail).await;
    let for_good = act(&process.jobs, Act::FailForGood).await;
    let panics = act(&process.jobs, Act::Panic).await;
    assert_eq!(ends(&client, once).await.0, "completed");
    assert_eq!(attempts(&client, once).await, [("failed".to_owned(), "once".to_owned())]);
    assert_eq!(ends(&client, always).await, ("discarded".to_owned(), Some("it was asked to fail".to_owned())));
    assert_eq!(attempts(&client, always).await.len(), 3, "the first, and two more");
    assert_eq!(ends(&client, for_good).await.0, "discarded");
    assert_eq!(attempts(&client, for_good).await.len(), 1);
    assert_eq!(ends(&client, panics).await, ("discarded".to_owned(), Some("it was asked to panic".to_owned())));
    process.stop().await;
}

#[tokio::test]
async fn what_a_job_says_that_the_database_does_not_take_holds_up_nobody() {
    let (test, client) = stage().await;
    let process = Process::start(&test, quick(), 4);
    let (odd, for_ever) = (act(&process.jobs, Act::FailOddly).await, act(&process.jobs, Act::SnoozeForEver).await);
    let next = act(&process.jobs, Act::Nothing).await;
    assert_eq!(ends(&client, odd).await, ("discarded".to_owned(), Some("a \u{fffd} in it".to_owned())));
    assert_eq!(ends(&client, next).await.0, "completed");
    let waits = "SELECT count(*) FROM jobs.job WHERE status = 'retryable' AND run_at > now() + interval '9 years'";
    eventually("it waits", async || number(&client, waits).await == 1).await;
    assert_eq!(process.jobs.cancel(for_ever).await.expect("asked"), entrepot_jobs::Cancelled::Waiting);
    process.stop().await;
}

#[tokio::test]
async fn what_is_put_off_has_not_failed() {
    let (test, client) = stage().await;
    let mut process = Process::start(&test, quick(), 4);
    let id = act(&process.jobs, Act::Snooze).await;
    for _ in 0..5 {
        assert_eq!(process.begins().await.0, id, "more often than attempts would let it");
    }
    assert_eq!(number(&client, "SELECT failures::bigint FROM jobs.job").await, 0);
    process.stop().await;
}

#[tokio::test]
async fn a_job_of_a_kind_that_nobody_knows_waits_for_who_does() {
    let (test, client) = stage().await;
    let process = Process::start(&test, quick(), 4);
    client
        .batch_execute(
            "INSERT INTO jobs.job (queue, kind, priority, tenant, payload, status, run_at, max_attempts, created_at)
             VALUES ('tasks', 'of-tomorrow', 5, '', '{}', 'available', now(), 1, now()),
                    ('tasks', 'task', 5, '', '\"Unheard of\"', 'available', now(), 3, now())",
        )
        .await
        .expect("two jobs");
    eventually("both were looked at", async || {
        number(&client, "SELECT count(*) FROM jobs.attempt WHERE outcome IN ('failed', 'discarded')").await == 2
    })
    .await;
    assert_eq!(number(&client, "SELECT count(*) FROM jobs.job WHERE kind = 'of-tomorrow' AND failures = 0").await, 1);
    let error: String = client.query_one("SELECT error FROM jobs.ended", &[]).await.expect("one ended").get(0);
    assert!(error.contains("the payload cannot be read"), "{error}");
    process.stop().await;
}

#[tokio::test]
async fn a_job_can_be_cancelled_while_it_waits_and_while_it_runs() {
    let (test, client) = stage().await;
    // So long a lease that its heartbeat is not what tells of it.
    let settings = JobSettings { lease: Duration::from_secs(600), ..quick() };
    let mut process = Process::start(&test, settings, 1);
    let other = Jobs::new(test.database.clone(), settings);
    let tasks = Tasks::new(Shutdown::new());
    other.start(&tasks);
    let runs = act(&process.jobs, Act::WaitForCancel).await;
    process.begins().await;
    let waits = act(&process.jobs, Act::Nothing).await;
    assert_eq!(other.cancel(waits).await.expect("asked"), entrepot_jobs::Cancelled::Waiting);
    assert_eq!(ends(&client, waits).await.0, "cancelled");
    assert_eq!(other.cancel(runs).await.expect("asked"), entrepot_jobs::Cancelled::Running);
    assert_eq!(ends(&client, runs).await.0, "cancelled", "and it is not tried again");
    assert_eq!(other.cancel(runs).await.expect("asked"), entrepot_jobs::Cancelled::NotThere);
    process.stop().await;
    tasks.stop(PATIENCE).await;
}

#[tokio::test]
async fn what_has_ended_is_forgotten_and_what_was_discarded_is_not() {
    let (test, client) = stage().await;
    let process = Process::start(&test, JobSettings { keep: Duration::ZERO, ..quick() }, 4);
    let (done, discarded) = (act(&process.jobs, Act::FailOnce).await, act(&process.jobs, Act::FailForGood).await);
    ends(&client, done).await;
    ends(&client, discarded).await;
    assert_eq!(process.jobs.forget().await.expect("forgotten"), 1);
    assert_eq!(number(&client, "SELECT id FROM jobs.ended").await, discarded);
    assert_eq!(number(&client, "SELECT job_id FROM jobs.attempt").await, discarded);
    process.stop().await;
}

#[tokio::test]
async fn an_end_that_the_database_refuses_costs_no_other_job_its_end() {
    let (test, client) = stage().await;
    client
        .batch_execute("ALTER TABLE jobs.ended ADD CONSTRAINT for_this_test CHECK (tenant <> 'refused')")
        .await
        .expect("altered");
    let mut process = Process::start(&test, quick(), 12);
    let many: Vec<NewJob> =
        (0..11).map(|at| NewJob::of(&Task(Act::Wait)).tenant(if at == 3 { "refused" } else { "taken" })).collect();
    enqueue_all(&process.jobs, &many).await;
    for _ in &many {
        process.begins().await;
    }
    // The ends of all wait to be written behind that of another.
    let mut blocker = test.client().await;
    let block = blocker.transaction().await.expect("begun");
    block.batch_execute("LOCK TABLE jobs.ended").await.expect("locked");
    act(&process.jobs, Act::Nothing).await;
    let blocked = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'jobs.ended'::regclass";
    eventually("the first end waits", async || number(&client, blocked).await > 0).await;
    process.scene.go.notify_waiters();
    eventually("all have ended", async || process.figures.queues()[0].running == 0).await;
    block.rollback().await.expect("released");
    let written = "SELECT count(*) FROM jobs.ended WHERE tenant = 'taken'";
    eventually("the others have ended", async || number(&client, written).await == 10).await;
    let claimed = "SELECT claim::int8 FROM jobs.job";
    eventually("the refused one is begun again", async || number(&client, claimed).await > 1).await;
    let mut begun = Vec::new();
    while let Ok((id, act)) = process.begun.try_recv() {
        begun.extend((act == Act::Wait).then_some(id));
    }
    begun.dedup();
    assert!(begun.len() <= 1, "more than the refused one was begun again: {begun:?}");
    process.kill().await;
}
