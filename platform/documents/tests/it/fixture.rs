//! Documents to write.
//!
//! **Invariant:** each is the same in every run.

use entrepot_documents::{
    Cell, Chart, ChartKind, Column, Currency, Document, Figure, Kind, Section, Series, Table, Total,
};
use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use rust_decimal::Decimal;

pub(crate) const MONEY: Kind = Kind::Money { currency: Currency::EUR };

/// Texts that some language or other would read as more than a text.
pub(crate) const HOSTILE: [&str; 12] = [
    "#read(\"/etc/passwd\")",
    "*bold* _slanted_ $x$",
    "=1+1",
    "=HYPERLINK(\"http://example.org\",\"click\")",
    "+SUM(A1)",
    "-2+3",
    "@SUM(A1)",
    "{=cmd|' /C calc'!A0}",
    "<b>&amp;</b>",
    "http://example.org/a",
    "\\input{/etc/passwd}",
    "(a) Tj /JS <</S/Launch>> _x0041_",
];

pub(crate) fn text(text: &str) -> Cell {
    Cell::Text(text.to_owned())
}

pub(crate) fn decimal(number: &str) -> Cell {
    Cell::Decimal(number.parse().expect("a decimal"))
}

pub(crate) fn day(index: usize) -> Date {
    date(2026, 1, 1).saturating_add(jiff::Span::new().days(i64::try_from(index).expect("a few days")))
}

pub(crate) fn document(sections: Vec<Section>) -> Document {
    Document {
        title: "Sales report".to_owned(),
        subtitle: "All stores".to_owned(),
        organisation: "Entrepot & Sons".to_owned(),
        period: "March 2026".to_owned(),
        made_at: "2026-04-01T06:15:30Z".parse().expect("a time"),
        zone: TimeZone::fixed(jiff::tz::offset(2)),
        figures: vec![Figure {
            label: "Revenue".to_owned(),
            kind: MONEY,
            value: decimal("1234.5"),
            note: "+2%".to_owned(),
        }],
        sections,
    }
}

pub(crate) fn section(heading: &str, columns: Vec<Column>, rows: Vec<Vec<Cell>>) -> Section {
    Section { heading: heading.to_owned(), text: String::new(), chart: None, table: Table { columns, rows } }
}

/// A section with a column of each kind and so many rows.
pub(crate) fn days(rows: usize) -> Section {
    let columns = vec![
        Column::new("Day", Kind::Date),
        Column::new("Store", Kind::Text),
        Column::new("Orders", Kind::Integer).summed(),
        Column::new("Revenue", MONEY).summed(),
        Column { total: Total::Given(decimal("0.125")), ..Column::new("Margin", Kind::Percent) },
        Column::new("Weight", Kind::Decimal { places: 3 }).summed(),
        Column::new("Closed", Kind::Time),
    ];
    let row = |index: usize| {
        let number = i64::try_from(index).expect("a few rows");
        let closed = day(index).at(22, 30, 0, 0).to_zoned(TimeZone::UTC).expect("a time").timestamp();
        vec![
            Cell::Date(day(index)),
            text(&format!("Store {index}")),
            Cell::Integer(number),
            Cell::Decimal(Decimal::new(number * 10 + 1, 2)),
            decimal("0.25"),
            if index == 1 { Cell::Empty } else { decimal("0.5") },
            Cell::Time(closed),
        ]
    };
    section("Days", columns, (0..rows).map(row).collect())
}

/// A section that has a chart and no table.
pub(crate) fn charted(kind: ChartKind) -> Section {
    let series = |name: &str, values: [Option<i64>; 3]| Series {
        name: name.to_owned(),
        values: values.map(|value| value.map(Decimal::from)).to_vec(),
    };
    let chart = Chart {
        kind,
        title: "Revenue of stores".to_owned(),
        unit: "EUR".to_owned(),
        labels: ["Oslo", "Bergen", "Ωμέγα"].map(str::to_owned).to_vec(),
        series: vec![series("2025", [Some(10), None, Some(30)]), series("2026", [Some(-5), Some(25), Some(35)])],
    };
    Section { chart: Some(chart), text: "Bergen was closed.".to_owned(), ..section("Stores", Vec::new(), Vec::new()) }
}
