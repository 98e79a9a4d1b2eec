//! The endpoints of reports: order, look, fetch, cancel; schedules.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use entrepot_feed::NewEvent;
use entrepot_pg::{Error, ScopedFutureExt as _};
use entrepot_web::body::{JsonBody, Reader, Text};
use entrepot_web::openapi::File;
use entrepot_web::{
    CacheClass, Caching, Caller, Cursor, Demand, Download, Fault, Module, Page, PageRequest, Permit, Problem,
    ProblemKind, Query, Reply, Rule, Scope, TopicRule, kinds,
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use object_store::path::Path as Place;
use object_store::{GetOptions, GetRange, ObjectStore as _};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::making::{self, SHORTEST_PAUSE, Slots, tell};
use crate::store::{self, Order, Schedule, Written};
use crate::{Format, Shared, Source};

/// Reports that one person may wait for, and schedules that one may have.
const MOST_UNDER_WAY: i64 = 10;
const MOST_SCHEDULES: i64 = 50;

macro_rules! kind {
    ($name:ident, $status:literal, $code:literal, $title:literal, $meaning:literal) => {
        const $name: ProblemKind = ProblemKind { code: $code, status: $status, title: $title, meaning: $meaning };
    };
}

kind!(NOT_FOUND, 404, "reports.not_found", "There is no such report", "None of yours has this id.");
kind!(SCHEDULE_NOT_FOUND, 404, "reports.schedule_not_found", "There is no such schedule", "None of yours has this id.");
kind!(
    NOT_READY,
    409,
    "reports.not_ready",
    "The report is not ready",
    "It is still being made; follow `reports-{id}`, or ask for it until its status is `done`."
);
kind!(
    GONE,
    410,
    "reports.gone",
    "The report is gone",
    "It was cancelled, it failed, or its time is over. Order another."
);
kind!(
    OUT_OF_REACH,
    403,
    "reports.out_of_reach",
    "The report tells more than you may see",
    "It was made when you could see more stores, or rows of this kind. Order another."
);
kind!(
    TOO_MANY,
    409,
    "reports.too_many",
    "Too many reports are under way",
    "Ten of yours are being made. Wait for one, or cancel one."
);
kind!(
    TOO_MANY_SCHEDULES,
    409,
    "reports.too_many_schedules",
    "There are too many schedules",
    "A person may have 50. Delete one."
);
kind!(
    RANGE_NOT_SATISFIABLE,
    416,
    "reports.range_not_satisfiable",
    "The range is not in the file",
    "`Content-Range` has the length of the file. A download that has all of it asks for nothing more."
);

const RULES: &[(&str, Rule)] = &[
    ("list_report_kinds", Rule::needs("reports.read")),
    ("list_reports", Rule::needs("reports.read")),
    ("order_report", Rule::needs("reports.write").costs(10)),
    ("get_report", Rule::needs("reports.read")),
    ("cancel_report", Rule::needs("reports.write")),
    ("get_report_content", Rule::needs("reports.read").lasting().noted("report-fetched")),
    ("list_report_schedules", Rule::needs("reports.read")),
    ("create_report_schedule", Rule::needs("reports.write").costs(5)),
    ("delete_report_schedule", Rule::needs("reports.write")),
];

const OWN: Caching = Caching::Never("each person's own");

pub(crate) fn module(shared: Arc<Shared>) -> Module {
    let asking = shared.clone();
    let ask = Arc::new(move |caller: Arc<Caller>, rest: String| {
        let shared = asking.clone();
        Box::pin(async move {
            let Ok(id) = rest.parse() else { return Some(false) };
            let client = shared.database.client().await.ok()?;
            let found = store::by_id(&client, id).await.ok()?;
            let is_for_all = shared.keeper.granted(&caller, "reports.read") == Some(Scope::All);
            Some(found.is_some_and(|found| is_for_all || found.owner == caller.id))
        }) as futures_util::future::BoxFuture<'static, Option<bool>>
    });
    let (routes, openapi) = OpenApiRouter::new()
        .routes(routes!(list_reports, order_report))
        .routes(routes!(list_report_kinds))
        .routes(routes!(list_report_schedules, create_report_schedule))
        .routes(routes!(delete_report_schedule))
        .routes(routes!(get_report, cancel_report))
        .routes(routes!(get_report_content))
        .with_state(shared)
        .split_for_parts();
    Module {
        name: "reports",
        routes,
        openapi,
        problems: &[
            ("list_report_kinds", &[]),
            ("list_reports", &[&kinds::INVALID_CURSOR, &kinds::FOREIGN_CURSOR]),
            ("order_report", &[&TOO_MANY]),
            ("get_report", &[&NOT_FOUND]),
            ("cancel_report", &[&NOT_FOUND, &GONE]),
            ("get_report_content", &[&NOT_FOUND, &NOT_READY, &GONE, &OUT_OF_REACH, &RANGE_NOT_SATISFIABLE]),
            ("list_report_schedules", &[&kinds::INVALID_CURSOR, &kinds::FOREIGN_CURSOR]),
            ("create_report_schedule", &[&TOO_MANY_SCHEDULES]),
            ("delete_report_schedule", &[&SCHEDULE_NOT_FOUND]),
        ],
        rules: RULES,
        caching: &[
            ("list_report_kinds", Caching::Never("as the program has them")),
            ("list_reports", OWN),
            ("get_report", OWN),
            ("get_report_content", Caching::Streamed("a file")),
            ("list_report_schedules", OWN),
        ],
        counters: Vec::new(),
        warmers: Vec::new(),
        topics: vec![TopicRule::asking("reports-", "reports.read", ask)],
    }
}

/// What state a report is in.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[expect(dead_code, reason = "describes what the database holds as text")]
enum ReportStatus {
    /// It waits for its turn.
    Queued,
    /// It is being made.
    Running,
    /// It can be fetched.
    Done,
    /// It could not be made.
    Failed,
    /// It was cancelled.
    Cancelled,
    /// It was thrown away.
    Expired,
}

entrepot_web::choices! {
    Kind = "sales" | "inventory";
    FormatName = "pdf" | "xlsx";
}

/// A report.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Report {
    id: Uuid,
    /// Of what.
    #[schema(value_type = Kind, inline)]
    kind: String,
    #[schema(value_type = FormatName, inline)]
    format: &'static str,
    /// What it was ordered with.
    #[schema(value_type = Object)]
    parameters: Value,
    /// The schedule that ordered it.
    schedule_id: Option<Uuid>,
    #[schema(value_type = ReportStatus)]
    status: String,
    /// How far it is, 0 to 100.
    #[schema(minimum = 0, maximum = 100)]
    percent: Option<i16>,
    /// What it is called, once it is made.
    #[schema(example = "Sales")]
    title: Option<String>,
    /// The period that it tells of, in words.
    #[schema(example = "October 2026")]
    period: Option<String>,
    /// How large it is.
    bytes: Option<i64>,
    /// SHA-256 of the file, in hexadecimal digits.
    digest: Option<String>,
    /// Why it failed.
    error: Option<String>,
    /// Where it is fetched, once it is done.
    #[schema(example = "/api/v2/reports/019a2b3c-4d5e-7f60-8a9b-0c1d2e3f4a5b/content")]
    content_url: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    finished_at: Option<Timestamp>,
    /// When it is thrown away.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
}

