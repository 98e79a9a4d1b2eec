//! Lists of products: filters, order, cursors, counts and facets.
//!
//! Every statement is put together from constant pieces of SQL; what a client sent is bound.
//!
//! **How it stays fast.** Every order has an index that ends with the id, and a page continues from
//! a cursor by comparing with that index's own columns, so nothing before the page is read. A
//! statement whose best plan depends on its values (how common is this tag?) is planned with them
//! each time; one whose plan is always the same is prepared once. `tests/it/plans.rs` runs every
//! combination at 100,000 products and fails on a plan that reads or sorts the table.

use entrepot_pg::{Binds, Database, Error, Pooled, Transaction};
use entrepot_web::{Cursor, PageRequest, Position, Problem};
use jiff::Timestamp;
use rust_decimal::Decimal;
use serde_json::Value;
use tokio_postgres::Row;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::columns::{self, Columns};
use crate::model::Product;

/// Ranking a match costs the database some 2 µs, so it ranks at most this many.
const RANKED_AT_MOST: u32 = 1_000;
/// Facets are counted over at most this many matches.
const FACETS_OVER: i64 = 5_000;
/// Of how many products have a word only so much is told.
const COUNTED_TO: u32 = 200;
/// Values that a facet lists at the most.
const FACET_VALUES: i64 = 25;

/// A category to filter by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CategoryFilter {
    pub(crate) id: Uuid,
    /// Whether categories lie below it, whose products count too.
    pub(crate) has_children: bool,
}

/// What a list is narrowed to. All must hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Filters {
    pub(crate) text: Option<entrepot_text::Query>,
    pub(crate) category: Option<CategoryFilter>,
    /// Of any of these; of all, where there is none.
    pub(crate) brands: Vec<String>,
    pub(crate) ids: Option<Vec<Uuid>>,
    pub(crate) updated_since: Option<Timestamp>,
    /// What is not offered, in place of what is.
    pub(crate) is_draft: bool,
    pub(crate) seller: Option<Uuid>,
    pub(crate) min_price: Option<Decimal>,
    pub(crate) max_price: Option<Decimal>,
    pub(crate) min_rating: Option<Decimal>,
    pub(crate) in_stock: Option<bool>,
    pub(crate) tag: Option<String>,
    /// Name and value of specifications.
    pub(crate) specifications: Vec<(String, String)>,
}

/// What a list can be sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SortField {
    CreatedAt,
    UpdatedAt,
    Price,
    Title,
    Rating,
    /// How well the text matches; only with a text.
    Relevance,
}

/// One key of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SortKey {
    pub(crate) field: SortField,
    pub(crate) descending: bool,
}

/// A list to be read.
#[derive(Clone, Debug)]
pub(crate) struct ListQuery {
    pub(crate) filters: Filters,
    /// One key at least; the id is added behind the last.
    pub(crate) sort: Vec<SortKey>,
    pub(crate) columns: Columns,
    pub(crate) page: PageRequest,
}

/// A page of a list.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found {
    pub(crate) products: Vec<Product>,
    pub(crate) next: Option<Cursor>,
    pub(crate) prev: Option<Cursor>,
}

/// Why a page could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ListError {
    #[error("the cursor's values do not fit the list")]
    BadCursor,
    #[error(transparent)]
    Database(#[from] Error),
}

impl From<tokio_postgres::Error> for ListError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error.into())
    }
}

/// A member that facets count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum FacetField {
    Brand,
    Category,
}

/// A value of a facet and how many matches have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Facet {
    pub(crate) field: FacetField,
    pub(crate) value: String,
    pub(crate) label: String,
    pub(crate) count: i64,
}

impl ListQuery {
    /// Stands for the filters and the order, in cursors.
    fn fingerprint(&self) -> u64 {
        Cursor::fingerprint(&format!("{:?}{:?}", self.filters, self.sort))
    }

