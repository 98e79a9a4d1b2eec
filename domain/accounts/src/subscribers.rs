//! What accounts do with events, and what they do by the clock.
//!
//! | who | what |
//! | --- | --- |
//! | the audit log | copies every event that somebody caused, exactly once |
//! | blocks | are read again when one was added or lifted, and once a minute |
//! | what the guard blocked | is written down, so that it holds everywhere and can be lifted |
//! | signing keys | are read again when one was added |
//! | what has ended | is forgotten, a piece at a time |

use std::time::Duration;

use entrepot_contracts::{BlockChanged, SigningKeyRotated};
use entrepot_feed::{Consumer, ConsumerError, Event, Received};
use entrepot_guard::BlockEntry;
use entrepot_pg::{Error, Transaction};
use entrepot_runtime::Tasks;
use futures_util::future::BoxFuture;
use jiff::SignedDuration;
use serde_json::json;

use crate::model::Block;
use crate::{Accounts, ops, store};

const READ_AGAIN_EVERY: Duration = Duration::from_secs(60);
const FORGET_EVERY: Duration = Duration::from_secs(3_600);
/// For how long ended sessions are kept: they tell which networks are the owner's.
const SESSIONS_KEPT: SignedDuration = SignedDuration::from_hours(24 * 90);
/// For how long refresh tokens are kept after their time: a replay is noticed as long.
const TOKENS_KEPT: SignedDuration = SignedDuration::from_hours(24 * 7);

/// Starts all of it.
pub(crate) fn start(accounts: &Accounts, tasks: &Tasks) {
    accounts.feed.consume(tasks, Audit);
    let service = |name: &'static str, run: fn(Accounts) -> BoxFuture<'static, ()>| {
        let accounts = accounts.clone();
        tasks.supervise(name, move || run(accounts.clone()));
    };
    service("blocks", |accounts| Box::pin(follow(accounts)));
    service("raised-blocks", |accounts| Box::pin(write_raised(accounts)));
    service("accounts-upkeep", |accounts| Box::pin(forget(accounts)));
}

/// The audit log as a consumer of the feed: an event and its entry are one commit apart, never lost and
/// never doubled.
struct Audit;

impl Consumer for Audit {
    const NAME: &'static str = "accounts-audit";
    const FROM_THE_BEGINNING: bool = true;

    fn consume<'a>(
        &'a self,
        transaction: &'a Transaction,
        events: &'a [Event],
    ) -> BoxFuture<'a, Result<(), ConsumerError>> {
        Box::pin(async move {
            // What nobody caused is the program's own housekeeping.
            let rows: Vec<_> = events
                .iter()
                .filter_map(|event| {
                    let cause = event.cause.as_ref()?;
                    Some(json!({
                        "id": event.id, "at": event.at, "actor": cause.actor, "role": cause.role, "via": cause.via,
                        "address": cause.address, "action": event.name, "target": event.topic, "data": event.data,
                        "request_id": event.request_id,
                    }))
                })
                .collect();
            if !rows.is_empty() {
                store::audit_insert(transaction, &rows).await?;
            }
            Ok(())
        })
    }

    fn missed<'a>(
        &'a self,
        _transaction: &'a Transaction,
        dropped_to: u64,
    ) -> BoxFuture<'a, Result<(), ConsumerError>> {
        Box::pin(async move {
            // Only after the program stood still for longer than several times the feed's retention.
            tracing::error!(target: "entrepot::security", dropped_to, "events were dropped before the audit log had them");
            Ok(())
        })
    }
}

/// Keeps this process's blocks and keys as the database has them.
async fn follow(accounts: Accounts) {
    let mut events = accounts.feed.subscribe();
    let mut beat = tokio::time::interval(READ_AGAIN_EVERY);
    let (mut blocks, mut keys) = (true, false);
    loop {
        if blocks && let Err(error) = read_blocks(&accounts).await {
            tracing::warn!(%error, "blocks could not be read; those that are known stay in force");
        }
        if keys && let Err(error) = accounts.signer.read().await {
            tracing::warn!(%error, "signing keys could not be read; those that are known stay in force");
        }
        (blocks, keys) = tokio::select! {
            received = events.next() => match received {
                Some(Received::Event(event)) => (
                    matches!(&*event.name, BlockChanged::ADDED | BlockChanged::LIFTED),
                    event.name == SigningKeyRotated::NAME,
                ),
                Some(Received::Gap) => (true, true),
                None => return,
            },
            _ = beat.tick() => (true, true),
        };
    }
}

/// Puts the blocks in force in the place of those that this process knows.
pub(crate) async fn read_blocks(accounts: &Accounts) -> Result<(), Error> {
    let client = accounts.database.client().await?;
    let rows = store::blocks_in_force(&client, accounts.clock.now()).await?;
    let blocks =
        rows.into_iter().filter_map(|(network, until)| Some(BlockEntry { network: network.parse().ok()?, until }));
    accounts.guard.blocks().replace(blocks);
    Ok(())
}

/// Lets a network in again in this process, and forgets its points, so that the next odd request does
/// not block it anew.
pub(crate) async fn let_in(accounts: &Accounts, block: &Block) -> Result<(), Error> {
    if let Ok(network) = block.network.parse::<ipnet::IpNet>() {
        accounts.guard.pardon(network.addr()).await;
    }
    read_blocks(accounts).await
}

/// Writes down what the guard blocked.
async fn write_raised(accounts: Accounts) {
    while let Some(raised) = accounts.guard.raised().await {
        let network = raised.network.net();
        match ops::block_network(&accounts, network, &raised.reason, None, None).await {
            Ok(block) => {
                tracing::info!(target: "entrepot::security", network = block.network, until = %block.expires_at, "the block is written down")
            }
            Err(error) => {
                tracing::error!(target: "entrepot::security", %error, %network, "a block holds in this process alone")
            }
        }
    }
}

async fn forget(accounts: Accounts) {
    let mut beat = tokio::time::interval(FORGET_EVERY);
    loop {
        beat.tick().await;
        let forgotten = async {
            let now = accounts.database.upkeep_time(&accounts.clock).await?;
            let before = |kept: SignedDuration| now.checked_sub(kept).unwrap_or(jiff::Timestamp::MIN);
            let client = accounts.database.client().await?;
            store::forget(&client, before(SESSIONS_KEPT), before(TOKENS_KEPT)).await
        };
        if let Err(error) = forgotten.await {
            tracing::warn!(%error, "ended sessions could not be forgotten; it is tried again in an hour");
        }
    }
}