impl From<Written> for Report {
    fn from(written: Written) -> Self {
        let is_done = written.status == "done";
        Self {
            id: written.id,
            kind: written.kind,
            format: written.format.name(),
            parameters: written.parameters,
            schedule_id: written.schedule_id,
            percent: written.percent,
            title: written.title,
            period: written.period,
            bytes: written.bytes,
            digest: written.sha256.map(|sha256| sha256.iter().map(|byte| format!("{byte:02x}")).collect()),
            error: written.error,
            content_url: is_done.then(|| format!("/api/v2/reports/{}/content", written.id)),
            created_at: written.created_at,
            finished_at: written.finished_at,
            expires_at: written.expires_at,
            status: written.status,
        }
    }
}

/// A page of reports.
#[derive(Serialize, ToSchema)]
struct ReportList {
    data: Vec<Report>,
    page: Page,
}

/// The kinds of reports.
#[derive(Serialize, ToSchema)]
struct ReportKinds {
    data: Vec<ReportKind>,
}

/// A kind of report.
#[derive(Serialize, ToSchema)]
struct ReportKind {
    #[schema(value_type = Kind, inline)]
    kind: &'static str,
    /// What it tells, and its parameters.
    #[schema(
        example = "What stores sold in a period, beside the period before: `period`, or `from` and `to`; `storeId`."
    )]
    about: &'static str,
}

