//! The last check of a run: everything that was acknowledged is there, in the database and on every
//! instance, and nothing young was thrown away. Without it a product's last write could be lost, and nobody would read it again.

use std::time::Duration;

use entrepot_pg::{Database, Error};
use serde_json::json;

use super::Run;
use super::client::Answer;
use super::findings::Violation;
use super::model::Product;
use super::reads::{Asked, Said, What};
use super::state::{By, Members, Shown, View};
use super::young::{FeedState, drop_today, judge_again};

const TRIES: u32 = 20;
const BREATH: Duration = Duration::from_millis(250);

/// Has an answer kept, of a review that nobody checks, for whoever sends the same request again.
pub(super) async fn keep_answer(run: &Run) -> anyhow::Result<()> {
    let answer = ask_again(run, 0).await?;
    anyhow::ensure!(answer.status == 201, "an answer cannot be kept: {} {}", answer.status, answer.body);
    Ok(())
}

async fn ask_again(run: &Run, instance: usize) -> anyhow::Result<Answer> {
    let path = format!("/api/v2/products/{}/reviews", run.probe);
    let fields = [("idempotency-key", run.probe.clone())];
    let body = json!({"rating": 5, "author": "Verify"});
    run.http.send(run.instances.address(instance), "POST", &path, &fields, Some(&body)).await
}

/// Throws away what is young, as an instance would whose clock is far ahead.
pub(super) async fn throw_away(run: &Run, database: &Database) -> Result<(), Error> {
    forget_answer(run, database).await?;
    drop_today(database).await
}

async fn forget_answer(run: &Run, database: &Database) -> Result<(), Error> {
    database.client().await?.execute("DELETE FROM web.kept_answer WHERE key = $1", &[&run.probe]).await?;
    Ok(())
}

/// Looks whether what is young is still there.
pub(super) async fn check_young(run: &Run, database: &Database, before: &FeedState, retention_days: u32) {
    let gone = |what: &str| run.findings.violated(Violation::Gone, what);
    match FeedState::read(database, retention_days).await {
        Ok(after) => before.gone(&after).iter().for_each(|what| gone(what)),
        Err(error) => run.findings.violated(Violation::Unwell, format!("the feed could not be read: {error}")),
    }
    match ask_again(run, 0).await {
        Ok(answer) => {
            if let Err(what) = judge_again(answer.status, answer.field("idempotent-replayed")) {
                gone(&what);
            }
        }
        Err(error) => run.findings.violated(Violation::Unwell, format!("nobody answers again: {error:#}")),
    }
    // Nobody needs it any more, and it would be forgotten in a day.
    let _forgotten_or_not = forget_answer(run, database).await;
}

/// Compares each product with its row, and with what each instance answers. Call it when nobody writes any
/// more and all faults are over.
pub(super) async fn check_all(run: &Run, database: &Database) {
    check_stored(run, database).await;
    for instance in 0..run.instances.count() {
        for index in 0..run.products.len() {
            let product = &run.products[index];
            let by_name = (By::Name, product.names.sku.clone());
            let by_id = product.ids().last().map(|id| (By::Id(id.clone()), id.to_string()));
            for (by, reference) in [Some(by_name), by_id].into_iter().flatten() {
                let what = What::One(index, View { by, members: Members::Whole });
                let asked = Asked { path: format!("/api/v2/products/{reference}"), what };
                check_answer(run, instance, product, index, &asked).await;
            }
        }
    }
}

