//! How a value is written for people: `1,234.50`, `12.5%`, `2026-03-01 14:05`.
//!
//! **Invariants:**
//! - A number is rounded half away from zero, as calculators and spreadsheets show it, and a zero has no sign.
//! - What [`clean`] returns has no control character but the line feed.

use std::borrow::Cow;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rust_decimal::{Decimal, RoundingStrategy};

use crate::document::{Cell, Column, Document, Kind};

/// The minus sign, which is as wide as a figure; a hyphen is not.
const MINUS: char = '\u{2212}';

/// A value as it stands in a table.
pub(crate) fn cell(kind: Kind, cell: &Cell, zone: &TimeZone) -> String {
    match cell {
        Cell::Empty => String::new(),
        Cell::Text(text) => clean(text).into_owned(),
        Cell::Integer(value) => number(Decimal::from(*value), 0),
        Cell::Decimal(value) if kind == Kind::Percent => share(*value),
        Cell::Decimal(value) => number(*value, kind.places()),
        Cell::Date(date) => date.to_string(),
        Cell::Time(time) => moment(*time, zone),
    }
}

/// A value as it stands alone, where no header names its currency.
#[cfg(any(feature = "pdf", test))]
pub(crate) fn alone(kind: Kind, value: &Cell, zone: &TimeZone) -> String {
    match (kind, value) {
        (_, Cell::Empty) => "\u{2013}".to_owned(),
        (Kind::Money { currency }, value) => format!("{}\u{A0}{}", currency.code(), cell(kind, value, zone)),
        (_, value) => cell(kind, value, zone),
    }
}

/// A header, with the currency or the zone of what stands below it.
pub(crate) fn header(column: &Column, zone: &TimeZone) -> String {
    let title = line(&column.title);
    match column.kind {
        Kind::Money { currency } => format!("{title} ({})", currency.code()),
        Kind::Time => format!("{title} ({})", zone_name(zone)),
        _ => title,
    }
}

/// A moment to the minute.
pub(crate) fn moment(time: Timestamp, zone: &TimeZone) -> String {
    zone.to_datetime(time).strftime("%Y-%m-%d %H:%M").to_string()
}

/// What a zone is called.
pub(crate) fn zone_name(zone: &TimeZone) -> String {
    if let Some(name) = zone.iana_name() {
        return name.to_owned();
    }
    zone.to_fixed_offset().map_or_else(|_| "local time".to_owned(), |offset| format!("UTC{offset}"))
}

/// When a document was made, in words.
pub(crate) fn made(document: &Document) -> String {
    format!("Made {} ({})", moment(document.made_at, &document.zone), zone_name(&document.zone))
}

/// How many characters a text has.
pub(crate) fn length(text: &str) -> f64 {
    u32::try_from(text.chars().count()).map_or(f64::MAX, f64::from)
}

/// A number with so many places and its thousands set apart.
pub(crate) fn number(value: Decimal, places: u32) -> String {
    let rounded = round(value, places);
    let plain = format!("{:.*}", usize::try_from(places).unwrap_or(0), rounded.abs());
    let (whole, fraction) = plain.split_once('.').map_or((plain.as_str(), None), |(whole, rest)| (whole, Some(rest)));
    let mut written = String::with_capacity(plain.len() + plain.len() / 3 + 1);
    if rounded.is_sign_negative() && !rounded.is_zero() {
        written.push(MINUS);
    }
    for (index, digit) in whole.char_indices() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            written.push(',');
        }
        written.push(digit);
    }
    if let Some(fraction) = fraction {
        written.push('.');
        written.push_str(fraction);
    }
    written
}

/// A share as a percentage.
fn share(value: Decimal) -> String {
    let places = Kind::Percent.places();
    // A share is moved by two places rather than multiplied, so that the largest one has room too.
    let whole = round(value, places + 2).checked_mul(Decimal::ONE_HUNDRED);
    whole.map_or_else(|| format!("{} \u{D7} 100%", number(value, 0)), |whole| format!("{}%", number(whole, places)))
}

/// The value that is shown, for a text that tells one.
#[must_use]
pub fn rounded(value: Decimal, places: u32) -> Decimal {
    round(value, places)
}

pub(crate) fn round(value: Decimal, places: u32) -> Decimal {
    value.round_dp_with_strategy(places, RoundingStrategy::MidpointAwayFromZero)
}

