//! The first sheet: what the document is, its figures, and each section's words and chart.
//!
//! **Invariant:** it stands on one page's width, upright, with the charts below one another.

use rust_xlsxwriter::{Format, Worksheet};

use super::graph::Graph;
use super::looks::{self, Put};
use crate::colours::{INK, QUIET};
use crate::document::{Document, Kind};
use crate::error::WriteError;
use crate::shown;

/// The columns: what is counted, its value, and what to compare it with. In characters.
const WIDTHS: [f64; 3] = [34.0, 24.0, 44.0];
/// The last of them.
const LAST: u16 = 2;
/// How high a row is in points, where nothing else is said.
const ROW: f64 = 15.0;

/// Writes it. Each graph is one section's.
pub(super) fn write(sheet: &mut Worksheet, document: &Document, graphs: &[Option<Graph>]) -> Result<(), WriteError> {
    for (column, width) in (0..).zip(WIDTHS) {
        sheet.set_column_width(column, width)?;
    }
    sheet.set_screen_gridlines(false);
    let mut row = head(sheet, document)?;
    row = figures(sheet, document, row)?;
    for (section, graph) in document.sections.iter().zip(graphs) {
        if section.text.trim().is_empty() && graph.is_none() {
            continue;
        }
        line(sheet, &mut row, &shown::line(&section.heading), &looks::heading(), 22.0)?;
        if !section.text.trim().is_empty() {
            wide(sheet, &mut row, section.text.trim(), &looks::prose(), 11.0)?;
        }
        if let Some(graph) = graph {
            sheet.insert_chart_with_offset(row, 0, &graph.chart, 0, 6)?;
            row += super::graph::ROWS;
        }
        row += 1;
    }
    sheet.set_print_fit_to_pages(1, 0);
    Ok(())
}

/// The title and what belongs to it.
fn head(sheet: &mut Worksheet, document: &Document) -> Result<u32, WriteError> {
    let mut row = 0;
    let organisation = shown::line(&document.organisation);
    if !organisation.is_empty() {
        line(sheet, &mut row, &organisation, &looks::organisation(), 18.0)?;
    }
    wide(sheet, &mut row, &shown::line(&document.title), &looks::title(), looks::TITLE)?;
    let period = shown::line(&document.period);
    if !period.is_empty() {
        line(sheet, &mut row, &period, &looks::words(12.0, INK).set_bold(), 18.0)?;
    }
    let subtitle = shown::line(&document.subtitle);
    if !subtitle.is_empty() {
        wide(sheet, &mut row, &subtitle, &looks::quiet(), 11.0)?;
    }
    line(sheet, &mut row, &shown::made(document), &looks::quiet(), ROW)?;
    Ok(row + 1)
}

/// The headline numbers.
fn figures(sheet: &mut Worksheet, document: &Document, mut row: u32) -> Result<u32, WriteError> {
    if document.figures.is_empty() {
        return Ok(row);
    }
    let words = looks::cell(Kind::Text).merge(&looks::words(11.0, QUIET));
    for figure in &document.figures {
        looks::put_text(sheet, row, 0, &shown::line(&figure.label), &words)?;
        let put = Put { row, column: 1, kind: figure.kind, value: &figure.value, zone: &document.zone };
        put.write(sheet, &looks::figure(figure.kind))?;
        looks::put_text(sheet, row, 2, &shown::line(&figure.note), &words)?;
        sheet.set_row_height(row, 22.0)?;
        row += 1;
    }
    Ok(row + 1)
}

/// Writes a line and goes on to the next.
fn line(sheet: &mut Worksheet, row: &mut u32, text: &str, format: &Format, height: f64) -> Result<(), WriteError> {
    looks::put_text(sheet, *row, 0, text, format)?;
    sheet.set_row_height(*row, height)?;
    *row += 1;
    Ok(())
}

/// Writes a text across all columns, over as many lines as it needs, and goes on to the next row.
fn wide(sheet: &mut Worksheet, row: &mut u32, text: &str, format: &Format, size: f64) -> Result<(), WriteError> {
    let format = format.clone().set_text_wrap();
    sheet.merge_range(*row, 0, *row, LAST, "", &format)?;
    let height = looks::height(text, size, WIDTHS.iter().sum());
    line(sheet, row, text, &format, height + 3.0)
}
