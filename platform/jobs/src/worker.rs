//! Doing jobs: claiming them, running them, recording how they ended.
//!
//! A worker is a row with a lease. For each of its queues it claims as many jobs as it has hands free, and, where
//! jobs take next to no time, some ahead; each runs as a task of its own; one recorder writes down how they ended,
//! many in a statement. A worker that finds its row gone was taken for dead: it drops everything, and begins again
//! under another id.
//!
//! **Invariants:**
//! - No more jobs of a queue run at once than its concurrency.
//! - A job whose end could not be recorded runs again, on whoever claims it: it is never taken for done.
//! - At a stop nothing more is claimed, what was claimed and not begun is given back, and what runs is waited for,
//!   up to the drain; what runs then still is given back, too.

use std::collections::{HashMap, VecDeque};
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use entrepot_pg::{Dedicated, Error, Pooled, ScopedFutureExt as _};
use entrepot_runtime::{Actor, Request, ShutdownSignal, Tasks, within_request};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use uuid::Uuid;

use crate::job::{Context, Job, Outcome, Retries};
use crate::lanes::{Lanes, MOST_LANES};
use crate::news::News;
use crate::schedule::{self, Schedule, ScheduleError};
use crate::store::overview::Tally;
use crate::store::{self, Claimed, Failure, Token, Unseen};
use crate::{JobSettings, Jobs, NewJob, Rate};

/// How far ahead jobs are claimed, and how many at the most.
const AHEAD: Duration = Duration::from_millis(50);
const MOST_AHEAD: usize = 1_000;
/// How long a job may be claimed and not begun, before it is given back to whoever has time.
const LONGEST_AHEAD: Duration = Duration::from_secs(1);
/// Ends that are written at once, and that may wait to be written.
const ENDS_AT_ONCE: usize = 2_000;
/// Surveys take at most a twentieth of the time, and those of a queue that has much to do a hundredth.
const SURVEY_SHARE: u32 = 20;
const BUSY_SURVEY_SHARE: u32 = 100;
/// Where there is much to do nobody's words are needed to look what else waits.
const BUSY_SURVEY: Duration = Duration::from_millis(250);
const SHORTEST_SURVEY_PAUSE: Duration = Duration::from_millis(5);
/// After how long a job is looked at again whose kind is not known here: another version may be about to start.
const UNKNOWN_KIND_PAUSE: Duration = Duration::from_secs(30);
/// How often the database may refuse to record an end before that end is given up.
const MOST_REFUSALS: u32 = 5;
/// The shortest pause of whoever waits for a time that has come and finds nothing.
const SHORTEST_PAUSE: Duration = Duration::from_millis(10);
/// How often what was done is counted in the database.
const TALLY_EVERY: Duration = Duration::from_secs(2);
/// Characters of an error that others are told.
const LONGEST_NEWS: usize = 500;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

type Run = dyn Fn(Value, Context) -> BoxFuture<'static, Outcome> + Send + Sync;

/// What does the jobs of one kind.
struct Handler {
    kind: &'static str,
    run: Box<Run>,
    retries: Retries,
    timeout: Duration,
}

/// What this process does: kinds of jobs, and queues.
pub struct Work {
    jobs: Jobs,
    name: String,
    queues: Vec<(String, usize)>,
    rates: HashMap<String, Rate>,
    handlers: HashMap<&'static str, Handler>,
    schedules: Vec<Schedule>,
    figures: HashMap<String, Counts>,
    /// What of the figures is written down.
    tallied: Mutex<HashMap<String, Tally>>,
}

/// Counts of a queue, since the start.
#[derive(Debug, Default)]
struct Counts {
    done: AtomicU64,
    failed: AtomicU64,
    running: AtomicU64,
    /// How long jobs had waited, and how long they ran, in microseconds.
    waited: AtomicU64,
    ran: AtomicU64,
}

impl Counts {
    fn add(which: &AtomicU64, time: Duration) {
        which.fetch_add(u64::try_from(time.as_micros()).unwrap_or(u64::MAX / 1_000_000), Ordering::Relaxed);
    }

    fn now(&self) -> Tally {
        let seconds = |which: &AtomicU64| which.load(Ordering::Relaxed) as f64 / 1e6;
        Tally {
            done: self.done.load(Ordering::Relaxed).cast_signed(),
            failed: self.failed.load(Ordering::Relaxed).cast_signed(),
            waited: seconds(&self.waited),
            ran: seconds(&self.ran),
        }
    }
}

/// Figures of a queue in this process, since its start.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueueFigures {
    /// Its name.
    #[schema(example = "email")]
    pub queue: String,
    /// Jobs of it that may run here at once.
    pub concurrency: usize,
    /// Jobs that run now.
    pub running: u64,
    /// Attempts that ended well.
    pub done: u64,
    /// Attempts that did not.
    pub failed: u64,
}

/// Tells what a process does. Cheap to clone.
#[derive(Clone)]
pub struct WorkFigures(Arc<Work>);

impl std::fmt::Debug for WorkFigures {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("WorkFigures").field(&self.queues()).finish()
    }
}

