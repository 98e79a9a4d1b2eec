//! Many products at once.
//!
//! **Invariant:** an answer tells no more faults than a [`FaultBudget`] has room for, however many rows have them; how
//! many there are stands beside them, row by row.

use std::sync::Arc;

use axum::extract::State;
use entrepot_contracts::ProductId;
use entrepot_web::body::{JsonBody, Reader};
use entrepot_web::{CacheClass, Fault, FaultBudget, Problem, Query, Reply, faults_in_words};
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::problems::{BATCH_INVALID, BATCH_SIZE};
use super::products::duplicate_sku;
use super::{Catalog, database_problem};
use crate::model::ProductInput;
use crate::ops::{self, Outcome, UpsertProductsError, UpsertRow, Verdict};

/// Rows of a batch at the most.
const LARGEST_BATCH: usize = 50;

/// Products to put in or replace.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what the handler reads by hand")]
pub(super) struct ProductBatch {
    /// 1 to 50 whole products, each with a SKU of its own.
    #[schema(min_items = 1, max_items = 50)]
    products: Vec<ProductInput>,
}

/// What became of a batch.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BatchResult {
    /// One for each row, in the rows' order.
    results: Vec<RowResult>,
    summary: BatchSummary,
}

entrepot_web::choices! {
    OutcomeName = "created" | "updated" | "unchanged" | "failed";
}

/// What became of a row.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct RowResult {
    /// The row's place in the body, from 0.
    index: usize,
    /// As if the row had been a request of its own: 201, 200 or 422.
    #[schema(example = 201)]
    status: u16,
    #[schema(value_type = OutcomeName, inline)]
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    id: Option<ProductId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    sku: Option<String>,
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
pub(super) struct BatchSummary {
    created: usize,
    updated: usize,
    unchanged: usize,
    failed: usize,
}

/// Puts in or replaces up to 50 products, matched by SKU. A row is the whole product: what it
/// leaves out takes its default.
#[utoipa::path(
    post, path = "/api/v2/products/batch", tag = "catalog",
    params(("atomic" = Option<bool>, Query, description = "`true` (the default): one bad row keeps all out. `false`: each row has its own verdict, and the status is 207.")),
    request_body = ProductBatch,
    responses(
        (status = 200, description = "All rows are written.", body = BatchResult),
        (status = 207, description = "`atomic=false`: each row's own verdict.", body = BatchResult),
    ),
)]
pub(super) async fn upsert_products(
    State(catalog): State<Arc<Catalog>>,
    mut query: Query,
    JsonBody(body): JsonBody,
) -> Result<Reply, Problem> {
    let atomic = query.one_of("atomic", &[("true", true), ("false", false)]).unwrap_or(true);
    query.finish()?;
    let mut reader = Reader::new(&body, "");
    let rows = reader.required("products", |products| {
        let rows = products.value.as_array();
        if rows.is_none() {
            products.fault("wrong_type", "must be a list of products");
        }
        rows
    });
    let faults = reader.finish();
    let rows = match rows {
        Some(rows) if faults.is_empty() => rows,
        _ => return Err(Problem::invalid_body(faults)),
    };
    if !(1..=LARGEST_BATCH).contains(&rows.len()) {
        let detail = format!("a batch has 1 to {LARGEST_BATCH} products, not {}", rows.len());
        return Err(Problem::new(&BATCH_SIZE, detail));
    }
    let rows: Vec<UpsertRow<'_>> = rows
        .iter()
        .enumerate()
        .map(|(index, value)| UpsertRow { value, pointer: format!("/products/{index}") })
        .collect();
    let verdicts = ops::upsert_products(&catalog.to, &rows, atomic).await.map_err(|error| match error {
        UpsertProductsError::Invalid(faults) => {
            let detail = format!("{}; nothing was written", faults_in_words(&faults));
            Problem::new(&BATCH_INVALID, detail).with_faults(faults)
        }
        UpsertProductsError::NameTaken => duplicate_sku(),
        UpsertProductsError::Database(error) => database_problem(error),
    })?;
    let result = result(verdicts);
    let reply = Reply::json(&result, CacheClass::Never)?;
    Ok(if atomic { reply } else { reply.status(StatusCode::MULTI_STATUS) })
}

fn result(verdicts: Vec<Verdict>) -> BatchResult {
    let (mut summary, mut budget) = (BatchSummary::default(), FaultBudget::default());
    let results = verdicts
        .into_iter()
        .enumerate()
        .map(|(index, verdict)| match verdict {
            Verdict::Done { id, sku, outcome } => {
                let (status, outcome, count) = match outcome {
                    Outcome::Created => (201, "created", &mut summary.created),
                    Outcome::Updated => (200, "updated", &mut summary.updated),
                    Outcome::Unchanged => (200, "unchanged", &mut summary.unchanged),
                };
                *count += 1;
                let (id, sku) = (Some(ProductId(id)), Some(sku));
                RowResult { index, status, outcome, id, sku, error_count: None, errors: Vec::new() }
            }
            Verdict::Failed { faults } => {
                summary.failed += 1;
                let (errors, count) = budget.take(faults);
                let error_count = Some(count);
                RowResult { index, status: 422, outcome: "failed", id: None, sku: None, error_count, errors }
            }
        })
        .collect();
    BatchResult { results, summary }
}
