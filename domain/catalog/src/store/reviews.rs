//! Pages of a product's reviews: newest first, of all ratings or of one.
//!
//! **How it stays fast.** Both lists are the order of an index of theirs, and a page continues from a
//! cursor by comparing with that index's own columns. The statement is put together from constant
//! pieces; what a client sent is bound.

use entrepot_contracts::{ProductId, ReviewId};
use entrepot_pg::{Binds, Database, Error};
use entrepot_web::{Cursor, PageRequest, Position, Problem};
use jiff::Timestamp;
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::ListError;
use super::list::behind;
use crate::model::Review;

/// A page of reviews to be read.
#[derive(Clone, Debug)]
pub(crate) struct ReviewQuery {
    pub(crate) product_id: Uuid,
    /// Only those with so many stars.
    pub(crate) rating: Option<i16>,
    pub(crate) page: PageRequest,
}

/// A page of reviews.
#[derive(Clone, Debug, Default)]
pub(crate) struct FoundReviews {
    pub(crate) reviews: Vec<Review>,
    pub(crate) next: Option<Cursor>,
    pub(crate) prev: Option<Cursor>,
}

/// The statement of a page, and whether its rows come in the other direction.
struct Statement {
    sql: String,
    binds: Binds,
    backwards: bool,
}

impl ReviewQuery {
    /// Stands for the product and the filter, in cursors.
    fn fingerprint(&self) -> u64 {
        Cursor::fingerprint(&format!("reviews {} {:?}", self.product_id, self.rating))
    }

    /// Whether the page's cursor, where there is one, was given out for this list.
    pub(crate) fn check_cursor(&self) -> Result<(), Problem> {
        match &self.page.position {
            Position::Cursor(cursor) => cursor.check(self.fingerprint()),
            Position::Start | Position::Offset(_) => Ok(()),
        }
    }

    fn statement(&self) -> Result<Statement, ListError> {
        let mut binds = Binds::default();
        let mut conditions = format!("product_id = {}", binds.add(self.product_id, Type::UUID));
        if let Some(rating) = self.rating {
            conditions.push_str(&format!(" AND rating = {}", binds.add(rating, Type::INT2)));
        }
        let mut backwards = false;
        if let Position::Cursor(cursor) = &self.page.position {
            backwards = cursor.backwards;
            let [created_at, id] = cursor.values.as_slice() else { return Err(ListError::BadCursor) };
            let created_at: Option<Timestamp> = created_at.as_str().and_then(|text| text.parse().ok());
            let id: Option<Uuid> = id.as_str().and_then(|text| text.parse().ok());
            let (Some(created_at), Some(id)) = (created_at, id) else { return Err(ListError::BadCursor) };
            let values = [binds.add(created_at, Type::TIMESTAMPTZ), binds.add(id, Type::UUID)];
            let keys = ["created_at", "id"].map(|key| (key.to_owned(), !backwards));
            conditions.push_str(&format!(" AND {}", behind(&keys, &values)));
        }
        let way = if backwards { "" } else { " DESC" };
        // One row more than asked for tells whether there is a next page.
        let mut limit = format!("LIMIT {}", self.page.limit + 1);
        if let Position::Offset(offset) = self.page.position {
            limit = format!("{limit} OFFSET {offset}");
        }
        let sql = format!(
            "SELECT id, product_id, rating, title, body, author, created_at FROM catalog.review \
             WHERE {conditions} ORDER BY created_at{way}, id{way} {limit}"
        );
        Ok(Statement { sql, binds, backwards })
    }

    fn found(&self, backwards: bool, rows: &[Row]) -> Result<FoundReviews, Error> {
        let limit = usize::try_from(self.page.limit).unwrap_or(usize::MAX);
        let has_more = rows.len() > limit;
        let mut reviews = rows.iter().take(limit).map(review).collect::<Result<Vec<_>, _>>()?;
        if backwards {
            reviews.reverse();
        }
        let cursor = |review: Option<&Review>, backwards| {
            let review = review?;
            let values = vec![review.created_at.to_string().into(), review.id.to_string().into()];
            Some(Cursor { query: self.fingerprint(), backwards, values })
        };
        let came_from_somewhere = match self.page.position {
            Position::Start => false,
            Position::Offset(offset) => offset > 0,
            Position::Cursor(_) => true,
        };
        let (has_next, has_prev) = if backwards { (true, has_more) } else { (has_more, came_from_somewhere) };
        let next = cursor(reviews.last().filter(|_| has_next), false);
        let prev = cursor(reviews.first().filter(|_| has_prev), true);
        Ok(FoundReviews { reviews, next, prev })
    }
}

fn review(row: &Row) -> Result<Review, Error> {
    Ok(Review {
        id: ReviewId(row.try_get(0)?),
        product_id: ProductId(row.try_get(1)?),
        rating: row.try_get(2)?,
        title: row.try_get(3)?,
        body: row.try_get(4)?,
        author: row.try_get(5)?,
        created_at: row.try_get(6)?,
    })
}

/// Reads a page.
pub(crate) async fn review_page(database: &Database, query: &ReviewQuery) -> Result<FoundReviews, ListError> {
    let Statement { sql, binds, backwards } = query.statement()?;
    let rows = database.client().await?.query_typed(&sql, &binds.typed()).await?;
    Ok(query.found(backwards, &rows)?)
}

/// For the test of plans: the statement of a page under EXPLAIN ANALYZE.
#[cfg(test)]
pub(super) async fn review_explain(database: &Database, query: &ReviewQuery) -> Result<serde_json::Value, ListError> {
    let Statement { sql, binds, .. } = query.statement()?;
    let sql = format!("EXPLAIN (ANALYZE, FORMAT JSON) {sql}");
    let rows = database.client().await?.query_typed(&sql, &binds.typed()).await?;
    Ok(rows.first().ok_or(Error::Missing("the plan"))?.try_get(0)?)
}
