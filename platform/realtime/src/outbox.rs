//! What waits to be sent to one connection.
//!
//! **Invariants:**
//! - It is bounded. What no longer fits is not silently left out: every topic that lost something gets a
//!   `resync` once there is room again, and nothing of it before.
//! - Within a topic what is sent is in the order in which it was put in.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::task::Waker;

use bytes::Bytes;
use entrepot_web::{Caller, Proof};
use futures_util::task::AtomicWaker;

use crate::cursor::Cursor;
use crate::rendering::{Form, Run};
use crate::stats::Counters;

/// Runs that wait at the most, whatever their size.
const MOST_RUNS: usize = 4_096;

/// How a connection is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ending {
    pub(crate) code: u16,
    pub(crate) reason: &'static str,
}

/// Who is at the other end, once they have signed in.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) caller: Arc<Caller>,
    /// What they were recognised by, to ask again.
    pub(crate) proof: Proof,
}

#[derive(Debug)]
enum Waiting {
    Run(Arc<Run>, Form),
    Own(Bytes),
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Waiting>,
    bytes: usize,
    /// Topics that lost something.
    lost: Vec<Arc<str>>,
    ending: Option<Ending>,
    /// What was taken out to be sent and has not been is not to be either.
    is_cut: bool,
}

/// The sending side of a connection.
#[derive(Debug)]
pub(crate) struct Outbox {
    pub(crate) id: u64,
    pub(crate) form: Form,
    most_bytes: usize,
    queue: Mutex<Queue>,
    waker: AtomicWaker,
    pub(crate) identity: RwLock<Option<Identity>>,
    pub(crate) topics: Mutex<Vec<Arc<str>>>,
    /// When something was last heard of the other end, and when it was last asked, in ms by the clock.
    pub(crate) heard_ms: AtomicI64,
    pub(crate) asked_ms: AtomicI64,
    /// Whether the credentials must be looked at again, and since when, in ms by the clock.
    pub(crate) is_doubted: AtomicBool,
    pub(crate) doubted_ms: AtomicI64,
    /// A stream that is not given all of its topics yet names no place to go on from.
    pub(crate) is_joining: AtomicBool,
    /// The highest position from which a topic went on; 0 once this process has read as far.
    pub(crate) ahead: AtomicU64,
    pub(crate) sent: AtomicU64,
    pub(crate) lost: AtomicUsize,
}

/// What a connection has to do next.
pub(crate) enum Next {
    Send(Bytes),
    End(Ending),
    Wait,
}

