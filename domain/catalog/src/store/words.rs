//! The words of products: what search finds them by, and what typing mistakes are compared with.
//!
//! **Invariants:**
//! - A product's words are written in the transaction that writes the product, by the rules of [`RULES`].
//! - Whatever word a product or a category has is in the list of words; one that it has no more may stay there. So what
//!   a search does depends on that list only in what it may offer, and what it offers some product has that the caller
//!   may see.

use std::collections::BTreeSet;

use entrepot_pg::{Database, Error, ScopedFutureExt as _, Transaction};
use entrepot_queries::queries::catalog::{categories, products};
use entrepot_runtime::ShutdownSignal;
use entrepot_text::{Alike, Lexemes, Query, Weight, forms, is_corrigible, is_small, singular, word_query, words};
use uuid::Uuid;

use super::list::list_matches;
use super::{Filters, ListConnection};

/// By which rules words are found. With others all products are looked through again.
const RULES: i32 = 3;
/// Words of one text that are corrected.
const MOST_CORRECTED: usize = 4;
/// Words that may have been meant by one.
const MOST_ALIKE: usize = 12;
/// Texts that are tried in place of one that nothing matches.
const MOST_TRIED: usize = 10;
/// Products that are looked through at once.
const AT_ONCE: i64 = 1_000;
/// New words whose forms are written by one statement.
const LEARNT_AT_ONCE: usize = 2_000;
/// One process at a time looks through all products.
const LOCK: i64 = 0x0077_6f72_6473;

/// What a product is found by, as PostgreSQL keeps it.
pub(crate) fn of_product(sku: &str, title: &str, brand: Option<&str>, description: &str) -> String {
    let found = Lexemes::default().with(title, Weight::A).with(sku, Weight::A);
    found.with(brand.unwrap_or_default(), Weight::B).with(description, Weight::D).to_string()
}

/// What products are found by because they lie in a category of this name.
pub(crate) fn of_category(name: &str) -> String {
    Lexemes::default().with(name, Weight::C).to_string()
}

/// The words of these texts that somebody may mistype.
pub(crate) fn vocabulary<'t>(texts: impl IntoIterator<Item = &'t str>) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for word in texts.into_iter().flat_map(words).map(|word| word.text).filter(|word| is_corrigible(word)) {
        // Who means one apple types that, also where only apples are sold.
        all.extend(singular(&word).filter(|word| is_corrigible(word)));
        all.insert(word);
    }
    all
}

/// Adds words to those that typing mistakes are compared with.
pub(crate) async fn learn(transaction: &Transaction, words: BTreeSet<String>) -> Result<(), Error> {
    let words: Vec<String> = words.into_iter().collect();
    let client = transaction.client();
    let unknown = products::product_unknown_words().bind(client, &words).all().await?;
    for new in unknown.chunks(LEARNT_AT_ONCE) {
        products::product_learn_words().bind(client, &new).await?;
        let (all, of) = forms_of(new);
        products::product_learn_forms().bind(client, &all, &of).await?;
    }
    Ok(())
}

/// The forms of words, and of which word each is.
fn forms_of(words: &[String]) -> (Vec<String>, Vec<String>) {
    words.iter().flat_map(|word| forms(word).into_iter().map(|form| (form, word.clone()))).unzip()
}

