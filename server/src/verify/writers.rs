//! Writes by hand, straight into the database, in the orders that are hardest to follow: nobody marks
//! them, nobody nudges, ids and commits come in different orders.

use std::sync::Arc;
use std::time::Duration;

use entrepot_feed::{Feed, NewEvent};
use entrepot_pg::{Database, Error, Transaction};

use super::Run;
use super::model::Product;
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
                self.run.model.count("writes by hand that failed");
            }
            self.run.pause(Duration::from_millis(20 + random.below(80))).await;
        }
    }

    fn choose(&self, random: &mut Random) -> &Product {
        let products = self.run.model.products();
        &products[random.index(products.len())]
    }

    /// Committed, and nobody is told: as if the writer had been killed right after the commit.
    async fn unannounced(&self, random: &mut Random) -> Result<(), Error> {
        let product = self.choose(random);
        let _writing = product.writing.lock().await;
        let transaction = self.database.begin().await?;
        let value = product.next_value();
        set(&transaction, product, value).await?;
        let position = self.tell(&transaction, product).await?;
        transaction.commit().await?;
        product.acknowledge(value, position, None);
        self.run.model.count("commits by hand, unannounced");
        Ok(())
    }

    async fn rolled_back(&self, random: &mut Random) -> Result<(), Error> {
        let product = self.choose(random);
        let _writing = product.writing.lock().await;
        let transaction = self.database.begin().await?;
        let value = product.next_value();
        set(&transaction, product, value).await?;
        self.tell(&transaction, product).await?;
        self.run.pause(Duration::from_millis(random.below(300))).await;
        transaction.roll_back().await;
        product.rolled_back(value);
        self.run.model.count("rollbacks by hand");
        Ok(())
    }

    /// Takes its id long before its first visible row; others commit higher ids meanwhile.
    async fn early_id(&self, random: &mut Random) -> Result<(), Error> {
        let product = self.choose(random);
        let transaction = self.database.begin().await?;
        transaction.query_one("SELECT pg_current_xact_id()::text", &[]).await?;
        let id: i64 = transaction.query_one("SELECT nextval('feed.event_id')", &[]).await?.get(0);
        self.run.pause(Duration::from_millis(200 + random.below(2_500))).await;
        let _writing = product.writing.lock().await;
        let value = product.next_value();
        set(&transaction, product, value).await?;
        transaction
            .execute(
                "INSERT INTO feed.event (id, xid, topic, name, tags, data, at)
                 VALUES ($1, pg_current_xact_id(), 'verify', 'verify.early-id', $2, '{}', clock_timestamp())",
                &[&id, &tags(&transaction, product).await?],
            )
            .await?;
        transaction.commit().await?;
        product.acknowledge(value, u64::try_from(id).unwrap_or(0), None);
        self.run.model.count("commits by hand of an id that was taken long before");
        Ok(())
    }

    /// One transaction holds two ids, with another's between them.
    async fn two_with_another_between(&self, random: &mut Random) -> Result<(), Error> {
        let products = self.run.model.products();
        let first = random.index(products.len());
        let second = (first + 1 + random.index(products.len() - 1)) % products.len();
        let (outer, inner) = (&products[first.min(second)], &products[first.max(second)]);
        let _outer_writing = outer.writing.lock().await;
        let _inner_writing = inner.writing.lock().await;
        let transaction = self.database.begin().await?;
        let (lower, value) = (outer.next_value(), outer.next_value());
        set(&transaction, outer, lower).await?;
        self.tell(&transaction, outer).await?;

        let between = self.database.begin().await?;
        let inner_value = inner.next_value();
        set(&between, inner, inner_value).await?;
        let inner_position = self.tell(&between, inner).await?;
        between.commit().await?;
        inner.acknowledge(inner_value, inner_position, None);

        self.run.pause(Duration::from_millis(random.below(200))).await;
        set(&transaction, outer, value).await?;
        let position = self.tell(&transaction, outer).await?;
        transaction.commit().await?;
        outer.acknowledge(value, position, None);
        outer.rolled_back(lower);
        self.run.model.count("commits by hand of two ids with another's between");
        Ok(())
    }

    async fn tell(&self, transaction: &Transaction, product: &Product) -> Result<u64, Error> {
        let event = NewEvent::new("verify.written", "verify").tags(tags(transaction, product).await?);
        self.feed.append(transaction, event).await
    }
}

async fn set(transaction: &Transaction, product: &Product, value: i64) -> Result<(), Error> {
    let stock = i32::try_from(value).unwrap_or(i32::MAX);
    transaction
        .execute(
            "UPDATE catalog.product SET stock = $1, version = version + 1, updated_at = clock_timestamp() WHERE sku = $2",
            &[&stock, &product.sku],
        )
        .await?;
    Ok(())
}

/// The tags that a change of the product touches, as the catalog has them.
async fn tags(transaction: &Transaction, product: &Product) -> Result<Vec<String>, Error> {
    let row = transaction
        .query_one("SELECT id::text, category_path::text[] FROM catalog.product WHERE sku = $1", &[&product.sku])
        .await?;
    let (id, shelves): (String, Vec<String>) = (row.get(0), row.get(1));
    let mut tags = vec![
        format!("product:{id}"),
        "products".to_owned(),
        format!("product-name:{}", product.sku),
        format!("product-name:{}", product.slug),
    ];
    tags.extend(shelves.into_iter().map(|shelf| format!("shelf:{shelf}")));
    Ok(tags)
}
