//! Durable consumers: every event has its effect exactly once, whoever crashes when.
//!
//! **Invariants:**
//! - A consumer's position moves in the same transaction as the effect of what it passes.
//! - It moves up to the watermark at the most, so no event can come below it later.
//! - Of several processes one has the turn; the others wait for nothing and try again later.

use std::error::Error as StdError;
use std::time::Duration;

use entrepot_pg::{Error, ScopedFutureExt as _, Transaction};
use entrepot_runtime::Tasks;
use futures_util::future::BoxFuture;

use crate::event::Event;
use crate::store::Turn;
use crate::{Feed, store};

/// Events of one turn at the most.
const AT_MOST: i64 = 500;
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What a consumer failed with; it is given the same events again.
pub type ConsumerError = Box<dyn StdError + Send + Sync>;

/// What a consumer does with events, in a transaction that is not its own to end.
pub trait Consumer: Send + Sync + 'static {
    /// Its name, under which its position is kept. Two that differ must not share one.
    const NAME: &'static str;

    /// Where a consumer begins whose name is new: at the present, or with the oldest event that is
    /// kept.
    const FROM_THE_BEGINNING: bool = false;

    /// Has the events take effect, in the order of their positions. May be run again with the same
    /// events if it fails or the transaction does, so it must have no effect outside of it.
    fn consume<'a>(
        &'a self,
        transaction: &'a Transaction,
        events: &'a [Event],
    ) -> BoxFuture<'a, Result<(), ConsumerError>>;

    /// Events below this position were dropped before this consumer saw them, having been older than
    /// several times the retention. What it keeps must be made anew.
    fn missed<'a>(&'a self, transaction: &'a Transaction, dropped_to: u64) -> BoxFuture<'a, Result<(), ConsumerError>>;
}

/// Why a turn had no effect.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TurnError {
    #[error(transparent)]
    Database(#[from] Error),
    #[error("the consumer failed")]
    Consumer(#[source] ConsumerError),
}

impl Feed {
    /// Runs a consumer for the life of the program.
    pub fn consume<C: Consumer>(&self, tasks: &Tasks, consumer: C) {
        let consumer = std::sync::Arc::new(consumer);
        tasks.supervise(format!("consumer-{}", C::NAME), {
            let feed = self.clone();
            move || {
                let (feed, consumer) = (feed.clone(), consumer.clone());
                async move { feed.consume_for_ever(&*consumer).await }
            }
        });
    }

    async fn consume_for_ever<C: Consumer>(&self, consumer: &C) {
        let mut settled = self.shared.settled.subscribe();
        let mut pause = self.shared.settings.poll;
        loop {
            match self.consume_to_the_end(consumer).await {
                Ok(()) => pause = self.shared.settings.poll,
                Err(error) => {
                    let cause = StdError::source(&error).map(ToString::to_string);
                    tracing::error!(consumer = C::NAME, %error, cause, "a consumer failed; it is run again");
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    #[expect(
                        clippy::disallowed_methods,
                        reason = "the pause after a failure, which no event cuts short"
                    )]
                    tokio::time::sleep(pause).await;
                    continue;
                }
            }
            let _next_turn = tokio::time::timeout(pause, settled.changed()).await;
        }
    }

    /// Takes turns until everything up to the watermark is consumed, or another process has the turn.
    pub(crate) async fn consume_to_the_end<C: Consumer>(&self, consumer: &C) -> Result<(), TurnError> {
        loop {
            let watermark = *self.shared.settled.borrow();
            if watermark == 0 {
                return Ok(());
            }
            let client = self.shared.database.client().await?;
            let position = store::position_of(&client, C::NAME).await?;
            drop(client);
            let has_news = position.is_none_or(|position| position < watermark);
            if !has_news || !self.take_turn(consumer, watermark, position.is_none()).await? {
                return Ok(());
            }
        }
    }

    /// One turn; `false` when there was nothing to do.
    async fn take_turn<C: Consumer>(&self, consumer: &C, watermark: u64, is_first: bool) -> Result<bool, TurnError> {
        let begin_at = if C::FROM_THE_BEGINNING { 0 } else { watermark };
        self.shared
            .database
            .transaction(|transaction| {
                async move {
                    if is_first {
                        store::begin_consumer(transaction, C::NAME, begin_at).await?;
                    }
                    let Some(Turn { position, given, dropped_to }) = store::take_turn(transaction, C::NAME).await?
                    else {
                        return Ok(false);
                    };
                    if given < watermark {
                        // The database went back behind what the tail knows, and the tail will notice.
                        return Ok(false);
                    }
                    let position = if position < dropped_to && !(C::FROM_THE_BEGINNING && position == 0) {
                        consumer.missed(transaction, dropped_to).await.map_err(TurnError::Consumer)?;
                        dropped_to
                    } else {
                        position
                    };
                    let events = store::events_between(transaction, position, watermark, AT_MOST).await?;
                    let whole = i64::try_from(events.len()).unwrap_or(i64::MAX) < AT_MOST;
                    let reached = match events.last() {
                        Some(last) if !whole => last.id,
                        _ => watermark.max(position),
                    };
                    if !events.is_empty() {
                        consumer.consume(transaction, &events).await.map_err(TurnError::Consumer)?;
                    }
                    store::move_on(transaction, C::NAME, reached).await?;
                    Ok(reached > position)
                }
                .scope_boxed()
            })
            .await
    }
}
