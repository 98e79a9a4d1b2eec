//! The set-based load of many products: COPY into a temporary table, then one statement.
//!
//! **Invariant:** it happens in the caller's transaction; the temporary table ends with it.

use std::pin::Pin;

use bytes::BytesMut;
use entrepot_pg::{Database, Error, Transaction};
use futures_util::SinkExt as _;
use jiff::Timestamp;
use rust_decimal::Decimal;
use tokio_postgres::CopyInSink;
use uuid::Uuid;

use super::words;

/// A product as a file has it: only the columns that a file owns.
#[derive(Clone, Debug)]
pub(crate) struct StagedProduct {
    pub(crate) id: Uuid,
    pub(crate) sku: String,
    pub(crate) slug: String,
    pub(crate) title: String,
    pub(crate) brand: Option<String>,
    pub(crate) category_id: Uuid,
    pub(crate) manufacturer: Option<String>,
    pub(crate) package_size: Option<String>,
    pub(crate) price: Option<Decimal>,
    pub(crate) currency: Option<&'static str>,
}

/// What became of the staged products.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Upserted {
    pub(crate) created: u64,
    pub(crate) updated: u64,
}

/// Makes the temporary table and opens the stream into it.
pub(crate) async fn staging_open(transaction: &Transaction) -> Result<CopyInSink<bytes::Bytes>, Error> {
    transaction
        .batch_execute(
            "CREATE TEMPORARY TABLE staged_product (
                 id uuid, sku text, slug text, title text, brand text, category_id uuid, manufacturer text,
                 package_size text, price numeric, currency text, words text
             ) ON COMMIT DROP",
        )
        .await?;
    Ok(transaction.copy_in("COPY pg_temp.staged_product FROM STDIN").await?)
}

/// Sends rows into the stream.
pub(crate) async fn staging_load(
    sink: &mut Pin<&mut CopyInSink<bytes::Bytes>>,
    rows: &[StagedProduct],
) -> Result<(), Error> {
    let mut text = BytesMut::with_capacity(rows.len() * 160);
    for row in rows {
        let price = row.price.map(|price| price.to_string());
        let words = words::of_product(&row.sku, &row.title, row.brand.as_deref(), "");
        let ids = (row.id.to_string(), row.category_id.to_string());
        let fields = [
            Some(ids.0.as_str()),
            Some(&row.sku),
            Some(&row.slug),
            Some(&row.title),
            row.brand.as_deref(),
            Some(&ids.1),
            row.manufacturer.as_deref(),
            row.package_size.as_deref(),
            price.as_deref(),
            row.currency,
            Some(&words),
        ];
        for (index, field) in fields.into_iter().enumerate() {
            if index > 0 {
                text.extend_from_slice(b"\t");
            }
            write_copy_field(&mut text, field);
        }
        text.extend_from_slice(b"\n");
    }
    sink.send(text.freeze()).await?;
    Ok(())
}

/// One field in COPY's text format: `\N` is null; backslash, tab and line ends are escaped.
fn write_copy_field(out: &mut BytesMut, field: Option<&str>) {
    let Some(field) = field else {
        out.extend_from_slice(b"\\N");
        return;
    };
    for byte in field.bytes() {
        match byte {
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\t' => out.extend_from_slice(b"\\t"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            other => out.extend_from_slice(&[other]),
        }
    }
}

/// Ends the stream.
pub(crate) async fn staging_end(
    transaction: &Transaction,
    mut sink: Pin<&mut CopyInSink<bytes::Bytes>>,
) -> Result<(), Error> {
    sink.as_mut().finish().await?;
    Ok(transaction.batch_execute("ANALYZE pg_temp.staged_product").await?)
}

