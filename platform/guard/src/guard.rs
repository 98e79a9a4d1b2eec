//! The guard as a server's edge asks it: who is kept out, who has had enough, who behaves oddly.
//!
//! **Invariants:**
//! - A network that is blocked here is blocked at once; whether it is blocked elsewhere and for longer
//!   is the business of whoever takes [`Guard::raised`].
//! - A block that nobody writes down ends in this process all the same.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use entrepot_runtime::{Clock, Tasks};
use http::HeaderMap;
use jiff::SignedDuration;
use serde::Serialize;
use tokio::sync::{Mutex, mpsc};

use crate::limits::LimitFigures;
use crate::suspicion::{self, Suspicion};
use crate::{
    BlockEntry, Blocks, Limiter, Network, Pressure, PressureFigures, Proxies, Quota, Subject, Unreadable, Verdict,
};

/// Blocks that wait to be written down.
const RAISED_WAITING: usize = 1_024;
const SWEEP_EVERY: Duration = Duration::from_secs(30);

/// Which limit counts for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    /// Of an address, for those who have not signed in.
    General,
    /// Of a person.
    Api,
    /// Of an API key of a shop's own front end.
    FrontEnd,
    /// Of an address, for proving who one is.
    SignIn,
    /// Of an address, for credentials that are not good.
    Credentials,
}

/// What the guard enforces.
#[derive(Clone, Debug)]
pub struct GuardSettings {
    /// Whether requests are counted at all.
    pub limits: bool,
    /// For addresses.
    pub general: Quota,
    /// For people.
    pub api: Quota,
    /// For the shop's own front ends.
    pub front_end: Quota,
    /// For attempts to sign in, by address.
    pub sign_in: Quota,
    /// For credentials that are not good, by address.
    pub credentials: Quota,
    /// Whether requests are judged by how they look.
    pub suspicion: bool,
    /// How many points of suspicion an address may have, and for how long they count.
    pub points: Quota,
    /// How long an address is blocked for the first time.
    pub block_for: Duration,
}

/// A network that is to be kept out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raised {
    /// Which.
    pub network: Network,
    /// Why, in words.
    pub reason: String,
}

/// Figures of the guard.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct GuardFigures {
    /// Limits.
    pub limits: LimitFigures,
    /// Networks that are blocked.
    pub blocked: usize,
    /// Requests that were refused for that.
    pub refused_as_blocked: u64,
    /// Requests that looked suspicious.
    pub suspicious: u64,
    /// Memory and turns.
    pub pressure: PressureFigures,
}

/// The guard. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Guard {
    shared: Arc<Shared>,
}

struct Shared {
    settings: GuardSettings,
    clock: Clock,
    proxies: Proxies,
    limiter: Limiter,
    blocks: Blocks,
    pressure: Pressure,
    raise: mpsc::Sender<Raised>,
    raised: Mutex<mpsc::Receiver<Raised>>,
    refused_as_blocked: AtomicU64,
    suspicious: AtomicU64,
}

impl std::fmt::Debug for Guard {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Guard").finish_non_exhaustive()
    }
}

impl Guard {
    /// A guard in front of nothing yet.
    #[must_use]
    pub fn new(settings: GuardSettings, proxies: Proxies, limiter: Limiter, pressure: Pressure, clock: Clock) -> Self {
        let (raise, raised) = mpsc::channel(RAISED_WAITING);
        Self {
            shared: Arc::new(Shared {
                settings,
                clock,
                proxies,
                limiter,
                blocks: Blocks::default(),
                pressure,
                raise,
                raised: Mutex::new(raised),
                refused_as_blocked: AtomicU64::new(0),
                suspicious: AtomicU64::new(0),
            }),
        }
    }

    /// Starts what it does in the background.
    pub fn start(&self, tasks: &Tasks) {
        self.shared.limiter.start_upkeep(tasks);
        self.shared.pressure.start(tasks);
        let guard = self.clone();
        tasks.supervise("blocks-sweep", move || {
            let guard = guard.clone();
            async move {
                let mut beat = tokio::time::interval(SWEEP_EVERY);
                loop {
                    beat.tick().await;
                    guard.shared.blocks.sweep(guard.shared.clock.now());
                }
            }
        });
    }

    /// The client's address, behind the proxies that are trusted.
    ///
    /// # Errors
    /// See [`Proxies::client`].
    pub fn client(&self, peer: IpAddr, fields: &HeaderMap) -> Result<IpAddr, Unreadable> {
        self.shared.proxies.client(peer, fields)
    }

    /// The proxies that are trusted.
    #[must_use]
    pub fn proxies(&self) -> &Proxies {
        &self.shared.proxies
    }

    /// For how long this address is kept out, if it is.
    #[must_use]
    pub fn blocked_for(&self, address: IpAddr) -> Option<Duration> {
        if self.shared.blocks.is_empty() {
            return None;
        }
        let now = self.shared.clock.now();
        Duration::try_from(self.shared.blocks.until(address, now)?.duration_since(now)).ok()
    }

    /// Counts a request that was refused for that.
    pub fn count_blocked(&self) {
        self.shared.refused_as_blocked.fetch_add(1, Ordering::Relaxed);
    }

    /// What looks suspicious in the target of a request. Costs an honest one a pass over its bytes.
    #[must_use]
    pub fn suspicion_of_target(&self, path: &str, query: Option<&str>) -> Suspicion {
        if self.shared.settings.suspicion { suspicion::of_target(path, query) } else { Suspicion::default() }
    }