    fn is_by_relevance(&self) -> bool {
        self.sort.iter().any(|key| key.field == SortField::Relevance)
    }

    /// Whether the page's cursor, where there is one, was given out for these filters and this order.
    pub(crate) fn check_cursor(&self) -> Result<(), Problem> {
        match &self.page.position {
            Position::Cursor(cursor) => cursor.check(self.fingerprint()),
            Position::Start | Position::Offset(_) => Ok(()),
        }
    }
}

impl SortKey {
    /// The value that is compared. A product without a price has a stand-in that puts it last.
    fn expression(self, rank: &str) -> String {
        match (self.field, self.descending) {
            (SortField::CreatedAt, _) => "p.created_at".to_owned(),
            (SortField::UpdatedAt, _) => "p.updated_at".to_owned(),
            (SortField::Price, false) => PRICE_UP.to_owned(),
            (SortField::Price, true) => PRICE_DOWN.to_owned(),
            (SortField::Title, _) => "p.title".to_owned(),
            (SortField::Rating, _) => "p.rating".to_owned(),
            (SortField::Relevance, _) => format!("({rank})::float8"),
        }
    }

    /// The key's value in a row, as a cursor keeps it.
    fn read(self, row: &Row, at: usize) -> Result<Value, Error> {
        Ok(match self.field {
            SortField::CreatedAt | SortField::UpdatedAt => row.try_get::<_, Timestamp>(at)?.to_string().into(),
            SortField::Price | SortField::Rating => row.try_get::<_, Decimal>(at)?.to_string().into(),
            SortField::Title => row.try_get::<_, String>(at)?.into(),
            SortField::Relevance => row.try_get::<_, f64>(at)?.into(),
        })
    }

    /// Binds a value that a cursor kept.
    fn bind(self, binds: &mut Binds, value: &Value) -> Option<String> {
        Some(match self.field {
            SortField::CreatedAt | SortField::UpdatedAt => {
                binds.add(value.as_str()?.parse::<Timestamp>().ok()?, Type::TIMESTAMPTZ)
            }
            SortField::Price | SortField::Rating => binds.add(value.as_str()?.parse::<Decimal>().ok()?, Type::NUMERIC),
            SortField::Title => {
                let title = value.as_str().filter(|title| !title.contains('\0'))?;
                binds.add(title.to_owned(), Type::TEXT)
            }
            SortField::Relevance => binds.add(value.as_f64()?, Type::FLOAT8),
        })
    }
}

/// What is there and not offered.
const DRAFT: &str = "NOT p.active AND p.deleted_at IS NULL";
const PRICE_UP: &str = "coalesce(p.price, 1000000000000)";
const PRICE_DOWN: &str = "coalesce(p.price, -1)";

/// The conditions of a list as SQL, their values bound.
struct Conditions {
    binds: Binds,
    sql: String,
    /// How well a product matches the text.
    rank: String,
}

impl Filters {
    /// Whether the best plan is the same whatever the values are.
    fn plan_is_stable(&self, sort: &[SortKey]) -> bool {
        let alone = Self { category: self.category, ..Self::default() };
        let leaf = self.category.is_none_or(|category| !category.has_children);
        let indexed = self.category.is_none()
            || matches!(sort, [key] if matches!(key.field, SortField::CreatedAt | SortField::Price | SortField::Rating));
        *self == alone && leaf && indexed
    }

