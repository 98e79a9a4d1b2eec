//! Months into the database, some hundreds at a time.
//!
//! **Invariants:**
//! - A piece is one transaction: what was counted as written is. What came before a failure stays, and sent
//!   again it changes nothing.
//! - Every line that was not taken is in the report by its number, as far as a [`FaultBudget`] has room for its
//!   faults, and counted beyond: a report is no longer for a longer file.
//! - Lines about the same month are written together; of two about the same day the later counts.

use std::collections::HashMap;

use entrepot_pg::{Error, ScopedFutureExt as _};
use entrepot_web::{Fault, FaultBudget};
use serde::Serialize;
use utoipa::ToSchema;

use crate::Dependencies;
use crate::model::{MonthInput, MonthKey};
use crate::ops::{Manner, Outcome, UpsertMonthsError, Verdict, upsert_in};

/// Months that are written together.
const MOST_MONTHS: usize = 500;
/// Lines that wait to be written.
const MOST_LINES: usize = 5_000;
/// How often a piece is run again that met another's insert of the same month.
const RACES: u32 = 8;

/// A line that was not taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct LineFault {
    /// The line, from 1; a CSV's header is the first.
    #[schema(example = 17)]
    pub(crate) line: u64,
    #[schema(value_type = String, example = "not_a_day")]
    pub(crate) code: &'static str,
    pub(crate) detail: String,
}

/// What became of the lines.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LoadReport {
    /// Lines that were read, a header and empty ones excepted.
    #[schema(example = 9454)]
    pub(crate) lines: u64,
    /// Lines that were not taken.
    pub(crate) failed: u64,
    /// Months that are new.
    pub(crate) created: u64,
    /// Months that were changed; one that came in several pieces counts with each.
    pub(crate) updated: u64,
    /// Months that were as they should be already.
    pub(crate) unchanged: u64,
    /// How many faults the lines that were not taken have.
    #[schema(example = 0)]
    pub(crate) error_count: usize,
    /// The faults themselves: all of them, or the first where there are very many.
    #[schema(example = json!([]))]
    pub(crate) errors: Vec<LineFault>,
    /// Whether there are more.
    #[schema(example = false)]
    pub(crate) errors_are_cut: bool,
}

struct Waiting {
    lines: Vec<u64>,
    input: MonthInput,
}

/// Takes months and writes them.
pub(crate) struct Loader {
    to: Dependencies,
    manner: Manner,
    waiting: Vec<Waiting>,
    /// Where a month waits.
    places: HashMap<MonthKey, usize>,
    lines_waiting: usize,
    /// What the report may still tell of faults.
    budget: FaultBudget,
    pub(crate) report: LoadReport,
}

impl Loader {
    pub(crate) fn new(to: Dependencies, manner: Manner) -> Self {
        Self {
            to,
            manner,
            waiting: Vec::new(),
            places: HashMap::new(),
            lines_waiting: 0,
            budget: FaultBudget::default(),
            report: LoadReport::default(),
        }
    }

    /// Takes a line: the days that it has, or what is wrong with it.
    pub(crate) fn take(&mut self, line: u64, read: Result<MonthInput, Vec<Fault>>) {
        self.report.lines += 1;
        let input = match read {
            Ok(input) => input,
            Err(faults) => return self.refuse(line, faults),
        };
        self.lines_waiting += 1;
        match self.places.get(&input.key) {
            Some(place) => {
                let waiting = &mut self.waiting[*place];
                waiting.lines.push(line);
                waiting.input.days.extend(input.days);
            }
            None => {
                self.places.insert(input.key.clone(), self.waiting.len());
                self.waiting.push(Waiting { lines: vec![line], input });
            }
        }
    }

    fn refuse(&mut self, line: u64, faults: Vec<Fault>) {
        let (told, count) = self.budget.take(faults);
        let report = &mut self.report;
        report.failed += 1;
        report.error_count += count;
        report.errors_are_cut |= told.len() < count;
        report.errors.extend(told.into_iter().map(|fault| {
            let detail = match &fault.pointer {
                Some(pointer) if !pointer.is_empty() => format!("{pointer} {}", fault.detail),
                _ => fault.detail,
            };
            LineFault { line, code: fault.code, detail }
        }));
    }

    /// Whether so much waits that it should be written.
    pub(crate) fn is_full(&self) -> bool {
        self.waiting.len() >= MOST_MONTHS || self.lines_waiting >= MOST_LINES
    }

    /// Writes what waits.
    pub(crate) async fn write(&mut self) -> Result<(), Error> {
        let waiting = std::mem::take(&mut self.waiting);
        self.places.clear();
        self.lines_waiting = 0;
        if waiting.is_empty() {
            return Ok(());
        }
        let rows: &Vec<_> = &waiting.iter().map(|waiting| Ok(waiting.input.clone())).collect();
        let pointers: &Vec<&str> = &vec![""; rows.len()];
        let (to, manner) = (&self.to, &self.manner);
        let mut races = 0;
        let verdicts = loop {
            let outcome = to
                .database
                .transaction(|transaction| {
                    async move { upsert_in(transaction, to, rows.clone(), pointers, manner).await }.scope_boxed()
                })
                .await;
            match outcome {
                Ok(written) => break written.verdicts,
                Err(UpsertMonthsError::Raced) if races < RACES => races += 1,
                Err(UpsertMonthsError::Database(error)) => return Err(error),
                Err(UpsertMonthsError::Raced | UpsertMonthsError::Invalid(_)) => {
                    return Err(Error::Refused("others make the same months all the time"));
                }
            }
        };
        for (waiting, verdict) in waiting.iter().zip(verdicts) {
            match verdict {
                Verdict::Done { outcome: Outcome::Created, .. } => self.report.created += 1,
                Verdict::Done { outcome: Outcome::Updated, .. } => self.report.updated += 1,
                Verdict::Done { outcome: Outcome::Unchanged, .. } => self.report.unchanged += 1,
                Verdict::Failed { faults } => {
                    waiting.lines.iter().for_each(|line| self.refuse(*line, faults.clone()));
                }
            }
        }
        Ok(())
    }
}
