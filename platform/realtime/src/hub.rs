//! The hub: which connection follows what, what happened lately, and the telling of it.
//!
//! One task takes the looks of the feed and puts each topic's events into the queues of those who follow
//! it. A follower that comes back is given what it has missed: out of what is remembered here, and what is
//! older out of the database.
//!
//! **Invariants:**
//! - Joining a topic and being told of its next event happen under one lock: whoever joined at a position is
//!   told everything above it, once or more than once, and never nothing.
//! - What lies below the floor of what is remembered is read from the database; what was remembered although it lies
//!   below is told too.
//! - When the feed begins anew, or looks were missed, every follower is told to read the state again.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use entrepot_feed::{Look, Looks, Seen};
use entrepot_pg::Error;
use tokio::sync::watch;

use crate::Shared;
use crate::cursor::Cursor;
use crate::outbox::Outbox;
use crate::rendering::{Rendered, Run};
use crate::told::{Told, written};
use crate::topics::Topics;
use crate::watch::{recheck_doubted, recheck_followers};

/// How long a follower waits for the feed to begin.
const PATIENCE: Duration = Duration::from_secs(5);
/// Events that one look into the database gives.
const AT_ONCE: u32 = 1_000;
/// Events that a follower is given at the most when it comes back; with more it reads the state instead.
const MOST_GIVEN: usize = 10_000;

/// What came of joining a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Joined {
    /// It follows, from this cursor on.
    From(Option<String>),
    /// It follows, and may have missed something before this cursor.
    Expired(Option<String>),
    /// The right to follow it was taken away meanwhile.
    Withdrawn,
}

/// The topics, under their lock.
#[derive(Debug, Default)]
pub(crate) struct Hub {
    topics: Mutex<Topics>,
    /// Whether it is known where the feed is, so that cursors can be told from those of another history.
    is_ready: watch::Sender<bool>,
    /// The highest position that the database was seen to have given.
    given: AtomicU64,
}

impl Hub {
    fn topics(&self) -> MutexGuard<'_, Topics> {
        // A look that panicked halfway is one that followers may have missed; they are never told less than
        // that something was, since the next look goes on behind it.
        self.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until it is known where the feed is; not for ever, as nothing follows from its not being known but
    /// that those who come back read the state again.
    async fn ready(&self) {
        if !*self.is_ready.borrow() {
            let mut is_ready = self.is_ready.subscribe();
            let _in_time = tokio::time::timeout(PATIENCE, is_ready.wait_for(|is_ready| *is_ready)).await;
        }
    }

    /// Whether the database has given a position. Where it has not, or does not answer, nothing tells where a follower
    /// was: a database that was restored gives its positions anew.
    async fn was_given(&self, shared: &Shared, position: u64) -> bool {
        if self.given.load(Ordering::Acquire) >= position {
            return true;
        }
        let Ok(last) = shared.feed.last_given().await else { return false };
        self.given.fetch_max(last, Ordering::AcqRel);
        last >= position
    }

    /// The cursor from which a connection can go on with all that it follows.
    pub(crate) fn cursor(&self) -> Cursor {
        self.topics().cursor()
    }

    /// How many follow each topic.
    pub(crate) fn followers(&self) -> Vec<(Arc<str>, usize)> {
        let topics = self.topics();
        let followed = topics.by_name.iter().filter(|(_, topic)| !topic.followers.is_empty());
        followed.map(|(name, topic)| (name.clone(), topic.followers.len())).collect()
    }

    /// How many follow a topic here.
    pub(crate) fn presence(&self, topic: &str) -> usize {
        self.topics().by_name.get(topic).map_or(0, |topic| topic.followers.len())
    }

    /// Who follows a topic here.
    pub(crate) fn followers_of(&self, topic: &str) -> Vec<Arc<Outbox>> {
        let topics = self.topics();
        topics.by_name.get(topic).map(|topic| topic.followers.values().cloned().collect()).unwrap_or_default()
    }

    pub(crate) fn leave(&self, outbox: &Outbox, topic: &str) {
        let mut topics = self.topics();
        if let Some(of) = topics.by_name.get_mut(topic) {
            of.leave(outbox);
            if of.followers.is_empty() && of.recent.is_empty() {
                topics.by_name.remove(topic);
            }
        }
    }

