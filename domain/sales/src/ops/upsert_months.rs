//! Puts in or changes many months at once: all or nothing, or each row with a verdict of its own.
//!
//! **Invariants:**
//! - One statement writes all rows, and locks them in the order of their keys first.
//! - Days that a row does not name stay as they are, unless the whole month is to be replaced.

use std::collections::{HashMap, HashSet};

use entrepot_contracts::{SalesBatchDone, SalesChanged, StoreChanged};
use entrepot_feed::NewEvent;
use entrepot_pg::{Error, ScopedFutureExt as _, Transaction};
use entrepot_web::Fault;
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
    let read = &read_rows(rows);
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
    let mut ids: Vec<&str> = read.iter().flatten().map(|input| input.key.store_id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut events: Vec<NewEvent> = Vec::new();
    let mut known: HashSet<String> = store::stores_known(transaction, &ids).await?.into_iter().collect();
    if manner.makes_stores {
        ids.retain(|id| !known.contains(*id));
        let made = if ids.is_empty() { Vec::new() } else { store::stores_make(transaction, &ids, now).await? };
        stores_made = made.len() as u64;
        for (id, name) in made {
            if let Ok(store_id) = id.parse() {
                let told = StoreChanged { store_id, name, status: "active".to_owned() };
                let topic = format!("store-{id}");
                events.push(NewEvent::new(StoreChanged::CREATED, topic).tags(["stores"]).data(&told));
            }
        }
        known.extend(ids.into_iter().map(str::to_owned));
    }
    for (pointer, row) in pointers.iter().zip(&mut read) {
        // What the caller may not see is not there.
        if let Ok(MonthInput { key: MonthKey { store_id, .. }, .. }) = row
            && (!known.contains(store_id.as_str()) || !allows(&manner.scope, store_id))
        {
            let detail = format!("there is no store {:?}", store_id.as_str());
            *row = Err(vec![Fault::at(format!("{pointer}/storeId"), "unknown_store", detail)]);
        }
    }
    if manner.atomic && read.iter().any(Result::is_err) {
        return Err(UpsertMonthsError::Invalid(read.into_iter().filter_map(Result::err).flatten().collect()));
    }
    let valid: Vec<&MonthInput> = read.iter().flatten().collect();
    let rows: Vec<_> = valid.iter().map(|input| (to.clock.new_id(), &input.key, &input.days)).collect();
    let written =
        if rows.is_empty() { Vec::new() } else { store::months_upsert(transaction, &rows, manner.merge, now).await? };
    let mut outcomes = Vec::with_capacity(written.len());
    for (input, written) in valid.iter().zip(&written) {
        let (id, outcome, before, totals) = match written {
            Upserted::Created { id, totals } => (*id, Outcome::Created, None, *totals),
            Upserted::Updated { id, totals, before } => (*id, Outcome::Updated, Some(*before), *totals),
            Upserted::Unchanged { id } => {
                outcomes.push((*id, Outcome::Unchanged));
                continue;
            }
            Upserted::Raced => return Err(UpsertMonthsError::Raced),
        };
        let name = if before.is_some() { SalesChanged::UPDATED } else { SalesChanged::CREATED };
        events.push(month_changed(name, &input.key, Some(&input.days), Some(totals), before));
        outcomes.push((id, outcome));
    }
    let mut outcomes = outcomes.into_iter();
    let verdicts: Vec<Verdict> = read
        .into_iter()
        .map(|row| match row {
            Err(faults) => Verdict::Failed { faults },
            Ok(input) => {
                let (id, outcome) = outcomes.next().unwrap_or((Uuid::nil(), Outcome::Unchanged));
                Verdict::Done { id, key: input.key, outcome }
            }
        })
        .collect();
    if let Some(person) = manner.person {
        events.push(batch_done(person, &summary("upsert", &verdicts)));
    }
    // All at once: a round trip to the database.
    to.feed.append_all(transaction, events).await?;
    Ok(Written { verdicts, stores_made })
}
