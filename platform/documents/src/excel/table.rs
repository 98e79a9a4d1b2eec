//! A section's sheet: its table and nothing else, so that who goes on calculating finds it clean.
//!
//! **Invariants:**
//! - The header is the first row, the rows follow without a gap, and the totals are the row after the last.
//! - A sum is a formula over exactly these rows, and its stored value is their sum. It leaves out rows that a
//!   filter hides. Where Excel could not sum them to the digit, it is their sum and no formula.

use rust_xlsxwriter::{Formula, Worksheet, utility};

use super::looks::{self, Put};
use crate::document::{Cell, Column, Document, Kind, Section, Total};
use crate::error::WriteError;
use crate::shown;
use crate::totals::totals;

/// The size of letters, and how high a row with one line of them is. In points.
const SIZE: f64 = 11.0;
const ROW: f64 = 15.0;
/// Rows that are looked at for how wide a column must be.
const LOOKED_AT: usize = 1_000;
/// What a column is wider than its widest cell, in characters.
const BESIDE: f64 = 3.0;
/// The bounds of a column's width, in characters.
const WIDTHS: (f64, f64) = (9.0, 60.0);
/// From so many columns on the first stays in sight when one scrolls to the right.
const WIDE: usize = 8;

/// Writes it. `number` is the section's, counted from 1.
pub(super) fn write(
    sheet: &mut Worksheet,
    document: &Document,
    number: usize,
    section: &Section,
) -> Result<(), WriteError> {
    let table = &section.table;
    let zone = &document.zone;
    let mut widths = Vec::with_capacity(table.columns.len());
    let formats: Vec<_> = table.columns.iter().map(|column| looks::cell(column.kind)).collect();
    for (place, column) in (0_u16..).zip(&table.columns) {
        let title = shown::header(column, zone);
        looks::put_text(sheet, 0, place, &title, &looks::header(column.kind.is_number()))?;
        let width = width(document, section, usize::from(place), &title);
        sheet.set_column_width(place, width)?;
        widths.push(width);
    }
    // Columns with a number that is too long for one: nothing can be summed there.
    let mut have_texts = vec![false; table.columns.len()];
    for (row, cells) in (1_u32..).zip(&table.rows) {
        for ((place, value), (column, format)) in (0_u16..).zip(cells).zip(table.columns.iter().zip(&formats)) {
            let put = Put { row, column: place, kind: column.kind, value, zone };
            have_texts[usize::from(place)] |= !put.write(sheet, format)?;
        }
        let heights = cells.iter().zip(&widths).map(|(cell, width)| match cell {
            // As much as the indent and the edges take was added to the width of the widest.
            Cell::Text(text) => looks::height(text, SIZE, width - BESIDE),
            _ => 0.0,
        });
        let height = heights.fold(0.0, f64::max);
        if height > ROW {
            sheet.set_row_height(row, height)?;
        }
    }
    sheet.set_row_height(0, 30)?;
    let last = u32::try_from(table.rows.len()).unwrap_or(u32::MAX);
    if let Some(totals) =
        totals(table).map_err(|column| crate::Fault::Overflow { section: number, column: column + 1 })?
    {
        for ((place, value), column) in (0_u16..).zip(&totals).zip(&table.columns) {
            let at = Put { row: last + 1, column: place, kind: column.kind, value, zone };
            total(sheet, &at, column, last, have_texts[usize::from(place)])?;
        }
    }
    let right = u16::try_from(table.columns.len() - 1).unwrap_or(u16::MAX);
    sheet.autofilter(0, 0, last, right)?;
    sheet.set_freeze_panes(1, u16::from(table.columns.len() > WIDE))?;
    sheet.set_repeat_rows(0, 0)?;
    sheet.set_screen_gridlines(false);
    sheet.set_landscape();
    sheet.set_print_fit_to_pages(1, 0);
    Ok(())
}

/// What stands below a column of which `last` is the last row, and that may have numbers that are texts.
fn total(sheet: &mut Worksheet, at: &Put<'_>, column: &Column, last: u32, has_texts: bool) -> Result<(), WriteError> {
    let format = looks::total(column.kind);
    if column.total == Total::Nothing && at.column == 0 {
        return looks::put_text(sheet, at.row, at.column, "Total", &looks::total(Kind::Text));
    }
    if column.total != Total::Sum || last == 0 || has_texts || looks::exact(column.kind, at.value).is_none() {
        return at.write(sheet, &format).map(|_| ());
    }
    let result = match at.value {
        Cell::Integer(value) => value.to_string(),
        Cell::Decimal(value) => value.normalize().to_string(),
        _ => String::new(),
    };
    let range = utility::cell_range(1, at.column, last, at.column);
    // 9 is a sum of the rows that no filter hides.
    let formula = Formula::new(format!("=SUBTOTAL(9,{range})")).set_result(result);
    sheet.write_formula_with_format(at.row, at.column, formula, &format)?;
    Ok(())
}

/// How wide a column must be for its first rows and its total, in characters.
fn width(document: &Document, section: &Section, place: usize, title: &str) -> f64 {
    let Some(column) = section.table.columns.get(place) else { return WIDTHS.0 };
    let cells = section.table.rows.iter().take(LOOKED_AT).filter_map(|row| row.get(place));
    let longest = |text: &str| text.split('\n').map(shown::length).fold(0.0, f64::max);
    let widest = cells.map(|cell| longest(&shown::cell(column.kind, cell, &document.zone))).fold(0.0, f64::max);
    // A sum of many rows is some digits longer than each of them. The header has the filter's button beside it,
    // and may take two lines.
    let sum = if column.total == Total::Sum { 4.0 } else { 0.0 };
    let header = (longest(title) * 0.6).max(title.split(' ').map(shown::length).fold(0.0, f64::max)) + 5.0;
    (widest + sum + BESIDE).max(header).clamp(WIDTHS.0, WIDTHS.1)
}
