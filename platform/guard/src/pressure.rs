//! When there is no room for more work: memory, and time spent waiting for a turn.
//!
//! Refusing early keeps the rest fast: a server that takes everything answers nobody in time.
//!
//! **Invariants:**
//! - No more than `at_once` pieces of work are under way; one that waits longer than `patience` for
//!   its turn is refused, as its client would have given up.
//! - While the process takes more memory than it may, nothing new is begun.
//! - What is free of pressure (health, administration, answers from memory) never asks here.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use entrepot_runtime::Tasks;
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Below this share of the limit work is taken again.
const RELIEF: f64 = 0.95;

/// What is enough.
#[derive(Clone, Copy, Debug)]
pub struct PressureSettings {
    /// Pieces of work at once.
    pub at_once: usize,
    /// How long one may wait for its turn.
    pub patience: Duration,
    /// Memory that the process may have in use, in bytes; 0 for as much as it likes.
    pub memory_bytes: u64,
}

/// Why work was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The process takes too much memory.
    Memory,
    /// It would not have had its turn in time.
    Queue,
}

/// Figures of the pressure.
#[derive(Clone, Copy, Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PressureFigures {
    /// Pieces of work under way.
    pub under_way: usize,
    /// At once at the most.
    pub at_once: usize,
    /// Memory in use when last looked at, in bytes; 0 where it cannot be known.
    pub memory_bytes: u64,
    /// The limit, in bytes; 0 for none.
    pub memory_limit_bytes: u64,
    /// Whether nothing new is begun for want of memory.
    pub is_memory_full: bool,
    /// What was refused for want of memory.
    pub refused_for_memory: u64,
    /// What was refused after waiting too long.
    pub refused_for_queue: u64,
}

/// Whether there is room. Cheap to clone; all clones are one.
#[derive(Clone, Debug)]
pub struct Pressure {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    settings: PressureSettings,
    turns: Arc<Semaphore>,
    memory_bytes: AtomicU64,
    is_full: AtomicBool,
    refused_for_memory: AtomicU64,
    refused_for_queue: AtomicU64,
}

/// The right to work. Gives it back when dropped.
#[derive(Debug)]
pub struct Place {
    _turn: OwnedSemaphorePermit,
}

impl Pressure {
    /// No pressure yet.
    #[must_use]
    pub fn new(settings: PressureSettings) -> Self {
        let at_once = settings.at_once.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            shared: Arc::new(Shared {
                settings: PressureSettings { at_once, ..settings },
                turns: Arc::new(Semaphore::new(at_once)),
                memory_bytes: AtomicU64::new(0),
                is_full: AtomicBool::new(false),
                refused_for_memory: AtomicU64::new(0),
                refused_for_queue: AtomicU64::new(0),
            }),
        }
    }

    /// Looks at the memory in use, four times a second.
    pub fn start(&self, tasks: &Tasks) {
        let pressure = self.clone();
        tasks.supervise("memory-guard", move || {
            let pressure = pressure.clone();
            async move {
                let mut beat = tokio::time::interval(LOOK_EVERY);
                loop {
                    beat.tick().await;
                    pressure.weigh(entrepot_telemetry::memory().used);
                }
            }
        });
    }

    /// Notes how much memory is in use.
    pub fn weigh(&self, bytes: u64) {
        let shared = &self.shared;
        shared.memory_bytes.store(bytes, Ordering::Relaxed);
        let limit = shared.settings.memory_bytes;
        if limit == 0 {
            return;
        }
        let was_full = shared.is_full.load(Ordering::Acquire);
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of memory"
        )]
        let relief = (limit as f64 * RELIEF) as u64;
        let is_full = if was_full { bytes > relief } else { bytes > limit };
        if is_full != was_full {
            shared.is_full.store(is_full, Ordering::Release);
            if is_full {
                tracing::error!(bytes, limit, "the process takes more memory than it may: new work is refused");
            } else {
                tracing::info!(bytes, limit, "there is memory again: work is taken");
            }
        }
    }

    /// Waits for a turn.
    ///
    /// # Errors
    /// When there is no room.
    pub async fn enter(&self) -> Result<Place, Refused> {
        let shared = &self.shared;
        if shared.is_full.load(Ordering::Acquire) {
            shared.refused_for_memory.fetch_add(1, Ordering::Relaxed);
            return Err(Refused::Memory);
        }
        if let Ok(turn) = shared.turns.clone().try_acquire_owned() {
            return Ok(Place { _turn: turn });
        }
        match tokio::time::timeout(shared.settings.patience, shared.turns.clone().acquire_owned()).await {
            Ok(Ok(turn)) => Ok(Place { _turn: turn }),
            Ok(Err(_)) | Err(_) => {
                shared.refused_for_queue.fetch_add(1, Ordering::Relaxed);
                Err(Refused::Queue)
            }
        }
    }

    /// Its figures.
    #[must_use]
    pub fn figures(&self) -> PressureFigures {
        let shared = &self.shared;
        PressureFigures {
            under_way: shared.settings.at_once - shared.turns.available_permits(),
            at_once: shared.settings.at_once,
            memory_bytes: shared.memory_bytes.load(Ordering::Relaxed),
            memory_limit_bytes: shared.settings.memory_bytes,
            is_memory_full: shared.is_full.load(Ordering::Relaxed),
            refused_for_memory: shared.refused_for_memory.load(Ordering::Relaxed),
            refused_for_queue: shared.refused_for_queue.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pressure(at_once: usize, memory_bytes: u64) -> Pressure {
        Pressure::new(PressureSettings { at_once, patience: Duration::from_millis(500), memory_bytes })
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_too_long_is_refused_and_who_leaves_makes_room() {
        let pressure = pressure(2, 0);
        let (first, _second) = (pressure.enter().await.expect("room"), pressure.enter().await.expect("room"));
        assert_eq!(pressure.enter().await.map(drop), Err(Refused::Queue));
        drop(first);
        assert!(pressure.enter().await.is_ok());
        assert_eq!((pressure.figures().under_way, pressure.figures().refused_for_queue), (1, 1));
    }

    #[tokio::test]
    async fn nothing_is_begun_without_memory_until_there_is_clearly_some() {
        let pressure = pressure(2, 1_000);
        for (bytes, room) in [(1_000, true), (1_001, false), (990, false), (950, true), (999, true)] {
            pressure.weigh(bytes);
            assert_eq!(pressure.enter().await.is_ok(), room, "{bytes}");
        }
        assert_eq!(pressure.figures().refused_for_memory, 2);
    }
}