/// An order.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what the handler reads by hand")]
struct ReportIn {
    /// Of what.
    #[schema(value_type = Kind, inline)]
    kind: String,
    /// `pdf` if left out.
    #[schema(value_type = FormatName, inline, required = false)]
    format: String,
    /// As `GET /api/v2/reports/kinds` says: for sales `period`, or `from` and `to`, and `storeId`.
    #[schema(value_type = Object, required = false, example = json!({"period": "last-month"}))]
    parameters: Value,
}

/// A schedule, as clients write it.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "describes what the handler reads by hand")]
struct ScheduleIn {
    /// Of what.
    #[schema(value_type = Kind, inline)]
    kind: String,
    /// `pdf` if left out.
    #[schema(value_type = FormatName, inline, required = false)]
    format: String,
    /// As for an order; periods by name move on with the time.
    #[schema(value_type = Object, required = false, example = json!({"period": "last-week"}))]
    parameters: Value,
    /// A pattern of cron with five fields; not more often than four times an hour.
    #[schema(example = "0 6 * * 1", max_length = 100)]
    pattern: String,
    /// The time zone that it is meant in; `UTC` unless told.
    #[schema(required = false, example = "Europe/Oslo", max_length = 60)]
    zone: String,
    /// Where a letter goes when one is ready, besides what the inbox tells.
    #[schema(required = false, example = "manager@shop.example", max_length = 254)]
    mail_to: String,
}

/// A schedule.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ScheduleOut {
    id: Uuid,
    #[schema(value_type = Kind, inline)]
    kind: String,
    #[schema(value_type = FormatName, inline)]
    format: &'static str,
    #[schema(value_type = Object)]
    parameters: Value,
    #[schema(example = "0 6 * * 1")]
    pattern: String,
    #[schema(example = "Europe/Oslo")]
    zone: String,
    mail_to: Option<String>,
    /// `false` when there is no further slot.
    is_enabled: bool,
    #[schema(value_type = String, format = DateTime)]
    next_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    last_at: Option<Timestamp>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

impl From<Schedule> for ScheduleOut {
    fn from(schedule: Schedule) -> Self {
        let Schedule { id, kind, format, parameters, pattern, zone, mail_to, is_enabled, next_at, last_at, .. } =
            schedule;
        let (format, created_at) = (format.name(), schedule.created_at);
        Self { id, kind, format, parameters, pattern, zone, mail_to, is_enabled, next_at, last_at, created_at }
    }
}

/// A page of schedules.
#[derive(Serialize, ToSchema)]
struct ScheduleList {
    data: Vec<ScheduleOut>,
    page: Page,
}

fn failed(error: Error) -> Problem {
    let may_pass = error.is_unavailable() || error.is_statement_timeout();
    Problem::failure(error, may_pass)
}

fn not_found() -> Problem {
    Problem::new(&NOT_FOUND, "none of your reports has this id")
}

/// The kinds of reports that you may order, and what each takes.
#[utoipa::path(
    get, path = "/api/v2/reports/kinds", tag = "reports",
    responses((status = 200, description = "The kinds.", body = ReportKinds)),
)]
async fn list_report_kinds(State(shared): State<Arc<Shared>>, permit: Permit, query: Query) -> Result<Reply, Problem> {
    query.finish()?;
    let caller = permit.signed_in()?;
    let own = shared.sources.iter().filter(|source| shared.keeper.granted(caller, source.action()).is_some());
    let data = own.map(|source| ReportKind { kind: source.kind(), about: source.about() }).collect();
    Reply::json(&ReportKinds { data }, CacheClass::Private)
}

