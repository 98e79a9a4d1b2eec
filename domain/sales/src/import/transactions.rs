//! Loading the transactions of a chain (The Complete Journey's form, `data/complete-journey/README.md`),
//! summed into days of stores while they are read.
//!
//! **What becomes of a line.** Its value counts as sales of its store on its day, its basket as one
//! transaction, its household as one customer, its three discounts as discount, its quantity as units. A
//! quantity from [`BY_MEASURE`] on is one by measure (fuel), in thousandths. A quantity of zero is no unit,
//! and what was paid counts all the same. What is below zero is a return and takes away.
//!
//! **Invariants:**
//! - One transaction: a file that breaks in the middle leaves everything as it was, and the error names the
//!   line.
//! - Nothing is dropped in silence: every line that was adjusted or refused is in the report.
//! - A second run changes nothing, not even a version: the days of the file are put in place of the days
//!   that are there, and days that it does not have stay.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::hash::{DefaultHasher, Hasher as _};
use std::io::Read;

use entrepot_contracts::StoreId;
use entrepot_pg::{Error, ScopedFutureExt as _};
use entrepot_text::LineEnds;
use jiff::civil::{Date, DateTime};
use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::{Map, Value};

use crate::Dependencies;
use crate::model::{Days, MonthInput, MonthKey};
use crate::ops::{Manner, Outcome, UpsertMonthsError, Verdict, upsert_in};

/// From this quantity on it is a measure in thousandths: nobody carries a hundred pieces of one thing to the
/// till, and the least that is filled into a tank is more than a tenth of a gallon.
const BY_MEASURE: Decimal = Decimal::from_parts(100, 0, 0, false, 0);
const THOUSAND: Decimal = Decimal::from_parts(1_000, 0, 0, false, 0);
/// Months that one statement writes.
const PIECE: usize = 500;
/// Lines that are named in the report.
const MOST_NOTES: usize = 200_000;

const COLUMNS: [&str; 9] = [
    "store_id",
    "household_id",
    "basket_id",
    "quantity",
    "sales_value",
    "retail_disc",
    "coupon_disc",
    "coupon_match_disc",
    "transaction_timestamp",
];

/// What was done with a line beside counting it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NoteKind {
    /// The quantity is in thousandths.
    ByMeasure,
    /// The quantity is zero.
    NoQuantity,
    /// Nothing was paid.
    NoValue,
    /// A return: it takes away.
    Return,
    /// The value had more than two decimals.
    Rounded,
    /// It was not taken.
    Refused,
}

impl fmt::Display for NoteKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::ByMeasure => "sold by measure: a thousandth of the quantity counts as units",
            Self::NoQuantity => "no quantity: counted, with no unit",
            Self::NoValue => "nothing paid: counted, with no sales",
            Self::Return => "return: taken away",
            Self::Rounded => "value rounded to two decimals",
            Self::Refused => "refused",
        })
    }
}

/// A line that was adjusted or refused.
#[derive(Clone, Debug)]
pub struct Note {
    /// The line, from 1.
    pub line: u64,
    /// What was done with it.
    pub kind: NoteKind,
    /// The value that was met, or why it was refused.
    pub what: String,
}

/// What an import did.
#[derive(Debug, Default)]
pub struct TransactionReport {
    /// Lines in the file, the header excepted.
    pub lines: u64,
    /// Baskets.
    pub baskets: u64,
    /// Stores in the file.
    pub stores: u64,
    /// Stores that are new.
    pub stores_created: u64,
    /// Days of stores.
    pub days: u64,
    /// Months that are new.
    pub created: u64,
    /// Months that were changed.
    pub updated: u64,
    /// Months that were as they should be.
    pub unchanged: u64,
    /// What was paid in all.
    pub sales: Decimal,
    /// How many lines were noted, by what.
    pub counts: BTreeMap<NoteKind, u64>,
    /// What was adjusted or refused, in the file's order; cut where there is too much of it.
    pub notes: Vec<Note>,
}

/// Why an import was given up. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A column that must be there is not.
    #[error("line 1: the header has no column {0:?}; it must have {columns}", columns = COLUMNS.join(", "))]
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
    /// A sum is of no size that is kept.
    #[error("store {store}, {date}: the sum of the lines cannot be kept: {what}")]
    Sum {
        /// The store.
        store: String,
        /// The day.
        date: Date,
        /// Why.
        what: String,
    },
    /// Others make the same months at the same time.
    #[error("others write the same months at the same time; run it again")]
    Raced,
    /// The database failed.
    #[error(transparent)]
    Database(#[from] Error),
}

