//! The plans of every list that the API offers, at 100,000 products: no plan may read the table or
//! sort it.
//!
//! What is checked is what was really done (EXPLAIN ANALYZE), not what was estimated: no sequential
//! scan of products; no node that looked at more rows than [`MOST_ROWS`] (a tenth of the table),
//! those that a filter threw away included; no sort of more than that. Where two filters are each
//! common and together rare, the planner walks an order until the page is full: that is what the
//! tenth allows for.

use entrepot_cache::{Fence, FenceSettings};
use entrepot_feed::{Feed, FeedSettings};
use entrepot_migrations::MIGRATIONS;
use entrepot_runtime::Clock;
use entrepot_testkit::{TestDatabase, test_database};
use entrepot_web::{Cursor, PageRequest, Position};
use serde_json::Value;

use super::list::{ListConnection, list_explain, list_page};
use super::reviews::{ReviewQuery, review_explain, review_page};
use super::{CategoryFilter, Columns, Filters, ListQuery, SortField, SortKey};
use crate::Dependencies;
use crate::seed::{SeedProfile, seed};

const MOST_ROWS: f64 = 10_000.0;

/// Every filter alone, by itself common, middling and rare where it matters, and some together.
fn filters(categories: &[(String, CategoryFilter)]) -> Vec<(String, Filters)> {
    let none = Filters::default();
    let mut all = vec![("nothing".to_owned(), none.clone())];
    for (slug, category) in categories {
        all.push((format!("category {slug}"), Filters { category: Some(*category), ..none.clone() }));
    }
    for brand in ["Brand 01", "Brand 15", "Brand 55", "Nobody"] {
        all.push((brand.to_owned(), Filters { brands: vec![brand.to_owned()], ..none.clone() }));
    }
    for (min, max) in [(None, Some(5)), (Some(5), Some(6)), (Some(9_000), None), (Some(0), None)] {
        let bounds = Filters { min_price: min.map(Into::into), max_price: max.map(Into::into), ..none.clone() };
        all.push((format!("price {min:?} to {max:?}"), bounds));
    }
    for rating in [3, 5] {
        all.push((format!("rating {rating}"), Filters { min_rating: Some(rating.into()), ..none.clone() }));
    }
    for in_stock in [true, false] {
        all.push((format!("in stock {in_stock}"), Filters { in_stock: Some(in_stock), ..none.clone() }));
    }
    for tag in ["new", "bundle", "none"] {
        all.push((format!("tag {tag}"), Filters { tag: Some(tag.to_owned()), ..none.clone() }));
    }
    for (name, value) in [("material", "oak"), ("widthCm", "80"), ("warrantyYears", "9")] {
        let specifications = vec![(name.to_owned(), value.to_owned())];
        all.push((format!("{name} {value}"), Filters { specifications, ..none.clone() }));
    }
    for text in ["oak", "quiet steel lamp", "\"solid oak\"", "gard"] {
        all.push((format!("text {text}"), Filters { text: Some(entrepot_text::Query::parse(text)), ..none.clone() }));
    }
    let several = vec!["Brand 01".to_owned(), "Brand 55".to_owned()];
    all.push(("two brands".to_owned(), Filters { brands: several, ..none.clone() }));
    all.push(("drafts".to_owned(), Filters { is_draft: true, ..none.clone() }));
    all.push(("ids".to_owned(), Filters { ids: Some(vec![uuid::Uuid::nil()]), ..none.clone() }));
    let since = Some("2200-01-01T00:00:00Z".parse().expect("a time"));
    all.push(("changed since".to_owned(), Filters { updated_since: since, ..none.clone() }));
    let together =
        Filters { category: Some(categories[0].1), in_stock: Some(true), max_price: Some(20.into()), ..none.clone() };
    all.push(("shelf, in stock, cheap".to_owned(), together));
    all.push(("brand, tag".to_owned(), Filters { brands: vec!["Brand 02".into()], tag: Some("sale".into()), ..none }));
    all
}