/// Lists one's reports, the newest first; an admin everybody's.
#[utoipa::path(
    get, path = "/api/v2/reports", tag = "reports",
    params(
        ("scheduleId" = Option<Uuid>, Query, description = "Only those of a schedule."),
        ("limit" = Option<u32>, Query, description = "Rows in a page; 50 unless told.", minimum = 1, maximum = 200),
        ("cursor" = Option<String>, Query, description = "`nextCursor` of another page of the same list."),
        ("page" = Option<u32>, Query, description = "A page by its number, for people.", minimum = 1),
    ),
    responses((status = 200, description = "A page of the reports.", body = ReportList)),
)]
async fn list_reports(State(shared): State<Arc<Shared>>, permit: Permit, mut query: Query) -> Result<Reply, Problem> {
    let schedule: Option<Uuid> = query.value("scheduleId", "an id");
    let page = PageRequest::from_query(&mut query);
    query.finish()?;
    let (page, owner) = (page?, permit.owner()?);
    let fingerprint = Cursor::fingerprint(&format!("reports {owner:?} {schedule:?}"));
    let part = page.below(fingerprint)?;
    let client = shared.database.client().await.map_err(failed)?;
    let found = store::list(&client, owner, schedule, part).await.map_err(failed)?;
    let (found, page) = page.cut_below(found, fingerprint, |one| one.id);
    let data = found.into_iter().map(Report::from).collect();
    Reply::json(&ReportList { data, page }, CacheClass::Private)
}

/// What an order and a schedule have in common.
struct Wanted {
    source: Arc<dyn Source>,
    format: Format,
    parameters: Value,
}

fn read_wanted(shared: &Shared, reader: &mut Reader<'_>) -> (Option<Wanted>, Vec<Fault>) {
    let source = reader.required("kind", |member| {
        let known = |text: &str| {
            let kinds: Vec<&str> = shared.sources.iter().map(|source| source.kind()).collect();
            shared.source(text).cloned().ok_or_else(|| format!("must be one of {}", kinds.join(", ")))
        };
        member.parsed(Text::line(1, 40), "unknown_kind", known)
    });
    let format = reader.optional("format", |member| {
        let known = |text: &str| Format::named(text).ok_or("must be pdf or xlsx");
        member.parsed(Text::line(1, 10), "unknown_format", known)
    });
    let given = reader.optional("parameters", |member| member.object(20, 4_096)).unwrap_or_else(|| json!({}));
    let Some(source) = source else { return (None, Vec::new()) };
    match source.check(&given) {
        Ok(parameters) => (Some(Wanted { source, format: format.unwrap_or(Format::Pdf), parameters }), Vec::new()),
        Err(faults) => (None, faults),
    }
}

/// Whether a caller may order this at all.
fn may(shared: &Shared, caller: &Caller, source: &dyn Source) -> Result<(), Problem> {
    match shared.keeper.granted(caller, source.action()) {
        Some(Scope::All | Scope::Store) => Ok(()),
        Some(Scope::Own | Scope::Business) | None => {
            Err(Problem::new(&kinds::FORBIDDEN, format!("you have no permission for {}", source.action())))
        }
    }
}

/// Orders a report. It is made in the background; how far it is is told live on `reports-{id}`, and that it is ready in
/// the inbox.
#[utoipa::path(
    post, path = "/api/v2/reports", tag = "reports",
    request_body = ReportIn,
    responses((status = 202, description = "It is ordered; `Location` says where to look.", body = Report)),
)]
async fn order_report(
    State(shared): State<Arc<Shared>>,
    permit: Permit,
    query: Query,
    JsonBody(body): JsonBody,
) -> Result<Reply, Problem> {
    query.finish()?;
    let mut reader = Reader::new(&body, "");
    let (wanted, also) = read_wanted(&shared, &mut reader);
    let mut faults = reader.finish();
    faults.extend(also);
    let Some(wanted) = wanted.filter(|_| faults.is_empty()) else { return Err(Problem::invalid_body(faults)) };
    let caller = permit.signed_in()?;
    may(&shared, caller, &*wanted.source)?;
    let order = &Order {
        id: shared.clock.new_id(),
        owner: caller.id,
        kind: wanted.source.kind().to_owned(),
        format: wanted.format,
        parameters: wanted.parameters,
        schedule_id: None,
        mail_to: None,
        as_of: shared.clock.now().to_zoned(TimeZone::UTC).date(),
    };
    let (now, shared) = (shared.clock.now(), &shared);
    let written = shared
        .database
        .transaction(|transaction| {
            async move {
                if store::under_way(transaction, order.owner).await? >= MOST_UNDER_WAY {
                    return Ok::<_, Error>(None);
                }
                store::order(transaction, order, now).await?;
                making::enqueue(shared, transaction, order).await?;
                store::by_id(transaction.client(), order.id).await
            }
            .scope_boxed()
        })
        .await
        .map_err(failed)?;
    let Some(written) = written else {
        let detail = format!("{MOST_UNDER_WAY} of your reports are being made; wait for one or cancel one");
        return Err(Problem::new(&TOO_MANY, detail));
    };
    let location = format!("/api/v2/reports/{}", order.id);
    Ok(Reply::json(&Report::from(written), CacheClass::Never)?
        .status(StatusCode::ACCEPTED)
        .header(header::LOCATION, &location))
}

