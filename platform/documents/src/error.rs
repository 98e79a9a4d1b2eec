//! Why a document was not written.
//!
//! **Invariant:** whoever asked for the document can do something about every error but [`WriteError::Excel`],
//! [`WriteError::Font`] and [`WriteError::Pdf`], which are defects.

use crate::check::Fault;

/// Why a document was not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// It cannot be written at all.
    #[error("the document cannot be written")]
    Fault(#[from] Fault),
    /// There are more rows than a PDF is made for.
    #[error("{rows} rows, and a PDF has at most {most}: take Excel")]
    TooManyRows {
        /// The rows of all its tables.
        rows: usize,
        /// How many there may be.
        most: usize,
    },
    /// There are more pages than a PDF is made for.
    #[error("the PDF has more than {most} pages: take Excel")]
    TooManyPages {
        /// How many there may be.
        most: usize,
    },
    /// A table has more columns than a page is wide, at the smallest size that can be read.
    #[error("the table of section {section} is too wide for a page: take Excel")]
    TooWide {
        /// The section, counted from 1.
        section: usize,
    },
    /// The workbook could not be put together.
    #[error("the workbook could not be written")]
    Excel(#[from] rust_xlsxwriter::XlsxError),
    /// A font of the program's own cannot be read.
    #[cfg(feature = "pdf")]
    #[error("the font {0} cannot be read")]
    Font(&'static str),
    /// The PDF could not be put together.
    #[cfg(feature = "pdf")]
    #[error("the PDF could not be written")]
    Pdf(#[source] krilla::error::KrillaError),
}
