//! Sales in bulk: CSV or NDJSON of any length, written as it arrives.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::HeaderMap;
use entrepot_contracts::SalesBatchDone;
use entrepot_feed::NewEvent;
use entrepot_pg::{Error, ScopedFutureExt as _};
use entrepot_web::body::{boundary, first_file};
use entrepot_web::openapi::File;
use entrepot_web::{CacheClass, Permit, Problem, Query, Reply, kinds, off_async_threads};
use http::{StatusCode, header};
use http_body_util::BodyExt as _;
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::problems::{IMPORT_UNREADABLE, TOO_MANY_IMPORTS};
use super::{Sales, database_problem};
use crate::events::batch_done;
use crate::import::{Format, LineReader, LoadReport, Loader, Unreadable};
use crate::ops::Manner;

/// Lines in a form.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what the handler reads by hand")]
struct LinesForm {
    /// The lines, with their media type. Parts behind it are not read.
    #[schema(value_type = File, inline)]
    file: Vec<u8>,
}

entrepot_web::choices! {
    Mode = "merge" | "replace";
}

/// Imports at once on one instance, and of one person.
const MOST_UPLOADS: usize = 16;
const MOST_OF_ONE: usize = 2;
/// How often whoever imports is told how far it is.
const TOLD_EVERY: Duration = Duration::from_secs(1);

/// Writes sales as they arrive: CSV (`storeId,year,month,day` and fields, a row a day) or NDJSON (a row of a
/// batch a line), of any length. Lines are written some hundreds at a time, so what came before a break
/// stays; the same file sent again changes nothing. How far it is is told live on the topic `user-{id}`.
#[utoipa::path(
    post, path = "/api/v2/sales/import", tag = "sales",
    params(
        ("mode" = inline(Option<Mode>), Query, description = "`merge` (the default) keeps days that the file does not name; `replace` takes each NDJSON row for the whole month. A CSV always merges."),
        ("createStores" = Option<bool>, Query, description = "`true` makes stores that are not there, named after their ids; by default a line about one is refused. Only for those who are tied to no stores."),
    ),
    request_body(description = "The lines.", content((inline(File) = "application/octet-stream"), (inline(entrepot_web::openapi::Upload) = "text/csv", example = "storeId,year,month,day,sales\r\n330,2024,3,1,1250.50\r\n"), (String = "application/x-ndjson", example = "{\"storeId\":\"330\",\"year\":2024,\"month\":3,\"dailyData\":{\"1\":{\"sales\":1250.5}}}\n"), (LinesForm = "multipart/form-data"))),
    responses(
        (status = 200, description = "All lines were taken.", body = LoadReport),
        (status = 207, description = "Some lines were not: `errors` names them.", body = LoadReport),
    ),
)]
pub(super) async fn import_sales(
    State(sales): State<Sales>,
    permit: Permit,
    mut query: Query,
    fields: HeaderMap,
    body: Body,
) -> Result<Reply, Problem> {
    let merge = query.one_of("mode", &[("merge", true), ("replace", false)]).unwrap_or(true);
    let makes_stores = query.one_of("createStores", &[("true", true), ("false", false)]).unwrap_or(false);
    let scope = permit.stores()?;
    if makes_stores && scope.is_some() {
        query.fault("createStores", "not_allowed", "is not for those who are tied to stores");
    }
    query.finish()?;
    let (format, mut body) = match boundary(&fields) {
        None => (format(&fields)?, body),
        Some(boundary) => {
            let (media, file) = first_file(body, &boundary).await?;
            (format_of(&media, false)?, file)
        }
    };
    let person = permit.signed_in()?.id;
    let _place = sales.uploads.enter(person)?;
    let (format, mut beginning) = match format {
        Some(format) => (format, VecDeque::new()),
        None => judged(&mut body).await,
    };
    let merge = merge || format == Format::Csv;
    let standing = permit.standing().cloned();
    let manner = Manner { atomic: false, merge, makes_stores, scope, person: None };
    let mut loader = Loader::new(sales.to.clone(), manner);
    let mut reader = LineReader::new(format);
    let mut told = Instant::now();
    let mut bytes = 0_u64;
    loop {
        let next = match beginning.pop_front() {
            Some(data) => Some(data),
            None => more(&mut body).await,
        };
        let Some(data) = next else { break };
        let data = match data {
            Ok(data) => data,
            Err(error) => {
                loader.write().await.map_err(database_problem)?;
                return Err(broken_off(&error, &loader.report));
            }
        };
        bytes += data.len() as u64;
        // A piece at a time, so that no line waits for more than a piece of others.
        for piece in data.chunks(64 * 1024) {
            let mut lines = Vec::new();
            let pushed = off_async_threads(|| reader.push(piece, &mut lines));
            for (line, read) in lines {
                loader.take(line, read);
                if loader.is_full() {
                    if let Some(standing) = &standing {
                        // A right may go while a file takes its time.
                        standing.check(sales.clock.now()).await?;
                    }
                    loader.write().await.map_err(database_problem)?;
                }
            }
            if let Err(error) = pushed {
                // What was sound before it is not lost with it.
                loader.write().await.map_err(database_problem)?;
                return Err(unreadable(&error, &loader.report));
            }
        }
        if told.elapsed() >= TOLD_EVERY {
            told = Instant::now();
            tell(&sales, progress(person, &loader.report, bytes)).await.map_err(database_problem)?;
        }
    }
    let mut lines = Vec::new();
    let ended = reader.end(&mut lines);
    lines.into_iter().for_each(|(line, read)| loader.take(line, read));
    loader.write().await.map_err(database_problem)?;
    ended.map_err(|error| unreadable(&error, &loader.report))?;
    let report = loader.report;
    let done = SalesBatchDone {
        kind: "import".to_owned(),
        created: report.created,
        updated: report.updated,
        unchanged: report.unchanged,
        deleted: 0,
        failed: report.failed,
    };
    tell(&sales, batch_done(person, &done)).await.map_err(database_problem)?;
    let reply = Reply::json(&report, CacheClass::Never)?;
    Ok(if report.failed == 0 { reply } else { reply.status(StatusCode::MULTI_STATUS) })
}

