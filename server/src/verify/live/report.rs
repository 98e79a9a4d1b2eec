//! What a run prints.

use std::collections::BTreeMap;
use std::time::Duration;

use super::LivePlan;
use super::judge::{Outcome, Record, Verdict};
use crate::terminal::{say, thousands};

/// Prints it; whether the run was good.
pub(super) fn report(
    plan: &LivePlan,
    record: &Record,
    verdict: &Verdict,
    happened: &BTreeMap<&'static str, u64>,
    connections: u64,
    took: Duration,
) -> bool {
    let acknowledged = record.attempts.iter().filter(|attempt| attempt.outcome != Outcome::Unknown).count() as u64;
    for (what, count) in happened {
        figure(*count, what);
    }
    for (count, what) in [
        (acknowledged, "writes acknowledged"),
        (record.attempts.len() as u64 - acknowledged, "writes of which nobody was told"),
        (record.committed.len() as u64, "events committed"),
        (connections, "connections"),
        (verdict.received, "events told"),
        (verdict.again, "of them again, and known by their id"),
        (verdict.excused, "events in whose place a resync came"),
        (verdict.refused, "topics refused for want of a right"),
    ] {
        figure(count, what);
    }
    say(format_args!(
        "{} acknowledged writes without an event, {} events twice, {} altered; {} leaks, {} after a revocation, {} \
         refused in spite of a right",
        thousands(verdict.vanished),
        thousands(verdict.doubled),
        thousands(verdict.altered),
        thousands(verdict.leaked),
        thousands(verdict.after_revocation),
        thousands(verdict.denied),
    ));
    if verdict.excuses_too_much() {
        say("too many events were replaced by a resync: the rest proves nothing");
    }
    say(format_args!(
        "{} clients in {:.1} s: {} events missing, {} unknown, {} out of order (seed {})",
        thousands(record.followings.len() as u64),
        took.as_secs_f64(),
        thousands(verdict.missing),
        thousands(verdict.unknown),
        thousands(verdict.disordered),
        plan.seed
    ));
    verdict.violations() == 0 && !verdict.excuses_too_much()
}

fn figure(count: u64, what: &str) {
    say(format_args!("{:>9}  {what}", thousands(count)));
}
