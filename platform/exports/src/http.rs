//! The endpoints of exports: order, look, fetch, cancel.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use entrepot_feed::NewEvent;
use entrepot_pg::{Error, ScopedFutureExt as _};
use entrepot_web::body::{JsonBody, Reader, Text};
use entrepot_web::openapi::Upload;
use entrepot_web::{
    CacheClass, Caching, Caller, FieldNames, ListMeta, Module, Page, PageRequest, Permit, Problem, ProblemKind,
    Projection, Query, Reply, Rule, Scope, TopicRule, kinds, list_reply,
};
use http::StatusCode;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::store::{self, Written};
use crate::{Asked, Format, Shared, content, making};

/// Exports that one person may have under way.
const MOST_UNDER_WAY: i64 = 10;

macro_rules! kind {
    ($name:ident, $status:literal, $code:literal, $title:literal, $meaning:literal) => {
        pub(crate) const $name: ProblemKind =
            ProblemKind { code: $code, status: $status, title: $title, meaning: $meaning };
    };
}

kind!(NOT_FOUND, 404, "exports.not_found", "There is no such export", "None of yours has this id.");
kind!(
    NOT_READY,
    409,
    "exports.not_ready",
    "The file is not ready",
    "It is still being made; follow `exports-{id}`, or ask for the export until its status is `done`."
);
kind!(
    GONE,
    410,
    "exports.gone",
    "The file is gone",
    "It was cancelled, it failed, or its time is over. Order another."
);
kind!(
    OUT_OF_REACH,
    403,
    "exports.out_of_reach",
    "The file holds more than you may see",
    "It was ordered when you could see more stores, or rows of this kind. Order another."
);
kind!(
    TOO_MANY,
    409,
    "exports.too_many",
    "Too many exports are under way",
    "Ten of yours are being made. Wait for one, or cancel one."
);

pub(crate) const RANGE_NOT_SATISFIABLE: ProblemKind = ProblemKind {
    code: "exports.range_not_satisfiable",
    status: 416,
    title: "The range is not in the file",
    meaning: "`Content-Range` has the length of the file. A download that has all of it asks for nothing more.",
};

const FIELDS: FieldNames = FieldNames(&[
    "id",
    "kind",
    "format",
    "parameters.*",
    "status",
    "rows",
    "totalRows",
    "bytes",
    "percent",
    "digest",
    "error",
    "contentUrl",
    "createdAt",
    "finishedAt",
    "expiresAt",
]);

const RULES: &[(&str, Rule)] = &[
    ("list_exports", Rule::needs("exports.read")),
    ("order_export", Rule::needs("exports.write").costs(5)),
    ("get_export", Rule::needs("exports.read")),
    ("cancel_export", Rule::needs("exports.write")),
    ("get_export_content", Rule::needs("exports.read").lasting().noted("export-fetched")),
];

const PROBLEMS: &[(&str, &[&ProblemKind])] = &[
    ("list_exports", &[&kinds::INVALID_CURSOR, &kinds::FOREIGN_CURSOR]),
    ("order_export", &[&TOO_MANY]),
    ("get_export", &[&NOT_FOUND]),
    ("cancel_export", &[&NOT_FOUND, &GONE]),
    ("get_export_content", &[&NOT_FOUND, &NOT_READY, &GONE, &OUT_OF_REACH, &RANGE_NOT_SATISFIABLE]),
];

const CACHING: &[(&str, Caching)] = &[
    ("list_exports", Caching::Never("each person's own")),
    ("get_export", Caching::Never("each person's own")),
    ("get_export_content", Caching::Streamed("a file of any size")),
];

type Exports = Arc<Shared>;

pub(crate) fn module(shared: Exports) -> Module {
    let asking = shared.clone();
    let ask = Arc::new(move |caller: Arc<Caller>, rest: String| {
        let shared = asking.clone();
        Box::pin(async move {
            let Ok(id) = rest.parse() else { return Some(false) };
            let client = shared.database.client().await.ok()?;
            let found = store::by_id(&client, id).await.ok()?;
            let is_for_all = shared.keeper.granted(&caller, "exports.read") == Some(Scope::All);
            Some(found.is_some_and(|found| is_for_all || found.owner == caller.id))
        }) as futures_util::future::BoxFuture<'static, Option<bool>>
    });
    let (routes, openapi) = OpenApiRouter::new()
        .routes(routes!(list_exports, order_export))
        .routes(routes!(get_export, cancel_export))
        .routes(routes!(get_export_content))
        .with_state(shared)
        .split_for_parts();
    Module {
        name: "exports",
        routes,
        openapi,
        problems: PROBLEMS,
        rules: RULES,
        caching: CACHING,
        counters: Vec::new(),
        warmers: Vec::new(),
        topics: vec![TopicRule::asking("exports-", "exports.read", ask)],
    }
}

