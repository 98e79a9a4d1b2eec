//! `entrepot admin`.

use std::process::ExitCode;

use anyhow::Context as _;
use entrepot_accounts::{FirstAdmin, make_admin};
use entrepot_runtime::{Shutdown, Tasks};

use super::{as_command, quiet_logs};
use crate::database::Home;
use crate::production::accounts_for_a_command;
use crate::settings::Settings;
use crate::terminal::{say, tell};

/// Makes an admin, or gives an account that there is that role and a new password, and prints it.
pub(crate) async fn admin(settings: &Settings, email: Option<String>) -> anyhow::Result<ExitCode> {
    let _log = quiet_logs(settings)?;
    let home = Home::shared(settings, "admin").await?;
    home.migrate(settings).await?;
    let database = home.database(settings)?;
    let tasks = Tasks::new(Shutdown::new());
    let (clock, _reference) = home.clock(settings, &database).await?;
    let accounts = accounts_for_a_command(settings, &database, &clock, &tasks)?;
    let first = FirstAdmin { email: email.unwrap_or_default(), password: String::new(), may_make_password: true };
    let made = as_command(make_admin(&accounts, &first)).await.context("no admin was made")?;
    tell("an admin's account, told this once:");
    say(format_args!("e-mail     {}", made.email));
    if let Some(password) = &made.made_password {
        say(format_args!("password   {}", password.reveal()));
    }
    tasks.stop(std::time::Duration::from_secs(1)).await;
    database.close();
    home.close().await?;
    Ok(ExitCode::SUCCESS)
}
