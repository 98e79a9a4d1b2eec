//! The database that a command works on: the one that `DATABASE_URL` names, or the private one,
//! started here or already run by another process.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use entrepot_pg::cluster::{self, Cluster, ClusterError, ClusterSettings};
use entrepot_pg::tokio_postgres::{self, Client, NoTls};
use entrepot_pg::{Database, DatabaseSettings};
use entrepot_runtime::{Clock, ClockReference};

use crate::production::feed_for_a_command;
use crate::settings::{Settings, ms};
use crate::terminal::tell;

/// How long another process may take to start the private database.
const OTHERS_START: Duration = Duration::from_secs(60);

/// Where the database is, and what keeps it there.
pub(crate) struct Home {
    pub(crate) address: tokio_postgres::Config,
    /// The private cluster, where this process runs it.
    pub(crate) cluster: Option<Cluster>,
}

impl Home {
    /// Finds the database for a command that may share it with a running server.
    pub(crate) async fn shared(settings: &Settings, purpose: &str) -> anyhow::Result<Self> {
        match Self::own(settings, purpose).await {
            Err(error) => match error.downcast_ref::<ClusterError>() {
                Some(ClusterError::Held { holder, .. }) => {
                    tracing::debug!(%holder, "the private database is run by another process; using it");
                    let folder = settings.data.folder.clone();
                    let ready = blocking(move || cluster::wait_until_ready(&folder, OTHERS_START)).await?;
                    if !ready {
                        bail!("{error}, and its PostgreSQL does not become ready");
                    }
                    Ok(Self { address: cluster::address(&settings.data.folder)?, cluster: None })
                }
                _ => Err(error),
            },
            home => home,
        }
    }

    /// Finds the database for a command that must run it itself, if it is a private one.
    pub(crate) async fn own(settings: &Settings, purpose: &str) -> anyhow::Result<Self> {
        let url = &settings.database.url;
        if !url.is_empty() {
            let address = address_of(url)?;
            return Ok(Self { address, cluster: None });
        }
        let connections = settings.database.pool_max + settings.database.pipeline_connections + 20;
        let cluster_settings = ClusterSettings {
            folder: settings.data.folder.clone(),
            purpose: format!("entrepot {purpose}"),
            max_connections: u16::try_from(connections.max(100)).unwrap_or(u16::MAX),
            shared_buffers_mib: settings.database.private_shared_buffers_mib,
        };
        let is_new = !cluster_settings.folder.join("postgres").exists();
        if is_new {
            tell(format_args!("making a private PostgreSQL in {}", cluster_settings.folder.display()));
        }
        let cluster = blocking(move || Cluster::start(&cluster_settings)).await?;
        Ok(Self { address: cluster.address(), cluster: Some(cluster) })
    }

    /// One connection, waited for as the settings say while the server does not answer yet.
    pub(crate) async fn connect(&self, settings: &Settings) -> anyhow::Result<Client> {
        let start = Instant::now();
        let mut address = self.address.clone();
        address.connect_timeout(ms(settings.database.connection_timeout_ms)).application_name("entrepot");
        loop {
            match address.connect(NoTls).await {
                Ok((client, connection)) => {
                    #[expect(clippy::disallowed_methods, reason = "the connection ends with its client")]
                    tokio::spawn(async move {
                        if let Err(error) = connection.await {
                            tracing::debug!(%error, "a connection ended badly");
                        }
                    });
                    return Ok(client);
                }
                // What the server answered will not change by waiting, but for "starting up".
                Err(error) if error.code().is_some_and(|code| !code.code().starts_with("57P")) => {
                    return Err(error).context("the database refuses the connection");
                }
                Err(error) if start.elapsed() >= ms(settings.database.start_timeout_ms) => {
                    return Err(error).context("the database does not answer");
                }
                Err(error) => {
                    tracing::warn!(%error, "the database does not answer yet");
                    #[expect(clippy::disallowed_methods, reason = "another program's port can only be polled")]
                    tokio::time::sleep(Duration::from_millis(500)).await;
                }
            }
        }
    }

    /// Brings the schema up to date.
    pub(crate) async fn migrate(&self, settings: &Settings) -> anyhow::Result<Vec<entrepot_pg::Applied>> {
        let mut client = self.connect(settings).await?;
        let applied = entrepot_pg::migrate(&mut client, entrepot_migrations::MIGRATIONS).await?;
        // The feed's days are made before anybody appends to one.
        let database = self.database(settings)?;
        if let Err(error) = feed_for_a_command(settings, &database).keep_up(&Clock::system()).await {
            tracing::warn!(%error, "the feed's upkeep could not be done; it is tried again later");
        }
        database.close();
        Ok(applied)
    }

    /// The pool.
    pub(crate) fn database(&self, settings: &Settings) -> anyhow::Result<Database> {
        open(self.address.clone(), settings)
    }

    /// The database's time, as a clock; and what keeps it so where a process lives for long.
    pub(crate) async fn clock(
        &self,
        settings: &Settings,
        database: &Database,
    ) -> anyhow::Result<(Clock, ClockReference)> {
        let fault = jiff::SignedDuration::from_secs(settings.clock.offset_s);
        let (clock, reference) = Clock::following(ms(settings.clock.tolerance_ms), fault);
        database.synchronize(&reference).await.context("the database does not tell its time")?;
        Ok((clock, reference))
    }

    /// Ends the private cluster, where this process runs it.
    pub(crate) async fn close(self) -> anyhow::Result<()> {
        if let Some(cluster) = self.cluster {
            blocking(move || {
                cluster.stop();
                Ok::<_, ClusterError>(())
            })
            .await?;
        }
        Ok(())
    }
}

/// The address of a database.
fn address_of(url: &str) -> anyhow::Result<tokio_postgres::Config> {
    let address: tokio_postgres::Config = url.parse().context("DATABASE_URL is not an address of PostgreSQL")?;
    if address.get_ssl_mode() == tokio_postgres::config::SslMode::Require {
        bail!(
            "DATABASE_URL demands TLS (sslmode=require), which this program does not speak to its database: \
             leave it out where the way to the database is private, or put a tunnel or PgBouncer with TLS in between"
        );
    }
    Ok(address)
}

/// A pool as the settings want it.
pub(crate) fn open(address: tokio_postgres::Config, settings: &Settings) -> anyhow::Result<Database> {
    let database = &settings.database;
    Ok(Database::new(DatabaseSettings {
        address,
        pool_min: database.pool_min,
        pool_max: database.pool_max,
        idle_timeout: ms(database.idle_timeout_ms),
        connect_timeout: ms(database.connection_timeout_ms),
        query_timeout: ms(database.query_timeout_ms),
        pipeline_connections: database.pipeline_connections,
    })?)
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ClusterError> + Send + 'static,
) -> anyhow::Result<T> {
    Ok(tokio::task::spawn_blocking(work).await??)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_that_is_to_be_spoken_to_by_tls_is_refused_at_once() {
        assert!(address_of("postgresql://a@h/d?sslmode=prefer").is_ok());
        let error = address_of("postgresql://a@h/d?sslmode=require").expect_err("it is not spoken");
        assert!(error.to_string().contains("sslmode=require"), "{error}");
        assert!(address_of("nonsense://").is_err());
    }
}