#[derive(Default)]
struct StoreDay {
    sales: Decimal,
    units: Decimal,
    discount: Decimal,
    baskets: u64,
    households: HashSet<u64>,
}

/// A line, as far as it counts.
struct Line {
    store: StoreId,
    date: Date,
    basket: u64,
    household: Option<u64>,
    sales: Decimal,
    units: Decimal,
    discount: Decimal,
    notes: Vec<(NoteKind, String)>,
}

/// Sums the transactions in `input` (CSV) into days of stores and puts them in. Stores are made as they
/// appear.
///
/// # Errors
/// See [`ImportError`].
pub async fn import_transactions(to: &Dependencies, input: impl Read + Send) -> Result<TransactionReport, ImportError> {
    let mut report = TransactionReport::default();
    let days = sum(input, &mut report)?;
    let months = months(days, &mut report)?;
    write(to, months, &mut report).await?;
    Ok(report)
}

/// Reads the whole file. What is kept grows with days of stores and with baskets, not with lines.
fn sum(input: impl Read, report: &mut TransactionReport) -> Result<BTreeMap<(StoreId, Date), StoreDay>, ImportError> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(LineEnds::new(input));
    let header = reader.headers().map_err(|source| ImportError::Unreadable { line: 1, source })?;
    let mut places = [0; COLUMNS.len()];
    for (place, name) in places.iter_mut().zip(COLUMNS) {
        let found = header.iter().position(|column| column.trim() == name);
        *place = found.ok_or(ImportError::MissingColumn(name))?;
    }
    let mut days: BTreeMap<(StoreId, Date), StoreDay> = BTreeMap::new();
    // A basket is told by its number, its store and its day, in 64 bits.
    let mut baskets = HashSet::new();
    let mut record = csv::StringRecord::new();
    loop {
        let line = reader.position().line();
        match reader.read_record(&mut record) {
            Ok(false) => break,
            Ok(true) => {}
            Err(source) if source.is_io_error() => return Err(ImportError::Unreadable { line, source }),
            Err(error) => {
                report.lines += 1;
                note(report, line, NoteKind::Refused, error.to_string());
                continue;
            }
        }
        report.lines += 1;
        match read_line(&record, &places) {
            Err(what) => note(report, line, NoteKind::Refused, what),
            Ok(read) => {
                for (kind, what) in read.notes {
                    note(report, line, kind, what);
                }
                report.sales += read.sales;
                let is_new = baskets.insert(hash(&(&read.store, read.date, read.basket)));
                let day = days.entry((read.store, read.date)).or_default();
                day.sales += read.sales;
                day.units += read.units;
                day.discount += read.discount;
                day.baskets += u64::from(is_new);
                day.households.extend(read.household);
            }
        }
    }
    report.baskets = baskets.len() as u64;
    Ok(days)
}

fn note(report: &mut TransactionReport, line: u64, kind: NoteKind, what: String) {
    *report.counts.entry(kind).or_default() += 1;
    if report.notes.len() < MOST_NOTES {
        report.notes.push(Note { line, kind, what });
    }
}