async fn own(shared: &Shared, permit: &Permit, id: &str) -> Result<Written, Problem> {
    let id: Uuid = id.parse().map_err(|_| not_found())?;
    let owner = permit.owner()?;
    let client = shared.database.client().await.map_err(failed)?;
    let found = store::by_id(&client, id).await.map_err(failed)?;
    found.filter(|found| owner.is_none_or(|owner| owner == found.owner)).ok_or_else(not_found)
}

/// How far a report is.
#[utoipa::path(
    get, path = "/api/v2/reports/{report}", tag = "reports",
    params(("report" = Uuid, Path, description = "The report's id.")),
    responses((status = 200, description = "The report.", body = Report)),
)]
async fn get_report(
    State(shared): State<Arc<Shared>>,
    permit: Permit,
    Path(id): Path<String>,
    query: Query,
) -> Result<Reply, Problem> {
    query.finish()?;
    Reply::json(&Report::from(own(&shared, &permit, &id).await?), CacheClass::Private)
}

/// Cancels a report that is being made, or throws it away.
#[utoipa::path(
    delete, path = "/api/v2/reports/{report}", tag = "reports",
    params(("report" = Uuid, Path, description = "The report's id.")),
    responses((status = 204, description = "It is not made; its file is thrown away within a minute.")),
)]
async fn cancel_report(
    State(shared): State<Arc<Shared>>,
    permit: Permit,
    Path(id): Path<String>,
    query: Query,
) -> Result<Reply, Problem> {
    query.finish()?;
    let Written { id, owner, job_id, .. } = own(&shared, &permit, &id).await?;
    let (now, shared) = (shared.clock.now(), &shared);
    let is_cancelled = shared
        .database
        .transaction(|transaction| {
            async move {
                if !store::cancel(transaction, id, now).await? {
                    return Ok::<_, Error>(false);
                }
                if let Some(job) = job_id {
                    shared.jobs.cancel_within(transaction, job).await?;
                }
                let told = json!({"status": "cancelled"});
                tell(shared, transaction, id, owner, "report-cancelled", &told).await?;
                Ok(true)
            }
            .scope_boxed()
        })
        .await
        .map_err(failed)?;
    if is_cancelled { Ok(Reply::no_content()) } else { Err(Problem::new(&GONE, "it has ended already")) }
}

