//! What a long-running program needs before it does anything: a clock that tests can move, tasks
//! that are watched, a shutdown that happens in order, and breakers for what it calls outside.
//!
//! Why it is a crate: a bare `tokio::spawn` loses panics and outlives the server, and a bare
//! `Timestamp::now()` cannot be tested. Everything else in the workspace goes through the types
//! here instead; `clippy.toml` bans the bare forms.
//!
//! **Invariant:** the only calls of `tokio::spawn` and of the system clock in the workspace's
//! library code are in this crate (enforced by `clippy.toml`).

mod breaker;
mod clock;
mod measured;
mod request;
mod shutdown;
mod tasks;

pub use breaker::{Breaker, BreakerError, BreakerFigures, BreakerSettings, BreakerState, Breakers, Open, Permit};
pub use clock::{CLOCK_TOLERANCE, Clock, ClockReference, ManualClock};
pub use measured::for_requests;
pub use request::{
    Actor, Request, continue_in_background, current_request, demands_position, passes_caches, within_request,
};
pub use shutdown::{Shutdown, ShutdownSignal, wait_for_stop_signal};
pub use tasks::Tasks;
