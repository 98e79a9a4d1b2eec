//! Puts in or changes many months at once: all or nothing, or each row with a verdict of its own.
//!
//! **Invariants:**
//! - One statement writes all rows, and locks them in the order of their keys first.
//! - Days that a row does not name stay as they are, unless the whole month is to be replaced.

use std::collections::{HashMap, HashSet};

use entrepot_contracts::{SalesBatchDone, SalesChanged, StoreChanged};
use entrepot_feed::NewEvent;
use entrepot_pg::{Error, ScopedFutureExt as _, Transaction};
use entrepot_web::{Fault, off_async_threads};
use serde_json::Value;
use uuid::Uuid;

use super::{RACES, StoreScope, allows};
use crate::Dependencies;
use crate::events::{batch_done, month_changed};
use crate::model::{MonthInput, MonthKey};
use crate::store::{self, Upserted};

/// A row, and where it stands in the body.
pub(crate) struct Row<'a> {
    pub(crate) value: &'a Value,
    pub(crate) pointer: String,
}

/// What became of a row.
#[derive(Clone, Debug)]
pub(crate) enum Verdict {
    Done { id: Uuid, key: MonthKey, outcome: Outcome },
    Failed { faults: Vec<Fault> },
}

/// What became of rows that were written together.
#[derive(Debug)]
pub(crate) struct Written {
    /// One for each row, in the rows' order.
    pub(crate) verdicts: Vec<Verdict>,
    pub(crate) stores_made: u64,
}

/// What became of a row that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Created,
    Updated,
    Unchanged,
}

/// Why nothing of a batch was written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UpsertMonthsError {
    #[error("rows are not valid")]
    Invalid(Vec<Fault>),
    #[error("a month was made by another at the same time")]
    Raced,
    #[error(transparent)]
    Database(Error),
}

impl From<Error> for UpsertMonthsError {
    fn from(error: Error) -> Self {
        match error.constraint() {
            // A store that was known a moment ago is gone: the next run says so by the row.
            Some("month_store_id_fkey") => Self::Raced,
            _ => Self::Database(error),
        }
    }
}

/// How a batch is taken.
#[derive(Clone, Debug)]
pub(crate) struct Manner {
    /// One bad row keeps all out.
    pub(crate) atomic: bool,
    /// Days that a row does not name stay as they are.
    pub(crate) merge: bool,
    /// Stores that are not there are made.
    pub(crate) makes_stores: bool,
    pub(crate) scope: StoreScope,
    /// Who is told that it is done.
    pub(crate) person: Option<Uuid>,
}

