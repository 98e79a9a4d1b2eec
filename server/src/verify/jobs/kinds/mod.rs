//! The program's own kinds of jobs, while its instances are killed, their clocks are off, and its database is mistreated:
//! exports, letters, webhooks and pictures are ordered over HTTP as anybody would, some dozens of each.
//!
//! | room | what it does |
//! | --- | --- |
//! | here | ordering, faults, the end |
//! | `excuse` | faults that used up all attempts of what was good |
//! | `found` | reading what there is in the end, and removing it |
//! | `instances` | the program as processes, and a client of it |
//! | `judge` | what must be there, as a pure function |
//! | `receiver` | who the webhook is sent to |
//! | `young` | what must not be thrown away by a wrong clock |
//!
//! **Invariants:**
//! - An order is repeated until it was acknowledged; what was ordered twice by that must be done twice, or known as one.
//! - A webhook's time is signed with it. An instance that took the time from a clock that is off would be found
//!   by its signatures: what guards against it is switched off by taking its time from the machine.

mod excuse;
mod found;
mod instances;
mod judge;
mod receiver;
mod young;

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use entrepot_accounts::temporary_key;
use entrepot_contracts::Role;
use entrepot_pg::Database;
use entrepot_runtime::{Shutdown, Tasks};
use futures_util::future::try_join_all;
use serde_json::json;

use super::faults::{AT_ONCE, Bag, CLOCK, READ_ONLY, at_its_hardest, hardest, read_only};
use super::{PATIENCE, Run, lock, pause};
use crate::production::accounts_for_a_command;
use crate::settings::Settings;
use crate::terminal::{say, tell, thousands};
use crate::verify::database::EACH_CONNECTION;
use crate::verify::service::{RECOVERY, within};
use crate::verify::until_done;
use crate::verify::work::Random;
use crate::verify::young::{Clocks, FAR_S};

use excuse::Spell;
use instances::{Answer, Api, Instances};
use judge::{KindFacts, excused, judge_kinds};
use receiver::Receiver;
use young::Young;

const INSTANCES: usize = 2;
/// How long an instance that is up has for the first round of its upkeep.
const UPKEEP_MS: u64 = 3_000;
const KILLED: &str = "instances killed";
/// What the orders need.
const ACTIONS: [&str; 11] = [
    "products.write",
    "categories.write",
    "stores.read",
    "stores.write",
    "sales.read",
    "exports.read",
    "exports.write",
    "webhooks.read",
    "webhooks.write",
    "mail.write",
    "jobs.read",
];
/// Of so many orders of other kinds one is an export: they are larger, and one person may have ten under way.
const EXPORT_EVERY: usize = 4;
/// Half of what a product may have, as some are uploaded twice.
const PICTURES_EACH: usize = 25;
/// Months of the store that is exported: some two pieces of a file.
const MONTHS: i64 = 1_200;
/// The smallest GIF that shows something: one white pixel.
const GIF: &[u8] = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,\
    \x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;";
/// One whose header is good and whose pixels are missing: it is taken, and must end as failed.
const BROKEN_GIF: &[u8] =
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff,\x00\x00\x00\x00\x01\x00\x01\x00\x00";

/// A run of this part.
struct Orders<'a> {
    run: &'a Run,
    database: &'a Database,
    instances: Instances,
    api: Api,
    receiver: Arc<Receiver>,
    /// What everything of the run begins with.
    name: String,
    data: PathBuf,
    acknowledged: Mutex<Acknowledged>,
    is_ordering: AtomicBool,
    clocks: Clocks,
    /// The faults, and when they were.
    spells: Mutex<Vec<Spell>>,
    refused: AtomicU64,
}

/// What was acknowledged.
#[derive(Default)]
struct Acknowledged {
    letters: HashSet<String>,
    stores: HashSet<String>,
    exports: HashSet<String>,
    pictures: HashSet<String>,
}

