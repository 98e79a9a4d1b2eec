//! Whether a document can be written at all: its shape and its bounds.
//!
//! **Invariants:**
//! - Everything that can grow has a bound here, so what a writer needs is bounded too.
//! - A document that passed has rows as wide as its columns, cells of their column's kind, and sums that exist.

use jiff::Timestamp;
use jiff::civil::Date;

use crate::document::{Cell, Chart, Document, Kind, Section, Table, Total};
use crate::totals::totals;

/// Headline numbers in a document.
pub const MOST_FIGURES: usize = 24;
/// Sections in a document.
pub const MOST_SECTIONS: usize = 50;
/// Columns of a table.
pub const MOST_COLUMNS: usize = 64;
/// Rows of a table: what an Excel sheet has beside the header and the totals.
pub const MOST_ROWS: usize = 1_048_574;
/// Cells of all tables together. A workbook takes some 250 bytes of memory for each while it is written.
pub const MOST_CELLS: usize = 2_000_000;
/// Labels of a chart.
pub const MOST_LABELS: usize = 400;
/// Series of a chart: as many as there are colours that can be told apart.
pub const MOST_SERIES: usize = 8;
/// Characters of a name, such as a title, a header or a label.
pub const LONGEST_NAME: usize = 200;
/// UTF-16 units of a text, such as a cell: what an Excel cell holds.
pub const LONGEST_TEXT: usize = 32_767;
/// Decimal places of a number.
pub const MOST_PLACES: u8 = 12;

/// Why a document cannot be written. Sections, rows and columns are counted from 1, as a reader counts them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Something that must have a name has none.
    #[error("{0} is empty")]
    Nameless(String),
    /// There are too many of something.
    #[error("{what}: {count}, and at most {most} fit")]
    TooMany {
        /// Of what.
        what: String,
        /// How many there are.
        count: usize,
        /// How many there may be.
        most: usize,
    },
    /// A text is too long.
    #[error("{what} is longer than {most}")]
    TooLong {
        /// Which text.
        what: String,
        /// How long it may be.
        most: usize,
    },
    /// A row is not as wide as its table.
    #[error("section {section}, row {row}: {cells} cells under {columns} columns")]
    Width {
        /// The section.
        section: usize,
        /// The row.
        row: usize,
        /// The cells of the row.
        cells: usize,
        /// The columns of the table.
        columns: usize,
    },
    /// A value is of another kind than its place.
    #[error("{0} is of another kind than its place")]
    Kind(String),
    /// A day or a moment lies outside of what a calendar program can hold.
    #[error("{0} is outside of the years 1900 to 9999")]
    Year(String),
    /// More decimal places than a number has.
    #[error("{what}: {places} decimal places, and at most {MOST_PLACES} are shown")]
    Places {
        /// Which column or figure.
        what: String,
        /// The places asked for.
        places: u8,
    },
    /// A sum of what does not add up.
    #[error("section {section}, column {column}: its kind has no sum")]
    NoSum {
        /// The section.
        section: usize,
        /// The column.
        column: usize,
    },
    /// A sum that no number can hold.
    #[error("section {section}, column {column}: the sum is too large")]
    Overflow {
        /// The section.
        section: usize,
        /// The column.
        column: usize,
    },
    /// A series has not as many values as its chart has labels.
    #[error("section {section}, series {series}: {values} values for {labels} labels")]
    Values {
        /// The section.
        section: usize,
        /// The series.
        series: usize,
        /// The values of the series.
        values: usize,
        /// The labels of the chart.
        labels: usize,
    },
}

/// The first day and the day after the last that every writer can hold.
const YEARS: std::ops::RangeInclusive<i16> = 1900..=9999;

impl Document {
    /// Checks its shape and its bounds. The writers do it by themselves.
    ///
    /// # Errors
    /// The first fault found, from the top down.
    pub fn check(&self) -> Result<(), Fault> {
        named("the title", &self.title)?;
        text("the subtitle", &self.subtitle)?;
        name("the organisation", &self.organisation)?;
        name("the period", &self.period)?;
        let made = self.made_at.to_zoned(self.zone.clone()).date();
        year("the time at which it was made", made)?;
        bounded("figures", self.figures.len(), MOST_FIGURES)?;
        for (index, figure) in self.figures.iter().enumerate() {
            let what = format!("figure {}", index + 1);
            named(&format!("the label of {what}"), &figure.label)?;
            name(&format!("the note of {what}"), &figure.note)?;
            places(&what, figure.kind)?;
            self.cell(figure.kind, &figure.value, LONGEST_NAME, || what)?;
        }
        bounded("sections", self.sections.len(), MOST_SECTIONS)?;
        let cells = self.sections.iter().map(|section| section.table.columns.len() * section.table.rows.len()).sum();
        bounded("cells", cells, MOST_CELLS)?;
        self.sections.iter().enumerate().try_for_each(|(index, section)| self.section(index + 1, section))
    }

