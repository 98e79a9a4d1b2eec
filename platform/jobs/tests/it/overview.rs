//! What people see of jobs and do to them: failures, retries, rates, news, secrets.

use std::sync::Mutex;

use entrepot_jobs::{Ending, Failures, Listener, Looked, News, Rate};
use entrepot_pg::Transaction;
use entrepot_runtime::{Actor, Request, current_request, within_request};
use futures_util::future::BoxFuture;

use super::*;

/// Fails for good, once it has seen its secret and the request that it works for.
#[derive(Serialize, Deserialize)]
struct Letter {
    to: String,
    secret: Option<String>,
}

/// What letters saw.
#[derive(Default)]
struct Post(Mutex<Vec<Seen>>);

/// The secret, the request, and who is said to act.
type Seen = (Option<String>, Option<String>, String);

impl Job for Letter {
    const KIND: &'static str = "letter";
    const QUEUE: &'static str = Task::QUEUE;
    type Needs = Post;

    async fn run(&self, post: &Post, context: &Context) -> Outcome {
        let request = current_request();
        let id = request.as_ref().map(|request| request.id().to_string());
        let via = request.and_then(|request| Some(request.actor()?.via.to_string())).unwrap_or_default();
        post.0.lock().expect("not poisoned").push((self.secret.clone(), id, via));
        context.progress(40, "half of it").await.expect("told");
        context.progress(41, "too soon to be told").await.expect("not told");
        Outcome::discard("nobody lives there")
    }
}

/// Writes down what it is told, in the transaction in which it happens.
struct Book;

impl Listener for Book {
    fn tell<'a>(&'a self, transaction: &'a Transaction, news: &'a News) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let news = serde_json::to_value(news).expect("plain data");
            transaction.execute("INSERT INTO news (news) VALUES ($1)", &[&news]).await?;
            Ok(())
        })
    }
}

#[tokio::test]
async fn what_failed_is_shown_without_its_secret_told_of_and_tried_again_under_its_own_id() {
    let (test, client) = stage().await;
    client.batch_execute("CREATE TABLE news (id int GENERATED ALWAYS AS IDENTITY, news jsonb)").await.expect("a table");
    let jobs = Jobs::told_to(test.database.clone(), quick(), Arc::new(Book));
    let tasks = Tasks::new(Shutdown::new());
    let post = Arc::new(Post::default());
    jobs.start(&tasks);
    let _figures = Work::new(&jobs, "post").queue(Task::QUEUE, 1).does::<Letter>(post.clone()).start(&tasks);
    let request = Arc::new(Request::new("request-7".into()).by(Actor::command()));
    let letter = Letter { to: "a@b.example".to_owned(), secret: Some("https://shop.example/reset?t=1".to_owned()) };
    let id = within_request(request, enqueue(&jobs, NewJob::of(&letter))).await.id();
    assert_eq!(ends(&client, id).await, ("discarded".to_owned(), Some("nobody lives there".to_owned())));
    let seen = post.0.lock().expect("not poisoned").clone();
    let secret = letter.secret.clone();
    assert_eq!(seen, [(secret, Some("request-7".to_owned()), format!("job:{id}"))]);
    let kept: serde_json::Value =
        client.query_one("SELECT payload FROM jobs.ended", &[]).await.expect("it ended").get(0);
    assert_eq!(kept, serde_json::json!({"to": "a@b.example"}), "the secret went with the job's end");

    let failed = jobs.failed(&Failures::default(), None, 10).await.expect("asked");
    assert_eq!(failed.iter().map(|job| job.id).collect::<Vec<_>>(), [id]);
    assert_eq!(failed[0].attempts.iter().map(|one| one.outcome.as_str()).collect::<Vec<_>>(), ["discarded"]);
    assert_eq!(failed[0].request_id.as_deref(), Some("request-7"));
    let of_others = Failures { queue: Some("other".to_owned()), ..Failures::default() };
    assert!(jobs.failed(&of_others, None, 10).await.expect("asked").is_empty());
    assert!(jobs.retry(None, &of_others).await.expect("asked").is_empty());
    assert_eq!(jobs.retry(Some(&[id]), &Failures::default()).await.expect("asked"), [id]);
    eventually("it failed again", async || number(&client, "SELECT count(*) FROM jobs.attempt").await == 2).await;
    eventually("it ended", async || number(&client, "SELECT count(*) FROM jobs.ended").await == 1).await;
    assert_eq!(post.0.lock().expect("not poisoned").len(), 2);

    let told: Vec<serde_json::Value> = client
        .query("SELECT news FROM news ORDER BY id", &[])
        .await
        .expect("asked")
        .iter()
        .map(|row| row.get(0))
        .collect();
    let what: Vec<_> = told.iter().map(|news| (news["what"].as_str(), news["percent"].as_i64())).collect();
    let one = vec![(Some("progress"), Some(40)), (Some("failed"), None)];
    // Those that were asked for and retried nothing are told of, too: somebody did that.
    let by_hand = vec![(Some("retried"), None), (Some("retried"), None)];
    assert_eq!(what, [one.clone(), by_hand, one].concat());
    assert_eq!((told[1]["isFinal"].as_bool(), told[1]["id"].as_i64()), (Some(true), Some(id)));

    assert_eq!(jobs.clear(&[Ending::Completed, Ending::Cancelled], &Failures::default()).await.expect("asked"), 0);
    assert_eq!(jobs.clear(&[Ending::Discarded], &Failures::default()).await.expect("asked"), 1);
    assert_eq!(number(&client, "SELECT count(*) FROM jobs.attempt").await, 0);
    tasks.stop(PATIENCE).await;
}