/// Orders, mistreats, waits and judges; whether all came to an end that is right.
pub(super) async fn verify_kinds(run: &Run, settings: &Settings) -> anyhow::Result<bool> {
    let start = Instant::now();
    let own_tasks = Tasks::new(Shutdown::new());
    let accounts = accounts_for_a_command(settings, &run.database, &entrepot_runtime::Clock::system(), &own_tasks)?;
    let key = temporary_key(&accounts, "verify", Role::Admin, &ACTIONS).await?;
    let data = run.folder.join("shop");
    let instances = Instances::start(INSTANCES, &run.url, &data).await?;
    let mut random = Random::new(run.plan.seed);
    let orders = Orders {
        run,
        database: &run.database,
        instances,
        api: Api::new(key.reveal()),
        receiver: Receiver::start(Random::new(random.next())).await?,
        name: format!("vj{}-{}", run.plan.seed % 1_000_000, std::process::id()),
        data,
        acknowledged: Mutex::default(),
        is_ordering: AtomicBool::new(true),
        clocks: Clocks::default(),
        spells: Mutex::default(),
        refused: AtomicU64::new(0),
    };
    tell(format_args!("{INSTANCES} instances, {} orders of each kind", run.plan.orders));
    let webhook = orders.prepare().await?;
    let young = Young::make(&orders, &accounts, settings).await?;
    let (asking, mistreating) = (Random::new(random.next()), Random::new(random.next()));
    let ordering = async {
        let ordered = orders.order_all(asking).await;
        // Faults go on for as long as there are orders, whatever becomes of those.
        orders.is_ordering.store(false, Ordering::Relaxed);
        ordered
    };
    let both = futures_util::join!(ordering, orders.mistreat(mistreating));
    both.0.and(both.1)?;
    for index in 0..INSTANCES {
        orders.restart(index, 0).await?;
    }
    orders.settle().await;
    // What is done now is young, whatever a clock says.
    orders.restart(0, FAR_S).await?;
    pause(UPKEEP_MS).await;
    orders.restart(0, 0).await?;
    if run.plan.spoil {
        young.throw_away(&orders).await?;
    }
    let facts = orders.facts().await?;
    let gone = young.gone(&orders).await?;
    orders.remove(settings, &webhook).await?;
    orders.instances.stop().await;
    until_done("the run's account could not be removed", || key.clone().delete(&accounts)).await?;
    own_tasks.stop(std::time::Duration::from_secs(1)).await;
    Ok(orders.report(&facts, &gone, start))
}

