//! Queues: what runs first, what waits, and what is there once.

use super::*;
use entrepot_jobs::Priority;

#[tokio::test]
async fn the_urgent_overtake_and_tenants_take_turns() {
    let (test, client) = stage().await;
    let jobs = Jobs::new(test.database.clone(), quick());
    let new = |number: i64| NewJob::of(&Task(Act::Write(number)));
    let mut all: Vec<NewJob> = (0..2_000).map(|number| new(number).tenant("large")).collect();
    all.push(new(5_000).tenant("small"));
    all.push(new(6_000).priority(Priority::LOW));
    all.push(new(7_000).priority(Priority::HIGH));
    enqueue_all(&jobs, &all).await;
    let process = Process::start(&test, quick(), 1);
    eventually("all are done", async || number(&client, "SELECT count(*) FROM effect").await == 2_003).await;
    let order: Vec<i64> = client
        .query("SELECT number FROM effect ORDER BY xmin::text::bigint", &[])
        .await
        .expect("asked")
        .iter()
        .map(|row| row.get(0))
        .collect();
    let place = |number: i64| order.iter().position(|one| *one == number).expect("it was done");
    assert!(place(7_000) < 2, "the most urgent was {}. to run", place(7_000));
    // What was claimed ahead before it is all that a tenant may have before another's first.
    assert!(place(5_000) < 1_100, "the other tenant's was {}. to run", place(5_000));
    assert_eq!(place(6_000), 2_002, "the least urgent runs last");
    process.stop().await;
}

#[tokio::test]
async fn no_more_run_at_once_than_the_queue_lets_and_what_is_slow_is_not_hoarded() {
    let (test, client) = stage().await;
    let mut process = Process::start(&test, quick(), 2);
    for _ in 0..5 {
        act(&process.jobs, Act::Wait).await;
    }
    process.begins().await;
    process.begins().await;
    assert!(process.begun.try_recv().is_err(), "a third runs");
    let mut other = Process::start(&test, quick(), 3);
    for _ in 0..3 {
        other.begins().await;
    }
    for process in [&process, &other] {
        process.scene.go.notify_waiters();
    }
    eventually("all are done", async || number(&client, "SELECT count(*) FROM jobs.ended").await == 5).await;
    process.stop().await;
    other.stop().await;
}

#[tokio::test]
async fn what_is_not_due_waits_and_a_paused_queue_does_nothing() {
    let (test, client) = stage().await;
    let mut process = Process::start(&test, quick(), 4);
    process.jobs.pause(Task::QUEUE).await.expect("paused");
    let late = enqueue(&process.jobs, NewJob::of(&Task(Act::Nothing)).after(Duration::from_secs(3_600))).await.id();
    let soon = enqueue(&process.jobs, NewJob::of(&Task(Act::Nothing)).after(Duration::from_millis(20))).await.id();
    let now = act(&process.jobs, Act::Nothing).await;
    eventually("it is due", async || {
        number(&client, "SELECT count(*) FROM jobs.job WHERE status = 'available'").await == 2
    })
    .await;
    assert!(process.begun.try_recv().is_err(), "a paused queue does nothing");
    process.jobs.resume(Task::QUEUE).await.expect("resumed");
    let mut begun = [process.begins().await.0, process.begins().await.0];
    begun.sort_unstable();
    assert_eq!(begun, [soon.min(now), soon.max(now)]);
    eventually("both ended", async || number(&client, "SELECT count(*) FROM jobs.job").await == 1).await;
    let row = client.query_one("SELECT id, status FROM jobs.job", &[]).await.expect("one is left");
    assert_eq!((row.get::<_, i64>(0), row.get::<_, &str>(1)), (late, "scheduled"));
    process.stop().await;
}

#[tokio::test]
async fn of_jobs_with_one_key_there_is_one() {
    let (test, client) = stage().await;
    let jobs = Jobs::new(test.database.clone(), quick());
    let keyed = || NewJob::of(&Task(Act::Nothing)).unique("a");
    let first = enqueue(&jobs, keyed()).await;
    assert_eq!(enqueue(&jobs, keyed()).await, Enqueued::Known(first.id()));
    let daily = || NewJob::of(&Task(Act::Nothing)).once_in(Duration::from_secs(86_400), "daily");
    let today = enqueue(&jobs, daily()).await;
    assert_eq!(enqueue(&jobs, daily()).await, Enqueued::Known(today.id()));
    let process = Process::start(&test, quick(), 4);
    ends(&client, first.id()).await;
    ends(&client, today.id()).await;
    assert!(matches!(enqueue(&jobs, keyed()).await, Enqueued::New(_)), "it has ended, so there may be another");
    assert_eq!(enqueue(&jobs, daily()).await, Enqueued::Known(today.id()), "its period is not over");
    client.batch_execute("UPDATE jobs.used_key SET until = now()").await.expect("over");
    assert!(matches!(enqueue(&jobs, daily()).await, Enqueued::New(_)));
    process.stop().await;
}

