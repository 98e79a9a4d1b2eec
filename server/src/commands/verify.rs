//! `entrepot verify`.

use std::path::Path;
use std::process::ExitCode;

use super::quiet_logs;
use crate::database::Home;
use crate::settings::Settings;
use crate::verify::{self, JobsPlan, LivePlan, Plan, verify_cache, verify_jobs, verify_live};

/// Checks that the cache cannot be stale; fails when it was.
pub(crate) async fn verify(settings: &Settings, plan: Plan) -> anyhow::Result<ExitCode> {
    let _log = quiet_logs(settings)?;
    let home = Home::own(settings, "verify").await?;
    let outcome = verify_cache(settings, &home, plan).await;
    home.close().await?;
    Ok(if outcome? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Checks that followers miss nothing, and see nothing that is not theirs, whatever is killed; fails when one did.
pub(crate) async fn verify_live_updates(settings: &Settings, plan: LivePlan) -> anyhow::Result<ExitCode> {
    let _log = quiet_logs(settings)?;
    let home = Home::own(settings, "verify").await?;
    let outcome = verify_live(settings, &home, plan).await;
    home.close().await?;
    Ok(if outcome? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Checks that jobs are done, and once, though workers and the database are killed; fails when one was not.
pub(crate) async fn verify_queue(settings: &Settings, plan: JobsPlan) -> anyhow::Result<ExitCode> {
    let _log = quiet_logs(settings)?;
    let home = Home::own(settings, "verify").await?;
    let outcome = verify_jobs(settings, &home, plan).await;
    home.close().await?;
    Ok(if outcome? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Is a worker of such a check.
pub(crate) async fn verify_worker(
    settings: &Settings,
    outside: &Path,
    without_fence: bool,
    without_rate: bool,
) -> anyhow::Result<ExitCode> {
    let _log = quiet_logs(settings)?;
    verify::verify_worker(settings, outside, without_fence, without_rate).await
}
