//! `entrepot psql`.

use std::process::ExitCode;

use anyhow::Context as _;
use entrepot_pg::cluster::Binaries;
use entrepot_pg::tokio_postgres::config::Host;
use tokio::process::Command;

use super::quiet_logs;
use crate::database::Home;
use crate::settings::Settings;

/// Opens a shell on the database, and ends with its exit code.
pub(crate) async fn psql(settings: &Settings, arguments: &[String]) -> anyhow::Result<ExitCode> {
    let _log = quiet_logs(settings)?;
    let home = Home::shared(settings, "psql").await?;
    let program = match &home.cluster {
        Some(cluster) => cluster.binaries().program("psql"),
        None => Binaries::find_all().map_or_else(|_| "psql".into(), |found| found[0].program("psql")),
    };
    let mut command = Command::new(&program);
    if settings.database.url.is_empty() {
        if let [Host::Unix(folder), ..] = home.address.get_hosts() {
            command.arg("--host").arg(folder);
        }
        command.args(["--username", home.address.get_user().unwrap_or_default()]);
        command.args(["--dbname", home.address.get_dbname().unwrap_or_default()]);
    } else {
        command.arg(&settings.database.url);
    }
    // Ctrl-C belongs to the shell: it cancels a statement there, and must not end us before it.
    let _interrupts = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt())?;
    let status = command.args(arguments).status().await.with_context(|| format!("cannot run {}", program.display()))?;
    home.close().await?;
    Ok(ExitCode::from(u8::try_from(status.code().unwrap_or(1)).unwrap_or(1)))
}