/// Writes a batch.
pub(crate) async fn upsert_months(
    to: &Dependencies,
    rows: &[Row<'_>],
    manner: &Manner,
) -> Result<Vec<Verdict>, UpsertMonthsError> {
    let read = &off_async_threads(|| read_rows(rows));
    let mut races = 0;
    loop {
        let outcome = to
            .database
            .transaction(|transaction| {
                async move {
                    let pointers: Vec<&str> = rows.iter().map(|row| row.pointer.as_str()).collect();
                    Ok(upsert_in(transaction, to, read.clone(), &pointers, manner).await?.verdicts)
                }
                .scope_boxed()
            })
            .await;
        match outcome {
            Err(UpsertMonthsError::Raced) if races < RACES => races += 1,
            outcome => return outcome,
        }
    }
}

fn summary(kind: &str, verdicts: &[Verdict]) -> SalesBatchDone {
    let count = |wanted: Outcome| {
        verdicts.iter().filter(|verdict| matches!(verdict, Verdict::Done { outcome, .. } if *outcome == wanted)).count()
            as u64
    };
    SalesBatchDone {
        kind: kind.to_owned(),
        created: count(Outcome::Created),
        updated: count(Outcome::Updated),
        unchanged: count(Outcome::Unchanged),
        deleted: 0,
        failed: verdicts.iter().filter(|verdict| matches!(verdict, Verdict::Failed { .. })).count() as u64,
    }
}

/// Reads every row, and finds months that are there twice.
fn read_rows(rows: &[Row<'_>]) -> Vec<Result<MonthInput, Vec<Fault>>> {
    let mut read: Vec<_> = rows.iter().map(|row| MonthInput::read(row.value, &row.pointer)).collect();
    let mut first: HashMap<MonthKey, usize> = HashMap::new();
    for (index, row) in rows.iter().enumerate() {
        let Ok(input) = &read[index] else { continue };
        match first.get(&input.key) {
            Some(earlier) => {
                let detail = format!("row {earlier} is about the same month of the same store");
                read[index] = Err(vec![Fault::at(row.pointer.clone(), "repeated", detail)]);
            }
            None => {
                first.insert(input.key.clone(), index);
            }
        }
    }
    read
}

/// The stores of the rows that are valid so far, each once.
fn store_ids(read: &[Result<MonthInput, Vec<Fault>>]) -> Vec<&str> {
    let mut ids: Vec<&str> = read.iter().flatten().map(|input| input.key.store_id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

fn no_store(pointer: &str, key: &MonthKey) -> Fault {
    Fault::at(format!("{pointer}/storeId"), "unknown_store", format!("there is no store {:?}", key.store_id.as_str()))
}

/// Writes rows in the caller's transaction.
pub(crate) async fn upsert_in(
    transaction: &Transaction,
    to: &Dependencies,
    mut read: Vec<Result<MonthInput, Vec<Fault>>>,
    pointers: &[&str],
    manner: &Manner,
) -> Result<Written, UpsertMonthsError> {
    let now = to.clock.now();
    let mut stores_made = 0;
    let mut events: Vec<NewEvent> = Vec::new();
    for (pointer, row) in pointers.iter().zip(&mut read) {
        // What the caller may not see is not there.
        if let Ok(input) = row
            && !allows(&manner.scope, &input.key.store_id)
        {
            *row = Err(vec![no_store(pointer, &input.key)]);
        }
    }
    if manner.makes_stores {
        let ids = store_ids(&read);
        let known: HashSet<String> = store::stores_known(transaction, &ids).await?.into_iter().collect();
        let missing: Vec<&str> = ids.into_iter().filter(|id| !known.contains(*id)).collect();
        let made = if missing.is_empty() { Vec::new() } else { store::stores_make(transaction, &missing, now).await? };
        stores_made = made.len() as u64;
        for (id, name) in made {
            if let Ok(store_id) = id.parse() {
                let told =
                    StoreChanged { store_id, name, place: None, status: "active".to_owned(), changed: Vec::new() };
                let topic = format!("store-{id}");
                events.push(NewEvent::new(StoreChanged::CREATED, topic).tags(["stores"]).data(&told));
            }
        }
    }
    if manner.atomic && read.iter().any(Result::is_err) {
        // Nothing is written, so whether there are the other rows' stores has to be asked by itself.
        let known: HashSet<String> = store::stores_known(transaction, &store_ids(&read)).await?.into_iter().collect();
        let faults = pointers.iter().zip(read).filter_map(|(pointer, row)| match row {
            Err(faults) => Some(faults),
            Ok(input) if !known.contains(input.key.store_id.as_str()) => Some(vec![no_store(pointer, &input.key)]),
            Ok(_) => None,
        });
        return Err(UpsertMonthsError::Invalid(faults.flatten().collect()));
    }
    let rows: Vec<_> = read.iter().flatten().map(|input| (to.clock.new_id(), &input.key, &input.days)).collect();
    let written =
        if rows.is_empty() { Vec::new() } else { store::months_upsert(transaction, &rows, manner.merge, now).await? };
    let mut written = written.into_iter();
    let mut verdicts = Vec::with_capacity(read.len());
    for (pointer, row) in pointers.iter().zip(read) {
        let input = match row {
            Ok(input) => input,
            Err(faults) => {
                verdicts.push(Verdict::Failed { faults });
                continue;
            }
        };
        let (id, outcome, before, totals, gone) = match written.next() {
            Some(Upserted::Created { id, totals }) => (id, Outcome::Created, None, totals, Vec::new()),
            Some(Upserted::Updated { id, totals, before, gone }) => (id, Outcome::Updated, Some(before), totals, gone),
            Some(Upserted::Unchanged { id }) => {
                verdicts.push(Verdict::Done { id, key: input.key, outcome: Outcome::Unchanged });
                continue;
            }
            Some(Upserted::NoStore) => {
                verdicts.push(Verdict::Failed { faults: vec![no_store(pointer, &input.key)] });
                continue;
            }
            Some(Upserted::Raced) | None => return Err(UpsertMonthsError::Raced),
        };
        let name = if before.is_some() { SalesChanged::UPDATED } else { SalesChanged::CREATED };
        let mut told = input.days;
        told.extend(gone.into_iter().map(|day| (day, Value::Null)));
        events.push(month_changed(name, &input.key, Some(&told), Some(totals), before));
        verdicts.push(Verdict::Done { id, key: input.key, outcome });
    }
    if manner.atomic && verdicts.iter().any(|verdict| matches!(verdict, Verdict::Failed { .. })) {
        let faults = verdicts.into_iter().filter_map(|verdict| match verdict {
            Verdict::Failed { faults } => Some(faults),
            Verdict::Done { .. } => None,
        });
        return Err(UpsertMonthsError::Invalid(faults.flatten().collect()));
    }
    if let Some(person) = manner.person {
        events.push(batch_done(person, &summary("upsert", &verdicts)));
    }
    // All at once: a round trip to the database.
    to.feed.append_all(transaction, events).await?;
    Ok(Written { verdicts, stores_made })
}
