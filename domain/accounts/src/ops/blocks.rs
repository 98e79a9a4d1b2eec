//! Networks that are kept out: blocked by hand or by the guard, and let in again.
//!
//! **Invariant:** a network that the guard blocks again within a day is blocked for twice as long each
//! time, up to a week.

use entrepot_contracts::{BlockChanged, BlockId, PersonId};
use entrepot_pg::{Error, ScopedFutureExt as _};
use ipnet::IpNet;
use jiff::SignedDuration;
use uuid::Uuid;

use crate::events::block_changed;
use crate::model::Block;
use crate::{Accounts, store};

const REMEMBERED: SignedDuration = SignedDuration::from_hours(24);
const LONGEST: SignedDuration = SignedDuration::from_hours(24 * 7);

/// Blocks a network: for so long, or where nobody says so for as long as it has earned.
pub(crate) async fn block_network(
    accounts: &Accounts,
    network: IpNet,
    reason: &str,
    by: Option<Uuid>,
    length: Option<SignedDuration>,
) -> Result<Block, Error> {
    accounts
        .database
        .transaction(|transaction| {
            async move {
                let now = accounts.clock.now();
                let network = network.trunc().to_string();
                let length = match length {
                    Some(length) => length,
                    None => {
                        let since = now.checked_sub(REMEMBERED).unwrap_or(now);
                        let before = store::blocks_before(transaction, &network, since).await?;
                        let first = SignedDuration::try_from(accounts.guard.block_for()).unwrap_or(LONGEST);
                        let doubled = 1_i32 << before.clamp(0, 20);
                        first.checked_mul(doubled).unwrap_or(LONGEST).min(LONGEST)
                    }
                };
                let block = Block {
                    id: BlockId(accounts.clock.new_id()),
                    network,
                    reason: reason.chars().take(500).collect(),
                    created_by: by.map(PersonId),
                    created_at: now,
                    expires_at: now.checked_add(length).unwrap_or(now),
                    lifted_at: None,
                    lifted_by: None,
                };
                store::block_insert(transaction, &block).await?;
                accounts.feed.append(transaction, block_changed(BlockChanged::ADDED, &block)).await?;
                Ok::<_, Error>(block)
            }
            .scope_boxed()
        })
        .await
}

/// Lets a network in again. `None`: there is no such block in force.
pub(crate) async fn lift_block(accounts: &Accounts, id: Uuid, by: Option<Uuid>) -> Result<Option<Block>, Error> {
    accounts
        .database
        .transaction(|transaction| {
            async move {
                if !store::block_lift(transaction, id, by, accounts.clock.now()).await? {
                    return Ok(None);
                }
                let block = store::block_by_id(transaction.client(), id).await?;
                let block = block.ok_or(Error::Missing("a block that was just lifted"))?;
                accounts.feed.append(transaction, block_changed(BlockChanged::LIFTED, &block)).await?;
                Ok::<_, Error>(Some(block))
            }
            .scope_boxed()
        })
        .await
}
