//! How cells look in the workbook, and how a value gets into one.
//!
//! **Invariants:**
//! - A text goes in as a string, and one that a reader could turn into a formula by editing its cell is marked
//!   as a text to Excel too.
//! - A number goes in only if Excel keeps all the digits that are shown of it.

use rust_decimal::Decimal;
use rust_xlsxwriter::{Color, ExcelDateTime, Format, FormatAlign, FormatBorder, Worksheet};

use crate::colours::{ACCENT, BAND, Colour, INK, QUIET, RULE};
use crate::document::{Cell, Kind};
use crate::error::WriteError;
use crate::shown;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// The digits of a number that Excel keeps are 15, so this is the first that has more.
const TOO_MANY_DIGITS: u128 = 1_000_000_000_000_000;

/// The size of the title.
pub(super) const TITLE: f64 = 22.0;
/// How much of a line is filled where a text takes several.
const FILLED: f64 = 0.85;
/// The highest row that Excel has, in points.
const HIGHEST: f64 = 409.0;

pub(super) fn colour(colour: Colour) -> Color {
    Color::RGB(colour.0)
}

/// Words in a size.
pub(super) fn words(size: f64, ink: Colour) -> Format {
    Format::new().set_font_size(size).set_font_color(colour(ink)).set_align(FormatAlign::VerticalCenter)
}

/// The organisation above the title.
pub(super) fn organisation() -> Format {
    words(11.0, ACCENT).set_bold()
}

/// The title of the workbook.
pub(super) fn title() -> Format {
    words(TITLE, INK).set_bold()
}

/// A heading within a sheet.
pub(super) fn heading() -> Format {
    words(14.0, INK).set_bold()
}

/// A line that explains.
pub(super) fn quiet() -> Format {
    words(11.0, QUIET)
}

/// A text over several lines.
pub(super) fn prose() -> Format {
    words(11.0, INK).set_text_wrap().set_align(FormatAlign::Top)
}

/// A header of a column.
pub(super) fn header(is_number: bool) -> Format {
    Format::new()
        .set_bold()
        .set_font_color(Color::White)
        .set_background_color(colour(ACCENT))
        .set_text_wrap()
        .set_align(FormatAlign::VerticalCenter)
        .set_align(if is_number { FormatAlign::Right } else { FormatAlign::Left })
        // At the right end is the button of the filter.
        .set_indent(if is_number { 2 } else { 1 })
}

/// A cell of a table.
pub(super) fn cell(kind: Kind) -> Format {
    let format = Format::new()
        .set_font_color(colour(INK))
        .set_align(FormatAlign::Top)
        .set_border_bottom(FormatBorder::Thin)
        .set_border_bottom_color(colour(RULE));
    match kind {
        Kind::Text => format.set_text_wrap().set_align(FormatAlign::Left).set_indent(1),
        Kind::Date | Kind::Time => {
            format.set_num_format(number_format(kind)).set_align(FormatAlign::Left).set_indent(1)
        }
        _ => format.set_num_format(number_format(kind)).set_align(FormatAlign::Right),
    }
}

/// A cell of the row of totals.
pub(super) fn total(kind: Kind) -> Format {
    cell(kind)
        .set_bold()
        .set_background_color(colour(BAND))
        .set_border_top(FormatBorder::Medium)
        .set_border_top_color(colour(ACCENT))
}

/// A headline number: as in a table, larger, and with its currency.
pub(super) fn figure(kind: Kind) -> Format {
    let format = cell(kind).set_bold().set_font_size(13).set_align(FormatAlign::Right);
    match kind {
        Kind::Money { currency } => {
            format.set_num_format(format!("[${}]\u{A0}{}", currency.code(), number_format(kind)))
        }
        Kind::Text => format.unset_text_wrap().set_shrink(),
        _ => format,
    }
}

/// The format code of a kind.
pub(super) fn number_format(kind: Kind) -> String {
    let places = |whole: &str| match usize::try_from(kind.places()).unwrap_or(0) {
        0 => whole.to_owned(),
        places => format!("{whole}.{}", "0".repeat(places)),
    };
    match kind {
        Kind::Text => "@".to_owned(),
        Kind::Integer | Kind::Decimal { .. } | Kind::Money { .. } => places("#,##0"),
        Kind::Percent => format!("{}%", places("0")),
        Kind::Date => "yyyy-mm-dd".to_owned(),
        Kind::Time => "yyyy-mm-dd hh:mm".to_owned(),
    }
}

/// How high a row is with a text of this size in a cell of this width in characters, in points.
///
/// It is a guess, as only Excel knows its fonts: merged cells and other programs need one.
pub(super) fn height(text: &str, size: f64, width: f64) -> f64 {
    let fit = (width * 11.0 / size).max(1.0);
    let lines = |line: &str| match shown::length(line) {
        length if length <= fit => 1.0,
        // Words that do not fit on a line leave some of it free.
        length => (length / (fit * FILLED)).ceil(),
    };
    let lines: f64 = text.split('\n').map(lines).sum();
    (lines * size * 1.36).min(HIGHEST)
}

