//! Field values that are written on every answer, made once.
//!
//! **Invariant:** an answer from memory allocates nothing for them (`tests/allocations.rs`).

use std::cell::RefCell;
use std::time::Duration;

use axum::http::HeaderValue;

/// `app;dur=0.123`, in milliseconds.
pub(crate) fn server_timing(took: Duration) -> HeaderValue {
    let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    TIMINGS.with(|timings| timings.value(us, |us| format!("app;dur={}.{:03}", us / 1_000, us % 1_000)))
}

/// Field values that say a small number, made once for each thread: what a hit says differs from the
/// last one's by little.
pub(crate) struct Said(RefCell<Vec<Option<HeaderValue>>>);

/// Larger numbers are written each time.
const SAID: usize = 2_048;

thread_local! {
    pub(crate) static HITS: Said = const { Said(RefCell::new(Vec::new())) };
    pub(crate) static AGES: Said = const { Said(RefCell::new(Vec::new())) };
    static TIMINGS: Said = const { Said(RefCell::new(Vec::new())) };
}

impl Said {
    pub(crate) fn value(&self, number: u64, text: impl FnOnce(u64) -> String) -> HeaderValue {
        let make = || HeaderValue::try_from(text(number)).unwrap_or(const { HeaderValue::from_static("-") });
        let index = usize::try_from(number).unwrap_or(SAID);
        if index >= SAID {
            return make();
        }
        let mut said = self.0.borrow_mut();
        if said.len() <= index {
            said.resize(index + 1, None);
        }
        said[index].get_or_insert_with(make).clone()
    }
}
