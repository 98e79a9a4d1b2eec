//! What has been acknowledged, and what an answer must therefore show.
//!
//! A product's history is a row of steps, since one writer at a time writes it. A step has the states
//! that the product may be in after it: one, where the write's answer came; two, where nobody knows
//! whether the write was done. An answer is right if some step that is not too old has a state from
//! which it could have been made. Too old is what lies before a step that had been acknowledged before
//! the answer was asked for:
//!
//! - by the same instance;
//! - as the position says that the read carried;
//! - by anybody, longer ago than the bound on lag, unless the answer says that it stands in for a
//!   source that failed (fail-safe, the one exception; never for a read with a position).
//!
//! What was rolled back or never written is in no step, so an answer that shows it is wrong.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::state::{Change, Living, Members, Names, Shown, State, View, difference};

/// A product under test.
#[derive(Debug)]
pub(super) struct Product {
    pub(super) names: Names,
    /// Held by whoever writes it.
    pub(super) writing: tokio::sync::Mutex<()>,
    history: Mutex<History>,
}

#[derive(Debug)]
struct History {
    /// The last number that was given out.
    number: i64,
    steps: Vec<Step>,
    /// The last step that each instance acknowledged.
    told_by: BTreeMap<usize, usize>,
    /// All ids that it has had, the newest last.
    ids: Vec<Arc<str>>,
    is_set_aside: bool,
}

#[derive(Debug)]
struct Step {
    possible: Vec<State>,
    acknowledged: Option<Acknowledged>,
}

/// That a write's client was told of its success.
#[derive(Clone, Copy, Debug)]
struct Acknowledged {
    at: Instant,
    position: u64,
}

/// Who told of a write's success, and how.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told<'a> {
    pub(super) position: u64,
    /// The instance; `None` for a write by hand.
    pub(super) instance: Option<usize>,
    /// The product as the answer had it, where it had it.
    pub(super) document: Option<&'a Value>,
}

/// A write that a read can name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token {
    step: usize,
    pub(super) position: u64,
}

/// What a read must show: this step or a later one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Demand {
    at_least: usize,
    why: &'static str,
    /// The same for an answer that stood in for a source that failed: the bound on lag is not kept by
    /// it, what its own instance acknowledged is.
    of_a_stand_in: usize,
}

impl Product {
    /// A product that is there from the start of the run.
    pub(super) fn new(names: Names, first: Living) -> Self {
        let history = History {
            number: first.stock.max(first.cents).max(first.text),
            ids: first.id.iter().cloned().collect(),
            steps: vec![Step { possible: vec![Some(first)], acknowledged: None }],
            told_by: BTreeMap::new(),
            is_set_aside: false,
        };
        Self { names, writing: tokio::sync::Mutex::default(), history: Mutex::new(history) }
    }

    fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A number that no member of it has had.
    pub(super) fn number(&self) -> i64 {
        let mut history = self.history();
        history.number += 1;
        history.number
    }

    /// What it may be now.
    pub(super) fn possible(&self) -> Vec<State> {
        self.history().last().to_vec()
    }

    /// What it is now, where that is known and it is there.
    pub(super) fn sure(&self) -> Option<Living> {
        match self.history().last() {
            [Some(living)] => Some(living.clone()),
            _ => None,
        }
    }

    /// Its ids, the newest last.
    pub(super) fn ids(&self) -> Vec<Arc<str>> {
        self.history().ids.clone()
    }

    /// Whether it is not to be written any more, as a write may still be under way.
    pub(super) fn is_set_aside(&self) -> bool {
        self.history().is_set_aside
    }

    pub(super) fn set_aside(&self) {
        self.history().is_set_aside = true;
    }

    /// A write is about to be sent: from now on it may show. Call it with `writing` held, and one of
    /// the following for what became of it; none, if that is not known.
    pub(super) fn begin(&self, change: &Change) {
        let mut history = self.history();
        let mut possible = history.last().to_vec();
        for after in history.last().iter().filter_map(|state| change.apply(state)).collect::<Vec<_>>() {
            if !possible.contains(&after) {
                possible.push(after);
            }
        }
        history.steps.push(Step { possible, acknowledged: None });
    }

