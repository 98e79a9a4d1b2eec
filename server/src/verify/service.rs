//! Whether instances do their work: a read that fails is no check, so an instance that fails all would
//! otherwise pass.
//!
//! - While nothing is done to anybody, nearly all reads of each instance must succeed, and there must be
//!   some.
//! - After each fault every instance must read and write again within [`RECOVERY`].

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::json;

use super::Run;
use super::findings::Violation;

/// How long after a fault an instance may take to be well again: a start on a busy machine, or a database
/// that recovers.
pub(super) const RECOVERY: Duration = Duration::from_secs(30);
/// How long one look at an instance may take.
const LOOK: Duration = Duration::from_secs(5);
/// What an instance answers to whether it is ready, and where it is not: for one whose clock is off.
const READY: u16 = 200;
pub(super) const NOT_READY: u16 = 503;
/// Of a hundred calm reads, how many must succeed.
const SUCCESSES_PERCENT: u64 = 99;

/// The calm reads of each instance.
#[derive(Debug)]
pub(super) struct Service {
    tallies: Vec<Tally>,
}

#[derive(Debug, Default)]
struct Tally {
    succeeded: AtomicU64,
    failed: AtomicU64,
}

impl Service {
    pub(super) fn new(instances: usize) -> Self {
        Self { tallies: std::iter::repeat_with(Tally::default).take(instances).collect() }
    }

    /// A read was answered or not. `is_calm`: nothing was being done to anybody all the while.
    pub(super) fn served(&self, instance: usize, succeeded: bool, is_calm: bool) {
        let Some(tally) = self.tallies.get(instance).filter(|_| is_calm) else { return };
        let count = if succeeded { &tally.succeeded } else { &tally.failed };
        count.fetch_add(1, Ordering::Relaxed);
    }

    /// What is wrong about how they served.
    pub(super) fn faults(&self) -> Vec<String> {
        let fault = |(instance, tally): (usize, &Tally)| {
            let (succeeded, failed) = (tally.succeeded.load(Ordering::Relaxed), tally.failed.load(Ordering::Relaxed));
            let is_enough = succeeded > 0 && succeeded * 100 >= (succeeded + failed) * SUCCESSES_PERCENT;
            (!is_enough).then(|| {
                let all = succeeded + failed;
                format!("instance {instance} answered {succeeded} of {all} reads while nothing was wrong")
            })
        };
        self.tallies.iter().enumerate().filter_map(fault).collect()
    }
}

/// Waits until instances are well, all or one; tells a violation where they do not become so in time.
///
/// Each look sends `at_once` writes together, so that as many of the instance's connections are tried.
pub(super) async fn wait_until_well(run: &Run, after: &str, whose: Option<usize>, at_once: usize) {
    wait_until(run, after, whose, at_once, READY).await;
}

/// The same where an instance must say of its readiness what it says with this status.
pub(super) async fn wait_until(run: &Run, after: &str, whose: Option<usize>, at_once: usize, readiness: u16) {
    let all: Vec<usize> =
        (0..run.instances.count()).filter(|index| whose.is_none_or(|whose| whose == *index)).collect();
    let waits = all.into_iter().map(|instance| async move {
        let outcome = within(RECOVERY, || look(run, instance, at_once, readiness)).await;
        if let Err(last) = outcome {
            let bound = RECOVERY.as_secs();
            run.findings.violated(
                Violation::Unwell,
                format!("instance {instance} did not recover within {bound} s after {after}: {last}"),
            );
        }
    });
    join_all(waits).await;
}

/// Tries until it succeeds, for so long at the most; what the last try failed with.
pub(super) async fn within<F>(bound: Duration, mut attempt: impl FnMut() -> F) -> Result<(), String>
where
    F: Future<Output = Result<(), String>>,
{
    let start = Instant::now();
    loop {
        match attempt().await {
            Ok(()) => return Ok(()),
            Err(last) if start.elapsed() >= bound => return Err(last),
            Err(_again) => {
                #[expect(clippy::disallowed_methods, reason = "another process can only be polled")]
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Whether an instance says of its readiness what it must, writes, and reads what it wrote.
async fn look(run: &Run, instance: usize, at_once: usize, readiness: u16) -> Result<(), String> {
    let looked = tokio::time::timeout(LOOK, async {
        let address = run.instances.address(instance);
        let ready = run.http.get(address, "/health/ready", &[]).await.map_err(|error| format!("{error:#}"))?;
        if ready.status != readiness {
            return Err(format!("/health/ready answers {}", ready.status));
        }
        let path = format!("/api/v2/products/{}", run.probe);
        let body = json!({"stock": 1});
        let writes = (0..at_once).map(|_| run.http.send(address, "PATCH", &path, &[], Some(&body)));
        let mut position = None;
        for answer in join_all(writes).await {
            let answer = answer.map_err(|error| format!("{error:#}"))?;
            if answer.status != 200 {
                return Err(format!("a write is answered {}: {}", answer.status, answer.body));
            }
            position = answer.position().max(position);
        }
        let fields: Vec<_> = position.map(|position| ("entrepot-at-least", position.to_string())).into_iter().collect();
        let read = run.http.get(address, &path, &fields).await.map_err(|error| format!("{error:#}"))?;
        if read.status == 200 { Ok(()) } else { Err(format!("a read is answered {}: {}", read.status, read.body)) }
    });
    looked.await.map_err(|_elapsed| format!("no answers within {} s", LOOK.as_secs()))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_that_fails_all_is_noticed_though_others_serve() {
        let service = Service::new(4);
        for _ in 0..100 {
            service.served(0, true, true);
            service.served(1, false, true);
            service.served(2, true, false);
            service.served(3, true, true);
        }
        service.served(0, false, false);
        for _ in 0..2 {
            service.served(3, false, true);
        }
        let faults = service.faults();
        let of = |instance: usize| faults.iter().any(|told| told.starts_with(&format!("instance {instance} ")));
        assert!(!of(0), "what fails under a fault is excused: {faults:?}");
        assert!(of(1), "an instance that fails all");
        assert!(of(2), "one that served under faults alone proves nothing");
        assert!(of(3), "100 of 102 are too few");
    }

    #[tokio::test]
    async fn what_does_not_recover_in_time_is_told_with_its_last_failure() {
        let never = || async { Err("a write is answered 500".to_owned()) };
        assert_eq!(within(Duration::ZERO, never).await, Err("a write is answered 500".to_owned()));
        assert_eq!(within(Duration::ZERO, || async { Ok(()) }).await, Ok(()));
    }
}
