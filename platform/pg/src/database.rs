//! The handle that everything else holds: a pool for writes and long reads, a [`Pipeline`] for
//! point reads, and transactions that are run again when PostgreSQL asks for it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use deadpool_postgres::{
    Hook, HookError, Manager, ManagerConfig, Pool, PoolError, QueueMode, RecyclingMethod, Runtime, TimeoutType,
};
use scoped_futures::ScopedBoxFuture;

use crate::connect::FewAtOnce;
use crate::error::asks_for_retry;
use crate::held::Held;
use crate::{Dedicated, Error, Pipeline, Transaction, read_only};

/// A connection borrowed from the pool.
pub type Pooled = deadpool_postgres::Client;

/// How many times a transaction is run at the most.
const ATTEMPTS: u32 = 5;
const FIRST_BACKOFF: Duration = Duration::from_millis(2);

/// How a [`Database`] connects. All durations must be above zero.
#[derive(Clone, Debug)]
pub struct DatabaseSettings {
    /// Where the server is.
    pub address: tokio_postgres::Config,
    /// Connections opened at the start and never closed for being idle.
    pub pool_min: usize,
    /// The most connections of the pool; the pipeline has its own beside it.
    pub pool_max: usize,
    /// How long a connection above `pool_min` may be idle.
    pub idle_timeout: Duration,
    /// How long to wait for a free or a new connection.
    pub connect_timeout: Duration,
    /// `statement_timeout` on the server.
    pub query_timeout: Duration,
    /// Connections of the pipeline.
    pub pipeline_connections: usize,
}

/// Figures of the pool at one moment.
#[derive(Clone, Copy, Debug)]
pub struct PoolStatus {
    /// Open connections.
    pub open: usize,
    /// Of these, how many nobody uses.
    pub idle: usize,
    /// Callers waiting for one.
    pub waiting: usize,
    /// The most there may be.
    pub max: usize,
}

/// What the server answered.
#[derive(Clone, Copy, Debug)]
pub struct Ping {
    /// A round trip.
    pub latency: Duration,
    /// Whether it refuses writes: it is a standby, or was made read-only.
    pub is_read_only: bool,
}

/// A PostgreSQL database. Cheap to clone; all clones share the connections.
#[derive(Clone)]
pub struct Database {
    pool: Pool,
    pipeline: Pipeline,
    /// As the pool connects, with all time-outs.
    address: Arc<tokio_postgres::Config>,
    settings: Arc<DatabaseSettings>,
}

impl std::fmt::Debug for Database {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Database").field("pool", &self.status()).finish_non_exhaustive()
    }
}

impl Database {
    /// A database that connects when it is first used: nothing is opened yet.
    ///
    /// # Errors
    /// When `settings` leave the pool no connection.
    pub fn new(settings: DatabaseSettings) -> Result<Self, deadpool_postgres::BuildError> {
        let mut address = settings.address.clone();
        let timeout_ms = settings.query_timeout.as_millis();
        let options = match address.get_options() {
            Some(given) => format!("{given} -c statement_timeout={timeout_ms}"),
            None => format!("-c statement_timeout={timeout_ms}"),
        };
        address.options(options).connect_timeout(settings.connect_timeout);
        // A server that is gone without a word is noticed by the kernel, also on idle connections.
        address.keepalives_idle(Duration::from_secs(30)).tcp_user_timeout(settings.query_timeout);
        if address.get_application_name().is_none() {
            address.application_name("entrepot");
        }
        let manager = Manager::from_connect(
            address.clone(),
            FewAtOnce::default(),
            // Fast: no round trip at the return. A transaction that was cut short rolls itself
            // back on the wire before anything the next borrower can send.
            ManagerConfig { recycling_method: RecyclingMethod::Fast },
        );
        let pool = Pool::builder(manager)
            .max_size(settings.pool_max)
            .wait_timeout(Some(settings.connect_timeout))
            .create_timeout(Some(settings.connect_timeout))
            // The connection that came back last goes out next: what it needs is still in its session and in
            // the processor's caches, and what is idle stays idle.
            .queue_mode(QueueMode::Lifo)
            .pre_recycle(Hook::sync_fn(|_, metrics| match read_only::is_given_up(metrics.created) {
                true => Err(HookError::message("the server it leads to had become read-only")),
                false => Ok(()),
            }))
            .runtime(Runtime::Tokio1)
            .build()?;
        let kept = Arc::new(address.clone());
        let pipeline =
            Pipeline::new(address, settings.pipeline_connections, settings.connect_timeout, settings.query_timeout);
        Ok(Self { pool, pipeline, address: kept, settings: Arc::new(settings) })
    }

    /// Borrows a connection.
    ///
    /// # Errors
    /// [`Error::NoConnection`] when none is to be had within `connect_timeout`.
    pub async fn client(&self) -> Result<Pooled, Error> {
        let start = Instant::now();
        self.pool.get().await.map_err(|error| match error {
            PoolError::Timeout(TimeoutType::Wait | TimeoutType::Create | TimeoutType::Recycle) => {
                Error::NoConnection { waited: start.elapsed(), source: None }
            }
            other => Error::NoConnection { waited: start.elapsed(), source: Some(other.into()) },
        })
    }

