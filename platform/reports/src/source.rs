//! What a domain gives: its rows, as a document.

use std::sync::Arc;

use entrepot_documents::Document;
use entrepot_pg::Error;
use entrepot_web::Fault;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::Value;

/// What a report is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A PDF, to be read and printed.
    Pdf,
    /// An Excel workbook, to be reckoned with.
    Excel,
}

impl Format {
    /// All of them, by name.
    pub const ALL: [(&'static str, Self); 2] = [("pdf", Self::Pdf), ("xlsx", Self::Excel)];

    /// Its name, which is also what its files end with.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pdf => "pdf",
            Self::Excel => "xlsx",
        }
    }

    /// The format of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, format)| *format)
    }

    /// Its media type.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Pdf => "application/pdf",
            Self::Excel => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        }
    }
}

/// What was asked for, checked.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The source's own parameters, as JSON that it can read again.
    pub parameters: Value,
    /// The stores that may be seen; `None` for all.
    pub scope: Option<Arc<[String]>>,
    /// The day that `last-month` and the like are reckoned from.
    pub today: Date,
    /// The present.
    pub now: Timestamp,
    /// What it will be written in: a PDF takes fewer rows.
    pub format: Format,
    /// Whose report it is.
    pub organisation: String,
}

/// Why a document could not be made.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// It will never be possible, for this reason.
    #[error("{0}")]
    Impossible(String),
    /// What the database failed with.
    #[error(transparent)]
    Database(#[from] Error),
}

/// A kind of report.
pub trait Source: Send + Sync + 'static {
    /// What it is called in orders: `sales`.
    fn kind(&self) -> &'static str;

    /// What it tells, in words.
    fn about(&self) -> &'static str;

    /// The action that whoever orders it must be allowed to.
    fn action(&self) -> &'static str;

    /// Reads the parameters of an order, and gives them as [`Source::read`] takes them.
    ///
    /// # Errors
    /// All that is wrong with them.
    fn check(&self, given: &Value) -> Result<Value, Vec<Fault>>;

    /// Reads what is asked for.
    fn read<'a>(&'a self, asked: &'a Asked) -> BoxFuture<'a, Result<Document, SourceError>>;
}
