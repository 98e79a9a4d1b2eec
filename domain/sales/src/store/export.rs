//! Months as rows of a file: the database writes them itself (COPY), some thousands at a time, from a key on.
//!
//! COPY takes no bound values, so those that a client sent stand in the statement. Each is of a type that
//! has no character that means anything in SQL: a store's id, a field's name, a number.
//!
//! **Invariants:**
//! - A piece is not more than twice as large as it was to be, and a row: what the rows before it came to
//!   promises nothing.
//! - Only [`Literal`]s get into a statement, and one can only be made of those types.
//! - A cell that a spreadsheet would take for a formula cannot come about: a store's id begins with a letter
//!   or a digit, everything else is a number, a time or an object.

use std::fmt;

use bytes::{BufMut as _, Bytes, BytesMut};
use entrepot_contracts::StoreId;
use entrepot_exports::{Format, Piece, Reading};
use entrepot_pg::{Database, Error, Pooled};
use futures_util::TryStreamExt as _;

use super::MonthFilters;
use crate::model::{MonthKey, is_field};

/// A value as it stands in a statement.
struct Literal(String);

impl fmt::Display for Literal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Literal {
    fn number(number: i32) -> Self {
        Self(number.to_string())
    }

    /// `None` for what is no store's id: there can be no row of it.
    fn store(text: &str) -> Option<Self> {
        text.parse::<StoreId>().ok().map(|id| Self(format!("'{id}'")))
    }

    fn field(text: &str) -> Option<Self> {
        is_field(text).then(|| Self(format!("'{text}'")))
    }
}

fn conditions(filters: &MonthFilters) -> String {
    let mut sql = "true".to_owned();
    let mut and = |condition: String| {
        sql.push_str(" AND ");
        sql.push_str(&condition);
    };
    let one_of = |stores: &[String]| -> String {
        let known: Vec<String> =
            stores.iter().filter_map(|store| Literal::store(store)).map(|store| store.to_string()).collect();
        if known.is_empty() { "false".to_owned() } else { format!("m.store_id IN ({})", known.join(", ")) }
    };
    if let Some(store) = &filters.store {
        and(one_of(std::slice::from_ref(store)));
    }
    if let Some(scope) = &filters.scope {
        and(one_of(scope));
    }
    if let Some(from) = filters.from {
        and(format!("m.period >= {}", Literal::number(from)));
    }
    if let Some(to) = filters.to {
        and(format!("m.period <= {}", Literal::number(to)));
    }
    if let Some(month) = filters.month {
        and(format!("m.month = {}", Literal::number(i32::from(month))));
    }
    if let Some(field) = &filters.has {
        let field = Literal::field(field).map_or("NULL".to_owned(), |field| field.to_string());
        and(format!("sales.fields(m.daily) ? {field}"));
    }
    sql
}

/// The columns of a file: the name, and where it comes from.
pub(crate) const COLUMNS: &[(&str, &str)] = &[
    ("id", "m.id"),
    ("storeId", "m.store_id"),
    ("year", "m.year"),
    ("month", "m.month"),
    ("sales", "trim_scale(m.sales)"),
    ("transactions", "trim_scale(m.transactions)"),
    ("customers", "trim_scale(m.customers)"),
    ("units", "trim_scale(m.units)"),
    ("discount", "trim_scale(m.discount)"),
    ("days", "m.days"),
    ("dailyData", "m.daily"),
    ("updatedAt", "to_char(m.updated_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"),
];

/// What a row is, as the database writes it, its key before it.
fn select(format: Format, columns: &[usize]) -> String {
    let columns = columns.iter().filter_map(|column| COLUMNS.get(*column));
    match format {
        Format::Csv => columns.map(|(_, from)| *from).collect::<Vec<_>>().join(", "),
        // None of the texts has a character that JSON would have to escape.
        Format::Json | Format::Ndjson => {
            let members = columns.map(|(name, from)| {
                let quote = if matches!(*name, "id" | "storeId" | "updatedAt") { "\"" } else { "" };
                format!("'\"{name}\":{quote}', {from}, '{quote}'")
            });
            format!("concat('{{', {}, '}}')", members.collect::<Vec<_>>().join(", ',', "))
        }
    }
}

