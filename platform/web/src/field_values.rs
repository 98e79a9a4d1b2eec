//! Field values that are written on every answer, made once.
//!
//! **Invariant:** an answer from memory allocates nothing for them (`tests/allocations.rs`).

use std::cell::RefCell;
use std::time::Duration;

use axum::http::HeaderValue;

/// `app;dur=0.123`, in milliseconds.
pub(crate) fn server_timing(took: Duration) -> HeaderValue {
    let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    TIMINGS.with(|timings| {
        timings.value(us, |text, us| {
            let below = us % 1_000;
            text.push(b"app;dur=").number(us / 1_000).push(b".");
            text.number(below / 100).number(below / 10 % 10).number(below % 10);
        })
    })
}

/// `"api";q=600;w=60`. One limit is told again and again, so the last one of each thread is kept.
pub(crate) fn limit_policy(name: &'static str, limit: u32, window_s: u64) -> HeaderValue {
    thread_local! {
        static LAST: RefCell<Option<(&'static str, u32, u64, HeaderValue)>> = const { RefCell::new(None) };
    }
    LAST.with_borrow_mut(|last| {
        if let Some((of, at, over, value)) = last
            && (*of, *at, *over) == (name, limit, window_s)
        {
            return value.clone();
        }
        let mut text = Text::default();
        text.push(b"\"").push(name.as_bytes()).push(b"\";q=").number(limit.into()).push(b";w=").number(window_s);
        let value = text.value();
        *last = Some((name, limit, window_s, value.clone()));
        value
    })
}

/// `"api";r=599;t=1`.
pub(crate) fn limit_state(name: &str, remaining: u32, reset_s: u64) -> HeaderValue {
    let mut text = Text::default();
    text.push(b"\"").push(name.as_bytes()).push(b"\";r=").number(remaining.into()).push(b";t=").number(reset_s);
    text.value()
}

/// A short value as it is put together, without the machinery of `format!`. What does not fit is left out.
struct Text {
    bytes: [u8; 96],
    length: usize,
}

impl Default for Text {
    fn default() -> Self {
        Self { bytes: [0; 96], length: 0 }
    }
}

impl Text {
    fn push(&mut self, more: &[u8]) -> &mut Self {
        let free = &mut self.bytes[self.length..];
        let fitting = more.len().min(free.len());
        free[..fitting].copy_from_slice(&more[..fitting]);
        self.length += fitting;
        self
    }

    fn number(&mut self, mut number: u64) -> &mut Self {
        let digits = number.checked_ilog10().unwrap_or(0) as usize + 1;
        let Some(place) = self.bytes.get_mut(self.length..self.length + digits) else { return self };
        for digit in place.iter_mut().rev() {
            *digit = b'0' + (number % 10) as u8;
            number /= 10;
        }
        self.length += digits;
        self
    }

    fn value(&self) -> HeaderValue {
        HeaderValue::from_bytes(&self.bytes[..self.length]).unwrap_or(const { HeaderValue::from_static("-") })
    }
}

/// Field values that say a small number, made once for each thread: what a hit says differs from the
/// last one's by little.
struct Said {
    values: RefCell<Vec<Option<HeaderValue>>>,
    /// This number and larger ones are written each time.
    most: usize,
}

/// `entrepot; hit; ttl=590`.
pub(crate) fn hit_status(ttl_s: u64) -> HeaderValue {
    HITS.with(|hits| {
        hits.value(ttl_s, |text, ttl_s| {
            text.push(b"entrepot; hit; ttl=").number(ttl_s);
        })
    })
}

/// How old an answer is, in seconds.
pub(crate) fn age(age_s: u64) -> HeaderValue {
    AGES.with(|ages| {
        ages.value(age_s, |text, age_s| {
            text.number(age_s);
        })
    })
}

thread_local! {
    static HITS: Said = const { Said::below(2_048) };
    static AGES: Said = const { Said::below(2_048) };
    // Hits are ready sooner than that.
    static TIMINGS: Said = const { Said::below(512) };
}

impl Said {
    const fn below(most: usize) -> Self {
        Self { values: RefCell::new(Vec::new()), most }
    }

    fn value(&self, number: u64, write: impl FnOnce(&mut Text, u64)) -> HeaderValue {
        let make = || {
            let mut text = Text::default();
            write(&mut text, number);
            text.value()
        };
        let index = usize::try_from(number).unwrap_or(self.most);
        if index >= self.most {
            return make();
        }
        let mut said = self.values.borrow_mut();
        if said.len() <= index {
            said.resize(index + 1, None);
        }
        said[index].get_or_insert_with(make).clone()
    }
}
