//! Sales as something that can be exported: see `entrepot-exports`.

use bytes::Bytes;
use entrepot_exports::{Asked, Piece, Reading, Source};
use entrepot_pg::{Database, Error};
use entrepot_web::{Fault, Query};
use futures_util::future::BoxFuture;
use serde_json::{Map, Value};

use crate::http::month_filters;
use crate::model::MonthKey;
use crate::store::{self, EXPORT_COLUMNS, MonthFilters};

/// The names of parameters that narrow an export.
const PARAMETERS: [&str; 7] = ["storeId", "year", "month", "from", "to", "has", "fields"];

/// The rows of sales.
pub(crate) struct SalesSource {
    database: Database,
}

impl SalesSource {
    pub(crate) fn new(database: Database) -> Self {
        Self { database }
    }
}

/// Reads the columns that are asked for; all but the id unless told.
pub(crate) fn columns(query: &mut Query) -> Vec<usize> {
    let Some(text) = query.filled("fields") else { return (1..EXPORT_COLUMNS.len()).collect() };
    let mut columns = Vec::new();
    for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        match EXPORT_COLUMNS.iter().position(|(known, _)| *known == name) {
            Some(column) if !columns.contains(&column) => columns.push(column),
            Some(_) => query.fault("fields", "repeated", format!("{name} is given more than once")),
            None => {
                let known: Vec<&str> = EXPORT_COLUMNS.iter().map(|(known, _)| *known).collect();
                let detail = format!("{name:?} is not a field; there are {}", known.join(", "));
                query.fault("fields", "unknown_field", detail);
            }
        }
    }
    if columns.is_empty() && !query.has_fault_of("fields") {
        query.fault("fields", "empty", "must name at least one field");
    }
    columns
}

/// What is asked for, out of a query and as it is kept.
pub(crate) fn parameters(query: &mut Query) -> Value {
    let mut kept = Map::new();
    for name in PARAMETERS {
        if let Some(value) = query.peek(name) {
            kept.insert(name.to_owned(), Value::String(value.to_owned()));
        }
    }
    Value::Object(kept)
}

/// Parameters that were kept, as a query again.
fn as_query(parameters: &Value) -> Query {
    let pairs = parameters.as_object().into_iter().flatten().filter_map(|(name, value)| {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => return None,
        };
        Some((name.clone(), text))
    });
    Query::of(pairs)
}

/// What an export reads: it was checked when it was ordered.
fn reads(asked: &Asked) -> (MonthFilters, Vec<usize>) {
    let mut query = as_query(&asked.parameters);
    let filters = month_filters(&mut query, asked.scope.clone());
    (filters, columns(&mut query))
}

impl Source for SalesSource {
    fn kind(&self) -> &'static str {
        "sales"
    }

    fn action(&self) -> &'static str {
        "sales.read"
    }

    fn check(&self, parameters: &Value) -> Result<Value, Vec<Fault>> {
        let mut faults = Vec::new();
        let mut kept = Map::new();
        for (name, value) in parameters.as_object().into_iter().flatten() {
            let pointer = format!("/parameters/{}", name.replace('~', "~0").replace('/', "~1"));
            if !PARAMETERS.contains(&name.as_str()) {
                let detail = format!("is not known; there are {}", PARAMETERS.join(", "));
                faults.push(Fault::at(pointer, "unknown_member", detail));
            } else if value.is_string() || value.is_number() {
                kept.insert(name.clone(), value.clone());
            } else if !value.is_null() {
                faults.push(Fault::at(pointer, "wrong_type", "must be a text or a number"));
            }
        }
        let parameters = Value::Object(kept);
        let mut query = as_query(&parameters);
        let _filters = month_filters(&mut query, None);
        let _columns = columns(&mut query);
        if let Err(problem) = query.finish() {
            faults.extend(problem.faults().iter().map(|fault| {
                let pointer = format!("/parameters/{}", fault.parameter.as_deref().unwrap_or_default());
                Fault::at(pointer, fault.code, fault.detail.clone())
            }));
        }
        if faults.is_empty() { Ok(parameters) } else { Err(faults) }
    }

    fn header(&self, asked: &Asked) -> Bytes {
        let (_, columns) = reads(asked);
        let names: Vec<&str> =
            columns.iter().filter_map(|column| EXPORT_COLUMNS.get(*column)).map(|(name, _)| *name).collect();
        Bytes::from(format!("{}\r\n", names.join(",")))
    }

    fn count<'a>(&'a self, asked: &'a Asked) -> BoxFuture<'a, Result<u64, Error>> {
        Box::pin(async move { store::export_count(&self.database, &reads(asked).0).await })
    }

    fn read<'a>(
        &'a self,
        asked: &'a Asked,
        after: Option<&'a str>,
        reading: Reading,
    ) -> BoxFuture<'a, Result<Piece, Error>> {
        Box::pin(async move {
            let (filters, columns) = reads(asked);
            let after: Option<MonthKey> = after.and_then(store::export_key);
            store::export_piece(&self.database, &filters, asked.format, &columns, after.as_ref(), reading).await
        })
    }
}
