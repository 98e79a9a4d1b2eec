//! The worker under test: this same program, as a process of its own, that does the jobs of a run and nothing else.
//!
//! **Invariant:** what a job leaves behind tells how often it was done: rows of `verify.effect` for what is in the
//! database, lines of a file for what is not.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use entrepot_jobs::{Context, Job, JobSettings, Jobs, NewJob, Outcome, Rate, Retries, Work};
use entrepot_pg::{Database, Error, ScopedFutureExt as _};
use entrepot_runtime::{Shutdown, Tasks, wait_for_stop_signal};
use serde::{Deserialize, Serialize};

use super::calendar;
use crate::database::Home;
use crate::settings::Settings;

/// The queue of the run.
pub(super) const QUEUE: &str = "verify";
/// The queue whose jobs may not begin at once.
pub(super) const PACED_QUEUE: &str = "verify-paced";
pub(super) const RATE: Rate = Rate { jobs: 20, per: Duration::from_secs(1), burst: 2 };
/// Short, so that a run has many deaths.
pub(super) const LEASE: Duration = Duration::from_secs(2);
const AT_ONCE: usize = 20;
/// How long a job waits that must not use up its attempts on a database that is away.
const AWAY: Duration = Duration::from_millis(200);
/// Kills of its workers count as failures; enough that no honest job runs out of them.
const RETRIES: Retries =
    Retries { at_most: 60, first_pause: Duration::from_millis(20), longest_pause: Duration::from_millis(500) };
/// How long a job can be cancelled that waits for it.
const CANCELLABLE: Duration = Duration::from_millis(200);

/// What a job of the run does.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "does", rename_all = "kebab-case")]
pub(super) enum Deed {
    /// Writes its number into the database, in the commit of its end.
    Effect { number: i64 },
    /// The same; it was enqueued under a key with a period.
    Once { number: i64 },
    /// Writes its key into a file: an effect that no transaction holds.
    Outside { number: i64 },
    /// Fails whenever it is tried.
    Poison { number: i64 },
    /// Takes its worker with it whenever it is tried.
    Deadly { number: i64 },
    /// Waits for a moment whether it is cancelled, then is an effect.
    Cancellable { number: i64 },
    /// Fails for good, until somebody mends what it fails by; then is an effect.
    Mended { number: i64 },
    /// Writes the slot of the schedule into the database, in the commit of its end.
    Tick { slot: String },
    /// The same, for the schedule that is moved across changes of the clock.
    Civil { slot: String },
}

impl Job for Deed {
    const KIND: &'static str = "verify";
    const QUEUE: &'static str = QUEUE;
    const RETRIES: Retries = RETRIES;
    type Needs = Bench;

    async fn run(&self, bench: &Bench, context: &Context) -> Outcome {
        let done = match self {
            Self::Effect { number } | Self::Once { number } => bench.effect(context, *number).await,
            Self::Tick { slot } => {
                bench
                    .write(context, "INSERT INTO verify.tick (slot, job) VALUES ($1::text::timestamptz, $2)", slot)
                    .await
            }
            Self::Civil { slot } => {
                bench
                    .write(context, "INSERT INTO verify.civil (slot, job) VALUES ($1::text::timestamptz, $2)", slot)
                    .await
            }
            Self::Outside { number } => {
                // One line in one write: no other process writes into the middle of it.
                let line = format!("{number} {}\n", context.key());
                match (&bench.outside).write_all(line.as_bytes()) {
                    Ok(()) => return Outcome::Done,
                    Err(error) => return Outcome::retry(error),
                }
            }
            Self::Cancellable { number } => {
                if tokio::time::timeout(CANCELLABLE, context.cancelled()).await.is_ok() {
                    return Outcome::Cancel { reason: "it was told so".to_owned() };
                }
                bench.effect(context, *number).await
            }
            Self::Mended { number } => match bench.is_mended(*number).await {
                // One that is retried by hand has four attempts: the database may be away for longer.
                Ok(true) => return bench.effect(context, *number).await.unwrap_or(Outcome::Snooze(AWAY)),
                Ok(false) => return Outcome::discard("it is not mended yet"),
                Err(_) => return Outcome::Snooze(AWAY),
            },
            Self::Poison { .. } if context.failures() >= 2 => return Outcome::discard("it is poisoned"),
            Self::Poison { .. } => return Outcome::retry("it is poisoned"),
            Self::Deadly { .. } if context.failures() >= 2 => return Outcome::discard("it has killed enough"),
            Self::Deadly { .. } => std::process::abort(),
        };
        done.unwrap_or_else(Outcome::retry)
    }
}