impl WorkFigures {
    /// The queues that are worked on here.
    #[must_use]
    pub fn queues(&self) -> Vec<QueueFigures> {
        let of = |(queue, concurrency): &(String, usize)| {
            let counts = self.0.figures.get(queue);
            let count =
                |which: fn(&Counts) -> &AtomicU64| counts.map_or(0, |counts| which(counts).load(Ordering::Relaxed));
            QueueFigures {
                queue: queue.clone(),
                concurrency: *concurrency,
                running: count(|counts| &counts.running),
                done: count(|counts| &counts.done),
                failed: count(|counts| &counts.failed),
            }
        };
        self.0.queues.iter().map(of).collect()
    }
}

impl std::fmt::Debug for Work {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kinds: Vec<_> = self.handlers.keys().collect();
        formatter.debug_struct("Work").field("queues", &self.queues).field("kinds", &kinds).finish_non_exhaustive()
    }
}

impl Work {
    /// Nothing yet.
    #[must_use]
    pub fn new(jobs: &Jobs, name: impl Into<String>) -> Self {
        let name = name.into();
        Self {
            jobs: jobs.clone(),
            name,
            queues: Vec::new(),
            rates: HashMap::new(),
            handlers: HashMap::new(),
            schedules: Vec::new(),
            figures: HashMap::new(),
            tallied: Mutex::default(),
        }
    }

    /// Works on a queue, with so many jobs at once.
    ///
    /// # Panics
    /// When the queue was named before, or `concurrency` is 0.
    #[must_use]
    pub fn queue(mut self, queue: impl Into<String>, concurrency: usize) -> Self {
        let queue = queue.into();
        assert!(concurrency > 0, "a queue that is worked on has a concurrency");
        assert!(self.queues.iter().all(|(other, _)| *other != queue), "the queue {queue:?} is named twice");
        self.figures.insert(queue.clone(), Counts::default());
        self.queues.push((queue, concurrency));
        self
    }

    /// Lets no more than so many jobs of a queue begin, on all workers that name the rate together.
    #[must_use]
    pub fn rate(mut self, queue: impl Into<String>, rate: Rate) -> Self {
        self.rates.insert(queue.into(), rate);
        self
    }

    /// Does jobs of a kind.
    ///
    /// # Panics
    /// When the kind was named before.
    #[must_use]
    pub fn does<J: Job>(mut self, needs: Arc<J::Needs>) -> Self {
        let run = move |payload: Value, context: Context| -> BoxFuture<'static, Outcome> {
            let needs = needs.clone();
            async move {
                match serde_json::from_value::<J>(payload) {
                    Ok(job) => job.run(&needs, &context).await,
                    Err(error) => Outcome::discard(format!("the payload cannot be read: {error}")),
                }
            }
            .boxed()
        };
        let handler = Handler { kind: J::KIND, run: Box::new(run), retries: J::RETRIES, timeout: J::TIMEOUT };
        assert!(self.handlers.insert(J::KIND, handler).is_none(), "the kind {:?} is named twice", J::KIND);
        self
    }

    /// Enqueues a job for each slot of a pattern of cron (`0 3 * * *`; with six fields the first is the second), as
    /// it is in a time zone (`UTC`, `Europe/Oslo`). `make` is given the slot. All processes that name the schedule
    /// keep it together: each slot has one job.
    ///
    /// # Errors
    /// When there is no such pattern or zone, or no slot ever.
    pub fn every(
        mut self,
        name: &str,
        pattern: &str,
        zone: &str,
        make: impl Fn(Timestamp) -> NewJob + Send + Sync + 'static,
    ) -> Result<Self, ScheduleError> {
        self.schedules.push(Schedule::new(name, pattern, zone, Box::new(make))?);
        Ok(self)
    }

    /// Begins, for the life of the program.
    pub fn start(self, tasks: &Tasks) -> WorkFigures {
        let work = Arc::new(self);
        let signal = tasks.shutdown_signal();
        // Not supervised: it ends in order, which a supervised task is not given the time for.
        tasks.run_once("jobs", serve(work.clone(), signal));
        WorkFigures(work)
    }

    fn settings(&self) -> &JobSettings {
        &self.jobs.shared.settings
    }
}

