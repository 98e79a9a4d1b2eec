//! `entrepot migrate`.

use std::process::ExitCode;

use super::quiet_logs;
use crate::database::Home;
use crate::settings::Settings;
use crate::terminal::say;

pub(crate) async fn migrate(settings: &Settings, dry_run: bool) -> anyhow::Result<ExitCode> {
    let _log = quiet_logs(settings)?;
    let home = Home::shared(settings, "migrate").await?;
    let outcome = if dry_run { tell_pending(&home, settings).await } else { apply(&home, settings).await };
    home.close().await?;
    outcome.map(|()| ExitCode::SUCCESS)
}

async fn tell_pending(home: &Home, settings: &Settings) -> anyhow::Result<()> {
    let client = home.connect(settings).await?;
    let pending = entrepot_pg::pending(&client, entrepot_migrations::MIGRATIONS).await?;
    if pending.is_empty() {
        say("the schema is up to date");
    }
    for migration in pending {
        say(format_args!("would apply {:04}_{}", migration.version, migration.name));
    }
    Ok(())
}

async fn apply(home: &Home, settings: &Settings) -> anyhow::Result<()> {
    let applied = home.migrate(settings).await?;
    if applied.is_empty() {
        say("the schema is up to date");
    }
    for migration in applied {
        say(format_args!("applied {:04}_{} in {} ms", migration.version, migration.name, migration.took.as_millis()));
    }
    Ok(())
}
