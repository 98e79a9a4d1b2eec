//! The judge of `verify live`: what a run recorded, compared with what must have been delivered. Pure.
//!
//! All writes to one topic are to one row, so the ids of a topic's events ascend in the order of their commits. A
//! follower must therefore receive a topic's events without a gap. What it did not receive is excused in one way
//! only: a `resync` that came after the event's write was sent, and before the next event of that topic.
//!
//! **Invariants:**
//! - Acknowledged means delivered: an acknowledged write that has no event is a violation by itself, whatever the
//!   followers received.
//! - An event may come again only on a new connection, and only above the cursor from which that connection resumed.
//! - Each kind of violation has a test that shows it noticed.

#[cfg(test)]
mod tests;
mod walk;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use walk::Walk;

/// Time since the start of the run, by the checker's own clock.
pub(super) type Moment = Duration;

/// How long after a revocation was acknowledged its effect may take; see `docs/features/live.md`.
pub(super) const REVOKED_WITHIN: Duration = Duration::from_secs(1);
/// Of the events that followers who read at once had to receive, so many in a hundred may be excused by a `resync`:
/// a run in which most is excused proves nothing.
const MOST_EXCUSED_PERCENT: u64 = 20;

/// A write that was tried.
#[derive(Clone, Debug)]
pub(super) struct Attempt {
    pub(super) topic: Arc<str>,
    /// The value that was written; no other write of the run has it.
    pub(super) mark: u64,
    pub(super) sent: Moment,
    pub(super) outcome: Outcome,
}

/// What the writer was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// A failure, or nothing: it may have been committed.
    Unknown,
    /// It is committed, at this position if one was named.
    Acknowledged { position: Option<u64> },
}

/// An event in the feed's table.
#[derive(Clone, Debug)]
pub(super) struct Committed {
    pub(super) id: u64,
    pub(super) topic: Arc<str>,
    pub(super) mark: Option<u64>,
}

/// A time in which an instance or the database could not work.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outage {
    pub(super) from: Moment,
    pub(super) to: Moment,
}

/// What a follower may receive of a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Right {
    /// Everything.
    Held,
    /// Nothing: the topic is of a store that the person is not tied to.
    Never,
    /// Everything until the right was taken away, which was acknowledged at this time.
    Until(Moment),
}

/// What happened at a follower, in the order in which it happened.
#[derive(Clone, Debug)]
pub(super) enum Seen {
    /// A subscription was confirmed. `since`: the position from which it resumed.
    Subscribed { topic: Arc<str>, since: Option<u64>, at: Moment },
    /// A subscription was refused, or ended, for want of a right.
    Refused { topic: Arc<str> },
    /// An event was received.
    Event { topic: Arc<str>, id: u64, mark: Option<u64> },
    /// The follower was told to read the state again.
    Resync { topic: Arc<str>, at: Moment },
}

/// A follower, by what it may receive and what it saw.
#[derive(Clone, Debug)]
pub(super) struct Following {
    pub(super) rights: HashMap<Arc<str>, Right>,
    /// Whether it reads slowly on purpose, or follows a topic that overflows on purpose.
    pub(super) is_slow: bool,
    pub(super) seen: Vec<Seen>,
}

/// Everything that a run recorded.
#[derive(Clone, Debug, Default)]
pub(super) struct Record {
    pub(super) attempts: Vec<Attempt>,
    /// Ascending by id.
    pub(super) committed: Vec<Committed>,
    pub(super) outages: Vec<Outage>,
    pub(super) followings: Vec<Following>,
}

/// What became of it. All but the figures at the end must be 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    /// Acknowledged writes without an event, or without a position.
    pub(super) vanished: u64,
    /// Events that never came, with no `resync` in their place.
    pub(super) missing: u64,
    /// Events that came twice where the contract says once.
    pub(super) doubled: u64,
    /// Events that came after a later one.
    pub(super) disordered: u64,
    /// Events that nobody committed.
    pub(super) unknown: u64,
    /// Events with other contents than were written.
    pub(super) altered: u64,
    /// Topics and events that the follower had no right to.
    pub(super) leaked: u64,
    /// Events that were written too long after the right had been taken away.
    pub(super) after_revocation: u64,
    /// Topics that were refused in spite of a right.
    pub(super) denied: u64,
    /// Figures: what was received, what of it again, what a `resync` excused, refusals that were right.
    pub(super) received: u64,
    pub(super) again: u64,
    pub(super) excused: u64,
    pub(super) refused: u64,
    /// Of followers that read at once: what they had to receive, and what of it was excused.
    prompt: u64,
    prompt_excused: u64,
}

impl Verdict {
    pub(super) fn violations(&self) -> u64 {
        self.vanished
            + self.missing
            + self.doubled
            + self.disordered
            + self.unknown
            + self.altered
            + self.leaked
            + self.after_revocation
            + self.denied
    }