/// A text without control characters: a tab and the like become spaces, all ends of lines a line feed.
pub(crate) fn clean(text: &str) -> Cow<'_, str> {
    let is_odd = |char: char| {
        char != '\n' && (char.is_control() || matches!(char, '\u{2028}' | '\u{2029}' | '\u{FFFE}' | '\u{FFFF}'))
    };
    if !text.contains(is_odd) {
        return Cow::Borrowed(text);
    }
    let unix = text.replace("\r\n", "\n");
    let swapped = unix.chars().map(|char| match char {
        '\r' | '\u{B}' | '\u{C}' | '\u{85}' | '\u{2028}' | '\u{2029}' => '\n',
        char if is_odd(char) => ' ',
        char => char,
    });
    Cow::Owned(swapped.collect())
}

/// A text on one line.
pub(crate) fn line(text: &str) -> String {
    clean(text).trim().split('\n').map(str::trim).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use iso_currency::Currency;
    use jiff::civil::date;

    use super::*;

    fn decimal(text: &str) -> Decimal {
        text.parse().expect("a decimal")
    }

    #[test]
    fn numbers_are_grouped_and_rounded() {
        for (value, places, wanted) in [
            ("0", 0, "0"),
            ("999", 0, "999"),
            ("1000", 0, "1,000"),
            ("1234567.895", 2, "1,234,567.90"),
            ("-1234.5", 0, "\u{2212}1,235"),
            ("-0.004", 2, "0.00"),
            ("2.5", 0, "3"),
            ("7", 2, "7.00"),
            ("79228162514264337593543950335", 0, "79,228,162,514,264,337,593,543,950,335"),
        ] {
            assert_eq!(number(decimal(value), places), wanted, "{value}");
        }
        let mut nothing = Decimal::ZERO;
        nothing.set_sign_negative(true);
        assert_eq!(number(nothing, 1), "0.0");
        assert_eq!(cell(Kind::Integer, &Cell::Integer(i64::MIN), &TimeZone::UTC), "\u{2212}9,223,372,036,854,775,808");
    }

    #[test]
    fn shares_are_percentages() {
        for (value, wanted) in [("0.25", "25.0%"), ("-0.0335", "\u{2212}3.4%"), ("1", "100.0%"), ("0.00049", "0.0%")] {
            assert_eq!(share(decimal(value)), wanted, "{value}");
        }
        assert_eq!(share(Decimal::MAX), "79,228,162,514,264,337,593,543,950,335 \u{D7} 100%");
    }

    #[test]
    fn a_currency_decides_the_places_and_is_named_once() {
        let zone = TimeZone::UTC;
        for (currency, wanted) in [(Currency::NOK, "1,234.50"), (Currency::JPY, "1,235"), (Currency::KWD, "1,234.500")]
        {
            let kind = Kind::Money { currency };
            let value = Cell::Decimal(decimal("1234.5"));
            assert_eq!(cell(kind, &value, &zone), wanted);
            assert_eq!(alone(kind, &value, &zone), format!("{}\u{A0}{wanted}", currency.code()));
            assert_eq!(header(&Column::new("Revenue", kind), &zone), format!("Revenue ({})", currency.code()));
        }
    }

    #[test]
    fn moments_are_in_the_zone_that_the_header_names() {
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        let time = date(2026, 2, 28).at(22, 30, 0, 0).to_zoned(TimeZone::UTC).expect("a time").timestamp();
        assert_eq!(cell(Kind::Time, &Cell::Time(time), &zone), "2026-03-01 00:30");
        assert_eq!(header(&Column::new("Placed", Kind::Time), &zone), "Placed (UTC+02)");
        assert_eq!(zone_name(&TimeZone::UTC), "UTC");
    }

    #[test]
    fn control_characters_are_not_passed_on() {
        assert_eq!(clean("a\tb\0c\u{1B}[31m\u{9B}d\u{FFFE}"), "a b c [31m d ");
        assert_eq!(clean("a\r\nb\rc\u{2028}d\ne"), "a\nb\nc\nd\ne");
        assert_eq!(line(" a \r\n b "), "a b");
        assert!(matches!(clean("plain, æøå Ω Ж\n"), Cow::Borrowed(_)));
    }
}
