//! What is enqueued while everything goes wrong: plain jobs from four tasks at once, jobs with a key and a period,
//! bursts for the queue with a rate, and jobs that somebody cancels or retries by hand.
//!
//! **Invariant:** what is enqueued is noted in the same transaction; where nobody knows whether that committed, the
//! table does.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::time::Duration;

use entrepot_jobs::{Cancelled, Enqueued, Failures, Job, NewJob};
use entrepot_pg::{Error, ScopedFutureExt as _};

use super::worker::{Deed, Paced};
use super::{Run, lock, pause};
use crate::verify::work::Random;

/// Jobs that wait at the most while more are enqueued.
const BACKLOG: i64 = 20_000;
/// Keys that are used once in a period, by all tasks together.
const KEYS: [&str; 3] = ["verify-a", "verify-b", "verify-c"];
pub(super) const PERIOD: Duration = Duration::from_secs(1);
/// Jobs that come at once into the queue with a rate: more than may begin in a second whatever the number of workers.
const BURST: i64 = 40;
const BETWEEN_BURSTS_MS: u64 = 2_500;
const BY_HAND: &str = "by-hand";

/// A job to be enqueued.
pub(super) struct Order {
    deed: Deed,
    number: i64,
    does: &'static str,
    tenant: Option<String>,
    /// It is enqueued once in a period.
    key: Option<&'static str>,
    roll_back: bool,
}

impl Order {
    pub(super) fn new(deed: Deed, number: i64, does: &'static str) -> Self {
        Self { deed, number, does, tenant: None, key: None, roll_back: false }
    }

    pub(super) fn tenant(self, tenant: impl Into<String>) -> Self {
        Self { tenant: Some(tenant.into()), ..self }
    }
}

impl Run {
    pub(super) fn next_number(&self) -> i64 {
        self.next_numbers(1)
    }

    /// The first of so many.
    pub(super) fn next_numbers(&self, count: i64) -> i64 {
        self.number.fetch_add(count, Ordering::Relaxed)
    }

    fn is_enqueuing(&self) -> bool {
        self.is_enqueuing.load(Ordering::Relaxed)
    }

    /// Enqueues a job and notes that it did, in one transaction, which may be rolled back.
    pub(super) async fn enqueue_one(&self, order: &Order) -> Result<Enqueued, Error> {
        self.database
            .transaction(|transaction| {
                async move {
                    let mut job = NewJob::of(&order.deed);
                    if let Some(tenant) = &order.tenant {
                        job = job.tenant(tenant.clone());
                    }
                    if let Some(key) = order.key {
                        job = job.once_in(PERIOD, key);
                    }
                    let enqueued = self.jobs.enqueue(transaction, job).await?;
                    if matches!(enqueued, Enqueued::New(_)) {
                        let sql = "INSERT INTO verify.enqueued (number, does) VALUES ($1, $2)";
                        transaction.execute(sql, &[&order.number, &order.does]).await?;
                        if let Some(key) = order.key {
                            let sql = "INSERT INTO verify.once (key, until)
                                       SELECT key, until FROM jobs.used_key WHERE kind = $1 AND key = $2";
                            transaction.execute(sql, &[&Deed::KIND, &key]).await?;
                        }
                    }
                    if order.roll_back { Err(Error::Refused("it is rolled back on purpose")) } else { Ok(enqueued) }
                }
                .scope_boxed()
            })
            .await
    }

    /// Nobody knows whether that committed; the table does.
    async fn not_told(&self) {
        self.unknown.fetch_add(1, Ordering::Relaxed);
        pause(50).await;
    }

