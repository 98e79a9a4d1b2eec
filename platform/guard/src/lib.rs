//! Keeps a server standing among strangers.
//!
//! | room | what it owns |
//! | --- | --- |
//! | [`limits`] | who may do how much: GCRA, in memory or shared through Redis |
//! | [`address`] | whose request it is: the client behind trusted proxies, and its network |
//! | [`blocks`] | networks that are kept out for a while |
//! | [`suspicion`] | what looks like an attack, in points |
//! | [`pressure`] | when there is no room for more: memory, and time spent in the queue |
//!
//! [`Guard`] puts them together for the edge of a server. It knows nothing of people and roles, and
//! keeps nothing in a database: whoever wants blocks to last listens to [`Guard::raised`].
//!
//! **Invariants:**
//! - Everything that is remembered about strangers has a bound and is forgotten after its time.
//! - What `X-Forwarded-For` says counts only as far as trusted proxies wrote it.
//! - Looking at an honest request allocates nothing and waits for nothing, unless limits are shared
//!   through Redis.

pub mod address;
pub mod blocks;
mod guard;
pub mod limits;
pub mod pressure;
pub mod suspicion;

pub use address::{Network, Proxies, Unreadable};
pub use blocks::{BlockEntry, Blocks};
pub use guard::{Guard, GuardFigures, GuardSettings, Raised, Tier};
pub use limits::{Limiter, Quota, Subject, Verdict};
pub use pressure::{Place, Pressure, PressureFigures, PressureSettings, Refused};