    fn conditions(&self, sort: &[SortKey]) -> Conditions {
        let mut binds = Binds::default();
        let mut sql = if self.is_draft { DRAFT } else { "p.active" }.to_owned();
        let mut and = |condition: String| {
            sql.push_str(" AND ");
            sql.push_str(&condition);
        };
        let mut rank = String::new();
        if let Some(text) = &self.text {
            // Finished lexemes: PostgreSQL has nothing to find words by.
            let mut tsquery =
                |text: &entrepot_text::Query| format!("{}::text::tsquery", binds.add(text.tsquery(), Type::TEXT));
            let all = tsquery(text);
            rank = format!("ts_rank(p.document, {all}, 1)");
            if let Some(finished) = text.finished() {
                // Whole words go before those that only begin alike.
                rank = format!("ts_rank(p.document, {}, 1) + 0.1 * {rank}", tsquery(&finished));
            }
            and(format!("p.document @@ {all}"));
        }
        if let Some(category) = self.category {
            let id = binds.add(category.id, Type::UUID);
            and(if category.has_children {
                format!("p.category_path @> ARRAY[{id}]")
            } else {
                format!("p.category_id = {id}")
            });
        }
        match self.brands.as_slice() {
            [] => {}
            [brand] => and(format!("p.brand = {}", binds.add(brand.clone(), Type::TEXT))),
            brands => and(format!("p.brand = ANY ({})", binds.add(brands.to_vec(), Type::TEXT_ARRAY))),
        }
        if let Some(ids) = &self.ids {
            and(format!("p.id = ANY ({})", binds.add(ids.clone(), Type::UUID_ARRAY)));
        }
        if let Some(since) = self.updated_since {
            and(format!("p.updated_at >= {}", binds.add(since, Type::TIMESTAMPTZ)));
        }
        if let Some(seller) = self.seller {
            and(format!("p.seller_id = {}", binds.add(seller, Type::UUID)));
        }
        // A bound is written with the expression of the index that serves it; with an order by
        // price also with the expression of that order, so that one index serves both.
        let by_price = sort.first().filter(|key| key.field == SortField::Price).map(|key| key.descending);
        if let Some(min) = self.min_price {
            let min = binds.add(min, Type::NUMERIC);
            and(format!("{PRICE_DOWN} >= {min}"));
            if by_price == Some(false) {
                and(format!("{PRICE_UP} >= {min}"));
            }
        }
        if let Some(max) = self.max_price {
            let max = binds.add(max, Type::NUMERIC);
            and(format!("{PRICE_UP} <= {max}"));
            if by_price == Some(true) {
                and(format!("{PRICE_DOWN} <= {max}"));
            }
        }
        if let Some(rating) = self.min_rating {
            and(format!("p.rating >= {}", binds.add(rating, Type::NUMERIC)));
        }
        match self.in_stock {
            Some(true) => and("p.stock > 0".to_owned()),
            Some(false) => and("p.stock = 0".to_owned()),
            None => {}
        }
        if let Some(tag) = &self.tag {
            and(format!("p.tags @> ARRAY[{}]", binds.add(tag.clone(), Type::TEXT)));
        }
        for (name, value) in &self.specifications {
            let text = serde_json::json!({ name: value });
            let mut condition = format!("p.specifications @> {}", binds.add(text, Type::JSONB));
            // `80` in an address may mean the number or the text.
            if let Ok(other) = serde_json::from_str::<Value>(value)
                && (other.is_number() || other.is_boolean())
            {
                let other = serde_json::json!({ name: other });
                condition = format!("({condition} OR p.specifications @> {})", binds.add(other, Type::JSONB));
            }
            and(condition);
        }
        Conditions { binds, sql, rank }
    }
}

/// "Behind these values in this order", so that an index on the order can start right there.
pub(super) fn behind(keys: &[(String, bool)], values: &[String]) -> String {
    let op = |descending: bool| if descending { "<" } else { ">" };
    let same_way = keys.windows(2).all(|pair| pair[0].1 == pair[1].1);
    if same_way {
        let columns = keys.iter().map(|(expression, _)| expression.as_str()).collect::<Vec<_>>().join(", ");
        return format!("({columns}) {} ({})", op(keys[0].1), values.join(", "));
    }
    let mut nested = String::new();
    for ((expression, descending), value) in keys.iter().zip(values).rev() {
        nested = if nested.is_empty() {
            format!("{expression} {} {value}", op(*descending))
        } else {
            format!("{expression} {} {value} OR ({expression} = {value} AND ({nested}))", op(*descending))
        };
    }
    // The first key alone also bounds the index scan, which the disjunction cannot.
    let (first, descending) = &keys[0];
    format!("{first} {}= {} AND ({nested})", op(*descending), values[0])
}

