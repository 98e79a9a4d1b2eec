//! Periods by name, as days.
//!
//! **Invariant:** a period by name is whole units that lie behind or around the day that it is reckoned from; weeks
//! begin on Monday (ISO 8601).

use jiff::Span;
use jiff::civil::{Date, Weekday};

/// Days, from one to another, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// The first.
    pub from: Date,
    /// The last.
    pub to: Date,
}

/// Why there is no such period.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeriodError {
    /// Nobody knows the name.
    #[error("must be one of {}", Period::NAMES.join(", "))]
    Unknown,
    /// It ends before it begins.
    #[error("must not end before it begins")]
    Backwards,
    /// It is too long.
    #[error("must be at most {0} days long")]
    TooLong(i32),
}

impl Period {
    /// The names.
    pub const NAMES: [&'static str; 10] = [
        "today",
        "yesterday",
        "this-week",
        "last-week",
        "this-month",
        "last-month",
        "this-quarter",
        "last-quarter",
        "this-year",
        "last-year",
    ];

    /// The period of this name around or before a day.
    ///
    /// # Errors
    /// When nobody knows the name.
    pub fn named(name: &str, today: Date) -> Result<Self, PeriodError> {
        let back = |date: Date, span: Span| date.saturating_sub(span);
        let monday = back(today, Span::new().days(i64::from(today.weekday().since(Weekday::Monday))));
        let month = today.first_of_month();
        let quarter = back(month, Span::new().months(i64::from((today.month() - 1) % 3)));
        let year = today.first_of_year();
        let (from, next) = match name {
            "today" => (today, today.saturating_add(Span::new().days(1))),
            "yesterday" => (back(today, Span::new().days(1)), today),
            "this-week" => (monday, monday.saturating_add(Span::new().days(7))),
            "last-week" => (back(monday, Span::new().days(7)), monday),
            "this-month" => (month, month.saturating_add(Span::new().months(1))),
            "last-month" => (back(month, Span::new().months(1)), month),
            "this-quarter" => (quarter, quarter.saturating_add(Span::new().months(3))),
            "last-quarter" => (back(quarter, Span::new().months(3)), quarter),
            "this-year" => (year, year.saturating_add(Span::new().years(1))),
            "last-year" => (back(year, Span::new().years(1)), year),
            _ => return Err(PeriodError::Unknown),
        };
        Ok(Self { from, to: back(next, Span::new().days(1)) })
    }

    /// The period from one day to another.
    ///
    /// # Errors
    /// When it ends before it begins, or is longer than so many days.
    pub fn between(from: Date, to: Date, most_days: i32) -> Result<Self, PeriodError> {
        if to < from {
            return Err(PeriodError::Backwards);
        }
        let period = Self { from, to };
        if period.days() > most_days { Err(PeriodError::TooLong(most_days)) } else { Ok(period) }
    }

    /// How many days it has.
    #[must_use]
    pub fn days(self) -> i32 {
        self.from.until(self.to).map_or(0, |span| span.get_days()) + 1
    }

    /// In words: `October 2026`, `2026`, `5 to 11 October 2026`, `28 September to 4 October 2026`.
    #[must_use]
    pub fn words(self) -> String {
        let Self { from, to } = self;
        let is_month = from == to.first_of_month() && to == from.last_of_month();
        if is_month {
            return from.strftime("%B %Y").to_string();
        }
        if from == to {
            return from.strftime("%-d %B %Y").to_string();
        }
        if from == to.first_of_year() && to == from.last_of_year() {
            return from.strftime("%Y").to_string();
        }
        let is_whole_months = from.day() == 1 && to == to.last_of_month();
        let (begins, ends) = if is_whole_months { ("%B", "%B %Y") } else { ("%-d %B", "%-d %B %Y") };
        let begins = match (from.year() == to.year(), from.month() == to.month(), is_whole_months) {
            (true, true, false) => "%-d".to_owned(),
            (true, _, _) => begins.to_owned(),
            (false, _, _) => format!("{begins} %Y"),
        };
        format!("{} to {}", from.strftime(&begins), to.strftime(ends))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_whole_units() {
        let day = jiff::civil::date(2026, 11, 21);
        for (name, from, to, words) in [
            ("today", "2026-11-21", "2026-11-21", "21 November 2026"),
            ("yesterday", "2026-11-20", "2026-11-20", "20 November 2026"),
            ("this-week", "2026-11-16", "2026-11-22", "16 to 22 November 2026"),
            ("last-week", "2026-11-09", "2026-11-15", "9 to 15 November 2026"),
            ("this-month", "2026-11-01", "2026-11-30", "November 2026"),
            ("last-month", "2026-10-01", "2026-10-31", "October 2026"),
            ("this-quarter", "2026-10-01", "2026-12-31", "October to December 2026"),
            ("last-quarter", "2026-07-01", "2026-09-30", "July to September 2026"),
            ("this-year", "2026-01-01", "2026-12-31", "2026"),
            ("last-year", "2025-01-01", "2025-12-31", "2025"),
        ] {
            let period = Period::named(name, day).expect("a name");
            assert_eq!((period.from.to_string(), period.to.to_string()), (from.to_owned(), to.to_owned()), "{name}");
            assert_eq!(period.words(), words, "{name}");
        }
        assert_eq!(Period::named("next-week", day), Err(PeriodError::Unknown));
        let january = Period::named("last-month", jiff::civil::date(2026, 1, 31)).expect("a name");
        assert_eq!(january.words(), "December 2025");
        let between =
            |from: &str, to: &str| Period::between(from.parse().expect("a day"), to.parse().expect("a day"), 400);
        assert_eq!(between("2026-09-28", "2026-10-04").expect("sound").words(), "28 September to 4 October 2026");
        assert_eq!(between("2025-12-29", "2026-01-04").expect("sound").words(), "29 December 2025 to 4 January 2026");
        assert_eq!(between("2026-01-02", "2026-01-01"), Err(PeriodError::Backwards));
        assert_eq!(between("2020-01-01", "2026-01-01"), Err(PeriodError::TooLong(400)));
    }
}
