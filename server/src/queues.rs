//! Jobs as admins see and mend them: queues, workers, what failed, retrying and clearing by hand.
//!
//! **Invariants:**
//! - Whatever is changed here is an event in the same transaction, with who did it: the audit log has it.
//! - No secret of a payload is shown.

use std::sync::Arc;

use axum::extract::{Path, State};
use entrepot_feed::{Feed, NewEvent};
use entrepot_jobs::{
    Cancelled, EndedJob, Ending, Failures, Jobs, Listener, Looked, MOST_AT_ONCE, News, QueueFigures, QueueOverview,
    Schedule, WaitingJob, WorkFigures, Worker,
};
use entrepot_pg::{Error, Transaction};
use entrepot_web::body::{JsonBody, Reader, Text};
use entrepot_web::{
    CacheClass, Caching, Cursor, Fault, Module, PageRequest, Problem, ProblemKind, Query, Reply, Rule, TopicRule, kinds,
};
use futures_util::future::BoxFuture;
use http::StatusCode;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The topic of everything that happens to jobs.
const TOPIC: &str = "jobs";
/// Failures that the overview shows.
const RECENT: u16 = 10;
/// Ids that one call may name.
const MOST_IDS: usize = 1_000;
const LONGEST_NAME: usize = 100;
/// From how many waiting minutes on a queue that is not paused is behind.
const BEHIND_AFTER_S: i64 = 300;

const NOT_FOUND: ProblemKind = ProblemKind {
    code: "jobs.not_found",
    status: 404,
    title: "There is no such job",
    meaning: "It never was, or it ended longer ago than jobs are kept.",
};
const ENDED: ProblemKind = ProblemKind {
    code: "jobs.ended",
    status: 409,
    title: "The job has ended",
    meaning: "What has ended cannot be cancelled. What failed can be tried again.",
};

/// Tells of jobs on the feed.
pub(crate) struct OnTheFeed(pub(crate) Feed);

impl Listener for OnTheFeed {
    fn tell<'a>(&'a self, transaction: &'a Transaction, news: &'a News) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let event = NewEvent::new(news.name(), TOPIC).data(news);
            self.0.append(transaction, event).await.map(|_position| ())
        })
    }
}

/// What the endpoints need.
pub(crate) struct Queues {
    pub(crate) jobs: Jobs,
    /// What this process does, once it has begun; nothing where others do it.
    pub(crate) here: Arc<std::sync::OnceLock<WorkFigures>>,
}

type Shared = Arc<Queues>;

const RULES: &[(&str, Rule)] = &[
    ("list_queues", Rule::needs("jobs.read").essential()),
    ("list_queue_jobs", Rule::needs("jobs.read").essential()),
    ("pause_queue", Rule::needs("jobs.write").essential()),
    ("resume_queue", Rule::needs("jobs.write").essential()),
    ("empty_queue", Rule::needs("jobs.write").essential()),
    ("weigh_tenant", Rule::needs("jobs.write").essential()),
    ("get_job", Rule::needs("jobs.read").essential()),
    ("cancel_job", Rule::needs("jobs.write").essential()),
    ("get_jobs_performance", Rule::needs("jobs.read").essential()),
    ("list_failed_jobs", Rule::needs("jobs.read").essential()),
    ("retry_jobs", Rule::needs("jobs.write").essential().takes(256 * 1024)),
    ("clear_jobs", Rule::needs("jobs.write").essential().takes(256 * 1024)),
];
const OF_THIS_MOMENT: Caching = Caching::Never("figures of this moment");