/// A statement that reads a page, and how its rows are laid out.
struct Statement {
    sql: String,
    binds: Binds,
    is_stable: bool,
    backwards: bool,
    highlights_at: Option<usize>,
    keys_at: usize,
}

impl ListQuery {
    fn statement(&self) -> Result<Statement, ListError> {
        let Conditions { mut binds, sql: conditions, rank } = self.filters.conditions(&self.sort);
        let cursor = match &self.page.position {
            Position::Cursor(cursor) => Some(cursor),
            Position::Start | Position::Offset(_) => None,
        };
        let backwards = cursor.is_some_and(|cursor| cursor.backwards);
        let mut keys: Vec<(String, bool)> =
            self.sort.iter().map(|key| (key.expression(&rank), key.descending != backwards)).collect();
        let id_descending = keys.last().is_some_and(|(_, descending)| *descending);
        keys.push(("p.id".to_owned(), id_descending));

        let mut after = String::new();
        if let Some(cursor) = cursor {
            let (id, values) = cursor.values.split_last().ok_or(ListError::BadCursor)?;
            if values.len() != self.sort.len() {
                return Err(ListError::BadCursor);
            }
            let mut bound = Vec::with_capacity(keys.len());
            for (key, value) in self.sort.iter().zip(values) {
                bound.push(key.bind(&mut binds, value).ok_or(ListError::BadCursor)?);
            }
            let id: Uuid = id.as_str().and_then(|id| id.parse().ok()).ok_or(ListError::BadCursor)?;
            bound.push(binds.add(id, Type::UUID));
            after = behind(&keys, &bound);
        }

        let order = keys
            .iter()
            .map(|(expression, descending)| format!("{expression}{}", if *descending { " DESC" } else { "" }))
            .collect::<Vec<_>>()
            .join(", ");
        // One row more than asked for tells whether there is a next page.
        let mut limit = format!("LIMIT {}", self.page.limit + 1);
        if let Position::Offset(offset) = self.page.position {
            limit = format!("{limit} OFFSET {offset}");
        }
        let select = self.columns.select_list();
        let join = self.columns.join();
        let width = self.columns.width();
        let and_after = if after.is_empty() { String::new() } else { format!(" AND {after}") };
        if self.filters.text.is_none() {
            let key_values = self.sort.iter().map(|key| key.expression("")).collect::<Vec<_>>().join(", ");
            let sql = format!(
                "SELECT {select}, {key_values} FROM catalog.product p{join} WHERE {conditions}{and_after} ORDER BY {order} {limit}"
            );
            let is_stable = self.columns == Columns::ALL && self.filters.plan_is_stable(&self.sort);
            return Ok(Statement { sql, binds, is_stable, backwards, highlights_at: None, keys_at: width });
        }
        // With a text: the matches are ranked and cut to the page first, so that highlights and the
        // wide columns are made for its rows only.
        let inner_keys = self
            .sort
            .iter()
            .enumerate()
            .map(|(index, key)| format!("{} AS key{index}", key.expression(&rank)))
            .collect::<Vec<_>>()
            .join(", ");
        let outer_keys = (0..self.sort.len()).map(|index| format!("r.key{index}")).collect::<Vec<_>>().join(", ");
        let outer_order = keys
            .iter()
            .enumerate()
            .map(|(index, (_, descending))| {
                let name = if index < self.sort.len() { format!("r.key{index}") } else { "p.id".to_owned() };
                format!("{name}{}", if *descending { " DESC" } else { "" })
            })
            .collect::<Vec<_>>()
            .join(", ");
        let source = if self.is_by_relevance() {
            let from = if after.is_empty() { String::new() } else { format!(" WHERE {after}") };
            format!(
                "(SELECT p.id, p.document, p.created_at, p.updated_at, p.price, p.title, p.rating FROM catalog.product p \
                 WHERE {conditions} LIMIT {RANKED_AT_MOST}) p{from}"
            )
        } else {
            format!("catalog.product p WHERE {conditions}{and_after}")
        };
        let sql = format!(
            "SELECT {select}, p.title, p.description, {outer_keys} \
             FROM (SELECT p.id, {inner_keys} FROM {source} ORDER BY {order} {limit}) r \
             JOIN catalog.product p ON p.id = r.id{join} ORDER BY {outer_order}"
        );
        Ok(Statement { sql, binds, is_stable: false, backwards, highlights_at: Some(width), keys_at: width + 2 })
    }

