//! A follower: it follows its topics over whatever instance is there, resumes after every break, and notes what it
//! sees.
//!
//! **Invariant:** nothing is judged here, and nothing left out but the person's own topic: an event that the follower
//! has no right to is noted like any other.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use entrepot_realtime::client::Client;
use serde_json::{Value, json};

use super::judge::{Moment, Seen};
use super::link::{Heard, Link};
use super::people::Spec;
use super::writers::mark_of;
use super::{BREATH, Guard, Run, pause};
use crate::verify::work::Random;

/// How long opening a connection may take, before another instance is tried: one may be stopped.
const OPENED_WITHIN: Duration = Duration::from_secs(5);
/// How long subscriptions may take to be confirmed.
const CONFIRMED_WITHIN: Duration = Duration::from_secs(10);
/// How often it is looked whether all has come, also where nothing more does.
const LOOK: Duration = Duration::from_millis(200);

struct Topic {
    name: Arc<str>,
    /// From where a WebSocket resumes it.
    cursor: Option<String>,
    /// From where this connection resumed it.
    asked: Option<String>,
    was_followed: bool,
    last: u64,
    resynced: Option<Moment>,
    /// Its right was taken away.
    is_gone: bool,
}

/// What a follower hands over at the end.
pub(super) struct Followed {
    pub(super) spec: Spec,
    pub(super) seen: Vec<Seen>,
    pub(super) connections: u64,
}

pub(super) struct Follower {
    run: Arc<Run>,
    spec: Spec,
    random: Random,
    topics: BTreeMap<String, Topic>,
    seen: Vec<Seen>,
    connections: u64,
    /// From where a stream resumes.
    last_id: Option<String>,
    is_foreign_refused: bool,
    has_joined: bool,
}

/// Why a connection was left.
#[derive(PartialEq, Eq)]
enum Left {
    /// It broke, or did not serve.
    Broken,
    /// The credentials were taken away, as they were to be.
    Revoked,
}

impl Follower {
    pub(super) fn new(run: Arc<Run>, spec: Spec, seed: u64) -> Self {
        let topic = |name: &Arc<str>| Topic {
            name: name.clone(),
            cursor: None,
            asked: None,
            was_followed: false,
            last: 0,
            resynced: None,
            is_gone: false,
        };
        let topics = spec.topics.iter().map(|name| (name.to_string(), topic(name))).collect();
        Self {
            run,
            spec,
            random: Random::new(seed),
            topics,
            seen: Vec::new(),
            connections: 0,
            last_id: None,
            is_foreign_refused: false,
            has_joined: false,
        }
    }

    pub(super) async fn follow(mut self) -> Followed {
        while !self.has_all() {
            match self.connect().await {
                Some(Ok(link)) => {
                    self.connections += 1;
                    if self.listen(link).await == Left::Revoked {
                        break;
                    }
                }
                Some(Err(Left::Revoked)) => break,
                Some(Err(Left::Broken)) | None => {}
            }
            pause(BREATH).await;
        }
        Followed { spec: self.spec, seen: self.seen, connections: self.connections }
    }

    fn is_resuming(&self) -> bool {
        self.run.plan.without != Some(Guard::Resume)
    }

    fn may_be_revoked(&self) -> bool {
        self.spec.is_leaving && self.run.is_revoking()
    }

    /// Opens a connection and subscribes; `None` where nothing answers in time.
    async fn connect(&mut self) -> Option<Result<Link, Left>> {
        let is_resuming = self.is_resuming();
        for topic in self.topics.values_mut() {
            let from = if self.spec.is_stream { &self.last_id } else { &topic.cursor };
            topic.asked = from.clone().filter(|_| is_resuming);
        }
        let opening = async { if self.spec.is_stream { self.open_stream().await } else { self.open_socket().await } };
        tokio::time::timeout(OPENED_WITHIN, opening).await.ok()
    }

