//! The report of what is in stock: how much of everything there is, and what it is worth at its price.
//!
//! **Invariant:** amounts of different currencies are never added up: each has a section of its own.

use std::collections::BTreeMap;

use entrepot_documents::{Cell, Chart, ChartKind, Column, Document, Figure, Kind, Section, Series, Table, rounded};
use entrepot_pg::Database;
use entrepot_reports::{Asked, Format, Source, SourceError};
use entrepot_web::Fault;
use entrepot_web::body::{Reader, Text};
use futures_util::future::BoxFuture;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;
use serde_json::{Map, Value};

use crate::store::{self, StockRow};

/// Products that a report is made of.
const MOST: i64 = 200_000;
/// Products that a PDF lists one by one; of more it shows the categories.
const MOST_IN_PDF: usize = 10_000;
/// Categories in the chart, and in the table below it.
const CHARTED: usize = 12;
const LARGEST_STOCK: i32 = 1_000_000;

/// Reports of what is in stock.
pub(crate) struct StockReport {
    database: Database,
}

impl StockReport {
    pub(crate) fn new(database: Database) -> Self {
        Self { database }
    }
}

/// What was asked for.
struct Wanted {
    category: Option<String>,
    /// Only what there is no more of than this.
    at_most: Option<i32>,
}

impl Wanted {
    fn read(given: &Value) -> Result<Self, Vec<Fault>> {
        let mut reader = Reader::new(given, "/parameters");
        let category = reader.optional("category", |member| member.text(Text::line(1, 200)));
        let at_most = reader.optional("atMost", |member| member.integer(0, LARGEST_STOCK));
        let faults = reader.finish();
        if faults.is_empty() { Ok(Self { category, at_most }) } else { Err(faults) }
    }
}

impl Source for StockReport {
    fn kind(&self) -> &'static str {
        "inventory"
    }

    fn about(&self) -> &'static str {
        "What is in stock and what it is worth at its price, by category and product. Parameters: `category` (a slug: \
         that one and those below it), `atMost` (only what there is no more of than that)."
    }

    fn action(&self) -> &'static str {
        "stock.report"
    }

    fn check(&self, given: &Value) -> Result<Value, Vec<Fault>> {
        Wanted::read(given)?;
        let kept =
            ["category", "atMost"].iter().filter_map(|name| Some(((*name).to_owned(), given.get(name)?.clone())));
        Ok(Value::Object(kept.collect::<Map<_, _>>()))
    }

    fn read<'a>(&'a self, asked: &'a Asked) -> BoxFuture<'a, Result<Document, SourceError>> {
        Box::pin(async move {
            let wanted = Wanted::read(&asked.parameters)
                .map_err(|_faults| SourceError::Impossible("its parameters are not those of today".to_owned()))?;
            let category = wanted.category.as_deref();
            if let Some(slug) = category
                && store::category_with_below(&self.database, slug).await?.is_empty()
            {
                return Err(SourceError::Impossible(format!("there is no category {slug:?}")));
            }
            let client = self.database.client().await?;
            let rows = store::stock(&client, category, wanted.at_most, MOST + 1).await?;
            if i64::try_from(rows.len()).unwrap_or(i64::MAX) > MOST {
                return Err(SourceError::Impossible(format!(
                    "there are more than {MOST} products: narrow it to a category"
                )));
            }
            Ok(document(asked, &wanted, &rows))
        })
    }
}

/// What a product's stock is worth.
fn worth(row: &StockRow) -> Option<Decimal> {
    row.price?.checked_mul(Decimal::from(row.stock))
}