    fn found(&self, statement: &Statement, rows: &[Row]) -> Result<Found, Error> {
        let query = self.fingerprint();
        let limit = usize::try_from(self.page.limit).unwrap_or(usize::MAX);
        let has_more = rows.len() > limit;
        let rows = &rows[..rows.len().min(limit)];
        let mut products = rows
            .iter()
            .map(|row| {
                let mut product = self.columns.product(row)?;
                if let (Some(at), Some(text)) = (statement.highlights_at, &self.filters.text) {
                    product.highlight = Some(columns::highlight(row, at, text)?);
                }
                Ok(product)
            })
            .collect::<Result<Vec<_>, Error>>()?;
        let cursor = |row: Option<&Row>, backwards: bool| -> Result<Option<Cursor>, Error> {
            let Some(row) = row else { return Ok(None) };
            let mut values = Vec::with_capacity(self.sort.len() + 1);
            for (index, key) in self.sort.iter().enumerate() {
                values.push(key.read(row, statement.keys_at + index)?);
            }
            values.push(row.try_get::<_, Uuid>(0)?.to_string().into());
            Ok(Some(Cursor { query, backwards, values }))
        };
        let came_from_somewhere = match self.page.position {
            Position::Start => false,
            Position::Offset(offset) => offset > 0,
            Position::Cursor(_) => true,
        };
        let (first, last) = if statement.backwards { (rows.last(), rows.first()) } else { (rows.first(), rows.last()) };
        let (has_next, has_prev) = if statement.backwards { (true, has_more) } else { (has_more, came_from_somewhere) };
        let next = if has_next { cursor(last, false)? } else { None };
        let prev = if has_prev { cursor(first, true)? } else { None };
        if statement.backwards {
            products.reverse();
        }
        Ok(Found { products, next, prev })
    }
}

/// The way to the database that the parts of one list take.
pub(crate) enum ListConnection {
    Pool(Database),
    /// Page, count and facets of a search see the same moment.
    Search(Box<Transaction>),
}

impl ListConnection {
    /// Opens one that suits the query.
    pub(crate) async fn open(database: &Database, query: &ListQuery) -> Result<Self, Error> {
        if query.filters.text.is_none() {
            return Ok(Self::Pool(database.clone()));
        }
        let transaction = database.begin().await?;
        transaction.batch_execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
        let connection = Self::Search(Box::new(transaction));
        if query.is_by_relevance() {
            connection.take_matches_from_the_texts_index().await?;
        }
        Ok(connection)
    }

    /// The search's own connection. Whatever a search looks up goes over it: one that took a second
    /// from the pool while it holds the first could wait for ever on others that do the same.
    pub(super) fn search(&self) -> Option<&Pooled> {
        match self {
            Self::Pool(_) => None,
            Self::Search(transaction) => Some(transaction.client()),
        }
    }

    /// Runs a statement that is planned with its values.
    async fn rows(&self, sql: &str, binds: &Binds) -> Result<Vec<Row>, Error> {
        Ok(match self {
            Self::Pool(database) => database.client().await?.query_typed(sql, &binds.typed()).await?,
            Self::Search(transaction) => transaction.query_typed(sql, &binds.typed()).await?,
        })
    }

