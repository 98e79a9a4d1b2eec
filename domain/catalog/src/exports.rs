//! Products as something that can be exported: see `entrepot-exports`.

use bytes::Bytes;
use entrepot_exports::{Asked, Piece, Reading, Source};
use entrepot_pg::{Database, Error};
use entrepot_web::Fault;
use entrepot_web::body::{Reader, Text};
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::store::{self, EXPORT_COLUMNS, ExportFilters};

/// The names of parameters.
const PARAMETERS: [&str; 5] = ["category", "brand", "active", "updatedSince", "fields"];

/// The products.
pub(crate) struct ProductSource {
    database: Database,
}

impl ProductSource {
    pub(crate) fn new(database: Database) -> Self {
        Self { database }
    }
}

/// What was asked for: which products, and which columns.
fn read(parameters: &Value) -> Result<(ExportFilters, Vec<usize>), Vec<Fault>> {
    let mut reader = Reader::new(parameters, "/parameters");
    let category = reader.optional("category", |member| member.text(Text::line(1, 200)));
    let brand = reader.optional("brand", |member| member.text(Text::line(1, 200)));
    let active = reader.optional("active", |member| member.boolean());
    let updated_since = reader.optional("updatedSince", |member| {
        let time = |text: &str| text.parse::<Timestamp>().map_err(|_| "must be a time such as 2024-03-31T12:00:00Z");
        member.parsed(Text::line(1, 40), "wrong_type", time)
    });
    let fields = reader.optional("fields", |member| member.text(Text::line(1, 500)));
    let columns = match fields {
        None => (0..EXPORT_COLUMNS.len()).collect(),
        Some(text) => {
            let mut columns = Vec::new();
            for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
                match EXPORT_COLUMNS.iter().position(|(known, ..)| *known == name) {
                    Some(column) if !columns.contains(&column) => columns.push(column),
                    Some(_) => reader.fault("fields", "repeated", format!("{name} is given more than once")),
                    None => {
                        let known: Vec<&str> = EXPORT_COLUMNS.iter().map(|(known, ..)| *known).collect();
                        let detail = format!("{name:?} is not a field; there are {}", known.join(", "));
                        reader.fault("fields", "unknown_field", detail);
                    }
                }
            }
            columns
        }
    };
    let faults = reader.finish();
    if faults.is_empty() {
        Ok((ExportFilters { category, brand, active, updated_since }, columns))
    } else {
        Err(faults)
    }
}

/// What an export reads: it was checked when it was ordered.
fn reads(asked: &Asked) -> (ExportFilters, Vec<usize>) {
    read(&asked.parameters).unwrap_or_default()
}

impl Source for ProductSource {
    fn kind(&self) -> &'static str {
        "products"
    }

    fn action(&self) -> &'static str {
        "products.export"
    }

    fn check(&self, parameters: &Value) -> Result<Value, Vec<Fault>> {
        read(parameters)?;
        let kept = PARAMETERS.iter().filter_map(|name| Some(((*name).to_owned(), parameters.get(name)?.clone())));
        Ok(Value::Object(kept.collect::<Map<_, _>>()))
    }

    fn header(&self, asked: &Asked) -> Bytes {
        let (_, columns) = reads(asked);
        let names: Vec<&str> =
            columns.iter().filter_map(|column| EXPORT_COLUMNS.get(*column)).map(|(name, ..)| *name).collect();
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
            let after = after.and_then(|id| id.parse().ok());
            store::export_piece(&self.database, &filters, asked.format, &columns, after, reading).await
        })
    }
}