/// The imports under way: each holds a place of the server for as long as its client takes, so that they are
/// few, and those of one person fewer.
#[derive(Debug, Default)]
pub(super) struct Uploads {
    of: Arc<Mutex<HashMap<Uuid, usize>>>,
}

/// A place among them.
pub(super) struct Upload {
    of: Arc<Mutex<HashMap<Uuid, usize>>>,
    person: Uuid,
}

impl Uploads {
    fn enter(&self, person: Uuid) -> Result<Upload, Problem> {
        let mut of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        let own = of.get(&person).copied().unwrap_or_default();
        if own >= MOST_OF_ONE || of.values().sum::<usize>() >= MOST_UPLOADS {
            let detail =
                format!("{own} of your imports are under way, and {MOST_OF_ONE} may be; {MOST_UPLOADS} in all");
            return Err(Problem::new(&TOO_MANY_IMPORTS, detail).retry_after(5));
        }
        of.insert(person, own + 1);
        Ok(Upload { of: self.of.clone(), person })
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        let mut of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = of.get_mut(&self.person) {
            *own -= 1;
            if *own == 0 {
                of.remove(&self.person);
            }
        }
    }
}

/// What a body is written in whose media type tells nothing, and as much of it as was read to know.
async fn judged(body: &mut Body) -> (Format, VecDeque<Result<Bytes, axum::Error>>) {
    let (mut read, mut bytes, mut length) = (VecDeque::new(), Vec::new(), 0);
    // Of so many bytes one tells, or they are nothing that anybody means.
    while length < 64 * 1024 {
        let Some(data) = more(body).await else { break };
        bytes.extend(data.iter().flatten());
        length += data.as_ref().map_or(0, Bytes::len);
        let is_broken = data.is_err();
        read.push_back(data);
        if let Some(format) = Format::of(&bytes) {
            return (format, read);
        }
        if is_broken {
            break;
        }
        // Behind where a mark may be, what tells nothing is blank, and need not be looked at again.
        if bytes.len() > 3 {
            bytes = b" ".to_vec();
        }
    }
    (Format::Csv, read)
}