/// What state an export is in.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[expect(dead_code, reason = "describes what the database holds as text")]
enum ExportStatus {
    /// It waits for its turn.
    Queued,
    /// It is being made.
    Running,
    /// Its file can be fetched.
    Done,
    /// It could not be made.
    Failed,
    /// It was cancelled.
    Cancelled,
    /// Its file was thrown away.
    Expired,
}

entrepot_web::choices! {
    Kind = "sales" | "products";
    FormatName = "csv" | "json" | "ndjson";
}

/// An export.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Export {
    id: Uuid,
    /// Of what.
    #[schema(value_type = Kind, inline)]
    kind: String,
    #[schema(value_type = FormatName, inline)]
    format: &'static str,
    /// What it was ordered with.
    #[schema(value_type = Object)]
    parameters: Value,
    #[schema(value_type = ExportStatus)]
    status: String,
    /// Rows that are written.
    rows: i64,
    /// Rows that there will be, as counted when it began.
    total_rows: Option<i64>,
    /// Bytes that are written.
    bytes: i64,
    /// How far it is, 0 to 100.
    #[schema(minimum = 0, maximum = 100)]
    percent: Option<i64>,
    /// SHA-256 of the whole file, in hexadecimal digits.
    digest: Option<String>,
    /// Why it failed.
    error: Option<String>,
    /// Where the file is, once it is done.
    #[schema(example = "/api/v2/exports/019a2b3c-4d5e-7f60-8a9b-0c1d2e3f4a5b/content")]
    content_url: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    finished_at: Option<Timestamp>,
    /// When the file is thrown away.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
}

impl From<Written> for Export {
    fn from(written: Written) -> Self {
        let is_done = written.status == "done";
        let percent = match (written.total, is_done) {
            (_, true) => Some(100),
            (Some(total), false) => Some((written.rows * 100).checked_div(total).unwrap_or(0).clamp(0, 99)),
            (None, false) => None,
        };
        Self {
            id: written.id,
            kind: written.kind,
            format: written.asked.format.name(),
            parameters: written.asked.parameters,
            rows: written.rows,
            total_rows: written.total,
            bytes: written.bytes,
            percent,
            digest: written.sha256.map(|sha256| sha256.iter().map(|byte| format!("{byte:02x}")).collect()),
            error: written.error,
            content_url: is_done.then(|| format!("/api/v2/exports/{}/content", written.id)),
            created_at: written.created_at,
            finished_at: written.finished_at,
            expires_at: written.expires_at,
            status: written.status,
        }
    }
}

/// A page of exports.
#[derive(Serialize, ToSchema)]
struct ExportList {
    data: Vec<Export>,
    page: Page,
    meta: ListMeta,
}

/// An order.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what the handler reads by hand")]
struct ExportIn {
    /// Of what.
    #[schema(value_type = Kind, inline)]
    kind: String,
    /// `csv` if left out.
    #[schema(value_type = FormatName, inline, required = false)]
    format: String,
    /// For sales as the endpoint that streams the same rows takes them: `storeId`, `year`, `month`, `from`, `to`, `has`,
    /// `fields`. For products `category` (a slug), `brand`, `active` (both, if left out), `updatedSince`, `fields`.
    #[schema(value_type = Object, required = false, example = json!({"year": 2024}))]
    parameters: Value,
}

fn failed(error: Error) -> Problem {
    let may_pass = error.is_unavailable() || error.is_statement_timeout();
    Problem::failure(error, may_pass)
}

fn not_found() -> Problem {
    Problem::new(&NOT_FOUND, "none of your exports has this id")
}

fn reply(export: Export, class: CacheClass) -> Result<Reply, Problem> {
    Reply::json(&export, class)
}