/// The texts that may have been meant by one that nothing matches, the likeliest first. A word that no product has is
/// replaced by those like it that some have. One that is only the beginning of some, or another form, or stands in
/// descriptions alone, where there are slips too, may be; one that some are called by as it is was meant.
pub(crate) async fn meant(connection: &ListConnection, filters: &Filters) -> Result<Vec<Query>, Error> {
    let Some(text) = &filters.text else { return Ok(Vec::new()) };
    let typed = text.corrigible();
    let words =
        typed.iter().flat_map(|(word, is_open)| [(word_query(word, *is_open), false), (format!("'{word}'"), true)]);
    let asked = [(text.tsquery(), false)].into_iter().chain(words).collect();
    let counts = list_matches(connection, filters, asked).await?;
    let Some((0, counts)) = counts.split_first() else {
        // It is well typed: what leaves nothing of it are the other filters.
        return Ok(Vec::new());
    };
    let known = counts.chunks(2).map(|counts| counts.iter().filter(|count| **count > 0).count());
    let mut typed: Vec<(usize, String)> = known.zip(typed).map(|(known, (word, _))| (known, word)).collect();
    // Those that nothing has first.
    typed.sort_by_key(|(known, _)| *known);
    let mut slips = Vec::new();
    for (known, word) in typed.into_iter().filter(|(known, _)| *known < 2).take(MOST_CORRECTED) {
        let alike = alike(connection, filters, &word).await?;
        // As it was typed, where it may stay so.
        let stays = (known > 0).then_some(None).into_iter();
        let ways: Vec<Option<String>> = stays.chain(alike.into_iter().map(Some)).collect();
        slips.extend((!ways.is_empty()).then_some((word, ways)));
    }
    let corrected: Vec<Query> = ways_through(&slips).iter().map(|way| text.corrected(way)).collect();
    let shorter = corrected.iter().filter_map(Query::without_last_letter).collect::<Vec<_>>();
    Ok(text.without_last_letter().into_iter().chain(corrected).chain(shorter).take(MOST_TRIED).collect())
}

/// Each way to replace the words, those that are the likeliest together first.
fn ways_through(slips: &[(String, Vec<Option<String>>)]) -> Vec<Vec<(String, String)>> {
    let mut ways: Vec<(usize, Vec<(String, String)>)> = vec![(0, Vec::new())];
    for (word, others) in slips {
        let longer = |(cost, way): (usize, Vec<(String, String)>)| {
            others.iter().enumerate().map(move |(more, other)| {
                let mut way = way.clone();
                way.extend(other.clone().map(|other| (word.clone(), other)));
                (cost + more, way)
            })
        };
        ways = ways.into_iter().flat_map(longer).collect();
        ways.sort_by_key(|(cost, _)| *cost);
        ways.truncate(MOST_TRIED + 1);
    }
    ways.into_iter().map(|(_, way)| way).filter(|way| !way.is_empty()).collect()
}

/// The words that may have been meant by one and that products have, the likeliest first: those that are one slip away,
/// and where there are none and two are allowed, those that are about as long.
async fn alike(connection: &ListConnection, filters: &Filters, word: &str) -> Result<Vec<String>, Error> {
    let Some(client) = connection.search() else { return Ok(Vec::new()) };
    let forms: Vec<String> = forms(word).into_iter().collect();
    let near = products::product_words_alike().bind(client, &forms).all().await?;
    let best = sold(connection, filters, word, near).await?;
    let most = i32::try_from(entrepot_text::most_slips(word)).unwrap_or_default();
    if !best.is_empty() || most < 2 {
        return Ok(best);
    }
    let length = i32::try_from(word.chars().count()).unwrap_or(i32::MAX);
    let as_long = products::product_words_as_long().bind(client, &(length - most), &(length + most)).all().await?;
    sold(connection, filters, word, as_long).await
}

/// Of these words those that are like one and that products have; among equals what most of them have.
async fn sold(
    connection: &ListConnection,
    filters: &Filters,
    typed: &str,
    words: Vec<String>,
) -> Result<Vec<String>, Error> {
    let words = words.into_iter().filter(|word| !is_small(word));
    let alike = words.filter_map(|word| Some((entrepot_text::alike(typed, &word)?, word)));
    let mut alike: Vec<_> = alike.collect();
    alike.sort();
    alike.truncate(MOST_ALIKE);
    let asked = alike.iter().map(|(_, word)| (word_query(word, false), false)).collect();
    let counts = list_matches(connection, filters, asked).await?;
    let mut sold: Vec<_> = alike.into_iter().zip(counts).filter(|(_, count)| *count > 0).collect();
    sold.sort_by(|((one, _), one_count), ((other, _), other_count)| {
        let by = |like: &Alike| (like.slips, like.begins_otherwise);
        by(one).cmp(&by(other)).then(other_count.cmp(one_count)).then(one.longer.cmp(&other.longer))
    });
    Ok(sold.into_iter().map(|((_, word), _)| word).collect())
}

