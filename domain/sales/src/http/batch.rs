//! Many months at once: put in, changed, deleted.
//!
//! **Invariant:** an answer tells no more faults than a [`FaultBudget`] has room for, however many rows have them; how
//! many there are stands beside them, row by row.

use axum::extract::State;
use entrepot_contracts::{SalesMonthId, StoreId};
use entrepot_web::body::JsonBody;
use entrepot_web::{CacheClass, Fault, FaultBudget, Permit, Problem, Query, Reply, faults_in_words};
use http::StatusCode;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::problems::{BATCH_INVALID, BATCH_SIZE};
use super::{Sales, database_problem};
use crate::model::{MonthKey, MonthKeyRow, MonthRow, read_rows};
use crate::ops::{self, DeleteMonthsError, Manner, Outcome, Row, UpsertMonthsError, Verdict, not_there};

/// Rows of a batch at the most.
const LARGEST_BATCH: usize = 50;

/// Months to put in or change.
#[derive(ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "describes what the handler reads by hand")]
pub(super) struct SalesBatch {
    /// 1 to 50 rows, each about another month of a store.
    #[schema(min_items = 1, max_items = 50)]
    sales_data_array: Vec<MonthRow>,
}

/// Months to delete.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what the handler reads by hand")]
pub(super) struct SalesKeys {
    /// 1 to 50 months.
    #[schema(min_items = 1, max_items = 50)]
    keys: Vec<MonthKeyRow>,
}

/// What became of a batch.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SalesBatchResult {
    /// One for each row, in the rows' order.
    results: Vec<SalesRowResult>,
    summary: SalesBatchSummary,
}

entrepot_web::choices! {
    Mode = "merge" | "replace";
    OutcomeName = "created" | "updated" | "unchanged" | "deleted" | "failed";
}

/// What became of a row.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct SalesRowResult {
    /// The row's place in the body, from 0.
    index: usize,
    /// As if the row had been a request of its own: 201, 200, 204, 404 or 422.
    #[schema(example = 201)]
    status: u16,
    #[schema(value_type = OutcomeName, inline)]
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    id: Option<SalesMonthId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    store_id: Option<StoreId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    year: Option<i16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    month: Option<i16>,
    /// How many faults the row has, where it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = 1)]
    error_count: Option<usize>,
    /// The faults themselves: all of them, or the first where the rows have very many.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Fault>,
}

/// How many rows met which fate.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(super) struct SalesBatchSummary {
    created: usize,
    updated: usize,
    unchanged: usize,
    deleted: usize,
    failed: usize,
}

fn sized<'a>(body: &'a Value, name: &'static str) -> Result<&'a [Value], Problem> {
    let rows = read_rows(body, name).map_err(Problem::invalid_body)?;
    if (1..=LARGEST_BATCH).contains(&rows.len()) {
        return Ok(rows);
    }
    let detail = format!("a batch has 1 to {LARGEST_BATCH} rows, not {}; files go to /sales/import", rows.len());
    Err(Problem::new(&BATCH_SIZE, detail))
}

fn invalid(faults: Vec<Fault>) -> Problem {
    let detail = format!("{}; nothing was written", faults_in_words(&faults));
    Problem::new(&BATCH_INVALID, detail).with_faults(faults)
}

fn person(permit: &Permit) -> Option<Uuid> {
    permit.caller().map(|caller| caller.id)
}

/// Puts in or changes up to 50 months. Days that a row names are replaced by it, days that it does not name
/// stay as they are.
#[utoipa::path(
    post, path = "/api/v2/sales/batch", tag = "sales",
    params(
        ("atomic" = Option<bool>, Query, description = "`true` (the default): one bad row keeps all out. `false`: each row has its own verdict, and the status is 207."),
        ("mode" = inline(Option<Mode>), Query, description = "`merge` (the default) keeps days that a row does not name; `replace` takes each row for the whole month."),
    ),
    request_body = SalesBatch,
    responses(
        (status = 200, description = "All rows are written.", body = SalesBatchResult),
        (status = 207, description = "`atomic=false`: each row's own verdict.", body = SalesBatchResult),
    ),
)]
pub(super) async fn upsert_sales(
    State(sales): State<Sales>,
    permit: Permit,
    mut query: Query,
    JsonBody(body): JsonBody,
) -> Result<Reply, Problem> {
    let atomic = query.one_of("atomic", &[("true", true), ("false", false)]).unwrap_or(true);
    let merge = query.one_of("mode", &[("merge", true), ("replace", false)]).unwrap_or(true);
    query.finish()?;
    let rows: Vec<Row<'_>> = sized(&body, "salesDataArray")?
        .iter()
        .enumerate()
        .map(|(index, value)| Row { value, pointer: format!("/salesDataArray/{index}") })
        .collect();
    let manner = Manner { atomic, merge, makes_stores: false, scope: permit.stores()?, person: person(&permit) };
    let verdicts = ops::upsert_months(&sales, &rows, &manner).await.map_err(|error| match error {
        UpsertMonthsError::Invalid(faults) => invalid(faults),
        error @ UpsertMonthsError::Raced => Problem::failure(error, true),
        UpsertMonthsError::Database(error) => database_problem(error),
    })?;
    let (mut summary, mut budget) = (SalesBatchSummary::default(), FaultBudget::default());
    let results = verdicts
        .into_iter()
        .enumerate()
        .map(|(index, verdict)| match verdict {
            Verdict::Done { id, key, outcome } => {
                let (status, outcome, count) = match outcome {
                    Outcome::Created => (201, "created", &mut summary.created),
                    Outcome::Updated => (200, "updated", &mut summary.updated),
                    Outcome::Unchanged => (200, "unchanged", &mut summary.unchanged),
                };
                *count += 1;
                SalesRowResult { id: Some(SalesMonthId(id)), ..about(index, status, outcome, Some(key)) }
            }
            Verdict::Failed { faults } => {
                summary.failed += 1;
                failed_row(about(index, 422, "failed", None), faults, &mut budget)
            }
        })
        .collect();
    batch_reply(SalesBatchResult { results, summary }, atomic)
}