pub(crate) fn module(queues: Queues) -> Module {
    let (routes, openapi) = OpenApiRouter::new()
        .routes(routes!(list_queues))
        .routes(routes!(list_queue_jobs))
        .routes(routes!(pause_queue))
        .routes(routes!(resume_queue))
        .routes(routes!(empty_queue))
        .routes(routes!(weigh_tenant))
        .routes(routes!(get_job))
        .routes(routes!(cancel_job))
        .routes(routes!(get_jobs_performance))
        .routes(routes!(list_failed_jobs))
        .routes(routes!(retry_jobs))
        .routes(routes!(clear_jobs))
        .with_state(Arc::new(queues))
        .split_for_parts();
    Module {
        name: "jobs",
        routes,
        openapi,
        problems: &[
            ("list_queues", &[]),
            ("list_queue_jobs", &[]),
            ("pause_queue", &[]),
            ("resume_queue", &[]),
            ("empty_queue", &[]),
            ("weigh_tenant", &[]),
            ("get_job", &[&NOT_FOUND]),
            ("cancel_job", &[&NOT_FOUND, &ENDED]),
            ("get_jobs_performance", &[]),
            ("list_failed_jobs", &[&kinds::INVALID_CURSOR, &kinds::FOREIGN_CURSOR]),
            ("retry_jobs", &[]),
            ("clear_jobs", &[]),
        ],
        rules: RULES,
        caching: &[
            ("list_queues", OF_THIS_MOMENT),
            ("list_queue_jobs", OF_THIS_MOMENT),
            ("get_job", OF_THIS_MOMENT),
            ("get_jobs_performance", OF_THIS_MOMENT),
            ("list_failed_jobs", OF_THIS_MOMENT),
        ],
        counters: Vec::new(),
        warmers: Vec::new(),
        topics: vec![TopicRule::one(TOPIC, "jobs.read")],
    }
}

/// The queues, and who works on them.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct QueueList {
    /// The queues by name: how many jobs wait, run and failed, how fast they are done, since when the oldest waits.
    data: Vec<QueueOverview>,
    /// The processes that work.
    workers: Vec<Worker>,
    /// What is enqueued again and again.
    schedules: Vec<Schedule>,
    /// What the instance that answers works on; nothing where it does no jobs.
    here: Vec<QueueFigures>,
}

entrepot_web::choices! {
    JobStatus = "available" | "scheduled" | "retryable" | "running";
    HowWell = "healthy" | "degraded" | "unhealthy";
    JobOutcome = "completed" | "discarded" | "cancelled";
}

/// How jobs do.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct JobsPerformance {
    /// `healthy`; `degraded` where jobs failed for good, or a queue is behind or paused; `unhealthy` where jobs wait
    /// and nobody works.
    #[schema(value_type = HowWell, inline)]
    status: &'static str,
    /// What is wrong, in words.
    #[schema(example = json!(["email has waited for 300 s"]))]
    reasons: Vec<String>,
    totals: JobTotals,
    queues: Vec<QueueOverview>,
    /// The latest that failed for good.
    recent_failures: Vec<EndedJob>,
}

/// Sums over all queues.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct JobTotals {
    /// Jobs that may run now.
    waiting: i64,
    /// Jobs that run.
    active: i64,
    /// Jobs that are not due yet, or are tried again.
    delayed: i64,
    /// Attempts of the last 24 hours that ended well.
    completed: i64,
    /// Jobs that failed for good and have not been cleared.
    failed: i64,
}

/// Jobs of a queue.
#[derive(Serialize, ToSchema)]
struct JobList {
    data: Vec<WaitingJob>,
}

/// Jobs that failed for good.
#[derive(Serialize, ToSchema)]
struct FailedList {
    /// Each with its error, its attempts, and its payload without secrets.
    data: Vec<EndedJob>,
    page: entrepot_web::Page,
}

/// Which jobs; at least one member.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "describes what the handler reads by hand")]
struct Which {
    /// These.
    #[schema(value_type = Option<Vec<i64>>, max_items = 1000, example = json!([17]))]
    ids: Option<Vec<i64>>,
    /// Those of a queue.
    #[schema(max_length = 100, example = "email")]
    queue: Option<String>,
    /// Those of a kind.
    #[schema(max_length = 100, example = "send-letter")]
    kind: Option<String>,
    /// Those that ended then or later.
    #[schema(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// Those that ended before then.
    #[schema(value_type = Option<String>, format = DateTime)]
    to: Option<Timestamp>,
    /// All, where nothing else says which.
    all: Option<bool>,
}

/// What is to be forgotten.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "describes what the handler reads by hand")]
struct Clearing {
    /// `completed` unless told: how those ended that are meant; also `discarded`, `cancelled`.
    #[schema(value_type = Option<Vec<JobOutcome>>, max_items = 3, example = json!(["completed"]))]
    outcomes: Option<Vec<String>>,
    /// Those of a queue; of all, where none is named.
    #[schema(max_length = 100, example = "email")]
    queue: Option<String>,
    /// Those that ended before then.
    #[schema(value_type = Option<String>, format = DateTime)]
    to: Option<Timestamp>,
}

