//! Whether a tenant with one job has its turn beside one with very many.
//!
//! What is measured is a share, not a time: of the jobs that lay ahead when the one was enqueued, how many were done
//! before it was. A machine that is slow, or stands still for a second, is so for both, and the share stays what it is.
//!
//! **Invariant:** `--without-fairness` gives the single jobs to the tenant with the many. Then a job waits for all that
//! lies ahead, its share is near 1, and the check must fail.

use std::time::Instant;

use anyhow::{Context as _, ensure};
use entrepot_jobs::NewJob;
use entrepot_pg::{Error, ScopedFutureExt as _};

use super::enqueue::Order;
use super::worker::Deed;
use super::{PATIENCE, Run, pause};
use crate::terminal::{say, thousands};

/// Tenants with one job each, one after the other.
const PROBES: usize = 20;
/// As few of them say something.
const LEAST: usize = 5;
/// The most that may be done before the one, as a share of what lay ahead: in the median, and of a single one.
///
/// Without turns the share is 1. With turns there go first what each worker had claimed ahead, some 50 ms of its work,
/// and what it does until it looks for other lanes: at once after an enqueueing, and a quarter of a second later where
/// the word of that was lost. 100,000 jobs take ten seconds and more, so that is 1 % to 5 % of them. The bounds are
/// twice that and more, and far from 1: no rounding of either side makes a fair queue fail or an unfair one pass.
const MEDIAN: f64 = 0.1;
const WORST: f64 = 0.33;
/// The many are under way as long as this share of them is left; what is done beside fewer says little.
const ENOUGH: f64 = 0.2;
const MANY: &str = "very-many";

/// What was measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Fairness {
    pub(super) probes: usize,
    pub(super) median: f64,
    pub(super) worst: f64,
}

impl Fairness {
    /// From the shares of all probes; none where there were too few to say anything.
    pub(super) fn of(shares: &[f64]) -> Option<Self> {
        let mut sorted = shares.to_vec();
        sorted.sort_by(f64::total_cmp);
        let fairness = Self { probes: sorted.len(), median: *sorted.get(sorted.len() / 2)?, worst: *sorted.last()? };
        // One that had to wait for all of them leaves none to be tried again beside.
        (sorted.len() >= LEAST || !fairness.is_fair()).then_some(fairness)
    }

    pub(super) fn is_fair(&self) -> bool {
        self.median <= MEDIAN && self.worst <= WORST
    }

    pub(super) fn tell(&self, many: i64) {
        let percent = |share: f64| format!("{:.1} %", share * 100.0);
        say(format_args!(
            "{:>9}  of the jobs ahead were done before another tenant's one job, at the most ({} in the median, {} \
             tenants beside one with {}): {}",
            percent(self.worst),
            percent(self.median),
            self.probes,
            thousands(many.unsigned_abs()),
            if self.is_fair() { "fair" } else { "NOT FAIR" }
        ));
    }
}

impl Run {
    /// A tenant with very many jobs, and others with one each.
    pub(super) async fn one_beside_many(&self) -> anyhow::Result<Fairness> {
        let many = self.plan.crowd;
        self.enqueue_many(many).await?;
        // They are under way.
        while self.done().await? == 0 {
            pause(10).await;
        }
        let mut shares = Vec::new();
        for probe in 0..PROBES {
            let before = self.done().await?;
            let ahead = many - before;
            if (ahead as f64) < many as f64 * ENOUGH {
                break;
            }
            self.do_one(probe).await?;
            // One of these was the probe's own.
            let passed = self.done().await? - before - 1;
            shares.push((passed as f64 / ahead as f64).max(0.0));
        }
        Fairness::of(&shares).context("the many were done before the others were tried: the figure would say nothing")
    }

    /// Enqueues another tenant's one job and waits until it is done.
    async fn do_one(&self, probe: usize) -> anyhow::Result<()> {
        let number = self.next_number();
        let tenant = if self.plan.without_fairness { MANY.to_owned() } else { format!("one-{probe}") };
        self.enqueue_one(&Order::new(Deed::Effect { number }, number, "effect").tenant(tenant)).await?;
        let asked = Instant::now();
        loop {
            let client = self.database.client().await?;
            let sql = "SELECT EXISTS (SELECT FROM verify.effect WHERE number = $1)";
            if client.query_one(sql, &[&number]).await?.try_get(0)? {
                return Ok(());
            }
            drop(client);
            ensure!(asked.elapsed() < PATIENCE, "a tenant's one job is not done");
            pause(2).await;
        }
    }

    async fn enqueue_many(&self, many: i64) -> anyhow::Result<()> {
        let first = self.next_numbers(many);
        let jobs: Vec<NewJob> =
            (first..first + many).map(|number| NewJob::of(&Deed::Effect { number }).tenant(MANY)).collect();
        self.enqueue_all(&jobs, first, "effect").await?;
        Ok(())
    }

    /// Effects in the database so far.
    async fn done(&self) -> Result<i64, Error> {
        let client = self.database.client().await?;
        Ok(client.query_one("SELECT count(*) FROM verify.effect", &[]).await?.try_get(0)?)
    }

    /// Enqueues jobs with the numbers from `first` on, in one transaction, and notes that it did.
    pub(super) async fn enqueue_all(&self, jobs: &[NewJob], first: i64, does: &'static str) -> Result<(), Error> {
        let end = first + i64::try_from(jobs.len()).unwrap_or(0);
        self.database
            .transaction(|transaction| {
                async move {
                    self.jobs.enqueue_all(transaction, jobs).await?;
                    let sql = "INSERT INTO verify.enqueued (number, does)
                               SELECT number, $3::text FROM generate_series($1::int8, $2::int8 - 1) AS number";
                    transaction.execute(sql, &[&first, &end, &does]).await?;
                    Ok::<_, Error>(())
                }
                .scope_boxed()
            })
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_who_has_his_turn_is_told_from_one_who_waits_for_all() {
        let fair = Fairness::of(&[0.02, 0.01, 0.05, 0.30, 0.02]).expect("enough");
        assert!(fair.is_fair());
        assert_eq!((fair.median, fair.worst), (0.02, 0.30));
        assert!(!Fairness::of(&[0.97]).expect("says enough").is_fair(), "who waits for all");
        assert!(!Fairness::of(&[0.01, 0.01, 0.01, 0.02, 0.6]).expect("enough").is_fair(), "a single one, too");
        assert!(!Fairness::of(&[0.15; 20]).expect("enough").is_fair(), "all of them a little");
        assert_eq!(Fairness::of(&[0.01; 4]), None, "too few to say so");
        assert_eq!(Fairness::of(&[]), None);
    }
}