    /// Has a connection follow a topic from now on, or from where it was.
    pub(crate) async fn join(
        &self,
        shared: &Shared,
        outbox: &Arc<Outbox>,
        topic: &str,
        since: Option<&str>,
    ) -> Result<Joined, Error> {
        self.ready().await;
        let Some(since) = since else {
            return Ok(self.join_at(outbox, topic, |cursor| Told::Subscribed { topic, cursor }));
        };
        let (identity, floor, watermark) = {
            let topics = self.topics();
            (topics.identity.clone(), topics.floor, topics.watermark)
        };
        let Some(position) = Cursor::position_in(since, &identity) else {
            return Ok(self.join_anew(outbox, topic));
        };
        // Another process may be ahead of this one.
        if watermark < Some(position) && !self.was_given(shared, position).await {
            return Ok(self.join_anew(outbox, topic));
        }
        // What lies below the floor first, page by page: meanwhile the floor may rise.
        let mut given: HashSet<u64> = HashSet::new();
        let mut older: Vec<Arc<Rendered>> = Vec::new();
        let (mut reached, mut floor) = (position, floor);
        loop {
            while reached < floor {
                // Before the read: what is settled now is in it.
                let settled = shared.feed.watermark();
                let (events, dropped_to) = shared.feed.history(topic, reached, floor, AT_ONCE).await?;
                if dropped_to > position {
                    return Ok(self.join_anew(outbox, topic));
                }
                let is_all = events.len() < usize::try_from(AT_ONCE).unwrap_or(usize::MAX);
                reached = if is_all { floor } else { events.last().map_or(floor, |event| event.id) };
                let told = events.into_iter().filter(|event| event.audience.is_none());
                for event in told {
                    given.insert(event.id);
                    older.push(Arc::new(Rendered::new(Arc::new(event), &identity, settled, Some(position))));
                }
                if older.len() > MOST_GIVEN {
                    return Ok(self.join_anew(outbox, topic));
                }
            }
            // Written before the lock is taken, as all wait for that.
            let topic_name: Arc<str> = topic.into();
            let form = outbox.form_now();
            let ready = Run::cut(&topic_name, &older);
            if ready.iter().map(|run| run.bytes(form).len()).sum::<usize>() > shared.settings.queue_bytes {
                return Ok(self.join_anew(outbox, topic));
            }
            let mut topics = self.topics();
            if topics.identity != identity {
                drop(topics);
                return Ok(self.join_anew(outbox, topic));
            }
            if topics.floor > reached {
                floor = topics.floor;
                continue;
            }
            let (name, of) = topics.topic(topic);
            let newer: Vec<Arc<Rendered>> = of
                .recent
                .iter()
                .filter(|rendered| rendered.event.id > position && !given.contains(&rendered.event.id))
                .cloned()
                .collect();
            if newer.len() > MOST_GIVEN {
                drop(topics);
                return Ok(self.join_anew(outbox, topic));
            }
            if !outbox.follows(topic) {
                return Ok(Joined::Withdrawn);
            }
            let from = Some(since.to_owned());
            outbox.put_own(written(outbox.form, &Told::Subscribed { topic, cursor: from.clone() }));
            for run in ready.into_iter().chain(Run::cut(&name, &newer)) {
                outbox.put_anyway(&run, &shared.counters);
            }
            let watermark = topics.watermark;
            topics.topic(topic).1.go_on(outbox, position, given, watermark);
            return Ok(Joined::From(from));
        }
    }