/// Takes the products out of those that are staged whose SKUs are other products' slugs, and tells which those were;
/// one whose slug would be another product's name gets a longer one.
pub(crate) async fn staging_refuse_taken(transaction: &Transaction) -> Result<Vec<String>, Error> {
    let refused = transaction
        .query(
            "DELETE FROM pg_temp.staged_product s
             USING catalog.product_name n JOIN catalog.product p ON p.id = n.product_id
             WHERE n.name = s.sku AND p.sku <> s.sku
             RETURNING s.sku",
            &[],
        )
        .await?;
    transaction
        .execute(
            "UPDATE pg_temp.staged_product s SET slug = rtrim(left(s.slug, 190), '-') || '-' || right(s.id::text, 8)
             FROM (SELECT n.name, p.sku FROM catalog.product_name n JOIN catalog.product p ON p.id = n.product_id
                   UNION ALL SELECT sku, sku FROM pg_temp.staged_product) AS taken
             WHERE taken.name = s.slug AND taken.sku <> s.sku",
            &[],
        )
        .await?;
    Ok(refused.iter().map(|row| row.get(0)).collect())
}

/// Puts the staged products in: new ones are inserted, those that differ in a column that the file owns are updated,
/// the rest is left alone, version and all.
pub(crate) async fn staging_apply(transaction: &Transaction, now: Timestamp) -> Result<Upserted, Error> {
    let updated = transaction
        .query(
            "UPDATE catalog.product p
             SET title = s.title, brand = s.brand, category_id = s.category_id, category_path = c.path,
                 manufacturer = s.manufacturer, package_size = s.package_size, price = s.price, currency = s.currency,
                 words = s.words::tsvector, document = s.words::tsvector || c.words,
                 version = p.version + 1, updated_at = $1
             FROM pg_temp.staged_product s
             JOIN (SELECT c.id, c.path, catalog.joined(above.words) AS words FROM catalog.category c
                   JOIN catalog.category above ON above.id = ANY (c.path) GROUP BY c.id) c ON c.id = s.category_id
             WHERE p.sku = s.sku AND p.deleted_at IS NULL
               AND (p.title, p.brand, p.category_id, p.manufacturer, p.package_size, p.price, p.currency::text)
                   IS DISTINCT FROM
                   (s.title, s.brand, s.category_id, s.manufacturer, s.package_size, s.price, s.currency)
             RETURNING p.id, p.description <> ''",
            &[&now],
        )
        .await?;
    // A description is not in the file, and its words are the product's all the same.
    let described: Vec<Uuid> = updated.iter().filter(|row| row.get(1)).map(|row| row.get(0)).collect();
    words::find_again(transaction, &described).await?;
    let updated = updated.len() as u64;
    let created = transaction
        .execute(
            "INSERT INTO catalog.product (id, sku, slug, title, brand, category_id, category_path, manufacturer,
                 package_size, price, currency, created_at, updated_at, words, document)
             SELECT s.id, s.sku, s.slug, s.title, s.brand, s.category_id, c.path, s.manufacturer, s.package_size,
                 s.price, s.currency, $1, $1, s.words::tsvector, s.words::tsvector || c.words
             FROM pg_temp.staged_product s
             JOIN (SELECT c.id, c.path, catalog.joined(above.words) AS words FROM catalog.category c
                   JOIN catalog.category above ON above.id = ANY (c.path) GROUP BY c.id) c ON c.id = s.category_id
             WHERE NOT EXISTS (SELECT FROM catalog.product p WHERE p.sku = s.sku AND p.deleted_at IS NULL)",
            &[&now],
        )
        .await?;
    Ok(Upserted { created, updated })
}

/// After a large load: fresh statistics for the planner, and pages marked as visible to all, which
/// index-only scans need. A failure is logged and no more: autovacuum does the same a little later.
pub(crate) async fn refresh_statistics(database: &Database) {
    let tidy = async {
        let client = database.client().await?;
        // VACUUM takes no part in a transaction, so each statement goes by itself.
        for statement in [
            "SET statement_timeout = '30min'",
            "VACUUM (ANALYZE) catalog.product",
            "VACUUM (ANALYZE) catalog.category",
            "VACUUM (ANALYZE) catalog.search_word",
            "VACUUM (ANALYZE) catalog.review",
            "RESET statement_timeout",
        ] {
            client.batch_execute(statement).await?;
        }
        Ok::<_, Error>(())
    };
    if let Err(error) = tidy.await {
        tracing::warn!(%error, "statistics could not be refreshed; autovacuum will");
    }
}