    fn section(&self, number: usize, section: &Section) -> Result<(), Fault> {
        named(&format!("the heading of section {number}"), &section.heading)?;
        text(&format!("the text of section {number}"), &section.text)?;
        if let Some(chart) = &section.chart {
            check_chart(number, chart)?;
        }
        self.table(number, &section.table)
    }

    fn table(&self, section: usize, table: &Table) -> Result<(), Fault> {
        bounded(&format!("columns of section {section}"), table.columns.len(), MOST_COLUMNS)?;
        bounded(&format!("rows of section {section}"), table.rows.len(), MOST_ROWS)?;
        for (index, column) in table.columns.iter().enumerate() {
            let what = format!("section {section}, column {}", index + 1);
            named(&format!("the title of {what}"), &column.title)?;
            places(&what, column.kind)?;
            match &column.total {
                Total::Nothing => {}
                Total::Sum if column.kind.adds_up() => {}
                Total::Sum => return Err(Fault::NoSum { section, column: index + 1 }),
                Total::Given(cell) => self.cell(column.kind, cell, LONGEST_TEXT, || format!("the total of {what}"))?,
            }
        }
        for (index, row) in table.rows.iter().enumerate() {
            if row.len() != table.columns.len() {
                let (cells, columns) = (row.len(), table.columns.len());
                return Err(Fault::Width { section, row: index + 1, cells, columns });
            }
            for (place, (column, cell)) in table.columns.iter().zip(row).enumerate() {
                let what = || format!("section {section}, row {}, column {}", index + 1, place + 1);
                self.cell(column.kind, cell, LONGEST_TEXT, what)?;
            }
        }
        totals(table).map(drop).map_err(|column| Fault::Overflow { section, column: column + 1 })
    }

    fn cell(&self, kind: Kind, cell: &Cell, longest: usize, what: impl FnOnce() -> String) -> Result<(), Fault> {
        if !kind.admits(cell) {
            return Err(Fault::Kind(what()));
        }
        match cell {
            Cell::Text(text) if is_longer(text, longest) => Err(Fault::TooLong { what: what(), most: longest }),
            Cell::Date(date) if !YEARS.contains(&date.year()) => Err(Fault::Year(what())),
            Cell::Time(time) if !YEARS.contains(&self.civil(*time).year()) => Err(Fault::Year(what())),
            _ => Ok(()),
        }
    }

    /// The day on which a moment falls in the document's zone.
    fn civil(&self, time: Timestamp) -> Date {
        self.zone.to_datetime(time).date()
    }
}

fn check_chart(section: usize, chart: &Chart) -> Result<(), Fault> {
    named(&format!("the title of the chart of section {section}"), &chart.title)?;
    name(&format!("the unit of the chart of section {section}"), &chart.unit)?;
    bounded(&format!("labels of the chart of section {section}"), chart.labels.len(), MOST_LABELS)?;
    bounded(&format!("series of the chart of section {section}"), chart.series.len(), MOST_SERIES)?;
    for label in &chart.labels {
        name(&format!("a label of the chart of section {section}"), label)?;
    }
    for (index, series) in chart.series.iter().enumerate() {
        named(&format!("the name of series {} of section {section}", index + 1), &series.name)?;
        if series.values.len() != chart.labels.len() {
            let (values, labels) = (series.values.len(), chart.labels.len());
            return Err(Fault::Values { section, series: index + 1, values, labels });
        }
    }
    Ok(())
}

fn named(what: &str, value: &str) -> Result<(), Fault> {
    if value.trim().is_empty() {
        return Err(Fault::Nameless(what.to_owned()));
    }
    name(what, value)
}

fn name(what: &str, value: &str) -> Result<(), Fault> {
    if is_longer(value, LONGEST_NAME) {
        return Err(Fault::TooLong { what: what.to_owned(), most: LONGEST_NAME });
    }
    Ok(())
}

fn text(what: &str, value: &str) -> Result<(), Fault> {
    if is_longer(value, LONGEST_TEXT) {
        return Err(Fault::TooLong { what: what.to_owned(), most: LONGEST_TEXT });
    }
    Ok(())
}

/// Whether a text has more UTF-16 units than that. A text never has more units than bytes.
fn is_longer(value: &str, longest: usize) -> bool {
    value.len() > longest && value.encode_utf16().count() > longest
}

fn year(what: &str, date: Date) -> Result<(), Fault> {
    if YEARS.contains(&date.year()) { Ok(()) } else { Err(Fault::Year(what.to_owned())) }
}

fn places(what: &str, kind: Kind) -> Result<(), Fault> {
    match kind {
        Kind::Decimal { places } if places > MOST_PLACES => Err(Fault::Places { what: what.to_owned(), places }),
        _ => Ok(()),
    }
}

fn bounded(what: &str, count: usize, most: usize) -> Result<(), Fault> {
    if count > most {
        return Err(Fault::TooMany { what: what.to_owned(), count, most });
    }
    Ok(())
}
