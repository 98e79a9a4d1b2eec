//! The audit log: read in pages, exported whole.
//!
//! **Invariant:** an export takes no more memory than one piece of it, however long the log is, and is
//! as slow as its reader: the next piece is read when the last one was sent.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, Response, header};
use axum::response::IntoResponse as _;
use bytes::Bytes;
use entrepot_contracts::StoreId;
use entrepot_web::{CacheClass, ListMeta, Page, PageRequest, Permit, Problem, Projection, Query, Reply, list_reply};
use futures_util::stream;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::list_problem;
use crate::Accounts;
use crate::model::{AUDIT_FIELDS, AuditEntry};
use crate::store::{self, Filter};

entrepot_web::choices! {
    AuditFormat = "csv" | "ndjson";
}

/// Entries of one piece of an export.
const PIECE: u32 = 1_000;

/// A page of the audit log.
#[derive(Serialize, ToSchema)]
pub(super) struct AuditList {
    data: Vec<AuditEntry>,
    page: Page,
    meta: ListMeta,
}

/// What narrows the log.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes what is read by hand")]
pub(super) struct AuditFilters {
    /// Only what this person did.
    actor: Option<Uuid>,
    /// Only this action, such as `catalog.product-changed`.
    action: Option<String>,
    /// Only what was done to this, such as `product-019a…`.
    target: Option<String>,
    /// Only from this address.
    address: Option<String>,
    /// Only by this request.
    #[param(rename = "requestId")]
    request_id: Option<String>,
    /// Only from this time on.
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// Only before this time.
    #[param(value_type = Option<String>, format = DateTime)]
    to: Option<Timestamp>,
}

fn filters(query: &mut Query, permit: &Permit) -> Result<Vec<Filter>, Problem> {
    let mut filters = Vec::new();
    if let Some(stores) = permit.stores()? {
        // An entry carries the data of its event: only what is about these stores is shown.
        let topics = stores.iter().flat_map(|store| StoreId::topics(store)).collect();
        filters.push(Filter::Texts("target = ANY ({})", topics));
    }
    if let Some(actor) = query.value("actor", "an id") {
        filters.push(Filter::Id("actor = {}", actor));
    }
    for (name, sql) in [
        ("action", "action = {}"),
        ("target", "target = {}"),
        ("address", "address = {}"),
        ("requestId", "request_id = {}"),
    ] {
        if let Some(text) = query.filled(name) {
            filters.push(Filter::Text(sql, text));
        }
    }
    for (name, sql) in [("from", "at >= {}"), ("to", "at < {}")] {
        if let Some(time) = query.value(name, "a time such as 2027-01-31T00:00:00Z") {
            filters.push(Filter::Time(sql, time));
        }
    }
    Ok(filters)
}

/// Who did what to what, from where; the newest first. Those who are restricted to stores see what was done to these.
#[utoipa::path(
    get, path = "/api/admin/audit", tag = "admin",
    params(
        AuditFilters,
        ("fields" = Option<String>, Query, description = "Only these fields.", example = "at,actor,action,target"),
        ("exclude" = Option<String>, Query, description = "All fields but these."),
        ("limit" = Option<u32>, Query, description = "Rows in a page; 50 unless told.", minimum = 1, maximum = 200),
        ("cursor" = Option<String>, Query, description = "`nextCursor` or `prevCursor` of another page of the same list."),
        ("page" = Option<u32>, Query, description = "A page by its number, for people.", minimum = 1),
    ),
    responses((status = 200, description = "A page of the log.", body = AuditList)),
)]
pub(super) async fn list_audit(
    State(accounts): State<Arc<Accounts>>,
    permit: Permit,
    mut query: Query,
) -> Result<Reply, Problem> {
    let filters = filters(&mut query, &permit)?;
    let projection = Projection::from_query(&mut query, AUDIT_FIELDS);
    let page = PageRequest::from_query(&mut query);
    query.finish()?;
    let page = page?;
    let found = store::audit_list(&filters, &page)?.audit(&accounts.database).await.map_err(list_problem)?;
    let meta = ListMeta::new(&projection, AUDIT_FIELDS, "-id".to_owned());
    list_reply(&found.rows, &found.page, &meta, &projection, CacheClass::Private)
}

