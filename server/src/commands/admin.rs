//! `entrepot admin`.

use std::process::ExitCode;

use anyhow::Context as _;
use entrepot_accounts::{FirstAdmin, make_admin};
use entrepot_pg::Database;
use entrepot_runtime::{Shutdown, Tasks};

use super::{as_command, quiet_logs};
use crate::database::Home;
use crate::production::accounts_for_a_command;
use crate::settings::Settings;
use crate::terminal::{ask, can_ask, say, tell};

/// Who it is about where no address is given.
const UNNAMED: &str = "admin@localhost";

/// Makes an admin, or gives an account that there is that role and a new password, and prints it. Without an address it
/// may end the sessions of somebody who nobody thought of, so that is asked first; and where nobody can be asked, refused.
pub(crate) async fn admin(settings: &Settings, email: Option<String>) -> anyhow::Result<ExitCode> {
    anyhow::ensure!(
        email.is_some() || can_ask(),
        "name the e-mail address, as nobody can be asked here: entrepot admin you@shop.example"
    );
    let _log = quiet_logs(settings)?;
    let home = Home::shared(settings, "admin").await?;
    home.migrate(settings).await?;
    let database = home.database(settings)?;
    let tasks = Tasks::new(Shutdown::new());
    let (clock, _reference) = home.clock(settings, &database).await?;
    let accounts = accounts_for_a_command(settings, &database, &clock, &tasks)?;
    let is_asked = email.is_none() && accounts.have_admin().await?;
    if is_asked
        && !ask(format_args!(
            "There is an admin already. Give {UNNAMED} the role admin and a new password, and end its sessions?"
        ))
    {
        tell("nothing was changed; `entrepot admin you@shop.example` makes another admin");
        return close(home, &database, tasks, ExitCode::FAILURE).await;
    }
    let first = FirstAdmin {
        email: email.unwrap_or_else(|| UNNAMED.to_owned()),
        password: String::new(),
        may_make_password: true,
    };
    let made = as_command(make_admin(&accounts, &first)).await.context("no admin was made")?;
    tell("an admin's account; the password is shown only once:");
    say(format_args!("e-mail     {}", made.email));
    if let Some(password) = &made.made_password {
        say(format_args!("password   {}", password.reveal()));
    }
    close(home, &database, tasks, ExitCode::SUCCESS).await
}

async fn close(home: Home, database: &Database, tasks: Tasks, code: ExitCode) -> anyhow::Result<ExitCode> {
    tasks.stop(std::time::Duration::from_secs(1)).await;
    database.close();
    home.close().await?;
    Ok(code)
}
