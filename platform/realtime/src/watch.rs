//! The watch over connections: are they still there, and may they still be.
//!
//! **Invariants:**
//! - Credentials that have ended end their connection within a second (4401), and so do rights that were
//!   taken away (4403): at the event that says so, and where the feed is not read, by asking the database.
//! - A connection of which nothing is heard for two heartbeats is cut (4408).

#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use entrepot_feed::{FOLLOWERS, Look};
use entrepot_web::{Caller, Problem, Proof, kinds};
use futures_util::StreamExt as _;
use futures_util::stream;
use tokio::time::Instant;

use crate::Shared;
use crate::frame::{self, Kind};
use crate::outbox::{Ending, Outbox};
use crate::rendering::Form;
use crate::session::{REVOKED, UNAUTHORISED, UNKNOWN, cursor_for_all, drop_forbidden, drop_if_forbidden};

/// How often everything is looked at.
const EVERY: Duration = Duration::from_millis(250);
/// How old the knowledge of revocations may be; see `accounts/identity.rs`.
const MOST_LAG: Duration = Duration::from_millis(500);
/// Connections whose credentials are asked for at once.
const AT_ONCE: usize = 8;
/// Followers who are asked about at once: many of them ask the same.
const FOLLOWERS_AT_ONCE: usize = 256;

/// How long an answer about one connection is waited for.
const PATIENCE: Duration = Duration::from_millis(500);
/// How long a connection whose rights may be gone goes on while that cannot be found out.
const MOST_DOUBT_MS: i64 = 500;

const SILENT: Ending = Ending { code: 4408, reason: "nothing was heard for two heartbeats" };

/// Looks after heartbeats, expiry and what was lost.
pub(crate) async fn watch(shared: Arc<Shared>) {
    let mut beat = tokio::time::interval(EVERY);
    loop {
        beat.tick().await;
        let now_ms = shared.now_ms();
        for outbox in shared.connections() {
            look_at(&shared, &outbox, now_ms);
        }
    }
}

/// Looks after rights: asks again whose may have changed. Apart from the rest, as it waits for answers.
pub(crate) async fn watch_rights(shared: Arc<Shared>) {
    let mut beat = tokio::time::interval(EVERY);
    loop {
        beat.tick().await;
        // Where the feed is not read nobody can know who has lost a right.
        let is_read = shared.feed.fence().is_read_within(MOST_LAG);
        recheck_doubted(&shared, is_read).await;
    }
}

/// Asks again for those whose rights may have changed; unless `only_doubted`, for all.
pub(crate) async fn recheck_doubted(shared: &Shared, only_doubted: bool) {
    // Whoever comes second waits until those are judged whom the first has taken out.
    let _one_at_a_time = shared.rechecking.lock().await;
    // Many connections of one credential are one question.
    let mut doubted: HashMap<Proof, Vec<(Arc<Outbox>, bool)>> = HashMap::new();
    for outbox in shared.connections() {
        let is_doubted = outbox.is_doubted.swap(false, Ordering::AcqRel);
        if is_doubted || !only_doubted {
            let identity = outbox.identity.read().unwrap_or_else(PoisonError::into_inner).clone();
            if let Some(identity) = identity {
                doubted.entry(identity.proof).or_default().push((outbox, is_doubted));
            }
        }
    }
    stream::iter(doubted).for_each_concurrent(AT_ONCE, |(proof, outboxes)| recheck(shared, proof, outboxes)).await;
}

/// Checks again the right of those who follow a topic, where a look says that they may have lost it. Nobody is told of
/// the look before that; so those of whom there is no answer in time are cut off, and may come back.
pub(crate) async fn recheck_followers(shared: &Shared, look: &Look) {
    let tags = look.events.iter().flat_map(|event| &event.tags);
    let topics: BTreeSet<&str> = tags.filter_map(|tag| tag.strip_prefix(FOLLOWERS)).collect();
    let followers = |topic| shared.hub.followers_of(topic).into_iter().map(move |outbox| (topic, outbox));
    // One bound for all of them.
    let until = Instant::now() + PATIENCE;
    let recheck = async |(topic, outbox): (&str, Arc<Outbox>)| {
        if tokio::time::timeout_at(until, drop_if_forbidden(shared, &outbox, topic)).await.is_err() {
            outbox.end_now(UNKNOWN);
        }
    };
    stream::iter(topics.into_iter().flat_map(followers)).for_each_concurrent(FOLLOWERS_AT_ONCE, recheck).await;
}