/// Lists one's exports, the newest first; an admin everybody's.
#[utoipa::path(
    get, path = "/api/v2/exports", tag = "exports",
    params(
        ("limit" = Option<u32>, Query, description = "Rows in a page; 50 unless told.", minimum = 1, maximum = 200),
        ("cursor" = Option<String>, Query, description = "`nextCursor` or `prevCursor` of another page of the same list."),
        ("page" = Option<u32>, Query, description = "A page by its number, for people.", minimum = 1),
        ("fields" = Option<String>, Query, description = "Only these fields.", example = "id,status,percent"),
        ("exclude" = Option<String>, Query, description = "All fields but these."),
    ),
    responses((status = 200, description = "A page of the exports.", body = ExportList)),
)]
async fn list_exports(State(exports): State<Exports>, permit: Permit, mut query: Query) -> Result<Reply, Problem> {
    let projection = Projection::from_query(&mut query, FIELDS);
    let page = PageRequest::from_query(&mut query);
    query.finish()?;
    let owner = permit.owner()?;
    let client = exports.database.client().await.map_err(failed)?;
    let (found, page) = store::list(&client, owner, &page?).await.map_err(failed)??;
    let found: Vec<Export> = found.into_iter().map(Export::from).collect();
    let meta = ListMeta::new(&projection, FIELDS, "-createdAt".to_owned());
    list_reply(&found, &page, &meta, &projection, CacheClass::Private)
}

/// Orders an export. Its file is made in the background; how far it is is told live on `exports-{id}`.
#[utoipa::path(
    post, path = "/api/v2/exports", tag = "exports",
    request_body = ExportIn,
    responses((status = 202, description = "It is ordered; `Location` says where to look.", body = Export)),
)]
async fn order_export(
    State(exports): State<Exports>,
    permit: Permit,
    query: Query,
    JsonBody(body): JsonBody,
) -> Result<Reply, Problem> {
    query.finish()?;
    let mut reader = Reader::new(&body, "");
    let kind = reader.required("kind", |member| {
        let known = |text: &str| {
            let kinds: Vec<&str> = exports.sources.iter().map(|source| source.kind()).collect();
            exports.source(text).cloned().ok_or_else(|| format!("must be one of {}", kinds.join(", ")))
        };
        member.parsed(Text::line(1, 40), "unknown_kind", known)
    });
    let format = reader.optional("format", |member| {
        let known = |text: &str| Format::named(text).ok_or("must be csv, json or ndjson");
        member.parsed(Text::line(1, 40), "unknown_format", known)
    });
    let given = reader.optional("parameters", |member| member.object(20, 4_096)).unwrap_or_else(|| json!({}));
    let mut faults = reader.finish();
    let parameters = match kind.as_ref().map(|source| source.check(&given)) {
        Some(Ok(parameters)) => parameters,
        Some(Err(found)) => {
            faults.extend(found);
            given
        }
        None => given,
    };
    let Some(source) = kind.filter(|_| faults.is_empty()) else { return Err(Problem::invalid_body(faults)) };
    let caller = permit.signed_in()?;
    let scope = reach(&exports, caller, source.action())?;
    let asked = Asked { format: format.unwrap_or(Format::Csv), parameters, scope };
    let (id, now) = (exports.clock.new_id(), exports.clock.now());
    let (asked, exports_ref, source) = (&asked, &exports, &source);
    let written = exports
        .database
        .transaction(|transaction| {
            async move {
                if !store::order(transaction, id, caller.id, source.kind(), asked, now, MOST_UNDER_WAY).await? {
                    return Ok::<_, Error>(None);
                }
                let told = json!({"exportId": id, "status": "queued"});
                let event = NewEvent::new("export-ordered", format!("exports-{id}")).data(&told);
                exports_ref.feed.append(transaction, event).await?;
                making::enqueue(exports_ref, transaction, id, caller.id).await?;
                store::by_id(transaction.client(), id).await
            }
            .scope_boxed()
        })
        .await
        .map_err(failed)?;
    let Some(written) = written else {
        let detail = format!("{MOST_UNDER_WAY} of your exports are being made; wait for one or cancel one");
        return Err(Problem::new(&TOO_MANY, detail));
    };
    let location = format!("/api/v2/exports/{id}");
    Ok(reply(written.into(), CacheClass::Never)?.status(StatusCode::ACCEPTED).header(http::header::LOCATION, &location))
}

/// The stores that a caller may export of; `None` for all.
fn reach(exports: &Shared, caller: &Caller, action: &str) -> Result<Option<Arc<[String]>>, Problem> {
    match exports.keeper.granted(caller, action) {
        Some(Scope::All) => Ok(None),
        Some(Scope::Store) => Ok(Some(caller.stores.clone().unwrap_or_default())),
        Some(Scope::Own | Scope::Business) | None => {
            Err(Problem::new(&kinds::FORBIDDEN, format!("you have no permission for {action}")))
        }
    }
}