/// Finds the words of all categories and products anew where they were found by other rules; tells of how many products.
pub(crate) async fn bring_up_to_date(database: &Database, shutdown: &ShutdownSignal) -> Result<u64, Error> {
    let client = database.client().await?;
    let is_done = products::analysis_rules().bind(&client).one().await? == RULES;
    drop(client);
    if is_done {
        return Ok(0);
    }
    let mut behind = Some(Uuid::nil());
    let mut looked = 0;
    // What was not looked through before a stop is, with all others, at the next start.
    while let Some(last) = behind.filter(|_| !shutdown.has_begun()) {
        let (count, next) =
            database.transaction(|transaction| async move { some(transaction, last).await }.scope_boxed()).await?;
        (looked, behind) = (looked + count, next);
    }
    Ok(looked)
}

/// Where there is nothing yet, what is put in is found by the rules of today: nothing will have to be found anew.
pub(crate) async fn begin(transaction: &Transaction) -> Result<(), Error> {
    let is_empty = "NOT EXISTS (SELECT FROM catalog.product) AND NOT EXISTS (SELECT FROM catalog.category)";
    let sql = format!("UPDATE catalog.analysis SET rules = $1 WHERE rules <> $1 AND {is_empty}");
    transaction.client().execute(&sql, &[&RULES]).await?;
    Ok(())
}

/// Finds the words of these products anew.
pub(super) async fn find_again(transaction: &Transaction, ids: &[Uuid]) -> Result<(), Error> {
    for ids in ids.chunks(LEARNT_AT_ONCE) {
        let client = transaction.client();
        let found = products::products_described().bind(client, &ids).all().await?;
        let ids: Vec<Uuid> = found.iter().map(|row| row.id).collect();
        let words: Vec<String> =
            found.iter().map(|row| of_product(&row.sku, &row.title, row.brand.as_deref(), &row.description)).collect();
        products::product_set_words().bind(client, &ids, &words).await?;
    }
    Ok(())
}

/// Some products behind one; tells how many, and the last of them, unless there are no more.
async fn some(transaction: &Transaction, behind: Uuid) -> Result<(u64, Option<Uuid>), Error> {
    let client = transaction.client();
    // Others wait, and find that it is done.
    client.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK]).await?;
    if products::analysis_rules().bind(client).one().await? == RULES {
        return Ok((0, None));
    }
    if behind.is_nil() {
        let shelves = categories::categories_to_analyse().bind(client).all().await?;
        let ids: Vec<Uuid> = shelves.iter().map(|shelf| shelf.id).collect();
        let words: Vec<String> = shelves.iter().map(|shelf| of_category(&shelf.name)).collect();
        categories::category_set_words().bind(client, &ids, &words).await?;
        learn(transaction, vocabulary(shelves.iter().map(|shelf| shelf.name.as_str()))).await?;
    }
    let found = products::products_to_analyse().bind(client, &behind, &AT_ONCE).all().await?;
    let ids: Vec<Uuid> = found.iter().map(|row| row.id).collect();
    let words: Vec<String> =
        found.iter().map(|row| of_product(&row.sku, &row.title, row.brand.as_deref(), &row.description)).collect();
    products::product_set_words().bind(client, &ids, &words).await?;
    let texts = found
        .iter()
        .flat_map(|row| [Some(row.title.as_str()), row.brand.as_deref(), Some(row.description.as_str())])
        .flatten();
    let vocabulary = vocabulary(texts);
    learn(transaction, vocabulary).await?;
    let last = ids.last().copied();
    if last.is_none() {
        products::analysis_done().bind(client, &RULES).await?;
    }
    Ok((found.len() as u64, last))
}

#[cfg(test)]
mod tests {
    use entrepot_migrations::MIGRATIONS;
    use entrepot_testkit::test_database;

    use super::*;

