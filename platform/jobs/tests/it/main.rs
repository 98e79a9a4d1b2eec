//! Jobs against a real PostgreSQL: a database for each test, and on it processes that enqueue and work.
#![expect(clippy::expect_used, reason = "a test fails by panicking, with what it wanted")]

mod clock;
mod ends;
mod fences;
mod overview;
mod queues;
mod schedules;

use std::sync::Arc;
use std::time::Duration;

use entrepot_jobs::{Context, Enqueued, Job, JobSettings, Jobs, NewJob, Outcome, Retries, Work, WorkFigures};
use entrepot_migrations::MIGRATIONS;
use entrepot_pg::tokio_postgres::Client;
use entrepot_pg::{Error, ScopedFutureExt as _};
use entrepot_runtime::{Shutdown, Tasks};
use entrepot_testkit::{TestDatabase, test_database};
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, mpsc};

/// The longest that anything is waited for: so far above what it takes that only a loss reaches it.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a job does here.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
enum Act {
    Nothing,
    /// Writes its number down, in the commit that ends it.
    Write(i64),
    Fail,
    FailOnce,
    FailForGood,
    Panic,
    /// Waits until it is let go, or for ever.
    Wait,
    /// The same, and has a number.
    WaitFor(i64),
    /// Waits until it is cancelled.
    WaitForCancel,
    /// Not before it has been put off once.
    Snooze,
    /// Fails with what PostgreSQL does not take as it is.
    FailOddly,
    /// Waits until the program is to stop, and is put off.
    WaitForStop,
    /// Is put off for longer than there is time.
    SnoozeForEver,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Task(Act);

/// What the jobs of a process share with its test.
struct Scene {
    begun: mpsc::Sender<(i64, Act)>,
    go: Notify,
}

impl Job for Task {
    const KIND: &'static str = "task";
    const QUEUE: &'static str = "tasks";
    const RETRIES: Retries = Retries { at_most: 2, first_pause: Duration::from_millis(10), ..Retries::DEFAULT };
    const TIMEOUT: Duration = Duration::from_secs(20);
    type Needs = Scene;

    async fn run(&self, scene: &Scene, context: &Context) -> Outcome {
        scene.begun.send((context.id(), self.0.clone())).await.expect("the test listens");
        match &self.0 {
            Act::Nothing => Outcome::Done,
            Act::Write(number) => match write(context, *number).await {
                Ok(outcome) => outcome,
                Err(error) => Outcome::retry(error),
            },
            Act::Fail => Outcome::retry("it was asked to fail"),
            Act::FailOnce if context.failures() == 0 => Outcome::retry("once"),
            Act::FailOnce => Outcome::Done,
            Act::FailForGood => Outcome::discard("it can never succeed"),
            Act::Panic => panic!("it was asked to panic"),
            Act::Wait | Act::WaitFor(_) => {
                scene.go.notified().await;
                Outcome::Done
            }
            Act::WaitForCancel => {
                context.cancelled().await;
                Outcome::retry("cancelled")
            }
            Act::Snooze => Outcome::Snooze(Duration::from_millis(10)),
            Act::FailOddly => Outcome::retry("a \0 in it"),
            Act::WaitForStop => {
                context.stopping().await;
                Outcome::Snooze(Duration::ZERO)
            }
            Act::SnoozeForEver => Outcome::Snooze(Duration::MAX),
        }
    }
}

async fn write(context: &Context, number: i64) -> Result<Outcome, Error> {
    let database = context_database(context);
    database
        .transaction(|transaction| {
            async move {
                transaction.execute("INSERT INTO effect (number) VALUES ($1)", &[&number]).await?;
                context.complete(transaction).await
            }
            .scope_boxed()
        })
        .await
}

fn context_database(context: &Context) -> entrepot_pg::Database {
    context.jobs().database().clone()
}

/// Quick to notice everything, without being told.
fn quick() -> JobSettings {
    JobSettings {
        lease: Duration::from_secs(2),
        poll: Duration::from_millis(50),
        drain: Duration::from_secs(5),
        ..JobSettings::default()
    }
}

/// A process that works.
struct Process {
    jobs: Jobs,
    tasks: Tasks,
    scene: Arc<Scene>,
    begun: mpsc::Receiver<(i64, Act)>,
    figures: WorkFigures,
}

impl Process {
    /// One that works on the queue of [`Task`], with so many at once.
    fn start(test: &TestDatabase, settings: JobSettings, concurrency: usize) -> Self {
        Self::start_with(test, settings, concurrency, |work| work)
    }

    /// The same, with more to do.
    fn start_with(
        test: &TestDatabase,
        settings: JobSettings,
        concurrency: usize,
        more: impl FnOnce(Work) -> Work,
    ) -> Self {
        let jobs = Jobs::new(test.database.clone(), settings);
        let tasks = Tasks::new(Shutdown::new());
        let (sender, begun) = mpsc::channel(100_000);
        let scene = Arc::new(Scene { begun: sender, go: Notify::new() });
        jobs.start(&tasks);
        let work = Work::new(&jobs, "test").queue(Task::QUEUE, concurrency).does::<Task>(scene.clone());
        let figures = more(work).start(&tasks);
        Self { jobs, tasks, scene, begun, figures }
    }

    /// What was begun next.
    async fn begins(&mut self) -> (i64, Act) {
        tokio::time::timeout(PATIENCE, self.begun.recv()).await.expect("a job is begun").expect("the scene is open")
    }

    /// Ends as a process does that is killed: where it is, telling nobody.
    async fn kill(self) {
        let _dropped = self.tasks.stop(Duration::ZERO).await;
    }

    /// Ends as a process does that is told to stop.
    async fn stop(self) {
        assert_eq!(self.tasks.stop(PATIENCE).await, Vec::<String>::new());
    }
}

/// A database with a table for effects.
async fn stage() -> (TestDatabase, Client) {
    let test = test_database(MIGRATIONS).await;
    let client = test.client().await;
    client.batch_execute("CREATE TABLE effect (number bigint NOT NULL)").await.expect("a table");
    (test, client)
}

async fn enqueue(jobs: &Jobs, job: NewJob) -> Enqueued {
    let enqueued = jobs.database().transaction(|transaction| {
        let job = job.clone();
        async move { jobs.enqueue(transaction, job).await }.scope_boxed()
    });
    enqueued.await.expect("enqueued")
}

async fn enqueue_all(jobs: &Jobs, all: &[NewJob]) {
    let enqueued = jobs
        .database()
        .transaction(|transaction| async move { jobs.enqueue_all(transaction, all).await }.scope_boxed());
    enqueued.await.expect("enqueued");
}

async fn act(jobs: &Jobs, act: Act) -> i64 {
    enqueue(jobs, NewJob::of(&Task(act))).await.id()
}

/// How a job ended, and with what, once it has.
async fn ends(client: &Client, id: i64) -> (String, Option<String>) {
    let mut found = None;
    eventually("the job's end", async || {
        let row = client.query_opt("SELECT outcome, error FROM jobs.ended WHERE id = $1", &[&id]).await;
        found = row.expect("asked").map(|row| (row.get(0), row.get(1)));
        found.is_some()
    })
    .await;
    found.expect("found")
}

async fn number(client: &Client, sql: &str) -> i64 {
    client.query_one(sql, &[]).await.expect("a number").get(0)
}

async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !holds().await {
        assert!(tokio::time::Instant::now() < deadline, "{what} did not come");
        tokio::task::yield_now().await;
    }
}
