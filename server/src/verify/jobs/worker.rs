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
use entrepot_jobs::{Context, Job, JobSettings, Jobs, NewJob, Outcome, Retries, Work};
use entrepot_pg::{Database, Error, ScopedFutureExt as _};
use entrepot_runtime::{Shutdown, Tasks, wait_for_stop_signal};
use serde::{Deserialize, Serialize};

use crate::database::Home;
use crate::settings::Settings;

/// The queue of the run.
pub(super) const QUEUE: &str = "verify";
/// Short, so that a run has many deaths.
pub(super) const LEASE: Duration = Duration::from_secs(2);
const AT_ONCE: usize = 20;

/// What a job of the run does.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "does", rename_all = "kebab-case")]
pub(super) enum Deed {
    /// Writes its number into the database, in the commit of its end.
    Effect { number: i64 },
    /// Writes its key into a file: an effect that no transaction holds.
    Outside { number: i64 },
    /// Fails whenever it is tried.
    Poison { number: i64 },
    /// Takes its worker with it whenever it is tried.
    Deadly { number: i64 },
    /// Writes the slot of the schedule into the database, in the commit of its end.
    Tick { slot: String },
}

impl Job for Deed {
    const KIND: &'static str = "verify";
    const QUEUE: &'static str = QUEUE;
    /// Kills of its workers count as failures; enough that no honest job runs out of them.
    const RETRIES: Retries =
        Retries { at_most: 60, first_pause: Duration::from_millis(20), longest_pause: Duration::from_millis(500) };
    type Needs = Bench;

    async fn run(&self, bench: &Bench, context: &Context) -> Outcome {
        let done = match self {
            Self::Effect { number } => {
                bench.write(context, "INSERT INTO verify.effect (number, job) VALUES ($1, $2)", number).await
            }
            Self::Tick { slot } => {
                bench
                    .write(context, "INSERT INTO verify.tick (slot, job) VALUES ($1::text::timestamptz, $2)", slot)
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
            Self::Poison { .. } if context.failures() >= 2 => return Outcome::discard("it is poisoned"),
            Self::Poison { .. } => return Outcome::retry("it is poisoned"),
            Self::Deadly { .. } if context.failures() >= 2 => return Outcome::discard("it has killed enough"),
            Self::Deadly { .. } => std::process::abort(),
        };
        done.unwrap_or_else(Outcome::retry)
    }
}

/// What the jobs work with.
pub(super) struct Bench {
    database: Database,
    outside: File,
    without_fence: bool,
}

impl Bench {
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
) -> anyhow::Result<ExitCode> {
    let home = Home::shared(settings, "verify").await?;
    let database = home.database(settings)?;
    let tasks = Tasks::new(Shutdown::new());
    let job_settings = JobSettings { lease: LEASE, drain: Duration::from_secs(3), ..JobSettings::default() };
    let jobs = Jobs::new(database.clone(), job_settings);
    jobs.start(&tasks);
    let outside = OpenOptions::new().append(true).create(true).open(outside).context("the file for outside effects")?;
    let bench = Bench { database: database.clone(), outside, without_fence };
    let work = Work::new(&jobs, format!("verify {}", std::process::id()))
        .queue(QUEUE, AT_ONCE)
        .does::<Deed>(Arc::new(bench))
        .every("verify", "* * * * * *", "UTC", |slot| NewJob::of(&Deed::Tick { slot: slot.to_string() }))?;
    let _figures = work.start(&tasks);
    wait_for_stop_signal().await?;
    tasks.stop(Duration::from_secs(5)).await;
    database.close();
    Ok(ExitCode::SUCCESS)
}

/// Where outside effects go.
pub(super) fn outside(folder: &Path) -> PathBuf {
    folder.join("outside.txt")
}