    /// Opens a connection outside the pool, for what listens as long as the program lives. `options`
    /// are settings of the session such as `-c synchronous_commit=off`.
    ///
    /// # Errors
    /// [`Error::NoConnection`] when it cannot be opened in time.
    pub async fn dedicated(&self, application_name: &str, options: &str) -> Result<Dedicated, Error> {
        let start = Instant::now();
        let mut address = (*self.address).clone();
        let given = address.get_options().unwrap_or_default().to_owned();
        address.application_name(application_name).options(format!("{given} {options}"));
        match tokio::time::timeout(self.settings.connect_timeout, Dedicated::connect(&address)).await {
            Ok(Ok(dedicated)) => Ok(dedicated),
            Ok(Err(error)) => Err(Error::NoConnection { waited: start.elapsed(), source: Some(error.into()) }),
            Err(_elapsed) => Err(Error::NoConnection { waited: start.elapsed(), source: None }),
        }
    }

    /// The connections for point reads, shared by all callers.
    #[must_use]
    pub fn pipeline(&self) -> &Pipeline {
        &self.pipeline
    }

    /// Runs `work` in a transaction and commits it if `work` returned `Ok`.
    ///
    /// After a serialization failure or a deadlock, in `work` or at the commit, the whole of it is
    /// run again, up to five times in all with a growing, jittered pause: so `work` may have no
    /// effect outside the database. Within [`crate::holding`] it is kept open instead of committed.
    ///
    /// # Errors
    /// What `work` returned, or the failure to connect, begin or commit.
    ///
    /// ```ignore
    /// database.transaction(|transaction| async move { … }.scope_boxed()).await
    /// ```
    pub async fn transaction<'a, T, E, F>(&self, mut work: F) -> Result<T, E>
    where
        F: for<'t> FnMut(&'t Transaction) -> ScopedBoxFuture<'a, 't, Result<T, E>> + Send + 'a,
        T: Send + 'a,
        E: From<Error> + std::error::Error + Send + 'static,
    {
        let mut attempt = 1;
        loop {
            match self.attempt(&mut work).await {
                Err(error) if attempt < ATTEMPTS && asks_for_retry(&error) => {
                    tracing::debug!(attempt, "a transaction met another; running it again");
                    pause(attempt).await;
                    attempt += 1;
                }
                outcome => return outcome,
            }
        }
    }

    async fn attempt<'a, T, E, F>(&self, work: &mut F) -> Result<T, E>
    where
        F: for<'t> FnMut(&'t Transaction) -> ScopedBoxFuture<'a, 't, Result<T, E>> + Send + 'a,
        T: Send + 'a,
        E: From<Error> + Send + 'static,
    {
        if let Some(held) = Held::current() {
            return held.attempt(self, work).await;
        }
        let transaction = self.begin().await?;
        match work(&transaction).await {
            Ok(value) => transaction.commit().await.map(|()| value).map_err(E::from),
            Err(error) => {
                transaction.roll_back().await;
                Err(error)
            }
        }
    }

    /// Opens a transaction that is not run again. Prefer [`Database::transaction`].
    ///
    /// # Errors
    /// When there is no connection, or it breaks.
    pub async fn begin(&self) -> Result<Transaction, Error> {
        Transaction::begin(self.client().await?).await
    }

    /// Asks the server for an answer: how long that took, and whether it takes writes.
    ///
    /// # Errors
    /// When there is none.
    pub async fn ping(&self) -> Result<Ping, Error> {
        let client = self.pipeline.client().await?;
        let statement = client.prepare_cached("SELECT current_setting('transaction_read_only')").await?;
        let start = Instant::now();
        let row = self.pipeline.bounded(client.query_one(&statement, &[])).await?;
        let is_read_only = row.try_get::<_, &str>(0)? == "on";
        if is_read_only {
            // Its session may be older than the database's being writable again.
            read_only::give_up();
        }
        Ok(Ping { latency: start.elapsed(), is_read_only })
    }

    /// The pool's figures.
    #[must_use]
    pub fn status(&self) -> PoolStatus {
        let status = self.pool.status();
        PoolStatus { open: status.size, idle: status.available, waiting: status.waiting, max: status.max_size }
    }

    /// Opens `pool_min` connections, so that the first requests do not wait for them.
    ///
    /// # Errors
    /// When one cannot be opened.
    pub async fn warm_up(&self) -> Result<(), Error> {
        let wanted = self.settings.pool_min.min(self.settings.pool_max);
        let opened = futures_util::future::try_join_all((0..wanted).map(|_| self.client())).await?;
        drop(opened);
        self.pipeline.client().await?;
        Ok(())
    }

    /// Closes the connections above `pool_min` that have been idle for too long.
    pub fn close_idle(&self) {
        let mut may_close = self.pool.status().size.saturating_sub(self.settings.pool_min);
        let idle_timeout = self.settings.idle_timeout;
        self.pool.retain(|_, metrics| {
            let keep = may_close == 0 || metrics.last_used() < idle_timeout;
            may_close -= usize::from(!keep);
            keep
        });
    }

    /// How long a connection may be idle: how often [`Database::close_idle`] is worth calling.
    #[must_use]
    pub fn idle_timeout(&self) -> Duration {
        self.settings.idle_timeout
    }

    /// Closes the pool: whoever asks from now on gets an error.
    pub fn close(&self) {
        self.pool.close();
    }
}

/// 2, 4, 8, 16 ms, each shortened by up to half so that two that met do not meet again.
async fn pause(attempt: u32) {
    let longest = FIRST_BACKOFF * 2_u32.pow(attempt - 1);
    let noise = uuid::Uuid::new_v4().as_u128() % 512;
    let rest = longest.mul_f64(1.0 - f64::from(u32::try_from(noise).unwrap_or(0)) / 1024.0);
    #[expect(clippy::disallowed_methods, reason = "the pause between two attempts, of at most 16 ms")]
    tokio::time::sleep(rest).await;
}
