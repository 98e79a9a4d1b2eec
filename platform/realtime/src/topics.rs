//! The topics of this process: who follows each, what happened lately, and what a follower has already.
//!
//! **Invariants:**
//! - What is remembered is bounded, in number and in bytes. `floor` is the position above which everything that became
//!   visible here is remembered.
//! - A follower that came back is not told again what it has, neither what it was given on coming back nor what lies
//!   at or below where it went on from: this process may be behind the one that told it.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::cursor::Cursor;
use crate::outbox::Outbox;
use crate::rendering::{Rendered, Run};
use crate::stats::Counters;

/// Events that are remembered, and about how many bytes of them.
const MOST_REMEMBERED: usize = 20_000;
const MOST_BYTES: usize = 16 * 1024 * 1024;

/// All topics.
#[derive(Debug)]
pub(crate) struct Topics {
    pub(crate) by_name: HashMap<Arc<str>, Topic>,
    /// What is remembered, the oldest first.
    order: VecDeque<(Arc<str>, u64, usize)>,
    bytes: usize,
    pub(crate) floor: u64,
    pub(crate) watermark: Option<u64>,
    pub(crate) identity: Arc<str>,
}

#[derive(Debug, Default)]
pub(crate) struct Topic {
    pub(crate) recent: VecDeque<Arc<Rendered>>,
    pub(crate) followers: HashMap<u64, Arc<Outbox>>,
    /// What followers that came back have of what a look may still bring.
    had: HashMap<u64, Had>,
}

/// What a follower that came back has already.
#[derive(Debug)]
struct Had {
    /// Where it went on from: it has all that lies at or below.
    through: u64,
    /// What it was given out of the database, which lies above.
    given: HashSet<u64>,
}

impl Had {
    fn has(&self, id: u64) -> bool {
        id <= self.through || self.given.contains(&id)
    }

    /// Forgets what no look can bring any more; whether anything is left.
    fn settle(&mut self, watermark: Option<u64>) -> bool {
        self.given.retain(|id| watermark.is_none_or(|watermark| *id > watermark));
        !self.given.is_empty() || watermark.is_none_or(|watermark| self.through > watermark)
    }
}

impl Topic {
    /// Has a connection follow it that has all through a position, and what it was given.
    pub(crate) fn go_on(&mut self, outbox: &Arc<Outbox>, through: u64, given: HashSet<u64>, watermark: Option<u64>) {
        let mut had = Had { through, given };
        if had.settle(watermark) {
            self.had.insert(outbox.id, had);
        }
        if watermark < Some(through) {
            outbox.ahead.fetch_max(through, Ordering::AcqRel);
        }
        self.followers.insert(outbox.id, outbox.clone());
    }

    pub(crate) fn leave(&mut self, outbox: &Outbox) {
        self.followers.remove(&outbox.id);
        self.had.remove(&outbox.id);
    }

    /// Tells what a look brought, but to no follower what it has; nothing at or below `watermark` comes after it.
    pub(crate) fn tell(
        &mut self,
        name: &Arc<str>,
        events: &[Arc<Rendered>],
        watermark: Option<u64>,
        counters: &Counters,
    ) {
        if self.followers.is_empty() {
            return;
        }
        let all = Run::cut(name, events);
        // What is left for those who have some: made once for all who have the same.
        let mut rests: HashMap<Vec<u64>, Vec<Arc<Run>>> = HashMap::new();
        for outbox in self.followers.values() {
            let rest: Option<Vec<_>> = (self.had.get(&outbox.id))
                .map(|had| events.iter().filter(|one| !had.has(one.event.id)).cloned().collect())
                .filter(|rest: &Vec<_>| rest.len() < events.len());
            let runs = match rest {
                None => &all,
                Some(rest) => {
                    rests.entry(rest.iter().map(|one| one.event.id).collect()).or_insert_with(|| Run::cut(name, &rest))
                }
            };
            runs.iter().for_each(|run| outbox.put(run, counters));
        }
        self.had.retain(|_, had| had.settle(watermark));
    }
}