#[tokio::test]
async fn of_many_who_enqueue_one_key_at_once_one_does() {
    let (test, client) = stage().await;
    let jobs = Jobs::new(test.database.clone(), quick());
    let all = (0..8).map(|_| enqueue(&jobs, NewJob::of(&Task(Act::Nothing)).unique("once")));
    let enqueued = futures_util::future::join_all(all).await;
    let new = enqueued.iter().filter(|enqueued| matches!(enqueued, Enqueued::New(_))).count();
    assert_eq!(new, 1);
    assert!(enqueued.iter().all(|one| one.id() == enqueued[0].id()));
    assert_eq!(number(&client, "SELECT count(*) FROM jobs.job").await, 1);
}

#[tokio::test]
async fn a_worker_is_woken_by_another_process() {
    let (test, client) = stage().await;
    // So long a poll that only a word tells of it.
    let settings = JobSettings { poll: Duration::from_secs(3_600), ..quick() };
    let mut process = Process::start(&test, settings, 4);
    act(&process.jobs, Act::Nothing).await;
    process.begins().await;
    let other = Jobs::new(test.database.clone(), settings);
    let tasks = Tasks::new(Shutdown::new());
    other.start(&tasks);
    let listens = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'entrepot-jobs'
                   AND datname = current_database() AND (query LIKE 'LISTEN%' OR query LIKE '%pg_notify%')";
    eventually("both listen", async || number(&client, listens).await >= 2).await;
    let id = act(&other, Act::Nothing).await;
    assert_eq!(process.begins().await.0, id);
    process.stop().await;
    tasks.stop(PATIENCE).await;
}

#[tokio::test]
async fn what_commits_late_with_a_low_id_is_found() {
    let (test, client) = stage().await;
    let process = Process::start(&test, quick(), 4);
    let late = test.database.begin().await.expect("a transaction");
    let id = process.jobs.enqueue(&late, NewJob::of(&Task(Act::Write(-1)))).await.expect("enqueued").id();
    // Others for so long that its lane is read from far above it.
    let deadline = tokio::time::Instant::now() + Duration::from_millis(500);
    while tokio::time::Instant::now() < deadline {
        let other = act(&process.jobs, Act::Nothing).await;
        ends(&client, other).await;
    }
    late.commit().await.expect("committed");
    assert_eq!(ends(&client, id).await.0, "completed");
    process.stop().await;
}

#[tokio::test]
async fn of_workers_who_reach_for_the_same_jobs_one_has_each() {
    let (test, client) = stage().await;
    let jobs = Jobs::new(test.database.clone(), quick());
    let mut processes: Vec<Process> = (0..3).map(|_| Process::start(&test, quick(), 8)).collect();
    for _ in 0..40 {
        let all: Vec<NewJob> = (0..50).map(|_| NewJob::of(&Task(Act::Nothing))).collect();
        enqueue_all(&jobs, &all).await;
        for process in &processes {
            // Woken at the same moment.
            process.jobs.resume(Task::QUEUE).await.expect("it was not paused");
        }
    }
    eventually("all are done", async || number(&client, "SELECT count(*) FROM jobs.ended").await == 2_000).await;
    let mut begun = Vec::new();
    for process in &mut processes {
        while let Ok((id, _)) = process.begun.try_recv() {
            begun.push(id);
        }
    }
    let all = begun.len();
    begun.sort_unstable();
    begun.dedup();
    assert_eq!((all, begun.len()), (2_000, 2_000), "each was begun once");
    for process in processes {
        process.stop().await;
    }
}

#[tokio::test]
async fn what_comes_while_there_is_much_to_do_has_its_turn_all_the_same() {
    let (test, client) = stage().await;
    let process = Process::start(&test, quick(), 1);
    let new = |number: i64| NewJob::of(&Task(Act::Write(number)));
    let backlog: Vec<NewJob> = (0..6_000).map(|number| new(number).tenant("large")).collect();
    enqueue_all(&process.jobs, &backlog).await;
    eventually("it is at work", async || number(&client, "SELECT count(*) FROM effect").await > 50).await;
    enqueue(&process.jobs, new(-1).tenant("small")).await;
    enqueue(&process.jobs, new(-2).tenant("large").priority(Priority::HIGH)).await;
    eventually("both have had their turn", async || {
        number(&client, "SELECT count(*) FROM effect WHERE number < 0").await == 2
    })
    .await;
    let done = number(&client, "SELECT count(*) FROM effect").await;
    assert!(done < 6_002, "all {done} had theirs before");
    assert!(number(&client, "SELECT count(*) FROM jobs.job WHERE status = 'available'").await > 0);
    process.kill().await;
}