/// A tenant's weight.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what the handler reads by hand")]
struct Weight {
    /// Whose jobs.
    #[schema(max_length = 100, example = "019a2b3c-4d5e-7f60-8a9b-0c1d2e3f4a5b")]
    tenant: String,
    /// So many shares of the queue, where others have one.
    #[schema(minimum = 1, maximum = 100, example = 3)]
    weight: i32,
}

/// How many jobs were changed.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Changed {
    /// Jobs that were changed.
    #[schema(example = 3)]
    count: u64,
    /// Whether there may be more: one call changes 10,000.
    has_more: bool,
}

/// How a queue stands.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct QueueState {
    #[schema(example = "email")]
    queue: String,
    is_paused: bool,
    /// Whether the call changed it.
    has_changed: bool,
}

fn failed(error: Error) -> Problem {
    let may_pass = error.is_unavailable() || error.is_statement_timeout();
    Problem::failure(error, may_pass)
}

/// The queues with what waits, runs and failed in each, how fast they are worked on, and by whom.
#[utoipa::path(
    get, path = "/api/admin/queues", tag = "admin",
    responses((status = 200, description = "All queues that anything is known of.", body = QueueList)),
)]
async fn list_queues(State(queues): State<Shared>, query: Query) -> Result<Reply, Problem> {
    query.finish()?;
    let list = QueueList {
        data: queues.jobs.queues().await.map_err(failed)?,
        workers: queues.jobs.workers().await.map_err(failed)?,
        schedules: queues.jobs.schedules().await.map_err(failed)?,
        here: queues.here.get().map(WorkFigures::queues).unwrap_or_default(),
    };
    Reply::json(&list, CacheClass::Never)
}

/// Jobs of a queue that have not ended: those that run first, then the oldest.
#[utoipa::path(
    get, path = "/api/admin/queues/{queue}/jobs", tag = "admin",
    params(
        ("queue" = String, Path, description = "The queue's name."),
        ("status" = inline(Option<JobStatus>), Query, description = "Only those that are `available`, `scheduled`, `retryable` or `running`."),
        ("limit" = Option<u32>, Query, description = "So many at the most; 50 unless told.", minimum = 1, maximum = 200),
    ),
    responses((status = 200, description = "The jobs.", body = JobList)),
)]
async fn list_queue_jobs(
    State(queues): State<Shared>,
    Path(queue): Path<String>,
    mut query: Query,
) -> Result<Reply, Problem> {
    let names = ["available", "scheduled", "retryable", "running"];
    let status = query.one_of("status", &names.map(|name| (name, name)));
    let limit = limit(&mut query);
    query.finish()?;
    let data = queues.jobs.waiting(Some(&queue), status, limit).await.map_err(failed)?;
    Reply::json(&JobList { data }, CacheClass::Never)
}

fn limit(query: &mut Query) -> u16 {
    let given: Option<u16> = query.value("limit", "a number from 1 to 200");
    match given {
        Some(limit @ 1..=200) => limit,
        Some(_) => {
            query.fault("limit", "out_of_range", "must be from 1 to 200");
            1
        }
        None => 50,
    }
}

/// Has nobody begin jobs of a queue; those that run go on.
#[utoipa::path(
    post, path = "/api/admin/queues/{queue}/pause", tag = "admin",
    params(("queue" = String, Path, description = "The queue's name.")),
    responses((status = 200, description = "It is paused.", body = QueueState)),
)]
async fn pause_queue(State(queues): State<Shared>, Path(queue): Path<String>, query: Query) -> Result<Reply, Problem> {
    query.finish()?;
    let queue = queue_name(queue)?;
    let has_changed = queues.jobs.pause(&queue).await.map_err(failed)?;
    Reply::json(&QueueState { queue, is_paused: true, has_changed }, CacheClass::Never)
}