async fn own(exports: &Shared, permit: &Permit, id: &str) -> Result<Written, Problem> {
    let id: Uuid = id.parse().map_err(|_| not_found())?;
    let owner = permit.owner()?;
    let client = exports.database.client().await.map_err(failed)?;
    let found = store::by_id(&client, id).await.map_err(failed)?;
    found.filter(|found| owner.is_none_or(|owner| owner == found.owner)).ok_or_else(not_found)
}

/// How far an export is.
#[utoipa::path(
    get, path = "/api/v2/exports/{export}", tag = "exports",
    params(("export" = Uuid, Path, description = "The export's id.")),
    responses((status = 200, description = "The export.", body = Export)),
)]
async fn get_export(
    State(exports): State<Exports>,
    permit: Permit,
    Path(id): Path<String>,
    query: Query,
) -> Result<Reply, Problem> {
    query.finish()?;
    reply(own(&exports, &permit, &id).await?.into(), CacheClass::Private)
}

/// Cancels an export that is being made, or throws its file away.
#[utoipa::path(
    delete, path = "/api/v2/exports/{export}", tag = "exports",
    params(("export" = Uuid, Path, description = "The export's id.")),
    responses((status = 204, description = "Nothing more is written; the file is thrown away within a minute.")),
)]
async fn cancel_export(
    State(exports): State<Exports>,
    permit: Permit,
    Path(id): Path<String>,
    query: Query,
) -> Result<Reply, Problem> {
    query.finish()?;
    let Written { id, job_id, .. } = own(&exports, &permit, &id).await?;
    let now = exports.clock.now();
    let exports = &exports;
    let is_cancelled = exports
        .database
        .transaction(|transaction| {
            async move {
                if !store::cancel(transaction, id, now).await? {
                    return Ok::<_, Error>(false);
                }
                if let Some(job) = job_id {
                    exports.jobs.cancel_within(transaction, job).await?;
                }
                let told = json!({"exportId": id, "status": "cancelled"});
                let event = NewEvent::new("export-cancelled", format!("exports-{id}")).data(&told);
                exports.feed.append(transaction, event).await?;
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
    get, path = "/api/v2/exports/{export}/content", tag = "exports",
    params(
        ("export" = Uuid, Path, description = "The export's id."),
        ("Range" = Option<String>, Header, description = "One range of bytes, such as `bytes=1048576-`: how a download that broke off goes on."),
        ("If-Range" = Option<String>, Header, description = "The ETag of the file that the range is of; another file is sent whole."),
    ),
    responses(
        (status = 200, description = "The file.", content((inline(Upload) = "text/csv"), (inline(Upload) = "application/json", example = json!([{"sku": "26190", "title": "Apple Sauce", "stock": 12}])), (inline(Upload) = "application/x-ndjson"))),
        (status = 206, description = "The range.", content((inline(Upload) = "text/csv"), (inline(Upload) = "application/json", example = json!([{"sku": "26190", "title": "Apple Sauce", "stock": 12}])), (inline(Upload) = "application/x-ndjson"))),
    ),
)]
async fn get_export_content(
    State(exports): State<Exports>,
    permit: Permit,
    Path(id): Path<String>,
    query: Query,
    fields: HeaderMap,
) -> Result<Response, Problem> {
    query.finish()?;
    let export = own(&exports, &permit, &id).await?;
    match export.status.as_str() {
        "done" => {}
        "queued" | "running" => {
            let detail = format!("it is {}; {} rows are written", export.status, export.rows);
            return Err(Problem::new(&NOT_READY, detail).retry_after(1));
        }
        status => return Err(Problem::new(&GONE, format!("it is {status}"))),
    }
    // Whoever could see more when it was ordered does not see it still.
    let action = exports.source(&export.kind).map(|source| source.action()).ok_or_else(not_found)?;
    let reach = reach(&exports, permit.signed_in()?, action)?;
    let is_within = match (&reach, &export.asked.scope) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(reach), Some(scope)) => scope.iter().all(|store| reach.contains(store)),
    };
    if !is_within {
        return Err(Problem::new(&OUT_OF_REACH, "the file holds more than you may see now"));
    }
    content::give(&exports, &export, permit.standing().cloned(), &fields).await
}