    fn any_address(&mut self) -> std::net::SocketAddr {
        self.run.instances.address(self.random.index(self.run.plan.instances))
    }

    async fn open_socket(&mut self) -> Result<Link, Left> {
        let address = self.any_address();
        let path = format!("/ws?token={}", self.spec.key);
        let mut client = Client::open(address, &path).await.map_err(|_| Left::Broken)?;
        for topic in self.topics.values().filter(|topic| !topic.is_gone) {
            let ask = json!({"type": "subscribe", "event": &*topic.name, "since": topic.asked});
            client.send(&ask.to_string()).await.map_err(|_| Left::Broken)?;
        }
        if let Some(foreign) = &self.spec.foreign {
            let ask = json!({"type": "subscribe", "event": &**foreign});
            client.send(&ask.to_string()).await.map_err(|_| Left::Broken)?;
        }
        Ok(Link::Socket(client))
    }

    async fn open_stream(&mut self) -> Result<Link, Left> {
        let address = self.any_address();
        let run = self.run.clone();
        // A stream with a topic that one may not follow is refused as a whole.
        if let Some(foreign) = self.spec.foreign.clone().filter(|_| !self.is_foreign_refused) {
            let both = format!("{},{foreign}", self.names());
            match run.streams.open(address, &both, &self.spec.key, None).await {
                Ok(Ok(_stream)) => {
                    self.seen.push(Seen::Subscribed { topic: foreign, since: None, at: run.now() });
                    self.is_foreign_refused = true;
                }
                Ok(Err(403)) => {
                    self.seen.push(Seen::Refused { topic: foreign });
                    self.is_foreign_refused = true;
                }
                Ok(Err(_)) | Err(_) => return Err(Left::Broken),
            }
        }
        let last = self.last_id.as_deref().filter(|_| self.is_resuming());
        let opened = run.streams.open(address, &self.names(), &self.spec.key, last).await;
        match opened {
            Ok(Ok(stream)) => Ok(Link::Stream(Box::new(stream))),
            Ok(Err(401)) if self.may_be_revoked() => Err(Left::Revoked),
            Ok(Err(403)) => {
                let refused = self.topics.values().map(|topic| Seen::Refused { topic: topic.name.clone() });
                self.seen.extend(refused);
                Err(Left::Broken)
            }
            Ok(Err(_)) | Err(_) => Err(Left::Broken),
        }
    }

    fn names(&self) -> String {
        self.topics.keys().map(String::as_str).collect::<Vec<_>>().join(",")
    }

    /// Takes what comes until the connection ends, or all has come.
    async fn listen(&mut self, mut link: Link) -> Left {
        let opened = Instant::now();
        let mut awaited: HashSet<String> =
            self.topics.iter().filter(|(_, topic)| !topic.is_gone).map(|(name, _)| name.clone()).collect();
        if !self.spec.is_stream {
            awaited.extend(self.spec.foreign.as_deref().map(str::to_owned));
        }
        while !self.has_all() {
            if self.spec.is_slow && self.run.is_holding() {
                pause(BREATH).await;
                continue;
            }
            if !awaited.is_empty() && opened.elapsed() > CONFIRMED_WITHIN {
                return Left::Broken;
            }
            let message = match tokio::time::timeout(LOOK, link.next()).await {
                Err(_elapsed) => continue,
                Ok(Ok(Heard::Message(message))) => message,
                Ok(Ok(Heard::Over(Some(4401 | 4403)))) if self.may_be_revoked() => return Left::Revoked,
                Ok(Ok(Heard::Over(_)) | Err(_)) => return Left::Broken,
            };
            if let Some(last) = link.last_id() {
                self.last_id = Some(last.to_owned());
            }
            if !self.take(&message, &mut awaited) {
                return Left::Broken;
            }
            if awaited.is_empty() && !self.has_joined {
                self.has_joined = true;
                self.run.joined();
            }
        }
        Left::Broken
    }

