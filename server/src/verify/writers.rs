//! Writes by hand, straight into the database, in the orders that are hardest to follow: nobody marks
//! them, nobody nudges, ids and commits come in different orders.
//!
//! They say of themselves that they write, so a database that is read-only by default moves on under
//! instances that cannot write, as one behind a fail-over does.

use std::sync::Arc;
use std::time::Duration;

use entrepot_feed::{Feed, NewEvent};
use entrepot_pg::{Database, Error, Transaction};

use super::Run;
use super::findings::Violation;
use super::model::{Product, Told};
use super::reads::DEAR_CENTS;
use super::state::{Change, Living};
use super::work::Random;

pub(super) struct Writers {
    run: Arc<Run>,
    database: Database,
    feed: Feed,
}

impl Writers {
    pub(super) fn new(run: Arc<Run>, database: Database, feed: Feed) -> Self {
        Self { run, database, feed }
    }

    pub(super) async fn write(self, mut random: Random) {
        while !self.run.is_over() {
            let outcome = match random.below(4) {
                0 => self.unannounced(&mut random).await,
                1 => self.rolled_back(&mut random).await,
                2 => self.early_id(&mut random).await,
                _ => self.two_with_another_between(&mut random).await,
            };
            if outcome.is_err() {
                self.run.findings.count("writes by hand that failed");
            }
            self.run.pause(Duration::from_millis(20 + random.below(80))).await;
        }
    }

    fn choose(&self, random: &mut Random) -> &Product {
        &self.run.products[random.index(self.run.products.len())]
    }

    async fn begin(&self) -> Result<Transaction, Error> {
        let transaction = self.database.begin().await?;
        transaction.batch_execute("SET TRANSACTION READ WRITE").await?;
        Ok(transaction)
    }

    /// Commits, and takes down what became of it.
    async fn commit(
        &self,
        transaction: Transaction,
        product: &Product,
        change: &Change,
        position: u64,
    ) -> Result<(), Error> {
        product.begin(change);
        transaction.commit().await?;
        if let Err(fault) = product.acknowledge(change, Told { position, instance: None, document: None }) {
            self.run.findings.violated(Violation::Stale, format!("{} by hand: {fault}", product.names.sku));
        }
        Ok(())
    }

    /// Committed, and nobody is told: as if the writer had been killed right after the commit.
    async fn unannounced(&self, random: &mut Random) -> Result<(), Error> {
        let product = self.choose(random);
        let _writing = product.writing.lock().await;
        let Some(living) = writable(product) else { return Ok(()) };
        let transaction = self.begin().await?;
        let change = change(product, random);
        set(&transaction, &living, &change).await?;
        let position = self.tell(&transaction, product, &living).await?;
        self.commit(transaction, product, &change, position).await?;
        self.run.findings.count("commits by hand, unannounced");
        Ok(())
    }

    async fn rolled_back(&self, random: &mut Random) -> Result<(), Error> {
        let product = self.choose(random);
        let _writing = product.writing.lock().await;
        let Some(living) = writable(product) else { return Ok(()) };
        let transaction = self.begin().await?;
        set(&transaction, &living, &change(product, random)).await?;
        self.tell(&transaction, product, &living).await?;
        self.run.pause(Duration::from_millis(random.below(300))).await;
        transaction.roll_back().await;
        self.run.findings.count("rollbacks by hand");
        Ok(())
    }

    /// Takes its id long before its first visible row; others commit higher ids meanwhile.
    async fn early_id(&self, random: &mut Random) -> Result<(), Error> {
        let product = self.choose(random);
        let transaction = self.begin().await?;
        transaction.query_one("SELECT pg_current_xact_id()::text", &[]).await?;
        let id: i64 = transaction.query_one("SELECT nextval('feed.event_id')", &[]).await?.get(0);
        self.run.pause(Duration::from_millis(200 + random.below(2_500))).await;
        let _writing = product.writing.lock().await;
        let Some(living) = writable(product) else {
            transaction.roll_back().await;
            return Ok(());
        };
        let change = change(product, random);
        set(&transaction, &living, &change).await?;
        transaction
            .execute(
                "INSERT INTO feed.event (id, xid, topic, name, tags, data, at)
                 VALUES ($1, pg_current_xact_id(), 'verify', 'verify.early-id', $2, '{}', clock_timestamp())",
                &[&id, &tags(&transaction, product, &living).await?],
            )
            .await?;
        self.commit(transaction, product, &change, u64::try_from(id).unwrap_or(0)).await?;
        self.run.findings.count("commits by hand of an id that was taken long before");
        Ok(())
    }