/// The statement that writes the rows behind a key.
pub(crate) fn copy(
    filters: &MonthFilters,
    format: Format,
    columns: &[usize],
    after: Option<&MonthKey>,
    rows: u32,
) -> String {
    let mut conditions = conditions(filters);
    if let Some(MonthKey { store_id, year, month }) = after {
        conditions.push_str(&format!(
            " AND (m.store_id, m.year, m.month) > ('{store_id}', {}, {})",
            Literal::number(i32::from(*year)),
            Literal::number(i32::from(*month))
        ));
    }
    let select = select(format, columns);
    // A row of JSON is one cell that nothing in it can end: JSON has no such characters in it.
    let form = match format {
        Format::Csv => "FORMAT csv",
        Format::Json | Format::Ndjson => "FORMAT csv, DELIMITER E'\\x02', QUOTE E'\\x01'",
    };
    format!(
        "COPY (SELECT m.store_id || '/' || m.year || '/' || m.month, {select} FROM sales.month AS m \
         WHERE {conditions} ORDER BY m.store_id, m.year, m.month LIMIT {rows}) TO STDOUT ({form})"
    )
}

/// A key as it stands before a row, and as clients keep it.
pub(crate) fn key(text: &str) -> Option<MonthKey> {
    let mut parts = text.split(['/', ',']);
    let key = MonthKey::new(
        parts.next()?.trim().parse().ok()?,
        parts.next()?.trim().parse().ok()?,
        parts.next()?.trim().parse().ok()?,
    );
    key.filter(|_| parts.next().is_none())
}

/// Reads a piece of a file.
pub(crate) async fn export_piece(
    database: &Database,
    filters: &MonthFilters,
    format: Format,
    columns: &[usize],
    after: Option<&MonthKey>,
    reading: Reading,
) -> Result<Piece, Error> {
    let client = database.client().await?;
    let sql = copy(filters, format, columns, after, reading.rows);
    let mut rows = Box::pin(client.copy_out(sql.as_str()).await?);
    let delimiter = if format == Format::Csv { b',' } else { 2 };
    let mut out = BytesMut::with_capacity(reading.bytes + reading.bytes / 4);
    let (mut count, mut last, mut is_cut) = (0_u64, Bytes::new(), false);
    // The database sends a row at a time; each ends with a line break.
    while let Some(row) = rows.try_next().await? {
        let row: Bytes = row;
        let Some(at) = row.iter().position(|byte| *byte == delimiter) else { continue };
        let text = &row[at + 1..];
        let text = text.strip_suffix(b"\n").unwrap_or(text);
        match format {
            Format::Csv => {
                out.put(text);
                out.put(&b"\r\n"[..]);
            }
            Format::Ndjson => {
                out.put(text);
                out.put_u8(b'\n');
            }
            Format::Json => {
                if count > 0 {
                    out.put(&b",\n"[..]);
                }
                out.put(text);
            }
        }
        count += 1;
        last = row.slice(..at);
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
        last: (!last.is_empty()).then(|| String::from_utf8_lossy(&last).into_owned()),
        is_last: !is_cut && count < u64::from(reading.rows),
    })
}

/// How many rows a file has.
pub(crate) async fn export_count(database: &Database, filters: &MonthFilters) -> Result<u64, Error> {
    let client = database.client().await?;
    let sql = format!("SELECT count(*) FROM sales.month AS m WHERE {}", conditions(filters));
    Ok(client.query_one(&sql, &[]).await?.try_get::<_, i64>(0)?.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_literals_gets_into_a_statement() {
        let evil = "x'; DROP TABLE sales.month; --";
        let filters = MonthFilters {
            scope: Some(std::sync::Arc::from([evil.to_owned(), "330".to_owned()])),
            store: Some(evil.to_owned()),
            has: Some(evil.to_owned()),
            ..MonthFilters::default()
        };
        let sql = copy(&filters, Format::Csv, &[1, 2, 3], None, 10);
        assert!(!sql.contains("DROP"), "{sql}");
        assert!(sql.contains("m.store_id IN ('330')") && sql.contains("AND false"), "{sql}");
        assert!(key("330/2024/1").is_some() && key("330,2024,12").is_some());
        for bad in ["", "330", "330/2024", "330/2024/13", "a b/2024/1", "330/2024/1/1", "'/2024/1"] {
            assert_eq!(key(bad), None, "{bad}");
        }
    }
}