/// Ends a pause.
#[utoipa::path(
    post, path = "/api/admin/queues/{queue}/resume", tag = "admin",
    params(("queue" = String, Path, description = "The queue's name.")),
    responses((status = 200, description = "It is worked on.", body = QueueState)),
)]
async fn resume_queue(State(queues): State<Shared>, Path(queue): Path<String>, query: Query) -> Result<Reply, Problem> {
    query.finish()?;
    let queue = queue_name(queue)?;
    let has_changed = queues.jobs.resume(&queue).await.map_err(failed)?;
    Reply::json(&QueueState { queue, is_paused: false, has_changed }, CacheClass::Never)
}

/// Cancels the jobs of a queue that wait; those that run go on.
#[utoipa::path(
    post, path = "/api/admin/queues/{queue}/empty", tag = "admin",
    params(("queue" = String, Path, description = "The queue's name.")),
    responses((status = 200, description = "They are cancelled.", body = Changed)),
)]
async fn empty_queue(State(queues): State<Shared>, Path(queue): Path<String>, query: Query) -> Result<Reply, Problem> {
    query.finish()?;
    let count = queues.jobs.cancel_waiting(&queue_name(queue)?).await.map_err(failed)?;
    changed(count)
}

/// Gives a tenant more of a queue than others have. Within a priority tenants take turns, by their weights.
#[utoipa::path(
    post, path = "/api/admin/queues/{queue}/weight", tag = "admin",
    params(("queue" = String, Path, description = "The queue's name.")),
    request_body = Weight,
    responses((status = 204, description = "Workers learn of it within seconds.")),
)]
async fn weigh_tenant(
    State(queues): State<Shared>,
    Path(queue): Path<String>,
    query: Query,
    JsonBody(body): JsonBody,
) -> Result<Reply, Problem> {
    query.finish()?;
    let mut reader = Reader::new(&body, "");
    let tenant = reader.required("tenant", |member| member.text(Text::line(1, LONGEST_NAME)));
    let weight = reader.required("weight", |member| member.integer(1, 100));
    let faults = reader.finish();
    let (Some(tenant), Some(weight)) = (tenant, weight.and_then(|weight| i16::try_from(weight).ok())) else {
        return Err(Problem::invalid_body(faults));
    };
    if !faults.is_empty() {
        return Err(Problem::invalid_body(faults));
    }
    queues.jobs.weigh(&queue_name(queue)?, &tenant, weight).await.map_err(failed)?;
    Ok(Reply::no_content())
}

/// A queue's name as the database takes it.
fn queue_name(queue: String) -> Result<String, Problem> {
    let is_name = (1..=LONGEST_NAME).contains(&queue.chars().count()) && !queue.contains('\0');
    if is_name { Ok(queue) } else { Err(Problem::new(&kinds::NOT_FOUND, "a queue's name has 1 to 100 characters")) }
}

fn changed(count: u64) -> Result<Reply, Problem> {
    let has_more = count >= MOST_AT_ONCE.cast_unsigned();
    Reply::json(&Changed { count, has_more }, CacheClass::Never)
}

/// A job, whether it waits, runs or has ended, with its attempts that did not end well.
#[utoipa::path(
    get, path = "/api/admin/jobs/{job}", tag = "admin",
    params(("job" = i64, Path, description = "The job's id.")),
    responses((status = 200, description = "The job.", body = Looked)),
)]
async fn get_job(State(queues): State<Shared>, Path(job): Path<String>, query: Query) -> Result<Reply, Problem> {
    query.finish()?;
    let found = queues.jobs.look(job_id(&job)?).await.map_err(failed)?;
    Reply::json(&found.ok_or_else(not_found)?, CacheClass::Never)
}

/// Cancels a job: at once where it waits; where it runs it is told to end.
#[utoipa::path(
    post, path = "/api/admin/jobs/{job}/cancel", tag = "admin",
    params(("job" = i64, Path, description = "The job's id.")),
    responses(
        (status = 204, description = "It is cancelled."),
        (status = 202, description = "It runs, and is told to end."),
    ),
)]
async fn cancel_job(State(queues): State<Shared>, Path(job): Path<String>, query: Query) -> Result<Reply, Problem> {
    query.finish()?;
    let id = job_id(&job)?;
    match queues.jobs.cancel(id).await.map_err(failed)? {
        Cancelled::Waiting => Ok(Reply::no_content()),
        Cancelled::Running => Ok(Reply::no_content().status(StatusCode::ACCEPTED)),
        Cancelled::NotThere => match queues.jobs.look(id).await.map_err(failed)? {
            Some(_) => Err(Problem::new(&ENDED, "it has ended already")),
            None => Err(not_found()),
        },
    }
}

