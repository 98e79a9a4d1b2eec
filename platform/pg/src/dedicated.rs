//! A connection of one's own, outside the pool: for what lives as long as the program and listens.
//!
//! **Invariant:** the connection ends with the value.

use futures_util::{StreamExt as _, stream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_postgres::{AsyncMessage, Client, NoTls};

/// Notifications that may wait; those beyond it are dropped, as one says as much as a hundred.
const MOST_WAITING: usize = 64;

/// A connection that nobody else uses.
#[derive(Debug)]
pub struct Dedicated {
    client: Client,
    notifications: mpsc::Receiver<String>,
    driver: JoinHandle<()>,
}

impl Dedicated {
    pub(crate) async fn connect(address: &tokio_postgres::Config) -> Result<Self, tokio_postgres::Error> {
        let (client, mut connection) = address.connect(NoTls).await?;
        let (sender, notifications) = mpsc::channel(MOST_WAITING);
        #[expect(clippy::disallowed_methods, reason = "the value keeps the handle and aborts it when it is dropped")]
        let driver = tokio::spawn(async move {
            let mut messages = stream::poll_fn(move |context| connection.poll_message(context));
            while let Some(message) = messages.next().await {
                match message {
                    Ok(AsyncMessage::Notification(notification)) => {
                        let _full = sender.try_send(notification.payload().to_owned());
                    }
                    Ok(_) => {}
                    Err(error) => {
                        tracing::debug!(%error, "a dedicated database connection broke");
                        return;
                    }
                }
            }
        });
        Ok(Self { client, notifications, driver })
    }

    /// The connection.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Waits for a notification and returns its payload; `None` when the connection has ended.
    pub async fn notification(&mut self) -> Option<String> {
        self.notifications.recv().await
    }

    /// A notification that has come already.
    pub fn waiting_notification(&mut self) -> Option<String> {
        self.notifications.try_recv().ok()
    }
}

impl Drop for Dedicated {
    fn drop(&mut self) {
        self.driver.abort();
    }
}
