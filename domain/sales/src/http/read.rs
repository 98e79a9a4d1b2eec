//! What several endpoints read out of a query in the same way.

use entrepot_contracts::StoreId;
use entrepot_web::{Cursor, Problem, Query};
use jiff::civil::Date;

use super::database_problem;
use crate::model::is_field;
use crate::ops::StoreScope;
use crate::store::{ListError, MonthFilters};

const LONGEST_VALUE: usize = 200;

pub(super) fn short(query: &mut Query, name: &'static str) -> Option<String> {
    let value = query.filled(name)?;
    if value.chars().count() > LONGEST_VALUE {
        query.fault(name, "length", format!("must have at most {LONGEST_VALUE} characters"));
        return None;
    }
    Some(value)
}

/// A store by its id. One that the caller may not see has nothing, like one that is not there.
pub(super) fn store_id(query: &mut Query) -> Option<String> {
    let id = query.value::<StoreId>("storeId", "a store's id: letters, digits, - and _")?;
    Some(id.to_string())
}

/// A month (`2024-01`) or a day in it, as the first or the last day that it stands for.
pub(super) fn date(query: &mut Query, name: &'static str, is_last: bool) -> Option<Date> {
    let text = query.filled(name)?;
    let month = || format!("{text}-01").parse::<Date>().ok().filter(|_| text.len() == 7);
    let found = match text.parse::<Date>() {
        Ok(date) if text.len() == 10 => Some(date),
        _ => month().map(|first| if is_last { first.last_of_month() } else { first }),
    };
    let found = found.filter(|date| (1900..=2200).contains(&date.year()));
    if found.is_none() {
        query.fault(
            name,
            "not_a_date",
            format!("must be a month such as 2024-01 or a day such as 2024-01-31, not {text:?}"),
        );
    }
    found
}

pub(super) fn period(date: Date) -> i32 {
    i32::from(date.year()) * 12 + i32::from(date.month()) - 1
}

/// The filters that lists and exports of months share.
pub(crate) fn month_filters(query: &mut Query, scope: StoreScope) -> MonthFilters {
    let store = store_id(query);
    let year = query.value::<i32>("year", "a year such as 2024");
    if year.is_some_and(|year| !(1900..=2200).contains(&year)) {
        query.fault("year", "out_of_range", "must be from 1900 to 2200");
    }
    let month = query.value::<i16>("month", "a month from 1 to 12");
    if month.is_some_and(|month| !(1..=12).contains(&month)) {
        query.fault("month", "out_of_range", "must be from 1 to 12");
    }
    let (from, to) = (date(query, "from", false), date(query, "to", true));
    if let (Some(from), Some(to)) = (from, to)
        && from > to
    {
        query.fault("to", "out_of_range", "must not lie before from");
    }
    let has = query.filled("has");
    if has.as_ref().is_some_and(|field| !is_field(field)) {
        query.fault("has", "not_a_field", "must be the name of a field: letters, digits and _, a letter first");
    }
    let (mut low, mut high) = (from.map(period), to.map(period));
    let mut rest = month;
    if let Some(year) = year.filter(|year| (1900..=2200).contains(year)) {
        // A year is a range of months, and with a month one of them.
        let (first, last) = match month.filter(|month| (1..=12).contains(month)) {
            Some(month) => (year * 12 + i32::from(month) - 1, year * 12 + i32::from(month) - 1),
            None => (year * 12, year * 12 + 11),
        };
        low = Some(low.map_or(first, |low| low.max(first)));
        high = Some(high.map_or(last, |high| high.min(last)));
        rest = None;
    }
    MonthFilters { scope, store, month: rest, from: low, to: high, has }
}

pub(super) fn list_problem(error: ListError) -> Problem {
    match error {
        ListError::BadCursor => Cursor::invalid(),
        ListError::Database(error) => database_problem(error),
    }
}
