//! What a document holds, before anybody has decided how it is written.
//!
//! **Invariant:** all of it is data. No field is markup, a formula or a path, so no text can mean anything to
//! a writer but the text itself.

use iso_currency::Currency;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;

/// A business document.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// What it is called, in a few words. Never empty.
    pub title: String,
    /// What was asked for, such as the filter that chose the rows. May be empty.
    pub subtitle: String,
    /// Whose document it is. May be empty.
    pub organisation: String,
    /// The period that it tells of, in words. May be empty.
    pub period: String,
    /// When its rows were read. The one time in it that is not a cell.
    pub made_at: Timestamp,
    /// The zone in which times are written. It is named wherever one is.
    pub zone: TimeZone,
    /// The headline numbers, most important first.
    pub figures: Vec<Figure>,
    /// The parts, in order.
    pub sections: Vec<Section>,
}

/// A headline number.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// What is counted.
    pub label: String,
    /// How the value is written.
    pub kind: Kind,
    /// The value.
    pub value: Cell,
    /// What to compare it with, such as "+4.1 % on last year". May be empty.
    pub note: String,
}

/// A part of a document: a heading, and below it a text, a chart and a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Section {
    /// The heading. Never empty.
    pub heading: String,
    /// A few sentences. May be empty; a line feed begins a new line.
    pub text: String,
    /// A picture of the numbers.
    pub chart: Option<Chart>,
    /// The numbers. One with no columns is left out.
    pub table: Table,
}

/// Rows under named columns.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// The columns, from left to right.
    pub columns: Vec<Column>,
    /// The rows. Each is as wide as there are columns.
    pub rows: Vec<Vec<Cell>>,
}

/// A column.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// The header. A column of money has its currency added by the writer.
    pub title: String,
    /// What its cells hold, and how they are written.
    pub kind: Kind,
    /// What stands below it.
    pub total: Total,
}

impl Column {
    /// A column with nothing below it.
    #[must_use]
    pub fn new(title: impl Into<String>, kind: Kind) -> Self {
        Self { title: title.into(), kind, total: Total::Nothing }
    }

    /// The same column with its sum below it.
    #[must_use]
    pub fn summed(self) -> Self {
        Self { total: Total::Sum, ..self }
    }
}

/// What stands below a column. A table of which any column has something there gets a row of totals.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Total {
    /// Nothing.
    #[default]
    Nothing,
    /// The sum of its cells, in which an empty one is nothing. Only integers, decimals and money add up.
    Sum,
    /// A value that whoever made the document worked out, such as a margin over all rows.
    Given(Cell),
}

/// What a column or a figure holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Words.
    Text,
    /// A whole number.
    Integer,
    /// A number with so many decimal places, 0 to 12.
    Decimal {
        /// The places that are shown.
        places: u8,
    },
    /// An amount, shown with the decimals of its currency.
    Money {
        /// The currency.
        currency: Currency,
    },
    /// A share, of which 1 is the whole: 0.25 is written 25.0 %.
    Percent,
    /// A day.
    Date,
    /// A moment, shown to the minute in the document's zone.
    Time,
}

impl Kind {
    /// The decimal places that are shown of a number.
    #[must_use]
    pub fn places(self) -> u32 {
        match self {
            Self::Decimal { places } => u32::from(places),
            Self::Money { currency } => currency.exponent().map_or(2, u32::from),
            Self::Percent => 1,
            Self::Text | Self::Integer | Self::Date | Self::Time => 0,
        }
    }

    /// Whether it is aligned to the right.
    pub(crate) fn is_number(self) -> bool {
        matches!(self, Self::Integer | Self::Decimal { .. } | Self::Money { .. } | Self::Percent)
    }

    /// Whether a sum of it means anything.
    pub(crate) fn adds_up(self) -> bool {
        matches!(self, Self::Integer | Self::Decimal { .. } | Self::Money { .. })
    }

    /// Whether a cell is of this kind. An empty one is of every kind.
    pub(crate) fn admits(self, cell: &Cell) -> bool {
        match cell {
            Cell::Empty => true,
            Cell::Text(_) => self == Self::Text,
            Cell::Integer(_) => self == Self::Integer,
            Cell::Decimal(_) => matches!(self, Self::Decimal { .. } | Self::Money { .. } | Self::Percent),
            Cell::Date(_) => self == Self::Date,
            Cell::Time(_) => self == Self::Time,
        }
    }
}

/// A value.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Cell {
    /// No value.
    #[default]
    Empty,
    /// Words.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A number, an amount in its currency's main unit, or a share.
    Decimal(Decimal),
    /// A day.
    Date(Date),
    /// A moment.
    Time(Timestamp),
}

/// How a chart is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChartKind {
    /// Bars side by side, for amounts of separate things.
    Bars,
    /// Lines, for what goes on over time.
    Lines,
}

/// A chart: a number of each series for each label.
#[derive(Clone, Debug, PartialEq)]
pub struct Chart {
    /// How it is drawn.
    pub kind: ChartKind,
    /// What it shows. Never empty.
    pub title: String,
    /// The unit of the values, written at the axis. May be empty.
    pub unit: String,
    /// What stands along the horizontal axis.
    pub labels: Vec<String>,
    /// The series, each with as many values as there are labels.
    pub series: Vec<Series>,
}

impl Chart {
    /// Whether there is anything to draw. A chart without a value is left out.
    pub(crate) fn has_values(&self) -> bool {
        self.series.iter().flat_map(|series| &series.values).any(Option::is_some)
    }
}

/// A row of numbers in a chart.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Its name in the legend.
    pub name: String,
    /// Its values. Where there is none, nothing is drawn.
    pub values: Vec<Option<Decimal>>,
}