    /// The write was done.
    ///
    /// # Errors
    /// What is wrong about the answer.
    pub(super) fn acknowledge(&self, change: &Change, told: Told<'_>) -> Result<(), String> {
        let mut history = self.history();
        let mut after: Vec<State> = history.before_last().iter().filter_map(|state| change.apply(state)).collect();
        let mut wrong = after.is_empty().then(|| "it could not be done".to_owned());
        if let Some(document) = told.document {
            let differs =
                |state: &State| state.as_ref().and_then(|living| living.differs(&self.names, document, Members::Whole));
            wrong = after.iter().map(differs).reduce(|found, next| found.and(next)).flatten().or(wrong);
            after.retain(|state| differs(state).is_none());
            if after.is_empty() {
                // What it says is believed from here on, so that one fault is told once.
                after.extend(Living::of(&self.names, document).map(Some));
            }
            let id: Option<Arc<str>> = document["id"].as_str().map(Into::into);
            for living in after.iter_mut().flatten() {
                living.id = id.clone();
            }
            if let Some(id) = id.filter(|id| !history.ids.contains(id)) {
                history.ids.push(id);
            }
        }
        after.dedup();
        let at = Instant::now();
        history.end(|step| {
            if !after.is_empty() {
                step.possible = after;
            }
            step.acknowledged = Some(Acknowledged { at, position: told.position });
        });
        let step = history.steps.len() - 1;
        if let Some(instance) = told.instance {
            history.told_by.insert(instance, step);
        }
        wrong.map_or(Ok(()), Err)
    }

    /// The write was refused, so it was not done; `is_there` is what the refusal said of the product.
    ///
    /// # Errors
    /// That it cannot have been so.
    pub(super) fn refused(&self, is_there: Option<bool>) -> Result<(), String> {
        let mut history = self.history();
        let mut possible = history.before_last().to_vec();
        possible.retain(|state| is_there.is_none_or(|is_there| state.is_some() == is_there));
        if possible.is_empty() {
            let possible = history.before_last().to_vec();
            history.end(|step| step.possible = possible);
            let is_there = is_there == Some(true);
            return Err(if is_there { "its SKU was taken, and it was deleted" } else { "it was not there" }.to_owned());
        }
        possible.dedup();
        history.end(|step| step.possible = possible);
        Ok(())
    }

    /// The newest write that was acknowledged, if it has a position.
    pub(super) fn newest(&self) -> Option<Token> {
        let history = self.history();
        let told = history.steps.iter().enumerate().rev();
        let (step, newest) = told.filter_map(|(index, step)| Some((index, step.acknowledged?))).next()?;
        (newest.position > 0).then_some(Token { step, position: newest.position })
    }

    /// What a read that starts now on this instance must show.
    pub(super) fn demand(&self, instance: usize, token: Option<&Token>, bound: Duration) -> Demand {
        let history = self.history();
        let now = Instant::now();
        let mut demand = Demand { at_least: 0, why: "there from the start", of_a_stand_in: 0 };
        let mut raise = |step: usize, why: &'static str, of_a_stand_in: bool| {
            if step > demand.at_least {
                (demand.at_least, demand.why) = (step, why);
            }
            if of_a_stand_in {
                demand.of_a_stand_in = demand.of_a_stand_in.max(step);
            }
        };
        let is_old = |step: &Step| step.acknowledged.is_some_and(|told| now.duration_since(told.at) > bound);
        // Steps are acknowledged in their order, so the last old one stands for all before it.
        if let Some(step) = history.steps.iter().rposition(is_old) {
            raise(step, "acknowledged longer ago than the bound", false);
        }
        if let Some(step) = history.told_by.get(&instance) {
            raise(*step, "acknowledged by the same instance", true);
        }
        if let Some(token) = token {
            // Nothing may stand in for it at all; the reader sees to that.
            raise(token.step, "named by its position", true);
        }
        demand
    }

    /// Compares what was shown with what it must be.
    ///
    /// # Errors
    /// What is wrong about it.
    pub(super) fn check(&self, demand: Demand, view: &View, shown: Shown<'_>, is_stand_in: bool) -> Result<(), String> {
        let history = self.history();
        let at_least = if is_stand_in { demand.of_a_stand_in } else { demand.at_least };
        let faults = |state: &State| difference(state, &self.names, view, shown);
        let allows = |step: &Step| step.possible.iter().any(|state| faults(state).is_none());
        if history.steps[at_least..].iter().any(allows) {
            return Ok(());
        }
        let fault = history.steps[at_least].possible.iter().find_map(faults).unwrap_or_default();
        let last = history.steps.len() - 1;
        Err(match history.steps[..at_least].iter().rposition(allows) {
            Some(step) => format!("{fault}, as after write {step} of {last}, and write {at_least} was {}", demand.why),
            None => format!("{fault}, as after no write since {at_least} of {last}, which was {}", demand.why),
        })
    }
}

