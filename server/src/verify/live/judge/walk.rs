//! One follower's way along the events of one topic.
//!
//! **Invariant:** what was passed over is remembered as skipped unless a `resync` excuses it, so no gap is silent.

use std::collections::HashSet;

use super::{Moment, Verdict};

pub(super) struct Walk<'a> {
    /// What was committed, ascending, and when its write was sent.
    events: &'a [(u64, Moment)],
    /// Up to here everything was received, excused or noted as skipped.
    reached: u64,
    /// The position from which this connection resumed: nothing up to it may come.
    floor: u64,
    /// The highest that came, and all that came, since the connection began or the last `resync` came.
    highest: u64,
    stretch: HashSet<u64>,
    received: HashSet<u64>,
    skipped: HashSet<u64>,
    excused: u64,
    /// A `resync` that has come since the last event.
    resync: Option<Moment>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(events: &'a [(u64, Moment)]) -> Self {
        Self {
            events,
            reached: 0,
            floor: 0,
            highest: 0,
            stretch: HashSet::new(),
            received: HashSet::new(),
            skipped: HashSet::new(),
            excused: 0,
            resync: None,
        }
    }

    pub(super) fn length(&self) -> u64 {
        self.events.len() as u64
    }

    pub(super) fn subscribed(&mut self, since: Option<u64>) {
        self.begin_stretch();
        self.floor = since.unwrap_or(0);
        if let Some(since) = since {
            self.reached = self.reached.min(since);
        }
    }

    pub(super) fn resync(&mut self, at: Moment) {
        self.begin_stretch();
        self.resync = Some(at);
    }

    fn begin_stretch(&mut self) {
        self.stretch.clear();
        self.highest = 0;
    }

    pub(super) fn event(&mut self, id: u64, verdict: &mut Verdict) {
        if id <= self.floor || !self.stretch.insert(id) {
            verdict.doubled += 1;
            return;
        }
        verdict.again += u64::from(!self.received.insert(id));
        if id < self.highest {
            verdict.disordered += 1;
            return;
        }
        self.highest = id;
        self.pass(id);
        self.reached = self.reached.max(id);
    }

    /// Ends the way; how many events were excused. `must_be_whole`: up to the topic's last event.
    pub(super) fn end(&mut self, must_be_whole: bool, verdict: &mut Verdict) -> u64 {
        if must_be_whole {
            self.pass(u64::MAX);
        }
        // What was passed over and came nevertheless was told of too late.
        let late = self.skipped.iter().filter(|id| self.received.contains(id)).count();
        verdict.disordered += late as u64;
        verdict.missing += (self.skipped.len() - late) as u64;
        verdict.excused += self.excused;
        self.excused
    }

    /// Accounts for what lies between the last event and this one.
    fn pass(&mut self, id: u64) {
        let resync = self.resync.take();
        let from = self.events.partition_point(|(event, _)| *event <= self.reached);
        for (event, sent) in self.events[from..].iter().take_while(|(event, _)| *event < id) {
            if self.received.contains(event) {
                continue;
            }
            if resync.is_some_and(|at| *sent <= at) {
                self.excused += 1;
            } else {
                self.skipped.insert(*event);
            }
        }
    }
}
