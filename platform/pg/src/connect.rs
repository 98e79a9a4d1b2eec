//! How the pool opens connections: a few at a time, tried again while there is time.
//!
//! A server that many clients connect to at once refuses some (its socket's queue is full) though it is well. Such
//! an attempt is made again after a short pause; the pool's time-out bounds the whole.
//!
//! **Invariant:** at most [`AT_ONCE`] connections of a pool are being opened at any moment.

use std::error::Error as _;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::Connect;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Config, Error, NoTls};

/// Each costs the server a process.
const AT_ONCE: usize = 4;
const PAUSE: Duration = Duration::from_millis(25);

#[derive(Clone, Debug)]
pub(crate) struct FewAtOnce {
    turns: Arc<Semaphore>,
}

impl Default for FewAtOnce {
    fn default() -> Self {
        Self { turns: Arc::new(Semaphore::new(AT_ONCE)) }
    }
}

impl Connect for FewAtOnce {
    fn connect(&self, address: &Config) -> BoxFuture<'_, Result<(Client, JoinHandle<()>), Error>> {
        let address = address.clone();
        async move {
            // It is never closed.
            let _turn = self.turns.acquire().await;
            loop {
                match address.connect(NoTls).await {
                    Ok((client, connection)) => {
                        #[expect(clippy::disallowed_methods, reason = "the pool aborts it with the connection")]
                        let task = tokio::spawn(async move {
                            if let Err(error) = connection.await {
                                tracing::debug!(%error, "a database connection broke");
                            }
                        });
                        return Ok((client, task));
                    }
                    Err(error) if is_overrun(&error) => {
                        #[expect(
                            clippy::disallowed_methods,
                            reason = "nothing tells when the server's queue has room"
                        )]
                        tokio::time::sleep(PAUSE).await;
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        .boxed()
    }
}

/// Whether the server is there and had no room for one more at this moment.
fn is_overrun(error: &Error) -> bool {
    let socket = error.source().and_then(|source| source.downcast_ref::<std::io::Error>());
    socket.is_some_and(|error| error.kind() == ErrorKind::WouldBlock)
        || error.code() == Some(&tokio_postgres::error::SqlState::TOO_MANY_CONNECTIONS)
}
