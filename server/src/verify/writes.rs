//! The random writes over HTTP, as clients do them.
//!
//! **Invariant:** of two writes of one product the second is sent only when the first can no longer be
//! done: it was answered, or its connection broke. Where a client gave up waiting the product is
//! written no more.

use std::sync::Arc;

use super::Run;
use super::client::{Answer, is_given_up};
use super::findings::Violation;
use super::model::{Product, Told};
use super::reads::DEAR_CENTS;
use super::state::{Change, Living};
use super::work::Random;

/// One client that writes.
pub(super) struct Writer {
    run: Arc<Run>,
}

impl Writer {
    pub(super) fn new(run: Arc<Run>) -> Self {
        Self { run }
    }

    pub(super) async fn write(&self, random: &mut Random) {
        let run = &self.run;
        let product = &run.products[random.index(run.products.len())];
        let Ok(_writing) = product.writing.try_lock() else { return };
        if product.is_set_aside() {
            return;
        }
        let Some(change) = choose(product, random) else { return };
        let instance = random.index(run.instances.count());
        let (method, path) = request(product, &change, random);
        let body = change.body(&product.names);
        let troubles = run.troubles();
        product.begin(&change);
        let answer = run.http.send(run.instances.address(instance), method, &path, &[], body.as_ref()).await;
        let outcome = match answer {
            Ok(answer) if (200..300).contains(&answer.status) => {
                run.findings.count(name(&change));
                self.acknowledged(product, &change, instance, &path, &answer)
            }
            // These are refusals that say what the product is, which an earlier write may have left open.
            Ok(answer) if matches!(answer.status, 404 | 410) => product.refused(Some(false)),
            Ok(answer) if answer.status == 409 && matches!(change, Change::Create(_)) => product.refused(Some(true)),
            Ok(answer) if answer.status < 500 => {
                let outcome = product.refused(None);
                run.refused(&troubles, method, &path, Ok(answer));
                outcome
            }
            // It may have been done or not: nothing is demanded, and it may be seen.
            other => {
                if other.as_ref().err().is_some_and(is_given_up) {
                    product.set_aside();
                    run.findings.count("products set aside, as a write may still be under way");
                }
                run.refused(&troubles, method, &path, other);
                Ok(())
            }
        };
        if let Err(fault) = outcome {
            let troubles = run.said_troubles();
            let what = format!("{}: {method} {path} on instance {instance}: {fault} ({troubles})", product.names.sku);
            run.findings.violated(Violation::Stale, what);
        }
    }

    fn acknowledged(
        &self,
        product: &Product,
        change: &Change,
        instance: usize,
        path: &str,
        answer: &Answer,
    ) -> Result<(), String> {
        let position = answer.position();
        if position.is_none() {
            self.run.findings.refused(true, || format!("a write of {path} gave no position"));
        }
        // A review's answer is the review, and a deletion's is empty.
        let document = (!matches!(change, Change::Review(_) | Change::Delete)).then_some(&answer.body);
        product.acknowledge(change, Told { position: position.unwrap_or(0), instance: Some(instance), document })
    }
}

/// A write that the product allows.
fn choose(product: &Product, random: &mut Random) -> Option<Change> {
    let possible = product.possible();
    let number = product.number();
    let cents = if random.percent(50) { number } else { DEAR_CENTS + number };
    let stock = if random.percent(15) { 0 } else { number };
    let there = possible.iter().flatten().next();
    let Some(living) = there else {
        // It stays away for a while.
        let new = Living { id: None, stock, cents, text: number, shelf: random.index(2), ratings: 0, stars: 0 };
        return random.percent(40).then_some(Change::Create(new));
    };
    if possible.iter().any(Option::is_none) {
        // Nobody knows whether it is there: the answer to this will tell.
        return Some(Change::Stock(number));
    }
    Some(match random.below(100) {
        0..30 => Change::Stock(stock),
        30..50 => Change::Price(cents),
        50..60 => Change::Text(number),
        60..72 => Change::Shelf(1 - living.shelf),
        72..80 => Change::StockAndPrice(number, cents),
        80..92 => Change::Review(i64::try_from(1 + random.below(5)).unwrap_or(5)),
        _ => Change::Delete,
    })
}

/// How the change is asked for.
fn request(product: &Product, change: &Change, random: &mut Random) -> (&'static str, String) {
    let id = product.sure().and_then(|living| living.id);
    let reference = match (id, random.below(3)) {
        (Some(id), 0) => id.to_string(),
        (_, 1) => product.names.slug.clone(),
        _ => product.names.sku.clone(),
    };
    match change {
        Change::Create(_) => ("POST", "/api/v2/products".to_owned()),
        Change::Delete => ("DELETE", format!("/api/v2/products/{reference}")),
        Change::Review(_) => ("POST", format!("/api/v2/products/{reference}/reviews")),
        _ => ("PATCH", format!("/api/v2/products/{reference}")),
    }
}

fn name(change: &Change) -> &'static str {
    match change {
        Change::Stock(_) | Change::Price(_) | Change::Text(_) | Change::StockAndPrice(..) => "writes over HTTP",
        Change::Shelf(_) => "writes over HTTP to another category",
        Change::Review(_) => "reviews over HTTP",
        Change::Delete => "deletions over HTTP",
        Change::Create(_) => "products made again over HTTP",
    }
}