impl Default for Topics {
    fn default() -> Self {
        Self {
            by_name: HashMap::new(),
            order: VecDeque::new(),
            bytes: 0,
            floor: u64::MAX,
            watermark: None,
            identity: Arc::from(""),
        }
    }
}

impl Topics {
    pub(crate) fn cursor(&self) -> Cursor {
        Cursor::new(self.identity.clone(), self.watermark)
    }

    pub(crate) fn remember(&mut self, rendered: &Arc<Rendered>, topic: &Arc<str>) {
        let weight = rendered.weight();
        self.bytes += weight;
        self.order.push_back((topic.clone(), rendered.event.id, weight));
        while self.order.len() > MOST_REMEMBERED || self.bytes > MOST_BYTES {
            let Some((topic, id, weight)) = self.order.pop_front() else { break };
            self.bytes -= weight;
            self.floor = self.floor.max(id);
            if let Some(of) = self.by_name.get_mut(&topic) {
                of.recent.pop_front();
                if of.recent.is_empty() && of.followers.is_empty() {
                    self.by_name.remove(&topic);
                }
            }
        }
    }

    /// Begins a history, of which everything above `from` will be told. What followers have of another is nothing in
    /// this one.
    pub(crate) fn begin(&mut self, identity: Arc<str>, from: u64) {
        self.forget();
        for topic in self.by_name.values_mut() {
            topic.had.clear();
            topic.followers.values().for_each(|outbox| outbox.ahead.store(0, Ordering::Release));
        }
        (self.identity, self.floor, self.watermark) = (identity, from, None);
    }

    pub(crate) fn forget(&mut self) {
        self.order.clear();
        self.bytes = 0;
        self.by_name.retain(|_, topic| {
            topic.recent.clear();
            !topic.followers.is_empty()
        });
    }

    pub(crate) fn topic(&mut self, name: &str) -> (Arc<str>, &mut Topic) {
        let name = match self.by_name.get_key_value(name) {
            Some((name, _)) => name.clone(),
            None => Arc::from(name),
        };
        let topic = self.by_name.entry(name.clone()).or_default();
        (name, topic)
    }
}

#[cfg(test)]
mod tests {
    use entrepot_feed::Event;
    use futures_util::task::noop_waker;

    use super::*;
    use crate::outbox::Next;
    use crate::rendering::Form;

    fn events(ids: impl IntoIterator<Item = u64>) -> Vec<Arc<Rendered>> {
        let one = |id| Event {
            id,
            topic: "stock".into(),
            name: "moved".into(),
            tags: Vec::new(),
            audience: None,
            data: serde_json::json!({}),
            request_id: None,
            at: jiff::Timestamp::UNIX_EPOCH,
            cause: None,
        };
        ids.into_iter().map(|id| Arc::new(Rendered::new(Arc::new(one(id)), &"abc".into(), None, None))).collect()
    }

    /// The ids that wait to be sent.
    fn told(outbox: &Outbox) -> Vec<u64> {
        let mut ids = Vec::new();
        while let Next::Send(bytes) = outbox.next(&noop_waker()) {
            let text = String::from_utf8_lossy(&bytes);
            ids.extend(text.split("\"id\":\"").skip(1).filter_map(|rest| rest.split('"').next()?.parse::<u64>().ok()));
        }
        ids
    }