fn document(asked: &Asked, wanted: &Wanted, rows: &[StockRow]) -> Document {
    let mut by_currency: BTreeMap<&str, Vec<&StockRow>> = BTreeMap::new();
    for row in rows {
        by_currency.entry(row.currency.as_deref().unwrap_or_default()).or_default().push(row);
    }
    let count = |number: usize| Cell::Integer(i64::try_from(number).unwrap_or(i64::MAX));
    let out = rows.iter().filter(|row| row.stock == 0).count();
    let mut figures = vec![
        Figure { label: "Products".to_owned(), kind: Kind::Integer, value: count(rows.len()), note: String::new() },
        Figure {
            label: "Sold out".to_owned(),
            kind: Kind::Integer,
            value: count(out),
            note: match Decimal::from(out).checked_div(Decimal::from(rows.len())) {
                Some(share) => format!("{:.1} % of them", rounded(share * Decimal::ONE_HUNDRED, 1)),
                None => String::new(),
            },
        },
        Figure {
            label: "Pieces".to_owned(),
            kind: Kind::Integer,
            value: Cell::Integer(rows.iter().map(|row| i64::from(row.stock)).sum()),
            note: String::new(),
        },
    ];
    let mut sections = Vec::new();
    for (code, rows) in &by_currency {
        if let Some(kind) = iso(code).map(|currency| Kind::Money { currency }) {
            let worths = rows.iter().filter_map(|row| worth(row));
            let sum = worths.fold(Decimal::ZERO, |sum, one| sum + one);
            figures.push(Figure {
                label: format!("Worth in {code}"),
                kind,
                value: Cell::Decimal(sum),
                note: "at today's prices".to_owned(),
            });
            sections.push(by_category(code, Some(kind), rows));
        }
    }
    let is_listed = asked.format == Format::Excel || rows.len() <= MOST_IN_PDF;
    if let Some(rows) = by_currency.get("").filter(|_| !is_listed) {
        sections.push(by_category("without a price", None, rows));
    }
    for (code, rows) in by_currency.into_iter().filter(|_| is_listed) {
        let kind = iso(code).map(|currency| Kind::Money { currency });
        sections.push(products(code, kind, &rows));
    }
    figures.truncate(8);
    let subtitle = match (&wanted.category, wanted.at_most) {
        (Some(category), Some(most)) => format!("Category {category}; no more than {most} in stock"),
        (Some(category), None) => format!("Category {category}"),
        (None, Some(most)) => format!("Products of which there are no more than {most}"),
        (None, None) => "All products on sale".to_owned(),
    };
    let subtitle = if is_listed {
        subtitle
    } else {
        format!("{subtitle}; by category, as a PDF lists {MOST_IN_PDF} products at the most, and an Excel file all")
    };
    Document {
        title: "Inventory".to_owned(),
        subtitle,
        organisation: asked.organisation.clone(),
        period: asked.today.strftime("%-d %B %Y").to_string(),
        made_at: asked.now,
        zone: TimeZone::UTC,
        figures,
        sections,
    }
}

fn iso(code: &str) -> Option<entrepot_documents::Currency> {
    entrepot_documents::Currency::from_code(code)
}

/// What each category's stock is worth, the most first. `kind`: of amounts, where the products have prices.
fn by_category(code: &str, kind: Option<Kind>, rows: &[&StockRow]) -> Section {
    let mut sums: BTreeMap<&str, (i64, i64, Decimal)> = BTreeMap::new();
    for row in rows {
        let sum = sums.entry(row.category.as_deref().unwrap_or("(none)")).or_default();
        sum.0 += 1;
        sum.1 += i64::from(row.stock);
        sum.2 += worth(row).unwrap_or_default();
    }
    let mut sums: Vec<_> = sums.into_iter().collect();
    sums.sort_by_key(|(_, (_, _, worth))| std::cmp::Reverse(*worth));
    let chart = Chart {
        kind: ChartKind::Bars,
        title: if sums.len() > CHARTED { format!("The {CHARTED} that are worth most") } else { "Worth".to_owned() },
        unit: code.to_owned(),
        labels: sums.iter().take(CHARTED).map(|(name, _)| name.chars().take(18).collect()).collect(),
        series: vec![Series {
            name: "Worth".to_owned(),
            values: sums.iter().take(CHARTED).map(|(_, (_, _, worth))| Some(*worth)).collect(),
        }],
    };
    let is_worth_a_picture = sums.len() > 1 && sums.iter().any(|(_, (_, _, worth))| !worth.is_zero());
    let mut columns = vec![
        Column::new("Category", Kind::Text),
        Column::new("Products", Kind::Integer).summed(),
        Column::new("Pieces", Kind::Integer).summed(),
    ];
    columns.extend(kind.map(|kind| Column::new("Worth", kind).summed()));
    let row = |(name, (products, pieces, worth)): (&str, (i64, i64, Decimal))| {
        let mut cells = vec![Cell::Text(name.to_owned()), Cell::Integer(products), Cell::Integer(pieces)];
        cells.extend(kind.map(|_| Cell::Decimal(worth)));
        cells
    };
    Section {
        heading: format!("By category ({code})"),
        text: String::new(),
        chart: is_worth_a_picture.then_some(chart),
        table: Table { columns, rows: sums.into_iter().map(row).collect() },
    }
}