/// The next piece of a body; what is behind it, trailers, is empty.
async fn more(body: &mut Body) -> Option<Result<Bytes, axum::Error>> {
    Some(body.frame().await?.map(|frame| frame.into_data().unwrap_or_default()))
}

fn format(fields: &HeaderMap) -> Result<Option<Format>, Problem> {
    let given = fields.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    format_of(given, fields.get(header::CONTENT_ENCODING).is_some_and(|coding| coding != "identity"))
}

/// What the lines are said to be written in; `None` where nothing is said.
fn format_of(given: &str, coded: bool) -> Result<Option<Format>, Problem> {
    let media = given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match media.as_str() {
        // What browsers call a CSV where a spreadsheet program is installed.
        "text/csv" | "application/csv" | "application/vnd.ms-excel" if !coded => Ok(Some(Format::Csv)),
        "application/x-ndjson" | "application/ndjson" | "application/jsonl" if !coded => Ok(Some(Format::Ndjson)),
        // What programs send that do not know what they send, and what axios says then.
        "application/octet-stream" | "application/x-www-form-urlencoded" if !coded => Ok(None),
        _ => Err(Problem::new(
            &kinds::UNSUPPORTED_MEDIA_TYPE,
            format!(
                "the body must be text/csv, application/x-ndjson or application/octet-stream, uncoded, or multipart/form-data with one of them as \"file\", not {given:?}"
            ),
        )),
    }
}

fn so_far(report: &LoadReport) -> String {
    let written = report.created + report.updated + report.unchanged;
    format!("{} lines were read before it and {written} months written, which stay", report.lines)
}

fn unreadable(error: &Unreadable, report: &LoadReport) -> Problem {
    Problem::new(&IMPORT_UNREADABLE, format!("{error}; {}", so_far(report)))
}

fn broken_off(error: &axum::Error, report: &LoadReport) -> Problem {
    tracing::debug!(%error, "an import broke off");
    Problem::new(&IMPORT_UNREADABLE, format!("the body broke off; {}", so_far(report)))
}

fn progress(person: Uuid, report: &LoadReport, bytes: u64) -> NewEvent {
    NewEvent::new("sales-import-progress", format!("user-{person}")).data(&json!({
        "lines": report.lines, "bytes": bytes, "created": report.created, "updated": report.updated,
        "unchanged": report.unchanged, "failed": report.failed,
    }))
}

async fn tell(sales: &Sales, event: NewEvent) -> Result<(), Error> {
    sales
        .database
        .transaction(|transaction| {
            let event = event.clone();
            async move { sales.feed.append(transaction, event).await.map(drop) }.scope_boxed()
        })
        .await
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::stream;

    use super::*;

    #[tokio::test]
    async fn a_format_is_judged_however_the_bytes_come() {
        for (text, wanted) in [
            ("\u{feff}  \r\n\n {\"storeId\"", Format::Ndjson),
            ("\n\n\n\nstoreId,{", Format::Csv),
            ("   \u{feff}{", Format::Csv),
            ("  ", Format::Csv),
            ("", Format::Csv),
        ] {
            let pieces = text.bytes().map(|byte| Ok::<_, Infallible>(Bytes::copy_from_slice(&[byte])));
            let mut body = Body::from_stream(stream::iter(pieces.collect::<Vec<_>>()));
            let (format, read) = judged(&mut body).await;
            assert_eq!(format, wanted, "{text:?}");
            let read: Vec<u8> = read.into_iter().flat_map(|piece| piece.expect("a piece")).collect();
            assert!(text.as_bytes().starts_with(&read), "{text:?}");
        }
    }
}
