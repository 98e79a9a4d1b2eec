//! Lists: how much of one, from where, and the envelope it comes in.
//!
//! A cursor holds the sort values and the id of the row it continues from, so the database walks
//! an index straight there: page 4,000 costs what page 1 costs, and rows that are put in meanwhile
//! shift nothing. It also holds a fingerprint of the query that gave it out.
//!
//! **Invariant:** a cursor is data for the store's own binding of parameters; nothing of it is ever
//! made into SQL text.

use std::fmt::Display;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{CacheClass, Fault, FieldNames, Problem, Projected, Projection, Query, Reply, kinds, off_async_threads};

/// Rows in a page unless told.
pub const DEFAULT_LIMIT: u32 = 50;
/// Rows in a page at the most.
pub const MAX_LIMIT: u32 = 200;
/// How far page numbers reach, in rows; a cursor reaches further, and faster.
const FARTHEST_OFFSET: u32 = 100_000;
const LONGEST_CURSOR: usize = 2_048;

/// Where a page begins.
#[derive(Clone, Debug, PartialEq)]
pub enum Position {
    /// At the start.
    Start,
    /// Behind so many rows.
    Offset(u32),
    /// At a cursor.
    Cursor(Cursor),
}

/// Which page is asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct PageRequest {
    /// Rows at the most.
    pub limit: u32,
    /// Where it begins.
    pub position: Position,
    /// The page's number, where it was asked for by number.
    pub number: Option<u32>,
}

/// A place in a sorted list, between two rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cursor {
    /// Fingerprint of the filters and the order it belongs to.
    #[serde(rename = "q")]
    pub query: u64,
    /// Whether it continues towards the start of the list.
    #[serde(rename = "b", default, skip_serializing_if = "std::ops::Not::not")]
    pub backwards: bool,
    /// The sort values of the row next to it, the id last.
    #[serde(rename = "v")]
    pub values: Vec<Value>,
}

impl Cursor {
    /// The fingerprint of a query, from any text that says all that it filters and sorts by.
    #[must_use]
    pub fn fingerprint(query: &str) -> u64 {
        xxhash_rust::xxh3::xxh3_64(query.as_bytes())
    }

    /// The cursor as clients hold it.
    #[must_use]
    pub fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default())
    }

    fn decode(text: &str) -> Option<Self> {
        if text.len() > LONGEST_CURSOR {
            return None;
        }
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
    }

    /// Proves that the cursor belongs to the query with this fingerprint.
    ///
    /// # Errors
    /// 400 when it belongs to another.
    pub fn check(&self, query: u64) -> Result<(), Problem> {
        if self.query == query {
            return Ok(());
        }
        Err(Problem::new(
            &kinds::FOREIGN_CURSOR,
            "this cursor continues a query with other filters or another order; repeat those, or leave the cursor out",
        ))
    }

    /// The problem of a cursor whose values do not fit the list.
    #[must_use]
    pub fn invalid() -> Problem {
        Problem::new(&kinds::INVALID_CURSOR, "the cursor was not given out by this server")
            .with_faults(vec![Fault::of_parameter("cursor", "invalid_cursor", "was not given out by this server")])
    }
}

impl PageRequest {
    /// Reads `limit`, `cursor` and `page` out of a query; faults are noted there.
    ///
    /// # Errors
    /// 400 at once for a cursor that is none.
    pub fn from_query(query: &mut Query) -> Result<Self, Problem> {
        let limit = query.value("limit", &format!("a whole number from 1 to {MAX_LIMIT}")).unwrap_or(DEFAULT_LIMIT);
        if !(1..=MAX_LIMIT).contains(&limit) {
            query.fault("limit", "out_of_range", format!("must be from 1 to {MAX_LIMIT}, not {limit}"));
        }
        let cursor = query.filled("cursor");
        let number: Option<u32> = query.value("page", "a whole number from 1");
        if cursor.is_some() && number.is_some() {
            query.fault("page", "conflict", "cannot be given together with cursor");
        }
        let position = match (cursor, number) {
            (Some(cursor), _) => Position::Cursor(Cursor::decode(&cursor).ok_or_else(Cursor::invalid)?),
            (None, Some(number)) => {
                let offset = number.checked_sub(1).and_then(|before| before.checked_mul(limit));
                match offset.filter(|offset| *offset <= FARTHEST_OFFSET) {
                    Some(offset) => Position::Offset(offset),
                    None => {
                        let detail = format!(
                            "must be from 1, and reach no further than row {FARTHEST_OFFSET}; cursor= reaches any row"
                        );
                        query.fault("page", "out_of_range", detail);
                        Position::Start
                    }
                }
            }
            (None, None) => Position::Start,
        };
        Ok(Self { limit, position, number })
    }
}

impl PageRequest {
    /// Whether the page is read from its end to its beginning.
    #[must_use]
    pub fn is_backwards(&self) -> bool {
        matches!(&self.position, Position::Cursor(cursor) if cursor.backwards)
    }

    /// Makes a page of the rows that were read for it, in the order in which they were read: one more than
    /// `limit` where there are so many, which tells that the list goes on. `values` are those of a row's
    /// place in the order, `query` stands for the filters and that order.
    pub fn cut<T>(&self, mut rows: Vec<T>, query: u64, values: impl Fn(&T) -> Vec<Value>) -> (Vec<T>, Page) {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let has_more = rows.len() > limit;
        rows.truncate(limit);
        let backwards = self.is_backwards();
        if backwards {
            rows.reverse();
        }
        let came_from_somewhere = match self.position {
            Position::Start => false,
            Position::Offset(offset) => offset > 0,
            Position::Cursor(_) => true,
        };
        let (has_next, has_prev) = if backwards { (true, has_more) } else { (has_more, came_from_somewhere) };
        let cursor = |row: Option<&T>, backwards| Some(Cursor { query, backwards, values: values(row?) }.encode());
        let page = Page {
            limit: self.limit,
            next_cursor: cursor(rows.last().filter(|_| has_next), false),
            prev_cursor: cursor(rows.first().filter(|_| has_prev), true),
            number: self.number,
            ..Page::default()
        };
        (rows, page)
    }

