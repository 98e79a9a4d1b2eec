//! Redis, where there is one. So far only its health is watched.

use std::time::{Duration, Instant};

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use tokio::sync::OnceCell;

/// How long Redis may take to answer.
const PATIENCE: Duration = Duration::from_millis(500);

/// A Redis that may be away.
pub(crate) struct Redis {
    client: redis::Client,
    /// Connected at the first use; reconnects by itself from then on.
    connection: OnceCell<ConnectionManager>,
}

impl Redis {
    /// A Redis at this address; nothing is opened yet.
    pub(crate) fn new(url: &str) -> Result<Self, redis::RedisError> {
        Ok(Self { client: redis::Client::open(url)?, connection: OnceCell::new() })
    }

    /// How long Redis takes to answer; `None` when it does not.
    pub(crate) async fn ping(&self) -> Option<Duration> {
        let start = Instant::now();
        let answer = tokio::time::timeout(PATIENCE, async {
            let config = ConnectionManagerConfig::new()
                .set_number_of_retries(0)
                .set_connection_timeout(Some(PATIENCE))
                .set_response_timeout(Some(PATIENCE));
            let connect = || self.client.get_connection_manager_with_config(config);
            let mut connection = self.connection.get_or_try_init(connect).await?.clone();
            redis::cmd("PING").query_async::<String>(&mut connection).await
        });
        match answer.await {
            Ok(Ok(_pong)) => Some(start.elapsed()),
            Ok(Err(error)) => {
                tracing::debug!(%error, "Redis does not answer");
                None
            }
            Err(_elapsed) => None,
        }
    }
}
