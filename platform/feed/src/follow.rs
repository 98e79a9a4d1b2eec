//! Following the feed: one connection that looks, listens and nudges, for the life of the program.
//!
//! A look is due when somebody nudged, when this process committed something, and in any case after
//! the poll's interval: nudges only make it faster. What a look found is applied to the fence as one
//! step, then told to subscribers.
//!
//! **Invariants:**
//! - What a look found is applied before anything else is waited for: a connection that breaks a
//!   moment later takes nothing with it.
//! - Every wait has a bound; a connection that does not answer is given up and opened anew.
//! - When the connection comes back it is checked that it leads to the same history. If not, or if
//!   something was missed, everything that was learnt is forgotten.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use entrepot_cache::{Progress, Touch};
use entrepot_pg::{Dedicated, Error};
use futures_util::future::try_join;

use crate::event::Event;
use crate::store::{self, Identity, Prepared};
use crate::subscribe::{Look, Received, Seen};
use crate::tail::{Lost, Tail};
use crate::{Feed, Shared};

/// Events of one look at the most.
const AT_MOST: i64 = 5_000;
/// How long one statement may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// The shortest time between two looks: what is committed meanwhile is read by one.
const BREATH: Duration = Duration::from_millis(4);
/// Of the tail's own connection. What is above is asked for ever, and answered by an index: planned once, and not
/// anew for every look, which would take longer than the look.
const SESSION: &str =
    "-c synchronous_commit=off -c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c jit=off";
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// What is known of the feed as long as it is the same history.
struct Known {
    identity: Identity,
    tail: Tail,
    /// It was seen that time went backwards: the history needs a new name before anything else.
    must_renew: bool,
    /// The watermark that those who take looks were told last.
    told: Option<u64>,
}

