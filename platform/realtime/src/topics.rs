//! The topics of this process: who follows each, what happened lately, and what a follower has already.
//!
//! **Invariants:**
//! - What is remembered is bounded, in number and in bytes. `floor` is the position above which everything that became
//!   visible here is remembered.
//! - A follower that came back is not told again what it has, neither what it was given on coming back nor what lies
//!   at or below where it went on from: this process may be behind the one that told it.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

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
        let runs = Run::cut(name, events);
        for outbox in self.followers.values() {
            match self.had.get(&outbox.id) {
                Some(had) => {
                    let rest: Vec<_> = events.iter().filter(|one| !had.has(one.event.id)).cloned().collect();
                    Run::cut(name, &rest).iter().for_each(|run| outbox.put(run, counters));
                }
                None => runs.iter().for_each(|run| outbox.put(run, counters)),
            }
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