    /// Reads a page's rows: those of a statement whose plan is always the same over the pipeline,
    /// where it is prepared and planned once.
    async fn page(&self, statement: &Statement) -> Result<Vec<Row>, Error> {
        let Self::Pool(database) = self else { return self.rows(&statement.sql, &statement.binds).await };
        if !statement.is_stable {
            return self.rows(&statement.sql, &statement.binds).await;
        }
        let pipeline = database.pipeline();
        let client = pipeline.client().await?;
        pipeline
            .bounded(async {
                let prepared = client.prepare_typed_cached(&statement.sql, statement.binds.types()).await?;
                client.query(&prepared, &statement.binds.plain()).await
            })
            .await
    }

    /// For statements that look at a bounded number of a search's matches, in no order: takes them
    /// out of the text's own index. The planner, which expects matches to lie evenly, would often
    /// rather walk the table or another index until it has met enough of them; this takes that away,
    /// and with it the dependence of what is found on the plan.
    async fn take_matches_from_the_texts_index(&self) -> Result<(), Error> {
        if let Self::Search(transaction) = self {
            transaction.batch_execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_indexscan = off").await?;
        }
        Ok(())
    }

    /// Gives it back.
    pub(crate) async fn close(self) {
        if let Self::Search(transaction) = self {
            // Nothing was written, so the two ways to end it come to the same.
            transaction.roll_back().await;
        }
    }
}

/// Reads a page.
pub(crate) async fn list_page(connection: &ListConnection, query: &ListQuery) -> Result<Found, ListError> {
    let statement = query.statement()?;
    let rows = connection.page(&statement).await?;
    Ok(query.found(&statement, &rows)?)
}

/// Counts the whole list: every row, or what the planner expects.
pub(crate) async fn list_count(connection: &ListConnection, filters: &Filters, exact: bool) -> Result<i64, Error> {
    let Conditions { binds, sql, .. } = filters.conditions(&[]);
    if exact {
        let sql = format!("SELECT count(*) FROM catalog.product p WHERE {sql}");
        return Ok(the_row(&connection.rows(&sql, &binds).await?)?.try_get(0)?);
    }
    let sql = format!("EXPLAIN (FORMAT JSON) SELECT FROM catalog.product p WHERE {sql}");
    let plan: Value = the_row(&connection.rows(&sql, &binds).await?)?.try_get(0)?;
    Ok(plan.pointer("/0/Plan/Plan Rows").and_then(Value::as_i64).unwrap_or(0))
}

