//! Point reads over a few connections that all callers share.
//!
//! PostgreSQL's protocol lets a client send a statement before the last one was answered. A point
//! read needs no transaction and holds nothing, so hundreds of callers can share two connections:
//! no pool to wait at, one system call carries many statements, and the server always has the
//! next one at hand. Measured through HTTP on two cores this gave 10 to 25 % over a pool.
//!
//! Statements here are planned once, without their values (`force_generic_plan`): that is right for a
//! look-up by key or a walk along an index, saves more than the reading itself costs, and is wrong for
//! anything whose best plan depends on its values.
//!
//! **Invariants:**
//! - Only statements that need no transaction and change no session state are sent here: what one
//!   caller would set, all would have.
//! - A connection that is closed, or that left a caller without an answer for too long, is
//!   replaced at the next use; so is one to a server that has become read-only.

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use deadpool_postgres::ClientWrapper;
use tokio_postgres::NoTls;

use crate::{Error, read_only};

/// The client's own bound lies this much behind the server's `statement_timeout`, so that a server
/// that lives gets to say why.
const GRACE: Duration = Duration::from_secs(2);

/// A few shared connections.
#[derive(Clone)]
pub struct Pipeline {
    shared: Arc<Shared>,
}

struct Shared {
    address: tokio_postgres::Config,
    connect_timeout: Duration,
    answer_timeout: Duration,
    slots: Vec<Slot>,
    next: AtomicUsize,
}

#[derive(Default)]
struct Slot {
    /// And when it was made.
    client: Mutex<Option<(Arc<ClientWrapper>, Instant)>>,
    /// Held while one caller connects, so that the others wait for it instead of connecting too.
    connecting: tokio::sync::Mutex<()>,
}

impl Pipeline {
    pub(crate) fn new(
        mut address: tokio_postgres::Config,
        connections: usize,
        connect_timeout: Duration,
        query_timeout: Duration,
    ) -> Self {
        let options = address.get_options().unwrap_or_default().to_owned();
        address.options(format!("{options} -c plan_cache_mode=force_generic_plan"));
        let slots = (0..connections.max(1)).map(|_| Slot::default()).collect();
        Self {
            shared: Arc::new(Shared {
                address,
                connect_timeout,
                answer_timeout: query_timeout + GRACE,
                slots,
                next: AtomicUsize::new(0),
            }),
        }
    }

    /// One of the connections, in turn. Prepare statements with its `prepare_cached`.
    ///
    /// # Errors
    /// [`Error::NoConnection`] when it is closed and cannot be opened again in time.
    pub async fn client(&self) -> Result<Arc<ClientWrapper>, Error> {
        let shared = &self.shared;
        let slot = &shared.slots[shared.next.fetch_add(1, Ordering::Relaxed) % shared.slots.len()];
        if let Some(client) = slot.open_client() {
            return Ok(client);
        }
        let start = Instant::now();
        let no_connection = |source| Error::NoConnection { waited: start.elapsed(), source };
        let attempt = async {
            let _turn = slot.connecting.lock().await;
            if let Some(client) = slot.open_client() {
                return Ok(client);
            }
            let made = Instant::now();
            let (client, connection) = shared.address.connect(NoTls).await?;
            #[expect(
                clippy::disallowed_methods,
                reason = "the wrapper keeps the handle and aborts it when it is dropped"
            )]
            let task = tokio::spawn(async move {
                if let Err(error) = connection.await {
                    tracing::warn!(%error, "a pipelined database connection broke");
                }
            });
            let client = Arc::new(ClientWrapper::new(client, task));
            *slot.client.lock().unwrap_or_else(PoisonError::into_inner) = Some((client.clone(), made));
            Ok::<_, tokio_postgres::Error>(client)
        };
        match tokio::time::timeout(shared.connect_timeout, attempt).await {
            Ok(Ok(client)) => Ok(client),
            Ok(Err(error)) => Err(no_connection(Some(error.into()))),
            Err(_elapsed) => Err(no_connection(None)),
        }
    }

    /// Awaits the answer to a statement sent over one of the connections, for a bounded time. When
    /// the bound is reached all connections are given up: the server may be gone without a word.
    ///
    /// # Errors
    /// What the statement failed with, or [`Error::NoAnswer`].
    pub async fn bounded<T>(&self, answer: impl Future<Output = Result<T, tokio_postgres::Error>>) -> Result<T, Error> {
        match tokio::time::timeout(self.shared.answer_timeout, answer).await {
            Ok(answer) => Ok(answer?),
            Err(_elapsed) => {
                for slot in &self.shared.slots {
                    slot.client.lock().unwrap_or_else(PoisonError::into_inner).take();
                }
                Err(Error::NoAnswer { waited: self.shared.answer_timeout })
            }
        }
    }
}

impl Slot {
    fn open_client(&self) -> Option<Arc<ClientWrapper>> {
        let client = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        let (client, made) = client.as_ref()?;
        (!client.is_closed() && !read_only::is_given_up(*made)).then(|| client.clone())
    }
}