#[tokio::test]
async fn a_queue_tells_what_waits_what_was_done_and_who_works() {
    let (test, client) = stage().await;
    let mut process = Process::start(&test, quick(), 2);
    for _ in 0..3 {
        act(&process.jobs, Act::Nothing).await;
    }
    act(&process.jobs, Act::FailForGood).await;
    act(&process.jobs, Act::Wait).await;
    enqueue(&process.jobs, NewJob::of(&Task(Act::Nothing)).after(Duration::from_secs(3_600))).await;
    for _ in 0..5 {
        process.begins().await;
    }
    eventually("it is counted", async || {
        number(&client, "SELECT coalesce(sum(done + failed), 0)::int8 FROM jobs.tally").await == 4
    })
    .await;
    let queues = process.jobs.queues().await.expect("asked");
    let queue = &queues[0];
    let counts = [queue.available, queue.scheduled, queue.retryable, queue.running, queue.discarded];
    assert_eq!((queue.queue.as_str(), counts), ("tasks", [0, 1, 0, 1, 1]));
    assert_eq!((queue.done_in_a_day, queue.failed_in_a_day, queue.workers, queue.paused_at), (3, 1, 1, None));
    assert!(queue.per_minute > 0.0 && queue.ran.median_ms.is_some() && queue.waited.mean_ms.is_some());
    let workers = process.jobs.workers().await.expect("asked");
    assert_eq!(workers.iter().map(|worker| (worker.is_alive, worker.running)).collect::<Vec<_>>(), [(true, 1)]);
    let running = process.jobs.waiting(Some("tasks"), Some("running"), 10).await.expect("asked");
    assert_eq!(running.len(), 1);
    assert!(matches!(process.jobs.look(running[0].id).await.expect("asked"), Some(Looked::Waiting(_))));
    assert!(process.jobs.look(-1).await.expect("asked").is_none());
    assert!(process.jobs.pause("tasks").await.expect("paused"));
    assert!(!process.jobs.pause("tasks").await.expect("paused"), "it was paused already");
    assert!(process.jobs.queues().await.expect("asked")[0].paused_at.is_some());
    assert_eq!(process.jobs.cancel_waiting("tasks").await.expect("asked"), 1);
    process.scene.go.notify_waiters();
    process.stop().await;
}