    /// Notes a message; whether the connection still serves.
    fn take(&mut self, message: &Value, awaited: &mut HashSet<String>) -> bool {
        let name = message["topic"].as_str().or(message["event"].as_str()).unwrap_or_default();
        let cursor = message["cursor"].as_str();
        match message["type"].as_str() {
            Some("subscribed") => {
                awaited.remove(name);
                self.subscribed(name, cursor);
            }
            Some("resync") => self.resync(name),
            Some("event") => self.event(name, message),
            Some("error") => return self.refused(name, message["code"].as_str().unwrap_or_default(), awaited),
            _ => return true,
        }
        if let (Some(cursor), Some(topic)) = (cursor, self.topics.get_mut(name)) {
            topic.cursor = Some(cursor.to_owned());
        }
        true
    }

    fn subscribed(&mut self, name: &str, cursor: Option<&str>) {
        // A person's own topic is followed without being asked for.
        if name.starts_with("user-") {
            return;
        }
        let at = self.run.now();
        let is_resuming = self.is_resuming();
        let Some(topic) = self.topics.get_mut(name) else {
            self.seen.push(Seen::Subscribed { topic: name.into(), since: None, at });
            return;
        };
        // Where it did not resume from what it was asked for, a `resync` follows, or must be missed.
        let since = topic.asked.as_deref().filter(|asked| cursor == Some(asked)).and_then(position_of);
        let reads_state = topic.was_followed && topic.asked.is_none() && is_resuming;
        topic.was_followed = true;
        let topic = topic.name.clone();
        self.seen.push(Seen::Subscribed { topic, since, at });
        if reads_state {
            // It never had a cursor: whoever follows a topic anew reads the state then.
            self.resync(name);
        }
    }

    fn resync(&mut self, name: &str) {
        let at = self.run.now();
        let Some(topic) = self.topics.get_mut(name) else { return };
        topic.resynced = Some(at);
        if self.run.plan.without != Some(Guard::Resync) {
            self.seen.push(Seen::Resync { topic: topic.name.clone(), at });
        }
    }

    fn event(&mut self, name: &str, message: &Value) {
        if name.starts_with("user-") {
            return;
        }
        let id = message["id"].as_str().and_then(|id| id.parse().ok()).unwrap_or_default();
        let topic = match self.topics.get_mut(name) {
            Some(topic) => {
                topic.last = topic.last.max(id);
                topic.name.clone()
            }
            None => name.into(),
        };
        self.seen.push(Seen::Event { topic, id, mark: mark_of(&message["data"]) });
    }

    fn refused(&mut self, name: &str, code: &str, awaited: &mut HashSet<String>) -> bool {
        if !matches!(code, "live.forbidden" | "live.unknown_topic") {
            // What was missed cannot be read now, or the credentials cannot be looked up: another connection may.
            return false;
        }
        awaited.remove(name);
        let Some(topic) = self.topics.get_mut(name) else {
            self.seen.push(Seen::Refused { topic: name.into() });
            return true;
        };
        self.seen.push(Seen::Refused { topic: topic.name.clone() });
        topic.is_gone = self.spec.is_leaving && self.run.is_revoking();
        topic.is_gone
    }

    /// Whether it has all that it must, or the time for it is over.
    fn has_all(&self) -> bool {
        if self.run.is_over() {
            return true;
        }
        let Some(goals) = self.run.goals() else { return false };
        // Without resuming, what was missed does not come any more.
        !self.is_resuming()
            || self.topics.iter().all(|(name, topic)| {
                topic.is_gone
                    || goals.get(&**name).is_none_or(|goal| {
                        topic.last >= goal.id || topic.resynced.is_some_and(|resynced| resynced >= goal.sent)
                    })
            })
    }
}

/// The position in a cursor, behind the name of its history.
fn position_of(cursor: &str) -> Option<u64> {
    cursor.split_once('-')?.1.parse().ok()
}
