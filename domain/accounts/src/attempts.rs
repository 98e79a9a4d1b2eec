//! Attempts to sign in: how many an account bears, and from where.
//!
//! Three things are counted, all with the limiter of the guard (so in Redis where there is one):
//! attempts by network (the door does that: the `auth` limit), failures of one account from one network,
//! and failures of one account from networks where its owner has never signed in. Who goes on when told
//! to wait, waits twice as long each time.
//!
//! **Invariants:**
//! - An account that does not exist is counted like one that does: the answers are the same.
//! - Nobody can lock the owner out: failures elsewhere do not count where the owner has signed in before.
//! - A sign-in that succeeds takes nothing from what its network may do.

use std::net::IpAddr;
use std::time::Duration;

use entrepot_guard::{Guard, Network, Quota, Subject, Tier, Verdict};

/// Failures of one account from one network.
const PAIR: Quota = Quota { name: "sign-in-here", limit: 5, window: Duration::from_secs(900) };
/// Failures of one account from networks that it does not know.
const STRANGERS: Quota = Quota { name: "sign-in-strangers", limit: 30, window: Duration::from_secs(3_600) };
/// Failures from networks that it does not know, before the owner hears of it.
const NOTICED_AFTER: u32 = 10;
/// Notices to the owner of an account that is under attack.
const NOTICES: Quota = Quota { name: "sign-in-notices", limit: 1, window: Duration::from_secs(86_400) };

/// One attempt.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    address: Option<IpAddr>,
    pair: Subject,
    account: Subject,
}

/// Why an attempt is not made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wait(pub(crate) Verdict);

impl Attempt {
    pub(crate) fn new(email: &str, address: Option<IpAddr>) -> Self {
        let email = email.to_ascii_lowercase();
        let network = address.map(|address| Network::of(address).to_string()).unwrap_or_default();
        Self { address, pair: Subject::text(&format!("{email} {network}")), account: Subject::text(&email) }
    }

    /// Whether it may be made, as far as this account from this network goes.
    pub(crate) async fn begin(&self, guard: &Guard) -> Result<(), Wait> {
        if !guard.counts() {
            return Ok(());
        }
        // Taken now and given back by a success, so that many at once are counted as what they are.
        let verdict = guard.limiter().check(&PAIR, &self.pair, 1).await;
        if verdict.allowed { Ok(()) } else { Err(Wait(verdict)) }
    }

    /// Whether it may be made from a network where the owner has never signed in.
    pub(crate) async fn begin_as_stranger(&self, guard: &Guard) -> Result<(), Wait> {
        if !guard.counts() {
            return Ok(());
        }
        let verdict = guard.limiter().check(&STRANGERS, &self.account, 1).await;
        if verdict.allowed { Ok(()) } else { Err(Wait(verdict)) }
    }

    /// It succeeded, and was not counted at the door.
    pub(crate) async fn succeeded_inside(&self, guard: &Guard) {
        if guard.counts() {
            guard.limiter().give_back(&PAIR, &self.pair, 1).await;
        }
    }

    /// It succeeded: nothing of it counts.
    pub(crate) async fn succeeded(&self, guard: &Guard, as_stranger: bool) {
        if !guard.counts() {
            return;
        }
        guard.limiter().give_back(&PAIR, &self.pair, 1).await;
        if as_stranger {
            guard.limiter().give_back(&STRANGERS, &self.account, 1).await;
        }
        if let Some(address) = self.address {
            guard.limiter().give_back(guard.quota(Tier::SignIn), &Subject::address(address), 1).await;
        }
    }

    /// Whether strangers have failed often enough for the owner to hear of it.
    pub(crate) async fn has_failed_often(&self, guard: &Guard) -> bool {
        let verdict = guard.limiter().peek(&STRANGERS, &self.account).await;
        verdict.remaining + NOTICED_AFTER <= verdict.limit
    }

    /// Whether the owner is to be told that somebody keeps trying: once a day.
    pub(crate) async fn is_worth_a_notice(&self, guard: &Guard) -> bool {
        guard.limiter().check(&NOTICES, &self.account, 1).await.allowed
    }
}