/// How many products that the list could show (offered ones; or drafts, a seller's own) each of these texts matches, as
/// far as [`COUNTED_TO`]; of texts with `true` those of them that match in more than their descriptions.
pub(super) async fn list_matches(
    connection: &ListConnection,
    filters: &Filters,
    texts: Vec<(String, bool)>,
) -> Result<Vec<i64>, Error> {
    if texts.is_empty() {
        return Ok(Vec::new());
    }
    connection.take_matches_from_the_texts_index().await?;
    let mut binds = Binds::default();
    let (texts, is_named): (Vec<String>, Vec<bool>) = texts.into_iter().unzip();
    let (texts, is_named) = (binds.add(texts, Type::TEXT_ARRAY), binds.add(is_named, Type::BOOL_ARRAY));
    let mut kind = if filters.is_draft { DRAFT } else { "p.active" }.to_owned();
    // Of what is not offered a seller sees what is their own.
    if let Some(seller) = filters.seller.filter(|_| filters.is_draft) {
        kind = format!("{kind} AND p.seller_id = {}", binds.add(seller, Type::UUID));
    }
    let sql = format!(
        "SELECT (SELECT count(*) FROM (SELECT p.document FROM catalog.product p \
             WHERE {kind} AND p.document @@ asked.text::tsquery LIMIT {COUNTED_TO}) found \
             WHERE NOT asked.is_named OR ts_filter(found.document, '{{a,b,c}}') @@ asked.text::tsquery) \
         FROM unnest({texts}, {is_named}) WITH ORDINALITY AS asked (text, is_named, at) ORDER BY asked.at"
    );
    connection.rows(&sql, &binds).await?.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

fn the_row(rows: &[Row]) -> Result<&Row, Error> {
    rows.first().ok_or(Error::Missing("the one row of an aggregate"))
}

/// Counts brands and categories among the matches, the most frequent first. Also tells whether the
/// matches were too many to look at all.
pub(crate) async fn list_facets(connection: &ListConnection, filters: &Filters) -> Result<(Vec<Facet>, bool), Error> {
    connection.take_matches_from_the_texts_index().await?;
    let Conditions { binds, sql: conditions, .. } = filters.conditions(&[]);
    let over = FACETS_OVER + 1;
    // Without a text an index in the order of time bounds the look; with one the text's index does.
    let newest = if filters.text.is_none() { " ORDER BY p.created_at DESC, p.id DESC" } else { "" };
    let sql = format!(
        "WITH matched AS MATERIALIZED (SELECT p.brand, p.category_id FROM catalog.product p WHERE {conditions}{newest} LIMIT {over}), \
         brands AS (SELECT brand, count(*) AS n FROM matched WHERE brand IS NOT NULL GROUP BY brand \
             ORDER BY n DESC, brand LIMIT {FACET_VALUES}), \
         shelves AS (SELECT category_id, count(*) AS n FROM matched WHERE category_id IS NOT NULL GROUP BY category_id \
             ORDER BY n DESC, category_id LIMIT {FACET_VALUES}) \
         SELECT true, brand, brand, n, (SELECT count(*) FROM matched) FROM brands \
         UNION ALL \
         SELECT false, c.slug, c.name, n, (SELECT count(*) FROM matched) FROM shelves JOIN catalog.category c ON c.id = category_id \
         ORDER BY 1 DESC, 4 DESC, 2"
    );
    let rows = connection.rows(&sql, &binds).await?;
    let partial =
        rows.first().map_or(Ok(false), |row| row.try_get::<_, i64>(4).map(|matched| matched > FACETS_OVER))?;
    let facets = rows
        .iter()
        .map(|row| {
            let field = if row.try_get(0)? { FacetField::Brand } else { FacetField::Category };
            Ok(Facet { field, value: row.try_get(1)?, label: row.try_get(2)?, count: row.try_get(3)? })
        })
        .collect::<Result<_, Error>>()?;
    Ok((facets, partial))
}

/// For the test of plans: the statement of a list under EXPLAIN ANALYZE.
#[cfg(test)]
pub(crate) async fn list_explain(connection: &ListConnection, query: &ListQuery) -> Result<Value, ListError> {
    let statement = query.statement()?;
    let sql = format!("EXPLAIN (ANALYZE, FORMAT JSON) {}", statement.sql);
    Ok(the_row(&connection.rows(&sql, &statement.binds).await?)?.try_get(0).map_err(Error::from)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn behind_is_one_comparison_where_all_keys_go_one_way() {
        let keys = [("a".to_owned(), true), ("id".to_owned(), true)];
        assert_eq!(behind(&keys, &["$1".to_owned(), "$2".to_owned()]), "(a, id) < ($1, $2)");
    }

    #[test]
    fn behind_bounds_the_first_key_where_the_ways_differ() {
        let keys = [("a".to_owned(), true), ("b".to_owned(), false), ("id".to_owned(), false)];
        let values = ["$1".to_owned(), "$2".to_owned(), "$3".to_owned()];
        assert_eq!(behind(&keys, &values), "a <= $1 AND (a < $1 OR (a = $1 AND (b > $2 OR (b = $2 AND (id > $3)))))");
    }
}