fn job_id(text: &str) -> Result<i64, Problem> {
    text.parse().map_err(|_| not_found())
}

fn not_found() -> Problem {
    Problem::new(&NOT_FOUND, "no job that is kept has this id")
}

/// How jobs do: sums, queues, the latest failures, and whether all is well.
#[utoipa::path(
    get, path = "/api/admin/performance/jobs", tag = "admin",
    responses((status = 200, description = "The figures of this moment, for all instances.", body = JobsPerformance)),
)]
async fn get_jobs_performance(State(queues): State<Shared>, query: Query) -> Result<Reply, Problem> {
    query.finish()?;
    let overview = queues.jobs.queues().await.map_err(failed)?;
    let recent_failures = queues.jobs.failed(&Failures::default(), None, RECENT).await.map_err(failed)?;
    let sum = |of: fn(&QueueOverview) -> i64| overview.iter().map(of).sum();
    let totals = JobTotals {
        waiting: sum(|queue| queue.available),
        active: sum(|queue| queue.running),
        delayed: sum(|queue| queue.scheduled + queue.retryable),
        completed: sum(|queue| queue.done_in_a_day),
        failed: sum(|queue| queue.discarded),
    };
    let (status, reasons) = judge(&overview, queues.jobs.now().await.map_err(failed)?);
    Reply::json(&JobsPerformance { status, reasons, totals, queues: overview, recent_failures }, CacheClass::Never)
}

/// Whether all is well with the queues, and what is not.
fn judge(overview: &[QueueOverview], now: Timestamp) -> (&'static str, Vec<String>) {
    let (mut reasons, mut is_dead) = (Vec::new(), false);
    for queue in overview {
        let name = &queue.queue;
        if queue.available > 0 && queue.workers == 0 {
            is_dead = true;
            reasons.push(format!("{name}: {} jobs wait, and nobody works on the queue", queue.available));
        }
        if queue.discarded > 0 {
            reasons.push(format!("{name}: {} jobs failed for good", queue.discarded));
        }
        let waited_s = queue.oldest_at.map_or(0, |oldest| now.duration_since(oldest).as_secs());
        match queue.paused_at {
            Some(_) => reasons.push(format!("{name}: it is paused, and {} jobs wait", queue.available)),
            None if waited_s >= BEHIND_AFTER_S => {
                reasons.push(format!("{name}: its oldest job has waited for {waited_s} s"));
            }
            None => {}
        }
    }
    let status = match (is_dead, reasons.is_empty()) {
        (true, _) => "unhealthy",
        (false, false) => "degraded",
        (false, true) => "healthy",
    };
    (status, reasons)
}

/// Jobs that failed for good, the newest first, with their errors, attempts and payloads.
#[utoipa::path(
    get, path = "/api/admin/performance/jobs/failed", tag = "admin",
    params(
        ("queue" = Option<String>, Query, description = "Those of a queue.", example = "email"),
        ("kind" = Option<String>, Query, description = "Those of a kind.", example = "send-letter"),
        ("from" = Option<String>, Query, description = "Those that ended then or later."),
        ("to" = Option<String>, Query, description = "Those that ended before then."),
        ("limit" = Option<u32>, Query, description = "Rows in a page; 50 unless told.", minimum = 1, maximum = 200),
        ("cursor" = Option<String>, Query, description = "`nextCursor` of another page of the same list."),
    ),
    responses((status = 200, description = "A page of the jobs.", body = FailedList)),
)]
async fn list_failed_jobs(State(queues): State<Shared>, mut query: Query) -> Result<Reply, Problem> {
    const A_TIME: &str = "a time such as 2027-01-31T00:00:00Z";
    let which = Failures {
        queue: query.filled("queue"),
        kind: query.filled("kind"),
        from: query.value("from", A_TIME),
        to: query.value("to", A_TIME),
    };
    let page = PageRequest::from_query(&mut query);
    query.finish()?;
    let page = page?;
    let Failures { queue, kind, from, to } = &which;
    let fingerprint = Cursor::fingerprint(&format!("failed jobs {queue:?} {kind:?} {from:?} {to:?}"));
    let part = page.below::<i64>(fingerprint)?;
    if part.skipped > 0 {
        return Err(Cursor::invalid());
    }
    let at_most = u16::try_from(part.at_most).unwrap_or(u16::MAX);
    let found = queues.jobs.failed(&which, part.id, at_most).await.map_err(failed)?;
    let (data, page) = page.cut_below(found, fingerprint, |job| job.id);
    Reply::json(&FailedList { data, page }, CacheClass::Never)
}

