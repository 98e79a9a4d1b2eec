//! Sales as a stream of rows.

use axum::extract::State;
use axum::response::Response;
use entrepot_exports::{Asked, Format, stream_rows};
use entrepot_web::openapi::Upload;
use entrepot_web::{Permit, Problem, Query};

use super::Sales;
use super::months::MonthFilterParameters;
use super::read::month_filters;
use crate::exports::{columns, parameters};
use crate::store::export_key;

entrepot_web::choices! {
    ExportFormat = "csv" | "json" | "ndjson";
}

/// Streams what stores sold, a row a month, in the order of store, year and month: as fast as it is read, of
/// any length, compressed on the way. One that broke off goes on behind the last whole row: `after` with its
/// store, year and month, then without a header.
#[utoipa::path(
    get, path = "/api/v2/sales/export", tag = "sales",
    params(
        MonthFilterParameters,
        ("format" = inline(Option<ExportFormat>), Query, description = "`csv` if left out."),
        ("fields" = Option<String>, Query, description = "Only these columns, in this order: `id`, `storeId`, `year`, `month`, `sales`, `transactions`, `customers`, `units`, `discount`, `days`, `dailyData`, `updatedAt`. All but `id` unless told.", example = "storeId,year,month,sales"),
        ("after" = Option<String>, Query, description = "Go on behind this row: its store, year and month.", example = "330,2024,1"),
    ),
    responses((
        status = 200,
        description = "The rows. No cell of the CSV is one that a spreadsheet would take for a formula.",
        content((inline(Upload) = "text/csv"), (inline(Upload) = "application/json", example = json!([{"storeId": "330", "year": 2024, "month": 1, "sales": 30420.75}])), (inline(Upload) = "application/x-ndjson")),
    )),
)]
pub(super) async fn export_sales(
    State(sales): State<Sales>,
    permit: Permit,
    mut query: Query,
) -> Result<Response, Problem> {
    let format = query.one_of("format", &Format::ALL).unwrap_or(Format::Csv);
    let after = query.filled("after");
    let key = after.as_deref().and_then(export_key);
    if after.is_some() && key.is_none() {
        query.fault("after", "not_a_row", "must be store, year and month of a row, such as 330,2024,1");
    }
    let kept = parameters(&mut query);
    let scope = permit.stores()?;
    let _filters = month_filters(&mut query, scope.clone());
    let _columns = columns(&mut query);
    query.finish()?;
    let asked = Asked { format, parameters: kept, scope };
    let standing = permit.standing().cloned();
    stream_rows(sales.exported.clone(), asked, after, standing, sales.to.clock.clone(), "sales").await
}
