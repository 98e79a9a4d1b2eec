//! A million addresses are counted in bounded memory, and are forgotten after their window. A binary of
//! its own, as it counts what the whole process has allocated.
#![expect(unsafe_code, reason = "a global allocator is unsafe to write; this one only counts and passes on")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use entrepot_guard::{Limiter, Quota, Subject};
use entrepot_runtime::Clock;

const ADDRESSES: u32 = 1_000_000;
/// 128 MB.
const MOST: usize = 128_000_000;

struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let held = HELD.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(held, Ordering::Relaxed);
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn a_million_addresses_take_a_bounded_amount_of_memory_and_give_it_back() {
    let (clock, hand) = Clock::manual("2026-01-01T00:00:00Z".parse().expect("a literal"));
    let before = HELD.load(Ordering::Relaxed);
    let limiter = Limiter::in_memory(clock, ADDRESSES as usize * 2);
    let quota = Quota { name: "general", limit: 500, window: Duration::from_secs(900) };
    for address in 0..ADDRESSES {
        let subject = Subject::address(Ipv4Addr::from(address + (1 << 24)).into());
        let verdict = limiter.check_now(&quota, &subject, 1).expect("memory decides at once");
        assert_eq!((verdict.allowed, verdict.remaining), (true, 499));
    }
    assert_eq!(limiter.figures().tracked, ADDRESSES as usize, "none was forgotten for want of room");
    let peak = PEAK.load(Ordering::Relaxed) - before;
    assert!(peak <= MOST, "{peak} bytes at the most, while it grew");
    hand.advance(quota.window);
    limiter.sweep();
    let left = HELD.load(Ordering::Relaxed).saturating_sub(before);
    assert_eq!(limiter.figures().tracked, 0);
    assert!(left < 1_000_000, "{left} bytes are still held");
}