/// Has jobs that failed for good tried again, with as many attempts as they had, and four at the least.
#[utoipa::path(
    post, path = "/api/admin/performance/jobs/retry", tag = "admin",
    request_body = Which,
    responses((status = 200, description = "They are in their queues again, under their own ids.", body = Changed)),
)]
async fn retry_jobs(State(queues): State<Shared>, query: Query, JsonBody(body): JsonBody) -> Result<Reply, Problem> {
    query.finish()?;
    let mut reader = Reader::new(&body, "");
    let ids = reader.optional("ids", |member| member.ids(MOST_IDS));
    let which = read_failures(&mut reader);
    let is_all = reader.optional("all", |member| member.boolean()).unwrap_or(false);
    let mut faults = reader.finish();
    let Failures { queue, kind, from, to } = &which;
    let says_which = ids.is_some() || queue.is_some() || kind.is_some() || from.is_some() || to.is_some();
    if faults.is_empty() && !says_which && !is_all {
        faults.push(Fault::at("", "required", "must say which: ids, queue, kind, from, to, or all"));
    }
    if !faults.is_empty() {
        return Err(Problem::invalid_body(faults));
    }
    let retried = queues.jobs.retry(ids.as_deref(), &which).await.map_err(failed)?;
    changed(retried.len() as u64)
}

fn read_failures(reader: &mut Reader<'_>) -> Failures {
    let time = |text: &str| text.parse::<Timestamp>().map_err(|_| "must be a time such as 2027-01-31T00:00:00Z");
    Failures {
        queue: reader.optional("queue", |member| member.text(Text::line(1, LONGEST_NAME))),
        kind: reader.optional("kind", |member| member.text(Text::line(1, LONGEST_NAME))),
        from: reader.optional("from", |member| member.parsed(Text::line(1, 64), "invalid_time", time)),
        to: reader.optional("to", |member| member.parsed(Text::line(1, 64), "invalid_time", time)),
    }
}

/// Forgets jobs that have ended: those that were done, unless it says how else they ended.
#[utoipa::path(
    post, path = "/api/admin/performance/jobs/clear", tag = "admin",
    request_body = Clearing,
    responses((status = 200, description = "They are gone, with their attempts.", body = Changed)),
)]
async fn clear_jobs(State(queues): State<Shared>, query: Query, JsonBody(body): JsonBody) -> Result<Reply, Problem> {
    query.finish()?;
    let mut reader = Reader::new(&body, "");
    let outcomes = reader.optional("outcomes", |member| member.texts(Ending::ALL.len(), Text::line(1, 20)));
    let mut endings = Vec::new();
    for name in outcomes.as_deref().unwrap_or(&["completed".to_owned()]) {
        match Ending::ALL.iter().find(|ending| ending.name() == name) {
            Some(ending) => endings.push(*ending),
            None => reader.fault("outcomes", "unknown_outcome", "must be of completed, discarded, cancelled"),
        }
    }
    let queue = reader.optional("queue", |member| member.text(Text::line(1, LONGEST_NAME)));
    let time = |text: &str| text.parse::<Timestamp>().map_err(|_| "must be a time such as 2027-01-31T00:00:00Z");
    let to = reader.optional("to", |member| member.parsed(Text::line(1, 64), "invalid_time", time));
    let faults = reader.finish();
    if !faults.is_empty() {
        return Err(Problem::invalid_body(faults));
    }
    let which = Failures { queue, to, ..Failures::default() };
    changed(queues.jobs.clear(&endings, &which).await.map_err(failed)?)
}