/// Why following was interrupted.
#[derive(Debug, thiserror::Error)]
enum Interrupted {
    #[error(transparent)]
    Database(#[from] Error),
    #[error("the database did not answer within {} s", PATIENCE.as_secs())]
    NoAnswer,
    #[error("the connection ended")]
    Ended,
    #[error("the database is in another state than it was, which lies before it: it was restored")]
    Rewound,
    #[error("too many ids are missing")]
    TooManyHoles,
}

impl Feed {
    /// Follows the feed until the program ends.
    pub(crate) async fn follow(self) {
        let mut known = None;
        let mut pause = FIRST_PAUSE;
        loop {
            let before = self.shared.looks.load(Ordering::Relaxed);
            let interrupted = match self.follow_one_connection(&mut known).await {
                Ok(never) => match never {},
                Err(interrupted) => interrupted,
            };
            if self.shared.looks.load(Ordering::Relaxed) > before {
                pause = FIRST_PAUSE;
            }
            tracing::warn!(error = %interrupted, cause = cause(&interrupted), "the feed is interrupted; trying again");
            #[expect(clippy::disallowed_methods, reason = "the pause before another connection, of at most 1 s")]
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn follow_one_connection(&self, known: &mut Option<Known>) -> Result<std::convert::Infallible, Interrupted> {
        let shared = &*self.shared;
        let mut connection = shared.database.dedicated("entrepot-feed", SESSION).await?;
        if shared.settings.nudges {
            bounded(async { Ok(connection.client().batch_execute("LISTEN entrepot_feed").await?) }).await?;
        }
        let prepared = bounded(store::prepare(connection.client())).await?;
        let identity = bounded(store::identity(connection.client())).await?;
        self.resume(&connection, known, identity).await?;
        loop {
            let Some(known) = known.as_mut() else { return Err(Interrupted::Ended) };
            let is_complete = self.look(&connection, &prepared, known).await?;
            if is_complete {
                self.wait(&mut connection).await?;
            }
        }
    }

    /// Goes on where the last connection ended, if this one leads to the same history; begins anew
    /// if not.
    async fn resume(
        &self,
        connection: &Dedicated,
        known: &mut Option<Known>,
        mut identity: Identity,
    ) -> Result<(), Interrupted> {
        if let Some(Known { identity: before, tail, must_renew, .. }) = known {
            let rewound = *must_renew || identity.last_given < tail.highest();
            if before.name == identity.name && !rewound && identity.dropped_to <= tail.highest() {
                return Ok(());
            }
            if before.name == identity.name && rewound {
                // Nothing but the ids tells that this is another history; so that all others learn of it
                // too, and what Redis holds is not taken for this one's, it gets a name of its own.
                bounded(store::renew_epoch(connection.client(), &identity.epoch)).await?;
                identity = bounded(store::identity(connection.client())).await?;
            }
            tracing::warn!("the feed begins anew: everything that was learnt from it is forgotten");
        }
        *known = None;
        // Consumers pass nothing until it is known again what cannot come any more.
        self.shared.settled.send_replace(0);
        let began_ms = self.shared.fence.now_ms();
        let found = bounded(store::find(connection.client(), self.shared.settings.history)).await?;
        // After the first look: it bounds all transactions that were under way in it.
        let bound = bounded(store::next_xid(connection.client())).await?;
        let tail = Tail::start(&found, bound);
        self.shared.fence.restart(&identity.name, found.from.max(identity.dropped_to));
        let touches: Vec<Touch<'_>> = found.history.iter().map(|(id, tags)| Touch { id: *id, tags }).collect();
        self.shared.fence.apply(&touches, progress(&tail, Some(began_ms)));
        self.shared.tell(Received::Gap);
        self.shared.tell_look(Seen::Begun { identity: identity.name.as_str().into(), from: found.last_given });
        *known = Some(Known { identity, tail, must_renew: false, told: None });
        Ok(())
    }

    /// Looks once. Tells whether it saw everything that there was.
    async fn look(&self, connection: &Dedicated, prepared: &Prepared, known: &mut Known) -> Result<bool, Interrupted> {
        let shared = &*self.shared;
        let client = connection.client();
        let nudges = shared.unannounced.swap(false, Ordering::AcqRel) && shared.settings.nudges;
        let nudge = async { if nudges { store::nudge(client, prepared, &shared.instance).await } else { Ok(()) } };
        let began_ms = shared.fence.now_ms();
        let question = known.tail.look(AT_MOST);
        // Both are under way at once.
        let ((), seen) = bounded(try_join(nudge, store::look(client, prepared, &question))).await?;
        let above = known.tail.highest();
        let events = match known.tail.take_in(seen) {
            Ok(events) => events,
            Err(Lost::TooManyHoles) => {
                // An identity that no database has: the next connection begins anew.
                known.identity.name.clear();
                return Err(Interrupted::TooManyHoles);
            }
            Err(Lost::Rewound) => {
                known.must_renew = true;
                return Err(Interrupted::Rewound);
            }
        };
        let new = events.iter().filter(|event| event.id > above).count();
        let is_complete = i64::try_from(new).unwrap_or(i64::MAX) < AT_MOST;
        // No await between taking in and applying: what was taken in is not looked for again.
        let touches: Vec<Touch<'_>> = events.iter().map(|event| Touch { id: event.id, tags: &event.tags }).collect();
        shared.fence.apply(&touches, progress(&known.tail, is_complete.then_some(began_ms)));
        shared.looks.fetch_add(1, Ordering::Relaxed);
        shared.events.fetch_add(events.len() as u64, Ordering::Relaxed);
        shared.settled.send_if_modified(|settled| {
            let watermark = known.tail.watermark().unwrap_or(0);
            let moved = watermark > *settled;
            *settled = watermark.max(*settled);
            moved
        });
        let events: Vec<Arc<Event>> = events.into_iter().map(Arc::new).collect();
        for event in &events {
            shared.tell(Received::Event(event.clone()));
        }
        let watermark = known.tail.watermark();
        if !events.is_empty() || watermark != known.told {
            known.told = watermark;
            shared.tell_look(Seen::Look(Arc::new(Look { events, watermark })));
        }
        if known.tail.needs_bound() {
            // If this fails, the holes stay open and the next look asks again.
            known.tail.set_bound(bounded(store::next_xid(client)).await?);
        }
        Ok(is_complete)
    }

    /// Waits until a look is due.
    async fn wait(&self, connection: &mut Dedicated) -> Result<(), Interrupted> {
        let shared = &*self.shared;
        #[expect(
            clippy::disallowed_methods,
            reason = "a breath between two looks, so that one reads what many commit"
        )]
        tokio::time::sleep(BREATH).await;
        let due = async {
            loop {
                tokio::select! {
                    () = shared.committed.notified() => return Ok(()),
                    notification = connection.notification() => match notification {
                        None => return Err(Interrupted::Ended),
                        Some(from) if from == *shared.instance => {}
                        Some(_) => return Ok(()),
                    },
                }
            }
        };
        match tokio::time::timeout(shared.settings.poll, due).await {
            Ok(outcome) => outcome?,
            Err(_elapsed) => {}
        }
        // One look answers all that have come.
        while connection.waiting_notification().is_some() {}
        Ok(())
    }
}

impl Shared {
    fn tell(&self, received: Received) {
        // Nobody listens: nobody needs to be told.
        let _nobody = self.listeners.send(received);
    }

    fn tell_look(&self, seen: Seen) {
        let _nobody = self.looks_told.send(seen);
    }
}

fn progress(tail: &Tail, complete_since_ms: Option<u64>) -> Progress {
    Progress { watermark: tail.watermark(), highest: tail.highest(), holes: tail.open(), complete_since_ms }
}

async fn bounded<T>(answer: impl Future<Output = Result<T, Error>>) -> Result<T, Interrupted> {
    match tokio::time::timeout(PATIENCE, answer).await {
        Ok(answer) => Ok(answer?),
        Err(_elapsed) => Err(Interrupted::NoAnswer),
    }
}

fn cause(interrupted: &Interrupted) -> Option<String> {
    std::error::Error::source(interrupted).map(ToString::to_string)
}