/// The rows that the busiest node looked at, and the name of a node that may not be.
fn worst(plan: &Value) -> (f64, Option<String>) {
    let number = |name: &str| plan[name].as_f64().unwrap_or(0.0);
    let node = plan["Node Type"].as_str().unwrap_or_default();
    let removed = number("Rows Removed by Filter") + number("Rows Removed by Index Recheck");
    let mut rows = (number("Actual Rows") + removed) * number("Actual Loops").max(1.0);
    // A bitmap of entries in an index is not rows that were looked at.
    if node.starts_with("Bitmap Index") || node.starts_with("BitmapAnd") || node.starts_with("BitmapOr") {
        rows = 0.0;
    }
    let table = plan["Relation Name"].as_str().unwrap_or_default();
    let mut banned = (node == "Seq Scan" && matches!(table, "product" | "review" | "product_views"))
        .then(|| format!("a sequential scan of {table}"));
    for child in plan["Plans"].as_array().into_iter().flatten() {
        let (below, banned_below) = worst(child);
        rows = rows.max(below);
        banned = banned.or(banned_below);
    }
    (rows, banned)
}

/// Something to write to this database with.
fn dependencies(database: &TestDatabase) -> Dependencies {
    let fence = Fence::new(FenceSettings::default());
    let feed = Feed::new(database.database.clone(), fence, FeedSettings::default());
    Dependencies { database: database.database.clone(), clock: Clock::system(), feed }
}

#[tokio::test]
async fn no_list_reads_or_sorts_the_table() {
    let database = test_database(MIGRATIONS).await;
    let to = dependencies(&database);
    seed(&to, SeedProfile::Full, false, &|_, _| {}).await.expect("the full catalog");
    let mut categories = Vec::new();
    for slug in ["kitchen", "grocery", "grocery-tea-studio", "garden-tools", "kitchen-cookware-everyday"] {
        let found = super::category_resolve(&to.database, slug).await.expect("answered");
        categories.push((slug.to_owned(), found.unwrap_or_else(|| panic!("{slug} is seeded"))));
    }
    let mut faults = Vec::new();
    let mut checked = 0;
    for (name, filters) in filters(&categories) {
        let mut fields =
            vec![SortField::CreatedAt, SortField::UpdatedAt, SortField::Price, SortField::Title, SortField::Rating];
        if filters.text.is_some() {
            fields.push(SortField::Relevance);
        }
        let one = |field| [false, true].map(|descending| vec![SortKey { field, descending }]);
        let mut orders: Vec<Vec<SortKey>> = fields.into_iter().flat_map(one).collect();
        // Several fields are sorted within rows that are equal in the first, so that one must tell
        // most rows apart; an order that begins with a field of few values is not promised.
        for (first, second) in [(SortField::Price, SortField::Title), (SortField::Title, SortField::Price)] {
            let key = |field, descending| SortKey { field, descending };
            orders.push(vec![key(first, true), key(second, false)]);
            orders.push(vec![key(first, false), key(second, false)]);
        }
        for sort in orders {
            let mut query = ListQuery {
                filters: filters.clone(),
                sort: sort.clone(),
                columns: Columns::ALL,
                page: PageRequest { limit: 50, position: Position::Start, number: None },
            };
            let connection = ListConnection::open(&to.database, &query).await.expect("a connection");
            // The first page, and one from a cursor.
            let next: Option<Cursor> = list_page(&connection, &query).await.expect("a page").next;
            for position in std::iter::once(Position::Start).chain(next.map(Position::Cursor)) {
                query.page.position = position;
                let plan = list_explain(&connection, &query).await.expect("explained");
                let (rows, banned) = worst(&plan[0]["Plan"]);
                checked += 1;
                if let Some(what) = banned {
                    faults.push(format!("{name} by {sort:?}: {what}"));
                } else if rows > MOST_ROWS {
                    faults.push(format!("{name} by {sort:?}: looked at {rows} rows"));
                }
            }
            connection.close().await;
        }
    }
    assert!(faults.is_empty(), "{} of {checked} plans are at fault:\n{}", faults.len(), faults.join("\n"));
    assert!(checked > 500, "only {checked} plans were checked");
}

