//! Subscriptions within the process: whoever wants to know is told of every event, in the order in
//! which the tail applied them.
//!
//! **Invariant:** a subscriber that is too slow, or whose feed had to begin anew, is told of the gap;
//! it is never left to believe that it saw everything.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::event::Event;

/// What a subscriber is told.
#[derive(Clone, Debug)]
pub enum Received {
    /// An event.
    Event(Arc<Event>),
    /// Events may have been missed: read the state again.
    Gap,
}

/// What one look at the feed found.
#[derive(Debug)]
pub struct Look {
    /// The events that became visible, in the order of their ids. None where only the watermark moved.
    pub events: Vec<Arc<Event>>,
    /// The highest id below which nothing can come any more; `None` while that is not known.
    pub watermark: Option<u64>,
}

/// What those are told who take looks whole.
#[derive(Clone, Debug)]
pub enum Seen {
    /// A look.
    Look(Arc<Look>),
    /// The feed is followed from here on: every event above `from` will be told, and of those below it the
    /// ones that were not visible yet.
    Begun {
        /// Which history it is.
        identity: Arc<str>,
        /// The highest id that had been given out.
        from: u64,
    },
    /// Looks were missed.
    Missed,
}

/// A stream of looks.
#[derive(Debug)]
pub struct Looks {
    pub(crate) receiver: broadcast::Receiver<Seen>,
}

impl Looks {
    /// The next look; `None` when the feed has ended.
    pub async fn next(&mut self) -> Option<Seen> {
        match self.receiver.recv().await {
            Ok(seen) => Some(seen),
            Err(RecvError::Lagged(_)) => Some(Seen::Missed),
            Err(RecvError::Closed) => None,
        }
    }
}

/// A stream of events.
#[derive(Debug)]
pub struct Subscription {
    pub(crate) receiver: broadcast::Receiver<Received>,
}

impl Subscription {
    /// The next event, or the word that there was a gap; `None` when the feed has ended.
    pub async fn next(&mut self) -> Option<Received> {
        match self.receiver.recv().await {
            Ok(received) => Some(received),
            Err(RecvError::Lagged(_)) => Some(Received::Gap),
            Err(RecvError::Closed) => None,
        }
    }

    /// Only events of this name, read as a type of one's own.
    #[must_use]
    pub fn of<P>(self, name: &'static str) -> TypedSubscription<P> {
        TypedSubscription { inner: self, name, read: std::marker::PhantomData }
    }
}

/// What a typed subscriber is told.
#[derive(Clone, Debug, PartialEq)]
pub enum Told<P> {
    /// What happened, and the position of the event.
    Happened(u64, P),
    /// Events may have been missed: read the state again.
    Gap,
}

/// A stream of events of one name.
#[derive(Debug)]
pub struct TypedSubscription<P> {
    inner: Subscription,
    name: &'static str,
    read: std::marker::PhantomData<fn() -> P>,
}

impl<P: DeserializeOwned> TypedSubscription<P> {
    /// The next one; `None` when the feed has ended. An event whose data has another form is logged
    /// and counts as a gap.
    pub async fn next(&mut self) -> Option<Told<P>> {
        loop {
            match self.inner.next().await? {
                Received::Gap => return Some(Told::Gap),
                Received::Event(event) => match event.read(self.name) {
                    Some(Ok(payload)) => return Some(Told::Happened(event.id, payload)),
                    Some(Err(error)) => {
                        tracing::error!(event = event.id, name = self.name, %error, "an event has another form");
                        return Some(Told::Gap);
                    }
                    None => {}
                },
            }
        }
    }
}