impl Outbox {
    pub(crate) fn new(id: u64, form: Form, most_bytes: usize, now_ms: i64) -> Self {
        Self {
            id,
            form,
            most_bytes,
            queue: Mutex::default(),
            waker: AtomicWaker::new(),
            identity: RwLock::new(None),
            topics: Mutex::default(),
            heard_ms: AtomicI64::new(now_ms),
            asked_ms: AtomicI64::new(0),
            is_doubted: AtomicBool::new(false),
            doubted_ms: AtomicI64::new(0),
            is_joining: AtomicBool::new(false),
            ahead: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            lost: AtomicUsize::new(0),
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        // Nothing under this lock can panic halfway, so a poisoned one is as good.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn caller(&self) -> Option<Arc<Caller>> {
        let identity = self.identity.read().unwrap_or_else(PoisonError::into_inner);
        identity.as_ref().map(|identity| identity.caller.clone())
    }

    /// Puts a run of events in, if there is room for it.
    pub(crate) fn put(&self, run: &Arc<Run>, counters: &Counters) {
        let form = self.form_now();
        let size = run.bytes(form).len();
        let mut queue = self.queue();
        if queue.ending.is_some() {
            return;
        }
        let is_full = queue.bytes + size > self.most_bytes || queue.waiting.len() >= MOST_RUNS;
        // The places that a stream names are for all of its topics: behind a loss of one, nothing of any may
        // be sent before the loss is told.
        let is_behind_loss = match self.form {
            Form::ServerSent | Form::Unmarked => !queue.lost.is_empty(),
            Form::Socket | Form::Compressed => queue.lost.contains(&run.topic),
        };
        if (is_full && !queue.waiting.is_empty()) || is_behind_loss {
            if !queue.lost.contains(&run.topic) {
                queue.lost.push(run.topic.clone());
            }
            drop(queue);
            self.lost.fetch_add(run.len(), Ordering::Relaxed);
            counters.dropped.fetch_add(run.len() as u64, Ordering::Relaxed);
            return;
        }
        queue.bytes += size;
        queue.waiting.push_back(Waiting::Run(run.clone(), form));
        drop(queue);
        self.sent.fetch_add(run.len() as u64, Ordering::Relaxed);
        counters.out.fetch_add(run.len() as u64, Ordering::Relaxed);
        self.waker.wake();
    }

    /// How events are written for it now.
    pub(crate) fn form_now(&self) -> Form {
        match self.form {
            Form::ServerSent if self.is_joining.load(Ordering::Acquire) || self.ahead.load(Ordering::Acquire) > 0 => {
                Form::Unmarked
            }
            form => form,
        }
    }

    /// Takes in that this process has read everything up to `cursor`. Whether that is as far as the connection has come
    /// elsewhere: before, a place to go on from would lie behind where it was.
    pub(crate) fn catch_up(&self, cursor: &Cursor) -> bool {
        let ahead = self.ahead.load(Ordering::Acquire);
        let is_level = ahead == 0 || cursor.position().is_some_and(|position| position >= ahead);
        if is_level && ahead > 0 {
            // Unless it has gone on from further meanwhile.
            let _moved = self.ahead.compare_exchange(ahead, 0, Ordering::AcqRel, Ordering::Acquire);
        }
        is_level
    }

    /// Has the credentials looked at again.
    pub(crate) fn doubt(&self, now_ms: i64) {
        if !self.is_doubted.swap(true, Ordering::AcqRel) {
            self.doubted_ms.store(now_ms, Ordering::Release);
        }
    }

    /// Puts a run in that the connection asked for. It asks for no more before what waits has gone.
    pub(crate) fn put_anyway(&self, run: &Arc<Run>, counters: &Counters) {
        let form = self.form_now();
        let size = run.bytes(form).len();
        let mut queue = self.queue();
        if queue.ending.is_some() {
            return;
        }
        queue.bytes += size;
        queue.waiting.push_back(Waiting::Run(run.clone(), form));
        drop(queue);
        self.sent.fetch_add(run.len() as u64, Ordering::Relaxed);
        counters.out.fetch_add(run.len() as u64, Ordering::Relaxed);
        self.waker.wake();
    }

    /// Whether so much waits that the other end is not to ask for more.
    pub(crate) fn is_behind(&self) -> bool {
        let queue = self.queue();
        queue.bytes >= self.most_bytes || queue.waiting.len() >= MOST_RUNS
    }

    /// Whether its queue is more than half full.
    pub(crate) fn is_slow(&self) -> bool {
        self.queue().bytes > self.most_bytes / 2
    }

    /// Puts an answer in. Answers are few, as they are bounded by what may be asked.
    pub(crate) fn put_own(&self, bytes: Bytes) {
        let mut queue = self.queue();
        if queue.ending.is_none() {
            queue.bytes += bytes.len();
            queue.waiting.push_back(Waiting::Own(bytes));
        }
        drop(queue);
        self.waker.wake();
    }

    /// Has the connection end, after what waits already; what comes after is not sent any more.
    pub(crate) fn end(&self, ending: Ending) {
        let mut queue = self.queue();
        queue.ending.get_or_insert(ending);
        drop(queue);
        self.waker.wake();
    }

    /// The same, and what waits is not sent either: it is nobody's to see any more.
    pub(crate) fn end_now(&self, ending: Ending) {
        let mut queue = self.queue();
        queue.waiting.clear();
        queue.lost.clear();
        queue.bytes = 0;
        queue.is_cut = true;
        queue.ending.get_or_insert(ending);
        drop(queue);
        self.waker.wake();
    }

    /// Whether what was taken out and is not sent yet is to be thrown away.
    pub(crate) fn is_cut(&self) -> bool {
        self.queue().is_cut
    }

    /// Throws away what waits of a topic: it is not the other end's to see any more.
    pub(crate) fn purge(&self, topic: &str) {
        let mut queue = self.queue();
        let mut freed = 0;
        queue.waiting.retain(|waiting| match waiting {
            Waiting::Run(run, form) if &*run.topic == topic => {
                freed += run.bytes(*form).len();
                false
            }
            _ => true,
        });
        queue.bytes -= freed;
        queue.lost.retain(|lost| &**lost != topic);
    }

    /// Whether it is to follow a topic.
    pub(crate) fn follows(&self, topic: &str) -> bool {
        self.topics.lock().unwrap_or_else(PoisonError::into_inner).iter().any(|own| &**own == topic)
    }

    /// Whether it is told to end.
    pub(crate) fn is_ending(&self) -> bool {
        self.queue().ending.is_some()
    }

    /// Whether something was lost that it has not been told of.
    pub(crate) fn has_lost(&self) -> bool {
        !self.queue().lost.is_empty()
    }

    /// Tells of the topics that lost something, if there is room for events again: `told` is put in for each,
    /// before anything else of it can be.
    pub(crate) fn tell_lost(&self, told: impl Fn(&str) -> Bytes) -> usize {
        let mut queue = self.queue();
        if queue.lost.is_empty() || queue.bytes > self.most_bytes / 2 {
            return 0;
        }
        let lost = std::mem::take(&mut queue.lost);
        for topic in &lost {
            let bytes = told(topic);
            queue.bytes += bytes.len();
            queue.waiting.push_back(Waiting::Own(bytes));
        }
        drop(queue);
        self.waker.wake();
        lost.len()
    }

    /// What is to be done next; where there is nothing, `waker` is woken when there is.
    pub(crate) fn next(&self, waker: &Waker) -> Next {
        // Before the look, so that nothing is put in between unnoticed.
        self.waker.register(waker);
        let mut queue = self.queue();
        match queue.waiting.pop_front() {
            Some(Waiting::Run(run, form)) => {
                let bytes = run.bytes(form);
                queue.bytes -= bytes.len();
                Next::Send(bytes)
            }
            Some(Waiting::Own(bytes)) => {
                queue.bytes -= bytes.len();
                Next::Send(bytes)
            }
            None => match queue.ending {
                Some(ending) => Next::End(ending),
                None => Next::Wait,
            },
        }
    }
}