    #[tokio::test]
    async fn products_of_before_are_found_by_the_rules_of_today() {
        let test = test_database(MIGRATIONS).await;
        let client = test.client().await;
        client
            .batch_execute(
                "INSERT INTO catalog.category (id, name, slug, path, created_at, updated_at)
                 VALUES ('00000000-0000-7000-8000-000000000001', 'Hot Drinks', 'hot', ARRAY['00000000-0000-7000-8000-000000000001'::uuid], now(), now());
                 INSERT INTO catalog.product (id, sku, slug, title, brand, description, category_id, category_path, created_at, updated_at, document)
                 SELECT gen_random_uuid(), 'T-' || n, 't-' || n, 'Salt/Pepper ' || n, 'Caf\u{e9} Noir', 'Ground finely',
                     '00000000-0000-7000-8000-000000000001', ARRAY['00000000-0000-7000-8000-000000000001'::uuid], now(), now(), ''
                 FROM generate_series(1, 2500) AS n;",
            )
            .await
            .expect("as versions of before wrote them");
        let shutdown = entrepot_runtime::Shutdown::new();
        let look = async || bring_up_to_date(&test.database, &shutdown.signal()).await.expect("done");
        assert_eq!(look().await, 2_500);
        assert_eq!(look().await, 0, "once");
        for query in ["pepper & 7", "cafe", "drinks", "'t7'", "=ground | ground"] {
            let sql = format!(
                "SELECT count(*) > 0 FROM catalog.product WHERE document @@ '{}'::tsquery",
                query.replace('\'', "''")
            );
            assert!(client.query_one(&sql, &[]).await.expect("asked").get::<_, bool>(0), "{query}");
        }
        let sql = "SELECT count(*) FROM catalog.search_form WHERE form = 'peper' AND word = 'pepper'";
        assert_eq!(client.query_one(sql, &[]).await.expect("asked").get::<_, i64>(0), 1);
        let sql = "SELECT count(*) FROM catalog.search_word WHERE word IN ('drinks', 'drink', 'noir')";
        assert_eq!(client.query_one(sql, &[]).await.expect("asked").get::<_, i64>(0), 3);
    }

    #[tokio::test]
    async fn a_product_that_is_changed_meanwhile_is_found_by_what_it_is_then() {
        let test = test_database(MIGRATIONS).await;
        let client = test.client().await;
        let put = "INSERT INTO catalog.product (id, sku, slug, title, description, category_path, created_at, updated_at, document)
                   VALUES (gen_random_uuid(), 'T-1', 't-1', 'Choclate Bar', '', '{}', now(), now(), '')";
        client.batch_execute(put).await.expect("put in");
        let change =
            "BEGIN; UPDATE catalog.product SET title = 'Chocolate Bar', words = 'chocolate', document = 'chocolate'";
        client.batch_execute(change).await.expect("changed, and not yet committed");
        let shutdown = entrepot_runtime::Shutdown::new();
        let signal = shutdown.signal();
        let looking = async { bring_up_to_date(&test.database, &signal).await.expect("done") };
        let committing = async {
            let other = test.client().await;
            let waiting =
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
            while other.query_one(waiting, &[]).await.expect("asked").get::<_, i64>(0) == 0 {
                tokio::task::yield_now().await;
            }
            client.batch_execute("COMMIT").await.expect("committed");
        };
        assert_eq!(tokio::join!(looking, committing).0, 1);
        let sql =
            "SELECT document @@ 'chocolate'::tsquery AND NOT document @@ 'choclate'::tsquery FROM catalog.product";
        assert!(client.query_one(sql, &[]).await.expect("asked").get::<_, bool>(0));
    }

    #[tokio::test]
    async fn what_is_put_into_an_empty_catalog_is_not_looked_through_again() {
        let test = test_database(MIGRATIONS).await;
        let begin = || test.database.transaction(|transaction| async move { begin(transaction).await }.scope_boxed());
        begin().await.expect("begun");
        let client = test.client().await;
        let put = "INSERT INTO catalog.category (id, name, slug, path, created_at, updated_at)
                   VALUES ('00000000-0000-7000-8000-000000000001', 'Tea', 'tea', ARRAY['00000000-0000-7000-8000-000000000001'::uuid], now(), now())";
        client.batch_execute(put).await.expect("put in");
        let rules = async || {
            let row = client.query_one("SELECT rules FROM catalog.analysis", &[]).await.expect("asked");
            row.get::<_, i32>(0)
        };
        assert_eq!(rules().await, RULES);
        // What was there before is looked through, however much is put in beside it.
        client.batch_execute("UPDATE catalog.analysis SET rules = 0").await.expect("as before");
        begin().await.expect("begun");
        assert_eq!(rules().await, 0);
    }
}