    /// Whether so much was excused that the rest proves nothing.
    pub(super) fn excuses_too_much(&self) -> bool {
        self.prompt_excused * 100 > self.prompt * MOST_EXCUSED_PERCENT
    }
}

/// What is known to be true, by what it is looked up by.
struct Truth<'a> {
    by_topic: HashMap<&'a str, Vec<(u64, Moment)>>,
    by_id: HashMap<u64, &'a Committed>,
    sent: HashMap<u64, Moment>,
    outages: Vec<Outage>,
}

/// Compares.
pub(super) fn judge(record: &Record) -> Verdict {
    let truth = Truth::of(record);
    let mut verdict = Verdict { vanished: vanished(record, &truth), ..Verdict::default() };
    for following in &record.followings {
        judge_one(following, &truth, &mut verdict);
    }
    verdict
}

impl<'a> Truth<'a> {
    fn of(record: &'a Record) -> Self {
        let sent: HashMap<u64, Moment> = record.attempts.iter().map(|attempt| (attempt.mark, attempt.sent)).collect();
        let mut by_topic: HashMap<&str, Vec<(u64, Moment)>> = HashMap::new();
        for event in &record.committed {
            let sent = event.mark.and_then(|mark| sent.get(&mark)).copied().unwrap_or_default();
            by_topic.entry(&event.topic).or_default().push((event.id, sent));
        }
        let by_id = record.committed.iter().map(|event| (event.id, event)).collect();
        let mut outages = record.outages.clone();
        outages.sort_by_key(|outage| outage.from);
        Self { by_topic, by_id, sent, outages }
    }

    /// Until when a right that was taken away at `revoked` may still show. An instance that did not run, or had no
    /// database, has the bound from when that was over.
    fn deadline(&self, revoked: Moment) -> Moment {
        let mut from = revoked;
        for outage in &self.outages {
            if outage.from <= from + REVOKED_WITHIN && outage.to > from {
                from = outage.to;
            }
        }
        from + REVOKED_WITHIN
    }
}

fn vanished(record: &Record, truth: &Truth<'_>) -> u64 {
    let has_vanished = |attempt: &&Attempt| match attempt.outcome {
        Outcome::Unknown => false,
        Outcome::Acknowledged { position } => {
            let event = position.and_then(|position| truth.by_id.get(&position));
            event.is_none_or(|event| event.topic != attempt.topic || event.mark != Some(attempt.mark))
        }
    };
    record.attempts.iter().filter(has_vanished).count() as u64
}

fn judge_one(following: &Following, truth: &Truth<'_>, verdict: &mut Verdict) {
    let mut walks: HashMap<&str, Walk<'_>> = HashMap::new();
    for (topic, right) in &following.rights {
        if *right != Right::Never {
            walks.insert(topic, Walk::new(truth.by_topic.get(&**topic).map(Vec::as_slice).unwrap_or_default()));
        }
    }
    for seen in &following.seen {
        match seen {
            Seen::Subscribed { topic, since, at } => match (walks.get_mut(&**topic), following.rights.get(topic)) {
                (Some(walk), Some(Right::Held)) => walk.subscribed(*since),
                (Some(walk), Some(Right::Until(revoked))) => {
                    verdict.after_revocation += u64::from(*at > truth.deadline(*revoked));
                    walk.subscribed(*since);
                }
                _ => verdict.leaked += 1,
            },
            Seen::Refused { topic } => match following.rights.get(topic) {
                Some(Right::Held) => verdict.denied += 1,
                _ => verdict.refused += 1,
            },
            Seen::Resync { topic, at } => {
                if let Some(walk) = walks.get_mut(&**topic) {
                    walk.resync(*at);
                }
            }
            Seen::Event { topic, id, mark } => {
                verdict.received += 1;
                let Some(event) = truth.by_id.get(id).filter(|event| event.topic == *topic) else {
                    verdict.unknown += 1;
                    continue;
                };
                verdict.altered += u64::from(event.mark != *mark);
                let Some(walk) = walks.get_mut(&**topic) else {
                    verdict.leaked += 1;
                    continue;
                };
                if let Some(Right::Until(revoked)) = following.rights.get(topic) {
                    let sent = event.mark.and_then(|mark| truth.sent.get(&mark)).copied().unwrap_or_default();
                    verdict.after_revocation += u64::from(sent > truth.deadline(*revoked));
                }
                walk.event(*id, verdict);
            }
        }
    }
    for (topic, mut walk) in walks {
        // What came last may have been thrown away with the right.
        let must_be_whole = following.rights.get(topic) == Some(&Right::Held);
        let excused = walk.end(must_be_whole, verdict);
        if must_be_whole && !following.is_slow {
            verdict.prompt += walk.length();
            verdict.prompt_excused += excused;
        }
    }
}
