//! What a client asks for over a connection: to sign in, to follow, to go on where it was.
//!
//! **Invariants:**
//! - Nothing is followed before somebody has signed in, and nothing that no rule lets them follow.
//! - One connection belongs to one person for its life: a fresh token of somebody else is refused.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use entrepot_web::{Caller, Problem, Proof};
use serde::Deserialize;

use crate::hub::Joined;
use crate::outbox::{Ending, Identity, Outbox};
use crate::told::{Told, written};
use crate::{Open, Shared};

/// A topic's name in bytes, at the most.
const LONGEST_TOPIC: usize = 200;
const LONGEST_CURSOR: usize = 100;

pub(crate) const UNKNOWN: Ending = Ending { code: 1013, reason: "it cannot be found out what you may follow" };
pub(crate) const UNAUTHORISED: Ending = Ending { code: 4401, reason: "not signed in, or no longer" };
pub(crate) const REVOKED: Ending = Ending { code: 4403, reason: "the right was taken away" };
pub(crate) const FLOODING: Ending = Ending { code: 4429, reason: "too many messages" };

/// What a client sends.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Asked {
    Auth {
        token: String,
    },
    Subscribe {
        event: Option<String>,
        #[serde(default)]
        events: Vec<String>,
        since: Option<String>,
    },
    Unsubscribe {
        event: Option<String>,
        #[serde(default)]
        events: Vec<String>,
    },
    Presence {
        event: String,
    },
    Ping {},
}

/// How many messages may still come.
#[derive(Debug)]
pub(crate) struct Allowance {
    left: f64,
    since_ms: i64,
}

impl Allowance {
    pub(crate) fn new(shared: &Shared) -> Self {
        Self { left: f64::from(shared.settings.burst), since_ms: shared.now_ms() }
    }

    /// Whether one more may.
    pub(crate) fn take(&mut self, shared: &Shared) -> bool {
        self.take_many(shared, 1)
    }

    fn take_many(&mut self, shared: &Shared, count: usize) -> bool {
        let now = shared.now_ms();
        let passed = (now - self.since_ms).clamp(0, 3_600_000);
        #[expect(clippy::cast_precision_loss, reason = "at most an hour in milliseconds")]
        let gained = passed as f64 / 1_000.0 * f64::from(shared.settings.messages_per_s);
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        self.left = (self.left + gained).min(f64::from(shared.settings.burst)) - f64::from(count);
        self.since_ms = now;
        self.left >= 0.0
    }
}

impl Open {
    /// Whose credentials these are; those that are not good are counted.
    async fn recognise(&self, proof: &Proof) -> Result<Arc<Caller>, Problem> {
        let keeper = &*self.shared.keeper;
        match &self.attempts {
            Some(attempts) => attempts.recognise(keeper, proof.credential()).await,
            None => keeper.recognise(proof.credential()).await,
        }
    }

    /// Signs in, tells so, and joins the person's own topic.
    pub(crate) async fn sign_in(&self, proof: Proof) -> Result<(), Problem> {
        let caller = self.recognise(&proof).await?;
        self.welcome(caller, proof, None).await;
        Ok(())
    }

    /// The same for somebody who was recognised already, and who may go on where they were.
    pub(crate) async fn welcome(&self, caller: Arc<Caller>, proof: Proof, since: Option<&str>) {
        let (shared, outbox) = (&self.shared, &self.outbox);
        let (expires_at, expires_in_ms) = expiry(shared, &caller);
        let connection_id = format!("c-{}", outbox.id);
        let heartbeat_ms = u64::try_from(shared.settings.heartbeat.as_millis()).unwrap_or(u64::MAX);
        let own = format!("user-{}", caller.id);
        *outbox.identity.write().unwrap_or_else(PoisonError::into_inner) = Some(Identity { caller, proof });
        // What was taken away between the asking and this was told to nobody here.
        outbox.doubt(shared.now_ms());
        let welcome = Told::Welcome { connection_id: &connection_id, heartbeat_ms, expires_at, expires_in_ms };
        outbox.put_own(written(outbox.form, &welcome));
        if shared.is_followable(&own) {
            self.follow(&own, since).await;
        }
    }

