//! The database of a run, and what is done to it: PostgreSQL killed, connections cut, writes forbidden for a while.
//!
//! **Invariants:**
//! - Only a private database's process is killed, and of any other only this program's connections are cut.
//! - Once writes are allowed again nobody's connections are cut but the checker's own: to be rid of those that stayed
//!   read-only is the work of who is checked.
//! - A run that was killed may leave a private database read-only; [`open_own`] mends that.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use entrepot_pg::{Database, Error, Transaction};
use rustix::process::{Pid, Signal, kill_process};

use crate::database::{Home, open};
use crate::settings::Settings;

/// How the checker's own connections are called, so that it can tell them from those of who is checked.
const OWN_CONNECTIONS: &str = "entrepot-verify";
/// Writes at once that try each connection of a pool: any of them may be the one that stayed read-only.
pub(super) const EACH_CONNECTION: usize = 12;

/// The checker's own pool, on a database that can be written to if it is a private one.
pub(super) async fn open_own(settings: &Settings, home: &Home) -> anyhow::Result<Database> {
    let mut address = home.address.clone();
    address.application_name(OWN_CONNECTIONS);
    if home.cluster.is_some() {
        let before = open(address.clone(), settings)?;
        set_read_only(&before, false).await?;
        // Its connections are still read-only, if it was.
        before.close();
    }
    open(address, settings)
}

/// Where a private database's process is named.
pub(super) fn postmaster(settings: &Settings, home: &Home) -> Option<PathBuf> {
    home.cluster.is_some().then(|| settings.data.folder.join("postgres/postmaster.pid"))
}

/// Whose connections are cut.
#[derive(Clone, Copy, Debug)]
pub(super) enum Whose {
    /// This program's, the checker's too.
    Everybody,
    /// Those that the feed is read by.
    Feed,
    Own,
}

impl Whose {
    fn pattern(self) -> &'static str {
        match self {
            Self::Everybody => "entrepot%",
            Self::Feed => "entrepot-feed",
            Self::Own => OWN_CONNECTIONS,
        }
    }
}

/// The database, as something that is mistreated.
pub(super) struct Mistreated {
    database: Database,
    /// Where the private database's process is named, if it is this program's own.
    postmaster: Option<PathBuf>,
}

impl Mistreated {
    pub(super) fn new(database: Database, postmaster: Option<PathBuf>) -> Self {
        Self { database, postmaster }
    }

    /// Whether it is this program's own, so that nobody else suffers.
    pub(super) fn is_private(&self) -> bool {
        self.postmaster.is_some()
    }

    /// Kills PostgreSQL, and waits until it answers again.
    pub(super) async fn kill(&self, patience: Duration) -> Result<(), Error> {
        let pid = self.postmaster.as_ref().and_then(|path| {
            let text = std::fs::read_to_string(path).ok()?;
            Pid::from_raw(text.lines().next()?.parse().ok()?)
        });
        if let Some(pid) = pid {
            let _gone_already = kill_process(pid, Signal::KILL);
        }
        self.answers(patience).await
    }

    /// Waits until it answers.
    pub(super) async fn answers(&self, patience: Duration) -> Result<(), Error> {
        let start = Instant::now();
        loop {
            breathe().await;
            let asked = async { self.database.client().await?.simple_query("SELECT 1").await.map_err(Error::from) };
            match asked.await {
                Ok(_) => return Ok(()),
                Err(error) if start.elapsed() >= patience => return Err(error),
                Err(_again) => {}
            }
        }
    }

    /// Cuts connections: all but the one that this is done by, or of the checker's own that, too.
    pub(super) async fn cut(&self, whose: Whose) {
        let Ok(client) = self.database.client().await else { return };
        let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                   WHERE datname = current_database() AND backend_type = 'client backend'
                     AND application_name LIKE $1 AND pid <> pg_backend_pid()";
        let _cut_or_not = client.execute(sql, &[&whose.pattern()]).await;
        if matches!(whose, Whose::Own) {
            // Last of all, as nothing is done by it afterwards.
            let _cut = client.execute("SELECT pg_terminate_backend(pg_backend_pid())", &[]).await;
        }
    }

    /// Has nothing written any more, as behind a fail-over to a server that is still a standby: also by connections
    /// that are there already.
    pub(super) async fn forbid_writes(&self) -> Result<(), Error> {
        set_read_only(&self.database, true).await?;
        self.cut(Whose::Everybody).await;
        Ok(())
    }

    /// Lifts that, as soon as the database can be reached. Connections of others that were made meanwhile stay as
    /// they are.
    pub(super) async fn allow_writes(&self, patience: Duration) -> Result<(), Error> {
        let start = Instant::now();
        while let Err(error) = set_read_only(&self.database, false).await {
            if start.elapsed() >= patience {
                return Err(error);
            }
            breathe().await;
        }
        self.cut(Whose::Own).await;
        Ok(())
    }
}

/// Makes the database read-only for connections that are opened from now on, or takes that back.
pub(super) async fn set_read_only(database: &Database, is_on: bool) -> Result<(), Error> {
    let transaction: Transaction = database.begin().await?;
    // The connection itself may be one that cannot write.
    transaction.batch_execute("SET TRANSACTION READ WRITE").await?;
    let setting = if is_on { "SET default_transaction_read_only = on" } else { "RESET default_transaction_read_only" };
    let sql = "SELECT format('ALTER DATABASE %I ', current_database())";
    let alter: String = transaction.query_one(sql, &[]).await?.try_get(0)?;
    transaction.batch_execute(&format!("{alter}{setting}")).await?;
    transaction.commit().await
}

async fn breathe() {
    #[expect(clippy::disallowed_methods, reason = "a database that restarts can only be polled")]
    tokio::time::sleep(Duration::from_millis(100)).await;
}
