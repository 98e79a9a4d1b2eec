//! Days and periods, and reading the days that an event tells of. Pure.
//!
//! **Invariant:** a week begins on Monday (ISO 8601); weeks and months are whole.

use entrepot_contracts::{Number, SalesFigures};
use jiff::Span;
use jiff::civil::Date;
use serde_json::Value;

/// What is summed together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PeriodKind {
    Day,
    Week,
    Month,
}

/// A day, a week or a month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Period {
    pub(crate) kind: PeriodKind,
    pub(crate) first: Date,
    pub(crate) last: Date,
}

impl Period {
    /// The one that a day lies in.
    pub(crate) fn around(kind: PeriodKind, day: Date) -> Self {
        let (first, last) = match kind {
            PeriodKind::Day => (day, day),
            PeriodKind::Week => {
                let monday = day.saturating_sub(Span::new().days(i64::from(day.weekday().to_monday_zero_offset())));
                (monday, monday.saturating_add(Span::new().days(6)))
            }
            PeriodKind::Month => (day.first_of_month(), day.last_of_month()),
        };
        Self { kind, first, last }
    }

    /// The one before it.
    pub(crate) fn before(self) -> Self {
        Self::around(self.kind, self.first.saturating_sub(Span::new().days(1)))
    }
}

/// A day as an event tells of it: what was sold, or that nothing is known of it any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ToldDay {
    pub(crate) day: Date,
    pub(crate) figures: Option<SalesFigures>,
}

/// Why the days of an event cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error("{year}-{month} is no month")]
    Month { year: i16, month: i16 },
    #[error("the event does not tell its days")]
    NoDays,
    #[error("{0:?} is no day of the month")]
    Day(String),
    #[error("day {day}: {field} is no number")]
    Number { day: String, field: &'static str },
}

/// The first day of a month.
pub(crate) fn first_of(year: i16, month: i16) -> Result<Date, Unreadable> {
    let first = i8::try_from(month).ok().and_then(|month| Date::new(year, month, 1).ok());
    first.ok_or(Unreadable::Month { year, month })
}

/// All days of a month, as of one that was deleted.
pub(crate) fn all_gone(first: Date) -> Vec<ToldDay> {
    first
        .series(Span::new().days(1))
        .take(usize::try_from(first.days_in_month()).unwrap_or(0))
        .map(|day| ToldDay { day, figures: None })
        .collect()
}

/// The days of a month that an event tells of, in their order.
pub(crate) fn read_days(first: Date, days: Option<&Value>) -> Result<Vec<ToldDay>, Unreadable> {
    let days = days.and_then(Value::as_object).ok_or(Unreadable::NoDays)?;
    let mut read = Vec::with_capacity(days.len());
    for (name, fields) in days {
        let no_day = || Unreadable::Day(name.clone());
        let day: i8 = name.parse().map_err(|_| no_day())?;
        let day = Date::new(first.year(), first.month(), day).map_err(|_| no_day())?;
        let figures = match fields {
            Value::Null => None,
            Value::Object(_) => Some(read_figures(name, fields)?),
            _ => return Err(no_day()),
        };
        read.push(ToldDay { day, figures });
    }
    read.sort_by_key(|told| told.day);
    // "1" and "01" are one day: a statement cannot write it twice.
    match read.windows(2).find(|pair| pair[0].day == pair[1].day) {
        Some(pair) => Err(Unreadable::Day(pair[0].day.to_string())),
        None => Ok(read),
    }
}

fn read_figures(day: &str, fields: &Value) -> Result<SalesFigures, Unreadable> {
    let number = |field: &'static str| match fields.get(field) {
        None => Ok(Number::default()),
        Some(value) => {
            value.as_number().and_then(Number::read).ok_or_else(|| Unreadable::Number { day: day.to_owned(), field })
        }
    };
    Ok(SalesFigures {
        sales: number("sales")?,
        transactions: number("transactions")?,
        customers: number("customers")?,
        units: number("units")?,
        discount: number("discount")?,
    })
}

#[cfg(test)]
mod tests {
    use rust_decimal::Decimal;
    use serde_json::json;

    use super::*;

    fn date(text: &str) -> Date {
        text.parse().expect("a date")
    }

    #[test]
    fn periods_are_whole_and_follow_each_other() {
        for (kind, day, first, last, before) in [
            (PeriodKind::Day, "2024-03-01", "2024-03-01", "2024-03-01", "2024-02-29"),
            (PeriodKind::Week, "2024-12-31", "2024-12-30", "2025-01-05", "2024-12-23"),
            (PeriodKind::Week, "2025-01-05", "2024-12-30", "2025-01-05", "2024-12-23"),
            (PeriodKind::Week, "2025-01-06", "2025-01-06", "2025-01-12", "2024-12-30"),
            (PeriodKind::Month, "2024-02-29", "2024-02-01", "2024-02-29", "2024-01-01"),
            (PeriodKind::Month, "2025-01-31", "2025-01-01", "2025-01-31", "2024-12-01"),
        ] {
            let period = Period::around(kind, date(day));
            assert_eq!((period.first, period.last), (date(first), date(last)), "{day}");
            assert_eq!(period.before().first, date(before), "{day}");
            assert_eq!(period.before().last.tomorrow().expect("a day"), period.first, "{day}");
        }
    }

    #[test]
    fn days_are_read_exactly_or_not_at_all() {
        let february = first_of(2024, 2).expect("a month");
        let days = json!({"29": {"sales": 0.1, "units": 1e2, "promo": 3}, "3": null});
        let read = read_days(february, Some(&days)).expect("readable");
        let figures = SalesFigures {
            sales: Number(Decimal::new(1, 1)),
            units: Number(Decimal::from(100)),
            ..SalesFigures::default()
        };
        assert_eq!(
            read,
            [
                ToldDay { day: date("2024-02-03"), figures: None },
                ToldDay { day: date("2024-02-29"), figures: Some(figures) },
            ]
        );
        for days in [
            json!({"30": {}}),
            json!({"0": {}}),
            json!({"one": {}}),
            json!({"1": 5}),
            json!({"1": {}, "01": {}}),
            json!({"1": {"sales": "5"}}),
            json!([]),
        ] {
            assert!(read_days(february, Some(&days)).is_err(), "{days}");
        }
        assert_eq!(read_days(february, None), Err(Unreadable::NoDays));
        assert_eq!(all_gone(february).len(), 29);
        for (year, month) in [(2024, 0), (2024, 13), (i16::MAX, 1)] {
            assert!(first_of(year, month).is_err(), "{year}-{month}");
        }
    }
}
