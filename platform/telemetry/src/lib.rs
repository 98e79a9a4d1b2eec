//! What the program says about itself: logs, and how much memory it uses.
//!
//! **Invariants:**
//! - A log line is written off the thread that works for a request; when lines come faster than
//!   they can be written, the newest are dropped and counted, never waited for.
//! - Every line that a request caused carries its `requestId`.

mod format;
mod logs;
mod memory;

pub use logs::{LogError, LogFormat, LogGuard, LogSettings, is_pretty, start_logs};
pub use memory::{Memory, memory};