/// A value on its way into a cell.
pub(super) struct Put<'a> {
    pub(super) row: u32,
    pub(super) column: u16,
    pub(super) kind: Kind,
    pub(super) value: &'a Cell,
    pub(super) zone: &'a TimeZone,
}

impl Put<'_> {
    /// Writes it: a number with more digits than Excel keeps as a text, which has them all. Tells whether it is what it
    /// was.
    pub(super) fn write(&self, sheet: &mut Worksheet, format: &Format) -> Result<bool, WriteError> {
        let &Self { row, column, kind, value, zone } = self;
        match value {
            Cell::Empty => sheet.write_blank(row, column, format)?,
            Cell::Text(text) => return put_text(sheet, row, column, text, format).map(|()| true),
            Cell::Integer(_) | Cell::Decimal(_) => {
                let Some(number) = exact(kind, value) else {
                    let format = format.clone().set_align(FormatAlign::Right);
                    return put_text(sheet, row, column, &shown::cell(kind, value, zone), &format).map(|()| false);
                };
                sheet.write_number_with_format(row, column, number, format)?
            }
            Cell::Date(date) => {
                let moment = moment(date.at(0, 0, 0, 0))?;
                sheet.write_datetime_with_format(row, column, &moment, format)?
            }
            Cell::Time(time) => {
                let moment = moment(zone.to_datetime(*time))?;
                sheet.write_datetime_with_format(row, column, &moment, format)?
            }
        };
        Ok(true)
    }
}

/// Writes a text as a text.
pub(super) fn put_text(
    sheet: &mut Worksheet,
    row: u32,
    column: u16,
    text: &str,
    format: &Format,
) -> Result<(), WriteError> {
    let text = shown::clean(text);
    if text.starts_with(['=', '+', '-', '@']) {
        sheet.write_string_with_format(row, column, text, &format.clone().set_quote_prefix())?;
    } else {
        sheet.write_string_with_format(row, column, text, format)?;
    }
    Ok(())
}

/// A number as Excel holds it, if it keeps all the digits that are shown.
pub(super) fn exact(kind: Kind, value: &Cell) -> Option<f64> {
    let (value, places) = match value {
        Cell::Integer(value) => (Decimal::from(*value), 0),
        // A percentage shows two places more of the share itself.
        Cell::Decimal(value) if kind == Kind::Percent => (*value, kind.places() + 2),
        Cell::Decimal(value) => (*value, kind.places()),
        _ => return None,
    };
    number(value, places)
}

/// The same for a number with so many places.
pub(super) fn number(value: Decimal, places: u32) -> Option<f64> {
    let digits = shown::round(value, places).normalize().mantissa().unsigned_abs();
    (digits < TOO_MANY_DIGITS).then(|| nearest(value)).flatten()
}

/// The nearest number that Excel holds, whatever digits are lost.
pub(super) fn nearest(value: Decimal) -> Option<f64> {
    // Through its text, because that is the way to the nearest double.
    value.to_string().parse().ok()
}

/// A moment on Excel's calendar, which has no zones.
fn moment(time: DateTime) -> Result<ExcelDateTime, WriteError> {
    let date = time.date();
    let part = |part: i8| u8::try_from(part).unwrap_or(0);
    let day = ExcelDateTime::from_ymd(u16::try_from(date.year()).unwrap_or(0), part(date.month()), part(date.day()))?;
    let hour = u16::try_from(time.hour()).unwrap_or(0);
    Ok(day.and_hms(hour, part(time.minute()), f64::from(time.second()))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use iso_currency::Currency;

    #[test]
    fn money_has_the_decimals_of_its_currency() {
        for (currency, wanted) in [(Currency::EUR, "#,##0.00"), (Currency::JPY, "#,##0"), (Currency::KWD, "#,##0.000")]
        {
            assert_eq!(number_format(Kind::Money { currency }), wanted);
        }
        assert_eq!(number_format(Kind::Percent), "0.0%");
    }

    #[test]
    fn a_number_is_no_number_when_digits_that_are_shown_would_be_lost() {
        let decimal = |text: &str| Cell::Decimal(text.parse().expect("a decimal"));
        let money = Kind::Money { currency: Currency::EUR };
        assert_eq!(exact(Kind::Integer, &Cell::Integer(999_999_999_999_999)), Some(999_999_999_999_999.0));
        assert_eq!(exact(Kind::Integer, &Cell::Integer(1_000_000_000_000_001)), None);
        assert_eq!(exact(Kind::Integer, &Cell::Integer(i64::MIN)), None);
        assert_eq!(exact(money, &decimal("9999999999999.99")), Some(9_999_999_999_999.99));
        assert_eq!(exact(money, &decimal("99999999999999.99")), None);
        // Digits that are not shown may go.
        assert_eq!(exact(money, &decimal("0.3333333333333333333333333333")), Some(1.0 / 3.0));
        assert_eq!(exact(money, &decimal("0.10")), Some(0.1));
    }
}