/// The file, whole or a range of it; `Repr-Digest` has its SHA-256.
#[utoipa::path(
    get, path = "/api/v2/reports/{report}/content", tag = "reports",
    params(
        ("report" = Uuid, Path, description = "The report's id."),
        ("Range" = Option<String>, Header, description = "One range of bytes, such as `bytes=1048576-`."),
        ("If-Range" = Option<String>, Header, description = "The ETag of the file that the range is of; another file is sent whole."),
    ),
    responses(
        (status = 200, description = "The file.", content((inline(File) = "application/pdf"), (inline(File) = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"))),
        (status = 206, description = "The range.", content((inline(File) = "application/pdf"), (inline(File) = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"))),
    ),
)]
async fn get_report_content(
    State(shared): State<Arc<Shared>>,
    permit: Permit,
    Path(id): Path<String>,
    query: Query,
    fields: HeaderMap,
) -> Result<Response, Problem> {
    query.finish()?;
    let report = own(&shared, &permit, &id).await?;
    match report.status.as_str() {
        "done" => {}
        "queued" | "running" => {
            return Err(Problem::new(&NOT_READY, format!("it is {}", report.status)).retry_after(1));
        }
        status => return Err(Problem::new(&GONE, format!("it is {status}"))),
    }
    // Whoever could see more when it was made does not see it still.
    let source = shared.source(&report.kind).cloned().ok_or_else(not_found)?;
    let caller = permit.signed_in()?;
    let is_within = match (shared.keeper.granted(caller, source.action()), &report.scope) {
        (Some(Scope::All), _) => true,
        (Some(Scope::Store), Some(told)) => {
            caller.stores.as_ref().is_some_and(|own| told.iter().all(|store| own.contains(store)))
        }
        _ => false,
    };
    if !is_within {
        return Err(Problem::new(&OUT_OF_REACH, "the report tells more than you may see now"));
    }
    let (Some(lies_at), Some(bytes), Some(sha256)) = (report.place, report.bytes, report.sha256) else {
        return Err(Problem::new(&GONE, "its file is gone"));
    };
    let file = Download {
        length: u64::try_from(bytes).unwrap_or(0),
        sha256,
        name: format!("{}-{}.{}", report.kind, report.created_at.strftime("%Y%m%dT%H%M%SZ"), report.format.name()),
        content_type: HeaderValue::from_static(report.format.media_type()),
    };
    let (head, first, end) = match file.demand(&fields, &RANGE_NOT_SATISFIABLE) {
        Demand::Answered(response) => return Ok(response),
        Demand::Bytes { head, first, end } => (head, first, end),
    };
    let options = GetOptions { range: Some(GetRange::Bounded(first..end)), ..GetOptions::default() };
    let found = shared.files.get_opts(&Place::from(lies_at), options).await;
    let found = match found {
        Err(object_store::Error::NotFound { .. }) => {
            tracing::error!(report = %report.id, "the file of a report has vanished: it counts as expired");
            let client = shared.database.client().await.map_err(failed)?;
            store::vanished(&client, report.id).await.map_err(failed)?;
            return Err(Problem::new(&GONE, "its file is gone"));
        }
        found => found.map_err(|error| Problem::failure(error, true))?,
    };
    let (parts, _) = head.into_parts();
    Ok(Response::from_parts(parts, Body::from_stream(found.into_stream())))
}

/// Lists one's schedules, the newest first; an admin everybody's.
#[utoipa::path(
    get, path = "/api/v2/reports/schedules", tag = "reports",
    params(
        ("limit" = Option<u32>, Query, description = "Rows in a page; 50 unless told.", minimum = 1, maximum = 200),
        ("cursor" = Option<String>, Query, description = "`nextCursor` of another page of the same list."),
        ("page" = Option<u32>, Query, description = "A page by its number, for people.", minimum = 1),
    ),
    responses((status = 200, description = "A page of the schedules.", body = ScheduleList)),
)]
async fn list_report_schedules(
    State(shared): State<Arc<Shared>>,
    permit: Permit,
    mut query: Query,
) -> Result<Reply, Problem> {
    let page = PageRequest::from_query(&mut query);
    query.finish()?;
    let (page, owner) = (page?, permit.owner()?);
    let fingerprint = Cursor::fingerprint(&format!("report schedules {owner:?}"));
    let part = page.below(fingerprint)?;
    let client = shared.database.client().await.map_err(failed)?;
    let found = store::schedules(&client, owner, part).await.map_err(failed)?;
    let (found, page) = page.cut_below(found, fingerprint, |one| one.id);
    let data = found.into_iter().map(ScheduleOut::from).collect();
    Reply::json(&ScheduleList { data, page }, CacheClass::Private)
}

/// Has a report made again and again.
#[utoipa::path(
    post, path = "/api/v2/reports/schedules", tag = "reports",
    request_body = ScheduleIn,
    responses((status = 201, description = "The schedule; `nextAt` says when its first report is made.", body = ScheduleOut)),
)]
async fn create_report_schedule(
    State(shared): State<Arc<Shared>>,
    permit: Permit,
    query: Query,
    JsonBody(body): JsonBody,
) -> Result<Reply, Problem> {
    query.finish()?;
    let mut reader = Reader::new(&body, "");
    let (wanted, also) = read_wanted(&shared, &mut reader);
    let pattern = reader.required("pattern", |member| member.text(Text::line(1, 100)));
    let zone = reader.optional("zone", |member| member.text(Text::line(1, 60))).unwrap_or_else(|| "UTC".to_owned());
    let mail_to =
        reader.optional("mailTo", |member| member.parsed(Text::line(3, 254), "invalid_email", entrepot_mail::address));
    let now = shared.clock.now();
    let next = pattern.as_deref().and_then(|pattern| match first_slot(pattern, &zone, now) {
        Ok(next) => Some(next),
        Err((member, why)) => {
            reader.fault(member, "invalid_schedule", why);
            None
        }
    });
    let mut faults = reader.finish();
    faults.extend(also);
    let (Some(wanted), Some(pattern), Some(next_at)) = (wanted, pattern, next) else {
        return Err(Problem::invalid_body(faults));
    };
    if !faults.is_empty() {
        return Err(Problem::invalid_body(faults));
    }
    let caller = permit.signed_in()?;
    may(&shared, caller, &*wanted.source)?;
    let schedule = &Schedule {
        id: shared.clock.new_id(),
        owner: caller.id,
        kind: wanted.source.kind().to_owned(),
        format: wanted.format,
        parameters: wanted.parameters,
        pattern,
        zone,
        mail_to,
        is_enabled: true,
        next_at,
        last_at: None,
        created_at: now,
    };
    let shared = &shared;
    let is_made = shared
        .database
        .transaction(|transaction| {
            async move {
                if !store::schedule_insert(transaction, schedule, MOST_SCHEDULES).await? {
                    return Ok(false);
                }
                let told = json!({"scheduleId": schedule.id, "owner": schedule.owner, "kind": schedule.kind});
                let event = NewEvent::new("report-schedule-created", format!("reports-{}", schedule.id)).data(&told);
                shared.feed.append(transaction, event).await?;
                Ok::<_, Error>(true)
            }
            .scope_boxed()
        })
        .await
        .map_err(failed)?;
    if !is_made {
        return Err(Problem::new(&TOO_MANY_SCHEDULES, format!("a person may have {MOST_SCHEDULES} schedules")));
    }
    Ok(Reply::json(&ScheduleOut::from(schedule.clone()), CacheClass::Never)?.created_at("/api/v2/reports/schedules"))
}

