//! What a domain gives: its rows in the order of a key, from any key on, in any of the formats.

use std::sync::Arc;

use bytes::Bytes;
use entrepot_pg::Error;
use entrepot_web::Fault;
use futures_util::future::BoxFuture;
use serde_json::Value;

/// What rows are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// RFC 4180, with a header.
    Csv,
    /// One list.
    Json,
    /// A JSON object a line.
    Ndjson,
}

impl Format {
    /// All of them, by name.
    pub const ALL: [(&'static str, Self); 3] = [("csv", Self::Csv), ("json", Self::Json), ("ndjson", Self::Ndjson)];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, format)| *format == self).map_or("csv", |(name, _)| name)
    }

    /// The format of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, format)| *format)
    }

    /// What comes before the first row, between two, and after the last.
    pub(crate) fn frame(self) -> (&'static [u8], &'static [u8], &'static [u8]) {
        match self {
            Self::Csv | Self::Ndjson => (b"", b"", b""),
            Self::Json => (b"[\n", b",\n", b"\n]\n"),
        }
    }
}

/// What was asked for, checked: a source reads it again out of its own parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// The format.
    pub format: Format,
    /// The source's own parameters, as JSON that it can read again.
    pub parameters: Value,
    /// The stores that may be seen; `None` for all.
    pub scope: Option<Arc<[String]>>,
}

/// Rows, as they are written.
#[derive(Clone, Debug, Default)]
pub struct Piece {
    /// Whole rows. In CSV and NDJSON each ends with its line break; in JSON nothing stands before the first
    /// and after the last, and `,` and a line break between two.
    pub bytes: Bytes,
    /// How many.
    pub rows: u64,
    /// The key of the last of them.
    pub last: Option<String>,
    /// Whether there are no more behind it.
    pub is_last: bool,
}

/// How much is read at once.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    /// How many bytes it should come to, about.
    pub bytes: usize,
    /// How many rows it may be.
    pub rows: u32,
}

impl Reading {
    /// A first reading that is to come to so many bytes.
    #[must_use]
    pub fn of(bytes: usize) -> Self {
        Self { bytes, rows: 250 }
    }

    /// What to ask for next, after a piece of that size.
    #[must_use]
    pub fn after(self, piece: &Piece) -> Self {
        let row = piece.bytes.len() as u64 / piece.rows.max(1);
        let rows = (self.bytes as u64).checked_div(row).unwrap_or(u64::from(self.rows));
        // Not more than four times as many as before: rows differ.
        let most = u64::from(self.rows) * 4;
        Self { rows: u32::try_from(rows.clamp(16, most.min(10_000))).unwrap_or(250), ..self }
    }
}

/// Rows of a domain.
pub trait Source: Send + Sync + 'static {
    /// What they are, such as `sales`.
    fn kind(&self) -> &'static str;

    /// The action that whoever exports them must have a permission for.
    fn action(&self) -> &'static str;

    /// Checks parameters and gives them as they are kept.
    ///
    /// # Errors
    /// All faults of them.
    fn check(&self, parameters: &Value) -> Result<Value, Vec<Fault>>;

    /// The header of a CSV, with its line break.
    fn header(&self, asked: &Asked) -> Bytes;

    /// How many rows there are.
    fn count<'a>(&'a self, asked: &'a Asked) -> BoxFuture<'a, Result<u64, Error>>;

    /// The rows behind this key, or from the first on, as many as `reading` says.
    fn read<'a>(
        &'a self,
        asked: &'a Asked,
        after: Option<&'a str>,
        reading: Reading,
    ) -> BoxFuture<'a, Result<Piece, Error>>;
}