    /// One transaction holds two ids, with another's between them.
    async fn two_with_another_between(&self, random: &mut Random) -> Result<(), Error> {
        let products = &self.run.products;
        let first = random.index(products.len());
        let second = (first + 1 + random.index(products.len() - 1)) % products.len();
        let (outer, inner) = (&products[first.min(second)], &products[first.max(second)]);
        let _outer_writing = outer.writing.lock().await;
        let _inner_writing = inner.writing.lock().await;
        let (Some(outer_living), Some(inner_living)) = (writable(outer), writable(inner)) else { return Ok(()) };
        let transaction = self.begin().await?;
        // The first is replaced before the commit, so it must never show.
        set(&transaction, &outer_living, &Change::Stock(outer.number())).await?;
        self.tell(&transaction, outer, &outer_living).await?;

        let between = self.begin().await?;
        let inner_change = change(inner, random);
        set(&between, &inner_living, &inner_change).await?;
        let inner_position = self.tell(&between, inner, &inner_living).await?;
        self.commit(between, inner, &inner_change, inner_position).await?;

        self.run.pause(Duration::from_millis(random.below(200))).await;
        let outer_change = Change::Stock(outer.number());
        set(&transaction, &outer_living, &outer_change).await?;
        let position = self.tell(&transaction, outer, &outer_living).await?;
        self.commit(transaction, outer, &outer_change, position).await?;
        self.run.findings.count("commits by hand of two ids with another's between");
        Ok(())
    }

    async fn tell(&self, transaction: &Transaction, product: &Product, living: &Living) -> Result<u64, Error> {
        let event = NewEvent::new("verify.written", "verify").tags(tags(transaction, product, living).await?);
        self.feed.append(transaction, event).await
    }
}

/// What a product is, if that is known and it may be written. Call it with `writing` held.
fn writable(product: &Product) -> Option<Living> {
    product.sure().filter(|living| living.id.is_some() && !product.is_set_aside())
}

fn change(product: &Product, random: &mut Random) -> Change {
    let number = product.number();
    match random.below(3) {
        0 => Change::Stock(number),
        1 => Change::Price(number),
        _ => Change::Price(DEAR_CENTS + number),
    }
}

async fn set(transaction: &Transaction, living: &Living, change: &Change) -> Result<(), Error> {
    let (member, value) = match change {
        Change::Price(cents) => ("price = $1::bigint::numeric / 100", *cents),
        Change::Stock(stock) => ("stock = $1::bigint::integer", *stock),
        _ => return Err(Error::Missing("a change that can be made by hand")),
    };
    let sql = format!(
        "UPDATE catalog.product SET {member}, version = version + 1, updated_at = clock_timestamp()
         WHERE id = $2::text::uuid AND deleted_at IS NULL"
    );
    match transaction.execute(&sql, &[&value, &id(living)]).await? {
        1 => Ok(()),
        _ => Err(Error::Missing("a product that was there")),
    }
}

fn id(living: &Living) -> &str {
    living.id.as_deref().unwrap_or_default()
}

/// The tags that a change of the product touches, as the catalog has them.
async fn tags(transaction: &Transaction, product: &Product, living: &Living) -> Result<Vec<String>, Error> {
    let sql = "SELECT category_path::text[] FROM catalog.product WHERE id = $1::text::uuid";
    let shelves: Vec<String> = transaction.query_one(sql, &[&id(living)]).await?.get(0);
    let mut tags = vec![
        format!("product:{}", id(living)),
        "products".to_owned(),
        format!("product-name:{}", product.names.sku),
        format!("product-name:{}", product.names.slug),
    ];
    tags.extend(shelves.into_iter().map(|shelf| format!("shelf:{shelf}")));
    Ok(tags)
}