/// The first slot; or what is wrong, and with which member.
fn first_slot(pattern: &str, zone: &str, now: Timestamp) -> Result<Timestamp, (&'static str, String)> {
    let slots = Slots::new(pattern, zone).map_err(|wrong| match wrong {
        Ok(pattern) => ("pattern", format!("must be a pattern of cron with five fields: {pattern}")),
        Err(zone) => ("zone", format!("must be a time zone such as Europe/Oslo: {zone}")),
    })?;
    let first = slots.after(now).ok_or_else(|| ("pattern", "never comes".to_owned()))?;
    // Looked at for a day's worth of slots: a pattern may be dense at some hours alone.
    let mut at = first;
    for _ in 0..100 {
        let Some(next) = slots.after(at) else { break };
        if next.duration_since(at).unsigned_abs() < SHORTEST_PAUSE {
            return Err(("pattern", "must not come more often than every 15 minutes".to_owned()));
        }
        at = next;
    }
    Ok(first)
}

/// Ends a schedule. The reports that it has ordered stay.
#[utoipa::path(
    delete, path = "/api/v2/reports/schedules/{schedule}", tag = "reports",
    params(("schedule" = Uuid, Path, description = "The schedule's id.")),
    responses((status = 204, description = "It orders nothing more.")),
)]
async fn delete_report_schedule(
    State(shared): State<Arc<Shared>>,
    permit: Permit,
    Path(id): Path<String>,
    query: Query,
) -> Result<Reply, Problem> {
    query.finish()?;
    let unknown = || Problem::new(&SCHEDULE_NOT_FOUND, "none of your schedules has this id");
    let (id, owner) = (id.parse::<Uuid>().map_err(|_| unknown())?, permit.owner()?);
    let shared = &shared;
    let is_gone = shared
        .database
        .transaction(|transaction| {
            async move {
                let is_gone = store::schedule_delete(transaction, id, owner).await?;
                if is_gone {
                    let told = json!({"scheduleId": id});
                    let event = NewEvent::new("report-schedule-deleted", format!("reports-{id}")).data(&told);
                    shared.feed.append(transaction, event).await?;
                }
                Ok::<_, Error>(is_gone)
            }
            .scope_boxed()
        })
        .await
        .map_err(failed)?;
    if is_gone { Ok(Reply::no_content()) } else { Err(unknown()) }
}
