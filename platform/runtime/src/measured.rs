//! The name by which a profile tells what is executed for requests from what a program does by the clock.
//!
//! **Invariant:** the function of that name neither calls itself nor is inlined, so what is executed between its calls and
//! its returns is what tasks did for requests, once (`bench/src/callgrind.rs` counts it).

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};

/// Goes on with `work`, which is all that a task does for requests. Never within other such work.
pub fn for_requests<F: Future>(mut work: Pin<&mut F>) -> impl Future<Output = F::Output> {
    poll_fn(move |context| poll_for_requests(work.as_mut(), context))
}

#[inline(never)]
fn poll_for_requests<F: Future>(work: Pin<&mut F>, context: &mut Context<'_>) -> Poll<F::Output> {
    work.poll(context)
}
