//! The watch over connections: are they still there, and may they still be.
//!
//! **Invariants:**
//! - Credentials that have ended end their connection within a second (4401), and so do rights that were
//!   taken away (4403): at the event that says so, and where the feed is not read, by asking the database.
//! - A connection of which nothing is heard for two heartbeats is cut (4408).

use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;

use crate::Shared;
use crate::frame::{self, Kind};
use crate::outbox::{Ending, Identity, Outbox};
use crate::rendering::Form;
use crate::session::{REVOKED, UNAUTHORISED, drop_forbidden};

/// How often everything is looked at.
const EVERY: Duration = Duration::from_millis(250);
/// How old the knowledge of revocations may be; see `accounts/identity.rs`.
const MOST_LAG: Duration = Duration::from_millis(500);
/// Connections whose credentials are asked for at once.
const AT_ONCE: usize = 8;

const SILENT: Ending = Ending { code: 4408, reason: "nothing was heard for two heartbeats" };

pub(crate) async fn watch(shared: Arc<Shared>) {
    let mut beat = tokio::time::interval(EVERY);
    loop {
        beat.tick().await;
        let is_read = shared.feed.fence().is_read_within(MOST_LAG);
        let now_ms = shared.now_ms();
        let connections = shared.connections();
        for outbox in &connections {
            look_at(&shared, outbox, now_ms);
        }
        let doubted = connections.into_iter().filter(|outbox| {
            // Where the feed is not read nobody can know who has lost a right.
            outbox.is_doubted.swap(false, Ordering::AcqRel) || !is_read
        });
        stream::iter(doubted).for_each_concurrent(AT_ONCE, |outbox| recheck(&shared, outbox)).await;
    }
}

fn look_at(shared: &Shared, outbox: &Outbox, now_ms: i64) {
    if outbox.is_ending() {
        return;
    }
    shared.hub.tell_lost(shared, outbox);
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
        Form::ServerSent if now_ms - asked_ms.max(heard_ms) > heartbeat / 2 => {
            outbox.asked_ms.store(now_ms, Ordering::Relaxed);
            let cursor = if outbox.has_lost() { None } else { shared.hub.cursor() };
            let beat = cursor.map_or(": still here\n\n".to_owned(), |cursor| format!(": still here\nid: {cursor}\n\n"));
            outbox.put_own(beat.into());
        }
        _ => {}
    }
}

/// Asks again who is there and what they may follow.
async fn recheck(shared: &Shared, outbox: Arc<Outbox>) {
    let identity = outbox.identity.read().unwrap_or_else(PoisonError::into_inner).clone();
    let Some(Identity { caller, proof }) = identity else { return };
    match shared.keeper.recognise(proof.credential()).await {
        Ok(now) if now == caller => {}
        Ok(now) => {
            *outbox.identity.write().unwrap_or_else(PoisonError::into_inner) = Some(Identity { caller: now, proof });
            drop_forbidden(shared, &outbox).await;
        }
        Err(problem) if problem.kind().status == 401 => {
            let is_over = caller.expires_at <= shared.clock.now();
            outbox.end_now(if is_over { UNAUTHORISED } else { REVOKED });
        }
        // It cannot be found out now: it is asked again until it can. Nothing new comes meanwhile either,
        // as the feed comes from the same database.
        Err(_) => outbox.is_doubted.store(true, Ordering::Release),
    }
}