/// Behind many dead rows, and with the planner told that the queue is empty: what a worker asks reads what it is given
/// and little more.
#[tokio::test]
async fn what_is_claimed_and_ended_is_looked_up_and_not_searched_for() {
    let (test, client) = stage().await;
    let reader = test.client().await;
    reader
        .batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM jobs.job")
        .await
        .expect("a snapshot");
    client
        .batch_execute(
            "INSERT INTO jobs.worker (id, name, queues, started_at, seen_at)
             VALUES ('00000000-0000-0000-0000-000000000001', 'test', '{tasks}', now(), now());
             INSERT INTO jobs.job (queue, kind, priority, tenant, payload, status, run_at, max_attempts, created_at)
             SELECT 'tasks', 'task', 5, '', '{}', 'available', now(), 4, now() FROM generate_series(1, 3000);
             UPDATE jobs.job SET status = 'running', worker = '00000000-0000-0000-0000-000000000001';
             DELETE FROM jobs.job;
             ANALYZE jobs.job;
             INSERT INTO jobs.job (queue, kind, priority, tenant, payload, status, run_at, max_attempts, created_at)
             SELECT 'tasks', 'task', 5, '', '{}', 'available', now(), 4, now() FROM generate_series(1, 200);",
        )
        .await
        .expect("dead rows");
    let read = async || {
        client.batch_execute("SELECT pg_stat_force_next_flush()").await.expect("flushed");
        let read = "SELECT (sum(i.idx_tup_read) + t.seq_tup_read)::int8 FROM pg_stat_user_indexes AS i
                    JOIN pg_stat_user_tables AS t USING (relid) WHERE relid = 'jobs.job'::regclass GROUP BY t.seq_tup_read";
        number(&client, read).await
    };
    let above = number(&client, "SELECT min(id) - 1 FROM jobs.job").await;
    let before = read().await;
    let claim = "SELECT array_agg(id ORDER BY id), array_agg(claim ORDER BY id) FROM jobs.claim(
                 '00000000-0000-0000-0000-000000000001', 'tasks', '{5}', '{\"\"}',
                 ARRAY[$1::int8], '{200}', 200)";
    let claimed = client.query_one(claim, &[&above]).await.expect("claimed");
    let (ids, claims): (Vec<i64>, Vec<i32>) = (claimed.get(0), claimed.get(1));
    assert_eq!(ids.len(), 200);
    let complete = "SELECT jobs.complete('00000000-0000-0000-0000-000000000001', $1, $2)";
    let done: i64 = client.query_one(complete, &[&ids, &claims]).await.expect("done").get(0);
    assert_eq!(done, 200);
    // Nothing is due, and there are no other lanes: there is nothing to be read for that.
    let others = "SELECT (SELECT count(*) FROM jobs.lanes_between('tasks', '{5}', '{\"\"}', 1000))
                         + (SELECT count(*) FROM jobs.promote(1000))";
    assert_eq!(number(&client, others).await, 0);
    // Each is read in its lane, looked up to be updated, and looked up in both its versions to be deleted.
    let read = read().await - before;
    assert!((600..=1_000).contains(&read), "{read} entries were read for 200 jobs");
    reader.batch_execute("ROLLBACK").await.expect("ended");
}

#[tokio::test]
async fn between_the_lanes_that_are_known_all_others_are_found() {
    let (_test, client) = stage().await;
    client
        .batch_execute(
            "INSERT INTO jobs.job (queue, kind, priority, tenant, payload, status, run_at, max_attempts, created_at)
             SELECT queue, 'task', priority, tenant, '{}', 'available', now(), 4, now()
             FROM unnest('{tasks,others}'::text[]) AS queue, unnest('{1,5,6,10}'::int2[]) AS priority,
                  unnest('{\"\",a,b,ba,c,Ü}'::text[]) AS tenant, generate_series(1, 2)",
        )
        .await
        .expect("put in");
    let lanes = "SELECT count(*), count(*) FILTER (WHERE lowest = least) FROM %
                 JOIN (SELECT priority, tenant, min(id) AS least FROM jobs.job WHERE queue = 'tasks' GROUP BY 1, 2) AS there
                 USING (priority, tenant)";
    let known = [
        ("{}", "{}"),
        ("{5}", "{\"\"}"),
        ("{1,1,5,6,6,6}", "{Ü,b,\"\",a,b,ba}"),
        ("{10,9,3}", "{c,a,b}"),
        ("{1,1,1,1,1,1}", "{\"\",a,b,ba,c,Ü}"),
    ];
    for (priorities, tenants) in known {
        let between = format!("jobs.lanes_between('tasks', '{priorities}', '{tenants}', 1000)");
        let row = client.query_one(&lanes.replace('%', &between), &[]).await.expect("found");
        let known = format!(
            "SELECT count(*) FROM unnest('{priorities}'::int2[], '{tenants}'::text[]) AS known (priority, tenant)
             WHERE EXISTS (SELECT FROM jobs.job WHERE queue = 'tasks' AND (priority, tenant) = (known.priority, known.tenant))"
        );
        let wanted = 24 - number(&client, &known).await;
        assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (wanted, wanted), "{priorities} {tenants}");
    }
    assert_eq!(number(&client, "SELECT count(*) FROM jobs.lanes_between('tasks', '{}', '{}', 7)").await, 7);
}
