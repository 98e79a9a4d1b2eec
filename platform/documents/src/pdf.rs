//! The pages: a title, the figures as tiles, and the sections, each with its words, chart and table.
//!
//! A document is laid out as marks on pages first, which tells how many pages there are, and written as PDF
//! then. There is no language between the two in which a text of the document could mean something.
//!
//! **Invariants:**
//! - What it takes is bounded before anything is laid out: [`MOST_PDF_ROWS`] rows, and [`MOST_CELLS`] cells.
//! - A heading is followed by something of its section on the same page.

mod graph;
mod head;
mod ink;
mod letters;
mod paper;
mod table;

use crate::colours::{INK, QUIET};
use crate::document::{Document, Section};
use crate::error::WriteError;
use crate::shown;
use ink::Place;
use letters::{Fonts, Letters, Weight};
use paper::{Lie, Paper};

pub use paper::MOST_PDF_PAGES;

/// Rows of all tables of a PDF.
pub const MOST_PDF_ROWS: usize = 20_000;
/// Cells of all tables of a PDF: each is in memory with its shapes until the file is written.
const MOST_CELLS: usize = 300_000;
/// Rows that a table begins with at the least, before it rather begins on the next page.
const FIRST_ROWS: usize = 4;
/// The sizes of a heading and of a text.
const HEADING: f32 = 14.0;
const TEXT: f32 = 9.5;

/// Writes a document as PDF (A4).
///
/// # Errors
/// When the document has a fault, or is too long or too wide for paper.
pub fn pdf(document: &Document) -> Result<Vec<u8>, WriteError> {
    document.check()?;
    let tables = || document.sections.iter().map(|section| &section.table);
    let rows: usize = tables().map(|table| table.rows.len()).sum();
    let cells: usize = tables().map(|table| table.rows.len() * table.columns.len()).sum();
    if rows > MOST_PDF_ROWS || cells > MOST_CELLS {
        let most = if rows > MOST_PDF_ROWS { MOST_PDF_ROWS } else { rows * MOST_CELLS / cells };
        return Err(WriteError::TooManyRows { rows, most });
    }
    let fonts = Fonts::read()?;
    let mut letters = Letters::new(&fonts);
    let mut paper = Paper::new();
    head::title(&mut paper, &mut letters, document)?;
    head::figures(&mut paper, &mut letters, document)?;
    let mut places = Vec::with_capacity(document.sections.len());
    for (number, section) in (1..).zip(&document.sections) {
        places.push(write(&mut paper, &mut letters, document, number, section)?);
    }
    ink::write(document, &mut letters, &paper.finish(), places)
}

/// Writes a section, and says where it begins.
fn write(
    paper: &mut Paper,
    letters: &mut Letters<'_>,
    document: &Document,
    number: usize,
    section: &Section,
) -> Result<Place, WriteError> {
    let plan = table::plan(letters, document, &section.table);
    if plan.is_none() && !section.table.columns.is_empty() {
        return Err(WriteError::TooWide { section: number });
    }
    let chart = section.chart.as_ref().filter(|chart| chart.has_values());
    let lie = plan.as_ref().map_or(Lie::Portrait, |plan| plan.lie);
    if paper.lie() != lie {
        paper.turn(lie)?;
    }
    let text = shown::clean(section.text.trim());
    let below = match (text.is_empty(), chart, &plan) {
        (false, ..) => TEXT * 3.0,
        (true, Some(chart), _) => graph::height(letters, chart, paper.width()),
        (true, None, Some(plan)) => plan.beginning(FIRST_ROWS.min(section.table.rows.len())),
        (true, None, None) => 0.0,
    };
    paper.need(HEADING * 2.2 + below)?;
    if !paper.is_fresh() {
        paper.y += 10.0;
    }
    let place = Place { heading: shown::line(&section.heading), page: paper.number(), y: paper.y };
    head::lines(paper, letters, &place.heading, (Weight::Strong, HEADING, INK), 1.3)?;
    paper.y += 3.0;
    head::lines(paper, letters, &text, (Weight::Regular, TEXT, QUIET), 1.5)?;
    paper.y += 5.0;
    if let Some(chart) = chart {
        paper.y += if text.is_empty() { 0.0 } else { 4.0 };
        graph::draw(paper, letters, chart)?;
        paper.y += 6.0;
    }
    if let Some(plan) = &plan {
        paper.need(plan.beginning(FIRST_ROWS.min(section.table.rows.len())))?;
        table::write(paper, letters, document, &section.table, plan)?;
        paper.y += 14.0;
    }
    Ok(place)
}