impl History {
    fn last(&self) -> &[State] {
        self.steps.last().map_or(&[], |step| &step.possible)
    }

    fn before_last(&self) -> &[State] {
        let before = self.steps.len().checked_sub(2).and_then(|index| self.steps.get(index));
        before.map_or(&[], |step| &step.possible)
    }

    fn end(&mut self, with: impl FnOnce(&mut Step)) {
        if let Some(step) = self.steps.last_mut() {
            with(step);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::state::tests::{document, living, names};
    use super::super::state::{By, Filter};
    use super::*;

    const LONG: Duration = Duration::from_secs(3_600);

    fn told(position: u64, instance: Option<usize>) -> Told<'static> {
        Told { position, instance, document: None }
    }

    fn write(product: &Product, change: &Change, position: u64, instance: Option<usize>) {
        product.begin(change);
        product.acknowledge(change, told(position, instance)).expect("it can be done");
    }

    fn by_name() -> View {
        View { by: By::Name, members: Members::Whole }
    }

    #[test]
    fn what_must_be_seen_depends_on_who_was_told() {
        let product = Product::new(names(), living());
        write(&product, &Change::Stock(11), 10, Some(0));
        write(&product, &Change::Price(12), 20, Some(1));
        let demand = |instance, token: Option<&Token>, bound| product.demand(instance, token, bound).at_least;
        assert_eq!(demand(0, None, LONG), 1, "the other's write may be on its way");
        assert_eq!(demand(1, None, LONG), 2);
        assert_eq!(demand(2, None, LONG), 0);
        assert_eq!(demand(2, product.newest().as_ref(), LONG), 2, "a position counts everywhere");
        assert_eq!(demand(2, None, Duration::ZERO), 2, "what is older than the bound counts everywhere");
        assert_eq!(product.demand(2, None, Duration::ZERO).of_a_stand_in, 0, "but not for a stand-in");
    }

    #[test]
    fn an_answer_from_before_any_kind_of_write_is_stale() {
        let before = living();
        for change in [
            Change::Stock(11),
            Change::Price(12),
            Change::Text(13),
            Change::Shelf(1),
            Change::StockAndPrice(14, 15),
            Change::Review(1),
            Change::Delete,
        ] {
            let product = Product::new(names(), before.clone());
            write(&product, &change, 1, Some(0));
            let after = change.apply(&Some(before.clone())).expect("it applies");
            let (old, new) = (document(&before), after.as_ref().map(document));
            let new = new.as_ref().map_or(Shown::Gone, Shown::Document);
            let check = |instance, shown| {
                let demand = product.demand(instance, None, LONG);
                product.check(demand, &by_name(), shown, false)
            };
            assert!(check(0, Shown::Document(&old)).is_err(), "{change:?} was not noticed");
            assert_eq!(check(0, new), Ok(()), "{change:?}");
            assert_eq!(check(1, Shown::Document(&old)), Ok(()), "{change:?}: the other may not know yet");
        }
    }

    #[test]
    fn a_list_that_kept_a_row_or_lost_one_is_stale() {
        let product = Product::new(names(), living());
        write(&product, &Change::Shelf(1), 1, Some(0));
        let row = json!({"id": "one", "sku": "V-1", "stock": 7});
        let check = |shelf, shown| {
            let view = View { by: By::List(Filter::Shelf(shelf)), members: Members::Brief };
            product.check(product.demand(0, None, LONG), &view, shown, false)
        };
        assert!(check(0, Shown::Document(&row)).is_err() && check(1, Shown::Gone).is_err());
        assert!(check(0, Shown::Gone).is_ok() && check(1, Shown::Document(&row)).is_ok());
    }

    #[test]
    fn the_ratings_must_be_those_of_the_last_review() {
        let product = Product::new(names(), living());
        write(&product, &Change::Review(3), 1, Some(0));
        let view = View { by: By::Name, members: Members::Ratings };
        for (summary, is_right) in [
            (json!({"count": 3, "average": 4.0}), true),
            (json!({"count": 2, "average": 4.5}), false),
            (json!({"count": 3, "average": 4.5}), false),
        ] {
            let demand = product.demand(0, None, LONG);
            assert_eq!(product.check(demand, &view, Shown::Document(&summary), false).is_ok(), is_right, "{summary}");
        }
    }

    #[test]
    fn what_nobody_knows_of_may_show_or_not_until_an_answer_tells() {
        let product = Product::new(names(), living());
        product.begin(&Change::Stock(11));
        let (was, is) = (living(), Living { stock: 11, ..living() });
        let shows = |shown: &Living| {
            let shown = document(shown);
            let demand = product.demand(0, product.newest().as_ref(), LONG);
            product.check(demand, &by_name(), Shown::Document(&shown), false).is_ok()
        };
        assert!(shows(&was) && shows(&is) && product.sure().is_none());
        let change = Change::Price(12);
        product.begin(&change);
        let answer = document(&Living { cents: 12, ..was.clone() });
        product.acknowledge(&change, Told { document: Some(&answer), ..told(5, Some(0)) }).expect("one of the two");
        assert!(shows(&Living { cents: 12, ..was }), "the answer says that the first was not done");
        assert!(!shows(&is) && !shows(&Living { cents: 12, ..is }));
    }

    #[test]
    fn an_answer_to_a_write_is_compared_too() {
        let product = Product::new(names(), living());
        let change = Change::Stock(11);
        product.begin(&change);
        let lost = document(&Living { cents: 9_999, stock: 11, ..living() });
        assert!(product.acknowledge(&change, Told { document: Some(&lost), ..told(5, Some(0)) }).is_err());
        product.begin(&Change::Price(13));
        assert!(product.refused(Some(false)).is_err(), "a product that was there was not found");
        product.begin(&Change::Price(14));
        assert!(product.refused(None).is_ok());
    }

    #[test]
    fn one_that_was_made_again_is_another() {
        let product = Product::new(names(), living());
        write(&product, &Change::Delete, 1, Some(0));
        let new = Living { id: None, ratings: 0, stars: 0, stock: 21, ..living() };
        let change = Change::Create(new.clone());
        product.begin(&change);
        let answer = document(&Living { id: Some("two".into()), ..new });
        product.acknowledge(&change, Told { document: Some(&answer), ..told(2, Some(0)) }).expect("made");
        assert_eq!(product.ids().len(), 2);
        let by = |id: &str| View { by: By::Id(id.into()), members: Members::Whole };
        let check = |id: &str, shown| product.check(product.demand(0, None, LONG), &by(id), shown, false);
        let old = document(&living());
        assert!(check("one", Shown::Gone).is_ok() && check("one", Shown::Document(&old)).is_err());
        assert!(check("two", Shown::Document(&answer)).is_ok() && check("two", Shown::Gone).is_err());
    }

    #[test]
    fn what_was_rolled_back_or_never_written_is_found() {
        let product = Product::new(names(), living());
        let shown = document(&Living { stock: product.number(), ..living() });
        let demand = product.demand(0, None, LONG);
        assert!(product.check(demand, &by_name(), Shown::Document(&shown), false).is_err());
    }
}
