//! Figures, days and periods, and reading the days that an event tells of. Pure.
//!
//! **Invariants:**
//! - A number is a decimal from the event to the answer: through no float on the way.
//! - A week begins on Monday (ISO 8601); weeks and months are whole.

use std::str::FromStr as _;

use jiff::Span;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;
use utoipa::ToSchema;

/// An exact number, written in JSON as one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Number(pub(crate) Decimal);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // As text that is a number already: through a float it would be another.
        let text = self.0.normalize().to_string();
        RawValue::from_string(text).map_err(serde::ser::Error::custom)?.serialize(serializer)
    }
}

/// What was sold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct AnalyticsFigures {
    /// What was paid, in the store's currency.
    #[schema(value_type = f64, example = 30420.75)]
    pub(crate) sales: Number,
    /// Baskets.
    #[schema(value_type = f64, example = 1212)]
    pub(crate) transactions: Number,
    /// Those who bought; who bought on two days counts twice.
    #[schema(value_type = f64, example = 980)]
    pub(crate) customers: Number,
    /// Pieces; of what is sold by measure, its unit.
    #[schema(value_type = f64, example = 5230)]
    pub(crate) units: Number,
    /// What was given off.
    #[schema(value_type = f64, example = 310.4)]
    pub(crate) discount: Number,
}

/// How much more or less than before, as a share: 0.25 is a quarter more. Null where there was nothing before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct AnalyticsGrowth {
    #[schema(value_type = Option<f64>, example = 0.25)]
    sales: Option<Number>,
    #[schema(value_type = Option<f64>)]
    transactions: Option<Number>,
    #[schema(value_type = Option<f64>)]
    customers: Option<Number>,
    #[schema(value_type = Option<f64>)]
    units: Option<Number>,
    #[schema(value_type = Option<f64>)]
    discount: Option<Number>,
}

impl AnalyticsGrowth {
    pub(crate) fn of(now: &AnalyticsFigures, before: Option<&AnalyticsFigures>) -> Self {
        let share = |read: fn(&AnalyticsFigures) -> Number| {
            let before = read(before?).0;
            let grown = read(now).0.checked_sub(before)?.checked_div(before.abs())?;
            Some(Number(grown.round_dp(4)))
        };
        Self {
            sales: share(|figures| figures.sales),
            transactions: share(|figures| figures.transactions),
            customers: share(|figures| figures.customers),
            units: share(|figures| figures.units),
            discount: share(|figures| figures.discount),
        }
    }
}

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
    pub(crate) figures: Option<AnalyticsFigures>,
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

fn read_figures(day: &str, fields: &Value) -> Result<AnalyticsFigures, Unreadable> {
    let number = |field: &'static str| match fields.get(field) {
        None => Ok(Number::default()),
        Some(value) => decimal(value).map(Number).ok_or_else(|| Unreadable::Number { day: day.to_owned(), field }),
    };
    Ok(AnalyticsFigures {
        sales: number("sales")?,
        transactions: number("transactions")?,
        customers: number("customers")?,
        units: number("units")?,
        discount: number("discount")?,
    })
}

/// A number's text as a decimal.
fn decimal(value: &Value) -> Option<Decimal> {
    let text = value.as_number()?.to_string();
    Decimal::from_str(&text).or_else(|_| Decimal::from_scientific(&text)).ok()
}

#[cfg(test)]
mod tests {
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
        let figures = AnalyticsFigures {
            sales: Number(Decimal::new(1, 1)),
            units: Number(Decimal::from(100)),
            ..AnalyticsFigures::default()
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

    #[test]
    fn growth_is_a_share_of_what_was_before() {
        let of = |sales: i64| AnalyticsFigures { sales: Number(sales.into()), ..AnalyticsFigures::default() };
        let grown = |now: i64, before: Option<i64>| {
            AnalyticsGrowth::of(&of(now), before.map(of).as_ref()).sales.map(|number| number.0)
        };
        assert_eq!(grown(5, Some(4)), Some(Decimal::new(25, 2)));
        assert_eq!(grown(3, Some(-4)), Some(Decimal::new(175, 2)));
        assert_eq!((grown(5, Some(0)), grown(5, None)), (None, None));
    }
}