/// A worker after the other, until the stop.
async fn serve(work: Arc<Work>, mut signal: ShutdownSignal) {
    let mut pause = FIRST_PAUSE;
    while !signal.has_begun() {
        match Crew::register(&work).await {
            Ok(worker) => {
                pause = FIRST_PAUSE;
                work_as(&work, worker, &signal).await;
            }
            Err(error) => {
                tracing::warn!(%error, "no jobs can be worked on; trying again");
                let _stopped = tokio::time::timeout(pause, signal.wait()).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
}

/// Works under one id, until the stop or until it was taken for dead.
async fn work_as(work: &Arc<Work>, worker: Uuid, signal: &ShutdownSignal) {
    let (ends, ended) = mpsc::channel(ENDS_AT_ONCE);
    let held = Arc::new(Held::default());
    let crew = Arc::new(Crew { work: work.clone(), worker, ends, held: held.clone(), stop: signal.clone() });
    // All that is spawned here ends with this function.
    let mut hands = JoinSet::new();
    for (queue, concurrency) in &work.queues {
        hands.spawn(crew.clone().work_on(queue.clone(), *concurrency, signal.clone()));
    }
    let mut helpers = JoinSet::new();
    let jobs = work.jobs.clone();
    helpers.spawn(for_ever("what is due", move || promote(jobs.clone())));
    let jobs = work.jobs.clone();
    helpers.spawn(for_ever("dead workers", move || bury(jobs.clone())));
    let counting = work.clone();
    helpers.spawn(for_ever("what was done", move || tally(counting.clone())));
    if !work.schedules.is_empty() {
        let work = work.clone();
        helpers.spawn(for_ever("schedules", move || {
            let work = work.clone();
            async move { schedule::keep(&work.jobs, &work.schedules).await }
        }));
    }
    let mut recorder = JoinSet::new();
    recorder.spawn(record(work.jobs.clone(), worker, held.clone(), ended));
    let all_done = async { while hands.join_next().await.is_some() {} };
    drop(crew);
    let mut lost = std::pin::pin!(keep_alive(work, worker, &held));
    let is_lost = tokio::select! {
        () = &mut lost => true,
        () = all_done => false,
    };
    if is_lost {
        tracing::error!(%worker, "this worker was taken for dead; its jobs are dropped, and it begins again");
        return;
    }
    // With the last sender gone the recorder ends, having written all; the lease is kept meanwhile.
    let jobs = work.jobs.clone();
    tokio::select! {
        () = lost => {}
        _written = recorder.join_next() => {}
    }
    tally_once(work).await;
    if let Ok(client) = jobs.database().client().await
        && let Err(error) = store::unregister(&client, worker).await
    {
        tracing::debug!(%error, "the worker's row stays until its lease is over");
    }
}

/// Does something again whenever it has panicked.
async fn for_ever<Fut: Future<Output = ()>>(what: &'static str, make: impl Fn() -> Fut) {
    loop {
        if AssertUnwindSafe(make()).catch_unwind().await.is_err() {
            tracing::error!(what, "a part of the worker panicked; it is begun again");
        }
        #[expect(clippy::disallowed_methods, reason = "the pause before it is begun again")]
        tokio::time::sleep(FIRST_PAUSE).await;
    }
}

/// How an attempt ended, to be recorded.
enum End {
    Done(Token),
    Failed(Failure),
}

/// What a worker holds: from the claim until the end is recorded.
#[derive(Default)]
struct Held(Mutex<HashMap<i64, Holding>>);

/// A job that is held.
struct Holding {
    token: Token,
    queue: String,
    stage: Stage,
    cancelled: watch::Sender<bool>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Claimed,
    Runs,
    Ended,
}

impl Held {
    fn all(&self) -> std::sync::MutexGuard<'_, HashMap<i64, Holding>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn claimed(&self, queue: &str, tokens: impl Iterator<Item = Token>) {
        let mut all = self.all();
        for token in tokens {
            let (stage, cancelled) = (Stage::Claimed, watch::Sender::new(false));
            all.insert(token.id, Holding { token, queue: queue.to_owned(), stage, cancelled });
        }
    }

    fn stage(&self, id: i64, stage: Stage) -> watch::Receiver<bool> {
        match self.all().get_mut(&id) {
            Some(holding) => {
                holding.stage = stage;
                holding.cancelled.subscribe()
            }
            None => watch::Sender::new(false).subscribe(),
        }
    }

    fn drop_all(&self, ids: impl Iterator<Item = i64>) {
        let mut all = self.all();
        for id in ids {
            all.remove(&id);
        }
    }

    fn cancel(&self, id: i64) {
        if let Some(holding) = self.all().get(&id) {
            holding.cancelled.send_replace(true);
        }
    }

    fn ids(&self) -> Vec<i64> {
        self.all().keys().copied().collect()
    }

    /// Jobs of a queue that run.
    fn running(&self, queue: &str) -> Vec<Token> {
        let all = self.all();
        let running = all.values().filter(|holding| holding.queue == queue && holding.stage == Stage::Runs);
        running.map(|holding| holding.token).collect()
    }
}

/// Renews the lease; returns when it is lost.
async fn keep_alive(work: &Work, worker: Uuid, held: &Held) {
    let lease = work.settings().lease;
    let mut beat = tokio::time::interval(lease / 3);
    let mut cancellations = work.jobs.wakes().cancellations();
    let mut connection: Option<Dedicated> = None;
    let (mut seen, mut reconciled) = (Instant::now(), Instant::now());
    loop {
        tokio::select! {
            _ = beat.tick() => {}
            cancelled = cancellations.recv() => {
                if let Ok(id) = cancelled {
                    held.cancel(id);
                }
                continue;
            }
        }
        let asked = Instant::now();
        let alive = async {
            let on = match connection.take() {
                Some(connection) => connection,
                None => work.jobs.database().dedicated("entrepot-jobs-lease", "").await?,
            };
            let answer = store::beat(on.client(), worker, &held.ids()).await?;
            Ok::<_, Error>((on, answer))
        };
        match tokio::time::timeout(lease / 3, alive).await {
            Ok(Ok((on, Some(cancelled)))) => {
                connection = Some(on);
                seen = asked;
                cancelled.into_iter().for_each(|id| held.cancel(id));
            }
            Ok(Ok((_, None))) => return,
            Ok(Err(error)) => tracing::warn!(%error, "a worker's lease could not be renewed"),
            Err(_elapsed) => tracing::warn!("a worker's lease could not be renewed in time"),
        }
        if seen.elapsed() >= lease {
            return;
        }
        if reconciled.elapsed() >= lease {
            reconciled = Instant::now();
            let strays = async {
                let client = work.jobs.database().client().await?;
                store::reconcile(&client, worker, &held.ids(), lease).await
            };
            match tokio::time::timeout(lease / 3, strays).await {
                Ok(Ok(0)) => {}
                Ok(Ok(strays)) => {
                    tracing::warn!(strays, "jobs were given back that this worker had, and knew nothing of");
                    work.queues.iter().for_each(|(queue, _)| work.jobs.wake(queue));
                }
                Ok(Err(error)) => tracing::warn!(%error, "stray jobs could not be looked for"),
                Err(_elapsed) => {}
            }
        }
    }
}

struct Crew {
    work: Arc<Work>,
    worker: Uuid,
    ends: mpsc::Sender<End>,
    held: Arc<Held>,
    stop: ShutdownSignal,
}

impl Crew {
    async fn register(work: &Work) -> Result<Uuid, Error> {
        let worker = Uuid::new_v4();
        let queues: Vec<String> = work.queues.iter().map(|(queue, _)| queue.clone()).collect();
        store::register(&work.jobs.database().client().await?, worker, &work.name, &queues).await?;
        Ok(worker)
    }

    /// Claims and runs jobs of a queue until the stop, then waits for those that run.
    async fn work_on(self: Arc<Self>, queue: String, concurrency: usize, mut signal: ShutdownSignal) {
        let wake = self.work.jobs.wakes().queue(&queue);
        let mut hands: JoinSet<()> = JoinSet::new();
        let mut desk = Desk::default();
        loop {
            while hands.len() < concurrency
                && let Some(job) = desk.ahead.pop_front()
            {
                hands.spawn(self.clone().attempt(queue.clone(), job));
            }
            let free = concurrency - hands.len();
            let mut wait = self.work.settings().poll;
            if desk.ahead.is_empty() && free > 0 {
                match self.fill(&queue, &mut desk, free).await {
                    Ok(None) => continue,
                    Ok(Some(pause)) => wait = wait.min(pause),
                    Err(error) => tracing::warn!(queue, %error, "no jobs could be claimed; trying again"),
                }
            }
            let stale = desk.claimed_at.map_or(wait, |at| LONGEST_AHEAD.saturating_sub(at.elapsed()));
            tokio::select! {
                () = signal.wait() => break,
                _ = hands.join_next(), if !hands.is_empty() => desk.finished += 1,
                () = wake.notified() => desk.hears(),
                _ = tokio::time::sleep_until(Instant::now() + if desk.ahead.is_empty() { wait } else { stale }) => {
                    if desk.ahead.is_empty() {
                        desk.hears();
                    } else {
                        self.give_back(&queue, desk.ahead.drain(..).map(|job| job.token).collect()).await;
                    }
                }
            }
            while hands.try_join_next().is_some() {
                desk.finished += 1;
            }
        }
        self.give_back(&queue, desk.ahead.drain(..).map(|job| job.token).collect()).await;
        let all_done = async { while hands.join_next().await.is_some() {} };
        if tokio::time::timeout(self.work.settings().drain, all_done).await.is_err() {
            hands.shutdown().await;
            let left = self.held.running(&queue);
            tracing::warn!(queue, jobs = left.len(), "jobs did not end in time and are given to other workers");
            self.give_back(&queue, left).await;
        }
    }

    /// Claims jobs. `None`: there are some now. Otherwise for how long there is no point in trying again, unless
    /// somebody says so.
    async fn fill(&self, queue: &str, desk: &mut Desk, free: usize) -> Result<Option<Duration>, Error> {
        let wanted = free + desk.ahead_of(free);
        let at_most = i64::try_from(wanted).unwrap_or(i64::MAX);
        let client = self.work.jobs.database().client().await?;
        let poll = self.work.settings().poll;
        // Where there is much to do something may wait in other lanes that comes first.
        let mut is_fresh = desk.is_busy && desk.survey_in(poll).is_zero();
        if is_fresh {
            self.survey(&client, queue, desk).await?;
        } else if desk.is_busy && desk.scouting_in(poll).is_zero() {
            self.scout(&client, queue, desk).await?;
        }
        let rate = self.work.rates.get(queue).copied();
        let at_most = match rate {
            None => at_most,
            Some(rate) => match store::permits(&client, queue, rate, at_most).await? {
                Ok(0) => return Ok(Some(poll)),
                Ok(permitted) => permitted,
                Err(wait) => return Ok(Some(wait.max(SHORTEST_PAUSE))),
            },
        };
        let found = self.claim(&client, queue, desk, at_most, &mut is_fresh).await;
        if let Some(rate) = rate {
            let begun = i64::try_from(desk.ahead.len()).unwrap_or(i64::MAX);
            if begun < at_most {
                store::return_permits(&client, queue, rate, at_most - begun).await?;
            }
        }
        found
    }

    /// The same, up to so many.
    async fn claim(
        &self,
        client: &Pooled,
        queue: &str,
        desk: &mut Desk,
        at_most: i64,
        is_fresh: &mut bool,
    ) -> Result<Option<Duration>, Error> {
        let poll = self.work.settings().poll;
        loop {
            for shares in desk.lanes.shares(at_most) {
                let claimed = store::claim(client, self.worker, queue, &shares, at_most).await?;
                if claimed.is_empty() {
                    continue;
                }
                self.held.claimed(queue, claimed.iter().map(|job| job.token));
                let now = Instant::now();
                desk.ahead = desk.lanes.in_turn(&shares, claimed, at_most, now);
                desk.claimed_at = Some(now);
                (desk.finished, desk.is_busy) = (0, true);
                return Ok(None);
            }
            desk.is_busy = false;
            if *is_fresh {
                // Soon, where the survey has not come to the end.
                return Ok(Some(poll.min(desk.survey_in(poll))));
            }
            let left = desk.survey_in(poll);
            if left.is_zero() {
                if self.survey(client, queue, desk).await? {
                    return Ok(Some(poll));
                }
                *is_fresh = true;
            } else if !desk.scouting_in(poll).is_zero() || !self.scout(client, queue, desk).await? {
                return Ok(Some(left.min(desk.scouting_in(poll))));
            }
        }
    }

    /// Looks for lanes, each from its beginning; whether there were none.
    async fn survey(&self, client: &Pooled, queue: &str, desk: &mut Desk) -> Result<bool, Error> {
        let start = Instant::now();
        let found = store::lanes(client, queue, desk.behind.as_ref(), MOST_LANES).await?;
        let (is_from_first, is_empty) = (desk.behind.is_none(), found.is_empty() && desk.behind.is_none());
        desk.behind = desk.lanes.learn(found, Instant::now());
        desk.lanes.forget(Instant::now());
        // What was said meanwhile may be of a lane before those that were seen now.
        let was_last_word = desk.survey.is_last_word;
        desk.survey.was(start);
        desk.survey.is_last_word &= is_from_first || was_last_word;
        // It found what is new, too; how long it took says nothing of how long that takes by itself.
        (desk.scouting.at, desk.scouting.is_last_word) = (Some(start), true);
        Ok(is_empty)
    }

    /// Looks for lanes that are new; whether there were some.
    async fn scout(&self, client: &Pooled, queue: &str, desk: &mut Desk) -> Result<bool, Error> {
        let Some(known) = desk.lanes.known() else { return Ok(false) };
        let start = Instant::now();
        let found = store::lanes_between(client, queue, &known, MOST_LANES).await?;
        let is_new = !found.is_empty();
        desk.lanes.learn(found, Instant::now());
        desk.scouting.was(start);
        Ok(is_new)
    }

    async fn give_back(&self, queue: &str, tokens: Vec<Token>) {
        if tokens.is_empty() {
            return;
        }
        let back = async {
            let client = self.work.jobs.database().client().await?;
            store::release(&client, self.worker, &tokens).await
        };
        match back.await {
            Ok(()) => self.work.jobs.wake(queue),
            Err(error) => tracing::warn!(%error, "jobs could not be given back; they are within two leases"),
        }
        // Not held any more, however that went: what is left of them is found as a stray.
        self.held.drop_all(tokens.iter().map(|token| token.id));
    }

    /// Runs a job once.
    async fn attempt(self: Arc<Self>, queue: String, job: Claimed) {
        let Claimed { token, kind, payload, failures, max_attempts, request_id, waited, .. } = job;
        let counts = self.work.figures.get(&queue);
        let _under_way = counts.map(UnderWay::new);
        let cancelled = self.held.stage(token.id, Stage::Runs);
        let start = Instant::now();
        let end = match self.work.handlers.get(&*kind) {
            _ if *cancelled.borrow() => {
                let error = "it was cancelled before it began".to_owned();
                Some(End::Failed(Failure { token, outcome: "cancelled", error, again_after: None, counts: false }))
            }
            None => {
                tracing::warn!(kind, job = token.id, "this version knows no such kind of job; it is put off");
                let error = format!("the kind {kind:?} is not known to the worker");
                let again_after = Some(UNKNOWN_KIND_PAUSE);
                Some(End::Failed(Failure { token, outcome: "failed", error, again_after, counts: false }))
            }
            Some(handler) => {
                let context = Context {
                    jobs: self.work.jobs.clone(),
                    token,
                    failures,
                    is_last: failures + 1 >= max_attempts,
                    cancelled: cancelled.clone(),
                    stop: self.stop.clone(),
                    kind: handler.kind,
                    queue: queue.clone(),
                    told_at: Mutex::default(),
                };
                // Made within, so that a panic in the making is caught, too.
                let run = AssertUnwindSafe(async { (handler.run)(payload, context).await }).catch_unwind();
                let run = tokio::time::timeout(handler.timeout, run);
                // What the job writes and enqueues belongs to the request that caused it.
                let outcome = match request_id {
                    None => run.await,
                    Some(id) => {
                        let actor = Actor { via: format!("job:{}", token.id).into(), ..Actor::command() };
                        within_request(Arc::new(Request::new(id.into()).by(actor)), run).await
                    }
                };
                judge(token, failures, handler, outcome, *cancelled.borrow())
            }
        };
        if let Some(counts) = counts {
            let which = match &end {
                None | Some(End::Done(_)) => Some(&counts.done),
                Some(End::Failed(failure)) if failure.counts => Some(&counts.failed),
                // Put off, or cancelled: neither.
                Some(End::Failed(_)) => None,
            };
            if let Some(which) = which {
                which.fetch_add(1, Ordering::Relaxed);
                Counts::add(&counts.waited, waited);
                Counts::add(&counts.ran, start.elapsed());
            }
        }
        if let Some(End::Failed(Failure { error, outcome, again_after, counts: true, .. })) = &end {
            tracing::warn!(
                kind,
                job = token.id,
                outcome,
                error,
                ends = again_after.is_none(),
                "a job did not end well"
            );
        }
        match end {
            Some(end) => {
                let _cancelled = self.held.stage(token.id, Stage::Ended);
                // The recorder is gone only when the worker was taken for dead: then nothing may be recorded.
                let _dead = self.ends.send(end).await;
            }
            None => self.held.drop_all(std::iter::once(token.id)),
        }
    }
}

/// Counts a job as running for as long as it lives, however that ends.
struct UnderWay<'a>(&'a Counts);

impl<'a> UnderWay<'a> {
    fn new(counts: &'a Counts) -> Self {
        counts.running.fetch_add(1, Ordering::Relaxed);
        Self(counts)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What a queue's loop knows.
#[derive(Default)]
struct Desk {
    lanes: Lanes,
    /// Claimed and not begun.
    ahead: VecDeque<Claimed>,
    claimed_at: Option<Instant>,
    /// Attempts that ended since the last claim.
    finished: usize,
    /// The last claim brought something.
    is_busy: bool,
    /// Where the next survey goes on.
    behind: Option<(i16, String)>,
    survey: Look,
    scouting: Look,
}

/// When something was last looked for.
#[derive(Debug, Default)]
struct Look {
    at: Option<Instant>,
    took: Duration,
    /// Nothing has been said since.
    is_last_word: bool,
}

impl Look {
    fn was(&mut self, start: Instant) {
        (self.at, self.took, self.is_last_word) = (Some(start), start.elapsed(), true);
    }

    /// In how long the next is due: after a pause where nothing was said since, otherwise soon; never so often that
    /// it takes more than its share of the time.
    fn due_in(&self, pause: Duration, share: u32) -> Duration {
        let Some(at) = self.at else { return Duration::ZERO };
        let shortest = (self.took * share).max(SHORTEST_SURVEY_PAUSE);
        let wanted = if self.is_last_word { pause.max(shortest) } else { shortest };
        wanted.saturating_sub(at.elapsed())
    }
}

impl Desk {
    /// Somebody says that there may be something.
    fn hears(&mut self) {
        (self.survey.is_last_word, self.scouting.is_last_word) = (false, false);
    }

    fn pause(&self, poll: Duration) -> Duration {
        if self.is_busy { poll.min(BUSY_SURVEY) } else { poll }
    }

    /// In how long the next survey is due. Where lanes are too many to look between them it has to find the new ones,
    /// too, and comes as often as if there were nothing to do.
    fn survey_in(&self, poll: Duration) -> Duration {
        let share = if self.is_busy && self.lanes.known().is_some() { BUSY_SURVEY_SHARE } else { SURVEY_SHARE };
        // One that has not come to its end goes on soon.
        let pause = if self.behind.is_none() { self.pause(poll) } else { Duration::ZERO };
        self.survey.due_in(pause, share)
    }

    /// In how long it is time to look for new lanes.
    fn scouting_in(&self, poll: Duration) -> Duration {
        match self.lanes.known() {
            Some(_) => self.scouting.due_in(self.pause(poll), SURVEY_SHARE),
            None => Duration::MAX,
        }
    }

    /// How many jobs to claim beyond the hands that are free: as many as are likely to be begun within a moment,
    /// going by how many ended since the last claim. Where jobs take long there are none.
    fn ahead_of(&self, free: usize) -> usize {
        let Some(since) = self.claimed_at.map(|at| at.elapsed().max(Duration::from_micros(100))) else { return 0 };
        let likely = self.finished as f64 / since.as_secs_f64() * AHEAD.as_secs_f64();
        (likely as usize).saturating_sub(free).min(MOST_AHEAD)
    }
}

/// What is to be recorded of an attempt; nothing where that is done.
fn judge(
    token: Token,
    failures: i16,
    handler: &Handler,
    outcome: Result<Result<Outcome, Box<dyn std::any::Any + Send>>, tokio::time::error::Elapsed>,
    is_cancelled: bool,
) -> Option<End> {
    let pause = handler.retries.pause(failures + 1, noise());
    let failed = |outcome, error, again_after, counts| {
        let again_after = if is_cancelled { None } else { again_after };
        let outcome = if is_cancelled { "cancelled" } else { outcome };
        Some(End::Failed(Failure { token, outcome, error, again_after, counts }))
    };
    match outcome {
        Ok(Ok(Outcome::Done)) => Some(End::Done(token)),
        Ok(Ok(Outcome::Settled(_))) => None,
        Ok(Ok(Outcome::Retry { error })) => failed("failed", error, Some(pause), true),
        Ok(Ok(Outcome::RetryAfter { pause: asked, error })) => {
            failed("failed", error, Some(handler.retries.pause_asked(failures + 1, noise(), asked)), true)
        }
        Ok(Ok(Outcome::Snooze(pause))) => failed("snoozed", String::new(), Some(pause), false),
        Ok(Ok(Outcome::Cancel { reason })) => failed("cancelled", reason, None, false),
        Ok(Ok(Outcome::Discard { error })) => failed("discarded", error, None, true),
        Ok(Err(panic)) => {
            let said = panic.downcast_ref::<&str>().map(ToString::to_string);
            let said = said.or_else(|| panic.downcast_ref::<String>().cloned());
            failed("panicked", said.unwrap_or_else(|| "it panicked".to_owned()), Some(pause), true)
        }
        Err(_elapsed) => {
            let error = format!("it took longer than {} s", handler.timeout.as_secs_f64());
            failed("timed_out", error, Some(pause), true)
        }
    }
}

/// Writes down how attempts ended, until nobody is left who could tell.
async fn record(jobs: Jobs, worker: Uuid, held: Arc<Held>, mut ended: mpsc::Receiver<End>) {
    let mut ends = Vec::new();
    while ended.recv_many(&mut ends, ENDS_AT_ONCE).await > 0 {
        let (mut pause, mut refusals) = (FIRST_PAUSE, 0);
        while let Err(error) = write_down(&jobs, worker, &held, &mut ends).await {
            // Tried for as long as the worker lives: with its lease the jobs go to others.
            tracing::warn!(%error, "the end of jobs could not be recorded; trying again");
            refusals += u32::from(is_about_the_data(&error));
            if refusals >= MOST_REFUSALS {
                // One that the database will not have must not keep the others waiting.
                ends = write_each(&jobs, worker, &held, ends).await;
                refusals = 0;
            }
            #[expect(clippy::disallowed_methods, reason = "the pause between two attempts")]
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

/// Writes each by itself, and gives up those that are refused for what is in them: they are given back as strays.
/// Tells what is left, with a database that takes nothing at the moment.
async fn write_each(jobs: &Jobs, worker: Uuid, held: &Held, ends: Vec<End>) -> Vec<End> {
    let mut left = Vec::new();
    for end in ends {
        let (End::Done(token) | End::Failed(Failure { token, .. })) = end;
        let mut only = vec![end];
        match write_down(jobs, worker, held, &mut only).await {
            Err(error) if !is_about_the_data(&error) => left.append(&mut only),
            Err(error) => {
                tracing::error!(job = token.id, %error, "the end of a job cannot be recorded; it will be run again");
                held.drop_all(std::iter::once(token.id));
            }
            Ok(()) => {}
        }
    }
    left
}

/// Whether it is refused for what it is (SQLSTATE classes 22, data, and 23, constraints), whenever it is tried.
fn is_about_the_data(error: &Error) -> bool {
    error.sql_state().is_some_and(|state| matches!(state.code().get(..2), Some("22" | "23")))
}

/// What was written is taken out of `ends`.
async fn write_down(jobs: &Jobs, worker: Uuid, held: &Held, ends: &mut Vec<End>) -> Result<(), Error> {
    let client = jobs.database().client().await?;
    let done: Vec<Token> =
        ends.iter().filter_map(|end| if let End::Done(token) = end { Some(*token) } else { None }).collect();
    if !done.is_empty() {
        let written = store::complete(&client, worker, &done).await?;
        let lost = done.len() as u64 - written;
        if lost > 0 {
            tracing::warn!(lost, "jobs were done that another worker had been given meanwhile");
        }
        held.drop_all(done.iter().map(|token| token.id));
        ends.retain(|end| matches!(end, End::Failed(_)));
    }
    drop(client);
    while let Some(End::Failed(failure)) = ends.last() {
        fail(jobs, failure).await?;
        held.drop_all(std::iter::once(failure.token.id));
        jobs.wakes().due.notify_one();
        ends.pop();
    }
    Ok(())
}

/// Writes down that an attempt did not end well, and tells of it.
async fn fail(jobs: &Jobs, failure: &Failure) -> Result<(), Error> {
    jobs.database()
        .transaction(|transaction| {
            async move {
                let Some(ended) = store::fail(transaction.client(), failure).await? else { return Ok(()) };
                // Being put off and being cancelled are no failures.
                if matches!(failure.outcome, "snoozed" | "cancelled") {
                    return Ok(());
                }
                jobs.tell(transaction, &failed_news(failure, ended)).await
            }
            .scope_boxed()
        })
        .await
}

fn failed_news(failure: &Failure, ended: store::Failed) -> News {
    News::Failed {
        id: failure.token.id,
        kind: ended.kind,
        queue: ended.queue,
        error: failure.error.chars().take(LONGEST_NEWS).collect(),
        is_final: ended.is_final,
    }
}

/// Writes down what was done, every few seconds.
async fn tally(work: Arc<Work>) {
    let mut beat = tokio::time::interval(TALLY_EVERY);
    loop {
        beat.tick().await;
        tally_once(&work).await;
    }
}

async fn tally_once(work: &Work) {
    let now: Vec<(&str, Tally)> = work.figures.iter().map(|(queue, counts)| (queue.as_str(), counts.now())).collect();
    let new: Vec<(&str, Tally)> = {
        let told = work.tallied.lock().unwrap_or_else(PoisonError::into_inner);
        now.iter()
            .map(|(queue, tally)| (*queue, tally.since(told.get(*queue).copied().unwrap_or_default())))
            .filter(|(_, new)| new.done + new.failed > 0)
            .collect()
    };
    if new.is_empty() {
        return;
    }
    let written = async { store::overview::tally(&work.jobs.database().client().await?, &new).await };
    match written.await {
        Ok(()) => {
            let mut told = work.tallied.lock().unwrap_or_else(PoisonError::into_inner);
            told.extend(now.into_iter().map(|(queue, tally)| (queue.to_owned(), tally)));
        }
        Err(error) => tracing::warn!(%error, "what was done could not be counted; it is with the next"),
    }
}

/// Makes available what is due, at the time when it is.
async fn promote(jobs: Jobs) {
    loop {
        let poll = jobs.shared.settings.poll;
        let promoted = async { store::promote(&jobs.database().client().await?).await };
        let wait = match promoted.await {
            Ok((queues, next)) => {
                for queue in &queues {
                    jobs.wake(queue);
                }
                // What is due and was not had is locked by somebody.
                if queues.is_empty() {
                    next.map_or(poll, |next| next.clamp(SHORTEST_PAUSE, poll.max(SHORTEST_PAUSE)))
                } else {
                    Duration::ZERO
                }
            }
            Err(error) => {
                tracing::warn!(%error, "what is due could not be looked for; trying again");
                poll
            }
        };
        let _sooner = tokio::time::timeout(wait, jobs.wakes().due.notified()).await;
    }
}

/// Takes the jobs of dead workers from them.
async fn bury(jobs: Jobs) {
    let lease = jobs.shared.settings.lease;
    let mut beat = tokio::time::interval(lease / 2);
    // Who was seen in the future at the last beat, and when.
    let mut ahead: HashMap<Uuid, String> = HashMap::new();
    loop {
        beat.tick().await;
        let unseen = async { store::unseen(&jobs.database().client().await?, lease).await };
        let dead: Vec<Uuid> = match unseen.await {
            Ok(unseen) => {
                let before = std::mem::take(&mut ahead);
                let is_dead = |one: &Unseen| match &one.ahead {
                    None => true,
                    // Nobody who lives leaves that time as it was for half a lease.
                    Some(at) => before.get(&one.worker) == Some(at),
                };
                let dead = unseen.iter().filter(|one| is_dead(one)).map(|one| one.worker).collect();
                ahead.extend(unseen.into_iter().filter_map(|one| Some((one.worker, one.ahead?))));
                dead
            }
            Err(error) => {
                tracing::warn!(%error, "dead workers could not be looked for; trying again");
                continue;
            }
        };
        for worker in dead {
            loop {
                match bury_some(&jobs, worker, lease).await {
                    Ok(0) => break,
                    Ok(orphans) => {
                        tracing::warn!(%worker, orphans, "a worker was not seen for its lease; others get its jobs");
                        jobs.wakes().due.notify_one();
                    }
                    Err(error) => {
                        tracing::warn!(%worker, %error, "a dead worker's jobs could not be taken; trying again");
                        break;
                    }
                }
            }
        }
    }
}

async fn bury_some(jobs: &Jobs, worker: Uuid, lease: Duration) -> Result<usize, Error> {
    jobs.database()
        .transaction(|transaction| {
            async move {
                let orphans = store::orphans(transaction, worker, lease, LONGEST_AHEAD).await?;
                for orphan in &orphans {
                    let failure = Failure {
                        token: orphan.token,
                        outcome: "lost",
                        error: "its worker was not seen any more".to_owned(),
                        // Not all at once: one of them may be what the worker died of.
                        again_after: Some(LONGEST_AHEAD.mul_f64(noise())),
                        counts: orphan.was_begun,
                    };
                    if let Some(ended) = store::fail(transaction.client(), &failure).await?
                        && ended.is_final
                    {
                        jobs.tell(transaction, &failed_news(&failure, ended)).await?;
                    }
                }
                Ok(orphans.len())
            }
            .scope_boxed()
        })
        .await
}

/// From 0 to 1.
fn noise() -> f64 {
    f64::from(u32::try_from(Uuid::new_v4().as_u128() % 1_024).unwrap_or(0)) / 1_024.0
}
