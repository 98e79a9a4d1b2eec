//! How amounts, times and counts are written in letters.
//!
//! **Invariant:** the same value is written the same way in the text and in the HTML.
#![expect(unreachable_pub, reason = "the engine's attribute writes pub before what it makes of a function")]

use askama::{Result, Values, filter_fn};
use entrepot_contracts::Money;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// `EUR 1,234.50`.
#[filter_fn]
pub(super) fn money(money: &Money, _: &dyn Values) -> Result<String> {
    Ok(amount(*money))
}

/// `Tuesday, 3 March 2026`.
#[filter_fn]
pub(super) fn day(date: &Date, _: &dyn Values) -> Result<String> {
    Ok(date.strftime("%A, %-d %B %Y").to_string())
}

/// `3 March 2026, 14:05 UTC`.
#[filter_fn]
pub(super) fn moment(at: &Timestamp, _: &dyn Values) -> Result<String> {
    Ok(at.to_zoned(TimeZone::UTC).strftime("%-d %B %Y, %H:%M UTC").to_string())
}

/// `90 minutes`, `2 hours`, `3 days`.
#[filter_fn]
pub(super) fn span(minutes: &u32, _: &dyn Values) -> Result<String> {
    Ok(time_span(*minutes))
}

fn amount(money: Money) -> String {
    let written = money.amount().to_string();
    let (whole, decimals) = match written.split_once('.') {
        Some((whole, decimals)) => (whole, format!(".{decimals}")),
        None => (written.as_str(), String::new()),
    };
    let mut grouped = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{} {grouped}{decimals}", money.currency())
}

fn time_span(minutes: u32) -> String {
    let (count, unit) = match minutes {
        0 => (0, "minute"),
        whole if whole.is_multiple_of(24 * 60) => (whole / (24 * 60), "day"),
        whole if whole.is_multiple_of(60) => (whole / 60, "hour"),
        other => (other, "minute"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_grouped_and_keep_their_currencys_decimals() {
        for (number, currency, wanted) in [
            ("0", "EUR", "EUR 0.00"),
            ("999.5", "EUR", "EUR 999.50"),
            ("1234.5", "EUR", "EUR 1,234.50"),
            ("123456", "JPY", "JPY 123,456"),
            ("999999999999.125", "KWD", "KWD 999,999,999,999.125"),
        ] {
            let money = Money::parse(number, currency.parse().expect("a currency")).expect("an amount");
            assert_eq!(amount(money), wanted);
        }
    }

    #[test]
    fn spans_are_in_the_largest_unit_that_is_whole() {
        for (minutes, wanted) in [
            (0, "0 minutes"),
            (1, "1 minute"),
            (30, "30 minutes"),
            (60, "1 hour"),
            (90, "90 minutes"),
            (180, "3 hours"),
            (1_440, "1 day"),
            (4_320, "3 days"),
        ] {
            assert_eq!(time_span(minutes), wanted);
        }
    }
}
