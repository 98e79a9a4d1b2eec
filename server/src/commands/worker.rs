//! `entrepot worker`: a process that does jobs and answers nobody.
//!
//! Start: the database, the schema, the queues. Stop: no new jobs, those under way up to their time, the pool.

use std::process::ExitCode;
use std::time::Instant;

use entrepot_runtime::{Shutdown, Tasks, wait_for_stop_signal};
use entrepot_telemetry::LogSettings;

use super::log_format;
use super::serve::TASKS_PATIENCE;
use crate::app::App;
use crate::database::Home;
use crate::limits;
use crate::settings::{Settings, ms};

pub(crate) async fn worker(settings: &Settings) -> anyhow::Result<ExitCode> {
    let start = Instant::now();
    let _log = entrepot_telemetry::start_logs(&LogSettings {
        filter: settings.log.level.clone(),
        format: log_format(settings),
    })?;
    limits::raise();
    let mut stop = std::pin::pin!(wait_for_stop_signal());
    // Beside a server that runs the private database this one uses it.
    let home = tokio::select! {
        home = Home::shared(settings, "worker") => home?,
        _signal = &mut stop => return Ok(ExitCode::SUCCESS),
    };
    let outcome = async {
        let database = home.database(settings)?;
        home.migrate(settings).await?;
        let tasks = Tasks::new(Shutdown::new());
        let (clock, reference) = home.clock(settings, &database).await?;
        database.keep_synchronized(&clock, &reference, &tasks);
        let _app = App::build(settings, database.clone(), clock, &tasks)?;
        let queues: Vec<String> = settings
            .jobs
            .queues()
            .iter()
            .filter(|(_, at_once)| *at_once > 0)
            .map(|(queue, at_once)| format!("{queue} ({at_once})"))
            .collect();
        let ready_ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::info!(queues = queues.join(", "), ready_ms, version = env!("CARGO_PKG_VERSION"), "working");
        let signal = stop.await;
        tracing::info!(signal = signal.unwrap_or("none could be waited for"), "stopping");
        for task in tasks.stop(TASKS_PATIENCE + ms(settings.jobs.drain_ms)).await {
            tracing::warn!(task, "a task did not end in time");
        }
        database.close();
        tracing::info!("stopped");
        anyhow::Ok(ExitCode::SUCCESS)
    }
    .await;
    home.close().await?;
    outcome
}