/// The products themselves.
fn products(code: &str, kind: Option<Kind>, rows: &[&StockRow]) -> Section {
    let mut columns = vec![
        Column::new("SKU", Kind::Text),
        Column::new("Product", Kind::Text),
        Column::new("Category", Kind::Text),
        Column::new("In stock", Kind::Integer).summed(),
    ];
    if let Some(kind) = kind {
        columns.extend([Column::new("Price", kind), Column::new("Worth", kind).summed()]);
    }
    let rows = rows
        .iter()
        .map(|row| {
            let mut cells = vec![
                Cell::Text(row.sku.clone()),
                Cell::Text(row.title.clone()),
                Cell::Text(row.category.clone().unwrap_or_default()),
                Cell::Integer(i64::from(row.stock)),
            ];
            if kind.is_some() {
                let amount = |amount: Option<Decimal>| amount.map_or(Cell::Empty, Cell::Decimal);
                cells.extend([amount(row.price), amount(worth(row))]);
            }
            cells
        })
        .collect();
    Section {
        heading: if code.is_empty() { "Products without a price".to_owned() } else { format!("Products ({code})") },
        text: String::new(),
        chart: None,
        table: Table { columns, rows },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of every ten products one has no price, and one is in another category.
    fn stocked(count: usize) -> Vec<StockRow> {
        let row = |at: usize| StockRow {
            sku: format!("S-{at}"),
            title: format!("Thing {at}"),
            category: Some(if at % 10 == 1 { "Tea" } else { "Coffee" }.to_owned()),
            stock: 2,
            price: (!at.is_multiple_of(10)).then(|| Decimal::new(150, 2)),
            currency: (!at.is_multiple_of(10)).then(|| "EUR".to_owned()),
        };
        (0..count).map(row).collect()
    }

    fn made(format: Format, count: usize) -> Document {
        let asked = Asked {
            parameters: Value::Null,
            scope: None,
            today: jiff::civil::date(2026, 11, 2),
            now: jiff::Timestamp::UNIX_EPOCH,
            format,
            organisation: String::new(),
        };
        document(&asked, &Wanted { category: None, at_most: None }, &stocked(count))
    }

    #[test]
    fn a_pdf_of_more_products_than_it_lists_shows_the_categories_of_all_of_them() {
        let headings = |document: &Document| -> Vec<String> {
            document.sections.iter().map(|section| section.heading.clone()).collect()
        };
        let listed = ["By category (EUR)", "Products without a price", "Products (EUR)"];
        assert_eq!(headings(&made(Format::Pdf, MOST_IN_PDF)), listed);
        assert_eq!(headings(&made(Format::Excel, MOST_IN_PDF + 10)), listed);

        let document = made(Format::Pdf, MOST_IN_PDF + 10);
        assert_eq!(headings(&document), ["By category (EUR)", "By category (without a price)"]);
        assert!(document.subtitle.contains("10000 products at the most"), "{}", document.subtitle);
        let [priced, unpriced] = &*document.sections else { panic!("two") };
        let worth = |pieces: i64| Cell::Decimal(Decimal::new(150, 2) * Decimal::from(pieces));
        let text = |text: &str| Cell::Text(text.to_owned());
        let row = |name: &str, products: i64| {
            vec![text(name), Cell::Integer(products), Cell::Integer(2 * products), worth(2 * products)]
        };
        assert_eq!(priced.table.rows, [row("Coffee", 8_008), row("Tea", 1_001)]);
        assert_eq!(unpriced.table.rows, [vec![text("Coffee"), Cell::Integer(1_001), Cell::Integer(2_002)]]);
    }
}