    /// Takes a message. The connection ends with the code, where there is one.
    pub(crate) async fn take(&self, allowance: &mut Allowance, text: &str) -> Result<(), Ending> {
        let (shared, outbox) = (&self.shared, &self.outbox);
        shared.counters.received.fetch_add(1, Ordering::Relaxed);
        if !allowance.take(shared) {
            return Err(FLOODING);
        }
        let asked = match serde_json::from_str::<Asked>(text) {
            Ok(asked) => asked,
            Err(error) => {
                self.refuse("live.malformed_message", &format!("the message cannot be read: {error}"), None);
                return Ok(());
            }
        };
        let is_signed_in = outbox.caller().is_some();
        match asked {
            Asked::Auth { token } => {
                let proof = Proof::of_token(&token);
                if !is_signed_in {
                    return self.sign_in(proof).await.map_err(|problem| self.not_recognised(&problem));
                }
                self.renew(proof).await
            }
            Asked::Ping {} => {
                let cursor = cursor_for_all(shared, outbox);
                outbox.put_own(written(outbox.form, &Told::Pong { cursor }));
                Ok(())
            }
            _ if !is_signed_in => {
                self.refuse("live.not_signed_in", "sign in first: {\"type\":\"auth\",\"token\":\"…\"}", None);
                Err(UNAUTHORISED)
            }
            Asked::Subscribe { event, events, since } => {
                // Each is looked up, and counts as a message of its own.
                if !allowance.take_many(shared, events.len().saturating_sub(1)) {
                    return Err(FLOODING);
                }
                for topic in event.iter().chain(&events) {
                    self.follow(topic, since.as_deref()).await;
                }
                self.refuse_none(event.is_none() && events.is_empty());
                Ok(())
            }
            Asked::Unsubscribe { event, events } => {
                for topic in event.iter().chain(&events) {
                    self.unfollow(topic);
                }
                self.refuse_none(event.is_none() && events.is_empty());
                Ok(())
            }
            Asked::Presence { event } => {
                if self.may_follow(&event).await {
                    let count = shared.hub.presence(&event);
                    outbox.put_own(written(outbox.form, &Told::Presence { topic: &event, count }));
                }
                Ok(())
            }
        }
    }

    fn refuse_none(&self, names_none: bool) {
        if names_none {
            self.refuse("live.malformed_message", "name a topic in `event`, or several in `events`", None);
        }
    }

    pub(crate) fn not_recognised(&self, problem: &Problem) -> Ending {
        self.refuse(problem.kind().code, problem.detail(), None);
        if problem.kind().status == 401 { UNAUTHORISED } else { Ending { code: 1013, reason: "try again later" } }
    }

    /// Goes on with fresh credentials of the same person.
    async fn renew(&self, proof: Proof) -> Result<(), Ending> {
        let (shared, outbox) = (&self.shared, &self.outbox);
        let caller = match self.recognise(&proof).await {
            Ok(caller) => caller,
            Err(problem) => {
                // The old ones may be good still.
                self.refuse(problem.kind().code, problem.detail(), None);
                return Ok(());
            }
        };
        if outbox.caller().is_none_or(|before| before.id != caller.id) {
            self.refuse("live.another_person", "the token belongs to somebody else; open another connection", None);
            return Ok(());
        }
        let (expires_at, expires_in_ms) = expiry(shared, &caller);
        *outbox.identity.write().unwrap_or_else(PoisonError::into_inner) = Some(Identity { caller, proof });
        outbox.doubt(shared.now_ms());
        outbox.put_own(written(outbox.form, &Told::Authenticated { expires_at, expires_in_ms }));
        self.drop_forbidden().await;
        Ok(())
    }

    /// Ends the subscriptions that the caller has no right to any more.
    pub(crate) async fn drop_forbidden(&self) {
        drop_forbidden(&self.shared, &self.outbox).await;
    }

    /// Whether the caller may follow a topic; if not, that is told.
    async fn may_follow(&self, topic: &str) -> bool {
        match may_follow(&self.shared, &self.outbox, topic).await {
            Some(true) => return true,
            Some(false) => self.refuse_topic(topic),
            None => {
                self.refuse("live.unavailable", "your right to it cannot be looked up; try again soon", Some(topic))
            }
        }
        false
    }

    fn refuse_topic(&self, topic: &str) {
        let (code, detail) = if self.shared.is_followable(topic) {
            ("live.forbidden", "you have no permission to follow this topic".to_owned())
        } else {
            ("live.unknown_topic", self.shared.no_topic(topic))
        };
        let mut end = topic.len().min(LONGEST_TOPIC);
        while !topic.is_char_boundary(end) {
            end -= 1;
        }
        self.refuse(code, &detail, Some(&topic[..end]));
    }