#[tokio::test]
async fn no_more_begin_than_the_rate_lets_on_all_workers_together() {
    let (test, client) = stage().await;
    // So slow a rate that the test sees the burst, and nothing after it.
    let rate = Rate { jobs: 1, per: Duration::from_secs(3_600), burst: 5 };
    let limited = |work: Work| work.rate(Task::QUEUE, rate);
    let one = Process::start_with(&test, quick(), 4, limited);
    let other = Process::start_with(&test, quick(), 4, limited);
    for _ in 0..20 {
        act(&one.jobs, Act::Nothing).await;
    }
    eventually("the burst is done", async || number(&client, "SELECT count(*) FROM jobs.ended").await == 5).await;
    // Both have looked again since: their polls are 50 ms, and each look asks for a permit.
    let looks = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%jobs.rate%'";
    eventually("both look", async || number(&client, looks).await > 0).await;
    assert_eq!(number(&client, "SELECT count(*) FROM jobs.ended").await, 5);
    // An hour later there is one more.
    client.batch_execute("UPDATE jobs.rate SET next_at = next_at - interval '1 hour'").await.expect("later");
    eventually("one more", async || number(&client, "SELECT count(*) FROM jobs.ended").await == 6).await;
    one.stop().await;
    other.stop().await;
}

#[tokio::test]
async fn a_job_that_is_told_of_the_stop_goes_on_elsewhere_at_once() {
    let (test, client) = stage().await;
    let mut process = Process::start(&test, quick(), 1);
    let id = act(&process.jobs, Act::WaitForStop).await;
    process.begins().await;
    process.stop().await;
    assert_eq!(number(&client, "SELECT failures::int8 FROM jobs.job").await, 0);
    let mut other = Process::start(&test, quick(), 1);
    assert_eq!(other.begins().await.0, id);
    other.kill().await;
}

#[tokio::test]
async fn a_heavier_tenant_gets_its_share() {
    let (test, client) = stage().await;
    let jobs = Jobs::new(test.database.clone(), quick());
    assert!(jobs.weigh(Task::QUEUE, "heavy", 0).await.is_err());
    jobs.weigh(Task::QUEUE, "heavy", 3).await.expect("weighed");
    let new = |tenant: &str, number| NewJob::of(&Task(Act::Write(number))).tenant(tenant);
    let all: Vec<NewJob> = (0..200).flat_map(|number| [new("heavy", number), new("light", 1_000 + number)]).collect();
    enqueue_all(&jobs, &all).await;
    let process = Process::start(&test, quick(), 1);
    eventually("all are done", async || number(&client, "SELECT count(*) FROM effect").await == 400).await;
    let heavy = "SELECT count(*) FILTER (WHERE number < 1000) FROM
                 (SELECT number FROM effect ORDER BY xmin::text::bigint LIMIT 100) AS first";
    let heavy = number(&client, heavy).await;
    assert!((65..=85).contains(&heavy), "of the first hundred {heavy} were the heavy tenant's");
    process.stop().await;
}

#[tokio::test]
async fn tenants_take_turns_where_jobs_are_claimed_one_by_one() {
    let (test, _client) = stage().await;
    let jobs = Jobs::new(test.database.clone(), quick());
    let new = |tenant: &str, number| NewJob::of(&Task(Act::WaitFor(number))).tenant(tenant);
    let all: Vec<NewJob> = (0..12).flat_map(|number| [new("one", number), new("other", 100 + number)]).collect();
    enqueue_all(&jobs, &all).await;
    let mut process = Process::start(&test, quick(), 1);
    let mut ones = 0;
    for _ in 0..12 {
        let (_, act) = process.begins().await;
        ones += i32::from(matches!(act, Act::WaitFor(number) if number < 100));
        // Longer than what a worker claims ahead for: none is.
        #[expect(clippy::disallowed_methods, reason = "how long a job takes is what this is about")]
        tokio::time::sleep(Duration::from_millis(80)).await;
        process.scene.go.notify_one();
    }
    assert!((5..=7).contains(&ones), "of twelve {ones} were the one's");
    process.kill().await;
}