    /// Enqueues at random until the run is over.
    pub(super) async fn enqueue(&self, mut random: Random) {
        while self.is_enqueuing() {
            let number = self.next_number();
            let mut order = match random.below(1_000) {
                0..600 => Order::new(Deed::Effect { number }, number, "effect"),
                600..970 => Order::new(Deed::Outside { number }, number, "outside"),
                970..980 => {
                    let key = Some(KEYS[random.index(KEYS.len())]);
                    Order { key, ..Order::new(Deed::Once { number }, number, "once") }
                }
                980..999 => Order::new(Deed::Poison { number }, number, "poison"),
                _ => Order::new(Deed::Deadly { number }, number, "deadly"),
            };
            order.tenant = random.percent(50).then(|| format!("tenant-{}", random.below(5)));
            order.roll_back = random.percent(5);
            match self.enqueue_one(&order).await {
                Ok(Enqueued::Known(_)) => self.count("jobs refused, as their key had been used within its period"),
                Ok(Enqueued::New(_)) | Err(Error::Refused(_)) => {}
                Err(_) => self.not_told().await,
            }
            if number % 500 == 0 {
                while self.is_enqueuing() && self.left().await.is_ok_and(|left| left > BACKLOG) {
                    pause(50).await;
                }
            }
        }
    }

    /// Has bursts done by the queue with a rate.
    pub(super) async fn pace(&self) {
        while self.is_enqueuing() {
            let first = self.next_numbers(BURST);
            let jobs: Vec<NewJob> = (first..first + BURST).map(|number| NewJob::of(&Paced { number })).collect();
            match self.enqueue_all(&jobs, first, "paced").await {
                Ok(()) => self.count("bursts for the queue with a rate"),
                Err(_) => self.not_told().await,
            }
            pause(BETWEEN_BURSTS_MS).await;
        }
    }

    /// Cancels jobs, and has jobs that failed for good tried again, until the run is over.
    pub(super) async fn intervene(&self, mut random: Random) {
        let mut failing: VecDeque<(i64, i64)> = VecDeque::new();
        while self.is_enqueuing() {
            let number = self.next_number();
            match random.below(3) {
                0 => self.cancel_one(number, &mut random).await,
                1 => {
                    let order = Order::new(Deed::Mended { number }, number, "mended").tenant(BY_HAND);
                    match self.enqueue_one(&order).await {
                        Ok(enqueued) => failing.push_back((enqueued.id(), number)),
                        Err(_) => self.not_told().await,
                    }
                }
                _ => {
                    if let Some((id, number)) = failing.pop_front()
                        && !self.mend(id, number).await
                    {
                        failing.push_back((id, number));
                    }
                }
            }
            pause(20 + random.below(60)).await;
        }
    }

    /// Enqueues a job and cancels it a moment later: while it waits, while it runs, or too late.
    async fn cancel_one(&self, number: i64, random: &mut Random) {
        let order = Order::new(Deed::Cancellable { number }, number, "cancellable").tenant(BY_HAND);
        let Ok(enqueued) = self.enqueue_one(&order).await else { return self.not_told().await };
        pause(random.below(150)).await;
        match self.jobs.cancel(enqueued.id()).await {
            Ok(Cancelled::Waiting) => {
                lock(&self.by_hand).cancelled.insert(number);
                self.count("jobs cancelled by hand before they ran");
            }
            Ok(Cancelled::Running) => self.count("jobs cancelled by hand while they ran"),
            Ok(Cancelled::NotThere) => {}
            Err(_) => self.not_told().await,
        }
    }

    /// Mends what a job failed by, once it has failed for good, and has it tried again; whether that was acknowledged.
    async fn mend(&self, id: i64, number: i64) -> bool {
        match self.note_mended(id, number).await {
            Ok(true) => {}
            // It has not failed yet; or it was retried by a call that nobody was told of, and nothing is demanded.
            Ok(false) | Err(_) => return false,
        }
        match self.jobs.retry(Some(&[id]), &Failures::default()).await {
            Ok(retried) if retried.contains(&id) => {
                lock(&self.by_hand).mended.insert(number);
                self.count("jobs that had failed for good, retried by hand");
                true
            }
            Ok(_) => false,
            Err(_) => {
                self.not_told().await;
                false
            }
        }
    }

    async fn note_mended(&self, id: i64, number: i64) -> Result<bool, Error> {
        let client = self.database.client().await?;
        let sql = "SELECT EXISTS (SELECT FROM jobs.ended WHERE id = $1 AND outcome = 'discarded')";
        if !client.query_one(sql, &[&id]).await?.try_get(0)? {
            return Ok(false);
        }
        let sql = "INSERT INTO verify.mended (number) VALUES ($1) ON CONFLICT DO NOTHING";
        client.execute(sql, &[&number]).await?;
        Ok(true)
    }
}