    fn join_at<'a>(
        &self,
        outbox: &Arc<Outbox>,
        topic: &'a str,
        told: impl FnOnce(Option<String>) -> Told<'a>,
    ) -> Joined {
        let mut topics = self.topics();
        if !outbox.follows(topic) {
            return Joined::Withdrawn;
        }
        let cursor = topics.cursor().text();
        let (_, of) = topics.topic(topic);
        outbox.put_own(written(outbox.form, &told(cursor.clone())));
        of.followers.insert(outbox.id, outbox.clone());
        Joined::From(cursor)
    }

    /// Where it is not known what was missed.
    fn join_anew(&self, outbox: &Arc<Outbox>, topic: &str) -> Joined {
        let mut topics = self.topics();
        if !outbox.follows(topic) {
            return Joined::Withdrawn;
        }
        let cursor = topics.cursor().text();
        let (_, of) = topics.topic(topic);
        outbox.put_own(written(outbox.form, &Told::Subscribed { topic, cursor: cursor.clone() }));
        outbox.put_own(written(outbox.form, &Told::Resync { topic, reason: "expired", cursor: cursor.clone() }));
        of.followers.insert(outbox.id, outbox.clone());
        Joined::Expired(cursor)
    }

    /// Takes in what the feed tells.
    pub(crate) fn take_in(&self, shared: &Shared, seen: &Seen) {
        match seen {
            Seen::Look(look) => self.publish(shared, look),
            Seen::Begun { identity, from } => {
                self.is_ready.send_replace(false);
                let mut topics = self.topics();
                let is_first = topics.identity.is_empty();
                topics.begin(identity.clone(), *from);
                self.given.store(*from, Ordering::Release);
                if !is_first {
                    resync(&topics, shared, "expired");
                }
            }
            Seen::Missed => {
                let mut topics = self.topics();
                topics.forget();
                topics.floor = topics.floor.max(shared.highest());
                resync(&topics, shared, "overflow");
            }
        }
    }

    fn publish(&self, shared: &Shared, look: &Look) {
        let mut topics = self.topics();
        let base = topics.watermark;
        topics.watermark = topics.watermark.max(look.watermark);
        let (identity, watermark) = (topics.identity.clone(), topics.watermark);
        if watermark.is_some() && !identity.is_empty() {
            self.is_ready.send_if_modified(|is_ready| !std::mem::replace(is_ready, true));
        }
        let mut by_topic: Vec<(Arc<str>, Vec<Arc<Rendered>>)> = Vec::new();
        let mut places: HashMap<Arc<str>, usize> = HashMap::new();
        let mut oldest = None;
        for event in &look.events {
            if event.audience.is_some() || !shared.is_followable(&event.topic) {
                continue;
            }
            oldest = Some(oldest.map_or(event.at, |oldest: jiff::Timestamp| oldest.min(event.at)));
            let rendered = Arc::new(Rendered::new(event.clone(), &identity, watermark, base));
            let (name, of) = topics.topic(&event.topic);
            of.recent.push_back(rendered.clone());
            topics.remember(&rendered, &name);
            let place = *places.entry(name.clone()).or_insert_with(|| {
                by_topic.push((name, Vec::new()));
                by_topic.len() - 1
            });
            by_topic[place].1.push(rendered);
        }
        for (name, events) in &by_topic {
            if let Some(of) = topics.by_name.get_mut(name) {
                of.tell(name, events, watermark, &shared.counters);
            }
        }
        drop(topics);
        let told: usize = by_topic.iter().map(|(_, events)| events.len()).sum();
        shared.counters.events.fetch_add(told as u64, Ordering::Relaxed);
        if let Some(oldest) = oldest {
            let lag = u64::try_from(shared.clock.now().duration_since(oldest).as_millis()).unwrap_or(0);
            shared.counters.lag_ms.store(lag, Ordering::Relaxed);
            shared.counters.most_lag_ms.fetch_max(lag, Ordering::Relaxed);
        }
    }

    /// Tells those topics of a connection that lost something, if there is room again.
    pub(crate) fn tell_lost(&self, shared: &Shared, outbox: &Outbox) {
        let cursor = self.cursor().text();
        let told = outbox.tell_lost(|topic| {
            written(outbox.form, &Told::Resync { topic, reason: "overflow", cursor: cursor.clone() })
        });
        shared.counters.resyncs.fetch_add(told as u64, Ordering::Relaxed);
    }
}

/// Tells everybody who follows anything to read the state again.
fn resync(topics: &Topics, shared: &Shared, reason: &'static str) {
    let cursor = topics.cursor().text();
    let mut told = 0;
    for (name, topic) in &topics.by_name {
        for outbox in topic.followers.values() {
            outbox.put_own(written(outbox.form, &Told::Resync { topic: name, reason, cursor: cursor.clone() }));
            told += 1;
        }
    }
    shared.counters.resyncs.fetch_add(told, Ordering::Relaxed);
}

/// Tells the hub of the feed, for the life of the program. Without `looks` it has been told before, and may
/// have missed something since.
pub(crate) async fn follow(shared: Arc<Shared>, looks: Option<Looks>) {
    let mut looks = match looks {
        Some(looks) => looks,
        None => {
            let looks = shared.feed.looks();
            shared.hub.take_in(&shared, &Seen::Missed);
            looks
        }
    };
    while let Some(seen) = looks.next().await {
        if let Seen::Look(look) = &seen {
            // A process that was stopped for a while reads a revocation and what was written after it in one look: who
            // has lost a right must be gone before that is told.
            if shared.doubt(look) {
                recheck_doubted(&shared, true).await;
            }
            recheck_followers(&shared, look).await;
        } else {
            shared.doubt_all();
        }
        shared.hub.take_in(&shared, &seen);
    }
}