impl Orders<'_> {
    /// The product whose picture has this number: one has 50 at the most.
    fn sku(&self, picture: usize) -> String {
        format!("{}-P{}", self.name, picture / PICTURES_EACH)
    }

    /// What is like the names of all that is made under the run's own.
    fn like(&self) -> String {
        format!("{}-%", self.name)
    }

    /// The store whose months are exported: none that the webhook follows.
    fn exported(&self) -> String {
        format!("x{}", self.name)
    }

    /// Makes what is ordered of: a product, a store with months, a webhook that is followed. Tells the webhook's path.
    async fn prepare(&self) -> anyhow::Result<String> {
        let (to, name) = (self.instances.address(0), &self.name);
        let made = |answer: Answer| {
            ensure!(answer.status == 201, "what is needed cannot be made: {} {}", answer.status, answer.json());
            Ok(answer)
        };
        let category = json!({"name": format!("Verify {name}"), "slug": name});
        made(self.api.json(to, "POST", "/api/v2/categories", &category).await?)?;
        for picture in (0..self.run.plan.orders).step_by(PICTURES_EACH) {
            let product = json!({"sku": self.sku(picture), "title": format!("Verify {name}"), "category": name});
            made(self.api.json(to, "POST", "/api/v2/products", &product).await?)?;
        }
        let store = format!("/api/v2/stores/{}", self.exported());
        made(self.api.json(to, "PUT", &store, &json!({"name": "Verify"})).await?)?;
        self.make_months().await?;
        let url = format!("http://{}/hook", self.receiver.address);
        let webhook = json!({"url": url, "topics": [format!("store-{name}-*")]});
        let webhook = made(self.api.json(to, "POST", "/api/v2/webhooks", &webhook).await?)?;
        self.receiver.know(&webhook.text("secret"))?;
        // The consumer begins where the feed stands when it first looks.
        let since = Instant::now();
        while !self.is_followed().await? {
            ensure!(since.elapsed() < PATIENCE, "nobody follows the feed for the webhooks");
            pause(50).await;
        }
        Ok(format!("/api/v2/webhooks/{}", webhook.text("id")))
    }

    /// Orders everything, each until it was acknowledged.
    async fn order_all(&self, mut random: Random) -> anyhow::Result<()> {
        for number in 0..self.run.plan.orders {
            self.until_acknowledged(&mut random, async |to| self.order_letter(to, number).await).await?;
            self.until_acknowledged(&mut random, async |to| self.make_store(to, number).await).await?;
            self.until_acknowledged(&mut random, async |to| self.upload(to, number).await).await?;
            if number % EXPORT_EVERY == 0 {
                self.until_acknowledged(&mut random, async |to| self.order_export(to).await).await?;
            }
            pause(50 + random.below(150)).await;
        }
        Ok(())
    }

    /// Asks one instance after the other; whoever is not answered does not know, and asks again.
    async fn until_acknowledged(
        &self,
        random: &mut Random,
        order: impl AsyncFn(std::net::SocketAddr) -> anyhow::Result<bool>,
    ) -> anyhow::Result<()> {
        let start = Instant::now();
        loop {
            match order(self.instances.address(random.index(INSTANCES))).await {
                Ok(true) => return Ok(()),
                other => {
                    self.refused.fetch_add(1, Ordering::Relaxed);
                    ensure!(start.elapsed() < PATIENCE, "an order is not taken: {other:?}");
                    pause(100).await;
                }
            }
        }
    }

    async fn order_letter(&self, to: std::net::SocketAddr, number: usize) -> anyhow::Result<bool> {
        let recipient = format!("{}-{number}@shop.example", self.name);
        let answer = self.api.json(to, "POST", "/api/admin/mail/test", &json!({"to": recipient})).await?;
        noted(answer.status == 202, &answer, || lock(&self.acknowledged).letters.insert(recipient))
    }

    async fn make_store(&self, to: std::net::SocketAddr, number: usize) -> anyhow::Result<bool> {
        let store = format!("{}-{number}", self.name);
        let answer = self.api.json(to, "PUT", &format!("/api/v2/stores/{store}"), &json!({"name": "Verify"})).await?;
        // 200 where it was made by a request that was not answered.
        let is_made = matches!(answer.status, 200 | 201);
        noted(is_made, &answer, || lock(&self.acknowledged).stores.insert(format!("store-{store}")))
    }

    async fn upload(&self, to: std::net::SocketAddr, number: usize) -> anyhow::Result<bool> {
        let path = format!("/api/v2/products/{}/images/upload", self.sku(number));
        let bytes = if number % 5 == 4 { BROKEN_GIF } else { GIF };
        let answer = self.api.send(to, "POST", &path, "image/gif", Bytes::from_static(bytes)).await?;
        noted(answer.status == 201, &answer, || lock(&self.acknowledged).pictures.insert(answer.text("id")))
    }

    async fn order_export(&self, to: std::net::SocketAddr) -> anyhow::Result<bool> {
        let body = json!({"kind": "sales", "format": "csv", "parameters": {"storeId": self.exported()}});
        let answer = self.api.json(to, "POST", "/api/v2/exports", &body).await?;
        // Ten are under way: it is tried again when one has ended.
        let is_taken = answer.status == 202;
        noted(is_taken, &answer, || lock(&self.acknowledged).exports.insert(answer.text("id")))
    }

    /// Has faults happen as long as there are orders, and until each has happened.
    async fn mistreat(&self, mut random: Random) -> anyhow::Result<()> {
        let mut bag = Bag::new(vec![KILLED, KILLED, CLOCK, READ_ONLY, hardest(&self.run.mistreated)]);
        while self.is_ordering.load(Ordering::Relaxed) || bag.has_new() {
            pause(300 + random.below(900)).await;
            let (one, other) = bag.draw(&mut random);
            let index = random.index(INSTANCES);
            let (first, second) = (Random::new(random.next()), Random::new(random.next()));
            match other {
                None => self.happen(one, index, first).await?,
                Some(other) => {
                    // Two that meet are not of the same instance.
                    let beside = (index + 1) % INSTANCES;
                    let both = futures_util::join!(self.happen(one, index, first), self.happen(other, beside, second));
                    both.0.and(both.1)?;
                    self.run.count(AT_ONCE);
                }
            }
            if [Some(one), other].contains(&Some(READ_ONLY)) {
                self.judge_writes().await;
            }
        }
        Ok(())
    }

    /// Each instance must write again, by any of its connections: nobody has cut those that stayed read only.
    async fn judge_writes(&self) {
        for index in 0..INSTANCES {
            if let Err(last) = within(RECOVERY, || self.try_writes(index)).await {
                let bound = RECOVERY.as_secs();
                self.run.unwell(format!(
                    "instance {index} does not write again {bound} s after the database was read only: {last}"
                ));
            }
        }
    }

    /// Writes by as many requests at once as an instance has connections; what went wrong.
    async fn try_writes(&self, index: usize) -> Result<(), String> {
        let writes = (0..EACH_CONNECTION).map(|number| async move {
            // The store that is exported, which the webhook does not follow.
            let path = format!("/api/v2/stores/{}", self.exported());
            let body = json!({"name": format!("Verify {number}")});
            match self.api.json(self.instances.address(index), "PUT", &path, &body).await {
                Ok(answer) if answer.status == 200 => Ok(()),
                Ok(answer) => Err(format!("a write is answered {}: {}", answer.status, answer.json())),
                Err(error) => Err(format!("{error:#}")),
            }
        });
        try_join_all(writes).await.map(|_| ())
    }

    async fn happen(&self, what: &'static str, index: usize, mut random: Random) -> anyhow::Result<()> {
        let mistreated = &self.run.mistreated;
        let from_s = now_s();
        match what {
            KILLED => self.restart(index, 0).await?,
            CLOCK => self.restart(index, self.clocks.draw(&mut random)).await?,
            READ_ONLY => read_only(mistreated, 500 + random.below(1_000)).await?,
            _ => at_its_hardest(mistreated, what).await?,
        }
        lock(&self.spells).push(Spell { name: what, from_s, to_s: now_s() });
        self.run.count(what);
        Ok(())
    }

    /// Starts an instance anew; one cannot begin on a database that is away or read only, and is started again.
    async fn restart(&self, index: usize, off_s: i64) -> anyhow::Result<()> {
        let start = Instant::now();
        loop {
            match self.instances.restart(index, off_s).await {
                Ok(()) => return Ok(()),
                Err(error) if start.elapsed() > PATIENCE => return Err(error).context("an instance does not come up"),
                Err(_) => pause(200).await,
            }
        }
    }

    /// Waits until all has come to an end, and no longer than is decent.
    async fn settle(&self) {
        let start = Instant::now();
        while start.elapsed() < PATIENCE && !self.is_settled().await.unwrap_or(false) {
            pause(200).await;
        }
    }

    fn report(&self, facts: &KindFacts, gone: &[String], start: Instant) -> bool {
        let with = |status: &str| facts.exports.values().filter(|one| one.status == status).count();
        let pictures = |status: &str| facts.pictures.values().filter(|one| one.status == status).count();
        let taken = facts.deliveries.iter().filter(|one| one.is_taken).count();
        for (number, what) in [
            (facts.letters_ordered.len(), "letters ordered".to_owned()),
            (
                facts.events.len(),
                format!("events for the webhook, {} deliveries, {taken} taken", facts.deliveries.len()),
            ),
            (facts.exports.len(), format!("exports: {} done, {} failed", with("done"), with("failed"))),
            (facts.pictures.len(), format!("pictures: {} ready, {} failed", pictures("ready"), pictures("failed"))),
        ] {
            say(format_args!("{:>9}  {what}", thousands(number as u64)));
        }
        let refused = self.refused.load(Ordering::Relaxed);
        say(format_args!("{:>9}  orders that were not taken at once", thousands(refused)));
        for what in excused(facts) {
            say(format_args!("EXCUSED: {what}"));
        }
        let faults = judge_kinds(facts);
        for (what, count) in &faults {
            say(format_args!("KINDS: {count} {what}"));
        }
        for what in gone {
            say(format_args!("GONE: {what}"));
        }
        let is_well = self.run.tell_unwell() && gone.is_empty();
        let sum: usize = faults.values().sum();
        say(format_args!("{:.1} s: {sum} faults of the program's own kinds", start.elapsed().as_secs_f64()));
        faults.is_empty() && is_well
    }
}

/// Seconds since the epoch, by this machine's clock.
fn now_s() -> f64 {
    entrepot_runtime::Clock::system().now().as_duration().as_secs_f64()
}

/// Whether an order was acknowledged, which is noted then. What the program says cannot ever be is an error of the run.
fn noted(is_acknowledged: bool, answer: &Answer, note: impl FnOnce() -> bool) -> anyhow::Result<bool> {
    if is_acknowledged {
        note();
    }
    let may_pass = is_acknowledged || answer.status >= 500 || answer.status == 409;
    ensure!(may_pass, "an order was refused: {} {}", answer.status, answer.json());
    Ok(is_acknowledged)
}
