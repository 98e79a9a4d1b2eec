//! Business documents, such as a sales report: headline figures, charts and tables, written as an Excel
//! workbook and as a PDF that one hands to a manager.
//!
//! A caller gives a [`Document`], which is data only, and gets bytes: [`excel`] for who goes on calculating,
//! [`pdf`] for who reads and prints.
//!
//! | room | what it owns |
//! | --- | --- |
//! | `document` | what a document holds |
//! | `check` | its shape and its bounds |
//! | `totals` | the row below a table |
//! | `shown` | how a value is written for people |
//! | `colours` | the colours of both writers |
//! | `excel` | the workbook |
//! | `pdf` | the pages |
//!
//! **Invariants:**
//! - Nothing here does I/O, knows the time or waits: bytes depend on the document alone, and the same document
//!   gives the same bytes.
//! - A text is only ever text: never a formula, a link, markup or a path.
//! - Memory and work are bounded by what [`Document::check`] lets through, and in a PDF by [`MOST_PDF_ROWS`]
//!   and [`MOST_PDF_PAGES`].
//!
//! Both writers are busy for as long as the document is long: a server calls them on a thread that may block.
//!
//! ```
//! use entrepot_documents::{Cell, Column, Document, Kind, Section, Table};
//!
//! let document = Document {
//!     title: "Stock".to_owned(),
//!     subtitle: String::new(),
//!     organisation: "Entrepot".to_owned(),
//!     period: "March 2026".to_owned(),
//!     made_at: "2026-04-01T06:00:00Z".parse()?,
//!     zone: jiff::tz::TimeZone::UTC,
//!     figures: Vec::new(),
//!     sections: vec![Section {
//!         heading: "Per store".to_owned(),
//!         text: String::new(),
//!         chart: None,
//!         table: Table {
//!             columns: vec![Column::new("Store", Kind::Text), Column::new("Pieces", Kind::Integer).summed()],
//!             rows: vec![vec![Cell::Text("Bergen".to_owned()), Cell::Integer(40)]],
//!         },
//!     }],
//! };
//! assert!(entrepot_documents::excel(&document)?.starts_with(b"PK"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod check;
mod colours;
mod document;
mod error;
mod excel;
#[cfg(feature = "pdf")]
mod pdf;
mod shown;
mod totals;

pub use iso_currency::Currency;

pub use check::{
    Fault, LONGEST_NAME, LONGEST_TEXT, MOST_CELLS, MOST_COLUMNS, MOST_FIGURES, MOST_LABELS, MOST_PLACES, MOST_ROWS,
    MOST_SECTIONS, MOST_SERIES,
};
pub use document::{Cell, Chart, ChartKind, Column, Document, Figure, Kind, Section, Series, Table, Total};
pub use error::WriteError;
pub use excel::excel;
#[cfg(feature = "pdf")]
pub use pdf::{MOST_PDF_PAGES, MOST_PDF_ROWS, pdf};
pub use shown::rounded;
