//! Loading products from a file of The Complete Journey's form (`data/complete-journey/README.md`).
//!
//! **What becomes of a row.** The department and the category become two levels of the tree. The
//! title is the product type in readable case, with the package size behind it; without a type, the
//! category's name, else the department's. The SKU is the `product_id`. A row without a price is
//! kept without one, one without a category lies in its department.
//!
//! **Invariants:**
//! - One transaction: a file that breaks in the middle (a bad line, a missing column, half a gzip)
//!   leaves the catalog as it was, and the error names the line.
//! - Nothing is dropped in silence: every adjusted and every refused row is in the report by its line.
//! - The file owns only the columns it has: stock, ratings, descriptions, slugs and the like of a
//!   product that is there stay. A row that is as the catalog has it changes nothing, not even a version.

mod row;

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::pin::pin;

use entrepot_contracts::Currency;
use entrepot_pg::{Error, Transaction};
use entrepot_text::LineEnds;
use flate2::read::MultiGzDecoder;
use uuid::Uuid;

use crate::Dependencies;
use crate::events::catalog_replaced;
use crate::model::CategoryInput;
use crate::ops::{CreateCategoryError, create_category_in, free_slug};
use crate::store::{self, StagedProduct};

use row::{Columns, Parsed, parse_row};
pub use row::{Note, NoteKind};

/// Rows that are sent to the database together.
const CHUNK: usize = 2_000;

/// What an import did.
#[derive(Debug, Default)]
pub struct ImportReport {
    /// Rows in the file, the header excepted.
    pub rows: u64,
    /// Products that are new.
    pub created: u64,
    /// Products that were there and differed.
    pub updated: u64,
    /// Products that were there and were the same.
    pub unchanged: u64,
    /// Rows that were not taken.
    pub refused: u64,
    /// Categories that are new.
    pub categories_created: u64,
    /// What was adjusted or refused, in the file's order.
    pub notes: Vec<Note>,
}