    pub(crate) async fn follow(&self, topic: &str, since: Option<&str>) -> bool {
        let (shared, outbox) = (&self.shared, &self.outbox);
        if topic.len() > LONGEST_TOPIC {
            self.refuse_topic(topic);
            return false;
        }
        if !self.may_follow(topic).await {
            return false;
        }
        let is_new = {
            let mut topics = outbox.topics.lock().unwrap_or_else(PoisonError::into_inner);
            let is_new = !topics.iter().any(|own| **own == *topic);
            if is_new && topics.len() >= shared.settings.most_topics {
                drop(topics);
                let detail = format!("a connection may follow {} topics", shared.settings.most_topics);
                self.refuse("live.too_many_topics", &detail, Some(topic));
                return false;
            }
            if is_new {
                topics.push(topic.into());
            }
            is_new
        };
        if !is_new {
            // Joined anew below, where it asks to go on from elsewhere.
            shared.hub.leave(outbox, topic);
        }
        // One that is too long is none of ours; and who has not taken what it was given is given no more.
        let since = since.map(|since| if since.len() > LONGEST_CURSOR || outbox.is_behind() { "" } else { since });
        match shared.hub.join(shared, outbox, topic, since).await {
            Ok(Joined::Withdrawn) => false,
            Ok(joined) => {
                if let Joined::Expired(_) = joined {
                    shared.counters.resyncs.fetch_add(1, Ordering::Relaxed);
                }
                // The right may have gone while it joined.
                let may_follow = self.may_follow(topic).await;
                if !may_follow {
                    self.unfollow_quietly(topic);
                    outbox.purge(topic);
                }
                may_follow
            }
            Err(error) => {
                tracing::warn!(%error, topic, "what a follower has missed could not be read");
                self.unfollow_quietly(topic);
                self.refuse("live.unavailable", "what you have missed cannot be read; try again soon", Some(topic));
                false
            }
        }
    }

    fn unfollow(&self, topic: &str) {
        self.unfollow_quietly(topic);
        self.outbox.put_own(written(self.outbox.form, &Told::Unsubscribed { topic }));
    }

    fn unfollow_quietly(&self, topic: &str) {
        self.outbox.topics.lock().unwrap_or_else(PoisonError::into_inner).retain(|own| **own != *topic);
        self.shared.hub.leave(&self.outbox, topic);
    }

    pub(crate) fn refuse(&self, code: &'static str, detail: &str, topic: Option<&str>) {
        let detail = detail.to_owned();
        self.outbox.put_own(written(self.outbox.form, &Told::Error { code, detail, topic }));
    }
}

/// Whether the caller may follow a topic; `None` where that cannot be found out now.
pub(crate) async fn may_follow(shared: &Shared, outbox: &Outbox, topic: &str) -> Option<bool> {
    let Some(caller) = outbox.caller() else { return Some(false) };
    let mut answer = Some(false);
    for rule in shared.rules().iter().filter(|rule| rule.knows(topic)) {
        match rule.allows(&*shared.keeper, &caller, topic).await {
            Some(true) => return Some(true),
            Some(false) => {}
            None => answer = None,
        }
    }
    answer
}

/// Ends the subscriptions that the caller has no right to any more.
pub(crate) async fn drop_forbidden(shared: &Shared, outbox: &Outbox) {
    let topics = outbox.topics.lock().unwrap_or_else(PoisonError::into_inner).clone();
    for topic in topics {
        if outbox.is_ending() {
            return;
        }
        drop_if_forbidden(shared, outbox, &topic).await;
    }
}

/// Ends a subscription if the caller has no right to it any more, and the connection if that cannot be found out.
pub(crate) async fn drop_if_forbidden(shared: &Shared, outbox: &Outbox, topic: &str) {
    match may_follow(shared, outbox, topic).await {
        Some(true) => return,
        Some(false) => {}
        None => return outbox.end_now(UNKNOWN),
    }
    outbox.topics.lock().unwrap_or_else(PoisonError::into_inner).retain(|own| **own != *topic);
    shared.hub.leave(outbox, topic);
    outbox.purge(topic);
    let detail = "you have no permission to follow this topic any more".to_owned();
    let told = Told::Error { code: "live.forbidden", detail, topic: Some(topic) };
    outbox.put_own(written(outbox.form, &told));
}

/// A cursor from which the other end can go on with all that it follows; none while this process is behind the one that
/// gave a cursor from which it went on. Read before it is looked whether something was lost: what is lost afterwards lies
/// behind it.
pub(crate) fn cursor_for_all(shared: &Shared, outbox: &Outbox) -> Option<String> {
    let cursor = shared.hub.cursor();
    let is_good = outbox.catch_up(&cursor) && !outbox.has_lost();
    is_good.then(|| cursor.text()).flatten()
}

fn expiry(shared: &Shared, caller: &Caller) -> (Option<String>, Option<i64>) {
    if caller.expires_at == jiff::Timestamp::MAX {
        return (None, None);
    }
    let left = caller.expires_at.as_millisecond() - shared.now_ms();
    (Some(caller.expires_at.to_string()), Some(left.max(0)))
}