fn about(index: usize, status: u16, outcome: &'static str, key: Option<MonthKey>) -> SalesRowResult {
    let (year, month) = (key.as_ref().map(|key| key.year), key.as_ref().map(|key| key.month));
    let store_id = key.map(|key| key.store_id);
    SalesRowResult { index, status, outcome, id: None, store_id, year, month, error_count: None, errors: Vec::new() }
}

/// The same with what is wrong with it, as far as there is room for that.
fn failed_row(row: SalesRowResult, faults: Vec<Fault>, budget: &mut FaultBudget) -> SalesRowResult {
    let (errors, count) = budget.take(faults);
    SalesRowResult { error_count: Some(count), errors, ..row }
}

fn batch_reply(result: SalesBatchResult, atomic: bool) -> Result<Reply, Problem> {
    let reply = Reply::json(&result, CacheClass::Never)?;
    Ok(if atomic { reply } else { reply.status(StatusCode::MULTI_STATUS) })
}

/// Deletes up to 50 months.
#[utoipa::path(
    post, path = "/api/v2/sales/batch-delete", tag = "sales",
    params(("atomic" = Option<bool>, Query, description = "`true` (the default): one month that is not there keeps all. `false`: each row has its own verdict, and the status is 207.")),
    request_body = SalesKeys,
    responses(
        (status = 200, description = "All are gone.", body = SalesBatchResult),
        (status = 207, description = "`atomic=false`: each row's own verdict.", body = SalesBatchResult),
    ),
)]
pub(super) async fn delete_many_sales(
    State(sales): State<Sales>,
    permit: Permit,
    mut query: Query,
    JsonBody(body): JsonBody,
) -> Result<Reply, Problem> {
    let atomic = query.one_of("atomic", &[("true", true), ("false", false)]).unwrap_or(true);
    query.finish()?;
    let rows = sized(&body, "keys")?;
    let mut read: Vec<Result<(MonthKey, String), Vec<Fault>>> = rows
        .iter()
        .enumerate()
        .map(|(index, row)| {
            let pointer = format!("/keys/{index}");
            MonthKey::read(row, &pointer).map(|key| (key, pointer))
        })
        .collect();
    let mut seen = std::collections::HashMap::new();
    for (index, row) in read.iter_mut().enumerate() {
        let Ok((key, pointer)) = row else { continue };
        if let Some(earlier) = seen.insert(key.clone(), index) {
            let fault = Fault::at(pointer.clone(), "repeated", format!("row {earlier} is the same month"));
            *row = Err(vec![fault]);
        }
    }
    if atomic && read.iter().any(Result::is_err) {
        return Err(invalid(read.into_iter().filter_map(Result::err).flatten().collect()));
    }
    let keys: Vec<(MonthKey, String)> = read.iter().flatten().cloned().collect();
    let scope = permit.stores()?;
    let gone = ops::delete_months(&sales, &keys, atomic, &scope, person(&permit)).await;
    let mut gone = gone
        .map_err(|error| match error {
            DeleteMonthsError::Invalid(faults) => invalid(faults),
            DeleteMonthsError::Database(error) => database_problem(error),
            error @ (DeleteMonthsError::NotFound | DeleteMonthsError::MovedOn(_)) => Problem::failure(error, false),
        })?
        .into_iter();
    let (mut summary, mut budget) = (SalesBatchSummary::default(), FaultBudget::default());
    let results = read
        .into_iter()
        .enumerate()
        .map(|(index, row)| match row {
            Err(faults) => {
                summary.failed += 1;
                failed_row(about(index, 422, "failed", None), faults, &mut budget)
            }
            Ok((key, _)) if gone.next() == Some(true) => {
                summary.deleted += 1;
                about(index, 204, "deleted", Some(key))
            }
            Ok((key, pointer)) => {
                summary.failed += 1;
                failed_row(about(index, 404, "failed", Some(key)), vec![not_there(&pointer)], &mut budget)
            }
        })
        .collect();
    batch_reply(SalesBatchResult { results, summary }, atomic)
}