/// The statement of `db/queries` that names the popular products.
fn popular_sql() -> String {
    let file = include_str!("../../../../db/queries/catalog/views.sql");
    let lines = file.lines().skip_while(|line| *line != "--! product_popular").filter(|line| !line.starts_with("--"));
    lines.collect::<Vec<_>>().join("\n").replace(":at_most", "$1").trim_end_matches(';').to_owned()
}

/// The same of one product's 20,000 reviews among 45,000, and of the popular products among 5,000, of
/// which nearly all were viewed, or nearly none. No node may look at more than 500 rows.
#[tokio::test]
async fn no_list_of_reviews_or_views_reads_or_sorts_its_table() {
    let database = test_database(MIGRATIONS).await;
    let to = dependencies(&database);
    seed(&to, SeedProfile::Performance, false, &|_, _| {}).await.expect("a catalog");
    let client = to.database.client().await.expect("a connection");
    client
        .batch_execute(
            "INSERT INTO catalog.review (id, product_id, rating, author, created_at)
             SELECT gen_random_uuid(), (SELECT id FROM catalog.product WHERE sku = 'P000001'), 1 + n % 5, 'Teo',
                    now() - n / 10 * interval '1 minute'
             FROM generate_series(1, 20000) AS n;
             INSERT INTO catalog.review (id, product_id, rating, author, created_at)
             SELECT gen_random_uuid(), id, 1 + n, 'Teo', now() - n * interval '1 minute'
             FROM catalog.product, generate_series(0, 4) AS n;
             INSERT INTO catalog.product_views (product_id, views, updated_at)
             SELECT id, 1 + abs(hashtext(sku)) % 1000, now() FROM catalog.product WHERE sku < 'P004900';
             ANALYZE catalog.review, catalog.product_views",
        )
        .await
        .expect("filled");
    let product_id = client.query_one("SELECT id FROM catalog.product WHERE sku = 'P000001'", &[]).await;
    let product_id = product_id.expect("it is there").get(0);
    let mut plans = Vec::new();
    for rating in [None, Some(1)] {
        let page = PageRequest { limit: 50, position: Position::Start, number: None };
        let mut query = ReviewQuery { product_id, rating, page };
        let next = review_page(&to.database, &query).await.expect("a page").next.expect("a next page");
        let back = Cursor { backwards: true, ..next.clone() };
        let cursors = [next, back].map(Position::Cursor);
        for position in [Position::Start, Position::Offset(100)].into_iter().chain(cursors) {
            query.page.position = position.clone();
            let plan = review_explain(&to.database, &query).await.expect("explained");
            plans.push((format!("reviews {rating:?} {position:?}"), plan));
        }
    }
    let sql = format!("EXPLAIN (ANALYZE, FORMAT JSON) {}", popular_sql());
    for few in [false, true] {
        if few {
            let few = "DELETE FROM catalog.product_views WHERE views < 1000; ANALYZE catalog.product_views";
            client.batch_execute(few).await.expect("deleted");
        }
        let statement = client.prepare(&sql).await.expect("prepared");
        // The sixth time on a prepared statement may be planned without its value.
        for _ in 0..7 {
            let plan: Value = client.query_one(&statement, &[&20_i64]).await.expect("explained").get(0);
            plans.push((format!("popular, few viewed: {few}"), plan));
        }
    }
    for (name, plan) in plans {
        let (rows, banned) = worst(&plan[0]["Plan"]);
        // A table of a page or two is read whole, and rightly.
        let banned = banned.filter(|banned| !(name.ends_with("true") && banned.ends_with("product_views")));
        assert_eq!(banned, None, "{name}: {plan}");
        assert!(rows <= 500.0, "{name}: looked at {rows} rows: {plan}");
    }
}
