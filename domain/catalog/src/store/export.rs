//! Products as rows of a file, in the order of their ids, from an id on.
//!
//! **Invariants:**
//! - A piece is not more than twice as large as it was to be, and a row: what the rows before it came to promises
//!   nothing.
//! - Whatever a client sent is a bound value.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use bytes::{BufMut as _, Bytes, BytesMut};
use entrepot_contracts::Currency;
use entrepot_exports::{Format, Piece, Reading};
use entrepot_pg::{Binds, Database, Error, Pooled};
use entrepot_web::no_formula;
use futures_util::TryStreamExt as _;
use jiff::Timestamp;
use tokio_postgres::types::Type;
use uuid::Uuid;

/// What a file is narrowed to.
#[derive(Clone, Debug, Default)]
pub(crate) struct ExportFilters {
    /// A slug: that category and those below it.
    pub(crate) category: Option<String>,
    pub(crate) brand: Option<String>,
    /// Only what is offered, or only what is not; both where it is not said.
    pub(crate) active: Option<bool>,
    pub(crate) updated_since: Option<Timestamp>,
}

/// The columns of a file: the name, the value in JSON, and the text in a CSV.
pub(crate) const COLUMNS: &[(&str, &str, &str)] = &[
    ("id", "p.id", "p.id::text"),
    ("sku", "p.sku", "p.sku"),
    ("slug", "p.slug", "p.slug"),
    ("title", "p.title", "p.title"),
    ("description", "p.description", "p.description"),
    ("brand", "p.brand", "p.brand"),
    ("category", "c.slug", "c.slug"),
    ("manufacturer", "p.manufacturer", "p.manufacturer"),
    ("sellerId", "p.seller_id", "p.seller_id::text"),
    ("packageSize", "p.package_size", "p.package_size"),
    ("price", PRICE, PRICE),
    ("currency", "p.currency", "p.currency::text"),
    ("stock", "p.stock", "p.stock::text"),
    ("tags", "p.tags", "array_to_string(p.tags, '|')"),
    ("specifications", "p.specifications", "p.specifications::text"),
    ("active", "p.active", "p.active::text"),
    (
        "rating",
        "CASE WHEN p.rating_count > 0 THEN p.rating END",
        "CASE WHEN p.rating_count > 0 THEN p.rating::text END",
    ),
    ("ratingCount", "p.rating_count", "p.rating_count::text"),
    ("createdAt", CREATED, CREATED),
    ("updatedAt", UPDATED, UPDATED),
];

/// A price as its currency is written; [`select`] puts it in.
const PRICE: &str = "{price}";
const CREATED: &str = "to_char(p.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')";
const UPDATED: &str = "to_char(p.updated_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')";

fn conditions(filters: &ExportFilters, binds: &mut Binds) -> String {
    let mut sql = "p.deleted_at IS NULL".to_owned();
    let mut and = |condition: String| {
        sql.push_str(" AND ");
        sql.push_str(&condition);
    };
    match filters.active {
        Some(true) => and("p.active".to_owned()),
        Some(false) => and("NOT p.active".to_owned()),
        None => {}
    }
    if let Some(category) = &filters.category {
        let slug = binds.add(category.clone(), Type::TEXT);
        and(format!("p.category_path @> ARRAY[(SELECT id FROM catalog.category WHERE slug = {slug})]"));
    }
    if let Some(brand) = &filters.brand {
        and(format!("p.brand = {}", binds.add(brand.clone(), Type::TEXT)));
    }
    if let Some(since) = filters.updated_since {
        and(format!("p.updated_at >= {}", binds.add(since, Type::TIMESTAMPTZ)));
    }
    sql
}

/// The amount with as many decimals as its currency has: the database keeps three for all.
static PRICE_SQL: LazyLock<String> = LazyLock::new(|| {
    let mut others: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    let letters = || 'A'..='Z';
    for code in letters().flat_map(|a| letters().flat_map(move |b| letters().map(move |c| format!("{a}{b}{c}")))) {
        if let Some(decimals) = Currency::stored(&code).map(Currency::decimals).filter(|decimals| *decimals != 2) {
            others.entry(decimals).or_default().push(format!("'{code}'"));
        }
    }
    let cases =
        others.iter().map(|(decimals, codes)| format!("WHEN p.currency IN ({}) THEN {decimals}", codes.join(", ")));
    format!("round(p.price, CASE {} ELSE 2 END)::text", cases.collect::<Vec<_>>().join(" "))
});