/// Why an import was given up. The catalog is as it was.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file cannot be opened.
    #[error("cannot open {}", .path.display())]
    Open {
        /// The file.
        path: std::path::PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A column that is there twice.
    #[error("line 1: the header has the column {0:?} twice")]
    RepeatedColumn(&'static str),
    /// A column that must be there is not.
    #[error("line 1: the header has no column {0:?}; it must have {columns}", columns = row::COLUMN_NAMES.join(", "))]
    MissingColumn(&'static str),
    /// The file ends in the middle, or is not what it says it is.
    #[error("line {line}: the file cannot be read on")]
    Unreadable {
        /// The line at which reading stopped, from 1.
        line: u64,
        /// Why.
        #[source]
        source: csv::Error,
    },
    /// A line is not of the file's form.
    #[error("line {line}: {what}")]
    BadLine {
        /// The line, from 1.
        line: u64,
        /// What is wrong with it.
        what: String,
    },
    /// A category could not be made.
    #[error("line {line}: the category {name:?} cannot be made")]
    Category {
        /// The line that names it first.
        line: u64,
        /// Its name.
        name: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The database failed.
    #[error(transparent)]
    Database(#[from] Error),
}

/// Opens a file for an import, a gzip by its first two bytes and not by its name. Also tells how
/// many bytes it has on disk, and counts into `progress` how many of them have been read.
///
/// # Errors
/// When it cannot be opened.
pub fn open(
    path: &Path,
    progress: impl FnMut(u64) + Send + 'static,
) -> Result<(Box<dyn Read + Send>, u64), ImportError> {
    let failed = |source| ImportError::Open { path: path.to_owned(), source };
    let file = std::fs::File::open(path).map_err(failed)?;
    let bytes = file.metadata().map_err(failed)?.len();
    let mut reader = BufReader::with_capacity(64 * 1024, Counted { inner: file, progress });
    let is_gzip = reader.fill_buf().map_err(failed)?.starts_with(&[0x1f, 0x8b]);
    let input: Box<dyn Read + Send> = if is_gzip { Box::new(MultiGzDecoder::new(reader)) } else { Box::new(reader) };
    Ok((input, bytes))
}

struct Counted<R, F> {
    inner: R,
    progress: F,
}

impl<R: Read, F: FnMut(u64)> Read for Counted<R, F> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(buffer)?;
        (self.progress)(read as u64);
        Ok(read)
    }
}

/// Loads the products of a file, all or none.
///
/// # Errors
/// See [`ImportError`].
pub async fn import_products(
    to: &Dependencies,
    input: Box<dyn Read + Send>,
    currency: Currency,
) -> Result<ImportReport, ImportError> {
    // An input can be read only once, so this transaction is not run again: should it deadlock with a
    // batch, it fails whole, and can be started again.
    let transaction = to.database.begin().await?;
    // Half a minute is enough for a request, not for a file.
    transaction.batch_execute("SET LOCAL statement_timeout = '30min'").await.map_err(Error::from)?;
    let report = load(to, &transaction, input, currency).await?;
    transaction.commit().await?;
    store::refresh_statistics(&to.database).await;
    Ok(report)
}

async fn load(
    to: &Dependencies,
    transaction: &Transaction,
    input: Box<dyn Read + Send>,
    currency: Currency,
) -> Result<ImportReport, ImportError> {
    let mut reader = csv::ReaderBuilder::new().buffer_capacity(64 * 1024).from_reader(LineEnds::new(input));
    let columns = Columns::find(reader.headers().map_err(|source| ImportError::Unreadable { line: 1, source })?)?;
    let mut report = ImportReport::default();
    store::words::begin(transaction).await?;
    // Nobody moves a category while products are on their way into it.
    store::category_tree_lock(transaction).await?;
    let mut shelves = Shelves::default();
    let mut seen: HashMap<String, u64> = HashMap::new();
    // The categories are made while the rows stream in, but one connection cannot do both: rows
    // are parsed first, and sent when all is known to be sound.
    let mut staged: Vec<StagedProduct> = Vec::new();
    let mut record = csv::StringRecord::new();
    loop {
        let line = reader.position().line();
        if !reader.read_record(&mut record).map_err(|source| ImportError::Unreadable { line, source })? {
            break;
        }
        let line = record.position().map_or(line, csv::Position::line);
        report.rows += 1;
        let Some(row) = parse_row(&columns, &record, line, currency, &mut report.notes)? else {
            report.refused += 1;
            continue;
        };
        if let Some(first) = seen.insert(row.sku.clone(), line) {
            let what = format!("product_id {} stands in line {first} already", row.sku);
            report.notes.push(Note { line, sku: row.sku, kind: NoteKind::Refused, what });
            report.refused += 1;
            continue;
        }
        let category_id = shelves.find_or_make(to, transaction, &row, line).await?;
        let Parsed { sku, slug, title, brand, manufacturer, package_size, price, .. } = row;
        let currency = price.map(|_| currency.code());
        let id = to.clock.new_id();
        staged.push(StagedProduct {
            id,
            sku,
            slug,
            title,
            brand,
            category_id,
            manufacturer,
            package_size,
            price,
            currency,
        });
    }
    let refused_before = report.refused;
    let sink = store::staging_open(transaction).await?;
    let mut sink = pin!(sink);
    for chunk in staged.chunks(CHUNK) {
        store::staging_load(&mut sink, chunk).await?;
    }
    store::staging_end(transaction, sink.as_mut()).await?;
    for sku in store::staging_refuse_taken(transaction).await? {
        let line = seen.get(&sku).copied().unwrap_or_default();
        let what = "product_id is the slug of another product".to_owned();
        report.notes.push(Note { line, sku, kind: NoteKind::Refused, what });
        report.refused += 1;
    }
    let refused = report.refused - refused_before;
    report.notes.sort_by_key(|note| note.line);
    let upserted = store::staging_apply(transaction, to.clock.now()).await?;
    let texts = staged.iter().flat_map(|product| [Some(product.title.as_str()), product.brand.as_deref()]);
    let words = store::words::vocabulary(texts.flatten());
    store::words::learn(transaction, words).await?;
    to.feed.append(transaction, catalog_replaced("import")).await?;
    report.created = upserted.created;
    report.updated = upserted.updated;
    report.unchanged = staged.len() as u64 - refused - upserted.created - upserted.updated;
    report.categories_created = shelves.created;
    Ok(report)
}

/// The categories that the file's rows lie in, found or made once each.
#[derive(Default)]
struct Shelves {
    known: HashMap<(String, Option<String>), (Uuid, String)>,
    created: u64,
}

impl Shelves {
    async fn find_or_make(
        &mut self,
        to: &Dependencies,
        transaction: &Transaction,
        row: &Parsed,
        line: u64,
    ) -> Result<Uuid, ImportError> {
        let department = self.shelf(to, transaction, (&row.department, None), None, line).await?;
        match &row.category {
            None => Ok(department.0),
            Some(name) => {
                let key = (row.department.as_str(), Some(name.as_str()));
                Ok(self.shelf(to, transaction, key, Some(&department), line).await?.0)
            }
        }
    }

    /// A category is the one of its name in its place. Its slug follows from both, and is another's sometimes: it then
    /// gets one of its own.
    async fn shelf(
        &mut self,
        to: &Dependencies,
        transaction: &Transaction,
        (department, category): (&str, Option<&str>),
        parent: Option<&(Uuid, String)>,
        line: u64,
    ) -> Result<(Uuid, String), ImportError> {
        let key = (department.to_owned(), category.map(str::to_owned));
        if let Some(known) = self.known.get(&key) {
            return Ok(known.clone());
        }
        let name = category.unwrap_or(department);
        let found = match store::category_named(transaction, parent.map(|parent| parent.0), name).await? {
            Some(found) => found,
            None => {
                let plain = crate::slug::slugify(name, "other");
                let plain = parent.map_or_else(|| plain.clone(), |(_, above)| format!("{above}-{plain}"));
                let input = CategoryInput {
                    name: name.to_owned(),
                    slug: Some(free_slug(transaction, &plain, None).await?),
                    parent: parent.map(|parent| parent.1.clone()),
                    ..CategoryInput::default()
                };
                self.created += 1;
                let made = create_category_in(transaction, to, &input).await.map_err(|error| match error {
                    CreateCategoryError::Database(error) => ImportError::Database(error),
                    other => ImportError::Category { line, name: name.to_owned(), source: other.into() },
                })?;
                (made.id, made.slug)
            }
        };
        self.known.insert(key, found.clone());
        Ok(found)
    }
}