#[derive(Clone, Copy)]
enum Format {
    Csv,
    Ndjson,
}

/// The audit log as a file, as far as the filters go.
#[utoipa::path(
    get, path = "/api/admin/audit/export", tag = "admin",
    params(
        AuditFilters,
        ("format" = inline(Option<AuditFormat>), Query, description = "`csv` if left out."),
    ),
    responses((
        status = 200,
        description = "The entries, the newest first. A text in a CSV that a spreadsheet would take for a formula has an apostrophe before it.",
        content((String = "text/csv"), (String = "application/x-ndjson")),
    )),
)]
pub(super) async fn export_audit(
    State(accounts): State<Arc<Accounts>>,
    permit: Permit,
    mut query: Query,
) -> Result<Response<Body>, Problem> {
    let filters = filters(&mut query, &permit)?;
    let format = query.one_of("format", &[("csv", Format::Csv), ("ndjson", Format::Ndjson)]).unwrap_or(Format::Csv);
    query.finish()?;
    // The first piece is read before the answer begins, so that a failure can still be told as one.
    let first = read_piece(&accounts, &filters, i64::MAX).await.map_err(super::database_problem)?;
    let head = match format {
        Format::Csv => Bytes::from_static(b"id,at,actor,role,via,address,action,target,data,requestId\r\n"),
        Format::Ndjson => Bytes::new(),
    };
    let pieces = stream::try_unfold(Some((first, head)), move |state| {
        let (accounts, filters, permit) = (accounts.clone(), filters.clone(), permit.clone());
        async move {
            let Some((piece, head)) = state else { return Ok::<_, std::io::Error>(None) };
            let mut bytes = head.to_vec();
            for entry in &piece {
                write(&mut bytes, entry, format)?;
            }
            let is_last = piece.len() < usize::try_from(PIECE).unwrap_or(usize::MAX);
            let next = match piece.last().filter(|_| !is_last) {
                Some(last) => {
                    // Whoever has lost the right meanwhile gets no more of it.
                    if let Some(standing) = permit.standing() {
                        let stands = standing.check(accounts.clock.now()).await;
                        stands.map_err(|problem| std::io::Error::other(problem.detail().to_owned()))?;
                    }
                    let piece = read_piece(&accounts, &filters, last.id).await.map_err(std::io::Error::other)?;
                    Some((piece, Bytes::new()))
                }
                None => None,
            };
            Ok(Some((Bytes::from(bytes), next)))
        }
    });
    let (content_type, name) = match format {
        Format::Csv => ("text/csv; charset=utf-8", "attachment; filename=\"audit.csv\""),
        Format::Ndjson => ("application/x-ndjson", "attachment; filename=\"audit.ndjson\""),
    };
    let mut response = Body::from_stream(pieces).into_response();
    let fields = response.headers_mut();
    fields.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    fields.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static(name));
    fields.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

async fn read_piece(
    accounts: &Accounts,
    filters: &[Filter],
    below: i64,
) -> Result<Vec<AuditEntry>, entrepot_pg::Error> {
    let client = accounts.database.client().await?;
    store::audit_rows(&client, filters, below, PIECE).await
}

fn write(bytes: &mut Vec<u8>, entry: &AuditEntry, format: Format) -> std::io::Result<()> {
    if let Format::Ndjson = format {
        serde_json::to_writer(&mut *bytes, entry)?;
        bytes.push(b'\n');
        return Ok(());
    }
    let text = |text: &Option<String>| plain(text.as_deref().unwrap_or_default());
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(&mut *bytes);
    writer.write_record([
        entry.id.to_string(),
        entry.at.to_string(),
        entry.actor.map(|actor| actor.to_string()).unwrap_or_default(),
        text(&entry.role),
        text(&entry.via),
        text(&entry.address),
        plain(&entry.action),
        plain(&entry.target),
        plain(&entry.data.to_string()),
        text(&entry.request_id),
    ])?;
    writer.flush()
}

/// A text that no spreadsheet takes for a formula.
fn plain(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_becomes_a_formula() {
        assert_eq!(plain("=cmd()"), "'=cmd()");
        assert_eq!(plain("@SUM(A1)"), "'@SUM(A1)");
        assert_eq!(plain("product-1"), "product-1");
    }
}