    /// What looks suspicious in the fields of a request.
    #[must_use]
    pub fn suspicion_of_fields(&self, fields: &HeaderMap) -> Suspicion {
        if !self.shared.settings.suspicion {
            return Suspicion::default();
        }
        suspicion::of_headers(fields.iter().map(|(name, value)| (name.as_str(), value.as_bytes())))
    }

    /// Notes a suspicious request. Past the threshold its network is blocked; tells whether it was. Unless it `counts`
    /// it is only logged: it may have been sent without the knowledge of who sits there.
    pub async fn suspect(&self, address: IpAddr, suspicion: Suspicion, method: &str, path: &str, counts: bool) -> bool {
        if suspicion.points == 0 {
            return false;
        }
        self.shared.suspicious.fetch_add(1, Ordering::Relaxed);
        let reasons: Vec<&str> = suspicion.reasons.names().collect();
        let reasons = reasons.join(", ");
        let path: String = path.chars().take(200).collect();
        tracing::warn!(target: "entrepot::security", %address, points = suspicion.points, reasons, method, path, counts, "a suspicious request");
        if !counts {
            return false;
        }
        let points = &self.shared.settings.points;
        let subject = Subject::address(address);
        // What alone is more than the threshold fills it.
        let cost = suspicion.points.min(points.limit);
        let verdict = self.shared.limiter.check(points, &subject, cost).await;
        let is_enough = !verdict.allowed || verdict.remaining == 0;
        if is_enough {
            self.raise(address, format!("suspicious requests: {reasons}"));
        }
        is_enough
    }

    /// Keeps a network out, from now on.
    pub fn raise(&self, address: IpAddr, reason: String) {
        let shared = &self.shared;
        let network = Network::of(address);
        let now = shared.clock.now();
        let length = SignedDuration::try_from(shared.settings.block_for).unwrap_or(SignedDuration::from_hours(1));
        let until = now.checked_add(length).unwrap_or(now);
        // Several of its requests may have been under way at once: they are one reason.
        if !shared.blocks.raise(BlockEntry { network: network.net(), until }, now) {
            return;
        }
        tracing::warn!(target: "entrepot::security", %network, reason, %until, "a network is blocked");
        if shared.raise.try_send(Raised { network, reason }).is_err() {
            tracing::error!(target: "entrepot::security", %network, "too many blocks at once: this one holds in this process alone");
        }
    }

    /// Forgets what speaks against an address's network.
    pub async fn pardon(&self, address: IpAddr) {
        let shared = &self.shared;
        shared.blocks.forget(Network::of(address).net());
        let subject = Subject::address(address);
        let settings = &shared.settings;
        for quota in [&settings.points, &settings.sign_in, &settings.general, &settings.credentials] {
            shared.limiter.forget(quota, &subject).await;
        }
        shared.limiter.forget(&settings.general, &Subject::pages_at(address)).await;
    }

    /// The next network that was blocked here and nowhere else yet. For one taker.
    pub async fn raised(&self) -> Option<Raised> {
        self.shared.raised.lock().await.recv().await
    }

    /// The blocks in force in this process.
    #[must_use]
    pub fn blocks(&self) -> &Blocks {
        &self.shared.blocks
    }

    /// Room for work.
    #[must_use]
    pub fn pressure(&self) -> &Pressure {
        &self.shared.pressure
    }

    /// How long a network is blocked for the first time.
    #[must_use]
    pub fn block_for(&self) -> Duration {
        self.shared.settings.block_for
    }

    /// What counts for this tier.
    #[must_use]
    pub fn quota(&self, tier: Tier) -> &Quota {
        match tier {
            Tier::General => &self.shared.settings.general,
            Tier::Api => &self.shared.settings.api,
            Tier::FrontEnd => &self.shared.settings.front_end,
            Tier::SignIn => &self.shared.settings.sign_in,
            Tier::Credentials => &self.shared.settings.credentials,
        }
    }

    /// Whether requests are counted.
    #[must_use]
    pub fn counts(&self) -> bool {
        self.shared.settings.limits
    }

    /// What is counted with.
    #[must_use]
    pub fn limiter(&self) -> &Limiter {
        &self.shared.limiter
    }

    /// The verdict on a request of this moment (microseconds since 1970), if it can be had at once; see [`Limiter::check_at`].
    #[must_use]
    pub fn check_at(&self, us: i64, tier: Tier, subject: &Subject, cost: u32) -> Option<Verdict> {
        self.shared.limiter.check_at(us, self.quota(tier), subject, cost)
    }

    /// How it stands, without taking anything.
    pub async fn peek(&self, tier: Tier, subject: &Subject) -> Verdict {
        self.shared.limiter.peek(self.quota(tier), subject).await
    }

    /// The verdict.
    pub async fn check(&self, tier: Tier, subject: &Subject, cost: u32) -> Verdict {
        self.shared.limiter.check(self.quota(tier), subject, cost).await
    }

    /// Its figures.
    #[must_use]
    pub fn figures(&self) -> GuardFigures {
        let shared = &self.shared;
        GuardFigures {
            limits: shared.limiter.figures(),
            blocked: shared.blocks.len(),
            refused_as_blocked: shared.refused_as_blocked.load(Ordering::Relaxed),
            suspicious: shared.suspicious.load(Ordering::Relaxed),
            pressure: shared.pressure.figures(),
        }
    }
}