fn hash(value: &impl std::hash::Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

fn read_line(record: &csv::StringRecord, places: &[usize; COLUMNS.len()]) -> Result<Line, String> {
    let cell = |index: usize| record.get(places[index]).map(str::trim).unwrap_or_default();
    let number = |index: usize| {
        let text = cell(index);
        let found = text.parse::<Decimal>().or_else(|_| Decimal::from_scientific(text));
        found.map_err(|_| format!("{} {text:?} is no number", COLUMNS[index]))
    };
    let store = cell(0).parse::<StoreId>().map_err(|error| format!("store_id {:?} {error}", cell(0)))?;
    if cell(2).is_empty() {
        return Err("there is no basket_id".to_owned());
    }
    let text = cell(8);
    let date = text.parse::<DateTime>().map(DateTime::date).or_else(|_| text.parse::<Date>());
    let date = date.ok().filter(|date| (1900..=2200).contains(&date.year()));
    let date = date.ok_or_else(|| format!("transaction_timestamp {text:?} is no time such as 2017-01-31 12:00:00"))?;
    let (quantity, value) = (number(3)?, number(4)?);
    let discount = number(5)?.abs() + number(6)?.abs() + number(7)?.abs();
    let cents = |value: Decimal| value.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero);
    let mut notes = Vec::new();
    let sales = cents(value);
    if sales != value {
        notes.push((NoteKind::Rounded, value.to_string()));
    }
    let units = if quantity.abs() >= BY_MEASURE {
        notes.push((NoteKind::ByMeasure, quantity.to_string()));
        quantity / THOUSAND
    } else {
        quantity
    };
    if quantity.is_zero() {
        notes.push((NoteKind::NoQuantity, value.to_string()));
    }
    if value.is_zero() {
        notes.push((NoteKind::NoValue, quantity.to_string()));
    }
    if (quantity.is_sign_negative() && !quantity.is_zero()) || (value.is_sign_negative() && !value.is_zero()) {
        notes.push((NoteKind::Return, format!("{quantity} for {value}")));
    }
    let household = Some(cell(1)).filter(|household| !household.is_empty()).map(|household| hash(&household));
    let basket = hash(&cell(2));
    Ok(Line { store, date, basket, household, sales, units, discount: cents(discount), notes })
}

/// The days as months.
fn months(
    days: BTreeMap<(StoreId, Date), StoreDay>,
    report: &mut TransactionReport,
) -> Result<Vec<MonthInput>, ImportError> {
    let mut months: BTreeMap<MonthKey, Days> = BTreeMap::new();
    let mut stores = HashSet::new();
    for ((store, date), day) in days {
        let failed = |what: &str| ImportError::Sum { store: store.to_string(), date, what: what.to_owned() };
        report.days += 1;
        stores.insert(store.clone());
        let number = |value: Decimal| -> Result<Value, ImportError> {
            let text = value.round_dp(4).normalize().to_string();
            serde_json::from_str(&text).map_err(|_| failed("it is no number"))
        };
        let fields = Map::from_iter([
            ("sales".to_owned(), number(day.sales)?),
            ("transactions".to_owned(), day.baskets.into()),
            ("customers".to_owned(), day.households.len().into()),
            ("units".to_owned(), number(day.units)?),
            ("discount".to_owned(), number(day.discount)?),
        ]);
        let key = MonthKey { store_id: store.clone(), year: date.year(), month: i16::from(date.month()) };
        months.entry(key).or_default().insert(date.day().to_string(), Value::Object(fields));
    }
    report.stores = stores.len() as u64;
    Ok(months.into_iter().map(|(key, days)| MonthInput { key, days }).collect())
}

async fn write(to: &Dependencies, months: Vec<MonthInput>, report: &mut TransactionReport) -> Result<(), ImportError> {
    let manner = &Manner { atomic: true, merge: true, makes_stores: true, scope: None, person: None };
    let months = &months;
    let written = to
        .database
        .transaction(|transaction| {
            async move {
                let (mut verdicts, mut stores_made) = (Vec::with_capacity(months.len()), 0);
                for piece in months.chunks(PIECE) {
                    let rows = piece.iter().cloned().map(Ok).collect();
                    let pointers = vec![""; piece.len()];
                    let written = upsert_in(transaction, to, rows, &pointers, manner).await?;
                    verdicts.extend(written.verdicts);
                    stores_made += written.stores_made;
                }
                Ok::<_, UpsertMonthsError>((verdicts, stores_made))
            }
            .scope_boxed()
        })
        .await;
    let (verdicts, stores_made) = written.map_err(|error| match error {
        UpsertMonthsError::Database(error) => ImportError::Database(error),
        UpsertMonthsError::Raced | UpsertMonthsError::Invalid(_) => ImportError::Raced,
    })?;
    report.stores_created = stores_made;
    let mut counts: HashMap<&str, u64> = HashMap::new();
    for verdict in verdicts {
        if let Verdict::Done { outcome, .. } = verdict {
            let name = match outcome {
                Outcome::Created => "created",
                Outcome::Updated => "updated",
                Outcome::Unchanged => "unchanged",
            };
            *counts.entry(name).or_default() += 1;
        }
    }
    let count = |name| counts.get(name).copied().unwrap_or_default();
    (report.created, report.updated, report.unchanged) = (count("created"), count("updated"), count("unchanged"));
    Ok(())
}
