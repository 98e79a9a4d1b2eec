//! Which documents are refused, and in which words.
//!
//! **Invariant:** each fault is made by one change to a document that is written.

use entrepot_documents::{
    Cell, Column, Document, Fault, Figure, Kind, LONGEST_NAME, LONGEST_TEXT, MOST_COLUMNS, MOST_FIGURES, MOST_LABELS,
    MOST_ROWS, MOST_SECTIONS, MOST_SERIES, Series, Total, WriteError, excel, pdf,
};
use jiff::civil::date;
use rust_decimal::Decimal;

use crate::fixture::{charted, days, decimal, document, section, text};

fn whole() -> Document {
    document(vec![days(3), charted(entrepot_documents::ChartKind::Bars)])
}

/// A change to a document, and what is said of it.
type Change = (fn(&mut Document), &'static str);

#[test]
fn each_fault_is_found_and_named() {
    assert_eq!(whole().check(), Ok(()));
    let changes: [Change; 24] = [
        (|d| d.title = " ".to_owned(), "the title is empty"),
        (|d| d.period = "x".repeat(LONGEST_NAME + 1), "the period is longer than 200"),
        (|d| d.organisation = "😀".repeat(LONGEST_NAME / 2 + 1), "the organisation is longer than 200"),
        (|d| d.subtitle = "x".repeat(LONGEST_TEXT + 1), "the subtitle is longer than 32767"),
        (|d| d.made_at = jiff::Timestamp::MIN, "the time at which it was made is outside of the years 1900 to 9999"),
        (|d| d.figures = vec![figure(); MOST_FIGURES + 1], "figures: 25, and at most 24 fit"),
        (|d| d.figures[0].value = text("a lot"), "figure 1 is of another kind than its place"),
        (|d| d.figures[0].label.clear(), "the label of figure 1 is empty"),
        (|d| d.figures[0].kind = Kind::Decimal { places: 13 }, "figure 1: 13 decimal places, and at most 12 are shown"),
        (|d| d.sections = vec![days(0); MOST_SECTIONS + 1], "sections: 51, and at most 50 fit"),
        (|d| d.sections[0].heading.clear(), "the heading of section 1 is empty"),
        (
            |d| d.sections[0].table.columns = vec![Column::new("x", Kind::Text); MOST_COLUMNS + 1],
            "columns of section 1: 65, and at most 64 fit",
        ),
        (
            |d| d.sections[0] = section("x", vec![Column::new("x", Kind::Text)], vec![Vec::new(); MOST_ROWS + 1]),
            "rows of section 1: 1048575, and at most 1048574 fit",
        ),
        (
            |d| d.sections[0] = section("x", vec![Column::new("x", Kind::Text); 5], vec![Vec::new(); 400_001]),
            "cells: 2000005, and at most 2000000 fit",
        ),
        (|d| d.sections[0].table.rows[1].truncate(6), "section 1, row 2: 6 cells under 7 columns"),
        (
            |d| d.sections[0].table.rows[2][3] = Cell::Integer(1),
            "section 1, row 3, column 4 is of another kind than its place",
        ),
        (
            |d| d.sections[0].table.rows[0][1] = text(&"x".repeat(LONGEST_TEXT + 1)),
            "section 1, row 1, column 2 is longer than 32767",
        ),
        (
            |d| d.sections[0].table.rows[0][0] = Cell::Date(date(1899, 12, 31)),
            "section 1, row 1, column 1 is outside of the years 1900 to 9999",
        ),
        (|d| d.sections[0].table.columns[4].total = Total::Sum, "section 1, column 5: its kind has no sum"),
        (|d| overflow(d, 2, &Cell::Integer(i64::MAX)), "section 1, column 3: the sum is too large"),
        (|d| overflow(d, 3, &Cell::Decimal(Decimal::MAX)), "section 1, column 4: the sum is too large"),
        // The sum has room, but not all of its digits have.
        (|d| overflow(d, 3, &decimal("7922816251426433759354395033.5")), "section 1, column 4: the sum is too large"),
        (|d| chart(d).series[1].values.truncate(2), "section 2, series 2: 2 values for 3 labels"),
        (
            |d| chart(d).labels = vec![String::new(); MOST_LABELS + 1],
            "labels of the chart of section 2: 401, and at most 400 fit",
        ),
    ];
    for (change, wanted) in changes {
        let mut document = whole();
        change(&mut document);
        let fault = document.check().expect_err(wanted);
        assert_eq!(fault.to_string(), wanted);
    }
    let mut document = whole();
    let series = chart(&mut document).series[0].clone();
    chart(&mut document).series = vec![Series { ..series }; MOST_SERIES + 1];
    assert!(matches!(document.check(), Err(Fault::TooMany { count: 9, most: MOST_SERIES, .. })));
}

#[test]
fn neither_writer_writes_what_has_a_fault() {
    let mut document = whole();
    document.title.clear();
    assert!(matches!(excel(&document), Err(WriteError::Fault(Fault::Nameless(_)))));
    assert!(matches!(pdf(&document), Err(WriteError::Fault(Fault::Nameless(_)))));
}

fn figure() -> Figure {
    Figure { label: "x".to_owned(), kind: Kind::Integer, value: Cell::Empty, note: String::new() }
}

fn chart(document: &mut Document) -> &mut entrepot_documents::Chart {
    document.sections[1].chart.as_mut().expect("a chart")
}

/// Puts a large number in a column, and then a small one.
fn overflow(document: &mut Document, column: usize, large: &Cell) {
    let rows = &mut document.sections[0].table.rows;
    rows[0][column] = large.clone();
    rows[1][column] = match large {
        Cell::Integer(_) => Cell::Integer(1),
        _ => decimal("1.001"),
    };
}