fn look_at(shared: &Shared, outbox: &Outbox, now_ms: i64) {
    if outbox.is_ending() {
        return;
    }
    shared.hub.tell_lost(shared, outbox);
    if outbox.ahead.load(Ordering::Acquire) > 0 {
        let _marked_again_if_so = outbox.catch_up(&shared.hub.cursor());
    }
    let heard_ms = outbox.heard_ms.load(Ordering::Relaxed);
    let silent_ms = now_ms - heard_ms;
    match outbox.caller() {
        None => {
            let patience = i64::try_from(shared.settings.sign_in_within.as_millis()).unwrap_or(i64::MAX);
            if silent_ms > patience {
                outbox.end(UNAUTHORISED);
            }
            return;
        }
        Some(caller) if caller.expires_at.as_millisecond() <= now_ms => {
            outbox.end_now(UNAUTHORISED);
            return;
        }
        Some(_) => {}
    }
    let heartbeat = i64::try_from(shared.settings.heartbeat.as_millis()).unwrap_or(i64::MAX);
    let asked_ms = outbox.asked_ms.load(Ordering::Relaxed);
    match outbox.form {
        Form::Socket | Form::Compressed if silent_ms > heartbeat.saturating_mul(2) => outbox.end_now(SILENT),
        Form::Socket | Form::Compressed if silent_ms > heartbeat && asked_ms <= heard_ms => {
            outbox.asked_ms.store(now_ms, Ordering::Relaxed);
            outbox.put_own(frame::frame(Kind::Ping, &[]));
        }
        // A stream hears nothing; that nobody reads it any more is noticed when something is written.
        Form::ServerSent
            if !outbox.is_joining.load(Ordering::Acquire) && now_ms - asked_ms.max(heard_ms) > heartbeat / 2 =>
        {
            outbox.asked_ms.store(now_ms, Ordering::Relaxed);
            let cursor = cursor_for_all(shared, outbox);
            let beat = cursor.map_or(": still here\n\n".to_owned(), |cursor| format!(": still here\nid: {cursor}\n\n"));
            outbox.put_own(beat.into());
        }
        _ => {}
    }
}

/// Asks again whose credential it is and what they may follow.
async fn recheck(shared: &Shared, proof: Proof, outboxes: Vec<(Arc<Outbox>, bool)>) {
    let asked = tokio::time::timeout(PATIENCE, shared.keeper.recognise(proof.credential())).await;
    let answer = asked.unwrap_or_else(|_elapsed| Err(Problem::new(&kinds::UNAVAILABLE, "no answer in time")));
    for (outbox, is_doubted) in outboxes {
        if judge(shared, &outbox, &proof, &answer, is_doubted) {
            drop_forbidden(shared, &outbox).await;
        }
    }
}

/// What becomes of a connection after the asking; whether its topics must be looked at too.
fn judge(
    shared: &Shared,
    outbox: &Outbox,
    proof: &Proof,
    answer: &Result<Arc<Caller>, Problem>,
    is_doubted: bool,
) -> bool {
    let mut present = outbox.identity.write().unwrap_or_else(PoisonError::into_inner);
    // Others were shown meanwhile, and are looked at by themselves.
    let Some(identity) = present.as_mut().filter(|identity| identity.proof == *proof) else { return false };
    match answer {
        // A right may have gone without the credential's: whose topics may be followed is more than who it is.
        Ok(now) if *now == identity.caller => is_doubted,
        Ok(now) => {
            identity.caller = now.clone();
            true
        }
        Err(problem) if problem.kind().status == 401 => {
            let is_over = identity.caller.expires_at <= shared.clock.now();
            outbox.end_now(if is_over { UNAUTHORISED } else { REVOKED });
            false
        }
        // It cannot be found out now, and is asked again. Who may have lost a right is not told anything for
        // longer than the bound; where it is only the feed that is not read, nothing new comes to be told.
        Err(_) => {
            if is_doubted {
                let since_ms = shared.now_ms() - outbox.doubted_ms.load(Ordering::Acquire);
                if since_ms > MOST_DOUBT_MS {
                    outbox.end_now(UNKNOWN);
                }
                outbox.is_doubted.store(true, Ordering::Release);
            }
            false
        }
    }
}