/// What a row is, its id before it: one cell of JSON, or the cells of a CSV.
fn select(format: Format, columns: &[usize]) -> String {
    let columns = columns.iter().filter_map(|column| COLUMNS.get(*column));
    match format {
        Format::Csv => columns.map(|(_, _, text)| *text).collect::<Vec<_>>().join(", "),
        Format::Json | Format::Ndjson => {
            let members = columns.map(|(name, value, _)| format!("'{name}', {value}"));
            format!("json_build_object({})::text", members.collect::<Vec<_>>().join(", "))
        }
    }
    .replace(PRICE, &PRICE_SQL)
}

/// Reads a piece of a file.
pub(crate) async fn export_piece(
    database: &Database,
    filters: &ExportFilters,
    format: Format,
    columns: &[usize],
    after: Option<Uuid>,
    reading: Reading,
) -> Result<Piece, Error> {
    let client = database.client().await?;
    let mut binds = Binds::default();
    let mut conditions = conditions(filters, &mut binds);
    if let Some(after) = after {
        conditions.push_str(&format!(" AND p.id > {}", binds.add(after, Type::UUID)));
    }
    let select = select(format, columns);
    let sql = format!(
        "SELECT p.id, {select} FROM catalog.product p LEFT JOIN catalog.category c ON c.id = p.category_id \
         WHERE {conditions} ORDER BY p.id LIMIT {}",
        reading.rows
    );
    let typed = binds.typed();
    let values = typed.iter().map(|(value, kind)| (*value, kind.clone()));
    let mut rows = Box::pin(client.query_typed_raw(&sql, values).await?);
    let mut out = BytesMut::with_capacity(reading.bytes + reading.bytes / 4);
    let (mut count, mut last, mut is_cut) = (0_u64, None, false);
    while let Some(row) = rows.try_next().await? {
        match format {
            Format::Csv => {
                let cells = (1..row.len()).map(|at| row.try_get::<_, Option<&str>>(at));
                let cells = cells.collect::<Result<Vec<_>, _>>()?;
                out.put(&*csv_row(&cells));
            }
            Format::Json | Format::Ndjson => {
                if format == Format::Json && count > 0 {
                    out.put(&b",\n"[..]);
                }
                out.put(row.try_get::<_, &str>(1)?.as_bytes());
                if format == Format::Ndjson {
                    out.put_u8(b'\n');
                }
            }
        }
        count += 1;
        last = Some(row.try_get::<_, Uuid>(0)?);
        if out.len() >= reading.bytes * 2 {
            is_cut = count < u64::from(reading.rows);
            break;
        }
    }
    drop(rows);
    if is_cut {
        // The rest is on its way still: the connection is closed, so that nobody waits for it to pass.
        drop(Pooled::take(client));
    }
    Ok(Piece {
        bytes: out.freeze(),
        rows: count,
        last: last.map(|id| id.to_string()),
        is_last: !is_cut && count < u64::from(reading.rows),
    })
}

/// A row as RFC 4180 has it, no cell of which a spreadsheet takes for a formula.
fn csv_row(cells: &[Option<&str>]) -> Bytes {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    let cells = cells.iter().map(|cell| no_formula(cell.unwrap_or_default()).into_owned());
    // Into memory nothing can fail.
    let _written = writer.write_record(cells);
    Bytes::from(writer.into_inner().unwrap_or_default())
}

/// How many rows a file has.
pub(crate) async fn export_count(database: &Database, filters: &ExportFilters) -> Result<u64, Error> {
    let client = database.client().await?;
    let mut binds = Binds::default();
    let sql = format!("SELECT count(*) FROM catalog.product p WHERE {}", conditions(filters, &mut binds));
    let rows = client.query_typed(&sql, &binds.typed()).await?;
    Ok(rows.first().ok_or(Error::Missing("the one row of an aggregate"))?.try_get::<_, i64>(0)?.unsigned_abs())
}