    #[test]
    fn nobody_is_told_again_what_they_have() {
        let (name, counters) = (Arc::<str>::from("stock"), Counters::default());
        let mut topic = Topic::default();
        let outboxes: Vec<_> = (0..3).map(|id| Arc::new(Outbox::new(id, Form::Socket, 1 << 20, 0))).collect();
        // One is ahead of this process, as another told it; one was given 4 out of the database; one is level with it.
        topic.go_on(&outboxes[0], 5, HashSet::new(), Some(2));
        topic.go_on(&outboxes[1], 2, HashSet::from([4]), Some(2));
        topic.go_on(&outboxes[2], 2, HashSet::new(), Some(2));
        topic.tell(&name, &events(3..=4), Some(2), &counters);
        topic.tell(&name, &events(5..=6), Some(4), &counters);
        assert_eq!(told(&outboxes[0]), [6]);
        assert_eq!(told(&outboxes[1]), [3, 5, 6]);
        assert_eq!(told(&outboxes[2]), [3, 4, 5, 6]);
        // What no look can bring any more is not kept.
        assert_eq!(topic.had.keys().collect::<Vec<_>>(), [&0]);
        topic.tell(&name, &events([7]), Some(5), &counters);
        assert!(topic.had.is_empty());
        assert_eq!(told(&outboxes[0]), [7]);
    }

    #[test]
    fn what_several_are_told_is_written_once() {
        let (name, counters) = (Arc::<str>::from("stock"), Counters::default());
        let mut topic = Topic::default();
        let outboxes: Vec<_> = (0..4).map(|id| Arc::new(Outbox::new(id, Form::Socket, 1 << 20, 0))).collect();
        // Two have the same of what comes, and two have nothing of it.
        for (outbox, through) in outboxes.iter().zip([5, 5, 3, 4]) {
            topic.go_on(outbox, through, HashSet::new(), Some(2));
        }
        topic.tell(&name, &events(5..=6), Some(4), &counters);
        let sent: Vec<_> = outboxes
            .iter()
            .map(|outbox| match outbox.next(&noop_waker()) {
                Next::Send(bytes) => bytes.as_ptr(),
                _ => panic!("nothing was told"),
            })
            .collect();
        assert!(sent[0] == sent[1] && sent[2] == sent[3] && sent[0] != sent[2]);
    }

    #[test]
    fn what_a_follower_had_of_another_history_is_not_taken_for_what_this_one_brings() {
        let (name, counters) = (Arc::<str>::from("stock"), Counters::default());
        let (mut topics, outbox) = (Topics::default(), Arc::new(Outbox::new(1, Form::ServerSent, 1 << 20, 0)));
        topics.topic("stock").1.go_on(&outbox, 5, HashSet::from([7]), Some(2));
        let cursor = |position| Cursor::new("abc".into(), position);
        assert!(!outbox.catch_up(&cursor(None)) && !outbox.catch_up(&cursor(Some(4))));
        assert_eq!(outbox.form_now(), Form::Unmarked, "a place to go on from lies behind where it was");
        topics.begin("abd".into(), 2);
        topics.topic("stock").1.tell(&name, &events([4, 7]), Some(7), &counters);
        assert_eq!(told(&outbox), [4, 7]);
        assert_eq!(outbox.form_now(), Form::ServerSent);
        // In one history the places are named again as soon as this process has read as far.
        topics.topic("stock").1.go_on(&outbox, 9, HashSet::new(), Some(7));
        assert!(!outbox.catch_up(&cursor(Some(8))) && outbox.form_now() == Form::Unmarked);
        assert!(outbox.catch_up(&cursor(Some(9))) && outbox.form_now() == Form::ServerSent);
    }

    #[test]
    fn before_anything_is_settled_everything_had_is_kept() {
        let (name, counters) = (Arc::<str>::from("stock"), Counters::default());
        let (mut topic, outbox) = (Topic::default(), Arc::new(Outbox::new(1, Form::Socket, 1 << 20, 0)));
        topic.go_on(&outbox, 5, HashSet::new(), None);
        topic.tell(&name, &events(4..=6), None, &counters);
        topic.tell(&name, &events([3]), None, &counters);
        assert_eq!(told(&outbox), [6]);
        topic.leave(&outbox);
        assert!(topic.had.is_empty() && topic.followers.is_empty());
    }
}