/// What a worker calls itself whose process has this id.
pub(super) fn name(process: u32) -> String {
    format!("verify {process}")
}

/// An effect of the queue with a rate.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Paced {
    pub(super) number: i64,
}

impl Job for Paced {
    const KIND: &'static str = "verify-paced";
    const QUEUE: &'static str = PACED_QUEUE;
    const RETRIES: Retries = RETRIES;
    type Needs = Bench;

    async fn run(&self, bench: &Bench, context: &Context) -> Outcome {
        bench.effect(context, self.number).await.unwrap_or_else(Outcome::retry)
    }
}

/// What the jobs work with.
pub(super) struct Bench {
    database: Database,
    outside: File,
    without_fence: bool,
}

impl Bench {
    async fn effect(&self, context: &Context, number: i64) -> Result<Outcome, Error> {
        self.write(context, "INSERT INTO verify.effect (number, job) VALUES ($1, $2)", &number).await
    }

    async fn is_mended(&self, number: i64) -> Result<bool, Error> {
        let client = self.database.client().await?;
        let sql = "SELECT EXISTS (SELECT FROM verify.mended WHERE number = $1)";
        Ok(client.query_one(sql, &[&number]).await?.try_get(0)?)
    }

    async fn write<T>(&self, context: &Context, sql: &str, value: &T) -> Result<Outcome, Error>
    where
        T: entrepot_pg::tokio_postgres::types::ToSql + Sync,
    {
        let job = context.id();
        self.database
            .transaction(|transaction| {
                async move {
                    transaction.execute(sql, &[value, &job]).await?;
                    // What peers do: the effect commits by itself, and the end is told afterwards.
                    if self.without_fence { Ok(Outcome::Done) } else { context.complete(transaction).await }
                }
                .scope_boxed()
            })
            .await
    }
}

/// Works until it is killed, or told to stop.
pub(crate) async fn verify_worker(
    settings: &Settings,
    outside: &Path,
    without_fence: bool,
    without_rate: bool,
) -> anyhow::Result<ExitCode> {
    let home = Home::shared(settings, "verify").await?;
    let database = home.database(settings)?;
    let tasks = Tasks::new(Shutdown::new());
    let job_settings = JobSettings { lease: LEASE, drain: Duration::from_secs(3), ..JobSettings::default() };
    let jobs = Jobs::new(database.clone(), job_settings);
    jobs.start(&tasks);
    let outside = OpenOptions::new().append(true).create(true).open(outside).context("the file for outside effects")?;
    let bench = Arc::new(Bench { database: database.clone(), outside, without_fence });
    let mut work = Work::new(&jobs, name(std::process::id()))
        .queue(QUEUE, AT_ONCE)
        .queue(PACED_QUEUE, AT_ONCE)
        .does::<Deed>(bench.clone())
        .does::<Paced>(bench)
        .every(TICKS, "* * * * * *", "UTC", |slot| NewJob::of(&Deed::Tick { slot: slot.to_string() }))?
        .every(calendar::NAME, calendar::PATTERN, calendar::ZONE, |slot| {
            NewJob::of(&Deed::Civil { slot: slot.to_string() })
        })?;
    if !without_rate {
        work = work.rate(PACED_QUEUE, RATE);
    }
    let _figures = work.start(&tasks);
    wait_for_stop_signal().await?;
    tasks.stop(Duration::from_secs(5)).await;
    database.close();
    Ok(ExitCode::SUCCESS)
}

/// The schedule with a slot each second.
pub(super) const TICKS: &str = "verify";

/// Where outside effects go.
pub(super) fn outside(folder: &Path) -> PathBuf {
    folder.join("outside.txt")
}