    /// The part that a page is of a list whose ids tell its order, the newest first, and which is read forwards only.
    /// `query` stands for the list and its filters.
    ///
    /// # Errors
    /// A 400 for a cursor of another list, or one that is none.
    pub fn below<Id: FromStr>(&self, query: u64) -> Result<Below<Id>, Problem> {
        let at_most = i64::from(self.limit) + 1;
        Ok(match &self.position {
            Position::Start => Below { id: None, at_most, skipped: 0 },
            Position::Offset(rows) => Below { id: None, at_most, skipped: i64::from(*rows) },
            Position::Cursor(cursor) => {
                cursor.check(query)?;
                let id = cursor.values.first().and_then(Value::as_str).and_then(|text| text.parse().ok());
                Below { id: Some(id.filter(|_| !cursor.backwards).ok_or_else(Cursor::invalid)?), at_most, skipped: 0 }
            }
        })
    }

    /// Makes a page of the rows that were read for such a part.
    pub fn cut_below<T, Id: Display>(&self, rows: Vec<T>, query: u64, id: impl Fn(&T) -> Id) -> (Vec<T>, Page) {
        let (rows, page) = self.cut(rows, query, |row| vec![id(row).to_string().into()]);
        (rows, Page { prev_cursor: None, ..page })
    }
}

/// A part of a list that its ids put in order, the newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Below<Id> {
    /// Only what is older than this.
    pub id: Option<Id>,
    /// Rows to read: one more than the page has.
    pub at_most: i64,
    /// Rows to pass over.
    pub skipped: i64,
}

/// Where a page lies in its list.
#[derive(Clone, Debug, Default, PartialEq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Page {
    /// Rows at the most.
    #[schema(example = 50)]
    pub limit: u32,
    /// Continues behind the last row; null on the last page.
    pub next_cursor: Option<String>,
    /// Continues before the first row; null on the first page.
    pub prev_cursor: Option<String>,
    /// The page's number, where it was asked for by number.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub number: Option<u32>,
    /// Rows in the whole list, where `count` asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub total: Option<i64>,
    /// Whether `total` is an estimate.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub total_is_estimate: Option<bool>,
}

/// What is known about an answer beside its rows.
#[derive(Clone, Debug, Default, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ListMeta {
    /// The fields that each row has, where `fields` or `exclude` chose them.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub fields: Option<Vec<&'static str>>,
    /// The order of the rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "-createdAt")]
    pub sort: Option<String>,
}

/// Rows that are written where they were read: more may be megabytes.
const MOST_AT_ONCE: usize = 100;

/// Writes a list: the rows as the projection says, the page, and `meta`, to which the endpoint may
/// add members of its own.
///
/// # Errors
/// A 500 when a row cannot be written, which is a defect.
pub fn list_reply<T: Serialize, M: Serialize>(
    rows: &[T],
    page: &Page,
    meta: &M,
    projection: &Projection,
    class: CacheClass,
) -> Result<Reply, Problem> {
    #[derive(Serialize)]
    struct Envelope<'a, T: Serialize, M: Serialize> {
        data: Vec<Projected<'a, T>>,
        page: &'a Page,
        meta: &'a M,
    }
    let data: Vec<_> = rows.iter().map(|row| Projected::new(row, projection)).collect();
    let write = || Reply::json(&Envelope { data, page, meta }, class);
    if rows.len() > MOST_AT_ONCE { off_async_threads(write) } else { write() }
}

impl ListMeta {
    /// What the projection and the order say of themselves.
    #[must_use]
    pub fn new(projection: &Projection, names: FieldNames, sort: String) -> Self {
        Self { fields: (!projection.is_whole()).then(|| projection.kept(names)), sort: Some(sort) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(query: &str) -> Result<PageRequest, Problem> {
        let mut query = Query::parse(query).expect("well-formed");
        let page = PageRequest::from_query(&mut query)?;
        query.finish()?;
        Ok(page)
    }

    #[test]
    fn pages_are_bounded() {
        assert_eq!(read("").expect("fine").limit, 50);
        assert_eq!(read("limit=200&page=3").expect("fine").position, Position::Offset(400));
        for (query, code) in [
            ("limit=0", "out_of_range"),
            ("limit=201", "out_of_range"),
            ("limit=ten", "wrong_type"),
            ("page=0", "out_of_range"),
            ("page=4000000000", "out_of_range"),
            ("limit=200&page=502", "out_of_range"),
        ] {
            let problem = read(query).expect_err(query);
            assert_eq!(problem.faults()[0].code, code, "{query}");
        }
        assert_eq!(read("cursor=nonsense").expect_err("no cursor").kind().code, "web.invalid_cursor");
    }

    proptest! {
        #[test]
        fn cursors_survive_the_way_to_the_client_and_back(query: u64, backwards: bool, text in "\\PC{0,20}", number: i64) {
            let cursor = Cursor { query, backwards, values: vec![text.into(), number.into(), Value::Null] };
            prop_assert_eq!(Cursor::decode(&cursor.encode()), Some(cursor));
        }
    }
}
