//! Charts: Excel's own, drawn from cells of a sheet of their own.
//!
//! **Invariant:** a chart refers to cells and holds no numbers itself, so who corrects a number sees it.

use rust_xlsxwriter::{
    Chart as Drawn, ChartAxisLabelPosition, ChartEmptyCells, ChartFont, ChartFormat, ChartLegendPosition, ChartLine,
    ChartMarker, ChartMarkerType, ChartSolidFill, ChartType, Worksheet,
};

use super::looks;
use crate::colours::{self, INK, QUIET, RULE};
use crate::document::{Chart, ChartKind, Document};
use crate::error::WriteError;
use crate::shown;

/// How large a chart is, in pixels: as wide as the overview's columns.
const SIZE: (u32, u32) = (724, 320);
/// The rows of the overview that it covers.
pub(super) const ROWS: u32 = 17;
/// Points of a line are marked while there are not more than this.
const MARKED: usize = 40;

/// A chart of a section.
pub(super) struct Graph {
    pub(super) chart: Drawn,
}

/// Writes the numbers of all charts one below the other, and gives for each section its chart.
pub(super) fn write(sheet: &mut Worksheet, name: &str, document: &Document) -> Result<Vec<Option<Graph>>, WriteError> {
    sheet.set_column_width(0, 28)?;
    sheet.set_column_range_width(1, u16::try_from(crate::MOST_SERIES).unwrap_or(u16::MAX), 18)?;
    sheet.set_landscape();
    sheet.set_print_fit_to_pages(1, 0);
    let mut row = 0;
    let mut graphs = Vec::with_capacity(document.sections.len());
    for section in &document.sections {
        let Some(chart) = section.chart.as_ref().filter(|chart| chart.has_values()) else {
            graphs.push(None);
            continue;
        };
        let top = row;
        row = cells(sheet, chart, top)?;
        graphs.push(Some(Graph { chart: draw(name, chart, top + 1) }));
        row += 1;
    }
    Ok(graphs)
}

/// Writes the numbers of one chart: its title, a header, and a row for each label. Gives the row after them.
fn cells(sheet: &mut Worksheet, chart: &Chart, top: u32) -> Result<u32, WriteError> {
    looks::put_text(sheet, top, 0, &shown::line(&chart.title), &looks::heading())?;
    looks::put_text(sheet, top + 1, 0, &shown::line(&chart.unit), &looks::header(false))?;
    let first = top + 2;
    for (row, label) in (first..).zip(&chart.labels) {
        looks::put_text(sheet, row, 0, &shown::line(label), &looks::cell(crate::Kind::Text))?;
    }
    let decimals = crate::Kind::Decimal { places: 2 };
    let format = looks::cell(if is_whole(chart) { crate::Kind::Integer } else { decimals });
    for (column, series) in (1_u16..).zip(&chart.series) {
        looks::put_text(sheet, top + 1, column, &shown::line(&series.name), &looks::header(true))?;
        for (row, value) in (first..).zip(&series.values) {
            let Some(value) = value else { continue };
            // A point that is drawn needs no 15 digits.
            let Some(number) = looks::nearest(*value) else { continue };
            sheet.write_number_with_format(row, column, number, &format)?;
        }
    }
    Ok(first + u32::try_from(chart.labels.len()).unwrap_or(u32::MAX))
}

/// Whether no value has a fraction.
fn is_whole(chart: &Chart) -> bool {
    chart.series.iter().flat_map(|series| &series.values).flatten().all(|value| value.fract().is_zero())
}

/// A chart of the cells below a header.
fn draw(sheet: &str, chart: &Chart, header: u32) -> Drawn {
    let first = header + 1;
    let last = header + u32::try_from(chart.labels.len()).unwrap_or(u32::MAX);
    let mut drawn = Drawn::new(match chart.kind {
        ChartKind::Bars => ChartType::Column,
        ChartKind::Lines => ChartType::Line,
    });
    for (index, column) in (1_u16..).take(chart.series.len()).enumerate() {
        let series = drawn.add_series();
        series.set_name((sheet, header, column));
        series.set_categories((sheet, first, 0, last, 0));
        series.set_values((sheet, first, column, last, column));
        let colour = looks::colour(colours::of_series(index));
        match chart.kind {
            ChartKind::Bars => {
                series.set_format(ChartFormat::new().set_solid_fill(ChartSolidFill::new().set_color(colour)));
                series.set_gap(60).set_overlap(0);
            }
            ChartKind::Lines => {
                series.set_format(ChartFormat::new().set_line(ChartLine::new().set_color(colour).set_width(2.0)));
                if chart.labels.len() > MARKED {
                    series.set_marker(ChartMarker::new().set_none());
                    continue;
                }
                let mut fill = ChartFormat::new();
                fill.set_solid_fill(ChartSolidFill::new().set_color(colour))
                    .set_line(ChartLine::new().set_color(colour));
                let mut marker = ChartMarker::new();
                marker.set_type(ChartMarkerType::Circle).set_size(5).set_format(&mut fill);
                series.set_marker(&marker);
            }
        }
    }
    let font = |size: f64| {
        let mut font = ChartFont::new();
        font.set_size(size).set_color(looks::colour(QUIET)).unset_bold();
        font
    };
    let title = shown::line(&chart.title);
    drawn.title().set_name(&title).set_overlay(false).set_font(font(12.0).set_bold().set_color(looks::colour(INK)));
    // Below the drawing, also where values are below zero.
    drawn
        .x_axis()
        .set_label_position(ChartAxisLabelPosition::Low)
        .set_font(&font(9.0))
        .set_format(ChartFormat::new().set_line(ChartLine::new().set_color(looks::colour(RULE))));
    drawn
        .y_axis()
        .set_font(&font(9.0))
        .set_num_format("#,##0.##;\u{2212}#,##0.##")
        .set_format(ChartFormat::new().set_no_line())
        .set_major_gridlines_line(ChartLine::new().set_color(looks::colour(RULE)).set_width(0.75));
    let unit = shown::line(&chart.unit);
    if !unit.is_empty() {
        drawn.y_axis().set_name(&unit).set_name_font(&font(9.0));
    }
    if chart.series.len() > 1 {
        drawn.legend().set_position(ChartLegendPosition::Bottom).set_font(&font(9.0));
    } else {
        drawn.legend().set_hidden();
    }
    drawn.chart_area().set_format(ChartFormat::new().set_no_border());
    drawn.show_empty_cells_as(ChartEmptyCells::Gaps);
    drawn.set_width(SIZE.0).set_height(SIZE.1).set_alt_text(&title);
    drawn
}