async fn check_answer(run: &Run, instance: usize, product: &Product, index: usize, asked: &Asked) {
    let token = product.newest();
    let fields: Vec<_> = token.map(|token| ("entrepot-at-least", token.position.to_string())).into_iter().collect();
    let mut last = String::new();
    for _ in 0..TRIES {
        let demands = asked.demands(run, instance, token.map(|token| (index, token)));
        let answer = run.http.get(run.instances.address(instance), &asked.path, &fields).await;
        let said = match answer {
            Ok(Answer { status: 200, body, fault: None, .. }) => Said::Body(body.into()),
            Ok(Answer { status: 404 | 410, .. }) => Said::Gone,
            Ok(Answer { status, body, .. }) => {
                last = format!("{status}: {body}");
                breathe().await;
                continue;
            }
            Err(error) => {
                last = format!("{error:#}");
                breathe().await;
                continue;
            }
        };
        for fault in asked.faults(&run.products, &demands, &said, false) {
            let what = format!("{fault} at the end, by {} on instance {instance}", asked.path);
            run.findings.violated(Violation::Stale, what);
        }
        return run.findings.count("reads at the end");
    }
    let what = format!("{} could not be read on instance {instance} at the end: {last}", asked.path);
    run.findings.violated(Violation::Unwell, what);
}

/// The rows themselves: an instance could have in its cache what the database has lost.
async fn check_stored(run: &Run, database: &Database) {
    let mut tries = 0;
    let rows = loop {
        match stored(run, database).await {
            Ok(rows) => break rows,
            Err(error) if tries >= TRIES => {
                let what = format!("the database could not be read at the end: {error}");
                return run.findings.violated(Violation::Unwell, what);
            }
            Err(_again) => {
                tries += 1;
                breathe().await;
            }
        }
    };
    let view = View { by: By::Name, members: Members::Stored };
    for product in &run.products {
        let row = rows.iter().find(|row| row["sku"] == *product.names.sku);
        let demand = product.demand(usize::MAX, product.newest().as_ref(), run.bound);
        let shown = row.map_or(Shown::Gone, Shown::Document);
        if let Err(fault) = product.check(demand, &view, shown, false) {
            run.findings
                .violated(Violation::Stale, format!("{} in the database at the end: {fault}", product.names.sku));
        }
    }
}

async fn stored(run: &Run, database: &Database) -> Result<Vec<serde_json::Value>, Error> {
    let skus: Vec<&str> = run.products.iter().map(|product| &*product.names.sku).collect();
    let sql = "SELECT sku, id::text, stock, (price * 100)::bigint, rating_count
               FROM catalog.product WHERE sku = ANY ($1) AND deleted_at IS NULL";
    let rows = database.client().await?.query(sql, &[&skus]).await?;
    let read = |row: &entrepot_pg::tokio_postgres::Row| -> Result<serde_json::Value, Error> {
        let (sku, id): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        let (stock, cents, ratings): (i32, i64, i32) = (row.try_get(2)?, row.try_get(3)?, row.try_get(4)?);
        Ok(json!({"sku": sku, "id": id, "stock": stock, "cents": cents, "ratingCount": ratings}))
    };
    rows.iter().map(read).collect()
}

async fn breathe() {
    #[expect(clippy::disallowed_methods, reason = "another process can only be polled")]
    tokio::time::sleep(BREATH).await;
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::super::model::{Product, Told};
    use super::super::state::tests::{living, names};
    use super::super::state::{By, Change, Members, Shown, View};

    #[test]
    fn a_last_write_that_the_database_has_lost_is_found() {
        let product = Product::new(names(), living());
        let view = View { by: By::Name, members: Members::Stored };
        let stored = |cents: i64| json!({"sku": "V-1", "id": "one", "stock": 7, "cents": cents, "ratingCount": 2});
        product.begin(&Change::Price(12));
        let told = Told { position: 1, instance: Some(0), document: None };
        product.acknowledge(&Change::Price(12), told).expect("it can be done");
        let demand = product.demand(usize::MAX, product.newest().as_ref(), Duration::from_secs(3_600));
        for (cents, is_right) in [(12, true), (1_250, false)] {
            let row = stored(cents);
            assert_eq!(product.check(demand, &view, Shown::Document(&row), false).is_ok(), is_right);
        }
        assert!(product.check(demand, &view, Shown::Gone, false).is_err());
    }
}
